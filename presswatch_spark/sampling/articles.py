"""How many different articles are in a release, by a sample of it.

This is no sum over files: an article may stand in many. Those that the sample found are in the release. How
many more there are is told by those that it found in one file only: for every such article, about (1 - q) / q
occurrences are to be expected, where q is the share that was drawn, of articles that it did not find at all
(the argument of Good and Turing, for draws without replacement). As many other articles there are at most:
each of them occurs once at least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from presswatch_spark.sampling.design import Design
from presswatch_spark.sampling.intervals import Floats
from presswatch_spark.sampling.measures import Articles


@dataclass(frozen=True, slots=True)
class Occurrences:
    """How many articles were seen, in how many files in all; `once` and `twice`: in just one or two of them.

    `singles`: how many each file holds that were seen in no other.
    """

    seen: int
    files: int
    once: int
    twice: int
    singles: Floats


def occurrences(found: Articles, files: int) -> Occurrences:
    """Count in how many of `files` the articles were seen."""
    times = np.bincount(found.articles)
    alone = found.files[times[found.articles] == 1] if len(times) else found.files
    return Occurrences(
        seen=int(np.count_nonzero(times)),
        files=len(np.unique(found.files)),
        once=int(np.count_nonzero(times == 1)),
        twice=int(np.count_nonzero(times == 2)),
        singles=np.bincount(alone, minlength=files).astype(np.float64),
    )


def cautious(seen: Occurrences, design: Design) -> float:
    """How many articles there are, rather too few than too many.

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
