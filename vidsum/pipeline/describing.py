"""Captions for kept pictures: as they come, or in order of information under a cap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from vidsum.captioners.builtin import BuiltinCaptioner
from vidsum.captioners.protocol import Captioner, CaptionRequest
from vidsum.costs.calls import Desk
from vidsum.costs.meter import Turns
from vidsum.data import Caption, Observation
from vidsum.errors import BackendFailed, BackendMissing, BudgetReached
from vidsum.pipeline.run import Run
from vidsum.pipeline.watching import WatchedDesk
from vidsum.wording import clock

_TRIED = 5
"""When so many pictures in the beginning could not be described, none will be."""


class Describer:
    """Asks a captioner about pictures and keeps what it says, by sample.

    ``desk`` is where its calls are booked.
    """

    def __init__(self, run: Run, captioner: Captioner, turns: Turns, desk: Desk) -> None:
        self._run, self._captioner, self._turns = run, captioner, turns
        self._ranked = False
        self._desk = WatchedDesk(run, desk)
        captioner.tally.bind(self._desk)
        self._captions: dict[int, Caption] = {}
        self._refusal = ""

    @property
    def described(self) -> int:
        """How many pictures have a caption."""
        return sum(1 for caption in self._captions.values() if caption.error is None)

    def describe(self, requests: Iterator[CaptionRequest], *, ranked: bool = False) -> None:
        """Take captions as they come; when a cap is reached, no more.

        ``ranked``: the pictures that tell most come first.
        Raises: BackendFailed, BackendMissing, as long as no model has answered anything.
        """
        self._ranked = ranked
        captions = self._captioner.caption(requests)
        try:
            while (caption := self._next(captions)) is not None:
                self._take(caption)
                if len(self._captions) == _TRIED:
                    self._check_some()
            self._check_some()
        except BudgetReached as exc:
            self._refusal = f"{exc.message} {exc.hint}".strip()
            self._captioner.close()
        except (BackendFailed, BackendMissing) as exc:
            self._run.go_on_without(exc)
            self._captioner.close()

    def of(self, observations: Sequence[Observation]) -> Iterator[Observation]:
        """Yield observations with their captions; say which have none, and why.

        Pictures that a cap left no room for are measured, not understood.
        """
        self._note_failures()
        left = [o for o in observations if self._left_out(o)]
        if left:
            self._run.give_up(f"{self._told(len(left), len(observations))} {self._refusal}")
        requests = (CaptionRequest(o.sample, o.facts, o.text) for o in left)
        measured = {c.index: c for c in BuiltinCaptioner().caption(requests)}
        for seen in observations:
            index = seen.sample.index
            yield replace(seen, caption=measured.get(index) or self._captions.get(index))

    def _left_out(self, seen: Observation) -> bool:
        if not self._refusal:
            return False
        caption = self._captions.get(seen.sample.index)
        return caption is None or self._refused(caption)

    def _refused(self, caption: Caption) -> bool:
        return caption.error is not None and caption.error in self._desk.refusals

    def _told(self, left: int, total: int) -> str:
        """Say how many pictures a cap left no room for."""
        if left == total:
            return "No picture was described by the model."
        which = ", those that tell least" if self._ranked else ""
        were = "was" if left == 1 else "were"
        return f"{left} of {total} pictures {were} not described by the model{which}."

    def _next(self, captions: Iterator[Caption]) -> Caption | None:
        with self._turns.running("describe"):
            return next(captions, None)

    def _take(self, caption: Caption) -> None:
        self._captions[caption.index] = caption
        if caption.error is None and self._captioner.needs_pixels:
            self._run.answered()

    def _check_some(self) -> None:
        """Raises: BackendFailed when all pictures so far could not be described."""
        errors = [c.error for c in self._captions.values() if not self._refused(c)]
        if errors and all(errors):
            raise BackendFailed(f"No picture could be described: {errors[0]}",
                                "--captioner builtin needs no model.")  # fmt: skip

    def _note_failures(self) -> None:
        tried = [c for c in self._captions.values() if not self._refused(c)]
        failed = [c for c in tried if c.error is not None]
        if failed and (len(failed) < len(tried) or self._refusal):
            times = ", ".join(clock(c.time_s) for c in failed[:5])
            more = " …" if len(failed) > 5 else ""
            text = (
                f"{len(failed)} of {len(tried)} pictures could not be described "
                f"(at {times}{more}): {failed[0].error}"
            )
            self._run.note("captions-failed", text, partial=True)
