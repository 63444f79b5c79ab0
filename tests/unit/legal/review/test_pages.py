"""The page shows a claim at a time; verdicts are added whole, and `claims --reviews` reads them."""

import html
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from lxml.html import document_fromstring
from starlette.testclient import TestClient

from presswatch_spark.claims.reviews import Review, load_reviews
from presswatch_spark.claims.selection import Choice
from presswatch_spark.core.errors import ConfigError, InputError, OutputError, StorageError
from presswatch_spark.core.extras import install_command
from presswatch_spark.legal.removal.places import open_case
from presswatch_spark.legal.review.app import application
from presswatch_spark.legal.review.desk import Desk, ReviewFile, by_row, states_of
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.storage.objects import StorageOptions
from tests.world.chromium import Chromium, chromium
from tests.world.claims import House, Seen, text
from tests.world.commands import Outcome, outcome
from tests.world.processes import raising
from tests.world.reviews import (
    COPIES,
    HOSTILE,
    ORIGIN,
    PORT,
    desk_of,
    fields,
    host_of,
    judge,
    opened,
    page_after,
    shut,
    written,
)

C_HOSTS = [f"c{number}.example" for number in range(COPIES)]


def marks(page: str) -> list[str]:
    return re.findall(r"<mark>([^<]*)</mark>", page)


def texts_in(page: str) -> list[str]:
    """The texts of article and page, as far as both are there."""
    return re.split(r'<div class="text"', page)[1:]


# --- pages


def test_a_claim_has_the_same_words_marked_in_both_texts(browser: TestClient) -> None:
    page = browser.get("/").text
    assert host_of(page) == "c0.example"
    left, right = (words_of(" ".join(marks(side)).encode()) for side in texts_in(page))
    assert len(left) >= 20
    assert left.packed == right.packed
    assert "Why the letter C" in page
    assert "https://c0.example/p" in page
    assert "of unknown name (format rows)" in page, "a format is no release"
    french = browser.get("/", params={"lang": "fr"}).text
    assert '<html lang="fr">' in french
    assert "Restent à examiner\xa0: 4 sur 4" in french, "a colon begins no line"
    assert "<summary>Le dossier entier</summary>" in french
    assert "L’article" in french
    assert (host_of(french), marks(french)) == (host_of(page), marks(page))


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
    said = f"{len(hosts)} of {len(hosts)} in this selection" if hosts else "No claim matches these filters"
    assert said in answer.text


def test_a_page_that_does_not_read_can_be_judged(tmp_path: Path, house: House, desk: Desk) -> None:
    moved = desk_of(house, tmp_path / "reviews.jsonl", mirrors=[])
    shard = next(house.folder.glob("pages-*.jsonl"))
    hidden = shard.rename(shard.with_suffix(".away"))
    try:
        page = opened(moved).get("/").text
    finally:
        hidden.rename(shard)
    assert "could not be read again: " in page
    assert len(texts_in(page)) == 1
    assert fields(page)["row"]
    # What failed is asked for again.
    assert len(texts_in(opened(desk).get("/").text)) == 2
    # Nor has a page an article without a corpus.
    page = opened(desk_of(house, tmp_path / "reviews.jsonl", corpus=None)).get("/").text
    assert "pass --corpus" in page
    assert len(texts_in(page)) == 1


def test_a_case_names_its_claims_itself(tmp_path: Path, house: House) -> None:
    claims, path = house.folder / "claims", tmp_path / "case"
    open_case(str(house.tables), str(path), Choice(confidences=("B",)), claims=str(claims))
    case = desk_of(house, tmp_path / "reviews.jsonl", path=path, tables=None)
    assert len(case.claims) == COPIES
    assert host_of(opened(case).get("/", params={"letter": "B"}).text) == "b0.example"


