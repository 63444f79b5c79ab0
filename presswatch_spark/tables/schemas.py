"""Every table's schema, one place, each column documented.

The Arrow schemas below are the single source: Spark's DDL, `docs/reference/tables.md` and the tests derive from them.
"""

from __future__ import annotations

import pyarrow as pa

from presswatch_spark.tables.schema_columns import (
    GRADED,
    PUBLISHED_FILE,
    SKIPPED,
    SPAN,
    STAGE,
    UNREAD,
    UTC_MICROS,
)
from presswatch_spark.tables.schema_columns import column as _column
from presswatch_spark.tables.schema_columns import part_of as _part_of
from presswatch_spark.tables.schema_columns import required as _required

# fmt: off

MATCHES = pa.schema(
    [
        _required("run_id", pa.string(), "The run that found the row; key of `runs`."),
        _required("dataset", pa.string(), "`wet`, `warc`, `arc`, `c4`, `oscar` or `rows`; the format the shard was read as."),
        _column("release", pa.string(), "Release of the dataset, e.g. `CC-MAIN-2024-22`: what the shard or the configuration says."),
        _column("document_url", pa.string(), "URL of the document as the dataset gives it; null if it gives none."),
        _column("article_id", pa.string(), "The member's article; null if only the site is known (`url_only`)."),
        _required("title_id", pa.string(), "The title that owns the article, or whose site the document is on."),
        _required("publisher_id", pa.string(), "The publisher of the title."),
        _required("url_match", pa.string(), "`article`: the document's normalised URL is the article's; `title`: it is on a domain or prefix of the title; `none`, also where the URL is not known (`own_site` is null)."),
        _required("grade", pa.string(), "`full_copy`, `partial_copy`, `extract` or `url_only`, by the rules of `conf/scan.yaml`."),
        _required("longest_run_words", pa.int32(), "Words in the longest run common to document and article, compared word by word."),
        _required("copied_words", pa.int32(), "Words of the article that lie in a span; each counted once."),
        _column("article_coverage", pa.float64(), "`copied_words` / words of the article, 0 to 1; null without article."),
        _column("document_coverage", pa.float64(), "Words of the document that lie in a span / words of the document, 0 to 1; null without article."),
        _column("minhash_jaccard", pa.float64(), "Jaccard similarity of the two word-shingle sets, estimated by datasketch MinHash; null for `url_only`."),
        _column("run_rarity", pa.int32(), "Information, in whole bits, in those words of the rarest run that are known from no unrelated text; null for `url_only`."),
        _column("shared_words", pa.int32(), "Copied words that stand in another publisher's article too; null for `url_only`."),
        _column("ownership", pa.string(), "Whose the copied words are: `exclusive`, `shared` with another publisher's articles, or `agency`; null for `url_only`."),
        _required("confidence", pa.string(), "`A` to `D`, by the rules of `conf/scan.yaml`: what the row may be used for. `D` is never put into a notice."),
        _column("in_main_content", pa.bool_(), "Whether the longest run stands in the page's main content, not in menus, teasers or comments; null where that is not known, and outside of WARC."),
        _required("spans", pa.list_(SPAN), "The runs: character ranges [start, end) in the document and in the article, words in it, and the passage it belongs to."),
        _column("own_site", pa.bool_(), "Whether the document is on a site of the same publisher; null where its URL is not known."),
        _column("site_title_id", pa.string(), "The title on whose site the document is, whoever owns the article; null if it is on none, or its URL is not known."),
        _column("cluster_id", pa.string(), "Cluster of articles with nearly the same text (agency copy); null if the article is alone."),
        _column("article_url", pa.string(), "URL of the article as the member gave it."),
        _column("article_published_at", UTC_MICROS, "When the article was published, as the member says; null if it does not."),
        _column("article_sha256", pa.string(), "SHA-256 (hex) of the article's text in UTF-8; null without article."),
        _column("article_words", pa.int32(), "Words in the article's body."),
        _column("document_words", pa.int64(), "Words in the document; null for `url_only`."),
        _required("shard_uri", pa.string(), "The file of the release that holds the document."),
        _column("record_id", pa.string(), "`WARC-Record-ID`, or the dataset's own id."),
        _column("record_offset", pa.int64(), "First byte of the record; see `record_encoding`."),
        _column("record_length", pa.int64(), "Bytes of the record from `record_offset`."),
        _column("record_encoding", pa.string(), "`gzip`: the range is one gzip member of the file; `plain`: the record itself; `inflated`: the range counts in the inflated file."),
        _column("record_damage", pa.string(), "In what the record is not what it says: `length`, `header`, `boundary`, `digest`, `checksum`, `row`; null if nothing shows. Never `A` or `B`."),
        _column("row_index", pa.int64(), "Line of JSONL or row of Parquet, from 0."),
        _column("payload_digest", pa.string(), "Digest that the dataset declares, as written there."),
        _column("payload_digest_computed", pa.string(), "SHA-1 (`sha1:` and Base32) of the payload that is stored there; null where the dataset holds no payload."),
        _required("text_sha256", pa.string(), "SHA-256 (hex) of the document's text in UTF-8: as the dataset stores it, or as extracted from the page."),
        _column("text_extraction", pa.string(), "What extracted the text from the page, with its version; null where the dataset stores text."),
        _column("charset", pa.string(), "The character encoding that the page was read in, by Python's name; null where the dataset stores text, and for PDF."),
        _column("captured_at", UTC_MICROS, "When the page was captured, if the dataset says."),
        _column("http_status", pa.int32(), "HTTP status at capture, if the dataset says."),
        _required("languages", pa.list_(pa.string()), "Languages that the dataset identified; empty if none."),
        _required("row_sha256", pa.string(), "SHA-256 (hex) of the row's canonical form; `table_digest` is built from these."),
    ]
)

