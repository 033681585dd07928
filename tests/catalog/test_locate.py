"""Which model is meant, and which are found: in the hub's cache, by path, at Ollama, LM Studio."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from fake_hub import Machine, commit_named, content, entry
from models import MMPROJ, VLM, WHISPER

from vidsum.catalog.entry import LocalModel, Task
from vidsum.catalog.locate import find
from vidsum.errors import BackendMissing, OptionError

REPO = "them/eye"
FILES = {"eye.gguf": "model", "mmproj-eye.gguf": "mmproj"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VIDSUM_HOME", str(tmp_path / "vidsum"))
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    return tmp_path


def cached(machine: Machine, repo: str, word: str, files: dict[str, bytes]) -> Path:
    """Put files into the hub's cache as the hub library does; return the snapshot."""
    folder = machine.cache / f"models--{repo.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit_named(word)
    for name, data in files.items():
        blob = folder / "blobs" / hashlib.sha256(data).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        snapshot.mkdir(parents=True, exist_ok=True)
        (snapshot / name).symlink_to(f"../../blobs/{blob.name}")
    return snapshot


def eye(name: str, size_class: str = "tiny", **more: str | int) -> str:
    return entry(name, "caption", size_class, f"them/{name}",
                 {"eye.gguf": "model", "mmproj-eye.gguf": "mmproj"}, **more)  # fmt: skip


def eye_files(seed: str = "a") -> dict[str, bytes]:
    return {"eye.gguf": content(seed, 100), "mmproj-eye.gguf": content(seed + "m", 50)}


def best(machine: Machine, asked: str | None = None, task: str = "caption") -> str:
    code = f"""
from vidsum.catalog.locate import find
from vidsum.errors import BackendMissing
try:
    found = find({task!r}, {asked!r})
    print(found.name, found.origin)
except BackendMissing as exc:
    print(exc.message, exc.hint)
"""
    return machine.python(code).strip()


