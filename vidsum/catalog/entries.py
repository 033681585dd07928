"""The models that are good today, by task and size class.

Nothing here was downloaded by whoever wrote it down. Revisions, sizes and sha256 are those that
several public programs pin independently of each other; where fewer than two agree there is
None, and the first pull pins what it got. Every licence allows commercial use.
"""

from __future__ import annotations

from typing import Final

from vidsum.catalog.entry import ModelEntry, ModelFile

_WORKING_BYTES: Final = 200_000_000
"""Compute buffers and the library. With random weights at true dimensions SmolVLM2 256M peaked at
492 MB and 500M at 784 MB resident (2,048 tokens): 155 to 165 MB above files and KV cache."""
_SPEECH_WORKING_BYTES: Final = 350_000_000
"""Features, voice detection, beams. int8 halves the weights, but loading them takes them whole."""
_IMAGE_WORKING_BYTES: Final = 3_000_000_000
"""Compute buffers of a picture of a megapixel: a careful guess, for nobody measured it here."""
_AGREED: Final = "pins agree in several public lists; never downloaded from here"
_WHISPER_TOKENIZER: Final = ModelFile(
    "tokenizer.json", "part", 2_203_239,
    "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
)  # fmt: skip
_WHISPER_VOCABULARY: Final = ModelFile(
    "vocabulary.txt", "part", 459_861,
    "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
)  # fmt: skip


def kv_bytes_per_token(layers: int, kv_heads: int, head_size: int) -> int:
    """Return what one token takes in the KV cache: a key and a value in 16 bits, each layer."""
    return 2 * layers * kv_heads * head_size * 2


def gguf_memory_bytes(files: tuple[ModelFile, ...], kv_bytes: int, context_tokens: int) -> int:
    """Return what running a GGUF model takes: its files, its KV cache, and working memory."""
    size = sum(file.size_bytes or 0 for file in files)
    return size + kv_bytes * context_tokens + _WORKING_BYTES


def speech_memory_bytes(files: tuple[ModelFile, ...]) -> int:
    """Return what running a speech recogniser takes: its files and working memory."""
    return sum(file.size_bytes or 0 for file in files) + _SPEECH_WORKING_BYTES


def image_memory_bytes(files: tuple[ModelFile, ...]) -> int:
    """Return what making pictures takes: all files of the model at once, and working memory."""
    return sum(file.size_bytes or 0 for file in files) + _IMAGE_WORKING_BYTES


