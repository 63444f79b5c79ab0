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
from presswatch_spark.report.wording import ReportWords, safe

CHANGES = ("new", "reduced", "gone", "reappeared", "persists", "moved", "altered", "unknown")
_TABLES: Mapping[str, Sequence[str]] = {
    "titles": (
        "publisher_id", "title_id", "articles", "articles_copied", "addresses", "pages", "pages_a", "pages_b",
        "pages_c", "hosts",
    ),
    "all_hosts": (
        "host", "addresses", "pages", "pages_a", "pages_b", "pages_c", "articles", "most_copied_words",
    ),
    "news": ("letter", "document_url", "headline", "title_id", "most_copied_words", "first_found_at"),
    "reasons": ("reason", "pages", "rows"),
    "for_a_person": (
        "document_url", "title_id", "headline", "copied_words", "article_coverage", "row_sha256",
    ),
}  # fmt: skip


def commands_of(found: Gathered, say: ReportWords) -> Commands:
    """Return what writes the commands of the page."""
    return Commands(say.language, found.tables, found.corpus, found.mirrors)


def _no_corpus(found: Gathered, say: ReportWords) -> Markup:
    """Return what stands for the corpus in a command, if none was given."""
    return Markup() if found.corpus else Markup(" ") + say("stands for corpus", placeholder=code(CORPUS))


def shards_of(found: Gathered) -> dict[str, int]:
    """Return how many files were planned, and how many were read to their end, in part, and not at all."""
    names = ("shards", "complete", "partial", "failed")
    return {name: sum(int(row[name]) for row in found.rows("read")) for name in names}


def brief_of(found: Gathered, say: ReportWords) -> dict[str, Any]:
    """Return what the page says in brief."""
    shards, totals = shards_of(found), found.first("found")
    all_read = 0 < shards["shards"] == shards["complete"]
    read = "all read" if all_read else "not all read" if shards["shards"] else "read unknown"
    letters = {row["letter"]: row["pages"] for row in found.rows("letters")}
    cards = [
        {
            "number": say.number(totals[name]),
            "label": say(f"{name} one" if totals[name] in say.singular else name),
            "says": say(f"{name} says"),
        }
        for name in ("addresses", "pages", "captures", "records", "claims", "articles", "hosts")
    ]
    return {
        "read": say(read, **{name: say.number(count) for name, count in shards.items()}),
        "all_read": all_read,
        "notes": _notes(found, say),
        "is_empty": not totals["pages"],
        "cards": cards,
        "found_query": found.answers["found"].query,
        "letters": [
            {"letter": letter, "number": say.number(letters.get(letter, 0)), "means": say(f"letter {letter}")}
            for letter in "ABC"
        ],
        "letters_query": found.answers["letters"].query,
        "judged": _judged(found, say),
        "places": table_of(found.answers["places"], ("place", "pages", "articles"), say),
        "changes": _changes(found, say),
    }


def _notes(found: Gathered, say: ReportWords) -> list[Markup]:
    notes = [
        say(
            "a sample",
            run=run["run_id"],
            planned=say.number(run["shards_planned"]),
            listed=say.number(run["shards_listed"]),
        )
        for run in found.runs
        if run["sample"] is not None and run["shards_listed"]
    ]
    if len({row["corpus_digest"] for row in found.rows("read")}) > 1:
        notes.append(say("several corpora"))
    if found.unfinished:
        notes.append(say("unfinished", count=say.number(found.unfinished)))
    return notes


def _judged(found: Gathered, say: ReportWords) -> Markup:
    """Return whose the letters are: those of claims, of rows, or of both."""
    if found.claims is None:
        return say("no claims", command=code(commands_of(found, say).judges())) + _no_corpus(found, say)
    alone = sum(row["rows"] for row in found.rows("judged") if not row["is_judged"])
    return say("not all judged", rows=say.number(alone)) if alone else Markup()


def _changes(found: Gathered, say: ReportWords) -> dict[str, Any] | None:
    """Return what became of copies between the runs that were compared last; None if none were."""
    rows = found.rows("changes")
    if not rows:
        return None
    before, after = rows[0]["before_run_id"], rows[0]["after_run_id"]
    newest = [row for row in rows if (row["before_run_id"], row["after_run_id"]) == (before, after)]
    pairs = {row["state"]: row["pairs"] for row in newest}
    counts = {state: pairs.get(state, 0) for state in CHANGES}
    return {
        "before": before,
        "after": after,
        "cards": [
            {
                "number": say.number(count),
                "label": say(f"state {state} one" if count in say.singular else f"state {state}"),
            }
            for state, count in counts.items()
        ],
        "query": found.answers["changes"].query,
    }


