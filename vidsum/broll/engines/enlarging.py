"""Pictures enlarged by an ESRGAN model on this machine, through stable-diffusion.cpp."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from vidsum.broll.engines.fingerprints import sha256_of
from vidsum.broll.engines.hosting import Host, Hosted
from vidsum.broll.engines.local import INSTALL_HINT
from vidsum.broll.upscaling import Upscaler
from vidsum.catalog.tensors import WeightsFile, read_weights
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.costs.units import CONVOLUTION
from vidsum.data import Image, ModelRef, ModelShape, Quantities
from vidsum.errors import BackendFailed, BackendMissing, RequestFailed
from vidsum.registry import Work
from vidsum.wording import escaped, shown

_TILE_PX: Final = 128
_TILE_STEP_PX: Final = 96
"""The library works on squares of so many pixels, which overlap by a quarter. Source:
stable-diffusion.cpp, src/upscaler.cpp, ``upscale_tensor``."""
_FEATURES, _GROWTH = 64, 32
_OLD: Final = "model.0.weight"
"""Names of before BasicSR: the library knows both."""
_SMALL: Final = ("conv_first.", "body.", "conv_body.", "model.0.", "model.1.")
_UPS: Final = (("conv_up1.", "model.3."), ("conv_up2.", "model.6."))
"""Convolutions before the first enlargement, and after each. The others are at the full size."""


@dataclass(frozen=True, slots=True)
class _Net:
    """A net by its dimensions: what it enlarges by, and the weights of its convolutions at 1, 2 and
    4 times the picture's width and height."""

    factor: int
    levels: tuple[int, int, int]

    @property
    def weights(self) -> int:
        """All of them."""
        return sum(self.levels)


class ModelUpscaler(Upscaler):
    """Enlarges pictures with the RRDBNet (ESRGAN, RealESRGAN_x4plus) of one file, by 2 or 4.

    In a process of its own, which is started for the first picture. ``name`` has the beginning of
    the file's hash: another file of the same name is another model.
    """

    def __init__(self, path: Path, options: Options) -> None:
        """Look at the file; loads nothing. Raises: BackendMissing, BackendFailed."""
        if find_spec("stable_diffusion_cpp") is None:
            raise BackendMissing("stable-diffusion-cpp-python is not installed.", INSTALL_HINT)
        self.tally = Tally()
        self.work: Work = "cores"
        self._file = _whole(path)
        self._net = _net(self._file)
        self.name = f"{path.stem} {sha256_of(path)[:8]}"
        self._host = Host(options, "Run it again, or leave out --upscaler: Lanczos needs no model.")

    @property
    def cpu_s(self) -> float:
        """What its processes have used, as they told last."""
        return self._host.cpu_s

    def flops_of(self, width_px: int, height_px: int) -> float:
        """Return what enlarging a picture of a size takes, overlaps of tiles included.

        A 3 × 3 convolution takes two operations a weight for each pixel of its level's size; the
        convolutions after an enlargement work on the enlarged picture.
        """
        area = math.prod(_tiles(side) * min(_TILE_PX, side) for side in (width_px, height_px))
        once, twice, four_times = self._net.levels
        return 2.0 * area * (once + 4 * twice + 16 * four_times)

    def enlarge(self, image: Image) -> Image:
        """Return a picture, uint8 [h, w, 3] RGB, enlarged. Raises: BackendFailed, RequestFailed.

        Reserves before it begins, and books what it used.
        """
        height, width = image.shape[:2]
        factor = self._net.factor
        used = Quantities(calls=1, pixels=width * height * factor**2)
        flops = self.flops_of(width, height)
        with self._host.busy:
            self._host.check_open(self._hosted)
            with self.tally.open(self._ref, used, flops, formula_id=CONVOLUTION) as call:
                load_s = self._host.load(self._hosted, call)
                self.work = "gpu" if self._host.device == "gpu" else "cores"
                larger = self._host.ask(self._hosted, lambda one: one.enlarge(image)).image
                if larger.shape != (height * factor, width * factor, 3):
                    raise RequestFailed(f"The model {escaped(self.name)} did not enlarge by "
                                        f"{factor}.")  # fmt: skip
                call.settle(used, "measured", flops=flops, load_s=load_s)
        return larger

    def close(self) -> None:
        """End the process; may be called twice, and while another thread waits for a picture."""
        self._host.close()

    @property
    def _hosted(self) -> Hosted:
        path = self._file.path
        return Hosted(self.name, (path,), {"upscaler_path": path})

    @property
    def _ref(self) -> ModelRef:
        shape = ModelShape(parameters=self._net.weights, layers=0, width=_FEATURES)
        return ModelRef(backend="stable-diffusion.cpp", requested=self.name,
                        device=self._host.device, shape=shape)  # fmt: skip


def _tiles(side_px: int) -> int:
    return 1 + max(0, math.ceil((side_px - _TILE_PX) / _TILE_STEP_PX))


def _whole(path: Path) -> WeightsFile:
    """Return what a file holds. Raises: BackendMissing, BackendFailed for one that is cut off."""
    file = read_weights(path)
    if not file.whole:
        raise BackendFailed(f"{shown(path)} is cut off: it has {file.size_bytes:,} of "
                            f"{file.needed_bytes:,} bytes.", "Get it again.")  # fmt: skip
    return file


def _net(file: WeightsFile) -> _Net:
    """Return the net of a file: of the one shape that the library runs, and of no other.

    Source: stable-diffusion.cpp, src/esrgan.hpp. Raises: BackendFailed.
    """
    first = file.tensors.get(_OLD) or file.tensors.get("conv_first.weight")
    grown = next((one for name, one in file.tensors.items()
                  if name.endswith((".conv1.weight", ".conv1.0.weight"))), None)  # fmt: skip
    if (
        first is None
        or first.shape != (_FEATURES, 3, 3, 3)
        or (grown is not None and grown.shape != (_GROWTH, _FEATURES, 3, 3))
    ):
        raise BackendFailed(
            f"{shown(file.path)} is no model that enlarges pictures, or of a kind that is not run "
            "here.",
            "An RRDBNet of 64 features that takes pictures as they are is, such as "
            "RealESRGAN_x4plus.",
        )
    factor = _factor(file.tensors)
    if factor == 1:
        raise BackendFailed(f"{shown(file.path)} cleans pictures, and does not enlarge them.",
                            "Name one that enlarges, by 2 or 4.")  # fmt: skip
    levels = [0, 0, 0]
    for name, tensor in file.tensors.items():
        if name.endswith(".weight"):
            levels[_level(name, factor)] += tensor.weights
    return _Net(factor, (levels[0], levels[1], levels[2]))


def _factor(names: Collection[str]) -> int:
    if _OLD in names:
        return 4 if "model.10.weight" in names else 2 if "model.7.weight" in names else 1
    return 4 if "conv_up2.weight" in names else 2 if "conv_up1.weight" in names else 1


def _level(name: str, factor: int) -> int:
    """Return how often the picture was doubled where a convolution works."""
    if name.startswith(_SMALL):
        return 0
    for level, ups in enumerate(_UPS, 1):
        if name.startswith(ups):
            return level
    return factor // 2
