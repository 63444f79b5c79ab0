"""Compiled kernels are kept where nobody else can write, apart for each version of the sources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from presswatch_spark import compiled
from presswatch_spark.corpus.building import index_parts as index


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    compiled.cache_folder.cache_clear()
    yield
    compiled.cache_folder.cache_clear()


def test_the_folder_that_the_user_names_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    assert compiled.cache_folder().parent == tmp_path / "named"


def test_other_sources_have_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "PACKAGE", tmp_path)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    (tmp_path / "kernel.py").write_text("one")
    first = compiled.cache_folder()
    compiled.cache_folder.cache_clear()
    (tmp_path / "kernel.py").write_text("two")
    assert compiled.cache_folder() != first


@pytest.mark.parametrize(("mode", "owner"), [(0o777, os.getuid()), (0o755, 12_345)])
def test_a_folder_of_others_or_that_others_may_write_to_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, owner: int
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(mode)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(theirs))
    monkeypatch.setattr(os, "getuid", lambda: owner)
    assert (compiled.cache_folder().parent == theirs) == (mode == 0o755 and theirs.stat().st_uid == owner)


def test_whether_a_kernel_is_in_the_cache_is_known_without_compiling_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "cache_folder", lambda: tmp_path)
    assert not index.knows_kernels()
    index._post(np.uint64(0), np.zeros(9, np.uint64), np.array([0, 9]), 4)
    folder = Path(index._post.stats.cache_path)
    monkeypatch.setattr(compiled, "cache_folder", lambda: folder.parent)
    assert index.knows_kernels()
