"""Compare the speed of the scan of two trees of this code, in turns; print a table in Markdown.

    git worktree add ../before COMMIT && (cd ../before && make setup)
    python -m benchmarks.speed.trees --base ../before
    python -m benchmarks.speed.trees --base ../before --corpus CORPUS wet:SHARD warc:SHARD …
    python -m benchmarks.speed.trees --base ../before --corpus CORPUS --base-corpus OLDER wet:SHARD …
    python -m benchmarks.speed.trees --base . --shard-digest

Each tree scans in a process of its own, with the Python of its `.venv`, one shard after the other. A ratio is
the base's processor time by this tree's: above 1, this tree is faster. Without shards, made-up ones are
scanned, with an article on one page in a hundred. With `--shard-digest`, this tree alone takes the SHA-256
of shards. If the base reads another corpus format than this tree, build a corpus of the same articles with
each, and name the base's with `--base-corpus`.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.speed.material import Material, Sizes

ROOT = Path(__file__).resolve().parents[2]
SERVER = Path(__file__).with_name("scan_server.py")


class Tree:
    """A tree of this code, with a process that scans."""

    def __init__(self, root: Path, corpus: Path, options: Sequence[str] = ()) -> None:
        command = [str(root / ".venv" / "bin" / "python"), "-P", str(SERVER), str(corpus), *options]
        self._process = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def scan(self, format_name: str, path: Path) -> tuple[float, int, int]:
        """Scan a shard, and return the processor seconds, the documents and the matches."""
        assert self._process.stdin
        self._process.stdin.write(f"{format_name} {path}\n")
        self._process.stdin.flush()
        seconds, documents, matches = json.loads(self._answer())
        return seconds, documents, matches

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> str:
        assert self._process.stdout
        if not (line := self._process.stdout.readline()):
            raise SystemExit(f"a scan failed: {self._process.wait()}")
        return line


@dataclass(slots=True)
class Compared:
    """What both trees took for a shard: processor seconds of each round, the base's and this tree's."""

    documents: int
    matches: int
    base: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """Return the line of the table for the shard."""
        ratios = [base / ours for base, ours in zip(self.base, self.ours, strict=True)]
        low, _, high = statistics.quantiles(ratios, n=4)
        cells = (
            name, f"{self.documents:,}", f"{self.matches:,}", f"{statistics.median(ratios):.3f}",
            f"{low:.3f} to {high:.3f}", f"{min(self.base) / min(self.ours):.3f}",
            f"{min(self.base):.2f}", f"{min(self.ours):.2f}",
        )  # fmt: skip
        return f"| {' | '.join(cells)} |"


HEAD = """\
| shard | documents | matches | ratio, median | quartiles | of the minima | seconds, base | this tree |
| --- | --: | --: | --: | --: | --: | --: | --: |"""


def compared(base: Tree, ours: Tree, format_name: str, path: Path, rounds: int) -> Compared:
    """Let both trees scan a shard in turns, after one scan each that is not counted."""
    base.scan(format_name, path)
    result = Compared(*ours.scan(format_name, path)[1:])
    for number in range(rounds):
        turns = [(base, result.base), (ours, result.ours)]
        for tree, seconds in turns if number % 2 == 0 else reversed(turns):
            seconds.append(tree.scan(format_name, path)[0])
    return result


def main() -> None:
    """Compare the trees on each shard, and print the table."""
    asked = _arguments()
    options = ["--shard-digest"] if asked.shard_digest else []
    with tempfile.TemporaryDirectory(prefix="presswatch-speed-") as folder:
        corpus, shards = asked.corpus, [_shard(text) for text in asked.shards]
        if not shards:
            material = Material(Path(folder), Sizes(megabytes=asked.megabytes, shards=1))
            corpus, shards = material.padded(material.middle), made_up(material)
        base = Tree(asked.base, asked.base_corpus or corpus)
        ours = Tree(ROOT, corpus, options)
        print(HEAD, flush=True)
        for format_name, path in shards:
            figures = compared(base, ours, format_name, path, asked.rounds)
            print(figures.line(f"{format_name}, {path.name}"), flush=True)
        base.end()
        ours.end()


def made_up(material: Material) -> list[tuple[str, Path]]:
    """Return a shard of each kind, with its format."""
    kinds = {"wet": material.wet, "warc": material.warc}
    shards = [(name, paths[0]) for name, paths in kinds.items()]
    return [*shards, ("c4", material.c4_json[0]), ("c4", material.c4_parquet[0])]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.speed.trees",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shards", nargs="*", metavar="FORMAT:PATH", help="shards; default: made-up ones")
    parser.add_argument("--base", type=Path, required=True, help="the tree to compare with, set up")
    parser.add_argument("--corpus", type=Path, help="the corpus that the shards are scanned for")
    parser.add_argument("--base-corpus", type=Path, help="the same for the base; default: the same corpus")
    parser.add_argument("--rounds", type=int, default=8, help="scans of each shard by each tree")
    parser.add_argument("--megabytes", type=int, default=80, help="text in each made-up shard")
    parser.add_argument("--shard-digest", action="store_true", help="this tree takes SHA-256 of shards")
    asked = parser.parse_args()
    if (asked.shards or asked.base_corpus) and not asked.corpus:
        parser.error("shards and --base-corpus need --corpus")
    asked.base = asked.base.resolve()
    asked.corpus = asked.corpus and asked.corpus.resolve()
    asked.base_corpus = asked.base_corpus and asked.base_corpus.resolve()
    return asked


def _shard(text: str) -> tuple[str, Path]:
    format_name, _, path = text.partition(":")
    return format_name, Path(path).resolve()


if __name__ == "__main__":
    main()
