"""Results of benchmarks: tracked files and pages change only with `--update`, and pages show the results."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest

from benchmarks import publish


def test_the_pages_show_the_tracked_results(tmp_path: Path) -> None:
    for page in {section.page for section in publish.sections()}:
        shutil.copy(publish.DOCS / page, tmp_path / page)
    publish.write_pages(tmp_path)
    for page in tmp_path.iterdir():
        assert page.read_text("utf-8") == (publish.DOCS / page.name).read_text("utf-8"), page.name


@pytest.mark.parametrize(
    ("options", "file"),
    [
        ([], publish.ROOT / "bench" / "speed.json"),
        (["--update"], publish.RESULTS / "speed.json"),
    ],
)
def test_a_tracked_result_is_written_only_with_update(options: list[str], file: Path) -> None:
    parser = argparse.ArgumentParser()
    publish.add_options(parser, "speed.json")
    assert publish.destination(parser.parse_args(options)) == file


def test_a_section_is_replaced_and_the_rest_of_its_page_kept(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n<!-- speed: begin -->\nold\n<!-- speed: end -->\n\nkept\n", "utf-8")
    publish.write_section(page, "speed", "new\n\n")
    assert page.read_text("utf-8") == "# Page\n\n<!-- speed: begin -->\nnew\n<!-- speed: end -->\n\nkept\n"
    with pytest.raises(ValueError, match="no marks of the section quality"):
        publish.write_section(page, "quality", "lost")
