"""Language codes as files have them, and the English names of languages."""

from __future__ import annotations

from typing import Final

_LANGUAGES: Final = """
aa aar Afar; ab abk Abkhazian; af afr Afrikaans; ak aka Akan; am amh Amharic; an arg Aragonese;
ar ara Arabic; as asm Assamese; av ava Avaric; ay aym Aymara; az aze Azerbaijani; ba bak Bashkir;
be bel Belarusian; bg bul Bulgarian; bi bis Bislama; bm bam Bambara; bn ben Bengali;
bo bod,tib Tibetan; br bre Breton; bs bos Bosnian; ca cat Catalan; ce che Chechen; ch cha Chamorro;
co cos Corsican; cs ces,cze Czech; cv chv Chuvash; cy cym,wel Welsh; da dan Danish;
de deu,ger German; dv div Dhivehi; dz dzo Dzongkha; ee ewe Ewe; el ell,gre Greek; en eng English;
eo epo Esperanto; es spa Spanish; et est Estonian; eu eus,baq Basque; fa fas,per Persian;
ff ful Fulah; fi fin Finnish; fil fil Filipino; fj fij Fijian; fo fao Faroese; fr fra,fre French;
fy fry Western Frisian; ga gle Irish; gd gla Scottish Gaelic; gl glg Galician; gn grn Guarani;
gu guj Gujarati; gv glv Manx; ha hau Hausa; he heb Hebrew; hi hin Hindi; hr hrv Croatian;
ht hat Haitian Creole; hu hun Hungarian; hy hye,arm Armenian; ia ina Interlingua;
id ind Indonesian; ig ibo Igbo; is isl,ice Icelandic; it ita Italian; iu iku Inuktitut;
ja jpn Japanese; jv jav Javanese; ka kat,geo Georgian; kg kon Kongo; ki kik Kikuyu; kk kaz Kazakh;
kl kal Greenlandic; km khm Khmer; kn kan Kannada; ko kor Korean; ks kas Kashmiri; ku kur Kurdish;
kw cor Cornish; ky kir Kyrgyz; la lat Latin; lb ltz Luxembourgish; lg lug Ganda; ln lin Lingala;
lo lao Lao; lt lit Lithuanian; lv lav Latvian; mg mlg Malagasy; mi mri,mao Māori;
mk mkd,mac Macedonian; ml mal Malayalam; mn mon Mongolian; mr mar Marathi; ms msa,may Malay;
mt mlt Maltese; my mya,bur Burmese; nb nob Norwegian Bokmål; ne nep Nepali; nl nld,dut Dutch;
nn nno Norwegian Nynorsk; no nor Norwegian; nv nav Navajo; ny nya Chichewa; oc oci Occitan;
om orm Oromo; or ori Odia; os oss Ossetian; pa pan Punjabi; pl pol Polish; ps pus Pashto;
pt por Portuguese; qu que Quechua; rm roh Romansh; rn run Rundi; ro ron,rum Romanian;
ru rus Russian; rw kin Kinyarwanda; sa san Sanskrit; sc srd Sardinian; sd snd Sindhi;
se sme Northern Sami; sg sag Sango; si sin Sinhala; sk slk,slo Slovak; sl slv Slovenian;
sm smo Samoan; sn sna Shona; so som Somali; sq sqi,alb Albanian; sr srp Serbian; ss ssw Swati;
st sot Southern Sotho; su sun Sundanese; sv swe Swedish; sw swa Swahili; ta tam Tamil;
te tel Telugu; tg tgk Tajik; th tha Thai; ti tir Tigrinya; tk tuk Turkmen; tl tgl Tagalog;
tn tsn Tswana; to ton Tongan; tr tur Turkish; ts tso Tsonga; tt tat Tatar; ty tah Tahitian;
ug uig Uyghur; uk ukr Ukrainian; ur urd Urdu; uz uzb Uzbek; ve ven Venda; vi vie Vietnamese;
wo wol Wolof; xh xho Xhosa; yi yid Yiddish; yo yor Yoruba; za zha Zhuang; zh zho,chi,cmn Chinese;
zu zul Zulu
"""
"""ISO 639-1 code, ISO 639-2 codes (T, then B where it differs) and name.

Two additions: Filipino, which has three letters only, and Mandarin's own code as Chinese.
Source: loc.gov/standards/iso639-2, as of 2024; rare and dead languages left out.
"""
_ROWS: Final = [row.split(maxsplit=2) for row in _LANGUAGES.split(";")]
_SHORT: Final = {code: short for short, codes, _ in _ROWS for code in codes.split(",")}
_NAMES: Final = {short: name.strip() for short, _, name in _ROWS}


def two_letters(code: str) -> str:
    """Return a language code ("eng", "pt-BR", "de") without region, in two letters if known."""
    main = code.strip().lower().replace("_", "-").split("-")[0]
    return _SHORT.get(main, main)


def language_name(code: str | None) -> str | None:
    """Return the English name of the language that a code stands for, None if not known."""
    return _NAMES.get(two_letters(code)) if code else None


def same_language(one: str | None, other: str | None) -> bool:
    """Tell whether two codes ("en", "eng", "en-GB") name the same language; None is none."""
    if one is None or other is None:
        return False
    return two_letters(one) == two_letters(other)
