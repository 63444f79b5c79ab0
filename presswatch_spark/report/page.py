"""Writes the page: one file of HTML that loads nothing, in French or English.

Its policy lets it run its own script and use its own style alone. Whatever an expression of a template gives
is escaped.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from presswatch_spark.evidence.typesetting import environment
from presswatch_spark.queries.sql import ENGINE_NAMES
from presswatch_spark.report.cells import ShownTable
from presswatch_spark.report.commands import CORPUS, code
from presswatch_spark.report.examples import example_of
from presswatch_spark.report.exposures import exposure_of
from presswatch_spark.report.figures import figures_of
from presswatch_spark.report.make import Gathered
from presswatch_spark.report.removals import removal_of
from presswatch_spark.report.sections import brief_of, commands_of, method_of, tables_of
from presswatch_spark.report.wording import ReportWords
from presswatch_spark.translation import N_

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
SECTIONS = {
    "brief": N_("In brief"),
    "figures": N_("Figures"),
    "tables": N_("Tables"),
    "examples": N_("Examples, side by side"),
    "removal": N_("Removal"),
    "exposure": N_("AI models, by their publishers' word"),
    "method": N_("Method and limits"),
}


def page_of(found: Gathered, language: str) -> str:
    """Return the page in `fr` or `en`."""
    _ = ReportWords(language, found.titles, found.publishers)
    style, script = _static("report.css"), _static("report.js")
    data_tables = tables_of(found, _)
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
    return (
        environment(_HERE / "templates")
        .get_template("report.html")
        .render(
            _=_,
            p=_.p,
            policy=policy,
            style=Markup(style),
            script=Markup(script),
            data=Markup(_data(data_tables, _)),
            n=_.n,
            commands=commands_of(found, _),
            code=code,
            placeholder=None if found.corpus else CORPUS,
            sections=SECTIONS,
            tables=found.tables,
            made_at=found.made_at.replace(microsecond=0),
            tool_version=found.tool_version,
            engine=ENGINE_NAMES[found.engine],
            brief=brief_of(found, _),
            figures=figures_of(found, _),
            data_tables=data_tables,
            examples=[example_of(example, _) for example in found.examples],
            examples_query=found.answers["examples"].query,
            removal=removal_of(found.removal, _),
            exposure=exposure_of(found.exposed, found.exposures, _),
            method=method_of(found, _),
        )
    )


@cache
def _static(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256-{digest}"


def _data(tables: Sequence[ShownTable], _: ReportWords) -> str:
    """Return the rows of tables for the script: by column, as JSON that cannot end its element."""
    # The script puts numbers in the place of names in braces.
    shown = _("{first} to {last} of {all}", first="{first}", last="{last}", all="{all}")
    texts = {"rows shown": shown.unescape(), "sort by": _("Sort").unescape()}
    packed = dict[str, list[dict[str, Any]]]()
    for table in (each for each in tables if each.rows):
        columns = packed[table.name] = []
        for place, column in enumerate(table.columns):
            # Sort keys, and texts where these differ.
            cells = [row[place] for row in table.rows]
            one: dict[str, Any] = {"kind": column.kind, "values": [cell.value for cell in cells]}
            texts_of = [c.shown.striptags() if "<" in c.shown else c.shown.unescape() for c in cells]
            usual = [_.number(value).unescape() if type(value) is int else value for value in one["values"]]
            if texts_of != usual:
                one["shown"] = texts_of
            if any(cell.link for cell in cells):
                one["links"] = [cell.link for cell in cells]
            columns.append(one)
    text = json.dumps({"texts": texts, "tables": packed}, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
