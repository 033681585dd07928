"""Writes a small text model with random weights: it speaks nonsense, but by the rules.

For structured output, streaming and long prompts: the grammar decides what such a model says.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from models.bpe import Bpe
from models.gguf_file import Encoding, write_gguf
from models.smolvlm import TextSize, random_weights, text_metadata, text_shapes

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

# ChatML. Unlike SmolVLM2's template it takes plain strings and lists of text parts.
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}"
    "{% else %}{% for p in m.content %}{% if p.type == 'text' %}{{ p.text }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_CORPUS = """You summarise videos. Answer with one JSON object and nothing else. What is it about?
The speaker opens the lecture, shows a slide with a title and three bars, and thanks the audience.
At 00:12:34 the screen shows a small red circle on a blue background. Say what happens, and when.
{"title": "A talk", "summary": "One sentence.", "chapters": [{"start_s": 0, "end_s": 60}]}
"""


def text_gguf(
    path: Path, *, seed: int = 0, context: int = 16_384, encoding: Encoding = "f16"
) -> Path:
    """Write a llama-architecture model of 0.2 MB with its own tokenizer and a ChatML template.

    The same seed gives the same bytes. ``context`` is what the file says the model was trained
    for, in tokens: a Llama still has to be opened with as large an ``n_ctx``.
    """
    bpe = _tokenizer()
    size = TextSize(64, 2, 2, 1, 128, context=context)
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = random_weights(text_shapes(size, len(bpe.tokens)), seed)
    return write_gguf(path, text_metadata(size, bpe, "tiny-text", CHATML), weights, encoding)


@cache
def _tokenizer() -> Bpe:
    return Bpe(_CORPUS * 3, 250, SPECIALS)
