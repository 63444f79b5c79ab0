"""Compiles the kernels of a scan, in processes side by side, before workers need them.

Each worker would else compile for itself, for most of a minute. The kernels fall into parts that have little
in common. Each process takes the next part that no other has begun, and keeps the code on disk. What the
parts miss, workers compile: that is slower, and nothing else.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Self

import numpy as np

from presswatch_spark.child import begin_child
from presswatch_spark.compiled import ALL, load_numba, ready_file
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.formats import registry
from presswatch_spark.formats.descriptor import Format
from presswatch_spark.formats.detection import format_for
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.html.markup import page_text, room_for
from presswatch_spark.judgement.url_bytes import documents_without_url
from presswatch_spark.model import DocumentBatch, Locator, ReadReport
from presswatch_spark.monitoring.compiling import Compiling, telling
from presswatch_spark.rights.signal_rows import Members
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.shard.matcher import Matcher, Rules
from presswatch_spark.sieve.shingle_index import HashRange
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.text.shingles import shingle_hashes
from presswatch_spark.text.words import Words, word_hashes, words_of
from presswatch_spark.verify.minhash import signature
from presswatch_spark.verify.readings import Joined
from presswatch_spark.verify.screen import Screen, window_hashes
from presswatch_spark.verify.verification import NamedDocument, _spans

PROCESSES = max(2, min(4, os.cpu_count() or 1))
WORDS = 24


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What is rehearsed: a scan of shards of `format` (None: of any) for a corpus that is on this host."""

    format: str | None
    corpus: str
    digest: str
    config: ScanConfig

    @classmethod
    def like(cls, shard: str, dataset: str, corpus: str, digest: str, config: ScanConfig) -> Self:
        """Return the rehearsal of a scan of shards like that of this URI, of a format or `auto`.

        Nothing is read of the shard: what it holds may end the process that reads it. Its name alone says of
        what format it is, and may say nothing.
        """
        format = registry.named_like(shard) if dataset == registry.AUTO else registry.named(dataset)
        return cls(format.name if format else None, corpus, digest, config)

    def parts(self) -> Mapping[str, Callable[[], None]]:
        """The parts by name, long ones first; `read` reads pages, so `page` comes before it."""
        format = registry.find(self.format)
        page = {"page": self.page} if format is None or format.responses else {}
        others = {"spans": self.spans, "read": self.read, "runs": self.runs, "standing": self.standing}
        short = {"likeness": self.likeness, "addresses": self.addresses}
        return {"match": self.match, **page, **others, **short}

    def match(self) -> None:
        """Sieve an article as if it were a document, and take it apart into words."""
        corpus = self._opened()
        text = corpus.body(0)
        shingle_hashes(word_hashes(text))
        matcher = Matcher(corpus, Rules.of(self.config))
        for document in (text, b"un mot de li-\nsse"):
            matcher.candidates(_batch_of(document))
        words, first = words_of(text), np.zeros(1, np.int64)
        words.characters(first, first)

    def standing(self) -> None:
        """Judge whose words are, and how rare."""
        matcher = Matcher(self._opened(), Rules.of(self.config), HashRange(0, 1))
        standing = matcher._neighbours().standing(0, _spelled(WORDS).hashes)
        spans = np.array([[0, 0, WORDS, 0]], np.int64)
        standing.judged(spans, self.config.grade.min_run_words, self.config.ownership)

    def likeness(self) -> None:
        """Screen a text for windows of another, and sign it."""
        words = _spelled(WORDS)
        windows = window_hashes(words.hashes, self.config.grade.min_run_words)
        Screen(windows).passes(windows)
        signature(words, self._opened().minhash)

    def addresses(self) -> None:
        """Ask of a document's URL whose it is."""
        corpus, batch = self._opened(), _batch_of(b"-")
        documents_without_url(batch)
        corpus.sites.matches(batch, corpus.urls)
        Members(corpus).wants(batch.url_of(0))

    def runs(self) -> None:
        """Find the common runs of two texts."""
        words = _spelled(WORDS)
        NamedDocument(Joined(words), self.config.verify.anchor_words).runs(words)

    def spans(self) -> None:
        """Make spans of common runs."""
        names, rules = np.arange(WORDS, dtype=np.int32), self.config.verify
        runs = np.array([[0, 0, WORDS]], np.int64)
        _spans(names, names, runs, rules.bridge_gap_words, rules.bridge_run_words)

    def page(self) -> None:
        """Take the text of a page."""
        page = np.frombuffer(b"<p>-</p>", np.uint8)
        page_text(page, np.empty(room_for(len(page)), np.uint8), 0)

    def read(self) -> None:
        """Read small shards of our own."""
        with scratch_folder() as folder:
            for shard in specimens(folder, registry.find(self.format), "-"):
                for languages in self._gates():
                    options = ReadOptions(languages=languages)
                    list(format_for(registry.AUTO, shard, options).read(shard, options, ReadReport()))

    def _gates(self) -> Iterator[frozenset[str]]:
        """Yield the languages that specimens are read with: all, and some where the scan may have a gate."""
        yield frozenset()
        if self.config.read.languages or self.format is None:
            yield frozenset({"fra"})

    def _opened(self) -> Corpus:
        return Corpus.same(self.corpus, self.digest, self.config.storage)


