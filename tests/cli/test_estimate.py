"""``vidsum estimate`` through the whole program: what it prints, writes and refuses."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from footage import ffmpeg, film
from hypothesis import given
from hypothesis import strategies as st
from models import MMPROJ, VLM, WHISPER
from spoken import spoken_video, spoken_wav
from thinning import every_second

from vidsum.cli.estimatefigures import count, ends, few, took, usd
from vidsum.cli.main import run
from vidsum.costs.ledger import Ledger, default_path
from vidsum.data import SCHEMA_VERSION, Span

SERVER = "http://127.0.0.1:9/v1"
"""Nobody is asked there: an estimate that did would fail."""
TABLE = """
[[price]]
host = "127.0.0.1"
model = "flash"
input_usd_per_mtok = 0.30
output_usd_per_mtok = 2.50
audio_usd_per_mtok = 1.00
date = "2026-11-20"

[[price]]
host = "127.0.0.1"
model = "deaf"
input_usd_per_mtok = 0.30
output_usd_per_mtok = 2.50
date = "2026-11-20"
"""
SEES = ["--captioner", "local", "--caption-model", str(VLM), "--mmproj", str(MMPROJ),
        "--gpu-layers", "0", "--threads", "1", "--no-ocr"]  # fmt: skip
HEARS = ["--transcriber", "whisper", "--speech-model", str(WHISPER)]
LINES = [(3.0, "open red circle"), (9.0, "move left and stop")]
Shown = tuple[int, str, str]
Show = Callable[..., Shown]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "prices.toml").write_text(TABLE, "utf-8")
    monkeypatch.setenv("VIDSUM_HOME", str(folder))
    return folder


@pytest.fixture
def show(capfd: pytest.CaptureFixture[str]) -> Show:
    """Run ``vidsum estimate …``: exit code, stdout, stderr."""

    def command(*arguments: object) -> Shown:
        capfd.readouterr()
        code = run(["estimate", *map(str, arguments)])
        return (code, *capfd.readouterr())

    return command


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spoken_video(tmp_path_factory.mktemp("said") / "said.mp4", LINES, 20)


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour of a test picture and silence."""
    path = tmp_path_factory.mktemp("hour") / "hour.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=1:d=3600", "-f", "lavfi", "-i",
           "anullsrc=r=8000:cl=mono", "-t", 3600, "-c:v", "libx264", "-preset", "ultrafast",
           "-g", 60, "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "8k", path)  # fmt: skip
    return path


def parsed(shown: Shown, code: int = 0) -> Any:
    assert shown[0] == code, shown[2]
    found = json.loads(shown[1])
    assert found["schema_version"] == SCHEMA_VERSION
    return found


def stage_of(found: Any, name: str) -> Any:
    [stage] = [one for one in found["stages"] if one["stage"] == name]
    return stage


def entries() -> list[Any]:
    with Ledger(default_path()) as ledger:
        return list(ledger.entries())


def cells(out: str, name: str) -> list[str]:
    """The cells of a row of a plain table, which lie two spaces apart."""
    [line] = [line for line in out.splitlines() if re.match(re.escape(name) + r"(  |$)", line)]
    return re.split(r"  +", line)


# ---- what is exact, through the program


def test_precise_names_what_the_run_then_makes(
    said: Path, show: Show, capfd: pytest.CaptureFixture[str]
) -> None:
    found = parsed(show(said, *SEES, *HEARS, "--precise", "--json", "-q"))
    assert run([str(said), *SEES, *HEARS, "--json", "-q"]) == 0
    made = json.loads(capfd.readouterr().out)
    frames = len(made["frames"])
    assert found["facts"]["captions"] == {"least": frames, "likely": frames, "most": frames}
    [described] = [s for s in made["receipt"]["stages"] if s["stage"] == "describe"]
    assert described["counts"]["captions"] == frames
    assert round(found["facts"]["speech_s"]["likely"], 3) == made["transcript"]["speech_s"] > 1
    for kind, total in (("cu", made["receipt"]["total"]["cu"]["value"]),
                        ("calls", made["receipt"]["total"]["calls"])):  # fmt: skip
        assert found["total"][kind]["least"] <= total <= found["total"][kind]["most"]


