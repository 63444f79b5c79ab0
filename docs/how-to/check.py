"""Checks a table of matches without presswatch: digests, documents, and the words of every span.

    python check.py TABLES CORPUS [FROM=TO …]

Needs Python 3.11 and pyarrow, `page_text.py` and `words.py` beside this file, and for some shards zstandard,
brotli or pypdf. FROM=TO reads shards whose address begins with FROM at TO, on this machine's disk.
docs/how-to/check-a-table.md explains it. Exit code: 0 if every row is as the table says, 3 if not.
"""

import base64
import codecs
import glob
import gzip
import hashlib
import html
import io
import json
import re
import sys
import zlib
from functools import lru_cache
from itertools import groupby, pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from page_text import page_text, xhtml_as_html
from words import reference_words

# A frame of zstd, or one to skip.
GZIP, ZSTD = b"\x1f\x8b", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


# --- digests


def row_sha256(row):
    left_out = {"run_id", "shard_uri", "product", "product_revision", "row_sha256"}
    usual = {"upstream_uri": None, "upstream_offset": None, "text_source": "visible", "text_strings": None}
    left_out |= {name for name in usual if row.get(name) in (None, usual[name])}
    kept = {name: value for name, value in row.items() if name not in left_out}
    options = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
    return sha256(json.dumps(kept, default=written_time, **options))


def written_time(time):
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def table_digest(digests):
    groups = groupby(sorted(digests), key=lambda digest: digest[:3])
    return sha256("".join(head + sha256("".join(group)) for head, group in groups))


def wrong_digests(matches, runs):
    """Yield what is wrong with digests of rows and runs."""
    for row in matches:
        if row_sha256(row) != row["row_sha256"]:
            yield f"{row['row_sha256']}: the row has another digest"
    for run in runs:
        digests = [row["row_sha256"] for row in matches if row["run_id"] == run["run_id"]]
        if table_digest(digests) != run["table_digest"]:
            yield f"{run['run_id']}: the rows of the run have another table_digest"
        if sha256(run["config"]) != run["config_digest"]:
            yield f"{run['run_id']}: the settings have another config_digest"


