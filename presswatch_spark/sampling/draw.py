"""Which shards a sample holds: drawn at random within each stratum, the same from every mirror.

A stratum is what lies together in a release: of a crawl, the files of one segment; elsewhere, those of one
folder. Each gives its share of the sample. Whole segments are never drawn: a segment's pages resemble each
other, and from one segment, or five, nobody can tell how much segments differ
(docs/explanation/decisions.md has the figures).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from presswatch_spark.errors import InputError
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.shards import ShardPlan
from presswatch_spark.storage.uris import printable

_SEGMENT = re.compile(r"(?:^|/)segments/([^/]+)/(?:([^/]+)/)?[^/]+$")
_HASH_END = 1 << 64


@dataclass(frozen=True, slots=True)
class Draw:
    """The shards that were drawn, and how many each stratum of the release has, drawn or not."""

    shards: ShardPlan
    strata: Mapping[str, int]

    def strata_json(self) -> str:
        """The strata as `runs.sample_strata` holds them."""
        return json.dumps(self.strata, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def stratum_of(uri: str) -> str:
    """Return the stratum of a shard: `SEGMENT/SUBSET` of a crawl's, else the name of its folder."""
    path = printable(uri)
    if found := _SEGMENT.search(path):
        return "/".join(filter(None, found.groups()))
    return path.rpartition("/")[0].rpartition("/")[2]


def draw(listed: ShardPlan, share: float, seed: int) -> Draw:
    """Draw `share` (0 < share <= 1) of the shards, at least one.

    Every shard has the same chance, but where a few are drawn from strata unlike in size: those of the small
    ones then have less. Of so few, no estimate is made. A stratum of N shards gives share * N, rounded up or
    down by the seed. The draw depends on the seed and on names below the release alone, and a smaller share
    is a subset of a larger one.

    Raises:
        InputError: the share is none.
    """
    if not 0 < share <= 1:
        raise InputError(f"a sample of {share} is not between 0 and 1", remedy="give --sample 0.01 for 1 %")
    strata = defaultdict[str, list[ObjectInfo]](list)
    for shard in listed:
        strata[stratum_of(shard.uri)].append(shard)
    # One folder alone is called what each mirror likes.
    salted = len(strata) > 1
    turns = [turn for name, shards in strata.items() for turn in _turns(name if salted else "", shards, seed)]
    turns.sort(key=lambda turn: turn[:2])
    wanted = max(1, round(share * len(listed)))
    drawn = ShardPlan.of(shard for *_, shard in turns[:wanted])
    return Draw(drawn, {name: len(shards) for name, shards in sorted(strata.items())})


def _turns(stratum: str, shards: Iterable[ObjectInfo], seed: int) -> list[tuple[float, str, ObjectInfo]]:
    """When each shard of a stratum is drawn: in the order of their lots, evenly from 0 to 1, a random start.

    Whoever takes the first turns of all strata takes of each its share.
    """
    # `shards` are in the order of their URIs, which decides between those of one name.
    lots = [(_lot(seed, stratum, shard.uri.rpartition("/")[2]), shard) for shard in shards]
    lots.sort(key=lambda pair: pair[0])
    start = _lot(seed, stratum, "") / _HASH_END
    return [((place + start) / len(lots), stratum, shard) for place, (_, shard) in enumerate(lots)]


def _lot(seed: int, stratum: str, name: str) -> int:
    told = json.dumps([seed, stratum, name]).encode()
    return int.from_bytes(hashlib.sha256(told).digest()[:8], "big")
