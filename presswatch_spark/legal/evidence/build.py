"""Makes a sealed bag of claims: their records are read again, written with all facts, sealed, and stamped.

The protocol names machine, account, network, times and servers, like a bailiff's record of a web page, but no
credentials. It has addresses, certificates and clocks of the requests; host names are resolved again at its
end.
"""

import hashlib
import platform
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.selection import ClaimFigures, Selection
from presswatch_spark.core.extras import library
from presswatch_spark.core.processes import account_name
from presswatch_spark.core.redaction import bare_url, redacted_command
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.terminal import counted
from presswatch_spark.core.translation import N_, Sentence, n, sentence
from presswatch_spark.core.version import __version__
from presswatch_spark.corpus.layout import MANIFEST, MEMBERS
from presswatch_spark.legal.evidence import sealed_records, verify
from presswatch_spark.legal.evidence.bag import (
    ARTICLES,
    EXCHANGES,
    PROTOCOL,
    SETTINGS,
    Bag,
    Stamped,
    new_bag,
    sealed_facts,
    stamps_of,
)
from presswatch_spark.legal.evidence.documents import BagFacts, write_claims, write_readme
from presswatch_spark.legal.evidence.sealed_records import BagOrder, ReadRecords
from presswatch_spark.legal.evidence.sources import CaseSource
from presswatch_spark.legal.removal.case import MARKER
from presswatch_spark.scanning.runs.provenance import commit, packages
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.storage.http_exchanges import Exchange, clock_ahead
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.locks_and_leases import LOCK_SUFFIX
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.uris import shown_uri
from presswatch_spark.tables.declarations import SCHEMAS, Match, RightsSignal
from presswatch_spark.tables.digests import digested
from presswatch_spark.tables.seals import sealed_parquet

_OF_RUN = ("run_id", "table_digest", "corpus_digest", "config_digest", "tool_version", "tool_commit")
_OF_ARTICLE = ("article_id", "title_id", "publisher_id", "url", "headline", "published_at", "words")
_BETWEEN_RUNS = ("run_id", "shard_uri", "product", "product_revision")


@dataclass(frozen=True, slots=True)
class Built:
    """A finished bag, with the answers of time-stamp authorities.

    `reasons`: number of rows that do not verify, by reason. `other_corpus`: runs with a different corpus.
    """

    seal: dict[str, Any]
    figures: ClaimFigures
    reasons: Mapping[str, int]
    stamps: Sequence[Stamped]
    other_corpus: Sequence[str]

    @property
    def is_complete(self) -> bool:
        """Return whether every row verifies, and every authority stamped the seal."""
        return not self.reasons and all(each.name for each in self.stamps)


def make_bag(
    order: BagOrder, out: str, config: ScanConfig, tell: Callable[[Sentence], None] = lambda news: None
) -> Built:
    """Make a sealed bag at `out`, a new folder on disk or S3: read the records again, and build the bag.

    For a record that cannot be read, the bag has the reason. If an authority fails, its stamp is missing.
    Neither is an error. Raises `OutputError` if `out` is not empty or not writable, or tables were changed.
    """
    with new_bag(out, config.storage) as bag, scratch_folder() as texts:
        library("typst", "evidence build")
        reading = n("reading {n} record again", "reading {n} records again")
        tell(sentence(reading, n=order.selection.figures().records))
        records = sealed_records.read_records(order, config.storage, bag, texts)
        tell(sentence(N_("typesetting the claims side by side")))
        return build_bag(bag, order, records, config.storage)