def test_the_best_that_is_here_and_fits_is_taken(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.catalogue(eye("eye-t"), eye("eye-s", "small"), eye("eye-g", "good", memory_mb=10**9))
    assert best(machine) == (
        "There is no caption model on this machine. Get one: vidsum models pull small --for caption"
    )
    cached(machine, "them/eye-g", "x", eye_files())
    assert "need more memory than this machine has" in best(machine)
    cached(machine, "them/eye-t", "x", eye_files())
    assert best(machine) == "eye-t hub cache"
    cached(machine, "them/eye-s", "x", eye_files())
    assert best(machine) == "eye-s hub cache"
    assert best(machine, "eye-g") == "eye-g hub cache", "by name it is taken all the same"
    assert best(machine, "tiny") == "eye-t hub cache"


def test_names_and_classes_that_are_not_here_name_the_command(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert best(machine, "good", "speech").endswith("Get one: vidsum models pull good --for speech")
    assert best(machine, "whisper-tiny", "speech").endswith(
        "Get it: vidsum models pull whisper-tiny"
    )
    assert best(machine, "whisper-tiny", "reason").startswith(
        "whisper-tiny is a model for speech, not for reason."
    )
    assert best(machine, "wisper-tiny", "speech").endswith("Did you mean whisper-tiny?")


@pytest.mark.parametrize("fault", ["one file", "short", "empty", "no gguf", "other commit"])
def test_what_is_not_whole_is_not_here(tmp_path: Path, fault: str) -> None:
    machine = Machine(tmp_path)
    files = eye_files()
    model = eye("eye", revision=commit_named("pinned"))
    size = f'size = 100\nsha256 = "{hashlib.sha256(files["eye.gguf"]).hexdigest()}"'
    machine.catalogue(model.replace('role = "model"', f'role = "model"\n{size}'))
    if fault == "one file":
        del files["mmproj-eye.gguf"]
    elif fault == "short":
        files["eye.gguf"] = files["eye.gguf"][:-1]
    elif fault == "empty":
        files["mmproj-eye.gguf"] = b""
    elif fault == "no gguf":
        files["mmproj-eye.gguf"] = b"<!DOCTYPE html>"
    word = "other" if fault == "other commit" else "pinned"
    cached(machine, "them/eye", word, files)
    assert best(machine).startswith("There is no caption model")
    cached(machine, "them/whole", "pinned", eye_files())
    machine.catalogue(eye("whole", revision=commit_named("pinned")))
    assert best(machine) == "whole hub cache"


def test_paths_with_the_encoder_beside_them_or_named(home: Path) -> None:
    found = find("caption", str(VLM))
    assert (found.model, found.mmproj, found.origin, found.entry) == (VLM, MMPROJ, "path", None)
    alone = home / "alone.gguf"
    alone.write_bytes(VLM.read_bytes())
    with pytest.raises(BackendMissing, match="beside it there is none"):
        find("caption", str(alone))
    assert find("caption", str(alone), MMPROJ).mmproj == MMPROJ
    assert find("reason", str(alone)).mmproj is None
    for name in ("mmproj-1.gguf", "mmproj-2.gguf"):
        (home / name).write_bytes(MMPROJ.read_bytes())
    with pytest.raises(
        BackendMissing, match=r"there are 2: mmproj-1.gguf, mmproj-2.gguf"
    ) as raised:
        find("caption", str(alone))
    assert "--mmproj FILE" in raised.value.hint


def test_a_folder_or_its_model_file_for_speech(home: Path) -> None:
    assert find("speech", str(WHISPER)).model == WHISPER
    assert find("speech", str(WHISPER / "model.bin")).model == WHISPER
    with pytest.raises(BackendMissing, match="is no speech model"):
        find("speech", str(home))


@pytest.mark.parametrize("task", ["caption", "speech", "reason"])
def test_what_is_no_model_is_refused(home: Path, task: Task) -> None:
    page = home / "page.gguf"
    page.write_text("<!DOCTYPE html>")
    with pytest.raises(BackendMissing, match=r"is no (GGUF file|speech model)"):
        find(task, str(page))
    with pytest.raises(BackendMissing, match="There is no model at"):
        find(task, str(home / "absent.gguf"))
    with pytest.raises(BackendMissing, match="is no GGUF file"):
        find("caption", str(VLM), page)


def ollama(folder: Path, full: str, model: Path, encoder: Path | None) -> None:
    """Put a model into a folder as Ollama does."""
    layers = []
    for kind, path in (("model", model), ("projector", encoder)):
        if path is None:
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        blob = folder / "blobs" / f"sha256-{digest}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(path.read_bytes())
        layers.append({"mediaType": f"application/vnd.ollama.image.{kind}",
                       "digest": f"sha256:{digest}", "size": path.stat().st_size})  # fmt: skip
    manifest = folder / "manifests" / full
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))


def same(found: LocalModel, model: Path, encoder: Path | None) -> bool:
    """Whether a model that was found has the bytes of these files."""
    other = found.mmproj.read_bytes() if found.mmproj else None
    return (found.model.read_bytes(), other) == (
        model.read_bytes(), encoder.read_bytes() if encoder else None
    )  # fmt: skip


