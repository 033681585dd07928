"""The README is true: its commands, its example, its tables."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from vidsum import api
from vidsum.config import Options, option_table
from vidsum.renderers.page import page
from vidsum.renderers.terminal import show

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def block_after(mark: str) -> str:
    found = re.search(re.escape(mark) + r".*?```text\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found.group(1)


def until_receipt(text: str) -> list[str]:
    """The lines above the receipt, whose figures differ from run to run, as they look."""
    return [line.rstrip() for line in text.split("What it took")[0].strip().split("\n")]


def test_the_example_is_what_the_program_prints(
    talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    result = api.summarize(talk.relative_to(ROOT), Options())
    stream = io.StringIO()
    show(page(result), Console(file=stream, width=100, color_system=None))
    assert until_receipt(block_after("<!-- talk:")) == until_receipt(stream.getvalue())


def test_every_option_is_in_the_table() -> None:
    rows = [
        f"| `{e.flag}` | `{e.env}` | {e.help} |" if not e.switch
        else f"| `{e.flag}`, `--no-{e.flag[2:]}` | `{e.env}` | {e.help} |"
        for e in option_table()
    ]  # fmt: skip
    assert "\n".join(rows) in README


def test_the_exit_codes_in_the_table_are_those_of_the_errors() -> None:
    from vidsum import errors

    table = {int(n) for n in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    classes = [v for v in vars(errors).values() if isinstance(v, type)]
    known = {c.exit_code for c in classes if issubclass(c, errors.VidsumError)}
    assert table >= known | {errors.EXIT_OK, errors.EXIT_PARTIAL, errors.EXIT_INTERRUPTED}


def test_the_json_keys_in_the_table_are_those_of_the_result() -> None:
    table = README.split("### JSON")[1].split("## How it works")[0]
    named = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))))
    expected = {
        "source", "summary", "timeline", "frames", "dropped", "overlay", "transcript", "coverage",
        "bundle", "receipt", "answer", "bought", "broll", "facts", "warnings", "partial",
        "failures", "options", "vidsum_version",
    }  # fmt: skip
    assert named - {"key"} == expected


def test_ci_runs_the_readmes_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert '.venv/bin/pytest" README.md' in script
    lines = [line for line in README.splitlines() if ".venv/bin/pytest" in line]
    assert lines == ["python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && "
                     ".venv/bin/pytest"]  # fmt: skip
