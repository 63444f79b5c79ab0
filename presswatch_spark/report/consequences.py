"""The sections about removal and exposure, as what their templates show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from presswatch_spark.claims.exposed import Exposed
from presswatch_spark.claims.exposures import NAMED, Exposure, Source, load_exposures
from presswatch_spark.releases.products import PRODUCTS
from presswatch_spark.removal.states import STATES
from presswatch_spark.report.cells import ShownTable, link_of, table_of
from presswatch_spark.report.questions import AnsweredQuestion
from presswatch_spark.report.removals import GROUPS, NOBODY, FollowedCase
from presswatch_spark.report.wording import ReportWords, safe
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from presswatch_spark.translation import N_

MEANINGS = {
    "present": N_("The text can be read."),
    "altered": N_("Another text is there, which removes nothing."),
    "hidden": N_("The index has no entry, but it reads."),
    "overwritten": N_("Nothing is at its place, and controls of the file read."),
    "dropped": N_("The whole file was read, and the text is not in it."),
    "withdrawn": N_("The file was missing twice, a day apart."),
    "superseded": N_("An older revision serves it, the newest does not."),
    "restricted": N_("Access was refused, which removes nothing."),
    "reappeared": N_("It was removed, and is there again."),
    "recaptured": N_("A later capture of its address has the article."),
    "undecided": N_("Nobody can say."),
}
"""Meanings of the states of removal."""
ALARMS = {
    "reappeared": N_("text is back"),
    "recaptured": N_("page captured again"),
    "index disagrees": N_("index and file disagree"),
    "control lost": N_("a control is lost"),
    "file changed": N_("a file changed"),
    "yield fell": N_("findings fell"),
    "clock set back": N_("clock set back"),
    "head missing": N_("the end of the chain has no note"),
}


@dataclass(frozen=True, slots=True)
class Exposures:
    """What publishers say of the datasets that hold the articles.

    `rows`: how many articles each dataset, release and entry has; `entries`: what the publishers say, by id.
    `query` gives the rows; None if no entry speaks of what was found. `unknown`: rows that do not say what
    dataset they are of; `without_language`: rows that name no language, where only some are meant.
    """

    query: str | None
    rows: Sequence[Mapping[str, Any]]
    entries: Mapping[str, Exposure]
    unknown: int
    without_language: int


def exposures_of(store: TableStore, engine: str, storage: StorageOptions) -> Exposures:
    """Join the tables to what publishers say; raises `OutputError` as `queries.sql.run_query`."""
    exposed = Exposed.of(store, load_exposures(None, storage), engine)
    return Exposures(
        query=exposed.query(()),
        rows=list(exposed.totals()),
        entries={entry.id: entry for entry in exposed.exposures},
        unknown=sum(group.rows for group in exposed.unknown),
        without_language=exposed.without_language,
    )


@dataclass(frozen=True, slots=True)
class RemovalView:
    """How a case stands: its figures, and places by recipient and by state. `alarms`: kinds, with counts."""

    case: FollowedCase
    opened: datetime
    last: datetime | None
    alarms: Sequence[tuple[Markup, int]]
    recipients: ShownTable
    states: ShownTable


def removal_of(found: FollowedCase | None, _: ReportWords) -> RemovalView | None:
    """Return how a case stands, as the page shows it; None without a case."""
    if found is None:
        return None
    recipients = [
        {"recipient": safe(name) if name != NOBODY else _("no recipient that is known"),
         "places": sum(counts.values()), **{group: counts.get(group, 0) for group in GROUPS}}
        for name, counts in found.recipients.items()
    ]  # fmt: skip
    states = [
        {"removal_state": state, "means": _.known(MEANINGS, state), "places": found.states[state]}
        for state in STATES
        if found.states.get(state)
    ]
    of_recipients = AnsweredQuestion("recipients", "", (), recipients)
    of_states = AnsweredQuestion("states", "", (), states)
    return RemovalView(
        case=found,
        opened=datetime.fromisoformat(found.opened_at),
        last=found.asked_at and found.asked_at.replace(microsecond=0),
        alarms=[(_.known(ALARMS, kind), count) for kind, count in found.alarms.items()],
        recipients=table_of(of_recipients, ("recipient", "places", *GROUPS), _),
        states=table_of(of_states, ("removal_state", "means", "places"), _),
    )


def exposure_of(found: Exposures, _: ReportWords) -> dict[str, Any]:
    """Return what publishers of models say, as the page says it."""
    by_entry: dict[str, list[Mapping[str, Any]]] = {}
    for row in found.rows:
        by_entry.setdefault(row["exposure"], []).append(row)
    entries = [_entry(found.entries[name], rows, _) for name, rows in by_entry.items()]
    notes = []
    if found.unknown:
        notes.append(
            _(
                "Rows left out, as nobody says of which dataset they are: {rows}.",
                rows=_.number(found.unknown),
            )
        )
    if found.without_language:
        notes.append(
            _(
                "Rows without a language, not counted for models that were trained on some languages:"
                " {rows}.",
                rows=_.number(found.without_language),
            )
        )
    return {
        "entries": sorted(entries, key=lambda entry: str(entry["model"]).lower()),
        "notes": notes,
        "query": found.query,
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
            AnsweredQuestion("exposure", "", (), shown), ("source", "release_is", "articles", "pages"), _
        ),
        "sources": [{"quotation": source.quotation, "where": _where(source, _)} for source in entry.sources],
    }


def _where(source: Source, _: ReportWords) -> Markup:
    """Return the document of a quotation, and when it was read."""
    link = link_of(source.identifier)
    identifier = safe(source.identifier)
    if link:
        identifier = Markup('<a href="{}" rel="noreferrer noopener"><bdi>{}</bdi></a>').format(
            link, identifier
        )
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
