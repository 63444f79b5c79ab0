"""Recaptures: rows with the articles of a case in runs that were published since it was opened."""

from collections.abc import Collection, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.judgement.urls import normalise_url
from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.removal.responses import ProbeFinding, RecordFacts, ResponseFacts, probe_of
from presswatch_spark.storage.objects import printable
from presswatch_spark.tables.declarations import Match, Probe, Target
from presswatch_spark.tables.store import TableStore
from presswatch_spark.terminal import utc


def recaptures(
    store: TableStore,
    case: RemovalCase,
    targets: Sequence[Target],
    known: Collection[tuple[str | None, str]],
) -> list[Probe]:
    """Return a probe for each target whose article a later capture has at the same URL, or another file.

    URLs are compared in normal form; without an article, any row of the title at that URL counts. A capture
    is later if it is of a day after that of the notice. A file is another if its name is, whatever its
    folder. `known`: target and `request` of the probes that the case has.
    """
    by_place = dict[tuple[str, str, str], list[Target]]()
    for target in targets:
        if url := normalise_url(target.document_url or ""):
            of = ("article", target.article_id) if target.article_id else ("title", target.title_id)
            by_place.setdefault((*of, url), []).append(target)
    opened_at = datetime.fromisoformat(case.about["opened_at"])
    runs = [row["run_id"] for row in store.rows("runs") if utc(row["finished_at"]) > opened_at]
    if not runs or not by_place:
        return []
    articles, titles = (
        pa.array({name for of, name, _ in by_place if of == kind}, pa.string())
        for kind in ("article", "title")
    )
    is_asked = pc.field("article_id").isin(articles) | pc.field("title_id").isin(titles)
    table = store.open_table("matches", *runs).to_table(filter=is_asked & pc.field("document_url").is_valid())

    probes = list[Probe]()
    for row in sorted(Match.from_batches(table), key=lambda row: (row.run_id, row.row_sha256)):
        url, at = normalise_url(row.document_url or "") or "", row.captured_at and utc(row.captured_at)
        is_later = at is not None and at.date() > case.noticed_on
        detail = f"run {row.run_id}" + (f", captured {at:%Y-%m-%dT%H:%M:%SZ}" if at else "")
        found = ProbeFinding("recaptured" if is_later else "elsewhere", detail, RecordFacts.of_row(row))
        facts = ResponseFacts.unasked(f"READ matches {row.row_sha256}", answered_by=printable(row.shard_uri))
        of_article = by_place.get(("article", row.article_id or "", url), ())
        for target in (*of_article, *by_place.get(("title", row.title_id, url), ())):
            is_new = (target.target_sha256, facts.request) not in known
            if is_new and (is_later or _is_elsewhere(row, target)):
                probes.append(probe_of("recapture", facts, found, target))
    return probes


def _is_elsewhere(row: Match, target: Target) -> bool:
    """Return whether a row is of the capture of a target, in another file of the same release."""
    is_of_release = (row.dataset, row.release) == (target.dataset, target.release)
    if not is_of_release or row.shard_uri.rpartition("/")[2] == target.shard_uri.rpartition("/")[2]:
        return False
    if row.captured_at is None or target.captured_at is None:
        return row.captured_at == target.captured_at and row.text_sha256 == target.text_sha256
    return utc(row.captured_at) == utc(target.captured_at)
