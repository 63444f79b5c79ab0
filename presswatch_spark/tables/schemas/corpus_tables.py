"""What a corpus holds and what it does not: its articles, those refused, and shingles suppressed."""

import pyarrow as pa

from presswatch_spark.tables.schemas.columns import UTC_MICROS, column, required

# fmt: off

CORPUS_ARTICLES = pa.schema(
    [
        required("run_id", pa.string(), "The run that brought the articles; key of `runs`. Others with the same corpus bring none."),
        required("corpus_digest", pa.string(), "Digest over the corpus, as in `runs`."),
        required("article_id", pa.string(), "The article."),
        required("title_id", pa.string(), "The title that owns it."),
        required("publisher_id", pa.string(), "The publisher of the title."),
        column("url", pa.string(), "Its URL, as the member gave it; null if it gave none."),
        required("alternate_urls", pa.list_(pa.string()), "Its other URLs, as the member gave them; empty if it gave none."),
        column("headline", pa.string(), "Its headline, as the member gave it; null if it gave none."),
        column("published_at", UTC_MICROS, "When it was published, as the member says; null if it does not."),
        column("modified_at", UTC_MICROS, "When it was last changed, as the member says; null if it does not."),
        column("language", pa.string(), "Its language, as the member says; null if it does not."),
        required("article_words", pa.int32(), "Words in its text."),
        required("article_sha256", pa.string(), "SHA-256 (hex) of its text in UTF-8."),
        column("cluster_id", pa.string(), "Cluster of articles with nearly the same text (agency copy); null if the article is alone."),
        column("agency_credit", pa.string(), "The agency that the member credits; null if it credits none."),
        required("is_agency", pa.bool_(), "Whether it, or an article of its cluster, credits an agency or names one."),
        column("suppressed_shingles", pa.int32(), "Shingles of it that the corpus leaves out of its index, since too many articles share them: its table `suppressed`. With 0, every run of 11 words is found. Null in older runs."),
        column("is_excerpt", pa.bool_(), "Whether the text that the member gave is a teaser or breaks off: it ends with an ellipsis, with a call to subscribe, or in mid-sentence. Null in older runs; so are the three columns below."),
        column("body_format", pa.string(), "How its body was given: `text`, or `html`, from which its text was extracted."),
        column("body_repaired", pa.bool_(), "Whether its body was UTF-8 that a program had read in another encoding, and was repaired."),
        column("url_on_title", pa.bool_(), "Whether `url` is on a domain or prefix of its title; false too for what is no URL. Null if it has none."),
    ]
)

REFUSED = pa.schema(
    [
        required("source", pa.string(), "File the article came from."),
        required("row_index", pa.int64(), "Line or row in that file, from 0."),
        column("article_id", pa.string(), "Its id, if it has one."),
        column("title_id", pa.string(), "Its title, as given."),
        required("reason", pa.string(), "`no_id`, `no_body`, `too_short`, `unknown_title`, `id_reused`, `duplicate`, `bad_date`, `bad_type`, `unreadable`."),
        required("detail", pa.string(), "What was found, without the article's text."),
    ]
)

SUPPRESSED = pa.schema(
    [
        required("shingle", pa.string(), "Its eight words, folded."),
        required("hash", pa.uint64(), "Its hash."),
        required("articles", pa.int64(), "Articles it occurs in, counted over indexed positions."),
    ]
)
