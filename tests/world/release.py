"""A release on a web server of one's own, claims made of it, and a case of them."""

import collections
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from presswatch_spark.claims.make import KnowledgePaths
from presswatch_spark.claims.selection import Choice
from presswatch_spark.cli.demo.generate import package_file, release_pages, write_press
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.removal.case import MARKER, RemovalCase, sealed, write_case
from presswatch_spark.legal.removal.places import open_case
from presswatch_spark.legal.removal.probe_rounds import Prober, ProbeReport
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions, stat
from presswatch_spark.tables.declarations import Probe, Target
from tests.world.claims import AS_OF, judge_all
from tests.world.corpora import build
from tests.world.scanned import FORMS, scan_here
from tests.world.servers import Server

QUICK = {
    "storage.max_attempts": 2,
    "storage.backoff_base": 0.01,
    "storage.read_timeout": 2.0,
    "storage.refusal_pause": 0.1,
}
LETTERS = ("A", "B", "C", "D")


@dataclass(frozen=True)
class Made:
    """Shards that were scanned, their corpus, and claims of them; nobody writes here."""

    folder: Path
    below: str
    contents: dict[str, bytes]

    @property
    def shards(self) -> Path:
        return self.folder / self.below

    def require_unchanged(self) -> None:
        """Fail if a test before has changed the shards that all tests share."""
        assert {path.name: path.read_bytes() for path in self.shards.iterdir()} == self.contents


@dataclass
class Release:
    """Shards that were scanned and claimed, with tables of one's own below a folder.

    `server` has the shards, as they are now, below `/crawl/`.
    """

    folder: Path
    server: Server
    made: Made

    @property
    def tables(self) -> Path:
        return self.folder / "tables"

    @property
    def shards(self) -> Path:
        """Where the shards lie, as the tables name them: others read them, too."""
        return self.made.shards

    @property
    def corpus(self) -> Path:
        return self.made.folder / "press" / "corpus"

    @property
    def mirror(self) -> Mirror:
        return Mirror(str(self.shards), f"{self.server.url}/crawl")

    @property
    def mirror_option(self) -> str:
        return f"{self.mirror.place}={self.mirror.copy}"

    def object_of(self, target: Target) -> str:
        return f"/crawl/{Path(target.shard_uri).name}"

    def change(self, target: Target, change: Callable[[bytes], bytes]) -> None:
        path = self.object_of(target)
        self.server.objects[path] = change(self.server.objects[path])

    def overwrite(self, target: Target, record: bytes) -> None:
        """Write other bytes of the same length over a target's record."""
        assert len(record) == target.record_length
        self.change(target, lambda data: put_at(data, target, record))

    def open(
        self, name: str = "case", rows: str | None = None, confidences: Sequence[str] = LETTERS, **more: Any
    ) -> RemovalCase:
        choice = Choice.of(rows, () if rows else confidences, StorageOptions())
        case, _ = open_case(str(self.tables), str(self.folder / name), choice, **more)
        return case


def release(
    folder: Path, server: Server, forms: Iterable[str] = ("a.warc.wet.gz",), below: str = "shards"
) -> Release:
    """Put shards of these forms onto the server, and tables of their scan and claims into the folder.

    They are scanned and judged once a process: shards and corpus are shared, the tables are a copy.
    """
    made = _made(tuple(forms), below)
    made.require_unchanged()
    shutil.copytree(made.folder / "tables", folder / "tables")
    server.objects |= {f"/crawl/{name}": data for name, data in made.contents.items()}
    return Release(folder, server, made)


