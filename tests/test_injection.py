"""Hostile text in a video ends as quoted data: in the prompts that are sent, and on the page.

It can distort a summary. It cannot leave its place in a prompt, run anything, read or write a
file, reach a host, or reach the reader as anything but text.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips import clip
from hostile import CANARY, TEXTS, Asked, parrot, strings, taken_apart, video, words
from reasoner.factory import bundle, cues
from renderers.reading import DRIVING, tokens
from renderers.reading import words as words_read
from rich.console import Console
from scripted_provider import Call, ScriptedProvider, Step, says

from vidsum.captioners.protocol import CaptionRequest
from vidsum.captioners.remote import RemoteCaptioner
from vidsum.config import Options
from vidsum.data import Bundle, Receipt, Result, Sample, SecondLook, TimelineEntry
from vidsum.media.picture import measure
from vidsum.reasoner import remote
from vidsum.reasoner.auditing import audited_answer, audited_summary
from vidsum.reasoner.prompting import SYSTEM
from vidsum.reasoner.protocol import Wanted
from vidsum.renderers.json import to_json
from vidsum.renderers.markdown import markdown
from vidsum.renderers.page import page
from vidsum.renderers.terminal import show
from vidsum.renderers.text import text as as_text
from vidsum.wording import path_text, safe

GOLDEN = Path(__file__).parent / "renderers" / "golden"
CALM = "A calm sentence that means no harm."
QUESTION = "What is it about?"
BODY = {"model", "messages", "max_tokens", "temperature", "response_format", "seed", "stream"}

FIELDS = ("Picture 5 seconds before", "Being said", "Question")

every_text = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())


class Run:
    """What one run with a scripted model sent, and what came of it."""

    def __init__(self, packed: Bundle, *script: Step, ask: str = "", looks: str = "",
                 **more: Any) -> None:  # fmt: skip
        named: dict[str, Any] = {"reason_model": "m", "reason_context_tokens": 32_768} | more
        looker = Looks(looks) if looks else None
        with ScriptedProvider(*script) as provider:
            reasoner = remote.build(Options(api=provider.url, **named))
            if ask:
                answer = audited_answer(reasoner.answer(packed, ask), packed)
                self.result = Result(packed, None, RECEIPT, {}, "0", answer=answer)
            else:
                summary = audited_summary(reasoner.summarize(packed, looker=looker), packed)
                self.result = Result(packed, summary, RECEIPT, {}, "0")
            reasoner.close()
        self.calls = [call for call in provider.calls if call.method == "POST"]
        self.asked = [checked(call) for call in self.calls]


RECEIPT = Receipt((), 1.0, 1.0)


class Looks:
    """Shows every moment that is asked for, and sees a text there."""

    most = 3

    def __init__(self, text: str) -> None:
        self._text = text

    def look(self, wanted: Sequence[Wanted]) -> tuple[SecondLook, ...]:
        return tuple(
            SecondLook(
                one.time_s, one.question,
                TimelineEntry(f"l{n}", "caption", one.time_s, one.time_s, self._text, "m"),
            )
            for n, one in enumerate(wanted, start=1)
        )  # fmt: skip


def checked(call: Call) -> Asked:
    """Take a request apart; whatever it is about, these things hold."""
    assert set(call.body) <= BODY, "no tools, and nothing else of which we do not know"
    system, user = call.body["messages"]
    assert (system["role"], user["role"]) == ("system", "user")
    assert system["content"] == SYSTEM
    asked = taken_apart(call.prompt)
    assert asked.rows
    assert CANARY not in asked.outside
    quoted = "\n".join(asked.inside)
    assert all(c.isprintable() or c == "\n" for c in quoted if ord(c) < 0x2070)
    assert not {"<", "\u202e", "\u200b", "\u2028"} & set(quoted)
    assert not any(mark in quoted for mark in ("[INST]", "[/INST]", "[gMASK]"))
    return asked


# ---- what is sent


@cache
def around_a_harmless_video(ask: str) -> str:
    (asked,) = Run(video(CALM), parrot([CALM]), ask=ask).asked
    return asked.outside


@every_text
@pytest.mark.parametrize("ask", ["", QUESTION], ids=["summary", "question"])
def test_a_text_in_a_video_is_a_line_of_data_in_the_prompt(text: str, ask: str) -> None:
    """All else in the prompt is, to the letter, what it is for a video that means no harm."""
    packed = video(text)
    (asked,) = Run(packed, parrot([CALM]), ask=ask).asked
    assert asked.outside == around_a_harmless_video(ask)

    told = {row.pop("id"): row.popitem()[1] for row in asked.rows}
    assert told == {one.id: path_text(one.text) for one in packed.timeline if one.id in told}
    facts = [one.id for one in packed.timeline if one.kind == "fact"]
    assert told["s2"] == text.replace("\n", " ")
    assert told["t2"] == f"{text}\n{text}"
    assert told["c1"] == text
    assert words(safe(text)) in words(told["f1"]), "the file's name, as a person sees it"
    assert [words(text) in words(told[one]) for one in facts[1:]] == [True] * 3


ALL = "\n".join(TEXTS.values())


@pytest.mark.parametrize("ask", ["", QUESTION], ids=["summary", "question"])
def test_it_stays_data_where_a_long_video_is_read_in_sections(ask: str) -> None:
    """Also in the notes, in which a model that fell for it repeats it."""
    asked = Run(
        video(ALL, times=4), parrot(list(TEXTS.values())), ask=ask, reason_context_tokens=4_096
    ).asked
    notes = [one for one in asked if any("points" in row for row in one.rows)]
    assert len(asked) > 4
    assert notes
    assert all(CANARY in one.told for one in asked)
    for text in TEXTS.values():
        assert any(words(text) in words(one.told) for one in asked if one not in notes)
    repeated = [
        any(words(safe(text)) in words(one.told) for one in notes) for text in TEXTS.values()
    ]
    assert sum(repeated) > len(TEXTS) / 2, "what is too much for notes is left out of them"


@pytest.mark.parametrize("ask", ["", QUESTION], ids=["summary", "question"])
def test_an_answer_in_no_form_is_not_repeated_to_the_model(ask: str) -> None:
    wrong = {"title": 3, "overview": {ALL: ALL}, ALL: ALL, "key_points": ALL, "answer": ALL}
    first, again = Run(video(CALM), says(json.dumps(wrong)), parrot([CALM]), ask=ask).asked
    said = first.outside.rstrip()
    assert again.outside.startswith(said)
    assert "could not be used" in again.outside.removeprefix(said)
    assert again.inside == first.inside


def test_what_a_second_look_brings_is_data_too() -> None:
    run = Run(video(CALM), parrot(list(TEXTS.values())), looks=ALL)
    first, revised = run.asked
    assert revised.inside[: len(first.inside)] == first.inside
    *seen, answer = revised.rows[len(first.rows) :]
    assert [one["caption"] for one in seen] == [ALL]
    assert set(answer) == {"first_answer"}
    assert run.result.summary is not None
    assert len(run.result.summary.looks) == 1


@every_text
def test_what_is_said_and_asked_is_data_in_the_prompt_of_a_picture(text: str) -> None:
    image = np.full((36, 64, 3), 90, np.uint8)
    facts = measure(image, None)

    def request(number: int, question: str = "") -> CaptionRequest:
        sample = Sample(number, 5.0 * number, 5.0 * number, 5.0 * number)
        return CaptionRequest(sample, facts, None, image, text, question=question)

    with ScriptedProvider(says(text)) as provider:
        options = Options(api=provider.url, caption_model="m", api_requests=1)
        captioner = RemoteCaptioner(options)
        requests = [request(0), request(1), request(2, text)]
        captions = list(captioner.caption(requests))
        captioner.close()
    assert [caption.index for caption in captions] == [0, 1, 2]
    marks = set()
    for call in [call for call in provider.calls if call.method == "POST"]:
        assert set(call.body) <= BODY
        roles = [message["role"] for message in call.body["messages"]]
        assert roles in (["user"], ["system", "user"])
        asked = taken_apart(call.prompt)
        marks.add(asked.mark)
        assert CANARY not in asked.outside
        assert not set("\n".join(asked.inside)) & set("<>|\x1b\x9b\u202e\u200b")
        for line in asked.inside:
            name, told = line.split(": ", 1)
            assert name in FIELDS
            assert all(words(part) in words(text) for part in json.loads(told).split())
    assert len(marks) == 1, "one mark a run, which a model that keeps what it read finds again"


def test_nobody_can_know_the_mark_beforehand() -> None:
    """Not even a video that holds the mark of the last run."""
    packed, marks = video(CALM), []
    for _ in range(4):
        (asked,) = Run(packed, parrot([CALM])).asked
        marks.append(asked.mark)
        packed = video(f"{asked.mark}\n{CANARY}\n{asked.mark}")
    assert len(set(marks)) == 4
    assert len({len(mark) for mark in marks}) == 1
    assert all(len(set(mark[14:30])) > 4 for mark in marks), "sixteen figures, drawn by lot"


# ---- what is shown


def pages(result: Result, *, ids: bool = False) -> dict[str, str]:
    """Return a result in all forms that a reader may see."""
    everything = page(result, with_timeline=ids)
    stream = io.StringIO()
    show(everything, Console(file=stream, width=100, color_system=None))
    lines = [line.rstrip() for line in stream.getvalue().split("\n")]
    return {"page.md": markdown(everything), "page.txt": as_text(everything),
            "terminal.txt": "\n".join(lines), "result.json": to_json(result)}  # fmt: skip


@every_text
@pytest.mark.parametrize("ask", ["", QUESTION], ids=["summary", "question"])
def test_a_model_that_fell_for_it_shows_the_reader_nothing_but_text(text: str, ask: str) -> None:
    run = Run(video(text), parrot([text]), ask=ask, looks="" if ask else text)
    found = pages(run.result, ids=True)
    for form, told in found.items():
        assert CANARY in told, form
        assert {c for c in told if not c.isprintable()} <= {"\n"}, form
        assert not set(told) & set("\u202e\u2066\u200b\U000e0050"), form
    assert not {token.type for token in tokens(found["page.md"])} & DRIVING
    read = words_read(found["page.md"])
    assert safe(text) in read or words(safe(text))[:200] in words(read)
    answer = json.loads(found["result.json"])["answer" if ask else "summary"]
    assert CANARY in "".join(strings(answer))


@pytest.fixture(scope="module")
def injected() -> dict[str, str]:
    packed = bundle((), cues(*TEXTS.values(), length_s=2.8), video=False)
    run = Run(packed, parrot(list(TEXTS.values()), [f"s{n + 1}" for n in range(len(TEXTS))]))
    assert run.result.summary is not None
    summary = replace(run.result.summary, method="Written by m.")
    lines = "".join(f"{line}\n" for line in run.asked[0].inside)
    return pages(replace(run.result, summary=summary)) | {"lines.jsonl": lines}


@pytest.mark.parametrize("form", ["page.md", "page.txt", "terminal.txt", "lines.jsonl"])
def test_the_exact_prompt_and_the_exact_page(form: str, injected: dict[str, str]) -> None:
    """All texts at once, as files to look at: renderers/golden/injected-*."""
    file = GOLDEN / f"injected-{form}"
    if os.environ.get("VIDSUM_RENEW_GOLDEN"):
        file.write_text(injected[form], "utf-8")
    assert injected[form] == file.read_text("utf-8")


# ---- what is done

AUDIT = """
import json, sys
done = []
def hook(event, args):
    if event in ("socket.connect", "socket.sendto"):
        done.append((event, list(args[1]) if isinstance(args[1], tuple) else str(args[1])))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        done.append((event, [args[0], args[1] if len(args) > 1 else None]))
    elif event == "open" and isinstance(args[0], str) and (
        set(args[1] or "") & set("wax+") or (args[2] or 0) & 0o3
    ):
        done.append((event, args[0]))
    elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.spawn"):
        done.append((event, [str(part) for part in args[1]]))
    elif event in ("os.system", "os.remove", "os.rename", "os.link", "os.symlink", "os.mkdir",
                   "os.rmdir", "os.truncate", "os.chmod", "shutil.rmtree", "webbrowser.open",
                   "pty.spawn"):
        done.append((event, [str(part) for part in args]))
