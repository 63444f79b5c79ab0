"""Pages that mean harm or know no better: each is scanned, bounded, and what is copied in it is found."""

from __future__ import annotations

import gzip
import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brotli
import pytest

from presswatch_spark.core.settings.config import ReadRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.storage.objects import stat
from tests.world.proofs import each_time
from tests.world.scanned import press
from tests.world.warc import HTML, packed_as, page

COPY = press()[3].body.encode()
ARTICLE = "a00003"
WORDS = len(press()[3].body.split())
MILLION = 1_000_000


def scanned(
    folder: Path, corpus: Path, *records: bytes, most: int = 1 << 30, packing: str = "record"
) -> tuple[Mapping[str, Any], list[dict[str, Any]]]:
    """The log line and the rows of a shard of `records`, none of whose pages may be longer than `most`."""
    path = folder / "hostile.warc.gz"
    path.write_bytes(packed_as(packing, list(records)))
    config = ScanConfig(read=ReadRules(max_document_bytes=most))
    scan = ShardScan("warc", str(corpus), Corpus.open(str(corpus)).manifest.digest, config)
    outcome = scan(stat(str(path), config.storage))
    return outcome.log, [row for batch in outcome.tables["matches"] for row in batch.to_pylist()]


def whole(rows: list[dict[str, Any]]) -> list[str]:
    """URLs of the pages that hold all of the article."""
    return [
        row["document_url"]
        for row in rows
        if row["article_id"] == ARTICLE and row["article_coverage"] > 0.999
    ]


