"""Subtitles that are there already: files beside the video and text tracks inside it."""

from __future__ import annotations

import html
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pysubs2

from vidsum.data import Segment, TextTrack
from vidsum.errors import MediaError
from vidsum.languages import language_name
from vidsum.media.encodings import text_of
from vidsum.media.messages import TextPacket
from vidsum.wording import shown

SUFFIXES = (".srt", ".vtt", ".ass", ".ssa")
_MAX_FILE_BYTES = 10_000_000
_MAX_ROWS = 20
_MAX_LINE_CHARS = 2000
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_TAGS = re.compile(r"</?[a-zA-Z][^<>]{0,80}>|\{\\[^{}]{0,200}\}|<\d\d:[\d:.]+>")
_ENTITY = re.compile(r"&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});")
_LINE_END = re.compile(r"\r\n|\r|\n")
_SPACE = re.compile(r"[ \t\u00a0]+")
_TIME = r"(?:(\d{1,5}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}")


def find_sidecars(video: Path) -> list[Path]:
    """Return the subtitle files that belong to a video, in order of name.

    These are ``NAME.srt`` and ``NAME.<anything without a dot>.srt`` (a language, ``forced`` …)
    beside ``NAME.mp4``, for every suffix in :data:`SUFFIXES`, in upper or lower case.
    """
    folder, stem = video.parent, video.stem
    try:
        with os.scandir(folder) as entries:  # a Path for each of 100,000 files takes a second
            names = [e.name for e in entries if e.name.startswith(stem + ".") and e.is_file()]
    except OSError:
        return []
    rest = [(name, name[len(stem) + 1 :].lower().split(".")) for name in names]
    return sorted(folder / n for n, p in rest if len(p) <= 2 and f".{p[-1]}" in SUFFIXES)


def sidecar_language(video: Path, sidecar: Path) -> str | None:
    """Return ``en`` for ``talk.en.srt``, None for ``talk.srt`` and ``talk.sdh.srt``."""
    rest = sidecar.stem[len(video.stem) + 1 :].lower()
    return rest if language_name(rest) else None


