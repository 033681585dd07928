"""SmolVLM-shaped models of any size: what tensors they have, and how they are written.

llama.cpp and libmtmd load the two files through the same code as the published
SmolVLM2-*-Instruct-GGUF. Text: llama architecture, byte-level BPE, SmolVLM2's chat template.
Vision: a SigLIP-style encoder, pixel shuffle and one linear layer ("idefics3").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.bpe import Bpe
from models.gguf_file import Array, Encoding, Value, write_gguf

Shapes = dict[str, tuple[int, ...]]
Tensors = Iterable[tuple[str, Array]]

# The first ids are fixed. libmtmd looks the idefics3 tokens up by their text; a missing one
# becomes token id -1, and llama_decode then fails.
SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<end_of_utterance>",
    "<fake_token_around_image>",
    "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
)
BOS, EOS = 1, 2

# Content must be a list of parts: a plain string is walked character by character and silently
# renders to nothing.
SMOLVLM_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class TextSize:
    """Dimensions of a text model; ``vocabulary`` is what the tokens are filled up to."""

    width: int
    layers: int
    heads: int
    kv_heads: int
    hidden: int
    context: int = 2048
    rope_base: float = 10_000.0
    rms_epsilon: float = 1e-5
    vocabulary: int = 0
    tied: bool = True
    """The output layer is the token embedding: there is no tensor of its own for it."""


@dataclass(frozen=True, slots=True)
class VisionSize:
    """Dimensions of an image encoder. A picture of ``longest_px`` or less is one square tile."""

    tile_px: int
    patch_px: int
    width: int
    layers: int
    heads: int
    hidden: int
    merge: int
    """Pixel shuffle: merge x merge patches become one token."""
    longest_px: int
    epsilon: float = 1e-6

    @property
    def tile_tokens(self) -> int:
        """How many tokens a tile becomes."""
        return (self.tile_px // self.patch_px // self.merge) ** 2


@dataclass(frozen=True, slots=True)
class Size:
    """Dimensions of a pair."""

    text: TextSize
    vision: VisionSize


_SIGLIP_BASE = VisionSize(512, 16, 768, 12, 12, 3072, merge=4, longest_px=2048)
_SIGLIP_LARGE = VisionSize(384, 14, 1152, 27, 16, 4304, merge=3, longest_px=1536)


def _smollm(width: int, layers: int, heads: int, kv_heads: int, hidden: int) -> TextSize:
    return TextSize(width, layers, heads, kv_heads, hidden, context=8192, rope_base=100_000.0,
                    vocabulary=49_280, tied=False)  # fmt: skip


TINY = Size(TextSize(96, 3, 3, 3, 192), VisionSize(96, 12, 96, 3, 3, 192, merge=2, longest_px=96))
"""The pair in vlm/, which was trained."""
PRESETS = {
    "tiny": TINY,
    "smolvlm2-256m": Size(_smollm(576, 30, 9, 3, 1536), _SIGLIP_BASE),
    "smolvlm2-500m": Size(_smollm(960, 32, 15, 5, 2560), _SIGLIP_BASE),
    "smolvlm2-2.2b": Size(_smollm(2048, 24, 32, 32, 8192), _SIGLIP_LARGE),
}
"""Source: config.json of HuggingFaceTB/SmolVLM2-*."""


def text_shapes(size: TextSize, vocabulary: int) -> Shapes:
    """Return the tensors of a text model; a matrix has a row for each output."""
    width, kv_width = size.width, size.width // size.heads * size.kv_heads
    shapes: Shapes = {"token_embd.weight": (vocabulary, width), "output_norm.weight": (width,)}
    if not size.tied:
        shapes["output.weight"] = (vocabulary, width)
    block = {
        "attn_norm": (width,),
        "attn_q": (width, width),
        "attn_k": (kv_width, width),
        "attn_v": (kv_width, width),
        "attn_output": (width, width),
        "ffn_norm": (width,),
        "ffn_gate": (size.hidden, width),
        "ffn_up": (size.hidden, width),
        "ffn_down": (width, size.hidden),
    }
    for number in range(size.layers):
        shapes |= {f"blk.{number}.{name}.weight": shape for name, shape in block.items()}
    return shapes


def vision_shapes(size: VisionSize, text_width: int) -> Shapes:
    """Return the tensors of an image encoder and of its way into the text model."""
    width, patches = size.width, (size.tile_px // size.patch_px) ** 2
    shapes: Shapes = {
        "v.patch_embd.weight": (width, 3, size.patch_px, size.patch_px),
        "v.patch_embd.bias": (width,),
        "v.position_embd.weight": (patches, width),
        "v.post_ln.weight": (width,),
        "v.post_ln.bias": (width,),
        "mm.model.fc.weight": (text_width, width * size.merge**2),
    }
    matrices = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_out"), (width, width))
    matrices |= {"ffn_up": (size.hidden, width), "ffn_down": (width, size.hidden)}
    for number in range(size.layers):
        block = f"v.blk.{number}."
        for name, shape in matrices.items():
            shapes |= {f"{block}{name}.weight": shape, f"{block}{name}.bias": shape[:1]}
        for name in ("ln1", "ln2"):
            shapes |= {f"{block}{name}.weight": (width,), f"{block}{name}.bias": (width,)}
    return shapes


def random_weights(shapes: Shapes, seed: int) -> Iterator[tuple[str, Array]]:
    """Give sensible random weights: norms are 1, biases 0, matrices N(0, 1 / inputs).

    Token embeddings are small: with a tied output, large ones make a model repeat its input.
    """
    rng = np.random.default_rng(seed)
    for name, shape in shapes.items():
        if name.endswith(".bias"):
            yield name, np.zeros(shape, np.float32)
        elif len(shape) == 1:
            yield name, np.ones(shape, np.float32)
        else:
            deviation = 0.05 if name == "token_embd.weight" else np.prod(shape[1:]) ** -0.5
            yield name, rng.standard_normal(shape, np.float32) * np.float32(deviation)


def text_metadata(
    size: TextSize, bpe: Bpe, name: str, template: str = SMOLVLM_TEMPLATE
) -> dict[str, Value]:
    """Return what a text model's file says of it. The template writes the bos token itself."""
    tokens = [*bpe.tokens, *(f"filler{n}" for n in range(len(bpe.tokens), size.vocabulary))]
    normal, control = 1, 3
    special = len(bpe.specials)
    return {
        "general.architecture": "llama",
        "general.name": name,
        "llama.context_length": size.context,
        "llama.embedding_length": size.width,
        "llama.block_count": size.layers,
        "llama.feed_forward_length": size.hidden,
        "llama.attention.head_count": size.heads,
        "llama.attention.head_count_kv": size.kv_heads,
        "llama.attention.layer_norm_rms_epsilon": size.rms_epsilon,
        "llama.rope.dimension_count": size.width // size.heads,
        "llama.rope.freq_base": size.rope_base,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [control] * special + [normal] * (len(tokens) - special),
        "tokenizer.ggml.merges": [" ".join(pair) for pair in bpe.merges],
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.bos_token_id": BOS,
        "tokenizer.ggml.eos_token_id": EOS,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": template,
    }


