"""Downloads through the real command line and the real hub library, against a hub on loopback."""

from __future__ import annotations

import hashlib
import json
import re
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub, Machine, commit_named, content, entry, running

REPO = "them/eye-GGUF"
BLOCK = 10 << 20
"""The hub library writes in blocks of this size: what is lost in a cut is less than one."""
MODEL = content("eye", BLOCK + (2 << 20))
ENCODER = content("eye encoder", 50_000)
EYE = entry("eye", "caption", "tiny", REPO, {"eye.gguf": "model", "mmproj-eye.gguf": "mmproj"})
EAR_FILES = {
    "model.bin": content("ear", 30_000, b"\x06\x00"),
    "config.json": b'{"alignment_heads": []}',
    "tokenizer.json": b"{}",
    "vocabulary.txt": b"a\nb\n",
}
EAR = entry("ear", "speech", "tiny", "them/ear",
            {name: "model" if name == "model.bin" else "part" for name in EAR_FILES})  # fmt: skip


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running(FakeHub()) as hub:
        hub.put(REPO, "first", {"eye.gguf": MODEL, "mmproj-eye.gguf": ENCODER})
        hub.put("them/ear", "first ear", EAR_FILES)
        yield hub


@pytest.fixture
def machine(hub: FakeHub, tmp_path: Path) -> Machine:
    machine = Machine(tmp_path, hub)
    machine.catalogue(EYE, EAR)
    return machine


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def snapshot(machine: Machine, word: str = "first") -> Path:
    return machine.cache / "models--them--eye-GGUF" / "snapshots" / commit_named(word)


def leftovers(machine: Machine) -> list[Path]:
    return sorted(machine.cache.glob("*/blobs/*.incomplete"))


def test_a_pull_brings_the_files_and_says_so(machine: Machine, hub: FakeHub) -> None:
    code, out, err = machine.run("pull", "eye")
    assert (code, out) == (0, f"{snapshot(machine) / 'eye.gguf'}\n"
                              f"{snapshot(machine) / 'mmproj-eye.gguf'}\n"), err  # fmt: skip
    assert (snapshot(machine) / "eye.gguf").read_bytes() == MODEL
    assert (snapshot(machine) / "mmproj-eye.gguf").read_bytes() == ENCODER
    assert "eye: 13 MB downloaded, 2 checked" in err
    assert leftovers(machine) == []
    known = json.loads((machine.state / "models.json").read_text())["models"]["eye"]
    assert known["commit"] == commit_named("first")
    assert [file["sha256"] for file in known["files"]] == [sha256(MODEL), sha256(ENCODER)]


def test_progress_comes_as_events_and_counts_what_is_there_already(
    machine: Machine, hub: FakeHub
) -> None:
    hub.cut_once_after["eye.gguf"] = BLOCK + 1
    told = machine.python("""
from vidsum.catalog.catalogue import named
from vidsum.catalog.pull import pull
from vidsum.events import StageAdvanced, StageFinished, StageStarted
def listen(event):
    match event:
        case StageStarted(stage, unit, total): print("started", stage, unit, round(total * 1e6))
        case StageAdvanced(stage, done): print("advanced", stage, round(done * 1e6))
        case StageFinished(stage, note): print("finished", stage, note)
pull(named("eye"), listen)
""").splitlines()
    total = len(MODEL) + len(ENCODER)
    assert told[0] == f"started eye MB {total}"
    assert told[-1] == "finished eye 13 MB downloaded, 2 checked"
    done = [int(line.split()[2]) for line in told[1:-1]]
    assert done == sorted(done)
    assert (done[0], BLOCK in done, done[-1]) == (0, True, total)


def test_other_programs_find_it_in_the_cache(machine: Machine) -> None:
    """The hub library itself, offline, by the name of the branch."""
    from huggingface_hub import scan_cache_dir, try_to_load_from_cache

    assert machine.run("pull", "ear", "-q")[0] == 0
    for name, data in EAR_FILES.items():
        found = try_to_load_from_cache("them/ear", name, cache_dir=machine.cache, revision="main")
        assert isinstance(found, str)
        assert Path(found).read_bytes() == data
    scanned = scan_cache_dir(machine.cache)
    assert ([repo.repo_id for repo in scanned.repos], scanned.warnings) == (["them/ear"], [])


def test_what_another_program_downloaded_is_not_downloaded_again(
    machine: Machine, hub: FakeHub
) -> None:
    assert machine.run("pull", "eye", "-q")[0] == 0
    (machine.state / "models.json").unlink()
    before = len(hub.gets("eye.gguf"))
    code, _, err = machine.run("pull", "eye")
    assert (code, len(hub.gets("eye.gguf"))) == (0, before)
    assert "was here already, checked" in err


