"""Tables that are derived from published runs, each by a command of its own."""

import pyarrow as pa

from presswatch_spark.tables.schemas.claim_tables import CLAIMS
from presswatch_spark.tables.schemas.columns import PUBLISHED_FILE, UTC_MICROS, column, part_of, required
from presswatch_spark.tables.schemas.rights_tables import RIGHTS_SIGNALS
from presswatch_spark.tables.schemas.scan_tables import MATCHES

# fmt: off

SIGHTING = part_of(
    MATCHES, "grade", "confidence", "document_url", "longest_run_words", "copied_words", "article_coverage", "own_site",
    "dataset", "release", "shard_uri", "record_id", "record_offset", "record_length", "record_encoding",
    "row_index", "payload_digest", "text_sha256", "captured_at", "row_sha256",
)

CHANGES = pa.schema(
    [
        required("before_run_id", pa.string(), "The earlier run; key of `runs`."),
        required("after_run_id", pa.string(), "The later run; key of `runs`."),
        required("state", pa.string(), "What became of the copy: `persists`, `reduced`, `moved`, `altered`, `new`, `reappeared`, `gone`, `unknown`."),
        column("doubt", pa.string(), "Why that may be otherwise: which shard or article the other run may have missed. Null if nothing is in doubt; never null if `unknown`, always if `gone`."),
        required("publisher_id", pa.string(), "The publisher of the title."),
        required("title_id", pa.string(), "The title that owns the article, or whose site the document is on."),
        column("article_id", pa.string(), "The member's article; null if only the site is known (`url_only`)."),
        column("document_url", pa.string(), "URL of the document, as the later run that found it gives it: where a copy that moved stands now. Pairs are matched by the normalised URL."),
        column("copied_words_before", pa.int32(), "`copied_words` of the row in the earlier run; null if there is none."),
        column("copied_words_after", pa.int32(), "The same in the later run."),
        column("before", SIGHTING, "The strongest row of the pair in the earlier run, columns as in `matches`; null if there is none."),
        column("after", SIGHTING, "The same in the later run."),
        required("change_sha256", pa.string(), "SHA-256 (hex) of state, doubt, ids, and the `row_sha256` of both rows; `table_digest` in `derivations` is built from these."),
    ]
)

COMPARISON = pa.schema(
    [
        required("before_run_id", pa.string(), "The earlier run; key of `runs`."),
        required("after_run_id", pa.string(), "The later run; key of `runs`."),
        required("status", pa.string(), "`gone`: found before and not after, in shards all read to their end; `still_there`: found in both; `new`: found after only; `unknown`: not found after, but absence cannot be said."),
        column("doubt", pa.string(), "Why absence cannot be said; null unless `unknown`."),
        required("publisher_id", pa.string(), "The publisher of the title."),
        required("title_id", pa.string(), "The title that owns the article, or whose site the document is on."),
        column("article_id", pa.string(), "The member's article; null if only the site is known (`url_only`)."),
        column("document_url", pa.string(), "URL of the document, as the later run that found it gives it. Pairs are matched by the normalised URL."),
        column("before", SIGHTING, "The strongest row of the pair in the earlier run, columns as in `matches`; null if there is none."),
        column("after", SIGHTING, "The same in the later run."),
    ]
)
"""What older versions of `compare` wrote: it is read, and forgotten with the rest."""

DECLARED = part_of(
    RIGHTS_SIGNALS, "signal", "source", "agent", "path", "rule", "verdict", "note", "document_url", "captured_at", "http_status",
    "content_sha256", "shard_uri", "record_id", "record_offset", "record_length", "record_encoding", "row_sha256",
)

RESERVATIONS = pa.schema(
    [
        required("run_id", pa.string(), "The run that found the match; key of `runs`."),
        required("match_sha256", pa.string(), "`row_sha256` of the match."),
        required("publisher_id", pa.string(), "As in `matches`."),
        required("title_id", pa.string(), "As in `matches`."),
        column("article_id", pa.string(), "As in `matches`."),
        column("document_url", pa.string(), "The page, on a site of the article's publisher."),
        column("captured_at", UTC_MICROS, "When the page was captured."),
        required("agent", pa.string(), "`CCBot`, `GPTBot`, `Google-Extended`, or `*`: any agent that is not named."),
        required("status", pa.string(), "`both`, `before`, `after`, `conflicting`, `none`, `unknown`: on which side of the capture a reservation is known."),
        required("page_read", pa.bool_(), "Whether the page's own headers and metas were read: in WARC or ARC, in one of the runs."),
        column("before_at", UTC_MICROS, "When the declaration that counts before it was captured; null if there is none."),
        column("after_at", UTC_MICROS, "The same after it."),
        column("before", DECLARED, "That declaration, columns as in `rights_signals`; `verdict` is about this page."),
        column("after", DECLARED, "The same after it."),
    ]
)

DERIVED = {
    "changes": CHANGES,
    "comparison": COMPARISON,
    "reservations": RESERVATIONS,
    "claims": CLAIMS,
    "claims_before": CLAIMS,
}
"""Every derived table, by its name."""
MADE_ANEW = {"claims": "claims_before"}
"""Derived tables that are made anew, each with the table that its rows go to when it is."""

DERIVATIONS = pa.schema(
    [
        required("run_id", pa.string(), "The derived table: UTC time of its making, and its name."),
        required("table", pa.string(), "Its name: `changes`, `reservations`, `claims`; `claims_before` once the claims were made anew."),
        required("made_of", pa.list_(pa.string()), "The runs that it was made of."),
        required("tool_version", pa.string(), "Version of this project."),
        required("finished_at", UTC_MICROS, "When it was published."),
        required("rows", pa.int64(), "Its rows."),
        column("table_digest", pa.string(), "Digest over its rows; of `claims` and `changes`. Made twice of the same, it is the same."),
        column("inputs", pa.string(), "As JSON: what it was made with beside the runs: day, settings, digests of corpus and files. Of `claims` alone."),
        required("files", pa.list_(PUBLISHED_FILE), "Its files, as in `runs`."),
    ]
)
