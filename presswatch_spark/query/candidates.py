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

import pyarrow.compute as pc

from presswatch_spark.core.errors import ConfigError, CorpusError, InputError
from presswatch_spark.core.settings.config import ReadRules, ScanConfig, load_scan_config
from presswatch_spark.corpus.sealing.key import KeySource
from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.query.pointers.pointer import Mirror, place_named
from presswatch_spark.reading import registry
from presswatch_spark.reading.warc.by_range import WantedRecord
from presswatch_spark.scanning.pipeline import ScanPlan, scan
from presswatch_spark.scanning.runs.work import RunSummary
from presswatch_spark.scanning.shard.candidates import SCAN_FILE, CandidatePlan, CandidateShard, Place
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions, read_object
from presswatch_spark.storage.uris import canonical, printable
from presswatch_spark.tables.store import TableStore, chosen_runs

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_COLUMNS = ("shard_uri", "record_offset", "record_length", "record_encoding", "row_index",
            "corpus_fingerprint", "article", "hits")  # fmt: skip
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


@dataclass(slots=True)
class _Found:
    """The candidates of a shard: places, each with offset, length and encoding; numbers of candidates.

    `pairs`: of those with an article; `hits`: of those with hits.
    """

    places: dict[Place, tuple[int | None, int | None, str | None]]
    pairs: int = 0
    hits: int = 0


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
        raise InputError(what, where=candidates, remedy="name one: --run RUN, or --run latest")
    (sealed,) = store.read("sealed_scans", *runs).to_pylist()
    fingerprint = _fingerprint(sealed, corpus, key, config)
    if extract:
        # Workers may have another working folder.
        extract = canonical(extract)
        read_object(f"{extract}/{SCAN_FILE}", config.storage)
    found, others = _found(store, sealed["run_id"], fingerprint)
    place_of = partial(_allowed, mirrors, config.storage)
    shards = [
        _shard(line, found.get(line["shard_uri"], _Found({})), place_of, extract)
        for line in store.read("sealed_scan_log", sealed["run_id"]).to_pylist()
    ]
    plan = replace(
        CandidatePlan.of(shards),
        source=(sealed["run_id"], fingerprint, extract),
        facts={name: sealed[name] for name in _FACTS},
    )
    product, colon, _ = (sealed["asked_for"] or "").partition(":")
    settings = replace(config, read=_settings(sealed))
    planned = ScanPlan.of(plan, registry.AUTO, corpus, settings, product=product if colon else None)
    summary = scan(planned, out, command=command, spark=spark)
    lost = {uri for uri, _, _ in summary.incomplete}
    pairs = sum(each.pairs for uri, each in found.items() if uri not in lost)
    rows = TableStore.open(out, config.storage).read("matches", summary.run_id, columns=_PAIR)
    confirmed = rows.filter(pc.is_valid(rows["article_id"])).group_by(_PAIR).aggregate([])["shard_uri"]
    kept = sum(uri not in lost for uri in confirmed.to_pylist())
    return Verified(summary, pairs, pairs - kept, others)


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


def _found(store: TableStore, run_id: str, fingerprint: str) -> tuple[dict[str, _Found], int]:
    """Return the candidates of a corpus by shard, and the number of those of others."""
    found, others = defaultdict[str, _Found](lambda: _Found({})), 0
    rows = store.values("candidates", _COLUMNS, run_id)
    for uri, offset, length, encoding, row, part, article, hits in rows:
        if part != fingerprint:
            others += 1
            continue
        found[uri].places[offset, row] = offset, length, encoding
        found[uri].pairs += article is not None
        found[uri].hits += hits > 0
    return dict(found), others


def _allowed(mirrors: Sequence[Mirror], storage: StorageOptions, uri: str) -> str:
    """Return the address where a shard that the operator names is read; `InputError` if it must not be."""
    if place := place_named(uri, mirrors, storage):
        return place
    folder = printable(uri.rpartition("/")[0])
    raise InputError(
        "candidates lead to a file of this machine, or to an address of its network",
        where=printable(uri),
        remedy=f"if these are your shards, pass --mirror {folder}={folder}; else the folder of your copy",
    )


def _shard(
    line: dict[str, Any], found: _Found, place_of: Callable[[str], str], extract: str | None
) -> CandidateShard:
    uri, format = canonical(line["shard_uri"]), registry.find(line["format"])
    there = place_of(uri) if found.places and not extract else uri
    records, size = list[WantedRecord](), line["bytes_expected"] if found.places else 0
    places = found.places.values()
    if (
        format and format.read_part and line["status"] == "complete"
        and all(encoding in ("gzip", "plain") for _, _, encoding in places)
    ):  # fmt: skip
        records = [WantedRecord(offset, length or 0, None, None, "") for offset, length, _ in places]
        size = sum(record.length for record in records)
    return CandidateShard(
        there, size, line["etag"] if there == uri else None, records=tuple(records),
        format=line["format"], places=frozenset(found.places), hits=found.hits, log=line, extract=extract,
    )  # fmt: skip
