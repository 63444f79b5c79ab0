"""The articles of a corpus as rows of the table `corpus_articles`: what is known of each, but its text."""

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

    def rows(place: tuple[int, pa.RecordBatch]) -> pa.RecordBatch:
        first, batch = place
        chosen = slice(first, first + len(batch))
        made = {
            "corpus_digest": pa.repeat(corpus.manifest.digest, len(batch)),
            "publisher_id": pa.array(map(publisher_of.__getitem__, batch["title_id"].to_pylist())),
            "article_words": batch["words"],
            "article_sha256": pa.array(_sha256_of_each(batch["body"])),
            "cluster_id": _cluster_ids(clusters[chosen], corpus),
            "is_agency": pa.array(agency[chosen]),
            "suppressed_shingles": pa.array(_counted_of_each(batch["body"], suppressed, stride)),
        }
        columns = (made[name] if name in made else batch[name] for name in COLUMNS.names)
        return pa.RecordBatch.from_arrays(list(columns), schema=COLUMNS)

    with ThreadPoolExecutor(thread_name_prefix="articles") as pool:
        for first in range(0, len(corpus), layout.ARTICLES_PER_PART):
            yield from pool.map(rows, _batches(corpus, first))


def _batches(corpus: Corpus, first: int) -> list[tuple[int, pa.RecordBatch]]:
    """Return the batches of the part that begins with an article, each with the ordinal of its first one."""
    path = corpus.part(first // layout.ARTICLES_PER_PART)
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    return [
        (first + number * layout.ARTICLES_PER_BATCH, reader.get_batch(number))
        for number in range(reader.num_record_batches)
    ]


def _sha256_of_each(texts: pa.LargeStringArray) -> list[str]:
    """Return the SHA-256 (hex) of each text in UTF-8."""
    bounds, content = _parts(texts)
    text = memoryview(content)
    return [hashlib.sha256(text[begin:end]).hexdigest() for begin, end in pairwise(bounds.tolist())]


def _counted_of_each(texts: pa.LargeStringArray, suppressed: Hashes, stride: int) -> npt.NDArray[np.int32]:
    """Count the shingles of each text that an index with this stride would have, but for `suppressed` ones.

    `suppressed`: uint64, sorted.
    """
    if not len(suppressed):
        return np.zeros(len(texts), np.int32)
    bounds, content = _parts(texts)
    words, edges = words_of_each(np.frombuffer(content, np.uint8), bounds)
    # A shingle depends on its own words alone, so those of all texts are made at once.
    shingles, positions = shingle_hashes(words), [indexed_positions(n, stride) for n in np.diff(edges)]
    owners = np.repeat(np.arange(len(texts)), [len(each) for each in positions])
    hashes = shingles[np.concatenate(positions) + edges[owners]]
    places = np.minimum(np.searchsorted(suppressed, hashes), len(suppressed) - 1)
    left_out = owners[suppressed[places] == hashes]
    return np.bincount(left_out, minlength=len(texts)).astype(np.int32)


def _parts(texts: pa.LargeStringArray) -> tuple[npt.NDArray[np.int64], pa.Buffer]:
    """Return where each text begins, and the last one ends, in the bytes of all."""
    _, ends, content = texts.buffers()
    return np.frombuffer(ends, np.int64)[texts.offset : texts.offset + len(texts) + 1], content


def _cluster_ids(clusters: npt.NDArray[np.int32], corpus: Corpus) -> pa.StringArray:
    """Return the ids of clusters, each given by the ordinal of its first article; null for `ALONE`."""
    ids = {ordinal: corpus.article_id(ordinal) for ordinal in np.unique(clusters).tolist() if ordinal >= 0}
    return pa.array(map(ids.get, clusters.tolist()), pa.string())
