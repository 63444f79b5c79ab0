"""Claims from texts to letters without Spark: a corpus, runs over pages of the web, and what is claimed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from presswatch_spark.claims.make import ClaimsSummary, KnowledgePaths, make_claims, read_knowledge
from presswatch_spark.cli.demo.shards import CannedResponse, write_warc
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.tables.store import TableStore
from tests.world.corpora import article, corpus_of, write_jsonl
from tests.world.prose import prose
from tests.world.scanned import scan_here

AS_OF = date(2026, 11, 27)
PUBLISHED, LATER, EVENING_BEFORE, YEAR_BEFORE = (
    "2024-03-10T06:30:00Z", "2024-05-02T10:00:00Z", "2024-03-09T20:00:00Z", "2023-03-01T10:00:00Z",
)  # fmt: skip


def text(seed: int, words: int = 400) -> str:
    """Prose of so many words that no other seed gives."""
    return prose(random.Random(seed), words)


@dataclass(frozen=True)
class Seen:
    url: str
    text: str
    at: str = LATER


@dataclass
class House:
    """A corpus, tables, and the files beside them, in a folder."""

    folder: Path
    articles: list[dict[str, Any]] = field(default_factory=list)
    runs: int = 0

    @property
    def corpus(self) -> Path:
        return self.folder / "corpus"

    @property
    def tables(self) -> Path:
        return self.folder / "tables"

    def print(self, number: int, body: str, **fields: Any) -> None:
        facts = {"published_at": PUBLISHED, "body": body} | fields
        self.articles.append(article(number, **facts))

    def build(self) -> None:
        corpus_of(self.folder, self.articles)

    def scan(self, *pages: Seen) -> None:
        """Scan pages as one run, published after those before."""
        if not self.corpus.exists():
            self.build()
        shard = self.folder / f"pages-{self.runs + 1}.jsonl"
        rows = [{"url": page.url, "text": page.text, "date": page.at} for page in pages]
        self._scan(write_jsonl(shard, rows))

    def scan_web(self, pages: Mapping[str, str]) -> None:
        """Scan pages of HTML, by URL, as one run."""
        shard = self.folder / f"pages-{self.runs + 1}.warc.gz"
        head = [("Content-Type", "text/html; charset=utf-8")]
        responses = [CannedResponse(url, head, page.encode(), "fra") for url, page in pages.items()]
        if not self.corpus.exists():
            self.build()
        write_warc(shard, responses)
        self._scan(shard)

    def _scan(self, shard: Path) -> None:
        self.runs += 1
        scan_here([shard], self.corpus, self.tables, run_id=f"2026112{self.runs}T000000Z-abcdef")

    def claims(
        self, out: str = "claims", config: ScanConfig | None = None, engine: str = "duckdb", **sources: Any
    ) -> list[dict[str, Any]]:
        """Make the table `claims`; return its rows."""
        where = self.folder / out
        given = KnowledgePaths(**({"corpus": str(self.corpus), "as_of": AS_OF} | sources))
        judge_all(self.tables, where, given, config, engine=engine)
        return list(TableStore.open(str(where)).read("claims").to_pylist())


def judge_all(
    tables: Path,
    out: Path,
    sources: KnowledgePaths,
    config: ScanConfig | None = None,
    engine: str = "auto",
) -> ClaimsSummary:
    """Make the table `claims` of all runs of `tables` in `out`."""
    store = TableStore.open(str(tables))
    return make_claims(store, read_knowledge(store, sources, config or ScanConfig()), str(out), engine=engine)


def by_host(claims: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The claims by the host of their page, of which each must have one."""
    found = {claim["document_host"]: claim for claim in claims}
    assert len(found) == len(claims)
    return found
