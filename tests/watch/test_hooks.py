"""The program that is run for each finished video."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from queue import SimpleQueue

import pytest

from vidsum.watch.hooks import Finished, Hook, Hooks, Ran, filled_in

DONE = Finished(1, Path("/in/a b.mp4"), (Path("/o/a.vidsum.json"), Path("/o/a.vidsum.md")))


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_placeholders_fill_one_argument_each() -> None:
    command = ("run", "{video}", "--to={result}:{md}", "{txt}", "{json}", "{status}", "{else}{}")
    assert filled_in(command, DONE) == [
        "run", "/in/a b.mp4", "--to=/o/a.vidsum.json:/o/a.vidsum.md", "", "/o/a.vidsum.json",
        "done", "{else}{}",
    ]  # fmt: skip
    tricky = Finished(1, Path("/in/{status}\n$(x) '\".mp4"), (), partial=True)
    assert filled_in(("{video}", "{status}{result}"), tricky) == [str(tricky.video), "partial"]


@pytest.mark.parametrize(("command", "trouble"), [
    (python("pass"), ""),
    (python("import sys; sys.exit(3)"), "the hook ended with exit code 3"),
    (python("import sys; sys.exit('\\x1b[31mred\\nalert')"),
     "the hook ended with exit code 1: red alert"),
    (python("import os; os.kill(os.getpid(), 9)"), "the hook was ended by signal 9"),
    (("/no/such program",),
     "/no/such program cannot be started: No such file or directory"),
    (python("import sys; sys.stderr.write('x' * 1_000_000)"), ""),
])  # fmt: skip
def test_what_goes_wrong_is_told(command: tuple[str, ...], trouble: str) -> None:
    assert Hook(command).run(DONE) == trouble


@pytest.mark.slow
def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    child = f"import time; time.sleep(3); open({str(mark)!r}, 'w')"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    trouble = Hook(python(code), timeout_s=1.0).run(DONE)
    assert trouble == "the hook took more than 1 s and was ended"
    time.sleep(2.5)
    assert not mark.exists()


def test_a_hook_that_cannot_be_run_at_all_is_not_waited_for() -> None:
    ran: SimpleQueue[Ran] = SimpleQueue()
    hooks = Hooks((), ran.put)
    hooks.start(DONE)
    found = ran.get(timeout=20)
    assert found.finished == DONE
    assert found.trouble.startswith("the hook could not be run: ")
