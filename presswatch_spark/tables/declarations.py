"""All tables, by class: a line for each column, with its type and its meaning.

A declaration is the only place of a column: Arrow and Spark schemas, the catalog, the columns in
`docs/reference/tables-*.md`, digests, views and tests derive from it. A new table also needs an entry in `TABLES`
and in `PUBLISHED_BY`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, TypedDict

import pyarrow as pa

from presswatch_spark.core.locators import RecordEncoding, TextSource
from presswatch_spark.core.scan_values import TextString
from presswatch_spark.tables import column_values as values
from presswatch_spark.tables.row_types import Int32, TableRow, UInt64, column, struct_like

# fmt: off

class Span(TypedDict):
    """Consecutive words that both texts have: characters [start, end) of document and article, and their passage."""

    document_start: int
    document_end: int
    article_start: int
    article_end: int
    words: Int32
    passage: Int32


class Match(TableRow):
    """A document and an article that share a passage, or a document on a member's site."""

    run_id: str = column("The run that found the row; key of `runs`.")
    dataset: str = column("`wet`, `warc`, `arc`, `c4`, `oscar` or `rows`; the format the shard was read as.")
    release: str | None = column("Release of the dataset, e.g. `CC-MAIN-2024-22`: as stated by the shard or the configuration.")
    product: str | None = column("Name of the dataset, such as `fineweb-2`: passed to the scan, or derived from the release or the shard's address. Null if unknown, and in older runs, as are `product_revision`, `upstream_uri` and `upstream_offset`.")
    product_revision: str | None = column("Commit of the dataset on its hub; null where it was not read from a hub.")
    document_url: str | None = column("URL of the document according to the dataset; null if it states none.")
    document_host: str | None = column("Host of that URL, in lower-case ASCII, without port; null if unknown, and in older runs.")
    document_domain: str | None = column("Registered domain of the host, by the Public Suffix List; the host where there is none. Null as `document_host`.")
    article_id: str | None = column("The member's article; null if only the site is known (`url_only`).")
    title_id: str = column("The title that owns the article, or whose site the document is on.")
    publisher_id: str = column("The publisher of the title.")
    url_match: values.UrlMatch = column("`article`: the document's normalised URL is the article's; `title`: it is on a domain or prefix of the title; `none`: neither, or the URL is unknown (then `own_site` is null).")
    grade: values.Grade = column("`full_copy`, `partial_copy`, `extract` or `url_only`, by the rules of `conf/scan.yaml`.")
    longest_run_words: Int32 = column("Words in the longest passage that document and article share, compared word by word.")
    copied_words: Int32 = column("Words of the article that are in a span; each counted once.")
    article_coverage: float | None = column("`copied_words` / words of the article, 0 to 1; null without article.")
    document_coverage: float | None = column("Words of the document that are in a span / words of the document, 0 to 1; null without article.")
    minhash_jaccard: float | None = column("Jaccard similarity of the two word-shingle sets, estimated by datasketch MinHash; null for `url_only`.")
    run_rarity: Int32 | None = column("Rarity of the rarest shared passage: the information, in whole bits, in those of its words that are known from no unrelated text. Null for `url_only`.")
    shared_words: Int32 | None = column("Copied words that are in another publisher's article, too; null for `url_only`.")
    ownership: values.Ownership | None = column("Whose the copied words are: `exclusive`, `shared` with another publisher's articles, or `agency`; null for `url_only`.")
    confidence: values.Confidence = column("`A` to `D`, by the rules of `conf/scan.yaml`: how well the row supports a claim. `D` is never put into a notice.")
    confidence_reasons: Sequence[str] | None = column("Codes of the reasons for that letter and of those that limited it, in the order of the rules. Null in older runs.")
    document_credits: Sequence[str] | None = column("Agencies and sources that the page credits in or next to the passage; empty if none. Null without a shared passage, and in older runs.")
    credits_others: bool | None = column("Whether one of these is neither the article's title nor its publisher. Null as `document_credits`.")
    credits_owner: bool | None = column("Whether the page names the article's title or publisher as its source: in a credit next to the passage, in its metadata, or by the article's address in its text. Null without a passage, and in older runs.")
    unbroken_words: Int32 | None = column("Words of the longest part of the article that the page has complete, even with other words in between; null for `url_only`, and in older runs.")
    passage_kind: str | None = column('Kind of lines of the article that a short passage is from: `caption`, `service` (a list of hours, prices, addresses), `link` ("Lire aussi"); null for prose, and in older runs.')
    repeats_article_id: str | None = column("An article of the same title whose words are in the same places of the page, and whose row is the claim instead of this one: the one at the page's address, else the earliest. Null if there is none, and in older runs.")
    repeated_by: Sequence[str] | None = column("Other articles of the title whose rows refer to this one in `repeats_article_id`; empty if none, null in older runs.")
    in_main_content: bool | None = column("Whether the longest shared passage is in the page's main content, not in menus, teasers or comments; null if unknown, and outside of WARC.")
    spans: Sequence[Span] = column("The copied parts: for each, its character ranges [start, end) in document and article, its words, and the passage that it belongs to.")
    own_site: bool | None = column("Whether the document is on a site of the same publisher; null if its URL is unknown.")
    site_title_id: str | None = column("The title on whose site the document is, even if another title owns the article; null if it is on no site, or its URL is unknown.")
    cluster_id: str | None = column("Cluster of articles with nearly the same text (agency copy); null if no other article has it.")
    article_url: str | None = column("URL of the article as the member supplied it.")
    headline: str | None = column("Headline of the article as the member supplied it; null if it supplied none, and in older runs.")
    article_published_at: datetime | None = column("When the article was published, as the member supplied it; null if it supplied no date.")
    article_time_zone: str | None = column("Time zone of the title's dates, as stated in the members' file; null if it states none, and in older runs.")
    article_sha256: str | None = column("SHA-256 (hex) of the article's text in UTF-8; null without article.")
    article_words: Int32 | None = column("Words in the article's body.")
    article_is_excerpt: bool | None = column("Whether the article's body, as the member supplied it, is a teaser or breaks off: `is_excerpt` of `corpus_articles`. Never `A`. Null without article, and in older runs.")
    document_words: int | None = column("Words in the document, in the text of `text_sha256`; null where no text could be extracted, and for `url_only` in older runs.")
    shard_uri: str = column("The file of the release that contains the document.")
    record_id: str | None = column("`WARC-Record-ID`, or the dataset's own id.")
    record_offset: int | None = column("First byte of the record; see `record_encoding`.")
    record_length: int | None = column("Bytes of the record from `record_offset`.")
    record_encoding: RecordEncoding | None = column("`gzip`: the range is one gzip member of the file; `plain`: the record itself; `inflated`: the range counts in the inflated file.")
    record_damage: str | None = column("Kind of damage to the record: `length`, `header`, `boundary`, `digest`, `checksum`, `row`; null if none was found. Such a row is never `A` or `B`.")
    row_index: int | None = column("Line of JSONL or row of Parquet, from 0.")
    payload_digest: str | None = column("Digest that the dataset declares, as written there.")
    payload_digest_computed: str | None = column("SHA-1 (`sha1:` and Base32) of the payload that is stored there; null if the dataset stores no payloads.")
    text_sha256: str = column("SHA-256 (hex) of the document's text in UTF-8: as the dataset stores it, or as extracted from the page.")
    text_extraction: str | None = column("The extractor of the text, with its version; null where the dataset stores text.")
    charset: str | None = column("The character encoding that the page was read in, by Python's name; null where the dataset stores text, and for PDF.")
    text_source: TextSource | None = column("The part of the page that the text is from: `visible`, `hidden` (visible text and hidden words; no passage begins in the visible part), or strings of 11 words and more, joined by line ends, of `json_ld`, another `script`, an `attribute`, a `feed`, a `json` response. A passage is in the row of the first of these that contains it. Null in older runs: visible or hidden.")
    text_strings: Sequence[TextString] | None = column("The strings that the spans touch, at most 100: for each, its characters [document_start, document_end) in the text, its JSON path or element and attribute, and the bytes [start, end) of its literal in the decoded body in UTF-8; of one in several CDATA sections or scripts, from its first to its last. Null for `visible` and `hidden`.")
    captured_at: datetime | None = column("When the page was captured, if the dataset states it.")
    http_status: Int32 | None = column("HTTP status at capture, if the dataset states it.")
    languages: Sequence[str] = column("Languages that the dataset identified; empty if none.")
    page_publisher: str | None = column("Publisher of the page, as the page states it in JSON-LD, else in its head. Null if the page states none, outside of WARC and ARC, and in older runs, as are all columns `page_…`.")
    page_publisher_source: str | None = column("Where the page names its publisher: `json_ld`, `meta`, or `site_name` (`og:site_name`, the name of the site).")
    page_publisher_others: bool | None = column("Whether that publisher is neither the article's title nor its publisher; null if the page names only its site, without a shared passage, and in older runs.")
    page_author: str | None = column("Authors of the page, as the page states them, with commas between them.")
    page_published_at: datetime | None = column("When the page was published, as the page states it; without a time zone the day, at 00:00 UTC (null in older runs).")
    page_based_on: str | None = column("The source of the page, as the page states it (`isBasedOn`): an address or a name.")
    page_canonical_url: str | None = column("Address of the page, as the page states it (`canonical`).")
    upstream_uri: str | None = column("The web archive (WARC, ARC or WET) that the dataset's row was made from, as the row states it: an address, or a path at its publisher.")
    upstream_offset: int | None = column("First byte of the record in that file, if the row states it.")
    row_sha256: str = column("SHA-256 (hex) of the row's canonical form; `table_digest` is built from these.")


