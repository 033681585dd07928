"""``vidsum cache``: what is kept between runs, and making room."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from vidsum.errors import OptionError

if TYPE_CHECKING:
    from vidsum.renderers.blocks import Page
    from vidsum.store.housekeeping import KeptVideo, Removed

_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_TIMES = {"h": "hours", "d": "days", "w": "weeks"}
_LENGTH = re.compile(r"(\d{1,4})([hdw])", re.ASCII)
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*([kmgt]?b)?", re.IGNORECASE | re.ASCII)
_CALLED = {
    "evidence": "what was seen and heard, whole", "answer": "answers", "caption": "captions",
    "reading": "pictures read", "heard": "blocks of speech",
    "speech": "answers of speech servers",
}  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cache() -> None:
    """What was seen, heard and answered in earlier runs: list it, make room.

    It lies in cache.db in the state folder (VIDSUM_HOME moves it). What is removed is found out
    again, and paid for again, when it is needed.
    """


@cache.command("list")
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON object.")
def list_kept(as_json: bool) -> None:
    """Show what is kept of each video, the one used last first, and how much it takes.

    Pieces are captions, pictures read, blocks of speech and what a speech server answered for
    parts of these, kept one by one, so that a run that was cut short goes on from them.

    Example: vidsum cache list
    """
    from vidsum.cli.output import write_stdout
    from vidsum.renderers.json import plain_json
    from vidsum.store.content import default_path
    from vidsum.store.housekeeping import file_bytes, videos

    path = default_path()
    if as_json:
        told = {"path": path, "bytes": file_bytes(path), "videos": videos(path)}
        write_stdout(plain_json(told))
    else:
        from vidsum.cli.showing import print_page

        print_page(_page())


@cache.command()
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON object.")
def size(as_json: bool) -> None:
    """Show how many things of each kind are kept, and how much of the disk they take.

    Example: vidsum cache size
    """
    from vidsum.cli.output import write_stdout
    from vidsum.cli.showing import print_page
    from vidsum.renderers.json import plain_json
    from vidsum.store.content import default_path
    from vidsum.store.housekeeping import file_bytes, kinds

    path = default_path()
    if as_json:
        write_stdout(plain_json({"path": path, "bytes": file_bytes(path), "kinds": kinds(path)}))
    else:
        print_page(_sizes())


@cache.command()
@click.option("--unused", metavar="TIME", help="Remove what was not used for so long: 30d, 12h.")
@click.option("--max-size", metavar="SIZE",
              help="Remove what was used longest ago until the rest fits: 500MB, 2GB.")  # fmt: skip
def prune(unused: str | None, max_size: str | None) -> None:
    """Remove what is old, or too much.

    Example: vidsum cache prune --unused 90d --max-size 1GB
    """
    from vidsum.store import housekeeping
    from vidsum.store.content import default_path

    if unused is None and max_size is None:
        raise OptionError("Nothing says what to remove.", "Give --unused 30d or --max-size 500MB.")
    since = None if unused is None else _since(unused)
    most_bytes = None if max_size is None else size_bytes(max_size)
    _tell(housekeeping.prune(default_path(), unused_since=since, most_bytes=most_bytes))


@cache.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def clear(yes: bool) -> None:
    """Remove everything that is kept.

    Example: vidsum cache clear -y
    """
    from vidsum.cli.modelchoice import ask, size_text
    from vidsum.store import housekeeping
    from vidsum.store.content import default_path

    path = default_path()
    size = size_text(housekeeping.file_bytes(path))
    ask(f"Remove {size} of kept results? They are paid for again when needed.", yes=yes,
        default=False, alone=False)  # fmt: skip
    _tell(housekeeping.clear(path))


def size_bytes(text: str) -> int:
    """Return what a size like 500MB means in bytes. Raises: OptionError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise OptionError(f"--max-size {text!r} is no size.", "Write 500MB, 1.5GB or bytes.")
    return int(float(found[1]) * _UNITS[(found[2] or "").lower()])


def _since(text: str) -> datetime:
    """Return the moment that lies so long back. Raises: OptionError."""
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise OptionError(f"--unused {text!r} is no length of time.", "Write 30d, 12h or 4w.")
    return datetime.now().astimezone() - timedelta(**{_TIMES[found[2]]: int(found[1])})


def _tell(removed: Removed) -> None:
    from vidsum.cli.modelchoice import size_text
    from vidsum.cli.report import say
    from vidsum.wording import number

    if not removed.things:
        say("nothing was removed")
        return
    things = "result" if removed.things == 1 else "results"
    say(f"removed {number(removed.things)} {things}, {size_text(removed.stored_bytes)}")


def _page() -> Page:
    from vidsum.cli.modelchoice import size_text
    from vidsum.renderers.blocks import Page, Paragraph, Table
    from vidsum.store.content import default_path
    from vidsum.store.housekeeping import file_bytes, videos
    from vidsum.wording import shown

    path = default_path()
    kept = videos(path)
    if not kept:
        return Page("Kept results", (Paragraph("Nothing is kept."),))
    rows = tuple(
        (one.name or "unknown", one.used_at[:10], str(one.evidence or ""), str(one.answers or ""),
         str(_pieces(one) or ""),
         size_text(one.stored_bytes))
        for one in kept
    )  # fmt: skip
    head = ("video", "last used", "looked at", "answers", "pieces", "size")
    total = f"{size_text(file_bytes(path))} in {shown(path)}"
    return Page("Kept results", (Table(head, rows, figures=4), Paragraph(total, quiet=True)))


def _pieces(one: KeptVideo) -> int:
    """Return how many things are kept of parts of a video."""
    return one.captions + one.readings + one.heard + one.spoken + one.others


def _sizes() -> Page:
    from vidsum.cli.modelchoice import size_text
    from vidsum.renderers.blocks import Page, Paragraph, Table
    from vidsum.store.content import default_path
    from vidsum.store.housekeeping import file_bytes, kinds
    from vidsum.wording import number, shown

    path = default_path()
    kept = kinds(path)
    if not kept:
        return Page("Kept results", (Paragraph("Nothing is kept."),))
    rows = tuple(
        (_CALLED.get(one.kind, one.kind), number(one.things), size_text(one.stored_bytes))
        for one in kept
    )
    total = f"{size_text(file_bytes(path))} in {shown(path)}"
    table = Table(("what", "how many", "size"), rows, figures=2)
    return Page("Kept results", (table, Paragraph(total, quiet=True)))
