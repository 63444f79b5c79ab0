"""What decides the cost of web pages: the figures that the made-up ones are fitted by."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.speed.shards import CRAWL_SENTENCES, pages
from benchmarks.speed.webpages import response
from presswatch_spark.reading.html.reader import text_of_page


def describe(bodies: Sequence[bytes]) -> dict[str, float]:
    """What decides the cost of pages: sizes, shares of their bytes, and how far gzip packs them."""
    whole = b"".join(bodies)
    scripts = re.compile(rb"<script.*?</script>|<style.*?</style>", re.DOTALL)
    without = scripts.sub(b"", whole)
    text = sum(len(text_of_page(body)) for body in bodies)
    packed = sum(len(gzip.compress(body, 6)) for body in bodies)
    tags = re.findall(rb"<[a-zA-Z][^>]*>", without)
    return {
        "kilobytes_a_page": round(len(whole) / len(bodies) / 1e3, 1),
        "share_of_text": round(text / len(whole), 3),
        "gzip_ratio": round(len(whole) / packed, 2),
        "tags_a_kilobyte": round(len(re.findall(rb"<[a-zA-Z/]", whole)) / len(whole) * 1e3, 1),
        "share_in_scripts": round(1 - len(without) / len(whole), 3),
        "share_in_tags": round(sum(map(len, tags)) / len(whole), 3),
        "references_a_kilobyte": round(len(re.findall(rb"&[#a-zA-Z]", whole)) / len(whole) * 1e3, 1),
        "share_beyond_ascii": round(sum(byte > 127 for byte in whole) / len(whole), 4),
    }


def real_pages() -> list[bytes]:
    """Real pages, where the folder of real data is at hand."""
    named = os.environ.get("PRESSWATCH_REAL_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(named) / "html"
    plain = [path.read_bytes() for path in sorted(folder.glob("*/html/*.html"))]
    return plain + [gzip.decompress(path.read_bytes()) for path in sorted(folder.glob("*.html.gz"))]


if __name__ == "__main__":
    print("made up", describe([response(page, 0).body for page in pages(0, 1_000_000, CRAWL_SENTENCES)]))
    if found := real_pages():
        print("press  ", describe(found))
