"""Generated B-roll: the scenes, the look that they share, and the pictures that were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vidsum.data.evidence import Notice

PromptFrom = Literal["", "model", "template", "user"]
"""Who wrote a scene's prompt: a model, vidsum's own template after a model failed or where there is
none, or the user; empty while there is none."""
PlannedBy = Literal["model", "chapters", "user"]
VariationState = Literal["made", "failed", "unknown"]
"""``unknown``: nobody answered, and nobody knows whether it was paid for."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A stretch of the video that is worth a new picture.

    ``brief`` says in a sentence what is to be seen, ``why`` what it illustrates; ``evidence`` are
    ids of timeline entries. ``prompt`` is what an image model is asked, the style sentence not
    included; ``flaw`` why it is only a template.
    """

    id: str
    start_s: float
    end_s: float
    brief: str
    why: str = ""
    evidence: tuple[str, ...] = ()
    prompt: str = ""
    prompt_from: PromptFrom = ""
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class BrollPlan:
    """Which scenes are illustrated, and the style sentence that all prompts share word for word.

    ``width_px`` × ``height_px`` and ``fps`` are those of the source as displayed; 0 and None for a
    source without a picture. ``planner`` names the model, "" where none was asked.
    """

    video: str
    video_sha256: str | None
    duration_s: float
    width_px: int
    height_px: int
    fps: float | None
    title: str
    style: str
    scenes: tuple[Scene, ...]
    planned_by: PlannedBy
    planner: str = ""


@dataclass(frozen=True, slots=True)
class PaletteColour:
    """A colour in OKLab (L 0-1, a and b about ±0.4), as ``#rrggbb``, and its share (0-1)."""

    oklab: tuple[float, float, float]
    hex: str
    share: float


@dataclass(frozen=True, slots=True)
class Anchor:
    """A frame of the source that steers pictures. ``file`` is its PNG's name in the B-roll folder.

    ``sharpness`` is the variance of its Laplacian at 512 px, ``text_share`` (0-1) how much of it
    is covered by text; None where nobody read it.
    """

    time_s: float
    file: str
    sharpness: float
    text_share: float | None = None


@dataclass(frozen=True, slots=True)
class LookBook:
    """How the source looks: anchors from different shots, its palette, its style in a sentence."""

    anchors: tuple[Anchor, ...]
    palette: tuple[PaletteColour, ...]
    style: str


@dataclass(frozen=True, slots=True)
class Variation:
    """One picture of a scene, or why there is none.

    ``number`` counts from 1 within the scene, on over refinements. ``key`` is what the picture is
    known by: prompt, seed, references, size, parameters, model. ``file`` is its PNG's name in the
    folder, "" without one. ``palette_distance`` is to the anchors, ``palette_gain`` how much nearer
    than without references; None where it was not measured. ``cost_usd`` as decimal text; None
    is unknown; ``cost_from`` the origin of that figure. ``error`` says why there is no picture.
    ``refined`` is the user's note that it was made for.
    """

    scene: str
    number: int
    key: str
    state: VariationState
    prompt: str
    seed: int | None
    model: str
    engine: str
    width_px: int
    height_px: int
    file: str = ""
    references: tuple[str, ...] = ()
    steps: int | None = None
    wall_s: float | None = None
    cu: float | None = None
    cost_usd: str | None = None
    cost_from: str = "unknown"
    palette_distance: float | None = None
    palette_gain: float | None = None
    error: str = ""
    refined: str = ""


ClipFrom = Literal["", "kenburns", "ai"]


@dataclass(frozen=True, slots=True)
class FinishedShot:
    """A picked picture in the source's size, and its clip. Files are names in the B-roll folder.

    ``upscaled_by`` is ``lanczos`` or a model's name, "" where nothing had to be enlarged;
    ``clip`` is "" without one. ``cost_usd`` as in :class:`Variation`, "0" where nothing was asked.
    ``signed``: with the user's own certificate. ``error`` says why there is no clip by a model.
    """

    scene: str
    number: int
    file: str
    width_px: int
    height_px: int
    upscaled_by: str = ""
    clip: str = ""
    clip_from: ClipFrom = ""
    clip_s: float | None = None
    fps: float | None = None
    cost_usd: str | None = "0"
    cost_from: str = "measured"
    signed: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class BrollOutcome:
    """All that a B-roll folder holds, with its path.

    ``picks`` has the number of the variation that is wanted by scene, None where none is.
    ``exports`` are the paths of timelines that were written by this call, ``notices`` what the user
    should know of it.
    """

    folder: str
    plan: BrollPlan
    look: LookBook | None
    variations: tuple[Variation, ...]
    picks: Mapping[str, int | None]
    finished: tuple[FinishedShot, ...]
    exports: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
