"""The annex of a notice: rows, URLs and domains, each as CSV, XLSX and JSONL, with digests."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
import pyarrow as pa

from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.notices.annex_columns import (
    ALWAYS,
    DOMAIN_COLUMNS,
    OWN_DOMAIN_COLUMNS,
    ROW_COLUMNS,
    URL_COLUMNS,
)
from presswatch_spark.notices.grounds import NoticePlace
from presswatch_spark.notices.parties import Sender
from presswatch_spark.queries.exports import export
from presswatch_spark.show import plain
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.uris import printable, scheme_of
from presswatch_spark.tables.digests import columns_digest, table_digest

Row = dict[str, Any]

TABLES = ("rows", "urls", "domains")
ENDINGS = ("csv", "xlsx", "jsonl")
IN_FORCE = ("both", "before")
"""Statuses of claims by which a reservation was in force at the capture. A notice names no other."""


@dataclass(frozen=True, slots=True)
class Annex:
    """Three tables, by the names of `TABLES`: the columns of each, and its rows."""

    columns: Mapping[str, pa.Schema]
    rows: Mapping[str, Sequence[Row]]

    def digests(self) -> dict[str, str]:
        """Return the digest of each table, as `table_digest` makes it of its rows."""
        return {name: digest_of(self.rows[name]) for name in TABLES}

    def write(self, folder: Path, lang: str, storage: StorageOptions) -> None:
        """Write each table in each format into a new folder; raises as `export`."""
        for name in TABLES:
            schema = self.columns[name]
            for ending in ENDINGS:
                rows = (tuple(row[column] for column in schema.names) for row in self.rows[name])
                export(str(folder / f"{name}.{ending}"), schema, rows, storage, lang)


def digest_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the digest of rows, in the types of JSON, whatever their order."""
    return table_digest(columns_digest({key: plain(value) for key, value in row.items()}) for row in rows)


def rows_of_jsonl(data: bytes) -> list[Row]:
    """Return the rows of a JSONL file of the annex; ValueError if it is none."""
    return [orjson.loads(line) for line in data.splitlines() if line.strip()]


def annex_of(
    places: Sequence[NoticePlace], sender: Sender, columns: Sequence[str], own_domains: bool
) -> Annex:
    """Return the annex of places.

    Args:
        columns: the columns of rows that the recipient needs.
        own_domains: whether the domains are those of the publishers whose articles the places have.
    """
    whole = [_row(number, place, sender) for number, place in enumerate(places, 1)]
    schema = pa.schema([field for field in ROW_COLUMNS if field.name in (*columns, *ALWAYS)])
    domains = _own_domains(publishers_of(sender, places)) if own_domains else _domains(places, whole)
    return Annex(
        {
            "rows": schema,
            "urls": URL_COLUMNS,
            "domains": OWN_DOMAIN_COLUMNS if own_domains else DOMAIN_COLUMNS,
        },
        {
            "rows": [{name: row[name] for name in schema.names} for row in whole],
            "urls": list(_urls(places, whole)),
            "domains": list(domains),
        },
    )


def _row(number: int, place: NoticePlace, sender: Sender) -> Row:
    target, match, claim = place.target, place.match, place.claim
    publisher = sender.by_id.get(target["publisher_id"])
    revision, path = revision_and_path(place.file)
    same = ("dataset", "release", "record_offset", "record_length", "row_index", "record_id")
    more = ("document_url", "captured_at", "payload_digest", "text_sha256", "article_id", "copied_words")
    return {
        "number": number,
        **{name: target[name] for name in (*same, *more)},
        "file": printable(place.file),
        "revision": revision,
        "path": path,
        "publisher": publisher.name if publisher else target["publisher_id"],
        "title": sender.title_of(target),
        "article_url": match["article_url"],
        "article_published_at": match["article_published_at"],
        "reservation": claim["reservation"] if claim and claim["reservation"] in IN_FORCE else None,
        "row_sha256": match["row_sha256"],
    }


