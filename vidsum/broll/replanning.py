"""What becomes of a folder's scenes, pictures and picks when its video is planned anew."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from vidsum.broll.folder import BrollFolder
from vidsum.broll.keys import prompt_of
from vidsum.broll.made import Made
from vidsum.data import BrollPlan
from vidsum.errors import OptionError
from vidsum.wording import escaped, path_text, shown

if TYPE_CHECKING:
    from vidsum.pipeline.run import Run


def with_ids_of_their_own(
    found: BrollPlan, before: BrollPlan | None, made: Made
) -> BrollPlan:  # fmt: skip
    """Return a plan in which no scene has the id of another one that there are pictures of.

    One that was planned before, or that there are pictures of, by its prompt and style, has the id
    that it had.
    """
    old = {one.prompt: one.scene for one in made.variations}
    scenes_before, style_before = (before.scenes, before.style) if before else ((), "")
    for scene in scenes_before:
        old.setdefault(prompt_of(scene, style_before), scene.id)
    prompts = [prompt_of(scene, found.style) for scene in found.scenes]
    kept = {old[prompt]: prompt for prompt in prompts if prompt in old}
    taken = {one.scene for one in (*made.variations, *made.baselines)} | {*made.picks, *kept}
    free = (name for number in itertools.count(1) if (name := f"s{number:02}") not in taken)
    scenes = []
    for scene, prompt in zip(found.scenes, prompts, strict=True):
        known = old.get(prompt, "")
        again = kept.pop(known, None) is not None  # two scenes may have one prompt
        scenes.append(replace(scene, id=known if again else next(free)))
    return replace(found, scenes=tuple(scenes))


def former(folder: BrollFolder) -> BrollPlan | None:
    """Return the plan that is there; None where none can be read."""
    try:
        return folder.read_plan()
    except OptionError:
        return None


def check_own(run: Run, folder: BrollFolder, found: BrollPlan | None = None) -> None:
    """Refuse to plan in another video's folder: two may have one stem. Raises: OptionError.

    ``found`` is the plan that is there, where it was read already. The run knows its video by then.
    """
    found = found or former(folder)
    if found is None or found.video_sha256 == run.meter.book.identity.video_sha256:
        return
    if path_text(found.video) != path_text(run.path.absolute()):
        raise OptionError(f"{shown(folder.path)} is the B-roll of {escaped(found.video)}.",
                          "Choose another folder with -o.")  # fmt: skip


def still_picked(made: Made, before: BrollPlan | None, after: BrollPlan) -> Made:
    """Return the record with the picks of scenes that are as they were."""
    old = () if before is None or before.style != after.style else before.scenes
    same = {(one.id, one.prompt) for one in old}
    stay = {one.id for one in after.scenes if (one.id, one.prompt) in same}
    return replace(made, picks={scene: one for scene, one in made.picks.items() if scene in stay})