class RightsSignal(TableRow):
    """A declaration of a member's site about mining, training or other use of its pages."""

    run_id: str = column("The run that found the row; key of `runs`.")
    release: str | None = column("Release of the dataset, as in `matches`.")
    document_url: str = column("URL of the capture: the page, or the file that declares for its host.")
    host: str = column("Host of that URL, with `www.`, and with the port unless it is the scheme's default.")
    title_id: str | None = column("The title on whose site the page is; for a declaration of the host, the title of the host, null if several share it.")
    publisher_id: str | None = column("The publisher of the title; null if publishers share the host.")
    signal: values.SignalName = column("`robots_txt`, `ai_txt`, `x_robots_tag`, `meta_robots`, `tdm_reservation`, `tdm_policy`, `content_usage`, `content_signal`, `rsl`, `paywall`, `copyright`, `license`, `canonical`; `left_out`: there are more than were kept.")
    agent: str | None = column("The agent that the declaration addresses; `*` for any agent, null for none.")
    value: str | None = column("The declaration; of robots.txt, the lines that apply to the agent.")
    note: str | None = column("A remark about value and verdict: that the file was cut, unreachable, or not of the expected kind.")
    source: str = column("Where it was found: `header`, `meta`, `link`, `json_ld`, `xmp` (PDF), `file`; `page` for `left_out` of a page.")
    scope: str = column("Its extent: `page`, `host`, or `path`: a part of the host.")
    path: str | None = column("For a file: the path or pattern that the verdict applies to, `/` for the root; null for pages.")
    rule: Int32 | None = column("For tdmrep.json and RSL: number of the rule or `content`, from 1. Of tdmrep.json, the first rule that covers a page counts. Null otherwise.")
    verdict: str | None = column("`reserved`, `allowed` or `unknown`; null if it declares nothing about mining or training.")
    paywalled_text_captured: bool | None = column("Whether the page contains text under the selector of its paywall; null if unknown.")
    content_sha256: str | None = column("SHA-256 (hex) of the body that declared it; null for headers.")
    parser: str = column("The parser of the declaration, with its version.")
    shard_uri: str = column("The file of the release that contains the capture.")
    record_id: str | None = column("`WARC-Record-ID`.")
    record_offset: int | None = column("First byte of the record; see `record_encoding`.")
    record_length: int | None = column("Bytes of the record from `record_offset`.")
    record_encoding: RecordEncoding | None = column("As in `matches`.")
    captured_at: datetime | None = column("When it was captured.")
    http_status: Int32 | None = column("HTTP status at capture.")
    row_sha256: str = column("SHA-256 (hex) of the row's canonical form; `signals_digest` is built from these.")


class SkippedDocuments(TypedDict):
    """Documents that were left out for one reason."""

    why: str
    documents: int


class UnreadPages(TypedDict):
    """Pages with something that is never read."""

    what: str
    pages: int


class GradeCount(TypedDict):
    """Rows of one grade."""

    grade: values.Grade
    matches: int


class StageSeconds(TypedDict):
    """Seconds that a stage took."""

    stage: str
    seconds: float


