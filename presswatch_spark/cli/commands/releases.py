"""`presswatch releases` and `datasets`: list crawls with their files, and datasets by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from presswatch_spark.cli.options import argument, flag, option
from presswatch_spark.cli.replies import Language, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.terminal import block_lines, counted

if TYPE_CHECKING:
    from presswatch_spark.scanning.releases.datasets import Dataset

KINDS = {"release": str, "first_capture": datetime, "last_capture": datetime, "has": list}


@command("releases", json=True, export=True, pager=True, config=True)
def releases(
    form: ReplyForm,
    base: str | None = option(
        "--base", "URI", "Site or folder of collinfo.json. Default: index.commoncrawl.org."
    ),
    refresh: bool = flag("--refresh", "Fetch the list even if the cache contains a fresh one."),
) -> Reply:
    """List the releases of Common Crawl, with the files of each.

    The command fetches the list from index.commoncrawl.org once a day. If that fails, it shows the last
    list that it fetched, or else the one of this version, with a warning. CC-NEWS is published by the
    month, for example CC-NEWS-2025-08.
    """
    from presswatch_spark.scanning.releases.crawls import current, list_uri
    from presswatch_spark.scanning.releases.release import LABELS, NEWS, NEWS_SINCE, Release, kinds_of

    uri = list_uri(base or form.settings.datasets.common_crawl.index)
    known = current(uri, form.storage, datetime.now(UTC), again=refresh)
    listed = [*known.crawls, Release(NEWS, NEWS_SINCE, None)]
    rows = (dict(zip(KINDS, (r.name, r.first, r.last, kinds_of(r.name)), strict=True)) for r in listed)
    warnings = [f"{counted(len(known.crawls), 'crawl')}, from {known.origin}"]
    if known.trouble:
        warnings.append(f"note: a newer list is not available: {known.trouble}")

    kinds = [kind for kind in LABELS if any(kind in kinds_of(release.name) for release in listed)]
    cells = [
        [
            release.name,
            *(time and time.date() for time in (release.first, release.last)),
            *("✓" if kind in kinds_of(release.name) else "" for kind in kinds),
        ]
        for release in listed
    ]
    # Short labels, since the table has 80 columns.
    labels = (LABELS[kind].removeprefix("columnar ").removesuffix(".txt") for kind in kinds)
    columns = ("release", "first", "last", *labels)
    table = Table(columns, cells, columns)
    return Reply([table], rows=ReplyRows(rows, KINDS), warnings=warnings)


@command("datasets", json=True, lang="en", pager=True, storage=False)
def datasets(form: ReplyForm, name: str | None = argument(required=False)) -> Reply:
    """List the datasets that can be scanned by name, or show one.

    Unverified facts are marked; `source` is the page where you can verify them.

    Example: presswatch datasets fineweb-2
    """
    from presswatch_spark.scanning.releases.datasets import dataset_named, load_datasets

    known, _ = load_datasets(), form.language
    if name:
        dataset = dataset_named(name, known)
        facts = {fact: value for fact, value in asdict(dataset).items() if fact != "unverified"}
        shown = [
            " ".join([_cell(value, _), *([_("(not verified)")] if fact in dataset.unverified else ())])
            for fact, value in facts.items()
        ]
        return Reply(block_lines(_.names(facts), [shown]), rows=ReplyRows([asdict(dataset)]))

    def truth(dataset: Dataset, name: str) -> str:
        return _cell(bool(getattr(dataset, name)), _) + ("?" if name in dataset.unverified else "")

    rows = [
        (each.id, each.format, each.part, truth(each, "gated"), truth(each, "upstream"), each.where)
        for each in known.values()
    ]
    columns = ("dataset", "format", "a part", "gated", "leads back", "where")
    note = _("?: not verified; details of a dataset: presswatch datasets NAME")
    return Reply([Table(columns, rows, columns[:2]), note], rows=ReplyRows(map(asdict, known.values())))


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
