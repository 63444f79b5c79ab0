"""A text that was written in another way can still be read: it is no removal."""

from __future__ import annotations

import gzip
import html
import json
import quopri
import unicodedata
from collections.abc import Callable
from urllib.parse import quote

import pytest

from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.removal.readings import is_odd, readings_of, words_alike, words_scattered
from presswatch_spark.removal.remains import remains_of_damaged
from presswatch_spark.text.words import words_of
from tests.proofs import each_time
from tests.removal import Release, probe, states
from tests.unit.removal.test_passages import longest, put_elsewhere
from tests.unit.removal.test_probe import record_of

TEXT = (
    "Le préfet a été élevé à l’hôtel où la forêt brûlée s’étend jusqu’à la mer, écrit le journal d’Orléans."
    " Les pêcheurs déposèrent des relevés de la dernière décennie, et nul n’y trouva rien à redire."
)
Change = Callable[[bytes], bytes]


def _mapped(change: Callable[[str], str]) -> Change:
    return lambda text: change(text.decode("utf-8")).encode("utf-8")


ARMENIAN = str.maketrans("oun", "\u0585\u057d\u0578")
UNDOTTED = str.maketrans("iag", "\u0131\u0251\u0261")
CAPITALS = str.maketrans("abcdeilmnoprtu", "ᴀʙᴄᴅᴇɪʟᴍɴᴏᴘʀᴛᴜ")
CIRCLES = {ord("a") + i: 0x24D0 + i for i in range(26)}


def _turned(text: str) -> str:
    return f"\u202e{text[::-1]}\u202c"


def _like(text: str) -> str:
    return text.translate(str.maketrans("aeocp", "\u0430\u0435\u043e\u0441\u0440"))


SEEN_AS_IT_STANDS: dict[str, Change] = {
    "NFD": _mapped(lambda text: unicodedata.normalize("NFD", text)),
    "soft hyphens": _mapped("\u00ad".join),
    "joiners": _mapped("\u200d".join),
    "full width": _mapped(lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)),
}
ODD: dict[str, Change] = {
    "latin-1": lambda text: text.decode("utf-8").encode("latin-1", "replace"),
    "numbers": _mapped(lambda text: "".join(f"&#{ord(c)};" if c != " " else c for c in text)),
    "names": _mapped(lambda text: text.encode("ascii", "xmlcharrefreplace").decode()),
    "escaped twice": _mapped(lambda text: html.escape(text.encode("ascii", "xmlcharrefreplace").decode())),
    "UTF-8 in UTF-8": lambda text: text.decode("latin-1").encode("utf-8"),
    "letters apart": _mapped(" ".join),
    "letters with dashes": _mapped("-".join),
    "another alphabet": _mapped(_like),
    "Armenian": _mapped(lambda text: text.translate(ARMENIAN)),
    "without dots": _mapped(lambda text: text.translate(UNDOTTED)),
    "small capitals": _mapped(lambda text: text.translate(CAPITALS)),
    "circles": _mapped(lambda text: text.translate(CIRCLES)),
    "right to left": _mapped(_turned),
    "percent": _mapped(quote),
    "quoted": lambda text: quopri.encodestring(text),
    "JSON": _mapped(lambda text: json.dumps(text)[1:-1]),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_a_text_is_read_as_a_person_reads_it(change: Change) -> None:
    text = change(TEXT.encode())
    assert is_odd(text)
    found = max(words_alike(each, TEXT.encode()) for each in (text, *readings_of(text)))
    assert found > len(words_of(TEXT.encode())) / 2


SCATTERED: dict[str, Change] = {
    "words between all": lambda text: b" xx ".join(text.split()),
    "a mark in each line": lambda text: b" [page] ".join(
        b" ".join(text.split()[first : first + 5]) for first in range(0, len(text.split()), 5)
    ),
    "words from last to first": lambda text: b" ".join(reversed(text.split())),
    "digits": _mapped(lambda text: text.translate(str.maketrans("oieast", "013457"))),
}


@pytest.mark.parametrize(
    "text",
    [
        TEXT.encode(),
        b"This page was taken out of the archive at the wish of its publisher, R&amp;D, on the first of May.",
        " ".join(reversed(TEXT.split())).encode(),
    ],
    ids=["itself", "a notice", "reversed"],
)
def test_a_plain_text_is_not_odd(text: bytes) -> None:
    assert not is_odd(text)
    if text != TEXT.encode():
        assert not max(words_alike(each, TEXT.encode()) for each in (text, *readings_of(text)))


AT_ITS_PLACE = SEEN_AS_IT_STANDS | ODD | SCATTERED
SOME = [AT_ITS_PLACE[name] for name in ("latin-1", "letters apart", "words from last to first")]


@pytest.mark.parametrize("change", each_time(SOME, AT_ITS_PLACE.values()), ids=AT_ITS_PLACE)
def test_a_record_that_was_written_in_another_way_is_not_removed(
    crawl: Release, case: RemovalCase, change: Change
) -> None:
    target = longest(case)
    start, end = target["record_offset"], target["record_offset"] + target["record_length"]
    head, _, body = record_of(crawl, target).partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b"Content-Length", b"WARC-Block"))]
    text = change(body[: -len(b"\r\n\r\n")])
    record = b"\r\n".join([*lines, b"Content-Length: %d" % len(text)]) + b"\r\n\r\n" + text + b"\r\n\r\n"
    again = gzip.compress(record)
    crawl.change(target, lambda data: data[:start] + again + data[end:])
    probe(case, crawl, deep=True, words=True)
    state = states(case)[target["target_sha256"]]
    assert (state.state, state.removed) == ("reduced", False), state
    # Of a text whose words stand scattered, the long ones are counted.
    assert (state.left or 0) > target["copied_words"] / (8 if change in SCATTERED.values() else 2)