_SMOLVLM2_256M = (
    ModelFile("SmolVLM2-256M-Video-Instruct-Q8_0.gguf", "model", 175_056_352),
    ModelFile("mmproj-SmolVLM2-256M-Video-Instruct-Q8_0.gguf", "mmproj", 103_771_680),
)
_SMOLVLM2_500M = (
    ModelFile("SmolVLM2-500M-Video-Instruct-Q8_0.gguf", "model", 436_808_704,
              "6f67b8036b2469fcd71728702720c6b51aebd759b78137a8120733b4d66438bc"),
    ModelFile("mmproj-SmolVLM2-500M-Video-Instruct-Q8_0.gguf", "mmproj", 108_785_184,
              "921dc7e259f308e5b027111fa185efcbf33db13f6e35749ddf7f5cdb60ef520b"),
)  # fmt: skip
_QWEN3_VL_2B = (
    ModelFile("Qwen3VL-2B-Instruct-Q4_K_M.gguf", "model", 1_107_409_952,
              "089d75c52f4b7ffc56ba998ffc50aae89fcafc755f9e7208aacca281dca6c2ae"),
    ModelFile("mmproj-Qwen3VL-2B-Instruct-Q8_0.gguf", "mmproj", 445_053_216,
              "f9a68fabba69c3b81e153367b2c7521030b0fa8bb0de400c9599c8e6725f9c82"),
)  # fmt: skip
_WHISPER_TINY = (
    ModelFile("model.bin", "model", 75_538_270,
              "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1"),
    ModelFile("config.json", "part", 2_249,
              "a73a28cdfe1c43ccc7202fa333d1f89c202477271407ae9a7f19afa52039cac8"),
    _WHISPER_TOKENIZER, _WHISPER_VOCABULARY,
)  # fmt: skip
_WHISPER_BASE = (
    ModelFile("model.bin", "model", 145_217_532,
              "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
    ModelFile("config.json", "part", 2_309,
              "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a"),
    _WHISPER_TOKENIZER, _WHISPER_VOCABULARY,
)  # fmt: skip
_WHISPER_SMALL = (
    ModelFile("model.bin", "model", 483_546_902,
              "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671"),
    ModelFile("config.json", "part", 2_370,
              "b55496ac7940a7ae47d2c01eab40edfd8701feec1229d9cce3b40014383fb828"),
    _WHISPER_TOKENIZER, _WHISPER_VOCABULARY,
)  # fmt: skip
_WHISPER_TURBO = (
    ModelFile("model.bin", "model", 1_617_884_929,
              "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da"),
    ModelFile("config.json", "part", 2_263,
              "b0253ea6c0d3bea6b1e19e91a02acfd3b53f4467362efcb5a3e6b16c9b3a9b7e"),
    ModelFile("preprocessor_config.json", "part", 340,
              "7ccc62c6f2765af1f3b46c00c9b5894426835a05021c8b9c01eecb6dfb542711"),
    ModelFile("tokenizer.json", "part", 2_710_337,
              "297b13372ac43916285644fb9687add3cc62ee2a1adb60da3dc25cc94c1871fd"),
    ModelFile("vocabulary.json", "part", 1_068_114,
              "c69260f2ab26d659b7c398f9a2b2b48ed0df16c3b47d7326782fd9cba71690c1"),
)  # fmt: skip
_QWEN25_1B5 = (
    ModelFile("qwen2.5-1.5b-instruct-q4_k_m.gguf", "model", 1_117_320_736,
              "6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e"),
)  # fmt: skip
_QWEN3_4B = (
    ModelFile("Qwen3-4B-Instruct-2507-Q4_K_M.gguf", "model", 2_497_281_120,
              "3605803b982cb64aead44f6c1b2ae36e3acdb41d8e46c8a94c6533bc4c67e597"),
)  # fmt: skip
_QWEN3_30B_A3B = (
    ModelFile("Qwen3-30B-A3B-Instruct-2507-Q4_K_M.gguf", "model", 18_556_686_752,
              "6c997b8af17debdfb01d890214400ccbab00db6acc0ba8da5de1cc906c4774d0"),
)  # fmt: skip
_MINISTRAL3_8B = (
    ModelFile("Ministral-3-8B-Instruct-2512-Q4_K_M.gguf", "model", 5_198_911_904,
              "33e7a72cf5e6e2cfc2f2847075acc013d68bba023e35310cef86b5cf8fdca761"),
)  # fmt: skip
_QWEN3_4B_GGUF, _QWEN3_4B_GGUF_COMMIT = (
    "unsloth/Qwen3-4B-GGUF", "22c9fc8a8c7700b76a1789366280a6a5a1ad1120",
)  # fmt: skip
_FLUX2_DECODER: Final = ModelFile(
    "full_encoder_small_decoder.safetensors", "decoder", 249_519_092,
    "ea4273f02d1fafbf8e1d1c2cf6018ed8748652eb0bf34f2dd91171f16f15ab62",
    "black-forest-labs/FLUX.2-small-decoder", "a3efc24f613ef42d9428af62fdbd6f5fd8856c4a",
)  # fmt: skip
"""Of two that are used with it the one whose repository is not gated, and Apache-2.0."""
_FLUX2_KLEIN_4B_Q4 = (
    ModelFile("flux-2-klein-4b-Q4_0.gguf", "model", 2_460_378_560,
              "d1023499ef3f2f82ff7c50e6778495195c1b6cc34835741778868428111f9ff4"),
    ModelFile("Qwen3-4B-Q4_K_M.gguf", "encoder", 2_497_281_312,
              "f6f851777709861056efcdad3af01da38b31223a3ba26e61a4f8bf3a2195813a",
              _QWEN3_4B_GGUF, _QWEN3_4B_GGUF_COMMIT),
    _FLUX2_DECODER,
)  # fmt: skip
_FLUX2_KLEIN_4B_Q8 = (
    ModelFile("flux-2-klein-4b-Q8_0.gguf", "model", 4_300_629_440,
              "0bba6951258ec8f92d51114a8fa13e66828297bfff58a738f52729b3ef66fa28"),
    ModelFile("Qwen3-4B-Q8_0.gguf", "encoder", 4_280_405_792,
              "eed555233267a33c7e8ee31682762cc7751b3f6d224039086e0e846f05fffa5d",
              _QWEN3_4B_GGUF, _QWEN3_4B_GGUF_COMMIT),
    _FLUX2_DECODER,
)  # fmt: skip

ENTRIES: Final[tuple[ModelEntry, ...]] = (
    ModelEntry(
        "smolvlm2-256m", "caption", "tiny", "ggml-org/SmolVLM2-256M-Video-Instruct-GGUF", None,
        _SMOLVLM2_256M, "Apache-2.0",
        gguf_memory_bytes(_SMOLVLM2_256M, kv_bytes_per_token(30, 3, 64), 4096), 4096,
        "revision and sha256 unverified: pinned at the first pull",
    ),
    ModelEntry(
        "smolvlm2-500m", "caption", "small", "ggml-org/SmolVLM2-500M-Video-Instruct-GGUF",
        "ccd7aae53bcb1997355c2f094959e72b3642ce17", _SMOLVLM2_500M, "Apache-2.0",
        gguf_memory_bytes(_SMOLVLM2_500M, kv_bytes_per_token(32, 5, 64), 4096), 4096, _AGREED,
    ),
    ModelEntry(
        "qwen3-vl-2b", "caption", "good", "Qwen/Qwen3-VL-2B-Instruct-GGUF",
        "52d6c8ffea26cc873ac5ad116f8631268d7eb503", _QWEN3_VL_2B, "Apache-2.0",
        gguf_memory_bytes(_QWEN3_VL_2B, kv_bytes_per_token(28, 8, 128), 4096), 4096, _AGREED,
    ),
    ModelEntry(
        "whisper-base", "speech", "tiny", "Systran/faster-whisper-base",
        "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66", _WHISPER_BASE, "MIT",
        speech_memory_bytes(_WHISPER_BASE), note=_AGREED,
    ),
    ModelEntry(
        "whisper-tiny", "speech", "tiny", "Systran/faster-whisper-tiny",
        "d90ca5fe260221311c53c58e660288d3deb8d356", _WHISPER_TINY, "MIT",
        speech_memory_bytes(_WHISPER_TINY), note=_AGREED,
    ),
    ModelEntry(
        "whisper-small", "speech", "small", "Systran/faster-whisper-small",
        "536b0662742c02347bc0e980a01041f333bce120", _WHISPER_SMALL, "MIT",
        speech_memory_bytes(_WHISPER_SMALL), note=_AGREED,
    ),
    ModelEntry(
        "whisper-large-v3-turbo", "speech", "good",
        # The repository now bears its owner's new name, dropbox-dash; the hub forwards this one,
        # and faster-whisper looks for it under this one in the shared cache.
        "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf", _WHISPER_TURBO, "MIT",
        speech_memory_bytes(_WHISPER_TURBO), note=_AGREED,
    ),
    ModelEntry(
        "qwen2.5-1.5b", "reason", "tiny", "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
        "91cad51170dc346986eccefdc2dd33a9da36ead9", _QWEN25_1B5, "Apache-2.0",
        gguf_memory_bytes(_QWEN25_1B5, kv_bytes_per_token(28, 2, 128), 16384), 16384, _AGREED,
    ),
    ModelEntry(
        "qwen3-4b", "reason", "small", "unsloth/Qwen3-4B-Instruct-2507-GGUF",
        "a06e946bb6b655725eafa393f4a9745d460374c9", _QWEN3_4B, "Apache-2.0",
        gguf_memory_bytes(_QWEN3_4B, kv_bytes_per_token(36, 8, 128), 16384), 16384, _AGREED,
    ),
    ModelEntry(
        "qwen3-30b-a3b", "reason", "good", "unsloth/Qwen3-30B-A3B-Instruct-2507-GGUF",
        "eea7b2be5805a5f151f8847ede8e5f9a9284bf77", _QWEN3_30B_A3B, "Apache-2.0",
        gguf_memory_bytes(_QWEN3_30B_A3B, kv_bytes_per_token(48, 4, 128), 16384), 16384,
        f"{_AGREED}; of its 30 billion weights 3 work at a time",
    ),
    ModelEntry(
        "ministral-3-8b", "reason", "good", "mistralai/Ministral-3-8B-Instruct-2512-GGUF",
        "0102285ad796bd99af90f58de616092e5630e970", _MINISTRAL3_8B, "Apache-2.0",
        gguf_memory_bytes(_MINISTRAL3_8B, kv_bytes_per_token(34, 8, 128), 16384), 16384, _AGREED,
    ),
    ModelEntry(
        "flux2-klein-4b", "image", "small", "leejet/FLUX.2-klein-4B-GGUF",
        "3b1f5a9dc3abb32238b053aeb3d823c30afdacbd", _FLUX2_KLEIN_4B_Q4, "Apache-2.0",
        image_memory_bytes(_FLUX2_KLEIN_4B_Q4), note=_AGREED, steps=4, guidance=1.0,
    ),
    ModelEntry(
        "flux2-klein-4b-q8", "image", "good", "leejet/FLUX.2-klein-4B-GGUF",
        "3b1f5a9dc3abb32238b053aeb3d823c30afdacbd", _FLUX2_KLEIN_4B_Q8, "Apache-2.0",
        image_memory_bytes(_FLUX2_KLEIN_4B_Q8), note=_AGREED, steps=4, guidance=1.0,
    ),
)  # fmt: skip
"""Within a task and a class the better model stands first."""
