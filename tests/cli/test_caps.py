"""Runs under a cap, through the whole program: what is spent, what is left out, what is said."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from footage import film
from models import MMPROJ, VLM, WHISPER
from scenes import random_scenes
from scripted_provider import HANG, Answer, Call, ScriptedProvider, Step, fails, says
from spoken import spoken_video

from vidsum import api
from vidsum.cli.main import run
from vidsum.config import Options

NANO = 10**9
SHOT_S = 5.0
PRICES = """
[[price]]
host = "127.0.0.1"
model = "gpt-4o"
input_usd_per_mtok = 1
output_usd_per_mtok = 4
"""
SEES = ["--captioner", "local", "--caption-model", str(VLM), "--mmproj", str(MMPROJ),
        "--threads", "1", "--no-ocr"]  # fmt: skip
HEARS = ["--transcriber", "whisper", "--speech-model", str(WHISPER), "--threads", "1", "--no-ocr"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own, where the scripted provider's model has a price.

    Nothing is kept there: each run of a test has to pay for what it finds.
    """
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("VIDSUM_HOME", str(folder))
    monkeypatch.setenv("VIDSUM_CACHE", "0")
    return folder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 scenes of five seconds, all different."""
    drawn = [s for s in random_scenes(seed=7, count=40) if s.kind != "blank"][:24]
    shots = [(SHOT_S if i else SHOT_S / 2, s.image()) for i, s in enumerate(drawn)]
    return film(tmp_path_factory.mktemp("film") / "scenes.mp4", shots)


@dataclass(frozen=True)
class Books:
    """What the ledger has of one run's calls, or of all runs: settled, else the worst case."""

    usd_nano: int
    cu: float
    calls: int


def books(home: Path, run_id: str | None = None) -> Books:
    """Add up the ledger's rows by hand."""
    with sqlite3.connect(home / "ledger.db") as ledger:
        ledger.row_factory = sqlite3.Row
        rows = ledger.execute("SELECT * FROM entries WHERE kind = 'call' ORDER BY id").fetchall()
    ledger.close()
    rows = [row for row in rows if run_id in (None, row["run_id"])]
    ends = {row["call_id"]: row for row in rows if row["phase"] != "reserve"}
    usd_nano, cu, calls = 0, 0.0, 0
    for begun in (row for row in rows if row["phase"] == "reserve"):
        end = ends.get(begun["call_id"])
        if end is not None and end["phase"] == "release":
            continue
        known = begun if end is None else end
        usd, units = known["usd_nano"] if end else None, known["cu"] if end else None
        usd_nano += begun["reserved_usd_nano"] or 0 if usd is None else usd
        cu += begun["reserved_cu"] or 0.0 if units is None else units
        calls += 1
    return Books(usd_nano, cu, calls)


def open_stages(home: Path) -> list[str]:
    """The stages that began and have no end."""
    with sqlite3.connect(home / "ledger.db") as ledger:
        rows = ledger.execute(
            "SELECT stage FROM entries WHERE kind = 'stage' GROUP BY call_id HAVING count(*) < 2"
        ).fetchall()
    ledger.close()
    return [stage for (stage,) in rows]