def test_folders_without_claims_or_rows_are_refused(
    tmp_path: Path, house: House, browser: TestClient
) -> None:
    file = tmp_path / "mistakes.jsonl"
    file.write_text('{"row_sha256": "abc"}\n')
    with pytest.raises(ConfigError, match="errors"):
        desk_of(house, file)
    assert file.read_text() == '{"row_sha256": "abc"}\n'
    with pytest.raises(ConfigError, match="JSONL"):
        desk_of(house, tmp_path / "reviews.csv")
    with pytest.raises(InputError, match="there are no claims here"):
        desk_of(house, tmp_path / "reviews.jsonl", path=house.tables)
    with pytest.raises(InputError, match="--tables"):
        desk_of(house, tmp_path / "reviews.jsonl", tables=None)
    assert browser.get("/", params={"row": "0" * 64}).status_code == 404


def test_licensed_claims_are_left_out_and_counted(tmp_path: Path, house: House) -> None:
    titles = sorted({claim["title_id"] for claim in house.claims("plain")})
    licence = {"id": "l1", "licensee": "C0", "hosts": ["c0.example"], "from": "2020-01-01", "titles": titles}
    licences = tmp_path / "licences.yaml"
    licences.write_text(json.dumps({"licences": [licence | {"document": "a.pdf"}]}))
    house.claims("licensed", licences=str(licences))
    desk = desk_of(house, tmp_path / "reviews.jsonl", path=house.folder / "licensed")
    page = opened(desk).get("/").text
    assert host_of(page) == "c1.example"
    assert "Licensed, and not shown: 1" in page


# --- verdicts on a page


def test_verdicts_lead_through_all_c_claims(house: House, desk: Desk, browser: TestClient) -> None:
    page, seen = browser.get("/").text, []
    for verdict in ("claim", "no_claim", "unsure", "claim"):
        seen.append(host_of(page))
        page = page_after(browser, judge(browser, page, verdict, note="Remarque « é »\u2028fin"))
    assert seen == C_HOSTS
    assert "No claim matches these filters" in page
    assert "All have a verdict" in page
    assert not fields(page)
    given = load_reviews([desk.file.uri], StorageOptions())
    judged = house.claims("judged", reviews=[desk.file.uri])
    by_host = {claim["document_host"]: claim for claim in judged}
    assert given == {claim["row_sha256"]: claim["review"] for claim in judged if claim["review"]}
    assert [by_host[host]["review"] for host in C_HOSTS] == ["claim", "no_claim", "unsure", "claim"]
    assert [by_host[host]["confidence"] for host in C_HOSTS] == ["C", "D", "C", "C"]
    notes = {(review.reviewer, review.note) for review in written(desk)}
    assert notes == {("Anne", "Remarque « é »\u2028fin")}


def test_a_claim_just_judged_can_be_judged_again(house: House, desk: Desk, browser: TestClient) -> None:
    page = browser.get("/").text
    assert f"Left without a verdict: {COPIES} of {COPIES}" in page
    page = page_after(browser, judge(browser, page, "no_claim"))
    assert f"Left without a verdict: {COPIES - 1} of {COPIES}" in page
    assert "Saved: no claim." in page
    (previous,) = re.findall(r'id="previous" href="([^"]*)"', page)
    page = browser.get(previous.replace("&amp;", "&")).text
    assert host_of(page) == "c0.example"
    assert "Anne, " in page
    assert host_of(page_after(browser, judge(browser, page, "unsure"))) == "c1.example"
    assert [review.verdict for review in written(desk)] == ["no_claim", "unsure"]

    # An earlier verdict in the claims counts as one.
    house.claims("with-verdict", reviews=[desk.file.uri])
    elsewhere = desk_of(house, Path(desk.file.uri).with_name("new.jsonl"), path=house.folder / "with-verdict")
    page = opened(elsewhere).get("/").text
    assert host_of(page) == "c1.example"
    assert f"Left without a verdict: {COPIES - 1} of {COPIES}" in page


