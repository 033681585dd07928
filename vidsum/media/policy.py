"""What may be opened, and the limits that the decode process lives under."""

from __future__ import annotations

from dataclasses import dataclass

CONTAINERS = (
    "mov", "mp4", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "live_flv",
    "ogg", "mp3", "wav", "flac", "aac", "asf", "gif",
)  # fmt: skip
"""FFmpeg demuxers that read one file and nothing else. Playlists and manifests (hls, concat,
dash, sdp …) are absent on purpose: they open further files and network addresses."""

VIDEO_CODECS = frozenset({
    "h264", "hevc", "vp8", "vp9", "av1", "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v1",
    "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "wmv3", "vc1", "h261", "h263", "h263p", "flv1",
    "theora", "prores", "dnxhd", "mjpeg", "gif", "png", "ffv1", "huffyuv", "ffvhuff", "utvideo",
    "rawvideo", "qtrle", "cinepak", "dvvideo", "vp6", "vp6f", "svq1", "svq3",
})  # fmt: skip
"""Codecs that recordings are really in, by FFmpeg's common names; fewer codecs, fewer bugs."""

AUDIO_CODECS = frozenset({
    "aac", "aac_latm", "mp1", "mp2", "mp3", "opus", "vorbis", "flac", "alac", "ac3", "eac3",
    "dts", "truehd", "mlp", "wmav1", "wmav2", "wmapro", "wmalossless", "amr_nb", "amr_wb",
    "gsm", "speex", "wavpack", "ape", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms",
    "nellymoser", "cook",
})  # fmt: skip
"""Besides these, every ``pcm_*`` codec."""

TEXT_CODECS = frozenset({"subrip", "mov_text", "webvtt", "ass", "text"})

MAX_PIXELS = 64_000_000 - 1
"""Largest picture that is decoded: 64 million pixels and more are refused. Source: the project's
design, a decompression-bomb bound."""


@dataclass(frozen=True, slots=True)
class DecodePolicy:
    """Limits of one decode process.

    The CPU limit grows with the video (``cpu_base_s + cpu_per_video_s × duration``): slow
    codecs on slow machines stay under it, an endless loop does not. A duration that leaves fewer
    than ``fewest_bytes_per_s`` is damage: that little is no picture that takes time to decode.
    ``stall_s`` is how long the process may say nothing at all.
    """

    address_space_bytes: int = 6 * 1024**3
    open_files: int = 64
    cpu_base_s: int = 300
    cpu_per_video_s: float = 20.0
    fewest_bytes_per_s: float = 100.0
    stall_s: float = 120.0


def audio_codec_allowed(name: str) -> bool:
    """Return whether a sound codec may be decoded."""
    return name in AUDIO_CODECS or name.startswith("pcm_")


def codec_allowed(name: str) -> bool:
    """Return whether a codec of any kind may be decoded."""
    return name in VIDEO_CODECS or name in TEXT_CODECS or audio_codec_allowed(name)
