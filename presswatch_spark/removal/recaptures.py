"""What runs published since a case was opened have of its articles at the same URLs.

That is a later capture, or the same capture in another file of the release: who moves a record has not
removed it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from presswatch_spark.judgement.urls import normalise_url
from presswatch_spark.removal.case import Case
from presswatch_spark.removal.states import ELSEWHERE, RECAPTURE, RECAPTURED
from presswatch_spark.storage.objects import StorageOptions, printable
from presswatch_spark.tables.store import TableStore

Row = dict[str, Any]

_READ = (
    "row_sha256", "run_id", "article_id", "title_id", "document_url", "captured_at", "shard_uri",
    "record_id", "record_offset", "record_length", "row_index", "text_sha256", "copied_words", "dataset",
    "release",
)  # fmt: skip
_FACTS = (
    "record_id", "record_offset", "record_length", "row_index", "document_url", "text_sha256", "copied_words",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tables:
    """Tables in which later captures are looked for."""

    path: str
    storage: StorageOptions

    def newest(self) -> datetime | None:
        """Return when a run was published last, in UTC; None if none was."""
        return max(map(finished_at, TableStore.open(self.path, self.storage).rows("runs")), default=None)

    def recaptures(self, case: Case, targets: Sequence[Row], known: Collection[tuple[str, str]]) -> list[Row]:
        """Return a probe for each target whose article a later capture has at the same URL, or another file.

        Of a page on a title's site without an article, any row of the title at that URL is taken. URLs are
        compared in normal form. A capture is later if it is of a day after that of the notice. Another file
        of the target's release has another name: folders differ between a release and its mirrors.

        Args:
            known: target and `request` of the probes that the case has already.

        Raises:
            OutputError: a table is not as it was published.
        """
        by_place = dict[tuple[str, str, str], list[Row]]()
        for target in targets:
            if url := normalise_url(target["document_url"] or ""):
                kind = "article" if target["article_id"] else "title"
                by_place.setdefault((kind, target[f"{kind}_id"], url), []).append(target)
        probes = list[Row]()
        noticed_on = datetime.fromisoformat(noticed_at(case)).date()
        for row in self._since(case, by_place):
            url = normalise_url(row["document_url"]) or ""
            is_later = row["captured_at"] is not None and _utc(row["captured_at"]).date() > noticed_on
            for kind in ("article", "title"):
                for target in by_place.get((kind, row[f"{kind}_id"], url), ()):
                    if not is_later and not _is_elsewhere(row, target):
                        continue
                    probe = _probe(target, row, RECAPTURED if is_later else ELSEWHERE)
                    if (probe["target_sha256"], probe["request"]) not in known:
                        probes.append(probe)
        return probes

    def _since(self, case: Case, places: Collection[tuple[str, str, str]]) -> Iterator[Row]:
        """Yield the rows of articles or titles that runs have which were published since."""
        import pyarrow.dataset as ds

        store = TableStore.open(self.path, self.storage)
        opened_at = datetime.fromisoformat(case.about["opened_at"])
        runs = [run["run_id"] for run in store.rows("runs") if finished_at(run) > opened_at]
        if not runs or not places:
            return
        names = {
            kind: pa.array({name for of, name, _ in places if of == kind}, pa.string())
            for kind in ("article", "title")
        }
        asked = ds.field("article_id").isin(names["article"]) | ds.field("title_id").isin(names["title"])
        asked &= ds.field("document_url").is_valid()
        table = store.open_table("matches", *runs).to_table(columns=list(_READ), filter=asked)
        yield from sorted(table.to_pylist(), key=lambda row: (row["run_id"], row["row_sha256"]))


def finished_at(run: Row) -> datetime:
    """Return when a run was published, in UTC."""
    return _utc(run["finished_at"])


def noticed_at(case: Case) -> str:
    """Return the day of the notice, as 2026-11-27."""
    return str(case.about.get("noticed_at") or case.about["opened_at"][:10])


def _is_elsewhere(row: Row, target: Row) -> bool:
    """Whether a row is of the capture of a target, in another file of the same release."""
    if _file(row) == _file(target) or any(row[name] != target[name] for name in ("dataset", "release")):
        return False
    if row["captured_at"] is None or target["captured_at"] is None:
        return bool(
            row["captured_at"] == target["captured_at"] and row["text_sha256"] == target["text_sha256"]
        )
    return _utc(row["captured_at"]) == _utc(target["captured_at"])


def _file(row: Row) -> str:
    return str(row["shard_uri"]).rpartition("/")[2]


def _probe(target: Row, row: Row, outcome: str) -> Row:
    at = f", captured {_utc(row['captured_at']):%Y-%m-%dT%H:%M:%SZ}" if row["captured_at"] else ""
    return {
        "role": RECAPTURE,
        "target_sha256": target["target_sha256"],
        "outcome": outcome,
        "asked_at": datetime.now(UTC),
        "request": f"READ matches {row['row_sha256']}",
        "answered_by": printable(row["shard_uri"]),
        "detail": f"run {row['run_id']}{at}",
        **{name: row[name] for name in _FACTS},
    }


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
