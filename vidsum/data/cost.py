"""What work costs: quantities, and one line of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Origin = Literal["measured", "reported", "estimated", "unknown"]
Modality = Literal["text", "image", "audio", "video", "image_gen", "video_gen"]
Direction = Literal["understand", "generate"]
Kind = Literal["run", "stage", "call", "saving"]
"""What a line is about. Time and energy stand in the lines of runs and stages, tokens, compute and
money in those of calls, so that nothing is counted twice; ``run`` is the whole of a run; ``saving``
is what was not done, and is never part of a total."""
Phase = Literal["reserve", "settle", "release", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """What some work used, in its own units. None is unknown, or does not apply.

    ``input_tokens`` includes the ones that came from a cache (``cache_read_tokens``) and those of
    pictures and sound (``image_tokens``, ``audio_tokens``); ``output_tokens`` includes
    ``reasoning_tokens``, as OpenAI counts.
    ``pixels`` and ``images`` are what a model was shown; ``steps`` are those of a diffusion model.
    """

    calls: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    image_tokens: int | None = None
    audio_tokens: int | None = None
    images: int | None = None
    pixels: int | None = None
    audio_s: float | None = None
    video_s: float | None = None
    steps: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelShape:
    """A transformer's dimensions, read from its file: what the FLOP formulas need.

    ``parameters`` counts all weights that a token meets (of a mixture of experts, the active
    ones); ``encoder_*`` are those of its picture or sound encoder, 0 without one. ``patch_px`` is
    the side of a patch in pixels. ``quant`` names how the weights are kept (``Q8_0``, ``int8``).

    The others are 0 where they are not known or do not apply: ``vocabulary`` in tokens; ``mels``
    of a spectrum; ``image_px``, the side of the square that each picture or tile becomes, and
    ``longest_px``, that of a picture before it is cut into tiles; ``merge`` × ``merge`` patches
    become one token; ``most_image_tokens`` of an encoder that leaves pictures their shape; in
    ``full_layers`` of the encoder patches see all others, elsewhere ``window_patches`` of them.
    """

    parameters: int
    layers: int
    width: int
    encoder_parameters: int = 0
    encoder_layers: int = 0
    encoder_width: int = 0
    patch_px: int = 0
    quant: str | None = None
    vocabulary: int = 0
    mels: int = 0
    image_px: int = 0
    longest_px: int = 0
    merge: int = 0
    most_image_tokens: int = 0
    window_patches: int = 0
    full_layers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """Which model does some work, and where.

    ``base_url`` and ``provider`` (a name that vidsum knows) are for looking up a price; only the
    ``host`` is ever stored. All three are None for a model in this process, whose API cost is 0.
    ``shape`` is None where its dimensions are not known: nobody knows them of a closed model.
    """

    backend: str
    requested: str
    resolved: str | None = None
    base_url: str | None = None
    provider: str | None = None
    host: str | None = None
    device: str | None = None
    shape: ModelShape | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What something costs: billionths of a US dollar, and where that is known from.

    ``source`` is ``provider`` (its own reply), ``genai-prices``, ``override`` (vidsum's dated
    table) or ``local`` (the user's own table, or a model in this process).
    """

    usd_nano: int
    source: str
    version: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger. Its fields are the columns; None is unknown or does not apply.

    ``call_id`` ties a reserve to what came of it. ``ts_utc`` is ISO 8601 with microseconds.
    ``lane`` is ``main`` for the run's own thread; the stages of each lane follow one another.
    ``reserved_*`` are the worst case that was set aside. ``counts`` are a stage's own units.
    ``reason`` says why a call was made where that is not plain: what a second look is to find out.
    ``*_origin`` say how a figure is known, None where there is nothing to know (a stage without
    a model has no compute units); ``unknown`` goes with a figure of None and is never counted as 0.
    """

    call_id: str
    phase: Phase
    kind: Kind
    ts_utc: str
    run_id: str
    stage: str
    modality: Modality
    backend: str
    direction: Direction = "understand"
    lane: str = "main"
    video_sha256: str | None = None
    path: str | None = None
    host: str | None = None
    model_requested: str | None = None
    model_resolved: str | None = None
    quant: str | None = None
    device: str | None = None
    pid: int | None = None
    vidsum_version: str | None = None

    calls: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    image_tokens: int | None = None
    audio_tokens: int | None = None
    images: int | None = None
    pixels: int | None = None
    audio_s: float | None = None
    video_s: float | None = None
    steps: int | None = None
    counts: Mapping[str, float] = field(default_factory=dict)

    wall_s: float | None = None
    queue_s: float | None = None
    cpu_s: float | None = None
    gpu_s: float | None = None
    peak_rss_bytes: int | None = None
    model_load_s: float | None = None

    est_flops: float | None = None
    formula_id: str | None = None
    cu: float | None = None

    joules: float | None = None
    joules_method: str | None = None

    usd_nano: int | None = None
    price_source: str | None = None
    price_version: str | None = None
    price_date: str | None = None

    reserved_usd_nano: int | None = None
    reserved_cu: float | None = None

    cache_hit: bool | None = None
    avoided_by: str | None = None
    avoided_calls: int | None = None
    avoided_usd_nano: int | None = None
    avoided_cu: float | None = None
    avoided_s: float | None = None
    baseline: str | None = None

    status: str | None = None
    error_class: str | None = None
    retry_of: str | None = None

    usage_origin: Origin | None = None
    time_origin: Origin | None = None
    cu_origin: Origin | None = None
    joules_origin: Origin | None = None
    usd_origin: Origin | None = None

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A figure that is not known beforehand: the least, the likely and the most it may be."""

    least: float
    likely: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a stage will be asked to do, as far as it is known: exact figures have equal ends.

    ``captions`` pictures of at most ``side_px`` on their longest side and ``aspect`` (width by
    height); ``speech_s`` seconds of speech within ``audio_s`` of sound, in ``passages`` of at most
    29 s; a timeline of ``timeline_tokens`` (JSON lines, as a prompt has them). ``looks`` moments
    may be seen again: a captioner is asked either for captions or for these, with a question each,
    and a reasoner may then revise its summary.
    """

    captions: Span = Span(0, 0, 0)
    looks: Span = Span(0, 0, 0)
    side_px: int = 512
    aspect: float = 16 / 9
    audio_s: float = 0.0
    speech_s: Span = Span(0, 0, 0)
    passages: Span = Span(0, 0, 0)
    timeline_tokens: Span = Span(0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What an engine would use for a need, all its calls together.

    ``likely`` and ``most`` (repetitions and the longest answers included) are sums over all calls,
    ``least`` is what cannot be less; ``*_flops`` are None for a model of unknown dimensions.
    """

    model: ModelRef
    least: Quantities
    likely: Quantities
    most: Quantities
    least_flops: float | None = None
    likely_flops: float | None = None
    most_flops: float | None = None
