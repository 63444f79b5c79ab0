"""Finds the files that are read beside others, and so are no shards. A process of its own looks into them.

What a file holds must not end the process that plans a scan.
"""

import pickle
import sys
from collections.abc import Iterator, Sequence
from select import POLLIN, poll

from presswatch_spark.formats import registry
from presswatch_spark.formats.detection import is_companion
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.processes import begin_child
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions

MOST_SECONDS = 300
"""For a file: what takes longer, or ends the process that looks, is taken for a shard."""
_YES, _NO = b"1", b"0"


def companions_among(planned: Sequence[ObjectInfo], format: str, storage: StorageOptions) -> set[str]:
    """Return the URIs of those `planned` files that are read with another of them, if all are of `format`.

    Their content decides, not their name: a file that cannot be read is taken for a shard.
    """
    uris = {info.uri for info in planned}
    beside = named_companions(uris, format)
    return _confirmed([info for info in planned if info.uri in beside], storage)


def named_companions(uris: set[str], format: str) -> set[str]:
    """Return those of `uris` that are named like companions of others."""
    asked = [each for each in registry.FORMATS if format in (registry.AUTO, each.name)]
    where = [each.companions.beside for each in asked if each.companions]
    return {beside for uri in uris for names in where for beside in names(uri)} & uris


def _confirmed(files: Sequence[ObjectInfo], storage: StorageOptions) -> set[str]:
    """Return the URIs of those `files` that are companions by their content."""
    confirmed = set[str]()
    while files:
        answers = list(_answers(files, storage))
        confirmed.update(info.uri for info, answer in zip(files, answers, strict=False) if answer == _YES)
        # The process says nothing of the file that ended it.
        files = files[len(answers) + 1 :]
    return confirmed


def _answers(files: Sequence[ObjectInfo], storage: StorageOptions) -> Iterator[bytes]:
    process, questions, answers = begin_child(__name__)
    with process:
        try:
            questions.write(pickle.dumps((list(files), storage)))
            questions.close()
            waiting = poll()
            waiting.register(answers, POLLIN)
            # An answer is one byte: the buffer of the pipe holds the answers for all files of any plan.
            while waiting.poll(1_000 * MOST_SECONDS) and (answer := answers.read(1)):
                yield answer
        except OSError:
            return
        finally:
            process.kill()


def serve() -> None:
    """Read the list of files from stdin, and answer with one byte for each."""
    files, storage = pickle.load(sys.stdin.buffer)
    options = ReadOptions(storage=storage)
    for info in files:
        sys.stdout.buffer.write(_YES if is_companion(info, options) else _NO)
        sys.stdout.buffer.flush()
