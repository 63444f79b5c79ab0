"""How kernels are compiled, and where the compiled code is kept.

numba notices a change in a cached function's own file only, not in a kernel that it calls from another file.
After an update, old and new code would hash words differently, and copies would be missed in silence. So the
cache folder is named after the sources of the whole package.

An archive for clusters may bring compiled kernels (`deploy.kernels`). They are for a baseline of processors,
and are used where the host has all features of it. There, what else is compiled is for the baseline too.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Self

import numba
from llvmlite.binding import get_host_cpu_features, get_host_cpu_name
from numba.core.caching import IndexDataCacheFile, UserProvidedCacheLocator
from numba.core.registry import cpu_target
from numba.core.types.misc import unliteral

from presswatch_spark.absent import absent
from presswatch_spark.processors import Baseline, baseline_here
from presswatch_spark.user_cache import is_ours, user_caches

PACKAGE = Path(__file__).resolve().parent
BROUGHT = PACKAGE / "kernels"
"""Where the kernels lie that an archive brings."""
ALL = "any"
"""What kernels are for that suffice for a scan of any format."""


def cached_njit(function: Callable[..., Any]) -> Any:
    """Compile a kernel at its first call, without the GIL, and keep the machine code on disk."""
    return _compiled(function)


def entry_njit(function: Callable[..., Any]) -> Any:
    """Like `cached_njit`, for what allocates no array and returns none: it counts no references.

    numba counts references to every array around every call, with atomic instructions, and LLVM may refuse to
    inline: both cost more than what a small kernel does.
    """
    return _compiled(function, _nrt=False)


def inner_njit(function: Callable[..., Any]) -> Any:
    """Like `cached_njit`, but for kernels alone to call; a call from Python would end the process.

    What unpacks the arguments of such a call is a quarter of what there is to compile.
    """
    return _compiled(function, no_cpython_wrapper=True)


def uncounted_njit(function: Callable[..., Any]) -> Any:
    """Like `entry_njit`, but for kernels alone to call, as with `inner_njit`."""
    return _compiled(function, no_cpython_wrapper=True, _nrt=False)


def lean_njit(function: Callable[..., Any]) -> Any:
    """Like `uncounted_njit`, but it becomes part of what calls it: for kernels that are small."""
    return _compiled(function, forceinline=True, no_cpython_wrapper=True, _nrt=False)


def load_numba() -> None:
    """Have numba load now what it loads before the first kernel that a process runs.

    It looks for the linear algebra of scipy, which takes as long to load as all else. No kernel uses that.
    """
    with absent("scipy.linalg"):
        cpu_target.typing_context.refresh()
        cpu_target.target_context.refresh()


def is_cached(kernel: Any) -> bool:
    """Whether this host has machine code of a kernel on disk; other hosts have caches of their own."""
    function = kernel.py_func
    name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}-*.nbi"
    return any(cache_folder().glob(f"*/{name}"))


def _compiled(function: Callable[..., Any], **options: bool) -> Any:
    numba.config.CACHE_DIR = str(cache_folder())
    numba.config.CACHE_LOCATOR_CLASSES = LOCATORS
    # No code of C calls them.
    kernel = numba.njit(cache=True, nogil=True, no_cfunc_wrapper=True, **options)(function)
    # With NUMBA_DISABLE_JIT it is the function itself.
    if (cache := getattr(kernel, "_cache", None)) is not None:
        cache._cache_file = _KernelFiles.of(cache)
        kernel.compile = partial(_compile_for_any_value, kernel.compile)
    return kernel


def _compile_for_any_value(compile: Callable[..., Any], types: tuple[Any, ...]) -> Any:
    """Compile a kernel for arguments of these types, whatever they are.

    Where a kernel passes a number that is written in it, numba would compile what it calls for this number
    alone, and again for each other one.
    """
    return compile(tuple(unliteral(each) for each in types))


class _KernelFiles(IndexDataCacheFile):  # type: ignore[misc]
    """The files of a kernel's code, one for each key: its types, and the processor that it is for.

    numba gives a file the next number that its index lacks. Of two processes that compile a kernel at once,
    for other types or processors, both may take the same one: a third would run the code of one key for the
    other. Here the key says the number.
    """

    @classmethod
    def of(cls, cache: Any) -> Self:
        """Return the files that a cache of numba's uses."""
        return cls(cache.cache_path, cache._impl.filename_base, cache._impl.locator.get_source_stamp())

    def save(self, key: Any, data: Any) -> None:
        """Keep code, and then say so in the index.

        Of two processes that write the index at once, one may drop what the other wrote: it is
        compiled again.
        """
        name = self._data_name(int(hashlib.sha256(repr(key).encode()).hexdigest()[:16], 16))
        self._save_data(name, data)
        self._save_index({**self._load_index(), key: name})