def test_filters_hold_after_a_verdict(browser: TestClient) -> None:
    page = browser.get("/", params={"letter": "B", "verdict": "any", "lang": "fr"}).text
    assert host_of(page) == "b0.example"
    page = page_after(browser, judge(browser, page, "claim"))
    assert host_of(page) == "b1.example"
    assert "Enregistré\xa0: à revendiquer." in page
    assert host_of(browser.get("/", params={"letter": "B", "verdict": "claim"}).text) == "b0.example"


def test_two_reviewers_of_one_claim_are_both_kept(house: House, desk: Desk, browser: TestClient) -> None:
    theirs = opened(desk_of(house, Path(desk.file.uri), "Karim"))
    page, page_of_karim = browser.get("/").text, theirs.get("/").text
    assert host_of(page) == host_of(page_of_karim)
    judge(theirs, page_of_karim, "claim", note="de Karim")
    page = page_after(browser, judge(browser, page, "no_claim"))
    assert host_of(page) == "c0.example"
    for told in ("Meanwhile another reviewer gave a verdict", "Reviewers disagree", "Karim, ", "de Karim"):
        assert told in page
    verdicts = [(each.reviewer, each.verdict) for each in written(desk)]
    assert verdicts == [("Karim", "claim"), ("Anne", "no_claim")]
    assert host_of(theirs.get("/", params={"verdict": "disputed"}).text) == "c0.example"


def test_an_own_verdict_in_another_tab_is_not_called_that_of_another_reviewer(browser: TestClient) -> None:
    page = browser.get("/").text
    judge(browser, page, "claim")
    shown = page_after(browser, judge(browser, page, "no_claim"))
    assert "Saved: no claim." in shown
    assert "another reviewer" not in shown


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


# --- verdicts in their file


ONE, TWO = "a" * 64, "b" * 64
NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
BEFORE = Review(ONE, "claim", "m", NOW, "").line()


@pytest.fixture
def file(tmp_path: Path) -> ReviewFile:
    return ReviewFile.of(str(tmp_path / "reviews.jsonl"), StorageOptions())


def test_reviewers_who_add_at_once_lose_nothing(file: ReviewFile) -> None:
    def add(number: int) -> Review:
        own = ReviewFile.of(file.uri, StorageOptions())
        return own.add(f"{number:064x}", "claim", f"reviewer {number % 3}", "")

    with ThreadPoolExecutor(6) as pool:
        added = list(pool.map(add, range(60)))
    assert len(file.reviews()) == 60
    assert set(file.reviews()) == set(added)


NOTES = (
    *("", "two\nlines", "\u2028\u2029\x85\x0b\x0c", '"}\n{"row_sha256": "'),
    *("\x00\x1b[31m", "é 💥 \u202e", "\ufeff"),
)


def test_no_note_breaks_its_line(file: ReviewFile) -> None:
    added = [file.add(row, "unsure", "René", note) for note in NOTES for row in (ONE, TWO)]
    assert file.reviews() == added
    assert [review.note for review in added[::2]] == list(NOTES)
    assert Path(file.uri).read_bytes().isascii()
    assert load_reviews([file.uri], StorageOptions()) == {ONE: "unsure", TWO: "unsure"}


