"""Taking in: article files to sorted runs of articles and pieces of the `refused` table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from presswatch_spark.corpus.article_files import RunWriter
from presswatch_spark.corpus.building.account import RefusalWriter
from presswatch_spark.corpus.building.intake import Refusal, read_articles
from presswatch_spark.corpus.building.workspace import Workspace
from presswatch_spark.errors import OutputError
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions


@dataclass(frozen=True, slots=True)
class Files:
    """Article files that one task takes in; `first` is the place of the first in the order of URIs."""

    number: int
    first: int
    infos: tuple[ObjectInfo, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a task took in: the files of its runs, and of its refused rows.

    `placeholders`: by title, the rows whose date of publication stands for none.
    """

    runs: tuple[str, ...]
    refused: tuple[str, ...]
    placeholders: Mapping[str, int]


def grouped(files: Sequence[ObjectInfo], n: int) -> Iterator[Files]:
    """Cut the files, in their order, into at most `n` groups of like size."""
    sizes = [info.size or 1 for info in files]
    share = -(-sum(sizes) // n)
    first, held, number = 0, 0, 0
    for i, size in enumerate(sizes):
        held += size
        if held >= share or i == len(files) - 1:
            yield Files(number, first, tuple(files[first : i + 1]))
            first, held, number = i + 1, 0, number + 1


def take_in(
    work: Workspace, titles: frozenset[str], config: CorpusConfig, storage: StorageOptions, files: Files
) -> Taken:
    """Read a group of files to their ends. Memory holds one run.

    Raises: as `intake.read_articles`; OutputError if this host does not see the workspace.
    """
    if not work.scratch.is_dir():
        raise OutputError(
            "an executor does not see the folder that the corpus is built in",
            where=str(work.scratch),
            remedy="build on one machine (--master local[*]), or put --out where all hosts see it",
        )
    runs = RunWriter(work.scratch, f"run-{files.number:05d}")
    refused = RefusalWriter(work.scratch, f"refused-{files.number:05d}")
    placeholders = Counter[str]()
    for source, info in enumerate(files.infos, files.first):
        for row in read_articles(info, titles, config, storage):
            if isinstance(row, Refusal):
                refused.add([row])
            else:
                runs.add(source, row)
                placeholders[row.fields["title_id"]] += row.placeholder
    runs.flush()
    refused.flush()
    return Taken(tuple(runs.paths), tuple(refused.paths), dict(+placeholders))
