"""The tiny VLM in torch: SigLIP-style encoder, idefics3 pixel shuffle, llama.

Every weight is one tensor of the GGUF files, under the same name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.bpe import Bpe
from models.gguf_file import Array, read_gguf, write_gguf
from models.smolvlm import TINY, TextSize, VisionSize, text_metadata, vision_metadata

TEXT_FILE, VISION_FILE = "tinyvlm-f16.gguf", "mmproj-tinyvlm-f16.gguf"


class Vision(nn.Module):
    """Pictures to embeddings that the text model takes as tokens."""

    def __init__(self, size: VisionSize, text_width: int) -> None:
        super().__init__()
        self.size, width = size, size.width
        patches = (size.tile_px // size.patch_px) ** 2
        self.patch = nn.Conv2d(3, width, size.patch_px, size.patch_px)
        self.positions = nn.Parameter(torch.randn(patches, width) * 0.02)
        self.blocks = nn.ModuleList(self._block() for _ in range(size.layers))
        self.post_ln = nn.LayerNorm(width, size.epsilon)
        self.fc = nn.Linear(width * size.merge**2, text_width, bias=False)

    def _block(self) -> nn.ModuleDict:
        width, hidden = self.size.width, self.size.hidden
        attention = {
            name: nn.Linear(width, width) for name in ("attn_q", "attn_k", "attn_v", "attn_out")
        }
        norms = {name: nn.LayerNorm(width, self.size.epsilon) for name in ("ln1", "ln2")}
        up, down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        return nn.ModuleDict({**norms, **attention, "ffn_up": up, "ffn_down": down})

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: float [batch, 3, side, side], -1…1. Returns [batch, tile_tokens, text_width]."""
        size, batch = self.size, len(pixels)
        x = self.patch(pixels).flatten(2).transpose(1, 2) + self.positions
        for block in self.blocks:
            h = block["ln1"](x)
            heads = [
                block[name](h).view(batch, -1, size.heads, size.width // size.heads).transpose(1, 2)
                for name in ("attn_q", "attn_k", "attn_v")
            ]
            seen = F.scaled_dot_product_attention(*heads)
            x = x + block["attn_out"](seen.transpose(1, 2).reshape(batch, -1, size.width))
            # ggml_gelu is the tanh approximation
            h = F.gelu(block["ffn_up"](block["ln2"](x)), approximate="tanh")
            x = x + block["ffn_down"](h)
        return self.fc(self._shuffled(self.post_ln(x)))

    def _shuffled(self, x: Tensor) -> Tensor:
        """Pixel shuffle: the channels of merge x merge neighbours, row by row, are one token."""
        merge, side = self.size.merge, self.size.tile_px // self.size.patch_px // self.size.merge
        x = x.view(len(x), side, merge, side, merge, self.size.width).permute(0, 1, 3, 2, 4, 5)
        return x.reshape(len(x), side * side, merge * merge * self.size.width)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Give the weights by their names in the mmproj file."""
        yield "v.patch_embd.weight", self.patch.weight
        yield "v.patch_embd.bias", self.patch.bias
        yield "v.position_embd.weight", self.positions
        yield "v.post_ln.weight", self.post_ln.weight
        yield "v.post_ln.bias", self.post_ln.bias
        yield "mm.model.fc.weight", self.fc.weight
        for number, block in enumerate(self.blocks):
            for name, module in block.items():
                yield f"v.blk.{number}.{name}.weight", module.weight
                yield f"v.blk.{number}.{name}.bias", module.bias


class RmsNorm(nn.Module):
    """Root mean square normalisation, as llama has it."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(width)), epsilon

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


class Text(nn.Module):
    """Embeddings to the next token, llama architecture with a tied output layer."""

    def __init__(self, size: TextSize, vocabulary: int) -> None:
        super().__init__()
        self.size = size
        self.embedding = nn.Embedding(vocabulary, size.width)
        nn.init.normal_(self.embedding.weight, std=0.06)
        self.blocks = nn.ModuleList(self._block() for _ in range(size.layers))
        self.output_norm = RmsNorm(size.width, size.rms_epsilon)
        head = size.width // size.heads
        frequency = size.rope_base ** (-torch.arange(0, head, 2).float() / head)
        angle = torch.outer(torch.arange(size.context).float(), frequency)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def _block(self) -> nn.ModuleDict:
        size = self.size
        width, kv_width = size.width, size.width // size.heads * size.kv_heads
        matrices = {
            "attn_q": (width, width),
            "attn_k": (width, kv_width),
            "attn_v": (width, kv_width),
            "attn_output": (width, width),
            "ffn_gate": (width, size.hidden),
            "ffn_up": (width, size.hidden),
            "ffn_down": (size.hidden, width),
        }
        norms = {name: RmsNorm(width, size.rms_epsilon) for name in ("attn_norm", "ffn_norm")}
        linears = {name: nn.Linear(*shape, bias=False) for name, shape in matrices.items()}
        return nn.ModuleDict({**norms, **linears})

    def _rotated(self, x: Tensor) -> Tensor:
        """Rotary positions; the llama architecture pairs dimension 2i with 2i + 1."""
        cos, sin = self.cos[: x.shape[-2]], self.sin[: x.shape[-2]]
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)

    def forward(self, x: Tensor) -> Tensor:
        """x: float [batch, tokens, width], embeddings. Returns the last layer's, normalised."""
        size, (batch, tokens, _) = self.size, x.shape
        repeat = size.heads // size.kv_heads
        for block in self.blocks:
            h = block["attn_norm"](x)
            q, k, v = (
                block[name](h).view(batch, tokens, heads, -1).transpose(1, 2)
                for name, heads in (
                    ("attn_q", size.heads),
                    ("attn_k", size.kv_heads),
                    ("attn_v", size.kv_heads),
                )
            )
            k = self._rotated(k).repeat_interleave(repeat, 1)
            v = v.repeat_interleave(repeat, 1)
            seen = F.scaled_dot_product_attention(self._rotated(q), k, v, is_causal=True)
            x = x + block["attn_output"](seen.transpose(1, 2).reshape(batch, tokens, -1))
            h = block["ffn_norm"](x)
            x = x + block["ffn_down"](F.silu(block["ffn_gate"](h)) * block["ffn_up"](h))
        return self.output_norm(x)

    def logits(self, x: Tensor) -> Tensor:
        """Return the score of each token."""
        return x @ self.embedding.weight.T

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Give the weights by their names in the text model's file."""
        yield "token_embd.weight", self.embedding.weight
        yield "output_norm.weight", self.output_norm.weight
        for number, block in enumerate(self.blocks):
            for name, module in block.items():
                yield f"blk.{number}.{name}.weight", module.weight