def vision_metadata(size: VisionSize, text_width: int, name: str) -> dict[str, Value]:
    """Return what an mmproj file says of itself."""
    return {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.name": name,
        "clip.has_vision_encoder": True,
        "clip.projector_type": "idefics3",
        "clip.use_gelu": True,
        "clip.vision.image_size": size.tile_px,
        "clip.vision.patch_size": size.patch_px,
        "clip.vision.preproc_image_size": size.longest_px,
        "clip.vision.embedding_length": size.width,
        "clip.vision.feed_forward_length": size.hidden,
        "clip.vision.block_count": size.layers,
        "clip.vision.attention.head_count": size.heads,
        "clip.vision.attention.layer_norm_epsilon": size.epsilon,
        "clip.vision.projection_dim": text_width,
        "clip.vision.projector.scale_factor": size.merge,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }


def write_random_pair(
    folder: Path, name: str, size: Size, bpe: Bpe, encoding: Encoding = "f16", seed: int = 0
) -> tuple[Path, Path]:
    """Write a text model and its mmproj with random weights. Returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / f"{name}-{encoding}.gguf"
    mmproj = folder / f"mmproj-{name}-{encoding}.gguf"
    shapes = text_shapes(size.text, max(len(bpe.tokens), size.text.vocabulary))
    write_gguf(text, text_metadata(size.text, bpe, name), random_weights(shapes, seed), encoding)
    shapes = vision_shapes(size.vision, size.text.width)
    metadata = vision_metadata(size.vision, size.text.width, name)
    write_gguf(mmproj, metadata, random_weights(shapes, seed + 1), encoding)
    return text, mmproj
