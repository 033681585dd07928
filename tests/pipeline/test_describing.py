"""Captions under a cap: what was refused, what failed, and what is said of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from scripted_backends import SCRIPTED, ScriptedCaptioner

from vidsum import api
from vidsum.captioners.protocol import CaptionRequest
from vidsum.config import Options
from vidsum.costs.meter import Turns
from vidsum.costs.units import CU_FLOPS
from vidsum.data import Caption, Notice, Observation, PictureFacts, Quantities, Sample
from vidsum.errors import BackendFailed, BudgetReached
from vidsum.pipeline.describing import Describer
from vidsum.pipeline.run import Run

FACTS = PictureFacts("medium", 128.0, False, False, "none", 20.0)
SEEN = [Observation(Sample(i, 5.0 * i, 5.0 * i, 5.0 * i), FACTS, None) for i in range(12)]


class PaidCaptioner(ScriptedCaptioner):
    """Each caption takes one compute unit; one that is refused is a caption with an error, and
    the refusal is raised after as many more pictures as there were under way."""

    def __init__(self, says: Callable[[int], str | None], under_way: int = 1) -> None:
        super().__init__(self._one)
        self._says, self._under_way = says, under_way
        self._refused: list[BudgetReached] = []

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[Caption]:
        for caption in super().caption(requests):
            yield caption
            if len(self._refused) == self._under_way:
                raise self._refused[0]
        if self._refused:
            raise self._refused[0]

    def _one(self, number: int, request: CaptionRequest) -> Caption:
        sample, text, error = request.sample, self._says(number) or "", None
        try:
            with self.tally.open(SCRIPTED, Quantities(calls=1), CU_FLOPS) as call:
                call.settle(Quantities(calls=1), "measured", flops=CU_FLOPS)
            error = None if text else "The model is tired."
        except BudgetReached as exc:
            text, error = "", f"{exc.message}"
            self._refused.append(exc)
        return Caption(sample.index, sample.time_s, text, self.name, error)


def run_of(**caps: object) -> Run:
    return api.start(Path("film.mp4"), Options(**caps), recorded=False)  # type: ignore[arg-type]


def described(run: Run, captioner: ScriptedCaptioner, *, ranked: bool = True) -> list[Observation]:
    desk = run.meter.open("describe", "image", captioner.name)
    describer = Describer(run, captioner, Turns(), desk)
    requests = (CaptionRequest(seen.sample, seen.facts, seen.text) for seen in SEEN)
    describer.describe(requests, ranked=ranked)
    return list(describer.of(SEEN))


def backends(found: list[Observation]) -> str:
    """One letter a picture: the model's, built-in, an error, nothing."""
    letters = []
    for seen in found:
        caption = seen.caption
        if caption is None:
            letters.append(" ")
        else:
            letters.append("e" if caption.error else caption.backend[0])
    return "".join(letters)


def told_short(run: Run) -> list[str]:
    """What was given up, without the amounts of the call that was refused."""
    return [line.partition(" A call may take")[0] for line in run.meter.given_up]


def other_notices(run: Run) -> list[Notice]:
    """What is noted beside what was given up for a cap."""
    return [notice for notice in run.notices if notice.code != "cap"]


@pytest.mark.parametrize("under_way", [1, 4, 8])
def test_what_does_not_fit_is_measured(under_way: int) -> None:
    run = run_of(max_cu=3.0)
    found = described(run, PaidCaptioner(lambda number: "A picture.", under_way))
    assert backends(found) == "sss" + 9 * "b"
    assert told_short(run) == ["9 of 12 pictures were not described by the model, those that "
                                  "tell least. The cap of 3 CU is reached."]  # fmt: skip
    assert other_notices(run) == []
    assert all(seen.caption is not None and seen.caption.text for seen in found)


@pytest.mark.parametrize("under_way", [1, 4, 8])
def test_nothing_fits(under_way: int) -> None:
    """More refusals than it takes to say that a model is of no use: that is not what they say."""
    run = run_of(max_cu=0.0)
    assert backends(described(run, PaidCaptioner(lambda number: "x", under_way))) == 12 * "b"
    assert told_short(run) == ["No picture was described by the model. The cap of 0 CU is "
                                  "reached."]  # fmt: skip
    assert other_notices(run) == []


def test_refusals_that_word_it_each_in_its_own_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever refuses, and however that is said."""
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path))
    run = api.start(Path("film.mp4"), Options(max_cu_per_day=2.5))

    class Dearer(PaidCaptioner):
        def _one(self, number: int, request: CaptionRequest) -> Caption:
            caption = super()._one(number, request)
            if caption.error is None:
                return caption
            try:
                self.tally.open(SCRIPTED, Quantities(calls=1), CU_FLOPS * (2 + number))
            except BudgetReached as exc:
                return Caption(caption.index, caption.time_s, "", self.name, exc.message)
            raise AssertionError("a dearer call fits")

    found = described(run, Dearer(lambda number: "A picture.", 4))
    assert backends(found) == "ss" + 10 * "b"
    [told] = run.meter.given_up
    assert told.startswith("10 of 12 pictures were not described")
    assert "The cap of 2.5 CU a day is reached" in told
    assert other_notices(run) == []


def test_failures_are_told_from_refusals() -> None:
    run = run_of(max_cu=5.0)
    found = described(run, PaidCaptioner(lambda number: None if number in (1, 3) else "Yes.", 3))
    assert backends(found) == "seses" + 7 * "b"
    assert told_short(run) == ["7 of 12 pictures were not described by the model, those that "
                                  "tell least. The cap of 5 CU is reached."]  # fmt: skip
    [notice] = other_notices(run)
    assert notice.message == ("2 of 5 pictures could not be described (at 0:05, 0:15): The model "
                              "is tired.")  # fmt: skip
    assert notice.partial


def test_failures_alone_before_the_cap_are_said_as_well() -> None:
    run = run_of(max_cu=2.0)
    found = described(run, PaidCaptioner(lambda number: None))
    assert backends(found) == "ee" + 10 * "b"
    [notice] = other_notices(run)
    assert notice.message.startswith("2 of 2 pictures could not be described")


def test_a_model_that_fails_each_time_ends_the_run() -> None:
    with pytest.raises(BackendFailed, match="No picture could be described: The model is tired"):
        described(run_of(max_cu=100.0), PaidCaptioner(lambda number: None))


def test_in_order_of_time_the_last_ones_are_not_said_to_tell_least() -> None:
    run = run_of(max_cu=3.0)
    described(run, PaidCaptioner(lambda number: "A picture."), ranked=False)
    assert told_short(run) == ["9 of 12 pictures were not described by the model. The cap of 3 "
                                  "CU is reached."]  # fmt: skip


def test_without_a_cap_nothing_is_given_up() -> None:
    run = run_of()
    assert backends(described(run, PaidCaptioner(lambda number: "A picture."))) == 12 * "s"
    assert told_short(run) == []
    assert run.meter.receipt().spending is None
