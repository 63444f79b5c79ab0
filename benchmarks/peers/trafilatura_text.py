"""trafilatura's default extraction of HTML files; paths on stdin, JSON on stdout. Runs in `.venv-peers`."""

from __future__ import annotations

import gzip
import importlib.metadata
import json
import sys
import time
from pathlib import Path

from trafilatura import extract


def main() -> None:
    """Extract every file, some rounds each."""
    texts, milliseconds = {}, {}
    for path in map(Path, sys.stdin.read().split("\n")):
        html = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        took = []
        for _ in range(int(sys.argv[1])):
            began = time.perf_counter()
            texts[path.name] = extract(html) or ""
            took.append(time.perf_counter() - began)
        milliseconds[path.name] = min(took) * 1e3
    version = importlib.metadata.version("trafilatura")
    print(json.dumps({"version": version, "texts": texts, "milliseconds": milliseconds}))


if __name__ == "__main__":
    main()