class ShardLog(TableRow):
    """A shard in a run: what was read, what was not, and why."""

    run_id: str = column("The run; key of `runs`.")
    shard_uri: str = column("The shard.")
    status: values.ShardStatus = column("`complete`: read to its end, nothing lost; `partial`: something was not read; `failed`: nothing was read.")
    error: str | None = column("What was not read, where, and why; null if complete.")
    failure: values.Failure | None = column("Kind of failure: `storage`: the shard could not be reached, or broke off; `host`: its site refuses all requests; `time`: it took longer than allowed; `content`: the stored bytes are cut, damaged, too long or of another format; `worker`: it ended every worker that tried it; `fault`: an error of this program. Null if complete, and in older runs.")
    note: str | None = column("A remark that is no loss, such as a known erratum of the release; null if none.")
    format: str | None = column("Format the shard was read as; null if it was not recognised.")
    release: str | None = column("Release that the shard names for all of its documents, as WET does in its `warcinfo`.")
    bytes_expected: int | None = column("Size of the object as storage reports it.")
    bytes_read: int = column("Bytes of the object that were read.")
    text_bytes: int = column("Bytes of text that were scanned.")
    words: int | None = column("Words of the documents scanned, in the text that the sieve reads. Null in older runs.")
    documents: int = column("Documents scanned.")
    documents_without_url: int | None = column("Documents with an unknown URL: none is stated, or it has no host. Null in older runs.")
    documents_skipped: int = column("Documents left out on purpose: no text, gated by language, or of a kind that is not read.")
    skipped: Sequence[SkippedDocuments] = column("Reasons for leaving these out, with counts: `language`, `no text`; for WARC, media types and kinds of records.")
    unread: Sequence[UnreadPages] | None = column("Content that is never read (`JSON in scripts`, `articleBody in scripts`), with the number of pages read that contain it; only for WARC and ARC. Null in older runs.")
    members_passed: int | None = column("Gzip members that the language gate left out without inflating them, so that their checksums were not compared. Null in older runs.")
    bytes_passed: int | None = column("Their bytes, as stored. Null in older runs.")
    gate_audited: int | None = column("Documents that the gate left out and that were read because of `--gate-audit`; they lead to no rows. Null in older runs.")
    gate_matching: int | None = column("Number of these that would have led to rows. Null in older runs.")
    candidates: int = column("Pairs (document, article) that the sieve selected for verification.")
    matches: int = column("Rows of `matches` from the shard.")
    grades: Sequence[GradeCount] | None = column("Number of these rows by grade. Null in older runs.")
    signals: int | None = column("Rows of `rights_signals` from the shard; 0 for formats without responses. Null in older runs.")
    etag: str | None = column("ETag of the object; on local disk `mtime-` and the time of its last change.")
    sha256: str | None = column("SHA-256 (hex) of the shard as it is stored; null unless `--shard-digest` was set and the shard was read, and in older runs.")
    sha256_declared: str | None = column("SHA-256 (hex) that the publisher declares for the shard, as hubs do (LFS); null if none is declared, and in older runs.")
    attempts: Int32 = column("Number of attempts.")
    started_at: datetime = column("When its scan began.")
    seconds: float = column("How long it took.")
    stages: Sequence[StageSeconds] | None = column("Seconds by stage, of the attempt that counts: `read`, `sieve`, `verify`, `signals`. Null in older runs.")


class Metric(TableRow):
    """A measurement of a run."""

    run_id: str = column("The run; key of `runs`.")
    name: str = column("Name of the metric, by the conventions of Prometheus.")
    labels: str = column('What the value refers to, e.g. `status="failed"`; empty if the metric has one value.')
    value: float = column("The value, when the run was published.")
    unit: str = column("`shards`, `documents`, `bytes`, `seconds`, `dollars` and the like; for a time, seconds since 1970.")


class CorpusArticle(TableRow):
    """An article of a corpus."""

    run_id: str = column("The run that added the articles of its corpus; key of `runs`. Later runs with the same corpus add none.")
    corpus_digest: str = column("Digest over the corpus, as in `runs`.")
    article_id: str = column("The article.")
    title_id: str = column("The title that owns it.")
    publisher_id: str = column("The publisher of the title.")
    url: str | None = column("Its URL, as the member supplied it; null if it supplied none.")
    alternate_urls: Sequence[str] = column("Its other URLs, as the member supplied them; empty if it supplied none.")
    headline: str | None = column("Its headline, as the member supplied it; null if it supplied none.")
    published_at: datetime | None = column("When it was published, as the member supplied it; null if it supplied none.")
    modified_at: datetime | None = column("When it was last changed, as the member supplied it; null if it supplied none.")
    language: str | None = column("Its language, as the member supplied it; null if it supplied none.")
    article_words: Int32 = column("Words in its text.")
    article_sha256: str = column("SHA-256 (hex) of its text in UTF-8.")
    cluster_id: str | None = column("Cluster of articles with nearly the same text (agency copy); null if no other article has it.")
    agency_credit: str | None = column("The agency that the member credits; null if it credits none.")
    is_agency: bool = column("Whether it, or an article of its cluster, credits an agency or names one.")
    suppressed_shingles: Int32 | None = column("Its shingles that the corpus leaves out of the index, since too many articles share them (table `suppressed` of the corpus). With 0, every run of 11 words is found. Null in older runs.")
    is_excerpt: bool | None = column("Whether the text that the member supplied is a teaser or breaks off: it ends with an ellipsis, with a call to subscribe, or in mid-sentence. Null in older runs, as are the three columns below.")
    body_format: str | None = column("How its body was supplied: `text`, or `html`, from which the text was extracted.")
    body_repaired: bool | None = column("Whether its body was UTF-8 that a program had read in another encoding, and was repaired.")
    url_on_title: bool | None = column("Whether `url` is on a domain or prefix of its title; also false if it is no valid URL. Null if there is none.")


class PublishedFile(TypedDict):
    """A file of a table, as its publisher's row lists it; rows of several runs list a merged file."""

    table: str
    name: str
    rows: int
    bytes: int
    sha256: str
    etag: str


