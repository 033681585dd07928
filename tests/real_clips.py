"""The real clips that VIDSUM_TEST_MEDIA names; what is in each says the README beside them."""

from __future__ import annotations

CLIPS = (
    "bbb_30s.webm", "bottles.mp4", "chaplin.mp4", "corridor_people.mp4", "failing_audio.mp4",
    "fades.mp4", "fire_rotated.mp4", "rabbit.mp4", "smpte.mp4", "no_duration.webm",
    "transparent.webm", "one_pixel.mp4", "cover_art.mp3", "jfk.flac", "beckett.wav",
)  # fmt: skip
