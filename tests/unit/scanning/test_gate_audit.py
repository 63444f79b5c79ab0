"""The audit of the language gate: what is read of what it leaves out, and what is said of it."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from presswatch_spark.cli.commands.tables import gate_line
from presswatch_spark.cli.replies import Language
from presswatch_spark.core.settings.config import ReadRules, RunRules, ScanConfig
from presswatch_spark.reading.warc.language_gates import AuditDraw
from presswatch_spark.scanning.runs.run_work import Outcome
from presswatch_spark.scanning.sampling import audit_of, cost_of
from presswatch_spark.tables.declarations import ShardLog
from tests.world.scanned import BY_RANGE, FORMS, rows_in, scan_one, some_pages

OTHER_LANGUAGE = "spa"


def scanned(path: Path, corpus: Path, audit: float, languages: tuple[str, ...]) -> Outcome:
    config = ScanConfig(read=ReadRules(languages=languages), run=RunRules(gate_audit=audit))
    return scan_one(path, corpus, config=config)


@pytest.mark.parametrize("name", BY_RANGE)
def test_an_audit_of_all_finds_what_the_gate_costs_and_gives_no_rows(
    name: str, corpus: Path, tmp_path: Path
) -> None:
    path, pages = tmp_path / name, some_pages(24)
    FORMS[name](
        path, [replace(page, language=("fra", OTHER_LANGUAGE)[i % 2]) for i, page in enumerate(pages)]
    )
    gated, audited = (scanned(path, corpus, audit, ("fra",)) for audit in (0.0, 1.0))
    everything = rows_in(scanned(path, corpus, 0.0, ()))
    cost = {row["record_id"] for row in everything if row["languages"] == [OTHER_LANGUAGE]}
    assert cost
    assert rows_in(audited) == rows_in(gated) == [row for row in everything if row["languages"] == ["fra"]]
    assert (audited.log["gate_audited"], audited.log["gate_matching"]) == (12, len(cost))
    assert (gated.log["gate_audited"], gated.log["gate_matching"]) == (0, 0)
    for column in ("documents", "documents_skipped", "skipped", "text_bytes", "words", "matches", "status"):
        assert audited.log[column] == gated.log[column]


def test_the_same_records_are_drawn_however_they_are_stored(corpus: Path, tmp_path: Path) -> None:
    pages = [replace(page, language=OTHER_LANGUAGE) for page in some_pages(60)]
    drawn = []
    for name in ("a.warc.wet.gz", "plain.warc.wet"):
        FORMS[name](tmp_path / name, pages)
        log = scanned(tmp_path / name, corpus, 0.25, ("fra",)).log
        drawn.append((log["gate_audited"], log["gate_matching"]))
    assert drawn[0] == drawn[1]
    assert 5 <= drawn[0][0] <= 28


def test_a_share_is_drawn_of_ids_that_differ_in_a_letter() -> None:
    draw = AuditDraw(0.1)
    drawn = sum(draw.takes(f"<urn:uuid:{number}>") for number in range(20_000))
    assert 1_800 < drawn < 2_200
    assert not any(AuditDraw(0.0).holds(b"WARC/1.0\r\nWARC-Record-ID: a\r\n\r\n") for _ in range(3))
    assert all(AuditDraw(1.0).takes(f"{number}") for number in range(100))


@pytest.mark.parametrize(
    ("gated", "audited", "matching", "cost"),
    [
        (1000, 100, 0, (0, 0, 37)),
        (100_000, 1000, 3, (300, 61, 875)),
        (10, 10, 3, (3, 3, 3)),
        (10, 0, 0, (None, None, None)),
    ],
)
def test_what_the_gate_cost_has_limits(
    gated: int, audited: int, matching: int, cost: tuple[int | None, ...]
) -> None:
    found = cost_of(gated, audited, matching)
    assert found == pytest.approx(cost, abs=1) if audited else found == cost


def test_a_run_says_what_its_gate_cost() -> None:
    log = pa.Table.from_pylist(
        [
            {"skipped": [{"why": "language", "documents": 600}], "gate_audited": 60, "gate_matching": 1},
            {"skipped": [{"why": "no text", "documents": 9}], "gate_audited": 0, "gate_matching": 0},
            {"skipped": [{"why": "language", "documents": 400}], "gate_audited": 40, "gate_matching": 0},
        ],
        pa.schema([ShardLog.schema.field(name) for name in ("skipped", "gate_audited", "gate_matching")]),
    )
    row = {"gate_audit": 0.1, **audit_of(log)}
    line = gate_line(row)
    assert line == (
        "language gate: 1,000 documents left out, 100 of them read as an audit, 1 with matches;"
        f" it cost 10 documents with matches (95%: 1 to {row['gate_cost_high']})"
    )
    assert gate_line({"gate_audit": None}) is None
    assert "is unknown" in str(
        gate_line({"gate_audit": 0.1, **dict.fromkeys(row, None), "gate_documents": 3} | {"gate_audit": 0.1})
    )
    assert str(gate_line(row, Language("fr"))).startswith("filtre de langues")
