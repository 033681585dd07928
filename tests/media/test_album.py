"""Pictures kept on disk come back as they were, and leave nothing behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vidsum.errors import OutputError
from vidsum.media.album import Album
from vidsum.media.plan import Grid
from vidsum.media.process import Decoder

Picture = NDArray[np.uint8]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, for this test alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def noise(height: int, width: int, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        noise(288, 512), noise(1, 1), noise(1, 7), noise(7, 1), noise(33, 3),
        np.zeros((40, 30, 3), np.uint8), np.full((40, 30, 3), 255, np.uint8),
        noise(60, 80)[::2, ::-1], np.asfortranarray(noise(31, 17)),
    ],
)  # fmt: skip
def test_a_picture_comes_back_to_the_byte(shelf: Path, image: Picture) -> None:
    before = image.copy()
    with Album() as album:
        album.put(3, image)
        back = album.get(3)
    assert (back.dtype, back.shape) == (np.uint8, image.shape)
    assert np.array_equal(back, before)
    assert np.array_equal(image, before)
    back[0, 0] = 1  # it is the caller's own


def test_frames_of_a_video_come_back_and_take_less_room(shelf: Path, talk: Path) -> None:
    with Album() as album, Decoder(talk) as decoder:
        frames = list(decoder.frames(Grid(20.0, 1.0, 0.0, 200.0), 512, None))
        for frame in frames:
            album.put(frame.sample.index, frame.image)
        on_disk = sum(file.stat().st_size for file in album.folder.iterdir())
        assert on_disk < sum(frame.image.nbytes for frame in frames) / 2
        for frame in reversed(frames):
            assert np.array_equal(album.get(frame.sample.index), frame.image)


def test_the_last_picture_of_a_number_counts(shelf: Path) -> None:
    with Album() as album:
        album.put(0, noise(9, 9, seed=1))
        album.put(0, noise(5, 20, seed=2))
        assert np.array_equal(album.get(0), noise(5, 20, seed=2))
        assert np.array_equal(album.get(0), noise(5, 20, seed=2))


def test_a_dropped_picture_is_gone(shelf: Path) -> None:
    with Album() as album:
        album.put(0, noise(9, 9))
        album.put(1, noise(9, 9))
        album.drop(0)
        album.drop(0)
        album.drop(7)
        assert len(list(album.folder.iterdir())) == 1
        with pytest.raises(KeyError):
            album.get(0)
        assert np.array_equal(album.get(1), noise(9, 9))


def test_nobody_else_may_look(shelf: Path) -> None:
    with Album() as album:
        assert album.folder.parent == shelf
        assert album.folder.stat().st_mode & 0o777 == 0o700


def test_nothing_is_left(shelf: Path) -> None:
    with Album() as album:
        album.put(0, noise(9, 9))
    assert list(shelf.iterdir()) == []
    album.close()
    with pytest.raises(OutputError, match="cannot be kept"):
        album.put(1, noise(9, 9))
    with pytest.raises(KeyError):
        album.get(0)
    assert list(shelf.iterdir()) == []


def test_nothing_is_left_after_an_error(shelf: Path) -> None:
    def fail() -> None:
        with Album() as album:
            album.put(0, noise(9, 9))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(shelf.iterdir()) == []


def test_memory_stays_flat(shelf: Path) -> None:
    image = noise(360, 640)
    with Album() as album:
        album.put(0, image)
        tracemalloc.start()
        for index in range(40):
            album.put(index, image)
        for index in range(40):
            album.get(index)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < 6 * image.nbytes


def test_several_threads(shelf: Path) -> None:
    with Album() as album, ThreadPoolExecutor(4) as threads:
        images = [noise(20, 30 + i, seed=i) for i in range(40)]
        list(threads.map(album.put, range(40), images))
        for image, back in zip(images, threads.map(album.get, range(40)), strict=True):
            assert np.array_equal(image, back)


def test_many_albums_at_once_keep_their_folders(shelf: Path) -> None:
    start = threading.Barrier(8)

    def keep(seed: int) -> bool:
        start.wait()
        good = True
        for _ in range(20):
            with Album() as album:
                album.put(seed, noise(4, 4, seed))
                good &= np.array_equal(album.get(seed), noise(4, 4, seed))
        return good

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(keep, range(8)))
    assert list(shelf.iterdir()) == []


_KEEPER = """
import sys, tempfile, time
import numpy as np
tempfile.tempdir = sys.argv[1]
from vidsum.media.album import Album
album = Album()
album.put(0, np.zeros((9, 9, 3), np.uint8))
print(album.folder, flush=True)
time.sleep(300)
"""


def test_what_a_killed_process_left_is_removed_and_a_living_ones_is_not(shelf: Path) -> None:
    command = [sys.executable, "-c", _KEEPER, str(shelf)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as keeper:
        try:
            assert keeper.stdout is not None
            theirs = Path(keeper.stdout.readline().strip())
            with Album():
                assert [file.name for file in theirs.iterdir()] == ["0.rgb"]
            keeper.send_signal(signal.SIGKILL)
            keeper.wait()
            assert theirs.is_dir()
            with Album() as album:
                assert list(shelf.iterdir()) == [album.folder]
        finally:
            keeper.kill()


def test_what_is_not_an_album_left_behind_stays(shelf: Path) -> None:
    holiday = shelf / "vidsum-album-holiday"
    holiday.mkdir()
    (holiday / "beach.jpg").touch()
    elsewhere = shelf / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "0.rgb").touch()
    (shelf / "vidsum-album-link").symlink_to(elsewhere)
    (shelf / "vidsum-album-file").touch()
    os.mkfifo(shelf / "vidsum-album-pipe")
    linked = shelf / "vidsum-album-left"
    linked.mkdir()
    (linked / "0.rgb").symlink_to(holiday / "beach.jpg")
    strangers = shelf / "vidsum-album-strangers"
    if os.geteuid() == 0:
        strangers.mkdir()
        os.chown(strangers, 12_345, 12_345)
    kept = set(shelf.iterdir()) - {linked}
    with Album() as album:
        assert set(shelf.iterdir()) == kept | {album.folder}
    assert (holiday / "beach.jpg").exists()
    assert (elsewhere / "0.rgb").exists()


def _run(script: str, folder: Path, limits: str = "") -> list[str]:
    """Run a script in a process of its own; return what it printed."""

    def bow_to_permissions() -> None:
        if sys.platform == "linux" and os.geteuid() == 0:
            libc = ctypes.CDLL(None)
            for power in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
                libc.prctl(24, power, 0, 0, 0)  # PR_CAPBSET_DROP

    begin = (
        f"import resource, sys, tempfile\nimport numpy as np\n{limits}\n"
        "tempfile.tempdir = sys.argv[1]\n"
        "from vidsum.errors import OutputError\nfrom vidsum.media.album import Album\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", begin + script, str(folder)],
        capture_output=True, text=True, check=True, preexec_fn=bow_to_permissions,
    )  # fmt: skip
    return done.stdout.splitlines()


def test_a_full_disk(tmp_path: Path) -> None:
    script = """
