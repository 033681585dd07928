"""Which frames of the source stand for its look: sharp, lit, without text, from different shots.

The observations tell what each sample is, but their pictures are gone; so more moments than are
needed are sampled again, larger, measured, and the best of them kept.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vidsum.broll.palette import cloud, distance
from vidsum.errors import MediaError
from vidsum.media.picture import blank_kind, shrink, thumbnail
from vidsum.media.plan import Moments
from vidsum.pipeline.run import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsum.broll.palette import Points
    from vidsum.data import Bars, Evidence, Image, Observation

MOST: Final = 4
SIDE_PX: Final = 1024
"""The long side of an anchor: about what image models take a reference at."""
_CANDIDATES: Final = 12
_SHARPNESS_PX: Final = 512
_MOST_TEXT: Final = 0.10
"""Pictures with more text than this share are none to learn a look from: models copy it."""
_SECOND_RATE: Final = 0.3
_BAR_LUMA: Final = 28
_NOISE: Final = 2.0
_SAME_SHOT: Final = 0.30
"""Measured on the real clips: frames of one shot are 0.3 to 1 alike, or both to a third one (but
where the camera goes round what it shows); those of two shots 0 to 0.2."""
_REPEATED: Final = 0.9
_BLURRED: Final = 0.35
_WORTH: Final = 0.33
_EDGE_SHARE: Final = 0.04


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame that was sampled again. image: uint8 [h, w, 3] RGB, black bars cut off.

    ``sharpness`` and ``text_share`` as in :class:`vidsum.data.Anchor`; ``usual`` is False for a
    frame that is only taken for want of better.
    """

    time_s: float
    image: Image
    sharpness: float
    text_share: float | None
    usual: bool
    colours: Points


def candidates(evidence: Evidence) -> tuple[Observation, ...]:
    """Return up to twelve observations that may show the look, spread over time, in its order.

    None for a video of slides, titles and black alone. The time is cut into twelve equal parts,
    and each gives its best.
    """
    return _spread(evidence, [one for one in evidence.observations if _shows_look(one)])


def drawn_ones(evidence: Evidence) -> tuple[Observation, ...]:
    """Return up to twelve observations of anything but blank pictures: slides have colours too."""
    return _spread(evidence, [one for one in evidence.observations if not one.facts.blank])


def look_at(run: Run, wanted: Sequence[Observation]) -> tuple[Seen, ...]:
    """Sample the moments of observations again, larger, in a decode process of its own.

    What cannot be decoded is left out, and said. Raises: MediaError when the run was given up.
    """
    by_time = {one.sample.time_s: one for one in wanted}
    seen: list[Seen] = []
    if not by_time:
        return ()
    try:
        with (
            run.meter.stage("anchors", "video", "pyav") as account,
            run.open_decoder() as decoder,
        ):
            for frame in decoder.frames(Moments(tuple(by_time)), SIDE_PX, None):
                if blank_kind(frame.image) is None:
                    seen.append(_measured(by_time[frame.sample.target_s], frame.image))
            account.child_cpu_s = decoder.cpu_s
            account.add(frames=len(seen))
    except MediaError as exc:
        if run.stopped:
            raise
        run.note("anchors", f"Not all frames that B-roll takes its look from could be decoded: "
                 f"{exc.message}")  # fmt: skip
    return tuple(seen)


def choose(seen: Sequence[Seen], most: int = MOST) -> tuple[Seen, ...]:
    """Return up to ``most`` of the frames, in order of time, each from a shot of its own.

    First the best of all, then what is good and far in time from those before, as long as it is
    nearly as good as the best. Good is what is as sharp as most are, has no text, and colours that
    are usual for the video. Where all is one shot, two frames of it if they differ.
    """
    if not seen:
        return ()
    good, alike = _goodness(seen), _alikeness(seen)
    shots = _shots(alike)
    span_s = max(one.time_s for one in seen) - min(one.time_s for one in seen)
    chosen: list[int] = []
    left = [place for place, value in enumerate(good) if value >= _WORTH * max(good)]
    while left and len(chosen) < most:
        taken_s = [seen[place].time_s for place in chosen]
        values = [good[place] * _apart(taken_s, seen[place].time_s, span_s) for place in left]
        chosen.append(left[values.index(max(values))])
        others = [place for place in left if shots[place] != shots[chosen[-1]]]
        if not others and len(chosen) == 1:
            others = [place for place in left if alike[place, chosen[0]] < _REPEATED]
            most = 2
        left = others
    return tuple(seen[place] for place in sorted(chosen, key=lambda place: seen[place].time_s))


def text_share(seen: Observation) -> float | None:
    """Return how much of a picture is covered by lines of text, 0-1; None where nobody read it."""
    if seen.text is None:
        return None
    areas = [(line.right - line.left) * (line.bottom - line.top) for line in seen.text.lines]
    return min(1.0, max(0.0, sum(areas)))


