"""Paths in documentation, docstrings and comments: the files exist."""

import re
import subprocess

import pytest

from tests.conftest import ROOT

FOLDERS = ("benchmarks", "conf", "docker", "docs", "jobs", "presswatch_spark", "scripts")
PATH = re.compile(rf"(?<![\w./*-])(?:{'|'.join(FOLDERS)})/[\w./-]*\w\.[a-z]+(?![\w*{{<])")
"""A path from the root of the project to a file with a suffix."""
INVENTED = {"jobs/DIGEST/scan.py", "presswatch_spark/locks/requirements.lock"}
"""Places of files in archives and in the wheel."""


def files_that_people_read() -> list[str]:
    """Paths of documentation, sources and settings; not the changelog, which names files of its time."""
    tracked = ("git", "ls-files", "*.md", "*.py", "*.yaml", "*.toml", "Makefile", ":!tests", ":!CHANGELOG.md")
    listed = subprocess.run(tracked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in listed if (ROOT / name).exists()]


def missing(text: str) -> set[str]:
    return {path for path in PATH.findall(text) if not (ROOT / path).exists()} - INVENTED


def test_every_file_that_documentation_and_docstrings_name_exists() -> None:
    found = {name: missing((ROOT / name).read_text("utf-8")) for name in files_that_people_read()}
    assert len(found) > 300
    assert {name: paths for name, paths in found.items() if paths} == {}


@pytest.mark.parametrize(
    "path", ["docs/how-to/nothing.md", "conf/none.example.yaml", "presswatch_spark/none.py"]
)
def test_a_file_that_does_not_exist_is_noticed(path: str) -> None:
    assert missing(f"see `{path}`, docs/index.md and conf/scan.yaml.") == {path}
