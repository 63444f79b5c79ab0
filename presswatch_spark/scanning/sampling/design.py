"""The design of a sample: shards are drawn at random within each stratum, and estimates are made by stratum.

A stratum is a segment of a crawl, or a folder of another dataset. Shards are drawn from all segments, since
the pages of one segment resemble each other (docs/decisions/runs.md).
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from presswatch_spark.core.errors import InputError
from presswatch_spark.scanning.sampling.intervals import Floats, Stratum, most_files, totals
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.shards import ShardPlan
from presswatch_spark.storage.uris import shown_uri

# Strata with fewer files are joined with the next ones: fewer files do not show how skewed counts are.
STRATUM_FILES = 20
# No estimate is made if a larger share of the drawn shards was not read to its end.
MISSING_SHARE = 0.05

_SEGMENT = re.compile(r"(?:^|/)segments/([^/]+)/(?:([^/]+)/)?[^/]+$")
_HASH_END = 1 << 64


def stratum_of(uri: str) -> str:
    """Return the stratum of a shard: `SEGMENT/SUBSET` of a crawl's, else the name of its folder."""
    path = shown_uri(uri)
    if segment := _SEGMENT.search(path):
        return "/".join(filter(None, segment.groups()))
    return path.rpartition("/")[0].rpartition("/")[2]


