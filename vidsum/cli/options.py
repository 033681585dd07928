"""click options made from the one table in :mod:`vidsum.config`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from vidsum.config import OptionEntry, Options, option_table, resolve
from vidsum.errors import OptionError

Command = TypeVar("Command", bound=Callable[..., Any])
ONLY_PAGES = frozenset({"format", "timeline"})
"""Options that say how a page looks: commands that print no page leave them out."""
WRITING = frozenset({
    "reasoner", "reason_model", "reason_context_tokens", "reason_api", "second_look",
})  # fmt: skip
"""Options that say who writes the summary, and how: commands that have none written leave them
out."""
ENGINES = frozenset({
    "tier", "ocr", "transcriber", "captioner", "reasoner", "caption_model", "mmproj",
    "speech_model", "reason_model", "threads", "gpu_layers", "api", "caption_api", "speech_api",
    "reason_api", "generator", "image_model", "image_encoder", "image_decoder", "image_api",
})  # fmt: skip
"""Options that say which engines work."""
CAPS = frozenset({
    "max_usd", "max_cu", "max_seconds", "allow_unpriced", "max_usd_per_day", "max_cu_per_day",
    "watts_per_core",
})  # fmt: skip
"""Options that say what may be spent."""
BROLL = frozenset({
    "generator", "image_model", "image_encoder", "image_decoder", "image_api", "image_timeout_s",
    "image_steps", "image_side_px", "upscaler", "scenes", "variations", "ref",
})  # fmt: skip
"""Options of generated B-roll: commands that make none leave them out."""


def video_options(
    without: frozenset[str] = frozenset(), only: frozenset[str] | None = None
) -> Callable[[Command], Command]:
    """Return a decorator that adds every option of the table, or some of them."""

    def decorate(command: Command) -> Command:
        table = [e for e in option_table() if e.name not in without]
        for entry in reversed([e for e in table if only is None or e.name in only]):
            command = _click_option(entry)(command)
        return command

    return decorate


def common_options(command: Command) -> Command:
    """Add the options that every command takes and that no config file sets."""
    for option in reversed((
        click.option("--config", type=click.Path(path_type=Path), metavar="FILE",
                     help="Config file (TOML). Default: config.toml in the user's "
                     "config folder for vidsum."),
        click.option("-q", "--quiet", is_flag=True, help="No progress; errors only."),
        click.option("-v", "--verbose", is_flag=True,
                     help="Say which engines work; show tracebacks of bugs."),
    )):  # fmt: skip
        command = option(command)
    return command


def options_in_force(flags: Mapping[str, Any], config: Path | None) -> Options:
    """Return the options from flags, environment and config file. Raises: OptionError."""
    return resolve(flags, os.environ, config_file(config))


def config_file(given: Path | None) -> Path:
    """Return the config file: the one given, else the user's own. Raises: OptionError."""
    named = given or (Path(env) if (env := os.environ.get("VIDSUM_CONFIG")) else None)
    if named is not None:
        if not named.is_file():
            raise OptionError(f"There is no config file {named}.")
        return named
    import platformdirs

    return Path(platformdirs.user_config_dir("vidsum")) / "config.toml"


def _click_option(entry: OptionEntry) -> Callable[[Command], Command]:
    text = f"{entry.help} [{_default(entry)}env {entry.env}]"
    if entry.switch:
        names = f"{entry.flag}/--no-{entry.flag.removeprefix('--')}"
        return click.option(names, entry.name, default=None, help=text)
    kind = click.Choice(entry.choices) if entry.choices else None
    return click.option(entry.flag, entry.name, type=kind or str, default=None,
                        metavar=entry.metavar, help=text)  # fmt: skip


def _default(entry: OptionEntry) -> str:
    if entry.default is None or "Default:" in entry.help:
        return ""
    if entry.switch:
        return f"default {'on' if entry.default else 'off'}; "
    shown = f"{entry.default:g}" if isinstance(entry.default, float) else entry.default
    return f"default {shown}; "
