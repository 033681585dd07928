"""Exports, read back with OpenTimelineIO: what lies where, under which name, at which rate."""

from __future__ import annotations

import re
import subprocess
import sys
import wave
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import numpy as np
import opentimelineio as otio
import pytest
from footage import film
from hostile import TEXTS
from hypothesis import example, given
from hypothesis import strategies as st

from vidsum.broll.exporting import FORMATS, Exported, export
from vidsum.broll.timelines import frame_of, frames, lay_out, standard_rate, time_code
from vidsum.data import BrollPlan, FinishedShot, Scene, Variation
from vidsum.errors import MediaError, OptionError

NTSC = Fraction(30000, 1001)
FILM = Fraction(24000, 1001)
READERS = {"otio": "otio_json", "xml": "fcp_xml", "fcpxml": "fcpx_xml", "edl": "cmx_3600"}
SEED = 2**31 - 1


def scene(number: int, start_s: float, end_s: float) -> Scene:
    return Scene(f"s{number:02}", start_s, end_s, f"Brief {number}", prompt=f"Prompt {number}")


def plan(*scenes: Scene, fps: float | None = 25.0, duration_s: float = 60.0) -> BrollPlan:
    return BrollPlan("talk.mp4", "ab" * 32, duration_s, 1920, 1080, fps, "A talk", "Style.",
                     scenes, "user")  # fmt: skip


def variation(name: str, number: int = 2, prompt: str = "A mill at dawn, fog") -> Variation:
    return Variation(name, number, "k", "made", prompt, SEED, "flux2-klein-4b", "local", 640, 360)


def shot(folder: Path, name: str, clip_s: float | None = 4.0, fps: float = 25.0) -> FinishedShot:
    """Return a shot with its files; without ``clip_s`` only a picture."""
    (folder / "finished").mkdir(exist_ok=True, parents=True)
    file, clip = (f"finished/{name}-v2.{end}" for end in ("png", "mp4"))
    for made in (file, clip) if clip_s else (file,):
        (folder / made).write_bytes(b"made")
    if clip_s is None:
        return FinishedShot(name, 2, file, 1920, 1080)
    return FinishedShot(name, 2, file, 1920, 1080, clip=clip, clip_from="kenburns",
                        clip_s=clip_s, fps=fps)  # fmt: skip


def exported(folder: Path, made: BrollPlan, shots: list[FinishedShot], video: str = "talk.mp4",
             **more: Any) -> Exported:  # fmt: skip
    named = [one.scene for one in shots]
    return export(folder, made, [variation(name) for name in named], dict.fromkeys(named, 2),
                  shots, folder.parent / video, **more)  # fmt: skip


def read(path: Path, rate: Fraction) -> Any:
    form = path.suffix[1:]
    more = {"rate": float(rate)} if form == "edl" else {}
    return otio.adapters.read_from_string(path.read_text("utf-8"), READERS[form], **more)


def over(timeline: Any) -> Any:
    """Return the track that lies over the source: the last one with pictures."""
    return timeline.video_tracks()[-1]


def clips(path: Path, rate: Fraction) -> list[tuple[str, float, float]]:
    """Return name, start and length in seconds of each clip over the source."""
    if path.suffix == ".fcpxml":
        return connected(path)
    track = over(read(path, rate))
    first = 0.0
    if path.suffix == ".edl":  # what is read begins with the first event, wherever that is
        code = re.search(r" V +C +\S+ \S+ (\S+)", path.read_text())
        assert code is not None
        first = otio.opentime.from_timecode(code[1], float(rate)).to_seconds()
    return [
        (one.name, first + one.range_in_parent().start_time.to_seconds(),
         one.duration().to_seconds())
        for one in track.find_clips()
    ]  # fmt: skip


def seconds(told: str | None) -> Fraction:
    """Return a time of Final Cut Pro XML exactly."""
    return Fraction((told or "0s").removesuffix("s"))


