"""`presswatch releases`: lists the crawls, and what each has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.commands.tables import as_json
from presswatch_spark.cli.options import print_lines, scan_settings, storage_options
from presswatch_spark.show import counted, json_line, printable, table_lines, terminal_width
from presswatch_spark.storage.web.manners import ask_anew

if TYPE_CHECKING:
    from presswatch_spark.releases.known import Known

COLUMNS = ("release", "first", "last")
# With this, the table would be wider than 80 columns.
LONG = "columnar "
YES = "✓"


@click.command()
@as_json
@click.option(
    "--base",
    metavar="URI",
    help="The list, or the site, bucket or folder that holds it as collinfo.json."
    " Default: index.commoncrawl.org.",
)
@click.option("--refresh", is_flag=True, help="Fetch the list, even if the cache holds a fresh one.")
@click.option("--config", metavar="FILE", help="Settings in YAML; see conf/datasets.yaml.")
@storage_options
def releases(as_json: bool, base: str | None, refresh: bool, config: str | None, **flags: Any) -> None:
    """List the releases of Common Crawl, newest first, and what each has.

    The list is fetched from index.commoncrawl.org once a day. If that fails, the last answer is shown, or the
    list that came with this version, and stderr says so. CC-NEWS is published by the month, as
    CC-NEWS-2025-08.
    """
    from presswatch_spark.releases.known import current, list_uri

    settings = scan_settings(flags, config)
    ask_anew()
    rules = settings.datasets.common_crawl
    uri = list_uri(base or rules.index)
    fresh = timedelta(hours=rules.index_hours)
    known = current(uri, settings.storage, datetime.now(UTC), fresh, refresh)
    print_lines(_lines(known, as_json))
    count = f"{counted(len(known.listing.crawls), 'crawl')}, from {known.origin}"
    click.echo(printable(count), err=True)
    if known.trouble:
        click.echo(printable(f"note: a newer list could not be had: {known.trouble}"), err=True)


def _lines(known: Known, as_json: bool) -> Iterator[str]:
    from presswatch_spark.releases.release import LABELS, NEWS, NEWS_SINCE, Release

    listed = [*known.listing.crawls, Release(NEWS, NEWS_SINCE, None)]
    if as_json:
        for release in listed:
            days = {"first_capture": release.first, "last_capture": release.last}
            yield json_line({"release": release.name, **days, "has": release.has})
        return
    kinds = [kind for kind in LABELS if any(kind in release.has for release in listed)]
    rows: list[list[object]] = [
        [
            release.name,
            *(time and time.date() for time in (release.first, release.last)),
            *(YES if kind in release.has else "" for kind in kinds),
        ]
        for release in listed
    ]
    headers = (*COLUMNS, *(LABELS[kind].removeprefix(LONG).removesuffix(".txt") for kind in kinds))
    yield from table_lines(headers, rows, terminal_width(), headers)