def draw(listed: ShardPlan, share: float, seed: int) -> tuple[ShardPlan, str]:
    """Draw `share` (0 < share <= 1) of the shards, at least one; raises `InputError` for other shares.

    Return also the number of all shards of each stratum, as JSON for the column `runs.sample_strata`.

    Of a stratum of N shards, share * N are drawn, rounded up or down by the seed. The draw depends only on
    the seed and on names below the release, which mirrors share. A smaller share is a subset of a larger one.
    """
    if not 0 < share <= 1:
        raise InputError(f"a sample of {share} is not between 0 and 1", remedy="pass --sample 0.01 for 1 %")
    strata = defaultdict[str, list[ObjectInfo]](list)
    for shard in listed:
        strata[stratum_of(shard.uri)].append(shard)
    turns = list[tuple[float, str, ObjectInfo]]()
    for name, shards in strata.items():
        # Ignore the name of a single folder, which differs between mirrors.
        stratum = name if len(strata) > 1 else ""
        # The sort is stable: shards of the same name stay in the order of their URIs.
        lots = [(_lot(seed, stratum, shard.uri.rpartition("/")[2]), shard) for shard in shards]
        lots.sort(key=lambda pair: pair[0])
        # Turns of a stratum are evenly spaced from 0 to 1 after a random start. Therefore the first turns of
        # all strata contain the same share of each.
        start = _lot(seed, stratum, "") / _HASH_END
        turns += [((place + start) / len(lots), stratum, shard) for place, (_, shard) in enumerate(lots)]
    turns.sort(key=lambda turn: turn[:2])
    wanted = max(1, round(share * len(listed)))
    drawn = ShardPlan.of(shard for *_, shard in turns[:wanted])
    sizes = {name: len(shards) for name, shards in strata.items()}
    return drawn, json.dumps(sizes, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _lot(seed: int, stratum: str, name: str) -> int:
    salted = json.dumps([seed, stratum, name]).encode()
    return int.from_bytes(hashlib.sha256(salted).digest()[:8], "big")


@dataclass(frozen=True, slots=True)
class Design:
    """A sample: the number of shards of the release (`listed`), and the shards read to their end (`files`).

    `missing`: number of drawn shards that were not read. `groups`: for each stratum, with small ones joined,
    its number of shards and the positions of its `files`.
    """

    listed: int
    files: tuple[str, ...]
    missing: int
    strata: int
    groups: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def missing_share(self) -> float:
        """Return the share of the drawn shards that were not read to their end."""
        return self.missing / (self.missing + len(self.files))

    def stratified(self, values: Floats) -> list[Stratum]:
        """Return `values` (a row per file, a column per measure) by stratum."""
        return [Stratum(values[list(positions)], size) for size, positions in self.groups]


def design_of(run: Mapping[str, Any], log: Iterable[Mapping[str, Any]]) -> Design:
    """Return the design of a run, from its row of `runs` and its rows of `scan_log`.

    Raises:
        InputError: the run is no sample, too few shards were read, too many are missing, or two share a name.
    """
    if run["sample"] is None:
        raise InputError(
            "the run read no sample: its counts need no estimate",
            where=run["run_id"],
            remedy="`presswatch matches` shows what it found, and `presswatch runs` which runs are samples",
        )
    shards = [(line["shard_uri"], line["status"] == "complete") for line in log]
    files = tuple(uri for uri, whole in shards if whole)
    missing = len(shards) - len(files)
    _check(run["run_id"], len(shards), files)
    # Older versions drew samples without strata.
    strata = run.get("sample_strata")
    listed: Mapping[str, int] = json.loads(strata) if strata else {"": run["shards_listed"]}
    places = defaultdict[str, list[int]](list)
    for position, uri in enumerate(files):
        places[stratum_of(uri) if strata else ""].append(position)
    unknown = places.keys() - listed.keys()
    if unknown:
        raise InputError(
            f"`sample_strata` does not contain the stratum {min(unknown)}",
            where=run["run_id"],
            remedy="scan the sample again",
        )
    return Design(sum(listed.values()), files, missing, len(listed), _grouped(listed, places))


def _check(run_id: str, drawn: int, files: tuple[str, ...]) -> None:
    # Refuse a sample that is too small or too incomplete; `drawn`: number of shards, `files`: those read.
    missing = drawn - len(files)
    if len(set(files)) < len(files):
        raise InputError(
            "shards cannot be distinguished by their names, which end before `?`",
            where=run_id,
            remedy="scan a copy whose shards have names of their own",
        )
    if missing > MISSING_SHARE * drawn:
        raise InputError(
            f"{missing:,} of {drawn:,} drawn shards were not read to their end; with more than"
            f" {MISSING_SHARE:.0%} missing, what is in the rest of the release cannot be estimated",
            where=run_id,
            remedy="`scan_log` gives the reason; scan again once they can be read",
        )
    if len(files) < STRATUM_FILES:
        raise InputError(
            f"{len(files):,} shards are too few for an interval, which requires {STRATUM_FILES}",
            where=run_id,
            remedy="draw a larger --sample",
        )


def _grouped(
    listed: Mapping[str, int], places: Mapping[str, Sequence[int]]
) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Join neighbouring strata until each group has `STRATUM_FILES`, regardless of their contents."""
    groups: list[tuple[int, tuple[int, ...]]] = []
    size, positions = 0, list[int]()
    for name, count in sorted(listed.items()):
        size += count
        positions += places.get(name, ())
        if len(positions) >= STRATUM_FILES:
            groups.append((size, tuple(positions)))
            size, positions = 0, []
    if size:
        last, before = groups.pop()
        groups.append((last + size, (*before, *positions)))
    return tuple(groups)


# Estimates from a sample: totals with intervals of 95 %.


@dataclass(frozen=True, slots=True)
class Estimated:
    """One measure of a release: its count in the sample, the estimate, and its limits.

    `of`: a title or publisher; None: all. `high`: None if unknown, such as if fewer than seven files have a
    count. `files`: files of the sample with a count; `files_high`: upper limit of such files in the release.
    """

    measure: str
    of: str | None
    seen: float
    estimate: float
    low: float
    high: float | None
    files: int
    files_high: int


@dataclass(frozen=True, slots=True)
class SampleEstimate:
    """A sample and its estimates: `listed` shards in `strata`; of the drawn ones, `read` and `missing`."""

    run_id: str
    seed: int | None
    listed: int
    strata: int
    read: int
    missing: int
    measures: tuple[Estimated, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure: its name, its owner (None: all titles together), and its count in each file."""

    name: str
    of: str | None
    counts: Floats


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Numbers of articles: `seen` in the sample, `once` in exactly one file, `twice` in exactly two.

    `of`: as in `Measure`. `files`: number of files with any. `singles`: by file, the articles in no other
    one.
    """

    name: str
    of: str | None
    seen: int
    files: int
    once: int
    twice: int
    singles: Floats


def estimate(
    run: Mapping[str, Any], design: Design, measures: Sequence[Measure], articles: Sequence[Occurrences]
) -> SampleEstimate:
    """Estimate the contents of a release from a run's row, the design of its sample, and its counts."""
    known = np.inf if run.get("corpus_articles") is None else run["corpus_articles"]
    columns = [*(measure.counts for measure in measures), *(seen.singles for seen in articles)]
    sums = totals(design.stratified(np.column_stack(columns)), run["sample_seed"] or 0)
    rows = list[Estimated]()
    for number, measure in enumerate(measures):
        low, high, middle = (float(limit[number]) for limit in (sums.low, sums.high, sums.estimate))
        doubt = design.missing_share * middle
        least = max(float(sums.seen[number]), low - doubt)
        row = (float(sums.seen[number]), middle, least, high + doubt, int(sums.files[number]))
        rows.append(_row(design, measure.name, measure.of, *row))
    for number, seen in enumerate(articles, len(measures)):
        doubt = design.missing_share * float(sums.estimate[number])
        more = float(sums.high[number]) - seen.once + doubt
        most = min(seen.seen + more, known)
        middle = min(cautious(seen, design), most)
        rows.append(_row(design, seen.name, seen.of, seen.seen, middle, seen.seen, most, seen.files))
    estimated = tuple(sorted(rows, key=lambda row: (row.of is not None, row.of or "")))
    counts = (design.listed, design.strata, len(design.files), design.missing)
    return SampleEstimate(run["run_id"], run["sample_seed"], *counts, estimated)


def _row(
    design: Design, name: str, of: str | None, seen: float, middle: float, low: float, high: float, files: int
) -> Estimated:
    most = min(design.listed, int(most_files(files, len(design.files) / design.listed)))
    return Estimated(name, of, seen, middle, low, None if np.isinf(high) else high, files, most)


def cautious(seen: Occurrences, design: Design) -> float:
    """Estimate a lower bound of the number of articles in the release.

    The estimator is Chao2 for sampling without replacement (Chao and Lin 2012, "Nonparametric lower bounds
    for species richness and shared species richness under sampling without replacement"), with Chao's
    correction for few articles seen twice. It is unbiased if all articles occur equally often, else too low.
    """
    count = len(design.files)
    share = count / design.listed
    if not seen.once or share >= 1:
        return float(seen.seen)
    scale = 2 * (seen.twice + 1) * count / (count - 1) + seen.once * share / (1 - share)
    return seen.seen + seen.once * (seen.once - 1) / scale
