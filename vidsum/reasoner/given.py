"""What is told about a video by others: its title, its maker, what it is, and who says so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from vidsum.data import Evidence, Fact
from vidsum.reasoner.statements import Places, Statement
from vidsum.reasoner.wording import quoted, shortened
from vidsum.wording import safe

_LONGEST_NAME: Final = 80
_LONGEST_QUOTE: Final = 240
_TAG: Final = "tag "
_BESIDE: Final = "Text beside the file"
_MAKERS: Final = {
    "Artist": "By",
    "Author": "By",
    "Director": "Directed by",
    "Channel": "From the channel",
    "Uploaded by": "Uploaded by",
}
DESCRIPTIONS: Final = ("Description", "Synopsis", "Summary", "Comment", _BESIDE, "Context")
"""Facts that are sentences; "Context" is what the user says."""
_TAGS: Final = {
    "title": "Title",
    "artist": "Artist",
    "author": "Author",
    "album_artist": "Artist",
    "director": "Director",
    "description": "Description",
    "synopsis": "Synopsis",
    "summary": "Summary",
    "comment": "Comment",
    "date": "Date",
    "com.apple.quicktime.creationdate": "Recorded on",
}
_DATES: Final = {
    "Recorded on": "Recorded on",
    "Date": "Dated",
    "First aired": "First aired on",
    "Release date": "Released on",
    "Upload date": "Uploaded on",
    "Recorded or made": "Recorded or made on",
    "Year": "From the year",
}
_DATED: Final = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?(?=$|[T ]\d\d:)", re.ASCII)
_POINT: Final = re.compile(r"[\d.]+° [NS], [\d.]+° [EW](?:, altitude -?[\d.]+ m)?", re.ASCII)


def given_title(evidence: Evidence) -> str:
    """Return the title that came with the file, "" if none did."""
    return _first(_facts(evidence), ["Title"], 0)[1]


def given_statements(evidence: Evidence, places: Places) -> Iterator[Statement]:
    """Yield who made a video and what it is, in the words of those who say so."""
    facts = _facts(evidence)
    maker, name = _first(facts, list(_MAKERS), 0)
    if maker:
        by = f"{_MAKERS[maker.name]} {quoted(shortened(name, _LONGEST_NAME))}"
        yield Statement(f"{by}, says {_who(maker)}.", places.of_fact(maker))
    told, text = _first(facts, DESCRIPTIONS[:-1], 1)
    if told:
        yield Statement(f"{_lead(told, maker)}: {_whole(text)}", places.of_fact(told))
    yield from _when_and_where(facts, places)
    context, text = _first(facts, ["Context"], 0)
    if context:
        yield Statement(f"You say: {_whole(text)}", places.of_fact(context))


def _when_and_where(facts: Sequence[Fact], places: Places) -> Iterator[Statement]:
    """Yield when and where a video was made, in one sentence where one source says both."""
    dated, date = _first(facts, list(_DATES), 0)
    placed, place = _first(facts, ["Recorded at"], 0)
    at = f"at {_plainly(place, _POINT)}"
    if dated:
        told = f"{_DATES[dated.name]} {_plainly(date, _DATED)}"
        rests_on = places.of_fact(dated)
        if placed and _who(placed) == _who(dated) and dated.name.startswith("Recorded"):
            told, rests_on = f"{told} {at}", rests_on + places.of_fact(placed)
            placed = None
        yield Statement(f"{told}, says {_who(dated)}.", rests_on)
    if placed:
        yield Statement(f"Recorded {at}, says {_who(placed)}.", places.of_fact(placed))


def _plainly(value: str, pattern: re.Pattern[str]) -> str:
    """Return the date or the point that a value is, without a time of day; else it is quoted."""
    found = pattern.match(value)
    return found[0] if found else quoted(shortened(value, _LONGEST_NAME))


def _facts(evidence: Evidence) -> Sequence[Fact]:
    """Return what came with the file; where nobody gathered that, what its tags say."""
    if evidence.facts:
        return evidence.facts
    tags = {key.casefold(): text for key, text in evidence.info.tags.items()}
    return [Fact(name, tags[key], _TAG + key) for key, name in _TAGS.items() if key in tags]


def _first(facts: Sequence[Fact], names: Sequence[str], spaces: int) -> tuple[Fact | None, str]:
    """Return the first fact by the first of some names, and its value on one line.

    spaces: how many the value must have at least; one word does not describe a video.
    """
    for name in names:
        for fact in facts:
            value = safe(fact.value)
            if fact.name == name and value and value.count(" ") >= spaces:
                return fact, value
    return None, ""


def _lead(told: Fact, maker: Fact | None) -> str:
    """Return how a description is introduced: whose it is."""
    if told.source.startswith(_TAG):
        its = "Its" if maker is not None and maker.source.startswith(_TAG) else "The file's"
        return f"{its} {told.name.lower()}"
    if told.name == _BESIDE:
        return f"{_who(told)} says"
    return f"The {told.name.lower()} in {_who(told)}"


def _who(fact: Fact) -> str:
    """Return who says a fact: the file itself, or the name of one beside it."""
    return "the file" if fact.source.startswith(_TAG) else safe(fact.source.split(f", {_TAG}")[0])


def _whole(text: str) -> str:
    """Return a quotation that ends a sentence."""
    told = quoted(shortened(text, _LONGEST_QUOTE))
    return told if told[-2] in ".!?…。！？" else f"{told}."
