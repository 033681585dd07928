"""A result as one JSON object, for scripts. ``schema_version`` changes when a key does."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from vidsum.data import (
    SCHEMA_VERSION,
    Bought,
    DroppedSample,
    MediaInfo,
    Notice,
    Observation,
    Result,
)
from vidsum.errors import VidsumError
from vidsum.wording import escape_controls, path_text


def to_json(result: Result) -> str:
    """Return one result as JSON, ending in a newline."""
    return _dump(as_object(result))


def many_to_json(results: Sequence[Result], failed: Sequence[tuple[Path, VidsumError]]) -> str:
    """Return several results as one JSON object, with what failed and why."""
    return _dump({
        "schema_version": SCHEMA_VERSION,
        "results": [as_object(result) for result in results],
        "failed": [failure(path, exc) for path, exc in failed],
    })  # fmt: skip


def as_object(result: Result) -> dict[str, Any]:
    """Return one result as plain dicts, lists, strings and numbers.

    Times are seconds, rounded to a millisecond; an unknown value is null, never 0. One of
    ``summary`` and ``answer`` is null.
    """
    evidence = result.bundle.evidence
    return {
        "schema_version": result.schema_version,
        "vidsum_version": result.vidsum_version,
        "source": _source(evidence.info),
        "options": _plain(result.options),
        "partial": result.partial,
        "warnings": _plain(_warnings(result)),
        "failures": _plain(result.failures),
        "summary": _plain(result.summary),
        "answer": _plain(result.answer),
        "bought": None if result.bought is None else _bought(result.bought),
        "broll": _plain(result.broll, exact=True),
        "timeline": _plain(result.bundle.timeline),
        "facts": _plain(evidence.facts),
        "frames": [_frame(seen) for seen in evidence.observations],
        "dropped": [_dropped(drop) for drop in evidence.dropped],
        "overlay": list(evidence.overlay),
        "transcript": _plain(evidence.transcript),
        "coverage": _plain(evidence.coverage),
        "bundle": {
            "tokens": result.bundle.tokens,
            "tokens_origin": result.bundle.tokens_origin,
            "left_out": _plain(result.bundle.left_out),
        },
        "receipt": _plain(result.receipt, exact=True),
    }


def _warnings(result: Result) -> list[Notice]:
    """Return what the user should know; what the summary left out for a cap came later."""
    notices, spending = list(result.bundle.evidence.notices), result.receipt.spending
    notices += result.broll.notices if result.broll else ()
    told = {notice.message for notice in notices}
    late = spending.given_up if spending is not None else ()
    return notices + [Notice("cap", line, True) for line in late if line not in told]


def plain_json(value: Any) -> str:
    """Return dataclasses and plain values as one JSON object with ``schema_version``."""
    return _dump({"schema_version": SCHEMA_VERSION} | _plain(value))


def exact_json(value: Any) -> str:
    """Return the same with figures as they are, for what is added up."""
    return _dump({"schema_version": SCHEMA_VERSION} | _plain(value, exact=True))


def failure(path: Path, exc: VidsumError) -> dict[str, Any]:
    """Return why a video has no result."""
    return _named(path) | {
        "error": path_text(exc.message),
        "hint": path_text(exc.hint),
        "exit_code": exc.exit_code,
    }


def _dump(value: object) -> str:
    return escape_controls(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)) + "\n"


def _bought(bought: Bought) -> dict[str, Any]:
    """Return what each modality brought, without the whole summary: that is in ``summary``."""
    return {
        "by_basis": dict(bought.by_basis),
        "modalities": [
            _plain(made) | {"cost": _plain(made.cost, exact=True)} for made in bought.modalities
        ],
    }


def _source(info: MediaInfo) -> dict[str, Any]:
    fields: dict[str, Any] = _plain(info)
    return fields | _named(info.path)


def _named(path: Path) -> dict[str, str]:
    """Return a file's name: as text, and where that is not its bytes, these in hex as well."""
    text, raw = path_text(path), os.fsencode(path)
    return {"path": text} if text.encode() == raw else {"path": text, "path_hex": raw.hex()}


def _frame(seen: Observation) -> dict[str, Any]:
    fields: dict[str, Any] = _plain(seen.sample)
    return fields | {
        "facts": _plain(seen.facts),
        "slide_like": seen.slide_like,
        "text": None if seen.text is None else _plain(seen.text),
        "caption": None if seen.caption is None else _plain(seen.caption),
    }


def _dropped(drop: DroppedSample) -> dict[str, Any]:
    fields: dict[str, Any] = _plain(drop.sample)
    return fields | {"reason": drop.reason, "same_as": drop.same_as}


def _plain(value: Any, *, exact: bool = False) -> Any:
    """Return a value as JSON has it; figures are rounded to a thousandth unless ``exact``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _plain(getattr(value, f.name), exact=exact) for f in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {path_text(str(k)): _plain(v, exact=exact) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, exact=exact) for v in value]
    if isinstance(value, float):
        return value if exact else round(value, 3)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Path):
        return path_text(value)
    if isinstance(value, str):
        return path_text(value)
    return value
