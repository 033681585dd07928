"""Files that somebody else writes: whole or not there, like those that vidsum writes itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from vidsum.errors import OutputError
from vidsum.outputs import write_whole, write_with


def test_a_program_writes_to_the_path_and_more_follows(tmp_path: Path) -> None:
    path = tmp_path / "out"

    def write(file: BinaryIO, temporary: Path) -> None:
        assert temporary.parent == tmp_path
        subprocess.run([sys.executable, "-c", "import sys; open(sys.argv[1], 'wb').write(b'\\0a')",
                        str(temporary)], check=True)  # fmt: skip
        assert not path.exists()
        file.seek(0, 2)
        file.write(b"b\xff")

    write_with(path, write)
    assert path.read_bytes() == b"\0ab\xff"
    assert list(tmp_path.iterdir()) == [path]


def test_whatever_ends_the_writing_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write_whole(path, "before ü\n")
    path.chmod(0o640)

    def interrupt(file: BinaryIO, temporary: Path) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    def fail(file: BinaryIO, temporary: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(KeyboardInterrupt):
        write_with(path, interrupt)
    with pytest.raises(OutputError, match="No space left"):
        write_with(path, fail)
    assert path.read_text("utf-8") == "before ü\n"
    assert list(tmp_path.iterdir()) == [path]
    write_with(path, lambda file, _: file.write(b"after"))
    assert path.read_bytes() == b"after"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_is_followed_unless_it_must_not_be(tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    target.write_bytes(b"one")
    link.symlink_to(target)
    write_with(link, lambda file, _: file.write(b"two"))
    assert (target.read_bytes(), link.is_symlink()) == (b"two", True)
    write_with(link, lambda file, _: file.write(b"three"), follow=False)
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"two", b"three", False)
