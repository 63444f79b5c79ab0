"""The index built bucket by bucket from sorted runs is the index built at once."""

import errno
import os
import random
import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.scan_values import TextColumn
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus import layout
from presswatch_spark.corpus.building import build_index
from presswatch_spark.corpus.building.intake import ORDER, RUN, PieceWriter, cut, merge_part
from presswatch_spark.corpus.building.workspace import bucket_bits, sort_pairs, write_buckets, write_run
from presswatch_spark.corpus.layout import ALONE, ARTICLES, read_arrow, write_arrow, writing
from presswatch_spark.matching.shingle_index import ShingleIndex
from presswatch_spark.matching.verify.minhash import jaccard, signature, signatures
from presswatch_spark.reading.text.words import shingle_hashes, words_of, words_of_each
from presswatch_spark.tables.declarations import RefusedArticle
from tests.reference.shingle_index import index_of
from tests.world.corpora import article, sentence, text
from tests.world.proofs import cases

CONFIG = CorpusConfig()
Keys = npt.NDArray[np.uint64]


def postings(bodies: Sequence[str], first: int = 0, stride: int = 4) -> tuple[Keys, Keys]:
    """Hashes and values of some articles' postings, as the definition has it."""
    hashes, values = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for ordinal, body in enumerate(bodies, first):
        words = words_of(body.encode()).hashes
        positions = [n for n in range(len(words) - 7) if n % stride == 0 or n == len(words) - 8]
        hashes.append(shingle_hashes(words)[positions])
        values.append(np.array([ordinal << 32 | n for n in positions], np.uint64))
    return np.concatenate(hashes), np.concatenate(values)


def write_runs(folder: Path, bodies: list[str], a_run: int) -> list[Path]:
    runs = []
    for first in range(0, len(bodies), a_run):
        runs.append(folder / f"run-{first:03d}")
        write_run(runs[-1], *postings(bodies[first : first + a_run], first))
    return runs


