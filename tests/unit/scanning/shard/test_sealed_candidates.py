"""A scan with a sealed corpus: its candidates include every document of which the open scan has a row."""

import json
from dataclasses import replace
from itertools import product, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, TextColumn
from presswatch_spark.core.settings.config import GradeRules, ReadRules, ScanConfig
from presswatch_spark.corpus.sealed import KeySource, SealedCorpus, SealKey, article_numbers, join, seal
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.match_rows import Origin
from presswatch_spark.reading.text.words import indexed_positions, word_count
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.runs.run_work import Outcome
from presswatch_spark.scanning.shard.sealed_candidates import CandidateFinder
from presswatch_spark.storage.objects import StorageOptions, stat
from presswatch_spark.tables.digests import row_digest
from tests.world.corpora import article, corpus_of, text
from tests.world.proofs import each_time
from tests.world.rights import Answer, write_warc
from tests.world.scanned import FORMS, ONE_OF_EACH_FORMAT, press, rows_in, shard_scan, some_pages
from tests.world.shards import SmallPage

SECRET, STORAGE = np.random.default_rng(7).bytes(32), StorageOptions()
MEMBERS = """\
publishers:
  - id: rives
    name: Éditions des Rives
    titles:
      - {id: courrier, name: Le Courrier, domains: [courrier.example]}
      - {id: blog, name: Le Blog, domains: [platform.example], url_prefixes: [platform.example/@blog/]}
"""
SITES = {
    "https://www.courrier.example/menu": True,
    "https://m.courrier.example:443/une/?utm_source=x": True,
    "https://web.archive.org/web/2020/https://courrier.example/archives": True,
    "https://courrier-example.translate.goog/a?_x_tr_sl=fr": True,
    "https://platform.example/@blog/texte": True,
    "https://platform.example/@blog": True,
    "https://platform.example/@autre/texte": False,
    "https://platform.example/": False,
    "https://ailleurs.example/une/3": True,
    "https://ailleurs.example/une/3/": True,
    "https://ailleurs.example/une/4": False,
    "https://xcourrier.example/": False,
    "https://courrier.example.evil.example/": False,
    "http://courri%65r.example/": True,
    "notaurl": False,
    "": False,
}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> KeySource:
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_bytes(SECRET)
    path.chmod(0o600)
    return KeySource(str(path))


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two members' corpora, with articles of the press, one of them in both, and at a URL elsewhere."""
    folder, bodies = tmp_path_factory.mktemp("corpora"), [source.body for source in press()]
    made = []
    for name, some in (("a", bodies[:12]), ("b", bodies[11:])):
        rows = [article(n, **({"body": body} if body else {})) for n, body in zip_longest(range(60), some)]
        rows[3]["alternate_urls"] = ["https://www.ailleurs.example/une/3"]
        rows[4]["body"] = f"{text(4)} {rows[5]['body']}"
        made.append(corpus_of(folder / name, rows, members=MEMBERS))
    return made


