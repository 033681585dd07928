"""The seam that every captioner fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from vidsum.captioners.notebook import Notebook
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Caption, PictureFacts, Sample, ScreenText
from vidsum.registry import Work

if TYPE_CHECKING:
    from vidsum.data import Image


_USUAL_LOOKS: Final = 3


def most_looks(options: Options) -> int:
    """Return how many moments a reasoner may ask to see again where a model looks at pictures."""
    return _USUAL_LOOKS if options.second_look is None else options.second_look


@dataclass(frozen=True, slots=True, eq=False)
class CaptionRequest:
    """A sample with what is known of its picture already.

    ``image`` is the picture itself, for captioners that look at pixels; None for those that
    say ``needs_pixels = False``. ``speech`` is what is being said around the moment, empty when
    unknown or for captioners that say ``wants_speech = False``; it is untrusted. ``alone``: the
    request before it is not of the picture before it, so nothing is told of that. ``question``:
    what is to be answered from this picture; a model made it from untrusted content.
    """

    sample: Sample
    facts: PictureFacts
    text: ScreenText | None = None
    image: Image | None = None
    speech: str = ""
    alone: bool = False
    question: str = ""


class Captioner(Protocol):
    """Describes pictures. It yields exactly one caption a request, in their order.

    It may pull several requests ahead before it yields, but pulls them in the thread that asks
    it for captions. A picture that it fails on gets a caption with ``error``; when nothing more
    can be expected (no answer from the provider, a model that does not load) it yields what it
    still has, and then raises.

    ``notebook``, of those that ask a model, keeps what it said between runs, where somebody set
    its ``answers``: the same question about the same picture is then not asked twice, and a cap
    that is reached takes nothing of what is kept.
    """

    name: str
    needs_pixels: bool
    wants_speech: bool
    work: Work
    tally: Tally
    notebook: Notebook | None = None

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[Caption]:
        """Yield a caption for each request. Raises: BackendMissing, BackendFailed."""
        ...

    def close(self) -> None:
        """Let go of the model or the connections; may be called twice."""
        ...