def build_bag(bag: Bag, order: BagOrder, records: ReadRecords, storage: StorageOptions) -> Built:
    """Add rows, corpus, documents and protocol to a bag that has its records; seal and stamp it."""
    selection, corpus = order.selection, order.corpus
    protocol = _protocol(records.exchanges, records.began_at, order.command)
    program = _write_program(bag)
    runs: list[dict[str, Any]] = selection.store.read("runs", *selection.runs).to_pylist()
    _write_tables(bag, selection, runs)
    _write_rows(bag, selection, records)
    _write_corpus(bag, order)
    if isinstance(selection.source, CaseSource):
        case = selection.source.case
        for name in [MARKER, *(each for each in case.folder.names() if not each.endswith(LOCK_SUFFIX))]:
            bag.write(f"data/case/{name}", case.folder.read(name)[0])
    _write_requests(bag, records.exchanges, protocol)

    claims = verify.claim_leaves(bag.lines(verify.ROWS), bag.measured("data/corpus"))
    facts = BagFacts(order, records, runs, protocol, program, verify.merkle_root(claims).hex())
    write_claims(bag, facts)
    write_readme(bag, facts)

    figures = selection.figures()
    about = {
        "sealed_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "tool_version": __version__,
        "runs": [{name: run[name] for name in _OF_RUN} for run in runs],
        "claims_run": selection.judged.made("claims")[-1],
        "corpus_digest": corpus.manifest.digest,
        "verifier_sha256": verify.measured_file(verify.__file__)[1],
    }
    bag.seal(about, f"{counted(figures.claims, 'claim')} of copied articles, with records")
    files, stamps = stamps_of(bag, order.authorities, storage)
    for name, data in files.items():
        bag.write(name, data)
    bag.finish()
    return Built(
        seal=sealed_facts(bag.folder),
        figures=figures,
        reasons=Counter(each.reason for each in records.rows.values() if each.reason),
        stamps=stamps,
        other_corpus=facts.other_corpus,
    )


# --- rows, tables and corpus


