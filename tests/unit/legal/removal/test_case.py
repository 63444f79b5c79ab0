"""The folder of a case: it only grows, and shows any change; metrics and inventories of a case."""

import gc
import gzip
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.legal.removal import inventory as inventories
from presswatch_spark.legal.removal.case import BrokenCaseError, Chain, RemovalCase, digest_of
from presswatch_spark.legal.removal.status import FAMILIES, CaseStatus, write_metrics
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import CASE_TABLES, Probe, Target
from presswatch_spark.tables.seals import opened_sealed, sealed_parquet
from tests.world.commands import Outcome, outcome
from tests.world.processes import raising
from tests.world.proofs import each_time
from tests.world.release import new_case, numbered_target, probe_row, probes_of
from tests.world.servers import Fault, Server

LOCAL = StorageOptions()
BEGIN = datetime(2026, 11, 27, 9, tzinfo=UTC)
Row = dict[str, Any]


def probe(of: str, number: int, round_number: int = 1, outcome: str = "same", **facts: Any) -> Probe:
    known = {
        "round": round_number, "batch": 0, "role": "target", "target_sha256": of, "outcome": outcome,
        "asked_at": BEGIN + timedelta(hours=number), "request": "GET s3://b/x bytes=0-1",
        "file_uri": "s3://b/x", "clock_offset": 0.25 * number,
    }  # fmt: skip
    return probe_row(**known | facts)


def add_round(case: RemovalCase, number: int, probes: Sequence[Probe], *, head: bool = True) -> None:
    chain = Chain.of(case, probes_of(case))
    chain.begin(number, deep=False)
    chain.append(number, probes)
    if head:
        chain.note_head()


@pytest.fixture
def case(tmp_path: Path) -> RemovalCase:
    """A case of three targets, with two files of probes."""
    made = new_case(str(tmp_path / "case"), [numbered_target(number) for number in range(3)])
    for number in (1, 2):
        hours = range(3 * number - 3, 3 * number)
        targets = [row.target_sha256 for row in made.targets()]
        add_round(made, number, [probe(of, hour, number) for hour, of in zip(hours, targets, strict=True)])
    return made


def files(case: RemovalCase, table: str) -> list[Path]:
    return sorted((Path(case.folder.uri) / table).iterdir())


def rewrite(path: Path, table: str, change: Callable[[list[Row]], Any]) -> None:
    """Change the rows of a file and seal it again, as a person would who knows how."""
    rows = opened_sealed(path.read_bytes()).read().to_pylist()
    change(rows)
    schema = CASE_TABLES[table].schema.remove_metadata()
    path.write_bytes(sealed_parquet([pa.RecordBatch.from_pylist(rows, schema)], schema))


def test_what_was_written_is_read_again(case: RemovalCase, tmp_path: Path) -> None:
    again = RemovalCase.open(case.folder.uri, LOCAL)
    assert [row.number for row in probes_of(again)] == [*range(6)]
    assert len(again.targets()) == again.about["targets"] == 3
    assert [(each.number, each.deep) for each in again.rounds()] == [(1, False), (2, False)]
    # In a folder that was not there, and the same target once.
    numbers = (1, 2, 1)
    made = new_case(str(tmp_path / "dossier" / "affaire"), [numbered_target(each) for each in numbers])
    assert len(RemovalCase.open(made.folder.uri, LOCAL).targets()) == 2


