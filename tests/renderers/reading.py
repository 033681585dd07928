"""A Markdown page as a reader's program takes it."""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
DRIVING = {
    "link_open", "image", "html_block", "html_inline", "fence", "code_block", "blockquote_open",
    "hr", "ordered_list_open", "s_open", "hardbreak", "softbreak",
}  # fmt: skip
"""What no page of ours has, so that whatever there is of it came out of a video."""
_PLAIN = {"strong_open", "strong_close", "em_open", "em_close", "text", "code_inline"}


def tokens(source: str) -> Iterator[Token]:
    """All tokens of a document, those within its lines too."""
    for token in READER.parse(source):
        yield token
        yield from token.children or ()


def words(source: str) -> str:
    """What a reader sees of a document, a line for each of its blocks."""
    lines = [token.children or () for token in READER.parse(source) if token.type == "inline"]
    for line in lines:
        assert {one.type for one in line} <= _PLAIN, [one.type for one in line]
    return "\n".join("".join(one.content for one in line) for line in lines)
