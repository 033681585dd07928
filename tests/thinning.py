"""Parameters of which the default run takes every second one, so that it stays short."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def every_second(values: Iterable[object]) -> list[Any]:
    """Return the values, those between marked slow: `.ci/run` takes them all."""
    return [
        pytest.param(value, marks=pytest.mark.slow) if place % 2 else value
        for place, value in enumerate(values)
    ]
