"""Fixtures that several test folders use."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

HERE = Path(__file__).parent
_NOWHERE = tempfile.mkdtemp(prefix="vidsum-tests-")
atexit.register(shutil.rmtree, _NOWHERE, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("VIDSUM_", "HF_"))]:
    if not _name.startswith(("VIDSUM_TEST_", "VIDSUM_RENEW")):
        del os.environ[_name]
# Models, keys and settings of whoever runs the tests must not change what they find.
os.environ |= {
    "VIDSUM_HOME": f"{_NOWHERE}/state",
    "HF_HOME": f"{_NOWHERE}/hub",
    "HF_HUB_OFFLINE": "1",
    "OLLAMA_MODELS": f"{_NOWHERE}/ollama",
    "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
}

# A shell that starts the tests in the background has them, and what they start, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples each time, and no time limits: a slow machine is no fault of the code.
# HYPOTHESIS_PROFILE=search looks for new examples.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """What an earlier test found in a video is forgotten: each test looks for itself."""
    for path in Path(_NOWHERE, "state").glob("cache.db*"):
        path.unlink()


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