def test_verdicts_through_a_link_reach_the_file_that_others_write(file: ReviewFile, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    link = tmp_path / "mine" / "reviews.jsonl"
    link.symlink_to(file.uri)
    through = ReviewFile.of(str(link), StorageOptions())
    for each, row in ((through, ONE), (file, TWO), (through, TWO)):
        each.add(row, "claim", "m", "")
    assert link.is_symlink()
    assert len(file.reviews()) == 3


def test_line_ends_of_unicode_in_a_text_of_json_end_no_line(file: ReviewFile) -> None:
    review = {"row_sha256": ONE, "verdict": "claim", "at": "2026-11-27T09:30:00Z", "note": "a\u2028b\x85c"}
    Path(file.uri).write_text(json.dumps(review, ensure_ascii=False) + "\r\n", encoding="utf-8")
    assert [each.note for each in file.reviews()] == ["a\u2028b\x85c"]


@pytest.mark.parametrize(
    ("before", "kept"),
    [(BEFORE.rstrip(), BEFORE), (BEFORE + Review(TWO, "claim", "m", NOW, "").line()[:30], BEFORE)],
    ids=["a line that lacks its end", "a line that is cut short"],
)
def test_a_line_without_its_end_blocks_no_verdict(file: ReviewFile, before: bytes, kept: bytes) -> None:
    Path(file.uri).write_bytes(before)
    assert [review.row_sha256 for review in file.reviews()] == [ONE]
    file.add(TWO, "no_claim", "k", "")
    assert Path(file.uri).read_bytes().startswith(kept)
    verdicts = [(review.row_sha256, review.verdict) for review in file.reviews()]
    assert verdicts == [(ONE, "claim"), (TWO, "no_claim")]


def test_nothing_is_added_that_claims_would_not_count_or_could_not_read(file: ReviewFile) -> None:
    late = Review(ONE, "claim", "m", datetime.now(UTC) + timedelta(hours=1), "").line()
    wrong = json.dumps({"row_sha256": ONE, "verdict": "yes"}).encode()
    for before, error, why in ((late, OutputError, "dated in the future"), (wrong, ConfigError, "errors")):
        Path(file.uri).write_bytes(before)
        with pytest.raises(error, match=why):
            file.add(ONE, "no_claim", "k", "")
        assert Path(file.uri).read_bytes() == before
    Path(file.uri).write_bytes(late)
    file.add(TWO, "no_claim", "k", "")


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        ([("m", "claim")], "claim"),
        ([("m", "claim"), ("m", "no_claim")], "no_claim"),
        ([("m", "claim"), ("k", "no_claim")], "disputed"),
        ([("m", "claim"), ("k", "no_claim"), ("m", "no_claim")], "no_claim"),
        ([("m", "unsure"), ("k", "unsure")], "unsure"),
    ],
)
def test_the_newest_verdict_of_each_reviewer_counts(verdicts: list[tuple[str, str]], state: str) -> None:
    given = [
        Review(ONE, verdict, reviewer, NOW + timedelta(hours=hour), "")
        for hour, (reviewer, verdict) in enumerate(verdicts)
    ]
    assert states_of(by_row(reversed(given))) == {ONE: state}


# Nobody but the browser with the token sees or judges anything, and no text of the web is carried out.


SECRET_TEXT = "Why the letter"
TAGS = {
    *("html", "head", "meta", "title", "link", "script", "body", "header", "main", "section", "nav", "form"),
    *("h1", "h2", "h3", "p", "a", "ul", "li", "dl", "dt", "dd", "div", "span", "bdi", "mark", "pre", "kbd"),
    *("details", "summary", "label", "select", "option", "datalist", "input", "textarea", "button"),
    "blockquote",
}


# --- who sees it


def test_a_token_opens_once_and_only_the_browser_that_used_it_sees_claims(desk: Desk) -> None:
    first, second, token = shut(desk), shut(desk), desk.session.token
    assert first.get("/").status_code == 403
    answer = first.get("/", params={"token": token})
    assert answer.status_code == 200
    assert token not in answer.text
    cookie = answer.headers["set-cookie"].lower()
    told = [each in cookie for each in ("httponly", "samesite=strict", "domain", token.lower())]
    assert told == [True, True, False, False]
    assert SECRET_TEXT in first.get("/").text
    assert second.get("/", params={"token": token}).status_code == 403
    assert second.get("/").status_code == 403


def test_wrong_tokens_open_nothing_and_leave_the_right_one_good(desk: Desk) -> None:
    browser = shut(desk)
    for token in ("", "x", "é💥", "\ud800", "a" * 5000):
        answer = browser.get("/", params={"token": token.encode("utf-8", "replace").decode()})
        assert (answer.status_code, SECRET_TEXT in answer.text) == (403, False)
        assert "set-cookie" not in answer.headers
    assert browser.get("/", params={"token": desk.session.token}).status_code == 200


