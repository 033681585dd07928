"""Which engine does what: by name, by tier, or the best that is on this machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vidsum import registry
from vidsum.config import Options
from vidsum.errors import BackendMissing
from vidsum.registry import Readiness

WORDS = {"transcriber": "speech", "reader": "text on screen", "captioner": "pictures",
         "reasoner": "summary"}  # fmt: skip
"""What each stage is about, as a user says it."""
TASKS = {"transcriber": "speech", "captioner": "caption", "reasoner": "reason"}
"""What the model of each stage is for, as options and catalogue say it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine that will do a stage's work, and what is known of it."""

    stage: str
    name: str
    readiness: Readiness

    def __str__(self) -> str:
        return f"{self.name} ({self.readiness.what})" if self.readiness.what else self.name


@dataclass(frozen=True, slots=True)
class Engines:
    """Who does what in one run.

    ``transcribers`` are asked in this order until one has words; ``reader`` is None when nobody
    reads text. ``better`` are the steps that would make better engines ready (``auto`` only).
    """

    transcribers: tuple[Choice, ...]
    reader: Choice | None
    captioner: Choice
    reasoner: Choice
    better: tuple[str, ...] = ()

    def __str__(self) -> str:
        heard = [str(one) for one in self.transcribers if one.name != "none"] or ["not transcribed"]
        read = "nobody" if self.reader is None else str(self.reader)
        return (f"speech: {', else '.join(heard)} · text on screen: {read} · "
                f"pictures: {self.captioner} · summary: {self.reasoner}")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pick:
    """What a stage would use, ready or not, and the better engines that are not ready."""

    choice: Choice
    better: tuple[Choice, ...] = ()


def choose(options: Options) -> Engines:
    """Return the engines for a run, each of them ready. Raises: BackendMissing, OptionError."""
    picks = {stage: pick(stage, options) for stage in TASKS}
    missing = [p.choice for p in picks.values() if not p.choice.readiness.ready]
    if missing:
        what = "; ".join(f"{WORDS[one.stage]}: {one.readiness.what.rstrip('.')}" for one in missing)
        raise BackendMissing(f"{_asked_by(options)} cannot work yet ({what}).",
                             _joined(one.readiness.hint for one in missing))  # fmt: skip
    hints = (one.readiness.hint for p in picks.values() for one in p.better)
    return Engines(
        sources(picks["transcriber"].choice, options),
        pick("reader", options).choice if options.ocr else None,
        picks["captioner"].choice,
        picks["reasoner"].choice,
        tuple(dict.fromkeys(filter(None, hints))),
    )


def pick(stage: str, options: Options) -> Pick:
    """Return what a stage would use: by name, by tier, or the best that is ready.

    Where the user named an engine, a tier or a model, no other one will do.
    """
    wanted = [_one(stage, name, options) for name in _wanted(stage, options)]
    for place, found in enumerate(wanted):
        if found.readiness.ready or _model_named(stage, options):
            return Pick(found, tuple(wanted[:place]))
    return Pick(wanted[-1], tuple(wanted[:-1]))


def _wanted(stage: str, options: Options) -> list[str]:
    named = getattr(options, stage, None)
    if named is not None:
        return [named]
    if options.tier == "auto" or stage == "reader":
        return _auto(stage, options)
    return list(registry.of_tier(stage, options.tier)[:1])


def _asked_by(options: Options) -> str:
    return "What was asked for" if options.tier == "auto" else f"--tier {options.tier}"


def _joined(hints: Iterable[str]) -> str:
    each = dict.fromkeys(filter(None, hints))
    return " ".join(hint if hint.endswith(".") else f"{hint}." for hint in each)


def _one(stage: str, name: str, options: Options) -> Choice:
    return Choice(stage, name, registry.readiness(stage, name, options))


def _auto(stage: str, options: Options) -> list[str]:
    """Return the engines that ``auto`` may take, the better first.

    Nothing leaves the machine unless a provider was named for it: a key that lies about in the
    environment is no order to spend money.
    """
    if stage in TASKS and options.wants_remote(TASKS[stage]):
        return list(registry.of_tier(stage, "api")[:1])
    return [*registry.of_tier(stage, "local"), *registry.of_tier(stage, "lite")]


def _model_named(stage: str, options: Options) -> bool:
    """Say whether the user named a model for a stage: then another one will not do."""
    return stage in TASKS and getattr(options, f"{TASKS[stage]}_model") is not None


def sources(recogniser: Choice, options: Options) -> tuple[Choice, ...]:
    """Return the sources of words, in the order to ask them in.

    Subtitles cost nothing and beat every recogniser, so they come first unless an engine was
    named. Last comes the one that says honestly that there are no words.
    """
    names = [recogniser.name, "none"]
    if options.transcriber is None:
        names.insert(0, "subtitles")
    return tuple(
        recogniser if name == recogniser.name else _one("transcriber", name, options)
        for name in dict.fromkeys(names)
    )
