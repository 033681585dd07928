"""The command line. Importing it pulls in click and nothing heavier."""

from vidsum.cli.main import main

__all__ = ["main"]
