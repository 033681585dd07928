"""The transcript that somebody wrote already: free, and better than any recogniser."""

from __future__ import annotations

from pathlib import Path

from vidsum.data import MediaInfo, Segment, TextTrack, Transcript
from vidsum.errors import MediaError
from vidsum.media.subtitles import (
    find_sidecars,
    read_file,
    read_track,
    same_language,
    sidecar_language,
)
from vidsum.transcribers.protocol import TranscriptRequest


class SubtitleTranscriber:
    """Reads a subtitle file beside the video, else a text track inside it."""

    name = "subtitles"

    def transcribe(self, request: TranscriptRequest) -> Transcript | None:
        """Return the cues between the asked-for times; None if there are no subtitles."""
        return self._from_sidecar(request) or self._from_track(request)

    def _from_sidecar(self, request: TranscriptRequest) -> Transcript | None:
        video = request.info.path
        for path in _best_first(video, find_sidecars(video), request.language):
            try:
                segments = _between(read_file(path), request)
            except MediaError as exc:
                request.warn(exc.message)
                continue
            if segments:
                language = sidecar_language(video, path) or request.language
                return Transcript(segments, f"subtitle file {path.name}", self.name, language)
        return None

    def _from_track(self, request: TranscriptRequest) -> Transcript | None:
        for number, track in _tracks(request.info, request.language):
            try:
                with request.open_decoder() as decoder:
                    packets, header = decoder.text_packets(track)
                segments = _between(read_track(track, packets, header), request)
            except MediaError as exc:
                request.warn(exc.message)
                continue
            if segments:
                language = f" ({track.language})" if track.language else ""
                source = f"embedded subtitles, track {number}{language}"
                return Transcript(segments, source, self.name, track.language)
        return None


def _best_first(video: Path, paths: list[Path], language: str | None) -> list[Path]:
    """Order sidecars: the language asked for, then no language named, then the others.

    A ``forced`` file holds only the lines in a foreign language: it comes last.
    """

    def rank(path: Path) -> tuple[bool, bool, bool]:
        named = sidecar_language(video, path)
        forced = path.stem.lower().endswith(".forced")
        return (forced, not same_language(named, language), path.stem != video.stem)

    return sorted(paths, key=rank)


def _tracks(info: MediaInfo, language: str | None) -> list[tuple[int, TextTrack]]:
    """Return the readable tracks, best first, each with its number counted from 1.

    A forced track holds only the lines in a foreign language: it comes last.
    """
    numbered = [(n, t) for n, t in enumerate(info.text, start=1) if t.readable]

    def rank(item: tuple[int, TextTrack]) -> tuple[bool, bool, bool, int]:
        number, track = item
        wanted = language is None or same_language(track.language, language)
        return (track.forced, not wanted, not track.default, number)

    return sorted(numbered, key=rank)


def _between(segments: list[Segment], request: TranscriptRequest) -> tuple[Segment, ...]:
    stop_s = float("inf") if request.stop_s is None else request.stop_s
    return tuple(
        s for s in segments
        if (s.end_s > request.start_s or s.start_s >= request.start_s) and s.start_s < stop_s
    )  # fmt: skip
