"""What the weights of an image model are: whole, of which family, and whether they go together.

The native library ends with a signal at files that are cut off or do not fit each other, so all
that their heads tell is looked at before it sees them.

Source: stable-diffusion.cpp, src/model.cpp, ``get_sd_version``; src/conditioner.hpp.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vidsum.catalog.pictures import ImageModel
from vidsum.catalog.tensors import Tensor, WeightsFile, read_weights
from vidsum.errors import BackendFailed, OptionError
from vidsum.wording import shown

Family = Literal["flux2", "sd1", "sd2", "sdxl", "transformer"]
"""``transformer``: a diffusion transformer with one language model for its prompts, whose
dimensions are not known here."""
ENCODER_LAYERS: Final = re.compile(r"(?:^|\.)(?:layers|blk)\.(\d+)\.")
_PREFIX: Final = "model.diffusion_model."
_MARKS: Final[Mapping[str, Family]] = {
    "double_stream_modulation_img.lin.weight": "flux2",
    "cap_embedder.0.weight": "transformer",  # Z-Image
    "transformer_blocks.0.img_mod.1.weight": "transformer",  # Qwen-Image
}
_UNETS: Final[Mapping[int, Family]] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""By the width of the text that they attend to."""
_TINY: Final = ("encoder.layers.", "decoder.layers.")
_EMBEDDINGS: Final = ("embed_tokens.weight", "token_embd.weight")
_STACKED_LAYERS: Final = 3
"""FLUX.2 reads the language model's states after so many layers, side by side."""
_GET_AGAIN: Final = "Get it again: vidsum models pull NAME --force, or from where it came."


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The files of one model, as their heads tell. ``encoder`` is None where the diffusion file
    has all; ``decoder`` is then one that comes before its own, if there is one. ``tiny``: the
    autoencoder is a tiny one (TAESD)."""

    family: Family
    diffusion: WeightsFile
    encoder: WeightsFile | None
    decoder: WeightsFile | None
    tiny: bool

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files, the diffusion weights first."""
        found = (self.diffusion, self.encoder, self.decoder)
        return tuple(file.path for file in found if file is not None)

    @property
    def native_paths(self) -> Mapping[str, Path]:
        """The files under the names that the native library knows them by."""
        files = {"model_path": self.diffusion.path}
        if self.encoder is not None:
            files = {"diffusion_model_path": self.diffusion.path, "llm_path": self.encoder.path}
        if self.decoder is not None:
            files["taesd_path" if self.tiny else "vae_path"] = self.decoder.path
        return files

    @property
    def quant(self) -> str | None:
        """How most of the diffusion weights are kept."""
        found: Counter[str] = Counter()
        for tensor in diffusion_tensors(self.diffusion).values():
            found[tensor.dtype] += tensor.weights
        return found.most_common(1)[0][0] if found else None


def diffusion_tensors(file: WeightsFile) -> Mapping[str, Tensor]:
    """Return the tensors of the diffusion model alone, by their names within it."""
    own = {name.removeprefix(_PREFIX): tensor for name, tensor in file.tensors.items()
           if name.startswith(_PREFIX)}  # fmt: skip
    return own or file.tensors


def look_at(model: ImageModel) -> Weights:
    """Return what a model's files are. Reads no weights.

    Raises: BackendMissing for a file that is not there or is none of weights; BackendFailed for one
    that is cut off, of a family that is not run here, or that does not go with the others;
    OptionError for a text encoder beside a model that has one.
    """
    diffusion = _whole(model.diffusion)
    if _is_checkpoint(diffusion):
        if model.encoder is not None:
            raise OptionError(f"{shown(diffusion.path)} has a text encoder in it.",
                              "Leave out --image-encoder.")  # fmt: skip
        better = None if model.decoder is None else _decoder(model.decoder)
        return Weights(_unet(diffusion), diffusion, None, better,
                       tiny=better is not None and _is_tiny(better))  # fmt: skip
    family = _transformer(diffusion)
    if model.encoder is None or model.decoder is None:
        part, flag = ("text encoder", "encoder") if model.encoder is None else (
            "autoencoder", "decoder")  # fmt: skip
        raise BackendFailed(f"{shown(model.diffusion)} has no {part} in it.",
                            f"Name the one that goes with it: --image-{flag} FILE.")  # fmt: skip
    encoder = _whole(model.encoder)
    _check_encoder(family, diffusion, encoder)
    decoder = _decoder(model.decoder)
    return Weights(family, diffusion, encoder, decoder, _is_tiny(decoder))


