"""How far the frames of the video moved the pictures: measured beside a baseline, per scene.

A baseline is one picture of the scene's own prompt and first seed without references, of at most
512 × 512 pixels or so, since only its colours are looked at. The gain of a variation is how much
nearer to its references it is than that. Anything cheaper could not tell what the references did
from what the style sentence and the scene did: those are in both pictures. Baselines are made last,
count in the estimate and are kept like pictures; where pictures are paid for, only the first scene
gets one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vidsum.broll import look, palette
from vidsum.broll.estimating import is_paid
from vidsum.broll.made import Made
from vidsum.broll.orders import Order, Studio
from vidsum.pipeline.run import Run

if TYPE_CHECKING:
    from vidsum.data import Image, Scene, Variation


def baselines(
    run: Run, studio: Studio, made: Made, scenes: Sequence[Scene]
) -> tuple[Order, ...]:  # fmt: skip
    """Return the baselines that are missing: one a scene, one in all where pictures are paid for.

    One that nobody answered, or that came out as no picture, is not asked for again.
    """
    if not studio.steered:
        return ()
    once = is_paid(run, studio.engine, studio.baseline(scenes[0]).request)
    orders = ((studio.baseline(scene), made.baseline(scene.id))
              for scene in (scenes[:1] if once else scenes))  # fmt: skip
    return tuple(
        order for order, known in orders
        if known is None or known.key != order.wish.key or _gone(studio, known)
    )  # fmt: skip


def _gone(studio: Studio, known: Variation) -> bool:
    if known.state == "made":
        return studio.folder.picture(known.file) is None
    return known.state == "failed" and known.wall_s is None


def distance(order: Order, image: Image) -> float | None:
    """Return how far a picture is from its references; None without any."""
    if not order.pictures:
        return None
    apart = palette.distance(palette.cloud([image]), palette.cloud(order.pictures))
    return round(apart, 2)


def measured(
    run: Run, studio: Studio, made: Made, scenes: Sequence[Scene]
) -> tuple[Made, dict[str, float | None]]:
    """Return the record with the gain of each picture, and the mean by scene; None is unknown.

    Warns of scenes whose pictures the references hardly changed.
    """
    gains: dict[str, float | None] = {}
    for scene in scenes if studio.steered else ():
        found = _of_scene(studio, made, scene)
        for one in found:
            made = made.with_variation(one)
        gains[scene.id] = _mean([one.palette_gain for one in found])
        _warn(run, scene, found, gains[scene.id])
    return made, gains


def _of_scene(studio: Studio, made: Made, scene: Scene) -> tuple[Variation, ...]:
    """Return a scene's pictures of the plan as it is, with their gains; none without a baseline."""
    plain = made.baseline(scene.id)
    if plain is None or plain.key != studio.baseline(scene).wish.key or not plain.file:
        return ()
    without, anchors = studio.folder.picture(plain.file), studio.anchors(scene)
    if without is None:
        return ()
    found = []
    for one in made.of(scene.id):
        picture = studio.folder.picture(one.file) if one.references and one.file else None
        if picture is not None and one.key == studio.order(scene, one.number).wish.key:
            gain = round(palette.gain(without, picture, anchors), 2)
            found.append(replace(one, palette_gain=gain))
    return tuple(found)


def _warn(run: Run, scene: Scene, found: Sequence[Variation], gain: float | None) -> None:
    away = _mean([one.palette_distance for one in found])
    if gain is not None and away is not None and not look.steered(gain) and away > look.NEAR:
        run.note("broll-unmoved", f"The frames of the video hardly changed the pictures of "
                 f"{scene.id} (palette gain {gain:.1f}, distance {away:.1f}).")  # fmt: skip


def _mean(figures: Sequence[float | None]) -> float | None:
    known = [one for one in figures if one is not None]
    return sum(known) / len(known) if known else None
