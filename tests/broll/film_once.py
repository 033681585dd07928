"""A program that has clips made by a model for the picks of a B-roll folder: tests kill it."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

from vidsum.backends.retrying import Retrying
from vidsum.broll.clips import RemoteClips
from vidsum.broll.finishing import finish
from vidsum.broll.folder import BrollFolder
from vidsum.broll.shots import Finish
from vidsum.config import Options
from vidsum.errors import VidsumError
from vidsum.pipeline.run import Run


def main(folder: str, url: str) -> int:
    """Finish what is picked, with clips of two seconds."""
    options = Options(image_api=url, image_timeout_s=5.0, max_usd=Decimal(5))
    run = Run(Path("/films/a.mp4"), options)
    films = RemoteClips(options, "sora-2", Retrying(base_s=0.001, cap_s=0.002), poll_s=0.001)
    try:
        report = finish(run, BrollFolder(Path(folder)),
                        Finish(clips="ai", films=films, confirmed=True, seconds=2.0))  # fmt: skip
    except VidsumError as exc:
        print(exc.message)
        return exc.exit_code
    finally:
        films.close()
        run.finish()
    print(len(report.finished), len(report.kept))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
