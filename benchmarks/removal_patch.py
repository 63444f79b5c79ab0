"""Measure a patch of a shard of usual size: its bytes, the time to apply it, bytes to upload.

    python -m benchmarks.removal_patch                        WET of 64 MB, WARC of 0.9 GB, 20 targets in each
    python -m benchmarks.removal_patch --forms c4 oscar parquet    JSON Lines in gzip, in zstd, and Parquet
    python -m benchmarks.removal_patch --share 0.05                a quick look

Pages are made of real press articles, if `PRESSWATCH_REAL_DATA` names the folder with them, else of made-up
words. Figures of a release are those of a shard times its number of shards.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from presswatch_spark.legal.removal.patch import write_patch
from presswatch_spark.storage.objects import StorageOptions
from tests.world.patches import run_script, targets_of
from tests.world.release import new_case
from tests.world.warc import page, warc_record

SEED = 34
SHARDS = {"wet": 100_000, "warc": 100_000, "c4": 1_024, "oscar": 520, "parquet": 1_024}
RECORDS = {"wet": 21_000, "warc": 21_000, "c4": 350_000, "oscar": 100_000, "parquet": 350_000}
NAMES = {
    "wet": "CC-MAIN-00000.warc.wet.gz",
    "warc": "CC-MAIN-00000.warc.gz",
    "c4": "c4-train.00000-of-01024.json.gz",
    "oscar": "fr_meta_part_1.jsonl.zst",
    "parquet": "c4-train.00000-of-01024.parquet",
}


def texts(draw: random.Random) -> list[str]:
    """Return paragraphs of real articles, or of made-up words."""
    path = Path(os.environ.get("PRESSWATCH_REAL_DATA", "")) / "press" / "articles.jsonl"
    if path.is_file():
        rows = [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
        return [part for row in rows for part in row.split("\n") if len(part) > 80]
    words = ["".join(draw.choices("aeilnorstu", k=draw.randint(2, 9))) for _ in range(20_000)]
    return [" ".join(draw.choices(words, k=60)) for _ in range(5_000)]


def records(form: str, count: int) -> Iterator[bytes]:
    """Yield the records of a shard; a page has scripts and menus, which make most of its bytes."""
    draw = random.Random(SEED)
    paragraphs = texts(draw)
    for number in range(count):
        url = f"https://exemple.fr/{number}"
        about = f"WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-{number:012}>"
        chosen = draw.choices(paragraphs, k=draw.choice((2, 6, 12, 30)))
        if form == "wet":
            yield warc_record("\n".join(chosen).encode(), url, about, kind="conversion")
            continue
        noise = "".join(
            f'<li><a href="/{draw.randrange(10**9):x}">{draw.randrange(10**12)}</a>' for _ in range(1_500)
        )
        body = "".join(f"<p>{each}</p>" for each in chosen)
        html = f"<html><body><ul>{noise}</ul><script>/*{noise}*/</script>{body}</body></html>".encode()
        yield page(html, url=url).replace(b"WARC-Date", about.encode() + b"\r\nWARC-Date")
        yield warc_record(b'languages-cld2: {"languages": []}', url, kind="metadata")


def write(form: str, path: Path, count: int) -> None:
    """Write a shard: archives have a gzip member per record, C4 and OSCAR a stream for the whole file."""
    if form in ("wet", "warc"):
        with path.open("wb") as file:
            for record in records(form, count):
                file.write(gzip.compress(record, 6))
        return
    draw = random.Random(SEED)
    paragraphs = texts(draw)
    urls = (f"https://exemple.fr/{number}" for number in range(count))
    rows: Iterator[dict[str, object]]
    if form == "oscar":
        # Unlike gzip, zstd finds paragraphs that are repeated far away.
        words = " ".join(paragraphs).split()
        rows = (
            {
                "content": " ".join(draw.choices(words, k=draw.choice((300, 1_000, 2_000)))),
                "warc_headers": {"warc-target-uri": url, "warc-date": "2022-11-26T00:00:00Z"},
                "metadata": {"quality_warnings": None},
            }
            for url in urls
        )
    else:
        rows = (
            {
                "text": "\n".join(draw.choices(paragraphs, k=draw.choice((1, 3, 6, 12)))),
                "timestamp": "2019-04-25T12:57:54Z",
                "url": url,
            }
            for url in urls
        )
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=1_000, compression="zstd")
        return
    with zstandard.open(path, "wb") if form == "oscar" else gzip.open(path, "wb", 6) as stream:
        for row in rows:
            stream.write(json.dumps(row).encode() + b"\n")


def measure(form: str, folder: Path, share: float, targets: int) -> dict[str, object]:
    """Write a shard and its patch; return the figures of both."""
    path, count = folder / NAMES[form], int(RECORDS[form] * share)
    write(form, path, count)
    numbers = set(random.Random(SEED).sample(range(count), targets))
    case = new_case(str(folder / form), targets_of(path, form, numbers), {"reading": {}})
    began = time.monotonic()
    written = write_patch(case, str(folder / f"{form}-patch"), (), StorageOptions())
    made = time.monotonic() - began
    began = time.monotonic()
    assert run_script(folder / f"{form}-patch", path).returncode == 0
    applied = time.monotonic() - began
    sizes = {
        each.name: each.stat().st_size for each in (folder / f"{form}-patch").rglob("*") if each.is_file()
    }
    patch = sum(size for name, size in sizes.items() if name not in ("apply.py", "proof.json"))
    uploaded = written.totals["bytes_uploaded"]
    return {
        "form": form, "bytes": path.stat().st_size, "targets": written.totals["records"],
        "bytes_replaced": written.totals["bytes_replaced"], "patch_bytes": patch,
        "seconds_made": round(made, 1), "seconds_applied": round(applied, 2), "bytes_uploaded": uploaded,
        "release_patch_gb": round(patch * SHARDS[form] / 1e9, 2),
        "release_hours": round(applied * SHARDS[form] / 3_600, 1),
        "release_uploaded_tb": round(uploaded * SHARDS[form] / 1e12, 2),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }  # fmt: skip


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=1.0, help="share of the usual number of records")
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--forms", nargs="+", default=["wet", "warc"], choices=RECORDS)
    chosen = parser.parse_args()
    for form in chosen.forms:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(form, Path(folder), chosen.share, chosen.targets)), flush=True)


if __name__ == "__main__":
    main()
