"""Whether words were really said or shown, letter for letter but for case, marks and spaces."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Final

from vidsum.data import TimelineEntry

_MARK: Final = re.compile('(?!(?<=[א-ת])"[א-ת](?![א-ת]))["“”„‟«»‹›＂「」『』〝〞〟❝❞]')
"""Before the last letter of a Hebrew word the mark is part of it: צה"ל."""
_SINGLE: Final = re.compile(
    r"(?<!\w)['‘‚](?=\S)((?:[^'‘’‚]|(?<=\w)['’](?=\w))+?)(?<=\S)['’‘](?!\w)"
)
"""Words between single quotation marks, which are not told from apostrophes otherwise."""
_WIDE: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_MOST_PLACES: Final = 50


class _Letters(dict[int, str]):
    """What each character is compared as: letters, marks on them and digits as they are.

    A character of a script without spaces is a word of its own; what has no width is nothing.
    """

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kind = unicodedata.category(char)
        if kind[0] in "LMN":
            kept = f" {char} " if _WIDE.match(char) else char
        else:
            kept = "" if kind == "Cf" else " "
        self[code] = kept
        return kept


_LETTERS: Final = _Letters()


def words(text: str) -> str:
    """Return the words of a text in small letters, one space between two of them."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.translate(_LETTERS).split())


class Wording:
    """The words of some timeline entries, in their order, to find others in."""

    def __init__(self, entries: Iterable[TimelineEntry]) -> None:
        self._entries = list(entries)
        self._starts: list[int] = []
        pieces, at = [], 1
        for entry in self._entries:
            piece = words(entry.text)
            self._starts.append(at)
            pieces.append(piece)
            at += len(piece) + bool(piece)
        self._text = f" {' '.join(filter(None, pieces))} "

    def __contains__(self, text: str) -> bool:
        key = words(text)
        return bool(key) and f" {key} " in self._text

    def holding(self, text: str, among: Iterable[str] = ()) -> tuple[TimelineEntry, ...]:
        """Return the entries that a text stands in, () if it does not stand here word for word.

        Of several places the first one counts that has an entry of the ids in `among`.
        """
        key, named = f" {words(text)} ", set(among)
        found: tuple[TimelineEntry, ...] = ()
        at = self._text.find(key) if key.strip() else -1
        for _ in range(_MOST_PLACES):
            if at < 0:
                break
            here = self._between(at + 1, at + len(key) - 1)
            if not named.isdisjoint(entry.id for entry in here):
                return here
            found = found or here
            at = self._text.find(key, at + 1)
        return found

    def _between(self, start: int, end: int) -> tuple[TimelineEntry, ...]:
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, end - 1)
        return tuple(entry for entry in self._entries[first:last] if words(entry.text))


def only_true_quotes(text: str, said: Callable[[str], bool]) -> tuple[str, int]:
    """Return text in which only what was really said stands in quotation marks, as “this”.

    said: whether words are in the video. Marks round others go, and their number comes second.
    """
    parts = _MARK.split(text)
    kept, removed = [parts[0]], 0
    for inner, after in zip(parts[1::2], [*parts[2::2], None], strict=False):
        if after is not None and said(inner):
            kept += ["“", inner, "”", after]
        else:
            kept += [inner, after or ""]
            removed += 1
    return _only_true_singles("".join(kept), said, removed)


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
