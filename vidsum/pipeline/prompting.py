"""The evidence as a prompt for a chat model."""

from __future__ import annotations

import secrets

from vidsum import prompts
from vidsum.config import Options
from vidsum.data import Bundle
from vidsum.timeline import as_line


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
        partial=any(notice.partial for notice in evidence.notices),
        kept=kept,
        samples=kept + len(evidence.dropped),
        interval=f"{options.interval_s:g}",
        language=options.language,
        fence=f"=====TIMELINE-{secrets.token_hex(8)}=====",
        lines=[as_line(entry) for entry in bundle.timeline],
    )


def _speech(bundle: Bundle) -> str:
    transcript = bundle.evidence.transcript
    if not transcript.segments:
        return "not transcribed" if bundle.evidence.info.audio else "there is no sound"
    return "taken from subtitles" if transcript.backend == "subtitles" else "recognised"
