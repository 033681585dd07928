"""The look book: what pictures of the source steer new ones, its colours, its style in words."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vidsum.broll import style
from vidsum.broll.records import Form
from vidsum.data import Anchor, LookBook
from vidsum.errors import OptionError
from vidsum.failpoints import failpoint
from vidsum.outputs import IN_PLACE, write_with
from vidsum.wording import shown

if TYPE_CHECKING:
    from vidsum.broll.anchors import Seen
    from vidsum.data import Evidence, Image, Observation, Scene
    from vidsum.pipeline.run import Run

FILE: Final = "look.json"
FORM: Final = Form("vidsum look book", 1, LookBook,
                   "vidsum broll plan VIDEO --replace makes plan and look book anew.")  # fmt: skip
LEAST_GAIN: Final = 1.0
"""A gain below it is noise: see :func:`steered`."""
NEAR: Final = 3.0
"""What is as near to its references as two frames of one shot has no way to go."""
_ANCHOR: Final = re.compile(r"anchors/[A-Za-z0-9_-]{1,64}\.png")


def make_look(run: Run, evidence: Evidence, folder: Path) -> LookBook:
    """Look for frames that stand for the source, write them as PNG, and the look book after them.

    The frames only steer pictures: none ever stands in for a picture that was not made. Without
    any, because the source has no moving pictures, or slides and black alone, the run is told so.
    Raises: OutputError; MediaError when the run was given up.
    """
    from vidsum.broll import anchors, palette

    wanted = anchors.candidates(evidence)
    seen = anchors.look_at(run, wanted or anchors.drawn_ones(evidence))
    chosen = anchors.choose(seen) if wanted else ()
    shown_ones = [one.image for one in chosen or seen]
    colours = palette.palette(shown_ones) or style.NEUTRAL
    if not chosen:
        _tell_why(run, evidence, wanted, measured=bool(seen))
    book = LookBook(
        tuple(_written(folder, number, one) for number, one in enumerate(chosen, 1)),
        colours,
        _sentence(evidence, colours, chosen or seen) if seen else style.neutral_sentence(evidence),
    )
    save(folder, book)
    return book


def references_for(look: LookBook, scene: Scene, most: int) -> tuple[Anchor, ...]:
    """Return up to ``most`` anchors to make a scene with, those nearest to it in time first."""

    def away_s(anchor: Anchor) -> tuple[float, float]:
        before, after = scene.start_s - anchor.time_s, anchor.time_s - scene.end_s
        return max(0.0, before, after), anchor.time_s

    return tuple(sorted(look.anchors, key=away_s)[: max(0, most)])


def steered(gain: float) -> bool:
    """Say whether references moved a picture, by its palette gain.

    Measured: a picture scaled to three quarters, or saved as JPEG at quality 75, is within 0.12 of
    itself, and what an engine makes that drops its references is the same picture; FLUX.2 with
    weights made by hand that carry a reference's colours gained 12.3 by warm frames and 7.5 by cold
    ones, and lost 1.8 towards those that it was not given.
    """
    return gain >= LEAST_GAIN


def save(folder: Path, look: LookBook) -> None:
    """Write a look book, whole or not at all. Raises: OutputError."""
    failpoint("broll.look.before")
    FORM.write(folder / FILE, asdict(look))
    failpoint("broll.look.after")


def load(folder: Path) -> LookBook:
    """Return the look book of a B-roll folder.

    Raises: OptionError for none, a damaged one or one of a newer vidsum; OutputError.
    """
    path = folder / FILE
    book = FORM.read(path)
    if book is None:
        raise OptionError(f"{shown(folder)} has no look book.", FORM.hint)
    for anchor in book.anchors:
        if not _ANCHOR.fullmatch(anchor.file):
            raise FORM.damaged(path, f"{shown(Path(anchor.file))} is no file of its anchors")
    return book


def _sentence(evidence: Evidence, colours: Sequence[Any], seen: Sequence[Seen]) -> str:
    import numpy as np

    lightness = np.concatenate([one.colours[:, 0] for one in seen])
    low, high = np.percentile(lightness, (5, 95)).tolist()
    return style.style_sentence(evidence, colours, (low, high), [one.sharpness for one in seen])


def _tell_why(
    run: Run, evidence: Evidence, wanted: Sequence[Observation], *, measured: bool
) -> None:
    """Say why no frame steers what is made."""
    if evidence.info.video is None:
        why = "The file has no moving pictures"
    elif wanted:
        why = "No frame of the video could be sampled again"
    elif measured:
        why = "The video has slides and titles only, whose text a model would copy"
    else:
        why = "The video has nothing to see"
    from_it = "the colours are its own" if measured else "the look is a neutral one"
    run.note("broll-no-anchors", f"{why}: B-roll is made without references, {from_it}.")


def _written(folder: Path, number: int, seen: Seen) -> Anchor:
    """Write a frame under a name that its pixels give it: an older look book stays true."""
    mark = hashlib.sha256(seen.image.tobytes()).hexdigest()[:8]
    file = f"anchors/a{number}-{mark}.png"
    body = _png(seen.image)
    failpoint("broll.anchor.before")
    write_with(folder / file, lambda into, _: into.write(body), hint=IN_PLACE)
    failpoint("broll.anchor.after")
    share = None if seen.text_share is None else round(seen.text_share, 4)
    return Anchor(round(seen.time_s, 3), file, round(seen.sharpness, 1), share)


def _png(image: Image) -> bytes:
    from PIL import Image as Pillow

    out = io.BytesIO()
    Pillow.fromarray(image).save(out, "PNG")
    return out.getvalue()
