"""Shows the demo's matches by title and article, with the passages that were copied."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import PurePath
from typing import Any

import yaml

from presswatch_spark.demo.texts import Article, members_yaml, press
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.judgement.grading import GRADES
from presswatch_spark.pointers.checks import Record
from presswatch_spark.pointers.documents import records_at
from presswatch_spark.pointers.pointer import Pointer, pointer_of
from presswatch_spark.show import printable, share_of, shortened

DEFAULT_WIDTH = 110
INDENT = " " * 18

Row = Mapping[str, Any]


def match_lines(rows: Sequence[Row], width: int | None) -> Iterator[str]:
    """Yield the match table, at most `width` columns wide; `rows` are rows of `matches`."""
    size, texts, names = width or DEFAULT_WIDTH, document_texts(rows), _names()
    ordered = sorted(rows, key=_order)
    for title, of_title in groupby(ordered, key=lambda row: row["title_id"]):
        name = shortened(names[title], size)
        yield from ("", name, "─" * len(name))
        for article_id, of_article in groupby(of_title, key=lambda row: row["article_id"]):
            matches = list(of_article)
            yield f"  {_heading(press().get(article_id), matches[0], size - 2)}"
            for row in matches:
                yield from _facts(row, size)
                if row["spans"]:
                    longest = max(row["spans"], key=lambda span: span["words"])
                    text = texts[row["text_sha256"]][longest["document_start"] : longest["document_end"]]
                    passage = printable(" ".join(text.split()))
                    yield f"{INDENT}“{shortened(passage, size - len(INDENT) - 2)}”"


def document_texts(rows: Iterable[Row]) -> dict[str, str]:
    """Return the texts of the matching documents by their SHA-256, read again from where the rows point."""
    shards: dict[str, set[Pointer]] = {}
    for row in rows:
        shards.setdefault(row["shard_uri"], set()).add(pointer_of(row, row["shard_uri"]))
    return {
        record.facts["text_sha256"]: record.text.decode("utf-8", "replace")
        for pointers in shards.values()
        for _, record in records_at(list(pointers), ReadOptions())
        if isinstance(record, Record)
    }


def _facts(row: Row, size: int) -> Iterator[str]:
    """Yield what was copied, on which page, and where the page is, in lines of at most `size` columns."""
    copied = "no copied text"
    if row["spans"]:
        share = share_of(row["article_coverage"])
        copied = f"{share} of the article, longest run {row['longest_run_words']} words"
    site = {True: ", on its own site", False: "", None: ", on a site that is not known"}[row["own_site"]]
    yield shortened(f"  {row['confidence']} {row['grade'].replace('_', ' '):<12}  {copied}{site}", size)
    room = size - len(INDENT)
    yield f"{INDENT}{shortened(printable(row['document_url'] or 'no URL is given'), room)}"
    where = f"row {row['row_index']}" if row["record_offset"] is None else f"byte {row['record_offset']:,}"
    # The end of a shard's name tells it from its neighbours.
    name = shortened(printable(PurePath(row["shard_uri"]).name), room - len(where) - 2, middle=True)
    yield f"{INDENT}{name}, {where}"


def _heading(article: Article | None, row: Row, size: int) -> str:
    if article is None:
        return "Pages on the title's sites"
    shared = " (agency copy)" if row["cluster_id"] else ""
    return f"{shortened(article.headline, size - len(shared))}{shared}"


def _order(row: Row) -> tuple[Any, ...]:
    return (
        row["title_id"],
        row["article_id"] is None,
        row["article_id"] or "",
        GRADES.index(row["grade"]),
        -(row["copied_words"] or 0),
        row["document_url"] or "",
    )


def _names() -> dict[str, str]:
    """Return `title · publisher` by title id."""
    return {
        title["id"]: f"{title['name']} · {publisher['name']}"
        for publisher in yaml.safe_load(members_yaml())["publishers"]
        for title in publisher["titles"]
    }
