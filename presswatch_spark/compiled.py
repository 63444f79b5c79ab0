"""How kernels are compiled, and where the compiled code is kept.

numba notices a change in a cached function's own file only, not in a kernel that it calls from another file:
after an update, old and new code would hash words differently, and copies would be missed in silence. So the
cache folder is named after the sources of the whole package.

An archive for clusters may bring its kernels, compiled for a family of processors (see `processors`). Where
they suit, this process compiles for that family too, and only what they lack.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numba
from llvmlite.binding import get_host_cpu_features
from numba.core import caching
from numba.core.registry import cpu_target
from numba.core.types.misc import unliteral

from presswatch_spark.processors import FAMILIES, Family
from presswatch_spark.user_cache import is_ours, user_caches

PACKAGE = Path(__file__).resolve().parent
SHIPPED, MADE_FOR = "kernels", "made-for.json"


def cached_njit(function: Callable[..., Any]) -> Any:
    """Compile a kernel at its first call, without the GIL, and keep the machine code on disk."""
    return _compiled(function)


def lean_njit(function: Callable[..., Any]) -> Any:
    """Like `cached_njit`, for what allocates no array and returns none: it becomes part of what calls it.

    numba counts references to every array around every call, with atomic instructions, and LLVM may refuse to
    inline: both cost more than what a small kernel does. Here nothing is counted.
    """
    return _compiled(function, forceinline=True, _nrt=False)


def uncounted_njit(function: Callable[..., Any]) -> Any:
    """Like `lean_njit`, but called: for kernels that are large or called seldom."""
    return _compiled(function, _nrt=False)


def is_cached(kernel: Any) -> bool:
    """Whether this host has machine code of a kernel on disk; other hosts have caches of their own."""
    if shipped_family():
        return True
    function = kernel.py_func
    name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}-*.nbi"
    return any(cache_folder().glob(f"*/{name}"))


def _compiled(function: Callable[..., Any], **options: bool) -> Any:
    if family := shipped_family():
        numba.config.CPU_NAME, numba.config.CPU_FEATURES = family.processor, ""
    kernel = numba.njit(nogil=True, **options)(function)
    kernel._cache = _Cache(function)
    kernel.get_call_template = partial(_for_any_value, kernel.get_call_template)
    return kernel


def _for_any_value(template: Callable[..., Any], args: Sequence[Any], kws: Mapping[str, Any]) -> Any:
    """Have what calls a kernel use one version of it: numba compiles one for each constant that is passed."""
    return template(tuple(map(unliteral, args)), {name: unliteral(kws[name]) for name in kws})


class _Locator(caching._CacheLocator):  # type: ignore[misc]
    """Says where the code of a kernel is kept: in `cache_folder`, wherever the package lies."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._module, self._line = function.__module__, function.__code__.co_firstlineno

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> Self:
        return cls(py_func)

    def get_cache_path(self) -> str:
        return str(cache_folder() / self._module)

    def get_source_stamp(self) -> None:
        """The folder is named after the sources; when a file was written, and where, says nothing."""

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Kept(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes: ClassVar = [_Locator]


class _ShippedLocator(_Locator):
    """Says where the code of a kernel lies in the package."""

    def get_cache_path(self) -> str:
        return str(PACKAGE / SHIPPED / self._module)


class _Shipped(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes: ClassVar = [_ShippedLocator]


class _ShippedCache(caching.FunctionCache):  # type: ignore[misc]
    _impl_class = _Shipped


class _Cache(caching.FunctionCache):  # type: ignore[misc]
    """Looks for code in the package, if that brings any for this host; else keeps it in `cache_folder`."""

    _impl_class = _Kept

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._shipped = _ShippedCache(function) if shipped_family() else None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        shipped = self._shipped and self._shipped.load_overload(sig, target_context)
        return shipped or super().load_overload(sig, target_context)


@lru_cache(maxsize=1)
def shipped_family() -> Family | None:
    """The processors that the kernels in the package are for; None if it has none, or none for this host."""
    try:
        made_for = json.loads((PACKAGE / SHIPPED / MADE_FOR).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    family = FAMILIES.get(platform.machine())
    if family is None or made_for != description_of(family):
        return None
    has = get_host_cpu_features()
    return family if all(has.get(feature) for feature in family.features) else None


def description_of(family: Family) -> dict[str, str]:
    """What kernels for `family` are good for: these sources, this Python and this numba."""
    return {
        "processor": family.processor,
        "sources": sources_digest(),
        "python": ".".join(map(str, sys.version_info[:2])),
        "numba": numba.__version__,
    }


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """A folder for these sources, below `NUMBA_CACHE_DIR`, the package, the user's caches, or a new one.

    A folder that others may write to is not taken (see `user_cache`).
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    places = (Path(named),) if named else (PACKAGE / "__pycache__", *user_caches())
    root = next(filter(is_ours, places), None) or Path(tempfile.mkdtemp("-kernels"))
    return root / f"kernels-{sources_digest()[:16]}"


def ready_file(what: str) -> Path:
    """The file that says that the kernels of `what` are in the cache, for this Python and processor."""
    made_for = (sys.version_info[:2], numba.__version__, cpu_target.target_context.codegen().magic_tuple())
    return cache_folder() / f"{what}-{hashlib.sha256(repr(made_for).encode()).hexdigest()[:16]}.ready"


def sources_digest() -> str:
    """SHA-256 (hex) over the package's source files."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
