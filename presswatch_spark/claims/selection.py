"""Selection: the claims that a document is about, their pages, and the readings that prove them.

Evidence, notices, cases of removal and reports ask here which claims they are made of, and where and when the
bytes of a claim were read again.

A *page* is an address in a release: its URL, or its text where the URL is not known. A *capture* is a page at
a time. A *record* is the bytes of a capture in one file. A *claim* is an article on a page; where only the
site is known, its title stands for the article. `queries.views.keys` are the same keys in SQL.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow.compute as pc

from presswatch_spark.errors import InputError
from presswatch_spark.pointers.audit import rows_by_digest
from presswatch_spark.pointers.pointer import COMMON_CRAWL, COMMON_CRAWL_SITE
from presswatch_spark.show import counted
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions, read_object
from presswatch_spark.storage.uris import join, printable, scheme_of
from presswatch_spark.tables.store import TableStore

Row = dict[str, Any]
Key = tuple[Any, ...]

LETTERS = ("A", "B")
"""The letters of the claims that are chosen if neither rows nor letters are named."""
LICENSED = "licensed"
DIGITS = 64
NAMED = 3

DISK, COPY, PLACE = "disk", "copy", "place"
"""Where the bytes of a reading came from: a disk, another address, or the file that is named."""


@dataclass(frozen=True, slots=True)
class RecordReading:
    """A reading that found a record as its row describes it: `at` which time, and in which `file`.

    `file` is a printable URI; empty if it is not known.
    """

    at: datetime
    file: str

    def source(self, file: str) -> str:
        """Return `place` if the bytes came from `file` itself; else `disk` or `copy`.

        A file on a disk is never a place: no recipient of a letter can find it, and a third party cannot
        repeat the reading.
        """
        if not self.file or scheme_of(self.file) == "file":
            return DISK
        return PLACE if _public(self.file) == _public(printable(file)) else COPY


def newest_reading(readings: Iterable[RecordReading], file: str) -> RecordReading | None:
    """Return the reading that a document may state of a record in `file`; None if there is none.

    The newest one at the place itself comes before all readings of copies.
    """
    return max(readings, key=lambda reading: (reading.source(file) == PLACE, reading.at), default=None)


def _public(uri: str) -> str:
    """Return one address for the bucket of Common Crawl and its public site."""
    if uri.startswith(COMMON_CRAWL):
        return join(COMMON_CRAWL_SITE, uri.removeprefix(COMMON_CRAWL))
    return uri


def page_of(row: Row) -> Key:
    """Return the key of a row's page; rows are those of `matches`, or have their columns."""
    address = row["document_url"]
    for name in ("text_sha256", "row_sha256"):
        address = row[name] if address is None else address
    return row["release"], address


def capture_of(row: Row) -> Key:
    """Return the key of a row's capture."""
    return *page_of(row), row["captured_at"]


def record_of(row: Row) -> Key:
    """Return the key of a row's record. Where its place is not known, its URL stands for it."""
    place = row["shard_uri"], row["record_offset"], row["row_index"]
    return (*place, row["document_url"]) if place[1:] == (None, None) else place


def claim_of(row: Row) -> Key:
    """Return the key of a row's claim."""
    return row["article_id"], None if row["article_id"] else row["title_id"], *page_of(row)


def claims_of_targets(targets: Iterable[Row]) -> dict[str, Key]:
    """Return the claim of each row of a case by `row_sha256`: that of the row's own record."""
    return {target["row_sha256"]: claim_of(target) for target in targets if target["place"] == "record"}


@dataclass(frozen=True, slots=True)
class ClaimFigures:
    """The figures of rows. Addresses and hosts that are not known count as none."""

    rows: int
    addresses: int
    pages: int
    captures: int
    records: int
    claims: int
    articles: int
    hosts: int

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "ClaimFigures":
        """Count the rows of `matches`, and what they are about."""
        found = list(rows)
        return cls(
            rows=len(found),
            addresses=len({row["document_url"] for row in found} - {None}),
            pages=len(set(map(page_of, found))),
            captures=len(set(map(capture_of, found))),
            records=len(set(map(record_of, found))),
            claims=len(set(map(claim_of, found))),
            articles=len({row["article_id"] for row in found} - {None}),
            hosts=len({row.get("document_host") for row in found} - {None}),
        )

    def numbers(self) -> dict[str, int]:
        """Return the figures by name."""
        return asdict(self)


def figures_by_letter(rows: Iterable[tuple[Row, str]]) -> dict[str, ClaimFigures]:
    """Return the figures of rows and their letters, by letter: each page counts with its strongest one."""
    pages = defaultdict[Key, list[tuple[Row, str]]](list)
    for row, letter in rows:
        pages[page_of(row)].append((row, letter))
    by_letter = defaultdict[str, list[Row]](list)
    for of_page in pages.values():
        by_letter[min(letter for _, letter in of_page)] += [row for row, _ in of_page]
    return {letter: ClaimFigures.of(by_letter[letter]) for letter in sorted(by_letter)}


