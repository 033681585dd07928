"""CPU of vidsum's sampler against `ffmpeg -vf fps=1/5`, as ratios within one run.

    python tests/benchmarks/sampling.py [--seconds 60]

Both give 1280-pixel RGB pictures, one every five seconds, from the same clips, which this script
makes with the ffmpeg that imageio-ffmpeg ships. CPU is user + system of the child processes, so
vidsum's figure includes starting its decode process. The rounds alternate; the median is printed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from vidsum.media.plan import Grid
from vidsum.media.process import Decoder

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
INTERVAL_S = 5.0
ROUNDS = 3


@dataclass(frozen=True)
class Kind:
    """A clip to sample."""

    name: str
    file: str
    codec: tuple[str, ...]


KINDS = (
    Kind("H.264 1080p, GOP 250", "gop250.mp4", ("libx264", "-preset", "veryfast", "-g", "250")),
    Kind("H.264 1080p, GOP 2 s", "gop2s.mp4", ("libx264", "-preset", "veryfast", "-g", "50",
                                               "-keyint_min", "50")),
    Kind("HEVC 1080p, GOP 250", "hevc.mp4", ("libx265", "-preset", "ultrafast", "-x265-params",
                                             "log-level=none:keyint=250")),
    Kind("VP9 1080p, GOP 128", "vp9.webm", ("libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8",
                                            "-b:v", "3M", "-g", "128")),
)  # fmt: skip


def make(kind: Kind, folder: Path, seconds: int) -> Path:
    """Encode a moving test picture with noise, so that pictures cost what real ones cost."""
    path = folder / kind.file
    source = f"testsrc2=s=1920x1080:r=25:d={seconds},noise=alls=6:allf=t"
    command = [FFMPEG, "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p",
               "-c:v", *kind.codec, "-y", str(path)]  # fmt: skip
    subprocess.run(command, check=True)
    return path


def cpu_of(work: Callable[[], int]) -> tuple[float, int]:
    """Return the CPU seconds of the child processes of some work, and what it returned."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, result


def by_ffmpeg(path: Path) -> int:
    """Sample with the fps filter; return the number of pictures."""
    command = [FFMPEG, "-v", "error", "-threads", "1", "-i", str(path), "-vf",
               f"fps=1/{INTERVAL_S:g},scale=1280:-2:flags=area", "-f", "rawvideo", "-pix_fmt",
               "rgb24", "-threads", "1", "-"]  # fmt: skip
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return len(done.stdout) // (1280 * 720 * 3)


def by_vidsum(path: Path, tolerance_s: float) -> int:
    """Sample with vidsum; return the number of pictures."""
    with Decoder(path) as decoder:
        return sum(1 for _ in decoder.frames(Grid(INTERVAL_S, tolerance_s), 1280, None))


def main() -> None:
    """Make the clips, run the rounds, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    print("| clip | ffmpeg fps=1/5 | exact | ratio | tolerance 1.25 s | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name:
        for kind in KINDS:
            path = make(kind, Path(name), seconds)
            ways: tuple[Callable[[], int], ...] = (
                lambda p=path: by_ffmpeg(p),
                lambda p=path: by_vidsum(p, 0.0),
                lambda p=path: by_vidsum(p, INTERVAL_S / 4),
            )
            taken = [[cpu_of(way)[0] for way in ways] for _ in range(ROUNDS)]
            naive, exact, near = (statistics.median(column) for column in zip(*taken, strict=True))
            print(f"| {kind.name} | {naive:.2f} s | {exact:.2f} s | {naive / exact:.1f} "
                  f"| {near:.2f} s | {naive / near:.1f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
