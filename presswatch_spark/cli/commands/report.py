"""`presswatch report`: the page that a board, a lawyer and a judge read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.options import STORAGE, argument, engine_option, mirror_option, option
from presswatch_spark.cli.replies import Reply, ReplyForm, command, tell
from presswatch_spark.translation import LANGUAGES

if TYPE_CHECKING:
    from presswatch_spark.pointers.pointer import Mirror
    from presswatch_spark.settings.config import ScanConfig


@command("report", settings=STORAGE)
def report(
    *,
    tables: str = argument(),
    out: str = option(
        "--out", "PAGE.html", "The page, on disk or s3://; replaced if it is there.", required=True
    ),
    corpus: str | None = option(
        "--corpus", "DIR", "The corpus of the scan: names of titles, and texts of articles."
    ),
    case: str | None = option("--case", "CASE", "A case of removal: what became of its places."),
    mirrors: tuple[Mirror, ...] = mirror_option(),
    language: str = option("--lang", None, "Its language.", type=click.Choice(LANGUAGES), default="fr"),
    engine: str = engine_option("What answers"),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Write a page of HTML about the copies, for everybody.

    TABLES is the folder that a scan was given as --out. Letters are those of claims, if `presswatch claims
    --out TABLES` was asked to put them there; else those of rows. The page loads nothing from the network,
    and each figure has the query that gives it. Five pages are read again from their files, for the examples.

    Example: presswatch report --corpus corpus --out report.html tables
    """
    from presswatch_spark.notices.parties import load_recipients
    from presswatch_spark.report.make import ReportOrder, make_report

    order = ReportOrder(
        tables,
        settings.storage,
        case=case,
        recipients=list(load_recipients().values()) if case else (),
        corpus=corpus,
        mirrors=mirrors,
        engine=engine,
    )
    make_report(order, {language: out}, lambda stage: tell(f"{stage} …"))
    return Reply([f"written to {out}"])
