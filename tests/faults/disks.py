"""Small disks, read-only ones and disks that vanish, where nothing else can be hurt.

They are mounted in a namespace of their own, which ends with the process that holds it: nothing is
left behind, and no real disk is filled.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_HOLD: Final = 'mount -t tmpfs -o "$1" vidsum-test "$2" && echo there && exec cat'


@cache
def mounting() -> tuple[str, ...] | None:
    """Return the command that lets one mount here; None where that is not allowed."""
    for flags in (("-m",), ("-Urm",)):
        command = ("unshare", *flags)
        try:
            done = subprocess.run([*command, "mount", "-t", "tmpfs", "vidsum-test", "/mnt"],
                                  capture_output=True)  # fmt: skip
        except OSError:
            return None
        if done.returncode == 0:
            return command
    return None


class Disk:
    """A tmpfs over a folder, for programs that are started through it. A context manager.

    ``inside`` is where those programs see it, ``outside`` where everybody else does.
    """

    def __init__(self, folder: Path, options: str = "size=256k") -> None:
        self.inside = folder
        self._options = options
        self._holder: subprocess.Popen[bytes] | None = None

    @property
    def outside(self) -> Path:
        assert self._holder is not None
        return Path(f"/proc/{self._holder.pid}/root") / self.inside.relative_to("/")

    def __enter__(self) -> Self:
        unshare = mounting()
        assert unshare is not None
        self.inside.mkdir(parents=True, exist_ok=True)
        self._holder = subprocess.Popen(
            [*unshare, "sh", "-c", _HOLD, "sh", self._options, str(self.inside)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"there\n"
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        assert self._holder is not None
        self._holder.communicate()

    def command(self, command: Sequence[str]) -> list[str]:
        """Return a command line that runs another one where the disk is mounted."""
        assert self._holder is not None
        unshare = mounting()
        assert unshare is not None
        user = ("-U", "--preserve-credentials") if "-Urm" in unshare else ()
        return ["nsenter", "-t", str(self._holder.pid), "-m", *user, *command]

    def remount(self, options: str) -> None:
        """Change the mount: ``ro``, ``rw``, another size."""
        subprocess.run(self.command(["mount", "-o", f"remount,{options}", str(self.inside)]),
                       check=True)  # fmt: skip

    def fill(self, leave_bytes: int = 0) -> None:
        """Take all room but so much; :meth:`empty` gives it back."""
        with (self.outside / "ballast").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                size = os.fstat(file.fileno()).st_size
                file.truncate(max(0, size - leave_bytes))

    def empty(self) -> None:
        """Give back what was filled."""
        (self.outside / "ballast").unlink()
