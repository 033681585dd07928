"""How far the work on one video is, in a few words."""

from __future__ import annotations

from vidsum.events import Event, StageAdvanced, StageFinished, StageStarted


class Stages:
    """Takes in what a worker tells; :meth:`words` says what it is doing, and how far that is."""

    def __init__(self) -> None:
        self._under_way: dict[str, tuple[StageStarted, float, float | None]] = {}
        self._last = ""

    def take(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case StageStarted(stage, _, total):
                self._under_way[stage] = (event, 0.0, total)
            case StageAdvanced(stage, done, total):
                begun, _, known = self._under_way.get(stage, (StageStarted(stage), 0.0, None))
                self._under_way[stage] = (begun, done, total or known)
            case StageFinished(stage, _):
                self._under_way.pop(stage, None)
                self._last = stage

    def words(self) -> str:
        """Return the stages under way, else the one that ended last; empty before the first."""
        told = [_words(*one) for one in self._under_way.values()]
        return ", ".join(told) or (f"{self._last} done" if self._last else "")


def _words(begun: StageStarted, done: float, total: float | None) -> str:
    """Return one stage: a total is an estimate, so what is beyond it is only counted."""
    if total and done <= total:
        return f"{begun.stage} {done / total:.0%}"
    return f"{begun.stage} {done:.0f} {begun.unit}".rstrip() if done else begun.stage
