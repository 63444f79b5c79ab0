"""The census of index files: the same rows as a full scan's, and honest about what could not be read."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.census.bulk import table_of
from benchmarks.census.indices import SUBSETS, Index, write_index
from benchmarks.census.reference import members_rows
from presswatch_spark.cli.commands.census import title_rows
from presswatch_spark.core.errors import InputError
from presswatch_spark.core.settings.config import CommonCrawlRules, DatasetRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.reading.rows.parquet_footer import BYTE_ARRAY, Chunk, Leaf
from presswatch_spark.scanning.ccindex.index_file import _bounds
from presswatch_spark.scanning.ccindex.wanted import Wanted
from presswatch_spark.scanning.censuses.run import index_files, wanted_of
from presswatch_spark.storage.objects import stat
from presswatch_spark.tables.digests import row_digest
from tests.world.censuses import ARTICLES, FAST, SITES, census_corpus, nested, seen, some_rows, take
from tests.world.index_files import CRAWL, SCHEMA, Row, row_of, surt, write_file

LABEL = st.text("abcxyz019-", min_size=1, max_size=6).filter(lambda text: text.strip("-") == text)
MISSING = ("url_surtkey", "url_host_name", "url_host_registered_domain")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return census_corpus(tmp_path_factory.mktemp("corpus"))


def partition(folder: Path, subset: str = "warc") -> Path:
    return folder / f"crawl={CRAWL}" / f"subset={subset}" / "part-00000.c000.gz.parquet"


def written(folder: Path, rows: list[Row], row_groups: int = 40, schema: pa.Schema = SCHEMA) -> Path:
    path = partition(folder)
    write_file(path, rows, row_groups, schema)
    return path


def expected(*files: Path) -> list[tuple[Any, ...]]:
    """The captures of a full scan by code of its own, in the columns of the table."""
    found = members_rows(files, SITES, ARTICLES)
    rows = []
    for row in found:
        languages = row.get("content_languages")
        rows.append(
            {
                "url": row["url"],
                "title_id": row["title"] or "gazette",
                "article_id": row["article"],
                "captured_at": row["fetch_time"].replace(tzinfo=UTC),
                "http_status": row["fetch_status"],
                "mime_declared": row["content_mime_type"],
                "mime_detected": row["content_mime_detected"],
                "charset": row.get("content_charset"),
                "payload_digest": row["content_digest"],
                "warc_filename": row["warc_filename"],
                "record_offset": row["warc_record_offset"],
                "record_length": row["warc_record_length"],
                "subset": Path(row["file"]).parent.name.partition("=")[2],
                "release": CRAWL,
                "languages": languages.split(",") if languages else [],
            }
        )
    return seen(rows)


class TestRows:
    def test_they_are_those_of_a_full_scan(self, corpus: Path, tmp_path: Path) -> None:
        file = written(tmp_path, some_rows())
        outcome, rows = take(corpus, file)
        assert seen(rows) == expected(file)
        assert {row["title_id"] for row in rows} == {"gazette", "carnet"}
        assert {row["article_id"] for row in rows} == {None, "pont", "depeche"}
        log = outcome.log
        assert (log["status"], log["error"], log["captures"]) == ("complete", None, len(rows))
        assert log["failure"] is None
        assert log["columns_missing"] == []
        assert 0 < log["row_groups_read"] < log["row_groups"]

    @pytest.mark.parametrize("subset", ["crawldiagnostics", "robotstxt"])
    def test_subsets_come_from_the_path(self, corpus: Path, tmp_path: Path, subset: str) -> None:
        file = partition(tmp_path, subset)
        write_file(file, some_rows(subset=subset), 10)
        _, rows = take(corpus, file)
        assert seen(rows) == expected(file)
        assert {row["subset"] for row in rows} == {subset}

    def test_a_nested_index_gives_the_same(self, corpus: Path, tmp_path: Path) -> None:
        rows = sorted(some_rows(), key=lambda row: row["url_surtkey"])
        flat, deep = written(tmp_path, rows), tmp_path / "nested" / partition(Path()).relative_to(".")
        deep.parent.mkdir(parents=True)
        pq.write_table(nested(rows), deep, row_group_size=8, compression="gzip")
        outcome, found = take(corpus, deep)
        assert seen(found) == expected(flat)
        assert outcome.log["columns_missing"] == ["content_truncated"]
        assert outcome.log["row_groups_read"] < outcome.log["row_groups"]

    @pytest.mark.parametrize("missing", [MISSING[:1], MISSING[1:2], MISSING[:2], MISSING])
    def test_columns_to_search_by_may_be_missing(
        self, corpus: Path, tmp_path: Path, missing: tuple[str, ...]
    ) -> None:
        rows = sorted(some_rows(), key=lambda row: row["url_surtkey"])
        file = partition(tmp_path)
        file.parent.mkdir(parents=True)
        table = pa.Table.from_pylist(rows, SCHEMA).drop_columns(list(missing))
        pq.write_table(table, file, row_group_size=8)
        outcome, found = take(corpus, file)
        assert seen(found) == expected(file)
        # Without keys, nothing can be left out.
        assert (outcome.log["row_groups_read"] < outcome.log["row_groups"]) is (MISSING[0] not in missing)

    def test_a_file_without_statistics_is_looked_into(self, corpus: Path, tmp_path: Path) -> None:
        file = partition(tmp_path)
        file.parent.mkdir(parents=True)
        table = pa.Table.from_pylist(some_rows(), SCHEMA)
        pq.write_table(table, file, row_group_size=20, write_statistics=False)
        outcome, found = take(corpus, file)
        assert seen(found) == expected(file)
        assert outcome.log["row_groups_read"] == outcome.log["row_groups"]

    def test_a_footer_longer_than_the_first_look_at_it_is_read_once(
        self, corpus: Path, tmp_path: Path
    ) -> None:
        rng = random.Random(4)
        file = written(tmp_path, [row_of(rng, "zzz.fr", "warc") for _ in range(100)], 100)
        footer = pq.read_metadata(file).serialized_size + 8
        assert footer > 3 << 16
        outcome, _ = take(corpus, file)
        assert (outcome.log["status"], outcome.log["row_groups"]) == ("complete", 100)
        assert outcome.log["bytes_read"] == footer

    def test_columns_that_an_old_release_lacks_are_null_and_named(self, corpus: Path, tmp_path: Path) -> None:
        gone = {"content_charset", "content_languages", "content_truncated", "content_mime_detected"}
        schema = pa.schema([column for column in SCHEMA if column.name not in gone])
        file = written(
            tmp_path, [{k: v for k, v in row.items() if k not in gone} for row in some_rows()], 40, schema
        )
        outcome, rows = take(corpus, file)
        assert sorted(outcome.log["columns_missing"]) == sorted(gone)
        assert outcome.log["status"] == "complete"
        assert rows
        for row in rows:
            assert (row["charset"], row["languages"], row["mime_detected"]) == (None, [], None)

    def test_outside_of_its_folders_release_and_subset_come_from_the_warc(
        self, corpus: Path, tmp_path: Path
    ) -> None:
        file = tmp_path / "copy.parquet"
        write_file(file, some_rows(), 10)
        _, rows = take(corpus, file)
        assert {(row["release"], row["subset"]) for row in rows} == {(CRAWL, "warc")}

    def test_a_release_that_the_user_names_stands_only_where_the_index_names_none(
        self, corpus: Path, tmp_path: Path
    ) -> None:
        table = pa.Table.from_pylist(some_rows(), SCHEMA).drop_columns(["warc_filename"])
        for path, release in ((partition(tmp_path), CRAWL), (tmp_path / "copy.parquet", "MINE")):
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, path)
            assert {row["release"] for row in take(corpus, path, release="MINE")[1]} == {release}

    def test_a_capture_has_a_digest_that_does_not_depend_on_where_the_index_lay(
        self, corpus: Path, tmp_path: Path
    ) -> None:
        files = tmp_path / "copy.parquet", partition(tmp_path)
        for file in files:
            write_file(file, some_rows(), 10)
        first, second = (take(corpus, file)[1] for file in files)
        assert [row["row_sha256"] for row in first] == [row["row_sha256"] for row in second]
        assert all(row_digest(row) == row["row_sha256"] for row in first)


HOSTILE = {
    # URL: (host in the index, title)
    "http://www.gazette.fr:8080/a b": ("www.gazette.fr", "gazette"),
    "https://user:pass@gazette.fr/x": ("gazette.fr", "gazette"),
    "https://GAZETTE.fr./x": ("GAZETTE.fr.", "gazette"),
    "https://www.gazette.fr/\x00\x1b[31m\x7f": ("www.gazette.fr", "gazette"),
    "https://www.gaz\tette.fr/x": (None, "gazette"),
    "https://été.fr/plage": ("été.fr", "ete"),
    "https://www.xn--t-9fab.fr/plage": ("www.xn--t-9fab.fr", "ete"),
    "https://[2001:db8::1]/gazette.fr": ("[2001:db8::1]", None),
    "https://[2001:db8::/gazette.fr": ("[2001:db8::", None),
    "https://192.0.2.7/gazette.fr": ("192.0.2.7", None),
    "https://gazette.fr.evil.com/": ("gazette.fr.evil.com", None),
    "https://gazette.fr@evil.com/": ("evil.com", None),
    "https://www-gazette-fr.cdn.ampproject.org/c/s/www.gazette.fr/une/pont": (
        "www-gazette-fr.cdn.ampproject.org",
        "gazette",
    ),
    "https://www.google.com/amp/s/www.gazette.fr/une/pont": ("www.google.com", None),
    "no url at all": (None, None),
    "": (None, None),
}


class TestHostileUrls:
    def test_they_are_decided_as_everywhere_and_kept_as_they_are(self, corpus: Path, tmp_path: Path) -> None:
        rng = random.Random(2)
        rows = []
        for url, (host, _) in HOSTILE.items():
            # No key: what a broken URL would be sorted by, its statistics cannot say.
            row = row_of(rng, "evil.com", "warc") | {"url": url, "url_host_name": host}
            rows.append({name: value for name, value in row.items() if name != "url_surtkey"})
        file = tmp_path / "hostile.parquet"
        fields = [column.with_nullable(True) for column in SCHEMA if column.name != "url_surtkey"]
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(fields)), file, write_statistics=False)
        outcome, found = take(corpus, file)
        told = {row["url"]: row["title_id"] for row in found}
        assert told == {url: title for url, (_, title) in HOSTILE.items() if title}
        assert outcome.log["status"] == "complete"

    def test_bytes_that_are_no_text_do_not_end_the_file(self, corpus: Path, tmp_path: Path) -> None:
        rows = [row | {"url": row["url"].encode() + b"\xff\xfe"} for row in some_rows()]
        fields = [pa.field("url", pa.binary()) if c.name == "url" else c for c in SCHEMA]
        file = tmp_path / "bytes.parquet"
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(fields)), file)
        outcome, found = take(corpus, file)
        assert outcome.log["status"] == "complete"
        assert found
        assert all(row["url"].endswith("\N{REPLACEMENT CHARACTER}" * 2) for row in found)

    @pytest.mark.parametrize(
        "kind",
        [pa.large_string(), pa.large_binary(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())],
        ids=str,
    )
    def test_text_of_every_type_is_read(self, corpus: Path, tmp_path: Path, kind: pa.DataType) -> None:
        plain, file = partition(tmp_path), partition(tmp_path / "other")
        table = pa.Table.from_pylist(some_rows(), SCHEMA)
        for path in (plain, file):
            path.parent.mkdir(parents=True)
        pq.write_table(table, plain)
        for name in ("url", "url_host_name"):
            place = table.column_names.index(name)
            table = table.set_column(place, name, table[name].cast(kind))
        pq.write_table(table, file)
        outcome, found = take(corpus, file)
        assert outcome.log["status"] == "complete"
        assert seen(found) == expected(plain)

    @pytest.mark.parametrize("value", [7, [7], {"name": "x"}])
    def test_hosts_that_are_no_text_leave_no_row_out(self, corpus: Path, tmp_path: Path, value: Any) -> None:
        plain, file = written(tmp_path, some_rows()), partition(tmp_path / "other")
        table = pq.read_table(plain, partitioning=None)
        place = table.column_names.index("url_host_name")
        file.parent.mkdir(parents=True)
        pq.write_table(table.set_column(place, "url_host_name", pa.array([value] * len(table))), file)
        outcome, found = take(corpus, file)
        assert outcome.log["status"] == "complete"
        assert seen(found) == expected(plain)

    def test_a_time_in_a_zone_that_does_not_exist_is_null(self, corpus: Path, tmp_path: Path) -> None:
        table = pa.Table.from_pylist(some_rows(), SCHEMA)
        place, zone = table.column_names.index("fetch_time"), pa.timestamp("us", "Mars/Phobos")
        table = table.set_column(place, "fetch_time", pa.array([0] * len(table), zone))
        pq.write_table(table, tmp_path / "zone.parquet")
        outcome, found = take(corpus, tmp_path / "zone.parquet")
        assert outcome.log["status"] == "complete"
        assert {row["captured_at"] for row in found} == {None}

    @pytest.mark.parametrize("kind", [pa.int64(), pa.date32()], ids=str)
    def test_a_time_that_is_none_is_named_among_the_columns_that_tell_nothing(
        self, corpus: Path, tmp_path: Path, kind: pa.DataType
    ) -> None:
        table = pa.Table.from_pylist(some_rows(), SCHEMA)
        times = table["fetch_time"].cast(kind)
        table = table.set_column(table.column_names.index("fetch_time"), "fetch_time", times)
        file = partition(tmp_path)
        file.parent.mkdir(parents=True)
        pq.write_table(table, file)
        outcome, found = take(corpus, file)
        assert outcome.log["status"] == "complete"
        assert outcome.log["columns_missing"] == ["fetch_time"]
        assert {row["captured_at"] for row in found} == {None}

    def test_numbers_of_another_type_are_read_or_null(self, corpus: Path, tmp_path: Path) -> None:
        rows = [
            row | {"warc_record_offset": "12", "warc_record_length": -1.5, "fetch_status": "x"}
            for row in some_rows()
        ]
        kinds = {
            "warc_record_offset": pa.string(),
            "warc_record_length": pa.float64(),
            "fetch_status": pa.string(),
        }
        fields = [pa.field(c.name, kinds.get(c.name, c.type)) for c in SCHEMA]
        file = tmp_path / "types.parquet"
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(fields)), file)
        outcome, found = take(corpus, file)
        assert outcome.log["status"] == "complete"
        assert {(r["record_offset"], r["record_length"], r["http_status"]) for r in found} == {
            (12, None, None)
        }

    @pytest.mark.parametrize("kind", [pa.float64(), pa.decimal128(12, 0)], ids=str)
    def test_whole_numbers_that_a_copy_holds_as_others_are_read_as_what_they_are(
        self, corpus: Path, tmp_path: Path, kind: pa.DataType
    ) -> None:
        plain, file = partition(tmp_path), partition(tmp_path / "other")
        table = pa.Table.from_pylist(some_rows(), SCHEMA)
        for path in (plain, file):
            path.parent.mkdir(parents=True)
        pq.write_table(table, plain)
        for name in ("fetch_status", "warc_record_offset", "warc_record_length"):
            table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
        pq.write_table(table, file)
        outcome, found = take(corpus, file)
        assert outcome.log["status"] == "complete"
        assert seen(found) == expected(plain)


class TestDamage:
    def test_a_broken_row_group_is_named_and_the_rest_is_read(self, corpus: Path, tmp_path: Path) -> None:
        file = written(tmp_path, some_rows())
        whole = take(corpus, file)[1]
        meta = pq.ParquetFile(file).metadata
        urls = SCHEMA.names.index("url")
        groups = Counter(row["row_index"] // meta.row_group(0).num_rows for row in whole)
        broken = groups.most_common(1)[0][0]
        chunk = meta.row_group(broken).column(urls)
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        content = bytearray(file.read_bytes())
        content[start : start + chunk.total_compressed_size] = bytes(chunk.total_compressed_size)
        file.write_bytes(content)
        outcome, rows = take(corpus, file)
        assert outcome.log["status"] == "partial"
        assert f"row group {broken}" in outcome.log["error"]
        size = meta.row_group(0).num_rows
        assert rows == [row for row in whole if row["row_index"] // size != broken]
        assert 0 < len(rows) < len(whole)

    @pytest.mark.parametrize("cut", [0, 3, 100, 5_000, -1, -9])
    def test_a_file_that_was_cut_has_failed(self, corpus: Path, tmp_path: Path, cut: int) -> None:
        file = written(tmp_path, some_rows())
        file.write_bytes(file.read_bytes()[:cut])
        outcome, rows = take(corpus, file)
        assert (outcome.log["status"], rows) == ("failed", [])
        assert "footer" in outcome.log["error"]
        assert outcome.log["failure"] == "content"

    def test_columns_that_end_at_different_rows_are_a_broken_row_group(
        self, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = written(tmp_path, some_rows(), 1)
        read = pq.ParquetFile.iter_batches

        def shorter(parquet: Any, size: int, groups: Any, columns: Any, **options: Any) -> Any:
            for batch in read(parquet, size, groups, columns, **options):
                yield batch if columns == ["url_host_name"] else batch.slice(0, len(batch) - 1)

        monkeypatch.setattr(pq.ParquetFile, "iter_batches", shorter)
        outcome, rows = take(corpus, file)
        assert (outcome.log["status"], rows) == ("failed", [])
        assert "row group cannot be read" in outcome.log["error"]

    def test_a_file_that_was_replaced_since_it_was_planned_has_failed(
        self, corpus: Path, tmp_path: Path
    ) -> None:
        planned = stat(str(written(tmp_path, some_rows())), FAST)
        written(tmp_path, some_rows(2)[:40])
        outcome, rows = take(corpus, planned)
        assert (outcome.log["status"], rows) == ("failed", [])
        assert "the object changed since it was listed" in outcome.log["error"]

    @pytest.mark.parametrize(("nulls", "kept"), [(0, False), (1, True), (None, True)])
    def test_a_row_group_that_may_hold_rows_without_a_key_is_looked_into(
        self, nulls: int | None, kept: bool
    ) -> None:
        keys = Leaf("url_surtkey", BYTE_ARRAY, definitions=1, repetitions=0)
        chunk = Chunk(
            keys, 4, 100, 100, True, 9, frozenset({0}), nulls, None, None, least=b"a", greatest=b"b"
        )
        assert (_bounds(chunk) is None) is kept

    def test_a_column_whose_name_is_no_text_is_a_damaged_footer(self, corpus: Path, tmp_path: Path) -> None:
        file = written(tmp_path, some_rows())
        file.write_bytes(file.read_bytes().replace(b"url_port", b"url_\xff\xfert"))
        outcome, rows = take(corpus, file)
        assert (outcome.log["status"], rows) == ("failed", [])
        assert "footer" in outcome.log["error"]

    def test_a_file_of_another_kind_has_failed(self, corpus: Path, tmp_path: Path) -> None:
        for name, table in {
            "other": pa.table({"text": ["a"]}),
            "number": pa.table({"url": [1]}),
            "deep": pa.table({"url": [{"path": "x"}]}),
        }.items():
            pq.write_table(table, tmp_path / name)
            outcome, _ = take(corpus, tmp_path / name)
            assert outcome.log["status"] == "failed"
            assert "no column `url`" in outcome.log["error"]

    def test_an_index_without_a_row_is_complete(self, corpus: Path, tmp_path: Path) -> None:
        file = tmp_path / "empty.parquet"
        pq.write_table(SCHEMA.empty_table(), file)
        outcome, rows = take(corpus, file)
        assert (outcome.log["status"], outcome.log["rows"], rows) == ("complete", 0, [])


class TestWanted:
    @given(
        LABEL, LABEL, st.sampled_from(["", "www.", "www2.", "a.b.", "x-y."]), st.sampled_from(["/", "/Une/x"])
    )
    def test_no_page_of_a_host_or_below_it_is_left_out(
        self, name: str, tld: str, below: str, path: str
    ) -> None:
        host = f"{name}.{tld}"
        key = surt(f"{below}{host}".replace("www2.", "www."), path)
        for paths in ({"/"}, {path}, {"/Une/"}):
            wanted = Wanted.of({host: paths})
            if path == "/" and "/" not in paths:
                continue
            assert wanted.in_keys(key, key)
            assert wanted.in_keys("", "\N{REPLACEMENT CHARACTER}")
            assert wanted.is_host(f"{below}{host}")

    @pytest.mark.parametrize(
        ("low", "high"),
        [
            ("fr,gazett)/", "fr,gazett)/z"),
            ("fr,gazette-du-nord)/", "fr,gazette-du-nord)/x"),
            ("fr,gazettes)/", "fr,plateforme)/autre"),
            ("fr,plateforme)/autre", "fr,plateforme)/carnes"),
            ("com,google)/maps", "com,google,sites)/x"),
        ],
    )
    def test_neighbours_are_left_out(self, low: str, high: str) -> None:
        wanted = Wanted.of({"gazette.fr": ["/"], "plateforme.fr": ["/carnet/"]})
        assert not wanted.in_keys(low, high)

    def test_a_host_of_another_script_is_found_in_either_spelling(self) -> None:
        wanted = Wanted.of({"xn--t-9fab.fr": ["/"]})
        for host in ("été", "xn--t-9fab"):
            assert wanted.in_keys(f"fr,{host})/x", f"fr,{host})/y")
            assert wanted.is_host(f"www.{host}.fr")


def wanted_for(folder: Path, *urls: str) -> Wanted:
    """What a census looks for if articles have these URLs."""
    corpus = census_corpus(folder, articles_at={url: f"a{n}" for n, url in enumerate(urls)})
    return wanted_of(Corpus.open(str(corpus)))


class TestWantedOfACorpus:
    @pytest.mark.parametrize(
        ("first", "second", "key"),
        [
            ("https://cdn.ampproject.org/c/s/a.net/1", "https://cdn.ampproject.org/c/s/b.net/2", "net,b)/2"),
            ("https://www.google.com/amp/s/a.net/1", "https://www.google.com/amp/s/b.net/2", "net,b)/2"),
            ("https:////a.net/x/1", "https:////b.net/x/2", "net,b)/x/2"),
            ("https://a.net/x/../une/1", "https://a.net/x/../due/2", "net,a)/due/2"),
            ("https://a.net/x/%2e%2e/une/1", "https://a.net/x/%2e%2e/due/2", "net,a)/due/2"),
            ("https://a.net/amp/1", "https://a.net/amp", "net,a)/"),
            ("https://a.net/une/1?b", "http://www.a.net/due/2#c", "net,a)/due/2"),
        ],
    )
    def test_an_article_is_looked_for_whatever_another_ones_url_begins_with(
        self, first: str, second: str, key: str, tmp_path: Path
    ) -> None:
        for number, urls in enumerate(((first, second), (second, first))):
            assert wanted_for(tmp_path / str(number), *urls).in_keys(key, key)

    def test_folders_of_a_host_that_is_no_title_s_are_kept_apart(self, tmp_path: Path) -> None:
        urls = [f"https://www.a.net/une/{n}" for n in range(5)]
        wanted = wanted_for(tmp_path / "a", *urls, "https://gazette.fr/une/x")
        assert wanted.in_keys("net,a)/une/9", "net,a)/une/9")
        assert not wanted.in_keys("net,a)/unf", "net,a)/z")


class TestGeneratedIndex:
    def test_it_has_the_true_schema(self, real_data: Path) -> None:
        text = (real_data / "common_crawl" / "index" / "cc-index-schema-flat.json").read_text()
        kinds = {
            "string": pa.string(),
            "integer": pa.int32(),
            "short": pa.int16(),
            "timestamp": pa.timestamp("us"),
        }
        fields = [(f["name"], kinds[f["type"]], f["nullable"]) for f in json.loads(text)["fields"]]
        assert fields[:-2] == [(f.name, f.type, f.nullable) for f in SCHEMA]
        assert [name for name, _, _ in fields[-2:]] == ["crawl", "subset"]

    @pytest.mark.parametrize("subset", SUBSETS)
    def test_columns_made_whole_agree_as_those_of_rows_made_one_by_one(self, subset: str) -> None:
        owners = np.repeat(np.arange(2), (200, 300))
        table = table_of(np.random.default_rng(1), ["gazette.fr", "plateforme.fr"], owners, subset)
        assert table.schema == SCHEMA
        rows = table.to_pylist()
        assert Counter(row["url_host_registered_domain"] for row in rows) == {
            "gazette.fr": 200,
            "plateforme.fr": 300,
        }
        keys = [row["url_surtkey"] for row in rows]
        assert keys == sorted(keys)
        single = row_of(random.Random(1), "gazette.fr", subset)
        for row in rows:
            host, path, query = (row[f"url_{name}"] for name in ("host_name", "path", "query"))
            assert row["url_surtkey"] == surt(host, path, query)
            assert row["url"] == f"https://{host}{path}" + (f"?{query}" if query else "")
            assert row["url_host_name_reversed"] == ".".join(reversed(host.split(".")))
            assert {name for name, value in row.items() if value is None} >= single.keys() ^ row.keys()
        assert len({row["content_digest"] for row in rows}) == len(rows)

    @pytest.mark.slow
    def test_little_of_it_is_read_and_nothing_is_missed(self, tmp_path: Path) -> None:
        domains = write_index(tmp_path / "index", Index(rows=30_000, partitions=2, row_groups=30))
        members = [domain for domain in domains if domain.endswith(".fr")][:8]
        sites = {domain: f"t{n}" if n else "gazette" for n, domain in enumerate(members)}
        titles = "".join(f"\n      - {{id: {t}, name: T, domains: [{d}]}}" for d, t in sites.items())
        corpus = census_corpus(
            tmp_path / "few", f"publishers:\n  - id: p\n    name: P\n    titles:{titles}\n"
        )
        files = sorted((tmp_path / "index").rglob("*.parquet"))
        outcomes, rows = [], []
        for file in files:
            outcome, found = take(corpus, file)
            outcomes.append(outcome)
            rows += found
        full = list(members_rows(files, sites, {}))
        assert [(r["shard_uri"], r["row_index"], r["title_id"]) for r in rows] == [
            (r["file"], r["place"], r["title"]) for r in full
        ]
        assert len({row["title_id"] for row in rows}) > 3
        groups, looked = (sum(o.log[name] for o in outcomes) for name in ("row_groups", "row_groups_read"))
        assert looked < groups / 10


def test_a_title_without_a_capture_is_listed_with_none() -> None:
    kinds = [("gazette", "article", "warc", 200, "fra", 2), ("gazette", "title", "robotstxt", 404, None, 1)]
    assert list(title_rows({"absent": "south", "gazette": "north"}, kinds)) == [
        ("gazette", "north", 3, 2, "warc 2, robotstxt 1", "200 2, 404 1", "fra 2, none 1"),
        ("absent", "south", 0, 0, "", "", ""),
    ]


def test_the_id_of_a_crawl_leads_to_the_files_of_its_list_and_a_path_to_itself(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    names = [f"cc-index/table/crawl={CRAWL}/part-{n}.parquet" for n in range(2)]
    for name in names:
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).write_bytes(b"PAR1")
    listing = mirror / "crawl-data" / CRAWL / "cc-index-table.paths.gz"
    listing.parent.mkdir(parents=True)
    listing.write_bytes(gzip.compress("\n".join(names).encode()))
    files = index_files([CRAWL], str(mirror), ScanConfig())
    assert [info.uri for info in files] == [str(mirror / name) for name in names]
    folder = str(mirror / "cc-index")
    assert [info.uri for info in index_files([folder], None, ScanConfig())] == [info.uri for info in files]
    with pytest.raises(InputError, match="did you mean CC-MAIN-2025-33"):
        index_files(["cc-main-2025-33"], str(mirror), ScanConfig())
    with pytest.raises(InputError, match="has no columnar index"):
        index_files(["CC-MAIN-2012"], str(mirror), ScanConfig())


def test_a_list_of_the_older_index_leads_to_its_shards_and_not_to_what_lies_beside_them(
    tmp_path: Path,
) -> None:
    names = ["cdx-00000.gz", "cdx-00001.gz", "cluster.idx", "metadata.yaml"]
    keys = [f"cc-index/collections/{CRAWL}/indexes/{name}" for name in names]
    (tmp_path / "cc-index").mkdir()
    listing = tmp_path / "cc-index.paths.gz"
    listing.write_bytes(gzip.compress("\n".join(keys).encode()))
    files = index_files([str(listing)], None, ScanConfig())
    assert [info.uri for info in files] == [f"{tmp_path}/{key}" for key in keys[:2]]
    listing.write_bytes(gzip.compress(keys[2].encode()))
    assert len(index_files([str(listing)], None, ScanConfig())) == 1


def test_what_one_release_is_relative_to_is_not_what_the_next_one_is(tmp_path: Path) -> None:
    names = [f"cc-index/part-{n}.parquet" for n in range(2)]
    for number, name in enumerate(names):
        listing = (
            tmp_path / str(number) / "crawl-data" / f"CC-MAIN-2026-3{number}" / "cc-index-table.paths.gz"
        )
        listing.parent.mkdir(parents=True)
        listing.write_bytes(gzip.compress(name.encode()))
        (tmp_path / str(number) / "cc-index").mkdir()
    config = ScanConfig(datasets=DatasetRules(CommonCrawlRules(base=str(tmp_path / "0"))))
    files = index_files(["CC-MAIN-2026-30", str(listing)], None, config)
    assert [info.uri for info in files] == [str(tmp_path / str(n) / name) for n, name in enumerate(names)]
