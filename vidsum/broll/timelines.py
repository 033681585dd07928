"""Where finished shots lie over the source: whole frames, at a rate that editing programs know."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from vidsum.data import BrollPlan, FinishedShot, Scene, Variation
from vidsum.errors import OptionError
from vidsum.wording import clock, escaped, safe, shown

AI_GENERATED: Final = "AI-generated"
_STANDARD: Final = (
    Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30),
    Fraction(50), Fraction(60000, 1001), Fraction(60),
)  # fmt: skip
_DROPPING: Final = (Fraction(30000, 1001), Fraction(60000, 1001))
_NO_PICTURE: Final = Fraction(25)
_SLOW_FPS: Final = 23.0
"""Below it a rate is laid on its multiple: a timeline of 15 frames a second exists nowhere."""
_SAME: Final = 2e-4
"""Two rates that differ by less are one: 23.98 is 23.976, and 29.97 is not 30."""
_DAY_H: Final = 24
_TIME_CODE: Final = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;])(\d\d)", re.ASCII)
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A finished shot on the timeline: frames at the timeline's rate, from the source's first.

    ``variation`` is what is known of how it was made; None where nothing is.
    """

    scene: Scene
    shot: FinishedShot
    variation: Variation | None
    file: Path
    at_frames: int
    length_frames: int

    @property
    def still(self) -> bool:
        """Whether it is a picture that stands, and no clip."""
        return not self.shot.clip

    @property
    def name(self) -> str:
        """Its file's name, by which editing programs find it again."""
        return worded(self.file.name)

    @property
    def end_frames(self) -> int:
        """The first frame after it."""
        return self.at_frames + self.length_frames

    @property
    def prompt(self) -> str:
        """What the image model was asked."""
        return worded(self.variation.prompt if self.variation else self.scene.prompt)

    @property
    def facts(self) -> dict[str, str | int]:
        """What is told of it besides its times; what is not known is left out."""
        known: dict[str, str | int] = {
            "scene": worded(self.scene.id), "variation": self.shot.number,
            "brief": worded(self.scene.brief), "prompt": self.prompt,
        }  # fmt: skip
        if self.variation is not None:
            known["model"] = worded(self.variation.model)
            if self.variation.seed is not None:
                known["seed"] = self.variation.seed
        return known

    @property
    def note(self) -> str:
        """The same in one sentence for a person."""
        made = self.facts
        by = f" by {made['model']}" if made.get("model") else ""
        seed = f", seed {made['seed']}" if "seed" in made else ""
        return f"{AI_GENERATED}{by}{seed}, scene {made['scene']}: {made['prompt']}"


@dataclass(frozen=True, slots=True)
class Layout:
    """A timeline as all formats tell it: the source, and shots over it that do not overlap.

    ``rate`` is in frames a second, ``start_frames`` the time code of the first frame, with frame
    numbers dropped where ``drop``. ``picture`` and ``sound``: what the source has. ``notes`` say
    where this is not what the plan and the picks ask for.
    """

    title: str
    video: Path
    rate: Fraction
    length_frames: int
    start_frames: int
    drop: bool
    width_px: int
    height_px: int
    picture: bool
    sound: bool
    placed: tuple[Placed, ...]
    notes: tuple[str, ...]


def worded(text: str) -> str:
    """Return text on one line, fit for XML and JSON; bytes that were no UTF-8 as ``\\xNN``."""
    return _ILLEGAL.sub("", safe(text))


def frames(seconds: float, rate: Fraction) -> int:
    """Return the frame that is nearest to a time."""
    return math.floor(Fraction(seconds) * rate + Fraction(1, 2))


def standard_rate(fps: float | None) -> tuple[Fraction, bool]:
    """Return the rate of a timeline for a source, in frames a second, and whether it fits it.

    Slow sources fit a multiple of their own rate. One with no rate gets 25.
    """
    if fps is None or not math.isfinite(fps) or fps <= 0:
        return _NO_PICTURE, False
    parts = (1,) if fps >= _SLOW_FPS else (1, 2, 3, 4, 5)
    pairs = [(abs(fps - rate / part) / fps, rate) for part in parts for rate in _STANDARD]
    off, rate = min(pairs, key=lambda pair: pair[0])
    return rate, off < _SAME


def time_code(at_frames: int, rate: Fraction, drop: bool) -> str:
    """Return a frame's time code, ``00:01:00;02`` where numbers are dropped.

    With 29.97 frames a second, numbers 0 and 1 of each minute but the tenth are left out, so that
    the code keeps up with the clock; with 59.94 numbers 0 to 3. Source: SMPTE ST 12-1.
    """
    base = round(rate)
    if drop:
        dropped = base // 15
        tens, rest = divmod(at_frames, base * 600 - 9 * dropped)
        minutes = max(0, rest - dropped) // (base * 60 - dropped)
        at_frames += dropped * (9 * tens + minutes)
    whole, part = divmod(at_frames, base)
    mark = ";" if drop else ":"
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{mark}{part:02}"


def frame_of(code: str, rate: Fraction) -> tuple[int, bool] | None:
    """Return a time code's frame, and whether numbers are dropped; None when it is none."""
    found = _TIME_CODE.fullmatch(code.strip())
    base = round(rate)
    if found is None or int(found[5]) >= base or int(found[1]) >= _DAY_H:
        return None
    hours, minutes, seconds, part = (int(found[place]) for place in (1, 2, 3, 5))
    drop = found[4] == ";" and rate in _DROPPING
    counted = ((hours * 60 + minutes) * 60 + seconds) * base + part
    if drop:
        whole = hours * 60 + minutes
        counted -= base // 15 * (whole - whole // 10)
    return counted, drop


