"""How kernels are compiled, and where the compiled code is kept.

numba notices a change in a cached function's own file only, not in a kernel that it calls from another file:
after an update, old and new code would hash words differently, and copies would be missed in silence. So the
cache folder is named after the sources of the whole package.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
from llvmlite.binding import get_host_cpu_features, get_host_cpu_name

from presswatch_spark.user_cache import is_ours, user_caches

PACKAGE = Path(__file__).resolve().parent


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
    function = kernel.py_func
    name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}-*.nbi"
    return any(cache_folder().glob(f"*/{name}"))


def _compiled(function: Callable[..., Any], **options: bool) -> Any:
    numba.config.CACHE_DIR = str(cache_folder())
    return numba.njit(cache=True, nogil=True, **options)(function)


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
    """Return the file that says that the kernels of `what` are cached for this Python and processor."""
    processor = (get_host_cpu_name(), get_host_cpu_features().flatten())
    made_for = (sys.version_info[:2], numba.__version__, processor)
    return cache_folder() / f"{what}-{hashlib.sha256(repr(made_for).encode()).hexdigest()[:16]}.ready"


def sources_digest() -> str:
    """SHA-256 (hex) over the package's source files."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
