"""Joins rows of `matches` to exposures: articles in datasets that publishers say they trained models on.

A first query counts the rows by run, format, release and repository. Of these few groups, this module decides
which dataset each is of, and which exposures speak of it. A second query joins the decisions to the articles.
Both engines understand the queries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from presswatch_spark.claims.exposures import LANGUAGES, Exposure, Source
from presswatch_spark.claims.speaker import Speaker
from presswatch_spark.errors import ConfigError
from presswatch_spark.queries.engines import literal
from presswatch_spark.queries.sql import answer_of
from presswatch_spark.releases.products import C4_PARTS_BY_FILE, PRODUCTS, product_of, release_of
from presswatch_spark.tables.store import TableStore
from presswatch_spark.terminal import did_you_mean

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
        """Count the rows by group, and decide what each is of.

        Args:
            engine: `duckdb` or `spark`.
            said: names of datasets or of their releases (`c4-fr`) by run, for rows that do not say what they
                are of.

        Raises:
            ConfigError: `said` names no published run, or no dataset.
            OutputError: a table is not as it was published.
        """
        known = dict(said or {})
        _require(known, store)
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
        """Return the groups of which nobody says what dataset they are of."""
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


def product_of_row(row: Mapping[str, Any]) -> str | None:
    """Return the dataset that a row of `matches` is of, one of `PRODUCTS`; None if nobody says it."""
    if row.get("product"):
        return str(row["product"])
    uri = row["shard_uri"] or ""
    repository, folder = (
        found[1] if (found := re.match(pattern, uri)) else "" for pattern in (_IN_REPOSITORY, _IN_FOLDER)
    )
    return product_of(row["dataset"], release_of(row["release"], uri), repository, folder)


def exposures_of(
    row: Mapping[str, Any], letter: str, exposures: Iterable[Exposure]
) -> list[tuple[Exposure, str]]:
    """Return the exposures that speak of a row, as `Exposed` joins them, each with `named` or `not_named`.

    Args:
        row: of `matches`. `letter`: that of its claim; its own without one.
    """
    if row["article_id"] is None or letter not in LETTERS:
        return []
    languages, release = set(row["languages"] or ()), release_of(row["release"], row["shard_uri"] or "")
    return [
        (exposure, named)
        for exposure, named in _speaking_of(product_of_row(row), release, exposures)
        if not exposure.languages or languages & set(_spellings(exposure))
    ]


def exposure_told(exposure: Exposure, named: str, _: Speaker) -> str:
    """Return what a publisher says of a dataset in a sentence, and whether it names the release."""
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
    """Return where a quotation stands, and when it was read there."""
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
    """Return the dataset that a user names, by its own name or by one of its releases."""
    return name if name in PRODUCTS else product_of("rows", name)


def _spellings(exposure: Exposure) -> Iterable[str]:
    """Return how datasets may write the languages that are meant; an empty text for any."""
    return [spelling for code in exposure.languages for spelling in LANGUAGES[code]] or [""]


def _row(values: Iterable[str]) -> str:
    return f"({', '.join(map(literal, values))})"


def _require(said: Mapping[str, str], store: TableStore) -> None:
    if not said:
        return
    runs = {row["run_id"] for row in store.rows("runs")}
    for run_id, product in said.items():
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
