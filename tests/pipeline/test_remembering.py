"""What is found in a video is kept: by the same settings nobody looks or listens twice."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from footage import film, srt
from gathered import Gathered
from models import MMPROJ, VLM, WHISPER
from models.text_gguf import text_gguf
from scenes import Scene, random_scenes
from scripted_backends import ScriptedCaptioner, put_in_place
from scripted_provider import Answer, Call, ScriptedProvider, fails, says
from spoken import spoken_video

from vidsum import api
from vidsum.captioners.protocol import CaptionRequest
from vidsum.config import Options
from vidsum.data import Caption, Entry, Evidence, MediaInfo, Saving
from vidsum.errors import BackendFailed, OptionError
from vidsum.events import Event, Noted, StageAdvanced
from vidsum.pipeline import keeping, remembering, sameness
from vidsum.pipeline.extract import prepare
from vidsum.pipeline.planning import summary_fits
from vidsum.pipeline.run import Run
from vidsum.pipeline.sameness import CHANGES, NEVER, THROUGH_ENGINES
from vidsum.store.content import Store, default_path
from vidsum.store.records import from_record, to_record

SHOT_S = 5.0
SPOKEN = [(0.5, "open red circle"), (11.0, "move left and stop")]
SEES: dict[str, object] = {"captioner": "local", "caption_model": str(VLM), "mmproj": MMPROJ,
                           "threads": 1, "ocr": False}  # fmt: skip
HEARS: dict[str, object] = {"transcriber": "whisper", "speech_model": str(WHISPER)}
LITE: dict[str, object] = {"tier": "lite", "ocr": False}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("VIDSUM_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [s for s in random_scenes(seed=11, count=20) if s.kind == "shape"][:4]


@pytest.fixture(scope="module")
def made(scenes: list[Scene], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four scenes of five seconds, without sound: every sample is in the middle of a shot."""
    shots = [(SHOT_S if n else SHOT_S / 2, s.image()) for n, s in enumerate(scenes)]
    return film(tmp_path_factory.mktemp("made") / "silent.mp4", shots)


@pytest.fixture
def video(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy2(made, tmp_path / "tides.mp4"))


@pytest.fixture
def spoken(made: Path, tmp_path: Path) -> Path:
    """The same with words."""
    return spoken_video(tmp_path / "spoken.mp4", SPOKEN, 17.0, picture=made)


class Done(Gathered):
    """A run that has gathered its evidence."""

    @property
    def lines(self) -> tuple[Entry, ...]:
        return tuple(self.run.meter.book.lines())

    @property
    def calls(self) -> list[str]:
        return [line.stage for line in self.lines if line.kind == "call"]

    @property
    def stages(self) -> set[str]:
        return {line.stage for line in self.lines if line.kind == "stage"}

    @property
    def looked(self) -> bool:
        return "decode" in self.stages

    @property
    def saved(self) -> dict[str, Saving]:
        return {line.stage: saving for line, saving in zip(
            [line for line in self.lines if line.kind == "saving"],
            self.run.meter.receipt().savings, strict=True,
        )}  # fmt: skip

    def told(self, level: str) -> list[str]:
        return [e.message for e in self.events if isinstance(e, Noted) and e.level == level]


def test_a_second_run_asks_no_model_anything(spoken: Path, scenes: list[Scene]) -> None:
    first = Done(spoken, **SEES, **HEARS)
    assert first.looked
    assert set(first.calls) == {"describe", "transcript"}
    said = {o.caption.text for o in first.evidence.observations if o.caption}
    assert said == {scene.caption() for scene in scenes}
    assert [s.text.strip() for s in first.evidence.transcript.segments] == [t for _, t in SPOKEN]

    second = Done(spoken, **SEES, **HEARS)
    assert second.evidence == first.evidence
    assert second.calls == []
    assert second.stages == {"prepare", "probe", "identify", "ledger"}
    assert first.told("kept") == []
    [line] = second.told("kept")
    assert first.run.meter.book.identity.run_id[:8] in line


