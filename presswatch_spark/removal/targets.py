"""What is to go: each claim, at each place where its bytes are known to be; a case is opened of these."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.errors import InputError
from presswatch_spark.pointers.audit import reading_of
from presswatch_spark.removal.case import MARKER, Case, write_case
from presswatch_spark.removal.passages import OTHERS
from presswatch_spark.removal.resolving import derived, in_source
from presswatch_spark.show import counted
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions, read_object
from presswatch_spark.tables.schemas.case_tables import TARGETS
from presswatch_spark.tables.store import TableStore

Row = dict[str, Any]

DIGITS = 64
NAMED = 3
# Columns of a target that its place's row of `matches` has under the same name.
_OF_PLACE = (
    "run_id", "dataset", "release", "document_url", "shard_uri", "record_id", "record_offset",
    "record_length", "record_encoding", "row_index", "payload_digest", "text_sha256", "captured_at",
)  # fmt: skip
_OF_CLAIM = ("row_sha256", "kind", "publisher_id", "title_id", "article_id")
_READ = ("row_sha256", "article_id", "article_sha256", "copied_words", *_OF_PLACE)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The claims that were asked for, and their targets; `licensed` ones are left out, and counted.

    `others`: documents of the same files that have the same articles, and are no targets; see `OTHERS`.
    """

    claims: int
    licensed: int
    targets: list[Row]
    others: list[Row]


def targets_of(
    tables: TableStore, claims: TableStore, rows: Collection[str], confidences: Sequence[str]
) -> Chosen:
    """Return the targets of claims: those of `rows`, or those of these letters.

    The places of a claim are its own record; other records of the same capture, such as the WARC record of a
    WET record; and the same page in other releases and datasets. All are rows of `matches`, but for the WARC
    records of WET records that no scan has read: see `presswatch_spark.removal.resolving`.

    Raises:
        InputError: there are no claims, or none of a row that is asked for.
    """
    judged, licensed = claims_wanted(claims, rows, confidences, _OF_CLAIM)
    wanted = {row["row_sha256"]: row for row in judged}
    found = _matches(tables, wanted)
    require_rows(wanted.keys() - {row["row_sha256"] for row in found}, tables)
    scanned = _scanned(tables)
    targets = [
        target_of(wanted[of["row_sha256"]], of, row, place, scanned)
        for of, row, place in _places(found, wanted.keys())
    ]
    targets += derived(targets)
    return Chosen(len(wanted), licensed, targets, _others(tables, targets))


def claims_wanted(
    store: TableStore, rows: Collection[str], confidences: Sequence[str], columns: Sequence[str]
) -> tuple[list[Row], int]:
    """Return the claims of `rows`, or of these letters, but those under a licence, which are counted.

    A row that several runs found has a claim for each of them.

    Args:
        columns: of `claims`, `row_sha256` and `kind` among them.

    Raises:
        InputError: there are no claims, none of a row that is asked for, or all are licensed.
    """
    judged = _claims(store, rows, confidences, columns)
    left = [row for row in judged if row["kind"] != "licensed"]
    licensed = len({row["row_sha256"] for row in judged} - {row["row_sha256"] for row in left})
    if not left:
        raise InputError(
            f"no claim is left to follow: {counted(licensed, 'claim')} of those asked for are licensed",
            where=str(store.root),
            remedy="give other --rows, or other letters by --confidence",
        )
    return left, licensed


def require_rows(lost: Collection[str], tables: TableStore) -> None:
    """Raise `InputError` if rows are lost that claims rest on."""
    if lost:
        raise InputError(
            f"{counted(len(lost), 'claim')} rest on rows that are not in these tables, such as {min(lost)}",
            where=str(tables.root),
            remedy="name the tables that the claims were made of",
        )


def rows_in(path: str, storage: StorageOptions) -> set[str]:
    """Return the `row_sha256` that a file names: one a line, or that column of CSV or JSONL.

    Raises:
        InputError: a line names none; with its number.
    """
    text = read_object(path, storage)[0].decode("utf-8-sig", "replace")
    found = set[str]()
    for number, digest in _digests(text):
        if len(digest) != DIGITS or not set(digest) <= set("0123456789abcdef"):
            raise InputError(
                "there is no row_sha256 in 64 small hexadecimal digits",
                where=f"{path}:{number}",
                remedy="write one a line, or give CSV or JSONL with a column row_sha256",
            )
        found.add(digest)
    if not found:
        raise InputError("the file names no row", where=path)
    return found


def _digests(text: str) -> Iterator[tuple[int, str]]:
    lines = text.splitlines()
    head = lines[0] if lines else ""
    if "row_sha256" in head and not head.lstrip().startswith("{"):
        separator = ";" if ";" in head else ","
        reader = csv.DictReader(io.StringIO(text), delimiter=separator)
        yield from ((reader.line_num, str(row.get("row_sha256") or "").strip()) for row in reader)
        return
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("{"):
            try:
                row = parse_json(line)
            except ValueError:
                row = {}
            yield number, str(row.get("row_sha256") or "")
        elif line.strip():
            yield number, line.strip()


def _claims(
    store: TableStore, rows: Collection[str], confidences: Sequence[str], columns: Sequence[str]
) -> list[Row]:
    if not store.made("claims"):
        raise InputError(
            "there are no claims here",
            where=str(store.root),
            remedy="make them (`presswatch claims`), and name their folder with --claims",
        )
    chosen = (
        pc.field("row_sha256").isin(list(rows)) if rows else pc.field("confidence").isin(list(confidences))
    )
    found: list[Row] = store.open_table("claims").to_table(columns=list(columns), filter=chosen).to_pylist()
    if lost := set(rows) - {row["row_sha256"] for row in found}:
        named = ", ".join(sorted(lost)[:NAMED])
        raise InputError(
            f"{counted(len(lost), 'row')} asked for has no claim: {named}",
            where=str(store.root),
            remedy="make the claims anew, or take these rows out",
        )
    return found


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
        **dict.fromkeys(name for name in TARGETS.names if name != "target_sha256"),
        **{name: claim[name] for name in ("row_sha256", "publisher_id", "title_id", "article_id")},
        "article_sha256": of["article_sha256"],
        "copied_words": row["copied_words"],
        **{name: row[name] for name in _OF_PLACE},
        "place": place,
        "etag": etag,
        "bytes": size,
    }


@dataclass(frozen=True, slots=True)
class Opened:
    """A new case, and what it was opened of."""

    case: Case
    chosen: Chosen


def open_case(
    tables: str,
    out: str,
    *,
    claims: str | None = None,
    rows: str | None = None,
    confidences: Sequence[str] = (),
    noticed_at: date | None = None,
    storage: StorageOptions | None = None,
) -> Opened:
    """Open a case of claims in a new folder; nothing is asked of any server yet.

    Args:
        tables: the tables of the runs that the claims were made of.
        claims: the folder of the claims; default: `tables`.
        rows: a file that names claims by `row_sha256`.
        confidences: letters of claims, in the place of `rows`.
        noticed_at: the day of the notice; default: today, in UTC.

    Raises:
        InputError: there are no such claims; see `targets_of` and `rows_in`.
        OutputError: `out` holds something, or a table is not as it was published.
    """
    storage = storage or StorageOptions()
    with new_folder(out, storage, MARKER) as draft:
        store, judged = TableStore.open(tables, storage), TableStore.open(claims or tables, storage)
        chosen = targets_of(store, judged, rows_in(rows, storage) if rows else (), confidences)
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
    return Opened(Case(Folder.of(out, storage), facts), chosen)
