"""A name that nobody knows is refused, with the nearest; of a name that is known, nothing may be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.core.terminal import MOST_NAMES, did_you_mean, nearest
from presswatch_spark.tables.declarations import MemberCapture, PublishedCensus
from presswatch_spark.tables.store import TableStore
from tests.world.corpora import article, corpus_of
from tests.world.tables import match, publish, row_of, write

RUN = "20240602T080000Z-abcdef"


@pytest.fixture
def tables(tmp_path: Path) -> str:
    """A run of two rows, and a census that found a page of another title."""
    named = {"title_id": "le-figaro", "publisher_id": "societe-du-figaro"}
    publish(tmp_path / "t", RUN, [match("fig-1", "https://x.example/"), match("fig-2", None, **named)])
    store = TableStore.open(str(tmp_path / "t"))
    captures = [row_of(MemberCapture, title_id="rivage", publisher_id="q", article_id="riv-9", run_id="c1")]
    write(store, "captures", "c1", captures, MemberCapture.schema)
    write(store, "censuses", "c1", [row_of(PublishedCensus, run_id="c1")], PublishedCensus.schema)
    return str(tmp_path / "t")


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What is said on stderr by a command that fails and prints nothing."""
    assert cli.run(arguments) == 1
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize(
    ("option", "name", "meant"),
    [
        ("title", "Le Figaro", "le-figaro"),
        ("title", "le-figarro", "le-figaro"),
        ("publisher", "Société du Figaro", "societe-du-figaro"),
        ("article", "fig_2", "fig-2"),
        ("title", "rivages", "rivage"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(
    form: list[str], option: str, name: str, meant: str, tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(["matches", tables, f"--{option}", name, *form], capsys)
    assert f"no row of these tables names the {option} {name}; nearest: {meant}" in said


def test_a_name_that_rows_have_is_not_looked_for_in_other_tables(tables: str) -> None:
    (captures,) = Path(tables, "captures").iterdir()
    captures.write_bytes(b"damaged")
    assert cli.run(["matches", tables, "--title", "le-figaro"]) == 0


def test_a_name_like_no_other_is_refused_without_a_guess(
    tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(["matches", tables, "--title", "zz\x1b[2J"], capsys)
    assert "names the title zz�[2J (give the id" in said


@pytest.mark.parametrize(
    "filters",
    [["--title", "le-figaro", "--grade", "full_copy"], ["--title", "rivage"], ["--article", "riv-9"]],
)
def test_what_is_known_and_has_no_row_is_an_empty_answer(
    filters: list[str], tables: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.run(["matches", tables, *filters]) == 0
    assert (
        capsys.readouterr().out == "0 rows: 0 articles at 0 known addresses, in 0 records on 0 known hosts\n"
    )


def test_with_its_corpus_a_title_that_nothing_was_found_of_is_known_and_a_name_leads_to_its_id(
    tables: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = str(tmp_path / "corpus")
    corpus_of(tmp_path, [article(1)])
    for known in (
        ["--title", "hebdo"],
        ["--publisher", "plateau"],
        ["--article", str(article(1)["article_id"])],
    ):
        assert cli.run(["matches", tables, "--corpus", corpus, "--json", *known]) == 0
        assert capsys.readouterr().out == ""
    said = refused(["matches", tables, "--corpus", corpus, "--title", "L’Hebdo du Plato"], capsys)
    assert "neither the tables nor the corpus know the title L’Hebdo du Plato; nearest: hebdo" in said


@pytest.mark.parametrize(
    "command",
    [
        ["matches", "--run"],
        ["estimate", "--run"],
        ["verify-rows", "--run"],
        ["rights", "--json", "--run"],
        ["compare", "--after", "latest", "--out", "changes", "--before"],
        ["compare", "--before", "latest", "--out", "changes", "--after"],
    ],
    ids=" ".join,
)
def test_an_unknown_run_is_refused_with_the_nearest(
    command: list[str], tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"did you mean {RUN}?" in refused([*command, "20240602T080000Z", tables], capsys)
    assert f"no run r9 is published; the newest is {RUN}" in refused([*command, "r9", tables], capsys)
    assert "c1 is a census and no scan" in refused([*command, "c1", tables], capsys)


def test_case_accents_and_punctuation_make_no_difference() -> None:
    known = ["le-figaro", "le-monde", "journal-de-l-ile"]
    assert nearest("LE FIGARO", known) == ["le-figaro"]
    assert nearest("Journal de l’Île", known) == ["journal-de-l-ile"]
    assert nearest("monde", known, 3)[0] == "le-monde"
    assert did_you_mean("zzzz", known) == ""
    assert did_you_mean("", []) == ""


def test_of_very_many_names_those_that_begin_alike_are_compared() -> None:
    known = [f"article-{number:07}" for number in range(4 * MOST_NAMES)] + ["zebra-12"]
    assert nearest("zebra 1", known) == ["zebra-12"]
