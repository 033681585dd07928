"""The contact sheet: what it shows, and that nothing in it runs or loads from elsewhere."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hostile import CANARY, TEXTS, words
from hypothesis import example, given
from hypothesis import strategies as st

from vidsum.broll.keys import prompt_of
from vidsum.broll.sheet import page, write_sheet
from vidsum.data import (
    Anchor,
    BrollPlan,
    FinishedShot,
    LookBook,
    PaletteColour,
    Scene,
    Variation,
)

VOID = {"meta", "img", "link", "br", "hr", "input", "source"}
KNOWN_TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "h1",
    "h2", "h3", "p", "span", "ul", "li", "figure", "figcaption", "div", "img", "a", "strong", "dl",
    "dt", "dd", "code", "video",
}  # fmt: skip
LOADING = {"src", "href", "poster", "srcset", "action", "data", "background"}


class Page(HTMLParser):
    """A page as a browser takes it apart: its elements, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(html)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), "no attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def told(self) -> str:
        return " ".join(self.words.split())


def check_harmless(found: Page) -> None:
    """Only elements of ours; addresses are files beside the page; nothing runs."""
    assert {tag for tag, _ in found.elements} <= KNOWN_TAGS
    for _, attrs in found.elements:
        assert not [name for name in attrs if name.startswith("on")]
        assert all(str(attrs[name]).startswith("./") for name in LOADING & set(attrs))
        style = attrs.get("style")
        assert style is None or re.fullmatch("background: #[0-9a-fA-F]{6}", style)
    (policy,) = [one["content"] for one in found.all("meta") if "http-equiv" in one]
    assert str(policy).startswith("default-src 'none'; ")
    assert "script" not in str(policy)
    assert "http" not in str(policy)


def variation(number: int = 1, scene: str = "s01", **more: object) -> Variation:
    known = Variation(scene, number, "k", "made", PROMPT, 41 + number, "flux2-klein-4b", "local",
                      640, 360, file=f"images/{scene}-v{number}.png", wall_s=38.24,
                      cost_usd="0", cost_from="measured")  # fmt: skip
    return replace(known, **more)  # type: ignore[arg-type]


SCENE = Scene("s01", 65.0, 71.0, "A mill at dawn", "She tells of it", ("s12", "s13"),
              "A wooden mill", "model")  # fmt: skip
PLAN = BrollPlan("/videos/talk.mp4", None, 754.0, 1920, 1080, 25.0, "How a mill grinds",
                 "Muted ochres.", (SCENE,), "model")  # fmt: skip
PROMPT = prompt_of(SCENE, PLAN.style)


