"""The house: rows, light start, size limits, who may print. Each rule also catches a plant."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vidsum

PACKAGE = Path(vidsum.__file__).parent

ROWS: tuple[tuple[str, ...], ...] = (
    ("__init__", "data", "errors", "failpoints"),
    ("config", "events", "registry", "prompts", "tokens", "wording", "languages", "home", "db"),
    ("costs", "outputs"),
    ("media", "backends", "catalog", "store"),
    ("captioners", "transcribers", "ocr", "timeline", "reasoner", "renderers"),
    ("planner",),
    ("pipeline",),
    ("broll",),
    ("api",),
    ("watch",),
    ("cli",),
    ("__main__",),
)
"""A room imports from rows above its own, and from itself. Row-mates never import each other,
but config reads the names that the registry knows, whose functions name config's type."""

ROW_MATES_ALLOWED = {("data", "__init__"), ("config", "registry"), ("registry", "config")}
HEAVY = (
    "av", "numpy", "rich", "cv2", "rapidocr", "onnxruntime", "faster_whisper", "ctranslate2",
    "pydantic", "jinja2", "tiktoken", "openai", "genai_prices", "pysubs2", "PIL", "platformdirs",
    "huggingface_hub", "llama_cpp", "httpx", "keyring", "sqlite3", "stable_diffusion_cpp",
    "opentimelineio", "tomlkit", "c2pa",
)  # fmt: skip
MODULE_LINES, FUNCTION_LINES = 400, 50
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def row_of(room: str) -> int:
    for number, row in enumerate(ROWS):
        if room in row:
            return number
    raise AssertionError(f"{room} has no row: give it one in ROWS")