def revision_and_path(file: str) -> tuple[str | None, str | None]:
    """Return revision and path of a file of a versioned dataset (`hf://…@REVISION/PATH`, `/resolve/…`).

    Without a revision it is None, and the path is that of the address; both None for a file on a disk.
    """
    scheme = scheme_of(file)
    if scheme == "file":
        return None, None
    parts = urlsplit(file)
    path = unquote(parts.path).lstrip("/")
    if scheme == "hf":
        owner, _, rest = path.partition("/")
        name, _, inside = rest.partition("/")
        _, _, revision = name.partition("@")
        return printable(revision) if owner and revision else None, printable(inside)
    before, found, rest = path.partition("/resolve/")
    if found and before:
        revision, _, path = rest.partition("/")
        return printable(revision), printable(path)
    return None, printable(path)


def surt_prefixes(site: str) -> Iterator[tuple[str, str]]:
    """Yield the SURT prefixes of a host or of `host/path/`, each with what it covers.

    It is the form in which crawlers and their indexes sort hosts, the last label first:

    journal.example       example,journal)/        the host itself
                          example,journal,         all hosts below it
    journal.example/eco/  example,journal)/eco/    a folder of it

    The second is `host`, `subdomains` or `folder`. Hosts are ASCII: an international name is in Punycode.
    """
    host, slash, path = site.partition("/")
    labels = ",".join(reversed(host.removeprefix("www.").split(".")))
    if slash and path:
        yield f"{labels})/{path}", "folder"
        return
    yield f"{labels})/", "host"
    yield f"{labels},", "subdomains"


def host_of_place(place: NoticePlace) -> str | None:
    """Return the host of a place's page, in ASCII; None where it is not known."""
    return place.claim["document_host"] if place.claim else None


def _urls(places: Sequence[NoticePlace], rows: Sequence[Row]) -> Iterator[Row]:
    """Yield a row for each known URL, in the order of the URLs."""
    groups = defaultdict[str, list[int]](list)
    for number, row in enumerate(rows):
        if row["document_url"]:
            groups[row["document_url"]].append(number)
    for url in sorted(groups):
        of_url = [rows[number] for number in groups[url]]
        times = [row["captured_at"] for row in of_url if row["captured_at"]]
        yield {
            "document_url": url,
            "host": host_of_place(places[groups[url][0]]),
            **_counts(of_url),
            "first_captured_at": min(times, default=None),
            "last_captured_at": max(times, default=None),
            "reservation": _reservations(of_url),
        }


def _domains(places: Sequence[NoticePlace], rows: Sequence[Row]) -> Iterator[Row]:
    """Yield a row for each known registered domain, the one with most rows first."""
    groups = defaultdict[str, list[int]](list)
    for number, place in enumerate(places):
        if place.claim and place.claim["document_domain"]:
            groups[place.claim["document_domain"]].append(number)
    for domain in sorted(groups, key=lambda each: (-len(groups[each]), each)):
        of_domain = [rows[number] for number in groups[domain]]
        yield {
            "domain": domain,
            "hosts": len({host_of_place(places[number]) for number in groups[domain]}),
            "urls": len({row["document_url"] for row in of_domain if row["document_url"]}),
            **_counts(of_domain),
            "reservation": _reservations(of_domain),
        }


def publishers_of(sender: Sender, places: Sequence[NoticePlace]) -> list[Publisher]:
    """Return the sender's publishers whose articles the places have, in the order of the members file."""
    ids = {place.target["publisher_id"] for place in places}
    return [publisher for publisher in sender.publishers if publisher.id in ids]


def _own_domains(publishers: Sequence[Publisher]) -> Iterator[Row]:
    """Yield each site of publishers with each of its SURT prefixes."""
    for publisher in publishers:
        for title in publisher.titles:
            prefixed = {prefix.partition("/")[0] for prefix in title.url_prefixes}
            sites = [*(domain for domain in title.domains if domain not in prefixed), *title.url_prefixes]
            for site in sites:
                for prefix, covers in surt_prefixes(site):
                    facts = {"site": site, "surt_prefix": prefix, "covers": covers}
                    yield {"publisher": publisher.name, "title": title.name, **facts}


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    articles = {row["article_id"] for row in rows if row["article_id"]}
    return {"rows": len(rows), "articles": len(articles)}


def _reservations(rows: Sequence[Row]) -> str | None:
    """Return the reservations in force, the most frequent first, each with its rows; None without any."""
    counts = Counter(row["reservation"] for row in rows if row["reservation"])
    statuses = sorted(counts, key=lambda s: (-counts[s], s))
    return ", ".join(f"{status} ({counts[status]})" for status in statuses) or None
