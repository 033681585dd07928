"""The test clips are what they claim to be: their numbers, their times and their traps.

Every claim is checked against the file itself, decoded from its first frame to its last, which
is the one way of reading a video that has nothing to go wrong.
"""

import os
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from av.packet import Packet
from av.video.stream import VideoStream
from clips import CLIPS, Clip, clip, draw, read_counter
from PIL import Image
from thinning import every_second

pytestmark = pytest.mark.timeout(60)


def _zero_s(video: VideoStream) -> float:
    """The file's clock at time 0: where its earliest stream starts."""
    return float(min((s.start_time or 0) * (s.time_base or 0) for s in video.container.streams))


def _shown(path: Path) -> Iterator[tuple[int, float]]:
    """Number and time of each frame, by decoding all of them in order."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        zero_s = _zero_s(video)
        for frame in container.decode(video):
            upright = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
            yield read_counter(upright.astype(np.uint8, copy=False)), frame.time - zero_s


def _packets(made: Clip) -> "list[Packet[VideoStream]]":
    with av.open(str(made.path)) as container:
        return [packet for packet in container.demux(container.streams.video[0]) if packet.size]


def _leading(packets: "list[Packet[VideoStream]]") -> list[int]:
    """For each keyframe, how many packets after it are shown before it."""
    counts: list[int] = []
    key_pts = 0
    for packet in packets:
        assert packet.pts is not None
        if packet.is_keyframe:
            key_pts = packet.pts
            counts.append(0)
        counts[-1] += packet.pts < key_pts
    return counts


@pytest.mark.parametrize("name", every_second(CLIPS))
def test_every_frame_shows_its_number_at_its_time(name: str, clip_folder: Path) -> None:
    made = clip(name, clip_folder)
    numbers, times = zip(*_shown(made.path), strict=True)
    first = made.first_number
    assert list(numbers) == list(range(first, first + len(made.frame_times_s)))
    assert times == pytest.approx(made.frame_times_s, abs=1e-6)


@pytest.mark.parametrize("name", CLIPS)
def test_size_and_duration(name: str, clip_folder: Path) -> None:
    made = clip(name, clip_folder)
    with av.open(str(made.path)) as container:
        frame = next(container.decode(video=0))
        aspect = container.streams.video[0].sample_aspect_ratio or 1
        shown = (round(frame.width * aspect), frame.height)
        assert (shown[::-1] if frame.rotation % 180 else shown) == (made.width, made.height)
        if name == "no_duration":
            assert container.duration is None
        else:
            # MP4 counts the end in decoding order, which is early where B-frames meet VFR.
            assert (container.duration or 0) / 1e6 == pytest.approx(made.duration_s, abs=0.08)


@pytest.mark.parametrize(
    ("name", "keyframes"),
    [
        ("h264_gop250", 3),
        ("h264_gop2s", 9),
        ("h264_open_gop", 9),
        ("hevc", 7),
        ("mpegts_late", 9),
        ("mpeg2_ts", 7),
        ("single_gop", 1),
        ("short_03", 1),
        ("avi", 6),
        ("all_intra", 246),
    ],
)
def test_keyframes(name: str, keyframes: int, clip_folder: Path) -> None:
    packets = _packets(clip(name, clip_folder))
    assert sum(packet.is_keyframe for packet in packets) == keyframes


@pytest.mark.parametrize("name", ["h264_open_gop", "hevc", "mpeg2_ts"])
def test_open_gops_show_frames_before_their_keyframe(name: str, clip_folder: Path) -> None:
    first, *others = _leading(_packets(clip(name, clip_folder)))
    assert first == 0
    assert min(others) > 0


@pytest.mark.parametrize("name", ["h264_gop2s", "h264_gop250", "mpegts_late", "vfr_holes"])
def test_closed_gops_have_b_frames_and_nothing_before_their_keyframe(
    name: str, clip_folder: Path
) -> None:
    packets = _packets(clip(name, clip_folder))
    assert not any(_leading(packets))
    assert any((a.pts or 0) > (b.pts or 0) for a, b in pairwise(packets))


def test_hevc_has_pictures_that_need_the_gop_before(clip_folder: Path) -> None:
    rasl_types = {8, 9}
    packets = _packets(clip("hevc", clip_folder))
    # A frame of x265 is one slice behind a length of 4 bytes, but for the first, with its SEI.
    types = [bytes(packet)[4] >> 1 & 0x3F for packet in packets[1:]]
    assert rasl_types & set(types)


def test_h264_uses_b_frames_as_references(clip_folder: Path) -> None:
    with av.open(str(clip("h264_gop250", clip_folder).path)) as container:
        assert container.streams.video[0].codec_context.reorder_depth == 2


def test_vp9_and_vp8_hide_frames(clip_folder: Path) -> None:
    superframe, show_bit = 0xC0, 0x10
    vp9, vp8 = _packets(clip("vp9", clip_folder)), _packets(clip("vp8", clip_folder))
    assert sum(bytes(packet)[-1] & 0xE0 == superframe for packet in vp9) > 5
    hidden = sum(not bytes(packet)[0] & show_bit for packet in vp8)
    assert hidden > 5
    assert len(vp8) == hidden + len(clip("vp8", clip_folder).frame_times_s)


def test_edit_list_starts_between_keyframes(clip_folder: Path) -> None:
    made = clip("edit_list", clip_folder)
    packets = _packets(made)
    dropped = [packet for packet in packets if packet.is_discard]
    assert len(dropped) == made.first_number == 30
    assert all((packet.pts or 0) < 0 for packet in dropped)
    assert not next(packet for packet in packets if packet.pts == 0).is_keyframe


def test_transport_streams_do_not_start_at_zero(clip_folder: Path) -> None:
    with av.open(str(clip("mpegts_late", clip_folder).path)) as container:
        assert container.start_time == 1_000_000_000
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    with av.open(str(clip("mpeg2_ts", clip_folder).path)) as container:
        assert container.start_time == 40_000


def test_holes_last_7_and_12_seconds(clip_folder: Path) -> None:
    made = clip("vfr_holes", clip_folder)
    steps = [late - early for early, late in pairwise(made.frame_times_s)]
    assert sorted(steps)[-2:] == pytest.approx([7, 12])
    assert len({round(step, 3) for step in steps}) > 5


def test_video_late_shows_nothing_at_first(clip_folder: Path) -> None:
    made = clip("video_late", clip_folder)
    assert made.frame_on_screen(2.0) == 0
    with pytest.raises(ValueError, match="nothing is on screen"):
        made.frame_on_screen(1.9)
    with av.open(str(made.path)) as container:
        assert container.start_time == 0


@pytest.mark.parametrize("name", ["rotated", "h264_open_gop", "edit_list"])
def test_another_program_agrees(name: str, clip_folder: Path) -> None:
    """FFmpeg's own program turns pictures and cuts edit lists by itself."""
    made = clip(name, clip_folder)
    png = clip_folder / f"{name}.png"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(made.path)]
    command += ["-vf", "select=gte(t\\,4.999)", "-frames:v", "1", str(png)]
    subprocess.run(command, check=True)
    with Image.open(png) as image:
        assert image.size == (made.width, made.height)
        assert read_counter(np.asarray(image.convert("RGB"))) == made.frame_on_screen(5.0)


