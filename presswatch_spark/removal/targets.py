"""What is to go: each claim, at each place where its bytes are known to be; a case is opened of these."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.selection import Choice, chosen_claims, claims_of_targets, require_rows
from presswatch_spark.pointers.audit import reading_of
from presswatch_spark.removal.case import MARKER, RemovalCase, write_case
from presswatch_spark.removal.passages import OTHERS
from presswatch_spark.removal.resolving import derived, in_source
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Target
from presswatch_spark.tables.store import TableStore

Row = dict[str, Any]

# Columns of a target that its place's row of `matches` has under the same name.
_OF_PLACE = (
    "run_id", "dataset", "release", "document_url", "shard_uri", "record_id", "record_offset",
    "record_length", "record_encoding", "row_index", "payload_digest", "text_sha256", "captured_at",
)  # fmt: skip
_READ = ("row_sha256", "article_id", "article_sha256", "copied_words", *_OF_PLACE)


@dataclass(frozen=True, slots=True)
class ChosenTargets:
    """The claims that were asked for, and their targets; `licensed` ones are left out, and counted.

    `others`: documents of the same files that have the same articles, and are no targets; see `OTHERS`.
    """

    claims: int
    licensed: int
    targets: list[Row]
    others: list[Row]


def targets_of(tables: TableStore, claims: TableStore, choice: Choice) -> ChosenTargets:
    """Return the targets of the claims that are chosen.

    The places of a claim are its own record; other records of the same capture, such as the WARC record of a
    WET record; and the same page in other releases and datasets. All are rows of `matches`, but for the WARC
    records of WET records that no scan has read: see `presswatch_spark.removal.resolving`.

    Raises:
        InputError: there are no claims, or none of a row that is asked for.
    """
    wanted, licensed = chosen_claims(claims, choice)
    found = _matches(tables, wanted)
    require_rows(wanted.keys() - {row["row_sha256"] for row in found}, tables)
    scanned = _scanned(tables)
    targets = [
        target_of(wanted[of["row_sha256"]], of, row, place, scanned)
        for of, row, place in _places(found, wanted.keys())
    ]
    targets += derived(targets)
    chosen = set(claims_of_targets(targets).values())
    return ChosenTargets(len(chosen), licensed, targets, _others(tables, targets))


def _matches(store: TableStore, wanted: Mapping[str, Row]) -> list[Row]:
    """Return the rows of the claims, and all rows of the same texts or pages."""
    table = store.open_table("matches")
    own = table.to_table(
        columns=["document_url", "text_sha256"], filter=pc.field("row_sha256").isin(list(wanted))
    )
    urls = own["document_url"].unique().drop_null()
    alike = pc.field("text_sha256").isin(own["text_sha256"].unique()) | pc.field("document_url").isin(urls)
    rows: list[Row] = table.to_table(columns=list(_READ), filter=alike).to_pylist()
    return rows


def _others(store: TableStore, targets: Sequence[Row]) -> list[Row]:
    """Return the documents beside targets; those of WET files are in the WARC files of these, too."""
    articles, files = ({target[name] for target in targets} - {None} for name in ("article_id", "shard_uri"))
    asked = pc.field("article_id").isin(sorted(articles)) & pc.field("shard_uri").isin(sorted(files))
    rows = store.open_table("matches").to_table(columns=[*OTHERS, "dataset"], filter=asked).to_pylist()
    rows += [of_source for row in rows if (of_source := in_source(row))]
    ours, wanted = ({tuple(row[name] for name in OTHERS) for row in some} for some in (targets, rows))
    pairs = {(target["shard_uri"], target["article_id"]) for target in targets}
    return [
        dict(zip(OTHERS, row, strict=True)) for row in sorted(wanted - ours, key=repr) if row[:2] in pairs
    ]


def _scanned(store: TableStore) -> Mapping[str, tuple[str | None, int | None]]:
    """Return ETag and size of each shard, as the newest scan had them."""
    log: pa.Table = store.read("scan_log", columns=["shard_uri", "etag", "bytes_expected"])
    return {row["shard_uri"]: (row["etag"], row["bytes_expected"]) for row in log.to_pylist()}


def _places(rows: Sequence[Row], wanted: Collection[str]) -> Iterator[tuple[Row, Row, str]]:
    """Yield each row of a claim with each row of its places, and whose bytes these are."""
    by_text, by_page = dict[Any, list[Row]](), dict[Any, list[Row]]()
    for row in rows:
        by_text.setdefault((row["article_id"], row["text_sha256"]), []).append(row)
        if row["document_url"]:
            by_page.setdefault((row["article_id"], row["document_url"]), []).append(row)
    for row in rows:
        if row["row_sha256"] not in wanted:
            continue
        yield row, row, "record"
        alike = by_text[row["article_id"], row["text_sha256"]]
        alike = [*alike, *by_page.get((row["article_id"], row["document_url"]), ())]
        for other in alike:
            if other["row_sha256"] == row["row_sha256"]:
                continue
            same_page = row["document_url"] and row["document_url"] == other["document_url"]
            same_time = row["captured_at"] and row["captured_at"] == other["captured_at"]
            yield row, other, "capture" if same_page and same_time else "release"


def target_of(
    claim: Row, of: Row, row: Row, place: str, scanned: Mapping[str, tuple[str | None, int | None]]
) -> Row:
    """Return the target of a claim at a place, without its digest.

    Args:
        of: the claim's own row of `matches`; `row`: that of the place.
        scanned: ETag and size of each shard.
    """
    etag, size = scanned.get(row["shard_uri"], (None, None))
    return {
        **dict.fromkeys(name for name in Target.schema.names if name != "target_sha256"),
        **{name: claim[name] for name in ("row_sha256", "publisher_id", "title_id", "article_id")},
        "article_sha256": of["article_sha256"],
        "copied_words": row["copied_words"],
        **{name: row[name] for name in _OF_PLACE},
        "place": place,
        "etag": etag,
        "bytes": size,
    }


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A new case, and what it was opened of."""

    case: RemovalCase
    chosen: ChosenTargets


def open_case(
    tables: str,
    out: str,
    *,
    claims: str | None = None,
    rows: str | None = None,
    confidences: Sequence[str] = (),
    noticed_at: date | None = None,
    storage: StorageOptions | None = None,
) -> OpenedCase:
    """Open a case of claims in a new folder; nothing is asked of any server yet.

    Args:
        tables: the tables of the runs that the claims were made of.
        claims: the folder of the claims; default: `tables`.
        rows: a file that names claims by `row_sha256`.
        confidences: letters of claims, in the place of `rows`.
        noticed_at: the day of the notice; default: today, in UTC.

    Raises:
        InputError: there are no such claims; see `targets_of` and `Choice.of`.
        OutputError: `out` holds something, or a table is not as it was published.
    """
    storage = storage or StorageOptions()
    with new_folder(out, storage, MARKER) as draft:
        store, judged = TableStore.open(tables, storage), TableStore.open(claims or tables, storage)
        chosen = targets_of(store, judged, Choice.of(rows, confidences, storage))
        runs = sorted({target["run_id"] for target in chosen.targets})
        about = {
            "tables": str(store.root),
            "claims": str(judged.root),
            "claims_run": judged.made("claims")[-1],
            "confidences": [] if rows else list(confidences),
            "noticed_at": (noticed_at or datetime.now(UTC).date()).isoformat(),
            "reading": {run_id: reading_of(store, run_id) for run_id in runs},
            "others": chosen.others,
        }
        facts = write_case(draft, chosen.targets, about)
    return OpenedCase(RemovalCase(Folder.of(out, storage), facts), chosen)
