"""Ken Burns clips: a still picture that the view moves over."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final

from vidsum.broll.ffmpeg_program import Program, find_program, run
from vidsum.broll.marking import Marks, clip_tags, xmp_box
from vidsum.data import Image
from vidsum.errors import OptionError
from vidsum.outputs import IN_PLACE, write_with

_CLOSE: Final = 1.12
"""How far in a view goes: more would show that a picture has no more pixels."""
_FINEST, _FINE, _MOST_PX = 6, 3, 40_000_000
"""zoompan places its view on whole pixels, so it gets the picture enlarged: by 3 at least the
steps are a third of a pixel, and by more where that stays within so many pixels."""
_MOST_LARGE_PX: Final = 100_000_000
_DEFAULT_FPS: Final = Fraction(25)
_LEAST_FPS, _MOST_FPS = 1, 240
_NTSC: Final = Fraction(1000, 1001)
_LEAST_PX: Final = 16
_PLACE: Final = "file:clip"


@dataclass(frozen=True, slots=True)
class Move:
    """From one framing to another, each (zoom, across, down).

    A zoom of 1 shows the whole picture. Across and down are shares (0-1) of the room that is left
    beside the view, so that no framing reaches over the edge.
    """

    name: str
    start: tuple[float, float, float]
    end: tuple[float, float, float]


MOVES: Final = (
    Move("in", (1.0, 0.5, 0.5), (_CLOSE, 0.5, 0.5)),
    Move("out", (_CLOSE, 0.5, 0.5), (1.0, 0.5, 0.5)),
    Move("right", (_CLOSE, 0.0, 0.5), (_CLOSE, 1.0, 0.5)),
    Move("left", (_CLOSE, 1.0, 0.5), (_CLOSE, 0.0, 0.5)),
    Move("in to the upper left", (1.0, 0.5, 0.5), (_CLOSE, 0.25, 0.25)),
    Move("in to the lower right", (1.0, 0.5, 0.5), (_CLOSE, 0.75, 0.75)),
    Move("up", (_CLOSE, 0.5, 1.0), (_CLOSE, 0.5, 0.0)),
    Move("down", (_CLOSE, 0.5, 0.0), (_CLOSE, 0.5, 1.0)),
)


@dataclass(frozen=True, slots=True)
class KenBurns:
    """A clip that was made: ``frames`` at ``fps``, in so many pixels, by which encoder.

    ``cpu_s`` is what ffmpeg used.
    """

    frames: int
    fps: Fraction
    width_px: int
    height_px: int
    encoder: str
    cpu_s: float = 0.0

    @property
    def seconds(self) -> float:
        """Its length."""
        return float(self.frames / self.fps)


def move_for(scene_id: str) -> Move:
    """Return a scene's move: always the same for the same id."""
    digest = hashlib.sha256(scene_id.encode("utf-8", "surrogatepass")).digest()
    return MOVES[digest[0] % len(MOVES)]


def rate_of(fps: float | None) -> Fraction:
    """Return a source's frame rate as the fraction it stands for: 29.97 is 30000/1001.

    25 where it is not known, or none that a film has.
    """
    if fps is None or not _LEAST_FPS <= fps <= _MOST_FPS:
        return _DEFAULT_FPS
    ntsc = Fraction(round(fps / _NTSC)) * _NTSC
    for rate in (Fraction(round(fps)), ntsc):
        if math.isclose(fps, rate, rel_tol=2e-4):
            return rate
    return Fraction(fps).limit_denominator(1001)


def write_clip(
    path: Path, image: Image, *, seconds: float, fps: Fraction, move: Move, marks: Marks,
    program: Program | None = None,
) -> KenBurns:  # fmt: skip
    """Write a Ken Burns clip as MP4 (H.264, yuv420p, BT.709), whole or not at all.

    image: uint8 [h, w, 3] RGB; the clip has its size, less a row or column where that is odd.
    It has ``seconds`` × ``fps`` frames, rounded, at least one. Raises: OptionError,
    BackendMissing, BackendFailed, OutputError.
    """
    if not math.isfinite(seconds) or seconds <= 0:
        raise OptionError(f"A clip cannot be {seconds:g} seconds long.")
    height, width = (side // 2 * 2 for side in image.shape[:2])
    if min(width, height) < _LEAST_PX:
        raise OptionError(f"A picture of {width} × {height} pixels is too small for a clip.")
    program = program or find_program()
    clip = KenBurns(max(1, round(seconds * fps)), fps, width, height, program.encoder)
    pixels = image[:height, :width].tobytes()
    used_s = 0.0

    def write(file: BinaryIO, temporary: Path) -> None:
        nonlocal used_s
        used_s = run(_command(program, clip, move, marks, temporary), pixels)
        file.seek(0, 2)
        file.write(xmp_box(marks))

    write_with(path, write, hint=IN_PLACE)
    return replace(clip, cpu_s=used_s)


def finer(width_px: int, height_px: int) -> float:
    """Return how much larger zoompan gets a picture."""
    room = math.sqrt(_MOST_PX / (width_px * height_px))
    large = math.sqrt(_MOST_LARGE_PX / (width_px * height_px))
    return max(1.0, min(_FINEST, max(_FINE, math.floor(room)), large))


def _command(program: Program, clip: KenBurns, move: Move, marks: Marks, target: Path) -> list[str]:
    """Return the command: one raw picture in through stdin, a clip out to ``target``."""
    import ffmpeg

    size, rate = f"{clip.width_px}x{clip.height_px}", str(clip.fps)
    times = finer(clip.width_px, clip.height_px)
    zoom, across, down = _eased(move, clip.frames)
    colours = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}
    view = (
        ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=size, framerate=rate)
        .filter("scale", round(clip.width_px * times), round(clip.height_px * times),
                flags="bicubic")
        .filter("format", "gbrp")  # in 4:2:0 the view would move by two pixels at a time
        .filter("zoompan", z=zoom, x=f"(iw-iw/zoom)*({across})", y=f"(ih-ih/zoom)*({down})",
                d=clip.frames, s=size, fps=rate)
        .filter("scale", out_color_matrix="bt709", out_range="tv")
        .filter("format", "yuv420p")
        .filter("setparams", range="tv", **colours)
    )  # fmt: skip
    tags = enumerate(clip_tags(marks).items())
    built = ffmpeg.output(
        view, _PLACE, format="mp4", vcodec=program.encoder, color_range="tv",
        movflags="+faststart+use_metadata_tags", **{"frames:v": clip.frames}, **colours,
        **program.settings, **{f"metadata:g:{n}": f"{name}={value}" for n, (name, value) in tags},
    ).global_args("-v", "error", "-hide_banner")  # fmt: skip
    command: list[str] = built.compile(cmd=program.path, overwrite_output=True)
    # put in afterwards: ffmpeg-python takes no name that is not UTF-8
    return [f"file:{target}" if part == _PLACE else part for part in command]


def _eased(move: Move, frames: int) -> list[str]:
    """Return the three parts of a framing as expressions of the frame's number.

    They begin and end at rest: 3t² - 2t³ of the way at t (0-1) of the time.
    """
    t = f"(on/{max(1, frames - 1)})"
    way = f"({t}*{t}*(3-2*{t}))"
    pairs = zip(move.start, move.end, strict=True)
    return [f"{a:g}" if a == b else f"{a:g}+({b - a:g})*{way}" for a, b in pairs]