RIGHTS_SIGNALS = pa.schema(
    [
        _required("run_id", pa.string(), "The run that found the row; key of `runs`."),
        _column("release", pa.string(), "Release of the dataset, as in `matches`."),
        _required("document_url", pa.string(), "URL of the capture: the page, or the file that declares for its host."),
        _required("host", pa.string(), "Host of that URL, with its port if it is not the scheme's own; `www.` and all."),
        _column("title_id", pa.string(), "The title on whose site the page is, or of the host; null if titles share the host."),
        _column("publisher_id", pa.string(), "The publisher of the title; null if publishers share the host."),
        _required("signal", pa.string(), "`robots_txt`, `ai_txt`, `x_robots_tag`, `meta_robots`, `tdm_reservation`, `tdm_policy`, `content_usage`, `content_signal`, `paywall`, `copyright`, `license`, `canonical`; `left_out`: there is more."),
        _column("agent", pa.string(), "Whom it addresses; `*`: the rules for any agent; null: it names none."),
        _column("value", pa.string(), "What was declared: of robots.txt the lines that apply to the agent."),
        _column("note", pa.string(), "What is to be known of value and verdict: cut, unreachable, not what it should be."),
        _required("source", pa.string(), "Where it stood: `header`, `meta`, `link`, `json_ld`, `file`; `page` for `left_out` of a page."),
        _required("scope", pa.string(), "What it is about: `page`, `host`, or `path`: a part of the host."),
        _column("path", pa.string(), "Of a file: the path or pattern that the verdict is about, `/` for the root; null for pages."),
        _column("rule", pa.int32(), "Of tdmrep.json: which of its rules this is, from 1; the first that is about a page counts. Null for all else."),
        _column("verdict", pa.string(), "`reserved`, `allowed` or `unknown`; null if it says nothing on mining or training."),
        _column("paywalled_text_captured", pa.bool_(), "Whether the page holds text under the selector of its paywall; null if that cannot be said."),
        _column("content_sha256", pa.string(), "SHA-256 (hex) of the body that declared it; null for headers."),
        _required("parser", pa.string(), "What read it, with its version."),
        _required("shard_uri", pa.string(), "The file of the release that holds the capture."),
        _column("record_id", pa.string(), "`WARC-Record-ID`."),
        _column("record_offset", pa.int64(), "First byte of the record; see `record_encoding`."),
        _column("record_length", pa.int64(), "Bytes of the record from `record_offset`."),
        _column("record_encoding", pa.string(), "As in `matches`."),
        _column("captured_at", UTC_MICROS, "When it was captured."),
        _column("http_status", pa.int32(), "HTTP status at capture."),
        _required("row_sha256", pa.string(), "SHA-256 (hex) of the row's canonical form; `signals_digest` is built from these."),
    ]
)

