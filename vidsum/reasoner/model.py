"""The reasoner that has a language model write the summary, and checks what it wrote.

A timeline that fits the model's context is one question. A longer one is cut into sections;
notes on each are merged, in a tree where even the notes do not fit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from vidsum.backends.protocol import ChatBackend
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Bundle, ChapterBasis, Summary, TimelineEntry
from vidsum.errors import BackendFailed
from vidsum.reasoner.answer import Answer, limits_for, read, summary_schema
from vidsum.reasoner.asking import Asker, NoRoom, Question, TooLong
from vidsum.reasoner.basis import PointsFrom, Writing, more, written
from vidsum.reasoner.extractive import ExtractiveReasoner
from vidsum.reasoner.grounding import Ground, Grounded
from vidsum.reasoner.prompting import Prompter
from vidsum.reasoner.protocol import Advanced, Reasoner, ignore
from vidsum.reasoner.reducing import Reduction
from vidsum.reasoner.sections import collapsed, short_line

_LEAST_ROOM_TOKENS, _MOST_ROOM_TOKENS = 400, 2_048
_ROOM_SHARE: Final = 4
"""An answer gets this part of the context (one in four)."""
_OTHER_TOKENIZER: Final = 1.3
"""How many more tokens than counted a timeline may have for a small model's own tokenizer."""
_INSTRUCTION_TOKENS: Final = 1_024


class ModelReasoner(Reasoner):
    """Has a model write the summary and keeps what stands up to the timeline.

    ``open_backend`` is told how many tokens would do for a summary in one go, and loads or asks
    nothing before. ``where`` says in words where the model runs. ``assumed_context_tokens`` holds
    where the backend does not know its context. ``bounded``: see :class:`Asker`.
    """

    def __init__(
        self, name: str, open_backend: Callable[[int], ChatBackend], options: Options, *,
        where: str, tally: Tally | None = None, assumed_context_tokens: int = 8_192,
        bounded: bool = True,
    ) -> None:  # fmt: skip
        self.name, self.tally = name, tally or Tally()
        self._open_backend, self._options, self._where = open_backend, options, where
        self._assumed_context_tokens, self._bounded = assumed_context_tokens, bounded
        self._lock = threading.Lock()
        self._backend: ChatBackend | None = None
        self._closed = False

    def close(self) -> None:
        """Let go of the model or the connections; may be called twice."""
        with self._lock:
            self._closed, backend, self._backend = True, self._backend, None
        if backend is not None:
            backend.close()

    def summarize(self, bundle: Bundle, advanced: Advanced = ignore) -> Summary:
        """Return the summary; every claim names timeline entries.

        A model is not asked about a video of which nothing is known: it would make something up.
        Raises: BackendMissing, BackendFailed, OptionError for a prompt that cannot be used.
        """
        if not any(map(_tells, bundle.timeline)):
            return ExtractiveReasoner().summarize(bundle, advanced)
        asker = self._asker(self._opened(bundle), advanced)
        ground = Ground(bundle)
        found, sections = self._answer(bundle, asker, ground)
        return self._summary(bundle, found, asker, ground, sections)

    def _opened(self, bundle: Bundle) -> ChatBackend:
        if self._backend is None:
            backend = self._open_backend(_enough_tokens(bundle))
            with self._lock:
                self._backend = backend
                closed = self._closed
            if closed:
                self.close()
                raise BackendFailed("The reasoner was closed.")
        return self._backend

    def _asker(self, backend: ChatBackend, advanced: Advanced) -> Asker:
        backend.count_tokens("")  # a local model knows its context when it is loaded
        tokens = backend.context_tokens or self._assumed_context_tokens
        return Asker(backend, tokens, bounded=self._bounded, advanced=advanced)

    def _answer(self, bundle: Bundle, asker: Asker, ground: Ground) -> tuple[Grounded, int]:
        """Return what the model wrote, checked, and from how many sections.

        A model that takes less at once than was believed is asked anew, in smaller pieces.
        """
        refusal: TooLong | None = None
        while True:
            try:
                return self._attempt(bundle, asker, ground)
            except TooLong as exc:
                refusal = exc
                asker.take_less()
                ground.removed.clear()
            except NoRoom as exc:
                if refusal is None:
                    raise
                raise refusal from exc

    def _attempt(self, bundle: Bundle, asker: Asker, ground: Ground) -> tuple[Grounded, int]:
        """Return what the model wrote with the context that it is believed to have."""
        room = asker.context_tokens // _ROOM_SHARE
        room = min(max(room, _LEAST_ROOM_TOKENS), _MOST_ROOM_TOKENS)
        prompter = Prompter(bundle, self._options)
        limits = limits_for(room)
        entries = collapsed(bundle.timeline)
        lines = [short_line(entry) for entry in entries]
        asker.expect(1)
        if asker.room(prompter.summary(lines, limits)) < room:
            reduction = Reduction(bundle, prompter, asker, ground, room)
            return reduction.summary(entries), reduction.sections
        return asker.ask(Question(
            lambda limits, fault: prompter.summary(lines, limits, fault),
            summary_schema, lambda text: ground.answer(read(text, Answer)), limits, room,
        )), 1  # fmt: skip

    def _summary(
        self, bundle: Bundle, found: Grounded, asker: Asker, ground: Ground, sections: int
    ) -> Summary:
        whole, basis = _completed(found, bundle)
        points: PointsFrom = (
            "model" if found.key_points else "quoted" if whole.key_points else "none"
        )
        writing = Writing(
            asker.model, self._where, asker.calls, sections, points, dict(ground.removed)
        )
        return Summary(
            title=whole.title,
            overview=whole.overview,
            key_points=whole.key_points,
            chapters=whole.chapters,
            chapter_basis=basis,
            keywords=whole.names,
            backend=self.name,
            method=written(bundle.evidence, basis, writing),
            more=more(bundle.evidence, was_written=True),
            caveats=(*whole.caveats, *_cut(asker)),
            model=asker.model,
        )


def _tells(entry: TimelineEntry) -> bool:
    """Say whether an entry tells something of the video: facts and blank stretches do not."""
    return entry.kind != "fact" and not (entry.kind == "caption" and entry.source == "measured")


def _enough_tokens(bundle: Bundle) -> int:
    """Return a context that is enough for a summary in one go, in whole thousands."""
    prompt = int(bundle.tokens * _OTHER_TOKENIZER) + _INSTRUCTION_TOKENS
    return -(-(prompt + _MOST_ROOM_TOKENS) // 1024) * 1024


def _completed(found: Grounded, bundle: Bundle) -> tuple[Grounded, ChapterBasis]:
    """Return an answer with what it lacks quoted together, and where its chapters come from."""
    if found.title and found.key_points and found.chapters and found.names:
        return found, "model"
    quoted = ExtractiveReasoner().summarize(bundle)
    whole = replace(
        found,
        title=found.title or quoted.title,
        key_points=found.key_points or quoted.key_points,
        chapters=found.chapters or quoted.chapters,
        names=found.names or quoted.keywords,
    )
    return whole, "model" if found.chapters else quoted.chapter_basis


def _cut(asker: Asker) -> Iterator[str]:
    """Yield what the user should know of the model's context: how much of it is read, and lost."""
    if asker.shrunk:
        yield (
            "The model takes less at once than it was sent first: with --reason-context "
            f"{asker.context_tokens} no request is refused."
        )
    if asker.cut:
        sent, read_of_it = asker.cut
        yield (
            f"The server counted {read_of_it:,} tokens in a prompt of about {sent:,}: it may have "
            f"cut it. With --reason-context {read_of_it} the video is summarised in sections."
        )
