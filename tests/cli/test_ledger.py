"""``vidsum ledger``: show, law, calibrate, verify, on ledgers that real meters wrote."""

from __future__ import annotations

import csv
import dataclasses
import fcntl
import io
import json
import math
import os
import pty
import re
import signal
import sqlite3
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.text_gguf import text_gguf

from vidsum.cli.ledgerfigures import width_of
from vidsum.cli.ledgergroups import moment
from vidsum.cli.ledgernames import shortened
from vidsum.cli.ledgertable import bar_of
from vidsum.cli.main import run
from vidsum.costs.bookkeeping import Identity
from vidsum.costs.calls import OpenCall
from vidsum.costs.law import computed_law
from vidsum.costs.ledger import Ledger
from vidsum.costs.meter import Meter
from vidsum.data import SCHEMA_VERSION, Entry, ModelRef, ModelShape, Quantities, Saving
from vidsum.errors import OptionError

HERE = ModelRef(backend="local", requested="eye-500m", resolved="Eye",
                shape=ModelShape(parameters=362_000_000, layers=32, width=960))  # fmt: skip
FAR = ModelRef(backend="remote", requested="nobody-knows-1", base_url="http://127.0.0.1:9/v1",
               host="127.0.0.1")  # fmt: skip
MOST = Quantities(calls=1, output_tokens=48)
HOSTILE = "/v/\x1b[31m bad\nname\u202e.mp4"
Shown = tuple[int, str, str]
Show = Callable[..., Shown]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def show(home: Path, capfd: pytest.CaptureFixture[str]) -> Show:
    """Run ``vidsum ledger …`` in a pipe: exit code, stdout, stderr."""

    def command(*arguments: str) -> Shown:
        capfd.readouterr()
        code = run(["ledger", *arguments])
        return (code, *capfd.readouterr())

    return command


def a_run(file: Path, path: str = "/v/talk.mp4", sha256: str | None = "ab" * 32) -> Meter:
    """Write the lines of a run: local calls, one whose usage nobody told, and one that told."""
    with Ledger(file) as ledger:
        meter = Meter(Identity(path, sha256), ledger, watts_per_core=4.0)
        with meter.stage("decode", "video", "child") as stage:
            stage.add(frames=12)
        with meter.stage("caption", "image", "local") as stage:
            for number in range(3):
                with OpenCall(stage, HERE, MOST, 1e12) as call:
                    used = Quantities(input_tokens=101 + number, output_tokens=7, images=1)
                    call.settle(used, "reported", flops=3.3e11 + number / 3)
        with meter.stage("reason", "text", "remote") as stage:
            with OpenCall(stage, FAR, MOST) as call:
                call.settle(Quantities(), "unknown")
            with OpenCall(stage, FAR, MOST) as call:
                used = Quantities(input_tokens=10, output_tokens=3)
                call.settle(used, "reported", cost_usd="0.000123451")
        saving = Saving("dedupe", "each sampled frame described", calls=7, seconds=0.5, cu=0.7)
        meter.saved("dedupe", "image", saving)
        meter.finish()
    return meter


def test_calls_that_were_made_for_a_reason_of_their_own_are_listed(home: Path, show: Show) -> None:
    reasons = ("second look at 0:04: \x1b[31mWho is it?", "second look at 0:09: What is written?")
    with Ledger(home) as ledger:
        meter = Meter(Identity("/v/talk.mp4", "ab" * 32), ledger, watts_per_core=4.0)
        with meter.stage("look", "image", "local") as stage:
            for number, reason in enumerate((None, *reasons, reasons[0])):
                stage.reason = reason
                with OpenCall(stage, HERE, MOST, 1e12) as call:
                    used = Quantities(input_tokens=101, output_tokens=7, images=1)
                    call.settle(used, "reported", flops=1e12 * (number + 1))
        meter.finish()
    told = json.loads(show("show", "--run", "last", "--json")[1])["run"]["asked"]
    assert [(one["reason"], one["total"]["calls"], one["usd"]) for one in told] == [
        (reasons[0], 2, "0.00"), (reasons[1], 1, "0.00"),
    ]  # fmt: skip
    first, second = (one["total"]["cu"]["value"] for one in told)
    assert first == pytest.approx(2 * second)
    text = show("show", "--run", "last")[1]
    _, _, listed = text.partition("Calls made for a reason of their own")
    assert [line.split()[0] for line in listed.splitlines()[1:4]] == ["calls", "2", "1"]
    assert "What is written?" in listed
    assert "\x1b" not in text
    assert "Calls made for a reason" not in show("show")[1]
    lines = list(csv.DictReader(io.StringIO(show("show", "--run", "last", "--csv")[1])))
    assert {line["reason"] for line in lines if line["kind"] == "stage"} == {""}
    assert sum("second look at 0:04" in line["reason"] for line in lines) == 4


def test_a_run_without_such_calls_lists_none(home: Path, show: Show) -> None:
    a_run(home)
    assert "Calls made for a reason" not in show("show", "--run", "last")[1]
    assert json.loads(show("show", "--run", "last", "--json")[1])["run"]["asked"] == []