@dataclass(frozen=True, slots=True)
class Choice:
    """The claims that are asked for: those of `rows` (by `row_sha256`), or those of these letters."""

    rows: frozenset[str] = frozenset()
    confidences: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: str | None, confidences: Sequence[str], storage: StorageOptions) -> "Choice":
        """Return the choice of a file of rows, or of letters; raises as `rows_in`."""
        return cls(frozenset(rows_in(path, storage)) if path else frozenset(), tuple(confidences))

    def __bool__(self) -> bool:
        """Return whether anything in particular is asked for."""
        return bool(self.rows or self.confidences)

    def among(self, rows: Collection[str], letters: Mapping[str, str], place: str) -> set[str]:
        """Return which of the claims of a case or bag are chosen: all of them without a choice.

        Args:
            letters: the letters of the claims today, by `row_sha256`.
            place: what the claims are in, for the message.

        Raises:
            InputError: a row that is asked for is not among them.
        """
        if lost := self.rows - set(rows):
            named = ", ".join(sorted(lost)[:NAMED])
            raise InputError(f"rows that are not in the {place}: {named}", remedy="take them out of --rows")
        chosen = set(self.rows or rows)
        if self.confidences:
            chosen = {row for row in chosen if letters.get(row) in self.confidences}
        return chosen


@dataclass(frozen=True, slots=True)
class Selection:
    """Claims of tables and their rows of `matches`, both by `row_sha256`.

    `store` and `judged`: the tables of the rows, and those of the claims. `licensed`: how many claims were
    asked for and left out, as a licence covers their page.
    """

    store: TableStore
    judged: TableStore
    claims: Mapping[str, Row]
    rows: Mapping[str, Row]
    licensed: int

    @property
    def runs(self) -> list[str]:
        """Return the runs that found the rows."""
        return sorted({row["run_id"] for row in self.rows.values()})

    def figures(self) -> ClaimFigures:
        """Return the figures of all claims."""
        return ClaimFigures.of(row for row, _ in self._lettered())

    def figures_by_letter(self) -> dict[str, ClaimFigures]:
        """Return the figures by letter; see `figures_by_letter`."""
        return figures_by_letter(self._lettered())

    def figures_by_publisher(self) -> dict[str, ClaimFigures]:
        """Return the figures by `publisher_id`, in its order."""
        rows = defaultdict[str, list[Row]](list)
        for row, _ in self._lettered():
            rows[row["publisher_id"]].append(row)
        return {publisher: ClaimFigures.of(rows[publisher]) for publisher in sorted(rows)}

    def _lettered(self) -> Iterator[tuple[Row, str]]:
        for digest, row in self.rows.items():
            claim = self.claims[digest]
            # Rows of earlier versions do not name their host.
            host = row.get("document_host") or claim.get("document_host")
            yield {**row, "document_host": host}, str(claim["confidence"])


def select(store: TableStore, judged: TableStore, choice: Choice) -> Selection:
    """Return the claims that are chosen, but those under a licence, with their rows.

    Raises:
        InputError: there are no such claims, or their rows are not in the tables.
    """
    claims, licensed = chosen_claims(judged, choice)
    rows = one_a_row(rows_by_digest(store, claims.keys()))
    require_rows(claims.keys() - rows.keys(), store)
    return Selection(store, judged, claims, rows, licensed)


def chosen_claims(judged: TableStore, choice: Choice) -> tuple[dict[str, Row], int]:
    """Return the claims that are chosen by `row_sha256`, and how many are left out as licensed.

    Raises:
        InputError: there are no claims, none of a row that is asked for, or all are licensed.
    """
    if not judged.made("claims"):
        raise InputError(
            "there are no claims here",
            where=str(judged.root),
            remedy="make them (`presswatch claims`), and name their folder with --claims",
        )
    name, values = (
        ("row_sha256", choice.rows) if choice.rows else ("confidence", choice.confidences or LETTERS)
    )
    wanted = pc.field(name).isin(sorted(values))
    found = one_a_row(judged.open_table("claims").to_table(filter=wanted).to_pylist())
    if lost := choice.rows - found.keys():
        raise InputError(
            f"{counted(len(lost), 'row')} asked for has no claim: {', '.join(sorted(lost)[:NAMED])}",
            where=str(judged.root),
            remedy="make the claims anew, or take these rows out",
        )
    left = {row: claim for row, claim in found.items() if claim["kind"] != LICENSED}
    # A licence covers hosts, so that the address of its pages is known.
    licensed = len({claim_of({**found[row], "text_sha256": None}) for row in found.keys() - left.keys()})
    if not left:
        raise InputError(
            f"no claim is left to follow: {counted(licensed, 'claim')} of those asked for are licensed",
            where=str(judged.root),
            remedy="give other --rows, or other letters by --confidence",
        )
    return left, licensed


def claims_of(judged: TableStore, rows: Collection[str]) -> dict[str, Row]:
    """Return the claims of rows, by `row_sha256`; a row without a claim is not in it."""
    wanted = pc.field("row_sha256").isin(sorted(rows))
    return one_a_row(judged.open_table("claims").to_table(filter=wanted).to_pylist())


def one_a_row(rows: Iterable[Row]) -> dict[str, Row]:
    """Return one row of `matches` or `claims` for each `row_sha256`.

    It is that of the newest run; of one run, the claim with the weakest letter, the row of the first shard.
    """

    def order(row: Row) -> tuple[str, str]:
        return str(row["run_id"]), str(row.get("confidence"))

    found = dict[str, Row]()
    for row in sorted(rows, key=lambda row: str(row.get("shard_uri")), reverse=True):
        before = found.get(row["row_sha256"])
        if before is None or order(before) <= order(row):
            found[row["row_sha256"]] = row
    return found


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
