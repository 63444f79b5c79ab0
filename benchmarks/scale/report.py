"""The figures of docs/explanation/scale.md: what was measured, and what follows by the arithmetic shown."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

from benchmarks.speed.report import joined, said, table, when

BEGIN, END = "<!-- scale: begin -->", "<!-- scale: end -->"
Figures = dict[str, Any]

RELEASE_SHARDS, RELEASE_BYTES, WAVE_SHARDS = 100_000, 16.3e12, 256
MANY_ARTICLES, MANY_PAIRS = 10**8, 10**9
HOST_GIGABYTES = 128
POSTING_BYTES, TOKEN_BYTES = 4, 12
LEFT_FOR_THE_INDEX = 0.5
KINDS_OF_TEXT = {"prose": "prose", "letters": "words of one letter"}


def markdown(result: Figures) -> str:
    """All parts of a result that were measured."""
    machine = result["machine"]
    head = said(f"""
      {machine["processor"]}, {machine["cores"]} cores, {machine["memory_gigabytes"]} GB;
      {machine["system"]}. {joined(result["versions"])}.""")
    parts = result["parts"]
    sections = [
        f"### {title}\n\n{write(parts)}" for title, (needs, write) in SECTIONS.items() if needs <= set(parts)
    ]
    return "\n\n".join([head, *sections])


def _shards(parts: Figures) -> str:
    part = parts["shards"]
    head = ("shards", "text, MB", "seconds", "worker, MB", "driver, MB", "JVM, MB")
    rows = [_run(run) for run in part["runs"]]
    text = said(f"""
      Small shards of {part["runs"][0]["text_megabytes"] / part["runs"][0]["shards"]:.2f} MB each, two
      cores, tables published {when(part)}. Between the ends a shard costs
      {part["seconds_a_shard"] * 1000:.0f} ms, whatever their number; {part["fixed_seconds"]} s do not
      grow. Memory is private: the worker's without the mapped index.""")
    waves = part["in_waves"]
    more = said(f"""
      The {waves["shards"]:,} shards in {waves["waves"]} waves: {waves["seconds"]} s, so a wave more costs
      {part["seconds_a_wave"]} s.""")
    return f"{text}\n\n{table(head, rows)}\n\n{more}"


def _run(run: Figures) -> tuple[object, ...]:
    return (
        run["shards"],
        run["text_megabytes"],
        run["seconds"],
        run["worker_private_megabytes"],
        run["driver_private_megabytes"],
        run["java_private_megabytes"],
    )


def _corpus(parts: Figures) -> str:
    part = parts["corpus"]
    head = ("articles", "shingles", "index, MB", "corpus, MB", "MB/s a core", "first = 1")
    rows = [
        (
            row["articles"],
            row["shingles"],
            row["index_megabytes"],
            row["corpus_megabytes"],
            row["mb_per_second"],
            row["ratio"],
        )
        for row in part["corpora"]
    ]
    return f"The whole scan of the same shard, in turns {when(part)}.\n\n{table(head, rows)}"


def _matches(parts: Figures) -> str:
    part = parts["matches"]
    rows = [(f"{row['share']:.0%}", row["matches"], row["seconds"], row["ratio"]) for row in part["shares"]]
    text = said(f"""
      {part["documents"]:,} pages of 7.6 KB, of which a share holds a whole article {when(part)}: a
      match costs {part["microseconds_a_match"]} µs, from candidate to row.""")
    return f"{text}\n\n{table(('pages that copy', 'matches', 'seconds', 'speed, none = 1'), rows)}"


def _skew(parts: Figures) -> str:
    part = parts["skew"]
    head = ("shards", "pages", "matches", "seconds", "worker, MB", "driver, MB", "JVM, MB", "bytes a row")
    runs = [*part["runs"], part["whole_shard"]]
    rows = [
        (run["shards"], run["documents"], run["matches"], *_run(run)[2:], run["bytes_a_match"])
        for run in runs
    ]
    few, many, whole = runs
    text = said(f"""
      One article on every page {when(part)}. With {many["matches"] / few["matches"]:.0f} times the
      matches a worker takes {many["worker_private_megabytes"] / few["worker_private_megabytes"]:.2f}
      times the memory: matches are never gathered by article, a task holds the rows of one shard, and
      publishing sorts them on disk. The last line has larger shards,
      {whole["documents"] // whole["shards"]:,} pages each, every page a copy.""")
    return f"{text}\n\n{table(head, rows)}"


