"""Every file of the WARC edge cases gives just what `tests/README.md` says: its table is what is compared."""

import re
from pathlib import Path

import pytest

from tests.world.proofs import cases
from tests.world.scanned import scan_one
from tests.world.shards import read

README = Path(__file__).parents[2] / "README.md"
NOTHING = "–"


def expectations() -> dict[str, tuple[str, int, dict[str, int], str | None]]:
    """Of each file: its status, its documents, how many were skipped and why, and the reason of a failure."""
    rows = {}
    for line in README.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            name, status, documents, skipped, reason, _ = (
                cell.strip() for cell in line.strip("|").split(" | ")
            )
            counts = [count.rpartition(" ") for count in skipped.split(", ") if skipped != NOTHING]
            whys = {why: int(number) for why, _, number in counts}
            rows[name.strip("`")] = status, int(documents), whys, None if reason == NOTHING else reason
    return rows


EXPECTED = expectations()
SAID = {
    "example.com": "This domain is established to be used for illustrative examples in documents.",
    "www.iana.org": "globally unique identifiers",
}


@pytest.mark.real_data
def test_the_table_names_every_file_and_pages_say_what_they_said(real_data: Path) -> None:
    folder = real_data / "warc_edge_cases"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert set(EXPECTED) == found
    seen = dict.fromkeys(SAID, 0)
    for name in [name for name, (_, documents, *_) in EXPECTED.items() if documents]:
        for document in read(folder / name)[0]:
            host = document.url.split("/")[2].partition("?")[0] if "//" in document.url else ""
            if host in SAID and document.locator.http_status == 200:
                assert SAID[host] in " ".join(document.text.decode().split()), (name, document.url)
                seen[host] += 1
    assert seen == {"example.com": 20, "www.iana.org": 17}


@pytest.mark.real_data
@cases("name", EXPECTED)
def test_a_file_gives_what_the_table_says(real_data: Path, corpus: Path, name: str) -> None:
    path, (status, documents, whys, reason) = real_data / "warc_edge_cases" / name, EXPECTED[name]
    for format in ("auto", "warc"):
        log = scan_one(path, corpus, format).log
        skipped = {row["why"]: row["documents"] for row in log["skipped"]}
        assert (log["status"], log["documents"], skipped) == (status, documents, whys), format
        error = log["error"]
        if status == "failed" and error != reason:
            # A format that is named is believed, until nothing can be read as it.
            named = "" if format == "auto" else "|not WARC"
            assert re.search(rf"\bis ({reason}{named})\b", str(error))
        else:
            assert error == reason
            assert log["bytes_read"] == path.stat().st_size
        assert log["matches"] == 0
