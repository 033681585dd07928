"""What every stage of one run shares."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vidsum.config import Options
from vidsum.costs.meter import Meter
from vidsum.costs.opening import ledger_on_network, open_meter
from vidsum.data import Notice
from vidsum.errors import DecodeStopped, VidsumError, interrupt_behind
from vidsum.events import Listener, Noted, ignore
from vidsum.media.process import Decoder
from vidsum.pipeline.choosing import Engines, choose
from vidsum.pipeline.memory import Memory

if TYPE_CHECKING:
    from vidsum.planner.fit import Plan


@dataclass(slots=True)
class Run:
    """One video's run: its options, who listens, what it costs, what to tell the user."""

    path: Path
    options: Options
    listen: Listener = ignore
    recorded: bool = True
    """Whether the ledger is written; it is read in any case."""
    meter: Meter = field(init=False)
    memory: Memory = field(default_factory=Memory)
    notices: list[Notice] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    troubles: list[VidsumError] = field(default_factory=list)
    """The errors behind ``failures``."""
    plan: Plan | None = None
    """What fits under the caps; None without a cap, and before it is known."""
    speech_s: float | None = None
    """How much speech there is under a cap: found out beforehand, or guessed."""
    passage_s: float | None = None
    """About the most speech that one passage of it has; None where nobody has looked."""
    sampled_for_reading: bool | None = None
    """Whether samples are as large as reading wants; None: if somebody reads them."""
    _decoders: list[Decoder] = field(default_factory=list)
    _on_stop: list[Callable[[], None]] = field(default_factory=list)
    _engines: Engines | None = None
    _choosing: threading.Lock = field(default_factory=threading.Lock)
    _stopped: bool = False
    _cause: BaseException | None = None
    _answered: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Open the account. Raises: OptionError, BudgetReached."""
        self.meter = open_meter(self.path, self.options, recorded=self.recorded)
        if self.recorded and ledger_on_network():
            self.listen(Noted("warning", "The ledger is on a network folder, where SQLite may lose "
                              "it. VIDSUM_HOME moves it."))  # fmt: skip

    def finish(self, status: str = "") -> None:
        """Close the account: what comes afterwards is in no receipt. May be called twice."""
        left = "backend failed" if self.failures else "capped" if self.meter.given_up else "ok"
        self.meter.finish(status or left)
        if self.meter.book.trouble and not self._stopped:
            told = self.meter.book.trouble
            self.listen(Noted("warning", f"This run is not wholly in the ledger: {told}"))

    def give_up(self, what: str) -> None:
        """Take note that something is left out because of a cap, and say so."""
        with self._lock:
            self.meter.given_up.append(what)
            self.notices.append(Notice("cap", what, partial=True))
        self.listen(Noted("warning", what))

    def note(self, code: str, message: str, *, partial: bool = False) -> None:
        """Tell the user something now and keep it in the result."""
        with self._lock:
            self.notices.append(Notice(code, message, partial))
        self.listen(Noted("warning", message))

    def answered(self) -> None:
        """Take note that a model has answered: from now on there is something to lose."""
        self._answered = True

    @property
    def has_answers(self) -> bool:
        """Whether a model has answered anything yet."""
        return self._answered

    def go_on_without(self, exc: VidsumError) -> None:
        """Take note that a backend gave up; what was done so far, by whomever, is kept.

        Raises: the error itself as long as no model has answered: then nothing is lost, and who
        waits should learn of it now and not after an hour.
        """
        if self._stopped or not self._answered:
            raise exc
        self.fail(exc)

    def fail(self, exc: VidsumError) -> None:
        """Write down that a backend gave up on the way, and say that the run goes on.

        Raises: KeyboardInterrupt where that is what the error came of.
        """
        if (interrupt := interrupt_behind(exc)) is not None:
            raise interrupt from None
        with self._lock:
            self.troubles.append(exc)
            self.failures.append(f"{exc.message} {exc.hint}".strip())
        self.listen(Noted("warning", f"{exc.message} The run goes on with what there is."))

    @property
    def engines(self) -> Engines:
        """Who does what; found out once. Raises: BackendMissing, OptionError."""
        with self._choosing:
            if self._engines is None:
                with self.meter.stage("prepare", "video", "vidsum"):
                    self._engines = choose(self.options)
            return self._engines

    @engines.setter
    def engines(self, engines: Engines) -> None:
        """Have other engines do the work from now on."""
        self._engines = engines

    def use(self, engines: Engines) -> None:
        """Have other engines do the work from now on; samples stay as they would have been."""
        self.sampled_for_reading = self.engines.reader is not None
        self._engines = engines

    def tell_engines(self, line: str) -> None:
        """Say who does what."""
        self.listen(Noted("engines", line))

    def inform(self, message: str) -> None:
        """Tell whoever wants to know more; it is not part of the result."""
        self.listen(Noted("info", message))

    @property
    def stopped(self) -> bool:
        """Whether this run was given up."""
        return self._stopped

    @property
    def cause(self) -> BaseException | None:
        """Why this run was given up: what came first, not what that led to."""
        return self._cause

    def open_decoder(self) -> Decoder:
        """Return a decode process for the video; the caller enters and leaves it.

        Raises: DecodeStopped when the run was given up.
        """
        with self._lock:
            if self._stopped:
                raise DecodeStopped("The run was stopped.")
            decoder = Decoder(self.path)
            self._decoders.append(decoder)
        return decoder

    def on_stop(self, action: Callable[[], None]) -> None:
        """Have something called, from whichever thread, when the run is given up."""
        with self._lock:
            self._on_stop.append(action)

    def stop(self, cause: BaseException | None = None) -> None:
        """Give the run up: end every decode process, whichever thread reads from it.

        Nobody is told anything any more: a thread may still be at work for a while.
        """
        self.listen = ignore
        with self._lock:
            self._stopped = True
            self._cause = self._cause or cause
            for decoder in self._decoders:
                decoder.kill()
            actions = list(self._on_stop)
        for action in actions:
            action()
