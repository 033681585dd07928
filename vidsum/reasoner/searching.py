"""Questions answered without a model: passages that hold their words are found and quoted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from vidsum.data import Answer, Bundle, Claim, Evidence
from vidsum.languages import language_name
from vidsum.reasoner.basis import captioned_by_model
from vidsum.reasoner.commands import as_argument, as_arguments
from vidsum.reasoner.direct import NEAR_S, answer_at_once, around, is_within, named_time
from vidsum.reasoner.matching import Match, Matcher
from vidsum.reasoner.passages import Kind, Passage, SearchTerms, passages
from vidsum.reasoner.verbatim import words
from vidsum.reasoner.wording import listed, shortened
from vidsum.wording import counted, safe

_LEAST: Final = 0.45
"""Passages that score less than this share of the best one are left out."""
_MOST_TERMS: Final = 32
_LONGEST_QUESTION: Final = 2_000
_SHORTEST_PHRASE: Final = 3
_LINES_TOGETHER: Final = 120
"""Letters of a text on screen that are quoted together."""
_LONGEST: Final = 400
_REPEATS: Final = 0.7
"""Two passages that share this part of their words say the same."""
_OF_ANY_VIDEO: Final = frozenset(
    {
        "video",
        "film",
        "movie",
        "clip",
        "footage",
        "recording",
        "speaker",
        "narrator",
        "picture",
        "pictures",
    }
)
"""Words that ask for the whole, beside others, and not for a passage that holds them."""
_SEARCHED: Final[Mapping[Kind, tuple[str, str]]] = {
    "speech": ("sentence", "sentences"),
    "text": ("text on screen", "texts on screen"),
    "caption": ("description by a model", "descriptions by a model"),
    "measured": ("measured picture", "measured pictures"),
    "fact": ("fact that came with the file", "facts that came with the file"),
}
_METHOD: Final = (
    "Built-in mode: no model read the question. These are passages in which its words occur, the "
    "closest first, quoted as they stand; whether they answer it is for you to judge."
)
_METHOD_MOMENT: Final = (
    "Built-in mode: no model read the question. It names a time: what was said within "
    f"{NEAR_S:.0f} seconds of that, and shown then, was looked for and is quoted as it stands."
)
_METHOD_AT_ONCE: Final = "Built-in mode: no model read the question."
_METHOD_NOT_FOUND: Final = "Built-in mode: no model read the question; its words were looked for."


def quoted_answer(bundle: Bundle, question: str, most: int) -> Answer:
    """Return at most ``most`` passages that hold words of a question, the closest first.

    It is found if any of its words, but for function words, occurs; nothing is guessed. Of a time
    in the question, what is said and shown around it is quoted.
    """
    question, evidence = safe(question), bundle.evidence
    found, language = passages(bundle)
    terms = SearchTerms(language)
    asked = _asked(question, terms)
    matcher = Matcher(found, terms)
    at_once = answer_at_once(evidence, question[:_LONGEST_QUESTION])
    time = None if at_once else named_time(question[:_LONGEST_QUESTION])
    if time and (time[0] in matcher or not is_within(evidence, time[1])):
        time = None
    chosen: list[Match] = []
    caveats: Iterable[str] = (at_once,)
    if time:
        chosen = [Match(one, frozenset(), 1.0) for one in around(found, time[1], most)]
        caveats = () if chosen else (f"Of {time[0]} nothing said or shown is known.",)
    elif not at_once:
        chosen = _chosen(matcher.matches(asked) or _literal(found, question), most)
        missing = [written for term, written in asked.items() if term not in matcher]
        caveats = _caveats(bundle, question, asked, terms, missing, found=bool(chosen))
    method = _METHOD_AT_ONCE if at_once else _METHOD_MOMENT if time else (
        f"{_METHOD if chosen else _METHOD_NOT_FOUND} {_searched(evidence, found)}")  # fmt: skip
    return Answer(
        question=question,
        found=bool(chosen),
        claims=tuple(_passage(one, terms) for one in chosen),
        backend="extractive",
        method=method,
        more=(_model_would(evidence, question),),
        caveats=tuple(caveats),
    )


def _asked(question: str, terms: SearchTerms) -> dict[str, str]:
    """Return the terms to look for, as :meth:`SearchTerms.asked`, but for those of any video."""
    asked = terms.asked(question[:_LONGEST_QUESTION])
    telling = {t: text for t, text in asked.items() if text.casefold() not in _OF_ANY_VIDEO}
    return dict(list((telling or asked).items())[:_MOST_TERMS])


def _literal(found: Iterable[Passage], question: str) -> list[Match]:
    """Return the passages that hold a question word for word, function words and all."""
    key = words(question[:_LONGEST_QUESTION])
    if len(key) < _SHORTEST_PHRASE:
        return []
    holding = (one for one in found if f" {key} " in f" {words(' '.join(one.lines))} ")
    return [Match(one, frozenset(), 1.0) for one in holding]


def _chosen(matches: Sequence[Match], most: int) -> list[Match]:
    """Return the best of some matches, no two of which say the same."""
    chosen: list[Match] = []
    seen: list[frozenset[str]] = []
    for match in matches:
        if len(chosen) == most or match.score < _LEAST * matches[0].score:
            break
        told = frozenset(words(" ".join(match.passage.lines)).split())
        if not any(len(told & other) >= _REPEATS * len(told | other) for other in seen):
            chosen.append(match)
            seen.append(told)
    return chosen


def _passage(match: Match, terms: SearchTerms) -> Claim:
    passage = match.passage
    if passage.kind == "text":
        text = _window(passage.lines, match.terms, terms)
    else:
        text = " ".join(passage.lines)
    if passage.kind == "measured":
        text = f"Measured: {text}"
    return Claim(
        shortened(text, _LONGEST),
        passage.start_s,
        passage.end_s,
        passage.evidence,
        quoted=passage.kind in ("speech", "text"),
    )


def _window(lines: Sequence[str], wanted: Collection[str], terms: SearchTerms) -> str:
    """Return neighbouring lines of a text on screen, as many as can be read at a glance.

    They are those with the most of the wanted terms; what belongs together on a slide often
    stands on two lines, a figure and what it is, so lines without any fill up.
    """
    held = [frozenset(terms.of(line)).intersection(wanted) for line in lines]
    best, best_held = range(1), -1
    for start in range(len(lines)):
        end, length = start + 1, len(lines[start])
        while end < len(lines) and length + len(lines[end]) <= _LINES_TOGETHER:
            length += len(lines[end])
            end += 1
        number = len(frozenset().union(*held[start:end]))
        if number > best_held:
            best, best_held = range(start, end), number
    return " / ".join(lines[place] for place in best)


def _searched(evidence: Evidence, found: Iterable[Passage]) -> str:
    """Return what was looked through."""
    found = list(found)
    number: Counter[Kind] = Counter(one.kind for one in found)
    number["fact"] = len({id_ for one in found if one.kind == "fact" for id_ in one.evidence})
    told = [counted(number[kind], *names) for kind, names in _SEARCHED.items() if number[kind]]
    if not told:
        return "There was nothing to search."
    source = safe(evidence.transcript.source)
    words_from = f" Words: {source}." if number["speech"] and source else ""
    return f"Searched: {listed(told)}.{words_from}"


def _caveats(
    bundle: Bundle,
    question: str,
    asked: Mapping[str, str],
    terms: SearchTerms,
    missing: Sequence[str],
    *,
    found: bool,
) -> Iterator[str]:
    """Yield what was not found, and what could not be searched."""
    evidence = bundle.evidence
    if not asked:
        yield "The question has no word that can be looked for: name what it is about."
    elif missing:
        these = "These words of the question occur" if len(missing) > 1 else (
            "This word of the question occurs")  # fmt: skip
        where = "" if found else _where(bundle)
        yield f"{these} nowhere{where}: {shortened(', '.join(missing), _LONGEST)}."
        spoken = language_name(terms.lexicon.language)
        if len(missing) == len(asked) and spoken and not terms.in_language(question):
            yield f"The video's words are in {spoken}: only words of that language are found."
    if (missing or not found) and evidence.observations and not captioned_by_model(evidence):
        yield "The pictures were measured, not understood: what they show is not known."
    transcript = evidence.transcript
    if evidence.info.audio and not transcript.segments and transcript.speech_s != 0:
        yield "What is said in it could not be searched: there is no transcript."


def _where(bundle: Bundle) -> str:
    """Return where words were looked for, with " in" before it; "" for nowhere."""
    evidence = bundle.evidence
    places = ["said"] if evidence.transcript.segments else []
    if any(one.text is not None for one in evidence.observations):
        places.append("written on screen")
    if any(entry.kind == "fact" for entry in bundle.timeline):
        places.append("given with the file")
    return (
        f" in what was {' or '.join(filter(None, (', '.join(places[:-1]), places[-1])))}"
        if places
        else ""
    )


def _model_would(evidence: Evidence, question: str) -> str:
    asked = as_argument(question, "QUESTION")
    return (
        "To have a model answer it, where there is one (vidsum doctor says what is missing): "
        f"vidsum {as_arguments(evidence)} --ask {asked} --tier local"
    )
