"""Providers of OpenAI-compatible endpoints: where they are, and what is different about each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from vidsum.errors import OptionError
from vidsum.wording import escaped

RemoteTask = Literal["caption", "speech", "reason", "image"]
"""What a remote model is for: ``--caption-model``, ``--speech-model``, ``--reason-model`` or
``--image-model``."""
LimitName = Literal["max_tokens", "max_completion_tokens"]


@dataclass(frozen=True, slots=True)
class Provider:
    """What is known of a provider.

    ``key_names`` are the environment variables that hold its key, in the order they are asked;
    ``needs_key``: without one it answers nothing. ``context_tokens`` is what it serves unless it
    was told otherwise. ``limit_name`` is its word for the longest answer.
    """

    name: str
    base_url: str
    key_names: tuple[str, ...]
    needs_key: bool = False
    start: str = ""
    """The command that starts it, for programs on this machine."""
    context_tokens: int | None = None
    limit_name: LimitName = "max_tokens"

    @property
    def host(self) -> str:
        """Its host's name."""
        return urlsplit(self.base_url).hostname or ""


PROVIDERS: Mapping[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider("openai", "https://api.openai.com/v1", ("OPENAI_API_KEY",), needs_key=True,
                 limit_name="max_completion_tokens"),
        Provider("openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",),
                 needs_key=True),
        # Ollama cuts longer prompts without a word; OLLAMA_CONTEXT_LENGTH sets another length.
        Provider("ollama", "http://localhost:11434/v1", ("OLLAMA_API_KEY",), start="ollama serve",
                 context_tokens=4096),
        Provider("lmstudio", "http://localhost:1234/v1", ("LM_API_TOKEN",),
                 start="lms server start"),
        Provider("vllm", "http://localhost:8000/v1", ("VLLM_API_KEY",), start="vllm serve MODEL"),
        Provider("llama-server", "http://localhost:8080/v1", ("LLAMA_API_KEY",),
                 start="llama-server -m MODEL.gguf"),
    )
}  # fmt: skip
"""Source: the providers' own documentation of their OpenAI-compatible servers."""

_URL = re.compile(
    r"https?://(\[[0-9a-f:.]+\]|[0-9a-z_-]{1,63}(\.[0-9a-z_-]{1,63})*\.?)"
    r"(:\d{1,4}|:[1-5]\d{4}|:6[0-4]\d{3})?(/[!-\"$->@-~]*)?", re.ASCII | re.IGNORECASE
)  # fmt: skip
"""Strict, for a name that is read in two ways could take a key to another host: no user name, no
backslash, no escapes in the host, and other alphabets only as ``xn--``."""
LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go. ``provider`` is None for a host that nobody knows.

    ``by_url``: the user gave the address itself, not a provider's name.
    """

    base_url: str
    provider: Provider | None
    by_url: bool

    @property
    def host(self) -> str:
        """The host, with the port where one is given: what a key is kept under."""
        parts = urlsplit(self.base_url)
        name = parts.hostname or ""
        shown = f"[{name}]" if ":" in name else name
        return f"{shown}:{parts.port}" if parts.port else shown

    @property
    def name(self) -> str:
        """What to call it in a message: the provider's name, else the host."""
        return self.provider.name if self.provider else self.host

    @property
    def provider_name(self) -> str:
        """The provider's name, empty for a host that nobody knows."""
        return self.provider.name if self.provider else ""

    @property
    def needs_key(self) -> bool:
        """True when it answers nothing without a key."""
        return self.provider is not None and self.provider.needs_key

    @property
    def local(self) -> bool:
        """True when it is on this machine."""
        return urlsplit(self.base_url).hostname in LOOPBACK

    def covers(self, url: str) -> bool:
        """Say whether an address is on the same host and port; what reads in two ways is not."""
        address, _, query = url.partition("?")
        own = urlsplit(self.base_url)
        try:
            parts = _split(address)
        except OptionError:
            return False
        plain = query.isascii() and query.isprintable() and not set(' #"<>\\') & set(query)
        return plain and _origin(parts) == _origin(own)


def endpoint(address: str) -> Endpoint:
    """Return the endpoint for a provider's name or a base URL.

    A URL without a path gets the ``/v1`` that every one of these servers has.
    Raises: OptionError.
    """
    if "://" not in address:
        provider = PROVIDERS.get(address)
        if provider is None:
            raise OptionError(f"There is no provider called {escaped(address)}.",
                              f"Known: {', '.join(PROVIDERS)}; or give a base URL.")  # fmt: skip
        return Endpoint(provider.base_url, provider, by_url=False)
    parts = _split(address)
    if not parts.path.strip("/"):
        parts = parts._replace(path="/v1")
    url = parts.geturl().rstrip("/")
    found = _provider_at(url)
    if found is not None and found.needs_key and parts.scheme != "https":
        raise OptionError(f"{escaped(address)} would send the key for {found.name} unencrypted.",
                          "Use https.")  # fmt: skip
    return Endpoint(url, found, by_url=True)


def _split(address: str) -> SplitResult:
    """Return the parts of a base URL. Raises: OptionError, which quotes no password."""
    try:
        parts = urlsplit(address)
        if _URL.fullmatch(address) and len(parts.hostname or "") < 254:
            if ":" in (parts.hostname or ""):
                IPv6Address(parts.hostname or "")
            return parts
    except ValueError:
        pass  # no address of this kind
    private = any(mark in address for mark in "@?#")
    shown = "What has a user name, a password or a query" if private else escaped(address)
    raise OptionError(f"{shown} is no base URL.", "One looks like http://localhost:8080/v1.")


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    """Return scheme, host and port, in lower case and with no port left out."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, parts.hostname or "", port


def _provider_at(url: str) -> Provider | None:
    """Return whose address a URL is: by the host, and on this machine by the usual port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    for provider in PROVIDERS.values():
        if provider.host in LOOPBACK:
            if host in LOOPBACK and parts.port == urlsplit(provider.base_url).port:
                return provider
        elif host == provider.host or host.endswith(f".{provider.host}"):
            return provider
    return None
