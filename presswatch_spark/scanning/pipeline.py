"""The scan, top to bottom: plan → read → sieve → attribute → verify → grade → write → publish.

`scan` plans the run. `ShardScan` is the work on one shard. `runs.engine` reads the shards on Spark, some at a
time (a wave), and publishes their rows. Only the engine imports Spark: workers load this module without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.core.errors import ConfigError, StorageError
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.core.settings.config import ScanConfig, config_digest, row_settings
from presswatch_spark.core.threads import check_time
from presswatch_spark.core.version import __version__
from presswatch_spark.corpus.sealed import KeySource, SealedCorpus
from presswatch_spark.corpus.store import Corpus, article_rows, manifest_of
from presswatch_spark.matching.judgement.match_rows import Origin, graded_and_digested
from presswatch_spark.matching.judgement.sites import documents_without_url
from presswatch_spark.matching.reservations.signals import signal_rows
from presswatch_spark.matching.shingle_index import ALL_HASHES, passes_for
from presswatch_spark.reading.known_formats import AUTO, companions_among, expected, format_for
from presswatch_spark.reading.rows.columns import MissingColumnError, check_mapping
from presswatch_spark.reading.source import Format, ReadOptions
from presswatch_spark.reading.warc.by_range import RecordPlan, RecordShard, read_records, release_at
from presswatch_spark.reading.warc_format import WARC
from presswatch_spark.scanning.costs import Bill, CostGuard
from presswatch_spark.scanning.monitoring.progress import EventLog, Observer, Progress
from presswatch_spark.scanning.releases.datasets import product_of
from presswatch_spark.scanning.runs.provenance import provenance, spark_version
from presswatch_spark.scanning.runs.run_work import Kind, Outcome, Row, RunSummary, Work, key_of, outcome_of
from presswatch_spark.scanning.runs.unfinished import published_run
from presswatch_spark.scanning.sampling import audit_of, draw
from presswatch_spark.scanning.shard.attempts import (
    Pass,
    Passes,
    ShardAttempt,
    Sifting,
    with_earlier,
)
from presswatch_spark.scanning.shard.compile_kernels import Rehearsal, compiled_beside
from presswatch_spark.scanning.shard.matcher import Matcher
from presswatch_spark.scanning.shard.sealed_candidates import (
    CANDIDATES,
    FEWER,
    CandidateAttempt,
    CandidatePlan,
    CandidateShard,
    Finder,
    begin_extract,
    finder_of,
    keep_pages,
)
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, canonical, shown_uri
from presswatch_spark.storage.shards import ShardPlan, left_out_line, plan
from presswatch_spark.storage.streams import Opener
from presswatch_spark.storage.uris import HubAddress, scheme_of
from presswatch_spark.tables.declarations import Match

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from presswatch_spark.corpus.manifest import Manifest

GB = 1e9
Source = tuple[Origin, Iterator[DocumentBatch]]
"""The columns that all rows of a shard share, and its documents, which are read as they are drawn."""
ALREADY = "run {} of the same shards, corpus, settings and version was published at {:%Y-%m-%d %H:%M:%S} UTC:\
 nothing is scanned; --again scans once more"
MAPPING_UNUSED = "columns are mapped, and {} has none: the mapping was not used"


def scan(
    planned: ScanPlan,
    out: str,
    *,
    key: KeySource | None = None,
    extract: str | None = None,
    again: bool = True,
    beginning: Callable[[], None] | None = None,
    command: str | None = None,
    spark: SparkSession | None = None,
    progress: Progress | None = None,
    events: EventLog | None = None,
) -> RunSummary:
    """Scan planned shards for the articles of a corpus, and publish the run in `out`.

    Arguments are those of `presswatch_spark.api.scan`. With the `key` of a sealed corpus, the run is one of
    `sealed_scans`, and writes `extract`. Raises `BudgetError`, `ConfigError`, `CorpusError`, `StorageError`;
    `OutputError` if `out` is not a folder of tables, another process owns the run, or the disk is full.
    """
    from presswatch_spark.scanning.runs.engine import carry_out

    config, shards, bill, passes = planned.config, planned.shards, planned.bill(), planned.facts["passes"]
    price = bill.machine.spark_dollars if bill.machine.name else None
    observer = Observer(progress or Progress(), events, config.run.metrics_file, price)
    if line := left_out_line(planned.left_out):
        observer.say("left_out", line)
    observer.say("estimate", bill.line())
    bill.require_within_budget()

    opened = opened_corpus(planned.corpus, key, config)
    manifest, extract = opened.manifest, extract and canonical(extract)
    place = (planned.dataset, canonical(planned.corpus), manifest.digest, config, planned.product)
    scan_shard = ShardScan(*place, key=key, extract=extract)
    format = expected(planned.dataset, shards.shards[0].uri)
    name = format.name if format else None
    rehearsal = Rehearsal(name, scan_shard.corpus, manifest.digest, config, key)
    work = Work(
        kind=SEALED_SCAN if key else SCAN,
        shards=shards,
        key=planned.key(manifest, extract),
        read=scan_shard,
        facts=planned.facts_with(manifest, command),
        preparing=partial(compiled_beside, rehearsal, observer.say),
        guard=CostGuard(bill, partial(observer.say, "estimate")),
        corpus=partial(article_rows, opened) if isinstance(opened, Corpus) else None,
        passes=_passes(passes, scan_shard, manifest) if passes > 1 else None,
        beginning=beginning,
    )
    if not again and (published := published_run(work, out, config.storage)):
        observer.say("already_published", ALREADY.format(*map(published.row.get, ("run_id", "finished_at"))))
        return published
    if extract:
        begin_extract(extract, work.key, config.storage)
    return carry_out(work, out, config, observer, spark)


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """A scan before it begins: its shards and their format, the corpus, and the settings.

    `facts`: columns of `runs` about the choice of shards. `left_out`: URIs beside them that are no shards.
    `product`: the dataset of all rows, if one was named.
    """

    shards: ShardPlan
    dataset: str
    corpus: str
    config: ScanConfig
    facts: Row
    left_out: tuple[str, ...]
    product: str | None

    @classmethod
    def of(
        cls,
        paths: Sequence[str] | ShardPlan,
        dataset: str,
        corpus: str,
        config: ScanConfig,
        *,
        base: str | None = None,
        sample: float | None = None,
        sample_seed: int = 0,
        product: str | None = None,
        asked_for: str | None = None,
    ) -> Self:
        """Plan a scan of the shards that `paths` name; they may also be planned already.

        Arguments are those of `presswatch_spark.api.scan`; `dataset` is its `format`. Of a `RecordPlan`, only
        its records are scanned. Raises `ConfigError`, `CorpusError`, `StorageError`; `InputError` without a
        shard.
        """
        check_mapping(config.read.columns)
        facts: dict[str, object] = {"asked_for": asked_for}
        if isinstance(paths, RecordPlan):
            listed: ShardPlan = paths
            shards = listed
            dataset = AUTO if isinstance(paths, CandidatePlan) else WARC.name
            facts.update(paths.facts)
        else:
            shards = listed = shards_listed(paths, dataset, config.storage, base)
            if sample is not None and sample != 1:
                shards, strata = draw(listed, sample, sample_seed)
                facts.update(sample=sample, sample_seed=sample_seed, sample_strata=strata)
                facts["shards_listed"] = len(listed)
        passes = 1
        if config.run.index_memory is not None:
            searched = manifest_of(corpus, config.storage).searched_bytes
            passes = passes_for(searched, config.run.index_memory * GB)
        facts["passes"] = passes
        return cls(shards, dataset, corpus, config, facts, listed.left_out, product)

    def bill(self) -> Bill:
        """Estimate the costs. Raises `ConfigError` for a machine without a price."""
        return Bill.of(self.shards, self.dataset, self.config, self.facts["passes"])

    def key(self, manifest: Manifest, extract: str | None = None) -> str:
        """Return the key of the run that `scan` begins or resumes with this plan and a corpus."""
        facts = self.facts_with(manifest, None)
        named = (str(facts[name]) for name in ("dataset", "corpus_digest", "config_digest", "tool_version"))
        # The product is not one of the settings, since it changes no digest of a row.
        return key_of(self.shards.digest + (extract or ""), *named, *filter(None, [self.product]))

    def facts_with(self, manifest: Manifest, command: str | None) -> dict[str, object]:
        """Return the columns of `runs` that are known before the scan."""
        config = self.config
        return {
            "dataset": None if self.dataset == AUTO else self.dataset,
            "release": config.read.release,
            "gate_audit": config.run.gate_audit or None,
            "corpus_digest": manifest.digest,
            "corpus_articles": manifest.counts.articles,
            "corpus_suppressed": manifest.counts.suppressed,
            "config_digest": config_digest(config, manifest.minhash),
            "config": row_settings(config, manifest.minhash),
            "tool_version": __version__,
            **provenance(command, config.run.operator),
            "key_fingerprint": manifest.key_fingerprint,
            "corpus_fingerprints": [part.fingerprint for part in manifest.parts],
            "minhash_scheme": manifest.minhash.scheme,
            "minhash_seed": manifest.minhash.seed,
            "minhash_permutations": manifest.minhash.permutations,
            **self.facts,
        }


def opened_corpus(corpus: str, key: KeySource | None, config: ScanConfig) -> Corpus | SealedCorpus:
    """Open the corpus of a scan, and check each byte of it; a sealed one needs its key."""
    if not key:
        return Corpus.open(corpus, check=True, storage=config.storage)
    if config.run.index_memory is not None or config.run.gate_audit:
        raise ConfigError(
            "a scan with a sealed corpus has neither passes (index_memory) nor an audit (gate_audit)",
            remedy="leave these settings out",
        )
    opened = SealedCorpus.open(corpus, check=True, storage=config.storage)
    key.read(config.storage).require(opened.manifest.key_fingerprint, corpus)
    return opened


def _passes(count: int, scan_shard: ShardScan, manifest: Manifest) -> Passes:
    size, limit = manifest.searched_bytes / GB, scan_shard.config.run.index_memory
    why = (
        f"{count} passes: the index has {size:,.3g} GB that are searched, and may take {limit:,.3g} GB"
        " of memory; each pass reads all shards, and the last one writes the rows"
    )
    return Passes(count, why, lambda part: replace(scan_shard, part=part))


@dataclass(frozen=True, slots=True)
class ShardScan:
    """Scans shards of `dataset` (a format, or `auto`) for a corpus; Spark sends this value to every worker.

    `part`: the pass, if the index is searched in parts. Passes before the last write candidates, not rows.
    `key`: of a sealed corpus; each process reads it itself, and it is no part of this value. `extract`: the
    folder for the pages of candidates; None: they are not written.
    """

    dataset: str
    corpus: str
    corpus_digest: str
    config: ScanConfig
    product: str | None = None
    part: Pass | None = None
    key: KeySource | None = None
    extract: str | None = None

    def __call__(self, shard: ObjectInfo) -> Outcome:
        """Scan one shard. Raises only if corpus or key cannot be used; other errors are in the outcome."""
        config, part = self.config, self.part
        hashes, has_extract = part.hashes if part else ALL_HASHES, self.extract is not None
        place = self.corpus, self.corpus_digest, config
        finder = finder_of(*place, hashes, self.key, has_extract=has_extract)
        is_sifting = part is not None and part.number < part.count - 1
        begin = CandidateAttempt if self.key else Sifting if is_sifting else ShardAttempt
        outcome = outcome_of(begin, partial(self._read, finder), shard, config.run)
        if self.key:
            return keep_pages(outcome, self.extract, shard, config.storage)
        return shard.logged(outcome) if isinstance(shard, CandidateShard) else outcome

    def _read(self, finder: Finder, reading: ShardAttempt) -> None:
        # Each setting of the reading is an option of the same name.
        rules = {**asdict(self.config.read), "languages": frozenset(self.config.read.languages)}
        shard, report = reading.shard, reading.report
        options = ReadOptions(
            **rules,
            audit=self.config.run.gate_audit,
            wants=None if isinstance(shard, CandidateShard) else finder.wants,
            storage=self.config.storage,
            opener=Opener(self.config.run.shard_digest),
        )
        try:
            if isinstance(shard, CandidateShard):
                self._match(finder, reading, self._candidates(reading, shard, options))
                if reading.candidates < shard.hits and not report.defects_total:
                    report.add_defect(FEWER.format(reading.candidates, shard.hits))
            elif isinstance(shard, RecordShard):
                self._match(finder, reading, self._records(reading, shard, options))
            else:
                self._match(finder, reading, self._whole(reading, options))
        finally:
            if report.unverified:
                reading.doubt(partial(graded_and_digested, rules=self.config.confidence))

    def _candidates(self, reading: ShardAttempt, shard: CandidateShard, options: ReadOptions) -> Source:
        reading.shard, format = ObjectInfo(shard.uri), str(shard.log["format"])
        origin, read = Origin(format, options.release, ""), iter(list[DocumentBatch]())
        if not shard.places:
            return origin, read
        if shard.extract:
            read = shard.extracted(options.storage, reading.report)
        elif change := shard.change(options.storage):
            reading.report.add_defect(change)
            return origin, read
        elif shard.records and release_at(shard, options, ReadReport()) == shard.log["release"]:
            origin, read = self._records(reading, shard, options)
        else:
            origin, read = replace(self, dataset=format)._whole(reading, options)
        scanned = canonical(shard.log["shard_uri"])
        origin = origin_of(origin.dataset, origin.release, scanned, self.product)
        return origin, shard.pages(read, reading.report)

    def _records(self, reading: ShardAttempt, shard: RecordShard, options: ReadOptions) -> Source:
        # Drop the size: only some of the file's bytes are read, and the log must not expect all of them.
        reading.shard, reading.format = ObjectInfo(shard.uri), shard.format
        for record in shard.records:
            if record.offset is None:
                reading.report.add_defect(record.defect(record.why))
        release = (release_at(shard, options, reading.report) if shard.placed else None) or options.release
        origin = origin_of(shard.format, release, shard.uri, self.product)
        return origin, read_records(shard, replace(options, release=release), reading.report)

    def format_of(self, shard: ObjectInfo, options: ReadOptions) -> Format:
        """Return the format of a shard; raises as `registry.format_for`."""
        return format_for(self.dataset, shard, options)

    def _whole(self, reading: ShardAttempt, options: ReadOptions) -> Source:
        format = self.format_of(reading.shard, options)
        # Lists of shards contain no sizes. The reply to the request for the shard does.
        reading.shard = options.opener.described(reading.shard)
        reading.format = format.name
        if options.columns and not format.has_columns:
            reading.report.add_note(MAPPING_UNUSED.format(format.name))
        origin = origin_of(format.name, options.release, reading.shard.uri, self.product)
        return origin, self._to_end(format, reading, options)

    def _to_end(self, format: Format, reading: ShardAttempt, options: ReadOptions) -> Iterator[DocumentBatch]:
        try:
            yield from format.read(reading.shard, options, reading.report)
        except MissingColumnError:
            # Only the end of the shard shows that no row has a mapped column: drop the rows found so far.
            reading.drop()
            raise
        if self.config.run.shard_digest and not isinstance(reading, Sifting):
            try:
                reading.sha256 = options.opener.sha256(reading.shard, options.storage)
            except StorageError as error:
                # The rows of the shard are complete nevertheless.
                reading.report.add_note(f"its SHA-256 could not be calculated: {error.what}")
            else:
                if reading.shard.sha256 not in (None, reading.sha256):
                    reading.report.add_note("its SHA-256 is not the one its publisher declares")

    def _match(self, finder: Finder, reading: ShardAttempt, source: Source) -> None:
        """Sieve → attribute → verify → grade → rows, batch by batch of documents."""
        origin, read = source
        part = None if isinstance(reading, Sifting) else self.part
        earlier = part.earlier(reading.shard.uri) if part else ()
        for batch in reading.drawn(read):
            check_time()
            with reading.during("sieve"):
                candidates = finder.candidates(batch)
                if earlier and isinstance(finder, Matcher):
                    candidates = with_earlier(candidates, finder, batch, earlier, reading.report)
                if isinstance(reading, Sifting):
                    reading.keep(batch, candidates)
                    continue
                if batch.is_audit:
                    rows = finder.rows(batch, candidates, origin)
                    pages = {row.record_id or row.document_url for row in rows if isinstance(row, Match)}
                    reading.audited += len(batch.main_documents)
                    reading.audited_matching += len(pages)
                    continue
                reading.without_url += documents_without_url(batch)
            reading.words += candidates.words
            # With a sealed corpus, each row is a candidate.
            reading.candidates += 0 if self.key else len(candidates)
            with reading.during("verify"):
                for row in finder.rows(batch, candidates, origin):
                    reading.add(row)
                    check_time()
            if isinstance(finder, Matcher):
                with reading.during("signals"):
                    for capture in batch.captures:
                        owner = finder.corpus.owner(capture.url)
                        for signal in signal_rows(capture, owner, origin.shard_uri, origin.release):
                            reading.tables["rights_signals"].add(signal)


def origin_of(form: str, release: str | None, uri: str, product: str | None = None) -> Origin:
    """Return the columns that the rows of a shard share. `release`, `product`: for rows that name none."""
    repository = folder = ""
    revision = None
    if scheme_of(uri) == "hf":
        address = HubAddress.of(uri)
        repository, folder = address.dataset, address.path.partition("/")[0]
        revision = address.revision if address.is_pinned else None

    def named(release: str | None) -> str | None:
        return product or product_of(form, release, repository, folder)

    return Origin(form, release, shown_uri(uri), named, revision)


def shards_listed(
    paths: Sequence[str] | ShardPlan, dataset: str, storage: StorageOptions, base: str | None
) -> ShardPlan:
    """Return the shards that paths name, without companion files, which are read together with another."""
    found = paths if isinstance(paths, ShardPlan) else plan(paths, storage, base)
    companions = companions_among({shard.uri for shard in found.shards}, dataset)
    return replace(found, shards=tuple(shard for shard in found if shard.uri not in companions))


def _logged(log: pa.Table, facts: Row) -> dict[str, Any]:
    # Columns of `runs` that depend on the log.
    summed = ("documents", "documents_skipped", "text_bytes", "words")
    formats = log["format"].unique().drop_null().to_pylist()
    # The run has a release only if all its shards and rows have the same. A shard that names none has the
    # release that the user gave, even if its rows name other ones: most rows of a shard are not known.
    given = facts["release"]
    releases = set[str | None]()
    columns = (log[name].to_pylist() for name in ("release", "releases", "documents"))
    for named, of_rows, documents in zip(*columns, strict=True):
        if named or documents:
            releases |= {named or given, *(of_rows or ())}
    release = releases.pop() if len(releases) == 1 else None if releases else given
    return {
        **{name: pc.sum(log[name]).as_py() or 0 for name in summed},
        "spark_version": spark_version(),
        "dataset": formats[0] if len(formats) == 1 else None,
        "release": release,
        **(audit_of(log) if facts.get("gate_audit") else {}),
    }


SCAN = Kind("runs", "scan_log", ("matches", "rights_signals"), ShardAttempt, _logged)
"""The kind of run of a scan: its tables, and the function that makes its row."""
SEALED_SCAN = Kind(
    "sealed_scans", "sealed_scan_log", (CANDIDATES,), CandidateAttempt, _logged, has_metrics=False
)
"""The same of a scan with a sealed corpus."""
