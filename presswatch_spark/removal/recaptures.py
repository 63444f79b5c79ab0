"""Recaptures: rows with the articles of a case in runs that were published since it was opened.

A *recapture* is a later capture at the same URL, or the same capture in another file of the release: a record
that was moved is not removed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.judgement.urls import normalise_url
from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.removal.responses import ProbeFinding, RecordFacts, ResponseFacts, probe_of
from presswatch_spark.removal.states import ELSEWHERE, RECAPTURE, RECAPTURED
from presswatch_spark.storage.objects import StorageOptions, printable
from presswatch_spark.tables.declarations import Probe, Target
from presswatch_spark.tables.store import TableStore
from presswatch_spark.terminal import utc

Place = tuple[str, str, str]
"""Kind and name of an article or title, and a URL in normal form."""


@dataclass(frozen=True, slots=True)
class LaterMatch:
    """Columns of a row of `matches` that a later run has."""

    row_sha256: str
    run_id: str
    article_id: str | None
    title_id: str
    document_url: str | None
    captured_at: datetime | None
    shard_uri: str
    record_id: str | None
    record_offset: int | None
    record_length: int | None
    row_index: int | None
    text_sha256: str
    copied_words: int
    dataset: str
    release: str | None


@dataclass(frozen=True, slots=True)
class LaterTables:
    """Tables in which later captures are looked for."""

    path: str
    storage: StorageOptions

    def newest(self) -> datetime | None:
        """Return when a run was published last, in UTC; None if none was."""
        return max(_finished(TableStore.open(self.path, self.storage)).values(), default=None)

    def recaptures(
        self, case: RemovalCase, targets: Sequence[Target], known: Collection[tuple[str | None, str]]
    ) -> list[Probe]:
        """Return a probe for each target whose article a later capture has at the same URL, or another file.

        Of a page on a title's site without an article, any row of the title at that URL is taken. URLs are
        compared in normal form. A capture is later if it is of a day after that of the notice. Another file
        of the target's release has another name: folders differ between a release and its mirrors.

        Args:
            known: target and `request` of the probes that the case has already.

        Raises:
            OutputError: a table is not as it was published.
        """
        by_place = dict[Place, list[Target]]()
        for target in targets:
            if url := normalise_url(target.document_url or ""):
                of = ("article", target.article_id) if target.article_id else ("title", target.title_id)
                by_place.setdefault((*of, url), []).append(target)
        noticed_at = str(case.about.get("noticed_at") or case.about["opened_at"][:10])
        noticed_on = datetime.fromisoformat(noticed_at).date()
        probes = list[Probe]()
        for row in self._since(datetime.fromisoformat(case.about["opened_at"]), by_place):
            url = normalise_url(row.document_url or "") or ""
            is_later = row.captured_at is not None and utc(row.captured_at).date() > noticed_on
            at = f", captured {utc(row.captured_at):%Y-%m-%dT%H:%M:%SZ}" if row.captured_at else ""
            found = ProbeFinding(
                RECAPTURED if is_later else ELSEWHERE, f"run {row.run_id}{at}", RecordFacts.of_row(row)
            )
            request = f"READ matches {row.row_sha256}"
            facts = ResponseFacts.unasked(request, answered_by=printable(row.shard_uri))
            of_article = by_place.get(("article", row.article_id or "", url), ())
            for target in (*of_article, *by_place.get(("title", row.title_id, url), ())):
                is_new = (target.target_sha256, request) not in known
                if is_new and (is_later or _is_elsewhere(row, target)):
                    probes.append(probe_of(RECAPTURE, facts, found, target))
        return probes

    def _since(self, opened_at: datetime, places: Collection[Place]) -> list[LaterMatch]:
        store = TableStore.open(self.path, self.storage)
        runs = [run_id for run_id, finished_at in _finished(store).items() if finished_at > opened_at]
        if not runs or not places:
            return []
        articles, titles = (
            pa.array({name for of, name, _ in places if of == kind}, pa.string())
            for kind in ("article", "title")
        )
        asked = pc.field("article_id").isin(articles) | pc.field("title_id").isin(titles)
        asked &= pc.field("document_url").is_valid()
        columns = [each.name for each in fields(LaterMatch)]
        table = store.open_table("matches", *runs).to_table(columns=columns, filter=asked)
        rows = (LaterMatch(**row) for row in table.to_pylist())
        return sorted(rows, key=lambda row: (row.run_id, row.row_sha256))


def _finished(store: TableStore) -> dict[str, datetime]:
    """Return when each run was finished, in UTC."""
    return {row["run_id"]: utc(row["finished_at"]) for row in store.rows("runs")}


def _is_elsewhere(row: LaterMatch, target: Target) -> bool:
    """Return whether a row is of the capture of a target, in another file of the same release."""
    is_of_release = (row.dataset, row.release) == (target.dataset, target.release)
    if not is_of_release or row.shard_uri.rpartition("/")[2] == target.shard_uri.rpartition("/")[2]:
        return False
    if row.captured_at is None or target.captured_at is None:
        return row.captured_at == target.captured_at and row.text_sha256 == target.text_sha256
    return utc(row.captured_at) == utc(target.captured_at)
