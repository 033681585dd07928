"""Clips by a video model behind an OpenAI-compatible address: dear, so never without being asked.

A job is made, watched and its content fetched. Source: OpenAI's API reference, "Videos". OpenAI
itself ended that service on 2026-09-24, says its SDK; other servers of the protocol go on.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from vidsum.backends import served
from vidsum.backends.connection import Connection
from vidsum.backends.keys import without_key
from vidsum.backends.providers import endpoint
from vidsum.backends.refusals import Refusal
from vidsum.backends.retrying import Retrying
from vidsum.broll import sizes, soundness, upscaling
from vidsum.broll.engines.protocol import Unanswered
from vidsum.broll.engines.remote import without_echo
from vidsum.broll.marking import C2PA_BOX, Marks, boxes, xmp_box
from vidsum.config import Options
from vidsum.costs.budget import dollars
from vidsum.costs.calls import OpenCall
from vidsum.costs.opening import price_book
from vidsum.costs.tally import Tally
from vidsum.data import Image, Quantities
from vidsum.errors import BackendFailed, MediaError, OptionError, RequestFailed
from vidsum.media.process import Decoder
from vidsum.outputs import IN_PLACE, write_with
from vidsum.wording import escaped, safe

if TYPE_CHECKING:
    from vidsum.data import MediaInfo

_RAW_HEADER: Final = "X-Stainless-Raw-Response"
"""Has the SDK hand over an answer as it is; its own ``with_raw_response`` sets the same."""
_JOB: Final = re.compile(r"[\w.-]{1,200}", re.ASCII)
_WORKING: Final = ("queued", "in_progress", "processing", "pending")
_JOB_HINT: Final = "Run it again later: the job is looked at again, and nothing is asked for anew."
_PAID_HINT: Final = "It may have been paid for and is not asked for again by itself."


@dataclass(frozen=True, slots=True, eq=False)
class ClipRequest:
    """What is to be made. ``picture``: uint8 [h, w, 3] RGB, the pick that the clip begins with.

    ``width_px`` × ``height_px`` and ``seconds`` are what is wanted; see :func:`asked_for`.
    """

    prompt: str
    picture: Image
    width_px: int
    height_px: int
    seconds: float


@dataclass(frozen=True, slots=True)
class MadeClip:
    """A clip as the provider gave it, in its own size, rate and length.

    ``marked`` is False for one that its provider has signed: marks would break the signature,
    which says itself that a model made it. ``cost_usd`` as decimal text, None where not known.
    """

    job: str
    seconds: float | None
    width_px: int
    height_px: int
    fps: float | None
    marked: bool
    wall_s: float
    cost_usd: str | None
    cost_from: str


class NoClip(RequestFailed):
    """A job has ended without a clip: to look at it again is of no use."""


def asked_for(request: ClipRequest) -> tuple[int, int, int]:
    """Return the width, height and whole seconds that a model is asked for: sides are even.

    Which of these a model makes is for its provider to say; one that makes others refuses.
    """
    width, height = request.width_px // 2 * 2, request.height_px // 2 * 2
    return width, height, max(1, round(request.seconds))


def _nobody(job: str) -> None:
    """Nobody wants to know."""


class RemoteClips:
    """Makes clips with one remote video model, one at a time; binds its calls to ``tally``.

    A request that may have been paid for is never repeated: that nobody answered, or not in time,
    is ``Unanswered``, and what it cost is unknown.
    """

    def __init__(
        self, options: Options, model: str, retrying: Retrying | None = None, *,
        poll_s: float = 5.0, patience_s: float = 1200.0,
    ) -> None:  # fmt: skip
        """``poll_s`` between looks at a job, ``patience_s`` until one is given up."""
        self.tally, self.model = Tally(), model
        self._options = replace(options, image_model=model)
        self._retrying, self._poll_s, self._patience_s = retrying, poll_s, patience_s
        self._connection: Connection | None = None
        self._over = Event()

    @property
    def identity(self) -> str:
        """Host, path and model. Raises: OptionError."""
        address = endpoint(self._options.api_for("image")).base_url.partition("://")[2]
        return escaped(f"{address} {self.model}")

    def make(
        self, request: ClipRequest, path: Path, marks: Marks, *, capped: bool, confirmed: bool,
        job: str = "", begun: Callable[[str], None] = _nobody,
    ) -> MadeClip:  # fmt: skip
        """Have a clip made and write it to a file, whole or not at all.

        ``capped``: the run has a cap on money; ``confirmed``: the user said yes to the price.
        ``job``: one that was begun before for the same request is watched and fetched, which costs
        nothing more; ``begun`` is told a new one's.
        Raises: OptionError without these, RequestFailed, Unanswered, BackendFailed,
        BackendMissing, BudgetReached, OutputError, MediaError for what is no video.
        """
        if not capped:
            raise OptionError("Clips by a model need a cap on what they may cost.",
                              "Give one with --max-usd.")  # fmt: skip
        if not (confirmed or job):
            raise OptionError("A clip by a model was not confirmed.", "Nothing was asked for.")
        started_s = time.monotonic()
        connection, until_s = self._open(), started_s + self._patience_s
        width, height, seconds = asked_for(request)
        most = Quantities(calls=1, video_s=float(seconds), pixels=width * height)
        prices = price_book()  # one that is not valid is found out before
        if job:
            if not _is_job(job):  # somebody's made.json
                raise OptionError(f"{escaped(job)} is no job of a provider.")
            self._awaited(connection, request, job, until_s)
        else:
            with self.tally.open(connection.model, most) as call:  # left by an error: failed
                job = self._asked(connection, request, call, (width, height, seconds))
                begun(job)
                self._awaited(connection, request, job, until_s)
                call.settle(most, "estimated")
        price = prices.price(connection.model, most)
        info, marked = self._fetched(connection, job, path, marks)
        video = info.video
        assert video is not None  # what has none is not kept
        return MadeClip(
            job, info.duration_s, video.width_px, video.height_px, video.fps, marked,
            time.monotonic() - started_s, None if price is None else dollars(price.usd_nano),
            "unknown" if price is None else "estimated",
        )  # fmt: skip

    def price(self, seconds: float, width_px: int, height_px: int) -> str | None:
        """Return what clips of so many seconds in all cost by the price tables, in US dollars.

        None where nobody knows. Contacts nobody. Raises: OptionError, BackendMissing.
        """
        used = Quantities(calls=1, video_s=seconds, pixels=width_px * height_px)
        found = price_book().price(self._open().model, used)
        return None if found is None else dollars(found.usd_nano)

    def close(self) -> None:
        """End what is under way and let go of the connections; may be called twice."""
        self._over.set()
        if self._connection is not None:
            self._connection.close()

    def _asked(
        self, connection: Connection, request: ClipRequest, call: OpenCall,
        size: tuple[int, int, int],
    ) -> str:  # fmt: skip
        """Begin a job and return its id. Raises: RequestFailed, Unanswered, BackendFailed."""
        width, height, seconds = size
        first = ("picture.png", _png(request.picture, width, height), "image/png")

        def ask(client: Any) -> Any:
            # not by the SDK's own method, which warns that OpenAI has ended its service
            headers = {"Content-Type": "multipart/form-data", _RAW_HEADER: "true"}
            asked = {"model": self.model, "prompt": request.prompt, "seconds": str(seconds),
                     "size": f"{width}x{height}"}  # fmt: skip
            return client.post("/videos", cast_to=object, body=asked, options={"headers": headers},
                               files=[("input_reference", first)])  # fmt: skip

        def adapt(refusal: Refusal) -> bool:
            if refusal.perhaps_billed:
                said = without_echo(refusal.message, request.prompt) or refusal.kind
                raise Unanswered(f"{self._called} did not answer: {said}.", _PAID_HINT,
                                 kind="transient")  # fmt: skip
            return False

        try:
            body = connection.send(ask, adapt, call=call).body
        except BackendFailed as exc:
            call.release(type(exc).__name__)  # what may cost something was booked
            exc.message = without_echo(exc.message, request.prompt)
            exc.args = (exc.message,)
            exc.__context__ = None  # the SDK's error quotes the prompt
            raise exc from None
        job = body.get("id")
        if not isinstance(job, str) or not _is_job(job):
            raise Unanswered(f"{self._called} took the request and named no job.", _PAID_HINT)
        return job

    def _awaited(
        self, connection: Connection, request: ClipRequest, job: str, until_s: float
    ) -> None:
        """Wait until a job is done. Raises: RequestFailed, Unanswered.

        Whether one that failed is free is for its provider to say.
        """
        while True:
            try:
                body = self._looked_at(connection, job)
            except BackendFailed as exc:
                raise Unanswered(f"The job {job} at {self._called} is out of sight: {exc.message}",
                                 _JOB_HINT) from exc  # fmt: skip
            status = body.get("status")
            if status == "completed":
                return
            if status not in _WORKING:
                said = without_echo(_reason(body), request.prompt).rstrip(" .:")
                raise NoClip(f"{self._called} made no clip{said}.",
                             "Its content filter may have refused it.")  # fmt: skip
            left_s = until_s - time.monotonic()
            if left_s <= 0 or self._over.wait(min(self._poll_s, left_s)):
                raise Unanswered(f"The job {job} at {self._called} was not done in time.",
                                 _JOB_HINT, kind="transient")  # fmt: skip

    def _looked_at(self, connection: Connection, job: str) -> Mapping[str, Any]:
        asked = connection.asked
        content = connection.fetch(f"{asked.endpoint.base_url}/videos/{job}")
        try:
            body = without_key(json.loads(content), asked.key)
        except (ValueError, RecursionError) as exc:
            raise RequestFailed(
                f"{asked.endpoint.name} said nothing of it that can be read."
            ) from exc
        return body if isinstance(body, dict) else {}

    def _fetched(
        self, connection: Connection, job: str, path: Path, marks: Marks
    ) -> tuple[MediaInfo, bool]:
        """Write a clip that is done. Raises: BackendFailed, MediaError, OutputError."""
        try:
            content = connection.fetch(f"{connection.asked.endpoint.base_url}/videos/{job}/content")
        except BackendFailed as exc:
            exc.hint = f"The clip is made and was paid for: the job is {job}. {exc.hint}".strip()
            raise
        found: list[MediaInfo] = []
        signed = any(kind == C2PA_BOX for kind, _, _ in boxes(io.BytesIO(content)))

        def write(file: BinaryIO, temporary: Path) -> None:
            file.write(content)
            file.flush()
            with Decoder(temporary) as decoder:  # in a process of its own: who knows what it is
                found.append(decoder.probe())
                if found[0].video is None:
                    raise MediaError(f"What came for the job {job} has no picture in it.")
                flaw = soundness.check_clip(decoder, found[0].duration_s or 0.0)
            if flaw:
                raise NoClip(f"What came for the job {job} is no clip: {flaw}.")
            if not signed:
                file.write(xmp_box(marks))

        write_with(path, write, hint=IN_PLACE)
        return found[0], not signed

    @property
    def _called(self) -> str:
        where = self._open().asked.endpoint.name
        return f"{safe(escaped(self.model))} at {where}"

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = served.connect(self._options, "image", retrying=self._retrying)
        return self._connection


def _is_job(job: str) -> bool:
    return _JOB.fullmatch(job) is not None and job.strip(".") != ""


def _png(picture: Image, width_px: int, height_px: int) -> bytes:
    """Return a picture in the size of the clip, which is what providers want."""
    from PIL import Image as Pillow

    cut = sizes.fit(picture, width_px, height_px)
    out = io.BytesIO()
    Pillow.fromarray(upscaling.bring_to(cut, width_px, height_px).image).save(out, "PNG")
    return out.getvalue()


def _reason(body: Mapping[str, Any]) -> str:
    """Return what a job that failed says of that."""
    error = body.get("error")
    said = error.get("message") if isinstance(error, Mapping) else error
    return f": {escaped(safe(said))[:300].rstrip('.')}" if isinstance(said, str) and said else ""
