"""What stands on a page: marks of what nothing bears out, names, looks, grounding, costs."""

from __future__ import annotations

import io
import json
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from vidsum.data import (
    Answer,
    Bought,
    Chapter,
    Claim,
    Grounding,
    ModalityCost,
    Name,
    Result,
    Sum,
    Summary,
    TimelineEntry,
    Total,
)
from vidsum.renderers.blocks import Block, Heading, Item, Items, Page, Paragraph, Table
from vidsum.renderers.claims import left_out, running, standing
from vidsum.renderers.json import as_object, to_json
from vidsum.renderers.page import page
from vidsum.renderers.terminal import show
from vidsum.renderers.text import text


def section(found: Page, heading: str) -> tuple[Block, ...]:
    """The blocks under a heading."""
    start = found.blocks.index(Heading(heading)) + 1
    ends = [i for i, block in enumerate(found.blocks) if isinstance(block, Heading) and i >= start]
    return found.blocks[start : ends[0] if ends else None]


def headings(found: Page) -> list[str]:
    return [block.text for block in found.blocks if isinstance(block, Heading)]


def summary_of(result: Result) -> Summary:
    assert result.summary is not None
    return result.summary


def changed(result: Result, **changes: object) -> Result:
    return replace(result, summary=replace(summary_of(result), **changes))  # type: ignore[arg-type]


def test_a_statement_that_nothing_bears_out_is_marked_wherever_it_stands(written: Result) -> None:
    assert text(page(written)).count("never* said. (no evidence)") == 3
    assert "vapour. (no evidence)" not in text(page(written))


@pytest.mark.parametrize(
    ("told", "names", "expected"),
    [
        ("A. B.", [("A.", "s1"), ("B.", "")], "A. [s1] B. (no evidence)"),
        ("B. A. B.", [("B.", "s1"), ("A.", ""), ("B.", "s2")], "B. [s1] A. (no evidence) B. [s2]"),
        ("He said “A.” twice.", [("A.", "s1")], "He said “A.” [s1] twice."),
        ("B. A.", [("A.", "s1"), ("B.", "s2")], "B. [s2] A. [s1]"),
        ("A.", [("Elsewhere.", "")], "A. Elsewhere. (no evidence)"),
    ],
)
def test_running_text_bears_the_marks_of_its_statements(
    told: str, names: list[tuple[str, str]], expected: str
) -> None:
    claims = [
        Claim(one, 0.0, 1.0, (name,)) if name else Claim(one, None, None, (), supported=False)
        for one, name in names
    ]
    assert running(told, claims, ids=True) == expected


def test_names_have_a_line_for_each_kind(written: Result) -> None:
    assert section(page(written), "Named") == (
        Items((Item("", "People", "Celsius, Kelvin"), Item("", "Places", "<b>Brest</b>"),
               Item("", "", "SI"))),
    )  # fmt: skip


def test_quotations_are_told_once_and_not_at_all_where_all_is_quoted(written: Result) -> None:
    assert section(page(written), "Quotations") == (Items((Item("0:00", text="“second row”"),)),)
    assert "Quotations" not in headings(page(changed(written, model=None)))
    gist = Claim("Second row", 0.0, 10.0, ("t1",), True)
    chapters = (Chapter(0.0, 9.0, "A", "model", gist=gist), Chapter(9.0, 62.5, "B", "model"))
    assert "Quotations" not in headings(page(changed(written, chapters=chapters)))


def test_moments_seen_again_say_what_was_asked_and_what_came_of_it(written: Result) -> None:
    assert section(page(written), "Looked at again") == (
        Items((
            Item("0:12", "What is on the *stove*?", "A kettle."),
            Item("0:40", "Who speaks?", "Not seen: there was no room under the cap."),
        )),
    )  # fmt: skip


ALL = "statements, quotations and names"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Grounding(), ""),
        (Grounding(19, 18, 1, {}, 40, 30, 0.85, 45.0, 190.0),
         f"18 of 19 {ALL} point to entries of the timeline, 1 to none. Those entries touch 17 of "
         "20 equal parts of the video; the longest time that none touches is 0:45, from 3:10 on."),
        (Grounding(9, 1, 8, {}, 9, 9, 0.95, 0.4, 3.0),
         f"1 of 9 {ALL} points to entries of the timeline, 8 to none. Those entries touch 19 of "
         "20 equal parts of the video."),
        (Grounding(4, 4, 0, {}, 9, 9, 1.0, 5.0, 3.0),
         f"All 4 {ALL} point to entries of the timeline. Those entries touch all 20 equal parts "
         "of the video."),
        (Grounding(4, 0, 4, {"ids": 9}, 9, 0, 0.0, 62.5, 0.0),
         f"None of 4 {ALL} points to an entry of the timeline."),
        (Grounding(2, 2, 0, {}, 9, 0, 0.0, 62.5, 0.0),
         f"All 2 {ALL} point to entries of the timeline. Those entries are facts that came with "
         "the file."),
        (Grounding(1, 1, 0, {}, 9, 1),
         "The only statement, quotation or name points to entries of the timeline."),
    ],
)  # fmt: skip
def test_one_honest_line_tells_how_statements_stand(
    result: Result, found: Grounding, expected: str
) -> None:
    assert standing(found, result.bundle.evidence) == expected
    made = section(page(changed(result, grounding=found)), "How this was made")[0]
    assert made == Paragraph(f"Frames were measured, not understood. {expected}".strip())


