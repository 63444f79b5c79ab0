"""Makes a sealed bag of claims: their records are read again, all is written down, sealed, and stamped."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.exposures import load_exposures
from presswatch_spark.claims.selection import ClaimFigures, Selection
from presswatch_spark.corpus.layout import MANIFEST, MEMBERS
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.evidence import protocol, verify
from presswatch_spark.evidence.bag import ARTICLES, SETTINGS, Bag, claims_root_of, new_bag, sealed_facts
from presswatch_spark.evidence.documents import ClaimDocuments, ReadmeFacts, write_readme
from presswatch_spark.evidence.records import Keeper, KeptRecord
from presswatch_spark.evidence.sources import CaseSource
from presswatch_spark.evidence.stamps import Authority, Stamped, certificates_of, stamps_of
from presswatch_spark.extras import library
from presswatch_spark.pointers.audit import Audit
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.removal.case import MARKER, RemovalCase
from presswatch_spark.rights.relation import Declaration
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.exchanges import exchanges_heard
from presswatch_spark.storage.host_limits import ask_anew
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.storage.uris import printable
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.digests import canonical_form, digested
from presswatch_spark.tables.seals import sealed_parquet
from presswatch_spark.terminal import counted
from presswatch_spark.version import __version__

_OF_RUN = ("run_id", "table_digest", "corpus_digest", "config_digest", "tool_version", "tool_commit")
_OF_ARTICLE = ("article_id", "title_id", "publisher_id", "url", "headline", "published_at", "words")


@dataclass(frozen=True, slots=True)
class BagOrder:
    """The inputs of a bag: claims, and the corpus that they were made with.

    `command`: the command line, for the protocol. `with_texts`: whether texts of articles go into the bag.
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


def build_bag(
    order: BagOrder, out: str, config: ScanConfig, tell: Callable[[str], None] = lambda line: None
) -> Built:
    """Make a sealed bag at `out`, a new folder on disk or S3.

    A record that does not read is in the bag with the reason. An authority that fails leaves the bag without
    its stamp. Both are reported, and neither fails the bag.

    Raises:
        OutputError: `out` holds something or cannot be written, or tables are not as they were published.
    """
    began_at, storage = datetime.now(UTC).replace(microsecond=0), config.storage
    with new_bag(out, storage) as bag:
        trusted = certificates_of(order.authorities, storage)
        library("typst", "evidence build")
        exposures = load_exposures()
        ask_anew()
        chosen, corpus = order.selection, order.corpus
        runs: list[dict[str, Any]] = chosen.store.read("runs", *chosen.runs).to_pylist()
        figures = chosen.figures()
        tell(f"reading {counted(figures.records, 'record')} again")
        with scratch_folder() as scratch:
            documents = ClaimDocuments(bag, chosen, corpus, exposures, order.with_texts, scratch)
            with exchanges_heard() as exchanges:
                keeper = Keeper(bag, Audit(chosen.store, storage, order.mirrors, corpus), documents.hear)
                kept = _write_payload(bag, chosen, runs, keeper)
                _write_corpus(bag, corpus, chosen, with_texts=order.with_texts)
                if isinstance(chosen.source, CaseSource):
                    _write_case(bag, chosen.source.case)
            tell("setting the claims side by side")
            claims_root = claims_root_of(bag)
            documents.write_pdfs(began_at, claims_root)
        facts = ReadmeFacts(
            chosen,
            corpus,
            runs,
            kept,
            protocol.protocol_of(exchanges, began_at, order.command),
            protocol.program_of(),
            [printable(each.url) for each in order.authorities],
            claims_root,
            began_at,
        )
        protocol.write_exchanges(bag, exchanges)
        protocol.write_protocol(bag, facts.protocol, facts.program)
        write_readme(bag, facts)
        description = f"{counted(figures.claims, 'claim')} of copied articles, with records"
        bag.seal(_about(chosen, runs, corpus), description)
        files, stamps = stamps_of(bag, trusted, storage)
        for name, data in files.items():
            bag.write(name, data)
        bag.finish()
        seal = sealed_facts(bag.folder)
    reasons = Counter(each.reason for each in kept.values() if each.reason)
    return Built(seal, figures, reasons, chosen.licensed, stamps, facts.other_corpus)


def _about(chosen: Selection, runs: Iterable[dict[str, Any]], corpus: Corpus) -> dict[str, Any]:
    """Return the members of the seal about the inputs."""
    return {
        "sealed_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "tool_version": __version__,
        "runs": [{name: run[name] for name in _OF_RUN} for run in runs],
        "claims_run": chosen.judged.made("claims")[-1],
        "corpus_digest": corpus.manifest.digest,
        "verifier_sha256": verify.measured_file(verify.__file__)[1],
    }


