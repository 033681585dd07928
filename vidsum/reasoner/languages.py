"""Language codes as files have them, and the names of languages."""

from __future__ import annotations

from typing import Final

_CODES: Final = """
ara ar  ces cs  chi zh  cze cs  dan da  deu de  dut nl  ell el  eng en  fin fi  fra fr  fre fr
ger de  gre el  heb he  hin hi  hun hu  ind id  ita it  jpn ja  kor ko  nld nl  nor no  pol pl
por pt  ron ro  rum ro  rus ru  spa es  swe sv  tha th  tur tr  ukr uk  vie vi  zho zh
"""
_PAIRS: Final = _CODES.split()
_TWO_LETTERS: Final = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True))
"""ISO 639-2 (both kinds) to ISO 639-1, for the languages that subtitles are commonly in."""

_NAMES: Final = """
ar Arabic  cs Czech  da Danish  de German  el Greek  en English  es Spanish  fi Finnish  fr French
he Hebrew  hi Hindi  hu Hungarian  id Indonesian  it Italian  ja Japanese  ko Korean  nl Dutch
no Norwegian  pl Polish  pt Portuguese  ro Romanian  ru Russian  sv Swedish  th Thai  tr Turkish
uk Ukrainian  vi Vietnamese  zh Chinese
"""
_NAME_PAIRS: Final = _NAMES.split()
_NAME: Final = dict(zip(_NAME_PAIRS[::2], _NAME_PAIRS[1::2], strict=True))


def two_letters(code: str) -> str:
    """Return a language code ("eng", "pt-BR", "de") without region, in two letters if known."""
    main = code.strip().lower().replace("_", "-").split("-")[0]
    return _TWO_LETTERS.get(main, main)


def language_name(code: str | None) -> str | None:
    """Return the English name of the language that a code stands for, None if not known."""
    return _NAME.get(two_letters(code)) if code else None
