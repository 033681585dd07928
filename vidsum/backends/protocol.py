"""The seam that every model backend fits."""

from __future__ import annotations

from typing import Protocol

from vidsum.data import ChatRequest, Origin, Reply


class ChatBackend(Protocol):
    """Answers requests with one model. Safe to call from several threads.

    ``model`` is its name as a user knows it; ``context_tokens`` how many tokens question and
    answer may have together, None when nobody says.
    """

    model: str
    context_tokens: int | None

    def complete(self, request: ChatRequest) -> Reply:
        """Return the answer. With ``request.schema`` its text is one JSON object; whether it
        fits the schema is for the caller to check: not every provider enforces it.

        Raises: RequestFailed when this one request cannot be answered, BackendFailed when no
        request can, BackendMissing when the model or a library is not there.
        """
        ...

    def count_tokens(self, text: str) -> tuple[int, Origin]:
        """Return how many tokens a text has for this model, and how that is known."""
        ...

    def close(self) -> None:
        """Let go of the model or the connections; may be called twice."""
        ...
