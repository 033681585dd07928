"""The videos of one call: what is found out of each, where it goes, and how the call ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vidsum.cli.report import say, say_error
from vidsum.cli.showing import on_terminal, show_page
from vidsum.errors import (
    EXIT_OK,
    EXIT_PARTIAL,
    BackendFailed,
    BudgetReached,
    OptionError,
    VidsumError,
)

if TYPE_CHECKING:
    from vidsum.config import Options
    from vidsum.data import Result
    from vidsum.events import Event, Listener


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be found out of a video: a summary, unless a question was asked, or ``bought``.

    ``broll``: the summary is to be illustrated.
    """

    question: str | None = None
    bought: bool = False
    broll: bool = False

    def result(self, video: Path, options: Options, listen: Listener) -> Result:
        """Return what was found out. Raises: as :func:`vidsum.api.summarize`."""
        from vidsum import api

        if self.question is not None:
            return api.ask(video, self.question, options, listen)
        if self.broll and video.exists():  # else the video is what is wrong
            from vidsum.broll.folder import BrollFolder
            from vidsum.cli.brollwork import check_place

            check_place(BrollFolder.of_video(video).path, "vidsum broll plan -o puts it elsewhere.")
        find = api.what_vision_bought if self.bought else api.summarize
        find = api.illustrate if self.broll else find
        return find(video, options, listen)


@dataclass(slots=True)
class Batch:
    """The videos of one call, where their results go, and how it ends."""

    options: Options
    videos: tuple[Path, ...]
    output: str | None
    quiet: bool
    verbose: bool
    wish: Wish
    _results: list[Result] = field(default_factory=list)
    _failed: list[tuple[Path, VidsumError]] = field(default_factory=list)
    _partial: bool = False
    _given_up: int = 0
    _capped: int = 0
    _taken: set[str] = field(default_factory=set)
    _engines: str = ""

    @property
    def place(self) -> Path | None:
        """The output as a path; None is stdout."""
        return Path(self.output) if self.output and self.output != "-" else None

    @property
    def form(self) -> str | None:
        """The format; None lets the terminal decide."""
        from vidsum.cli.output import format_of

        return format_of(self.place, self.options.format)

    @property
    def folder(self) -> bool:
        """Whether the results go into a folder, each in a file of its own."""
        from vidsum.cli.output import is_folder

        return self.place is not None and is_folder(self.place, self.output or "")

    @property
    def gathered(self) -> bool:
        """Whether all results come out as one JSON object at the end."""
        return len(self.videos) > 1 and self.form == "json" and not self.folder

    @property
    def _on_page(self) -> bool:
        """Whether results are shown as pages on the terminal, receipt included."""
        return self.place is None and self.form is None and on_terminal()

    @property
    def exit_code(self) -> int:
        """0, the one failure's code, or 7 when some failed or something is missing.

        A backend that gave up on the way makes it 5, and a cap that left something out 6, though
        there is a result.
        """
        if len(self._failed) == len(self.videos):
            return self._failed[0][1].exit_code
        if self._given_up == len(self.videos):
            return BackendFailed.exit_code
        if self._capped == len(self.videos):
            return BudgetReached.exit_code
        return EXIT_PARTIAL if self._failed or self._given_up or self._partial else EXIT_OK

    def check(self) -> None:
        """Find out now what would make the output fail. Raises: OptionError, OutputError."""
        from vidsum.cli.output import check_output, check_output_folder
        from vidsum.wording import shown

        if self.wish.broll:
            self._check_broll()
        if self.place is None:
            return
        if self.folder:
            check_output_folder(self.place)
            return
        if len(self.videos) > 1 and not self.gathered:
            raise OptionError(f"{shown(self.place)} is one file, but there are several videos.",
                              "Give a folder with -o, or use --json.")  # fmt: skip
        check_output(self.place, self.videos, self.form)

    def _check_broll(self) -> None:
        """Refuse videos whose B-roll would go into one folder. Raises: OptionError."""
        from vidsum.broll.folder import BrollFolder
        from vidsum.wording import shown

        owners: dict[Path, Path] = {}
        for video in self.videos:
            folder = BrollFolder.of_video(video).path
            if owners.setdefault(folder, video).absolute() != video.absolute():
                raise OptionError(
                    f"{shown(owners[folder])} and {shown(video)} would have their B-roll in one "
                    f"folder, {shown(folder)}.",
                    "Give one of them another: vidsum broll plan VIDEO -o FOLDER.",
                )

    def run(self) -> None:
        """Summarise them all; with several, a failure is said and the next one goes on."""
        try:
            for video in self.videos:
                self._try(video)
        finally:
            if self._results or self._failed:
                self._emit_gathered()  # also what an interruption has left

    def _try(self, video: Path) -> None:
        try:
            self._add(video)
        except VidsumError as exc:
            if len(self.videos) == 1:
                raise
            say_error(exc)
            self._failed.append((video, exc))

    def _emit_gathered(self) -> None:
        if self.gathered:
            from vidsum.renderers.json import many_to_json

            self._emit(many_to_json(self._results, self._failed), self.place)

    def _add(self, video: Path) -> None:
        from vidsum.cli.progress import progress

        if len(self.videos) > 1 and not self.quiet:
            say(str(video))
        with progress(quiet=self.quiet, verbose=self.verbose) as show:
            result = self.wish.result(video, self.options, lambda e: self._pass_on(e, show))
        if self.gathered:
            self._results.append(result)
        else:
            self._write(video, result)
        if not self.quiet and not self._on_page:
            from vidsum.renderers.receipt import lines

            for line in lines(result.receipt):
                say(line)
        if result.broll is not None and result.broll.plan.scenes and not self.quiet:
            say(f"B-roll: {result.broll.folder}/sheet.html")
        for failure in result.failures:
            say(f"error: {failure} What was done before is in the result.")
        spending = result.receipt.spending
        self._capped += not result.failures and spending is not None and spending.reached
        self._given_up += bool(result.failures)
        self._partial = self._partial or result.partial

    def _pass_on(self, event: Event, show: Listener) -> None:
        """Show what happens; who does what only once for all videos."""
        from vidsum.events import Noted

        if isinstance(event, Noted) and event.level == "engines":
            if event.message == self._engines:
                return
            self._engines = event.message
        show(event)

    def _write(self, video: Path, result: Result) -> None:
        from vidsum.outputs import result_name
        from vidsum.renderers.rendered import rendered

        form = self.form
        if self._on_page:
            from vidsum.renderers.page import page

            show_page(page(result, with_timeline=self.options.timeline))
            return
        place = self.place
        if place is not None and self.folder:
            place = place / result_name(video, form or "md", self._taken)
        self._emit(rendered(result, form or "md", timeline=self.options.timeline), place)
        if place is not None and not self.quiet:
            say(f"wrote {place}")

    def _emit(self, text: str, place: Path | None) -> None:
        from vidsum.cli.output import write_stdout
        from vidsum.outputs import write_whole

        if place is None:
            write_stdout(text)
        else:
            write_whole(place, text)
