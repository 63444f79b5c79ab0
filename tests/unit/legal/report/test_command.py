"""`presswatch report`, as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.core import extras
from presswatch_spark.core.extras import install_command
from tests.world.claims import House
from tests.world.reports import undrawn


def test_the_command_writes_the_page_in_french_and_replaces_it(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "page.html"
    words = [
        "report",
        "--corpus",
        str(house.corpus),
        "--engine",
        "duckdb",
        "--out",
        str(out),
        str(house.tables),
    ]
    with undrawn():
        assert cli.run(words) == 0
        assert capsys.readouterr().out == f"written to {out}\n"
        assert '<html lang="fr">' in out.read_text("utf-8")
        assert cli.run([*words, "--lang", "en"]) == 0
    assert '<html lang="en">' in out.read_text("utf-8")


@pytest.mark.parametrize(
    ("out", "tables", "told"),
    [
        ("page.pdf", "there", "the page is a file of HTML"),
        ("page.html", "nowhere", "not a folder of our tables"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, tables: str, told: str
) -> None:
    folder = house.tables if tables == "there" else tmp_path / tables
    assert cli.run(["report", "--out", str(tmp_path / out), str(folder)]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert told in error
    assert not (tmp_path / out).exists()


def test_without_the_libraries_the_command_says_what_to_install(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(extras, "import_module", missing)
    assert cli.run(["report", "--out", str(tmp_path / "page.html"), str(house.tables)]) == 1
    assert install_command("legal") in capsys.readouterr().err


def test_a_page_that_cannot_be_read_again_costs_its_example_alone(house: House, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    mirror = f"{house.folder}={tmp_path / 'nothing'}"
    words = ["report", "--mirror", mirror, "--lang", "en", "--out", str(out), str(house.tables)]
    with undrawn():
        assert cli.run(words) == 0
    page = out.read_text("utf-8")
    assert page.count("The page could not be read again when the report was made") == 5
