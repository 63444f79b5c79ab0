"""The check for third parties agrees with `verify-rows` on every kind of document and article."""

import gzip
import hashlib
import json
import random
import re
import subprocess
import sys
import zlib
from functools import partial
from html import escape
from pathlib import Path

import brotli
import pytest
import zstandard

from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.settings.config import ReadRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.query.pointers.audit import Audit, RowRecomputation, drawn_rows, rules_in_tables
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.store import TableStore
from tests.world.arc import arc_record, packed_arc
from tests.world.commands import copied, rejected, run_check
from tests.world.corpora import article, build, corpus_of, write_jsonl
from tests.world.scanned import FORMS, ONE_OF_EACH_FORMAT, press_corpus, scan_here, some_pages
from tests.world.tables import write
from tests.world.warc import PDF, erratum, http, packed_as, page, pdf, record, warc_record

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
        "two members": (gzip.compress(html("utf-8")[:99]) + gzip.compress(html("utf-8")[99:]), typed, PACKED),
        "not packed": (html("utf-8"), typed, PACKED),
        "cut": (gzip.compress(html("utf-8") + random.Random(3).randbytes(99))[:-40], typed, PACKED),
        "deflate": (zlib.compress(html("utf-8")), typed, "Content-Encoding: deflate"),
        "raw deflate": (zlib.compress(html("utf-8"))[2:-4], typed, "Content-Encoding: deflate"),
        "br": (brotli.compress(html("utf-8")), typed, "content-encoding:br"),
        "zstd": (zstandard.compress(html("utf-8")), typed, "Content-Encoding: zstd"),
        "br in gzip": (gzip.compress(brotli.compress(html("utf-8"))), typed, "Content-Encoding: br, gzip"),
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
    corpus = corpus_of(tmp_path, [article(1, body=BODY.replace("’", "'"))])
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
    publish_with_digests(tmp_path / "tables")
    done = run_check(tmp_path, tmp_path / "tables", corpus)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        f"{len(rows)} rows and 1 runs have their digests",
        f"{len(rows)} rows: {len(rows)} as the table says, 0 not as the table says, 0 of damaged records,"
        " not checked",
    ]


@pytest.mark.slow
def test_it_names_damaged_records_and_does_not_count_them_as_checked(tmp_path: Path) -> None:
    file = tmp_path / "a.warc.wet"
    corpus = corpus_of(tmp_path, [article(1, body=BODY)])
    lying = record(BODY.encode(), length=len(BODY.encode()) + 9)
    file.write_bytes(packed_as("plain", [record(BODY.encode()), lying, record(BODY.encode())]))
    rows = scan_here([file], corpus, tmp_path / "tables", statuses=("partial",))
    assert [row["record_damage"] for row in rows] == [None, "length", "boundary"]
    publish_with_digests(tmp_path / "tables")
    done = run_check(tmp_path, tmp_path / "tables", corpus)
    assert done.returncode == 3, done.stderr
    assert done.stdout.count("record is damaged: length") == 1
    assert "3 rows: 1 as the table says, 0 not as the table says, 2 of damaged records" in done.stdout


SOFT = BODY.replace("subvention", "sub\u00advention").replace("maraîchers", "marai\u0302\u200bchers")


def test_it_accepts_whatever_articles_the_corpus_accepts(tmp_path: Path) -> None:
    """Numbers as ids, one id twice, soft hyphens on one side, and lines that are no article."""
    folder, corpus = tmp_path, tmp_path / "corpus"
    other = article(1, body=BODY + " Et la suite, dans une autre édition.")
    twice = [article(1, body=SOFT), other, article(7)]
    numbered = article(2, body=BODY.replace("samedi", "dimanche"))
    numbered["article_id"] = 2024
    write_jsonl(folder / "articles.jsonl", [*twice, numbered])
    with (folder / "articles.jsonl").open("a") as file:
        file.write('{"article_id": "broken", "body": "la fin manque\n\n[1]\n')
    build(corpus, [folder / "articles.jsonl"])
    pages = [BODY, SOFT, SOFT.upper(), BODY.replace("samedi", "dimanche"), article(7)["body"]]
    shards = []
    for name in ("a.warc.wet.gz", "pages.warc.gz", "c4-train.json.gz", "c4.parquet", "fr_part_1.txt.gz"):
        shards.append(folder / name)
        FORMS[name](folder / name, [Page(f"https://p.example/{n}", text) for n, text in enumerate(pages)])
    rows = scan_here(shards, corpus, folder / "tables")
    assert {row["article_id"] for row in rows} >= {"2024", "a00007"}
    assert len(rows) >= 5 * len(shards)
    assert_agreement(folder, corpus, refused=0)


