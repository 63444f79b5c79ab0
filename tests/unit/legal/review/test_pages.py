"""The page shows a claim at a time with both texts, and verdicts go where `claims --reviews` reads them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from presswatch_spark.claims.reviews import load_reviews
from presswatch_spark.core.errors import ConfigError, InputError
from presswatch_spark.legal.removal.places import open_case
from presswatch_spark.legal.review.desk import Desk
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.storage.objects import StorageOptions
from tests.world.claims import House
from tests.world.reviews import COPIES, desk_of, fields, host_of, judge, opened, page_after, written

C_HOSTS = [f"c{number}.example" for number in range(COPIES)]


def marks(page: str) -> list[str]:
    return re.findall(r"<mark>([^<]*)</mark>", page)


def test_a_claim_is_shown_with_both_texts_and_the_same_words_marked_on_both_sides(
    browser: TestClient,
) -> None:
    page = browser.get("/").text
    assert host_of(page) == "c0.example"
    _, article, document = re.split(r'<div class="text"', page)
    left, right = (words_of(" ".join(marks(side)).encode()) for side in (article, document))
    assert len(left) >= 20
    assert left.packed == right.packed
    assert "Why the letter C" in page
    assert "https://c0.example/p" in page
    assert "of no known name (format rows)" in page, "a format is no release"


def test_verdicts_lead_through_the_c_claims_and_claims_read_them(
    house: House, desk: Desk, browser: TestClient
) -> None:
    page, seen = browser.get("/").text, []
    for verdict in ("claim", "no_claim", "unsure", "claim"):
        seen.append(host_of(page))
        page = page_after(browser, judge(browser, page, verdict, note="Remarque « é »\u2028fin"))
    assert seen == C_HOSTS
    assert "No claim is left by these filters" in page
    assert "All have a verdict" in page
    assert not fields(page)
    given = load_reviews([desk.file.uri], StorageOptions())
    judged = house.claims("judged", reviews=[desk.file.uri])
    by_host = {claim["document_host"]: claim for claim in judged}
    assert given == {claim["row_sha256"]: claim["review"] for claim in judged if claim["review"]}
    assert [by_host[host]["review"] for host in C_HOSTS] == ["claim", "no_claim", "unsure", "claim"]
    assert [by_host[host]["confidence"] for host in C_HOSTS] == ["C", "D", "C", "C"]
    assert {review.note for review in written(desk)} == {"Remarque « é »\u2028fin"}
    assert {review.reviewer for review in written(desk)} == {"Anne"}


def test_what_is_left_counts_down_and_a_claim_just_judged_can_be_judged_anew(
    desk: Desk, browser: TestClient
) -> None:
    page = browser.get("/").text
    assert f"Left without a verdict: {COPIES} of {COPIES}" in page
    page = page_after(browser, judge(browser, page, "no_claim"))
    assert f"Left without a verdict: {COPIES - 1} of {COPIES}" in page
    assert "Saved: no claim." in page
    (previous,) = re.findall(r'id="previous" href="([^"]*)"', page)
    page = browser.get(previous.replace("&amp;", "&")).text
    assert host_of(page) == "c0.example"
    assert "Anne, " in page
    assert host_of(page_after(browser, judge(browser, page, "claim"))) == "c1.example"
    assert [review.verdict for review in written(desk)] == ["no_claim", "claim"]


@pytest.mark.parametrize(
    ("query", "hosts"),
    [
        ({"letter": "A"}, ["whole.example"]),
        ({"letter": "B", "host": "b2.example"}, ["b2.example"]),
        ({"letter": "any", "reason": "sole_full_copy"}, ["whole.example"]),
        ({"letter": "any", "title": "no such title"}, []),
        ({"host": "b2.example"}, []),
        ({"verdict": "claim"}, []),
        ({"letter": "<b>", "verdict": "x"}, C_HOSTS),
    ],
)
def test_filters_leave_what_they_say(browser: TestClient, query: dict[str, str], hosts: list[str]) -> None:
    answer, seen = browser.get("/", params=query), []
    while (host := host_of(answer.text)) and len(seen) < 2 * COPIES:
        seen.append(host)
        links = re.findall(r'id="next" href="([^"]*)"', answer.text)
        if not links:
            break
        answer = browser.get(links[0].replace("&amp;", "&"))
    assert seen == hosts
    said = f"{len(hosts)} of {len(hosts)} in this choice" if hosts else "No claim is left by these filters"
    assert said in answer.text


def test_filters_hold_after_a_verdict(browser: TestClient) -> None:
    page = browser.get("/", params={"letter": "B", "verdict": "any", "lang": "fr"}).text
    assert host_of(page) == "b0.example"
    page = page_after(browser, judge(browser, page, "claim"))
    assert host_of(page) == "b1.example"
    assert "Écrit : à réclamer." in page
    found = browser.get("/", params={"letter": "B", "verdict": "claim"}).text
    assert host_of(found) == "b0.example"


def test_two_reviewers_of_one_claim_are_both_kept_and_the_page_says_so(
    house: House, desk: Desk, browser: TestClient
) -> None:
    other = desk_of(house, Path(desk.file.uri), "Karim")
    theirs = opened(other)
    page, page_of_karim = browser.get("/").text, theirs.get("/").text
    assert host_of(page) == host_of(page_of_karim)
    judge(theirs, page_of_karim, "claim", note="de Karim")
    page = page_after(browser, judge(browser, page, "no_claim"))
    assert host_of(page) == "c0.example"
    assert "Meanwhile somebody else gave a verdict" in page
    assert "Reviewers disagree" in page
    assert "Karim, " in page
    assert "de Karim" in page
    assert [(each.reviewer, each.verdict) for each in written(desk)] == [
        ("Karim", "claim"),
        ("Anne", "no_claim"),
    ]
    disputed = theirs.get("/", params={"verdict": "disputed"}).text
    assert host_of(disputed) == "c0.example"


def test_verdicts_that_were_taken_out_of_the_file_stop_the_review(desk: Desk, browser: TestClient) -> None:
    page = page_after(browser, judge(browser, browser.get("/").text, "claim"))
    file = Path(desk.file.uri)
    kept = file.read_bytes()
    file.unlink()
    answer = judge(browser, page, "claim")
    assert answer.status_code == 500
    assert "The verdict was NOT saved" in answer.text
    assert "verdicts of this review that are no longer in the file: 1" in answer.text
    assert not file.exists()
    file.write_bytes(kept)
    assert judge(browser, page, "claim").status_code == 303
    assert len(written(desk)) == 2


def test_an_earlier_verdict_in_the_claims_counts_as_one(
    house: House, desk: Desk, browser: TestClient
) -> None:
    judge(browser, browser.get("/").text, "unsure")
    house.claims("with-verdict", reviews=[desk.file.uri])
    elsewhere = desk_of(house, Path(desk.file.uri).with_name("new.jsonl"), path=house.folder / "with-verdict")
    page = opened(elsewhere).get("/").text
    assert host_of(page) == "c1.example"
    assert f"Left without a verdict: {COPIES - 1} of {COPIES}" in page


def test_a_page_that_no_longer_reads_is_shown_with_the_reason_and_can_be_judged(
    tmp_path: Path, house: House, desk: Desk
) -> None:
    moved = desk_of(house, tmp_path / "reviews.jsonl", mirrors=[])
    shard = next(house.folder.glob("pages-*.jsonl"))
    hidden = shard.rename(shard.with_suffix(".away"))
    try:
        page = opened(moved).get("/").text
    finally:
        hidden.rename(shard)
    assert "could not be read again now: " in page
    assert len(re.findall(r'<div class="text"', page)) == 1
    assert fields(page)["row"]
    # What failed is asked for again.
    assert len(re.findall(r'<div class="text"', opened(desk).get("/").text)) == 2


def test_without_a_corpus_the_page_says_that_the_article_is_not_at_hand(tmp_path: Path, house: House) -> None:
    page = opened(desk_of(house, tmp_path / "reviews.jsonl", corpus=None)).get("/").text
    assert "give --corpus" in page
    assert len(re.findall(r'<div class="text"', page)) == 1


def test_a_case_names_its_claims_itself(tmp_path: Path, house: House) -> None:
    open_case(
        str(house.tables), str(tmp_path / "case"), claims=str(house.folder / "claims"), confidences=["B"]
    )
    case = desk_of(house, tmp_path / "reviews.jsonl", path=tmp_path / "case", tables=None)
    assert len(case.claims) == COPIES
    assert host_of(opened(case).get("/", params={"letter": "B"}).text) == "b0.example"


def test_what_has_no_claims_or_rows_is_refused(tmp_path: Path, house: House) -> None:
    with pytest.raises(InputError, match="there are no claims here"):
        desk_of(house, tmp_path / "reviews.jsonl", path=house.tables)
    with pytest.raises(InputError, match="--tables"):
        desk_of(house, tmp_path / "reviews.jsonl", tables=None)


def test_both_pages_say_the_same(browser: TestClient) -> None:
    pages = {lang: browser.get("/", params={"lang": lang}).text for lang in ("fr", "en")}
    assert '<html lang="fr">' in pages["fr"]
    assert "Restent à examiner : 4 sur 4" in pages["fr"]
    assert host_of(pages["fr"]) == host_of(pages["en"])
    assert marks(pages["fr"]) == marks(pages["en"])


def test_a_row_that_is_no_claim_here_is_not_found(browser: TestClient) -> None:
    assert browser.get("/", params={"row": "0" * 64}).status_code == 404


def test_licensed_claims_are_left_out_and_counted(tmp_path: Path, house: House) -> None:
    licence = {
        "id": "l1",
        "licensee": "C0",
        "hosts": ["c0.example"],
        "from": "2020-01-01",
        "document": "a.pdf",
    }
    titles = sorted({claim["title_id"] for claim in house.claims("plain")})
    licences = tmp_path / "licences.yaml"
    licences.write_text(json.dumps({"licences": [licence | {"titles": titles}]}))
    house.claims("licensed", licences=str(licences))
    desk = desk_of(house, tmp_path / "reviews.jsonl", path=house.folder / "licensed")
    page = opened(desk).get("/").text
    assert host_of(page) == "c1.example"
    assert "Licensed, and not shown: 1" in page


def test_a_file_of_verdicts_with_mistakes_is_refused_and_left_as_it_is(tmp_path: Path, house: House) -> None:
    file = tmp_path / "reviews.jsonl"
    file.write_text('{"row_sha256": "abc"}\n')
    with pytest.raises(ConfigError, match="mistakes"):
        desk_of(house, file)
    assert file.read_text() == '{"row_sha256": "abc"}\n'
    with pytest.raises(ConfigError, match="JSONL"):
        desk_of(house, tmp_path / "reviews.csv")
