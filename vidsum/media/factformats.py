"""What sidecar files tell: yt-dlp's ``.info.json``, Kodi's ``.nfo``, and plain text.

Their values are data, whatever is in them: words are kept, and only bounded in length.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from vidsum.data import ChapterMark
from vidsum.media.factfiles import Unusable
from vidsum.wording import path_text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SHORT_CHARS: Final = 200
LONG_CHARS: Final = 2000
_LIST_CHARS: Final = 1000
_MOST_ITEMS: Final = 20
_ELLIPSIS: Final = " …"
_MOST_CHAPTERS, _LONGEST_S = 500, 1e7

BESIDE: Final = "Text beside the file"
WEB_PAGE: Final = "Web page"
_NOTHING: Final = {"", "none", "null", "n/a"}

# Source: "Output template", the fields of the README of yt-dlp. Its counts, formats and comments
# are no facts of what is in the video.
_INFO: Final = (
    ("Title", ("fulltitle", "title")), ("Other title", ("alt_title",)), ("Series", ("series",)),
    ("Season", ("season",)), ("Season number", ("season_number",)), ("Episode", ("episode",)),
    ("Episode number", ("episode_number",)), ("Track", ("track",)), ("Album", ("album",)),
    ("Artist", ("artists", "artist")), ("Author", ("creators", "creator")),
    ("Channel", ("channel",)), ("Uploaded by", ("uploader",)), ("Cast", ("cast",)),
    ("Upload date", ("upload_date",)), ("Release date", ("release_date",)),
    ("Recorded at", ("location",)), ("Language", ("language",)), ("Licence", ("license",)),
    ("Genre", ("genres", "genre")), ("Categories", ("categories",)), ("Tags", ("tags",)),
    (WEB_PAGE, ("webpage_url",)), ("Description", ("description",)),
)  # fmt: skip

# Source: "NFO files", the pages on movies, episodes, TV shows and music videos of the Kodi wiki.
_ROOTS: Final = ("movie", "episodedetails", "musicvideo", "tvshow")
_NFO: Final = (
    ("Title", ("title",)), ("Other title", ("originaltitle",)), ("Series", ("showtitle",)),
    ("Season number", ("season",)), ("Episode number", ("episode",)), ("Album", ("album",)),
    ("Artist", ("artist",)), ("Tagline", ("tagline",)), ("Director", ("director",)),
    ("Written by", ("credits",)), ("Cast", ("actor",)), ("Studio", ("studio",)),
    ("Release date", ("premiered",)), ("First aired", ("aired",)), ("Year", ("year",)),
    ("Country", ("country",)), ("Genre", ("genre",)), ("Tags", ("tag",)),
    ("Description", ("plot", "outline")),
)  # fmt: skip
_PLACEHOLDERS: Final = {"0", "-1", "1601-01-01", "1969-12-31", "1970-01-01", "0000-00-00"}
_DATED: Final = {"Season number", "Episode number", "Release date", "First aired", "Year"}
_ROOT: Final = re.compile(rf"<({'|'.join(_ROOTS)})[\s>]")
_DECLARES: Final = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"']{1,2000}")
_VIDEO_ID: Final = re.compile(r"(?:^|&)(v=[\w-]{4,20})(?:&|$)")
_MOST_ELEMENTS, _DEEPEST = 20_000, 20

Told = tuple[str, str]
"""A fact's name and its value."""


def short(value: str) -> str:
    """Return a value on one line, of at most 200 letters, as text that any encoder takes."""
    return _bounded(" ".join(path_text(value).split()), _SHORT_CHARS)


def long(value: str, most_chars: int = LONG_CHARS) -> str:
    """Return a text with its lines, none of them empty, of at most ``most_chars`` letters."""
    rows = (" ".join(row.split()) for row in path_text(value).splitlines())
    return _bounded("\n".join(row for row in rows if row), most_chars)


def listed(values: Iterable[str], joint: str = ", ") -> str:
    """Return at most 20 values as a list, which says how many more there are."""
    items = [item for item in dict.fromkeys(map(short, values)) if item]
    more = f" and {len(items) - _MOST_ITEMS:,} more" if len(items) > _MOST_ITEMS else ""
    return _bounded(joint.join(items[:_MOST_ITEMS]), _LIST_CHARS) + more


def _bounded(text: str, most_chars: int) -> str:
    """Return text cut at a space where there is one near, with an ellipsis."""
    if len(text) <= most_chars:
        return text
    head = text[: most_chars - len(_ELLIPSIS)]
    end = max(head.rfind(" "), head.rfind("\n"))
    return (head[:end] if end > 0.8 * len(head) else head) + _ELLIPSIS


