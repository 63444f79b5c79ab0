"""Languages and the pager: what people read, on a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from presswatch_spark.claims.selection import DOUBTFUL, REMOVED, UNREAD, UNSEALED, WORDLESS
from presswatch_spark.cli.commands import notice
from presswatch_spark.cli.replies import Language
from presswatch_spark.core.terminal import printable
from presswatch_spark.legal.notices.laws import laws
from presswatch_spark.legal.notices.notice import (
    ANSWERED,
    CHECKED,
    DRAFTED,
    EDITED,
    READ,
    SENT,
    SIGNED,
    STATES,
)
from presswatch_spark.legal.notices.parties import FACTS
from presswatch_spark.legal.removal.states import MEANINGS
from presswatch_spark.legal.removal.status import ALARM_KINDS
from tests.conftest import ROOT
from tests.world.french import words
from tests.world.proofs import each_time
from tests.world.tables import match, publish

FRENCH, ENGLISH = Language("fr"), Language()
CHECKS = ROOT / "presswatch_spark" / "notices"


class TestLanguage:
    def test_numbers(self) -> None:
        assert FRENCH.number(1_234_567) == "1\u202f234\u202f567"
        assert FRENCH.number(1234.5, 1) == "1\u202f234,5"
        assert ENGLISH.number(1234.5, 1) == "1,234.5"
        assert FRENCH.cell(0.25) == "0,25"

    def test_days_and_moments_are_those_of_utc(self) -> None:
        moment = datetime(2026, 11, 27, 23, 5, 9, tzinfo=UTC)
        assert FRENCH.day(moment) == FRENCH.day(date(2026, 11, 27)) == "27/11/2026"
        assert ENGLISH.day(moment) == "2026-11-27"
        assert FRENCH.cell(moment) == "27/11/2026 23:05:09"
        assert ENGLISH.cell(moment) == "2026-11-27 23:05:09"

    def test_nothing_is_singular_in_french(self) -> None:
        french, english = (
            [language.n("{n} row", "{n} rows", n) for n in (0, 1, 2)] for language in (FRENCH, ENGLISH)
        )
        assert french == ["0 ligne", "1 ligne", "2 lignes"]
        assert english == ["0 rows", "1 row", "2 rows"]

    def test_spaces_of_numbers_stay_and_controls_do_not(self) -> None:
        assert printable("1\u202f234\u00a0%\x1b[2J\u2028") == "1\u202f234\u00a0%\ufffd[2J "

    def test_every_state_and_alarm_of_a_removal_has_its_french(self) -> None:
        assert {*MEANINGS, *ALARM_KINDS} <= words("column")

    def test_every_state_event_and_answer_of_a_notice_has_its_french(self) -> None:
        assert set(notice.MEANING) == set(STATES)
        events = {DRAFTED, EDITED, READ, CHECKED, SIGNED, SENT, ANSWERED}
        elements = [element for law in laws().values() for element in law.elements]
        named = {element.name for element in elements} | {need for each in elements for need in each.needs}
        names = {*notice.MEANING, *notice.ANSWERS, *events, *named, *FACTS}
        assert names <= words("notice")
        left_out = {REMOVED, DOUBTFUL, WORDLESS, UNREAD, UNSEALED}
        assert left_out <= words("left out")


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

    @pytest.mark.slow
    def test_what_is_longer_than_the_terminal_is_paged_whole(self, tables: str, pager: str) -> None:
        code, shown = self.on_a_terminal(["matches", tables], pager)
        assert code == 0
        assert shown.startswith("PAGED\n40 rows: ")
        assert shown.count("x.example") == 0
        assert sum(line.startswith("0" * 10) for line in shown.splitlines()) == 40
        assert not shown.endswith("\n\n")

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "options",
        each_time([["--no-pager"]], [["--limit", "3"], ["--no-pager"], ["--count"]]),
        ids=lambda options: options[0],
    )
    def test_what_fits_or_is_not_to_be_paged_is_printed(
        self, options: list[str], tables: str, pager: str
    ) -> None:
        code, shown = self.on_a_terminal(["matches", tables, *options], pager)
        assert code == 0
        assert "40 rows" in shown
        assert "PAGED" not in shown

    @pytest.mark.slow
    def test_a_pager_that_is_quit_early_is_no_error(self, tables: str) -> None:
        code, shown = self.on_a_terminal(["matches", tables, "--json"], "head -n 1")
        assert code == 0
        assert shown.startswith("{")
        assert "error" not in shown

    @pytest.mark.slow
    def test_nothing_is_paged_in_a_pipe(self, tables: str, pager: str) -> None:
        command = [sys.executable, "-m", "presswatch_spark", "matches", tables]
        environment = {**os.environ, "PAGER": pager}
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
        assert "PAGED" not in done.stdout
        assert len(done.stdout.splitlines()) == 41