def files(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x89PNG")


def sheet(folder: Path, *made: Variation, plan: BrollPlan = PLAN, look: LookBook | None = None,
          picks: dict[str, int | None] | None = None,
          shots: tuple[FinishedShot, ...] = ()) -> Page:  # fmt: skip
    return Page(page(folder, plan, look, made, picks or {}, shots))


def test_it_is_written_beside_the_pictures(tmp_path: Path) -> None:
    files(tmp_path, "images/s01-v1.png")
    path = write_sheet(tmp_path, PLAN, None, [variation()], {}, [])
    assert path == tmp_path / "sheet.html"
    found = Page(path.read_text("utf-8"))
    check_harmless(found)
    assert [one["src"] for one in found.all("img")] == ["./images/s01-v1.png"]
    assert "1 picture made" in found.told


def test_a_scene_and_its_variations(tmp_path: Path) -> None:
    files(tmp_path, "images/s01-v1.png", "images/s01-v2.png")
    found = sheet(tmp_path, variation(2, palette_distance=3.4, palette_gain=2.125, steps=4,
                                      references=("a", "b")), variation(1))  # fmt: skip
    for text in ("How a mill grinds", "Source: talk.mp4, 12:34", "Muted ochres.",
                 "s01 · 1:05–1:11", "A mill at dawn", "Why: She tells of it (s12, s13)",
                 "Prompt (by a model): A wooden mill", "None is picked yet.", "Seed 42", "Seed 43",
                 "Model flux2-klein-4b (local)", "Size 640 × 360 px", "Time 38.2 s", "Cost $0",
                 "References 2", "Palette distance 3.40", "Palette gain +2.12"):  # fmt: skip
        assert text in found.told
    assert found.told.index("Variation 1") < found.told.index("Variation 2")
    alts = [one["alt"] for one in found.all("img")]
    assert alts == [f"AI-generated picture, variation {n} of s01: A mill at dawn" for n in (1, 2)]
    assert [one["href"] for one in found.all("a")] == ["./images/s01-v1.png", "./images/s01-v2.png"]


def test_picks_are_marked_and_the_others_offered(tmp_path: Path) -> None:
    folder = tmp_path / "my talk.broll"
    files(folder, "images/s01-v1.png", "images/s01-v2.png")
    found = sheet(folder, variation(1), variation(2), picks={"s01": 2})
    assert [one.get("class") for one in found.all("figure")] == [None, "picked"]
    assert "Variation 2 is picked." in found.told
    assert "vidsum broll pick 'my talk.broll' s01=1" in found.told
    assert "s01=2" not in found.told
    assert "1 picked" in found.told
    assert "None of them is wanted." in sheet(folder, variation(1), picks={"s01": None}).told


@pytest.mark.parametrize(
    ("cost", "origin", "told"),
    [("0.039", "reported", "Cost $0.039"), ("0.039", "estimated", "Cost ~$0.039"),
     (None, "unknown", "Cost ?")],
)  # fmt: skip
def test_costs_say_how_well_they_are_known(
    tmp_path: Path, cost: str | None, origin: str, told: str
) -> None:
    found = sheet(tmp_path, variation(cost_usd=cost, cost_from=origin))
    assert told in found.told


def test_the_total_adds_what_is_known(tmp_path: Path) -> None:
    made = [variation(n, cost_usd="0.1", cost_from="reported") for n in range(1, 4)]
    assert "Cost of what is shown here: $0.30." in sheet(tmp_path, *made).told
    unknown = variation(4, "s01", cost_usd=None, state="unknown", file="")
    found = sheet(tmp_path, *made, unknown)
    assert "Cost of what is shown here: ≥ $0.30." in found.told
    assert "3 pictures made, 1 unanswered; 0 picked, 0 finished." in found.told


@pytest.mark.parametrize(
    ("gain", "distance", "warned"),
    [(0.2, 9.0, True), (-3.0, 9.0, True), (1.0, 9.0, False), (4.0, 9.0, False),
     (0.2, 2.0, False), (None, 9.0, False)],
)  # fmt: skip
def test_a_reference_that_did_nothing_is_said(
    tmp_path: Path, gain: float | None, distance: float, warned: bool
) -> None:
    found = sheet(tmp_path, variation(palette_gain=gain, palette_distance=distance))
    assert ("The reference did not move its colours." in found.told) == warned


def test_a_picture_of_an_earlier_prompt_says_so(tmp_path: Path) -> None:
    found = sheet(tmp_path, variation(1), variation(2, prompt="A harbour."))
    assert found.told.count("Made for an earlier prompt.") == 1
    assert "Its prompt A harbour." in found.told
    assert f"Its prompt {PROMPT}" not in found.told


def test_what_failed_is_never_a_picture(tmp_path: Path) -> None:
    """Not even where a file of that name lies there."""
    files(tmp_path, "images/s01-v1.png", "images/s01-v2.png", "anchors/a1.png")
    look = LookBook((Anchor(12.0, "anchors/a1.png", 50.0),), (), "")
    found = sheet(
        tmp_path, variation(1, state="failed", error="It is flat: one colour."),
        variation(2, state="unknown", error="No answer within 300 s.", seed=None, wall_s=None,
                  cost_usd=None), look=look,
    )  # fmt: skip
    (only,) = found.all("img")
    assert only["alt"] == "Frame of the source at 0:12"
    assert "No picture. Failed. It is flat: one colour." in found.told
    assert ("No picture. Whether it was paid for is not known. "
            "No answer within 300 s.") in found.told  # fmt: skip
    for text in ("Seed ?", "Time ?", "Cost ?", "--retry", "1 failed, 1 unanswered"):
        assert text in found.told
    assert "pick " not in found.told


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    shot = FinishedShot("s01", 1, "finished/s01-v1.png", 1920, 1080)
    look = LookBook((Anchor(12.0, "anchors/a1.png", 50.0),), (), "")
    found = sheet(tmp_path, variation(1), shots=(shot,), look=look)
    assert found.told.count("The file is gone.") == 3
    assert found.all("img") == []


def test_the_look_is_marked_as_the_source(tmp_path: Path) -> None:
    files(tmp_path, "anchors/a1.png")
    palette = (PaletteColour((0.5, 0, 0), "#c8783c", 0.41),
               PaletteColour((0.5, 0, 0), "red;} body{", 0.2))  # fmt: skip
    look = LookBook((Anchor(200.0, "anchors/a1.png", 50.0),), palette, "")
    found = sheet(tmp_path, look=look)
    check_harmless(found)
    assert "Frames of the source, for reference only" in found.told
    assert "Source at 3:20, not generated" in found.told
    assert "#c8783c, 41%" in found.told
    styles = [one.get("style") for one in found.all("span") if one.get("class") == "swatch"]
    assert styles == ["background: #c8783c", None]


def test_finished_shots(tmp_path: Path) -> None:
    files(tmp_path, "finished/s01-v2.png", "finished/s01-v2.mp4")
    shot = FinishedShot("s01", 2, "finished/s01-v2.png", 1920, 1080, "lanczos",
                        "finished/s01-v2.mp4", "kenburns", 6.0, 25.0)  # fmt: skip
    found = sheet(tmp_path, shots=(shot,))
    (clip,) = found.all("video")
    assert clip["src"] == "./finished/s01-v2.mp4"
    assert clip["poster"] == "./finished/s01-v2.png"
    assert {"controls", "muted", "playsinline"} <= set(clip)
    assert "autoplay" not in clip
    assert "AI-generated clip of s01" in str(clip["aria-label"])
    assert ("AI-generated Variation 2, 1920 × 1080 px, enlarged by lanczos, "
            "Ken Burns clip of 6 s") in found.told  # fmt: skip
    ai = replace(shot, clip_from="ai", cost_usd=None)
    assert "AI clip of 6 s, cost ?" in sheet(tmp_path, shots=(ai,)).told
    still = replace(shot, clip="", clip_from="", clip_s=None)
    assert sheet(tmp_path, shots=(still,)).all("video") == []
    assert [one["src"] for one in sheet(tmp_path, shots=(still,)).all("img")] == [
        "./finished/s01-v2.png"]  # fmt: skip


def test_scenes_that_the_plan_has_no_more(tmp_path: Path) -> None:
    found = sheet(tmp_path, variation(1, "s09"))
    assert "s09 This scene is no longer in the plan." in found.told
    assert "No pictures yet: vidsum broll make" in found.told
    assert "The plan has no scenes." in sheet(tmp_path, plan=replace(PLAN, scenes=())).told


def test_a_refined_variation_tells_its_own_prompt(tmp_path: Path) -> None:
    found = sheet(tmp_path, variation(1), variation(2, refined="more fog", prompt="A mill, fog"))
    assert found.told.count("Refined more fog Its prompt A mill, fog") == 1


def test_headings_are_in_order_and_all_can_be_reached(tmp_path: Path) -> None:
    files(tmp_path, "images/s01-v1.png")
    found = sheet(tmp_path, variation(1))
    assert [tag for tag, _ in found.elements if re.fullmatch("h[1-6]", tag)] == ["h1", "h2", "h2"]
    assert all(one.get("alt") for one in found.all("img"))
    assert found.all("html") == [{"lang": "en"}]
    assert [one["href"] for one in found.all("a")], "pictures can be opened by keyboard"
    ids = [attrs["id"] for _, attrs in found.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {one["aria-labelledby"] for one in found.all("section")} <= set(ids)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_texts_are_only_words(tmp_path: Path, text: str) -> None:
    files(tmp_path, "images/s01-v1.png")
    scene = Scene("s01", 1.0, 5.0, text, text, (text,), text, "template", text)
    plan = replace(PLAN, title=text, style=text, video=text, scenes=(scene,))
    made = [variation(1, model=text, engine=text, refined=text, prompt=text),
            variation(2, state="failed", error=text, prompt=text)]  # fmt: skip
    shot = FinishedShot("s01", 1, text[:200], 64, 36, text, text[:200], "ai", 4.0)
    look = LookBook((Anchor(1.0, text[:200], 1.0),), (PaletteColour((0, 0, 0), text, 0.5),), text)
    html = page(tmp_path, plan, look, made, {"s01": 1}, [shot])
    found = Page(html)
    check_harmless(found)
    assert found.words.count(CANARY) >= 8 or CANARY not in words(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)


NAMES = ["a b&c'd\"e<f>.png", "50%#1?x=y.png", "-y.png", "שלום\u202egnp.png", "ä" * 125 + ".png",
         "caf\udce9.png", "a\nb.png", "javascript:alert(1).png", "//evil.zz/x.png"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_addresses_lead_to_the_files(tmp_path: Path, name: str) -> None:
    files(tmp_path, f"images/{name}" if "//" not in name else name.lstrip("/"))
    file = f"images/{name}" if "//" not in name else f".{name}"
    found = sheet(tmp_path, variation(1, file=file))
    check_harmless(found)
    (picture,) = found.all("img")
    address = str(picture["src"])
    assert address.isascii()
    assert not set(address) & set("\"'<>?#&: \n")
    path = os.path.normpath(os.fsencode(tmp_path) + b"/" + unquote_to_bytes(address))
    assert path == os.path.normpath(os.fsencode(tmp_path / file))


@pytest.mark.parametrize("name", ["-rf", "a b'c", "$(touch Pwned)", "a\nb", "caf\udce9", "\u202e"])
def test_the_command_is_fit_to_copy(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    files(folder, "images/s01-v1.png")
    html = page(folder, PLAN, None, [variation(1)], {}, [])
    found = Page(html)
    check_harmless(found)
    (command,) = re.findall(r"vidsum broll pick .+? s01=1", found.told)
    argument = shlex.split(command)[3]
    assert argument in (name, f"./{name}", "FOLDER")
    assert not argument.startswith("-")
    html.encode("utf-8")


@given(st.text(), st.floats(), st.integers())
@example("\udcff\ufffe\x00]]>--></style>\"'`", float("nan"), 0)
def test_any_text_and_any_number_give_a_page(text: str, figure: float, seed: int) -> None:
    scene = Scene(text, 1.0, 5.0, text, text, (text,), text, "user", text)
    made = variation(1, text, file=text.replace("\0", ""), error=text, seed=seed, wall_s=figure,
                     palette_distance=figure, palette_gain=figure, model=text)  # fmt: skip
    html = page(Path("/nowhere"), replace(PLAN, title=text, scenes=(scene,)), None, [made], {}, [])
    check_harmless(Page(html))
    html.encode("utf-8")
