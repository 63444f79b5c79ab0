"""Languages that pages declare and that crawlers identified, in the codes of WET."""

from __future__ import annotations

import pytest

from presswatch_spark.reading.warc.gates import declared, identified


@pytest.mark.parametrize(
    ("page", "codes"),
    [
        (b"<html lang=fr>", ("fra",)),
        (b"<!--[if lt IE 9]><html lang=en><![endif]--><!--[if gt IE 8]><!--><html lang=fr>", ("fra",)),
        (b'<html data-x="default lang=en" lang="fr">', ("fra",)),
        (b"<script>'<html lang=en>'</script><html xml:lang='fr-CA'>", ("fra",)),
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
        ('{"languages":[{"code-iso-639-3":"fra"},{"code-iso-639-3":"eng"}]}', ("fra", "eng")),
        ('{"languages":[]}', ()),
        ('{"languages":[{"code":"fr"}]}', None),
        ("{", None),
        ("[]", None),
        ("null", None),
        (None, None),
    ],
)
def test_languages_of_a_metadata_record_are_read_or_unknown(
    value: str | None, codes: tuple[str, ...] | None
) -> None:
    record = b"fetchTimeMs: 258\r\n"
    if value is not None:
        record += f"languages-cld2: {value}\r\n".encode()
    assert identified(record) == codes