def _decoder(path: Path) -> WeightsFile:
    """Return an autoencoder. Raises: BackendMissing, BackendFailed."""
    file = _whole(path)
    if not any("decoder." in name for name in file.tensors):
        raise BackendFailed(f"{shown(path)} is no autoencoder.",
                            "Name the one of the image model: --image-decoder FILE.")  # fmt: skip
    return file


def _whole(path: Path) -> WeightsFile:
    file = read_weights(path)
    if not file.whole:
        raise BackendFailed(
            f"{shown(path)} is cut off: it has {file.size_bytes:,} of {file.needed_bytes:,} bytes.",
            _GET_AGAIN,
        )
    return file


def _is_checkpoint(file: WeightsFile) -> bool:
    """Say whether a file has all that makes pictures: diffusion, text encoder and autoencoder."""
    parts = ("first_stage_model.", ("cond_stage_model.", "conditioner."), _PREFIX)
    return all(any(name.startswith(part) for name in file.tensors) for part in parts)


def _unet(file: WeightsFile) -> Family:
    for name, tensor in file.tensors.items():
        if name.endswith("attn2.to_k.weight") and len(tensor.shape) >= 2:
            family = _UNETS.get(tensor.shape[1])
            if family:
                return family
    raise _unknown(file)


def _transformer(file: WeightsFile) -> Family:
    names = diffusion_tensors(file)
    for mark, family in _MARKS.items():
        if mark in names:
            return family
    raise _unknown(file)


def _unknown(file: WeightsFile) -> BackendFailed:
    return BackendFailed(
        f"{shown(file.path)} has no diffusion weights of a kind that is run here.",
        "FLUX.2, Z-Image, Qwen-Image and whole Stable Diffusion checkpoints are: "
        "vidsum models list.",
    )


def _check_encoder(family: Family, diffusion: WeightsFile, encoder: WeightsFile) -> None:
    """Refuse a text encoder that is none, or not this model's. Raises: BackendFailed."""
    embeddings = embeddings_of(encoder)
    layers = any(ENCODER_LAYERS.search(name) for name in encoder.tensors)
    if embeddings is None or len(embeddings.shape) != 2 or not layers:
        raise BackendFailed(f"{shown(encoder.path)} is no text encoder.",
                            "Name the one of the image model: --image-encoder FILE.")  # fmt: skip
    text = diffusion_tensors(diffusion).get("txt_in.weight")
    width = embeddings.shape[1]
    read = text.shape[1] if text is not None and len(text.shape) == 2 else None
    if family == "flux2" and read is not None and read != width * _STACKED_LAYERS:
        wanted = read // _STACKED_LAYERS
        raise BackendFailed(
            f"The text encoder {shown(encoder.path)} does not go with "
            f"{shown(diffusion.path)}: it is {width} wide, and {wanted} are needed.",
            "Name the one of the image model: --image-encoder FILE.",
        )


def embeddings_of(encoder: WeightsFile) -> Tensor | None:
    """Return a language model's table of tokens, None where it has none."""
    return next((tensor for name, tensor in encoder.tensors.items()
                 if name.endswith(_EMBEDDINGS)), None)  # fmt: skip


def _is_tiny(file: WeightsFile) -> bool:
    return any(name.removeprefix("tae.").startswith(_TINY) for name in file.tensors)
