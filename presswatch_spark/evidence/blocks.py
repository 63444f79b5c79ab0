"""Blocks of a document, as data for a template and as plain text: both say the same."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from presswatch_spark.claims.marks import visible
from presswatch_spark.show import columns_of, wrapped_at

COLUMNS = 100
NAMED = 28


@dataclass(frozen=True, slots=True)
class DocumentBlock:
    """A heading, a paragraph, a list, numbered steps, lines of code, facts, or a table, by its `kind`.

    `lines`: of all but a table. A fact is a name, its value, and whether that is code. `headers`, `rows` and
    `numbers` (the columns of these): of a table.
    """

    kind: str
    lines: Sequence[Any] = ()
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    numbers: Sequence[int] = ()

    @classmethod
    def heading(cls, text: str) -> "DocumentBlock":
        """Return a heading."""
        return cls("heading", (text,))

    @classmethod
    def text(cls, text: str) -> "DocumentBlock":
        """Return a paragraph."""
        return cls("text", (text,))

    @classmethod
    def list(cls, lines: Iterable[str]) -> "DocumentBlock":
        """Return a list."""
        return cls("list", tuple(lines))

    @classmethod
    def steps(cls, lines: Iterable[str]) -> "DocumentBlock":
        """Return a numbered list."""
        return cls("steps", tuple(lines))

    @classmethod
    def code(cls, lines: Iterable[str]) -> "DocumentBlock":
        """Return lines to be typed."""
        return cls("code", tuple(lines))

    @classmethod
    def facts(cls, facts: Iterable[tuple[str, str, bool]]) -> "DocumentBlock":
        """Return facts: name, value, and whether it is code."""
        return cls("facts", tuple(facts))

    @classmethod
    def table(
        cls, headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()
    ) -> "DocumentBlock":
        """Return a table."""
        return cls("table", headers=headers, rows=rows, numbers=numbers)


def data_of(block: DocumentBlock, shown: Callable[[str], str]) -> list[Any]:
    """Return a block as templates take it; each text goes through `shown`."""
    if block.kind == "table":
        headers = [shown(header) for header in block.headers]
        rows = [[shown(value) for value in row] for row in block.rows]
        are_numbers = [place in block.numbers for place in range(len(headers))]
        return ["table", {"headers": headers, "rows": rows, "numbers": are_numbers}]
    if block.kind == "facts":
        return ["facts", [[shown(name), shown(value), is_code] for name, value, is_code in block.lines]]
    lines = [shown(line) for line in block.lines]
    return [block.kind, lines[0] if block.kind in ("heading", "text") else lines]


def text_of(title: str, subtitle: str, blocks: Iterable[DocumentBlock]) -> str:
    """Return a document as plain text."""
    lines = [title.upper(), "=" * columns_of(title), "", subtitle]
    for block in blocks:
        lines += ["", *_lines(block)]
    return "".join(f"{visible(line).rstrip()}\n" for line in lines)


def _lines(block: DocumentBlock) -> Iterator[str]:
    if block.kind == "heading":
        yield from (block.lines[0], "-" * columns_of(block.lines[0]))
    elif block.kind == "text":
        yield from wrapped_at(block.lines[0], COLUMNS)
    elif block.kind == "code":
        yield from (f"    {line}" for line in block.lines)
    elif block.kind == "facts":
        for name, value, is_code in block.lines:
            yield from _beside(f"{name:{NAMED}}", value, is_code)
    elif block.kind == "table":
        yield from _table(block)
    else:
        marks = (f"{number}. " for number in range(1, len(block.lines) + 1))
        for line in block.lines:
            yield from _beside(next(marks) if block.kind == "steps" else "- ", line)


def _beside(mark: str, text: str, is_whole: bool = False) -> Iterator[str]:
    """Yield text in lines behind a mark; what is to be copied stands on one line."""
    pieces = [text] if is_whole else wrapped_at(text, COLUMNS - len(mark)) or [""]
    for number, piece in enumerate(pieces):
        yield (" " * len(mark) if number else mark) + piece


def _table(block: DocumentBlock) -> Iterator[str]:
    rows = [block.headers, *block.rows]
    widths = [max(columns_of(row[place]) for row in rows) for place in range(len(block.headers))]
    for row in rows:
        cells = (
            " " * (width - columns_of(value)) + value
            if place in block.numbers
            else value + " " * (width - columns_of(value))
            for place, (value, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells)
