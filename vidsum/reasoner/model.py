"""The reasoner that has a language model write, and checks what it wrote.

A timeline that fits the model's context is one question. A longer one is cut into sections;
notes on each are merged, in a tree where even the notes do not fit. A summary and the answer to a
question go the same way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from vidsum.backends.protocol import ChatBackend
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Answer, Bundle, ChapterBasis, Grounding, Summary, TimelineEntry
from vidsum.errors import BackendFailed
from vidsum.languages import two_letters
from vidsum.reasoner.asking import Asker
from vidsum.reasoner.basis import more
from vidsum.reasoner.extractive import ExtractiveReasoner
from vidsum.reasoner.grounding import Ground, Grounded, GroundedResponse
from vidsum.reasoner.inquiry import Inquiry, Told
from vidsum.reasoner.packing import Packed, pack
from vidsum.reasoner.prompting import Prompter
from vidsum.reasoner.protocol import Advanced, Answers, Looker, Questioned, ignore
from vidsum.reasoner.revising import Written, with_second_looks
from vidsum.reasoner.rooms import enough_tokens
from vidsum.reasoner.sections import collapsed
from vidsum.reasoner.tasks import answering, summing_up
from vidsum.reasoner.terms import Lexicon
from vidsum.reasoner.writing import PointsFrom, Writing, answered, written


@dataclass(frozen=True, slots=True)
class _Work:
    """What one summary or answer is made with. ``left_out``: entries that are not shown."""

    asker: Asker
    ground: Ground
    inquiry: Inquiry
    left_out: Mapping[str, int]


class ModelReasoner(Questioned):
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
        self.reused = 0
        self.answers: Answers | None = None
        self.unusable: Callable[[str], str | None] | None = None
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

    def summarize(
        self, bundle: Bundle, advanced: Advanced = ignore, looker: Looker | None = None
    ) -> Summary:
        """Return the summary; every claim names timeline entries, or is marked unsupported.

        A model is not asked about a video of which nothing is known: it would make something up.
        Raises: BackendMissing, BackendFailed, OptionError for a prompt that cannot be used.
        """
        self.reused = 0
        if not any(map(_tells, bundle.timeline)):
            return ExtractiveReasoner(self._options).summarize(bundle, advanced)
        with self._work(bundle, advanced, looks=looker.most if looker else 0) as work:
            told = work.inquiry.put(summing_up())
            made = with_second_looks(told, looker, work.asker, work.ground, self._options.length)
        return self._summary(bundle, made, told.sections, work)

    def answer(self, bundle: Bundle, question: str, advanced: Advanced = ignore) -> Answer:
        """Return the answer to a question, from the timeline alone.

        Raises: as :meth:`summarize`.
        """
        self.reused = 0
        if not any(entry.kind == "fact" or _tells(entry) for entry in bundle.timeline):
            return ExtractiveReasoner(self._options).answer(bundle, question, advanced)
        with self._work(bundle, advanced, question) as work:
            told = work.inquiry.put(answering())
        return self._answer(bundle, question, told, work)

    def asker(self, enough_tokens: int, advanced: Advanced = ignore, fence: str = "") -> Asker:
        """Return who asks the model whatever is wanted; the model is loaded now.

        Raises: BackendMissing, BackendFailed.
        """
        backend = self._opened(enough_tokens)
        backend.count_tokens("")  # a local model knows its context when it is loaded
        return Asker(
            backend, backend.context_tokens or self._assumed_context_tokens,
            bounded=self._bounded, advanced=advanced, fence=fence, answers=self.answers,
            unusable=self.unusable,
        )  # fmt: skip

    @contextmanager
    def _work(
        self, bundle: Bundle, advanced: Advanced, question: str = "", *, looks: int = 0
    ) -> Iterator[_Work]:
        """Open the model and make everything ready; afterwards, count the answers reused."""
        shown = min(bundle.tokens, self._options.max_evidence_tokens or bundle.tokens)
        enough = enough_tokens(shown, self._options.length, looks)
        prompter = Prompter(bundle, self._options, question)
        asker = self.asker(enough, advanced, prompter.fence)
        ground = Ground(bundle)
        packed = self._packed(bundle, asker, question)
        prompter.left_out = sum(packed.left_out.values())
        inquiry = Inquiry(
            bundle, packed.entries, prompter, asker, ground, self._options.length, looks
        )
        try:
            yield _Work(asker, ground, inquiry, packed.left_out)
        finally:
            self.reused = asker.reused

    def _opened(self, enough: int) -> ChatBackend:
        if self._backend is None:
            backend = self._open_backend(enough)
            with self._lock:
                self._backend = backend
                closed = self._closed
            if closed:
                self.close()
                raise BackendFailed("The reasoner was closed.")
        return self._backend

    def _packed(self, bundle: Bundle, asker: Asker, question: str) -> Packed:
        """Return the entries that the model is shown: all, or as many as the user allows.

        What holds words of the question stays longest.
        """
        budget = self._options.max_evidence_tokens
        entries = collapsed(bundle.timeline)
        if budget is None:
            return Packed(tuple(entries), {}, 0)
        spoken = bundle.evidence.transcript.language
        lexicon = Lexicon(two_letters(spoken) if spoken else None)
        asked = frozenset(lexicon.terms(question))

        def favour(entry: TimelineEntry) -> float:
            return len(asked.intersection(lexicon.terms(entry.text)))

        return pack(entries, budget, asker.count, favour=favour if asked else None)

    def _summary(self, bundle: Bundle, made: Written, sections: int, work: _Work) -> Summary:
        quoted = ExtractiveReasoner(self._options).summarize(bundle)
        whole = _completed(made.found, quoted)
        basis: ChapterBasis = "model" if made.found.chapters else quoted.chapter_basis
        points: PointsFrom = (
            "model" if made.found.key_points else "quoted" if whole.key_points else "none"
        )
        writing = replace(
            self._writing(work, made.removed, sections), looks=made.looks, revised=made.revised
        )
        return Summary(
            title=whole.title,
            overview=whole.overview,
            key_points=whole.key_points,
            chapters=whole.chapters,
            chapter_basis=basis,
            keywords=quoted.keywords,
            backend=self.name,
            method=written(bundle.evidence, basis, points, writing),
            more=more(bundle.evidence, was_written=True),
            caveats=(*whole.caveats, *made.caveats, *_cut(work.asker)),
            model=work.asker.model,
            overview_claims=whole.overview_claims,
            names=whole.names,
            quotes=whole.quotes,
            grounding=Grounding(removed=dict(made.removed)),
            left_out=work.left_out,
            looks=made.looks,
        )

    def _answer(
        self, bundle: Bundle, question: str, told: Told[GroundedResponse], work: _Work
    ) -> Answer:
        found, removed = told.found, work.ground.removed
        writing = self._writing(work, removed, told.sections)
        return Answer(
            question=question,
            found=found.found,
            claims=found.claims,
            backend=self.name,
            method=answered(bundle.evidence, writing),
            more=more(bundle.evidence, was_written=True),
            caveats=(*found.caveats, *_cut(work.asker)),
            model=work.asker.model,
            grounding=Grounding(removed=dict(removed)),
            left_out=work.left_out,
        )

    def _writing(self, work: _Work, removed: Mapping[str, int], sections: int) -> Writing:
        asker = work.asker
        return Writing(asker.model, self._where, asker.calls, sections, dict(removed), asker.reused)


def _tells(entry: TimelineEntry) -> bool:
    """Say whether an entry tells something of the video: facts and blank stretches do not."""
    return entry.kind != "fact" and not (entry.kind == "caption" and entry.source == "measured")


def _completed(found: Grounded, quoted: Summary) -> Grounded:
    """Return a summary in which what it lacks is that of a quoted one."""
    return replace(
        found,
        title=found.title or quoted.title,
        key_points=found.key_points or quoted.key_points,
        chapters=found.chapters or quoted.chapters,
        names=found.names or quoted.names,
    )


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
