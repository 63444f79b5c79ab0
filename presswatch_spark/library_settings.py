"""Keeps libraries from taking settings from the working folder.

That folder may have come with the shards. numba reads `.numba_config.yaml` there when it is imported and
again at each kernel, and pyiceberg reads `.pyiceberg.yaml`: the former can turn compilation off or print the
code of every kernel, the latter names catalogs. Both keep their other sources: the environment, and for
pyiceberg `PYICEBERG_HOME` and the home folder.
"""

import builtins
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.abc import Loader

NUMBA, PYICEBERG = "numba.core.config", "pyiceberg.utils.config"
NOWHERE = os.devnull
"""A file that is none to numba."""


def ignore_working_folder() -> None:
    """Have these libraries ignore the working folder, from now on and whoever imports them."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    numba: Any = sys.modules.get(NUMBA)
    if numba and numba._config_fname != NOWHERE:  # imported before this package
        numba._config_fname = NOWHERE
        numba.reload_config()


def _load_numba_settings(module: ModuleType, load: Callable[[ModuleType], None]) -> None:
    """Load numba's settings: it reads the file only if it can import yaml, and warns if it cannot."""
    module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import_without_yaml}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load(module)
    module._config_fname = NOWHERE  # type: ignore[attr-defined]


def _import_without_yaml(name: str, *rest: Any, **named: Any) -> ModuleType:
    if name == "yaml":
        raise ImportError("numba is not to read settings from the working folder", name=name)
    return builtins.__import__(name, *rest, **named)


def _load_pyiceberg_settings(module: ModuleType, load: Callable[[ModuleType], None]) -> None:
    """Load pyiceberg's settings: it leaves out a folder without a name."""
    load(module)
    module.os = SimpleNamespace(**{**vars(os), "getcwd": str})  # type: ignore[attr-defined]


_LOADS = {NUMBA: _load_numba_settings, PYICEBERG: _load_pyiceberg_settings}


class _Finder:
    """Finds the modules of settings where they are, and has them loaded by `_LOADS`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of settings; None for all others, which other finders find."""
        spec = PathFinder.find_spec(name, path, target) if name in _LOADS else None
        if spec and spec.loader:
            spec.loader = _Loader(spec.loader, name)  # type: ignore[assignment]
        return spec


class _Loader:
    """Loads one module of settings."""

    def __init__(self, loader: "Loader", name: str) -> None:
        self._loader, self._load = loader, _LOADS[name]

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave the module's making to the loader that it would have had."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module without the working folder."""
        self._load(module, self._loader.exec_module)

    def __getattr__(self, name: str) -> Any:
        """Return what the loader has besides: sources, for tracebacks."""
        return getattr(self._loader, name)