@pytest.fixture(scope="module")
def sealed(corpora: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The corpora, sealed, and both joined."""
    folder = tmp_path_factory.mktemp("sealed")
    for path in corpora:
        seal(Corpus.open(str(path)), SealKey(SECRET), str(folder / path.parent.name), STORAGE)
    paths = [folder / path.parent.name for path in corpora]
    join([str(path) for path in paths], str(folder / "joined"), STORAGE)
    return [*paths, folder / "joined"]


def sealed_scan(corpus: Path, key: KeySource, config: ScanConfig | None = None) -> ShardScan:
    digest = SealedCorpus.open(str(corpus)).manifest.digest
    return ShardScan("auto", str(corpus), digest, config or ScanConfig(), key=key)


def scanned(scan: ShardScan, path: Path) -> Outcome:
    return scan(stat(str(path), STORAGE))


def place(row: dict[str, Any]) -> tuple[object, ...]:
    return row["record_offset"], row["record_length"], row["row_index"]


def candidates(scan: ShardScan, path: Path) -> list[dict[str, Any]]:
    return rows_in(scanned(scan, path), "candidates")


EACH_TIME = {**dict.fromkeys(ONE_OF_EACH_FORMAT, 8), "plain.warc.wet": 11}


@pytest.mark.parametrize(("name", "least"), each_time([*EACH_TIME.items()], product(sorted(FORMS), (8, 11))))
def test_every_row_of_the_open_scan_is_a_candidate_in_every_format(
    corpora: list[Path], sealed: list[Path], key: KeySource, tmp_path: Path, name: str, least: int
) -> None:
    pages = some_pages()
    for number, url in enumerate(filter(None, SITES)):
        pages[number] = replace(pages[number], url=url)
    FORMS[name](tmp_path / name, pages)
    config = ScanConfig(grade=GradeRules(min_run_words=least))
    joined = candidates(sealed_scan(sealed[2], key, config), tmp_path / name)
    separate = []
    for corpus, of_member in zip(corpora, sealed[:2], strict=True):
        opened = Corpus.open(str(corpus))
        rows = rows_in(scanned(shard_scan(corpus, config=config), tmp_path / name))
        found = candidates(sealed_scan(of_member, key, config), tmp_path / name)
        separate += found
        numbers = article_numbers(opened, SealKey(SECRET)).tolist()
        number_of = {opened.article_id(n): number for n, number in enumerate(numbers)}
        pairs = {(*place(row), row["article"]) for row in found}
        assert len(pairs) == len(found)
        missing = {
            (*place(row), number_of.get(row["article_id"])) for row in rows if row["article_id"]
        } - pairs
        assert not missing
        # A page on the site only has its row, or one of the site's articles.
        assert {place(row) for row in rows} <= {place(row) for row in found}
        assert {row["grade"] for row in rows} > {"url_only"}
        (fingerprint,) = {row["corpus_fingerprint"] for row in found}
        assert fingerprint == SealKey(SECRET).corpus(opened.manifest.digest)
    assert sorted(joined, key=lambda row: row["row_sha256"]) == sorted(
        separate, key=lambda row: row["row_sha256"]
    )


@pytest.mark.parametrize("name", ONE_OF_EACH_FORMAT)
def test_candidates_have_pointers_and_numbers_and_no_text(
    sealed: list[Path], key: KeySource, tmp_path: Path, name: str
) -> None:
    pages = some_pages()
    FORMS[name](tmp_path / name, pages)
    outcome = scanned(
        sealed_scan(sealed[2], key, ScanConfig(read=ReadRules(release="ours"))), tmp_path / name
    )
    rows = rows_in(outcome, "candidates")
    assert outcome.log["candidates"] == len(rows) > 5
    assert outcome.log["status"] == "complete"
    assert not rows_in(outcome)
    assert not rows_in(outcome, "rights_signals")
    assert "pages" not in outcome.tables, "without an extract, no table of the run has them"
    texts = {key: value for row in rows for key, value in row.items() if isinstance(value, str)}
    assert set(texts) <= {
        "dataset", "release", "shard_uri", "record_encoding", "corpus_fingerprint", "row_sha256",
    }  # fmt: skip
    for row in rows:
        assert row["release"] in (None, "ours") or row["release"].startswith("CC-MAIN-")
        assert row["row_sha256"] == row_digest(row)
        assert (row["hits"] > 0) == (row["extent_words"] >= 8)


def batch_of(
    pages: list[SmallPage], mains: list[int] | None = None, release: str | None = None
) -> DocumentBatch:
    return DocumentBatch(
        TextColumn.joined([page.text.encode() for page in pages]),
        TextColumn.joined([page.url.encode() for page in pages]),
        lambda i: Locator(record_offset=i, release=release),
        mains=None if mains is None else np.array(mains),
    )


def found_in(sealed: Path, batch: DocumentBatch, release: str | None = None) -> list[dict[str, Any]]:
    finder = CandidateFinder(SealedCorpus.open(str(sealed)), SealKey(SECRET))
    return list(finder.rows(batch, finder.candidates(batch), Origin("wet", release, "shard")))


def test_pages_of_sites_and_of_articles_urls_are_candidates_also_behind_services(sealed: list[Path]) -> None:
    rows = found_in(sealed[0], batch_of([SmallPage(url, "rien") for url in SITES]))
    assert {row["record_offset"] for row in rows} == {n for n, known in enumerate(SITES.values()) if known}
    at_url = [row for row in rows if row["article"] is not None]
    assert [(row["record_offset"], row["hits"], row["extent_words"]) for row in at_url] == [
        (8, 0, 0),
        (9, 0, 0),
    ]
    assert all(row["hits"] == 0 for row in rows)


def test_hits_and_extent_are_counted_in_the_text_of_the_page_and_what_is_embedded(
    corpora: list[Path], sealed: list[Path]
) -> None:
    corpus = Corpus.open(str(corpora[0]))
    ordinal = corpus.ordinal_of("a00040")
    assert ordinal is not None
    number = article_numbers(corpus, SealKey(SECRET))[ordinal]
    words = corpus.body(ordinal).decode().split()
    first = f"avant tout {' '.join(words[:24])} milieu {' '.join(words[40:60])} fin"
    texts = [first, " ".join(words), " ".join(words[:9])]
    pages = [SmallPage(f"https://x.example/{n > 1}", body) for n, body in enumerate(texts)]
    apart, together = (
        {
            row["record_offset"]: (row["hits"], row["extent_words"])
            for row in found_in(sealed[0], batch_of(pages, mains))
            if row["article"] == number
        }
        for mains in (None, [0, 0, 2])
    )
    # Each fourth of the windows is indexed, and the last one; others may repeat these.
    counts = [word_count(body.encode()) for body in texts]
    indexed = len(indexed_positions(counts[1]))
    assert indexed <= apart[1][0] < 2 * indexed
    assert apart[1][1] == counts[1]
    assert 4 <= apart[0][0] < apart[1][0]
    assert counts[0] - 12 <= apart[0][1] < counts[0]
    assert together == {0: (apart[0][0] + apart[1][0], counts[1]), 2: apart[2]}


def test_articles_in_scripts_of_a_page_are_candidates_of_its_record(
    corpora: list[Path], sealed: list[Path], key: KeySource, tmp_path: Path
) -> None:
    body = Corpus.open(str(corpora[0])).body(40).decode()
    data = json.dumps({"@type": "NewsArticle", "articleBody": body})
    page = f"<html><body><p>Un menu.</p><script type='application/ld+json'>{data}</script></body></html>"
    answer = Answer(
        "https://x.example/", page.encode(), headers=(("Content-Type", "text/html; charset=utf-8"),)
    )
    path = write_warc(tmp_path / "pages.warc.gz", answer)
    rows = rows_in(scanned(shard_scan(corpora[0]), path))
    assert "json_ld" in {row["text_source"] for row in rows}
    assert {place(row) for row in rows} == {
        place(row) for row in candidates(sealed_scan(sealed[0], key), path)
    }
    found = candidates(sealed_scan(sealed[0], key), path)
    assert {place(row) for row in rows} <= {place(row) for row in found}
    assert max(row["extent_words"] for row in found) == word_count(body.encode())


def test_a_shard_cannot_bring_text_in_as_its_release(sealed: list[Path]) -> None:
    page = SmallPage("https://courrier.example/", "rien")
    for release, kept in (
        ("CC-MAIN-2024-22", True),
        ("CC-NEWS-2024-01", True),
        ("Un secret bien gardé", False),
    ):
        (row,) = found_in(sealed[0], batch_of([page], release=release))
        assert row["release"] == (release if kept else None)
        (row,) = found_in(sealed[0], batch_of([page]), release)
        assert row["release"] == (release if kept else None), "the first record of its file names it"
