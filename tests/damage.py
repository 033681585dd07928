"""Small films in every container, and the damage that disks, cables and fuzzers do to them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from footage import ffmpeg, peak_bytes, srt

from vidsum.errors import MediaError
from vidsum.media.plan import Grid
from vidsum.media.process import Decoder

_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", 10, "-bf", 2, "-pix_fmt", "yuv420p")
_AAC = ("-c:a", "aac", "-b:a", "48k")
_VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8, "-g", 10)
CONTAINERS: dict[str, tuple[object, ...]] = {
    "mp4": (*_H264, *_AAC, "-c:s", "mov_text", "-movflags", "+faststart"),
    "mkv": (*_H264, *_AAC, "-c:s", "srt"),
    "webm": (*_VP9, "-c:a", "libopus", "-c:s", "webvtt"),
    "ts": (*_H264, *_AAC, "-sn"),
    "avi": ("-c:v", "mpeg4", "-g", 10, "-c:a", "mp3", "-sn"),
    "mov": (*_H264, "-c:a", "pcm_s16le", "-ar", 8000, "-c:s", "mov_text"),
}
"""How each is encoded. The index stands in front in mp4, at the end in mov."""

_EDGE_BYTES = 4096


def whole_film(container: str, folder: Path) -> Path:
    """Make a film of two seconds with sound and, where the container has such, subtitles."""
    cues = folder / "cues.srt"
    cues.write_text(srt([(0.2, 0.9, "Ebb"), (1.1, 1.8, "Flow")]), "utf-8")
    pictures = ("-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=2")
    sound = ("-f", "lavfi", "-i", "sine=440:d=2")
    path = folder / f"film.{container}"
    ffmpeg(*pictures, *sound, "-i", cues, "-map", 0, "-map", 1, "-map", 2, "-threads", 1,
           *CONTAINERS[container], path)  # fmt: skip
    return path


def damaged(data: bytes, seed: int) -> bytes:
    """Return a film with the damage that belongs to a seed: the same one each time.

    Half of all damage is at one of the two ends, where headers and indexes are.
    """
    dice = random.Random(seed)
    spoilt = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 5, 20))):
        kind = dice.choice(_KINDS)
        kind(spoilt, _place(spoilt, dice), dice)
    if dice.random() < 0.15:
        del spoilt[dice.randrange(64, len(spoilt)) :]
    return bytes(spoilt)


def _place(data: bytearray, dice: random.Random) -> int:
    edge = min(_EDGE_BYTES, len(data))
    if dice.random() < 0.5:
        return dice.randrange(len(data))
    return dice.choice((dice.randrange(edge), len(data) - 1 - dice.randrange(edge)))


def _flip(data: bytearray, at: int, dice: random.Random) -> None:
    data[at] ^= 1 << dice.randrange(8)


def _set(data: bytearray, at: int, dice: random.Random) -> None:
    data[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))


def _number(data: bytearray, at: int, dice: random.Random) -> None:
    """Overwrite four bytes, such as a length or a count, by a number that likes to overflow."""
    value = dice.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, len(data)))
    data[at : at + 4] = value.to_bytes(4, dice.choice(("big", "little")))[: len(data) - at]


def _noise(data: bytearray, at: int, dice: random.Random) -> None:
    count = min(dice.choice((8, 64, 512, 2048)), len(data) - at)
    data[at : at + count] = dice.randbytes(count)


def _blank(data: bytearray, at: int, dice: random.Random) -> None:
    count = min(dice.choice((8, 64, 512, 2048)), len(data) - at)
    data[at : at + count] = bytes(count)


def _twice(data: bytearray, at: int, dice: random.Random) -> None:
    data[at:at] = data[at : at + dice.choice((1, 4, 188, 1000))]


def _lose(data: bytearray, at: int, dice: random.Random) -> None:
    if len(data) > _EDGE_BYTES:
        del data[at : at + dice.choice((1, 4, 188, 1000))]


_KINDS: tuple[Callable[[bytearray, int, random.Random], None], ...] = (
    _flip, _flip, _flip, _set, _set, _number, _noise, _blank, _twice, _lose,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Endured:
    """What reading a damaged file came to; ``code`` is the exit code that it stands for."""

    code: int
    said: str
    wall_s: float
    peak_bytes: int


def endure(path: Path) -> Endured:
    """Read all that a file has through the decode process: pictures, sound and words.

    Any exception but MediaError is a crash of the program, and comes out as it is.
    """
    began_s = time.monotonic()
    code, said, peak = 0, "", 0
    with Decoder(path) as decoder:
        try:
            code = _read_all(decoder)
        except MediaError as exc:
            code, said = exc.exit_code, exc.message
        try:
            peak = peak_bytes(decoder)
        except (OSError, StopIteration):
            peak = 0  # the process has ended
    return Endured(code, said, time.monotonic() - began_s, peak)


def _read_all(decoder: Decoder) -> int:
    info = decoder.probe()
    partial = False
    if info.video is not None:
        for _ in decoder.frames(Grid(0.5), 160, info.duration_s):
            pass
        report = decoder.frames_report
        assert report is not None
        partial = bool(report.lost or report.broken_packets)
    for track in info.audio:
        for _ in decoder.audio(track):
            pass
        partial = partial or decoder.broken_audio_packets > 0
    for text in info.text:
        if text.readable:
            decoder.text_packets(text)
    return 7 if partial else 0