def address(text: str) -> str:
    """Return a web address without password, query and fragment, "" for what is none.

    Those may hold keys. YouTube's ``v`` stays: without it the address names no video.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme.lower() not in ("http", "https") or not host:
        return ""
    video = _VIDEO_ID.search(parts.query)
    there = f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"
    return short(f"{there}?{video[1]}" if video else there)


def info_json(text: str) -> list[Told]:
    """Return what yt-dlp wrote down of a video. Raises: Unusable."""
    fields = _fields(text)
    told = [(name, _info_value(name, fields.get(key))) for name, keys in _INFO for key in keys]
    channel = dict(told).get("Channel")
    return [one for one in told if one[1] and one != ("Uploaded by", channel)]


def info_chapters(text: str) -> list[ChapterMark]:
    """Return the chapters that yt-dlp wrote down, in order of time. Raises: Unusable.

    At most the first 500; one without a time is left out, one without a title is numbered. An
    end that is unknown, or not behind the start, is infinite.
    """
    listing = _fields(text).get("chapters")
    marks: dict[float, ChapterMark] = {}
    rows = listing[:_MOST_CHAPTERS] if isinstance(listing, list) else []
    for row in rows:
        fields = row if isinstance(row, dict) else {}
        start_s, end_s = _seconds(fields.get("start_time")), _seconds(fields.get("end_time"))
        if start_s is not None and start_s not in marks:
            title = short(_word(fields.get("title"))) or f"Chapter {len(marks) + 1}"
            ends_s = end_s if end_s is not None and end_s > start_s else math.inf
            marks[start_s] = ChapterMark(start_s, ends_s, title)
    return [marks[start_s] for start_s in sorted(marks)]


def _seconds(value: object) -> float | None:
    """Return a time in seconds, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _LONGEST_S else None


def _fields(text: str) -> dict[str, Any]:
    """Return the fields of a JSON object. Raises: Unusable."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as exc:  # also for numbers of thousands of digits
        raise Unusable("it is no readable JSON") from exc
    if not isinstance(fields, dict):
        raise Unusable("it is no JSON object")
    return fields


def _info_value(name: str, value: object) -> str:
    """Return a field as text, "" if it holds nothing that can be told."""
    if isinstance(value, list):
        return listed(_word(item) for item in itertools.islice(value, 1000))
    word = _word(value)
    if name == "Description":
        return long(word)
    if name == WEB_PAGE:
        return address(word)
    if name.endswith("date") and re.fullmatch(r"[12]\d{3}[01]\d[0-3]\d", word, re.ASCII):
        return f"{word[:4]}-{word[4:6]}-{word[6:]}"
    return short(word)


def _word(value: object) -> str:
    """Return text and numbers as text, "" for anything else."""
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, int) and abs(value) >= 10**18:
        return ""  # no season or year; thousands of digits would be an error
    word = str(value) if isinstance(value, str | int | float) else ""
    return "" if word.strip().casefold() in _NOTHING else word


def nfo(text: str) -> list[Told]:
    """Return what a Kodi ``.nfo`` file tells: XML, XML and an address, or plain text.

    A file of several episodes tells of all of them. No entity is ever expanded and no document
    type read: a file that declares any is refused. Raises: Unusable.
    """
    if _DECLARES.search(text):
        raise Unusable("it declares a document type or entities, which are not read")
    root = _ROOT.search(text)
    if root is None:
        if text.lstrip().startswith(("<?xml", "<")):
            raise Unusable("it holds no movie, episode, TV show or music video")
        return _plain_nfo(text)
    closing = f"</{root[1]}>"
    end = text.rfind(closing)
    if end < root.start():
        raise Unusable("it is no well-formed XML")
    end += len(closing)
    told = _elements(f"<nfo>{text[root.start() : end]}</nfo>")
    return [*told, *_web_page(text[end:])]


def _plain_nfo(text: str) -> list[Told]:
    """Return the words of a text file, without the rows that only draw something."""
    if "\0" in text:
        raise Unusable("it is no text")
    rows = [row for row in text.splitlines() if re.search(r"\w", row)]
    words = long("\n".join(rows))
    page = _web_page(text)
    return page if page and len(words.split()) == 1 else [*page, *note(words)]


def _web_page(text: str) -> list[Told]:
    """Return the first address in a text, which is the one that Kodi uses."""
    found = _ADDRESS.search(text)
    page = address(found[0]) if found else ""
    return [(WEB_PAGE, page)] if page else []


def _elements(text: str) -> list[Told]:
    from xml.etree import ElementTree

    class Bounded(ElementTree.TreeBuilder):
        """A tree of bounded depth and size."""

        depth = count = 0

        def start(self, tag: str, attrs: Mapping[str, str], /) -> Any:
            self.depth, self.count = self.depth + 1, self.count + 1
            if self.depth > _DEEPEST or self.count > _MOST_ELEMENTS:
                raise Unusable("its XML is too large or too deep")
            return super().start(tag, dict(attrs))

        def end(self, tag: str, /) -> Any:
            self.depth -= 1
            return super().end(tag)

    parser = ElementTree.XMLParser(target=Bounded())
    try:
        parser.feed(text)
        roots = parser.close()
    except (ElementTree.ParseError, ValueError) as exc:
        raise Unusable("it is no well-formed XML") from exc
    return [one for root in roots for one in _root(root)]


def _root(root: Element) -> Iterator[Told]:
    for name, tags in _NFO:
        for tag in tags:
            found = root.findall(tag)
            words = [_actor(one) if tag == "actor" else "".join(one.itertext()) for one in found]
            value = long("\n".join(words)) if name == "Description" else listed(words)
            if value and not (name in _DATED and value in _PLACEHOLDERS):
                yield name, value


def _actor(element: Element) -> str:
    name, role = (short(element.findtext(tag) or "") for tag in ("name", "role"))
    return f"{name} as {role}" if name and role else name


def note(text: str) -> list[Told]:
    """Return a plain text as the one thing that it tells. Raises: Unusable."""
    if "\0" in text:
        raise Unusable("it is no text")
    words = long(text)
    return [(BESIDE, words)] if words else []
