"""How kernels are compiled, and where the compiled code is kept.

numba notices a change in a cached function's own file only, not in a kernel that it calls from another file:
after an update, old and new code would hash words differently, and copies would be missed in silence. So the
cache folder is named after the sources of the whole package.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba

PACKAGE = Path(__file__).resolve().parent


def cached_njit(function: Callable[..., Any]) -> Any:
    """Compile a kernel at its first call, without the GIL, and keep the machine code on disk."""
    numba.config.CACHE_DIR = str(cache_folder())
    return numba.njit(cache=True, nogil=True)(function)


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """A folder for these sources, below `NUMBA_CACHE_DIR`, the package, the user's cache, or a new one.

    Whoever can write there can make us run anything: a folder that others may write to is not taken.
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    places = (Path(named),) if named else (PACKAGE / "__pycache__", _user_cache() / "presswatch-spark")
    root = next((place for place in places if _is_ours(place)), None) or Path(tempfile.mkdtemp("-kernels"))
    return root / f"kernels-{sources_digest()[:16]}"


def sources_digest() -> str:
    """SHA-256 (hex) over the package's source files."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _is_ours(folder: Path) -> bool:
    """Whether the folder exists or can be made, is ours, and nobody else can write to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = folder.stat()
    except OSError:
        return False
    others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return found.st_uid == os.getuid() and not others and os.access(folder, os.W_OK)
