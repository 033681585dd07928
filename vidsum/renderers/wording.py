"""Moved to :mod:`vidsum.wording`; here until the command line imports from there."""

from vidsum.wording import clock, file_name, number, safe

__all__ = ["clock", "file_name", "number", "safe"]
