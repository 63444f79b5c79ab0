"""Measure what answers cost: whole commands over many rows of `matches`, DuckDB alone, and another tree.

    python -m benchmarks.answers                                           5 and 10 million rows
    python -m benchmarks.answers --rows 200000 --export-rows 200000      a quick look
    python -m benchmarks.answers --base ../before                          beside another tree, set up

Each question is asked in turns, in a process of its own. Seconds by the clock, seconds of processors and peak
memory are medians. DuckDB alone reads the same files, and checks nothing of them. Data is made up, the same
every time, and not kept unless `--tables` names a folder: there it is made once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import publish
from benchmarks.claims.material import write_tables
from benchmarks.speed import articles
from benchmarks.speed.processes import apart
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.sorted_files import GROUP_ROWS, SortedFiles
from presswatch_spark.tables.store import RUNS_FOLDER, TableStore

TREE = Path(__file__).resolve().parents[1]
MADE_ROWS, SEED = 1_000_000, 20261127
ARTICLES = 20_000
MOST_MEGABYTES = 1500


@dataclass(frozen=True, slots=True)
class Question:
    """A command over the tables, the query that DuckDB alone gets, and the limit in seconds."""

    name: str
    command: tuple[str, ...]
    query: str
    seconds: float


def questions(article_id: str) -> list[Question]:
    """Return what is asked of 5 million rows."""
    letters = "select confidence, count(*) as rows, sum(copied_words) as words from matches group by 1"
    domains = "select document_domain, count(*) as rows from matches group by 1 order by 2 desc limit 10"
    one = f"select document_url, copied_words from matches where article_id = '{article_id}'"
    return [
        Question("select 1", ("sql", "select 1"), "select 1", seconds=1),
        Question("group by letter", ("sql", letters), letters, seconds=2),
        Question("group by domain", ("sql", domains), domains, seconds=2),
        Question("one article", ("sql", "--json", one), one, seconds=2),
        Question("matches --count", ("matches", "--count"), "select count(*) from matches", seconds=1),
    ]


def make(tables: Path, folder: Path, rows: int) -> None:
    """Publish runs of `MADE_ROWS` rows in `tables`: one is made up, the others repeat it."""
    corpus = apart(articles.build, folder / "press", ARTICLES)
    made = min(rows, MADE_ROWS)
    apart(write_tables, tables, corpus, made, 1, SEED)
    store = TableStore.open(str(tables))
    (row,) = store.rows("runs")
    (source,) = store.files("matches")
    for number in range(1, rows // made):
        run_id = f"20261127T{number:06}Z-again"
        beside = store.root / RUNS_FOLDER / run_id
        written = SortedFiles("matches", run_id, beside).write_all(_batches(source))
        store.publish_tables("runs", row | {"run_id": run_id}, beside, {"matches": [written]}, lambda: None)


def _batches(source: str) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(source) as file:
        for batch in file.iter_batches(GROUP_ROWS):
            yield batch.drop_columns(["run_id"])


# A process takes over the peak of memory of the one that began it, so a small one begins each.
APART = """
import json, os, sys, time
began = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, used = os.wait4(child, 0)
figures = {"seconds": time.perf_counter() - began, "processor": used.ru_utime + used.ru_stime}
print(json.dumps({**figures, "megabytes": used.ru_maxrss * 1024 / 1e6, "code": os.waitstatus_to_exitcode(status)}))
"""  # noqa: E501


def whole(command: Sequence[str]) -> dict[str, float]:
    """Run a command; its seconds by the clock and of processors, and the peak of its memory in MB."""
    apart_from_us = [sys.executable, "-S", "-c", APART, *command]
    done = subprocess.run(apart_from_us, capture_output=True, text=True, cwd=TREE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    if found.pop("code"):
        sys.exit(f"error: {' '.join(command)} failed: {done.stderr}")
    return found


def presswatch(tree: Path) -> list[str]:
    """Return the command line of a tree."""
    return [str(tree / ".venv" / "bin" / "presswatch")]


def alone(tables: Path, query: str, export: str = "") -> list[str]:
    """Return a command by which DuckDB answers over the files themselves; `export`: where rows go as JSON."""
    source = f"read_parquet('{tables}/matches/*.parquet')"
    asked = query.replace("from matches", f"from {source}")
    if export:
        asked = f"copy ({asked}) to '{export}' (format json)"
    return [sys.executable, "-c", f"import duckdb; duckdb.execute({asked!r}).fetchall()"]


def turns(subjects: dict[str, list[str]], rounds: int) -> dict[str, dict[str, float]]:
    """Run each subject once in every round; medians of each."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, command in subjects.items():
            found[name].append(whole(command))
    return medians(found)


