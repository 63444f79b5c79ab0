"""The table of claims: each row of `matches`, judged by all runs and by what is known since."""

import pyarrow as pa

from presswatch_spark.tables.schemas.columns import UTC_MICROS, column, required

# fmt: off

CLAIMS = pa.schema(
    [
        required("run_id", pa.string(), "The run that found the row; key of `runs`. With `row_sha256` it leads to the row of `matches`."),
        required("row_sha256", pa.string(), "The row of `matches` that is judged."),
        required("dataset", pa.string(), "As in `matches`."),
        column("release", pa.string(), "As in `matches`."),
        column("document_url", pa.string(), "As in `matches`."),
        column("document_host", pa.string(), "Host of that URL, lower case, without port; null where it is not known."),
        column("document_domain", pa.string(), "Registered domain of the host, by the public-suffix list."),
        required("text_sha256", pa.string(), "SHA-256 (hex) of the document's text, as in `matches`."),
        column("captured_at", UTC_MICROS, "When the page was captured; null where the dataset does not say."),
        column("article_id", pa.string(), "As in `matches`; null if only the site is known."),
        required("title_id", pa.string(), "As in `matches`."),
        required("publisher_id", pa.string(), "As in `matches`."),
        column("article_published_at", UTC_MICROS, "As in `matches`."),
        column("article_words", pa.int32(), "As in `matches`."),
        required("url_match", pa.string(), "As in `matches`."),
        required("grade", pa.string(), "As in `matches`."),
        required("copied_words", pa.int32(), "As in `matches`."),
        required("kind", pa.string(), "`licensed`; else `own_page`: on a site of the article's publisher; `own_page_copy`: such a page's copy in an archive, a cache or a translator; `reprint`: on another member's site; `copy`: elsewhere, or where the URL is not known."),
        required("confidence", pa.string(), "`A` to `D`: the letter of the claim, never better than the row's."),
        required("reasons", pa.list_(pa.string()), "Codes of what gave the letter and what lowered it, in the order asked: the row's, then those of `claims`."),
        required("row_confidence", pa.string(), "`confidence` of the row of `matches`."),
        required("row_reasons", pa.list_(pa.string()), "`confidence_reasons` of the row; in older runs, what the rules of today say of its columns."),
        required("article_known", pa.bool_(), "Whether the corpus has the article, with the text that the row was compared with; true without article."),
        required("credits_read", pa.bool_(), "Whether the page was read for credits; true where nothing is copied. False in older runs."),
        required("explained_by", pa.list_(pa.string()), "Honest sources of copied words: `prior_capture`, `credited_elsewhere`, `printed_by_press`, `common_source`, `known_text`, `press_page`."),
        column("explained_words", pa.int32(), "Copied words that one of these explains, each counted once; like the next five, null where `article_known` is false."),
        column("beyond_words", pa.int32(), "Copied words that none explains."),
        column("beyond_longest_run", pa.int32(), "Words of the longest run among these."),
        column("beyond_rarity", pa.int32(), "Bits of the rarest run among these, as `run_rarity`."),
        column("beyond_shared_words", pa.int32(), "How many of these another publisher's article has too."),
        column("beyond_ownership", pa.string(), "Whose these are, as `ownership`; null if there are none."),
        column("press_kind", pa.string(), "What the press list says of the host: `newspaper`, `agency`, `official` and the like; null if it is not listed, or the publisher's own."),
        column("first_capture_at", UTC_MICROS, "When words of the article were first captured, in any run."),
        column("first_capture_row", pa.string(), "`row_sha256` of that capture."),
        column("witness_domains", pa.int32(), "Unrelated registered domains that have the same passage, this one not counted."),
        column("licence_id", pa.string(), "The licence that covers host, title and day of capture; null if none does."),
        required("mandate", pa.string(), "Whether the publisher's mandate is in force on `as_of`: `in_force`, `before`, `after`, `none`."),
        required("rights", pa.list_(pa.string()), "Rights that can be invoked: `author`, `press_publisher`, and others of the page on rights."),
        required("reservation", pa.string(), "What the member's own site declared of the article's own URL around the capture: `both`, `before`, `after`, `none`, `conflicting`, `unknown`."),
        column("review", pa.string(), "The newest verdict of a person: `claim`, `no_claim`, `unsure`; null if there is none."),
        required("as_of", pa.string(), "The day that mandates and rights are judged for, `YYYY-MM-DD`."),
        required("claim_sha256", pa.string(), "SHA-256 (hex) of the claim's canonical form, without `run_id`; `table_digest` is built from these."),
    ]
)
