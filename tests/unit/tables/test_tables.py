from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.tables.declarations import SCHEMAS, ShardLog
from presswatch_spark.tables.seals import sealed_json
from presswatch_spark.tables.store import MARKER, TableStore
from tests.world.tables import publish_log


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore.create(str(tmp_path / "tables"))


class TestFolder:
    def test_a_missing_folder_is_made(self, tmp_path: Path) -> None:
        TableStore.create(str(tmp_path / "a" / "b"))
        assert TableStore.open(str(tmp_path / "a" / "b")).published() == []

    def test_a_file_uri_is_a_path(self, tmp_path: Path) -> None:
        for uri in (f"file://{tmp_path}/my%20out", f"file://localhost{tmp_path}/my%20out"):
            assert TableStore.create(uri).root.path == tmp_path / "my out"

    def test_a_folder_of_someone_elses_files_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.doc").touch()
        with pytest.raises(OutputError, match="not ours"):
            TableStore.create(str(tmp_path))
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]

    def test_a_file_in_the_place_of_the_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "out").touch()
        with pytest.raises(OutputError, match="cannot be written"):
            TableStore.create(str(tmp_path / "out"))

    def test_another_layout_is_refused(self, store: TableStore) -> None:
        (store.root.path / MARKER).write_text('{"layout": 99}')
        with pytest.raises(OutputError, match="layout 99"):
            TableStore.create(str(store.root))

    @pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
    def test_a_damaged_marker_is_told(self, store: TableStore, text: str) -> None:
        (store.root.path / MARKER).write_text(text)
        with pytest.raises(OutputError, match="missing or damaged"):
            TableStore.open(str(store.root))

    def test_a_folder_of_an_earlier_version_has_a_marker_without_a_seal(self, store: TableStore) -> None:
        facts = {"layout": 1, "tables": sorted(SCHEMAS)}
        (store.root.path / MARKER).write_text(json.dumps(facts))
        assert TableStore.open(str(store.root)) == store

    def test_any_flipped_bit_of_the_marker_is_noticed(self, store: TableStore) -> None:
        path = store.root.path / MARKER
        whole = path.read_bytes()
        for place in range(len(whole)):
            for bit in range(8):
                path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
                with pytest.raises(OutputError, match=r"missing or damaged|layout \d"):
                    TableStore.open(str(store.root))

    def test_a_marker_of_a_later_version_may_name_tables_that_this_one_does_not_know(
        self, store: TableStore
    ) -> None:
        (store.root.path / MARKER).write_bytes(sealed_json({"layout": 1, "tables": [*SCHEMAS, "verdicts"]}))
        assert TableStore.open(str(store.root)) == store

    def test_reading_makes_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="missing or damaged"):
            TableStore.open(str(tmp_path / "nothing"))
        assert not (tmp_path / "nothing").exists()

    def test_a_web_site_is_refused_with_what_to_do(self) -> None:
        with pytest.raises(OutputError, match=r"https://.*name a folder on S3, or on a disk") as caught:
            TableStore.create("https://host/out?sig=s3cret")
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk_says_that_the_run_can_go_on(self, code: int) -> None:
        with (
            pytest.raises(OutputError, match=r"disk is full.*give the same command again"),
            disk_errors(Path("out")),
        ):
            raise OSError(code, os.strerror(code))

    def test_no_disk_is_sought_on_s3(self) -> None:
        with pytest.raises(OutputError, match=r"temporary files is full"), disk_errors("s3://bucket/out"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class TestReading:
    def test_a_table_without_runs_is_empty_and_has_its_columns(self, store: TableStore) -> None:
        assert store.read("scan_log").schema == ShardLog.schema
        assert len(store.read("scan_log")) == 0

    def test_only_published_runs_are_read(self, store: TableStore) -> None:
        publish_log(store, "20261124T120000Z-aaaaaa")
        publish_log(store, "20261124T130000Z-bbbbbb", tables=("matches", "scan_log"))
        assert store.read("scan_log")["run_id"].to_pylist() == ["20261124T120000Z-aaaaaa"]

    def test_runs_are_read_by_name(self, store: TableStore) -> None:
        for run_id in ("20261124T120000Z-aaaaaa", "20261124T130000Z-bbbbbb"):
            publish_log(store, run_id)
        assert store.read("scan_log", "20261124T130000Z-bbbbbb")["run_id"].to_pylist() == [
            "20261124T130000Z-bbbbbb"
        ]
        assert len(store.read("scan_log")) == 2

    def test_a_publication_done_again_replaces_what_the_first_try_left(self, store: TableStore) -> None:
        publish_log(store, "20261124T120000Z-aaaaaa", tables=("matches", "scan_log"))
        publish_log(store, "20261124T120000Z-aaaaaa")
        assert len(store.read("scan_log")) == 1

    def test_a_publication_with_fewer_files_leaves_none_of_the_first_try(self, store: TableStore) -> None:
        run_id, rows = "20261124T120000Z-aaaaaa", pa.Table.from_pylist([], ShardLog.schema)
        for count in (3, 2):
            files = [store.root / "staged" / f"{number}.parquet" for number in range(count)]
            for file in files:
                file.path.parent.mkdir(exist_ok=True)
                pq.write_table(rows, file.path)
            store.adopt("scan_log", run_id, [file.uri for file in files])
        assert (store.root / "scan_log").names() == [f"{run_id}-0000{number}.parquet" for number in range(2)]
