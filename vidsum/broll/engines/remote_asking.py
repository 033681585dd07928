"""How to ask a provider for pictures, and how to ask otherwise when a parameter is refused."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from vidsum.backends.refusals import Refusal
from vidsum.broll.engines.protocol import Capabilities, ImageRequest
from vidsum.broll.engines.remote_models import Family, SeedAs
from vidsum.errors import OptionError

if TYPE_CHECKING:
    from vidsum.data import Image

REFERENCE_PX: Final = 1024
"""Longest side of a reference as it is sent: more costs tokens and time, and a look has no more."""
_TAG: Final = "sd_cpp_extra_args"
_REFUSALS: Final = {
    name: re.compile(rf"(?<![a-z]){form}(?![a-z])", re.IGNORECASE)
    for name, form in (("b64_json", "response_format"), ("seed_as", "seed"),
                       ("quality", "quality"), ("several", r"(n=|['\"`\[ .]n['\"`\]:])"))
}  # fmt: skip
"""What a refusal says of a parameter: ``Unknown parameter: 'seed'``, ``n=1``, ``["body", "n"]``."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a model was found to take. ``several``: more than one picture a request."""

    seed_as: SeedAs
    b64_json: bool
    quality: str
    several: bool = True
    references: bool = True

    @classmethod
    def of(cls, family: Family) -> Dialect:
        """Return how to begin."""
        return cls(family.seed_as, family.b64_json, family.quality)


def able(family: Family, dialect: Dialect) -> Capabilities:
    """Return what a model can do, less what turned out not to be so."""
    can = family.capabilities
    return replace(
        can, seed=can.seed and dialect.seed_as != "",
        most_images=can.most_images if dialect.several else 1,
        most_references=can.most_references if dialect.references else 0,
    )  # fmt: skip


def arguments(dialect: Dialect, request: ImageRequest, model: str) -> dict[str, Any]:
    """Return a request as the SDK's ``images.generate`` takes it, without its references."""
    found: dict[str, Any] = {
        "model": model,
        "prompt": _prompt(dialect, request),
        "size": f"{request.width_px}x{request.height_px}",
    }
    if dialect.several:
        found["n"] = request.count
    if dialect.b64_json:
        found["response_format"] = "b64_json"
    if dialect.quality:
        found["quality"] = dialect.quality
    if dialect.seed_as == "field" and request.seed is not None:
        found["extra_body"] = {"seed": request.seed}
    return found


def _prompt(dialect: Dialect, request: ImageRequest) -> str:
    """Return the prompt with the parameters that stable-diffusion.cpp's server reads out of it."""
    plain = request.prompt.replace(_TAG, _TAG.replace("_", " "))  # a model or a video may say it
    if dialect.seed_as != "prompt":
        return plain
    told: dict[str, Any] = {} if request.seed is None else {"seed": request.seed}
    if request.steps is not None:
        told["sample_params"] = {"sample_steps": request.steps}
    return f"{plain}<{_TAG}>{json.dumps(told)}</{_TAG}>" if told else plain


def files(request: ImageRequest) -> list[tuple[str, bytes, str]]:
    """Return the references as ``images.edit`` takes them: PNG files, for their colours count."""
    return [
        (f"reference-{number}.png", _png(picture), "image/png")
        for number, picture in enumerate(request.references, 1)
    ]


def _png(image: Image) -> bytes:
    import numpy as np
    from PIL import Image as Pillow

    picture = Pillow.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((REFERENCE_PX, REFERENCE_PX), Pillow.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def adapted(dialect: Dialect, refusal: Refusal, said: str) -> Dialect | None:
    """Return another way to ask, if the refusal names a parameter that was sent; else None.

    ``said`` is what it says, without the words of the prompt.
    """
    if refusal.kind != "status" or refusal.status not in (400, 422):
        return None
    without: Mapping[str, Any] = {
        "b64_json": False, "seed_as": "", "quality": "", "several": False,
    }  # fmt: skip
    for name, form in _REFUSALS.items():
        if getattr(dialect, name) and form.search(said):
            return replace(dialect, **{name: without[name]})
    return None


def check(request: ImageRequest, can: Capabilities, called: str) -> None:
    """Refuse what a model cannot do. Raises: OptionError."""
    width, height = request.width_px, request.height_px
    if request.references and not can.most_references:
        raise OptionError(f"{called} takes no references.", NO_REFERENCES)
    if len(request.references) > can.most_references:
        raise OptionError(f"{called} takes {can.most_references} references at most, not "
                          f"{len(request.references)}.", NO_REFERENCES)  # fmt: skip
    if request.count > can.most_images:
        raise OptionError(f"{called} makes {can.most_images} pictures at once, not "
                          f"{request.count}.")  # fmt: skip
    if request.steps is not None and not can.steps:
        raise OptionError(f"The sampling steps of {called} cannot be chosen.",
                          "Leave out --image-steps.")  # fmt: skip
    if not _makes(can, width, height):
        offered = ", ".join(f"{w}x{h}" for w, h in can.sizes)
        raise OptionError(f"{called} makes no pictures of {width}x{height}.",
                          f"It makes {offered}." if offered else "")  # fmt: skip


NO_REFERENCES: Final = "--ref none makes pictures without them."


def _makes(can: Capabilities, width: int, height: int) -> bool:
    if can.sizes:
        return (width, height) in can.sizes
    whole = width % can.multiple_px == 0 == height % can.multiple_px
    shaped = max(width, height) <= can.most_aspect * min(width, height)
    return whole and shaped and can.least_area_px <= width * height <= can.most_area_px
