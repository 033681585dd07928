"""Lines for the user on stderr."""

from __future__ import annotations

import contextlib
import sys

from vidsum.errors import VidsumError
from vidsum.wording import escaped


def say(text: str) -> None:
    """Print one line of information on stderr; a stderr that is closed is no error."""
    if sys.stderr is None:
        return  # print would take stdout in its place
    with contextlib.suppress(OSError, ValueError):
        print(f"vidsum: {escaped(text)}", file=sys.stderr, flush=True)


def say_error(exc: VidsumError) -> None:
    """Print an error and its hint as one line on stderr."""
    say(f"error: {exc.message} {exc.hint}".rstrip())
