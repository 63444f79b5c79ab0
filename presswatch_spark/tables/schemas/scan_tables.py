"""The tables of a scan: what was found, what was read, and the runs themselves."""

from __future__ import annotations

import pyarrow as pa

from presswatch_spark.tables.schemas.columns import (
    GRADED,
    PUBLISHED_FILE,
    SKIPPED,
    SPAN,
    STAGE,
    UNREAD,
    UTC_MICROS,
    column,
    required,
)

# fmt: off

MATCHES = pa.schema(
    [
        required("run_id", pa.string(), "The run that found the row; key of `runs`."),
        required("dataset", pa.string(), "`wet`, `warc`, `arc`, `c4`, `oscar` or `rows`; the format the shard was read as."),
        column("release", pa.string(), "Release of the dataset, e.g. `CC-MAIN-2024-22`: what the shard or the configuration says."),
        column("document_url", pa.string(), "URL of the document as the dataset gives it; null if it gives none."),
        column("document_host", pa.string(), "Host of that URL, in lower-case ASCII, without port; null where it is not known, and in older runs."),
        column("document_domain", pa.string(), "Registered domain of the host, by the Public Suffix List; the host where there is none. Null as `document_host`."),
        column("article_id", pa.string(), "The member's article; null if only the site is known (`url_only`)."),
        required("title_id", pa.string(), "The title that owns the article, or whose site the document is on."),
        required("publisher_id", pa.string(), "The publisher of the title."),
        required("url_match", pa.string(), "`article`: the document's normalised URL is the article's; `title`: it is on a domain or prefix of the title; `none`, also where the URL is not known (`own_site` is null)."),
        required("grade", pa.string(), "`full_copy`, `partial_copy`, `extract` or `url_only`, by the rules of `conf/scan.yaml`."),
        required("longest_run_words", pa.int32(), "Words in the longest run common to document and article, compared word by word."),
        required("copied_words", pa.int32(), "Words of the article that lie in a span; each counted once."),
        column("article_coverage", pa.float64(), "`copied_words` / words of the article, 0 to 1; null without article."),
        column("document_coverage", pa.float64(), "Words of the document that lie in a span / words of the document, 0 to 1; null without article."),
        column("minhash_jaccard", pa.float64(), "Jaccard similarity of the two word-shingle sets, estimated by datasketch MinHash; null for `url_only`."),
        column("run_rarity", pa.int32(), "Information, in whole bits, in those words of the rarest run that are known from no unrelated text; null for `url_only`."),
        column("shared_words", pa.int32(), "Copied words that stand in another publisher's article too; null for `url_only`."),
        column("ownership", pa.string(), "Whose the copied words are: `exclusive`, `shared` with another publisher's articles, or `agency`; null for `url_only`."),
        required("confidence", pa.string(), "`A` to `D`, by the rules of `conf/scan.yaml`: what the row may be used for. `D` is never put into a notice."),
        column("confidence_reasons", pa.list_(pa.string()), "Why: codes of what gave the letter and of what capped it, in the order in which the rules ask. Null in older runs."),
        column("document_credits", pa.list_(pa.string()), "Agencies and sources that the page credits in or next to the passage; empty if none. Null where nobody looked: without a passage, and in older runs."),
        column("credits_others", pa.bool_(), "Whether one of these is neither the article's title nor its publisher. Null as `document_credits`."),
        column("in_main_content", pa.bool_(), "Whether the longest run stands in the page's main content, not in menus, teasers or comments; null where that is not known, and outside of WARC."),
        required("spans", pa.list_(SPAN), "The runs: character ranges [start, end) in the document and in the article, words in it, and the passage it belongs to."),
        column("own_site", pa.bool_(), "Whether the document is on a site of the same publisher; null where its URL is not known."),
        column("site_title_id", pa.string(), "The title on whose site the document is, whoever owns the article; null if it is on none, or its URL is not known."),
        column("cluster_id", pa.string(), "Cluster of articles with nearly the same text (agency copy); null if the article is alone."),
        column("article_url", pa.string(), "URL of the article as the member gave it."),
        column("headline", pa.string(), "Headline of the article as the member gave it; null if it gave none, and in older runs."),
        column("article_published_at", UTC_MICROS, "When the article was published, as the member says; null if it does not."),
        column("article_sha256", pa.string(), "SHA-256 (hex) of the article's text in UTF-8; null without article."),
        column("article_words", pa.int32(), "Words in the article's body."),
        column("document_words", pa.int64(), "Words in the document; null for `url_only`."),
        required("shard_uri", pa.string(), "The file of the release that holds the document."),
        column("record_id", pa.string(), "`WARC-Record-ID`, or the dataset's own id."),
        column("record_offset", pa.int64(), "First byte of the record; see `record_encoding`."),
        column("record_length", pa.int64(), "Bytes of the record from `record_offset`."),
        column("record_encoding", pa.string(), "`gzip`: the range is one gzip member of the file; `plain`: the record itself; `inflated`: the range counts in the inflated file."),
        column("record_damage", pa.string(), "In what the record is not what it says: `length`, `header`, `boundary`, `digest`, `checksum`, `row`; null if nothing shows. Never `A` or `B`."),
        column("row_index", pa.int64(), "Line of JSONL or row of Parquet, from 0."),
        column("payload_digest", pa.string(), "Digest that the dataset declares, as written there."),
        column("payload_digest_computed", pa.string(), "SHA-1 (`sha1:` and Base32) of the payload that is stored there; null where the dataset holds no payload."),
        required("text_sha256", pa.string(), "SHA-256 (hex) of the document's text in UTF-8: as the dataset stores it, or as extracted from the page."),
        column("text_extraction", pa.string(), "What extracted the text from the page, with its version; null where the dataset stores text."),
        column("charset", pa.string(), "The character encoding that the page was read in, by Python's name; null where the dataset stores text, and for PDF."),
        column("captured_at", UTC_MICROS, "When the page was captured, if the dataset says."),
        column("http_status", pa.int32(), "HTTP status at capture, if the dataset says."),
        required("languages", pa.list_(pa.string()), "Languages that the dataset identified; empty if none."),
        column("page_publisher", pa.string(), "Publisher of the page, as the page says: in JSON-LD, else in its head. Null where it says nothing, outside of WARC and ARC, and in older runs; so are all columns of this name."),
        column("page_author", pa.string(), "Its authors, as the page says, with commas between them."),
        column("page_published_at", UTC_MICROS, "When it was published, as the page says; null too if it names no time zone."),
        column("page_based_on", pa.string(), "What it is based on, as the page says (`isBasedOn`): an address or a name."),
        column("page_canonical_url", pa.string(), "Its own address, as the page says."),
        required("row_sha256", pa.string(), "SHA-256 (hex) of the row's canonical form; `table_digest` is built from these."),
    ]
)

