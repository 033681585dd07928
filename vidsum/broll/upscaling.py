"""A picked picture in the size of the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vidsum.broll import soundness
from vidsum.costs.tally import Tally
from vidsum.data import Image
from vidsum.errors import RequestFailed
from vidsum.registry import Work

LANCZOS = "lanczos"
_WITHOUT = "Without a model, Lanczos does it."


class Upscaler(Protocol):
    """A model that enlarges pictures by a factor of its own.

    ``name`` is what a user calls it; ``cpu_s`` what a process of its own has used so far. It binds
    its calls to ``tally``.
    """

    name: str
    tally: Tally
    work: Work

    @property
    def cpu_s(self) -> float:
        """CPU seconds."""
        ...

    def enlarge(self, image: Image) -> Image:
        """Return a picture, uint8 [h, w, 3] RGB, enlarged. Raises: BackendFailed."""
        ...

    def close(self) -> None:
        """Let go of the model; may be called twice."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Sized:
    """A picture, uint8 [h, w, 3] RGB, in the size that was asked for.

    ``upscaled_by`` is ``lanczos`` or a model's name, "" where nothing had to be enlarged.
    """

    image: Image
    upscaled_by: str


def bring_to(
    image: Image, width_px: int, height_px: int, upscaler: Upscaler | None = None
) -> Sized:
    """Return a picture in a size; its shape is the caller's matter (see :mod:`sizes`).

    Where it has to be enlarged, an upscaler is asked once, and Lanczos does what is left to the
    exact size; without one Lanczos does it all. Raises: BackendFailed.
    """
    height, width = image.shape[:2]
    if width >= width_px and height >= height_px:
        return Sized(_resized(image, width_px, height_px), "")
    if upscaler is None:
        return Sized(_resized(image, width_px, height_px), LANCZOS)
    larger = upscaler.enlarge(image)
    if larger.shape[0] <= height or larger.shape[1] <= width:
        raise RequestFailed(f"{upscaler.name} did not enlarge the picture.", _WITHOUT)
    flaw = soundness.check(larger)
    if flaw:
        raise RequestFailed(f"What {upscaler.name} made of it is no picture: {flaw}.", _WITHOUT)
    return Sized(_resized(larger, width_px, height_px), upscaler.name)


def _resized(image: Image, width_px: int, height_px: int) -> Image:
    import numpy as np
    from PIL import Image as Pillow

    if image.shape[:2] == (height_px, width_px):
        return image
    picture = Pillow.fromarray(image)
    resized = picture.resize((width_px, height_px), Pillow.Resampling.LANCZOS)
    return np.asarray(resized, np.uint8)
