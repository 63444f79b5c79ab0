"""Cuts chunks of bytes into lines, with bounded memory, and copies no line more than once."""

from collections.abc import Iterable, Iterator

import numpy as np

from presswatch_spark.model import ReadReport

# A file of 1 MB may hold a billion blank lines: so many in a row are passed over at once.
_MANY = 64
_RUNS = (b"\n" * _MANY, b"\r\n" * _MANY)
_BLANK_BLOCK = b"\n" * (64 << 10)
_LF, _CR = 10, 13


def lines(chunks: Iterable[bytes], report: ReadReport, max_line_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield (index from 0, line without its `\\n`); the last line needs no `\\n`.

    A line longer than `max_line_bytes` is a defect and is left out, though it is counted; it is never held.
    Of many blank lines in a row, only the first and the last few are given.
    """
    for index, _, line in placed_lines(chunks, max_line_bytes):
        if line is None:
            report.add_defect(f"line longer than {max_line_bytes:,} bytes, not read", index, "line")
        else:
            yield index, line


def placed_lines(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[tuple[int, int, bytes | None]]:
    """Yield (index from 0, byte offset, line without its `\\n`); None for a line that is too long.

    Of many blank lines in a row (with or without `\\r`), only the first and the last few are given.
    """
    index, offset, held, held_bytes = 0, 0, list[bytes](), 0
    for part, blanks in _stretches(chunks):
        if blanks:
            # They follow a line end, so nothing is held.
            index, offset = index + blanks, offset + len(part)
            continue
        *whole, rest = part.split(b"\n")
        for line in whole:
            size = held_bytes + len(line)
            joined = b"".join((*held, line)) if held else line
            # Before the line is given: it would be held twice while its reader works.
            held.clear()
            yield index, offset, joined if size <= max_line_bytes else None
            index, offset, held_bytes = index + 1, offset + size + 1, 0
        held_bytes += len(rest)
        if held_bytes > max_line_bytes:
            held.clear()
        elif rest:
            held.append(rest)
    if held_bytes:
        yield index, offset, b"".join(held) if held_bytes <= max_line_bytes else None


def _stretches(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield the bytes of `chunks` in order, in parts: (part, 0), or blank lines and how many they are."""
    for chunk in chunks:
        at = 0
        while (found := _next_run(chunk, at)) >= 0:
            # The run's first line end may end a line that is not blank.
            start = chunk.index(b"\n", found) + 1
            end = _run_end(chunk, start)
            yield chunk[at:start], 0
            yield chunk[start:end], chunk.count(b"\n", start, end)
            at = end
        yield chunk[at:] if at else chunk, 0


def _next_run(chunk: bytes, at: int) -> int:
    found = [place for run in _RUNS if (place := chunk.find(run, at)) >= 0]
    return min(found, default=-1)


def _run_end(chunk: bytes, start: int) -> int:
    """Return where the line ends end that begin at `start`: behind the last `\\n`."""
    end, step = start, 1 << 10
    while chunk.startswith(_BLANK_BLOCK, end):
        end += len(_BLANK_BLOCK)
    while end < len(chunk):
        view = np.frombuffer(chunk, np.uint8, min(step, len(chunk) - end), end)
        other = (view != _LF) & (view != _CR)
        if other.any():
            end += int(other.argmax())
            break
        end, step = end + len(view), min(2 * step, 1 << 20)
    return chunk.rindex(b"\n", start - 1, end) + 1
