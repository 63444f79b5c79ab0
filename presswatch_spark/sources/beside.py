"""Which files are metadata of OSCAR 21.09, and so no shards: a process of its own looks into them.

Whoever plans a scan must not be ended by what a file holds.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from select import POLLIN, poll
from typing import BinaryIO, cast

from presswatch_spark.child import child_command, child_environment
from presswatch_spark.sources.base import ReadOptions
from presswatch_spark.sources.detect import holds_metadata
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions

MOST_SECONDS = 300
"""For a file: what takes longer, or ends the process that looks, is taken for a shard."""
_YES, _NO = b"1", b"0"


def metadata_among(files: Sequence[ObjectInfo], storage: StorageOptions) -> set[str]:
    """URIs of those of `files` that are metadata; of what cannot be read nobody knows."""
    found = set[str]()
    while files:
        answers = list(_answers(files, storage))
        found.update(info.uri for info, answer in zip(files, answers, strict=False) if answer == _YES)
        # Of what it died, it says nothing.
        files = files[len(answers) + 1 :]
    return found


def _answers(files: Sequence[ObjectInfo], storage: StorageOptions) -> Iterator[bytes]:
    with subprocess.Popen(
        child_command(__name__),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
    ) as process:
        told, answers = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
        try:
            told.write(pickle.dumps((list(files), storage)))
            told.close()
            waiting = poll()
            waiting.register(answers, POLLIN)
            # One byte each: a pipe's buffer holds those of all files that anybody plans.
            while waiting.poll(1_000 * MOST_SECONDS) and (answer := answers.read(1)):
                yield answer
        except OSError:
            return
        finally:
            process.kill()


def serve() -> None:
    """Answer for the files that are told on stdin, a byte each."""
    files, storage = pickle.load(sys.stdin.buffer)
    options = ReadOptions(storage=storage)
    for info in files:
        sys.stdout.buffer.write(_YES if holds_metadata(info, options) else _NO)
        sys.stdout.buffer.flush()
