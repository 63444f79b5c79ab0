"""The figures of docs/explanation/scale.md: what was measured, and what follows by the arithmetic shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import ceil
from typing import Any

from benchmarks.scale.unattended import ROLES
from benchmarks.speed.report import paragraph, table, when

Figures = dict[str, Any]

RELEASE_SHARDS, RELEASE_BYTES = 100_000, 16.3e12
MANY_ARTICLES, MANY_PAIRS = 10**8, 10**9
HOST_GIGABYTES = 128
POSTING_BYTES = 4
LEFT_FOR_THE_INDEX = 0.5


def markdown(result: Figures) -> str:
    """All parts of a result that were measured."""
    machine = result["machine"]
    head = paragraph(f"""
      {machine["processor"]}, {machine["cores"]} cores, {machine["memory_gigabytes"]} GB;
      {machine["system"]}. Versions of packages are in `benchmarks/results/scale.json`.""")
    parts = result["parts"]
    sections = [
        f"### {title}\n\n{write(parts)}" for title, (needs, write) in SECTIONS.items() if needs <= set(parts)
    ]
    return "\n\n".join([head, *sections])


def _shards(parts: Figures) -> str:
    part = parts["shards"]
    head = ("shards", "text, MB", "seconds", "worker, MB", "driver, MB", "JVM, MB")
    rows = [_run(run) for run in part["runs"]]
    text = paragraph(f"""
      Shards of {part["runs"][0]["text_megabytes"] / part["runs"][0]["shards"]:.2f} MB each were scanned on
      two cores and published {when(part)}. Each further shard takes {part["seconds_a_shard"] * 1000:.0f}
      ms. Memory is private, without the mapped index.""")
    return f"{text}\n\n{table(head, rows)}"


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
    head = ("articles", "shingles", "index, MB", "corpus, MB", "MB/s per core", "first = 1")
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
    return f"Whole scans of the same shard took turns {when(part)}.\n\n{table(head, rows)}"


def _matches(parts: Figures) -> str:
    part = parts["matches"]
    speeds = " and ".join(f"{row['ratio']} if {row['share']:.0%} of them do" for row in part["shares"][1:])
    return paragraph(f"""
      In {part["documents"]:,} pages of 7.6 KB {when(part)}, a match costs {part["microseconds_a_match"]}
      µs, from candidate to row. Compared with a scan in which no page copies an article, the speed is
      {speeds}.""")


def _skew(parts: Figures) -> str:
    part = parts["skew"]
    head = ("shards", "pages", "matches", "seconds", "worker, MB", "driver, MB", "JVM, MB", "bytes a row")
    runs = [*part["runs"], part["whole_shard"]]
    rows = [
        (run["shards"], run["documents"], run["matches"], *_run(run)[2:], run["bytes_a_match"])
        for run in runs
    ]
    few, many, whole = runs
    text = paragraph(f"""
      One article is on every page {when(part)}. With {many["matches"] / few["matches"]:.0f} times the
      matches, a worker takes {many["worker_private_megabytes"] / few["worker_private_megabytes"]:.2f} times
      the memory: a task keeps the rows of one shard, and publication sorts on disk. In the last line,
      shards have {whole["documents"] // whole["shards"]:,} pages.""")
    return f"{text}\n\n{table(head, rows)}"


def _articles(parts: Figures) -> str:
    corpus, part = parts["corpus"]["corpora"][-1], parts["passes"]
    shingles = corpus["shingles"] / corpus["articles"]
    size = corpus["index_megabytes"] * 1e6 / corpus["shingles"]
    whole, searched = MANY_ARTICLES * shingles * size, MANY_ARTICLES * shingles * (size - POSTING_BYTES)
    given = HOST_GIGABYTES * 1e9 * LEFT_FOR_THE_INDEX
    count = ceil(searched / given)
    hours = RELEASE_BYTES / (part["one_pass_mb_per_second"] * 1e6) / 3600
    return paragraph(f"""
      By calculation, {MANY_ARTICLES:.0e} articles × {shingles:.0f} shingles × {size:.1f} bytes =
      {whole / 1e9:.0f} GB of index, of which {searched / 1e9:.0f} GB are searched. In half of
      {HOST_GIGABYTES} GB, that takes {count} passes of {RELEASE_BYTES:.3g} bytes /
      {part["one_pass_mb_per_second"]} MB/s = {hours:.0f} core-hours each, {count * hours:.0f} in all,
      before verification, which is needed only once. In three quarters of the memory,
      {ceil(searched / given / 1.5)} passes are enough. {part["passes"]} passes gave
      {"exactly the" if part["same_pairs"] else "NOT the"} pairs of one {when(part)}.""")


def _release(parts: Figures) -> str:
    shards, plan, skew = parts["shards"], parts["plans"], parts["skew"]
    driver = shards["driver_kilobytes_a_shard"] + plan["bytes_a_shard"] / 1000
    base, some, most = shards["runs"][0], *shards["runs"][-2:]
    return paragraph(f"""
      A plan of {plan["shards"]:,} shards {when(plan)} takes {plan["bytes_a_shard"]:,}
      bytes per shard and {plan["seconds"]} s. Between {some["shards"]:,} and {most["shards"]:,} shards,
      the driver grew by {shards["driver_kilobytes_a_shard"]} KB per shard, the JVM by
      {shards["java_kilobytes_a_shard"]} KB, mostly garbage. By calculation, the driver for
      {RELEASE_SHARDS:,} shards has at most
      {base["driver_private_megabytes"] + driver * RELEASE_SHARDS / 1000:,.0f} MB. If one page
      in a hundred contains a copy, `matches` has
      {2.14e7 * skew["runs"][0]["bytes_a_match"] / 1e9:.1f} GB.""")


def _unattended(parts: Figures) -> str:
    part = parts["unattended"]
    calm, rough, kills = part["undisturbed"], part["disturbed"], part["disturbed"]["kills"]
    met = Counter(part["requests"]["bucket"]) + Counter(part["requests"]["site"])
    refused, answered = met.pop("429", 0), met.pop("fine")
    memory = ", ".join("{} {} MB ({}, {})".format(who, *rough["megabytes"][who]) for who in ROLES)
    return paragraph(f"""
      {part["shards"]:,} shards of {part["stored_megabytes"] / part["shards"]:.1f} MB, of which
      {part["distinct_shards"]} differ, were scanned for {part["articles"]:,} articles {when(part)}, in
      {calm["seconds"]:,} s. Then, in {rough["seconds"]:,} s, {kills["driver"]} drivers and {kills["worker"]}
      workers were killed, {met.total():,} of {met.total() + answered:,} requests failed, and a host refused
      {refused:,} others. `table_digest` was {"the same" if part["same_digest"] else "NOT the same"}. From
      the middle on, the predicted end was at most {calm["largest_eta_error"]:.1%} of the time off; disturbed,
      {rough["largest_eta_error"]:.1%}, without later kills. Memory at most
      (in the second and the last quarter): {memory}.""")


def _simulation(parts: Figures) -> str:
    part, assumed = parts["simulation"], parts["simulation"]["assumed"]
    checks = " and ".join(
        f"{one['seconds']} s ({one['predicted_seconds']} s) for {one['shards']}" for one in part["checks"]
    )
    usual = [run for run in part["runs"] if run["requests_a_second"] > 1_000 and run["rows"] <= 1_000_000]
    few = _simulated(usual, "wet", 64, 1_024)
    many, short = (_simulated(usual, "wet", 1_000, wave) for wave in (16_384, 256))
    warc, short_warc = (_simulated(usual, "warc", 1_000, wave) for wave in (16_384, 256))
    slow = next(run for run in part["runs"] if run["requests_a_second"] <= 1_000)
    driver = sum(_share(many, stage) for stage in ("driver between waves", "publication"))
    return paragraph(f"""
      A simulation {when(part)} draws delays of shards from the disturbed scan. Its costs are measured, except
      for {assumed["request"]} s per request to tables on S3, and the loss of a spot host of
      {assumed["node_cores"]} cores every {1 / assumed["losses_an_hour"]:.0f} hours. Real runs
      on two cores took (prediction) {checks} shards. A WET release takes {few["minutes"]} minutes on 64 cores
      ({_share(few, "shards"):.0%} of them for shards) and {many["minutes"]} on 1,000
      ({_share(many, "shards"):.0%}), a WARC release {warc["minutes"]} ({_share(warc, "shards"):.0%});
      in waves of 256 shards, {short["minutes"]} and {short_warc["minutes"]}. **The driver is the
      bottleneck**: for {driver:.0%} of those {many["minutes"]} minutes, 1,000 cores wait for its work
      between waves and at the end. If the host answers {slow["requests_a_second"]:.0f} requests a second,
      {slow["minutes"]} minutes.""")


def _simulated(runs: list[Figures], release: str, cores: int, wave: int) -> Figures:
    return next(
        run for run in runs if (run["format"], run["cores"], run["wave_shards"]) == (release, cores, wave)
    )


def _share(run: Figures, stage: str) -> float:
    return float(run["spent_core_hours"][stage] / run["core_hours"])


def _candidates(parts: Figures) -> str:
    part, matches = parts["furniture"], parts["matches"]
    refused, verified = part["refused"], part["verified"]
    each = refused["sieve_microseconds"] + refused["further_microseconds"]
    row = parts["skew"]["runs"][0]["bytes_a_match"]
    return paragraph(f"""
      Three kinds of pages share text with a thousand articles {when(part)}. A line of eight words costs
      {each:.1f} µs per candidate in sieve and screen, {MANY_PAIRS * each / 3.6e9:.1f} core-hours in all,
      and leads to no rows. A line of 11 or more words costs {verified["further_microseconds"]:.0f} µs,
      {MANY_PAIRS * verified["further_microseconds"] / 3.6e9:.0f} core-hours in all, and leads to rows with
      `D`. Lower
      `max_articles_per_shingle` (1,000) to exclude such lines. Copies, such as a member's whole site, cost
      {matches["microseconds_a_match"]} µs each, {MANY_PAIRS * matches["microseconds_a_match"] / 3.6e9:.0f}
      core-hours in all, and {MANY_PAIRS * row / 1e9:.0f} GB of `matches`.""")


SECTIONS: dict[str, tuple[set[str], Callable[[Figures], str]]] = {
    "Number of shards": ({"shards"}, _shards),
    "Size of the corpus": ({"corpus"}, _corpus),
    "Number of matches": ({"matches"}, _matches),
    "One article on every page": ({"skew"}, _skew),
    "10^8 articles": ({"corpus", "passes"}, _articles),
    "A scan without supervision": ({"unattended"}, _unattended),
    "90,000 shards on 1,000 cores": ({"simulation"}, _simulation),
    "100,000 shards": ({"shards", "plans", "skew"}, _release),
    "10^9 candidates": ({"furniture", "matches", "skew"}, _candidates),
}
