"""What a Markdown reader makes of a page: the same words, and nothing that loads, runs or leads."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from renderers.reading import DRIVING, tokens, words

from vidsum.data import Result
from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph, Table
from vidsum.renderers.markdown import escape, markdown
from vidsum.renderers.page import page
from vidsum.wording import safe

PIECES = [
    "![x](http://evil/x.png)", "[a](http://evil)", "[a]: http://evil", "[^1]", "[^1]: x", "[ ]",
    "<http://evil>", "<a@b.c>", "<script>", "<!--", "-->", "<img src=//evil>", "&lt;", "&#x3c;",
    "&amp", "`", "``", "```", "~~~", "~~", "*", "**", "_", "__", "\\", "\\\\", "|", "\\|", "---",
    "===", "- ", "+ ", "* ", "1. ", "12) ", "# ", " #", "##", "> ", "$", "$$", "\\(x\\)", "\\[",
    ":smile:", ": ", "::: ", "{#id}", "{{x}}", "{% x %}", "!", "!!! ", "\t", "    ", "  \n", "\n",
    "\r\n\r\n", "\u2028", "\u202e", "\u200b", "\u200d", "\x1b[31m", "\x1b]8;;http://evil\x07",
    "\x00", "a", "b1", "snake_case_name", "é", "潮", "“", "x@y.zz", "www.evil.zz",
    "http://evil.zz/a_b_c",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=8).map("".join)


def shown(block: Block) -> str:
    """The same for one block that stands between two others."""
    whole = words(markdown(Page("T", (Paragraph("before"), block, Paragraph("after")))))
    before, after = "T\nbefore\n", "\nafter"
    assert whole.startswith(before)
    assert whole.endswith(after)
    return whole[len(before) : -len(after)] if len(whole) > len(before + after) - 1 else ""


@given(TEXTS)
def test_whatever_the_text_a_reader_sees_that_text(text: str) -> None:
    told = safe(text)
    if told:
        assert shown(Paragraph(text)) == told
        assert shown(Paragraph(text, quiet=True)) == told
        assert shown(Heading(text)) == told
        assert shown(Items((Item("", text=text),))) == told
    assert shown(Items((Item("0:01", text=text),))) == f"0:01 {told}".rstrip()
    assert shown(Items((Item("", text, text),))) == (f"{told}: {told}" if told else "")
    assert shown(Items((Item(f"a{text}b"),))) == safe(f"a{text}b")
    assert shown(Table(("h", "i"), ((text, "1"), ("2", text)), 1)) == f"h\ni\n{told}\n1\n2\n{told}"
    assert words(markdown(Page(text, ()))) == told


RESULTS = ["result", "written", "answered", "untold", "bought"]


@pytest.mark.parametrize("whose", RESULTS)
def test_a_page_neither_links_nor_loads_nor_runs(
    whose: str, request: pytest.FixtureRequest
) -> None:
    source = markdown(page(request.getfixturevalue(whose), with_timeline=True))
    kinds = {token.type for token in tokens(source)}
    assert not kinds & DRIVING
    assert kinds >= {"heading_open", "list_item_open", "table_open"}
    assert "![x](http://evil/x.png)" in words(source)


def test_a_file_name_brings_no_html(result: Result) -> None:
    evidence = result.bundle.evidence
    name = Path("`<img src=x onerror=alert(1)>```.mp4")
    info = replace(evidence.info, path=name)
    bundle = replace(result.bundle, evidence=replace(evidence, info=info))
    assert result.summary is not None
    summary = replace(result.summary, more=(f"To look closer: vidsum '{name}'",))
    source = markdown(page(replace(result, bundle=bundle, summary=summary)))
    assert not re.search(r"(?<!\\)<", source)
    assert words(source).count(str(name)) == 2


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ("snake_case stays", "snake_case stays"),
        ("_so_ *so* `so`", "\\_so\\_ \\*so\\* \\`so\\`"),
        ("1. no list", "1\\. no list"),
        ("1.", "1\\."),
        ("## no heading", "\\## no heading"),
        ("# no heading", "\\# no heading"),
        ("a | b", "a \\| b"),
        ("&lt;b&gt;", "\\&lt;b\\&gt;"),
        ("C:\\x", "C:\\\\x"),
        ("$$x^2$$ but $1 to $2", "\\$\\$x^2\\$\\$ but $1 to $2"),
        (":cat: at 1:02:03", "\\:cat: at 1:02:03"),
        ("{{ x }} {% x %}", "\\{\\{ x \\}\\} \\{\\% x %\\}"),
        (": no definition", "\\: no definition"),
    ],
)
def test_dialects_show_text_as_it_is(plain: str, expected: str) -> None:
    assert escape(plain) == expected
