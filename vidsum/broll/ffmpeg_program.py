"""The ffmpeg program: which one is there, what it can do, and one run of it."""

from __future__ import annotations

import functools
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vidsum.errors import BackendFailed, BackendMissing, OutputError
from vidsum.wording import escaped, safe

_ENCODERS: Final[Mapping[str, Mapping[str, str | int]]] = {
    "libx264": {"crf": 18, "preset": "medium"},
    "libopenh264": {"b:v": "12M", "profile:v": "high"},
}
"""Encoders of H.264 and their settings, the better first. No other kind of encoder stands in:
what it makes would not play in a browser."""
_HINT: Final = ("Install ffmpeg with your system's packages, or: "
                "pip install --force-reinstall imageio-ffmpeg")  # fmt: skip
_PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """An ffmpeg that can make clips, and the encoder that it does it with."""

    path: str
    encoder: str

    @property
    def settings(self) -> Mapping[str, str | int]:
        """What its encoder is told."""
        return _ENCODERS[self.encoder]


def find_program() -> Program:
    """Return the machine's own ffmpeg, else the one that comes with imageio-ffmpeg.

    One with the better encoder goes first. Raises: BackendMissing.
    """
    found = [(path, _abilities(path)) for path in _candidates()]
    for encoder in _ENCODERS:
        for path, abilities in found:
            if {"zoompan", encoder} <= abilities:
                return Program(path, encoder)
    if not found:
        raise BackendMissing("There is no ffmpeg program, which makes clips.", _HINT)
    lacks = "zoompan filter" if not any("zoompan" in can for _, can in found) else "H.264 encoder"
    raise BackendMissing(f"{escaped(found[0][0])} has no {lacks}, which clips need.", _HINT)


def _candidates() -> Iterator[str]:
    own = shutil.which("ffmpeg")
    if own is not None:
        yield own
    try:
        import imageio_ffmpeg

        shipped: str = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):  # it comes without a program on some machines
        return
    if shipped != own:
        yield shipped


@functools.lru_cache(maxsize=8)
def _abilities(path: str) -> frozenset[str]:
    """Return which of the filters and encoders that matter here a program has."""
    listed = set()
    for what in ("-filters", "-encoders"):
        try:
            done = subprocess.run([path, "-hide_banner", what], env={}, capture_output=True,
                                  stdin=subprocess.DEVNULL, timeout=_PATIENCE_S)  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return frozenset()
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        listed |= {words[1] for line in lines if len(words := line.split()) > 1}
    return frozenset(listed & {"zoompan", *_ENCODERS})


def run(command: Sequence[str], data: bytes) -> float:
    """Run ffmpeg on data for its stdin until it ends; an interrupt kills it.

    Returns its CPU seconds, which are those of all children that ended meanwhile. It gets nothing
    of the environment: no keys, and no variable that makes it write a log.
    Raises: BackendFailed, BackendMissing, OutputError when the disk is full.
    """
    before_s = _children_s()
    try:
        process = subprocess.Popen(command, env={}, stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    except OSError as exc:
        raise BackendMissing(f"ffmpeg cannot be started: {exc.strerror}.", _HINT) from exc
    with process:
        try:
            _, said = process.communicate(data)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise _failure(process.returncode, said)
    return _children_s() - before_s


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _failure(code: int, said: bytes) -> BackendFailed | OutputError:
    text = said.decode("utf-8", "replace")
    if "No space left on device" in text:
        return OutputError("The clip cannot be written: the disk is full.", "Make room on it.")
    if code < 0:
        return BackendFailed(f"ffmpeg was killed ({signal.Signals(-code).name}), "
                             "perhaps for lack of memory.")  # fmt: skip
    lines = [safe(line) for line in text.splitlines() if line.strip()]
    return BackendFailed(
        f"ffmpeg made no clip: {escaped(lines[-1] if lines else 'no reason')[:300]}."
    )
