"""The tiny Whisper in torch."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.whisper_training.size import (
    AUDIO_POSITIONS,
    DECODER_LAYERS,
    HEADS,
    HIDDEN,
    LONGEST_PERIOD,
    MELS,
    TEXT_POSITIONS,
    WIDTH,
    sinusoids,
)
from models.whisper_training.vocabulary import FIRST_TIME, TEXT, TIMES

HEAD_WIDTH = WIDTH // HEADS
FIRST_LOOKS = ((-8, -3, 3, 8), (-16, -5, 5, 16))
"""How far each head of the encoder looks to begin with, in positions, a row for each layer."""


class Attention(nn.Module):
    """Whisper's attention: no bias on the keys."""

    def __init__(self, looks: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.q, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.k = nn.Linear(WIDTH, WIDTH, bias=False)
        if looks:
            self._look(looks)

    @torch.no_grad()
    def _look(self, looks: tuple[int, ...]) -> None:
        """Let each head begin by looking at a fixed distance: keys turned by that angle."""
        half, gain = WIDTH // 2, 2.2
        step = math.log(LONGEST_PERIOD) / (half - 1)
        q, k = self.q.weight.mul_(0.1), self.k.weight.mul_(0.1)
        for head, distance in enumerate(looks):
            for pair, wave in enumerate(np.linspace(0, half * 0.7, HEAD_WIDTH // 2).astype(int)):
                sine = head * HEAD_WIDTH + 2 * pair
                cosine = sine + 1
                angle = distance * math.exp(-step * wave)
                k[sine, wave] += gain
                k[cosine, wave + half] += gain
                q[sine, wave] += gain * math.cos(angle)
                q[sine, wave + half] += gain * math.sin(angle)
                q[cosine, wave + half] += gain * math.cos(angle)
                q[cosine, wave] -= gain * math.sin(angle)

    def forward(self, x: Tensor, memory: Tensor, causal: bool = False) -> Tensor:
        """Return what is seen, [batch, tokens, WIDTH]."""
        seen = F.scaled_dot_product_attention(*self._split(x, memory), is_causal=causal)
        return self._joined(seen)

    def with_looks(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is seen, and where: log shares [batch, HEADS, tokens, positions]."""
        q, k, v = self._split(x, memory)
        looks = (q @ k.transpose(-1, -2) / math.sqrt(HEAD_WIDTH)).log_softmax(-1)
        return self._joined(looks.exp() @ v), looks

    def _split(self, x: Tensor, memory: Tensor) -> list[Tensor]:
        parts = (self.q(x), self.k(memory), self.v(memory))
        return [part.view(len(x), -1, HEADS, HEAD_WIDTH).transpose(1, 2) for part in parts]

    def _joined(self, seen: Tensor) -> Tensor:
        batch, _, tokens, _ = seen.shape
        return self.o(seen.transpose(1, 2).reshape(batch, tokens, WIDTH))


class EncoderBlock(nn.Module):
    """Self-attention and a feed-forward layer."""

    def __init__(self, looks: tuple[int, ...]) -> None:
        super().__init__()
        self.ln1, self.attn = nn.LayerNorm(WIDTH), Attention(looks)
        self.ln3 = nn.LayerNorm(WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        h = self.ln1(x)
        x = x + self.attn(h, h)
        return x + self.fc2(F.gelu(self.fc1(self.ln3(x))))


class DecoderBlock(nn.Module):
    """Causal self-attention, attention to the sound, and a feed-forward layer."""

    def __init__(self) -> None:
        super().__init__()
        self.ln1, self.attn = nn.LayerNorm(WIDTH), Attention()
        self.ln2, self.cross = nn.LayerNorm(WIDTH), Attention()
        self.ln3 = nn.LayerNorm(WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        h = self.ln1(x)
        x = x + self.attn(h, h, causal=True)
        heard, looks = self.cross.with_looks(self.ln2(x), memory)
        x = x + heard
        return x + self.fc2(F.gelu(self.fc1(self.ln3(x)))), looks


class TinyWhisper(nn.Module):
    """Log-mels to tokens. A timestamp's embedding is a learnt map of its place's sinusoids."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.register_buffer("enc_pos", torch.from_numpy(sinusoids(AUDIO_POSITIONS, WIDTH)))
        self.enc = nn.ModuleList(EncoderBlock(looks) for looks in FIRST_LOOKS)
        self.enc_ln = nn.LayerNorm(WIDTH)
        self.text = nn.Parameter(torch.randn(FIRST_TIME, WIDTH) * 0.3)
        self.register_buffer("times", torch.from_numpy(sinusoids(len(TIMES), WIDTH)))
        self.times_map = nn.Parameter(torch.eye(WIDTH))
        self.dec_pos = nn.Parameter(torch.from_numpy(sinusoids(TEXT_POSITIONS, WIDTH)) * 0.5)
        self.dec = nn.ModuleList(DecoderBlock() for _ in range(DECODER_LAYERS))
        self.dec_ln = nn.LayerNorm(WIDTH)
        self.aux = nn.Linear(WIDTH, len(TEXT))  # for training only: the word at each position

    def table(self) -> Tensor:
        """Return the embedding of every token, which is the output layer as well."""
        return torch.cat([self.text, self.times @ self.times_map])

    def encode(self, mels: Tensor, positions: Tensor) -> Tensor:
        """mels: [batch, MELS, frames]; positions: int64 [batch, frames / 2], their places."""
        x = F.gelu(self.conv2(F.gelu(self.conv1(mels)))).transpose(1, 2)
        x = x + self.enc_pos[positions]
        for block in self.enc:
            x = block(x)
        return self.enc_ln(x)

    def decode(self, tokens: Tensor, memory: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the scores of each next token, and where each layer's heads look."""
        table = self.table()
        x = F.embedding(tokens, table) + self.dec_pos[: tokens.shape[1]]
        looks = []
        for block in self.dec:
            x, look = block(x, memory)
            looks.append(look)
        return self.dec_ln(x) @ table.T, looks

    def save(self, path: Path) -> None:
        """Write the weights by name, and the table of embeddings."""
        arrays = {name: tensor.numpy() for name, tensor in self.state_dict().items()}
        np.savez(path, **arrays, table=self.table().detach().numpy())

    def load(self, path: Path) -> None:
        """Take weights that ``save`` wrote."""
        arrays = np.load(path)
        names = [name for name in arrays.files if name != "table"]
        self.load_state_dict({name: torch.from_numpy(arrays[name]) for name in names})
