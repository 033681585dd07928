"""``vidsum bundle VIDEO``: the evidence as a prompt for any chat model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidsum.cli.options import (
    BROLL,
    ONLY_PAGES,
    WRITING,
    common_options,
    options_in_force,
    video_options,
)
from vidsum.errors import EXIT_PARTIAL, BackendFailed, BudgetReached

if TYPE_CHECKING:
    from vidsum.config import Options

_ENTRIES = {"speech": "of speech", "text": "of text on screen", "caption": "of pictures",
            "fact": "of facts"}  # fmt: skip


@click.command()
@click.argument("video", type=click.Path(path_type=Path, readable=False))
@video_options(without=ONLY_PAGES | WRITING | BROLL)
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path),
              help="Write to this file instead of stdout.")  # fmt: skip
@common_options
@click.pass_context
def bundle(ctx: click.Context, /, video: Path, output: Path | None, config: Path | None,
           quiet: bool, verbose: bool, **flags: Any) -> None:  # fmt: skip
    """Print what was seen, heard and read as a prompt for any chat model.

    The prompt is prompts/summary.md with the video's timeline; --prompts takes your own.
    """
    from vidsum import api, tokens
    from vidsum.cli.output import check_output, write_stdout
    from vidsum.cli.progress import ended_by_interrupt, progress
    from vidsum.cli.report import say
    from vidsum.outputs import write_whole

    options = _without_a_writer(options_in_force(flags, config))
    if output is not None:
        check_output(output, [video], "md")
    with ended_by_interrupt(), progress(quiet=quiet, verbose=verbose) as listen:
        run = api.start(video, options, listen)
        with api.finishing(run):
            packed = api.bundle(run, api.extract(run), options.max_evidence_tokens)
            text = api.prompt(run, packed)
    if output is None:
        write_stdout(text)
    else:
        write_whole(output, text)
    if not quiet:
        count, origin = tokens.count(text, tokens.cached_encoder())
        say(f"the prompt is {'' if origin == 'measured' else 'about '}{count:,} tokens ({origin})")
        if packed.left_out:
            told = ", ".join(f"{n:,} {_ENTRIES[kind]}" for kind, n in packed.left_out.items())
            say(f"left out for --max-evidence {options.max_evidence_tokens:,}: {told}")
    for failure in run.failures:
        say(f"error: {failure} What was done before is in the prompt.")
    if run.failures:
        ctx.exit(BackendFailed.exit_code)
    if run.meter.given_up:
        ctx.exit(BudgetReached.exit_code)
    if any(notice.partial for notice in packed.evidence.notices):
        ctx.exit(EXIT_PARTIAL)


def _without_a_writer(options: Options) -> Options:
    """Return options by which nobody writes a summary.

    A bundle then needs no model for it, and under a cap nothing is kept back for it.
    """
    return replace(options, reasoner="extractive", reason_model=None, reason_api=None)
