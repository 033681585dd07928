"""``--broll`` as a whole: one run, one cap, and a summary that is kept whatever becomes of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broll.asked_scenes import LECTURE, summed_up, wrote
from broll.brush import Brush, filled, scene
from footage import film
from image_server import sends
from models.esrgan import write_upscaler
from scripted_provider import Answer, Call, ScriptedProvider, Step, fails

from vidsum import api
from vidsum.broll import steps, whole
from vidsum.broll.folder import BrollFolder, pick
from vidsum.broll.making import make
from vidsum.config import Options
from vidsum.data import BrollOutcome, FinishedShot, Result
from vidsum.errors import OptionError
from vidsum.pipeline.run import Run
from vidsum.renderers.page import page
from vidsum.renderers.text import text

PRICES = (
    '[[price]]\nhost = "127.0.0.1"\nmodel = "painter"\nimage_usd = 0.04\n'
    '[[price]]\nhost = "127.0.0.1"\nmodel = "writer"\ninput_usd_per_mtok = 10\n'
    "output_usd_per_mtok = 0.0001\n"
)
NOISE = np.random.default_rng(1).integers(0, 255, (144, 256, 3)).astype(np.uint8)
SHA = "ab" * 32
PROMPT = "A barn on a hill at dawn, seen from far away."


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own, with prices."""
    found = tmp_path / "home"
    found.mkdir()
    (found / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("VIDSUM_HOME", str(found))
    return found


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots, and words that say what they show."""
    path = tmp_path_factory.mktemp("film") / "walk.mp4"
    film(path, [(8.0, NOISE), (8.0, 255 - NOISE)])
    path.with_suffix(".srt").write_text(
        "1\n00:00:01,000 --> 00:00:06,000\nThe old barn stands on the hill since 1840.\n\n"
        "2\n00:00:09,000 --> 00:00:15,000\nIn the harbour the boats wait for the tide.\n"
    )
    return path


@pytest.fixture
def video(shot: Path, tmp_path: Path) -> Path:
    """The same in a folder of its own."""
    for one in (shot, shot.with_suffix(".srt")):
        shutil.copy(one, tmp_path)
    return tmp_path / shot.name


class Provider(ScriptedProvider):
    """Writes prompts and paints."""

    def __init__(self, painted: Step) -> None:
        self._painted = painted
        super().__init__(self._answer)

    def _answer(self, call: Call) -> Answer:
        if "/images/" in call.path:
            found = self._painted
            return found if isinstance(found, Answer) else found(call)
        return replace_usage(wrote(prompt=PROMPT)) if call.method == "POST" else fails(404)

    @property
    def painted(self) -> int:
        return sum("/images/" in call.path for call in self.calls)


def replace_usage(answer: Answer) -> Answer:
    """The same, for a thousand tokens."""
    assert isinstance(answer.body, dict)
    used = {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020}
    return replace(answer, body=answer.body | {"usage": used})


def options_for(provider: ScriptedProvider, **more: Any) -> Options:
    named: dict[str, Any] = {
        "image_api": provider.url, "image_model": "painter", "image_timeout_s": 5.0,
        "max_usd": Decimal(1), "variations": 1, "scenes": 2, "ocr": False, "ref": "none",
    }  # fmt: skip
    return Options(**(named | more))


def illustrated(video: Path, painted: Step, **more: Any) -> tuple[Result, int]:
    with Provider(painted) as provider:
        return again(video, provider, **more), provider.painted


def again(video: Path, provider: Provider, **more: Any) -> Result:
    return api.illustrate(video, options_for(provider, reasoner="extractive", **more))


def test_a_generator_that_fails_leaves_the_summary(video: Path) -> None:
    found, count = illustrated(video, fails(401, "no such key"))
    assert found.summary is not None
    assert found.summary.key_points
    assert (count, len(found.failures), found.partial) == (1, 1, True)
    assert found.broll is not None
    assert found.broll.plan.scenes
    assert (found.broll.variations, found.broll.finished, found.broll.exports) == ((), (), ())


def test_a_picture_that_nobody_sends_leaves_the_others(video: Path) -> None:
    answers = iter([fails(500, "down"), sends(NOISE)])
    with Provider(lambda _: next(answers)) as provider:
        found = again(video, provider)
        assert found.summary is not None
        assert found.broll is not None
        assert sorted(one.state for one in found.broll.variations) == ["made", "unknown"]
        assert (len(found.broll.finished), found.partial) == (1, True)
        second = again(video, provider)
        assert provider.painted == 2, "what may have been paid for is not asked for again"
    assert second.broll is not None
    assert second.broll.variations == found.broll.variations


def test_a_cap_leaves_the_summary_and_what_was_made(video: Path) -> None:
    found, count = illustrated(video, sends(NOISE), max_usd=Decimal("0.05"))
    assert found.summary is not None
    assert found.broll is not None
    assert ([one.state for one in found.broll.variations], count) == (["made"], 1)
    assert found.receipt.spending is not None
    assert found.receipt.spending.reached
    assert found.receipt.total.usd_nano.value == 40_000_000


def test_a_cap_on_compute_leaves_the_summary_and_the_pictures(video: Path) -> None:
    upscaler = write_upscaler(video.parent / "x2.safetensors", 2)
    found, count = illustrated(video, sends(NOISE[:72, :128]), upscaler=upscaler, max_cu=1e-6,
                               allow_unpriced=True)  # fmt: skip
    assert found.summary is not None
    assert found.broll is not None
    assert (count, found.failures, found.broll.finished) == (2, (), ())
    assert found.receipt.spending is not None
    assert any("not finished" in one for one in found.receipt.spending.given_up)


class Folder:
    """The folder of a video that nobody has to see any more."""

    def __init__(self, path: Path, *, sha256: str = SHA, anchors: bool = False) -> None:
        self.video = path / "talk.mp4"
        self.folder = BrollFolder.of_video(self.video)
        bare = [replace(scene(n), prompt="", prompt_from="") for n in (1, 2)]
        filled(self.folder, *bare, anchors=anchors, video=str(self.video), video_sha256=sha256)

    def run(self, options: Options) -> tuple[BrollOutcome | None, Run]:
        run = api.start(self.video, options)
        run.meter.book.identity.video_sha256 = SHA
        with api.finishing(run):
            return whole.illustrate(run, LECTURE, summed_up()), run


@pytest.mark.parametrize(("cap", "made"), [("0.09", 1), ("0.12", 2)])
def test_texts_and_pictures_are_under_one_cap(tmp_path: Path, cap: str, made: int) -> None:
    place = Folder(tmp_path)
    with Provider(sends(NOISE)) as provider:
        options = options_for(
            provider, api=provider.url, reasoner="remote", reason_model="writer",
            reason_context_tokens=32_768, max_usd=Decimal(cap),
        )  # fmt: skip
        found, run = place.run(options)
        assert provider.painted == made
    assert found is not None
    assert [one.prompt_from for one in found.plan.scenes] == ["model", "model"]
    assert len(found.variations) == made
    receipt = run.meter.receipt()
    texts = sum(one.total.usd_nano.value for one in receipt.modalities
                if one.modality != "image_gen")  # fmt: skip
    assert texts == pytest.approx(20_000_000, rel=0.01)
    assert receipt.total.usd_nano.value == texts + made * 40_000_000
    assert receipt.total.usd_nano.value <= Decimal(cap) * 10**9


def test_the_folder_of_another_video_of_the_same_stem_stays_as_it_is(tmp_path: Path) -> None:
    place = Folder(tmp_path, sha256="cd" * 32)
    before = {one: one.read_bytes() for one in place.folder.path.iterdir() if one.is_file()}
    with Provider(sends(NOISE)) as provider:
        _, run = place.run(options_for(provider))
        assert provider.calls == []
    assert "is the B-roll of" in run.failures[0]
    assert before == {one: one.read_bytes() for one in place.folder.path.iterdir()
                      if one.is_file()}  # fmt: skip


def test_that_is_found_out_before_anything_is_spent(video: Path) -> None:
    filled(BrollFolder.of_video(video), video=str(video), video_sha256="cd" * 32)
    with Provider(sends(NOISE)) as provider:
        with pytest.raises(OptionError, match="what this video was before"):
            again(video, provider)
        assert provider.calls == []


def test_what_was_foreseen_is_what_it_costs(video: Path) -> None:
    with Provider(sends(NOISE)) as provider:
        options = options_for(provider, reasoner="extractive", variations=2)
        before = api.estimate_broll(video, options)
        assert provider.calls == []
        found = api.illustrate(video, options)
        after = api.estimate_broll(video, options)
    assert [(one.part, one.count) for one in before.items] == [
        ("pictures", 4), ("upscale", 2), ("motion", 2)]  # fmt: skip
    assert "2 scenes" in before.note
    assert before.usd_nano == found.receipt.total.usd_nano.value == 160_000_000
    assert (after.items, after.kept, after.note) == ((), 4, "")
    told = " ".join(text(page(found)).split())
    assert "four pictures and two clips, made by a model to illustrate two scenes" in told


def test_no_text_is_paid_for_before_pictures_may_be(tmp_path: Path) -> None:
    place = Folder(tmp_path, anchors=True)
    with Provider(sends(NOISE)) as provider:
        paid = options_for(provider, api=provider.url, reasoner="remote", reason_model="writer",
                           reason_context_tokens=32_768)  # fmt: skip
        for options, told in (
            (replace(paid, max_usd=None), "there is no cap"),
            (replace(paid, image_model="dall-e-3", ref="auto"), "takes no reference pictures"),
        ):
            run = api.start(place.video, options)
            engine = steps.engine_for(options)
            with pytest.raises(OptionError, match=told):
                steps.make(run, place.folder, engine)
            run.finish()
        assert provider.calls == []
    assert [one.prompt for one in place.folder.read_plan().scenes] == ["", ""]


def test_a_model_that_takes_no_frames_is_told_of_before_the_summary(video: Path) -> None:
    with Provider(sends(NOISE)) as provider:
        with pytest.raises(OptionError, match="takes no reference pictures"):
            again(video, provider, image_model="dall-e-3", ref="auto")
        assert provider.calls == []


# Its steps


def planned(video: Path, folder: BrollFolder) -> None:
    run = api.start(video, Options(ocr=False, reasoner="extractive", scenes=2))
    with api.finishing(run):
        packed = api.bundle(run, api.extract(run), run.options.max_evidence_tokens)
        steps.plan(run, folder, packed, api.reason(run, packed))


def test_planned_anew_picks_of_other_scenes_are_forgotten(video: Path) -> None:
    folder = BrollFolder.of_video(video)
    planned(video, folder)
    first = folder.read_plan()
    assert len(first.scenes) == 2
    run = Run(video, Options())
    make(run, folder, Brush(video.parent / "log"), variations=1, measured=False, ref="none")
    run.finish()
    pick(folder, {"s01": 1, "s02": None})
    planned(video, folder)
    assert folder.read_made().picks == {"s01": 1, "s02": None}, "the plan is the same"
    other = replace(first.scenes[0], prompt="Something else.", prompt_from="user")
    folder.write_plan(replace(first, scenes=(other, first.scenes[1])))
    planned(video, folder)
    assert folder.read_plan().scenes[0] == first.scenes[0]
    assert folder.read_made().picks == {"s02": None}


def test_planned_anew_other_scenes_have_ids_of_their_own(video: Path) -> None:
    folder = BrollFolder.of_video(video)
    planned(video, folder)
    first = folder.read_plan()
    harbour = next(one for one in first.scenes if "harbour" in one.brief)
    old = [
        replace(harbour, id="s01"),
        *(replace(scene(n, "Of the past."), start_s=1.0 + n, end_s=2.0 + n) for n in (2, 7)),
    ]
    folder.write_plan(replace(first, scenes=tuple(old)))
    run = Run(video, Options())
    make(run, folder, Brush(video.parent / "log"), variations=1, measured=False, ref="none")
    run.finish()
    planned(video, folder)
    found = {one.id: one for one in folder.read_plan().scenes}
    assert found.pop("s01").prompt == harbour.prompt, "its pictures are of it"
    assert set(found) == {"s03"}, "the pictures of s02 and s07 are of something else"


def test_nobody_plans_in_the_folder_of_another_video(video: Path) -> None:
    folder = BrollFolder.of_video(video)
    filled(folder, video=str(video.with_suffix(".mkv")), video_sha256="cd" * 32)
    before = folder.plan_file.read_bytes()
    with pytest.raises(OptionError, match=r"is the B-roll of .*walk\.mkv") as caught:
        planned(video, folder)
    assert "-o" in caught.value.hint
    assert folder.plan_file.read_bytes() == before
    filled(folder, video=str(video), video_sha256="cd" * 32)
    planned(video, folder)
    assert folder.read_plan().video_sha256 != "cd" * 32, "it is this video, changed"


def test_a_video_does_not_mean_the_folder_of_another_one_of_its_stem(tmp_path: Path) -> None:
    own, other = tmp_path / "talk.mp4", tmp_path / "talk.mkv"
    own.touch()
    other.touch()
    folder = BrollFolder.of_video(own)
    filled(folder, video=f"/where/it/was/{own.name}")
    assert steps.opened(own).path == folder.path
    with pytest.raises(OptionError, match=r"is the B-roll of talk\.mp4"):
        steps.opened(other)
    assert steps.opened(folder.path).path == folder.path


def test_only_what_fits_the_plan_is_picked_for_the_user(tmp_path: Path) -> None:
    folder = BrollFolder(tmp_path / "film.broll")
    plan = filled(folder, scene(1))
    run = Run(Path("/films/a.mp4"), Options())
    make(run, folder, Brush(tmp_path / "log"), variations=2, measured=False)
    changed = replace(plan, scenes=(scene(1, "Something else."),))
    folder.write_plan(changed)
    assert steps.choose_nearest(folder) == {}
    make(run, folder, Brush(tmp_path / "log"), variations=2, measured=False)
    run.finish()
    made = folder.read_made()
    third, fourth = made.of("s01")[2:]
    unmeasured = replace(third, palette_distance=None)
    folder.write_made(made.with_variation(unmeasured))
    assert fourth.palette_distance is not None
    assert steps.choose_nearest(folder) == {"s01": 4}


def test_an_edited_plan_leaves_a_pick_to_its_user(tmp_path: Path) -> None:
    folder = BrollFolder(tmp_path / "film.broll")
    plan = filled(folder, scene(1))
    run = Run(Path("/films/a.mp4"), Options())
    make(run, folder, Brush(tmp_path / "log"), variations=1, measured=False)
    pick(folder, {"s01": 1})
    folder.write_plan(replace(plan, scenes=(scene(1, "Something else."),)))
    report = steps.finish(run, folder)
    run.finish()
    shots: tuple[FinishedShot, ...] = report.finished
    assert [(one.scene, one.number) for one in shots] == [("s01", 1)]
