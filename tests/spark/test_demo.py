"""The demo, the tutorial and its notebook: every planted copy is found, every innocent page is left alone."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from pyspark.sql import SparkSession

from presswatch_spark.cli.commands.scan import incomplete_lines
from presswatch_spark.cli.demo.generate import package_file, press, release_pages, write_press
from presswatch_spark.cli.demo.run import Demonstration, reports_in, run_demo, write_shards
from presswatch_spark.legal.review.desk import open_desk
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.authority import authority
from tests.world.commands import presswatch, run_check
from tests.world.documents import README, blocks, commands_of, fences, holds_in_order, text_of
from tests.world.reviews import judge, opened
from tests.world.tables import run_query


@pytest.fixture(scope="module")
def demo(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    folder = tmp_path_factory.mktemp("home") / "demo"
    folder.mkdir()
    return run_demo(folder)


def test_every_shard_is_read_and_exactly_the_planted_copies_are_found(demo: Demonstration) -> None:
    assert not demo.summary.incomplete, list(incomplete_lines(demo.summary, "tables"))
    found = defaultdict(set)
    for row in demo.rows:
        if row["article_id"]:
            found[row["document_url"]].add(row["article_id"])
    assert found == {page.url: set(page.copies) for page in demo.pages if page.copies}
    # The articles that no page copies are those never found.
    query = "select article_id, shards_incomplete from articles where pages = 0"
    never = dict(run_query(str(demo.folder / "tables"), query, engine="duckdb").rows)
    assert set(never) == set(press()) - {article for page in demo.pages for article in page.copies}
    assert set(never.values()) == {0}


def test_innocent_pages_are_left_alone_and_a_members_page_is_known_by_its_address(
    demo: Demonstration,
) -> None:
    innocent = {page.url for page in demo.pages if not page.copies}
    own = "https://hebdo-des-vallees.example/archives/2024/"
    assert {page.url for page in demo.left_alone} == innocent - {own}
    (row,) = [row for row in demo.rows if row["document_url"] == own]
    assert (row["grade"], row["title_id"], row["article_id"]) == ("url_only", "hebdo-vallees", None)


def test_letters_a_to_c_and_every_grade_occur_and_agency_copy_keeps_all_its_owners(
    demo: Demonstration,
) -> None:
    elsewhere = [row for row in demo.rows if row["own_site"] is False]
    assert {row["confidence"] for row in elsewhere} == {"A", "B", "C"}
    # A page elsewhere is A where it names its source.
    crediting = {page.url for page in demo.pages if "\nSource : " in page.text}
    crediting |= {
        page.url for page in demo.pages if any(press()[each].url in page.text for each in page.copies)
    }
    assert {row["document_url"] for row in elsewhere if row["confidence"] == "A"} == crediting
    assert len(crediting) == 4
    assert {row["grade"] for row in demo.rows} == {"full_copy", "partial_copy", "extract", "url_only"}
    owners = {row["title_id"]: row["cluster_id"] for row in demo.rows if row["cluster_id"]}
    assert owners.keys() == {"gazette-morvane", "courrier-estuaire", "quotidien-lisiere"}
    assert len(set(owners.values())) == 1


def test_every_row_verifies_against_its_shard_also_for_a_third_party(
    demo: Demonstration, tmp_path: Path
) -> None:
    tables, corpus, rows = demo.folder / "tables", demo.folder / "corpus", len(demo.rows)
    verified = presswatch("verify-rows", str(tables), "--sample", "1000", "--corpus", str(corpus))
    assert f"{rows} of {rows} rows verify" in verified
    done = run_check(tmp_path, tables, corpus)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{rows} rows and 1 runs have their digests",
        f"{rows} rows: {rows} as the table says, 0 not as the table says, 0 of damaged records, not checked",
    ]


def test_the_report_names_every_title_and_is_there_in_both_languages(demo: Demonstration) -> None:
    pages = {language: Path(path).read_text("utf-8") for language, path in reports_in(demo.folder).items()}
    names = {
        title["name"]
        for each in yaml.safe_load(package_file("members.yaml").read_bytes())["publishers"]
        for title in each["titles"]
    }
    for language, page in pages.items():
        assert f'<html lang="{language}">' in page
        assert all(name in page for name in names)
        assert page.count('<blockquote dir="auto">') == 10
        # One of its files is named as those of French C4 are: what publishers say of mC4 is about its rows.
        assert page.count('class="quoted"') == 4


def test_the_readme_shows_what_the_demo_prints_and_the_commands_that_it_suggests_work(
    demo: Demonstration,
) -> None:
    (excerpt,) = blocks(README.read_text(encoding="utf-8"), "")
    lines = list(demo.lines())
    # The folder of this test is a long one.
    printed = [line.replace(str(demo.folder), "demo") for line in lines]
    assert set(re.sub(r"in \d+ s\.", f"in {demo.seconds:.0f} s.", excerpt).splitlines()) <= set(printed)
    assert max(map(len, printed)) <= 80
    text = "\n".join(lines[lines.index("Query the tables:") :]).replace("\\\n", " ")
    suggested = [shlex.split(line) for line in text.splitlines() if line.startswith("  ")]
    assert [words[1] for words in suggested] == ["matches", "runs", "sql", "explain"]
    outputs = [presswatch(*words[1:]) for words in suggested]
    assert all(outputs)
    assert "Letter A. The finding speaks for itself" in outputs[-1]
    assert "This letter is based on this page only" not in outputs[-1]


def test_the_tutorial_does_and_prints_what_it_says(
    demo: Demonstration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").symlink_to(demo.folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    printed, compared = "", 0
    for language, content in fences(text_of("tutorial/index")):
        if language == "text":
            assert holds_in_order(content, printed), f"{content}\nwas printed as\n{printed}"
            compared += 1
        for words in commands_of(content) if language == "sh" else ():
            if words != ["make", "demo"]:
                printed = presswatch(*words[1:]).replace("\u00a0", " ").replace("\u202f", " ")
    assert compared == 7


@pytest.mark.full
def test_the_walk_of_a_lawyer_leads_from_facts_to_a_notice_and_what_came_of_it(
    demo: Demonstration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commands as they stand there; a browser in this process judges, and the authority is another."""
    monkeypatch.chdir(demo.folder.parent)
    monkeypatch.setenv("COLUMNS", "80")
    printed, compared = "", 0
    with authority(demo.folder.parent / "authority") as stamping:
        shutil.copy(stamping.root, "autorite.pem")
        for language, content in fences(text_of("tutorial/dossier")):
            if language == "text":
                assert holds_in_order(content, printed), f"{content}\nwas printed as\n{printed}"
                compared += 1
            elif language == "sh":
                steps = [words for words in commands_of(content) if words[0] != "make"]
                printed = "".join(_taken(words, stamping.url) for words in steps)
    assert compared == 8
    rows = TableStore.open("demo/tables").read("claims").to_pylist()
    judged = [row for row in rows if row["review"] == "no_claim"]
    assert [row["confidence"] for row in judged] == ["D"]


