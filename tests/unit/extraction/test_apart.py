"""Parsing in a process of its own: the same text, and pages that kill it cost nothing but themselves."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from presswatch_spark.extraction import apart
from presswatch_spark.extraction.apart import PageError, ParserDiedError, text_apart
from presswatch_spark.extraction.page_text import extracted_text
from presswatch_spark.formats.warc import pages
from tests.reading import complaints, read
from tests.warc_records import page
from tests.wet_records import packed_as

SWELLING = b"".join(b"<b id=a%d><p>" % i for i in range(20_000))
SLOW = b"<a " + b" ".join(b"a%d=1" % i for i in range(200_000)) + b">fin"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A parser that is given half a second for a page."""
    source = Path(apart.__file__).read_text(encoding="utf-8")
    module = tmp_path / "hasty_apart.py"
    module.write_text(source.replace("MOST_SECONDS = 60", "MOST_SECONDS = 0.5"))
    assert module.read_text(encoding="utf-8") != source
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(apart, "__name__", "hasty_apart")
    apart._parser.cache_clear()
    yield
    apart._parser.cache_clear()


@pytest.mark.parametrize("html", ["", "<p>Été", "<p>" + "mot " * 3_000_000, "\0\ud800é<p>"])
def test_the_text_is_the_same_as_here(html: str) -> None:
    content = html.encode("utf-8", "surrogatepass")
    assert text_apart("html", content) == (extracted_text(content), None)
    assert text_apart("html", memoryview(content))[0] == extracted_text(content)


@pytest.mark.slow
def test_a_page_that_needs_all_memory_is_refused_and_the_next_is_read() -> None:
    with pytest.raises(PageError, match="the parser"):
        text_apart("html", SWELLING)
    assert text_apart("html", b"<p>suite") == (b"suite", None)


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
def test_a_page_that_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    with pytest.raises(ParserDiedError, match="needs more than"):
        text_apart("html", SLOW)
    assert text_apart("html", b"<p>suite") == (b"suite", None)


def test_a_parser_that_died_before_costs_no_page() -> None:
    for _ in range(3):
        text_apart("html", b"<p>avant")
        os.kill(apart._parser(os.getpid())._process.pid, signal.SIGKILL)
        assert text_apart("html", b"<p>suite") == (b"suite", None)


def test_a_text_of_which_only_the_beginning_came_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = Path(apart.__file__).read_text(encoding="utf-8")
    dying = source.replace("answers.write(text)", "answers.write(text[:3]); answers.flush(); os._exit(1)")
    assert dying != source
    (tmp_path / "dying_apart.py").write_text(dying, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(apart, "__name__", "dying_apart")
    apart._parser.cache_clear()
    with pytest.raises(ParserDiedError, match="died of the page"):
        text_apart("html", b"<p>un texte")
    apart._parser.cache_clear()


def test_a_parser_that_gives_no_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    text_apart("html", b"<p>avant")
    os.kill(apart._parser(os.getpid())._process.pid, signal.SIGSTOP)
    # Of the others none has to be quick: a busy machine takes its time to start a process.
    with monkeypatch.context() as patch:
        patch.setattr(apart, "MOST_WAITING_SECONDS", 0.5)
        with pytest.raises(ParserDiedError, match="gave no answer"):
            text_apart("html", b"<p>pendant")
    assert text_apart("html", b"<p>suite") == (b"suite", None)


def test_threads_get_the_texts_of_their_own_pages() -> None:
    def asked(number: int) -> bool:
        return all(
            text_apart("html", b"<p>fil %d page %d" % (number, i))[0] == b"fil %d page %d" % (number, i)
            for i in range(50)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(asked, range(8)))


def test_after_an_interrupted_page_the_next_gets_its_own_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(apart, "_comes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            text_apart("html", b"<p>avant")
    assert text_apart("html", b"<p>suite") == (b"suite", None)


def test_a_large_page_has_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "LARGE_BYTES", 1_000)
    text_apart("html", b"<p>avant")
    first = apart._parser(os.getpid())
    assert text_apart("html", b"<p>" + b"mot " * 500)[0].startswith(b"mot mot")
    assert first._process.poll() == 0
    assert text_apart("html", b"<p>suite") == (b"suite", None)
    assert apart._parser(os.getpid()) is not first


def test_a_file_that_is_no_pdf_is_refused_without_harm() -> None:
    first = apart._parser(os.getpid())
    with pytest.raises(PageError, match="PDF cannot be read"):
        text_apart("pdf", b"%PDF-1.4 nothing")
    assert apart._parser(os.getpid()) is first


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
def test_in_a_shard_such_pages_are_named_and_their_number_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_BROKEN", 2)
    path = tmp_path / "slow.warc.gz"
    slow = [page(b"<p>lent</p>" + SLOW, url=f"https://exemple.fr/{i}") for i in range(4)]
    path.write_bytes(packed_as("record", [page(b"<p>avant", url="https://a.fr/"), *slow]))
    found, report = read(path, "warc")
    assert [document.text for document in found] == [b"avant", b"", b"", b"", b""]
    assert report.defects_total == 4
    assert complaints(report).count("needs more than") == 2
    assert complaints(report).count("too many pages") == 2
    assert "so it was not compared at byte" in complaints(report)
