"""Press of other countries on sites that no list knows: no claim on it is certain, and true copies are kept.

A copy is kept if its claim, of the article that was copied, has A or B. Planted besides: teasers, texts that
a twin outlet printed word for word, captures on the day after publication, and copies in archives.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.quality import claimed
from benchmarks.quality.material import load, real_data, title_of
from presswatch_spark.claims.make import KnowledgePaths
from presswatch_spark.cli.demo.generate import DemoArticle
from presswatch_spark.tables.store import TableStore
from tests.world.claims import judge_all
from tests.world.corpora import build, write_jsonl
from tests.world.scanned import scan_here

pytestmark = [pytest.mark.full, pytest.mark.real_data]
LATER, SEED, PER_KIND = "2024-12-14T03:00:00Z", 20261127, 60
Page = tuple[str, str, str]


@pytest.fixture(scope="module")
def press() -> list[DemoArticle]:
    folder = real_data()
    if folder is None:
        pytest.skip("there is no real press here")
    material = load(folder, sys.maxsize, SEED)
    return [*material.members, *material.other_press, *material.background_press]


def claims_of(
    folder: Path, outlets: Sequence[str], articles: Sequence[DemoArticle], pages: Sequence[Page]
) -> list[dict[str, Any]]:
    """Claims on pages, each a URL, a text and a time of capture, of articles of outlets."""
    sites = [
        {"id": title_of(o), "name": o, "titles": [{"id": title_of(o), "name": o, "domains": [o]}]}
        for o in outlets
    ]
    rows = [asdict(article) | {"published_at": article.published_at or None} for article in articles]
    build(
        folder / "corpus",
        [write_jsonl(folder / "articles.jsonl", rows)],
        members_file=yaml.safe_dump({"publishers": sites}),
    )
    shard = [{"url": url, "text": body, "date": at} for url, body, at in pages]
    scan_here([write_jsonl(folder / "pages.jsonl", shard)], folder / "corpus", folder / "tables")
    sources = KnowledgePaths(corpus=str(folder / "corpus"), as_of=date(2026, 11, 27))
    judge_all(folder / "tables", folder / "claims", sources, engine="duckdb")
    return list(TableStore.open(str(folder / "claims")).read("claims").to_pylist())


@pytest.mark.parametrize("name", claimed.SPLITS)
def test_foreign_press_is_never_certain_and_full_copies_are_kept(
    tmp_path: Path, press: list[DemoArticle], name: str
) -> None:
    outlets = claimed.SPLITS[name]
    filler = load(real_data(), sys.maxsize, SEED).filler
    split = claimed.split_of(press, outlets, filler, PER_KIND, SEED)
    titles = {article.url: article.title_id for article in press}
    pages, kinds = list[Page](), dict[str, str]()
    sources = dict[str, Any]()
    for number, page in enumerate(split.pages):
        is_paper = page.kind == claimed.PAPER
        url = f"https://www.paper-{titles[page.url]}.example/{number}" if is_paper else page.url
        pages.append((url, page.text, LATER))
        kinds[url], sources[url] = page.kind, page.sources
    letters = Counter[tuple[str, str]]()
    for claim in claims_of(tmp_path, outlets, split.articles, pages):
        url = claim["document_url"]
        if kinds[url] == claimed.PAPER or claim["article_id"] in sources[url]:
            letters[kinds[url], claim["confidence"]] += 1
    assert not [each for each in letters if each[0] == claimed.PAPER and each[1] in claimed.CERTAIN]
    whole = (claimed.WHOLE, claimed.SEVERAL)
    planted = sum(kinds[url] in whole for url in kinds)
    kept = sum(letters[kind, letter] for kind in whole for letter in claimed.CERTAIN)
    assert kept >= 0.95 * planted > 0


def test_planted_teasers_twins_early_captures_and_archive_copies_are_never_a(
    tmp_path: Path, press: list[DemoArticle]
) -> None:
    of_dh = [replace(a, published_at="2019-01-10") for a in press if a.title_id == "dhnet-be"]
    twins = [a for a in press if a.title_id == "lalibre-be"]
    teasers = [
        replace(
            a,
            article_id=f"teaser-{a.article_id}",
            url=f"{a.url}?teaser",
            body=f"{a.body[: len(a.body) // 2]}…",
        )
        for a in of_dh[:60]
    ]
    pages = [(f"https://twin-{a.article_id}.example/a", a.body, LATER) for a in twins]
    for a in of_dh[:60]:
        pages += [
            (f"https://teaser-{a.article_id}.example/a", f"{a.body[: len(a.body) // 2]}", LATER),
            (f"https://early-{a.article_id}.example/a", a.body, "2019-01-11T11:59:59Z"),
            (f"https://web.archive.org/web/2024id_/{a.url}", a.body, LATER),
        ]
    claims = claims_of(tmp_path, ["dhnet.be"], [*of_dh, *teasers], pages)
    assert len(claims) > 200
    assert not [claim["document_url"] for claim in claims if claim["confidence"] == "A"]
    for claim in claims:
        if claim["document_host"] == "web.archive.org" or claim["document_host"].startswith("early-"):
            assert claim["confidence"] in ("C", "D")
