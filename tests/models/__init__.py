"""Tiny models that were really trained, and the scripts that made them. See README.md here."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
VLM = HERE / "vlm" / "tinyvlm-f16.gguf"
MMPROJ = HERE / "vlm" / "mmproj-tinyvlm-f16.gguf"
WHISPER = HERE / "whisper"
