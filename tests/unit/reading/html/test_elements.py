"""Elements of a page that declare something: found wherever they stand, and the rest is passed over."""

import pytest

from presswatch_spark.reading.page_metadata import elements_of

BODY = b"<p class='text'>" + b"<a href='/une'>mot</a> " * 2_000


@pytest.mark.parametrize(
    "type_of",
    [
        "application/ld+json",
        "Application/LD+JSON; charset=utf-8",
        "application/ld&#43;json",
        "appl&#x69;cation/ld+json",
        f"{' ' * 200}application/ld&plus;json",
        "\u00a0&#97;pplication/ld&#43;json",
    ],
)
def test_json_ld_at_the_foot_of_a_page_is_found_however_its_type_is_written(type_of: str) -> None:
    foot = f'<script type="{type_of}">{{"a": 1}}</script>'.encode()
    (meta, script) = elements_of(b"<meta name=author content=x>" + BODY + foot)
    assert (meta.name, meta.get("name")) == ("meta", "author")
    assert (script.name, script.text) == ("script", '{"a": 1}')


@pytest.mark.parametrize("element", ["<link rel=canonical href=/a>", "<META NAME=a>"])
def test_a_link_or_meta_in_the_body_is_found(element: str) -> None:
    assert len(list(elements_of(BODY + element.encode() + BODY))) == 1


def test_what_only_looks_like_an_element_is_passed_over() -> None:
    page = b"<p title='<meta name=a>'><!-- <link rel=b> --><script>'<meta>' type = a & b</script>" + BODY
    assert list(elements_of(page)) == []
