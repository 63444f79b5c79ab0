"""Parameters of which `make test` takes some of each kind; the others are long proofs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


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
