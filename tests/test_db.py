"""Databases of vidsum's own: made, migrated, refused, and left whole when the disk is full."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import vidsum.db
from vidsum.db import (
    APPLICATION_ID,
    Migrations,
    connect,
    file_system,
    journal_mode,
    on_network,
    transaction,
)
from vidsum.errors import OutputError

FIRST = ("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT",)
SECOND = ("ALTER TABLE notes ADD COLUMN stars INTEGER", "UPDATE notes SET stars = 5")


def add(connection: sqlite3.Connection, path: Path, *texts: str) -> None:
    with transaction(connection, path):
        connection.executemany("INSERT INTO notes (text) VALUES (?)", [(text,) for text in texts])


def texts(path: Path) -> list[str]:
    with sqlite3.connect(path) as plain:
        found = [text for (text,) in plain.execute("SELECT text FROM notes ORDER BY id")]
    plain.close()
    return found


def refused(path: Path, said: str, migrations: Migrations = (FIRST,)) -> OutputError:
    with pytest.raises(OutputError) as caught:
        connect(path, migrations)
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert caught.value.exit_code == 8
    assert caught.value.hint
    return caught.value


def without_root(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python without root's right to pass over file permissions."""

    def bow_to_permissions() -> None:
        if sys.platform == "linux" and os.geteuid() == 0:
            for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
                ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP

    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=60, preexec_fn=bow_to_permissions,
    )  # fmt: skip


def test_the_file_and_its_folders_are_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "notes.db"
    connect(path, (FIRST,)).close()
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


