"""Exposures: which models' publishers state, in which document, that they trained on which dataset.

`conf/exposure.yaml` is checked as a whole: every mistake is reported at once, each with its line. An entry
repeats what a publisher states; whether a model has read a text is another question.

Rows of `matches` are joined to exposures by two queries that both engines understand: the first counts the
rows by run, format, release and repository; the second joins these few groups, with what each is of, to the
articles.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml

from presswatch_spark.claims.narrative import Speaker
from presswatch_spark.errors import ConfigError
from presswatch_spark.queries.sql import answer_of, literal
from presswatch_spark.releases.products import C4_PARTS_BY_FILE, PRODUCTS, days_of, product_of, release_of
from presswatch_spark.settings.checked_yaml import Check, compose, line_of
from presswatch_spark.settings.load import shipped
from presswatch_spark.storage.objects import StorageOptions, read_object
from presswatch_spark.storage.uris import canonical
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.store import TableStore
from presswatch_spark.terminal import did_you_mean

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
    """The statement of a model's publisher about one dataset.

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
            releases=tuple(
                text
                for item in check.items(keys.get("releases"), f"{what}: releases")
                if (text := check.text(item, f"{what}: releases"))
            ),
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


def _first_day(published: str) -> date:
    month = _PUBLISHED.fullmatch(published)
    return date(int(month[1]), int(month[2] or 1), 1) if month else date.fromisoformat(published)


def _last_day(published: str) -> date | None:
    """Return the last day of a day, month or year; None for other text."""
    try:
        if found := _PUBLISHED.fullmatch(published):
            year, month = int(found[1]), int(found[2] or 12)
            return date(year, month, calendar.monthrange(year, month)[1])
        return date.fromisoformat(published)
    except (ValueError, calendar.IllegalMonthError):
        return None


LETTERS = ("A", "B", "C")
"""Rows of these letters count."""

# Parts of `hf://datasets/OWNER/NAME@REVISION/FOLDER/…`; both engines give an empty text for any other URI.
_IN_REPOSITORY, _IN_FOLDER = "^hf://datasets/([^/@]+/[^/@]+)", "^hf://datasets/[^/]+/[^/]+/([^/]+)/"
_REPOSITORY = f"regexp_extract(shard_uri, '{_IN_REPOSITORY}', 1)"
_FOLDER = f"regexp_extract(shard_uri, '{_IN_FOLDER}', 1)"
_C4_PARTS = ", ".join(
    f"nullif(regexp_extract('/' || shard_uri, '{pattern}', 1), '')" for pattern in C4_PARTS_BY_FILE
)
# As `products.release_of` has it.
_RELEASE = f"coalesce(nullif(release, ''), 'c4-' || coalesce({_C4_PARTS}), '')"
_GROUP = ("run_id", "dataset", "release", "repository", "folder", "named")
_MARK = (*_GROUP, "product", "release_is", "exposure", "language")
_ROWS = f"""
    select
        run_id, dataset, {_RELEASE} as release, {_REPOSITORY} as repository, {_FOLDER} as folder,
        coalesce(product, '') as named, publisher_id, title_id, article_id, page, letter, copied_words,
        own_site, languages
    from sightings
    where article_id is not null and letter in ({", ".join(f"'{letter}'" for letter in LETTERS)})"""
_COUNTS = """
    count(distinct f.article_id) as articles, count(distinct f.page) as pages,
    count(distinct case when not f.own_site then f.page end) as pages_elsewhere,
    min(f.letter) as letter, max(f.copied_words) as most_copied_words"""
