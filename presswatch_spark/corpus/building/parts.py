"""Building one part of the articles: its Arrow file, its signatures and owners, its sorted runs of keys."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from presswatch_spark.corpus import arrays
from presswatch_spark.corpus.building.account import PieceWriter
from presswatch_spark.corpus.building.article_runs import Cuts, merge_part
from presswatch_spark.corpus.building.clusters import band_keys
from presswatch_spark.corpus.building.index_parts import Bounds, postings_of
from presswatch_spark.corpus.building.key_runs import Keys, write_run
from presswatch_spark.corpus.building.owners import AgencyFinder, Owners
from presswatch_spark.corpus.building.vocabulary import WordCounter
from presswatch_spark.corpus.building.workspace import BANDS, POSTINGS, WORDS, BuildWorkspace
from presswatch_spark.corpus.layout import (
    AGENCY,
    ARTICLES_PER_PART,
    PUBLISHERS,
    SIGNATURES,
    TITLES,
    part_name,
)
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.text.words import words_of_each
from presswatch_spark.verify.minhash import signatures

# The word hashes of so many, a megabyte or so, stay in the cache.
_ARTICLES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class PartReport:
    """The counts of a part; `refused` are the pieces with the rows whose id was taken before."""

    articles: int
    words: int
    distinct_words: int
    postings: int
    refused: tuple[str, ...]


def build_part(
    work: BuildWorkspace,
    cuts: Cuts,
    sources: Sequence[str],
    owners: Owners,
    config: CorpusConfig,
    part: int,
) -> PartReport:
    """Merge a part of the articles and write all that is made of it. Memory holds this part and its keys."""
    table, refusals = merge_part(cuts, part, sources)
    arrays.write_arrow(work.corpus / part_name(part), table)
    refused = PieceWriter(work.scratch, f"refused-part-{part:05d}")
    for refusal in refusals:
        refused.add(asdict(refusal))
    refused.flush()
    first = part * ARTICLES_PER_PART
    counter, names = WordCounter(), AgencyFinder(config.agencies)
    agency = table["agency_credit"].is_valid().to_numpy()
    hashes, values, signed = [], [], []
    for row, words, bounds in _hashed_words(table):
        counter.add(words)
        agency[row : row + _ARTICLES_AT_ONCE] |= names.named(words, bounds)
        signed.append(signatures(words, bounds, config.minhash))
        postings = postings_of(first + row, words, bounds, config.shingle_stride)
        hashes.append(postings[0])
        values.append(postings[1])
    arrays.write_rows(work.corpus / SIGNATURES, first, np.concatenate(signed))
    keys = np.concatenate(hashes)
    write_run(work.run(POSTINGS, part), keys, np.concatenate(values))
    bands = band_keys(np.concatenate(signed), config.cluster_jaccard)
    ordinals = np.tile(np.arange(first, first + len(table), dtype=np.uint64), len(bands))
    write_run(work.run(BANDS, part), bands.reshape(-1), ordinals)
    numbers = np.array([owners[title] for title in table["title_id"].to_pylist()], np.uint32).reshape(-1, 2)
    arrays.write_rows(work.corpus / TITLES, first, numbers[:, 0])
    arrays.write_rows(work.corpus / PUBLISHERS, first, numbers[:, 1])
    arrays.write_rows(work.corpus / AGENCY, first, agency)
    distinct, counts = counter.counts()
    write_run(work.run(WORDS, part), distinct, counts)
    total = int(np.sum(table["words"].to_numpy()))
    return PartReport(len(table), total, len(distinct), len(keys), tuple(refused.paths))


def _hashed_words(table: pa.Table) -> Iterator[tuple[int, Keys, Bounds]]:
    """Yield the words of all bodies, some articles at a time: first row, hashes, bounds of each article."""
    column = table["body"].combine_chunks()
    _, ends, content = column.buffers()
    offsets = np.frombuffer(ends, np.int64)[column.offset : column.offset + len(column) + 1]
    text = np.frombuffer(content, np.uint8)
    for row in range(0, len(column), _ARTICLES_AT_ONCE):
        yield row, *words_of_each(text, offsets[row : row + _ARTICLES_AT_ONCE + 1])
