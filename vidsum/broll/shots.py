"""How picks are to be finished: what each becomes, and by what names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from vidsum.broll import sizes
from vidsum.broll.folder import BrollFolder, checked_id, picked
from vidsum.broll.marking import Marks
from vidsum.broll.orders import chosen
from vidsum.errors import OptionError
from vidsum.wording import escaped

if TYPE_CHECKING:
    from vidsum.broll.clips import RemoteClips
    from vidsum.broll.filming import FilmWish
    from vidsum.broll.signing import Credentials
    from vidsum.broll.upscaling import Upscaler
    from vidsum.data import BrollPlan, Image, Scene, Variation

Clips = Literal["kenburns", "ai", "none"]
LONGEST_S: Final = 8.0
"""A still that moves gets dull after so long; a scene that lasts longer gets a clip of this."""


@dataclass(frozen=True, slots=True)
class Finish:
    """How picks are to be finished.

    ``upscale`` False leaves the size as it was made, in the source's shape. ``clips``: a picture
    that is moved over, a clip by a video model (``films`` makes it, under a cap and when
    ``confirmed``: the user has said yes to what :func:`to_film` told), or none. ``seconds`` of a
    clip: as long as the scene by default, at most 8. ``retry``: a clip that nobody answered is
    asked for again. ``credentials`` sign the files.
    """

    upscale: bool = True
    clips: Clips = "kenburns"
    seconds: float | None = None
    upscaler: Upscaler | None = None
    films: RemoteClips | None = None
    confirmed: bool = False
    retry: bool = False
    credentials: Credentials | None = None

    def clip_s(self, scene: Scene) -> float:
        """Return how long a scene's clip is to be."""
        return self.seconds or min(LONGEST_S, scene.end_s - scene.start_s)


def to_finish(
    folder: BrollFolder, scenes: Collection[str] | None = None
) -> list[tuple[Scene, Variation]]:
    """Return the picks, or those of some scenes. Raises: OptionError when there are none."""
    plan, made = folder.read_plan(), folder.read_made()
    picks = [(scene, one) for scene in chosen(plan, scenes)
             if (one := picked(made, scene.id)) is not None]  # fmt: skip
    if not picks:
        told = f"Nothing of {', '.join(map(escaped, scenes))}" if scenes else "Nothing"
        raise OptionError(f"{told} is picked yet.", "vidsum broll pick FOLDER s01=2 picks.")
    return picks


def to_film(
    folder: BrollFolder, how: Finish, scenes: Collection[str] | None = None
) -> list[tuple[int, int, int]]:
    """Return the width, height and seconds of each clip that a model would be asked for.

    Those that are there, or whose jobs are known, are none of them. Raises: OptionError.
    """
    from vidsum.broll.clips import asked_for
    from vidsum.broll.filming import to_do

    picks, made = to_finish(folder, scenes), folder.read_made()
    plan = folder.read_plan()
    asked = []
    for scene, one in picks:
        source = folder.picture(one.file)
        if source is None:
            raise unreadable(one)
        wish = film_wish(how, scene, one, source, size_of(plan, how, source), source)
        if wish is not None and to_do(folder, made.film(wish.key), retry=how.retry) == "ask":
            asked.append(asked_for(wish.request))
    return asked


def film_wish(
    how: Finish, scene: Scene, one: Variation, source: Image, size: tuple[int, int], image: Image
) -> FilmWish | None:
    """Return the wish for a pick's clip by a model; None where nobody makes any.

    ``image`` is what it is to begin with: ``source``, in its shape and size.
    """
    from vidsum.broll.clips import ClipRequest
    from vidsum.broll.filming import wish_for

    if how.clips != "ai" or how.films is None:
        return None
    # A seed is the picture's, and the video model knows none.
    marks = replace(marks_of(scene, one), model=how.films.model, engine="remote", seed=None)
    request = ClipRequest(marks.prompt, image, *size, how.clip_s(scene))
    return wish_for(how.films, request, source, marks, stem_of(scene, one),
                    confirmed=how.confirmed)  # fmt: skip


def marks_of(scene: Scene, one: Variation) -> Marks:
    """Return what a pick's files say of themselves."""
    return Marks(prompt=one.prompt, model=one.model, engine=one.engine, scene=scene.id,
                 seed=one.seed)  # fmt: skip


def stem_of(scene: Scene, one: Variation) -> str:
    """Return how the names of a pick's files begin. Raises: OptionError."""
    return f"finished/{checked_id(scene.id)}-v{one.number}"


def size_of(plan: BrollPlan, how: Finish, source: Image) -> tuple[int, int]:
    """Return the width and height that a picture is brought to."""
    whole = (plan.width_px, plan.height_px)
    whole = whole if all(whole) else sizes.UNKNOWN
    if how.upscale:
        return whole
    height, width = sizes.fit(source, *whole).shape[:2]
    return width, height


def unreadable(one: Variation) -> OptionError:
    """Return the error for a picture that is gone or damaged."""
    return OptionError(f"The picture {escaped(one.file)} that was picked cannot be read.",
                       "vidsum broll make makes it anew, or pick another one.")  # fmt: skip
