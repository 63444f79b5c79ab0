"""Where the files of `conf/` are that come with the package."""

from pathlib import Path

from presswatch_spark.errors import ConfigError


def shipped(name: str) -> Path:
    """The file or folder `name` of `conf/`, installed or in the working copy; else raises `ConfigError`."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / name).exists():
            return folder / name
    raise ConfigError(
        f"conf/{name} is missing",
        where=str(package),
        remedy="install the package from its wheel, or from a checkout",
    )
