"""Which key goes where, and that no key shows anywhere."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest

from vidsum.backends.keys import Secret, find_key, key_for, redact, scrub, without_key
from vidsum.backends.providers import PROVIDERS, endpoint
from vidsum.errors import BackendMissing

KEY = "sk-proj-0123456789abcdefXYZ"


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A real keyring backend that keeps its keys in a dict."""

    priority = -1  # type: ignore[assignment]

    def __init__(self, **kept: str) -> None:
        super().__init__()
        self.kept = {("vidsum", user): value for user, value in kept.items()}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


class LockedKeyring(keyring.backend.KeyringBackend):
    """One whose owner does not unlock it."""

    priority = -1  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise keyring.errors.KeyringLocked("locked")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for provider in PROVIDERS.values():
        for name in (*provider.key_names, "VIDSUM_API_KEY"):
            monkeypatch.delenv(name, raising=False)
    before = keyring.get_keyring()
    keyring.set_keyring(MemoryKeyring())
    yield
    keyring.set_keyring(before)


def found(address: str) -> str | None:
    secret = find_key(endpoint(address))
    return None if secret is None else secret.reveal()


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_gets_its_own_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROVIDERS[name].key_names[0], KEY)
    assert found(name) == KEY
    assert found(PROVIDERS[name].base_url) == KEY
    others = [other for other in PROVIDERS if other != name]
    assert [found(other) for other in others] == [None] * len(others)
    assert found("http://localhost:9999/v1") is None
    assert found("https://api.openai.com.evil.example/v1") is None


def test_a_key_of_our_own_goes_to_addresses_that_the_user_gave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIDSUM_API_KEY", KEY)
    assert found("http://localhost:9999/v1") == KEY
    assert found("https://llm.example.org/v1") == KEY
    assert found("http://localhost:8080/v1") == KEY
    assert found("llama-server") is None
    assert found("openai") is None
    assert found("https://api.openai.com/v1") is None
    assert found("https://openrouter.ai/api/v1") is None


def test_the_environment_comes_before_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.set_keyring(MemoryKeyring(**{"api.openai.com": KEY}))
    assert found("openai") == KEY
    assert found("openrouter") is None
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    assert found("openai") == "sk-other"
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    assert found("openai") == KEY


@pytest.mark.parametrize("name", ["openai", "openrouter"])
def test_no_key_where_one_is_needed(name: str) -> None:
    with pytest.raises(BackendMissing, match=f"no API key for {name}") as caught:
        key_for(endpoint(name))
    host = endpoint(name).host
    variable = PROVIDERS[name].key_names[0]
    assert caught.value.hint == f"Set {variable}, or run: keyring set vidsum {host}"
    assert caught.value.exit_code == 4


def test_a_keyring_that_fails_is_no_key() -> None:
    keyring.set_keyring(LockedKeyring())
    assert key_for(endpoint("ollama")) is None
    with pytest.raises(BackendMissing):
        key_for(endpoint("openai"))


@pytest.mark.parametrize("value", ["sk-a\nb", "sk-a b", "sk-ü", "sk-\x7f"])
def test_what_no_header_can_carry(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(BackendMissing, match="OPENAI_API_KEY is no API key") as caught:
        find_key(endpoint("openai"))
    assert value not in str(caught.value)


def test_a_secret_shows_nothing() -> None:
    secret = Secret(KEY, "OPENAI_API_KEY")
    shown = [str(secret), repr(secret), f"{secret}", f"{secret!r}", f"{[secret]}", "%s" % secret]  # noqa: UP031
    assert KEY not in "".join(shown)
    assert "***" in shown[0]
    assert not hasattr(secret, "__dict__")
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            write(secret)


def test_redacting() -> None:
    secret = Secret(KEY, "x")
    text = f"Incorrect key: {KEY}; you sent {{'Authorization': 'Bearer {KEY}'}} and bearer other"
    shown = redact(text, secret)
    assert KEY not in shown
    assert "other" not in shown
    assert shown.startswith("Incorrect key: ***; you sent")
    assert redact("Bearer abc", None) == "Bearer ***"


def test_a_chain_of_errors_is_scrubbed_to_its_end() -> None:
    try:
        try:
            raise ValueError(f"inner {KEY}")
        except ValueError as exc:
            raise RuntimeError(f"outer {KEY}") from exc
    except RuntimeError as exc:
        caught = exc
    scrub(caught, Secret(KEY, "x"))
    assert str(caught) == "outer ***"
    assert str(caught.__cause__) == "inner ***"


def test_a_key_goes_from_both_causes_and_contexts() -> None:
    outer, cause, context = RuntimeError(KEY), ValueError(KEY), TypeError(KEY)
    outer.__cause__, outer.__context__ = cause, context
    scrub(outer, Secret(KEY, "x"))
    assert [str(one) for one in (outer, cause, context)] == ["***"] * 3


@pytest.mark.parametrize("shown", [KEY[:12], KEY[:-1], KEY[5:20], KEY[-12:], f"{KEY[:15]} {KEY}"])
def test_a_part_of_a_key_is_hidden(shown: str) -> None:
    assert "0123" not in redact(f"you sent {shown}.", Secret(KEY, "x"))[:-1].replace("***", "")
    assert redact(f"you sent {shown}.", Secret(KEY, "x")).endswith("***.")


def test_how_a_key_begins_and_ends_may_be_shown() -> None:
    masked = f"Incorrect API key provided: {KEY[:8]}*****{KEY[-4:]}."
    assert redact(masked, Secret(KEY, "x")) == masked


def test_answers_lose_the_key_and_nothing_else() -> None:
    answer = {"a": [f"x {KEY}", 1, None, {"b": "the flag bearer waits"}], "c": 1.5}
    clean = {"a": ["x ***", 1, None, {"b": "the flag bearer waits"}], "c": 1.5}
    assert without_key(answer, Secret(KEY, "x")) == clean
    assert without_key(answer, None) == answer
    assert without_key(["a cat"], Secret("cat", "x")) == ["a cat"]
    assert without_key("\ud83d", None) == "\ufffd"


AUDIT = """
import sys
touched = []
def hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        touched.append((event, str(args)))
sys.addaudithook(hook)
from vidsum.cli.main import run
code = run(sys.argv[1:])
assert touched == [], touched
sys.exit(code)
"""


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_key_that_is_there_is_no_reason_to_ask_anybody(command: str, talk: Path) -> None:
    keys = {name: KEY for provider in PROVIDERS.values() for name in provider.key_names}
    arguments = ["doctor"] if command == "doctor" else [
        str(talk), "-q", "--json", "--no-ocr", "--end", "6", "--interval", "6",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, *arguments], env=os.environ | keys | {"VIDSUM_API_KEY": KEY},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert KEY not in done.stdout
