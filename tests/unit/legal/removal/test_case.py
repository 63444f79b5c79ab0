"""The folder of a case: it only grows, and shows any change."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.legal.removal.case import BrokenCaseError, Chain, RemovalCase, digest_of, sealed
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import CASE_TABLES, Probe, Target
from presswatch_spark.tables.seals import opened_sealed, sealed_parquet
from tests.world.release import new_case, probe_row, probes_of, target_row

LOCAL = StorageOptions()
BEGIN = datetime(2026, 11, 27, 9, tzinfo=UTC)
Row = dict[str, Any]


def target(number: int) -> Target:
    return sealed(
        target_row(
            row_sha256=f"{number:064x}",
            place="record",
            publisher_id="p",
            title_id="t",
            run_id="r",
            dataset="wet",
            shard_uri=f"s3://b/{number}.wet.gz",
            text_sha256=f"{number:064x}",
        )
    )


def probe(of: str, number: int, round_number: int = 1, outcome: str = "same") -> Probe:
    return probe_row(
        round=round_number,
        batch=0,
        role="target",
        target_sha256=of,
        outcome=outcome,
        asked_at=BEGIN + timedelta(hours=number),
        request="GET s3://b/x bytes=0-1",
        file_uri="s3://b/x",
        clock_offset=0.25 * number,
    )


@pytest.fixture
def case(tmp_path: Path) -> RemovalCase:
    """A case of three targets, with two files of probes."""
    made = new_case(str(tmp_path / "case"), [target(number) for number in range(3)])
    targets = [row.target_sha256 for row in made.targets()]
    chain = Chain.of(made, [])
    for round_number in (1, 2):
        chain.begin(round_number, deep=False)
        hours = range(3 * round_number - 3, 3 * round_number)
        chain.append(
            round_number, [probe(of, hour, round_number) for hour, of in zip(hours, targets, strict=True)]
        )
        chain.note_head()
    return made


def files(case: RemovalCase, table: str) -> list[Path]:
    return sorted((Path(case.folder.uri) / table).iterdir())


def rewrite(path: Path, table: str, change: Callable[[list[Row]], None]) -> None:
    """Change the rows of a file and seal it anew, as somebody would who knows how."""
    rows = opened_sealed(path.read_bytes()).read().to_pylist()
    change(rows)
    schema = CASE_TABLES[table].schema.remove_metadata()
    path.write_bytes(sealed_parquet([pa.RecordBatch.from_pylist(rows, schema)], schema))


def digested(row: Row) -> Row:
    return row | {"probe_sha256": digest_of(Probe(**row))}


def read_all(root: Path) -> None:
    """Read all of a case."""
    found = RemovalCase.open(str(root), LOCAL)
    found.targets()
    probes_of(found)
    found.rounds()


def test_what_was_written_is_read_again(case: RemovalCase) -> None:
    again = RemovalCase.open(case.folder.uri, LOCAL)
    assert [row.number for row in probes_of(again)] == [*range(6)]
    assert len(again.targets()) == again.about["targets"] == 3
    assert [(each.number, each.deep) for each in again.rounds()] == [(1, False), (2, False)]


def test_a_case_may_lie_in_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    made = new_case(str(tmp_path / "dossier" / "affaire"), [target(1)])
    assert len(RemovalCase.open(made.folder.uri, LOCAL).targets()) == 1


def test_the_same_target_is_written_once(tmp_path: Path) -> None:
    made = new_case(str(tmp_path / "case"), [target(1), target(2), target(1)])
    assert len(made.targets()) == 2


def test_one_changed_byte_anywhere_is_noticed(case: RemovalCase) -> None:
    root = Path(case.folder.uri)
    for path in sorted(path for path in root.rglob("*") if path.is_file() and path.name != "case.lock"):
        kept = path.read_bytes()
        for place in range(0, len(kept), max(1, len(kept) // 40)):
            path.write_bytes(kept[:place] + bytes([kept[place] ^ 1]) + kept[place + 1 :])
            with pytest.raises(OutputError) as noticed:
                read_all(root)
            name = path.relative_to(root).as_posix()
            assert name in str(noticed.value) or "own description has changed" in str(noticed.value)
        path.write_bytes(kept)
    probes_of(RemovalCase.open(str(root), LOCAL))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[1].update(outcome="missing"), r"probe 4, in probes/0002\S+, has changed"),
        (lambda rows: rows[1].update(asked_at=BEGIN), r"probe 4, in \S+, has changed"),
        (lambda rows: rows.pop(1), r"probe 4, in \S+, says that it is number 5"),
        (lambda rows: rows.insert(1, dict(rows[1])), r"probe 5, in \S+, says that it is number 4"),
        (
            lambda rows: rows[1].update(
                outcome="x", probe_sha256=digest_of(Probe(**rows[1] | {"outcome": "x"}))
            ),
            "probe 5",
        ),
    ],
    ids=["outcome", "time", "dropped", "added", "digested anew"],
)
def test_a_change_that_was_sealed_anew_breaks_the_chain(case: RemovalCase, change: Any, said: str) -> None:
    rewrite(files(case, "probes")[1], "probes", change)
    with pytest.raises(BrokenCaseError, match=said):
        probes_of(case)


def test_a_file_that_is_missing_breaks_the_chain(case: RemovalCase) -> None:
    files(case, "probes")[0].unlink()
    with pytest.raises(BrokenCaseError, match=r"probe 0, in \S+, says that it is number 3"):
        probes_of(case)


@pytest.mark.parametrize("number", [1, 2])
def test_the_note_of_a_round_that_is_missing_is_named(case: RemovalCase, number: int) -> None:
    (case.folder.path / f"rounds/{number:04}.json").unlink()
    with pytest.raises(BrokenCaseError, match=f"the note rounds/{number:04}.json is missing"):
        CaseStatus.of(case)


def test_a_target_that_was_changed_or_taken_out_is_named(case: RemovalCase) -> None:
    (path,) = files(case, "targets")
    kept, digest = path.read_bytes(), case.targets()[1].target_sha256
    rewrite(path, "targets", lambda rows: rows[1].update(document_url="https://other.example/"))
    with pytest.raises(BrokenCaseError, match=f"target {digest} has changed"):
        case.targets()
    path.write_bytes(kept)
    rewrite(path, "targets", lambda rows: rows.pop())
    with pytest.raises(BrokenCaseError, match="there are 2 targets"):
        case.targets()


def test_how_a_case_stands_holds_no_probes_of_earlier_rounds(case: RemovalCase) -> None:
    def held() -> int:
        """How many probes are in memory while the standing of the case is."""
        standing = CaseStatus.of(case)
        gc.collect()
        alive = sum(type(each) is Probe for each in gc.get_objects())
        assert standing.course.probes == len(case.targets()) * len(case.rounds())
        return alive

    targets, before = [row.target_sha256 for row in case.targets()], held()
    chain = Chain.of(case, probes_of(case))
    for number in range(3, 12):
        Chain.of(case, probes_of(case)).begin(number, deep=False)
        chain.append(number, [probe(of, place, number) for place, of in enumerate(targets)])
    assert held() <= before


def test_the_answer_of_an_earlier_time_stays(case: RemovalCase) -> None:
    chain = Chain.of(case, probes_of(case))
    (first, *_) = case.targets()
    Chain.of(case, probes_of(case)).begin(3, deep=False)
    chain.append(3, [probe(first.target_sha256, 50, 3, "failed")])
    states = (
        CaseStatus.of(case).states[first.target_sha256],
        CaseStatus.of(case, BEGIN + timedelta(hours=49)),
    )
    assert states[0].state == "undecided"
    assert states[1].states[first.target_sha256].state == "present"


def test_a_case_of_an_earlier_version_is_read_by_the_rules_of_today(case: RemovalCase) -> None:
    (one, two, _) = case.targets()
    chain = Chain.of(case, probes_of(case))
    chain.begin(3, deep=True)
    # It called the first one reduced to no word, and so removed; the second one moved.
    controls = [
        replace(probe(one.target_sha256, 49, 3, outcome), role=role, target_sha256=None)
        for role, outcome in (("first", "same"), ("nowhere", "missing"), ("gap", "zeros"))
    ]
    rows = [
        replace(probe(one.target_sha256, 50, 3, "other_text"), copied_words=0),
        probe(two.target_sha256, 50, 3, "elsewhere"),
        *controls,
    ]
    chain.append(3, [replace(row, tool_version="0.1") for row in rows])
    found = CaseStatus.of(case)
    assert found.states[one.target_sha256].state == "altered"
    assert found.states[two.target_sha256].state == "present"
    assert found.claims() == (0, 3)


def test_only_one_process_adds_to_a_case(case: RemovalCase) -> None:
    with case.held(), pytest.raises(OutputError, match="another process"), case.held():
        pass


def test_a_folder_that_holds_something_is_no_new_case(case: RemovalCase, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is something already"):
        new_case(case.folder.uri, [target(1)])
    with pytest.raises(OutputError, match="this is no case"):
        RemovalCase.open(str(tmp_path), LOCAL)


def test_a_case_of_another_layout_is_refused(case: RemovalCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presswatch_spark.legal.removal.case.LAYOUT", 2)
    with pytest.raises(OutputError, match="the case has layout 1, and this version reads 2"):
        RemovalCase.open(case.folder.uri, LOCAL)


def test_a_full_disk_loses_no_probe(case: RemovalCase, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, before = Chain.of(case, probes_of(case)), probes_of(case)

    def full(*_: Any, **__: Any) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("presswatch_spark.storage.disk.Folder.write", full)
        with pytest.raises(OutputError, match=r"(?i)no space|full"):
            chain.append(2, [probe(case.targets()[0].target_sha256, 9, 2)])
    assert probes_of(case) == before
    chain.append(2, [probe(case.targets()[0].target_sha256, 9, 2)])
    assert len(probes_of(case)) == len(before) + 1


def test_every_column_is_part_of_the_digest(case: RemovalCase) -> None:
    (row, *_) = probes_of(case)
    for name in Probe.schema.names:
        if name != "probe_sha256":
            assert digest_of(replace(row, **{name: "other"})) != row.probe_sha256
    (row, *_) = case.targets()
    for name in Target.schema.names:
        if name != "target_sha256":
            assert digest_of(replace(row, **{name: "other"})) != row.target_sha256
    assert re.fullmatch("[0-9a-f]{64}", row.target_sha256)


def replaced_by_an_older_copy(case: RemovalCase) -> None:
    files(case, "probes")[-1].unlink()


def continued_elsewhere(case: RemovalCase) -> None:
    """The same case was copied, and went on in two places; then its files were put together."""
    path = files(case, "probes")[-1]
    rows = opened_sealed(path.read_bytes()).read().to_pylist()
    path.unlink()
    chain = Chain(case, rows[0]["number"], rows[0]["previous_sha256"])
    chain.append(2, [probe(row["target_sha256"], 9, 2, "missing") for row in rows])


@pytest.mark.parametrize("change", [replaced_by_an_older_copy, continued_elsewhere])
def test_an_older_copy_or_another_course_in_place_of_probes_is_noticed(
    case: RemovalCase, change: Callable[[RemovalCase], None]
) -> None:
    rows = probes_of(case)
    chain = Chain.of(case, rows)
    for _ in range(2):
        chain.note_head()
    assert case.notes("heads")[1:] == [{"probes": 6, "newest": rows[-1].probe_sha256}]
    CaseStatus.of(case)
    change(case)
    with pytest.raises(BrokenCaseError, match=f"had 6 probes once, the newest {rows[-1].probe_sha256}"):
        CaseStatus.of(case)


def test_a_case_without_the_notes_of_its_heads_is_reported(case: RemovalCase) -> None:
    chain = Chain.of(case, probes_of(case))
    chain.note_head()
    assert CaseStatus.of(case).alarms == []
    for path in (Path(case.folder.uri) / "heads").iterdir():
        path.unlink()
    # The round before the last one noted that there was a head.
    with pytest.raises(BrokenCaseError, match=r"the note heads/0001\.json is missing"):
        CaseStatus.of(case)


def test_a_head_that_was_deleted_after_the_only_round_is_reported(tmp_path: Path) -> None:
    made = new_case(str(tmp_path / "case"), [target(0)])
    (only,) = made.targets()
    chain = Chain.of(made, [])
    chain.begin(1, deep=False)
    chain.append(1, [probe(only.target_sha256, 0)])
    chain.note_head()
    assert CaseStatus.of(made).alarms == []
    (tmp_path / "case" / "heads" / "0001.json").unlink()
    assert [(alarm.kind, alarm.about) for alarm in CaseStatus.of(made).alarms] == [
        ("head missing", "round 1")
    ]
    chain = Chain.of(made, probes_of(made))
    chain.begin(2, deep=False)
    chain.append(2, [probe(only.target_sha256, 1, 2)])
    chain.note_head()
    found = [(alarm.round, alarm.kind, alarm.about) for alarm in CaseStatus.of(made).alarms]
    assert found == [(2, "head missing", "round 1")], "it stays reported after the next round"


@pytest.mark.parametrize(("back", "count"), [(timedelta(days=1), 1), (timedelta(seconds=30), 0)])
def test_a_clock_that_was_set_back_between_rounds_is_reported(
    case: RemovalCase, back: timedelta, count: int
) -> None:
    chain = Chain.of(case, probes_of(case))
    (first, *_) = case.targets()
    chain.begin(3, deep=False)
    row = probe(first.target_sha256, 5, 3)
    chain.append(3, [replace(row, asked_at=row.asked_at - back)])
    chain.note_head()
    alarms = [alarm for alarm in CaseStatus.of(case).alarms if alarm.kind == "clock set back"]
    assert [alarm.about for alarm in alarms] == ["round 3"] * count
