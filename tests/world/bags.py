"""Bags of claims on a release of one's own, and what changes in them."""

import json
import runpy
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.claims.make import KnowledgePaths
from presswatch_spark.claims.selection import Choice
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.settings.config import ScanConfig, load_scan_config
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.evidence import documents
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.build import Built, make_bag
from presswatch_spark.legal.evidence.reading import verified
from presswatch_spark.legal.evidence.sealed_records import BagOrder
from presswatch_spark.legal.evidence.sources import source_at
from presswatch_spark.storage.objects import StorageOptions
from tests.world.claims import AS_OF, judge_all
from tests.world.commands import heard
from tests.world.release import LETTERS, QUICK, Release
from tests.world.scanned import FORMS, press_corpus, scan_here

FIVE = ("a.warc.wet.gz", "pages.warc.gz", "single.warc.wet.gz", "c4-train.json.gz", "oscar.parquet")
"""A form of each kind of record: gzip members of text and of responses, a long member, lines, cells."""


@contextmanager
def unprinted() -> Iterator[None]:
    """Make bags whose PDFs have no pages, but lines: to set them is a third of the work of a bag."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents.typesetting, "pdf_of", unset)
        yield


def unset(template: Path, data: dict[str, Any], *given: Any, **more: Any) -> bytes:
    """A README as lines of text after the head of a PDF; of claims, the head alone."""
    lines = ["%PDF-1.7"]
    for kind, content in data.get("blocks", ()):
        if kind == "table":
            lines += ["  ".join(row) for row in (content["headers"], *content["rows"])]
        elif kind == "facts":
            lines += [f"{name}  {value}" for name, value, _ in content]
        else:
            lines += [content] if isinstance(content, str) else content
    return "\n".join([*lines, "%%EOF", ""]).encode()


def readme(bag: Path, language: str) -> str:
    return (bag / f"{documents.README_NAMES[language]}.pdf").read_text("utf-8")


def build(
    found: Release,
    name: str,
    *,
    some: int = 0,
    mirrored: bool = True,
    path: str = "",
    printed: bool = False,
    **order: Any,
) -> tuple[Path, Built]:
    """Make a bag of a release, of `some` claims or all; shards are read from the server if `mirrored`."""
    chosen = {"rows": str(some_rows(found, some))} if some else {"confidences": LETTERS}
    order = chosen | {"mirrors": [found.mirror] if mirrored else []} | order
    out, config = found.folder / name, load_scan_config(flags=QUICK)
    with nullcontext() if printed else unprinted():
        made = make_bag(bag_order(path or found.tables, found.corpus, **order), str(out), config)
    return out, made


def bag_order(
    path: Path | str,
    corpus: Path,
    *,
    rows: str | None = None,
    confidences: Sequence[str] = (),
    claims: str | None = None,
    **order: Any,
) -> BagOrder:
    """The order of a bag of tables or of a case; `rows` is a file, and `claims` a folder."""
    choice = Choice.of(rows, confidences, StorageOptions())
    selection = source_at(str(path), StorageOptions(), claims).select_claims(choice)
    return BagOrder(selection, Corpus.open(str(corpus)), **order)


def bag_of(
    folder: Path,
    names: Sequence[str],
    pages: Sequence[Page],
    run_id: str = "20261125T000000Z-abcdef",
    *,
    printed: bool = False,
) -> Path:
    """Write shards of pages below a folder, scan them, and make a bag of all claims."""
    corpus, shards, tables = press_corpus(folder / "press"), folder / "shards", folder / "tables"
    shards.mkdir()
    for name in names:
        FORMS[name](shards / name, pages)
    scan_here([shards / name for name in names], corpus, tables, run_id=run_id)
    judge_all(tables, tables, KnowledgePaths(corpus=str(corpus), as_of=AS_OF))
    order = bag_order(tables, corpus, confidences=LETTERS, with_texts=True)
    with nullcontext() if printed else unprinted():
        make_bag(order, str(folder / "bag"), ScanConfig())
    return folder / "bag"


def some_rows(found: Release, count: int) -> Path:
    """A file that names a few claims, of as many datasets as there are."""
    import pyarrow.parquet as pq

    rows = [
        row for file in (found.tables / "claims").glob("*.parquet") for row in pq.read_table(file).to_pylist()
    ]
    by_dataset: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: str(row["row_sha256"])):
        by_dataset.setdefault(row["dataset"], []).append(row["row_sha256"])
    turns = [digest for turn in zip(*by_dataset.values(), strict=False) for digest in turn]
    file = found.folder / f"{count}-rows.txt"
    file.write_text("\n".join(turns[:count]) + "\n")
    return file


def lines(bag: Path, name: str = alone.ROWS) -> list[dict[str, Any]]:
    """The rows of a bag with claims and records, or the lines of another file of JSON."""
    return [json.loads(line) for line in (bag / name).read_bytes().splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, by name."""
    return {name: (folder / name).read_bytes() for name in files(folder)}


def files(bag: Path) -> list[str]:
    return sorted(path.relative_to(bag).as_posix() for path in bag.rglob("*") if path.is_file())


@contextmanager
def flipped(path: Path, place: int, mask: int = 1) -> Iterator[None]:
    """Change a byte of a file for as long as the block lasts."""
    before = path.read_bytes()
    changed = bytearray(before)
    changed[place] ^= mask
    path.write_bytes(changed)
    try:
        yield
    finally:
        path.write_bytes(before)


def names_it(findings: alone.Findings, name: str) -> bool:
    """Return whether a fault is about a file or a line of it."""
    return any(fault.partition(":")[0] == name for fault in findings.faults)


def refused(bag: Path, name: str) -> bool:
    """Return whether both verifiers refuse a bag and name the faulty file; its own runs in this process."""
    found = heard(lambda: runpy.run_path(str(bag / "verify.py"))["main"](str(bag)))
    return name in verified(bag).faults and found.code == 1 and f"REFUSED {name}: " in found.out


def by_itself(folder: Path) -> tuple[int, str]:
    """What `verify.py` in a bag says, run by Python alone: its exit code, and its words."""
    # The Python that this environment was made from: it has none of our packages, and no script starts it.
    command = [sys._base_executable, "-I", str(folder / "verify.py")]  # type: ignore[attr-defined]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert not done.stderr
    return done.returncode, done.stdout
