"""The sections of the page: the values that their templates show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from markupsafe import Markup

from presswatch_spark.report.cells import ShownTable, table_of
from presswatch_spark.report.commands import Commands
from presswatch_spark.report.make import Gathered
from presswatch_spark.report.questions import HOSTS, ROWS
from presswatch_spark.report.wording import ReportWords
from presswatch_spark.translation import N_

Row = Mapping[str, Any]
CHANGES = ("new", "reduced", "gone", "reappeared", "persists", "moved", "altered", "unknown")


class DataTable(NamedTuple):
    """A table that is sorted and filtered in the page; `columns`: those of its question, by name."""

    title: str
    about: str
    columns: str


_TABLES = {
    "titles": DataTable(
        N_("Titles"),
        N_(
            "A zero means: no copy of letter A, B or C that is known to stand on somebody else's site,"
            " in what was read to its end ({complete} of {shards} files)."
        ),
        "publisher_id title_id articles articles_copied addresses pages pages_a pages_b pages_c hosts",
    ),
    "all_hosts": DataTable(
        N_("Sites"),
        N_("Other sites, those with most pages first."),
        "host addresses pages pages_a pages_b pages_c articles most_copied_words",
    ),
    "news": DataTable(
        N_("News of the newest scan"),
        N_("Pairs of an article and a page that the newest scan was the first to find."),
        "letter document_url headline title_id most_copied_words first_found_at",
    ),
    "reasons": DataTable(
        N_("Why findings wait for a person"),
        N_("Each finding of letter C may have several reasons, for and against."),
        "reason pages rows",
    ),
    "for_a_person": DataTable(
        N_("Findings to examine (letter C)"),
        N_("Those with most words first. None must be produced before a person has examined it."),
        "document_url title_id headline copied_words article_coverage row_sha256",
    ),
}


def commands_of(found: Gathered, _: ReportWords) -> Commands:
    """Return the writer of the commands of the page."""
    return Commands(_.language, found.tables, found.corpus, found.mirrors)


def shards_of(found: Gathered) -> dict[str, int]:
    """Return how many files were planned, and how many were read to their end, in part, and not at all."""
    names = ("shards", "complete", "partial", "failed")
    return {name: sum(int(row[name]) for row in found.rows("read")) for name in names}


@dataclass(frozen=True, slots=True)
class BriefView:
    """The figures of the section in brief.

    `shards`: as `shards_of` returns them. `totals`: of all copies; `letters`: pages by letter. `samples`:
    runs of a sample. `corpora`: how many states of the corpus the scans had. `rows_of_page`: rows without a
    claim, which keep the letter of their page; None if there are no claims. `changes`: None if no runs were
    compared.
    """

    shards: Mapping[str, int]
    totals: Row
    letters: Mapping[str, int]
    samples: Sequence[Row]
    corpora: int
    unfinished: int
    rows_of_page: int | None
    places: ShownTable
    changes: ChangesView | None
    queries: Mapping[str, str]

    @property
    def all_read(self) -> bool:
        """Return whether all files that were planned were read to their end."""
        return 0 < self.shards["shards"] == self.shards["complete"]


@dataclass(frozen=True, slots=True)
class ChangesView:
    """Pairs of an article and a page in each of `CHANGES`, between the two runs that were compared last."""

    before: str
    after: str
    counts: Mapping[str, int]


def brief_of(found: Gathered, _: ReportWords) -> BriefView:
    """Return the figures of the section in brief."""
    unjudged = sum(row["rows"] for row in found.rows("judged") if not row["is_judged"])
    changes = None
    if rows := found.rows("changes"):
        # Only the two runs that were compared last.
        before, after = rows[0]["before_run_id"], rows[0]["after_run_id"]
        newest = [row for row in rows if (row["before_run_id"], row["after_run_id"]) == (before, after)]
        pairs = {row["state"]: row["pairs"] for row in newest}
        changes = ChangesView(before, after, {state: pairs.get(state, 0) for state in CHANGES})
    return BriefView(
        shards=shards_of(found),
        totals=found.first("found"),
        letters={row["letter"]: row["pages"] for row in found.rows("letters")},
        samples=[run for run in found.runs if run["sample"] is not None and run["shards_listed"]],
        corpora=len({row["corpus_digest"] for row in found.rows("read")}),
        unfinished=found.unfinished,
        rows_of_page=None if found.claims is None else unjudged,
        places=table_of(found.answers["places"], ("place", "pages", "articles"), _),
        changes=changes,
        queries={name: answer.query for name, answer in found.answers.items()},
    )


def tables_of(found: Gathered, _: ReportWords) -> list[ShownTable]:
    """Return the tables that are sorted and filtered in the page."""
    shards = {name: _.number(count) for name, count in shards_of(found).items()}
    made = []
    for name, table in _TABLES.items():
        answer = found.answers[name if name in found.answers else "reasons_of_rows"]
        about, left_out = _(table.about, **shards), _left_out(found, name, _)
        if name == "news" and len(found.runs) == 1:
            about += Markup(" ") + _("There is one scan only: all of it is new.")
        shown = {"title": _(table.title), "about": about, "left_out": left_out}
        made.append(table_of(answer, table.columns.split(), _, name=name, **shown))
    return made


def _left_out(found: Gathered, name: str, _: ReportWords) -> Markup | None:
    """Return how many rows a table does not show; None if it shows all."""
    shown = len(found.rows(name))
    totals = {"all_hosts": ("found", "hosts"), "news": ("news_in_all", "news")}
    totals["for_a_person"] = ("for_a_person_in_all", "rows")
    if name in totals:
        question, column = totals[name]
        count = found.first(question)[column]
        return (
            _(
                "{shown} of {all} rows; the others by the query below, without its limit.",
                shown=_.number(shown),
                all=_.number(count),
            )
            if count > shown
            else None
        )
    return (
        _(
            "The first {shown} rows; if there are more, the query below gives them, without its limit.",
            shown=_.number(shown),
        )
        if shown in (ROWS, HOSTS)
        else None
    )


def method_of(found: Gathered, _: ReportWords) -> dict[str, Any]:
    """Return the files that were read, the runs that read them, and the judgement."""
    read = found.answers["read"]
    rows = [
        {**row, "source": _.source(row["dataset"], row["release"], row["rows_name_release"])}
        for row in read.rows
    ]
    names = ("source", "shards", "complete", "partial", "failed", "documents")
    digests = ("table_digest", "corpus_digest", "config_digest")
    return {
        "read": table_of(replace(read, rows=rows), names, _),
        "runs": table_of(found.answers["runs"], ("run_id", "finished_at", "tool_version", *digests), _),
        "claims": found.claims,
    }
