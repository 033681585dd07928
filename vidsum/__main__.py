"""``python -m vidsum`` is the same as ``vidsum``."""

from vidsum.cli import main

if __name__ == "__main__":
    main()
