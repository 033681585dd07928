"""One maker per kind of video file: codecs, containers and timings that trip up a sampler."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

from .encode import Clip, Recipe, encode, encode_two_pass

# Without a scene-cut search the keyframes lie exactly where the recipe says.
_X264 = {"preset": "veryfast", "crf": "26", "sc_threshold": "0", "bf": "3", "g": "40"}
_X264_PYRAMID = {**_X264, "b_strategy": "0", "b-pyramid": "normal"}
_VPX = {"deadline": "good", "b:v": "500k", "g": "60", "auto-alt-ref": "1", "lag-in-frames": "16"}


def make_h264_gop250(folder: Path) -> Clip:
    options = {**_X264_PYRAMID, "g": "250"}
    recipe = Recipe("h264_gop250.mp4", "libx264", frames=583, rate=25, options=options)
    return encode(folder, recipe, "a keyframe per 250 frames, B-frames as references")


def make_h264_gop2s(folder: Path) -> Clip:
    recipe = Recipe("h264_gop2s.mp4", "libx264", frames=346, options=_X264_PYRAMID)
    return encode(folder, recipe, "closed GOPs of 2 s")


def make_h264_open_gop(folder: Path) -> Clip:
    options = {**_X264_PYRAMID, "x264-params": "open-gop=1"}
    recipe = Recipe("h264_open_gop.mp4", "libx264", frames=346, options=options)
    return encode(folder, recipe, "B-frames after a keyframe that are shown before it")


def make_hevc(folder: Path) -> Clip:
    params = "log-level=none:open-gop=1:bframes=3:b-adapt=0:scenecut=0:keyint=40:min-keyint=40"
    options = {"preset": "ultrafast", "crf": "28", "x265-params": f"{params}:pools=1"}
    recipe = Recipe("hevc.mp4", "libx265", frames=266, options=options)
    return encode(folder, recipe, "open GOPs of 2 s, with leading pictures that may be skipped")


def make_vp9(folder: Path) -> Clip:
    options = {**_VPX, "cpu-used": "5"}
    recipe = Recipe("vp9.webm", "libvpx-vp9", frames=266, options=options)
    return encode_two_pass(folder, recipe, "hidden alt-ref frames, packed with a shown one")


def make_vp8(folder: Path) -> Clip:
    options = {**_VPX, "cpu-used": "5"}
    recipe = Recipe("vp8.webm", "libvpx", frames=266, options=options)
    return encode_two_pass(folder, recipe, "hidden alt-ref frames in packets of their own")


def make_av1(folder: Path) -> Clip:
    os.environ["SVT_LOG"] = "1"  # errors only; it prints on its own, past FFmpeg's log
    # Faster presets than 8 smear whole frames, as they say themselves.
    options = {"preset": "8", "crf": "30", "g": "60", "svtav1-params": "lp=1"}
    recipe = Recipe("av1.mp4", "libsvtav1", frames=246, options=options)
    # For root SVT makes the thread that opens it a real-time one, and so all that this thread
    # starts: left so, the tests after it would take the cores from whatever they wait for.
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(encode, folder, recipe, "AV1 with hidden reference frames").result()


def make_mpegts_late(folder: Path) -> Clip:
    options = {**_X264_PYRAMID, "g": "50"}
    recipe = Recipe(
        "mpegts_late.ts", "libx264", 433, rate=25, options=options, start_s=1000, audio=True
    )
    return encode(folder, recipe, "broadcast recording: the clock starts at 1000 s, no index")


def make_mpeg2_ts(folder: Path) -> Clip:
    options = {"b": "800k", "bf": "2", "g": "48", "b_strategy": "0", "sc_threshold": "1000000000"}
    recipe = Recipe("mpeg2_ts.ts", "mpeg2video", frames=333, rate=25, options=options)
    return encode(folder, recipe, "MPEG-2 with open GOPs, no index")


def _irregular_times_ms() -> Iterator[int]:
    """Screen-recorder timing: uneven steps, and two times at which nothing changes for long."""
    steps = [(33, 50, 117, 40, 210, 67)[index % 6] for index in range(160)]
    steps[60], steps[110] = 7_000, 12_000
    return accumulate(steps, initial=0)


def make_vfr_holes(folder: Path) -> Clip:
    times = tuple(_irregular_times_ms())
    recipe = Recipe("vfr_holes.mp4", "libx264", len(times), options=_X264, times_ms=times)
    return encode(folder, recipe, "irregular frame times with holes of 7 s and 12 s")


def make_rotated(folder: Path) -> Clip:
    recipe = Recipe("rotated.mp4", "libx264", frames=246, options=_X264, rotation=90)
    return encode(folder, recipe, "stored on its side, with a display matrix")


def make_no_duration(folder: Path) -> Clip:
    options = {"deadline": "realtime", "b": "400k", "cpu-used": "8", "g": "60"}
    recipe = Recipe("no_duration.webm", "libvpx", 266, options=options, seekable=False)
    return encode(folder, recipe, "as a browser records it: no duration and no index")


def make_edit_list(folder: Path) -> Clip:
    recipe = Recipe("edit_list.mp4", "libx264", frames=376, options=_X264, hidden=30)
    return encode(folder, recipe, "cut without encoding: the first 30 frames are not to be shown")


def make_anamorphic(folder: Path) -> Clip:
    aspect = Fraction(4, 3)
    recipe = Recipe("anamorphic.mp4", "libx264", 246, options=_X264, pixel_aspect=aspect)
    return encode(folder, recipe, "stored 240x240 with pixels of 4:3")


def make_short_03(folder: Path) -> Clip:
    recipe = Recipe("short_03.mp4", "libx264", frames=6, options=_X264)
    return encode(folder, recipe, "0.3 s")


def make_single_gop(folder: Path) -> Clip:
    options = {**_X264, "preset": "superfast", "g": "100000"}
    recipe = Recipe(
        "single_gop.mp4", "libx264", 1508, rate=25, options=options, width=160, height=120
    )
    return encode(folder, recipe, "60 s with one keyframe")


def make_video_late(folder: Path) -> Clip:
    recipe = Recipe("video_late.mp4", "libx264", 306, options=_X264, video_delay_s=2, audio=True)
    return encode(folder, recipe, "sound from 0 s, video from 2 s")


def make_avi(folder: Path) -> Clip:
    options = {"b": "800k", "g": "60", "bf": "0", "sc_threshold": "1000000000"}
    recipe = Recipe("avi.avi", "mpeg4", frames=333, rate=25, options=options)
    return encode(folder, recipe, "MPEG-4 part 2 in AVI, which has no time stamps")


def make_all_intra(folder: Path) -> Clip:
    options = {"qmin": "3", "qmax": "6"}
    recipe = Recipe("all_intra.mkv", "mjpeg", 246, options=options, pix_fmt="yuvj420p")
    return encode(folder, recipe, "every frame is a keyframe")
