"""The origin of a run: code, packages, Python, Spark, host and command line; null if unknown."""

import hashlib
import json
import platform
import re
import socket
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

PROJECT = "presswatch-spark"
GIT_SECONDS = 10

_REQUIRED = re.compile(r"[A-Za-z0-9][\w.-]*")
_OF_EXTRA = re.compile(r"\bextra\s*==")


def provenance(command: str | None, operator: str | None) -> dict[str, Any]:
    """Return the columns of `runs` about the origin of a run, except Spark's version."""
    return {
        "tool_commit": commit(),
        "packages_digest": packages_digest(packages()),
        "python_version": platform.python_version(),
        "host": socket.gethostname(),
        "command": command,
        "operator": operator,
    }


def spark_version() -> str | None:
    """Return the version of Spark in this process; None if it has not loaded Spark."""
    version = getattr(sys.modules.get("pyspark"), "__version__", None)
    return str(version) if version else None


@lru_cache(1)
def commit() -> str | None:
    """Return the commit of the code, with `+` if a file of the code differs from it; None if unknown.

    It comes from Git, or from `direct_url.json` if pip installed the package from a repository.
    """
    root = Path(__file__).resolve().parents[3]
    if (root / ".git").exists():
        head = _git(root, "rev-parse", "--verify", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", "presswatch_spark", "conf", "jobs")
        return None if head is None or changed is None else f"{head}{'+' if changed else ''}"
    try:
        installed = metadata.distribution(PROJECT).read_text("direct_url.json")
        found = json.loads(installed or "{}").get("vcs_info", {}).get("commit_id")
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


@lru_cache(1)
def packages() -> tuple[str, ...]:
    """Return the installed packages that this project needs, except extras, as sorted `name==version`."""
    versions, left = dict[str, str](), [PROJECT]
    while left:
        name = left.pop()
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if name != PROJECT:
            versions[name] = found.version
        needed = (each for each in found.requires or () if not _OF_EXTRA.search(each))
        names = (match[0] for each in needed if (match := _REQUIRED.match(each)))
        required = (re.sub(r"[-_.]+", "-", each).lower() for each in names)
        left += [each for each in required if each not in versions]
    return tuple(sorted(f"{name}=={version}" for name, version in versions.items()))


def packages_digest(pins: Iterable[str]) -> str:
    """Return the SHA-256 (hex) of pins in order, one per line."""
    return hashlib.sha256("".join(f"{pin}\n" for pin in pins).encode()).hexdigest()


def _git(root: Path, *words: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(root), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
