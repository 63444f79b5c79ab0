"""Every setting of a job, declared once: type, default, meaning in one line, and bounds.

A section is a frozen dataclass. conf/scan.yaml and conf/releases.yaml explain each setting. `config_digest`
covers the sections that can change a row, and no other.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from presswatch_spark.core.languages import language_problem
from presswatch_spark.core.settings.load import SettingsGroup, setting, share
from presswatch_spark.core.terminal import did_you_mean

DEPLOY_PREFIX = "PRESSWATCH_DEPLOY__"
"""Prefix of settings of profiles (`presswatch_spark.deploy`)."""
# Variables that are no settings: the folder of caches, the data of tests, the result of a submitted job.
OTHER_VARIABLES = frozenset({"PRESSWATCH_CACHE_DIR", "PRESSWATCH_REAL_DATA", "PRESSWATCH_RESULT_URI"})
MOST_CORES = 1024
"""The most cores of this machine: Spark starts a thread for each."""
ENCODINGS = ("utf-8", "windows-1252", "iso-8859-1", "iso-8859-15", "mac-roman", "utf-16", "cp850", "cp437")
"""Encodings that programs write articles in; Python knows more."""


def encoding_problem(name: str) -> str:
    """Return the mistake in a name of a character encoding; empty if there is none."""
    try:
        b"a".decode(name)
    except UnicodeError:  # a letter of UTF-16 takes two bytes
        return ""
    except (LookupError, ValueError):
        return f"{name!r} is not a character encoding{did_you_mean(name, ENCODINGS)}"
    return ""


CORPUS_AGENCIES = (
    "AFP", "Agence France-Presse", "Reuters", "Belga", "ATS", "Associated Press",
    "La Presse canadienne", "APS", "DPA", "EFE", "ANSA", "TASS", "Xinhua",
)  # fmt: skip
"""News agencies that make an article agency copy; `judgement.agencies` has all that pages may credit."""


@dataclass(frozen=True, slots=True)
class GradeRules:
    """Limits of the grades of copies. Coverages are shares of words, 0 to 1; runs and counts are in words."""

    min_run_words: int = setting(11, "Shortest run to report, in words", low=8)
    full_copy_coverage: float = share(0.9, "Share of the article's words that makes a full copy")
    partial_copy_coverage: float = share(0.3, "Share of the article's words that makes a partial copy")
    partial_copy_words: int = setting(100, "Words that make a partial copy, whatever the share")


@dataclass(frozen=True, slots=True)
class VerifyRules:
    """How runs become spans. All in words."""

    # The sieve's shingles have 8 words: with a longer anchor, passages that it finds would be lost.
    anchor_words: int = setting(8, "Words of an unbroken run that proves a passage", high=8)
    bridge_gap_words: int = setting(48, "Longest gap between two such runs that is compared as well", low=0)
    bridge_run_words: int = setting(3, "Words of a run in a gap that count as copied")


@dataclass(frozen=True, slots=True)
class RarityRules:
    """Numbers of unrelated texts, by kind, from which on a shingle counts as known from elsewhere."""

    known_publishers: int = setting(1, "Other publishers that must have a shingle")
    known_articles: int = setting(5, "Other articles of the title that must have it")
    known_domains: int = setting(3, "Domains of the background that must have it")
    word_bits: int = setting(12, "Most bits that one word counts")


@dataclass(frozen=True, slots=True)
class OwnershipRules:
    """The owner of a copied text."""

    shared_share: float = share(
        0.5, "Share of the copied words that others must have for the text to count as shared"
    )
    agency_publishers: int = setting(
        3, "Other publishers with that share from which on the text counts as an agency's"
    )


@dataclass(frozen=True, slots=True)
class ConfidenceRules:
    """The grade of a row. Rarity is in bits, shares are 0 to 1."""

    rare_bits: int = setting(200, "Least rarity of A and B", low=0)
    own_url_run_words: int = setting(40, "A: words in one run at the article's own URL")
    full_copy_shared_share: float = share(
        0.1, "A: largest share of a full copy's words that other publishers have"
    )
    one_piece_share: float = share(0.75, "A, B: least share of the copied words in one run")
    unbroken_share: float = share(0.9, "A, B: else least share in one unbroken part of the article")
    unbroken_words: int = setting(200, "A, B: and least words of such a part")
    partial_copy_words: int = setting(40, "B: least copied words of a full or partial copy")
    rare_passage_bits: int = setting(600, "B: least rarity of an extract", low=0)
    common_bits: int = setting(60, "D: an extract below this rarity", low=0)


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """Limits by which `claims` attributes words to another source. Words are the article's; shares 0 to 1."""

    passage_words: int = setting(11, "Words in common that make two pages' passages the same")
    early_days: int = setting(1, "Days after publication that count as before it, on others' pages", low=0)
    rest_share: float = share(
        0.1, "Least share of the article outside the words that hosts share, for a common source"
    )
    holder_share: float = share(0.5, "Share of that rest from which on a host counts as having it")


