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

from presswatch_spark.core.errors import InputError
from presswatch_spark.scanning.sampling.intervals import Floats, Stratum
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
            "the run is no sample: what it counted is all that it read",
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