class PublishedRun(TableRow):
    """A published run: its row publishes its rows of the other tables."""

    run_id: str = column("The run: UTC start and the head of its plan's digest.")
    started_at: datetime = column("First start of the run (a resumed run keeps it).")
    finished_at: datetime = column("When it was published.")
    dataset: str | None = column("The format passed to the scan, or the format of all shards.")
    release: str | None = column("Release, if all shards agree or the user specified it.")
    asked_for: str | None = column("The release, or the dataset and its part (`fineweb-2:fra_Latn`), by the name that was passed to the scan; for a campaign, also if only new or failed shards of it were read. Null if shards were passed, and in older runs.")
    corpus_digest: str = column("Digest over the corpus; see `presswatch corpus info`.")
    corpus_articles: int | None = column("Articles of the corpus. Null in older runs.")
    corpus_suppressed: int | None = column("Shingles that the corpus leaves out of its index, since too many articles share them (table `suppressed` of the corpus). Null in older runs.")
    config_digest: str = column("Digest over every setting that can change a row.")
    config: str = column("Those settings, as JSON.")
    tool_version: str = column("Version of this project.")
    tool_commit: str | None = column("Commit of this project's code, with `+` if files differ from it; null if unknown. This and the next six columns are null in older runs.")
    packages_digest: str | None = column("SHA-256 (hex) over the versions of all packages that this project needs, as `requirements.lock` pins them.")
    python_version: str | None = column("Version of Python, on the driver.")
    spark_version: str | None = column("Version of Spark.")
    host: str | None = column("Name of the driver's host.")
    command: str | None = column("The command line that published the run; URLs without query (`?…`), user and password. Null if it was called from Python.")
    operator: str | None = column("Who ran the scan, by `--operator`.")
    sample: float | None = column("Share of the shards that was drawn, 0 to 1; null if all were planned.")
    sample_seed: int | None = column("Seed of the draw; null if all were planned, and in older runs.")
    sample_strata: str | None = column("As JSON: the strata of the sample (segments or folders), with the number of shards in each. Null as `sample_seed`.")
    shards_listed: int | None = column("Shards that the sample was drawn from; null if all were planned.")
    records_planned: int | None = column("Number of records to read, if only certain records of each shard were read (`--pages-of`, `--captures`). `complete` then means that all of these were read, and absence can be stated for no shard. Null if whole shards were read, and in older runs.")
    passes: Int32 | None = column("Number of passes in which the index was searched (`--index-memory`), each over all shards. Null in older runs.")
    shards_planned: int = column("Shards in the plan.")
    shards_complete: int = column("Shards read to their end. Absence can be stated only for these.")
    shards_partial: int = column("Shards that were read in part.")
    shards_failed: int = column("Shards that were not read at all.")
    documents: int = column("Documents scanned.")
    documents_skipped: int = column("Documents left out on purpose: no text, or gated by language.")
    text_bytes: int = column("Bytes of text scanned.")
    words: int | None = column("Words of the documents scanned, in the text that the sieve reads. Null in older runs.")
    matches: int = column("Rows in `matches`.")
    signals: int | None = column("Rows in `rights_signals`; 0 for formats without responses. Null in older runs.")
    gate_audit: float | None = column("Share of the documents left out by language that was read as an audit, 0 to 1; null without `--gate-audit`, and in older runs, as are the next columns `gate_…`.")
    gate_documents: int | None = column("Documents that the language gate left out.")
    gate_audited: int | None = column("Number of these that were read as an audit; they lead to no rows.")
    gate_matching: int | None = column("Number of these that would have led to rows.")
    gate_cost: int | None = column("Estimated number of documents with matches that the gate left out; null also if the audit read none.")
    gate_cost_low: int | None = column("Lower limit of that number, with a confidence of 95 % (Clopper and Pearson).")
    gate_cost_high: int | None = column("Its upper limit.")
    minhash_scheme: str = column("Permutation scheme of datasketch.")
    minhash_seed: int = column("Seed of the permutations.")
    minhash_permutations: Int32 = column("Number of permutations.")
    table_digest: str = column("Digest over the run's rows in `matches`; see docs/how-to/check-a-table.md for how to recompute it.")
    signals_digest: str | None = column("Digest over the run's rows in `rights_signals`, made the same way. Null in older runs.")
    files: Sequence[PublishedFile] | None = column("The run's files in the other tables: rows, bytes, SHA-256 (hex), and on S3 the ETag. Readers of the run compare them with the stored files. Null in older runs.")


class Candidate(TableRow):
    """A document and an opaque article of a sealed corpus that share a hash of eight words, a site or a URL."""

    run_id: str = column("The run that found the row; key of `sealed_scans`.")
    dataset: str = column(Match)
    release: str | None = column("As in `matches`, if it is the name of a crawl, or that of the configuration.")
    shard_uri: str = column(Match)
    record_offset: int | None = column(Match)
    record_length: int | None = column(Match)
    record_encoding: RecordEncoding | None = column(Match)
    row_index: int | None = column(Match)
    corpus_fingerprint: str = column("Fingerprint of the part of the corpus that the article is from: a keyed digest, which only the holder of the key can calculate from the corpus.")
    article: int | None = column("Number of the article in that part: its place in the order of keyed digests of ids. Null if the document only is on a site of the part's member.")
    hits: int = column("Places of the record's texts where eight words in a row have an indexed hash of the article; 0 for a document at the article's URL, or if only words joined across a line end have one.")
    extent_words: int = column("Words from the first of these places to the end of the last, in the text of the record where they are most; 0 without hits.")
    row_sha256: str = column(Match)


class SealedScan(TableRow):
    """A published scan with a sealed corpus."""

    run_id: str = column(PublishedRun)
    started_at: datetime = column(PublishedRun)
    finished_at: datetime = column(PublishedRun)
    dataset: str | None = column(PublishedRun)
    release: str | None = column(PublishedRun)
    asked_for: str | None = column(PublishedRun)
    corpus_digest: str = column("Digest over the sealed corpus; see `presswatch corpus info`.")
    corpus_articles: int | None = column("Articles of the corpus.")
    corpus_fingerprints: Sequence[str] = column("Fingerprints of its parts, as in `candidates`.")
    key_fingerprint: str = column("Fingerprint of the key of the corpus.")
    config_digest: str = column(PublishedRun)
    config: str = column(PublishedRun)
    tool_version: str = column(PublishedRun)
    command: str | None = column(PublishedRun)
    operator: str | None = column(PublishedRun)
    sample: float | None = column(PublishedRun)
    sample_seed: int | None = column(PublishedRun)
    sample_strata: str | None = column(PublishedRun)
    shards_listed: int | None = column(PublishedRun)
    records_planned: int | None = column(PublishedRun)
    shards_planned: int = column(PublishedRun)
    shards_complete: int = column(PublishedRun)
    shards_partial: int = column(PublishedRun)
    shards_failed: int = column(PublishedRun)
    documents: int = column(PublishedRun)
    documents_skipped: int = column(PublishedRun)
    text_bytes: int = column(PublishedRun)
    words: int | None = column("Words of the documents scanned, in the text that the sieve reads.")
    candidates: int = column("Rows in `candidates`.")
    table_digest: str = column("Digest over the run's rows in `candidates`, made as that of `runs`.")
    files: Sequence[PublishedFile] | None = column("The run's files in `candidates` and `sealed_scan_log`, as in `runs`.")


