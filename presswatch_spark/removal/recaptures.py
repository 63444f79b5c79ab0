"""What runs published since a case was opened say of its articles: captures, and whether runs find enough.

A *recapture* is a later capture at the same URL, or the same capture in another file of the release: who
moves a record has not removed it.

A later capture that no run found is only absent if the run could have found it. If a site bars the crawler,
the archive filters, or our own reader broke, then a run has far fewer rows for its documents than before. So
the *yield* of each new run is compared with those before it, as a whole and by each title of the case.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from statistics import median

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.judgement.urls import normalise_url
from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.removal.responses import ProbeFinding, RecordFacts, ResponseFacts, probe_of
from presswatch_spark.removal.states import ELSEWHERE, FELL, FEW, RECAPTURE, RECAPTURED, STEADY, YIELD
from presswatch_spark.storage.objects import StorageOptions, printable
from presswatch_spark.tables.declarations import Probe, PublishedRun, Target
from presswatch_spark.tables.store import TableStore
from presswatch_spark.terminal import utc

RowCounts = Mapping[tuple[str, str], int]
"""Rows of `matches`, by run and title."""

EARLIER = 5
"""So many runs before it show what a run should have."""
FALLEN = 0.5
"""A yield below this share of the usual one fell."""
LEAST_ROWS = 30
"""Fewer rows than these may be chance: then nothing is reported."""


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

    @property
    def record(self) -> RecordFacts:
        """The columns of `probes` that its record gives."""
        return RecordFacts(
            record_id=self.record_id,
            record_offset=self.record_offset,
            record_length=self.record_length,
            row_index=self.row_index,
            document_url=self.document_url,
            text_sha256=self.text_sha256,
            copied_words=self.copied_words,
        )


@dataclass(frozen=True, slots=True)
class LaterTables:
    """Tables in which later captures are looked for."""

    path: str
    storage: StorageOptions

    def newest(self) -> datetime | None:
        """Return when a run was published last, in UTC; None if none was."""
        return max(map(finished_at, _runs(TableStore.open(self.path, self.storage))), default=None)

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
        by_place = dict[tuple[str, str, str], list[Target]]()
        for target in targets:
            if url := normalise_url(target.document_url or ""):
                kind, name = (
                    ("article", target.article_id) if target.article_id else ("title", target.title_id)
                )
                by_place.setdefault((kind, name, url), []).append(target)
        probes = list[Probe]()
        noticed_on = datetime.fromisoformat(noticed_at(case)).date()
        for row in self._since(case, by_place):
            url = normalise_url(row.document_url or "") or ""
            is_later = row.captured_at is not None and utc(row.captured_at).date() > noticed_on
            for kind, name in (("article", row.article_id or ""), ("title", row.title_id)):
                for target in by_place.get((kind, name, url), ()):
                    if not is_later and not _is_elsewhere(row, target):
                        continue
                    probe = _probe(target, row, RECAPTURED if is_later else ELSEWHERE)
                    if (probe.target_sha256, probe.request) not in known:
                        probes.append(probe)
        return probes

    def _since(self, case: RemovalCase, places: Collection[tuple[str, str, str]]) -> list[LaterMatch]:
        """Return the rows of articles or titles that runs have which were published since."""
        store = TableStore.open(self.path, self.storage)
        opened_at = datetime.fromisoformat(case.about["opened_at"])
        runs = [run.run_id for run in _runs(store) if finished_at(run) > opened_at]
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


def _runs(store: TableStore) -> list[PublishedRun]:
    return [PublishedRun(**row) for row in store.rows("runs")]


def finished_at(run: PublishedRun) -> datetime:
    """Return when a run was published, in UTC."""
    return utc(run.finished_at)


def noticed_at(case: RemovalCase) -> str:
    """Return the day of the notice, as 2026-11-27."""
    return str(case.about.get("noticed_at") or case.about["opened_at"][:10])


def _is_elsewhere(row: LaterMatch, target: Target) -> bool:
    """Return whether a row is of the capture of a target, in another file of the same release."""
    is_of_release = (row.dataset, row.release) == (target.dataset, target.release)
    if not is_of_release or _file(row.shard_uri) == _file(target.shard_uri):
        return False
    if row.captured_at is None or target.captured_at is None:
        return row.captured_at == target.captured_at and row.text_sha256 == target.text_sha256
    return utc(row.captured_at) == utc(target.captured_at)


def _file(uri: str) -> str:
    return uri.rpartition("/")[2]


def _probe(target: Target, row: LaterMatch, outcome: str) -> Probe:
    at = f", captured {utc(row.captured_at):%Y-%m-%dT%H:%M:%SZ}" if row.captured_at else ""
    request = f"READ matches {row.row_sha256}"
    facts = ResponseFacts.unasked(request, answered_by=printable(row.shard_uri))
    return probe_of(RECAPTURE, facts, ProbeFinding(outcome, f"run {row.run_id}{at}", row.record), target)


def yields_of(
    tables: LaterTables, case: RemovalCase, targets: Sequence[Target], known: Collection[str | None]
) -> list[Probe]:
    """Return a probe for each run published since the case was opened, and for each of its titles.

    Rows of a run are compared with the median of up to five earlier runs of the same dataset and kind of
    release, by documents scanned. Runs without such a run before them are left out.

    Args:
        known: `file_uri` of the yields that the case has already.

    Raises:
        OutputError: a table is not as it was published.
    """
    store = TableStore.open(tables.path, tables.storage)
    # A run of some records only has other rows for each document.
    runs = sorted((run for run in _runs(store) if run.records_planned is None), key=finished_at)
    opened_at = datetime.fromisoformat(case.about["opened_at"])
    compared = list[tuple[PublishedRun, Sequence[PublishedRun]]]()
    for place, run in enumerate(runs):
        earlier = [each for each in runs[:place] if _kind(each) == _kind(run) and each.documents]
        is_new = finished_at(run) > opened_at and store.root.at(run.run_id) not in known
        if is_new and earlier and run.documents:
            compared.append((run, earlier[-EARLIER:]))
    if not compared:
        return []
    needed = {each.run_id for run, earlier in compared for each in (run, *earlier)}
    counts = _rows_by_title(store, {target.title_id for target in targets}, needed)
    return [probe for run, earlier in compared for probe in _yields(store, run, earlier, counts)]


def _kind(run: PublishedRun) -> tuple[str | None, str]:
    """Return what makes runs alike: their dataset, and their release without its numbers."""
    return run.dataset, re.sub(r"\d+", "#", run.release or "")


def _rows_by_title(store: TableStore, titles: Collection[str], runs: Collection[str]) -> RowCounts:
    asked = pc.field("title_id").isin(sorted(titles))
    table = store.open_table("matches", *sorted(runs)).to_table(columns=["run_id", "title_id"], filter=asked)
    found = table.group_by(["run_id", "title_id"]).aggregate([([], "count_all")]).to_pylist()
    return {(row["run_id"], row["title_id"]): row["count_all"] for row in found}


def _yields(
    store: TableStore, run: PublishedRun, earlier: Sequence[PublishedRun], counts: RowCounts
) -> Iterator[Probe]:
    rows = {each.run_id: each.matches for each in (run, *earlier)}
    yield _yield(store, run, earlier, "all titles", rows)
    for title in sorted({title for _, title in counts}):
        rows = {each.run_id: counts.get((each.run_id, title), 0) for each in (run, *earlier)}
        probe = _yield(store, run, earlier, f"title {title}", rows)
        if probe.outcome != FEW:
            yield probe


def _yield(
    store: TableStore, run: PublishedRun, earlier: Sequence[PublishedRun], whose: str, rows: Mapping[str, int]
) -> Probe:
    usual = median(rows[each.run_id] / each.documents for each in earlier) * run.documents
    found = rows[run.run_id]
    outcome = FEW if usual < LEAST_ROWS else FELL if found < FALLEN * usual else STEADY
    others = {each.corpus_digest for each in earlier} - {run.corpus_digest}
    corpus = "; the corpus is another than before" if others else ""
    request = (
        f"READ matches of {whose}: {found:,} rows in {run.documents:,} documents,"
        f" where {usual:,.0f} are usual{corpus}"
    )
    detail = f"compared with {', '.join(each.run_id for each in earlier)}"
    facts = ResponseFacts.unasked(request, store.root.at(run.run_id))
    return probe_of(YIELD, facts, ProbeFinding(outcome, detail))
