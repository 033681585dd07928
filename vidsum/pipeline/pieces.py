"""Pieces of a run that are kept one by one: captions, and the text read on pictures.

Whole evidence is kept at the end. What was asked for on the way to it is kept at once, so that a
run that was killed, capped or given up by its backend asks only what is missing the next time.
"""

from __future__ import annotations

from dataclasses import replace

from vidsum.captioners.protocol import Captioner
from vidsum.costs.totals import totals
from vidsum.data import Frame, Saving, ScreenText, Total
from vidsum.events import Noted
from vidsum.ocr.protocol import TextReader
from vidsum.pipeline.keeping import answers_for, keeper
from vidsum.pipeline.run import Run
from vidsum.pipeline.sameness import FORM, libraries
from vidsum.store.answers import CAPTION, READING, KeptAnswers, picture_sha256
from vidsum.wording import number


def lend_notebook(run: Run, captioner: Captioner) -> None:
    """Have a captioner find what earlier runs were told, and write down what it is told."""
    if captioner.notebook is not None:
        captioner.notebook.answers = answers_for(
            run, run.engines.captioner.name, "caption", kind=CAPTION
        )


def with_memory(run: Run, reader: TextReader) -> TextReader:
    """Return a reader that reads no picture a second time; the same one where nothing is kept."""
    answers = keeper(run, READING, [FORM, reader.name, libraries(reader.name)])
    return reader if answers is None else KeepingReader(reader, answers)


class KeepingReader(TextReader):
    """Asks a reader for what earlier runs have not read: the text of a picture is kept at once.

    ``reused`` counts what earlier runs had read, and no picture that came again in this one.
    """

    def __init__(self, reader: TextReader, answers: KeptAnswers) -> None:
        self.name = reader.name
        self.reused = 0
        self._reader, self._answers = reader, answers
        self._own: set[str] = set()

    @property
    def calls(self) -> int:  # type: ignore[override]
        """How often the reader's model really ran."""
        return self._reader.calls

    def read(self, frame: Frame) -> ScreenText:
        """Return the text of one picture. Raises: BackendMissing, BackendFailed."""
        key = picture_sha256(frame.image)
        kept = self._answers.get_record(ScreenText, key)
        if kept is not None:
            self.reused += key not in self._own
            return replace(kept, index=frame.sample.index, time_s=frame.sample.time_s)
        read = self._reader.read(frame)
        self._own.add(key)
        self._answers.put_record(key, read)
        return read


def tell(run: Run, captioner: Captioner, reader: TextReader | None) -> None:
    """Say what earlier runs had kept, if they had anything."""
    captions, readings = _reused(captioner, reader)
    told = [_counted(captions, "caption")] if captions else []
    told += [_text_of(readings)] if readings else []
    if told:
        run.listen(Noted("kept", f"of an earlier run: {' and '.join(told)}; --no-cache asks anew"))


def book(run: Run, captioner: Captioner, reader: TextReader | None) -> None:
    """Write down what was not asked for again, once the stages of this run are booked.

    It is set against them: what was really paid for it, only the earlier runs' ledger knows.
    """
    captions, readings = _reused(captioner, reader)
    again = captioner.notebook.repeated if captioner.notebook else 0
    took = totals(run.meter.book.lines(), lambda line: line.stage).get("describe")
    for count, what, by in (
        (captions, f"{_counted(captions, 'caption')} kept from an earlier run", "resume"),
        (again, f"{_counted(again, 'picture')} that came again", "cache"),
    ):
        if count:
            free = None if captioner.work == "network" else 0
            saving = Saving(by, what, count, usd_nano=free)
            run.meter.saved("describe", "image", _at_rate(saving, took))
    if readings:
        what = f"{_text_of(readings)}, kept from an earlier run"
        run.meter.saved("ocr", "image", Saving("resume", what))


def _reused(captioner: Captioner, reader: TextReader | None) -> tuple[int, int]:
    """Return how many captions, and how many readings, earlier runs had kept."""
    captions = captioner.notebook.reused if captioner.notebook else 0
    return captions, readings_reused(reader)


def readings_reused(reader: TextReader | None) -> int:
    """Return how many pictures a reader did not have to read: earlier runs had."""
    return reader.reused if isinstance(reader, KeepingReader) else 0


def _at_rate(saving: Saving, took: Total | None) -> Saving:
    """Return a saving with what so many calls take by those that were made; unknown without."""
    if took is None or not took.calls or saving.calls is None:
        return saving
    share = saving.calls / took.calls
    cu = None if took.cu.unknown else took.cu.value * share
    usd_nano = None if took.usd_nano.unknown else round(took.usd_nano.value * share)
    others = f"{saving.baseline}, at what the {_counted(took.calls, 'call')} of this run took"
    return replace(saving, baseline=others, seconds=took.wall_s.value * share, cu=cu,
                   usd_nano=usd_nano)  # fmt: skip


def _text_of(readings: int) -> str:
    return f"the text of {_counted(readings, 'picture')}"


def _counted(count: int, thing: str) -> str:
    return f"{number(count)} {thing}{'' if count == 1 else 's'}"
