"""Kernels in an archive are found wherever it is unpacked, and used on processors that they suit alone."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import presswatch_spark
from presswatch_spark.processors import FAMILIES

PACKAGE = Path(presswatch_spark.__file__).parent
CALL = """
import numba, numpy as np
from numba.core import event
from numba.core.registry import cpu_target
compiled = []
class Listener(event.Listener):
    def on_start(self, event): compiled.append(event.data["dispatcher"].py_func.__name__)
    def on_end(self, event): pass
event.register("numba:compile", Listener())
from presswatch_spark.verify.screen import window_hashes
window_hashes(np.arange(20, dtype=np.uint64), 11)
print(len(compiled), cpu_target.target_context.codegen().magic_tuple()[1])
"""
LAY = """
import json, platform, shutil, sys
from pathlib import Path
from presswatch_spark.compiled import MADE_FOR, PACKAGE, SHIPPED, cache_folder, description_of
from presswatch_spark.processors import FAMILIES
shutil.copytree(cache_folder(), PACKAGE / SHIPPED)
(PACKAGE / SHIPPED / MADE_FOR).write_text(json.dumps(description_of(FAMILIES[platform.machine()])))
"""
FAMILY = FAMILIES[platform.machine()]


def said(lib: Path, code: str, cache: Path, **variables: str) -> str:
    """What a process prints that finds the package in `lib`."""
    environment = {**os.environ, "PYTHONPATH": str(lib), "NUMBA_CACHE_DIR": str(cache), **variables}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with kernels, packed in one place and unpacked in another, at another time."""
    built, there = (tmp_path_factory.mktemp(name) / "lib" for name in ("built", "there"))
    shutil.copytree(PACKAGE, built / "presswatch_spark", ignore=shutil.ignore_patterns("__pycache__"))
    family = {"NUMBA_CPU_NAME": FAMILY.processor, "NUMBA_CPU_FEATURES": ""}
    number, _ = said(built, CALL, built.parent / "cache", **family).split()
    assert int(number) > 0
    said(built, LAY, built.parent / "cache", **family)
    shutil.copytree(built, there, copy_function=shutil.copyfile)
    shutil.rmtree(built)
    for path in there.rglob("*.py"):
        os.utime(path, (0, 0))
    return there


def test_nothing_is_compiled_where_an_archive_brings_kernels(unpacked: Path, tmp_path: Path) -> None:
    assert said(unpacked, CALL, tmp_path) == f"0 {FAMILY.processor}"


def test_a_processor_that_they_do_not_suit_compiles_for_itself(unpacked: Path, tmp_path: Path) -> None:
    lacking = f"import llvmlite.binding as b; b.get_host_cpu_features = b.FeatureMap\n{CALL}"
    number, name = said(unpacked, lacking, tmp_path).split()
    assert int(number) > 0
    assert name != FAMILY.processor


@pytest.mark.parametrize("what", ["sources", "python", "numba", "processor"])
def test_kernels_of_something_else_are_not_used(unpacked: Path, tmp_path: Path, what: str) -> None:
    lib = tmp_path / "lib"
    shutil.copytree(unpacked, lib)
    note = lib / "presswatch_spark" / "kernels" / "made-for.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {what: "another"}))
    number, name = said(lib, CALL, tmp_path / "cache").split()
    assert int(number) > 0
    assert name != FAMILY.processor
