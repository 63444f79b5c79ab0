"""A corpus as users meet it: what it answers, what it refuses, and that it is a value."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import CorpusError, CorruptError, InputError, OutputError
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.layout import ARTICLES, ARTICLES_FOLDER, part_name, write_arrow
from presswatch_spark.corpus.manifest import FileEntry, Manifest, _digest
from presswatch_spark.corpus.members import MandateDocument
from presswatch_spark.corpus.store import ArticleFiles, Corpus, article_rows, manifest_of
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.matching.verify.minhash import signature
from presswatch_spark.reading.text.words import (
    SHINGLE_WORDS,
    indexed_positions,
    shingle_hashes,
    word_hashes,
    words_of,
)
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import columns_without_run
from tests.unit.matching.test_sieve import batch_of
from tests.world.commands import outcome, presswatch
from tests.world.corpora import MEMBERS, Inline, article, build, corpus_of, text, write_jsonl

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


AGENCY = text(900, 12)

Built = tuple[Path, Manifest]
ROWS: list[dict[str, Any]] = [
    article(4),
    article(2, title_id="hebdo", body=AGENCY, url="https://hebdo.example/monde/2", alternate_urls=["https://hebdo.example/x"]),
    article(1, title_id="rivage", body=f"{AGENCY} (avec agence)", url=None),
    article(3, body="Trop court."),
    article(5, title_id="gazette"),
    article(4, body=text(44)),
    article(4),
]  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    return folder / "corpus", build(folder / "corpus", [write_jsonl(folder / "a.jsonl", ROWS)])


@pytest.fixture
def copy(built: Built, tmp_path: Path) -> Path:
    """A corpus that a test may spoil."""
    import shutil

    return Path(shutil.copytree(built[0], tmp_path / "corpus"))


def test_a_corpus_answers_with_its_articles_in_the_order_of_their_ids(built: Built) -> None:
    corpus = Corpus.open(str(built[0]))
    articles = [corpus.article(ordinal) for ordinal in range(len(corpus))]
    # The same text in several titles is one cluster, and keeps its owners.
    assert [(a.article_id, a.title_id, a.publisher_id, a.cluster_id) for a in articles] == [
        ("a00001", "rivage", "rives", "a00001"),
        ("a00002", "hebdo", "plateau", "a00001"),
        ("a00004", "courrier", "rives", None),
    ]
    assert articles[2].body == text(4).encode()
    assert articles[2].words == len(words_of(articles[2].body))
    assert (corpus.urls(0), corpus.urls(1)) == (
        (),
        ("https://hebdo.example/monde/2", "https://hebdo.example/x"),
    )
    counts = corpus.manifest.counts
    assert (counts.articles, counts.clusters, counts.clustered_articles) == (3, 1, 2)
    assert set(corpus.index.articles.tolist()) == {0, 1, 2}
    assert corpus.index.directory[-1] == len(corpus.index.hashes) == counts.shingles
    expected = signature(words_of(text(4).encode()), corpus.manifest.minhash)
    assert corpus.signatures[2].tolist() == expected.tolist()
    match = corpus.sites.match("http://m.hebdo.example/x/?utm_source=a", corpus.urls)
    assert match is not None
    assert (match.title_id, match.articles) == ("hebdo", (1,))


def test_refused_rows_are_listed_with_their_reasons(built: Built) -> None:
    folder, manifest = built
    rows = pq.read_table(folder / "refused.parquet").to_pylist()
    assert [(row["row_index"], row["article_id"], row["reason"]) for row in rows] == [
        (3, "a00003", "too_short"),
        (4, "a00005", "unknown_title"),
        (5, "a00004", "id_reused"),
        (6, "a00004", "duplicate"),
    ]
    assert {row["source"] for row in rows} == {"a.jsonl"}
    assert manifest.counts.refused == {"duplicate": 1, "id_reused": 1, "too_short": 1, "unknown_title": 1}


def test_a_digest_is_of_articles_and_settings_and_of_nothing_else(built: Built, tmp_path: Path) -> None:
    source = built[0].parent / "a.jsonl"
    (tmp_path / "again").mkdir()
    assert build(tmp_path / "again", [source]) == built[1]
    assert (tmp_path / "again/manifest.json").read_bytes() == (built[0] / "manifest.json").read_bytes()
    same = CorpusConfig(cores=1, columns={"headline": "headline"})
    assert build(tmp_path / "cores", [source], same).digest == built[1].digest
    other = build(tmp_path / "other", [source], CorpusConfig(cluster_jaccard=0.8))
    more = build(tmp_path / "more", [source, write_jsonl(tmp_path / "b.jsonl", [article(9)])])
    assert len({built[1].digest, other.digest, more.digest}) == 3


def test_a_digest_does_not_depend_on_where_the_files_were(tmp_path: Path) -> None:
    manifests = []
    for folder in (tmp_path / "here", tmp_path / "else/where"):
        files = [folder / name for name in ("export/2024/a.jsonl", "export/2025/a.jsonl")]
        for file, rows in zip(files, (ROWS, [article(9), ROWS[0], article(9)]), strict=True):
            file.parent.mkdir(parents=True)
            write_jsonl(file, rows)
        manifests.append(build(folder / "corpus", files))
        sources = pq.read_table(folder / "corpus/refused.parquet")["source"].to_pylist()
        assert set(sources) == {"2024/a.jsonl", "2025/a.jsonl"}
    assert manifests[0] == manifests[1]


@pytest.mark.parametrize(
    "name",
    ["articles/part-00000.arrow", "signatures.npy", "index/filter.npy", "members.yaml", "sites/titles.json"],
)
def test_a_changed_byte_is_refused_and_the_file_named(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[-1] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(CorpusError, match=f"{name} has another content"):
        Corpus.open(str(copy))


def test_sizes_are_compared_even_without_the_full_check(copy: Path) -> None:
    os.truncate(copy / "index/hashes.npy", 100)
    (copy / "clusters.npy").unlink()
    told = r"clusters.npy is missing; index/hashes.npy has 100 bytes instead of \d+"
    with pytest.raises(CorpusError, match=told):
        Corpus.open(str(copy), check=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fields: fields.update(format_version=99), "built by another version: format 99"),
        (lambda fields: fields.update(fold_version="words-0"), "built by another version: format 4, words-0"),
        (lambda fields: fields["parameters"].update(cluster_jaccard=0.1), "was edited"),
        (lambda fields: fields["files"].pop("clusters.npy"), "was edited"),
        (lambda fields: fields["files"].update({"../x": {"size": 1, "sha256": ""}}), "was edited"),
        (lambda fields: fields.pop("files"), "not readable"),
        (lambda fields: fields.update(format="other"), "not readable"),
    ],
)
def test_a_manifest_of_another_version_or_edited_is_refused(
    copy: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    path = copy / "manifest.json"
    fields = json.loads(path.read_bytes())
    change(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(CorpusError, match=message):
        Corpus.open(str(copy))


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "index/../../x"])
def test_a_forged_manifest_names_no_file_outside_of_its_folder(copy: Path, name: str) -> None:
    """Its digest is right: the files of a remote corpus are written where its manifest says."""
    known = manifest_of(str(copy), StorageOptions())
    files = {**known.files, name: FileEntry(1, "0" * 64)}
    digest = _digest(known.format_version, known.fold_version, known.parameters, files)
    forged = dataclasses.asdict(dataclasses.replace(known, files=files, digest=digest))
    (copy / "manifest.json").write_text(json.dumps({"format": "presswatch-corpus", **forged}), "utf-8")
    with pytest.raises(CorpusError, match="was edited"):
        manifest_of(str(copy), StorageOptions())


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"format": 1}', None])
def test_a_broken_or_missing_manifest_is_refused(copy: Path, content: bytes | None) -> None:
    (copy / "manifest.json").unlink()
    if content is not None:
        (copy / "manifest.json").write_bytes(content)
    with pytest.raises(CorpusError, match="there is no corpus here" if content is None else "not readable"):
        Corpus.open(str(copy))


def test_a_corpus_is_never_built_over_anything(built: Built, tmp_path: Path) -> None:
    source = built[0].parent / "a.jsonl"
    (tmp_path / "file").touch()
    for out in (built[0], tmp_path, tmp_path / "file"):
        with pytest.raises(OutputError, match="the folder already exists"):
            build(out, [source])


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", InputError), (b'{"article_id": "a', InputError), (b"\x1f\x8b\x08\x00cut", CorruptError)],
)
def test_a_build_that_fails_names_all_broken_files_and_leaves_nothing(
    tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / "in" / name).write_bytes(content)
    with pytest.raises(error) as caught:
        build(tmp_path / "corpus", [tmp_path / "in"])
    if error is CorruptError:
        assert all(f"{name}.jsonl" in str(caught.value) for name in "ab")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "members.yaml"]


def test_a_row_that_python_cannot_hold_is_refused_and_the_corpus_is_built(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    lines = write_jsonl(tmp_path / "in" / "a.jsonl", [article(1)])
    lines.write_text(
        f'{{"article_id": "a00009", "views": {"9" * 5_000}}}\n{lines.read_text("utf-8")}', "utf-8"
    )
    dates = pa.array([0, 2**62]).view(pa.timestamp("us"))
    table = pa.Table.from_pylist([article(2), article(3)]).append_column("modified_at", dates)
    pq.write_table(table, tmp_path / "in" / "b.parquet")
    assert build(tmp_path / "corpus", [tmp_path / "in"]).counts.articles == 2
    rows = pq.read_table(tmp_path / "corpus" / "refused.parquet").to_pylist()
    assert [(row["row_index"], row["article_id"], row["reason"], row["detail"]) for row in rows] == [
        (0, None, "unreadable", "a number with more digits than Python reads"),
        (1, "a00003", "unreadable", "`modified_at` contains a timestamp[us] that cannot be read"),
    ]


def test_a_corpus_without_an_article_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no article was accepted: 1 too_short, 2 unknown_title"):
        build(tmp_path / "c", [write_jsonl(tmp_path / "a.jsonl", [ROWS[3], ROWS[4], ROWS[4]])])


def test_a_second_build_waits_for_nobody_and_a_hidden_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    source, staging = write_jsonl(tmp_path / "a.jsonl", ROWS), tmp_path / ".corpus.partial"
    staging.mkdir()
    (staging / "thesis.txt").touch()
    with pytest.raises(OutputError, match="Presswatch did not create this hidden folder"):
        build(tmp_path / "corpus", [source])
    (staging / "thesis.txt").unlink()
    held = os.open(staging / "presswatch-draft", os.O_CREAT | os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(OutputError, match="another process is writing this folder"):
        build(tmp_path / "corpus", [source])
    os.close(held)


def test_info_tells_what_a_corpus_holds(built: Built) -> None:
    shown = presswatch("corpus", "info", "--check", built[0])
    assert "3 articles" in shown
    assert "4 rows (1 duplicate, 1 id_reused, 1 too_short, 1 unknown_title)" in shown
    assert built[1].digest in shown
    assert json.loads(presswatch("corpus", "info", "--json", built[0]))["counts"]["articles"] == 3


def test_the_document_of_a_mandate_is_looked_for_beside_the_members_file_alone(tmp_path: Path) -> None:
    document = b"mandat"
    (tmp_path / "mandat.pdf").write_bytes(document)
    digest = hashlib.sha256(document).hexdigest()
    rives = "  - id: rives\n"
    stated = f"{rives}    mandate_document: {{path: mandat.pdf, sha256: {digest}}}\n"
    rows = write_jsonl(tmp_path / "a.jsonl", ROWS)
    build(tmp_path / "corpus", [rows], members_file=MEMBERS.replace(rives, stated))
    (publisher, _) = Corpus.open(str(tmp_path / "corpus")).registry.publishers
    assert publisher.mandate_document == MandateDocument("mandat.pdf", digest)


def test_mistakes_of_members_come_before_any_work(tmp_path: Path) -> None:
    members = tmp_path / "members.yaml"
    members.write_text("publishers: []")
    printed = outcome("corpus", "build", "--members", members, "--articles", "x", "--out", "y")
    assert (printed.code, "members.yaml:1: publishers is an empty list" in printed.err) == (1, True)


FACTS = ("article_id", "title_id", "url", "headline", "published_at", "words", "is_excerpt")
FIRST = datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)


def row(number: int) -> dict[str, Any]:
    """A row in which each fact that may be missing is missing now and then."""
    return {
        "article_id": f"a{number:05}",
        "title_id": "courrier" if number % 2 else "été",
        "url": None if number % 3 else f"https://courrier.example/{number}",
        "headline": None if number % 5 == 0 else "" if number % 5 == 1 else f"Été {number}",
        "body": f"L’été {number}",
        "published_at": None if number % 7 == 0 else FIRST + timedelta(days=number),
        "authors": [],
        "alternate_urls": [],
        "words": number,
        "is_excerpt": number % 11 < 3,
        "body_format": "text",
        "body_repaired": False,
    }


@pytest.mark.parametrize("missing", [(), ("url", "headline", "published_at")])
def test_facts_and_texts_are_those_of_the_rows(tmp_path: Path, missing: tuple[str, ...]) -> None:
    rows = [row(number) | dict.fromkeys(missing) for number in range(9 if missing else 1_100)]
    (tmp_path / ARTICLES_FOLDER).mkdir()
    write_arrow(tmp_path / part_name(0), pa.Table.from_pylist(rows, ARTICLES))
    articles = ArticleFiles(tmp_path)
    for ordinal, expected in enumerate(rows):
        assert articles.values(ordinal, *FACTS) == tuple(expected[name] for name in FACTS)
        assert articles.body(ordinal) == expected["body"].encode()


WIRE = text(900, 12)
WIRES = [
    article(3, title_id="hebdo", body=WIRE, alternate_urls=["https://hebdo.example/x"], language="fr"),
    article(1, title_id="rivage", body=f"{WIRE} (avec agence)", url=None, agency_credit="AFP"),
    article(2, headline="Le pont rouvre", published_at="2024-05-18T08:00:00Z", authors=["A. Auteur"]),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("built")
    corpus_of(folder, WIRES)
    return Corpus.open(str(folder / "corpus"))


def test_each_article_is_a_row_with_what_a_match_would_say_of_it(corpus: Corpus) -> None:
    rows = [row for batch in article_rows(corpus) for row in batch.to_pylist()]
    assert [row["article_id"] for row in rows] == ["a00001", "a00002", "a00003"]
    for ordinal, row in enumerate(rows):
        known = corpus.article(ordinal)
        names = ("article_id", "title_id", "publisher_id", "url", "headline", "published_at", "cluster_id")
        assert {name: row[name] for name in names} == {name: getattr(known, name) for name in names}
        assert row["corpus_digest"] == corpus.manifest.digest
        assert row["article_words"] == known.words
        assert row["article_sha256"] == hashlib.sha256(known.body).hexdigest()
    assert [row["cluster_id"] for row in rows] == ["a00001", None, "a00001"]
    # An article of a wire's cluster is agency copy, too.
    assert [row["is_agency"] for row in rows] == [True, False, True]
    assert [row["agency_credit"] for row in rows] == ["AFP", None, None]
    assert rows[2]["alternate_urls"] == ["https://hebdo.example/x"]
    assert (rows[1]["published_at"], rows[2]["language"]) == (datetime(2024, 5, 18, 8, tzinfo=UTC), "fr")


def test_neither_a_text_nor_an_author_is_in_the_table(corpus: Corpus) -> None:
    batches = list(article_rows(corpus))
    assert all(batch.schema.equals(columns_without_run("corpus_articles")) for batch in batches)
    said = str([batch.to_pylist() for batch in batches])
    assert "Auteur" not in said
    assert WIRE[:40] not in said


def test_no_page_hides_from_an_article_without_suppressed_shingles_however_the_corpus_grew(
    tmp_path: Path,
) -> None:
    """Common sentences stand in two articles at first, then in six: more than the index takes."""
    common = text(77, 2)
    old = [article(1, body=f"{text(1, 2)} {common} {text(2, 2)}"), article(2, body=f"{text(3)} {common}")]
    old += [article(3, body=" ".join(f"mot{k}" for k in range(80))), article(4, body=text(77, 1))]
    grown = [article(number, body=f"{common} {text(number)}") for number in range(10, 14)]
    config = CorpusConfig(max_articles_per_shingle=3)
    hidden = dict[str, int]()
    for name, rows in (("old", old), ("grown", [*old, *grown])):
        build(tmp_path / name, [write_jsonl(tmp_path / f"{name}.jsonl", rows)], config)
        corpus = Corpus.open(str(tmp_path / name))
        counts = [row["suppressed_shingles"] for batch in article_rows(corpus) for row in batch.to_pylist()]
        left_out = set(corpus.surroundings.suppressed.tolist())
        for ordinal, count in enumerate(counts):
            body = corpus.body(ordinal)
            words, hashes = words_of(body), shingle_hashes(word_hashes(body))
            places = indexed_positions(len(hashes) + SHINGLE_WORDS - 1)
            assert count == sum(int(hashes[place]) in left_out for place in places)
            firsts = np.arange(len(words) - 10)
            pages = [body[start:end] for start, end in words.bounds(firsts, firsts + 10).tolist()]
            found = Sieve(corpus.index).candidates(batch_of(pages))
            seen = {page for page, at in zip(found.documents, found.articles, strict=True) if at == ordinal}
            assert count > 0 or len(seen) == len(pages)
            hidden[name] = hidden.get(name, 0) + len(pages) - len(seen)
        if name == "old":
            assert counts == [0, 0, 0, 0]
    # The last of the old articles was not hidden before the corpus grew. Now it is, and its row says so.
    assert (hidden["old"], hidden["grown"] > 0) == (0, True)
    assert (counts[2], counts[3] > 0) == (0, True)


def build_step_by_step(folder: Path, teller: Connection) -> None:
    """Build, tell every stage, and wait there for an answer."""

    def say(stage: str) -> None:
        teller.send(stage)
        teller.recv()

    members, articles, out = (str(folder / name) for name in ("members.yaml", "a.jsonl", "corpus"))
    spark = cast("SparkSession", Inline())
    build_corpus(spark, members, [articles], out, CorpusConfig(), StorageOptions(), say)


@pytest.mark.parametrize("stages", [1, 3, 5])
def test_a_killed_build_leaves_no_corpus_and_the_next_one_works(tmp_path: Path, stages: int) -> None:
    source = write_jsonl(tmp_path / "a.jsonl", [article(n) for n in range(20)])
    expected = build(tmp_path / "expected", [source])
    context = multiprocessing.get_context("fork")
    ours, its = context.Pipe()
    builder = context.Process(target=build_step_by_step, args=(tmp_path, its))
    builder.start()
    its.close()
    for _ in range(stages - 1):
        ours.recv()
        ours.send("go on")
    assert ours.recv()
    builder.kill()
    builder.join()
    assert builder.exitcode == -signal.SIGKILL
    with pytest.raises(CorpusError, match="there is no corpus"):
        Corpus.open(str(tmp_path / "corpus"))
    assert (tmp_path / ".corpus.partial").is_dir()
    assert build(tmp_path / "corpus", [source]) == expected
    assert not (tmp_path / ".corpus.partial").exists()
