"""Reads OSCAR 21.09's metadata: which lines of the text file are a document, and its WARC headers.

Where no checksum covers them, entries are in doubt as rows of JSON Lines are (see `table.jsonl`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from presswatch_spark.formats.inflate.inflated import inflated
from presswatch_spark.formats.inflate.lines import placed_lines
from presswatch_spark.formats.table.columns import tree_of
from presswatch_spark.formats.table.doubt import Beside, Ending, SteadyFields
from presswatch_spark.formats.table.json_text import is_utf8, parse_object, repeats_a_name
from presswatch_spark.formats.table.values import readable_part
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.objects import Stream

HEADERS: Mapping[str, str] = {
    "url": "warc-target-uri",
    "record_id": "warc-record-id",
    "captured_at": "warc-date",
    "payload_digest": "warc-block-digest",
    "languages": "warc-identified-content-language",
}
# Forms of entries (numbers of quotes and fields): an entry of a form that was examined is not examined.
FORMS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the metadata: its document's first line and number of lines, and values by role.

    `number`: from 0, of all entries. `size`: bytes that it takes in the file. `in_doubt`: it may be made of
    two, or hold another's headers.
    """

    number: int
    line: int
    sentences: int
    values: dict[str, Any]
    size: int
    in_doubt: bool = False


def read_entries(stream: Stream, report: ReadReport, max_line_bytes: int) -> Iterator[Entry]:
    """Yield the entries in the metadata file `stream`; a line that is none is a defect."""
    ending = Ending(inflated(stream, report))
    reading = _Reading(report)
    for index, _, line in placed_lines(ending, max_line_bytes):
        if line is None:
            report.add_defect(f"line longer than {max_line_bytes:,} bytes, not read", index, "line")
        elif not line or line.isspace():
            continue
        yield from reading.numbered(reading.beside.add(index, *reading.entry_of(index, line)))
    yield from reading.numbered(reading.beside.rest(ending.was_cut))


class _Reading:
    """Holds entries until those beside them are known."""

    def __init__(self, report: ReadReport) -> None:
        self.beside: Beside[Entry] = Beside()
        self._report = report
        self._steady = SteadyFields(tree_of(("headers", name) for name in HEADERS.values()))
        self._forms: set[tuple[int, int, int]] = set()
        self._entries = 0

    def entry_of(self, index: int, line: bytes | None) -> tuple[Entry | None, bool]:
        """Return the entry of a line, and whether damage may have made it what it is."""
        if line is None:
            return None, True
        row = parse_object(line)
        if row is None or not _is_entry(row) or self._is_fused(line, row):
            self._report.add_defect("line is no entry of metadata", index, "line")
            # Damage to what is packed reaches far.
            self._report.unverified |= self._report.unchecked == "zstd"
            return None, True
        headers = row.get("headers")
        headers = headers if isinstance(headers, dict) else {}
        values = {role: readable_part(headers.get(name)) for role, name in HEADERS.items()}
        entry = Entry(-1, row["offset"], row["nb_sentences"], values, len(line))
        if not self._report.unchecked:
            return entry, False
        is_odd = self._steady.add(index, row)
        if self._steady.first_is_odd:
            self.beside.doubt_held()
        return entry, is_odd or not is_utf8(line)

    def numbered(self, settled: Iterator[tuple[Entry | None, bool]]) -> Iterator[Entry]:
        """Yield the entries among settled lines."""
        for entry, in_doubt in settled:
            if entry:
                yield replace(entry, number=self._entries, in_doubt=in_doubt and bool(self._report.unchecked))
                self._entries += 1

    def _is_fused(self, line: bytes, row: dict[str, Any]) -> bool:
        """Whether parts of two entries may stand in one: it has two fields of one name."""
        headers = row.get("headers")
        form = line.count(b'"'), len(row), len(headers) if isinstance(headers, dict) else 0
        if form in self._forms:
            return False
        if repeats_a_name(line):
            return True
        if len(self._forms) < FORMS_KEPT:
            self._forms.add(form)
        return False


def _is_entry(row: dict[str, Any]) -> bool:
    return all(isinstance(row.get(name), int) for name in ("offset", "nb_sentences"))
