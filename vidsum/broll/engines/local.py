"""Pictures from an image model on this machine, through stable-diffusion.cpp."""

from __future__ import annotations

import functools
import secrets
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

from vidsum.broll.engines.compute import Work as Asked
from vidsum.broll.engines.compute import picture_flops, shape_of
from vidsum.broll.engines.fingerprints import sha256_of
from vidsum.broll.engines.hosting import Host, Hosted
from vidsum.broll.engines.painter_wire import Order
from vidsum.broll.engines.protocol import (
    Capabilities,
    ImageEngine,
    ImageRequest,
    MadeImage,
    Stepped,
    ignore,
)
from vidsum.broll.engines.weights import Weights, look_at
from vidsum.catalog.pictures import ImageModel, find_image_model
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.costs.units import DIFFUSION, cu
from vidsum.data import ModelRef, ModelShape, Quantities
from vidsum.errors import BackendFailed, BackendMissing, OptionError, RequestFailed
from vidsum.registry import Readiness, Work
from vidsum.wording import escaped

INSTALL_HINT: Final = "Install it: pip install 'vidsum[broll]'"
_MOST_REFERENCES: Final = 4
_TRANSFORMER_PX, _UNET_PX = 16, 64
"""The library rounds sizes up to multiples of these: 8 or 16 of the autoencoder times 8 of a UNet.
Source: stable-diffusion.cpp, src/stable-diffusion.cpp, ``align_image_size``."""
_SEEDS: Final = 1 << 31
_MOST_PROMPT: Final = 10_000
"""Characters. The library reads them all, in a time that grows with their square, and at 60,000
its parser ends the process."""


def build(options: Options) -> ImageEngine:
    """Return the engine; the model is looked for when it is asked about, loaded for the first
    picture. Raises: BackendMissing when stable-diffusion.cpp is not there."""
    _require()
    return LocalEngine(options)


def ready(options: Options) -> Readiness:
    """Return whether a model could be run here; loads nothing."""
    try:
        _require()
        found = find_image_model(options)
        look_at(found)
    except (BackendMissing, BackendFailed, OptionError) as exc:
        return Readiness(False, exc.message, exc.hint)
    return Readiness(True, found.name)


def _require() -> None:
    if find_spec("stable_diffusion_cpp") is None:
        raise BackendMissing("stable-diffusion-cpp-python is not installed.", INSTALL_HINT)


@dataclass(frozen=True, slots=True)
class _Found:
    """The model, what its files are, and a transformer's dimensions."""

    model: ImageModel
    weights: Weights
    shape: ModelShape | None

    @property
    def hosted(self) -> Hosted:
        """It as a host takes it."""
        return Hosted(self.model.name, self.weights.paths, self.weights.native_paths)


