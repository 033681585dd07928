"""Plain sentences out of picture facts and the text on screen: no model, nothing guessed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vidsum.captioners.protocol import Captioner, CaptionRequest
from vidsum.config import Options
from vidsum.costs.tally import Tally
from vidsum.data import Caption, PictureFacts, ScreenText
from vidsum.media.picture import BLACK_LUMA, WHITE_LUMA
from vidsum.registry import Work
from vidsum.wording import safe

_CONFIDENCE = 0.8
_QUOTES, _WORDY = 4, 3
_QUOTE_LETTERS = 80
_LIGHT_LUMA, _DARK_LUMA = 150, 90
_SAME_DIFFERENCE, _OTHER_DIFFERENCE = 1.0, 60.0
_GREYS = {"very dark": "dark grey", "dark": "dark grey", "medium": "grey", "bright": "light grey"}


def build(options: Options) -> Captioner:
    """Return the captioner; it takes no options."""
    return BuiltinCaptioner()


class BuiltinCaptioner(Captioner):
    """States what was measured and what was read, and nothing of what a picture shows.

    People, objects, places and actions are not recognised, so their absence is not stated either.
    """

    name = "builtin"
    needs_pixels = False
    wants_speech = False
    work: Work = "light"

    def __init__(self) -> None:
        self.tally = Tally()

    def close(self) -> None:
        """Nothing is held."""

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[Caption]:
        """Yield a caption for each request, at once and without failing."""
        before: list[str] | None = None
        for request in requests:
            lines = _readable(request.text)
            words = describe(request.facts, request.text, same_words=before in (None, lines))
            before = lines
            yield Caption(request.sample.index, request.sample.time_s, words, self.name)


def describe(facts: PictureFacts, text: ScreenText | None, *, same_words: bool = True) -> str:
    """Return one sentence or two. ``text`` is None when nobody looked for text.

    ``same_words``: the picture before had the same text. A line of text that changed is a new
    picture to a reader, however few pixels it takes.
    """
    lines = _readable(text)
    if facts.blank and not lines:
        return f"{_blank_words(facts)}."
    if text and facts.slide_like(text.lines):
        title = _title(text)
        parts = [_slide_words(facts, title)]
        quotable = [line for line in lines if not _is_part(line, title)]
    else:
        parts = [_picture_words(facts)]
        quotable = lines
    if quotable:
        parts.append(_quotes(quotable))
    elif text and not lines:
        doubtful = "text that could not be read for certain"
        parts.append(doubtful if text.lines else "no readable text")
    return " ".join([f"{'; '.join(parts)}.", *_change_words(facts, same_words)])


def _readable(text: ScreenText | None) -> list[str]:
    """Return the lines that were read without doubt, fit for a sentence."""
    if text is None:
        return []
    sure = (line.text for line in text.lines if line.confidence >= _CONFIDENCE)
    return list(filter(None, map(_clean, sure)))


def _title(text: ScreenText) -> str:
    """Return the title, empty if there is none or a line of it was read with doubt."""
    title = _clean(text.title or "")
    doubtful = (line.text for line in text.lines if line.confidence < _CONFIDENCE)
    return "" if any(_is_part(_clean(line), title) for line in doubtful) else title


def _clean(text: str) -> str:
    """Take out what is not seen and what would end a quote; text is untrusted."""
    return safe(text).replace('"', "'")


def _is_part(line: str, title: str) -> bool:
    """Say whether a line is the title, or the first or second line of it."""
    return line == title or title.startswith(f"{line} ") or title.endswith(f" {line}")


def _blank_words(facts: PictureFacts) -> str:
    if facts.colour:
        return f"Plain {facts.colour} picture"
    if facts.mean_luma <= BLACK_LUMA:
        return "Black picture"
    if facts.mean_luma >= WHITE_LUMA:
        return "White picture"
    return f"Plain {_GREYS[facts.brightness] if facts.monochrome else facts.brightness} picture"


def _slide_words(facts: PictureFacts, title: str) -> str:
    words = f'Slide or screen titled "{_clip(title)}"' if title else "Slide or screen of text"
    if facts.mean_luma > _LIGHT_LUMA:
        words += ", light background"
    elif facts.mean_luma < _DARK_LUMA:
        words += ", dark background"
    return words + _bars_words(facts)


def _picture_words(facts: PictureFacts) -> str:
    bright = "medium-bright" if facts.brightness == "medium" else facts.brightness
    # Deep blue is dark by luma and not to the eye; where a hue is stated, the dark is not.
    words: list[str] = [] if facts.colour and bright == "very dark" else [bright]
    words += ["black-and-white", "picture"] if facts.monochrome else ["picture"]
    said = " ".join(words).capitalize() + _bars_words(facts)
    return f"{said}, much of it {facts.colour}" if facts.colour else said


def _bars_words(facts: PictureFacts) -> str:
    return "" if facts.bars == "none" else f", {facts.bars}ed"


def _quotes(lines: Sequence[str]) -> str:
    """Quote the wordiest lines, in their order, and count the others."""
    chosen = sorted(dict.fromkeys(lines), key=_letters, reverse=True)[:_QUOTES]
    wordy = [line for line in chosen if _letters(line) >= _WORDY] or chosen
    quotes = " · ".join(f'"{_clip(line)}"' for line in sorted(wordy, key=lines.index))
    more = len(lines) - len(wordy)
    if not more:
        return f"text: {quotes}"
    return f"text: {quotes} and {more} more line{'s' if more > 1 else ''}"


def _letters(line: str) -> int:
    return sum(map(str.isalpha, line))


def _clip(line: str) -> str:
    if len(line) <= _QUOTE_LETTERS:
        return line
    return f"{line[:_QUOTE_LETTERS].rsplit(' ', 1)[0]}…"


def _change_words(facts: PictureFacts, same_words: bool) -> list[str]:
    if facts.difference is None:
        return []
    if facts.difference < _SAME_DIFFERENCE and same_words:
        return ["Nearly the same as the picture before."]
    if facts.difference >= _OTHER_DIFFERENCE:
        return ["Very different from the picture before."]
    return []
