"""The espeak-ng library: speech with the time of every word."""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
Wave = NDArray[np.float32]
"""float32 [n], mono, RATE_HZ, -1…1."""
Mark = tuple[float, int]
"""Where a word begins: seconds, and its place in the text, counted from 1."""

_SYNCHRONOUS, _WORD, _RATE, _PITCH, _RANGE, _UTF8 = 2, 1, 1, 3, 4, 1


class _Id(ctypes.Union):
    _fields_: ClassVar[Any] = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    _fields_: ClassVar[Any] = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """Speaks. The library has one state a process: make one of these."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
        self._rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 200, None, 0)
        self._chunks: list[NDArray[np.int16]] = []
        self._marks: list[Mark] = []
        self._callback = _Callback(self._receive)  # C keeps the pointer only
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, voice: str, speed: int, pitch: int) -> tuple[Wave, list[Mark]]:
        """Return speech, and where its words begin. speed: words a minute; pitch: 0…99.

        Marks come at the ends of clauses too.
        """
        self._chunks, self._marks = [], []
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice}")
        for parameter, value in ((_RATE, speed), (_PITCH, pitch), (_RANGE, 50)):
            self._library.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        wave = np.concatenate(self._chunks).astype(np.float32) / np.float32(32768)
        return resampled(wave, self._rate_hz), self._marks

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if count > 0 and samples:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        number = 0
        while events[number].type != 0:
            if events[number].type == _WORD:
                second = events[number].audio_position / 1000
                self._marks.append((second, events[number].text_position))
            number += 1
        return 0


def resampled(wave: Wave, rate_hz: int) -> Wave:
    """Return the wave at RATE_HZ, by cutting its spectrum. rate_hz: a multiple of 50, above."""
    block = rate_hz // 50
    given = int(np.ceil(len(wave) / block)) * block
    wanted = given * RATE_HZ // rate_hz
    spectrum = np.fft.rfft(np.pad(wave, (0, given - len(wave))))[: wanted // 2 + 1]
    return (np.fft.irfft(spectrum, wanted) * (wanted / given)).astype(np.float32)
