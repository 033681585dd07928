"""A result in one of the forms that go into a file."""

from __future__ import annotations

from vidsum.data import Result


def rendered(result: Result, form: str, *, timeline: bool) -> str:
    """Return a result as text; ``form`` is one of :data:`vidsum.config.FORMATS`."""
    if form == "json":
        from vidsum.renderers.json import to_json

        return to_json(result)
    from vidsum.renderers.markdown import markdown
    from vidsum.renderers.page import page
    from vidsum.renderers.text import text

    return (text if form == "txt" else markdown)(page(result, with_timeline=timeline))
