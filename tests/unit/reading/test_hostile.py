"""Shards that mean harm or were harmed: each scan is bounded, and copies are found, or are in doubt."""

import gzip
import html
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import brotli
import pytest
from click.testing import CliRunner

from presswatch_spark.cli.demo.shards import digest_of
from presswatch_spark.cli.main import cli
from presswatch_spark.core.settings.config import ReadRules, ScanConfig
from presswatch_spark.tables.digests import row_digest
from tests.world.proofs import each_time
from tests.world.scanned import press, rows_in, scan_here, scan_one
from tests.world.warc import HTML, packed_as, page, record

COPY = press()[3].body.encode()
NEXT = page(b"<p>" + COPY, url="https://b.fr/")
ARTICLE = "a00003"
MANY = 300_000


Scan = Callable[..., tuple[Mapping[str, Any], list[str]]]


@pytest.fixture
def scan(tmp_path: Path, corpus: Path) -> Scan:
    """Scan a shard of records: its log, and the URLs of pages with all of the article."""

    def scanned(
        *records: bytes, most: int = 1 << 30, packing: str = "record"
    ) -> tuple[Mapping[str, Any], list[str]]:
        path, config = tmp_path / "hostile.warc.gz", ScanConfig(read=ReadRules(max_document_bytes=most))
        path.write_bytes(packed_as(packing, records))
        outcome = scan_one(path, corpus, "warc", config)
        return outcome.log, [
            row["document_url"]
            for row in rows_in(outcome)
            if row["article_id"] == ARTICLE and row["article_coverage"] > 0.999
        ]

    return scanned


