"""A provider of clips that follows a script: jobs are made, watched and fetched, on loopback."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from scripted_provider import Answer, Call, ScriptedProvider, Step, fails

from vidsum.data import Image


def job(status: str = "queued", **more: Any) -> Answer:
    """What is said of a job."""
    return Answer(body={"id": "video_1", "object": "video", "status": status, "model": "sora-2-x",
                        "progress": 0, "seconds": "4", "size": "1280x720", **more})  # fmt: skip


def content(film: Path | bytes) -> Answer:
    """The clip itself."""
    data = film if isinstance(film, bytes) else film.read_bytes()
    head = (f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {len(data)}\r\n"
            "Connection: close\r\n\r\n")  # fmt: skip
    return Answer(raw=[head.encode(), data])


def videos(
    made: Step,
    looks: Iterable[Step] = (),
    film: Step = fails(404),  # noqa: B008 - it is frozen
) -> ScriptedProvider:
    """A provider that answers a request for a clip, looks at its job one by one, and its content.

    The last look is repeated for ever.
    """
    waiting = list(looks)

    def answer(call: Call) -> Answer:
        if call.method == "POST":
            return resolve(made, call)
        if call.path.endswith("/content"):
            return resolve(film, call)
        return resolve(waiting.pop(0) if len(waiting) > 1 else waiting[0], call)

    return ScriptedProvider(answer)


def resolve(step: Step, call: Call) -> Answer:
    """Return a step's answer."""
    make: Callable[[Call], Answer] | Answer = step
    return make if isinstance(make, Answer) else make(call)


def form(call: Call) -> tuple[dict[str, str], Image | None]:
    """The fields of a request for a clip, and the picture that it begins with."""
    head = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode()
    fields, picture = {}, None
    for part in BytesParser(policy=HTTP).parsebytes(head + call.raw).iter_parts():
        value = part.get_payload(decode=True)
        assert isinstance(value, bytes)
        if part.get_filename() is None:
            fields[str(part.get_param("name", header="content-disposition"))] = value.decode()
        else:
            with Pillow.open(io.BytesIO(value)) as opened:
                picture = np.asarray(opened.convert("RGB"))
    return fields, picture
