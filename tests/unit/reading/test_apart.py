"""Parsing in a process of its own: the same text, and pages that kill it cost nothing but themselves."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from presswatch_spark.core.model import ReadReport
from presswatch_spark.reading import parsers
from presswatch_spark.reading.parsers import (
    UNCHOSEN,
    ParserDiedError,
    UnparsablePageError,
    main_content,
    text_apart,
)
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc import pages
from presswatch_spark.reading.warc_format import WARC
from presswatch_spark.storage.objects import StorageOptions, stat
from tests.world.warc import packed_as, page

SWELLING = b"".join(b"<b id=a%d><p>" % i for i in range(20_000))
SUITE = (b"<body><p>suite</p></body>", UNCHOSEN)
SLOW = b"<a " + b" ".join(b"a%d=1" % i for i in range(200_000)) + b">fin"


HASTY = ("MOST_SECONDS = 60", "MOST_SECONDS = 0.5")
DYING = ("answers.write(text)", "answers.write(text[:3]); answers.flush(); os._exit(1)")


@pytest.fixture
def changed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """A parser in whose source one text is replaced by another."""
    source = Path(parsers.__file__).read_text(encoding="utf-8")
    assert request.param[0] in source
    (tmp_path / "changed_apart.py").write_text(source.replace(*request.param), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(parsers, "__name__", "changed_apart")
    parsers._parser.cache_clear()
    yield
    parsers._parser.cache_clear()


@pytest.mark.parametrize("html", ["", "<p>Été", "<p>" + "mot " * 3_000_000, "\0\ud800é<p>"])
def test_the_text_is_the_same_as_here(html: str) -> None:
    content = html.encode("utf-8", "surrogatepass")
    assert text_apart("main", content) == main_content(content)
    assert text_apart("main", memoryview(content)) == main_content(content)


@pytest.mark.slow
def test_a_page_that_needs_all_memory_is_refused_and_the_next_is_read() -> None:
    with pytest.raises(UnparsablePageError, match="the parser"):
        text_apart("main", SWELLING)
    assert text_apart("main", b"<p>suite") == SUITE


@pytest.mark.slow
@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("changed", [HASTY], indirect=True, ids=["hasty"])
def test_a_page_that_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    with pytest.raises(ParserDiedError, match="needs more than"):
        text_apart("main", SLOW)
    assert text_apart("main", b"<p>suite") == SUITE


def test_a_parser_that_died_before_costs_no_page() -> None:
    for _ in range(3):
        text_apart("main", b"<p>avant")
        os.kill(parsers._parser(os.getpid())._process.pid, signal.SIGKILL)
        assert text_apart("main", b"<p>suite") == SUITE


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("changed", [DYING], indirect=True, ids=["dying"])
def test_a_text_of_which_only_the_beginning_came_is_none() -> None:
    with pytest.raises(ParserDiedError, match="died of the page"):
        text_apart("main", b"<p>un texte")


def test_a_parser_that_gives_no_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    text_apart("main", b"<p>avant")
    os.kill(parsers._parser(os.getpid())._process.pid, signal.SIGSTOP)
    # Of the others none has to be quick: a busy machine takes its time to start a process.
    with monkeypatch.context() as patch:
        patch.setattr(parsers, "MOST_WAITING_SECONDS", 0.5)
        with pytest.raises(ParserDiedError, match="gave no answer"):
            text_apart("main", b"<p>pendant")
    assert text_apart("main", b"<p>suite") == SUITE


def test_threads_get_the_texts_of_their_own_pages() -> None:
    def asked(number: int) -> bool:
        return all(
            b"fil %d page %d<" % (number, i) in text_apart("main", b"<p>fil %d page %d" % (number, i))[0]
            for i in range(50)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(asked, range(8)))


def test_after_an_interrupted_page_the_next_gets_its_own_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(parsers, "poll", interrupted)
        with pytest.raises(KeyboardInterrupt):
            text_apart("main", b"<p>avant")
    assert text_apart("main", b"<p>suite") == SUITE


def test_a_large_page_has_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsers, "LARGE_BYTES", 1_000)
    text_apart("main", b"<p>avant")
    first = parsers._parser(os.getpid())
    assert b"mot mot" in text_apart("main", b"<p>" + b"mot " * 500)[0]
    assert first._process.poll() == 0
    assert text_apart("main", b"<p>suite") == SUITE
    assert parsers._parser(os.getpid()) is not first


def test_a_file_that_is_no_pdf_is_refused_without_harm() -> None:
    first = parsers._parser(os.getpid())
    with pytest.raises(UnparsablePageError, match="PDF cannot be read"):
        text_apart("pdf", b"%PDF-1.4 nothing")
    assert parsers._parser(os.getpid()) is first


@pytest.mark.slow
@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("changed", [HASTY], indirect=True, ids=["hasty"])
def test_in_a_shard_such_pages_have_their_text_and_no_known_main_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_BROKEN", 2)
    path = tmp_path / "slow.warc.gz"
    slow = [page(b"<p>lent</p>" + SLOW, url=f"https://exemple.fr/{i}") for i in range(4)]
    path.write_bytes(packed_as("record", [page(b"<p>avant", url="https://a.fr/"), *slow]))
    report = ReadReport()
    batches = list(WARC.read(stat(str(path), StorageOptions()), ReadOptions(), report))
    texts = [batch.text_of(i) for batch in batches for i in range(len(batch))]
    assert texts == [b"avant", *[b"lent\nfin"] * 4]
    contents = [batch.main_text(i) for batch in batches if batch.main_text for i in range(len(batch))]
    assert contents == [b"avant\n", None, None, None, None]
    assert report.defects_total == 0
