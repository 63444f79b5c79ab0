"""The memory of a worker that meets one huge record: whatever the format, whatever the text is made of."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.scale.material import sentence_pool
from benchmarks.speed import articles
from benchmarks.speed.processes import apart, below
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.cli.demo.shards import CannedResponse, write_warc, write_wet
from presswatch_spark.core.settings.config import ReadRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.reading import registry
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.shard.kernels import specimens
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.storage.objects import stat

MIB = 1 << 20
URL = "https://huge.example/1"
SECONDS_BETWEEN_LOOKS = 0.02


def prose(size: int) -> str:
    """French of about so many bytes, an article in its middle."""
    line = "\n".join(sentence_pool()[:5_000])
    half = (line * (size // (2 * len(line.encode())) + 1))[: size // 2]
    return f"{half}\n{articles.body(0)}\n{half}"


def letters(size: int) -> str:
    """Words of one letter, the most that fit into so many bytes, around an article."""
    half = "a b c d e f g h i j k l m n o p q r s t u v w x y z " * (size // 104)
    return f"{half}\n{articles.body(0)}\n{half}"


def _wet(path: Path, text: str) -> None:
    write_wet(path, [Page(URL, text)])


def _warc(path: Path, text: str) -> None:
    paragraphs = "".join(f"<p>{line}</p>\n" for line in text.split("\n"))
    body = f"<!DOCTYPE html><html><body>{paragraphs}</body></html>".encode()
    write_warc(path, [CannedResponse(URL, [("Content-Type", "text/html; charset=UTF-8")], body, "fra")])


def _jsonl(path: Path, text: str) -> None:
    path.write_text(json.dumps({"url": URL, "text": text}, ensure_ascii=False) + "\n", "utf-8")


def _parquet(path: Path, text: str) -> None:
    pq.write_table(pa.table({"url": [URL], "text": [text]}), path, compression="zstd")


WRITERS: dict[str, tuple[str, str, Callable[[Path, str], None]]] = {
    "WET": ("wet", "huge.warc.wet.gz", _wet),
    "WARC": ("warc", "huge.warc.gz", _warc),
    "JSON lines": ("rows", "huge.jsonl", _jsonl),
    "Parquet": ("rows", "huge.parquet", _parquet),
}


class PeakTree:
    """The most memory that this process and those below it had together, in bytes, while the block ran."""

    def __init__(self) -> None:
        self.resident = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        me = os.getpid()
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            self.resident = max(self.resident, sum(map(_resident, [me, *below(me)])))


def _resident(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def scanned(corpus: str, shard: str, dataset: str, limit: int) -> dict[str, Any]:
    """Scan a shard in this process: its outcome, seconds, and the memory that it took, in bytes."""
    scan = ShardScan(
        dataset,
        corpus,
        Corpus.open(corpus, check=False).manifest.digest,
        ScanConfig(read=ReadRules(max_document_bytes=limit)),
    )
    info = stat(shard, scan.config.storage)
    with scratch_folder() as folder:
        for specimen in specimens(folder, registry.find(dataset), "-"):
            scan(specimen)  # loads the kernels
    with PeakTree() as peak:
        began = time.perf_counter()
        outcome = scan(info)
        seconds = time.perf_counter() - began
    return {
        "status": outcome.log["status"],
        "error": outcome.log["error"],
        "matches": outcome.log["matches"],
        "seconds": round(seconds, 2),
        "resident": peak.resident,
    }


def measure(folder: Path, corpus: Path, megabytes: tuple[int, ...]) -> dict[str, Any]:
    """Peak memory for one record of each size, format and kind of text, no limit being in the way."""
    runs = []
    for kind, text_of in (("prose", prose), ("letters", letters)):
        for size in megabytes:
            text = text_of(size * MIB)
            for name, (dataset, file, write) in WRITERS.items():
                path = folder / file
                write(path, text)
                found = apart(scanned, str(corpus), str(path), dataset, 1 << 40)
                path.unlink()
                assert found["matches"] == 1, found
                runs.append(
                    {
                        "format": name,
                        "text": kind,
                        "record_mib": size,
                        "peak_megabytes": round(found["resident"] / 1e6),
                        "seconds": found["seconds"],
                    }
                )
    return {"runs": runs}
