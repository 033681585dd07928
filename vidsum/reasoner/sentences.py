"""Cues, which break anywhere, made into sentences that can be quoted with their times.

A sentence is a stretch of its cues' own text: nothing is added, reordered or left out inside
it. What is not speech ([Music], ♪, speaker names, ">>" and dashes) lies between sentences.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vidsum.data import TimelineEntry
from vidsum.reasoner.sentence_ends import (
    END,
    LOOK_BACK,
    UNBROKEN,
    begins_with_capitals,
    ends_sentence,
)
from vidsum.reasoner.stopwords import STOP_WORDS
from vidsum.wording import safe

_SOUND: Final = r"""
    \[[^\[\]]{0,80}\](?!\() | 【[^【】]{0,80}】
  | ^\s*\([^()\n]{1,80}\)\s*$ | ^\s*\((?=[^()\n]*[^\W\d_])[^()\na-zß-öø-ÿ]{2,40}\)
  | ^\s*（[^（）\n]{1,40}）
"""
_SUNG: Final = r"[♪♫♬🎵][^♪♫♬🎵]*[♪♫♬🎵]?"
_SPEAKER: Final = r"""
    (?:^\s*|(?<=[.!?…])\s+)(?:[-–—]\s*)?[A-ZÀ-Þ][A-ZÀ-Þ'.-]+(?:[ ][A-ZÀ-Þ'.-]+)?:(?=\s)
  | >>+ | ^\s*[-–—](?=\s*[^\s\d-]) | (?<=[.!?…。！？])\s+[-–—]\s+
"""
_FLAGS: Final = re.MULTILINE | re.VERBOSE
_BREAK: Final = re.compile(f"{_SUNG} | {_SOUND} | {_SPEAKER}", _FLAGS)
_BREAK_BUT_SONGS: Final = re.compile(f"[♪♫♬🎵]+ | {_SOUND} | {_SPEAKER}", _FLAGS)
_WIDE_LETTER: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_CLAUSE_MARKS: Final = ",;:、，；"
_CLAUSE_END: Final = re.compile(r"[,;:]\s+|[、，；]\s*|\s+")

_LONGEST_PAUSE_S: Final = {True: 4.0, False: 1.0}
"""Silence that ends a sentence by itself; False: where the text has no punctuation to go by."""
_LONGEST_WIDTH: Final = {True: 280, False: 110}
"""Width (letters; a CJK letter counts as three) at which a sentence is cut at its best pause."""
_SHORTEST_CUT: Final = 0.4
_LIKE_PAUSES_S: Final = 0.25
_LOOK_AHEAD: Final = 40
_LONGEST_CUE: Final = 100_000
"""Characters, two hours of speech; what a cue holds beyond them is not quoted."""
_WIDTH_PER_END: Final = 320
"""Text with fewer sentence ends than one in this width counts as not punctuated."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and the ids of the timeline entries that it is quoted from.

    A sentence that begins or ends inside a cue gets its times from its place in the cue's text.
    """

    text: str
    start_s: float
    end_s: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of one cue. opens, closes: whether a sentence must begin or end with it."""

    text: str
    start_s: float
    end_s: float
    id: str
    opens: bool
    closes: bool = False


@dataclass(frozen=True, slots=True)
class _Habits:
    """How a text is written, which decides how it is split."""

    punctuated: bool
    cased: bool
    cue_is_sentence: bool
    language: str | None


def sentences(cues: Sequence[TimelineEntry], language: str | None = None) -> list[Sentence]:
    """Return the sentences of cues, which are in order of time. language: two-letter code.

    Sung words count only where nothing is spoken.
    """
    for pattern in (_BREAK, _BREAK_BUT_SONGS):
        spoken = list(_spoken(cues, pattern))
        if spoken:
            habits = _habits(spoken, language)
            pieces = [part for piece in spoken for part in _split(piece, habits)]
            return [
                _sentence(part)
                for group in _joined(pieces, habits)
                for part in _bounded(group, habits)
            ]
    return []


def _spoken(cues: Iterable[TimelineEntry], pattern: re.Pattern[str]) -> Iterator[_Piece]:
    """Yield the stretches of cues between sounds and changes of speaker."""
    opens = False
    for cue in cues:
        lines = cue.text[:_LONGEST_CUE].split("\n")
        text = "\n".join(filter(None, map(safe, lines)))
        unread = max(0, len(cue.text) - _LONGEST_CUE)
        per_character_s = (cue.end_s - cue.start_s) / max(1, len(text) + unread)
        position = 0
        for found in [*pattern.finditer(text), None]:
            end = found.start() if found else len(text)
            words = " ".join(text[position:end].split())
            if any(map(str.isalnum, words)):
                start_s = cue.start_s + position * per_character_s
                end_s = min(cue.start_s + end * per_character_s, cue.end_s)
                yield _Piece(words, start_s, end_s, cue.id, opens)
                opens = False
            if found:
                position, opens = found.end(), True


def _habits(pieces: Sequence[_Piece], language: str | None) -> _Habits:
    text = " ".join(piece.text for piece in pieces)
    ends = sum(1 for _ in END.finditer(text))
    punctuated = ends * _WIDTH_PER_END >= width(text)
    capitals = sum(piece.text[0].isupper() for piece in pieces)
    shouted = text.upper() == text
    return _Habits(
        punctuated=punctuated,
        cased=begins_with_capitals(text),
        cue_is_sentence=not punctuated and not shouted and capitals > 0.8 * len(pieces) > 1.6,
        language=language,
    )


