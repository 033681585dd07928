"""Clips by a video model for picks: each is asked for once, and written down before that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from vidsum.broll.clips import NoClip, asked_for
from vidsum.broll.made import Film
from vidsum.costs.budget import dollars
from vidsum.costs.totals import total
from vidsum.errors import BackendFailed, MediaError, RequestFailed
from vidsum.failpoints import failpoint
from vidsum.pipeline.run import Run
from vidsum.store.answers import picture_sha256

if TYPE_CHECKING:
    from vidsum.broll.clips import ClipRequest, MadeClip, RemoteClips
    from vidsum.broll.folder import BrollFolder
    from vidsum.broll.marking import Marks
    from vidsum.costs.meter import StageMeter
    from vidsum.data import Entry, Image

ToDo = Literal["nothing", "fetch", "ask"]
_ASKED: Final = "It was asked for; whether it was paid for is not known."


@dataclass(frozen=True, slots=True, eq=False)
class FilmWish:
    """A clip that is wanted, and what it is known by. ``file``: where it goes in the folder;
    ``confirmed``: the user has said yes to its price."""

    request: ClipRequest
    marks: Marks
    key: str
    file: str
    confirmed: bool


def wish_for(
    films: RemoteClips, request: ClipRequest, source: Image, marks: Marks, stem: str, *,
    confirmed: bool,
) -> FilmWish:  # fmt: skip
    """Return a wish. ``source``: the pick before it was enlarged, uint8 [h, w, 3] RGB.

    What decides the clip decides its name, which begins with ``stem``: none replaces another.
    """
    told = [request.prompt, picture_sha256(source), *asked_for(request), films.identity]
    key = hashlib.sha256(json.dumps(told).encode()).hexdigest()
    return FilmWish(request, marks, key, f"{stem}-ai-{key[:8]}.mp4", confirmed)


def to_do(folder: BrollFolder, known: Film | None, *, retry: bool) -> ToDo:
    """Return what is left to do for a clip; only one that is asked for is paid for.

    What may have been paid for is not asked for again unless ``retry``. One whose job is known is
    fetched, now or when it is done.
    """
    if known is None:
        return "ask"
    if known.state == "made":
        gone = not folder.place(known.file).is_file()
        return ("fetch" if known.job else "ask") if gone else "nothing"
    if retry:
        return "ask"
    return "fetch" if known.state == "unknown" and known.job else "nothing"


def filmed(
    run: Run, folder: BrollFolder, films: RemoteClips, wish: FilmWish, *, retry: bool
) -> Film:  # fmt: skip
    """Return a clip: the one that is there, or one that is made now, or why there is none.

    Raises: BackendFailed when none will do, BudgetReached, OptionError, OutputError.
    """
    known = folder.read_made().film(wish.key)
    left = to_do(folder, known, retry=retry)
    if known is not None and left == "nothing":
        if known.error:
            tell_given_up(run, wish.marks.scene, known.error)
        return known
    if known is not None and left == "fetch":
        return _Filming(run, folder, films, wish, known).make(known.job)
    new = Film(key=wish.key, state="unknown", file=wish.file, error=_ASKED)
    return _Filming(run, folder, films, wish, new).make("")


def tell_given_up(run: Run, scene: str, error: str) -> None:
    """Say that a clip is missing and is not asked for."""
    run.note("broll-clip", f"{scene} has no clip: {error} --retry asks for it again.", partial=True)


class _Filming:
    """One clip from the moment before it is asked for; ``film`` is its record on the disk."""

    def __init__(
        self, run: Run, folder: BrollFolder, films: RemoteClips, wish: FilmWish, film: Film
    ) -> None:
        self._run, self._folder, self._films, self._wish = run, folder, films, wish
        self._film = film

    def make(self, job: str) -> Film:
        """Have it made, or fetch what a job has made. Raises: as filmed."""
        told = f"B-roll {self._wish.marks.scene}, clip"
        mark, before = len(self._run.meter.book.lines()), dict(self._films.tally.counts)
        with self._run.meter.stage("film", "video_gen", "remote") as account:
            self._films.tally.bind(account)
            account.reason = told
            try:
                return self._kept(self._asked(job))
            except (BackendFailed, MediaError) as exc:
                if self._costs_nothing(mark, job) and not isinstance(exc, RequestFailed):
                    raise
                self._run.note("broll-clip", f"{told}: {exc.message} {exc.hint}".strip(),
                               partial=True)  # fmt: skip
                return self._lost(exc, mark)
            finally:
                if self._costs_nothing(mark, job):
                    self._write(None)  # refused, or never sent: it may be asked for again
                _count(account, self._films.tally.counts, before)

    def _asked(self, job: str) -> MadeClip:
        if not job:
            self._write(self._film)
        failpoint("broll.film.before")
        made = self._films.make(
            self._wish.request, self._folder.place(self._film.file), self._wish.marks,
            capped=self._run.meter.budget.caps.money, confirmed=self._wish.confirmed, job=job,
            begun=self._begun,
        )  # fmt: skip
        failpoint("broll.film.after")
        return made

    def _begun(self, job: str) -> None:
        self._write(replace(self._film, job=job))
        failpoint("broll.film.begun")

    def _kept(self, made: MadeClip) -> Film:
        self._write(replace(
            self._film, state="made", job=made.job, seconds=made.seconds, fps=made.fps,
            cost_usd=made.cost_usd, cost_from=made.cost_from, error="",
        ))  # fmt: skip
        return self._film

    def _lost(self, exc: BackendFailed | MediaError, mark: int) -> Film:
        """Write down, and return, what is known of a clip that did not come."""
        lost = replace(self._film, state="failed" if isinstance(exc, NoClip) else "unknown",
                       error=exc.message)  # fmt: skip
        spent = total(self._calls(mark)).usd_nano
        if self._calls(mark) and not spent.unknown:
            lost = replace(lost, cost_usd=dollars(int(spent.value)) if spent.value else "0",
                           cost_from="estimated" if spent.value else "measured")  # fmt: skip
        self._write(lost)
        return lost

    def _costs_nothing(self, mark: int, job: str) -> bool:
        """Say whether nothing that was asked for since costs anything."""
        return not job and all(one.phase == "release" for one in self._calls(mark))

    def _calls(self, mark: int) -> list[Entry]:
        return [one for one in self._run.meter.book.lines()[mark:] if one.kind == "call"]

    def _write(self, film: Film | None) -> None:
        """Have a record on the disk. Raises: OutputError."""
        self._folder.write_made(self._folder.read_made().with_film(self._wish.key, film))
        self._film = film or self._film


def _count(account: StageMeter, after: Mapping[str, float], before: Mapping[str, float]) -> None:
    """Add to a stage what a tally has counted since."""
    account.add(**{name: value - before.get(name, 0) for name, value in after.items()})