def _taken(words: list[str], authority_url: str) -> str:
    """Take a step of the walk, and return what it printed."""
    if words[1:2] == ["review"]:
        _judge_one(words)
        return ""
    words = [word.replace("https://horodatage.example/", authority_url) for word in words]
    if words[0] == "python3":
        done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=True)
        out = done.stdout
    else:
        out = presswatch(*words[1:])
    return out.replace("\u00a0", " ").replace("\u202f", " ")


def _judge_one(words: list[str]) -> None:
    """Open the page that a command would serve, and say of the first claim that there is none."""
    given = dict(zip(words[2:-1:2], words[3:-1:2], strict=True))
    desk = open_desk(
        words[-1], given["--reviews"], given["--reviewer"], StorageOptions(), given["--corpus"],
        given.get("--tables"), language=given["--lang"],
    )  # fmt: skip
    browser = opened(desk)
    page = browser.get("/").text
    assert judge(browser, page, "no_claim").status_code == 303


# The notebook of the tutorial goes from the demo's data to a claim that can be checked.


NOTEBOOK = ROOT / "docs" / "tutorial" / "notebook.py"


@pytest.mark.full
def test_the_notebook_goes_from_the_demo_to_a_claim(spark: SparkSession, tmp_path: Path) -> None:
    demo, out = tmp_path / "demo", tmp_path / "out"
    demo.mkdir()
    write_press(demo)
    write_shards(demo / "shards", release_pages())
    app = runpy.run_path(str(NOTEBOOK))["app"]
    outputs, names = app.run(defs={"folder": str(demo), "out": str(out)})
    assert names["run"].is_complete
    assert len(names["strong"]) > 5
    assert set(names["strong"]["confidence"]) == {"A", "B"}
    # What is shown last is the claim, and it is true of the demo's article.
    article, claim = names["article"], dedent(names["claim"])
    assert f"{names['row']['copied_words']} words of “{article['headline']}”, 100%" in claim.replace("*", "")
    assert names["passage"] in article["body"]
    shown = [output.text for output in outputs if hasattr(output, "text")]
    assert article["headline"] in shown[-1]
    # Its last lines are commands, and they confirm it.
    checks = [shlex.split(line) for line in claim.splitlines() if line.strip().startswith("presswatch ")]
    assert [words[1] for words in checks] == ["fetch", "verify-rows"]
    printed = "".join(presswatch(*words[1:]) for words in checks)
    assert names["row"]["document_url"] in printed
    assert re.search(r"(\d+) of \1 rows verify", printed)


def test_the_notebook_says_what_to_do_where_there_is_no_demo(tmp_path: Path) -> None:
    app = runpy.run_path(str(NOTEBOOK))["app"]
    outputs, names = app.run(defs={"folder": str(tmp_path), "out": str(tmp_path)})
    assert "run" not in names
    assert any("make demo" in output.text for output in outputs if hasattr(output, "text"))
    assert "(notebook.py)" in text_of("tutorial/index")