def test_rows_survive_and_migrations_run_once(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    for text in ("one", "two"):
        connection = connect(path, (FIRST,))
        add(connection, path, text)
        connection.close()
    connection = connect(path, (FIRST, SECOND))
    rows = connection.execute("SELECT text, stars FROM notes").fetchall()
    assert rows == [("one", 5), ("two", 5)]
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    connection = connect(path, (FIRST,))
    add(connection, path, "one")
    connection.close()
    refused(path, "no such table: nowhere", (FIRST, (*SECOND, "INSERT INTO nowhere VALUES (1)")))
    connection = connect(path, (FIRST,))
    assert connection.execute("SELECT * FROM notes").fetchall() == [(1, "one")]
    connection.close()


def test_a_block_with_an_error_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    connection = connect(path, (FIRST,))

    def write_half(then: str | None) -> None:
        with transaction(connection, path):
            connection.execute("INSERT INTO notes (text) VALUES ('half')")
            if then is None:
                raise KeyboardInterrupt
            connection.execute(then)

    with pytest.raises(sqlite3.IntegrityError):
        write_half("INSERT INTO notes (text) VALUES (NULL)")
    with pytest.raises(KeyboardInterrupt):
        write_half(None)
    add(connection, path, "whole")
    connection.close()
    assert texts(path) == ["whole"]


def test_commits_are_synced_as_this_sqlite_needs(tmp_path: Path) -> None:
    connection = connect(tmp_path / "notes.db", (FIRST,))
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    (level,) = connection.execute("PRAGMA synchronous").fetchone()
    connection.close()
    full, extra = 2, 3
    assert (mode, level) == (
        ("wal", full) if sqlite3.sqlite_version_info >= (3, 51, 3) else ("truncate", extra)
    )


def test_no_wal_where_two_writers_can_corrupt_it() -> None:
    modes = [journal_mode(version) for version in ((3, 40, 1), (3, 51, 2), (3, 51, 3), (4, 0, 0))]
    assert modes == ["truncate", "truncate", "wal", "wal"]


@pytest.mark.skipif(sqlite3.sqlite_version_info >= (3, 51, 3), reason="WAL is sound here")
def test_a_file_in_wal_mode_is_brought_back(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    connection = connect(path, (FIRST,))
    assert connection.execute("PRAGMA journal_mode = wal").fetchone() == ("wal",)
    add(connection, path, "one")
    connection.close()
    connection = connect(path, (FIRST,))
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("truncate",)
    connection.close()
    assert texts(path) == ["one"]


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    connect(path, (FIRST, SECOND)).close()
    before = path.read_bytes()
    refused(path, "was written by a newer vidsum")
    assert path.read_bytes() == before


@pytest.mark.parametrize("statement", [
    "CREATE TABLE theirs (x)", "PRAGMA user_version = 1", "PRAGMA application_id = 7",
])  # fmt: skip
def test_another_programs_database_is_refused(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "theirs.db"
    plain = sqlite3.connect(path)
    plain.execute(statement)
    plain.execute("PRAGMA journal_mode = wal")
    plain.close()
    before = path.read_bytes()
    refused(path, "is another program's database")
    assert path.read_bytes() == before


def test_who_comes_while_the_tables_are_made_finds_its_own(tmp_path: Path) -> None:
    def come() -> None:
        together.wait()
        connect(path, [FIRST, SECOND]).close()

    for number in range(30):
        path, together = tmp_path / f"{number}.db", threading.Barrier(6)
        with ThreadPoolExecutor(6) as several:
            for one in [several.submit(come) for _ in range(6)]:
                one.result()


def test_an_empty_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.touch()
    connection = connect(path, (FIRST,))
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    connection.close()


def test_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("Dear diary,\n" * 100)
    refused(path, "is not a database")
    assert path.read_text() == "Dear diary,\n" * 100


def test_a_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    connect(path, (FIRST,)).close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 200)  # the root page of the schema
    refused(path, "is damaged")


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "notes.db").mkdir()
    refused(tmp_path / "notes.db", "it is a folder")


def test_a_file_in_the_place_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(OutputError, match="state is no folder"):
        connect(tmp_path / "state" / "notes.db", (FIRST,))
    with pytest.raises(OutputError, match="cannot be made: Not a directory"):
        connect(tmp_path / "state" / "sub" / "notes.db", (FIRST,))


def test_a_system_folder_that_takes_no_files() -> None:
    with pytest.raises(OutputError, match="/proc/vidsum cannot be made"):
        connect(Path("/proc/vidsum/notes.db"), (FIRST,))


OPEN = """
import sys
from pathlib import Path
from vidsum.db import connect, transaction
from vidsum.errors import OutputError
path = Path(sys.argv[1])
try:
    connection = connect(path, (("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) "
                                 "STRICT",),), reading="r" in sys.argv[2:])
    if "w" in sys.argv[2:]:
        with transaction(connection, path):
            connection.execute("INSERT INTO notes (text) VALUES ('more')")
    print(connection.execute("SELECT count(*) FROM notes").fetchone()[0])
except OutputError as exc:
    print(exc.exit_code, exc.message)
"""


def test_a_folder_without_permission(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    done = without_root(OPEN, locked / "notes.db")
    assert done.stdout.startswith(f"8 {locked}/notes.db cannot be opened: there is no permission")
    done = without_root(OPEN, locked / "sub" / "notes.db")
    assert done.stdout == f"8 {locked}/sub cannot be made: Permission denied.\n"


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    connect(path, (FIRST,)).close()
    path.chmod(0o400)
    assert without_root(OPEN, path, "r").stdout == "0\n"
    done = without_root(OPEN, path, "w")
    assert done.stdout == (
        f"8 {path} cannot be opened: there is no permission for {path}.\n"
    )  # fmt: skip
    path.chmod(0)
    assert "there is no permission" in without_root(OPEN, path, "r").stdout


def test_a_folder_that_has_become_read_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "notes.db"
    connection = connect(path, (FIRST,))
    add(connection, path, "one")
    connection.close()
    Path(f"{path}-journal").unlink(missing_ok=True)
    path.parent.chmod(0o500)
    try:
        if journal_mode(sqlite3.sqlite_version_info) != "wal":  # whose readers write as well
            assert without_root(OPEN, path, "r").stdout == "1\n"
        done = without_root(OPEN, path, "w")
        assert done.stdout.startswith(f"8 {path} cannot be opened: there is no permission")
    finally:
        path.parent.chmod(0o700)
    assert texts(path) == ["one"]


FILL = """
import resource, sys
from pathlib import Path
from vidsum.db import connect, transaction
from vidsum.errors import OutputError
path = Path(sys.argv[1])
connection = connect(path, (("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL) "
                             "STRICT",),))
resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))
written = 0
try:
    while written < 1000:
        with transaction(connection, path):
            connection.execute("INSERT INTO notes (text) VALUES (?)", ("x" * 1000,))
        written += 1
except OutputError as exc:
    print(written, exc.exit_code, str(path) in exc.message, connection.in_transaction)
"""


def test_a_full_disk_leaves_what_was_there_whole(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    done = subprocess.run([sys.executable, "-c", FILL, str(path)], capture_output=True, text=True,
                          check=True, timeout=60)  # fmt: skip
    written, *rest = done.stdout.split()
    assert rest == ["8", "True", "False"]
    assert 5 < int(written) < 120
    plain = sqlite3.connect(path)
    assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert plain.execute("SELECT count(*) FROM notes").fetchone() == (int(written),)
    plain.close()
    connection = connect(path, (FIRST,))
    add(connection, path, "there is room again")
    connection.close()
    assert texts(path)[-1] == "there is room again"


def test_a_lock_that_is_not_given_up_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notes.db"
    holder, waiter = connect(path, (FIRST,)), connect(path, (FIRST,))
    assert waiter.execute("PRAGMA busy_timeout").fetchone() == (30_000,)
    monkeypatch.setattr(vidsum.db, "BUSY_TIMEOUT_S", 0.1)
    with transaction(holder, path):
        holder.execute("INSERT INTO notes (text) VALUES ('first')")
        with pytest.raises(OutputError, match=r"notes.db was locked by another program"):
            add(waiter, path, "second")
    add(waiter, path, "third")
    holder.close()
    waiter.close()
    assert texts(path) == ["first", "third"]


def test_who_has_less_time_waits_less(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    holder, waiter = connect(path, (FIRST,)), connect(path, (FIRST,), wait_s=0.25)
    assert waiter.execute("PRAGMA busy_timeout").fetchone() == (250,)
    with transaction(holder, path):
        holder.execute("INSERT INTO notes (text) VALUES ('first')")
        with (
            pytest.raises(OutputError, match=r"locked by another program for 0 s"),
            transaction(waiter, path, wait_s=0.0),
        ):
            raise AssertionError("nobody gets here")
    with transaction(waiter, path, wait_s=0.25):
        assert waiter.execute("PRAGMA busy_timeout").fetchone() == (250,)
    holder.close()
    waiter.close()


def test_reading_makes_nothing_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state" / "notes.db"
    with pytest.raises(OutputError, match="there is no folder"):
        connect(path, (FIRST,), reading=True)
    assert list(tmp_path.iterdir()) == []
    connect(path, (FIRST,)).close()
    connection = connect(path, (FIRST,), reading=True)
    with pytest.raises(OutputError):
        add(connection, path, "one")
    connection.close()
    assert texts(path) == []


def test_any_file_name_will_do(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a?mode=memory#%41 \xff.db"))
    connection = connect(path, (FIRST,))
    add(connection, path, "one")
    connection.close()
    assert {entry.name for entry in tmp_path.iterdir()} - {path.name + "-journal"} == {path.name}


MOUNTS = b"""\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:35 / /home rw - nfs4 server:/home rw,vers=4.2
41 40 8:2 / /home/ann/my\\040disk rw - ext4 /dev/sdb1 rw
42 22 0:50 / /mnt/c rw,noatime master:1 - 9p drvfs rw
43 22 0:51 / /srv rw - ext4 /dev/sdc1 rw
44 43 0:52 / /srv rw - fuse.sshfs ann@server: rw
broken line
"""


@pytest.mark.parametrize(("path", "kind"), [
    (b"/var/x.db", "ext4"), (b"/home/ann/x.db", "nfs4"), (b"/home/ann/my disk/x.db", "ext4"),
    (b"/home/ann/my disk2/x.db", "nfs4"), (b"/homes/x.db", "ext4"), (b"/mnt/c/x.db", "9p"),
    (b"/srv/x.db", "fuse.sshfs"), (b"/home", "nfs4"),
])  # fmt: skip
def test_the_last_and_deepest_mount_counts(path: bytes, kind: str) -> None:
    assert file_system(path, MOUNTS) == kind


def test_a_folder_of_this_machine_is_not_on_a_network() -> None:
    assert file_system(b"/x", b"") == ""
    assert not on_network(Path("/proc/self/ledger.db"))
