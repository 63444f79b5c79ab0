"""The design of a sample: shards are drawn at random within each stratum, and estimates made in strata.

A stratum is a segment of a crawl, elsewhere a folder. Whole segments are never drawn, since a segment's pages
resemble each other (docs/decisions/runs.md).
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
from presswatch_spark.storage.uris import printable

# A stratum of fewer files is put together with the next ones: so few do not show how skewed counts are.
STRATUM_FILES = 20
# With a larger share of drawn shards not read to their end, no estimate is made.
MISSING_SHARE = 0.05

_SEGMENT = re.compile(r"(?:^|/)segments/([^/]+)/(?:([^/]+)/)?[^/]+$")
_HASH_END = 1 << 64


@dataclass(frozen=True, slots=True)
class ShardSample:
    """The shards that were drawn, and how many each stratum of the release has, drawn or not."""

    shards: ShardPlan
    strata: Mapping[str, int]

    def strata_json(self) -> str:
        """Return the strata as `runs.sample_strata` holds them."""
        return json.dumps(self.strata, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def stratum_of(uri: str) -> str:
    """Return the stratum of a shard: `SEGMENT/SUBSET` of a crawl's, else the name of its folder."""
    path = printable(uri)
    if segment := _SEGMENT.search(path):
        return "/".join(filter(None, segment.groups()))
    return path.rpartition("/")[0].rpartition("/")[2]


def draw(listed: ShardPlan, share: float, seed: int) -> ShardSample:
    """Draw `share` (0 < share <= 1) of the shards, at least one; raises `InputError` for another share.

    A stratum of N shards gives share * N, rounded up or down by the seed. The draw depends on the seed and on
    names below the release only, so all mirrors give the same. A smaller share is a subset of a larger one.
    """
    if not 0 < share <= 1:
        raise InputError(f"a sample of {share} is not between 0 and 1", remedy="give --sample 0.01 for 1 %")
    strata = defaultdict[str, list[ObjectInfo]](list)
    for shard in listed:
        strata[stratum_of(shard.uri)].append(shard)
    turns = list[tuple[float, str, ObjectInfo]]()
    for name, shards in strata.items():
        # A single folder has another name on each mirror.
        stratum = name if len(strata) > 1 else ""
        # `shards` are in the order of their URIs, which decides between those of one name.
        lots = [(_lot(seed, stratum, shard.uri.rpartition("/")[2]), shard) for shard in shards]
        lots.sort(key=lambda pair: pair[0])
        # Turns are even from 0 to 1, after a random start: the first have the same share of each stratum.
        start = _lot(seed, stratum, "") / _HASH_END
        turns += [((place + start) / len(lots), stratum, shard) for place, (_, shard) in enumerate(lots)]
    turns.sort(key=lambda turn: turn[:2])
    wanted = max(1, round(share * len(listed)))
    drawn = ShardPlan.of(shard for *_, shard in turns[:wanted])
    return ShardSample(drawn, {name: len(shards) for name, shards in sorted(strata.items())})


def _lot(seed: int, stratum: str, name: str) -> int:
    salted = json.dumps([seed, stratum, name]).encode()
    return int.from_bytes(hashlib.sha256(salted).digest()[:8], "big")


@dataclass(frozen=True, slots=True)
class Design:
    """A sample: the number of shards of the release, and those that were drawn and read to their end.

    `groups`: size and positions of each stratum's files, small strata joined. `missing`: drawn, and not read.
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
        """Return the strata of `values`, a row for each file and a column for each measure."""
        return [Stratum(values[list(positions)], size) for size, positions in self.groups]


def design_of(run: Mapping[str, Any], log: Iterable[Mapping[str, Any]]) -> Design:
    """Return the design of a run, from its row of `runs` and its rows of `scan_log`.

    Raises:
        InputError: the run is no sample, too few shards were read or too many were not, or two have one name.
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
    # Samples of older versions were drawn from all shards alike.
    strata = run.get("sample_strata")
    listed: Mapping[str, int] = json.loads(strata) if strata else {"": run["shards_listed"]}
    places = defaultdict[str, list[int]](list)
    for position, uri in enumerate(files):
        places[stratum_of(uri) if strata else ""].append(position)
    unknown = places.keys() - listed.keys()
    if unknown:
        raise InputError(
            f"`sample_strata` does not hold the stratum {min(unknown)}",
            where=run["run_id"],
            remedy="scan the sample again",
        )
    return Design(sum(listed.values()), files, missing, len(listed), _grouped(listed, places))


def _check(run_id: str, drawn: int, files: tuple[str, ...]) -> None:
    # Refuse a sample that is too small or too damaged: `drawn` shards, `files` of them read to their end.
    missing = drawn - len(files)
    if len(set(files)) < len(files):
        raise InputError(
            "shards cannot be told apart by their names, which lose what follows `?`",
            where=run_id,
            remedy="scan a copy whose shards have names of their own",
        )
    if missing > MISSING_SHARE * drawn:
        raise InputError(
            f"{missing:,} of {drawn:,} drawn shards were not read to their end; with more than"
            f" {MISSING_SHARE:.0%} missing, what is in the rest of the release cannot be estimated",
            where=run_id,
            remedy="`scan_log` says why; scan again once they can be read",
        )
    if len(files) < STRATUM_FILES:
        raise InputError(
            f"{len(files):,} shards are too few for an interval, which takes {STRATUM_FILES}",
            where=run_id,
            remedy="draw a larger --sample",
        )


def _grouped(
    listed: Mapping[str, int], places: Mapping[str, Sequence[int]]
) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Put neighbouring strata together until each group has enough files, whatever was found in them."""
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
    """One measure of a release: seen in the sample, estimated, and its limits.

    `of`: a title or publisher; None: all. `high`: None if it is unknown, as when fewer than seven files have
    any. `files` of the sample have any, and at most `files_high` of the release.
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
    """A sample and its estimates: `listed` shards in `strata`; `read` and `missing` of those drawn."""

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
    """Counts of articles: `seen` in `files` in all, `once` or `twice` in just one or two files.

    `of`: as of a measure. `singles`: for each file, the articles seen in no other one.
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
    """Estimate how many articles there are, rather too few than too many.

    Chao2 for samples drawn without replacement (Chao and Lin 2012, "Nonparametric lower bounds for species
    richness and shared species richness under sampling without replacement"), with the correction of Chao's
    own for few articles that were seen twice. It would be right if all articles occurred equally often, and
    is too low where they do not.
    """
    count = len(design.files)
    share = count / design.listed
    if not seen.once or share >= 1:
        return float(seen.seen)
    scale = 2 * (seen.twice + 1) * count / (count - 1) + seen.once * share / (1 - share)
    return seen.seen + seen.once * (seen.once - 1) / scale
