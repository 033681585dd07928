"""What a speech server answered in an earlier run: the same sound is not paid for twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

from vidsum.transcribers.protocol import Answers

Lack = Literal["times", "blocks"]
"""What a server does not do: tell times, take five minutes at once."""
_READ: Final = ("text", "segments", "words", "language")
"""What of an answer is ever read, but for its usage: that was booked when it came."""


class Earlier:
    """What is known of one request from before; nothing where ``answers`` is None.

    ``body`` is the answer. ``declined``: there was none, the server lacks something; it is asked
    in another way, and what it said to that is kept as well.
    """

    def __init__(self, answers: Answers | None, wav: bytes, form: Mapping[str, Any]) -> None:
        self._answers, self._key = answers, _key(wav, form)
        found = _read(None if answers is None else answers.get(self._key))
        body, declined = found.get("body"), found.get("declined")
        self.body: Mapping[str, Any] | None = body if tells_words(body) else None
        self.declined: Lack | None = declined if declined in get_args(Lack) else None

    def keep(self, body: Mapping[str, Any]) -> None:
        """Keep an answer that :func:`tells_words`, before anything is done with it."""
        self._put({"body": {name: body[name] for name in _READ if name in body}})

    def decline(self, lack: Lack) -> None:
        """Keep what a refusal told of the server."""
        self._put({"declined": lack})

    def _put(self, told: Mapping[str, Any]) -> None:
        if self._answers is not None:
            self._answers.put(self._key, json.dumps(told))


def tells_words(body: Any) -> bool:
    """Say whether an answer has words, or room for them: another time there may be some."""
    return isinstance(body, Mapping) and (
        isinstance(body.get("text"), str) or isinstance(body.get("segments"), list)
    )


def _key(wav: bytes, form: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(form, sort_keys=True).encode())
    digest.update(wav)
    return digest.hexdigest()


def _read(text: str | None) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
