"""Has imports of a module fail for a while: some libraries load others, where there are any, in vain."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def absent(module: str) -> Iterator[None]:
    """Have first imports of a module fail while the block runs, as if it were not installed."""
    finder = _Absent(module)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Absent:
    """Finds no such module."""

    def __init__(self, module: str) -> None:
        self._module = module

    def find_spec(self, name: str, *_: Any) -> None:
        """Refuse its name, and leave all others to those who look next."""
        if name == self._module:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
