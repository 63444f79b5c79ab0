"""The sections of the page, as what their templates show."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from presswatch_spark.claims.told import LETTERS
from presswatch_spark.judgement.reasons import REASONS
from presswatch_spark.report.cells import ShownTable, both_ways, cells_of, table_of
from presswatch_spark.report.commands import CORPUS, Commands, code
from presswatch_spark.report.examples import Example, sides_of
from presswatch_spark.report.gathered import Gathered
from presswatch_spark.report.questions import HOSTS, ROWS, AnsweredQuestion
from presswatch_spark.report.wording import UNKNOWN, ReportWords, safe
from presswatch_spark.translation import N_

CHANGES = ("new", "reduced", "gone", "reappeared", "persists", "moved", "altered", "unknown")
_TABLES: Mapping[str, tuple[str, str, Sequence[str]]] = {
    "titles": (
N_("Titles"),
N_("A zero means: no copy of letter A, B or C that is known to stand on somebody else's site,"
" in what was read to its end ({complete} of {shards} files)."),
(
        "publisher_id", "title_id", "articles", "articles_copied", "addresses", "pages", "pages_a", "pages_b",
        "pages_c", "hosts",
    ),
),
    "all_hosts": (
N_("Sites"),
N_("Other sites, those with most pages first."),
(
        "host", "addresses", "pages", "pages_a", "pages_b", "pages_c", "articles", "most_copied_words",
    ),
),
    "news": (
N_("News of the newest scan"),
N_("Pairs of an article and a page that the newest scan was the first to find."),
("letter", "document_url", "headline", "title_id", "most_copied_words", "first_found_at"),
),
    "reasons": (
N_("Why findings wait for a person"),
N_("Each finding of letter C may have several reasons, for and against."),
("reason", "pages", "rows"),
),
    "for_a_person": (
N_("Findings to examine (letter C)"),
N_("Those with most words first. None must be produced before a person has examined it."),
(
        "document_url", "title_id", "headline", "copied_words", "article_coverage", "row_sha256",
    ),
),
}  # fmt: skip


def commands_of(found: Gathered, _: ReportWords) -> Commands:
    """Return what writes the commands of the page."""
    return Commands(_.language, found.tables, found.corpus, found.mirrors)


def _no_corpus(found: Gathered, _: ReportWords) -> Markup:
    """Return what stands for the corpus in a command, if none was given."""
    return (
        Markup()
        if found.corpus
        else Markup(" ") + _("{placeholder} is the folder of the scan's corpus.", placeholder=code(CORPUS))
    )


def shards_of(found: Gathered) -> dict[str, int]:
    """Return how many files were planned, and how many were read to their end, in part, and not at all."""
    names = ("shards", "complete", "partial", "failed")
    return {name: sum(int(row[name]) for row in found.rows("read")) for name in names}


def brief_of(found: Gathered, _: ReportWords) -> dict[str, Any]:
    """Return what the page says in brief."""
    shards, totals = shards_of(found), found.first("found")
    all_read = 0 < shards["shards"] == shards["complete"]
    counts = {name: _.number(count) for name, count in shards.items()}
    if all_read:
        read = _("Files planned: {shards}. All were read to their end.", shards=counts["shards"])
    else:
        read = (
            _(
                "Files planned: {shards}. Read to their end: {complete}; in part: {partial}; not at all:"
                " {failed}. What was not read may hold more copies: there, absence means nothing.",
                **counts,
            )
            if shards["shards"]
            else _("The tables do not say how many files were read: absence means nothing here.", **counts)
        )
    letters = {row["letter"]: row["pages"] for row in found.rows("letters")}
    cards = [
        (totals["addresses"], _.n("address", "addresses", totals["addresses"]), _("on other people's sites")),
        (totals["pages"], _.n("page", "pages", totals["pages"]), _("an address in a release")),
        (totals["captures"], _.n("capture", "captures", totals["captures"]), _("a page at a time")),
        (
            totals["records"],
            _.n("record", "records", totals["records"]),
            _("the bytes of a capture in a file"),
        ),
        (totals["claims"], _.n("claim", "claims", totals["claims"]), _("an article on a page")),
        (
            totals["articles"],
            _.n("article", "articles", totals["articles"]),
            _("on these pages, whole or in part"),
        ),
        (totals["hosts"], _.n("site", "sites", totals["hosts"]), _("that have them")),
    ]
    return {
        "read": read,
        "all_read": all_read,
        "notes": _notes(found, _),
        "is_empty": not totals["pages"],
        "cards": [{"number": _.number(count), "label": label, "says": says} for count, label, says in cards],
        "found_query": found.answers["found"].query,
        "letters": [
            {"letter": letter, "number": _.number(letters.get(letter, 0)), "means": means}
            for letter, means in (
                ("A", _("Speaks for itself")),
                ("B", _("Strong evidence")),
                ("C", _("For a person to examine")),
            )
        ],
        "letters_query": found.answers["letters"].query,
        "judged": _judged(found, _),
        "places": table_of(found.answers["places"], ("place", "pages", "articles"), _),
        "changes": _changes(found, _),
    }


def _notes(found: Gathered, _: ReportWords) -> list[Markup]:
    notes = [
        _(
            "Scan {run} is of a sample: {planned} files drawn from {listed}. The figures are those of"
            " the sample, not of the whole.",
            run=run["run_id"],
            planned=_.number(run["shards_planned"]),
            listed=_.number(run["shards_listed"]),
        )
        for run in found.runs
        if run["sample"] is not None and run["shards_listed"]
    ]
    if len({row["corpus_digest"] for row in found.rows("read")}) > 1:
        notes.append(
            _(
                "The scans were made with several states of the corpus. A file that was read with two of"
                " them counts twice."
            )
        )
    if found.unfinished:
        notes.append(
            _(
                "Scans that were begun and not finished, and do not count: {count}.",
                count=_.number(found.unfinished),
            )
        )
    return notes


def _judged(found: Gathered, _: ReportWords) -> Markup:
    """Return whose the letters are: those of claims, of rows, or of both."""
    if found.claims is None:
        return _(
            "These letters come from each page alone: the findings have not been judged together yet."
            " To do so: {command}.",
            command=code(commands_of(found, _).judges()),
        ) + _no_corpus(found, _)
    alone = sum(row["rows"] for row in found.rows("judged") if not row["is_judged"])
    return (
        _(
            "Rows that have not been judged with the others yet: {rows}. They keep the letter of their"
            " page alone.",
            rows=_.number(alone),
        )
        if alone
        else Markup()
    )


def _changes(found: Gathered, _: ReportWords) -> dict[str, Any] | None:
    """Return what became of copies between the runs that were compared last; None if none were."""
    rows = found.rows("changes")
    if not rows:
        return None
    before, after = rows[0]["before_run_id"], rows[0]["after_run_id"]
    newest = [row for row in rows if (row["before_run_id"], row["after_run_id"]) == (before, after)]
    pairs = {row["state"]: row["pairs"] for row in newest}
    counts = {state: pairs.get(state, 0) for state in CHANGES}
    labels = [
        _.n("new", "new", counts["new"]),
        _.n("reduced", "reduced", counts["reduced"]),
        _.n("gone", "gone", counts["gone"]),
        _.n("reappeared", "reappeared", counts["reappeared"]),
        _.n("persists", "persist", counts["persists"]),
        _.n("moved", "moved", counts["moved"]),
        _.n("altered", "altered", counts["altered"]),
        _.n("unknown", "unknown", counts["unknown"]),
    ]
    return {
        "before": before,
        "after": after,
        "cards": [
            {"number": _.number(count), "label": label}
            for count, label in zip(counts.values(), labels, strict=True)
        ],
        "query": found.answers["changes"].query,
    }


def tables_of(found: Gathered, _: ReportWords) -> list[ShownTable]:
    """Return the tables that are sorted and filtered in the page."""
    shards = {name: _.number(count) for name, count in shards_of(found).items()}
    made = []
    for name, (title, about_it, columns) in _TABLES.items():
        asked = name if name in found.answers else "reasons_of_rows"
        answer, about = found.answers[asked], _(about_it, **shards)
        if name == "news" and len(found.runs) == 1:
            about += Markup(" ") + _("There is one scan only: all of it is new.")
        made.append(
            table_of(
                answer,
                columns,
                _,
                name=name,
                title=_(title),
                about=about,
                left_out=_left_out(found, name, _),
            )
        )
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


def examples_in(found: Gathered, _: ReportWords) -> list[dict[str, Any]]:
    """Return the examples, each as what the page shows of it."""
    return [_example(example, found, _) for example in found.examples]


def _example(example: Example, found: Gathered, _: ReportWords) -> dict[str, Any]:
    case = example.case
    if case is None:
        return {"missing": example.missing}
    row, sides = case.row, sides_of(case)
    reasons = [_(LETTERS[case.letter])]
    reasons += [_(REASONS[code].sentence) for code in case.reasons or () if code in REASONS]
    url = cells_of(row, ["document_url"], _)[0]
    article_url = cells_of({"document_url": row["article_url"]}, ["document_url"], _)[0]
    return {
        "missing": None,
        "letter": case.letter,
        "headline": safe(row["headline"]) if row.get("headline") else _("Article without a known headline"),
        "words": _words_of(row, _),
        "host": safe(both_ways(row["document_host"])) if row["document_host"] else _(UNKNOWN),
        "published": _published(row, _),
        "article_url": article_url if row["article_url"] else None,
        "recorded": _recorded(row, _),
        "document_url": url,
        "article": sides["article"],
        "document": sides["document"],
        "page_missing": str(case.page_missing),
        "reasons": reasons,
        "command": code(commands_of(found, _).explains(row["row_sha256"])),
    }


def _published(row: Mapping[str, Any], _: ReportWords) -> Markup:
    title, at = _.title(row["title_id"]), row["article_published_at"]
    return (
        Markup("{}, {}").format(title, _.day_of(at))
        if at
        else _("{title}, date of publication not known", title=title)
    )


def _recorded(row: Mapping[str, Any], _: ReportWords) -> Markup:
    source, at = _.source(row["dataset"], row["release"]), row["captured_at"]
    if at is None:
        return _("date of the record not known ({source})", source=source)
    return _("recorded on {at} ({source})", at=_.day_of(at), source=source)


def _words_of(row: Mapping[str, Any], _: ReportWords) -> Markup:
    """Return how many words are copied, and of how many where that is known."""
    copied, words, share = row["copied_words"], row["article_words"], row["article_coverage"]
    if not words or share is None:
        return _("Words of the article: {copied}", copied=_.number(copied))
    return _(
        "{copied} of the article's {words} words ({share})",
        copied=_.number(copied),
        words=_.number(words),
        share=_.share(share),
    )


def method_of(found: Gathered, _: ReportWords) -> dict[str, Any]:
    """Return what was read, by which runs, and how to check it."""
    read = found.answers["read"]
    rows = [
        {**row, "source": _.source(row["dataset"], row["release"], row["rows_name_release"])}
        for row in read.rows
    ]
    names = ("source", "shards", "complete", "partial", "failed", "documents")
    claims = found.claims
    return {
        "read": table_of(AnsweredQuestion("read", read.query, read.columns, rows), names, _),
        "runs": table_of(
            found.answers["runs"],
            ("run_id", "finished_at", "tool_version", "table_digest", "corpus_digest", "config_digest"),
            _,
        ),
        "judged": claims
        and _(
            "The findings were judged together on {at}, by version {version}; digest: {digest}.",
            at=_.moment(claims["finished_at"].replace(microsecond=0)),
            version=claims["tool_version"],
            digest=code(claims["table_digest"]),
        ),
        "check": _(
            "To read rows again, drawn at random, and repeat the comparison: {command}.",
            command=code(commands_of(found, _).verifies()),
        )
        + _no_corpus(found, _),
    }
