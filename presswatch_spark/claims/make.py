"""Makes the table `claims` of all published runs, by DuckDB or Spark as the size asks, and publishes it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from presswatch_spark.claims import in_duckdb, in_spark
from presswatch_spark.claims.counts import ClaimCounts, counts_of
from presswatch_spark.claims.inputs import Knowledge
from presswatch_spark.claims.known_texts import KnownTexts
from presswatch_spark.claims.licences import Licences
from presswatch_spark.claims.press import PressList
from presswatch_spark.claims.reservations import pages_read
from presswatch_spark.claims.reviews import digest_of_reviews, load_reviews
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.queries.engines import chosen_engine
from presswatch_spark.queries.reservations import DECISIVE
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.disk import Folder
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.digests import digest_of
from presswatch_spark.tables.published_files import Written
from presswatch_spark.tables.sorted_files import SortedFiles, written_columns
from presswatch_spark.tables.store import TableStore


@dataclass(frozen=True, slots=True)
class Sources:
    """What is known beside the runs: paths on disk or S3. `as_of`: the day that is judged for."""

    corpus: str
    licences: str | None = None
    press: str | None = None
    reviews: Sequence[str] = ()
    known: Sequence[str] = ()
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class ClaimsSummary:
    """A published table `claims`: where it is, its rows and digest, and what its rows add up to."""

    folder: Folder
    rows: int
    table_digest: str
    engine: str
    counts: ClaimCounts


def make_claims(
    store: TableStore, knowledge: Knowledge, out: str, *, engine: str = "auto", memory: str = "2GB"
) -> ClaimsSummary:
    """Judge all rows of all published runs of a store, and write the table `claims` to `out`.

    Args:
        knowledge: see `known_beside`.
        engine: one of `engines.ENGINES`.
        memory: the memory that DuckDB may take before it sorts on disk.

    Raises:
        OutputError: `out` holds something else, or cannot be written. Claims that it holds go to its table
            `claims_before`.
    """
    config, runs = knowledge.config, store.published()
    rows = sum(row["matches"] for row in store.rows() if row["run_id"] in runs)
    chosen = chosen_engine(engine, rows)
    about: dict[str, object] = {}

    def write(files: SortedFiles) -> Sequence[Written]:
        if chosen == "spark":
            written = in_spark.write(store, runs, knowledge, files, rows)
        else:
            written = in_duckdb.write(store, runs, knowledge, files, memory, config.run.cores)
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
    """Return as JSON what a table of claims was made with, beside the runs."""
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
