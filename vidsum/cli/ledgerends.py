"""How a run ended, in plain words: no class of an error is named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from vidsum.costs.ledger_check import still_runs

if TYPE_CHECKING:
    from vidsum.data import Entry

_FAILED: Final = {
    "MediaError": "media unreadable",
    "DecodeStopped": "decoder stopped",
    "OptionError": "wrong option",
    "BackendMissing": "model or program missing",
    "BackendFailed": "backend failed",
    "RequestFailed": "request not answered",
    "RequestTooLong": "request too long",
    "BudgetReached": "cap reached",
    "OutputError": "result not written",
    "FolderHeld": "folder held by another watcher",
}
_SENTENCES: Final = {
    "ok": "It ended well.",
    "capped": "A cap left something out.",
    "estimate": "It was an estimate.",
    "interrupted": "It was interrupted.",
    "backend failed": "A backend failed; the result was kept.",
    "under way": "It is under way.",
    "never ended": "It never ended: it was killed, or the machine went down.",
}
_PLAIN: Final = re.compile("[a-z][a-z ]{0,30}")
"""A status in words of this or a later version; everything else may be a name from the code."""


def own_line(lines: Sequence[Entry]) -> Entry | None:
    """Return the line that a run has for the whole of it; None when it has not ended."""
    return next((line for line in lines if line.kind == "run" and line.phase != "reserve"), None)


def ending(lines: Sequence[Entry]) -> str:
    """Return how a run ended from its lines, at least one: ``ok``, ``failed: cap reached``."""
    own = own_line(lines)
    if own is None:
        running = any(still_runs(line.pid, line.ts_utc) for line in lines[:1])
        return "under way" if running else "never ended"
    return in_words(own.status or "end unknown")


def in_words(status: str) -> str:
    """Return a run's status without names from the code."""
    told, _, name = status.partition(": ")
    if told == "failed" or told in _FAILED:
        name = name or told
        return "failed" if name == "failed" else f"failed: {_FAILED.get(name, 'unexpected error')}"
    return status if _PLAIN.fullmatch(status) else "failed: unexpected error"


def sentence_of(words: str) -> str:
    """Return what :func:`ending` gives as a sentence."""
    if words.startswith("failed"):
        return f"It {words}."
    return _SENTENCES.get(words, f"It ended so: {words}.")
