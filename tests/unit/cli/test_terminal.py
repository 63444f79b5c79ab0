"""Terminals: tables that fit, safe characters, languages, names that were meant, and the pager."""

import io
import itertools
import json
import os
import pty
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import pytest

from presswatch_spark.claims.selection import DOUBTFUL, REMOVED, UNREAD, UNSEALED, WORDLESS
from presswatch_spark.cli import main
from presswatch_spark.cli.commands import notice
from presswatch_spark.cli.commands.tables import estimate_lines
from presswatch_spark.cli.replies import Language, shown_lines
from presswatch_spark.core import terminal
from presswatch_spark.legal.notices.follow_up import STATES
from presswatch_spark.legal.notices.laws import laws
from presswatch_spark.legal.notices.notice import EventKind
from presswatch_spark.legal.notices.parties import FACTS
from presswatch_spark.legal.removal.states import MEANINGS
from presswatch_spark.legal.removal.status import ALARM_KINDS
from presswatch_spark.scanning.sampling import Estimated, SampleEstimate
from tests.conftest import ROOT
from tests.world.commands import presswatch
from tests.world.documents import french_words as words
from tests.world.tables import match, publish

FRENCH, ENGLISH = Language("fr"), Language()
HOST = "https://www.un-journal.example/"
URL = f"{HOST}{'rubrique/' * 12}proces-des-faux-paysages-de-valmondois.html"
WIDE = f"https://例え.example/{'日本語/' * 30}終わり"


