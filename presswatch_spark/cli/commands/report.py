"""`presswatch report`: the page that a board, a lawyer and a judge read."""

from typing import Any

import click

from presswatch_spark.cli.language import LANGUAGES
from presswatch_spark.cli.options import engine_option, mirror_option, scan_settings, storage_options, tell


@click.command()
@click.argument("tables")
@click.option(
    "--out", required=True, metavar="PAGE.html", help="The page, on disk or s3://; replaced if it is there."
)
@click.option(
    "--corpus", metavar="DIR", help="The corpus of the scan: names of titles, and texts of articles."
)
@click.option("--case", metavar="CASE", help="A case of removal: what became of its places.")
@mirror_option()
@click.option("--lang", type=click.Choice(LANGUAGES), default="fr", show_default=True, help="Its language.")
@engine_option("What answers")
@storage_options
def report(
    tables: str,
    out: str,
    corpus: str | None,
    case: str | None,
    mirrors: tuple[str, ...],
    lang: str,
    engine: str,
    **flags: Any,
) -> None:
    """Write one page of HTML about what was found, for people who read no tables.

    TABLES is the folder that a scan was given as --out. Letters are those of claims, if `presswatch claims
    --out TABLES` was asked to put them there; else those of rows. The page loads nothing from the network,
    and each figure has the query that gives it. Five pages are read again from their files, for the examples.

    Example: presswatch report --corpus corpus --out report.html tables
    """
    from presswatch_spark.notices.parties import load_recipients
    from presswatch_spark.pointers.pointer import parse_mirror
    from presswatch_spark.report.make import ReportOrder, make_report

    order = ReportOrder(
        tables,
        scan_settings(flags).storage,
        case=case,
        recipients=list(load_recipients().values()) if case else (),
        corpus=corpus,
        mirrors=[parse_mirror(mirror) for mirror in mirrors],
        engine=engine,
    )
    make_report(order, {lang: out}, lambda stage: tell(f"{stage} …"))
    click.echo(f"written to {out}")
