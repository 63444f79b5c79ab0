"""Files that were written anew, and files with more targets than a batch holds."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.removal import _record, targets_in
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.removal import rounds
from presswatch_spark.legal.removal.rounds import TARGETS_A_BATCH, Prober
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.pointer import Mirror
from tests.unit.legal.removal.test_hostile import ordered, zeroed
from tests.world.proofs import each_time
from tests.world.release import QUICK, new_case, probe, probes_of, release, states
from tests.world.servers import Server


def test_rows_of_a_rewritten_parquet_file_have_moved_or_are_dropped(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server, ("c4.parquet",))
    case = crawl.open()
    probe(case, crawl)
    found = ordered(case)
    lost = {target.row_index for target in found[1:3]}

    def rewritten(data: bytes) -> bytes:
        table = pq.read_table(io.BytesIO(data))
        kept = [row for row in reversed(range(table.num_rows)) if row not in lost]
        written = io.BytesIO()
        pq.write_table(table.take(pa.array(kept)), written, row_group_size=5, compression="gzip")
        return written.getvalue()

    crawl.change(found[0], rewritten)
    probe(case, crawl)
    assert not any(state.removed for state in states(case).values())
    probe(case, crawl, words=True)
    after = states(case)
    for target in case.targets():
        state = after[target.target_sha256]
        if target.row_index in lost:
            assert (state.state, state.removed) == ("dropped", True)
        else:
            assert (state.state == "present", state.removed) == (True, False), state
    before = {row.outcome for row in probes_of(case) if row.role == "first" and row.round > 1}
    assert before == {"rewritten"}


@pytest.mark.parametrize("batch", each_time([50], [50, TARGETS_A_BATCH]))
def test_more_targets_than_a_batch_holds_are_followed_in_one_file(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(rounds, "TARGETS_A_BATCH", batch)
    path = tmp_path / "00000.warc.wet.gz"
    # Every other record is a target.
    count = 2 * (batch + batch // 5) + 3
    records = [_record(0, number, f"Le texte numéro {number} de la page") for number in range(count)]
    path.write_bytes(b"".join(map(gzip.compress, records)))
    targets = list(targets_in(path))
    assert len(targets) > batch
    case = new_case(str(tmp_path / "case"), targets, {"reading": {}})
    server.objects[f"/crawl/{path.name}"] = path.read_bytes()
    mirror = Mirror(str(tmp_path), f"{server.url}/crawl")

    def again(*, deep: bool = False) -> dict[str, Any]:
        probed = Prober(case, load_scan_config(flags=QUICK), [mirror], deep=deep).probe()
        assert (probed.is_complete, probed.now) == (True, len(targets))
        return {key: state.state for key, state in states(case).items()}

    assert set(again().values()) == {"present"}
    few = len(server.requests)
    # Ranges that are near are one request, and each batch has its own controls.
    assert few < 50
    gone = [ordered(case)[place] for place in (5, batch - 1, batch, batch + batch // 6)]
    data = path.read_bytes()
    for target in gone:
        data = zeroed(data, target)
    server.objects[f"/crawl/{path.name}"] = data
    wanted = {target.target_sha256 for target in gone}
    for deep in (False, True):
        found = again(deep=deep)
        assert {key for key, state in found.items() if state == "overwritten"} == wanted
        assert {state for key, state in found.items() if key not in wanted} == {"present"}
    assert {alarm.kind for alarm in CaseStatus.of(case).alarms} == {"file changed"}
