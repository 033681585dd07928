"""What llama.cpp and its picture encoder have to say: kept from stderr, quoted when they fail."""

from __future__ import annotations

import collections
import ctypes
import functools
import re
from typing import Any

from vidsum.wording import escaped

_ERROR = 4
"""Source: ggml.h, enum ggml_log_level: debug 1, info 2, warn 3, error 4, more of the same 5."""
_WHERE = re.compile(r"^\s*(?:[a-z_0-9:]+|error loading model|failed to load model '.*?'): ", re.I)
_SAYS_NOTHING = re.compile(r"failed to load model\s*$|Failed to load CLIP model")
_REASON_LETTERS = 200


class NativeLog:
    """Takes over the native libraries' log for the whole process.

    Python raises KeyboardInterrupt wherever the main thread begins to run a function, and in one
    that C called it is lost: whoever makes the native libraries talk much does so in another one.
    """

    def __init__(self) -> None:
        import llama_cpp
        from llama_cpp import mtmd_cpp

        self._errors: collections.deque[str] = collections.deque(maxlen=20)
        # C keeps the pointer: the callback must live as long as the process.
        self._callback = llama_cpp.llama_log_callback(self._take)
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))
        mtmd_cpp.mtmd_helper_log_set(self._callback, ctypes.c_void_p(0))

    def _take(self, level: int, text: bytes | None, data: Any) -> None:
        line = (text or b"").decode("utf-8", "replace").strip()
        if level == _ERROR and line:
            self._errors.append(line)

    def forget(self) -> None:
        """Drop the errors so far; called before something that may fail."""
        self._errors.clear()

    def reason(self) -> str:
        """Return the first error since then that explains something, on one line; or nothing."""
        found = next((e for e in list(self._errors) if not _SAYS_NOTHING.search(e)), "")
        while (shorter := _WHERE.sub("", found)) != found:
            found = shorter
        return escaped(found)[:_REASON_LETTERS].rstrip(" .")


@functools.cache
def native_log() -> NativeLog:
    """Return the one log of this process, in force from the first call on."""
    return NativeLog()
