"""The articles of a corpus as rows of the table `corpus_articles`, without their texts."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.tables.declarations import columns_without_run
from presswatch_spark.text.kernels import Hashes
from presswatch_spark.text.shingles import indexed_positions, shingle_hashes
from presswatch_spark.text.words import words_of_each

COLUMNS = columns_without_run("corpus_articles")


def article_rows(corpus: Corpus) -> Iterator[pa.RecordBatch]:
    """Yield all articles in the order of their ids, without run id: a batch for each of the corpus.

    Texts are digested, and their suppressed shingles counted, by all cores. A part of the corpus is mapped at
    a time.
    """
    suppressed, stride = corpus.surroundings.suppressed, corpus.manifest.parameters["shingle_stride"]
    clusters, agency = (arrays.load(corpus.folder / name) for name in (layout.CLUSTERS, layout.AGENCY))
    publisher_of = corpus.registry.publisher_of

    def rows(first: int, batch: pa.RecordBatch) -> pa.RecordBatch:
        chosen = slice(first, first + len(batch))
        _, ends, content = batch["body"].buffers()
        bounds = np.frombuffer(ends, np.int64)[batch["body"].offset :][: len(batch) + 1]
        text, cluster_of = memoryview(content), clusters[chosen].tolist()
        # A cluster has the id of its first article.
        cluster_ids = {ordinal: corpus.article_id(ordinal) for ordinal in {*cluster_of} if ordinal >= 0}
        made = {
            "corpus_digest": pa.repeat(corpus.manifest.digest, len(batch)),
            "publisher_id": pa.array(map(publisher_of.__getitem__, batch["title_id"].to_pylist())),
            "article_words": batch["words"],
            "article_sha256": pa.array(
                hashlib.sha256(text[begin:end]).hexdigest() for begin, end in pairwise(bounds.tolist())
            ),
            "cluster_id": pa.array(map(cluster_ids.get, cluster_of), pa.string()),
            "is_agency": pa.array(agency[chosen]),
            "suppressed_shingles": pa.array(
                _suppressed_of_each(np.frombuffer(content, np.uint8), bounds, suppressed, stride)
            ),
        }
        columns = (made[name] if name in made else batch[name] for name in COLUMNS.names)
        return pa.RecordBatch.from_arrays(list(columns), schema=COLUMNS)

    with ThreadPoolExecutor(thread_name_prefix="articles") as pool:
        for first in range(0, len(corpus), layout.ARTICLES_PER_PART):
            path = corpus.part(first // layout.ARTICLES_PER_PART)
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            numbers = range(reader.num_record_batches)
            ordinals = (first + number * layout.ARTICLES_PER_BATCH for number in numbers)
            yield from pool.map(rows, ordinals, map(reader.get_batch, numbers))


def _suppressed_of_each(
    text: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64], suppressed: Hashes, stride: int
) -> npt.NDArray[np.int32]:
    """Count the shingles of each text that an index with this stride would have, but for `suppressed` ones.

    `suppressed`: uint64, sorted.
    """
    count = len(bounds) - 1
    if not len(suppressed):
        return np.zeros(count, np.int32)
    words, edges = words_of_each(text, bounds)
    # A shingle depends on its own words alone, so those of all texts are made at once.
    shingles, positions = shingle_hashes(words), [indexed_positions(n, stride) for n in np.diff(edges)]
    owners = np.repeat(np.arange(count), [len(each) for each in positions])
    hashes = shingles[np.concatenate(positions) + edges[owners]]
    places = np.minimum(np.searchsorted(suppressed, hashes), len(suppressed) - 1)
    left_out = owners[suppressed[places] == hashes]
    return np.bincount(left_out, minlength=count).astype(np.int32)
