"""The charts of the report and of `reservations timeline`: pictures with their numbers and queries.

Altair and vl-convert draw them as SVG, without the network. The style of the page replaces the colours of a
picture, so that they follow the reader's preference for a dark page.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import altair as alt
import vl_convert
from markupsafe import Markup, escape

from presswatch_spark.core.translation import N_, Translator
from presswatch_spark.legal.report.make import BARS, Gathered
from presswatch_spark.legal.report.wording import (
    FIRST_ROWS_SHOWN,
    RESERVATIONS,
    UNKNOWN,
    ReportWords,
    ShownTable,
    both_ways,
    table_of,
)

FONT = "Arial, Liberation Sans, sans-serif"
"""Fonts whose widths vl-convert knows."""
PADDING = 8
INK, SOFT, LINE = "#1d1d1f", "#5a5a62", "#d6d2c8"
SERIES = ("#7b1e3a", "#c25433", "#b07d12")
"""The three colours of series, in order, such as for letters A, B and C."""
VERDICTS = {"reserved": "#7b1e3a", "allowed": "#2f8f83", "unknown": "#b07d12", "no verdict": "#9a9aa2"}
"""Colours of verdicts on a declaration, in the order of the legend."""
WIDE, NARROW = 640, 150
"""Pixels of the plot on a desktop and on a phone, without the names beside it."""
NAMES_WIDE, NAMES_NARROW = 260, 130
STEP, LINE_HEIGHT = 24, 14
"""Pixels from bar to bar for names of one line, and pixels for each further line."""
COLUMN, ROW = 150, 36
TICKS_WIDE, TICKS_NARROW = 6, 2
BREAK, SEPARATOR = "\n", "· "
"""Texts after which a name continues in the next line: the first one; on a phone, the second, too."""

Chart = alt.LayerChart | alt.FacetChart
Row = Mapping[str, Any]
PAGES = N_("pages")
LIMITED = ("hosts", "releases", "token_share")
"""Charts whose queries have a limit, of rows or of publishers."""
MANY = 3
"""Copies in at least this number of datasets form one series."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of a chart: for each name, in order, its length in each series."""

    names: Sequence[str]
    series: Mapping[str, Sequence[float]]
    unit: str


Dots = Sequence[tuple[str, str, float]]
"""Dots of a chart: for each name and source, the size."""


@dataclass(slots=True)
class Figure:
    """A chart: `pictures` for a desktop and a phone, None if there is nothing to draw.

    `table`: its numbers, None if its question needs claims and there are none. `left_out`: a remark if it may
    not show all.
    """

    name: str
    title: str
    pictures: tuple[Markup, Markup] | None = None
    table: ShownTable | None = None
    left_out: str | None = None


def figures_of(found: Gathered, _: ReportWords) -> list[Figure]:
    """Return all charts, in order."""
    figures = list[Figure]()
    for name, drawing in _DRAWN.items():
        figure, answer = Figure(name, _(drawing.title)), found.answers.get(name)
        if answer is not None:
            rows = [dict(row) for row in answer]
            for row in rows:
                if "dataset" in row and "release" in row:
                    row["source"] = _.source(row["dataset"], row["release"], row.get("rows_name_release"))
                elif "dataset" in row:
                    dataset, __, release = str(row["dataset"]).partition(" ")
                    row["source"] = _.source(dataset, None if release == "?" else release)
            figure.table = table_of(rows, drawing.columns.split(), _)
            if rows:
                wide, narrow = pictures(drawing.draw(rows, _), figure.title, _)
                figure.pictures, figure.left_out = (Markup(wide), Markup(narrow)), _left_out(name, rows, _)
        figures.append(figure)
    return figures


def _left_out(name: str, rows: Sequence[Row], _: ReportWords) -> str | None:
    shown = len({row["publisher_id"] for row in rows} if name == "releases" else rows)
    if name not in LIMITED or shown < BARS:
        return None
    publishers = N_(
        "The {shown} publishers with the most pages; if there are more, the query below returns"
        " them without its limit."
    )
    text = publishers if name == "releases" else FIRST_ROWS_SHOWN
    return _(text, shown=_.number(shown))


def _hosts(rows: Sequence[Row], _: ReportWords) -> Bars:
    names = [both_ways(row["host"]) if row["host"] else _(UNKNOWN) for row in rows]
    series = {letter: [row[f"pages_{letter.lower()}"] for row in rows] for letter in "ABC"}
    return Bars(names, series, _(PAGES))


