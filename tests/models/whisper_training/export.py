"""Writes trained weights as a CTranslate2 folder that faster-whisper loads. No torch.

PYTHONPATH=tests python -m models.whisper_training.export --weights weights.npz --out DIR
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.whisper_training.size import (
    ALIGNMENT_HEADS,
    DECODER_LAYERS,
    ENCODER_LAYERS,
    HEADS,
    MELS,
)
from models.whisper_training.vocabulary import IDS, SPECIALS, TEXT, TIMES, TOKENS

Weights = Mapping[str, NDArray[np.float32]]


def export(weights: Weights, folder: Path, quantization: str | None = "float16") -> None:
    """Write model, vocabulary, tokenizer and feature settings."""
    from ctranslate2.specs import whisper_spec

    spec = whisper_spec.WhisperSpec(ENCODER_LAYERS, HEADS, DECODER_LAYERS, HEADS)
    _fill_encoder(spec.encoder, weights)
    _fill_decoder(spec.decoder, weights)
    spec.register_vocabulary(TOKENS)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.config.lang_ids = [IDS["<|en|>"]]
    spec.config.alignment_heads = ALIGNMENT_HEADS
    spec.validate()
    spec.optimize(quantization=quantization)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    tokens = json.dumps(tokenizer(), ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(tokens, encoding="utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps(feature_settings()))


def tokenizer() -> dict[str, Any]:
    """Return tokenizer.json: whole words. ByteLevel keeps their leading spaces on decoding."""
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": True,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": IDS[token],
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": token in SPECIALS,
            }
            for token in [*SPECIALS, *TIMES]
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {"type": "WordLevel", "vocab": IDS, "unk_token": TEXT[0]},
    }


def feature_settings() -> dict[str, int]:
    """Return preprocessor_config.json."""
    return {
        "feature_size": MELS,
        "sampling_rate": 16_000,
        "hop_length": 160,
        "chunk_length": 30,
        "n_fft": 400,
    }


def _fill_encoder(encoder: Any, weights: Weights) -> None:
    for layer, name in ((encoder.conv1, "conv1"), (encoder.conv2, "conv2")):
        layer.weight, layer.bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    encoder.position_encodings.encodings = weights["enc_pos"]
    _fill_norm(encoder.layer_norm, weights, "enc_ln")
    for number, layer in enumerate(encoder.layer):
        _fill_block(layer, weights, f"enc.{number}.")


def _fill_decoder(decoder: Any, weights: Weights) -> None:
    decoder.embeddings.weight = weights["table"]
    decoder.position_encodings.encodings = weights["dec_pos"]
    _fill_norm(decoder.layer_norm, weights, "dec_ln")
    for number, layer in enumerate(decoder.layer):
        block = f"dec.{number}."
        _fill_block(layer, weights, block)
        _fill_norm(layer.attention.layer_norm, weights, f"{block}ln2")
        query, key_value, out = layer.attention.linear
        _fill_linear(query, weights, f"{block}cross.q")
        _fill_linear(key_value, weights, f"{block}cross.k", f"{block}cross.v")
        _fill_linear(out, weights, f"{block}cross.o")
    decoder.projection.weight = decoder.embeddings.weight


def _fill_block(layer: Any, weights: Weights, block: str) -> None:
    attention = layer.self_attention
    _fill_norm(attention.layer_norm, weights, f"{block}ln1")
    _fill_linear(attention.linear[0], weights, *(f"{block}attn.{name}" for name in "qkv"))
    _fill_linear(attention.linear[1], weights, f"{block}attn.o")
    _fill_norm(layer.ffn.layer_norm, weights, f"{block}ln3")
    _fill_linear(layer.ffn.linear_0, weights, f"{block}fc1")
    _fill_linear(layer.ffn.linear_1, weights, f"{block}fc2")


def _fill_linear(linear: Any, weights: Weights, *names: str) -> None:
    """Stack some linear layers into one; keys have no bias, which is a bias of zeros."""
    linear.weight = np.concatenate([weights[f"{name}.weight"] for name in names])
    rows = [len(weights[f"{name}.weight"]) for name in names]
    biases = [
        weights.get(f"{name}.bias", np.zeros(n, np.float32))
        for name, n in zip(names, rows, strict=True)
    ]
    linear.bias = np.concatenate(biases)


def _fill_norm(norm: Any, weights: Weights, name: str) -> None:
    norm.gamma, norm.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]


def main() -> None:
    """Export as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quantization", default="float16")
    options = parser.parse_args()
    export(dict(np.load(options.weights)), options.out, options.quantization)


if __name__ == "__main__":
    main()
