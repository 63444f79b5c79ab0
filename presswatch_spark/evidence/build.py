"""Makes a sealed bag of claims: their records are read again, written with all facts, sealed, and stamped."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.selection import ClaimFigures, Selection
from presswatch_spark.corpus.layout import MANIFEST, MEMBERS
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.evidence import verify
from presswatch_spark.evidence.bag import ARTICLES, SETTINGS, Bag, claims_root_of, new_bag, sealed_facts
from presswatch_spark.evidence.documents import BagFacts, write_claims, write_readme
from presswatch_spark.evidence.protocol import program_of, protocol_of, write_exchanges, write_protocol
from presswatch_spark.evidence.records import KeptRecord, ReadRecords, read_records
from presswatch_spark.evidence.sources import CaseSource
from presswatch_spark.evidence.stamps import Authority, Stamped, certificates_of, stamps_of
from presswatch_spark.extras import library
from presswatch_spark.pointers.audit import Audit
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.removal.case import MARKER
from presswatch_spark.rights.in_force import Declaration
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.storage.uris import printable
from presswatch_spark.tables.declarations import SCHEMAS, Match, RightsSignal
from presswatch_spark.tables.digests import canonical_form, digested
from presswatch_spark.tables.seals import sealed_parquet
from presswatch_spark.terminal import counted
from presswatch_spark.version import __version__

_OF_RUN = ("run_id", "table_digest", "corpus_digest", "config_digest", "tool_version", "tool_commit")
_OF_ARTICLE = ("article_id", "title_id", "publisher_id", "url", "headline", "published_at", "words")


@dataclass(frozen=True, slots=True)
class BagOrder:
    """The inputs of a bag: claims, and the corpus that they were made with.

    `command`: the command line, for the protocol. `with_texts`: include the texts of articles.
    """

    selection: Selection
    corpus: Corpus
    mirrors: Sequence[Mirror] = ()
    authorities: Sequence[Authority] = ()
    with_texts: bool = False
    command: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """A bag that was made: its seal, its figures, and the answers of authorities.

    `reasons`: how many rows do not verify, by reason. `licensed`: claims that were left out. `other_corpus`:
    runs that were made with another corpus.
    """

    seal: dict[str, Any]
    figures: ClaimFigures
    reasons: Mapping[str, int]
    licensed: int
    stamps: Sequence[Stamped]
    other_corpus: Sequence[str]

    @property
    def is_complete(self) -> bool:
        """Return whether every row verifies, and every authority stamped the seal."""
        return not self.reasons and all(each.is_stamped for each in self.stamps)


def make_bag(
    order: BagOrder, out: str, config: ScanConfig, tell: Callable[[str], None] = lambda line: None
) -> Built:
    """Make a sealed bag at `out`, a new folder on disk or S3: read the records again, and build.

    A record that does not read is in the bag with the reason. An authority that fails leaves the bag without
    its stamp. Both are reported, and neither fails the bag.

    Raises:
        OutputError: `out` holds something or cannot be written, or tables are not as they were published.
    """
    with new_bag(out, config.storage) as bag, scratch_folder() as texts:
        library("typst", "evidence build")
        trusted = certificates_of(order.authorities, config.storage)
        tell(f"reading {counted(order.selection.figures().records, 'record')} again")
        audit = Audit(order.selection.store, config.storage, order.mirrors, order.corpus)
        records = read_records(order.selection, audit, bag, texts)
        tell("setting the claims side by side")
        return build_bag(bag, order, records, trusted, config.storage)


def build_bag(
    bag: Bag,
    order: BagOrder,
    records: ReadRecords,
    trusted: Sequence[tuple[Authority, list[bytes]]],
    storage: StorageOptions,
) -> Built:
    """Write a bag that has its records: rows, corpus, documents and protocol; seal and stamp it.

    Args:
        trusted: authorities with the certificates that each is trusted by.
    """
    selection, corpus = order.selection, order.corpus
    protocol, program = protocol_of(records.exchanges, records.began_at, order.command), program_of()
    runs: list[dict[str, Any]] = selection.store.read("runs", *selection.runs).to_pylist()
    _write_tables(bag, selection, runs)
    _write_rows(bag, selection, records)
    _write_corpus(bag, order)
    if isinstance(selection.source, CaseSource):
        case = selection.source.case
        for name in [MARKER, *(each for each in case.folder.names() if not each.endswith(".lock"))]:
            bag.write(f"data/case/{name}", case.folder.read(name)[0])
    write_exchanges(bag, records.exchanges)
    write_protocol(bag, protocol, program)

    facts = BagFacts(
        selection=selection,
        corpus=corpus,
        records=records,
        runs=runs,
        protocol=protocol,
        program=program,
        authorities=[printable(each.url) for each in order.authorities],
        with_texts=order.with_texts,
        claims_root=claims_root_of(bag),
    )
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
    files, stamps = stamps_of(bag, trusted, storage)
    for name, data in files.items():
        bag.write(name, data)
    bag.finish()
    return Built(
        seal=sealed_facts(bag.folder),
        figures=figures,
        reasons=Counter(each.reason for each in records.rows.values() if each.reason),
        licensed=selection.licensed,
        stamps=stamps,
        other_corpus=facts.other_corpus,
    )


def _write_rows(bag: Bag, selection: Selection, records: ReadRecords) -> None:
    lines = []
    for digest, row in sorted(selection.rows.items()):
        claim, record = selection.claims[digest].as_dict(), records.rows[digest]
        found, line = selection.declared.get(digest), _line(row, record)
        line[verify.BETWEEN_RUNS] |= {
            "claim_run_id": claim.pop("run_id"),
            "read_from": printable(record.uri),
        }
        declared = {
            "before": _signal_of(found.before if found else None),
            "after": _signal_of(found.after if found else None),
        }
        lines.append(line | {"claim": claim, "declared": declared})
    _write_lines(bag, verify.ROWS, lines)
    signals = sorted(selection.signals(), key=lambda row: row.row_sha256)
    if signals:
        _write_lines(
            bag, verify.DECLARATIONS, (_line(row, records.signals[row.row_sha256]) for row in signals)
        )


def _line(row: Match | RightsSignal, record: KeptRecord) -> dict[str, Any]:
    """Return a row with its record, and what may differ between two scans of the same bytes."""
    names = ("run_id", "shard_uri", "product", "product_revision")
    detail = record.failure.detail if record.failure else None
    columns = row.as_dict()
    source = {name: columns[name] for name in names if name in columns} | {"detail": detail or None}
    return {
        "row": {**digested(row), "row_sha256": row.row_sha256},
        "record": record.facts,
        verify.BETWEEN_RUNS: source,
    }


def _signal_of(declaration: Declaration | None) -> str | None:
    return declaration.row.row_sha256 if declaration and declaration.row else None


def _write_lines(bag: Bag, name: str, lines: Iterable[Mapping[str, Any]]) -> None:
    bag.write(name, "".join(f"{canonical_form(line)}\n" for line in lines).encode())


def _ordered(rows: Iterable[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: tuple(str(row[name]) for name in names))


def _write_tables(bag: Bag, selection: Selection, runs: Sequence[dict[str, Any]]) -> None:
    claims_run = selection.judged.made("claims")[-1:]
    derivations: list[dict[str, Any]] = selection.judged.read("derivations", *claims_run).to_pylist()
    shards = pc.field("shard_uri").isin(sorted({row.shard_uri for row in selection.rows.values()}))
    log = selection.store.open_table("scan_log", *selection.runs).to_table(filter=shards)
    tables = {
        "matches": _ordered((row.as_dict() for row in selection.rows.values()), "row_sha256"),
        "claims": _ordered((claim.as_dict() for claim in selection.claims.values()), "row_sha256"),
        "rights_signals": _ordered((row.as_dict() for row in selection.signals()), "row_sha256"),
        "runs": runs,
        "derivations": derivations,
        "scan_log": _ordered(log.to_pylist(), "run_id", "shard_uri"),
    }
    for table, rows in tables.items():
        # Rows of earlier versions lack columns.
        schema = pa.schema([each.with_nullable(True) for each in SCHEMAS[table]]).remove_metadata()
        batch = pa.RecordBatch.from_pylist(list(rows), schema)
        bag.write(f"data/tables/{table}.parquet", sealed_parquet([batch], schema))
    inputs = derivations[-1]["inputs"]
    settings = {run["run_id"]: parse_json(run["config"]) for run in runs}
    bag.write_json(SETTINGS, {"runs": settings, "claims": parse_json(inputs) if inputs else None})


def _write_corpus(bag: Bag, order: BagOrder) -> None:
    corpus = order.corpus
    for name in (MANIFEST, MEMBERS):
        bag.write(f"data/corpus/{name}", (corpus.folder / name).read_bytes())
    lines = list[dict[str, Any]]()
    for article_id in sorted(
        {row.article_id for row in order.selection.rows.values() if row.article_id is not None}
    ):
        ordinal = corpus.ordinal_of(article_id)
        if ordinal is None:
            lines.append({"article_id": article_id, "sha256": None})
            continue
        article, body = corpus.article(ordinal), corpus.body(ordinal)
        sha256 = hashlib.sha256(body).hexdigest()
        lines.append({name: getattr(article, name) for name in _OF_ARTICLE} | {"sha256": sha256})
        if order.with_texts:
            bag.write(f"{verify.TEXTS}{sha256}.txt", body)
    _write_lines(bag, ARTICLES, lines)
