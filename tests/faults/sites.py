"""The places at which a run asks a provider, and what a provider may do there instead."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final, Literal

from footage import film
from reasoner.writers import honest
from scenes import random_scenes
from scripted_provider import DROP, HANG, Answer, Call, fails, says
from spoken import speech, spoken_video

Site = Literal["caption", "speech", "section", "merge", "summary", "repair", "question", "look"]
SITES: Final[tuple[Site, ...]] = (
    "caption", "speech", "section", "merge", "summary", "repair", "question", "look",
)  # fmt: skip
REASONING: Final = frozenset(("section", "merge", "summary", "repair", "question"))
_OPENINGS: Final[dict[str, Site]] = {
    "Describe the picture": "caption",
    "Look at the picture": "look",
    "You are given a section": "section",
    "You are given notes": "merge",
    "You are given what was seen, heard and read in one video, as a timeline. Answer": "question",
    "You are given what was seen, heard and read in one video, as a timeline. Write": "summary",
}
PRICES: Final = """
[[price]]
host = "127.0.0.1"
model = "m"
input_usd_per_mtok = 1
output_usd_per_mtok = 4
audio_usd_per_min = 0.006
"""
SPOKEN_S: Final = 16.0
_SAID: Final = (
    "Today we look at shapes and at their colours.",
    "A circle has no corner at all, says Kelvin.",
    "Nobody knows why the square was painted red.",
    "The third shape of the day has exactly three sides.",
)


def site_of(call: Call) -> Site | None:
    """Return what is asked; None for a list of models."""
    if call.method != "POST":
        return None
    if call.path.endswith("/audio/transcriptions"):
        return "speech"
    said = " ".join(f"{call.body['messages'][0]['content']} {call.prompt}".split())
    return next(site for opening, site in _OPENINGS.items() if opening in said[:600])


def sound_answer(call: Call) -> Answer:
    """Return what a provider answers that does its work."""
    match site_of(call):
        case None:
            return fails(404)
        case "speech":
            sure = {"avg_logprob": -0.2, "no_speech_prob": 0.01, "compression_ratio": 1.0}
            segment = {"start": 1.0, "end": 3.0, "text": " Open the red door."} | sure
            return Answer(body={"text": "Open the red door.", "language": "english",
                                "segments": [segment]})  # fmt: skip
        case "caption":
            return says(f"A picture with the mark {hash_of(call)}.")
        case "look":
            return says("It is red.")
    return honest(_in_form(call))


def _in_form(call: Call) -> Call:
    """Return a call that names the form of its answer, where that was asked for in words alone."""
    if call.body.get("response_format", {}).get("type") == "json_schema":
        return call
    form = {"section": ("points", "gist"), "question": ("found",)}.get(str(site_of(call)), ())
    schema = {"properties": dict.fromkeys(form)}
    body = call.body | {"response_format": {"json_schema": {"schema": schema}}}
    return replace(call, raw=json.dumps(body).encode())


def hash_of(call: Call) -> str:
    """Return a word that stands for the picture of a request: another picture, another word."""
    (url,) = (p["image_url"]["url"] for p in call.body["messages"][-1]["content"]
              if p["type"] == "image_url")  # fmt: skip
    return hashlib.sha256(url.encode()).hexdigest()[:6]


# What a provider may do


def _slowly(total: int = 10_000) -> Iterator[bytes]:
    yield (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
           b"Content-Length: %d\r\n\r\n" % total)  # fmt: skip
    for _ in range(total):
        time.sleep(0.1)
        yield b" "


def _raw(head: bytes, body: bytes) -> Answer:
    return Answer(raw=(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + head + b"\r\n",
                       body))  # fmt: skip


def _truncated(call: Call) -> Answer:
    whole = json.dumps(sound_answer(call).body).encode()
    return _raw(b"Content-Length: %d\r\n" % len(whole), whole[: len(whole) // 2])


def _huge(call: Call) -> Answer:
    head = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"a": "'
    return Answer(raw=itertools.chain((head,), itertools.repeat(b"x" * 2**20, 40)))


FAULTS: Final[dict[str, Callable[[Call], Answer]]] = {
    "429": lambda call: fails(429, "too many requests"),
    "429 wait": lambda call: fails(429, "too many requests", retry_after="0"),
    "429 long wait": lambda call: fails(429, "too many requests", retry_after="3600"),
    "500": lambda call: fails(500, "internal"),
    "503": lambda call: fails(503, "overloaded"),
    "hang": lambda call: HANG,
    "reset": lambda call: DROP,
    "not JSON": lambda call: Answer(body="I am a teapot"),
    "HTML": lambda call: Answer(body="<html><body>Log in</body></html>"),
    "empty": lambda call: Answer(body=""),
    "truncated": _truncated,
    "wrong types": lambda call: Answer(body={"choices": {"a": 1}, "usage": "much", "text": 7,
                                             "segments": "none"}),
    "huge": _huge,
    "trickle": lambda call: Answer(raw=_slowly()),
    "no key": lambda call: fails(401, "who are you?"),
    "no credit": lambda call: fails(429, "insufficient credits", "insufficient_quota"),
}  # fmt: skip
"""What a provider does instead of answering, for a call at a site."""


@dataclass
class Faulty:
    """A script for ScriptedProvider: sound, but for one fault at one site.

    ``times``: how many calls at the site it hits. ``first``: it spares so many before. ``counts``
    are the calls that came in, ``answered`` those that got a sound answer.
    """

    site: Site
    fault: str | None
    times: int = 10**6
    first: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)

    def __call__(self, call: Call) -> Answer:
        """Answer one call."""
        asked = site_of(call)
        if asked is None:
            return fails(404)
        if self.site == "repair" and asked == "summary":
            asked = "repair" if self.counts["summary"] else "summary"
        self.counts[asked] += 1
        number = self.counts[asked] - self.first
        if self.fault is not None and asked == self.site and 0 < number <= self.times:
            return FAULTS[self.fault](call)
        self.answered[asked] += 1
        if self.site == "repair" and asked == "summary":
            return says('{"title": 7}')
        found = sound_answer(call)
        if self.site == "look" and asked == "summary":
            return _asking_to_look(found)
        return found


def _asking_to_look(found: Answer) -> Answer:
    """Return a summary that wants a moment to be looked at again."""
    assert isinstance(found.body, dict)
    text = json.loads(found.body["choices"][0]["message"]["content"])
    text["look_again"] = [{"at": "0:07", "question": "Which colour is it?"}]
    return says(json.dumps(text))


# What is asked, and about what


@cache
def pictures(folder: Path, count: int = 3) -> Path:
    """Return a film of some scenes of five seconds, all different; made once."""
    scenes = [s for s in random_scenes(seed=7, count=4 * count) if s.kind != "blank"][:count]
    return film(folder / f"scenes{count}.mp4", [(5.0, scene.image(320, 180)) for scene in scenes])


@cache
def words(folder: Path) -> Path:
    """Return the same with somebody speaking; made once."""
    lines = ((1.0, "open red circle"), (11.0, "move left and stop"))
    return spoken_video(folder / "spoken.mp4", (), SPOKEN_S, sound=speech(lines, SPOKEN_S),
                        picture=pictures(folder))  # fmt: skip


def video_for(site: Site, made: Path, folder: Path) -> Path:
    """Put a video into a folder that brings a run to a site, subtitles beside it if needed."""
    video = Path(shutil.copy2(words(made) if site == "speech" else pictures(made), folder))
    repeats = 40 if site in ("section", "merge") else 1
    if site != "speech":
        cues = [line for _ in range(repeats) for line in _SAID]
        span_s = 14.0 / len(cues)
        text = "\n".join(
            f"{n + 1}\n{_clock(n * span_s)} --> {_clock((n + 0.9) * span_s)}\n{n}: {line}\n"
            for n, line in enumerate(cues)
        )
        video.with_suffix(".srt").write_text(text)
    return video


def _clock(time_s: float) -> str:
    return f"00:00:{int(time_s):02},{int(time_s * 1000) % 1000:03}"


def options_for(site: Site, url: str) -> Sequence[str]:
    """Return the options of a run that asks the provider at a site, one request at a time."""
    asked = ["--no-ocr", "--api-requests", "1", "--caption-model", "m", "--reason-model", "m",
             "--speech-model", "m", "--api", url]  # fmt: skip
    asked += ["--captioner", "remote" if site in ("caption", "look") else "builtin"]
    asked += ["--transcriber", "remote" if site == "speech" else "subtitles"]
    asked += ["--reasoner", "remote" if site in REASONING | {"look"} else "extractive"]
    asked += ["--second-look", "1" if site == "look" else "0"]
    if site in ("section", "merge"):
        asked += ["--reason-context", "4096"]
    if site == "question":
        asked += ["--ask", "What did Kelvin say?"]
    return asked
