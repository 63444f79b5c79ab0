"""Runs the check for third parties as one would: its files copied, in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

FILES = {
    "check.py": "docs/how-to/check.py",
    "page_text.py": "docs/how-to/page_text.py",
    "words.py": "tests/reference/words.py",
}


def run_check(folder: Path, tables: Path, corpus: Path, *moves: str) -> subprocess.CompletedProcess[str]:
    """Copy the files into a folder, and check tables; no other file of ours is on the path."""
    command = [sys.executable, str(copied(folder) / "check.py"), str(tables), str(corpus), *moves]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


def copied(folder: Path) -> Path:
    """Copy the files that a third party needs; return their folder."""
    copies = folder / "check"
    copies.mkdir(exist_ok=True)
    for name, source in FILES.items():
        shutil.copy(ROOT / source, copies / name)
    return copies


def rejected(printed: str) -> set[str]:
    """The digests of the rows that the check does not find as the table says."""
    return {line[:64] for line in printed.splitlines() if len(line.partition(" ")[0]) == 64}