def test_nothing_about_this_machine_is_told(machine: Machine, hub: FakeHub) -> None:
    machine.run("pull", "ear", "-q")
    assert {served.path.split("/")[1] for served in hub.log} == {"them", "stored"}
    assert {tuple(part.split("/")[0] for part in served.agent.split("; "))
            for served in hub.log} == {("vidsum", "hf_hub", "python")}  # fmt: skip


def test_a_cut_connection_is_taken_up_where_it_broke(machine: Machine, hub: FakeHub) -> None:
    hub.cut_once_after["eye.gguf"] = BLOCK + (1 << 20)
    code, _, err = machine.run("pull", "eye")
    assert code == 0, err
    assert [get.range for get in hub.gets("eye.gguf")] == [None, f"bytes={BLOCK}-"]
    assert hub.gets("eye.gguf")[1].sent_bytes == len(MODEL) - BLOCK
    assert (snapshot(machine) / "eye.gguf").read_bytes() == MODEL


@pytest.mark.slow
def test_a_stalled_connection_is_given_up_and_taken_up(machine: Machine, hub: FakeHub) -> None:
    hub.stall_after["eye.gguf"] = BLOCK + 100
    process = machine.start("pull", "eye", "-q", env={"HF_HUB_DOWNLOAD_TIMEOUT": "1"})
    while len(hub.gets("eye.gguf")) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    hub.go_on.set()
    assert process.communicate(timeout=60)[0] == "".join(
        f"{snapshot(machine) / name}\n" for name in ("eye.gguf", "mmproj-eye.gguf")
    )
    assert hub.gets("eye.gguf")[1].range == f"bytes={BLOCK}-"
    assert (snapshot(machine) / "eye.gguf").read_bytes() == MODEL


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_the_next_pull_goes_on_after_an_interruption(
    machine: Machine, hub: FakeHub, how: signal.Signals, code: int
) -> None:
    hub.stall_after["eye.gguf"] = BLOCK + 100
    process = machine.start("pull", "eye", env={"HF_HUB_DOWNLOAD_TIMEOUT": "60"})
    while not any(path.stat().st_size >= BLOCK for path in leftovers(machine)):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert ("the same command goes on from there" in err) == (how is signal.SIGINT)
    assert machine.run("path", "eye")[0] == 4, "half a model is no model"
    hub.go_on.set()
    assert machine.run("pull", "eye", "-q")[0] == 0
    assert hub.gets("eye.gguf")[-1].range == f"bytes={BLOCK}-"
    assert (snapshot(machine) / "eye.gguf").read_bytes() == MODEL
    assert leftovers(machine) == []


def test_a_server_that_cannot_resume_is_read_from_the_start(machine: Machine, hub: FakeHub) -> None:
    hub.ignore_range = True
    hub.cut_once_after["eye.gguf"] = BLOCK + 1
    assert machine.run("pull", "eye", "-q")[0] == 0
    assert hub.gets("eye.gguf")[1].sent_bytes == len(MODEL)
    assert (snapshot(machine) / "eye.gguf").read_bytes() == MODEL


@pytest.mark.parametrize("name", ["eye.gguf", "config.json"])
def test_a_wrong_checksum_is_refused_and_removed(machine: Machine, hub: FakeHub, name: str) -> None:
    right = {"eye.gguf": MODEL} | EAR_FILES
    hub.other_bytes[name] = right[name][:-1] + bytes([right[name][-1] ^ 1])
    model = "eye" if name == "eye.gguf" else "ear"
    code, out, err = machine.run("pull", model)
    assert (code, out) == (5, "")
    assert f"{name} of " in err
    assert "has a wrong checksum; it was removed" in err
    assert leftovers(machine) == []
    assert not list(machine.cache.glob(f"*/snapshots/*/{name}"))
    assert hub.other_bytes[name] not in [
        path.read_bytes() for path in machine.cache.glob("*/blobs/*")
    ]
    assert machine.run("path", model)[0] == 4
    hub.other_bytes.clear()
    assert machine.run("pull", model, "-q")[0] == 0


def test_a_checksum_in_the_catalogue_counts_more_than_the_hubs(
    machine: Machine, hub: FakeHub
) -> None:
    machine.catalogue(EYE.replace('role = "model"', f'role = "model"\nsha256 = "{"0" * 64}"'))
    code, _, err = machine.run("pull", "eye")
    assert code == 5
    assert f"has changed: its sha256 is {sha256(MODEL)[:12]}…, not 000000000000… as pinned" in err
    assert hub.gets("eye.gguf") == []