@dataclass(frozen=True, slots=True)
class MinHashRules:
    """The parameters of datasketch; recorded in every run."""

    scheme: str = setting("affine32", "Scheme of the permutations")
    seed: int = setting(1, "Seed of the permutations", low=0)
    permutations: int = setting(128, "Number of permutations", low=16, high=1024)
    shingle_words: int = setting(5, "Words of a shingle for MinHash")


@dataclass(frozen=True, slots=True)
class ReadRules:
    """The documents and columns that are read of a shard."""

    languages: tuple[str, ...] = setting(
        (), "Read only documents in this language (fra or fr)", value="CODE", check=language_problem
    )
    columns: Mapping[str, str] = setting(
        {}, "Columns of JSONL and Parquet, e.g. url=meta.source_url, in all shards", value="OURS=THEIRS"
    )
    max_document_bytes: int = setting(16 << 20, "Longest document that is read, in bytes")
    pdf: bool = setting(False, "In WARC, read PDF files too", without="left out", flag="--pdf/--no-pdf")
    embedded_text: bool = setting(
        True,
        "In WARC, read text in scripts, attributes, feeds and JSON",
        without="read",
        flag="--embedded-text/--no-embedded-text",
    )
    release: str | None = setting(None, "Release of files without one", flag="--release-name", value="NAME")


@dataclass(frozen=True, slots=True)
class RunRules:
    """The division, reports and cost of a run. None of these can change a row."""

    wave_shards: int | None = setting(
        None,
        "Shards in a wave, after which a stopped run can resume",
        without="256, or 16 per core",
    )
    shards_per_task: int = setting(4, "Shards in one Spark task, at most")
    shard_attempts: int = setting(2, "Tries of a shard when storage fails")
    shard_seconds: float = setting(21600.0, "Seconds for a try of a shard, without pauses of hosts", low=0.01)
    wave_failures: float = share(0.1, "Share of a wave's shards that may be lost before the run stops")
    log_format: str = setting(
        "text", "Format of stderr: text for people, JSON for log collectors", words=("text", "json")
    )
    metrics_file: str | None = setting(
        None, "File of metrics for Prometheus, written after each wave", without="none", value="FILE"
    )
    lease_seconds: float = setting(
        60.0, "Seconds without a sign of life after which a run on S3 may be taken over", low=1, high=3600
    )
    shard_digest: bool = setting(
        False, "Write each shard's SHA-256", without="left out", flag="--shard-digest/--no-shard-digest"
    )
    index_memory: float | None = setting(
        None,
        "Memory of each host for the index; a larger index is searched in passes",
        low=1e-6,
        without="one pass",
        value="GB",
    )
    gate_audit: float = share(
        0.0,
        "Share of the documents skipped by language that are read as an audit",
        value="SHARE",
        without="none",
    )
    spark_ui: bool = setting(
        False, "Serve Spark's pages while the scan runs", without="off", flag="--spark-ui/--no-spark-ui"
    )
    operator: str | None = setting(None, "Name for `runs.operator`", without="none", value="NAME")
    master: str | None = setting(None, "Spark master", without="this machine", value="URL")
    cores: int | None = setting(None, "Cores of this machine", high=MOST_CORES, without="all")
    price: str | None = setting(
        None, "Machine of conf/prices.yaml, or a part of its name, to estimate the cost", value="MACHINE"
    )
    prices: str | None = setting(None, "Another price list", without="conf/prices.yaml")
    budget: float | None = setting(
        None, "Limit of the scan's cost", low=0.01, without="no limit", value="DOLLARS"
    )