def medians(found: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Return the median of each figure of each subject."""
    return {
        name: {what: round(statistics.median(one[what] for one in some), 2) for what in some[0]}
        for name, some in found.items()
    }


def asked(tables: Path, question: Question, trees: dict[str, Path], rounds: int) -> dict[str, Any]:
    """Ask one question of each tree that knows the command, and of DuckDB alone."""
    subjects = {
        name: [
            *presswatch(tree),
            question.command[0],
            *question.command[1:-1],
            str(tables),
            question.command[-1],
        ]
        for name, tree in trees.items()
        if knows(tree, question.command)
    }
    subjects["DuckDB alone"] = alone(tables, question.query)
    found = turns(subjects, rounds)
    return {"question": question.name, "limit_seconds": question.seconds, "found": found}


def knows(tree: Path, command: Sequence[str]) -> bool:
    """Whether a tree's command has the options that are asked for; an older one may not."""
    said = subprocess.run(
        [*presswatch(tree), command[0], "--help"], capture_output=True, text=True, cwd=TREE, check=True
    )
    return all(word in said.stdout for word in command[1:] if word.startswith("--"))


def exported(tables: Path, folder: Path, trees: dict[str, Path], rounds: int) -> dict[str, Any]:
    """Write all rows as JSONL by each tree and by DuckDB alone."""
    query, found = "select * from matches", dict[str, list[dict[str, float]]]()
    for number in range(rounds):
        for name in (*trees, "DuckDB alone"):
            out = folder / f"{number}-{len(found)}.jsonl"
            command = (
                [*presswatch(trees[name]), "sql", str(tables), query, "--export", str(out)]
                if name in trees
                else alone(tables, query, str(out))
            )
            found.setdefault(name, []).append(whole(command))
            out.unlink()
    return {
        "question": "export as JSONL",
        "limit_megabytes": MOST_MEGABYTES,
        "found": medians(found),
    }


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Return the figures as a table in Markdown."""
    yield "| question | rows | limit | by | seconds | of processors | peak MB |"
    yield "|---|---:|---:|---|---:|---:|---:|"
    for one in found["questions"]:
        limit = f"{one['limit_seconds']} s" if "limit_seconds" in one else f"{one['limit_megabytes']:,} MB"
        for name, figures in one["found"].items():
            yield (
                f"| {one['question']} | {one['rows']:,} | {limit} | {name} | {figures['seconds']:.2f}"
                f" | {figures['processor']:.2f} | {figures['megabytes']:,.0f} |"
            )


def main() -> None:
    """Make the data, ask in turns, and write the figures."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.answers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--export-rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--export-rounds", type=int, default=1, help="an export takes minutes")
    parser.add_argument("--base", type=Path, help="another tree to ask as well, set up")
    parser.add_argument("--tables", type=Path, help="keep the tables in this folder, made in it once")
    publish.add_options(parser, "answers.json")
    given = parser.parse_args()
    trees = {"this tree": TREE, **({"base": given.base.resolve()} if given.base else {})}
    found: dict[str, Any] = {"questions": []}
    with tempfile.TemporaryDirectory(prefix="presswatch-answers-") as temporary:
        folder = given.tables or Path(temporary)
        for rows in sorted({given.rows, given.export_rows}):
            tables = folder / f"{rows}" / "tables"
            if not tables.exists():
                tables.parent.mkdir(parents=True)
                make(tables, tables.parent, rows)
            if rows == given.rows:
                (article_id,) = _an_article(tables)
                for question in questions(article_id):
                    found["questions"].append({"rows": rows, **asked(tables, question, trees, given.rounds)})
            if rows == given.export_rows and given.export_rounds:
                one = exported(tables, folder, trees, given.export_rounds)
                found["questions"].append({"rows": rows, **one})
    publish.destination(given).write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print("\n".join(lines(found)))


def _an_article(tables: Path) -> list[str]:
    """Return the article of a row in the middle of the tables."""
    source = next(iter(TableStore.open(str(tables), StorageOptions()).files("matches")))
    ids = pq.read_table(source, columns=["article_id"])["article_id"]
    return [ids[len(ids) // 2].as_py()]


if __name__ == "__main__":
    main()
