"""A whole release, a sample of it, and the one whose lengths are off by 2: what the tables report of them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.spark.press import Press, Scanner
from tests.world.warc import packed_as, record

AFFECTED = "CC-MAIN-2018-34"
PAGES = 6


def shard(folder: Path, press: Press, off: int, release: str = AFFECTED) -> Path:
    """A shard of articles of `release` whose records declare `off` bytes more than they have."""
    info = f"isPartOf: {release}\r\n".encode()
    records = [record(info, length=len(info) + off).replace(b"conversion", b"warcinfo")]
    lines = press.articles.read_text(encoding="utf-8").splitlines()[:PAGES]
    bodies = (json.loads(line)["body"].encode() for line in lines)
    records += [record(body, length=len(body) + off) for body in bodies]
    path = folder / f"{release}{off:+}.warc.wet.gz"
    path.write_bytes(packed_as("record", records))
    return path


def found(matches: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("article_id", "grade", "longest_run_words", "text_sha256", "release")
    return sorted(tuple(row[name] for name in names) for row in matches)


@pytest.mark.parametrize("off", [-2, 2])
def test_the_release_with_wrong_lengths_is_complete_and_named_once(
    scan: Scanner, press: Press, off: int
) -> None:
    right = scan(shard(scan.folder, press, 0), out="right")
    wrong = scan(shard(scan.folder, press, off))
    (line,) = wrong.rows("scan_log")
    assert (line["status"], line["error"], line["documents"]) == ("complete", None, PAGES)
    assert (wrong.summary.incomplete, right.summary.notes) == ((), ())
    assert wrong.summary.notes == (f"{line['note']} ({line['shard_uri']})",)
    assert AFFECTED in line["note"]
    assert found(wrong.rows()) == found(right.rows())
    assert len({row["article_id"] for row in wrong.rows()}) >= PAGES


def test_a_cut_shard_of_that_release_and_a_lie_of_another_are_partial(scan: Scanner, press: Press) -> None:
    cut, other = shard(scan.folder, press, -2), shard(scan.folder, press, -2, "CC-MAIN-2018-39")
    cut.write_bytes(cut.read_bytes()[:-20])
    done = scan(cut, other)
    assert len(done.summary.incomplete) == 2
    by_release = {line["release"]: line for line in done.rows("scan_log")}
    assert {line["status"] for line in by_release.values()} == {"partial"}
    assert by_release[AFFECTED]["note"] is not None
    assert "declares" not in by_release[AFFECTED]["error"]
    assert by_release["CC-MAIN-2018-39"]["note"] is None
    assert "declares" in by_release["CC-MAIN-2018-39"]["error"]


def test_a_sample_is_recorded_as_one(scan: Scanner, press: Press) -> None:
    keys = sorted(path.name for path in press.shards.iterdir())
    listing = press.shards.parent / "wet.paths.gz"
    listing.write_bytes(gzip.compress("".join(f"{press.shards.name}/{key}\n" for key in keys).encode()))
    done = scan(listing, sample=0.25)
    assert done.row["shards_planned"] == len(done.rows("scan_log")) == len(keys) // 4
    (row,) = done.rows("runs")
    assert (row["sample"], row["sample_seed"], row["shards_listed"]) == (0.25, 0, len(keys))
    assert json.loads(row["sample_strata"]) == {press.shards.name: len(keys)}
    (labels,) = (line["labels"] for line in done.rows("metrics") if line["name"] == "presswatch_run_info")
    assert labels.endswith('sample="0.25"'), "no number beside it is taken for one of the whole"
    whole = scan(listing, out="whole", sample=1.0)
    assert (whole.row["sample"], whole.row["sample_strata"]) == (None, None)
    assert whole.row["shards_planned"] == len(whole.rows("scan_log")) == len(keys)
