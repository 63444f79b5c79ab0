"""The forms in which the name of an agency is a credit: see docs/reference/credits.md, with examples.

Each form is told by what stands on the line before and behind the name. What must end before the name is
searched near the end alone: `_ENDING` characters are more than any such ending has. What costs more is asked
only if a cheap sign of it is there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from presswatch_spark.judgement.agency_names import AgencyNames

FORMS: Mapping[str, str] = MappingProxyType(
    {
        "bracketed": "in brackets, alone or behind such words as avec, source, photo",
        "dateline": "at the beginning of a line, behind a place or not, before a dash or a colon",
        "byline": "on a line of names and dates, alone or behind such words as par, avec, by, with",
        "copyright": "behind ©, (c), copyright, droits réservés, and years",
        "slash": "beside a slash",
        "source": "behind Source, Quelle, Fuente and the like with a colon",
        "via": "behind via",
        "told": "in a sentence that says who was told: behind à, selon, interrogé par, told and the like",
    }
)
"""The forms in which a name is a credit."""
BEFORE, BEHIND = 120, 160
"""So many characters around a name decide on its form."""
ARTICLE = r"(?:l['’]\s?|la\s|les\s|the\s)?(?:news\s)?"
"""What may stand right before a name."""
BLANKS = ' \t*•·|«"-–—'
"""Marks with which a line may begin."""

_LEAD = (
    r"(?:avec|with|mit|con|com|met|par|by|von|por|da|di|door|via|et|and|photos?|cr[ée]dits?|texte"
    r"|d[ée]p[êe]ches?|agences?|agency|agencia|sources?|quelle|fuente|fonte|bron)"
)
_ENDS_WITH_LEAD, _LEAD_ENDING = re.compile(rf"(?<!\w){_LEAD}\s?:?\s{ARTICLE}\Z", re.IGNORECASE), 24
# "R. I./Agences", "Marie Durand/Agences": who signs, by initials or by two names or more.
_SIGNED = re.compile(
    r"\s?(?:(?:[A-ZÀ-Þ]\.\s?){1,3}|(?:[A-ZÀ-Þ][\w'’.-]{1,20}\s){1,3}[A-ZÀ-Þ][\w'’.-]{1,20}\s?)/\s?"
)
_MARKS, _SENTENCE_MARKS = frozenset("|•·–—,:;/-"), frozenset('.!?…»”"')
_CLEAR_MARKS = _SENTENCE_MARKS | frozenset("([|•·–—")

# The small words of bylines and of their dates.
_SMALL = frozenset((
    "avec", "with", "mit", "par", "by", "von", "por", "da", "di", "via", "et", "and", "und", "le", "la", "l",
    "les", "the", "de", "du", "des", "of", "d", "à", "a", "at", "on", "am", "um", "publié", "posté", "mis",
    "jour", "updated", "published", "photo", "photos", "texte", "source", "sources", "agence", "agences",
    "staff", "min", "h",
    "janvier", "janv", "février", "fév", "mars", "avril", "avr", "mai", "juin", "juillet", "juil", "août",
    "septembre", "sept", "octobre", "oct", "novembre", "nov", "décembre", "déc",
))  # fmt: skip
_TOKEN = re.compile(r"[^\s|•·–—,:;/©.()\[\]'’-]+")

# Between the bracket and a name: leads, initials before slashes.
_INSIDE = re.compile(rf"\s?(?:{_LEAD}\s?:?\s?{ARTICLE}|[\w.]{{1,12}}/\s?){{0,5}}", re.IGNORECASE)
_CLOSED = re.compile(
    r"(?:\s?/\s?[\w.'’ &-]{1,30}|,\s?[\w.'’ -]{1,25}|\svia\s[\w ]{1,20}|\s(?:photos?|archives|forum))?"
    r"\s?[)\]](?P<after>.*)",
    re.IGNORECASE,
)
_DASH = re.compile(r"\s{0,2}[-–—]")
_DATELINE_END = re.compile(r"(?:,\s?[\w'’. ]{1,30})?\)?\s{0,2}[-–—:|](?:\s|\Z)")
_COPYRIGHT = re.compile(
    r"(?:©|\(c\)|copyright|droits\sr[ée]serv[ée]s|rights\sreserved)[\s:©,.–-]{0,5}"
    r"(?:(?:\(c\)|©|by|par|the|l['’]|la|le|\d{4}(?:\s?[-–]\s?\d{4})?)[\s,.:–-]{0,5}){0,4}\Z",
    re.IGNORECASE,
)
# Each alternative has one of these, without the letters that regular expressions fold to others (i, k, s).
_COPYRIGHT_SIGNS = ("©", "(c)", "opyr", "erv")
_PICTURE = re.compile(r"©[^\n©]{1,40}[,/]\s?\Z")
_COPYRIGHT_NEXT = re.compile(r"\s?(?:©|\(c\)|-?\s?tous\sdroits)", re.IGNORECASE)
_SLASH_BEFORE, _SLASH_NEXT = re.compile(r"[\w.)]\s?/\s?\Z"), re.compile(r"\s?/\s?[A-ZÀ-Þ]")
_SLASH_ENDING = 4
_ADDRESS_LIKE = re.compile(r"\w\.\w|//|@|\w/\w{0,60}/")
_VIA, _VIA_ENDING = re.compile(r"(?<!\w)via\s\Z", re.IGNORECASE), 4
_EDGE = re.compile(r"\s*(?:\Z|[)\].,;])")
# "a déclaré à l'AFP", "selon l'AFP", "told Reuters": who was told wrote what others print.
_ASKED = (
    r"(?:interrog|contact|cit|consult|joint|jointe|recueilli|rapport|relay|sollicit|obtenu|confirm|révél)\w{0,4}"
    r"(?:\s\w{1,12}){0,2}\spar"
    r"|(?:reported|quoted|seen|contacted|cited|obtained|interviewed|reviewed)\sby"
)
_TOLD, _TOLD_ENDING = (
    re.compile(
        r"(?<!\w)(?:[àa]|aupr[èe]s\sde|selon|d['’]apr[èe]s|avec|rapporte|appris|pr[ée]cise|indique|annonce"
        rf"|{_ASKED}|told|to|with|according\sto|reports?|laut|gegen[üu]ber|seg[úu]n|secondo|volgens)\s"
        rf"(?:de\s)?(?:(?:l['’]\s?)?(?:agence|agency)\s(?:de\spresse\s)?)?{ARTICLE}\Z",
        re.IGNORECASE,
    ),
    80,
)
# The last words of the former part of `_TOLD`, those in ASCII, and the words of the latter part.
_TELLING = frozenset((
    "a", "aupres", "selon", "apres", "avec", "rapporte", "appris", "precise", "indique", "annonce", "par",
    "by", "told", "to", "with", "report", "reports", "laut", "gegenuber", "segun", "secondo", "volgens",
))  # fmt: skip
_BEHIND_TELLING = frozenset(("de", "l", "agence", "agency", "presse", "la", "les", "the", "news"))
_WORD, _LAST_WORDS = re.compile(r"\w+"), 60


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a run of names on its line; at most `BEFORE` and `BEHIND` characters.

    `begins`, `ends`: `before` reaches to the beginning of the line, `behind` to its end. `sure`: one of the
    names is nothing else, or they are several. `named`: one of them is an agency's.
    """

    before: str
    behind: str
    begins: bool
    ends: bool
    sure: bool
    named: bool


