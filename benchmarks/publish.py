"""Results of benchmarks: a scratch file, or with `--update` the tracked results and their pages in docs/.

python -m benchmarks.publish        write the pages again from the tracked results
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
DOCS = ROOT / "docs" / "explanation"


@dataclass(frozen=True)
class Section:
    """A part of a page, made from one result; it is between the marks `<!-- NAME: begin -->` and `end`."""

    name: str
    page: str
    result: str
    markdown: Callable[[Any], str]


def sections() -> list[Section]:
    """Return every section; a new benchmark with a page adds a line, and its marks to the page."""
    from benchmarks.extraction import __main__ as extraction
    from benchmarks.quality import claimed, embedded
    from benchmarks.quality import report as quality
    from benchmarks.scale import report as scale
    from benchmarks.speed import report as speed

    return [
        Section("quality", "benchmarks.md", "quality.json", quality.markdown),
        Section("embedded", "benchmarks.md", "embedded.json", embedded.markdown),
        Section("claims", "benchmarks-claims.md", "claims-quality.json", claimed.markdown),
        Section("extraction", "benchmarks-claims.md", "extraction.json", extraction.markdown),
        Section("speed", "speed.md", "speed.json", speed.markdown),
        Section("scale", "scale.md", "scale.json", scale.markdown),
    ]


def add_options(parser: argparse.ArgumentParser, name: str) -> None:
    """Add `--out` and `--update`, for a result called `name`."""
    parser.set_defaults(tracked=RESULTS / name)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "bench" / name, help=f"file of the result; default: bench/{name}"
    )
    parser.add_argument(
        "--update", action="store_true", help="write the tracked result in benchmarks/results, and its page"
    )


def destination(asked: argparse.Namespace) -> Path:
    """Return the file of the result, in a folder that exists."""
    path: Path = asked.tracked if asked.update else asked.out
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_pages(docs: Path = DOCS) -> None:
    """Write every section again from the tracked results."""
    for section in sections():
        result = json.loads((RESULTS / section.result).read_text("utf-8"))
        write_section(docs / section.page, section.name, section.markdown(result))


def write_section(page: Path, name: str, text: str) -> None:
    """Replace the text between the marks of a section. Raises ValueError for a page without them."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, opened, rest = page.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"{page} has no marks of the section {name}")
    page.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", "utf-8")


if __name__ == "__main__":
    write_pages()
