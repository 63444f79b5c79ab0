"""Help pages: commands by purpose, options in sections, and nothing cut at 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from presswatch_spark.cli.main import SECTIONS, cli
from tests.world.proofs import each_time


def groups(group: click.Group, *path: str) -> Iterator[list[str]]:
    yield list(path)
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from groups(command, *path, name)


def page(*words: str) -> list[str]:
    done = CliRunner().invoke(cli, [*words, "--help"], terminal_width=80)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


@pytest.mark.parametrize("path", list(groups(cli)), ids=" ".join)
def test_no_summary_of_a_command_is_cut(path: list[str]) -> None:
    lines = page(*path)
    assert not [line for line in lines[1:] if line.endswith("...")]
    assert max(map(len, lines)) <= 80


def test_every_command_is_listed_once_by_its_purpose() -> None:
    lines = page()
    listed = [line.split()[0] for line in lines if line.startswith("  ") and line[2:3].isalpha()]
    named = [name for names in SECTIONS.values() for name in names]
    assert sorted(named) == sorted(cli.commands)
    assert [name for name in listed if name in named] == named
    assert "More:" not in lines


@pytest.mark.parametrize("command", each_time(["matches"], ["matches", "scan", "removal status", "claims"]))
def test_options_of_the_reply_and_settings_have_sections(command: str) -> None:
    lines = page(*command.split())
    sections = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    output = ["Output:"] if command != "scan" else []
    assert sections == ["Options:", *output, "Settings:"]
    settings = lines.index("Settings:")
    assert any(line.strip().startswith("--endpoint") for line in lines[settings:])
    assert any(line.strip().startswith("-h, --help") for line in lines[:settings])


@pytest.mark.parametrize("command", ["rights", "watch", "fetch"])
def test_arguments_are_no_options(command: str) -> None:
    lines = page(command)
    entries = [line for line in lines[lines.index("Options:") :] if line[:2] == "  " and line[2:3] != " "]
    assert entries
    assert all(line.strip().startswith(("--", "-")) and line.strip()[2:3] != " " for line in entries)