def form_of(around: Around, names: AgencyNames) -> str | None:
    """Return the form of a credit, a key of `FORMS`, in which names stand; None if they are no credit."""
    before, behind = around.before, around.behind
    if _is_bracketed(around, names):
        return "bracketed"
    if not around.named:
        led = _lead_at_end(before) and _is_byline(around)
        return "byline" if led or _is_signed(around) else None
    if _ends_with_copyright(before):
        return "copyright"
    if around.sure and _COPYRIGHT_NEXT.match(behind):
        return "copyright"
    if _search_end(_VIA, _VIA_ENDING, before) and (around.sure or _EDGE.match(behind)):
        return "via"
    if around.sure and _is_dateline(around):
        return "dateline"
    if _is_byline(around):
        return "byline"
    if around.sure and _is_by_slash(around):
        return "slash"
    return "told" if around.sure and _ends_with_telling(before) else None


def begins_clearly(before: str) -> bool:
    """Whether what stands behind `before` on a line begins a remark of its own."""
    return before.rstrip()[-1:] in _CLEAR_MARKS


def _search_end(pattern: re.Pattern[str], most: int, text: str) -> re.Match[str] | None:
    """Search a pattern that ends with a text, and has `most` characters at most."""
    return pattern.search(text, max(0, len(text) - most))


