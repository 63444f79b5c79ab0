"""Chunks of bytes to lines, with bounded memory and without copying a line more than once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from presswatch_spark.sources.base import ReadReport


def lines(chunks: Iterable[bytes], report: ReadReport, max_line_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield (index from 0, line without its `\\n`); the last line needs no `\\n`.

    A line longer than `max_line_bytes` is a defect and is left out, without ever being held; its index is
    kept.
    """
    for index, (_, line) in enumerate(placed_lines(chunks, max_line_bytes)):
        if line is None:
            report.add_defect(f"line longer than {max_line_bytes:,} bytes, not read", index, "line")
        else:
            yield index, line


def placed_lines(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Yield (byte offset, line without its `\\n`) of every line; None for one that is too long."""
    offset, held, held_bytes = 0, list[bytes](), 0
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            size = held_bytes + len(line)
            joined = b"".join((*held, line)) if held else line
            # Before the line is given: it would be held twice while its reader works.
            held.clear()
            yield offset, joined if size <= max_line_bytes else None
            offset, held_bytes = offset + size + 1, 0
        held_bytes += len(rest)
        if held_bytes > max_line_bytes:
            held.clear()
        elif rest:
            held.append(rest)
    if held_bytes:
        yield offset, b"".join(held) if held_bytes <= max_line_bytes else None
