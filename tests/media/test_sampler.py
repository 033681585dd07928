"""The sampler: the pixels of a sample belong to the time stamped on it, on every kind of file.

Every frame of the clips shows its own number, so that the picture itself says which one it is.
"""

from __future__ import annotations

import math
from pathlib import Path

import av
import pytest
from clips import CLIPS, Clip, clip, read_counter
from thinning import every_second

from vidsum.data import Frame
from vidsum.media import sampler
from vidsum.media.opening import clock_origin_s, open_input
from vidsum.media.plan import Grid, Moments, Times
from vidsum.media.process import Decoder

INTERVAL_S = 5.0


def samples_of(made: Clip, grid: Times, side_px: int = 1280) -> list[Frame]:
    with Decoder(made.path) as decoder:
        frames = list(decoder.frames(grid, side_px, made.duration_s))
        assert decoder.frames_report is not None
        assert decoder.frames_report.broken_packets == 0
        assert decoder.frames_report.lost == []
    return frames


@pytest.mark.parametrize("name", every_second(CLIPS))
@pytest.mark.parametrize("tolerance_s", every_second([0.0, 1.25]))
def test_one_sample_an_interval(name: str, tolerance_s: float, clip_folder: Path) -> None:
    made = clip(name, clip_folder)
    frames = samples_of(made, Grid(INTERVAL_S, tolerance_s))
    grid = [f.sample for f in frames if f.sample.role == "grid"]
    assert len(grid) == math.ceil(made.duration_s / INTERVAL_S)
    assert [s.target_s for s in grid] == [INTERVAL_S * k for k in range(len(grid))]
    assert [f.sample.index for f in frames] == list(range(len(frames)))


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize(("interval_s", "tolerance_s"), [
    (5.0, 0.0), pytest.param(1.3, 0.0, marks=pytest.mark.slow), (5.0, 1.25),
])  # fmt: skip
def test_the_picture_is_the_one_of_its_time(
    name: str, interval_s: float, tolerance_s: float, clip_folder: Path
) -> None:
    made = clip(name, clip_folder)
    for frame in samples_of(made, Grid(interval_s, tolerance_s)):
        sample = frame.sample
        assert read_counter(frame.image) == made.frame_on_screen(sample.time_s)
        assert made.counter_time(read_counter(frame.image)) == pytest.approx(sample.pts_s, abs=2e-3)


@pytest.mark.parametrize("name", every_second(CLIPS))
def test_exact_mode_shows_what_is_on_screen_at_the_target(name: str, clip_folder: Path) -> None:
    made = clip(name, clip_folder)
    first_s = made.frame_times_s[0]
    for frame in samples_of(made, Grid(1.3, 0.0)):
        expected = made.frame_on_screen(max(first_s, frame.sample.target_s))
        assert read_counter(frame.image) == expected


@pytest.mark.parametrize("name", every_second(CLIPS))
def test_tolerance_is_kept(name: str, clip_folder: Path) -> None:
    made = clip(name, clip_folder)
    for frame in samples_of(made, Grid(INTERVAL_S, 1.25)):
        sample = frame.sample
        late_start = made.frame_times_s[0]
        assert abs(sample.time_s - max(sample.target_s, late_start)) <= 1.25 + 1e-6


@pytest.mark.parametrize("name", ["rotated", "anamorphic", "h264_gop2s"])
def test_pictures_are_upright_and_square(name: str, clip_folder: Path) -> None:
    made = clip(name, clip_folder)
    frame = samples_of(made, Grid(INTERVAL_S))[0]
    assert frame.image.shape == (made.height, made.width, 3)


def test_pictures_are_no_larger_than_asked(clip_folder: Path) -> None:
    frame = samples_of(clip("h264_gop2s", clip_folder), Grid(INTERVAL_S), side_px=160)[0]
    assert frame.image.shape == (120, 160, 3)