def test_models_of_ollama(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / ".ollama" / "models"
    ollama(folder, "registry.ollama.ai/library/tiny-eye/latest", VLM, MMPROJ)
    ollama(folder, "hf.co/them/tiny-GGUF/Q8_0", VLM, None)
    assert same(find("caption", "ollama:tiny-eye"), VLM, MMPROJ)
    assert same(find("reason", "ollama:tiny-eye:latest"), VLM, None)
    assert find("reason", "ollama:hf.co/them/tiny-GGUF:Q8_0").origin == "Ollama"
    with pytest.raises(BackendMissing, match="no picture encoder"):
        find("caption", "ollama:hf.co/them/tiny-GGUF:Q8_0")
    for name in ("tiny-eye:q4", "../../library/tiny-eye", "absent"):
        with pytest.raises(BackendMissing, match="Ollama has no model"):
            find("caption", f"ollama:{name}")
    for blob in folder.glob("blobs/*"):
        blob.write_bytes(blob.read_bytes()[:-1])
    with pytest.raises(BackendMissing, match="is not whole"):
        find("caption", "ollama:tiny-eye")
    monkeypatch.setenv("OLLAMA_MODELS", str(home / "elsewhere"))
    ollama(home / "elsewhere", "registry.ollama.ai/library/moved/latest", VLM, None)
    assert same(find("reason", "ollama:moved"), VLM, None)


def test_models_of_lm_studio(home: Path) -> None:
    folder = home / ".lmstudio" / "models" / "them" / "tiny-GGUF"
    folder.mkdir(parents=True)
    (folder / "tiny-Q8_0.gguf").write_bytes(VLM.read_bytes())
    (folder / "mmproj-tiny.gguf").write_bytes(MMPROJ.read_bytes())
    for name in ("tiny-GGUF", "them/tiny-GGUF", "tiny-Q8_0", "them/tiny-GGUF/tiny-Q8_0.gguf"):
        assert same(find("caption", f"lmstudio:{name}"), VLM, MMPROJ)
    (folder / "tiny-Q4_0.gguf").write_bytes(VLM.read_bytes())
    with pytest.raises(BackendMissing, match="several models that match tiny-GGUF"):
        find("reason", "lmstudio:tiny-GGUF")
    with pytest.raises(BackendMissing, match="LM Studio has no model other"):
        find("reason", "lmstudio:other")


def test_models_of_other_programs_are_never_taken_unasked(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    ollama(tmp_path / ".ollama/models", "registry.ollama.ai/library/tiny-eye/latest", VLM, MMPROJ)
    assert best(machine).startswith("There is no caption model on this machine.")
    assert best(machine, "ollama:tiny-eye") == "ollama:tiny-eye Ollama"


@pytest.mark.parametrize("asked", ["~nobody-here/m.gguf", "a" * 300, "m\0.gguf", "/\0"])
def test_paths_that_cannot_be_are_not_here(home: Path, asked: str) -> None:
    with pytest.raises(BackendMissing):
        find("reason", asked)


def test_a_name_comes_before_a_file_and_a_slash_makes_a_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    for name in ("small", "own", "caf\udce9.gguf"):
        Path(name).write_bytes(VLM.read_bytes())
        assert find("reason", f"./{name}").model == home / name
        assert find("reason", f"~/{name}").model == home / name
    assert find("reason", "own").model == home / "own"
    with pytest.raises(BackendMissing, match="There is no small reason model"):
        find("reason", "small")


def test_an_encoder_goes_with_a_class_and_not_with_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.catalogue(eye("eye-t"))
    cached(machine, "them/eye-t", "x", eye_files())
    told = machine.python(f"""
from pathlib import Path
from vidsum.catalog.locate import find
print(find("caption", "tiny", Path({str(MMPROJ)!r})).mmproj)
""")
    assert told.strip() == str(MMPROJ)
    with pytest.raises(OptionError, match="--mmproj goes with a model"):
        find("caption", None, MMPROJ)


def test_a_model_in_parts_is_its_first_file_and_needs_all(home: Path) -> None:
    parts = [home / f"m-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    for part in parts:
        part.write_bytes(VLM.read_bytes())
    for part in parts:
        assert find("reason", str(part)).model == parts[0]
    folder = home / ".lmstudio" / "models" / "them" / "large-GGUF"
    folder.mkdir(parents=True)
    for part in parts:
        (folder / part.name).write_bytes(VLM.read_bytes())
    assert find("reason", "lmstudio:large-GGUF").model == folder / parts[0].name
    parts[1].unlink()
    with pytest.raises(BackendMissing, match=r"m-00002-of-00003\.gguf is no GGUF file"):
        find("reason", str(parts[0]))


def test_lm_studios_older_folder_may_be_a_link_to_the_newer(home: Path) -> None:
    folder = home / ".lmstudio" / "models" / "them" / "tiny-GGUF"
    folder.mkdir(parents=True)
    (folder / "tiny.gguf").write_bytes(VLM.read_bytes())
    (home / ".cache").mkdir()
    (home / ".cache" / "lm-studio").symlink_to(home / ".lmstudio")
    assert find("reason", "lmstudio:tiny").model == folder / "tiny.gguf"