class MemberCapture(TableRow):
    """A capture of a member's URL, as an index of captures lists it."""

    run_id: str = column("The census that found the row; key of `censuses`.")
    release: str | None = column("Release of the index, e.g. `CC-MAIN-2024-22`: from its column, its path, or the configuration.")
    url: str = column("URL of the capture, as stated in the index.")
    title_id: str = column("The title on whose site the URL is; on no title's site, the title of the article.")
    publisher_id: str = column("The publisher of the title.")
    article_id: str | None = column("The member's article at this URL; of several, the first in the corpus; null if there is none.")
    url_match: Literal["article", "title"] = column("`article`: the normalised URL is the article's; `title`: it is on a domain or prefix of the title.")
    captured_at: datetime | None = column("When it was captured.")
    http_status: Int32 | None = column("HTTP status at capture.")
    mime_declared: str | None = column("MIME type that the server declared.")
    mime_detected: str | None = column("MIME type that the crawl detected.")
    languages: Sequence[str] = column("Languages that the crawl identified, the most frequent on the page first; empty if none.")
    charset: str | None = column("Character set that the crawl identified.")
    truncated: str | None = column("Why the payload was cut at capture; null if it was not.")
    payload_digest: str | None = column("Digest of the payload, as stated in the index.")
    subset: str | None = column("`warc`: successful captures; `crawldiagnostics`: redirects, errors and others; `robotstxt`.")
    warc_filename: str | None = column("The WARC file, as a path below the release's bucket or site.")
    record_offset: int | None = column("First byte of the record in that file.")
    record_length: int | None = column("Bytes of the record, one gzip member.")
    shard_uri: str = column("The file of the index that the row is from.")
    row_index: int = column("Row in that file, from 0.")
    row_sha256: str = column("SHA-256 (hex) of the row's canonical form; `table_digest` is built from these.")


class IndexFileLog(TableRow):
    """A file of the index in a census."""

    run_id: str = column("The census; key of `censuses`.")
    shard_uri: str = column("The file of the index.")
    status: values.ShardStatus = column("`complete`: all row groups that can match were read; `partial`: some of them were not; `failed`: nothing was read.")
    error: str | None = column("What was not read, where, and why; null if complete.")
    failure: values.Failure | None = column("Kind of failure: `storage`, `host`, `time`, `content`, `worker` or `fault`, as in `scan_log`. Null if complete.")
    bytes_expected: int | None = column("Size of the object as storage reports it.")
    bytes_read: int = column("Bytes of the object that were read.")
    row_groups: int = column("Row groups of the file.")
    row_groups_read: int = column("Row groups that the statistics did not rule out.")
    rows: int = column("Rows of the file.")
    captures: int = column("Rows of `captures` from the file.")
    columns_missing: Sequence[str] = column("Columns that the file lacks, or whose type is not that of a time; their values are null in `captures`.")
    etag: str | None = column("ETag of the object; on local disk `mtime-` and the time of its last change.")
    attempts: Int32 = column("Number of attempts.")
    started_at: datetime = column("When reading began.")
    seconds: float = column("How long it took.")


class PublishedCensus(TableRow):
    """A published census."""

    run_id: str = column("The census: UTC start and the head of its plan's digest.")
    started_at: datetime = column("When it began.")
    finished_at: datetime = column("When it was published.")
    release: str | None = column("Release, if the paths of all files and all captures agree; if neither states one, that of the configuration.")
    corpus_digest: str = column("Digest over the corpus; see `presswatch corpus info`.")
    tool_version: str = column("Version of this project.")
    shards_planned: int = column("Files of the index in the plan.")
    shards_complete: int = column("Files of which all row groups that can match were read. Absence can be stated only for these.")
    shards_partial: int = column("Files with unread row groups.")
    shards_failed: int = column("Files that were not read.")
    rows: int = column("Rows of the index.")
    captures: int = column("Rows in `captures`.")
    bytes_expected: int = column("Bytes of the index, as far as storage reports sizes.")
    bytes_read: int = column("Bytes that were read.")
    table_digest: str = column("Digest over the census's rows in `captures`, made as that of `runs`.")
    files: Sequence[PublishedFile] | None = column("The census's files in `captures` and `census_log`, as in `runs`. Null in older censuses.")


