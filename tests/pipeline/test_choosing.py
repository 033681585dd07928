"""Who does what: by name, by tier, by what is ready; and nothing leaves the machine unasked."""

from __future__ import annotations

import sys
import types

import pytest

from vidsum import registry
from vidsum.config import Options
from vidsum.errors import BackendMissing
from vidsum.pipeline.checkup import stages
from vidsum.pipeline.choosing import choose, pick
from vidsum.registry import Backend, Readiness

STAGES = ("transcriber", "captioner", "reasoner")


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], Readiness]:
    """The true table of engines, with what each says of itself set by the test; all are ready."""
    said: dict[tuple[str, str], Readiness] = {}
    table: dict[str, dict[str, Backend]] = {}
    for stage, backends in registry.STAGES.items():
        table[stage] = {}
        for name, backend in backends.items():
            said[stage, name] = Readiness(True, f"the {name}")
            module = types.SimpleNamespace(ready=lambda o, key=(stage, name): said[key])
            monkeypatch.setitem(sys.modules, f"said_{stage}_{name}", module)
            table[stage][name] = Backend(f"said_{stage}_{name}", backend.tier, backend.extra)
    monkeypatch.setattr(registry, "STAGES", table)
    return said


Said = dict[tuple[str, str], Readiness]


def names(options: Options) -> tuple[list[str], str, str]:
    found = choose(options)
    return [t.name for t in found.transcribers], found.captioner.name, found.reasoner.name


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (Options(tier="lite"), (["subtitles", "none"], "builtin", "extractive")),
        (Options(tier="local"), (["subtitles", "whisper", "none"], "local", "local")),
        (Options(tier="api"), (["subtitles", "remote", "none"], "remote", "remote")),
        (Options(), (["subtitles", "whisper", "none"], "local", "local")),
        (Options(tier="lite", captioner="local"), (["subtitles", "none"], "local", "extractive")),
        (Options(transcriber="whisper"), (["whisper", "none"], "local", "local")),
        (Options(transcriber="none"), (["none"], "local", "local")),
        (Options(transcriber="subtitles"), (["subtitles", "none"], "local", "local")),
        (Options(reason_api="ollama"), (["subtitles", "whisper", "none"], "local", "remote")),
    ],
)
def test_names_beat_the_tier_and_the_tier_beats_auto(
    engines: Said, options: Options, expected: object
) -> None:
    assert names(options) == expected


def test_auto_never_takes_a_provider_that_nobody_named(engines: Said) -> None:
    for stage in STAGES:
        for name in registry.of_tier(stage, "local"):
            engines[stage, name] = Readiness(False, "no model", f"get {stage}")
    assert names(Options()) == (["subtitles", "none"], "builtin", "extractive")


def test_auto_falls_back_and_knows_what_would_be_better(engines: Said) -> None:
    engines["captioner", "local"] = Readiness(False, "no model", "vidsum models pull small")
    found = choose(Options())
    assert found.captioner.name == "builtin"
    assert found.reasoner.name == "local"
    assert found.better == ("vidsum models pull small",)
    assert str(found) == (
        "speech: subtitles (the subtitles), else whisper (the whisper) · text on screen: rapidocr "
        "(the rapidocr) · pictures: builtin (the builtin) · summary: local (the local)"
    )


def test_a_tier_that_cannot_work_names_every_lack_and_every_step(engines: Said) -> None:
    engines["captioner", "local"] = Readiness(False, "There is no picture model.", "pull one")
    engines["reasoner", "local"] = Readiness(False, "no text model", "pull another.")
    with pytest.raises(BackendMissing) as caught:
        choose(Options(tier="local"))
    assert caught.value.exit_code == 4
    assert caught.value.message == (
        "--tier local cannot work yet (pictures: there is no picture model; "
        "summary: no text model)."
    )
    assert caught.value.hint == "pull one. pull another"


TASK_OF = {"transcriber": "speech", "captioner": "caption", "reasoner": "reason"}


def test_what_all_stages_lack_is_said_once_with_one_command(engines: Said) -> None:
    for stage, task in TASK_OF.items():
        for name in registry.of_tier(stage, "local"):
            hint = f"Get one: vidsum models pull small --for {task}"
            engines[stage, name] = Readiness(False, f"There is no {task} model here.", hint)
        engines[stage, "remote"] = Readiness(False, "no model named", f"Name one with --{task}-m.")
    with pytest.raises(BackendMissing) as caught:
        choose(Options(tier="local"))
    assert "(speech, pictures, summary: there is no model here)" in caught.value.message
    assert caught.value.hint == "Get them: vidsum models pull small"
    with pytest.raises(BackendMissing) as caught:
        choose(Options(tier="api"))
    assert "(speech, pictures, summary: no model named)" in caught.value.message
    assert caught.value.hint == "Name one with --speech-m, --caption-m, --reason-m"
    with pytest.raises(BackendMissing) as caught:
        choose(Options(captioner="local", reasoner="local"))
    assert caught.value.hint == (
        "Get one: vidsum models pull small --for caption. "
        "Get one: vidsum models pull small --for reason"
    )


@pytest.mark.parametrize(
    ("options", "unused"),
    [
        (Options(caption_model="owl"), []),
        (Options(tier="lite", caption_model="owl"), ["--caption-model"]),
        (Options(captioner="builtin", caption_model="owl"), ["--caption-model"]),
        (Options(tier="local", speech_api="ollama", api="vllm"), ["--speech-api", "--api"]),
        (Options(tier="local", api="vllm", reasoner="remote"), []),
        (Options(api="vllm"), []),
    ],
)
def test_what_was_named_in_vain_is_said(engines: Said, options: Options, unused: list[str]) -> None:
    assert [line.split()[0] for line in choose(options).unused] == unused


def test_a_model_that_was_named_is_not_silently_replaced(engines: Said) -> None:
    engines["captioner", "local"] = Readiness(False, "owl.gguf is damaged", "pull it again")
    with pytest.raises(BackendMissing, match=r"What was asked for .* owl\.gguf is damaged"):
        choose(Options(caption_model="owl.gguf"))


def test_a_named_engine_that_is_not_ready_is_an_error_in_every_tier(engines: Said) -> None:
    engines["reasoner", "remote"] = Readiness(False, "no key", "set one")
    for tier in ("auto", "lite", "local"):
        with pytest.raises(BackendMissing, match="no key"):
            choose(Options(tier=tier, reasoner="remote"))


def test_nobody_reads_text_when_told_not_to(engines: Said) -> None:
    assert choose(Options(ocr=False)).reader is None
    assert choose(Options()).reader is not None


def test_a_pick_keeps_what_would_have_been_better(engines: Said) -> None:
    engines["transcriber", "whisper"] = Readiness(False, "no model", "pull")
    found = pick("transcriber", Options())
    assert found.choice.name == "subtitles"
    assert [one.name for one in found.better] == ["whisper"]


def test_the_checkup_shows_every_engine_of_every_stage(engines: Said) -> None:
    engines["reasoner", "local"] = Readiness(False, "no model", "pull")
    found = {report.stage: report for report in stages(Options(tier="local"))}
    assert set(found) == set(registry.STAGES)
    assert [c.name for c in found["reasoner"].engines] == list(registry.STAGES["reasoner"])
    assert [found[s].ready for s in STAGES] == [True, True, False]
    assert [c.name for c in found["transcriber"].used] == ["subtitles", "whisper", "none"]
