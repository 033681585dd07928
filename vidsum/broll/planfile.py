"""The plan of B-roll as a text file that a person edits, and back.

A prompt has beside it what it was made of, as a short hash: when its brief was changed since, it
is dropped, so that a new one is written; when it was changed itself, it is the user's, and kept.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast, get_args

from vidsum.broll.plankeys import Keys
from vidsum.config.values import BadValue, seconds
from vidsum.data import BrollPlan, PlannedBy, PromptFrom, Scene
from vidsum.errors import OptionError
from vidsum.outputs import IN_PLACE, write_whole
from vidsum.wording import path_text, shown

if TYPE_CHECKING:
    import tomlkit
    from tomlkit.items import AoT, String, Table

NAME: Final = "plan.toml"
FORM: Final = 1
SCENE_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
_HEADER: Final = (
    "Which scenes of a video get a new picture. This file is made to be edited.",
    "",
    "style: one sentence on how all pictures look; it is added to every prompt, word for word.",
    "brief: what is to be seen. Change it, and a new prompt is written.",
    "prompt: what the image model is asked. Change it, and it stays as you wrote it; take it out,",
    "and a new one is written.",
    'start, end: in seconds (62.5) or as a time ("1:02.5").',
    "Take scenes out, or add your own: [[scene]] with an id of your choice (a-z, 0-9, -), start,",
    "end and brief are enough.",
    "Long lines are broken after a backslash, which is no part of the text.",
)
_ABOUT_SOURCE: Final = "What the plan is of. Nothing below is meant to be changed."
_KEYS: Final = ("title", "style", "scene", "source")
_SCENE_KEYS: Final = (
    "id", "start", "end", "brief", "why", "evidence", "prompt", "prompt_from", "prompt_of", "flaw",
)  # fmt: skip
_SOURCE_KEYS: Final = (
    "form", "video", "video_hex", "video_sha256", "duration", "width", "height", "fps",
    "planned_by", "planner",
)  # fmt: skip
_MOST_PX: Final = 32_768
"""A side of more is no video's, and a picture brought to it would fill the memory."""
_WIDTH: Final = 96
_SHORT: Final = 72
_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r'\ufff9-\ufffb\U000e0000-\U000e007f\\"]'
)
"""What drives or hides, or means something in a string of TOML."""


def write_plan(path: Path, plan: BrollPlan) -> None:
    """Write a plan, whole or not at all; comments of a plan that is replaced are kept.

    Those within scenes are where the scenes are the same ones. Raises: OutputError.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    text = ""
    try:
        document = tomlkit.parse(path.read_bytes().decode("utf-8-sig"))
        _fill(document, plan)
        text = tomlkit.dumps(document)
        if plan_from(text, path) != plan:  # an editor's layout that does not take what is new
            text = ""
    except (OSError, UnicodeDecodeError, TOMLKitError, LookupError, TypeError, ValueError,
            AttributeError, OptionError):  # fmt: skip
        text = ""
    write_whole(path, text or plan_text(plan), follow=False, hint=IN_PLACE)


def plan_text(plan: BrollPlan) -> str:
    """Return a plan as a new file."""
    import tomlkit

    document = tomlkit.document()
    for line in _HEADER:
        document.add(tomlkit.comment(line) if line else tomlkit.nl())
    document.add(tomlkit.nl())
    _fill(document, plan)
    return tomlkit.dumps(document)


def read_plan(path: Path) -> BrollPlan:
    """Return the plan in a file. Raises: OptionError, which names file, scene and key."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as exc:
        raise OptionError(f"There is no plan {shown(path)}.",
                          "Make one: vidsum broll plan VIDEO.") from exc  # fmt: skip
    except OSError as exc:
        raise OptionError(f"{shown(path)} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise OptionError(f"{shown(path)} is not UTF-8: {exc.reason} at byte {exc.start}.",
                          "Save it as UTF-8.") from exc  # fmt: skip
    return plan_from(text, path)