SCAN_LOG = pa.schema(
    [
        _required("run_id", pa.string(), "The run; key of `runs`."),
        _required("shard_uri", pa.string(), "The shard."),
        _required("status", pa.string(), "`complete`: read to its end, nothing lost; `partial`: something was not read; `failed`: nothing was read."),
        _column("error", pa.string(), "What was not read, where, and why; null if complete."),
        _column("failure", pa.string(), "Whose fault it was: `storage`: it could not be reached, or broke off; `host`: its site refuses everything; `time`: it took longer than it may; `content`: what is stored is cut, damaged, too long or of another format; `worker`: it ended every worker that tried it; `fault`: an error of ours. Null if complete, and in older runs."),
        _column("note", pa.string(), "What was noticed and is no loss: a known erratum of the release; null if nothing."),
        _column("format", pa.string(), "Format the shard was read as; null if it was not recognised."),
        _column("release", pa.string(), "Release that the shard as a whole names: WET does, in its `warcinfo`."),
        _column("bytes_expected", pa.int64(), "Size of the object as storage gives it."),
        _required("bytes_read", pa.int64(), "Bytes of the object that were read."),
        _required("text_bytes", pa.int64(), "Bytes of text that were scanned."),
        _required("documents", pa.int64(), "Documents scanned."),
        _column("documents_without_url", pa.int64(), "Those of them whose URL is not known: none is given, or none that names a host. Null in older runs."),
        _required("documents_skipped", pa.int64(), "Documents left out on purpose: no text, gated by language, or of a kind that is not read."),
        _required("skipped", pa.list_(SKIPPED), "Why these were left out, and how many: `language`, `no text`; of WARC, media types and kinds of records."),
        _column("unread", pa.list_(UNREAD), "What is never read and stood on pages that were, and on how many: `JSON in scripts`, `articleBody in scripts`; of WARC and ARC alone. Null in older runs."),
        _required("candidates", pa.int64(), "Pairs (document, article) that the sieve named for verification."),
        _required("matches", pa.int64(), "Rows that the shard gave to `matches`."),
        _column("grades", pa.list_(GRADED), "How many of these had each grade. Null in older runs."),
        _column("signals", pa.int64(), "Rows that the shard gave to `rights_signals`; 0 for formats that hold no responses. Null in older runs."),
        _column("etag", pa.string(), "ETag of the object; on local disk `mtime-` and the time of its last change."),
        _required("attempts", pa.int32(), "How many times the shard was tried."),
        _required("started_at", UTC_MICROS, "When its scan began."),
        _required("seconds", pa.float64(), "How long it took."),
        _column("stages", pa.list_(STAGE), "Seconds by stage, of the try that counts: `read`, `sieve`, `verify`, `signals`. Null in older runs."),
    ]
)

METRICS = pa.schema(
    [
        _required("run_id", pa.string(), "The run; key of `runs`."),
        _required("name", pa.string(), "Name of the metric, by the conventions of Prometheus."),
        _required("labels", pa.string(), "What the value is about, e.g. `status=\"failed\"`; empty if there is nothing to tell apart."),
        _required("value", pa.float64(), "The value, when the run was published."),
        _required("unit", pa.string(), "`shards`, `documents`, `bytes`, `seconds`, `dollars` and the like; of a time, seconds since 1970."),
    ]
)