def test_what_was_not_spent_is_booked_and_what_it_had_cost_is_known(spoken: Path) -> None:
    first = Done(spoken, **SEES, **HEARS)
    paid = {m.modality: m.total for m in first.run.meter.receipt().modalities}
    second = Done(spoken, **SEES, **HEARS)
    saved = second.saved
    assert set(saved) == {"decode", "describe", "transcript"}
    assert {one.by for one in saved.values()} == {"cache"}
    described = len(first.evidence.observations)
    assert saved["describe"].calls == described
    assert saved["describe"].baseline.startswith(f"{described} descriptions, kept by run ")
    assert saved["describe"].cu == pytest.approx(paid["image"].cu.value)
    assert saved["transcript"].cu == pytest.approx(paid["audio"].cu.value)
    assert saved["describe"].usd_nano == 0
    assert saved["decode"].calls is None
    assert saved["decode"].usd_nano is None
    whole = second.run.meter.receipt().total
    assert (whole.calls, whole.cu.value) == (0, 0)
    for done in (first, second):
        kept = remembering.gathered(done.run)
        assert kept is not None
        assert kept.run_id == first.run.meter.book.identity.run_id
        assert {one.modality: one.total.calls for one in kept.costs} == {
            "image": paid["image"].calls, "audio": paid["audio"].calls, "video": 0,
        }  # fmt: skip
        assert {one.modality: one.total.cu for one in kept.costs}["image"] == paid["image"].cu


def test_other_settings_look_again_and_the_old_ones_are_still_there(video: Path) -> None:
    before = Done(video, **LITE).evidence
    other = Done(video, **LITE, interval_s=2.0)
    assert other.looked
    assert len(other.evidence.observations) + len(other.evidence.dropped) > len(before.observations)
    again = Done(video, **LITE)
    assert not again.looked
    assert again.evidence == before


def test_another_name_and_place_are_the_same_video(video: Path, tmp_path: Path) -> None:
    Done(video, **LITE)
    (tmp_path / "elsewhere").mkdir()
    moved = video.rename(tmp_path / "elsewhere" / "ta\udcff.mov")
    again = Done(moved, **LITE)
    assert not again.looked
    assert again.evidence.info.path == moved
    with moved.open("ab") as file:
        file.write(b"\0" * 8)  # other content
    assert Done(moved, **LITE).looked


def test_subtitles_beside_it_belong_to_it(video: Path) -> None:
    beside = video.with_suffix(".en.srt")
    beside.write_text(srt([(1.0, 3.0, "Tides come twice a day.")]))
    assert Done(video, **LITE).looked
    os.utime(beside, (1, 1))
    assert not Done(video, **LITE).looked
    beside.write_text(srt([(1.0, 3.0, "Tides come once a day.")]))
    changed = Done(video, **LITE)
    assert changed.looked
    assert changed.evidence.transcript.segments[0].text == "Tides come once a day."
    video.with_suffix(".srt").write_text(srt([(1.0, 3.0, "Another one.")]))
    assert Done(video, **LITE).looked
    beside.unlink()
    video.with_suffix(".srt").unlink()
    assert Done(video, **LITE).looked


def test_a_renamed_pair_names_the_subtitles_as_they_are_called_now(video: Path) -> None:
    video.with_suffix(".en.srt").write_text(srt([(1.0, 3.0, "Tides come twice a day.")]))
    assert Done(video, **LITE).evidence.transcript.source == "subtitle file tides.en.srt"
    video.with_suffix(".en.srt").rename(video.with_name("waves.en.srt"))
    again = Done(video.rename(video.with_name("waves.mp4")), **LITE)
    assert not again.looked
    assert again.evidence.transcript.source == "subtitle file waves.en.srt"


