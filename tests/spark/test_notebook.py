"""The notebook of the tutorial goes from the demo's data to a claim that can be checked."""

import re
import runpy
import shlex
from pathlib import Path
from textwrap import dedent

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.demo.generate import release_pages, write_press
from presswatch_spark.cli.demo.run import write_shards
from tests.conftest import ROOT
from tests.world.documents import text_of

NOTEBOOK = ROOT / "docs" / "tutorial" / "notebook.py"


@pytest.mark.full
def test_the_notebook_goes_from_the_demo_to_a_claim(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    for words in checks:
        assert cli.run(words[1:]) == 0
    printed = capsys.readouterr().out
    assert names["row"]["document_url"] in printed
    assert re.search(r"(\d+) of \1 rows verify", printed)


def test_the_notebook_says_what_to_do_where_there_is_no_demo(tmp_path: Path) -> None:
    app = runpy.run_path(str(NOTEBOOK))["app"]
    outputs, names = app.run(defs={"folder": str(tmp_path), "out": str(tmp_path)})
    assert "run" not in names
    assert any("make demo" in output.text for output in outputs if hasattr(output, "text"))


def test_the_tutorial_names_the_notebook() -> None:
    assert "(notebook.py)" in text_of("tutorial/index")
