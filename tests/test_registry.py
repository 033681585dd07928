"""Backends: found by name, never half there."""

from __future__ import annotations

import pytest

from vidsum import registry
from vidsum.config import Options
from vidsum.errors import BackendMissing

ALL = [(stage, name) for stage, backends in registry.STAGES.items() for name in backends]
LITE = [(s, n) for s, n in ALL if registry.STAGES[s][n].tier == "lite"]


@pytest.mark.parametrize(("stage", "name"), LITE)
def test_every_lite_backend_loads_and_knows_its_name(stage: str, name: str) -> None:
    assert registry.readiness(stage, name, Options()).ready
    assert registry.load(stage, name, Options()).name == name


@pytest.mark.parametrize(("stage", "name"), ALL)
def test_what_is_not_ready_says_what_is_missing_and_how_to_get_it(stage: str, name: str) -> None:
    found = registry.readiness(stage, name, Options())
    assert found.ready or (found.what and found.hint)


@pytest.mark.parametrize("stage", registry.STAGES)
def test_every_stage_has_a_lite_backend(stage: str) -> None:
    assert registry.of_tier(stage, "lite")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BackendMissing, match="no captioner called eagle") as caught:
        registry.load("captioner", "eagle", Options())
    assert "builtin" in caught.value.hint


def test_a_backend_whose_library_is_missing_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backends = {"owl": registry.Backend("vidsum_no_such_module", "local", "local")}
    monkeypatch.setattr(registry, "STAGES", {"captioner": backends})
    with pytest.raises(BackendMissing, match="owl cannot be loaded") as caught:
        registry.load("captioner", "owl", Options())
    assert "pip install 'vidsum[local]'" in caught.value.hint
    found = registry.readiness("captioner", "owl", Options())
    assert not found.ready
    assert "pip install 'vidsum[local]'" in found.hint
