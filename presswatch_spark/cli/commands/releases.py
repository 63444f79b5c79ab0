"""`presswatch releases` and `datasets`: crawls with their files, and datasets that are known by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from presswatch_spark.cli.options import STORAGE, argument, flag, option
from presswatch_spark.cli.replies import (
    AS_JSON,
    Language,
    Line,
    Reply,
    ReplyForm,
    ReplyRows,
    Table,
    command,
    schema_of,
)
from presswatch_spark.terminal import block_lines, counted

if TYPE_CHECKING:
    from presswatch_spark.releases.datasets import Dataset
    from presswatch_spark.releases.release import Release
    from presswatch_spark.settings.config import ScanConfig

KINDS = {"release": str, "first_capture": datetime, "last_capture": datetime, "has": list}
# With this, the table would be wider than 80 columns.
LONG = "columnar "


@command(
    "releases",
    json=AS_JSON,
    export=True,
    pager=True,
    settings=STORAGE,
    config="Settings in YAML; see conf/releases.yaml.",
)
def releases(
    *,
    base: str | None = option(
        "--base",
        "URI",
        "The list, or the site, bucket or folder that holds it as collinfo.json."
        " Default: index.commoncrawl.org.",
    ),
    refresh: bool = flag("--refresh", "Fetch the list, even if the cache holds a fresh one."),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """List the releases of Common Crawl, with the files of each.

    The list is fetched from index.commoncrawl.org once a day. If that fails, the last answer is shown, or the
    list that came with this version, and stderr says so. CC-NEWS is published by the month, as
    CC-NEWS-2025-08.
    """
    from presswatch_spark.releases.known import current, list_uri
    from presswatch_spark.releases.release import NEWS, NEWS_SINCE, Release

    rules = settings.datasets.common_crawl
    known = current(list_uri(base or rules.index), settings.storage, datetime.now(UTC), again=refresh)
    listed = [*known.listing.crawls, Release(NEWS, NEWS_SINCE, None)]
    rows = (dict(zip(KINDS, (r.name, r.first, r.last, r.has), strict=True)) for r in listed)
    warnings = [f"{counted(len(known.listing.crawls), 'crawl')}, from {known.origin}"]
    if known.trouble:
        warnings.append(f"note: a newer list could not be had: {known.trouble}")
    return Reply(_lines(listed), rows=ReplyRows(rows, schema_of(**KINDS)), warnings=warnings)


def _lines(listed: Sequence[Release]) -> Iterator[Line]:
    from presswatch_spark.releases.release import LABELS

    kinds = [kind for kind in LABELS if any(kind in release.has for release in listed)]
    rows = [
        [
            release.name,
            *(time and time.date() for time in (release.first, release.last)),
            *("✓" if kind in release.has else "" for kind in kinds),
        ]
        for release in listed
    ]
    labels = (LABELS[kind].removeprefix(LONG).removesuffix(".txt") for kind in kinds)
    columns = ("release", "first", "last", *labels)
    yield Table(columns, rows, columns)


@command("datasets", json=AS_JSON, lang="en", pager=True)
def datasets(*, name: str | None = argument(required=False), form: ReplyForm) -> Reply:
    """List the datasets that can be scanned by name, or one.

    Where files are and how rows are read changes: what was not verified is marked, and `source` says where
    to look.

    Example: presswatch datasets fineweb-2
    """
    from presswatch_spark.releases.datasets import dataset_named, load_datasets

    known, _ = load_datasets(), form.language
    chosen = [dataset_named(name, known)] if name else list(known.values())
    lines: Iterable[Line] = _list_lines(chosen, _)
    if name:
        (dataset,) = chosen
        facts = {fact: value for fact, value in asdict(dataset).items() if fact != "unverified"}
        # They are unverified field by field, and each is marked.
        shown = [
            " ".join([_cell(value, _), *([_("(not verified)")] if fact in dataset.unverified else ())])
            for fact, value in facts.items()
        ]
        lines = block_lines(_.names(facts), [shown])
    return Reply(lines, rows=ReplyRows(map(asdict, chosen), schema_of()))


def _list_lines(listed: list[Dataset], _: Language) -> Iterator[Line]:
    def truth(dataset: Dataset, name: str) -> str:
        return _cell(bool(getattr(dataset, name)), _) + ("?" if name in dataset.unverified else "")

    rows = [
        (each.id, each.format, each.part, truth(each, "gated"), truth(each, "upstream"), each.where)
        for each in listed
    ]
    columns = ("dataset", "format", "a part", "gated", "leads back", "where")
    yield Table(columns, rows, columns[:2])
    yield _("?: not verified; for all that is known of one: presswatch datasets NAME")


def _cell(value: object, _: Language) -> str:
    match value:
        case None:
            return ""
        case bool():
            return _("yes") if value else _("no")
        case Mapping():
            return ", ".join(f"{ours}={theirs}" for ours, theirs in value.items())
        case tuple():
            return ", ".join(value)
    return _.cell(value)