def test_a_disk_that_is_too_small_is_said_before_the_download(
    machine: Machine, hub: FakeHub
) -> None:
    each = 49_000_000_000  # the hub gives nothing larger in one piece
    names = [f"part-{n}.bin" for n in range(shutil.disk_usage(machine.folder).free // each + 1)]
    hub.put("them/huge", "first huge", dict.fromkeys(names, b"x"))
    hub.claimed_size |= dict.fromkeys(names, each)
    roles = {name: "part" if number else "model" for number, name in enumerate(names)}
    machine.catalogue(entry("huge", "speech", "good", "them/huge", roles))
    code, _, err = machine.run("pull", "huge")
    assert code == 8, err
    assert f"{len(names) * each // 10**6:,} MB are still to come, and" in err
    assert hub.gets(names[0]) == []


def test_a_disk_that_fills_up_on_the_way_ends_with_code_8(machine: Machine, hub: FakeHub) -> None:
    """A limit on the size of files stands for the full disk: it makes the same write fail."""
    limit = 4 << 20
    code, out, err = machine.run(
        "pull", "eye", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    assert (code, out) == (8, ""), err
    assert "There is no room in" in err
    assert "8 MB are still to come" in err
    (left,) = leftovers(machine)
    assert left.read_bytes() == MODEL[: left.stat().st_size]
    assert machine.run("pull", "eye", "-q")[0] == 0
    assert (snapshot(machine) / "eye.gguf").read_bytes() == MODEL


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (entry("gone", "reason", "tiny", "them/gone", {"a.gguf": "model"}),
         "There is no repository them/gone on 127.0.0.1"),
        (entry("gone", "reason", "tiny", REPO, {"a.gguf": "model"}),
         "There is no file a.gguf in them/eye-GGUF on 127.0.0.1"),
        (entry("gone", "reason", "tiny", REPO, {"eye.gguf": "model"}, revision="a" * 40),
         "The commit of gone that is pinned is gone from them/eye-GGUF on 127.0.0.1"),
    ],
    ids=["repository", "file", "revision"],
)  # fmt: skip
def test_what_is_not_there_is_named(machine: Machine, model: str, said: str) -> None:
    machine.catalogue(model)
    code, out, err = machine.run("pull", "gone")
    assert (code, out) == (5, "")
    assert said in err
    assert len([line for line in err.splitlines() if "error:" in line]) == 1


def test_a_gated_repository_says_how_to_get_in_and_never_shows_the_token(
    machine: Machine, hub: FakeHub
) -> None:
    hub.gated.add(REPO)
    code, _, err = machine.run("pull", "eye", env={"HF_TOKEN": "hf_wrongsecret"})
    assert code == 5
    assert f"Accept its licence at {hub.address}/{REPO}, then log in" in err
    assert "hf_wrongsecret" not in err
    assert machine.run("pull", "eye", "-q", env={"HF_TOKEN": "hf_allowed"})[0] == 0
    stored = [served for served in hub.log if served.path.startswith("/stored/")]
    assert stored
    assert {served.authorization for served in stored} == {None}, "the token stays with the hub"


def test_offline_downloads_nothing_and_names_the_command(machine: Machine, hub: FakeHub) -> None:
    code, _, err = machine.run("pull", "eye", env={"HF_HUB_OFFLINE": "1"})
    assert code == 4
    assert "HF_HUB_OFFLINE forbids downloads. Unset it and run: vidsum models pull eye" in err
    assert hub.log == []
    assert machine.run("pull", "eye", "-q")[0] == 0
    assert machine.run("pull", "eye", env={"HF_HUB_OFFLINE": "1"})[0] == 0


def test_a_hub_that_cannot_be_reached_or_is_none(tmp_path: Path, hub: FakeHub) -> None:
    machine = Machine(tmp_path)
    machine.catalogue(EYE)
    code, _, err = machine.run("pull", "eye")
    assert (code, "127.0.0.1:9 cannot be reached" in err) == (5, True), err
    machine.hub = hub
    hub.status = 503
    code, _, err = machine.run("pull", "eye")
    assert (code, "answered 503 for them/eye-GGUF" in err) == (5, True), err


def test_a_model_stays_at_the_commit_that_was_pulled_first(machine: Machine, hub: FakeHub) -> None:
    assert machine.run("pull", "eye", "-q")[0] == 0
    assert machine.run("rm", "eye", "--yes")[0] == 0
    hub.put(REPO, "second", {"eye.gguf": content("new", 1000), "mmproj-eye.gguf": ENCODER})
    code, out, _ = machine.run("pull", "eye", "-q")
    assert (code, Path(out.splitlines()[0])) == (0, snapshot(machine) / "eye.gguf")
    assert (snapshot(machine) / "eye.gguf").read_bytes() == MODEL


def test_a_change_upstream_is_refused_until_it_is_accepted(machine: Machine, hub: FakeHub) -> None:
    assert machine.run("pull", "eye", "-q")[0] == 0
    assert machine.run("rm", "eye", "--yes")[0] == 0
    new = content("rewritten", 1000)
    hub.repos[REPO][commit_named("first")]["eye.gguf"] = new
    code, out, err = machine.run("pull", "eye")
    assert (code, out) == (5, "")
    assert f"not {sha256(MODEL)[:12]}… as pinned" in err
    assert "vidsum models pull eye --accept-change" in err
    assert machine.run("pull", "eye", "--accept-change", "-q")[0] == 0
    assert (snapshot(machine) / "eye.gguf").read_bytes() == new
    assert machine.run("pull", "eye", "-q")[0] == 0, "from now on this is what is trusted"


def test_a_history_that_was_rewritten_is_refused_until_it_is_accepted(
    machine: Machine, hub: FakeHub
) -> None:
    machine.catalogue(entry("eye", "caption", "tiny", REPO, revision=commit_named("first"),
                            files={"eye.gguf": "model", "mmproj-eye.gguf": "mmproj"}))  # fmt: skip
    del hub.repos[REPO][commit_named("first")]
    hub.put(REPO, "second", {"eye.gguf": content("new", 1000), "mmproj-eye.gguf": ENCODER})
    code, _, err = machine.run("pull", "eye")
    assert (code, "is gone from" in err, "--accept-change" in err) == (5, True, True)
    assert machine.run("pull", "eye", "--accept-change", "-q")[0] == 0
    code, out, _ = machine.run("path", "eye")
    assert Path(out.splitlines()[0]) == snapshot(machine, "second") / "eye.gguf"
    assert machine.run("pull", "eye", "-q")[0] == 0, "what was accepted counts for more"


def test_two_pulls_at_once_download_once(machine: Machine, hub: FakeHub) -> None:
    hub.stall_after["eye.gguf"] = 100
    first = machine.start("pull", "eye", env={"HF_HUB_DOWNLOAD_TIMEOUT": "60"})
    while not hub.gets("eye.gguf"):
        assert first.poll() is None
        time.sleep(0.02)
    second = machine.start("pull", "eye", env={"HF_HUB_DOWNLOAD_TIMEOUT": "60"})
    assert second.stderr is not None
    while "waiting for another download of eye.gguf" not in second.stderr.readline():
        assert second.poll() is None
    hub.go_on.set()
    ends = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0)
    assert ends[0] == ends[1] != ""
    assert len(hub.gets("eye.gguf")) == 1


