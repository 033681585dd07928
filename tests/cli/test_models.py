"""``vidsum models``: list, path, verify, rm, and what is asked. Downloads: tests/catalog."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub, Machine, commit_named, content, entry, running

from vidsum.catalog.entries import ENTRIES
from vidsum.data import SCHEMA_VERSION

EYE = {"eye.gguf": content("eye", 200_000), "mmproj-eye.gguf": content("mm", 100_000)}
WIDER = content("other quantisation", 5_000)


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with running(FakeHub()) as hub:
        hub.put("them/eye", "first", EYE | {"wider.gguf": WIDER, "README.md": b"# Eye"})
        yield hub


@pytest.fixture
def machine(hub: FakeHub, tmp_path: Path) -> Machine:
    machine = Machine(tmp_path, hub)
    machine.catalogue(
        entry("eye", "caption", "tiny", "them/eye",
              {"eye.gguf": "model", "mmproj-eye.gguf": "mmproj"}),
        entry("wide", "reason", "tiny", "them/eye", {"wider.gguf": "model"}, memory_mb=10**9),
    )  # fmt: skip
    return machine


def test_the_list_in_a_pipe_is_plain_and_aligned(machine: Machine) -> None:
    machine.run("pull", "eye", "-q")
    code, out, err = machine.run("list")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert set(lines) == {"name", "eye", "wide", *(e.name for e in ENTRIES)}
    assert lines["eye"].endswith("  here")
    assert lines["wide"].endswith("  not here, too large for this machine, unverified")
    assert re.search(r"smolvlm2-500m +caption +small +546 MB +913 MB +Apache-2.0 +4,096 +not here$",
                     lines["smolvlm2-500m"])  # fmt: skip
    assert len({line.index(" not here") for line in lines.values() if " not here" in line}) == 1


def test_the_list_as_json_holds_all_that_is_known(machine: Machine) -> None:
    machine.run("pull", "eye", "-q")
    code, out, _ = machine.run("list", "--json", "--for", "caption")
    assert code == 0
    whole = json.loads(out)
    assert whole["schema_version"] == SCHEMA_VERSION
    found = {model["name"]: model for model in whole["models"]}
    assert {model["task"] for model in found.values()} == {"caption"}
    eye = found["eye"]
    assert (eye["here"], eye["pinned_by"], eye["origin"]) == (True, "first pull", "pulled")
    assert Path(eye["path"]).read_bytes() == EYE["eye.gguf"]
    assert Path(eye["mmproj"]).read_bytes() == EYE["mmproj-eye.gguf"]
    assert eye["size_bytes"] is None, "the user's catalogue does not say"
    assert found["smolvlm2-500m"]["pinned_by"] == "catalogue"
    assert found["smolvlm2-256m"]["pinned_by"] == "nobody"
    assert found["smolvlm2-256m"]["path"] is None


def test_path_takes_what_the_options_take(machine: Machine, tmp_path: Path) -> None:
    machine.run("pull", "eye", "-q")
    expected = "".join(
        f"{machine.cache}/models--them--eye/snapshots/{commit_named('first')}/{name}\n"
        for name in EYE
    )
    assert machine.run("path", "eye") == (0, expected, "")
    assert machine.run("path", "tiny", "--for", "caption") == (0, expected, "")
    (tmp_path / "x.gguf").write_bytes(WIDER)
    own = str(tmp_path / "x.gguf")
    assert machine.run("path", own, "--for", "reason") == (0, f"{own}\n", "")
    code, out, err = machine.run("path", "wide")
    assert (code, out) == (4, "")
    assert "Get it: vidsum models pull wide" in err


def test_a_flipped_byte_is_found_and_fetched_again(machine: Machine) -> None:
    machine.run("pull", "eye", "wide", "-q")
    assert machine.run("verify", "-q")[:2] == (0, "eye: right\nwide: right\n")
    path = Path(machine.run("path", "eye")[1].splitlines()[0])
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.resolve().write_bytes(data)
    code, out, err = machine.run("verify", "-q")
    assert (code, out) == (5, "eye: damaged: eye.gguf\nwide: right\n")
    assert "Damaged: eye. Fetch again: vidsum models pull eye" in err
    assert machine.run("pull", "eye", "-q")[0] == 0
    assert path.read_bytes() == EYE["eye.gguf"]
    assert machine.run("verify", "eye", "-q")[:2] == (0, "eye: right\n")


def test_a_model_that_lost_bytes_is_said_to_be_damaged_and_not_absent(machine: Machine) -> None:
    machine.run("pull", "eye", "-q")
    path = Path(machine.run("path", "eye")[1].splitlines()[0]).resolve()
    path.write_bytes(path.read_bytes()[:-1])
    code, out, err = machine.run("verify", "-q")
    assert (code, out) == (5, "eye: not whole\n")
    assert "Fetch again: vidsum models pull eye" in err
    code, _, err = machine.run("path", "eye")
    assert (code, "The caption model eye is not whole any more" in err) == (4, True)
    shown = machine.python("""