RUNS = pa.schema(
    [
        _required("run_id", pa.string(), "The run: UTC start and the head of its plan's digest."),
        _required("started_at", UTC_MICROS, "First start of the run (a resumed run keeps it)."),
        _required("finished_at", UTC_MICROS, "When it was published."),
        _column("dataset", pa.string(), "The format asked for, or the one all shards had."),
        _column("release", pa.string(), "Release, if all shards agree or the user named it."),
        _required("corpus_digest", pa.string(), "Digest over the corpus; see `presswatch corpus info`."),
        _column("corpus_articles", pa.int64(), "Articles of the corpus. Null in older runs."),
        _required("config_digest", pa.string(), "Digest over every setting that can change a row."),
        _required("config", pa.string(), "Those settings, as JSON."),
        _required("tool_version", pa.string(), "Version of this project."),
        _column("sample", pa.float64(), "Share of the shards that was drawn, 0 to 1; null if all were planned."),
        _column("sample_seed", pa.int64(), "Seed of the draw; null if all were planned, and in older runs."),
        _column("sample_strata", pa.string(), "As JSON: the segments, or folders, that the sample was drawn in, and how many shards each has. Null as `sample_seed`."),
        _column("shards_listed", pa.int64(), "Shards that the sample was drawn from; null if all were planned."),
        _required("shards_planned", pa.int64(), "Shards in the plan."),
        _required("shards_complete", pa.int64(), "Shards read to their end. Absence can be said of these only."),
        _required("shards_partial", pa.int64(), "Shards of which something was not read."),
        _required("shards_failed", pa.int64(), "Shards of which nothing was read."),
        _required("documents", pa.int64(), "Documents scanned."),
        _required("documents_skipped", pa.int64(), "Documents left out on purpose: no text, or gated by language."),
        _required("text_bytes", pa.int64(), "Bytes of text scanned."),
        _required("matches", pa.int64(), "Rows in `matches`."),
        _column("signals", pa.int64(), "Rows in `rights_signals`; 0 for formats that hold no responses. Null in older runs."),
        _required("minhash_scheme", pa.string(), "Permutation scheme of datasketch."),
        _required("minhash_seed", pa.int64(), "Seed of the permutations."),
        _required("minhash_permutations", pa.int32(), "Number of permutations."),
        _required("table_digest", pa.string(), "Digest over the run's rows in `matches`; see docs/how-to/check-a-table.md for how to recompute it."),
        _column("signals_digest", pa.string(), "Digest over the run's rows in `rights_signals`, made the same way. Null in older runs."),
        _column("files", pa.list_(PUBLISHED_FILE), "The run's files in the other tables: rows, bytes, SHA-256 (hex), and on S3 the ETag. Whoever reads the run compares them with what is there. Null in older runs."),
    ]
)