def test_a_model_and_a_prompt_are_told_from_others(video: Path, tmp_path: Path) -> None:
    model = Path(shutil.copy(VLM, tmp_path / "mine.gguf"))
    options = SEES | {"caption_model": str(model)}
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    assert Done(video, **options).looked
    assert not Done(video, **options, prompts_dir=prompts).looked  # the same prompt
    (prompts / "caption.md").write_text("Describe this picture:")
    assert Done(video, **options, prompts_dir=prompts).looked
    assert not Done(video, **options).looked
    os.utime(model, (1, 1))
    assert Done(video, **options).looked
    shutil.copy2(model, tmp_path / "other.gguf")
    assert Done(video, **(options | {"caption_model": str(tmp_path / "other.gguf")})).looked


def test_models_of_one_name_size_and_time_are_told_apart(tmp_path: Path) -> None:
    """Where an installer gives all files one time, and two trainings of a network have one size."""
    one, other = tmp_path / "one" / "mine.gguf", tmp_path / "other" / "mine.gguf"
    for path in (one, other):
        path.parent.mkdir()
        shutil.copy(VLM, path)
        os.utime(path, (1, 1))

    def identity(path: Path) -> list[Any]:
        options = Options(caption_model=str(path), mmproj=MMPROJ)
        return sameness.model_identity("caption", "local", options)

    assert identity(one) == identity(other)
    with other.open("r+b") as file:
        file.seek(-40_000, os.SEEK_END)
        file.write(b"other weights")
    os.utime(other, (1, 1))
    assert identity(one) != identity(other)


