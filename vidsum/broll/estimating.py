"""What B-roll would cost, part by part, before anything is spent; and that a paid one has a cap."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Final, Protocol, runtime_checkable

from vidsum import registry
from vidsum.backends.providers import Endpoint, endpoint
from vidsum.broll.engines import remote_costs
from vidsum.broll.engines.protocol import ImageEngine, ImageRequest
from vidsum.broll.items import Finishing, Item, Itemised, Part, Parts
from vidsum.costs.units import cu
from vidsum.data import Entry, ModelRef, Need, Quantities, Span
from vidsum.errors import OptionError
from vidsum.pipeline.run import Run
from vidsum.wording import escaped

_SCENES_TOKENS: Final = (6000, 900)
_PROMPT_TOKENS: Final = (900, 250)
"""What a plan, and a scene's prompt, likely take to ask and to answer. Ours: a summary with its
timeline of ten minutes; prompts are at most 700 letters."""


@runtime_checkable
class Computed(Protocol):
    """An engine that knows what a picture takes to compute."""

    def flops_of(
        self, width_px: int, height_px: int, references: int = 0, steps: int | None = None
    ) -> float | None:
        """Return it; None where nobody knows. Raises: BackendMissing, BackendFailed."""
        ...


def itemise(
    run: Run, engine: ImageEngine, parts: Parts, finishing: Finishing | None = None, note: str = ""
) -> Itemised:  # fmt: skip
    """Return what the parts would cost, those with nothing to do left out.

    Prices are of the tables in force, compute of the model's dimensions; what neither tells, and
    how long it takes, is known from earlier pictures of the same model. Nothing is loaded and
    nobody contacted. Raises: BackendMissing, BackendFailed, OptionError.
    """
    past = tuple(run.meter.book.history())
    items = [
        *_texts(run, parts),
        _pictures(run, engine, past, "pictures", parts.pictures, parts.picture),
        _pictures(run, engine, past, "baselines", parts.baselines, parts.baseline),
        *_finished(run, past, finishing or Finishing()),
    ]
    return _told(run, items, parts.kept, parts.unknown, note)


def itemise_finishing(run: Run, finishing: Finishing) -> Itemised:
    """Return what finishing would cost: pictures brought to the video's size, and their clips."""
    return _told(run, _finished(run, tuple(run.meter.book.history()), finishing))


def _told(
    run: Run, items: Iterable[Item], kept: int = 0, unknown: int = 0, note: str = ""
) -> Itemised:  # fmt: skip
    something = tuple(item for item in items if item.count)
    return Itemised(something, kept, unknown, run.meter.book.prices_used, note)


def _finished(run: Run, past: Sequence[Entry], finishing: Finishing) -> Iterable[Item]:
    """Yield what is done on this machine, with its seconds, and clips by a model."""
    yield Item(part="upscale", count=finishing.pictures, model=finishing.upscaler,
               each_cu=finishing.enlarge_cu, each_s=_enlarge_s(run, past, finishing))  # fmt: skip
    yield Item(part="motion", count=finishing.motion, each_s=_each_s(past, "motion"))
    yield Item(part="clips", count=finishing.clips, model=finishing.clip_model, each_cu=None,
               each_usd_nano=finishing.clip_usd_nano)  # fmt: skip


def check_capped(run: Run, engine: ImageEngine, found: Itemised) -> None:
    """Refuse to begin what costs money without a cap. Raises: OptionError, with the estimate."""
    paid = [item for item in found.items if item.part in ("pictures", "baselines")
            and _costs(run, engine, item.each_usd_nano)]  # fmt: skip
    if not paid or run.meter.budget.caps.money:
        return
    what = " and ".join(item.what for item in paid)
    told = "at a price that nobody knows here" if found.usd == "unknown" else f"about {found.usd}"
    raise OptionError(
        f"{what} of {escaped(engine.model)} would be paid for ({told}), and there is no cap.",
        "--max-usd USD sets one, --max-usd-per-day one for all runs of a day.",
    )


def is_paid(run: Run, engine: ImageEngine, request: ImageRequest) -> bool:
    """Say whether a picture costs API money, or might. Raises: OptionError."""
    price = run.meter.book.price(_model(run, engine), _likely(engine, request))
    return _costs(run, engine, price.usd_nano if price else None)


def _costs(run: Run, engine: ImageEngine, each_usd_nano: int | None) -> bool:
    """Say so by a price; without one, whoever has the machine may have one."""
    if engine.work != "network":
        return False
    return not _where(run).local if each_usd_nano is None else each_usd_nano > 0


def _likely(engine: ImageEngine, request: ImageRequest) -> Quantities:
    """Return what a request will about use."""
    if engine.work == "network":
        return remote_costs.likely(request, engine.model)
    pixels = request.width_px * request.height_px
    return Quantities(calls=1, images=1, pixels=pixels, steps=request.steps)


