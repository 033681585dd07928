"""Speech that was recognised once is not recognised again, whatever ended the run before."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from models import WHISPER
from scripted_provider import Answer, Call, ScriptedProvider, fails
from speech_server import MODEL, sound_of, transcribes
from spoken import RATE_HZ, Line, spoken_wav

from vidsum import api
from vidsum.config import Options
from vidsum.data import Saving, Transcript
from vidsum.errors import BackendFailed
from vidsum.events import Event, Noted, StageAdvanced
from vidsum.pipeline.extract import prepare
from vidsum.pipeline.hearing import Hearing
from vidsum.pipeline.keeping import watch
from vidsum.store.content import default_path
from vidsum.transcribers import remote

pytestmark = pytest.mark.slow
"""With the others of their kind in the default run these would take it over ten minutes."""

HERE: dict[str, Any] = {
    "tier": "lite", "transcriber": "whisper", "speech_model": str(WHISPER), "threads": 1,
    "gpu_layers": 0,
}  # fmt: skip
PHRASES = ("red circle left", "open blue square", "move up two", "close slide two", "stop video")


class Done:
    """A run up to its evidence, or to what ended it."""

    def __init__(self, path: Path, hook: Callable[[Event], None] | None = None,
                 **options: Any) -> None:  # fmt: skip
        self.events: list[Event] = []
        self._hook = hook
        self.failure: BaseException | None = None
        self.run = api.start(path, Options(**options), self._listen)
        self.transcript: Transcript | None = None
        try:
            with api.finishing(self.run):
                self.transcript = api.extract(self.run).transcript
        except (KeyboardInterrupt, BackendFailed) as exc:
            self.failure = exc

    def _listen(self, event: Event) -> None:
        self.events.append(event)
        if self._hook is not None:
            self._hook(event)

    @property
    def kept(self) -> list[str]:
        return [e.message for e in self.events if isinstance(e, Noted) and e.level == "kept"]

    @property
    def savings(self) -> list[Saving]:
        return [one for one in self.run.meter.receipt().savings if one.by == "resume"]

    def counted(self, name: str) -> float:
        [stage] = [s for s in self.run.meter.receipt().stages if s.stage == "transcript"]
        return stage.counts.get(name, 0.0)


def interrupted_after(seconds: float) -> Callable[[Event], None]:
    def hook(event: Event) -> None:
        if isinstance(event, StageAdvanced) and event.stage == "listening" and event.done > seconds:
            raise KeyboardInterrupt

    return hook


def said(transcript: Transcript | None) -> list[str]:
    assert transcript is not None
    return [segment.text.lower().strip(".") for segment in transcript.segments]


# On this machine.


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes and a half: three blocks for Whisper."""
    lines: list[Line] = [(1.0 + 3.5 * n, PHRASES[n % 5]) for n in range(40)]
    return spoken_wav(tmp_path_factory.mktemp("lecture") / "talk.wav", lines, 145.0)


@pytest.fixture(scope="module")
def whole(lecture: Path) -> Transcript:
    """The lecture, heard in one go; nothing is kept of it."""
    found = Done(lecture, **HERE, cache=False).transcript
    assert found is not None
    assert len(found.segments) > 30
    return found


@pytest.fixture(scope="module")
def after_a_block(lecture: Path) -> bytes:
    """What is kept when a run was interrupted after the first block."""
    broken_off = Done(lecture, interrupted_after(60.0), **HERE)
    assert isinstance(broken_off.failure, KeyboardInterrupt)
    return default_path().read_bytes()


@pytest.fixture
def broken_off(after_a_block: bytes) -> None:
    """That run was the last one."""
    default_path().write_bytes(after_a_block)


@pytest.mark.usefixtures("broken_off")
def test_an_interrupted_run_goes_on_after_the_last_block(lecture: Path, whole: Transcript) -> None:
    again = Done(lecture, **HERE)
    assert again.transcript == whole
    [line] = again.kept
    assert line.startswith("speech up to 0:5")
    assert line.endswith("of an earlier run is used; --no-cache listens again")
    assert 40 < again.counted("sent_s") < 100
    assert 80 < again.counted("audio_s") < 105
    [saving] = again.savings
    assert saving.calls is not None
    assert saving.calls >= 2
    assert saving.seconds is not None
    assert saving.seconds > 0


@pytest.mark.usefixtures("broken_off")
def test_kept_words_are_there_at_once(lecture: Path) -> None:
    words: list[str] = []

    def hook(event: Event) -> None:
        if isinstance(event, StageAdvanced) and event.stage == "listening":
            words.append(hearing.words_around(10.0))
            raise KeyboardInterrupt

    run = api.start(lecture, Options(**HERE), hook)
    watch(run)
    hearing = Hearing(run, prepare(run))
    with pytest.raises(KeyboardInterrupt), api.finishing(run):
        hearing.listen()
    assert "open blue square" in words[0]