CAPTURES = pa.schema(
    [
        _required("run_id", pa.string(), "The census that found the row; key of `censuses`."),
        _column("release", pa.string(), "Release of the index, e.g. `CC-MAIN-2024-22`: what its column or its path says, or the configuration."),
        _required("url", pa.string(), "URL of the capture, as the index gives it."),
        _required("title_id", pa.string(), "The title on whose site the URL is; on no title's site, the title of the article."),
        _required("publisher_id", pa.string(), "The publisher of the title."),
        _column("article_id", pa.string(), "The member's article, if the URL is its own; of several, the first of the corpus."),
        _required("url_match", pa.string(), "`article`: the normalised URL is the article's; `title`: it is on a domain or prefix of the title."),
        _column("captured_at", UTC_MICROS, "When it was captured."),
        _column("http_status", pa.int32(), "HTTP status at capture."),
        _column("mime_declared", pa.string(), "MIME type that the server sent."),
        _column("mime_detected", pa.string(), "MIME type that the crawl detected."),
        _required("languages", pa.list_(pa.string()), "Languages that the crawl identified, the most of the page first; empty if none."),
        _column("charset", pa.string(), "Character set that the crawl identified."),
        _column("truncated", pa.string(), "Why the payload was cut at capture; null if it was not."),
        _column("payload_digest", pa.string(), "Digest of the payload, as the index writes it."),
        _column("subset", pa.string(), "`warc`: successful captures; `crawldiagnostics`: redirects, errors and the like; `robotstxt`."),
        _column("warc_filename", pa.string(), "The WARC file, as a path below the release's bucket or site."),
        _column("record_offset", pa.int64(), "First byte of the record in that file."),
        _column("record_length", pa.int64(), "Bytes of the record, one gzip member."),
        _required("shard_uri", pa.string(), "The file of the index that the row is from."),
        _required("row_index", pa.int64(), "Its row there, from 0."),
        _required("row_sha256", pa.string(), "SHA-256 (hex) of the row's canonical form; `table_digest` is built from these."),
    ]
)

CENSUS_LOG = pa.schema(
    [
        _required("run_id", pa.string(), "The census; key of `censuses`."),
        _required("shard_uri", pa.string(), "The file of the index."),
        _required("status", pa.string(), "`complete`: everything that can match was read; `partial`: some row group was not; `failed`: nothing was."),
        _column("error", pa.string(), "What was not read, where, and why; null if complete."),
        _column("failure", pa.string(), "Whose fault it was: `storage`, `host`, `time`, `content`, `worker` or `fault`, as in `scan_log`. Null if complete."),
        _column("bytes_expected", pa.int64(), "Size of the object as storage gives it."),
        _required("bytes_read", pa.int64(), "Bytes of the object that were read."),
        _required("row_groups", pa.int64(), "Row groups of the file."),
        _required("row_groups_read", pa.int64(), "Row groups that the statistics did not rule out."),
        _required("rows", pa.int64(), "Rows of the file."),
        _required("captures", pa.int64(), "Rows that the file gave to `captures`."),
        _required("columns_missing", pa.list_(pa.string()), "Columns that the file lacks, or whose type tells no time; what they would tell is null in `captures`."),
        _column("etag", pa.string(), "ETag of the object; on local disk `mtime-` and the time of its last change."),
        _required("attempts", pa.int32(), "How many times the file was tried."),
        _required("started_at", UTC_MICROS, "When its reading began."),
        _required("seconds", pa.float64(), "How long it took."),
    ]
)

CENSUSES = pa.schema(
    [
        _required("run_id", pa.string(), "The census: UTC start and the head of its plan's digest."),
        _required("started_at", UTC_MICROS, "When it began."),
        _required("finished_at", UTC_MICROS, "When it was published."),
        _column("release", pa.string(), "Release, if the paths of all files and all captures agree; where neither says one, the configuration."),
        _required("corpus_digest", pa.string(), "Digest over the corpus; see `presswatch corpus info`."),
        _required("tool_version", pa.string(), "Version of this project."),
        _required("shards_planned", pa.int64(), "Files of the index in the plan."),
        _required("shards_complete", pa.int64(), "Files of which everything that can match was read. Absence can be said of these only."),
        _required("shards_partial", pa.int64(), "Files of which some row group was not read."),
        _required("shards_failed", pa.int64(), "Files of which nothing was read."),
        _required("rows", pa.int64(), "Rows of the index."),
        _required("captures", pa.int64(), "Rows in `captures`."),
        _required("bytes_expected", pa.int64(), "Bytes of the index, as far as storage tells sizes."),
        _required("bytes_read", pa.int64(), "Bytes that were read."),
        _required("table_digest", pa.string(), "Digest over the census's rows in `captures`, made as that of `runs`."),
        _column("files", pa.list_(PUBLISHED_FILE), "The census's files in `captures` and `census_log`, as in `runs`. Null in older censuses."),
    ]
)

