"""Compiles the kernels of a scan, in three processes side by side, while Java starts.

Otherwise, each worker would compile for most of a minute. Workers still compile kernels that are missing.
"""

import gc
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from presswatch_spark.core.compiled import ALL, load_numba, ready_file
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.processes import begin_child
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport, TextColumn
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.corpus.sealed import KeySource
from presswatch_spark.matching.judgement.match_rows import Origin
from presswatch_spark.matching.judgement.sites import documents_without_url
from presswatch_spark.matching.sieve import Candidates
from presswatch_spark.matching.verify.verification import Joined, NamedDocument, most_spans, verify
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.source import Format, ReadOptions
from presswatch_spark.reading.text.words import TextWords
from presswatch_spark.scanning.shard.matcher import Matcher
from presswatch_spark.scanning.shard.sealed_candidates import finder_of
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat

WORDS = 24
ABOUT_SECONDS = 20
"""Time of the compilation on two cores of a machine of 2026."""
_ORIGIN = Origin("rehearsal", None, "rehearsal")


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A scan of one small document that compiles each kernel; `format`: of the shards; None: any.

    `key`: of a sealed corpus.
    """

    format: str | None
    corpus: str
    digest: str
    config: ScanConfig
    key: KeySource | None = None

    def parts(self) -> Mapping[str, Callable[[], None]]:
        """Return the parts by name; they have few kernels in common."""
        if self.key:
            return {"match": self.match, "read": self.read}
        return {"match": self.match, "verify": self.verify, "read": self.read}

    def match(self) -> None:
        """Match an article with itself; with a sealed corpus, count how much of it another text has."""
        finder = finder_of(self.corpus, self.digest, self.config, key=self.key)
        body = finder.corpus.body(0) if isinstance(finder, Matcher) else b""
        text = TextColumn.joined([body + b"\nun mot de li-\nsse " * 8])
        batch = DocumentBatch(text, TextColumn.joined([b"https://a.invalid/"]), lambda i: Locator())
        documents_without_url(batch)
        found = finder.candidates(batch)
        pair = Candidates(np.zeros(1, np.int32), np.zeros(1, np.uint32), found.words)
        for _ in finder.rows(batch, pair, _ORIGIN):
            pass
        if finder.wants:
            finder.wants(batch.url_of(0))

    def verify(self) -> None:
        """Compare words with themselves; no kernel makes these words."""
        starts = 2 * np.arange(WORDS)
        folded = np.frombuffer(b"a\0" * WORDS + bytes(7), np.uint8).copy()
        words = TextWords(folded, starts.astype(np.uint64), folded, starts, starts + 1)
        joined, rules = Joined(words), self.config.verify
        verify(NamedDocument(joined, rules.anchor_words), joined, rules, most_spans(1))

    def read(self) -> None:
        """Read small shards: for all languages and, if the scan may have a gate, for some languages."""
        gates = [frozenset[str]()]
        if self.config.read.languages or self.format is None:
            gates.append(frozenset({"fra"}))
        with scratch_folder() as folder:
            for shard in specimens(folder, known_formats.find(self.format), "-"):
                for languages in gates:
                    options = ReadOptions(languages=languages)
                    list(format_for(known_formats.AUTO, shard, options).read(shard, options, ReadReport()))


def specimens(folder: Path, format: Format | None, text: str) -> list[ObjectInfo]:
    """Write shards of one document each, with this text, in a format; None: in all formats."""
    writers = dict.fromkeys(each.specimen for each in ([format] if format else known_formats.FORMATS))
    written = [path for write in writers for path in write(folder, text)]
    return [stat(str(path), StorageOptions()) for path in written]


@contextmanager
def compiled_beside(rehearsal: Rehearsal, say: Callable[[str, str], None]) -> Iterator[None]:
    """Compile the kernels of a scan while the block runs, unless they are on disk; if this fails, workers do.

    `say` gets the name of an event and a line.
    """
    kind = "sealed-" if rehearsal.key else ""
    ready = ready_file(f"{kind}{rehearsal.format or ALL}")
    if ready.exists() or ready_file(f"{kind}{ALL}").exists():
        yield
        return
    say("compiling", f"compiling kernels, once (about {ABOUT_SECONDS} s)")
    with ExitStack() as stack:
        children = []
        for part in rehearsal.parts():
            child, questions, _ = begin_child(__name__)
            stack.enter_context(child)
            stack.callback(child.kill)
            with suppress(BrokenPipeError), questions:
                pickle.dump((rehearsal, part), questions)
            children.append(child)
        yield
        codes = [child.wait() for child in children]
    if not any(codes):
        with suppress(OSError):
            ready.touch()


def serve() -> None:
    """Do one part of a rehearsal."""
    rehearsal, part = pickle.load(sys.stdin.buffer)
    # The collection of garbage would take a sixth of the time.
    gc.disable()
    load_numba()
    rehearsal.parts()[part]()
