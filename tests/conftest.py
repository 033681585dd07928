"""Fixtures that several test folders use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent

# The same examples each time, and no time limits: a slow machine is no fault of the code.
# HYPOTHESIS_PROFILE=search looks for new examples.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder a session for the numbered clips: each is made once."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def talk() -> Path:
    """The sample video that ships with the project."""
    return HERE / "media" / "talk.mp4"


@pytest.fixture(scope="session")
def real_media() -> Path:
    """Real clips that are not part of the project; the folder is named by the environment."""
    folder = os.environ.get("VIDSUM_TEST_MEDIA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("VIDSUM_TEST_MEDIA names no folder of real clips")
    return Path(folder)
