"""What is known of a video before any money is spent: from its header, or by looking for free."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from vidsum import tokens
from vidsum.config import Options
from vidsum.data import MediaInfo, Need, Span, TimelineEntry
from vidsum.errors import OptionError
from vidsum.wording import as_line, shown

Depth = Literal["probe", "precise"]

TEXT_SIDE_PX: Final = 1280
PICTURE_SIDE_PX: Final = 512
"""Longest side of a sample: what reading text wants, and what describing alone wants."""
_LIKELY_KEPT: Final = 0.5
"""Of the samples, that are new. Ours: a talk keeps a tenth to a third, a film nearly all."""
_LIKELY_SPEECH: Final = 0.6
_LIKELY_PASSAGE_S: Final = 25.0
_SHORTEST_PASSAGE_S: Final = 9.0
"""Blocks of 27 s or more make at most three passages each, see
:mod:`vidsum.transcribers.speech_windows`. Sound with holes in it may make more of them."""
_FEW_PASSAGES: Final = 5
_WORD_TOKENS_PER_S: Final = 20.0
"""What is believed to be said in a second at most, with a line of its own for each second: over 40
letters a recogniser is not believed, see :mod:`vidsum.transcribers.gates`, which with spaces and
signs is 20 tokens; nobody says as many Chinese characters. Subtitles are held to nothing."""
_LIKELY_WORD_TOKENS_PER_S: Final = 4.5
"""150 words a minute, of 1.8 tokens as they are counted here. Source: measured on transcripts."""
_LIKELY_SEGMENT_S: Final = 4.5
CAPTION_TOKENS: Final = Span(0, 45, 200)
"""Of a caption. The most: 80 tokens of a model's at six bytes each, or what the built-in captioner
says of a screen of text."""
SCREEN_TOKENS: Final = Span(0, 25, 400)
"""Of the text on a picture. There is no true bound: 400 is a page of a book."""
_MORE_SAMPLES: Final = 2
"""Above those of the grid: one last look, and one for a header that is a little short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a video, or of the part of it that is asked for.

    ``duration_s`` is the length of that part. ``subtitles``: whether words come from them, None
    when nobody has looked. ``samples`` pictures are looked at and ``captions`` of them described;
    ``speech_s`` and ``passages`` are of the sound that a recogniser is given, or would be if there
    were one. ``timeline_tokens`` as :func:`vidsum.tokens.count` estimates them.
    """

    depth: Depth
    duration_s: float
    has_video: bool
    has_audio: bool
    subtitles: bool | None
    interval_s: float
    start_s: float
    end_s: float
    samples: Span
    captions: Span
    speech_s: Span
    passages: Span
    timeline_tokens: Span
    width_px: int = 0
    height_px: int = 0

    @property
    def need(self) -> Need:
        """All of it as a need; how large the pictures are is for :meth:`side_px` to say."""
        aspect = self.width_px / self.height_px if self.width_px and self.height_px else 16 / 9
        return Need(
            captions=self.captions, aspect=aspect, speech_s=self.speech_s, passages=self.passages,
            timeline_tokens=self.timeline_tokens,
            audio_s=self.duration_s if self.has_audio else 0.0,
        )  # fmt: skip

    def side_px(self, *, reads: bool) -> int:
        """Return the longest side of the pictures that a captioner is given."""
        wanted = TEXT_SIDE_PX if reads else PICTURE_SIDE_PX
        return min(wanted, max(self.width_px, self.height_px) or wanted)


def facts_from_probe(
    info: MediaInfo, options: Options, subtitles_found: bool | None, *, recognised: bool = True
) -> Facts:
    """Return what the header tells, in ranges that hold if it tells the truth.

    All but text on screen, of which a picture may hold any amount. At least one picture is kept
    (all others may be black), at most every sample. ``recognised``: somebody turns speech into
    words. Raises: OptionError for a video whose header does not say how long it is.
    """
    end_s, span_s = _stretch(info, options)
    has_video, has_audio = info.video is not None, bool(info.audio)
    grid = math.ceil(span_s / options.interval_s) if has_video and span_s > 0 else 0
    samples = Span(max(min(grid, 1), grid - 1), grid, grid + _MORE_SAMPLES if grid else 0)
    floor = min(samples.likely, 1 + span_s // 60)
    captions = Span(min(1, grid), max(floor, round(_LIKELY_KEPT * samples.likely)), samples.most)
    subtitles = subtitles_found if options.transcriber is None else False
    heard_s = span_s if has_audio and subtitles is not True else 0.0
    speech_s = Span(0.0, _LIKELY_SPEECH * heard_s, heard_s)
    most_passages = math.ceil(heard_s / _SHORTEST_PASSAGE_S) + _FEW_PASSAGES if heard_s else 0
    passages = Span(0, math.ceil(speech_s.likely / _LIKELY_PASSAGE_S), most_passages)
    words_s = span_s if subtitles is not False else heard_s if recognised else 0.0
    words = Span(0.0, _LIKELY_SPEECH * words_s, words_s)
    return Facts(
        depth="probe", duration_s=span_s, has_video=has_video, has_audio=has_audio,
        subtitles=subtitles, interval_s=options.interval_s, start_s=options.start_s, end_s=end_s,
        samples=samples, captions=captions, speech_s=speech_s, passages=passages,
        timeline_tokens=timeline_tokens(info, options, samples, captions, words),
        width_px=info.video.width_px if info.video else 0,
        height_px=info.video.height_px if info.video else 0,
    )  # fmt: skip


def facts_precisely(
    info: MediaInfo, options: Options, *, samples: int, captions: int, speech_s: float,
    passages: int, subtitle_tokens: int | None = None, end_s: float | None = None,
    recognised: bool = True,
) -> Facts:  # fmt: skip
    """Return what is known when the video was sampled and its speech found, but nothing asked.

    ``subtitle_tokens`` are those of subtitles as lines of the timeline, None when there are none;
    then nothing is recognised. ``end_s``: where the pictures or the sound really end.
    ``recognised``: somebody turns speech into words.
    """
    known_s = info.duration_s if end_s is None else end_s
    stop_s = min(filter(None, (known_s, options.end_s)), default=0.0)
    taken = Span(captions, captions, captions)
    looked = Span(samples, samples, samples)
    found = subtitle_tokens is not None
    heard_s, heard = (0.0, 0) if found else (speech_s, passages)
    words = Span(heard_s, heard_s, heard_s)
    said = Span(0, words.likely, words.most) if recognised else Span(0, 0, 0)
    count = timeline_tokens(info, options, looked, taken, said)
    more = subtitle_tokens or 0
    return Facts(
        depth="precise", duration_s=max(0.0, stop_s - options.start_s),
        has_video=info.video is not None, has_audio=bool(info.audio), subtitles=found,
        interval_s=options.interval_s, start_s=options.start_s, end_s=stop_s, samples=looked,
        captions=taken, speech_s=words, passages=Span(heard, heard, heard),
        timeline_tokens=Span(count.least + more, count.likely + more, count.most + more),
        width_px=info.video.width_px if info.video else 0,
        height_px=info.video.height_px if info.video else 0,
    )  # fmt: skip


def timeline_tokens(
    info: MediaInfo, options: Options, samples: Span, captions: Span, words_s: Span
) -> Span:
    """Return how many tokens the timeline has, as lines of JSON.

    ``words_s`` are the seconds in which somebody speaks. What came with the file is counted.
    """
    line = _line_tokens()
    given = _given_tokens(info, options.context)
    spoken = spoken_tokens(words_s)
    likely = given + spoken.likely
    likely += captions.likely * (line + CAPTION_TOKENS.likely)
    most = given + spoken.most
    most += captions.most * (line + CAPTION_TOKENS.most) + (samples.most / 2) * (line + 8)
    if options.ocr:
        likely += captions.likely * SCREEN_TOKENS.likely
        most += captions.most * (line + SCREEN_TOKENS.most)
    return Span(given, math.ceil(likely), math.ceil(most))


def spoken_tokens(words_s: Span) -> Span:
    """Return how many tokens words of so many seconds are, as lines of the timeline."""
    line = _line_tokens()
    return Span(
        0.0, words_s.likely * (_LIKELY_WORD_TOKENS_PER_S + line / _LIKELY_SEGMENT_S),
        words_s.most * (_WORD_TOKENS_PER_S + line),
    )  # fmt: skip


def caption_line_tokens() -> Span:
    """Return how many tokens one caption adds to a timeline."""
    line = _line_tokens()
    return Span(0, line + CAPTION_TOKENS.likely, line + CAPTION_TOKENS.most)


def _line_tokens() -> int:
    """Return the tokens of a line of the timeline without its text."""
    entry = TimelineEntry("s10000", "speech", 10_000.5, 10_000.5, "", "")
    return tokens.count(f"{as_line(entry)}\n", None)[0]


def _given_tokens(info: MediaInfo, context: str | None) -> int:
    """Return the tokens of what came with the file, and of what the user knows of it."""
    from vidsum.data import Evidence, Transcript
    from vidsum.media.facts import gather_facts
    from vidsum.timeline import timeline

    nothing = Evidence(info, (), (), Transcript((), "", "none"), None, 0.0, 0.0, 1.0,
                       facts=gather_facts(info, context).facts)  # fmt: skip
    text = "\n".join(as_line(entry) for entry in timeline(nothing))
    return tokens.count(text, None)[0]


def _stretch(info: MediaInfo, options: Options) -> tuple[float, float]:
    """Return where the part that is asked for ends, and how long it is. Raises: OptionError."""
    lengths = [info.duration_s, info.video.duration_s if info.video else None]
    known = [one for one in lengths if one is not None]
    if known:
        end_s = max(known) if options.end_s is None else min(max(known), options.end_s)
    elif options.end_s is not None:
        end_s = options.end_s
    else:
        raise OptionError(f"{shown(info.path)} does not say how long it is.",
                          "--precise finds out; --end says how much of it to look at.")  # fmt: skip
    return end_s, max(0.0, end_s - options.start_s)