def test_a_cookie_of_before_the_token_was_used_or_a_wrong_one_opens_nothing(desk: Desk) -> None:
    def status(cookie: str) -> int:
        return shut(desk, cookies={f"presswatch_review_{PORT}": cookie}).get("/").status_code

    assert [status(desk.session.cookie), status("x")] == [403, 403]
    opened(desk)
    assert [status(desk.session.cookie), status("x")] == [200, 403]


def test_other_hosts_are_refused_even_with_the_cookie_and_no_other_file_is_served(
    browser: TestClient,
) -> None:
    hosts = ("evil.example", f"evil.example:{PORT}", "127.0.0.1", f"localhost:{PORT}", "")
    for host, path in product(hosts, ("/", "/static/review.js")):
        answer = browser.get(path, headers={"Host": host})
        assert (answer.status_code, SECRET_TEXT in answer.text) == (421, False), host
    for path in ("/static/review.py", "/static/..%2fapp.py", "/static/%2fetc%2fpasswd", "/docs"):
        assert browser.get(path).status_code == 404, path


def test_the_port_of_http_is_one_that_browsers_leave_out(desk: Desk) -> None:
    browser = TestClient(application(desk, 80), base_url="http://127.0.0.1", follow_redirects=False)
    page = browser.get("/", params={"token": desk.session.token})
    assert page.status_code == 200
    assert judge(browser, browser.get("/").text, "claim", {"Origin": "http://127.0.0.1"}).status_code == 303


def test_every_answer_has_a_policy_that_runs_and_loads_nothing_of_others(browser: TestClient) -> None:
    paths = ("/", "/static/review.js", "/static/review.css", "/none", "/?row=x")
    for answer in [*map(browser.get, paths), browser.get("/", headers={"Host": "evil.example"})]:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert not re.search(r"unsafe|\*", policy)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


# --- who judges


OTHERS = [
    *(
        {"Origin": origin}
        for origin in ("http://evil.example", f"http://localhost:{PORT}", "http://127.0.0.1:9")
    ),
    *({"Origin": "null"}, {}),
    *({"Origin": ORIGIN} | more for more in ({"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"})),
]
WRONG_FIELDS: list[tuple[dict[str, str], int]] = [
    *(({"form": text}, 403) for text in ("", "x")),
    *(({"verdict": "yes"}, 400), ({"row": "0" * 64}, 400), ({"row": ""}, 400)),
    *(({"seen": text}, 400) for text in ("-1", "9" * 5_000)),
    *(({"note": "x" * 70_000}, 413), ({"note": "x" * 4_001}, 413)),
]


def test_forms_of_other_sites_with_wrong_fields_or_without_the_cookie_write_nothing(
    desk: Desk, browser: TestClient
) -> None:
    page = browser.get("/").text
    form = {**fields(page), "verdict": "claim"}
    for headers in OTHERS:
        assert judge(browser, page, "claim", headers).status_code in (403, 421), headers
    for more, status in WRONG_FIELDS:
        answer = browser.post("/verdict", data=form | more, headers={"Origin": ORIGIN})
        assert answer.status_code == status, str(more)[:99]
        assert ("4000" in re.sub(r"\D", "", answer.text)) == ("note" in more), str(more)[:99]
    assert judge(shut(desk), page, "claim").status_code == 403
    assert browser.get("/verdict", params=form).status_code == 405
    assert browser.put("/verdict", headers={"Origin": ORIGIN}).status_code == 405
    assert not written(desk)
    assert judge(browser, page, "claim").status_code == 303, "all else of the form was right"


