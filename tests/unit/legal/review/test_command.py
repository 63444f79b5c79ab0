"""`presswatch review` says what is wrong before it serves anything."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from presswatch_spark.cli.main import run
from presswatch_spark.core.extras import install_command
from tests.world.claims import House


def options(house: House, folder: Path, *more: str) -> list[str]:
    given = ["--reviews", str(folder / "reviews.jsonl"), "--tables", str(house.tables), *more]
    return ["review", *given, str(house.folder / "claims")]


@pytest.mark.parametrize("missing", ["starlette", "jinja2", "uvicorn"])
def test_without_the_extra_the_command_says_what_to_install(
    house: House,
    tmp_path: Path,
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert run(options(house, tmp_path, "--reviewer", "Anne")) == 1
    said = capsys.readouterr().err
    assert said == f"error: review: {missing} is not installed ({install_command('legal')})\n"


@pytest.mark.parametrize("name", ["", "  ", "Anne\x1b[31m", "An\nne", "x" * 201])
def test_a_reviewer_has_a_name(
    house: House, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(options(house, tmp_path, "--reviewer", name)) == 2
    assert "give a name" in capsys.readouterr().err
    assert run(options(house, tmp_path)) == 2


def test_a_port_that_others_have_is_refused(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert run(options(house, tmp_path, "--reviewer", "Anne", "--port", port)) == 1
    assert f"127.0.0.1:{port}: the port cannot be had" in capsys.readouterr().err