class LocalEngine(ImageEngine):
    """Makes pictures with a model on this machine, one a request, in a process of its own."""

    name = "local"
    work: Work = "cores"

    def __init__(self, options: Options) -> None:
        self.tally = Tally()
        self._options = options
        self._host = Host(options)

    @property
    def cpu_s(self) -> float:
        """What its processes have used, loading included, as they told last."""
        return self._host.cpu_s

    @property
    def model(self) -> str:
        """The model's name. Raises: BackendMissing, OptionError."""
        return self._found.model.name

    @functools.cached_property
    def identity(self) -> str:
        """What the model is known by: its library, hashes of all its weights, how it is run.

        Raises: BackendMissing, BackendFailed, OptionError.
        """
        found = self._found
        hashes = " ".join(sha256_of(path) for path in found.weights.paths)
        try:
            library = version("stable-diffusion-cpp-python")
        except PackageNotFoundError:  # built by hand
            library = "unknown"
        return (f"stable-diffusion.cpp {library} {hashes} steps={self._steps(None)} "
                f"guidance={found.model.guidance:g} sampler=euler")  # fmt: skip

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do. One picture a request: each is committed by itself.

        Raises: BackendMissing, BackendFailed, OptionError.
        """
        family = self._found.weights.family
        return Capabilities(
            _MOST_REFERENCES if family == "flux2" else 0, seed=True, most_images=1, usage=True,
            steps=True,
            multiple_px=_UNET_PX if family in ("sd1", "sd2", "sdxl") else _TRANSFORMER_PX,
        )  # fmt: skip

    def flops_of(
        self, width_px: int, height_px: int, references: int = 0, steps: int | None = None
    ) -> float | None:
        """Return what a picture would take to compute; None where nobody knows. Loads nothing.

        Raises: BackendMissing, BackendFailed, OptionError.
        """
        found = self._found
        asked = Asked(
            width_px, height_px, self._steps(steps), references, found.model.guidance != 1.0
        )
        return picture_flops(found.weights, found.shape, asked)

    def generate(self, request: ImageRequest, stepped: Stepped = ignore) -> tuple[MadeImage, ...]:
        """Return the picture. Raises: as :class:`ImageEngine` says."""
        with self._host.busy:
            self._check(request)
            steps = self._steps(request.steps)
            seed = secrets.randbelow(_SEEDS) if request.seed is None else request.seed
            order = Order(request.prompt, request.width_px, request.height_px, seed, steps,
                          self._found.model.guidance)  # fmt: skip
            used = Quantities(calls=1, images=1, pixels=request.width_px * request.height_px,
                              steps=steps)  # fmt: skip
            flops = self.flops_of(request.width_px, request.height_px, len(request.references),
                                  steps)  # fmt: skip
            with self.tally.open(self._ref, used, flops, formula_id=DIFFUSION) as call:
                load_s = self._host.load(self._found.hosted, call)
                self.work = "gpu" if self._host.device == "gpu" else "cores"
                painted = self._host.ask(
                    self._found.hosted,
                    lambda painter: painter.paint(order, request.references, stepped),
                )
                self._check_size(painted.image.shape[1::-1], order)
                call.settle(used, "measured", flops=flops, load_s=load_s)
            return (MadeImage(
                painted.image, seed, painted.paint_s, steps, "0", "measured",
                None if flops is None else cu(flops),
            ),)  # fmt: skip

    def close(self) -> None:
        """End the process; may be called twice, and while another thread waits for a picture."""
        self._host.close()

    @functools.cached_property
    def _found(self) -> _Found:
        """The model that the options mean. Raises: BackendMissing, BackendFailed, OptionError."""
        model = find_image_model(self._options)
        weights = look_at(model)
        return _Found(model, weights, shape_of(weights))

    @property
    def _ref(self) -> ModelRef:
        """The model as the ledger knows it."""
        found = self._found
        shape = found.shape
        if shape is None:
            shape = ModelShape(parameters=0, layers=0, width=0, quant=found.weights.quant)
        return ModelRef(backend="stable-diffusion.cpp", requested=found.model.name,
                        device=self._host.device, shape=shape)  # fmt: skip

    def _steps(self, asked: int | None) -> int:
        return asked or self._options.image_steps or self._found.model.steps

    def _check(self, request: ImageRequest) -> None:
        """Refuse what the model cannot do. Raises: BackendFailed, OptionError."""
        self._host.check_open(self._found.hosted)
        can = self.capabilities
        if len(request.references) > can.most_references:
            raise OptionError(
                f"The model {escaped(self.model)} takes {can.most_references or 'no'} reference "
                f"pictures, and there are {len(request.references)}.",
                "--ref none makes pictures without them.",
            )
        if request.count != 1:
            raise OptionError(f"The local generator makes one picture at a time, not "
                              f"{request.count}.")  # fmt: skip
        if len(request.prompt) > _MOST_PROMPT:
            raise OptionError(
                f"A prompt of {len(request.prompt):,} characters is too long for the local "
                "generator.", f"It takes {_MOST_PROMPT:,}.",
            )  # fmt: skip
        area = request.width_px * request.height_px
        sides = (request.width_px, request.height_px)
        if any(side < 1 or side % can.multiple_px for side in sides) or not (
            can.least_area_px <= area <= can.most_area_px
        ):
            raise OptionError(
                f"The model {escaped(self.model)} makes no pictures of "
                f"{request.width_px}×{request.height_px}.",
                f"Sides must be multiples of {can.multiple_px} px, and the area between "
                f"{can.least_area_px:,} and {can.most_area_px:,} px.",
            )

    def _check_size(self, size: tuple[int, ...], order: Order) -> None:
        """Raises: RequestFailed for a picture of another size than was asked for."""
        if size != (order.width_px, order.height_px):
            raise RequestFailed(
                f"The model {escaped(self.model)} made a picture of {size[0]}×{size[1]} in place "
                f"of {order.width_px}×{order.height_px}."
            )
