"""The same models on a GPU give the same answers. Runs only where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest
from models import MMPROJ, VLM, WHISPER
from scenes import random_scenes
from spoken import spoken_wav

from vidsum.backends.llama_vision import LlamaVision
from vidsum.config import Options
from vidsum.data import ChatRequest
from vidsum.media.process import Decoder
from vidsum.registry import load
from vidsum.transcribers.protocol import TranscriptRequest

pytestmark = pytest.mark.gpu


def test_captions_with_every_layer_on_the_gpu() -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    if not llama_cpp.llama_supports_gpu_offload():
        pytest.skip("llama-cpp-python was built without GPU support")
    vision = LlamaVision(VLM, MMPROJ, "tiny", threads=1, gpu_layers=99)
    try:
        for scene in random_scenes(seed=31_001, count=20):
            request = ChatRequest("", "Describe this picture:", (scene.image(),), max_tokens=48)
            assert vision.complete(request).text.strip() == scene.caption()
    finally:
        vision.close()


def test_speech_in_half_precision_on_the_gpu(tmp_path: Path) -> None:
    import ctranslate2

    if ctranslate2.get_cuda_device_count() == 0:
        pytest.skip("CTranslate2 sees no CUDA device")
    path = spoken_wav(tmp_path / "said.wav", [(2.0, "open red circle")], 8.0)
    with Decoder(path) as decoder:
        request = TranscriptRequest(decoder.probe(), lambda: Decoder(path))
    transcriber = load("transcriber", "whisper", Options(speech_model=str(WHISPER)))
    found = transcriber.transcribe(request)
    transcriber.close()
    assert transcriber.work == "gpu"
    assert found is not None
    assert [s.text.strip(" .").lower() for s in found.segments] == ["open red circle"]