def rows_of(tables, table):
    """Read a table file by file: those of earlier versions have fewer columns, and digests over those."""
    files = sorted(glob.glob(f"{glob.escape(tables)}/{table}/*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


# --- shards


@lru_cache(maxsize=1)  # rows are checked shard by shard: each is inflated once
def inflated(path):
    with open(path, "rb") as file:
        magic = file.read(4)
        file.seek(0)
        if ZSTD.match(magic):
            import zstandard

            return until_damage(
                zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read
            )
        return until_damage(gzip.GzipFile(fileobj=file).read1) if magic[:2] == GZIP else file.read()


def until_damage(read):
    """Read to the end, or to the damage: rows of a `partial` shard point at what comes before it."""
    pieces = []
    try:
        while piece := read(1 << 16):
            pieces.append(piece)
    except Exception:
        pass
    return b"".join(pieces)


@lru_cache(maxsize=1)
def lines(path):
    return inflated(path).split(b"\n")


@lru_cache(maxsize=1)
def row_group(path, group):
    return pq.ParquetFile(path).read_row_group(group)


def row_of_shard(path, index):
    """Return a row of JSON Lines or Parquet as Python has it."""
    with open(path, "rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    if not is_parquet:
        return json.loads(lines(path)[index].decode("utf-8", "replace"))
    footer = pq.read_metadata(path)
    for group in range(footer.num_row_groups):
        rows = footer.row_group(group).num_rows
        if index < rows:
            return row_group(path, group).slice(index, 1).to_pylist()[0]
        index -= rows
    raise LookupError


def strings(value):
    """Yield all texts in a row, those in objects of JSON that stand in strings too."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, bytes):
            yield value
        elif isinstance(value, str):
            yield value.encode("utf-8", "surrogatepass")
            if value.lstrip().startswith("{"):
                try:
                    waiting.append(json.loads(value))
                except (ValueError, RecursionError):
                    pass


# --- documents


def texts_of(row, path, limit):
    """Yield what the text of a row's document may be; the right one has the digest `text_sha256`."""
    if row["record_offset"] is None:
        yield from strings(row_of_shard(path, row["row_index"]))
        return
    offset, length = row["record_offset"], row["record_length"]
    if row["record_encoding"] == "inflated":
        record = inflated(path)[offset : offset + length]
    else:
        with open(path, "rb") as file:
            file.seek(offset)
            record = file.read(length)
    if row["record_encoding"] == "gzip":
        record = until_damage(gzip.GzipFile(fileobj=io.BytesIO(record)).read1)
    if row["dataset"] == "oscar":  # OSCAR 21.09: the range is the text
        yield record
        return
    if row["dataset"] == "arc":
        head, _, block = record.partition(b"\n")
        declared = head.split()[-1]
    else:
        head, block = re.split(rb"\r?\n\r?\n", record, maxsplit=1)
        declared = re.search(rb"(?i)\ncontent-length: *([0-9]+)", head)[1]
    # Lengths of CC-MAIN-2018-34 are off by 2: there, the document ends before the line ends after it.
    for document in (block[: int(declared)], re.sub(rb"(?:\r\n)+\Z", b"", block)):
        if row["dataset"] == "wet":
            yield document
        else:
            yield from texts_of_response(row, head, document, limit)


def texts_of_response(row, head, block, limit):
    for headers, payload in splits_of_response(head, block):
        digest = "sha1:" + base64.b32encode(hashlib.sha1(payload).digest()).decode()
        if digest != row["payload_digest_computed"]:
            continue
        for body in bodies_of(headers, payload, limit):
            yield from texts_of_body(row, body)


def splits_of_response(head, block):
    """Yield where headers may end and the payload may begin."""
    yield b"", block  # no HTTP
    headers, rest = b"", block
    while (end := re.search(rb"\n\r*\n", rest)) and (not headers or re.match(rb"\s*HTTP/\S+ 1", headers)):
        headers, rest = rest[: end.start()], rest[end.end() :]
        yield headers, rest
    if markup := re.search(rb"\n(?=<)", block):  # no blank line after the headers
        yield block[: markup.start()], block[markup.end() :]


def bodies_of(headers, payload, limit):
    """Yield the payload without its codings, of headers that may not be true."""
    named = []
    for name in (b"content-encoding", b"transfer-encoding"):
        for value in re.findall(rb"(?im)^[ \t]*%b[ \t]*:((?:[^\n]|\n[ \t])*)" % name, headers):
            named += [coding.strip().lower() for coding in value.split(b",")]
    body = payload
    for coding in [each for each in named if each in UNDONE][:-5:-1]:
        body = UNDONE[coding](body, limit)
    yield body[:limit]
    if body[:2] == GZIP:  # packed, and not declared
        yield unzipped(body, limit)[:limit]


def unchunked(data, limit):
    parts, rest = [], data
    while size := re.match(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n", rest):
        length = int(size[1], 16)
        if not length:
            return b"".join(parts)
        parts.append(rest[size.end() : size.end() + length])
        rest = rest[size.end() + length :]
        end = re.match(rb"\r?\n", rest)
        if not end:
            break
        rest = rest[end.end() :]
    return b"".join([*parts, rest])  # sizes are wrong: the rest as it is


def unzipped(data, limit):
    """Undo gzip, all members."""
    parts, rest = [], data
    while rest[:2] == GZIP:
        body, rest = stream_of(lambda: zlib.decompressobj(31), rest, limit)
        parts.append(body)
    return b"".join(parts) or data


def undeflated(data, limit):
    for bits in (15, -15):
        body, _ = stream_of(lambda bits=bits: zlib.decompressobj(bits), data, limit)
        if body:
            return body
    return data


def unbrotlied(data, limit):
    import brotli

    body, _ = stream_of(brotli.Decompressor, data, limit)
    return body or data


def unstandarded(data, limit):
    import zstandard

    parts, rest = [], data
    while ZSTD.match(rest):
        body, rest = stream_of(zstandard.ZstdDecompressor().decompressobj, rest, limit)
        parts.append(body)
    return b"".join(parts) or data


def stream_of(make, data, limit):
    """Inflate one stream up to its end, to damage or to the limit; return it with the bytes after it.

    A call that fails gives nothing of its bytes: damage is met again, byte by byte.
    """
    for step in (1024, 1):
        stream, parts, size = make(), [], 0
        feed = stream.process if hasattr(stream, "process") else stream.decompress
        try:
            for at in range(0, len(data), step):
                parts.append(feed(data[at : at + step]))
                size += len(parts[-1])
                if getattr(stream, "eof", False):
                    end = min(at + step, len(data)) - len(stream.unused_data)
                    return b"".join(parts), data[end:]
                if size > limit or (hasattr(stream, "is_finished") and stream.is_finished()):
                    break
            return b"".join(parts), b""
        except Exception:
            continue
    return b"".join(parts), b""


UNDONE = {
    b"chunked": unchunked,
    b"gzip": unzipped,
    b"x-gzip": unzipped,
    b"deflate": undeflated,
    b"br": unbrotlied,
    b"zstd": unstandarded,
}
# Bytes that windows-1252 leaves undefined are controls to browsers, and errors to Python.
codecs.register_error("control", lambda error: (chr(error.object[error.start]), error.start + 1))


def texts_of_body(row, body):
    """Yield the text of a page, a plain text or a PDF."""
    if row["charset"] is None:
        import pypdf

        pages = pypdf.PdfReader(io.BytesIO(body)).pages
        yield "\n\n".join(each.extract_text() for each in pages).encode("utf-8", "replace")
        return
    if row["charset"] == "utf-8":  # as it is stored, invalid bytes too
        page = body.removeprefix(codecs.BOM_UTF8)
    else:
        wrong = "control" if row["charset"] == "cp1252" else "replace"
        page = body.decode(row["charset"], wrong).removeprefix("\ufeff").encode("utf-8", "replace")
    if row.get("text_strings"):  # embedded text
        for each in dict.fromkeys((page, xhtml_as_html(page))):
            # JSON may be in a string of JSON: try all depths.
            yield from dict.fromkeys(strings_in(row, each, depth) for depth in range(6))
        return
    if row["text_extraction"] is None:  # text/plain
        yield page
        return
    yield page_text(page)
    if (as_html := xhtml_as_html(page)) != page:  # of a type that ends in "xml"
        yield page_text(as_html)


ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u{([0-9a-fA-F]{1,5})}|(.))", re.DOTALL)
CONTROLS = dict.fromkeys("bfnrtv0", "\n") | {"\n": ""}
# A string may be in several pieces: CDATA sections of a feed, or scripts of Next.js.
JOINTS = re.compile(r'\]\]>|<!\[CDATA\[|"\]\)[;\s]*</script>.*?__next_f\.push\(\[1,"', re.DOTALL)


def unescaped(found):
    if found[4]:
        return CONTROLS.get(found[4], found[4])
    return chr(int(found[found.lastindex], 16))


def strings_in(row, page, depth):
    """Return the strings of embedded text that a row names; escapes are decoded `depth` times."""
    texts = []
    for each in row["text_strings"]:
        text = JOINTS.sub("", page[each["start"] : each["end"]].decode("utf-8", "replace"))
        for _ in range(depth):
            text = ESCAPE.sub(unescaped, text)
        text = html.unescape(text)
        is_markup = re.search("<[A-Za-z/!][^>]*>", text)
        data = (text if is_markup else html.unescape(text)).encode("utf-8", "replace")
        texts.append(page_text(data) if is_markup else data)
    return b"\n".join(texts)


# --- rows


# A word that goes on in the next line: its hyphen, and white space.
HYPHENATED = re.compile(rb"(?:-|\xe2\x80\x90|\xc2\xad)[\t\n\v\f\r ]+")


def words(text):
    """Return the words of a text, each with whether it may go on in the next one."""
    data = text.encode("utf-8", "replace")
    found = reference_words(data)
    gaps = [data[word.end : after.start] for word, after in pairwise(found)]
    goes_on = [*map(HYPHENATED.fullmatch, gaps), None]
    return [(word.folded, bool(on)) for word, on in zip(found, goes_on, strict=False)]


def beginnings(text, at):
    """Yield how many words of a text the word at a place may be, written in several lines, and the word."""
    joined = ""
    for count, (word, goes_on) in enumerate(text[at : at + 4], 1):
        joined += word
        yield count, joined
        if not goes_on:
            return


def words_in_common(document, article):
    """Return how many words two passages are, if they are the same; else None."""
    waiting, seen = [(0, 0, 0)], set()
    while waiting:
        i, j, count = waiting.pop()
        if (i, j) == (len(document), len(article)):
            return count
        if (i, j) in seen:
            continue
        seen.add((i, j))
        alike = [
            (i + of_document, j + of_article, count + 1)
            for of_document, left in beginnings(document, i)
            for of_article, right in beginnings(article, j)
            if left == right
        ]
        waiting += reversed(alike)  # the shortest first
    return None


def difference(row, path, limit, article):
    """Return how a row differs from its document and its article; None if it does not.

    `limit`: bytes of a document that the run read at most. `article`: its text in the corpus, or None.
    """
    texts = texts_of(row, path, limit)
    strings = row.get("text_strings")
    # The strings of embedded text are only a part of the text.
    texts = [each for each in texts if strings or sha256(each) == row["text_sha256"]]
    if not texts:
        return "the document has another text"
    if row["article_id"] is None:
        return None
    if article is None:
        return "the corpus has no article of this id"
    if sha256(article) != row["article_sha256"]:
        return "the article has another text"
    if row["longest_run_words"] and not row["spans"]:
        return "there is no span"
    compare = difference_in_strings if strings else difference_in_spans
    found = [
        compare(row, text.decode("utf-8", "replace"), article.decode("utf-8", "replace")) for text in texts
    ]
    return None if None in found else found[0]


def difference_in_spans(row, text, article):
    for span in row["spans"]:
        document = words(text[span["document_start"] : span["document_end"]])
        common = words_in_common(document, words(article[span["article_start"] : span["article_end"]]))
        if common is None:
            return "a span is not the same words on both sides"
        if common != span["words"]:
            return "a span has another number of words"
    return None


def difference_in_strings(row, text, article):
    found = words(text)
    for span in row["spans"] if len(row["text_strings"]) < 100 else ():
        passage = words(article[span["article_start"] : span["article_end"]])
        lengths = range(max(1, len(passage) - 3), len(passage) + 4)
        alike = (i for i, (word, _) in enumerate(found) if passage[0][0].startswith(word))
        slices = (found[i : i + length] for i in alike for length in lengths)
        if all(words_in_common(each, passage) != span["words"] for each in slices):
            return "a span is not in the strings that the row names"
    return None


def articles_of(corpus, wanted):
    """Return the texts of articles in a corpus, by id."""
    ids, found = pa.array(sorted(wanted), pa.string()), {}
    for file in sorted(glob.glob(f"{glob.escape(corpus)}/articles/*.arrow")):
        table = pa.ipc.open_file(pa.memory_map(file)).read_all().select(["article_id", "body"])
        for row in table.filter(pc.is_in(table["article_id"], ids)).to_pylist():
            found[row["article_id"]] = row["body"].encode()
    return found


def path_of(uri, moves):
    for before, after in moves:
        if uri.startswith(before):
            return after + uri[len(before) :]
    return uri.removeprefix("file://")


def main(tables, corpus, *moves):
    matches, runs = rows_of(tables, "matches"), rows_of(tables, "runs")
    wrong = list(wrong_digests(matches, runs))
    for each in wrong:
        print(each)
    if not wrong:
        print(f"{len(matches):,} rows and {len(runs):,} runs have their digests")
    limits = {run["run_id"]: json.loads(run["config"])["read"]["max_document_bytes"] for run in runs}
    articles = articles_of(corpus, {row["article_id"] for row in matches} - {None})
    moves = [move.rpartition("=")[::2] for move in moves]
    outcomes = {"as the table says": 0, "not as the table says": 0, "of damaged records, not checked": 0}
    for row in sorted(matches, key=lambda row: row["shard_uri"]):
        damage = row.get("record_damage")  # no such column in tables of earlier versions
        if damage:
            said, outcome = f"record is damaged: {damage}", "of damaged records, not checked"
        else:
            try:
                path, article = path_of(row["shard_uri"], moves), articles.get(row["article_id"])
                said = difference(row, path, limits[row["run_id"]], article)
            except Exception as error:  # whatever a damaged shard makes a library raise
                said = f"the document cannot be read: {type(error).__name__}"
            outcome = "not as the table says" if said else "as the table says"
        outcomes[outcome] += 1
        if said:
            print(row["row_sha256"], row["document_url"], said)
    print(f"{len(matches):,} rows: {', '.join(f'{count:,} {what}' for what, count in outcomes.items())}")
    return 0 if not wrong and outcomes["as the table says"] == len(matches) else 3


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
