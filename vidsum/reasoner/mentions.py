"""Who and what is named in a video: words that have a capital where their place gives them none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vidsum.data import Name, TimelineEntry
from vidsum.reasoner.sentences import Sentence
from vidsum.reasoner.stopwords import STOP_WORDS
from vidsum.reasoner.verbatim import Wording, words
from vidsum.wording import safe

_LETTER: Final = r"[^\W\d_]"
_TOKEN: Final = re.compile(rf"{_LETTER}(?:['’.&-]?\w)*")
_SMALL: Final = "of de la le du des del della di da do dos das van von der den zu bin ibn al"
_JOINING: Final = frozenset(_SMALL.split())
"""Small words inside names: Bay of Fundy, Ludwig van Beethoven."""
_MOST_JOINING: Final = 2
_POSSESSIVE: Final = re.compile(r"['’]s?$")
_TITLES: Final = frozenset({"mr", "mrs", "ms", "dr", "prof", "st"})
_CAPITAL_WORDS: Final = """
monday tuesday wednesday thursday friday saturday sunday january february march april may june july
august september october november december sir madam god yesterday tomorrow tonight
"""
_NO_NAMES: Final = _TITLES.union(_CAPITAL_WORDS.split())
"""What English may write with a capital and is no name of somebody or something by itself."""
_ALL_NOUNS: Final = frozenset({"de", "lb"})
"""Languages that write every noun with a capital."""
_MOST_CAPITALS: Final = {True: 0.5, False: 0.25}
_FEW_CAPITALS: Final = 2
"""A text in which more words than these have a capital in the middle of a sentence gives capitals
to more than names: titles, shouting, and, where the language is not known, German."""
_FEWEST_SMALL: Final = 3
"""A line on screen with fewer words in small letters may be a title, with a capital a word."""
_LONGEST, _SHORTEST = 60, 2
_MOST_IDS: Final = 8
_CANDIDATES: Final = 4
"""So many names for each one wanted are looked for in the whole timeline."""


@dataclass(frozen=True, slots=True)
class _Token:
    """A word of a text. free: a small word stands right before it, so its capital is its own."""

    text: str
    start: int
    end: int
    free: bool

    @property
    def capital(self) -> bool:
        """Whether it begins with a capital; English "I" always does."""
        return self.text[0].isupper() and self.text != "I" and self.text[:2] not in ("I'", "I’")


def names(
    said: Sequence[Sentence], timeline: Sequence[TimelineEntry], language: str | None, most: int
) -> tuple[Name, ...]:
    """Return at most ``most`` names, those in most timeline entries first.

    A name is written with a capital in the middle of a sentence, spoken or on screen, and not as
    often without one. Of which kind it is, nothing here tells. Scripts without capitals have none.
    language: two-letter code of the transcript.
    """
    spoken = [one.text for one in said]
    screen = [safe(line) for one in timeline if one.kind == "text" for line in one.text.split("\n")]
    stops = STOP_WORDS.get(language or "", frozenset())
    found: dict[str, Counter[str]] = {}
    small: Counter[str] = Counter()
    for texts in (spoken, [line for line in dict.fromkeys(screen) if _is_prose(line)]):
        tokens = [list(_tokens(text)) for text in texts]
        small.update(t.text.casefold() for line in tokens for t in line if not t.capital)
        if language not in _ALL_NOUNS and _capitals_tell(tokens, known=bool(stops)):
            for text, line in zip(texts, tokens, strict=True):
                for phrase in _phrases(text, line, stops):
                    found.setdefault(phrase.casefold(), Counter())[phrase] += 1
    sure = {key: forms for key, forms in found.items() if small[key] < forms.total()}
    return _placed(_without_parts(sure, _CANDIDATES * most), timeline, most)


def _is_prose(line: str) -> bool:
    small = sum(token.text[0].islower() and len(token.text) > 1 for token in _tokens(line))
    return small >= _FEWEST_SMALL


def _tokens(text: str) -> Iterator[_Token]:
    last, before = 0, ""
    for found in _TOKEN.finditer(text):
        between = text[last : found.start()]
        titled = last > 0 and between == ". " and before in _TITLES
        free = titled or (last > 0 and not between.strip(" ,") and " " in between)
        last, before = found.end(), found[0].casefold()
        yield _Token(found[0], found.start(), found.end(), free)


def _capitals_tell(lines: Iterable[Sequence[_Token]], *, known: bool) -> bool:
    """Tell whether so few words have a capital of their own that those can be names.

    known: whether the language is known, and no such as writes all nouns with one.
    """
    free = [token for line in lines for token in line if token.free]
    capitals = sum(token.capital for token in free)
    return capitals <= max(_FEW_CAPITALS, _MOST_CAPITALS[known] * len(free))


def _phrases(text: str, tokens: Sequence[_Token], stops: frozenset[str]) -> Iterator[str]:
    """Yield the names in a text, each as long as it goes on."""
    at = 0
    while at < len(tokens):
        end = _end(text, tokens, at) if tokens[at].capital else at + 1
        run = tokens[at:end]
        # What stands in front may have its capital for another reason, as in "Then Anna".
        while len(run) > 1 and (not run[0].capital or _leads(run[0], stops)):
            run = run[1:]
        if run[0].capital and (run[0].free or len(run) > 1):
            phrase = _POSSESSIVE.sub("", text[run[0].start : run[-1].end])
            telling = [one for one in run if one.capital and not _common(one, stops)]
            if telling and _SHORTEST <= len(phrase) <= _LONGEST:
                yield " ".join(phrase.split())
        at = end


def _leads(token: _Token, stops: frozenset[str]) -> bool:
    return _common(token, stops) and token.text.casefold() not in _TITLES


def _common(token: _Token, stops: frozenset[str]) -> bool:
    low = _POSSESSIVE.sub("", token.text.casefold().replace("’", "'"))
    return token.text.casefold() in stops or low in stops or low in _NO_NAMES


def _end(text: str, tokens: Sequence[_Token], at: int) -> int:
    """Return the place behind the name that begins at a place: capitals, joined by small words."""
    end, ahead = at + 1, at + 1
    while ahead < len(tokens) and tokens[ahead].free:
        if "," in text[tokens[ahead - 1].end : tokens[ahead].start]:
            break
        ended = _POSSESSIVE.search(tokens[ahead - 1].text)
        joins = tokens[ahead].text in _JOINING and ahead - end < _MOST_JOINING
        if ended or not (tokens[ahead].capital or joins):
            break
        ahead += 1
        end = ahead if tokens[ahead - 1].capital else end
    return end


def _without_parts(found: Mapping[str, Counter[str]], most: int) -> dict[str, str]:
    """Return the usual form of the commonest names, by their words as :func:`words` has them.

    One that is part of a longer one that is as common is left out.
    """
    commonest = sorted(found.items(), key=lambda one: (-one[1].total(), one[0]))[:most]
    forms = {words(key): counts.most_common(1)[0][0] for key, counts in commonest}
    totals = {words(key): counts.total() for key, counts in commonest}
    longer = [key for key in forms if " " in key]
    return {
        key: form
        for key, form in forms.items()
        if key and not any(
            key != other and f" {key} " in f" {other} " and totals[other] >= totals[key]
            for other in longer
        )
    }  # fmt: skip


def _placed(
    forms: Mapping[str, str], timeline: Sequence[TimelineEntry], most: int
) -> tuple[Name, ...]:
    """Return the names with the entries that hold them, spoken or on screen."""
    wanted: dict[str, list[TimelineEntry]] = {key: [] for key in forms}
    for entry in timeline:
        if entry.kind in ("speech", "text"):
            text = f" {words(entry.text)} "
            for key, holding in wanted.items():
                if f" {key} " in text:
                    holding.append(entry)
    speech = [entry for entry in timeline if entry.kind == "speech"]
    if not all(wanted.values()):  # one that goes on from cue to cue stands in no single entry
        spoken = Wording(speech)
        wanted = {key: holding or list(spoken.holding(key)) for key, holding in wanted.items()}
    held = [(key, holding) for key, holding in wanted.items() if holding]
    held.sort(key=lambda one: (-len(one[1]), one[1][0].start_s, one[0]))
    return tuple(Name(forms[key], "unknown", _ids(holding)) for key, holding in held[:most])


def _ids(holding: Sequence[TimelineEntry]) -> tuple[str, ...]:
    """Return at most eight ids, evenly from the first to the last."""
    if len(holding) <= _MOST_IDS:
        return tuple(one.id for one in holding)
    last = len(holding) - 1
    return tuple(holding[place * last // (_MOST_IDS - 1)].id for place in range(_MOST_IDS))
