"""What a transcription that came over the network says, read with care."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product
from string import ascii_lowercase
from typing import Any

from vidsum.backends.answers import token_count
from vidsum.data import Segment, SpeechScores, Usage, Word
from vidsum.languages import language_name
from vidsum.media.audio import RATE_HZ
from vidsum.transcribers.gates import Candidate
from vidsum.transcribers.placing import Placing
from vidsum.transcribers.speech_windows import Passage

_LONGEST_S = 1e9


def candidates(body: Mapping[str, Any], passage: Passage) -> list[Candidate]:
    """Return what an answer says as segments in the file's time, in order.

    Without times in the answer it is one segment, from the first speech to the last.
    """
    placing = Placing(passage)
    end_s = passage.samples.size / RATE_HZ
    given = body.get("segments")
    parts = [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []
    if not parts:
        parts = [{"start": 0.0, "end": end_s, "text": body.get("text")}]
    words, found = _words(body.get("words")), []
    for part in parts:
        start, end = _number(part.get("start")), _number(part.get("end"))
        if start is None or end is None or not isinstance(part.get("text"), str):
            continue
        place = placing.segment(start, max(start, end))
        said = tuple(_placed(word, placing) for word in words
                     if start <= (word.start_s + word.end_s) / 2 < end)  # fmt: skip
        segment = Segment(round(place.start_s, 3), round(max(place.start_s, place.end_s), 3),
                          " ".join(part["text"].split()), said, _scores(part))  # fmt: skip
        found.append(Candidate(segment, place.speech_share))
    return sorted(found, key=lambda one: (one.segment.start_s, one.segment.end_s))


def _scores(part: Mapping[str, Any]) -> SpeechScores | None:
    names = ("avg_logprob", "no_speech_prob", "compression_ratio")
    found = [_number(part.get(name)) for name in names]
    if None in found:
        return None
    return SpeechScores(*(value for value in found if value is not None))


def _words(given: Any) -> list[Word]:
    """Read an answer's words, which have no probability of their own."""
    found = []
    for one in given if isinstance(given, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get("word"), str):
            start, end = _number(one.get("start")), _number(one.get("end"))
            if start is not None and end is not None:
                found.append(Word(start, end, one["word"].strip()))
    return found


def _placed(word: Word, placing: Placing) -> Word:
    """Move a word to the file's time."""
    start_s, end_s = placing.word(word.start_s, word.end_s)
    return Word(round(start_s, 3), round(max(start_s, end_s), 3), word.text)


def usage_of(body: Mapping[str, Any]) -> Usage:
    """Return the tokens of a call; models that are billed by the second count none."""
    usage = body.get("usage")
    if not isinstance(usage, Mapping):
        return Usage()
    asked, given = token_count(usage.get("input_tokens")), token_count(usage.get("output_tokens"))
    if asked is None or given is None:
        return Usage()
    parts = usage.get("input_token_details")
    heard = token_count(parts.get("audio_tokens")) if isinstance(parts, Mapping) else None
    return Usage(asked, given, origin="reported", audio_tokens=heard)


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < _LONGEST_S else None  # nor is anything else than a number


def language_of(told: Any) -> str | None:
    """Return the code of a language; providers name it in English, or by a code."""
    if not isinstance(told, str) or not told.strip():
        return None
    return _codes().get(told.strip().lower()) or (told.lower() if language_name(told) else None)


@cache
def _codes() -> Mapping[str, str]:
    codes = ("".join(letters) for letters in product(ascii_lowercase, repeat=2))
    return {name.lower(): code for code in codes if (name := language_name(code))}
