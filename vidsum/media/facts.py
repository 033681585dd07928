"""Facts that came with a file: its name, its tags, what files beside it and the user say."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from vidsum.data import ChapterMark, Fact, MediaInfo
from vidsum.errors import OptionError
from vidsum.media.factfiles import INFO_JSON, NFO, TXT, Unusable, fact_files, read_beside, read_text
from vidsum.media.factformats import (
    WEB_PAGE,
    Told,
    address,
    info_chapters,
    info_json,
    long,
    nfo,
    note,
    short,
)
from vidsum.media.factnotes import is_copy, is_result, is_timed
from vidsum.media.iso6709 import place
from vidsum.wording import file_name, number, shown

_MOST_FACTS: Final = 40
_CONTEXT_CHARS: Final = 8000
_CONTEXT_BYTES: Final = 1_000_000
_MOST_SUBTITLES: Final = 10
_SAME_START: Final = 200
"""Two long texts that begin with the same letters, this many, and differ only in length are one."""
_FORMATS: Final[Mapping[str, Callable[[str], list[Told]]]] = {INFO_JSON: info_json, NFO: nfo,
                                                              TXT: note}  # fmt: skip
_TAGS: Final = {
    "title": "Title",
    "show": "Series",
    "artist": "Artist",
    "author": "Author",
    "album": "Album",
    "date": "Date",
    "com.apple.quicktime.creationdate": "Recorded on",
    "creation_time": "Recorded or made",
    "com.apple.quicktime.location.iso6709": "Recorded at",
    "location": "Recorded at",
    "com.apple.quicktime.make": "Camera maker",
    "make": "Camera maker",
    "model": "Camera",
    "com.apple.quicktime.model": "Camera",
    "genre": "Genre",
    "copyright": "Copyright",
    "comment": "Comment",
    "description": "Description",
    "synopsis": "Description",
}
_ENCODER: Final = re.compile(
    r"(?:(?:created|made|encoded) (?:with|by) )?(?:lav[fc]|ffmpeg|handbrake|x26[45]|gpac|mencoder)"
    r"[ /-]*(?:v?\d[\w.]*(?:[ -]\w*\d[\w.]*){0,2})?"
    r"|iso media file produced by .{1,60}|vid:v\w{8,60}",
    re.IGNORECASE,
)
"""Nothing but the name and version of a program, or a mark of its own."""
_CLOCK_ZERO: Final = re.compile(r"(?:1904|1970)-01-01T00:00:00")
"""What a camera whose clock was never set writes."""
_PATH_SUFFIXES: Final = (".txt", ".md", ".json")


@dataclass(frozen=True, slots=True)
class GivenFacts:
    """What came with a file. ``problems``: lines for the user on what could not be used."""

    facts: tuple[Fact, ...]
    problems: tuple[str, ...] = ()


def gather_facts(info: MediaInfo, context: str | None) -> GivenFacts:
    """Return all facts: the file's name, ``--context``, files beside it, its tags, in this order.

    So what people wrote of this very video comes before what cameras and encoders wrote. What
    two sources say alike is one fact that names both; where they differ, each stays. Nothing is
    fetched. A file that cannot be used is a problem, never an error. Raises: OptionError, as
    :func:`check_context`.
    """
    given, context_file, problems = _context(context)
    files, troubles = _beside(info.path, context_file)
    facts = _merged([_named(info), *given, *files, *_from_tags(info)])
    problems += troubles
    if len(facts) > _MOST_FACTS:
        over, video = len(facts) - _MOST_FACTS, file_name(info.path)
        problems.append(
            f"{over} facts that came with {video} are left out: {_MOST_FACTS} are used."
        )
    return GivenFacts(tuple(facts[:_MOST_FACTS]), tuple(problems))


def container_facts(info: MediaInfo) -> tuple[Fact, ...]:
    """Return what the file says of itself: its name and its tags. Reads nothing."""
    return tuple(_merged([_named(info), *_from_tags(info)])[:_MOST_FACTS])


def given_chapters(info: MediaInfo) -> tuple[ChapterMark, ...]:
    """Return the chapters that an ``.info.json`` beside a video tells of, in order of time.

    They begin inside the duration, and each ends where the next one begins at the latest, or where
    it begins if nothing tells. () for none, and where no file can be used, which
    :func:`gather_facts` tells.
    """
    duration_s = math.inf if info.duration_s is None else info.duration_s
    for path, kind in fact_files(info.path):
        if kind != INFO_JSON:
            continue
        try:
            marks = info_chapters(read_beside(path, kind, info.path))
        except Unusable:
            continue
        marks = [mark for mark in marks if mark.start_s < duration_s]
        if not marks:
            continue
        nexts = [*(mark.start_s for mark in marks[1:]), duration_s]
        ends = [min(mark.end_s, next_s) for mark, next_s in zip(marks, nexts, strict=True)]
        return tuple(
            replace(mark, end_s=end_s if math.isfinite(end_s) else mark.start_s)
            for mark, end_s in zip(marks, ends, strict=True)
        )
    return ()


def check_context(context: str | None) -> None:
    """Find out now, not after minutes of work, that ``--context`` can be used.

    Words are always fine. Raises: OptionError for what looks like a file but is none, and for a
    file that cannot be read as text.
    """
    _context(context)


def _named(info: MediaInfo) -> Fact:
    return Fact("File name", file_name(info.path), "file name")


def _from_tags(info: MediaInfo) -> Iterator[Fact]:
    for key, name in _TAGS.items():
        written = info.tags.get(key, "").strip()
        if not written or _ENCODER.fullmatch(written) or _CLOCK_ZERO.match(written):
            continue
        if name == "Recorded at":
            yield from _recorded_at(written, key)
        elif name == "Comment" and (page := address(written)) and not written.split()[1:]:
            yield Fact(WEB_PAGE, page, f"tag {key}")  # so yt-dlp embeds it
        else:
            value = long(written) if name in ("Comment", "Description") else short(written)
            yield Fact(name, value, f"tag {key}")


def _recorded_at(written: str, key: str) -> Iterator[Fact]:
    """Yield a place; a device without a fix writes the point 0, 0, which is none."""
    where = place(written)
    if where is not None or re.search("[1-9]|[^\\W\\d_]", written):
        yield Fact("Recorded at", where or short(written), f"tag {key}")


def _context(context: str | None) -> tuple[list[Fact], Path | None, list[str]]:
    """Return what the user says, the file that it stands in, and problems. Raises: OptionError."""
    words = (context or "").strip()
    path = _context_file(words)
    source = "--context"
    if path is not None:
        try:
            words = read_text(Path(os.path.realpath(path)), _CONTEXT_BYTES)
        except Unusable as exc:
            raise OptionError(f"--context {shown(path)} is not used: {exc}.",
                              "Give a text file, or the words themselves.") from exc  # fmt: skip
        if "\0" in words:
            raise OptionError(f"--context {shown(path)} is no text file.",
                              "Give a text file, or the words themselves.")  # fmt: skip
        source = f"--context {file_name(path)}"
    value = long(words, _CONTEXT_CHARS)
    problems = []
    if path is not None and not value:
        problems.append(f"--context {file_name(path)} is empty.")
    if len(value) < len(long(words, len(words))):
        problems.append(f"Only the first {number(_CONTEXT_CHARS)} letters of --context are used.")
    return ([Fact("Context", value, source)] if value else []), path, problems


def _context_file(words: str) -> Path | None:
    """Return the file that ``--context`` names; None for words. Raises: OptionError."""
    if not words or "\n" in words or "\0" in words or "://" in words:
        return None
    path = Path(words)
    try:
        path = path.expanduser()
        there, regular = path.exists(), path.is_file()
    except (OSError, RuntimeError):  # too long for a name; no such user's home
        there = regular = False
    if regular:
        return path
    like_a_path = "/" in words or os.sep in words or words.lower().endswith(_PATH_SUFFIXES)
    if not like_a_path or any(letter.isspace() for letter in words):
        return None
    if there:
        raise OptionError(f"--context {shown(path)} is no regular file.",
                          "Give a text file, or the words themselves.")  # fmt: skip
    raise OptionError(f"There is no file {shown(path)} for --context.",
                      "Check the path; words with a space in them are taken as words.")  # fmt: skip


def _beside(video: Path, context_file: Path | None) -> tuple[list[Fact], list[str]]:
    """Return what the files beside a video say, and why some are not used."""
    facts, problems = [], []
    for path, kind in fact_files(video):
        if context_file is not None and _same_file(path, context_file):
            continue
        try:
            text = read_beside(path, kind, video)
            if kind != TXT or _tells(text, video):
                facts += [Fact(*told, file_name(path)) for told in _FORMATS[kind](text)]
        except Unusable as exc:
            problems.append(f"{file_name(path)} is not used: {exc}.")
    return facts, problems


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _tells(text: str, video: Path) -> bool:
    """Whether a text file tells of the video: a result of ours and its spoken words do not.

    Raises: Unusable for a transcript that stands in no subtitle file.
    """
    if is_result(text) or is_copy(text, _subtitles(video)):
        return False
    if is_timed(text):
        raise Unusable("it looks like a transcript, which is read from subtitle files only")
    return True


def _subtitles(video: Path) -> Iterator[str]:
    from vidsum.media.subtitles import find_sidecars

    for path in find_sidecars(video)[:_MOST_SUBTITLES]:
        try:
            yield read_beside(path, INFO_JSON, video)  # as large as the largest kind
        except Unusable:
            continue


def _merged(facts: Iterable[Fact]) -> list[Fact]:
    """Return facts without repeats: what is said twice under one name has both sources."""
    kept: list[tuple[Fact, dict[str, None]]] = []
    for fact in facts:
        at = next((n for n, (one, _) in enumerate(kept) if _alike(one, fact)), None)
        if at is None:
            kept.append((fact, {fact.source: None}))
        else:
            one, sources = kept[at]
            fuller = max(one.value, fact.value, key=len)
            kept[at] = (replace(one, value=fuller), sources | {fact.source: None})
    return [replace(fact, source=", ".join(sources)) for fact, sources in kept]


def _alike(one: Fact, other: Fact) -> bool:
    if one.name != other.name:
        return False
    first, second = (" ".join(fact.value.casefold().split()) for fact in (one, other))
    shorter, longer = sorted((first, second), key=len)
    cut = len(shorter) >= _SAME_START and longer.startswith(shorter.removesuffix(" …"))
    return first == second or cut