def test_a_page_says_it_in_words(said: Path, show: Show) -> None:
    code, out, err = show(said, *SEES, *HEARS, "--precise")
    assert code == 0
    assert out.startswith("What said.mp4 would cost\n=")
    assert "0:20 · its pictures sampled, its speech found." in out
    assert re.search(r"\d of speech|\d s of speech to recognise, in \d+ passage", out)
    assert cells(out, "speech")[1] == "whisper"
    assert "API cost $0" in out
    told = [line.split(": ")[1] for line in err.splitlines()]
    assert {"looking", "finding speech"} <= set(told)


# ---- the comparison, by hand

COMPARING = ("--compare-model", "flash", "--reason-api", SERVER, "--tier", "lite", "-q")


def test_an_hour_beside_the_naive_way_by_hand(hour: Path, show: Show) -> None:
    code, out, err = show(hour, "--compare", *COMPARING)
    assert (code, err) == (0, "")
    assert "Beside the naive way: flash on both sides" in out
    # One frame a second of 258 tokens; half of the 720 samples are likely to be kept.
    table = out[out.index("what it reads") :]
    assert cells(table, "pictures") == [
        "pictures", "3,600 frames × 258 = 928,800", "360 captions × 48 = 17,280"]  # fmt: skip
    # 3,600 s × 32; 60 % of them are likely to be speech: 2,160 s × 12,000 / 3,600
    assert cells(table, "sound") == ["sound", "3,600 s × 32 = 115,200", "transcript 7,200"]
    assert cells(table, "prompt") == ["prompt", "1,000", "1,000"]
    # 928,800 + 115,200 + 1,000; 17,280 + 7,200 + 1,000
    assert cells(table, "tokens in") == ["tokens in", "1,045,000", "25,480"]
    assert cells(table, "tokens out") == ["tokens out", "2,000", "2,000"]
    # (929,800 × $0.30 + 115,200 × $1.00 + 2,000 × $2.50) / 1M = 0.27894 + 0.1152 + 0.005
    # (25,480 × $0.30 + 2,000 × $2.50) / 1M = 0.007644 + 0.005
    assert cells(table, "cost") == ["cost", "$0.399", "$0.0126"]
    # 3,600 frames to 720: 2,880 × 258 × $0.30 / 1M
    assert cells(table, "a picture every 5 s, not every second")[1:] == ["743,040", "$0.223"]
    # 720 to 360: 360 × 258 = 92,880 × $0.30 / 1M
    assert cells(table, "repeated pictures left out")[1:] == ["92,880", "$0.0279"]
    # 360 × (258 - 48) = 75,600 × $0.30 / 1M
    assert cells(table, "captions of 48 tokens, not frames of 258")[1:] == ["75,600", "$0.0227"]
    # 115,200 × $1.00 - 7,200 × $0.30, a million
    assert cells(table, "a transcript, not the sound")[1:] == ["108,000", "$0.113"]
    # 1,045,000 - 25,480; $0.39914 - $0.012644
    assert cells(table, "in all") == ["in all", "1,019,520", "$0.386"]
    # 0.39914 / 0.012644 = 31.57
    assert "About 32 times cheaper than the naive way, without electricity." in out
    assert "Pictures and speech are estimated; --precise counts them." in out
    assert "captions of 48 tokens, a transcript of 7,200, 2,000 tokens of answer" in " ".join(
        out.split())  # fmt: skip
    assert "Prices: local 2026-11-20." in out


