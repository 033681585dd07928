"""Pages on stdout: drawn on a terminal, as plain text anywhere else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vidsum.renderers.blocks import Page

_NARROWEST: Final = 20
_USUAL_WIDTH: Final = 80


def on_terminal() -> bool:
    """Say whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def show_page(page: Page) -> None:
    """Show a page on the terminal, as wide as that is."""
    from rich.console import Console

    from vidsum.renderers.terminal import show

    console = Console()
    if console.width < _NARROWEST:  # COLUMNS=0, a terminal that does not know its size
        console.width = _USUAL_WIDTH
    show(page, console)


def print_page(page: Page, *, after: str = "") -> None:
    """Print a page; ``after`` follows it where it is plain text."""
    from vidsum.cli.output import write_stdout
    from vidsum.renderers.text import text

    if on_terminal():
        show_page(page)
    else:
        write_stdout(text(page) + after)
