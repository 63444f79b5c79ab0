"""The folder in which a corpus is built: hidden, beside the output, and moved there in one last step.

A build that is killed leaves only the hidden folder, which nothing takes for a corpus; the next build of the
same output removes it. A full disk is reported as such.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from presswatch_spark.corpus.arrays import writing
from presswatch_spark.corpus.layout import MANIFEST
from presswatch_spark.errors import OutputError
from presswatch_spark.storage.drafts import hidden_draft
from presswatch_spark.storage.file_locks import CORPUS_BUILD

POSTINGS, BANDS, WORDS, URLS = "postings", "bands", "words", "urls"
"""Kinds of keys; each part writes a run of each kind."""


@dataclass(frozen=True, slots=True)
class BuildWorkspace:
    """`corpus` becomes the output; `scratch` holds files that are needed only on the way."""

    corpus: Path
    scratch: Path

    def run(self, kind: str, part: int) -> Path:
        """Return the folder of the sorted run of a part's keys of a kind (see `key_runs.write_run`)."""
        return self.scratch / kind / f"part-{part:05d}"


@contextmanager
def workspace(out: Path) -> Iterator[BuildWorkspace]:
    """Make a locked, empty workspace for `out`; on success its corpus is moved there. The rest is removed.

    Raises:
        OutputError: `out` is not empty, another build is at work on it, or the disk is full or not writable.
    """
    out = out.absolute()
    _require_free(out)
    with writing(out), hidden_draft(out, CORPUS_BUILD) as draft:
        work = BuildWorkspace(draft / "corpus", draft / "scratch")
        work.corpus.mkdir()
        work.scratch.mkdir()
        yield work
        os.rename(work.corpus, out)


def _require_free(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError("the output is a file", where=str(out), remedy="give --out a new folder")
    if (out / MANIFEST).exists():
        raise OutputError(
            "there is a corpus already, and a corpus never changes",
            where=str(out),
            remedy="give --out a new folder, or delete this one",
        )
    if any(out.iterdir()):
        raise OutputError("the output folder is not empty", where=str(out), remedy="give --out a new folder")
