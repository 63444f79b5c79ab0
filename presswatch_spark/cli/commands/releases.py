"""`presswatch releases`: lists the crawls, and what each has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.language import ENGLISH
from presswatch_spark.cli.options import as_json, scan_settings, storage_options
from presswatch_spark.cli.replies import (
    Export,
    ReplyScreen,
    export_option,
    pager_option,
    require_new,
    schema_of,
)
from presswatch_spark.terminal import counted, json_line, printable, table_lines, terminal_width

if TYPE_CHECKING:
    from presswatch_spark.releases.known import ReleaseList
    from presswatch_spark.releases.release import Release

COLUMNS = ("release", "first", "last")
KINDS = {"release": str, "first_capture": datetime, "last_capture": datetime, "has": list}
# With this, the table would be wider than 80 columns.
LONG = "columnar "
YES = "✓"


@click.command()
@as_json
@export_option
@click.option(
    "--base",
    metavar="URI",
    help="The list, or the site, bucket or folder that holds it as collinfo.json."
    " Default: index.commoncrawl.org.",
)
@click.option("--refresh", is_flag=True, help="Fetch the list, even if the cache holds a fresh one.")
@click.option("--config", metavar="FILE", help="Settings in YAML; see conf/releases.yaml.")
@pager_option
@storage_options
def releases(
    as_json: bool,
    export: Export | None,
    base: str | None,
    refresh: bool,
    config: str | None,
    no_pager: bool,
    **flags: Any,
) -> None:
    """List the releases of Common Crawl, newest first, and what each has.

    The list is fetched from index.commoncrawl.org once a day. If that fails, the last answer is shown, or the
    list that came with this version, and stderr says so. CC-NEWS is published by the month, as
    CC-NEWS-2025-08.
    """
    from presswatch_spark.releases.known import current, list_uri

    settings = scan_settings(flags, config)
    require_new(export, settings.storage)
    rules = settings.datasets.common_crawl
    uri = list_uri(base or rules.index)
    known = current(uri, settings.storage, datetime.now(UTC), again=refresh)
    if export:
        export.write(schema_of(**KINDS), _rows(known), settings.storage, ENGLISH)
    else:
        ReplyScreen(ENGLISH, not no_pager).show(map(json_line, _rows(known)) if as_json else _lines(known))
    count = f"{counted(len(known.listing.crawls), 'crawl')}, from {known.origin}"
    click.echo(printable(count), err=True)
    if known.trouble:
        click.echo(printable(f"note: a newer list could not be had: {known.trouble}"), err=True)


def _listed(known: ReleaseList) -> list[Release]:
    from presswatch_spark.releases.release import NEWS, NEWS_SINCE, Release

    return [*known.listing.crawls, Release(NEWS, NEWS_SINCE, None)]


def _rows(known: ReleaseList) -> Iterator[dict[str, Any]]:
    for release in _listed(known):
        values = (release.name, release.first, release.last, release.has)
        yield dict(zip(KINDS, values, strict=True))


def _lines(known: ReleaseList) -> Iterator[str]:
    from presswatch_spark.releases.release import LABELS

    listed = _listed(known)
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