def read_file(path: Path) -> list[Segment]:
    """Return the cues of a subtitle file in order of time. Raises: MediaError.

    The text may be UTF-8, UTF-16 or Windows-1252 (which also holds Latin-1). A file with a good
    header or with nothing in it has no cues; any other file without cues is an error.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise MediaError(f"{shown(path)} is too large for a subtitle file.")
        text = text_of(path.read_bytes())
    except OSError as exc:
        raise MediaError(f"{shown(path)} cannot be read: {exc.strerror}.") from exc
    cues = _script(text, shown(path)) if _is_script(text) else clean(_cues(text))
    if not cues and text.strip() and not text.lstrip().startswith(("WEBVTT", "[Script Info]")):
        raise MediaError(f"{shown(path)} holds no subtitles that can be read.")
    return cues


def read_track(track: TextTrack, packets: Sequence[TextPacket], header: bytes) -> list[Segment]:
    """Return the cues of an embedded text track in order of time. Raises: MediaError."""
    if track.codec == "mov_text":
        cues = [(p, _mov_text(p.payload)) for p in packets]
        return clean(_segment(p, text) for p, text in cues)
    name = f"subtitle track {track.index}"
    if track.codec in ("ass", "ssa"):
        lines = [_ass_line(p) for p in packets]
        script = text_of(header).rstrip("\0") + "\n" + "\n".join(lines) + "\n"
        return _script(script, name)
    return clean(_segment(p, _plain(text_of(p.payload))) for p in packets)


def clean(cues: Iterable[Segment]) -> list[Segment]:
    """Return cues sorted, without empty ones, and with rolled-up repeats taken out.

    Live and automatic captions scroll: each cue shows the line before it once more. Only what
    a cue adds to the one before it is kept.
    """
    kept: list[Segment] = []
    before: list[str] = []
    for cue in sorted(cues, key=lambda c: (c.start_s, c.end_s)):
        lines = [line for line in cue.text.split("\n") if line.strip()]
        overlaps = bool(kept) and cue.start_s <= kept[-1].end_s + 0.5
        repeat = _repeated(before, lines) if overlaps else 0
        fresh = lines[repeat:]
        before = lines or before
        if fresh:
            start_s = max(0.0, cue.start_s)
            kept.append(Segment(start_s, max(start_s, cue.end_s), "\n".join(fresh)))
        elif kept and lines:
            kept[-1] = Segment(kept[-1].start_s, max(kept[-1].end_s, cue.end_s), kept[-1].text)
    return kept


def _repeated(before: list[str], lines: list[str]) -> int:
    """Return how many of the first lines are the last lines of the cue before."""
    for count in range(min(len(before), len(lines), _MAX_ROWS), 0, -1):
        if before[-count:] == lines[:count]:
            return count
    return 0


def _is_script(text: str) -> bool:
    """Whether a file is an .ass script, whatever it is called."""
    return "[events]" in text.lower()


def _script(text: str, name: str) -> list[Segment]:
    bounded = "\n".join(line[:_MAX_LINE_CHARS] for line in text.splitlines())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of fields that it replaces by a default
            script = pysubs2.SSAFile.from_string(bounded, format_="ass")
    except Exception as exc:  # its readers raise IndexError, KeyError and more
        raise MediaError(f"{name} is no readable subtitle script.") from exc
    return clean(
        Segment(event.start / 1000, event.end / 1000, _plain(event.plaintext))
        for event in script if not event.is_comment and not event.is_drawing
    )  # fmt: skip


def _cues(text: str) -> Iterator[Segment]:
    """Yield the cues of SubRip and WebVTT: a line of times, and what follows to an empty line.

    A number or a name in front of the times is no text, also where no empty line sets it off.
    Our own because pysubs2 takes WebVTT's notes and cue names for text, a line with two word
    times (YouTube's automatic captions) for a new cue, and takes minutes for hostile files.
    """
    times: re.Match[str] | None = None
    rows: list[str] = []
    for line in [*_LINE_END.split(text), ""]:
        found = _TIMES.match(line)
        if found is None and line:
            rows.append(line)
            continue
        if times is not None:
            if found is not None and rows and rows[-1].strip().isdecimal():
                rows.pop()
            yield Segment(_web_time(times, 0), _web_time(times, 4), _plain("\n".join(rows)))
        times, rows = found, []


def _web_time(times: re.Match[str], first: int) -> float:
    hours, minutes, seconds, fraction = times.groups("0")[first : first + 4]
    return int(hours) * 3600 + int(minutes) * 60 + float(f"{seconds}.{fraction}")


def _plain(text: str) -> str:
    """Return a cue's text without tags and control characters, one line a row of the screen."""
    text = _TAGS.sub("", _LINE_END.sub("\n", text))
    text = _CONTROL.sub("", _ENTITY.sub(lambda found: html.unescape(found[0]), text))
    text = text.replace("\\N", "\n").replace("\\h", " ")
    rows = (_SPACE.sub(" ", row).strip() for row in text.split("\n"))
    return "\n".join(row for row in rows if row)


def _segment(packet: TextPacket, text: str) -> Segment:
    return Segment(packet.start_s, packet.start_s + packet.duration_s, text)


def _mov_text(payload: bytes) -> str:
    """Take the text out of a 3GPP timed text sample: two bytes of length, then the text."""
    length = int.from_bytes(payload[:2], "big")
    return _plain(text_of(payload[2 : 2 + length]))


def _ass_line(packet: TextPacket) -> str:
    """Turn Matroska's ``ReadOrder,Layer,Style,…`` back into a line of an .ass file."""
    fields = text_of(packet.payload).split(",", 2)
    if len(fields) < 3:
        return ""
    start, end = packet.start_s, packet.start_s + packet.duration_s
    return f"Dialogue: {fields[1]},{_ass_time(start)},{_ass_time(end)},{fields[2]}"


def _ass_time(time_s: float) -> str:
    hundredths = round(max(0.0, time_s) * 100)
    minutes, rest = divmod(hundredths, 6000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest // 100:02d}.{rest % 100:02d}"
