"""The figures of the page: each a picture, the numbers it is drawn from, and the query that gave them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from presswatch_spark.report.cells import ShownTable, both_ways, table_of
from presswatch_spark.report.charts import BREAK, Bars, Dots, pictures
from presswatch_spark.report.gathered import Gathered
from presswatch_spark.report.questions import BARS, AnsweredQuestion
from presswatch_spark.report.wording import ReportWords

Row = Mapping[str, Any]
LETTERS = "ABC"
LIMITED = ("hosts", "releases", "token_share")
"""Figures whose queries have a limit: of lines, or of publishers."""
MANY = 3
"""Datasets from which on a copy is said to be in many."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: `pictures` for a desk and a phone, None if there is nothing to draw; `missing` says why."""

    name: str
    about: Markup
    pictures: tuple[Markup, Markup] | None
    missing: Markup | None
    table: ShownTable | None
    left_out: Markup | None = None


def figures_of(found: Gathered, say: ReportWords) -> list[Figure]:
    """Return all figures, in order."""
    return [_figure(name, found, say) for name in _DRAWN]


def _figure(name: str, found: Gathered, say: ReportWords) -> Figure:
    draw, columns = _DRAWN[name]
    about, answer = say(f"about figure {name}"), found.answers.get(name)
    if answer is None:
        return Figure(name, about, None, say(f"no figure {name}"), None)
    named = AnsweredQuestion(
        name, answer.query, answer.columns, [_with_names(row, say) for row in answer.rows]
    )
    table = table_of(named, columns, say)
    if not named.rows:
        return Figure(name, about, None, say("empty figure"), table)
    label = say(f"figure {name}").unescape()
    wide, narrow = pictures(draw(named.rows, say), label, say)
    return Figure(name, about, (Markup(wide), Markup(narrow)), None, table, _left_out(name, answer.rows, say))


def _left_out(name: str, rows: Sequence[Row], say: ReportWords) -> Markup | None:
    """Return that there may be more than a figure shows; None if it shows all."""
    shown = len({row["publisher_id"] for row in rows} if name == "releases" else rows)
    if name not in LIMITED or shown < BARS:
        return None
    return say("most publishers" if name == "releases" else "at the limit", shown=say.number(shown))


def _with_names(row: Row, say: ReportWords) -> dict[str, Any]:
    """Return a row with the names that people read."""
    named = dict(row)
    if "dataset" in row and "release" in row:
        named["source"] = say.source(row["dataset"], row["release"], row.get("rows_name_release"))
    elif "dataset" in row:
        dataset, _, release = str(row["dataset"]).partition(" ")
        named["source"] = say.source(dataset, None if release == "?" else release)
    return named


def _hosts(rows: Sequence[Row], say: ReportWords) -> Bars:
    names = [both_ways(row["host"]) if row["host"] else say("unknown").unescape() for row in rows]
    return Bars(
        names, {letter: [row[f"pages_{letter.lower()}"] for row in rows] for letter in LETTERS}, _pages(say)
    )


def _releases(rows: Sequence[Row], say: ReportWords) -> Dots:
    cells = [
        (say.publisher(row["publisher_id"]).unescape(), row["source"].unescape(), float(row["pages"]))
        for row in rows
    ]
    return Dots(cells, _pages(say))


def _years(rows: Sequence[Row], say: ReportWords) -> Bars:
    names = [str(row["year"]) if row["year"] is not None else say("unknown").unescape() for row in rows]
    unit = say("articles").unescape()
    return Bars(names, {unit: [row["articles"] for row in rows]}, unit)


def _lineage(rows: Sequence[Row], say: ReportWords) -> Bars:
    copies = defaultdict[str, list[float]](lambda: [0.0] * MANY)
    for row in rows:
        copies[row["source"].unescape()][min(row["dataset_count"], MANY) - 1] += row["copies"]
    labels = [say(f"in {count}").unescape() for count in ("one", "two", "many")]
    series = {label: [counts[place] for counts in copies.values()] for place, label in enumerate(labels)}
    return Bars(list(copies), series, say("copies").unescape())


def _token_share(rows: Sequence[Row], say: ReportWords) -> Bars:
    names = [
        f"{say.publisher(row['publisher_id']).unescape()}{BREAK}{row['source'].unescape()}" for row in rows
    ]
    series = {
        say("copied by others").unescape(): [float(row["copied_in_a_million"]) for row in rows],
        say("on own sites").unescape(): [float(row["own_in_a_million"]) for row in rows],
    }
    return Bars(names, series, say("words in a million").unescape())


def _reservations(rows: Sequence[Row], say: ReportWords) -> Bars:
    names = [say.known(f"reservation {row['reservation']}").unescape() for row in rows]
    unit = _pages(say)
    return Bars(names, {unit: [row["pages"] for row in rows]}, unit)


def _pages(say: ReportWords) -> str:
    return say("pages").unescape()


_Draw = Callable[[Sequence[Row], ReportWords], Bars | Dots]
_DRAWN: Mapping[str, tuple[_Draw, Sequence[str]]] = {
    "hosts": (_hosts, ("host", "addresses", "pages", "pages_a", "pages_b", "pages_c")),
    "releases": (_releases, ("publisher_id", "source", "pages", "articles")),
    "years": (_years, ("year", "articles", "pages")),
    "lineage": (_lineage, ("source", "dataset_count", "copies")),
    "token_share": (
        _token_share,
        (
            "publisher_id",
            "source",
            "own_words",
            "copied_words",
            "words",
            "own_in_a_million",
            "copied_in_a_million",
        ),
    ),
    "reservations": (_reservations, ("reservation", "pages", "articles")),
}
"""How each figure is drawn, and the columns of the numbers below it."""
