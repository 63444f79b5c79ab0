"""The figures of the page: each a picture, the numbers it is drawn from, and the query that gave them."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from markupsafe import Markup

from presswatch_spark.report.cells import RESERVATIONS, ShownTable, both_ways, table_of
from presswatch_spark.report.charts import BREAK, Bars, Dots, pictures
from presswatch_spark.report.make import Gathered
from presswatch_spark.report.questions import BARS
from presswatch_spark.report.wording import UNKNOWN, ReportWords
from presswatch_spark.translation import N_

Row = Mapping[str, Any]
LETTERS = "ABC"
LIMITED = ("hosts", "releases", "token_share")
"""Figures with a limit in their queries: of lines, or of publishers."""
MANY = 3
"""A copy in at least so many datasets is in many."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: `pictures` for a desk and a phone, None if there is nothing to draw.

    `table`: its numbers, None if its question needs claims, and there are none. `left_out`: a note that it
    may not show all.
    """

    name: str
    title: Markup
    about: Markup
    pictures: tuple[Markup, Markup] | None = None
    table: ShownTable | None = None
    left_out: Markup | None = None


def figures_of(found: Gathered, _: ReportWords) -> list[Figure]:
    """Return all figures, in order."""
    figures = list[Figure]()
    for name, drawing in _DRAWN.items():
        title, about, answer = _(drawing.title), _(drawing.about), found.answers.get(name)
        if answer is None:
            figures.append(Figure(name, title, about))
            continue
        rows = [dict(row) for row in answer.rows]
        for row in rows:
            if "dataset" in row and "release" in row:
                row["source"] = _.source(row["dataset"], row["release"], row.get("rows_name_release"))
            elif "dataset" in row:
                dataset, __, release = str(row["dataset"]).partition(" ")
                row["source"] = _.source(dataset, None if release == "?" else release)
        table = table_of(replace(answer, rows=rows), drawing.columns, _)
        if not rows:
            figures.append(Figure(name, title, about, table=table))
            continue
        wide, narrow = pictures(drawing.draw(rows, _), title.unescape(), _)
        left_out = _left_out(name, answer.rows, _)
        figures.append(Figure(name, title, about, (Markup(wide), Markup(narrow)), table, left_out))
    return figures


def _left_out(name: str, rows: Sequence[Row], _: ReportWords) -> Markup | None:
    shown = len({row["publisher_id"] for row in rows} if name == "releases" else rows)
    if name not in LIMITED or shown < BARS:
        return None
    number = _.number(shown)
    return (
        _(
            "The {shown} publishers with most pages; if there are more, the query below gives them,"
            " without its limit.",
            shown=number,
        )
        if name == "releases"
        else _(
            "The first {shown} rows; if there are more, the query below gives them, without its limit.",
            shown=number,
        )
    )


def _hosts(rows: Sequence[Row], _: ReportWords) -> Bars:
    names = [both_ways(row["host"]) if row["host"] else _(UNKNOWN).unescape() for row in rows]
    return Bars(
        names, {letter: [row[f"pages_{letter.lower()}"] for row in rows] for letter in LETTERS}, _pages(_)
    )


def _releases(rows: Sequence[Row], _: ReportWords) -> Dots:
    cells = [
        (_.publisher(row["publisher_id"]).unescape(), row["source"].unescape(), float(row["pages"]))
        for row in rows
    ]
    return Dots(cells, _pages(_))


def _years(rows: Sequence[Row], _: ReportWords) -> Bars:
    names = [str(row["year"]) if row["year"] is not None else _(UNKNOWN).unescape() for row in rows]
    unit = _("articles").unescape()
    return Bars(names, {unit: [row["articles"] for row in rows]}, unit)


def _lineage(rows: Sequence[Row], _: ReportWords) -> Bars:
    copies = defaultdict[str, list[float]](lambda: [0.0] * MANY)
    for row in rows:
        copies[row["source"].unescape()][min(row["dataset_count"], MANY) - 1] += row["copies"]
    labels = [
        each.unescape() for each in (_("in this dataset alone"), _("in two datasets"), _("in three or more"))
    ]
    series = {label: [counts[place] for counts in copies.values()] for place, label in enumerate(labels)}
    return Bars(list(copies), series, _("copies").unescape())


def _token_share(rows: Sequence[Row], _: ReportWords) -> Bars:
    names = [
        f"{_.publisher(row['publisher_id']).unescape()}{BREAK}{row['source'].unescape()}" for row in rows
    ]
    series = {
        _("copied by others").unescape(): [float(row["copied_in_a_million"]) for row in rows],
        _("on the publishers' own sites").unescape(): [float(row["own_in_a_million"]) for row in rows],
    }
    return Bars(names, series, _("words in a million").unescape())


def _reservations(rows: Sequence[Row], _: ReportWords) -> Bars:
    names = [_.known(RESERVATIONS, row["reservation"]).unescape() for row in rows]
    unit = _pages(_)
    return Bars(names, {unit: [row["pages"] for row in rows]}, unit)


def _pages(_: ReportWords) -> str:
    return _("pages").unescape()


_Draw = Callable[[Sequence[Row], ReportWords], Bars | Dots]


class Drawing(NamedTuple):
    """The drawing of a figure: its title, its explanation, and the columns of the numbers below it."""

    title: str
    about: str
    draw: _Draw
    columns: Sequence[str]


_DRAWN: Mapping[str, Drawing] = {
    "hosts": Drawing(
        N_("The sites that copy most"),
        N_("Pages of each site, by how strong the finding is: A, B or C."),
        _hosts,
        ("host", "addresses", "pages", "pages_a", "pages_b", "pages_c"),
    ),
    "releases": Drawing(
        N_("Publishers, release by release"),
        N_("Pages on other sites that hold articles of each publisher, in each dataset."),
        _releases,
        ("publisher_id", "source", "pages", "articles"),
    ),
    "years": Drawing(
        N_("How old the copied articles are"),
        N_("Articles that were found, by the year in which they were published."),
        _years,
        ("year", "articles", "pages"),
    ),
    "lineage": Drawing(
        N_("From dataset to dataset"),
        N_(
            "A copy is an article on a page recorded at one time; the publishers' own pages and"
            " licensed ones count, too. One that several datasets hold may have passed from one to"
            " another, or come from the same source. A dataset whose release is not known counts apart,"
            " and may be one of the others."
        ),
        _lineage,
        ("source", "dataset_count", "copies"),
    ),
    "token_share": Drawing(
        N_("The share of your words"),
        N_(
            "Of a million words that were read, how many are words of the articles on other people's"
            " pages, licensed or not, and how many stand on the publishers' own sites. The share is"
            " that of the files that were read. A page counts once for each publisher, and once for all"
            " together. So words that several publishers printed count for each of them: their shares"
            " may add up to more than that of all. Of several articles on a page, only the one with"
            " most words counts: the true share is no smaller."
        ),
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
    "reservations": Drawing(
        N_("Reservations against text and data mining"),
        N_(
            "What the title's site declared around the day on which the page was recorded (CPI, art. L."
            " 122-5-3)."
        ),
        _reservations,
        ("reservation", "pages", "articles"),
    ),
}
