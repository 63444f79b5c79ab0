"""The path of the process that Spark forks workers from."""

from pathlib import Path

from presswatch_spark.spark.daemon import ZIPPED, without_own_zip


def package(folder: Path) -> tuple[str, str]:
    """A folder with an installed PySpark, and the zip of its sources."""
    zipped = folder / "pyspark" / ZIPPED
    zipped.parent.mkdir(parents=True)
    (folder / "pyspark" / "daemon.py").touch()
    return str(folder), str(zipped)


def test_the_zip_of_the_pyspark_that_is_installed_is_left_out(tmp_path: Path) -> None:
    installed, zipped = package(tmp_path)
    assert without_own_zip([zipped, "/elsewhere", installed]) == ["/elsewhere", installed]


def test_the_zip_of_another_pyspark_stays(tmp_path: Path) -> None:
    installed, _ = package(tmp_path / "one")
    _, other = package(tmp_path / "two")
    assert without_own_zip([other, installed]) == [other, installed]


def test_the_zip_of_a_pyspark_that_is_nowhere_else_stays(tmp_path: Path) -> None:
    _, zipped = package(tmp_path)
    assert without_own_zip([zipped]) == [zipped]
