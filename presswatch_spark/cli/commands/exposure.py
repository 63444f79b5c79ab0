"""`presswatch exposure`: articles in datasets that publishers of models say they trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.options import STORAGE, argument, engine_option, option
from presswatch_spark.cli.replies import (
    AS_JSON,
    Language,
    Line,
    Reply,
    ReplyForm,
    ReplyRows,
    Table,
    command,
    schema_of,
)

if TYPE_CHECKING:
    from presswatch_spark.claims.exposures import Exposed, Exposure, Source
    from presswatch_spark.settings.config import ScanConfig

SAID = {
    "exposure": str, "model": str, "model_publisher": str, "extent": str, "through": str, "says": str,
    "sources": list,
}  # fmt: skip
LISTED = {**SAID, "dataset": str, "releases": list, "languages": list, "since": str, "until": str}
FOUND = {
    "publisher_id": str, "title_id": str, "article_id": str, "dataset": str, "release": str,
    "release_is": str, "pages": int, "pages_elsewhere": int, "letter": str, "most_copied_words": int,
}  # fmt: skip
JOINED = {**FOUND, **SAID}
UNKNOWN_SHOWN = 3


def _said(context: click.Context, option: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    said = dict[str, str]()
    for each in given:
        run_id, mark, name = each.partition("=")
        if not (run_id and mark and name):
            raise click.BadParameter(f"write it as RUN=NAME, not {each!r}")
        said[run_id] = name
    return said


@command("exposure", json=AS_JSON, export=True, lang="en", pager=True, settings=STORAGE)
def exposure(
    *,
    tables: str | None = argument(required=False),
    exposures: str | None = option(
        "--exposures", "FILE", "Another file of what publishers say, in the form of conf/exposure.yaml."
    ),
    said: dict[str, str] = option(
        "--dataset-of",
        "RUN=NAME",
        "The dataset that a run's shards are of, where they do not say it, as oscar-2109. Repeatable.",
        multiple=True,
        callback=_said,
    ),
    engine: str = engine_option("What joins"),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """List publishers of models that say they trained on the data.

    The data are the datasets in which copies of the articles were found. TABLES is the folder that a scan was
    given as --out. Without it, all that publishers say is listed, with the document, its date, a quotation
    and the day on which that was read.

    A row of letter A, B or C counts if it is of the dataset, of a release that the documents name or may
    mean, and of a language that they name. Nothing counts for a dataset that was only made from another:
    a crawl's row says nothing of C4. What publishers say proves neither that a model read a text nor that
    anyone did wrong.

    Example: presswatch exposure tables --export exposure.csv
    """
    from presswatch_spark.claims.exposures import Exposed, load_exposures
    from presswatch_spark.queries.sql import engine_of
    from presswatch_spark.tables.store import TableStore

    storage, _ = settings.storage, form.language
    if said and tables is None:
        raise click.UsageError("--dataset-of wants TABLES")
    entries = load_exposures(exposures, storage)
    if tables is None:
        rows = (_listed(entry, form) for entry in entries)
        return Reply(_list_lines(entries, _), rows=ReplyRows(rows, schema_of(**LISTED)))
    store = TableStore.open(tables, storage)
    exposed = Exposed.of(store, entries, engine_of(store, engine), said)
    joined = ReplyRows(_joined(exposed, form), schema_of(**JOINED))
    return Reply(_total_lines(exposed, _), rows=joined, warnings=_notes(exposed, said, _))


def _listed(entry: Exposure, form: ReplyForm) -> dict[str, object]:
    own = _said_by(entry, form)
    own |= {"dataset": entry.dataset, "releases": entry.releases, "languages": entry.languages}
    own |= {name: day.isoformat() if (day := getattr(entry, name)) else None for name in ("since", "until")}
    return {name: own[name] for name in LISTED}


def _joined(exposed: Exposed, form: ReplyForm) -> Iterator[dict[str, object]]:
    entries = {entry.id: _said_by(entry, form) for entry in exposed.exposures}
    for row in exposed.articles():
        whole = row | entries[row["exposure"]]
        yield {name: whole[name] for name in JOINED}


def _said_by(entry: Exposure, form: ReplyForm) -> dict[str, object]:
    """Return a publisher's statement; a cell of a file has each source as a text."""
    names = ("title", "published", "at", "identifier", "quotation", "checked", "seen")

    def shown(source: Source) -> object:
        return str(source) if form.export else {name: getattr(source, name) for name in names}

    return {
        "exposure": entry.id,
        "model": entry.model,
        "model_publisher": entry.publisher,
        "extent": entry.extent,
        "through": entry.through,
        "says": entry.says,
        "sources": list(map(shown, entry.sources)),
    }


def _list_lines(entries: Sequence[Exposure], _: Language) -> Iterator[Line]:
    rows = [
        (entry.model, entry.dataset, _.name(entry.extent), f"{entry.publisher}: {entry.says}")
        for entry in entries
    ]
    columns = ("model", "dataset", "extent", "the publisher says")
    yield Table(columns, rows, columns[1:3], (columns[0], columns[3]))
    yield _("documents, quotations and the days on which they were read: --json, --export")


def _total_lines(exposed: Exposed, _: Language) -> Iterator[Line]:
    entries = {entry.id: entry for entry in exposed.exposures}
    found = list(exposed.totals())
    if not found:
        yield _("no row is of a dataset that a publisher of a model says it trained on")
        return
    rows = [
        (
            entries[row["exposure"]].model,
            row["dataset"],
            row["release"] or _("unknown"),
            _("yes") if row["release_is"] == "named" else _("no"),
            _.name(entries[row["exposure"]].extent),
            _.number(row["articles"]),
            _.number(row["pages"]),
        )
        for row in found
    ]
    columns = ("model", "dataset", "release", "release named", "extent", "articles", "pages")
    yield Table(columns, rows, columns[1:5], columns[:1])
    for name in dict.fromkeys(row["exposure"] for row in found):
        entry = entries[name]
        yield ""
        yield _(
            "{publisher} says that it trained {model} on {dataset}: {extent}{through}",
            publisher=entry.publisher,
            model=entry.model,
            dataset=entry.dataset,
            extent=_.name(entry.extent),
            through=f" ({entry.through})" if entry.through else "",
        )
        yield from (f"  {source}" for source in entry.sources)


def _notes(exposed: Exposed, said: Mapping[str, str], _: Language) -> Iterator[str]:
    yield _("rows of letters A to C count; what publishers say proves neither use of a text nor a wrong")
    for run_id, name in said.items():
        yield _("the dataset of run {run} is {dataset}, as you say", run=run_id, dataset=name)
    if unknown := exposed.unknown:
        names = [" ".join([group.form, group.release or _("release unknown")]) for group in unknown]
        shown = [*dict.fromkeys(names)][: UNKNOWN_SHOWN + 1]
        more = ["…"] if len(shown) > UNKNOWN_SHOWN else []
        yield _(
            "left out, as nobody says of which dataset they are: {rows} ({names}); see --dataset-of",
            rows=_.n("{n} row", "{n} rows", sum(group.rows for group in unknown)),
            names=", ".join([*shown[:UNKNOWN_SHOWN], *more]),
        )
    if count := exposed.without_language:
        yield _(
            "not counted for models that were trained on some languages: {rows} without a language",
            rows=_.n("{n} row", "{n} rows", count),
        )
