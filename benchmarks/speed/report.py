"""A result as Markdown; `benchmarks.publish` puts it into docs/explanation/speed.md."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

Figures = dict[str, Any]


def markdown(result: Figures) -> str:
    """All parts of a result that were measured, each as a sentence or two and a table."""
    machine = result["machine"]
    head = paragraph(f"""
      {machine["processor"]}, {machine["cores"]} cores, {machine["memory_gigabytes"]} GB;
      {machine["system"]}. {joined(result["versions"])}.""")
    parts = [(name, write, result["parts"].get(name)) for name, write in SECTIONS.items()]
    sections = [f"### {TITLES[name]}\n\n{write(part)}" for name, write, part in parts if part]
    return "\n\n".join([head, *sections])


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first to the right."""
    lines = [f"| {' | '.join(map(_shown, line))} |" for line in (head, *rows)]
    return "\n".join([lines[0], f"|---{'|--:' * (len(head) - 1)}|", *lines[1:]])


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def paragraph(text: str) -> str:
    """Return a paragraph, in lines that fit a page."""
    return textwrap.fill(" ".join(text.split()), 118, break_long_words=False, break_on_hyphens=False)


def joined(versions: dict[str, str] | str) -> str:
    """Names with versions in one line."""
    if isinstance(versions, str):
        return versions
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def when(part: Figures) -> str:
    """When a part was measured, and at which commit."""
    return f"({part['measured']['at'][:10]}, commit {part['measured']['commit']})"


def _ways(ways: Figures) -> list[tuple[object, ...]]:
    return [(name, way["mb_per_second"], f"{way['ratio']:.2f}") for name, way in ways.items()]


def _wet(part: Figures) -> str:
    sizes = ", ".join(f"{size:,} MB for {name} shingles" for name, size in part["index_megabytes"].items())
    missing = ", ".join(part["index_sizes_left_out"])
    text = paragraph(f"""
      {part["shards"]} WET shards contain {part["text_megabytes"]:,} MB of text, {part["stored_megabytes"]:,}
      MB stored {when(part)}. With `gate`, 5 % of the pages pass as French. The index has {sizes}.
      {f"Left out for lack of memory: {missing} shingles." if missing else ""}""")
    shown = {name: way for name, way in part["ways"].items() if not re.match("read [+] sieve.*gate", name)}
    return f"{text}\n\n{table(('method', 'MB/s per core', 'FastWARC = 1'), _ways(shown))}"


def _c4(part: Figures) -> str:
    sections = []
    for name, title in (("parquet", "Parquet"), ("jsonl", "JSONL.gz")):
        form = part[name]
        text = paragraph(f"""
      {title} files contain {form["text_megabytes"]:,} MB of text, {form["stored_megabytes"]:,} MB stored
      {when(part)}; the index has 10^6 shingles.""")
        head = ("method", "MB/s per core", f"{form['base']} = 1")
        sections.append(f"{text}\n\n{table(head, _ways(form['ways']))}")
    return "\n\n".join(sections)


def _warc(part: Figures) -> str:
    text = paragraph(f"""
      {part["shards"]} WARC shards contain {part["page_megabytes"]:,} MB of pages (bodies as stored), of
      which {part["text_megabytes"]:,} MB are visible, {part["stored_megabytes"]:,} MB stored {when(part)};
      the index has 10^6 shingles. An MB is 10^6 bytes of pages. The last two lines combine text extracted
      by resiliparse with our sieve; they read with FastWARC, or with warcio as in cc-pyspark.""")
    return f"{text}\n\n{table(('method', 'MB/s per core', 'bodies read = 1'), _ways(part['ways']))}"


def _signatures(part: Figures) -> str:
    text = paragraph(f"""
      {part["text_megabytes"]} MB in {part["documents"]:,} pages are in memory {when(part)}; rates include
      splitting into words and shingles. Peers: {joined(part["peers"])}.""")
    return f"{text}\n\n{table(('method', 'MB/s per core'), part['mb_per_second'].items())}"


