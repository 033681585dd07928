"""Where vidsum keeps what it remembers between runs."""

from __future__ import annotations

import os
from pathlib import Path

from vidsum.errors import OptionError


def state_folder() -> Path:
    """Return the state folder; it need not exist yet. ``VIDSUM_HOME`` moves it.

    Raises: OptionError.
    """
    given = os.environ.get("VIDSUM_HOME")
    if given:
        try:
            return Path(given).expanduser().absolute()
        except RuntimeError as exc:
            raise OptionError("VIDSUM_HOME names the home of a user who is not here.") from exc
    import platformdirs

    return Path(platformdirs.user_state_dir("vidsum"))
