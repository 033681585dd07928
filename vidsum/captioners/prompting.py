"""What a model is asked about one picture, and how its answer becomes a caption."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass

from vidsum import prompts
from vidsum.captioners.protocol import CaptionRequest
from vidsum.config import Options
from vidsum.data import Caption
from vidsum.wording import safe

SPEECH_LETTERS, CAPTION_LETTERS, QUESTION_LETTERS = 300, 400, 200
LOOK_LETTERS = 600
"""Of an answer to a question about a picture, which says more than a caption."""
_ANSWER_LETTERS = 4000
_MARKS = str.maketrans(dict.fromkeys("<>|[]\uff1c\uff1e\uff5c", " "))
"""What the special tokens and picture marks of all chat models are written with."""
_PART_LINE = re.compile(r"^---\s*$", re.MULTILINE)
_LABEL = re.compile(
    r"^(?:[\s*#>`_-]*(?:assistant|answer|caption|description|output)[\s*_]*:)?[\s*#>`_-]*",
    re.IGNORECASE,
)
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“"}
_LETTER_LOOP = re.compile(r"(.{1,8}?)\1{9,}")
_WORD_LOOP = re.compile(r"(?<!\S)(\S+)(?:\s+\1){3,}(?!\S)", re.IGNORECASE)
_PHRASE_LOOP = re.compile(r"(?<!\S)(\S+(?:\s\S+){1,15}?)(?:\s\1){2,}(?!\S)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)]*(?=\s|$)|[。！？]")


@dataclass(frozen=True, slots=True)
class CaptionPrompt:
    """What a model is asked: ``system`` is the same for every picture, ``prompt`` need not be."""

    system: str
    prompt: str


def new_fence() -> str:
    """Return a mark that nobody can know beforehand: untrusted text stands between two of them.

    One for all pictures of a run: a model that keeps what it has read finds it again. It is short,
    for small models stumble over long ones, and of digits, which tokenizers take one by one or by
    threes: so that it costs the same each time.
    """
    return f"=={secrets.randbelow(10**12):012}=="


def caption_prompt(
    request: CaptionRequest, previous: Caption | None, options: Options, fence: str
) -> CaptionPrompt:
    """Return ``prompts/caption.md`` filled in for one picture. Raises: OptionError.

    What stands above the line ``---`` is the same for all pictures; a file without that line is
    all prompt. Speech and the previous caption are untrusted: they go in between two fences, as
    JSON strings, bounded and without anything that a chat template could take for a mark of its
    own. A request with a question gets ``prompts/look.md``: a model made the question from
    untrusted text, so it goes in likewise, and what the picture before shows is left out.
    """
    said = _quoted(_around(_unmarked(request.speech), SPEECH_LETTERS))
    if request.question:
        asked = _quoted(_unmarked(request.question)[:QUESTION_LETTERS])
        return _parts("look", options, fence=fence, speech=said, question=asked)
    before = _unmarked(previous.text) if previous is not None and not previous.error else ""
    seconds = request.sample.time_s - previous.time_s if previous is not None else 0.0
    return _parts("caption", options, fence=fence, speech=said,
                  previous=_quoted(before[:CAPTION_LETTERS]),
                  seconds_before=f"{max(0.0, seconds):.0f}")  # fmt: skip


def caption_prompts(
    request: CaptionRequest, previous: Caption | None, options: Options, fence: str
) -> tuple[CaptionPrompt, ...]:
    """Return the prompt for one picture, and then those whose answers will do as well.

    That is the one without the picture before: a run under a cap, which goes by what pictures
    tell, asks so. Not the other way round: what was told of another picture may show in a caption.
    Raises: OptionError.
    """
    asked = caption_prompt(request, previous, options, fence)
    alone = asked if previous is None else caption_prompt(request, None, options, fence)
    return (asked,) if alone == asked else (asked, alone)


def _parts(name: str, options: Options, **values: str) -> CaptionPrompt:
    text = prompts.render(name, options.prompts_dir, **values)
    parts = _PART_LINE.split(text, maxsplit=1)
    return CaptionPrompt(parts[0].strip() if len(parts) > 1 else "", parts[-1].strip())


def clean_caption(text: str, *, cut: bool = False, letters: int = CAPTION_LETTERS) -> str:
    """Return a model's words as a caption: one line, no label, no quotes round it, no loops.

    It has at most so many letters and ends with a sentence where one ends. ``cut`` says that the
    model was stopped in the middle. Empty when nothing is left.
    """
    line = _LABEL.sub("", safe(text[:_ANSWER_LETTERS])).rstrip("*`_ ")
    for loop in (_WORD_LOOP, _PHRASE_LOOP, _LETTER_LOOP):
        line = loop.sub(r"\1", line)
    line = _unquoted(line)
    if not any(map(str.isalnum, line)):
        return ""
    if len(line) <= letters and not cut:
        return line
    return _to_a_sentence_end(line, letters)


def _unquoted(line: str) -> str:
    """Take off quotes that stand round the whole line."""
    inner = line[1:-1]
    closing = _QUOTES.get(line[:1])
    if closing is None or line[-1] != closing or closing in inner or line[0] in inner:
        return line
    return inner.strip()


def _to_a_sentence_end(line: str, letters: int) -> str:
    room = line[:letters]
    ends = [found.end() for found in _SENTENCE_END.finditer(room)]
    if ends:
        return room[: ends[-1]]
    whole_words = room if len(line) < letters else room[:-1].rsplit(" ", 1)[0]
    return f"{whole_words.rstrip(' ,;:')}…"


def _around(text: str, letters: int) -> str:
    """Return the middle of a text, in whole words: what is nearest to the moment."""
    if len(text) <= letters:
        return text
    start = (len(text) - letters) // 2
    middle = text[start : start + letters]
    inner = middle.partition(" ")[2].rpartition(" ")[0]
    return inner or middle


def _unmarked(text: str) -> str:
    return safe(text.translate(_MARKS))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if text else ""
