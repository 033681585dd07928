"""The evidence as a prompt for a chat model."""

from __future__ import annotations

import json
import secrets

from vidsum import prompts
from vidsum.config import Options
from vidsum.data import Bundle


def summary_prompt(bundle: Bundle, options: Options) -> str:
    """Return ``prompts/summary.md`` filled in with one video's timeline. Raises: OptionError."""
    evidence = bundle.evidence
    lines = [
        json.dumps(
            {
                "id": entry.id,
                "kind": entry.kind,
                "start": round(entry.start_s, 1),
                "end": round(entry.end_s, 1),
                "text": entry.text,
            },
            ensure_ascii=False,
        )
        for entry in bundle.timeline
    ]
    kept = len(evidence.observations)
    return prompts.render(
        "summary",
        options.prompts_dir,
        facts=f"{evidence.end_s - evidence.start_s:.0f} seconds"
        + (f", from {evidence.start_s:.0f} s on" if evidence.start_s else ""),
        transcript_source=evidence.transcript.source,
        pictures=f"{kept} different pictures out of {kept + len(evidence.dropped)} samples.",
        interval=f"{options.interval_s:g}",
        language=options.language,
        fence=f"=====TIMELINE-{secrets.token_hex(8)}=====",
        lines=lines,
    )