def test_times_and_numbers_are_inverse(clip_folder: Path) -> None:
    made = clip("edit_list", clip_folder)
    assert made.frame_on_screen(0.0) == 30
    assert made.frame_on_screen(0.0499) == 30
    assert made.frame_on_screen(0.05) == 31
    assert made.frame_on_screen(999.0) == 375
    assert made.counter_time(31) == pytest.approx(0.05)
    for number in (29, 376):
        with pytest.raises(ValueError, match="never shown"):
            made.counter_time(number)


def test_making_av1_leaves_the_process_its_priority(tmp_path: Path) -> None:
    before = os.sched_getscheduler(0)
    clip("av1", tmp_path)
    assert os.sched_getscheduler(0) == before


def test_a_clip_is_made_once(clip_folder: Path) -> None:
    assert clip("short_03", clip_folder) is clip("short_03", clip_folder)


@pytest.mark.parametrize("number", [0, 1, 255, 256, 0xAAAA, 0x5555, 0xFFFF])
@pytest.mark.parametrize("size", [(640, 480), (320, 240), (160, 90), (81, 61), (64, 48)])
def test_counter_survives_scaling(number: int, size: tuple[int, int]) -> None:
    image = Image.fromarray(draw(number, 640, 480)).resize(size, Image.Resampling.BOX)
    assert read_counter(np.asarray(image)) == number


def test_counter_refuses_what_is_not_one_upright_picture() -> None:
    one, other = draw(1234), draw(1235)
    mixed = ((one.astype(int) + other) // 2).astype(np.uint8)
    torn = np.concatenate([draw(0x5555)[:120], draw(0xAAAA)[120:]])
    black = np.zeros_like(one)
    turned = [draw(1234, rotation=rotation) for rotation in (90, 180, 270)]
    for image in (mixed, torn, black, 255 - black, one[:, ::-1], one[::-1], *turned):
        with pytest.raises(ValueError, match=r"checksum|neither black nor white"):
            read_counter(image)
    with pytest.raises(ValueError, match="not an RGB picture"):
        read_counter(one[..., 0])


def test_draw_refuses_what_it_cannot_paint() -> None:
    with pytest.raises(ValueError, match="16 bits"):
        draw(1 << 16)
    with pytest.raises(ValueError, match="by 45 degrees"):
        draw(1, rotation=45)
