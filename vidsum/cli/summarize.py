"""``vidsum VIDEO…``: what is in these videos?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidsum.cli.options import common_options, options_in_force, video_options
from vidsum.errors import OptionError

if TYPE_CHECKING:
    from vidsum.cli.batch import Wish

_LONGEST_QUESTION = 2_000


@click.command()
@click.argument("videos", nargs=-1, required=True, metavar="VIDEO...",
                type=click.Path(path_type=Path, readable=False))  # fmt: skip
@video_options()
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("-o", "--output", metavar="PATH",
              help="Write to this file, or into this folder, instead of stdout.")  # fmt: skip
@click.option("--ask", metavar="QUESTION",
              help="Answer this question instead, with evidence; what an earlier run saw and "
              "heard is used.")  # fmt: skip
@click.option("--what-did-vision-buy", "bought", is_flag=True,
              help="Sum up with and without what was seen and what was said, and say what each "
              "brought and cost.")  # fmt: skip
@click.option("--broll", is_flag=True,
              help="Also make new pictures and clips that illustrate it, in a folder beside the "
              "video; vidsum broll does it step by step.")  # fmt: skip
@click.option("--dry-run", is_flag=True,
              help="Only say what it would cost, as vidsum estimate does.")  # fmt: skip
@common_options
@click.pass_context
def summarize(ctx: click.Context, /, videos: tuple[Path, ...], as_json: bool, output: str | None,
              ask: str | None, bought: bool, broll: bool, dry_run: bool, config: Path | None,
              quiet: bool, verbose: bool, **flags: Any) -> None:  # fmt: skip
    """Say what is in videos, with times, and what it took to find out.

    The result goes to stdout, all else to stderr. With several videos, --json prints one object
    that holds them all.
    """
    from vidsum.cli.batch import Batch
    from vidsum.cli.progress import ended_by_interrupt

    if as_json:
        flags["format"] = "json"
    options = options_in_force(flags, config)
    wish = _wish(ask, bought=bought, broll=broll, dry_run=dry_run)
    if dry_run:
        from vidsum.cli.estimate import Asked, show_estimates

        as_json = options.format == "json"
        ctx.exit(show_estimates(videos, Asked(options, broll=broll), as_json=as_json, quiet=quiet,
                                verbose=verbose))  # fmt: skip
    batch = Batch(options, videos, output, quiet, verbose, wish)
    batch.check()
    kept = "; what was found so far is kept: run it again, and it goes on"
    with ended_by_interrupt(kept if options.cache else ""):
        batch.run()
    ctx.exit(batch.exit_code)


def _wish(ask: str | None, *, bought: bool, broll: bool, dry_run: bool) -> Wish:
    """Return what is to be found out. Raises: OptionError."""
    from vidsum.cli.batch import Wish

    if ask is None:
        wish = Wish(bought=bought, broll=broll)
    elif len(ask) > _LONGEST_QUESTION:
        raise OptionError(f"--ask takes a question of at most {_LONGEST_QUESTION:,} letters.",
                          "What is known of the video goes into --context.")  # fmt: skip
    elif not any(map(str.isalnum, ask)):
        raise OptionError("--ask takes a question.", 'For example: --ask "Who speaks first?"')
    else:
        wish = Wish(ask)
    if bought and ask is not None:
        raise OptionError("--ask and --what-did-vision-buy do not go together.", "Run them apart.")
    if broll and (bought or ask is not None):
        raise OptionError("--broll illustrates summaries only.",
                          "Leave out --ask and --what-did-vision-buy.")  # fmt: skip
    if dry_run and (bought or ask is not None):
        raise OptionError("--dry-run estimates summaries, and their B-roll, only.",
                          "Leave out --ask and --what-did-vision-buy.")  # fmt: skip
    return wish
