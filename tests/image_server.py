"""Providers of pictures for tests: what a scripted one sends, and a server that truly paints.

The latter is stable-diffusion.cpp with weights made for tests behind ``/v1/images``, in a process
of its own: its library takes over the descriptors of the output. It refuses a prompt with REFUSED
in it, and paints one with HALVED in half the size.
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from PIL import Image as Pillow
from scripted_provider import Answer, Call

from vidsum.data import Image

MODEL = "sd-cpp-local"


def encoded(image: Image, form: str = "PNG") -> bytes:
    """A picture as a file."""
    out = io.BytesIO()
    Pillow.fromarray(image).save(out, form)
    return out.getvalue()


def b64(content: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(content).decode()


def sends(*entries: Image | bytes | dict[str, Any], usage: object = None, **more: Any) -> Answer:
    """An answer with pictures: as arrays, as the bytes of files, or as entries that are ready."""
    data = [one if isinstance(one, dict) else
            {"b64_json": b64(one if isinstance(one, bytes) else encoded(one))}
            for one in entries]  # fmt: skip
    body: dict[str, Any] = {"created": 1, "data": data, **more}
    if usage is not None:
        body["usage"] = usage
    return Answer(body=body)


@dataclass(frozen=True)
class Form:
    """What was asked: the fields, and the pictures that came with them, as they were named."""

    fields: dict[str, Any]
    names: list[str] = field(default_factory=list)
    pictures: list[Image] = field(default_factory=list)


def form_of(path: str, content_type: str, raw: bytes) -> Form:
    """Read a request: JSON for a new picture, a multipart form for one with references."""
    if not path.endswith("/edits"):
        return Form(json.loads(raw))
    form = Form({})
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    for part in BytesParser(policy=HTTP).parsebytes(head + raw).iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        value = part.get_payload(decode=True)
        assert isinstance(value, bytes)
        if part.get_filename() is None:
            form.fields[name] = value.decode()
            continue
        form.names.append(name)
        with Pillow.open(io.BytesIO(value)) as opened:
            form.pictures.append(np.asarray(opened.convert("RGB")))
    return form


def asked(call: Call) -> Form:
    """Read what a scripted provider was asked."""
    return form_of(call.path, call.headers["content-type"], call.raw)


class ImageServer:
    """The painting server in a process of its own; use it as a context manager.

    folder: a model as models.flux2 writes it. The process ends with this one at the latest.
    """

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self._process.kill()
        self._process.communicate()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: Any
    lock = threading.Lock()

    def do_GET(self) -> None:
        self._say(200, {"data": [{"id": MODEL, "object": "model", "owned_by": "local"}]})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        form = form_of(self.path, self.headers["Content-Type"], raw)
        prompt, _, extra = str(form.fields["prompt"]).partition("<sd_cpp_extra_args>")
        more = json.loads(extra.partition("</")[0] or "{}")
        width, height = map(int, str(form.fields["size"]).split("x"))
        if "REFUSED" in prompt:
            self._say(400, {"error": {"message": "The content filter refused it.",
                                      "code": "moderation_blocked"}})  # fmt: skip
            return
        if "HALVED" in prompt:
            width, height = width // 2, height // 2
        references = [Pillow.fromarray(one) for one in form.pictures]
        with self.lock:
            made: Sequence[Any] = self.model.generate_image(
                prompt=prompt, width=width, height=height, seed=more.get("seed", 42),
                sample_steps=more.get("sample_params", {}).get("sample_steps", 1),
                batch_count=int(form.fields.get("n", 1)), ref_images=references or None,
                cfg_scale=1.0, sample_method="euler",
            )  # fmt: skip
        data = [{"b64_json": b64(encoded(np.asarray(one.convert("RGB"))))} for one in made]
        self._say(200, {"created": 1, "data": data, "output_format": "png"})

    def _say(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _serve(folder: Path) -> None:
    """Load the model, say the port on the output, and answer until whoever asked is gone."""
    from stable_diffusion_cpp import StableDiffusion

    _Handler.model = StableDiffusion(
        diffusion_model_path=str(folder / "diffusion.safetensors"),
        llm_path=str(folder / "encoder.safetensors"),
        taesd_path=str(folder / "decoder.safetensors"), n_threads=1, verbose=False,
    )  # fmt: skip
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
