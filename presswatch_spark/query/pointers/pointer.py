"""Pointers: the place of a document as one line of text for a third party, and the place of its shard now.

    s3://commoncrawl/crawl-data/…/x.warc.wet.gz#offset=4190,length=2211,encoding=gzip,format=wet,sha256=…
    c4-train.00000-of-01024.json.gz#row=17,format=c4

A pointer is the URI of the shard and, after the last `#`, columns of `matches`: `offset` with `length`, or
`row`. Others are optional, and compared if given. Without `encoding`, offset and length count stored bytes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from presswatch_spark.core.errors import ConfigError, InputError
from presswatch_spark.storage.uris import canonical, is_web, join, scheme_of, shown_uri

if TYPE_CHECKING:
    from presswatch_spark.core.settings.config import StorageOptions
    from presswatch_spark.tables.declarations import Match, Target

_POINTER = re.compile(r"(?P<uri>.+)#(?P<place>(?:offset|row)=[^#/]*)", re.DOTALL)
COMMON_CRAWL, COMMON_CRAWL_SITE = "s3://commoncrawl/", "https://data.commoncrawl.org/"
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
    """The place of a document and the digest of its text, as in `matches`. `uri` is canonical."""

    uri: str
    offset: int | None = None
    length: int | None = None
    encoding: str | None = None
    row: int | None = None
    format: str | None = None
    sha256: str | None = None

    @property
    def by_range(self) -> bool:
        """Return whether the range contains the whole record, so that nothing else must be read."""
        return self.offset is not None and self.encoding != "inflated" and self.row is None

    @property
    def place(self) -> tuple[str, int]:
        """Return the kind and number of the document's place in its shard."""
        if self.offset is not None:
            return "offset", self.offset
        return "row", -1 if self.row is None else self.row

    @property
    def curl(self) -> str | None:
        """Return the command that fetches the record from its site; None if no range of a site has it."""
        uri = on_site(self.uri)
        if not uri.startswith(("http://", "https://")) or not self.by_range or not self.length:
            return None
        inflate = " | gzip -dc" if self.encoding == "gzip" else ""
        first = self.offset or 0
        return f"curl -r {first}-{first + self.length - 1} {shlex.quote(shown_uri(uri))}{inflate}"

    def __str__(self) -> str:
        fields = [f"{name}={value}" for name in _FIELDS if (value := getattr(self, name)) is not None]
        return f"{shown_uri(self.uri)}#{','.join(fields)}"


def on_site(uri: str) -> str:
    """Return the public address of an object of Common Crawl's bucket; any other URI unchanged."""
    if uri.startswith(COMMON_CRAWL):
        return join(COMMON_CRAWL_SITE, uri.removeprefix(COMMON_CRAWL))
    return uri


def pointer_of(row: Match | Target, uri: str) -> Pointer:
    """Return the pointer of a row of `matches` or `targets` whose shard is now at canonical `uri`."""
    return Pointer(
        uri,
        offset=row.record_offset,
        length=row.record_length,
        encoding=row.record_encoding,
        row=row.row_index,
        format=row.dataset,
        sha256=row.text_sha256 or None,
    )


def is_pointer(text: str) -> bool:
    """Return whether `text` ends like a pointer."""
    return _POINTER.fullmatch(text) is not None


def parse_pointer(text: str) -> Pointer:
    """Parse the text of a pointer; raises `InputError` with its mistake."""
    match = _POINTER.fullmatch(text)
    if not match:
        raise _wrong("is not a pointer", text)
    fields: dict[str, str] = {}
    for part in match["place"].split(","):
        name, _, value = part.partition("=")
        if name not in _FIELDS or name in fields or not re.fullmatch(_FIELDS[name], value):
            raise _wrong(f"the pointer contains an unknown part: {part!r}", text)
        fields[name] = value
    numbers = {name: int(fields.pop(name)) for name in ("offset", "length", "row") if name in fields}
    if ("offset" in numbers) != bool(numbers.get("length")):
        raise _wrong("a pointer by bytes requires offset and length, and length must not be 0", text)
    return Pointer(canonical(match["uri"]), **numbers, **fields)  # type: ignore[arg-type]


def _wrong(what: str, text: str) -> InputError:
    return InputError(
        what,
        where=shown_uri(text.partition("#")[0]),
        remedy="write URI#offset=N,length=N or URI#row=N; docs/reference/pointers.md lists further parts",
    )


@dataclass(frozen=True, slots=True)
class Mirror:
    """A copy, at `copy`, of everything below `place`; both are canonical and have no slash at the end."""

    place: str
    copy: str

    def of(self, uri: str) -> str | None:
        """Return the copy of the object at `uri`; None if it is not below the place, or contains `..`."""
        if uri == self.place:
            return self.copy
        folder = f"{self.place.rstrip('/')}/"
        if not uri.startswith(folder):
            return None
        key = uri.removeprefix(folder)
        key = unquote(key) if scheme_of(self.place).startswith("http") else key
        return None if "\0" in key or ".." in key.split("/") else join(self.copy, key)


def parse_mirror(text: str) -> Mirror:
    """Read `FROM=TO`, divided at the first `=`; raises `ConfigError` if either is missing."""
    place, _, copy = text.partition("=")
    if not (place and copy):
        raise ConfigError(
            f"{text!r} is not a mirror", remedy="write --mirror FROM=TO, e.g. s3://bucket=/disk"
        )
    return Mirror(_folder(place), _folder(copy))


def mirrored(uri: str, mirrors: Sequence[Mirror]) -> str:
    """Return the address of the object at `uri`: in the first mirror of its place, else `uri` itself."""
    return next((copy for mirror in mirrors if (copy := mirror.of(uri))), uri)


def place_named(uri: str, mirrors: Sequence[Mirror], storage: StorageOptions) -> str | None:
    """Return the address of the object at `uri`, which a row names; None if a row must not lead there.

    A row has hostile content: unless a mirror maps it, it must not lead to a local file or private address.
    """
    from presswatch_spark.storage.addresses import is_private

    if copy := next((copy for mirror in mirrors if (copy := mirror.of(uri))), None):
        return copy
    is_local = scheme_of(uri) == "file" or ".." in uri.split("/")
    return None if is_local or (is_web(uri) and is_private(uri, storage)) else uri


def _folder(uri: str) -> str:
    return canonical(uri).rstrip("/") or "/"