@dataclass(frozen=True, slots=True)
class CommonCrawlRules:
    """Addresses of the crawls."""

    index: str = setting("https://index.commoncrawl.org/collinfo.json", "The list of all crawls")
    base: str = setting("https://data.commoncrawl.org/", "Address below which the paths of shards are")


@dataclass(frozen=True, slots=True)
class DatasetRules:
    """Addresses of releases. None of these can change a row."""

    common_crawl: CommonCrawlRules = field(default_factory=CommonCrawlRules)


@dataclass(frozen=True, slots=True)
class StorageOptions:
    """Access to storage, without secrets: credentials come from the AWS chain or a named profile.

    The token of a hub is read where it is needed, from a file, a secret of AWS, or `HF_TOKEN`. Limits of
    connections and requests to a host are per machine: a run divides them among its workers there.
    """

    endpoint: str | None = setting(None, "S3 endpoint other than AWS's", value="URL")
    region: str | None = setting(None, "S3 region")
    profile: str | None = setting(None, "AWS profile for credentials")
    unsigned: bool = setting(
        False, "Read public buckets without credentials", without="signed", flag="--unsigned/--signed"
    )
    max_attempts: int = setting(8, "Tries of a request, and interruptions of 8 MiB of a download")
    connect_timeout: float = setting(10.0, "Seconds to wait for a connection", low=0.1, high=3600)
    read_timeout: float = setting(60.0, "Seconds to wait for the next bytes of an answer", low=0.1, high=3600)
    backoff_base: float = setting(0.5, "Seconds to wait after a first failure, then doubled", low=0, high=60)
    ca_bundle: str | None = setting(None, "PEM file of trusted authorities", without="the system's")
    hf_endpoint: str | None = setting(None, "Hub of hf:// addresses", without="HF_ENDPOINT", value="URL")
    hf_token_file: str | None = setting(
        None,
        "File that contains only the token for the hub",
        without="HF_TOKEN",
        value="FILE",
        form=r"(?!hf_[A-Za-z0-9]{16,}$).+",
        formed="the file with the token, and not the token itself",
    )
    hf_token_secret: str | None = setting(
        None,
        "Secret of AWS Secrets Manager with that token, read by each host itself",
        without="HF_TOKEN",
        value="ARN",
        form=r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d+:secret:.+",
        formed="the ARN of the secret with the token, as arn:aws:secretsmanager:REGION:…:secret:NAME",
    )
    private_hosts: tuple[str, ...] = setting(
        (), "Hosts at private addresses that redirects, hubs and lists may lead to", without="none"
    )
    max_connections: int | None = setting(None, "Connections to one web site", high=1000, without="8")
    requests_per_second: float | None = setting(
        None, "Requests of a machine to one host", low=0.001, high=1000, without="no limit"
    )
    longest_wait: float = setting(600.0, "Longest wait that a site may request, in seconds", low=0, high=3600)
    refusal_pause: float = setting(
        60.0, "Seconds of pause after a refusal that states no time", low=0, high=3600
    )
    lowest_rate: int = setting(1024, "Bytes a second below which a transfer counts as broken", low=0)
    rate_seconds: float = setting(60.0, "Seconds over which that rate is measured", low=0.01, high=3600)


