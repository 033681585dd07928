"""Read thousands of damaged films, and say what became of them.

    nice python tests/benchmarks/bitflips.py            # 500 a container, about 15 minutes
    nice python tests/benchmarks/bitflips.py --each 50 --containers mkv,ts

Figures: how many ended with each exit code, how many decode processes died, the longest wall time
and the most memory of any of them. Ends with 1 if anything but a media error came out.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from damage import CONTAINERS, Endured, damaged, endure, whole_film  # noqa: E402


def main() -> int:
    """Run all, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--containers", default=",".join(CONTAINERS))
    asked = parser.parse_args()
    faults = 0
    print("| container | 0 | 7 | 3 | decoder died | faults | longest s | most MiB |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for container in asked.containers.split(","):
            seeds = range(asked.first, asked.first + asked.each)
            done = [read(container, seed, Path(folder)) for seed in seeds]
            ends = [one for one in done if one is not None]
            faults += len(done) - len(ends)
            print(row(container, ends, len(done) - len(ends)), flush=True)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"\nMost memory of any process that ended: {children} MiB")
    return 1 if faults else 0


def read(container: str, seed: int, folder: Path) -> Endured | None:
    """Damage a film and read it; None, and a trace on stderr, for what must not happen."""
    whole = folder / f"film.{container}"
    if not whole.exists():
        whole_film(container, folder)
    path = folder / f"spoilt.{container}"
    path.write_bytes(damaged(whole.read_bytes(), seed))
    try:
        ended = endure(path)
    except Exception:  # noqa: BLE001 - counted, and shown with its seed
        print(f"{container}, seed {seed}:", file=sys.stderr)
        traceback.print_exc()
        return None
    if ended.wall_s > 20 or "the decoder" in ended.said:
        print(f"{container}, seed {seed}: {ended}", file=sys.stderr)
    return ended


def row(container: str, ends: list[Endured], faults: int) -> str:
    """Return one row of the table."""
    codes = Counter(one.code for one in ends)
    died = sum("the decoder" in one.said for one in ends)
    wall_s = max((one.wall_s for one in ends), default=0.0)
    most = max((one.peak_bytes for one in ends), default=0) // 1024**2
    counts = " | ".join(str(codes[code]) for code in (0, 7, 3))
    return f"| {container} | {counts} | {died} | {faults} | {wall_s:.1f} | {most} |"


if __name__ == "__main__":
    sys.exit(main())
