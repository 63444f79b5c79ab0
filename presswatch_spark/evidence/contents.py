"""What a bag holds beside records: rows, tables, the corpus, settings, and what sites declared."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.reservations import AGENT
from presswatch_spark.claims.selection import Selection
from presswatch_spark.corpus.layout import MANIFEST, MEMBERS
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.evidence import verify_alone as alone
from presswatch_spark.evidence.bag import Bag
from presswatch_spark.evidence.records import Kept
from presswatch_spark.judgement.match_rows import Row
from presswatch_spark.queries.reservations import DECISIVE
from presswatch_spark.removal.case import MARKER, RemovalCase
from presswatch_spark.rights.declared import Declared
from presswatch_spark.rights.relation import InForce, in_force
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.digests import canonical_form, digested
from presswatch_spark.tables.seals import sealed_parquet

ARTICLES = "data/corpus/articles.jsonl"
SETTINGS = "data/settings.json"
_OF_ARTICLE = ("article_id", "title_id", "publisher_id", "url", "headline", "published_at", "words")


def write_rows(
    bag: Bag,
    chosen: Selection,
    kept: Mapping[str, Kept],
    declared: Mapping[str, InForce],
) -> None:
    """Write each row with its claim and what is kept of its record, a line each, in the order of digests."""
    lines = []
    for digest, row in sorted(chosen.rows.items()):
        claim, record = chosen.claims[digest], kept[digest]
        found = declared.get(digest)
        line = {
            "row": _digested(row),
            "claim": {name: value for name, value in claim.items() if name != "run_id"},
            "record": record.facts,
            "declared": {side: _row_of(getattr(found, side, None)) for side in ("before", "after")},
            alone.BETWEEN_RUNS: {
                **_source(row, record),
                "claim_run_id": claim["run_id"],
                "read_from": record.file,
            },
        }
        lines.append(canonical_form(line))
    bag.write(alone.ROWS, "".join(f"{line}\n" for line in lines).encode())


def write_declarations(bag: Bag, signals: Iterable[Row], kept: Mapping[str, Kept]) -> None:
    """Write the rows of `rights_signals` that are in force for a row, with what is kept of their records."""
    lines = [
        canonical_form(
            {
                "row": _digested(row),
                "record": kept[row["row_sha256"]].facts,
                alone.BETWEEN_RUNS: _source(row, kept[row["row_sha256"]]),
            }
        )
        for row in sorted(signals, key=lambda each: str(each["row_sha256"]))
    ]
    if lines:
        bag.write(alone.DECLARATIONS, "".join(f"{line}\n" for line in lines).encode())


def _digested(row: Row) -> Row:
    return {**digested(row), "row_sha256": row["row_sha256"]}


def _source(row: Row, record: Kept) -> dict[str, Any]:
    dataset = {name: row[name] for name in ("product", "product_revision") if name in row}
    where = {"run_id": row["run_id"], "shard_uri": row["shard_uri"]}
    return where | dataset | {"detail": record.detail or None}


def _row_of(declaration: Any) -> str | None:
    """Return the row of `rights_signals` that a declaration rests on."""
    row = declaration.row if declaration else None
    return row["row_sha256"] if row else None


def declarations_in_force(chosen: Selection) -> tuple[dict[str, InForce], dict[str, Row]]:
    """Return what held for the article of each row when its page was captured, and the rows that say so.

    Both are by `row_sha256`: of `matches`, and of `rights_signals`. A row without URL or time has none.
    """
    titles = pa.array(sorted({row["title_id"] for row in chosen.rows.values()}))
    hosts = DECISIVE & pc.field("title_id").isin(titles)
    signals = chosen.store.open_table("rights_signals").to_table(filter=hosts).to_pylist()
    if not signals:
        return {}, {}
    declared, found, used = Declared(signals), dict[str, InForce](), dict[str, Row]()
    for digest, row in chosen.rows.items():
        url, at = row["article_url"], row["captured_at"]
        if url is None or at is None:
            continue
        held = found[digest] = in_force(at, declared.around(url, at, AGENT, ()), declared.has_robots(url))
        for side in (held.before, held.after):
            if side and side.row:
                used[side.row["row_sha256"]] = dict(side.row)
    return found, used


def write_tables(bag: Bag, chosen: Selection, signals: Sequence[Row]) -> None:
    """Write the published rows that the bag is about as Parquet."""
    shards = {row["shard_uri"] for row in chosen.rows.values()}
    logged = pc.field("shard_uri").isin(pa.array(sorted(shards)))
    made = chosen.judged.made("claims")[-1:]
    _write_table(bag, "matches", _ordered(chosen.rows.values(), "row_sha256"))
    _write_table(bag, "claims", _ordered(chosen.claims.values(), "row_sha256"))
    _write_table(bag, "rights_signals", _ordered(signals, "row_sha256"))
    _write_table(bag, "runs", chosen.store.read("runs", *chosen.runs).to_pylist())
    _write_table(bag, "derivations", chosen.judged.read("derivations", *made).to_pylist())
    log = chosen.store.open_table("scan_log", *chosen.runs).to_table(filter=logged).to_pylist()
    _write_table(bag, "scan_log", _ordered(log, "run_id", "shard_uri"))


def _ordered(rows: Iterable[Row], *names: str) -> list[Row]:
    return sorted(rows, key=lambda row: tuple(str(row[name]) for name in names))


def _write_table(bag: Bag, table: str, rows: Sequence[Row]) -> None:
    # Rows of earlier versions lack columns.
    schema = pa.schema([each.with_nullable(True) for each in SCHEMAS[table]]).remove_metadata()
    bag.write(
        f"data/tables/{table}.parquet",
        sealed_parquet([pa.RecordBatch.from_pylist(list(rows), schema)], schema),
    )


def write_settings(bag: Bag, chosen: Selection) -> None:
    """Write the settings of the runs, and what the claims were made with."""
    runs = chosen.store.read("runs", *chosen.runs).to_pylist()
    claims = chosen.judged.read("derivations", *chosen.judged.made("claims")[-1:]).to_pylist()
    inputs = [parse_json(each["inputs"]) if each["inputs"] else None for each in claims]
    bag.write_json(
        SETTINGS,
        {"runs": {run["run_id"]: parse_json(run["config"]) for run in runs}, "claims": inputs[-1]},
    )


def write_corpus(bag: Bag, corpus: Corpus, ids: Iterable[str], *, with_texts: bool) -> None:
    """Write the manifest of the corpus, its members with their mandates, and the digests of articles.

    Args:
        ids: the articles that the rows are about.
        with_texts: write their texts, too.
    """
    for name in (MANIFEST, MEMBERS):
        bag.write(f"data/corpus/{name}", (corpus.folder / name).read_bytes())
    lines = []
    for article_id in sorted(ids):
        ordinal = corpus.ordinal_of(article_id)
        if ordinal is None:
            lines.append(canonical_form({"article_id": article_id, "sha256": None}))
            continue
        article, body = corpus.article(ordinal), corpus.body(ordinal)
        sha256 = hashlib.sha256(body).hexdigest()
        facts = {name: getattr(article, name) for name in _OF_ARTICLE}
        lines.append(canonical_form({**facts, "sha256": sha256}))
        if with_texts:
            bag.write(f"{alone.TEXTS}{sha256}.txt", body)
    bag.write(ARTICLES, "".join(f"{line}\n" for line in lines).encode())


def write_case(bag: Bag, case: RemovalCase) -> None:
    """Write the files of the case of removal that named the claims, as they are."""
    folder = case.folder
    for name in [MARKER, *(each for each in folder.names() if not each.endswith(".lock"))]:
        bag.write(f"data/case/{name}", folder.read(name)[0])