@pytest.mark.usefixtures("broken_off")
@pytest.mark.parametrize(
    "other", [{"language": "en"}, {"start_s": 1.0}, *(
        pytest.param(one, marks=pytest.mark.slow)
        for one in ({"end_s": 140.0}, {"word_times": True}, {"cache": False}, {"audio_track": 1})
    )],
)  # fmt: skip
def test_another_request_begins_anew(lecture: Path, other: dict[str, Any]) -> None:
    again = Done(lecture, interrupted_after(0.0), **(HERE | other))
    assert again.kept == []


@pytest.mark.usefixtures("broken_off")
def test_the_same_words_in_another_file_are_another_video(lecture: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(lecture.read_bytes())
    assert Done(other, interrupted_after(60.0), **HERE).kept  # only its name is another one
    other.write_bytes(lecture.read_bytes() + b"LIST\4\0\0\0INFO")
    assert Done(other, interrupted_after(0.0), **HERE).kept == []


@pytest.mark.slow
def test_from_a_damaged_block_on_all_is_heard_anew(lecture: Path, whole: Transcript) -> None:
    Done(lecture, interrupted_after(110.0), **HERE)
    with contextlib.closing(sqlite3.connect(default_path())) as db, db:
        rows = list(db.execute("SELECT rowid FROM kept WHERE kind = 'heard' ORDER BY rowid"))
        assert len(rows) == 2
        db.execute("UPDATE kept SET body = x'0102' WHERE rowid = ?", rows[1])
    again = Done(lecture, **HERE)
    assert [line[:15] for line in again.kept] == ["speech up to 0:"]
    assert again.transcript == whole


@pytest.mark.slow
def test_what_changed_under_a_run_is_not_kept(lecture: Path, tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(lecture.read_bytes())

    def hook(event: Event) -> None:
        if isinstance(event, StageAdvanced) and event.stage == "listening":
            os.utime(path, (1, 1))
        interrupted_after(60.0)(event)

    Done(path, hook, **HERE)
    assert Done(path, interrupted_after(0.0), **HERE).kept == []


@pytest.mark.usefixtures("broken_off")
def test_a_cap_leaves_what_is_kept_and_keeps_nothing_thinned(
    lecture: Path, whole: Transcript
) -> None:
    capped = Done(lecture, **HERE, max_cu=1e-9)
    assert capped.transcript is not None
    assert capped.counted("calls") == 0
    assert capped.transcript.segments
    assert capped.transcript.segments == whole.segments[: len(capped.transcript.segments)]
    assert capped.run.meter.given_up
    again = Done(lecture, **HERE)
    assert again.transcript == whole
    [line] = again.kept
    assert line.startswith("speech up to 0:5"), "nothing was added by the run that skipped"


# At a server.


BLOCK_S = 60.0
LINES = [(2.0, PHRASES[0]), (BLOCK_S + 20, PHRASES[1]), (2 * BLOCK_S - 20, PHRASES[3]),
         (2 * BLOCK_S + 20, PHRASES[2])]  # fmt: skip
DENSE = [(2.0 + 3.5 * n, PHRASES[n % 5]) for n in range(25)]


@pytest.fixture
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute of sound is sent at once, and not five: tests take less time."""
    monkeypatch.setattr(remote, "BLOCK_S", BLOCK_S)


@pytest.fixture(scope="module")
def long_talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three blocks for a server, a request each."""
    return spoken_wav(tmp_path_factory.mktemp("long") / "talk.wav", LINES, 3 * BLOCK_S - 10)


@pytest.fixture(scope="module")
def dense_talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One block, of several passages."""
    return spoken_wav(tmp_path_factory.mktemp("dense") / "talk.wav", DENSE, 90.0)


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    """Behaves as :func:`behave` says."""
    with ScriptedProvider(lambda call: _behaviour[0](call)) as provider:
        yield provider


_behaviour: list[Callable[[Call], Answer]] = []
_sent: list[int] = []
"""How many samples each request of an unbroken run has."""


def behave(step: Callable[[Call], Answer], but: dict[int, Answer] | None = None) -> None:
    """Have the server do one thing, but for the requests with these numbers from now on."""
    count = iter(range(1000))
    _behaviour[:] = [lambda call: (but or {}).get(next(count)) or step(call)]


def there(server: ScriptedProvider, **more: Any) -> dict[str, Any]:
    return {
        "tier": "lite",
        "transcriber": "remote",
        "api": server.url,
        "speech_model": MODEL,
    } | more


def unbroken(path: Path, server: ScriptedProvider, step: Callable[[Call], Answer]) -> Transcript:
    behave(step)
    found = Done(path, **there(server), cache=False).transcript
    assert found is not None
    _sent[:] = [sound_of(call).size for call in server.calls]
    server.calls.clear()
    return found


@pytest.mark.usefixtures("short_blocks")
def test_after_a_failing_provider_only_the_rest_is_paid_for(
    long_talk: Path, server: ScriptedProvider
) -> None:
    whole = unbroken(long_talk, server, transcribes())
    behave(transcribes(), {1: fails(401, "revoked")})
    first = Done(long_talk, **there(server))
    assert said(first.transcript) == said(whole)[:1]
    assert first.run.failures
    server.calls.clear()
    again = Done(long_talk, **there(server))
    assert again.transcript == whole
    assert len(server.calls) == 2
    assert again.counted("calls") == 2
    server.calls.clear()
    other = Done(long_talk, **there(server), interval_s=2.0)  # other evidence, the same words
    assert other.transcript == whole
    assert server.calls == []


@pytest.mark.slow
@pytest.mark.usefixtures("short_blocks")
def test_a_block_that_failed_is_asked_again_and_no_other(
    long_talk: Path, server: ScriptedProvider
) -> None:
    whole = unbroken(long_talk, server, transcribes())
    behave(transcribes(), {1: fails(400, "could not decode")})
    first = Done(long_talk, **there(server))
    assert first.transcript is not None
    assert [gap.text for gap in first.transcript.rejected] == [""]
    assert len(server.calls) == 3
    server.calls.clear()
    again = Done(long_talk, **there(server))
    assert again.transcript == whole
    assert len(server.calls) == 1
    assert [saving.calls for saving in again.savings] == [1, 1]


@pytest.mark.parametrize("times", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_within_a_block_each_answer_is_kept(
    dense_talk: Path, server: ScriptedProvider, times: bool
) -> None:
    """A server that tells no times, and one that takes no five minutes at once."""

    def step(call: Call) -> Answer:
        if times and sound_of(call).size > 29 * RATE_HZ:
            return fails(413, "too large")
        return transcribes(times=times)(call)

    whole = unbroken(dense_talk, server, step)
    refused, *all_sent = _sent
    assert refused > 29 * RATE_HZ
    assert len(all_sent) > 2
    behave(step, {3: fails(401, "revoked")})
    Done(dense_talk, **there(server))
    assert [sound_of(call).size for call in server.calls] == [refused, *all_sent[:3]]
    server.calls.clear()
    behave(step)
    again = Done(dense_talk, **there(server))
    assert again.transcript == whole
    assert [sound_of(call).size for call in server.calls] == all_sent[2:]
    [saving] = again.savings
    assert saving.calls == 2
    assert again.counted("calls") == len(all_sent) - 2
    third = Done(dense_talk, **there(server), interval_s=2.0)
    [saving] = third.savings
    assert saving.calls == len(all_sent)  # of both runs
    assert saving.seconds is None  # nobody knows how long the first waited for its answers


@pytest.mark.parametrize(
    ("place", "repeated"),
    [pytest.param("heard.before@1", 0, marks=pytest.mark.slow),
     pytest.param("heard.after@1", 0, marks=pytest.mark.slow), ("store.put.before@3", 1)],
)  # fmt: skip
def test_a_killed_run_repeats_one_call_at_most(
    place: str, repeated: int, dense_talk: Path, server: ScriptedProvider
) -> None:
    """One block, of three answers that are kept beside the refusal of all at once."""
    whole = unbroken(dense_talk, server, transcribes(times=False))
    asked = ["--tier", "lite", "--transcriber", "remote", "--api", server.url,
             "--speech-model", MODEL]  # fmt: skip
    killed = subprocess.run(
        [sys.executable, "-m", "vidsum", str(dense_talk), *asked, "-q"], capture_output=True,
        env=os.environ | {"VIDSUM_FAIL_AT": f"{place}=kill"}, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    again = Done(dense_talk, **there(server))
    assert again.transcript == whole
    sizes = [sound_of(call).size for call in server.calls]
    assert len(set(sizes)) == 1 + len(whole.segments) == 4
    assert len(sizes) == 4 + repeated


@pytest.mark.usefixtures("short_blocks")
@pytest.mark.parametrize(
    "other", [{"language": "en"}, pytest.param({"speech_model": "b"}, marks=pytest.mark.slow)],
)  # fmt: skip
def test_another_request_is_paid_for(
    other: dict[str, Any], long_talk: Path, server: ScriptedProvider
) -> None:
    behave(transcribes())
    Done(long_talk, **there(server))
    count = len(server.calls)
    again = Done(long_talk, **there(server, **other))
    assert again.kept == []
    assert len(server.calls) > count


@pytest.mark.slow
@pytest.mark.usefixtures("short_blocks")
def test_answers_without_words_are_asked_for_again(
    long_talk: Path, server: ScriptedProvider
) -> None:
    whole = unbroken(long_talk, server, transcribes())
    behave(transcribes(), {0: Answer(body={"odd": 1}), 1: fails(401, "revoked")})
    assert Done(long_talk, **there(server)).run.failures
    assert not default_path().exists()
    behave(transcribes())
    again = Done(long_talk, **there(server))
    assert (again.transcript, again.kept) == (whole, [])