def _articles(parts: Figures) -> str:
    corpus, part = parts["corpus"]["corpora"][-1], parts["passes"]
    shingles = corpus["shingles"] / corpus["articles"]
    size = corpus["index_megabytes"] * 1e6 / corpus["shingles"]
    whole, searched = MANY_ARTICLES * shingles * size, MANY_ARTICLES * shingles * (size - POSTING_BYTES)
    given = HOST_GIGABYTES * 1e9 * LEFT_FOR_THE_INDEX
    count = ceil(searched / given)
    hours, reading = (
        RELEASE_BYTES / (part[f"{name}_mb_per_second"] * 1e6) / 3600 for name in ("one_pass", "read")
    )
    filter_bytes = part["filter_megabytes"] * 1e6 / part["shingles"] * MANY_ARTICLES * shingles
    tokens = RELEASE_BYTES / 6.1 * part["tokens"] / part["words"]
    joining = tokens * part["join_microseconds_a_token"] / 1e6 / 3600
    return said(f"""
      Reckoned: {MANY_ARTICLES:.0e} articles × {shingles:.0f} shingles × {size:.1f} bytes =
      {whole / 1e9:.0f} GB of index, {searched / 1e9:.0f} GB of it searched at every position that the
      filter lets through. With half of {HOST_GIGABYTES} GB for that, it is {count} passes; each reads and
      hashes the release anew: {count} × {RELEASE_BYTES:.3g} bytes / {part["one_pass_mb_per_second"]} MB/s
      = {count} × {hours:.0f} = {count * hours:.0f} core-hours, before verification, which is paid once.
      With three quarters of the memory it is {ceil(searched / given / 1.5)} passes. Measured on a twin
      {when(part)}: {part["shingles"]:,} shingles in {part["passes"]} passes gave
      {"exactly the" if part["same_pairs"] else "NOT the"} {part["pairs"]:,} pairs of one pass over all
      of it, at {part["cost_of_all_passes"]} times the cost. The other way is to hold the filter alone,
      {filter_bytes / 1e9:.0f} GB, to keep the tokens that pass it ({part["tokens"]:,} of
      {part["words"]:,} words here, {part["tokens_indexed"]:,} of them on the pages that copy, one in
      twenty), and to join them with the index. A release that copies as much has {tokens:.2g} of them,
      {tokens * TOKEN_BYTES / 1e9:.0f} GB at {TOKEN_BYTES} bytes, to be written, shuffled by hash, joined
      ({part["join_microseconds_a_token"]} µs each, {joining:.1f} core-hours without the shuffles), and
      shuffled back by shard; then the release is read a second time for the texts: {hours:.0f} +
      {reading:.0f} core-hours and what the shuffles take. So with two passes the ways cost much the
      same, and each pass more costs {hours:.0f} core-hours. The product makes passes.""")


def _release(parts: Figures) -> str:
    shards, plan, skew = parts["shards"], parts["plans"], parts["skew"]
    waves = ceil(RELEASE_SHARDS / WAVE_SHARDS)
    driver = shards["driver_kilobytes_a_shard"] + plan["bytes_a_shard"] / 1000
    base, some, most = shards["runs"][0], *shards["runs"][-2:]
    return said(f"""
      Measured {when(plan)}: a plan of {plan["shards"]:,} shards takes {plan["bytes_a_shard"]:,} bytes a
      shard and {plan["seconds"]} s. Between {some["shards"]:,} and {most["shards"]:,}
      shards the driver grew by {shards["driver_kilobytes_a_shard"]} KB a shard, and the JVM by
      {shards["java_kilobytes_a_shard"]} KB, mostly garbage that it need not collect below its bound
      (`spark.driver.memory`, 1 GB unless told). Reckoned for {RELEASE_SHARDS:,} shards: the driver at most
      {base["driver_private_megabytes"]} MB + {RELEASE_SHARDS:,} × {driver:.1f} KB =
      {base["driver_private_megabytes"] + driver * RELEASE_SHARDS / 1000:,.0f} MB. {waves} waves of
      {WAVE_SHARDS} shards × {shards["seconds_a_wave"]} s = {waves * shards["seconds_a_wave"]:.0f} s of
      waiting between waves, which all cores share: with more than {WAVE_SHARDS // 8} cores raise
      `--wave-shards`, so that every core has some eight shards in a wave. If every hundredth page
      copied, 2.14e7 rows × {skew["runs"][0]["bytes_a_match"]} bytes =
      {2.14e7 * skew["runs"][0]["bytes_a_match"] / 1e9:.1f} GB of `matches`.""")


