"""What a video and its parts are called, and where each name comes from."""

from __future__ import annotations

from typing import Final

from vidsum.data import Bundle, Evidence
from vidsum.reasoner.given import given_title
from vidsum.reasoner.keywords import PhraseBook
from vidsum.reasoner.looks import looks, title_of
from vidsum.reasoner.overview import noun
from vidsum.reasoner.parts import Part, TitleFrom
from vidsum.reasoner.screens import stretches
from vidsum.reasoner.wording import shortened
from vidsum.wording import safe

_LONGEST: Final = 160
_KEYWORDS: Final = 4
_TITLE_WORDS: Final = 2
_FEWEST_WORDS: Final = 2
_TALL: Final = 0.05


def video_title(bundle: Bundle) -> str:
    """Return the title that came with the file, else the first slide's, or the largest on screen.

    Where there is none, the file's name.
    """
    evidence = bundle.evidence
    seen = looks(evidence, bundle.overlay)
    slides = (stretch.title for stretch in stretches(seen) if stretch.title)
    title = given_title(evidence) or next(slides, "") or _largest(evidence)
    return shortened(
        title or safe(evidence.info.path.stem) or noun(evidence).capitalize(), _LONGEST
    )


def _largest(evidence: Evidence) -> str:
    """Return the tallest title on any picture, "" if none is of two words and a 20th in height."""
    best, height = "", _TALL
    for one in evidence.observations:
        title = title_of(one)
        lines = one.text.lines if one.text and len(title.split()) >= _FEWEST_WORDS else ()
        tall = max((ln.bottom - ln.top for ln in lines if ln.text in title), default=0.0)
        if tall > height:
            best, height = title, tall
    return best


def part_name(
    parts: tuple[Part, ...], index: int, phrases: PhraseBook, evidence: Evidence
) -> tuple[str, TitleFrom, tuple[str, ...]]:
    """Return a part's title, where it comes from, and keywords that the title does not hold.

    A part without a title of its own is called by two keywords, or else by its place.
    """
    part = parts[index]
    if part.title is not None:
        title = shortened(part.title, _LONGEST)
        return title, part.title_from, phrases.contrast(index, _KEYWORDS, known=title)
    if len(parts) == 1:
        return f"The whole {noun(evidence)}", "position", phrases.overall(_KEYWORDS)
    words = phrases.contrast(index, _TITLE_WORDS + _KEYWORDS)
    if len(words) < _TITLE_WORDS:
        return f"Part {index + 1}", "position", words
    title = ", ".join(words[:_TITLE_WORDS])
    return title[0].upper() + title[1:], "keywords", words[_TITLE_WORDS:]
