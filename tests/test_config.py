"""Options: one declaration each, four sources, and errors that name the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsum.config import Options, file_table, option_table, resolve, seconds
from vidsum.errors import OptionError


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, "utf-8")
    return path


def test_later_sources_win(tmp_path: Path) -> None:
    file = write(tmp_path, "interval = 8\ntier = 'lite'\nocr = false\n")
    options = resolve({"interval_s": "2"}, {"VIDSUM_INTERVAL": "4", "VIDSUM_TIER": "auto"}, file)
    assert options == Options(interval_s=2.0, tier="auto", ocr=False)


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    assert resolve({}, {}, tmp_path / "absent.toml") == Options()


def test_every_option_is_reachable_from_every_source(tmp_path: Path) -> None:
    encoder = tmp_path / "mmproj.gguf"
    encoder.touch()
    values = {
        "interval": 7, "tolerance": 0.5, "tier": "lite", "language": "de", "start": 1,
        "end": 9, "audio_track": 2, "ocr": False, "format": "json", "timeline": True,
        "prompts": str(tmp_path), "transcriber": "none", "captioner": "builtin",
        "reasoner": "extractive", "caption_model": "small", "mmproj": str(encoder),
        "tiles": "all", "speech_model": "tiny", "word_times": True, "reason_model": "./a.gguf",
        "reason_context": 4096, "threads": 3, "gpu_layers": 0, "api": "ollama",
        "caption_api": "http://localhost:8080/v1", "speech_api": "openai",
        "reason_api": "openrouter", "api_requests": 2, "api_timeout": 30,
        "max_usd": "0.05", "max_cu": 1.5, "max_seconds": 60, "allow_unpriced": True,
        "max_usd_per_day": "2", "max_cu_per_day": 100, "watts_per_core": 8, "length": "short",
        "style": "lecture", "context": "a lecture", "max_evidence": 20_000, "second_look": 1,
        "cache": False, "generator": "local", "image_model": "flux2-klein-4b",
        "image_encoder": str(encoder), "image_decoder": str(encoder), "image_api": "openai",
        "image_timeout": 90, "image_steps": 8, "image_side": 512, "upscaler": str(encoder),
        "scenes": 6, "variations": 2, "ref": "none",
    }  # fmt: skip
    table = {entry.key: entry for entry in option_table()}
    assert set(values) == set(table)
    lines = [f"{k} = {str(v).lower() if isinstance(v, bool) else repr(v)}"
             for k, v in values.items()]  # fmt: skip
    from_file = resolve({}, {}, write(tmp_path, "\n".join(lines)))
    from_env = resolve({}, {table[k].env: str(v) for k, v in values.items()}, None)
    from_flags = resolve({table[k].name: v for k, v in values.items()}, {}, None)
    assert from_file == from_env == from_flags
    assert all(
        getattr(from_flags, entry.name) != getattr(Options(), entry.name)
        for entry in table.values()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("1:30", 90), ("1:02:03.5", 3723.5), (" 5 ", 5), (0, 0), (2.5, 2.5)],
)
def test_times_may_be_written_as_people_write_them(text: object, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("interval_s", "0", "--interval takes seconds"),
        ("interval_s", "-3", "--interval takes seconds"),
        ("interval_s", "often", "'often'"),
        ("interval_s", "nan", "--interval takes"),
        ("tolerance_s", "-1", "--tolerance takes"),
        ("audio_track", "0", "--audio-track takes a whole number from 1"),
        ("max_evidence_tokens", "199", "--max-evidence takes a number of tokens, 200 or more"),
        ("context", " ", "--context takes words, or the name of a text file"),
        ("length", "huge", "'huge'"),
        ("audio_track", "one", "--audio-track takes"),
        ("language", "English please", "--language takes a language code"),
        ("start_s", "1:2:3:4", "--start takes"),
        ("end_s", "inf", "--end takes"),
        ("tier", "best", "--tier takes one of auto, lite, local, api"),
        ("prompts_dir", "/no/such/folder", "/no/such/folder"),
    ],
)
def test_a_bad_flag_is_named(flag: str, value: str, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        resolve({flag: value}, {}, None)
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_a_bad_environment_value_is_named() -> None:
    with pytest.raises(OptionError, match="VIDSUM_OCR takes true or false"):
        resolve({}, {"VIDSUM_OCR": "maybe"}, None)


def test_a_bad_file_value_names_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "interval = 'x'\n")
    with pytest.raises(OptionError, match=r"interval in .*config\.toml takes"):
        resolve({}, {}, file)


def test_a_command_has_a_table_of_its_own(tmp_path: Path) -> None:
    file = write(tmp_path, "interval = 3\n[watch]\nworkers = 2\n")
    assert resolve({}, {}, file).interval_s == 3
    assert file_table(file, "watch", ("workers", "once")) == {"workers": 2}
    assert file_table(None, "watch", ("workers",)) == {}
    with pytest.raises(OptionError, match=r"^\[watch\] in the config file .* unknown key: workers"):
        file_table(file, "watch", ("worker",))
    with pytest.raises(OptionError, match=r"has no table \[watch\]"):
        file_table(write(tmp_path, "watch = 1\n"), "watch", ("workers",))


def test_an_unknown_key_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="unknown key: intervall") as caught:
        resolve({}, {}, write(tmp_path, "intervall = 3\n"))
    assert caught.value.hint == "Did you mean interval?"


@pytest.mark.parametrize("content", [b"interval = \n", b"\xff\xfe\x00"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    with pytest.raises(OptionError, match=r"config\.toml is not valid TOML"):
        resolve({}, {}, file)


def test_the_end_must_come_after_the_start() -> None:
    with pytest.raises(OptionError, match="--end"):
        resolve({"start_s": "10", "end_s": "10"}, {}, None)


def test_the_tolerance_defaults_to_a_quarter_of_the_interval() -> None:
    assert Options(interval_s=8.0).near_s == 2.0
    assert Options(interval_s=8.0, tolerance_s=0.0).near_s == 0.0


@pytest.mark.parametrize(
    "url",
    ["https://me:sesame@host/v1", "https://host/v1?key=sesame", "https://host/v1#sesame",
     "https://sesame@host/v1"],
)  # fmt: skip
def test_an_address_with_a_secret_in_it_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(OptionError, match="without user name, password or query") as caught:
        resolve({"api": url}, {}, None)
    assert "sesame" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "bad", ["ftp://host/v1", "http:///v1", "two words", "-", "http://[:]", "https://a／b"]
)
def test_what_is_no_address_is_refused(bad: str) -> None:
    with pytest.raises(OptionError, match="--api takes a provider's name or a base URL"):
        resolve({"api": bad}, {}, None)


@pytest.mark.parametrize(
    ("given", "remote"),
    [
        ({}, set()),
        ({"api": "ollama"}, {"reason"}),
        ({"api": "ollama", "caption_model": "m"}, {"caption"}),
        ({"api": "ollama", "caption_model": "m", "reason_model": "n"}, {"caption", "reason"}),
        ({"speech_api": "openai", "reason_model": "n"}, {"speech"}),
    ],
)
def test_auto_asks_a_provider_only_where_one_was_named(
    given: dict[str, str], remote: set[str]
) -> None:
    options = resolve(given, {}, None)
    assert {
        task for task in ("caption", "speech", "reason") if options.wants_remote(task)
    } == remote


def test_an_address_for_one_task_beats_the_common_one() -> None:
    options = resolve({"api": "ollama", "speech_api": "openrouter"}, {}, None)
    assert options.api_for("speech") == "openrouter"
    assert options.api_for("reason") == "ollama"
    assert Options().api_for("caption") == "openai"
