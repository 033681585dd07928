"""Which files make pictures: by name, folder or file, told apart by what they hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub, Machine, entry, running
from weight_files import CHECKPOINT, DECODER, DIFFUSION, ENCODER, gguf, model_folder, safetensors

from vidsum.catalog.pictures import ImageModel, find_image_model
from vidsum.config import Options
from vidsum.errors import BackendMissing, OptionError, VidsumError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return model_folder(tmp_path / "model")


def found(path: Path, **more: Path) -> ImageModel:
    return find_image_model(Options(image_model=str(path), **more))


def refused(path: Path, **more: Path) -> VidsumError:
    with pytest.raises((OptionError, BackendMissing)) as raised:
        found(path, **more)
    assert raised.value.message.isprintable()
    return raised.value


def test_a_folder_is_told_apart_by_what_its_files_hold(folder: Path) -> None:
    assert found(folder) == ImageModel(
        "model", folder / "b.gguf", folder / "c.gguf", folder / "a.safetensors", 4, 1.0, "path"
    )


def test_what_is_no_weights_in_a_folder_is_passed_over(folder: Path) -> None:
    before = found(folder)
    (folder / "notes.gguf").write_bytes(b"no weights")
    (folder / "mmproj.gguf").write_bytes(gguf({"v.blk.0.attn_q.weight": (4, 4)}))
    (folder / "lora.safetensors").write_bytes(safetensors({"lora_unet_x.up": (4, 4)}))
    (folder / "dir.safetensors").mkdir()
    os.mkfifo(folder / "pipe.gguf")
    assert found(folder) == before


def test_two_that_fit_are_named_and_an_option_decides(folder: Path) -> None:
    other = folder / "other encoder.safetensors"
    other.write_bytes(safetensors(ENCODER))
    told = refused(folder)
    assert told.message == (f"{folder} holds 2 files with a text encoder: c.gguf, "
                            "other encoder.safetensors.")  # fmt: skip
    assert "--image-encoder FILE" in told.hint
    assert found(folder, image_encoder=other).encoder == other
    (folder / "d2.gguf").write_bytes(gguf(DIFFUSION))
    told = refused(folder, image_encoder=other)
    assert ("2 files with diffusion weights: b.gguf, d2.gguf" in told.message, told.hint) == (
        True, "Name one with --image-model FILE.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("gone", "said", "option"),
    [
        ("a.safetensors", "holds no autoencoder. There is: c.gguf (a text encoder)",
         "--image-decoder"),
        ("b.gguf", "holds no diffusion weights. There is: a.safetensors (an autoencoder), c.gguf "
         "(a text encoder).", "--image-model"),
        ("c.gguf", "holds no text encoder", "--image-encoder"),
    ],
)  # fmt: skip
def test_what_a_folder_lacks_is_said(folder: Path, gone: str, said: str, option: str) -> None:
    (folder / gone).unlink()
    told = refused(folder)
    assert (said in told.message, option in told.hint) == (True, True), told.message


def test_a_file_needs_what_goes_with_it(folder: Path) -> None:
    model, encoder, decoder = (folder / n for n in ("b.gguf", "c.gguf", "a.safetensors"))
    assert "b.gguf holds no text encoder" in refused(model).message
    assert "b.gguf holds no autoencoder" in refused(model, image_encoder=encoder).message
    named = found(model, image_encoder=encoder, image_decoder=decoder)
    assert (named.diffusion, named.encoder, named.decoder) == (model, encoder, decoder)
    told = refused(model, image_encoder=decoder, image_decoder=encoder)
    assert told.message.endswith("a.safetensors, which holds an autoencoder.")
    assert "a.safetensors holds no diffusion weights" in refused(decoder).message


def test_a_checkpoint_holds_all_three(tmp_path: Path) -> None:
    path = tmp_path / "sd.safetensors"
    path.write_bytes(safetensors(CHECKPOINT))
    assert found(path) == ImageModel("sd.safetensors", path, None, None, 20, 7.0, "path")
    assert found(tmp_path).diffusion == path
    better = tmp_path / "vae.safetensors"
    better.write_bytes(safetensors(DECODER))
    assert found(path, image_decoder=better).decoder == better


def test_steps_and_guidance_follow_from_the_tensors(folder: Path) -> None:
    assert (found(folder).steps, found(folder).guidance) == (4, 1.0)
    (folder / "b.gguf").write_bytes(gguf({**DIFFUSION, "guidance_in.in_layer.weight": (4, 4)}))
    assert (found(folder).steps, found(folder).guidance) == (20, 1.0)
    for name, usual in (
        ("joint_blocks.0.x", (20, 7.0)), ("transformer_blocks.0.img_mod.1.weight", (20, 2.5)),
        ("model.diffusion_model.cap_embedder.0.weight", (8, 1.0)),
    ):  # fmt: skip
        (folder / "b.gguf").write_bytes(gguf({name: (4, 4)}))
        assert (found(folder).steps, found(folder).guidance) == usual


def test_the_text_encoder_of_t5_is_no_autoencoder(folder: Path) -> None:
    (folder / "c.gguf").write_bytes(
        gguf({"encoder.block.0.layer.0.q.weight": (4, 4), "decoder.block.0.x": (4, 4)})
    )
    assert found(folder).encoder == folder / "c.gguf"


@pytest.mark.parametrize("name", ["a.safetensors", "b.gguf", "c.gguf"])
def test_a_file_that_is_cut_off_is_refused(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-100])
    told = refused(folder)
    assert f"{path} is cut off: " in told.message
    assert " bytes of its weights are missing." in told.message


def test_what_is_not_there_or_no_weights(tmp_path: Path) -> None:
    assert "There is no file" in refused(tmp_path / "none.gguf").message
    assert "holds no diffusion weights" in refused(tmp_path).message
    os.mkfifo(tmp_path / "pipe.safetensors")
    assert "is no file" in refused(tmp_path / "pipe.safetensors").message
    assert "cannot be read: File name too long" in refused(tmp_path / ("x" * 300)).message
    (tmp_path / "short.safetensors").write_bytes(safetensors(DIFFUSION)[:60])
    assert "it ends within its header" in refused(tmp_path / "short.safetensors").message
    with pytest.raises(BackendMissing, match="no model called flux2-klien"):
        find_image_model(Options(image_model="flux2-klien"))
    for number in range(65):
        (tmp_path / f"{number}.gguf").touch()
    assert "holds 67 files of weights" in refused(tmp_path).message


def test_names_of_any_bytes(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\nodd"))
    model = found(model_folder(odd))
    assert model.diffusion == odd / "b.gguf"
    assert model.name == "\\xff\\nodd"


def test_without_a_model_the_catalogue_says_which() -> None:
    with pytest.raises(BackendMissing, match="no image model on this machine") as raised:
        find_image_model(Options())
    assert raised.value.hint == "Get it: vidsum models pull flux2-klein-4b"
    with pytest.raises(BackendMissing, match="flux2-klein-4b-q8 is not on this machine"):
        find_image_model(Options(image_model="flux2-klein-4b-q8"))
    with pytest.raises(BackendMissing, match="smolvlm2-500m is a model for caption, not for image"):
        find_image_model(Options(image_model="smolvlm2-500m"))
    with pytest.raises(OptionError, match="go with a model"):
        find_image_model(Options(image_encoder=Path("x")))


FILES = {"wet.gguf": gguf(DIFFUSION), "words.gguf": gguf(ENCODER), "dry.bin": safetensors(DECODER)}
SHOW = """
import sys
from vidsum.catalog.pictures import find_image_model
from vidsum.config import Options
found = find_image_model(Options(image_model=sys.argv[1] if len(sys.argv) > 1 else None))
for path in (found.diffusion, found.encoder, found.decoder):
    print(path.name, path.stat().st_size)