def test_the_saving_adds_up_to_the_billionth_of_a_dollar(hour: Path, show: Show) -> None:
    found = parsed(show(hour, "--compare", *COMPARING, "--json"))["comparison"]
    assert found["naive"]["usd_nano"] == 399_140_000
    assert found["total_usd_nano"] == 12_644_000
    by_cause = {one["cause"]: one["usd_nano"] for one in found["savings"]}
    assert by_cause == {"sampling": 222_912_000, "duplicates": 27_864_000,
                        "frame tokens": 22_680_000, "sound": 113_040_000, "engines": 0}  # fmt: skip
    assert sum(by_cause.values()) == 399_140_000 - 12_644_000


def test_an_hour_that_was_looked_at(hour: Path, show: Show) -> None:
    """Pictures are counted now, and silence has no words."""
    code, out, _ = show(hour, "--precise", "--compare", *COMPARING, "--no-ocr")
    assert code == 0
    words = " ".join(out.split())
    looked = re.search(r"(\d+) pictures looked at, one every 5 s; (\d+) of them", words)
    assert looked is not None, words
    samples, kept = int(looked[1]), int(looked[2])
    assert samples in (720, 721)
    table = out[out.index("what it reads") :]
    assert cells(table, "pictures")[2] == (
        f"{kept} caption{'' if kept == 1 else 's'} × 48 = {kept * 48:,}")  # fmt: skip
    assert cells(table, "sound")[2] == "none"
    # (kept × 48 + 1,000) × $0.30 + 2,000 × $2.50, a million
    usd_of_ours = ((kept * 48 + 1000) * 0.30 + 5000) / 1e6
    assert cells(table, "cost")[2] == f"${usd_of_ours:.3g}"
    assert f"{0.39914 / usd_of_ours:.0f} times cheaper" in out
    assert cells(table, "repeated pictures left out")[1] == f"{(samples - kept) * 258:,}"
    assert "--precise counts" not in out


def test_our_engines_stand_on_our_side(hour: Path, show: Show) -> None:
    remote = ["--captioner", "remote", "--caption-api", SERVER, "--caption-model", "flash",
              "--transcriber", "none"]  # fmt: skip
    shown = show(hour, "--compare-model", "flash", "--reason-api", SERVER, *remote, "--tier",
                 "lite", "-q", "--json")  # fmt: skip
    found = parsed(shown)
    compared, spent = found["comparison"], stage_of(found, "describe")["usd_nano"]["likely"]
    assert spent > 0
    assert compared["engines_usd_nano"] == spent
    assert compared["total_usd_nano"] == compared["ours"]["usd_nano"] + spent
    saved = [one["usd_nano"] for one in compared["savings"]]
    assert sum(saved) == compared["naive"]["usd_nano"] - compared["total_usd_nano"]
    page = show(hour, "--compare-model", "flash", "--reason-api", SERVER, *remote, "--tier",
                "lite", "-q")[1]  # fmt: skip
    assert cells(page, "captions and transcript have to be made")[1].startswith("-$")
    assert len(cells(page, "our engines")) == 2


def test_a_model_without_a_price_makes_no_ratio(hour: Path, show: Show) -> None:
    shown = show(hour, "--compare-model", "nobody", "--reason-api", SERVER, "--tier", "lite", "-q")
    assert shown[0] == 0
    assert "How many times cheaper is unknown: a price is not known." in shown[1]
    table = shown[1][shown[1].index("what it reads") :]
    assert cells(table, "cost") == ["cost", "?", "?"]
    assert cells(table, "in all")[-1] == "?"
    assert "takes no sound" not in shown[1]


def test_a_model_that_takes_no_sound_is_given_our_words(hour: Path, show: Show) -> None:
    shown = show(hour, "--compare-model", "deaf", "--reason-api", SERVER, "--tier", "lite", "-q")
    table = shown[1][shown[1].index("what it reads") :]
    assert cells(table, "sound") == ["sound", "transcript 7,200", "transcript 7,200"]
    assert "The model takes no sound" in shown[1]


# ---- unknown is unknown