from vidsum.catalog.locate import find
from vidsum.errors import BackendMissing
try:
    find("caption", None)
except BackendMissing as exc:
    print(exc.message, exc.hint)
""")
    assert "eye is not whole any more. Get it again: vidsum models pull eye" in shown
    assert machine.run("pull", "eye", "-q")[0] == 0
    assert machine.run("verify", "-q")[:2] == (0, "eye: right\n")


def test_verify_names_what_is_not_here(machine: Machine) -> None:
    assert machine.run("verify", "-q") == (0, "", "")
    assert machine.run("verify") == (0, "", "vidsum: no model of the catalogue is here\n")
    code, _, err = machine.run("verify", "eye")
    assert (code, "eye is not here, or not whole" in err) == (4, True)
    for command in ("verify", "rm"):
        code, _, err = machine.run(command, "small")
        assert (code, "small is a class of models" in err) == (4, True)


def test_verify_knows_small_files_by_the_name_that_git_gives_them(
    machine: Machine, hub: FakeHub
) -> None:
    """They are pinned nowhere when another program downloaded them."""
    hub.put("them/ear", "first", {"model.bin": WIDER, "config.json": b"{}"})
    machine.catalogue(entry("ear", "speech", "tiny", "them/ear",
                            {"model.bin": "model", "config.json": "part"}))  # fmt: skip
    machine.run("pull", "ear", "-q")
    (machine.state / "models.json").unlink()
    assert machine.run("verify", "-q")[:2] == (0, "ear: right\n")
    (Path(machine.run("path", "ear")[1].strip()) / "config.json").write_text("[]")
    assert machine.run("verify", "-q")[:2] == (5, "ear: damaged: config.json\n")


def test_a_change_that_was_accepted_is_not_the_catalogues(machine: Machine, hub: FakeHub) -> None:
    old, now = "0" * 40, commit_named("first")
    machine.catalogue(
        entry("eye", "caption", "tiny", "them/eye", revision=old,
              files={"eye.gguf": "model", "mmproj-eye.gguf": "mmproj"})
        .replace('role = "model"', f'role = "model"\nsha256 = "{"0" * 64}"')
        .replace('role = "mmproj"', f'role = "mmproj"\nsha256 = "{"0" * 64}"')
    )  # fmt: skip
    assert machine.run("pull", "eye", "-q")[0] == 5
    assert machine.run("pull", "eye", "-q", "--accept-change")[0] == 0
    found = json.loads(machine.run("list", "--json", "--for", "caption")[1])["models"]
    (eye,) = (model for model in found if model["name"] == "eye")
    assert (eye["pinned_by"], now in eye["path"]) == ("accepted change", True)


def test_rm_touches_nothing_but_the_cache(machine: Machine) -> None:
    machine.run("pull", "eye", "-q")
    repo = machine.cache / "models--them--eye"
    own = machine.folder / "other disk.gguf"
    own.write_bytes(EYE["eye.gguf"])
    place = repo / "snapshots" / commit_named("first") / "eye.gguf"
    place.unlink()
    place.symlink_to(own)
    (repo / "notes.txt").write_text("mine")
    assert machine.run("rm", "eye")[0] == 0
    assert own.read_bytes() == EYE["eye.gguf"]
    assert (repo / "notes.txt").read_text() == "mine"
    assert machine.run("path", "eye")[0] == 4


def test_rm_of_a_model_whose_neighbour_is_here(machine: Machine) -> None:
    machine.run("pull", "wide", "-q")
    code, _, err = machine.run("rm", "eye")
    assert (code, "eye is not here" in err) == (4, True)


def test_rm_frees_a_models_bytes_and_leaves_its_neighbours(machine: Machine) -> None:
    machine.run("pull", "eye", "wide", "-q")
    assert machine.run("rm", "eye") == (0, "eye: 300 kB freed\n", "")
    repo = machine.cache / "models--them--eye"
    assert [blob.read_bytes() for blob in (repo / "blobs").iterdir()] == [WIDER]
    assert machine.run("path", "wide")[0] == 0
    assert machine.run("path", "eye")[0] == 4
    assert machine.run("rm", "wide")[1] == "wide: 5 kB freed\n"
    assert not repo.exists()
    code, _, err = machine.run("rm", "wide")
    assert (code, "wide is not here" in err) == (4, True)
    assert "eye" in json.loads((machine.state / "models.json").read_text())["models"]


def test_rm_leaves_bytes_that_another_model_shows(machine: Machine, hub: FakeHub) -> None:
    hub.repos["them/eye"][commit_named("first")]["twin.gguf"] = WIDER
    machine.catalogue(*(entry(name, "reason", "tiny", "them/eye", {f"{name}.gguf": "model"})
                        for name in ("wider", "twin")))  # fmt: skip
    assert machine.run("pull", "wider", "twin", "-q")[0] == 0
    assert machine.run("rm", "wider")[1] == "wider: 0 kB freed\n"
    assert machine.run("verify", "twin", "-q")[:2] == (0, "twin: right\n")
    assert machine.run("rm", "twin")[1] == "twin: 5 kB freed\n"


def test_rm_removes_half_a_download_too(machine: Machine, hub: FakeHub) -> None:
    blobs = machine.cache / "models--them--eye" / "blobs"
    hub.other_bytes["eye.gguf"] = EYE["eye.gguf"][:-5]
    try:
        assert machine.run("pull", "eye", "-q")[0] == 5
    finally:
        hub.other_bytes.clear()
    assert [path.suffix for path in blobs.iterdir()] == [".incomplete"]
    assert machine.run("rm", "eye")[0] == 0
    assert not blobs.exists()


def test_unknown_names_and_wrong_tasks(machine: Machine) -> None:
    code, _, err = machine.run("pull", "eyes")
    assert (code, "no model called eyes in the catalogue. Did you mean eye?" in err) == (4, True)
    code, _, err = machine.run("pull", "eye", "--for", "speech")
    assert (code, "eye is a model for caption, not for speech" in err) == (2, True)
    for asked in ("small", "/x/y.gguf", "ollama:eye"):
        code, _, err = machine.run("path", asked)
        assert (code, f"{asked} may be for any task. Say which: --for" in err) == (2, True)
    code, _, err = machine.run("pull")
    assert (code, "Try vidsum models pull --help." in err) == (2, True)
    code, _, err = machine.run("pull", "\x1b[31meye\n")
    assert (code, "\x1b" in err, len(err.splitlines())) == (4, False, 1)


def on_a_terminal(machine: Machine, *arguments: str, answer: str) -> tuple[int, str]:
    """Run ``vidsum models …`` on a terminal and type an answer."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vidsum", "models", *arguments],
        env=machine.env | {"COLUMNS": "80", "TERM": "xterm"},
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while True:
        try:
            block = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        shown += block
        if answer and b"]: " in shown:
            os.write(ours, answer.encode())
            answer = ""
    os.close(ours)
    return process.wait(timeout=60), shown.decode()


