"""Exposures: which models' publishers say, in which document, that they trained on which dataset.

`conf/exposure.yaml` is checked as a whole: every mistake is reported at once, each with its line. An entry
repeats what a publisher says; whether a model has read a text is another question.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

import yaml

from presswatch_spark.releases.products import PRODUCTS, days_of
from presswatch_spark.settings.checked_yaml import Check, compose, line_of
from presswatch_spark.settings.load import shipped
from presswatch_spark.storage.objects import StorageOptions, read_object
from presswatch_spark.storage.uris import canonical

EXTENTS = ("whole", "part", "derived")
"""How much of a dataset a publisher says it trained on; see `Exposure`."""
LANGUAGES: dict[str, tuple[str, ...]] = {
    "de": ("de", "deu", "ger", "deu_Latn"),
    "el": ("el", "ell", "gre", "ell_Grek"),
    "en": ("en", "eng", "eng_Latn"),
    "es": ("es", "spa", "spa_Latn"),
    "fa": ("fa", "fas", "per", "fas_Arab"),
    "fr": ("fr", "fra", "fre", "fra_Latn"),
    "hi": ("hi", "hin", "hin_Deva"),
    "it": ("it", "ita", "ita_Latn"),
    "ja": ("ja", "jpn", "jpn_Jpan"),
    "ko": ("ko", "kor", "kor_Hang"),
    "pt": ("pt", "por", "por_Latn"),
    "ru": ("ru", "rus", "rus_Cyrl"),
    "th": ("th", "tha", "tha_Thai"),
    "vi": ("vi", "vie", "vie_Latn"),
    "zh": ("zh", "zho", "chi", "cmn", "cmn_Hani"),
}
"""Languages that an entry may be limited to, each with the ways in which datasets write it."""

SHIPPED = "exposure.yaml"
QUOTED_WORDS_MAX = 25
NAMED, NOT_NAMED = "named", "not_named"
"""Whether a document names the release that a row is of, or the dataset alone."""

_ENTRY = "id model publisher dataset extent says sources"
_LIMITS = "through releases languages since until"
_SOURCE = "title at identifier quotation checked seen"
_PUBLISHED = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")


@dataclass(frozen=True, slots=True)
class Source:
    """A passage of a document. `published`: a day, a month or a year as text; None if it has no date.

    `at`: page or section. `checked`: the day on which the quotation was read at the address `seen`.
    """

    title: str
    published: str | None
    at: str
    identifier: str
    quotation: str
    checked: date
    seen: str

    @property
    def newest(self) -> date:
        """Return the last day that the document may be of."""
        return _last_day(self.published) or self.checked if self.published else self.checked

    def __str__(self) -> str:
        dated = f" ({self.published})" if self.published else ""
        return (
            f"“{self.quotation}” {self.title}{dated}, {self.at}, {self.identifier};"
            f" read on {self.checked} at {self.seen}"
        )


@dataclass(frozen=True, slots=True)
class Exposure:
    """What a model's publisher says of one dataset.

    `extent`: `whole`: the documents speak of no selection; `part`: a part that the publisher chose;
    `derived`: another dataset, made from this one. `through`: the dataset between. `releases` and
    `languages`: the only ones meant; empty: any. Crawls outside of `since` and `until` are not meant.
    """

    id: str
    model: str
    publisher: str
    dataset: str
    extent: str
    through: str | None
    releases: tuple[str, ...]
    languages: tuple[str, ...]
    since: date | None
    until: date | None
    says: str
    sources: tuple[Source, ...]

    def speaks_of(self, release: str | None) -> str | None:
        """Return `NAMED` or `NOT_NAMED` for a release of the dataset that may be meant; None if it is not.

        Of what is derived, no release is. Nor is a crawl that began after the newest of the documents.
        """
        if self.extent == "derived":
            return None
        if self.releases:
            return NAMED if release in self.releases else None
        days = days_of(release)
        if days is None:
            # Whether a release without days lies between days, nobody knows.
            return None if self.since or self.until else NOT_NAMED
        first, last = days
        newest = self.until or max(source.newest for source in self.sources)
        return NOT_NAMED if (self.since or last) <= last and first <= newest else None


def load_exposures(path: str | None = None, storage: StorageOptions | None = None) -> tuple[Exposure, ...]:
    """Read and check a file of exposures, on disk or S3; None: the one that comes with this version.

    Raises:
        ConfigError: it has mistakes; all of them are listed as `file:line: message`.
        StorageError: it cannot be read.
    """
    if path is None:
        named = shipped(SHIPPED)
        return parse_exposures(named.read_bytes(), str(named))
    raw, _ = read_object(canonical(path), storage or StorageOptions())
    return parse_exposures(raw, path)


def parse_exposures(raw: bytes, name: str) -> tuple[Exposure, ...]:
    """As `load_exposures`, from bytes; `name` stands for the file in messages."""
    check = Check()
    root = compose(raw, check, "exposures hold sources, and sources hold no more", "exposures")
    found = tuple(_exposures(root, check)) if root is not None else ()
    check.finish(name, "the file of exposures")
    return found


def _exposures(root: yaml.Node, check: Check) -> Iterator[Exposure]:
    top = check.entry(root, "file of exposures", "exposures")
    for node in check.items(top.get("exposures"), "exposures"):
        keys = check.entry(node, "exposure", _ENTRY, _LIMITS)
        own_id = check.unique_id(keys.get("id"), "exposure") or ""
        what = f"exposure `{own_id}`"
        since, until = (check.date(keys.get(key), f"{what}: {key}") for key in ("since", "until"))
        if since and until and until < since:
            check.say(line_of(keys["until"]), f"{what}: until {until} is before since {since}")
        extent = _one_of(keys.get("extent"), f"{what}: extent", check, EXTENTS)
        if extent == "derived" and "through" not in keys:
            check.say(line_of(node), f"{what}: what is derived needs `through`: the dataset between")
        sources = check.items(keys.get("sources"), f"{what}: sources")
        yield Exposure(
            id=own_id,
            model=check.text(keys.get("model"), f"{what}: model") or "",
            publisher=check.text(keys.get("publisher"), f"{what}: publisher") or "",
            dataset=_one_of(keys.get("dataset"), f"{what}: dataset", check, PRODUCTS),
            extent=extent,
            through=check.text(keys.get("through"), f"{what}: through"),
            releases=tuple(_texts(keys.get("releases"), f"{what}: releases", check)),
            languages=tuple(
                _one_of(item, f"{what}: language", check, LANGUAGES)
                for item in check.items(keys.get("languages"), f"{what}: languages")
            ),
            since=since,
            until=until,
            says=check.text(keys.get("says"), f"{what}: says") or "",
            sources=tuple(filter(None, (_source(item, what, check) for item in sources))),
        )


def _source(node: yaml.Node, what: str, check: Check) -> Source | None:
    keys = check.entry(node, f"{what}: source", _SOURCE, "published")
    texts = {name: check.text(keys.get(name), f"{what}: {name}") or "" for name in _SOURCE.split()}
    published = check.text(keys.get("published"), f"{what}: published")
    checked = check.date(keys.get("checked"), f"{what}: checked")
    words = len(texts["quotation"].split())
    if words > QUOTED_WORDS_MAX:
        check.say(
            line_of(keys["quotation"]),
            f"{what}: the quotation has {words} words, and may have {QUOTED_WORDS_MAX}",
        )
    if published is not None and _last_day(published) is None:
        check.say(
            line_of(keys["published"]),
            f"{what}: published `{published}` is no day, month or year (as 2024-01-31, 2024-01, 2024)",
        )
    elif published is not None and checked is not None and _first_day(published) > checked:
        check.say(line_of(keys["checked"]), f"{what}: checked {checked} is before published {published}")
    if checked is None:
        return None
    texts.pop("checked")
    return Source(published=published, checked=checked, **texts)


def _one_of(node: yaml.Node | None, what: str, check: Check, known: Iterable[str]) -> str:
    value = check.text(node, what)
    check.known(node, value, what, known)
    return value or ""


def _texts(node: yaml.Node | None, what: str, check: Check) -> Iterator[str]:
    return filter(None, (check.text(item, what) for item in check.items(node, what)))


def _first_day(published: str) -> date:
    month = _PUBLISHED.fullmatch(published)
    return date(int(month[1]), int(month[2] or 1), 1) if month else date.fromisoformat(published)


def _last_day(published: str) -> date | None:
    """Return the last day of a day, month or year as text; None if it is none."""
    try:
        if found := _PUBLISHED.fullmatch(published):
            year, month = int(found[1]), int(found[2] or 12)
            return date(year, month, calendar.monthrange(year, month)[1])
        return date.fromisoformat(published)
    except (ValueError, calendar.IllegalMonthError):
        return None
