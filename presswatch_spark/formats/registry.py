"""All formats that are read, and which one a shard is of. A new one is a source with its descriptor.

The content of a shard decides, and its name only where the content cannot be read. Files that are read beside
others are no shards. A process of its own looks into them: what a file holds must not end the process that
plans a scan.
"""

import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from select import POLLIN, poll

from presswatch_spark.errors import CorruptError, InputError, PresswatchError
from presswatch_spark.formats.arc import ARC
from presswatch_spark.formats.descriptor import Format, Head, first_existing
from presswatch_spark.formats.heads import keys_of, kind_of
from presswatch_spark.formats.inflate import Window, inflated_window
from presswatch_spark.formats.oscar import OSCAR
from presswatch_spark.formats.row_datasets import C4, ROWS
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table.columns import listed
from presswatch_spark.formats.table.json_text import BYTE_ORDER_MARK
from presswatch_spark.formats.table.parquet import dotted_names, open_parquet
from presswatch_spark.formats.warc_format import WARC
from presswatch_spark.formats.wet import WET
from presswatch_spark.model import ReadReport
from presswatch_spark.processes import begin_child
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, random_access

AUTO = "auto"
"""In the place of a format's name: each shard by its content."""

FORMATS: tuple[Format, ...] = (WET, WARC, ARC, OSCAR, C4, ROWS)
"""In the order in which a shard is held against them; `ROWS` takes whatever rows the others leave."""

DEFAULT = ROWS
"""What an empty shard is read as whose name tells nothing."""
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
MOST_SECONDS = 300
"""For a file: what takes longer, or ends the process that looks, is taken for a shard."""
_YES, _NO = b"1", b"0"


def names() -> tuple[str, ...]:
    """Return the names of all formats."""
    return tuple(format.name for format in FORMATS)


def find(name: str | None) -> Format | None:
    """Return the format of that name, None if there is none."""
    return next((format for format in FORMATS if format.name == name), None)


def named(name: str) -> Format:
    """Return the format of that name; `InputError` if there is none."""
    if (format := find(name)) is None:
        raise InputError(f"there is no format {name}", remedy=f"there are: {', '.join(names())}")
    return format


def named_like(uri: str) -> Format | None:
    """Return the format that a shard's name speaks of, without a look at it; None if it speaks of none."""
    return next((format for format in FORMATS if format.is_named(uri)), None)


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
    said = None if name == AUTO else named(name)
    data = head_of(shard, options)
    for format in [said] if said else FORMATS:
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
                columns = dotted_names(open_parquet(file, shard.uri).schema)
        return _recognised(Head(shard.uri, data, kind, columns, options.columns))
    if kind not in said.kinds:
        raise CorruptError(
            f"the shard was to be read as {said.name}, but it is {kind}",
            where=shard.uri,
            remedy=_REMEDIES.get(kind, "choose another --format, or auto"),
        )
    _refuse_companion(shard.uri, columns, said)
    return next((other for other in FORMATS if other.title == kind), said)


def is_companion(file: ObjectInfo, options: ReadOptions) -> bool:
    """Whether a file that is named like a companion is one; of one that cannot be read nobody knows."""
    try:
        columns = keys_of(head_of(file, options))
    except PresswatchError:
        return False
    finally:
        options.opener.close()
    return any(format.companions and format.companions.marks <= columns for format in FORMATS)


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
    found = next((format for format in FORMATS if format.recognises(head)), None)
    _refuse_companion(head.uri, head.columns, found)
    if found:
        return found
    if head.columns or head.kind == "Parquet":
        raise InputError(
            f"no column is known to hold text; there are: {listed(head.columns)}",
            where=head.uri,
            remedy="map the columns: at least text, and url if there is one",
        )
    named = named_like(head.uri)
    if head.kind == "empty":
        return named or DEFAULT
    suffixes = named.suffixes if named else {}
    if named and any(head.uri.lower().endswith(end) and head.kind in suffixes[end] for end in suffixes):
        # Its content is what damage makes of such a file.
        return named
    raise InputError(
        f"the content of the shard is {head.kind}, not a format that is read",
        where=head.uri,
        remedy=_REMEDIES.get(head.kind, f"give shards of {', '.join(names())}"),
    )


def _refuse_companion(uri: str, columns: frozenset[str], format: Format | None) -> None:
    """Raise `CorruptError` if columns show a companion: the shard is the file beside it.

    A shard that its format expects to have a companion of its own is none.
    """
    if format and format.companions and format.companions.beside(uri):
        return
    for companions in (each.companions for each in FORMATS):
        if companions and companions.marks <= columns:
            raise CorruptError(companions.refusal, where=uri, remedy=companions.remedy)


def companions_among(planned: Sequence[ObjectInfo], format: str, storage: StorageOptions) -> set[str]:
    """Return the URIs of those `planned` files that are read with another of them, if all are of `format`.

    Their content decides, not their name: a file that cannot be read is taken for a shard.
    """
    uris = {info.uri for info in planned}
    beside = named_companions(uris, format)
    return _confirmed([info for info in planned if info.uri in beside], storage)


def named_companions(uris: set[str], format: str) -> set[str]:
    """Return those of `uris` that are named like companions of others."""
    asked = [each for each in FORMATS if format in (AUTO, each.name)]
    where = [each.companions.beside for each in asked if each.companions]
    return {beside for uri in uris for names in where for beside in names(uri)} & uris


def _confirmed(files: Sequence[ObjectInfo], storage: StorageOptions) -> set[str]:
    """Return the URIs of those `files` that are companions by their content."""
    confirmed = set[str]()
    while files:
        answers = list(_answers(files, storage))
        confirmed.update(info.uri for info, answer in zip(files, answers, strict=False) if answer == _YES)
        # The process says nothing of the file that ended it.
        files = files[len(answers) + 1 :]
    return confirmed


def _answers(files: Sequence[ObjectInfo], storage: StorageOptions) -> Iterator[bytes]:
    process, questions, answers = begin_child(__name__)
    with process:
        try:
            questions.write(pickle.dumps((list(files), storage)))
            questions.close()
            waiting = poll()
            waiting.register(answers, POLLIN)
            # An answer is one byte: the buffer of the pipe holds the answers for all files of any plan.
            while waiting.poll(1_000 * MOST_SECONDS) and (answer := answers.read(1)):
                yield answer
        except OSError:
            return
        finally:
            process.kill()


def serve() -> None:
    """Read the list of files from stdin, and answer with one byte for each."""
    files, storage = pickle.load(sys.stdin.buffer)
    options = ReadOptions(storage=storage)
    for info in files:
        sys.stdout.buffer.write(_YES if is_companion(info, options) else _NO)
        sys.stdout.buffer.flush()
