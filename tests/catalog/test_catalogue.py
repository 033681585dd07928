"""The catalogue as data, and the user's own entries."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from fake_hub import entry

from vidsum.catalog.catalogue import best_first, catalogue, named, of_class, to_pull
from vidsum.catalog.entries import ENTRIES, gguf_memory_bytes, kv_bytes_per_token
from vidsum.catalog.entry import ALL_TASKS, SIZE_CLASSES, ModelEntry, ModelFile
from vidsum.catalog.machine import fits, total_memory_bytes
from vidsum.catalog.own import COMMIT, REPO, SHA256
from vidsum.errors import BackendMissing, OptionError

MINE = entry("mine", "caption", "small", "me/mine", {"m.gguf": "model", "p.gguf": "mmproj"})
PAINTER = entry(
    "painter", "image", "tiny", "me/painter",
    {"p.gguf": "model", "d.safetensors": "decoder", "w.gguf": "encoder"}, steps=8, guidance=3.5,
) + f'repo = "them/words"\nrevision = "{"0" * 40}"\n'  # fmt: skip


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path))
    return tmp_path


def test_every_task_has_a_model_of_every_class() -> None:
    """Pictures have none that is tiny: no free one is known that takes references."""
    assert {(e.task, e.size_class) for e in ENTRIES} == {
        (t, c) for t in ALL_TASKS for c in SIZE_CLASSES
    } - {("image", "tiny")}
    assert len({e.name for e in ENTRIES}) == len(ENTRIES)


@pytest.mark.parametrize("found", ENTRIES, ids=lambda e: e.name)
def test_an_entry_is_whole_and_well_formed(found: ModelEntry) -> None:
    for part in found.parts:
        assert REPO.fullmatch(part.repo)
        assert part.revision is None or COMMIT.fullmatch(part.revision)
        assert {file.revision for file in part.files} in ({None}, {part.revision})
    assert all(file.sha256 is None or SHA256.fullmatch(file.sha256) for file in found.files)
    roles = sorted(file.role for file in found.files if file.role != "part")
    assert roles == {"caption": ["mmproj", "model"], "image": ["decoder", "encoder", "model"]}.get(
        found.task, ["model"]
    )
    assert (found.context_tokens is None) == (found.task in ("speech", "image"))
    assert (found.steps is None) == (found.guidance is None) == (found.task != "image")
    assert found.size_bytes is not None
    assert found.memory_bytes > found.size_bytes
    assert found.licence in ("Apache-2.0", "MIT")
    assert found.pinned == ("unverified" not in found.note)
    assert found.note


def test_memory_is_files_and_cache_and_working_room() -> None:
    """SmolLM2-360M: 32 layers of 5 key-value heads of 64, each a key and a value of 2 bytes."""
    assert kv_bytes_per_token(32, 5, 64) == 40_960
    files = (ModelFile("a", "model", 1000), ModelFile("b", "mmproj", 500))
    assert gguf_memory_bytes(files, 40_960, 2048) == 1500 + 83_886_080 + 200_000_000


def test_what_fits_depends_on_the_machine() -> None:
    total = total_memory_bytes()
    assert 10**8 < total < 10**14
    small, large = (
        ModelEntry("m", "reason", "tiny", "a/b", None, (), "MIT", int(total * share))
        for share in (0.5, 0.95)
    )
    assert fits(small)
    assert not fits(large)


def test_an_entry_is_the_sum_of_its_parts() -> None:
    found = named("flux2-klein-4b")
    assert found.repo == found.parts[0].repo
    assert [part.files for part in found.parts] == [(file,) for file in found.files]
    assert {part.name for part in found.parts} == {found.name}
    assert all(part.parts == (part,) for part in found.parts)
    assert (found.size_bytes, found.pinned) == (5_207_178_964, True)
    loose = replace(found, files=(*found.files[:2], replace(found.files[2], revision=None)))
    assert not loose.pinned


def test_an_own_entry_may_lie_in_several_repositories(state: Path) -> None:
    (state / "catalog.toml").write_text(PAINTER)
    [found] = catalogue("image")[:1]
    assert (found.name, found.steps, found.guidance) == ("painter", 8, 3.5)
    assert found.memory_bytes == 3_000_000_000
    assert [(part.repo, part.revision, [(file.name, file.role) for file in part.files])
            for part in found.parts] == [
        ("me/painter", None, [("p.gguf", "model"), ("d.safetensors", "decoder")]),
        ("them/words", "0" * 40, [("w.gguf", "encoder")]),
    ]  # fmt: skip


def test_own_entries_come_first_and_hide_their_namesakes(state: Path) -> None:
    (state / "catalog.toml").write_text(MINE + MINE.replace('"mine"', '"smolvlm2-500m"'))
    assert [e.repo for e in of_class("small", "caption")] == ["me/mine", "me/mine"]
    assert named("smolvlm2-500m").repo == "me/mine"
    assert len([e for e in catalogue() if e.name == "smolvlm2-500m"]) == 1
    assert [e.size_class for e in best_first("caption")] == ["good", "small", "small", "tiny"]
    assert named("mine").memory_bytes == 500_000_000
    assert named("mine").note == "your own entry"


def test_a_class_means_its_best_model_that_fits(state: Path) -> None:
    (state / "catalog.toml").write_text(
        MINE.replace("[[model.files]]", "memory_mb = 900000000\n[[model.files]]", 1)
    )
    assert to_pull("small", "caption").name == "smolvlm2-500m"
    with pytest.raises(BackendMissing, match="no model called mein"):
        named("mein")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("for =", "four ="), "mine: unknown key 'four'"),
        (('"caption"', '"captions"'), "mine: for must be one of caption, speech, reason"),
        (('"me/mine"', '"../../etc"'), "mine: repo is not valid"),
        (('"m.gguf"', '"../m.gguf"'), "mine: '../m.gguf' is no file name"),
        (('"m.gguf"', '"/m.gguf"'), "mine: '/m.gguf' is no file name"),
        (('role = "mmproj"', 'role = "part"'), "mine: needs one file with role model, one with"),
        (('role = "model"', 'role = "model"\nsize = -1'), "mine: size must be a whole number"),
        (('role = "model"', 'role = "model"\nsha256 = "abc"'), "mine: sha256 is not valid"),
        (('"mine"', '"tiny"'), "'tiny' is taken"),
        (('"me/mine"', '"me/mi--ne"'), "mine: repo is not valid"),
        (('"me/mine"', '"me/mine.git"'), "mine: repo is not valid"),
        (('"me/mine"', '"me/mine-"'), "mine: repo is not valid"),
        (('"p.gguf"', '"m.gguf"'), "mine: two files have the same name"),
        (('"me/mine"', '"me/mine"\nlicence = "\\u001b[31mMIT"'), "mine: licence must be one line"),
        (('"me/mine"', '"me/mine"\nnote = 5'), "mine: note must be one line"),
        (('"me/mine"', '"me/mine"\nmemory_mb = 1' + "0" * 400), "mine: memory_mb is too large"),
        (("[[model]]", "x = " + "[" * 5000), "is not valid TOML"),
        (("[[model]]", "[[models]]"), "unknown key 'models'"),
        (("[[model]]", "[model"), "is not valid TOML"),
    ],
)
def test_a_wrong_catalogue_is_said_and_nothing_else(
    state: Path, change: tuple[str, str], said: str
) -> None:
    refused(state, MINE.replace(*change), said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"decoder"', '"encoder"'), "painter: a model for image has at most one file of each"),
        (('"decoder"', '"mmproj"'), "at most one file of each of the roles model, encoder, dec"),
        (('"model"', '"part"'), "painter: needs one file with role model"),
        (('role = "model"', 'role = "model"\nrepo = "a/b"'), "only a file that lies elsewhere"),
        (("them/words", "me/painter"), "only a file that lies elsewhere than the model has a repo"),
        (("them/words", "../words"), "painter: repo is not valid"),
        (('repo = "them/words"\n', ""), "a revision of its own only with a repo of its own"),
        (('"d.safetensors"\n', '"d.safetensors"\nrepo = "them/words"\n'), "different revisions"),
        (("= 3.5", '= "much"'), "painter: guidance must be a number"),
        (("= 3.5", "= true"), "painter: guidance must be a number"),
        (("= 3.5", "= nan"), "painter: guidance must be between 0 and 100"),
        (("= 3.5", "= -1"), "painter: guidance must be between 0 and 100"),
        (("steps = 8", "steps = 0"), "painter: steps must be a whole number above 0"),
        (('"painter"', '"image"'), "'image' is taken"),
    ],
)
def test_a_wrong_model_for_pictures_is_said(
    state: Path, change: tuple[str, str], said: str
) -> None:
    refused(state, PAINTER.replace(*change), said)


def refused(state: Path, text: str, said: str) -> None:
    (state / "catalog.toml").write_text(text)
    with pytest.raises(OptionError, match=re.escape(said)) as raised:
        catalogue()
    assert str(state / "catalog.toml") in raised.value.message


def test_the_state_folder_of_a_user_who_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDSUM_HOME", "~nobody-here/x")
    with pytest.raises(OptionError, match="VIDSUM_HOME names the home"):
        catalogue()