def groups_of(shown: Shown) -> dict[str, Any]:
    code, out, err = shown
    assert (code, err) == (0, "")
    whole = json.loads(out)
    assert whole["schema_version"] == SCHEMA_VERSION
    return {group["key"]: group for group in whole["groups"]}


def row_of(text: str, name: str) -> list[str]:
    """The cells of a row of the plain table, which lie two spaces apart."""
    (line,) = (line for line in text.splitlines() if re.match(re.escape(name) + "  ", line))
    return re.split(r"  +", line)


def test_totals_by_modality_are_those_of_the_receipt_to_the_last_digit(
    home: Path, show: Show
) -> None:
    receipt = a_run(home).receipt()
    shown = show("show", "--run", "last", "--json")
    groups = groups_of(shown)
    assert {part.modality for part in receipt.modalities} == set(groups)
    assert set(groups) == {"video", "image", "text"}
    for part in receipt.modalities:
        assert groups[part.modality]["total"] == dataclasses.asdict(part.total)
        assert groups[part.modality]["direction"] == part.direction
    whole = json.loads(shown[1])
    (in_all,) = whole["totals"]
    assert in_all["total"] == dataclasses.asdict(receipt.total)
    assert whole["run"]["wall_s"] == receipt.wall_s
    assert whole["run"]["main_s"] == receipt.main_s
    assert whole["run"]["id"] == receipt.run_id
    cu = in_all["total"]["cu"]["value"]
    assert cu != round(cu, 3), "figures are not rounded"


def test_the_same_digits_stand_in_the_receipts_table_and_here(home: Path, show: Show) -> None:
    from vidsum.renderers.receipt import by_modality

    table = by_modality(a_run(home).receipt())
    compute, energy = table.head.index("compute"), table.head.index("energy")
    _, out, _ = show("show", "--run", "last")
    head = row_of(out, "modality")
    for row in table.rows:
        cells = row_of(out, row[0])
        assert cells[head.index("wall")] == row[table.head.index("wall")]
        assert cells[head.index("J")] == row[energy].removesuffix(" J")
        if row[compute]:
            assert cells[head.index("CU")] == row[compute].removesuffix(" CU")


def test_unknown_is_never_nothing_all_the_way_to_the_total(home: Path, show: Show) -> None:
    a_run(home)
    groups = groups_of(show("show", "--run", "last", "--json"))
    text = groups["text"]["total"]
    assert text["usd_nano"] == {"value": 123451, "unknown": 1, "estimated": False}
    assert groups["text"]["usd"] is None
    assert groups["image"]["usd"] == "0.00"
    _, out, _ = show("show", "--run", "last")
    row = row_of(out, "text")
    assert row[-1] == "≥ $0.000123"
    assert row[2] == "≥ 10/≥ 3"
    assert row[row_of(out, "modality").index("CU")] == "?"
    assert "≥ $0.000123 (1 call unpriced) of API money" in out
    assert "(2 calls of unknown compute)" in out
    assert "≥ at least; ? not known" in out


def test_money_of_which_nothing_is_known_is_a_question_mark(home: Path, show: Show) -> None:
    with Ledger(home) as ledger:
        meter = Meter(Identity("/v/a.mp4"), ledger)
        with meter.stage("reason", "text", "remote") as stage, OpenCall(stage, FAR, MOST) as call:
            call.settle(Quantities(), "unknown")
        meter.finish()
    _, out, _ = show("show", "--run", "last")
    assert row_of(out, "text")[-1] == row_of(out, "in all")[-1] == "?"
    assert "API money unknown (1 call unpriced)" in out
    assert "$0" not in out
    _, out, _ = show("show", "--run", "last", "--csv", "--by", "modality")
    (row,) = (row for row in csv.DictReader(io.StringIO(out)) if row["modality"] == "text")
    assert (row["usd_nano"], row["usd_nano_unknown"], row["usd"]) == ("", "1", "")
    assert (row["cu"], row["input_tokens"]) == ("", "")


@pytest.mark.parametrize("by", ["video", "modality", "stage", "model", "day", "run"])
def test_every_way_of_adding_up_comes_to_the_same(home: Path, show: Show, by: str) -> None:
    a_run(home)
    receipt = a_run(home, "/w/other.mp4", "cd" * 32).receipt()
    usual = json.loads(show("show", "--json")[1])
    whole = json.loads(show("show", "--by", by, "--json")[1])
    assert whole["totals"] == usual["totals"]
    parts = [group["total"] for group in whole["groups"]]
    for name in ("calls", "images", "failed_calls"):
        assert sum(part[name] for part in parts) == whole["totals"][0]["total"][name]
    spent = sum(part["usd_nano"]["value"] for part in parts)
    assert spent == whole["totals"][0]["total"]["usd_nano"]["value"] == 2 * 123451
    assert len(parts) == {
        "video": 2, "modality": len(receipt.modalities), "stage": len(receipt.stages), "model": 3,
        "day": 1, "run": 2,
    }[by]  # fmt: skip
    assert sum(group["share"] for group in whole["groups"]) == pytest.approx(1)


