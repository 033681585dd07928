"""A command group whose first word may be left out."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

DEFAULT_COMMAND = "summarize"


class DefaultGroup(click.Group):
    """Takes ``vidsum talk.mp4`` for ``vidsum summarize talk.mp4``.

    A file that is named like a command is reached as ``./NAME``.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front unless a command or a group option stands there."""
        own = {"--help", "-h", "--version"}
        if args and args[0] not in self.commands and args[0] not in own:
            name = Path(args[0])  # models.mp4 is a file that is missing, not a slip of the hand
            near = [] if name.suffix else difflib.get_close_matches(args[0], self.commands, n=1)
            if near and not name.exists():
                raise click.UsageError(f"There is no command or file {args[0]!r}. "
                                       f"Did you mean {near[0]}?", ctx)  # fmt: skip
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show both ways of calling."""
        formatter.write_usage("vidsum", "[OPTIONS] VIDEO...")
        formatter.write_usage("vidsum", "COMMAND [ARGS]...")
