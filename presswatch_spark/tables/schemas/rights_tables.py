"""The table of what sites declare about mining and training, as a scan finds it."""

import pyarrow as pa

from presswatch_spark.tables.schemas.columns import UTC_MICROS, column, required

# fmt: off

RIGHTS_SIGNALS = pa.schema(
    [
        required("run_id", pa.string(), "The run that found the row; key of `runs`."),
        column("release", pa.string(), "Release of the dataset, as in `matches`."),
        required("document_url", pa.string(), "URL of the capture: the page, or the file that declares for its host."),
        required("host", pa.string(), "Host of that URL, with its port if it is not the scheme's own; `www.` and all."),
        column("title_id", pa.string(), "The title on whose site the page is, or of the host; null if titles share the host."),
        column("publisher_id", pa.string(), "The publisher of the title; null if publishers share the host."),
        required("signal", pa.string(), "`robots_txt`, `ai_txt`, `x_robots_tag`, `meta_robots`, `tdm_reservation`, `tdm_policy`, `content_usage`, `content_signal`, `paywall`, `copyright`, `license`, `canonical`; `left_out`: there is more."),
        column("agent", pa.string(), "Whom it addresses; `*`: the rules for any agent; null: it names none."),
        column("value", pa.string(), "What was declared: of robots.txt the lines that apply to the agent."),
        column("note", pa.string(), "What is to be known of value and verdict: cut, unreachable, not what it should be."),
        required("source", pa.string(), "Where it stood: `header`, `meta`, `link`, `json_ld`, `file`; `page` for `left_out` of a page."),
        required("scope", pa.string(), "What it is about: `page`, `host`, or `path`: a part of the host."),
        column("path", pa.string(), "Of a file: the path or pattern that the verdict is about, `/` for the root; null for pages."),
        column("rule", pa.int32(), "Of tdmrep.json: which of its rules this is, from 1; the first that is about a page counts. Null for all else."),
        column("verdict", pa.string(), "`reserved`, `allowed` or `unknown`; null if it says nothing on mining or training."),
        column("paywalled_text_captured", pa.bool_(), "Whether the page holds text under the selector of its paywall; null if that cannot be said."),
        column("content_sha256", pa.string(), "SHA-256 (hex) of the body that declared it; null for headers."),
        required("parser", pa.string(), "What read it, with its version."),
        required("shard_uri", pa.string(), "The file of the release that holds the capture."),
        column("record_id", pa.string(), "`WARC-Record-ID`."),
        column("record_offset", pa.int64(), "First byte of the record; see `record_encoding`."),
        column("record_length", pa.int64(), "Bytes of the record from `record_offset`."),
        column("record_encoding", pa.string(), "As in `matches`."),
        column("captured_at", UTC_MICROS, "When it was captured."),
        column("http_status", pa.int32(), "HTTP status at capture."),
        required("row_sha256", pa.string(), "SHA-256 (hex) of the row's canonical form; `signals_digest` is built from these."),
    ]
)