def _write_payload(
    bag: Bag, chosen: Selection, runs: Sequence[dict[str, Any]], keeper: Keeper
) -> dict[str, KeptRecord]:
    """Write records, rows, declarations, tables and settings; return what is kept of each row's record."""
    kept = keeper.of_rows([row for _, row in sorted(chosen.rows.items())])
    signals = _ordered(chosen.signals(), "row_sha256")
    kept_signals = keeper.of_signals(signals)
    claims_run = chosen.judged.made("claims")[-1:]
    derivations: list[dict[str, Any]] = chosen.judged.read("derivations", *claims_run).to_pylist()
    _write_lines(bag, verify.ROWS, _row_lines(chosen, kept))
    if signals:
        _write_lines(bag, verify.DECLARATIONS, (_signal_line(row, kept_signals) for row in signals))
    shards = pc.field("shard_uri").isin(sorted({row["shard_uri"] for row in chosen.rows.values()}))
    log = chosen.store.open_table("scan_log", *chosen.runs).to_table(filter=shards)
    _write_table(bag, "matches", _ordered(chosen.rows.values(), "row_sha256"))
    claims = [claim.as_dict() for claim in chosen.claims.values()]
    _write_table(bag, "claims", _ordered(claims, "row_sha256"))
    _write_table(bag, "rights_signals", signals)
    _write_table(bag, "runs", runs)
    _write_table(bag, "derivations", derivations)
    _write_table(bag, "scan_log", _ordered(log.to_pylist(), "run_id", "shard_uri"))
    inputs = derivations[-1]["inputs"]
    bag.write_json(
        SETTINGS,
        {
            "runs": {run["run_id"]: parse_json(run["config"]) for run in runs},
            "claims": parse_json(inputs) if inputs else None,
        },
    )
    return kept


def _row_lines(chosen: Selection, kept: Mapping[str, KeptRecord]) -> Iterable[Mapping[str, Any]]:
    """Yield each row with its claim and its record, in the order of digests."""
    for digest, row in sorted(chosen.rows.items()):
        claim, record, found = chosen.claims[digest], kept[digest], chosen.declared.get(digest)
        yield {
            "row": _digested(row),
            "claim": {name: value for name, value in claim.as_dict().items() if name != "run_id"},
            "record": record.facts,
            "declared": {
                "before": _signal_of(found.before if found else None),
                "after": _signal_of(found.after if found else None),
            },
            verify.BETWEEN_RUNS: {
                **_source(row, record),
                "claim_run_id": claim.run_id,
                "read_from": record.file,
            },
        }


def _signal_line(row: dict[str, Any], kept: Mapping[str, KeptRecord]) -> Mapping[str, Any]:
    record = kept[row["row_sha256"]]
    return {"row": _digested(row), "record": record.facts, verify.BETWEEN_RUNS: _source(row, record)}


def _digested(row: dict[str, Any]) -> dict[str, Any]:
    return {**digested(row), "row_sha256": row["row_sha256"]}


def _source(row: dict[str, Any], record: KeptRecord) -> dict[str, Any]:
    dataset = {name: row[name] for name in ("product", "product_revision") if name in row}
    where = {"run_id": row["run_id"], "shard_uri": row["shard_uri"]}
    return where | dataset | {"detail": record.detail or None}


def _signal_of(declaration: Declaration | None) -> str | None:
    """Return the row of `rights_signals` that a declaration rests on."""
    return declaration.row["row_sha256"] if declaration and declaration.row else None


def _write_lines(bag: Bag, name: str, lines: Iterable[Mapping[str, Any]]) -> None:
    bag.write(name, "".join(f"{canonical_form(line)}\n" for line in lines).encode())


def _ordered(rows: Iterable[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: tuple(str(row[name]) for name in names))


def _write_table(bag: Bag, table: str, rows: Sequence[dict[str, Any]]) -> None:
    # Rows of earlier versions lack columns.
    schema = pa.schema([each.with_nullable(True) for each in SCHEMAS[table]]).remove_metadata()
    bag.write(
        f"data/tables/{table}.parquet",
        sealed_parquet([pa.RecordBatch.from_pylist(list(rows), schema)], schema),
    )


def _write_corpus(bag: Bag, corpus: Corpus, chosen: Selection, *, with_texts: bool) -> None:
    """Write the corpus's manifest, its members with their mandates, and the digests of the rows' articles."""
    for name in (MANIFEST, MEMBERS):
        bag.write(f"data/corpus/{name}", (corpus.folder / name).read_bytes())
    lines = []
    for article_id in sorted({row["article_id"] for row in chosen.rows.values()} - {None}):
        ordinal = corpus.ordinal_of(article_id)
        if ordinal is None:
            lines.append({"article_id": article_id, "sha256": None})
            continue
        article, body = corpus.article(ordinal), corpus.body(ordinal)
        sha256 = hashlib.sha256(body).hexdigest()
        lines.append({name: getattr(article, name) for name in _OF_ARTICLE} | {"sha256": sha256})
        if with_texts:
            bag.write(f"{verify.TEXTS}{sha256}.txt", body)
    _write_lines(bag, ARTICLES, lines)


def _write_case(bag: Bag, case: RemovalCase) -> None:
    """Write the files of the case of removal that named the claims, as they are."""
    for name in [MARKER, *(each for each in case.folder.names() if not each.endswith(".lock"))]:
        bag.write(f"data/case/{name}", case.folder.read(name)[0])