def test_a_damaged_record_is_said_and_not_overwritten(machine: Machine) -> None:
    (machine.state / "models.json").write_text("{broken")
    code, _, err = machine.run("pull", "eye")
    assert (code, "is damaged. Move it away" in err) == (5, True)
    assert (machine.state / "models.json").read_text() == "{broken"


def test_a_class_means_one_model_a_task(machine: Machine) -> None:
    """The third task's tiny model is the built-in one, of which this hub knows nothing."""
    code, out, err = machine.run("pull", "tiny")
    assert code == 5
    assert "There is no repository Qwen/Qwen2.5-1.5B-Instruct-GGUF" in err
    said = [
        line.split()[1]
        for line in err.splitlines()
        if re.search(r" \((caption|speech|reason)\): ", line)
    ]
    assert said == ["eye", "ear", "qwen2.5-1.5b"]
    assert len(out.splitlines()) == 3, "what came before the failure is here, and said"


def test_a_body_without_end_is_cut_off_and_removed(machine: Machine, hub: FakeHub) -> None:
    hub.endless.add("eye.gguf")
    code, out, err = machine.run("pull", "eye")
    assert (code, out) == (5, "")
    assert f"More bytes came of eye.gguf of {REPO} than it has; they were removed" in err
    assert leftovers(machine) == []
    assert hub.gets("eye.gguf")[0].sent_bytes < len(MODEL) + 4 * BLOCK


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (-5, "does not say which bytes eye.gguf"),
        (60 * 10**9, "eye.gguf of .* is larger than 50 GB"),
    ],
)
def test_a_size_that_cannot_be_is_refused(
    machine: Machine, hub: FakeHub, size: int, said: str
) -> None:
    hub.claimed_size["eye.gguf"] = size
    code, _, err = machine.run("pull", "eye")
    assert (code, bool(re.search(said, err))) == (5, True), err
    assert hub.gets("eye.gguf") == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HF_ENDPOINT", "hub", "HF_ENDPOINT is no address of a model hub"),
        ("HF_ENDPOINT", "file:///etc", "HF_ENDPOINT is no address of a model hub"),
        ("HF_ENDPOINT", "http://hub:99999", "HF_ENDPOINT is no address of a model hub"),
        ("HF_ENDPOINT", "http://[", "A setting of the model hub's library is wrong"),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "soon", "A setting of the model hub's library is wrong"),
        ("HF_TOKEN", "hf_s\xe9cret", "Check HF_TOKEN"),
        (
            "http_proxy",
            "gopher://me:hf_s\xe9cret@proxy",
            "Check HF_TOKEN, HTTPS_PROXY and HTTP_PROXY",
        ),
    ],
)
def test_a_wrong_setting_is_named_and_not_shown(
    machine: Machine, name: str, value: str, said: str
) -> None:
    code, out, err = machine.run("pull", "eye", env={name: value})
    assert (code, out, said in err) == (2, "", True), err
    assert "cret" not in err