class Claim(TableRow):
    """A row of `matches`, judged by all runs and by what became known after the scan."""

    run_id: str = column("The run that found the row; key of `runs`. With `row_sha256` it leads to the row of `matches`.")
    row_sha256: str = column("The row of `matches` that is judged.")
    dataset: str = column("As in `matches`.")
    release: str | None = column("As in `matches`.")
    document_url: str | None = column("As in `matches`.")
    document_host: str | None = column("Host of that URL, lower case, without port; null if unknown.")
    document_domain: str | None = column("Registered domain of the host, by the public-suffix list.")
    text_sha256: str = column("SHA-256 (hex) of the document's text, as in `matches`.")
    text_source: TextSource | None = column(Match)
    captured_at: datetime | None = column("When the page was captured; null if the dataset does not state it.")
    article_id: str | None = column("As in `matches`; null if only the site is known.")
    title_id: str = column("As in `matches`.")
    publisher_id: str = column("As in `matches`.")
    article_published_at: datetime | None = column("As in `matches`.")
    article_words: Int32 | None = column("As in `matches`.")
    url_match: values.UrlMatch = column("As in `matches`.")
    grade: values.Grade = column("As in `matches`.")
    copied_words: Int32 = column("As in `matches`.")
    kind: values.ClaimKind = column("`licensed`; else `own_page`: on a site of the article's publisher; `own_page_copy`: such a page's copy in an archive, a cache or a translator; `reprint`: on another member's site; `copy`: elsewhere, or with an unknown URL.")
    confidence: values.Confidence = column("`A` to `D`: the letter of the claim, never better than the row's.")
    reasons: Sequence[str] = column("Codes of the reasons for the letter and of those that lowered it: first the row's, then those of `claims`.")
    row_confidence: values.Confidence = column("`confidence` of the row of `matches`.")
    row_reasons: Sequence[str] = column("`confidence_reasons` of the row; in older runs, by the present rules from its columns.")
    article_known: bool = column("Whether the corpus has the article, with the text that the row was compared with; true without article.")
    credits_read: bool = column("Whether the page was searched for credits; true if nothing is copied. False in older runs.")
    explained_by: Sequence[str] = column("Legitimate sources of copied words: `prior_capture`, `credited_elsewhere`, `printed_by_press`, `common_source`, `known_text`, `press_page`.")
    explained_words: Int32 | None = column("Copied words that one of these explains, each counted once. This and the next five columns are null if `article_known` is false.")
    beyond_words: Int32 | None = column("Copied words that none of these explains.")
    beyond_longest_run: Int32 | None = column("Words of the longest passage among these.")
    beyond_rarity: Int32 | None = column("Bits of the rarest passage among these, as in `run_rarity`.")
    beyond_shared_words: Int32 | None = column("Words among these that another publisher's article has, too.")
    beyond_ownership: values.Ownership | None = column("Ownership of these words, as in `ownership`; null if there are none.")
    press_kind: str | None = column("Kind of the host on the press list: `newspaper`, `agency`, `official` and others; null if it is not listed, or is the publisher's own.")
    first_capture_at: datetime | None = column("When words of the article were first captured, in any run.")
    first_capture_row: str | None = column("`row_sha256` of that capture.")
    witness_domains: Int32 | None = column("Unrelated registered domains that have the same passage, this one not counted.")
    licence_id: str | None = column("The licence that covers host, title and day of capture; null if none does.")
    mandate: values.MandateState = column("Whether the publisher's mandate is in force on `as_of`: `in_force`, `before`, `after`, `none`.")
    rights: Sequence[str] = column("Rights that can be invoked: `author`, `press_publisher`, and others; see docs/explanation/rights-and-mandates.md.")
    reservation: values.ReservationState = column("Declarations of the member's own site about the article's own URL around the capture: `both`, `before`, `after`, `none`, `conflicting`, `unknown`.")
    review: values.ReviewVerdict | None = column("The newest verdict of a person: `claim`, `no_claim`, `unsure`; null if there is none.")
    as_of: str = column("The day for which mandates and rights are judged, `YYYY-MM-DD`.")
    claim_sha256: str = column("SHA-256 (hex) of the claim's canonical form, without `run_id`; `table_digest` is built from these.")


class Annotation(TableRow):
    """A claim with the keys of its capture in Common Crawl's index, for `catalog annotations`; its folder names the crawl."""

    url_surtkey: str | None = column("Key of the URL (SURT), as in the index; null for a URL that the index may canonicalise in another way.")
    url: str | None = column("URL of the document, as the dataset states it.")
    fetch_time: datetime | None = column("Time of the capture, in whole seconds; null if the dataset does not state it.")
    warc_filename: str | None = column("WARC file of the capture, relative to the bucket; null if unknown.")
    warc_record_offset: int | None = column("First byte of the record in that file; null if unknown, as for WET, C4 and OSCAR.")
    title_id: str = column(Claim)
    publisher_id: str = column(Claim)
    article_id: str | None = column(Claim)
    kind: values.ClaimKind = column(Claim)
    confidence: values.Confidence = column(Claim)
    copied_words: Int32 = column(Claim)
    longest_run_words: Int32 = column(Match)
    article_coverage: float | None = column(Match)
    licence_id: str | None = column(Claim)
    mandate: values.MandateState = column(Claim)
    rights: Sequence[str] = column(Claim)
    reservation: values.ReservationState = column(Claim)
    as_of: str = column(Claim)
    row_sha256: str = column(Claim)
    claim_sha256: str = column(Claim)


SIGHTING = struct_like(
    Match, "grade", "confidence", "document_url", "longest_run_words", "copied_words", "article_coverage",
    "own_site", "dataset", "release", "shard_uri", "record_id", "record_offset", "record_length",
    "record_encoding", "row_index", "payload_digest", "text_sha256", "captured_at", "row_sha256",
)
"""The columns of `matches` that a comparison keeps of a row."""
Sighting = Annotated[Mapping[str, Any], SIGHTING]


class Change(TableRow):
    """An article on a page in two runs."""

    before_run_id: str = column("The earlier run; key of `runs`.")
    after_run_id: str = column("The later run; key of `runs`.")
    state: values.ChangeState = column("State of the copy: `persists`, `reduced`, `moved`, `altered`, `new`, `reappeared`, `gone`, `unknown`.")
    doubt: str | None = column("Reason why the state may be wrong: a shard or article that the other run may have missed. Null if there is no doubt; never null if `unknown`, always null if `gone`.")
    publisher_id: str = column("The publisher of the title.")
    title_id: str = column("The title that owns the article, or whose site the document is on.")
    article_id: str | None = column("The member's article; null if only the site is known (`url_only`).")
    document_url: str | None = column("URL of the document, from the later of the runs that found it: the new URL of a copy that moved. Pairs are matched by the normalised URL.")
    copied_words_before: Int32 | None = column("`copied_words` of the row in the earlier run; null if there is none.")
    copied_words_after: Int32 | None = column("The same in the later run.")
    before: Sighting | None = column("The strongest row of the pair in the earlier run, columns as in `matches`; null if there is none.")
    after: Sighting | None = column("The same in the later run.")
    change_sha256: str = column("SHA-256 (hex) of state, doubt, ids, and the `row_sha256` of both rows; `table_digest` in `derivations` is built from these.")


class Comparison(TableRow):
    """An article on a page in two runs, as older versions of `compare` wrote it: still read, and covered by `forget`."""

    before_run_id: str = column("The earlier run; key of `runs`.")
    after_run_id: str = column("The later run; key of `runs`.")
    status: str = column("`gone`: found before and not after, in shards all read to their end; `still_there`: found in both; `new`: found after only; `unknown`: not found after, but absence cannot be stated.")
    doubt: str | None = column("Reason why absence cannot be stated; null unless `unknown`.")
    publisher_id: str = column("The publisher of the title.")
    title_id: str = column("The title that owns the article, or whose site the document is on.")
    article_id: str | None = column("The member's article; null if only the site is known (`url_only`).")
    document_url: str | None = column("URL of the document, from the later of the runs that found it. Pairs are matched by the normalised URL.")
    before: Sighting | None = column("The strongest row of the pair in the earlier run, columns as in `matches`; null if there is none.")
    after: Sighting | None = column("The same in the later run.")


