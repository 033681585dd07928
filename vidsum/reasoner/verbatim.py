"""Whether words were really said or shown, letter for letter but for case, marks and spaces."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from vidsum.data import EntryKind, TimelineEntry
from vidsum.wording import safe

_MARK: Final = re.compile('(?!(?<=[א-ת])"[א-ת](?![א-ת]))["“”„‟«»‹›＂「」『』〝〞〟❝❞]')
"""Before the last letter of a Hebrew word the mark is part of it: צה"ל."""
_PAIR: Final = re.compile("“([^“”]+)”")
_SINGLE: Final = re.compile(
    r"(?<!\w)['‘‚](?=\S)((?:[^'‘’‚]|(?<=\w)['’](?=\w))+?)(?<=\S)['’‘](?!\w)"
)
"""Words between single quotation marks, which are not told from apostrophes otherwise."""
_WIDE: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af"
    "\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese and Khmer, kana, Chinese, Hangul: scripts without spaces, or in which endings
stick to a word."""
_IN_NUMBER: Final = re.compile(r"(?<=\d)[.,:/](?=\d)|(?<!\w)[-−–](?=\d)")
"""What parts a number, or goes before it: 3.5 is not 5, and -5 is not."""
_SIGNS: Final = frozenset("+±×÷=≠<>≤≥≈%‰")
"""Signs that are read as words. Others, such as bullets and arrows, are left out by who quotes."""
_MOST_PLACES: Final = 50
_NAMED_AT: Final = 3
"""So many entries are enough to tell where a name stands."""
_BROKEN_OFF: Final = 20
"""Letters from which on a quotation may break off inside a word, with "…"."""


class _Letters(dict[int, str]):
    """What each character is compared as: letters, marks on them and digits as they are.

    A character of a script without spaces is a word of its own, and so is a sign that is read as
    one, such as $ or %; what has no width is nothing.
    """

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kind = unicodedata.category(char)
        if char in _SIGNS or kind == "Sc" or _WIDE.match(char):
            kept = f" {char} "
        elif kind[0] in "LMN":
            kept = char
        else:
            kept = "" if kind == "Cf" else " "
        self[code] = kept
        return kept


_LETTERS: Final = _Letters()
_KEPT: Final = {mark: chr(0xE000 + place) for place, mark in enumerate(".,:/-")}
"""Marks inside numbers, as characters that stand for nothing else while the others go."""
_LETTERS.update({ord(stand_in): mark for mark, stand_in in _KEPT.items()})


def words(text: str) -> str:
    """Return the words of a text, as it is shown, in small letters, one space between two.

    A number is one word, with its sign and the marks in it.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", safe(text)).casefold())
    numbers = _IN_NUMBER.sub(lambda mark: _KEPT.get(mark[0], _KEPT["-"]), folded)
    return " ".join(numbers.translate(_LETTERS).split())


class Wording:
    """The words of some timeline entries, in their order, to find others in.

    ``running``: what is looked for may go on from one entry to the next, as speech does.
    """

    def __init__(self, entries: Iterable[TimelineEntry], *, running: bool = True) -> None:
        self._entries: list[TimelineEntry] = []
        self._starts: list[int] = []
        apart = " " if running else " \n "
        pieces, at = [], 1
        for entry in entries:
            if piece := words(entry.text):
                self._entries.append(entry)
                self._starts.append(at)
                pieces.append(piece)
                at += len(piece) + len(apart)
        self._text = f" {apart.join(pieces)} "

    def __contains__(self, text: str) -> bool:
        key = words(text)
        end = "" if text.rstrip().endswith("…") and len(key) >= _BROKEN_OFF else " "
        return bool(key) and f" {key}{end}" in self._text

    def holding(self, text: str, among: Collection[str] = ()) -> tuple[TimelineEntry, ...]:
        """Return the entries that a text stands in, () if it does not stand here word for word.

        Of several places the first one counts whose entries are all `among` some ids, else the
        first one of which one is.
        """
        return _best(islice(self.places(text), _MOST_PLACES), among)

    def places(self, text: str) -> Iterator[tuple[TimelineEntry, ...]]:
        """Yield the entries of each place that a text stands in, in their order."""
        key = f" {words(text)} "
        at = self._text.find(key) if key.strip() else -1
        while at >= 0:
            first = bisect_right(self._starts, at + 1) - 1
            yield tuple(self._entries[first : bisect_right(self._starts, at + len(key) - 2)])
            at = self._text.find(key, at + 1)


