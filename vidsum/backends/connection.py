"""The line to one remote endpoint: the official SDK, with patience, limits and discretion."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakSet

from vidsum.backends.bodies import MOST_BYTES, BodyRefused, read_bounded
from vidsum.backends.keys import Secret, scrub, without_key
from vidsum.backends.providers import PROVIDERS
from vidsum.backends.refusals import Asked, Kind, Refusal, error_for, read_body, read_status
from vidsum.backends.retrying import Retrying
from vidsum.costs.calls import OpenCall
from vidsum.data import ModelRef
from vidsum.errors import BackendFailed, RequestFailed
from vidsum.failpoints import failpoint

Ask = Callable[[Any], Any]
"""Sends one request through an ``openai.OpenAI`` client; returns its raw response."""
Adapt = Callable[[Refusal], bool]
"""Told why an attempt failed; True to try at once again, asked in another way. May raise instead,
for a request that is not to be repeated."""

_CONNECT_S = 10.0
_ADAPTATIONS = 8
_IN_A_ROW = 3
"""So many requests in a row without an answer, each repeated, are the server's fault."""
_RAW_HEADER = "x-stainless-raw-response"
"""What the SDK's own ``with_raw_response`` sets: the answer is handed over as it is."""
_PLAIN_HEADERS = {
    "accept", "accept-encoding", "connection", "content-length", "content-type", "host",
    "transfer-encoding", "user-agent", _RAW_HEADER,
}  # fmt: skip
"""What a server that is not OpenAI's needs to know of us. The SDK adds the user's organisation,
project, own headers from the environment and particulars of the machine; it looks for the last of
these itself."""


def _as_it_is(_: Refusal) -> bool:
    """There is no other way to ask."""
    return False


class _Round:
    """What the requests that are under way together are told."""

    def __init__(self) -> None:
        self.over = threading.Event()
        """Waiting is of no use any more."""
        self.called_off = False
        """Their answers are not wanted any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The JSON object that came back, and what it took; ``wall_s`` covers all attempts."""

    body: Mapping[str, Any]
    wall_s: float
    attempts: int


