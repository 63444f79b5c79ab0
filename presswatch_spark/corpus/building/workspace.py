"""The folder in which a corpus is built, and the spread of its work over Spark.

The folder is hidden, beside the output, and moved there in one last step. A build that is killed leaves only
that folder, which nothing takes for a corpus; the next build of the same output removes it. A full disk is
reported as such. Spark carries functions and their items out, and small results back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from presswatch_spark.corpus import arrays
from presswatch_spark.corpus.layout import MANIFEST
from presswatch_spark.errors import OutputError, PresswatchError
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.spark.worker import task
from presswatch_spark.storage.drafts import hidden_draft
from presswatch_spark.storage.locks import CORPUS_BUILD

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Item = TypeVar("Item")
Result = TypeVar("Result")

POSTINGS, BANDS, WORDS, URLS = "postings", "bands", "words", "urls"
"""Kinds of keys; each part writes a run of each kind."""
TASKS_PER_CORE = 4
"""Tasks that read files, for each core."""


@dataclass(frozen=True, slots=True)
class BuildWorkspace:
    """`corpus` becomes the output; `scratch` holds files that are needed only on the way."""

    corpus: Path
    scratch: Path

    def run(self, kind: str, part: int) -> Path:
        """Return the folder of the sorted run of a part's keys of a kind (see `index.write_run`)."""
        return self.scratch / kind / f"part-{part:05d}"


@contextmanager
def workspace(out: Path) -> Iterator[BuildWorkspace]:
    """Make a locked, empty workspace for `out`; on success its corpus is moved there. The rest is removed.

    Raises:
        OutputError: `out` is not empty, another build is at work on it, or the disk is full or not writable.
    """
    out = out.absolute()
    if out.exists() and not out.is_dir():
        raise OutputError("the output is a file", where=str(out), remedy="give --out a new folder")
    if (out / MANIFEST).exists():
        raise OutputError(
            "there is a corpus already, and a corpus never changes",
            where=str(out),
            remedy="give --out a new folder, or delete this one",
        )
    if out.exists() and any(out.iterdir()):
        raise OutputError("the output folder is not empty", where=str(out), remedy="give --out a new folder")
    with arrays.writing(out), hidden_draft(out, CORPUS_BUILD) as draft:
        work = BuildWorkspace(draft / "corpus", draft / "scratch")
        work.corpus.mkdir()
        work.scratch.mkdir()
        yield work
        os.rename(work.corpus, out)


def spread(
    spark: SparkSession, place: str | Path, function: Callable[[Item], Result], items: Iterable[Item]
) -> list[Result]:
    """Apply `function`, which writes below `place`, to every item in a task of its own; results in order.

    Errors that users may see come back as values. So all are known before one is raised, and Spark neither
    retries nor logs them. Several are raised as one, of the class of the first.
    """
    work = list(items)
    guarded = partial(_guarded, place, function)
    with spark_errors(place):
        outcomes = spark.sparkContext.parallelize(work, max(1, len(work))).map(guarded).collect()
    errors = [outcome for outcome in outcomes if isinstance(outcome, PresswatchError)]
    if len(errors) > 1:
        lines = [f"{len(errors)} tasks failed:", *(f"  {error}" for error in errors)]
        raise type(errors[0])("\n".join(lines))
    if errors:
        raise errors[0]
    return [outcome for outcome in outcomes if not isinstance(outcome, PresswatchError)]


def _guarded(place: str | Path, function: Callable[[Item], Result], item: Item) -> Result | PresswatchError:
    try:
        with task(), arrays.writing(place):
            return function(item)
    except PresswatchError as error:
        return error
