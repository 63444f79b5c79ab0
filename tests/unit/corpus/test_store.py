"""A corpus as users meet it: what it answers, what it refuses, and that it is a value."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from presswatch_spark.cli.main import cli
from presswatch_spark.core.errors import ConfigError, CorpusError, CorruptError, InputError, OutputError
from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.manifest import Manifest
from presswatch_spark.corpus.registry import MandateDocument
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.verify.minhash import signature
from presswatch_spark.reading.text.words import words_of
from tests.world.corpora import MEMBERS, article, build, text, write_jsonl

AGENCY = text(900, 12)

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
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("built")
    return folder / "corpus", build(folder / "corpus", [write_jsonl(folder / "a.jsonl", ROWS)])


@pytest.fixture
def copy(built: tuple[Path, Manifest], tmp_path: Path) -> Path:
    """A corpus that a test may spoil."""
    import shutil

    return Path(shutil.copytree(built[0], tmp_path / "corpus"))


def test_a_corpus_answers_with_its_articles_in_the_order_of_their_ids(built: tuple[Path, Manifest]) -> None:
    corpus = Corpus.open(str(built[0]))
    articles = [corpus.article(ordinal) for ordinal in range(len(corpus))]
    assert [(a.article_id, a.title_id, a.publisher_id) for a in articles] == [
        ("a00001", "rivage", "rives"),
        ("a00002", "hebdo", "plateau"),
        ("a00004", "courrier", "rives"),
    ]
    assert articles[2].body == text(4).encode()
    assert articles[2].words == len(words_of(articles[2].body))
    assert corpus.urls(0) == ()
    assert corpus.urls(1) == ("https://hebdo.example/monde/2", "https://hebdo.example/x")


def test_the_same_text_in_several_titles_is_one_cluster_and_keeps_its_owners(
    built: tuple[Path, Manifest],
) -> None:
    corpus = Corpus.open(str(built[0]))
    assert [corpus.article(n).cluster_id for n in range(3)] == ["a00001", "a00001", None]
    assert (corpus.manifest.counts.clusters, corpus.manifest.counts.clustered_articles) == (1, 2)


def test_the_index_finds_a_copied_run_of_eleven_words(built: tuple[Path, Manifest]) -> None:
    corpus = Corpus.open(str(built[0]))
    assert set(corpus.index.articles.tolist()) == {0, 1, 2}
    assert len(corpus.index.hashes) == corpus.manifest.counts.shingles
    assert corpus.index.directory[-1] == len(corpus.index.hashes)


def test_signatures_and_sites_are_those_of_the_articles(built: tuple[Path, Manifest]) -> None:
    corpus = Corpus.open(str(built[0]))
    expected = signature(words_of(text(4).encode()), corpus.manifest.minhash)
    assert corpus.signature(2).tolist() == expected.tolist()
    match = corpus.sites.match("http://m.hebdo.example/x/?utm_source=a", corpus.urls)
    assert match is not None
    assert (match.title_id, match.articles) == ("hebdo", (1,))


def test_refused_rows_are_listed_with_their_reasons(built: tuple[Path, Manifest]) -> None:
    folder, manifest = built
    rows = pq.read_table(folder / "refused.parquet").to_pylist()
    assert [(row["row_index"], row["article_id"], row["reason"]) for row in rows] == [
        (3, "a00003", "too_short"),
        (4, "a00005", "unknown_title"),
        (5, "a00004", "id_reused"),
        (6, "a00004", "duplicate"),
    ]
    assert {row["source"] for row in rows} == {str(folder.parent / "a.jsonl")}
    assert manifest.counts.refused == {"duplicate": 1, "id_reused": 1, "too_short": 1, "unknown_title": 1}


def test_the_same_build_gives_the_same_manifest(built: tuple[Path, Manifest]) -> None:
    again = build(built[0].parent / "again", [built[0].parent / "a.jsonl"])
    assert again == built[1]
    assert (built[0].parent / "again" / "manifest.json").read_bytes() == (
        built[0] / "manifest.json"
    ).read_bytes()


def test_another_article_or_another_setting_gives_another_digest(
    built: tuple[Path, Manifest], tmp_path: Path
) -> None:
    source = built[0].parent / "a.jsonl"
    other = build(tmp_path / "other", [source], CorpusConfig(cluster_jaccard=0.8))
    more = build(tmp_path / "more", [source, write_jsonl(tmp_path / "b.jsonl", [article(9)])])
    assert len({built[1].digest, other.digest, more.digest}) == 3


def test_cores_and_columns_are_no_part_of_the_digest(built: tuple[Path, Manifest], tmp_path: Path) -> None:
    config = CorpusConfig(cores=1, columns={"headline": "headline"})
    assert build(tmp_path / "c", [built[0].parent / "a.jsonl"], config).digest == built[1].digest


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
    with pytest.raises(
        CorpusError, match=r"clusters.npy is missing; index/hashes.npy has 100 bytes instead of \d+"
    ):
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


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"format": 1}'])
def test_a_broken_manifest_is_refused(copy: Path, content: bytes) -> None:
    (copy / "manifest.json").write_bytes(content)
    with pytest.raises(CorpusError, match="not readable"):
        Corpus.open(str(copy))


def test_a_folder_without_a_manifest_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is no corpus here"):
        Corpus.open(str(tmp_path))


def test_a_corpus_is_never_built_over_anything(built: tuple[Path, Manifest], tmp_path: Path) -> None:
    source = built[0].parent / "a.jsonl"
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="a corpus never changes"):
        build(built[0], [source])
    with pytest.raises(OutputError, match="is not empty"):
        build(tmp_path, [source])
    with pytest.raises(OutputError, match="the output is a file"):
        build(tmp_path / "file", [source])


def test_an_empty_folder_may_be_built_into(built: tuple[Path, Manifest], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert build(tmp_path / "empty", [built[0].parent / "a.jsonl"]).digest == built[1].digest


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", InputError), (b'{"article_id": "a', InputError), (b"\x1f\x8b\x08\x00cut", CorruptError)],
)
def test_a_build_that_fails_leaves_nothing(tmp_path: Path, content: bytes, error: type[Exception]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_bytes(content)
    with pytest.raises(error):
        build(tmp_path / "corpus", [tmp_path / "in"])
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
        (0, None, "unreadable", "a number with more digits than Python takes"),
        (1, "a00003", "unreadable", "`modified_at` holds a timestamp[us] that cannot be read"),
    ]


def test_all_broken_files_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / "in" / name).write_bytes(b"\x1f\x8b\x08\x00cut")
    with pytest.raises(CorruptError) as caught:
        build(tmp_path / "corpus", [tmp_path / "in"])
    assert "a.jsonl" in str(caught.value)
    assert "b.jsonl" in str(caught.value)


def test_a_corpus_without_an_article_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no article could be taken: 1 too_short, 2 unknown_title"):
        build(tmp_path / "c", [write_jsonl(tmp_path / "a.jsonl", [ROWS[3], ROWS[4], ROWS[4]])])


def test_a_second_build_of_the_same_output_waits_for_nobody(tmp_path: Path) -> None:
    staging = tmp_path / ".corpus.partial"
    staging.mkdir()
    held = os.open(staging / "presswatch-draft", os.O_CREAT | os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(OutputError, match="another build is at work there"):
        build(tmp_path / "corpus", [write_jsonl(tmp_path / "a.jsonl", ROWS)])
    os.close(held)


def test_a_hidden_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".corpus.partial").mkdir()
    (tmp_path / ".corpus.partial" / "thesis.txt").touch()
    with pytest.raises(OutputError, match="this hidden folder is not ours"):
        build(tmp_path / "corpus", [write_jsonl(tmp_path / "a.jsonl", ROWS)])
    assert (tmp_path / ".corpus.partial" / "thesis.txt").exists()


def test_info_tells_what_a_corpus_holds(built: tuple[Path, Manifest]) -> None:
    shown = CliRunner().invoke(cli, ["corpus", "info", "--check", str(built[0])])
    assert shown.exit_code == 0
    assert "3 articles" in shown.output
    assert "4 rows (1 duplicate, 1 id_reused, 1 too_short, 1 unknown_title)" in shown.output
    assert built[1].digest in shown.output


def test_info_as_json_is_the_manifest(built: tuple[Path, Manifest]) -> None:
    shown = CliRunner().invoke(cli, ["corpus", "info", "--json", str(built[0])])
    assert json.loads(shown.output)["counts"]["articles"] == 3


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
    (tmp_path / "members.yaml").write_text("publishers: []")
    command = [
        "corpus",
        "build",
        "--members",
        str(tmp_path / "members.yaml"),
        "--articles",
        "x",
        "--out",
        "y",
    ]
    shown = CliRunner().invoke(cli, command)
    assert isinstance(shown.exception, ConfigError)
    assert "members.yaml:1: publishers is an empty list" in str(shown.exception)
