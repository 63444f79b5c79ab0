"""Tables with rows of several datasets, and invented publishers of models that speak of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.world.tables import match, publish

RUN, OTHER = "20260601T000000Z-aaaaaa", "20260602T000000Z-bbbbbb"
HUB = "HuggingFaceFW/fineweb-2"
_SOURCE = """\
    sources:
      - title: A model card
        at: Data
        identifier: https://bird.example/card
        quotation: {quotation}
        checked: 2026-11-27
        seen: https://bird.example/card
"""


def _entry(name: str, model: str, dataset: str, rest: str, says: str, quotation: str) -> str:
    head = f"  - id: {name}\n    model: {model}\n    publisher: Bird Lab\n    dataset: {dataset}\n{rest}"
    return f"{head}    says: {says}\n{_SOURCE.format(quotation=quotation)}"


ENTRIES = "exposures:\n" + "".join(
    (
        _entry("parrot-crawls", "Parrot", "common-crawl",
               "    extent: part\n    since: 2018-01-01\n    until: 2020-12-31\n", "Crawls.", "filtered"),
        _entry("jay-crawl", "Jay", "common-crawl", "    extent: whole\n    releases: [CC-MAIN-2024-22]\n",
               "One crawl.", "trained on the crawl of May 2024"),
        _entry("magpie-cleaned", "Magpie", "common-crawl", "    extent: derived\n    through: Cleaned\n",
               "Cleaned crawls.", "trained on Cleaned"),
        _entry("linnet-french", "Linnet", "common-crawl",
               "    extent: part\n    languages: [fr]\n    until: 2020-12-31\n", "French.", "French crawls"),
        _entry("finch-c4", "Finch", "c4", "    extent: whole\n", "C4.", "trained on C4"),
        _entry("wren-fineweb-2", "Wren", "fineweb-2", "    extent: whole\n", "FineWeb.", "on FineWeb2"),
        _entry("tit-oscar", "Tit", "oscar-2109", "    extent: whole\n", "OSCAR.", "trained on OSCAR 21.09"),
    )
)  # fmt: skip


def _row(
    number: int, article_id: str | None, dataset: str, release: str | None, **facts: Any
) -> dict[str, Any]:
    standard: dict[str, Any] = {
        "confidence": "B",
        "shard_uri": f"s3://mirror/{dataset}/part-0",
        "languages": [],
    }
    url = f"https://site.example/{number}"
    own = {"dataset": dataset, "release": release, "row_sha256": f"{number}", "text_sha256": f"t{number}"}
    return match(article_id, url, **(own | standard | facts))


def tables_with_datasets(folder: Path, runs: Sequence[str] = (RUN, OTHER)) -> None:
    """Publish two runs with rows of crawls, C4, FineWeb and OSCAR about articles `a` to `d`."""
    hub = f"hf://datasets/{HUB}@0123abc/data/fra_Latn/train/000_00000.parquet"
    rows = {
        RUN: [
            _row(1, "a", "wet", "CC-MAIN-2018-05", languages=["fra", "eng"], confidence="A", copied_words=90),
            _row(2, "a", "warc", "CC-MAIN-2018-05", languages=["fra"], own_site=True),
            _row(3, "b", "wet", "CC-MAIN-2018-05"),
            _row(4, "a", "wet", "CC-MAIN-2024-22", languages=["fra"]),
            _row(5, "c", "c4", "c4-en"),
            _row(6, "a", "rows", "CC-MAIN-2024-22", shard_uri=hub),
            _row(7, "d", "wet", "CC-MAIN-2018-05", languages=["fra"], confidence="D"),
            _row(8, None, "wet", "CC-MAIN-2018-05", languages=["fra"], grade="url_only"),
            _row(9, "c", "rows", "CC-MAIN-2018-05"),
        ],
        OTHER: [_row(10, "b", "oscar", None)],
    }
    folder.mkdir(exist_ok=True)
    for run_id in (RUN, OTHER):
        publish(folder, run_id, rows[run_id] if run_id in runs else [])