def test_a_part_of_a_video_is_not_called_the_video(result: Result) -> None:
    found = Grounding(2, 2, 0, {}, 9, 2, 0.5)
    part = replace(result.bundle.evidence, end_s=30.0)
    assert standing(found, part).endswith("10 of 20 equal parts of the stretch that was looked at.")
    assert standing(found, part, answer=True) == "Both statements point to entries of the timeline."


def test_what_gave_way_to_max_evidence_is_told() -> None:
    assert left_out({"speech": 1, "caption": 1200, "odd": 2, "text": 0}) == (
        "Left out for --max-evidence: 1 passage of speech, 1,200 descriptions of pictures, 2 odd."
    )
    assert left_out({}) == ""


def test_a_written_answer_shows_what_it_rests_on(answered: Result) -> None:
    found = page(answered)
    assert found.title == "At what heat does `water` boil?"
    assert found.blocks[4] == Paragraph(
        "It boils at 100 degrees. (0:01) “Water boils at 100 degrees.” (0:01) "
        "Only at sea level. (no evidence)"
    )
    assert section(found, "What this rests on") == (
        Items((Item("0:00", "written", "Boiling *water* · second row"),
               Item("0:01", "subtitle", "Water boils at 100 degrees."))),
    )  # fmt: skip
    assert "2 of 3 statements point to" in text(found)


def test_a_question_that_the_video_does_not_answer(untold: Result) -> None:
    found = page(untold)
    assert found.blocks[2] == Paragraph("Nothing was found.")
    assert section(found, "What comes near") == (
        Items((Item("0:01", text="“Water boils at 100 degrees.”"),)),
    )
    assert untold.answer is not None
    quoted = replace(untold, answer=replace(untold.answer, found=True))
    assert section(page(quoted), "Passages") == section(found, "What comes near")
    known = ("Its words occur nowhere.", "The pictures were measured.")
    searched = page(replace(untold, answer=replace(untold.answer, caveats=known)))
    assert searched.blocks[2:4] == tuple(map(Paragraph, known))
    assert section(searched, "What comes near") == section(found, "What comes near")
    assert "Open or unclear" not in headings(searched)
    by_model = page(replace(untold, answer=replace(untold.answer, model="m", caveats=known)))
    assert Paragraph("The video does not tell.") in by_model.blocks
    assert "Open or unclear" in headings(by_model)
    nothing = replace(untold, answer=replace(untold.answer, claims=()))
    assert headings(page(nothing)) == ["How this was made", "What it took"]


def test_what_each_modality_brought(bought: Result) -> None:
    found = page(bought)
    assert section(found, "Only from pictures") == (
        Items((Item("0:00", text="Boiling water is shown."),)),
    )
    assert section(found, "From both") == (
        Items((Item("0:01", text="Steam is <script>x</script> vapour."),)),
    )
    costs, notes = section(found, "What each cost")
    assert isinstance(costs, Table)
    assert costs.rows[1] == ("speech", "1", "?", "?", "?", "?", "?")
    assert "vidsum ledger show --run 01234567" in str(notes)
    assert "What speech cost is not known" in str(notes)
    frames, speech = as_object(bought)["bought"]["modalities"]
    assert frames["cost"]["total"]["cu"]["value"] == 0.00041, "small costs are not rounded away"
    assert speech["cost"] is None


def test_the_finding_tells_how_many_chapters_pictures_bring(bought: Result) -> None:
    assert bought.bought is not None
    whole = bought.bought.whole
    assert "Without pictures there would be no chapters instead of 2." in text(page(bought))
    frames = bought.bought.modalities[0]
    alike = replace(bought.bought, modalities=(replace(frames, without=whole),))
    assert "Without pictures there" not in text(page(replace(bought, bought=alike)))
    one = replace(whole, chapters=whole.chapters[:1])
    fewer = replace(bought.bought, modalities=(replace(frames, without=one),))
    told = text(page(replace(bought, bought=fewer)))
    assert "Without pictures there would be 1 chapter instead of 2." in told


def test_the_timeline_tells_where_a_fact_stands(result: Result) -> None:
    fact = TimelineEntry("f2", "fact", 0.0, 62.5, "Title: Kettles", "talk.info.json")
    timeline = (fact, *result.bundle.timeline)
    told = replace(result, bundle=replace(result.bundle, timeline=timeline))
    lines = text(page(told, with_timeline=True))
    assert "Title: Kettles (talk.info.json)" in lines
    assert "(file name)" not in lines, "the fact's own name says it"