DECLARED_SIGNAL = struct_like(
    RightsSignal, "signal", "source", "agent", "path", "rule", "verdict", "note", "document_url",
    "captured_at", "http_status", "content_sha256", "shard_uri", "record_id", "record_offset",
    "record_length", "record_encoding", "row_sha256",
)
"""The columns of `rights_signals` that a reservation keeps of a row."""
DeclaredSignal = Annotated[Mapping[str, Any], DECLARED_SIGNAL]


class Reservation(TableRow):
    """The reservation of a publisher's own site towards an agent, around the capture of a match on that site."""

    run_id: str = column("The run that found the match; key of `runs`.")
    match_sha256: str = column("`row_sha256` of the match.")
    publisher_id: str = column("As in `matches`.")
    title_id: str = column("As in `matches`.")
    article_id: str | None = column("As in `matches`.")
    document_url: str | None = column("The page, on a site of the article's publisher.")
    captured_at: datetime | None = column("When the page was captured.")
    agent: str = column("`CCBot`, `GPTBot`, `Google-Extended`, or `*`: any agent that is not named.")
    status: values.ReservationState = column("`both`, `before`, `after`, `conflicting`, `none`, `unknown`: the side of the capture on which a reservation is known.")
    page_read: bool = column("Whether the page's own headers and metas were read: from WARC or ARC, by one of the runs.")
    before_at: datetime | None = column("When the declaration that counts before the capture was itself captured; null if there is none.")
    after_at: datetime | None = column("The same for the declaration after the capture.")
    before: DeclaredSignal | None = column("The declaration before the capture, columns as in `rights_signals`; `verdict` applies to this page.")
    after: DeclaredSignal | None = column("The same after it.")
    train: values.UseVerdict | None = column("Verdict on training by the agent: `reserved`, `allowed`, `unknown`, `conflicting`; null if nothing is declared about it, and in older tables. Rules of robots.txt count for the purposes of the agent.")
    search: values.UseVerdict | None = column("The same on search.")
    tdm: values.UseVerdict | None = column("The same on other text and data mining.")


class Derivation(TableRow):
    """A derived table: its row publishes its files."""

    run_id: str = column("The derived table: UTC time of its creation, and its name.")
    table: str = column("Its name: `changes`, `reservations`, `claims`; `claims_before` once new claims replaced it.")
    made_of: Sequence[str] = column("The runs that it was derived from.")
    tool_version: str = column("Version of this project.")
    finished_at: datetime = column("When it was published.")
    rows: int = column("Its rows.")
    table_digest: str | None = column("Digest over its rows, for `claims` and `changes`. The same inputs give the same digest.")
    inputs: str | None = column("As JSON: its inputs in addition to the runs: day, settings, digests of corpus and files. Only for `claims`.")
    files: Sequence[PublishedFile] = column("Its files, as in `runs`.")


class RemovedRows(TypedDict):
    """Rows that a run lost in a table."""

    run_id: str
    table: str
    rows_before: int
    rows_after: int
    digest_before: str
    digest_after: str


class Tombstone(TableRow):
    """A removal of a member's or an article's rows, with the digests before and after."""

    run_id: str = column("The removal: UTC time of its start, and `forget`.")
    subject: str = column("What was forgotten: `publisher` or `article`.")
    subject_sha256: str = column("SHA-256 (hex) of its id: whoever knows the id can check it, and no one else learns it.")
    removed: Sequence[RemovedRows] = column("For each run and table that lost rows: rows before and after, and the digest of the table before and after; null digests if the table has none.")
    operator: str | None = column("Who requested it, by `--operator`.")
    tool_version: str = column("Version of this project.")
    finished_at: datetime = column("When it was done.")
    files: Sequence[PublishedFile] = column("Always empty: a removal has no files of its own.")


class Target(TableRow):
    """A target of a removal case: stored bytes with words of a claim."""

    row_sha256: str = column("The claim: key of `claims` and `matches`.")
    place: values.TargetPlace = column("Relation to the claim: `record`, the record that the row was found in; `capture`, another record of the same capture; `release`, the same page in another release or dataset.")
    publisher_id: str = column("As in `claims`.")
    title_id: str = column("As in `claims`.")
    article_id: str | None = column("As in `claims`.")
    article_sha256: str | None = column("As in `matches`: the article whose words each probe counts.")
    copied_words: Int32 | None = column("Copied words of the article in this place, as in its row of `matches`.")
    run_id: str = column("The run that found this place.")
    dataset: str = column("As in `matches`, for this target; the same applies to all columns that follow.")
    release: str | None = column("As in `matches`.")
    document_url: str | None = column("As in `matches`.")
    shard_uri: str = column(Match)
    record_id: str | None = column(Match)
    record_offset: int | None = column(Match)
    record_length: int | None = column(Match)
    record_encoding: RecordEncoding | None = column(Match)
    row_index: int | None = column(Match)
    payload_digest: str | None = column("As in `matches`.")
    text_sha256: str | None = column("As in `matches`. Null, like offset and length, for a target that no scan has found.")
    captured_at: datetime | None = column("As in `matches`.")
    etag: str | None = column("ETag of the file when it was scanned.")
    bytes: int | None = column("Size of the file when it was scanned.")
    target_sha256: str = column("SHA-256 (hex) of the row's canonical form.")


