"""A program that makes what is missing in a B-roll folder: tests kill it, or start two of it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from broll.brush import Brush

from vidsum.broll.engines.protocol import ImageRequest
from vidsum.broll.folder import BrollFolder
from vidsum.broll.making import make
from vidsum.config import Options
from vidsum.data import Image
from vidsum.errors import VidsumError
from vidsum.pipeline.run import Run


def main(folder: str, log: str, waits: str = "") -> int:
    """Make two variations of each scene; the first picture waits until a file is there."""
    brush = Brush(Path(log))

    def waiting(request: ImageRequest) -> Image:
        Path(waits).with_suffix(".begun").touch()
        while not Path(waits).exists():
            time.sleep(0.01)
        return brush.painted(request)

    if waits:
        brush = Brush(Path(log), {1: waiting})
    run = Run(Path("/films/a.mp4"), Options())
    try:
        report = make(run, BrollFolder(Path(folder)), brush, variations=2)
    except VidsumError as exc:
        print(exc.message)
        return exc.exit_code
    finally:
        run.finish()
    print(len(report.made), len(report.kept))
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