def test_a_models_row_has_the_time_of_its_stages(home: Path, show: Show) -> None:
    receipt = a_run(home).receipt()
    groups = groups_of(show("show", "--by", "model", "--json"))
    assert set(groups) == {"eye-500m", "nobody-knows-1 (127.0.0.1)", "no model"}
    wall_s = {stage.stage: stage.wall_s for stage in receipt.stages}
    assert groups["eye-500m"]["total"]["wall_s"]["value"] == wall_s.pop("caption")
    assert groups["nobody-knows-1 (127.0.0.1)"]["total"]["wall_s"]["value"] == wall_s.pop("reason")
    assert groups["no model"]["total"]["wall_s"]["value"] == math.fsum(wall_s.values())


def test_a_video_is_its_content_and_else_its_path(home: Path, show: Show) -> None:
    a_run(home, "/v/talk.mp4", "ab" * 32)
    a_run(home, "/v/renamed.mp4", "ab" * 32)
    a_run(home, "/v/gone.mp4", None)
    groups = groups_of(show("show", "--by", "video", "--json"))
    assert {key: group["name"] for key, group in groups.items()} == {
        "ab" * 32: "renamed.mp4", "/v/gone.mp4": "gone.mp4"}  # fmt: skip
    assert groups["ab" * 32]["total"]["calls"] == 10


def test_savings_stand_apart_and_in_no_total(home: Path, show: Show) -> None:
    meter = a_run(home)
    before = json.loads(show("show", "--json")[1])
    huge = Saving("vad", "all sound recognised", calls=10**6, cu=1e9, usd_nano=10**12)
    with Ledger(home) as ledger:
        (line,) = [e for e in ledger.entries() if e.kind == "saving"]
        ledger.write(replace(line, call_id="more", avoided_by=huge.by, baseline=huge.baseline,
                             avoided_calls=huge.calls, avoided_s=None, avoided_cu=huge.cu,
                             avoided_usd_nano=huge.usd_nano))  # fmt: skip
    after = json.loads(show("show", "--json")[1])
    assert after["totals"] == before["totals"]
    assert after["not_spent"] == [
        {"by": "dedupe", "baselines": ["each sampled frame described"], "lines": 1, "calls": 7,
         "seconds": 0.5, "cu": 0.7, "usd_nano": None},
        {"by": "vad", "baselines": ["all sound recognised"], "lines": 1, "calls": 10**6,
         "seconds": None, "cu": 1e9, "usd_nano": 10**12},
    ]  # fmt: skip
    _, out, _ = show("show", "--run", str(meter.book.identity.run_id)[:6])
    table, _, apart = out.partition("Not spent (in no total)\n")
    assert "dedupe" not in table
    assert "1,000,000" not in table
    assert row_of(apart, "vad")[1:] == [
        "1,000,000", "-", "~1,000,000,000", "~$1,000.00", "all sound recognised"]  # fmt: skip


def test_savings_of_several_runs_are_one_row_for_a_reason(home: Path, show: Show) -> None:
    a_run(home)
    with Ledger(home) as ledger:
        (line,) = [e for e in ledger.entries() if e.kind == "saving"]
        ledger.write(
            replace(line, call_id="two", run_id="other", baseline="as if", avoided_cu=None)
        )
    (row,) = json.loads(show("show", "--json")[1])["not_spent"]
    assert (row["lines"], row["calls"], row["cu"]) == (2, 14, 0.7)
    assert row["baselines"] == ["each sampled frame described", "as if"]
    _, _, apart = show("show")[1].partition("Not spent (in no total)\n")
    assert row_of(apart, "dedupe")[-1] == "each sampled frame described; and 1 more such"


def a_call(number: int, ts: datetime, **more: Any) -> list[Entry]:
    """A call of a second that began at a time, and its end."""
    begun = Entry(
        call_id=f"call{number}", phase="reserve", kind="call", ts_utc=_stamp(ts), run_id="r1",
        stage="caption", modality="image", backend="local", path="/v/a.mp4",
    )  # fmt: skip
    done = replace(begun, phase="settle", ts_utc=_stamp(ts + timedelta(seconds=1)), calls=1,
                   input_tokens=5, output_tokens=1, usage_origin="reported", usd_nano=10,
                   usd_origin="reported", cu_origin="unknown")  # fmt: skip
    return [replace(begun, **more), replace(done, **more)]


def _stamp(ts: datetime) -> str:
    return ts.astimezone(UTC).isoformat(timespec="microseconds")


