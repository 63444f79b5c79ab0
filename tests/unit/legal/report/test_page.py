"""Each figure of the page is what its query answers, in both languages; texts of others stay text."""

import base64
import hashlib
import html
import json
import re
import shlex
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core import extras
from presswatch_spark.core.extras import install_command
from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, row_settings
from presswatch_spark.core.translation import LANGUAGES, Translator
from presswatch_spark.legal.removal.states import STATES
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.legal.report.make import QUESTIONS, ReportOrder, gather
from presswatch_spark.legal.report.page import CHANGES, REMOVED, UNDECIDED, group_of, page_of
from presswatch_spark.legal.report.wording import ReportWords, both_ways, link_of
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import ShardLog
from presswatch_spark.tables.store import TableStore
from tests.world.chromium import Chromium, chromium
from tests.world.claims import House, Seen, text
from tests.world.commands import outcome
from tests.world.exposures import tables_with_datasets
from tests.world.processes import raising
from tests.world.proofs import cases, each_time
from tests.world.release import Release, probe, release
from tests.world.reports import (
    PUNYCODE,
    Page,
    figures_in,
    house_like,
    page_of_tables,
    pages_of_tables,
    undrawn,
)
from tests.world.servers import web
from tests.world.tables import NOON, asked, match, publish, row_of, run_query, write

RUN, CRAWL = "20240601T120000Z-abcdef", "CC-MAIN-2024-51"
# Numbers of an answer that stand in the page as shares or days, or in its script alone.
DATA = ("titles", "all_hosts", "news", "reasons", "for_a_person")


def parts_of(page: str) -> dict[str, list[int]]:
    """The figures that stand above each query."""
    return {
        part.query: figures_in([*part.texts.get("strong", ()), *part.texts.get("td", ())])
        for part in Page(page).parts
        if part.query
    }


def whole_numbers(rows: list[dict[str, Any]]) -> list[int]:
    """The numbers of an answer as the page shows them: without what stands behind the point."""
    return [round(value) for row in rows for value in row.values() if type(value) in (int, float)]


def tables_of(
    folder: Path, rows: Sequence[dict[str, Any]] = (), log: Sequence[dict[str, Any]] = (), **facts: Any
) -> Path:
    """Tables of one run with these rows, and of files that it read or not."""
    tables = folder / "tables"
    tables.mkdir(parents=True)
    publish(tables, RUN, list(rows), **facts)
    if log:
        files = [row_of(ShardLog, run_id=RUN, **file) for file in log]
        write(TableStore.open(str(tables)), "scan_log", RUN, files, ShardLog.schema)
    return tables


def row(number: object, url: str | None, article: str | None = "a", **columns: Any) -> dict[str, Any]:
    """A row that no other test row equals, of an article of noon."""
    own = {"row_sha256": str(number), "text_sha256": str(number), "article_published_at": NOON}
    return match(article, url, **(own | columns))


# --- figures and queries


@pytest.mark.parametrize("language", each_time(["en"], LANGUAGES))
def test_each_query_gives_the_figures_above_it(house: House, pages: dict[str, str], language: str) -> None:
    by_name = {query.strip(): name for name, query in QUESTIONS.items()}
    checked = set()
    for query, figures in parts_of(pages[language]).items():
        name, rows = by_name[query], asked(house.tables, query)
        checked.add(name)
        if name == "letters":
            letters = {row["letter"]: row["pages"] for row in rows}
            assert figures == [letters.get(letter, 0) for letter in "ABC"]
        elif name not in DATA:
            assert figures == whole_numbers(rows), name
    drawn = {"hosts", "releases", "years", "lineage", "reservations"}
    assert {"found", "letters", "places", "read", "runs", "examples", "token_share", *drawn, *DATA} <= checked


