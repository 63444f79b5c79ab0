"""How a published sample was drawn and what of it was read, as the strata that estimates are made in."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from presswatch_spark.errors import InputError
from presswatch_spark.sampling.draw import stratum_of
from presswatch_spark.sampling.intervals import Floats, Stratum

# A stratum of fewer files is put together with the next ones: so few do not show how skewed counts are.
STRATUM_FILES = 20
# Shards that were drawn and not read to their end, at most: beyond that, nobody can say what they hold.
MISSING_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Design:
    """A sample: shards of the release, and those that were drawn and read to their end.

    `groups`: size and positions of each stratum's files, those of small strata together. `missing`: shards
    that were drawn and not read to their end.
    """

    listed: int
    files: tuple[str, ...]
    missing: int
    strata: int
    groups: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def missing_share(self) -> float:
        """Share of the drawn shards that were not read to their end."""
        return self.missing / (self.missing + len(self.files))

    def stratified(self, values: Floats) -> list[Stratum]:
        """The strata of `values`, a row for each file and a column for each measure."""
        return [Stratum(values[list(positions)], size) for size, positions in self.groups]

    def weights(self) -> Floats:
        """For how many shards of the release each file stands."""
        weights = np.zeros(len(self.files))
        for size, positions in self.groups:
            weights[list(positions)] = size / len(positions)
        return weights


def design_of(run: Mapping[str, Any], log: Iterable[Mapping[str, Any]]) -> Design:
    """The design of a run, from its row of `runs` and its rows of `scan_log`.

    Shards that were not read to their end are not zeros, they are missing: the others of their stratum stand
    for them, and `estimate` widens the intervals.

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
    told = run.get("sample_strata")
    listed: Mapping[str, int] = json.loads(told) if told else {"": run["shards_listed"]}
    places = defaultdict[str, list[int]](list)
    for position, uri in enumerate(files):
        places[stratum_of(uri) if told else ""].append(position)
    unknown = places.keys() - listed.keys()
    if unknown:
        raise InputError(
            f"`sample_strata` does not hold the stratum {min(unknown)}",
            where=run["run_id"],
            remedy="scan the sample again",
        )
    return Design(sum(listed.values()), files, missing, len(listed), _grouped(listed, places))


def _check(run_id: str, drawn: int, files: tuple[str, ...]) -> None:
    """Refuse a sample of `drawn` shards, of which `files` were read to their end, that tells nothing."""
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
    """Neighbours put together until each group has files enough, whatever was found in them."""
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
