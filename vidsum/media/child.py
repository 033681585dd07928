"""The decode process: reads requests from stdin, writes messages to stdout.

One request is one JSON line, ``{"do": "probe" | "frames" | "audio" | "text", "path": …, …}``.
The answer is any number of messages (see :mod:`vidsum.media.wire`) and a last one with
``"end": true``, or one with ``"refused"``: why the file is not read. A crash, a bomb or a hang
in a codec ends this process only.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import av

from vidsum.media import policy, wire
from vidsum.media.audio import windows
from vidsum.media.breakoff import how_it_ends
from vidsum.media.opening import (
    Beat,
    Refused,
    clock_origin_s,
    codec_name,
    is_cover,
    open_input,
    readable,
)
from vidsum.media.plan import Grid, Moments, Times
from vidsum.media.probe import check_video_stream, probe
from vidsum.media.sampler import Sampler
from vidsum.media.textpackets import text_packets

_ALIVE_EVERY_S = 5.0

Request = dict[str, Any]


def serve(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Answer requests until stdin ends."""
    cpu_s = 0.0  # the first request also pays for starting the process
    for line in stdin:
        request: Request = json.loads(line)
        path = Path(os.fsdecode(bytes.fromhex(request["path_hex"])))
        try:
            end = _HANDLERS[request["do"]](request, path, stdout)
        except Refused as exc:
            wire.write(stdout, {"refused": str(exc)})
            continue
        used_s = time.process_time()
        wire.write(stdout, {"end": True, "cpu_s": used_s - cpu_s} | end)
        cpu_s = used_s


class _Beat:
    """A sign of life every few seconds, so that the parent can tell slow from stuck."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self._last_s = out, time.monotonic()

    def __call__(self) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s >= _ALIVE_EVERY_S:
            wire.write(self._out, {"alive": True})
            self._last_s = now_s


def _probe(request: Request, path: Path, out: BinaryIO) -> wire.Header:
    with open_input(path) as container:
        info = probe(container, path)
    _limit_cpu(info["duration_s"], path.stat().st_size)
    return {"info": info}


def _frames(request: Request, path: Path, out: BinaryIO) -> wire.Header:
    with open_input(path) as container:
        stream = next(s for s in container.streams.video if not is_cover(s))
        check_video_stream(stream)
        origin_s = clock_origin_s(container)
        beat = _Beat(out)
        sampler = Sampler(container, stream, _times(request), request["side_px"], origin_s, beat)
        for frame in sampler.frames():
            height, width, _ = frame.image.shape
            header = {"sample": asdict(frame.sample), "height": height, "width": width}
            wire.write(out, header, frame.image.tobytes())
        end = how_it_ends(path, container.format.name)
    report = asdict(sampler.report) | asdict(end)
    return {"report": report | {"file_end_s": _file_end_s(request, path, report["end_s"], beat)}}


def _times(request: Request) -> Times:
    if "moments" in request:
        return Moments(tuple(request["moments"]))
    return Grid(**request["grid"])


def _file_end_s(request: Request, path: Path, video_end_s: float, beat: Beat) -> float:
    """Return where the last packet of any stream ends: asked only of files that look cut off."""
    promised = request.get("promised_s")
    if promised is None or promised - video_end_s <= 1.0:
        return video_end_s
    with open_input(path) as container:
        origin_s = clock_origin_s(container)
        ends = [video_end_s]
        for packet in readable(container.demux(), beat):
            if packet.pts is not None and packet.time_base is not None:
                span = packet.pts + (packet.duration or 0)
                ends.append(float(span * packet.time_base) - origin_s)
        return max(ends)


def _audio(request: Request, path: Path, out: BinaryIO) -> wire.Header:
    broken = 0
    with open_input(path) as container:
        stream = container.streams[request["stream"]]
        if not isinstance(stream, av.AudioStream):
            raise Refused("the stream that was asked for is not sound")
        name = codec_name(stream)
        if not policy.audio_codec_allowed(name):
            raise Refused(f"its sound codec ({name}) is not on vidsum's list")
        origin_s = clock_origin_s(container)
        span = request["start_s"], request["stop_s"]
        for window in windows(container, stream, origin_s, *span, _Beat(out)):
            if isinstance(window, int):
                broken = window
            else:
                wire.write(out, {"start_s": window.start_s}, window.samples.tobytes())
    return {"broken_packets": broken}


def _text(request: Request, path: Path, out: BinaryIO) -> wire.Header:
    with open_input(path) as container:
        stream = container.streams[request["stream"]]
        origin_s = clock_origin_s(container)
        for header, blob in text_packets(container, stream, origin_s, _Beat(out)):
            wire.write(out, header, blob)
    extradata = stream.codec_context.extradata
    return {"header_hex": extradata.hex() if extradata else ""}


_HANDLERS: dict[str, Callable[[Request, Path, BinaryIO], wire.Header]] = {
    "probe": _probe,
    "frames": _frames,
    "audio": _audio,
    "text": _text,
}


def _limit(limits: policy.DecodePolicy) -> None:
    """Take rights away: memory, open files, CPU, writing files, core dumps."""
    for kind, value in (
        (resource.RLIMIT_AS, limits.address_space_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        top = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (top, top))
        except (ValueError, OSError):
            continue  # macOS has no address-space limit; the others still hold
    _limit_cpu(None, None)


def _limit_cpu(duration_s: float | None, size_bytes: int | None) -> None:
    """Set the CPU limit for a video of this length; an unknown length counts as ten hours.

    A length that the file has not the bytes for is not believed.
    """
    limits = policy.DecodePolicy()
    used = time.process_time()
    length_s = 36_000.0 if duration_s is None else duration_s
    if size_bytes is not None:
        length_s = min(length_s, size_bytes / limits.fewest_bytes_per_s)
    soft = int(used + limits.cpu_base_s + limits.cpu_per_video_s * length_s)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    top = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (top, hard))


def main() -> None:
    """Run as ``python -m vidsum.media.child``; the parent owns stdin and stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    av.logging.set_level(av.logging.ERROR)
    _limit(policy.DecodePolicy())
    stdout = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not break the messages
    try:
        serve(sys.stdin.buffer, stdout)
    except BrokenPipeError:
        os._exit(0)  # the parent has had enough


if __name__ == "__main__":
    main()
