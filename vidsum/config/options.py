"""Every option, declared once: the flag, the environment name and the file key follow.

An option's field name gives all three: ``interval_s`` is ``--interval``, ``VIDSUM_INTERVAL`` and
``interval`` in the config file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from vidsum.config.values import (
    above_zero,
    amount,
    api_address,
    context_size,
    counting,
    evidence_size,
    file,
    folder,
    language_code,
    money,
    one_of,
    seconds,
    side,
    told,
    whole,
    words,
    yes_no,
)
from vidsum.errors import OptionError
from vidsum.registry import STAGES, TIERS

ENV_PREFIX = "VIDSUM_"
FORMATS = ("md", "json", "txt")
LENGTHS = ("short", "medium", "long")
_UNIT = re.compile(r"_(s|px|dir|tokens)$")


def _option(default: Any, read: Callable[[object], Any], text: str, **more: Any) -> Any:
    return field(default=default, metadata={"read": read, "help": text} | more)


def _engine(stage: str, text: str) -> Any:
    names = tuple(STAGES[stage])
    return _option(None, one_of(*names), f"{text}, whatever the tier. Default: by --tier.",
                   choices=names)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked to do. See :func:`option_table` for flags, names and help texts."""

    interval_s: float = _option(
        5.0, above_zero, "Seconds between two samples of the picture.", metavar="SECONDS"
    )
    tolerance_s: float | None = _option(
        None, seconds,
        "How far a sample may be from its time when that saves decoding; 0 is exact to the "
        "frame. Default: a quarter of the interval.", metavar="SECONDS",
    )  # fmt: skip
    tier: str = _option(
        "auto", one_of("auto", *TIERS),
        "Which engines: lite needs no model, local runs open weights here, api asks a "
        "provider; auto takes the best that is on this machine.", choices=("auto", *TIERS),
    )  # fmt: skip
    language: str | None = _option(
        None,
        language_code,
        "Language of the speech, and so of the subtitles to prefer and of the summary.",
        metavar="CODE",
    )
    start_s: float = _option(0.0, seconds, "Begin at this time.", metavar="TIME")
    end_s: float | None = _option(None, seconds, "Stop at this time.", metavar="TIME")
    audio_track: int | None = _option(
        None, counting, "Which sound track, counted from 1. Default: the file's default.",
        metavar="N",
    )  # fmt: skip
    ocr: bool = _option(True, yes_no, "Read the text on screen.", switch=True)
    format: str | None = _option(
        None, one_of(*FORMATS),
        "Form of the result. Default: from the output's suffix; else md, or a page on a "
        "terminal.", choices=FORMATS,
    )  # fmt: skip
    timeline: bool = _option(
        False, yes_no, "Add the whole timeline to the page: what was shown, written and said.",
        switch=True,
    )  # fmt: skip
    prompts_dir: Path | None = _option(
        None, folder, "Folder with prompt files that replace the ones of the same name.",
        metavar="DIR",
    )  # fmt: skip
    transcriber: str | None = _engine("transcriber", "Where the words come from")
    captioner: str | None = _engine("captioner", "Who describes the pictures")
    reasoner: str | None = _engine("reasoner", "Who writes the summary")
    caption_model: str | None = _option(
        None, words,
        "Model that describes pictures: a name from vidsum models list, a GGUF file, "
        "ollama:NAME, or a provider's name for it.", metavar="MODEL",
    )  # fmt: skip
    mmproj: Path | None = _option(
        None, file, "Picture encoder that goes with --caption-model FILE.", metavar="FILE"
    )
    tiles: str = _option(
        "overview", one_of("overview", "all"),
        "How finely a local model looks at a picture: one overview, or every tile, which is up "
        "to ten times slower and shows small detail.", choices=("overview", "all"),
    )  # fmt: skip
    speech_model: str | None = _option(
        None, words,
        "Model that recognises speech: a name from vidsum models list, a folder in CTranslate2 "
        "form, or a provider's name for it.", metavar="MODEL",
    )  # fmt: skip
    word_times: bool = _option(
        False, yes_no, "Ask the recogniser for the time of each word (slower).", switch=True
    )
    reason_model: str | None = _option(
        None, words,
        "Model that writes the summary: a name from vidsum models list, a GGUF file, "
        "ollama:NAME, or a provider's name for it.", metavar="MODEL",
    )  # fmt: skip
    reason_context_tokens: int | None = _option(
        None, context_size,
        "Tokens that --reason-model takes at once; longer videos are summarised in sections. "
        "Default: what the model says.", metavar="TOKENS",
    )  # fmt: skip
    length: str = _option(
        "medium", one_of(*LENGTHS), "How much the summary or the answer tells.", choices=LENGTHS
    )
    style: str | None = _option(
        None, words,
        "What the summary is for: a file in prompts/styles (lecture, meeting, archive, silent, or "
        "one of your own in --prompts). A model follows it; quoted summaries do not.",
        metavar="NAME",
    )  # fmt: skip
    context: str | None = _option(
        None, told,
        "What you know of the video: words, or a text file. It is given as a fact that claims may "
        "name.", metavar="TEXT|FILE",
    )  # fmt: skip
    max_evidence_tokens: int | None = _option(
        None, evidence_size,
        "Give the model at most this much of the timeline; repeats give way first, the rest "
        "evenly over the video. Default: all of it.", metavar="TOKENS",
    )  # fmt: skip
    second_look: int | None = _option(
        None, whole,
        "How many moments the model that writes the summary may ask to see again; 0 for none. "
        "Default: 3 where a model describes the pictures.", metavar="N",
    )  # fmt: skip
    cache: bool = _option(
        True, yes_no,
        "Use what earlier runs found in the same video with the same settings, and keep what "
        "this one finds.", switch=True,
    )  # fmt: skip
    threads: int | None = _option(
        None, counting, "Threads for local models. Default: the cores of this machine.",
        metavar="N",
    )  # fmt: skip
    gpu_layers: int | None = _option(
        None, whole,
        "Layers of a local model to put on the GPU; 0 for none. Default: all, when there is one.",
        metavar="N",
    )  # fmt: skip
    api: str | None = _option(
        None, api_address,
        "Provider (openai, openrouter, ollama, lmstudio, vllm, llama-server) or base URL for "
        "remote engines. In the auto tier it is for the tasks that a model is named for, else for "
        "the summary. Default: openai.", metavar="URL",
    )  # fmt: skip
    caption_api: str | None = _option(
        None, api_address, "The same for descriptions alone. Default: --api.", metavar="URL"
    )
    speech_api: str | None = _option(
        None, api_address, "The same for speech alone. Default: --api.", metavar="URL"
    )
    reason_api: str | None = _option(
        None, api_address, "The same for the summary alone. Default: --api.", metavar="URL"
    )
    generator: str | None = _engine("generator", "Who makes pictures for B-roll")
    image_model: str | None = _option(
        None, words,
        "Model that makes pictures: a name from vidsum models list, a folder with its files, the "
        "file of its diffusion weights, or a provider's name for it.", metavar="MODEL",
    )  # fmt: skip
    image_encoder: Path | None = _option(
        None, file, "Text encoder that goes with --image-model FILE.", metavar="FILE"
    )
    image_decoder: Path | None = _option(
        None, file, "Autoencoder that goes with --image-model FILE.", metavar="FILE"
    )
    image_api: str | None = _option(
        None, api_address, "As --api, for made pictures alone. Default: --api.", metavar="URL"
    )
    image_timeout_s: float = _option(
        600.0, above_zero,
        "Seconds after which a picture that a provider makes counts as failed; whether it is "
        "billed is then not known, and it is not asked for again by itself. One made on this "
        "machine takes the time it takes.", metavar="SECONDS",
    )  # fmt: skip
    image_steps: int | None = _option(
        None, counting, "Sampling steps of a picture. Default: what the model wants.", metavar="N"
    )
    image_side_px: int | None = _option(
        None, side, "Longest side of the pictures that are asked for; they are enlarged when they "
        "are finished. Default: about a megapixel, in the video's shape.", metavar="PX",
    )  # fmt: skip
    upscaler: Path | None = _option(
        None, file, "ESRGAN model (.safetensors or .gguf) that enlarges the pictures that are "
        "finished. Default: Lanczos, without a model.", metavar="FILE",
    )  # fmt: skip
    scenes: int = _option(4, counting, "How many scenes to plan B-roll for.", metavar="N")
    variations: int = _option(
        3, counting, "How many pictures to make of each scene, to choose from.", metavar="N"
    )
    ref: str = _option(
        "auto", one_of("auto", "none"),
        "Whether frames of the video steer the pictures: auto needs a model that takes them, none "
        "leaves them out.", choices=("auto", "none"),
    )  # fmt: skip
    api_requests: int = _option(
        4, counting, "How many requests for descriptions are under way at once.", metavar="N"
    )
    api_timeout_s: float = _option(
        120.0, above_zero, "Seconds after which a request counts as failed.", metavar="SECONDS"
    )

    max_usd: Decimal | None = _option(
        None, money,
        "Spend at most this much API money on a video; what does not fit is left out and said.",
        metavar="USD",
    )  # fmt: skip
    max_cu: float | None = _option(
        None, amount,
        "Spend at most this many compute units on a video (1 CU: a 200-token prompt on an "
        "8-billion-parameter model).", metavar="CU",
    )  # fmt: skip
    max_seconds: float | None = _option(
        None, above_zero, "Take about this long for a video, at most.", metavar="SECONDS"
    )
    allow_unpriced: bool = _option(
        False, yes_no, "Under a cap, also make calls whose cost is not known.", switch=True
    )
    max_usd_per_day: Decimal | None = _option(
        None, money, "Spend at most this much API money a day, all runs together.", metavar="USD"
    )
    max_cu_per_day: float | None = _option(
        None, amount, "Spend at most this many compute units a day, all runs together.",
        metavar="CU",
    )  # fmt: skip
    watts_per_core: float | None = _option(
        None, amount,
        "What a busy core of this machine draws, for estimates where energy cannot be measured.",
        metavar="WATTS",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.end_s is not None and self.end_s <= self.start_s:
            raise OptionError(f"--end ({self.end_s:g} s) must be after --start "
                              f"({self.start_s:g} s).")  # fmt: skip

    @property
    def near_s(self) -> float:
        """The tolerance in force: a quarter of the interval unless one was given."""
        return self.interval_s / 4 if self.tolerance_s is None else self.tolerance_s

    def api_for(self, task: str) -> str:
        """Return the provider or base URL for a task: ``caption``, ``speech``, ``reason`` or
        ``image``."""
        return getattr(self, f"{task}_api") or self.api or "openai"

    def wants_remote(self, task: str) -> bool:
        """Say whether a provider was named for a task: for it alone, or for all that name a model.

        ``--api`` without any model's name is meant for the summary.
        """
        if getattr(self, f"{task}_api") is not None:
            return True
        if self.api is None:
            return False
        named = [self.caption_model, self.speech_model, self.reason_model, self.image_model]
        return getattr(self, f"{task}_model") is not None or (
            task == "reason" and named == [None] * 4
        )


@dataclass(frozen=True, slots=True)
class OptionEntry:
    """One option as the command line and the docs show it."""

    name: str
    key: str
    flag: str
    env: str
    help: str
    default: Any
    read: Callable[[object], Any]
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    switch: bool = False


def option_table() -> tuple[OptionEntry, ...]:
    """Return every option, in the order of the help page."""
    entries = []
    for item in fields(Options):
        key = _UNIT.sub("", item.name)
        meta = dict(item.metadata)
        default = None if item.default is MISSING else item.default
        entries.append(OptionEntry(
            item.name, key, "--" + key.replace("_", "-"), ENV_PREFIX + key.upper(),
            default=default, **meta,
        ))  # fmt: skip
    return tuple(entries)