def _write_program(bag: Bag) -> dict[str, Any]:
    program = {
        "tool": "presswatch-spark",
        "version": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    bag.write_json("data/program.json", program)
    bag.write("data/packages.txt", "".join(f"{pin}\n" for pin in packages()).encode())
    return program


def _write_rows(bag: Bag, selection: Selection, records: ReadRecords) -> None:
    lines = []
    for digest, row in sorted(selection.rows.items()):
        claim, record = selection.claims[digest].as_dict(), records.rows[digest]
        line = _line(row, record)
        line[verify.BETWEEN_RUNS] |= {
            "claim_run_id": claim.pop("run_id"),
            "read_from": shown_uri(record.uri),
        }
        declared = dict[str, str | None]()
        for side in ("before", "after"):
            found = getattr(selection.declared.get(digest), side, None)
            declared[side] = found.row.row_sha256 if found and found.row else None
        lines.append(line | {"claim": claim, "declared": declared})
    bag.write_lines(verify.ROWS, lines)
    if signals := sorted(selection.signals(), key=lambda row: row.row_sha256):
        bag.write_lines(verify.DECLARATIONS, (_line(row, records.signals[row.row_sha256]) for row in signals))


def _line(row: Match | RightsSignal, record: sealed_records.KeptRecord) -> dict[str, Any]:
    """Return a row with its record, and separately the facts that differ between scans of equal bytes."""
    columns = row.as_dict()
    detail = record.failure.detail if record.failure else None
    return {
        "row": {**digested(row), "row_sha256": row.row_sha256},
        "record": record.facts,
        verify.BETWEEN_RUNS: {
            **{name: columns[name] for name in _BETWEEN_RUNS if name in columns},
            "detail": detail or None,
        },
    }


def _write_tables(bag: Bag, selection: Selection, runs: Sequence[dict[str, Any]]) -> None:
    claims_run = selection.judged.made("claims")[-1:]
    derivations: list[dict[str, Any]] = selection.judged.read("derivations", *claims_run).to_pylist()
    shards = pc.field("shard_uri").isin(sorted({row.shard_uri for row in selection.rows.values()}))
    log = selection.store.open_table("scan_log", *selection.runs).to_table(filter=shards)
    tables = {
        "runs": list(runs),
        "derivations": derivations,
        "scan_log": sorted(log.to_pylist(), key=lambda row: (str(row["run_id"]), str(row["shard_uri"]))),
    }
    for table, rows in tables.items():
        # Rows of earlier versions lack some columns: allow null.
        schema = pa.schema([each.with_nullable(True) for each in SCHEMAS[table]]).remove_metadata()
        batch = pa.RecordBatch.from_pylist(rows, schema)
        bag.write(f"data/tables/{table}.parquet", sealed_parquet([batch], schema))
    inputs = derivations[-1]["inputs"]
    settings = {run["run_id"]: parse_json(run["config"]) for run in runs}
    bag.write_json(SETTINGS, {"runs": settings, "claims": parse_json(inputs) if inputs else None})


def _write_corpus(bag: Bag, order: BagOrder) -> None:
    corpus, lines = order.corpus, list[dict[str, Any]]()
    for name in (MANIFEST, MEMBERS):
        bag.write(f"data/corpus/{name}", (corpus.folder / name).read_bytes())
    for article_id in sorted({row.article_id for row in order.selection.rows.values() if row.article_id}):
        ordinal = corpus.ordinal_of(article_id)
        if ordinal is None:
            lines.append({"article_id": article_id, "sha256": None})
            continue
        article, body = corpus.article(ordinal), corpus.body(ordinal)
        sha256 = hashlib.sha256(body).hexdigest()
        lines.append({name: getattr(article, name) for name in _OF_ARTICLE} | {"sha256": sha256})
        if order.with_texts:
            bag.write(f"{verify.TEXTS}{sha256}.txt", body)
    bag.write_lines(ARTICLES, lines)


# --- the protocol


def _write_requests(bag: Bag, exchanges: Sequence[Exchange], protocol: dict[str, Any]) -> None:
    """Write the protocol, and all requests with the heads of their answers, in order of time."""
    bag.write_json(PROTOCOL, protocol)
    lines, certificates = list[dict[str, Any]](), dict[str, bytes]()
    for each in sorted(exchanges, key=lambda each: (each.sent_at, each.uri)):
        digests = {hashlib.sha256(der).hexdigest(): der for der in each.peer.certificates}
        certificates |= digests
        noted = {
            "method": each.method,
            "uri": _storable(each.uri),
            "request_headers": [[name, _storable(value)] for name, value in each.request],
            "sent_at": _moment(each.sent_at),
            "answered_at": _moment(each.answered_at),
            "status": each.status,
            "headers": [[_storable(name), _storable(value)] for name, value in each.headers],
            "failure": each.failure or None,
        }
        lines.append(noted | asdict(each.peer) | {"certificates": list(digests)})
    bag.write_lines(EXCHANGES, lines)
    for digest, der in certificates.items():
        bag.write(f"data/http/certificates/{digest}.pem", ssl.DER_cert_to_PEM_cert(der).encode())


def _protocol(
    exchanges: Sequence[Exchange], began_at: datetime, command: Sequence[str] | None
) -> dict[str, Any]:
    by_host = dict[str, list[Exchange]]()
    for each in exchanges:
        by_host.setdefault(sealed_records.site_of(each.uri) or each.uri, []).append(each)
    return {
        "began_at": _moment(began_at.timestamp()),
        "ended_at": _moment(time.time()),
        "time_zone": time.strftime("%Z %z"),
        "account": account_name(),
        "host": socket.gethostname(),
        "system": platform.platform(),
        "command": redacted_command(command) if command else None,
        "addresses": sorted({each.peer.local for each in exchanges if each.peer.local}),
        "proxies": {
            name: bare_url(url if "://" in url else f"http://{url}")
            for name, url in sorted(getproxies().items())
            if name != "no"
        },
        "tls_library": ssl.OPENSSL_VERSION,
        "servers": [_server(host, some) for host, some in sorted(by_host.items())],
    }


def _server(host: str, exchanges: Sequence[Exchange]) -> Mapping[str, Any]:
    """Return the facts of a server; the offset of its clock is the median over its answers."""
    dated = [(each, value) for each in exchanges for name, value in each.headers if name.lower() == "date"]
    offsets = [ahead for each, date in dated if (ahead := clock_ahead(date, each.answered_at)) is not None]
    resolved: list[str] | str
    try:
        name = urlsplit(f"//{host}").hostname or host
        resolved = sorted({str(each[4][0]) for each in socket.getaddrinfo(name, None)})
    except (OSError, UnicodeError) as error:
        resolved = f"cannot be resolved ({type(error).__name__})"
    certificates = {der for each in exchanges for der in each.peer.certificates}
    return {
        "host": host,
        "requests": len(exchanges),
        "resolves_to": resolved,
        "answered_from": sorted({each.peer.remote for each in exchanges if each.peer.remote}),
        "tls": sorted({each.peer.tls for each in exchanges if each.peer.tls}),
        "certificates": sorted(hashlib.sha256(der).hexdigest() for der in certificates),
        "clock_ahead_seconds": round(median(offsets), 3) if offsets else None,
    }


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
