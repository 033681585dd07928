"""Which sampled pictures are worth a closer look, and why the others are not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from vidsum.data import DroppedSample, Frame
from vidsum.media.picture import (
    BlankKind,
    blank_kind,
    changed_pixels,
    detail,
    largest_block_difference,
    sharpness,
    thumbnail,
)

if TYPE_CHECKING:
    from vidsum.media.picture import Detail, Thumbnail

_WRITTEN_PX = 24
"""So many pixels that change strongly, at 480 px, are a word or two. Source: measured on the real
clips and drawn slides: samples of one picture have 0, a changed line of text 85 to 733."""
_BLEND_LEAST, _BLEND_MOST = 0.15, 0.85
_BLEND_RESIDUAL = 3.0
_BLEND_SHARPNESS = 1.25

_T = TypeVar("_T")


def keep_distinct(
    frames: Iterable[Frame],
    *,
    threshold: float = 8.0,
    remember: int = 4,
    floor_s: float = 60.0,
) -> Iterator[Frame | DroppedSample]:
    """Yield one verdict a frame, in their order: the frame itself, or why it is dropped.

    - Black, white and plain frames are dropped as such. Until something is kept, one is dropped
      only if the frame after it has something on it, so that an all-black clip keeps its first
      frame: a video with frames never ends with none kept.
    - Else a frame is kept if without it more than ``floor_s`` would go by with none kept.
    - A frame whose largest block difference (0–255) to one of the last ``remember`` kept frames
      is ``threshold`` or less is dropped as ``duplicate``, and names the one it is most like,
      unless a few words' worth of pixels changed strongly: a subtitle, a line in a terminal. A
      new view is thus kept at its first frame, and a shot that comes back is not kept again.
    - A frame that is a blend of the two around it is dropped as ``transition``.

    At most three pictures are held at a time: the frame, the one before and the one after it.
    """
    judge = _Judge(threshold, remember, floor_s)
    looks = (
        _Look(frame, thumbnail(frame.image), detail(frame.image), blank_kind(frame.image))
        for frame in frames
    )
    for before, look, after in _with_neighbours(looks):
        yield judge.verdict(before, look, after)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """A frame with what every rule asks of it."""

    frame: Frame
    thumb: Thumbnail
    detail: Detail
    blank: BlankKind | None

    @property
    def time_s(self) -> float:
        return self.frame.sample.time_s


class _Judge:
    """The rules of :func:`keep_distinct`, and what was kept so far."""

    def __init__(self, threshold: float, remember: int, floor_s: float) -> None:
        self._threshold = threshold
        self._floor_s = floor_s
        self._kept: deque[_Kept] = deque(maxlen=remember)
        self._kept_s: float | None = None

    def verdict(
        self, before: _Look | None, look: _Look, after: _Look | None
    ) -> Frame | DroppedSample:
        """Return what becomes of a frame, given the ones around it."""
        sample = look.frame.sample
        if look.blank is not None:
            if self._kept_s is None and (after is None or after.blank is not None):
                return self._keep(look)
            return DroppedSample(sample, look.blank)
        if self._is_due(look, after):
            return self._keep(look)
        twin = self._twin(look)
        if twin is not None:
            return DroppedSample(sample, "duplicate", same_as=twin)
        if before and after and _is_blend(before, look, after, self._threshold):
            return DroppedSample(sample, "transition")
        return self._keep(look)

    def _keep(self, look: _Look) -> Frame:
        self._kept_s = look.time_s
        # A blank one is not remembered: next to black, a very dark picture looks the same.
        if look.blank is None:
            self._kept.append(_Kept(look.frame.sample.index, look.thumb, look.detail))
        return look.frame

    def _is_due(self, look: _Look, after: _Look | None) -> bool:
        """Say whether dropping this frame would leave a gap of more than the floor."""
        if self._kept_s is None:
            return False
        next_s = after.time_s if after else look.time_s
        return next_s - self._kept_s > self._floor_s

    def _twin(self, look: _Look) -> int | None:
        """Return the index of the remembered frame that this one repeats, the last of equals."""
        likeness = {
            kept.index: largest_block_difference(look.thumb, kept.thumb)
            for kept in reversed(self._kept)
            if changed_pixels(look.detail, kept.detail) <= _WRITTEN_PX
        }
        twin = min(likeness, key=likeness.__getitem__, default=None)
        return twin if twin is not None and likeness[twin] <= self._threshold else None


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What is remembered of a kept frame: not its picture."""

    index: int
    thumb: Thumbnail
    detail: Detail


def _is_blend(before: _Look, look: _Look, after: _Look, threshold: float) -> bool:
    """Say whether a picture is a fade from the one before it to the one after it.

    It must differ from both, be a weighted mean of the two everywhere, and be as soft as such a
    mean is: with weights w and 1−w, unrelated details of variances a and b leave w²a + (1−w)²b.
    A slide that gains a line, or a scene that slowly lights up, is sharper than that.
    """
    pairs = ((look, before), (look, after), (before, after))
    if min(largest_block_difference(a.thumb, b.thumb) for a, b in pairs) <= threshold:
        return False
    span = before.thumb - after.thumb
    weight = float(((look.thumb - after.thumb) * span).sum() / (span * span).sum())
    if not _BLEND_LEAST <= weight <= _BLEND_MOST:
        return False
    blend = weight * before.thumb + (1 - weight) * after.thumb
    if largest_block_difference(look.thumb, blend) > _BLEND_RESIDUAL:
        return False
    softness = weight**2 * sharpness(before.frame.image)
    softness += (1 - weight) ** 2 * sharpness(after.frame.image)
    return sharpness(look.frame.image) <= _BLEND_SHARPNESS * softness


def _with_neighbours(items: Iterable[_T]) -> Iterator[tuple[_T | None, _T, _T | None]]:
    """Yield each item with the one before and the one after it, reading one ahead."""
    before: _T | None = None
    current: _T | None = None
    for after in items:
        if current is not None:
            yield before, current, after
        before, current = current, after
    if current is not None:
        yield before, current, None
