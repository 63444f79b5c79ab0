"""Checks of a row without this project: commands that fetch its record, and a program that reads it."""

import shlex
from collections.abc import Sequence

from presswatch_spark.core.terminal import printable, wrapped_at
from presswatch_spark.query.pointers.pointer import on_site
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.row_formats import TRIED
from presswatch_spark.storage.hub import ENDPOINT
from presswatch_spark.storage.uris import HubAddress, bucket_and_key, join, scheme_of
from presswatch_spark.tables.declarations import Match

RECORD = "record"
PASSAGE_WORDS, STRINGS_READ = 25, 4
COLUMNS = 76

_WORDS = """\
def words(text):
    flat = unicodedata.normalize("NFKD", text.casefold().replace("œ", "oe"))
    bare = "".join(c for c in flat if not unicodedata.combining(c))
    return re.findall(r"[^\\W_]+", bare)
"""
_HEAD = """\
head, _, block = record.partition(b"\\r\\n\\r\\n")
length = re.search(rb"(?i)\\ncontent-length: *(\\d+)", head)[1]
block = block[: int(length)]
print(*map(ascii, head.decode("utf-8", "replace").splitlines()), sep="\\n")
"""
_ARC_HEAD = """\
head, _, block = record.partition(b"\\n")
block = block[: int(head.split()[-1])]
print(ascii(head.decode("utf-8", "replace")))
"""
_PAGE = """\
headers, _, body = block.partition(b"\\r\\n\\r\\n")
digest = "sha1:" + base64.b32encode(hashlib.sha1(body).digest()).decode()
print("digest:", digest == {digest!r})
page = body.decode({charset!r}, "replace")
text = html.unescape(re.sub(r"<[^>]*>", " ", page))
"""
_STRINGS = """\
places = {places}
data = {data}
parts = (data[i:j].decode("utf-8", "replace") for i, j in places)
codes = r"(?i)\\\\+(?:x([0-9a-f]{{2}})|u([0-9a-f]{{4}})|u{{([0-9a-f]{{1,5}})}})"
letter = lambda found: chr(int(found[found.lastindex], 16))
joints = r'(?s)\\]\\]>|<!\\[CDATA\\[|"\\]\\);?</script>.*?_f\\.push\\(\\[1,"'
text = re.sub(codes, letter, re.sub(joints, "", " ".join(parts)))
text = html.unescape(re.sub(r"\\\\+[nrt]", " ", text))
text = html.unescape(re.sub(r"<[^>]*>", " ", text))
"""
_TEXT = """\
wanted = {digest!r}
print("digest:", hashlib.sha256({text}).hexdigest() == wanted)
text = {text}.decode("utf-8", "replace")
"""
_ROW = "row = json.loads(record)\n"
_OF_ROW = """\
said = {{k: v for k, v in row.items() if len(str(v)) < 500}}
print(*(f"{{k}}: {{ascii(v)}}" for k, v in said.items()), sep="\\n")
wanted = {digest!r}
print("digest:", hashlib.sha256(text.encode()).hexdigest() == wanted)
"""
_PARQUET = """\
import pyarrow.parquet
row = pyarrow.parquet.read_table("record").slice({row}, 1).to_pylist()[0]
"""
_COMPARED = 'print("words:", " ".join(words(passage)) in " ".join(words(text)))\n'


def commands(row: Match, uri: str) -> list[str]:
    """Return shell commands that write the record of a row, whose shard is at `uri`, to the file `record`."""
    address, on_web = _address(uri)
    pieces = [""]
    for segment in address.replace("/", "\0/").replace("\0/\0/", "//").split("\0"):
        if pieces[-1] and len(pieces[-1]) + len(segment) > COLUMNS - 6:
            pieces.append("")
        pieces[-1] += segment
    lines = [f"u={'$u' if k else ''}{shlex.quote(piece)}" for k, piece in enumerate(pieces)]
    offset, length, encoding = row.record_offset, row.record_length or 0, row.record_encoding
    # `-f`, since an error page is no record; `-L`, since hubs redirect to the place of a file.
    fetched = "curl -fsSL"
    whole = f'{fetched} "$u"' if on_web else 'cat "$u"'
    if offset is None:
        steps = (
            [whole] if _is_parquet(uri) else [whole, *_unpacked(uri), f"sed -n {(row.row_index or 0) + 1}p"]
        )
    elif encoding == "inflated":
        steps = [whole, *_unpacked(uri), f"tail -c +{offset + 1}", f"head -c {length}"]
    else:
        ranged = f'{fetched} -r {offset}-{offset + length - 1} "$u"'
        part = [ranged] if on_web else [f'tail -c +{offset + 1} "$u"', f"head -c {length}"]
        steps = [*part, *(["zcat"] if encoding == "gzip" else [])]
    return [*lines, f"{' | '.join(steps)} > {RECORD}"]


