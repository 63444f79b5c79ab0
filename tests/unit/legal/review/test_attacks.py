"""Nobody but the browser with the token sees or judges anything, and no text of the web is carried out."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from presswatch_spark.core.errors import StorageError
from presswatch_spark.legal.review.desk import Desk, ReviewFile
from tests.world.claims import House, Seen, text
from tests.world.reviews import HOSTILE, ORIGIN, PORT, desk_of, fields, host_of, judge, opened, shut, written

SECRET_TEXT = "Why the letter"
TAGS = {
    *("html", "head", "meta", "title", "link", "script", "body", "header", "main", "section", "nav", "form"),
    *("h1", "h2", "h3", "p", "a", "ul", "li", "dl", "dt", "dd", "div", "span", "bdi", "mark", "pre", "kbd"),
    *(
        "details",
        "summary",
        "label",
        "select",
        "option",
        "datalist",
        "input",
        "textarea",
        "button",
        "blockquote",
    ),
}


class Tags(HTMLParser):
    """Tags and attributes of a page, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.attributes: set[str] = set()
        self.addresses: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attrs}
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src", "action")}


def test_a_token_opens_once_and_only_the_browser_that_used_it_sees_claims(desk: Desk) -> None:
    first, second = shut(desk), shut(desk)
    assert first.get("/").status_code == 403
    answer = first.get("/", params={"token": desk.session.token})
    assert answer.status_code == 200
    assert desk.session.token not in answer.text
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "domain" not in cookie
    assert desk.session.token.lower() not in cookie
    assert SECRET_TEXT in first.get("/").text
    assert second.get("/", params={"token": desk.session.token}).status_code == 403
    assert second.get("/").status_code == 403


@pytest.mark.parametrize("token", ["", "x", "é💥", "\ud800", "a" * 5000])
def test_a_wrong_token_opens_nothing_and_leaves_the_right_one_good(desk: Desk, token: str) -> None:
    browser = shut(desk)
    sent = token.encode("utf-8", "replace").decode()
    answer = browser.get("/", params={"token": sent})
    assert answer.status_code == 403
    assert SECRET_TEXT not in answer.text
    assert "set-cookie" not in answer.headers
    assert browser.get("/", params={"token": desk.session.token}).status_code == 200


def test_a_cookie_of_before_the_token_was_used_or_a_wrong_one_opens_nothing(desk: Desk) -> None:
    name = f"presswatch_review_{PORT}"
    for value in (desk.session.cookie, "x"):
        assert shut(desk, cookies={name: value}).get("/").status_code == 403
    opened(desk)
    assert shut(desk, cookies={name: "x"}).get("/").status_code == 403
    assert shut(desk, cookies={name: desk.session.cookie}).get("/").status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", f"localhost:{PORT}", ""]
)
def test_another_host_is_refused_even_with_the_cookie(browser: TestClient, host: str) -> None:
    for path in ("/", "/static/review.js"):
        answer = browser.get(path, headers={"Host": host})
        assert answer.status_code == 421
        assert SECRET_TEXT not in answer.text


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
def test_a_form_of_another_site_writes_nothing(
    desk: Desk, browser: TestClient, headers: dict[str, str]
) -> None:
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
def test_a_form_that_is_not_ours_writes_nothing(
    desk: Desk, browser: TestClient, more: dict[str, str], status: int
) -> None:
    page = browser.get("/").text
    form = {**fields(page), "verdict": "claim", **more}
    assert browser.post("/verdict", data=form, headers={"Origin": ORIGIN}).status_code == status
    assert not written(desk)


def test_a_verdict_without_the_cookie_or_by_an_address_writes_nothing(
    desk: Desk, browser: TestClient
) -> None:
    page = browser.get("/").text
    assert judge(shut(desk), page, "claim").status_code == 403
    assert browser.get("/verdict", params={**fields(page), "verdict": "claim"}).status_code == 405
    assert browser.put("/verdict", headers={"Origin": ORIGIN}).status_code == 405
    assert not written(desk)


@pytest.mark.parametrize(
    "path", ["/static/review.py", "/static/..%2fapp.py", "/static/%2fetc%2fpasswd", "/docs"]
)
def test_no_other_file_is_served(browser: TestClient, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_every_answer_has_a_policy_that_runs_and_loads_nothing_of_others(browser: TestClient) -> None:
    paths = ("/", "/static/review.js", "/static/review.css", "/none", "/?row=x")
    answers = [*map(browser.get, paths), browser.get("/", headers={"Host": "evil.example"})]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "*" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


def test_hostile_text_of_article_page_headline_and_note_stays_text(browser: TestClient) -> None:
    page = browser.get("/").text
    judge(browser, page, "claim", note=HOSTILE)
    filters = {"letter": "any", "verdict": "any", "host": HOSTILE, "lang": HOSTILE, "after": HOSTILE}
    for shown in (
        page,
        browser.get("/", params={"row": fields(page)["row"]}).text,
        browser.get("/", params=filters).text,
        browser.get("/", params={"title": HOSTILE, "reason": HOSTILE, "saved": HOSTILE}).text,
    ):
        seen = Tags(shown)
        assert set(seen.tags) <= TAGS
        assert seen.tags["script"] == 1
        assert not [name for name in seen.attributes if name.startswith("on") or name == "style"]
        assert all(address.startswith("/") for address in seen.addresses)
        # Blanks at which no line ends stand in French texts.
        assert re.sub("[\n\u00a0\u202f]", "", shown).isprintable()
        assert not re.search(rf"\b{919 * 907}\b", shown)
    assert html.escape("<script>alert(1)</script>") in page


def test_right_to_left_text_cannot_turn_the_writing_around_it(browser: TestClient) -> None:
    page = browser.get("/").text
    assert "\u202e" not in page
    assert "\\u202e" in page
    assert 'id="page-text" tabindex="0" dir="auto"' in page
    assert "هذا نص عربي" in page


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