def connected(path: Path) -> list[tuple[str, float, float]]:
    """Return the same out of Final Cut Pro XML, exactly: the adapter cuts times to whole rates."""
    source = ElementTree.parse(path).find("./project/sequence/spine/asset-clip")
    assert source is not None
    held = [one for one in source if one.get("lane") == "1"]
    begin = seconds(source.get("start"))
    return [(str(one.get("name")), float(seconds(one.get("offset")) - begin),
             float(seconds(one.get("duration")))) for one in held]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rate", [FILM, Fraction(24), Fraction(25), NTSC, Fraction(60)])
def test_each_format_is_read_back_with_its_times(tmp_path: Path, form: str, rate: Fraction) -> None:
    fps = float(rate)
    made = plan(scene(1, 5.03, 9.2), scene(2, 20.0, 31.71), scene(3, 40.0, 43.3), fps=fps)
    shots = [shot(tmp_path / "b", "s01", 10.0, fps), shot(tmp_path / "b", "s02", 4.5, fps),
             shot(tmp_path / "b", "s03", None)]  # fmt: skip
    (path,) = exported(tmp_path / "b", made, shots, formats=[form]).files
    found = clips(path, rate)
    assert [name for name, _, _ in found] == ["s01-v2.mp4", "s02-v2.mp4", "s03-v2.png"]
    asked = [(5.03, 4.17), (20.0, 4.5), (40.0, 3.3)]
    half = 0.5 / fps + 1e-9
    for (_, at_s, length_s), (start_s, asked_s) in zip(found, asked, strict=True):
        assert at_s == pytest.approx(start_s, abs=half)
        assert at_s + length_s == pytest.approx(start_s + asked_s, abs=2 * half)
        for value in (at_s * fps, length_s * fps):
            assert value == pytest.approx(round(value), abs=1e-6), "whole frames"


@pytest.mark.parametrize("form", ["otio", "xml", "edl"])
def test_rates_are_exact(tmp_path: Path, form: str) -> None:
    made = plan(scene(1, 5.0, 9.0), fps=29.97)
    done = exported(tmp_path / "b", made, [shot(tmp_path / "b", "s01")], formats=[form])
    (one,) = over(read(done.files[0], NTSC)).find_clips()
    assert one.source_range.duration.rate == 30000 / 1001
    assert done.notes == ()


def test_final_cut_has_exact_fractions(tmp_path: Path) -> None:
    made = plan(scene(1, 5.0, 9.0), fps=29.97)
    (path,) = exported(tmp_path / "b", made, [shot(tmp_path / "b", "s01", fps=29.97)],
                       formats=["fcpxml"]).files  # fmt: skip
    tree = ElementTree.parse(path)
    form = tree.find("./resources/format")
    assert form is not None
    assert form.get("frameDuration") == "1001/30000s"
    for told in (one.get(key) for one in tree.iter() for key in ("offset", "duration", "start")):
        count = seconds(told) * NTSC
        assert count.denominator == 1, f"{told} is no whole frame"


@pytest.mark.filterwarnings("ignore:Testing an element's truth value")
@pytest.mark.parametrize("clip_s", [4.0, None])
def test_the_adapter_reads_final_cut_too(tmp_path: Path, clip_s: float | None) -> None:
    made = plan(scene(1, 5.0, 9.0), scene(2, 20.0, 22.0))
    shots = [shot(tmp_path / "b", "s01", clip_s), shot(tmp_path / "b", "s02", clip_s)]
    (path,) = exported(tmp_path / "b", made, shots, formats=["fcpxml"]).files
    timeline = read(path, Fraction(25))
    below, above = timeline.video_tracks()
    assert [one.name for one in below.find_clips()] == ["talk.mp4"]
    named = [one.name for one in above.find_clips()]
    assert named == [Path(one.clip or one.file).name for one in shots]
    assert [one.range_in_parent().start_time.to_seconds() for one in above.find_clips()] == [5, 20]
    assert [one.duration().to_seconds() for one in above.find_clips()] == [4, 2]
    assert [[mark.name for mark in one.markers] for one in above.find_clips()] == [
        ["AI-generated"], ["AI-generated"]]  # fmt: skip


