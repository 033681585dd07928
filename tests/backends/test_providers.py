"""Who is meant by --api: a name, or a base URL."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vidsum.backends.providers import PROVIDERS, endpoint
from vidsum.config import option_table
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
        ("http://[FE80::1]:9000/v1", "http://[FE80::1]:9000/v1", "[fe80::1]:9000"),
        ("HTTPS://llm.example.org/v1", "https://llm.example.org/v1", "llm.example.org"),
        ("http://my_box:8080/v1", "http://my_box:8080/v1", "my_box:8080"),
        (
            "http://xn--mnchen-3ya.example",
            "http://xn--mnchen-3ya.example/v1",
            "xn--mnchen-3ya.example",
        ),
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
        ("http://0.0.0.0:8000/v1", "vllm"),
        ("https://api.openai.com./v1", "api.openai.com."),
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
     "ftp://x/v1", "http://x/v1?key=1", "https://evil.example\\.api.openai.com/v1",
     "https://evil.example%2F.api.openai.com/v1", "https://evil.example／.api.openai.com/v1",
     "https://evil.example;.api.openai.com/v1", "http://x\x00y/v1", "http://x/\x7f",
     "http://x/\u202ev1", "http://[:]/v1", "http://[1:2]/v1", "http://a..b/v1", "http://.../v1",
     f"http://{'a' * 64}/v1", f"http://{'a.' * 130}/v1", "http://münchen.example/v1"],
)  # fmt: skip
def test_what_is_no_base_url(address: str) -> None:
    with pytest.raises(OptionError, match="no base URL"):
        endpoint(address)


def test_what_is_no_base_url_shows_no_password() -> None:
    for address in ("http://me:hush@x/v1", "http://x/v1?key=hush", "http://x/#hush"):
        with pytest.raises(OptionError) as caught:
            endpoint(address)
        assert "hush" not in caught.value.message


def test_the_readme_lists_the_providers_that_there_are() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    table = readme.split("| `--api` | address | key |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| `(\S+)` \| (.+) \|$", table, re.MULTILINE)
    assert rows == [
        (one.name, one.base_url, f"`{one.key_names[0]}`" if one.needs_key
         else f"none (`{one.key_names[0]}`)")
        for one in PROVIDERS.values()
    ]  # fmt: skip
    (api,) = (entry for entry in option_table() if entry.key == "api")
    assert f"({', '.join(PROVIDERS)})" in api.help
