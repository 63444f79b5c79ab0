"""Tables on S3: every command reads, derives, verifies and forgets there what it does on a disk."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.claims.forget import Subject, forget
from presswatch_spark.storage.objects import stat
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.unit.claims.test_forget import rows_of
from tests.world.claims import House, Seen, text
from tests.world.commands import outcome, presswatch
from tests.world.histories import AFTER, BEFORE, altered_release, sha
from tests.world.places import Bucket, https
from tests.world.proofs import each_time
from tests.world.reports import hostile_house, page_of_tables, undrawn
from tests.world.scanned import FORMS, ONE_OF_EACH_FORMAT, scan_here, some_pages, two_scans
from tests.world.servers import Fault, Server, web
from tests.world.tables import flipped, match, publish, publish_row

OUT = "s3://shards/tables"
by_each_engine = pytest.mark.parametrize("engine", ["duckdb", pytest.param("spark", marks=pytest.mark.full)])


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of every format, and the tables of two scans of them."""
    folder = tmp_path_factory.mktemp("release")
    two_scans(folder)
    return folder


READINGS = {
    "runs": ["runs", "--json"],
    "runs as a table": ["runs"],
    "matches": ["matches", "--json"],
    "matches of an article": ["matches", "--json", "--article", "a00001", "--run", "latest"],
    "sql": ["sql", "select grade, count(*) n, max(size(spans)) from matches group by 1 order by 1", "--json"],
    "sql of several tables": ["sql", "select count(*) from matches m join runs r using (run_id)"],
    "sql of all columns": ["sql", "select * from matches order by row_sha256, run_id, shard_uri", "--json"],
    "sql of a run": [
        "sql",
        "select m.grade, size(m.spans) n from (select * from matches where run_id like '2026%') m"
        " where m.run_id = '20261125T000000Z-abcdef' order by 1, 2",
        "--json",
    ],
    "sql of the newest run": [
        "sql",
        "select title_id, count(*) from matches where run_id = (select max(run_id) from runs)"
        " group by 1 order by 1",
    ],
    "sql of a run that is not there": ["sql", "select count(*) from matches where run_id = 'x'"],
    "sql of no table": ["sql", "describe matches"],
    "rights": ["rights", "--json"],
    "verify-rows": ["verify-rows", "--sample", "40", "--seed", "1", "--json"],
}
SOME_READINGS = ["matches of an article", "sql of several tables", "verify-rows"]


class TestReading:
    @pytest.mark.parametrize("readings", each_time([SOME_READINGS], [SOME_READINGS, [*READINGS]]))
    def test_every_command_says_of_tables_on_s3_what_it_says_of_those_on_disk(
        self, readings: list[str], spark: SparkSession, release: Path, s3: Bucket
    ) -> None:
        s3.upload(release / "tables", "tables")
        for reading in readings:
            name, *more = READINGS[reading]
            on_disk = presswatch(name, str(release / "tables"), *more)
            assert presswatch(name, OUT, *more, *s3.there) == on_disk, reading
            assert on_disk or name == "rights"
        row = TableStore.open(str(release / "tables")).read("matches").to_pylist()[0]
        assert row["document_url"] in presswatch("fetch", OUT, "--row", row["row_sha256"], *s3.there)

    def test_a_query_reads_what_it_needs_and_no_more(
        self, spark: SparkSession, s3: Bucket, faulty: Server, tmp_path: Path
    ) -> None:
        strewn = ("row_sha256", "text_sha256", "payload_digest")
        for run_id, count in (("r1", 8_000), ("r2", 10)):
            rows = [match("a", None, **{name: token_hex(32) for name in strewn}) for _ in range(count)]
            publish(tmp_path / "tables", run_id, rows)
        s3.upload(tmp_path / "tables", "tables")
        publish_there(s3, tmp_path / "tables")
        query = "select title_id, count(*) from matches where run_id = 'r1' group by 1"
        assert "8000" in presswatch("sql", OUT, query, "--endpoint", faulty.url)
        ranges = [
            (path.rpartition("/")[2], *map(int, asked.removeprefix("bytes=").split("-")))
            for method, path, asked in faulty.requests
            if method == "GET" and "/matches/" in path
        ]
        assert {name for name, *_ in ranges} == {"r1-00000.parquet"}
        read = sum(end - start + 1 for _, start, end in ranges)
        assert read < 0.15 * (tmp_path / "tables" / "matches" / "r1-00000.parquet").stat().st_size

    def test_missing_tables_are_named(self, s3: Bucket) -> None:
        told = outcome("runs", f"{s3.uri}/nothing", *s3.there)
        assert told.code == 1
        assert "s3://shards/nothing: this is not a folder of tables" in told.err


def publish_there(s3: Bucket, tables: Path) -> None:
    """Publish again the runs of tables that were uploaded, as if they had been written there: with ETags."""
    store = TableStore.open(str(tables))
    for row in store.read("runs").to_pylist():
        names = [file["name"] for file in row["files"]]
        etags = {name: stat(f"{OUT}/matches/{name}", s3.storage).etag for name in names}
        assert all(etags.values())
        publish_row(store, "runs", row, etags)
    s3.upload(tables / "runs", "tables/runs")


