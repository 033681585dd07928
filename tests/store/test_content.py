"""The store: what is put in comes out, and nothing that happens to the file reaches the caller."""

from __future__ import annotations

import ctypes
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import vidsum.db
from vidsum.store import content
from vidsum.store.content import MIGRATIONS, Store

WRITE_FOR_EVER = """
import sys
from pathlib import Path
from vidsum.store.content import Store
store, name = Store(Path(sys.argv[1])), sys.argv[2]
for number in range(int(sys.argv[3])):
    body = f"{name} {number} ".encode() * 2000
    if store.put("test", f"{name} {number}", body, note=name):
        print(number, flush=True)
print(store.trouble)
"""


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    plain = sqlite3.connect(path)
    try:
        return plain.execute(query).fetchall()
    finally:
        plain.close()


def change(path: Path, statement: str, *values: object) -> None:
    plain = sqlite3.connect(path)
    with plain:
        plain.execute(statement, values)
    plain.close()


def test_what_was_put_comes_back_in_another_process_too(tmp_path: Path) -> None:
    path = tmp_path / "state" / "cache.db"
    body = bytes(range(256)) * 50
    assert Store(path).get("test", "a") is None
    assert not path.exists()  # looking makes nothing
    assert Store(path).put("test", "a", body, video_sha256="ab" * 32, note="talk.mp4")
    assert Store(path).get("test", "a") == body
    assert Store(path).get("other", "a") is None
    code = "import sys; from pathlib import Path; from vidsum.store.content import Store; " \
           "sys.stdout.buffer.write(Store(Path(sys.argv[1])).get('test', 'a'))"  # fmt: skip
    told = subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=True)
    assert told.stdout == body


