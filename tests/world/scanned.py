"""Published tables without Spark: shards scanned in this process, and shards changed after it."""

import gzip
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import DemoArticle, Page
from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, row_settings
from presswatch_spark.corpus.store import Corpus, article_rows
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.runs.run_work import Outcome
from presswatch_spark.storage.objects import stat
from presswatch_spark.tables.declarations import CorpusArticle, ShardLog
from presswatch_spark.tables.digests import row_digest
from presswatch_spark.tables.store import TableStore
from tests.world.corpora import article, corpus_of
from tests.world.prose import articles, pages
from tests.world.shards import write_oscar_2201, write_oscar_parquet, write_rows_parquet
from tests.world.tables import publish, write

SEED = 20261125
FORMS: dict[str, Callable[[Path, Sequence[Page]], object]] = {
    "a.warc.wet.gz": shards.write_wet,
    "plain.warc.wet": shards.write_wet,
    "single.warc.wet.gz": lambda path, found: shards.write_wet(path, found, one_member=True),
    "pages.warc.gz": lambda path, found: shards.write_warc(path, map(shards.web_page, found)),
    "plain.warc": lambda path, found: shards.write_warc(path, map(shards.web_page, found)),
    "c4-train.json.gz": shards.write_c4_json,
    "c4-plain.json": shards.write_c4_json,
    "c4.parquet": lambda path, found: shards.write_c4_parquet(path, found, row_group_rows=7),
    "fr_part_1.txt.gz": shards.write_oscar_2109,
    "fr_part_3.txt": shards.write_oscar_2109,
    "fr_part_4.jsonl.gz": write_oscar_2201,
    "fr_part_5.jsonl.zst": shards.write_oscar_2301,
    "oscar.parquet": lambda path, found: write_oscar_parquet(path, found, row_group_rows=7),
    "fineweb.parquet": write_rows_parquet,
}
ONE_OF_EACH_FORMAT = (
    "a.warc.wet.gz",
    "pages.warc.gz",
    "c4-train.json.gz",
    "oscar.parquet",
    "fineweb.parquet",
)
BY_RANGE = ("a.warc.wet.gz", "plain.warc.wet", "pages.warc.gz", "plain.warc")


def press() -> list[DemoArticle]:
    return list(articles(20, SEED))


def some_pages(count: int = 30, seed: int = SEED) -> list[Page]:
    return list(pages(count, seed, press(), share=0.6))


def press_corpus(folder: Path) -> Path:
    """Return the corpus of the press. It is built once a process, and copied."""
    shutil.copytree(_press_corpus(), folder, dirs_exist_ok=True)
    return folder / "corpus"


@cache
def _press_corpus() -> Path:
    return changed_press(Path(tempfile.mkdtemp(prefix="press-")), str).parent


def changed_press(folder: Path, change: Callable[[str], str]) -> Path:
    """Return a corpus of the press, of which one article is changed."""
    rows = [article(number, body=source.body) for number, source in enumerate(press())]
    rows[0]["body"] = change(rows[0]["body"])
    return corpus_of(folder, rows)


def shard_scan(corpus: Path, dataset: str = "auto", config: ScanConfig | None = None) -> ShardScan:
    digest = Corpus.open(str(corpus)).manifest.digest
    return ShardScan(dataset, str(corpus), digest, config or ScanConfig())


def scan_one(
    path: str | Path, corpus: Path, dataset: str = "auto", config: ScanConfig | None = None
) -> Outcome:
    config = config or ScanConfig()
    return shard_scan(corpus, dataset, config)(stat(str(path), config.storage))


def rows_in(outcome: Outcome, table: str = "matches") -> list[dict[str, Any]]:
    return [row for batch in outcome.tables[table] for row in batch.to_pylist()]


def scan_here(
    paths: Sequence[str | Path],
    corpus: Path,
    tables: Path,
    config: ScanConfig | None = None,
    run_id: str = "20261125T000000Z-abcdef",
    statuses: tuple[str, ...] = ("complete",),
) -> list[dict[str, Any]]:
    """Scan shards, each of which must end in one of `statuses`, and publish the run; its rows."""
    config = config or ScanConfig()
    scan = shard_scan(corpus, config=config)
    rows: list[dict[str, Any]] = []
    log: list[dict[str, Any]] = []
    for path in paths:
        outcome = scan(stat(str(path), config.storage))
        assert outcome.log["status"] in statuses, outcome.log
        rows += [row | {"run_id": run_id} for row in rows_in(outcome)]
        log.append({**outcome.log, "run_id": run_id})
    facts = {
        "config": row_settings(config, MinHashRules()),
        "corpus_digest": scan.corpus_digest,
        "shards_planned": len(log),
        "shards_complete": sum(each["status"] == "complete" for each in log),
        "documents": sum(each["documents"] for each in log),
    }
    publish(tables, run_id, rows, **facts)
    write(TableStore.open(str(tables)), "scan_log", run_id, log, ShardLog.schema)
    return rows


