"""The entry point: commands in, an exit code out, errors as one line."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback

import click

import vidsum
from vidsum.cli.broll import broll
from vidsum.cli.bundle import bundle
from vidsum.cli.cache import cache
from vidsum.cli.doctor import doctor
from vidsum.cli.estimate import estimate
from vidsum.cli.group import DefaultGroup
from vidsum.cli.ledger import ledger
from vidsum.cli.models import models
from vidsum.cli.output import ReaderGone
from vidsum.cli.report import say, say_error
from vidsum.cli.summarize import summarize
from vidsum.cli.watch import watch
from vidsum.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_UNEXPECTED, VidsumError


@click.group(cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(vidsum.__version__, prog_name="vidsum")
def cli() -> None:
    """What is in this video, and what did it cost to find out?

    \b
    vidsum talk.mp4                  a page on the terminal, Markdown in a pipe
    vidsum talk.mp4 --json | jq .    everything, for scripts
    vidsum *.mp4 -o summaries/       a file a video
    vidsum talk.mp4 --ask "Who?"     an answer, from what was seen and heard before
    vidsum broll plan talk.mp4       new pictures that illustrate it, step by step
    vidsum bundle talk.mp4           the evidence as a prompt for any chat model
    vidsum ledger show --run last    what the last run did cost, by modality
    vidsum estimate talk.mp4         what it would cost, before anything is spent
    vidsum cache list                what is kept of which video, and how to make room
    vidsum watch inbox/              a summary of every video that is dropped there
    vidsum doctor                    which engines would work, and what would be better

    VIDEO alone means summarize; its options: vidsum summarize --help.

    Exit codes: 0 ok, 1 a bug, 2 wrong options or config, 3 media unreadable or refused,
    4 something is not installed, 5 a backend failed, 6 a cap left something out, 7 partial,
    8 output cannot be written, 75 another watcher has the folder, 130 interrupted.
    """


cli.add_command(summarize)
cli.add_command(bundle)
cli.add_command(broll)
cli.add_command(estimate)
cli.add_command(models)
cli.add_command(ledger)
cli.add_command(cache)
cli.add_command(watch)
cli.add_command(doctor)


def main() -> None:
    """Run the command line and exit."""
    _fill_closed_descriptors()
    sys.exit(run(sys.argv[1:]))


def _fill_closed_descriptors() -> None:
    """Put /dev/null where stdin, stdout or stderr is closed.

    A pipe to the decode process would otherwise get that number, and be taken for it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        code = cli.main(arguments, prog_name="vidsum", standalone_mode=False)
        return code if isinstance(code, int) else EXIT_OK
    except VidsumError as exc:
        say_error(exc)
        return exc.exit_code
    except click.exceptions.NoArgsIsHelpError as exc:
        with contextlib.suppress(OSError, ValueError):
            click.echo(exc.ctx.get_help() if exc.ctx else exc.message, err=True)
        return exc.exit_code
    except click.ClickException as exc:
        command = exc.ctx.command_path if isinstance(exc, click.UsageError) and exc.ctx else ""
        hint = f" Try {command.strip()} --help." if command else ""
        say(f"error: {exc.format_message()}{hint}")
        return exc.exit_code
    except (KeyboardInterrupt, click.Abort) as exc:
        say(f"interrupted{exc.__cause__ or exc}")  # click makes an Abort of an interrupt
        return EXIT_INTERRUPTED
    except ReaderGone:
        # The interpreter must not try to flush into the closed pipe at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as exc:  # noqa: BLE001 - the last line of defence
        if {"-v", "--verbose"} & set(arguments):
            traceback.print_exc()
        say(f"error: this is a bug in vidsum: {type(exc).__name__}: {exc} "
            "(--verbose shows where)")  # fmt: skip
        return EXIT_UNEXPECTED
