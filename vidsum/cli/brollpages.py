"""What the commands of ``vidsum broll`` print: a page, or one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsum.broll.keys import prompt_of
from vidsum.reasoner.commands import as_argument
from vidsum.renderers.blocks import Heading, Item, Items, Page, Paragraph, Table
from vidsum.renderers.json import exact_json
from vidsum.wording import clock, counted, shown

if TYPE_CHECKING:
    from vidsum.broll.items import Item as Priced
    from vidsum.broll.items import Itemised
    from vidsum.data import BrollOutcome, FinishedShot, Receipt, Scene, Variation
    from vidsum.renderers.blocks import Block

_BY = {"upscale": "vidsum", "motion": "ffmpeg"}


def broll_json(
    found: BrollOutcome, receipt: Receipt | None = None, failures: Sequence[str] = ()
) -> str:  # fmt: skip
    """Return a folder's content, and what this call took, as one JSON object, unrounded."""
    return exact_json({"broll": found, "receipt": receipt, "failures": failures})


def estimate_object(found: Itemised) -> dict[str, Any]:
    """Return an estimate as a JSON object; what is unknown is null."""
    items = [
        {"part": one.part, "count": one.count, "model": one.model or None,
         "each_usd_nano": one.each_usd_nano, "each_cu": one.each_cu, "each_s": one.each_s,
         "price_source": one.price_source, "note": one.note}
        for one in found.items
    ]  # fmt: skip
    return {
        "items": items, "kept": found.kept, "unknown": found.unknown,
        "total_usd_nano": found.usd_nano, "prices": found.prices, "note": found.note,
    }  # fmt: skip


def broll_page(found: BrollOutcome) -> Page:
    """Return what a folder holds as a page."""
    return Page(f"B-roll for {found.plan.title or 'an untitled video'}", tuple(_blocks(found)))


def estimate_blocks(found: Itemised) -> tuple[Block, ...]:
    """Return what is missing, and what it would cost, part by part."""
    unknown = f"{counted(found.unknown, 'picture')} may have been paid for and did not come; " \
              "--retry asks again." if found.unknown else ""  # fmt: skip
    if not found.items:
        return (Paragraph(unknown or "All of it is there: nothing would be made."),)
    rows = tuple(_item(one) for one in found.items)
    total = f"In all: {found.totals}."
    kept = f"There already: {counted(found.kept, 'picture')}." if found.kept else ""
    notes = [Item("", text=f"{one.what}: {one.note}") for one in found.items if one.note]
    table = Table(("what", "by", "each", "compute each", "time each"), rows, figures=3)
    told = Paragraph(" ".join(filter(None, (total, kept, unknown, found.note))))
    return (table, told, *((Items(tuple(notes)),) if notes else ()))


def _item(one: Priced) -> tuple[str, ...]:
    money = "?" if one.each_usd_nano is None else f"${one.each_usd_nano / 1e9:.4g}"
    compute = "?" if one.each_cu is None else f"{one.each_cu:.3g} CU"
    seconds = "?" if one.each_s is None else f"{one.each_s:.0f} s"
    return one.what, one.model or _BY.get(one.part, ""), money, compute, seconds


def _blocks(found: BrollOutcome) -> Iterator[Block]:
    by = {"model": f"Planned by {found.plan.planner}.", "user": "Planned by hand.",
          "chapters": "Planned by rule, from the summary: no text model chose."}  # fmt: skip
    yield Paragraph(f"{by[found.plan.planned_by]} The plan: {shown(Path(found.folder))}/plan.toml")
    if found.plan.style:
        yield Paragraph(f"Style of all pictures: {found.plan.style}", quiet=True)
    for scene in found.plan.scenes:
        yield from _scene(found, scene)
    if not found.plan.scenes:
        yield Paragraph("No scene is planned.")
    for notice in found.notices:
        yield Paragraph(notice.message)