print(found.name, found.steps, found.guidance, found.origin)
"""


def picture_entry(name: str = "wet", model: str = "wet.gguf", **more: str | float) -> str:
    """Return a model whose files lie in three repositories."""
    return (
        entry(name, "image", "tiny", "them/wet", {model: "model"}, **more)
        + '[[model.files]]\nname = "words.gguf"\nrole = "encoder"\nrepo = "them/words"\n'
        + '[[model.files]]\nname = "dry.bin"\nrole = "decoder"\nrepo = "them/dry"\n'
    )


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    with running(FakeHub()) as hub:
        hub.put("them/wet", "wet", {"wet.gguf": FILES["wet.gguf"], "wetter.gguf": gguf(DIFFUSION)})
        hub.put("them/words", "words", {"words.gguf": FILES["words.gguf"]})
        hub.put("them/dry", "dry", {"dry.bin": FILES["dry.bin"]})
        yield hub


def test_a_pulled_model_is_found_and_its_own_figures_count(hub: FakeHub, tmp_path: Path) -> None:
    machine = Machine(tmp_path, hub)
    machine.catalogue(picture_entry(steps=6, guidance=2.5))
    code, out, err = machine.run("pull", "wet")
    assert (code, [Path(line).name for line in out.splitlines()]) == (0, list(FILES)), err
    assert machine.python(SHOW).splitlines() == [
        *(f"{name} {len(data)}" for name, data in FILES.items()), "wet 6 2.5 pulled",
    ]  # fmt: skip
    (machine.state / "models.json").unlink()
    machine.catalogue(picture_entry())
    assert machine.python(SHOW).splitlines()[-1] == "wet 4 1.0 hub cache"
    assert machine.run("path", "wet") == (0, out, "")
