"""Reports in this process: a house whose texts are hostile, and what a page shows beside each query."""

import html
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.translation import LANGUAGES
from presswatch_spark.legal.report import figures
from presswatch_spark.legal.report.make import ReportOrder, make_report
from presswatch_spark.storage.objects import StorageOptions
from tests.world.claims import House, Seen, text
from tests.world.reviews import ARABIC, HOSTILE

PUNYCODE = "xn--bcher-kva.example"


def hostile_house(folder: Path) -> House:
    """Two runs over pages whose texts, headlines and addresses are hostile; claims lie beside the rows."""
    house = House(folder)
    texts = [text(number) for number in range(4)]
    for number, body in enumerate(texts):
        house.print(number, body, headline=f"Titre {number} {HOSTILE}")
    pages = [
        Seen(f"https://whole.example/{HOSTILE}", f"{HOSTILE} {texts[0]} {ARABIC}"),
        Seen(f"https://{PUNYCODE}/a", f"{ARABIC}\n\n\n{texts[1]} </script><script>alert(2)</script>"),
        Seen("https://third.example/a", f"{text(70, 200)} {' '.join(texts[2].split()[:200])}"),
        *(
            Seen(f"https://few{i}.example/", f"{HOSTILE} {' '.join(texts[3].split()[i : i + 25])}")
            for i in range(3)
        ),
    ]
    house.scan(*pages)
    house.scan(*pages[:2], Seen("https://new.example/a", texts[3]))
    house.claims("tables")
    return house


def house_like(house: House, folder: Path) -> House:
    """A copy of a house to be changed. Its rows name the shards of the other one, which must stay."""
    shutil.copytree(house.folder, folder)
    return House(folder, list(house.articles), house.runs)


@contextmanager
def undrawn() -> Iterator[None]:
    """Make pages whose pictures show nothing: to draw them is two thirds of the work of a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "pictures", lambda *given: ("<svg></svg>", "<svg></svg>"))
        yield


def page_of_tables(
    tables: Path,
    corpus: Path | None,
    out: Path,
    language: str = "en",
    **more: Any,
) -> str:
    """Make the page of tables and return it; arguments are those of `pages_of_tables`."""
    return _pages(tables, corpus, {language: out}, **more)[language]


def pages_of_tables(tables: Path, corpus: Path | None, folder: Path, **more: Any) -> dict[str, str]:
    """Make the pages of tables in both languages, and return them by language.

    Their pictures are empty unless `drawn`; other arguments go to `ReportOrder`. The tables are asked once:
    that is most of the work of a page.
    """
    return _pages(tables, corpus, {language: folder / f"{language}.html" for language in LANGUAGES}, **more)


def _pages(
    tables: Path, corpus: Path | None, files: Mapping[str, Path], *, drawn: bool = False, **more: Any
) -> dict[str, str]:
    given: dict[str, Any] = {"corpus": str(corpus) if corpus else None, "engine": "duckdb"} | more
    with nullcontext() if drawn else undrawn():
        places = {language: str(file) for language, file in files.items()}
        make_report(ReportOrder(str(tables), StorageOptions(), **given), places)
    return {language: file.read_text("utf-8") for language, file in files.items()}


@dataclass
class Part:
    """What stands in the page between one query and the one before: texts by element, and the query."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    query: str = ""


class Page(HTMLParser):
    """A page read as a browser reads it: its elements, and its parts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.parts: list[Part] = [Part()]
        self.scripts: list[str] = []
        self.within: list[tuple[str, str]] = []
        self.feed(page)
        self.data = json.loads(self.scripts[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.elements.append((tag, values))
        if tag not in ("meta", "br", "input"):
            self.within.append((tag, values.get("class", "")))
            self.parts[-1].texts.setdefault(tag, []).append("")
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        at, named = self.within.pop()
        assert at == tag, (at, tag, self.getpos())
        if named == "sql":
            self.parts.append(Part())

    def handle_data(self, data: str) -> None:
        if self.within and self.within[-1][0] == "script":
            self.scripts[-1] += data
        if ("pre", "sql") in self.within:
            self.parts[-1].query += data
        for tag in dict.fromkeys(tag for tag, _ in self.within):
            self.parts[-1].texts[tag] = self.parts[-1].texts.get(tag) or [""]
            self.parts[-1].texts[tag][-1] += data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [values for name, values in self.elements if name == tag]


def figures_in(texts: list[str]) -> list[int]:
    """The whole numbers that texts are, whatever stands between their thousands."""
    plain = (re.sub(r"[\s,]", "", html.unescape(each)) for each in texts)
    return [int(each) for each in plain if each.isdecimal()]
