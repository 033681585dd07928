"""How many tokens a remote model counts for a picture or a text, before it is asked.

Providers publish formulas, not promises, and some bill otherwise than they write: hence a least,
a likely and a most. Sides are in pixels as sent; a picture that a provider makes smaller counts
as the smaller one, and none is known to be made larger.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from vidsum import tokens
from vidsum.data import Span

Rule = Callable[[int, int], Span]


def picture_tokens(model: str, provider: str | None, width_px: int, height_px: int) -> Span:
    """Return the tokens of a picture for a model, by its name; ``provider`` helps with new names.

    ``most`` is meant as a bound to reserve by: generous for a model that nobody knows.
    """
    width, height = max(1, width_px), max(1, height_px)
    name = model.lower().rsplit("/", 1)[-1]
    for form, rule in _FAMILIES:
        if form.match(name):
            return rule(width, height)
    return (_new_openai if provider == "openai" else _unknown)(width, height)


def text_tokens(text: str) -> Span:
    """Return the tokens of a text for any model.

    No tokeniser makes more tokens than there are bytes of UTF-8, nor fewer than there are words
    between spaces: none joins words.
    """
    most = len(text.encode("utf-8", "surrogatepass"))
    least = len(text.split())
    likely, _ = tokens.count(text, tokens.cached_encoder())
    return Span(least, min(max(likely, least), most), most)


def _exactly(count: int) -> Span:
    return Span(count, count, count)


def _grid(width: int, height: int, side: int) -> tuple[int, int]:
    """Return how many squares of a side cover a picture, across and down."""
    return -(-width // side), -(-height // side)


def _squares(width: int, height: int, side: int) -> int:
    across, down = _grid(width, height, side)
    return across * down


def _within(width: int, height: int, longest: int, shortest: int | None = None) -> tuple[int, int]:
    """Return a picture's sides after it was made smaller, where it has to be."""
    scale = min(1.0, longest / max(width, height))
    if shortest is not None:
        scale = min(scale, shortest / min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _openai_tiles(base: int, tile: int) -> Rule:
    """Tiles of 512 pixels within 2048×2048, the shorter side at most 768.

    Source: OpenAI's guide "Images and vision", costs of GPT-4o, GPT-4.1, GPT-5 and o-series
    models, 2025-11; its forum has 500×500 as one tile: smaller pictures stay as they are.
    """

    def rule(width: int, height: int) -> Span:
        return _exactly(base + tile * _squares(*_within(width, height, 2048, 768), 512))

    return rule


def _openai_patches(likely: float, most: float, budget: int = 1536) -> Rule:
    """Patches of 32 pixels times the model's factor, at most ``budget`` of them.

    Source: the same guide, 2025-11; the price page's own calculator has lower factors for the
    small GPT-5 models, and users measured those (OpenAI's forum, 2026-06).
    """

    def rule(width: int, height: int) -> Span:
        patches = min(_squares(width, height, 32), budget)
        return Span(min(patches, math.ceil(patches * likely)),
                    math.ceil(patches * likely), math.ceil(patches * most))  # fmt: skip

    return rule


def _new_openai(width: int, height: int) -> Span:
    """What OpenAI's models of no known family may count: the dearest of its usual ways."""
    patches = _openai_patches(1.2, 2.46, budget=10_000)(width, height)
    tiles = _openai_tiles(85, 170)(width, height)
    return Span(min(patches.least, tiles.least), max(patches.likely, tiles.likely),
                max(patches.most, tiles.most))  # fmt: skip


def _gemini_tiles(width: int, height: int) -> Span:
    """258 tokens for a small picture, else 258 for each tile of 768 pixels.

    Tiles may be as small as the shorter side by 1.5. Source: Google's "Understand and count
    tokens" and "Image understanding" (Gemini 2.0 and 2.5), 2025-11.
    """
    if max(width, height) <= 384:
        return _exactly(258)
    crop = max(1, math.floor(min(width, height) / 1.5))
    fine = min(_squares(width, height, crop), 64)
    coarse = _squares(width, height, 768)
    return Span(258, 258 * coarse, 258 * max(fine, coarse))


def _gemini_3(_width: int, _height: int) -> Span:
    """1120 tokens at most unless a request asks for "ultra high".

    Source: Google's "Media resolution" (Gemini 3: 280, 560, 1120, 2240), 2026-07.
    """
    return Span(280, 1120, 1120)


def _claude(width: int, height: int) -> Span:
    """Patches of 28 pixels, or the area by 750: at most about 1568, and 4784 since Opus 4.7.

    Source: Anthropic's guide "Vision", 2025-11 and 2026-09.
    """
    patches, area = _squares(width, height, 28), -(-width * height // 750)
    return Span(min(patches, area, 1500), min(patches, 4784), min(max(patches, area), 4784))


def _qwen(width: int, height: int) -> Span:
    """Patches of 28 pixels (Qwen2, 2.5) or 32 (3), each side rounded, and a mark at either end.

    Pictures below 64 patches are made larger by some servers; 16,384 patches are the most.
    Source: the models' preprocessor files and Alibaba's "Visual understanding", 2025-11.
    """
    small, large = _squares(width, height, 32), _squares(width, height, 28)
    return Span(4, min(max(small, 4), 16_384) + 2, min(max(large, 80), 16_384) + 2)


def _mistral(side: int, longest: int) -> Rule:
    """Patches of 16 pixels (Pixtral 12B) or 28 (newer), and a mark at the end of each row.

    Source: mistral-common's image encoder and Mistral's guide "Vision", 2025-11.
    """

    def rule(width: int, height: int) -> Span:
        across, down = _grid(*_within(width, height, longest), side)
        fine_across, fine_down = _grid(*_within(width, height, 1540), 16)
        likely = (across + 1) * down
        return Span(min(likely, across * down), likely, max(likely, (fine_across + 1) * fine_down))

    return rule


def _llama_3(width: int, height: int) -> Span:
    """1601 tokens for each of up to four tiles of 560 pixels; some hosts count one mark only.

    Source: Llama 3.2 model card (1,601 patches a tile) and Together's price page, 2025-11.
    """
    tiles = min(_squares(width, height, 560), 4)
    return Span(1, 1601 * tiles, 6404)


def _llama_4(width: int, height: int) -> Span:
    """144 tokens for each of up to 16 tiles of 336 pixels and for the whole, and some marks.

    Source: Llama 4's processor in transformers (pixel shuffle 0.5 of 24×24), 2025-11.
    """
    tiles = min(_squares(width, height, 336), 16)
    return Span(144, 144 * (tiles + int(tiles > 1)) + 10, 144 * 17 + 60)


def _gemma(_width: int, _height: int) -> Span:
    """256 tokens, more only where a server cuts pictures up. Source: Gemma 3 report, 2025-03."""
    return Span(64, 260, 260 * 5)


def _small_tiles(width: int, height: int) -> Span:
    """64 to 256 tokens for each of up to 17 tiles: SmolVLM, Idefics, InternVL, MiniCPM-V, LLaVA.

    Source: the models' cards and processor files, 2025-11.
    """
    tiles = min(_squares(width, height, 448) + 1, 17)
    return Span(64, 256 * tiles, 256 * 17 + 100)


def _unknown(width: int, height: int) -> Span:
    """A bound for models of no known family.

    At least the most of Llama's tiles, and of the finest patches in use: 14 pixels.
    """
    fine = _squares(width, height, 14) + _grid(width, height, 14)[1]
    return Span(1, max(256, _squares(width, height, 28)), max(6404, fine))


_FAMILIES: Final[tuple[tuple[re.Pattern[str], Rule], ...]] = tuple(
    (re.compile(form), rule) for form, rule in (
        (r"gpt-4o-mini", _openai_tiles(2833, 5667)),
        (r"gpt-4\.1-mini", _openai_patches(1.62, 1.62)),
        (r"gpt-4\.1-nano", _openai_patches(2.46, 2.46)),
        (r"(chatgpt|gpt)-4", _openai_tiles(85, 170)),
        (r"gpt-5-mini", _openai_patches(1.2, 1.62)),
        (r"gpt-5-nano", _openai_patches(1.5, 2.46)),
        (r"gpt-5(-20|-chat|-codex|-pro|$)|gpt-5\.1(?!\d)(?!-codex-mini)", _openai_tiles(70, 140)),
        (r"o4-mini", _openai_patches(1.72, 1.72)),
        (r"o[13](-|$)", _openai_tiles(75, 150)),
        (r"(chatgpt|gpt)-\d|o\d", _new_openai),
        (r"gemini-(1|2)\.|gemini-(pro|flash)-1\.", _gemini_tiles),
        (r"gemini-3", _gemini_3),
        (r"gemini", lambda width, height: Span(280, 1120, max(
            2240, _gemini_tiles(width, height).most))),
        (r"claude", _claude),
        (r"qwen|qwq|qvq", _qwen),
        (r"pixtral", _mistral(16, 1024)),
        (r"(mistral|ministral|magistral)", _mistral(28, 1540)),
        (r"llama-?4|meta-llama-4", _llama_4),
        (r"llama-?3|meta-llama-3", _llama_3),
        (r"gemma", _gemma),
        (r"smolvlm|idefics|internvl|minicpm|llava|bakllava", _small_tiles),
    )
)  # fmt: skip
"""By the beginning of a model's name, after a maker's name and a slash; the first that fits."""
