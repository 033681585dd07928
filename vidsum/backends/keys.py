"""API keys: where they are looked up, and how they are kept out of everything that is shown."""

from __future__ import annotations

import os
import re
from typing import Any, NoReturn

from vidsum.backends.providers import Endpoint
from vidsum.errors import BackendMissing

OWN_KEY_NAME = "VIDSUM_API_KEY"
KEYRING_SERVICE = "vidsum"
_MASK = "***"
_PART_LETTERS = 12
_HALF = re.compile("[\ud800-\udfff]")
_BEARER = re.compile(r"(?i)\bbearer\s+[^\s\"',;}\]]+")


class Secret:
    """A key that shows itself only when it is asked to."""

    __slots__ = ("_value", "origin")

    def __init__(self, value: str, origin: str) -> None:
        self._value = value
        self.origin = origin
        """Where it was found: a variable's name, or the keyring."""

    def reveal(self) -> str:
        """Return the key itself."""
        return self._value

    def __repr__(self) -> str:
        return _MASK

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not written anywhere")


def find_key(endpoint: Endpoint) -> Secret | None:
    """Return the key for an endpoint, None where there is none.

    A provider's own variables go to its own host and nowhere else. ``VIDSUM_API_KEY`` goes to
    an address that the user gave, but never to a provider that has a key of its own. Last comes
    the keyring: service ``vidsum``, user the host. Raises: BackendMissing for a key that is none.
    """
    for name in _variables(endpoint):
        value = os.environ.get(name, "").strip()
        if value:
            return _checked(value, name)
    kept = _from_keyring(endpoint.host)
    return _checked(kept, "the keyring") if kept else None


def key_for(endpoint: Endpoint) -> Secret | None:
    """Return the key for an endpoint. Raises: BackendMissing when it needs one and has none."""
    found = find_key(endpoint)
    if found is None and endpoint.needs_key:
        raise BackendMissing(f"There is no API key for {endpoint.name}.", key_hint(endpoint))
    return found


def key_hint(endpoint: Endpoint) -> str:
    """Return where a key for an endpoint may be put."""
    names = _variables(endpoint)
    keyring = f"keyring set {KEYRING_SERVICE} {endpoint.host}"
    return f"Set {names[0]}, or run: {keyring}" if names else f"Run: {keyring}"


def redact(text: str, secret: Secret | None) -> str:
    """Return text from outside without the key: servers echo what they were sent, or part of it."""
    if secret is not None:
        text = _without_parts(text.replace(secret.reveal(), _MASK), secret.reveal())
    return _BEARER.sub(f"Bearer {_MASK}", text)


def without_key(answer: Any, secret: Secret | None) -> Any:
    """Return a JSON answer fit to keep: without the key, and without halves of UTF-16 letters.

    What is shorter than any real key ("none", "ollama") is no secret, but a word of many answers.
    """
    key = secret.reveal() if secret is not None else ""
    return _kept(answer, key if len(key) >= _PART_LETTERS else "")


def _kept(value: Any, key: str) -> Any:
    match value:
        case str():
            whole = _HALF.sub("\ufffd", value)
            return whole.replace(key, _MASK) if key else whole
        case list():
            return [_kept(one, key) for one in value]
        case dict():
            return {name: _kept(one, key) for name, one in value.items()}
    return value


def _without_parts(text: str, key: str) -> str:
    """Return text without any piece of the key that tells more than how such keys begin."""
    size = _PART_LETTERS
    hidden: set[int] = set()
    for part in {key[at : at + size] for at in range(len(key) - size + 1)}:
        for found in re.finditer(f"(?={re.escape(part)})", text):
            hidden.update(range(found.start(), found.start() + size))
    shown = "".join("\0" if at in hidden else letter for at, letter in enumerate(text))
    return re.sub("\0+", _MASK, shown) if hidden else text


def scrub(error: BaseException, secret: Secret | None) -> None:
    """Take the key out of an exception and all that it is chained to, for tracebacks show those.

    Requests and answers that hang on an SDK's exceptions go as well: they hold the key.
    """
    seen: set[int] = set()
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        link.args = tuple(redact(str(arg), secret) for arg in link.args)
        for name, value in getattr(link, "__dict__", {}).items():
            kept = redact(value, secret) if isinstance(value, str) else value
            link.__dict__[name] = kept if isinstance(kept, str | int) else None
        link.__traceback__ = None
        links += [link.__cause__, link.__context__]


def _variables(endpoint: Endpoint) -> tuple[str, ...]:
    own = endpoint.provider.key_names if endpoint.provider else ()
    return own if endpoint.needs_key or not endpoint.by_url else (*own, OWN_KEY_NAME)


def _from_keyring(host: str) -> str | None:
    try:
        import keyring

        return (keyring.get_password(KEYRING_SERVICE, host) or "").strip()
    except Exception:  # noqa: BLE001 - its backends fail in ways of their own; then there is no key
        return None


def _checked(value: str, origin: str) -> Secret:
    """Return the key, if a header can carry it: the HTTP library would quote it in its error."""
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise BackendMissing(f"What is in {origin} is no API key: it holds blanks or letters "
                             "that no key has.")  # fmt: skip
    return Secret(value, origin)