def test_on_a_terminal_it_asks_before_it_downloads_or_removes(machine: Machine) -> None:
    code, shown = on_a_terminal(machine, "pull", "eye", answer="n\n")
    assert (code, "Download? [Y/n]" in shown) == (0, True), shown
    assert "nothing was done" in shown
    assert not machine.cache.exists()
    assert on_a_terminal(machine, "pull", "eye", answer="y\n")[0] == 0
    code, shown = on_a_terminal(machine, "rm", "eye", answer="n\n")
    assert (code, "Remove eye? [y/N]" in shown) == (0, True)
    assert machine.run("path", "eye")[0] == 0
    code, shown = on_a_terminal(machine, "rm", "eye", "--yes", answer="")
    assert (code, "Remove" in shown, "freed" in shown) == (0, False, True)


def test_the_table_on_a_terminal_shows_whole_names(machine: Machine) -> None:
    code, shown = on_a_terminal(machine, "list", answer="")
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    for name in ("eye", *(e.name for e in ENTRIES)):
        assert re.search(rf"^{re.escape(name)} ", plain, re.MULTILINE), plain
    assert "unverified: no commit or checksum is known; the first pull pins" in plain


@pytest.mark.parametrize("command", ["list", "pull", "path", "verify", "rm"])
def test_every_command_has_help_with_an_example(machine: Machine, command: str) -> None:
    code, out, _ = machine.run(command, "--help")
    assert code == 0
    assert f"Example: vidsum models {command}" in out


def test_the_groups_help_shows_a_catalogue_that_can_be_read(machine: Machine) -> None:
    """The example in the help, with real values where it has dots."""
    _, out, _ = machine.run("--help")
    block = out[out.index("[[model]]") : out.index("Options:")]
    text = block.replace("0123...", "0" * 40) + (
        '[[model.files]]\nname = "mmproj.gguf"\nrole = "mmproj"\n'
    )
    machine.catalogue("\n".join(line.strip() for line in text.splitlines()))
    code, out, err = machine.run("list", "--for", "caption")
    assert (code, "my-vlm" in out) == (0, True), err
