"""What an answer with pictures holds, read with care: providers fill its fields as they like."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from vidsum.backends.answers import token_count
from vidsum.data import Usage
from vidsum.errors import BackendFailed, RequestFailed
from vidsum.wording import escaped, safe

if TYPE_CHECKING:
    from vidsum.data import Image

MOST_PX: Final = 40_000_000
"""Of one picture: four times the largest that any of these models makes. More is a bomb."""
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_SAID_LETTERS: Final = 200


def entries(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the entries of an answer that hold a picture or say where one is."""
    data = body.get("data")
    found = [one for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []
    return [one for one in found if _text(one, "b64_json") or _text(one, "url")]


def picture(entry: Mapping[str, Any], fetch: Callable[[str], bytes]) -> Image:
    """Return an entry's picture: uint8 [h, w, 3] RGB, in the size that it has.

    ``fetch`` gets what is at an address. Raises: RequestFailed.
    """
    coded = _text(entry, "b64_json")
    if coded:
        try:
            content = base64.b64decode(coded.partition(",")[2] or coded, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise RequestFailed("The picture that came is no base64.") from exc
    else:
        try:
            content = fetch(_text(entry, "url"))
        except BackendFailed as exc:
            raise RequestFailed(f"The picture could not be fetched. {exc.message}", exc.hint,
                                kind=exc.kind) from exc  # fmt: skip
    return decoded(content)


def decoded(content: bytes) -> Image:
    """Return the picture in a PNG, JPEG or WebP file. Raises: RequestFailed."""
    import numpy as np
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(content), formats=_FORMATS) as opened:
            if opened.width * opened.height <= MOST_PX:
                return np.asarray(opened.convert("RGB"))
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        pass  # the library's own limit is above ours
    except Exception as exc:
        # Its decoders fail in ways of their own: SyntaxError, struct.error, zlib.error …
        raise RequestFailed("The picture that came cannot be decoded.") from exc
    raise RequestFailed(f"The picture that came has more than {MOST_PX:,} pixels.")


def why_none(body: Mapping[str, Any]) -> str:
    """Return what an answer without a picture says, on one line, where it says anything."""
    data = body.get("data")
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], Mapping) else {}
    for name in ("revised_prompt", "finish_reason", "message"):
        said = _text(first, name) or _text(body, name)
        if said:
            return escaped(safe(said))[:_SAID_LETTERS]
    return ""


def read_usage(body: Mapping[str, Any], references: int) -> tuple[Usage, int | None]:
    """Return what a provider says that a request used, and the tokens of its references.

    ``reasoning_tokens`` are those of words beside the pictures, which have a price of their own.
    A request without references has no tokens of pictures, whoever says so.
    """
    given = body.get("usage")
    usage = given if isinstance(given, Mapping) else {}
    asked = token_count(_either(usage, "input_tokens", "prompt_tokens")) or None
    made = token_count(_either(usage, "output_tokens", "completion_tokens")) or None
    inner = _either(usage, "input_tokens_details", "prompt_tokens_details")
    outer = _either(usage, "output_tokens_details", "completion_tokens_details")
    seen = token_count(_part(inner, "image_tokens")) if references else 0
    cost = usage.get("cost")
    priced = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < 10**6
    return Usage(
        asked, made, token_count(_part(inner, "cached_tokens")),
        token_count(_part(outer, "text_tokens")),
        "unknown" if asked is None and made is None else "reported",
        cost_usd=repr(cost) if priced else None,
    ), seen  # fmt: skip


def _either(usage: Mapping[str, Any], name: str, other: str) -> Any:
    """Return a field by OpenAI's name for pictures, or by that for chats, which others use."""
    return usage.get(name) if usage.get(name) is not None else usage.get(other)


def _part(group: Any, name: str) -> Any:
    return group.get(name) if isinstance(group, Mapping) else None


def _text(entry: Mapping[str, Any], name: str) -> str:
    found = entry.get(name)
    return found if isinstance(found, str) else ""