def test_understanding_and_generation_stay_apart(home: Path, show: Show) -> None:
    now = datetime.now(UTC)
    with Ledger(home) as ledger:
        ledger.write_all(a_call(1, now))
        ledger.write_all(a_call(2, now, modality="image_gen", direction="generate", stage="draw"))
        ledger.write_all(a_call(3, now, direction="generate"))
    whole = json.loads(show("show", "--by", "modality", "--json")[1])
    assert [(g["key"], g["direction"], g["total"]["calls"]) for g in whole["groups"]] == [
        ("image", "understand", 1),
        ("image", "generate", 1),
        ("image_gen", "generate", 1),
    ]
    assert [(t["direction"], t["total"]["calls"]) for t in whole["totals"]] == [
        ("understand", 1), ("generate", 2)]  # fmt: skip
    _, out, _ = show("show", "--by", "modality")
    for name, calls in (("pictures", "1"), ("pictures, made", "1"), ("made pictures", "1"),
                        ("understand in all", "1"), ("generate in all", "2")):  # fmt: skip
        assert row_of(out, name)[1] == calls
    assert "To understand: 1 call," in out
    assert "To generate: 2 calls," in out


def test_work_belongs_to_the_day_on_which_it_began(home: Path, show: Show) -> None:
    midnight = datetime(2026, 3, 4).astimezone()
    with Ledger(home) as ledger:
        ledger.write_all(a_call(1, midnight - timedelta(milliseconds=500)))
        ledger.write_all(a_call(2, midnight))
    groups = groups_of(show("show", "--by", "day", "--json"))
    assert {key: group["total"]["calls"] for key, group in groups.items()} == {
        "2026-03-03": 1, "2026-03-04": 1}  # fmt: skip


def test_since_leaves_out_what_is_older(home: Path, show: Show) -> None:
    now = datetime.now().astimezone()
    with Ledger(home) as ledger:
        ledger.write_all(a_call(1, now - timedelta(days=10)))
        ledger.write_all(a_call(2, now - timedelta(hours=30)))
        ledger.write_all(a_call(3, now - timedelta(minutes=1)))

    def calls(since: str) -> int:
        whole = json.loads(show("show", "--since", since, "--json")[1])
        return sum(total["total"]["calls"] for total in whole["totals"])

    assert [calls(since) for since in ("5m", "24h", "2d", "7d", "3w")] == [1, 1, 2, 2, 3]
    assert calls(f"{now - timedelta(days=4):%Y-%m-%d}") == 2
    code, out, err = show("show", "--since", "2999-01-01")
    assert (code, out) == (0, "")
    assert err == "vidsum: the ledger has nothing since 2999-01-01 00:00\n"
    for wrong in ("yesterday", "7", "d", "٧d", "2026-13-01", "9999999999d", ""):
        code, out, err = show("show", "--since", wrong)
        assert (code, out) == (2, "")
        assert "that is no time. It takes 2026-11-01" in err


def test_moments_are_the_users_own() -> None:
    now = datetime(2026, 5, 6, 7, 8, tzinfo=UTC).astimezone()
    assert moment("today", now) == datetime.combine(now.date(), datetime.min.time()).astimezone()
    assert moment(" 36h", now) == now - timedelta(hours=36)
    assert moment("2026-05-01", now) == datetime(2026, 5, 1).astimezone()
    assert moment("2026-05-01T10:00+02:00", now) == datetime(2026, 5, 1, 8, tzinfo=UTC)
    with pytest.raises(OptionError):
        moment("soon", now)


def test_csv_has_every_line_with_every_column(home: Path, show: Show) -> None:
    a_run(home)
    code, out, err = show("show", "--csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    with Ledger.reading(home) as ledger:
        lines = list(ledger.entries())
    assert len(rows) == len(lines) == out.count("\n") - 1
    assert list(rows[0]) == [field.name for field in dataclasses.fields(Entry)]
    for row, line in zip(rows, lines, strict=True):
        assert (row["call_id"], row["phase"]) == (line.call_id, line.phase)
        for name in ("wall_s", "cu", "usd_nano", "input_tokens", "avoided_cu"):
            value = getattr(line, name)
            assert row[name] == ("" if value is None else repr(value))
        assert json.loads(row["counts"] or "{}") == dict(line.counts)
    assert {row["kind"] for row in rows} == {"run", "stage", "call", "saving"}


def test_csv_of_totals_is_exact(home: Path, show: Show) -> None:
    receipt = a_run(home).receipt()
    _, out, _ = show("show", "--run", "last", "--by", "modality", "--csv")
    rows = {row["modality"]: row for row in csv.DictReader(io.StringIO(out))}
    (image,) = (part.total for part in receipt.modalities if part.modality == "image")
    assert rows["image"]["name"] == "pictures"
    assert float(rows["image"]["cu"]) == image.cu.value
    assert rows["image"]["cu_estimated"] == "1"
    assert (rows["image"]["usd"], rows["text"]["usd"]) == ("0.00", "")
    assert rows["text"]["usd_nano"] == "123451"


@pytest.mark.parametrize("path", ["=HYPERLINK(1)", "+1", "-1.mp4", "@x", "\t=1", HOSTILE])
def test_a_hostile_name_harms_neither_spreadsheet_nor_terminal(
    home: Path, show: Show, path: str
) -> None:
    now = datetime.now(UTC)
    with Ledger(home) as ledger:
        ledger.write_all(a_call(1, now, path=path, stage=path, model_requested=path))
    assert len(json.loads(show("show", "--by", "video", "--json")[1])["groups"]) == 1
    for options in (["--csv"], ["--by", "video", "--csv"], ["--by", "model", "--csv"],
                    ["--json"], ["--by", "video", "--json"], [], ["--run", "last"],
                    ["--by", "video"], ["--by", "stage"], ["--by", "model"]):  # fmt: skip
        code, out, _ = show("show", *options)
        assert code == 0
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out), options
        if "--csv" in options:
            cells = [cell for row in csv.reader(io.StringIO(out)) for cell in row]
            assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
            assert len(out.splitlines()) == (3 if options == ["--csv"] else 2)
    _, out, _ = show("show", "--by", "video")
    assert len(out.partition("\n\n")[0].splitlines()) == 3, "a row is one line"


