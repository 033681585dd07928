"""Films, a folder, and short waits for the tests of the watcher."""

from __future__ import annotations

from pathlib import Path

import pytest
from watching import small_film

from vidsum.watch import jobs_steps, pauses


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Jobs of the test's own, and short waits: how long they are is tested elsewhere."""
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(jobs_steps, "BASE_WAIT_S", 0.05)
    monkeypatch.setattr(pauses, "BLOCKED_S", 0.5)
    monkeypatch.setattr(pauses, "PROVIDER_S", 0.5)
    monkeypatch.setattr(pauses, "STATE_S", 0.2)
    monkeypatch.setattr(pauses, "ROOM_S", 0.2)


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Films of two seconds, each with pictures of its own."""
    folder = tmp_path_factory.mktemp("films")
    return [small_film(folder / f"{number}.mp4", number) for number in range(3)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder
