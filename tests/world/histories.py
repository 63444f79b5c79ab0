"""Runs with logs of their shards, for tests that compare them; a release that was altered in every way."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

from presswatch_spark.tables.declarations import CorpusArticle, ShardLog
from presswatch_spark.tables.store import TableStore
from tests.world.tables import match, publish, row_of, write

BEFORE, AFTER, EARLIER = "20240201T000000Z-b", "20240301T000000Z-c", "20240101T000000Z-a"


def sha(text: object) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()


def span(start: int, end: int, words: int) -> dict[str, int]:
    """A span of so many words, between these characters of the article."""
    ends = {"document_start": 0, "document_end": 1, "article_start": start, "article_end": end}
    return ends | {"words": words, "passage": 0}


def copy(
    article: str | None, url: str | None, text: str = "text", words: int = 20, **more: Any
) -> dict[str, Any]:
    """A row of `matches`: so many words copied from the start of an article, in a document of that text."""
    spans = [span(0, 6 * words, words)] if words else []
    values: dict[str, Any] = {
        "text_sha256": sha(text),
        "copied_words": words,
        "longest_run_words": words,
        "spans": spans,
        "shard_uri": shard(0),
        "article_sha256": sha(f"text of {article}") if article else None,
        "own_site": None if url is None else False,
    }
    values |= more
    row = match(article, url, **values)
    told = {name: value for name, value in row.items() if name not in ("run_id", "shard_uri")}
    return row | {"row_sha256": sha(json.dumps(told, sort_keys=True, default=str))}


def shard(number: int, subset: str = "wet", release: str = "CC-MAIN-2024-10") -> str:
    return f"s3://crawl/crawl-data/{release}/segments/1.2/{subset}/{release}-{number:05}.gz"


def run(
    tables: Path,
    run_id: str,
    rows: list[dict[str, Any]],
    shards: Mapping[str, str] | int = 1,
    **facts: Any,
) -> None:
    """Publish a run with its log: so many complete shards, or those named, each with its status."""
    if isinstance(shards, int):
        shards = {shard(number): "complete" for number in range(shards)}
    complete = sum(status == "complete" for status in shards.values())
    counts = {"shards_planned": len(shards), "shards_complete": complete, "corpus_suppressed": 0}
    publish(tables, run_id, rows, **({"release": "CC-MAIN-2024-10"} | counts | facts))
    log = [row_of(ShardLog, run_id=run_id, shard_uri=uri, status=status) for uri, status in shards.items()]
    write(TableStore.open(str(tables)), "scan_log", run_id, log, ShardLog.schema)


def hold(
    tables: Path,
    run_id: str,
    corpus: str,
    *articles: tuple[str, str, str, str],
    suppressed: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Have a run bring the articles of a corpus: id, title, publisher, digest of the text.

    `suppressed`: by id, their suppressed shingles; of others, these are not known.
    """
    names = ("article_id", "title_id", "publisher_id", "article_sha256")
    rows = []
    for each in articles:
        facts = dict(zip(names, each, strict=True)) | {"suppressed_shingles": suppressed.get(each[0])}
        rows.append(row_of(CorpusArticle, run_id=run_id, corpus_digest=corpus, **facts))
    write(TableStore.open(str(tables)), "corpus_articles", run_id, rows, CorpusArticle.schema)