def test_start_and_stop(clip_folder: Path) -> None:
    made = clip("h264_open_gop", clip_folder)
    frames = samples_of(made, Grid(2.0, 0.0, start_s=3.1, stop_s=9.0))
    assert [f.sample.target_s for f in frames][:3] == pytest.approx([3.1, 5.1, 7.1])
    assert all(f.sample.time_s < 9.0 for f in frames)
    for frame in frames:
        assert read_counter(frame.image) == made.frame_on_screen(frame.sample.time_s)


@pytest.mark.parametrize("name", ["single_gop", "h264_open_gop", "hevc", "mpeg2_ts", "vp8"])
@pytest.mark.parametrize("packets", [40, 97])
def test_a_gop_decoded_in_pieces_gives_the_same_pictures(
    name: str, packets: int, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = clip(name, clip_folder)
    monkeypatch.setattr(sampler, "MAX_GOP_PACKETS", packets)
    with open_input(made.path) as container:
        stream = container.streams.video[0]
        grid = Grid(1.3, 0.0)
        walk = sampler.Sampler(container, stream, grid, 320, clock_origin_s(container))
        frames = list(walk.frames())
    assert len([f for f in frames if f.sample.role == "grid"]) == math.ceil(made.duration_s / 1.3)
    for frame in frames:
        assert read_counter(frame.image) == made.frame_on_screen(frame.sample.time_s)


def test_gops_that_answer_nothing_are_not_decoded(clip_folder: Path) -> None:
    made = clip("h264_gop2s", clip_folder)
    with Decoder(made.path) as decoder:
        list(decoder.frames(Grid(INTERVAL_S, 1.25), 320, None))
        report = decoder.frames_report
    assert report is not None
    assert report.packets == len(made.frame_times_s)
    assert report.decoded < report.packets / 4


@pytest.mark.parametrize("interval_s", [0.2, 0.52, 2.0, 3.7])
@pytest.mark.parametrize("packets", [97, 233])
def test_a_cut_between_pieces_is_never_seen(
    interval_s: float, packets: int, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = clip("single_gop", clip_folder)
    monkeypatch.setattr(sampler, "MAX_GOP_PACKETS", packets)
    with open_input(made.path) as container:
        stream = container.streams.video[0]
        grid = Grid(interval_s, 0.0)
        walk = sampler.Sampler(container, stream, grid, 160, clock_origin_s(container))
        for frame in walk.frames():
            shown = made.frame_on_screen(frame.sample.target_s)
            assert read_counter(frame.image) == shown


@pytest.mark.parametrize(
    ("interval_s", "start_s", "stop_s"), [(1.3, 9.362, 19.83), (0.9, 1.0, 9.95), (2.5, 0.0, 10.1)]
)
@pytest.mark.parametrize("name", ["h264_gop250", "h264_gop2s", "all_intra"])
def test_nothing_comes_from_past_the_end_and_no_index_twice(
    name: str, interval_s: float, start_s: float, stop_s: float, clip_folder: Path
) -> None:
    made = clip(name, clip_folder)
    grid = Grid(interval_s, interval_s / 4, start_s, stop_s)
    samples = [f.sample for f in samples_of(made, grid)]
    assert [s.index for s in samples] == list(range(len(samples)))
    assert all(s.time_s < stop_s for s in samples)
    regular = [s for s in samples if s.role == "grid"]
    end_s = min(stop_s, made.duration_s)
    assert len(regular) == math.ceil((end_s - start_s) / interval_s - 1e-6)


def test_what_damage_has_taken_is_lost_and_not_made_up(clip_folder: Path, tmp_path: Path) -> None:
    made = clip("single_gop", clip_folder)
    ruined = tmp_path / "ruined.mkv"
    with av.open(str(made.path)) as source, av.open(str(ruined), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(source.streams.video[0])):
            if not packet.size:
                continue
            if number > 200:  # 8 s at 25 frames a second
                rubbish = av.Packet(b"\x00\x00\x00\x05\x41\xff\xff\xff\xff")
                rubbish.pts, rubbish.dts = packet.pts, packet.dts
                rubbish.time_base = packet.time_base
                packet = rubbish
            packet.stream = stream
            target.mux(packet)
    with Decoder(ruined) as decoder:
        frames = list(decoder.frames(Grid(5.0, 0.0), 320, None))
        report = decoder.frames_report
    assert report is not None
    for frame in frames:
        assert read_counter(frame.image) == made.frame_on_screen(frame.sample.time_s)
        assert frame.sample.time_s < 9
    assert len(report.lost) >= 10


NAMED = (7.31, 0.0, 13.02, 7.35, 0.04, 13.02, 10.0, 1.99, 14.5)
"""Out of order, one of them twice; two in one interval of a frame or in neighbours."""


@pytest.mark.parametrize("name", every_second(CLIPS))
def test_a_named_moment_gets_the_picture_on_screen_then(name: str, clip_folder: Path) -> None:
    made = clip(name, clip_folder)
    wanted = [time_s for time_s in NAMED if time_s < made.duration_s]
    frames = samples_of(made, Moments(tuple(wanted)))
    assert [f.sample.target_s for f in frames] == sorted(set(wanted))
    assert [f.sample.index for f in frames] == list(range(len(frames)))
    first_s = made.frame_times_s[0]
    for frame in frames:
        shown = max(first_s, frame.sample.target_s)
        assert read_counter(frame.image) == made.frame_on_screen(shown)
        assert read_counter(frame.image) == made.frame_on_screen(frame.sample.time_s)
        assert frame.sample.time_s == pytest.approx(shown, abs=2e-3)


@pytest.mark.parametrize("name", every_second(CLIPS))
def test_a_moment_past_the_end_gets_the_last_picture_and_its_time(
    name: str, clip_folder: Path
) -> None:
    made = clip(name, clip_folder)
    last_s = made.frame_times_s[-1]
    frames = samples_of(made, Moments((made.duration_s + 0.5, 9999.0)))
    assert [f.sample.target_s for f in frames] == [made.duration_s + 0.5, 9999.0]
    for frame in frames:
        assert read_counter(frame.image) == made.frame_on_screen(last_s)
        assert frame.sample.time_s == pytest.approx(last_s, abs=2e-3)


@pytest.mark.parametrize("name", ["single_gop", "h264_open_gop", "hevc", "mpeg2_ts", "vp8"])
@pytest.mark.parametrize("packets", [40, 97])
def test_moments_in_a_gop_that_is_decoded_in_pieces(
    name: str, packets: int, clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = clip(name, clip_folder)
    monkeypatch.setattr(sampler, "MAX_GOP_PACKETS", packets)
    for times in ((0.52, 3.0, 3.04, 11.9), (0.0,), (made.duration_s / 2, made.duration_s * 2)):
        with open_input(made.path) as container:
            stream = container.streams.video[0]
            walk = sampler.Sampler(container, stream, Moments(times), 320,
                                   clock_origin_s(container))  # fmt: skip
            frames = list(walk.frames())
        assert [f.sample.target_s for f in frames] == list(times)
        for frame in frames:
            shown = max(made.frame_times_s[0], min(frame.sample.target_s, made.frame_times_s[-1]))
            assert read_counter(frame.image) == made.frame_on_screen(shown)


def test_nothing_is_read_past_the_last_moment(clip_folder: Path) -> None:
    made = clip("h264_gop2s", clip_folder)
    with Decoder(made.path) as decoder:
        (frame,) = decoder.frames(Moments((3.1,)), 320, None)
        report = decoder.frames_report
    assert report is not None
    assert read_counter(frame.image) == made.frame_on_screen(3.1)
    assert report.packets < len(made.frame_times_s) / 2
    assert report.decoded < 40


def test_no_moment_no_picture(clip_folder: Path) -> None:
    assert samples_of(clip("h264_gop2s", clip_folder), Moments(())) == []
