"""The product, run as its users run it: `presswatch corpus build`, `presswatch scan`, and the tables read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from benchmarks.quality.material import PUBLISHERS, title_of
from benchmarks.quality.pages import Planted
from benchmarks.quality.responses import write_pages
from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import DemoArticle
from presswatch_spark.tables.store import TableStore
from tests.world.shards import write_rows_parquet

FORMATS: Mapping[str, tuple[str, Callable[[Path, Iterable[Planted]], object]]] = {
    "WET": ("CC-MAIN-20241214015810-20241214045810-{:05}.warc.wet.gz", shards.write_wet),
    "C4": ("c4-fr.tfrecord-{:05}-of-00002.json.gz", shards.write_c4_json),
    "OSCAR": ("fr_meta_part_{}.jsonl.zst", shards.write_oscar_2301),
    "rows": ("rows-{:05}.parquet", write_rows_parquet),
    "WARC": ("CC-MAIN-20241201162023-20241201192023-{:05}.warc.gz", write_pages),
}
SHARDS = 2


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of `matches` by format, then by (document, article); seconds of both commands, start included."""

    rows: Mapping[str, Mapping[tuple[str, str], Mapping[str, Any]]]
    build_seconds: float
    scan_seconds: float


def write_members(folder: Path, articles: Sequence[DemoArticle]) -> None:
    """Write `members.yaml` and `articles.jsonl`."""
    publishers = [
        {
            "id": publisher,
            "name": publisher.title(),
            "titles": [
                {"id": title_of(o), "name": o, "domains": [o if "." in o else f"{o}.example"]}
                for o in outlets
            ],
        }
        for publisher, outlets in PUBLISHERS.items()
    ]
    (folder / "members.yaml").write_text(yaml.safe_dump({"publishers": publishers}), encoding="utf-8")
    with (folder / "articles.jsonl").open("w", encoding="utf-8") as file:
        for article in articles:
            row = asdict(article) | {"published_at": article.published_at or None}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_shards(folder: Path, pages: Sequence[Planted]) -> None:
    """Write every page in every format, in two shards each."""
    folder.mkdir()
    for pattern, write in FORMATS.values():
        for number in range(SHARDS):
            write(folder / pattern.format(number), pages[number::SHARDS])


def write_background(folder: Path, pages: Sequence[Planted]) -> None:
    """Write the background sample as a WET shard."""
    folder.mkdir()
    shards.write_wet(folder / "CC-MAIN-20230518015810-20230518045810-00000.warc.wet.gz", pages)


def takes_background() -> bool:
    """Whether this version builds corpora with a background sample."""
    return "--background" in presswatch("corpus", "build", "--help")


def find(folder: Path, name: str, background: Path | None = None) -> Found:
    """Build a corpus and scan the shards; `folder` holds what the writers above wrote."""
    corpus, tables = folder / f"corpus-{name}", folder / f"tables-{name}"
    began = time.perf_counter()
    sample = ("--background", str(background)) if background else ()
    members, articles = str(folder / "members.yaml"), str(folder / "articles.jsonl")
    given = ("--members", members, "--articles", articles, "--out", str(corpus))
    presswatch("corpus", "build", *given, *sample)
    if refused := pq.read_table(corpus / "refused.parquet").num_rows:
        sys.exit(f"{refused} articles were refused: the bench would take them for missed")
    built = time.perf_counter()
    presswatch(
        "scan",
        "--format",
        "auto",
        "--no-embedded-text",
        "--corpus",
        str(corpus),
        "--out",
        str(tables),
        str(folder / "shards"),
    )
    scanned = time.perf_counter()
    return Found(read_rows(tables), built - began, scanned - built)


def presswatch(*arguments: str) -> str:
    """Run a command of the product; its output.

    Raises:
        SystemExit: it failed, or was not complete.
    """
    command = [sys.executable, "-m", "presswatch_spark", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"presswatch {' '.join(arguments)}\nended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def read_rows(tables: Path) -> dict[str, dict[tuple[str, str], dict[str, Any]]]:
    """Rows of articles' words by format; rows that only a URL speaks for are left out."""
    store = TableStore.open(str(tables))
    heads = {pattern.partition("{")[0]: name for name, (pattern, _) in FORMATS.items()}
    rows: dict[str, dict[tuple[str, str], dict[str, Any]]] = defaultdict(dict)
    [run] = store.read("runs").to_pylist()
    for row in store.read("matches", run["run_id"]).to_pylist():
        if row["grade"] != "url_only":
            file = row["shard_uri"].rpartition("/")[2]
            name = next(name for head, name in heads.items() if file.startswith(head))
            key = (row["document_url"], row["article_id"])
            if key in rows[name]:
                sys.exit(f"two rows for one pair: {key}")
            rows[name][key] = row
    return rows