class TinyVlm(nn.Module):
    """Both halves."""

    def __init__(self, bpe: Bpe) -> None:
        super().__init__()
        self.bpe = bpe
        self.vision = Vision(TINY.vision, TINY.text.width)
        self.text = Text(TINY.text, len(bpe.tokens))

    def forward(self, images: Tensor, ids: Tensor) -> Tensor:
        """Return the text model's last layer, [batch, tokens, width].

        images: uint8 [batch, side, side, 3], RGB. ids: int64 [batch, tokens], -1 where a token
        of the image is; the image may be there twice.
        """
        seen = self.vision((images.float().permute(0, 3, 1, 2) / 255 - 0.5) / 0.5)
        is_image = ids < 0
        copies = is_image.sum(1) // seen.shape[1]
        source = torch.cat([one.repeat(int(n), 1) for one, n in zip(seen, copies, strict=True)])
        words = self.text.embedding(ids.clamp(min=0))
        return self.text(words.masked_scatter(is_image.unsqueeze(-1), source.to(words.dtype)))

    def save(self, folder: Path) -> None:
        """Write both GGUF files."""
        folder.mkdir(parents=True, exist_ok=True)
        metadata = text_metadata(TINY.text, self.bpe, "tinyvlm")
        write_gguf(folder / TEXT_FILE, metadata, _arrays(self.text.tensors()))
        metadata = vision_metadata(TINY.vision, TINY.text.width, "tinyvlm")
        write_gguf(folder / VISION_FILE, metadata, _arrays(self.vision.tensors()))

    def load(self, folder: Path) -> None:
        """Take the weights of both GGUF files."""
        for half, file in ((self.text, TEXT_FILE), (self.vision, VISION_FILE)):
            _, arrays = read_gguf(folder / file)
            for name, tensor in half.tensors():
                tensor.data.copy_(torch.from_numpy(arrays[name].astype(np.float32)))


def _arrays(tensors: Iterator[tuple[str, Tensor]]) -> Iterator[tuple[str, Array]]:
    return ((name, tensor.detach().numpy()) for name, tensor in tensors)
