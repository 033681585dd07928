"""Command groups whose first word may be left out."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path

import click

DEFAULT_COMMAND = "summarize"
_HELP = {"--help", "-h"}


class DefaultGroup(click.Group):
    """Takes ``vidsum talk.mp4`` for ``vidsum summarize talk.mp4``.

    A file that is named like a command is reached as ``./NAME``.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command in front unless a command or a group option stands there."""
        if args and args[0] not in self.commands and args[0] not in _HELP | {"--version"}:
            _refuse_slip(ctx, args[0], self.commands, "file")
            args = [DEFAULT_COMMAND, *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show both ways of calling."""
        formatter.write_usage("vidsum", "[OPTIONS] VIDEO...")
        formatter.write_usage("vidsum", "COMMAND [ARGS]...")


class UnnamedCommand(click.Command):
    """The command of a :class:`FolderGroup` that has no name of its own."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the group's help, which is this command's."""
        group = ctx.parent
        if group is None:
            super().format_help(ctx, formatter)
        else:
            group.command.format_help(group, formatter)


class FolderGroup(click.Group):
    """Takes ``vidsum watch FOLDER`` for a command that has no name of its own.

    So a folder of any name can be given; one that is named like a command is reached as ``./NAME``.
    The group's help is that command's, with the other commands below.
    """

    def __init__(self, name: str, unnamed: UnnamedCommand, usages: tuple[str, ...]) -> None:
        super().__init__(name, help=unnamed.help, context_settings=unnamed.context_settings)
        self._unnamed, self._usages = unnamed, usages

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave all words alone unless the first is a command or asks for help."""
        if args and args[0] not in self.commands and args[0] not in _HELP:
            _refuse_slip(ctx, args[0], self.commands, "folder")
            args = ["--", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first word names, else the one without a name."""
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        return "", self._unnamed, args

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show every way of calling."""
        for usage in self._usages:
            formatter.write_usage(ctx.command_path, usage)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the options of the command without a name, and the other commands."""
        self._unnamed.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


def _refuse_slip(ctx: click.Context, word: str, commands: Collection[str], kind: str) -> None:
    """Refuse what is nearly a command, and is no file. Raises: click.UsageError."""
    name = Path(word)  # models.mp4 is a file that is missing, not a slip of the hand
    near = [] if name.suffix else difflib.get_close_matches(word, commands, n=1)
    if near and not name.exists():
        raise click.UsageError(
            f"There is no command or {kind} {word!r}. Did you mean {near[0]}?", ctx
        )
