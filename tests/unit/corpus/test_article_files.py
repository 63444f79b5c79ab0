"""Articles are read from the buffers of their files as Arrow reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from presswatch_spark.corpus.arrays import write_arrow
from presswatch_spark.corpus.layout import ARTICLES, ARTICLES_FOLDER, part_name
from presswatch_spark.corpus.store import ArticleFiles

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


def test_facts_and_texts_are_those_of_the_rows(tmp_path: Path) -> None:
    rows = [row(number) for number in range(1_100)]
    (tmp_path / ARTICLES_FOLDER).mkdir()
    write_arrow(tmp_path / part_name(0), pa.Table.from_pylist(rows, ARTICLES))
    articles = ArticleFiles(tmp_path)
    for ordinal, expected in enumerate(rows):
        assert articles.values(ordinal, *FACTS) == tuple(expected[name] for name in FACTS)
        assert articles.body(ordinal) == expected["body"].encode()


def test_a_column_may_have_no_values_at_all(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("url", "headline", "published_at"))
    (tmp_path / ARTICLES_FOLDER).mkdir()
    write_arrow(
        tmp_path / part_name(0),
        pa.Table.from_pylist([row(number) | nothing for number in range(9)], ARTICLES),
    )
    for ordinal in range(9):
        assert ArticleFiles(tmp_path).values(ordinal, *nothing) == (None, None, None)
