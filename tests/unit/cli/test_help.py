"""Help pages: commands by purpose, options in sections, the next step, and nothing cut at 80 columns."""

import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from presswatch_spark.cli.main import NEXT_STEPS, SECTIONS, cli


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(cli))


def page(command: str, option: str = "--help") -> list[str]:
    done = CliRunner().invoke(cli, [*command.split(), option], terminal_width=80)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def sections(lines: list[str]) -> list[str]:
    return [line for line in lines[1:] if line.endswith(":") and not line.startswith(" ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_fits_80_columns_cuts_nothing_and_ends_with_the_next_step(command: str) -> None:
    lines = page(command)
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines[1:] if line.endswith("...")]
    step_after = NEXT_STEPS.get(command, f"presswatch {command} COMMAND --help")
    assert lines[-1].strip() == f"Next: {step_after}"
    words = shlex.split(step_after.replace(",", " "))
    if "presswatch" in words:
        step = words[words.index("presswatch") + 1 :]
        named = COMMANDS.get(" ".join(step[:2])) or COMMANDS[step[0]]
        known = {name for each in named.params for name in each.opts} | {"--help"}
        assert {word for word in step if word.startswith("--") and word != "--sample"} <= known


def test_every_command_is_listed_once_by_its_purpose() -> None:
    lines = page("")
    assert sections(lines) == [
        "Options:", "Prepare:", "Find copies:", "Read the tables:", "Prove:", "Act:", "Operate:",
    ]  # fmt: skip
    listed = [line.split()[0] for line in lines if line.startswith("  ") and line[2:3].isalpha()]
    named = [name for names in SECTIONS.values() for name in names]
    assert sorted(named) == sorted(cli.commands)
    assert [name for name in listed if name in named] == named


@pytest.mark.parametrize("command", ["scan", "matches", "removal status", "claims"])
def test_storage_options_are_one_section_that_an_option_of_its_own_explains(command: str) -> None:
    lines = page(command)
    storage = "Storage (explained by --help-storage):"
    assert sections(lines)[0] == "Options:"
    assert sections(lines)[-1] == storage
    assert ("Output:" in lines) is (command != "scan")
    assert any(line.startswith("  -h, --help") for line in lines[: lines.index("", lines.index("Options:"))])
    named = " ".join(lines[lines.index(storage) + 1 : -2]).replace(",", " ").split()
    explained = page(command, "--help-storage")
    assert explained[0] == "Storage:"
    assert [line.split()[0] for line in explained if line.startswith("  --")] == named
    assert {"--endpoint", "--max-connections"} <= set(named)


def test_the_help_of_scan_fits_two_screens_of_40_lines_and_has_an_example() -> None:
    lines = page("scan")
    assert len(lines) <= 79
    assert "  presswatch scan --corpus corpus --out tables shards/" in lines


@pytest.mark.parametrize("command", ["rights", "watch", "fetch"])
def test_arguments_are_no_options(command: str) -> None:
    lines = page(command)
    entries = [line for line in lines[lines.index("Options:") : -1] if line.startswith("  -")]
    assert entries
    assert not [line for line in entries if not line.startswith(("  --", "  -h"))]