def sources(package: Path = PACKAGE) -> Iterator[tuple[str, ast.Module, str]]:
    for path in sorted(package.rglob("*.py")):
        parts = ["vidsum", *path.relative_to(package).with_suffix("").parts]
        module = ".".join(parts)
        text = path.read_text("utf-8")
        yield module, ast.parse(text), text


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            yield module
            if module == "vidsum":
                yield from (f"vidsum.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def row_faults(module: str, tree: ast.Module) -> list[str]:
    room = room_of(module)
    faults = []
    for target in imports_of(tree):
        if not target.startswith("vidsum"):
            continue
        other = room_of(target)
        if other == room or other == "__init__" or (room, other) in ROW_MATES_ALLOWED:
            continue
        if row_of(other) >= row_of(room):
            faults.append(f"{module} (row {row_of(room)}) imports {target} (row {row_of(other)})")
    return faults


OWN_PROCESSES = {"vidsum.media.child", "vidsum.watch.worker", "vidsum.broll.engines.painter"}
"""They talk to their parents through stdin and stdout, and end by themselves."""


def print_faults(module: str, tree: ast.Module) -> list[str]:
    """Only the command line prints, exits or reads the process's arguments."""
    if room_of(module) in ("cli", "__main__") or module in OWN_PROCESSES:
        return []
    calls = {"print", "exit", "quit", "SystemExit", "sys.exit", "os._exit", "sys.stdout.write",
             "sys.stderr.write", "sys.stdout.buffer.write"}  # fmt: skip
    return [
        f"{module}:{node.lineno} prints or exits"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in calls
    ]


READ_THE_ENVIRONMENT = {
    "vidsum.media.process",  # hands a bounded part of it on to the decode process
    "vidsum.media.onnx",  # sets one variable, for a library that has no other switch
    "vidsum.tokens",  # where tiktoken itself keeps its table
    "vidsum.home",  # VIDSUM_HOME
    "vidsum.backends.keys",  # API keys: they pass through no option, so that none is ever shown
    "vidsum.catalog.places",  # where other programs keep their models
    "vidsum.failpoints",  # tests make processes die by it
    "vidsum.watch.workers",  # hands it on to workers, which find their keys in it
    "vidsum.broll.engines.painting",  # hands a bounded part of it on to the painter
    "vidsum.watch.hooks",  # hands it on to the user's own program
}


def environment_faults(module: str, tree: ast.Module) -> list[str]:
    """Only the command line reads the environment, but for the places named above."""
    if room_of(module) == "cli" or module in READ_THE_ENVIRONMENT:
        return []
    return [
        f"{module}:{node.lineno} reads the environment"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv")
    ]


def library_faults(module: str, tree: ast.Module) -> list[str]:
    """click lives in cli/ only; rich in cli/ and the terminal renderer."""
    faults = []
    for target in imports_of(tree):
        top = target.split(".")[0]
        if top == "click" and room_of(module) != "cli":
            faults.append(f"{module} imports click")
        if top == "rich" and room_of(module) != "cli" and module != "vidsum.renderers.terminal":
            faults.append(f"{module} imports rich")
    return faults


def size_faults(module: str, tree: ast.Module, text: str) -> list[str]:
    faults = []
    if text.count("\n") > MODULE_LINES:
        faults.append(f"{module} is over {MODULE_LINES} lines")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                faults.append(f"{module}:{node.lineno} {node.name} has {lines} lines")
    return faults


def name_faults(module: str) -> list[str]:
    return [f"{module} says nothing by its name" for part in module.split(".")
            if part in BANNED_NAMES]  # fmt: skip


def test_modules_import_from_rows_above_only() -> None:
    assert [fault for module, tree, _ in sources() for fault in row_faults(module, tree)] == []


def test_only_the_command_line_prints() -> None:
    assert [fault for module, tree, _ in sources() for fault in print_faults(module, tree)] == []


def test_only_the_command_line_reads_the_environment() -> None:
    found = [fault for module, tree, _ in sources() for fault in environment_faults(module, tree)]
    assert found == []


def test_click_and_rich_stay_where_they_belong() -> None:
    found = [fault for module, tree, _ in sources() for fault in library_faults(module, tree)]
    assert found == []


def test_modules_and_functions_keep_a_readable_size() -> None:
    found = [fault for module, tree, text in sources() for fault in size_faults(module, tree, text)]
    assert found == []


def test_names_say_something() -> None:
    assert [fault for module, _, _ in sources() for fault in name_faults(module)] == []


def heavy_after(statement: str, path: Path | None = None) -> list[str]:
    """Return the heavy libraries that a fresh interpreter has loaded after a statement."""
    code = f"import sys\n{statement}\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    prefix = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    done = subprocess.run(
        [sys.executable, "-c", prefix + code], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_command_line_starts_light() -> None:
    assert heavy_after("import vidsum.cli") == []


def test_every_room_has_a_row_and_every_row_a_room() -> None:
    rooms = {room_of(module) for module, _, _ in sources()}
    assert rooms == {room for row in ROWS for room in row}


def test_the_top_level_is_what_it_should_be() -> None:
    top = PACKAGE.parent
    names = {path.name for path in top.iterdir() if not path.name.startswith(".")}
    allowed = {"pyproject.toml", "vidsum", "tests", "prompts", "README.md", "CHANGELOG.md",
               "LICENSE"}  # fmt: skip
    tracked = subprocess.run(["git", "ls-files"], cwd=top, capture_output=True, text=True)
    if tracked.returncode != 0:
        pytest.skip("not a git checkout")
    roots = {line.split("/")[0] for line in tracked.stdout.splitlines()}
    assert {root for root in roots if not root.startswith(".")} <= allowed & names


PLANTS = {
    "row": ("media", "from vidsum.pipeline import extract\n", row_faults),
    "row-mate": ("ocr", "import vidsum.captioners.builtin\n", row_faults),
    "print": ("media", "def f() -> None:\n    print('x')\n", print_faults),
    "exit": ("pipeline", "import sys\nsys.exit(1)\n", print_faults),
    "raise": ("reasoner", "raise SystemExit(3)\n", print_faults),
    "write": ("media", "import sys\nsys.stdout.write('x')\n", print_faults),
    "environment": ("media", "import os\nx = os.environ['HOME']\n", environment_faults),
    "click": ("renderers", "import click\n", library_faults),
    "rich": ("pipeline", "from rich.console import Console\n", library_faults),
}


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_violation_is_caught(name: str) -> None:
    room, text, rule = PLANTS[name]
    assert len(rule(f"vidsum.{room}.planted", ast.parse(text))) == 1


def test_a_planted_long_function_and_module_are_caught() -> None:
    body = "def f() -> None:\n" + "    x = 1\n" * FUNCTION_LINES
    assert len(size_faults("vidsum.media.planted", ast.parse(body), body)) == 1
    long = "x = 1\n" * (MODULE_LINES + 1)
    assert len(size_faults("vidsum.media.planted", ast.parse(long), long)) == 1


def test_a_planted_bad_name_and_a_planted_room_are_caught() -> None:
    assert len(name_faults("vidsum.media.utils")) == 1
    with pytest.raises(AssertionError, match="has no row"):
        row_faults("vidsum.media.planted", ast.parse("import vidsum.attic"))


def test_a_planted_heavy_import_is_caught(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text("import numpy\n")
    assert heavy_after("import planted", tmp_path) == ["numpy"]
