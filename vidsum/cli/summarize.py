"""``vidsum VIDEO…``: what is in these videos?"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidsum.cli.options import common_options, options_in_force, video_options
from vidsum.cli.report import say, say_error
from vidsum.errors import EXIT_OK, EXIT_PARTIAL, VidsumError

if TYPE_CHECKING:
    from vidsum.config import Options
    from vidsum.data import Result


@click.command()
@click.argument("videos", nargs=-1, required=True, metavar="VIDEO...",
                type=click.Path(path_type=Path, readable=False))  # fmt: skip
@video_options()
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("-o", "--output", metavar="PATH",
              help="Write to this file, or into this folder, instead of stdout.")  # fmt: skip
@common_options
@click.pass_context
def summarize(ctx: click.Context, /, videos: tuple[Path, ...], as_json: bool, output: str | None,
              config: Path | None, quiet: bool, verbose: bool, **flags: Any) -> None:  # fmt: skip
    """Say what is in videos, with times, and what it took to find out.

    The result goes to stdout, all else to stderr. With several videos, --json prints one object
    that holds them all.
    """
    if as_json:
        flags["format"] = "json"
    options = options_in_force(flags, config)
    batch = Batch(options, Path(output) if output else None, output or "", len(videos), quiet, verbose)
    batch.check()
    for video in videos:
        batch.add(video)
    batch.finish()
    ctx.exit(batch.exit_code)


@dataclass(slots=True)
class Batch:
    """The videos of one call, where their results go, and how it ends."""

    options: Options
    output: Path | None
    raw_output: str
    count: int
    quiet: bool
    verbose: bool
    results: list[Result] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    _codes: list[int] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)

    @property
    def form(self) -> str | None:
        """The format; None lets the terminal decide."""
        from vidsum.cli.output import format_of

        return format_of(self.output, self.options.format)

    @property
    def folder(self) -> bool:
        """Whether the results go into a folder, each in a file of its own."""
        from vidsum.cli.output import is_folder

        return self.output is not None and is_folder(self.output, self.raw_output)

    @property
    def gathered(self) -> bool:
        """Whether all results come out as one JSON object at the end."""
        return self.count > 1 and self.form == "json" and not self.folder

    @property
    def exit_code(self) -> int:
        """0, the one failure's code, or 7 when some failed or something is missing."""
        if not self._codes:
            return EXIT_PARTIAL if any(r.partial for r in self.results) else EXIT_OK
        return self._codes[0] if len(self._codes) == self.count else EXIT_PARTIAL

    def check(self) -> None:
        """Find out now what would make the output fail. Raises: OptionError, OutputError."""
        from vidsum.cli.output import check_output, one_file_for_many

        if self.output is None:
            return
        if self.count > 1 and not self.folder and not self.gathered:
            raise one_file_for_many(self.output)
        check_output(self.output, folder=self.folder)

    def add(self, video: Path) -> None:
        """Summarise one video. With several, a failure is noted and the next one goes on."""
        from vidsum import api
        from vidsum.cli.progress import progress

        if self.count > 1 and not self.quiet:
            say(str(video))
        try:
            with progress(quiet=self.quiet, verbose=self.verbose) as listen:
                result = api.summarize(video, self.options, listen)
            if not self.gathered:
                self._write(video, result)
            self.results.append(result)
        except VidsumError as exc:
            if self.count == 1:
                raise
            say_error(exc)
            self.failed[str(video)] = exc.message
            self._codes.append(exc.exit_code)

    def finish(self) -> None:
        """Write what was kept back for the end."""
        if self.gathered:
            from vidsum.renderers.json import many_to_json

            self._emit(many_to_json(self.results, self.failed), self.output)

    def _write(self, video: Path, result: Result) -> None:
        from vidsum.cli.output import result_name

        form = self.form
        if self.output is None and form is None and sys.stdout.isatty():
            _show(result, timeline=self.options.timeline)
            return
        place = self.output
        if place is not None and self.folder:
            place = place / result_name(video, form or "md", self._taken)
        self._emit(_rendered(result, form or "md", timeline=self.options.timeline), place)
        if place is not None and not self.quiet:
            from vidsum.renderers.page import total

            say(f"wrote {place}. {total(result.receipt)}")

    def _emit(self, text: str, place: Path | None) -> None:
        from vidsum.cli.output import write_stdout, write_whole

        if place is None:
            write_stdout(text)
        else:
            write_whole(place, text)


def _rendered(result: Result, form: str, *, timeline: bool) -> str:
    if form == "json":
        from vidsum.renderers.json import to_json

        return to_json(result)
    from vidsum.renderers.markdown import markdown
    from vidsum.renderers.page import page
    from vidsum.renderers.text import text

    return (text if form == "txt" else markdown)(page(result, with_timeline=timeline))


def _show(result: Result, *, timeline: bool) -> None:
    from rich.console import Console

    from vidsum.renderers.page import page
    from vidsum.renderers.terminal import show

    show(page(result, with_timeline=timeline), Console())
