"""No generator, honestly: says what would make pictures."""

from __future__ import annotations

from vidsum.broll.engines.protocol import (
    Capabilities,
    ImageEngine,
    ImageRequest,
    MadeImage,
    Stepped,
    ignore,
)
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.errors import BackendMissing
from vidsum.registry import Work

_HINT = ("Name one: --image-model MODEL for a model on this machine (vidsum models list), or "
         "--image-api openai --image-model NAME for a provider.")  # fmt: skip


def build(options: Options) -> ImageEngine:
    """Return the engine; it takes no options."""
    return NoEngine()


class NoEngine(ImageEngine):
    """Makes nothing. A source's own frame never stands in for a picture that was not made."""

    name = "none"
    model = ""
    identity = "none"
    capabilities = Capabilities(0, seed=False, most_images=1, usage=False, steps=False)
    work: Work = "light"

    def __init__(self) -> None:
        self.tally = Tally()

    def generate(self, request: ImageRequest, stepped: Stepped = ignore) -> tuple[MadeImage, ...]:
        """Raises: BackendMissing."""
        raise BackendMissing("No generator makes pictures here.", _HINT)

    def close(self) -> None:
        """Nothing is held."""
