"""The functions that programs, notebooks and the command line call.

Settings have the layers of the command line: a YAML file (`config`), the environment
(`PRESSWATCH_GRADE__MIN_RUN_WORDS`), then `settings`, by dotted names: `{"grade.min_run_words": 12}`. One
`ConfigError` lists all mistakes of all layers. Expected errors are subclasses of `pw.PresswatchError`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from presswatch_spark.core.errors import InputError
from presswatch_spark.core.settings.config import ScanConfig, StorageOptions, load_scan_config
from presswatch_spark.core.terminal import did_you_mean, printable

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

    from presswatch_spark.claims.make import ClaimsSummary
    from presswatch_spark.corpus.manifest import Manifest
    from presswatch_spark.query.verify_candidates import Verified
    from presswatch_spark.reading.warc.by_range import RecordPlan
    from presswatch_spark.scanning.monitoring.progress import EventLog, Progress
    from presswatch_spark.scanning.pipeline import ScanPlan
    from presswatch_spark.scanning.runs.run_work import RunSummary
    from presswatch_spark.tables.store import TableStore

Settings = Mapping[str, object]
"""Settings by dotted names. A text is parsed like a variable of the environment: `"fr,de"` is a list."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Published tables; from `open_tables`. Files are compared with their published digests when read.

    Methods return `pyarrow.Table` in the schemas of `presswatch_spark.tables.declarations`; `.to_pandas()`
    converts one to a data frame. `columns`: the columns to read; default: all. An unknown name raises
    `InputError`, and a file that differs from the published one `OutputError`.
    """

    store: TableStore

    def runs(self) -> pa.Table:
        """The published runs, a row each."""
        return self.store.read("runs")

    def matches(
        self,
        *,
        run: str | None = None,
        title: str | None = None,
        publisher: str | None = None,
        article: str | None = None,
        grades: Sequence[str] = (),
        confidences: Sequence[str] = (),
        own_site: bool = False,
        elsewhere: bool = False,
        unknown_site: bool = False,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Rows of `matches`.

        Args:
            run: id of a run, `latest`, or `all`; default: the current rows of all runs, oldest first.
            title, publisher, article: only rows with this id.
            grades, confidences: only rows with one of these.
            own_site, elsewhere, unknown_site: only documents on such sites; several flags add up.
        """
        from presswatch_spark.query.filtered_matches import Matches, MatchFilter, require_known
        from presswatch_spark.tables.column_values import CONFIDENCES, GRADES

        wanted = MatchFilter(
            title_id=title, publisher_id=publisher, article_id=article,
            grades=_known("grade", grades, GRADES),
            confidences=_known("confidence", confidences, CONFIDENCES),
            own_site=own_site, elsewhere=elsewhere, unknown_site=unknown_site,
        )  # fmt: skip
        chosen = _columns("matches", columns)
        require_known(self.store, wanted)
        return Matches.of(self.store, run, wanted, "duckdb").table(chosen)

    def read(self, table: str, *, run: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Rows of any table (`scan_log`, `captures`, …) of one run, or of all published runs."""
        from presswatch_spark.tables.declarations import PUBLISHED_BY, SCHEMAS
        from presswatch_spark.tables.store import chosen_runs

        (table,) = _known("table", table, SCHEMAS)
        chosen, by = _columns(table, columns), PUBLISHED_BY[table]
        runs = chosen_runs(self.store, run, by) if run else []
        return self.store.read(table, *runs, columns=chosen)

    def sql(self, query: str, *, engine: str = "auto") -> pa.Table:
        """The answer to an SQL query over all tables and views, as `presswatch sql` gives it.

        Engines: `duckdb`, `spark`, or `auto`: DuckDB up to 50 million rows, then Spark. Raises `ConfigError`.
        """
        from presswatch_spark.query.sql import ENGINES, answer_of

        (engine,) = _known("engine", engine, ENGINES)
        return answer_of(self.store, query, engine).table()


@dataclass(frozen=True, slots=True)
class _Published:
    out: str
    storage: StorageOptions

    @property
    def tables(self) -> Tables:
        """The tables in which it is published."""
        return _open(self.out, self.storage)


@dataclass(frozen=True, slots=True)
class _Read(_Published):
    summary: RunSummary

    @property
    def run_id(self) -> str:
        """Its id, a column of all its rows."""
        return self.summary.run_id

    @property
    def is_complete(self) -> bool:
        """Whether all (drawn) shards, or files of the index, were read to their end.

        Only then does no row mean no copy, or no capture.
        """
        return not self.summary.incomplete


@dataclass(frozen=True, slots=True)
class Run(_Read):
    """A published run of a scan."""

    @property
    def row(self) -> Mapping[str, object]:
        """Its row of `runs`."""
        return self.summary.row

    def matches(self, **wanted: Any) -> pa.Table:
        """Its rows of `matches`; takes the arguments of `Tables.matches`, except `run`."""
        return self.tables.matches(run=self.run_id, **wanted)


@dataclass(frozen=True, slots=True)
class Census(_Read):
    """A published census: the members' pages that a release contains."""

    def captures(self, *, columns: Sequence[str] | None = None) -> pa.Table:
        """Its rows of `captures`."""
        return self.tables.read("captures", run=self.run_id, columns=columns)


@dataclass(frozen=True, slots=True)
class Claims(_Published):
    """A table of claims, read by `tables.read("claims")`; `summary.counts` has its totals."""

    summary: ClaimsSummary


def build_corpus(
    members: str,
    articles: Sequence[str],
    out: str,
    *,
    background: Sequence[str] = (),
    known: Sequence[str] = (),
    config: str | None = None,
    settings: Settings | ScanConfig | None = None,
    tell: Callable[[str], None] = lambda stage: None,
    spark: SparkSession | None = None,
) -> Manifest:
    """Build a corpus of the members' articles in `out`; returns its manifest, with counts by title.

    Args:
        members: the members' file, YAML; see conf/members.example.yaml.
        articles: files, folders, globs or addresses: JSONL, CSV or Parquet.
        out: a folder that is new or empty, on disk or `s3://`.
        background: shards of unrelated web text, from which stock phrases are learned.
        known: laws, speeches, old books, wires: a passage is a stock phrase after one occurrence there.
        tell: gets the name of each stage when it begins.
        spark: the session to build with; default: one of its own.

    Raises:
        ConfigError: the members' file or the settings have mistakes.
        InputError, CorruptError, StorageError: a file is missing, of unknown format, or incomplete.
        OutputError: `out` is not empty, or the disk is full.
    """
    from presswatch_spark.corpus.building.build import build_corpus as build
    from presswatch_spark.storage.host_limits import forget_hosts

    rules = _scan_config(config, settings)
    forget_hosts()
    beside = {"background": _several(background), "known": _several(known)}
    return build(spark, members, _several(articles), out, rules.corpus, rules.storage, tell, **beside)


def scan(
    paths: Sequence[str] = (),
    *,
    corpus: str,
    out: str,
    format: str = "auto",
    release: str | None = None,
    base: str | None = None,
    sample: float | None = None,
    sample_seed: int = 0,
    product: str | None = None,
    asked_for: str | None = None,
    pages_of: str | None = None,
    captures: str | None = None,
    index: str | None = None,
    key_file: str | None = None,
    key_secret: str | None = None,
    extract: str | None = None,
    again: bool = False,
    command: str | None = None,
    config: str | None = None,
    settings: Settings | ScanConfig | None = None,
    progress: Progress | None = None,
    events: EventLog | None = None,
    spark: SparkSession | None = None,
) -> Run:
    """Scan shards for copies of a corpus's articles, and publish the run in `out`.

    When it is called with the same arguments again, a scan that was stopped resumes, and a published run is
    returned.

    Args:
        paths: files, folders, globs, addresses, or lists of shards.
        corpus, out: folder or address of the corpus, and of the tables; runs may share those.
        format: `auto`, `wet`, `warc`, `arc`, `c4`, `oscar` or `rows`.
        release: instead of `paths`, the name of a release; needs a `format`.
        base: base of the relative lines of a list; for a release, the address of a mirror.
        sample: the share of the shards to scan, drawn at random; default: all.
        sample_seed: a different seed draws a different sample.
        product: the dataset of all shards, one of `presswatch datasets`; it is written into the rows.
        asked_for: name of the whole of which `paths` are all shards, such as `fineweb-2:fra_Latn`, by which a
            campaign finds the run. For a `release`, it is its name.
        pages_of: instead of `paths`, tables with matches in WET: the `index` finds their WARC records, which
            are read. `base` is then the folder of WARC files.
        captures: instead of `paths`, tables of a census: the records of its captures are read.
        index: the address of a CDX server, or of files of an index; `{release}` is replaced by the release.
        key_file, key_secret: the key of a sealed `corpus`: a file, or a secret of AWS (its ARN), which each
            host reads itself. The run's rows are then in `candidates` and `sealed_scans`.
        extract: with a key, a new folder for the pages of candidates: text of the web.
        again: scan even if a run of the same shards, corpus, settings and version is published.
        command: the command line that calls this, to be noted in `runs`.
        settings: by dotted names; or a loaded `ScanConfig`, instead of all layers.
        progress, events: receivers of reports (default: stderr) and of events; with `events`, reports of
            progress are events, too.
        spark: session to use; default: one of its own.

    Raises:
        InputError: there is no shard, release or format of the name, or not exactly one of `paths`,
            `release`, `pages_of` and `captures` is given.
        ConfigError, BudgetError, CorpusError, OutputError, StorageError: as in `pipeline.scan`.
    """
    from presswatch_spark.corpus.sealed import KeySource
    from presswatch_spark.scanning.pipeline import scan as run_scan

    rules, key = _scan_config(config, settings), KeySource.of(key_file, key_secret)
    planned = plan_scan(
        paths, corpus, rules, format, release=release, base=base, pages_of=pages_of, captures=captures,
        index=index, sample=sample, sample_seed=sample_seed, product=product, asked_for=asked_for,
    )  # fmt: skip
    summary = run_scan(
        planned, out, key=key, extract=extract, again=again, command=command, spark=spark, progress=progress,
        events=events,
    )  # fmt: skip
    return Run(out, rules.storage, summary)


def plan_scan(
    paths: Sequence[str], corpus: str, rules: ScanConfig, format: str = "auto", *,
    release: str | None = None, base: str | None = None, pages_of: str | None = None,
    captures: str | None = None, index: str | None = None, asked_for: str | None = None, **more: Any,
) -> ScanPlan:  # fmt: skip
    """Plan a scan by arguments of `scan`, without starting it; raises as `scan` does.

    `more`: further arguments of `ScanPlan.of`.
    """
    from presswatch_spark.reading import known_formats
    from presswatch_spark.scanning.pipeline import ScanPlan
    from presswatch_spark.scanning.releases.datasets import shards_of

    _known("format", format, (known_formats.AUTO, *known_formats.names()))
    if [bool(each) for each in (paths, release, pages_of, captures)].count(True) != 1:
        raise InputError("pass exactly one of paths, release, pages_of and captures")
    shards: Sequence[str] | RecordPlan = _several(paths)
    if pages_of or captures:
        shards, base = _records(pages_of, captures, index, base, rules), None
    elif release:
        found = shards_of(release, format, base, rules.datasets, rules.storage)
        shards, base, asked_for = (found.path,), found.base, found.name or asked_for
        rules = replace(rules, read=replace(rules.read, release=release))
    return ScanPlan.of(shards, format, corpus, rules, base=base, asked_for=asked_for, **more)


def verify_candidates(
    candidates: str, *, corpus: str, out: str, run: str | None = None, key_file: str | None = None,
    key_secret: str | None = None, extract: str | None = None, mirrors: Sequence[str] = (),
    settings: Settings | ScanConfig | None = None, spark: SparkSession | None = None,
) -> Verified:  # fmt: skip
    """Verify the candidates of a sealed scan; `mirrors`: FROM=TO; else as `query.verify_candidates`."""
    from presswatch_spark.corpus.sealed import KeySource
    from presswatch_spark.query.pointers.pointer import parse_mirror
    from presswatch_spark.query.verify_candidates import verify_candidates as verify

    key, copies = KeySource.of(key_file, key_secret), [parse_mirror(each) for each in _several(mirrors)]
    return verify(
        candidates, corpus=corpus, out=out, config=_scan_config(None, settings), run=run, key=key,
        extract=extract, mirrors=copies, spark=spark,
    )  # fmt: skip


def _records(
    pages_of: str | None, captures: str | None, index: str | None, base: str | None, rules: ScanConfig
) -> RecordPlan:
    from presswatch_spark.query.pointers.record_plans import plan_of_captures, plan_of_matches
    from presswatch_spark.scanning.crawl_index.lookup import Index
    from presswatch_spark.tables.store import TableStore

    root = rules.datasets.common_crawl.base
    if captures:
        return plan_of_captures(TableStore.open(captures, rules.storage), base or root)
    if index is None:
        raise InputError(
            "a WET file does not record where the page's WARC record is; only an index does",
            where=str(pages_of),
            remedy="pass --index https://index.commoncrawl.org/{release}-index, or the files of an index",
        )
    asked = Index(index, rules.storage, base or root)
    return plan_of_matches(TableStore.open(str(pages_of), rules.storage), asked, base)


def census(
    releases: Sequence[str],
    *,
    corpus: str,
    out: str,
    base: str | None = None,
    config: str | None = None,
    settings: Settings | ScanConfig | None = None,
    progress: Progress | None = None,
    events: EventLog | None = None,
    spark: SparkSession | None = None,
) -> Census:
    """List every capture of the members' pages in the columnar index of a release, and publish it in `out`.

    A census that was stopped resumes when it is called with the same arguments again.

    Args:
        releases: the id of a crawl; or files, folders, globs, addresses or lists of an index.
        base: base of the relative lines of a list; for a crawl, the address of a mirror.
        corpus, out, settings, progress, events, spark: as in `scan`; scans may share `out`.

    Raises:
        InputError: `releases` lead to no file, or name a crawl that is unknown or has no such index.
        ConfigError, CorpusError, OutputError, PlatformError: as in `scanning.census.census`.
    """
    from presswatch_spark.scanning.census import census as take_census

    rules = _scan_config(config, settings)
    summary = take_census(
        _several(releases), corpus=corpus, out=out, config=rules, base=base, spark=spark, progress=progress,
        events=events,
    )  # fmt: skip
    return Census(out, rules.storage, summary)


def make_claims(
    tables: str,
    *,
    corpus: str,
    out: str,
    licences: str | None = None,
    press: str | None = None,
    reviews: Sequence[str] = (),
    known: Sequence[str] = (),
    as_of: date | None = None,
    engine: str = "auto",
    memory: str = "2GB",
    config: str | None = None,
    settings: Settings | ScanConfig | None = None,
) -> Claims:
    """Judge every row of all runs in the light of all runs, and publish the table `claims` in `out`.

    Claims that are in `out` already move to its table `claims_before`.

    Args:
        tables: folder or `s3://` address that scans were given as `out`.
        corpus: the corpus that the runs were made with.
        licences: YAML of licences: licensee, hosts, titles, from, to, document.
        press: additional or excluded domains of the press, in the form of conf/press.yaml.
        reviews: verdicts of people: JSONL, CSV, Parquet, or folders of these; the newest counts.
        known: laws, speeches, old books, wires: words that occur there do not count as the article's.
        as_of: the day for which mandates and rights are judged; default: today, in UTC.
        engine: `duckdb` or `spark`, or `auto` for the one that suits the number of rows.
        memory: the memory that DuckDB may use before it sorts on disk.

    Raises:
        InputError: there is no such engine, or no file at a path.
        ConfigError: licences, reviews, press list or settings have mistakes.
        CorpusError, OutputError: there is no sound corpus, no folder of tables, or `out` cannot be written.
    """
    from presswatch_spark.claims.make import KnowledgePaths, read_knowledge
    from presswatch_spark.claims.make import make_claims as make
    from presswatch_spark.query.sql import ENGINES
    from presswatch_spark.tables.store import TableStore

    (engine,) = _known("engine", engine, ENGINES)
    rules = _scan_config(config, settings)
    sources = KnowledgePaths(corpus, licences, press, _several(reviews), _several(known), as_of)
    store = TableStore.open(tables, rules.storage)
    knowledge = read_knowledge(store, sources, rules)
    return Claims(out, rules.storage, make(store, knowledge, out, engine=engine, memory=memory))


def open_tables(tables: str, *, config: str | None = None, settings: Settings | None = None) -> Tables:
    """Open the tables in a folder or at an `s3://` address; `OutputError` if there are none."""
    return _open(tables, _scan_config(config, settings).storage)


def _open(tables: str, storage: StorageOptions) -> Tables:
    from presswatch_spark.tables.store import TableStore

    return Tables(TableStore.open(tables, storage))


def _several(names: Sequence[str]) -> tuple[str, ...]:
    # A `str` is a sequence, too: take it as one name.
    return (names,) if isinstance(names, str) else tuple(names)


def _known(kind: str, names: Sequence[str], known: Iterable[str], where: str = "") -> tuple[str, ...]:
    """Return names of a `kind` as a tuple; `InputError`, with all `known` names, for an unknown one."""
    chosen, there = _several(names), tuple(known)
    for name in chosen:
        if name not in there:
            what = f"there is no {kind} {name}{did_you_mean(name, there)}"
            raise InputError(printable(what), where=where, remedy=f"choose one of {', '.join(there)}")
    return chosen


def _columns(table: str, names: Sequence[str] | None) -> list[str] | None:
    from presswatch_spark.tables.declarations import SCHEMAS

    return list(_known("column", names, SCHEMAS[table].names, table)) if names else None


def _scan_config(config: str | None, settings: Settings | ScanConfig | None) -> ScanConfig:
    if isinstance(settings, ScanConfig):
        return settings
    return load_scan_config(config, os.environ, settings, "settings")
