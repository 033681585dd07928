"""``vidsum estimate VIDEO…``: what would a summary cost?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from vidsum.cli.options import (
    ONLY_PAGES,
    common_options,
    options_in_force,
    video_options,
)
from vidsum.cli.report import say_error
from vidsum.errors import EXIT_OK, EXIT_PARTIAL, VidsumError

if TYPE_CHECKING:
    from vidsum.broll.items import Itemised
    from vidsum.config import Options
    from vidsum.pipeline.estimating import Estimated


@click.command()
@click.argument("videos", nargs=-1, required=True, metavar="VIDEO...",
                type=click.Path(path_type=Path, readable=False))  # fmt: skip
@click.option("--precise", is_flag=True,
              help="First sample the video, drop repeated pictures and find the speech, which "
              "takes seconds to minutes: pictures and speech are then exact.")  # fmt: skip
@click.option(
    "--compare", is_flag=True,
    help="Set the naive way beside it: the whole video to one model at one frame a second.",
)  # fmt: skip
@click.option("--compare-model", metavar="MODEL",
              help="The model on both sides of --compare, at --reason-api if that is given. "
              "Default: the one that would write the summary at a provider, else "
              "gemini-2.5-flash.")  # fmt: skip
@click.option("--broll", is_flag=True,
              help="Also say what --broll would cost: pictures, prompts and clips.")  # fmt: skip
@video_options(without=ONLY_PAGES)
@click.option("--json", "as_json", is_flag=True,
              help="Everything known, as one JSON object; what is unknown is null.")  # fmt: skip
@common_options
@click.pass_context
def estimate(ctx: click.Context, /, videos: tuple[Path, ...], precise: bool, compare: bool,
             compare_model: str | None, broll: bool, as_json: bool, config: Path | None,
             quiet: bool, verbose: bool, **flags: Any) -> None:  # fmt: skip
    """Say what a summary would cost, before anything is spent.

    No model is loaded and nobody is asked. Figures are what is likely, with the least and the most
    in brackets; the most is a bound. What is not known is said to be unknown. Caps are left out of
    account: a run leaves out what does not fit under them.

    Without --precise no line goes into the ledger. With it, the time that looking took goes there,
    and later estimates go by it.

    \b
    Examples:
      vidsum estimate talk.mp4
      vidsum estimate talk.mp4 --precise --compare
      vidsum estimate talk.mp4 --tier api --caption-model gpt-5-mini \\
             --reason-model gpt-5-mini --speech-model whisper-1
    """
    options = options_in_force(flags, config)
    asked = Asked(options, precise, compare or compare_model is not None, compare_model, broll)
    ctx.exit(show_estimates(videos, asked, as_json=as_json, quiet=quiet, verbose=verbose))


class Told(NamedTuple):
    """One video's estimate, and that of its B-roll where it was asked for."""

    found: Estimated
    broll: Itemised | None = None


class Asked:
    """What is to be estimated, and how."""

    def __init__(self, options: Options, precise: bool = False, compare: bool = False,
                 model: str | None = None, broll: bool = False) -> None:  # fmt: skip
        self.options = options
        self.precise, self.compare, self.model, self.broll = precise, compare, model, broll

    def of(self, video: Path, *, quiet: bool, verbose: bool) -> Told:
        """Return one video's estimate. Raises: VidsumError."""
        from vidsum import api
        from vidsum.cli.progress import ended_by_interrupt, progress

        with ended_by_interrupt(), progress(quiet=quiet, verbose=verbose) as listen:
            broll = api.estimate_broll(video, self.options) if self.broll else None
            return Told(api.estimate(
                video, self.options, listen, precise=self.precise, compare=self.compare,
                compare_model=self.model,
            ), broll)  # fmt: skip


def show_estimates(
    videos: tuple[Path, ...], asked: Asked, *, as_json: bool, quiet: bool, verbose: bool
) -> int:
    """Print the estimates of videos; return the exit code. Raises: VidsumError for a single one."""
    from vidsum.cli.output import write_stdout

    done: list[Told] = []
    failed: list[tuple[Path, VidsumError]] = []
    for video in videos:
        try:
            done.append(asked.of(video, quiet=quiet, verbose=verbose))
        except VidsumError as exc:
            if len(videos) == 1:
                raise
            say_error(exc)
            failed.append((video, exc))
            continue
        if not as_json:
            _print(done[-1], last=video is videos[-1])
    if as_json:
        from vidsum.cli import estimatejson

        write_stdout(estimatejson.as_json(done, failed, one=len(videos) == 1))
    if failed and not done:
        return failed[0][1].exit_code
    return EXIT_PARTIAL if failed else EXIT_OK


def _print(told: Told, *, last: bool) -> None:
    from vidsum.cli.estimatepage import estimate_page
    from vidsum.cli.showing import print_page

    found = told.found
    page = estimate_page(found.info, found.estimate, found.comparison, found.left_out, found.kept)
    if told.broll is not None:
        from vidsum.cli.brollpages import estimate_blocks
        from vidsum.renderers.blocks import Heading, Page

        page = Page(
            page.title, (*page.blocks, Heading("B-roll, besides"), *estimate_blocks(told.broll))
        )
    print_page(page, after="" if last else "\n")