def test_the_source_lies_below_with_its_sound(tmp_path: Path) -> None:
    made = plan(scene(1, 5.0, 9.0))
    shots = [shot(tmp_path / "b", "s01")]
    for form in ("otio", "xml"):
        (path,) = exported(tmp_path / "b", made, shots, formats=[form]).files
        timeline = read(path, Fraction(25))
        for (one,) in (timeline.video_tracks()[0], timeline.audio_tracks()[0]):
            assert one.duration().to_seconds() == 60
            assert one.media_reference.target_url == (tmp_path / "talk.mp4").as_uri()
            assert one.media_reference.available_range.duration.to_seconds() == 60
        assert len(timeline.video_tracks()) == 2
        (heard,) = timeline.audio_tracks()[0]
        assert heard.metadata["fcp_xml"]["sourcetrack"]["mediatype"] == "audio"
        (path,) = exported(tmp_path / "b", made, shots, formats=[form], sound=False).files
        assert read(path, Fraction(25)).audio_tracks() == []


def test_a_source_without_a_picture(tmp_path: Path) -> None:
    made = replace(plan(scene(1, 5.0, 9.0), fps=None), width_px=0, height_px=0)
    done = exported(tmp_path / "b", made, [shot(tmp_path / "b", "s01")])
    assert done.notes == (
        "The source has no frame rate; the timeline has 25 frames a second.",)  # fmt: skip
    for path in done.files:
        assert [round(at_s, 6) for _, at_s, _ in clips(path, Fraction(25))] == [5]
    asset = ElementTree.parse(done.files[1]).find("./resources/asset[@id='source']")
    assert asset is not None
    assert asset.get("hasVideo") is None
    assert asset.get("hasAudio") == "1"


def test_marks_say_how_it_was_made(tmp_path: Path) -> None:
    made = plan(scene(1, 5.0, 9.0))
    files = exported(tmp_path / "b", made, [shot(tmp_path / "b", "s01")]).files
    told = {path.suffix[1:]: path for path in files}
    (one,) = over(read(told["otio"], Fraction(25))).find_clips()
    (mark,) = one.markers
    wanted = {"ai_generated": True, "digital_source_type": "trainedAlgorithmicMedia",
              "scene": "s01", "variation": 2, "brief": "Brief 1", "prompt": "A mill at dawn, fog",
              "model": "flux2-klein-4b", "seed": SEED}  # fmt: skip
    for holder in (one, mark, one.media_reference):
        assert dict(holder.metadata["vidsum"]) == wanted
    assert (mark.name, mark.marked_range.start_time.value) == ("AI-generated", 0)
    (one,) = over(read(told["xml"], Fraction(25))).find_clips()
    assert one.markers[0].name == "AI-generated"
    assert str(SEED) in one.markers[0].metadata["fcp_xml"]["comment"]
    mark = ElementTree.parse(told["fcpxml"]).find(".//asset-clip[@lane]/marker")
    assert mark.get("value") == "AI-generated"
    assert "A mill at dawn, fog" in mark.get("note")
    kept = {
        one.get("key"): one.get("value") for one in ElementTree.parse(told["fcpxml"]).iter("md")
    }
    assert (kept["vidsum.prompt"], kept["vidsum.seed"]) == ("A mill at dawn, fog", str(SEED))
    (one,) = over(read(told["edl"], Fraction(25))).find_clips()
    assert one.metadata["cmx_3600"]["reel"] == "S01V2"
    assert one.markers[0].name == "AI-generated"
    assert one.markers[0].marked_range.start_time.to_seconds() == 5


