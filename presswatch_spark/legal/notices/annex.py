"""The annex of a notice: rows, URLs and domains as CSV, XLSX and JSONL. No column has text of a page."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
import pyarrow as pa

from presswatch_spark.claims.selection import SIDES, ClaimPlace
from presswatch_spark.core.locators import TextSource, embedded
from presswatch_spark.core.terminal import plain
from presswatch_spark.corpus.members import Publisher
from presswatch_spark.query.exports import export
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.uris import HubAddress, scheme_of, shown_uri
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.digests import columns_digest, table_digest
from presswatch_spark.tables.row_types import Int32, TableRow, column

ANNEX = "annex"
TABLES = ("rows", "urls", "domains")
ENDINGS = ("csv", "xlsx", "jsonl")
ALWAYS = (
    "document_url", "number", "article_url", "article_coverage", "longest_run_words", "copied_words", "file",
    "record_offset", "record_length", "row_index", "text_sha256", "publisher", "title", "reservation",
    "row_sha256",
)  # fmt: skip
"""Columns for every recipient, URL first: those that letters refer to, and those that locate the record."""


class AnnexRow(TableRow):
    """An article, and a record with words of it."""

    document_url: str | None = column(Match)
    number: int = column("Its number in the letter, from 1.")
    article_url: str | None = column(Match)
    article_coverage: float | None = column(Match)
    longest_run_words: Int32 = column(Match)
    copied_words: Int32 = column(Match)
    dataset: str = column(Match)
    release: str | None = column(Match)
    file: str = column("Public address of the file with the record.")
    revision: str | None = column("Revision of the dataset, if the file's address has one.")
    path: str | None = column("Path of the file in the dataset.")
    record_offset: int | None = column(Match)
    record_length: int | None = column(Match)
    row_index: int | None = column(Match)
    record_id: str | None = column(Match)
    captured_at: datetime | None = column(Match)
    payload_digest: str | None = column(Match)
    text_sha256: str = column(Match)
    text_source: TextSource | None = column(Match)
    publisher: str = column("Name of the publisher.")
    title: str = column("Name of the title.")
    article_id: str | None = column(Match)
    article_published_at: datetime | None = column(Match)
    reservation: str | None = column("The reservation that was in force at the capture, one of `SIDES`.")
    row_sha256: str = column("The row of `matches`.")


class AnnexUrl(TableRow):
    """The rows of a known URL."""

    document_url: str = column("The URL.")
    host: str | None = column("Its host, in ASCII.")
    rows: int = column("Rows of the annex.")
    articles: int = column("Articles of these.")
    first_captured_at: datetime | None = column("The first capture.")
    last_captured_at: datetime | None = column("The last one.")
    reservation: str | None = column("Reservations in force, each with its rows.")


class AnnexDomain(TableRow):
    """The rows of a known registered domain."""

    domain: str = column("The domain.")
    hosts: int = column("Hosts below it.")
    urls: int = column("URLs of these.")
    rows: int = column("Rows of the annex.")
    articles: int = column("Articles of these.")
    reservation: str | None = column("Reservations in force, each with its rows.")


class OwnDomain(TableRow):
    """A SURT prefix of a publisher's site."""

    publisher: str = column("Name of the publisher.")
    title: str = column("Name of the title.")
    site: str = column("Host, or host and folder.")
    surt_prefix: str = column("The prefix.")
    covers: str = column("`host`, `subdomains` or `folder`; see `surt_prefixes`.")


KNOWN_COLUMNS: Mapping[str, frozenset[str]] = {
    "rows": frozenset(AnnexRow.schema.names),
    "urls": frozenset(AnnexUrl.schema.names),
    "domains": frozenset({*AnnexDomain.schema.names, *OwnDomain.schema.names}),
}
"""All columns that a table of an annex can have."""


@dataclass(frozen=True, slots=True)
class Annex:
    """The tables of an annex: each of `TABLES` with its schema and rows. `own_domains` may be empty."""

    rows: Sequence[AnnexRow]
    own_domains: Sequence[OwnDomain]
    tables: Mapping[str, tuple[pa.Schema, Sequence[TableRow]]]

    def cells(self, table: str) -> Iterator[dict[str, Any]]:
        """Yield the columns of each row of a table."""
        schema, rows = self.tables[table]
        for row in rows:
            yield {name: getattr(row, name) for name in schema.names}

    def digests(self) -> dict[str, str]:
        """Return the digest of each table; see `digest_of`."""
        return {table: digest_of(self.cells(table)) for table in TABLES}

    def write(self, folder: Path, lang: str, storage: StorageOptions) -> None:
        """Write each table in each format into a new folder; raises the errors of `export`."""
        for table, (schema, _) in self.tables.items():
            for ending in ENDINGS:
                rows = (tuple(row.values()) for row in self.cells(table))
                export(str(folder / f"{table}.{ending}"), schema, rows, storage, lang)


def digest_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the digest of rows with values converted to types of JSON; their order does not matter."""
    return table_digest(columns_digest({key: plain(value) for key, value in row.items()}) for row in rows)


def rows_of_jsonl(data: bytes) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file of the annex; `ValueError` if it is not JSONL."""
    return [orjson.loads(line) for line in data.splitlines() if line.strip()]


