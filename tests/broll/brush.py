"""An image engine that paints without a model, for tests of what goes on around engines."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from vidsum.broll import look
from vidsum.broll.engines.protocol import (
    Capabilities,
    ImageEngine,
    ImageRequest,
    MadeImage,
    Stepped,
    ignore,
)
from vidsum.broll.folder import BrollFolder
from vidsum.broll.marking import Marks, write_png
from vidsum.costs.tally import Tally
from vidsum.data import (
    Anchor,
    BrollPlan,
    Image,
    LookBook,
    ModelRef,
    PaletteColour,
    Quantities,
    Scene,
)
from vidsum.registry import Work

Deed = Callable[[ImageRequest], Image]
"""What is done in place of painting: it gives another picture, or raises."""
ABLE = Capabilities(4, seed=True, most_images=1, usage=True, steps=True, most_area_px=96 * 96)


class Brush(ImageEngine):
    """Paints a gradient by its seed, in the mean colour of its references; grey without any.

    Each request is a line of ``log`` before anything else, and a call at the tally. ``deeds`` by
    the number of the request, from 1. ``ref``: the model as price tables know it.
    """

    name = "brush"

    def __init__(
        self, log: Path, deeds: Mapping[int, Deed] | None = None, *, able: Capabilities = ABLE,
        ref: ModelRef | None = None, work: Work = "light", deaf: bool = False,
        identity: str = "brush-1 of oak",
    ) -> None:  # fmt: skip
        self.tally, self.work = Tally(), work
        self._able, self._identity = able, identity
        self._log, self._deeds, self._deaf = log, deeds or {}, deaf
        self._ref = ref or ModelRef(backend="brush", requested=self.model)
        self._asked = 0

    @property
    def model(self) -> str:
        return "brush-1"

    @property
    def identity(self) -> str:
        return self._identity

    @property
    def capabilities(self) -> Capabilities:
        return self._able

    def generate(self, request: ImageRequest, stepped: Stepped = ignore) -> tuple[MadeImage, ...]:
        pixels = request.width_px * request.height_px
        used = Quantities(calls=1, images=1, pixels=pixels, steps=4)
        with self.tally.open(self._ref, used, 3.2e12) as call:
            self._asked += 1
            _note(self._log, request)
            deed = self._deeds.get(self._asked)
            image = self.painted(request) if deed is None else deed(request)
            stepped(4, 4)
            call.settle(used, "measured", flops=3.2e12)
        seed = request.seed if self.capabilities.seed else None
        return (MadeImage(image, seed, 0.25, 4, None, "unknown", 1.0),)

    def painted(self, request: ImageRequest) -> Image:
        """Return what it paints: uint8 [h, w, 3]."""
        steered = request.references and not self._deaf
        base = (
            np.mean([one.reshape(-1, 3).mean(0) for one in request.references], 0)
            if steered
            else 90
        )
        ramp = np.linspace(-40, 40, request.width_px)[None, :, None]
        shift = (request.seed or 0) % 23
        rows = np.linspace(-9 - shift, 9 + shift, request.height_px)[:, None, None]
        return np.clip(base + ramp + rows + np.zeros(3), 0, 255).astype(np.uint8)

    def close(self) -> None:
        """Nothing is held."""


def _note(log: Path, request: ImageRequest) -> None:
    line = json.dumps({"reason": request.reason, "prompt": request.prompt, "seed": request.seed,
                       "size": [request.width_px, request.height_px],
                       "references": len(request.references)})  # fmt: skip
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


def asked(log: Path) -> list[str]:
    """Return the reasons of all requests so far, in order."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line)["reason"].removeprefix("B-roll ") for line in lines]


def scene(number: int, prompt: str = "") -> Scene:
    """Return a scene of five seconds."""
    return Scene(f"s{number:02}", 10.0 * number, 10.0 * number + 5, f"Thing {number}.",
                 prompt=prompt or f"A thing of kind {number}.", prompt_from="user")  # fmt: skip


def plan_of(*scenes: Scene, **more: object) -> BrollPlan:
    """Return a plan of scenes for a video of 320 × 180."""
    plan = BrollPlan(
        video="/films/a.mp4", video_sha256="ab" * 32, duration_s=120.0, width_px=320,
        height_px=180, fps=25.0, title="A film", style="In warm light.", scenes=scenes,
        planned_by="user",
    )  # fmt: skip
    return replace(plan, **more)  # type: ignore[arg-type]


def filled(folder: BrollFolder, *scenes: Scene, anchors: bool = True, **more: object) -> BrollPlan:
    """Write a plan and a look book with two warm frames into a folder; return the plan."""
    folder.create()
    plan = plan_of(*(scenes or (scene(1), scene(2))), **more)
    folder.write_plan(plan)
    names = [f"anchors/a{number}-{number:08x}.png" for number in (1, 2)] if anchors else []
    for place, name in enumerate(names):
        ramp = np.linspace(0, 50, 64)[None, :, None] + np.array((190, 110, 40 + 20 * place))
        image = np.broadcast_to(np.clip(ramp, 0, 255), (48, 64, 3)).astype(np.uint8)
        write_png(folder.path / name, np.ascontiguousarray(image), Marks("", "camera", "", ""))
    colours = (PaletteColour((0.6, 0.1, 0.1), "#be6e28", 1.0),)
    look.save(folder.path, LookBook(
        tuple(Anchor(15.0 * n, name, 100.0) for n, name in enumerate(names)), colours, "Warm.",
    ))  # fmt: skip
    return plan
