"""From the evidence to the bundle: everything in order of time, and its tokens counted."""

from __future__ import annotations

from dataclasses import replace

from vidsum import tokens
from vidsum.data import Bundle, Evidence, SecondLook
from vidsum.timeline import timeline
from vidsum.wording import as_line


def bundled(evidence: Evidence, most_tokens: int | None = None) -> Bundle:
    """Return the bundle of some evidence.

    ``most_tokens`` bounds its timeline: see :func:`vidsum.reasoner.packing.pack` for what gives
    way. Tokens are counted by tiktoken where its table is on this machine, else estimated.
    """
    encoder = tokens.cached_encoder()
    entries = timeline(evidence)
    if most_tokens is not None:
        from vidsum.reasoner.packing import pack

        packed = pack(entries, most_tokens, lambda text: tokens.count(text, encoder)[0],
                      line=as_line)  # fmt: skip
        kept = replace(Bundle(evidence, tuple(packed.entries), 0, "estimated"),
                       left_out=packed.left_out)  # fmt: skip
    else:
        kept = Bundle(evidence, entries, 0, "estimated")
    count, origin = tokens.count("\n".join(map(as_line, kept.timeline)), encoder)
    return replace(kept, tokens=count, tokens_origin=origin)


def with_looks(bundle: Bundle, looks: tuple[SecondLook, ...]) -> Bundle:
    """Return a bundle whose timeline also holds what was seen at second looks."""
    seen = [look.entry for look in looks if look.entry is not None]
    entries = sorted((*bundle.timeline, *seen), key=lambda entry: entry.start_s)
    return replace(bundle, timeline=tuple(entries)) if seen else bundle
