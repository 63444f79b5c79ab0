"""Draws the figures of the page as SVG, with Altair and vl-convert; nothing is asked of the network.

A picture has the colours of a light page. The page's style puts its own in their place, so that they follow
the reader's wish for a dark one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import vl_convert
from markupsafe import escape

from presswatch_spark.report.wording import ReportWords

FONT = "Arial, Liberation Sans, sans-serif"
"""One whose widths are known where the picture is drawn."""
PADDING = 8
INK, SOFT, LINE = "#1d1d1f", "#5a5a62", "#d6d2c8"
SERIES = ("#7b1e3a", "#c25433", "#b07d12")
"""The three colours of series, in order; letters A, B and C have these."""
WIDE, NARROW = 640, 150
"""Pixels of the plot on a desk and on a phone; names stand beside it."""
NAMES_WIDE, NAMES_NARROW = 260, 130
STEP, LINE_HEIGHT = 24, 14
"""Pixels from bar to bar, if names have one line, and what each further line adds."""
COLUMN, ROW = 150, 36
TICKS_WIDE, TICKS_NARROW = 6, 2
BREAK, SEPARATOR = "\n", "· "
"""A name goes on in the next line behind the first; on a phone, behind the second, too."""

Chart = alt.LayerChart | alt.FacetChart


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of a figure: for each name, in order, the length of each series."""

    names: Sequence[str]
    series: Mapping[str, Sequence[float]]
    unit: str
    digits: int = 0


@dataclass(frozen=True, slots=True)
class Dots:
    """Dots of a figure: for each name and source, how large."""

    cells: Sequence[tuple[str, str, float]]
    unit: str


def pictures(drawn: Bars | Dots, label: str, _: ReportWords) -> tuple[str, str]:
    """Return the picture for a desk and for a phone, as SVG with `label` as its name."""
    draw: Callable[[Any, int, int, ReportWords], Chart] = _bars if isinstance(drawn, Bars) else _dots
    sizes = ((WIDE, NAMES_WIDE), (NARROW, NAMES_NARROW))
    svgs = list[str]()
    for width, names in sizes:
        themed = (
            draw(drawn, width, names, _)
            .configure(background="transparent", font=FONT, padding=PADDING, aria=False)
            .configure_view(stroke=None)
            .configure_axis(
                labelColor=INK, titleColor=SOFT, gridColor=LINE, domainColor=LINE, tickColor=LINE,
                labelFontSize=12, titleFontSize=12, titleFontWeight="normal",
            )
            .configure_legend(labelColor=INK, labelFontSize=12, symbolType="square", columnPadding=18)
            .configure_text(fontSize=12)
        )  # fmt: skip
        svg = vl_convert.vegalite_to_svg(
            themed.to_dict(), format_locale="fr-FR" if _.language == "fr" else "en-GB"
        )
        svgs.append(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1))
    wide, narrow = svgs
    return wide, narrow


def _bars(bars: Bars, width: int, names: int, _: ReportWords) -> Chart:
    rows = [
        {"name": name, "series": series, "length": lengths[place], "order": order}
        for order, (series, lengths) in enumerate(bars.series.items())
        for place, name in enumerate(bars.names)
    ]
    totals = [
        {"name": name, "length": (total := sum(each[place] for each in bars.series.values())),
         "text": _.number(total, bars.digits).unescape()}
        for place, name in enumerate(bars.names)
    ]  # fmt: skip
    is_wide = width == WIDE
    ticks = TICKS_WIDE if is_wide else TICKS_NARROW
    breaks = (BREAK,) if is_wide else (BREAK, SEPARATOR)
    lines = max(1 + sum(name.count(each) for each in breaks) for name in bars.names)
    step = STEP + LINE_HEIGHT * (lines - 1)
    across = alt.Y("name:N", sort=None, title=None, axis=_names(names, lines))
    axis = alt.Axis(tickCount=ticks, tickMinStep=1, format=",d", domain=False)
    along = alt.X("length:Q", stack="zero", title=bars.unit, axis=axis)
    colour = alt.Color(
        "series:N",
        scale=alt.Scale(domain=list(bars.series), range=list(SERIES[: len(bars.series)])),
        legend=alt.Legend(title=None, orient="top", direction="horizontal" if is_wide else "vertical")
        if len(bars.series) > 1
        else None,
    )
    drawn = alt.Chart(alt.InlineData(values=rows)).mark_bar().encode(across, along, colour, order="order:Q")
    texts = (
        alt.Chart(alt.InlineData(values=totals))
        .mark_text(align="left", dx=4, color=INK)
        .encode(across, alt.X("length:Q"), text="text:N")
    )
    return alt.layer(drawn, texts).properties(width=width, height=alt.Step(step))


def _dots(dots: Dots, width: int, names: int, _: ReportWords) -> Chart:
    rows = [
        {"name": name, "source": source, "size": size, "text": _.number(size).unescape()}
        for name, source, size in dots.cells
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
    """Return the axis of names: of one width in all pictures, so that their plots are aligned.

    `lines`: those of the longest name, which is centred beside its bar.
    """
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