def plan_from(text: str, path: Path) -> BrollPlan:
    """Return the plan in a text; ``path`` is named in errors. Raises: OptionError."""
    try:
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        told = str(exc) or "it is nested too deeply"
        raise OptionError(f"{shown(path)} is not valid TOML: {told}.",
                          'Texts stand in quotation marks; a \\ or " in them is \\\\ or \\".',
                          ) from exc  # fmt: skip
    whole = Keys(found, shown(path), _KEYS)
    source = Keys(whole.table("source"), f"{shown(path)}, [source]", _SOURCE_KEYS)
    if source.get("form", int, FORM) != FORM:
        raise OptionError(f"{source.where}: form is {source.found['form']}, not {FORM}.",
                          "Another version of vidsum wrote it: plan anew.")  # fmt: skip
    duration_s = source.time("duration", 0.0)
    planned_by = source.one_of("planned_by", get_args(PlannedBy), "user")
    return BrollPlan(
        video=_video(source),
        video_sha256=source.get("video_sha256", str, None),
        duration_s=duration_s,
        width_px=_side(source, "width"),
        height_px=_side(source, "height"),
        fps=source.number("fps"),
        title=whole.get("title", str, ""),
        style=whole.get("style", str, ""),
        scenes=_scenes(whole, duration_s),
        planned_by=cast(PlannedBy, planned_by),
        planner=source.get("planner", str, ""),
    )


def _side(source: Keys, key: str) -> int:
    """Return a side of the source in pixels, 0 where it has no picture."""
    side: int = source.get(key, int, 0)
    if side > _MOST_PX:
        raise source.bad(key, f"takes at most {_MOST_PX} pixels")
    return side


def _video(source: Keys) -> str:
    """Return the video's path; its bytes, where these are no UTF-8."""
    raw = source.get("video_hex", str, None)
    if raw is None:
        return str(source.get("video", str, ""))
    try:
        return os.fsdecode(bytes.fromhex(raw))
    except ValueError as exc:
        raise source.bad("video_hex", "takes bytes in hex") from exc