def needs(row: Match, uri: str) -> list[str]:
    """Return which of `zstandard` and `pyarrow` the check needs."""
    names = {"zstandard": "zstdcat" in _unpacked(uri), "pyarrow": _is_parquet(uri)}
    return [name for name, is_needed in names.items() if is_needed and row.record_encoding != "gzip"]


def program(row: Match, uri: str, passage: str | None, column: str | None = None) -> list[str]:
    """Return a Python program that compares the record with the row, and with words of the article.

    `passage`: words that follow each other in the article and on the page. `column`: the column with the text
    of rows, with dots for nested fields; None: the program tries several.
    """
    format = known_formats.find(row.dataset)
    facts = {"digest": row.text_sha256, "row": row.row_index}
    modules = "hashlib, re, unicodedata"
    if row.record_offset is None:
        if column is None:
            names = f"names = {' '.join(TRIED['text'])!r}.split()"
            picked = f"{names}\ntext = next(row[name] for name in names if row.get(name))\n"
        else:
            picked = f"text = row{''.join(f'[{part!r}]' for part in column.split('.'))}\n"
        body = ((_PARQUET if _is_parquet(uri) else _ROW) + picked + _OF_ROW).format(**facts)
        modules = "hashlib, json, re, unicodedata"
    elif format is not None and format.responses:
        page = {"digest": row.payload_digest_computed, "charset": row.charset or "utf-8"}
        body = (_HEAD if format.is_warc else _ARC_HEAD) + _PAGE.format(**page) + _of_strings(row)
        modules = "base64, hashlib, html, re, unicodedata"
    elif format is not None and format.is_warc:
        body = _HEAD + _TEXT.format(text="block", **facts)
    else:
        body = _TEXT.format(text="record", **facts)
    read = "" if _is_parquet(uri) else f'record = open("{RECORD}", "rb").read()\n'
    compared = ""
    if passage:
        lines = wrapped_at(printable(" ".join(passage.split()[:PASSAGE_WORDS])), COLUMNS - 8)
        quoted = "".join(f"    {line + ' '!r}\n" for line in lines)
        compared = f"passage = (\n{quoted})\n{_WORDS}{_COMPARED}"
    return f"import {modules}\n{read}{body}{compared}".splitlines()


def _of_strings(row: Match) -> str:
    """Return the lines that take the text from the strings of the longest span of a row, if it has any."""
    span = max(row.spans, key=lambda span: span["words"], default=None)
    if span is None or not row.text_strings:
        return ""
    places = [
        (each["start"], each["end"])
        for each in row.text_strings
        if each["document_start"] < span["document_end"] and each["document_end"] > span["document_start"]
    ][:STRINGS_READ]
    # Bytes of UTF-8 count as they are stored.
    as_stored = r'body.removeprefix(b"\xef\xbb\xbf")'
    data = as_stored if row.charset == "utf-8" else r'page.removeprefix("\ufeff").encode()'
    return _STRINGS.format(data=data, places=places)


def _address(uri: str) -> tuple[str, bool]:
    if scheme_of(uri) == "hf":
        return HubAddress.of(uri).resolver(ENDPOINT), True
    site = on_site(uri)
    if scheme_of(site) == "s3":
        bucket, key = bucket_and_key(uri)
        site = join(f"https://{bucket}.s3.amazonaws.com", key)
    return printable(site), scheme_of(site) != "file"


def _unpacked(uri: str) -> Sequence[str]:
    name = uri.lower()
    return ["zcat"] if name.endswith(".gz") else ["zstdcat"] if name.endswith((".zst", ".zstd")) else []


def _is_parquet(uri: str) -> bool:
    return uri.lower().endswith(".parquet")