class TestDeriving:
    @by_each_engine
    def test_runs_are_compared(
        self, s3: Bucket, tmp_path: Path, request: pytest.FixtureRequest, engine: str
    ) -> None:
        if engine == "spark":
            request.getfixturevalue("spark")
        expected = altered_release(tmp_path / "tables")
        s3.upload(tmp_path / "tables", "tables")
        digests = set[str]()
        for name, words in {
            "disk": [str(tmp_path / "tables"), "--engine", "duckdb"],
            "s3": [OUT, "--engine", engine, *s3.there],
        }.items():
            out = ("--out", str(tmp_path / name))
            printed = presswatch("compare", *words, "--before", BEFORE, "--after", AFTER, *out)
            digests.update(re.findall("table digest ([0-9a-f]{64})", printed))
            rows = pq.read_table(tmp_path / name / "changes").to_pylist()
            found = {
                f"{row['article_id']} {row['document_url']}": (row["state"], row["doubt"]) for row in rows
            }
            assert found == expected
        assert len(digests) == 1

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            ("changes", ["compare", "--before", "20261125T000000Z-abcdef", "--after", "latest"]),
            ("reservations", ["rights"]),
        ],
    )
    def test_a_derived_table_is_the_one_on_disk_sealed_and_read_by_every_reader(
        self, spark: SparkSession, s3: Bucket, tmp_path: Path, table: str, words: list[str]
    ) -> None:
        tables, there = tmp_path / "tables", f"{s3.uri}/derived"
        publish(tables, "20261125T000000Z-abcdef", [match("a", "https://x.example/1")])
        at = {"captured_at": datetime(2026, 11, 1, tzinfo=UTC), "dataset": "warc", "http_status": 200}
        own = [match("a", f"https://t.example/{n}", own_site=True, row_sha256=f"{n}", **at) for n in range(3)]
        publish(tables, "20261126T000000Z-abcdef", own)
        for out, more in ((str(tmp_path / "out"), ()), (there, s3.there)):
            command = [*words, tables, "--out", out, *more]
            assert f"written to {out}/{table}" in presswatch(*command)
            again = outcome("", *command)
            assert (again.code, f"the table {table} already exists" in again.err) == (1, True)
        here, store = TableStore.open(str(tmp_path / "out")), s3.store("derived")
        assert store.read(table).equals(here.read(table))
        assert len(store.read(table)) > 0
        keys = s3.names("derived")
        assert sorted(key.split("/")[1] for key in keys) == sorted(["_presswatch.json", "derivations", table])
        query = f"select count(*) as counted from {table}"
        counted = json.loads(presswatch("sql", there, query, *s3.there, "--json"))
        assert counted == {"counted": len(here.read(table))}
        (key,) = (key for key in keys if f"/{table}/" in key)
        data = s3.get(key)
        s3.put(key, flipped(data, 4 * len(data)))
        with pytest.raises(DamagedTablesError, match=f"table {table} of run"):
            store.read(table)

    @by_each_engine
    def test_claims_are_those_on_disk_where_tables_corpus_and_licences_are_on_s3(
        self,
        request: pytest.FixtureRequest,
        s3: Bucket,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        engine: str,
    ) -> None:
        if engine == "spark":
            request.getfixturevalue("spark")
        monkeypatch.setenv("PRESSWATCH_CACHE_DIR", str(tmp_path / "cache"))
        house = House(tmp_path / "house")
        house.print(1, text(1))
        house.scan(Seen("https://copieur.example/a", text(1)), Seen("https://portail.example/a", text(1)))
        licence = "{id: p, licensee: P, hosts: [portail.example], titles: [courrier], document: contrats/1}"
        (house.folder / "licences.yaml").write_text(f"licences:\n  - {licence}\n", "utf-8")
        on_disk = house.claims(licences=str(house.folder / "licences.yaml"))
        base = s3.upload(house.folder, "house")
        given = ["--corpus", f"{base}/corpus", "--licences", f"{base}/licences.yaml", "--as-of", "2026-11-27"]
        words = ["claims", *given, "--out", f"{s3.uri}/claims", "--engine", engine, *s3.there]
        presswatch(*words, f"{base}/tables")
        on_s3 = s3.store("claims").read("claims").to_pylist()
        both = [sorted(rows, key=lambda row: str(row["claim_sha256"])) for rows in (on_s3, on_disk)]
        assert both[0] == both[1]
        assert {row["kind"] for row in on_s3} == {"copy", "licensed"}

    @pytest.mark.full
    def test_a_members_rows_are_removed_and_new_etags_are_known(self, tmp_path: Path, s3: Bucket) -> None:
        publish(tmp_path, "r1", [*rows_of("rives", "a", "b"), *rows_of("plateau", "c")])
        publish(tmp_path, "r2", rows_of("plateau", "c"))
        s3.upload(tmp_path, "tables")
        removal = forget(OUT, Subject("publisher", "rives"), s3.storage)
        assert (removal.rows, removal.row["subject_sha256"]) == (2, sha("rives"))
        store = s3.store("tables")
        assert list(store.damage()) == []
        store.check("r1")
        assert store.read("matches", "r1")["article_id"].to_pylist() == ["c"]
        (file,) = store.rows()[0]["files"]
        assert file["etag"] == next(iter((store.root / "matches").described().values())).etag
        assert not [key for key in s3.names() if "forget/" in key]

    @pytest.mark.full
    def test_a_report_says_what_one_on_disk_says(self, tmp_path: Path, s3: Bucket) -> None:
        house = hostile_house(tmp_path / "house")
        tables = s3.upload(house.tables, "tables")
        words = ["--engine", "duckdb", "--corpus", str(house.corpus), "--lang", "en", *s3.there]
        with undrawn():
            presswatch("report", *words, "--out", f"{s3.uri}/page.html", tables)
        here = page_of_tables(house.tables, house.corpus, tmp_path / "page.html")
        pages = (s3.get("page.html").decode(), here.replace(str(house.tables), tables))
        assert len({re.sub(r"Made on [^<]*", "", page) for page in pages}) == 1


