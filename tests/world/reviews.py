"""Reviews of claims in this process: a house with claims of several letters, and a browser of its page."""

import html
import re
from pathlib import Path
from typing import Any

from lxml.html import document_fromstring
from starlette.testclient import TestClient

from presswatch_spark.claims.reviews import Review
from presswatch_spark.legal.review.app import application
from presswatch_spark.legal.review.desk import Desk, open_desk
from presswatch_spark.storage.objects import StorageOptions
from tests.world.claims import House, Seen, text

PORT = 8311
ORIGIN = f"http://127.0.0.1:{PORT}"
COPIES = 4
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> {{ 919*907 }}"
    ' \u202eabc\u2066 \x00\x1b[31m " onload="x'
)
ARABIC = "هذا نص عربي من اليمين إلى اليسار"


def house_of(folder: Path) -> House:
    """Claims of A, B and C: of C one for each of `COPIES` articles, with 25 words in hostile surroundings."""
    house = House(folder)
    texts = [text(number) for number in range(COPIES)]
    for number, body in enumerate(texts):
        house.print(number, body, headline=f"Titre {number} {HOSTILE}")
    # This page names its source, and so has an A.
    pages = [Seen("https://whole.example/0", f"{texts[0]}\nSource : {house.articles[0]['url']}")]
    for number, body in enumerate(texts):
        words = body.split()
        few, many = (" ".join(words[20:end]) for end in (45, 300))
        around = (f"{text(50 + number, 80)} {HOSTILE}", f"{ARABIC} {text(80 + number, 90)}")
        pages.append(Seen(f"https://c{number}.example/p", f"{around[0]} {few}. {around[1]}"))
        pages.append(Seen(f"https://b{number}.example/p", f"{around[0]} {many}. {around[1]}"))
    house.scan(*pages)
    house.claims()
    return house


def desk_of(house: House, reviews: Path, reviewer: str = "Anne", **options: Any) -> Desk:
    """What a review of the claims of a house works with."""
    given = {"corpus": str(house.corpus), "language": "en"} | options
    path = given.pop("path", house.folder / "claims")
    tables = given.pop("tables", str(house.tables))
    return open_desk(str(path), str(reviews), reviewer, StorageOptions(), tables=tables, **given)


def shut(desk: Desk, **options: Any) -> TestClient:
    """A browser that has not yet opened the page."""
    return TestClient(application(desk, PORT), base_url=ORIGIN, follow_redirects=False, **options)


def opened(desk: Desk) -> TestClient:
    """A browser that has opened the page by its token."""
    browser = shut(desk)
    assert browser.get("/", params={"token": desk.session.token}).status_code == 200
    return browser


def fields(page: str) -> dict[str, str]:
    """The hidden fields of the form on a page."""
    inputs = document_fromstring(page).xpath("//form[@id='judge']//input")
    return {each.get("name"): each.get("value") for each in inputs}


def host_of(page: str) -> str:
    """The host of the claim that a page shows."""
    found = re.search(r"<dt>(?:Host|Site)</dt><dd><bdi>([^<]*)", page)
    return html.unescape(found[1]) if found else ""


def judge(
    browser: TestClient, page: str, verdict: str, headers: dict[str, str] | None = None, **more: Any
) -> Any:
    """Give a verdict by the form of a page, as a browser sends it."""
    given = {"Origin": ORIGIN} if headers is None else headers
    return browser.post("/verdict", data={**fields(page), "verdict": verdict, **more}, headers=given)


def page_after(browser: TestClient, answer: Any) -> str:
    """The page to which an answer leads."""
    assert answer.status_code == 303, answer.text
    return str(browser.get(answer.headers["location"]).text)


def written(desk: Desk) -> list[Review]:
    """All verdicts in the file of a review."""
    return desk.file.reviews()
