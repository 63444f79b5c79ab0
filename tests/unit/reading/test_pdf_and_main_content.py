"""Main content and PDF: the article of a page, found in a process of its own that pages may kill."""

import json
import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading import pdf_and_main_content
from presswatch_spark.reading.html.reader import text_of_page
from presswatch_spark.reading.pdf_and_main_content import (
    UNCHOSEN,
    ParserDiedError,
    UnparsablePageError,
    has_prose_of,
    main_content,
    parse_in_subprocess,
)
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc import pages
from presswatch_spark.reading.warc_format import WARC
from presswatch_spark.storage.objects import StorageOptions, stat
from tests.reference.words import reference_words
from tests.world import prose
from tests.world.processes import raising
from tests.world.proofs import cases
from tests.world.warc import packed_as, page

RNG = random.Random("main content")
LEAD, *BODY = [prose.sentence(RNG) for _ in range(12)]
TEASERS = [prose.sentence(RNG) for _ in range(8)]
ARTICLE = f"<div class=lead><h2>{LEAD}</h2></div><div>{''.join(f'<p>{line}</p>' for line in BODY)}</div>"
MENU = f"<nav><ul>{''.join(f'<li><a href=/>{line}</a></li>' for line in TEASERS[:4])}</ul></nav>"


def main_text(html: str) -> str | None:
    page = html.encode()
    try:
        content, unchosen = main_content(page)
    except UnparsablePageError:
        return None
    text = text_of_page(content)
    assert unchosen in (None, UNCHOSEN)
    return text.decode() if unchosen or has_prose_of(text, text_of_page(page)) else None


def words(text: str) -> list[str]:
    return [word.folded for word in reference_words(text.encode())]


def stands_in(part: str, text: str) -> bool:
    return f" {' '.join(words(part))} " in f" {' '.join(words(text))} "


AROUND = ("main", "article", "div class=content-sidebar", "section id=menu-page", "table><tr><td")


@cases("around", AROUND)
def test_the_article_and_its_lead_are_kept_and_what_is_around_them_is_not(around: str) -> None:
    teaser = (
        f"<div class='related-posts'><p>{TEASERS[4]}</p></div><ul><li><a href=/>{TEASERS[5]}</a></li></ul>"
    )
    page = f"<body>{MENU}<{around}><h1>Le titre</h1>{ARTICLE}{teaser}</{around.split(' ')[0].split('>')[0]}>"
    found = main_text(f"{page}<aside><p>{TEASERS[6]}</p></aside><footer><p>{TEASERS[7]}</p></footer>")
    assert found
    assert all(stands_in(line, found) for line in ("Le titre", LEAD, *BODY))
    assert not any(stands_in(line, found) for line in TEASERS)


def test_what_is_before_the_headline_is_not_of_the_article() -> None:
    found = main_text(f"<main><div><p>{TEASERS[0]}</p><h1>Le titre</h1></div>{ARTICLE}<p>{TEASERS[1]}</main>")
    assert found
    assert stands_in(LEAD, found)
    assert not stands_in(TEASERS[0], found)


def test_an_article_without_paragraphs_is_not_lost_to_the_comments_below_it() -> None:
    article = "<br>".join(BODY * 4)
    assert main_text(f"<div>{article}</div><div><p>{TEASERS[0]}</p><p>{TEASERS[1]}</p></div>") is None
    # A page without prose is kept but for its furniture.
    assert words(main_text(f"{MENU}<div>Deux mots</div>") or "") == ["deux", "mots"]
    assert main_text("") == ""


@pytest.mark.parametrize(
    "hostile",
    [
        "<blockquote>" * 3_000 + "x" * 100,
        "<div class=widget>" * 3_000 + f"<p>{BODY[0]}",
        f"<ul><li><a>{BODY[0]}</a>" * 500,
        f"<p>{BODY[0]}</p>" * 30_000,
        f"<h1>x</h1><div><p>{BODY[0]}</p>" * 400,
    ],
    ids=["nested quotes", "nested furniture", "nested lists", "paragraphs", "headlines"],
)
def test_pages_made_to_be_slow_are_given_up(hostile: str) -> None:
    with suppress(UnparsablePageError):
        content, _ = main_content(hostile.encode())
        assert len(content) <= 2 * len(hostile)


def test_what_is_left_is_the_page_but_for_some_words() -> None:
    page = f"{MENU}<main><h1>Le titre</h1>{ARTICLE}<aside>{TEASERS[4]}</aside><p>{TEASERS[5]}</p></main>"
    rest = iter(words(text_of_page(page.encode()).decode()))
    assert all(word in rest for word in words(main_text(page) or "nichts"))


