"""Pictures from an image model on this machine, through stable-diffusion.cpp."""

from __future__ import annotations

import functools
import secrets
import threading
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

from vidsum.broll.engines.compute import Work as Asked
from vidsum.broll.engines.compute import picture_flops, shape_of
from vidsum.broll.engines.fingerprints import sha256_of
from vidsum.broll.engines.painter_wire import Order, Painted
from vidsum.broll.engines.painting import Painter, PainterDied, Refused
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
from vidsum.costs.calls import OpenCall
from vidsum.costs.tally import Tally
from vidsum.costs.units import DIFFUSION, cu
from vidsum.data import ModelRef, ModelShape, Quantities
from vidsum.errors import BackendFailed, BackendMissing, OptionError, RequestFailed
from vidsum.registry import Readiness, Work
from vidsum.wording import escaped, shown

INSTALL_HINT: Final = "Install it: pip install 'vidsum[broll]'"
_MOST_REFERENCES: Final = 4
_TRANSFORMER_PX, _UNET_PX = 16, 64
"""The library rounds sizes up to multiples of these: 8 or 16 of the autoencoder times 8 of a UNet.
Source: stable-diffusion.cpp, src/stable-diffusion.cpp, ``align_image_size``."""
_SEEDS: Final = 1 << 31
_MOST_PROMPT: Final = 10_000
"""Characters. The library reads them all, in a time that grows with their square, and at 60,000
its parser ends the process."""
_MOST_DEATHS: Final = 2


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


class LocalEngine(ImageEngine):
    """Makes pictures with a model on this machine, one a request, in a process of its own.

    The process is started and the model loaded for the first picture. If it dies, that picture is
    lost and the next one starts another; twice in a row, and it is given up.
    """

    name = "local"
    work: Work = "cores"

    def __init__(self, options: Options) -> None:
        self.tally = Tally()
        self._options = options
        self._ended_cpu_s = 0.0
        self._painter: Painter | None = None
        self._busy = threading.Lock()
        self._closed = False
        self._deaths = 0

    @property
    def cpu_s(self) -> float:
        """What its processes have used, loading included, as they told last."""
        painter = self._painter
        return self._ended_cpu_s + (0.0 if painter is None else painter.cpu_s)

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
        with self._busy:
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
                load_s = self._load(call)
                painted = self._paint(order, request, stepped)
                call.settle(used, "measured", flops=flops, load_s=load_s)
            return (MadeImage(
                painted.image, seed, painted.paint_s, steps, "0", "measured",
                None if flops is None else cu(flops),
            ),)  # fmt: skip

    def close(self) -> None:
        """End the process; may be called twice, and while another thread waits for a picture."""
        self._closed = True
        painter = self._painter
        if painter is not None:
            painter.kill()
        with self._busy:
            self._let_go()

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
        device = None if self._painter is None else self._painter.device
        return ModelRef(backend="stable-diffusion.cpp", requested=found.model.name, device=device,
                        shape=shape)  # fmt: skip

    def _steps(self, asked: int | None) -> int:
        return asked or self._options.image_steps or self._found.model.steps

    def _check(self, request: ImageRequest) -> None:
        """Refuse what the model cannot do. Raises: BackendFailed, OptionError."""
        if self._closed:
            raise BackendFailed(f"The model {escaped(self.model)} was closed.")
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

    def _load(self, call: OpenCall) -> float | None:
        """Start a painter and have the model loaded where there is none; return what that took.

        Raises: BackendFailed, RequestFailed.
        """
        if self._painter is not None and self._painter.alive:
            return None
        self._let_go()
        options = self._options
        try:
            self._painter = Painter(hide_gpus=options.gpu_layers == 0)
            if self._closed:  # by another thread, which found nothing to kill yet
                self._painter.kill()
            self._painter.load(self._found.weights.native_paths, options.threads or _cores())
        except Refused as exc:
            call.release("BackendFailed")
            self._let_go()
            raise BackendFailed(
                f"The model {escaped(self.model)} cannot be loaded: {exc}.",
                f"{self._files} must go together, and be of a kind that is run here.",
            ) from exc
        except PainterDied as exc:
            lost = self._lost(exc, "while it loaded")
            call.release(type(lost).__name__)
            raise lost from exc
        except BackendFailed:  # there is none
            call.release("BackendFailed")
            raise
        except BaseException:
            self._let_go()
            raise
        call.model = replace(call.model, device=self._painter.device)
        self.work = "gpu" if self._painter.device == "gpu" else "cores"
        return self._painter.load_s

    def _paint(self, order: Order, request: ImageRequest, stepped: Stepped) -> Painted:
        """Return the picture. Raises: BackendFailed, RequestFailed."""
        assert self._painter is not None
        try:
            painted = self._painter.paint(order, request.references, stepped)
        except Refused as exc:
            raise RequestFailed(f"The model {escaped(self.model)} made no picture: {exc}.",
                                "A smaller picture takes less memory.") from exc  # fmt: skip
        except PainterDied as exc:
            raise self._lost(exc, "in the middle of a picture") from exc
        except BaseException:  # Ctrl-C: native code hears of it in no other way
            self._let_go()
            raise
        self._deaths = 0
        size = painted.image.shape[1::-1]
        if size != (order.width_px, order.height_px):
            raise RequestFailed(
                f"The model {escaped(self.model)} made a picture of {size[0]}×{size[1]} in place "
                f"of {order.width_px}×{order.height_px}."
            )
        return painted

    def _lost(self, exc: PainterDied, when: str) -> BackendFailed:
        """Return the error for a painter that died; the second one in a row ends it all."""
        self._let_go()
        if self._closed:
            return BackendFailed(f"The model {escaped(self.model)} was closed.")
        self._deaths += 1
        said = f": {exc.words}" if exc.words else ""
        message = f"The painter of {escaped(self.model)} {exc} {when}{said} ({self._files})."
        if self._deaths >= _MOST_DEATHS:
            return BackendFailed(
                f"{message} That was {self._deaths} times in a row.",
                "Check the files: vidsum models verify. Less memory: a smaller picture or model.",
            )
        return RequestFailed(message, "This picture is lost; the next one starts it anew.")

    @property
    def _files(self) -> str:
        return ", ".join(shown(path) for path in self._found.weights.paths)

    def _let_go(self) -> None:
        painter, self._painter = self._painter, None
        if painter is not None:
            painter.close()
            self._ended_cpu_s += painter.cpu_s


def _cores() -> int:
    from vidsum.backends.machine import usable_cores

    return usable_cores()