class PackageLocator(UserProvidedCacheLocator):  # type: ignore[misc]
    """Tells numba to name a kernel's code after its module, not after the path where the package lies.

    So what was compiled in one place is found in another.
    """

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> Self | None:
        """Return the locator of a function of this package; None for any other."""
        return None if _room_of(py_file) is None else super().from_function(py_func, py_file)

    def get_cache_path(self) -> str:
        """Return the folder of a kernel's code."""
        return str(Path(numba.config.CACHE_DIR, _room_of(self._py_file) or "package"))

    def ensure_cache_path(self) -> None:
        """Make the folder of a kernel's code, and see once whether this process may write there.

        numba would write a file in it for each kernel.

        Raises:
            OSError: it may not.
        """
        _ensure_writable(self.get_cache_path())


@lru_cache
def _room_of(py_file: str) -> str | None:
    """Return the folder of a module in this package, with dots; None for a module of any other."""
    folder = Path(py_file).resolve().parent
    return ".".join(folder.relative_to(PACKAGE).parts) if folder.is_relative_to(PACKAGE) else None


@lru_cache
def _ensure_writable(folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


LOCATORS = f"{__name__}.PackageLocator,UserProvidedCacheLocator"


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """A folder for these sources, below `NUMBA_CACHE_DIR`, the package, the user's caches, or a new one.

    A folder that others may write to is not taken (see `user_cache`). If an archive brings kernels for this
    host, they are in it, and numba compiles for their processors.
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    places = (Path(named),) if named else (PACKAGE / "__pycache__", *user_caches())
    root = next(filter(is_ours, places), None) or Path(tempfile.mkdtemp("-kernels"))
    name = f"kernels-{sources_digest()[:16]}"
    brought = _brought_for(name)
    if brought:
        numba.config.CPU_NAME, numba.config.CPU_FEATURES = brought.processor, ""
    folder = root / (f"{name}-{numba.config.CPU_NAME}" if numba.config.CPU_NAME else name)
    if brought and not folder.exists():
        _lay_out(BROUGHT / folder.name, folder)
    return folder


def _brought_for(name: str) -> Baseline | None:
    """Return what the kernels of these sources are for that the package brings; None if none suit this host.

    Where `NUMBA_CPU_NAME` asks for others, they are not used.
    """
    baseline = baseline_here()
    if baseline is None or numba.config.CPU_NAME or not suits(baseline):
        return None
    ready = _ready_name(ALL, (baseline.processor, ""))
    return baseline if (BROUGHT / f"{name}-{baseline.processor}" / ready).exists() else None


def suits(baseline: Baseline) -> bool:
    """Say whether this host's processor has all features of a baseline."""
    has = get_host_cpu_features()
    return all(has.get(feature) for feature in baseline.features)


def _lay_out(brought: Path, folder: Path) -> None:
    """Copy the kernels that were brought to where numba can add to them: they may lie where nobody can write.

    Where there is no room for them, they are compiled.
    """
    with suppress(OSError), tempfile.TemporaryDirectory(dir=folder.parent) as draft:
        whole = Path(draft, folder.name)
        for path in filter(Path.is_file, brought.rglob("*")):
            copy = whole / path.relative_to(brought)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        # Refused if another process was quicker: a folder with something in it is not replaced.
        whole.rename(folder)


def ready_file(what: str) -> Path:
    """Return the file that says that the kernels of `what` are cached for this Python and processor."""
    folder = cache_folder()
    name, features = numba.config.CPU_NAME, numba.config.CPU_FEATURES
    host = get_host_cpu_features().flatten()
    return folder / _ready_name(what, (name or get_host_cpu_name(), host if features is None else features))


def _ready_name(what: str, processor: tuple[str, str]) -> str:
    made_for = (sys.version_info[:2], numba.__version__, processor)
    return f"{what}-{hashlib.sha256(repr(made_for).encode()).hexdigest()[:16]}.ready"


def sources_digest() -> str:
    """SHA-256 (hex) over the package's source files."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
