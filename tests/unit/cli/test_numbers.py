"""Numbers of the command line: what is none, or without end, is refused before anything is done."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from presswatch_spark.cli.main import cli


@pytest.mark.parametrize("number", ["inf", "nan", "-inf", "0", "-1"])
@pytest.mark.parametrize(
    "command",
    [
        "scan --corpus c --out o x --price local --budget",
        "scan --corpus c --out o x --sample",
        "scan --corpus c --out o x --index-memory",
        "scan --corpus c --out o x --requests-per-second",
        "campaign run history --budget",
        "watch --every",
        "watch --case-every",
    ],
)
def test_a_number_that_is_none_is_a_mistake_of_the_command_line(command: str, number: str) -> None:
    ended = CliRunner().invoke(cli, [*command.split(), number])
    assert ended.exit_code == 2
    assert f"Invalid value for '{command.split()[-1]}'" in ended.output
