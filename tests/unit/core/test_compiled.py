"""Compiled kernels are kept where nobody else can write, apart for each version of the sources."""

import ast
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from presswatch_spark.core import compiled
from presswatch_spark.corpus.building import build_index


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    compiled.cache_folder.cache_clear()
    yield
    compiled.cache_folder.cache_clear()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of compiled code, empty."""
    monkeypatch.setattr(compiled, "cache_folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(("changed", "other_folder"), [("kernel", True), ("constant", True), ("page", False)])
def test_kernels_and_what_they_import_have_a_folder_for_each_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, other_folder: bool
) -> None:
    package = tmp_path / "presswatch_spark"
    package.mkdir()
    (package / "kernel.py").write_text(
        "from presswatch_spark import (\n    # (all)\n    numbers,\n)\n@cached_njit\n"
    )
    (package / "numbers.py").write_text("from presswatch_spark.constant import ONE\n")
    (package / "constant.py").write_text("ONE = 1\n")
    (package / "page.py").write_text("from presswatch_spark import kernel\n")
    monkeypatch.setattr(compiled, "PACKAGE", package)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    first = compiled.cache_folder()
    compiled.cache_folder.cache_clear()
    with (package / f"{changed}.py").open("a") as source:
        source.write("TWO = 2\n")
    assert (compiled.cache_folder() != first) == other_folder


def test_modules_with_kernels_import_in_the_form_that_the_name_of_the_folder_follows() -> None:
    for path, source in compiled._kernel_sources().items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                assert not any(each.name.startswith("presswatch_spark") for each in node.names), path
            assert not isinstance(node, ast.ImportFrom) or node.level == 0, path


@pytest.mark.parametrize(
    ("mode", "owner", "is_taken"),
    [(0o755, os.getuid(), True), (0o777, os.getuid(), False), (0o755, 12_345, False)],
)
def test_the_folder_that_the_user_names_is_taken_unless_it_is_anothers_or_others_may_write_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, owner: int, is_taken: bool
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(mode)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(theirs))
    monkeypatch.setattr(os, "getuid", lambda: owner)
    assert (compiled.cache_folder().parent == theirs) == is_taken


def test_whether_a_kernel_is_in_the_cache_is_known_without_compiling_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not compiled.is_cached(build_index.postings_of)
    build_index.postings_of(np.uint64(0), np.zeros(9, np.uint64), np.array([0, 9]), 4)
    folder = Path(build_index.postings_of.stats.cache_path)
    monkeypatch.setattr(compiled, "cache_folder", lambda: folder.parent)
    assert compiled.is_cached(build_index.postings_of)


@pytest.mark.parametrize("last", ["_save_data", "_save_index"])
def test_code_for_some_types_is_never_found_under_others(
    cache: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    # As two processes have it, and a third one later.
    first, second, third = (compiled.cached_njit(_twice)._cache._cache_file for _ in range(3))
    Path(first._cache_path).mkdir(parents=True, exist_ok=True)
    look, late = first._load_index, ExitStack()

    def looked() -> Any:
        found = look()
        if not second_began:
            second_began.append(True)
            with monkeypatch.context() as patch:
                patch.setattr(second, last, partial(late.callback, getattr(second, last)))
                second.save("int64", "code for int64")
        return found

    second_began = list[bool]()
    monkeypatch.setattr(first, "_load_index", looked)
    with late:
        first.save("float64", "code for float64")
    found = {key: third.load(key) for key in ("float64", "int64")}
    assert [key for key in found if found[key] not in (None, f"code for {key}")] == []
    assert any(found.values())


def test_kernels_for_several_types_are_all_found_again(cache: Path) -> None:
    for hits in (0, 1):
        kernel = compiled.cached_njit(_twice)
        assert (kernel(2), kernel(0.25)) == (4, 0.5)
        assert list(kernel.stats.cache_hits.values()) == [1, 1][: 2 * hits]


def _twice(number: Any) -> Any:
    return number + number


def test_a_kernel_is_compiled_once_whatever_numbers_are_written_in_what_calls_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = compiled.inner_njit(_twice)
    monkeypatch.setitem(globals(), "_TWICE", kernel)
    assert compiled.cached_njit(_twice_three_numbers)(5) == 2 * (1 - 7 + 5)
    assert kernel.signatures == [(numba.int64,)]


def _twice_three_numbers(number: int) -> Any:
    return _TWICE(1) + _TWICE(-7) + _TWICE(number)


_TWICE = _twice


def test_a_folder_for_code_is_tried_once_for_all_kernels_of_a_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    tried = list[str]()

    def tries(dir: str) -> io.BytesIO:
        tried.append(dir)
        return io.BytesIO()

    monkeypatch.setattr(tempfile, "TemporaryFile", tries)
    for kernel in (build_index.postings_of, build_index.postings_of):
        assert compiled.PackageLocator.from_function(kernel.py_func, str(build_index.__file__))
    assert tried == [str(tmp_path / "corpus.building")]


def test_code_of_other_packages_is_not_kept_with_ours() -> None:
    assert compiled.PackageLocator.from_function(os.path.join, os.__file__) is None