def _releases(rows: Sequence[Row], _: ReportWords) -> Dots:
    return [(_.publisher(row["publisher_id"]), row["source"], float(row["pages"])) for row in rows]


def _years(rows: Sequence[Row], _: ReportWords) -> Bars:
    names = [str(row["year"]) if row["year"] is not None else _(UNKNOWN) for row in rows]
    unit = _(N_("articles"))
    return Bars(names, {unit: [row["articles"] for row in rows]}, unit)


def _lineage(rows: Sequence[Row], _: ReportWords) -> Bars:
    copies = defaultdict[str, list[float]](lambda: [0.0] * MANY)
    for row in rows:
        copies[row["source"]][min(row["dataset_count"], MANY) - 1] += row["copies"]
    labels = (N_("in this dataset only"), N_("in two datasets"), N_("in three or more"))
    series = {_(label): [counts[place] for counts in copies.values()] for place, label in enumerate(labels)}
    return Bars(list(copies), series, _(N_("copies")))


def _token_share(rows: Sequence[Row], _: ReportWords) -> Bars:
    names = [f"{_.publisher(row['publisher_id'])}{BREAK}{row['source']}" for row in rows]
    series = {
        _(N_("copied by others")): [float(row["copied_in_a_million"]) for row in rows],
        _(N_("on the publishers' own sites")): [float(row["own_in_a_million"]) for row in rows],
    }
    return Bars(names, series, _(N_("words per million")))


def _reservations(rows: Sequence[Row], _: ReportWords) -> Bars:
    names = [_.known(RESERVATIONS, row["reservation"]) for row in rows]
    unit = _(PAGES)
    return Bars(names, {unit: [row["pages"] for row in rows]}, unit)


_Draw = Callable[[Sequence[Row], ReportWords], Bars | Dots]


class Drawing(NamedTuple):
    """The recipe of a chart: its title, its function, and the columns of its table; templates explain it."""

    title: str
    draw: _Draw
    columns: str


_DRAWN: Mapping[str, Drawing] = {
    "hosts": Drawing(N_("The sites that copy most"), _hosts, "host addresses pages pages_a pages_b pages_c"),
    "releases": Drawing(
        N_("Publishers, release by release"), _releases, "publisher_id source pages articles"
    ),
    "years": Drawing(N_("How old the copied articles are"), _years, "year articles pages"),
    "lineage": Drawing(N_("From dataset to dataset"), _lineage, "source dataset_count copies"),
    "token_share": Drawing(
        N_("The share of your words"),
        _token_share,
        "publisher_id source own_words copied_words words own_in_a_million copied_in_a_million",
    ),
    "reservations": Drawing(
        N_("Reservations against text and data mining"), _reservations, "reservation pages articles"
    ),
}


# --- pictures


def pictures(drawn: Bars | Dots, label: str, _: ReportWords) -> tuple[str, str]:
    """Return the picture for a desktop and for a phone, as SVG with `label` as accessible name."""
    draw: Callable[[Any, int, int, ReportWords], Chart] = _bars if isinstance(drawn, Bars) else _dots
    sizes = ((WIDE, NAMES_WIDE), (NARROW, NAMES_NARROW))
    wide, narrow = (_svg(draw(drawn, width, names, _), label, _) for width, names in sizes)
    return wide, narrow


def _svg(chart: Chart, label: str, _: Translator, background: str = "transparent") -> str:
    themed = (
        chart.configure(background=background, font=FONT, padding=PADDING, aria=False)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=INK, titleColor=SOFT, gridColor=LINE, domainColor=LINE, tickColor=LINE,
            labelFontSize=12, titleFontSize=12, titleFontWeight="normal",
        )
        .configure_legend(labelColor=INK, labelFontSize=12, symbolType="square", columnPadding=18)
        .configure_text(fontSize=12)
    )  # fmt: skip
    locale: Literal["fr-FR", "en-GB"] = "fr-FR" if _.language == "fr" else "en-GB"
    svg = vl_convert.vegalite_to_svg(themed.to_dict(), format_locale=locale, time_format_locale=locale)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)