def test_few_words_of_an_article_are_none_of_it() -> None:
    article = TEXT.encode()
    long = [word for word in article.split() if len(word) > 6]
    assert words_scattered(b" ".join(long), article)
    assert not words_scattered(b" ".join(long[:4]), article)
    assert not words_scattered(b"L'exploitant de cette archive a retire cette page.", article)
    assert not words_scattered(article, b"Un article de peu de mots importants.")


@pytest.mark.parametrize(
    "change", each_time(SOME[1:5:2], (SEEN_AS_IT_STANDS | ODD).values()), ids=SEEN_AS_IT_STANDS | ODD
)
def test_another_page_that_has_it_in_another_writing_is_found(
    crawl: Release, case: RemovalCase, change: Change
) -> None:
    target = longest(case)
    put_elsewhere(crawl, target, change)
    probe(case, crawl, deep=True, words=True)
    state = states(case)[target["target_sha256"]]
    assert (state.state in ("reduced", "moved"), state.removed) == (True, False), state


def test_an_article_that_is_cut_in_two_records_is_not_removed(crawl: Release, case: RemovalCase) -> None:
    target = longest(case)
    before = crawl.server.objects[crawl.object_of(target)]
    put_elsewhere(crawl, target, lambda text: text[: len(text) // 2])
    first = crawl.server.objects[crawl.object_of(target)]
    crawl.server.objects[crawl.object_of(target)] = before
    put_elsewhere(crawl, target, lambda text: text[len(text) // 2 :])
    second = crawl.server.objects[crawl.object_of(target)]
    behind = second[second.rfind(b"\x1f\x8b\x08") :]
    crawl.server.objects[crawl.object_of(target)] = first + behind
    probe(case, crawl, deep=True, words=True)
    state = states(case)[target["target_sha256"]]
    assert (state.state, state.removed) == ("reduced", False)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le", "utf-16-be"])
def test_bytes_in_another_encoding_are_text(crawl: Release, case: RemovalCase, encoding: str) -> None:
    plain = TEXT.encode(encoding, "replace")
    assert remains_of_damaged(b"\x01" * 33 + plain + b"\x02" * 33)
    target = longest(case)
    _, _, body = record_of(crawl, target).partition(b"\r\n\r\n")
    text = (body.decode("utf-8")[len(body) // 4 :] * 9).encode(encoding, "replace")[
        : target["record_length"] & ~1
    ]
    crawl.overwrite(target, text.ljust(target["record_length"], b"\0"))
    probe(case, crawl, words=True)
    assert not states(case)[target["target_sha256"]].removed
