"""Text on screen read by RapidOCR with the models that its own wheel carries."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidsum.config import Options
from vidsum.data import ScreenText, TextLine
from vidsum.errors import BackendFailed, BackendMissing
from vidsum.media.onnx import keep_onnx_quiet
from vidsum.media.picture import blank_kind, shrink
from vidsum.ocr.layout import merge_rows, pick_title
from vidsum.ocr.protocol import TextReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidsum.data import Frame, Image

_DETECTOR, _RECOGNISER = "*_det_*.onnx", "*_rec_*.onnx"
_HINT = "Reinstall it: pip install --force-reinstall 'rapidocr>=3.10'"

_LONG_PX = 1280
_CONFIDENCE = 0.75
_TALL_SHARE, _TALL_ASPECT, _TALL_CONFIDENCE = 0.2, 3.5, 0.9
_LIKENESS_PX, _LIKENESS_MOST = 480, 22


def build(options: Options) -> TextReader:
    """Return the reader; it takes no options."""
    return RapidReader()


class RapidReader(TextReader):
    """Reads text with PP-OCRv6 small, on one thread, without network.

    The models load with the first picture that has something on it. A picture that is nearly
    pixel for pixel the last one gets the last one's answer. For one user at a time.
    """

    name = "rapidocr"

    def __init__(self) -> None:
        self.calls = 0
        self._engine: Any = None
        self._last: tuple[Image, tuple[TextLine, ...]] | None = None

    def read(self, frame: Frame) -> ScreenText:
        """Return the text of one picture; lines that were read with doubt are left out.

        Raises: BackendMissing when RapidOCR or its models are not there, BackendFailed when it
        breaks.
        """
        lines = self._lines(frame.image)
        sample = frame.sample
        return ScreenText(sample.index, sample.time_s, lines, pick_title(lines))

    def _lines(self, image: Image) -> tuple[TextLine, ...]:
        if blank_kind(image) is not None:
            return ()
        now = shrink(image, _LIKENESS_PX)
        if self._last is not None and _is_alike(now, self._last[0]):
            return self._last[1]
        lines = self._recognise(image)
        self._last = now, lines
        return lines

    def _recognise(self, image: Image) -> tuple[TextLine, ...]:
        if self._engine is None:
            self._engine = _load_engine()
        # RapidOCR takes arrays for BGR.
        picture = np.ascontiguousarray(shrink(image, _LONG_PX)[..., ::-1])
        height, width = picture.shape[:2]
        self.calls += 1
        try:
            pieces = _pieces(self._engine, picture)
        except Exception as exc:  # RapidOCR and onnxruntime raise bare exceptions of all kinds
            raise BackendFailed(f"RapidOCR failed on a picture of {width}×{height}: {exc}") from exc
        return merge_rows(pieces, aspect=width / height)


def _load_engine() -> Any:
    """Return a RapidOCR on one thread with the models in its wheel.

    Source: shared measurements. Detection at 640 px takes 555 ms of CPU on a full slide with
    word recall .982; RapidOCR's own default scales up and takes 1.4 s.
    """
    spec = find_spec("rapidocr")
    if spec is None or not spec.origin:
        raise BackendMissing("RapidOCR is not installed.", _HINT)
    folder = Path(spec.origin).parent / "models"
    params = {
        "Global.log_level": "critical",
        "Global.use_cls": False,
        "EngineConfig.onnxruntime.intra_op_num_threads": 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        "Det.limit_type": "max",
        "Det.limit_side_len": 640,
        "Det.model_path": _model(folder, _DETECTOR),
        "Rec.model_path": _model(folder, _RECOGNISER),
    }
    keep_onnx_quiet()
    # Ctrl-C is raised in the main thread only. Raised inside omegaconf, which RapidOCR reads its
    # settings with, it can come out as an AttributeError of omegaconf's cleaning up.
    with ThreadPoolExecutor(1, "rapidocr") as apart:
        starting = apart.submit(_start, params)
        try:
            return starting.result()
        except Exception as exc:
            raise BackendFailed(f"RapidOCR does not start: {exc}", _HINT) from exc


def _start(params: dict[str, Any]) -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params=params)


def _model(folder: Path, pattern: str) -> str:
    """Return the newest model in RapidOCR's wheel of a kind. Raises: BackendMissing.

    A model that RapidOCR does not find, it downloads; one that is named by path, it does not.
    """
    found = sorted(folder.glob(pattern))
    if not found:
        raise BackendMissing(f"RapidOCR's model {pattern} is not in {folder}.", _HINT)
    return str(found[-1])


def _pieces(engine: Any, picture: Image) -> list[TextLine]:
    """Find and read the pieces of text of which it is sure. picture: uint8 [h, w, 3], BGR."""
    found = engine(picture, use_det=True, use_cls=False, use_rec=True)
    # Where it finds or reads nothing it answers with other types, or None in the fields.
    boxes, texts = getattr(found, "boxes", None), getattr(found, "txts", None)
    if boxes is None or texts is None:
        return []
    pieces: list[TextLine] = []
    for quad, text, score in zip(boxes, texts, found.scores, strict=True):
        piece = _piece(quad, text, float(score), picture.shape)
        if _is_tall(piece, picture.shape) and piece.confidence < _TALL_CONFIDENCE:
            pieces += _reread(engine, picture, piece)
        elif piece.confidence >= _CONFIDENCE:
            pieces.append(piece)
    return pieces


def _piece(quad: NDArray[np.floating], text: str, score: float, shape: tuple[int, ...]) -> TextLine:
    """quad: float [4, 2], x and y of the corners in pixels."""
    height, width = shape[:2]
    (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
    return TextLine(
        text,
        score,
        float(left / width),
        float(top / height),
        float(right / width),
        float(bottom / height),
    )


def _is_tall(piece: TextLine, shape: tuple[int, ...]) -> bool:
    height, width = shape[:2]
    tall = piece.bottom - piece.top
    return tall > _TALL_SHARE and (piece.right - piece.left) * width < _TALL_ASPECT * tall * height


def _reread(engine: Any, picture: Image, piece: TextLine) -> list[TextLine]:
    """Read a tall piece as two lines, one above the other; nothing unless both are sure.

    The detector takes two tight lines of a title card for one; read as one they give a word that
    is not there ("Big Buck / BUNNY" gave "BUNKY" at .84).
    """
    height, width = picture.shape[:2]
    middle = (piece.top + piece.bottom) / 2
    columns = slice(int(piece.left * width), int(piece.right * width))
    lines: list[TextLine] = []
    for top, bottom in ((piece.top, middle), (middle, piece.bottom)):
        part = picture[int(top * height) : int(bottom * height), columns]
        found = engine(part, use_det=False, use_cls=False, use_rec=True)
        text, score = found.txts[0], float(found.scores[0])
        if score < _TALL_CONFIDENCE or not text.strip():
            return []
        lines.append(TextLine(text, score, piece.left, top, piece.right, bottom))
    return lines


def _is_alike(now: Image, before: Image) -> bool:
    """Say whether two pictures differ by no more than compression noise.

    Source: measured at 480 px. Samples of one slide in a compressed video differ by at most 20
    levels in any pixel; one changed letter of 14 px type at 720p makes 24 or more.
    """
    if now.shape != before.shape:
        return False
    return int(np.abs(now.astype(np.int16) - before).max()) < _LIKENESS_MOST
