"""Tokens of pictures and texts: published examples, and bounds that hold for any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsum.costs.picture_tokens import picture_tokens, text_tokens
from vidsum.data import Span

MODELS = [
    "gpt-4o", "gpt-4o-mini-2024-07-18", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-5",
    "gpt-5-mini", "gpt-5-nano", "gpt-5.1", "gpt-5.4-mini", "gpt-6", "o1", "o3", "o4-mini",
    "gemini-2.0-flash", "models/gemini-2.5-pro", "gemini-3-flash-preview", "gemini-9-argon",
    "anthropic/claude-sonnet-4-5", "qwen2.5-vl-72b-instruct", "qwen/qwen3-vl-8b", "pixtral-12b",
    "mistral-small-latest", "meta-llama/llama-3.2-90b-vision-instruct", "llama-4-scout", "gemma3",
    "smolvlm2", "llava:13b", "moondream", "",
]  # fmt: skip
SIDES = st.integers(1, 4000)


@pytest.mark.parametrize(
    ("model", "width", "height", "count"),
    [
        # OpenAI's guide: 1024×1024 is 4 tiles (85 + 4 × 170), 2048×4096 is 6 (85 + 6 × 170).
        ("gpt-4o", 1024, 1024, 765),
        ("gpt-4o", 2048, 4096, 1105),
        ("openai/gpt-4o-2024-11-20", 512, 288, 255),  # one tile: 85 + 170
        ("gpt-4o", 513, 500, 425),  # two tiles
        ("gpt-4o-mini", 512, 288, 8500),  # 2833 + 5667
        ("gpt-4o-mini", 1024, 1024, 25_501),  # 2833 + 4 × 5667
        ("gpt-5", 512, 288, 210),  # 70 + 140
        ("o1", 512, 288, 225),  # 75 + 150
        ("gpt-4.1-mini", 1024, 1024, 1659),  # 32 × 32 patches × 1.62 = 1658.9
        ("gpt-4.1-mini", 512, 288, 234),  # 16 × 9 × 1.62 = 233.3
        ("o4-mini", 512, 288, 248),  # 144 × 1.72 = 247.7
        ("gpt-4.1-nano", 4000, 4000, 3779),  # 1536 × 2.46 = 3778.6
        ("gpt-5-mini", 1280, 720, 1104),  # 40 × 23 × 1.2, as users measured
        ("gpt-5-nano", 256, 256, 96),  # 64 × 1.5
        ("gemini-2.5-flash", 384, 288, 258),
        ("gemini-2.5-flash", 512, 288, 258),
        ("gemini-2.0-flash", 1536, 768, 516),  # two tiles of 768
        ("gemini-3-pro-preview", 512, 288, 1120),
        ("claude-sonnet-4-5", 512, 288, 209),  # 19 × 11 patches
        ("qwen2.5-vl-7b", 512, 288, 146),  # 16 × 9 + 2
        ("pixtral-12b-2409", 512, 288, 594),  # 32 × 18 patches, 18 row ends
        ("llama-3.2-11b-vision", 512, 288, 1601),
        ("llama-3.2-11b-vision", 1120, 1120, 6404),
    ],
)
def test_published_and_measured_examples(model: str, width: int, height: int, count: int) -> None:
    assert picture_tokens(model, None, width, height).likely == count


def test_what_is_documented_in_two_ways_is_a_range() -> None:
    span = picture_tokens("gpt-5-mini", "openai", 1024, 1024)
    assert (span.likely, span.most) == (1229, 1659)  # 1024 × 1.2 as billed, × 1.62 as written
    tiles = picture_tokens("gemini-2.5-flash", None, 960, 540)
    assert tiles.most == 6 * 258  # Google's own example: tiles of 360 pixels, 3 × 2


def test_a_new_model_of_openai_gets_the_dearest_of_its_ways() -> None:
    for name in ("gpt-7", "gpt-5.6", "brand-new"):
        span = picture_tokens(name, "openai", 512, 288)
        assert span.most >= max(144 * 2.46, 255)
    assert picture_tokens("brand-new", None, 512, 288).most > span.most


@given(st.sampled_from(MODELS), st.sampled_from([None, "openai", "ollama"]), SIDES, SIDES)
def test_a_span_is_in_order_for_any_picture(
    model: str, provider: str | None, width: int, height: int
) -> None:
    span = picture_tokens(model, provider, width, height)
    assert 1 <= span.least <= span.likely <= span.most


@given(st.sampled_from(MODELS), SIDES, SIDES)
def test_no_known_model_of_small_pictures_is_over_the_bound_for_unknown_ones(
    model: str, width: int, height: int
) -> None:
    if "gpt-4o-mini" in model:
        return  # its tokens are cheaper by as much as there are more of them
    width, height = min(width, 768), min(height, 768)
    known = picture_tokens(model, None, width, height)
    assert known.likely <= picture_tokens("nobody-knows", None, width, height).most


def test_a_picture_without_size_counts_as_a_small_one() -> None:
    assert picture_tokens("gpt-4o", None, 0, -3) == picture_tokens("gpt-4o", None, 1, 1)


# --- texts


@given(st.text(st.characters(codec=None)))
def test_a_text_has_no_more_tokens_than_bytes(text: str) -> None:
    span = text_tokens(text)
    assert span.most == len(text.encode("utf-8", "surrogatepass"))
    assert 0 <= span.least <= span.likely <= span.most


def test_texts_that_are_known() -> None:
    assert text_tokens("") == Span(0, 0, 0)
    span = text_tokens("The quick brown fox jumps over the lazy dog.")  # ten in GPT-4o's table
    assert span.least == 9
    assert span.most == 44
    assert 10 <= span.likely <= 15