def _scene(found: BrollOutcome, scene: Scene) -> Iterator[Block]:
    yield Heading(f"{scene.id} · {clock(scene.start_s)}–{clock(scene.end_s)}")
    yield Paragraph(scene.brief)
    if scene.prompt_from == "template":
        yield Paragraph(f"The prompt is a template: {scene.flaw or 'no model wrote it'}",
                        quiet=True)  # fmt: skip
    mine = sorted((v for v in found.variations if v.scene == scene.id), key=lambda v: v.number)
    picked = found.picks.get(scene.id)
    if mine:
        prompt = prompt_of(scene, found.plan.style)
        rows = tuple(_variation(one, prompt, picked=one.number == picked) for one in mine)
        yield Table(("", "picture", "seed", "size", "seconds", "cost", "palette distance"), rows,
                    figures=5)  # fmt: skip
        yield from _remarks(mine, prompt)
    if scene.id in found.picks and picked is None:
        yield Paragraph("None of them is wanted.")
    shot = next((one for one in found.finished if one.scene == scene.id), None)
    if shot is not None and shot.number == picked:
        yield Paragraph(_finished(shot))


def _remarks(mine: Sequence[Variation], prompt: str) -> Iterator[Block]:
    """Yield what is to be said of pictures that are not there, or of something else."""
    lines = [f"{one.number}: {one.error or one.state}" for one in mine if one.state != "made"]
    lines += [f"{one.number}: of an earlier prompt: {one.prompt}" for one in mine
              if one.state == "made" and one.prompt != prompt]  # fmt: skip
    if lines:
        yield Items(tuple(Item("", text=line) for line in lines))


def _variation(one: Variation, prompt: str, *, picked: bool) -> tuple[str, ...]:
    name = one.file if one.state == "made" else one.state
    name += " *" if one.state == "made" and one.prompt != prompt else ""
    return (
        f"{one.number}, picked" if picked else f"{one.number}", name,
        "" if one.seed is None else str(one.seed),
        f"{one.width_px}×{one.height_px}", "" if one.wall_s is None else f"{one.wall_s:.1f}",
        _cost(one), "" if one.palette_distance is None else f"{one.palette_distance:.1f}",
    )  # fmt: skip


def _cost(one: Variation) -> str:
    """Return what a picture cost: money, and compute where that is known."""
    mark = "~" if one.cost_from == "estimated" else ""
    money = "?" if one.cost_usd is None else f"{mark}${one.cost_usd}"
    return money if one.cu is None else f"{money}, {one.cu:.3g} CU"


def _finished(shot: FinishedShot) -> str:
    told = f"Finished: {shot.file}, {shot.width_px}×{shot.height_px}"
    if shot.upscaled_by:
        told += f", enlarged by {shot.upscaled_by}"
    if shot.clip:
        told += f"; {shot.clip}, {shot.clip_s or 0:.1f} s"
    if shot.error:
        told += f"; no clip: {shot.error.rstrip('.')}"
    return f"{told}."


def next_step(found: BrollOutcome, folder: Path) -> str:
    """Return what comes next, in lines to copy from: no page breaks them, a shell takes them."""
    at = as_argument(str(folder), "FOLDER")
    if not found.plan.scenes:
        return f"Next: write a scene into {shown(folder)}/plan.toml, then: vidsum broll make {at}\n"
    seen = f"Side by side: {shown(folder)}/sheet.html\n" if found.variations else ""
    return f"{seen}Next: vidsum broll {_step(found, at)}\n"


def _step(found: BrollOutcome, at: str) -> str:
    """Return the command that comes next, its folder as a shell takes it."""
    planned = [scene.id for scene in found.plan.scenes]
    first: dict[str, int] = {}
    for one in sorted(found.variations, key=lambda one: one.number):
        if one.state == "made":
            first.setdefault(one.scene, one.number)
    made = [name for name in planned if name in first]
    if not made:
        lost = any(one.state == "unknown" for one in found.variations)
        return f"make {at} --retry" if lost else f"make {at}"
    undecided = [name for name in made if name not in found.picks]
    if undecided:
        return f"pick {at} {undecided[0]}={first[undecided[0]]}"
    picked = {name: found.picks[name] for name in planned if found.picks.get(name)}
    if not picked:
        return f'refine {at} {made[0]} "what is to be different"'
    done = {shot.scene: shot.number for shot in found.finished}
    return f"{'export' if picked.items() <= done.items() else 'finish'} {at}"
