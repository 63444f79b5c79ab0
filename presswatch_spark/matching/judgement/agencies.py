"""Lists the names of news agencies as pages write them, and finds one or several in a row in a text.

Photo agencies are left out: a credit of Getty Images names the owner of the picture. The setting
`corpus.agencies` lists those that make an article agency copy; pages may credit these as well.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

UNNAMED = "unnamed agencies"
"""The agency in "avec agences", "with agencies": unknown others wrote the text."""

# By agency: its unambiguous names, then those that are also other words or initials. Unambiguous names with
# six letters or more match in any case, all others only as written here. No name begins with an article,
# since the first word of each name is searched for in every page.
_NAMES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "AFP": (("AFP", "Agence France-Presse", "Agence France Presse", "France-Presse"), ("afp",)),
    "Reuters": (("Reuters", "Thomson Reuters"), ()),
    "Associated Press": (("Associated Press",), ("AP",)),
    "United Press International": (("United Press International",), ("UPI",)),
    "Belga": (("Belga", "BELGA", "Agence Belga"), ("belga",)),
    "Keystone-ATS": (
        ("Keystone-ATS", "Agence télégraphique suisse", "Schweizerische Depeschenagentur"),
        ("ATS", "ats", "SDA", "sda"),
    ),
    "La Presse canadienne": (
        ("Presse canadienne", "Canadian Press"), ("PC",),
    ),
    "Agence QMI": (("Agence QMI",), ("QMI",)),
    "APS": (("Algérie Presse Service", "Algeria Press Service"), ("APS",)),
    "Agence de presse sénégalaise": (("Agence de presse sénégalaise",), ()),
    "Maghreb Arabe Presse": (("Maghreb Arabe Presse",), ("MAP",)),
    "Tunis Afrique Presse": (("Tunis Afrique Presse",), ("TAP",)),
    "Agence ivoirienne de presse": (("Agence ivoirienne de presse",), ("AIP",)),
    "APAnews": (("Agence de presse africaine", "APAnews"), ()),
    "Panapress": (("Panapress", "Agence panafricaine de presse"), ("PANA",)),
    "DPA": (("Deutsche Presse-Agentur",), ("DPA", "dpa")),
    "APA": (("Austria Presse Agentur", "Austria Presse-Agentur"), ("APA",)),
    "KNA": (("Katholische Nachrichten-Agentur",), ("KNA",)),
    "epd": (("Evangelischer Pressedienst",), ("epd",)),
    "EFE": (("EFE", "Agencia EFE", "Agence EFE"), ("efe", "Efe")),
    "Europa Press": (("Europa Press",), ()),
    "ANSA": (("ANSA",), ("Ansa", "ansa")),
    "Adnkronos": (("Adnkronos",), ()),
    "Lusa": (("Agência Lusa", "Agence Lusa"), ("Lusa", "LUSA")),
    "ANP": (("Algemeen Nederlands Persbureau",), ("ANP",)),
    "PA Media": (("Press Association", "PA Media"), ("PA",)),
    "Ritzau": (("Ritzau",), ()),
    "NTB": ((), ("NTB",)),
    "TT": (("TT Nyhetsbyrån", "Tidningarnas Telegrambyrå"), ()),
    "STT": ((), ("STT",)),
    "PAP": (("Polska Agencja Prasowa",), ("PAP",)),
    "ČTK": (("ČTK",), ("CTK", "ctk", "čtk")),
    "MTI": (("Magyar Távirati Iroda",), ("MTI",)),
    "Agerpres": (("Agerpres",), ()),
    "Tanjug": (("Tanjug",), ()),
    "TASS": (("TASS", "ITAR-TASS", "Itar-Tass", "ТАСС"), ("Tass",)),
    "RIA Novosti": (("RIA Novosti", "Ria Novosti", "РИА Новости"), ()),
    "Interfax": (("Interfax", "Интерфакс"), ()),
    "Ukrinform": (("Ukrinform",), ()),
    "Anadolu": (("Anadolu Agency", "Agence Anadolu", "Anadolu Ajansı"), ("Anadolu",)),
    "IRNA": (("IRNA",), ()),
    "Xinhua": (("Xinhua", "Agence Chine nouvelle"), ()),
    "Kyodo": (("Kyodo News",), ("Kyodo",)),
    "Yonhap": (("Yonhap",), ()),
    "Press Trust of India": (("Press Trust of India",), ("PTI",)),
    "IANS": (("Indo-Asian News Service",), ("IANS",)),
    "Australian Associated Press": (("Australian Associated Press",), ("AAP",)),
    "Prensa Latina": (("Prensa Latina",), ()),
    "Télam": (("Télam",), ()),
    "Agência Brasil": (("Agência Brasil",), ()),
    "Bloomberg": (("Bloomberg News",), ("Bloomberg",)),
    "Dow Jones": (("Dow Jones Newswires",), ("Dow Jones",)),
    "Relaxnews": (("Relaxnews", "AFP-Relaxnews"), ()),
    "6Medias": (("6Medias", "6Médias"), ()),
    "PR Newswire": (("PR Newswire", "PRNewswire"), ()),
    "Business Wire": (("Business Wire", "BusinessWire"), ()),
    "GlobeNewswire": (("GlobeNewswire", "Globe Newswire"), ()),
    "CNW": (("CNW Telbec", "Canada NewsWire"), ()),
    UNNAMED: ((), (
        "agences", "Agences", "agences de presse", "agencies", "Agencies", "Agenturen",
        "agencias", "agenzie", "agências", "agentschappen",
    )),
}  # fmt: skip

AGENCIES = tuple(name for name in _NAMES if name != UNNAMED)
"""The names of all agencies that are known without being listed in `corpus.agencies`."""

# Shorter names are initials or look like words: in another case they mean something else.
_ANY_CASE = 6
_ARTICLE = re.compile(r"^(?:l['’]|(?:le|la|les|the|der|die|das|el|il)\s+)", re.IGNORECASE)
_MARKED = re.compile(r"[\s-]+")


@dataclass(frozen=True, slots=True)
class Spelling:
    """A name as pages write it. `sure`: it is unambiguous; `any_case`: capitals do not matter."""

    text: str
    agency: str
    sure: bool

    @property
    def any_case(self) -> bool:
        """Return whether the name matches in any case."""
        return self.sure and sum(map(str.isalpha, self.text)) >= _ANY_CASE

    @property
    def pattern(self) -> str:
        """Return its regular expression, which also matches without accents and hyphens if `any_case`."""
        if not self.any_case:
            return re.escape(self.text)
        letters = {letter: unicodedata.normalize("NFD", letter)[0] for letter in self.text}
        written = {
            letter: re.escape(letter) if plain == letter else f"[{letter}{plain}]"
            for letter, plain in letters.items()
        }
        return r"[\s-]+".join("".join(map(written.__getitem__, part)) for part in _MARKED.split(self.text))


def spellings(agencies: Iterable[str] = ()) -> list[Spelling]:
    """Return all spellings, the longest first; given names of at most five letters count as ambiguous."""
    known = [
        Spelling(text, agency, kind == 0)
        for agency, kinds in _NAMES.items()
        for kind, texts in enumerate(kinds)
        for text in texts
    ]
    there = {key_of(spelling.text) for spelling in known}
    for name in map(without_article, agencies):
        if key_of(name) and key_of(name) not in there:
            known.append(Spelling(name, name, len(name) >= _ANY_CASE))
    return sorted(known, key=lambda spelling: (-len(spelling.text), spelling.text))


def without_article(name: str) -> str:
    """Return a name without its article: "La Presse canadienne" is found as "Presse canadienne"."""
    return _ARTICLE.sub("", name.strip())


def key_of(name: str) -> str:
    """Return the key by which names are compared: without case, accents, blanks and marks."""
    folded = unicodedata.normalize("NFKD", name.casefold())
    return "".join(filter(str.isalnum, folded))


# --- their names in a text

AND = re.compile(r"\s?[,/&+]\s?|\s(?:et|and|und|y|e|en)\s")


class AgencyNames:
    """The names of the agencies that are known, and of those that a corpus was built with.

    `run` matches one or more in a row, `at_end` one at the end of a text.
    """

    def __init__(self, agencies: Iterable[str] = ()) -> None:
        self.known = spellings(agencies)
        self._by_key = {key_of(spelling.text): spelling for spelling in reversed(self.known)}
        loose = "|".join(spelling.pattern for spelling in self.known if spelling.any_case)
        exact = "|".join(spelling.pattern for spelling in self.known if not spelling.any_case)
        name = rf"(?:(?i:{loose})|{exact})(?!\w)(?!-[A-Z\d])"
        self.run = re.compile(rf"{name}(?:(?:{AND.pattern}){name}){{0,5}}")
        self.at_end = re.compile(rf"(?<!\w)(?:(?i:{loose})|{exact})\s*\Z")

    def of(self, name: str) -> Spelling | None:
        """Return the spelling with the key of a name; None if the name is no agency's."""
        return self._by_key.get(key_of(name))