def lay_out(
    folder: Path,
    plan: BrollPlan,
    variations: Sequence[Variation],
    picks: Mapping[str, int | None],
    shots: Sequence[FinishedShot],
    video: Path,
    *,
    start: str = "",
    sound: bool = True,
) -> Layout:
    """Return the timeline of a plan's picks. ``start`` is the time code that the source begins at.

    Raises: OptionError when nothing is picked, a pick is not finished, or ``start`` is no time
    code.
    """
    rate, fits = standard_rate(plan.fps)
    first = _first(start, rate)
    wanted = [_at(plan, scene, shot, file, variations, rate)
              for scene, shot, file in _picked(folder, plan, picks, shots)]  # fmt: skip
    length = frames(plan.duration_s, rate) or max(one.end_frames for one in wanted)
    placed, moved = _side_by_side(wanted, length)
    if not placed:
        raise OptionError("No shot lies within the video.", " ".join(moved))
    return Layout(
        title=worded(plan.title) or worded(video.stem), video=video, rate=rate,
        length_frames=length, start_frames=first[0] if first else 0,
        drop=first[1] if first else rate in _DROPPING,
        width_px=plan.width_px or placed[0].shot.width_px,
        height_px=plan.height_px or placed[0].shot.height_px,
        picture=plan.width_px > 0, sound=sound, placed=placed,
        notes=(*_rate_notes(plan.fps, rate, fits), *_lost_notes(plan, picks), *moved),
    )  # fmt: skip


def _lost_notes(plan: BrollPlan, picks: Mapping[str, int | None]) -> Iterator[str]:
    """Say which picks are of scenes that were taken out of the plan."""
    known = {scene.id for scene in plan.scenes}
    for lost in (name for name, number in picks.items() if number and name not in known):
        yield f"{worded(lost)} is picked, and the plan has no such scene: it is left out."


def _picked(
    folder: Path, plan: BrollPlan, picks: Mapping[str, int | None], shots: Sequence[FinishedShot]
) -> Iterator[tuple[Scene, FinishedShot, Path]]:
    """Yield the finished shot of each pick, in the plan's order. Raises: OptionError."""
    if not any(picks.get(scene.id) for scene in plan.scenes):
        raise OptionError("Nothing is picked yet, so there is nothing to export.",
                          "Pick a variation: vidsum broll pick FOLDER s01=1")  # fmt: skip
    finished = {(shot.scene, shot.number): shot for shot in shots}
    for scene in plan.scenes:
        number = picks.get(scene.id)
        if number:
            shot = finished.get((scene.id, number))
            if shot is None:
                raise OptionError(f"Variation {number} of {escaped(scene.id)} is picked and not "
                                  "finished.", "Finish it: vidsum broll finish FOLDER")  # fmt: skip
            yield scene, shot, _file(folder, shot)


def _file(folder: Path, shot: FinishedShot) -> Path:
    """Return the file that goes on the timeline. Raises: OptionError."""
    path = (folder / (shot.clip or shot.file)).absolute()
    if not path.is_file():
        raise OptionError(f"{shown(path)} is not there any more.",
                          "Make it again: vidsum broll finish FOLDER")  # fmt: skip
    return path


def _at(
    plan: BrollPlan, scene: Scene, shot: FinishedShot, file: Path,
    variations: Sequence[Variation], rate: Fraction,
) -> Placed:  # fmt: skip
    """Return a shot at its scene's start, as long as the scene or as its clip goes."""
    at = frames(max(0.0, scene.start_s), rate)
    length = frames(max(scene.start_s, scene.end_s), rate) - at
    if shot.clip and shot.clip_s is not None:
        length = min(length, frames(shot.clip_s, rate))
    made = (one for one in variations if (one.scene, one.number) == (scene.id, shot.number))
    return Placed(scene, shot, next(made, None), file, at, max(1, length))


def _side_by_side(
    wanted: Sequence[Placed], length_frames: int
) -> tuple[tuple[Placed, ...], list[str]]:
    """Return shots that do not overlap, and what gave way: each begins where it was asked to.

    So a shot ends early where the next one begins. Of two that begin at once the plan's later one
    stays.
    """
    placed, notes = [], []
    order = sorted(wanted, key=lambda one: one.at_frames)
    for one, after in zip(order, [*order[1:], None], strict=True):
        room = length_frames if after is None else min(length_frames, after.at_frames)
        left = min(one.length_frames, room - one.at_frames)
        if left <= 0:
            why = "the video ends before it"
            if after is not None and one.at_frames < length_frames:
                why = f"{worded(after.scene.id)} begins at the same time"
            notes.append(f"{worded(one.scene.id)} is left out: {why}.")
            continue
        if left < one.length_frames and after is not None and room == after.at_frames:
            notes.append(f"{worded(one.scene.id)} ends at {clock(after.scene.start_s)}, where "
                         f"{worded(after.scene.id)} begins.")  # fmt: skip
        placed.append(replace(one, length_frames=left))
    return tuple(placed), notes


def _rate_notes(fps: float | None, rate: Fraction, fits: bool) -> Iterator[str]:
    if fps is None:
        yield f"The source has no frame rate; the timeline has {float(rate):g} frames a second."
    elif not fits:
        yield (f"The source has {fps:.6g} frames a second on average; the timeline has "
               f"{float(rate):.5g}, the nearest standard rate.")  # fmt: skip


def _first(start: str, rate: Fraction) -> tuple[int, bool] | None:
    """Return the frame of a time code; None where none was given. Raises: OptionError."""
    first = frame_of(start, rate)
    if start and first is None:
        raise OptionError(
            f"{escaped(start)} is no time code at {float(rate):.5g} frames a second.",
            "Write hours, minutes, seconds and frames: 01:00:00:00.",
        )
    return first