def _where(run: Run) -> Endpoint:
    return endpoint(run.options.api_for("image"))


def _pictures(
    run: Run, engine: ImageEngine, past: Sequence[Entry], part: Part, count: int,
    request: ImageRequest,
) -> Item:  # fmt: skip
    """Return what pictures would cost each."""
    if not count:
        return Item(part=part, count=0)
    model = _model(run, engine)
    alike = [line for line in past if line.modality == "image_gen" and line.kind == "call"
             and line.phase == "settle" and line.model_requested == engine.model
             and line.host == model.host and request.steps in (None, line.steps)]  # fmt: skip
    pixels = request.width_px * request.height_px
    # Prices go in steps of sizes: only pictures of the same size tell anything.
    paid = [line.usd_nano for line in alike if line.usd_nano is not None and line.pixels == pixels]
    price = run.meter.book.price(model, _likely(engine, request))
    usd = price.usd_nano if price else _median(paid)
    flops = _flops(engine, request)
    each_cu = _by_pixel(alike, pixels, "cu") if flops is None else cu(flops)
    each_s = _by_pixel(alike, pixels, "wall_s")
    speed = run.meter.book.s_per_cu().get("cpu") if engine.work == "cores" else None
    if each_s is None and each_cu is not None and speed is not None:
        each_s = each_cu * speed
    return Item(
        part=part, count=count, model=engine.model, each_usd_nano=None if usd is None else int(usd),
        each_cu=each_cu, each_s=each_s, price_source=price.source if price else "",
        note="" if price or usd is None else "by what earlier ones cost",
    )  # fmt: skip


def _flops(engine: ImageEngine, request: ImageRequest) -> float | None:
    if not isinstance(engine, Computed):
        return None
    return engine.flops_of(request.width_px, request.height_px, len(request.references),
                           request.steps)  # fmt: skip


def _by_pixel(lines: Iterable[Entry], pixels: int, figure: str) -> float | None:
    """Return a figure of the ledger's lines for a picture of so many pixels."""
    each = [value / line.pixels for line in lines
            if line.pixels and (value := getattr(line, figure)) is not None]  # fmt: skip
    middle = _median(each)
    return None if middle is None else middle * pixels


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _model(run: Run, engine: ImageEngine) -> ModelRef:
    """Return an engine's model as price tables know it."""
    if engine.work != "network":
        return ModelRef(backend=engine.name, requested=engine.model)
    where = _where(run)
    return ModelRef(backend="openai", requested=engine.model, base_url=where.base_url,
                    provider=where.provider_name or None, host=where.host)  # fmt: skip


def _texts(run: Run, parts: Parts) -> Iterable[Item]:
    """Yield what the text model would cost; nothing where none is asked."""
    if not (parts.scenes or parts.prompts):
        return
    found = registry.forecast("reasoner", run.engines.reasoner.name, run.options,
                              Need(timeline_tokens=Span(0, 1000, 1000)))  # fmt: skip
    if found is None:
        return
    counts: tuple[tuple[Part, int, tuple[int, int]], ...] = (
        ("scenes", parts.scenes, _SCENES_TOKENS), ("prompts", parts.prompts, _PROMPT_TOKENS),
    )  # fmt: skip
    for part, count, (asks, answers) in counts:
        used = Quantities(calls=1, input_tokens=asks, output_tokens=answers)
        price = run.meter.book.price(found.model, used)
        yield Item(
            part=part, count=count, model=found.model.requested, each_cu=None,
            each_usd_nano=price.usd_nano if price else None,
            price_source=price.source if price else "", note="of likely length",
        )  # fmt: skip


def _enlarge_s(run: Run, past: Sequence[Entry], finishing: Finishing) -> float | None:
    """Return the seconds of an enlarged picture: by a model, those of its calls for as much."""
    if not finishing.enlarge_cu:
        return _each_s(past, "upscale")
    each = [line.wall_s / line.cu for line in past if line.kind == "call" and line.wall_s
            and line.phase == "settle" and line.cu and line.stage == "upscale"]  # fmt: skip
    speed = _median(each) or run.meter.book.s_per_cu().get("cpu")
    return None if speed is None else speed * finishing.enlarge_cu


def _each_s(past: Sequence[Entry], stage: str) -> float | None:
    """Return the seconds that a picture took at a stage of earlier runs; None when nobody knows."""
    each = [line.wall_s / line.counts["pictures"] for line in past
            if line.kind == "stage" and line.stage == stage and line.phase == "settle"
            and line.wall_s and line.counts.get("pictures")]  # fmt: skip
    return _median(each)