@cache
def _made(forms: tuple[str, ...], below: str) -> Made:
    """Write shards of these forms, scan them, and make claims, in a folder that goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="release-"))
    shards, press = folder / below, folder / "press"
    shards.mkdir(parents=True)
    shutil.copytree(whole_press(), press)
    pages = [page for shelf in release_pages().values() for page in shelf]
    for name in forms:
        FORMS[name](shards / name, pages)
    scan_here([shards / name for name in forms], press / "corpus", folder / "tables")
    sources = KnowledgePaths(corpus=str(press / "corpus"), as_of=AS_OF)
    judge_all(folder / "tables", folder / "tables", sources)
    return Made(folder, below, {path.name: path.read_bytes() for path in shards.iterdir()})


@cache
def whole_press() -> Path:
    """Return a folder with the articles of the press and their corpus `corpus`, to be copied."""
    folder = Path(tempfile.mkdtemp(prefix="press-"))
    _, articles = write_press(folder)
    build(folder / "corpus", [articles], members_file=package_file("members.yaml").read_text("utf-8"))
    return folder


def probe(
    case: RemovalCase, found: Release, *, deep: bool = False, words: bool = False, **settings: Any
) -> ProbeReport:
    corpus = Corpus.open(str(found.corpus)) if words else None
    config = load_scan_config(flags=QUICK | settings)
    return Prober(case, config, [found.mirror], corpus, deep).probe()


def read_once(crawl: Release) -> RemovalCase:
    """Return a case of an unchanged release, `case` in its folder, whose targets were read once.

    They are read once a process, release and server: the case is a copy.
    """
    kept, place = _kept(crawl.server.url, crawl.made.folder), crawl.folder / "case"
    if not kept.exists():
        case = crawl.open()
        assert probe(case, crawl).status.is_finished, "what later tests are given is a whole round"
        assert {state.state for state in states(case).values()} == {"present"}
        shutil.copytree(place, kept)
    else:
        shutil.copytree(kept, place)
    return RemovalCase.open(str(place), StorageOptions())


@cache
def _kept(url: str, release: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix="case-")) / "case"


def ordered(case: RemovalCase) -> list[Target]:
    """Targets by their place in the file, one for each record."""
    by_place = {target.record_offset or target.row_index: target for target in case.targets()}
    return [by_place[place] for place in sorted(by_place)]


def longest(case: RemovalCase) -> Target:
    """The target with the most words of its article that is neither first nor last in its file."""
    return max(ordered(case)[2:-2], key=lambda target: target.copied_words or 0)


def put_at(data: bytes, target: Target, stored: bytes) -> bytes:
    """The file with other bytes, of any length, in the place of a target."""
    start = target.record_offset or 0
    return data[:start] + stored + data[start + (target.record_length or 0) :]


def zeroed(data: bytes, target: Target) -> bytes:
    """The file with zeros in the place of a target."""
    return put_at(data, target, bytes(target.record_length or 0))


def new_case(path: str, targets: Iterable[Target], about: dict[str, Any] | None = None) -> RemovalCase:
    """A new case of these targets on disk, opened of no tables."""
    storage = StorageOptions()
    with new_folder(path, storage, MARKER) as draft:
        write_case(draft, list(targets), about or {})
    return RemovalCase.open(path, storage)


def probes_of(case: RemovalCase) -> list[Probe]:
    """All probes of a case, with what was answered, in the order of the chain; the chain is checked."""
    collections.deque(case.each_round(), maxlen=0)
    return list(case.links("probes", Probe))


def probe_row(**columns: Any) -> Probe:
    return Probe(**{**dict.fromkeys(Probe.schema.names), **columns})


def target_row(**columns: Any) -> Target:
    return Target(**{**dict.fromkeys(Target.schema.names), **columns})


def numbered_target(number: int) -> Target:
    """A target with its digest, in a file of its own."""
    return sealed(
        target_row(
            row_sha256=f"{number:064x}", place="record", publisher_id="p", title_id="t", run_id="r",
            dataset="wet", shard_uri=f"s3://b/{number}.wet.gz", text_sha256=f"{number:064x}",
        )
    )  # fmt: skip


def wet_record(file: int, number: int, text: str) -> bytes:
    head = (
        "WARC/1.0\r\nWARC-Type: conversion\r\n"
        f"WARC-Target-URI: https://example.org/{file}/{number}\r\nWARC-Date: 2026-11-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-{number:04}-{file:012}>\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    return f"{head}{text}\r\n\r\n".encode()


def targets_in(path: Path, dataset: str = "wet") -> Iterator[Target]:
    """Every second record of a file as a target, from the third on."""
    options, shard, number = ReadOptions(), stat(str(path), StorageOptions()), 0
    for batch in format_for(dataset, shard, options).read(shard, options, ReadReport()):
        for i in range(len(batch)):
            if number >= 2 and number % 2 == 0:
                url, at = batch.url_of(i), batch.locate(i)
                row = target_row(
                    row_sha256=sha256(url.encode()).hexdigest(), place="record", publisher_id="p",
                    title_id="t", run_id="r", dataset=dataset, shard_uri=str(path), document_url=url,
                    record_id=at.record_id, record_offset=at.record_offset, record_length=at.record_length,
                    record_encoding=at.record_encoding, text_sha256=sha256(batch.text_of(i)).hexdigest(),
                )  # fmt: skip
                yield sealed(row)
            number += 1


def query(endpoint: str, release: str | None, url: str) -> str:
    return f"{endpoint.replace('{release}', release or '')}?url={quote(url, safe='')}&output=json"


def states(case: RemovalCase) -> dict[str, Any]:
    return dict(CaseStatus.of(case).states)


def member_of(record: bytes, length: int) -> bytes:
    """A record as one gzip member of just this length: its gzip header has a comment to fill it."""
    for level in (9, 6, 1, 0):
        with suppress(AssertionError):
            deflated = zlib.compressobj(level, zlib.DEFLATED, -15)
            body = deflated.compress(record) + deflated.flush()
            tail = zlib.crc32(record).to_bytes(4, "little") + len(record).to_bytes(4, "little")
            filler = length - 10 - 1 - len(body) - len(tail)
            assert filler >= 0
            head = b"\x1f\x8b\x08\x10" + b"\0\0\0\0" + b"\0\xff" + b"-" * filler + b"\0"
            member = head + body + tail
            assert len(member) == length
            return member
    raise AssertionError(f"no member of {length} bytes holds {len(record)}")
