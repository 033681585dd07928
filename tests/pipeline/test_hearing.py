"""The ears beside the eyes: who waits for whom, and what is kept when a recogniser fails."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from scripted_backends import ScriptedTranscriber as Scripted
from scripted_backends import put_in_place

from vidsum import api
from vidsum.config import Options
from vidsum.data import Segment, Transcript
from vidsum.errors import BackendFailed
from vidsum.pipeline import schedule
from vidsum.pipeline.hearing import Hearing
from vidsum.registry import Work
from vidsum.transcribers.protocol import Heard, Transcriber, TranscriptRequest

SAID = tuple(Segment(i * 10.0, i * 10.0 + 3, f"word {i}") for i in range(6))


def hearing_of(
    talk: Path, monkeypatch: pytest.MonkeyPatch, transcriber: Transcriber, eyes: Work = "light"
) -> Hearing:
    put_in_place(monkeypatch, "transcriber", "whisper", transcriber)
    run = api.start(talk, Options(transcriber="whisper", tier="lite"))
    with run.open_decoder() as decoder:
        return Hearing(run, decoder.probe(), eyes)


def test_words_around_waits_until_that_much_was_heard(
    talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = [threading.Event() for _ in SAID]

    def script(request: TranscriptRequest) -> Transcript:
        for number, event in enumerate(go):
            assert event.wait(20)
            request.heard(Heard(number * 10.0 + 10, SAID[: number + 1]))
        return Transcript(SAID, "scripted", "scripted")

    hearing = hearing_of(talk, monkeypatch, Scripted(script))
    with ThreadPoolExecutor(2) as pool:
        done = pool.submit(hearing.listen)
        at_21 = pool.submit(hearing.words_around, 21.0)
        go[0].set()
        go[1].set()
        assert hearing.words_around(5.0) == "word 0"
        assert hearing.words_around(12.0) == "word 1"
        assert not at_21.done()  # it needs what is said until 25 s
        for event in go:
            event.set()
        assert at_21.result(20) == "word 1 word 2"
        assert done.result(20).segments == SAID
    assert hearing.words_around(1e9) == ""
    assert hearing.done


def test_a_recogniser_that_fails_does_not_leave_the_eyes_waiting(
    talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(request: TranscriptRequest) -> Transcript:
        raise BackendFailed("The ear fell off.")

    hearing = hearing_of(talk, monkeypatch, Scripted(script))
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(hearing.listen)
        assert hearing.words_around(50.0) == ""
        with pytest.raises(BackendFailed, match="The ear fell off"):
            done.result(20)


@pytest.mark.parametrize(
    ("eyes", "ears", "told"),
    [("light", "light", True), ("light", "network", True), ("light", "cores", False),
     ("light", "gpu", False), ("gpu", "gpu", True), ("gpu", "cores", False),
     ("cores", "cores", True)],
)  # fmt: skip
def test_what_cannot_be_told_apart_is_not_said(
    talk: Path, monkeypatch: pytest.MonkeyPatch, eyes: Work, ears: Work, told: bool
) -> None:
    """A model has threads of its own: their CPU is known only where nothing else runs."""
    monkeypatch.setattr("vidsum.pipeline.hearing.usable_cores", lambda: 2)
    empty = Transcript((), "nothing", "scripted")
    hearing = hearing_of(talk, monkeypatch, Scripted(lambda request: empty, ears), eyes)
    hearing.listen()
    stages = hearing._run.meter.receipt().stages
    [stage] = [s for s in stages if s.stage == "transcript"]
    assert (stage.cpu_s is not None) == told


def test_rejected_speech_is_said_and_not_used(talk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mumbled = Segment(70.0, 72.0, "what", doubt="hardly recognised")
    noise = Segment(3.0, 8.0, "up up up", doubt="the same words over and over (9)")
    more = Segment(80.0, 81.0, "up up up", doubt="the same words over and over (12)")

    def script(request: TranscriptRequest) -> Transcript:
        return Transcript((*SAID, mumbled), "scripted", "scripted", rejected=(noise, more))

    hearing = hearing_of(talk, monkeypatch, Scripted(script))
    found = hearing.listen()
    assert found.segments == SAID
    assert found.rejected == (noise, mumbled, more)
    [note] = hearing._run.notices
    assert note.code == "speech-rejected"
    assert "3 passages (8 s)" in note.message
    assert "(mostly: the same words over and over)" in note.message


@pytest.mark.parametrize(
    ("eyes", "ears", "cores", "waits"),
    [
        ("cores", "cores", 2, True), ("cores", "cores", 8, False), ("gpu", "gpu", 64, True),
        ("network", "cores", 2, False), ("cores", "network", 2, False),
        ("cores", "gpu", 2, False), ("cores", "light", 1, False),
    ],
)  # fmt: skip
def test_two_models_share_cores_only_where_there_are_many(
    eyes: Work, ears: Work, cores: int, waits: bool
) -> None:
    assert schedule.must_wait(eyes, ears, cores) == waits


def test_threads_are_halved_only_for_two_that_need_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "usable_cores", lambda: 16)
    assert schedule.with_threads(Options(), "cores", "cores").threads == 8
    assert schedule.with_threads(Options(), "cores", "light").threads is None
    assert schedule.with_threads(Options(threads=3), "cores", "cores").threads == 3
    monkeypatch.setattr(schedule, "usable_cores", lambda: 2)
    assert schedule.with_threads(Options(), "cores", "cores").threads is None


def test_the_eyes_wait_for_a_recogniser_on_few_cores(
    talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()

    def script(request: TranscriptRequest) -> Transcript:
        assert go.wait(20)
        return Transcript(SAID, "scripted", "scripted")

    monkeypatch.setattr("vidsum.pipeline.hearing.usable_cores", lambda: 2)
    hearing = hearing_of(talk, monkeypatch, Scripted(script))
    with ThreadPoolExecutor(2) as pool:
        done = pool.submit(hearing.listen)
        turn = pool.submit(hearing.wait_for_turn, "cores")
        assert hearing.wait_for_turn("network") in ("light", "cores")
        assert not turn.done()
        go.set()
        assert turn.result(20) == "light"
        assert done.result(20).segments == SAID
