"""The words that the tiny Whisper knows, and its token ids.

Whisper's order holds: text < <|endoftext|> < <|startoftranscript|> … <|notimestamps|> < the 1501
timestamps.
"""

from __future__ import annotations

_WORDS = """
zero one two three four five six seven eight nine ten
red green blue yellow black white
circle square triangle star
up down left right
open close start stop move show
slide page video and
"""
WORDS = _WORDS.split()
SPACE = "\u0120"
"""A space, as byte-level BPE writes it."""
TEXT = ["<unk>", *(SPACE + word for word in WORDS)]
SPECIALS = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
]
LAST_TIME = 1500
TIMES = [f"<|{number * 0.02:.2f}|>" for number in range(LAST_TIME + 1)]
TOKENS = [*TEXT, *SPECIALS, *TIMES]

IDS = {token: number for number, token in enumerate(TOKENS)}
WORD_IDS = {word: IDS[SPACE + word] for word in WORDS}
END = IDS["<|endoftext|>"]
START = IDS["<|startoftranscript|>"]
PREVIOUS = IDS["<|startofprev|>"]
NO_SPEECH = IDS["<|nospeech|>"]
NO_TIMES = IDS["<|notimestamps|>"]
FIRST_TIME = NO_TIMES + 1
