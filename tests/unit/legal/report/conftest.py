"""What tests of reports share: a house with claims, and its pages."""

from pathlib import Path

import pytest

from tests.world.claims import House
from tests.world.reports import hostile_house, pages_of_tables


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return hostile_house(tmp_path_factory.mktemp("reported") / "house")


@pytest.fixture(scope="session")
def pages(house: House, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return pages_of_tables(house.tables, house.corpus, tmp_path_factory.mktemp("pages"), drawn=True)


@pytest.fixture(scope="session")
def page_files(pages: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same as files, for a browser."""
    folder = tmp_path_factory.mktemp("files")
    files = {language: folder / f"{language}.html" for language in pages}
    for language, file in files.items():
        file.write_text(pages[language], "utf-8")
    return files
