"""The layout of a corpus folder, and the schema of its articles.

    manifest.json              counts, parameters, size and SHA-256 of the other files, a digest; written last
    members.yaml               the registry, as given
    articles/part-00000.arrow  articles in the order of ids, `ARTICLES_PER_PART` a file (Arrow IPC, mapped)
    signatures.npy             uint32[articles, permutations]: MinHash signatures
    clusters.npy               int32[articles]: ordinal of the cluster's smallest article id, -1 if in none
    titles.npy                 uint32[articles]: place of the title's id among all ids, in order
    publishers.npy             uint32[articles]: place of the publisher's id among all ids, in order
    agency.npy                 bool[articles]: whether it, or one of its cluster, credits or names an agency
    vocabulary/                uint64 hashes[v] of all words, sorted; uint8 bits[v]: their information
    background/                uint64 hashes[b] of shingles in the background, sorted; uint16 domains[b]:
                               how many have it, 65,535 if a known text has it
    index/                     the shingle index: hashes, articles, filter, directory
    sites/                     titles' sites, and hashes of the articles' normalised URLs with ordinals
    refused.parquet            every row that was not taken, with its reason
    suppressed.parquet         shingles left out of the index for being too common

An article's *ordinal* is its place in the order of article ids (by code points), from 0.
"""

import pyarrow as pa

from presswatch_spark.tables.row_types import UTC_MICROS

FORMAT_VERSION = 4

MANIFEST = "manifest.json"
MEMBERS = "members.yaml"
ARTICLES_FOLDER = "articles"
SIGNATURES = "signatures.npy"
CLUSTERS = "clusters.npy"
TITLES = "titles.npy"
PUBLISHERS = "publishers.npy"
AGENCY = "agency.npy"
VOCABULARY_FOLDER = "vocabulary"
BACKGROUND_FOLDER = "background"
HASHES, BITS, DOMAINS = "hashes.npy", "bits.npy", "domains.npy"
INDEX_FOLDER = "index"
SITES_FOLDER = "sites"
REFUSED_TABLE = "refused.parquet"
SUPPRESSED_TABLE = "suppressed.parquet"

ALONE = -1
"""The cluster of an article that shares its text with no other."""

ARTICLES_PER_PART = 16_384
ARTICLES_PER_BATCH = 1_024

ARTICLES = pa.schema(
    [
        pa.field("article_id", pa.string(), False),
        pa.field("title_id", pa.string(), False),
        pa.field("url", pa.string()),
        pa.field("headline", pa.string()),
        pa.field("body", pa.large_string(), False),
        pa.field("published_at", UTC_MICROS),
        pa.field("modified_at", UTC_MICROS),
        pa.field("language", pa.string()),
        pa.field("authors", pa.list_(pa.string()), False),
        pa.field("agency_credit", pa.string()),
        pa.field("alternate_urls", pa.list_(pa.string()), False),
        pa.field("words", pa.int32(), False),
        pa.field("is_excerpt", pa.bool_(), False),
        pa.field("body_format", pa.string(), False),
        pa.field("body_repaired", pa.bool_(), False),
        pa.field("url_on_title", pa.bool_()),
    ]
)


def part_name(part: int) -> str:
    """Return the file of a part of the articles, under the corpus folder."""
    return f"{ARTICLES_FOLDER}/part-{part:05d}.arrow"