def test_a_link_of_the_users_own_is_replaced_and_its_file_left_alone(machine: Machine) -> None:
    """Who moves a model to another disk puts a link in its place."""
    assert machine.run("pull", "eye", "-q")[0] == 0
    own = machine.folder / "other disk.gguf"
    own.write_bytes(b"GGUF and changed since")
    place = snapshot(machine) / "eye.gguf"
    place.unlink()
    place.symlink_to(own)
    assert machine.run("pull", "eye", "-q")[0] == 0
    assert place.read_bytes() == MODEL
    assert own.read_bytes() == b"GGUF and changed since"


def test_an_end_between_link_and_bytes_costs_nothing(machine: Machine, hub: FakeHub) -> None:
    """What is left then: a link to bytes that still bear the name of half a download."""
    assert machine.run("pull", "eye", "-q")[0] == 0
    blob = (snapshot(machine) / "eye.gguf").resolve()
    told = machine.python(f"""
from pathlib import Path
from vidsum.catalog import cache
from vidsum.catalog.catalogue import named
entry = named("eye")
print(cache.partial(entry.repo, {sha256(MODEL)!r}, entry.files[0]))
""").strip()
    blob.rename(told)
    assert machine.run("path", "eye")[0] == 4
    before = len(hub.gets("eye.gguf"))
    assert machine.run("pull", "eye", "-q")[0] == 0
    assert len(hub.gets("eye.gguf")) == before
    assert machine.run("verify", "eye", "-q")[0] == 0
    blob.rename(told)
    assert machine.run("rm", "eye")[1] == "eye: 13 MB freed\n"
    assert not (machine.cache / "models--them--eye-GGUF").exists()


def test_a_model_is_not_removed_while_it_comes(machine: Machine, hub: FakeHub) -> None:
    hub.stall_after["eye.gguf"] = BLOCK + 100
    process = machine.start("pull", "eye", "-q", env={"HF_HUB_DOWNLOAD_TIMEOUT": "60"})
    while not leftovers(machine):
        assert process.poll() is None
        time.sleep(0.02)
    code, _, err = machine.run("rm", "eye")
    assert (code, "eye is just being downloaded" in err) == (8, True), err
    hub.go_on.set()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert machine.run("rm", "eye")[0] == 0


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ('{"version": 2, "models": []}', "was written by a newer vidsum"),
        ("[" * 100_000, "is damaged"),
        ('{"version": 1, "models": {"eye": {"repo": "a/b", "commit": "c", "first_pulled": "d", '
         '"accepted": false, "files": [{"name": "e", "size_bytes": 1e999, "sha256": "f"}]}}}',
         "is damaged"),
    ],
    ids=["newer", "deep", "endless"],
)  # fmt: skip
def test_a_record_that_cannot_be_used_is_said(machine: Machine, record: str, said: str) -> None:
    machine.state.joinpath("models.json").write_text(record)
    code, _, err = machine.run("pull", "eye")
    assert (code, said in err) == (5, True), err
    code, _, err = machine.run("path", "eye")
    assert (code, said in err) == (4, True), "a run can do without a model"
