"""Captions and readings are kept one by one: a run that was cut short asks only what is missing."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from footage import film
from gathered import Gathered
from models import MMPROJ, VLM
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont
from scenes import Scene, random_scenes
from scripted_provider import Answer, Call, ScriptedProvider, fails, says

from vidsum import api
from vidsum.backends.llama_vision import LlamaVision
from vidsum.captioners.local import LocalCaptioner
from vidsum.captioners.protocol import CaptionRequest
from vidsum.config import Options
from vidsum.costs.ledger import Ledger
from vidsum.costs.ledger import default_path as ledger_path
from vidsum.data import Caption, ChatRequest, Entry, Image, Reply, Sample, Saving
from vidsum.errors import BackendFailed
from vidsum.events import Event, Noted, StageAdvanced
from vidsum.media.picture import measure
from vidsum.pipeline import remembering
from vidsum.store.answers import CAPTION, READING, KeptAnswers, picture_sha256
from vidsum.store.content import Store, default_path

COUNT = 10
SHOT_S = 2.0
SEES: dict[str, object] = {"captioner": "local", "caption_model": str(VLM), "mmproj": MMPROJ,
                           "threads": 1, "gpu_layers": 0}  # fmt: skip
LITE: dict[str, object] = {"tier": "lite", "ocr": False, "interval_s": SHOT_S, "tolerance_s": 0.0,
                           "transcriber": "none"}  # fmt: skip
TABLE = """
[[price]]
host = "127.0.0.1"
model = "m"
input_usd_per_mtok = 10
output_usd_per_mtok = 10
"""
"""A call of 100 and 20 tokens costs 0.0012 dollars; 0.068 are set aside for it."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "prices.toml").write_text(TABLE)
    monkeypatch.setenv("VIDSUM_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten scenes of two seconds, without sound; a sample is in the middle of each."""
    scenes = [s for s in random_scenes(seed=11, count=40) if s.kind == "shape"][:COUNT]
    shots = [(SHOT_S if n else SHOT_S / 2, s.image(320, 180)) for n, s in enumerate(scenes)]
    return film(tmp_path_factory.mktemp("made") / "scenes.mp4", shots)


def describes(call: Call) -> Answer:
    """Words that follow from the picture and the prompt, whatever the run's mark in it is."""
    content = call.body["messages"][-1]["content"]
    [url] = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    picture = Pillow.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    shades = np.asarray(picture.convert("RGB")).mean(axis=(0, 1)).round().astype(int)
    told = len(re.sub(r"==\d{12}==", "", call.prompt))
    return says(f"A picture of {shades[0]} {shades[1]} {shades[2]}, told {told}.")


def remote(provider: ScriptedProvider, **more: object) -> dict[str, object]:
    return LITE | {"captioner": "remote", "caption_api": provider.url, "caption_model": "m",
                   "api_requests": 1} | more  # fmt: skip


class Done(Gathered):
    """A run that has gathered what it could."""

    @property
    def captions(self) -> list[Caption | None]:
        return [seen.caption for seen in self.evidence.observations]

    @property
    def calls(self) -> int:
        return sum(e.kind == "call" and e.phase == "settle" for e in self.run.meter.book.lines())

    @property
    def savings(self) -> dict[str, Saving]:
        found = self.run.meter.receipt().savings
        return {one.baseline.partition(",")[0]: one for one in found if one.by == "resume"}

    @property
    def told(self) -> list[str]:
        return [e.message for e in self.events if isinstance(e, Noted) and e.level == "kept"]


@pytest.fixture(scope="module")
def unbroken(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """What a run finds that nothing ever happened to, in a state folder of its own."""
    with ScriptedProvider(describes) as provider, pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDSUM_HOME", str(tmp_path_factory.mktemp("unbroken")))
        return Done(video, **remote(provider))


def settled() -> list[Entry]:
    with Ledger(ledger_path()) as ledger:
        return [e for e in ledger.entries() if e.kind == "call" and e.phase == "settle"]


def books_are_right(provider: ScriptedProvider) -> None:
    """Each call of the provider is settled once, and no other."""
    ids = Counter(entry.call_id for entry in settled())
    assert set(ids.values()) == {1}
    assert len(ids) == len(provider.calls)
    assert sum(entry.input_tokens or 0 for entry in settled()) == 100 * len(provider.calls)


def interrupt_after(count: int) -> Callable[[Event], None]:
    def hook(event: Event) -> None:
        if isinstance(event, StageAdvanced) and event.stage == "looking" and event.done == count:
            raise KeyboardInterrupt

    return hook


def test_an_interrupted_run_asks_only_what_is_missing(video: Path, unbroken: Done) -> None:
    with ScriptedProvider(describes) as provider:
        with pytest.raises(KeyboardInterrupt):
            Done(video, interrupt_after(6), **remote(provider))
        asked = len(provider.calls)
        assert 3 <= asked <= 6
        again = Done(video, **remote(provider))
        assert len(provider.calls) == COUNT
        assert again.calls == COUNT - asked
        books_are_right(provider)
    assert again.captions == unbroken.captions
    assert again.told == [f"of an earlier run: {asked} captions; --no-cache asks anew"]
    assert unbroken.told == []
    [saving] = again.savings.values()
    assert saving.baseline.startswith(f"{asked} captions kept from an earlier run, at what the ")
    assert saving.calls == asked
    assert saving.usd_nano == asked * 1_200_000


def test_a_provider_that_gives_up_midway_costs_nothing_twice(video: Path, unbroken: Done) -> None:
    script = [describes] * 4 + [fails(401, "no")]
    with ScriptedProvider(*script) as provider:
        broken = Done(video, **remote(provider))
        assert broken.run.failures
        assert sum(c is not None and c.error is None for c in broken.captions) == 4
        before = len(provider.calls)
        provider._script = [describes]
        again = Done(video, **remote(provider))
        assert len(provider.calls) == before + COUNT - 4
    assert again.captions == unbroken.captions
    assert not again.run.failures
    kept = remembering.gathered(again.run)
    assert kept is not None
    [image] = [one for one in kept.costs if one.modality == "image"]
    assert image.total.calls == COUNT
    assert image.total.usd_nano.unknown == 4  # what was paid for those, this run cannot know


RUN = """
import sys
from decimal import Decimal
from pathlib import Path
from vidsum import api
from vidsum.config import Options
run = api.start(Path(sys.argv[1]), Options(
    captioner="remote", caption_api=sys.argv[2], caption_model="m", api_requests=int(sys.argv[3]),
    tier="lite", ocr=False, interval_s=2.0, tolerance_s=0.0, transcriber="none"))
with api.finishing(run):
    api.extract(run)
"""


def killed(video: Path, url: str, at_once: int, where: str) -> None:
    env = dict(os.environ) | {"VIDSUM_FAIL_AT": f"{where}=kill"}
    command = [sys.executable, "-c", RUN, str(video), url, str(at_once)]
    done = subprocess.run(command, env=env, capture_output=True, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize(
    ("where", "repeated"),
    [("store.put.after@5", 0), pytest.param("store.put.before", 1, marks=pytest.mark.slow)],
)
def test_a_killed_run_repeats_no_call_whose_answer_was_kept(
    video: Path, unbroken: Done, where: str, repeated: int
) -> None:
    with ScriptedProvider(describes) as provider:
        killed(video, provider.url, 1, where)
        again = Done(video, **remote(provider))
        assert len(provider.calls) == COUNT + repeated
        books_are_right(provider)
    assert again.captions == unbroken.captions


@pytest.mark.slow
def test_of_four_under_way_at_most_four_are_repeated_after_a_kill(
    video: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with ScriptedProvider(describes) as provider:
        killed(video, provider.url, 4, "store.put.after@6")
        assert 6 <= len(provider.calls) <= 6 + 4
        again = Done(video, **remote(provider, api_requests=4))
        assert COUNT <= len(provider.calls) <= COUNT + 4
        ids = Counter(entry.call_id for entry in settled())
        assert set(ids.values()) == {1}
        assert again.told[0].partition(": ")[2][:1] in "6789"
        monkeypatch.setenv("VIDSUM_HOME", str(tmp_path / "fresh"))
        whole = Done(video, **remote(provider, api_requests=4))
    assert again.captions == whole.captions


@pytest.mark.slow
def test_a_capped_run_goes_on_with_a_higher_cap(video: Path) -> None:
    with ScriptedProvider(describes) as provider:
        first = Done(video, **remote(provider, max_usd=Decimal("0.072")))
        few = len(provider.calls)
        assert 0 < few < COUNT
        assert first.run.meter.given_up
        second = Done(video, **remote(provider, max_usd=Decimal("0.0735")))
        more = len(provider.calls) - few
        assert more > 0
        assert sum(c is not None and c.backend == "remote" for c in second.captions) == few + more
        assert {c for c in first.captions if c and c.backend == "remote"} <= set(second.captions)
        books_are_right(provider)


def test_what_a_capped_run_paid_for_is_used_without_a_cap(video: Path) -> None:
    """It asked of each picture by itself: the pictures that tell most came first."""
    with ScriptedProvider(describes) as provider:
        first = Done(video, **remote(provider, max_usd=Decimal("0.072")))
        few = len(provider.calls)
        assert 0 < few < COUNT
        second = Done(video, **remote(provider))
        assert len(provider.calls) == COUNT
        books_are_right(provider)
    assert {c for c in first.captions if c and c.backend == "remote"} <= set(second.captions)
    assert all(c is not None and c.backend == "remote" for c in second.captions)


@pytest.mark.parametrize("at_once", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_what_is_kept_is_used_though_a_cap_is_reached(video: Path, at_once: int) -> None:
    with ScriptedProvider(describes) as provider:
        asks = remote(provider, api_requests=at_once)
        Done(video, **asks, max_usd=Decimal("0.072"))
        few = len(provider.calls)
        forget(CAPTION, few - 1)
        none = Done(video, **asks, max_usd=Decimal("0.00001"))
        assert len(provider.calls) == few
    assert sum(c is not None and c.backend == "remote" for c in none.captions) == few - 1
    [told] = none.run.meter.given_up
    assert told.startswith(f"{COUNT - few + 1} of {COUNT} pictures were not described")


def forget(kind: str, but: int) -> None:
    """Take the first of what is kept away, so that so many are left."""
    db = sqlite3.connect(default_path())
    with db:
        db.execute("DELETE FROM kept WHERE kind <> ?", (kind,))
        db.execute("DELETE FROM kept WHERE rowid NOT IN "
                   "(SELECT rowid FROM kept ORDER BY rowid DESC LIMIT ?)", (but,))  # fmt: skip
    db.close()


def test_the_local_model_is_not_even_loaded_for_what_is_kept(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks, count = LITE | SEES | {"end_s": 6.5}, 4
    first = Done(video, **asks)
    assert first.calls == count
    forget(CAPTION, count)  # the evidence as a whole, too

    def load(self: LlamaVision) -> None:
        raise AssertionError("the model was loaded")

    with monkeypatch.context() as patch:
        patch.setattr(LlamaVision, "_load", load)
        again = Done(video, **asks)
    assert again.captions == first.captions
    assert again.calls == 0
    [saving] = again.savings.values()
    assert (saving.calls, saving.cu, saving.usd_nano) == (count, None, 0)
    forget(CAPTION, count - 3)
    third = Done(video, **asks)
    assert third.captions == first.captions
    assert third.calls == 3


def asked(provider: ScriptedProvider, video: Path, **more: object) -> tuple[int, int]:
    """How many questions a run asks, and how many pictures it has."""
    before = len(provider.calls)
    count = len(Done(video, **remote(provider, **more)).captions)
    return len(provider.calls) - before, count


def test_only_another_question_is_asked(video: Path) -> None:
    with ScriptedProvider(describes) as provider:
        assert asked(provider, video, end_s=8.5) == (5, 5)
        assert asked(provider, video, end_s=4.5) == (0, 3)  # the same moments
        # The first has nothing before it; of the others another caption is the one before.
        assert asked(provider, video, end_s=8.5, interval_s=2 * SHOT_S) == (2, 3)
        assert asked(provider, video, end_s=4.5, caption_model="n") == (3, 3)


@pytest.mark.slow
def test_other_tiles_and_prompts_are_other_questions(video: Path, tmp_path: Path) -> None:
    with ScriptedProvider(describes) as provider:
        assert asked(provider, video, end_s=4.5) == (3, 3)
        assert asked(provider, video, end_s=4.5, tiles="all") == (3, 3)
        (tmp_path / "caption.md").write_text("Describe this picture:")
        assert asked(provider, video, end_s=4.5, prompts_dir=tmp_path) == (3, 3)
        fewer = asked(provider, video, end_s=4.5, prompts_dir=tmp_path, interval_s=2 * SHOT_S)
        assert fewer == (0, 2)  # it tells nothing of the picture before


@pytest.mark.slow
def test_a_damaged_piece_is_asked_for_anew(video: Path, unbroken: Done) -> None:
    with ScriptedProvider(describes) as provider:
        Done(video, **remote(provider))
        forget(CAPTION, COUNT)
        db = sqlite3.connect(default_path())
        with db:
            db.execute("UPDATE kept SET body = x'00' WHERE rowid IN (SELECT rowid FROM kept "
                       "ORDER BY rowid LIMIT 2)")  # fmt: skip
        db.close()
        again = Done(video, **remote(provider))
        assert len(provider.calls) == COUNT + 2
    assert again.captions == unbroken.captions


def test_without_the_cache_and_unrecorded_no_piece_is_kept(video: Path) -> None:
    with ScriptedProvider(describes) as provider:
        Done(video, **remote(provider, cache=False))
        run = api.start(video, Options(**remote(provider)), recorded=False)  # type: ignore[arg-type]
        api.extract(run)
        run.finish()
        assert len(provider.calls) == 2 * COUNT
    assert not default_path().exists()


def test_no_words_and_errors_are_not_kept(video: Path) -> None:
    script = [describes, says("..."), fails(400, "no"), describes]
    with ScriptedProvider(*script) as provider:
        first = Done(video, **remote(provider, end_s=6.5))
        assert [c is not None and c.error is None for c in first.captions] == [
            True, False, False, True,
        ]  # fmt: skip
        again = Done(video, **remote(provider, end_s=6.5))
        assert all(c is not None and c.error is None for c in again.captions)
    assert again.told == ["of an earlier run: 1 caption; --no-cache asks anew"]


class Stuck(LlamaVision):
    """Shows the model an old picture until it is told to forget: what a stale cache would do."""

    old: Image | None = None
    asked = 0

    def complete(self, request: ChatRequest) -> Reply:
        type(self).asked += 1
        self.old = request.images[0] if self.old is None else self.old
        return super().complete(ChatRequest(
            request.system, request.prompt, (self.old,), max_tokens=request.max_tokens,
        ))  # fmt: skip

    def forget(self) -> None:
        super().forget()
        self.old = None


def test_the_check_of_captions_that_repeat_goes_the_same_way_from_what_is_kept(
    tmp_path: Path,
) -> None:
    colours = ("white", "black", "yellow", "black", "white")
    images = [Scene("blank", colour).image() for colour in colours]
    requests = [
        CaptionRequest(Sample(n, 5.0 * n, 5.0 * n, 5.0 * n),
                       measure(image, images[n - 1] if n else None), None, image)
        for n, image in enumerate(images)
    ]  # fmt: skip
    found = []
    for _ in range(2):
        vision = Stuck(VLM, MMPROJ, "stuck", threads=1)
        captioner = LocalCaptioner(vision, Options(threads=1))
        captioner.notebook.answers = KeptAnswers(
            Store(tmp_path / "cache.db"), "stuck", "video", kind=CAPTION
        )
        found.append((list(captioner.caption(requests)), Stuck.asked))
        captioner.close()
    (first, asked), (again, asked_in_all) = found
    assert [caption.error is None for caption in first] == [True, True, False, True, True]
    assert again == first
    assert asked > len(images)
    assert asked_in_all == asked


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def page(words: str, shade: int) -> np.ndarray:
        canvas = Pillow.new("RGB", (640, 360), (shade, shade, shade))
        ImageDraw.Draw(canvas).text((40, 120), words, fill=(255 - shade,) * 3,
                                    font=ImageFont.load_default(size=56))  # fmt: skip
        return np.asarray(canvas)

    pages = [page(words, shade) for words, shade in (
        ("FIRST PAGE", 250), ("SECOND PAGE", 10), ("THIRD PAGE", 240), ("LAST PAGE", 20),
    )]  # fmt: skip
    shots = [(SHOT_S if n else SHOT_S / 2, one) for n, one in enumerate(pages)]
    return film(tmp_path_factory.mktemp("slides") / "slides.mp4", shots)


def texts(done: Done) -> list[list[str]]:
    return [[line.text for line in seen.text.lines] if seen.text else []
            for seen in done.evidence.observations]  # fmt: skip


def readings(done: Done, what: str = "calls") -> float:
    [stage] = [s for s in done.run.meter.receipt().stages if s.stage == "ocr"]
    return stage.counts[what]


def test_no_picture_is_read_twice(slides: Path) -> None:
    reads = LITE | {"ocr": True, "captioner": "builtin"}
    with pytest.raises(KeyboardInterrupt):
        Done(slides, interrupt_after(3), **reads)
    again = Done(slides, **reads)
    assert readings(again) < 4
    assert texts(again) == [["FIRST PAGE"], ["SECOND PAGE"], ["THIRD PAGE"], ["LAST PAGE"]]
    count = round(4 - readings(again))
    pictures = "1 picture" if count == 1 else f"{count} pictures"
    assert again.told == [f"of an earlier run: the text of {pictures}; --no-cache asks anew"]
    [saving] = again.savings.values()
    assert saving.baseline == f"the text of {pictures}, kept from an earlier run"
    assert (saving.calls, saving.usd_nano) == (None, None)
    forget(READING, 4)
    third = Done(slides, **reads)
    assert readings(third) == readings(third, "frames") == 0  # no rate comes of it
    assert third.evidence.observations == again.evidence.observations


def test_duplicates_count_at_what_this_run_read(slides: Path) -> None:
    reads = LITE | {"ocr": True, "captioner": "builtin", "interval_s": SHOT_S / 2}
    first = Done(slides, **reads)
    forget(READING, 3)
    some = Done(slides, **reads)
    forget(READING, 4)
    none = Done(slides, **reads)
    whole, part, unknown = (duplicates(one) for one in (first, some, none))
    assert first.evidence.dropped
    assert whole.baseline.endswith("at what the 4 others took")
    assert part.baseline.endswith("at what those that this run looked at took")
    read = some.run.meter.receipt().stages
    [ocr] = [one for one in read if one.stage == "ocr"]
    assert (readings(some), ocr.counts["frames"]) == (1, 1)
    assert part.seconds is not None
    assert part.seconds >= ocr.wall_s * len(some.evidence.dropped)
    assert whole.seconds is not None
    assert unknown.seconds is None


def duplicates(done: Done) -> Saving:
    [found] = [one for one in done.run.meter.receipt().savings if one.by == "dedupe"]
    return found


def test_pictures_are_known_by_pixels_and_shape() -> None:
    picture = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    other = picture.copy()
    other[0, 0, 0] += 1
    known = {picture_sha256(one) for one in (
        picture, other, picture.reshape(5, 4, 3), picture.astype(np.uint16), picture[:2],
    )}  # fmt: skip
    assert len(known) == 5
    assert picture_sha256(np.repeat(picture, 2, axis=1)[:, ::2]) == picture_sha256(picture)


@pytest.mark.slow
def test_a_disk_that_fails_loses_a_piece_and_no_run(video: Path) -> None:
    script = RUN.replace("api.extract(run)", "print(len(api.extract(run).observations))")
    for where in ("before", "after"):
        with ScriptedProvider(describes) as provider:
            env = dict(os.environ) | {"VIDSUM_FAIL_AT": f"store.put.{where}@3=EIO"}
            command = [sys.executable, "-c", script, str(video), provider.url, "1"]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            assert done.stdout.split() == [str(COUNT)]
            assert len(provider.calls) == COUNT
            again = Done(video, **remote(provider))
            assert again.calls == COUNT - (2 if where == "before" else 3)


@pytest.mark.slow
def test_an_address_that_is_gone_is_not_needed_for_what_is_kept(video: Path) -> None:
    with ScriptedProvider(describes) as provider:
        asks = remote(provider)
        first = Done(video, **asks)
    forget(CAPTION, COUNT)
    again = Done(video, **asks)
    assert again.captions == first.captions
    forget(CAPTION, 0)
    with pytest.raises(BackendFailed, match="Nothing answers"):
        Done(video, **asks, api_timeout_s=1.0)
