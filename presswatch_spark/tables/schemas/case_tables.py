"""The tables of a case of removal: what is to go, what was asked, and what was answered."""

import pyarrow as pa

from presswatch_spark.tables.schemas.columns import UTC_MICROS, column, required
from presswatch_spark.tables.schemas.scan_tables import MATCHES

# fmt: off

_PLACE = ("shard_uri", "record_id", "record_offset", "record_length", "record_encoding", "row_index")

TARGETS = pa.schema(
    [
        required("row_sha256", pa.string(), "The claim: key of `claims` and `matches`."),
        required("place", pa.string(), "Whose bytes these are: `record`, which the row was found in; `capture`, another record of the same capture; `release`, the same page in another release or dataset."),
        required("publisher_id", pa.string(), "As in `claims`."),
        required("title_id", pa.string(), "As in `claims`."),
        column("article_id", pa.string(), "As in `claims`."),
        column("article_sha256", pa.string(), "As in `matches`: the article whose words are counted again."),
        column("copied_words", pa.int32(), "Words of the article that the row found there."),
        required("run_id", pa.string(), "The run that found this place."),
        required("dataset", pa.string(), "As in `matches`, of this place; so are all columns that follow."),
        column("release", pa.string(), "As in `matches`."),
        column("document_url", pa.string(), "As in `matches`."),
        *(MATCHES.field(name) for name in _PLACE),
        column("payload_digest", pa.string(), "As in `matches`."),
        column("text_sha256", pa.string(), "As in `matches`. Null of a place that no scan has found; so are its offset and length."),
        column("captured_at", UTC_MICROS, "As in `matches`."),
        column("etag", pa.string(), "ETag of the file when it was scanned."),
        column("bytes", pa.int64(), "Its size then."),
        required("target_sha256", pa.string(), "SHA-256 (hex) of the row's canonical form."),
    ]
)

PROBES = pa.schema(
    [
        required("number", pa.int64(), "Its place in the chain, from 0."),
        required("round", pa.int32(), "The round that asked, from 1."),
        required("batch", pa.int32(), "The batch of the round: a file's targets and their controls."),
        required("role", pa.string(), "`target`, or a control: `first`, a record of the file that nobody noticed; `before` and `after`, its neighbours in the file; `beside`, a record of another file; `unranged`, a missing file without a range; `nowhere`, a name that never was. `index`: the target's URL in an index; `listed`, the URL of a control in it. `newest`: on a hub, the target in the newest revision. `recapture`: a row of `matches` that has its article in a later capture, or its capture in another file. `yield`: how many rows a later run has. `gap`: a stretch that a deep reading went around. `place`: where an index says that the target is."),
        column("target_sha256", pa.string(), "The target; of a neighbour, the one that it stands beside."),
        required("asked_at", UTC_MICROS, "When it was asked, by the clock of this machine."),
        column("clock_offset", pa.float64(), "Seconds that the server's clock is ahead of it; null if it does not say."),
        required("asked_from", pa.string(), "Name of the machine that asked."),
        required("tool_version", pa.string(), "Version of this project."),
        required("request", pa.string(), "What was asked: method, address, range."),
        column("file_uri", pa.string(), "The file that was asked for; of an index, the address; of a `yield`, the run. Null of a `recapture`."),
        column("answered_by", pa.string(), "The address that answered, after redirects; null if it is the one asked."),
        column("status", pa.int32(), "HTTP status; null without an answer."),
        column("headers", pa.string(), "The answer's headers as they came, a line each."),
        column("etag", pa.string(), "ETag of the file."),
        column("last_modified", pa.string(), "Last-Modified of the file."),
        column("bytes", pa.int64(), "Size of the file, as the answer says."),
        column("body_sha256", pa.string(), "SHA-256 (hex) of the body of the answer."),
        column("record_offset", pa.int64(), "First byte of the record that was looked at."),
        column("record_length", pa.int64(), "Its bytes."),
        column("row_index", pa.int64(), "The row that was looked at, in datasets of rows."),
        column("record_sha256", pa.string(), "SHA-256 (hex) of these bytes as they are stored; of a row, of its text."),
        column("record_id", pa.string(), "Id of the record that is there now."),
        column("document_url", pa.string(), "Its URL."),
        column("text_sha256", pa.string(), "SHA-256 (hex) of its text."),
        column("copied_words", pa.int32(), "Words of the article that it still has; null where nobody counted."),
        required("outcome", pa.string(), "What is there: see docs/reference/removal.md."),
        column("detail", pa.string(), "More of it, in words; never text of the web."),
        required("previous_sha256", pa.string(), "`probe_sha256` of the probe before; of the first, the digest of the targets."),
        required("probe_sha256", pa.string(), "SHA-256 (hex) of the row's canonical form."),
    ]
)

_ANSWER = (
    "number", "asked_at", "clock_offset", "asked_from", "tool_version", "request", "answered_by", "status", "headers",
    "etag", "last_modified", "bytes", "outcome", "detail", "previous_sha256", "probe_sha256",
)

RELEASE_FILES = pa.schema(
    [
        required("inventory", pa.int32(), "The inventory that asked, from 1."),
        required("release", pa.string(), "The release."),
        required("format", pa.string(), "The form of its files: `wet`, `warc` and the like."),
        required("file_uri", pa.string(), "The file."),
        *(PROBES.field(name) for name in _ANSWER),
    ]
)

CASE_TABLES = {"targets": TARGETS, "probes": PROBES, "release_files": RELEASE_FILES}
"""The tables of a case, each in a folder of its name."""