def two_scans(folder: Path) -> Path:
    """Write a shard of each format below `folder`, and `tables` of two scans of them; return the corpus."""
    (folder / "shards").mkdir()
    paths = [folder / "shards" / name for name in ONE_OF_EACH_FORMAT]
    for path in paths:
        FORMS[path.name](path, some_pages())
    corpus = press_corpus(folder / "press")
    for run_id, some in (("20261125T000000Z-abcdef", paths), ("20261126T000000Z-abcdef", paths[1:])):
        scan_here(some, corpus, folder / "tables", run_id=run_id)
        # As two runs do that are published at once.
        bring(corpus, folder / "tables", run_id)
    return corpus


def bring(corpus: Path, tables: Path, run_id: str) -> None:
    """Write the articles of a corpus as those that a run brought."""
    batches = article_rows(Corpus.open(str(corpus)))
    rows = [row | {"run_id": run_id} for batch in batches for row in batch.to_pylist()]
    write(TableStore.open(str(tables)), "corpus_articles", run_id, rows, CorpusArticle.schema)


def rewrite_rows(tables: Path, change: Callable[[dict[str, Any]], None], *, digested: bool = False) -> None:
    """Change the rows of the one published file, as who edits a table would; `digested`: and hide it."""
    (file,) = (tables / "matches").glob("*.parquet")
    table = pq.read_table(file)
    rows = table.to_pylist()
    for row in rows:
        change(row)
        if digested:
            row["row_sha256"] = row_digest(row)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file)


def snippet(page: Page) -> bytes:
    """Some bytes of a page's text that stand in no other and look the same in JSON."""
    return max(page.text.split("\n"), key=len)[40:140].encode()


def change_a_byte(path: Path, page: Page) -> None:
    """Change one letter of a page's text, and as little else of its shard as its packing allows."""
    old = snippet(page)
    letters = [at for at, byte in enumerate(old) if 97 <= byte <= 122]
    others = (old[:at] + bytes([byte]) + old[at + 1 :] for at in letters for byte in range(97, 123))
    substitute(path, old, [other for other in others if other != old])


def substitute(path: Path, old: bytes, candidates: list[bytes]) -> None:
    """Put one of `candidates`, each as long as `old`, in its place: of gzip members, one that fits."""
    data = path.read_bytes()
    if data[:4] == b"PAR1":
        table = pq.read_table(path)
        name = "content" if "content" in table.column_names else "text"
        found = [text.encode().replace(old, candidates[-1]).decode() for text in table[name].to_pylist()]
        assert found != table[name].to_pylist()
        group = pq.ParquetFile(path).metadata.row_group(0).num_rows
        changed = table.set_column(table.column_names.index(name), name, pa.array(found))
        pq.write_table(changed, path, row_group_size=group)
    elif data[:2] == b"\x1f\x8b":
        parts = members(data)
        (number,) = [
            n
            for n, (start, end) in enumerate(parts)
            if old in (text := gzip.decompress(data[start:end])) and is_document(text, text.index(old))
        ]
        start, end = parts[number]
        texts = [gzip.decompress(data[start:end]).replace(old, new, 1) for new in candidates]
        if len(parts) == 1:
            path.write_bytes(gzip.compress(texts[0]))
        else:
            path.write_bytes(data[:start] + fitted(texts, end - start) + data[end:])
    elif data[:4] == b"\x28\xb5\x2f\xfd":
        text = zstandard.ZstdDecompressor().decompress(data, max_output_size=1 << 26)
        path.write_bytes(zstandard.ZstdCompressor().compress(replaced(text, old, candidates[-1])))
    else:
        path.write_bytes(replaced(data, old, candidates[-1]))


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    (at,) = [found.start() for found in re.finditer(re.escape(old), data) if is_document(data, found.start())]
    return data[:at] + new + data[at + len(old) :]


def is_document(data: bytes, at: int) -> bool:
    """Whether position `at` of a shard is not within a request or a metadata record of WARC."""
    start = data.rfind(b"WARC/1.0\r\n", 0, at)
    head = data[start : data.find(b"\r\n\r\n", start)] if start >= 0 else b""
    return not re.search(rb"(?m)^WARC-Type: (request|metadata)", head)


def members(data: bytes) -> list[tuple[int, int]]:
    """Where gzip members begin and end, by zlib alone."""
    found, start = [], 0
    while start < len(data):
        inflater = zlib.decompressobj(31)
        inflater.decompress(data[start:])
        end = len(data) - len(inflater.unused_data)
        found.append((start, end))
        start = end
    return found


def records_of(data: bytes) -> Iterator[tuple[dict[str, str], int, int]]:
    """The headers of the records of a WARC file of a member each, where each begins, and its length."""
    for start, end in members(data):
        head = gzip.decompress(data[start:end]).partition(b"\r\n\r\n")[0].decode("latin-1")
        yield dict(line.split(": ", 1) for line in head.splitlines()[1:]), start, end - start


def fitted(texts: list[bytes], size: int) -> bytes:
    """A gzip member of exactly `size` bytes that holds one of `texts`; a file name in its header fills it."""
    for text in texts:
        bare = gzip.compress(text, mtime=0)
        room = size - len(bare)
        if room == 0:
            return bare
        if room > 0:
            return bare[:3] + b"\x08" + bare[4:10] + b"x" * (room - 1) + b"\0" + bare[10:]
    raise AssertionError("no text fits")