def test_an_unpriced_model_is_unknown_and_counted(said: Path, show: Show) -> None:
    asked = ["--captioner", "remote", "--caption-api", SERVER, "--caption-model", "nobody",
             "--tier", "lite", "--no-ocr"]  # fmt: skip
    found = parsed(show(said, *asked, "--json"))
    describe = stage_of(found, "describe")
    assert (describe["usd_nano"], describe["cu"], describe["unpriced"]) == (None, None, True)
    assert describe["calls"]["most"] >= 4
    assert found["total"]["unknown_usd"] == found["total"]["unknown_cu"] == 1
    assert found["total"]["usd_nano"]["most"] is None
    assert found["total"]["cu"]["likely"] is None
    out = show(said, *asked)[1]
    assert cells(out, "pictures")[-1] == "?"
    assert "API cost unknown (1 stage unpriced)" in " ".join(out.split())


def test_what_is_priced_stands_beside_what_is_not(said: Path, show: Show) -> None:
    asked = [
        "--api",
        SERVER,
        "--caption-model",
        "nobody",
        "--reason-model",
        "flash",
        "--captioner",
        "remote",
        "--reasoner",
        "remote",
        "--transcriber",
        "none",
        "--no-ocr",
    ]
    out = " ".join(show(said, *asked)[1].split())
    assert re.search(r"API cost ≥ \$0\.\d+ \(2 stages unpriced\)", out)


# ---- all kinds of files


def test_a_bad_file_among_good_ones(said: Path, tmp_path: Path, show: Show) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    shown = show(said, bad, said, "--json", "-q", "--no-ocr")
    found = parsed(shown, 7)
    assert [Path(one["path"]).name for one in found["estimates"]] == ["said.mp4"] * 2
    assert [(Path(one["path"]).name, one["exit_code"]) for one in found["failed"]] == [
        ("bad.mp4", 3)]  # fmt: skip
    assert "bad.mp4" in shown[2]
    page = show(said, bad, said, "--no-ocr")
    assert page[0] == 7
    assert page[1].count("What said.mp4 would cost") == 2
    assert "\n\nWhat said.mp4" in page[1]


def test_nothing_but_bad_files(tmp_path: Path, show: Show) -> None:
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / name).write_bytes(b"no video")
    shown = show(tmp_path / "one.mp4", tmp_path / "two.mp4", "--json", "-q")
    found = parsed(shown, 3)
    assert found["estimates"] == []
    assert len(found["failed"]) == 2
    code, out, err = show(tmp_path / "one.mp4", "--json")
    assert (code, out) == (3, "")
    assert len(err.splitlines()) == 1


def test_a_file_that_does_not_say_how_long_it_is(said: Path, tmp_path: Path, show: Show) -> None:
    path = tmp_path / "endless.webm"
    ffmpeg("-i", said, "-c:v", "libvpx", "-c:a", "libopus", "-live", 1, path)
    with av.open(str(path)) as file:
        assert file.duration is None
    code, out, err = show(path)
    assert (code, out) == (2, "")
    assert "--precise finds out" in err
    found = parsed(show(path, "--precise", "--json", "-q", "--no-ocr"))
    assert found["facts"]["duration_s"] == pytest.approx(20, abs=0.3)
    part = parsed(show(path, "--end", "10", "--json", "-q"))
    assert part["facts"]["duration_s"] == 10