def test_a_ledger_without_lines(home: Path, show: Show) -> None:
    said = "vidsum: the ledger is empty: no run has written to it\n"
    assert show("show") == (0, "", said)
    code, out, err = show("show", "--json")
    assert (code, json.loads(out)["groups"], err) == (0, [], said)
    code, out, _ = show("show", "--csv")
    assert (code, len(list(csv.reader(io.StringIO(out))))) == (0, 1)
    code, out, err = show("verify")
    assert (code, err) == (0, "")
    assert "not there yet. The first run makes it." in " ".join(out.split())
    code, out, _ = show("verify", "--json")
    assert (code, json.loads(out)["lines"], json.loads(out)["sound"]) == (0, 0, True)
    assert show("law")[0] == 0
    assert not home.parent.exists(), "reading makes nothing"


def test_what_is_asked_wrongly(home: Path, show: Show) -> None:
    assert show("show", "--run", "last")[0] == 2
    a_run(home)
    code, out, err = show("show", "--json", "--csv")
    assert (code, out, "--json and --csv cannot go together." in err) == (2, "", True)
    code, out, err = show("show", "--run", "zzz")
    assert (code, out, "The ledger has no run zzz." in err) == (2, "", True)
    assert show("show", "--run", "\udcff\n")[0] == 2
    assert show("show", "--by", "colour")[0] == 2


def test_a_run_is_found_by_the_start_of_its_id(home: Path, show: Show) -> None:
    first, last = a_run(home), a_run(home, "/v/b.mp4")
    for meter, path in ((first, "/v/talk.mp4"), (last, "/v/b.mp4")):
        run_id = str(meter.receipt().run_id)
        _, out, _ = show("show", "--run", run_id[:10])
        assert out.startswith(f"Run {run_id[:8]} of ")
        assert out.split("\n")[0].endswith(f", {path}")
    assert show("show", "--run", "last")[1].split("\n")[0].endswith("/v/b.mp4")
    _, out, _ = show("show")
    assert [line[:8] for line in out.splitlines()[1:3]] == [
        str(meter.receipt().run_id)[:8] for meter in (first, last)]  # fmt: skip