SCAN_LOG = pa.schema(
    [
        required("run_id", pa.string(), "The run; key of `runs`."),
        required("shard_uri", pa.string(), "The shard."),
        required("status", pa.string(), "`complete`: read to its end, nothing lost; `partial`: something was not read; `failed`: nothing was read."),
        column("error", pa.string(), "What was not read, where, and why; null if complete."),
        column("failure", pa.string(), "Whose fault it was: `storage`: it could not be reached, or broke off; `host`: its site refuses everything; `time`: it took longer than it may; `content`: what is stored is cut, damaged, too long or of another format; `worker`: it ended every worker that tried it; `fault`: an error of ours. Null if complete, and in older runs."),
        column("note", pa.string(), "What was noticed and is no loss: a known erratum of the release; null if nothing."),
        column("format", pa.string(), "Format the shard was read as; null if it was not recognised."),
        column("release", pa.string(), "Release that the shard as a whole names: WET does, in its `warcinfo`."),
        column("bytes_expected", pa.int64(), "Size of the object as storage gives it."),
        required("bytes_read", pa.int64(), "Bytes of the object that were read."),
        required("text_bytes", pa.int64(), "Bytes of text that were scanned."),
        required("documents", pa.int64(), "Documents scanned."),
        column("documents_without_url", pa.int64(), "Those of them whose URL is not known: none is given, or none that names a host. Null in older runs."),
        required("documents_skipped", pa.int64(), "Documents left out on purpose: no text, gated by language, or of a kind that is not read."),
        required("skipped", pa.list_(SKIPPED), "Why these were left out, and how many: `language`, `no text`; of WARC, media types and kinds of records."),
        column("unread", pa.list_(UNREAD), "What is never read and stood on pages that were, and on how many: `JSON in scripts`, `articleBody in scripts`; of WARC and ARC alone. Null in older runs."),
        required("candidates", pa.int64(), "Pairs (document, article) that the sieve named for verification."),
        required("matches", pa.int64(), "Rows that the shard gave to `matches`."),
        column("grades", pa.list_(GRADED), "How many of these had each grade. Null in older runs."),
        column("signals", pa.int64(), "Rows that the shard gave to `rights_signals`; 0 for formats that hold no responses. Null in older runs."),
        column("etag", pa.string(), "ETag of the object; on local disk `mtime-` and the time of its last change."),
        required("attempts", pa.int32(), "How many times the shard was tried."),
        required("started_at", UTC_MICROS, "When its scan began."),
        required("seconds", pa.float64(), "How long it took."),
        column("stages", pa.list_(STAGE), "Seconds by stage, of the try that counts: `read`, `sieve`, `verify`, `signals`. Null in older runs."),
    ]
)