def test_sound_only_no_sound_and_a_cover(said: Path, tmp_path: Path, show: Show) -> None:
    wav = spoken_wav(tmp_path / "said.wav", LINES, 20)
    found = parsed(show(wav, *HEARS, "--json", "-q", "--gpu-layers", "0"))
    assert found["facts"]["captions"]["most"] == 0
    assert {stage["stage"] for stage in found["stages"]} >= {"transcript"}
    assert "looked at" not in show(wav, *HEARS, "-q", "--gpu-layers", "0")[1]

    picture = np.zeros((64, 64, 3), np.uint8)
    picture[16:48, 16:48] = 200
    silent = film(tmp_path / "silent.mp4", [(9.0, picture)])
    assert "There is no sound." in show(silent, *HEARS, "-q", "--gpu-layers", "0")[1]

    cover, png = tmp_path / "cover.mp3", tmp_path / "cover.png"
    ffmpeg("-i", silent, "-frames:v", 1, png)
    ffmpeg("-i", wav, "-i", png, "-map", 0, "-map", 1, "-c:v", "png", "-disposition:v",
           "attached_pic", cover)  # fmt: skip
    for more in ([], ["--precise"]):
        found = parsed(show(cover, *more, "--json", "-q"))
        assert found["facts"]["has_video"] is False
        assert found["facts"]["samples"]["most"] == 0


def test_a_part_of_a_video(said: Path, show: Show) -> None:
    found = parsed(show(said, "--start", "5", "--end", "15", "--json", "-q"))["facts"]
    assert (found["duration_s"], found["start_s"], found["end_s"]) == (10, 5, 15)
    assert found["samples"]["likely"] == 2
    code, _, err = show(said, "--start", "50")
    assert code == 2
    assert "past the end" in err


def test_caps_are_left_out_of_account(said: Path, show: Show) -> None:
    plain = parsed(show(said, *SEES, *HEARS, "--json", "-q", "--precise"))
    capped = parsed(show(said, *SEES, *HEARS, "--json", "-q", "--precise", "--max-cu", "0.0001",
                         "--max-seconds", "1", "--max-usd-per-day", "0"))  # fmt: skip
    assert capped["facts"] == plain["facts"]
    assert capped["total"]["cu"] == plain["total"]["cu"]


# ---- what is written


