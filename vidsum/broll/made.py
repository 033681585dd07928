"""The record of what was made: ``made.json`` in a B-roll folder, read strictly and written whole.

It says what was paid for, so that it is never thrown away: a file that is damaged, not vidsum's or
of a newer vidsum is refused with a message, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from vidsum.broll.records import Form
from vidsum.data import FinishedShot, Variation, VariationState
from vidsum.failpoints import failpoint
from vidsum.wording import escaped


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A clip that a video model was asked for. ``key``: what it was asked for with.

    ``unknown`` from before it is asked for until its file is there: a run that is killed in
    between may have paid for it. ``job`` is what its provider calls it, "" where it has not said;
    ``file`` a name in the folder. ``seconds`` and ``fps`` None: not known. ``cost_usd`` as in
    :class:`Variation`. ``error`` says why there is no clip.
    """

    key: str
    state: VariationState
    file: str
    job: str = ""
    seconds: float | None = None
    fps: float | None = None
    cost_usd: str | None = None
    cost_from: str = "unknown"
    error: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """What a B-roll folder holds.

    ``picks`` has a number a scene, None where the user wants none of its pictures; a scene about
    which nobody decided is not there. ``baselines`` are pictures made without references, to
    measure what references do: number 0, never shown, never picked. ``pending`` is a picture that
    was paid for and was about to be written when this was. ``films`` are clips by a model: each
    is paid for once, whatever becomes of the shot that it was asked for.
    """

    variations: tuple[Variation, ...] = ()
    picks: Mapping[str, int | None] = field(default_factory=dict)
    finished: tuple[FinishedShot, ...] = ()
    baselines: tuple[Variation, ...] = ()
    pending: Variation | None = None
    films: tuple[Film, ...] = ()

    @property
    def picked(self) -> Mapping[str, int]:
        """The numbers that were picked, by scene."""
        return {scene: number for scene, number in self.picks.items() if number is not None}

    def of(self, scene: str) -> tuple[Variation, ...]:
        """Return a scene's variations, by number."""
        found = (one for one in self.variations if one.scene == scene)
        return tuple(sorted(found, key=lambda one: one.number))

    def find(self, scene: str, number: int) -> Variation | None:
        """Return one variation; None where there is none."""
        return next((one for one in self.of(scene) if one.number == number), None)

    def baseline(self, scene: str) -> Variation | None:
        """Return what a scene looks like without references; None where nobody tried."""
        return next((one for one in self.baselines if one.scene == scene), None)

    def film(self, key: str) -> Film | None:
        """Return what became of a clip by a model; None where nobody asked for it."""
        return next((one for one in self.films if one.key == key), None)

    def with_variation(self, new: Variation) -> Made:
        """Return the same with a variation in the place of that of the same number."""
        if new.number == 0:
            return replace(self, baselines=_put(self.baselines, new), pending=None)
        return replace(self, variations=_put(self.variations, new), pending=None)

    def with_finished(self, new: FinishedShot) -> Made:
        """Return the same with a finished shot in the place of that of the same scene."""
        others = tuple(one for one in self.finished if one.scene != new.scene)
        return replace(self, finished=(*others, new))

    def with_film(self, key: str, new: Film | None) -> Made:
        """Return the same with what became of a clip; None: it was never asked for."""
        others = tuple(one for one in self.films if one.key != key)
        return replace(self, films=others if new is None else (*others, new))


FORM: Final = Form(
    "vidsum-broll", 1, Made,
    "Repair it, or move it away: the pictures in images/ stay, but are then asked for again.",
)  # fmt: skip


def _put(every: Iterable[Variation], new: Variation) -> tuple[Variation, ...]:
    place = {(one.scene, one.number): one for one in every}
    place[new.scene, new.number] = new
    return tuple(place.values())


def read(path: Path) -> Made:
    """Return what a made.json holds; nothing where there is no such file.

    Raises: OptionError for one that is damaged, not vidsum's, or newer; OutputError.
    """
    found = FORM.read(path)
    if found is None:
        return Made()
    _check_files(path, found)
    return found


def _check_files(path: Path, found: Made) -> None:
    """Refuse names of files that lead out of the folder. Raises: OptionError."""
    pending = () if found.pending is None else (found.pending,)
    names = [one.file for one in (*found.variations, *found.baselines, *pending)]
    names += [one.file for one in found.finished]
    names += [one.clip for one in found.finished]
    names += [one.file for one in found.films]
    for name in filter(None, names):
        if not is_inside(name):
            raise FORM.damaged(path, f"{escaped(name)} leads out of its folder")


def is_inside(name: str) -> bool:
    """Say whether a file's name stays within the folder that it is meant for."""
    parts = PurePosixPath(name).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and "\0" not in name


def write(path: Path, made: Made) -> None:
    """Write a made.json, whole or not at all. Raises: OutputError."""
    failpoint("broll.made.before")
    FORM.write(path, asdict(made))
    failpoint("broll.made.after")
