"""Which of a file's sound tracks is meant."""

from __future__ import annotations

from vidsum.data import AudioTrack, MediaInfo
from vidsum.errors import OptionError


def chosen_track(info: MediaInfo, number: int | None) -> AudioTrack | None:
    """Return the sound track asked for, else the default one, else the first.

    Raises: OptionError when there is no track of that number.
    """
    if number is None:
        return next((t for t in info.audio if t.default), info.audio[0] if info.audio else None)
    for track in info.audio:
        if track.number == number:
            return track
    count = len(info.audio)
    known = "1" if count == 1 else f"1 to {count}"
    raise OptionError(f"There is no audio track {number}: the file has {count}.",
                      f"Use --audio-track {known}." if count else "")  # fmt: skip
