"""Which format a shard is of: by its content, and by its name only where the content cannot be read."""

from collections.abc import Mapping

from presswatch_spark.errors import CorruptError, InputError, PresswatchError
from presswatch_spark.formats import registry
from presswatch_spark.formats.descriptor import Format, Head, first_existing
from presswatch_spark.formats.heads import keys_of, kind_of
from presswatch_spark.formats.inflate.inflated import inflated_window
from presswatch_spark.formats.inflate.window import Window
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table.columns import listed
from presswatch_spark.formats.table.json_text import BYTE_ORDER_MARK
from presswatch_spark.formats.table.parquet import dotted_names, opened
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.objects import ObjectInfo, random_access

HEAD_BYTES = 64 << 10
HEAD_CHUNK_BYTES = 256 << 10
LONG_LINE_BYTES = 16 << 20

_REMEDIES: Mapping[str, str] = {
    "WAT": "WAT files hold metadata only: give the WET or WARC files of the same crawl",
    "a CDX index": "give the files that it points into; `presswatch census` reads CDXJ",
    "HTML": "an error page was probably saved in place of the file: get it again",
    "an error message in XML": "the storage's refusal was saved in place of the file: check its name and "
    "your access, and get it again",
    "a WACZ file": "unpack it, and give the WARC files in its folder archive/: "
    "unzip -j FILE.wacz 'archive/*' -d FOLDER",
    "a ZIP archive": "unpack it, and give the files that were in it",
    "a 7z archive": "unpack it, and give the files that were in it",
    "a tar archive": "unpack it, and give the files that were in it",
    "packed with xz": "unpack it, or pack it with gzip or zstd",
    "packed with bzip2": "unpack it, or pack it with gzip or zstd",
    "a list of paths": "name it *.paths.gz to have the files that it lists read",
}


def format_for(name: str, shard: ObjectInfo, options: ReadOptions) -> Format:
    """Return the format that `shard` is read in; `name`: of a format that the user says, or `auto`.

    What is of another format that the one named may stand for (ARC for WARC) is read in that.

    Raises:
        InputError: there is no such format, or the content is of no kind that is read.
        CorruptError: the content is of another kind than the user says, or cannot be read.
    """
    try:
        return _format_for(name, shard, options)
    except PresswatchError:
        options.opener.close()
        raise


def _format_for(name: str, shard: ObjectInfo, options: ReadOptions) -> Format:
    said = None if name == registry.AUTO else registry.named(name)
    data = head_of(shard, options)
    for format in [said] if said else registry.FORMATS:
        companions = format.companions
        may_have = companions and (said or companions.is_typical(shard.uri))
        if companions and may_have and first_existing(companions.beside(shard.uri), options.storage):
            # Its lines may look like anything.
            return format
    kind = kind_of(data)
    if kind == "Parquet":
        # It is read by ranges, for which the size has to be known.
        shard = options.opener.described(shard)
        options.opener.let_go()
    columns = keys_of(data) if kind == "JSONL" else frozenset[str]()
    if said is None:
        if kind == "Parquet":
            with random_access(shard, options.storage) as file:
                columns = dotted_names(opened(file, shard.uri).schema)
        return _recognised(Head(shard.uri, data, kind, columns, options.columns))
    if kind not in said.kinds:
        raise CorruptError(
            f"the shard was to be read as {said.name}, but it is {kind}",
            where=shard.uri,
            remedy=_REMEDIES.get(kind, "choose another --format, or auto"),
        )
    _refuse_companion(shard.uri, columns, said)
    return next((other for other in registry.FORMATS if other.title == kind), said)


def is_companion(file: ObjectInfo, options: ReadOptions) -> bool:
    """Whether a file that is named like a companion is one; of one that cannot be read nobody knows."""
    try:
        columns = keys_of(head_of(file, options))
    except PresswatchError:
        return False
    finally:
        options.opener.close()
    return any(format.companions and format.companions.marks <= columns for format in registry.FORMATS)


def head_of(shard: ObjectInfo, options: ReadOptions) -> bytes:
    """Return the first 64 KiB of the shard, inflated; more if its first line is JSON and longer."""
    with options.opener.look(shard, options.storage) as stream:
        window = Window(stream, ReadReport(), HEAD_CHUNK_BYTES)
        if window.refill(0) is None:
            return b""
        parts, size = [], 0
        for data in inflated_window(window, ReadReport()):
            parts.append(data)
            size += len(data)
            line_ends = (
                not parts[0].removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"{")
                or b"\n" in data
                or size >= LONG_LINE_BYTES
            )
            if size >= HEAD_BYTES and line_ends:
                break
        head = b"".join(parts)
    return head if b"\n" not in head[:HEAD_BYTES] else head[:HEAD_BYTES]


def _recognised(head: Head) -> Format:
    """Return the first format that recognises a shard; what says nothing is what its name says."""
    found = next((format for format in registry.FORMATS if format.recognises(head)), None)
    _refuse_companion(head.uri, head.columns, found)
    if found:
        return found
    if head.columns or head.kind == "Parquet":
        raise InputError(
            f"no column is known to hold text; there are: {listed(head.columns)}",
            where=head.uri,
            remedy="map the columns: at least text, and url if there is one",
        )
    named = registry.named_like(head.uri)
    if head.kind == "empty":
        return named or registry.DEFAULT
    if named and named.may_be_damaged(head.uri, head.kind):
        return named
    raise InputError(
        f"the content of the shard is {head.kind}, not a format that is read",
        where=head.uri,
        remedy=_REMEDIES.get(head.kind, f"give shards of {', '.join(registry.names())}"),
    )


def _refuse_companion(uri: str, columns: frozenset[str], format: Format | None) -> None:
    """Raise `CorruptError` if columns show a companion: the shard is the file beside it.

    A shard that its format expects to have a companion of its own is none.
    """
    if format and format.companions and format.companions.beside(uri):
        return
    for companions in (each.companions for each in registry.FORMATS):
        if companions and companions.marks <= columns:
            raise CorruptError(companions.refusal, where=uri, remedy=companions.remedy)
