"""What each error means for a file, and for its folder."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest
from scripted_provider import DROP, Answer, ScriptedProvider, fails

from vidsum.errors import (
    BackendFailed,
    BackendMissing,
    BudgetReached,
    DecodeStopped,
    MediaError,
    OptionError,
    OutputError,
    VidsumError,
)
from vidsum.media.sniff import check_input
from vidsum.watch.job import Again, GivenUp
from vidsum.watch.outcomes import Read, of_error


def caused(error: VidsumError, cause: BaseException) -> VidsumError:
    error.__cause__ = cause
    return error


def system(code: int) -> OSError:
    return OSError(code, os.strerror(code))


FULL = sqlite3.OperationalError("database or disk is full")
FULL.sqlite_errorname = "SQLITE_FULL"


@pytest.mark.parametrize(("error", "cause"), [
    (OptionError("There is no style x."), "blocked"),
    (BackendMissing("No model."), "blocked"),
    (BackendFailed("The key is not accepted.", kind="blocked"), "blocked"),
    (BudgetReached("The cap of $1.00 a day is reached."), "day"),
    (caused(OutputError("x"), system(errno.ENOSPC)), "room"),
    (caused(OutputError("x"), system(errno.EDQUOT)), "room"),
    (caused(OutputError("x"), FULL), "room"),
    (caused(OutputError("x"), system(errno.EROFS)), "blocked"),
    (caused(OutputError("x"), system(errno.EACCES)), "blocked"),
    (caused(OutputError("x"), system(errno.ENOENT)), "blocked"),
    (caused(OutputError("x"), system(errno.ESTALE)), "blocked"),
    (caused(OutputError("x"), system(errno.ENOTCONN)), "blocked"),
    (system(errno.ENOSPC), "room"),
])  # fmt: skip
def test_what_no_file_can_help_pauses_the_folder(error: Exception, cause: str) -> None:
    verdict = of_error(error, Read())
    assert verdict.halt is not None
    assert verdict.halt.cause == cause
    assert isinstance(verdict.outcome, Again)
    assert not verdict.outcome.charged


@pytest.mark.parametrize(("error", "died"), [
    (BackendFailed("Nothing answers.", kind="transient"), False),
    (BackendFailed("It refused the request."), False),
    (caused(OutputError("x"), system(errno.EIO)), False),
    (caused(OutputError("x"), system(errno.ENAMETOOLONG)), False),
    (OutputError("x was locked by another program for 30 s."), False),
    (system(errno.EIO), False),
    (RuntimeError("a bug"), False),
    (MemoryError(), False),
    (DecodeStopped("a.mp4: the decoder was killed."), True),
    (caused(MediaError("a.mp4 cannot be opened."), system(errno.EIO)), False),
    (caused(MediaError("a.mp4 cannot be opened."), system(errno.ESTALE)), False),
    (caused(MediaError("a.mp4 may not be read."), system(errno.EACCES)), False),
])  # fmt: skip
def test_what_may_be_over_soon_is_tried_again(error: Exception, died: bool) -> None:
    verdict = of_error(error, Read())
    assert verdict.halt is None
    assert isinstance(verdict.outcome, Again)
    assert (verdict.outcome.charged, verdict.outcome.died) == (True, died)


@pytest.mark.parametrize(("error", "provider"), [
    (BackendFailed("Nothing answers.", kind="transient"), True),
    (BackendFailed("It refused the request."), False),
    (BackendFailed("The key is not accepted.", kind="blocked"), False),
    (system(errno.EIO), False),
    (DecodeStopped("a.mp4: the decoder was killed."), False),
])  # fmt: skip
def test_what_a_provider_may_be_to_blame_for(error: Exception, provider: bool) -> None:
    assert of_error(error, Read()).provider == provider


def test_only_content_is_given_up() -> None:
    error = MediaError("a.mp4 is a playlist.", "Give the video.")
    verdict = of_error(error, Read())
    assert verdict.outcome == GivenUp("a.mp4 is a playlist.", 3)
    assert (verdict.exit_code, verdict.hint) == (3, "Give the video.")
    unreadable = of_error(error, Read(readable=False)).outcome
    assert unreadable == Again("a.mp4 is a playlist.")
    changed = of_error(error, Read(unchanged=False)).outcome
    assert isinstance(changed, Again)
    assert not changed.charged


def test_a_file_that_is_gone_is_not_charged(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        check_input(tmp_path / "a.mp4")
    outcome = of_error(caught.value, Read()).outcome
    assert isinstance(outcome, Again)
    assert not outcome.charged


REFUSALS = {
    "blocked": [fails(401, "bad key"), fails(402, "pay"), fails(403, "no"),
                fails(429, "You exceeded your current quota", "insufficient_quota"),
                fails(404, "no such model", "model_not_found")],
    "again": [fails(400, "bad request"), fails(500, "oops"), fails(503, "busy"), DROP,
              fails(429, "slow down")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "answer"), [(kind, answer) for kind, all_ in REFUSALS.items() for answer in all_]
)
def test_what_providers_say(kind: str, answer: Answer) -> None:
    """As the connection words it: the errors themselves tell what to do."""
    from vidsum.backends.connection import Connection
    from vidsum.backends.providers import endpoint
    from vidsum.backends.refusals import Asked
    from vidsum.backends.retrying import Retrying

    with ScriptedProvider(answer) as provider:
        asked = Asked(endpoint(provider.url), "reason", "m", timeout_s=5.0)
        connection = Connection(asked, retrying=Retrying(attempts=1, first_attempts=1))
        with pytest.raises(BackendFailed) as caught:
            connection.send(
                lambda client: client.chat.completions.with_raw_response.create(
                    model="m", messages=[{"role": "user", "content": "x"}]
                )
            )
        connection.close()
    verdict = of_error(caught.value, Read())
    assert (verdict.halt is not None) == (kind == "blocked")
    assert isinstance(verdict.outcome, Again)
    assert verdict.outcome.charged == (kind == "again")
