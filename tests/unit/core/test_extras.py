"""Messages say how to install an extra from this checkout or a wheel, never by a name on a public index."""

import re
import shlex
from pathlib import Path

import pytest

from presswatch_spark.core.extras import install_command
from presswatch_spark.core.version import __version__
from tests.conftest import ROOT

WHEEL = f"presswatch_spark-{__version__}-py3-none-any.whl"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "it's mine"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "presswatch-spark"\n')
    return folder


def test_in_a_checkout_pip_installs_the_checkout_and_make_what_it_knows(checkout: Path) -> None:
    by_pip = ["pip", "install", "-e", f"{checkout}[legal]"]
    assert shlex.split(install_command("legal", checkout)) == by_pip
    (checkout / ".venv").mkdir()
    (checkout / "Makefile").touch()
    assert shlex.split(install_command("legal", checkout)) == ["make", "-C", str(checkout), "setup"]
    assert "pip install -e" in install_command("office", checkout)


def test_elsewhere_the_wheel_is_named(tmp_path: Path) -> None:
    for text in ("", '[project]\nname = "another"\n', "no TOML"):
        (tmp_path / "pyproject.toml").write_text(text)
        assert install_command("jre", tmp_path) == f"pip install '{WHEEL}[jre]'"


def test_nothing_tells_to_install_a_name_that_is_not_ours_on_an_index() -> None:
    wrong = re.compile(r"presswatch[-_]spark\[|pip install\s+['\"]?presswatch[-_]spark(?!-)\b")
    folders = ("presswatch_spark", "docs", "conf", "jobs", "scripts", "docker")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "Makefile"]
    texts = {path: path.read_bytes().decode("utf-8", "replace") for path in files if path.suffix != ".pyc"}
    assert [str(path) for path, text in texts.items() if wrong.search(text)] == []
