"""The result: one JSON file with every part, and the machine, versions and sizes it was measured with."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.speed.indexes import memory_available
from benchmarks.speed.material import Sizes

PACKAGES = ("pyspark", "pyarrow", "numpy", "numba", "isal", "orjson", "fastwarc", "warcio", "datasketch")
ROOT = Path(__file__).resolve().parents[2]

Result = dict[str, Any]


def read(path: Path) -> Result:
    """The result so far; empty where there is none."""
    return json.loads(path.read_text("utf-8")) if path.exists() else {"parts": {}}


def add(result: Result, name: str, figures: dict[str, Any], sizes: Sizes, seconds: float) -> None:
    """Put a part's figures into the result, in place of older ones."""
    result["machine"], result["versions"] = machine(), versions()
    result["parts"][name] = {
        **figures,
        "measured": {
            "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "seconds": round(seconds),
            "commit": commit(),
            "load_before": round(os.getloadavg()[2], 2),
            "sizes": asdict(sizes),
        },
    }


def write(result: Result, path: Path) -> None:
    """Write the result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False, sort_keys=False) + "\n", "utf-8")


def machine() -> dict[str, object]:
    """What it ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = {line.split(":")[0].strip(): line.split(":")[1].strip() for line in lines if ":" in line}
    total = next(
        line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")
    )
    return {
        "processor": fields.get("model name", platform.machine()),
        "cores": os.cpu_count(),
        "memory_gigabytes": round(int(total.split()[1]) / 1e6, 1),
        "available_gigabytes": round(memory_available() / 1e9, 1),
        "system": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Python and the packages that decide speed."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def commit() -> str | None:
    """The commit that was measured, with `+` if files were changed since; None outside of a clone."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
