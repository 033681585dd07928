"""A model in a painter of its own: started for the first picture, and anew after it died."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from vidsum.broll.engines.painting import Painter, PainterDied, Refused
from vidsum.config import Options
from vidsum.costs.calls import OpenCall
from vidsum.errors import BackendFailed, RequestFailed
from vidsum.wording import escaped, shown

_MOST_DEATHS: Final = 2
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Hosted:
    """A model: its name, its files, and these under the names that the native library has."""

    name: str
    paths: tuple[Path, ...]
    native_paths: Mapping[str, Path]

    @property
    def files(self) -> str:
        """Its files in words."""
        return ", ".join(shown(path) for path in self.paths)


class Host:
    """Has one model work. If its process dies, that picture is lost and the next one starts
    another; twice in a row, and it is given up. Who asks holds ``busy``."""

    def __init__(
        self, options: Options,
        after_a_death: str = "This picture is lost; the next one starts it anew.",
    ) -> None:  # fmt: skip
        self.busy = threading.Lock()
        self.closed = False
        self.painter: Painter | None = None
        self._options, self._after_a_death = options, after_a_death
        self._ended_cpu_s = 0.0
        self._deaths = 0

    @property
    def cpu_s(self) -> float:
        """What its processes have used, loading included, as they told last."""
        painter = self.painter
        return self._ended_cpu_s + (0.0 if painter is None else painter.cpu_s)

    @property
    def device(self) -> str | None:
        """Where the model works, ``cpu`` or ``gpu``; None where none is loaded."""
        return None if self.painter is None else self.painter.device

    def load(self, model: Hosted, call: OpenCall) -> float | None:
        """Start a painter and have the model loaded where there is none; return what that took.

        A call whose model could not be loaded is released. Raises: BackendFailed, RequestFailed.
        """
        if self.painter is not None and self.painter.alive:
            return None
        self.let_go()
        options = self._options
        try:
            self.painter = Painter(hide_gpus=options.gpu_layers == 0)
            if self.closed:  # by another thread, which found nothing to kill yet
                self.painter.kill()
            self.painter.load(model.native_paths, options.threads or _cores())
        except Refused as exc:
            call.release("BackendFailed")
            self.let_go()
            raise BackendFailed(
                f"The model {escaped(model.name)} cannot be loaded: {exc}.",
                f"{model.files} must go together, and be of a kind that is run here.",
            ) from exc
        except PainterDied as exc:
            lost = self._lost(model, exc, "while it loaded")
            call.release(type(lost).__name__)
            raise lost from exc
        except BackendFailed:  # there is none
            call.release("BackendFailed")
            raise
        except BaseException:
            self.let_go()
            raise
        call.model = replace(call.model, device=self.painter.device)
        return self.painter.load_s

    def ask(self, model: Hosted, ask: Callable[[Painter], _Made]) -> _Made:
        """Return what a loaded model makes. Raises: BackendFailed, RequestFailed."""
        assert self.painter is not None
        try:
            made = ask(self.painter)
        except Refused as exc:
            raise RequestFailed(f"The model {escaped(model.name)} made no picture: {exc}.",
                                "A smaller picture takes less memory.") from exc  # fmt: skip
        except PainterDied as exc:
            raise self._lost(model, exc, "in the middle of a picture") from exc
        except BaseException:  # Ctrl-C: native code hears of it in no other way
            self.let_go()
            raise
        self._deaths = 0
        return made

    def check_open(self, model: Hosted) -> None:
        """Raises: BackendFailed for one that was closed."""
        if self.closed:
            raise _was_closed(model)

    def close(self) -> None:
        """End the process; may be called twice, and while another thread waits for a picture."""
        self.closed = True
        painter = self.painter
        if painter is not None:
            painter.kill()
        with self.busy:
            self.let_go()

    def let_go(self) -> None:
        """End the process; the next picture starts another."""
        painter, self.painter = self.painter, None
        if painter is not None:
            painter.close()
            self._ended_cpu_s += painter.cpu_s

    def _lost(self, model: Hosted, exc: PainterDied, when: str) -> BackendFailed:
        """Return the error for a painter that died; the second one in a row ends it all."""
        self.let_go()
        if self.closed:
            return _was_closed(model)
        self._deaths += 1
        said = f": {exc.words}" if exc.words else ""
        how, _, why = str(exc).partition(", ")
        why = f", {why}" if why else ""
        message = f"The painter of {escaped(model.name)} {how} {when}{why}{said} ({model.files})."
        if self._deaths >= _MOST_DEATHS:
            return BackendFailed(
                f"{message} That was {self._deaths} times in a row.",
                "Check the files: vidsum models verify. Less memory: a smaller picture or model.",
            )
        return RequestFailed(message, self._after_a_death)


def _was_closed(model: Hosted) -> BackendFailed:
    return BackendFailed(f"The model {escaped(model.name)} was closed.")


def _cores() -> int:
    from vidsum.backends.machine import usable_cores

    return usable_cores()
