"""What pictures and speech each brought to a summary: three summaries of the same evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from footage import film, srt
from models import MMPROJ, VLM
from reasoner.writers import honest
from scenes import random_scenes
from scripted_provider import Answer, Call, ScriptedProvider, fails
from spoken import spoken_wav

from vidsum import api
from vidsum.config import Options
from vidsum.data import Bought, Chapter, Claim, EntryKind, Modality, ModalityCost, Summary, Total
from vidsum.pipeline.ablation import basis_of, claims_of, what_vision_bought, without
from vidsum.pipeline.bundling import bundled
from vidsum.pipeline.memory import Gathered
from vidsum.pipeline.run import Run

LITE: dict[str, Any] = {"tier": "lite", "ocr": False}
SAID = [(1.0, 4.0, "A circle has no corner at all, says Kelvin."),
        (11.0, 14.0, "Nobody knows why the square was painted red.")]  # fmt: skip
PRICE = """
[[price]]
host = "127.0.0.1"
model = "m"
input_usd_per_mtok = 1000000
output_usd_per_mtok = 1000000
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("VIDSUM_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four scenes of five seconds, without sound."""
    scenes = [s for s in random_scenes(seed=11, count=20) if s.kind == "shape"][:4]
    folder = tmp_path_factory.mktemp("silent")
    return film(folder / "silent.mp4", [(5.0, scene.image()) for scene in scenes])


@pytest.fixture
def told(silent: Path, tmp_path: Path) -> Path:
    """The same with subtitles beside it."""
    video = tmp_path / "told.mp4"
    video.symlink_to(silent)
    video.with_suffix(".srt").write_text(srt(SAID))
    return video


class Tried:
    """A run that was asked what vision bought."""

    def __init__(self, video: Path, **options: Any) -> None:
        self.run = api.start(video, Options(**options))
        with api.finishing(self.run):
            self.bundle = api.bundle(self.run, api.extract(self.run))
            self.bought = what_vision_bought(self.run, self.bundle)


def parts(bought: Bought) -> tuple[Any, Any]:
    """What frames and what speech brought."""
    frames, speech = bought.modalities
    assert (frames.basis, speech.basis) == ("frames", "speech")
    return frames, speech


def a_claim(text: str, *evidence: str) -> Claim:
    return Claim(text, 0.0, 1.0, evidence)


def test_each_statement_counts_once_wherever_it_stands() -> None:
    chapters = (Chapter(0.0, 5.0, "One", "model", gist=a_claim("a", "s1")),
                Chapter(5.0, 9.0, "Two", "model"))  # fmt: skip
    summary = Summary(
        "t", "a b", (a_claim("b", "c1"), a_claim("c", "t1")), chapters, "model", (), "x", "",
        overview_claims=(a_claim("a", "s1"), a_claim("b", "c1")), quotes=(a_claim("d", "s2"),),
    )  # fmt: skip
    assert [claim.text for claim in claims_of(summary)] == ["b", "c", "a", "d"]


@pytest.mark.parametrize(("evidence", "basis"), [
    ((), "nothing"), (("x9",), "nothing"), (("f1",), "facts"), (("s1",), "speech"),
    (("c1",), "frames"), (("t1",), "frames"), (("c1", "t1"), "frames"), (("f1", "s1"), "speech"),
    (("s1", "t1"), "both"), (("f1", "c1", "s1", "x9"), "both"),
])  # fmt: skip
def test_what_a_statement_rests_on(evidence: tuple[str, ...], basis: str) -> None:
    kinds: dict[str, EntryKind] = {"s1": "speech", "c1": "caption", "t1": "text", "f1": "fact"}
    assert basis_of(a_claim("a", *evidence), kinds) == basis


def test_what_is_left_keeps_its_ids_and_its_words(told: Path) -> None:
    whole = Tried(told, **LITE).bundle
    entries = {entry.id: entry for entry in whole.timeline}
    assert {name[0] for name in entries} == {"f", "c", "s"}
    for basis, gone in (("frames", "c"), ("speech", "s")):
        left = bundled(without(whole.evidence, basis))  # type: ignore[arg-type]
        kept = [entry for entry in whole.timeline if entry.id[0] != gone]
        assert list(left.timeline) == kept
        assert 0 < left.tokens < whole.tokens
        assert left.evidence.end_s == whole.evidence.end_s


def test_nobody_s_statement_is_counted_twice_or_lost(told: Path) -> None:
    tried = Tried(told, **LITE)
    frames, speech = parts(tried.bought)
    claims = claims_of(tried.bought.whole)
    assert sum(tried.bought.by_basis.values()) == len(claims)
    assert set(frames.only).isdisjoint(speech.only)
    assert frames.without is not None
    assert speech.without is not None
    assert not any("Kelvin" in claim.text for claim in claims_of(speech.without))
    assert any("Kelvin" in claim.text for claim in claims_of(frames.without))
    assert frames.entries == 4
    assert speech.entries == len(SAID)
    assert frames.gathered_run == tried.run.meter.book.identity.run_id


def test_a_silent_video_owes_everything_to_its_pictures(silent: Path) -> None:
    frames, speech = parts(Tried(silent, **LITE).bought)
    assert frames.entries == 4
    assert frames.without is None
    assert (speech.entries, speech.only) == (0, ())
    assert speech.without is not None  # as the whole one


def test_sound_alone_owes_everything_to_its_words(tmp_path: Path) -> None:
    sound = spoken_wav(tmp_path / "told.wav", [(0.5, "open red circle")], 17.0)
    sound.with_suffix(".srt").write_text(srt(SAID))
    tried = Tried(sound, **LITE)
    frames, speech = parts(tried.bought)
    assert (frames.entries, frames.only) == (0, ())
    assert frames.without == tried.bought.whole
    assert speech.entries == len(SAID)
    assert speech.without is None
    assert speech.only


def test_where_there_is_neither_nothing_is_left(tmp_path: Path) -> None:
    tried = Tried(spoken_wav(tmp_path / "mute.wav", [], 6.0), **LITE)
    frames, speech = parts(tried.bought)
    assert frames.without is None
    assert speech.without is None
    assert (frames.entries, speech.entries) == (0, 0)
    assert not tried.bought.by_basis.keys() - {"facts", "nothing"}


def test_what_is_not_known_of_the_cost_stays_unknown(told: Path) -> None:
    run = api.start(told, Options(**LITE))
    with api.finishing(run):
        bundle = api.bundle(run, api.extract(run))
        known = run.memory.gathered
        assert known is not None
        modality: Modality = "image"
        pictures = ModalityCost(modality, "understand", Total())
        run.memory.gathered = Gathered((pictures,), "abc", known.made_at)
        frames, speech = parts(what_vision_bought(run, bundle))
        assert (frames.cost, speech.cost) == (pictures, None)
        assert frames.gathered_run == "abc"
        run.memory.gathered = None
        frames, speech = parts(what_vision_bought(run, bundle))
        assert (frames.cost, speech.cost, frames.gathered_run) == (None, None, None)


def writer(call: Call) -> Answer:
    """A provider that writes, and lists no models."""
    return honest(call) if call.method == "POST" else fails(404)


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(writer) as found:
        yield found


def writes_at(provider: ScriptedProvider) -> dict[str, Any]:
    return {"reasoner": "remote", "reason_api": provider.url, "reason_model": "m",
            "reason_context_tokens": 16_000}  # fmt: skip


def prompts(provider: ScriptedProvider) -> list[str]:
    """What the provider was asked to write."""
    return [call.prompt for call in provider.calls if call.method == "POST"]


def looks(run: Run) -> set[str]:
    return {line.stage for line in run.meter.book.lines() if line.stage.startswith("look")}


def test_a_model_writes_three_summaries_and_looks_at_nothing_again(
    told: Path, provider: ScriptedProvider
) -> None:
    sees = {"captioner": "local", "caption_model": str(VLM), "mmproj": MMPROJ, "threads": 1}
    tried = Tried(told, **sees, ocr=False, **writes_at(provider), second_look=3)
    frames, speech = parts(tried.bought)
    whole, no_pictures, no_words = prompts(provider)
    assert "Kelvin" in whole
    assert '"caption":' in whole
    assert "Kelvin" in no_pictures
    assert '"caption":' not in no_pictures
    assert "Kelvin" not in no_words
    assert '"caption":' in no_words
    asked = [json.dumps(call.body) for call in provider.calls if call.method == "POST"]
    assert not any("look_again" in body for body in asked)
    assert looks(tried.run) == set()
    assert tried.bought.whole.model == "m"
    assert frames.without is not None
    assert speech.without is not None
    assert (frames.without.model, speech.without.model) == ("m", "m")
    known = {entry.id for entry in tried.bundle.timeline}
    for summary in (tried.bought.whole, frames.without, speech.without):
        assert all(known.issuperset(claim.evidence) for claim in claims_of(summary))


def test_what_there_is_nothing_of_is_not_paid_for(silent: Path, provider: ScriptedProvider) -> None:
    tried = Tried(silent, **LITE, **writes_at(provider), cache=False)
    assert len(prompts(provider)) == 1
    frames, speech = parts(tried.bought)
    assert speech.without == tried.bought.whole
    assert frames.without is None


def test_a_model_that_fails_is_asked_once_and_all_three_are_quoted(told: Path) -> None:
    def refuses(call: Call) -> Answer:
        return fails(400 if call.method == "POST" else 404, "no")

    with ScriptedProvider(refuses) as provider:
        tried = Tried(told, **LITE, **writes_at(provider))
        frames, speech = parts(tried.bought)
        written = (tried.bought.whole, frames.without, speech.without)
        assert [one.model for one in written if one is not None] == [None] * 3
        assert len(tried.run.failures) == 1
        assert len(prompts(provider)) <= 2  # the repair round of one


def test_a_cap_without_room_for_the_first_leaves_all_three_to_quotations(
    told: Path, home: Path, provider: ScriptedProvider
) -> None:
    home.mkdir()
    (home / "prices.toml").write_text(PRICE)
    tried = Tried(told, **LITE, **writes_at(provider), max_usd=Decimal("0.01"))
    frames, speech = parts(tried.bought)
    written = (tried.bought.whole, frames.without, speech.without)
    assert [one.model for one in written if one is not None] == [None] * 3
    assert len(tried.run.meter.given_up) == 1
    assert prompts(provider) == []


def test_no_estimate_of_one_summary_is_shown_beside_three(
    told: Path, provider: ScriptedProvider
) -> None:
    options = Options(**LITE, **writes_at(provider))
    assert api.what_vision_bought(told, options).receipt.quoted is None
    assert api.ask(told, "Who?", options).receipt.quoted is None
    assert api.summarize(told, replace(options, style="archive")).receipt.quoted is not None
