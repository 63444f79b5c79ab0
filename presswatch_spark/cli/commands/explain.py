"""`presswatch explain`: a row's whole case, for a person."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click
from click import option

from presswatch_spark.cli.options import (
    SectionedCommand,
    day_option,
    mirror_option,
    storage_config_option,
    storage_options,
)
from presswatch_spark.cli.replies import Reply, ReplyForm, reply_options

if TYPE_CHECKING:
    from presswatch_spark.pointers.pointer import Mirror
    from presswatch_spark.settings.config import ScanConfig


@click.command(cls=SectionedCommand)
@click.argument("row")
@click.argument("tables")
@option(
    "--corpus", "corpus_path", metavar="DIR", help="The corpus of the scan: its words, owner and mandate."
)
@option("--claims", "claims_path", metavar="DIR", help="Folder that claims were written to. Default: TABLES.")
@day_option(
    "--as-of", meaning="Judge mandate and rights for this day. Default: the day of the claims, or today."
)
@mirror_option()
@storage_config_option
@reply_options(lang="fr", pager=True)
@storage_options
def explain(
    row: str,
    tables: str,
    corpus_path: str | None,
    claims_path: str | None,
    as_of: date | None,
    mirrors: tuple[Mirror, ...],
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Explain a row: words, dates, owner, rights, and its letter.

    Both texts are shown side by side. ROW is the beginning of a row_sha256, as `presswatch matches` prints
    it; TABLES is the folder of a scan. If --claims or TABLES has a claim of the row, that is explained. The
    page is fetched from its shard; if that cannot be reached, the case says so. At the end stands how anybody
    can check it without this program.

    Example: presswatch explain 3f2a9c41 tables --corpus corpus --claims claims --lang en
    """
    from presswatch_spark.claims.case import case_of
    from presswatch_spark.claims.explain import case_lines

    case = case_of(tables, row, corpus_path, settings.storage, mirrors, as_of, claims_path)
    return Reply(case_lines(case, form.language.language))