@dataclass(frozen=True, slots=True)
class CorpusConfig:
    """All settings of a corpus build; recorded in its manifest."""

    shingle_words: int = setting(8, "Words of a shingle in the index", low=8, high=8)
    shingle_stride: int = setting(4, "Words from the beginning of one such shingle to the next", high=4)
    min_article_words: int = setting(8, "Least words of an article; shorter ones are refused", low=8)
    max_articles_per_shingle: int = setting(1000, "Leave out of the index shingles that more articles share")
    filter_bits_per_key: int = setting(16, "Bits of the filter per shingle of the index", low=4, high=64)
    cluster_jaccard: float = share(0.9, "Similarity above which texts form a cluster of agency copy")
    background_copy_share: float = share(
        0.6, "Share of an article from which on a background page counts as its copy"
    )
    agencies: tuple[str, ...] = setting(CORPUS_AGENCIES, "Agencies; an article that names one is agency copy")
    minhash: MinHashRules = field(default_factory=MinHashRules)
    columns: Mapping[str, str] = setting({}, "Columns under other names, e.g. body=text", value="OURS=THEIRS")
    date_formats: tuple[str, ...] = setting(
        (), "Form of dates, e.g. %d-%m-%Y", separator=";", flag="--date-format", value="FORMAT"
    )
    body_format: str = setting(
        "auto", "Form of the bodies; `auto` detects each", words=("auto", "text", "html")
    )
    encoding: str = setting(
        "utf-8", "Encoding of CSV and JSONL, e.g. windows-1252", check=encoding_problem, value="NAME"
    )
    master: str | None = setting(None, "Spark master", without="this machine", value="URL")
    cores: int | None = setting(None, "Cores of this machine", high=MOST_CORES, without="all")


@dataclass(frozen=True, slots=True)
class ScanConfig:
    """All settings of a job. Its hash leaves out sections with mappings."""

    grade: GradeRules = field(default_factory=GradeRules)
    verify: VerifyRules = field(default_factory=VerifyRules)
    rarity: RarityRules = field(default_factory=RarityRules)
    ownership: OwnershipRules = field(default_factory=OwnershipRules)
    confidence: ConfidenceRules = field(default_factory=ConfidenceRules)
    claims: ClaimRules = field(default_factory=ClaimRules)
    read: ReadRules = field(default_factory=ReadRules, hash=False)
    run: RunRules = field(default_factory=RunRules)
    datasets: DatasetRules = field(default_factory=DatasetRules)
    storage: StorageOptions = field(default_factory=StorageOptions)
    corpus: CorpusConfig = field(default_factory=CorpusConfig, hash=False)


MATCH_SECTIONS = ("grade", "verify", "rarity", "ownership", "confidence")
"""Sections of `ScanConfig` by which a pair is verified, compared and judged."""
JOB_SETTINGS = SettingsGroup(
    ScanConfig, "conf/scan.yaml and conf/releases.yaml", "PRESSWATCH_", OTHER_VARIABLES, DEPLOY_PREFIX
)


load_scan_config = JOB_SETTINGS.load
"""Loads the settings of a job."""


def row_settings(config: ScanConfig, minhash: MinHashRules) -> str:
    """Return every setting that can change a row, as canonical JSON; `minhash` is the corpus's.

    Without embedded text, they are those of versions that did not read it.
    """
    values = {name: asdict(getattr(config, name)) for name in (*MATCH_SECTIONS, "read")}
    values["minhash"] = asdict(minhash)
    # The order of languages changes no row.
    values["read"]["languages"] = sorted(set(config.read.languages))
    if not config.read.embedded_text:
        del values["read"]["embedded_text"]
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def config_digest(config: ScanConfig, minhash: MinHashRules) -> str:
    """Return the SHA-256 (hex) of `row_settings`."""
    return hashlib.sha256(row_settings(config, minhash).encode()).hexdigest()
