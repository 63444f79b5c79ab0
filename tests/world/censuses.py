"""A corpus for censuses, index files by hand, and the census of a file without Spark."""

import os
import random
import signal
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from presswatch_spark.core.settings.config import ReadRules, RunRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.scanning.census import FileCensus, wanted_of
from presswatch_spark.scanning.crawl_index.wanted import Wanted
from presswatch_spark.scanning.runs.run_work import Outcome
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat
from tests.world.corpora import article, corpus_of
from tests.world.index_files import Row, row_of

MEMBERS = """\
publishers:
  - id: north
    name: Nord
    titles:
      - {id: gazette, name: La Gazette, domains: [gazette.fr]}
      - {id: carnet, name: Le Carnet, domains: [plateforme.fr], url_prefixes: [plateforme.fr/carnet/]}
      - {id: ete, name: L'Été, domains: [été.fr]}
  - id: south
    name: Sud
    titles:
      - {id: absent, name: L'Absent, domains: [absent.fr]}
"""
SITES = {"gazette.fr": "gazette", "plateforme.fr/carnet/": "carnet", "absent.fr": "absent"}
ARTICLES = {"https://www.gazette.fr/une/pont": "pont", "https://agence.com/depeches/7": "depeche"}
FAST = StorageOptions(backoff_base=0.001)


def census_corpus(folder: Path, members: str = MEMBERS, articles_at: Mapping[str, str] = ARTICLES) -> Path:
    """The corpus of the members above, and of an article on its title's site and one on another's.

    Other members need a title `gazette` to own them.
    """
    rows = [
        article(number, article_id=id_, title_id="gazette", url=url)
        for number, (url, id_) in enumerate(articles_at.items())
    ]
    return corpus_of(folder, rows, members=members)


def some_rows(seed: int = 1, subset: str = "warc") -> list[Row]:
    """Captures of members' pages and of their neighbours in the order of keys, a few of each."""
    rng = random.Random(seed)
    domains = ["gazette.fr", "gazette-du-nord.fr", "gazettes.fr", "gazett.fr", "plateforme.fr", "zzz.fr"]
    rows = [row_of(rng, domain, subset) for domain in domains for _ in range(40)]
    for host, domain, paths in (
        ("blogs.gazette.fr", "gazette.fr", ("/x", "/y/z")),
        ("www.plateforme.fr", "plateforme.fr", ("/carnet/1", "/carnet/2/b", "/carnets/3", "/autre")),
        ("www.gazette.fr", "gazette.fr", ("/une/pont",)),
        ("agence.com", "agence.com", ("/depeches/7", "/depeches/8")),
    ):
        rows += [row_of(rng, domain, subset, f"https://{host}{path}", host) for path in paths]
    return rows


def take(
    corpus: Path,
    file: Path | ObjectInfo,
    storage: StorageOptions = FAST,
    *,
    attempts: int = 1,
    release: str | None = None,
) -> tuple[Outcome, list[dict[str, Any]]]:
    """The census of one file: its outcome, and its captures."""
    digest, wanted = _sought(str(corpus))
    info = stat(str(file), storage) if isinstance(file, Path) else file
    config = ScanConfig(
        read=ReadRules(release=release), run=RunRules(shard_attempts=attempts), storage=storage
    )
    census = FileCensus(str(corpus), digest, wanted, config)
    outcome = census(info)
    return outcome, [row for batch in outcome.tables["captures"] for row in batch.to_pylist()]


@lru_cache(maxsize=2)
def _sought(corpus: str) -> tuple[str, Wanted]:
    """The digest of a corpus, and what a census looks for with it."""
    opened = Corpus.open(corpus, check=False)
    return opened.manifest.digest, wanted_of(opened)


class Deadly(FileCensus):
    """Kills the worker that takes a file of the subset `robotstxt`."""

    def __call__(self, info: ObjectInfo) -> Outcome:
        if "robotstxt" in info.uri:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(info)


class Counting(FileCensus):
    """Leaves a line in a hidden file beside each file for each time that it is read."""

    def __call__(self, info: ObjectInfo) -> Outcome:
        with _reads_of(Path(info.uri)).open("a") as file:
            file.write("read\n")
        return super().__call__(info)


def times_read(index: Path) -> dict[str, int]:
    """How often each file of an index was read by a `Counting` census, by its path."""
    files = sorted(index.rglob("*.parquet"))
    return {
        str(path): len(reads.read_text().splitlines())
        for path in files
        if (reads := _reads_of(path)).exists()
    }


def _reads_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.reads")


def nested(rows: Iterable[Row]) -> pa.Table:
    """The same rows in the nested schema, as far as a census reads it."""
    return pa.Table.from_pylist([_nested(row) for row in rows])


def _nested(row: Row) -> dict[str, Any]:
    host = {"name": row["url_host_name"], "registered_domain": row["url_host_registered_domain"]}
    found: dict[str, Any] = {"url": {"surtkey": row["url_surtkey"], "url": row["url"], "host": host}}
    for group, names in (
        ("fetch", ("time", "status")),
        ("content", ("digest", "mime_type", "mime_detected", "charset", "languages")),
        ("warc", ("filename", "record_offset", "record_length")),
    ):
        found[group] = {name: row[f"{group}_{name}"] for name in names}
    return found


def seen(rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What a person would compare of captures."""
    names = (
        "url", "title_id", "article_id", "captured_at", "http_status", "mime_declared", "mime_detected",
        "charset", "payload_digest", "warc_filename", "record_offset", "record_length", "subset", "release",
        "languages",
    )  # fmt: skip
    return sorted(tuple(str(row[name]) for name in names) for row in rows)
