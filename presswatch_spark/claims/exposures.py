"""Exposures: statements of models' publishers, in documents, that they trained on a dataset.

A first query counts rows by run, format, release and repository; Python decides the dataset of each such
group; a second query joins the rows to the exposures of their group. DuckDB and Spark run the same queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import yaml

from presswatch_spark.core.languages import codes_of, language_of
from presswatch_spark.core.settings.checked_yaml import Check, compose
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.query.sql import answer_of, literal
from presswatch_spark.scanning.releases import datasets
from presswatch_spark.storage.objects import StorageOptions, read_object
from presswatch_spark.storage.uris import canonical
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.store import TableStore

if TYPE_CHECKING:
    from presswatch_spark.core.translation import Translator

EXTENTS = ("whole", "part", "derived")
"""The documents mention no selection, the publisher chose a part, or it used a dataset made from this one."""
LANGUAGES = {
    "de": "deu_Latn", "el": "ell_Grek", "en": "eng_Latn", "es": "spa_Latn",
    "fa": "fas_Arab", "fr": "fra_Latn", "hi": "hin_Deva", "it": "ita_Latn",
    "ja": "jpn_Jpan", "ko": "kor_Hang", "pt": "por_Latn", "ru": "rus_Cyrl",
    "th": "tha_Thai", "vi": "vie_Latn", "zh": "cmn_Hani",
}  # fmt: skip
"""Languages that an exposure may be limited to, each with the code and script that some datasets give it."""

SHIPPED = "exposure.yaml"
NAMED, NOT_NAMED = "named", "not_named"
"""The documents name the release of a row, or only its dataset."""

_ENTRY = "id model publisher dataset extent says sources"
_LIMITS = "through releases languages since until"
_SOURCE = "title at identifier quotation checked seen"


@dataclass(frozen=True, slots=True)
class Source:
    """A quoted passage of a document. `published`: a day, month or year.

    `at`: place in the document (page, section). `identifier`: of the document, such as arXiv's. `seen`: the
    URL at which the passage was read on the day `checked`.
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
        """Return the last day on which the document can have been published."""
        return _last_day(self.published) or self.checked if self.published else self.checked


