"""A press that never was: articles of random words, and WET shards with copies of known length in them."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from pyspark.sql import SparkSession
from warcio.warcwriter import WARCWriter

from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.scanning.monitoring.progress import Progress
from presswatch_spark.scanning.pipeline import ScanPlan, scan
from presswatch_spark.scanning.runs.run_work import RunSummary
from presswatch_spark.tables.store import TableStore

MEMBERS = """
publishers:
  - id: publisher
    name: Publisher
    titles:
      - {id: daily, name: Daily, domains: [daily.example]}
"""
SYLLABLES = "ba ce di fo gu ha jo ké lu mé no pa qui ra sœ ti va".split()  # noqa: SIM905
ARTICLES = 40
ARTICLE_WORDS = 300
GUARANTEED = 11


@dataclass(frozen=True, slots=True)
class Press:
    """Where it lies, and the truth: pairs (document URL, article id) with a run of 11 words or more."""

    members: Path
    articles: Path
    shards: Path
    pairs: frozenset[tuple[str, str]]


def write_press(folder: Path, shards: int, pages: int) -> Press:
    """Write a members file, articles, and `shards` shards of `pages` pages each; a tenth copies."""
    random = Random(20261124)
    folder.mkdir(parents=True)
    bodies = [words(random, ARTICLE_WORDS) for _ in range(ARTICLES)]
    (folder / "members.yaml").write_text(MEMBERS)
    with (folder / "articles.jsonl").open("w") as file:
        for number, body in enumerate(bodies):
            row = {"article_id": f"a{number}", "title_id": "daily", "url": f"https://daily.example/{number}"}
            row |= {"headline": "h", "body": " ".join(body), "published_at": "2026-01-01T00:00:00Z"}
            file.write(json.dumps(row) + "\n")
    pairs: set[tuple[str, str]] = set()
    (folder / "shards").mkdir()
    for shard in range(shards):
        with (folder / "shards" / f"CC-{shard:03}.warc.wet.gz").open("wb") as file:
            writer = WARCWriter(file, gzip=True)
            for page in range(pages):
                url = f"https://web.example/{shard}/{page}"
                text, copied = page_text(random, bodies)
                pairs |= {(url, article) for article in copied}
                writer.write_record(
                    writer.create_warc_record(
                        url, "conversion", io.BytesIO(text.encode()), warc_content_type="text/plain"
                    )
                )
    return Press(folder / "members.yaml", folder / "articles.jsonl", folder / "shards", frozenset(pairs))


def page_text(random: Random, bodies: list[list[str]]) -> tuple[str, set[str]]:
    """A page, and the articles of which it holds a run long enough."""
    text, copied = words(random, random.randrange(50, 800)), set()
    if random.random() < 0.1:
        article = random.randrange(ARTICLES)
        length = random.choice([9, 10, 11, 12, 40, ARTICLE_WORDS])
        start = random.randrange(ARTICLE_WORDS - length + 1)
        place = random.randrange(len(text))
        # Words of no article on both sides: chance must not make a run longer.
        text[place:place] = ["x", *bodies[article][start : start + length], "y"]
        if length >= GUARANTEED:
            copied.add(f"a{article}")
    return " ".join(text), copied


def words(random: Random, count: int) -> list[str]:
    """Random words; eleven of them in a row do not come twice."""
    return ["".join(random.choices(SYLLABLES, k=random.randrange(1, 5))) for _ in range(count)]


@dataclass(frozen=True)
class Scanned:
    """A scan: its summary, what was said meanwhile, and its tables."""

    summary: RunSummary
    said: str
    out: Path

    @property
    def row(self) -> Any:
        return self.summary.row

    def rows(self, table: str = "matches") -> list[dict[str, Any]]:
        return TableStore.open(str(self.out)).read(table, self.summary.run_id).to_pylist()

    def copies(self) -> list[dict[str, Any]]:
        """The matches that were found in texts."""
        return [row for row in self.rows() if row["grade"] != "url_only"]


@dataclass(frozen=True)
class Scanner:
    """Scans with the corpus of the press, into folders below `folder`."""

    spark: SparkSession
    corpus: Path
    folder: Path

    def __call__(
        self, *paths: Path | str, out: str = "out", config: ScanConfig | None = None, **given: Any
    ) -> Scanned:
        """Scan quietly; `given` are rules of a run, and arguments of `scan`."""
        dataset, sample, command = (given.pop(name, None) for name in ("dataset", "sample", "command"))
        rules = {"wave_shards": 10, "shards_per_task": 3, **given}
        config = config or ScanConfig(run=RunRules(**rules))
        shards, said = [str(path) for path in paths], io.StringIO()
        planned = ScanPlan.of(shards, dataset or "wet", str(self.corpus), config, sample=sample)
        summary = scan(
            planned, str(self.folder / out), command=command, spark=self.spark,
            progress=Progress(said, live=False),
        )  # fmt: skip
        return Scanned(summary, said.getvalue(), self.folder / out)
