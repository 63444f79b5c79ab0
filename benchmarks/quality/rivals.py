"""The peers, each in a process and an environment of its own, on the same articles and documents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.names import IN_OUR_ENVIRONMENT, NAMES
from presswatch_spark.core.spark.java import java_home

ROOT = Path(__file__).resolve().parents[2]
THEIR_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PATIENCE = 1200


@dataclass(frozen=True, slots=True)
class Rival:
    """What a peer claimed: pairs (document, article), and its own figures; or why it could not be run."""

    pairs: frozenset[tuple[str, str]]
    figures: Mapping[str, Any]
    failure: str | None = None


def run_peers(
    folder: Path, articles: Mapping[str, str], documents: Mapping[str, str], names: Sequence[str] = NAMES
) -> dict[str, Rival]:
    """Run peers one after the other."""
    for name, texts in (("articles", articles), ("documents", documents)):
        with (folder / f"{name}-for-peers.jsonl").open("w", encoding="utf-8") as file:
            for key, text in texts.items():
                file.write(json.dumps({"id": key, "text": text}, ensure_ascii=False) + "\n")
    return {name: _run(folder, name) for name in names}


def _run(folder: Path, name: str) -> Rival:
    ours = name in IN_OUR_ENVIRONMENT
    python = sys.executable if ours else str(THEIR_PYTHON)
    out = folder / f"{name}.tsv"
    command = [python, "-m", "benchmarks.peers", name, "--out", str(out)]
    for side in ("articles", "documents"):
        command += [f"--{side}", str(folder / f"{side}-for-peers.jsonl")]
    environment = {**os.environ, "PYSPARK_PYTHON": python}
    if ours:
        environment["JAVA_HOME"] = java_home()
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return Rival(frozenset(), {}, str(problem)[:300])
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return Rival(frozenset(), {}, f"ended with {done.returncode}: {last[0][:300]}")
    lines = out.read_text(encoding="utf-8").splitlines()
    pairs = frozenset((line.split("\t")[0], line.split("\t")[1]) for line in lines)
    return Rival(pairs, json.loads(done.stdout.splitlines()[-1]))
