"""Cases of a test: all in one if they are small; else some of each kind, or a sample in `make test-quick`."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

MANY, ONE_OF = 4, 3
"""Of a test with more parameters than `MANY`, a sample has the first of each `ONE_OF`."""


def cases(names: str | tuple[str, ...], values: Iterable[Any]) -> Callable[[Callable[..., None]], Any]:
    """Make one test of many small cases, which names every case that fails; else as `parametrize`.

    pytest takes milliseconds for a test, four processes collect it, and there are thousands of such cases.
    Each has a folder of its own in `tmp_path`; the other fixtures of the test are the same for all.
    """
    parts, known = (names,) if isinstance(names, str) else names, list(values)
    rows = [dict(zip(parts, (case,) if isinstance(names, str) else case, strict=True)) for case in known]
    assert rows, "a table of cases has some"
    assert not any(hasattr(case, "marks") for case in known), "cases of one test have no marks of their own"

    def decorate(test: Callable[..., None]) -> Any:
        signature = inspect.signature(test)

        @wraps(test)
        def all_cases(*args: Any, **fixtures: Any) -> None:
            failures, skipped, tmp_path = dict[int, Exception](), dict[int, str](), fixtures.get("tmp_path")
            for number, row in enumerate(rows):
                if isinstance(tmp_path, Path):
                    fixtures["tmp_path"] = tmp_path / f"case{number}"
                    fixtures["tmp_path"].mkdir()
                try:
                    test(*args, **fixtures, **row)
                except pytest.skip.Exception as left_out:
                    skipped[number] = str(left_out)
                    continue
                except pytest.fail.Exception as error:
                    failures[number] = AssertionError(str(error)).with_traceback(error.__traceback__)
                except Exception as error:  # noqa: BLE001 (the group below has it)
                    failures[number] = error
                else:
                    continue
                failures[number].add_note(f"case {number}: {row!r:.500}")
            if failures:
                # Of a large group, pytest shows the first fifteen.
                said = f"{len(failures)} of {len(rows)} cases failed: {', '.join(map(str, failures))}"
                raise ExceptionGroup(said, [*failures.values()])
            if skipped:
                pytest.skip(f"cases that were left out: {skipped}")

        left = [each for name, each in signature.parameters.items() if name not in parts]
        all_cases.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return all_cases

    return decorate


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
