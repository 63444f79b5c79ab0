"""Families of processors that kernels are compiled for ahead, where others than this host are to run them."""

from __future__ import annotations

from typing import NamedTuple


class Family(NamedTuple):
    """A family: its name in LLVM, and the features, as LLVM names them, that all of its members have."""

    processor: str
    features: tuple[str, ...]


FAMILIES = {
    "x86_64": Family("x86-64-v3", ("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")),
    "aarch64": Family("neoverse-n1", ("lse", "rdm", "dotprod", "fullfp16")),
}
"""By what `platform.machine()` says: Haswell, Zen and newer; Graviton 2 and newer."""