def test_it_finds_the_text_in_whatever_column_a_run_was_told(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, [article(1, body=BODY)])
    inner = {"meta": json.dumps({"deep": {"body": BODY, "url": "https://p.example/"}}), "text": "autre"}
    (tmp_path / "a.jsonl").write_text(f"\n{json.dumps(inner)}\n\n{json.dumps(inner)}\n")
    (tmp_path / "broken.jsonl").write_text(f"\n{json.dumps(inner)}\nno json\n{json.dumps(inner)}\n")
    config = ScanConfig(read=ReadRules(columns={"text": "meta.deep.body", "url": "meta.deep.url"}))
    shards = [tmp_path / "a.jsonl", tmp_path / "broken.jsonl"]
    rows = scan_here(shards, corpus, tmp_path / "tables", config, statuses=("complete", "partial"))
    found = [(row["row_index"], row["record_damage"]) for row in rows]
    assert found == [(1, None), (3, None), (1, "row"), (3, "row")]
    assert_agreement(tmp_path, corpus, refused=2)


def test_lengths_that_are_off_by_two_throughout_a_release_are_known(tmp_path: Path) -> None:
    shards = []
    corpus = corpus_of(tmp_path, [article(1, body=BODY)])
    for off in (-2, 2):
        shards.append(tmp_path / f"a{off}.warc.wet.gz")
        shards[-1].write_bytes(packed_as("record", erratum("CC-MAIN-2018-34", off, [BODY.encode()] * 2)))
    assert len(scan_here(shards, corpus, tmp_path / "tables")) == 4
    assert_agreement(tmp_path, corpus, refused=0)


