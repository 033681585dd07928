"""Prompt files: the ones that ship with vidsum, and a user's own in front of them.

A prompt is a Jinja template in a ``.md`` file. A missing variable is an error, not an empty
place; templates run in Jinja's sandbox, for a prompt folder may come from somebody else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidsum.errors import OptionError

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = (_PACKAGE / "prompts_default", _PACKAGE.parent / "prompts")
"""In an installed wheel the first, in a checkout the second."""


def shipped_folder() -> Path:
    """Return the folder of the prompts that come with vidsum."""
    return next(folder for folder in _SHIPPED if folder.is_dir())


def find(name: str, own: Path | None) -> Path:
    """Return the file of a prompt, the user's own first. Raises: OptionError."""
    for folder in (own, shipped_folder()):
        if folder is not None and (folder / f"{name}.md").is_file():
            return folder / f"{name}.md"
    known = ", ".join(sorted(path.stem for path in shipped_folder().glob("*.md")))
    raise OptionError(f"There is no prompt called {name}.", f"Known: {known}.")


def render(name: str, own: Path | None, /, **values: Any) -> str:
    """Return a prompt with its values filled in. Raises: OptionError."""
    import jinja2
    from jinja2.sandbox import SandboxedEnvironment

    path = find(name, own)
    env = SandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        loader=jinja2.DictLoader({}),  # a prompt is one file: nothing to include
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    try:
        return env.from_string(path.read_text("utf-8")).render(**values)
    except (jinja2.TemplateError, ArithmeticError, LookupError, RecursionError,
            TypeError, ValueError, OSError) as exc:  # fmt: skip
        raise OptionError(f"The prompt {path} cannot be used: {exc}.") from exc
