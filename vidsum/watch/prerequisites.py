"""What a folder needs to be watched at all."""

from __future__ import annotations

import contextlib
import os

from vidsum.errors import OutputError
from vidsum.watch import folders
from vidsum.watch.settings import Settings
from vidsum.wording import shown


def check(settings: Settings) -> None:
    """Find out now what would make every file fail.

    Raises: OptionError, BackendMissing, OutputError.
    """
    from vidsum import api
    from vidsum.pipeline.choosing import choose

    api.check(settings.options)
    choose(settings.options)
    place = settings.place
    if settings.output is not None:
        with contextlib.suppress(OSError):  # what is wrong is said below
            place.mkdir(exist_ok=True)
    folders.make(settings, place)
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {shown(place)} cannot be written to.",
                          "Put the results elsewhere with --output.")  # fmt: skip