def timeline_svg(periods: Sequence[tuple[str, str, datetime, datetime]], title: str, _: Translator) -> str:
    """Return the picture of periods as SVG: for each, its name, its verdict in words, and both ends.

    Names may have several lines. A period of one capture is a point.
    """
    rows = [
        {"name": name, "verdict": verdict, "first": first.isoformat(), "last": last.isoformat()}
        for name, verdict, first, last in periods
    ]
    lines = max(name.count(BREAK) + 1 for name, *__ in periods)
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=[_.word("column", each) for each in VERDICTS], range=list(VERDICTS.values())),
        legend=alt.Legend(title="verdict", orient="top"),
    )
    y = alt.Y("name:N", sort=None, title=None, axis=_names(NAMES_WIDE, lines))
    axis = alt.Axis(format="%b %Y", tickCount=TICKS_WIDE, labelOverlap=True, domain=False)
    base = alt.Chart(alt.InlineData(values=rows)).encode(y, color=colour)
    bars = base.mark_bar(height=STEP / 3).encode(alt.X("first:T", title=None, axis=axis), alt.X2("last:T"))
    ends = [base.mark_point(filled=True, opacity=1).encode(alt.X(f"{end}:T")) for end in ("first", "last")]
    size = {"width": WIDE, "height": alt.Step(STEP + LINE_HEIGHT * (lines - 1))}
    return _svg(alt.layer(bars, *ends).properties(title=title, **size), title, _, "white")


def _bars(bars: Bars, width: int, names: int, _: ReportWords) -> Chart:
    rows = [
        {"name": name, "series": series, "length": lengths[place], "order": order}
        for order, (series, lengths) in enumerate(bars.series.items())
        for place, name in enumerate(bars.names)
    ]
    totals = [
        {"name": name, "length": (total := sum(each[place] for each in bars.series.values())),
         "text": _.number(total)}
        for place, name in enumerate(bars.names)
    ]  # fmt: skip
    is_wide = width == WIDE
    ticks = TICKS_WIDE if is_wide else TICKS_NARROW
    breaks = (BREAK,) if is_wide else (BREAK, SEPARATOR)
    lines = max(1 + sum(name.count(each) for each in breaks) for name in bars.names)
    step = STEP + LINE_HEIGHT * (lines - 1)
    y = alt.Y("name:N", sort=None, title=None, axis=_names(names, lines))
    axis = alt.Axis(tickCount=ticks, tickMinStep=1, format=",d", domain=False)
    x = alt.X("length:Q", stack="zero", title=bars.unit, axis=axis)
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=list(bars.series), range=list(SERIES[: len(bars.series)])),
        legend=alt.Legend(title=None, orient="top", direction="horizontal" if is_wide else "vertical")
        if len(bars.series) > 1
        else None,
    )
    drawn = alt.Chart(alt.InlineData(values=rows)).mark_bar().encode(y, x, colour, order="order:Q")
    texts = (
        alt.Chart(alt.InlineData(values=totals))
        .mark_text(align="left", dx=4, color=INK)
        .encode(y, alt.X("length:Q"), text="text:N")
    )
    return alt.layer(drawn, texts).properties(width=width, height=alt.Step(step))


def _dots(dots: Dots, width: int, names: int, _: ReportWords) -> Chart:
    rows = [
        {"name": name, "source": source, "size": size, "text": _.number(size)} for name, source, size in dots
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        alt.Y("name:N", sort=None, title=None, axis=_names(names)),
        alt.X("source:N", sort=None, title=None,
              axis=alt.Axis(orient="top", labelAngle=0, labelExpr="split(datum.label, '· ')",
                            labelLimit=COLUMN - 6, labelPadding=18, ticks=False, domain=False)),
    )  # fmt: skip
    circles = base.mark_circle(color=SERIES[0], opacity=1).encode(
        size=alt.Size("size:Q", legend=None, scale=alt.Scale(range=[20, 700]))
    )
    texts = base.mark_text(color=INK, dy=0, dx=16, align="left").encode(text="text:N")
    return alt.layer(circles, texts).properties(width=alt.Step(COLUMN), height=alt.Step(ROW))


def _names(pixels: int, lines: int = 1) -> alt.Axis:
    """Return the axis of names, with the same width in all pictures; `lines`: lines of the longest name."""
    breaks = f"{BREAK}|{SEPARATOR}" if pixels == NAMES_NARROW else BREAK
    return alt.Axis(
        labelExpr=f"split(datum.label, regexp({json.dumps(breaks)}))",
        labelLimit=pixels,
        labelPadding=6,
        minExtent=pixels,
        labelLineHeight=LINE_HEIGHT,
        labelOffset=-LINE_HEIGHT * (lines - 1) / 2,
        ticks=False,
        domain=False,
    )