def _shows_look(seen: Observation) -> bool:
    """Say whether a picture is one of the video's own kind: no slide, no title, not blank.

    A picture of two flat colours that nobody read may be a slide.
    """
    share = text_share(seen)
    if seen.facts.blank or seen.slide_like:
        return False
    if seen.facts.flat and (share is None or share > 0):
        return False
    return share is None or share <= _MOST_TEXT


def _is_usual(seen: Observation) -> bool:
    return seen.facts.brightness != "very dark" and not seen.facts.flat


def _spread(evidence: Evidence, usable: Sequence[Observation]) -> tuple[Observation, ...]:
    """Return the best observation of each twelfth of the time; all where there are few."""
    if len(usable) <= _CANDIDATES:
        return tuple(usable)
    part_s = max(evidence.end_s - evidence.start_s, 1e-6) / _CANDIDATES
    best: dict[int, tuple[tuple[bool, float, float], Observation]] = {}
    for one in usable:
        at = (one.sample.time_s - evidence.start_s) / part_s
        part = min(_CANDIDATES - 1, max(0, int(at)))
        rank = (not _is_usual(one), text_share(one) or 0.0, abs(at - part - 0.5))
        if part not in best or rank < best[part][0]:
            best[part] = (rank, one)
    return tuple(best[part][1] for part in sorted(best))


def _measured(seen: Observation, image: Image) -> Seen:
    content = np.ascontiguousarray(_without_bars(image, seen.facts.bars))
    return Seen(seen.sample.time_s, content, _sharpness(content), text_share(seen),
                _is_usual(seen), cloud([content]))  # fmt: skip


def _sharpness(image: Image) -> float:
    """Return the variance of the Laplacian of luma at 512 px on the long side."""
    import cv2

    grey = cv2.cvtColor(shrink(image, _SHARPNESS_PX), cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def _without_bars(image: Image, bars: Bars) -> Image:
    """Cut off black bars, and black rims as old cameras leave them: a model would copy both."""
    rows = _lit(image.max(axis=(1, 2)), whole=bars == "letterbox")
    columns = _lit(image.max(axis=(0, 2)), whole=bars == "pillarbox")
    return image[rows, columns]


def _lit(brightest: NDArray[np.uint8], *, whole: bool) -> slice:
    """Return which lines are no bars; without ``whole`` only a narrow rim can be.

    brightest: uint8 [n], the largest channel of each line.
    """
    lit = np.flatnonzero(brightest >= _BAR_LUMA)
    if not lit.size:
        return slice(None)
    first, last = int(lit[0]), int(lit[-1])
    rim = len(brightest) if whole else int(_EDGE_SHARE * len(brightest))
    return slice(first if first <= rim else 0,
                 last + 1 if len(brightest) - 1 - last <= rim else None)  # fmt: skip


def _goodness(seen: Sequence[Seen]) -> list[float]:
    """Return how fit each frame is to stand for the look, 0-1."""
    sharp = statistics.median(one.sharpness for one in seen)
    everything = np.concatenate([one.colours[:: len(seen)] for one in seen])
    odd = [distance(one.colours, everything) for one in seen]
    middle = statistics.median(odd)
    return [
        (min(1.0, one.sharpness / sharp) if sharp else 1.0)
        * (_BLURRED if one.sharpness < _BLURRED * sharp else 1.0)
        * (1 - (one.text_share or 0.0) / _MOST_TEXT / 2)
        * (1.0 if one.usual else _SECOND_RATE)
        * (1.0 if strange <= middle else (1 + middle) / (1 + strange))
        for one, strange in zip(seen, odd, strict=True)
    ]


def _apart(taken_s: Sequence[float], time_s: float, span_s: float) -> float:
    """Return 0.3-1: how far a time is from those that are taken; a fifth of the span is far."""
    if not taken_s or not span_s:
        return 1.0
    nearest_s = min(abs(time_s - one) for one in taken_s)
    return 0.3 + 0.7 * min(1.0, nearest_s / (span_s / 5))


def _alikeness(seen: Sequence[Seen]) -> NDArray[np.float64]:
    """Return how much of each two frames is as good as the same. float64 [n, n], 0-1.

    By cells of a thumbnail that differ by less than a fifth of their pictures' contrast: what
    moves in front of a camera that stands still leaves most as it is.
    """
    small = np.stack([thumbnail(one.image) for one in seen])
    contrast = small.std(axis=(1, 2))
    near = np.maximum(_NOISE, np.minimum(contrast[:, None], contrast[None]) / 5)
    apart = np.abs(small[:, None] - small[None])
    return np.asarray((apart <= near[:, :, None, None]).mean(axis=(2, 3)))


def _shots(alike: NDArray[np.float64]) -> list[int]:
    """Return the number of each frame's shot: those alike are of one, and what is alike to them."""
    shots = list(range(len(alike)))
    for one, other in np.argwhere(alike >= _SAME_SHOT).tolist():
        first, second = sorted((shots[one], shots[other]))
        shots = [first if shot == second else shot for shot in shots]
    return shots