BY_ARTICLE = ("publisher_id", "title_id", "article_id")


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one run, format, release (None if unknown) and repository of the hub.

    `named`: the dataset that the rows name, if they do.
    `product`: the dataset that they are of; None if nobody says it. `meant`: their release, or the one that
    the user gave for rows without any. `without_language`: rows whose dataset names no language.
    """

    run_id: str
    form: str
    release: str | None
    repository: str
    folder: str
    named: str
    product: str | None
    meant: str | None
    rows: int
    articles: int
    without_language: int

    @property
    def key(self) -> tuple[str, ...]:
        """Return the values of `_GROUP` that its rows have."""
        return self.run_id, self.form, self.release or "", self.repository, self.folder, self.named


@dataclass(frozen=True, slots=True)
class Exposed:
    """The rows of published runs, and the exposures that speak of their datasets.

    `groups`: the rows that count, by what they are of.
    """

    store: TableStore
    exposures: Sequence[Exposure]
    engine: str
    groups: Sequence[Group]

    @classmethod
    def of(
        cls,
        store: TableStore,
        exposures: Sequence[Exposure],
        engine: str,
        said: Mapping[str, str] | None = None,
    ) -> Exposed:
        """Count the rows by group, and decide the dataset of each.

        Args:
            engine: `duckdb` or `spark`.
            said: names of datasets or of their releases (`c4-fr`) by run, for rows that do not say what they
                are of.

        Raises:
            ConfigError: `said` names no published run, or no dataset.
            OutputError: a table is not as it was published.
        """
        known, runs = dict(said or {}), {row["run_id"] for row in store.rows("runs")} if said else set()
        for run_id, product in known.items():
            if run_id not in runs:
                raise ConfigError(
                    f"no run {run_id} is published{did_you_mean(run_id, runs)}", where=str(store.root)
                )
            if _product_given(product) is None:
                raise ConfigError(
                    f"there is no dataset {product}{did_you_mean(product, PRODUCTS)}",
                    where=str(store.root),
                    remedy=f"there are: {', '.join(PRODUCTS)}",
                )
        counted = answer_of(
            store,
            f"select {', '.join(_GROUP)}, count(*) as found, count(distinct article_id) as articles,"
            f" sum(case when size(languages) = 0 then 1 else 0 end) as without_language from ({_ROWS}) as f"
            f" group by {', '.join(_GROUP)} order by {', '.join(_GROUP)}",
            engine,
        )
        return cls(store, exposures, engine, tuple(_group(row, known) for row in counted.rows))

    def articles(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each article, dataset, release and exposure that speaks of them, in order.

        Columns: those of `BY_ARTICLE`, `dataset`, `release`, `release_is` (`named` or `not_named`),
        `exposure`, `pages`, `pages_elsewhere` (known to stand on others' sites), `letter`,
        `most_copied_words`.
        """
        return self._joined(BY_ARTICLE)

    def totals(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each dataset, release and exposure, with the number of `articles` and `pages`."""
        return self._joined(())

    @property
    def unknown(self) -> tuple[Group, ...]:
        """Return the groups whose dataset is unknown."""
        return tuple(group for group in self.groups if group.product is None)

    @property
    def without_language(self) -> int:
        """Count rows that may be meant by an exposure that is limited to languages, and name none."""
        return sum(
            group.without_language
            for group in self.groups
            if any(exposure.languages for exposure, _ in self._speaking(group))
        )

    def _speaking(self, group: Group) -> Iterator[tuple[Exposure, str]]:
        return _speaking_of(group.product, group.meant, self.exposures)

    def query(self, by: Sequence[str]) -> str | None:
        """Return the query that joins the rows to the exposures; None if none speaks of them.

        Args:
            by: columns of `BY_ARTICLE` that it counts by, beside dataset, release and exposure.
        """
        marks = [
            (*group.key, exposure.dataset, named, exposure.id, language)
            for group in self.groups
            for exposure, named in self._speaking(group)
            for language in _spellings(exposure)
        ]
        if not marks:
            return None
        keys = [f"f.{name}" for name in by] + ["m.product", "m.release", "m.release_is", "m.exposure"]
        return f"""
            with marks as (
                select {", ".join(_MARK)} from (values {", ".join(map(_row, marks))}) as t (
                    {", ".join(_MARK)}
                )
            )
            select {", ".join(keys)}, {_COUNTS}
            from ({_ROWS}) as f join marks m
                on {" and ".join(f"m.{name} = f.{name}" for name in _GROUP)}
                and (m.language = '' or array_contains(f.languages, m.language))
            group by {", ".join(keys)} order by {", ".join(keys)}"""

    def _joined(self, by: Sequence[str]) -> Iterator[dict[str, Any]]:
        query = self.query(by)
        if query is None:
            return
        answer = answer_of(self.store, query, self.engine)
        for values in answer.rows:
            row = dict(zip(answer.columns, values, strict=True))
            row["dataset"] = row.pop("product")
            row["release"] = row["release"] or None
            yield row


def _speaking_of(
    product: str | None, release: str | None, exposures: Iterable[Exposure]
) -> Iterator[tuple[Exposure, str]]:
    for exposure in exposures:
        if exposure.dataset == product and (named := exposure.speaks_of(release)):
            yield exposure, named


def product_of_row(row: Match) -> str | None:
    """Return the dataset that a row is of, one of `PRODUCTS`; None if it is not known."""
    if row.product:
        return row.product
    uri = row.shard_uri or ""
    repository, folder = (
        found[1] if (found := re.match(pattern, uri)) else "" for pattern in (_IN_REPOSITORY, _IN_FOLDER)
    )
    return product_of(row.dataset, release_of(row.release, uri), repository, folder)


def exposures_of(row: Match, letter: str, exposures: Iterable[Exposure]) -> list[tuple[Exposure, str]]:
    """Return the exposures that speak of a row, as `Exposed` joins them, each with `named` or `not_named`.

    Args:
        row: of `matches`. `letter`: that of its claim; its own without one.
    """
    if row.article_id is None or letter not in LETTERS:
        return []
    languages, release = set(row.languages or ()), release_of(row.release, row.shard_uri or "")
    return [
        (exposure, named)
        for exposure, named in _speaking_of(product_of_row(row), release, exposures)
        if not exposure.languages or languages & set(_spellings(exposure))
    ]


def exposure_told(exposure: Exposure, named: str, _: Speaker) -> str:
    """Return a publisher's statement about a dataset as a sentence, and whether it names the release."""
    facts = {
        "publisher": exposure.publisher,
        "model": exposure.model,
        "dataset": PRODUCTS.get(exposure.dataset, exposure.dataset),
        "extent": (
            _("with no word of a selection") if exposure.extent == "whole" else _("a part that it chose")
        ),
    }
    release = (
        _("The document names this release.")
        if named == "named"
        else _("The document names the dataset, and not this release.")
    )
    return " ".join(
        [_("{publisher} says that it trained {model} on {dataset} ({extent}).", **facts), release]
    )


def source_told(source: Source, _: Speaker) -> str:
    """Return the place of a quotation, and the day on which it was read there."""
    dated = f" ({source.published})" if source.published else ""
    where = f"{source.title}{dated}, {source.at}, {source.identifier}"
    return _("{where}; read on {day} at {seen}", where=where, day=_.day(source.checked), seen=source.seen)


def nothing_told(product: str | None, letter: str, _: Speaker) -> str:
    """Return why no exposure speaks of a row: its letter is too low, or of its dataset nothing is known."""
    if letter not in LETTERS:
        return _("A claim of letter D is held against no model.")
    return (
        _("Nothing says of which dataset this page is part.")
        if product is None
        else _("No publisher of a model that is known says that it used this dataset.")
    )


def _group(row: Sequence[Any], said: Mapping[str, str]) -> Group:
    run_id, form, release, repository, folder, named, rows, articles, without_language = row
    product, meant = named or product_of(form, release or None, repository, folder), release or None
    if product is None and (given := said.get(run_id)):
        product = _product_given(given)
        meant = meant if given in PRODUCTS else meant or given
    return Group(
        run_id,
        form,
        release or None,
        repository,
        folder,
        named,
        product,
        meant,
        int(rows),
        int(articles),
        int(without_language),
    )


def _product_given(name: str) -> str | None:
    return name if name in PRODUCTS else product_of("rows", name)


def _spellings(exposure: Exposure) -> Iterable[str]:
    """Return how datasets may write the languages that are meant; an empty text for any."""
    return [spelling for code in exposure.languages for spelling in LANGUAGES[code]] or [""]


def _row(values: Iterable[str]) -> str:
    return f"({', '.join(map(literal, values))})"
