"""`presswatch explain`: a row's whole case, for a person."""

from datetime import datetime
from typing import Any

import click

from presswatch_spark.cli.options import (
    day_option,
    mirror_option,
    scan_settings,
    storage_config_option,
    storage_options,
)
from presswatch_spark.cli.replies import ReplyScreen, screen_options


@click.command()
@click.argument("row")
@click.argument("tables")
@click.option(
    "--corpus", "corpus_path", metavar="DIR", help="The corpus of the scan: its words, owner and mandate."
)
@click.option(
    "--claims", "claims_path", metavar="DIR", help="Folder that claims were written to. Default: TABLES."
)
@day_option("--as-of", "Judge mandate and rights for this day. Default: the day of the claims, or today.")
@mirror_option()
@storage_config_option
@screen_options(lang="fr")
@storage_options
def explain(
    row: str,
    tables: str,
    corpus_path: str | None,
    claims_path: str | None,
    as_of: datetime | None,
    mirrors: tuple[str, ...],
    config: str | None,
    screen: ReplyScreen,
    **flags: Any,
) -> None:
    """Explain a row: its words side by side, dates, owner, mandate, reservation, and why it has its letter.

    ROW is the beginning of a row_sha256, as `presswatch matches` prints it; TABLES is the folder of a scan.
    If --claims or TABLES has a claim of the row, that is explained. The page is fetched from its shard; if
    that cannot be reached, the case says so. At the end stands how anybody can check it without this program.

    Example: presswatch explain 3f2a9c41 tables --corpus corpus --claims claims --lang en
    """
    from presswatch_spark.claims.case import case_of
    from presswatch_spark.claims.explain import case_lines
    from presswatch_spark.pointers.pointer import parse_mirror

    storage = scan_settings(flags, config).storage
    places = [parse_mirror(mirror) for mirror in mirrors]
    day = as_of.date() if as_of else None
    case = case_of(tables, row, corpus_path, storage, places, day, claims_path)
    screen.show(case_lines(case, screen.language.language))
