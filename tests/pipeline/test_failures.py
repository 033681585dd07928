"""What is kept when a backend gives up: nothing that a model has answered is thrown away."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from scripted_backends import ScriptedCaptioner, ScriptedTranscriber, put_in_place

from vidsum import api
from vidsum.captioners.protocol import CaptionRequest
from vidsum.config import Options
from vidsum.costs.ledger import Ledger, default_path
from vidsum.data import Caption, Segment, Transcript
from vidsum.errors import BackendFailed, BackendMissing, MediaError, OptionError, VidsumError
from vidsum.events import Event, StageAdvanced, StageStarted
from vidsum.pipeline.run import Run
from vidsum.transcribers.protocol import Heard, TranscriptRequest

SAID = (Segment(1.0, 3.0, "Tides come twice a day."), Segment(20.0, 23.0, "The Moon pulls."))
MUMBLED = Segment(12.0, 13.0, "up up", doubt="it repeats itself")
GONE = BackendMissing("The model was removed.", "Get it again.")
BROKEN = BackendFailed("The ear fell off.", "Glue it on.")


def hears(then: VidsumError | None = None, heard: bool = True) -> ScriptedTranscriber:
    def script(request: TranscriptRequest) -> Transcript:
        if heard:
            request.heard(Heard(30.0, SAID, (MUMBLED,), "en", 8.0, 30.0))
        if then is not None:
            raise then
        return Transcript(SAID, "scripted", "scripted")

    return ScriptedTranscriber(script, "network")


def sees(script: Callable[[int], str | VidsumError]) -> ScriptedCaptioner:
    """Describe the nth picture; an error of a request is one caption's, any other ends it all."""

    def one(number: int, request: CaptionRequest) -> Caption:
        found, sample = script(number), request.sample
        if isinstance(found, VidsumError):
            raise found
        error = None if found else "no words"
        return Caption(sample.index, sample.time_s, found, "scripted", error)

    return ScriptedCaptioner(one)


def run_of(talk: Path, listen: Callable[[Event], None] = lambda event: None, **more: object) -> Run:
    named: dict[str, object] = {"ocr": False, "end_s": 60.0, "tier": "lite"}
    return api.start(talk, Options(**(named | more)), listen)  # type: ignore[arg-type]


def summarized(run: Run) -> tuple[tuple[str, ...], str]:
    packed = api.bundle(run, api.extract(run))
    summary = api.reason(run, packed)
    return tuple(segment.text for segment in packed.evidence.transcript.segments), summary.backend


@pytest.mark.parametrize("error", [GONE, BROKEN])
def test_what_was_heard_survives_a_recogniser(
    talk: Path, monkeypatch: pytest.MonkeyPatch, error: VidsumError
) -> None:
    put_in_place(monkeypatch, "transcriber", "whisper", hears(then=error))
    run = run_of(talk, transcriber="whisper")
    found = api.extract(run).transcript
    assert (found.segments, found.rejected) == (SAID, (MUMBLED,))
    assert (found.language, found.speech_s, found.heard_s) == ("en", 8.0, 30.0)
    assert found.source == "speech recognised up to 0:30, then scripted failed"
    assert run.failures == [f"{error.message} {error.hint}"]
    [stage] = [s for s in run.meter.receipt().stages if s.stage == "transcript"]
    assert (stage.counts["segments"], stage.counts["audio_s"]) == (2, 30.0)


