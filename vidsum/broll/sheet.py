"""The contact sheet: one static page with all variations side by side, picks, prompts and costs.

It has no script and asks nobody for anything: its policy lets a browser load files beside it alone.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from vidsum.broll.keys import prompt_of
from vidsum.broll.look import NEAR, steered
from vidsum.broll.timelines import worded
from vidsum.data import Sum
from vidsum.outputs import IN_PLACE, write_whole
from vidsum.reasoner.commands import as_argument
from vidsum.renderers.figures import NANO, money_cell, rounded
from vidsum.wording import clock, number

if TYPE_CHECKING:
    from jinja2 import Template

    from vidsum.data import BrollPlan, FinishedShot, LookBook, Scene, Variation

NAME: Final = "sheet.html"
POLICY: Final = (
    "default-src 'none'; img-src 'self' file: data:; media-src 'self' file:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
"""``file:`` besides ``'self'``: not every browser takes a page on the disk for an origin."""
_TEMPLATE: Final = Path(__file__).with_name("sheet.html.jinja")
_HEX: Final = re.compile("#[0-9a-fA-F]{6}")
_WRITTEN: Final = {"model": " (by a model)", "template": " (from a template)", "user": " (yours)"}
_UNANSWERED: Final = "Whether it was paid for is not known."


@dataclass(frozen=True, slots=True)
class _Sheet:
    """What all parts of the page look up. ``at`` is the folder as a shell takes it."""

    folder: Path
    at: str
    variations: Sequence[Variation]
    picks: Mapping[str, int | None]
    shots: Sequence[FinishedShot]


def write_sheet(
    folder: Path,
    plan: BrollPlan,
    look: LookBook | None,
    variations: Sequence[Variation],
    picks: Mapping[str, int | None],
    shots: Sequence[FinishedShot],
) -> Path:
    """Write ``sheet.html`` into a B-roll folder, whole, and return where it is.

    Raises: OutputError.
    """
    path = folder / NAME
    text = page(folder, plan, look, variations, picks, shots)
    write_whole(path, text, hint=IN_PLACE)
    return path


def page(
    folder: Path,
    plan: BrollPlan,
    look: LookBook | None,
    variations: Sequence[Variation],
    picks: Mapping[str, int | None],
    shots: Sequence[FinishedShot],
) -> str:
    """Return the page. Files that are not there any more are said to be gone."""
    sheet = _Sheet(folder, _as_argument(folder), variations, picks, shots)
    known = {scene.id for scene in plan.scenes}
    lost = dict.fromkeys(one.scene for one in variations if one.scene not in known)
    scenes = [_scene(sheet, scene, plan.style) for scene in plan.scenes]
    scenes += [_scene_parts(sheet, name, "") for name in lost]
    return _template().render(
        policy=POLICY, title=worded(plan.title) or "Untitled", style=worded(plan.style),
        source=worded(Path(plan.video).name), length=clock(plan.duration_s),
        palette=list(_palette(look)), anchors=list(_anchors(folder, look)), scenes=scenes,
        totals=list(_totals(variations, picks, shots)),
    )  # fmt: skip


@lru_cache(1)
def _template() -> Template:
    import jinja2

    env = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return env.from_string(_TEMPLATE.read_text("utf-8"))


def _as_argument(folder: Path) -> str:
    """Return a folder's name for a command to copy, ``FOLDER`` where a name cannot be copied."""
    name = folder.absolute().name
    return as_argument(f"./{name}" if name.startswith("-") else name, "FOLDER")


def _address(folder: Path, name: str) -> str:
    """Return a file's address from the page; "" when there is no such file.

    It begins with a dot, so that no name can be the address of something else.
    """
    there = bool(name) and (folder / name).is_file()
    return f"./{quote(os.fsencode(name))}" if there else ""


def _palette(look: LookBook | None) -> Iterator[dict[str, str]]:
    for one in look.palette if look else ():
        yield {"hex": one.hex if _HEX.fullmatch(one.hex) else "", "share": f"{one.share:.0%}"}


def _anchors(folder: Path, look: LookBook | None) -> Iterator[dict[str, str]]:
    for one in look.anchors if look else ():
        yield {"src": _address(folder, one.file), "at": clock(one.time_s)}


def _scene(sheet: _Sheet, scene: Scene, style: str) -> dict[str, Any]:
    time = f"{clock(scene.start_s)}–{clock(scene.end_s)}"
    ids = f" ({', '.join(map(worded, scene.evidence))})" if scene.evidence else ""
    return _scene_parts(sheet, scene.id, time, prompt_of(scene, style)) | {
        "brief": worded(scene.brief), "why": f"{worded(scene.why)}{ids}".strip(),
        "prompt": worded(scene.prompt), "written": _WRITTEN.get(scene.prompt_from, ""),
        "flaw": worded(scene.flaw),
    }  # fmt: skip


def _scene_parts(sheet: _Sheet, name: str, time: str, prompt: str = "") -> dict[str, Any]:
    """Return what the page says of a scene; without a prompt, it is none of the plan's any more."""
    found = sorted((one for one in sheet.variations if one.scene == name), key=lambda v: v.number)
    shot = next((one for one in sheet.shots if one.scene == name), None)
    return {
        "id": worded(name), "time": time, "brief": "", "why": "", "prompt": "", "written": "",
        "flaw": "", "pick": _pick(sheet, name, found),
        "variations": [_variation(sheet, one, prompt) for one in found],
        "finished": _finished(sheet.folder, shot) if shot else None,
    }  # fmt: skip


