"""What a provider does not tell, or nobody has a price for, is unknown up to the printed total."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import MODEL, ChatServer
from footage import film
from recording_desk import RecordingDesk
from scenes import random_scenes
from scripted_provider import DROP, HANG, Answer, Call, ScriptedProvider, Step, fails, says

from vidsum.backends import openai
from vidsum.backends.retrying import Retrying
from vidsum.cli.main import run
from vidsum.config import Options
from vidsum.costs.budget import Budget, Caps
from vidsum.costs.ledger import Ledger
from vidsum.costs.meter import Meter
from vidsum.costs.prices import PriceBook
from vidsum.costs.receipts import receipt_of
from vidsum.costs.tally import Tally
from vidsum.data import ChatRequest, Entry, Receipt, Sum
from vidsum.errors import BudgetReached, VidsumError
from vidsum.renderers.receipt import lines

QUICK = Retrying(base_s=0.001, cap_s=0.002)
QUESTION = ChatRequest("Be brief.", "What is this?", max_tokens=30)
PICTURE = np.full((90, 160, 3), 200, np.uint8)
PRICES = """
[[price]]
host = "127.0.0.1"
model = "{model}"
input_usd_per_mtok = 0.10
output_usd_per_mtok = 0.40
"""
KNOWN_NANO = 100 * 100 + 20 * 400
"""What a hundred tokens in and twenty out cost at these prices."""
CACHED = {"prompt_tokens": 100, "completion_tokens": 20,
          "prompt_tokens_details": {"cached_tokens": 60}}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a few requests left in the ledger, and on the receipt."""

    rows: list[Entry]
    receipt: Receipt
    text: str
    file: bytes

    @property
    def ended(self) -> list[Entry]:
        return [row for row in self.rows if row.phase != "reserve"]


def ask(
    folder: Path, *script: Step, times: int = 1, model: str = "m", caps: Caps | None = None,
    request: ChatRequest = QUESTION, url: str | None = None, **more: Any,
) -> Found:  # fmt: skip
    """Put requests to a provider; errors are what they are."""
    table = folder / "prices.toml"
    table.write_text(PRICES.format(model="m"), "utf-8")
    with Ledger(folder / "ledger.db") as ledger, ScriptedProvider(*script) as provider:
        meter = Meter(journal=ledger, budget=Budget(caps), prices=PriceBook(table))
        tally = Tally()
        with meter.stage("describe", "image", "remote") as account:
            tally.bind(account)
            settings = {"api_timeout_s": 20.0, "reason_context_tokens": 2048} | more
            chat = openai.build(Options(api=url or provider.url, reason_model=model, **settings),
                                "reason", tally=tally, retrying=QUICK)  # fmt: skip
            for _ in range(times):
                try:
                    chat.complete(request)
                except VidsumError:
                    continue
            chat.close()
            account.add(**tally.counts)
        meter.finish()
        receipt = meter.receipt()
        every = list(ledger.entries(run_id=receipt.run_id))
        assert repr(receipt_of(every).total) == repr(receipt.total)
        assert ledger.verify().sound
    file = b"".join(path.read_bytes() for path in folder.glob("ledger.db*"))
    calls = [row for row in every if row.kind == "call"]
    return Found(calls, receipt, "\n".join(lines(receipt)), file)


def as_model(name: str, answer: Answer) -> Answer:
    """The same answer from a model of that name."""
    assert isinstance(answer.body, dict)
    return replace(answer, body={**answer.body, "model": name})


def test_a_reply_that_is_priced(tmp_path: Path) -> None:
    found = ask(tmp_path, says("Fine."))
    [row] = found.ended
    assert (row.usd_nano, row.usd_origin, row.price_source) == (KNOWN_NANO, "reported", "local")
    assert (row.input_tokens, row.output_tokens, row.usage_origin) == (100, 20, "reported")
    assert found.receipt.api_usd == "0.000018"
    assert "$0.000018 of API cost" in found.text
    assert "unpriced" not in found.text
    assert "≥ $" not in found.text


