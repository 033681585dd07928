"""What every stage of one run shares."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from vidsum.config import Options
from vidsum.costs.meter import Meter
from vidsum.data import Notice
from vidsum.events import Listener, Noted, ignore
from vidsum.media.process import Decoder


@dataclass(slots=True)
class Run:
    """One video's run: its options, who listens, what it costs, what to tell the user."""

    path: Path
    options: Options
    listen: Listener = ignore
    meter: Meter = field(default_factory=Meter)
    notices: list[Notice] = field(default_factory=list)
    _decoders: list[Decoder] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, code: str, message: str, *, partial: bool = False) -> None:
        """Tell the user something now and keep it in the result."""
        with self._lock:
            self.notices.append(Notice(code, message, partial))
        self.listen(Noted("warning", message))

    def inform(self, message: str) -> None:
        """Tell whoever wants to know more; it is not part of the result."""
        self.listen(Noted("info", message))

    def open_decoder(self) -> Decoder:
        """Return a decode process for the video; the caller enters and leaves it."""
        decoder = Decoder(self.path)
        with self._lock:
            self._decoders.append(decoder)
        return decoder

    @contextmanager
    def closing_decoders(self) -> Iterator[None]:
        """End every decode process when the block ends, also one that another thread reads."""
        try:
            yield
        finally:
            with self._lock:
                decoders, self._decoders = self._decoders, []
            for decoder in decoders:
                decoder.close()
