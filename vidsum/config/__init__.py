"""What a run is asked to do: every option, once, and which values are in force."""

from vidsum.config.options import (
    ENV_PREFIX,
    FORMATS,
    LENGTHS,
    OptionEntry,
    Options,
    option_table,
)
from vidsum.config.resolving import file_table, resolve
from vidsum.config.values import seconds

__all__ = [
    "ENV_PREFIX", "FORMATS", "LENGTHS", "OptionEntry", "Options", "file_table", "option_table",
    "resolve", "seconds",
]  # fmt: skip
