"""Captions by a vision model behind an OpenAI-compatible address, several requests at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from vidsum.backends import openai, served
from vidsum.backends.openai import RemoteChat
from vidsum.backends.retrying import Retrying
from vidsum.captioners.notebook import Notebook, Said
from vidsum.captioners.prompting import (
    CAPTION_LETTERS,
    LOOK_LETTERS,
    CaptionPrompt,
    caption_prompts,
    clean_caption,
    new_fence,
)
from vidsum.captioners.protocol import Captioner, CaptionRequest
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Caption, ChatRequest, Forecast, Need, Sample
from vidsum.errors import BackendFailed, BudgetReached, RequestFailed, VidsumError
from vidsum.registry import Readiness, Work

ANSWER_TOKENS, LOOK_TOKENS = 80, 160
"""A sentence or two: most take 20 to 50; and the answer to a question about a picture."""
_LEAVE_TRIES, _LEAVE_S = 10, 0.1


def build(options: Options) -> Captioner:
    """Return the captioner; nothing is sent yet."""
    return RemoteCaptioner(options)


def ready(options: Options) -> Readiness:
    """Return whether a remote model could be asked. Raises: OptionError."""
    return served.ready(options, "caption")


def forecast(options: Options, need: Need) -> Forecast:
    """Return what a need would use; asks nobody. Raises: OptionError."""
    from vidsum.captioners import forecasting

    return forecasting.remote(options, need)


@dataclass(frozen=True, slots=True)
class _Flight:
    """A request under way: its sample, and its answer when it comes. It holds no picture.

    Without a ``thread`` the answer is there already: it was kept.
    """

    sample: Sample
    answer: Future[Said]
    thread: threading.Thread | None = None


class RemoteCaptioner(Captioner):
    """Keeps ``--api-requests`` requests under way; captions come in the order of the pictures.

    As many pictures are held at most. The caption told to a request as the one before is that of
    the picture as many places earlier, or of the last before it that has one: the same each time,
    however fast the answers come. For answers that an earlier run was given nobody is asked, and
    no connection is made.
    """

    name = "remote"
    needs_pixels = True
    wants_speech = True
    work: Work = "network"

    def __init__(self, options: Options, retrying: Retrying | None = None) -> None:
        self.tally = Tally()
        self._options, self._retrying, self._fence = options, retrying, new_fence()
        self.notebook: Notebook = Notebook(self._fence, options.tiles)
        self._lock = threading.Lock()
        self._chat: RemoteChat | None = None
        self._closed = False

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[Caption]:
        """Yield a caption for each request. Raises: OptionError, BackendMissing, BackendFailed.

        When no more can be expected, or no more pictures come, what was asked already is still
        yielded: it may be paid for. When a cap is reached, so is what was kept.
        """
        many = self._options.api_requests
        flights: deque[_Flight] = deque()
        previous: Caption | None = None
        failure: VidsumError | None = None
        source = iter(requests)
        try:
            more = True
            while more or flights:
                if flights and (len(flights) == many or not more):
                    caption, failed = self._landed(flights[0])
                    flights.popleft()
                    previous, failure = previous if caption.error else caption, failure or failed
                    more = more and self.notebook.may_go_on_after(failure)
                    yield caption
                    continue
                try:
                    request = next(source, None)
                    more = request is not None
                    if request is not None:
                        flights.append(self._flight(request, previous, failure))
                    del request  # the picture lives as long as its request is under way
                except VidsumError as exc:
                    failure, more = exc, False
        finally:
            self._leave([flight.thread for flight in flights if flight.thread is not None])
        if failure is not None:
            raise failure

    def close(self) -> None:
        """End what is under way and let go of the connections; may be called twice."""
        with self._lock:
            self._closed, chat = True, self._chat
        if chat is not None:
            chat.close()

    def _open(self) -> RemoteChat:
        with self._lock:
            if self._closed:
                raise BackendFailed("The remote captioner was closed.")
            if self._chat is not None:
                return self._chat
        chat = openai.build(self._options, "caption", tally=self.tally, retrying=self._retrying)
        with self._lock:
            if self._closed:
                chat.close()  # while it was built
            self._chat = chat
        return chat

    def _flight(
        self, request: CaptionRequest, previous: Caption | None, refusal: VidsumError | None
    ) -> _Flight:
        """Send a request off in a thread of its own, unless its answer is kept.

        Python does not wait for it at the end: looking up a name or reaching a host can take long,
        and nothing can end that. After a ``refusal`` nothing is sent any more.
        Raises: OptionError, BackendMissing, BackendFailed, with the first that is sent.
        """
        assert request.image is not None
        before = None if request.alone else previous
        prompts = caption_prompts(request, before, self._options, self._fence)
        most = LOOK_TOKENS if request.question else ANSWER_TOKENS
        keys = self.notebook.keys(prompts, request.image, most)
        answer: Future[Said] = Future()
        kept = self.notebook.find(keys)
        if kept is not None or refusal is not None:
            if kept is not None:
                answer.set_result(kept)
            else:
                answer.set_exception(refusal)
            return _Flight(request.sample, answer)
        chat = self._open()

        def fly() -> None:
            try:
                answer.set_result(self._ask(chat, request, prompts[0], most, keys))
            except BaseException as exc:  # noqa: BLE001 - whoever waits for the answer gets it
                answer.set_exception(exc)

        thread = threading.Thread(target=fly, name="vidsum-caption", daemon=True)
        thread.start()
        return _Flight(request.sample, answer, thread)

    def _ask(
        self, chat: RemoteChat, request: CaptionRequest, asked: CaptionPrompt, most: int,
        keys: Sequence[str],
    ) -> Said:  # fmt: skip
        """Return what is said of a picture, once that is on the disk. Runs in a thread."""
        assert request.image is not None
        reply = chat.complete(ChatRequest(
            asked.system, asked.prompt, (request.image,), max_tokens=most,
        ))  # fmt: skip
        letters = LOOK_LETTERS if request.question else CAPTION_LETTERS
        text = clean_caption(reply.text, cut=reply.finish == "length", letters=letters)
        said = Said(text, chat.model)
        self.notebook.write(keys, said)
        return said

    def _landed(self, flight: _Flight) -> tuple[Caption, VidsumError | None]:
        """Wait for an answer; return its caption, and the error after which no more will come."""
        sample = flight.sample
        failure: VidsumError | None = None
        said, error = Said("", self._chat.model if self._chat is not None else None), None
        try:
            said = flight.answer.result()
            error = None if said.text else "the model gave no words"
        except RequestFailed as exc:
            error = exc.message
        except (BackendFailed, BudgetReached) as exc:
            # Raised for each picture that is refused, it would gather all their frames.
            error, failure = exc.message, exc.with_traceback(None)
        caption = Caption(sample.index, sample.time_s, said.text, self.name, error, said.model)
        return caption, failure

    def _leave(self, threads: list[threading.Thread]) -> None:
        """End requests whose answers nobody waits for any more.

        More than once, for one may only be about to begin; what does not end is left behind.
        """
        for _ in range(_LEAVE_TRIES):
            threads = [thread for thread in threads if thread.is_alive()]
            if not threads or self._chat is None:  # without it nothing was ever sent
                return
            self._chat.call_off()
            threads[0].join(_LEAVE_S)