@pytest.mark.parametrize("language", each_time(["en"], LANGUAGES))
def test_the_script_has_the_rows_of_the_query(house: House, pages: dict[str, str], language: str) -> None:
    tables = Page(pages[language]).data["tables"]
    assert tables.keys() == set(DATA)
    for name, columns in tables.items():
        rows = asked(house.tables, QUESTIONS[name])
        assert {len(column["values"]) for column in columns} == {len(rows)}
        numbers = {
            tuple(each["values"]) for each in columns if each["kind"] == "number" and any(each["values"])
        }
        assert numbers == {
            tuple(row[field] for row in rows)
            for field in rows[0]
            if type(rows[0][field]) in (int, float) and any(row[field] for row in rows)
        }, name


def test_both_languages_have_the_same_figures(pages: dict[str, str]) -> None:
    numbers = [
        {
            name: [each["values"] for each in columns if each["kind"] == "number"]
            for name, columns in Page(page).data["tables"].items()
        }
        for page in pages.values()
    ]
    assert numbers[0] == numbers[1]
    assert parts_of(pages["fr"]) == parts_of(pages["en"])


def commands_in(page: str) -> list[list[str]]:
    """The commands that a page shows, as a shell reads them."""
    shown = [
        text
        for part in Page(page).parts
        for element in ("pre", "code")
        for text in part.texts.get(element, ())
    ]
    return [shlex.split(text)[1:] for text in shown if text.startswith("presswatch ")]


def test_the_command_below_a_query_asks_it(house: House, pages: dict[str, str]) -> None:
    query = QUESTIONS["found"].strip()
    (words,) = [words for words in commands_in(pages["en"]) if words[0] == "sql" and words[-1] == query]
    assert words == ["sql", "--lang", "en", str(house.tables), query]
    (found,) = map(json.loads, outcome("", *words, "--json").out.splitlines())
    assert list(found.values()) == parts_of(pages["en"])[query]


