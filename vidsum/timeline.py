"""Everything that was seen, heard and read, as one list in order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vidsum.data import Evidence, Observation, TimelineEntry
from vidsum.media.facts import container_facts

_BLANK_WORDS = {"black": "Black picture.", "white": "White picture.",
                "plain": "Picture of a single colour."}  # fmt: skip


def timeline(evidence: Evidence) -> tuple[TimelineEntry, ...]:
    """Return the entries in order of time; at the same time facts, text, pictures, speech.

    Ids: ``f`` facts that came with the file (in the order of
    :func:`vidsum.media.facts.gather_facts`), ``s`` speech (one a transcript segment), ``t`` text
    on screen (one for as long as the same lines stand there), ``c`` captions (one a kept
    picture), ``b`` blank stretches.
    """
    states = _States(evidence)
    entries = [
        *_facts(evidence),
        *states.text_entries(),
        *states.caption_entries(),
        *states.blank_entries(),
        *_speech(evidence),
    ]
    return tuple(sorted(entries, key=lambda entry: entry.start_s))


class _States:
    """Which kept picture is on screen from one sample to the next.

    A dropped duplicate shows the same picture as the sample that it repeats; a blank one shows
    none of them.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._seen = {o.sample.index: o for o in evidence.observations}
        points: list[tuple[float, int | str]] = [
            (o.sample.time_s, o.sample.index) for o in evidence.observations
        ]
        for drop in evidence.dropped:
            if drop.reason in _BLANK_WORDS:
                points.append((drop.sample.time_s, drop.reason))
            elif drop.same_as is not None:
                points.append((drop.sample.time_s, drop.same_as))
        self._points = sorted(points, key=lambda point: point[0])
        self._end_s = evidence.end_s

    def _stretches(self, keys: Sequence[object]) -> Iterator[tuple[float, float, int]]:
        """Yield start, end and first position of each run of equal keys."""
        start = 0
        for place in range(1, len(keys) + 1):
            if place == len(keys) or keys[place] != keys[start]:
                end_s = self._points[place][0] if place < len(keys) else self._end_s
                yield self._points[start][0], max(self._points[start][0], end_s), start
                start = place

    def _observation(self, place: int) -> Observation | None:
        state = self._points[place][1]
        return self._seen[state] if isinstance(state, int) else None

    def text_entries(self) -> Iterator[TimelineEntry]:
        """Yield what is written on screen, once for as long as the same lines stand there."""
        texts = []
        for place in range(len(self._points)):
            seen = self._observation(place)
            lines = [line.text for line in seen.text.lines] if seen and seen.text else []
            texts.append("\n".join(lines))
        number = 0
        for start_s, end_s, place in self._stretches(texts):
            if texts[place]:
                number += 1
                yield TimelineEntry(f"t{number}", "text", start_s, end_s, texts[place], "screen")

    def caption_entries(self) -> Iterator[TimelineEntry]:
        """Yield each kept picture's caption, up to the next sample that shows another one."""
        ends = {}
        for start_s, end_s, place in self._stretches([state for _, state in self._points]):
            seen = self._observation(place)
            if seen is not None and seen.sample.time_s == start_s:
                ends[seen.sample.index] = end_s
        for number, (index, seen) in enumerate(sorted(self._seen.items()), start=1):
            if seen.caption is not None and seen.caption.text:
                start_s = seen.sample.time_s
                yield TimelineEntry(f"c{number}", "caption", start_s, ends.get(index, start_s),
                                    seen.caption.text, seen.caption.backend)  # fmt: skip

    def blank_entries(self) -> Iterator[TimelineEntry]:
        """Yield the stretches in which nothing but black, white or one colour is seen."""
        states = [state for _, state in self._points]
        number = 0
        for start_s, end_s, place in self._stretches(states):
            state = states[place]
            if isinstance(state, str):
                number += 1
                yield TimelineEntry(f"b{number}", "caption", start_s, end_s, _BLANK_WORDS[state],
                                    "measured")  # fmt: skip


def _facts(evidence: Evidence) -> Iterator[TimelineEntry]:
    """Yield what came with the file; what the container says if nobody has gathered more."""
    facts = evidence.facts or container_facts(evidence.info)
    for number, fact in enumerate(facts, start=1):
        text = f"{fact.name}: {fact.value}"
        yield TimelineEntry(f"f{number}", "fact", 0.0, evidence.end_s, text, fact.source)


def _speech(evidence: Evidence) -> Iterator[TimelineEntry]:
    for number, segment in enumerate(evidence.transcript.segments, start=1):
        words = segment.text.replace("\n", " ")
        source = evidence.transcript.source
        yield TimelineEntry(f"s{number}", "speech", segment.start_s, segment.end_s, words, source)