def _split(piece: _Piece, habits: _Habits) -> Iterator[_Piece]:
    """Yield the sentences of one piece; the last one may go on in the next piece."""
    limit = _LONGEST_WIDTH[habits.punctuated]
    begin, opens = 0, piece.opens or habits.cue_is_sentence
    for end in [*_ends(piece.text, habits), len(piece.text)]:
        for first, last in _clauses(piece.text, begin, end, limit):
            yield _slice(piece, first, last, opens=opens, closes=last < len(piece.text))
            opens = False
        begin = end


def _ends(text: str, habits: _Habits) -> Iterator[int]:
    begin = 0
    whole = [found.span() for found in UNBROKEN.finditer(text)]
    for mark in END.finditer(text):
        place = bisect_left(whole, mark.span()) - 1
        if place >= 0 and mark.end() < whole[place][1]:
            continue
        before = text[max(begin, mark.end() - LOOK_BACK) : mark.end()]
        after = text[mark.end() : mark.end() + _LOOK_AHEAD]
        if after and ends_sentence(before, after, cased=habits.cased, language=habits.language):
            yield mark.end()
            begin = mark.end()


def _clauses(text: str, begin: int, end: int, limit: int) -> Iterator[tuple[int, int]]:
    """Yield [begin, end) in parts of at most `limit` in width, cut behind commas or words."""
    while width(text[begin : min(end, begin + limit + 1)]) > limit:
        reach = begin + (limit // 3 if _WIDE_LETTER.search(text, begin, begin + limit) else limit)
        places = [found.end() for found in _CLAUSE_END.finditer(text, begin + 1, reach)]
        commas = [place for place in places if text[begin:place].rstrip()[-1] in _CLAUSE_MARKS]
        late = [place for place in commas if place - begin > _SHORTEST_CUT * (reach - begin)]
        cut = (late or places or [reach])[-1]
        yield begin, cut
        begin = cut
    if text[begin:end].strip():
        yield begin, end


def _slice(piece: _Piece, begin: int, end: int, *, opens: bool, closes: bool) -> _Piece:
    per_character_s = (piece.end_s - piece.start_s) / len(piece.text)
    return replace(
        piece,
        text=piece.text[begin:end].strip(),
        start_s=piece.start_s + begin * per_character_s,
        end_s=min(piece.start_s + end * per_character_s, piece.end_s),
        opens=opens,
        closes=closes,
    )


def _joined(pieces: Iterable[_Piece], habits: _Habits) -> Iterator[list[_Piece]]:
    """Yield the pieces of one sentence after the other."""
    group: list[_Piece] = []
    for piece in pieces:
        if group and _parts(group, piece, habits):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _parts(group: Sequence[_Piece], piece: _Piece, habits: _Habits) -> bool:
    """Tell whether a sentence ends between the last piece of group and `piece`."""
    last = group[-1]
    if last.closes or piece.opens:
        return True
    if piece.start_s - last.end_s > _LONGEST_PAUSE_S[habits.punctuated]:
        return True
    before = last.text if len(group) == 1 else f"{group[-2].text} {last.text}"
    return ends_sentence(
        before, piece.text[:_LOOK_AHEAD], cased=habits.cased, language=habits.language
    )


def _bounded(group: list[_Piece], habits: _Habits) -> Iterator[list[_Piece]]:
    """Yield group in parts that are not too wide, cut at the longest pauses."""
    limit = _LONGEST_WIDTH[habits.punctuated]
    begin, used = 0, 0
    for index, piece in enumerate(group):
        used += width(piece.text)
        while used > limit and index > begin:
            cut = _best_cut(group, begin, index, habits)
            yield group[begin:cut]
            used = sum(width(kept.text) for kept in group[cut : index + 1])
            begin = cut
    yield group[begin:]


def _best_cut(group: Sequence[_Piece], begin: int, end: int, habits: _Habits) -> int:
    """Return the index in (begin, end] of the piece to begin a new part with.

    It follows the longest pause; among like pauses, one not behind a word such as "of"; then the
    last one.
    """
    stops = STOP_WORDS.get(habits.language or "", frozenset())
    used, ranks = 0, {}
    for index in range(begin + 1, end + 1):
        before = group[index - 1]
        used += width(before.text)
        if used >= _SHORTEST_CUT * _LONGEST_WIDTH[habits.punctuated]:
            pause = (group[index].start_s - before.end_s) // _LIKE_PAUSES_S
            ranks[index] = (pause, before.text.split()[-1].lower() not in stops, index)
    return max(ranks, key=lambda index: ranks[index], default=end)


def _sentence(group: Sequence[_Piece]) -> Sentence:
    return Sentence(
        text=" ".join(piece.text for piece in group),
        start_s=group[0].start_s,
        end_s=max(piece.end_s for piece in group),
        evidence=tuple(dict.fromkeys(piece.id for piece in group)),
    )


def width(text: str) -> int:
    """Return how much text says: its letters and spaces, a CJK letter counting as three."""
    return len(text) + 2 * len(_WIDE_LETTER.findall(text))
