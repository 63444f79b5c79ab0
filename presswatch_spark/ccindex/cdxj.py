"""A shard of the older index (CDXJ), read to its end: lines of a SURT key, a time, and the rest as JSON.

    fr,journal)/une 20240716153155 {"url": "https://www.journal.fr/une", "mime": "text/html", …}

Its keys are those of the columnar index, but nothing says where they lie in a file: the whole file is read.
"""

import re
from collections.abc import Iterator

from presswatch_spark.ccindex.index_file import IndexReport, Row
from presswatch_spark.ccindex.wanted import Wanted
from presswatch_spark.formats.inflate import inflated, lines
from presswatch_spark.formats.table.columns import readable_part
from presswatch_spark.formats.table.json_text import parse
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, open_stream

FIELDS = {
    "url": "url",
    "http_status": "status",
    "payload_digest": "digest",
    "mime_declared": "mime",
    "mime_detected": "mime-detected",
    "charset": "charset",
    "languages": "languages",
    "truncated": "truncated",
    "warc_filename": "filename",
    "record_offset": "offset",
    "record_length": "length",
}
"""Our name of each column, and theirs."""
MAX_LINE_BYTES = 1 << 20

# The CDXJ of OpenWayback begins with `!OpenWayback-CDXJ 1.0`, and more of such lines may follow.
_ABOUT = b"!"
_MILLISECONDS = re.compile("[0-9]{17}")
_NAME = re.compile(r"(?:^|/)cdx-[^/]*\.gz$|\.cdxj(?:\.gz)?$")


def is_cdxj(uri: str) -> bool:
    """Whether a file is a shard of the older index, by its name: `cdx-00000.gz`, `*.cdxj`, `*.cdxj.gz`."""
    return _NAME.search(uri) is not None


def read_cdxj(
    info: ObjectInfo, wanted: Wanted, storage: StorageOptions, report: IndexReport
) -> Iterator[tuple[int, Row]]:
    """As `presswatch_spark.ccindex.index_file.read_index`; the index of a row is that of its line.

    The file counts as one row group. A line that cannot be read is a defect. Lines before the first that say
    something of the file are passed over.

    Raises:
        StorageError: the object cannot be reached, or not be read to its end.
    """
    report.row_groups = report.row_groups_read = 1
    with open_stream(info, storage) as stream:
        try:
            for place, line in lines(inflated(stream, report), report, MAX_LINE_BYTES):
                if not report.rows and line.startswith(_ABOUT):
                    continue
                report.rows, report.row_groups_done = report.rows + 1, 1
                row = row_of_line(line, wanted)
                if row is None:
                    report.add_defect("line is not that of an index", place, "line")
                elif row:
                    yield place, row
        finally:
            report.bytes_read = stream.position
    if not report.rows and not report.defects_total:
        report.add_defect("the file holds no line")


def row_of_line(line: bytes, wanted: Wanted) -> Row | None:
    """Return the values of a line by our names; empty if it is not wanted, None if it cannot be read."""
    head, brace, rest = line.decode("utf-8", "replace").partition(" {")
    # A key may hold spaces, as its URL does.
    key, _, time = head.rpartition(" ")
    if not (key and brace):
        return None
    if not wanted.in_keys(key, key):
        return {}
    try:
        fields = parse(f"{{{rest}".encode())
    except ValueError:
        return None
    if not isinstance(fields, dict) or not isinstance(fields.get("url"), str):
        return None
    return {"captured_at": to_second(time)} | {
        ours: _storable(fields.get(name)) for ours, name in FIELDS.items()
    }


def to_second(time: str) -> str:
    """Return the time of a capture without the milliseconds that some indexes write behind the seconds."""
    return time[:-3] if _MILLISECONDS.fullmatch(time) else time


def _storable(value: object) -> object:
    value = readable_part(value)
    if isinstance(value, tuple):
        return tuple(map(_storable, value))
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