class TestTables:
    def test_they_fit_and_align_and_cut_neither_numbers_nor_run_ids(self) -> None:
        rows = [("a" * 50, 7, None), ("é", 123, 0.5)]
        assert list(terminal.table_lines(("name", "count", "share"), rows, 30)) == [
            f"{'name':<16}  {'count'}  {'share'}",
            f"{'a' * 15}…  {'7':>5}",
            f"{'é':<16}  {'123':>5}  {'0.5':>5}",
        ]
        lines = list(terminal.table_lines(("run_id", "url"), [("r" * 23, "u" * 50)], 40, ("run_id",)))
        assert lines[1] == f"{'r' * 23}  {'u' * 14}…"
        assert list(terminal.table_lines(("run_id",), [("r" * 23,)], 10, ("run_id",)))[1] == "r" * 23
        line = list(terminal.table_lines(("name", "words"), [("x" * 90, 123_456_789_012), ("y", 7)], 30))[1]
        assert line.endswith("  123456789012")
        assert terminal.columns_of(line) == 30

    def test_a_shortened_url_is_as_wide_as_asked_for_at_most(self) -> None:
        urls = (URL, WIDE, "https://x.example/a", f"{HOST}{'x' * 300}", "s3://bucket/" + "é/" * 200)
        for width, url in itertools.product(range(12, 120), urls):
            short = terminal.shortened(url, width)
            assert terminal.columns_of(short) <= width
            assert (short == url) == (terminal.columns_of(url) <= width)
            if short != url:
                begin, _, end = short.partition("…")
                assert url.startswith(begin)
                assert url.endswith(end)

    def test_a_shortened_url_keeps_its_host_and_its_last_part(self) -> None:
        assert terminal.shortened(URL, 80) == f"{HOST}…/proces-des-faux-paysages-de-valmondois.html"

    def test_text_is_wrapped_at_spaces_and_nothing_of_it_is_lost(self) -> None:
        text = "les journaux de la lisière 日本語日本語日本語 et unmottropesttroplongpourlaligne"
        for width in range(4, 40):
            lines = terminal.wrapped_at(text, width)
            assert max(map(terminal.columns_of, lines)) <= width
            assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert terminal.wrapped_at("a bb ccc", 4) == ["a bb", "ccc"]

    @pytest.mark.parametrize("width", [80, 140])
    def test_the_labels_of_an_estimate_are_whole(self, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", str(width))
        names = ("documents", "matches", "documents with matches, own sites", "articles, confidence A or B")
        vallees = "societe-nouvelle-de-la-presse-des-vallees-et-plateaux"
        publishers = ("editions-du-quai-et-de-la-mer", vallees)
        measures = [
            Estimated(*each, 1_234.0, 2_140_000_000.0, 1_999_999_999.0, 2_300_000_000.0, 90, 100)
            for each in itertools.product(names, (None, *publishers))
        ]
        found = SampleEstimate("r", 0, 100_000, 90, 1_000, 0, tuple(measures))
        lines = list(shown_lines(estimate_lines(found, found.measures), ENGLISH))[1:]
        assert max(map(terminal.columns_of, lines)) <= width
        assert "…" not in "".join(lines)
        labels = " ".join(line[: lines[0].index("  seen")].strip() for line in lines)
        assert all(publisher in labels.replace(" ", "") for publisher in publishers)
        assert labels.count("documents with matches, own sites") == 3
        assert sum("2,140,000,000" in line for line in lines) == 12

    def test_an_answer_of_sql_that_no_table_could_hold_is_printed_in_blocks(self, tmp_path: Path) -> None:
        publish(tmp_path, "r", [match("a", URL)])

        def answered(query: str) -> list[str]:
            *lines, total = presswatch("sql", str(tmp_path), query, COLUMNS="80").splitlines()
            assert total == "1 row, by DuckDB"
            return lines

        few = answered("select title_id, document_url from matches")
        assert len(few) == 2
        assert few[1].endswith("-faux-paysages-de-valmondois.html")
        columns = (f"'{'x' * 20}' as column_{i}" for i in range(30))
        many = answered(f"select {', '.join(columns)}")
        assert (len(many), many[0]) == (30, f"column_0   {'x' * 20}")


def test_nothing_can_steer_the_terminal_and_json_reads_back_the_same() -> None:
    row = {
        "url": "a\x9b31m\x7f\u202egnp.exe\u2066\u200b\u2028\U000e0041\ud800",
        "title": "« L’été »\u00a0: 日本",
    }
    line = terminal.json_line(row)
    assert all(c.isprintable() or c == "\u00a0" for c in line)
    assert "« L’été »\u00a0: 日本" in line
    assert "\\u009b31m\\u007f\\u202egnp" in line
    assert json.loads(line) == row
    assert terminal.json_text(row, indent=2).count("\n") == 3
    assert terminal.json_line({"x": float("nan"), "y": b"\xff"}) == '{"x": null, "y": "ff"}'
    assert terminal.printable("a\nb\x1b[2J\x07") == "a b�[2J�"
    assert terminal.printable("a\x9b2J\x7f\u202eb\ud800\u2066\x85c") == "a�2J��b�� c"
    assert terminal.printable("1\u202f234\u00a0%\x1b[2J\u2028") == "1\u202f234\u00a0%\ufffd[2J "
    assert terminal.cell([{"words": 3}]) == '[{"words": 3}]'


def test_names_are_known_without_case_accents_and_punctuation() -> None:
    known = ["le-figaro", "le-monde", "journal-de-l-ile"]
    assert terminal.nearest("LE FIGARO", known) == ["le-figaro"]
    assert terminal.nearest("Journal de l’Île", known) == ["journal-de-l-ile"]
    assert terminal.nearest("monde", known, 3)[0] == "le-monde"
    assert terminal.did_you_mean("zzzz", known) == ""
    assert terminal.did_you_mean("", []) == ""
    # Of very many names, those that begin alike are compared.
    many = [f"article-{number:07}" for number in range(4 * terminal.MOST_NAMES)] + ["zebra-12"]
    assert terminal.nearest("zebra 1", many) == ["zebra-12"]


class TestLanguage:
    def test_days_cells_and_numbers_are_written_as_the_language_does(self) -> None:
        moment = datetime(2026, 11, 27, 23, 5, 9, tzinfo=UTC)
        assert FRENCH.day(moment) == FRENCH.day(date(2026, 11, 27)) == "27/11/2026"
        assert ENGLISH.day(moment) == "2026-11-27"
        assert [FRENCH.cell(moment), FRENCH.cell(0.25)] == ["27/11/2026 23:05:09", "0,25"]
        assert ENGLISH.cell(moment) == "2026-11-27 23:05:09"
        for language, expected in (
            (FRENCH, ["0 ligne", "1 ligne", "2 lignes"]),
            (ENGLISH, ["0 rows", "1 row", "2 rows"]),
        ):
            assert [language.n("{n} row", "{n} rows", n) for n in (0, 1, 2)] == expected

    @pytest.mark.parametrize(
        ("share", "shown"),
        [(1.0, "100%"), (0.998, "99%"), (0.29, "29%"), (0.002, "less than 1%"), (0.0, "0%")],
    )
    def test_only_the_whole_is_100_percent(self, share: float, shown: str) -> None:
        assert ENGLISH.share(share) == shown
        assert FRENCH.share(share) == shown.replace("less than", "moins de").replace("%", " %")

    def test_states_alarms_events_and_answers_have_their_french(self) -> None:
        assert {*MEANINGS, *ALARM_KINDS} <= words("column")
        events = get_args(EventKind)
        elements = [element for law in laws().values() for element in law.elements]
        named = {element.name for element in elements} | {need for each in elements for need in each.needs}
        assert {*STATES, *notice.ANSWERS, *events, *named, *FACTS} <= words("notice")
        assert {REMOVED, DOUBTFUL, WORDLESS, UNREAD, UNSEALED} <= words("left out")


@pytest.mark.slow
class TestPager:
    @pytest.fixture
    def tables(self, tmp_path: Path) -> str:
        rows = [match(f"a{n}", f"https://x.example/{n}", row_sha256=f"{n:064}") for n in range(40)]
        publish(tmp_path / "tables", "r", rows)
        return str(tmp_path / "tables")

    @staticmethod
    def on_a_terminal(arguments: list[str], pager: str, lines: int = 24) -> tuple[int, str]:
        """Run a command on a terminal of its own; its exit code, and all that it showed."""
        parent, child = pty.openpty()
        os.set_blocking(parent, True)
        environment = {**os.environ, "PAGER": pager, "LINES": str(lines), "COLUMNS": "80"}
        command = [sys.executable, "-m", "presswatch_spark", *arguments]
        with subprocess.Popen(
            command, stdin=child, stdout=child, stderr=child, env=environment, cwd=ROOT
        ) as process:
            os.close(child)
            shown = b""
            while True:
                try:
                    data = os.read(parent, 1 << 16)
                except OSError:  # all that held the other end have gone
                    break
                if not data:
                    break
                shown += data
        os.close(parent)
        return process.returncode, shown.decode().replace("\r\n", "\n")

    @pytest.fixture
    def pager(self, tmp_path: Path) -> str:
        """A pager that says that it is one."""
        path = tmp_path / "pager"
        path.write_text("#!/bin/sh\necho PAGED\ncat\n")
        path.chmod(0o755)
        return str(path)

    def test_what_is_longer_than_the_terminal_is_paged_whole(self, tables: str, pager: str) -> None:
        code, shown = self.on_a_terminal(["matches", tables], pager)
        assert code == 0
        assert shown.startswith("PAGED\n40 rows: ")
        assert sum(line.startswith("0" * 10) for line in shown.splitlines()) == 40
        assert not shown.endswith("\n\n")

    @pytest.mark.parametrize(
        ("options", "interactive", "paged"),
        [("", True, True), ("--limit 3", True, False), ("--no-pager", True, False), ("--count", True, False),
         ("", False, False)],
        ids=["longer", "it fits", "not to be paged", "totals", "a pipe"],
    )  # fmt: skip
    def test_only_what_does_not_fit_a_terminal_is_paged(
        self, tables: str, monkeypatch: pytest.MonkeyPatch, options: str, interactive: bool, paged: bool
    ) -> None:
        pages, out = list[str](), io.StringIO()
        monkeypatch.setattr("click.echo_via_pager", pages.extend)
        for name, stream in (("stdin", io.StringIO()), ("stdout", out)):
            monkeypatch.setattr(stream, "isatty", lambda: interactive)
            monkeypatch.setattr(sys, name, stream)
        monkeypatch.setenv("LINES", "24")
        assert main.run(["matches", tables, *options.split()]) == 0
        shown = [*out.getvalue().splitlines(), *pages]
        assert (bool(pages), any("40 rows" in line for line in shown) is interactive) == (paged, True)
        assert interactive or len(shown) == 41

    def test_a_pager_may_be_quit_early(self, tables: str) -> None:
        code, shown = self.on_a_terminal(["matches", tables, "--json"], "head -n 1")
        assert (code, shown[:1], "error" in shown) == (0, "{", False)