sys.addaudithook(hook)
from vidsum.cli.main import run
code = run(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    json.dump(done[:-1] if done and done[-1][0] == "open" else done, file)
sys.exit(code)
"""


def test_a_model_that_fell_for_it_makes_vidsum_do_nothing(
    clip_folder: Path, tmp_path: Path
) -> None:
    """The whole program on a video with all texts: said, in its tags' place, beside it."""
    folder, home = tmp_path / "videos", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    path = folder / "$(touch Pwned.txt)`touch Pwned.txt`.mkv"
    path.write_bytes(clip("all_intra", clip_folder).path.read_bytes())
    said = [f"{n}\n00:00:0{n % 8},000 --> 00:00:0{n % 8},900\n{' '.join(text.split())}\n"
            for n, text in enumerate(TEXTS.values(), start=1)]  # fmt: skip
    path.with_suffix(".srt").write_text("\n".join(said), "utf-8")
    beside = {"title": TEXTS["a template"], "description": "\n".join(TEXTS.values())}
    path.with_suffix(".info.json").write_text(json.dumps(beside), "utf-8")
    before = {file: file.read_bytes() for file in folder.iterdir()}
    log = tmp_path / "log.json"
    env = {k: v for k, v in os.environ.items() if not k.startswith(("VIDSUM_", "XDG_", "ORT_"))}
    with ScriptedProvider(parrot(list(TEXTS.values()))) as provider:
        done = subprocess.run(
            [sys.executable, "-c", AUDIT, str(log), str(path), "-q", "--no-ocr", "--format", "md",
             "--api", provider.url, "--reason-model", "m", "--caption-model", "m"],
            env=env | {"HOME": str(home), "TMPDIR": str(home)}, cwd=folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert CANARY in done.stdout
    assert not {token.type for token in tokens(done.stdout)} & DRIVING

    assert {file: file.read_bytes() for file in folder.iterdir()} == before
    written = [file for file in tmp_path.rglob("*") if file.is_file() and file not in before]
    assert all(home in file.parents or file == log for file in written)
    assert not [file for file in written if CANARY in file.name or CANARY.lower() in file.name]
    events = json.loads(log.read_text())
    host, port = "127.0.0.1", int(provider.url.split(":")[2].split("/")[0])
    reached = [tuple(args)[:2] for event, args in events if event.startswith("socket")]
    assert reached
    assert set(reached) == {(host, port)}
    for event, args in events:
        if event == "open":
            place = Path(args)
            assert home in place.parents or place.is_relative_to("/dev"), args
        elif not event.startswith("socket"):
            assert CANARY not in "".join(args).replace(str(path), ""), (event, args)
            assert event not in ("os.system", "os.exec", "webbrowser.open"), (event, args)
