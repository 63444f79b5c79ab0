"""Hides modules from imports for a while: some libraries load others wherever these are installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def absent(module: str, *, even_if_loaded: bool = False) -> Iterator[None]:
    """Have imports of a module fail while the block runs, as if it were not installed.

    Args:
        even_if_loaded: hide a module that was imported before, too; else that one stays.
    """
    # None in `sys.modules` would do for Python alone: Arrow's compiled code takes that for the module.
    before = sys.modules.pop(module, None) if even_if_loaded else None
    finder = _Absent(module)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        if before:
            sys.modules[module] = before


class _Absent:
    """Finds no such module."""

    def __init__(self, module: str) -> None:
        self._module = module

    def find_spec(self, name: str, *_: Any) -> None:
        """Refuse its name, and leave all others to those who look next."""
        if name == self._module:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
