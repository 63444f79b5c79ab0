"""The tables of a census: captures of the members' pages, the files of the index, and the censuses."""

import pyarrow as pa

from presswatch_spark.tables.schemas.columns import PUBLISHED_FILE, UTC_MICROS, column, required

# fmt: off

CAPTURES = pa.schema(
    [
        required("run_id", pa.string(), "The census that found the row; key of `censuses`."),
        column("release", pa.string(), "Release of the index, e.g. `CC-MAIN-2024-22`: what its column or its path says, or the configuration."),
        required("url", pa.string(), "URL of the capture, as the index gives it."),
        required("title_id", pa.string(), "The title on whose site the URL is; on no title's site, the title of the article."),
        required("publisher_id", pa.string(), "The publisher of the title."),
        column("article_id", pa.string(), "The member's article, if the URL is its own; of several, the first of the corpus."),
        required("url_match", pa.string(), "`article`: the normalised URL is the article's; `title`: it is on a domain or prefix of the title."),
        column("captured_at", UTC_MICROS, "When it was captured."),
        column("http_status", pa.int32(), "HTTP status at capture."),
        column("mime_declared", pa.string(), "MIME type that the server sent."),
        column("mime_detected", pa.string(), "MIME type that the crawl detected."),
        required("languages", pa.list_(pa.string()), "Languages that the crawl identified, the most of the page first; empty if none."),
        column("charset", pa.string(), "Character set that the crawl identified."),
        column("truncated", pa.string(), "Why the payload was cut at capture; null if it was not."),
        column("payload_digest", pa.string(), "Digest of the payload, as the index writes it."),
        column("subset", pa.string(), "`warc`: successful captures; `crawldiagnostics`: redirects, errors and the like; `robotstxt`."),
        column("warc_filename", pa.string(), "The WARC file, as a path below the release's bucket or site."),
        column("record_offset", pa.int64(), "First byte of the record in that file."),
        column("record_length", pa.int64(), "Bytes of the record, one gzip member."),
        required("shard_uri", pa.string(), "The file of the index that the row is from."),
        required("row_index", pa.int64(), "Its row there, from 0."),
        required("row_sha256", pa.string(), "SHA-256 (hex) of the row's canonical form; `table_digest` is built from these."),
    ]
)

CENSUS_LOG = pa.schema(
    [
        required("run_id", pa.string(), "The census; key of `censuses`."),
        required("shard_uri", pa.string(), "The file of the index."),
        required("status", pa.string(), "`complete`: everything that can match was read; `partial`: some row group was not; `failed`: nothing was."),
        column("error", pa.string(), "What was not read, where, and why; null if complete."),
        column("failure", pa.string(), "Whose fault it was: `storage`, `host`, `time`, `content`, `worker` or `fault`, as in `scan_log`. Null if complete."),
        column("bytes_expected", pa.int64(), "Size of the object as storage gives it."),
        required("bytes_read", pa.int64(), "Bytes of the object that were read."),
        required("row_groups", pa.int64(), "Row groups of the file."),
        required("row_groups_read", pa.int64(), "Row groups that the statistics did not rule out."),
        required("rows", pa.int64(), "Rows of the file."),
        required("captures", pa.int64(), "Rows that the file gave to `captures`."),
        required("columns_missing", pa.list_(pa.string()), "Columns that the file lacks, or whose type tells no time; what they would tell is null in `captures`."),
        column("etag", pa.string(), "ETag of the object; on local disk `mtime-` and the time of its last change."),
        required("attempts", pa.int32(), "How many times the file was tried."),
        required("started_at", UTC_MICROS, "When its reading began."),
        required("seconds", pa.float64(), "How long it took."),
    ]
)

CENSUSES = pa.schema(
    [
        required("run_id", pa.string(), "The census: UTC start and the head of its plan's digest."),
        required("started_at", UTC_MICROS, "When it began."),
        required("finished_at", UTC_MICROS, "When it was published."),
        column("release", pa.string(), "Release, if the paths of all files and all captures agree; where neither says one, the configuration."),
        required("corpus_digest", pa.string(), "Digest over the corpus; see `presswatch corpus info`."),
        required("tool_version", pa.string(), "Version of this project."),
        required("shards_planned", pa.int64(), "Files of the index in the plan."),
        required("shards_complete", pa.int64(), "Files of which everything that can match was read. Absence can be said of these only."),
        required("shards_partial", pa.int64(), "Files of which some row group was not read."),
        required("shards_failed", pa.int64(), "Files of which nothing was read."),
        required("rows", pa.int64(), "Rows of the index."),
        required("captures", pa.int64(), "Rows in `captures`."),
        required("bytes_expected", pa.int64(), "Bytes of the index, as far as storage tells sizes."),
        required("bytes_read", pa.int64(), "Bytes that were read."),
        required("table_digest", pa.string(), "Digest over the census's rows in `captures`, made as that of `runs`."),
        column("files", pa.list_(PUBLISHED_FILE), "The census's files in `captures` and `census_log`, as in `runs`. Null in older censuses."),
    ]
)