def test_the_source_time_code_is_kept(tmp_path: Path) -> None:
    made = plan(scene(1, 5.0, 9.0), fps=29.97)
    shots = [shot(tmp_path / "b", "s01", fps=29.97)]
    for code, told in (("01:00:00;00", "DROP FRAME"), ("01:00:00:00", "NON-DROP FRAME")):
        done = exported(tmp_path / "b", made, shots, start=code)
        lines = done.files[3].read_text().splitlines()
        assert lines[1] == f"FCM: {told}"
        mark = code[8]
        assert lines[3].split()[4:] == [f"00:00:00{mark}00", f"00:00:04{mark}00",
                                        f"01:00:05{mark}00", f"01:00:09{mark}00"]  # fmt: skip
        first = otio.opentime.from_timecode(code, 30000 / 1001)
        timeline = read(done.files[0], NTSC)
        assert timeline.global_start_time == first
        (source,) = timeline.video_tracks()[0]
        assert source.media_reference.available_range.start_time == first
        again = read(done.files[2], NTSC).video_tracks()[0][0]
        assert again.media_reference.available_range.start_time == first
        (_, at_s, _) = clips(done.files[1], NTSC)[0]
        assert at_s == pytest.approx(5, abs=0.02)


def test_a_time_code_that_is_none_is_an_error(tmp_path: Path) -> None:
    made = plan(scene(1, 5.0, 9.0))
    shots = [shot(tmp_path / "b", "s01")]
    with pytest.raises(OptionError, match=r"noon\\n is no time code at 25 frames a second"):
        exported(tmp_path / "b", made, shots, start="noon\n")
    assert not (tmp_path / "b" / "exports").exists()