METRICS = pa.schema(
    [
        required("run_id", pa.string(), "The run; key of `runs`."),
        required("name", pa.string(), "Name of the metric, by the conventions of Prometheus."),
        required("labels", pa.string(), "What the value is about, e.g. `status=\"failed\"`; empty if there is nothing to tell apart."),
        required("value", pa.float64(), "The value, when the run was published."),
        required("unit", pa.string(), "`shards`, `documents`, `bytes`, `seconds`, `dollars` and the like; of a time, seconds since 1970."),
    ]
)

RUNS = pa.schema(
    [
        required("run_id", pa.string(), "The run: UTC start and the head of its plan's digest."),
        required("started_at", UTC_MICROS, "First start of the run (a resumed run keeps it)."),
        required("finished_at", UTC_MICROS, "When it was published."),
        column("dataset", pa.string(), "The format asked for, or the one all shards had."),
        column("release", pa.string(), "Release, if all shards agree or the user named it."),
        required("corpus_digest", pa.string(), "Digest over the corpus; see `presswatch corpus info`."),
        column("corpus_articles", pa.int64(), "Articles of the corpus. Null in older runs."),
        required("config_digest", pa.string(), "Digest over every setting that can change a row."),
        required("config", pa.string(), "Those settings, as JSON."),
        required("tool_version", pa.string(), "Version of this project."),
        column("sample", pa.float64(), "Share of the shards that was drawn, 0 to 1; null if all were planned."),
        column("sample_seed", pa.int64(), "Seed of the draw; null if all were planned, and in older runs."),
        column("sample_strata", pa.string(), "As JSON: the segments, or folders, that the sample was drawn in, and how many shards each has. Null as `sample_seed`."),
        column("shards_listed", pa.int64(), "Shards that the sample was drawn from; null if all were planned."),
        required("shards_planned", pa.int64(), "Shards in the plan."),
        required("shards_complete", pa.int64(), "Shards read to their end. Absence can be said of these only."),
        required("shards_partial", pa.int64(), "Shards of which something was not read."),
        required("shards_failed", pa.int64(), "Shards of which nothing was read."),
        required("documents", pa.int64(), "Documents scanned."),
        required("documents_skipped", pa.int64(), "Documents left out on purpose: no text, or gated by language."),
        required("text_bytes", pa.int64(), "Bytes of text scanned."),
        required("matches", pa.int64(), "Rows in `matches`."),
        column("signals", pa.int64(), "Rows in `rights_signals`; 0 for formats that hold no responses. Null in older runs."),
        required("minhash_scheme", pa.string(), "Permutation scheme of datasketch."),
        required("minhash_seed", pa.int64(), "Seed of the permutations."),
        required("minhash_permutations", pa.int32(), "Number of permutations."),
        required("table_digest", pa.string(), "Digest over the run's rows in `matches`; see docs/how-to/check-a-table.md for how to recompute it."),
        column("signals_digest", pa.string(), "Digest over the run's rows in `rights_signals`, made the same way. Null in older runs."),
        column("files", pa.list_(PUBLISHED_FILE), "The run's files in the other tables: rows, bytes, SHA-256 (hex), and on S3 the ETag. Whoever reads the run compares them with what is there. Null in older runs."),
    ]
)
