"""Estimates as one JSON object, for scripts: figures unrounded, an unknown one is null."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsum.errors import VidsumError

if TYPE_CHECKING:
    from vidsum.pipeline.estimating import Estimated


def as_json(
    done: Sequence[Estimated], failed: Sequence[tuple[Path, VidsumError]], *, one: bool
) -> str:
    """Return one video's estimate, or all of them with what failed; ends in a newline."""
    from vidsum.renderers.json import exact_json, failure

    if one:
        return exact_json(_object(done[0]))
    return exact_json({
        "estimates": [_object(found) for found in done],
        "failed": [failure(path, exc) for path, exc in failed],
    })  # fmt: skip


def _object(found: Estimated) -> dict[str, Any]:
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
        "path": found.info.path, "facts": told.facts, "stages": stages, "total": told.totals,
        "prices": told.prices, "comparison": found.comparison,
    }  # fmt: skip
