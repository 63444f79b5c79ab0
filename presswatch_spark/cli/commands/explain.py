"""`presswatch explain`: a row's whole case, for a person."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from presswatch_spark.cli.options import STORAGE, argument, day_option, mirror_option, option
from presswatch_spark.cli.replies import Reply, ReplyForm, command

if TYPE_CHECKING:
    from presswatch_spark.pointers.pointer import Mirror
    from presswatch_spark.settings.config import ScanConfig


@command("explain", lang="fr", pager=True, settings=STORAGE, config="Settings in YAML, for storage.")
def explain(
    *,
    row: str = argument(),
    tables: str = argument(),
    corpus_path: str | None = option(
        "--corpus", "DIR", "The corpus of the scan: its words, owner and mandate."
    ),
    claims_path: str | None = option(
        "--claims", "DIR", "Folder that claims were written to. Default: TABLES."
    ),
    as_of: date | None = day_option(
        "--as-of", "Judge mandate and rights for this day. Default: the day of the claims, or today."
    ),
    mirrors: tuple[Mirror, ...] = mirror_option(),
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
