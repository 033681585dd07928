"""Which scenes are worth a new picture: chosen by the text model, or by rule, and always checked.

Whoever chooses, a scene names timeline entries that exist, lies within what was looked at, and
overlaps no other one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from vidsum import prompts, tokens
from vidsum.broll.askscenes import (
    LONGEST_BRIEF,
    ScenesForm,
    asking,
    new_fence,
    read,
    scenes_schema,
    text_model,
)
from vidsum.broll.grounding import (
    MOST_IDS,
    SHORTEST_S,
    Ground,
    Wish,
    depicts,
    grounded,
    placed,
    sentence,
)
from vidsum.config import Options
from vidsum.data import BrollPlan, Bundle, Claim, Scene, Summary
from vidsum.errors import BudgetReached, VidsumError
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.languages import language_name
from vidsum.pipeline.run import Run
from vidsum.reasoner.asking import Asker, NoRoom, Question, TooLong
from vidsum.reasoner.forms import Malformed
from vidsum.reasoner.packing import pack
from vidsum.reasoner.schemas import Limits
from vidsum.reasoner.sections import collapsed, short_line
from vidsum.reasoner.wording import listed, quoted
from vidsum.wording import clock, safe

STAGE: Final = "plan B-roll"
_STAGE_SHOWN: Final = "planning B-roll"
_SCENE_TOKENS: Final = 180
"""What a scene takes of an answer when it is about as long as it may be."""
_MOST_ENTRY_TOKENS: Final = 8_000
"""Enough to choose scenes by beside the summary, whatever the length of the video; what claims of
the summary rest on stays longest."""
_INSTRUCTION_TOKENS: Final = 1_536
_CONTEXT_SHARE: Final = 4
"""The answer gets this part of the context at most (one in four)."""


def plan_scenes(run: Run, bundle: Bundle, summary: Summary, most: int) -> BrollPlan:
    """Return at most so many scenes, without prompts and without a style sentence.

    The run's text model chooses them. Where there is none, or it fails, they are made of the
    summary's key points and chapters, in the video's own words (``planned_by`` is ``chapters``),
    and the run tells so. Raises: OptionError, BackendMissing when an engine that was asked for
    cannot work.
    """
    ground = Ground(bundle, summary)
    name = text_model(run)
    if name is not None and ground.tells:
        run.listen(StageStarted(_STAGE_SHOWN, "calls"))
        try:
            scenes, model = _by_model(run, name, ground, most)
        except BudgetReached as exc:
            told = "The B-roll scenes are chosen by rule, not by a model"
            run.give_up(f"{told}. {exc.message} {exc.hint}".strip())
        except VidsumError as exc:
            run.fail(exc)
        else:
            run.listen(StageFinished(_STAGE_SHOWN, model))
            return _plan(run, ground, scenes, model)
    scenes = placed(by_rule(ground, most), ground.span, Counter())
    if scenes:
        told = "B-roll scenes are the summary's key points and chapters"
        run.inform(f"{told}: no text model chose them.")
    return _plan(run, ground, scenes, "")


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a model is shown: lines, how many entries of the timeline not, and those that are."""

    lines: tuple[str, ...]
    left_out: int
    entries: frozenset[str]


