"""Fixtures for generated B-roll."""

from __future__ import annotations

from pathlib import Path

import pytest
from models.flux2 import write_model


@pytest.fixture(scope="session")
def hand_made_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an image model that gives pictures the colours of their references."""
    return write_model(tmp_path_factory.mktemp("image-model"))
