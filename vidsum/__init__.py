"""vidsum: what is in this video, and what did it cost to find out?

The steps of the program, in reading order, are in :mod:`vidsum.api`.
"""

__version__ = "0.1.0"
