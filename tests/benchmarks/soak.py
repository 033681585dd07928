"""Folder mode for twenty minutes with files coming, growing, moving and going all the time.

    PYTHONPATH=tests python tests/benchmarks/soak.py --minutes 20

A real ``vidsum watch`` with two workers and a provider on loopback that counts its calls. Memory
and open files are the watcher's own (Linux: /proc), sampled every second; growth is the median of
the last tenth of the time against the median of the tenth after warm-up (the first quarter). Each
worker has three files open, so the fewest and the most of those tenths are told. In
the end the ledger's settled calls must be the provider's, no call may end twice, and each video
that is still there must have one whole result.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from watched import CALL_NANO, Watched, small_film, wait_until, watched, whole

MOST_VIDEOS = 60
"""So many are there at most: what is known of files takes memory, as long as they are there."""
WARM_SHARE, WINDOW_SHARE = 0.25, 0.1
KINDS = ("drop", "drop", "drop", "grow", "rename", "remove", "copy", "rewrite", "folder", "junk")


def resident_mb(pid: int) -> float:
    """Return a process's resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def open_files(pid: int) -> int:
    """Return how many files a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


class Churn:
    """Does one thing after the other to a folder. ``done`` counts them by kind."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.random, self.number = root, random.Random(seed), 0
        self.done = dict.fromkeys(KINDS, 0)
        self._made = Path(tempfile.mkdtemp(prefix="soak-"))

    def step(self) -> None:
        """Do something; when there are many videos, take one away first."""
        if len(self.videos()) > MOST_VIDEOS:
            self._remove()
            self.done["remove"] += 1
        kind = self.random.choice(KINDS)
        getattr(self, f"_{kind}")()
        self.done[kind] += 1

    def videos(self) -> list[Path]:
        """Return what is there."""
        return sorted(self.root.rglob("*.mp4"))

    def close(self) -> None:
        """Remove what was made elsewhere."""
        shutil.rmtree(self._made)

    def _new(self) -> Path:
        self.number += 1
        return small_film(self._made / f"film{self.number}.mp4", 10_000 + self.number, shots=2)

    def _some(self) -> Path | None:
        videos = self.videos()
        return self.random.choice(videos) if videos else None

    def _drop(self) -> None:
        made = self._new()
        shutil.move(made, self.root / made.name)

    def _grow(self) -> None:
        made = self._new()
        data = made.read_bytes()
        with (self.root / made.name).open("wb") as file:
            for start in range(0, len(data), 2_000):
                file.write(data[start : start + 2_000])
                file.flush()
                time.sleep(0.03)

    def _rename(self) -> None:
        video = self._some()
        if video is not None:
            self.number += 1
            video.rename(video.with_name(f"renamed{self.number}.mp4"))

    def _remove(self) -> None:
        video = self._some()
        if video is not None:
            video.unlink()

    def _copy(self) -> None:
        video = self._some()
        if video is not None:
            self.number += 1
            shutil.copy(video, self.root / f"copy{self.number}.mp4")

    def _rewrite(self) -> None:
        video = self._some()
        if video is not None:
            shutil.copy(self._new(), video)

    def _folder(self) -> None:
        self.number += 1
        tree = self._made / f"tree{self.number}"
        tree.mkdir()
        shutil.move(self._new(), tree / "inner.mp4")
        shutil.move(tree, self.root / tree.name)

    def _junk(self) -> None:
        self.number += 1
        (self.root / f"junk{self.number}.txt").write_text("nothing to see")
        (self.root / f"half{self.number}.mp4.part").write_bytes(b"\0" * 999)


def soak(place: Watched, minutes: float, pause_s: float) -> list[tuple[float, float, int]]:
    """Churn for so long; return samples of time, memory and open files."""
    process = place.start("--workers", "2", "--format", "json", "-q")
    churn = Churn(place.root, 1)
    samples, begun_s = list[tuple[float, float, int]](), time.monotonic()
    next_s = 0.0
    try:
        while (now_s := time.monotonic() - begun_s) < minutes * 60:
            if now_s >= next_s:
                samples.append((now_s, resident_mb(process.pid), open_files(process.pid)))
                place.provider.calls.clear()
                next_s = now_s + 1
            churn.step()
            time.sleep(pause_s)
        settled = wait_until(lambda: missing(place) == 0, 300)
        print(f"churn: {churn.done}; all done in the end: {settled}")
    finally:
        process.terminate()
        print(f"exit code {process.wait(60)}")
        churn.close()
    return samples


def missing(place: Watched) -> int:
    """Return how many videos have no whole result."""
    count = 0
    for video in place.root.rglob("*.mp4"):
        try:
            whole(video.with_name(f"{video.name}.vidsum.json"))
        except (OSError, ValueError):
            count += 1
    return count


def main() -> None:
    """Soak, then print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two changes")
    options = parser.parse_args()
    with (tempfile.TemporaryDirectory(prefix="soak-") as folder,
          watched(Path(folder)) as place):  # fmt: skip
        samples = soak(place, options.minutes, options.pause)
        ledger, books = place.ledger(), place.books
        print(f"videos left {len(list(place.root.rglob('*.mp4')))}, without result "
              f"{missing(place)}, jobs {dict(place.jobs())}")  # fmt: skip
        print(f"provider answered {books.answered}, ledger settled {ledger.settled} of "
              f"{ledger.begun} begun, most ends of a call {ledger.most_ends}, repeated calls "
              f"{books.repeated}")  # fmt: skip
        print(f"ledger {ledger.usd_nano / 1e9:.6f} USD, provider "
              f"{books.answered * CALL_NANO / 1e9:.6f} USD")  # fmt: skip
    end_s = samples[-1][0]
    warm = [s for s in samples if WARM_SHARE * end_s <= s[0] < (WARM_SHARE + WINDOW_SHARE) * end_s]
    last = [s for s in samples if s[0] >= (1 - WINDOW_SHARE) * end_s]
    then, now = (statistics.median(s[1] for s in part) for part in (warm, last))
    print(f"memory MB: {then:.1f} after warm-up, {now:.1f} at the end ({now / then - 1:+.1%})")
    for when, part in (("after warm-up", warm), ("at the end", last)):
        files = [s[2] for s in part]
        print(f"open files {when}: {min(files)} to {max(files)}")


if __name__ == "__main__":
    main()