def test_a_silent_source_has_no_sound_on_the_timeline(tmp_path: Path) -> None:
    picture = np.zeros((48, 64, 3), np.uint8)
    film(tmp_path / "silent.mp4", [(1.0, picture)])
    with wave.open(str(tmp_path / "tone.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    film(tmp_path / "heard.mp4", [(1.0, picture)], sound=tmp_path / "tone.wav")
    made, shots = plan(scene(1, 5.0, 9.0)), [shot(tmp_path / "b", "s01")]
    for name, heard in (("silent.mp4", None), ("heard.mp4", "1"), ("gone.mp4", "1")):
        done = exported(tmp_path / "b", made, shots, name)
        asset = ElementTree.parse(done.files[1]).find("./resources/asset[@id='source']")
        assert asset is not None
        assert asset.get("hasAudio") == heard
        assert len(read(done.files[0], Fraction(25)).audio_tracks()) == bool(heard)


def test_a_plan_that_names_no_video(tmp_path: Path) -> None:
    made, shots = plan(scene(1, 5.0, 9.0)), [shot(tmp_path, "s01")]
    with pytest.raises(OptionError, match="does not say which video") as caught:
        export(tmp_path, made, [], {"s01": 2}, shots, Path())
    assert "--video" in caught.value.hint


@pytest.mark.parametrize(
    ("fps", "rate", "fits"),
    [
        (23.976, FILM, True), (23.98, FILM, True), (24, 24, True), (25, 25, True),
        (29.97, NTSC, True), (30000 / 1001, NTSC, True), (30, 30, True), (50, 50, True),
        (59.94, Fraction(60000, 1001), True), (60, 60, True),
        (15, 30, True), (12.5, 25, True), (10, 30, True), (14.985, NTSC, True),
        (27.42, 25, False), (28.4, NTSC, False), (24.7, 25, False), (120, 60, False),
        (None, 25, False), (0.0, 25, False), (float("nan"), 25, False),
    ],
)  # fmt: skip
def test_the_nearest_standard_rate(fps: float | None, rate: Fraction, fits: bool) -> None:
    assert standard_rate(fps) == (rate, fits)


def test_an_odd_rate_is_said(tmp_path: Path) -> None:
    made = plan(scene(1, 5.0, 9.0), fps=28.4)
    done = exported(tmp_path / "b", made, [shot(tmp_path / "b", "s01")])
    assert done.notes == ("The source has 28.4 frames a second on average; the timeline has "
                          "29.97, the nearest standard rate.",)  # fmt: skip


@given(st.integers(0, 24 * 3600 * 60 - 1), st.sampled_from([FILM, 24, 25, NTSC, 30, 50, 60]),
       st.booleans())  # fmt: skip
@example(1800, NTSC, True)
@example(17982, NTSC, True)
@example(17981, NTSC, True)
def test_time_codes_are_those_of_opentimelineio(count: int, rate: Fraction, drop: bool) -> None:
    count %= 24 * 3600 * int(rate)
    drop = drop and rate == NTSC
    code = time_code(count, Fraction(rate), drop)
    time = otio.opentime.RationalTime(count, float(rate))
    assert code == otio.opentime.to_timecode(time, float(rate), drop_frame=drop)
    assert frame_of(code, Fraction(rate)) == (count, drop)


def test_dropped_numbers_keep_up_with_the_clock() -> None:
    for rate in (NTSC, Fraction(60000, 1001)):
        assert time_code(frames(3600.0, rate), rate, True) == "01:00:00;00"
        assert time_code(frames(36_000.0, rate), rate, True).startswith("10:00:00;0")
    assert time_code(frames(3600.0, NTSC), NTSC, False) == "00:59:56:12"


@pytest.mark.parametrize("code", ["", "1:00:00:00", "01:00:00:25", "01:60:00:00", "٠١:00:00:00"])
def test_what_is_no_time_code(code: str) -> None:
    assert frame_of(code, Fraction(25)) is None


@pytest.mark.parametrize("form", FORMATS)
def test_ten_hours(tmp_path: Path, form: str) -> None:
    made = plan(scene(1, 60.0, 63.0), scene(2, 35_990.51, 35_994.0), fps=29.97, duration_s=36_000)
    shots = [shot(tmp_path / "b", name, 3.0, 29.97) for name in ("s01", "s02")]
    (path,) = exported(tmp_path / "b", made, shots, formats=[form]).files
    found = clips(path, NTSC)
    for (_, at_s, length_s), start_s in zip(found, (60.0, 35_990.51), strict=True):
        assert at_s == pytest.approx(start_s, abs=0.5 / 29.97 + 1e-6)
        assert length_s == pytest.approx(3.0, abs=0.5 / 29.97)


@pytest.mark.parametrize("form", FORMATS)
def test_scenes_that_overlap_lie_side_by_side(tmp_path: Path, form: str) -> None:
    made = plan(scene(1, 10.0, 16.0), scene(2, 5.0, 12.0), scene(3, 10.0, 13.0),
                scene(4, 58.0, 66.0), scene(5, 61.0, 64.0))  # fmt: skip
    shots = [shot(tmp_path / "b", one.id, 20.0) for one in made.scenes]
    done = exported(tmp_path / "b", made, shots, formats=[form])
    assert clips(done.files[0], Fraction(25)) == [
        ("s02-v2.mp4", 5, 5), ("s03-v2.mp4", 10, 3), ("s04-v2.mp4", 58, 2)]  # fmt: skip
    assert done.notes == (
        "s02 ends at 0:10, where s01 begins.",
        "s01 is left out: s03 begins at the same time.",
        "s05 is left out: the video ends before it.",
    )


@given(st.lists(st.tuples(st.floats(-5, 80), st.floats(-5, 20)), min_size=1, max_size=8))
def test_whatever_a_plan_says_shots_never_overlap(times: list[tuple[float, float]]) -> None:
    made = plan(*(scene(at, start, start + length) for at, (start, length) in enumerate(times)))
    still = Path(__file__)
    shots = [FinishedShot(one.id, 1, still.name, 64, 36) for one in made.scenes]
    picks = {one.id: 1 for one in made.scenes}
    if all(start >= 59.98 for start, _ in times):
        with pytest.raises(OptionError, match="No shot lies within the video"):
            lay_out(still.parent, made, [], picks, shots, still)
        return
    layout = lay_out(still.parent, made, [], picks, shots, still)
    end = 0
    for one in layout.placed:
        assert one.at_frames >= end
        assert one.length_frames >= 1
        end = one.end_frames
    assert end <= layout.length_frames == 1500


def test_nothing_picked(tmp_path: Path) -> None:
    made = plan(scene(1, 5.0, 9.0))
    for picks in ({}, {"s01": 0}):
        with pytest.raises(OptionError, match="Nothing is picked yet") as caught:
            export(tmp_path, made, [], picks, [], tmp_path / "talk.mp4")
        assert "vidsum broll pick FOLDER s01=1" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_pick_that_is_not_finished_and_one_without_a_scene(tmp_path: Path) -> None:
    made = plan(scene(1, 5.0, 9.0), scene(2, 15.0, 19.0))
    shots = [shot(tmp_path, "s01")]
    with pytest.raises(OptionError, match="Variation 3 of s02 is picked and not finished"):
        export(tmp_path, made, [], {"s01": 2, "s02": 3}, shots, tmp_path / "talk.mp4")
    with pytest.raises(OptionError, match="Nothing is picked yet"):
        export(tmp_path, made, [], {"s09": 1}, shots, tmp_path / "talk.mp4")
    assert not (tmp_path / "exports").exists()
    found = export(tmp_path, made, [], {"s01": 2, "s09": 1}, shots, tmp_path / "talk.mp4",
                   formats=("edl",))  # fmt: skip
    assert [note for note in found.notes if "s09" in note] == [
        "s09 is picked, and the plan has no such scene: it is left out."]  # fmt: skip


def test_what_the_timelines_name_is_looked_at(tmp_path: Path) -> None:
    made = plan(scene(1, 5.0, 9.0))
    shots, words = [shot(tmp_path, "s01")], tmp_path / "talk.srt"
    words.write_text("1\n00:00:01,000 --> 00:00:02,000\nNo film.\n")
    with pytest.raises(MediaError):
        export(tmp_path, made, [], {"s01": 2}, shots, words)
    assert not (tmp_path / "exports").exists()
    other = film(tmp_path / "other.mp4", [(1, np.full((90, 160, 3), 90, np.uint8))])
    found = export(tmp_path, made, [], {"s01": 2}, shots, other, formats=("edl",))
    assert any("it may be another video" in note for note in found.notes)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    made = plan(scene(1, 5.0, 9.0))
    shots = [shot(tmp_path, "s01")]
    (tmp_path / "finished" / "s01-v2.mp4").unlink()
    with pytest.raises(OptionError, match=r"finished/s01-v2\.mp4 is not there any more"):
        export(tmp_path, made, [], {"s01": 2}, shots, tmp_path / "talk.mp4")
    assert not (tmp_path / "exports").exists()


def test_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no export format aaf") as caught:
        exported(tmp_path, plan(scene(1, 5.0, 9.0)), [shot(tmp_path, "s01")], formats=["aaf"])
    assert caught.value.hint == "Known: otio, fcpxml, xml, edl."


NAMES = {
    "spaces and marks": 'a talk & <b> "q" 100% #1?.mp4',
    "no UTF-8": "caf\udce9\udcff.mp4",
    "a new line": "a\nb.mp4",
    "leading dash": "-y.mp4",
    "right to left": "\u202egpm.4pm שלום.mp4",
    "255 bytes": "ä" * 125 + "x.mp4",
    "a control": "bell\x07\x1b[2J.mp4",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_hostile_file_names(tmp_path: Path, name: str) -> None:
    folder = tmp_path / f"{name[:60]}.broll"
    made = plan(scene(1, 5.0, 9.0))
    done = exported(folder, made, [shot(folder, "s01")], video=name)
    video = tmp_path / name
    for path in done.files:
        assert path.parent == folder / "exports"
        if path.suffix in (".otio", ".xml"):
            (source,) = read(path, Fraction(25)).video_tracks()[0]
            url = source.media_reference.target_url
        elif path.suffix == ".fcpxml":
            url = ElementTree.parse(path).find("./resources/asset").get("src")
        else:
            assert path.read_text().count("\n") == 8, "a name cannot add a line"
            continue
        assert url.isascii()
        assert unquote_to_bytes(url.removeprefix("file://")) == bytes(video)
    for path in done.files:
        assert [at_s for _, at_s, _ in clips(path, Fraction(25))] == [5]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_texts(tmp_path: Path, text: str) -> None:
    bad = Scene("s01", 5.0, 9.0, text, why=text, prompt=text)
    made = replace(plan(bad), title=text, style=text)
    done = export(tmp_path, made, [variation("s01", 2, text)], {"s01": 2},
                  [shot(tmp_path, "s01")], tmp_path / "talk.mp4")  # fmt: skip
    for path in done.files:
        assert clips(path, Fraction(25)) == [("s01-v2.mp4", 5, 4)]
    assert len(done.files[3].read_text().splitlines()) == 8


@given(st.text())
@example("\udcff\ufffe\x00\x0b]]>--")
def test_any_text_is_well_formed(text: str) -> None:
    from vidsum.broll.editlists import edit_list
    from vidsum.broll.finalcut import final_cut_xml

    still = Path(__file__)
    made = replace(plan(Scene("s01", 5.0, 9.0, text, prompt=text)), title=text)
    layout = lay_out(still.parent, made, [variation("s01", 1, text)], {"s01": 1},
                     [FinishedShot("s01", 1, still.name, 64, 36)], still)  # fmt: skip
    document = ElementTree.fromstring(final_cut_xml(layout))
    assert len(document.findall(".//marker")) == 1
    assert edit_list(layout).isascii()
    assert edit_list(layout).count("\n") == 8


def test_exports_need_the_extra(tmp_path: Path) -> None:
    """In a Python of its own, where OpenTimelineIO cannot be imported."""
    code = """
import sys
sys.modules["opentimelineio"] = None
from pathlib import Path
from vidsum.broll.exporting import export
from vidsum.data import BrollPlan, FinishedShot, Scene
from vidsum.errors import BackendMissing
folder = Path(sys.argv[1])
(folder / "s01.png").write_bytes(b"made")
plan = BrollPlan("t.mp4", None, 60, 64, 36, 25, "T", "", (Scene("s01", 5, 9, "B"),), "user")
shots = [FinishedShot("s01", 1, "s01.png", 64, 36)]
for formats in (["otio"], ["edl", "xml"]):
    try:
        export(folder, plan, [], {"s01": 1}, shots, Path("t.mp4"), formats)
    except BackendMissing as exc:
        print(exc.message, exc.hint)
print((folder / "exports").exists())
print(*(path.suffix for path in
        export(folder, plan, [], {"s01": 1}, shots, Path("t.mp4"), ["edl", "fcpxml"]).files))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True,
                          text=True, check=True)  # fmt: skip
    missing = ("Export as .otio and .xml needs OpenTimelineIO, which is not installed. "
               "Install it: pip install 'vidsum[broll]'")  # fmt: skip
    assert done.stdout.splitlines() == [missing, missing, "False", ".edl .fcpxml"]


def test_a_second_export_replaces_the_first(tmp_path: Path) -> None:
    shots = [shot(tmp_path, "s01")]
    first = exported(tmp_path, plan(scene(1, 5.0, 9.0)), shots).files
    again = exported(tmp_path, plan(scene(1, 6.0, 9.0)), shots).files
    assert first == again
    assert [path.name for path in again] == ["talk.otio", "talk.fcpxml", "talk.xml", "talk.edl"]
    for path in again:
        assert clips(path, Fraction(25))[0][1] == 6
    assert sorted(path.name for path in (tmp_path / "exports").iterdir()) == sorted(
        path.name for path in again)  # fmt: skip
