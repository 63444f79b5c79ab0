"""Charsets as browsers find them: by mark, header, meta, detection; and text that becomes UTF-8."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.reading.http.message import encoding_named, encoding_of, to_utf8

FRENCH = (
    "L’été dernier, à Paris, le ministre de l’Intérieur a déclaré que « la forêt brûlée » coûterait 10 € par "
    "hectare. Où que l’on aille, l’œuvre est là ; le maïs, les bûches et les hôpitaux n’y ont rien changé."
)
RUSSIAN = "Ещё раз о том, как русский язык узнаётся без подсказки"
HTML = "text/html"


def utf8_of(data: bytes, content_type: str | None = None) -> str:
    return bytes(to_utf8(data, encoding_of(content_type, data))).decode()


def meta(label: str) -> bytes:
    return f'<html><head><meta charset="{label}"><title>é'.encode("latin-1")


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")],
)
def test_a_byte_order_mark_overrules_all(mark: bytes, encoding: str) -> None:
    body = mark + FRENCH.encode(encoding)
    assert encoding_of("text/html; charset=iso-8859-2", body) == encoding
    assert utf8_of(body) == FRENCH
    assert utf8_of(mark + body) == f"\ufeff{FRENCH}"


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/html; charset=UTF-8", "utf-8"),
        ("text/html;charset=ISO-8859-1", "cp1252"),
        ("text/html; Charset = 'latin1'", "cp1252"),
        ('text/html; charset="iso-8859-15"', "iso8859-15"),
        ("text/html; foo=bar; charset=koi8-r", "koi8-r"),
        ("text/html charset=windows-1251", "cp1251"),
        ("charset=us-ascii", "cp1252"),
        ("text/html; charset=utf-16", "utf-16-le"),
        ("text/html; charset=x-mac-cyrillic", "mac_cyrillic"),
        ("text/html; charset=x-user-defined", "cp1252"),
        ("text/html; charset=GB2312", "gb18030"),
        ("text/html; charset=Shift_JIS", "cp932"),
    ],
)
def test_the_header_overrules_the_page(content_type: str, encoding: str) -> None:
    assert encoding_of(content_type, meta("iso-8859-7")) == encoding


@pytest.mark.parametrize(
    "label",
    [
        *("nonsense", "", "hex", "rot13", "zip", "utf-7", "replacement", "iso-2022-kr", "hz-gb-2312", "none"),
        *("undefined", "unicode_escape", "idna", "mbcs", "x" * 100_000, "utf-8\0", "\u00e9", "utf\u20118"),
    ],
)
def test_a_name_that_is_no_charset_is_passed_over(label: str) -> None:
    assert encoding_named(label) is None
    assert encoding_of(f"text/html; charset={label}", meta("iso-8859-7")) == "iso8859-7"
    assert encoding_of(None, f'<meta charset="{label}">'.encode() + FRENCH.encode("cp1252")) == "cp1252"


@pytest.mark.parametrize(
    "markup",
    [
        "<meta charset=iso-8859-7>",
        "<META CHARSET = 'ISO-8859-7' />",
        "<meta/charset=iso-8859-7>",
        '<meta name=x content="a > b"><meta charset="iso-8859-7">',
        '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-7">',
        "<meta content='text/html;charset = \"iso-8859-7\"' http-equiv=content-type>",
        '<?xml version="1.0" encoding="iso-8859-7"?><html>',
        "<!-- <meta charset=koi8-r> --><meta charset=iso-8859-7>",
        "<script>'<meta charset=koi8-r>'</script><meta charset=iso-8859-7>",
        "<meta http-equiv=refresh content='charset=koi8-r'><meta charset=iso-8859-7>",
        '<a title="<meta charset=koi8-r>"><meta charset=iso-8859-7>',
        "<meta charset='{{ charset }}'><meta charset=iso-8859-7>",
        "<?xml version='1.0' encoding='nonsense'?><meta charset=iso-8859-7>",
        "<meta charset=nonsense>" + " " * 1100 + "<meta charset=iso-8859-7></head>",
        "<!--><meta charset=iso-8859-7><!-- -->",
        "<!-- --!><meta charset=iso-8859-7><!-- -->",
        "<title>charset</title>" + "<link href=x>" * 500 + "<meta charset=iso-8859-7></head>",
        "<head>" + " " * 1000 + "<meta charset=iso-8859-7></head>",
        "<p>" + "." * 30 + "<meta charset=iso-8859-7>",
    ],
)
def test_the_page_declares_its_charset(markup: str) -> None:
    assert encoding_of(HTML, markup.encode() + FRENCH.encode("cp1252")) == "iso8859-7"


@pytest.mark.parametrize(
    "markup",
    [
        "<!-- <meta charset=koi8-r> -->",
        "<!-- <meta charset=koi8-r>",
        "<script>'<meta charset=koi8-r>'",
        "<metacharset=koi8-r>",
        "<meta name=charset content=koi8-r>",
        "<meta name=x content='charset=koi8-r'>",
        "<meta charset='koi8-r>",
        "<body>" + " " * 1100 + "<meta charset=koi8-r>",
        "<head></head>" + " " * 1100 + "<meta charset=koi8-r>",
        "<head>" + " " * (64 << 10) + "<meta charset=koi8-r>",
        '<p encoding="koi8-r">',
    ],
)
def test_what_only_looks_like_a_declaration_is_none(markup: str) -> None:
    assert encoding_of(HTML, markup.encode() + FRENCH.encode("cp1252")) == "cp1252"


def test_a_page_that_declares_nothing_or_cannot_be_what_it_declares_is_read_by_what_its_bytes_are() -> None:
    assert encoding_of(HTML, meta("utf-16le")) == "utf-8"
    for padding in (b"", b"<div></div>" * 20_000):
        assert encoding_of(HTML, padding + FRENCH.encode()) == "utf-8"
        assert encoding_of(HTML, padding + FRENCH.encode("cp1252")) == "cp1252"
    assert encoding_of(HTML, b"<p>plain") == encoding_of(None, b"") == "utf-8"
    assert encoding_of(None, RUSSIAN.encode("cp1251")) == "cp1251"


@pytest.mark.parametrize("encoding", ["iso8859-15", "mac_roman", "cp850"])
def test_french_of_old_systems_is_read_right_without_declaration(encoding: str) -> None:
    text = "Le cœur de la forêt brûlait déjà, a-t-on répété à l'évêché : sa sœur s'est inquiétée."
    text = text if encoding != "cp850" else text.replace("œ", "oe")
    assert utf8_of(text.encode(encoding)) == text
    assert utf8_of("<p>½ tasse de lait, à l'été, très près".encode("cp1252")).endswith("très près")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Dnes je hezký den a žluťoučký kůň úpěl ďábelské ódy, říká moje žena", "cp1250"),
        (RUSSIAN, "cp866"),
        ("ÉCOLE PRIMAIRE À VENDRE", "cp1252"),
        ("Der Fluß fließt über die Straße, sagt der Bäcker für fünf Ähren", "cp1252"),
    ],
)
def test_other_text_is_not_taken_for_french_of_old_systems(text: str, encoding: str) -> None:
    assert encoding_of(None, text.encode(encoding)) not in ("mac_roman", "cp850", "iso8859-15")


def test_utf_8_with_a_few_bytes_of_another_charset_is_utf_8() -> None:
    page = FRENCH.encode() + "<p>copyright é".encode("latin-1") + FRENCH.encode()
    assert encoding_of(HTML, page) == "utf-8"
    assert to_utf8(page, "utf-8") is page


@pytest.mark.real_data
@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
@pytest.mark.parametrize("characters", [400, 100_000])
def test_real_french_press_is_read_right_without_declaration(
    real_data: Path, encoding: str, characters: int
) -> None:
    with (real_data / "press" / "articles.jsonl").open(encoding="utf-8") as lines:
        bodies = [json.loads(line)["text"][:characters].encode(encoding, "ignore") for line in lines]
    assert len(bodies) > 1000
    assert [utf8_of(body) for body in bodies] == [body.decode(encoding) for body in bodies]


def test_all_bytes_of_windows_1252_are_characters() -> None:
    text = bytes(to_utf8(bytes(range(256)), "cp1252")).decode()
    assert [text[byte] for byte in (0x41, 0x80, 0x81, 0x8D, 0x8F, 0x90, 0x9D, 0xE9)] == list(
        "A€\x81\x8d\x8f\x90\x9dé"
    )
    assert len(set(text)) == 256


LABELS = ["iso-8859-1", "iso-8859-2", "iso-8859-8-i", "iso-8859-15", "koi8-u", "macintosh", "windows-874"]
LABELS += ["windows-1250", "windows-1254", "x-mac-cyrillic", "ibm866", "gbk", "gb18030", "big5", "euc-jp"]
LABELS += ["iso-2022-jp", "shift_jis", "euc-kr", "utf-16le", "utf-16be"]


@given(st.sampled_from(LABELS), st.binary(max_size=300))
def test_any_bytes_become_utf_8_in_any_charset(label: str, data: bytes) -> None:
    encoding = encoding_named(label)
    assert encoding is not None
    assert codecs.lookup(encoding)
    bytes(to_utf8(data, encoding)).decode("utf-8", "strict")


@pytest.mark.parametrize("label", LABELS)
def test_long_texts_are_read_like_short_ones(label: str) -> None:
    encoding = encoding_named(label)
    assert encoding is not None
    text = "".join(
        c for c in "aé\u0142\u0436\u05d0\u0e01\u4e2d\u3042\uac00 " * 7 if c.encode(encoding, "ignore")
    )
    data = text.encode(encoding) * 200_000
    assert bytes(to_utf8(data[: 3 << 20], encoding)) == data[: 3 << 20].decode(encoding, "replace").encode()


@given(st.binary(max_size=2000), st.one_of(st.none(), st.text(max_size=60)))
def test_no_bytes_are_too_much(data: bytes, content_type: str | None) -> None:
    assert codecs.lookup(encoding_of(content_type, data))
    assert codecs.lookup(encoding_of(content_type, b"<meta charset=" + data))