BEFORE = {
    "a million nested blocks": b"<div>" * MILLION,
    "a million nested spans": b"<span>" * MILLION,
    "a million nested cells": b"<table><tr><td>" * (MILLION // 3),
    "a million closing tags": b"</div>" * MILLION,
    "a million entities": b"&eacute;&#233;&#xe9;&amp " * (MILLION // 4),
    "a million unknown entities": b"&nulle;&#99999999999;&#xd800;& " * (MILLION // 4),
    "a million less-than signs": b"<" * MILLION + b" ",
    "a million comments": b"<!---->" * MILLION,
    "a million comments of odd shape": b"<!><!-><!--><? ?></ >" * (MILLION // 5),
    "a million NUL": b"\0" * MILLION,
    "a million invalid bytes": b"\xff" * MILLION + b" ",
    "a tag of a million letters": b"<" + b"a" * MILLION + b">",
    "an attribute of a million letters": b"<a title='" + b"<p>" * MILLION + b"'>",
    "a script of a million tags": b"<script>" + b"</div><p>" * (MILLION // 2) + b"</script>",
    "a script of a million signs and letters": b"<script>" + b"<x" * (MILLION // 2) + b" </script>",
    "a million open styles in SVG": b"<svg>" + b"<style>" * (MILLION // 7) + b"</svg>",
    "a title of a million tags": b"<title>" + b"<p>" * MILLION + b"</title>",
}


# They cost a second each, and are parsed alike.
NESTED = ("a million nested blocks", "a million nested cells", "a million nested spans")


@pytest.mark.slow
@pytest.mark.parametrize("what", each_time([what for what in BEFORE if what not in NESTED[1:]], BEFORE))
def test_what_is_copied_is_found_behind(tmp_path: Path, corpus: Path, what: str) -> None:
    log, rows = scanned(
        tmp_path, corpus, page(BEFORE[what] + b"<p>" + COPY), page(b"<p>" + COPY, url="https://b.fr/")
    )
    assert (log["status"], log["documents"]) == ("complete", 2)
    assert whole(rows) == ["https://exemple.fr/", "https://b.fr/"]


@pytest.mark.parametrize(
    "opened", [b"<!--", b"<script>", b"<style>", b"<a href='", b"<a ", b"<![CDATA[", b"<?"]
)
def test_what_is_never_closed_hides_what_follows_on_that_page_only(
    tmp_path: Path, corpus: Path, opened: bytes
) -> None:
    first = page(b"<p>" + COPY + b"</p>" + opened + b"x " * MILLION)
    log, rows = scanned(tmp_path, corpus, first, page(b"<p>" + COPY, url="https://b.fr/"))
    assert log["status"] == "complete"
    assert whole(rows) == ["https://exemple.fr/", "https://b.fr/"]


@pytest.mark.full
def test_a_page_of_100_mb_is_scanned_to_its_end(tmp_path: Path, corpus: Path) -> None:
    filler = b"<p class=a>Un mot de <b>texte</b> &agrave; passer</p>\n"
    body = filler * ((100 << 20) // len(filler)) + b"<p>" + COPY
    log, rows = scanned(tmp_path, corpus, page(body), packing="plain")
    assert (log["status"], log["documents"]) == ("complete", 1)
    assert whole(rows) == ["https://exemple.fr/"]


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_a_bomb_in_a_body_is_stopped_and_named(tmp_path: Path, corpus: Path, coding: str) -> None:
    content = b"<p>" + COPY + b"</p>" + b" " * (64 << 20)
    bomb = gzip.compress(content) if coding == "gzip" else brotli.compress(content, quality=5)
    first = page(bomb, HTML, f"Content-Encoding: {coding}")
    log, rows = scanned(tmp_path, corpus, first, page(b"<p>" + COPY, url="https://b.fr/"), most=1 << 20)
    assert log["status"] == "partial"
    assert log["error"] == "body inflates to more than 1,048,576 bytes; the rest was left (byte 0)"
    assert whole(rows) == ["https://exemple.fr/", "https://b.fr/"]


@pytest.mark.slow
def test_a_record_that_is_a_bomb_is_passed_over_and_named(tmp_path: Path, corpus: Path) -> None:
    bomb = page(b"<p>" + COPY + b"</p>" + b" " * (64 << 20))
    log, rows = scanned(tmp_path, corpus, bomb, page(b"<p>" + COPY, url="https://b.fr/"), most=1 << 20)
    assert log["status"] == "partial"
    assert "longer than allowed" in log["error"]
    assert whole(rows) == ["https://b.fr/"]


@pytest.mark.parametrize("coding", ["gzip", "chunked"])
def test_a_body_that_is_cut_gives_what_came_before_and_is_named(
    tmp_path: Path, corpus: Path, coding: str
) -> None:
    content = b"<p>" + COPY + b"</p><p>" + b"".join(b"%x " % (i * i * i) for i in range(20_000))
    encoded = gzip.compress(content) if coding == "gzip" else b"%x\r\n%s" % (2 * len(content), content)
    header = "Content-Encoding: gzip" if coding == "gzip" else "Transfer-Encoding: chunked"
    log, rows = scanned(tmp_path, corpus, page(encoded[: len(encoded) // 2], HTML, header))
    assert (log["status"], log["error"]) == ("partial", f"{coding} body is cut (byte 0)")
    assert whole(rows) == ["https://exemple.fr/"]


FOREIGN = ["utf-8", "cp1252", "latin-1"]


LABELS = ["klingon", "utf-7", "hex", "x" * 5000, "\x1b[2J", "utf-8; drop"]


@pytest.mark.parametrize("label", each_time(LABELS[:2], LABELS))
@pytest.mark.parametrize("encoding", FOREIGN)
@pytest.mark.parametrize("where", ["header", "meta"])
def test_a_charset_that_does_not_exist_is_passed_over(
    tmp_path: Path, corpus: Path, label: str, encoding: str, where: str
) -> None:
    text = COPY.decode().encode(encoding, "replace")
    if where == "header":
        record = page(b"<p>" + text, f'Content-Type: text/html; charset="{label}"')
    else:
        record = page(f'<meta charset="{label}">'.encode() + b"<p>" + text, "Content-Type: text/html")
    log, rows = scanned(tmp_path, corpus, record)
    assert log["status"] == "complete"
    assert whole(rows) == ["https://exemple.fr/"]


@pytest.mark.parametrize("declared", [HTML, "Content-Type: text/html"])
def test_two_charsets_in_one_page_lose_only_what_is_in_the_other(
    tmp_path: Path, corpus: Path, declared: str
) -> None:
    foot = "Pied de page : © été, œuvré à façon".encode("cp1252")
    log, rows = scanned(tmp_path, corpus, page(b"<p>" + COPY + b"</p><p>" + foot, declared))
    assert log["status"] == "complete"
    assert whole(rows) == ["https://exemple.fr/"]


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
def test_odd_urls_are_kept_as_they_are(tmp_path: Path, corpus: Path, packing: str) -> None:
    records = [page(b"<p>" + COPY, url=url) for url in URLS]
    log, rows = scanned(tmp_path, corpus, *records, packing=packing)
    assert (log["status"], log["documents"], log["error"]) == ("complete", len(URLS), None)
    assert whole(rows) == [url.decode("utf-8", "replace") for url in URLS]
    assert log["error"] is None


def test_a_text_that_is_all_entities_and_tags_is_found(tmp_path: Path, corpus: Path) -> None:
    text = press()[3].body
    entities = "".join(f"&#{ord(c)};" for c in text).encode()
    tagged = b"<b></b>".join(html.escape(c).encode() for c in text)
    log, rows = scanned(tmp_path, corpus, page(entities), page(tagged, url="https://b.fr/"))
    assert log["status"] == "complete"
    assert whole(rows) == ["https://exemple.fr/", "https://b.fr/"]
