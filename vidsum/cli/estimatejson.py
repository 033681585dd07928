"""Estimates as one JSON object, for scripts: figures unrounded, an unknown one is null."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsum.cli.brollpages import estimate_object
from vidsum.errors import VidsumError

if TYPE_CHECKING:
    from vidsum.cli.estimate import Told
    from vidsum.data import Span
    from vidsum.planner.estimate import Estimate


def as_json(done: Sequence[Told], failed: Sequence[tuple[Path, VidsumError]], *, one: bool) -> str:
    """Return one video's estimate, or all of them with what failed; ends in a newline."""
    from vidsum.renderers.json import exact_json, failure

    if one:
        return exact_json(_object(done[0]))
    return exact_json({
        "estimates": [_object(told) for told in done],
        "failed": [failure(path, exc) for path, exc in failed],
    })  # fmt: skip


def _object(asked: Told) -> dict[str, Any]:
    found = asked.found
    told = found.estimate
    stages = [
        {
            "stage": stage.stage, "modality": stage.modality, "engine": stage.engine,
            "model": stage.model.requested if stage.model else None,
            "host": stage.model.host if stage.model else None,
            "calls": stage.calls, "input_tokens": stage.input_tokens,
            "output_tokens": stage.output_tokens, "images": stage.images,
            "audio_s": stage.audio_s, "cu": stage.cu, "usd_nano": stage.usd_nano,
            "seconds": stage.seconds, "unpriced": stage.unpriced, "price": stage.price,
            "note": stage.note,
        }
        for stage in told.stages
    ]  # fmt: skip
    return {
        "path": found.info.path, "facts": told.facts, "stages": stages, "total": _total(told),
        "prices": told.prices, "comparison": found.comparison,
        "left_out": found.left_out, "kept": found.kept,
        "broll": None if asked.broll is None else estimate_object(asked.broll),
    }  # fmt: skip


def _total(told: Estimate) -> dict[str, Any]:
    """Return the sums: with something unknown in one it has no most, and no likely figure."""
    sums = told.totals

    def known(span: Span, unknown: int) -> dict[str, float | None]:
        missing = unknown > 0
        return {"least": span.least, "likely": None if missing else span.likely,
                "most": None if missing else span.most}  # fmt: skip

    return {
        "calls": sums.calls,
        "cu": known(sums.cu, sums.unknown_cu),
        "usd_nano": known(sums.usd_nano, sums.unknown_usd),
        "seconds": known(sums.seconds, sums.unknown_seconds),
        "unknown_cu": sums.unknown_cu, "unknown_usd": sums.unknown_usd,
        "unknown_seconds": sums.unknown_seconds,
    }  # fmt: skip
