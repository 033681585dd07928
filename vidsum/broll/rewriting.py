"""A scene's brief made into a prompt for an image model: by the text model, or by a template.

The style sentence is no part of it: it is added to all prompts word for word when pictures are
made. What no picture may hold is said at the end of every prompt that vidsum writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from vidsum import prompts
from vidsum.broll.askscenes import (
    LONGEST_PROMPT,
    PromptForm,
    asking,
    new_fence,
    prompt_schema,
    read,
    text_model,
)
from vidsum.config import Options
from vidsum.data import BrollPlan, Bundle, Scene, TimelineEntry
from vidsum.errors import BackendFailed, BudgetReached, OptionError, VidsumError
from vidsum.events import StageAdvanced, StageFinished, StageStarted
from vidsum.pipeline.run import Run
from vidsum.reasoner.asking import Asker, Question
from vidsum.reasoner.forms import Malformed
from vidsum.reasoner.packing import pack
from vidsum.reasoner.schemas import Limits
from vidsum.reasoner.sections import short_line
from vidsum.reasoner.wording import shortened
from vidsum.wording import counted, json_line, safe

CLEAN: Final = "No readable text, no logos, nobody recognisable."
"""Ends every prompt that vidsum writes; a user's own prompt is left as it is."""
STAGE: Final = "write prompts"
_STAGE_SHOWN: Final = "writing prompts"
_TEMPLATE: Final = (
    "{brief} One clear subject in its natural setting, seen at eye level, in natural light."
)
_NO_MODEL: Final = "There is no text model to write it."
_ROOM_TOKENS: Final = 400
_TOLD_TOKENS: Final = 600
"""For what the video tells at a scene's moment."""
_ENOUGH_TOKENS: Final = 4_096
_LEAST_LETTERS: Final = 12
_LONGEST_FLAW: Final = 200
_LONGEST_NOTE: Final = 500

_Known = Mapping[str, TimelineEntry]


def write_prompts(run: Run, bundle: Bundle | None, plan: BrollPlan) -> BrollPlan:
    """Return a plan in which every scene has a prompt; those that have one keep it.

    One request a scene: a failure costs one scene, whose prompt is then a template, and ``flaw``
    says why. ``bundle``: what the video tells at each moment is shown to the model, too.
    Raises: OptionError, BackendMissing when an engine that was asked for cannot work.
    """
    wanted = [scene for scene in plan.scenes if not scene.prompt]
    if not wanted:
        return plan
    known = {one.id: one for one in bundle.timeline} if bundle else {}
    found = _rewritten(run, plan, dict.fromkeys(wanted, ""), known)
    done = {scene.id: prompt for scene, prompt in zip(wanted, found, strict=True)}
    return replace(plan, scenes=tuple(done.get(one.id, one) for one in plan.scenes))


def refine_prompt(run: Run, plan: BrollPlan, scene_id: str, note: str) -> Scene:
    """Return a scene whose prompt takes in a user's note; what is in it already stays.

    Where no model writes it, the note is put at its end, and ``flaw`` says so.
    Raises: OptionError for a scene that is not there or an empty note, and as write_prompts.
    """
    scene = next((one for one in plan.scenes if one.id == scene_id), None)
    if scene is None:
        known = ", ".join(one.id for one in plan.scenes) or "none"
        raise OptionError(f"There is no scene called {safe(scene_id)!r}.", f"Scenes: {known}.")
    note = shortened(safe(note), _LONGEST_NOTE)
    if not any(map(str.isalnum, note)):
        raise OptionError("The note says nothing.", "Say what to change: refine s01 'more fog'.")
    [refined] = _rewritten(run, plan, {scene: note}, {})
    return refined


def template(scene: Scene, note: str = "") -> str:
    """Return a prompt that needs no model: what the scene has, or its brief, and the note."""
    bare = _bare(scene.prompt) or _TEMPLATE.format(brief=_ended(safe(scene.brief)))
    return " ".join(filter(None, (_ended(bare), _ended(safe(note)), CLEAN)))


