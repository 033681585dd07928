"""Seconds to read a model's dimensions from its GGUF file, against the gguf package's reader.

    pip install gguf
    PYTHONPATH=tests python -m models.true_size --preset smolvlm2-500m --out /tmp/smol
    python tests/benchmarks/gguf_head.py /tmp/smol/smolvlm2-500m-q8_0.gguf

What takes the rival long is the vocabulary, which the dimensions do not need.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from gguf import GGUFReader

from vidsum.backends.gguf_shape import shape_of


def main() -> None:
    path = Path(sys.argv[1])
    taken = []
    for name, read in (("vidsum", shape_of), ("gguf", GGUFReader)):
        started_s = time.perf_counter()
        read(path)
        taken.append(time.perf_counter() - started_s)
        print(f"{name:8} {taken[-1]:.3f} s")
    print(f"ratio    {taken[1] / taken[0]:.0f}")


if __name__ == "__main__":
    main()
