"""From the pieces of text that a detector finds to rows, and from rows to a title."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from statistics import median

from vidsum.data import TextLine

_ROW_OFFSET = 0.45
_ROW_HEIGHTS = 0.6
_GAP_LEAST, _GAP_MOST = -0.5, 1.0
_BULLET = re.compile(r"(?:[•●·∙▪■□◦○‣⁃►▶»]+\s*|[-–—*>+]\s+(?=\D))+")

_TITLE_BELOW = 1 / 3
_TITLE_WORDS = 14
_LETTERS = re.compile(r"[^\W\d_]{3}|[぀-ヿ㐀-鿿가-힯]{2}")
_SAME_SIZE = 0.8
_ADJACENT_GAP = 0.6
_ALIGNED = 0.04
_NARROW = frozenset(" iljtfrI1.,:;!|'’()[]/-")
_WIDE = frozenset("mwMW@%—")


def merge_rows(pieces: Iterable[TextLine], aspect: float) -> tuple[TextLine, ...]:
    """Join pieces that stand side by side in one row, and order the rows top to bottom.

    ``aspect`` is the picture's width over its height. A detector that looks at a small picture
    cuts wide titles in pieces; columns, which stand further apart than words, stay apart. Bullets
    are taken off, and rows of fewer than two letters or digits are left out.
    """
    rows: list[list[TextLine]] = []
    for piece in sorted(pieces, key=_middle):
        home = next((row for row in rows if any(_in_row(piece, other) for other in row)), None)
        if home is None:
            rows.append([piece])
        else:
            home.append(piece)
    # Rows were begun from the top, so they are in order; within one, left comes first.
    lines = [line for row in rows for line in _join_neighbours(row, aspect)]
    return tuple(filter(None, map(_tidy, lines)))


def pick_title(lines: Sequence[TextLine]) -> str | None:
    """Return the words of the title, or None where none is beyond doubt.

    A title starts in the upper third, is set clearly larger than the rest, has at most 14 words
    and real letters in them. Two adjacent lines of its size are one title; three are a list.
    """
    upper = [line for line in lines if line.top < _TITLE_BELOW and _LETTERS.search(line.text)]
    if not upper:
        return None
    largest = max(upper, key=_type_size)
    first = min((line for line in upper if _same_size(line, largest)), key=_middle)
    title = _block_from(first, lines)
    rest = [line for line in lines if line not in title]
    if not rest or len(title) > 2:
        return None
    for measure, times in _TITLE_TIMES:
        if max(map(measure, title)) < times * median(map(measure, rest)):
            return None
    words = " ".join(line.text for line in title).split()
    return " ".join(words) if len(words) <= _TITLE_WORDS else None


def _middle(line: TextLine) -> float:
    return (line.top + line.bottom) / 2


def _height(line: TextLine) -> float:
    return line.bottom - line.top


def _type_size(line: TextLine) -> float:
    """Estimate the size that the line is set in, as a share of the picture's width.

    It is the line's width over the width of its letters at size 1. The height of a detected box
    tells sizes apart badly: 54 and 36 px came out as 53 and 47.
    """
    return (line.right - line.left) / sum(map(_advance, line.text))


def _advance(letter: str) -> float:
    """Return about how wide a letter is, in ems. Source: DejaVu Sans and Aileron, rounded."""
    if letter in _NARROW:
        return 0.33
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    if letter in _WIDE:
        return 0.9
    return 0.7 if letter.isupper() else 0.6


def _letter_width(line: TextLine) -> float:
    return (line.right - line.left) / len(line.text)


# In a monospaced type all letters are of one width, and lines of narrow ones look large by
# the first figure alone.
_TITLE_TIMES = ((_type_size, 1.2), (_letter_width, 1.1), (_height, 0.9))


def _in_row(a: TextLine, b: TextLine) -> bool:
    low, high = sorted((_height(a), _height(b)))
    return abs(_middle(a) - _middle(b)) < _ROW_OFFSET * low and low > _ROW_HEIGHTS * high


def _join_neighbours(row: list[TextLine], aspect: float) -> list[TextLine]:
    """Join what stands less than about a letter's height apart. Widths count in heights."""
    joined: list[TextLine] = []
    for piece in sorted(row, key=lambda line: line.left):
        if joined:
            before = joined[-1]
            gap = (piece.left - before.right) * aspect / max(_height(before), _height(piece))
            if _GAP_LEAST < gap < _GAP_MOST:
                joined[-1] = _join(before, piece)
                continue
        joined.append(piece)
    return joined


def _join(left: TextLine, right: TextLine) -> TextLine:
    """Return one line of two pieces, as sure as the less sure of them."""
    return TextLine(
        text=f"{left.text} {right.text}",
        confidence=min(left.confidence, right.confidence),
        left=min(left.left, right.left),
        top=min(left.top, right.top),
        right=max(left.right, right.right),
        bottom=max(left.bottom, right.bottom),
    )


def _tidy(line: TextLine) -> TextLine | None:
    """Take off bullets and extra spaces; None when too little is left to be text.

    A dash before a number may be a minus, so it stays.
    """
    text = " ".join(line.text.split())
    text = text[match.end() :] if (match := _BULLET.match(text)) else text
    if len(re.findall(r"\w", text)) < 2:
        return None
    return TextLine(text, line.confidence, line.left, line.top, line.right, line.bottom)


def _same_size(a: TextLine, b: TextLine) -> bool:
    low, high = sorted((_type_size(a), _type_size(b)))
    return low >= _SAME_SIZE * high


def _block_from(first: TextLine, lines: Sequence[TextLine]) -> list[TextLine]:
    """Return ``first`` and the lines of its size that follow right under one another."""
    block = [first]
    for line in sorted(lines, key=_middle):
        last = block[-1]
        if _middle(line) <= _middle(last) or not _same_size(line, first):
            continue
        near = abs(line.top - last.bottom) <= _ADJACENT_GAP * _height(first)
        if near and _is_aligned(line, last):
            block.append(line)
    return block


def _is_aligned(a: TextLine, b: TextLine) -> bool:
    """Say whether two lines are flush left or centred on each other."""
    return abs(a.left - b.left) <= _ALIGNED or abs((a.left + a.right) - (b.left + b.right)) <= (
        2 * _ALIGNED
    )