def tables_of(found: Gathered, say: ReportWords) -> list[ShownTable]:
    """Return the tables that are sorted and filtered in the page."""
    shards = {name: say.number(count) for name, count in shards_of(found).items()}
    made = []
    for name, columns in _TABLES.items():
        asked = name if name in found.answers else "reasons_of_rows"
        answer, about = found.answers[asked], say(f"about {name}", **shards)
        if name == "news" and len(found.runs) == 1:
            about += Markup(" ") + say("one run")
        made.append(
            table_of(answer, columns, say, name=name, about=about, left_out=_left_out(found, name, say))
        )
    return made


def _left_out(found: Gathered, name: str, say: ReportWords) -> Markup | None:
    """Return how many rows a table does not show; None if it shows all."""
    shown = len(found.rows(name))
    totals = {"all_hosts": ("found", "hosts"), "news": ("news_in_all", "news")}
    totals["for_a_person"] = ("for_a_person_in_all", "rows")
    if name in totals:
        question, column = totals[name]
        count = found.first(question)[column]
        return say("shown of", shown=say.number(shown), all=say.number(count)) if count > shown else None
    return say("at the limit", shown=say.number(shown)) if shown in (ROWS, HOSTS) else None


def examples_in(found: Gathered, say: ReportWords) -> list[dict[str, Any]]:
    """Return the examples, each as what the page shows of it."""
    return [_example(example, found, say) for example in found.examples]


def _example(example: Example, found: Gathered, say: ReportWords) -> dict[str, Any]:
    case = example.case
    if case is None:
        return {"missing": example.missing}
    row, sides = case.row, sides_of(case)
    reasons = [say.ours(say.speaker(LETTERS[case.letter]))]
    reasons += [
        say.ours(say.speaker(REASONS[code].sentence)) for code in case.reasons or () if code in REASONS
    ]
    url = cells_of(row, ["document_url"], say)[0]
    article_url = cells_of({"document_url": row["article_url"]}, ["document_url"], say)[0]
    return {
        "missing": None,
        "letter": case.letter,
        "headline": safe(row["headline"]) if row.get("headline") else say("no headline"),
        "words": _words_of(row, say),
        "host": safe(both_ways(row["document_host"])) if row["document_host"] else say("unknown"),
        "published": say(
            "published in" if row["article_published_at"] else "undated article",
            title=say.title(row["title_id"]),
            at=say.day(row["article_published_at"]),
        ),
        "article_url": article_url if row["article_url"] else None,
        "recorded": say(
            "of the dataset" if row["captured_at"] else "undated record",
            at=say.day(row["captured_at"]),
            source=say.source(row["dataset"], row["release"]),
        ),
        "document_url": url,
        "article": sides["article"],
        "document": sides["document"],
        "page_missing": str(case.page_missing),
        "reasons": reasons,
        "command": code(commands_of(found, say).explains(row["row_sha256"])),
    }


def _words_of(row: Mapping[str, Any], say: ReportWords) -> Markup:
    """Return how many words are copied, and of how many where that is known."""
    copied, words, share = row["copied_words"], row["article_words"], row["article_coverage"]
    if not words or share is None:
        return say("words copied alone", copied=say.number(copied))
    return say("words copied", copied=say.number(copied), words=say.number(words), share=say.share(share))


def method_of(found: Gathered, say: ReportWords) -> dict[str, Any]:
    """Return what was read, by which runs, and how to check it."""
    read = found.answers["read"]
    rows = [
        {**row, "source": say.source(row["dataset"], row["release"], row["rows_name_release"])}
        for row in read.rows
    ]
    names = ("source", "shards", "complete", "partial", "failed", "documents")
    claims = found.claims
    return {
        "read": table_of(AnsweredQuestion("read", read.query, read.columns, rows), names, say),
        "runs": table_of(
            found.answers["runs"],
            ("run_id", "finished_at", "tool_version", "table_digest", "corpus_digest", "config_digest"),
            say,
        ),
        "judged": claims
        and say(
            "judged by",
            at=say.moment(claims["finished_at"].replace(microsecond=0)),
            version=claims["tool_version"],
            digest=code(claims["table_digest"]),
        ),
        "check": say("check rows", command=code(commands_of(found, say).verifies())) + _no_corpus(found, say),
    }