def test_a_dry_run_is_an_estimate_and_writes_nothing(
    said: Path, tmp_path: Path, show: Show, capfd: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "result.json"
    expected = show(said, *SEES, "--json")
    assert run([str(said), *SEES, "--dry-run", "--json", "-o", str(output)]) == 0
    out, err = capfd.readouterr()
    assert out == expected[1]
    assert err == expected[2]
    assert not output.exists()
    assert run([str(said), *SEES, "--dry-run", "-o", f"{tmp_path}/out/"]) == 0
    assert "would cost" in capfd.readouterr().out
    assert not (tmp_path / "out").exists()
    assert not default_path().exists()


def test_only_looking_goes_into_the_ledger(said: Path, show: Show) -> None:
    parsed(show(said, *SEES, *HEARS, "--json", "-q"))
    assert entries() == []
    parsed(show(said, *SEES, *HEARS, "--json", "-q", "--precise"))
    lines = entries()
    assert {line.kind for line in lines} == {"run", "stage"}
    assert {"decode", "dedupe", "vad"} <= {line.stage for line in lines}


def test_time_is_known_once_something_alike_was_run(
    said: Path, show: Show, capfd: pytest.CaptureFixture[str]
) -> None:
    before = parsed(show(said, "--tier", "lite", "--no-ocr", "--json", "-q"))
    assert before["total"]["unknown_seconds"] == len(before["stages"])
    assert before["total"]["seconds"]["likely"] is None
    page = " ".join(show(said, "--tier", "lite", "--no-ocr", "-q")[1].split())
    assert "time unknown (nothing alike was run here yet)" in page
    assert run([str(said), "--tier", "lite", "--no-ocr", "-q"]) == 0
    capfd.readouterr()
    after = parsed(show(said, "--tier", "lite", "--no-ocr", "--json", "-q"))
    assert after["total"]["unknown_seconds"] == 0
    assert after["total"]["seconds"]["likely"] > 0


# ---- how it looks


def on_a_terminal(columns: int, *arguments: object) -> str:
    """What ``vidsum estimate`` prints on a terminal of that width, without its colours."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color"}
    env.pop("COLUMNS", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "vidsum", "estimate", *map(str, arguments)],
        stdout=slave, stderr=subprocess.DEVNULL, stdin=slave, env=env,
    )  # fmt: skip
    os.close(slave)
    pieces = []
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(master)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", b"".join(pieces).decode())


MIXED = ["--api", SERVER, "--captioner", "remote", "--reasoner", "remote", "--caption-model",
         "a-provider/with-a-rather-long-name-of-a-model-2026-11-20", "--reason-model", "flash",
         "--compare", *HEARS, "--gpu-layers", "0"]  # fmt: skip


def test_plain_text_fits_into_80_columns(hour: Path, said: Path, show: Show) -> None:
    for arguments in ((hour, *MIXED), (said, *SEES, *HEARS, "--compare"), (hour, "--compare")):
        code, out, err = show(*arguments)
        assert code == 0, err
        assert max(map(len, out.splitlines())) <= 80, out


@pytest.mark.parametrize("columns", every_second([80, 100, 120]))
def test_a_terminal_shows_every_figure(hour: Path, show: Show, columns: int) -> None:
    shown = on_a_terminal(columns, hour, *MIXED)
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= min(columns, 100)
    plain = show(hour, *MIXED)[1]
    for figure in re.findall(r"\$[0-9.]+|[0-9,.]+ s\b", plain):
        assert figure in shown


def test_help_touches_no_disk_and_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("sqlite3", "genai_prices", "numpy", "rich", "av", "pydantic", "platformdirs")
    code = (
        f"import sys, contextlib, io\nfrom vidsum.cli.main import run\n"
        f"out = io.StringIO()\nwith contextlib.redirect_stdout(out):\n"
        f"    done = run(sys.argv[1:])\n"
        f"print(done, len(out.getvalue()), *[m for m in {heavy!r} if m in sys.modules])"
    )
    state = tmp_path / "elsewhere"
    env = {**os.environ, "VIDSUM_HOME": str(state), "HOME": str(tmp_path / "h"),
           "XDG_CONFIG_HOME": str(tmp_path / "h")}  # fmt: skip
    for arguments in (["--help"], ["estimate", "--help"], ["ledger", "--help"],
                      ["ledger", "show", "--help"], ["summarize", "--help"]):  # fmt: skip
        done = subprocess.run([sys.executable, "-B", "-c", code, *arguments], env=env,
                              capture_output=True, text=True, check=True)  # fmt: skip
        assert re.fullmatch(r"0 \d{3,}\n", done.stdout), (arguments, done.stdout)
        assert not state.exists()
        assert not (tmp_path / "h").exists()


# ---- figures


@given(st.floats(0, 1e7), st.floats(0, 1e7))
def test_rounded_ends_of_a_range_still_hold(one: float, other: float) -> None:
    least, most = sorted((one, other))
    for words in (few, count):
        assert float(words(least, ROUND_FLOOR).replace(",", "")) <= least
        assert float(words(most, ROUND_CEILING).replace(",", "")) >= most
    assert float(usd(most, ROUND_CEILING).lstrip("$").replace(",", "")) * 1e9 >= most * (1 - 1e-12)
    if least < most:
        assert "–" in ends(Span(least, most, most), few)


@pytest.mark.parametrize(("value", "words"), [
    (0, "0 s"), (0.04, "<0.1 s"), (0.44, "0.4 s"), (9.96, "10 s"), (44.7, "45 s"),
    (720, "12 min"), (9000, "2.5 h"),
])  # fmt: skip
def test_a_length_of_time_in_words(value: float, words: str) -> None:
    assert took(value) == words
    assert took(value, ROUND_CEILING).split()[1] == words.split()[1]


@pytest.mark.parametrize(("nano", "words"), [
    (0, "$0"), (1_234_567, "$0.0012"), (26_400_000, "$0.026"), (399_140_000, "$0.40"),
    (12_345_678_900, "$12.35"), (1, "$0.000000001"),
])  # fmt: skip
def test_money_in_words(nano: int, words: str) -> None:
    assert usd(nano) == words
    assert usd(99_999, ROUND_FLOOR) == "$0"
