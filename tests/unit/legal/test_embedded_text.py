"""Text in scripts of pages, from the scan to the letter: each document names its source and proves it."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from presswatch_spark.claims.make import KnowledgePaths
from presswatch_spark.claims.selection import Choice
from presswatch_spark.cli.demo.generate import press, write_press, write_recipients
from presswatch_spark.core.settings.config import ReadRules, ScanConfig
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.build import make_bag
from presswatch_spark.legal.evidence.sources import source_at
from presswatch_spark.legal.notices.laws import laws
from presswatch_spark.legal.notices.letter import NoticeContent, NoticeOrder, letter_of
from presswatch_spark.legal.notices.notice import today
from presswatch_spark.legal.notices.parties import load_recipient, load_sender
from presswatch_spark.legal.removal.places import open_case
from presswatch_spark.query.pointers.pointer import parse_mirror
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.world.bags import bag_order, unprinted
from tests.world.claims import judge_all
from tests.world.commands import presswatch, run_check
from tests.world.corpora import build
from tests.world.release import LETTERS
from tests.world.rights import Answer, write_warc
from tests.world.scanned import scan_here

HTML = (("Content-Type", "text/html; charset=utf-8"),)
TEASER = "<p>Cet article est réservé aux abonnés du journal.</p>"
FIRST, SECOND = list(press().values())[:2]


def page(visible: str, body: str) -> bytes:
    data = json.dumps({"@type": "NewsArticle", "articleBody": body})
    return f'<html><script type="application/ld+json">{data}</script><p>{visible}</p></html>'.encode()


PAGES = {
    "https://copie.example/a": page(TEASER, FIRST.body),
    "https://copie.example/b": page(f"{TEASER}<p>{SECOND.body[:400]}</p>", SECOND.body),
    "https://copie.example/c": page(FIRST.body, FIRST.body),
    "https://copie.example/d": page(TEASER, FIRST.body.replace(" de ", " de <i hidden>caché</i>")),
    str(SECOND.url): page(TEASER, SECOND.body),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embedded")
    members, articles = write_press(folder)
    build(folder / "corpus", [articles], members_file=members.read_text("utf-8"))
    answers = [Answer(url, body, HTML, at="2026-02-03T04:05:06Z") for url, body in PAGES.items()]
    write_warc(folder / "pages.warc.gz", *answers)
    scan_here([folder / "pages.warc.gz"], folder / "corpus", folder / "tables")
    judge_all(
        folder / "tables", folder / "tables", KnowledgePaths(corpus=str(folder / "corpus"), as_of=today())
    )
    with unprinted():
        order = bag_order(folder / "tables", folder / "corpus", confidences=LETTERS, with_texts=True)
        make_bag(order, str(folder / "bag"), ScanConfig())
    return folder


def test_rows_and_claims_state_the_source_and_limit_the_letter(folder: Path) -> None:
    claims = TableStore.open(str(folder / "tables")).read("claims").to_pylist()
    found = {
        (claim["document_url"].rpartition("/")[2], claim["text_source"]): (
            claim["confidence"], "embedded_text" in claim["reasons"],
        )
        for claim in claims
    }  # fmt: skip
    own = str(SECOND.url).rpartition("/")[2]
    assert found[own, "json_ld"] == ("A", False)
    assert found["a", "json_ld"] == found["b", "json_ld"] == ("B", True)
    assert ("b", "visible") in found
    assert [source for name, source in found if name == "c"] == ["visible"]


def test_rows_are_read_again_by_us_and_by_third_parties(folder: Path) -> None:
    tables, corpus = folder / "tables", folder / "corpus"
    rows = TableStore.open(str(tables)).read("matches").to_pylist()
    printed = presswatch("verify-rows", tables, "--corpus", corpus)
    assert f"{len(rows)} of {len(rows)} rows verify" in printed
    checked = run_check(folder, tables, corpus).stdout
    assert f"{len(rows)} as the table says, 0 not" in checked, checked
    (row,) = [each for each in rows if each["document_url"] == "https://copie.example/a"]
    (string,) = row["text_strings"]
    literal = PAGES[row["document_url"]][string["start"] : string["end"]].decode()
    assert json.loads(f'"{literal}"') == FIRST.body
    fetched = presswatch("fetch", tables, "--row", row["row_sha256"])
    place = f"$.articleBody [{string['start']}, {string['end']})"
    assert re.search(r"^source +json_ld$", fetched, re.MULTILINE)
    assert place in fetched
    by_pointer = presswatch("fetch", re.search(r"^pointer +(\S+)$", fetched, re.MULTILINE)[1])  # type: ignore[index]
    assert f"SHA-256 {row['text_sha256']}" in by_pointer
    for language, sentence in (
        ("en", "Not all of these words are in the page's visible text"),
        ("fr", "pas tous dans le texte visible"),
    ):
        told = presswatch("explain", row["row_sha256"], tables, "--corpus", corpus, "--lang", language)
        assert place in told
        assert sentence in " ".join(told.split())


def test_a_run_without_embedded_text_has_other_rows_and_verifies_as_well(
    folder: Path, tmp_path: Path
) -> None:
    corpus, config = folder / "corpus", ScanConfig(read=ReadRules(embedded_text=False))
    rows = scan_here([folder / "pages.warc.gz"], corpus, tmp_path / "tables", config)
    assert {row["text_source"] for row in rows} == {"visible"}
    assert [row["grade"] for row in rows if row["own_site"]] == ["url_only"]
    assert "3 of 3 rows verify" in presswatch("verify-rows", tmp_path / "tables", "--corpus", corpus)


def test_bag_and_letter_state_the_source(folder: Path) -> None:
    assert alone.check(str(folder / "bag")).faults == {}
    write_recipients(folder / "recipients.yaml")
    mirrors = [parse_mirror(f"{folder}=s3://commoncrawl")]
    order = NoticeOrder(
        selection=source_at(str(folder / "bag"), StorageOptions()).select(Choice(), mirrors),
        recipient=load_recipient("common-crawl", str(folder / "recipients.yaml")),
        law=laws()["fr"], lang="both", sender=load_sender(str(folder / "sender.yaml")), drafted=today(),
    )  # fmt: skip
    content = NoticeContent.of(order)
    rows = list(content.annex.cells("rows"))
    embedded = [row for row in rows if row["text_source"] == "json_ld"]
    assert content.numbers["embedded_rows"] == len(embedded) > 1
    texts = [" ".join(block.text for block in column.blocks) for column in letter_of(content, []).columns]
    for text, sentence in zip(
        texts, ("pas tous dans le texte visible", "not all in the visible text"), strict=True
    ):
        assert sentence in text
        assert re.search(rf"\b{len(embedded)}\s", text)


def test_a_record_with_an_article_in_two_sources_is_no_other_capture(folder: Path) -> None:
    _, chosen = open_case(str(folder / "tables"), str(folder / "case"), Choice(confidences=("B",)))
    (twice,) = [each for each in PAGES if each.endswith("/b")]
    targets = [each for each in chosen.targets if each.document_url == twice]
    assert {target.place for target in targets} == {"record"}
    assert len({target.text_sha256 for target in targets}) == len(targets)
    assert hashlib.sha256(b"").hexdigest() not in {target.text_sha256 for target in targets}
