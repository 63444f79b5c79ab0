"""Compiles the kernels that an archive brings, in the process that runs it: all that a scan and a build need.

`python -m presswatch_spark.compiled_ahead FOLDER` writes them. `deploy.archive` starts it with the packages
of the archive, and says for which processors (`NUMBA_CPU_NAME`), and where numba keeps what it compiles.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from presswatch_spark.compiled import MADE_FOR, cache_folder, description_of
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.processors import FAMILIES
from presswatch_spark.settings.config import CorpusConfig, ScanConfig
from presswatch_spark.shard.kernels import Rehearsal
from presswatch_spark.storage.objects import StorageOptions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MEMBERS = "publishers: [{id: p, name: P, titles: [{id: t, name: T, domains: [t.example]}]}]\n"
BODY = " ".join(f"mot{number}" for number in range(60))


class Inline:
    """As much of a Spark session as a build asks for, working in this process."""

    defaultParallelism = 2  # noqa: N815

    @property
    def sparkContext(self) -> Inline:  # noqa: N802
        """Itself."""
        return self

    def parallelize(self, items: Sequence[Any], slices: int) -> _Items:
        """The items, which are worked on when they are collected."""
        return _Items(iter(items))


class _Items:
    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items

    def map(self, function: Callable[[Any], Any]) -> _Items:
        return _Items(map(function, self._items))

    def collect(self) -> list[Any]:
        return list(self._items)


def main(folder: Path) -> None:
    """Compile for the family of this machine's processor, and lay what was compiled into a folder."""
    with tempfile.TemporaryDirectory() as work:
        members, articles = Path(work, "members.yaml"), Path(work, "articles.jsonl")
        members.write_text(MEMBERS, encoding="utf-8")
        rows = [{"article_id": str(n), "title_id": "t", "body": f"{BODY} {n}"} for n in range(4)]
        articles.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        session = cast("SparkSession", Inline())
        out = str(Path(work, "corpus"))
        built = build_corpus(session, str(members), [str(articles)], out, CorpusConfig(), StorageOptions())
        for part in Rehearsal(None, out, built.digest, ScanConfig()).parts().values():
            part()
    shutil.copytree(cache_folder(), folder, dirs_exist_ok=True)
    made_for = description_of(FAMILIES[platform.machine()])
    (folder / MADE_FOR).write_text(f"{json.dumps(made_for)}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