@dataclass(frozen=True, slots=True)
class Exposure:
    """The statement of a publisher that it trained a model on a dataset, one of `PRODUCTS`.

    `extent`: one of `EXTENTS`. `through`: for `derived`, the dataset that was made from `dataset` and used.
    `releases`, `languages`: the only ones covered; empty: any. `since`, `until`: days of covered crawls.
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
        """Return `NAMED` or `NOT_NAMED` if the statement may cover a release of the dataset; else None.

        `derived` statements cover no release. No statement covers a crawl that began after its documents.
        """
        if self.extent == "derived":
            return None
        if self.releases:
            return NAMED if release in self.releases else None
        days = datasets.days_of(release)
        if days is None:
            # A release without known days cannot be compared with `since` and `until`.
            return None if self.since or self.until else NOT_NAMED
        first, last = days
        newest = self.until or max(source.newest for source in self.sources)
        return NOT_NAMED if (self.since or last) <= last and first <= newest else None


def load_exposures(path: str | None = None, storage: StorageOptions | None = None) -> tuple[Exposure, ...]:
    """Read and check a file of exposures; None: the shipped one. Raises `ConfigError`, `StorageError`."""
    file = path or str(shipped(SHIPPED))
    raw, _ = read_object(canonical(file), storage or StorageOptions())
    return parse_exposures(raw, file)


def parse_exposures(raw: bytes, name: str) -> tuple[Exposure, ...]:
    """Read and check exposures from bytes; errors as those of `load_exposures`."""
    check, found = Check(), list[Exposure]()
    root = compose(raw, check, "exposures contain sources, and nothing is nested deeper", "exposures")
    top = check.entry(root, "file of exposures", "exposures") if root is not None else {}
    for node in check.items(top.get("exposures"), "exposures"):
        keys, own_id, what = check.named_entry(node, "exposure", _ENTRY, _LIMITS)
        since, until = check.period(keys, "since", "until", what)
        extent = check.one_of(keys.get("extent"), f"{what}: extent", EXTENTS) or ""
        if extent == "derived" and "through" not in keys:
            check.report(node, f"{what}: what is derived needs `through`: the dataset between")
        sources = check.items(keys.get("sources"), f"{what}: sources")
        exposure = Exposure(
            id=own_id,
            model=check.text(keys.get("model"), f"{what}: model") or "",
            publisher=check.text(keys.get("publisher"), f"{what}: publisher") or "",
            dataset=check.one_of(keys.get("dataset"), f"{what}: dataset", datasets.PRODUCTS) or "",
            extent=extent,
            through=check.text(keys.get("through"), f"{what}: through"),
            releases=check.texts(keys.get("releases"), f"{what}: releases"),
            languages=check.texts(keys.get("languages"), f"{what}: languages", LANGUAGES),
            since=since,
            until=until,
            says=check.text(keys.get("says"), f"{what}: says") or "",
            sources=tuple(filter(None, (_source(item, what, check) for item in sources))),
        )
        found.append(exposure)
    check.finish(name, "the file of exposures")
    return tuple(found)


def _source(node: yaml.Node, what: str, check: Check) -> Source | None:
    keys = check.entry(node, f"{what}: source", _SOURCE, "published")
    texts = {name: check.text(keys.get(name), f"{what}: {name}") or "" for name in _SOURCE.split()}
    published = check.text(keys.get("published"), f"{what}: published")
    checked = check.date(keys.get("checked"), f"{what}: checked")
    if published is not None and _last_day(published) is None:
        check.report(
            keys["published"],
            f"{what}: published `{published}` is not a day, month or year (as 2024-01-31, 2024-01, 2024)",
        )
    if checked is None:
        return None
    texts.pop("checked")
    return Source(published=published, checked=checked, **texts)


def _last_day(published: str) -> date | None:
    """Return the last day of a day, month or year; None for other text."""
    for end in ("", "-31", "-30", "-29", "-28", "-12-31"):
        with suppress(ValueError):
            return date.fromisoformat(f"{published}{end}")
    return None


LETTERS = ("A", "B", "C")

# Parts of `hf://datasets/OWNER/NAME@REVISION/FOLDER/…`; both engines give an empty text for any other URI.
_IN_REPOSITORY, _IN_FOLDER = "^hf://datasets/([^/@]+/[^/@]+)", "^hf://datasets/[^/]+/[^/]+/([^/]+)/"
_REPOSITORY = f"regexp_extract(shard_uri, '{_IN_REPOSITORY}', 1)"
_FOLDER = f"regexp_extract(shard_uri, '{_IN_FOLDER}', 1)"
_C4_PARTS = ", ".join(
    f"nullif(regexp_extract('/' || shard_uri, '{pattern}', 1), '')" for pattern in datasets.C4_PARTS_BY_FILE
)
# The release in SQL, as `scanning.releases.datasets.release_of` derives it in Python.
_RELEASE = f"coalesce(nullif(release, ''), 'c4-' || coalesce({_C4_PARTS}), '')"
_GROUP = ("run_id", "dataset", "release", "repository", "folder", "stated_product")
_MARK = (*_GROUP, "product", "release_is", "exposure", "language")
_ROWS = f"""
    select
        run_id, dataset, {_RELEASE} as release, {_REPOSITORY} as repository, {_FOLDER} as folder,
        coalesce(product, '') as stated_product, publisher_id, title_id, article_id, page, letter,
        copied_words, own_site, languages
    from sightings
    where article_id is not null and letter in ({", ".join(f"'{letter}'" for letter in LETTERS)})"""
_COUNTS = """
    count(distinct f.article_id) as articles, count(distinct f.page) as pages,
    count(distinct case when not f.own_site then f.page end) as pages_elsewhere,
    min(f.letter) as letter, max(f.copied_words) as most_copied_words"""
BY_ARTICLE = ("publisher_id", "title_id", "article_id")


@dataclass(frozen=True, slots=True)
class Group:
    """Rows with the same `key`, the values of `_GROUP`, such as run, release and repository of the hub.

    `form`: the column `dataset`. `product`: their dataset, None if unknown. `speaking`: the exposures that
    cover them, each with `NAMED` or `NOT_NAMED`. `without_language`: rows without a language.
    """

    key: tuple[str, ...]
    form: str
    release: str | None
    product: str | None
    speaking: tuple[tuple[Exposure, str], ...]
    rows: int
    without_language: int


@dataclass(frozen=True, slots=True)
class Exposed:
    """The rows of published runs with letter A, B or C, in `groups`, and the exposures of their datasets."""

    store: TableStore
    exposures: Sequence[Exposure]
    engine: str
    groups: Sequence[Group]

    @classmethod
    def of(cls, store: TableStore, exposures: Sequence[Exposure], engine: str) -> Exposed:
        """Count the rows by group by `duckdb` or `spark`, and decide the dataset of each."""
        counted = answer_of(
            store,
            f"select {', '.join(_GROUP)}, count(*) as found,"
            f" sum(case when size(languages) = 0 then 1 else 0 end) as without_language from ({_ROWS}) as f"
            f" group by {', '.join(_GROUP)} order by {', '.join(_GROUP)}",
            engine,
        )
        groups = list[Group]()
        row: Any
        for row in counted.rows:
            *key, rows, unstated = row
            _, form, written, repository, folder, stated_product = key
            release = written or None
            product = stated_product or datasets.product_of(form, release, repository, folder)
            speaking = tuple(_speaking_of(product, release, exposures))
            groups.append(Group(tuple(key), form, release, product, speaking, int(rows), int(unstated)))
        return cls(store, exposures, engine, groups)

    @property
    def unknown(self) -> tuple[Group, ...]:
        """Return the groups without a known dataset."""
        return tuple(group for group in self.groups if group.product is None)

    @property
    def without_language(self) -> int:
        """Count rows without a language in groups of which an exposure is limited to some languages."""
        return sum(
            group.without_language
            for group in self.groups
            if any(exposure.languages for exposure, _ in group.speaking)
        )

    def query(self, by: Sequence[str]) -> str | None:
        """Return the query that joins rows to exposures by these columns of rows; None without exposures."""
        marks = list[tuple[str, ...]]()
        for group in self.groups:
            for exposure, named in group.speaking:
                of_both = *group.key, exposure.dataset, named, exposure.id
                marks += [(*of_both, language) for language in _spellings(exposure)]
        if not marks:
            return None
        values = ", ".join(f"({', '.join(map(literal, mark))})" for mark in marks)
        keys = [f"f.{name}" for name in by] + ["m.product", "m.release", "m.release_is", "m.exposure"]
        return f"""
            select {", ".join(keys)}, {_COUNTS}
            from ({_ROWS}) as f join (values {values}) as m ({", ".join(_MARK)})
                on {" and ".join(f"m.{name} = f.{name}" for name in _GROUP)}
                and (m.language = '' or array_contains(f.languages, m.language))
            group by {", ".join(keys)} order by {", ".join(keys)}"""

    def totals(self, by: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """Yield a row for each dataset, release and exposure (and `by`, as `BY_ARTICLE`), with counts."""
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
    """Return the dataset of a row, one of `PRODUCTS`; None if it is not known."""
    if row.product:
        return row.product
    uri = row.shard_uri or ""
    repository, folder = (
        found[1] if (found := re.match(pattern, uri)) else "" for pattern in (_IN_REPOSITORY, _IN_FOLDER)
    )
    return datasets.product_of(row.dataset, datasets.release_of(row.release, uri), repository, folder)


def exposures_of(row: Match, letter: str, exposures: Iterable[Exposure]) -> list[tuple[Exposure, str]]:
    """Return the exposures that cover a row, each with `named` or `not_named`; `letter`: of its claim."""
    if row.article_id is None or letter not in LETTERS:
        return []
    languages, release = set(row.languages or ()), datasets.release_of(row.release, row.shard_uri or "")
    return [
        (exposure, named)
        for exposure, named in _speaking_of(product_of_row(row), release, exposures)
        if not exposure.languages or languages & set(_spellings(exposure))
    ]


def exposure_sentence(exposure: Exposure, named: str, _: Translator) -> str:
    """Return a publisher's statement about a dataset as a sentence, and whether it names the release."""
    is_whole = exposure.extent == "whole"
    statement = _(
        "{publisher} states that it trained {model} on {dataset} ({extent}).",
        publisher=exposure.publisher,
        model=exposure.model,
        dataset=datasets.PRODUCTS.get(exposure.dataset, exposure.dataset),
        extent=_("without mention of a selection") if is_whole else _("a part of its choice"),
    )
    about = _("The document mentions the dataset, but not this release.")
    if named == NAMED:
        about = _("The document mentions this release.")
    return f"{statement} {about}"


def source_line(source: Source, _: Translator) -> str:
    """Return the place of a quotation, and the day on which it was read there."""
    dated = f" ({source.published})" if source.published else ""
    where = f"{source.title}{dated}, {source.at}, {source.identifier}"
    return _("{where}; read on {day} at {seen}", where=where, day=_.day(source.checked), seen=source.seen)


def no_exposure(product: str | None, letter: str, _: Translator) -> str:
    """Return the reason why no exposure covers a row."""
    if letter not in LETTERS:
        return _("Claims of letter D are not linked to any model.")
    if product is None:
        return _("The dataset of this page is unknown.")
    return _("No known model publisher states that it used this dataset.")


def _spellings(exposure: Exposure) -> Iterable[str]:
    # An empty text means any language.
    scripts = (LANGUAGES[code] for code in exposure.languages)
    return sorted({*codes_of(map(language_of, exposure.languages)), *scripts}) or [""]