def _pick(sheet: _Sheet, name: str, found: Sequence[Variation]) -> str:
    if not found:
        return f"No pictures yet: vidsum broll make {sheet.at}"
    if sheet.picks.get(name):
        return f"Variation {sheet.picks[name]} is picked."
    if name in sheet.picks:
        return "None of them is wanted."
    return "None is picked yet."


def _variation(sheet: _Sheet, one: Variation, prompt: str) -> dict[str, Any]:
    picked = sheet.picks.get(one.scene) == one.number
    source = _address(sheet.folder, one.file) if one.state == "made" else ""
    offered = source and not picked
    pick = f"vidsum broll pick {sheet.at} {shlex.quote(f'{worded(one.scene)}={one.number}')}"
    again = f"vidsum broll make {sheet.at} --retry"
    return {
        "number": one.number, "picked": picked, "src": source, "width": one.width_px,
        "height": one.height_px, "none": _no_picture(one), "warning": _warning(one, prompt),
        "facts": list(_facts(one, prompt)),
        "command": pick if offered else again if one.state == "unknown" else "",
    }  # fmt: skip


def _no_picture(one: Variation) -> str:
    """Return what stands in the place of a picture that is not there."""
    if one.state == "made":
        return "The file is gone."
    told = "Failed." if one.state == "failed" else _UNANSWERED
    return f"No picture. {told} {worded(one.error)}".rstrip()


def _warning(one: Variation, prompt: str) -> str:
    """Return a warning where a picture is of something else, or its references changed nothing."""
    if one.prompt != prompt and one.state == "made":
        return "Made for an earlier prompt."
    gain, away = one.palette_gain, one.palette_distance
    if gain is None or steered(gain) or (away is not None and away <= NEAR):
        return ""
    return "The reference did not move its colours."


def _facts(one: Variation, prompt: str) -> Iterator[tuple[str, str]]:
    """Yield what is known of a variation; what is not known is a question mark."""
    yield "Seed", "?" if one.seed is None else str(one.seed)
    yield "Model", worded(f"{one.model} ({one.engine})")
    yield "Size", f"{one.width_px} × {one.height_px} px"
    if one.steps is not None:
        yield "Steps", str(one.steps)
    yield "Time", "?" if one.wall_s is None else f"{rounded(one.wall_s)} s"
    yield "Cost", money_cell(_cost((one,)))
    if one.references:
        yield "References", str(len(one.references))
    if one.palette_distance is not None:
        yield "Palette distance", f"{one.palette_distance:.2f}"
    if one.palette_gain is not None:
        yield "Palette gain", f"{one.palette_gain:+.2f}"
    if one.refined:
        yield "Refined", worded(one.refined)
    if one.prompt != prompt or one.refined:
        yield "Its prompt", worded(one.prompt)


def _cost(made: Sequence[Variation | FinishedShot]) -> Sum:
    """Return what it cost in billionths of a dollar, as far as that is known."""
    known = [one for one in made if one.cost_usd is not None]
    return Sum(
        float(sum(Decimal(one.cost_usd or 0) for one in known) * NANO), len(made) - len(known),
        any(one.cost_from == "estimated" for one in known),
    )  # fmt: skip


def _finished(folder: Path, shot: FinishedShot) -> dict[str, Any]:
    told = [f"Variation {shot.number}", f"{shot.width_px} × {shot.height_px} px"]
    if shot.upscaled_by:
        told.append(f"enlarged by {worded(shot.upscaled_by)}")
    if shot.clip:
        kind = "AI clip" if shot.clip_from == "ai" else "Ken Burns clip"
        told.append(kind if shot.clip_s is None else f"{kind} of {rounded(shot.clip_s)} s")
    if shot.error:
        told.append(f"no clip: {worded(shot.error)}")
    if shot.clip_from == "ai" or shot.cost_usd is None:
        told.append(f"cost {money_cell(_cost((shot,)))}")
    return {
        "src": _address(folder, shot.file), "clip": _address(folder, shot.clip),
        "width": shot.width_px, "height": shot.height_px, "told": ", ".join(told),
    }  # fmt: skip


def _totals(
    variations: Sequence[Variation],
    picks: Mapping[str, int | None],
    shots: Sequence[FinishedShot],
) -> Iterator[str]:
    """Yield what was made and what it cost, as far as the folder's own record knows."""
    count = {state: sum(one.state == state for one in variations)
             for state in ("made", "failed", "unknown")}  # fmt: skip
    parts = [f"{number(count['made'])} picture{'' if count['made'] == 1 else 's'} made"]
    parts += [f"{number(count['failed'])} failed"] if count["failed"] else []
    parts += [f"{number(count['unknown'])} unanswered"] if count["unknown"] else []
    picked = sum(1 for chosen in picks.values() if chosen)
    yield f"{', '.join(parts)}; {number(picked)} picked, {number(len(shots))} finished."
    everything: list[Variation | FinishedShot] = [*variations, *shots]
    if everything:
        yield f"Cost of what is shown here: {money_cell(_cost(everything))}."