def test_what_was_heard_survives_damaged_sound(talk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_place(monkeypatch, "transcriber", "whisper", hears(then=MediaError("The end is lost.")))
    run = run_of(talk, transcriber="whisper")
    found = api.extract(run)
    assert found.transcript.segments == SAID
    assert [(n.code, n.partial) for n in found.notices if n.code != "speech-rejected"] == [
        ("sound-stopped", True)
    ]


def test_ears_that_fail_at_once_end_the_eyes(talk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_place(monkeypatch, "transcriber", "whisper", hears(then=BROKEN, heard=False))
    looked = [0.0]

    def listen(event: Event) -> None:
        if isinstance(event, StageAdvanced) and event.stage == "looking":
            looked.append(event.done)

    run = run_of(talk, listen, transcriber="whisper", interval_s=0.05, end_s=None)
    with pytest.raises(BackendFailed, match="The ear fell off"):
        api.extract(run)
    assert max(looked) < 3000


def test_captions_survive_ears_that_heard_nothing(
    talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(talk, transcriber="whisper", captioner="remote")

    def script(request: TranscriptRequest) -> Transcript:
        while not run.has_answers:
            time.sleep(0.01)
        raise BROKEN

    put_in_place(monkeypatch, "transcriber", "whisper", ScriptedTranscriber(script, "network"))
    put_in_place(monkeypatch, "captioner", "remote", sees(lambda number: f"picture {number}"))
    found = api.extract(run)
    assert found.transcript.segments == ()
    assert found.transcript.source == "scripted failed before it had recognised any speech"
    assert found.observations[-1].caption is not None
    assert found.observations[-1].caption.text.startswith("picture")
    assert run.failures == ["The ear fell off. Glue it on."]


def test_a_captioner_without_a_word_is_not_asked_to_the_end(
    talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captioner = sees(lambda number: "")
    put_in_place(monkeypatch, "captioner", "remote", captioner)
    with pytest.raises(BackendFailed, match="No picture could be described: no words"):
        api.extract(run_of(talk, captioner="remote"))
    assert captioner.asked == 5


@pytest.mark.parametrize("script", [lambda n: "", lambda n: GONE, lambda n: BROKEN])
def test_what_was_heard_survives_a_captioner(
    talk: Path, monkeypatch: pytest.MonkeyPatch, script: Callable[[int], str | VidsumError]
) -> None:
    put_in_place(monkeypatch, "transcriber", "whisper", hears())
    put_in_place(monkeypatch, "captioner", "remote", sees(script))
    run = run_of(talk, transcriber="whisper", captioner="remote")
    run.answered()  # by the ears, which may be slower here than the eyes
    found = api.extract(run)
    assert found.transcript.segments == SAID
    assert len(found.observations) > 5
    assert len(run.failures) == 1


def test_what_was_heard_survives_pictures_that_cannot_be_read(
    talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(monkeypatch, "transcriber", "whisper", hears())
    lost = MediaError("The pictures are lost.")
    put_in_place(monkeypatch, "captioner", "remote", sees(lambda n: lost))
    run = run_of(talk, transcriber="whisper", captioner="remote")
    run.answered()
    found = api.extract(run)
    assert found.transcript.segments == SAID
    assert found.observations == ()
    assert ("pictures-unreadable", True) in [(n.code, n.partial) for n in found.notices]


@pytest.mark.parametrize("error", [GONE, OptionError("The prompt cannot be used.", "Mend it.")])
def test_all_survives_a_reasoner(
    talk: Path, monkeypatch: pytest.MonkeyPatch, error: VidsumError
) -> None:
    run = run_of(talk, reasoner="remote")
    put_in_place(monkeypatch, "reasoner", "remote", error)
    texts, backend = summarized(run)
    assert len(texts) > 5
    assert backend == "extractive"
    assert run.failures == [f"{error.message} {error.hint}"]


def test_the_stretch_that_is_heard_is_told(talk: Path) -> None:
    started: list[StageStarted] = []
    run = run_of(talk, lambda e: started.append(e) if isinstance(e, StageStarted) else None,
                 start_s=20.0, transcriber="none")  # fmt: skip
    api.extract(run)
    assert [event.total for event in started if event.stage == "listening"] == [40.0]


DEAF = """
import sys, time
from pathlib import Path
import pytest
from scripted_backends import ScriptedTranscriber, put_in_place
from vidsum.cli.main import main

def script(request):
    print("busy", flush=True)
    time.sleep(300)  # as a model does: nothing can break it off

put_in_place(pytest.MonkeyPatch(), "transcriber", "whisper", ScriptedTranscriber(script))
sys.argv = ["vidsum", sys.argv[1], "--transcriber", "whisper", "--tier", "lite", "--no-ocr"]
main()
"""


def test_an_interruption_does_not_wait_for_a_model(talk: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{DEAF}", str(talk)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "busy\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "interrupted; what was found so far is kept" in err.splitlines()[-1]


def interrupted_in_a_library() -> None:
    """Raise what came of Ctrl-C, which is raised in the main thread only."""
    try:
        try:
            raise KeyboardInterrupt
        finally:
            raise AttributeError  # as a library's cleaning up may
    except AttributeError as exc:
        raise BackendFailed("The library failed.") from exc


def test_an_error_that_an_interrupt_became_is_an_interrupt(talk: Path) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, StageStarted) and event.stage == "looking":
            interrupted_in_a_library()

    run = run_of(talk, stop)
    with pytest.raises(KeyboardInterrupt), api.finishing(run):
        api.extract(run)
    with Ledger(default_path()) as ledger:
        entries = list(ledger.entries(run_id=run.meter.book.identity.run_id))
    assert [one.status for one in entries if one.kind == "run"] == [None, "interrupted"]


def test_no_run_goes_on_after_an_interrupt_for_what_it_has(
    talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(number: int) -> str:
        if number:
            interrupted_in_a_library()
        return "A beach."

    put_in_place(monkeypatch, "captioner", "local", sees(script))
    run = run_of(talk, captioner="local")
    with pytest.raises(KeyboardInterrupt), api.finishing(run):
        api.extract(run)
    assert run.has_answers
    assert run.failures == []
