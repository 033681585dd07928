"""Which of a recogniser's segments are believed.

Whisper invents text where there is no speech, and loops. Voice activity detection keeps most of
that away from it; what gets through shows in its scores, in text that repeats itself, and in text
that does not fit its time. A segment that fails is rejected and keeps the reason; one that comes
near is flagged with it. What is flagged is not certain to be wrong, but the pipeline leaves it out
of the summary as well: all of it stays in the result's ``rejected``, to be read with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vidsum.data import Segment

MAX_COMPRESSION = 2.4
"""Text that packs better than this repeats itself. Source: openai/whisper, transcribe.py."""
HOPELESS_COMPRESSION = 3.5
"""A window that packs like this is one loop; natural speech is at 1.3 to 2.0. Between the two it
is heard again in halves, for half a minute can hold a refrain, and flagged if that does not help.
Ours."""
MIN_LOGPROB = -1.0
"""Below this Whisper itself calls a decoding failed. Source: as above."""
MAX_NO_SPEECH = 0.6
"""Above this, with a low log probability, Whisper calls a window silent. Source: as above."""
HOPELESS_LOGPROB = -1.5
"""Each token less likely than one in four on average; what is only below -1.0 is often half
right, so it is flagged and not thrown away. Ours."""
NEAR_LOGPROB, NEAR_NO_SPEECH = -0.7, 0.4
"""Scores that make the other signs count. Ours: between good speech (-0.1 to -0.5) and failed."""
MIN_SPEECH_SHARE = 0.1
"""A segment with less speech than this in its time has none: a word of 0.2 s with all the sound
that is kept around it has 0.12. Ours."""
NEAR_SILENCE_DB = -55.0
"""Speech is rarely under -45 dB of full scale; a quiet room is at -60. Ours."""
MAX_LETTERS_PER_S = 40.0
"""Fast English is 20 to 25 letters a second. Ours."""
MIN_LETTERS_PER_S = 1.0
"""Slow speech has 5 letters a second; a long segment of one word is music more often than not.
Ours."""
_SLACK_S = 0.5
_LONG_S = 8.0
_LOOP = {1: 8, 2: 5, 3: 4}
"""How often that many words must follow each other to be a loop; more words three times. Ours:
people do say "no no no no", and count."""
_LOOP_BEGUN = {1: 4}
"""How often makes one wonder."""
_LONGEST_LOOP = 12
_LONGEST_WORD = 24
_LOOP_SHARE = 0.5
_RUN, _RUN_WORDS, _RUN_GAP_S = 5, 6, 0.3
"""The same short segment that often, without a pause between, is a loop; people who say a thing
again and again take breath. Ours."""

INVENTED: Final = re.compile(
    r"(thanks?( you)?( so much| very much)? for (watching|listening|viewing)"
    r"|(please )?(like and )?subscribe\b|sub(title)?s? by\b|transcri(bed|ption) by\b"
    r"|untertitel|sous-titr|sottotitoli|subt[íi]tulos|legendas|ondertitel|napisy"
    r"|субтитры|редактор субтитров|продолжение следует|字幕|ご視聴ありがとう"
    r"|.*\bamara\.org)",
    re.IGNORECASE,
)
"""What subtitles in Whisper's training end with: it writes that when nothing is said. People say
some of it, too, so it counts only with doubtful scores or next to no sound."""
_INVENTED_WORDS = 12


@dataclass(frozen=True, slots=True)
class Candidate:
    """A segment as it was recognised, and what is known of its sound.

    ``speech_share`` (0–1) is how much of it is speech by voice activity detection, ``loudness_db``
    its level, 0 for the loudest square wave that there can be. None: not known. ``beside_loop``:
    a segment that was heard in the same window is a loop.
    """

    segment: Segment
    speech_share: float | None = None
    loudness_db: float | None = None
    beside_loop: bool = False


@dataclass(frozen=True, slots=True)
class Sifted:
    """The segments that are believed and those that are not, each in order of time."""

    segments: tuple[Segment, ...]
    rejected: tuple[Segment, ...]


def sift(candidates: Sequence[Candidate], earlier: Sequence[Segment] = ()) -> Sifted:
    """Return what is believed and what is not. ``earlier`` are segments, believed or not, from
    before the first candidate: a loop may have begun there. They are not judged again."""
    before = earlier[-_RUN:]
    runs = _runs([*before, *(candidate.segment for candidate in candidates)])[len(before) :]
    believed, rejected = [], []
    for candidate, count in zip(candidates, runs, strict=True):
        reason = fault(candidate)
        if reason is None and count >= _RUN:
            reason = f"the same words {count} times in a row"
        if reason is not None:
            rejected.append(replace(candidate.segment, doubt=reason))
        else:
            believed.append(replace(candidate.segment, doubt=doubt(candidate)))
    return Sifted(tuple(believed), tuple(rejected))


def fault(candidate: Candidate) -> str | None:
    """Return why a segment cannot be believed, None if nothing speaks against it."""
    return next(_faults(candidate), None)


def failed(candidate: Candidate) -> bool:
    """Tell whether a segment should be heard again in another way: it cannot be believed, or is
    from a window that repeats itself, which Whisper, too, would decode anew."""
    scores = candidate.segment.scores
    packed = scores is not None and scores.compression_ratio > MAX_COMPRESSION
    return packed or fault(candidate) is not None


def loops(candidate: Candidate) -> bool:
    """Tell whether a segment, or all that was heard with it, repeats itself."""
    segment = candidate.segment
    packed = segment.scores is not None and segment.scores.compression_ratio > HOPELESS_COMPRESSION
    return packed or loop_share(segment.text) >= _LOOP_SHARE


def doubt(candidate: Candidate) -> str | None:
    """Return why a segment should be taken with care, None if it need not."""
    return next(_doubts(candidate), None)


def _faults(candidate: Candidate) -> Iterator[str]:
    segment, scores = candidate.segment, candidate.segment.scores
    if loops(candidate):
        yield "it repeats itself"
    elif candidate.beside_loop:
        yield "heard together with a loop"
    if scores is not None:
        if scores.no_speech_prob > MAX_NO_SPEECH and scores.avg_logprob < MIN_LOGPROB:
            yield f"probably no speech ({scores.no_speech_prob:.2f})"
        if scores.avg_logprob < HOPELESS_LOGPROB:
            yield f"hardly recognised (log probability {scores.avg_logprob:.1f})"
    if candidate.speech_share is not None and candidate.speech_share < MIN_SPEECH_SHARE:
        yield "no speech there"
    if _letters(segment.text) > MAX_LETTERS_PER_S * (_length_s(segment) + _SLACK_S):
        yield f"too many words for {_length_s(segment):.1f} s"
    if _invented(candidate):
        yield "a phrase that is often invented"


def _doubts(candidate: Candidate) -> Iterator[str]:
    segment, scores = candidate.segment, candidate.segment.scores
    if scores is not None:
        if scores.avg_logprob < MIN_LOGPROB:
            yield f"poorly recognised (log probability {scores.avg_logprob:.1f})"
        if scores.no_speech_prob > MAX_NO_SPEECH and scores.avg_logprob < NEAR_LOGPROB:
            yield f"perhaps no speech ({scores.no_speech_prob:.2f})"
        if scores.compression_ratio > MAX_COMPRESSION:
            yield f"heard together with much that repeats ({scores.compression_ratio:.1f})"
    if loop_share(segment.text) > 0 or loop_share(segment.text, _LOOP_BEGUN) >= _LOOP_SHARE:
        yield "part of it repeats"
    length_s = _length_s(segment)
    if length_s >= _LONG_S and _letters(segment.text) < MIN_LETTERS_PER_S * length_s:
        yield f"few words for {length_s:.0f} s"


def loop_share(text: str, repeats: Mapping[int, int] = _LOOP) -> float:
    """Return which share (0–1) of the words belongs to the longest loop, 0 if there is none.

    ``repeats`` says how often a number of words makes a loop; it is three where it says nothing.
    Where words are not set apart by spaces, letters count instead.
    """
    words = re.findall(r"\w+", text.lower())
    if len(words) < 3 and any(len(word) > _LONGEST_WORD for word in words):
        words = re.findall(r"\w", text.lower())
    longest = 0
    for size in range(1, min(_LONGEST_LOOP, len(words) // 3) + 1):
        same = 0  # words in a row that equal the one that is a loop's length before them
        for one, other in zip(words, words[size:], strict=False):
            same = same + 1 if one == other else 0
            if same + size >= size * repeats.get(size, 3):
                longest = max(longest, same + size)
    return longest / len(words) if words else 0.0


def _runs(segments: Sequence[Segment]) -> list[int]:
    """Return for each segment how many like it follow each other there, itself included."""
    lengths: list[int] = []
    run: list[Segment] = []
    for segment in segments:
        if run and not _repeats(run[-1], segment):
            lengths += [len(run)] * len(run)
            run = []
        run.append(segment)
    return lengths + [len(run)] * len(run)


def _repeats(one: Segment, other: Segment) -> bool:
    words = re.findall(r"\w+", other.text.lower())
    same = words == re.findall(r"\w+", one.text.lower())
    return same and len(words) <= _RUN_WORDS and other.start_s - one.end_s < _RUN_GAP_S


def _invented(candidate: Candidate) -> bool:
    text = candidate.segment.text.strip(" .!…\"'([-–—")
    if not INVENTED.match(text) or len(text.split()) > _INVENTED_WORDS:
        return False
    scores, level = candidate.segment.scores, candidate.loudness_db
    unsure = scores is not None and (
        scores.avg_logprob < NEAR_LOGPROB or scores.no_speech_prob > NEAR_NO_SPEECH
    )
    return unsure or (level is not None and level < NEAR_SILENCE_DB)


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _length_s(segment: Segment) -> float:
    return segment.end_s - segment.start_s
