"""A small byte-level BPE tokenizer: learns from a corpus, encodes as llama.cpp will, decodes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise

Pair = tuple[str, str]
Parts = tuple[str, ...]

# ASCII version of llama.cpp's "smollm" pre-tokenizer: digits are split one by one.
_WORD = re.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+|\s+(?![^\s0-9])|\s+(?=[0-9])|\s+"
)
_TWO_NEWLINES = ("Ċ", "Ċ")


def _byte_characters() -> dict[int, str]:
    """Give every byte a printable character, as GPT-2 does."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in kept}
    others = (byte for byte in range(256) if byte not in table)
    return table | {byte: chr(256 + number) for number, byte in enumerate(others)}


BYTE_TO_CHARACTER = _byte_characters()
CHARACTER_TO_BYTE = {character: byte for byte, character in BYTE_TO_CHARACTER.items()}


class Bpe:
    """A tokenizer that was learnt from a corpus.

    ``specials`` come first in ``tokens``, then the 256 bytes, then what was merged. The first
    merge is always that of two line breaks: libmtmd needs that token.
    """

    def __init__(self, corpus: str, merges: int, specials: Sequence[str]) -> None:
        self.specials = tuple(specials)
        self.merges = learn_merges(corpus, merges)
        joined = [first + second for first, second in self.merges]
        self.tokens = [*specials, *(BYTE_TO_CHARACTER[byte] for byte in range(256)), *joined]
        self._ids = {token: number for number, token in enumerate(self.tokens)}
        self._rank = {pair: number for number, pair in enumerate(self.merges)}
        self._known: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text; special tokens in it are taken as such."""
        ids: list[int] = []
        for piece in self._special.split(text):
            if piece in self.specials:
                ids.append(self._ids[piece])
                continue
            for word in _WORD.findall(piece):
                ids.extend(self._encode_word(word))
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of some ids, without special tokens."""
        tokens = (self.tokens[number] for number in ids if number >= len(self.specials))
        data = bytes(CHARACTER_TO_BYTE[character] for token in tokens for character in token)
        return data.decode("utf-8", "replace")

    @cached_property
    def _special(self) -> re.Pattern[str]:
        return re.compile("(" + "|".join(map(re.escape, self.specials)) + ")")

    def _encode_word(self, word: str) -> list[int]:
        if word not in self._known:
            parts = _bytes_of(word)
            while len(parts) > 1:
                best = min(pairwise(parts), key=lambda pair: self._rank.get(pair, len(self._rank)))
                if best not in self._rank:
                    break
                parts = _merged(parts, best)
            self._known[word] = [self._ids[part] for part in parts]
        return self._known[word]


def learn_merges(corpus: str, count: int) -> list[Pair]:
    """Return up to ``count`` pairs to merge, the commonest first; ties go by the alphabet."""
    merges = [_TWO_NEWLINES]
    words = Counter(_bytes_of(word) for word in _WORD.findall(corpus))
    while len(merges) < count:
        pairs: Counter[Pair] = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                pairs[pair] += times
        pairs.pop(_TWO_NEWLINES, None)
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        words = Counter({_merged(word, best): times for word, times in words.items()})
    return merges


def _bytes_of(word: str) -> Parts:
    return tuple(BYTE_TO_CHARACTER[byte] for byte in word.encode())


def _merged(word: Parts, pair: Pair) -> Parts:
    merged: list[str] = []
    at = 0
    while at < len(word):
        wide = 2 if word[at : at + 2] == pair else 1
        merged.append("".join(word[at : at + wide]))
        at += wide
    return tuple(merged)
