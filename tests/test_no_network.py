"""Nothing of a run leaves the machine, and nothing is written behind the user's back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from clips import clip

AUDIT = """
import sys
touched = []
def hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        touched.append((event, str(args)))
sys.addaudithook(hook)
from vidsum.cli.main import run
code = run(sys.argv[1:])
assert touched == [], touched
sys.exit(code)
"""


KEPT = {"ledger.db", "cache.db"}


def test_a_run_writes_only_what_it_keeps_into_the_home_folder(talk: Path, tmp_path: Path) -> None:
    """onnxruntime would keep a device id and a queue of telemetry there."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("VIDSUM_", "XDG_", "ORT_"))}
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, str(talk), "-q", "--json", "--end", "12"],
        env=env | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert {p.name.split("-")[0] for p in tmp_path.rglob("*") if p.is_file()} == KEPT


def test_listening_for_speech_writes_no_more(clip_folder: Path, tmp_path: Path) -> None:
    made = clip("mpegts_late", clip_folder)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("VIDSUM_", "XDG_", "ORT_"))}
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, str(made.path), "-q", "--json", "--no-ocr"],
        env=env | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert {p.name.split("-")[0] for p in tmp_path.rglob("*") if p.is_file()} == KEPT