class Record:
    """All the words of a timeline: what was said and shown, and what was told about it.

    Words that are quoted may run over several entries of speech, not over others.
    """

    def __init__(self, timeline: Sequence[TimelineEntry]) -> None:
        def of(*kinds: EntryKind) -> list[TimelineEntry]:
            return [entry for entry in timeline if entry.kind in kinds]

        self._words = (
            Wording(of("speech")),
            Wording(of("text"), running=False),
            Wording(of("caption", "fact"), running=False),
        )
        self._entries = {entry.id: entry for entry in timeline}

    def said(self, text: str) -> bool:
        """Tell whether words were said or shown, not only told by a caption or a fact."""
        return any(text in wording for wording in self._words[:2])

    def __contains__(self, text: str) -> bool:
        return any(text in wording for wording in self._words)

    def saying(self, text: str, among: Collection[str]) -> tuple[TimelineEntry, ...]:
        """Return the entries in which words were said or shown, see :meth:`Wording.holding`."""
        return _best(self._places(text, self._words[:2], among), among)

    def holding(self, text: str, among: Collection[str]) -> tuple[TimelineEntry, ...]:
        """Return the entries in which words stand, see :meth:`Wording.holding`."""
        return _best(self._places(text, self._words, among), among)

    @staticmethod
    def _places(
        text: str, wordings: Iterable[Wording], among: Collection[str]
    ) -> Iterator[tuple[TimelineEntry, ...]]:
        yield from filter(None, (wording.holding(text, among) for wording in wordings))

    def naming(self, name: str, among: Sequence[str]) -> tuple[str, ...]:
        """Return the ids of entries that a name stands in: those of `among`, else the first few.

        A name that runs over two entries, and stands in no single one, names both.
        """
        key = f" {words(name)} "
        if not key.strip():
            return ()
        true = [one for one in among if one in self._entries and key in self._padded(one)]
        if true:
            return tuple(dict.fromkeys(true))
        spread: tuple[str, ...] = ()
        found: dict[str, None] = {}
        for wording in self._words:
            for here in islice(wording.places(name), _MOST_PLACES):
                if len(here) == 1:
                    found[here[0].id] = None
                spread = spread or tuple(entry.id for entry in here)
        return tuple(found)[:_NAMED_AT] or spread

    def _padded(self, id: str) -> str:
        return f" {words(self._entries[id].text)} "


def _best(
    places: Iterable[tuple[TimelineEntry, ...]], among: Collection[str]
) -> tuple[TimelineEntry, ...]:
    """Return the first place whose entries have most to do with some ids: all, one, or none."""
    best: tuple[TimelineEntry, ...] = ()
    partly = False
    for here in places:
        named = [entry.id in among for entry in here]
        if all(named):
            return here
        if not best or (any(named) and not partly):
            best, partly = here, any(named)
    return best


def only_true_quotes(text: str, said: Callable[[str], bool]) -> tuple[str, int]:
    """Return text in which only what was really said stands in quotation marks, as “this”.

    said: whether words are in the video. Marks round others go, and their number comes second.
    """
    removed = 0
    while True:
        text, fewer = _checked_once(text, said)
        removed += fewer
        if not fewer:  # a mark that goes may make one of the next, in Hebrew
            return text, removed


def _checked_once(text: str, said: Callable[[str], bool]) -> tuple[str, int]:
    kept, removed, at = [], 0, 0
    for pair in _PAIR.finditer(text):
        if said(pair[1]):  # with all that stands in it, as in “The 5" disk”
            before, fewer = _paired(text[at : pair.start()], said)
            kept += [before, pair[0]]
            removed, at = removed + fewer, pair.end()
    rest, fewer = _paired(text[at:], said)
    return _only_true_singles("".join([*kept, rest]), said, removed + fewer)


def _paired(text: str, said: Callable[[str], bool]) -> tuple[str, int]:
    """Return text with “ ” round what stands between every other two marks and was said."""
    parts = _MARK.split(text)
    kept, removed = [parts[0]], 0
    for inner, after in zip(parts[1::2], [*parts[2::2], None], strict=False):
        if after is not None and said(inner):
            kept += ["“", inner, "”", after]
        else:
            kept += [inner, after or ""]
            removed += 1
    return "".join(kept), removed


def _only_true_singles(text: str, said: Callable[[str], bool], removed: int) -> tuple[str, int]:
    def checked(found: re.Match[str]) -> str:
        return found[0] if said(found[1]) else found[1]

    while (fewer := _SINGLE.sub(checked, text)) != text:
        removed += (len(text) - len(fewer)) // 2
        text = fewer
    return text, removed


def without_marks(text: str) -> str:
    """Return text without the quotation marks round the whole of it."""
    inner = text[1:-1]
    whole = len(text) > 2 and _MARK.match(text[0]) and _MARK.match(text[-1])
    return inner.strip() if whole and not _MARK.search(inner) else text
