"""Baselines of processors: what kernels are compiled for that others than this host are to run."""

import platform
from typing import NamedTuple


class Baseline(NamedTuple):
    """Processors that run the same code: their name in LLVM, and the names of features that all have."""

    processor: str
    features: tuple[str, ...]


BASELINES = {
    "x86_64": Baseline("x86-64-v3", ("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe", "popcnt")),
    "aarch64": Baseline("neoverse-n1", ("lse", "rdm", "dotprod", "fullfp16", "crc")),
}
"""By what `platform.machine()` says: Haswell, Zen and newer; Graviton 2 and newer."""


def baseline_here() -> Baseline | None:
    """Return the baseline of this machine's kind; None if there is none. This machine may lack features."""
    return BASELINES.get(platform.machine())