def _lead_at_end(text: str) -> re.Match[str] | None:
    return _search_end(_ENDS_WITH_LEAD, _LEAD_ENDING, text)


def _is_bracketed(around: Around, names: AgencyNames) -> bool:
    """Whether names stand in brackets, and are neither initials that are explained nor another word."""
    opened = max(around.before.rfind("("), around.before.rfind("["))
    closed = _CLOSED.match(around.behind) if opened >= 0 else None
    if closed is None or not _INSIDE.fullmatch(around.before, opened + 1):
        return False
    outside = around.before[:opened]
    if _lead_at_end(around.before):
        return True
    if not around.named or names.stand_at_end(outside):
        return False
    if around.sure:
        return True
    if not outside.strip(BLANKS):
        return around.begins
    dated = around.begins and _is_of_names(outside) and _DASH.match(closed["after"])
    return bool(_ends_sentence(outside) or dated)


def _ends_with_copyright(before: str) -> bool:
    lower = before.lower()
    if not any(sign in lower for sign in _COPYRIGHT_SIGNS):
        return False
    return bool(_COPYRIGHT.search(before) or _PICTURE.search(before))


def _ends_sentence(text: str) -> bool:
    return text.rstrip()[-1:] in _SENTENCE_MARKS


def _is_dateline(around: Around) -> bool:
    if not around.begins or not _DATELINE_END.match(around.behind):
        return False
    return len(around.before) <= BEFORE // 2 and _is_of_names(around.before)


def _is_byline(around: Around) -> bool:
    """Whether names end a line of names, or stand there alone; or follow a lead behind a sentence."""
    before = around.before
    if not around.ends or not _is_of_names(around.behind):
        return False
    lead = _lead_at_end(before)
    if lead and _ends_sentence(before[: lead.start()]):
        return True
    if not around.begins or not _is_of_names(before):
        return False
    if not before.strip(BLANKS):
        return around.sure
    return bool(lead) or (around.sure and before.rstrip()[-1:] in _MARKS)


def _is_signed(around: Around) -> bool:
    """Whether names stand behind a signature and a slash, on a line that holds nothing else."""
    if not around.before.rstrip().endswith("/"):
        return False
    alone = around.begins and around.ends and not around.behind.strip(f"{BLANKS}.")
    return alone and _SIGNED.fullmatch(around.before) is not None


def _is_by_slash(around: Around) -> bool:
    if "/" not in around.before[-_SLASH_ENDING:] and "/" not in around.behind[:_SLASH_ENDING]:
        return False
    token = f"{around.before.rpartition(' ')[2]}X{around.behind.partition(' ')[0]}"
    if _ADDRESS_LIKE.search(token):
        return False
    return bool(_search_end(_SLASH_BEFORE, _SLASH_ENDING, around.before) or _SLASH_NEXT.match(around.behind))


def _ends_with_telling(before: str) -> bool:
    for word in reversed(_WORD.findall(before[-_LAST_WORDS:])):
        lower = word.lower()
        if lower not in _BEHIND_TELLING:
            if word.isascii() and lower not in _TELLING:
                return False
            break
    return _search_end(_TOLD, _TOLD_ENDING, before) is not None


def _is_of_names(text: str) -> bool:
    """Whether a part of a line holds names, initials, figures, dates and small words of bylines alone."""
    tokens = (found[0] for found in _TOKEN.finditer(text.strip('«»"“”*')))
    return all(token[0].isupper() or token[0].isdigit() or token.casefold() in _SMALL for token in tokens)