_KILLED = """
import sys, time
from pathlib import Path
from vidsum.costs.bookkeeping import Identity
from vidsum.costs.calls import OpenCall
from vidsum.costs.ledger import Ledger
from vidsum.costs.meter import Meter
from vidsum.data import ModelRef, Quantities
far = ModelRef(backend="remote", requested="m", base_url="http://127.0.0.1:9/v1", host="127.0.0.1")
meter = Meter(Identity("/v/killed.mp4"), Ledger(Path(sys.argv[1])))
with meter.stage("reason", "text", "remote") as stage:
    call = OpenCall(stage, far, Quantities(calls=1, output_tokens=48))
    print("begun", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_run_left_is_spent_and_unknown(home: Path, show: Show) -> None:
    a_run(home)
    process = subprocess.Popen([sys.executable, "-c", _KILLED, str(home)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    during = json.loads(show("verify", "--json")[1])
    while_it_ran = show("show")[1]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert "(under way)" in while_it_ran
    assert ([row["kind"] for row in during["running"]], during["orphans"]) == (
        ["run", "stage", "call"], [])  # fmt: skip
    code, out, err = show("verify", "--json")
    found = json.loads(out)
    assert (code, err, found["sound"], found["running"]) == (0, "", True, [])
    assert [row["kind"] for row in found["orphans"]] == ["run", "stage", "call"]
    assert {row["path"] for row in found["orphans"]} == {"/v/killed.mp4"}
    assert found["total"]["usd_nano"] == {"value": 123451, "unknown": 2, "estimated": False}
    code, out, _ = show("verify")
    assert code == 0
    assert "Begun, and never ended: spent, nobody knows how much" in out
    assert re.search(r"killed\.mp4 +call, reason +\$\?, \? CU", out)
    assert "≥ $0.000123 (2 calls unpriced)" in out
    _, out, _ = show("show", "--run", "last")
    assert "\nIt never ended: it was killed, or the machine went down.\n" in out
    assert "2 of these were begun and have no end: vidsum ledger verify" in out
    assert "killed.mp4 (never ended)  " in show("show")[1]
    assert row_of(out, "text")[-1] == "?"


def test_verify_ends_with_8_when_the_file_was_tampered_with(home: Path, show: Show) -> None:
    a_run(home)
    code, out, err = show("verify")
    assert (code, err) == (0, "")
    assert "whole. " in out
    assert "of 1 run; figures agree with each other." in " ".join(out.split())
    connection = sqlite3.connect(home)
    (name,) = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND sql LIKE '%UPDATE%'"
    ).fetchone()
    connection.execute(f"DROP TRIGGER {name}")
    connection.execute("UPDATE entries SET usd_nano = -5 WHERE usd_nano = 123451")
    connection.commit()
    connection.close()
    code, out, err = show("verify")
    assert code == 8
    assert f"trigger {name} is missing" in " ".join(out.split())
    assert "Sums: left out. They could not be trusted." in out
    assert "0 calls" not in out
    assert "usd_nano is below 0 (-5)" in out
    assert "cannot be relied on. Keep what can be read" in err
    code, out, _ = show("verify", "--json")
    assert (code, json.loads(out)["sound"]) == (8, False)
    assert (json.loads(out)["total"], json.loads(out)["usd"]) == (None, None)
    assert [fault["value"] for fault in json.loads(out)["negative"]] == [-5]


def changed(file: Path, statement: str) -> None:
    """Change the lines as a knowing hand could: the rules are all there again afterwards."""
    connection = sqlite3.connect(file)
    rules = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY rowid"
    ).fetchall()
    for name, _ in rules:
        connection.execute(f"DROP TRIGGER {name}")
    assert connection.execute(statement).rowcount >= 1
    for _, sql in rules:
        connection.execute(sql)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(("statement", "said"), [
    ("UPDATE entries SET cu = cu / 2 WHERE cu > 0", "but its est_flops come to 0.103"),
    ("UPDATE entries SET est_flops = est_flops * 2 WHERE cu > 0", "its est_flops come to 0.206"),
    ("UPDATE entries SET usd_nano = 7 WHERE host IS NULL AND usd_nano = 0",
     "usd_nano is 7, but its model is in this process"),
    ("UPDATE entries SET wall_s = 0 WHERE kind = 'run' AND wall_s > 0",
     "wall_s is 0.0, but a stage of this run's main thread has 0.0"),
    ("UPDATE entries SET wall_s = 9e999 WHERE stage = 'caption' AND kind = 'stage' AND wall_s > 0",
     "but a stage of this run's main thread has inf"),
])  # fmt: skip
def test_verify_finds_a_figure_that_was_changed(
    home: Path, show: Show, statement: str, said: str
) -> None:
    a_run(home)
    changed(home, statement)
    code, out, _ = show("verify")
    assert code == 8
    assert said in " ".join(out.split())
    assert "Sums, which cannot be trusted: 5 calls" in out
    code, out, _ = show("verify", "--json")
    found = json.loads(out)
    assert (code, found["sound"], found["schema"]) == (8, False, [])
    assert {clash["rule"] for clash in found["clashes"]} <= {"flops", "local", "stage"}
    assert found["clashes"]


ENDS = {
    "ok": "", "capped": "(capped)", "estimate": "(estimate)", "interrupted": "(interrupted)",
    "failed: MediaError": "(failed: media unreadable)", "backend failed": "(backend failed)",
    "MediaError": "(failed: media unreadable)", "failed": "(failed)",
    "failed: KeyError": "(failed: unexpected error)", "TypeError": "(failed: unexpected error)",
    "failed: BudgetReached": "(failed: cap reached)", "\x1b[31m": "(failed: unexpected error)",
}  # fmt: skip


def ended_as(file: Path, status: str, video: str = "/v/talk.mp4", hosts: tuple[str, ...] = (),
             ) -> str:  # fmt: skip
    """Write a run that ended so, with a call to each of these hosts; return its id."""
    with Ledger(file) as ledger:
        meter = Meter(Identity(video), ledger)
        with meter.stage("caption", "image", "remote") as stage:
            for host in hosts:
                with OpenCall(stage, replace(FAR, requested="seer", host=host), MOST) as call:
                    call.settle(Quantities(input_tokens=1, output_tokens=1), "reported",
                                flops=3.3e11, cost_usd="0.0001")  # fmt: skip
        meter.finish(status)
    return meter.book.identity.run_id


def test_how_runs_ended_is_told_in_plain_words(home: Path, show: Show) -> None:
    runs = {ended_as(home, status): status for status in ENDS}
    out = show("show")[1]
    for run_id, status in runs.items():
        assert row_of(out, run_id[:8])[2] == f"talk.mp4 {ENDS[status]}".strip()
        one = show("show", "--run", run_id)[1]
        assert not re.search("[A-Z][a-z]+[A-Z]|Error", one)
    assert not re.search("[A-Z][a-z]+[A-Z]|Error", out)
    groups = groups_of(show("show", "--json"))
    assert {key: group["name"] for key, group in groups.items()} == dict.fromkeys(runs, "talk.mp4")
    told = {key: group["status"] for key, group in groups.items()}
    assert {key: status for key, status in told.items() if "\x1b" not in runs[key]} == {
        key: status for key, status in runs.items() if "\x1b" not in status}  # fmt: skip
    assert "status" not in groups_of(show("show", "--by", "stage", "--json"))["caption"]


@pytest.mark.parametrize(("status", "said"), [
    ("ok", "It ended well."), ("capped", "A cap left something out."),
    ("estimate", "It was an estimate."), ("interrupted", "It was interrupted."),
    ("backend failed", "A backend failed; the result was kept."),
    ("failed: OptionError", "It failed: wrong option."),
])  # fmt: skip
def test_one_runs_sentence_says_how_it_ended(
    home: Path, show: Show, status: str, said: str
) -> None:
    ended_as(home, status)
    _, sentence, *_ = show("show", "--run", "last")[1].splitlines()
    assert re.fullmatch(rf"{re.escape(said)} \d\.\d\d s wall, .*\.", sentence)


def test_every_error_of_ours_has_plain_words() -> None:
    from vidsum import errors
    from vidsum.cli.ledgerends import in_words

    base = errors.VidsumError
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = [kind.__name__ for kind in kinds if issubclass(kind, base) and kind is not base]
    words = [in_words(f"failed: {name}") for name in ours]
    assert len(set(words)) == len(words) > 5
    assert not [one for one in words if "unexpected" in one or one != one.lower()]


def test_single_things_are_told_as_such(home: Path, show: Show) -> None:
    ended_as(home, "ok", hosts=("127.0.0.1:1",))
    with Ledger(home) as ledger:
        ledger.write_all(a_call(1, datetime.now(UTC))[:1])
    out = " ".join(show("show")[1].split())
    assert "1 of these was begun and has no end" in out
    ended_as(home, "ok", hosts=("127.0.0.1:1",))
    out = show("show", "--run", "last")[1]
    assert "In all: 1 call, 1 token in, 1 out," in out


def test_help_says_what_a_check_sees_and_what_units_of_time_there_are(show: Show) -> None:
    out = " ".join(show("verify", "--help")[1].split())
    assert "that figures agree with each other" in out
    assert "changed together with all that depends on it cannot be seen" in out
    out = " ".join(show("show", "--help")[1].split())
    for unit in ("m (minutes)", "h (hours)", "d (days)", "w (weeks)"):
        assert unit in out
        assert unit in " ".join(show("show", "--since", "2x")[2].split())


def test_a_file_that_is_no_ledger_is_said_to_be_none(home: Path, show: Show) -> None:
    home.parent.mkdir(parents=True)
    home.write_bytes(b"this is a text, and long enough to be taken for a header, or so" * 99)
    for command in ("show", "verify", "law"):
        code, out, err = show(command)
        assert (code, out, "Move it away" in err) == (8, "", True)


def test_the_law_says_what_is_measured_and_on_how_many_calls(home: Path, show: Show) -> None:
    a_run(home)
    code, out, err = show("law", "--json")
    found = json.loads(out)
    assert (code, err, found["calibration"]) == (0, "", None)
    rows = found["rows"]
    assert [row["cu"] for row in rows if row["basis"] == "computed"] == [
        row.cu for row in computed_law()]  # fmt: skip
    measured = {row["what"]: row for row in rows if row["basis"] == "measured"}
    assert (measured["pictures"]["calls"], measured["pictures"]["calls_without_cu"]) == (3, 0)
    assert measured["pictures"]["cu"] == pytest.approx(3.3e11 / 3.2e12, rel=1e-6)
    assert (measured["text"]["calls"], measured["text"]["cu"]) == (0, None)
    assert found["rule_of_thumb_cu"]["clip"] == 10_000
    _, out, _ = show("law")
    understand, _, generate = out.partition("To generate, computed")
    assert "SmolVLM2-500M" in understand
    assert "FLUX.1 dev" in generate
    _, _, here = understand.partition("To understand, measured here")
    assert row_of(here, "pictures")[2:5] == ["3", "-", "~0.103"]
    assert row_of(here, "text")[2:5] == ["0", "2", "?"]
    assert "vidsum ledger calibrate" in generate


def test_a_calibration_is_kept_and_turns_seconds_into_units(
    home: Path, show: Show, tmp_path: Path
) -> None:
    a_run(home)
    model = text_gguf(tmp_path / "tiny.gguf")
    code, out, err = show("calibrate", "--model", str(model), "--json")
    assert code == 0, err
    done = json.loads(out)
    assert (done["model"], done["s_per_cu"] > 0) == ("tiny.gguf", True)
    assert "calibrate: " in err
    found = json.loads(show("law", "--json")[1])
    assert found["calibration"]["s_per_cu"] == done["s_per_cu"]
    (row,) = (row for row in found["rows"] if row["what"] == "pictures")
    assert row["time_cu"] == pytest.approx(row["seconds"] / done["s_per_cu"])
    assert "time in CU" in show("law")[1]
    with Ledger(home) as ledger:
        ledger.add_calibration("another machine", "big.gguf", 1.0, "llama.cpp")
    assert json.loads(show("law", "--json")[1])["calibration"]["model"] == "tiny.gguf"
    code, out, err = show("calibrate", "--model", str(tmp_path / "none.gguf"))
    assert (code, out) == (4, "")


@pytest.mark.slow
def test_without_a_model_a_stand_in_is_timed_and_that_is_said(home: Path, show: Show) -> None:
    code, out, err = show("calibrate", "--json")
    assert (code, json.loads(out)["model"]) == (0, None)
    assert "A stand-in is timed in place of a model." in err
    assert "stand-in without a model" in " ".join(show("law")[1].split())


@given(st.floats(0, 1), st.integers(6, 40))
def test_a_bar_fits_and_what_is_not_nothing_is_seen(part: float, width: int) -> None:
    bar = bar_of(part, width)
    assert len(bar) <= width
    assert bool(bar) == (part > 0)
    assert set(bar[:-1]) <= {"█"}
    assert len(bar_of(1, width)) == width


def on_a_terminal(columns: int, *arguments: str) -> str:
    """Run ``vidsum ledger …`` on a terminal of a width and return what it shows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "vidsum", "ledger", *arguments],
        env=env | {"TERM": "xterm-256color"}, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = b"".join(_blocks(ours))
    os.close(ours)
    assert process.wait(timeout=60) == 0, shown
    return shown.decode().replace("\r\n", "\n")