def _rewritten(
    run: Run, plan: BrollPlan, notes: Mapping[Scene, str], known: _Known
) -> list[Scene]:  # fmt: skip
    """Return scenes with new prompts, in their order."""
    name = text_model(run)
    if name is None:
        return [_as_template(scene, note, _NO_MODEL) for scene, note in notes.items()]
    run.listen(StageStarted(_STAGE_SHOWN, "scenes", len(notes)))
    fence = new_fence()
    found: list[Scene] = []
    try:
        with asking(run, name, STAGE, _ENOUGH_TOKENS, fence) as asker:
            writer = _Writer(asker, run.options, plan.title, known, fence)
            for scene in _each(run, writer, notes):
                found.append(scene)
                run.listen(StageAdvanced(_STAGE_SHOWN, len(found), len(notes)))
    except VidsumError as exc:
        _tell(run, exc)
        rest = list(notes.items())[len(found) :]
        found += (_as_template(scene, note, exc.message) for scene, note in rest)
    templates = sum(scene.prompt_from == "template" for scene in found)
    note = f"{counted(templates, 'template')} of {len(found)}" if templates else ""
    run.listen(StageFinished(_STAGE_SHOWN, note))
    return found


def _each(run: Run, writer: _Writer, notes: Mapping[Scene, str]) -> Iterator[Scene]:
    """Yield each scene with its prompt. Raises: VidsumError when no further request will do."""
    told = False
    for scene, note in notes.items():
        try:
            yield writer.scene(scene, note)
        except BackendFailed as exc:
            if exc.kind == "blocked" or run.stopped:
                raise
            if not told:
                _tell(run, exc)
            told = True
            yield _as_template(scene, note, exc.message)


def _tell(run: Run, exc: VidsumError) -> None:
    if isinstance(exc, BudgetReached):
        told = "B-roll prompts are templates, not written by a model"
        run.give_up(f"{told}. {exc.message} {exc.hint}".strip())
    else:
        run.fail(exc)


@dataclass(frozen=True, slots=True)
class _Writer:
    """Asks one model for the prompts of one plan. ``known``: the timeline, where it is at hand."""

    asker: Asker
    options: Options
    title: str
    known: _Known
    fence: str

    def scene(self, scene: Scene, note: str) -> Scene:
        """Return a scene with its prompt. Raises: VidsumError."""
        self.asker.expect(1)
        prompt = self.asker.ask(Question(
            partial(self._prompt, self._lines(scene, refined=bool(note)), note), prompt_schema,
            read_prompt, Limits(text=LONGEST_PROMPT), _ROOM_TOKENS,
        ))  # fmt: skip
        return replace(scene, prompt=f"{_ended(prompt)} {CLEAN}", prompt_from="model", flaw="")

    def _lines(self, scene: Scene, *, refined: bool) -> list[str]:
        """Return what the model is told, as lines of JSON."""
        lines = [{"title": self.title}, {"brief": scene.brief, "why": scene.why}]
        if refined and scene.prompt:
            lines.append({"prompt": _bare(scene.prompt)})
        entries = [self.known[one] for one in scene.evidence if one in self.known]
        entries.sort(key=lambda one: one.start_s)
        packed = pack(entries, _TOLD_TOKENS, self.asker.count)
        return [*map(json_line, lines), *map(short_line, packed.entries)]

    def _prompt(self, lines: list[str], note: str, limits: Limits, fault: str) -> str:
        return prompts.render(
            "broll_scene", self.options.prompts_dir, lines=lines, fence=self.fence, note=note,
            refined=bool(note), limits=limits, fault=fault,
        )  # fmt: skip


def read_prompt(text: str) -> str:
    """Return the prompt in an answer, on one line. Raises: Malformed when it says nothing."""
    found = _bare(shortened(safe(read(text, PromptForm).prompt), LONGEST_PROMPT))
    if sum(map(str.isalnum, found)) < _LEAST_LETTERS:
        raise Malformed("prompt: It says nothing.")
    return found


def _bare(prompt: str) -> str:
    """Return a prompt without what vidsum put at its end."""
    return safe(prompt).removesuffix(CLEAN).rstrip()


def _ended(text: str) -> str:
    """Return a text that ends as a sentence does; "" stays what it is."""
    return text if not text or text[-1] in ".!?…。！？" else f"{text}."


def _as_template(scene: Scene, note: str, why: str) -> Scene:
    flaw = shortened(safe(why), _LONGEST_FLAW)
    if note and scene.prompt and scene.prompt_from == "user":
        return replace(scene, prompt=template(scene, note))  # it stays the user's
    return replace(scene, prompt=template(scene, note), prompt_from="template", flaw=flaw)
