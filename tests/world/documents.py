"""The README and the pages of docs/: the code in them, and where their links lead."""

import re
import runpy
import shlex
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.pofile import read_po

from presswatch_spark.core.translation import LOCALE
from tests.conftest import ROOT

DOCS = ROOT / "docs"
README = ROOT / "README.md"
PROGRAM = ".venv/bin/presswatch"


def text_of(name: str) -> str:
    """Text of a page, by its path below docs/ without suffix."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


@cache
def site() -> dict[str, Any]:
    """The names of `docs/conf.py`, by which `make docs` builds the site."""
    return runpy.run_path(str(DOCS / "conf.py"))


def built(name: str) -> str:
    """Text of a page, with the tables that `make docs` puts in."""
    page = [text_of(name)]
    site()["fill_in"](None, name, page)
    return page[0]


def family(name: str) -> str:
    """Text of a page of the reference and of those that continue it, as `make docs` builds them."""
    return "\n".join(built(f"reference/{path.stem}") for path in sorted(DOCS.glob(f"reference/{name}*.md")))


def pages() -> list[Path]:
    return [README, *sorted(DOCS.rglob("*.md"))]


def fences(text: str) -> Iterator[tuple[str, str]]:
    """Yield language and content of each block of code, in order; those in lists without their indent."""
    pattern = r"^( *)```([^\n`]*)\n(.*?)^\1```$"
    for _, language, content in re.findall(pattern, text, re.MULTILINE | re.DOTALL):
        yield language.strip(), textwrap.dedent(content)


def blocks(text: str, language: str) -> list[str]:
    return [content for found, content in fences(text) if found == language]


def commands(text: str) -> list[list[str]]:
    """Every command of the blocks of `sh`, in order, split into words as a shell does."""
    return [words for block in blocks(text, "sh") for words in commands_of(block)]


def commands_of(block: str) -> Iterator[list[str]]:
    """Yield the commands of one block; a quoted argument may go on over lines."""
    begun = ""
    for line in block.replace("\\\n", " ").splitlines():
        begun += f"{line}\n"
        try:
            words = shlex.split(begun, comments=True)
        except ValueError:
            continue
        begun = ""
        if words:
            yield words
    assert not begun, begun


def links(text: str) -> list[str]:
    """Where links lead that are no web addresses, without their anchors."""
    return re.findall(r"\]\((?!http|#)([^)#]+)", text)


def holds_in_order(shown: str, printed: str) -> bool:
    """Whether the lines of a page's block stand in what was printed, in order; `…` stands for anything."""
    pattern = ".*".join(re.escape(part.strip("\n")) for part in shown.split("…"))
    return re.search(pattern, printed, re.DOTALL) is not None


def french_words(context: str) -> set[str]:
    """The words of a context, such as `column`, in the list of French names that people keep."""
    with (LOCALE / "fr.names.po").open("rb") as file:
        return {str(each.id) for each in read_po(file, "fr") if each.context == context}