def altered_release(tables: Path) -> dict[str, tuple[str, str | None]]:
    """Publish a release that was altered in every way; return the state and doubt of each article's copy.

    Shard 7 was cut in the later run, and shard 8 was not there.
    """
    x = "https://x.example/"
    article = {name: {"article_sha256": sha(f"other {name}")} for name in ("fewer-text", "same-text")}
    before = [
        copy("kept", f"{x}kept"),
        copy("kept-elsewhere", "http://www.x.example/kept?utm_source=a", text="t1"),
        copy("same-words", f"{x}same", text="t2", spans=[span(0, 60, 10), span(63, 123, 10)]),
        copy("shortened", f"{x}short", text="t3", words=90),
        copy("other-words", f"{x}other", text="t4"),
        copy("more-words", f"{x}more", text="t5"),
        copy("moved", f"{x}old", text="t6"),
        copy("moved-a", f"{x}a1", text="t7"),
        copy("moved-a", f"{x}a2", text="t7"),
        copy("dropped", f"{x}dropped"),
        copy("cut", f"{x}cut", shard_uri=shard(7)),
        copy("missing", f"{x}missing", shard_uri=shard(8)),
        copy("found-twice", f"{x}twice", words=30),
        copy("found-twice", f"{x}twice", words=50, record_offset=7, shard_uri=shard(7)),
        copy("nameless", None, text="t8"),
        copy("nameless-url", "n/a", text="t9"),
        copy("same-text", f"{x}changed", text="t10"),
        copy("fewer-text", f"{x}fewer", text="t11", words=50),
        copy(None, f"{x}site", words=0, grade="url_only", own_site=True, text="t12"),
        copy(None, f"{x}site-gone", words=0, grade="url_only", own_site=True, text="t13"),
        copy(None, f"{x}front", words=0, grade="url_only", own_site=True, text="t14"),
    ]
    after = [
        copy("kept", f"{x}kept"),
        copy("kept-elsewhere", f"{x}kept", text="t1 again"),
        copy("same-words", f"{x}same", text="t2 again", spans=[span(0, 123, 20)]),
        copy("shortened", f"{x}short", text="t3 again", words=40),
        copy("other-words", f"{x}other", text="t4 again", spans=[span(300, 420, 20)]),
        copy("more-words", f"{x}more", text="t5 again", words=30),
        copy("moved", f"{x}new", text="t6"),
        copy("moved-a", f"{x}a3", text="t7"),
        copy("new", f"{x}new"),
        copy("back", f"{x}back"),
        copy("new-in-part", f"{x}part", shard_uri=shard(9)),
        copy("same-text", f"{x}changed", text="t10 again", **article["same-text"]),
        copy("fewer-text", f"{x}fewer", text="t11 again", words=30, **article["fewer-text"]),
        copy(None, f"{x}site", words=0, grade="url_only", own_site=True, text="t12 again"),
        copy("on-front", f"{x}front", text="t14 again", own_site=True),
    ]
    logged = {shard(number): "complete" for number in range(9)}
    run(tables, EARLIER, [copy("back", "http://x.example/back#top")], 1)
    run(tables, BEFORE, before, logged | {shard(9): "partial"})
    later = {uri: "partial" if uri == shard(7) else status for uri, status in logged.items()}
    run(
        tables,
        AFTER,
        after,
        {uri: status for uri, status in later.items() if uri != shard(8)} | {shard(9): "complete"},
    )
    changed = "the text of the article is not the same in both runs: words were counted, and not compared"
    nameless = "the URL of the document is not known: with another text it may still be there"
    seven, eight = (f"the after run did not read {shard(number)}" for number in (7, 8))
    return {
        f"kept {x}kept": ("persists", None),
        f"kept-elsewhere {x}kept": ("persists", None),
        f"same-words {x}same": ("persists", None),
        f"shortened {x}short": ("reduced", None),
        f"other-words {x}other": ("altered", None),
        f"more-words {x}more": ("altered", None),
        f"moved {x}new": ("moved", None),
        f"moved-a {x}a3": ("moved", None),
        f"moved-a {x}a2": ("gone", None),
        f"dropped {x}dropped": ("gone", None),
        f"cut {x}cut": ("unknown", f"{seven} to its end"),
        f"missing {x}missing": ("unknown", eight),
        f"found-twice {x}twice": ("unknown", f"{seven} to its end"),
        "nameless None": ("unknown", nameless),
        "nameless-url n/a": ("unknown", nameless),
        f"same-text {x}changed": ("persists", changed),
        f"fewer-text {x}fewer": ("reduced", changed),
        f"None {x}site": ("persists", None),
        f"None {x}site-gone": ("gone", None),
        f"None {x}front": (
            "unknown",
            "the after run found articles of the title in the document, so it has no row for the site only",
        ),
        f"on-front {x}front": ("new", None),
        f"new {x}new": ("new", None),
        f"back {x}back": ("reappeared", None),
        f"new-in-part {x}part": ("new", f"the before run did not read {shard(9)} to its end"),
    }


def random_history(random: Random, tables: Path) -> None:
    """Publish three runs of few articles, pages and shards: what can happen to a copy happens often.

    The two last ones are of one release or of two, with one corpus or two.
    """
    later = random.choice(["CC-MAIN-2024-10", "CC-MAIN-2024-22"])
    settings = [{}, {}, {"sample": 0.5}, {"tool_version": "2"}]
    corpora = random.choice([("c", "c"), ("c", "d")])
    held = {}
    for corpus in corpora:
        names = random.sample("abc", 2)
        texts = {name: f"text of {name}" for name in names} | random.choice([{}, {names[0]: "other"}])
        held[corpus] = [(name, "t", "p", sha(text)) for name, text in texts.items()]
    for run_id, release, corpus in (
        (EARLIER, "CC-MAIN-2024-10", corpora[0]),
        (BEFORE, "CC-MAIN-2024-10", corpora[0]),
        (AFTER, later, corpora[1]),
    ):
        planned = random.sample(range(5), random.choice([3, 4, 5]))
        shards = {
            shard(number, "wet" if number < 4 else "robotstxt", release): random.choice(
                ["complete"] * 6 + ["partial", "failed"]
            )
            for number in planned
        }
        rows = [_random_copy(random, list(shards)) for _ in range(random.randrange(12))]
        facts = {"corpus_digest": corpus, "corpus_suppressed": random.choice([0, 0, 0, None])}
        facts |= random.choice(settings) if run_id == AFTER else {}
        run(tables, run_id, rows, shards, release=release, **facts)
        if random.random() < 0.7:
            counts = {name: random.choice([0, 0, 0, 2]) for name, *_ in held[corpus]}
            hold(tables, run_id, corpus, *held[corpus], suppressed=random.choice([{}, counts]))


def _random_copy(random: Random, shards: list[str]) -> dict[str, Any]:
    article = random.choice(["a", "b", "c", None])
    words = 0 if article is None else random.choice([0, 10, 20, 20, 20, 30])
    start = random.choice([0, 0, 0, 600])
    url = random.choice(
        [f"https://x.example/{number}" for number in range(3)] + ["http://x.example/1/", None]
    )
    return copy(
        article,
        url,
        random.choice("tuv"),
        words,
        spans=[span(start, start + 6 * words, words)] if words else [],
        shard_uri=random.choice(shards),
        own_site=url is not None and url.endswith("0"),
        record_offset=random.randrange(3),
        article_sha256=None if article is None else sha(random.choice([article, article, article, "other"])),
    )
