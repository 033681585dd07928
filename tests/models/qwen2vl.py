"""Writes a tiny Qwen2-VL pair with random weights: libmtmd's other path.

Pictures of any size become more or fewer tokens (up to image_max_tokens), and positions are
M-RoPE's: an image takes fewer positions than tokens. What the model says is noise.
"""

from __future__ import annotations

from pathlib import Path

from models.bpe import Bpe
from models.gguf_file import Value, write_gguf
from models.smolvlm import Shapes, random_weights
from models.text_gguf import CHATML

SPECIALS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
)
CONTEXT = 2048
WIDTH, HEADS, KV_HEADS, HIDDEN, LAYERS = 64, 4, 2, 128, 2
PATCH_PX, MERGED = 14, 4
"""Side of a patch; 2 x 2 patches become one token."""
_HEAD = WIDTH // HEADS
_CORPUS = "Describe this video frame in one short sentence. What is shown? Do not guess.\n" * 3


def qwen2vl_pair(folder: Path, *, seed: int = 0) -> tuple[Path, Path]:
    """Write both files, 0.2 and 0.6 MB; the same seed gives the same bytes. Returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    bpe = Bpe(_CORPUS, 200, SPECIALS)
    text, mmproj = folder / "tiny-qwen2vl.gguf", folder / "mmproj-tiny-qwen2vl.gguf"
    weights = random_weights(_text_shapes(len(bpe.tokens)), seed)
    write_gguf(text, _text_metadata(bpe), weights)
    write_gguf(mmproj, _vision_metadata(), random_weights(_vision_shapes(), seed + 1))
    return text, mmproj


def _text_shapes(vocabulary: int) -> Shapes:
    kv_width = KV_HEADS * _HEAD
    shapes: Shapes = {"token_embd.weight": (vocabulary, WIDTH), "output_norm.weight": (WIDTH,)}
    for number in range(LAYERS):
        block = f"blk.{number}."
        for name, rows in (("attn_q", WIDTH), ("attn_k", kv_width), ("attn_v", kv_width)):
            shapes |= {f"{block}{name}.weight": (rows, WIDTH), f"{block}{name}.bias": (rows,)}
        shapes |= {
            f"{block}attn_norm.weight": (WIDTH,),
            f"{block}attn_output.weight": (WIDTH, WIDTH),
            f"{block}ffn_norm.weight": (WIDTH,),
            f"{block}ffn_gate.weight": (HIDDEN, WIDTH),
            f"{block}ffn_up.weight": (HIDDEN, WIDTH),
            f"{block}ffn_down.weight": (WIDTH, HIDDEN),
        }
    return shapes


def _vision_shapes() -> Shapes:
    patch = (WIDTH, 3, PATCH_PX, PATCH_PX)
    merged = MERGED * WIDTH
    shapes: Shapes = {
        "v.patch_embd.weight": patch,
        "v.patch_embd.weight.1": patch,
        "v.post_ln.weight": (WIDTH,),
        "v.post_ln.bias": (WIDTH,),
        "mm.0.weight": (merged, merged),
        "mm.0.bias": (merged,),
        "mm.2.weight": (WIDTH, merged),
        "mm.2.bias": (WIDTH,),
    }
    matrices = dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_out"), (WIDTH, WIDTH))
    matrices |= {"ffn_up": (HIDDEN, WIDTH), "ffn_down": (WIDTH, HIDDEN)}
    for number in range(LAYERS):
        block = f"v.blk.{number}."
        for name, shape in matrices.items():
            shapes |= {f"{block}{name}.weight": shape, f"{block}{name}.bias": shape[:1]}
        for name in ("ln1", "ln2"):
            shapes |= {f"{block}{name}.weight": (WIDTH,), f"{block}{name}.bias": (WIDTH,)}
    return shapes


def _text_metadata(bpe: Bpe) -> dict[str, Value]:
    normal, control = 1, 3
    special = len(bpe.specials)
    # time, height and width share the rotary pairs of a head
    time, side = _HEAD // 8, _HEAD // 8 + _HEAD // 16
    return {
        "general.architecture": "qwen2vl",
        "general.name": "tiny-qwen2vl",
        "qwen2vl.context_length": CONTEXT,
        "qwen2vl.embedding_length": WIDTH,
        "qwen2vl.block_count": LAYERS,
        "qwen2vl.feed_forward_length": HIDDEN,
        "qwen2vl.attention.head_count": HEADS,
        "qwen2vl.attention.head_count_kv": KV_HEADS,
        "qwen2vl.attention.layer_norm_rms_epsilon": 1e-6,
        "qwen2vl.rope.freq_base": 1e6,
        "qwen2vl.rope.dimension_sections": [time, side, side, 0],
        "qwen2vl.vocab_size": len(bpe.tokens),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": bpe.tokens,
        "tokenizer.ggml.token_type": [control] * special + [normal] * (len(bpe.tokens) - special),
        "tokenizer.ggml.merges": [" ".join(pair) for pair in bpe.merges],
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHATML,
    }


def _vision_metadata() -> dict[str, Value]:
    return {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.name": "tiny-qwen2vl",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "qwen2vl_merger",
        "clip.vision.image_size": 560,
        "clip.vision.patch_size": PATCH_PX,
        "clip.vision.embedding_length": WIDTH,
        "clip.vision.feed_forward_length": HIDDEN,
        "clip.vision.block_count": LAYERS,
        "clip.vision.attention.head_count": HEADS,
        "clip.vision.projection_dim": WIDTH,
        "clip.vision.attention.layer_norm_epsilon": 1e-6,
        "clip.vision.image_mean": [0.48, 0.46, 0.41],
        "clip.vision.image_std": [0.27, 0.26, 0.28],
    }
