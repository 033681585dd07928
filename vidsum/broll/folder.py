"""The folder of one video's B-roll: its plan, its look, its pictures, and the record of them.

plan.toml   the scenes and their prompts, made to be edited
look.json   the look that they share; its frames are in anchors/
made.json   what was made of them, what it cost, and what was picked
images/     a picture each: <scene>-v<number>.png
finished/   picked ones in the source's size, and their clips
exports/    timelines for editing programs
sheet.html  all of it side by side
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vidsum.broll import holding, made, planfile
from vidsum.broll.made import Made
from vidsum.errors import OptionError, OutputError
from vidsum.outputs import result_name
from vidsum.wording import escaped, shown

if TYPE_CHECKING:
    from vidsum.data import BrollPlan, FinishedShot, Image, LookBook, Variation

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PNG: Final = re.compile(r"(.+)-v([1-9]\d{0,5})\.png")
_RECORD_BYTES: Final = 1 << 20
"""For the record, the sheet and what the disk keeps to itself."""


class BrollFolder:
    """Where everything of one video's B-roll is. Nothing is read or made before it is asked for.

    Whoever writes to it does so under :meth:`hold`; all files are written whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @classmethod
    def of_video(cls, video: Path, taken: set[str] | None = None) -> BrollFolder:
        """Return the folder that belongs to a video: beside it, ``<stem>.broll``.

        The name is shortened where it has to be; ``taken`` are names that others have.
        """
        name = result_name(video, "broll", set() if taken is None else taken)
        return cls(video.absolute().parent / name)

    @property
    def plan_file(self) -> Path:
        """The plan, made to be edited."""
        return self.path / "plan.toml"

    @property
    def look_file(self) -> Path:
        """The look book; the frames that it names are beside it."""
        return self.path / "look.json"

    @property
    def made_file(self) -> Path:
        """The record of what was made."""
        return self.path / "made.json"

    @property
    def sheet_file(self) -> Path:
        """The contact sheet."""
        return self.path / "sheet.html"

    @property
    def exports(self) -> Path:
        """The folder of timelines for editing programs."""
        return self.path / "exports"

    def create(self) -> None:
        """Make the folder and those within for pictures. Raises: OutputError."""
        try:
            for folder in (self.path, self.path / "images", self.path / "finished"):
                folder.mkdir(exist_ok=True)
        except OSError as exc:
            raise OutputError(f"{shown(self.path)} cannot be made: {exc.strerror}.",
                              "Choose another place for it.") from exc  # fmt: skip

    def hold(self) -> AbstractContextManager[None]:
        """Have the folder for this process alone. Raises: OutputError, which says who has it."""
        return holding.hold(self.path)

    def read_plan(self) -> BrollPlan:
        """Return the plan as it is now. Raises: OptionError, also where there is none."""
        if not self.plan_file.is_file():
            raise OptionError(f"{shown(self.path)} is no B-roll folder: it has no plan.toml.",
                              "vidsum broll plan VIDEO makes one.")  # fmt: skip
        return planfile.read_plan(self.plan_file)

    def write_plan(self, plan: BrollPlan) -> None:
        """Write the plan. Raises: OutputError."""
        planfile.write_plan(self.plan_file, plan)

    def read_look(self) -> LookBook | None:
        """Return the look book; None where there is none. Raises: OptionError."""
        from vidsum.broll import look  # with numpy: not for those who only pick

        return look.load(self.path) if self.look_file.exists() else None

    def read_made(self) -> Made:
        """Return what was made so far. Raises: OptionError when its record cannot be used."""
        return made.read(self.made_file)

    def write_made(self, found: Made) -> None:
        """Write down what was made. Raises: OutputError."""
        made.write(self.made_file, found)

    def place(self, name: str) -> Path:
        """Return where a file of the folder is. Raises: OptionError for a name that leads out."""
        if not made.is_inside(name):
            raise OptionError(f"{escaped(name)} is no file of {shown(self.path)}.")
        return self.path / name

    def check_room(self, width_px: int, height_px: int) -> None:
        """Find out whether a picture of a size can be kept, before it is paid for.

        Raises: OutputError.
        """
        needed = width_px * height_px * 3 + _RECORD_BYTES
        try:
            free = shutil.disk_usage(self.path).free
        except OSError as exc:
            raise OutputError(f"{shown(self.path)} cannot be looked at: {exc.strerror}.") from exc
        if free < needed:
            raise OutputError(
                f"The disk of {shown(self.path)} has {free / 1e6:.1f} MB left, and the next "
                f"picture may need {needed / 1e6:.1f} MB: it was not asked for.",
                "Make room on it.",
            )  # fmt: skip

    def picture(self, name: str) -> Image | None:
        """Return a picture of the folder, uint8 [h, w, 3] RGB; None where none can be read."""
        import numpy as np
        from PIL import Image as Pictures

        try:
            with Pictures.open(self.place(name), formats=("PNG",)) as opened:
                return np.asarray(opened.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Pictures.DecompressionBombError):
            return None

    def numbers_on_disk(self, scene: str) -> Collection[int]:
        """Return the numbers of a scene's pictures that are files, whoever wrote them down."""
        try:
            found = [_PNG.fullmatch(path.name) for path in (self.path / "images").iterdir()]
        except OSError:
            return ()
        return {int(one[2]) for one in found if one is not None and one[1] == scene}


