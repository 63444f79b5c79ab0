"""Counts of articles in the files of a sample, by numpy: what a query gives, for simulations."""

from __future__ import annotations

from typing import Any

import numpy as np

from presswatch_spark.sampling.extrapolation import Occurrences


def occurrences(articles: Any, places: Any, files: int) -> Occurrences:
    """Count articles by how many of `files` they were seen in: pairs of an article and a file, each once."""
    times = np.bincount(articles)
    alone = places[times[articles] == 1] if len(times) else places
    return Occurrences(
        "articles",
        None,
        seen=int(np.count_nonzero(times)),
        files=len(np.unique(places)),
        once=int(np.count_nonzero(times == 1)),
        twice=int(np.count_nonzero(times == 2)),
        singles=np.bincount(alone, minlength=files).astype(np.float64),
    )
