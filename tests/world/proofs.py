"""Parameters of which `make test` takes some of each kind, and `make test-quick` a sample."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import pytest

MANY, ONE_OF = 4, 3
"""Of a test with more parameters than `MANY`, a sample has the first of each `ONE_OF`."""


def each_time(some: Collection[Any], values: Iterable[Any]) -> list[Any]:
    """All values as parameters of a test; those that are not among `some` are marked `full`.

    A tuple holds a value for each of several parameters.
    """
    values = list(values)
    assert all(each in values for each in some), "what is tested each time is among all"
    return [
        each
        if each in some
        else pytest.param(*(each if isinstance(each, tuple) else (each,)), marks=pytest.mark.full)
        for each in values
    ]


def beyond_samples(ids: Iterable[str]) -> set[str]:
    """Return which of these tests no sample holds; `ids` are pytest's, in its order."""
    of_test = defaultdict[str, list[str]](list)
    for test in ids:
        of_test[test.partition("[")[0]].append(test)
    return {
        test
        for tests in of_test.values()
        if len(tests) > MANY
        for place, test in enumerate(tests)
        if place % ONE_OF
    }