@pytest.mark.parametrize("places", each_time([12], [12, 40]))
def test_one_changed_byte_anywhere_is_noticed(case: RemovalCase, places: int) -> None:
    root = Path(case.folder.uri)
    for path in sorted(path for path in root.rglob("*") if path.is_file() and path.name != "case.lock"):
        kept = path.read_bytes()
        for place in range(0, len(kept), max(1, len(kept) // places)):
            path.write_bytes(kept[:place] + bytes([kept[place] ^ 1]) + kept[place + 1 :])
            with pytest.raises(OutputError) as noticed:
                probes_of(RemovalCase.open(str(root), LOCAL)), case.targets(), case.rounds()
            name = path.relative_to(root).as_posix()
            assert name in str(noticed.value) or "own description has changed" in str(noticed.value)
        path.write_bytes(kept)
    probes_of(RemovalCase.open(str(root), LOCAL))


def another_outcome(rows: list[Row]) -> None:
    rows[1]["outcome"] = "x"
    rows[1]["probe_sha256"] = digest_of(Probe(**rows[1]))


def sealed_again(table: str, change: Callable[[list[Row]], Any]) -> Callable[[RemovalCase], None]:
    """A change of the newest file of a table."""
    return lambda case: rewrite(files(case, table)[-1], table, change)


def without(name: str) -> Callable[[RemovalCase], None]:
    def change(case: RemovalCase) -> None:
        for path in case.folder.path.glob(name):
            path.unlink()

    return change


def continued_elsewhere(case: RemovalCase) -> None:
    """The same case was copied, and went on in two places; then its files were put together."""
    path = files(case, "probes")[-1]
    rows = opened_sealed(path.read_bytes()).read().to_pylist()
    path.unlink()
    chain = Chain(case, rows[0]["number"], rows[0]["previous_sha256"])
    chain.append(2, [probe(row["target_sha256"], 9, 2, "missing") for row in rows])


OLDER = r"had 6 probes once, the newest {newest}"
CHANGES: dict[str, tuple[Callable[[RemovalCase], None], str]] = {
    "an outcome": (
        sealed_again("probes", lambda rows: rows[1].update(outcome="missing")),
        r"probe 4, in probes/0002\S+, has changed",
    ),
    "a time": (
        sealed_again("probes", lambda rows: rows[1].update(asked_at=BEGIN)), r"probe 4, in \S+, has changed"
    ),
    "a probe less": (
        sealed_again("probes", lambda rows: rows.pop(1)), r"probe 4, in \S+, has the number 5"
    ),
    "a probe more": (
        sealed_again("probes", lambda rows: rows.insert(1, dict(rows[1]))),
        r"probe 5, in \S+, has the number 4",
    ),
    "digested again": (
        sealed_again("probes", another_outcome), "probe 5, in .*, does not follow the one before"
    ),
    "a target": (
        sealed_again("targets", lambda rows: rows[1].update(document_url="https://other.example/")),
        "target {target} has changed",
    ),
    "a target less": (sealed_again("targets", lambda rows: rows.pop()), "its 2 targets"),
    "no first probes": (without("probes/0001-*.parquet"), r"probe 0, in \S+, has the number 3"),
    "no first round": (without("rounds/0001.json"), r"the note rounds/0001\.json is missing"),
    "no last round": (without("rounds/0002.json"), r"the note rounds/0002\.json is missing"),
    # The last round noted that there was a head when it began.
    "no heads": (without("heads/*"), r"the note heads/0001\.json is missing"),
    "no first head": (without("heads/0001.json"), r"the note heads/0001\.json is missing"),
    "replaced by an older copy": (without("probes/0002-*.parquet"), OLDER),
    "continued elsewhere": (continued_elsewhere, OLDER),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_a_case_is_named_though_its_file_was_sealed_again(case: RemovalCase, name: str) -> None:
    change, told = CHANGES[name]
    newest, target = probes_of(case)[-1].probe_sha256, case.targets()[1].target_sha256
    Chain.of(case, probes_of(case)).note_head()
    assert case.notes("heads")[1:] == [{"probes": 6, "newest": newest}], "a head is noted once"
    assert CaseStatus.of(case).alarms == []
    change(case)
    with pytest.raises(BrokenCaseError, match=told.format(newest=newest, target=target)):
        CaseStatus.of(case)


def test_the_status_of_a_case_holds_no_probes_of_earlier_rounds(case: RemovalCase) -> None:
    targets = [row.target_sha256 for row in case.targets()]

    def held() -> int:
        """The number of probes in memory while the status is."""
        status = CaseStatus.of(case)
        gc.collect()
        alive = sum(type(each) is Probe for each in gc.get_objects())
        assert status.probes == len(targets) * len(case.rounds())
        return alive

    before = held()
    for number in range(3, 12):
        add_round(case, number, [probe(of, place, number) for place, of in enumerate(targets)], head=False)
    assert held() <= before


def test_the_answer_of_an_earlier_time_stays(case: RemovalCase) -> None:
    first = case.targets()[0].target_sha256
    add_round(case, 3, [probe(first, 50, 3, "failed")], head=False)
    assert CaseStatus.of(case).states[first].state == "undecided"
    assert CaseStatus.of(case, BEGIN + timedelta(hours=49)).states[first].state == "present"


def test_a_case_of_an_earlier_version_is_read_by_the_rules_of_today(case: RemovalCase) -> None:
    one, two, _ = (row.target_sha256 for row in case.targets())
    # It called the first one reduced to no word, and so removed; the second one moved.
    controls = (("first", "same"), ("nowhere", "missing"), ("gap", "zeros"))
    rows = [
        probe(one, 50, 3, "other_text", copied_words=0),
        probe(two, 50, 3, "elsewhere"),
        *(probe(one, 49, 3, outcome, role=role, target_sha256=None) for role, outcome in controls),
    ]
    add_round(case, 3, [replace(row, tool_version="0.1") for row in rows], head=False)
    found = CaseStatus.of(case)
    assert (found.states[one].state, found.states[two].state) == ("altered", "present")
    assert found.claims() == (0, 3)


def test_a_case_is_held_by_one_process_and_opened_in_an_empty_folder(
    case: RemovalCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with case.held(), pytest.raises(OutputError, match="another process"), case.held():
        pass
    with pytest.raises(OutputError, match="the folder already exists"):
        new_case(case.folder.uri, [numbered_target(1)])
    with pytest.raises(OutputError, match="this is not a case of removal"):
        RemovalCase.open(str(tmp_path), LOCAL)
    monkeypatch.setattr("presswatch_spark.legal.removal.case.LAYOUT", 2)
    with pytest.raises(OutputError, match="the case has layout 1, and this version reads 2"):
        RemovalCase.open(case.folder.uri, LOCAL)


def test_a_full_disk_loses_no_probe(case: RemovalCase, monkeypatch: pytest.MonkeyPatch) -> None:
    before = probes_of(case)
    chain, added = Chain.of(case, before), [probe(case.targets()[0].target_sha256, 9, 2)]

    full = raising(OSError(28, "No space left on device"))
    with monkeypatch.context() as patched:
        patched.setattr("presswatch_spark.storage.disk.Folder.write", full)
        with pytest.raises(OutputError, match=r"(?i)no space|full"):
            chain.append(2, added)
    assert probes_of(case) == before
    chain.append(2, added)
    assert len(probes_of(case)) == len(before) + 1


@pytest.mark.parametrize(("kind", "own"), [(Probe, "probe_sha256"), (Target, "target_sha256")])
def test_every_column_is_part_of_the_digest(case: RemovalCase, kind: type, own: str) -> None:
    row: Any = probes_of(case)[0] if kind is Probe else case.targets()[0]
    assert re.fullmatch("[0-9a-f]{64}", getattr(row, own))
    for name in kind.schema.names:  # type: ignore[attr-defined]
        assert (digest_of(replace(row, **{name: "other"})) == getattr(row, own)) == (name == own), name


def test_a_head_that_was_deleted_after_the_only_round_is_reported(tmp_path: Path) -> None:
    made = new_case(str(tmp_path / "case"), [numbered_target(0)])
    only = made.targets()[0].target_sha256
    add_round(made, 1, [probe(only, 0)])
    assert CaseStatus.of(made).alarms == []
    (tmp_path / "case" / "heads" / "0001.json").unlink()

    def found() -> list[tuple[int, str, str]]:
        return [(alarm.round, alarm.kind, alarm.about) for alarm in CaseStatus.of(made).alarms]

    assert found() == [(1, "head missing", "round 1")]
    add_round(made, 2, [probe(only, 1, 2)])
    assert found() == [(2, "head missing", "round 1")], "it stays reported after the next round"


@pytest.mark.parametrize(("back", "count"), [(timedelta(days=1), 1), (timedelta(seconds=30), 0)])
def test_a_clock_that_was_set_back_between_rounds_is_reported(
    case: RemovalCase, back: timedelta, count: int
) -> None:
    at = BEGIN + timedelta(hours=5) - back
    add_round(case, 3, [probe(case.targets()[0].target_sha256, 5, 3, asked_at=at)])
    alarms = [alarm for alarm in CaseStatus.of(case).alarms if alarm.kind == "clock set back"]
    assert [alarm.about for alarm in alarms] == ["round 3"] * count


# Metrics for Prometheus.

SAMPLE = re.compile(r'(presswatch_removal_\w+)\{case="([^"]*)"(?:,(\w+)="([^"]*)")?\} (\d+(?:\.\d+)?)')


def samples(text: str) -> dict[tuple[str, str], float]:
    """Value of each sample by family and label; every line is a sample of a case, or a comment."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, _, label, value = SAMPLE.fullmatch(line).groups("")  # type: ignore[union-attr]
            found[name.removeprefix("presswatch_removal_"), label] = float(value)
    return found


def test_status_writes_metrics_and_alarms(case: RemovalCase, tmp_path: Path) -> None:
    def status(*words: object) -> Outcome:
        return outcome("removal status", *words, case.folder)

    path, first = tmp_path / "removal.prom", case.targets()[0].target_sha256
    add_round(case, 3, [probe(first, 7, 3, etag="1")])
    add_round(case, 4, [probe(first, 8, 4, etag="2")])
    assert status("--metrics-file", path).code == 0
    text = path.read_text("utf-8")
    types = [line.split()[2] for line in text.splitlines() if "# TYPE" in line]
    assert types == [f"presswatch_{name}" for name in FAMILIES]
    found, now = samples(text), datetime.now(UTC).timestamp()
    assert now - 3600 < found.pop(("round_timestamp_seconds", "")) <= now
    assert {key: value for key, value in found.items() if value} == {
        ("places", "present"): 3, ("claims", ""): 3, ("rounds_total", ""): 4,
        ("alarms_total", "file changed"): 1,
    }  # fmt: skip
    assert {("places", "dropped"), ("claims_removed", ""), ("alarms_total", "reappeared")} < found.keys()

    assert status("--alarms").out.startswith("alarm of round 4: file changed: s3://b/x: ")
    exported = str(tmp_path / "a.parquet")
    (alarm,) = map(json.loads, status("--alarms", "--json").out.splitlines())
    assert (alarm["round"], alarm["kind"], alarm["probe"]) == (4, "file changed", 7)
    assert status("--alarms", "--export", exported).code == 0
    assert pq.read_table(exported).to_pylist() == [alarm]
    told = status("--metrics-file", f"{case.folder}/no/such/file")
    assert (told.code, "metrics file cannot be written" in told.err) == (1, True)
    assert status("--metrics-file", "x", "--as-of", "2026-11-27").code == 2


def test_the_name_of_a_case_is_quoted_in_its_metrics(tmp_path: Path) -> None:
    made = new_case(str(tmp_path / 'a "case"'), [numbered_target(0)])
    write_metrics(str(tmp_path / "removal.prom"), CaseStatus.of(made))
    text = (tmp_path / "removal.prom").read_text("utf-8")
    assert r"a \"case\"" in text
    assert samples(text.replace(r"\"", "'"))["claims", ""] == 1


# Inventories of a release.

RELEASE = "CC-MAIN-2024-22"
KEYS = [f"crawl-data/{RELEASE}/segments/1/wet/{number:05}.warc.wet.gz" for number in range(25)]
OLD, NEW = "Wed, 01 May 2024 10:00:00 GMT", "Thu, 26 Nov 2026 10:00:00 GMT"


class Inventory:
    """A release on a server, and inventories of it in a case."""

    def __init__(self, server: Server, case: RemovalCase) -> None:
        self.server, self.case = server, case
        server.objects = {f"/{key}": key.encode() for key in KEYS}
        server.objects[f"/crawl-data/{RELEASE}/wet.paths.gz"] = gzip.compress("\n".join(KEYS).encode())
        server.modified = {f"/{key}": OLD for key in KEYS}

    def take(self, release: str = RELEASE) -> Outcome:
        base = ["--release", release, "--format", "wet", "--base", f"{self.server.url}/"]
        return outcome("removal inventory", *base, self.case.folder.uri)


@pytest.fixture
def inventory(tmp_path: Path, server: Server) -> Inventory:
    about = {"noticed_at": "2026-09-01"}
    return Inventory(server, new_case(str(tmp_path / "case"), [numbered_target(1)], about))


def test_an_inventory_says_that_nothing_was_modified(inventory: Inventory) -> None:
    told = inventory.take()
    assert (told.code, f"inventory 1 of {RELEASE}: 25 files: 25 same" in told.out) == (0, True)
    assert "none modified since 2026-09-01 00:00 UTC; the newest on 2024-05-01 10:00 UTC" in told.out
    rows = [(row.file_uri, row.bytes, row.last_modified) for row in inventory.case.release_files()]
    assert rows == [(f"{inventory.server.url}/{key}", len(key), OLD) for key in KEYS]


def test_files_that_changed_are_named_and_missing_ones_counted(inventory: Inventory) -> None:
    server = inventory.server
    server.modified[f"/{KEYS[3]}"] = NEW
    server.modified.pop(f"/{KEYS[4]}")
    server.objects.pop(f"/{KEYS[5]}")
    told = inventory.take()
    assert told.code == 0
    for part in (
        "1 missing, 24 same", "1 modified since", f"modified: {server.url}/{KEYS[3]}",
        "without a time of modification: 1 file",
    ):  # fmt: skip
        assert part in told.out
    assert inventory.take().out.startswith("inventory 2 of")
    with inventory.case.held():
        told = inventory.take()
    assert (told.code, "another process is adding to this case" in told.err) == (1, True)


def test_an_inventory_that_was_stopped_goes_on(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventories, "FILES_WRITTEN", 10)
    monkeypatch.setattr(inventories, "FILES_AT_ONCE", 1)
    monkeypatch.setenv("PRESSWATCH_STORAGE__REFUSAL_PAUSE", "0.1")
    inventory.server.faults.extend([Fault()] * 14)
    inventory.server.always = Fault(status=429)
    told = inventory.take()
    assert (told.code, "skipped" in told.err) == (3, True)
    assert 10 <= len({row.file_uri for row in inventory.case.release_files()}) < 25
    inventory.server.always = Fault()
    told = inventory.take()
    assert (told.code, "inventory 1 of" in told.out, "25 same" in told.out) == (0, True, True)
    again = [row.file_uri for row in inventory.case.release_files()]
    assert len(again) == len(set(again)) == 25


def test_a_change_in_the_inventory_and_a_release_that_nobody_knows_are_named(inventory: Inventory) -> None:
    told = inventory.take("CC-MAIN-2024")
    assert (told.code, "CC-MAIN-2024" in told.err) == (1, True)
    assert inventory.case.notes("inventories") == []
    inventory.take()
    (path,) = files(inventory.case, "release_files")
    rewrite(path, "release_files", lambda rows: rows[7].update(last_modified=NEW))
    with pytest.raises(BrokenCaseError, match="row 7, in release_files"):
        inventory.case.release_files()
    assert inventory.take().code == 1