def _tiny(parts: Figures) -> str:
    part = parts["tiny"]
    head = ("shards", "waves", "seconds", "worker, MB", "driver, MB", "JVM, MB")
    rows = [(run["shards"], ceil(run["shards"] / WAVE_SHARDS), *_run(run)[2:]) for run in part["runs"]]
    first, last = part["runs"][0], part["runs"][-1]
    driver, java = (
        last[f"{who}_private_megabytes"] - first[f"{who}_private_megabytes"] for who in ("driver", "java")
    )
    text = said(f"""
      WET shards of {part["shard_bytes"] / 1000:.1f} KB, one page each, in waves of {WAVE_SHARDS}
      {when(part)}. With {last["shards"] / first["shards"]:.0f} times the shards the driver takes
      {driver} MB more and the JVM {java} MB; between the last two lines that is
      {part["driver_kilobytes_a_shard"]} KB and {part["java_kilobytes_a_shard"]} KB a shard. Of a shard the
      driver holds its place in the plan and in a marker; its row of the log for one wave, and all rows once,
      packed, when tables are written.""")
    return f"{text}\n\n{table(head, rows)}"


def _records(parts: Figures) -> str:
    part = parts["records"]
    cells = {(run["record_mib"], run["text"], run["format"]): run["peak_megabytes"] for run in part["runs"]}
    formats = list(dict.fromkeys(run["format"] for run in part["runs"]))
    rows = [
        (f"{size} MiB of {KINDS_OF_TEXT[kind]}", *(cells[size, kind, name] for name in formats))
        for size, kind in dict.fromkeys((run["record_mib"], run["text"]) for run in part["runs"])
    ]
    text = said(f"""
      Peak memory, in MB, of a worker with its parser that meets one record of that size, in which an
      article stands {when(part)}. No limit was set; by default `read.max_document_bytes` is 16 MiB.""")
    return f"{text}\n\n{table(('record', *formats), rows)}"


def _candidates(parts: Figures) -> str:
    part, matches = parts["furniture"], parts["matches"]
    refused, verified = part["refused"], part["verified"]
    each = refused["sieve_microseconds"] + refused["further_microseconds"]
    row = parts["skew"]["runs"][0]["bytes_a_match"]
    return said(f"""
      Three kinds, of pages that share something with a thousand articles each. A line of eight words:
      {refused["candidates"]:,} candidates were measured {when(part)}, {refused["sieve_microseconds"]} µs
      each in the sieve and {refused["further_microseconds"]} µs in the screen, which let
      {refused["rows"]:,} through. {MANY_PAIRS:.0e} × {each:.1f} µs = {MANY_PAIRS * each / 3.6e9:.1f}
      core-hours. A line of 11 words and more is copied words: {verified["candidates"]:,} candidates gave
      {verified["rows"]:,} rows, all of confidence D, {verified["further_microseconds"]:.0f} µs each:
      {MANY_PAIRS:.0e} of them take {MANY_PAIRS * verified["further_microseconds"] / 3.6e9:.0f} core-hours.
      They are not left out, since a rule that drops rows is a rule that misses articles; lines in more than
      `max_articles_per_shingle` articles (1,000) are no candidates at all, so furniture costs most just
      below that number, and a lower one is the remedy. A batch of 4 MiB of such pages, 550 of 7.6 KB, has
      550,000 candidates of {refused["bytes_a_candidate"]} bytes,
      {550_000 * refused["bytes_a_candidate"] / 1e6:.0f} MB, and no more at a time. Pages that do copy, a
      member's whole site: {MANY_PAIRS:.0e} × {matches["microseconds_a_match"]} µs =
      {MANY_PAIRS * matches["microseconds_a_match"] / 3.6e9:.0f} core-hours, and {MANY_PAIRS:.0e} rows ×
      {row} bytes = {MANY_PAIRS * row / 1e9:.0f} GB of `matches`, which Spark sorts and writes in files
      of 256 MB.""")


SECTIONS: dict[str, tuple[set[str], Callable[[Figures], str]]] = {
    "Shards: linear": ({"shards"}, _shards),
    "Corpus: what its size costs": ({"corpus"}, _corpus),
    "Matches: by their number": ({"matches"}, _matches),
    "Skew: one article everywhere": ({"skew"}, _skew),
    "10^8 articles": ({"corpus", "passes"}, _articles),
    "100,000 shards": ({"shards", "plans", "skew"}, _release),
    "5,000 tiny shards": ({"tiny"}, _tiny),
    "One huge record": ({"records"}, _records),
    "10^9 candidates": ({"furniture", "matches", "skew"}, _candidates),
}