def answer(capfd: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    """The JSON that a call prints."""
    assert run([*map(str, arguments), "--json", "-q"]) == code, capfd.readouterr().err
    return json.loads(capfd.readouterr().out)


def given_up(found: Any) -> list[str]:
    told: list[str] = found["receipt"]["spending"]["given_up"]
    return told


def spent_usd(found: Any) -> int:
    return int(Decimal(found["receipt"]["api_usd"]) * NANO)


def described(found: Any, backend: str) -> list[float]:
    """When the pictures are that a model has described."""
    return [f["time_s"] for f in found["frames"]
            if f["caption"]["backend"] == backend and f["caption"]["error"] is None]  # fmt: skip


def assert_spread(times: list[float], found: Any, at_once: int = 1) -> None:
    """Pictures are from the whole time, as evenly as an order of information promises.

    Of ``at_once`` requests that are under way at the end, the first may be the one refused.
    """
    every = [f["time_s"] for f in found["frames"]]
    span_s = every[-1] - every[0]
    longest_s = max(b - a for a, b in pairwise(every))
    count = max(1, len(times) - at_once + 1)
    most_s = 4 * span_s / count + longest_s
    assert max(b - a for a, b in pairwise([every[0], *times, every[-1]])) <= most_s
    if count >= 3:
        assert times[0] <= every[0] + span_s / 4
        assert times[-1] >= every[-1] - span_s / 4


def assert_partial(found: Any, backend: str) -> None:
    """The whole video is covered, each picture has a caption, and it says what is missing."""
    assert found["partial"] is True
    assert given_up(found)
    assert found["coverage"]["covered_share"] == 1.0
    assert all(f["caption"]["text"] and f["caption"]["error"] is None for f in found["frames"])
    times = described(found, backend)
    assert len(times) < len(found["frames"])
    if times:
        assert_spread(times, found, found["options"]["api_requests"] if backend == "remote" else 1)
    assert found["summary"]["title"]


def a_model(seed: int) -> Step:
    """Answers late, in any order, and bills anything that it may."""
    rng, lock = random.Random(seed), threading.Lock()

    def step(call: Call) -> Answer:
        with lock:
            late_s, sent, said = rng.uniform(0, 0.03), rng.random(), rng.randint(1, 80)
            name = rng.randint(0, 10**6)
        most = len(call.prompt.encode()) + 255  # the picture: 85 tokens and a tile of 170
        time.sleep(late_s)
        return says(f"Picture {name}.", usage=(int(most * sent), said))

    return step


def sees_at(url: str, many: int = 4) -> list[object]:
    return ["--captioner", "remote", "--caption-api", url, "--caption-model", "gpt-4o", "--no-ocr",
            "--api-requests", many]  # fmt: skip


@pytest.mark.slow
def test_money_is_never_over_a_cap_with_calls_under_way(
    scenes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(4)
    partly = 0
    with ScriptedProvider(a_model(1)) as provider:
        whole = answer(capfd, scenes, *sees_at(provider.url))
        full = spent_usd(whole)
        assert books(home, whole["receipt"]["run_id"]).usd_nano == full > 0
        shares = [0.5, *(rng.uniform(0.05, 1.3) for _ in range(7))]
        for share in shares:
            cap = int(full * share)
            many = rng.choice((3, 4, 8))
            options = [*sees_at(provider.url, many), "--max-usd", Decimal(cap) / NANO]
            code = run([*map(str, (scenes, *options)), "--json", "-q"])
            found = json.loads(capfd.readouterr().out)
            kept = books(home, found["receipt"]["run_id"])
            assert kept.usd_nano <= cap
            assert kept.usd_nano == spent_usd(found)
            assert code == (6 if given_up(found) else 0)
            times = described(found, "remote")
            assert kept.calls == len(times)
            if code:
                assert_partial(found, "remote")
                partly += len(times) >= many + 2
    assert partly >= 3


def test_money_at_half_of_the_estimate(
    scenes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with ScriptedProvider(a_model(2)) as provider:
        options = Options(captioner="remote", caption_api=provider.url, caption_model="gpt-4o",
                          ocr=False)  # fmt: skip
        likely = api.estimate(scenes, options).estimate.totals.usd_nano.likely
        cap = int(likely / 2)
        found = answer(capfd, scenes, *sees_at(provider.url, 2), "--max-usd", Decimal(cap) / NANO,
                       code=6)  # fmt: skip
    assert 0 < books(home).usd_nano <= cap
    assert len(described(found, "remote")) >= 4
    assert_partial(found, "remote")
    [told] = given_up(found)
    left = len(found["frames"]) - len(described(found, "remote"))
    assert told.startswith(f"{left} of {len(found['frames'])} pictures were not described")


@pytest.mark.slow
def test_compute_is_never_over_a_cap(
    scenes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(5)
    whole = answer(capfd, scenes, *SEES)
    full = whole["receipt"]["total"]["cu"]["value"]
    assert books(home).cu == pytest.approx(full, rel=1e-12)
    options = Options(captioner="local", caption_model=str(VLM), mmproj=MMPROJ, threads=1,
                      ocr=False)  # fmt: skip
    likely = api.estimate(scenes, options).estimate.totals.cu.likely
    for cap in (full / 2, likely / 2, *(full * rng.uniform(0.1, 1.1) for _ in range(3))):
        code = run([str(scenes), *SEES, "--max-cu", repr(cap), "--json", "-q"])
        found = json.loads(capfd.readouterr().out)
        kept = books(home, found["receipt"]["run_id"])
        assert kept.cu <= cap
        assert kept.cu == pytest.approx(found["receipt"]["total"]["cu"]["value"], rel=1e-12)
        assert code == (6 if given_up(found) else 0)
        if code:
            assert_partial(found, "local")


@pytest.mark.slow
def test_an_ample_cap_changes_nothing(
    scenes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not even the order: each picture is told the caption before, as without a cap."""
    whole = answer(capfd, scenes, *SEES)
    full = whole["receipt"]["total"]["cu"]["value"]
    found = answer(capfd, scenes, *SEES, "--max-cu", 1000 * full)
    for key in ("summary", "timeline", "frames", "transcript", "warnings", "partial"):
        assert found[key] == whole[key]
    assert given_up(found) == []
    assert found["receipt"]["total"]["cu"] == whole["receipt"]["total"]["cu"]
    with ScriptedProvider(lambda call: says("Something.")) as provider:
        answer(capfd, scenes, *sees_at(provider.url, 1), "--max-usd", 10)
        prompts = [call.prompt for call in provider.calls]
    assert sum("Something." in prompt for prompt in prompts) == len(prompts) - 1


def test_a_cap_that_is_enough_once_pictures_are_counted_changes_nothing(
    tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """By the header there may be thirty pictures, and the cap is too small for those."""
    drawn = [s.image() for s in random_scenes(seed=7, count=40) if s.kind != "blank"][:5]
    still = film(tmp_path / "still.mp4", [(30.0, picture) for picture in drawn])
    asked: list[str] = []

    def step(call: Call) -> Answer:
        asked.append(call.prompt)
        return says(f"Scene {len(asked)}.")

    with ScriptedProvider(step) as provider:
        found = answer(capfd, still, *sees_at(provider.url, 1), "--max-usd", "0.02")
    assert len(found["dropped"]) > len(asked) == len(found["frames"])
    captions = [frame["caption"]["text"] for frame in found["frames"]]
    assert captions == [f"Scene {number}." for number in range(1, len(asked) + 1)]
    assert all(told in prompt for told, prompt in zip(captions, asked[1:], strict=False))
    assert given_up(found) == []


@pytest.mark.parametrize("many", [1, 8])
def test_a_cap_of_0_asks_nobody(
    scenes: Path, home: Path, capfd: pytest.CaptureFixture[str], many: int
) -> None:
    with ScriptedProvider(a_model(3)) as provider:
        found = answer(capfd, scenes, *sees_at(provider.url, many), "--max-usd", "0", code=6)
        assert provider.calls == []
    assert_partial(found, "remote")
    [told] = given_up(found)
    assert told.startswith("No picture was described by the model. The cap of $0.00 is reached. A")
    assert books(home) == Books(0, 0.0, 0)


def test_a_cap_of_0_on_compute(scenes: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = answer(capfd, scenes, *SEES, "--max-cu", "0", code=6)
    assert_partial(found, "local")
    assert books(home) == Books(0, 0.0, 0)


PHRASES = ("open red circle", "move left and stop", "show page seven", "close video")
EVERY_S = 20.0


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 phrases, one every 20 seconds."""
    lines = [(4.0 + EVERY_S * i, PHRASES[i % 4]) for i in range(18)]
    return spoken_video(tmp_path_factory.mktemp("said") / "said.mp4", lines, 372)


@pytest.mark.slow
def test_speech_under_a_cap_is_recognised_in_parts_of_all_of_it(
    said: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = answer(capfd, said, *HEARS)
    full = whole["receipt"]["total"]["cu"]["value"]
    with sqlite3.connect(home / "ledger.db") as ledger:
        (dearest,) = ledger.execute("SELECT max(reserved_cu) FROM entries").fetchone()
    ledger.close()
    lengths = []
    for share in (0.3, 0.8):
        cap = dearest + full * share
        code = run([str(said), *HEARS, "--max-cu", repr(cap), "--json", "-q"])
        found = json.loads(capfd.readouterr().out)
        kept = books(home, found["receipt"]["run_id"])
        assert kept.cu <= cap
        assert kept.cu == pytest.approx(found["receipt"]["total"]["cu"]["value"], rel=1e-12)
        times = [segment["start_s"] for segment in found["transcript"]["segments"]]
        lengths.append(len(times))
        assert times[0] < 10
        assert times[-1] > 340
        assert (code == 6) == (len(times) < 18)
        if code:
            [told] = given_up(found)
            assert re.fullmatch(r"\d+(\.\d)? of 21\.2 s of speech were not recognised; what was is "
                                r"spread over the whole time\.", told)  # fmt: skip
            assert found["partial"] is True
    assert lengths == sorted(lengths)
    assert 3 <= lengths[0] < lengths[1] < 18


@pytest.mark.slow
def test_speech_that_no_cap_allows(
    said: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for cap in ("0", "0.001"):
        found = answer(capfd, said, *HEARS, "--max-cu", cap, code=6)
        [told] = given_up(found)
        assert told.startswith("No speech was recognised")
        assert found["transcript"]["segments"] == []
        assert found["summary"]["title"]
    assert books(home) == Books(0, 0.0, 0)


def test_pictures_get_what_the_ears_leave(
    scenes: Path, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Both models under one cap: speech is thinned before it has taken what pictures need."""
    lines = [(4.0 + EVERY_S * i, PHRASES[i % 4]) for i in range(6)]
    video = spoken_video(tmp_path / "both.mp4", lines, 117.0, picture=scenes)
    both = [*SEES, *HEARS[:4]]
    found = answer(capfd, video, *both, "--max-cu", "0.008", code=6)
    assert books(home).cu <= 0.008
    assert 0 < len(found["transcript"]["segments"]) < len(lines)
    assert len(described(found, "local")) >= 4
    assert_spread(described(found, "local"), found)


def writes(call: Call) -> Answer:
    """Describes a picture; sums up what it is told."""
    if not isinstance(call.body["messages"][-1]["content"], str):
        return says("A picture of something.", usage=(300, 20))
    text = {"chapters": [], "key_points": [], "overview": "Shapes come one after the other.",
            "title": "Shapes", "names": ["shapes"], "caveats": []}  # fmt: skip
    return says(json.dumps(text), usage=(1500, 200))


def reasons_at(url: str) -> list[object]:
    return ["--reasoner", "remote", "--reason-api", url, "--reason-model", "gpt-4o",
            "--reason-context", 16_000]  # fmt: skip


def test_a_summary_that_does_not_fit_is_quoted(
    scenes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with ScriptedProvider(writes) as provider:
        found = answer(capfd, scenes, "--no-ocr", *reasons_at(provider.url), "--max-usd", "0.001",
                       code=6)  # fmt: skip
        assert provider.calls == []
    assert found["summary"]["backend"] == "extractive"
    assert given_up(found) == ["The summary is quoted, not written by a model: that does not fit "
                               "under the cap."]  # fmt: skip
    assert books(home) == Books(0, 0.0, 0)


def test_pictures_are_given_up_before_the_summary(
    scenes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """From a small cap to a large one: quoted; written with fewer pictures; all."""
    forms = []
    with ScriptedProvider(writes) as provider:
        options = [*sees_at(provider.url), *reasons_at(provider.url)]
        for cap in ("0.002", "0.03", "1"):
            arguments = [*map(str, (scenes, *options)), "--max-usd", cap, "--json", "-q"]
            code = run(arguments)
            found = json.loads(capfd.readouterr().out)
            assert books(home, found["receipt"]["run_id"]).usd_nano <= Decimal(cap) * NANO
            assert code == (6 if given_up(found) else 0)
            seen = len(described(found, "remote")) / len(found["frames"])
            forms.append((found["summary"]["backend"], seen == 1))
            if code:
                assert_partial(found, "remote")
    assert forms == [("extractive", False), ("remote", False), ("remote", True)]


@pytest.mark.parametrize("cap", ["--max-usd", "--max-cu"])
def test_a_cap_that_cannot_be_kept_is_refused(
    scenes: Path, home: Path, capfd: pytest.CaptureFixture[str], cap: str
) -> None:
    (home / "prices.toml").unlink()
    with ScriptedProvider(a_model(4)) as provider:
        options = [*map(str, (scenes, *sees_at(provider.url))), cap, "1", "-q"]
        assert run(options) == 2
        out, err = capfd.readouterr()
        assert out == ""
        assert provider.calls == []
        [line] = err.splitlines()
        assert "gpt-4o" in line
        assert "--allow-unpriced" in line
        assert ("prices.toml" in line) == (cap == "--max-usd")
        assert run([*options, "--allow-unpriced", "--json"]) == 0
        found = json.loads(capfd.readouterr().out)
        assert len(provider.calls) == len(found["frames"])
    assert found["receipt"]["api_usd"] is None
    assert found["receipt"]["total"]["usd_nano"]["unknown"] == len(found["frames"])
    assert given_up(found) == []


def test_a_days_cap_holds_over_runs(
    scenes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cap = 7_000_000
    (home / "config.toml").write_text(f'max_usd_per_day = "{Decimal(cap) / NANO}"\n')
    with ScriptedProvider(a_model(5)) as provider:
        options = [*sees_at(provider.url), "--config", home / "config.toml"]
        first = answer(capfd, scenes, *options, code=6)
        assert 0 < books(home).usd_nano <= cap
        assert_partial(first, "remote")
        asked = len(provider.calls)
        assert len(described(first, "remote")) == asked
        second = answer(capfd, scenes, *options, code=6)
        assert books(home).usd_nano <= cap
        assert_partial(second, "remote")
        assert len(described(second, "remote")) == len(provider.calls) - asked
    for found in (first, second):
        [told] = given_up(found)
        # The run or the ledger refuses, whichever is asked first.
        assert re.search(r"cap of \$0\.007( a day)? is reached", told)
        assert "day" in told
        assert {warning["code"] for warning in found["warnings"]} == {"cap"}


@pytest.mark.slow
def test_seconds_bound_what_is_read(
    talk: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = answer(capfd, talk, "--tier", "lite", "--max-seconds", "4", code=6)
    assert found["partial"] is True
    [told] = given_up(found)
    kept = found["frames"]
    assert re.fullmatch(rf"The text on \d+ of {len(kept)} pictures was not read: the cap of 4 "
                        r"seconds left no time for it\.", told)  # fmt: skip
    read = [f["time_s"] for f in kept if f["text"] is not None]
    assert 0 < len(read) < len(kept)
    assert_spread(read, found)
    assert found["coverage"]["covered_share"] == 1.0
    assert found["summary"]["title"]
    assert found["transcript"]["segments"]


@pytest.mark.slow
def test_seconds_that_are_enough_change_nothing(
    talk: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = answer(capfd, talk, "--tier", "lite", "--end", "20")
    found = answer(capfd, talk, "--tier", "lite", "--end", "20", "--max-seconds", "1000")
    for key in ("summary", "timeline", "frames", "transcript", "warnings", "partial"):
        assert found[key] == whole[key]
    assert given_up(found) == []


def test_a_retry_counts_its_worst_case(
    scenes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each second request fails, and may be billed all the same."""
    numbers, lock = iter(range(10**6)), threading.Lock()

    def step(call: Call) -> Answer:
        with lock:
            number = next(numbers)
        return (
            fails(500, "Try again.", retry_after="0")
            if number % 2
            else says("Something.", usage=(50, 5))
        )

    cap = 8_000_000
    with ScriptedProvider(step) as provider:
        found = answer(capfd, scenes, *sees_at(provider.url), "--max-usd", Decimal(cap) / NANO,
                       "--end", "60", code=6)  # fmt: skip
        sent = len(provider.calls)
    kept = books(home)
    assert kept.usd_nano <= cap
    assert kept.calls == sent
    total = found["receipt"]["total"]
    assert total["failed_calls"] > 0
    assert total["usd_nano"]["value"] < kept.usd_nano
    assert found["receipt"]["api_usd"] is None
    assert_partial(found, "remote")


def test_failures_are_told_from_what_a_cap_left_out(
    scenes: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One picture in three is refused by the model itself, which costs nothing."""
    numbers, lock = iter(range(10**6)), threading.Lock()

    def step(call: Call) -> Answer:
        with lock:
            number = next(numbers)
        return (
            fails(400, "No such picture.")
            if number % 3 == 1
            else says("Something.", usage=(450, 60))
        )

    with ScriptedProvider(step) as provider:
        found = answer(capfd, scenes, *sees_at(provider.url), "--max-usd", "0.005", code=6)
    failed = [f for f in found["frames"] if f["caption"]["error"] is not None]
    shown = described(found, "remote")
    built_in = described(found, "builtin")
    assert failed
    assert built_in
    assert len(failed) + len(shown) + len(built_in) == len(found["frames"])
    [told] = given_up(found)
    assert told.startswith(f"{len(built_in)} of {len(found['frames'])} pictures were not described")
    [warning] = [w["message"] for w in found["warnings"] if w["code"] == "captions-failed"]
    assert warning.startswith(f"{len(failed)} of {len(failed) + len(shown)} pictures could not")


def albums(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("vidsum-album-*")]


def test_ctrl_c_leaves_no_pictures_behind(scenes: Path, home: Path, tmp_path: Path) -> None:
    places = tmp_path / "places"
    places.mkdir()
    env = dict(os.environ) | {"TMPDIR": str(places)}
    script = (says("One."), says("Two."), says("Three."), HANG)
    with ScriptedProvider(*script) as provider:
        command = [sys.executable, "-m", "vidsum", str(scenes), *map(str, sees_at(provider.url)),
                   "--max-usd", "0.01", "-o", str(tmp_path / "result.json")]  # fmt: skip
        process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
        assert provider.wait_for(4)
        assert len(albums(places)) == 1
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        under_way = len(provider.calls) - 3
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert albums(places) == []
    assert not (tmp_path / "result.json").exists()
    assert set(open_stages(home)) <= {"transcript"}
    with sqlite3.connect(home / "ledger.db") as ledger:
        (orphans,) = ledger.execute(
            "SELECT count(*) FROM (SELECT 1 FROM entries WHERE kind = 'call' GROUP BY call_id "
            "HAVING count(*) < 2)"
        ).fetchone()
    ledger.close()
    assert orphans <= under_way
    assert books(home).usd_nano <= 10_000_000


def test_an_error_in_the_middle_closes_what_was_open(
    scenes: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Nobody may describe a picture: the run fails, its rows are complete, no picture is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where other tests leave nothing
    with ScriptedProvider(fails(401, "Wrong key.")) as provider:
        assert run([*map(str, (scenes, *sees_at(provider.url))), "--max-usd", "0.01", "-q"]) == 5
    assert capfd.readouterr().out == ""
    assert open_stages(home) == []
    assert albums(tmp_path) == []
    assert books(home).usd_nano == 0


def test_a_video_that_does_not_say_how_long_it_is(
    scenes: Path, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    endless: Callable[[Path], Path],
) -> None:  # fmt: skip
    video = endless(scenes)
    with ScriptedProvider(a_model(6)) as provider:
        found = answer(capfd, video, *sees_at(provider.url), "--max-usd", "0.006", code=6)
        assert found["source"]["duration_s"] is None
        assert 0 < books(home).usd_nano <= 6_000_000
        assert_partial(found, "remote")
        (home / "prices.toml").unlink()
        assert run([*map(str, (video, *sees_at(provider.url))), "--max-usd", "1", "-q"]) == 2


@pytest.mark.slow
def test_speech_of_a_video_that_does_not_say_how_long_it_is(
    said: Path, home: Path, capfd: pytest.CaptureFixture[str], endless: Callable[[Path], Path]
) -> None:
    video = endless(said)
    found = answer(capfd, video, *HEARS, "--max-cu", "0.0095", code=6)
    assert found["source"]["duration_s"] is None
    times = [segment["start_s"] for segment in found["transcript"]["segments"]]
    assert times[0] < 10
    assert times[-1] > 340
    assert books(home).cu <= 0.0095


@pytest.fixture
def endless(tmp_path: Path) -> Callable[[Path], Path]:
    """Write a file again as a browser records it: without a length."""

    def write(path: Path) -> Path:
        from footage import remux

        return remux(tmp_path / f"{path.stem}.mkv", path, options=("-f", "matroska", "-live", "1"))

    return write


@pytest.mark.slow
def test_sound_only(home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody looks, and the cap is for the ears and the summary."""
    from spoken import spoken_wav

    lines = [(4.0 + EVERY_S * i, PHRASES[i % 4]) for i in range(6)]
    sound = spoken_wav(tmp_path / "said.wav", lines, 120)
    with ScriptedProvider(writes) as provider:
        found = answer(capfd, sound, *HEARS, *reasons_at(provider.url), "--max-usd", "0.1")
        assert found["summary"]["backend"] == "remote"
        found = answer(capfd, sound, *HEARS, *reasons_at(provider.url), "--max-usd", "0.0001",
                       code=6)  # fmt: skip
    assert found["summary"]["backend"] == "extractive"
    assert len(found["transcript"]["segments"]) == len(lines)
    assert given_up(found) == ["The summary is quoted, not written by a model: that does not fit "
                               "under the cap."]  # fmt: skip
