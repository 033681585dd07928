"""Who is meant by --api: a name, or a base URL."""

from __future__ import annotations

import pytest

from vidsum.backends.providers import PROVIDERS, endpoint
from vidsum.errors import OptionError


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_name_and_its_base_url_mean_the_same_provider(name: str) -> None:
    by_name, by_url = endpoint(name), endpoint(PROVIDERS[name].base_url)
    assert by_name.provider is by_url.provider is PROVIDERS[name]
    assert by_name.base_url == by_url.base_url
    assert (by_name.by_url, by_url.by_url) == (False, True)
    assert by_name.name == name


def test_only_hosted_providers_cannot_do_without_a_key() -> None:
    assert {name for name in PROVIDERS if endpoint(name).needs_key} == {"openai", "openrouter"}
    assert {name for name in PROVIDERS if endpoint(name).local} == set(PROVIDERS) - {
        "openai",
        "openrouter",
    }


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(OptionError, match="no provider called olama") as caught:
        endpoint("olama")
    assert all(name in caught.value.hint for name in PROVIDERS)


@pytest.mark.parametrize(
    ("address", "base_url", "host"),
    [
        ("http://localhost:8080", "http://localhost:8080/v1", "localhost:8080"),
        ("http://localhost:8080/", "http://localhost:8080/v1", "localhost:8080"),
        ("https://eu.api.openai.com/v1", "https://eu.api.openai.com/v1", "eu.api.openai.com"),
        ("https://llm.example.org/a/b/", "https://llm.example.org/a/b", "llm.example.org"),
        ("http://[::1]:9000/v1", "http://[::1]:9000/v1", "[::1]:9000"),
    ],
)
def test_a_base_url(address: str, base_url: str, host: str) -> None:
    found = endpoint(address)
    assert (found.base_url, found.host) == (base_url, host)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://API.OpenAI.com/v1", "openai"),
        ("http://127.0.0.1:11434", "ollama"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://api.openai.com.evil.example/v1", "api.openai.com.evil.example"),
        ("https://notapi.openai.com/v1", "notapi.openai.com"),
        ("http://127.0.0.1:9999/v1", "127.0.0.1:9999"),
    ],
)
def test_whose_address_it_is(address: str, name: str) -> None:
    assert endpoint(address).name == name


@pytest.mark.parametrize("address", ["http://api.openai.com/v1", "http://openrouter.ai/api/v1"])
def test_a_key_is_not_sent_in_the_clear(address: str) -> None:
    with pytest.raises(OptionError, match="unencrypted") as caught:
        endpoint(address)
    assert caught.value.hint == "Use https."


@pytest.mark.parametrize(
    "address",
    ["http://a b/v1", "http://:80/v1", "http://x:99999/v1", "http://x/\nv1", "http://u:p@x/v1",
     "ftp://x/v1", "http://x/v1?key=1"],
)  # fmt: skip
def test_what_is_no_base_url(address: str) -> None:
    with pytest.raises(OptionError, match="no base URL"):
        endpoint(address)
