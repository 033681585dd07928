"""What a remote model writes, computed from what it is asked: a script for ScriptedProvider."""

from __future__ import annotations

import json
from typing import Any

from scripted_provider import Answer, Call, says

from vidsum import tokens


def rows(prompt: str) -> list[dict[str, Any]]:
    """Return the JSON lines between a prompt's two marks."""
    lines = prompt.split("\n")
    mark = next(line for line in lines if line.startswith("=====TIMELINE-"))
    first = lines.index(mark)
    return [json.loads(line) for line in lines[first + 1 : lines.index(mark, first + 1)]]


def text_of(row: dict[str, Any]) -> str:
    """Return what an entry's line says."""
    (text,) = (row[kind] for kind in ("speech", "text", "caption", "fact") if kind in row)
    return str(text)


def keys(call: Call) -> set[str]:
    """Return the keys that the answer is to have."""
    return set(call.body["response_format"]["json_schema"]["schema"]["properties"])


def wants_notes(call: Call) -> bool:
    """Say whether notes are asked for, not a summary."""
    return keys(call) == {"points", "gist"}


def wants_response(call: Call) -> bool:
    """Say whether a question is to be answered."""
    return "found" in keys(call)


def statements(prompt: str) -> list[tuple[str, list[str]]]:
    """Return what a prompt tells, each with its ids: entries, or points of notes."""
    found = []
    for row in rows(prompt):
        if "points" in row:
            found += [(point["text"], point["ids"]) for point in row["points"]]
        elif "fact" not in row and "first_answer" not in row:
            found.append((text_of(row), [row["id"]]))
    return found


def honest(call: Call) -> Answer:
    """Answer with statements spread over all that the prompt tells, each with its true ids."""
    told = statements(call.prompt)
    spread = told[:: max(1, len(told) // 5)]
    points = [{"text": f"It tells: {text[:60]}", "evidence": ids} for text, ids in spread]
    usage = (tokens.count(call.prompt, None)[0], 20)
    if wants_notes(call):
        notes = {"points": points, "gist": f"It has {len(told)} statements."}
        return says(json.dumps(notes), usage=usage)
    if wants_response(call):
        return says(response(bool(points), points[:2]), usage=usage)
    chapters = [
        {"start": ids[0], "title": f"From {ids[0]}", "gist": text[:60], "evidence": ids}
        for text, ids in spread
    ]
    parts = {"overview": points[:1]} if points else {}
    return says(summary(chapters=chapters, key_points=points, **parts), usage=usage)


def summary(**parts: Any) -> str:
    """Return a summary as JSON; what is not given is there and says little."""
    usual: dict[str, Any] = {
        "chapters": [], "key_points": [], "quotes": [], "names": [],
        "overview": [{"text": "A lecture.", "evidence": []}], "title": "A title", "caveats": [],
    }  # fmt: skip
    return json.dumps(usual | parts)


def response(found: bool, answer: list[dict[str, Any]], *caveats: str) -> str:
    """Return the answer to a question as JSON."""
    return json.dumps({"found": found, "answer": answer, "caveats": list(caveats)})
