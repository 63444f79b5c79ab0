"""Pointers: where a document lies, as one line of text that a third party can be given.

    s3://commoncrawl/crawl-data/…/x.warc.wet.gz#offset=4190,length=2211,encoding=gzip,format=wet,sha256=…
    c4-train.00000-of-01024.json.gz#row=17,format=c4

The URI of the shard; after the last `#` what the columns of `matches` say: `offset`, `length` and `encoding`
(`record_…`), `row` (`row_index`), `format` (`dataset`), `sha256` (`text_sha256`). `offset` with `length`, or
`row`, must be there; what else is left out is found by looking into the shard, and cannot be compared. But
without `encoding`, the bytes are those of the file: where they count in the inflated one, it must be there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from presswatch_spark.errors import InputError
from presswatch_spark.storage.uris import canonical, printable

_POINTER = re.compile(r"(?P<uri>.+)#(?P<place>(?:offset|row)=[^#/]*)", re.DOTALL)
_NUMBER = r"[0-9]{1,18}"
_FIELDS = {
    "offset": _NUMBER,
    "length": _NUMBER,
    "encoding": "gzip|plain|inflated",
    "row": _NUMBER,
    "format": "[a-z0-9]+",
    "sha256": "[0-9a-f]{64}",
}


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a document lies, and what its text must be. `uri` is canonical; see the columns of `matches`."""

    uri: str
    offset: int | None = None
    length: int | None = None
    encoding: str | None = None
    row: int | None = None
    format: str | None = None
    sha256: str | None = None

    @property
    def by_range(self) -> bool:
        """Whether the range holds the whole record: nothing else of the shard has to be read."""
        return self.offset is not None and self.encoding != "inflated" and self.row is None

    @property
    def place(self) -> tuple[str, int]:
        """By what the document is known among those of its shard."""
        return (
            ("row", -1 if self.row is None else self.row) if self.offset is None else ("offset", self.offset)
        )

    def __str__(self) -> str:
        told = [f"{name}={value}" for name in _FIELDS if (value := getattr(self, name)) is not None]
        return f"{printable(self.uri)}#{','.join(told)}"


def pointer_of(row: Mapping[str, Any], uri: str) -> Pointer:
    """The pointer of a row of `matches` whose shard is now at canonical `uri`."""
    return Pointer(
        uri,
        row["record_offset"],
        row["record_length"],
        row["record_encoding"],
        row["row_index"],
        row["dataset"],
        row["text_sha256"],
    )


def is_pointer(text: str) -> bool:
    """Whether `text` ends as a pointer does."""
    return _POINTER.fullmatch(text) is not None


def parse_pointer(text: str) -> Pointer:
    """Read what `str` of a pointer gives; `InputError` says what is wrong with it."""
    found = _POINTER.fullmatch(text)
    if not found:
        raise _wrong("is no pointer", text)
    fields: dict[str, str] = {}
    for part in found["place"].split(","):
        name, _, value = part.partition("=")
        if name not in _FIELDS or name in fields or not re.fullmatch(_FIELDS[name], value):
            raise _wrong(f"the pointer has a part that is none: {part!r}", text)
        fields[name] = value
    numbers = {name: int(fields.pop(name)) for name in ("offset", "length", "row") if name in fields}
    if ("offset" in numbers) != bool(numbers.get("length")):
        raise _wrong("a pointer by bytes names both offset and length, and length is not 0", text)
    return Pointer(canonical(found["uri"]), **numbers, **fields)  # type: ignore[arg-type]


def _wrong(what: str, text: str) -> InputError:
    return InputError(
        what,
        where=printable(text.partition("#")[0]),
        remedy="write URI#offset=N,length=N or URI#row=N; docs/reference/pointers.md says what may follow",
    )
