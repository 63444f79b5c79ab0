"""Every kind of storage gives the bytes that were stored, or an error with the place; none half an object."""

import io
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import InputError, StorageError, TruncatedError
from presswatch_spark.storage.disk import fetch_file, put_file
from presswatch_spark.storage.objects import (
    ConflictError,
    MissingError,
    ObjectInfo,
    ask,
    delete_object,
    open_stream,
    random_access,
    read_object,
    read_range,
    stat,
    write_object,
)
from presswatch_spark.storage.shards import left_out_line, plan
from tests.world.places import Place
from tests.world.servers import Fault

DATA = random.Random(7).randbytes(3_000_000)
CUTS = (0, 1, 1000, 1_048_576, 2_999_999)
NAME = "crawl-data/part é+1.gz"


def of(*kinds: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", kinds, indirect=True)


everywhere = of("disk", "web", "web without ranges", "s3", "hub")
far_away = of("web", "s3")
where_we_write = of("disk", "s3")
where_we_only_read = of("web", "hub")


def read_all(info: ObjectInfo, place: Place, start: int = 0) -> bytes:
    with open_stream(info, place.options, start=start) as stream:
        return stream.read_to_end()


class TestReading:
    @everywhere
    def test_an_object_is_described_and_read_from_any_byte(self, place: Place) -> None:
        info = place.put(NAME, DATA)
        assert stat(info.uri, place.options) == info
        for start in (*CUTS, len(DATA)):
            assert read_all(info, place, start) == DATA[start:]
        with open_stream(info, place.options, start=5) as stream:
            assert (stream.read(3), stream.position) == (DATA[5:8], 8)
        with pytest.raises(ValueError, match="closed"):
            stream.read(1)
        assert read_object(info.uri, place.options)[0] == DATA

    @everywhere
    @pytest.mark.parametrize("data", [b"", b"0123456789", DATA], ids=["empty", "small", "large"])
    def test_a_range_is_short_only_where_the_object_ends(self, place: Place, data: bytes) -> None:
        uri = place.put(NAME, data).uri
        for start, length in ((2, 3), (8, 5), (10, 5), (99, 1), (0, 0), (1_000_000, 50), (len(data) - 5, 50)):
            if start >= 0:
                assert read_range(uri, start, length, place.options) == data[start : start + length]

    @everywhere
    def test_missing_objects_are_told_from_failures(self, place: Place) -> None:
        info = place.put(NAME, DATA)
        gone = info.uri.replace("part", "none")
        for read in (stat, read_object, lambda uri, options: open_stream(ObjectInfo(uri, 3), options)):
            with pytest.raises(MissingError, match="no such"):
                read(gone, place.options)  # type: ignore[operator]

    @of("web", "s3", "disk")
    def test_an_object_that_changed_since_it_was_planned_is_not_read(self, place: Place) -> None:
        info = place.put(NAME, DATA)
        for now in (DATA[:-1], DATA + b"x"):
            place.put(NAME, now)
            for known in (info, replace(info, etag=None)):
                with pytest.raises(StorageError, match="changed"):
                    open_stream(known, place.options)

    @far_away
    def test_parquet_is_read_by_few_ranges_of_one_version(self, place: Place) -> None:
        table = pa.table({"text": [f"row {i}" for i in range(1000)], "unread": [os.urandom(4000)] * 1000})
        pq.write_table(table, sink := io.BytesIO(), row_group_size=100, use_dictionary=False)
        info = place.put("rows.parquet", sink.getvalue())
        place.server.faults.append(Fault(cut_after=10))
        with random_access(info, place.options) as file:
            assert pq.ParquetFile(file).read_row_group(3, ["text"]) == table.select(["text"]).slice(300, 100)
        assert len(place.server.gets()) <= 4
        place.put("rows.parquet", sink.getvalue() + b" ")
        with random_access(info, place.options) as file, pytest.raises(StorageError, match="changed"):
            file.read(1)


class TestFaults:
    @of("web", "web without ranges", "s3")
    @pytest.mark.parametrize(
        "faults",
        [
            [Fault(status=503), Fault(status=429), Fault(status=500)],
            *([Fault(cut_after=cut)] for cut in CUTS),
            [Fault(cut_after=1_500_000, reset=True)],
            [Fault(cut_after=1000), Fault(status=503), Fault(cut_after=1000, reset=True)],
            [Fault(length_off=-1_000_000)],
            [Fault(length_off=1_000_000)],
            [Fault(pieces=50)],
        ],
        ids=repr,
    )
    def test_they_change_nothing_in_the_bytes(self, place: Place, faults: list[Fault]) -> None:
        info = place.put(NAME, DATA)
        place.server.faults.extend(faults)
        assert read_all(info, place) == DATA
        assert not place.server.faults

    @far_away
    def test_a_broken_body_continues_where_it_stopped(self, place: Place) -> None:
        place.server.faults.append(Fault(cut_after=1000))
        assert read_all(place.put(NAME, DATA), place) == DATA
        assert place.server.gets() == ["", "bytes=1000-"]

    @far_away
    @pytest.mark.parametrize("cut", [0, 1, 100])
    def test_endless_early_ends_are_an_error_with_a_place(self, place: Place, cut: int) -> None:
        info = place.put(NAME, DATA)
        place.server.always = Fault(cut_after=cut)
        with pytest.raises(TruncatedError, match=f"only {4 * cut} of 3,000,000 bytes") as caught:
            read_all(info, place)
        assert caught.value.where == f"{info.uri} @ {4 * cut}"
        assert len(place.server.gets()) == 4
        assert ask(info.uri, 0, len(DATA), place.options).failure.startswith("the transfer ")

    @pytest.mark.parametrize(
        ("place", "then"),
        [("web", bytes(len(DATA))), ("s3", bytes(len(DATA))), ("web without ETags", b"another" + DATA)],
        indirect=["place"],
        ids=["web", "s3", "without ETags"],
    )
    def test_an_object_that_changes_in_the_middle_is_an_error(self, place: Place, then: bytes) -> None:
        info = place.put(NAME, DATA)
        place.server.faults.append(Fault(cut_after=1_048_576))
        with open_stream(info, place.options) as stream:
            assert stream.read(1_048_576) == DATA[:1_048_576]
            place.put(NAME, then)
            with pytest.raises(StorageError, match="@ 1048576: the object changed"):
                stream.read_to_end()

    @far_away
    def test_a_transfer_that_drips_is_broken_off_with_the_reason(self, place: Place) -> None:
        info = place.put(NAME, DATA)
        slow = replace(place.options, max_attempts=2, lowest_rate=1_000_000, rate_seconds=0.05)
        place = replace(place, options=slow)
        place.server.faults.append(Fault(drips=True))
        assert read_all(info, place) == DATA
        place.server.always = Fault(drips=True)
        slower = "the transfer is slower than 1,000,000 bytes a second"
        with pytest.raises(TruncatedError, match=slower):
            read_all(info, place)
        with pytest.raises(TruncatedError, match=slower):
            read_range(info.uri, 10, 100_000, slow)
        assert len(place.server.gets()) == 6

    @far_away
    def test_a_fetched_file_is_whole_or_absent(self, place: Place, tmp_path: Path) -> None:
        uri = place.put(NAME, DATA).uri
        place.server.faults.append(Fault(cut_after=1000))
        fetch_file(uri, str(tmp_path / "x"), place.options)
        assert (tmp_path / "x").read_bytes() == DATA
        place.server.always = Fault(cut_after=1000)
        with pytest.raises(TruncatedError):
            fetch_file(uri, str(tmp_path / "y"), place.options)
        assert [path.name for path in tmp_path.iterdir()] == ["x"]


class TestWriting:
    @where_we_write
    def test_an_object_is_written_read_written_over_and_removed(self, place: Place) -> None:
        uri, options = f"{place.root}/_runs/é key.lock", place.options
        first = write_object(uri, b"one", options)
        assert read_object(uri, options) == (b"one", first)
        second = write_object(uri, b"two", options, etag=first)
        assert read_object(uri, options) == (b"two", second)
        third = write_object(uri, b"three", options)
        assert read_object(uri, options) == (b"three", third)
        assert len({first, second, third}) == 3
        for _ in range(2):
            delete_object(uri, options)
        with pytest.raises(MissingError):
            read_object(uri, options)

    @where_we_write
    def test_only_the_first_writer_finds_nothing_there(self, place: Place) -> None:
        uri = f"{place.root}/object.json"
        write_object(uri, b"mine", place.options, absent=True)
        with pytest.raises(ConflictError, match="another process") as caught:
            write_object(uri, b"theirs", place.options, absent=True)
        assert caught.value.where == uri
        assert read_object(uri, place.options)[0] == b"mine"

    @where_we_write
    @pytest.mark.parametrize("gone", [False, True])
    def test_a_version_that_is_no_more_is_not_written_over(self, place: Place, gone: bool) -> None:
        uri = f"{place.root}/object.json"
        first = write_object(uri, b"one", place.options)
        second = write_object(uri, b"two", place.options)
        if gone:
            delete_object(uri, place.options)
        with pytest.raises(ConflictError):
            write_object(uri, b"three", place.options, etag=first)
        if not gone:
            assert read_object(uri, place.options) == (b"two", second)

    @where_we_write
    def test_a_file_is_copied_there_and_back_whole(self, place: Place, tmp_path: Path) -> None:
        """On S3 in parts."""
        (tmp_path / "x").write_bytes(DATA * 4)
        put_file(str(tmp_path / "x"), f"{place.root}/deep/y", place.options)
        fetch_file(f"{place.root}/deep/y", str(tmp_path / "far" / "z"), place.options)
        assert (tmp_path / "far" / "z").read_bytes() == DATA * 4
        assert [path.name for path in (tmp_path / "far").iterdir()] == ["z"]

    @where_we_only_read
    @pytest.mark.parametrize(
        "write",
        [
            lambda uri, place: write_object(uri, b"", place.options),
            lambda uri, place: delete_object(uri, place.options),
            lambda uri, place: put_file(__file__, uri, place.options),
        ],
        ids=["write", "delete", "put"],
    )
    def test_sites_and_hubs_are_for_reading(self, place: Place, write: Callable[..., object]) -> None:
        with pytest.raises(StorageError, match=r"cannot write to a (web site|hub)"):
            write(place.put(NAME, b"text").uri, place)


class TestPlans:
    SHARDS = ("1.gz", "a/2.gz", "a/3.gz", "a/er/4.gz", "b.gz")
    PAPERS = ("_SUCCESS", "a/.x.crc", "README")

    @of("disk", "s3", "hub")
    @pytest.mark.parametrize(
        ("pattern", "found"),
        [
            ("", SHARDS),
            ("/", SHARDS),
            ("/1.gz", SHARDS[:1]),
            ("/*.gz", ("1.gz", "b.gz")),
            ("/**/*.gz", SHARDS),
            ("/?.gz", ("1.gz", "b.gz")),
            ("/a*", SHARDS[1:4]),
            ("/a/[!2].g?", ("a/3.gz",)),
            ("/*/e*/*", ("a/er/4.gz",)),
        ],
    )
    def test_folders_and_globs_are_shards(self, place: Place, pattern: str, found: tuple[str, ...]) -> None:
        for name in (*self.SHARDS, *self.PAPERS):
            uri = place.put(f"data/{name}", b"12").uri
        place.put("data-old/5.gz", b"12")
        root = uri.removesuffix("/README") if not uri.startswith("hf:") else f"{place.root}/data"
        shards = plan([f"{root}{pattern}"], place.options)
        assert tuple(shard.uri.partition("/data/")[2] for shard in shards) == found
        assert all(shard.size == 2 and (shard.etag or "@" in shard.uri) for shard in shards)

    @where_we_write
    @pytest.mark.parametrize("pattern", ["", "/**", "/*", "/**/*.*", "/*/*"])
    def test_tables_and_cases_among_shards_are_never_shards(self, place: Place, pattern: str) -> None:
        for name in ("a.json.gz", "deep/b.json.gz", "out/matches/0.parquet", "deep/case/probes/1.parquet"):
            place.put(name, b"x")
        place.put("out/_presswatch.json", b"{}")
        place.put("deep/case/_presswatch_case.json", b"{}")
        shards = plan([f"{place.root}{pattern}"], place.options)
        found = {each.uri.removeprefix(f"{place.root}/") for each in shards}
        assert found == {"deep/b.json.gz", *(() if pattern == "/*/*" else ("a.json.gz",))}
        if pattern in ("", "/**", "/*"):
            assert {f"{place.root}/out", f"{place.root}/deep/case"} <= set(shards.left_out)
            assert "out" in (left_out_line(shards.left_out) or "")
        with pytest.raises(InputError, match="no files to read"):
            plan([f"{place.root}/*/*/*"], place.options)
        with pytest.raises(InputError, match="presswatch wrote this folder"):
            plan([f"{place.root}/out"], place.options)
        named = f"{place.root}/out/matches/0.parquet"
        assert [each.uri for each in plan([named], place.options)] == [named]
