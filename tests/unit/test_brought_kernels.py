"""Kernels that an archive brings are found wherever it is unpacked, and used where they suit alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import presswatch_spark
from presswatch_spark.processors import baseline_here
from tests.kernels import COUNTED

PACKAGE = Path(presswatch_spark.__file__).parent
CALL = f"""{COUNTED}
import numpy as np
from numba.core.registry import cpu_target
from presswatch_spark.verify.screen import window_hashes
hashes = np.arange(20, dtype=np.uint64)
window_hashes(hashes, 11)
print(len(compiled), cpu_target.target_context.codegen().magic_tuple()[1])
"""
KEEP = """
from pathlib import Path
from presswatch_spark.compiled import BROUGHT
from presswatch_spark.compiled_ahead import keep
keep(BROUGHT)
"""
BASELINE = baseline_here()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BASELINE is None, reason="archives bring no kernels for such processors"),
]


def said(lib: Path, code: str, cache: Path, **variables: str) -> list[str]:
    """What a process prints that finds the package in `lib`, in words."""
    environment = {**os.environ, "PYTHONPATH": str(lib), "NUMBA_CACHE_DIR": str(cache), **variables}
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def processor() -> str:
    assert BASELINE
    return BASELINE.processor


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory, processor: str) -> Path:
    """A package with a kernel, made in one place and unpacked in another, at another time."""
    built, there = (tmp_path_factory.mktemp(name) / "lib" for name in ("built", "there"))
    shutil.copytree(PACKAGE, built / "presswatch_spark", ignore=shutil.ignore_patterns("__pycache__"))
    asked = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": ""}
    number, name = said(built, CALL + KEEP, built.parent / "cache", **asked)
    assert (int(number) > 0, name) == (True, processor)
    shutil.copytree(built, there, copy_function=shutil.copyfile)
    shutil.rmtree(built)
    for path in there.rglob("*.py"):
        os.utime(path, (0, 0))
    return there


def test_nothing_is_compiled_where_an_archive_brings_kernels(
    unpacked: Path, tmp_path: Path, processor: str
) -> None:
    for _ in range(2):
        assert said(unpacked, CALL, tmp_path) == ["0", processor]


@pytest.mark.full
def test_what_was_not_brought_is_compiled_beside_it(unpacked: Path, tmp_path: Path, processor: str) -> None:
    other = CALL.replace("window_hashes(hashes", "hashes.flags.writeable = False; window_hashes(hashes")
    number, name = said(unpacked, other, tmp_path)
    assert (int(number) > 0, name) == (True, processor)
    assert said(unpacked, other, tmp_path) == said(unpacked, CALL, tmp_path) == ["0", processor]


# One is taken away. Were none named, those of the processor's name would count, which virtual machines mask.
LACKING = """
import llvmlite.binding as b
features = b.get_host_cpu_features()
features["avx2" if "avx2" in features else "lse"] = False
b.get_host_cpu_features = lambda: features
"""


@pytest.mark.parametrize(
    ("before", "variables"),
    [
        pytest.param(LACKING, {}, marks=pytest.mark.full),
        pytest.param("import numba; numba.__version__ = '0.0'\n", {}, marks=pytest.mark.full),
        pytest.param("", {"NUMBA_CPU_NAME": "generic"}, marks=pytest.mark.full),
    ],
    ids=["a processor that lacks features", "another numba", "a processor that is asked for"],
)
def test_others_compile_for_themselves(
    unpacked: Path, tmp_path: Path, processor: str, before: str, variables: dict[str, str]
) -> None:
    number, name = said(unpacked, before + CALL, tmp_path, **variables)
    assert int(number) > 0
    assert name != processor


@pytest.mark.full
def test_kernels_of_other_sources_are_not_used(unpacked: Path, tmp_path: Path, processor: str) -> None:
    lib = tmp_path / "lib"
    shutil.copytree(unpacked, lib)
    with (lib / "presswatch_spark" / "text" / "words.py").open("a") as source:
        source.write("# another\n")
    number, name = said(lib, CALL, tmp_path / "cache")
    assert int(number) > 0
    assert name != processor