def test_the_newest_of_a_key_counts_and_is_described_for_a_list(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache.db")
    assert store.put("test", "a", b"one", note="first")
    assert store.put("test", "a", b"two" * 1000, video_sha256="cd", note="a\udcffb")
    assert store.get("test", "a") == b"two" * 1000
    [(note, video, size, stored)] = rows(
        store.path, "SELECT note, video_sha256, size_bytes, length(body) FROM kept"
    )
    assert (note, video, size) == ("a\\xffb", "cd", 3000)
    assert isinstance(stored, int)
    assert 0 < stored < 3000  # compressed


def test_a_use_is_written_down_once_a_day(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache.db")
    store.put("test", "a", b"one")
    [(made,)] = rows(store.path, "SELECT made_at FROM kept")
    change(store.path, "UPDATE kept SET used_at = '2020-01-01T00:00:00+00:00', made_at = used_at")
    assert store.get("test", "a") == b"one"
    [(used,)] = rows(store.path, "SELECT used_at FROM kept")
    assert isinstance(used, str)
    assert used >= str(made)
    assert store.get("test", "a") == b"one"
    assert rows(store.path, "SELECT used_at FROM kept") == [(used,)]


@pytest.mark.parametrize("statement", [
    "UPDATE kept SET body = x'00112233'",
    "UPDATE kept SET body = substr(body, 1, length(body) - 4)",
    "UPDATE kept SET sha256 = zeroblob(32)",
    "UPDATE kept SET key = 'a' WHERE key = 'b'",
])  # fmt: skip
def test_a_body_that_does_not_check_out_counts_as_absent(tmp_path: Path, statement: str) -> None:
    store = Store(tmp_path / "cache.db")
    if "WHERE" in statement:
        store.put("test", "b", b"of another key")
    else:
        store.put("test", "a", b"something to keep" * 9)
    change(store.path, statement)
    assert store.get("test", "a") is None
    assert store.trouble == ""
    assert store.put("test", "a", b"anew")
    assert store.get("test", "a") == b"anew"


def spoil(path: Path, how: str) -> None:
    """Make a store unusable in one of several ways."""
    if how == "text":
        path.write_text("This is no database, and never was one." * 50)
    elif how == "folder":
        path.mkdir()
    elif how == "foreign":
        change(path, "CREATE TABLE theirs (x)")
    elif how == "newer":
        Store(path).put("test", "a", b"1")
        change(path, "PRAGMA user_version = 99")
    elif how == "without a table":
        Store(path).put("test", "a", b"1")
        change(path, "DROP TABLE kept")
    elif how == "with rules of its own":
        Store(path).put("test", "a", b"1")
        change(path, "DROP TABLE kept")
        columns = "kind, key, body, sha256, size_bytes CHECK (size_bytes < 0), video_sha256, note"
        change(path, f"CREATE TABLE kept ({columns}, made_at, used_at)")
    elif how == "damaged":
        store = Store(path)
        for number in range(40):
            store.put("test", str(number), os.urandom(5000))
        whole = bytearray(path.read_bytes())
        whole[4096:90000] = os.urandom(90000 - 4096)
        path.write_bytes(whole)


@pytest.mark.parametrize("how", [
    "text", "folder", "foreign", "newer", "without a table", "with rules of its own", "damaged",
])  # fmt: skip
def test_a_file_that_cannot_be_used_is_no_error_and_is_told_once(tmp_path: Path, how: str) -> None:
    path = tmp_path / "cache.db"
    spoil(path, how)
    before = None if path.is_dir() else path.read_bytes()
    store = Store(path)
    assert store.get("test", "a") is None
    assert not store.put("test", "a", b"2" * 100)
    assert str(path) in store.trouble
    told = store.trouble
    assert store.get("test", "a") is None
    assert not store.put("test", "a", b"3")
    assert store.trouble == told
    if before is not None:
        assert path.read_bytes() == before


def test_what_another_program_writes_to_is_read_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, naps = tmp_path / "cache.db", list[float]()
    for name in "abc":
        Store(path).put("test", name, name.encode())
    change(path, "UPDATE kept SET used_at = '2020-01-01T00:00:00+00:00'")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(content, "_WAIT_S", 0.1)
    sleep = time.sleep
    monkeypatch.setattr(vidsum.db.time, "sleep", lambda s: (naps.append(s), sleep(s)))
    store = Store(path)
    assert [store.get("test", name) for name in "abc"] == [b"a", b"b", b"c"]
    assert store.trouble == ""
    assert len(naps) <= 3  # each use may be tried once more to be written down, and no oftener
    assert not store.put("test", "d", b"d")
    assert "was locked by another program" in store.trouble
    waited = len(naps)
    assert not store.put("test", "d", b"d")
    assert store.get("test", "a") is None
    assert len(naps) == waited  # it is left alone
    holder.execute("COMMIT")
    holder.close()
    assert Store(path).put("test", "d", b"d")


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, sqlite3.Connection]:
    """A store that holds ``a`` and that another program has to itself, and that program."""
    path = tmp_path / "cache.db"
    Store(path).put("test", "a", b"a")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr(content, "_WAIT_S", 0.1)
    return path, holder


def test_a_file_that_nobody_else_may_read_is_waited_for_once(
    locked: tuple[Path, sqlite3.Connection],
) -> None:
    path, holder = locked
    store = Store(path)
    assert store.get("test", "a") is None
    assert store.trouble.startswith(f"{path} was locked by another program for 0")
    holder.close()
    assert store.get("test", "a") is None
    assert Store(path).get("test", "a") == b"a"


def test_what_was_locked_is_tried_again_after_a_while(
    locked: tuple[Path, sqlite3.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making room in a large store takes longer than anybody waits, and is over some time."""
    path, holder = locked
    store, other = Store(path), Store(path)
    assert not store.put("test", "b", b"b")
    monkeypatch.setattr(content, "_LOCKED_S", 0.0)
    assert not other.put("test", "b", b"b")
    assert other.get("test", "a") is None
    assert other.trouble
    holder.close()
    assert not store.put("test", "b", b"b")  # the while is not over
    assert other.put("test", "b", b"b")
    assert other.get("test", "a") == b"a"
    assert other.trouble == ""


WITHOUT_TYPES = """
CREATE TABLE kept (kind, key, body, sha256, size_bytes, video_sha256, note, made_at, used_at,
                   PRIMARY KEY (kind, key))"""


@pytest.mark.parametrize("statement", [
    "UPDATE kept SET body = 'text'", "UPDATE kept SET body = 7", "UPDATE kept SET body = NULL",
    "UPDATE kept SET sha256 = 1.5", "UPDATE kept SET body = x''",
])  # fmt: skip
def test_a_row_of_other_types_counts_as_absent(tmp_path: Path, statement: str) -> None:
    store = Store(tmp_path / "cache.db")
    store.put("test", "a", b"1")
    change(store.path, "DROP TABLE kept")
    change(store.path, WITHOUT_TYPES)
    assert store.put("test", "a", b"one")
    change(store.path, "UPDATE kept SET used_at = 5")
    assert store.get("test", "a") == b"one"
    change(store.path, statement)
    assert store.get("test", "a") is None
    assert store.trouble == ""


def test_a_use_that_a_table_refuses_is_not_written_down(tmp_path: Path) -> None:
    store = Store(tmp_path / "cache.db")
    store.put("test", "a", b"one")
    change(store.path, "UPDATE kept SET used_at = '2020-01-01T00:00:00+00:00'")
    change(store.path, "CREATE TRIGGER no BEFORE UPDATE ON kept BEGIN SELECT RAISE(ABORT, 'no'); "
                       "END")  # fmt: skip
    assert store.get("test", "a") == b"one"


def test_few_bytes_that_hold_gigabytes_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, most = Store(tmp_path / "cache.db"), 1_000_000
    body = bytes(most + 1)
    assert store.put("test", "a", body)
    assert store.get("test", "a") == body
    monkeypatch.setattr(content, "_MOST_BYTES", most)
    assert store.get("test", "a") is None
    assert not store.put("test", "b", body)  # nobody could read it
    assert store.put("test", "b", body[1:])
    assert store.get("test", "b") == body[1:]
    assert store.trouble == ""


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "state" / "cache.db")
    assert store.get("test", "a") is None
    assert not store.put("test", "a", b"1")
    assert "VIDSUM_HOME" in store.trouble


def test_the_file_is_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "cache.db"
    Store(path).put("test", "a", b"1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def restricted(script: str, *arguments: object, file_bytes: int | None = None) -> str:
    """Run Python without root's right to pass over permissions, with files of a size at most."""

    def bow() -> None:
        import resource

        if sys.platform == "linux" and os.geteuid() == 0:
            for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
                ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
        if file_bytes is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    done = subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=False,
                          capture_output=True, text=True, timeout=60, preexec_fn=bow)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_may_not_be_written_to_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "state" / "cache.db"
    Store(path).put("test", "a", b"one")
    change(path, "UPDATE kept SET used_at = '2020-01-01T00:00:00+00:00'")
    script = (
        "import sys\nfrom pathlib import Path\nfrom vidsum.store.content import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "print(store.get('test', 'a'), repr(store.trouble))\n"
        "print(store.put('test', 'b', b'two'), store.trouble)"
    )
    path.chmod(0o400)
    path.parent.chmod(0o500)
    first, second = restricted(script, path).splitlines()
    path.parent.chmod(0o700)
    assert first == "b'one' ''"
    assert second.startswith("False ")
    assert str(path) in second
    assert rows(path, "SELECT key FROM kept") == [("a",)]


def test_a_full_disk_loses_nothing_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    Store(path).put("test", "a", b"one")
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom vidsum.store.content import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "print(store.put('test', 'b', os.urandom(500_000)), store.trouble)"
    )
    told = restricted(script, path, file_bytes=100_000)
    assert told.startswith(f"False {path}")
    store = Store(path)
    assert store.get("test", "a") == b"one"
    assert store.get("test", "b") is None
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("after", range(4))
def test_a_process_that_is_killed_leaves_what_it_had_put(tmp_path: Path, after: int) -> None:
    path = tmp_path / "cache.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, path, "w", "100000"],
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    assert writer.stdout is not None
    for _ in range(1 + 3 * after):
        assert writer.stdout.readline()
    time.sleep(0.002 * after)
    writer.kill()
    done = [int(line) for line in writer.stdout.read().split()]
    writer.stdout.close()
    writer.wait()
    store = Store(path)
    last = max(done, default=3 * after)
    for number in range(last + 1):
        assert store.get("test", f"w {number}") == f"w {number} ".encode() * 2000
    assert store.put("test", "after", b"it goes on")
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    [(count,)] = rows(path, "SELECT count(*) FROM kept")
    assert count in (last + 2, last + 3)  # one may be on the disk that it had no time to tell of


def test_two_processes_and_threads_write_at_once(tmp_path: Path) -> None:
    path, count = tmp_path / "cache.db", 25
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE_FOR_EVER, path, name, str(count)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("p", "q")
    ]
    store = Store(path)

    def put_some(name: str) -> None:
        for number in range(count):
            store.put("test", f"{name} {number}", f"{name} {number} ".encode() * 2000)

    threads = [threading.Thread(target=put_some, args=(name,)) for name in ("s", "t")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        told, _ = writer.communicate(timeout=60)
        assert told.split() == [str(number) for number in range(count)]
    assert store.trouble == ""
    for name in "pqst":
        for number in range(count):
            assert store.get("test", f"{name} {number}") == f"{name} {number} ".encode() * 2000


@pytest.mark.parametrize(("where", "kept"), [("before", None), ("after", b"one")])
def test_a_put_that_is_interrupted_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, kept: bytes | None
) -> None:
    store = Store(tmp_path / "cache.db")
    store.put("test", "z", b"something else")

    def interrupt(name: str) -> None:
        if name == f"store.put.{where}":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(content, "failpoint", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.put("test", "a", b"one")
    assert store.get("test", "a") == kept
    assert store.trouble == ""
    assert store.put("test", "a", b"two")
    assert store.get("test", "a") == b"two"


def test_a_put_is_committed_before_it_returns(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom vidsum.store.content import Store\n"
        "Store(Path(sys.argv[1])).put('test', 'a', b'one')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert Store(path).get("test", "a") == b"one"


def test_the_table_is_strict_and_has_a_version(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    Store(path).put("test", "a", b"one")
    [(statement,)] = rows(path, "SELECT sql FROM sqlite_schema WHERE name = 'kept'")
    assert str(statement).endswith("STRICT")
    assert rows(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]
