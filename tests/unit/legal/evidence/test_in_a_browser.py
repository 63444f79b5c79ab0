"""The page of a claim in a headless Chromium: it asks for nothing, complains of nothing, and fits a phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from presswatch_spark.legal.evidence.documents import page_of
from tests.unit.legal.evidence.test_side_by_side import HOSTILE, shown
from tests.world.chromium import chromium

SEEN = "[...document.querySelectorAll('.head')].filter(e => e.offsetParent).map(e => e.parentNode.lang)"


@pytest.mark.full
def test_a_page_fits_any_width_in_both_languages_and_loads_nothing(tmp_path: Path) -> None:
    text = "\n".join(HOSTILE) + "mot" * 400
    page = tmp_path / "page.html"
    long = f"https://x.example/{'a' * 300}"
    page.write_text(page_of(shown(text, text, release="CC-MAIN-2019-04", document_url=long)), "utf-8")
    with chromium(tmp_path / "profile") as browser:
        browser.resize(390, 844)
        browser.open(page.as_uri())
        browser.wait("document.querySelector('main')")
        for width in (390, 820, 1400):
            for dark in (False, True):
                browser.resize(width, 900, dark=dark)
                assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run(SEEN) == ["fr"]
        browser.press("Tab")
        assert browser.run("document.activeElement.id") == "fr"
        browser.run("document.querySelector('label[for=en]').click()")
        assert browser.run(SEEN) == ["en"]
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(23, 24, 27)"
        assert browser.requests == [page.as_uri()]
        assert browser.complaints == []
