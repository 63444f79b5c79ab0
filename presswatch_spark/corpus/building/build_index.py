"""Builds the arrays of a corpus: signatures and owners by part; index, vocabulary and clusters by bucket.

Each part of the articles writes sorted files of keys (*runs*). A bucket of keys fills its own slice of every
array of the index, so buckets are built independently and then joined. Titles and publishers are numbered by
the order of their ids. An article is agency copy if it, or one of its cluster, credits or names an agency.

Clusters keep all owners of a copied agency report. Candidates come from datasketch's MinHash LSH: its banding
for the threshold, its signatures, its Jaccard estimate.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.core.compiled import cached_njit
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus import layout
from presswatch_spark.corpus.building import workspace
from presswatch_spark.corpus.building.intake import Cuts, PieceWriter, merge_part
from presswatch_spark.corpus.layout import ALONE, BITS, HASHES
from presswatch_spark.corpus.store import ArticleFiles, urls_of
from presswatch_spark.matching.judgement.sites import keys_of_urls
from presswatch_spark.matching.shingle_index import (
    build_directory,
    build_filter,
    directory_bits,
    filter_blocks,
)
from presswatch_spark.matching.verify.minhash import jaccard, signatures
from presswatch_spark.reading.rows.row_values import text_column
from presswatch_spark.reading.text.words import (
    SHINGLE_WORDS,
    combine,
    indexed_positions,
    word_at,
    word_hashes,
    words_of,
    words_of_each,
)
from presswatch_spark.tables.declarations import SuppressedShingle

Signatures = npt.NDArray[np.uint32]
Edges = npt.NDArray[np.int32]
Clusters = npt.NDArray[np.int32]

Owners = Mapping[str, tuple[int, int]]
"""By title id, the number of the title and that of its publisher."""
ARRAYS = (layout.SIGNATURES, layout.TITLES, layout.PUBLISHERS, layout.AGENCY)
"""Files of the corpus with a row for each article; every part writes its piece of each."""

# The word hashes of so many articles, about a megabyte, stay in the cache.
_ARTICLES_AT_ONCE = 256
SUPPRESSED_FILE, EDGES_FILE = "suppressed.arrow", "edges.npy"
# In a run of postings, a value is article ordinal << 32 | word position.
_ARTICLE_SHIFT = np.uint64(32)
# Weights of false positives and negatives. Every candidate is checked, so only missed pairs matter: at 0.9,
# nine bands of fourteen values find 90 % of pairs at 0.9 and 99.8 % at 0.95; even weights find 31 % and 80 %.
_LSH_WEIGHTS = (0.05, 0.95)
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class PartReport:
    """The counts of a part; `sites`: hosts of URLs; `refused`: pieces with the rows of repeated ids."""

    words: int
    postings: int
    sites: frozenset[str]
    refused: tuple[str, ...]


def build_part(
    work: workspace.BuildWorkspace,
    cuts: Cuts,
    sources: Sequence[str],
    owners: Owners,
    config: CorpusConfig,
    part: int,
) -> PartReport:
    """Merge a part of the articles, and write its arrays and runs. Memory holds this part and its keys."""
    table, refusals = merge_part(cuts, part, sources)
    layout.write_arrow(work.corpus / layout.part_name(part), table)
    refused = PieceWriter(work.scratch, f"refused-part-{part:05d}")
    for refusal in refusals:
        refused.add(asdict(refusal))
    refused.flush()

    first = part * layout.ARTICLES_PER_PART
    agencies = [words for name in config.agencies if len(words := word_hashes(name.encode()))]
    agency = table["agency_credit"].is_valid().to_numpy()
    bodies = text_column(table["body"].combine_chunks(), "body")
    all_words, hashes, values, signed = [], [], [], []
    for row in range(0, len(table), _ARTICLES_AT_ONCE):
        words, bounds = words_of_each(bodies.take(slice(row, row + _ARTICLES_AT_ONCE)))
        all_words.append(words)
        agency[row : row + _ARTICLES_AT_ONCE] |= name_any(words, bounds, agencies)
        signed.append(signatures(words, bounds, config.minhash))
        postings = postings_of(np.uint64(first + row), words, bounds, config.shingle_stride)
        hashes.append(postings[0])
        values.append(postings[1])

    keys, signature_rows = np.concatenate(hashes), np.concatenate(signed)
    workspace.write_run(work.run(workspace.POSTINGS, part), keys, np.concatenate(values))
    bands = band_keys(signature_rows, config.cluster_jaccard)
    ordinals = np.tile(np.arange(first, first + len(table), dtype=np.uint64), len(bands))
    workspace.write_run(work.run(workspace.BANDS, part), bands.reshape(-1), ordinals)
    counted = pc.value_counts(pa.chunked_array(all_words))
    counts = counted.field("counts").to_numpy().astype(np.uint64)
    workspace.write_run(work.run(workspace.WORDS, part), counted.field("values").to_numpy(), counts)
    rows = zip(table["url"].to_pylist(), table["alternate_urls"].to_pylist(), strict=True)
    urls = ((ordinal, url) for ordinal, row in enumerate(rows, first) for url in urls_of(*row))
    url_hashes, url_ordinals, sites = keys_of_urls(urls)
    workspace.write_run(work.run(workspace.URLS, part), url_hashes, url_ordinals)
    numbers = np.array([owners[title] for title in table["title_id"].to_pylist()], np.uint32).reshape(-1, 2)
    for name, piece in zip(ARRAYS, (signature_rows, numbers[:, 0], numbers[:, 1], agency), strict=True):
        layout.save(work.piece(name, part), piece)
    total = int(np.sum(table["words"].to_numpy()))
    return PartReport(total, len(keys), sites, tuple(refused.paths))


def name_any(
    words: workspace.Keys, bounds: workspace.Bounds, names: Sequence[workspace.Keys]
) -> npt.NDArray[np.bool_]:
    """Return for each of n texts whether it has any of some names in whole words, in any case and accents.

    Args: hashes of words; text i is `words[bounds[i] : bounds[i + 1]]`; the words of each name, at least one.
    """
    found = np.zeros(len(bounds) - 1, np.bool_)
    for name in names:
        places = np.flatnonzero(words[: max(0, len(words) - len(name) + 1)] == name[0])
        for k, word in enumerate(name):
            places = places[words[places + k] == word]
        texts = np.searchsorted(bounds, places, "right") - 1
        found[texts[places + len(name) <= bounds[texts + 1]]] = True
    return found


# --- the shingle index


@cached_njit
def postings_of(
    first: np.uint64, hashes: workspace.Keys, bounds: workspace.Bounds, stride: int
) -> tuple[workspace.Keys, workspace.Keys]:
    """Return hashes and values of the postings of n articles, in the order of articles and positions.

    Ordinals begin at `first`. The words of article i are `hashes[bounds[i] : bounds[i + 1]]`.
    """
    total = 0
    for i in range(len(bounds) - 1):
        total += len(indexed_positions(bounds[i + 1] - bounds[i], stride))
    keys, values = np.empty(total, np.uint64), np.empty(total, np.uint64)
    k = 0
    for i in range(len(bounds) - 1):
        windows = hashes[bounds[i] : bounds[i + 1]].copy()
        combine(windows, len(windows))
        owner = (first + np.uint64(i)) << _ARTICLE_SHIFT
        for position in indexed_positions(len(windows), stride):
            keys[k] = windows[position]
            values[k] = owner | np.uint64(position)
            k += 1
    return keys, values


def index_bucket(
    postings: int, config: CorpusConfig, corpus: Path, hashes: workspace.Keys, values: workspace.Keys
) -> dict[str, layout.Array | pa.Table]:
    """Return a bucket's slices of the arrays of the index, and the table of its suppressed shingles.

    Args: the number of postings of the corpus; its folder; the keys and values of the bucket.
    """
    bits, limit = workspace.bucket_bits(postings), config.max_articles_per_shingle
    # The first bits of all hashes are the bucket's number; the slices of an empty one are zeros anywhere.
    bucket = int(hashes[0]) >> (64 - bits) if len(hashes) else 0
    owners = (values >> _ARTICLE_SHIFT).astype(np.uint32)
    bounds = workspace.groups(hashes)
    # Mark the first posting of each article in the group of a shingle; owners are sorted in it.
    new = np.ones(len(owners), np.int64)
    new[1:] = owners[1:] != owners[:-1]
    new[bounds[:-1]] = 1
    counts = np.add.reduceat(new, bounds[:-1]) if len(new) else np.empty(0, np.int64)
    indexed = np.repeat(counts <= limit, np.diff(bounds)) & (new > 0)
    firsts = bounds[:-1][counts > limit]
    shingles, articles = list[str](), ArticleFiles(corpus)
    for value in values[firsts].tolist():
        words, position = words_of(articles.body(value >> 32)), value & 0xFFFFFFFF
        shingles.append(" ".join(word_at(words, i) for i in range(position, position + SHINGLE_WORDS)))
    suppressed = pa.table([shingles, hashes[firsts], counts[counts > limit]], SuppressedShingle.schema)

    hashes, owners = hashes[indexed], owners[indexed]
    all_blocks, prefix_bits = filter_blocks(postings, config.filter_bits_per_key), directory_bits(postings)
    blocks, prefixes = all_blocks >> bits, (1 << prefix_bits) >> bits
    return {
        "hashes.npy": hashes,
        "articles.npy": owners,
        "filter.npy": build_filter(hashes, all_blocks, bucket * blocks, blocks),
        "directory.npy": build_directory(hashes, prefix_bits, bucket * prefixes, prefixes),
        SUPPRESSED_FILE: suppressed,
    }


def join_buckets(folders: Sequence[Path], out: Path) -> int:
    """Join the slices of all buckets into the arrays of the index under `out`; return its postings."""
    # Entries of the directory count from the start of the whole index; only the last slice keeps its end.
    first = 0
    for folder in folders:
        path = folder / "directory.npy"
        entries = layout.load(path) + first
        first = int(entries[-1])
        layout.save(path, entries if folder is folders[-1] else entries[:-1])
    return workspace.join_arrays(folders, out)


# --- the vocabulary


def word_bits(total: int, hashes: workspace.Keys, counts: workspace.Keys) -> Mapping[str, layout.Array]:
    """Return distinct words and their bits, in a corpus of `total` words; equal `hashes` are neighbours.

    A word has k bits of information if its share of the corpus's words is at most one in 2**k, but more than
    one in 2**(k + 1) (Shannon, 1948, rounded down). Whole bits and their sums are the same on every machine.
    """
    bounds = workspace.groups(hashes)
    summed = np.add.reduceat(counts, bounds[:-1]) if len(hashes) else counts
    # Exact for quotients below 2**53: `frexp` returns the place after the highest bit.
    _, places = np.frexp((np.uint64(total) // summed).astype(np.float64))
    return {HASHES: hashes[bounds[:-1]], BITS: (places - 1).astype(np.uint8)}


# --- clusters


@lru_cache(maxsize=8)
def banding(threshold: float, permutations: int) -> tuple[int, int]:
    """Return the number of bands, and of values in each."""
    from datasketch import MinHashLSH  # brings scipy, which no scan needs

    lsh = MinHashLSH(threshold=threshold, num_perm=permutations, weights=_LSH_WEIGHTS)
    return lsh.b, lsh.r


def band_keys(signatures: Signatures, threshold: float) -> workspace.Keys:
    """Return a 64-bit key for every band of every signature: uint64[bands, n] for uint32[n, permutations]."""
    bands, width = banding(threshold, signatures.shape[1])
    keys = np.empty((bands, len(signatures)), np.uint64)
    for band in range(bands):
        key = np.full(len(signatures), band + 1, np.uint64) * _MIX
        for column in range(band * width, (band + 1) * width):
            key = (key ^ signatures[:, column]) * _MIX
            key ^= key >> np.uint64(29)
        keys[band] = key
    return keys


def edges_of_bucket(
    signed: Path, least: float, keys: workspace.Keys, ordinals: workspace.Keys
) -> dict[str, Edges]:
    """Return the pairs of ordinals in a bucket whose Jaccard estimate is at least `least`: int32[e, 2].

    In a group with one key, an article is compared with the group's leaders only, not with all members.
    `signed`: the file of the signatures.
    """
    signatures, bounds = layout.load(signed), workspace.groups(keys)
    edges: list[tuple[int, int]] = []
    for group in np.flatnonzero(np.diff(bounds) > 1):
        leaders: list[int] = []
        for member in ordinals[bounds[group] : bounds[group + 1]].astype(np.int64).tolist():
            alike = (each for each in leaders if jaccard(signatures[each], signatures[member]) >= least)
            if (leader := next(alike, None)) is None:
                leaders.append(member)
            else:
                edges.append((leader, member))
    return {EDGES_FILE: np.array(edges, np.int32).reshape(-1, 2)}


def clusters_of(n_articles: int, edges: Iterable[Edges]) -> Clusters:
    """Return the smallest ordinal of the articles linked to each one, `ALONE` for one without edge."""
    from scipy.sparse import coo_array  # which no scan needs
    from scipy.sparse.csgraph import connected_components

    # Copies, since each mapped file would keep a descriptor.
    pairs = np.concatenate([np.empty((0, 2), np.int32), *map(np.array, edges)])
    members, places = np.unique(pairs, return_inverse=True)
    graph = coo_array((np.ones(len(pairs)), places.reshape(-1, 2).T), shape=(len(members), len(members)))
    _, component_of = connected_components(graph, directed=False)
    _, firsts = np.unique(component_of, return_index=True)
    clusters = np.full(n_articles, ALONE, np.int32)
    clusters[members] = members[firsts[component_of]]
    return clusters
