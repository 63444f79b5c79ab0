"""Writes the report: one file of HTML that loads nothing, in French or English.

Its Content-Security-Policy allows only its own script and style. Templates escape all values.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from presswatch_spark.claims.explain import passages_of
from presswatch_spark.claims.exposures import NAMED
from presswatch_spark.claims.marked_text import around_marks, as_html, pieces_of, ranges_of
from presswatch_spark.claims.row_facts import LETTER_MEANINGS, ExplainedRow
from presswatch_spark.legal.notices.parties import Recipient
from presswatch_spark.legal.removal.states import MEANINGS
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.legal.report.figures import figures_of
from presswatch_spark.legal.report.make import HOSTS, QUESTIONS, ROWS, Gathered
from presswatch_spark.legal.report.wording import (
    CORPUS,
    FIRST_ROWS_SHOWN,
    Commands,
    ReportWords,
    ShownTable,
    both_ways,
    code,
    table_of,
    url_cell,
)
from presswatch_spark.legal.typesetting import csp_hash, rendered
from presswatch_spark.query.sql import ENGINE_NAMES
from presswatch_spark.scanning.releases.datasets import PRODUCTS
from presswatch_spark.tables.confidence_reasons import REASONS

_HERE = Path(__file__).parent
STYLE, SCRIPT = ((_HERE / "static" / name).read_text("utf-8") for name in ("report.css", "report.js"))
CHANGES = ("new", "reduced", "gone", "reappeared", "persists", "moved", "altered", "unknown")
REMOVED, READABLE, UNDECIDED = GROUPS = ("removed", "readable", "undecided")
"""Groups of places for the reader: removed, still readable, or neither is known."""
AROUND, CHARACTERS = 160, 1_600
"""Characters of a text that an example shows: on each side of marked words, and in all."""
_EMPTY_LINES = re.compile(r"\n\s*\n")


TABLES = {
    "titles": "publisher_id title_id articles articles_copied addresses pages pages_a pages_b pages_c hosts",
    "all_hosts": "host addresses pages pages_a pages_b pages_c articles most_copied_words",
    "news": "letter document_url headline title_id most_copied_words first_found_at",
    "reasons": "reason pages rows",
    "for_a_person": "document_url title_id headline copied_words article_coverage row_sha256",
}
"""Tables that readers can sort and filter in the report, with the columns of their questions."""


def page_of(found: Gathered, language: str) -> str:
    """Return the report in `fr` or `en`."""
    _ = ReportWords(language, found.titles, found.publishers)
    data_tables, queries = list[ShownTable](), {name: QUESTIONS[name].strip() for name in found.answers}
    for name, columns in TABLES.items():
        asked = name if name in found.answers else "reasons_of_rows"
        rows = found.answers[asked]
        shown = len(rows)
        left_out = _(FIRST_ROWS_SHOWN, shown=_.number(shown)) if shown in (ROWS, HOSTS) else None
        data_tables.append(
            table_of(rows, columns.split(), _, name=name, query=queries[asked], left_out=left_out)
        )
    policy = (
        f"default-src 'none'; style-src {csp_hash(STYLE)}; script-src {csp_hash(SCRIPT)};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    return rendered(
        _HERE / "templates",
        "report.html",
        _,
        policy=policy,
        style=Markup(STYLE),
        script=Markup(SCRIPT),
        data=Markup(_data(data_tables, _)),
        commands=Commands(language, found.order),
        code=code,
        placeholder=None if found.order.corpus else CORPUS,
        found=found,
        engine=ENGINE_NAMES[found.engine],
        brief=_brief(found, _),
        figures=figures_of(found, _),
        data_tables=data_tables,
        examples=[_example(example, _) for example in found.examples],
        queries=queries,
        removal=_removal(found.removal, found.recipients, _) if found.removal else None,
        exposures=_exposures(found, _),
        method=_method(found, _),
    )


def _data(tables: Sequence[ShownTable], _: ReportWords) -> str:
    """Return the rows of tables for the script: by column, as JSON that cannot close its HTML element."""
    # The script replaces names in braces by numbers.
    shown = _("{first} to {last} of {all}", first="{first}", last="{last}", all="{all}")
    texts = {"rows shown": shown, "sort by": _("Sort")}
    packed = dict[str, list[dict[str, Any]]]()
    for table in (each for each in tables if each.rows):
        columns = packed[table.name] = []
        for place, column in enumerate(table.columns):
            # Give the sort keys, and the texts only if these differ from them.
            cells = [row[place] for row in table.rows]
            one: dict[str, Any] = {"kind": column.kind, "values": [cell.value for cell in cells]}
            texts_of = [c.shown.striptags() if isinstance(c.shown, Markup) else c.shown for c in cells]
            usual = [_.number(value) if type(value) is int else value for value in one["values"]]
            if texts_of != usual:
                one["shown"] = texts_of
            if any(cell.link for cell in cells):
                one["links"] = [cell.link for cell in cells]
            columns.append(one)
    text = json.dumps({"texts": texts, "tables": packed}, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


# --- in brief, tables, method


def _brief(found: Gathered, _: ReportWords) -> dict[str, Any]:
    """Return the figures of the section "In brief".

    `rows_of_page`: number of rows without a claim, which keep their own letter; None if there are no claims
    at all. `changes`: number of pairs by state; None if no runs were compared.
    """
    names, changes = ("shards", "complete", "partial", "failed"), None
    shards = {name: sum(int(row[name]) for row in found.rows("read")) for name in names}
    if rows := found.rows("changes"):
        # Show only the last comparison.
        before, after = rows[0]["before_run_id"], rows[0]["after_run_id"]
        newest = [row for row in rows if (row["before_run_id"], row["after_run_id"]) == (before, after)]
        counts = dict.fromkeys(CHANGES, 0) | {row["state"]: row["pairs"] for row in newest}
        changes = {"before": before, "after": after, "counts": counts}
    unjudged = sum(row["rows"] for row in found.rows("judged") if not row["is_judged"])
    return {
        "shards": shards,
        "all_read": 0 < shards["shards"] == shards["complete"],
        "letters": {row["letter"]: row["pages"] for row in found.rows("letters")},
        "rows_of_page": None if found.claims is None else unjudged,
        "places": table_of(found.rows("places"), ("place", "pages", "articles"), _),
        "changes": changes,
    }


def _method(found: Gathered, _: ReportWords) -> dict[str, ShownTable]:
    rows = [
        {**row, "source": _.source(row["dataset"], row["release"], row["rows_name_release"])}
        for row in found.rows("read")
    ]
    names = ("source", "shards", "complete", "partial", "failed", "documents")
    digests = ("table_digest", "corpus_digest", "config_digest")
    runs = table_of(found.rows("runs"), ("run_id", "finished_at", "tool_version", *digests), _)
    return {"read": table_of(rows, names, _), "runs": runs}


# --- examples


def _example(case: ExplainedRow | str, _: ReportWords) -> dict[str, Any]:
    if isinstance(case, str):
        return {"missing": case}
    row = case.row
    codes = [code for code in case.reasons or () if code in REASONS]
    # Show the longest passage in both texts, with common words marked; None for a missing text.
    spans, sides = row.spans or (), {"article": case.article, "document": case.page}
    excerpts: dict[str, Markup | None] = dict.fromkeys(sides)
    for passage in passages_of(spans)[:1] if spans else ():
        begins = {"article": passage.article[0], "document": passage.page[0]}
        for side, text in sides.items():
            if text is not None:
                pieces = pieces_of(text, ranges_of(spans, side))
                near = around_marks(pieces, AROUND, CHARACTERS, begin=begins[side] - AROUND)
                excerpts[side] = Markup(_EMPTY_LINES.sub("\n", as_html(near)).strip())
    return {
        "missing": None,
        "case": case,
        "host": both_ways(row.document_host) if row.document_host else None,
        "article_url": url_cell(row.article_url, _) if row.article_url else None,
        "document_url": url_cell(row.document_url, _),
        **excerpts,
        "reasons": [_(LETTER_MEANINGS[case.letter]), *(_(REASONS[code].sentence) for code in codes)],
    }


# --- removal


def _removal(status: CaseStatus, recipients: Sequence[Recipient], _: ReportWords) -> dict[str, Any]:
    """Return the status of a case by recipient and by state; a place may concern several recipients."""
    counts = defaultdict[str, Counter[str]](Counter)
    for row in status.rows():
        concerned = [each.name for each in recipients if each.concerns(row["dataset"], row["shard_uri"])]
        for name in concerned or [""]:
            counts[name][group_of(row)] += 1
    by_recipient = [
        {"recipient": name or _("no known recipient"), "places": counts[name].total(),
         **{group: counts[name][group] for group in GROUPS}}
        for name in sorted(counts, key=lambda name: (not name, name))
    ]  # fmt: skip
    states = status.counts()
    by_state = [
        {"removal_state": state, "means": _(meaning), "places": states[state]}
        for state, meaning in MEANINGS.items()
        if states[state]
    ]
    return {
        "opened": datetime.fromisoformat(str(status.case.about["opened_at"])),
        "status": status,
        "alarms": Counter(alarm.kind for alarm in status.alarms),
        "recipients": table_of(by_recipient, ("recipient", "places", *GROUPS), _),
        "states": table_of(by_state, ("removal_state", "means", "places"), _),
    }


def group_of(row: Mapping[str, Any]) -> str:
    """Return the group of a place, one of `GROUPS`; after a refusal or failure, it is undecided."""
    if row["removed"]:
        return REMOVED
    return UNDECIDED if row["state"] in ("undecided", "restricted") else READABLE


# --- exposure


def _exposures(found: Gathered, _: ReportWords) -> list[dict[str, Any]]:
    by_id = defaultdict[str, list[Mapping[str, Any]]](list)
    for row in found.exposures:
        by_id[row["exposure"]].append(row)
    entries = list[dict[str, Any]]()
    for exposure in found.exposed.exposures:
        dataset = PRODUCTS.get(exposure.dataset, exposure.dataset)
        shown = [
            {
                "source": _.release_of(dataset, row["release"]),
                "release_is": _("yes") if row["release_is"] == NAMED else _("no, but possible"),
                **{name: row[name] for name in ("articles", "pages")},
            }
            for row in by_id[exposure.id]
        ]
        if shown:
            table = table_of(shown, ("source", "release_is", "articles", "pages"), _)
            sources = [(each, Markup(url_cell(each.identifier, _))) for each in exposure.sources]
            entries.append({"exposure": exposure, "dataset": dataset, "table": table, "sources": sources})
    return sorted(entries, key=lambda entry: str(entry["exposure"].model).lower())
