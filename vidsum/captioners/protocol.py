"""The seam that every captioner fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vidsum.data import Caption, PictureFacts, Sample, ScreenText

if TYPE_CHECKING:
    from vidsum.data import Image


@dataclass(frozen=True, slots=True, eq=False)
class CaptionRequest:
    """A sample with what is known of its picture already.

    ``image`` is the picture itself, for captioners that look at pixels; None for those that
    say ``needs_pixels = False``. ``speech`` is what is being said around the moment, empty when
    unknown.
    """

    sample: Sample
    facts: PictureFacts
    text: ScreenText | None = None
    image: Image | None = None
    speech: str = ""


class Captioner(Protocol):
    """Describes pictures, in order. It yields exactly one caption a request, in their order."""

    name: str
    needs_pixels: bool

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[Caption]:
        """Yield a caption for each request. Raises: BackendFailed."""
        ...