def picture_name(scene: str, number: int) -> str:
    """Return the name of a variation's picture; number 0 is the scene's baseline.

    Raises: OptionError for a scene whose id cannot be part of a file's name.
    """
    checked_id(scene)
    return f"images/{scene}-v{number}.png" if number else f"images/{scene}-baseline.png"


def checked_id(scene: str) -> str:
    """Return a scene's id if it can be part of a file's name. Raises: OptionError."""
    if not _ID.fullmatch(scene):
        raise OptionError(f"The scene {escaped(scene)!r} has an id that no file can be named by.",
                          "An id has up to 64 letters, digits, - and _.")  # fmt: skip
    return scene


def pick(folder: BrollFolder, picks: Mapping[str, int | None]) -> Made:
    """Take note of which pictures the user wants, None for none of a scene; return the record.

    Raises: OptionError for a scene or a variation that is not there or has no picture, and then
    nothing is changed; OutputError.
    """
    folder.read_plan()  # before a lock is made in what is no such folder
    with folder.hold():
        found = folder.read_made()
        scenes = {scene.id for scene in folder.read_plan().scenes}
        for scene, number in picks.items():
            _check_pick(found, scenes, scene, number)
        changed = replace(found, picks={**found.picks, **picks})
        folder.write_made(changed)
        return changed


def picked(found: Made, scene: str) -> Variation | None:
    """Return the variation of a scene that the user wants; None where none was picked."""
    number = found.picks.get(scene)
    return None if number is None else found.find(scene, number)


def _check_pick(found: Made, scenes: Collection[str], scene: str, number: int | None) -> None:
    """Raises: OptionError."""
    if scene not in scenes and (number is not None or not found.of(scene)):
        known = f"Scenes: {', '.join(sorted(scenes))}." if scenes else ""
        raise OptionError(f"There is no scene {escaped(scene)}.", known)
    if number is None:
        return
    one = found.find(scene, number)
    good = [str(each.number) for each in found.of(scene) if each.state == "made"]
    hint = f"{scene} has {', '.join(good)}." if good else "vidsum broll make FOLDER makes pictures."
    if one is None:
        raise OptionError(f"{escaped(scene)} has no variation {number}.", hint)
    if one.state != "made":
        if one.state == "unknown":
            hint = "vidsum broll make FOLDER --retry asks for it again."
        raise OptionError(f"Variation {number} of {escaped(scene)} has no picture: "
                          f"{escaped(one.error).rstrip('. ') or one.state}.", hint)  # fmt: skip


def finished_of(found: Made, scene: str) -> FinishedShot | None:
    """Return a scene's finished shot; None where there is none."""
    return next((one for one in found.finished if one.scene == scene), None)
