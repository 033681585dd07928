"""From a file to the evidence: coverage, damage, what is noted, and the captioner's seam."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Iterable, Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest
from clips import clip, read_counter

from vidsum import api, registry
from vidsum.captioners.protocol import Captioner, CaptionRequest
from vidsum.config import Options
from vidsum.costs.meter import Meter, Turns
from vidsum.costs.tally import Tally
from vidsum.data import Caption, DroppedSample, Evidence, ModelRef, Quantities, Sample
from vidsum.errors import BackendFailed, BackendMissing, DecodeStopped, OptionError
from vidsum.events import Event, StageAdvanced, StageFinished, StageStarted
from vidsum.media.messages import FramesReport
from vidsum.pipeline.extract import cover
from vidsum.pipeline.hearing import AFTER_S, BEFORE_S
from vidsum.pipeline.run import Run
from vidsum.pipeline.seeing import Seen, see
from vidsum.registry import Work


def extract(path: Path, **options: object) -> Evidence:
    return api.extract(api.start(path, Options(ocr=False, **options)))  # type: ignore[arg-type]


def seen_at(*times_s: float) -> Seen:
    dropped = tuple(
        DroppedSample(Sample(i, t, t, t), "duplicate", 0) for i, t in enumerate(times_s)
    )
    return Seen((), dropped, (), FramesReport())


def test_even_looks_cover_everything() -> None:
    found = cover(seen_at(0, 5, 10, 15), 0.0, 20.0, 0.0, 5.0)
    assert (found.covered_share, found.largest_gap_s, found.samples) == (1.0, 5.0, 4)


def test_a_blind_stretch_is_named() -> None:
    found = cover(seen_at(0, 5, 10, 50, 55), 0.0, 60.0, 0.0, 5.0)
    assert found.largest_gap_s == 40.0
    assert found.largest_gap_at_s == 10.0
    assert found.covered_share == pytest.approx(1 - 40 / 60)


def test_an_unseen_tail_counts() -> None:
    found = cover(seen_at(0, 5, 10), 0.0, 100.0, 0.0, 5.0)
    assert found.largest_gap_at_s == 10.0
    assert found.covered_share == pytest.approx(0.1)


def test_what_is_missing_from_the_file_is_not_covered() -> None:
    found = cover(seen_at(0, 5), 0.0, 10.0, 10.0, 5.0)
    assert found.covered_share == pytest.approx(0.5)
    assert (found.largest_gap_s, found.largest_gap_at_s) == (10.0, 10.0)


@pytest.mark.parametrize(
    "name", ["vfr_holes", "video_late", "mpegts_late", "no_duration", "edit_list", "short_03"]
)
def test_real_files_are_covered_without_a_notice(name: str, clip_folder: Path) -> None:
    found = extract(clip(name, clip_folder).path)
    assert found.coverage is not None
    assert found.coverage.covered_share == 1.0
    assert found.notices == ()
    assert found.end_s == pytest.approx(clip(name, clip_folder).duration_s, abs=0.1)


def test_pictures_that_end_before_the_sound_are_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "long_sound.mkv"
    write_av(path, video_s=4, audio_s=12)
    found = extract(path)
    assert [(n.code, n.partial) for n in found.notices] == [("pictures-partly", False)]
    assert found.end_s == pytest.approx(12, abs=0.2)
    assert found.coverage is not None
    assert found.coverage.missing_s == 0


def test_a_cut_off_matroska_is_partial(tmp_path: Path) -> None:
    path = tmp_path / "cut.mkv"
    write_av(path, video_s=30, audio_s=30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = extract(path)
    [notice] = [n for n in found.notices if n.partial]
    assert notice.code == "cut-off"
    assert found.coverage is not None
    assert 10 < found.coverage.missing_s < 20


def test_sound_that_may_not_be_decoded_leaves_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "odd_sound.mkv"
    write_av(path, video_s=4, audio_s=4, audio_codec="tta")
    found = extract(path)
    assert len(found.observations) >= 1
    assert {n.code for n in found.notices} == {"sound-unreadable"}
    assert found.transcript.segments == ()


def test_start_past_the_end_is_an_option_error(clip_folder: Path) -> None:
    with pytest.raises(OptionError, match="past the end"):
        extract(clip("short_03", clip_folder).path, start_s=5.0)


def test_start_past_the_end_of_a_file_without_a_duration(clip_folder: Path) -> None:
    with pytest.raises(OptionError, match=r"past the end of the video \(13\.3 s\)"):
        extract(clip("no_duration", clip_folder).path, start_s=500.0)


def test_events_tell_a_whole_story(clip_folder: Path) -> None:
    events: list[Event] = []
    run = api.start(clip("h264_gop2s", clip_folder).path, Options(ocr=False), events.append)
    api.reason(run, api.bundle(run, api.extract(run)))
    started = [e.stage for e in events if isinstance(e, StageStarted)]
    finished = [e.stage for e in events if isinstance(e, StageFinished)]
    assert sorted(started) == sorted(finished) == ["listening", "looking", "summarizing"]
    looks = [e.done for e in events if isinstance(e, StageAdvanced) and e.stage == "looking"]
    assert looks == sorted(looks)
    assert looks


class CountingCaptioner(Captioner):
    """Reads the number that is drawn into the test clips: it does look at pixels.

    It pulls two requests ahead, fails on every seventh picture, and says what was said.
    """

    name = "counting"
    needs_pixels = True
    wants_speech = True
    work: Work = "light"

    def __init__(self) -> None:
        self.tally = Tally()
        self.closed = 0

    def close(self) -> None:
        self.closed += 1

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[Caption]:
        ahead: list[CaptionRequest] = []
        for request in requests:
            ahead.append(request)
            if len(ahead) > 2:
                yield self._one(ahead.pop(0))
        yield from map(self._one, ahead)

    def _one(self, request: CaptionRequest) -> Caption:
        assert request.image is not None
        index, time_s = request.sample.index, request.sample.time_s
        if index % 7 == 6:
            return Caption(index, time_s, "", self.name, "seventh")
        used = Quantities(calls=1, input_tokens=10, output_tokens=2)
        with self.tally.open(ModelRef(backend="test", requested=self.name), used) as call:
            call.settle(used, "measured")
        said = f"{read_counter(request.image)} {request.speech}"
        return Caption(index, time_s, said.strip(), self.name)


def test_a_captioner_that_looks_at_pixels_gets_them(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioner = CountingCaptioner()
    put_in_place(monkeypatch, "captioner", captioner)
    made = clip("h264_gop2s", clip_folder)
    run = Run(made.path, Options(ocr=False, interval_s=1.0))
    with run.open_decoder() as decoder:
        info = decoder.probe()
    found = see(run, info).observations
    assert len(found) > 8
    for observation in found:
        assert observation.caption is not None
        shown = made.frame_on_screen(observation.sample.time_s)
        failed = observation.sample.index % 7 == 6
        assert observation.caption.text == ("" if failed else str(shown))
    assert captioner.closed
    [note] = run.notices
    assert (note.code, note.partial) == ("captions-failed", True)
    assert note.message.endswith("seventh")
    [stage] = [s for s in run.meter.receipt().stages if s.stage == "describe"]
    described = sum(1 for o in found if o.caption and o.caption.text)
    assert stage.counts == {
        "captions": described, "calls": described,
        "input_tokens": 10 * described, "output_tokens": 2 * described,
    }  # fmt: skip


def put_in_place(monkeypatch: pytest.MonkeyPatch, stage: str, backend: object) -> None:
    """Have the registry know one backend of a stage: this one."""
    module = types.SimpleNamespace(build=lambda options: backend)
    monkeypatch.setitem(sys.modules, "backend_of_this_test", module)
    one = {"mine": registry.Backend("backend_of_this_test", "lite")}
    monkeypatch.setattr(registry, "STAGES", {**registry.STAGES, stage: one})


def test_a_captioner_is_told_what_is_said_around_each_picture(
    talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(monkeypatch, "captioner", Talkative())
    found = extract(talk, interval_s=10.0)
    assert len(found.observations) > 10
    for seen in found.observations:
        assert seen.caption is not None
        near = [s.text for s in found.transcript.segments
                if s.end_s >= seen.sample.time_s - BEFORE_S
                and s.start_s <= seen.sample.time_s + AFTER_S]  # fmt: skip
        assert near
        assert seen.caption.text == " ".join(near)


class Talkative(CountingCaptioner):
    """Says what was said."""

    def _one(self, request: CaptionRequest) -> Caption:
        return Caption(request.sample.index, request.sample.time_s, request.speech, self.name)


class GivingUp(CountingCaptioner):
    """Describes three pictures and then fails for good."""

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[Caption]:
        for number, request in enumerate(requests):
            if number == 3:
                raise BackendFailed("The owl has flown.", "Catch it.")
            yield Caption(request.sample.index, request.sample.time_s, "a", self.name)


def test_a_captioner_that_gives_up_loses_nothing(
    clip_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = clip("h264_gop2s", clip_folder)
    whole = extract(made.path, interval_s=1.0)
    put_in_place(monkeypatch, "captioner", GivingUp())
    result = api.summarize(made.path, Options(ocr=False, interval_s=1.0))
    assert result.failures == ("The owl has flown. Catch it.",)
    assert result.partial
    seen = result.bundle.evidence.observations
    assert [o.sample for o in seen] == [o.sample for o in whole.observations]
    assert [o.caption.text if o.caption else "" for o in seen][:4] == ["a", "a", "a", ""]


def test_the_meter_adds_up_what_ran() -> None:
    meter = Meter()
    with meter.stage("work", "text", "test") as account:
        account.add(calls=1)
        account.add(calls=2)
        sum(i * i for i in range(200_000))
    receipt = meter.receipt()
    [stage] = receipt.stages
    assert stage.counts == {"calls": 3}
    assert stage.cpu_s is not None
    assert 0 < stage.cpu_s <= stage.wall_s + 0.05
    assert stage.wall_s <= receipt.wall_s


def test_turns_count_no_time_twice() -> None:
    now_s = 0.0
    turns = Turns(lambda: now_s)
    with turns.running("outer"):
        now_s = 1.0
        with turns.running("inner"):
            now_s = 11.0
        now_s = 13.0
    now_s = 100.0
    with turns.running("inner"):
        now_s = 101.0
    assert turns.taken("outer")[1] == 3.0
    assert turns.taken("inner")[1] == 11.0
    assert turns.taken("never") == (0.0, 0.0)


def write_av(path: Path, video_s: int, audio_s: int, audio_codec: str = "flac") -> None:
    """Write a test picture and a tone, each of its own length."""
    inputs = ["-f", "lavfi", "-i", f"testsrc=d={video_s}:s=160x120:r=10",
              "-f", "lavfi", "-i", f"sine=d={audio_s}:r=16000"]  # fmt: skip
    coding = ["-c:v", "libx264", "-g", "10", "-threads", "1", "-c:a", audio_codec]
    exe = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([exe, "-v", "error", *inputs, *coding, str(path)], check=True)


def test_a_decoder_that_dies_is_not_a_file_that_is_cut_off(talk: Path) -> None:
    run = api.start(talk, Options(ocr=False, interval_s=1.0))
    with run.open_decoder() as decoder:
        info = decoder.probe()

    def kill_later(event: Event) -> None:
        if isinstance(event, StageAdvanced) and event.stage == "looking" and event.done == 20:
            for opened in run._decoders:
                opened.kill()

    run.listen = kill_later
    found = api.extract(run)
    assert {n.code for n in found.notices} == {"decode-stopped"}
    assert found.notices[0].partial
    assert info.duration_s is not None
    assert found.end_s == pytest.approx(info.duration_s, abs=0.1)
    assert len(found.transcript.segments) == 30
    assert found.coverage is not None
    assert found.coverage.covered_share < 0.5
    assert found.coverage.missing_s == 0


def test_a_run_that_was_stopped_opens_nothing_more(talk: Path) -> None:
    run = api.start(talk, Options())
    with run.open_decoder() as decoder:
        windows = decoder.audio(decoder.probe().audio[0])
        next(windows)
        run.stop()
        with pytest.raises(DecodeStopped):
            list(windows)
    with pytest.raises(DecodeStopped):
        run.open_decoder()


def test_a_tier_without_engines_is_refused_before_any_work(talk: Path) -> None:
    run = api.start(talk, Options(tier="local"))
    with pytest.raises(BackendMissing):
        api.extract(run)
    assert run._decoders == []


def test_a_failure_of_the_eyes_ends_the_ears(
    clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.mkv"
    write_av(path, video_s=2, audio_s=3600)

    class Broken(CountingCaptioner):
        def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[Caption]:
            raise BackendFailed("the captioner broke")
            yield

    put_in_place(monkeypatch, "captioner", Broken())
    heard: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, StageAdvanced) and event.stage == "listening":
            heard.append(event.done)

    run = api.start(path, Options(ocr=False), listen)
    with pytest.raises(BackendFailed, match="the captioner broke"):
        api.extract(run)
    assert max(heard, default=0.0) < 3500
    ended = {line.stage: line for line in run.meter.book.lines()}
    assert (ended["decode"].status, ended["decode"].error_class) == ("failed", "BackendFailed")


def test_a_stretch_without_pictures_is_said_and_the_sound_is_used(tmp_path: Path) -> None:
    path = tmp_path / "long_sound.mkv"
    write_av(path, video_s=4, audio_s=20)
    found = extract(path, start_s=10.0)
    assert found.observations == ()
    assert [n.code for n in found.notices] == ["no-pictures"]
    assert found.transcript.heard_s == pytest.approx(10, abs=0.5)


def test_an_end_before_the_first_picture(clip_folder: Path) -> None:
    found = extract(clip("video_late", clip_folder).path, end_s=1.0)
    assert [n.code for n in found.notices] == ["no-pictures"]


def test_what_came_with_the_file_is_among_the_evidence(tmp_path: Path) -> None:
    path = tmp_path / "tides.mkv"
    write_av(path, video_s=2, audio_s=2)
    path.with_suffix(".info.json").write_text('{"title": "Tides of Lisbon"}')
    found = extract(path, context="Filmed in May.")
    assert {"Tides of Lisbon", "Filmed in May."} <= {fact.value for fact in found.facts}
    assert found.notices == ()


def test_facts_that_cannot_be_read_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "tides.mkv"
    write_av(path, video_s=2, audio_s=2)
    path.with_suffix(".info.json").write_text('{"title": "Tides')
    found = extract(path)
    [notice] = found.notices
    assert (notice.code, notice.partial) == ("facts", False)
    assert "tides.info.json" in notice.message
