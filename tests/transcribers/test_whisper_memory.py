"""Memory stays flat: three hours of sound take a recogniser no more of it than ten minutes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from footage import ffmpeg
from models import WHISPER
from spoken import Line, spoken_wav

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

HOURS = 3
ALLOWED_BYTES = 200 * 1024**2
"""What it may take above the model's own size. Source: the project's issue."""
MEASURE = """
import sys
from pathlib import Path
from vidsum.config import Options
from vidsum.media.process import Decoder
from vidsum.transcribers import whisper
from vidsum.transcribers.protocol import TranscriptRequest

def now_and_peak():
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return int(sizes["VmRSS"]) * 1024, int(sizes["VmHWM"]) * 1024

path = Path(sys.argv[1])
with Decoder(path) as decoder:
    info = decoder.probe()
transcriber = whisper.build(Options(speech_model=sys.argv[2], threads=1, gpu_layers=0))
before, _ = now_and_peak()
transcript = transcriber.transcribe(TranscriptRequest(info, lambda: Decoder(path)))
_, peak = now_and_peak()
texts = {segment.text for segment in transcript.segments}
print(before, peak, round(transcript.heard_s), len(transcript.segments), *texts, sep="|")
"""


def measured(path: Path) -> tuple[int, int, int, set[str]]:
    """Bytes above what there was before, seconds heard, segments and their words."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), str(WHISPER)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    before, peak, heard_s, count, *texts = done.stdout.strip().split("|")
    return int(peak) - int(before), int(heard_s), int(count), set(texts)


def looped(folder: Path, minutes: int) -> Path:
    """Write two minutes with two lines in them, again and again."""
    lines: list[Line] = [(5.0, "yellow star left"), (40.0, "move triangle up")]
    loop = spoken_wav(folder / "loop.wav", lines, 120.0)
    film = folder / f"{minutes}.m4a"
    ffmpeg("-stream_loop", minutes // 2 - 1, "-i", loop, "-c:a", "aac", "-b:a", "32k", film)
    return film


@pytest.mark.slow
def test_three_hours(tmp_path: Path) -> None:
    some_bytes, some_s, some_count, texts = measured(looped(tmp_path, 10))
    all_bytes, all_s, all_count, all_texts = measured(looped(tmp_path, HOURS * 60))
    assert (some_s, all_s) == (600, HOURS * 3600)
    assert all_count == HOURS * 6 * some_count
    assert texts == all_texts == {"yellow star left", "move triangle up"}
    model_bytes = sum(file.stat().st_size for file in WHISPER.iterdir())
    assert all_s * 16_000 * 4 > 3 * ALLOWED_BYTES  # so it cannot have been held
    assert all_bytes - model_bytes < ALLOWED_BYTES
    assert all_bytes - some_bytes < ALLOWED_BYTES / 4


STARVED = """
import resource, sys
from pathlib import Path
from vidsum.costs.tally import Tally
from vidsum.errors import BackendFailed
from vidsum.transcribers.recogniser import Device, Recogniser
import faster_whisper

lines = Path("/proc/self/status").read_text("ascii").splitlines()
size = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmSize"))
resource.setrlimit(resource.RLIMIT_AS, (size + 2**20, size + 2**20))
try:
    Recogniser(Path(sys.argv[1]), Device("cpu", "int8"), 1, Tally())
except BackendFailed as exc:
    print(exc.message, exc.hint, sep="|")
"""


def test_not_enough_memory_is_said_and_what_would_help() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARVED, str(WHISPER)], capture_output=True, text=True, check=False
    )
    message, _, hint = done.stdout.strip().partition("|")
    assert message == f"There is not enough memory for the speech model {WHISPER}."
    assert hint == "Use a smaller one with --speech-model."