def annex_of(
    places: Sequence[ClaimPlace], publishers: Sequence[Publisher], columns: Sequence[str], own_domains: bool
) -> Annex:
    """Return the annex of places, with the `columns` of rows that the recipient needs.

    `publishers`: those for whom the sender acts. `own_domains`: list the domains of the publishers of the
    articles, instead of the domains of the pages.
    """
    by_id = {publisher.id: publisher for publisher in publishers}
    rows = list[AnnexRow]()
    for number, place in enumerate(places, 1):
        publisher = by_id.get(place.row.publisher_id)
        titles = {title.id: title.name for title in publisher.titles} if publisher else {}
        revision, path = revision_and_path(place.file)
        others: dict[str, Any] = {
            "number": number,
            "file": shown_uri(place.file),
            "revision": revision,
            "path": path,
            "publisher": publisher.name if publisher else place.row.publisher_id,
            "title": titles.get(place.row.title_id, place.row.title_id),
            "reservation": reservation_in_force(place),
        }
        same = {name: getattr(place.row, name) for name in AnnexRow.columns if name not in others}
        rows.append(AnnexRow(**same, **others))
    own = list(_own_domains(publishers_of(publishers, places))) if own_domains else []
    names = {*columns, *ALWAYS} | {"text_source" for place in places if embedded(place.row.text_source)}
    schema = pa.schema([each for each in AnnexRow.schema if each.name in names])
    domains: tuple[pa.Schema, Sequence[TableRow]] = (
        (OwnDomain.schema, own) if own_domains else (AnnexDomain.schema, list(_domains(places)))
    )
    urls = (AnnexUrl.schema, list(_urls(places)))
    return Annex(rows, own, {"rows": (schema, rows), "urls": urls, "domains": domains})


def revision_and_path(file: str) -> tuple[str | None, str | None]:
    """Return revision and path of a file of a versioned dataset (`hf://…@REVISION/PATH`, `/resolve/…`).

    Without a revision, it is None, and the path is that of the URL. Both are None for a file on a disk.
    Raises `InputError` for an address that is not one of a dataset on a hub.
    """
    scheme = scheme_of(file)
    if scheme == "file":
        return None, None
    if scheme == "hf":
        address = HubAddress.of(file)
        return address.revision and shown_uri(address.revision), shown_uri(address.path)
    path = unquote(urlsplit(file).path).lstrip("/")
    before, found, rest = path.partition("/resolve/")
    if found and before:
        revision, _, path = rest.partition("/")
        return shown_uri(revision), shown_uri(path)
    return None, shown_uri(path)


def surt_prefixes(site: str) -> Iterator[tuple[str, str]]:
    """Yield the SURT prefixes of a host or of `host/path/`, each with its extent.

    SURT is the form in which crawlers and their indexes sort hosts, with the last label first:

    journal.example       example,journal)/        the host itself
                          example,journal,         all hosts below it
    journal.example/eco/  example,journal)/eco/    a folder of it

    The extent is `host`, `subdomains` or `folder`. Hosts are ASCII: international names are in Punycode.
    """
    host, slash, path = site.partition("/")
    labels = ",".join(reversed(host.removeprefix("www.").split(".")))
    if slash and path:
        yield f"{labels})/{path}", "folder"
        return
    yield f"{labels})/", "host"
    yield f"{labels},", "subdomains"


def _urls(places: Sequence[ClaimPlace]) -> Iterator[AnnexUrl]:
    groups = defaultdict[str, list[ClaimPlace]](list)
    for place in places:
        if place.row.document_url:
            groups[place.row.document_url].append(place)
    for url, of_url in sorted(groups.items()):
        times = [place.row.captured_at for place in of_url if place.row.captured_at]
        yield AnnexUrl(
            document_url=url,
            host=of_url[0].host,
            rows=len(of_url),
            articles=len({place.row.article_id for place in of_url} - {None, ""}),
            first_captured_at=min(times, default=None),
            last_captured_at=max(times, default=None),
            reservation=_reservations(of_url),
        )


def _domains(places: Sequence[ClaimPlace]) -> Iterator[AnnexDomain]:
    groups = defaultdict[str, list[ClaimPlace]](list)
    for place in places:
        if place.claim and place.claim.document_domain:
            groups[place.claim.document_domain].append(place)
    for domain, of_domain in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        yield AnnexDomain(
            domain=domain,
            hosts=len({place.host for place in of_domain}),
            urls=len({place.row.document_url for place in of_domain if place.row.document_url}),
            rows=len(of_domain),
            articles=len({place.row.article_id for place in of_domain} - {None, ""}),
            reservation=_reservations(of_domain),
        )


def _own_domains(publishers: Sequence[Publisher]) -> Iterator[OwnDomain]:
    for publisher in publishers:
        for title in publisher.titles:
            prefixed = {prefix.partition("/")[0] for prefix in title.url_prefixes}
            sites = [*(domain for domain in title.domains if domain not in prefixed), *title.url_prefixes]
            for site in sites:
                named = {"publisher": publisher.name, "title": title.name, "site": site}
                for prefix, covers in surt_prefixes(site):
                    yield OwnDomain(**named, surt_prefix=prefix, covers=covers)


def publishers_of(publishers: Sequence[Publisher], places: Sequence[ClaimPlace]) -> list[Publisher]:
    """Return the publishers of the articles of places, in the order of the members file."""
    ids = {place.row.publisher_id for place in places}
    return [publisher for publisher in publishers if publisher.id in ids]


def reservation_in_force(place: ClaimPlace) -> str | None:
    """Return the reservation in force at the capture of a place, or None; a notice names no other one."""
    reservation = place.claim.reservation if place.claim else None
    return reservation if reservation in SIDES else None


def _reservations(places: Sequence[ClaimPlace]) -> str | None:
    counts = Counter(sorted(filter(None, map(reservation_in_force, places))))
    return ", ".join(f"{status} ({count})" for status, count in counts.most_common()) or None
