"""Compiles kernels, and caches the machine code; the only module that imports numba.

numba notices only changes in a cached function's own file. A mix of old and new code could hash words
differently, and copies would be missed. So the name of the cache folder has a digest of the sources of all
modules with kernels, and of all modules that they import.
"""

import hashlib
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from llvmlite.binding import get_host_cpu_features, get_host_cpu_name

from presswatch_spark.core.processes import absent, is_ours, user_caches

# Hide yaml: with it, numba reads `.numba_config.yaml` in the working folder, which may come with the shards.
with absent("yaml", even_if_loaded=True), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import numba
    from numba.core.caching import IndexDataCacheFile, UserProvidedCacheLocator
    from numba.core.registry import cpu_target
    from numba.core.types.misc import unliteral
    from numba.extending import intrinsic as intrinsic
numba.core.config._config_fname = os.devnull
# If another module imported numba first, it has read the file: read the settings again, without it.
numba.core.config.reload_config()
# `simd` takes both from here: no other module imports numba.
types = numba.types

PACKAGE = Path(__file__).resolve().parents[1]
Function = TypeVar("Function", bound=Callable[..., Any])
ALL = "any"
"""In the name of a ready file: the kernels of all formats are compiled."""


def cached_njit(function: Function, **options: bool) -> Function:
    """Compile a kernel at its first call, without the GIL, and keep the machine code on disk."""
    numba.config.CACHE_DIR = str(cache_folder())
    numba.config.CACHE_LOCATOR_CLASSES = LOCATORS
    kernel = numba.njit(cache=True, nogil=True, no_cfunc_wrapper=True, **options)(function)
    # With NUMBA_DISABLE_JIT, `kernel` is the Python function itself.
    if (cache := getattr(kernel, "_cache", None)) is not None:
        cache._cache_file = _KernelFiles.of(cache)
        # Without this, numba would compile a kernel again for each literal number in a call.
        compile_kernel = kernel.compile
        kernel.compile = lambda types: compile_kernel(tuple(unliteral(each) for each in types))
    return cast(Function, kernel)


entry_njit = partial(cached_njit, _nrt=False)
"""Like `cached_njit`, without reference counting: for kernels that neither allocate nor return arrays.

Counting references costs more than a small kernel itself, and may prevent inlining.
"""
inner_njit = partial(cached_njit, no_cpython_wrapper=True)
"""Like `cached_njit`, but only for calls by kernels: a call from Python would crash the process.

The code for calls from Python would be a quarter of the compiled code.
"""
uncounted_njit = partial(cached_njit, _nrt=False, no_cpython_wrapper=True)
"""Like `entry_njit`, but only for calls by kernels."""
lean_njit = partial(cached_njit, _nrt=False, no_cpython_wrapper=True, forceinline=True)
"""Like `uncounted_njit`, but inlined in its callers: for kernels that are small."""


def load_numba() -> None:
    """Load numba's modules now instead of at the first kernel, and without scipy's linear algebra."""
    with absent("scipy.linalg", even_if_loaded=True):
        cpu_target.typing_context.refresh()
        cpu_target.target_context.refresh()


def is_cached(kernel: Any) -> bool:
    """Return True if this host has machine code of a kernel on disk."""
    function = kernel.py_func
    name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}-*.nbi"
    return any(cache_folder().glob(f"*/{name}"))


class _KernelFiles(IndexDataCacheFile):  # type: ignore[misc]
    """The files of a kernel's code, one for each key (types of arguments, and processor).

    numba gives a file the next free number: two processes that compile for different types at the same time
    may take the same number, and a third would run the wrong code. Here the number is a hash of the key.
    """

    @classmethod
    def of(cls, cache: Any) -> Self:
        return cls(cache.cache_path, cache._impl.filename_base, cache._impl.locator.get_source_stamp())

    def save(self, key: Any, data: Any) -> None:
        # If two processes write the index at the same time, an entry may be lost: it is then compiled again.
        name = self._data_name(int(hashlib.sha256(repr(key).encode()).hexdigest()[:16], 16))
        self._save_data(name, data)
        self._save_index({**self._load_index(), key: name})


class PackageLocator(UserProvidedCacheLocator):  # type: ignore[misc]
    """Names a kernel's code by its module, not by the package's path, so that another checkout finds it."""

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> Self | None:
        """Return the locator of a function of this package; None for any other."""
        return None if _package_of(py_file) is None else super().from_function(py_func, py_file)

    def get_cache_path(self) -> str:
        """Return the folder of a kernel's code."""
        return str(Path(numba.config.CACHE_DIR, _package_of(self._py_file) or "package"))

    def ensure_cache_path(self) -> None:
        """Make the folder of a kernel's code; `OSError` if this process may not write there.

        This is checked once per folder, whereas numba would write a file for each kernel.
        """
        _ensure_writable(self.get_cache_path())


@lru_cache
def _package_of(py_file: str) -> str | None:
    # Return the dotted name of the folder; None for a module of another package.
    folder = Path(py_file).resolve().parent
    return ".".join(folder.relative_to(PACKAGE).parts) if folder.is_relative_to(PACKAGE) else None


@lru_cache
def _ensure_writable(folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


LOCATORS = f"{__name__}.PackageLocator,UserProvidedCacheLocator"


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """Return the folder of these sources, in `NUMBA_CACHE_DIR`, the package, a user's cache, or a new one."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    places = (Path(named),) if named else (PACKAGE / "__pycache__", *user_caches())
    root = next(filter(is_ours, places), None) or Path(tempfile.mkdtemp("-kernels"))
    digest = hashlib.sha256()
    for path, source in sorted(_kernel_sources().items()):
        digest.update(path.encode() + b"\0" + source)
    return root / f"kernels-{digest.hexdigest()[:16]}"


def ready_file(what: str) -> Path:
    """Return the file that exists if kernels of `what` are cached for this Python, numba and processor."""
    processor = get_host_cpu_name(), get_host_cpu_features().flatten()
    made_for = (sys.version_info[:2], numba.__version__, processor, numba.config.CPU_NAME)
    return cache_folder() / f"{what}-{hashlib.sha256(repr(made_for).encode()).hexdigest()[:16]}.ready"


_IMPORT = re.compile(
    rb"^ *from (presswatch_spark(?:\.\w+)*) import (\((?:[^)#]|#[^\n]*)*\)|[^\n]*)", re.MULTILINE
)


def _kernel_sources() -> dict[str, bytes]:
    sources = {
        path.relative_to(PACKAGE.parent).as_posix(): path.read_bytes() for path in PACKAGE.rglob("*.py")
    }
    found: dict[str, bytes] = {}
    waiting = [path for path, source in sources.items() if b"njit" in source]
    while waiting:
        path = waiting.pop()
        if path in sources and path not in found:
            found[path] = sources[path]
            for module, names in _IMPORT.findall(sources[path]):
                folder = module.decode().replace(".", "/")
                modules = [folder, *(f"{folder}/{name}" for name in re.findall(r"\w+", names.decode()))]
                waiting += [f"{each}{end}" for each in modules for end in (".py", "/__init__.py")]
    return found
