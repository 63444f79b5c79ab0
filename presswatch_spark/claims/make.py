"""Makes the table `claims` of all published runs, by DuckDB or Spark as the size requires, and publishes it.

DuckDB sorts all rows on this machine, in memory and then on disk; it gets batches of our own reader, which
compares checksums. With Spark, the rows of an article meet in one task, which sorts and judges them.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import partial

import pyarrow as pa

from presswatch_spark.claims.judge import INPUT, ORDER, USED, Judge, Knowledge, input_batches
from presswatch_spark.claims.letters import KINDS
from presswatch_spark.claims.permissions import Licences, PressList
from presswatch_spark.claims.reviews import digest_of_reviews, load_reviews
from presswatch_spark.claims.words import KnownTexts
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.errors import PresswatchError
from presswatch_spark.judgement.grading import CONFIDENCES
from presswatch_spark.queries.in_duckdb import BATCH_ROWS, duckdb_session, no_room, unreadable
from presswatch_spark.queries.reservations import DECISIVE, pages_read
from presswatch_spark.queries.sql import answers_of, chosen_engine
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.spark.session import session, spark_schema
from presswatch_spark.spark.worker import task
from presswatch_spark.storage.disk import Folder
from presswatch_spark.tables.declarations import Claim
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.digests import digest_of
from presswatch_spark.tables.frames import written_by_spark
from presswatch_spark.tables.seals import Written
from presswatch_spark.tables.sorted_files import SortedFiles, written_columns
from presswatch_spark.tables.store import TableStore, column_batches

ROWS_A_TASK = 200_000
THINGS: Mapping[str, str] = {
    "addresses": "document_url",
    "pages": "page",
    "captures": "capture",
    "claims": "claim",
    "articles": "article_id",
    "texts": "text_sha256",
    "hosts": "document_host",
}
"""Things that are counted, each with its key in the view `claimed`; null is none. Claims have no records."""


def sorted_rows(
    store: TableStore, runs: Sequence[str], memory: str, cores: int | None
) -> Iterator[pa.RecordBatch]:
    """Yield all rows of published runs, as `judge.INPUT`, in `judge.ORDER`, sorted by DuckDB.

    Args:
        memory: the memory that DuckDB may take before it sorts on disk, such as `2GB`.
        cores: threads that sort; None: one for each core.

    Raises:
        ConfigError: DuckDB knows no such size of memory.
        OutputError: there is no room for the rows that are sorted, or rows cannot be read.
    """
    if not runs:
        return
    import duckdb

    errors = list[Exception]()

    def read() -> Iterator[pa.RecordBatch]:
        # DuckDB makes an error of its own of any that reading raises.
        try:
            yield from input_batches(column_batches(store, "matches", runs, USED, batch_rows=BATCH_ROWS))
        except (PresswatchError, pa.ArrowException, OSError) as error:
            errors.append(error)
            raise

    with duckdb_session(memory, cores) as connection:
        try:
            connection.register("rows", pa.RecordBatchReader.from_batches(INPUT, read()))
            query = f"select * from rows order by {', '.join(ORDER)}"
            yield from connection.sql(query).to_arrow_reader(BATCH_ROWS)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            cause = errors[0] if errors else error
            if isinstance(cause, PresswatchError):
                raise cause from error
            if errors:
                raise unreadable(store, cause) from cause
            raise no_room("sort the rows", error, memory) from error


def _write_by_spark(
    store: TableStore, runs: Sequence[str], knowledge: Knowledge, files: SortedFiles, rows: int
) -> Sequence[Written]:
    from pyspark.sql import functions as f

    config = knowledge.config.run
    spark = session("presswatch claims", master=config.master, cores=config.cores)
    with spark_errors(files.folder.uri):
        matches = store.frame(spark, "matches", *runs, columns=USED)
        spans = {"starts": "spans.article_start", "ends": "spans.article_end"}
        columns = [*(f.col(path).alias(name) for name, path in spans.items())]
        read = f.col("document_credits").isNotNull().alias("credits_read")
        plain = [name for name in INPUT.names if name not in (*spans, "credits_read")]
        chosen = matches.select(*plain, read, *columns)
        # Rows without article are judged each by itself, and may be more than one task can take.
        meeting = f.coalesce(f.col("article_id"), f.col("row_sha256"))
        tasks = max(1, -(-rows // ROWS_A_TASK), spark.sparkContext.defaultParallelism)
        dealt = chosen.repartition(tasks, meeting).sortWithinPartitions(*ORDER)
        claims = dealt.mapInArrow(partial(_judged, knowledge), spark_schema(Claim.schema))
        return written_by_spark(claims, files)


def _judged(knowledge: Knowledge, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    with task():
        yield from Judge(knowledge).claims(batches)


@dataclass(frozen=True, slots=True)
class ClaimCounts:
    """The numbers of rows, and of each of `THINGS`, by kind and letter; no cell is without rows.

    A page may have many rows. It counts once, where its strongest row does, by letter and then by kind. So do
    the other things, and each column adds up to its total.
    """

    cells: Mapping[tuple[str, str], Mapping[str, int]]

    @property
    def rows(self) -> int:
        """Return the number of all rows."""
        return self.total("rows")

    def total(self, thing: str, kinds: Iterable[str] = KINDS, letters: str = "ABCD") -> int:
        """Return the rows, or the number of a thing, in cells of some kinds and letters."""
        wanted = {(kind, letter) for kind in kinds for letter in letters}
        return sum(numbers[thing] for cell, numbers in self.cells.items() if cell in wanted)


def counts_of(store: TableStore, engine: str = "duckdb") -> ClaimCounts:
    """Count the published claims in a folder, by `duckdb` or `spark`; raises as `run_query`."""
    kinds = " ".join(f"when '{kind}' then '{number}'" for number, kind in enumerate(KINDS))
    strength = f"concat(confidence, case kind {kinds} end)"
    queries = [f"select {strength}, count(*) from claims group by 1"]
    queries += [
        f"select strength, count(*) from (select {key}, min({strength}) as strength from claimed"
        f" where {key} is not null group by {key}) as strongest group by strength"
        for key in THINGS.values()
    ]
    numbers = {
        name: Counter({(KINDS[int(str(of)[1:])], str(of)[0]): int(str(count)) for of, count in answer.rows})
        for name, answer in zip(("rows", *THINGS), answers_of(store, queries, engine), strict=True)
    }
    cells = ((kind, letter) for kind in KINDS for letter in CONFIDENCES if numbers["rows"][kind, letter])
    return ClaimCounts({cell: {name: numbers[name][cell] for name in numbers} for cell in cells})


@dataclass(frozen=True, slots=True)
class Sources:
    """Sources of knowledge beside the runs: paths on disk or S3. `as_of`: the day of judgement."""

    corpus: str
    licences: str | None = None
    press: str | None = None
    reviews: Sequence[str] = ()
    known: Sequence[str] = ()
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class ClaimsSummary:
    """A published table `claims`: its folder, rows, digest and counts."""

    folder: Folder
    rows: int
    table_digest: str
    engine: str
    counts: ClaimCounts


def make_claims(
    store: TableStore, knowledge: Knowledge, out: str, *, engine: str = "auto", memory: str = "2GB"
) -> ClaimsSummary:
    """Judge all rows of all published runs of a store, and write the table `claims` to `out`.

    Claims that `out` has go to its table `claims_before`.

    Args:
        knowledge: see `known_beside`.
        engine: one of `sql.ENGINES`.
        memory: the memory that DuckDB may take before it sorts on disk.

    Raises:
        OutputError: `out` contains something else, or cannot be written.
    """
    config, runs = knowledge.config, store.published()
    rows = sum(row["matches"] for row in store.rows() if row["run_id"] in runs)
    chosen = chosen_engine(engine, rows)
    about: dict[str, object] = {}

    def write(files: SortedFiles) -> Sequence[Written]:
        if chosen == "spark":
            written: Sequence[Written] = _write_by_spark(store, runs, knowledge, files, rows)
        else:
            rows_in_order = sorted_rows(store, runs, memory, config.run.cores)
            written = [files.write_all(Judge(knowledge).claims(rows_in_order))]
        claims = written_columns(files, written, ["claim_sha256"])
        about["table_digest"] = digest_of(claim["claim_sha256"] for claim in claims)
        about["inputs"] = inputs_of(knowledge)
        return written

    published = publish_derived(out, "claims", runs, write, config.storage, about)
    counts = counts_of(published, chosen)
    return ClaimsSummary(published.root / "claims", counts.rows, str(about["table_digest"]), chosen, counts)


def known_beside(
    store: TableStore, sources: Sources, config: ScanConfig, tell: Callable[[str], None] = lambda line: None
) -> Knowledge:
    """Read the knowledge that the rows of a store are judged with.

    Args:
        tell: gets a line for each file of reviews whose last line is cut short.

    Raises:
        ConfigError: licences, reviews or press list have mistakes; each error lists all of its file.
        CorpusError: there is no sound corpus.
    """
    storage, signals = config.storage, store.open_table("rights_signals").to_table(filter=DECISIVE)
    corpus = Corpus.open(sources.corpus, storage=storage)
    return Knowledge(
        corpus=sources.corpus,
        digest=corpus.manifest.digest,
        config=config,
        press=PressList.load(sources.press, storage),
        as_of=sources.as_of or datetime.now(UTC).date(),
        licences=Licences.load(sources.licences, corpus.registry.titles.keys(), storage),
        known=KnownTexts.load(sources.known, storage),
        reviews=load_reviews(sources.reviews, storage, tell),
        signals=signals,
        pages=tuple(pages_read(store)) if len(signals) else (),
    )


def inputs_of(knowledge: Knowledge) -> str:
    """Return as JSON the inputs of a table of claims, beside the runs."""
    config = knowledge.config
    sections = ("grade", "rarity", "ownership", "confidence", "claims")
    facts = {
        "as_of": knowledge.as_of.isoformat(),
        "corpus_digest": knowledge.digest,
        "press_digest": knowledge.press.digest,
        "licences_digest": knowledge.licences.digest,
        "known_digest": knowledge.known.digest,
        "reviews": len(knowledge.reviews),
        "reviews_digest": digest_of_reviews(knowledge.reviews),
        "settings": {name: asdict(getattr(config, name)) for name in sections},
    }
    return json.dumps(facts, sort_keys=True)