def test_what_no_model_was_asked_for_has_no_column(bought: Result) -> None:
    assert bought.bought is not None
    frames = bought.bought.modalities[0]
    cost = ModalityCost("image", "understand", Total(wall_s=Sum(8.5), joules=Sum(30.0)))
    modalities = (replace(frames, cost=cost),)
    found = page(replace(bought, bought=replace(bought.bought, modalities=modalities)))
    assert section(found, "What each cost")[0] == Table(
        ("from", "entries", "wall", "energy"), (("pictures", "2", "8.50 s", "30 J"),), 3
    )


def test_a_fact_that_came_with_the_file_has_no_time(result: Result) -> None:
    points = (
        Claim("It is by Ada.", 0.0, 62.5, ("f1",)),
        Claim("So it is.", 1.0, 4.5, ("f1", "s1")),
    )
    assert section(page(changed(result, key_points=points)), "Key points") == (
        Items((Item("", text="It is by Ada."), Item("0:01", text="So it is."))),
    )


def test_a_cost_of_this_run_is_called_so(bought: Result) -> None:
    receipt = replace(bought.receipt, run_id="0123456789abcdef")
    told = text(page(replace(bought, receipt=receipt)))
    assert "The cost of pictures is that of this run." in told


def test_a_summary_that_states_nothing_bought_nothing(bought: Result) -> None:
    nothing = replace(
        summary_of(bought), key_points=(), chapters=(), overview_claims=(), quotes=()
    )  # fmt: skip
    told = text(page(replace(bought, bought=Bought(nothing, {}, ()))))
    assert "The summary states nothing" in told


def test_json_has_the_answer_and_no_summary(answered: Result, written: Result) -> None:
    found = json.loads(to_json(answered))
    assert found["summary"] is None
    assert found["bought"] is None
    assert found["answer"]["claims"][2] == {
        "text": "Only at sea level.", "start_s": None, "end_s": None, "evidence": [],
        "quoted": False, "supported": False,
    }  # fmt: skip
    found = json.loads(to_json(written))
    assert found["answer"] is None
    assert found["facts"] == [{"name": "Title", "value": "On *water*", "source": "tag title"}]


def test_a_result_of_nothing_is_a_mistake_of_ours(result: Result) -> None:
    with pytest.raises(ValueError, match="a summary, an answer"):
        page(replace(result, summary=None))


def on_terminal(found: Page) -> str:
    stream = io.StringIO()
    show(found, Console(file=stream, width=400, color_system=None))
    return stream.getvalue()


HOSTILE = st.lists(
    st.sampled_from(["\x1b", "[31m", "\x1b]8;;http://x\x07", "\x9b", "\r", "\b", "\u202e", "[red]",
                     "[/]", ":cat:", "\n", "a", "\x1b\\", "\U000e0041"]) | st.text(max_size=2),
    max_size=5,
).map("".join)  # fmt: skip


@given(st.lists(HOSTILE, min_size=6, max_size=6))
def test_no_text_in_any_place_drives_a_terminal(texts: list[str]) -> None:
    """Not even a sequence that is split over two of them, and none is read as rich's markup."""
    one, two, three, four, five, six = texts
    everything = Page(one, (
        Heading(two), Paragraph(three), Paragraph(four, quiet=True),
        Items((Item(one, two, three), Item("", five))),
        Table((four, five), ((six, one), (two, three)), 1),
    ))  # fmt: skip
    for found in (on_terminal(everything), text(everything)):
        driving = {c for c in found if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
        assert driving <= {"\n"}
        assert not set(found) & {"\u202e", "\U000e0041"}


def test_no_text_in_any_place_is_read_as_markup() -> None:
    told = "[red]a[/] :cat:"
    everything = Page(told, (
        Heading(told), Paragraph(told), Items((Item(told, told, told),)),
        Table((told, told), ((told, told),), 1),
    ))  # fmt: skip
    assert on_terminal(everything).count(told) == 10


def test_an_answer_without_statements_says_so(answered: Result) -> None:
    empty = Answer("Q?", True, (), "remote", "Written.", model="m")
    assert page(replace(answered, answer=empty)).blocks[4] == Paragraph("There is no answer.")


def test_a_quoted_page_names_what_is_not_among_the_words_used_most(result: Result) -> None:
    names = (Name("Brest", "unknown", ("s1",)), Name("Water", "unknown", ("s1",)))
    named = changed(result, names=names)
    assert section(page(named), "Named") == (Items((Item("", text="Brest"),)),)
    assert as_object(named)["summary"]["names"][1]["text"] == "Water"
    assert "Named" not in headings(page(changed(result, names=names[1:])))
