"""Damaged films of every container: never a crash, never a hang, never more memory than allowed.

The figures for 500 a container come from tests/benchmarks/bitflips.py. VIDSUM_TEST_BITFLIPS sets
how many the slow test reads.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from damage import CONTAINERS, Endured, damaged, endure, whole_film
from thinning import every_second

from vidsum.cli.main import run
from vidsum.media.policy import DecodePolicy

MANY = int(os.environ.get("VIDSUM_TEST_BITFLIPS", "100"))


def held(ended: Endured) -> None:
    """A documented exit code; the decode process did not hang; its memory is bounded."""
    assert ended.code in (0, 3, 7)
    assert "did nothing" not in ended.said
    assert "Traceback" not in ended.said
    assert ended.said.isprintable()
    assert ended.peak_bytes < DecodePolicy().address_space_bytes / 4


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A whole film of each container."""
    folder = tmp_path_factory.mktemp("films")
    return {container: whole_film(container, folder) for container in CONTAINERS}


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_whole_film_is_read_without_a_fault(container: str, films: dict[str, Path]) -> None:
    ended = endure(films[container])
    assert (ended.code, ended.said) == (0, "")
    if sys.platform == "linux":
        assert ended.peak_bytes > 10_000_000


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_damaged_film_is_read_or_refused(
    container: str, seed: int, films: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / f"film.{container}"
    path.write_bytes(damaged(films[container].read_bytes(), seed))
    held(endure(path))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("container", CONTAINERS)
def test_many_damaged_films_are_read_or_refused(
    container: str, films: dict[str, Path], tmp_path: Path
) -> None:
    whole = films[container].read_bytes()
    path = tmp_path / f"film.{container}"
    codes = set()
    for seed in range(MANY):
        path.write_bytes(damaged(whole, seed))
        ended = endure(path)
        held(ended)
        codes.add(ended.code)
    if MANY >= 100:
        assert codes >= {0, 7}  # the damage is not too little; a stream that finds itself again
        # (ts) is hardly ever refused


@pytest.mark.parametrize("seed", every_second([11, 12]))
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_damaged_film_through_the_command_line(
    container: str,
    seed: int,
    films: dict[str, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / f"film.{container}"
    path.write_bytes(damaged(films[container].read_bytes(), seed))
    assert run([str(path), "--tier", "lite", "--no-ocr", "-q", "--json"]) in (0, 3, 7)
    told = capfd.readouterr().err
    assert "Traceback" not in told
    assert "bug in vidsum" not in told


def test_a_picture_that_lasts_for_months_takes_no_memory_for_its_looks(
    films: dict[str, Path], tmp_path: Path
) -> None:
    """A damaged frame rate of an AVI once made 280 million looks, and 6 GB of plans for them."""
    path = tmp_path / "film.avi"
    path.write_bytes(damaged(films["avi"].read_bytes(), 399))
    ended = endure(path)
    held(ended)
    assert "the clock of its pictures is damaged" in ended.said
