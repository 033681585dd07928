"""How well a sentence stands by itself when it is quoted without its neighbours."""

from __future__ import annotations

import re
from typing import Final

from vidsum.reasoner.sentences import width

_LEANING: Final = """
    it its it's this that that's these those they they're he he's she she's his her their them so
    and or but then also because therefore thus hence however which who such there there's here
    otherwise instead besides yes no well okay ok oh now again both neither either
    es das dies diese dieser dieses er sie ihr und oder aber dann also denn so deshalb daher doch
    hier da dort ja nein nun jetzt
    il elle ils elles c'est ça cela ce cette ces et ou mais puis alors donc ainsi car ici oui non
    y o pero entonces esto eso esta este esa ese estos así él ella ellos ellas aquí sí
    e ma poi allora questo questa quello quindi così lui lei essi qui sì
    mas então isso isto esse essa ele ela eles elas assim aqui sim
    en maar dan dus het dit dat deze die hij zij ze hier daar ja nee
    это этот эта эти он она они и а но так тогда потому вот здесь да нет
"""
_LEANING_WORDS: Final = frozenset(_LEANING.split())
_POINTING: Final = re.compile(
    r"""(?:in|as|with|on)\s(?:this|that|these|those|such)\b
      | (?:now|first|next|finally|after\sthat|before\sthat)[\s,]+(?:we|let|i|you)\b
      | let(?:'s|’s|\sus|\sme)\b | here(?:'s|’s|\sis|\sare)\b | as\s(?:you|we)\s(?:can\s)?see
      | we\s(?:will|are\sgoing|finish|start|begin)\b
      | (?:i|you)(?:'m|’m|'ll|’ll|'re|’re)?\s | (?:by\sthe|at\sthe)\send\sof\sthis""",
    re.IGNORECASE | re.VERBOSE,
)
_COURTESY: Final = re.compile(
    r"""\b(?:welcome\s(?:to|back)|good\s(?:morning|afternoon|evening)|hello|hi\s(?:everyone|all|guys)
      | thank\syou|thanks\s(?:for|to)|thanks[.!]|subscribe|see\syou|goodbye|my\sname\sis
      | guten\s(?:tag|morgen|abend)|willkommen|vielen\sdank|auf\swiedersehen|mein\sname\sist
      | bonjour|bienvenue|merci|au\srevoir|je\sm['’]appelle
      | buenos\sdías|buenas\s(?:tardes|noches)|bienvenidos|gracias|hasta\sluego|me\sllamo
      | buongiorno|buonasera|benvenuti|grazie|arrivederci
      | bom\sdia|boa\s(?:tarde|noite)|bem-vindos|obrigad[oa]
      | goedemorgen|goedemiddag|goedenavond|welkom|bedankt|dank\s(?:je|u)\swel|tot\sziens)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_CLOSED: Final = re.compile(r"[.!…。！؟۔।][\"'”’»)\]』」]*$")
_ASKING: Final = re.compile(r"[?？][\"'”’»)\]』」]*$")
_FIRST_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")

_LETTERS_A_WORD: Final = 5.5
_SHORT_WORDS: Final = 9
_LONG_WORDS: Final = 34
_PIECE_WORDS: Final = 4


def worth(text: str) -> float:
    """Return 0–1: 1 for a whole sentence of good length that leans on nothing before it.

    Less for openings such as "It" or "So", for greetings and thanks, questions, pieces, and for
    what is very short or long; 0 for a few words out of a sentence.
    """
    first = _FIRST_WORD.search(text)
    if first is None:
        return 0.0
    words = width(text) / _LETTERS_A_WORD
    if first[0][0].islower() and words < _PIECE_WORDS and not _CLOSED.search(text):
        return 0.0
    value = min(1.0, max(0.1, words / _SHORT_WORDS))
    if words > _LONG_WORDS:
        value *= 0.7
    if first[0].lower().replace("’", "'") in _LEANING_WORDS:
        value *= 0.55
    elif _POINTING.match(text):
        value *= 0.65
    if first[0][0].islower():
        value *= 0.7
    if _COURTESY.search(text):
        value *= 0.15
    if _ASKING.search(text):
        value *= 0.6
    elif not _CLOSED.search(text):
        value *= 0.85
    return value
