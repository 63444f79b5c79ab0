"""Nobody but the browser with the token sees or judges anything, and no text of the web is carried out."""

import html
import re
import socket
import sys
from pathlib import Path

import pytest
from lxml.html import document_fromstring
from starlette.testclient import TestClient

from presswatch_spark.core.errors import StorageError
from presswatch_spark.core.extras import install_command
from presswatch_spark.legal.review.desk import Desk, ReviewFile
from tests.world.claims import House, Seen, text
from tests.world.commands import Outcome, outcome
from tests.world.reviews import HOSTILE, ORIGIN, PORT, desk_of, fields, host_of, judge, opened, shut, written

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


@pytest.mark.parametrize("token", ["", "x", "é💥", "\ud800", "a" * 5000])
def test_a_wrong_token_opens_nothing_and_leaves_the_right_one_good(desk: Desk, token: str) -> None:
    browser = shut(desk)
    answer = browser.get("/", params={"token": token.encode("utf-8", "replace").decode()})
    assert answer.status_code == 403
    assert SECRET_TEXT not in answer.text
    assert "set-cookie" not in answer.headers
    assert browser.get("/", params={"token": desk.session.token}).status_code == 200


def test_a_cookie_of_before_the_token_was_used_or_a_wrong_one_opens_nothing(desk: Desk) -> None:
    def status(cookie: str) -> int:
        return shut(desk, cookies={f"presswatch_review_{PORT}": cookie}).get("/").status_code

    assert [status(desk.session.cookie), status("x")] == [403, 403]
    opened(desk)
    assert [status(desk.session.cookie), status("x")] == [200, 403]


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", f"localhost:{PORT}", ""]
)
def test_another_host_is_refused_even_with_the_cookie(browser: TestClient, host: str) -> None:
    for path in ("/", "/static/review.js"):
        answer = browser.get(path, headers={"Host": host})
        assert answer.status_code == 421
        assert SECRET_TEXT not in answer.text


@pytest.mark.parametrize(
    "path", ["/static/review.py", "/static/..%2fapp.py", "/static/%2fetc%2fpasswd", "/docs"]
)
def test_no_other_file_is_served(browser: TestClient, path: str) -> None:
    assert browser.get(path).status_code == 404


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


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": f"http://localhost:{PORT}"},
        {"Origin": "http://127.0.0.1:9"},
        {"Origin": "null"},
        {},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Host": "evil.example"},
    ],
)
def test_forms_of_other_sites_write_nothing(desk: Desk, browser: TestClient, headers: dict[str, str]) -> None:
    assert judge(browser, browser.get("/").text, "claim", headers).status_code in (403, 421)
    assert not written(desk)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"form": ""}, 403),
        ({"form": "x"}, 403),
        ({"verdict": "yes"}, 400),
        ({"row": "0" * 64}, 400),
        ({"row": ""}, 400),
        ({"seen": "-1"}, 400),
        ({"seen": "9" * 5_000}, 400),
        ({"note": "x" * 70_000}, 413),
        ({"note": "x" * 4_001}, 500),
    ],
)
def test_wrong_fields_write_nothing(
    desk: Desk, browser: TestClient, more: dict[str, str], status: int
) -> None:
    form = {**fields(browser.get("/").text), "verdict": "claim", **more}
    assert browser.post("/verdict", data=form, headers={"Origin": ORIGIN}).status_code == status
    assert not written(desk)


def test_a_verdict_without_the_cookie_writes_nothing(desk: Desk, browser: TestClient) -> None:
    page = browser.get("/").text
    assert judge(shut(desk), page, "claim").status_code == 403
    assert browser.get("/verdict", params={**fields(page), "verdict": "claim"}).status_code == 405
    assert browser.put("/verdict", headers={"Origin": ORIGIN}).status_code == 405
    assert not written(desk)


def test_a_verdict_that_cannot_be_written_is_said_so_and_the_note_is_kept(
    browser: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("no space left on device", where="reviews.jsonl")

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


@pytest.mark.parametrize("missing", ["starlette", "jinja2", "uvicorn"])
def test_a_missing_library_is_named_with_its_extra(
    house: House, tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    done = reviewed(house, tmp_path, "--reviewer", "Anne")
    told = f"error: review: {missing} is not installed ({install_command('legal')})\n"
    assert (done.code, done.err) == (1, told)


@pytest.mark.parametrize("name", ["", "  ", "Anne\x1b[31m", "An\nne", "x" * 201])
def test_a_reviewer_has_a_name(house: House, tmp_path: Path, name: str) -> None:
    done = reviewed(house, tmp_path, "--reviewer", name)
    assert (done.code, "write a name" in done.err) == (2, True)
    assert reviewed(house, tmp_path).code == 2


def test_a_port_that_others_have_is_refused(house: House, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = reviewed(house, tmp_path, "--reviewer", "Anne", "--port", port)
    assert (done.code, f"127.0.0.1:{port}: the port is unusable" in done.err) == (1, True)