def _scenes(whole: Keys, duration_s: float) -> tuple[Scene, ...]:
    tables = whole.found.get("scene", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise whole.bad("scene", "is a list of tables, each under [[scene]]")
    scenes = [_scene(whole.where, number, one) for number, one in enumerate(tables, start=1)]
    taken: set[str] = set()
    for scene in scenes:
        if scene.id in taken:
            raise OptionError(f"{whole.where} has two scenes with the id {scene.id}.",
                              f"Give one of them another: {_free(scenes)}.")  # fmt: skip
        taken.add(scene.id)
        if duration_s and scene.end_s > duration_s:
            raise OptionError(
                f"{whole.where}, scene {scene.id}: it ends at {scene.end_s:g} s, after the video "
                f"({duration_s:g} s).",
                f"Let it end at {math.floor(duration_s * 100) / 100:.2f} or before.",
            )  # fmt: skip
    return tuple(scenes)


def _scene(file: str, number: int, table: Mapping[str, Any]) -> Scene:
    name = table.get("id")
    where = f"{file}, scene {name if isinstance(name, str) and name else number}"
    keys = Keys(table, path_text(where), _SCENE_KEYS)
    if name is None:
        raise OptionError(f"{keys.where} has no id.", 'Give it one of its own: id = "s05".')
    if not SCENE_ID.fullmatch(keys.get("id", str, "")):
        raise keys.bad("id", "takes up to 20 of a-z, 0-9 and -, and does not begin with -")
    start_s, end_s = keys.time("start"), keys.time("end")
    if end_s <= start_s:
        raise OptionError(f"{keys.where}: it ends ({end_s:g} s) before it begins ({start_s:g} s), "
                          "or as it begins.", "Change start or end.")  # fmt: skip
    brief = keys.get("brief", str, "")
    if not brief.strip():
        raise OptionError(f"{keys.where} has no brief.",
                          'Say what is to be seen: brief = "A harbour at dawn."')  # fmt: skip
    evidence = keys.found.get("evidence", [])
    if not isinstance(evidence, list) or not all(isinstance(one, str) for one in evidence):
        raise keys.bad("evidence", 'takes a list of ids such as ["s12", "t3"]')
    prompt, prompt_from, flaw = _prompt(keys, brief)
    return Scene(name, start_s, end_s, brief, keys.get("why", str, ""), tuple(evidence), prompt,
                 prompt_from, flaw)  # fmt: skip


def _prompt(keys: Keys, brief: str) -> tuple[str, PromptFrom, str]:
    """Return a prompt, who wrote it, and why it is only a template; "" to have it written anew."""
    prompt, flaw = keys.get("prompt", str, ""), keys.get("flaw", str, "")
    choices = [one for one in get_args(PromptFrom) if one]
    written_by = cast(PromptFrom, keys.one_of("prompt_from", choices, "user"))
    of_brief, _, of_prompt = str(keys.get("prompt_of", str, "")).partition("-")
    if not prompt.strip():
        return "", "", ""
    if written_by == "user" or of_prompt != _short_hash(prompt):
        return prompt, "user", flaw if written_by == "user" else ""
    return (prompt, written_by, flaw) if of_brief == _short_hash(brief) else ("", "", "")


def _free(scenes: Sequence[Scene]) -> str:
    """Return an id that no scene has."""
    taken = {one.id for one in scenes}
    return next(f"s{n:02}" for n in range(1, len(taken) + 2) if f"s{n:02}" not in taken)


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _fill(document: tomlkit.TOMLDocument, plan: BrollPlan) -> None:
    """Put a plan into a document; what is the same already is left as it stands."""
    import tomlkit

    _put(document, {"title": plan.title, "style": plan.style})
    scenes = [_scene_values(one) for one in plan.scenes]
    there = document.get("scene", [])
    if [one.get("id") for one in there] == [one.id for one in plan.scenes]:
        for table, values in zip(there, scenes, strict=True):
            _put(table, values, _SCENE_KEYS)
    else:
        document.pop("scene", None)
        if scenes:
            document.append("scene", _new_scenes(scenes))
    if "source" not in document:
        document.add(tomlkit.nl())
        table = tomlkit.table()
        table.add(tomlkit.comment(_ABOUT_SOURCE))
        document.append("source", table)
    _put(cast("Table", document["source"]), _source_values(plan), _SOURCE_KEYS)


def _new_scenes(scenes: Sequence[Mapping[str, object]]) -> AoT:
    import tomlkit

    tables = tomlkit.aot()
    for values in scenes:
        table = tomlkit.table()
        _put(table, values)
        tables.append(table)
    return tables


def _put(
    table: tomlkit.TOMLDocument | Table, values: Mapping[str, object], known: Collection[str] = ()
) -> None:
    for key, value in values.items():
        if key not in table or not _same(key, table[key], value):
            table[key] = _text(value) if isinstance(value, str) else value
    for key in [one for one in table if one in known and one not in values]:
        del table[key]


def _same(key: str, old: object, new: object) -> bool:
    """Tell whether a value stands there already; a time may be written in another way."""
    if key in ("start", "end") and isinstance(old, str):
        try:
            return seconds(old) == new
        except BadValue:
            return False
    return old == new


def _scene_values(scene: Scene) -> dict[str, object]:
    values: dict[str, object] = {"id": scene.id, "start": scene.start_s, "end": scene.end_s}
    values |= {"brief": scene.brief, "why": scene.why, "evidence": list(scene.evidence)}
    if scene.prompt:
        made_of = f"{_short_hash(scene.brief)}-{_short_hash(scene.prompt)}"
        values |= {"prompt": scene.prompt, "prompt_from": scene.prompt_from or "user"}
        values["prompt_of"] = made_of
    return values | ({"flaw": scene.flaw} if scene.flaw else {})


def _source_values(plan: BrollPlan) -> dict[str, object]:
    values: dict[str, object] = {"form": FORM, "video": path_text(plan.video)}
    raw = os.fsencode(plan.video)
    if path_text(plan.video).encode() != raw:
        values["video_hex"] = raw.hex()
    values |= {"video_sha256": plan.video_sha256, "duration": plan.duration_s,
               "width": plan.width_px, "height": plan.height_px, "fps": plan.fps,
               "planned_by": plan.planned_by, "planner": plan.planner}  # fmt: skip
    return {key: value for key, value in values.items() if value is not None}


def _text(text: str) -> String:
    """Return a text as a string of TOML: on several lines where it is long.

    What hides or turns writing is an escape in it; lines are broken after a backslash.
    """
    from tomlkit.items import String, StringType, Trivia

    text = path_text(text)
    if len(text) <= _SHORT and "\n" not in text:
        return String(StringType.SLB, text, _escaped(text), Trivia())
    lines = "\n".join(_broken(_escaped(line)) for line in text.split("\n"))
    return String(StringType.MLB, text, f"\n{lines}", Trivia())


def _escaped(text: str) -> str:
    return _UNSEEN.sub(lambda one: _ESCAPES.get(one[0]) or _by_number(one[0]), text)


_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\r": "\\r", "\x08": "\\b", "\x0c": "\\f"}


def _by_number(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _broken(line: str) -> str:
    """Return a line of a string in pieces, each but the last ending in a blank and a backslash."""
    pieces: list[str] = []
    while len(line) > _WIDTH:
        at = line.rfind(" ", 0, _WIDTH) + 1
        rest = line[at:]
        if not at or rest[:1] in (" ", "\t", ""):
            break
        pieces.append(f"{line[:at]}\\")
        line = rest
    return "\n".join([*pieces, line])
