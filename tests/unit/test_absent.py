"""Imports of a module fail while it is said to be absent, and at no other time."""

import sys
from importlib import import_module

import pytest

from presswatch_spark.core.processes import absent


def test_a_module_is_absent_while_the_block_runs_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("wave", "colorsys"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with absent("wave"):
        with pytest.raises(ModuleNotFoundError, match="wave"):
            import_module("wave")
        import_module("colorsys")
    assert import_module("wave").open


def test_a_module_that_is_loaded_stays() -> None:
    with absent("json"):
        assert import_module("json") is sys.modules["json"]
