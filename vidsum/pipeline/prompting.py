"""The evidence as a prompt for a chat model."""

from __future__ import annotations

import json
import secrets

from vidsum import prompts
from vidsum.config import Options
from vidsum.data import Bundle, TimelineEntry
from vidsum.renderers.json import escape_controls


def summary_prompt(bundle: Bundle, options: Options) -> str:
    """Return ``prompts/summary.md`` filled in with one video's timeline. Raises: OptionError.

    What came with the file, names and languages included, is among the ``lines``, which stand
    between two random marks; all other values are numbers and words of our own.
    """
    evidence = bundle.evidence
    kept = len(evidence.observations)
    return prompts.render(
        "summary",
        options.prompts_dir,
        start_s=round(evidence.start_s),
        end_s=round(evidence.end_s),
        speech=_speech(bundle),
        kept=kept,
        samples=kept + len(evidence.dropped),
        interval=f"{options.interval_s:g}",
        language=options.language,
        fence=f"=====TIMELINE-{secrets.token_hex(8)}=====",
        lines=[_line(entry) for entry in bundle.timeline],
    )


def _speech(bundle: Bundle) -> str:
    transcript = bundle.evidence.transcript
    if not transcript.segments:
        return "not transcribed" if bundle.evidence.info.audio else "there is no sound"
    return "taken from subtitles" if transcript.backend == "subtitles" else "recognised"


def _line(entry: TimelineEntry) -> str:
    """Return one entry as one line of JSON, without characters that drive a terminal."""
    fields = {
        "id": entry.id,
        "kind": entry.kind,
        "start": round(entry.start_s, 1),
        "end": round(entry.end_s, 1),
        "text": entry.text.encode("utf-8", "backslashreplace").decode(),
    }
    return escape_controls(json.dumps(fields, ensure_ascii=False))
