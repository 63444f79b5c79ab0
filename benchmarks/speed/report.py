"""The report: a result as Markdown, and its place in docs/explanation/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"
Figures = dict[str, Any]


def markdown(result: Figures) -> str:
    """All parts of a result that were measured, each as a sentence or two and a table."""
    machine = result["machine"]
    head = said(f"""
      {machine["processor"]}, {machine["cores"]} cores, {machine["memory_gigabytes"]} GB;
      {machine["system"]}. {joined(result["versions"])}.""")
    parts = [(name, write, result["parts"].get(name)) for name, write in SECTIONS.items()]
    sections = [f"### {TITLES[name]}\n\n{write(part)}" for name, write, part in parts if part]
    return "\n\n".join([head, *sections])


def into(document: Path, text: str, begin: str = BEGIN, end: str = END, heading: str = "Speed") -> None:
    """Put `text` between two marks of a document; one without them gets both, under a heading, at its end."""
    old = document.read_text("utf-8") if document.exists() else "# Benchmarks\n"
    if begin not in old:
        old = f"{old.rstrip()}\n\n## {heading}\n\n{begin}\n{end}\n"
    before, _, rest = old.partition(begin)
    after = rest.partition(end)[2]
    document.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}", "utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(_shown, line))} |" for line in lines)


def _shown(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def said(text: str) -> str:
    """A paragraph on one line."""
    return " ".join(text.split())


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
    text = said(f"""
      {part["shards"]} WET shards with {part["text_megabytes"]:,} MB of text, {part["stored_megabytes"]:,} MB
      stored {when(part)}. Rates are medians over rounds in which all ways take turns on one shard; an MB is
      10^6 bytes of text, a second is one of processor time. With `gate`, 5 % of the pages pass as French.
      Size of the index: {sizes}.{f" Left out for want of memory: {missing} shingles." if missing else ""}""")
    return f"{text}\n\n{table(('way', 'MB/s a core', 'FastWARC = 1'), _ways(part['ways']))}"


def _c4(part: Figures) -> str:
    sections = []
    for name, title in (("parquet", "Parquet"), ("jsonl", "JSONL.gz")):
        form = part[name]
        text = said(f"""
          {title} {when(part)}: {form["text_megabytes"]:,} MB of text, {form["stored_megabytes"]:,} MB stored;
          10^6 shingles.""")
        head = ("way", "MB/s a core", f"{form['base']} = 1")
        sections.append(f"{text}\n\n{table(head, _ways(form['ways']))}")
    return "\n\n".join(sections)


def _warc(part: Figures) -> str:
    text = said(f"""
      {part["shards"]} WARC shards with {part["page_megabytes"]:,} MB of pages (bodies as stored), of which
      {part["text_megabytes"]:,} MB can be seen, {part["stored_megabytes"]:,} MB stored {when(part)}; 10^6
      shingles. An MB is 10^6 bytes of pages, a second one of processor time. `read` makes the text that the
      sieve reads; in the whole scan, candidates are verified in the same text. With `gate`, 5 %
      of the pages pass as French. Beside it, resiliparse's text of every page and our sieve, the pages being
      read by FastWARC, or by warcio as jobs of cc-pyspark read them (`content_stream`; cc-pyspark leaves the
      text to each job).""")
    return f"{text}\n\n{table(('way', 'MB/s a core', 'bodies read = 1'), _ways(part['ways']))}"


def _signatures(part: Figures) -> str:
    text = said(f"""
      {part["text_megabytes"]} MB in {part["documents"]:,} pages, in memory {when(part)}; splitting into words
      and shingling are included on both sides. Peers: {joined(part["peers"])}.""")
    rates, times = part["mb_per_second"], part["times_the_peer"]
    shown = [table(("from text on", "MB/s a core"), rates.items())]
    if times:
        shown.append(table(("ours to theirs", "times"), times.items()))
    return "\n\n".join([text, *shown])


def _verify(part: Figures) -> str:
    kinds = part["kinds"]
    text = said(f"""
      {part["pairs"]:,} distinct pages of 1,000 words for each kind, a 500-word article in each; microseconds
      a pair {when(part)}. From candidate to row: screen, words, MinHash, naming, verify, places of the spans
      in characters, grade, the row and its digest. Verification alone is the sum of its steps.""")
    steps = next(iter(kinds.values()))["steps_microseconds"]
    rows = [
        (
            name,
            kind["candidate_to_row_microseconds"],
            kind["verify_alone_microseconds"],
            *kind["steps_microseconds"].values(),
            kind["spans_a_pair"],
        )
        for name, kind in kinds.items()
    ]
    return f"{text}\n\n{table(('kind', 'candidate to row', 'verification alone', *steps, 'spans'), rows)}"


def _memory(part: Figures) -> str:
    spark, shared = part["spark"], part["shared"]
    one, both = shared["mapped_by_each"], shared["mapped_by_all"]
    return said(f"""
      An index of {part["shingles"]:,} shingles, {shared["index_megabytes"]:,} MB on disk {when(part)}. Under
      Spark, on two cores, a worker has {spark["worker"]["private_megabytes"]:,} MB of its own, the driver
      {spark["driver"]["private_megabytes"]:,} MB, the JVM {spark["java"]["private_megabytes"]:,} MB. The
      index is in memory once a host: of two plain processes that scanned a shard each, with
      {shared["private_megabytes"]:,} MB of their own at most, each has {one["resident_megabytes"]:,} MB of it
      mapped, {one["shared_megabytes"]:,} MB of them shared; together they take
      {both["proportional_megabytes"]:,} MB (PSS), not {both["resident_megabytes"]:,}.""")


def _build(part: Figures) -> str:
    return said(f"""
      {part["articles"]:,} articles of {part["words_an_article"]} words, {part["shingles"]:,} shingles, in
      {part["seconds"]} s on two cores {when(part)}: {part["articles_per_second"]:,} articles a second. At
      most {part["all_proportional_megabytes"]:,} MB in all processes together,
      {part["worker"]["private_megabytes"]:,} MB in a worker.
      The corpus has {part["corpus_megabytes"]:,} MB.""")


def _cold(part: Figures) -> str:
    first, later = part["first_run"], part["later_runs"]
    return said(f"""
      From the command `presswatch scan` to the first shard moving {when(part)}:
      {first["first_shard_seconds"]} s where no kernel is compiled yet, {later["first_shard_seconds"]} s later
      on. The whole command over two tiny shards: {first["done_seconds"]} s, {later["done_seconds"]} s.""")


def _job(part: Figures) -> str:
    ways = {"Spark, one core": "spark_1", "Spark, two cores": "spark_2", "two plain processes": "plain_2"}
    text = said(f"""
      {part["shards"]} shards, {part["text_megabytes"]:,} MB of text, tables published {when(part)}. Two cores
      are {part["two_cores_to_one"]} times as fast as one (two plain processes:
      {part["two_plain_processes_to_one"]}). Spark takes {part["overhead_over_plain"]:.0%} longer than plain
      processes; {part["fixed_seconds"]} s of it do not grow with the shards, and without those it is
      {part["overhead_without_fixed"]:.0%}.""")
    rows = [(name, part["seconds"][way], part["mb_per_second"][way]) for name, way in ways.items()]
    return f"{text}\n\n{table(('way', 'seconds', 'MB/s in all'), rows)}"


def _costs(part: Figures) -> str:
    releases = part["releases"]
    text = said(f"""
      Reckoned from the rates above (the whole scan of a shard, times {part["spark_share"]}, which is Spark's
      share) and `conf/prices.yaml`: list prices of {part["region"]}, {part["noted"]}. All crawls are reckoned
      as if each were as large as the one, which is a guess: some are larger, and many are smaller. Those of
      2008 to 2012 are left out.""")
    rows = [
        (
            row["name"],
            row["mb_per_second"] or "",
            f"{row['core_hours']:,}",
            *(f"${dollars:,.2f}" for dollars in row["dollars"].values()),
        )
        for row in releases
    ]
    machines = list(releases[0]["dollars"]) if releases else []
    return f"{text}\n\n{table(('release', 'MB/s a core', 'core-hours', *machines), rows)}"


TITLES = {
    "wet": "WET",
    "c4": "C4",
    "warc": "WARC",
    "signatures": "MinHash signatures",
    "verify": "Verification",
    "memory": "Memory",
    "build": "Building a corpus",
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
    "build": _build,
    "cold": _cold,
    "job": _job,
    "costs": _costs,
}