def _verify(part: Figures) -> str:
    kinds = part["kinds"]
    text = paragraph(f"""
      Microseconds per pair, for {part["pairs"]:,} distinct pages of 1,000 words, each with a 500-word
      article {when(part)}. From candidate to row, the steps are screen, words, MinHash, verification,
      spans, grade and digest.""")
    rows = [
        (
            name,
            kind["candidate_to_row_microseconds"],
            kind["verify_alone_microseconds"],
            kind["spans_a_pair"],
        )
        for name, kind in kinds.items()
    ]
    return f"{text}\n\n{table(('kind', 'candidate to row', 'verification', 'spans'), rows)}"


def _memory(part: Figures) -> str:
    spark, shared = part["spark"], part["shared"]
    one, both = shared["mapped_by_each"], shared["mapped_by_all"]
    return paragraph(f"""
      With an index of {part["shingles"]:,} shingles, {shared["index_megabytes"]:,} MB on disk {when(part)}:
      a worker uses {spark["worker"]["private_megabytes"]:,} MB of its own, the driver
      {spark["driver"]["private_megabytes"]:,} MB, the JVM {spark["java"]["private_megabytes"]:,} MB. The
      index is in memory once per host: two processes that map {one["resident_megabytes"]:,} MB of it each
      take {both["proportional_megabytes"]:,} MB together (PSS).""")


def _cold(part: Figures) -> str:
    first, later = part["first_run"], part["later_runs"]
    return paragraph(f"""
      `presswatch scan` takes {first["first_shard_seconds"]} s to the first shard {when(part)} if kernels
      have to be compiled, {later["first_shard_seconds"]} s afterwards. The whole scan of two tiny shards
      takes {first["done_seconds"]} s and {later["done_seconds"]} s.""")


def _job(part: Figures) -> str:
    ways = {"Spark, one core": "spark_1", "Spark, two cores": "spark_2", "two plain processes": "plain_2"}
    text = paragraph(f"""
      {part["shards"]} shards with {part["text_megabytes"]:,} MB of text were scanned and published
      {when(part)}. Two cores are {part["two_cores_to_one"]} times as fast as one (two plain processes:
      {part["two_plain_processes_to_one"]}). Spark takes {part["overhead_over_plain"]:.0%} longer than plain
      processes.""")
    rows = [(name, part["seconds"][way], part["mb_per_second"][way]) for name, way in ways.items()]
    return f"{text}\n\n{table(('method', 'seconds', 'MB/s in all'), rows)}"


def _costs(part: Figures) -> str:
    releases = part["releases"]
    text = paragraph(f"""
      Figures are calculated from the rates above (the whole scan times {part["spark_share"]}, Spark's
      share) and `conf/prices.yaml`: list prices of {part["region"]}, {part["noted"]}.""")
    rows = [
        (
            row["name"],
            row["mb_per_second"],
            f"{row['core_hours']:,}",
            *(f"${dollars:,.2f}" for dollars in row["dollars"].values()),
        )
        for row in releases
        if row["mb_per_second"]
    ]
    machines = list(releases[0]["dollars"]) if releases else []
    return f"{text}\n\n{table(('release', 'MB/s per core', 'core-hours', *machines), rows)}"


TITLES = {
    "wet": "WET",
    "c4": "C4",
    "warc": "WARC",
    "signatures": "MinHash signatures",
    "verify": "Verification",
    "memory": "Memory",
    "cold": "Cold start",
    "job": "The whole job under Spark",
    "costs": "Whole releases",
}
SECTIONS: dict[str, Callable[[Figures], str]] = {
    "wet": _wet,
    "c4": _c4,
    "warc": _warc,
    "signatures": _signatures,
    "verify": _verify,
    "memory": _memory,
    "cold": _cold,
    "job": _job,
    "costs": _costs,
}
