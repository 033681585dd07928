"""What llama.cpp and its picture encoder have to say: kept from stderr, quoted when they fail."""

from __future__ import annotations

import ast
import ctypes
import functools
import io
import re

from vidsum.wording import escaped

_ERROR = 4
"""Source: ggml.h, enum ggml_log_level: debug 1, info 2, warn 3, error 4, more of the same 5."""
_WHERE = re.compile(r"^\s*(?:[a-z_0-9:]+|error loading model|failed to load model '.*?'): ", re.I)
_SAYS_NOTHING = re.compile(r"failed to load model\s*$|Failed to load CLIP model")
_REASON_LETTERS = 200


class NativeLog:
    """Takes over the native libraries' log for the whole process.

    C must call nothing here that is written in Python: Python raises KeyboardInterrupt wherever it
    begins to run a function, and in one that C called it would be lost. So each line goes through
    ``print``, which is C's own, into a text that is read afterwards.
    """

    def __init__(self) -> None:
        import llama_cpp
        from llama_cpp import mtmd_cpp

        self._lines = io.StringIO()
        # C keeps the pointer: the callback must live as long as the process.
        self._callback = llama_cpp.llama_log_callback(functools.partial(print, file=self._lines))
        llama_cpp.llama_log_set(self._callback, ctypes.c_void_p(0))
        mtmd_cpp.mtmd_helper_log_set(self._callback, ctypes.c_void_p(0))

    def forget(self) -> None:
        """Drop the lines so far; called before something that may fail."""
        self._lines.seek(0)
        self._lines.truncate()

    def reason(self) -> str:
        """Return the first error since then that explains something, on one line; or nothing."""
        errors = filter(None, map(_error, self._lines.getvalue().splitlines()))
        found = next((e for e in errors if not _SAYS_NOTHING.search(e)), "")
        while (shorter := _WHERE.sub("", found)) != found:
            found = shorter
        return escaped(found)[:_REASON_LETTERS].rstrip(" .")


def _error(line: str) -> str:
    """Return the message in a line as print left it, ``4 b'message' None``, if it is an error's."""
    level, _, rest = line.partition(" ")
    if level != str(_ERROR):
        return ""
    try:
        raw = ast.literal_eval(rest.rpartition(" ")[0])
    except (ValueError, SyntaxError):
        return ""  # two threads wrote at once
    return raw.decode("utf-8", "replace").strip() if isinstance(raw, bytes) else ""


@functools.cache
def native_log() -> NativeLog:
    """Return the one log of this process, in force from the first call on."""
    return NativeLog()
