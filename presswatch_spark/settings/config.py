"""Settings: nested, typed, bounded, documented; layered as file, then environment, then flags.

Every section is a frozen dataclass. `config_digest` covers the sections that can change a row, and no other.
`kinds` holds their bounds, and `load` loads them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from presswatch_spark.storage.objects import StorageOptions

AGENCIES = (
    "AFP", "Agence France-Presse", "Reuters", "Belga", "ATS", "Associated Press",
    "La Presse canadienne", "APS", "DPA", "EFE", "ANSA", "TASS", "Xinhua",
)  # fmt: skip
"""News agencies, as articles name them."""


@dataclass(frozen=True, slots=True)
class GradeRules:
    """What counts as a copy. Coverages are shares of words, 0 to 1; runs and counts are in words."""

    min_run_words: int = 11
    full_copy_coverage: float = 0.9
    partial_copy_coverage: float = 0.3
    partial_copy_words: int = 100


@dataclass(frozen=True, slots=True)
class VerifyRules:
    """How runs become spans. All in words."""

    anchor_words: int = 8
    bridge_gap_words: int = 48
    bridge_run_words: int = 3


@dataclass(frozen=True, slots=True)
class RarityRules:
    """When a shingle counts as known from elsewhere: in so many unrelated texts of one kind, or more.

    `word_bits` is the most that one word counts, in bits.
    """

    known_publishers: int = 1
    known_articles: int = 5
    known_domains: int = 3
    word_bits: int = 12


@dataclass(frozen=True, slots=True)
class OwnershipRules:
    """Whose a copied text is: the share of its words, 0 to 1, that others have; other publishers."""

    shared_share: float = 0.5
    agency_publishers: int = 3


@dataclass(frozen=True, slots=True)
class ConfidenceRules:
    """What a row may be used for: words, bits of rarity, and a share of words, 0 to 1."""

    rare_bits: int = 200
    own_url_run_words: int = 40
    full_copy_shared_share: float = 0.1
    partial_copy_words: int = 40
    rare_passage_bits: int = 600
    common_bits: int = 60


@dataclass(frozen=True, slots=True)
class MinHashRules:
    """datasketch's parameters; recorded in every run. `shingle_words` is the length of a MinHash shingle."""

    scheme: str = "affine32"
    seed: int = 1
    permutations: int = 128
    shingle_words: int = 5


@dataclass(frozen=True, slots=True)
class ReadRules:
    """What is read of a shard."""

    languages: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    max_document_bytes: int = 16 << 20
    pdf: bool = False
    release: str | None = None


@dataclass(frozen=True, slots=True)
class RunRules:
    """How a run is spread, whom it tells, and what it may cost, in dollars. None of these can change a row.

    `shard_seconds`: how long a shard may take, without its waiting for hosts that make all wait.
    `lease_seconds`: with tables on S3, how long a run's process may be silent before another takes it over.
    `price` is the name of a machine in the price list `prices`, a file; None: conf/prices.yaml.
    """

    wave_shards: int = 256
    shards_per_task: int = 4
    shard_attempts: int = 2
    shard_seconds: float = 21600.0
    wave_failures: float = 0.1
    log_format: str = "text"
    metrics_file: str | None = None
    lease_seconds: float = 60.0
    master: str | None = None
    cores: int | None = None
    price: str | None = None
    prices: str | None = None
    budget: float | None = None


@dataclass(frozen=True, slots=True)
class CommonCrawlRules:
    """Where crawls live. `lists` names the list of shards for each format, below `base`."""

    index: str = "https://index.commoncrawl.org/collinfo.json"
    index_hours: int = 24
    base: str = "https://data.commoncrawl.org/"
    lists: Mapping[str, str] = field(
        default_factory=lambda: {
            "warc": "crawl-data/{release}/warc.paths.gz",
            "wet": "crawl-data/{release}/wet.paths.gz",
            "wat": "crawl-data/{release}/wat.paths.gz",
            "robotstxt": "crawl-data/{release}/robotstxt.paths.gz",
            "index": "crawl-data/{release}/cc-index-table.paths.gz",
            "arc": "crawl-data/{release}/arc.paths.gz",
        }
    )


