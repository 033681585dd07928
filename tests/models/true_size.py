"""Writes SmolVLM2 pairs of true size with random weights: speed without a download.

    PYTHONPATH=tests python -m models.true_size --preset smolvlm2-500m --out DIR

The files are as large as the published ones (within 1 %) and take as long to run; what they say
is noise. Needs as much memory as the file has bytes.

llama.cpp 0.3.36 (llama-cpp-python's number) dies of a segmentation fault on quantised weights
where the processor has AMX, unless use_extra_bufts is off in the model's parameters.
Source: https://github.com/ggml-org/llama.cpp/pull/26954 (the tile configuration is optimised away)
"""

from __future__ import annotations

import argparse
from pathlib import Path

from models.bpe import Bpe
from models.gguf_file import Encoding
from models.smolvlm import PRESETS, SPECIALS, write_random_pair

_CORPUS = """Describe this video frame in one short sentence. What is shown in the image?
You are a careful assistant that captions frames of a video. Do not guess. Answer with one line.
A small red circle on a blue background. A slide with a title and three bars.
"""


def true_size_pair(
    folder: Path, preset: str, encoding: Encoding = "q8_0", seed: int = 0
) -> tuple[Path, Path]:
    """Write the text model and the mmproj of a preset; see PRESETS for their names."""
    bpe = Bpe(_CORPUS * 3, 300, SPECIALS)
    return write_random_pair(folder, preset, PRESETS[preset], bpe, encoding, seed)


def main() -> None:
    """Write one pair and say where."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, default="smolvlm2-500m")
    parser.add_argument("--encoding", choices=("f32", "f16", "q8_0"), default="q8_0")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for path in true_size_pair(options.out, options.preset, options.encoding, options.seed):
        print(f"{path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