SOME_FORMS = (*ONE_OF_EACH_FORMAT, "single.warc.wet.gz")


@pytest.fixture(scope="module", params=each_time([len(SOME_FORMS)], [len(SOME_FORMS), len(FORMS)]))
def all_forms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """Shards of some forms, or of every one, in `shards`, and `tables` that found them on disk."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "shards").mkdir()
    names = FORMS if request.param == len(FORMS) else SOME_FORMS
    for name in names:
        FORMS[name](folder / "shards" / name, some_pages())
    scan_here([folder / "shards" / name for name in names], corpus, folder / "tables")
    return folder


class TestVerifying:
    """Rows are verified by ranges where they suffice, and nothing is absent where nothing answers."""

    @pytest.fixture
    def objects(self, all_forms: Path) -> Mapping[str, bytes]:
        return {f"/m/{path.name}": path.read_bytes() for path in (all_forms / "shards").iterdir()}

    def verified(self, all_forms: Path, place: str, *options: str, **given: str) -> list[dict[str, Any]]:
        """Verify all rows by shards in another place; the rows as the command prints them."""
        words = [all_forms / "tables", "--sample", 100000, "--json", *options]
        told = outcome("verify-rows", *words, "--mirror", f"{all_forms / 'shards'}={place}", **given)
        rows = [json.loads(line) for line in told.out.splitlines()]
        assert told.code == (0 if all(row["verified"] for row in rows) else 3)
        return rows

    def test_rows_verify_from_s3_whatever_it_does_wrong(
        self, all_forms: Path, s3: Bucket, faulty: Server
    ) -> None:
        place = s3.upload(all_forms / "shards", "crawl")
        wrong = [Fault(status=503), Fault(cut_after=100), Fault(), Fault(cut_after=50, reset=True)]
        faulty.faults.extend(wrong)
        soon = {"PRESSWATCH_STORAGE__BACKOFF_BASE": "0.01"}
        rows = self.verified(all_forms, place, "--endpoint", faulty.url, **soon)
        assert len(rows) > 100
        assert all(row["verified"] for row in rows)
        assert not faulty.faults, "every fault was met"

    def test_a_record_of_its_own_is_one_range_request(
        self, all_forms: Path, objects: Mapping[str, bytes], tmp_path: Path
    ) -> None:
        with https(tmp_path, objects) as server:
            rows = self.verified(all_forms, f"{server.url}/m")
            asked = [
                where for method, path, where in server.requests if method == "GET" and "/a.warc" in path
            ]
            in_order = [path for method, path, _ in server.requests if method == "GET" and "/single" in path]
            wet = next(row["pointer"] for row in rows if "/a.warc.wet.gz" in row["pointer"])
            server.requests.clear()
            presswatch("fetch", wet)
            assert len(server.gets()) == 1
        assert all(row["verified"] for row in rows)
        ranges = [tuple(map(int, where.removeprefix("bytes=").split("-"))) for where in asked]
        places = {row["pointer"] for row in rows if "/a.warc.wet.gz" in row["pointer"]}
        assert len(ranges) == len(places)
        named = {place.split("#")[1].split("length")[0] for place in places}
        assert {f"offset={first}," for first, _ in ranges} == named
        assert all(f"length={last - first + 1 - 16}," in str(places) for first, last in ranges)
        assert len(in_order) <= 2, "once to see what it is, once for all rows"

    def test_a_server_that_does_not_answer_is_no_absence_and_is_asked_once(
        self, all_forms: Path, objects: Mapping[str, bytes]
    ) -> None:
        with web(objects=objects, always=Fault(status=503)) as server:
            rows = self.verified(all_forms, f"{server.url}/m", PRESSWATCH_STORAGE__MAX_ATTEMPTS="1")
            assert len([path for _, path, _ in server.requests if "/a.warc" in path]) <= 2
        assert {row["reason"] for row in rows} == {"not reached"}

    def test_what_the_server_has_not_is_no_shard(self, all_forms: Path) -> None:
        with web() as server:
            assert {row["reason"] for row in self.verified(all_forms, f"{server.url}/m")} == {"no shard"}