@dataclass(frozen=True, slots=True)
class NewsRules:
    """Where CC-NEWS lives: below the base of Common Crawl, a list for each month."""

    lists: Mapping[str, str] = field(
        default_factory=lambda: {"warc": "crawl-data/CC-NEWS/{year}/{month}/warc.paths.gz"}
    )


@dataclass(frozen=True, slots=True)
class C4Rules:
    """Where a copy of C4 lives, and its shards below that.

    `files` are those of the English variants, `part` is one, e.g. `en.noclean`; `multilingual_files` those of
    all other languages, `part` is one, e.g. `fr`.
    """

    base: str | None = None
    files: str = "{part}/c4-*.json.gz"
    multilingual_files: str = "multilingual/c4-{part}[.-][tv]*.json.gz"


@dataclass(frozen=True, slots=True)
class OscarRules:
    """Where a copy of OSCAR 23.01 lives, and its shards below that; `part` is a language, e.g. `fr`."""

    base: str | None = None
    files: str = "{part}_meta/*.jsonl.zst"


@dataclass(frozen=True, slots=True)
class DatasetRules:
    """Where releases live. None of these can change a row."""

    common_crawl: CommonCrawlRules = field(default_factory=CommonCrawlRules)
    cc_news: NewsRules = field(default_factory=NewsRules)
    c4: C4Rules = field(default_factory=C4Rules)
    oscar_2301: OscarRules = field(default_factory=OscarRules)


@dataclass(frozen=True, slots=True)
class ScanConfig:
    """All settings of a scan."""

    grade: GradeRules = field(default_factory=GradeRules)
    verify: VerifyRules = field(default_factory=VerifyRules)
    rarity: RarityRules = field(default_factory=RarityRules)
    ownership: OwnershipRules = field(default_factory=OwnershipRules)
    confidence: ConfidenceRules = field(default_factory=ConfidenceRules)
    read: ReadRules = field(default_factory=ReadRules)
    run: RunRules = field(default_factory=RunRules)
    datasets: DatasetRules = field(default_factory=DatasetRules)
    storage: StorageOptions = field(default_factory=StorageOptions)


@dataclass(frozen=True, slots=True)
class CorpusConfig:
    """All settings of a corpus build; recorded in its manifest.

    `date_formats`: those of `strptime` that articles' dates are in, beside the forms that have one meaning.
    """

    shingle_words: int = 8
    shingle_stride: int = 4
    min_article_words: int = 8
    max_articles_per_shingle: int = 1000
    filter_bits_per_key: int = 16
    cluster_jaccard: float = 0.9
    background_copy_share: float = 0.6
    agencies: tuple[str, ...] = AGENCIES
    minhash: MinHashRules = field(default_factory=MinHashRules)
    columns: Mapping[str, str] = field(default_factory=dict)
    date_formats: tuple[str, ...] = ()
    master: str | None = None
    cores: int | None = None


def row_settings(config: ScanConfig, minhash: MinHashRules) -> str:
    """Every setting that can change a row, as canonical JSON: sorted keys, no spaces.

    `minhash` is the corpus's: its signatures were made with it.
    """
    values = {
        "grade": asdict(config.grade),
        "verify": asdict(config.verify),
        "rarity": asdict(config.rarity),
        "ownership": asdict(config.ownership),
        "confidence": asdict(config.confidence),
        "read": asdict(config.read),
        "minhash": asdict(minhash),
    }
    # The gate is a set: its order changes nothing.
    values["read"]["languages"] = sorted(set(config.read.languages))
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def config_digest(config: ScanConfig, minhash: MinHashRules) -> str:
    """SHA-256 (hex) of `row_settings`."""
    return hashlib.sha256(row_settings(config, minhash).encode()).hexdigest()
