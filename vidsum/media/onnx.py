"""onnxruntime without its telemetry."""

from __future__ import annotations

import os


def keep_onnx_quiet() -> None:
    """Switch off what onnxruntime would report home; call it before onnxruntime is imported.

    From 1.31 on it looks up a telemetry host, queues an event with the machine's particulars and
    writes a device id into the user's cache folder, unless this variable is set beforehand.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
