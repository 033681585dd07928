"""A model whose files lie in several repositories: pulled, pinned, verified, removed as one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub, Machine, commit_named, entry, running
from weight_files import DECODER, DIFFUSION, ENCODER, gguf, safetensors

WET, WETTER = gguf(DIFFUSION), gguf({**DIFFUSION, "final_layer.linear.weight": (64, 64)})
WORDS, DRY = gguf(ENCODER), safetensors(DECODER)


def painter(name: str, model: str, size_class: str = "tiny") -> str:
    """Return an own entry of three files in two repositories."""
    return (
        entry(name, "image", size_class, "them/wet", {model: "model", "dry.bin": "decoder"})
        + '[[model.files]]\nname = "words.gguf"\nrole = "encoder"\nrepo = "them/words"\n'
    )


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running(FakeHub()) as hub:
        hub.put("them/wet", "wet", {"wet.gguf": WET, "wetter.gguf": WETTER, "dry.bin": DRY})
        hub.put("them/words", "words", {"words.gguf": WORDS, "README.md": b"# Words"})
        hub.put("them/eye", "eye", {"eye.gguf": WORDS, "mmproj-eye.gguf": WET})
        yield hub


@pytest.fixture
def machine(hub: FakeHub, tmp_path: Path) -> Machine:
    machine = Machine(tmp_path, hub)
    machine.catalogue(painter("wet", "wet.gguf"), painter("wetter", "wetter.gguf", "good"))
    return machine


def place(machine: Machine, repo: str, name: str) -> Path:
    folder = machine.cache / f"models--them--{repo}" / "snapshots" / commit_named(repo)
    return folder / name


def everything(machine: Machine) -> set[str]:
    """Return the names of the files in the cache that show bytes."""
    return {path.name for path in machine.cache.glob("*/snapshots/*/*") if path.exists()}


def test_a_pull_brings_all_files_and_pins_each_repository(machine: Machine, hub: FakeHub) -> None:
    code, out, err = machine.run("pull", "wet")
    paths = [place(machine, "wet", "wet.gguf"), place(machine, "words", "words.gguf"),
             place(machine, "wet", "dry.bin")]  # fmt: skip
    assert (code, out) == (0, "".join(f"{path}\n" for path in paths)), err
    assert [path.read_bytes() for path in paths] == [WET, WORDS, DRY]
    assert "from them/wet, them/words" in err
    assert "0 MB downloaded, 3 checked" in err
    known = json.loads((machine.state / "models.json").read_text())["models"]
    assert {name: (pulled["repo"], pulled["commit"]) for name, pulled in known.items()} == {
        "wet": ("them/wet", commit_named("wet")),
        "wet them/words": ("them/words", commit_named("words")),
    }
    first = (machine.state / "models.json").read_bytes()
    hub.put("them/words", "newer", {"words.gguf": WET})
    code, _, err = machine.run("pull", "wet")
    assert (code, "was here already, checked" in err) == (0, True), err
    assert (machine.state / "models.json").read_bytes() == first
    code, out, err = machine.run("pull", "wet", "--accept-change", "-q", "--yes")
    assert code == 0, err
    assert Path(out.splitlines()[1]).read_bytes() == WET


def test_a_repository_that_changed_its_bytes_is_refused(machine: Machine, hub: FakeHub) -> None:
    assert machine.run("pull", "wet", "-q")[0] == 0
    hub.repos["them/words"][commit_named("words")]["words.gguf"] = WETTER
    place(machine, "words", "words.gguf").unlink()
    code, _, err = machine.run("pull", "wet", "-q")
    assert (code, "words.gguf of them/words has changed" in err) == (5, True), err


def test_an_interrupted_pull_is_no_damaged_model(machine: Machine, hub: FakeHub) -> None:
    hub.repos["them/words"][commit_named("words")].pop("words.gguf")
    code, _, err = machine.run("pull", "wet", "-q")
    assert (code, "no file words.gguf in them/words" in err) == (5, True), err
    assert machine.run("verify", "-q")[:2] == (0, "")
    code, _, err = machine.run("path", "wet")
    assert (code, "wet is not on this machine. Get it: vidsum models pull wet" in err) == (4, True)


def test_a_flipped_byte_is_found_in_any_repository(machine: Machine) -> None:
    assert machine.run("pull", "wet", "-q")[0] == 0
    assert machine.run("verify", "-q")[:2] == (0, "wet: right\n")
    path = place(machine, "words", "words.gguf").resolve()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    code, out, err = machine.run("verify", "-q")
    assert (code, out) == (5, "wet: damaged: words.gguf\n")
    assert "Fetch again: vidsum models pull wet" in err
    path.write_bytes(WORDS[:-1])
    assert machine.run("verify", "-q")[:2] == (5, "wet: not whole\n")


def test_removal_leaves_what_another_model_needs(machine: Machine) -> None:
    assert machine.run("pull", "wet", "wetter", "-q")[0] == 0
    size = len(WET) / 1e3
    assert machine.run("rm", "wet", "--yes")[:2] == (0, f"wet: {size:.0f} kB freed\n")
    assert everything(machine) == {"wetter.gguf", "words.gguf", "dry.bin"}
    assert machine.run("verify", "-q")[:2] == (0, "wetter: right\n")
    code, _, err = machine.run("rm", "wet", "--yes")
    assert (code, "wet is not here" in err) == (4, True)
    assert machine.run("rm", "wetter", "--yes")[0] == 0
    assert everything(machine) == set()
    assert machine.run("rm", "wetter", "--yes")[0] == 4
    assert machine.run("verify", "-q")[:2] == (0, "")


def test_two_that_share_files_go_together(machine: Machine) -> None:
    assert machine.run("pull", "wet", "wetter", "-q")[0] == 0
    assert machine.run("rm", "wet", "wetter", "--yes")[0] == 0
    assert everything(machine) == set()


def test_a_class_without_a_task_brings_no_model_for_pictures(
    machine: Machine, hub: FakeHub
) -> None:
    """Gigabytes that no summary needs come only when they are named."""
    names = {"caption": "eye", "speech": "ear", "reason": "head"}
    files = {
        "caption": {"eye.gguf": "model", "mmproj-eye.gguf": "mmproj"},
        "speech": {"model.bin": "model", "config.json": "part"}, "reason": {"eye.gguf": "model"},
    }  # fmt: skip
    hub.put("them/ear", "ear", {"model.bin": b"\x06ear", "config.json": b"{}"})
    machine.catalogue(painter("wet", "wet.gguf", "small"), *(
        entry(name, task, "small", "them/ear" if task == "speech" else "them/eye", files[task])
        for task, name in names.items()
    ))  # fmt: skip
    code, out, err = machine.run("pull", "small", "-q")
    assert code == 0, err
    assert everything(machine) == {"eye.gguf", "mmproj-eye.gguf", "model.bin", "config.json"}
    code, out, err = machine.run("pull", "small", "-q", "--for", "image")
    assert (code, len(out.splitlines())) == (0, 3), err
    assert "wet.gguf" in everything(machine)


def test_the_list_tells_every_file_and_its_repository(machine: Machine) -> None:
    assert machine.run("pull", "wet", "-q")[0] == 0
    code, out, _ = machine.run("list", "--json", "--for", "image")
    assert code == 0
    found = {model["name"]: model for model in json.loads(out)["models"]}
    wet = found["wet"]
    assert [(f["name"], f["role"], f["repo"]) for f in wet["files"]] == [
        ("wet.gguf", "model", "them/wet"), ("dry.bin", "decoder", "them/wet"),
        ("words.gguf", "encoder", "them/words"),
    ]  # fmt: skip
    assert (wet["here"], wet["pinned_by"], wet["steps"]) == (True, "first pull", None)
    assert Path(wet["encoder"]).read_bytes() == WORDS
    assert Path(wet["decoder"]).read_bytes() == DRY
    assert (wet["mmproj"], found["wetter"]["encoder"]) == (None, None)
    klein = found["flux2-klein-4b"]
    assert (klein["pinned_by"], klein["guidance"], klein["here"]) == ("catalogue", 1.0, False)
    assert machine.run("list", "--for", "image")[1].splitlines()[1].startswith(
        ("wetter ", "flux2-klein-4b-q8 ")
    )  # fmt: skip


def test_a_folder_is_shown_by_its_files(machine: Machine) -> None:
    from weight_files import model_folder

    folder = model_folder(machine.folder / "mine")
    expected = "".join(f"{folder / name}\n" for name in ("b.gguf", "c.gguf", "a.safetensors"))
    assert machine.run("path", str(folder), "--for", "image") == (0, expected, "")
