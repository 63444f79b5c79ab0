"""Every file of the WARC edge cases gives just what `tests/README.md` says: its table is what is compared."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.world.scanned import scan_one
from tests.world.shards import read

README = Path(__file__).parents[2] / "README.md"
NOTHING = "–"


@dataclass(frozen=True)
class Expected:
    status: str
    documents: int
    skipped: Mapping[str, int]
    reason: str | None


def expectations() -> dict[str, Expected]:
    rows = {}
    for line in README.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| `"):
            continue
        name, status, documents, skipped, reason, _ = cells
        counts = [count.rpartition(" ") for count in skipped.split(", ") if skipped != NOTHING]
        rows[name.strip("`")] = Expected(
            status,
            int(documents),
            {why: int(n) for why, _, n in counts},
            None if reason == NOTHING else reason,
        )
    return rows


EXPECTED = expectations()


@pytest.mark.real_data
def test_the_table_names_every_file_and_pages_say_what_they_said(real_data: Path) -> None:
    folder = real_data / "warc_edge_cases"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert set(EXPECTED) == found
    seen = dict.fromkeys(SAID, 0)
    for name in [name for name, expected in EXPECTED.items() if expected.documents]:
        for document in read(real_data / "warc_edge_cases" / name)[0]:
            host = document.url.split("/")[2].partition("?")[0] if "//" in document.url else ""
            if host in SAID and document.locator.http_status == 200:
                assert SAID[host] in " ".join(document.text.decode().split()), (name, document.url)
                seen[host] += 1
    assert seen == {"example.com": 20, "www.iana.org": 17}


@pytest.mark.real_data
@pytest.mark.parametrize("format", ["auto", "warc"])
@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_gives_what_the_table_says(real_data: Path, corpus: Path, name: str, format: str) -> None:
    path, expected = real_data / "warc_edge_cases" / name, EXPECTED[name]
    log = scan_one(path, corpus, format).log
    skipped = {row["why"]: row["documents"] for row in log["skipped"]}
    assert (log["status"], log["documents"], skipped) == (
        expected.status,
        expected.documents,
        expected.skipped,
    )
    error = log["error"]
    if expected.status == "failed" and error != expected.reason:
        # A format that is named is believed, until nothing can be read as it.
        named = "" if format == "auto" else "|not WARC"
        assert re.search(rf"\bis ({expected.reason}{named})\b", str(error))
    else:
        assert error == expected.reason
        assert log["bytes_read"] == path.stat().st_size
    assert log["matches"] == 0


SAID = {
    "example.com": "This domain is established to be used for illustrative examples in documents.",
    "www.iana.org": "globally unique identifiers",
}