def test_another_version_of_what_computes_looks_again(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lite, sees = LITE | {"ocr": True}, SEES
    with_lite, with_model = key_of(started(video, **lite)), key_of(started(video, **sees))
    with monkeypatch.context() as patch:
        patch.setattr(sameness, "version", lambda name: f"{name} 99")
        assert key_of(started(video, **lite)) != with_lite  # who reads
        assert key_of(started(video, **sees)) != with_model
        assert key_of(started(video, **LITE)) == key_of(started(video, **LITE))
    assert key_of(started(video, **sees)) == with_model


def started(video: Path, **options: Any) -> Run:
    run = api.start(video, Options(**options), recorded=False)
    run.finish()
    return run


def describes(call: Call) -> Answer:
    return says("A red circle.")


def test_a_remote_model_is_known_by_its_address_and_name(video: Path) -> None:
    with ScriptedProvider(describes) as one, ScriptedProvider(describes) as other:
        options = LITE | {"captioner": "remote", "caption_api": one.url, "caption_model": "m"}
        first = Done(video, **options)
        paid = len(one.calls)
        assert paid == len(first.evidence.observations) == 4
        assert Done(video, **options).evidence == first.evidence
        assert len(one.calls) == paid
        assert Done(video, **(options | {"caption_model": "n"})).looked
        assert Done(video, **(options | {"caption_api": other.url})).looked
        assert (len(one.calls), len(other.calls)) == (2 * paid, paid)


def test_a_model_without_a_name_is_the_one_that_is_served(video: Path) -> None:
    served = "first"

    def step(call: Call) -> Answer:
        if call.method == "GET":
            return Answer(body={"object": "list", "data": [{"id": served, "object": "model"}]})
        return says("A red circle.")

    with ScriptedProvider(step) as provider:
        options = LITE | {"captioner": "remote", "caption_api": provider.url}
        assert Done(video, **options).looked
        assert not Done(video, **options).looked
        served = "second"
        again = Done(video, **options)
        assert again.looked
        captions = [o.caption for o in again.evidence.observations]
        assert {c.model for c in captions if c is not None} == {"second"}


def test_without_the_cache_nothing_is_read_or_written(video: Path) -> None:
    assert Done(video, **LITE, cache=False).looked
    assert not default_path().exists()
    Done(video, **LITE)
    before = default_path().read_bytes()
    without = Done(video, **LITE, cache=False)
    assert without.looked
    assert default_path().read_bytes() == before
    kept = remembering.gathered(without.run)
    assert kept is not None
    assert kept.run_id == without.run.meter.book.identity.run_id


def test_a_run_that_is_not_recorded_keeps_nothing(video: Path) -> None:
    run = api.start(video, Options(**LITE), recorded=False)  # type: ignore[arg-type]
    api.extract(run)
    run.finish()
    assert not default_path().exists()


def test_what_a_cap_took_from_is_not_kept(video: Path) -> None:
    capped = Done(video, **SEES, max_cu=1e-9)
    assert capped.run.meter.given_up
    assert not default_path().exists()
    uncapped = Done(video, **SEES)
    assert "describe" in uncapped.calls
    assert not Done(video, **SEES, max_cu=1e-9).run.meter.given_up  # nothing is spent on it


def test_what_fits_under_a_cap_is_kept(video: Path) -> None:
    roomy = Done(video, **SEES, max_cu=1e6)
    assert not roomy.run.meter.given_up
    assert not Done(video, **SEES).looked


def test_captions_that_failed_are_asked_for_again(video: Path) -> None:
    with ScriptedProvider(describes, describes, fails(400, "no"), describes) as provider:
        options = LITE | {"captioner": "remote", "caption_api": provider.url, "caption_model": "m",
                          "api_requests": 1}  # fmt: skip
        first = Done(video, **options)
        errors = [o.caption.error for o in first.evidence.observations if o.caption]
        assert len([error for error in errors if error]) == 1
        assert Store(default_path()).names("caption", video.name)
        assert not Store(default_path()).names(remembering.KIND, video.name)
        again = Done(video, **options)
        assert again.looked
        # The one that had failed, and the next: another picture is now the one before it.
        assert len(provider.calls) == 4 + 2
        assert not any(o.caption.error for o in again.evidence.observations if o.caption)
        assert not Done(video, **options).looked


def test_a_backend_that_gave_up_leaves_nothing_behind(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(number: int, request: CaptionRequest) -> Caption:
        if number == 2:
            raise BackendFailed("The owl has flown.")
        return Caption(request.sample.index, request.sample.time_s, "a", "scripted")

    put_in_place(monkeypatch, "captioner", "remote", ScriptedCaptioner(one))
    options = LITE | {"captioner": "remote", "caption_api": "http://127.0.0.1:9/v1",
                      "caption_model": "m"}  # fmt: skip
    assert Done(video, **options).run.failures
    assert not default_path().exists()


def test_a_file_that_changes_meanwhile_is_not_kept(video: Path) -> None:
    def touch(event: Event) -> None:
        if isinstance(event, StageAdvanced) and event.stage == "looking" and event.done == 2:
            os.utime(video, (1, 1))

    assert Done(video, touch, **LITE).looked
    assert not default_path().exists()


def test_notices_are_told_again(made: Path, tmp_path: Path) -> None:
    video = Path(shutil.copy(made, tmp_path / "cut.mp4"))
    video.with_suffix(".srt").write_text(srt([(1.0, 2.0, "a"), (500.0, 501.0, "b")]))
    first = Done(video, **LITE)
    again = Done(video, **LITE)
    assert not again.looked
    assert [n.code for n in first.evidence.notices] == ["late-cues"]
    assert again.evidence.notices == first.evidence.notices
    assert again.told("warning") == first.told("warning") != []


def test_sound_alone_is_kept_too_and_its_notice_comes_once(tmp_path: Path) -> None:
    from spoken import spoken_wav

    sound = spoken_wav(tmp_path / "words.wav", SPOKEN, 17.0)
    first = Done(sound, **LITE, **HEARS)
    again = Done(sound, **LITE, **HEARS)
    assert again.calls == []
    assert "transcript" not in again.stages
    assert [n.code for n in again.evidence.notices] == ["no-video"]
    assert again.evidence == first.evidence


def test_facts_are_gathered_anew(video: Path) -> None:
    Done(video, **LITE)
    again = Done(video, **LITE, context="Filmed in Lisbon.")
    assert not again.looked
    assert "Filmed in Lisbon." in {fact.value for fact in again.evidence.facts}
    assert "Filmed in Lisbon." not in {fact.value for fact in Done(video, **LITE).evidence.facts}


@pytest.mark.parametrize("how", ["text", "emptied"])
def test_a_store_that_cannot_be_used_is_told_once(video: Path, home: Path, how: str) -> None:
    Done(video, **LITE)
    path = default_path()
    if how == "text":
        path.write_text("no database " * 999)
    else:
        shutil.copy(home / "ledger.db", path)
    done = Done(video, **LITE)
    assert done.looked
    assert len(done.evidence.observations) == 4
    [told] = [line for line in done.told("warning") if "cache.db" in line]
    assert told.startswith("What is found is not kept for later: ")


def test_a_record_of_another_form_counts_as_absent(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Done(video, **LITE).run
    key = key_of(run)
    store = Store(default_path())
    body = store.get(remembering.KIND, key)
    assert body is not None
    kept = from_record(remembering.Kept, body)
    assert kept is not None
    store.put(remembering.KIND, key, to_record(kept.evidence))  # as if it were of an older vidsum
    assert Done(video, **LITE).looked
    assert not Done(video, **LITE).looked
    monkeypatch.setattr(sameness, "FORM", sameness.FORM + 1)
    assert Done(video, **LITE).looked


def key_of(run: Run, info: MediaInfo | None = None, **options: Any) -> str:
    info = info or prepare(run)
    video = run.meter.book.identity.video_sha256
    assert video is not None
    return sameness.evidence_key(video, info, run.engines, replace(run.options, **options))


def test_every_option_either_changes_what_is_found_or_does_not() -> None:
    names = {field.name for field in fields(Options)}
    assert names == CHANGES | THROUGH_ENGINES | NEVER
    assert len(names) == len(CHANGES) + len(THROUGH_ENGINES) + len(NEVER)


OTHERS: dict[str, Any] = {
    "interval_s": 7.0, "tolerance_s": 0.0, "language": "pt", "start_s": 1.0, "end_s": 9.0,
    "audio_track": 1, "tiles": "all", "word_times": True, "format": "json", "timeline": True,
    "reasoner": "local", "reason_model": "other", "reason_context_tokens": 9000,
    "reason_api": "ollama", "length": "short", "style": "lecture", "context": "Lisbon",
    "max_evidence_tokens": 900, "second_look": 1, "cache": False, "threads": 3, "gpu_layers": 0,
    "api_requests": 1, "api_timeout_s": 5.0, "max_usd": Decimal(1), "max_cu": 1.0,
    "max_seconds": 9.0, "allow_unpriced": True, "max_usd_per_day": Decimal(1),
    "max_cu_per_day": 1.0, "watts_per_core": 3.0, "generator": "local", "image_model": "other",
    "image_encoder": "e.gguf", "image_decoder": "d.gguf", "image_api": "ollama",
    "image_timeout_s": 9.0, "image_steps": 9, "image_side_px": 640, "upscaler": "x4.gguf",
    "scenes": 9, "variations": 9, "ref": "none",
}  # fmt: skip


def test_the_key_changes_with_what_changes_the_evidence_alone(video: Path) -> None:
    run = api.start(video, Options(**LITE))  # type: ignore[arg-type]
    info = prepare(run)
    same = key_of(run, info)
    assert OTHERS.keys() == CHANGES | NEVER
    changed = {name for name, value in OTHERS.items() if key_of(run, info, **{name: value}) != same}
    assert changed == CHANGES
    assert len({key_of(run, info, **{name: OTHERS[name]}) for name in CHANGES}) == len(CHANGES)
    run.finish()


WRITES: dict[str, object] = {"reasoner": "remote", "reason_api": "http://127.0.0.1:9/v1",
                             "reason_model": "m", "reason_context_tokens": 16_000}  # fmt: skip
PRICE = """
[[price]]
host = "127.0.0.1"
model = "m"
input_usd_per_mtok = {usd}
output_usd_per_mtok = {usd}
"""


def test_a_cap_on_a_summary_without_a_price_is_refused_at_once(video: Path) -> None:
    Done(video, **LITE)
    with pytest.raises(OptionError, match="No price is known for m"):
        Done(video, **LITE, **WRITES, max_usd=Decimal(1))


@pytest.mark.parametrize(("usd", "fits"), [("1", True), ("1000000", False)])
def test_the_summary_of_kept_evidence_keeps_to_its_cap(
    video: Path, home: Path, usd: str, fits: bool
) -> None:
    Done(video, **LITE)
    (home / "prices.toml").write_text(PRICE.format(usd=usd))
    kept = Done(video, **LITE, **WRITES, max_usd=Decimal("0.5"))
    assert not kept.looked
    assert kept.run.meter.quoted is not None
    assert summary_fits(kept.run, api.bundle(kept.run, kept.evidence)) is fits


@pytest.fixture
def runs(video: Path) -> Iterator[Callable[..., Run]]:
    opened: list[Run] = []

    def start(**options: object) -> Run:
        opened.append(api.start(video, Options(**(LITE | options))))  # type: ignore[arg-type]
        prepare(opened[-1])
        return opened[-1]

    yield start
    for run in opened:
        run.finish()


def test_answers_belong_to_the_model_that_gave_them(
    runs: Callable[..., Run], tmp_path: Path
) -> None:
    model = text_gguf(tmp_path / "text.gguf")
    local = {"reasoner": "local", "reason_model": str(model)}
    ours = keeping.answers_for(runs(**local), "local")
    assert ours is not None
    ours.put("key", "said")
    again = keeping.answers_for(runs(**local, length="short"), "local")
    assert again is not None
    assert again.get("key") == "said"
    remote = keeping.answers_for(runs(**WRITES), "remote")
    assert remote is not None
    assert remote.get("key") is None
    os.utime(model, (1, 1))
    changed = keeping.answers_for(runs(**local), "local")
    assert changed is not None
    assert changed.get("key") is None


def test_who_has_no_model_or_no_cache_keeps_no_answers(runs: Callable[..., Run]) -> None:
    assert keeping.answers_for(runs(), "extractive") is None
    assert keeping.answers_for(runs(**WRITES, cache=False), "remote") is None
    missing = {"reasoner": "remote", "reason_api": "http://127.0.0.1:9/v1"}
    assert keeping.answers_for(runs(**missing), "remote") is None  # nobody answers there


def test_trouble_with_answers_and_evidence_is_told_once(video: Path, home: Path) -> None:
    home.mkdir()
    default_path().write_text("no database " * 999)
    done = Done(video, **LITE, **WRITES)
    answers = keeping.answers_for(done.run, "remote")
    assert answers is not None
    answers.put("key", "said")
    assert answers.get("key") is None
    assert len([line for line in done.told("warning") if "cache.db" in line]) == 1


def test_what_could_not_be_used_is_written_where_it_is_said(
    runs: Callable[..., Run], home: Path
) -> None:
    run = runs()
    keep = keeping.unusable(run)
    first, second = keep("{half"), keep("{half again")
    assert first is not None
    assert second is not None
    assert Path(first).read_text() == "{half"
    assert Path(second).read_text() == "{half again"
    assert Path(first).parent == home / "unusable"
    assert run.meter.book.identity.run_id in Path(first).name
    assert stat.S_IMODE(Path(first).stat().st_mode) == 0o600


def test_the_evidence_of_the_sample_video_comes_back(talk: Path) -> None:
    first: Evidence = Done(talk, tier="lite", end_s=12.0).evidence
    again = Done(talk, tier="lite", end_s=12.0)
    assert not again.looked
    assert again.evidence == first
    assert any(seen.text for seen in first.observations)
    count = len(first.observations)
    assert again.saved["ocr"].baseline.startswith(f"{count} picture")
    assert again.saved["transcript"].baseline.startswith(f"{len(first.transcript.segments)} segm")
