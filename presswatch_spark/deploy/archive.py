"""Builds the archive of the project and its locked packages, for hosts that have only Python and Spark.

Its `bin/python` starts the host's own Python with `lib/`. The same sources give the same bytes.
"""

import argparse
import gzip
import hashlib
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.settings.load import setting, shipped
from presswatch_spark.core.version import __version__
from presswatch_spark.storage.disk import file_sha256

OF_THE_CLUSTER = frozenset({"pyspark", "py4j"})
NEEDED = ("bin/python", "lib/presswatch_spark/cli/job.py", "lib/presswatch_spark/conf/scan.yaml")
ROOT = Path(__file__).resolve().parents[2]
"""The folder of the package: a checkout, or the `site-packages` into which its wheel was installed."""
IS_CHECKOUT = (ROOT / "locks/requirements.lock").is_file()
DIST = ROOT / "dist" if IS_CHECKOUT else Path("dist")
BUILD = "python -m presswatch_spark.deploy.archive"
INPUTS = ("locks/requirements.lock", "pyproject.toml", "presswatch_spark", "conf")
# Amazon Linux 2023, the system of EMR 7 and 8, has glibc 2.34.
GLIBC_MINORS = (34, 31, 28, 27, 26, 24, 17)
# 1980-01-01T00:00:00Z, the oldest time that zip files can also hold.
MODIFIED = 315_532_800
# Higher levels take three times as long, and save only a twentieth of the size.
LEVEL = 3
TRACES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
LAUNCHER = """#!/bin/sh
# The host's own Python {python}, with the packages of this archive and without those of a user.
here=$(cd "$(dirname "$0")/.." && pwd -P)
PYTHONPATH="$here/lib${{PYTHONPATH:+:$PYTHONPATH}}"
PYTHONNOUSERSITE=1
export PYTHONPATH PYTHONNOUSERSITE
for python in python{python} /usr/bin/python{python} /usr/local/bin/python{python}; do
  command -v "$python" >/dev/null && exec "$python" "$@"
done
echo "error: this host has no python{python}, for which $here was built" >&2
exit 1
"""


class ArchiveError(PresswatchError):
    """An archive was not built by this module, or is not safe to unpack."""


@dataclass(frozen=True, slots=True)
class HostPlatform:
    """The Linux hosts of an archive: their version of Python, such as 3.11, and their processor."""

    python: str = setting("3.11", "Python of the hosts", form=r"3\.\d+", formed="like 3.11")
    machine: str = setting("x86_64", "Processors of the hosts", words=("x86_64", "aarch64"))


def archive_for(root: Path, out: Path, target: HostPlatform) -> Path:
    """Return the archive of the sources in `root`: the one in `out`, or else a new one."""
    return existing_archive(root, out, target) or build(root, out, target)


def existing_archive(root: Path, out: Path, target: HostPlatform) -> Path | None:
    """Return the archive in `out` that was built from the sources in `root`; None if there is none."""
    files = out.glob(f"{_stem(root, target)}-*.tar.gz")
    return next((file for file in files if file.name.endswith(f"-{_content_digest(file)}.tar.gz")), None)


def _stem(root: Path, target: HostPlatform) -> str:
    return f"presswatch-{__version__}-{inputs_digest(root, target)[:16]}"


def _content_digest(file: Path) -> str:
    return file_sha256(file)[:16]


