"""How many tokens of a model's context are for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LEAST_ROOM_TOKENS: Final = 400
_MOST_ROOM_TOKENS: Final[Mapping[str, int]] = {"short": 1_024, "medium": 2_048, "long": 3_328}
"""What the longest answer of each length takes, see :func:`vidsum.reasoner.schemas.limits_for`."""
_ROOM_SHARE: Final = 4
"""An answer gets this part of the context (one in four)."""
LOOK_TOKENS: Final = 256
"""What a second look adds to a prompt: the longest caption, as a line."""
_OTHER_TOKENIZER: Final = 1.3
"""How many more tokens than counted a timeline may have for a small model's own tokenizer."""
_INSTRUCTION_TOKENS: Final = 1_536


def room_for(context_tokens: int, length: str) -> int:
    """Return how many tokens of a context are for the last answer."""
    share = max(context_tokens // _ROOM_SHARE, LEAST_ROOM_TOKENS)
    return min(share, _MOST_ROOM_TOKENS[length])


def longest_room(context_tokens: int) -> int:
    """Return how many tokens of a context the longest of all answers would get."""
    return room_for(context_tokens, "long")


def revision_room(room_tokens: int, looks: int) -> int:
    """Return what a summary's prompt grows by when it is revised after so many looks.

    It then holds the first answer and what was seen.
    """
    return room_tokens + looks * LOOK_TOKENS if looks else 0


def enough_tokens(timeline_tokens: int, length: str, looks: int = 0) -> int:
    """Return a context that is enough for a summary in one go, in whole thousands."""
    room = _MOST_ROOM_TOKENS[length]
    prompt = int(timeline_tokens * _OTHER_TOKENIZER) + _INSTRUCTION_TOKENS
    return -(-(prompt + room + revision_room(room, looks)) // 1024) * 1024