class Connection:
    """Sends requests to one endpoint from any thread; repeats what is safe to repeat.

    The key is put into each request at the last moment, for the endpoint's own host only, so
    that the SDK never holds it. Redirects are not followed.
    """

    def __init__(
        self, asked: Asked, *, connections: int = 4, retrying: Retrying | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:  # fmt: skip
        self.asked = asked
        """Who is asked for what."""
        self._connections = connections
        self._retrying = retrying or Retrying()
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._here = threading.local()
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._round = _Round()
        self._client: Any = None
        self._closed = False
        self._answered = self._spoke = False
        self._fruitless = 0

    @property
    def model(self) -> ModelRef:
        """The model that is asked, as the ledger and the price tables know it."""
        where = self.asked.endpoint
        return ModelRef(
            backend="openai", requested=self.asked.model, base_url=where.base_url,
            provider=where.provider_name or None, host=where.host,
        )  # fmt: skip

    def send(
        self, ask: Ask, adapt: Adapt = _as_it_is, *, pictures: bool = False,
        call: OpenCall | None = None,
    ) -> Answer:  # fmt: skip
        """Return the answer to a request.

        ``call`` is told of attempts without an answer that may have been billed, and reserves
        anew before the next one. Raises: RequestFailed, BackendFailed, BudgetReached.
        """
        started_s, this_round = time.monotonic(), self._round
        failures: list[Refusal] = []
        attempts = adaptations = 0
        while True:
            self._check_wanted(this_round)
            if call is not None and call.ended:
                call.again()  # which may wait
                self._check_wanted(this_round)
            attempts += 1
            failpoint("call.before")
            body, refusal, cause = self._attempt(ask, this_round)
            failpoint("call.answered")
            if refusal is None:
                return Answer(body, time.monotonic() - started_s, attempts)
            if call is not None and refusal.perhaps_billed:
                call.fail(f"status {refusal.status}" if refusal.status else refusal.kind)
            if adaptations < _ADAPTATIONS and adapt(refusal):
                adaptations += 1
                continue
            failures.append(refusal)
            wait_s = self._pause_s(failures, time.monotonic() - started_s)
            if wait_s is None or this_round.over.wait(wait_s):
                break
        if this_round.called_off:
            raise self._called_off() from cause
        raise self._error(refusal, pictures) from cause

    def fetch(self, url: str) -> bytes:
        """Return what an answer said is at an address of the endpoint's own host.

        Raises: RequestFailed, also for an address elsewhere: it is not asked; BackendFailed.
        """
        name = self.asked.endpoint.name
        if not self.asked.endpoint.covers(url):
            raise RequestFailed(f"{name} names an address of another host; it is not followed.")
        started_s, this_round = time.monotonic(), self._round
        failures: list[Refusal] = []
        while True:
            self._check_wanted(this_round)
            content, refusal, cause = self._exchange(lambda client: _get(client, url), this_round)
            if refusal is None:
                return content
            failures.append(refusal)
            wait_s = self._pause_s(failures, time.monotonic() - started_s)
            if wait_s is None or this_round.over.wait(wait_s):
                raise self._error(refusal, pictures=False) from cause

    def call_off(self) -> None:
        """End what is under way, from any thread: waits, and connections that hang.

        Whoever waits for an answer gets BackendFailed; requests sent afterwards are answered.
        """
        self._end_round(called_off=True)
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            _hang_up(sock)

    def close(self) -> None:
        """End what is under way and let go of the connections; may be called twice."""
        with self._lock:
            self._closed, client, self._client = True, self._client, None
        self.call_off()
        if client is not None:
            client.close()

    def _end_round(self, *, called_off: bool = False) -> None:
        with self._lock:
            ended, self._round = self._round, _Round()
        ended.called_off = called_off
        ended.over.set()

    def _check_wanted(self, this_round: _Round) -> None:
        """Raises: BackendFailed when the answers of a round are not wanted any more."""
        if this_round.called_off:
            raise self._called_off()

    def _called_off(self) -> BackendFailed:
        return BackendFailed(f"The request to {self.asked.endpoint.name} was called off.")

    def _attempt(
        self, ask: Ask, this_round: _Round
    ) -> tuple[Mapping[str, Any], Refusal | None, Exception | None]:
        """Ask once; return the answer, or why there is none."""
        content, refusal, cause = self._exchange(ask, this_round)
        if refusal is not None:
            return {}, refusal, cause
        key = self.asked.key
        body = _object(content, key)
        if body is None:
            return {}, self._unanswered("garbled"), None
        refusal = read_body(body, key)
        with self._lock:
            self._answered = True
            if refusal is None:
                self._spoke, self._fruitless = True, 0
        return ({} if refusal else body), refusal, None

    def _exchange(
        self, ask: Ask, this_round: _Round
    ) -> tuple[bytes, Refusal | None, Exception | None]:
        """Ask once; return the body of the answer, or why there is none."""
        import openai

        self._here.round = this_round
        key = self.asked.key
        try:
            response = ask(self._open()).http_response
        except openai.APIStatusError as exc:
            answer = exc.response
            said = read_status(exc.status_code, answer.text, answer.headers, key)
            with self._lock:
                self._answered = True
            scrub(exc, key)
            return b"", said, exc
        except (openai.OpenAIError, BodyRefused) as exc:
            why = self._unanswered(_kind(exc))
            scrub(exc, key)
            return b"", why, exc
        content: bytes = response.content
        return content, None, None

    def _unanswered(self, kind: Kind) -> Refusal:
        """Return why nothing came; a server that spoke the protocol before can speak it."""
        return Refusal("spoilt" if kind == "garbled" and self._spoke else kind)

    def _pause_s(self, failures: list[Refusal], taken_s: float) -> float | None:
        """Return how long to wait before the next attempt; None to give up."""
        last, rules = failures[-1], self._retrying
        limit = rules.attempts if self._answered else rules.first_attempts
        timeouts = sum(refusal.kind == "timeout" for refusal in failures)
        if not last.transient or len(failures) >= limit or timeouts > 1:
            return None
        wait_s = rules.wait_s(len(failures), last.wish_s)
        return None if wait_s is None or taken_s + wait_s > rules.total_s else wait_s

    def _error(self, refusal: Refusal, pictures: bool) -> BackendFailed:
        with self._lock:
            self._fruitless += refusal.strains
            persistent = self._fruitless >= _IN_A_ROW
        asked = replace(self.asked, pictures=pictures)
        error = error_for(refusal, asked, persistent=persistent)
        if type(error) is BackendFailed:
            self._end_round()  # nobody else needs to find that out by waiting
        return error

    def _open(self) -> Any:
        with self._lock:
            if self._closed:
                raise BackendFailed(f"The connection to {self.asked.endpoint.name} was closed.")
            if self._client is None:
                try:
                    self._client = self._new_client()
                except (ImportError, ValueError, OSError) as exc:
                    raise BackendFailed(*_unbuilt(exc)) from exc
            return self._client

    def _new_client(self) -> Any:
        import openai

        timeout = openai.Timeout(
            self.asked.timeout_s, connect=min(_CONNECT_S, self.asked.timeout_s), pool=None
        )
        many = self._connections
        http_client = openai.DefaultHttpxClient(
            timeout=timeout,
            limits=type(openai.DEFAULT_CONNECTION_LIMITS)(
                max_connections=many, max_keepalive_connections=many
            ),
            follow_redirects=False,
            trust_env=not self.asked.endpoint.local,  # a proxy cannot reach this machine's ports
            event_hooks={"request": [self._prepare], "response": [self._read]},
        )
        return openai.OpenAI(
            api_key="none", base_url=self.asked.endpoint.base_url, max_retries=0,
            timeout=timeout, http_client=http_client,
        )  # fmt: skip

    def _prepare(self, request: Any) -> None:
        """Give a request its key, take out what is nobody's business, and watch its socket."""
        provider = self.asked.endpoint.provider
        if provider is not PROVIDERS["openai"]:
            for name in set(request.headers) - _PLAIN_HEADERS:
                del request.headers[name]
        request.headers["accept-encoding"] = "identity"  # answers are small
        request.headers.pop("authorization", None)
        if self.asked.key is not None:
            request.headers["authorization"] = f"Bearer {self.asked.key.reveal()}"
        this_round: _Round = self._here.round

        def trace(event: str, details: Mapping[str, Any]) -> None:
            if event.endswith(("connect_tcp.complete", "start_tls.complete")):
                sock = details["return_value"].get_extra_info("socket")
                with self._lock:
                    self._sockets.add(sock)
                if this_round.called_off:
                    _hang_up(sock)

        request.extensions["trace"] = trace

    def _read(self, response: Any) -> None:
        """Read an answer's body as long as a request may take, however little comes at a time."""
        read_bounded(response, self.asked.timeout_s, self._most_bytes)


def _get(client: Any, url: str) -> Any:
    """Get an address through the SDK: its raw response, whatever it holds."""
    return client.get(url, cast_to=object, options={"headers": {_RAW_HEADER: "true"}})


def _object(content: bytes, key: Secret | None) -> dict[str, Any] | None:
    """Return the JSON object of an answer; None when it is none.

    Letters that are no UTF-8 are replaced: some servers cut an answer within a letter.
    """
    try:
        body = without_key(json.loads(content.decode("utf-8-sig", "replace")), key)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _unbuilt(exc: Exception) -> tuple[str, str]:
    """Return why the HTTP library cannot begin: all it takes from outside is the environment."""
    if isinstance(exc, ImportError):
        return ("ALL_PROXY or HTTPS_PROXY names a SOCKS proxy, which needs the package socksio.",
                "Run: pip install socksio")  # fmt: skip
    if isinstance(exc, OSError):
        return ("The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read.",
                "Correct the variable, or unset it.")  # fmt: skip
    return ("The proxy that ALL_PROXY, HTTPS_PROXY or HTTP_PROXY names has no usable address.",
            "One looks like http://proxy.example:3128.")  # fmt: skip


def _kind(exc: Exception) -> Kind:
    """Return what kind of failure an SDK's error without an answer is, by what lies under it.

    By name: older SDKs sit on another HTTP library with the same names.
    """
    under = exc if isinstance(exc, BodyRefused) else exc.__cause__
    if isinstance(under, BodyRefused):
        return under.kind
    if under is None:
        return "garbled"
    name = type(under).__name__
    if name in ("ConnectError", "ProxyError", "UnsupportedProtocol", "ConnectTimeout"):
        return "insecure" if "CERTIFICATE_VERIFY_FAILED" in str(under) else "away"
    return "timeout" if name.endswith("Timeout") else "dropped"


def _hang_up(sock: socket.socket) -> None:
    """Wake whoever reads from a socket; closing it would not."""
    try:
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # it was closed already
