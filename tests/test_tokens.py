"""Token counts: measured with a table, estimated and labelled without one, never a download."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiktoken

from vidsum import tokens


@pytest.fixture
def pairs() -> tiktoken.Encoding:
    """A real encoder with a tiny table: every byte, and the pair ``th``."""
    ranks = {bytes([i]): i for i in range(256)} | {b"th": 256}
    return tiktoken.Encoding("pairs", pat_str=r"\S+|\s+", mergeable_ranks=ranks,
                             special_tokens={"<|end|>": 257})  # fmt: skip


def test_an_encoder_counts_exactly(pairs: tiktoken.Encoding) -> None:
    assert tokens.count("the moth", pairs) == (6, "measured")


def test_special_tokens_in_a_transcript_are_plain_text(pairs: tiktoken.Encoding) -> None:
    assert tokens.count("<|end|>", pairs) == (7, "measured")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("abc", 1), ("abcd", 2), ("é日", 2), ("1 2 3 4 5 6 7 8 9", 17), ("?!?!", 4)],
)
def test_the_estimate_is_bytes_by_three_or_pieces(text: str, expected: int) -> None:
    assert tokens.count(text, None) == (expected, "estimated")


def test_without_a_table_there_is_no_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    tokens.cached_encoder.cache_clear()
    assert tokens.cached_encoder() is None


def test_a_wrong_table_is_left_alone_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    tokens.cached_encoder.cache_clear()
    tokens.cached_table().write_bytes(b"half a download")
    assert tokens.cached_encoder() is None
    assert tokens.cached_table().read_bytes() == b"half a download"


def test_the_table_is_looked_for_where_tiktoken_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    content = b"IQ== 0\n"
    tokens.cached_table().write_bytes(content)
    from tiktoken.load import read_file_cached

    assert read_file_cached(tokens._TABLE) == content
