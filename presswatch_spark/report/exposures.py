"""The section about exposure: statements of publishers of models about the datasets."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from presswatch_spark.claims.exposures import NAMED, Exposed, Exposure, Source
from presswatch_spark.releases.products import PRODUCTS
from presswatch_spark.report.cells import Cell, link_of, table_of
from presswatch_spark.report.questions import AnsweredQuestion
from presswatch_spark.report.wording import ReportWords, safe


def exposure_of(exposed: Exposed, totals: Sequence[Mapping[str, Any]], _: ReportWords) -> dict[str, Any]:
    """Return the statements of publishers of models, as the page shows them.

    Args:
        totals: the articles of each dataset, release and statement.
    """
    statements, by_id = {each.id: each for each in exposed.exposures}, dict[str, list[Mapping[str, Any]]]()
    for row in totals:
        by_id.setdefault(row["exposure"], []).append(row)
    entries = [_entry(statements[id], rows, _) for id, rows in by_id.items()]
    notes, unknown = [], sum(group.rows for group in exposed.unknown)
    if unknown:
        notes.append(
            _(
                "Rows left out, as nobody says of which dataset they are: {rows}.",
                rows=_.number(unknown),
            )
        )
    if exposed.without_language:
        notes.append(
            _(
                "Rows without a language, not counted for models that were trained on some languages:"
                " {rows}.",
                rows=_.number(exposed.without_language),
            )
        )
    return {
        "entries": sorted(entries, key=lambda entry: str(entry["model"]).lower()),
        "notes": notes,
        "query": exposed.query(()),
    }


def _entry(entry: Exposure, rows: list[Mapping[str, Any]], _: ReportWords) -> dict[str, Any]:
    dataset = PRODUCTS.get(entry.dataset, entry.dataset)
    shown = [
        {
            "source": _.release_of(safe(dataset), row["release"]),
            "release_is": _("yes") if row["release_is"] == NAMED else _("no, but possible"),
            **{name: row[name] for name in ("articles", "pages")},
        }
        for row in rows
    ]
    facts = {"publisher": entry.publisher, "model": entry.model, "dataset": dataset}
    return {
        "model": entry.model,
        "sentence": (
            _("{publisher} says that it trained {model} on {dataset}.", **facts)
            if entry.extent == "whole"
            else _("{publisher} says that it trained {model} on a part of {dataset} that it chose.", **facts)
        ),
        "says": entry.says,
        "table": table_of(
            AnsweredQuestion("exposure", "", shown), ("source", "release_is", "articles", "pages"), _
        ),
        "sources": [{"quotation": source.quotation, "where": _where(source, _)} for source in entry.sources],
    }


def _where(source: Source, _: ReportWords) -> Markup:
    identifier, link = safe(source.identifier), link_of(source.identifier)
    if link:
        identifier = Markup(Cell(None, identifier, link))
    facts = {
        "title": source.title,
        "at": source.at,
        "identifier": identifier,
        "checked": _.day_of(source.checked),
    }
    if source.published:
        return _(
            "{title} ({published}), {at}, {identifier}; read on {checked}.",
            published=source.published,
            **facts,
        )
    return _("{title}, {at}, {identifier}; read on {checked}.", **facts)