def _blocks(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            block = os.read(descriptor, 4096)
        except OSError:  # the other side is closed
            return
        if not block:
            return
        yield block


def test_a_narrow_terminal_keeps_what_differs(home: Path) -> None:
    hosts = tuple(f"127.0.0.1:4123{number}" for number in range(3))
    video = "/v/a very long name of a talk that goes on and on.mp4"
    for status in ("ok", "failed: MediaError"):
        ended_as(home, status, video, hosts)
    table, models = (
        re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal(80, "show", "--by", by)).split("\n\n")[0]
        for by in ("run", "model")
    )
    assert max(map(width_of, [*table.splitlines(), *models.splitlines()])) <= 80
    for host in hosts:
        assert f"\nseer ({host})  " in models
    assert "USD" in models.splitlines()[0]
    head, first, second, _ = table.splitlines()
    assert re.match("run +began +video .*USD", head)
    assert len(re.findall(r"  \d\d-\d\d \d\d:\d\d  a ver", table)) == 2
    assert re.search(r"mp4  ", first)
    assert "(failed: media unreadable)  " in second


@given(st.text(max_size=60), st.integers(8, 40))
def test_a_shortened_name_fits(text: str, width: int) -> None:
    short = shortened(text, width)
    assert width_of(short) <= width
    assert ("…" in short) if width_of(text) > width else (short == text)


