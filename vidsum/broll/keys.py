"""What a picture is asked for with, and what it is known by: prompt, seed, key.

The same plan, the same look and the same model give the same keys, so that what exists is found
again; whatever would change the picture changes its key.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vidsum.wording import path_text

if TYPE_CHECKING:
    from vidsum.data import BrollPlan, Scene

_SEED_BITS: Final = 31
"""Every engine takes that many: some keep seeds in a signed 32-bit number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """All that decides what a picture looks like. ``references``: sha256 of their pixels, in hex.

    ``steps`` None: the model's own number. ``identity`` is the engine's.
    """

    prompt: str
    seed: int
    width_px: int
    height_px: int
    steps: int | None
    references: tuple[str, ...]
    identity: str

    @property
    def key(self) -> str:
        """What the picture is known by, in hex."""
        told = [self.prompt, self.seed, [self.width_px, self.height_px], self.steps,
                list(self.references), self.identity]  # fmt: skip
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def prompt_of(scene: Scene, style: str) -> str:
    """Return the prompt as it is sent: the scene's, and the style sentence word for word."""
    return f"{scene.prompt} {style}" if style else scene.prompt


def seed_of(plan: BrollPlan, scene: Scene, number: int) -> int:
    """Return the seed of a scene's variation: the first 31 bits of a hash of run and scene."""
    told = f"{plan.video_sha256 or path_text(plan.video)}|{scene.id}|{number}"
    first = hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()[:4]
    return int.from_bytes(first, "big") >> (32 - _SEED_BITS)
