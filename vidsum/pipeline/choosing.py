"""Which engine does what: by name, by tier, or the best that is on this machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from vidsum import registry
from vidsum.config import Options
from vidsum.errors import BackendMissing
from vidsum.registry import Readiness

WORDS = {"transcriber": "speech", "reader": "text on screen", "captioner": "pictures",
         "reasoner": "summary", "generator": "B-roll"}  # fmt: skip
"""What each stage is about, as a user says it."""
TASKS = {"transcriber": "speech", "captioner": "caption", "reasoner": "reason"}
"""What the model of each stage of a run is for, as options and catalogue say it."""
_MODELS = TASKS | {"generator": "image"}
_PULL = re.compile(r"Get one: (vidsum models pull \w+) --for (\w+)")


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
    reads text. ``better`` are the steps that would make better engines ready (``auto`` only);
    ``unused`` says of models and providers that were named that nobody will ask them.
    """

    transcribers: tuple[Choice, ...]
    reader: Choice | None
    captioner: Choice
    reasoner: Choice
    better: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def __str__(self) -> str:
        heard = [str(one) for one in self.transcribers if one.name != "none"] or ["not transcribed"]
        read = "not read" if self.reader is None else str(self.reader)
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
        raise BackendMissing(f"{_asked_by(options)} cannot work yet ({_lacks(missing)}).",
                             _steps(one.readiness.hint for one in missing))  # fmt: skip
    hints = (one.readiness.hint for p in picks.values() for one in p.better)
    return Engines(
        sources(picks["transcriber"].choice, options),
        pick("reader", options).choice if options.ocr else None,
        picks["captioner"].choice,
        picks["reasoner"].choice,
        tuple(dict.fromkeys(filter(None, hints))),
        tuple(_unused({stage: p.choice.name for stage, p in picks.items()}, options)),
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


def _lacks(missing: Iterable[Choice]) -> str:
    """Return what stages lack, those together that lack the same."""
    stages: dict[str, list[str]] = {}
    for one in missing:
        what = one.readiness.what.replace(f"no {TASKS[one.stage]} model", "no model")
        stages.setdefault(what, []).append(WORDS[one.stage])
    return "; ".join(f"{', '.join(words)}: {what}" for what, words in stages.items())


def _steps(hints: Iterable[str]) -> str:
    """Return what to do, in as few sentences as can be: one command gets all three models."""
    each = list(dict.fromkeys(filter(None, hints)))
    pulls = [found for hint in each if (found := _PULL.fullmatch(hint))]
    if {pull[2] for pull in pulls} == set(TASKS.values()) and len({pull[1] for pull in pulls}) == 1:
        each = [f"Get them: {pulls[0][1]}", *(hint for hint in each if not _PULL.fullmatch(hint))]
    said: dict[str, list[str]] = {}
    for hint in each:
        start, _, end = hint.rpartition(" --")
        said.setdefault(start if start.endswith(" with") else hint, []).append(f"--{end}")
    # Without a stop at the end: what is copied from there is a command.
    return ". ".join(
        f"{start} {', '.join(ends)}" if start.endswith(" with") else start
        for start, ends in said.items()
    )


def _unused(names: Mapping[str, str], options: Options) -> Iterator[str]:
    """Say which models and providers were named in vain: another engine does the work."""
    remote = False
    for stage, name in names.items():
        tier, task = registry.STAGES[stage][name].tier, TASKS[stage]
        remote = remote or tier == "api"
        told = {"model": tier == "lite", "api": tier != "api"}
        for kind, vain in told.items():
            if vain and getattr(options, f"{task}_{kind}") is not None:
                yield f"--{task}-{kind} is not used ({WORDS[stage]}: {name})."
    if options.api is not None and not remote:
        yield "--api is not used: no engine asks a provider."


def _one(stage: str, name: str, options: Options) -> Choice:
    return Choice(stage, name, registry.readiness(stage, name, options))


def _auto(stage: str, options: Options) -> list[str]:
    """Return the engines that ``auto`` may take, the better first.

    Nothing leaves the machine unless a provider was named for it: a key that lies about in the
    environment is no order to spend money.
    """
    if stage in _MODELS and options.wants_remote(_MODELS[stage]):
        return list(registry.of_tier(stage, "api")[:1])
    return [*registry.of_tier(stage, "local"), *registry.of_tier(stage, "lite")]


def _model_named(stage: str, options: Options) -> bool:
    """Say whether the user named a model for a stage: then another one will not do."""
    return stage in _MODELS and getattr(options, f"{_MODELS[stage]}_model") is not None


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