def test_a_shortened_name_keeps_the_end_in_brackets() -> None:
    assert shortened("a long name of a talk.mp4 (capped)", 18).endswith(" (capped)")
    assert shortened("a long name.mp4 (failed: media unreadable)", 16).endswith(" (failed)")
    assert shortened("seer (127.0.0.1:41234)", 9) == "seer (…4)"


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("by", ["run", "modality"])
def test_on_a_terminal_there_are_bars_and_all_fits(home: Path, columns: int, by: str) -> None:
    for path in ("/v/a very long name of a talk that goes on and on and on.mp4", "/v/讲座.mp4"):
        a_run(home, path)
    shown = on_a_terminal(columns, "show", "--by", by)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert plain != shown
    table = plain.split("\n\n")[0].splitlines()
    assert max(map(width_of, table)) <= columns
    assert len(table) == {"run": 4, "modality": 5}[by], "no row is broken"
    assert "USD" in table[0]
    if columns >= 80:
        assert "of USD" in table[0]
        assert "█" in plain
    if columns == 80:
        assert re.search(r"No room here for .*: see --json", " ".join(plain.split()))


def test_in_a_pipe_there_are_neither_bars_nor_colours(home: Path, show: Show) -> None:
    a_run(home)
    for options in (["show"], ["show", "--run", "last"], ["law"], ["verify"]):
        _, out, _ = show(*options)
        assert not set("█▌▏\x1b") & set(out)


@pytest.mark.parametrize("command", ["show", "law", "calibrate", "verify"])
def test_every_command_has_help_with_an_example(show: Show, command: str) -> None:
    code, out, _ = show(command, "--help")
    assert code == 0
    assert f"Example: vidsum ledger {command}" in " ".join(out.split())


def test_help_loads_no_sqlite_and_makes_nothing(home: Path) -> None:
    code = (
        "import sys; from vidsum.cli.main import run; run(['--help']); run(['ledger', '--help']); "
        "print(*sorted({'sqlite3', 'rich', 'numpy', 'vidsum.costs'} & set(sys.modules)), 'end')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "end"
    assert "vidsum ledger show --run last" in done.stdout
    assert not home.parent.exists()


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    a_run(home)
    process = subprocess.Popen([sys.executable, "-m", "vidsum", "ledger", "show", "--csv"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), said) == (0, b"")