@pytest.mark.parametrize("usage", [
    None, {}, {"prompt_tokens": 100}, {"completion_tokens": 20}, CACHED,
    {"prompt_tokens": 0, "completion_tokens": 0}, "many",
])  # fmt: skip
def test_one_reply_of_unknown_cost_makes_the_total_a_bound(tmp_path: Path, usage: object) -> None:
    found = ask(tmp_path, says("Fine."), says("Fine.", usage=usage), times=2)
    known, unknown = found.ended
    assert known.usd_nano == KNOWN_NANO
    assert (unknown.phase, unknown.usd_nano, unknown.usd_origin) == ("settle", None, "unknown")
    assert unknown.price_source is None
    assert found.receipt.total.usd_nano == Sum(KNOWN_NANO, 1)
    assert found.receipt.api_usd is None
    assert "≥ $0.000018 (1 call unpriced)" in found.text
    whole = found.receipt.total
    assert whole.input_tokens.unknown == (unknown.input_tokens is None)
    assert whole.output_tokens.unknown == (unknown.output_tokens is None)


def test_tokens_of_a_reply_without_usage_are_unknown(tmp_path: Path) -> None:
    found = ask(tmp_path, says("Fine.", usage=None))
    [row] = found.ended
    assert (row.input_tokens, row.output_tokens, row.usage_origin) == (None, None, "unknown")
    assert found.receipt.total.input_tokens == Sum(0, 1)
    assert "? tokens in, ? out" in found.text
    assert "unknown API cost (1 call" in found.text
    [stage] = [s for s in found.receipt.stages if s.stage == "describe"]
    assert stage.counts == {"calls": 1, "calls_without_usage": 1}


def test_tokens_without_a_price_of_their_own_are_kept_though_unpriced(tmp_path: Path) -> None:
    found = ask(tmp_path, says("Fine.", usage=CACHED))
    [row] = found.ended
    assert (row.input_tokens, row.cache_read_tokens, row.usd_nano) == (100, 60, None)
    assert found.receipt.total.usd_nano == Sum(0, 1)


def test_a_model_that_no_table_has(tmp_path: Path) -> None:
    found = ask(tmp_path, as_model("nobody-knows-it", says("Fine.")), model="nobody-knows-it")
    [row] = found.ended
    assert (row.usd_nano, row.usd_origin, row.input_tokens) == (None, "unknown", 100)
    assert found.receipt.api_usd is None
    assert "unknown API cost (1 call" in found.text


def test_a_real_server_that_no_table_has(tmp_path: Path) -> None:
    with ChatServer(tmp_path) as server:
        found = ask(tmp_path, says(""), url=server.url, model=MODEL)
    [row] = found.ended
    assert (row.model_requested, row.model_resolved) == (MODEL, MODEL)
    assert row.host == f"127.0.0.1:{server.port}"
    assert row.input_tokens is not None
    assert row.input_tokens > 5
    assert (row.usd_nano, row.usd_origin, row.usage_origin) == (None, "unknown", "reported")
    assert found.receipt.api_usd is None


@pytest.mark.parametrize(("bad", "error"), [
    (fails(500, "oops"), "status 500"), (DROP, "dropped"), (fails(502, "oops"), "status 502"),
])  # fmt: skip
def test_attempts_that_may_have_been_billed_count_and_are_unknown(
    tmp_path: Path, bad: Step, error: str
) -> None:
    found = ask(tmp_path, says("Fine."), bad, bad, says("Fine."), times=2)
    assert [row.phase for row in found.ended] == ["settle", "fail", "fail", "settle"]
    _, first, second, last = found.ended
    for row in (first, second):
        assert (row.usd_nano, row.usd_origin, row.error_class) == (None, "unknown", error)
        assert (row.usage_origin, row.input_tokens, row.calls) == ("unknown", None, 1)
    assert [row.retry_of for row in (first, second, last)] == [None, first.call_id, second.call_id]
    total = found.receipt.total
    assert (total.calls, total.failed_calls) == (4, 2)
    assert total.usd_nano == Sum(2 * KNOWN_NANO, 2)
    assert "≥ $0.000036 (2 calls unpriced)" in found.text
    assert "2 failed" in found.text


def test_a_timeout_may_have_been_billed(tmp_path: Path) -> None:
    found = ask(tmp_path, HANG, api_timeout_s=0.3)
    assert [(row.phase, row.error_class) for row in found.ended] == [("fail", "timeout")] * 2
    assert found.receipt.total.usd_nano == Sum(0, 2)


