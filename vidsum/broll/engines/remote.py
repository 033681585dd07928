"""Pictures by a model behind an OpenAI-compatible address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from vidsum.backends import served
from vidsum.backends.answers import resolved
from vidsum.backends.connection import Answer, Connection
from vidsum.backends.providers import endpoint
from vidsum.backends.refusals import Refusal
from vidsum.backends.retrying import Retrying
from vidsum.broll.engines import remote_answers, remote_asking, remote_costs
from vidsum.broll.engines.protocol import (
    Capabilities,
    ImageEngine,
    ImageRequest,
    MadeImage,
    Stepped,
    Unanswered,
    ignore,
)
from vidsum.broll.engines.remote_asking import Dialect
from vidsum.broll.engines.remote_models import family_of
from vidsum.config import Options
from vidsum.costs.calls import OpenCall
from vidsum.costs.opening import price_book
from vidsum.costs.prices import PriceBook
from vidsum.costs.tally import Tally
from vidsum.errors import (
    BackendFailed,
    BackendMissing,
    OptionError,
    RequestFailed,
    VidsumError,
)
from vidsum.registry import Readiness, Work
from vidsum.wording import escaped, safe

if TYPE_CHECKING:
    from vidsum.data import Image

_NO_MODEL_HINT: Final = "Name one with --image-model."
_ECHO_LETTERS: Final = 16
"""So many letters in a row of a prompt, in what a server says, are an echo of it."""
_LEAST_LETTERS: Final = 8
"""What is shorter is any word."""
_MASK: Final = "…"
_NO_EDITS: Final = (404, 405, 501)
_PAID_HINT: Final = "It may have been paid for and is not asked for again by itself; --retry does."


def build(options: Options) -> ImageEngine:
    """Return the engine; nothing is sent yet."""
    return RemoteEngine(options)


def ready(options: Options) -> Readiness:
    """Return whether a remote model could be asked; asks nobody. Raises: OptionError."""
    if not options.image_model:
        where = endpoint(options.api_for("image")).name
        return Readiness(False, f"no model at {where} was named", _NO_MODEL_HINT)
    return served.ready(options, "image")


class RemoteEngine(ImageEngine):
    """Makes pictures with one remote model, one request at a time.

    A request that may have been paid for is never repeated; one that was refused because the
    provider was busy is. A parameter that a model of no known family refuses is left out from
    then on, and ``capabilities`` say so. A seed goes to models that take one, and is None in the
    pictures of others.
    """

    name = "remote"
    work: Work = "network"

    def __init__(self, options: Options, retrying: Retrying | None = None) -> None:
        self.tally = Tally()
        self._options, self._retrying = options, retrying
        self._connection: Connection | None = None
        self._prices: PriceBook | None = None
        self._dialect: Dialect | None = None
        self._closed = False

    @property
    def model(self) -> str:
        """The model's name. Raises: BackendMissing, OptionError."""
        if not self._options.image_model:
            where = endpoint(self._options.api_for("image")).name
            raise BackendMissing(f"No model at {where} was named.", _NO_MODEL_HINT)
        return self._options.image_model

    @property
    def identity(self) -> str:
        """Host, path and model. Raises: BackendMissing, OptionError."""
        address = endpoint(self._options.api_for("image")).base_url.partition("://")[2]
        return escaped(f"{address} {self.model}")

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, as far as that is known by now. Raises: BackendMissing."""
        family = family_of(self.model)
        return remote_asking.able(family, self._dialect or Dialect.of(family))

    def generate(self, request: ImageRequest, stepped: Stepped = ignore) -> tuple[MadeImage, ...]:
        """See :class:`ImageEngine`. Nobody tells of steps."""
        can = self.capabilities
        remote_asking.check(request, can, self._called)
        connection = self._open()
        self._prices = self._prices or price_book()  # one that is not valid is found out before
        most = remote_costs.most(request, self.model)
        with self.tally.open(connection.model, most) as call:
            try:
                answer = self._send(connection, request, call)
            except (BackendFailed, OptionError) as exc:
                call.release(type(exc).__name__)  # what may cost something was booked
                raise _discreet(exc, request.prompt) from None  # the SDK's error quotes it
            return self._taken(connection, request, call, answer)

    def close(self) -> None:
        """End what is under way and let go of the connections; may be called twice."""
        self._closed = True
        if self._connection is not None:
            self._connection.close()

    def _send(self, connection: Connection, request: ImageRequest, call: OpenCall) -> Answer:
        """Ask in one way after another until one is taken. Raises: BackendFailed, OptionError."""
        spoken = self._dialect or Dialect.of(family_of(self.model))
        references = remote_asking.files(request)

        def ask(client: Any) -> Any:
            asked = remote_asking.arguments(spoken, request, self.model)
            images = client.images.with_raw_response
            return (
                images.edit(image=references, **asked) if references else images.generate(**asked)
            )

        def adapt(refusal: Refusal) -> bool:
            nonlocal spoken
            said = without_echo(refusal.about, request.prompt)
            other = remote_asking.adapted(spoken, refusal, said)
            if other is not None:
                spoken = self._dialect = other
                return True
            if references and refusal.status in _NO_EDITS and "model" not in said.lower():
                self._dialect = replace(spoken, references=False)
                raise OptionError(f"{self._called} takes no references: there is no /images/edits "
                                  f"(status {refusal.status}).",
                                  remote_asking.NO_REFERENCES)  # fmt: skip
            if _perhaps_paid(refusal):
                raise Unanswered(*self._unanswered(refusal), kind="transient")
            return False

        return connection.send(ask, adapt, call=call)

    def _taken(
        self, connection: Connection, request: ImageRequest, call: OpenCall, answer: Answer
    ) -> tuple[MadeImage, ...]:
        """Book what an answer cost, and return its pictures. Raises: RequestFailed."""
        found = remote_answers.entries(answer.body)
        if not found:
            raise self._without_picture(request, call, answer.body)
        pictures: list[tuple[int, Image]] = []
        flaw: RequestFailed | None = None
        try:
            for number, entry in enumerate(found):
                try:
                    pictures.append((number, remote_answers.picture(entry, connection.fetch)))
                except RequestFailed as exc:
                    flaw = exc
        finally:  # an interrupt while pictures are fetched: what they cost is known all the same
            costs = self._book(connection, request, call, answer.body, len(found), pictures)
        if not pictures and flaw is not None:
            said = without_echo(flaw.message, request.prompt)
            raise RequestFailed(f"{self._called}: {said}", flaw.hint, kind=flaw.kind) from flaw
        return self._made(request, pictures, costs, answer.wall_s)

    def _book(
        self, connection: Connection, request: ImageRequest, call: OpenCall,
        body: Mapping[str, Any], delivered: int, pictures: Sequence[tuple[int, Image]],
    ) -> tuple[Sequence[str | None], str]:  # fmt: skip
        """Settle a call; return what each picture cost, and how that is known."""
        whole = len(pictures) == delivered
        pixels = sum(image.shape[0] * image.shape[1] for _, image in pictures) if whole else None
        usage, seen = remote_answers.read_usage(body, len(request.references))
        spent, origin = remote_costs.used(usage, seen, request.steps, delivered, pixels)
        named = resolved(body)
        call.settle(spent, origin, cost_usd=usage.cost_usd, resolved=named)
        model = replace(connection.model, resolved=named)
        return remote_costs.shares(self._prices or PriceBook(), model, spent, origin,
                                   usage.cost_usd, max(1, len(pictures)))  # fmt: skip

    def _made(
        self, request: ImageRequest, pictures: Sequence[tuple[int, Image]],
        costs: tuple[Sequence[str | None], str], wall_s: float,
    ) -> tuple[MadeImage, ...]:  # fmt: skip
        seed = request.seed if self.capabilities.seed else None
        return tuple(
            MadeImage(
                image, None if seed is None else seed + number, wall_s / len(pictures),
                request.steps, cost, costs[1],
            )
            for (number, image), cost in zip(pictures, costs[0], strict=True)
        )  # fmt: skip

    def _without_picture(
        self, request: ImageRequest, call: OpenCall, body: Mapping[str, Any]
    ) -> RequestFailed:
        """Book an answer without any picture, and return the error that it amounts to.

        One that says why is a refusal, and costs nothing unless it says so, too.
        """
        usage, seen = remote_answers.read_usage(body, len(request.references))
        said = without_echo(remote_answers.why_none(body), request.prompt)
        told = f"{self._called} sent no picture{f': {said}' if said else ''}."
        if usage.origin != "unknown" or usage.cost_usd is not None:
            spent, origin = remote_costs.used(usage, seen, request.steps, 0, 0)
            call.settle(spent, origin, cost_usd=usage.cost_usd, resolved=resolved(body))
        elif said:
            call.release("RequestFailed")
        else:
            call.fail("no picture")
            return Unanswered(told, _PAID_HINT)
        return RequestFailed(told, "Its content filter may have refused the prompt.")

    def _unanswered(self, refusal: Refusal) -> tuple[str, str]:
        name, seconds = self._called, self._options.image_timeout_s
        match refusal.kind:
            case "timeout":
                return (f"{name} gave no answer within {seconds:g} s.",
                        f"Wait longer with --image-timeout. {_PAID_HINT}")  # fmt: skip
            case "dropped":
                return f"{name} broke the connection before its answer was whole.", _PAID_HINT
            case "garbled" | "spoilt":
                return (f"{name} gave an answer that cannot be read.",
                        f"A base URL usually ends in /v1. {_PAID_HINT}")  # fmt: skip
        said = f": {refusal.message.rstrip('. ')}" if refusal.message else ""
        return f"{name} failed (status {refusal.status}){said}.", _PAID_HINT

    @property
    def _called(self) -> str:
        return f"{safe(escaped(self.model))} at {endpoint(self._options.api_for('image')).name}"

    def _open(self) -> Connection:
        if self._closed:
            raise BackendFailed("The remote image engine was closed.")
        if self._connection is None:
            self._connection = served.connect(self._options, "image", retrying=self._retrying)
        return self._connection


def _perhaps_paid(refusal: Refusal) -> bool:
    """Say whether a request may have been worked on: then it must not be repeated.

    503 and 529 say that nobody is there to do it, and 501 that nobody ever will.
    """
    if refusal.kind != "status":
        return refusal.perhaps_billed
    return refusal.status >= 500 and refusal.status not in (501, 503, 529) and not refusal.too_long


def _discreet(error: VidsumError, prompt: str) -> VidsumError:
    """Return an error without the words of the prompt, in what it says and what it came of."""
    error.message = without_echo(error.message, prompt)
    error.args = (error.message,)
    error.__context__ = None
    return error


def without_echo(text: str, prompt: str) -> str:
    """Return what a server says without the words of the prompt: some repeat what they got."""
    asked = escaped(safe(prompt))
    size = min(_ECHO_LETTERS, max(_LEAST_LETTERS, len(asked)))
    hidden: set[int] = set()
    for at in range(len(text) - size + 1):
        if text[at : at + size] in asked:
            hidden.update(range(at, at + size))
    shown = "".join("\0" if at in hidden else letter for at, letter in enumerate(text))
    return _MASK.join(part for part in shown.split("\0") if part) if hidden else text