def inputs_digest(root: Path, target: HostPlatform) -> str:
    """Return the SHA-256 (hex) over everything from which an archive is built."""
    digest = hashlib.sha256(f"{target.python} {target.machine}\n".encode())
    for name in INPUTS:
        for path in sorted([root / name, *(root / name).rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                content = path.read_bytes()
                digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def build(root: Path, out: Path, target: HostPlatform) -> Path:
    """Build the archive of the sources in `root`; return its file in `out`, named by both digests."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".archive-") as folder:
        tree, draft = Path(folder, "tree"), Path(folder, "draft.tar.gz")
        _fill(tree, root, Path(folder), target)
        pack(tree, draft)
        check_archive(draft, NEEDED)
        file = out / f"{_stem(root, target)}-{_content_digest(draft)}.tar.gz"
        os.replace(draft, file)
    return file


def _fill(tree: Path, root: Path, work: Path, target: HostPlatform) -> None:
    lock, wheels = work / "requirements.lock", work / "wheels"
    pins = shipped("requirements.lock", "locks").read_text("utf-8")
    lock.write_text(locked(pins), "utf-8")
    _install(["--require-hashes", "--requirement", str(lock)], tree / "lib", target, root)
    if IS_CHECKOUT:
        _run([sys.executable, "-P", "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)], root)
        _install([str(*wheels.glob("*.whl"))], tree / "lib", target, root)
    else:
        for name in ("presswatch_spark", f"presswatch_spark-{__version__}.dist-info"):
            shutil.copytree(root / name, tree / "lib" / name, ignore=shutil.ignore_patterns("__pycache__"))
    # Remove what names the machine of the build: scripts with the path of its Python, and notes of pip.
    shutil.rmtree(tree / "lib" / "bin", ignore_errors=True)
    for trace in TRACES:
        for file in tree.glob(f"lib/*.dist-info/{trace}"):
            file.unlink()
    launcher = tree / "bin" / "python"
    launcher.parent.mkdir()
    launcher.write_text(LAUNCHER.format(python=target.python), encoding="utf-8")
    launcher.chmod(0o755)


def locked(lock: str) -> str:
    """Return a lock file without the packages that a cluster already has."""
    pins = re.split(r"\n(?=\S)", lock.strip())
    return "\n".join(pin for pin in pins if pin.partition("==")[0] not in OF_THE_CLUSTER) + "\n"


def _install(what: list[str], folder: Path, target: HostPlatform, root: Path) -> None:
    command = [sys.executable, "-P", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-compile", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={target.python}", f"--target={folder}"]
    # Tags of wheels, the newest first.
    kinds = [*(f"manylinux_2_{minor}" for minor in GLIBC_MINORS), "manylinux2014", "linux"]
    _run([*command, *(f"--platform={kind}_{target.machine}" for kind in kinds), *what], root)


def _run(command: list[str], folder: Path) -> None:
    # Without SOURCE_DATE_EPOCH, wheels of this project would depend on the time of the build.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(MODIFIED)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        tool = command[command.index("-m") + 1]
        raise ArchiveError(
            f"{tool} failed:\n{(done.stderr or done.stdout).strip()[-2000:]}",
            where=str(folder),
            remedy="fix this and run the command again",
        )


def pack(tree: Path, file: Path) -> None:
    """Pack a folder as `.tar.gz`: sorted, owned by root, with one time; equal content gives equal bytes."""
    with (
        file.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=LEVEL, fileobj=raw, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(tree.rglob("*"), key=lambda path: path.relative_to(tree).as_posix()):
            info = tar.gettarinfo(path, path.relative_to(tree).as_posix())
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            info.mtime = MODIFIED
            info.mode = 0o755 if info.isdir() or info.mode & 0o111 else 0o644
            if info.islnk():  # pack a second name of one file as a file
                info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
            if info.isreg():
                with path.open("rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)


def check_archive(file: Path, needed: tuple[str, ...] = ()) -> list[str]:
    """Return the names of an archive's members.

    Raises `ArchiveError` if it is damaged, lacks files, or could write outside its folder.
    """
    try:
        with tarfile.open(file, "r:gz") as tar:
            members = tar.getmembers()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ArchiveError(f"the archive cannot be read: {error}", where=str(file)) from error
    names = [posixpath.normpath(member.name) for member in members]
    problems = [
        f"{member.name!r} is a link, a device or outside the archive"
        for member in members
        if member.name.startswith("/")
        or ".." in member.name.split("/")
        or not (member.isreg() or member.isdir())
    ]
    problems += [f"{name} is missing" for name in needed if name not in names]
    if len(set(names)) < len(names):
        problems.append("it contains a member twice, and the later one would replace the earlier")
    if problems:
        raise ArchiveError(
            "\n  ".join(["the archive is refused:", *problems]),
            where=str(file),
            remedy=f"build it again: {BUILD}",
        )
    return names


def main() -> int:
    """Build an archive, and print its path."""
    parser = argparse.ArgumentParser(prog="python -m presswatch_spark.deploy.archive", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", default="dist", type=Path, help="folder for the archive (default: dist)")
    parser.add_argument("--python", default=HostPlatform().python, help="Python of the hosts (default: 3.11)")
    parser.add_argument("--machine", default=HostPlatform().machine, choices=("x86_64", "aarch64"))
    given = parser.parse_args()
    try:
        target = HostPlatform(given.python, given.machine)
        file = archive_for(ROOT, given.out.resolve(), target)
    except PresswatchError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{file}  {file.stat().st_size / 1e6:,.0f} MB  sha256 {file_sha256(file)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
