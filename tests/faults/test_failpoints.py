"""Fail points: what they take, what they do, and that nothing happens without being asked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from faults.killing import Ended, ended, moments, reached

from vidsum.failpoints import _planned

TWICE = "from vidsum.failpoints import failpoint\nfor n in range(3):\n" \
        "    try:\n        failpoint('a.step'); failpoint('other')\n" \
        "    except OSError as exc:\n        print(n, exc)\nprint('end')"  # fmt: skip


def run(folder: Path, fail_at: str = "", **more: object) -> Ended:
    return ended([sys.executable, "-c", TWICE], folder, fail_at=fail_at, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("fail_at", "out"), [
    ("", "end\n"),
    ("a.step=EIO", "0 [Errno 5] Input/output error\nend\n"),
    ("a.step@2=ENOSPC", "1 [Errno 28] No space left on device\nend\n"),
    ("a.step@1=EIO,a.step@3=EIO",
     "0 [Errno 5] Input/output error\n2 [Errno 5] Input/output error\nend\n"),
    ("a.step@*=EIO", "".join(f"{n} [Errno 5] Input/output error\n" for n in range(3)) + "end\n"),
    ("nowhere=kill", "end\n"),
])  # fmt: skip
def test_errors(tmp_path: Path, fail_at: str, out: str) -> None:
    assert run(tmp_path, fail_at).out == out


@pytest.mark.parametrize("what", ["kill", "kill-group"])
def test_deaths(tmp_path: Path, what: str) -> None:
    found = run(tmp_path, f"other@2={what}")
    assert found.killed
    assert found.out == ""


def test_a_group_dies_with_its_children(tmp_path: Path) -> None:
    """The shell is killed too, though the place is reached in its child."""
    command = ["sh", "-c", '"$@"; echo survived', "sh", sys.executable, "-c", TWICE]
    assert ended(command, tmp_path, fail_at="other=kill-group").killed
    assert ended(command, tmp_path, fail_at="other=kill").out == "survived\n"


def test_hanging(tmp_path: Path) -> None:
    assert run(tmp_path, "other=hang", kill_after_s=1.0).killed


def test_what_is_reached_is_told(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run(tmp_path, log=log)
    assert reached(log) == {"a.step": 3, "other": 3}
    assert moments(reached(log)) == ["a.step@1", "a.step@2", "a.step@3",
                                     "other@1", "other@2", "other@3"]  # fmt: skip


@pytest.mark.parametrize("text", ["a", "a=", "a=explode", "a@x=kill", "=kill,b", "a@-1=EIO"])
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="VIDSUM_FAIL_AT"):
        _planned(text)