@pytest.mark.parametrize("refusal", [
    fails(401, "who are you?"), fails(400, "no"), fails(404, "no such model"), fails(402, "pay"),
    fails(429, "come back tomorrow", retry_after="86400"),
])  # fmt: skip
def test_a_request_that_is_refused_costs_nothing(tmp_path: Path, refusal: Step) -> None:
    found = ask(tmp_path, refusal, caps=Caps(usd_nano=10**9))
    [row] = found.ended
    assert row.phase == "release"
    assert (row.usd_nano, row.usd_origin, row.input_tokens) == (None, None, None)
    assert row.error_class in ("BackendFailed", "RequestFailed")
    assert found.receipt.api_usd == "0"
    assert (found.receipt.total.calls, found.receipt.total.failed_calls) == (0, 1)
    assert "$0 of API cost" in found.text
    assert "unpriced" not in found.text


def test_what_the_provider_says_that_it_costs_goes_before_any_table(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "cost": 0.0123}
    for model in ("m", "nobody-knows-it"):
        folder = tmp_path / model
        folder.mkdir()
        found = ask(folder, says("Fine.", usage=usage), model=model)
        [row] = found.ended
        assert (row.usd_nano, row.usd_origin, row.price_source) == (
            12_300_000, "reported", "provider"
        )  # fmt: skip
        assert found.receipt.api_usd == "0.0123"


@pytest.mark.parametrize("cost", [True, "0.1", -1, 10**9, None, [], float("nan")])
def test_a_cost_that_is_none_is_left_to_the_tables(tmp_path: Path, cost: object) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "cost": cost}
    [row] = ask(tmp_path, says("Fine.", usage=usage)).ended
    assert (row.usd_nano, row.price_source) == (KNOWN_NANO, "local")


def test_an_unknown_cost_takes_its_worst_case_from_the_cap(tmp_path: Path) -> None:
    first = ask(tmp_path, says("Fine.", usage=None))
    [begun] = [row for row in first.rows if row.phase == "reserve"]
    assert begun.reserved_usd_nano is not None
    assert begun.reserved_usd_nano > KNOWN_NANO / 2
    folder = tmp_path / "capped"
    folder.mkdir()
    cap = 2 * begun.reserved_usd_nano - 1
    second = ask(folder, says("Fine.", usage=None), times=5, caps=Caps(usd_nano=cap))
    assert [row.phase for row in second.ended] == ["settle"]


def test_a_cap_on_money_refuses_what_has_no_price(tmp_path: Path) -> None:
    found = ask(tmp_path, says("Fine."), model="nobody-knows-it", caps=Caps(usd_nano=10**9))
    assert found.rows == []
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    caps = Caps(usd_nano=10**9, allow_unpriced=True)
    found = ask(allowed, says("Fine."), model="nobody-knows-it", caps=caps)
    assert [row.phase for row in found.ended] == ["settle"]


def test_a_repetition_that_the_cap_does_not_allow_is_not_sent() -> None:
    desk_budget = Budget(Caps(usd_nano=1))
    meter = Meter(budget=desk_budget)
    with ScriptedProvider(says("Fine.")) as provider, meter.stage("a", "text", "b") as account:
        tally = Tally()
        tally.bind(account)
        options = Options(api=provider.url, reason_model="gpt-4o", reason_context_tokens=99)
        chat = openai.build(options, "reason", tally=tally, retrying=QUICK)
        with pytest.raises(BudgetReached):
            chat.complete(QUESTION)
        chat.close()
        assert provider.calls == []


def counts(tokens: int) -> Step:
    return says("Fine.", usage=(tokens, 3))


def test_a_provider_that_counts_more_than_seemed_possible_is_believed() -> None:
    desk = RecordingDesk()
    with ScriptedProvider(counts(50), counts(9_000), counts(10)) as provider:
        options = Options(api=provider.url, reason_model="m", reason_context_tokens=2048)
        chat = openai.build(options, "reason", tally=desk.tally, retrying=QUICK)
        for _ in range(4):
            chat.complete(QUESTION)
        chat.close()
    usual, before, after, last = (most.input_tokens or 0 for most in desk.most)
    assert usual == before < 9_000
    assert usual > 50
    assert 9_000 <= after <= 9_001, "as much as was counted, and no more"
    assert last == after


def test_many_threads_learn_the_same_once() -> None:
    together = threading.Barrier(4, timeout=30)

    def step(_: Call) -> Any:
        together.wait()
        return counts(9_000)

    desk = RecordingDesk()
    with ScriptedProvider(step, step, step, step, counts(1)) as provider:
        options = Options(api=provider.url, reason_model="m", reason_context_tokens=2048)
        chat = openai.build(options, "reason", tally=desk.tally, retrying=QUICK)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(chat.complete, [QUESTION] * 4))
        chat.complete(QUESTION)
        chat.close()
    assert 9_000 <= (desk.most[-1].input_tokens or 0) <= 9_001


