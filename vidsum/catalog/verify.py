"""Whether what is here is still what was trusted: every byte read and hashed again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidsum.catalog import cache, trust
from vidsum.catalog.download import git_sha1_of, sha256_of
from vidsum.catalog.entry import ModelEntry, ModelFile
from vidsum.catalog.own import COMMIT, SHA256


@dataclass(frozen=True, slots=True)
class Verdict:
    """The names of a model's files that are not what they were, and of those that nothing is
    known of to compare with."""

    damaged: tuple[str, ...]
    unknown: tuple[str, ...]


def verify(entry: ModelEntry, commit: str) -> Verdict:
    """Hash the files of one commit in the cache again; ``entry`` is one of its parts."""
    known = trust.known(entry)
    damaged, unknown = [], []
    for file in entry.files:
        path = cache.snapshot(entry.repo, commit) / file.name
        try:
            right = _is_right(path, expected_sha256(entry, file, known, commit))
        except OSError:  # a disk that cannot read it, or a file that is gone by now
            right = False
        if right is None:
            unknown.append(file.name)
        elif not right:
            damaged.append(file.name)
    return Verdict(tuple(damaged), tuple(unknown))


def expected_sha256(entry: ModelEntry, file: ModelFile, known: trust.Pulled | None,
                    commit: str) -> str | None:  # fmt: skip
    """Return the sha256 that a file must have: as it was pulled first, or as catalogued."""
    if known is not None and (known.repo, known.commit) == (entry.repo, commit):
        pulled = known.file(file)
        if pulled is not None:
            return pulled.sha256
    return file.sha256


def _is_right(path: Path, expected: str | None) -> bool | None:
    """Return whether a file is what it must be; None: nobody knows what that is.

    Where no sha256 is known, the name that its bytes bear in the hub's cache says what they were.
    """
    name = path.resolve().name
    if expected is None and COMMIT.fullmatch(name):
        return git_sha1_of(path) == name
    expected = expected or (name if SHA256.fullmatch(name) else None)
    return None if expected is None else sha256_of(path) == expected
