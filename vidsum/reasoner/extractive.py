"""The reasoner of the lite tier: summaries and answers made of the video's own words.

No model and no guess: it divides, counts and quotes. Each sentence that it quotes stands in the
timeline entries that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Answer, Bundle, Chapter, Claim, Evidence, Summary
from vidsum.languages import same_language
from vidsum.reasoner.basis import method, more
from vidsum.reasoner.extent import EXTENTS
from vidsum.reasoner.looks import tall_lines
from vidsum.reasoner.material import Material, material
from vidsum.reasoner.mentions import names
from vidsum.reasoner.naming import part_name, video_title
from vidsum.reasoner.overview import Findings, overview
from vidsum.reasoner.protocol import Advanced, Answers, Looker, Reasoner, ignore
from vidsum.reasoner.scenes import scenes
from vidsum.reasoner.searching import quoted_answer
from vidsum.reasoner.selection import Selection
from vidsum.reasoner.statements import Places


def build(options: Options) -> Reasoner:
    """Return the reasoner; of the options only ``length`` changes what it does."""
    return ExtractiveReasoner(options)


class ExtractiveReasoner(Reasoner):
    """Writes a summary by quoting: no model, numpy only, the same answer each time."""

    name = "extractive"

    def __init__(self, options: Options | None = None) -> None:
        self.tally = Tally()
        self.reused = 0
        self.answers: Answers | None = None
        self.unusable: Callable[[str], str | None] | None = None
        self._extent = EXTENTS[options.length if options else "medium"]

    def close(self) -> None:
        """Nothing is held."""

    def summarize(
        self, bundle: Bundle, advanced: Advanced = ignore, looker: Looker | None = None
    ) -> Summary:
        """Return the summary of a bundle; it never fails for lack of evidence.

        It asks for no second look: what it would see there, it could not say.
        """
        extent, places = self._extent, Places(bundle)
        words = material(bundle)
        title = video_title(bundle)
        selection = Selection(words, title)
        points = selection.key_points(extent.points)
        # Where few words are said, what a model saw tells the rest.
        seen = scenes(bundle, most=extent.scenes - len(points))
        basis = words.division.basis
        findings = Findings(
            chapters=_chapters(bundle.evidence, words, selection, points, details=extent.details),
            basis=basis,
            keywords=words.phrases.overall(extent.keywords),
            worded=bool(words.said),
            language=_language(bundle.evidence, words),
            pointed=bool(points or seen),
            shown=tuple(dict.fromkeys(line for text in words.texts for line in text.shown)),
            cards=_cards(bundle, words, [title], points),
        )
        told = overview(bundle, findings, places)
        return Summary(
            title=title,
            overview=" ".join(one.text for one in told),
            key_points=tuple(sorted((*_quoted(words, points), *seen), key=_start)),
            chapters=findings.chapters,
            chapter_basis=basis,
            keywords=findings.keywords,
            backend=self.name,
            method=method(bundle.evidence, basis),
            more=more(bundle.evidence),
            overview_claims=places.claims(told),
            names=names(words.said, bundle.timeline, words.lexicon.language, extent.names),
        )

    def answer(self, bundle: Bundle, question: str, advanced: Advanced = ignore) -> Answer:
        """Return the passages in which a question's words occur, the closest first."""
        return quoted_answer(bundle, question, self._extent.passages)


def _start(claim: Claim) -> float:
    return claim.start_s or 0.0


def _cards(
    bundle: Bundle, words: Material, told: Collection[str], points: Iterable[int]
) -> tuple[str, ...]:
    """Return the tall lines over pictures, as of a film's title, that no quotation holds."""
    quotations = [*told, *(words.quotables[index].sentence.text for index in points)]
    quotations += [part.title for part in words.division.parts if part.title]
    lines = (line for one in bundle.evidence.observations for line in tall_lines(one))
    return tuple(
        line for line in dict.fromkeys(lines) if not any(line in text for text in quotations)
    )


def _language(evidence: Evidence, words: Material) -> str | None:
    """Return the transcript's language code, None where its words look like another language."""
    code = evidence.transcript.language
    read = words.lexicon.language
    return code if read is None or same_language(code, read) else None


def _chapters(
    evidence: Evidence,
    words: Material,
    selection: Selection,
    points: Collection[int],
    *,
    details: bool,
) -> tuple[Chapter, ...]:
    """Return the chapters; details: with keywords and gist where a title tells of them, too."""
    chapters = []
    for index, part in enumerate(words.division.parts):
        title, title_from, keywords = part_name(
            words.division.parts, index, words.phrases, evidence
        )
        telling = details or title_from not in ("file", "screen")
        gist = selection.gist(index, points) if telling else None
        chapters.append(
            Chapter(
                start_s=part.start_s,
                end_s=part.end_s,
                title=title,
                title_from=title_from,
                keywords=keywords if telling else (),
                gist=None if gist is None else _quoted(words, [gist])[0],
            )
        )
    return tuple(chapters)


def _quoted(words: Material, indices: Iterable[int]) -> tuple[Claim, ...]:
    """Return sentences as key points, with their times and evidence."""
    sentences = [words.quotables[index].sentence for index in indices]
    return tuple(
        Claim(one.text, one.start_s, one.end_s, one.evidence, quoted=True) for one in sentences
    )