def _batch_of(text: bytes) -> DocumentBatch:
    """A batch of one document."""
    zero, url = np.zeros(1, np.int64), b"https://rehearsal.invalid/"
    bytes_, url_bytes = np.frombuffer(text, np.uint8), np.frombuffer(url, np.uint8)
    return DocumentBatch(
        bytes_, zero, zero + len(text), url_bytes, zero, zero + len(url), lambda i: Locator()
    )


def specimens(folder: Path, format: Format | None, text: str) -> list[ObjectInfo]:
    """Write shards of one document each, of this text, in a format; None: in all that differ."""
    formats = [format] if format else [each for each in registry.FORMATS if each.is_rehearsed]
    written = [path for each in formats for path in each.specimen(folder, text)]
    return [stat(str(path), StorageOptions()) for path in written]


def _spelled(count: int) -> Words:
    """The words of a text of so many letters that stand alone, made without a kernel."""
    starts = 2 * np.arange(count)
    folded = np.frombuffer(b"a\0" * count + bytes(7), np.uint8).copy()
    return Words(folded, starts.astype(np.uint64), folded, starts, starts + 1)


@contextmanager
def compiled_beside(rehearsal: Rehearsal, compiling: Compiling) -> Iterator[None]:
    """Have all that a scan needs compiled by the end of the block, while what is in the block is done.

    Once it is, later scans of this host find it on disk, and nothing is done.
    Where there is no room for it, or a process fails, workers compile.
    """
    ready = ready_file(rehearsal.format or ALL)
    with ExitStack() as stack:
        children = list[subprocess.Popen[bytes]]()
        if not (ready.exists() or ready_file(ALL).exists()):
            with suppress(OSError):
                folder = stack.enter_context(scratch_folder())
                stack.enter_context(compiling)
                children += (_begin(rehearsal, folder, compiling, stack) for _ in range(PROCESSES))
        yield
        codes = [child.wait() for child in children]
    if codes and not any(codes):
        with suppress(OSError):
            ready.touch()


def _begin(
    rehearsal: Rehearsal, folder: Path, compiling: Compiling, stack: ExitStack
) -> subprocess.Popen[bytes]:
    child, questions, answers = begin_child(__name__)
    listener = Thread(target=compiling.follow, args=(answers,), daemon=True)
    listener.start()
    # From the last to the first: its end, what it told before, then its pipes.
    stack.enter_context(child)
    stack.callback(listener.join)
    stack.callback(child.kill)
    with suppress(BrokenPipeError), questions:
        pickle.dump((rehearsal, folder), questions)
    return child


def serve() -> None:
    """Do the parts of a rehearsal that no other process has begun; tell on stdout of what is compiled."""
    rehearsal, folder = pickle.load(sys.stdin.buffer)
    # To look for garbage again and again takes a sixth of the time to compile; this process ends soon.
    gc.disable()
    load_numba()
    with telling(sys.stdout.buffer):
        for name, part in rehearsal.parts().items():
            with suppress(FileExistsError):
                (folder / name).touch(exist_ok=False)
                part()