def test_a_verdict_that_cannot_be_written_is_said_so_and_the_note_is_kept(
    browser: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = raising(StorageError("no space left on device", where="reviews.jsonl"))
    page = browser.get("/").text
    monkeypatch.setattr(ReviewFile, "add", full)
    answer = judge(browser, page, "claim", note="long work")
    assert answer.status_code == 500
    assert "was NOT saved: reviews.jsonl: no space left on device" in answer.text
    assert ">long work</textarea>" in answer.text
    assert fields(answer.text)["row"] == fields(page)["row"]
    assert not written(desk)


# --- texts of others


def test_hostile_text_of_article_page_headline_and_note_stays_text(browser: TestClient) -> None:
    page = browser.get("/").text
    judge(browser, page, "claim", note=HOSTILE)
    filters = {"letter": "any", "verdict": "any", "host": HOSTILE, "lang": HOSTILE, "after": HOSTILE}
    others = {"title": HOSTILE, "reason": HOSTILE, "saved": HOSTILE}
    queries = ({"row": fields(page)["row"]}, filters, others)
    for shown in (page, *(browser.get("/", params=query).text for query in queries)):
        elements = list(document_fromstring(shown).iter())
        assert {str(each.tag) for each in elements} <= TAGS
        assert [each.tag for each in elements].count("script") == 1
        attributes = [attribute for each in elements for attribute in each.items()]
        assert not [name for name, _ in attributes if name.startswith("on") or name == "style"]
        addresses = [value for name, value in attributes if name in ("href", "src", "action")]
        assert all(address.startswith("/") for address in addresses)
        # Blanks at which no line ends stand in French texts.
        assert re.sub("[\n\u00a0\u202f]", "", shown).isprintable()
        assert not re.search(rf"\b{919 * 907}\b", shown)
    assert html.escape("<script>alert(1)</script>") in page
    # Text from right to left cannot turn the writing around it.
    for told in ("\\u202e", 'id="page-text" tabindex="0" dir="auto"', "هذا نص عربي"):
        assert told in page


def test_a_text_of_200_000_words_is_shown_whole(tmp_path: Path) -> None:
    house = House(tmp_path / "house")
    body = text(1)
    house.print(1, body)
    around = " ".join(f"mot{number}" for number in range(200_000))
    house.scan(Seen("https://long.example/p", f"{around} {' '.join(body.split()[20:45])}. fin\u200bmarque"))
    house.claims()
    page = opened(desk_of(house, tmp_path / "reviews.jsonl")).get("/", params={"letter": "any"}).text
    assert host_of(page) == "long.example"
    assert "mot0 mot1 " in page
    assert "mot199999" in page
    assert page.count("<mark>") >= 2


# --- the command, before it serves anything


def reviewed(house: House, folder: Path, *more: str) -> Outcome:
    words = ("--reviews", folder / "reviews.jsonl", "--tables", house.tables, *more, house.folder / "claims")
    return outcome("review", *words)


def test_a_missing_library_is_named_with_its_extra_and_a_reviewer_has_a_name(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for missing in ("starlette", "jinja2", "uvicorn"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, missing, None)
            done = reviewed(house, tmp_path, "--reviewer", "Anne")
        told = f"error: review: {missing} is not installed ({install_command('legal')})\n"
        assert (done.code, done.err) == (1, told)
    for name in ("", "  ", "Anne\x1b[31m", "An\nne", "x" * 201):
        done = reviewed(house, tmp_path, "--reviewer", name)
        assert (done.code, "write a name" in done.err) == (2, True), name
    assert reviewed(house, tmp_path).code == 2


def test_a_port_that_others_have_is_refused(house: House, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = reviewed(house, tmp_path, "--reviewer", "Anne", "--port", port)
    assert (done.code, f"127.0.0.1:{port}: the port is unusable" in done.err) == (1, True)


# The page in a real browser: by keyboard alone, on a phone, with no request that leaves and no error.


HOST = "[...document.querySelectorAll('.facts section:last-child dd')][0].textContent"


@contextmanager
def review(house: House, file: Path, *more: str) -> Iterator[str]:
    """The command in a process of its own; gives its address, and ends it with Ctrl-C."""
    command = [sys.executable, "-m", "presswatch_spark", "review", "--reviewer", "Anne"]
    command += ["--reviews", str(file), "--corpus", str(house.corpus), "--tables", str(house.tables), *more]
    command.append(str(house.folder / "claims"))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_hear_interrupts
    ) as running:
        assert running.stdout is not None
        try:
            address = running.stdout.readline().strip()
            assert address or running.stderr is None, running.stderr.read()
            yield address
        finally:
            running.send_signal(signal.SIGINT)
            try:
                said, complaints = running.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                running.kill()
                raise
        assert running.returncode == 0, complaints
        assert "Traceback" not in complaints
        assert re.search(rf"(avis ajoutés? à|verdicts? added to) {re.escape(str(file))}", said)


def _hear_interrupts() -> None:
    """Let the command hear Ctrl-C, be it that the tests run in the background of a shell and do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_the_command_prints_an_address_and_ends_well_by_ctrl_c(house: House, tmp_path: Path) -> None:
    with review(house, tmp_path / "reviews.jsonl") as address:
        assert address.startswith("http://127.0.0.1:")
        assert len(address.partition("/?token=")[2]) >= 40
    assert not (tmp_path / "reviews.jsonl").exists()


def shown(browser: Chromium, address: str) -> None:
    browser.open(address)
    browser.wait("document.getElementById('judge')")
    assert "token" not in browser.run("location.href")


@pytest.mark.full
def test_all_c_claims_are_judged_by_keyboard_alone_and_nothing_leaves(house: House, tmp_path: Path) -> None:
    file = tmp_path / "reviews.jsonl"
    with review(house, file, "--lang", "en") as address, chromium(tmp_path / "profile") as browser:
        shown(browser, address)
        assert browser.run(HOST) == "c0.example"
        browser.press("j")
        browser.wait(f"{HOST} === 'c1.example'")
        browser.press("k")
        browser.wait(f"{HOST} === 'c0.example'")
        # A key that is held down judges nothing.
        browser.press("1", held=True)
        browser.press("n", *"je 1 2 3 jk", "Escape", "1")
        browser.wait(f"{HOST} === 'c1.example'")
        for number, key in enumerate("231", 1):
            browser.wait(f"document.querySelector('.text mark') && {HOST} === 'c{number}.example'")
            browser.press(key)
        browser.wait("document.getElementById('nothing')")
        requests, complaints = browser.requests, browser.complaints
    origin = address.partition("/?")[0]
    assert requests
    assert [each for each in requests if not each.startswith(f"{origin}/") and each != "about:blank"] == []
    assert complaints == []
    verdicts = load_reviews([str(file)], StorageOptions()).values()
    assert sorted(verdicts) == ["claim", "claim", "no_claim", "unsure"]
    assert "je 1 2 3 jk" in file.read_text()
    assert len(file.read_text().splitlines()) == COPIES


@pytest.mark.full
@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_page_fits_phone_and_desk_in_dark_and_light(house: House, tmp_path: Path, lang: str) -> None:
    grounds = set()
    with (
        review(house, tmp_path / "reviews.jsonl", "--lang", lang) as address,
        chromium(tmp_path / "profile") as browser,
    ):
        shown(browser, address)
        for name, width, height in (("phone", 390, 844), ("desk", 1280, 900)):
            for dark in (False, True):
                browser.look(tmp_path / f"{lang}-{name}-{dark}.png", width, height, dark=dark)
                assert browser.run("document.documentElement.scrollWidth") <= width
                grounds.add(browser.run("getComputedStyle(document.body).backgroundColor"))
                # Buttons of verdicts are in sight wherever the page is scrolled to.
                box = "document.querySelector('.verdicts').getBoundingClientRect()"
                assert browser.run(f"{box}.top >= 0 && {box}.bottom <= innerHeight")
        assert browser.complaints == []
    assert len(grounds) == 2
