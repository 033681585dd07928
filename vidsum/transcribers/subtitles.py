"""The transcript that somebody wrote already: free, and better than any recogniser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Segment, TextTrack, Transcript
from vidsum.errors import MediaError
from vidsum.languages import language_name, same_language
from vidsum.media.subtitles import find_sidecars, read_file, read_track, sidecar_language
from vidsum.registry import Work
from vidsum.transcribers.protocol import Transcriber, TranscriptRequest
from vidsum.transcribers.tracks import chosen_track


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Subtitles that there are: where, in which language, and how to read them."""

    source: str
    language: str | None
    read: Callable[[], list[Segment]]
    forced: bool
    beside: bool
    preferred: bool

    def rank(self, wanted: str | None) -> tuple[bool, int, bool, bool]:
        """Return what the order goes by, best first.

        Forced subtitles hold only the lines in a foreign language: they come last. Then the
        language asked for counts; subtitles that name none may be in it. A file beside the video
        was put there on purpose, so it comes before a track inside.
        """
        other = 0
        if wanted is not None and not same_language(self.language, wanted):
            other = 1 if self.language is None else 2
        return (self.forced, other, not self.beside, not self.preferred)


def build(options: Options) -> Transcriber:
    """Return the transcriber; it takes no options."""
    return SubtitleTranscriber()


class SubtitleTranscriber(Transcriber):
    """Reads a subtitle file beside the video, or a text track inside it."""

    name = "subtitles"
    work: Work = "light"

    def __init__(self) -> None:
        self.tally = Tally()

    def close(self) -> None:
        """Nothing is held."""

    def transcribe(self, request: TranscriptRequest) -> Transcript | None:
        """Return the cues between the asked-for times; None if there are no subtitles."""
        found = [*_sidecars(request), *_tracks(request)]
        wanted = request.language or _spoken(request)
        for candidate in sorted(found, key=lambda c: c.rank(wanted)):
            try:
                cues = candidate.read()
            except MediaError as exc:
                request.warn(exc.message)
                continue
            if not cues and candidate.beside:
                request.warn(f"The {candidate.source} holds no lines.")
            segments = _between(cues, request)
            if segments:
                _tell_language(request, candidate)
                return Transcript(segments, candidate.source, self.name, candidate.language)
        return None


def _spoken(request: TranscriptRequest) -> str | None:
    """Return the language of the sound that is listened to, as far as the file tells."""
    chosen = chosen_track(request.info, request.audio_track)
    return chosen.language if chosen is not None else None


def _tell_language(request: TranscriptRequest, used: _Candidate) -> None:
    asked = request.language
    if asked is None or used.language is None or same_language(asked, used.language):
        return
    request.warn(f"There are no subtitles in {language_name(asked) or asked}; used: {used.source}.")


def _sidecars(request: TranscriptRequest) -> Iterator[_Candidate]:
    video = request.info.path
    for path in find_sidecars(video):
        yield _Candidate(
            f"subtitle file {path.name}",
            sidecar_language(video, path),
            lambda path=path: read_file(path),  # type: ignore[misc]
            forced=path.stem.lower().endswith(".forced"),
            beside=True,
            preferred=path.stem == video.stem,
        )


def _tracks(request: TranscriptRequest) -> Iterator[_Candidate]:
    for number, track in enumerate(request.info.text, start=1):
        if track.readable:
            language = f" ({track.language})" if track.language else ""
            yield _Candidate(
                f"embedded subtitles, track {number}{language}",
                track.language,
                lambda track=track: _read_track(request, track),  # type: ignore[misc]
                forced=track.forced,
                beside=False,
                preferred=track.default,
            )


def _read_track(request: TranscriptRequest, track: TextTrack) -> list[Segment]:
    with request.open_decoder() as decoder:
        packets, header = decoder.text_packets(track)
    return read_track(track, packets, header)


def _between(segments: list[Segment], request: TranscriptRequest) -> tuple[Segment, ...]:
    stop_s = float("inf") if request.stop_s is None else request.stop_s
    return tuple(
        s for s in segments
        if (s.end_s > request.start_s or s.start_s >= request.start_s) and s.start_s < stop_s
    )  # fmt: skip