def in_buckets(
    folder: Path, bodies: list[str], bits: int, limit: int
) -> tuple[ShingleIndex, list[dict[str, object]]]:
    """The index, and the suppressed shingles, by way of `2**bits` buckets."""
    (folder / "articles").mkdir()
    rows = [article(n, body=body, published_at=None, words=0) for n, body in enumerate(bodies)]
    blank = {"authors": [], "alternate_urls": []}
    write_arrow(
        folder / "articles/part-00000.arrow", pa.Table.from_pylist([row | blank for row in rows], ARTICLES)
    )
    runs = write_runs(folder, bodies, 7)
    total = sum(len(layout.load(run / "keys.npy")) for run in runs)
    config = CorpusConfig(max_articles_per_shingle=limit)
    with patch("presswatch_spark.corpus.building.workspace.BUCKET_KEYS", -(-total // (1 << bits))):
        folders = write_buckets(None, folder, runs, partial(build_index.index_bucket, total, config, folder))
    assert len(folders) == 1 << bits
    build_index.join_buckets(folders, folder / "index")
    suppressed = [row for place in folders for row in read_arrow(place / "suppressed.arrow").to_pylist()]
    return ShingleIndex.open(folder / "index"), suppressed


def at_once(bodies: list[str]) -> ShingleIndex:
    hashes, values = postings(bodies)
    owners = (values >> np.uint64(32)).astype(np.uint32)
    each = np.unique(np.column_stack((hashes, owners)), axis=0)
    return index_of(each[:, 0], each[:, 1].astype(np.uint32), CONFIG.filter_bits_per_key)


@pytest.mark.parametrize("bits", [0, 1, 4])
def test_buckets_join_into_the_index_built_at_once(tmp_path: Path, bits: int) -> None:
    bodies = [text(n % 30) for n in range(40)]
    built, suppressed = in_buckets(tmp_path, bodies, bits, limit=1000)
    expected = at_once(bodies)
    for name in ShingleIndex.__slots__:
        np.testing.assert_array_equal(getattr(built, name), getattr(expected, name), name)
    assert not suppressed


def test_a_shingle_of_too_many_articles_is_left_out_and_listed(tmp_path: Path) -> None:
    stock = "Abonnez-vous pour lire la suite de cet article réservé."
    bodies = [f"{stock} {text(n)}" for n in range(6)]
    [lone] = [f"{stock} {stock} {text(9)}"]
    built, suppressed = in_buckets(tmp_path, [*bodies, lone], bits=2, limit=6)
    assert [(row["shingle"], row["articles"]) for row in suppressed] == [
        ("abonnez vous pour lire la suite de cet", 7)
    ]
    assert suppressed[0]["hash"] == postings([stock])[0][0]
    assert suppressed[0]["hash"] not in built.hashes
    assert len(built.hashes) == len(at_once([*bodies, lone]).hashes) - 7


def test_a_shingle_of_as_many_articles_as_allowed_stays_in_however_many_places(tmp_path: Path) -> None:
    repeated = "un deux trois quatre cinq six sept huit " * 20
    for bits, body in ((2, text(1)), (0, repeated)):
        (tmp_path / str(bits)).mkdir()
        built, suppressed = in_buckets(tmp_path / str(bits), [body, body], bits=bits, limit=2)
        assert len(built.hashes) == len(at_once([body, body]).hashes)
        assert not suppressed


def test_articles_of_a_shingle_are_counted_whatever_its_neighbours_are(tmp_path: Path) -> None:
    bodies = [f"{text(1)} {text(2)}", text(1)]
    first, second = (set(postings([body])[0].tolist()) for body in bodies)
    built, suppressed = in_buckets(tmp_path, bodies, bits=1, limit=1)
    assert {row["hash"] for row in suppressed} == first & second
    assert {row["articles"] for row in suppressed} == {2}
    assert set(built.hashes.tolist()) == first ^ second


def test_an_article_that_repeats_a_shingle_has_it_once_in_the_index(tmp_path: Path) -> None:
    built, _ = in_buckets(tmp_path, ["mot " * 5_000, "mot " * 50], bits=1, limit=2)
    assert (len(built.hashes), built.articles.tolist()) == (2, [0, 1])


def test_the_denser_stride_indexes_more_places() -> None:
    words = words_of(text(1).encode()).hashes
    _, values = build_index.postings_of(np.uint64(3), words, np.array([0, len(words)]), 1)
    assert values.astype(np.uint32).tolist() == list(range(len(words) - 7))


@pytest.mark.parametrize("stride", [1, 3, 4])
def test_articles_hashed_together_are_as_each_by_itself(stride: int) -> None:
    bodies = ["½" * 90, text(1), "", "un deux", text(2, 3), " ".join(map(str, range(8))), text(3)]
    encoded = [body.encode() for body in bodies]
    texts = TextColumn.joined([b"ignored", *encoded]).take(slice(1, None))
    hashes, bounds = words_of_each(texts)
    each = [words_of(body) for body in encoded]
    assert hashes.tolist() == [word for words in each for word in words.hashes.tolist()]
    assert np.diff(bounds).tolist() == [len(words) for words in each]
    for found, expected in zip(
        build_index.postings_of(np.uint64(9), hashes, bounds, stride),
        postings(bodies, 9, stride),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)
    signed = signatures(hashes, bounds, CONFIG.minhash)
    np.testing.assert_array_equal(signed, [signature(words, CONFIG.minhash) for words in each])


@cases("distinct", [1, 3, 1 << 62])
@cases("n", [0, 1, 2, 5_000])
def test_pairs_are_sorted_by_key_then_by_value(n: int, distinct: int) -> None:
    random_numbers = np.random.default_rng(n)
    keys = random_numbers.integers(0, distinct, n, np.uint64)
    keys[: n // 4] = keys[n // 4 : 2 * (n // 4)]
    given, values = keys.copy(), random_numbers.permutation(n).astype(np.uint64)
    found = sort_pairs(keys, values)
    assert list(zip(*map(np.ndarray.tolist, found), strict=True)) == sorted(
        zip(keys.tolist(), values.tolist(), strict=True)
    )
    np.testing.assert_array_equal(keys, given)


@cases(("keys", "bits"), [(0, 0), (4 << 20, 0), ((4 << 20) + 1, 1), (1_250_000_000, 9)])
def test_a_bucket_holds_a_bounded_number_of_keys(keys: int, bits: int) -> None:
    assert bucket_bits(keys) == bits


def run_row(number: int, source: int, row: int, **fields: Any) -> dict[str, Any]:
    given = {"published_at": None, "authors": [], "alternate_urls": [], "words": row, **fields}
    return article(number, **given) | {"source": source, "row_index": row}


@pytest.mark.parametrize("a_run", [1, 3, 100])
def test_parts_are_cut_at_fixed_ordinals_however_articles_lay_in_runs(tmp_path: Path, a_run: int) -> None:
    numbers = [7, 3, 9, 3, 0, 5, 1, 8, 2, 6, 4, 5]
    runs: list[str] = []
    for first in range(0, len(numbers), a_run):
        writer = PieceWriter(tmp_path, f"run-{first:02d}", RUN, ORDER)
        for row, number in enumerate(numbers[first : first + a_run], first):
            writer.add(run_row(number, 0, row))
        writer.flush()
        runs += writer.paths
    cuts = cut(runs, articles_per_part=4)
    merged = [merge_part(cuts, part, ["a.jsonl"]) for part in range(cuts.parts)]
    ids = [table["article_id"].to_pylist() for table, _ in merged]
    assert cuts.articles == 10
    assert ids == [[f"a{n:05d}" for n in range(first, last)] for first, last in ((0, 4), (4, 8), (8, 10))]
    assert [refusal for _, refusals in merged for refusal in refusals] == [
        RefusedArticle(
            source="a.jsonl",
            row_index=row,
            article_id=article_id,
            title_id="courrier",
            reason="duplicate",
            detail=f"same id and body as row {first} of a.jsonl",
        )
        for row, article_id, first in ((3, "a00003", 1), (11, "a00005", 5))
    ]


def test_ids_repeated_over_and_over_keep_their_first_row_and_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presswatch_spark.corpus.building.intake._PART_ROWS", 3)
    writer = PieceWriter(tmp_path, "run", RUN, ORDER)
    for row in range(20):
        writer.add(run_row(row % 2, row // 10, row, body=text(row % 3)))
        writer.flush()
    table, refusals = merge_part(cut(writer.paths), 0, ["a", "b"])
    assert table["words"].to_pylist() == [0, 1]
    assert [refusal.row_index for refusal in refusals] == [*range(2, 20, 2), *range(3, 20, 2)]
    assert [refusal.reason for refusal in refusals[:3]] == ["id_reused", "id_reused", "duplicate"]


def clusters(bodies: list[str], folder: Path) -> list[int]:
    signatures = np.stack([signature(words_of(body.encode()), CONFIG.minhash) for body in bodies])
    keys = build_index.band_keys(signatures, CONFIG.cluster_jaccard)
    write_run(folder / "run", keys.reshape(-1), np.tile(np.arange(len(bodies), dtype=np.uint64), len(keys)))
    layout.save(folder / "signatures.npy", signatures)
    make = partial(build_index.edges_of_bucket, folder / "signatures.npy", CONFIG.cluster_jaccard)
    with patch("presswatch_spark.corpus.building.workspace.BUCKET_KEYS", -(-keys.size // 4)):
        folders = write_buckets(None, folder, [folder / "run"], make)
    assert len(folders) == 4
    return build_index.clusters_of(
        len(bodies), (layout.load(each / build_index.EDGES_FILE) for each in folders)
    ).tolist()


def test_articles_of_the_same_text_make_a_cluster_and_others_stay_alone(tmp_path: Path) -> None:
    copied, half = text(1, 20), text(11, 10)
    bodies = [text(5, 20), copied, text(6, 20), copied, text(5, 20), f"{copied} Avec AFP.", text(7, 20)]
    # Two that share half their words are no cluster.
    bodies += [f"{half} {text(12, 10)}", f"{half} {text(13, 10)}"]
    assert clusters(bodies, tmp_path) == [0, 1, ALONE, 1, 0, 1, ALONE, ALONE, ALONE]


def test_candidates_under_the_threshold_are_not_linked(tmp_path: Path) -> None:
    bodies = [
        " ".join([sentence(rng) if n == k else text(100 * pair + n, 1) for n in range(20)])
        for pair in range(12)
        for k, rng in ((5, random.Random(pair)), (-1, random.Random(pair)))
    ]
    found = clusters(bodies, tmp_path)
    signed = [signature(words_of(body.encode()), CONFIG.minhash) for body in bodies]
    alike = [jaccard(signed[n], signed[n + 1]) for n in range(0, 24, 2)]
    far = [n for n, likeness in enumerate(alike) if likeness < CONFIG.cluster_jaccard]
    assert far
    assert all(found[2 * n] == ALONE for n in far)


def test_a_chain_of_edges_is_one_cluster_named_by_its_smallest_ordinal() -> None:
    edges = [np.array([[4, 5], [2, 4]], np.int32), np.array([[1, 2]], np.int32)]
    assert build_index.clusters_of(7, edges).tolist() == [ALONE, 1, 1, ALONE, 1, 1, ALONE]


def test_files_of_edges_are_not_kept_open(tmp_path: Path) -> None:
    maps, most = list[weakref.ref[Any]](), 0

    def opened() -> Iterator[Any]:
        nonlocal most
        for n in range(5):
            np.save(tmp_path / f"{n}.npy", np.array([[n, n + 1]], np.int32))
            file = np.load(tmp_path / f"{n}.npy", mmap_mode="r")
            maps.append(weakref.ref(file))
            most = max(most, sum(each() is not None for each in maps))
            yield file

    assert build_index.clusters_of(6, opened()).tolist() == [0] * 6
    # The generator drops its own when it takes the next.
    assert most <= 2


def test_arrays_are_joined_as_if_written_at_once(tmp_path: Path) -> None:
    pieces = [tmp_path / name for name in ("a.npy", "b.npy", "c.npy")]
    for path, values in zip(pieces, ([1, 2], [], [3]), strict=True):
        layout.save(path, np.array(values, np.uint32))
    layout.join(tmp_path / "all.npy", pieces)
    assert np.load(tmp_path / "all.npy").tolist() == [1, 2, 3]
    assert not any(piece.exists() for piece in pieces)
    for path, rows in zip(pieces, ([[1, 2]], np.empty((0, 2)), [[3, 4], [5, 6]]), strict=True):
        layout.save(path, np.array(rows, np.uint32))
    layout.join(tmp_path / "rows.npy", pieces)
    assert np.load(tmp_path / "rows.npy").tolist() == [[1, 2], [3, 4], [5, 6]]
    some = np.empty(2, np.uint32)
    layout.read_rows(tmp_path / "all.npy", 1, some)
    assert some.tolist() == [2, 3]
    with pytest.raises(OSError, match="the file ends early"):
        layout.read_rows(tmp_path / "all.npy", 2, some)


def test_a_part_takes_its_rows_from_any_batches_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("layout", "building.intake"):
        monkeypatch.setattr(f"presswatch_spark.corpus.{module}.ARTICLES_PER_BATCH", 3)
    writer = PieceWriter(tmp_path, "run", RUN, ORDER)
    for row in range(20):
        writer.add(run_row(row, 0, row))
    writer.flush()
    for size in (1, 3, 4, 7, 20):
        cuts = cut(writer.paths, articles_per_part=size)
        parts = [merge_part(cuts, part, ["a"])[0]["words"].to_pylist() for part in range(cuts.parts)]
        assert parts == [list(range(20))[first : first + size] for first in range(0, 20, size)]


def test_a_full_disk_is_reported_as_such(tmp_path: Path) -> None:
    full = tmp_path / "array.npy"
    full.symlink_to("/dev/full")
    for write in (
        lambda: layout.save(full, np.zeros(1 << 20)),
        lambda: write_arrow(full, pa.table([pa.array(range(100_000))], ["n"])),
    ):
        with pytest.raises(OutputError, match="the disk is full"), writing(tmp_path):
            write()


def test_the_disk_that_is_full_is_the_one_of_the_output_or_of_temporary_files() -> None:
    full = errno.ENOSPC, os.strerror(errno.ENOSPC)
    # Python names both files in the error of a copy, first the one that is read.
    with pytest.raises(OutputError, match="the disk is full") as found, writing("/corpus"):
        raise OSError(*full, "/given/members.yaml", None, "/corpus/members.yaml")
    assert found.value.where == "/corpus/members.yaml"
    told = r"temporary files is full .free some space and run the same command again.$"
    with pytest.raises(OutputError, match=told), writing("s3://bucket/corpus"):
        raise OSError(*full)