def test_a_word_that_goes_on_in_the_next_line_is_one_word(tmp_path: Path) -> None:
    pairs = {
        ("la subven-\n tion du soir", "La subvention du soir"): 4,
        ("la subven\u00ad\ntion", "la subven\u2010\r\ntion"): 3,
        ("a b-\nc d", "a b-\nc d"): 4,
        ("v-\nw-\nx-\ny", "vwxy"): 1,
        ("u-\nv-\nw-\nx-\ny", "uvwxy"): None,
        ("a-\nb a", "ab-\na"): 2,
        ("a b c", "a bc"): None,
        ("a-b", "ab"): None,
        ("", ""): 0,
        ("a", ""): None,
        ("mot " * 20_000, "mot " * 20_000): 20_000,
    }
    code = (
        "import json, sys; from check import words, words_in_common;"
        "print([words_in_common(words(a), words(b)) for a, b in json.load(sys.stdin)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=copied(tmp_path), input=json.dumps(list(pairs)), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(list(pairs.values()))


def test_it_refuses_the_rows_that_verify_rows_refuses_and_stops_at_none(corpus: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.warc.wet.gz"
    FORMS[file.name](file, some_pages())
    rows = scan_here([file], corpus, tmp_path / "tables")
    data = bytearray(file.read_bytes())
    first, last = rows[0], rows[-1]
    data[first["record_offset"] + first["record_length"] // 2] ^= 4
    file.write_bytes(data[: last["record_offset"] + 9])
    assert_agreement(tmp_path, corpus, refused=2)
    other = press_corpus(tmp_path / "other", lambda body: body.replace("a", "o"))
    publish_with_digests(tmp_path / "tables")
    done = run_check(tmp_path, tmp_path / "tables", other)
    assert (done.returncode, done.stderr) == (3, "")


def test_forged_digests_are_named(corpus: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.warc.wet.gz"
    FORMS[file.name](file, some_pages())
    scan_here([file], corpus, tmp_path / "tables")
    done = run_check(tmp_path, tmp_path / "tables", corpus)  # runs of tests have no digest of their settings
    assert done.returncode == 3
    assert "another config_digest" in done.stdout
    publish_with_digests(tmp_path / "tables")
    store = TableStore.open(str(tmp_path / "tables"))
    rows = store.read("matches").to_pylist()
    write(store, "matches", rows[0]["run_id"], [{**rows[0], "copied_words": 9000}, *rows[2:]], Match.schema)
    done = run_check(tmp_path, tmp_path / "tables", corpus)
    assert done.returncode == 3
    assert "another table_digest" in done.stdout
    assert f"{rows[0]['row_sha256']}: the row has another digest" in done.stdout


def test_shards_may_lie_elsewhere(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    FORMS["c4-train.json.gz"](folder / "c4-train.json.gz", some_pages())
    rows = scan_here([folder / "c4-train.json.gz"], corpus, tmp_path / "tables")
    publish_with_digests(tmp_path / "tables")
    folder.rename(tmp_path / "elsewhere")
    done = run_check(tmp_path, tmp_path / "tables", corpus)
    assert done.stdout.count("cannot be read: FileNotFoundError") == len(rows)
    done = run_check(tmp_path, tmp_path / "tables", corpus, f"{folder}/={tmp_path}/elsewhere/")
    assert done.returncode == 0, done.stdout


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("most", [40, pytest.param(1207, marks=pytest.mark.full)])
def test_it_accepts_every_row_of_real_press_in_every_format(
    tmp_path: Path, real_data: Path, most: int
) -> None:
    with (real_data / "press/articles.jsonl").open(encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    # Those with characters that are no letters come first.
    found.sort(key=lambda each: not set(each["text"]) & set("\u00ad\u200b\ufeff\u2019"))
    press = [
        article(n, url=each["url"], headline=each["title"], body=each["text"])
        for n, each in enumerate(found[:most])
    ]
    corpus = corpus_of(tmp_path, press)
    bodies = [each["body"].replace("\u00ad", "") if n % 2 else each["body"] for n, each in enumerate(press)]
    copies = [Page(f"https://p.example/{n}", f"Menu\n{body}\nPied") for n, body in enumerate(bodies)]
    shards = []
    for name in FORMS if most > 100 else ONE_OF_EACH_FORMAT:
        shards.append(tmp_path / name)
        FORMS[name](tmp_path / name, copies)
    rows = scan_here(shards, corpus, tmp_path / "tables")
    assert len(rows) > most * len(shards) * 0.9
    assert_agreement(tmp_path, corpus, refused=0)


def assert_agreement(folder: Path, corpus: Path, *, refused: int) -> None:
    """Both checks refuse the same rows, so many."""
    publish_with_digests(folder / "tables")
    store, opened = TableStore.open(str(folder / "tables")), Corpus.open(str(corpus))
    rows, _ = drawn_rows(store, None, 1_000_000, 0)
    figures = RowRecomputation(opened, partial(rules_in_tables, store))
    verdicts = list(Audit(store, corpus=opened, figures=figures).verdicts(rows))
    ours = {each.row.row_sha256 for each in verdicts if each.failure}
    done = run_check(folder, folder / "tables", corpus)
    assert rejected(done.stdout) == ours, done.stdout[-3000:]
    assert (done.returncode, done.stderr) == (3 if refused else 0, "")
    assert len([each for each in verdicts if each.failure]) == refused


def publish_with_digests(tables: Path) -> None:
    """Publish the run again with the digests that a scan gives it."""
    store = TableStore.open(str(tables))
    for run in store.rows():
        digests = store.read("matches", run["run_id"], columns=["row_sha256"])["row_sha256"].to_pylist()
        settings = hashlib.sha256(run["config"].encode()).hexdigest()
        store.replace("runs", {**run, "table_digest": table_digest(digests), "config_digest": settings})
