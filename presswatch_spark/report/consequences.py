"""The sections about removal and exposure, as what their templates show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from markupsafe import Markup

from presswatch_spark.claims.exposed import Exposed
from presswatch_spark.claims.exposures import Exposure, Source, load_exposures
from presswatch_spark.releases.products import PRODUCTS
from presswatch_spark.removal.states import STATES
from presswatch_spark.report.cells import link_of, table_of
from presswatch_spark.report.commands import Commands, code
from presswatch_spark.report.questions import AnsweredQuestion
from presswatch_spark.report.removals import GROUPS, NOBODY, FollowedCase
from presswatch_spark.report.wording import ReportWords, safe
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore


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


def removal_of(found: FollowedCase | None, commands: Commands, say: ReportWords) -> dict[str, Any] | None:
    """Return how a case stands, as the page says it; None without a case."""
    if found is None:
        return None
    opened = say.day(datetime.fromisoformat(found.opened_at))
    recipients = [
        {"recipient": safe(name) if name != NOBODY else say("no recipient"),
         "places": sum(counts.values()), **{group: counts.get(group, 0) for group in GROUPS}}
        for name, counts in found.recipients.items()
    ]  # fmt: skip
    states = [
        {"removal_state": state, "means": say(f"removal {state}"), "places": found.states[state]}
        for state in STATES
        if found.states.get(state)
    ]
    check = "check removal" if found.asked_at else "check places"
    asked = {"removed": say.number(found.claims_removed), "claims": say.number(found.claims)}
    alarms = ", ".join(f"{say(f'alarm {kind}')} ({count})" for kind, count in found.alarms.items())
    at = found.asked_at and found.asked_at.replace(microsecond=0)
    last = say("asked last", at=say.moment(at), rounds=say.number(found.rounds))
    return {
        "opened": say("case", case=found.case, day=opened, targets=say.number(found.targets)),
        "asked": found.asked_at is not None,
        "claims": say("claims removed", **asked) if found.asked_at else say("nothing asked"),
        "last": last if found.asked_at else Markup(),
        "alarms": say("alarms", alarms=Markup(alarms)) if alarms else None,
        "recipients": table_of(
            AnsweredQuestion("recipients", "", (), recipients), ("recipient", "places", *GROUPS), say
        ),
        "states": table_of(
            AnsweredQuestion("states", "", (), states), ("removal_state", "means", "places"), say
        ),
        "check": say(check, command=code(commands.counts_removal(found.case)), digest=code(found.newest)),
    }


def exposure_of(found: Exposures, say: ReportWords) -> dict[str, Any]:
    """Return what publishers of models say, as the page says it."""
    by_entry: dict[str, list[Mapping[str, Any]]] = {}
    for row in found.rows:
        by_entry.setdefault(row["exposure"], []).append(row)
    entries = [_entry(found.entries[name], rows, say) for name, rows in by_entry.items()]
    notes = [
        say(name, rows=say.number(count))
        for name, count in (("unknown dataset", found.unknown), ("without language", found.without_language))
        if count
    ]
    return {
        "entries": sorted(entries, key=lambda entry: str(entry["model"]).lower()),
        "notes": notes,
        "query": found.query,
    }


def _entry(entry: Exposure, rows: list[Mapping[str, Any]], say: ReportWords) -> dict[str, Any]:
    dataset = PRODUCTS.get(entry.dataset, entry.dataset)
    shown = [
        {
            "source": say.release_of(safe(dataset), row["release"]),
            "release_is": say(f"release {row['release_is']}"),
            **{name: row[name] for name in ("articles", "pages")},
        }
        for row in rows
    ]
    facts = {"publisher": entry.publisher, "model": entry.model, "dataset": dataset}
    return {
        "model": entry.model,
        "sentence": say(f"exposure {entry.extent}", **facts),
        "says": entry.says,
        "table": table_of(
            AnsweredQuestion("exposure", "", (), shown), ("source", "release_is", "articles", "pages"), say
        ),
        "sources": [
            {"quotation": source.quotation, "where": _where(source, say)} for source in entry.sources
        ],
    }


def _where(source: Source, say: ReportWords) -> Markup:
    """Return the document of a quotation, and when it was read."""
    link = link_of(source.identifier)
    identifier = safe(source.identifier)
    if link:
        identifier = Markup('<a href="{}" rel="noreferrer noopener"><bdi>{}</bdi></a>').format(
            link, identifier
        )
    return say(
        "document" if source.published else "undated document",
        title=source.title,
        published=source.published or "",
        at=source.at,
        identifier=identifier,
        checked=say.day(source.checked),
    )
