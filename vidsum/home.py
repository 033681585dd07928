"""Where vidsum keeps what it remembers between runs."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """Return the state folder; it need not exist yet. ``VIDSUM_HOME`` moves it."""
    given = os.environ.get("VIDSUM_HOME")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_state_dir("vidsum"))
