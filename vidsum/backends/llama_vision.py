"""A model that looks at pictures, in this process, through llama.cpp's libmtmd."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vidsum.backends.gguf_shape import image_patches, shape_of
from vidsum.backends.llama import Clock, LlamaChat, Question
from vidsum.backends.llama_model import GgufModel
from vidsum.backends.native_log import native_log
from vidsum.costs.tally import Tally
from vidsum.data import ChatRequest, ModelShape
from vidsum.errors import BackendMissing, RequestFailed
from vidsum.wording import shown

if TYPE_CHECKING:
    from vidsum.data import Image

Tiles = Literal["overview", "all"]
CONTEXT_TOKENS: dict[str, int] = {"overview": 2048, "all": 4096}
_OVERVIEW_TOKENS = 256
"""The most tokens that an encoder of any resolution spends on a picture. Source: shared
measurements: at 1280×720 such encoders take over 1,000, which says little more in a caption."""
_NARROWEST = 8
"""Pictures that are narrower than 1:8 get margins: encoders that scale the long side to their own
measure are left with no pixel across."""
Step = list[int] | Any
"""Tokens, or libmtmd's pointer to the chunk of a picture."""


class LlamaVision(LlamaChat):
    """Answers questions about pictures with a GGUF file and its picture encoder.

    What stands before the first picture stays in the cache as far as the next question begins
    with the same words; pictures are always evaluated anew. ``tiles``: encoders that cut a picture
    into tiles and add an overview see the ``overview`` alone, or ``all``.
    Source: shared measurements, SmolVLM 256M: 2 s a caption for the overview, 21 s for 13 tiles.
    """

    def __init__(
        self,
        path: Path,
        mmproj: Path,
        model: str,
        *,
        threads: int | None = None,
        gpu_layers: int | None = None,
        tiles: Tiles = "overview",
        context_tokens: int | None = None,
        tally: Tally | None = None,
    ) -> None:
        super().__init__(
            path, model, threads=threads, gpu_layers=gpu_layers, tally=tally,
            context_tokens=context_tokens or CONTEXT_TOKENS[tiles],
        )  # fmt: skip
        self.mmproj = mmproj
        self._tiles = tiles
        self._encoder: Any = None

    def _patches(self, request: ChatRequest) -> int | None:
        if self._shape is None or not request.images:
            return 0
        height, width = request.images[0].shape[:2]
        most = _OVERVIEW_TOKENS if self._tiles == "overview" else None
        each = image_patches(self._shape, width, height, most_tokens=most)
        return None if each is None else self._pictures * each

    @functools.cached_property
    def _shape(self) -> ModelShape | None:
        return shape_of(self.path, self.mmproj)

    def _load(self) -> GgufModel:
        if not self.mmproj.is_file():
            raise BackendMissing(f"There is no picture encoder {shown(self.mmproj)}.")
        model = super()._load()
        try:
            self._encoder = self._open_encoder(model)
        except BaseException:
            model.close()
            raise
        return model

    def _open_encoder(self, model: GgufModel) -> Any:
        from llama_cpp import mtmd_cpp

        wanted = mtmd_cpp.mtmd_context_params_default()
        wanted.use_gpu = model.gpu_layers != 0
        wanted.n_threads = model.threads
        wanted.print_timings = False
        wanted.warmup = False  # a whole picture's work for nothing
        if self._tiles == "overview":
            wanted.image_max_tokens = _OVERVIEW_TOKENS
        native_log().forget()
        encoder = mtmd_cpp.mtmd_init_from_file(os.fsencode(self.mmproj), model.llm.model, wanted)
        if not encoder:
            reason = native_log().reason() or "it is no picture encoder for this model"
            raise model.unusable(reason, self.mmproj)
        model.stack.callback(mtmd_cpp.mtmd_free, encoder)  # before the model, which it refers to
        if not mtmd_cpp.mtmd_support_vision(encoder):
            raise model.unusable("it does not take pictures", self.mmproj)
        return encoder

    def _ask(self, model: GgufModel, request: ChatRequest, clock: Clock) -> Question:
        if not request.images:
            return super()._ask(model, request, clock)
        text = model.template.render(request.system, request.prompt, len(request.images))
        with self._chunks(text, request.images, clock) as chunks:
            steps = self._steps(model, chunks)
            tokens = sum(map(_tokens_in, steps))
            self._pictures = sum(not isinstance(step, list) for step in steps)
            self._reserve(model, request, tokens)
            cached = 0
            for number, step in enumerate(steps):
                if not isinstance(step, list):
                    self._look(model, step, clock)
                    continue
                with clock.timed("prefill"):
                    if number == 0:
                        cached = model.begin(step)
                    else:
                        model.evaluate(step)
        return Question(tokens, cached)

    @contextlib.contextmanager
    def _chunks(self, text: str, images: Sequence[Image], clock: Clock) -> Iterator[Any]:
        """Yield libmtmd's chunks of a text with its pictures. Raises: RequestFailed."""
        from llama_cpp import mtmd_cpp

        with contextlib.ExitStack() as stack:
            with clock.timed("preprocess"):
                bitmaps = [_bitmap(image, stack) for image in images]
                chunks = mtmd_cpp.mtmd_input_chunks_init()
                stack.callback(mtmd_cpp.mtmd_input_chunks_free, chunks)
                raw = text.encode("utf-8", "replace")
                whole = mtmd_cpp.mtmd_input_text(raw, len(raw), True, True)
                array = (mtmd_cpp.mtmd_bitmap_p_ctypes * len(bitmaps))(*bitmaps)
                failed = mtmd_cpp.mtmd_tokenize(
                    self._encoder, chunks, ctypes.byref(whole), array, len(bitmaps)
                )
            if failed:
                reason = native_log().reason() or f"error {failed}"
                raise RequestFailed(f"The model {self.model} cannot take this picture: {reason}.")
            yield chunks

    def _steps(self, model: GgufModel, chunks: Any) -> list[Step]:
        from llama_cpp import mtmd_cpp

        steps: list[Step] = []
        for number in range(mtmd_cpp.mtmd_input_chunks_size(chunks)):
            chunk = mtmd_cpp.mtmd_input_chunks_get(chunks, number)
            kind = mtmd_cpp.mtmd_input_chunk_get_type(chunk)
            steps.append(_text(chunk) if kind == mtmd_cpp.MTMD_INPUT_CHUNK_TYPE_TEXT else chunk)
        if self._tiles == "overview":
            steps = self._without_tiles(model, steps)
        return steps if isinstance(steps[0], list) else [[], *steps]

    def _without_tiles(self, model: GgufModel, steps: list[Step]) -> list[Step]:
        """Leave of each picture that was cut into tiles the overview alone.

        Idefics3 and SmolVLM: ``<fake><row_1_col_1> TILE <fake><row_1_col_2> TILE … <fake>
        <global-img> OVERVIEW <fake>`` becomes ``<fake><global-img> OVERVIEW <fake>``, the form in
        which SmolVLM2 was shown videos. Encoders that tile in another way are left alone.
        """
        row = model.tokens_of("<fake_token_around_image><row_1_col_1>")
        whole = model.tokens_of("<fake_token_around_image><global-img>")
        if len(row) != 2 or len(whole) != 2:
            return steps
        kept: list[Step] = []
        in_tiles = False
        for step in steps:
            is_text = isinstance(step, list)
            if in_tiles:
                in_tiles = not (is_text and step[-2:] == whole)
            elif is_text and step[-2:] == row:
                kept.append([*step[:-2], *whole])
                in_tiles = True
            else:
                kept.append(step)
        return steps if in_tiles else kept

    def _look(self, model: GgufModel, chunk: Any, clock: Clock) -> None:
        """Encode a picture and have the model read it. Raises: RuntimeError, Stopped."""
        import llama_cpp
        from llama_cpp import mtmd_cpp

        model.check_stopping()
        with clock.timed("encode"):
            if mtmd_cpp.mtmd_encode_chunk(self._encoder, chunk):
                raise RuntimeError("the picture could not be encoded")
        with clock.timed("prefill"):
            after = llama_cpp.llama_pos(0)
            failed = mtmd_cpp.mtmd_helper_decode_image_chunk(
                self._encoder,
                model.llm.ctx,
                chunk,
                mtmd_cpp.mtmd_get_output_embd(self._encoder),
                llama_cpp.llama_pos(model.llm.n_tokens),
                llama_cpp.llama_seq_id(0),
                model.llm.n_batch,
                ctypes.byref(after),
                mtmd_cpp.mtmd_helper_post_decode_callback(0),
                None,
            )
            if failed:
                raise RuntimeError("the picture could not be read")
            model.llm.n_tokens = after.value


