"""A corpus that grew: what is new becomes a corpus of its own, and anything but growth is refused."""

from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import InputError
from presswatch_spark.core.settings.config import CorpusConfig, ScanConfig
from presswatch_spark.corpus.store import Corpus, article_rows
from presswatch_spark.scanning.campaigns.corpus_growth import build_growth, require_growth
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import StorageOptions
from tests.world.corpora import MEMBERS, Inline, article, build, write_jsonl

OLD = [article(number) for number in range(0, 40, 2)]
NEW = [article(number, title_id="hebdo", published_at=None, authors=["A. B."]) for number in range(1, 40, 3)]
JOINED = "  - {id: nord, name: Nord, titles: [{id: nord, name: Nord, domains: [nord.example]}]}\n"


def made(folder: Path, name: str, rows: list[dict[str, Any]], **given: Any) -> Corpus:
    (folder / name).mkdir()
    build(folder / name / "corpus", [write_jsonl(folder / name / "articles.jsonl", rows)], **given)
    return Corpus.open(str(folder / name / "corpus"))


def growth(older: Corpus, newer: Corpus, out: Path) -> Corpus:
    folder = Folder.of(str(out), StorageOptions())
    build_growth(older, newer, folder, ScanConfig(), cast(SparkSession, Inline()))
    return Corpus.open(str(out))


def known(corpus: Corpus) -> dict[str, dict[str, Any]]:
    """What is known of each article, but for what the corpus around it decides."""
    rows = (row for batch in article_rows(corpus) for row in batch.to_pylist())
    around = ("corpus_digest", "cluster_id", "suppressed_shingles", "is_agency")
    return {
        row["article_id"]: {key: value for key, value in row.items() if key not in around} for row in rows
    }


def test_the_new_articles_alone_are_a_corpus_with_the_members_of_today(tmp_path: Path) -> None:
    fresh = [row for row in NEW if row["article_id"] not in {old["article_id"] for old in OLD}]
    joined = [*fresh, article(99, title_id="nord", url="https://nord.example/99")]
    older = made(tmp_path, "older", OLD)
    newer = made(tmp_path, "newer", [*OLD, *joined], members_file=MEMBERS + JOINED)
    assert require_growth(older, newer) == len(joined)
    grown = growth(older, newer, tmp_path / "grown")
    whole = known(newer)
    assert known(grown) == {row["article_id"]: whole[row["article_id"]] for row in joined}
    assert grown.registry.titles.keys() == newer.registry.titles.keys()
    assert grown.manifest.parameters == newer.manifest.parameters


def test_it_is_built_once_and_what_a_killed_copy_left_is_no_corpus(tmp_path: Path) -> None:
    older, newer = made(tmp_path, "older", OLD[:3]), made(tmp_path, "newer", OLD[:5])
    (tmp_path / "grown" / "index").mkdir(parents=True)
    (tmp_path / "grown" / "index" / "filter.npy").touch()
    first = growth(older, newer, tmp_path / "grown")
    written = (tmp_path / "grown" / "manifest.json").stat().st_mtime_ns
    assert growth(older, newer, tmp_path / "grown").manifest == first.manifest
    assert (tmp_path / "grown" / "manifest.json").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (OLD[1:], "1 of its articles are not in the new corpus: a00000"),
        (OLD[5:], "5 of its articles are not in the new corpus: a00000, a00002, a00004 …"),
        ([article(0, body=article(1)["body"]), *OLD[1:]], "1 of its articles are others in the new corpus"),
        ([article(0, title_id="hebdo"), *OLD[1:]], "1 of its articles are others in the new corpus"),
        ([article(0, url="https://www.courrier.example/x"), *OLD[1:]], "are others in the new corpus"),
    ],
)
def test_articles_that_vanished_or_changed_are_refused_by_name(
    rows: list[dict[str, Any]], said: str, tmp_path: Path
) -> None:
    older, newer = made(tmp_path, "older", OLD), made(tmp_path, "newer", [*rows, article(41)])
    with pytest.raises(InputError) as raised:
        require_growth(older, newer)
    assert said in str(raised.value)


def test_a_corpus_of_other_settings_is_refused(tmp_path: Path) -> None:
    older = made(tmp_path, "older", OLD)
    newer = made(tmp_path, "newer", [*OLD, article(41)], config=CorpusConfig(max_articles_per_shingle=7))
    with pytest.raises(InputError, match="built with different settings"):
        require_growth(older, newer)


def test_the_same_articles_are_no_growth(tmp_path: Path) -> None:
    older, newer = made(tmp_path, "older", OLD), made(tmp_path, "newer", OLD[::-1])
    assert require_growth(older, newer) == 0
