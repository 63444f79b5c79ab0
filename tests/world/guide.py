"""The tables of the guide of queries: the demo’s press in two crawls, C4 and OSCAR, and what is derived.

`python -m tests.world.guide` writes the answers again into its pages.
"""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from presswatch_spark.claims.make import KnowledgePaths
from presswatch_spark.cli import main as cli
from presswatch_spark.cli.demo import generate
from presswatch_spark.cli.demo.generate import Page, press
from presswatch_spark.cli.demo.shards import web_page, write_c4_json, write_c4_parquet, write_oscar_2301
from presswatch_spark.core.settings.config import CorpusConfig, ReadRules, ScanConfig
from presswatch_spark.core.terminal import table_lines
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.scanning.census import census
from presswatch_spark.scanning.pipeline import ScanPlan, scan
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.claims import judge_all
from tests.world.index_files import CRAWL, row_of, write_file
from tests.world.rights import Answer, write_warc
from tests.world.tables import run_query

PAGES = [ROOT / "docs" / "how-to" / f"{name}.md" for name in ("queries", "queries-claims")]
QUESTION = re.compile(r"```sql\n(?P<query>.+?)```\n\n```text\n(?P<answer>.*?)```\n", re.DOTALL)

DECEMBER, JANUARY = datetime(2024, 12, 14, 2, tzinfo=UTC), datetime(2025, 1, 20, 5, tzinfo=UTC)
JUDGED = date(2026, 11, 27)
PLAIN, HTML = [("Content-Type", "text/plain")], [("Content-Type", "text/html; charset=UTF-8")]

GONE = ("https://infos-en-vrac.example/?p=48213", "https://brocante-et-marees.example/agenda")
"""Pages that are in the crawl of December, and not in that of January."""
LICENCES = """licences:
  - {id: fil-2024, licensee: Le Fil des régions, hosts: [le-fil-des-regions.example], titles: [le-meridien],
     from: 2024-01-01, to: 2024-12-31, document: contrats/fil-2024.pdf}
"""
PRESS = """groups:
  - {id: reviews, kind: magazine, what: an invented review, check: the demo,
     domains: [la-revue-de-presse.example]}
"""
PAYWALL = {
    "@context": "https://schema.org",
    "@type": "NewsArticle",
    "isAccessibleForFree": False,
    "hasPart": {"@type": "WebPageElement", "isAccessibleForFree": False, "cssSelector": ".paid"},
}


def guide_tables(folder: Path, spark: SparkSession) -> Path:
    """Write shards, scan them in three runs, take a census, and derive every table; return the tables."""
    members, articles = generate.write_press(folder)
    corpus, tables = str(folder / "corpus"), str(folder / "tables")
    build_corpus(spark, str(members), [str(articles)], corpus, CorpusConfig(), StorageOptions())
    shelves = generate.release_pages()
    runs = list[str]()
    for release, at in (("CC-MAIN-2024-51", DECEMBER), ("CC-MAIN-2025-05", JANUARY)):
        shards = folder / release
        _write_crawl(shards, at, list(_crawl(shelves["crawl"], release)))
        if release == "CC-MAIN-2025-05":
            _write_datasets(folder / "datasets", shelves)
            _scan(folder / "datasets", corpus, tables, None, spark)
        runs.append(_scan(shards, corpus, tables, release, spark))
    _write_index(folder / "index")
    census([str(folder / "index")], corpus=corpus, out=tables, config=ScanConfig(), spark=spark)
    assert cli.run(["rights", "--out", tables, tables]) == 0
    assert cli.run(["compare", "--before", runs[0], "--after", runs[1], "--out", tables, tables]) == 0
    (folder / "licences.yaml").write_text(LICENCES, encoding="utf-8")
    (folder / "press.yaml").write_text(PRESS, encoding="utf-8")
    reviews = _write_reviews(folder / "reviews.jsonl", tables)
    given = {"licences": str(folder / "licences.yaml"), "press": str(folder / "press.yaml")}
    sources = KnowledgePaths(corpus, reviews=[str(reviews)], as_of=JUDGED, **given)
    judge_all(Path(tables), Path(tables), sources, engine="duckdb")
    return Path(tables)


def _scan(shards: Path, corpus: str, out: str, release: str | None, spark: SparkSession) -> str:
    config = ScanConfig(read=ReadRules(release=release))
    summary = scan(ScanPlan.of([str(shards)], "auto", corpus, config), out, spark=spark)
    return str(summary.row["run_id"])


def _crawl(pages: Sequence[Page], release: str) -> Iterator[Answer]:
    """What a crawl stored: the demo's pages, and some that declare, credit or stand behind a paywall."""
    gazette, meridien = "https://www.gazette-morvane.example", "https://www.le-meridien.example"
    yield Answer(f"{gazette}/robots.txt", b"User-agent: CCBot\nDisallow: /\n", PLAIN)
    yield Answer(f"{meridien}/robots.txt", b"User-agent: *\nDisallow: /compte/\n", PLAIN)
    for page in pages if release == "CC-MAIN-2024-51" else _later(pages):
        yield Answer(page.url, web_page(page).body, HTML)
    article = press()["meridien-004"]
    paid = web_page(Page(article.url, article.body)).body.replace(b"<article>", b'<article class="paid">')
    wall = f'<script type="application/ld+json">{json.dumps(PAYWALL)}</script></head>'.encode()
    yield Answer(article.url, paid.replace(b"</head>", wall), [*HTML, ("TDM-Reservation", "1")])
    credited = generate.page(press()["hebdo-002"].body, "(AFP)")
    named = b'<meta property="og:site_name" content="Le Courrier des lecteurs"></head>'
    body = web_page(Page("", credited)).body.replace(b"</head>", named)
    yield Answer("https://courrier-des-lecteurs.example/n-31", body, HTML)
    if release == "CC-MAIN-2025-05":
        new = web_page(Page("", generate.page(press()["gazette-002"].body))).body
        yield Answer("https://fromages-de-nos-villages.example/trois-clochers", new, HTML)


