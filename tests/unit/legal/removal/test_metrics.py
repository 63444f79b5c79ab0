"""What Prometheus is told of cases."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.legal.removal.case import Chain, RemovalCase
from presswatch_spark.legal.removal.status import FAMILIES, CaseStatus, write_metrics
from presswatch_spark.storage.objects import StorageOptions
from tests.unit.legal.removal.test_case import probe, target
from tests.world.release import new_case, probes_of

LOCAL = StorageOptions()
SAMPLE = re.compile(r'(presswatch_removal_\w+)\{case="([^"]*)"(?:,(\w+)="([^"]*)")?\} (\d+(?:\.\d+)?)')


@pytest.fixture
def case(tmp_path: Path) -> RemovalCase:
    """A case of three places that were read in one round; in a second, two of them were, in another file."""
    made = new_case(str(tmp_path / "case"), [target(number) for number in range(3)])
    targets = [row.target_sha256 for row in made.targets()]
    chain = Chain.of(made, [])
    for number, (etag, asked) in enumerate((("1", targets), ("2", targets[:2])), 1):
        Chain.of(made, probes_of(made)).begin(number, deep=False)
        rows = [
            replace(probe(of, place + 3 * number - 3, number), etag=etag) for place, of in enumerate(asked)
        ]
        chain.append(number, rows)
        chain.note_head()
    return made


def metrics_text(case: RemovalCase, folder: Path) -> str:
    """Content of the file that is written of a case."""
    write_metrics(str(folder / "removal.prom"), CaseStatus.of(case))
    return (folder / "removal.prom").read_text("utf-8")


def samples(text: str) -> dict[tuple[str, str], float]:
    """Value of each sample by family and label; every line is a sample of a case, or says what follows."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, _, label, value = SAMPLE.fullmatch(line).groups("")  # type: ignore[union-attr]
            found[name.removeprefix("presswatch_"), label] = float(value)
    return found


def test_metrics_say_how_a_case_stands(case: RemovalCase, tmp_path: Path) -> None:
    found = samples(metrics_text(case, tmp_path))
    assert found["removal_places", "present"] == 3
    assert found["removal_places", "dropped"] == 0
    assert [found[f"removal_claims{name}", ""] for name in ("", "_removed")] == [3, 0]
    assert found["removal_rounds_total", ""] == 2
    alarms = [found["removal_alarms_total", kind] for kind in ("file changed", "reappeared")]
    assert alarms == [1, 0]
    now = datetime.now(UTC).timestamp()
    assert now - 3600 < found["removal_round_timestamp_seconds", ""] <= now


def test_the_name_of_a_case_is_quoted(case: RemovalCase, tmp_path: Path) -> None:
    told = [line.split()[2] for line in metrics_text(case, tmp_path).splitlines() if "# TYPE" in line]
    assert told == [f"presswatch_{name}" for name in FAMILIES]
    text = metrics_text(new_case(str(tmp_path / 'a "case"'), [target(0)]), tmp_path)
    assert r"a \"case\"" in text
    assert samples(text.replace(r"\"", "'"))["removal_claims", ""] == 1


def test_status_writes_metrics_and_alarms(
    case: RemovalCase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, where = tmp_path / "removal.prom", str(case.folder)
    assert cli.run(["removal", "status", "--metrics-file", str(path), where]) == 0
    assert samples(path.read_text("utf-8"))["removal_places", "present"] == 3
    capsys.readouterr()
    assert cli.run(["removal", "status", "--alarms", where]) == 0
    assert capsys.readouterr().out.startswith("alarm of round 2: file changed: s3://b/x: ")
    assert cli.run(["removal", "status", "--alarms", "--json", where]) == 0
    (alarm,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (alarm["round"], alarm["kind"], alarm["probe"]) == (2, "file changed", 3)
    assert cli.run(["removal", "status", "--alarms", "--export", str(tmp_path / "a.parquet"), where]) == 0
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == [alarm]


def test_a_metrics_file_that_cannot_be_written_is_said(
    case: RemovalCase, capsys: pytest.CaptureFixture[str]
) -> None:
    where = str(case.folder)
    assert cli.run(["removal", "status", "--metrics-file", f"{where}/no/such/file", where]) == 1
    assert "metrics file cannot be written" in capsys.readouterr().err
    asked = ["removal", "status", "--metrics-file", "x", "--as-of", "2026-11-27", where]
    assert cli.run(asked) == 2
