"""Why a provider did not answer, and what to tell the user about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vidsum.backends.keys import Secret, key_hint, redact
from vidsum.backends.providers import Endpoint, RemoteTask
from vidsum.backends.retrying import wished_wait_s
from vidsum.errors import BackendFailed, FailureKind, RequestFailed, RequestTooLong
from vidsum.wording import escaped, safe

Kind = Literal["away", "dropped", "timeout", "insecure", "status", "garbled", "spoilt"]
"""``away``: no connection; ``dropped``: it broke before the answer; ``insecure``: its certificate
is not trusted; ``status``: an HTTP status that says no; ``garbled``: no answer of this protocol;
``spoilt``: the same from a server that has given some."""

_READ_LETTERS, _SAID_LETTERS = 4_000, 300
_DOWN = (502, 503, 504, 520, 521, 522, 523, 524, 529)
"""What a gateway says for a server that is not there. Source: RFC 9110; 52x are Cloudflare's."""
_AGAIN = (408, 409, 425, 429)


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)


_CONTEXT = _any(
    r"context.{0,20}(length|window|size|limit)", "maximum context", "exceeds? n_ctx",
    r"too many (input )?tokens", "(prompt|input|request) (is )?too (long|large)",
    "reduce the length", "string_above_max_length",
)  # fmt: skip
_QUOTA = _any(
    "insufficient[_ ](quota|credits|funds|balance)", "billing", "exceeded your current quota"
)
_FILTER = _any(
    "content[_ ](filter|policy|management)", "moderation", "flagged", "safety system",
    "responsible ai",
)  # fmt: skip
_PICTURE = _any("image", "picture", "vision", "multi-?modal", "mmproj")
_INCAPABLE = _any(
    "not? (currently )?(support|enabled|accept)", "unsupported", "support image",
    "(does not|doesn't) (support|accept)", "missing data", "only (support|text)", "text[- ]only",
    "no endpoints", "unknown variant", "at most 0", "is not a", "provide the mmproj",
    "invalid content type",
)  # fmt: skip
_WORDS_ONLY = _any("content.*(expected (a )?string|valid string|of type string)")
_MODEL = _any("model")
_LONGER = "Wait longer with --api-timeout."
_THIN = "It serves no such address: a base URL usually ends in /v1."


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of whom, as far as a message needs it."""

    endpoint: Endpoint
    task: RemoteTask
    model: str
    key: Secret | None = None
    timeout_s: float = 0.0
    pictures: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """One failed attempt. ``message`` is the server's own word, on one line, without the key.

    ``wish_s`` is how long it asks to wait before the next attempt.
    """

    kind: Kind
    status: int = 0
    message: str = ""
    code: str = ""
    wish_s: float | None = None

    @property
    def about(self) -> str:
        """All that it says, to look for words in."""
        return f"{self.code} {self.message}"

    @property
    def too_long(self) -> bool:
        """True when question and answer are more than the model takes."""
        return self.status in (400, 413, 422, 500) and bool(_CONTEXT.search(self.about))

    @property
    def transient(self) -> bool:
        """True when the same request may do better later."""
        if self.kind != "status":
            return self.kind in ("away", "dropped", "timeout")
        if self.status == 429:
            return not _QUOTA.search(self.about)
        return self.status in _AGAIN or (self.status >= 500 and not self.too_long)

    @property
    def perhaps_billed(self) -> bool:
        """True when the provider may have worked, and charged, for nothing."""
        return self.kind in ("dropped", "timeout", "garbled", "spoilt") or self.status >= 500

    @property
    def strains(self) -> bool:
        """True when only this request may be to blame, but many in a row mean the server."""
        return self.kind in ("timeout", "spoilt") or self.status in (408, 409, 500, 501)


def read_status(status: int, text: str, headers: Mapping[str, str], key: Secret | None) -> Refusal:
    """Return what an answer with an error status says, whatever form its body has."""
    import json

    try:
        body: Any = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if 300 <= status < 400:
        return _said(None, status, f"to {headers.get('location', 'nowhere')}", headers, key)
    return _said(body, status, "" if text.lstrip().startswith("<") else text, headers, key)


def read_body(body: Mapping[str, Any], key: Secret | None) -> Refusal | None:
    """Return the refusal in an answer with status 200; some providers send errors like that."""
    error = body.get("error")
    if not error or body.get("choices"):
        return None
    code = error.get("code") if isinstance(error, Mapping) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return _said(body, status, "", {}, key)


def _said(
    body: Any, status: int, text: str, headers: Mapping[str, str], key: Secret | None
) -> Refusal:
    """Read ``{"error": {"message", "code"}}`` and its relatives."""
    code = ""
    if isinstance(body, Mapping):
        error = body.get("error") or body.get("detail") or body.get("message") or body
        if isinstance(error, Mapping):
            code = str(error.get("code") or error.get("type") or "")
            error = error.get("message") or error
        text = str(error)
    # safe() takes letters out, so the key is looked for after it.
    message = escaped(redact(safe(text[:_READ_LETTERS]), key))[:_SAID_LETTERS]
    return Refusal("status", status, message, redact(safe(code[:80]), key), wished_wait_s(headers))


def error_for(refusal: Refusal, asked: Asked, *, persistent: bool = False) -> BackendFailed:
    """Return the error that a refusal amounts to when it is final.

    RequestFailed where the next request may do better; ``persistent``: several in a row did not.
    """
    if refusal.kind != "status":
        return _unreached(refusal, asked, persistent)
    for find, kind in _FINAL:
        error = find(refusal, asked)
        if error is not None:
            error.kind = kind
            return error
    name, said = asked.endpoint.name, _quoted(refusal)
    if refusal.status == 429:
        return BackendFailed(f"{name} keeps refusing: too many requests{said}.",
                             "Wait a while, or lower --api-requests.",
                             kind="transient")  # fmt: skip
    if 300 <= refusal.status < 400:
        return BackendFailed(f"{name} answers with a redirect{said}; redirects are not followed.",
                             f"Give the final address with --{asked.task}-api.",
                             kind="blocked")  # fmt: skip
    if refusal.status in _DOWN or (persistent and refusal.strains):
        return BackendFailed(f"{name} keeps failing (status {refusal.status}){said}.",
                             _start_hint(asked.endpoint), kind="transient")  # fmt: skip
    return RequestFailed(f"{name} refused the request (status {refusal.status}){said}.",
                         kind="transient" if refusal.transient else "other")  # fmt: skip


def _unreached(refusal: Refusal, asked: Asked, persistent: bool) -> BackendFailed:
    where, hint = escaped(asked.endpoint.base_url), _start_hint(asked.endpoint)
    match refusal.kind:
        case "away":
            return BackendFailed(f"Nothing answers at {where}.", hint, kind="transient")
        case "insecure":
            return BackendFailed(f"The certificate of {where} is not trusted.",
                                 "SSL_CERT_FILE names a file of those to trust.",
                                 kind="blocked")  # fmt: skip
        case "garbled":
            return BackendFailed(f"{where} does not speak the OpenAI protocol{_quoted(refusal)}.",
                                 _THIN, kind="blocked")  # fmt: skip
        case "dropped":
            return BackendFailed(f"{where} breaks the connection before it answers.", hint,
                                 kind="transient")  # fmt: skip
    said, wait = f"{asked.endpoint.name} gave no answer within {asked.timeout_s:g} s", _LONGER
    if refusal.kind == "spoilt":
        said, wait = f"{asked.endpoint.name} gave an answer that cannot be read", ""
    if persistent:
        return BackendFailed(f"{said}, several requests in a row.", f"{wait} {hint}".strip(),
                             kind="transient")  # fmt: skip
    return RequestFailed(f"{said}.", wait, kind="transient")


def _of_this_request(refusal: Refusal, asked: Asked) -> BackendFailed | None:
    if refusal.too_long:
        return RequestTooLong(f"The request is too long for {escaped(asked.model)}"
                              f"{_quoted(refusal)}.")  # fmt: skip
    if refusal.status in (400, 403, 422) and _FILTER.search(refusal.about):
        return RequestFailed(f"The content filter of {asked.endpoint.name} refused the request"
                             f"{_quoted(refusal)}.")  # fmt: skip
    return None


def _of_access(refusal: Refusal, asked: Asked) -> BackendFailed | None:
    endpoint, said = asked.endpoint, _quoted(refusal)
    if refusal.status == 402 or (refusal.status == 429 and _QUOTA.search(refusal.about)):
        return BackendFailed(f"The account at {endpoint.name} has no credit left{said}.")
    if refusal.status not in (401, 403):
        return None
    if asked.key is None:
        return BackendFailed(f"{endpoint.name} wants an API key{said}.", key_hint(endpoint))
    return BackendFailed(f"{endpoint.name} does not accept the key from {asked.key.origin}{said}.",
                         key_hint(endpoint))  # fmt: skip


def _of_the_model(refusal: Refusal, asked: Asked) -> BackendFailed | None:
    name, model, said = asked.endpoint.name, escaped(asked.model), _quoted(refusal)
    if asked.pictures and _blind(refusal):
        return BackendFailed(f"{model} at {name} takes no pictures{said}.",
                             "Name a vision model with --caption-model.")  # fmt: skip
    if refusal.status not in (400, 404):
        return None
    if "model_not_found" in refusal.code or (
        refusal.status == 404 and _MODEL.search(refusal.about)
    ):
        return BackendFailed(f"{name} has no model called {model}{said}.",
                             f"Name one that it has with --{asked.task}-model.")  # fmt: skip
    if refusal.status == 404 and asked.task == "speech":
        return BackendFailed(f"{name} transcribes no speech{said}.",
                             "Name a server that does with --speech-api.")  # fmt: skip
    if refusal.status == 404:
        return BackendFailed(f"{escaped(asked.endpoint.base_url)} was not found{said}.", _THIN)
    return None


_FINAL: tuple[tuple[Callable[[Refusal, Asked], BackendFailed | None], FailureKind], ...] = (
    (_of_this_request, "other"), (_of_access, "blocked"), (_of_the_model, "blocked"),
)  # fmt: skip


def _blind(refusal: Refusal) -> bool:
    if refusal.status not in (400, 404, 415, 422, 500, 501):
        return False
    if _WORDS_ONLY.search(refusal.about):
        return True
    return bool(_PICTURE.search(refusal.about) and _INCAPABLE.search(refusal.about))


def _quoted(refusal: Refusal) -> str:
    return f": {refusal.message.rstrip('. ')}" if refusal.message else ""


def _start_hint(endpoint: Endpoint) -> str:
    if not endpoint.local:
        return "Is the address right, and is the machine online?"
    if endpoint.provider is not None:
        return f"Is {endpoint.provider.name} running? Start it: {endpoint.provider.start}"
    return "Is a server such as ollama or llama-server running there?"
