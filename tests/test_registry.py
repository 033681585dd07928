"""Backends: loaded by name, chosen by tier, and never half there."""

from __future__ import annotations

import pytest

from vidsum import registry
from vidsum.errors import BackendMissing


@pytest.mark.parametrize(
    ("stage", "name"), [(s, n) for s, backends in registry.STAGES.items() for n in backends]
)
def test_every_backend_loads_and_knows_its_name(stage: str, name: str) -> None:
    assert registry.load(stage, name).name == name


@pytest.mark.parametrize("stage", registry.STAGES)
def test_auto_and_lite_have_a_backend_for_every_stage(stage: str) -> None:
    assert registry.choose(stage, "auto") == registry.choose(stage, "lite")


@pytest.mark.parametrize("tier", ["local", "api"])
def test_a_tier_without_engines_says_so(tier: str) -> None:
    with pytest.raises(BackendMissing, match=f"--tier {tier}") as caught:
        registry.choose("captioner", tier)
    assert caught.value.exit_code == 4
    assert "--tier lite" in caught.value.hint


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BackendMissing, match="no captioner called eagle") as caught:
        registry.load("captioner", "eagle")
    assert "builtin" in caught.value.hint


def test_a_backend_whose_library_is_missing_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backends = {"owl": registry.Backend("vidsum_no_such_module:Owl", "local", "local")}
    monkeypatch.setattr(registry, "STAGES", {"captioner": backends})
    with pytest.raises(BackendMissing, match="owl cannot be loaded") as caught:
        registry.load("captioner", "owl")
    assert "pip install 'vidsum[local]'" in caught.value.hint
