"""Documents whose URL is not known are counted, without an object a document where URLs are plain."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from presswatch_spark.matching.judgement import sites
from presswatch_spark.matching.judgement.sites import documents_without_url
from presswatch_spark.matching.judgement.urls import MAX_CHARACTERS, page_url
from tests.unit.matching.judgement.test_sites import batch_of
from tests.unit.matching.judgement.test_urls import PIECES

LONG = f"https://long.example/{'é' * MAX_CHARACTERS}"


@pytest.mark.parametrize(
    "url",
    ["", " ", "n/a", "-", "lemonde.fr/une", "/une/pont", "urn:uuid:1", "ftp://a.example/", "dns:a.example",
     "http", "http://", "https:///", "https://..", "https://a..b/", "https://.a.example/", "http://a b/",
     LONG],
)  # fmt: skip
def test_what_names_no_host_is_no_known_url(url: str) -> None:
    assert documents_without_url(batch_of(["https://a.example/", url, "http://b.example/x"])) == 1


@pytest.mark.parametrize(
    "url",
    ["https://a.example/", "HTTP://A.EXAMPLE", "//a.example/x", " https://a.example/", "https://a.example:8080/",
     "https://user@a.example/", "https://été.example/", "http:\\\\a.example\\x", "http://[::1]/", "https://a.example."],
)  # fmt: skip
def test_what_names_a_host_is_known(url: str) -> None:
    assert documents_without_url(batch_of([url])) == 0


@given(
    st.lists(
        st.lists(st.sampled_from([*PIECES, "http://", "https://", "a.", "..", "\\"]), max_size=7), max_size=4
    )
)
@example([["https://", "a" * 253, "/"]])
@example([["https://", "a" * 254, "/"]])
def test_the_count_is_that_of_the_exact_rule(urls: list[list[str]]) -> None:
    batch = batch_of("".join(pieces) for pieces in urls)
    assert documents_without_url(batch) == sum(page_url(batch.url_of(i)) is None for i in range(len(batch)))


def test_plain_urls_are_told_by_their_bytes_alone() -> None:
    batch = batch_of(f"https://www.site-{k}.example/une/{k}?id={k}&x=%C3%A9#à" for k in range(1000))
    with patch.object(sites, "page_url", side_effect=AssertionError):
        assert documents_without_url(batch) == 0
