"""``vidsum watch FOLDER``: drop a video, find a summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidsum.cli.group import FolderGroup, UnnamedCommand
from vidsum.cli.options import BROLL, common_options, config_file, options_in_force, video_options
from vidsum.cli.watchoptions import KEYS, settings_in_force, watch_options
from vidsum.cli.watchstatus import status
from vidsum.errors import FolderHeld

_HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
_FOLDER = click.argument("folder", type=click.Path(path_type=Path, readable=False))


@click.command(cls=UnnamedCommand, context_settings=_HELP_OPTIONS)
@_FOLDER
@watch_options
@click.option("--once", is_flag=True,
              help="End when everything that is there was dealt with; 7 when something was "
              "quarantined in this run, is partial or unfinished.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True,
              help="One JSON object a line on stdout for each video that is done or "
              "quarantined.")  # fmt: skip
@common_options
@video_options(without=BROLL | {"format"})
@click.pass_context
def watch_it(ctx: click.Context, /, folder: Path, once: bool, as_json: bool, config: Path | None,
             quiet: bool, verbose: bool, **flags: Any) -> None:  # fmt: skip
    """Watch a folder: a summary for every video that is dropped there.

    The summary of talk.mp4 lies beside it as talk.mp4.vidsum.md, or with -o in the same tree
    elsewhere. What goes wrong is tried again when that may help, and else put into the folder
    vidsum-quarantine as a report; videos are never touched. What was done is not done again.

    SIGTERM or Ctrl-C ends it, and what was under way goes on from there next time; a second one
    ends it at once. Exit codes besides the usual: 7 when with --once something was quarantined
    in this run, is partial or unfinished; 75 when another watcher has the folder, which --once -q
    says in no other way; 130 after Ctrl-C; 0 after SIGTERM.

    \b
    Examples:
      vidsum watch inbox/
      vidsum watch inbox/ -o summaries/ --format md --format json --workers 2
      vidsum watch inbox/ --once --json | jq .
      vidsum watch status
    """
    from vidsum.cli.watchrun import watch_folder
    from vidsum.config import file_table

    table = file_table(config_file(config), "watch", KEYS)
    options = options_in_force({k: v for k, v in flags.items() if k != "format"}, config)
    settings = settings_in_force(folder, options, flags, table, once=once)
    try:
        code = watch_folder(settings, as_json=as_json, quiet=quiet, verbose=verbose)
    except FolderHeld as held:
        if not (once and quiet):
            raise
        code = held.exit_code  # cron sends a mail for every line
    ctx.exit(code)


class _FolderOrCommand(FolderGroup):
    """Says in one line that a folder is missing: its whole help would hide that."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            raise click.UsageError("Which folder? vidsum watch FOLDER.", ctx)
        return super().parse_args(ctx, args)


watch = _FolderOrCommand("watch", watch_it, ("[OPTIONS] FOLDER", "status [FOLDER] [--json]",
                                              "retry FOLDER [NAME]... [--done]"))  # fmt: skip
watch.add_command(status)


@watch.command(context_settings=_HELP_OPTIONS)
@_FOLDER
@click.argument("names", nargs=-1, metavar="[NAME]...", type=click.Path(path_type=Path))
@click.option("--done", is_flag=True,
              help="Do anew what is done, too: with other options, or when a result is "
              "lost.")  # fmt: skip
def retry(folder: Path, names: tuple[Path, ...], done: bool) -> None:
    """Take up again what was quarantined: all of it, or the files that are named.

    With --done also what is done, with the options that its watcher has then. A NAME is relative to
    FOLDER, or a path that leads into it. A watcher that runs goes on with it by itself, else the
    next one.

    Example: vidsum watch retry inbox/ talk.mp4
    """
    from vidsum.cli.watchrun import retry_videos

    retry_videos(folder, names, done=done)