@pytest.mark.real_data
def test_of_real_pages_all_of_the_article_is_kept_and_most_of_the_rest_is_not(real_data: Path) -> None:
    folder = real_data / "html" / "trafilatura"
    kept, left = [], []
    for entry in json.loads((folder / "index.json").read_text("utf-8")):
        found = main_text((folder / entry["html"]).read_text("utf-8"))
        assert found is not None
        kept += [stands_in(text, found) for text in entry["with"]]
        left += [stands_in(text, found) for text in entry["without"]]
    assert all(kept)
    assert sum(left) <= 5


SWELLING = b"".join(b"<b id=a%d><p>" % i for i in range(20_000))
SUITE = (b"<body><p>suite</p></body>", UNCHOSEN)
SLOW = b"<a " + b" ".join(b"a%d=1" % i for i in range(200_000)) + b">fin"


HASTY = ("MOST_SECONDS = 60", "MOST_SECONDS = 0.3")
DYING = ("answers.write(text)", "answers.write(text[:3]); answers.flush(); os._exit(1)")


@pytest.fixture
def changed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """A parser in whose source one text is replaced by another."""
    source = Path(pdf_and_main_content.__file__).read_text(encoding="utf-8")
    assert request.param[0] in source
    (tmp_path / "changed_apart.py").write_text(source.replace(*request.param), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(pdf_and_main_content, "__name__", "changed_apart")
    pdf_and_main_content._parser.cache_clear()
    yield
    pdf_and_main_content._parser.cache_clear()


@cases("html", ["", "<p>Été", "<p>" + "mot " * 2_200_000, "\0\ud800é<p>"])
def test_the_text_is_the_same_as_here(html: str) -> None:
    content = html.encode("utf-8", "surrogatepass")
    here = main_content(content)
    assert parse_in_subprocess("main", content) == here
    assert parse_in_subprocess("main", memoryview(content)) == here


@pytest.mark.slow
def test_a_page_that_needs_all_memory_is_refused_and_the_next_is_read() -> None:
    with pytest.raises(UnparsablePageError, match="the parser"):
        parse_in_subprocess("main", SWELLING)
    assert parse_in_subprocess("main", b"<p>suite") == SUITE


@pytest.mark.slow
@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("changed", [HASTY], indirect=True, ids=["hasty"])
def test_a_page_that_takes_too_long_is_given_up_and_the_next_is_read() -> None:
    with pytest.raises(ParserDiedError, match="needs more than"):
        parse_in_subprocess("main", SLOW)
    assert parse_in_subprocess("main", b"<p>suite") == SUITE


def test_a_parser_that_died_before_costs_no_page() -> None:
    for _ in range(3):
        parse_in_subprocess("main", b"<p>avant")
        os.kill(pdf_and_main_content._parser(os.getpid())._process.pid, signal.SIGKILL)
        assert parse_in_subprocess("main", b"<p>suite") == SUITE


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("changed", [DYING], indirect=True, ids=["dying"])
def test_a_text_of_which_only_the_beginning_came_is_none() -> None:
    with pytest.raises(ParserDiedError, match="died on the page"):
        parse_in_subprocess("main", b"<p>un texte")


def test_a_parser_that_gives_no_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    parse_in_subprocess("main", b"<p>avant")
    os.kill(pdf_and_main_content._parser(os.getpid())._process.pid, signal.SIGSTOP)
    # Of the others none has to be quick: a busy machine takes its time to start a process.
    with monkeypatch.context() as patch:
        patch.setattr(pdf_and_main_content, "MOST_WAITING_SECONDS", 0.5)
        with pytest.raises(ParserDiedError, match="did not answer"):
            parse_in_subprocess("main", b"<p>pendant")
    assert parse_in_subprocess("main", b"<p>suite") == SUITE


def test_threads_get_the_texts_of_their_own_pages() -> None:
    def asked(number: int) -> bool:
        return all(
            b"fil %d page %d<" % (number, i)
            in parse_in_subprocess("main", b"<p>fil %d page %d" % (number, i))[0]
            for i in range(50)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(asked, range(8)))


def test_after_an_interrupted_page_the_next_gets_its_own_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pdf_and_main_content, "poll", raising(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            parse_in_subprocess("main", b"<p>avant")
    assert parse_in_subprocess("main", b"<p>suite") == SUITE


def test_a_large_page_has_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_and_main_content, "LARGE_BYTES", 1_000)
    parse_in_subprocess("main", b"<p>avant")
    first = pdf_and_main_content._parser(os.getpid())
    assert b"mot mot" in parse_in_subprocess("main", b"<p>" + b"mot " * 500)[0]
    assert first._process.poll() == 0
    assert parse_in_subprocess("main", b"<p>suite") == SUITE
    assert pdf_and_main_content._parser(os.getpid()) is not first


def test_a_file_that_is_no_pdf_is_refused_without_harm() -> None:
    first = pdf_and_main_content._parser(os.getpid())
    with pytest.raises(UnparsablePageError, match="PDF cannot be read"):
        parse_in_subprocess("pdf", b"%PDF-1.4 nothing")
    assert pdf_and_main_content._parser(os.getpid()) is first


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
