"""The code of docs/how-to/check-a-table.md, for third parties, makes the same texts of every kind of page."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path

import pytest

from presswatch_spark.settings.config import ReadRules, ScanConfig
from tests.arc_records import arc_record, packed_arc
from tests.corpora import article, build, write_jsonl
from tests.documents import blocks, text_of
from tests.reference.page_text import SOURCE as PAGE_TEXT
from tests.scanned import scan_here
from tests.unit.formats.test_warc_pdf import PDF, pdf
from tests.warc_records import http, page, warc_record
from tests.wet_records import packed_as, record

BODY = (
    "Le conseil a voté hier soir une subvention de huit mille euros pour la réfection de la halle, "
    "où l’été prochain les maraîchers de la vallée tiendront à nouveau leur marché du samedi."
)
CHUNKED, PACKED = "Transfer-Encoding: chunked", "Content-Encoding: gzip"


def html(charset: str, *, declared: bool = True) -> bytes:
    meta = f"<meta charset={charset}>" if declared else ""
    text = escape(BODY).replace("halle", "<b>hal</b>le").replace("’", "&rsquo;")
    return f"<!doctype html>{meta}<title>Non</title><nav>Menu</nav><p>{text}<img alt=non></p>".encode(charset)


def xhtml() -> bytes:
    head = '<?xml version="1.0"?>\n<html><head><title/><script src="a.js" /></head><body>'
    return f"{head}<iframe src='b'/><p>{escape(BODY)}</p></body></html>".encode()


def chunked(body: bytes) -> bytes:
    cut = len(body) // 2
    parts = [body[:cut], body[cut:], b""]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


def warc() -> list[bytes]:
    typed = "Content-Type: text/html"
    bodies = {
        "utf-8": (html("utf-8"), typed),
        "bom": (b"\xef\xbb\xbf" + html("utf-8"), typed),
        "declared": (html("cp1252"), "Content-Type: text/html; charset=windows-1252"),
        "with a control": (html("cp1252") + b"<p>\x81\x9d", "Content-Type: text/html; charset=latin1"),
        "undeclared": (html("cp1252", declared=False), typed),
        "utf-16": (html("utf-16"), typed),
        "packed": (gzip.compress(html("utf-8")), typed, PACKED),
        "chunked": (chunked(html("iso-8859-1")), typed, CHUNKED),
        "both": (chunked(gzip.compress(html("utf-8"))), typed, PACKED, CHUNKED),
        "xhtml": (xhtml(), "Content-Type: application/xhtml+xml; charset=utf-8"),
        "text": (BODY.encode("cp1252"), "Content-Type: text/plain; charset=windows-1252"),
        "text of bytes": (
            b"\xef\xbb\xbf\xff " + BODY.encode() + b" \xe9",
            "Content-Type: text/plain; charset=utf-8",
        ),
        "pdf": (pdf(*re.findall(r".{1,60}\b", BODY.replace("’", "'"))), PDF),
    }
    resource = warc_record(html("utf-8"), "https://d.fr/resource", kind="resource")
    continued = http(html("utf-8"), typed, status="HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    return [
        warc_record(continued, "https://d.fr/continued"),
        *(page(body, *headers, url=f"https://d.fr/{name}") for name, (body, *headers) in bodies.items()),
        resource.replace(b"application/http; msgtype=response", b"text/html; charset=utf-8"),
    ]


@pytest.mark.slow
def test_it_reaches_the_same_text_and_words_of_every_kind_of_page(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    build(corpus, [write_jsonl(tmp_path / "articles.jsonl", [article(1, body=BODY.replace("’", "'"))])])
    shards = tmp_path / "shards"
    shards.mkdir()
    for packing in ("record", "single", "plain"):
        (shards / f"{packing}.warc").write_bytes(packed_as(packing, warc()))
        response = http(html("cp1252"), "Content-Type: text/html; charset=windows-1252")
        (shards / f"{packing}.arc").write_bytes(
            packed_arc(packing, [arc_record(response, "http://d.fr/arc")])
        )
        (shards / f"{packing}.wet").write_bytes(packed_as(packing, [record(BODY.encode())]))
    # Two that were cut: in the second record, so that what the row speaks of is there.
    for name, more in (("cut.wet", []), ("longer.wet", [record(BODY.encode())] * 2)):
        whole = packed_as("single", [record(BODY.encode()), *more, record(random.Random(2).randbytes(9000))])
        (shards / name).write_bytes(whole[:-5000])
    config = ScanConfig(read=ReadRules(pdf=True))
    rows = scan_here(
        sorted(shards.iterdir()), corpus, tmp_path / "tables", config, statuses=("complete", "partial")
    )
    assert len(rows) == 3 * (len(warc()) + 2) + 1 + 3
    assert {row["longest_run_words"] for row in rows} == {len(re.findall(r"\w+", BODY))}
    done = checked(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith(
        f"{len(rows)} rows: {len(rows)} as the table says, 0 not as"
    )
    bad = json.loads((tmp_path / "articles.jsonl").read_text()) | {"body": "autre"}
    (tmp_path / "articles.jsonl").write_text(json.dumps(bad))
    done = checked(tmp_path)
    assert done.returncode == 3
    assert done.stdout.count("the article has another text") == len(rows)


@pytest.mark.slow
def test_it_names_damaged_records_and_does_not_count_them_as_checked(tmp_path: Path) -> None:
    corpus, shard = tmp_path / "corpus", tmp_path / "a.warc.wet"
    build(corpus, [write_jsonl(tmp_path / "articles.jsonl", [article(1, body=BODY)])])
    lying = record(BODY.encode(), length=len(BODY.encode()) + 9)
    shard.write_bytes(packed_as("plain", [record(BODY.encode()), lying, record(BODY.encode())]))
    rows = scan_here([shard], corpus, tmp_path / "tables", statuses=("partial",))
    assert [row["record_damage"] for row in rows] == [None, "length", "boundary"]
    done = checked(tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stdout.count("record is damaged: length") == 1
    assert "3 rows: 1 as the table says, 0 not as the table says, 2 of damaged records" in done.stdout


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    """The code of the page, run on the tables and the articles in a folder."""
    code = "\n".join(blocks(text_of("how-to/check-a-table"), "python"))
    # Runs of tests have no digests of their tables.
    code, removed = re.subn(r"for run in runs:\n(?:    .*\n|\n)+", "", code, count=1)
    assert removed == 1
    (folder / "check.py").write_text(code, encoding="utf-8")
    shutil.copy(PAGE_TEXT, folder)
    command = [
        sys.executable,
        str(folder / "check.py"),
        str(folder / "tables"),
        str(folder / "articles.jsonl"),
    ]
    return subprocess.run(command, check=False, capture_output=True, text=True)