def _later(pages: Sequence[Page]) -> Iterator[Page]:
    """What became of the pages of December: two are gone, one has less of its article, and one moved."""
    for page in pages:
        if "actu-relais" in page.url:
            text = generate.page(generate.sentences(press()["lisiere-003"].body, 0, 6))
            yield replace(page, text=text)
        elif "depeches-du-jour" in page.url:
            yield replace(page, url="https://depeches-du-jour.example/archives/ombeline")
        elif page.url not in GONE:
            yield page


def _write_crawl(folder: Path, first: datetime, answers: Sequence[Answer]) -> None:
    folder.mkdir()
    dated = [
        Answer(each.url, each.body, each.headers, at=f"{first + timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ}")
        for n, each in enumerate(answers)
    ]
    for number in range(2):
        write_warc(folder / f"pages-{number:05}.warc.gz", *dated[number::2])


def _write_datasets(folder: Path, shelves: dict[str, list[Page]]) -> None:
    """C4 and OSCAR, which share a capture, and two shards that cannot be read to their end."""
    folder.mkdir()
    both = Page("https://archives-du-net.example/tempete", press()["lisiere-002"].body)
    c4, oscar = shelves["c4"], shelves["oscar"]
    write_c4_json(folder / "c4-fr-00000-of-00003.json.gz", [both, *c4[::2]])
    write_c4_parquet(folder / "c4-fr-00001-of-00003.parquet", c4[1::2])
    write_c4_json(folder / "c4-fr-00002-of-00003.json.gz", c4)
    cut = (folder / "c4-fr-00002-of-00003.json.gz").read_bytes()
    (folder / "c4-fr-00002-of-00003.json.gz").write_bytes(cut[: len(cut) * 2 // 3])
    write_oscar_2301(folder / "fr_meta_part_1.jsonl.zst", [both, *oscar])
    (folder / "fr_meta_part_2.jsonl.zst").write_bytes(random.Random(1).randbytes(4096))


def _write_index(folder: Path) -> None:
    """An index of three crawls, with captures of some articles and of their neighbours."""
    rng = random.Random(7)
    for release, seen, ids in (
        ("CC-MAIN-2024-18", datetime(2024, 4, 15), ["gazette-001"]),
        ("CC-MAIN-2024-26", datetime(2024, 6, 20), ["gazette-001", "courrier-003", "hebdo-001"]),
        ("CC-MAIN-2024-51", datetime(2024, 12, 14), ["gazette-001", "courrier-003", "meridien-004"]),
    ):
        rows = []
        for number, article_id in enumerate(ids):
            url = press()[article_id].url
            host = url.split("/")[2]
            row = row_of(rng, host.removeprefix("www."), "warc", url, host)
            place = row["warc_filename"].replace(CRAWL, release)
            rows.append(row | {"fetch_time": seen + timedelta(hours=number), "warc_filename": place})
        path = folder / f"crawl={release}" / "subset=warc" / "part-00000.c000.gz.parquet"
        write_file(path, rows, 1)


def _write_reviews(path: Path, tables: str) -> Path:
    """A person has looked at one page, and makes no claim."""
    rows = TableStore.open(tables).read("matches", columns=["row_sha256", "document_url"]).to_pylist()
    looked_at = {row["row_sha256"] for row in rows if "forum-des-peintres" in row["document_url"]}
    facts = {
        "verdict": "no_claim",
        "reviewer": "J. Martin",
        "at": "2026-11-20T10:00:00Z",
        "note": "a quotation",
    }
    lines = (json.dumps({"row_sha256": row, **facts}) for row in sorted(looked_at))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Question:
    """A question of a page: its heading, its query, and the answer that is printed."""

    heading: str
    query: str
    answer: str


def questions(text: str) -> list[Question]:
    """All questions of a page, in order."""
    parts = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    found = [(part.partition("\n")[0], QUESTION.search(part)) for part in parts]
    return [Question(heading, each["query"], each["answer"]) for heading, each in found if each]


def answer_of(tables: str, query: str, engine: str = "duckdb", storage: StorageOptions | None = None) -> str:
    """What `presswatch sql` prints."""
    found = run_query(tables, query, engine, storage)
    return "".join(f"{line.rstrip()}\n" for line in table_lines(found.columns, list(found.rows), None))


def main() -> None:
    """Write the answers anew."""
    import tempfile

    from presswatch_spark.core.spark.session import session

    spark = session("the guide", cores=2)
    with tempfile.TemporaryDirectory() as folder:
        tables = str(guide_tables(Path(folder), spark))
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            for question in questions(text):
                before = f"```sql\n{question.query}```\n\n```text\n"
                answer = answer_of(tables, question.query)
                text = text.replace(f"{before}{question.answer}```\n", f"{before}{answer}```\n")
            page.write_text(text, encoding="utf-8")
    spark.stop()


if __name__ == "__main__":
    main()
