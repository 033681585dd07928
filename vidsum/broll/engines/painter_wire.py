"""What the program and its painter say to each other, on top of :mod:`vidsum.media.wire`.

The program sends ``{"do": "load", …}`` once and ``{"do": "paint", …}`` for each picture, with
the references' pixels one after the other, or ``{"do": "enlarge", …}`` with those of a picture. The
painter answers with any number of ``{"step": …}`` and one ``{"painted": …}`` or ``{"failed": …}``;
loading with ``{"loaded": …}`` or ``{"failed": …}``. ``cpu_s`` in each answer is what its process
has used so far.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from vidsum.data import Image
from vidsum.media.wire import BadMessage, Header

_MOST_SIDE_PX: Final = 1 << 14
_MOST: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Order:
    """A picture to paint. ``guidance``: classifier-free, 1 for none."""

    prompt: str
    width_px: int
    height_px: int
    seed: int
    steps: int
    guidance: float


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A picture: uint8 [h, w, 3] RGB, and how long it took."""

    image: Image
    paint_s: float


def load_message(files: Mapping[str, Path], threads: int) -> Header:
    """Return the request to load a model; names of files are bytes."""
    return {"do": "load", "threads": threads,
            "files": {role: os.fsencode(path).hex() for role, path in files.items()}}  # fmt: skip


def files_in(message: Header) -> dict[str, Path]:
    """Return the files that a request to load names."""
    return {role: Path(os.fsdecode(bytes.fromhex(name)))
            for role, name in message["files"].items()}  # fmt: skip


def paint_message(order: Order, references: Sequence[Image]) -> tuple[Header, bytes]:
    """Return the request for a picture. ``references``: uint8 [h, w, 3] RGB."""
    import numpy as np

    sizes = [reference.shape[1::-1] for reference in references]
    pixels = b"".join(np.ascontiguousarray(reference).tobytes() for reference in references)
    return {"do": "paint", "references": sizes} | asdict(order), pixels


def enlarge_message(image: Image) -> tuple[Header, bytes]:
    """Return the request to enlarge a picture, uint8 [h, w, 3] RGB."""
    import numpy as np

    height, width = image.shape[:2]
    header = {"do": "enlarge", "width_px": width, "height_px": height}
    return header, np.ascontiguousarray(image).tobytes()


def order_in(message: Header, pixels: bytes) -> tuple[Order, list[Image]]:
    """Return the picture that a request wants, and the references that steer it."""
    sizes = message["references"]
    order = Order(**{key: message[key] for key in Order.__dataclass_fields__})
    references, at = [], 0
    for width, height in sizes:
        end = at + 3 * width * height
        references.append(as_image(pixels[at:end], width, height))
        at = end
    return order, references


def painted_in(message: Header, pixels: bytes) -> Painted:
    """Return a picture that came. Raises: BadMessage: a painter that hostile weights have taken
    over may say anything."""
    width, height = _whole(message, "width_px"), _whole(message, "height_px")
    if not (width <= _MOST_SIDE_PX and height <= _MOST_SIDE_PX):
        raise BadMessage("a picture of no size")
    return Painted(as_image(pixels, width, height), seconds_in(message, "paint_s"))


def steps_in(message: Header) -> tuple[int, int]:
    """Return how many steps are done, and of how many. Raises: BadMessage."""
    step, steps = _whole(message, "step"), _whole(message, "of")
    if step > steps:
        raise BadMessage("a step after the last one")
    return step, steps


def seconds_in(message: Header, key: str) -> float:
    """Return a time. Raises: BadMessage."""
    found = message.get(key)
    if not isinstance(found, int | float) or isinstance(found, bool) or not 0 <= found <= _MOST:
        raise BadMessage(f"{key} is no time")
    return float(found)


def text_in(message: Header, key: str) -> str:
    """Return a text, "" where there is none."""
    found = message.get(key)
    return found if isinstance(found, str) else ""


def as_image(pixels: bytes, width: int, height: int) -> Image:
    """Return pixels as uint8 [h, w, 3]. Raises: BadMessage when they are not as many."""
    import numpy as np

    if len(pixels) != 3 * width * height:
        raise BadMessage("a picture that is not of its size")
    image: Any = np.frombuffer(pixels, np.uint8).reshape(height, width, 3)
    return image  # type: ignore[no-any-return]


def _whole(message: Header, key: str) -> int:
    found = message.get(key)
    if type(found) is not int or not 1 <= found <= _MOST:
        raise BadMessage(f"{key} is no number")
    return found
