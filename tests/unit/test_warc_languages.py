"""Languages that pages declare and that crawlers identified, in the codes of WET."""

from __future__ import annotations

import pytest

from presswatch_spark.sources.warc.languages import declared, identified


@pytest.mark.parametrize(
    ("page", "codes"),
    [
        (b"<html lang=fr>", ("fra",)),
        (b"<!doctype html>\n<HTML class='a' xml:lang = \"FR-ca\">", ("fra",)),
        (b"<html data-lang=en lang='oci'>", ("oci",)),
        (b"<html><p lang=de>", ()),
        (b"<html\nlang=xx>", ()),
        (b"<html lang=f>", ()),
        (b"<html ", ()),
        (b"", ()),
        (b"<html " * 100_000, ()),
    ],
)
def test_the_language_of_a_page_is_what_its_root_declares(page: bytes, codes: tuple[str, ...]) -> None:
    assert declared(page) == declared(memoryview(page)) == codes


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        (b'{"languages":[{"code-iso-639-3":"fra"},{"code-iso-639-3":"eng"}]}', ("fra", "eng")),
        (b'{"languages":[]}', ()),
        (b'{"languages":[{"code":"fr"}]}', None),
        (b"{", None),
        (b"[]", None),
        (b"null", None),
        (b"", None),
    ],
)
def test_languages_of_a_metadata_record_are_read_or_unknown(
    value: bytes, codes: tuple[str, ...] | None
) -> None:
    assert (
        identified(b"fetchTimeMs: 7\r\nlanguages-cld2: " + value + b"\r\ncharset-detected: UTF-8\r\n")
        == codes
    )
    assert identified(b"fetchTimeMs: 7\r\n") is None
