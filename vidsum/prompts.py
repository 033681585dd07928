"""Prompt files: the ones that ship with vidsum, and a user's own in front of them.

A prompt is a Jinja template in a ``.md`` file. A missing variable is an error, not an empty
place; templates run in Jinja's sandbox, for a prompt folder may come from somebody else. A style
is plain text in a ``.md`` file of the folder ``styles``: a few lines that a prompt takes in.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vidsum.errors import OptionError

if TYPE_CHECKING:
    from jinja2 import Template

_PACKAGE = Path(__file__).resolve().parent
_SHIPPED = (_PACKAGE / "prompts_default", _PACKAGE.parent / "prompts")
"""In an installed wheel the first, in a checkout the second."""
_STYLES: Final = "styles"
_STYLE_NAME: Final = re.compile(r"\w[\w .-]{0,99}")
"""A name that cannot lead out of the folder: nothing in it parts folders."""


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

    path = find(name, own)
    try:
        return _template(path.read_text("utf-8")).render(**values)
    except (jinja2.TemplateError, ArithmeticError, LookupError, RecursionError,
            TypeError, ValueError, OSError) as exc:  # fmt: skip
        raise OptionError(f"The prompt {path} cannot be used: {exc}.") from exc


@lru_cache(32)
def _template(text: str) -> Template:
    """Return a prompt compiled, which takes longer than filling it in: one run asks many times."""
    import jinja2
    from jinja2.sandbox import SandboxedEnvironment

    env = SandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        loader=jinja2.DictLoader({}),  # a prompt is one file: nothing to include
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return env.from_string(text)


def check_style(name: str, own: Path | None) -> None:
    """Check that there is a style of this name, and that it can be read. Raises: OptionError."""
    style(name, own)


def style(name: str, own: Path | None) -> str:
    """Return the words of a style, the user's own first. Raises: OptionError."""
    folders = [folder / _STYLES for folder in (own, shipped_folder()) if folder is not None]
    files = (folder / f"{name}.md" for folder in folders if _STYLE_NAME.fullmatch(name))
    path = next((file for file in files if file.is_file()), None)
    if path is None:
        there = {file.stem for folder in folders for file in folder.glob("*.md")}
        known = ", ".join(sorted(filter(_STYLE_NAME.fullmatch, there)))
        raise OptionError(
            f"There is no style called {name!r}.",
            f"Known: {known}. Your own go into the folder {_STYLES} of --prompts, as NAME.md.",
        )
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise OptionError(f"The style {path} cannot be read: {exc}.") from exc
