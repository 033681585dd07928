"""The whole of folder mode, as a user has it: each file exactly once, whatever happens to it."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest
from clips import clip
from hostile_names import HOSTILE_NAMES
from watched import CALL_NANO, Watched, small_film, wait_until, watched, whole

from vidsum.watch.names import passed_over

FILES = int(os.environ.get("VIDSUM_TEST_FILES", "150"))
"""How many files come at once: faults/README.md has the figures of 2,000."""


def finished(place: Watched, *names: str) -> bool:
    """Say whether videos have their whole result."""
    for name in names:
        result = place.root / f"{name}.vidsum.json"
        if not result.exists():
            return False
        whole(result)
    return True


def captions(place: Watched, name: str) -> set[str]:
    """Return the words for a video's pictures: those of other pictures are others."""
    frames = whole(place.root / f"{name}.vidsum.json")["frames"]
    return {frame["caption"]["text"] for frame in frames}


def test_each_file_exactly_once_whatever_happens_to_it(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    films = [small_film(made / f"film {number}.mp4", number, shots=2) for number in range(9)]
    with watched(tmp_path, "--format", "json", wait_s=0.05) as place:
        process = place.start("--workers", "2")
        try:
            for film in films[:4]:
                shutil.copy(film, place.root)  # copied in at once
            tree = tmp_path / "tree"
            (tree / "deep" / "er").mkdir(parents=True)
            shutil.move(films[4], tree / "deep" / "er" / "inner.mp4")
            shutil.move(tree, place.root / "tree")  # a tree that is moved in
            grown = films[5].read_bytes()
            with (place.root / "grown.mp4").open("wb") as file:
                for start in range(0, len(grown), len(grown) // 12 + 1):
                    file.write(grown[start : start + len(grown) // 12 + 1])
                    file.flush()
                    time.sleep(0.1)
            assert wait_until(lambda: finished(place, films[0].name, "grown.mp4"))
            (place.root / films[0].name).rename(place.root / "renamed.mp4")
            shutil.copy(films[6], place.root / "removed.mp4")
            assert wait_until(lambda: "removed.mp4" in place.log())
            (place.root / "removed.mp4").unlink()
            shutil.copy(films[7], place.root / "replaced.mp4")
            assert wait_until(lambda: finished(place, "replaced.mp4"))
            before = captions(place, "replaced.mp4")
            shutil.copy(films[8], place.root / "replaced.mp4")
            there = [*(film.name for film in films[1:4]), "grown.mp4", "renamed.mp4",
                     "tree/deep/er/inner.mp4", "replaced.mp4"]  # fmt: skip
            assert wait_until(lambda: finished(place, *there))
            assert wait_until(lambda: captions(place, "replaced.mp4").isdisjoint(before))
        finally:
            process.terminate()
            assert process.wait(60) == 0, place.log()
        log = place.log()
        for name in there:
            done = [line for line in log.splitlines() if f"{Path(name).name}: done" in line]
            assert len(done) == (2 if name == "replaced.mp4" else 1), log
        assert place.books.repeated == 0
        ledger = place.ledger()
        assert ledger.settled == place.books.answered
        assert ledger.most_ends == 1
        assert ledger.usd_nano == place.books.answered * CALL_NANO
        assert place.leftovers() == []


@pytest.mark.slow
def test_a_folder_that_disappears_and_comes_back(tmp_path: Path) -> None:
    film = small_film(tmp_path / "film.mp4", 1, shots=2)
    with watched(tmp_path, "--format", "json") as place:
        process = place.start()
        try:
            shutil.copy(film, place.root / "a.mp4")
            assert wait_until(lambda: finished(place, "a.mp4"))
            away = tmp_path / "away"
            place.root.rename(away)
            assert wait_until(lambda: "paused" in place.log())
            place.root.mkdir()  # a mount point that nothing is mounted on
            time.sleep(1)
            assert place.jobs() == {"done": 1}
            place.root.rmdir()
            away.rename(place.root)
            small_film(place.root / "b.mp4", 2, shots=2)
            assert wait_until(lambda: finished(place, "b.mp4"))
        finally:
            process.terminate()
            assert process.wait(60) == 0, place.log()
        assert place.jobs() == {"done": 2}
        assert place.books.repeated == 0


@pytest.mark.slow
def test_a_second_name_is_no_second_bill(tmp_path: Path) -> None:
    with watched(tmp_path, "--format", "json") as place:
        small_film(place.root / "a.mp4", 1)
        assert place.once() == 0
        paid = place.books.answered
        assert paid > 0
        os.link(place.root / "a.mp4", place.root / "b.mp4")
        shutil.copy(place.root / "a.mp4", place.root / "c.mp4")
        assert place.once("--workers", "2") == 0
        assert finished(place, "b.mp4", "c.mp4")
        assert place.books.answered == paid
        assert whole(place.root / "c.mp4.vidsum.json")["source"]["path"].endswith("c.mp4")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_names_of_all_kinds(tmp_path: Path, clip_folder: Path) -> None:
    """Every hostile name that is not passed over as hidden, temporary or our own."""
    with watched(tmp_path, "--include", "*", "-o", str(tmp_path / "out")) as place:
        expected = []
        for number, name in enumerate(sorted(HOSTILE_NAMES.values())):
            data = clip("short_03", clip_folder).path.read_bytes()
            box = b"\0\0\0\x0cfree" + number.to_bytes(4, "big")  # no two have one content
            Path(place.root, os.fsdecode(name)).write_bytes(data + box)
            if not passed_over(name, folder=False):
                expected.append(name)
        assert len(expected) >= 60
        assert place.once("--workers", "2", "--format", "json", timeout_s=600) == 0, place.log()
        sources = [json.loads(path.read_bytes())["source"] for path in (tmp_path / "out").iterdir()
                   if not path.name.startswith(".")]  # fmt: skip
        found = [bytes.fromhex(source["path_hex"]) if "path_hex" in source
                 else source["path"].encode() for source in sources]  # fmt: skip
        assert sorted(path.rpartition(b"/")[2] for path in found) == sorted(expected)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", place.log())


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_very_many_files_at_once(tmp_path: Path) -> None:
    """Most are copies under other names, so that what is counted is the folder's own work."""
    made = [small_film(tmp_path / f"{number}.mp4", number, shots=1, shot_s=2)
            for number in range(20)]  # fmt: skip
    with watched(tmp_path, "--format", "json") as place:
        for number in range(FILES):
            folder = place.root / f"{number % 7}"
            folder.mkdir(exist_ok=True)
            shutil.copy(made[number % 20], folder / f"{number}.mp4")
        assert place.once("--workers", "2", "-q", timeout_s=2900) == 0, place.log()
        assert place.jobs() == {"done": FILES}
        results = list(place.results())
        assert len(results) == FILES
        for result in results:
            whole(result)
        assert place.books.repeated == 0
        assert place.ledger().settled == place.books.answered
