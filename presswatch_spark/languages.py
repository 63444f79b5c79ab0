"""Codes of languages: datasets write one language as `fr`, `fra`, `fre`, `fr-CA`, `fra_Latn` or `French`.

`languages.txt` lists the codes of ISO 639-3 and ISO 639-2 with the English names of both standards, and the
French names of languages that have a code of two letters.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources

from presswatch_spark.terminal import nearest

# ISO 639-1 to 639-3, of the languages that CLD2 tells apart.
_PAIRS = """
aa aar ab abk af afr ak aka am amh ar ara as asm ay aym az aze ba bak be bel bg bul bi bis
bn ben bo bod br bre bs bos ca cat co cos cs ces cy cym da dan de deu dv div dz dzo el ell
en eng eo epo es spa et est eu eus fa fas fi fin fj fij fo fao fr fra fy fry ga gle gd gla
gl glg gn grn gu guj gv glv ha hau he heb hi hin hr hrv ht hat hu hun hy hye ia ina id ind
ie ile ig ibo ik ipk is isl it ita iu iku ja jpn jv jav ka kat kk kaz kl kal km khm kn kan
ko kor ks kas ku kur ky kir la lat lb ltz lg lug ln lin lo lao lt lit lv lav mg mlg mi mri
mk mkd ml mal mn mon mr mar ms msa mt mlt my mya na nau nb nob nd nde ne nep nl nld nn nno
no nor nr nbl ny nya oc oci om orm or ori pa pan pl pol ps pus pt por qu que rm roh rn run
ro ron ru rus rw kin sa san sd snd sg sag si sin sk slk sl slv sm smo sn sna so som sq sqi
sr srp ss ssw st sot su sun sv swe sw swa ta tam te tel tg tgk th tha ti tir tk tuk tl tgl
tn tsn to ton tr tur ts tso tt tat tw twi ug uig uk ukr ur urd uz uzb ve ven vi vie vo vol
wo wol xh xho yi yid yo yor za zha zh zho zu zul
"""
ISO_639_3 = dict(zip(_PAIRS.split()[::2], _PAIRS.split()[1::2], strict=True))

# Other codes of those languages: of ISO 639-2 for libraries, such as `fre`; codes that were given up, such as
# `iw`; and the variety that a dataset names in place of the whole, such as `cmn` of `zho`.
_MORE_PAIRS = """
alb sqi als sqi arb ara arm hye azj aze baq eus bur mya chi zho cmn zho cze ces dut nld ekk est
fre fra geo kat ger deu gre ell ice isl in ind iw heb ji yid khk mon lvs lav mac mkd mao mri may msa
mo ron npi nep ory ori per fas pes fas plt mlg rum ron slo slk swh swa tib bod uzn uzb wel cym ydd yid
zsm msa
ae ave an arg av ava bh bih bm bam ce che ch cha cr cre cu chu cv chv ee ewe ff ful ho hmo hz her
ii iii io ido kg kon ki kik kj kua kr kau kv kom kw cor li lim lu lub mh mah ng ndo nv nav oj oji
os oss pi pli sc srd se sme sh hbs ty tah wa wln
"""
_LANGUAGES = ISO_639_3 | dict(zip(_MORE_PAIRS.split()[::2], _MORE_PAIRS.split()[1::2], strict=True))
UNIDENTIFIED = frozenset({"mul", "un", "und", "unknown"})
"""What datasets write of a document in no language that they know, or in several: it may be in any."""
# A language, and behind it its script or country.
_CODE = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9_-]+)?")


@lru_cache(maxsize=4096)
def language_of(code: str) -> str:
    """Return the ISO 639-3 code of a language, however it is written; else the text in lower case."""
    written = code.strip().lower()
    found = _CODE.fullmatch(written)
    if found:
        return _LANGUAGES.get(found[1], found[1])
    return _codes_by_name().get(written, written)


def language_problem(code: str) -> str:
    """Return why a text is not a language's code, with the code that was probably meant; else nothing."""
    written = code.strip().lower()
    found = _CODE.fullmatch(written)
    if found and (found[1] in _LANGUAGES or found[1] in UNIDENTIFIED or found[1] in _codes()):
        return ""
    names = _codes_by_name()
    alike = (known for known in _LANGUAGES.values() if known[:2] == written[:2])
    meant = [names[name] for name in nearest(written, names)] or nearest(written, alike)
    several = re.search(r"[,;\s]", written)
    advice = f"did you mean {meant[0]}?" if meant and not several else "give one code at a time, such as fra"
    return f"{code!r} is not a code of ISO 639; {advice}"


@cache
def _codes() -> Mapping[str, tuple[str, ...]]:
    """Return the codes of three letters, each with its names in lower case."""
    lines = (resources.files("presswatch_spark") / "languages.txt").read_text("utf-8").splitlines()
    pairs = (line.partition(" ") for line in lines)
    return {code: tuple(filter(None, names.lower().split("|"))) for code, _, names in pairs}


@cache
def _codes_by_name() -> Mapping[str, str]:
    return {name: _LANGUAGES.get(code, code) for code, names in _codes().items() for name in names}


@lru_cache(maxsize=64)
def languages_read(codes: frozenset[str]) -> frozenset[str]:
    """Return the languages of the documents that are read where these codes are asked for."""
    return frozenset(map(language_of, codes)) | UNIDENTIFIED


def spellings_of(codes: Iterable[str]) -> frozenset[str]:
    """Return all codes of two or three letters for `languages_read`, and `codes`; none if there are none."""
    asked = frozenset(code.lower() for code in codes)
    if not asked:
        return asked
    read = languages_read(asked)
    return asked | read | {code for code, language in _LANGUAGES.items() if language in read}
