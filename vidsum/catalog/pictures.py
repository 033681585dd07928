"""Which model makes pictures: the files of one, told apart by what they hold."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from vidsum.catalog.catalogue import catalogue, unknown
from vidsum.catalog.entry import SIZE_CLASSES, LocalModel
from vidsum.catalog.locate import find, is_path
from vidsum.catalog.tensors import WeightsFile, read_weights
from vidsum.config import Options
from vidsum.errors import BackendMissing, OptionError
from vidsum.wording import escaped, shown

Kind = Literal["diffusion", "encoder", "decoder"]
_WORDS: Final[dict[Kind, str]] = {
    "diffusion": "diffusion weights", "encoder": "a text encoder", "decoder": "an autoencoder",
}  # fmt: skip
_BARE: Final[dict[Kind, str]] = {
    "diffusion": "diffusion weights", "encoder": "text encoder", "decoder": "autoencoder",
}  # fmt: skip
_OPTIONS: Final[dict[Kind, str]] = {
    "diffusion": "--image-model", "encoder": "--image-encoder", "decoder": "--image-decoder",
}  # fmt: skip
_PREFIXES: Final[dict[Kind, tuple[str, ...]]] = {
    "diffusion": (
        "model.diffusion_model.", "unet.", "double_blocks.", "single_blocks.", "img_in.",
        "joint_blocks.", "input_blocks.", "down_blocks.", "transformer_blocks.", "noise_refiner.",
    ),
    "encoder": (
        "model.layers.", "model.language_model.", "language_model.", "blk.", "text_encoders.",
        "cond_stage_model.", "conditioner.embedders.", "text_model.", "encoder.block.", "enc.blk.",
    ),
    "decoder": ("first_stage_model.", "vae.", "decoder."),
}  # fmt: skip
"""How tensors begin. Source: stable-diffusion.cpp, model.cpp and name_conversion.cpp."""
_TEXT_DECODERS: Final = ("decoder.block.", "decoder.final_layer_norm.")
"""Those of T5, which is a text encoder."""
_SUFFIXES: Final = (".gguf", ".safetensors")
_MOST_FILES: Final = 64
_MOST_NAMED: Final = 4
_DISTILLED: Final = (4, 1.0)
_GUIDED: Final = (20, 1.0)
_Z_IMAGE_TURBO: Final = (8, 1.0)
_QWEN_IMAGE: Final = (20, 2.5)
_OTHER: Final = (20, 7.0)
"""Steps and guidance. Source: stable-diffusion.cpp, docs/flux2.md, docs/z_image.md and
docs/qwen_image.md, and its defaults."""


@dataclass(frozen=True, slots=True)
class ImageModel:
    """The files of a model that makes pictures.

    ``encoder`` and ``decoder`` are None where ``diffusion`` holds them too. ``steps`` and
    ``guidance`` are what the model wants. ``origin``: see :class:`LocalModel`.
    """

    name: str
    diffusion: Path
    encoder: Path | None
    decoder: Path | None
    steps: int
    guidance: float
    origin: str


def find_image_model(options: Options) -> ImageModel:
    """Return the model that ``--image-model`` names; without it the best that is here and fits.

    It is a name or class of the catalogue, a folder with the model's files, or the file of its
    diffusion weights. ``--image-encoder`` and ``--image-decoder`` come before what is found.
    Nothing but heads of files is read. Raises: BackendMissing for what is not there or damaged,
    with the command that would get it; OptionError for files of another kind, or several that fit.
    """
    asked = options.image_model
    if asked is None:
        return _best(options)
    if asked in SIZE_CLASSES or any(entry.name == asked for entry in catalogue()):
        return _catalogued(find("image", asked), options)
    if is_path(asked):
        return _at(Path(asked), options)
    raise unknown(asked)


def _best(options: Options) -> ImageModel:
    if options.image_encoder is not None or options.image_decoder is not None:
        raise OptionError("--image-encoder and --image-decoder go with a model.",
                          "Name it with --image-model FILE.")  # fmt: skip
    return _catalogued(find("image", None), options)


def _catalogued(model: LocalModel, options: Options) -> ImageModel:
    entry = model.entry
    steps, guidance = (None, None) if entry is None else (entry.steps, entry.guidance)
    if steps is None or guidance is None:
        usual = _usual(read_weights(model.model))
        steps, guidance = steps or usual[0], usual[1] if guidance is None else guidance
    found = ImageModel(model.name, model.model, model.encoder, model.decoder, steps, guidance,
                       model.origin)  # fmt: skip
    encoder, decoder = _given("encoder", options), _given("decoder", options)
    return replace(found, encoder=encoder or found.encoder, decoder=decoder or found.decoder)


def _at(path: Path, options: Options) -> ImageModel:
    with contextlib.suppress(RuntimeError):  # the home of a user who is not here
        path = path.expanduser()
    path = path.absolute()
    files = list(_in_folder(path)) if _is_folder(path) else [read_weights(path)]
    model = _only("diffusion", files, path)
    held = kinds_of(model)
    beside = [file for file in files if file is not model]
    paths = {}
    for kind in ("encoder", "decoder"):
        given = _given(kind, options)
        if given is None and kind not in held:
            given = _whole(_only(kind, beside, path)).path
        paths[kind] = given
    steps, guidance = _usual(model)
    return ImageModel(escaped(path.name), _whole(model).path, paths["encoder"], paths["decoder"],
                      steps, guidance, "path")  # fmt: skip


def _is_folder(path: Path) -> bool:
    """Return whether there is a folder; what cannot be looked at is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _in_folder(folder: Path) -> Iterator[WeightsFile]:
    """Yield the files of weights in a folder; what is none is passed over."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    except OSError as exc:
        raise BackendMissing(f"{shown(folder)} cannot be read: {exc.strerror}.") from exc
    if len(found) > _MOST_FILES:
        raise OptionError(f"{shown(folder)} holds {len(found)} files of weights.",
                          "Name one: --image-model FILE.")  # fmt: skip
    for path in found:
        with contextlib.suppress(BackendMissing):
            yield read_weights(path)


def _only(kind: Kind, files: Iterable[WeightsFile], path: Path) -> WeightsFile:
    """Return the one file that holds something. Raises: OptionError, which says what there is."""
    files = list(files)
    found = [file for file in files if _is(kind, file)]
    if len(found) == 1:
        return found[0]
    hint = f"Name one with {_OPTIONS[kind]} FILE."
    if found:
        names = ", ".join(escaped(file.path.name) for file in found[:_MOST_NAMED])
        raise OptionError(f"{shown(path)} holds {len(found)} files with {_WORDS[kind]}: {names}"
                          f"{' …' if len(found) > _MOST_NAMED else '.'}", hint)  # fmt: skip
    named = [f"{escaped(file.path.name)} ({_described(file)})" for file in files[:_MOST_NAMED]]
    there = f" There is: {', '.join(named)}." if named else ""
    raise OptionError(f"{shown(path)} holds no {_BARE[kind]}.{there}", hint)


def _is(kind: Kind, file: WeightsFile) -> bool:
    """Return whether a file is there for something: a whole checkpoint is no text encoder."""
    kinds = kinds_of(file)
    return kind in kinds and (kind == "diffusion" or "diffusion" not in kinds)


def kinds_of(file: WeightsFile) -> frozenset[Kind]:
    """Return what a file holds, by the names of its tensors; empty for anything else."""
    return frozenset(
        kind for kind, prefixes in _PREFIXES.items()
        if any(name.startswith(prefixes) and not name.startswith(_TEXT_DECODERS)
               for name in file.tensors)
    )  # fmt: skip


def _described(file: WeightsFile) -> str:
    kinds = kinds_of(file)
    return " and ".join(_WORDS[kind] for kind in _WORDS if kind in kinds) or "something else"


def _given(kind: Literal["encoder", "decoder"], options: Options) -> Path | None:
    """Return the file that an option names. Raises: BackendMissing, OptionError."""
    path = options.image_encoder if kind == "encoder" else options.image_decoder
    if path is None:
        return None
    file = read_weights(path.absolute())
    if kind not in kinds_of(file):
        raise OptionError(f"{_OPTIONS[kind]} names {shown(path)}, which holds {_described(file)}.",
                          f"It takes a file with {_WORDS[kind]}.")  # fmt: skip
    return _whole(file).path


def _whole(file: WeightsFile) -> WeightsFile:
    if not file.whole:
        missing = file.needed_bytes - file.size_bytes
        raise BackendMissing(f"{shown(file.path)} is cut off: {missing:,} bytes of its weights are "
                             "missing.", "Get it anew.")  # fmt: skip
    return file


def _usual(file: WeightsFile) -> tuple[int, float]:
    """Return the steps and the guidance that diffusion weights want, as far as they show it.

    FLUX models that take no guidance are distilled, and those that take it have it built in; the
    weights of an undistilled FLUX.2-klein look like the distilled one's, as do those of Z-Image
    like Z-Image-Turbo's.
    """
    names = {name.removeprefix("model.diffusion_model.").partition(".")[0] for name in file.tensors}
    if "cap_embedder" in names:
        return _Z_IMAGE_TURBO
    if "transformer_blocks" in names:
        return _QWEN_IMAGE
    if "double_blocks" not in names or "distilled_guidance_layer" in names:
        return _OTHER
    return _GUIDED if "guidance_in" in names else _DISTILLED