def _tokens_in(step: Step) -> int:
    """Return the places a step takes in the cache: for pictures more than it takes positions."""
    from llama_cpp import mtmd_cpp

    return len(step) if isinstance(step, list) else mtmd_cpp.mtmd_input_chunk_get_n_tokens(step)


def _text(chunk: Any) -> list[int]:
    from llama_cpp import mtmd_cpp

    count = ctypes.c_size_t()
    tokens: Any = mtmd_cpp.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
    return list(tokens[: count.value])


def _bitmap(image: Image, stack: contextlib.ExitStack) -> Any:
    """Return libmtmd's copy of a picture, freed with the stack. Raises: RequestFailed."""
    import numpy as np
    from llama_cpp import mtmd_cpp

    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise RequestFailed(f"This is no RGB picture: {image.dtype}, {image.shape}.")
    pixels = np.ascontiguousarray(_with_margins(image))
    height, width = pixels.shape[:2]
    raw = pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
    bitmap = mtmd_cpp.mtmd_bitmap_init(width, height, raw)
    stack.callback(mtmd_cpp.mtmd_bitmap_free, bitmap)
    return bitmap


def _with_margins(image: Image) -> Image:
    """Widen what is narrower than 1:8, or flatter, with black on both sides."""
    import numpy as np

    height, width = image.shape[:2]
    add_high = max(0, -(-width // _NARROWEST) - height)
    add_wide = max(0, -(-height // _NARROWEST) - width)
    if not add_high and not add_wide:
        return image
    top, left = add_high // 2, add_wide // 2
    return np.pad(image, ((top, add_high - top), (left, add_wide - left), (0, 0)))
