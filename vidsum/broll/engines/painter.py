"""The painter: a process of its own that hosts stable-diffusion.cpp with one model.

The native library ends the process with a signal at weights that it does not like, and moves its
descriptors 1 and 2 about: so the pipes to the program are put out of its way first, and all that
it prints goes to stderr. The process ends when its stdin does, also in the middle of a picture.
"""

from __future__ import annotations

import ctypes
import os
import queue
import re
import resource
import signal
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final

from vidsum.broll.engines.painter_wire import Order, as_image, files_in, order_in
from vidsum.data import Image
from vidsum.media import wire

Inbox = queue.SimpleQueue[tuple[wire.Header, bytes]]
_ERROR = 3
"""Source: stable-diffusion.h, enum sd_log_level_t: debug 0, info 1, warning 2, error 3."""
_WORDS_ONLY: Final = str.maketrans({"\0": " ", "\\": "/", "[": "(", "]": ")"})
_WEIGHT: Final = re.compile(r"(:[+-]?[.\d]+)\)")
_BREAK: Final = re.compile(r"BREAK\b")


def main() -> None:
    """Answer requests until stdin ends."""
    requests, answers = _take_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the program's, which ends us
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    inbox: Inbox = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, inbox), daemon=True).start()
    _Easel(answers).serve(inbox)


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes to the program under other numbers than 0 and 1, which are given away."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return requests, answers


def _listen(requests: BinaryIO, inbox: Inbox) -> None:
    """Pass requests on. Whatever ends them ends the process: native code cannot be interrupted."""
    try:
        while message := wire.read(requests.read):
            inbox.put(message)
    finally:
        os._exit(0)


class _Easel:
    """The model, once it is loaded, and the way back to the program."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._model: Any = None
        self._steps = 0
        self._device = "gpu"
        self._callbacks: list[Any] = []  # C keeps pointers to them

    def serve(self, inbox: Inbox) -> None:
        """Do what is asked, one after the other. A model that does not load ends it."""
        while True:
            message, blob = inbox.get()
            try:
                if message["do"] == "load":
                    self._load(message)
                elif message["do"] == "enlarge":
                    self._enlarge(as_image(blob, message["width_px"], message["height_px"]))
                else:
                    self._paint(*order_in(message, blob))
            except Exception as exc:  # noqa: BLE001  # the job boundary: the program is told
                kind = "" if isinstance(exc, ValueError) else f"{type(exc).__name__}: "
                self._send({"failed": f"{kind}{exc}"[:1000]})

    def _send(self, header: wire.Header, blob: bytes = b"") -> None:
        wire.write(self._answers, header | {"cpu_s": time.process_time()}, blob)

    def _load(self, message: wire.Header) -> None:
        native = import_module("stable_diffusion_cpp")  # it has no types
        started_s = time.perf_counter()
        self._take_callbacks(native)
        files = {role: _openable(path) for role, path in files_in(message).items()}
        # verbose: else descriptors 1 and 2 go nowhere meanwhile, and a crash could not be told of
        self._model = native.StableDiffusion(**files, n_threads=message["threads"], verbose=True)
        # a null pointer, which the library's wrapper lets pass for a model that paints
        if "upscaler_path" not in files and not self._model.model:
            raise ValueError("the library did not take the files")
        self._send({"loaded": True, "load_s": time.perf_counter() - started_s,
                    "device": self._device})  # fmt: skip

    def _take_callbacks(self, native: Any) -> None:
        """Have the native library tell us what it logs and which step it is at."""

        def log(level: int, text: bytes, data: Any) -> None:
            if b"- Using CPU backend" in text:  # of a GPU it says nothing
                self._device = "cpu"
            if level >= _ERROR:
                os.write(2, text)

        def progress(step: int, steps: int, time_s: float, data: Any) -> None:
            if steps == self._steps and 0 < step <= steps:  # others are those of loading
                self._send({"step": step, "of": steps})

        self._callbacks = [native.sd_log_callback(log), native.sd_progress_callback(progress)]
        native.sd_set_log_callback(self._callbacks[0], ctypes.c_void_p(0))
        native.sd_set_progress_callback(self._callbacks[1], ctypes.c_void_p(0))

    def _paint(self, order: Order, references: list[Image]) -> None:
        from PIL import Image as Pillow

        started_s = time.perf_counter()
        self._steps = order.steps
        (picture,) = self._model.generate_image(
            prompt=_plain(order.prompt), width=order.width_px, height=order.height_px,
            seed=order.seed, sample_steps=order.steps, cfg_scale=order.guidance,
            sample_method="euler",
            ref_images=[Pillow.fromarray(one) for one in references] or None,
        )  # fmt: skip
        self._steps = 0
        self._send_picture(picture, started_s)

    def _enlarge(self, image: Image) -> None:
        from PIL import Image as Pillow

        started_s = time.perf_counter()
        (picture,) = self._model.upscale([Pillow.fromarray(image)])  # by the model's own factor
        self._send_picture(picture, started_s)

    def _send_picture(self, picture: Any, started_s: float) -> None:
        picture = picture.convert("RGB")
        self._send(
            {"painted": True, "width_px": picture.width, "height_px": picture.height,
             "paint_s": time.perf_counter() - started_s},
            picture.tobytes(),
        )  # fmt: skip


def _plain(prompt: str) -> str:
    """Return a prompt in which the library finds nothing but words, as C and UTF-8 can have it.

    It takes ``<lora:/some/file:1>`` for a file of weights to load, ``(at 10:30)`` for words that
    weigh 30 times as much (``(well:.)`` ends the process), ``[…]`` for words that weigh less, and
    BREAK for a command. It knows an escape for the opening round bracket alone; a closing one is a
    word where none was opened. Source: stable-diffusion.cpp, src/util.cpp,
    ``parse_prompt_attention``.
    """
    prompt = prompt.replace("<lora:", "<lora ").translate(_WORDS_ONLY)
    prompt = _WEIGHT.sub(r"\1 )", _BREAK.sub("Break", prompt)).replace("(", r"\(")
    return prompt.encode("utf-8", "replace").decode()


def _openable(path: Path) -> str:
    """Return a name that the library can open. It takes names as UTF-8 and cuts white space off
    them; others go by a descriptor, which stays open."""
    name = str(path)
    try:
        if name == os.path.normpath(name.strip()) and name.encode():
            return name
    except UnicodeEncodeError:
        pass
    return f"/proc/self/fd/{os.open(path, os.O_RDONLY)}"


if __name__ == "__main__":
    main()