def _by_model(run: Run, name: str, ground: Ground, most: int) -> tuple[tuple[Scene, ...], str]:
    """Return the scenes that the text model chose, and its name. Raises: VidsumError."""

    def advanced(done: int, total: int) -> None:
        run.listen(StageAdvanced(_STAGE_SHOWN, done, total))

    fence = new_fence()
    known = sum(tokens.count(line, None)[0] for line in ground.told())
    shown = known + min(ground.bundle.tokens, _MOST_ENTRY_TOKENS)
    enough = shown * 4 // 3 + _INSTRUCTION_TOKENS + _SCENE_TOKENS * (most + 1)
    with asking(run, name, STAGE, -(-enough // 1024) * 1024, fence, advanced) as asker:
        planner = _Planner(asker, ground, run.options, fence, most)
        scenes, removed = planner.chosen()
        model = asker.model
    if removed:
        told = [f"{number} {kind}" for kind, number in sorted(removed.items())]
        run.inform(f"Taken out of the model's B-roll plan: {listed(told)}.")
    return scenes, model


class _Planner:
    """Asks one model for the scenes of one video."""

    def __init__(
        self, asker: Asker, ground: Ground, options: Options, fence: str, most: int
    ) -> None:
        self._asker, self._ground, self._options = asker, ground, options
        self._fence, self._most = fence, most
        code = options.language or ground.bundle.evidence.transcript.language
        self._language = language_name(code) or options.language

    def chosen(self) -> tuple[tuple[Scene, ...], Counter[str]]:
        """Return the scenes, and what had to go of what was written.

        A model that takes less at once than was believed is asked anew, with less.
        """
        try:
            return self._asked()
        except TooLong:
            self._asker.take_less()
            return self._asked()

    def _asked(self) -> tuple[tuple[Scene, ...], Counter[str]]:
        share = self._asker.context_tokens // _CONTEXT_SHARE
        most = max(1, min(self._most, share // _SCENE_TOKENS))
        room = _SCENE_TOKENS * (most + 1)
        limits = Limits(chapters=most, text=LONGEST_BRIEF)
        shown = self._shown(limits, room)
        self._asker.expect(1)
        return self._asker.ask(Question(
            partial(self._prompt, shown), scenes_schema,
            partial(_checked, self._ground, shown.entries, most), limits, room,
        ))  # fmt: skip

    def _prompt(self, shown: _Shown, limits: Limits, fault: str) -> str:
        span = self._ground.span
        return prompts.render(
            "broll_plan", self._options.prompts_dir, lines=shown.lines, fence=self._fence,
            fault=fault, limits=limits, most=min(self._most, limits.chapters),
            language=self._language, left_out=shown.left_out, start_s=round(span.start_s),
            end_s=round(span.end_s),
        )  # fmt: skip

    def _shown(self, limits: Limits, room: int) -> _Shown:
        """Return what fits: the summary, what it rests on, and more entries. Raises: NoRoom."""
        told = self._ground.told()
        while True:
            bare = self._prompt(_Shown(tuple(told), 0, frozenset()), limits, "")
            left = self._asker.room(bare) - room
            if left >= room or len(told) <= 1:
                break
            told = [told[0], *told[2::2]]  # every other line, over the whole video
        if left < 0:
            raise NoRoom("There is no room for the plan of B-roll in what the model takes at once.",
                         "Say how much it takes: --reason-context TOKENS.")  # fmt: skip
        entries = collapsed(self._ground.entries)
        cited = {one for claim in self._ground.claims for one in claim.evidence}
        budget = min(left, _MOST_ENTRY_TOKENS, self._options.max_evidence_tokens or left)
        packed = pack(entries, budget, self._asker.count, favour=lambda one: float(one.id in cited))
        ids = frozenset(one.id for one in packed.entries)
        lines = (*told, *map(short_line, packed.entries))
        return _Shown(lines, len(entries) - len(ids), ids | (cited & self._ground.known.keys()))


def _checked(
    ground: Ground, shown: frozenset[str], most: int, text: str
) -> tuple[tuple[Scene, ...], Counter[str]]:
    """Return what an answer is worth. Raises: Malformed when no scene is left of it."""
    scenes, removed = grounded(read(text, ScenesForm), ground, shown, most)
    if not scenes:
        raise Malformed('scenes: No scene has a brief and, in "evidence", ids of the lines.')
    return scenes, removed


def by_rule(ground: Ground, most: int) -> list[Wish]:
    """Return the summary's key points and chapters that lie farthest from each other in time.

    Each rests on something that was said, or on a model's description. What only stands on the
    screen, such as credits, tells of words and not of a picture.
    """
    left = sorted(_candidates(ground), key=lambda one: one.start_s)
    chosen = left[:1] if most > 0 else []
    while left and len(chosen) < most:
        taken_s = [one.start_s for one in chosen]
        away = [min(abs(one.start_s - time_s) for time_s in taken_s) for one in left]
        best = max(range(len(left)), key=away.__getitem__)
        if away[best] < SHORTEST_S:
            break
        chosen.append(left[best])
    return chosen


def _candidates(ground: Ground) -> Iterable[Wish]:
    for point in ground.summary.key_points:
        why = f"A key point at {clock(point.start_s or 0.0)}."
        yield from _from_claim(ground, point, why)
    for chapter in ground.summary.chapters:
        why = f"The chapter {quoted(safe(chapter.title))}."
        if chapter.gist is not None and chapter.gist.evidence:
            yield from _from_claim(ground, chapter.gist, why)
            continue
        if chapter.title_from == "position":
            continue  # "Part 2" is nothing to be seen
        first = next((one for one in ground.entries if depicts(one)
                      and chapter.start_s <= one.start_s < chapter.end_s), None)  # fmt: skip
        brief = sentence(chapter.title)
        if first is not None and brief:
            yield Wish(first.start_s, first.end_s, brief, why, (first.id,))


def _from_claim(ground: Ground, claim: Claim, why: str) -> Iterable[Wish]:
    """Yield a claim as a scene where its evidence is; none where that depicts nothing."""
    moments = [ground.known[one] for one in claim.evidence if one in ground.known]
    if not any(map(depicts, moments)):
        return
    moments = [one for one in moments if one.kind != "fact"][:MOST_IDS]
    around, brief = ground.span.around(moments), sentence(claim.text)
    if around is not None and brief:
        yield Wish(*around, brief, why, tuple(one.id for one in moments))


def _plan(run: Run, ground: Ground, scenes: Sequence[Scene], model: str) -> BrollPlan:
    info = ground.bundle.evidence.info
    if not scenes:
        run.note("broll-none", "No scene for B-roll was found: nothing that was said in the video, "
                 "and no model's description, tells of one.")  # fmt: skip
    return BrollPlan(
        video=str(Path(run.path).absolute()),
        video_sha256=run.meter.book.identity.video_sha256,
        duration_s=info.duration_s or ground.span.end_s,
        width_px=info.video.width_px if info.video else 0,
        height_px=info.video.height_px if info.video else 0,
        fps=info.video.fps if info.video else None,
        title=ground.summary.title,
        style="",
        scenes=tuple(scenes),
        planned_by="model" if model else "chapters",
        planner=model,
    )