DECLARED = _part_of(
    RIGHTS_SIGNALS, "signal", "source", "agent", "path", "rule", "verdict", "note", "document_url", "captured_at", "http_status",
    "content_sha256", "shard_uri", "record_id", "record_offset", "record_length", "record_encoding", "row_sha256",
)

RESERVATIONS = pa.schema(
    [
        _required("run_id", pa.string(), "The run that found the match; key of `runs`."),
        _required("match_sha256", pa.string(), "`row_sha256` of the match."),
        _required("publisher_id", pa.string(), "As in `matches`."),
        _required("title_id", pa.string(), "As in `matches`."),
        _column("article_id", pa.string(), "As in `matches`."),
        _column("document_url", pa.string(), "The page, on a site of the article's publisher."),
        _column("captured_at", UTC_MICROS, "When the page was captured."),
        _required("agent", pa.string(), "`CCBot`, `GPTBot`, `Google-Extended`, or `*`: any agent that is not named."),
        _required("status", pa.string(), "`both`, `before`, `after`, `conflicting`, `none`, `unknown`: on which side of the capture a reservation is known."),
        _required("page_read", pa.bool_(), "Whether the page's own headers and metas were read: in WARC or ARC, in one of the runs."),
        _column("before_at", UTC_MICROS, "When the declaration that counts before it was captured; null if there is none."),
        _column("after_at", UTC_MICROS, "The same after it."),
        _column("before", DECLARED, "That declaration, columns as in `rights_signals`; `verdict` is about this page."),
        _column("after", DECLARED, "The same after it."),
    ]
)

REFUSED = pa.schema(
    [
        _required("source", pa.string(), "File the article came from."),
        _required("row_index", pa.int64(), "Line or row in that file, from 0."),
        _column("article_id", pa.string(), "Its id, if it has one."),
        _column("title_id", pa.string(), "Its title, as given."),
        _required("reason", pa.string(), "`no_id`, `no_body`, `too_short`, `unknown_title`, `id_reused`, `duplicate`, `bad_date`, `bad_type`, `unreadable`."),
        _required("detail", pa.string(), "What was found, without the article's text."),
    ]
)

SUPPRESSED = pa.schema(
    [
        _required("shingle", pa.string(), "Its eight words, folded."),
        _required("hash", pa.uint64(), "Its hash."),
        _required("articles", pa.int64(), "Articles it occurs in, counted over indexed positions."),
    ]
)

SIGHTING = _part_of(
    MATCHES, "grade", "confidence", "document_url", "longest_run_words", "copied_words", "article_coverage", "own_site",
    "dataset", "release", "shard_uri", "record_id", "record_offset", "record_length", "record_encoding",
    "row_index", "payload_digest", "text_sha256", "captured_at", "row_sha256",
)

COMPARISON = pa.schema(
    [
        _required("before_run_id", pa.string(), "The earlier run; key of `runs`."),
        _required("after_run_id", pa.string(), "The later run; key of `runs`."),
        _required("status", pa.string(), "`gone`: found before and not after, in shards all read to their end; `still_there`: found in both; `new`: found after only; `unknown`: not found after, but absence cannot be said."),
        _column("doubt", pa.string(), "Why absence cannot be said; null unless `unknown`."),
        _required("publisher_id", pa.string(), "The publisher of the title."),
        _required("title_id", pa.string(), "The title that owns the article, or whose site the document is on."),
        _column("article_id", pa.string(), "The member's article; null if only the site is known (`url_only`)."),
        _column("document_url", pa.string(), "URL of the document, as the later run that found it gives it. Pairs are matched by the normalised URL."),
        _column("before", SIGHTING, "The strongest row of the pair in the earlier run, columns as in `matches`; null if there is none."),
        _column("after", SIGHTING, "The same in the later run."),
    ]
)
