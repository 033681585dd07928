"""What a summary would take: never less than a run then takes at its most."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.text_gguf import text_gguf
from planner.accounts import Account, ordered
from reasoner.factory import bundle, cues
from reasoner.test_revising import Eyes, curious
from reasoner.writers import honest
from scripted_provider import Answer, Call, ScriptedProvider, Step, says

from vidsum.config import Options
from vidsum.data import Bundle, Need, Span
from vidsum.errors import BackendFailed, OptionError
from vidsum.reasoner import forecasting, local, remote
from vidsum.reasoner.sections import Line, cut
from vidsum.reasoner.workload import most_sections


def talk(cues_: int, word: str = "talk") -> Bundle:
    texts = [f"Sentence {n} of a {word} that goes on and on." for n in range(cues_)]
    return bundle((), cues(*texts, length_s=3.8), language="en", video=False)


def need(packed: Bundle) -> Need:
    from vidsum import tokens
    from vidsum.wording import as_line

    count = tokens.count("\n".join(as_line(entry) for entry in packed.timeline), None)[0]
    return Need(speech_s=Span(60, 60, 60), timeline_tokens=Span(count, count, count))


def fitting(call: Call) -> Answer:
    """As honest, with a usage that is as high as a bad tokenizer makes it."""
    return counted_badly(call, honest(call))


def counted_badly(call: Call, answer: Answer) -> Answer:
    """Return an answer for whose question a token was counted for each byte."""
    assert isinstance(answer.body, dict)
    size = sum(len(message["content"].encode()) for message in call.body["messages"])
    usage = {"prompt_tokens": size, "completion_tokens": 200, "total_tokens": size + 200}
    return replace(answer, body={**answer.body, "usage": usage})


def useless(call: Call) -> Answer:
    return says('{"chapters": 5}')


def endless(call: Call) -> Answer:
    return says('{"chapters": [', "length", (100, int(call.body["max_tokens"])))


def thinking(call: Call) -> Answer:
    if int(call.body["max_tokens"]) <= 2048:
        return says("", "length", (500, 300), reasoning_content="hm")
    return fitting(call)


@pytest.mark.parametrize("step", [fitting, useless, endless, thinking])
@pytest.mark.parametrize(("sentences", "context", "word"), [
    (20, 32_768, "talk"), (300, 8_192, "talk"), (200, 4_096, "Gespräch über Öl"),
    (900, 8_192, "講演について"),
])  # fmt: skip
def test_a_provider_stays_within_its_forecast(
    sentences: int, context: int, word: str, step: object
) -> None:
    packed, account = talk(sentences, word), Account()
    with ScriptedProvider(step) as provider:  # type: ignore[arg-type]
        options = Options(api=provider.url, reason_model="m", reason_context_tokens=context)
        reasoner = remote.build(options)
        reasoner.tally.bind(account)
        try:
            reasoner.summarize(packed)
        except BackendFailed:
            assert step in (useless, endless)
        reasoner.close()
    found = remote.forecast(options, need(packed))
    assert ordered(found)
    failed = step in (useless, endless)
    account.assert_within(
        replace(found, least=replace(found.least, calls=1, input_tokens=0))
        if failed
        else replace(found, least=replace(found.least, input_tokens=0))
    )
    assert account.calls >= 2 if failed else True


def curious_and_fitting(call: Call) -> Answer:
    """Ask to see three moments again, and count as many tokens as a bad tokenizer does."""
    return counted_badly(call, curious(call))


def curious_and_useless(call: Call) -> Answer:
    """The same, but the revision cannot be used."""
    asked = "first_answer" in call.prompt
    return counted_badly(call, useless(call) if asked else curious(call))


@pytest.mark.parametrize("step", [curious_and_fitting, curious_and_useless])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"length": "long", "style": "archive"},
        {"length": "short", "max_evidence_tokens": 900},
    ],
    ids=str,
)
@pytest.mark.parametrize(("sentences", "context", "word"), [
    (20, 32_768, "talk"), (300, 8_192, "talk"), (200, 6_144, "Gespräch über Öl"),
])  # fmt: skip
def test_a_summary_that_is_revised_stays_within_its_forecast(
    sentences: int, context: int, word: str, more: dict[str, Any], step: Step
) -> None:
    packed, account = talk(sentences, word), Account()
    with ScriptedProvider(step) as provider:
        options = Options(api=provider.url, reason_model="m", reason_context_tokens=context, **more)
        reasoner = remote.build(options)
        reasoner.tally.bind(account)
        made = reasoner.summarize(packed, looker=Eyes())
        reasoner.close()
    asked = replace(need(packed), looks=Span(0, 3, 3))
    found = remote.forecast(options, asked)
    assert ordered(found)
    account.assert_within(replace(found, least=replace(found.least, input_tokens=0)))
    without = remote.forecast(replace(options, second_look=0), asked)
    assert (without.most.calls or 0) == (found.most.calls or 0) - 2
    assert bool(made.looks) is (account.calls > 1)


def test_what_gives_way_to_the_users_budget_is_not_asked_for() -> None:
    asked = Need(captions=Span(9, 9, 9), timeline_tokens=Span(9_000, 9_000, 90_000))
    options = Options(api="openai", reason_model="gpt-4o-mini", reason_context_tokens=8_192)
    whole, part = (
        forecasting.remote(replace(options, max_evidence_tokens=most), asked)
        for most in (None, 2_000)
    )
    assert (whole.most.calls or 0) > 10
    assert (part.likely.calls, part.least.input_tokens) == (1, 0)
    assert ordered(part)


@pytest.mark.parametrize("sentences", [4, 60])
def test_a_model_here_stays_within_its_forecast(sentences: int, tmp_path: Path) -> None:
    packed, account = talk(sentences), Account()
    options = Options(reason_model=str(text_gguf(tmp_path / "text.gguf", context=8_192)),
                      threads=1, gpu_layers=0, reason_context_tokens=4_096)  # fmt: skip
    reasoner = local.build(options)
    reasoner.tally.bind(account)
    try:
        reasoner.summarize(packed)
    except BackendFailed as exc:
        assert "form that was asked for" in exc.message or "too small" in exc.message  # noqa: PT017
    reasoner.close()
    found = local.forecast(options, need(packed))
    account.assert_within(found)
    assert ordered(found)


def test_a_context_that_the_model_was_not_trained_for_is_not_counted_on(tmp_path: Path) -> None:
    asked = Need(speech_s=Span(9, 9, 9), timeline_tokens=Span(6000, 6000, 6000))
    wide = text_gguf(tmp_path / "wide.gguf", context=16_384)
    narrow = text_gguf(tmp_path / "narrow.gguf", context=2_048)
    calls = [
        local.forecast(Options(reason_model=str(path), gpu_layers=0), asked).likely.calls
        for path in (wide, narrow)
    ]
    assert calls[0] == 1
    assert (calls[1] or 0) > 1


def test_nothing_known_nothing_asked() -> None:
    found = forecasting.remote(Options(api="openai", reason_model="gpt-4o-mini"), Need())
    assert found.least.calls == 0


def test_the_prompt_in_use_counts(tmp_path: Path) -> None:
    asked = Need(timeline_tokens=Span(100, 100, 100))
    options = Options(api="openai", reason_model="gpt-4o-mini")
    plain = forecasting.remote(options, asked).most.input_tokens or 0
    (tmp_path / "summary.md").write_text("Sum up. {{ lines | join('\\n') }}" + "x" * 90_000)
    own = forecasting.remote(replace(options, prompts_dir=tmp_path), asked).most.input_tokens or 0
    assert own - plain > 2 * 80_000
    (tmp_path / "summary.md").write_text("{{ nothing_of_the_kind }}")
    broken = replace(options, prompts_dir=tmp_path, language="de")
    with pytest.raises(OptionError, match="cannot be used"):
        forecasting.remote(broken, asked)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=120), st.integers(400, 1500))
def test_no_timeline_is_cut_into_more_sections(sizes: list[int], budget: int) -> None:
    entry = talk(1).timeline[-1]
    rows = [Line(entry, "", size) for size in sizes]
    assert len(cut(rows, budget)) <= most_sections(sum(sizes), budget)


@given(st.floats(0, 90_000), st.floats(0, 90_000), st.sampled_from([2_048, 8_192, 128_000]))
def test_more_timeline_takes_more(one: float, other: float, context: int) -> None:
    low, high = sorted((one, other))
    options = Options(api="openai", reason_model="gpt-4o-mini", reason_context_tokens=context)
    few, many = (
        forecasting.remote(options, Need(timeline_tokens=Span(low, low, most)))
        for most in (low, high)
    )
    assert ordered(few)
    assert ordered(many)
    assert (few.most.input_tokens or 0) <= (many.most.input_tokens or 0)
    assert (few.most.calls or 0) <= (many.most.calls or 0)