def test_nothing_secret_is_in_the_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-proj-0123456789abcdefXYZ"
    monkeypatch.setenv("VIDSUM_API_KEY", key)

    def echoes(call: Call) -> Any:
        told = says("A purple elephant.")
        assert isinstance(told.body, dict)
        told.body["model"] = f"m {call.headers['authorization']}"
        return told

    request = ChatRequest("Mind the zebra.", "Where is my giraffe?", (PICTURE,), max_tokens=30)
    refusal = fails(400, f"your key {key} and your giraffe")
    found = ask(tmp_path, echoes, refusal, times=2, request=request)
    assert [row.phase for row in found.ended] == ["settle", "release"]
    for secret in (key, "zebra", "giraffe", "elephant", "/v1", "http://", "base64"):
        assert secret.encode() not in found.file, secret


# The whole program


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    scenes = [s for s in random_scenes(seed=7, count=9) if s.kind != "blank"][:3]
    return film(tmp_path / "clip.mp4", [(5.0, scene.image(320, 180)) for scene in scenes])


def summarised(
    clip: Path, provider: ScriptedProvider, home: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str], *more: str,
) -> tuple[dict[str, Any], str]:  # fmt: skip
    """Return the receipt as JSON, and what the program says on stderr."""
    home.mkdir()
    (home / "prices.toml").write_text(PRICES.format(model="m"), "utf-8")
    monkeypatch.setenv("VIDSUM_HOME", str(home))
    code = run([str(clip), "--captioner", "remote", "--caption-api", provider.url, "--no-ocr",
                "--api-requests", "1", "--json", *more])  # fmt: skip
    out, err = capfd.readouterr()
    assert code == 0, err
    receipt: dict[str, Any] = json.loads(out)["receipt"]
    return receipt, err


@pytest.mark.parametrize("case", ["no usage", "no price for what is cached", "unknown model"])
def test_the_whole_program_never_takes_unknown_for_nothing(
    case: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    odd = says("Two red boxes.", usage={"no usage": None}.get(case, CACHED))
    plain = says("A green circle.")
    model = "nobody-knows-it" if case == "unknown model" else "m"
    script = (as_model(model, plain),) if case == "unknown model" else (plain, odd)
    with ScriptedProvider(*script) as provider:
        receipt, err = summarised(clip, provider, tmp_path / "home", monkeypatch, capfd,
                                  "--caption-model", model)  # fmt: skip
        made = len(provider.calls)
    assert made >= 2
    unpriced = made if case == "unknown model" else made - 1
    assert receipt["api_usd"] is None
    assert receipt["recorded"] is True
    assert receipt["total"]["usd_nano"]["unknown"] == unpriced
    assert receipt["total"]["usd_nano"]["value"] == (0 if unpriced == made else KNOWN_NANO)
    words = f"{unpriced} call{'s' if unpriced > 1 else ''} unpriced"
    if case == "unknown model":
        assert f"unknown API cost ({unpriced} call" in err
    else:
        assert f"≥ $0.000018 ({words})" in err
    with Ledger.reading(tmp_path / "home" / "ledger.db") as ledger:
        every = list(ledger.entries())
        assert ledger.verify().sound
    ended = [row for row in every if row.kind == "call" and row.phase == "settle"]
    assert [row.usd_nano for row in ended].count(None) == unpriced
    assert 0 not in [row.usd_nano for row in ended]
    assert repr(receipt_of(every).total.usd_nano.value) == repr(
        receipt["total"]["usd_nano"]["value"]
    )


def test_the_whole_program_with_all_prices_known(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with ScriptedProvider(says("A green circle.")) as provider:
        receipt, err = summarised(clip, provider, tmp_path / "home", monkeypatch, capfd,
                                  "--caption-model", "m")  # fmt: skip
        made = len(provider.calls)
    assert receipt["total"]["usd_nano"] == {
        "value": made * KNOWN_NANO, "unknown": 0, "estimated": False
    }  # fmt: skip
    assert receipt["api_usd"] == f"{made * KNOWN_NANO / 10**9:.9f}".rstrip("0")
    assert "unpriced" not in err