small, large = np.zeros((9, 9, 3), np.uint8), np.random.bytes(30_000)
with Album() as album:
    album.put(0, small)
    try:
        album.put(1, np.frombuffer(large, np.uint8).reshape(100, 100, 3))
    except OutputError as exc:
        print(exc.message)
        print(exc.hint)
    print(*[file.name for file in album.folder.iterdir()])
    print(album.get(0).sum())
"""
    limits = "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    message, hint, files, total = _run(script, tmp_path, limits)
    assert message.startswith("A picture cannot be kept in ")
    assert message.endswith(": File too large.")
    assert "TMPDIR" in hint
    assert (files, total) == ("0.rgb", "0")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    script = """
try:
    Album()
except OutputError as exc:
    print(exc.message)
    print(exc.hint)
"""
    message, hint = _run(script, tmp_path)
    tmp_path.chmod(0o700)
    assert message == f"A folder for pictures cannot be made in {tmp_path}: Permission denied."
    assert "TMPDIR" in hint


def test_somebody_cleans_up_meanwhile(shelf: Path) -> None:
    with Album() as album:
        album.put(0, noise(9, 9))
        album.put(1, noise(9, 9))
        (album.folder / "0.rgb").unlink()
        (album.folder / "1.rgb").write_bytes(b"not a picture")
        with pytest.raises(OutputError, match="cannot be read again"):
            album.get(0)
        with pytest.raises(OutputError, match="was changed"):
            album.get(1)