class Probe(TableRow):
    """A request of a removal case and its answer: one link of the case's hash chain."""

    number: int = column("Its place in the chain, from 0.")
    round: Int32 = column("Number of the round, from 1.")
    batch: Int32 = column("Number of the batch in the round: a file's targets and their controls.")
    role: str = column("`target`, or a control: `first`, a record of the file that no notice is about; `before` and `after`, its neighbours in the file; `beside`, a record of another file; `unranged`, a missing file without a range; `nowhere`, a made-up name. `index`: the target's URL in an index; `listed`, the URL of a control in it. `newest`: on a hub, the target in the newest revision. `recapture`: a row of `matches` that has its article in a later capture, or its capture in another file. Of earlier versions: `yield`, how many rows a later run has; `gap`, a range that a deep reading skipped. `place`: the place of the target as an index gives it.")
    target_sha256: str | None = column("The target; for a neighbour, the target next to it.")
    asked_at: datetime = column("When it was requested, by the clock of this machine.")
    clock_offset: float | None = column("Seconds by which the server's clock is ahead of this machine's; null if the server states no time.")
    asked_from: str = column("Name of the machine that sent the request.")
    tool_version: str = column("Version of this project.")
    request: str = column("The request: method, address, range.")
    file_uri: str | None = column("The requested file; for an index, the address. Null for a `recapture`.")
    answered_by: str | None = column("The address that answered, after redirects; null if it is the requested one.")
    status: Int32 | None = column("HTTP status; null without an answer.")
    headers: str | None = column("The headers of the answer as received, one per line.")
    etag: str | None = column("ETag of the file.")
    last_modified: str | None = column("Last-Modified of the file.")
    bytes: int | None = column("Size of the file, as stated in the answer.")
    body_sha256: str | None = column("SHA-256 (hex) of the body of the answer.")
    record_offset: int | None = column("First byte of the record that was read.")
    record_length: int | None = column("Its bytes.")
    row_index: int | None = column("The row that was read, in datasets of rows.")
    record_sha256: str | None = column("SHA-256 (hex) of the stored bytes; for a row, of its text.")
    record_id: str | None = column("Id of the record that is there now.")
    document_url: str | None = column("Its URL.")
    text_sha256: str | None = column("SHA-256 (hex) of its text.")
    copied_words: Int32 | None = column("Words of the article that it still has; null if they were not counted.")
    outcome: str = column("The outcome: see docs/reference/removal-probes.md.")
    detail: str | None = column("Details in words; never text of the web.")
    previous_sha256: str = column("`probe_sha256` of the previous probe; for the first, the digest of the targets.")
    probe_sha256: str = column("SHA-256 (hex) of the row's canonical form.")


class ReleaseFile(TableRow):
    """A file of a release, as an inventory found it; inventories have a hash chain of their own."""

    inventory: Int32 = column("Number of the inventory, from 1.")
    release: str = column("The release.")
    format: str = column("Format of its files: `wet`, `warc` and others.")
    file_uri: str = column("The file.")
    number: int = column(Probe)
    asked_at: datetime = column(Probe)
    clock_offset: float | None = column(Probe)
    asked_from: str = column(Probe)
    tool_version: str = column(Probe)
    request: str = column(Probe)
    answered_by: str | None = column(Probe)
    status: Int32 | None = column(Probe)
    headers: str | None = column(Probe)
    etag: str | None = column(Probe)
    last_modified: str | None = column(Probe)
    bytes: int | None = column(Probe)
    outcome: str = column(Probe)
    detail: str | None = column(Probe)
    previous_sha256: str = column(Probe)
    probe_sha256: str = column(Probe)


class RefusedArticle(TableRow):
    """A row of the members' articles that was not taken."""

    source: str = column("File the article came from.")
    row_index: int = column("Line or row in that file, from 0.")
    article_id: str | None = column("Its id, if it has one.")
    title_id: str | None = column("Its title, as supplied.")
    reason: str = column("`no_id`, `no_body`, `too_short`, `unknown_title`, `id_reused`, `duplicate`, `bad_date`, `bad_type`, `unreadable`.")
    detail: str = column("What was found, without the article's text.")


class SuppressedShingle(TableRow):
    """A shingle that the corpus leaves out of its index, since too many articles share it."""

    shingle: str = column("Its eight words, folded.")
    hash: UInt64 = column("Its hash.")
    articles: int = column("Articles it occurs in, counted over indexed positions.")


DERIVED: Mapping[str, type[TableRow]] = {
    "changes": Change,
    "comparison": Comparison,
    "reservations": Reservation,
    "claims": Claim,
    "claims_before": Claim,
}
"""Tables derived from published runs, each by its own command."""
HISTORY_TABLES = {"claims": "claims_before"}
"""Derived tables that can be made again, each with the table that keeps the previous rows."""

TABLES: Mapping[str, type[TableRow]] = {
    "matches": Match,
    "rights_signals": RightsSignal,
    "scan_log": ShardLog,
    "metrics": Metric,
    "corpus_articles": CorpusArticle,
    "runs": PublishedRun,
    "candidates": Candidate,
    "sealed_scan_log": ShardLog,
    "sealed_scans": SealedScan,
    "captures": MemberCapture,
    "census_log": IndexFileLog,
    "censuses": PublishedCensus,
    **DERIVED,
    "derivations": Derivation,
    "tombstones": Tombstone,
}
SCHEMAS: Mapping[str, pa.Schema] = {name: table.schema for name, table in TABLES.items()}

CASE_TABLES: Mapping[str, type[TableRow]] = {"targets": Target, "probes": Probe, "release_files": ReleaseFile}
"""The tables of a removal case, each in a folder of its name."""
CORPUS_TABLES: Mapping[str, type[TableRow]] = {"refused": RefusedArticle, "suppressed": SuppressedShingle}
"""The tables of a corpus, each a file in its folder."""

PUBLISHING_TABLES = ("runs", "sealed_scans", "censuses", "derivations", "tombstones")
"""The tables with a row for each run, sealed scan, census, derived table or removal; that row publishes the rows of others."""
PUBLISHED_BY = {
    **dict.fromkeys(("matches", "rights_signals", "scan_log", "metrics", "corpus_articles", "runs"), "runs"),
    **dict.fromkeys(("candidates", "sealed_scan_log", "sealed_scans"), "sealed_scans"),
    **dict.fromkeys(("captures", "census_log", "censuses"), "censuses"),
    **dict.fromkeys((*DERIVED, "derivations"), "derivations"),
    "tombstones": "tombstones",
}
DIGESTS = {
    "matches": "table_digest",
    "rights_signals": "signals_digest",
    "candidates": "table_digest",
    "captures": "table_digest",
    **dict.fromkeys(DERIVED, "table_digest"),
}
"""The column of a publisher's row with the digest of a table."""


@cache
def columns_without_run(table: str) -> pa.Schema:
    """Return the columns of a table as runs write them: without run id, and all nullable, as in Spark."""
    columns = (each for each in SCHEMAS[table] if each.name != "run_id")
    return pa.schema([pa.field(each.name, each.type) for each in columns])