@pytest.mark.full
def test_each_command_runs_in_any_folder(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / 'l\'été $1 "x"'
    shutil.copytree(house.tables, folder / "tables")
    shutil.copytree(house.corpus, folder / "corpus")
    monkeypatch.chdir(folder)
    page = page_of_tables(Path("tables"), Path("corpus"), tmp_path / "page.html", "fr")
    monkeypatch.chdir(tmp_path)
    commands = commands_in(page)
    assert {words[0] for words in commands} == {"sql", "explain", "verify-rows"}
    for words in commands:
        assert words[0] == "verify-rows" or words[words.index("--lang") + 1] == "fr"
        assert outcome("", *words).code == 0, words
    assert str(folder) in html.unescape(page)
    assert "Les commandes de cette page désignent ce dossier" in page


# --- datasets and releases


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run over a file of a crawl, one of C4 that names no release, and rows that name crawls."""
    named = {"wet": CRAWL, "c4": None, "rows": "CC-MAIN-2013-20"}
    rows = [
        row(
            form, f"https://{form}.example/", f"a{number}", dataset=form, document_host=f"{form}.example",
            shard_uri=form, release=release, publisher_id=publisher, confidence="A", document_words=50,
            url_match="none",
        )
        for number, (publisher, (form, release)) in enumerate(product("pq", named.items()))
    ]  # fmt: skip
    log = [
        {"shard_uri": form, "status": "complete", "format": form, "words": 60, "release": release}
        for form, release in (named | {"rows": None}).items()
    ]
    # The settings name no release, which would be that of all files.
    facts = {"release": CRAWL, "corpus_digest": "one", "config": row_settings(ScanConfig(), MinHashRules())}
    return tables_of(tmp_path_factory.mktemp("mixed"), rows, log, **facts)


@pytest.fixture(scope="module")
def mixed_pages(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page of that run by language."""
    return pages_of_tables(mixed, None, tmp_path_factory.mktemp("mixed-pages"))


@pytest.mark.parametrize(
    ("language", "told", "undated", "alone"),
    [
        (
            "fr",
            {
                f"Common Crawl, textes · {CRAWL}",
                f"Common Crawl · {CRAWL}",
                "format C4 · livraison inconnue",
                "autre jeu de données · CC-MAIN-2013-20",
                "autre jeu de données · livraison propre à chaque ligne",
            },
            "date d’enregistrement inconnue (",
            "Mots de l’article : 20 ·",
        ),
        (
            "en",
            {
                f"Common Crawl, texts · {CRAWL}",
                f"Common Crawl · {CRAWL}",
                "C4 format · release not known",
                "another dataset of rows · CC-MAIN-2013-20",
                "another dataset of rows · release of each row",
            },
            "date of the record not known (",
            "Words of the article: 20 ·",
        ),
    ],
)
def test_the_same_rows_stand_under_the_same_release_in_every_figure(
    mixed_pages: dict[str, str], language: str, told: set[str], undated: str, alone: str
) -> None:
    page = mixed_pages[language].replace("\u00a0", " ")
    assert set(re.findall(r"<bdi>([^<(]*· [^<(]*)</bdi>", page)) == told
    assert undated in page
    assert alone in page, "how many words the article has is not known"


def test_publishers_have_no_more_words_than_were_read(mixed: Path, mixed_pages: dict[str, str]) -> None:
    rows = asked(mixed, QUESTIONS["token_share"])
    copied = {(row["publisher_id"], row["dataset"]): row["copied_words"] for row in rows}
    # One page has the words of both publishers.
    assert copied == {(who, form): 20 for who in (None, "p", "q") for form in ("wet", "c4", "rows")}
    assert "All together" in mixed_pages["en"]
    assert "their shares may add up to more than that of all" in mixed_pages["en"]


@pytest.mark.parametrize(
    ("dataset", "release", "shown"),
    [
        ("wet", "CC-MAIN-2024-51", "Common Crawl, texts · CC-MAIN-2024-51"),
        ("warc", "CC-NEWS-2024-05", "Common Crawl, pages · CC-NEWS-2024-05"),
        ("warc", None, "pages of the web (WARC) · release not known"),
        ("wet", "archive-2024", "texts of the web (WET) · archive-2024"),
        ("c4", "c4-fr", "C4 format · c4-fr"),
        ("mc4", "c4-fr", "mC4 · c4-fr"),
        (None, None, "format not known · release not known"),
    ],
)
def test_no_format_has_the_name_of_a_dataset(dataset: str | None, release: str | None, shown: str) -> None:
    assert ReportWords("en", {}, {}).source(dataset, release).replace("\u00a0", " ") == shown


def test_models_have_quotations_and_figures(tmp_path: Path, pages: dict[str, str]) -> None:
    tables = tmp_path / "tables"
    tables_with_datasets(tables)
    page = page_of_tables(tables, None, tmp_path / "page.html")
    (part,) = [part for part in Page(page).parts if "join (values" in part.query]
    expected = sorted((row["articles"], row["pages"]) for row in asked(tables, part.query))
    figures = figures_in(part.texts["td"])
    assert sorted(zip(figures[::2], figures[1::2], strict=True)) == expected
    for sentence in (
        "OpenAI states that it trained GPT-3 on a part of Common Crawl that it chose.",
        "Common Crawl\u00a0· CC-MAIN-2018-05</bdi>",
        "C4\u00a0· c4-en</bdi>",
        "filtered based on similarity to high-quality reference corpora",
        "They prove neither that a model read an article",
        "Rows left out, as their dataset is unknown: 2.",
    ):
        assert sentence in page
    # A page says what it was not given.
    for sentence in (
        "No model publisher known to this program", "No case of removal was given",
        "it is unknown what is new, reduced, gone or reappeared",
    ):  # fmt: skip
        assert sentence in pages["en"]


# --- what is left out, and what is not known


def test_a_figure_that_does_not_show_all_says_so(tmp_path: Path) -> None:
    def rows_of(count: int, hosts: int) -> list[dict[str, Any]]:
        return [
            row(n, f"https://h{n % hosts}.example/{n}", f"a{n}", document_host=f"h{n % hosts}.example",
                publisher_id=f"p{n % hosts}", confidence="ABC"[n % 3])
            for n in range(count)
        ]  # fmt: skip

    all_of_them, first_ones = (
        page_of_tables(tables_of(tmp_path / str(count), rows_of(count, hosts)), None, tmp_path / "page.html")
        for count, hosts in ((14, 14), (1_000, 16))
    )
    assert "if there are more, the query below gives them" not in all_of_them
    assert "The first 15 rows; if there are more" in first_ones
    assert "The 15 publishers with the most pages; if there are more" in first_ones
    assert "The first 300 rows; if there are more" in first_ones


def test_what_is_nobodys_or_licensed_or_d_is_no_copy(tmp_path: Path) -> None:
    facts: dict[str, Any] = {"headline": "H", "document_host": "a.example"}
    rows = [
        row(1, "https://a.example/", confidence="A", **facts),
        row(2, None, confidence="B", **(facts | {"own_site": None})),
        row(3, "https://b.example/", confidence="D", **facts),
        row(4, "https://o.example/", confidence="A", own_site=True, **facts),
        row(5, "https://o.example/b", None, confidence="C", own_site=True, **facts),
    ]
    tables = tables_of(tmp_path, rows)
    (found,) = asked(tables, QUESTIONS["found"])
    assert set(found.values()) == {1}
    places = {row["place"]: row["pages"] for row in asked(tables, QUESTIONS["places"])}
    assert places == {"elsewhere": 1, "unknown": 1, "not_used": 1, "own": 2}


@pytest.mark.parametrize(
    ("facts", "statuses", "english", "french"),
    [
        (
            {},
            ("complete", "complete", "partial", "failed"),
            [
                "Files planned: 4. Read to their end: 2; in part: 1; not at all: 1.",
                "site was found in what was read.",
                "read to its end (2 of 4 files)",
            ],
            ["Lus jusqu’au bout\u00a0: 2\u00a0; en partie\u00a0: 1"],
        ),
        # In French nothing is singular.
        (
            {},
            (),
            ["do not state how many files were read", "<strong>0</strong> <span>pages</span>"],
            ["<strong>0</strong> <span>page</span>"],
        ),
        (
            {"sample": 0.01, "sample_seed": 1, "shards_listed": 90_000},
            (),
            ["is of a sample: 3 files drawn from 90,000"],
            [],
        ),
    ],
    ids=["some files were not read to their end", "what was read is not known", "a sample"],
)
def test_the_page_says_how_much_was_read(
    tmp_path: Path, facts: dict[str, Any], statuses: tuple[str, ...], english: list[str], french: list[str]
) -> None:
    log = [
        {"shard_uri": f"s{number}", "status": status, "skipped": []} for number, status in enumerate(statuses)
    ]
    pages = pages_of_tables(tables_of(tmp_path, log=log, **facts), None, tmp_path)
    assert [each for each in english if each not in pages["en"]] == []
    assert [each for each in french if each not in pages["fr"]] == []


def test_without_claims_the_letters_are_those_of_rows_and_the_page_says_it(
    house: House, tmp_path: Path
) -> None:
    house = house_like(house, tmp_path / "house")
    for table in ("claims", "derivations"):
        shutil.rmtree(house.tables / table)
    page = page_of_tables(house.tables, None, tmp_path / "page.html")
    assert "These letters are based on single pages" in page
    assert "presswatch claims --lang en --corpus CORPUS --out" in page
    shown = parts_of(page)
    assert shown[QUESTIONS["found"].strip()] == whole_numbers(asked(house.tables, QUESTIONS["found"]))
    assert QUESTIONS["reasons_of_rows"].strip() in shown
    # Without a corpus there are no names and no articles, but the pages.
    assert "pass --corpus with the corpus of the scan" in page
    assert page.count("<blockquote") == 5


def test_a_run_after_the_claims_has_its_own_letters(house: House, tmp_path: Path) -> None:
    house = house_like(house, tmp_path / "house")
    before, after = (run["run_id"] for run in TableStore.open(str(house.tables)).rows("runs"))
    words = ("--before", before, "--after", after, "--out", house.tables, house.tables)
    assert outcome("compare --engine duckdb", *words).code == 0
    house.scan(Seen("https://late.example/", text(0)))
    pages = pages_of_tables(house.tables, house.corpus, tmp_path)
    assert "Rows that have not been judged with the others yet: 1." in pages["en"]
    assert f"Between the scans {before} and {after}" in pages["en"]
    pairs = {row["state"]: row["pairs"] for row in asked(house.tables, QUESTIONS["changes"])}
    assert sum(pairs.values()) > 0
    figures = [pairs.get(state, 0) for state in CHANGES]
    assert parts_of(pages["en"])[QUESTIONS["changes"].strip()] == figures
    cards = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", pages["fr"]))
    assert pairs.get("reappeared", 0) == 0
    assert " 0 réapparu " in cards
    assert f" {pairs['persists']} maintenu{'s' if pairs['persists'] > 1 else ''} " in cards


# --- a case of removal


def test_every_state_has_a_french_name_and_a_refusal_or_a_failure_is_no_removal() -> None:
    assert not [state for state in STATES if Translator("fr").word("column", state) == state]
    groups = {
        "overwritten": (True, REMOVED),
        "restricted": (False, UNDECIDED),
        "undecided": (False, UNDECIDED),
    }
    for state, (removed, group) in groups.items():
        assert group_of({"state": state, "removed": removed}) == group


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    with web() as server:
        yield release(tmp_path_factory.mktemp("crawl"), server)


def test_a_case_is_counted_by_recipient_and_state_as_its_status_says(crawl: Release) -> None:
    case, path = crawl.open(), str(crawl.folder / "case")
    gathered = gather(
        ReportOrder(str(crawl.tables), StorageOptions(), path, str(crawl.corpus), engine="duckdb")
    )
    with undrawn():
        page = page_of(gathered, "en")
    assert "These places have not been checked yet." in page
    assert "The list of places has the digest" in page
    assert "The newest check" not in page
    target = next(each for each in case.targets() if each.record_offset is not None)
    crawl.overwrite(target, b"\0" * target.record_length)
    probe(case, crawl)
    found = CaseStatus.of(case)
    assert found.counts().total() == len(found.targets) > 0
    done = outcome("removal status --json", path)
    assert done.code == 0
    for state, count in found.counts().items():
        assert done.out.count(f'"state": "{state}"') == count
    with undrawn():
        page = page_of(replace(gathered, removal=found), "en")
    # Where nothing is removed, no sentence must say that a text is gone.
    gone = "Claims whose text can no longer be read at any of their places: "
    removed, claims = found.claims()
    assert f"{gone}{removed} of {claims}." in page
    assert re.search(rf"Common Crawl Foundation.*?>{len(found.targets)}<", page)
    assert "points to them: before you write, verify who publishes the file" in page
    assert str(found.newest) in page


# --- texts of others


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_of_others_is_never_html_and_never_steers_the_writing(
    pages: dict[str, str], language: str
) -> None:
    page = pages[language]
    found = Page(page)
    assert [len(found.named(name)) for name in ("script", "style")] == [2, 1]
    assert not any(found.named(name) for name in ("img", "iframe", "link", "object"))
    names = {name for _, values in found.elements for name in values}
    assert not [name for name in names if name.startswith("on") or name == "style"]
    assert not set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f") & set(page)
    assert {c for c in page if unicodedata.category(c) == "Cc"} <= {"\n"}
    # Jinja and HTML of theirs stand there as they wrote them.
    for shown in ("{{ 919*907 }}", "&lt;script&gt;alert(1)&lt;/script&gt;", "\\u202e"):
        assert shown in page
    assert f"{PUNYCODE} (bücher.example)" in page
    links = [values["href"] for values in found.named("a") if not values["href"].startswith("#")]
    assert links
    assert all(re.match(r"https?://[!-~]+$", link) for link in links)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_policy_allows_its_own_style_and_script_alone(pages: dict[str, str], language: str) -> None:
    page = pages[language]
    (policy,) = [
        meta["content"]
        for meta in Page(page).named("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for element, rule in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert rules.keys() == {"default-src", "style-src", "script-src", "img-src", "base-uri", "form-action"}


@cases(
    ("url", "link"),
    [
        ("https://a.example/b?c=d", "https://a.example/b?c=d"),
        ('HTTP://a.example/é\u202e"><script>', "HTTP://a.example/%C3%A9%EF%BF%BD%22%3E%3Cscript%3E"),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt://a.example/%0aalert(1)", None),
        (" javascript:alert(1)", None),
        ("data:text/html,<script>alert(1)</script>", None),
        ("file:///etc/passwd", None),
        ("https:///no-host", None),
        ("http://[", None),
        ("//a.example/", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_a_link_only_if_it_is_one_of_the_web(url: str | None, link: str | None) -> None:
    assert link_of(url) == link


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("a.example", "a.example"),
        (PUNYCODE, f"{PUNYCODE} (bücher.example)"),
        ("www.xn--80ak6aa92e.example", "www.xn--80ak6aa92e.example (www.аррӏе.example)"),
        ("xn--\u00e9.example", "xn--\u00e9.example"),
        ("xn--99999999.example", "xn--99999999.example"),
    ],
)
def test_a_host_in_punycode_is_shown_both_ways(host: str, shown: str) -> None:
    assert both_ways(host) == shown


# --- the command


def test_the_command_writes_the_page_and_replaces_it_by_one_whose_examples_cannot_be_read_again(
    house: House, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "page.html"
    mirror = f"{house.folder}={tmp_path / 'nothing'}"
    with undrawn():
        done = outcome("report --engine duckdb --corpus", house.corpus, "--out", out, house.tables)
        assert (done.code, done.out) == (0, f"écrit dans {out}\n")
        assert '<html lang="fr">' in out.read_text("utf-8")
        assert outcome("report --lang en", "--mirror", mirror, "--out", out, house.tables).code == 0
    page = out.read_text("utf-8")
    assert '<html lang="en">' in page
    # A page that cannot be read again costs only its example; commands that read files name the mirror.
    assert page.count("The page could not be read again when the report was made") == 5
    reading = [words for words in commands_in(page) if words[0] in ("explain", "verify-rows")]
    assert reading
    assert all(mirror in words for words in reading)
    assert "<code>CORPUS</code> is the folder of the scan's corpus." in html.unescape(page)


def test_the_command_refuses_in_one_line(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = [
        ("page.pdf", house.tables, "the report is an HTML file"),
        ("page.html", tmp_path / "nowhere", "not a folder of tables"),
        ("page.html", house.tables, install_command("legal")),
    ]
    for out, tables, told in refused:
        if told == install_command("legal"):
            monkeypatch.setattr(extras, "import_module", raising(ImportError))
        done = outcome("report", "--out", tmp_path / out, tables)
        error = done.err.splitlines()[-1]
        assert (done.code, error.startswith("error: "), told in error) == (1, True, True)
        assert not (tmp_path / out).exists()


# The page in a real browser: nothing leaves, nothing complains, and it fits each screen and each wish.


SHOWN = "[...document.querySelectorAll('section[data-table=all_hosts] tbody tr')]"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


def opened(browser: Chromium, file: Path) -> None:
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(file.as_uri())
    browser.wait("document.querySelector('.controls:not([hidden])')")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_page_fits_each_screen_and_nothing_leaves(
    browser: Chromium, page_files: dict[str, Path], language: str
) -> None:
    browser.resize(390, 844)
    opened(browser, page_files[language])
    grounds, bars = set(), set()
    for width, height in ((390, 844), (800, 1100), (1280, 900)):
        for dark in (False, True):
            browser.resize(width, height, dark=dark)
            assert browser.run("document.documentElement.scrollWidth") <= width
            grounds.add(browser.run("getComputedStyle(document.body).backgroundColor"))
            bars.add(
                browser.run("getComputedStyle(document.querySelector('.chart [fill=\"#7b1e3a\"]')).fill")
            )
            pictures = "[...document.querySelectorAll('.chart')].filter(each => each.offsetParent).length"
            assert browser.run(pictures) == browser.run("document.querySelectorAll('.wide-chart').length")
    assert len(grounds) == len(bars) == 2
    steering = "/[\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.textContent)"
    assert browser.run(steering) is False
    assert browser.requests == [page_files[language].as_uri()]
    assert browser.complaints == []


@pytest.mark.full
def test_tables_are_sorted_and_filtered(browser: Chromium, page_files: dict[str, Path], house: House) -> None:
    opened(browser, page_files["en"])
    rows = list(run_query(str(house.tables), QUESTIONS["all_hosts"], engine="duckdb").rows)
    assert browser.run(f"{SHOWN}.length") == len(rows)
    cells = f"{SHOWN}.map(row => row.cells[6].textContent)"
    browser.run("document.querySelectorAll('section[data-table=all_hosts] th button')[6].click()")
    assert browser.run(cells) == [f"{words:,}" for words in sorted((row[6] for row in rows), reverse=True)]  # type: ignore[type-var]
    browser.run("document.querySelectorAll('section[data-table=all_hosts] th button')[6].click()")
    assert browser.run(cells) == [f"{words:,}" for words in sorted(row[6] for row in rows)]  # type: ignore[type-var]
    browser.run(
        "const box = document.querySelector('section[data-table=all_hosts] input');"
        " box.value = 'BÜCHER'; box.dispatchEvent(new Event('input'))"
    )
    assert browser.run(f"{SHOWN}.length") == 1
    assert browser.complaints == []


@pytest.mark.full
def test_on_paper_all_is_open_and_has_no_buttons(browser: Chromium, page_files: dict[str, Path]) -> None:
    opened(browser, page_files["fr"])
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("document.querySelectorAll('details:not([open])').length") == 0
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("document.querySelectorAll('details[open]').length") == 0
    browser.ask("Emulation.setEmulatedMedia", media="print")
    assert browser.run("getComputedStyle(document.querySelector('.controls')).display") == "none"
    assert len(browser.ask("Page.printToPDF")["data"]) > 10_000
    browser.ask("Emulation.setEmulatedMedia", media="")
    assert browser.complaints == []


ON_PAPER = """
document.querySelector('main').innerHTML = `<div class="wide"><table><thead><tr><th>Éditeur</th><th>Jeu</th>
  ${'<th class="number">Mots repris en tout</th>'.repeat(5)}</tr></thead><tbody><tr>
  <td><bdi>Société du Méridien</bdi></td><td><bdi>Common Crawl, livraison inconnue</bdi></td>
  ${'<td class="number"><bdi>1 234 567</bdi></td>'.repeat(5)}</tr></tbody></table></div>`;
"""
BROKEN_WORDS = """
[...document.querySelectorAll('main th, main td bdi')].flatMap(cell => {
  const text = cell.firstChild, range = document.createRange();
  return [...text.data.matchAll(/[^\\s]+/g)].filter(word => {
    range.setStart(text, word.index); range.setEnd(text, word.index + word[0].length);
    return range.getClientRects().length > 1;
  }).map(word => word[0]);
})
"""


LETTERS_ON_PAPER = """
document.querySelector('main').innerHTML = `<table><thead><tr><th>Lettre</th><th>Article</th></tr></thead>
  <tbody><tr><td class="text"><bdi>A</bdi></td><td class="text"><bdi>${'Un titre '.repeat(40)}</bdi></td></tr>
  </tbody></table>`;
"""


def test_on_paper_no_word_or_table_is_cut(browser: Chromium, page_files: dict[str, Path]) -> None:
    opened(browser, page_files["fr"])
    browser.resize(700, 960)
    browser.ask("Emulation.setEmulatedMedia", media="print")
    browser.run(ON_PAPER)
    assert browser.run("document.querySelectorAll('main td').length") == 7
    assert browser.run(BROKEN_WORDS) == []
    table, paper = browser.run("['table', 'main'].map(name => document.querySelector(name).offsetWidth)")
    assert 0 < table <= paper <= 700
    browser.run(LETTERS_ON_PAPER)
    assert 0 < browser.run("document.querySelector('main td').offsetWidth") < 80
    browser.ask("Emulation.setEmulatedMedia", media="")
