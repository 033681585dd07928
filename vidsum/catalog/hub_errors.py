"""What goes wrong with a download, in words: the hub library's errors as vidsum's own."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final

from vidsum.catalog.entry import ModelEntry
from vidsum.catalog.places import hub_address, hub_cache
from vidsum.errors import BackendFailed, BackendMissing, OptionError, OutputError, VidsumError
from vidsum.wording import escaped, shown

_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_KEPT: Final = "What was downloaded is kept: the same command goes on from there."


@contextlib.contextmanager
def explained(entry: ModelEntry, file_name: str,
              missing_bytes: Callable[[], int]) -> Iterator[None]:  # fmt: skip
    """Turn what a download raises into one of vidsum's errors; exc texts may hold the token.

    ``missing_bytes`` says then what is still to come.
    Raises: BackendMissing, BackendFailed, OptionError, OutputError.
    """
    from huggingface_hub.errors import FileMetadataError, HfHubHTTPError, OfflineModeIsEnabled

    # The base class of the HTTP library that this version of the hub library works with.
    http_error: type[Exception] = HfHubHTTPError.__mro__[1]
    try:
        yield
    except VidsumError:
        raise
    except OfflineModeIsEnabled as exc:
        raise offline(entry) from exc
    except HfHubHTTPError as exc:
        raise _answered(exc, entry, file_name) from exc
    except FileMetadataError as exc:
        raise BackendFailed(f"{_host()} does not answer like a model hub.",
                            "Check HF_ENDPOINT and the proxy.") from exc  # fmt: skip
    except http_error as exc:
        raise BackendFailed(f"{_host()} cannot be reached, or broke off ({type(exc).__name__}).",
                            f"{_KEPT} HF_ENDPOINT names a mirror.") from exc  # fmt: skip
    except OSError as exc:
        raise _written(exc, file_name, missing_bytes()) from exc
    except ValueError as exc:  # a token that is no ASCII, a proxy's address that is none
        raise OptionError(f"The hub cannot even be asked ({type(exc).__name__}).",
                          "Check HF_TOKEN, HTTPS_PROXY and HTTP_PROXY.") from exc  # fmt: skip


def offline(entry: ModelEntry) -> BackendMissing:
    """Return the error for a download that HF_HUB_OFFLINE forbids."""
    return BackendMissing(
        f"{entry.name} is not here, and HF_HUB_OFFLINE forbids downloads.",
        f"Unset it and run: vidsum models pull {entry.name}",
    )


def no_room(missing_bytes: int, free_bytes: int | None = None) -> OutputError:
    """Return the error for a disk that is too small."""
    free = "" if free_bytes is None else f", and {free_bytes / 1e6:,.0f} MB are free"
    return OutputError(
        f"There is no room in {shown(hub_cache())}: {missing_bytes / 1e6:,.0f} MB are still to "
        f"come{free}.",
        f"Make room, or move the cache with HF_HOME. {_KEPT}",
    )


def _answered(exc: Exception, entry: ModelEntry, file_name: str) -> VidsumError:
    """Return what an answer of the hub means."""
    from huggingface_hub import errors

    status = getattr(getattr(exc, "response", None), "status_code", 0)
    where = f"{entry.repo} on {_host()}"
    if isinstance(exc, errors.RevisionNotFoundError):
        return BackendFailed(
            f"The commit of {entry.name} that is pinned is gone from {where}.",
            f"Take what is there now: vidsum models pull {entry.name} --accept-change",
        )
    if isinstance(exc, errors.EntryNotFoundError):
        return BackendFailed(f"There is no file {escaped(file_name)} in {where}.",
                             "The catalogue, or your own catalog.toml, is wrong.")  # fmt: skip
    refused = status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    if isinstance(exc, errors.GatedRepoError) or refused:
        return BackendFailed(
            f"{where} refuses the download: it is gated or private.",
            f"Accept its licence at {_address()}/{entry.repo}, then log in (hf auth login, or "
            "HF_TOKEN).",
        )
    if isinstance(exc, errors.RepositoryNotFoundError):
        return BackendFailed(f"There is no repository {where}, or it is private.",
                             "For a private one log in: hf auth login, or HF_TOKEN.")  # fmt: skip
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return BackendFailed(f"{where} has changed during the download.", "Pull it again.")
    return BackendFailed(f"{_host()} answered {status} for {entry.repo}.",
                         f"Try again later. {_KEPT}")  # fmt: skip


def _written(exc: OSError, file_name: str, missing_bytes: int) -> VidsumError:
    if exc.errno in _NO_ROOM:
        return no_room(missing_bytes)
    if exc.errno is None:  # the hub library's own check of the length
        return BackendFailed(f"{escaped(file_name)} did not come as long as {_host()} said.",
                             "Pull it again.")  # fmt: skip
    return OutputError(f"The cache {shown(hub_cache())} cannot be written: {exc.strerror}.",
                       "HF_HOME moves it.")  # fmt: skip


def _address() -> str:
    """Return the hub's address without user name and password."""
    from urllib.parse import urlsplit

    parts = urlsplit(hub_address())
    return escaped(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")


def _host() -> str:
    return _address().partition("://")[2] or "the hub"
