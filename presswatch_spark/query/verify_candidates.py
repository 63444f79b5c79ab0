"""Verifies the candidates of a sealed scan against the open corpus, on the member's premises.

The pages of candidates are read again and matched as in a scan, and published as a run. Its log has the facts
of the sealed scan, which read the shards to their end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.core.errors import ConfigError, CorpusError, InputError
from presswatch_spark.core.settings.config import ReadRules, ScanConfig, load_scan_config
from presswatch_spark.corpus.sealed import KeySource
from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.query.pointers.pointer import Mirror, place_named
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.warc.by_range import WantedRecord
from presswatch_spark.scanning.pipeline import ScanPlan, scan
from presswatch_spark.scanning.runs.run_work import RunSummary
from presswatch_spark.scanning.shard.sealed_candidates import SCAN_FILE, CandidatePlan, CandidateShard
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions, read_object
from presswatch_spark.storage.uris import canonical, shown_uri
from presswatch_spark.tables.store import TableStore, chosen_runs

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PAGE = ["shard_uri", "record_offset", "record_length", "record_encoding", "row_index"]
_PAIR = ["shard_uri", "record_offset", "row_index", "article_id"]
_FACTS = ("sample", "sample_seed", "sample_strata", "shards_listed", "asked_for", "records_planned")


@dataclass(frozen=True, slots=True)
class Verified:
    """The published run of a verification, and figures of candidates.

    `pairs`: candidates with an article, in shards that were read to their end; `rejected`: those of them that
    have no row. `others`: candidates of other parts of the sealed corpus, which were left out.
    """

    summary: RunSummary
    pairs: int
    rejected: int
    others: int


def verify_candidates(
    candidates: str,
    *,
    corpus: str,
    out: str,
    config: ScanConfig,
    run: str | None = None,
    key: KeySource | None = None,
    extract: str | None = None,
    mirrors: Sequence[Mirror] = (),
    command: str | None = None,
    spark: SparkSession | None = None,
) -> Verified:
    """Verify the candidates of a sealed scan, `run` or the only one, and publish the matches in `out`.

    Shards are read with the settings of the sealed scan, at their places in `mirrors`, or from its `extract`.
    The `key` is needed if the sealed corpus has several parts. Raises as `pipeline.scan`; `InputError` unless
    one sealed scan is named, `ConfigError` or `CorpusError` if key or corpus is not that of the scan.
    """
    store = TableStore.open(candidates, config.storage)
    runs = chosen_runs(store, run, "sealed_scans")
    if len(runs) != 1:
        what = f"{len(runs):,} sealed scans are published here"
        remedy = "name one: --run RUN, or --run latest" if runs else "pass the --out folder of a sealed scan"
        raise InputError(what, where=candidates, remedy=remedy)
    (sealed,) = store.read("sealed_scans", *runs).to_pylist()
    fingerprint = _fingerprint(sealed, corpus, key, config)
    if extract:
        # Workers may have another working folder.
        extract = canonical(extract)
        read_object(f"{extract}/{SCAN_FILE}", config.storage)
    columns = [*_PAGE, "corpus_fingerprint", "article", "hits"]
    found = store.read("candidates", sealed["run_id"], columns=columns)
    own = found.filter(pc.equal(found["corpus_fingerprint"], fingerprint))
    pages, place_of = _pages_by_shard(own), partial(_allowed, mirrors, config.storage)
    shards = [
        _shard(line, pages.get(line["shard_uri"], ()), place_of, extract)
        for line in store.read("sealed_scan_log", sealed["run_id"]).to_pylist()
    ]
    plan = replace(
        CandidatePlan.of(shards),
        source=(sealed["run_id"], fingerprint, extract),
        facts={name: sealed[name] for name in _FACTS},
    )
    product, colon, _ = (sealed["asked_for"] or "").partition(":")
    settings = replace(config, read=_settings(sealed))
    planned = ScanPlan.of(plan, known_formats.AUTO, corpus, settings, product=product if colon else None)
    summary = scan(planned, out, command=command, spark=spark)
    lost = {uri for uri, _, _ in summary.incomplete}
    pairs = sum(page["pairs"] for uri, each in pages.items() if uri not in lost for page in each)
    rows = TableStore.open(out, config.storage).read("matches", summary.run_id, columns=_PAIR)
    confirmed = rows.filter(pc.is_valid(rows["article_id"])).group_by(_PAIR).aggregate([])["shard_uri"]
    kept = sum(uri not in lost for uri in confirmed.to_pylist())
    return Verified(summary, pairs, pairs - kept, len(found) - len(own))


def _fingerprint(sealed: Mapping[str, Any], corpus: str, key: KeySource | None, config: ScanConfig) -> str:
    """Return the fingerprint of the corpus among the parts of the sealed corpus."""
    manifest, parts = manifest_of(corpus, config.storage), sealed["corpus_fingerprints"]
    if key:
        secret = key.read(config.storage)
        secret.require(sealed["key_fingerprint"], corpus)
        fingerprint = secret.corpus(manifest.digest)
        if fingerprint in parts:
            return fingerprint
    elif len(parts) != 1:
        what = f"{len(parts):,} corpora were searched; only with the key can yours be told from the others"
        raise ConfigError(what, remedy="pass --key-file or --key-secret")
    elif manifest.counts.articles == sealed["corpus_articles"]:
        return str(parts[0])
    raise CorpusError("the corpus is not the one that was sealed", where=corpus, remedy="pass that corpus")


def _settings(sealed: Mapping[str, Any]) -> ReadRules:
    """Return the settings that a sealed scan read with; `InputError` or `ConfigError` if they are wrong."""
    try:
        # Those of a scan without embedded text do not name it.
        given = {"embedded_text": False, **parse_json(sealed["config"])["read"]}
    except (ValueError, LookupError, TypeError) as error:
        raise InputError("its settings are damaged", where=f"sealed scan {sealed['run_id']}") from error
    flags = {f"read.{name}": value for name, value in given.items()}
    return load_scan_config(None, {}, flags, "sealed_scans.config").read


def _pages_by_shard(candidates: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """Return pages by shard; `pairs`, `with_hits`: their candidates with an article, and with hits."""
    has_hits = pc.greater(candidates["hits"], 0).cast(pa.int64())
    counted = candidates.append_column("has_hits", has_hits).group_by(_PAGE)
    pages = counted.aggregate([("article", "count"), ("has_hits", "sum")])
    by_shard = defaultdict[str, list[dict[str, Any]]](list)
    for page in pages.rename_columns([*_PAGE, "pairs", "with_hits"]).to_pylist():
        by_shard[page["shard_uri"]].append(page)
    return by_shard


def _allowed(mirrors: Sequence[Mirror], storage: StorageOptions, uri: str) -> str:
    """Return the address where a shard that the operator names is read; `InputError` if it must not be."""
    if place := place_named(uri, mirrors, storage):
        return place
    folder = shown_uri(uri.rpartition("/")[0])
    raise InputError(
        "candidates lead to a file of this machine, or to an address of its network",
        where=shown_uri(uri),
        remedy=f"if these are your shards, pass --mirror {folder}={folder}; else the folder of your copy",
    )


def _shard(
    line: dict[str, Any], pages: Sequence[dict[str, Any]], place_of: Callable[[str], str], extract: str | None
) -> CandidateShard:
    uri, format = canonical(line["shard_uri"]), known_formats.find(line["format"])
    there = place_of(uri) if pages and not extract else uri
    records, size = list[WantedRecord](), line["bytes_expected"] if pages else 0
    if (
        format and format.read_part and line["status"] == "complete"
        and all(page["record_encoding"] in ("gzip", "plain") for page in pages)
    ):  # fmt: skip
        records = [
            WantedRecord(page["record_offset"], page["record_length"] or 0, None, None, "") for page in pages
        ]
        size = sum(record.length for record in records)
    return CandidateShard(
        there, size, line["etag"] if there == uri else None, records=tuple(records),
        format=line["format"], places=frozenset((page["record_offset"], page["row_index"]) for page in pages),
        hits=sum(page["with_hits"] for page in pages), log=line, extract=extract,
    )  # fmt: skip