def before(many: int) -> dict[str, bytes]:
    """What may stand before a copied text, as often."""
    return {
        "many nested blocks": b"<div>" * many,
        "many nested spans": b"<span>" * many,
        "many nested cells": b"<table><tr><td>" * (many // 3),
        "many closing tags": b"</div>" * many,
        "many entities": b"&eacute;&#233;&#xe9;&amp " * (many // 4),
        "many unknown entities": b"&nulle;&#99999999999;&#xd800;& " * (many // 4),
        "many less-than signs": b"<" * many + b" ",
        "many comments": b"<!---->" * many,
        "many comments of odd shape": b"<!><!-><!--><? ?></ >" * (many // 5),
        "many NUL": b"\0" * many,
        "many invalid bytes": b"\xff" * many + b" ",
        "a tag of many letters": b"<" + b"a" * many + b">",
        "an attribute of many letters": b"<a title='" + b"<p>" * many + b"'>",
        "a script of many tags": b"<script>" + b"</div><p>" * (many // 2) + b"</script>",
        "a script of many signs and letters": b"<script>" + b"<x" * (many // 2) + b" </script>",
        "many open styles in SVG": b"<svg>" + b"<style>" * (many // 7) + b"</svg>",
        "a title of many tags": b"<title>" + b"<p>" * many + b"</title>",
    }


# They cost a second each, and are parsed alike.
NESTED = ("many nested blocks", "many nested cells", "many nested spans")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "many"),
    each_time(
        [(what, MANY) for what in before(1) if what not in NESTED[1:]], product(before(1), (MANY, 1_000_000))
    ),
)
def test_what_is_copied_is_found_behind(scan: Scan, what: str, many: int) -> None:
    log, whole = scan(page(before(many)[what] + b"<p>" + COPY), NEXT)
    assert (log["status"], log["documents"]) == ("complete", 2)
    assert whole == ["https://exemple.fr/", "https://b.fr/"]


@pytest.mark.parametrize(
    "opened", [b"<!--", b"<script>", b"<style>", b"<a href='", b"<a ", b"<![CDATA[", b"<?"]
)
def test_what_is_never_closed_hides_what_follows_on_that_page_only(scan: Scan, opened: bytes) -> None:
    first = page(b"<p>" + COPY + b"</p>" + opened + b"x " * MANY)
    log, whole = scan(first, NEXT)
    assert log["status"] == "complete"
    assert whole == ["https://exemple.fr/", "https://b.fr/"]


@pytest.mark.full
def test_a_page_of_100_mb_is_scanned_to_its_end(scan: Scan) -> None:
    filler = b"<p class=a>Un mot de <b>texte</b> &agrave; passer</p>\n"
    body = filler * ((100 << 20) // len(filler)) + b"<p>" + COPY
    log, whole = scan(page(body), packing="plain")
    assert (log["status"], log["documents"]) == ("complete", 1)
    assert whole == ["https://exemple.fr/"]


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_a_bomb_in_a_body_is_stopped_and_named(scan: Scan, coding: str) -> None:
    content = b"<p>" + COPY + b"</p>" + b" " * (16 << 20)
    bomb = gzip.compress(content) if coding == "gzip" else brotli.compress(content, quality=5)
    first = page(bomb, HTML, f"Content-Encoding: {coding}")
    log, whole = scan(first, NEXT, most=1 << 20)
    assert log["status"] == "partial"
    assert log["error"] == "body inflates to more than 1,048,576 bytes; the rest was not read (byte 0)"
    assert whole == ["https://exemple.fr/", "https://b.fr/"]


@pytest.mark.slow
def test_a_record_that_is_a_bomb_is_passed_over_and_named(scan: Scan) -> None:
    bomb = page(b"<p>" + COPY + b"</p>" + b" " * (16 << 20))
    log, whole = scan(bomb, NEXT, most=1 << 20)
    assert log["status"] == "partial"
    assert "longer than allowed" in log["error"]
    assert whole == ["https://b.fr/"]


@pytest.mark.parametrize("coding", ["gzip", "chunked"])
def test_a_body_that_is_cut_gives_what_came_before_and_is_named(scan: Scan, coding: str) -> None:
    content = b"<p>" + COPY + b"</p><p>" + b"".join(b"%x " % (i * i * i) for i in range(20_000))
    encoded = gzip.compress(content) if coding == "gzip" else b"%x\r\n%s" % (2 * len(content), content)
    header = "Content-Encoding: gzip" if coding == "gzip" else "Transfer-Encoding: chunked"
    log, whole = scan(page(encoded[: len(encoded) // 2], HTML, header))
    assert (log["status"], log["error"]) == ("partial", f"{coding} body is cut (byte 0)")
    assert whole == ["https://exemple.fr/"]


URLS = [
    b"https://exemple.fr/un titre avec des blancs ?q=a b",
    b"https://exemple.fr/\x1b[31mrouge\x07\x00fin",
    "https://été.example/à la une/œuvre".encode(),
    b"https://xn--t-9faa.example/",
    b"https://[2001:db8::1]:8443/a",
    b"https://[::ffff:192.0.2.1%25eth0]/",
    b"https://[not an address/",
    b"https://exemple.fr:99999999/",
    b"https://user:pass@exemple.fr@autre.fr/",
    b"//",
    b"x",
    b"\xff\xfe\xfd",
    b"https://" + b"a." * 5000 + b"fr/",
    b"https://exemple.fr/" + b"%" * 10_000,
    b"javascript:alert(1)",
]


@pytest.mark.parametrize("packing", ["record", "plain"])
def test_odd_urls_are_kept_as_they_are(scan: Scan, packing: str) -> None:
    records = [page(b"<p>" + COPY, url=url) for url in URLS]
    log, whole = scan(*records, packing=packing)
    assert (log["status"], log["documents"], log["error"]) == ("complete", len(URLS), None)
    assert whole == [url.decode("utf-8", "replace") for url in URLS]


def test_a_text_that_is_all_entities_and_tags_is_found(scan: Scan) -> None:
    text = press()[3].body
    entities = "".join(f"&#{ord(c)};" for c in text).encode()
    tagged = b"<b></b>".join(html.escape(c).encode() for c in text)
    log, whole = scan(page(entities), page(tagged, url="https://b.fr/"))
    assert log["status"] == "complete"
    assert whole == ["https://exemple.fr/", "https://b.fr/"]


def copies() -> list[bytes]:
    """Records of three articles, with digests."""
    texts = [article.body.encode() for article in press()[1:4]]
    headers = [f"WARC-Date: 2030-01-02T03:04:05Z\nWARC-Block-Digest: {digest_of(text)}" for text in texts]
    made = map(lambda text, header: record(text, headers=header), texts, headers)
    return [each.replace(b"/seul", b"/%d" % number) for number, each in enumerate(made)]


def test_rows_of_damaged_records_are_never_strong_and_do_not_verify(tmp_path: Path, corpus: Path) -> None:
    (first, cut, third), last = copies(), press()[3].body.encode()
    shard, tables = tmp_path / "a.warc.wet", tmp_path / "tables"
    size = len(press()[2].body.encode())
    shorter = cut.replace(b"Length: %d" % size, b"Length: %d" % (size - 8))
    shard.write_bytes(b"".join([first, shorter, third.replace(last, last[:200] + b"#" + last[201:])]))
    rows = scan_here([shard], corpus, tables, statuses=("partial",))
    assert [(row["document_url"][19:], row["record_damage"], row["confidence"] in "AB") for row in rows] == [
        ("0", None, True),
        ("1", "length", False),
        ("2", "boundary", False),
    ]
    done = CliRunner().invoke(cli, ["verify-rows", str(tables)])
    assert done.exit_code == 3
    assert "1 of 3 rows verify" in done.output
    assert "2  damaged record" in done.output
    shown = CliRunner().invoke(cli, ["fetch", str(tables), "--row", rows[1]["row_sha256"]])
    assert shown.exit_code == 0
    assert "damaged record: `length`" in shown.output


def test_rows_of_a_member_that_fails_its_checksum_are_marked_after_it_was_read(
    tmp_path: Path, corpus: Path
) -> None:
    shard = tmp_path / "a.warc.wet.gz"
    data = bytearray(packed_as("single", [*copies(), record(b"fin")]))
    shard.write_bytes(data)
    whole = scan_here([shard], corpus, tmp_path / "whole")
    assert {row["record_damage"] for row in whole} == {None}
    data[-6] ^= 1
    shard.write_bytes(data)
    rows = scan_here([shard], corpus, tmp_path / "tables", statuses=("partial",))
    assert [row["document_url"] for row in rows] == [row["document_url"] for row in whole]
    assert {(row["record_damage"], row["confidence"]) for row in rows} == {("checksum", "C")}
    assert all(row["row_sha256"] == row_digest(row) for row in rows)
