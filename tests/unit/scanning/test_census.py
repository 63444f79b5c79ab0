"""The census of index files: the same rows as a full scan's, and honest about what could not be read."""

import gzip
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.cli.commands.census import title_rows
from presswatch_spark.core.errors import InputError
from presswatch_spark.core.settings.config import CommonCrawlRules, DatasetRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.reading.rows.parquet_footer import BYTE_ARRAY, Chunk, Leaf
from presswatch_spark.scanning.census import index_files, wanted_of
from presswatch_spark.scanning.crawl_index.index_file import _bounds
from presswatch_spark.scanning.crawl_index.wanted import Wanted
from presswatch_spark.storage.objects import stat
from presswatch_spark.tables.digests import row_digest
from tests.world.censuses import ARTICLES, FAST, SITES, census_corpus, nested, seen, some_rows, take
from tests.world.index_files import CRAWL, SCHEMA, Row, row_of, surt, write_file

LABEL = st.text("abcxyz019-", min_size=1, max_size=6).filter(lambda text: text.strip("-") == text)
Change = Callable[[pa.Table], pa.Table]
MARS = pa.timestamp("us", "Mars/Phobos")
OF_NEWER_RELEASES = (
    "content_charset", "content_languages", "content_mime_detected", "content_truncated",
)  # fmt: skip
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


COLUMNS = {
    "url": "url", "http_status": "fetch_status", "mime_declared": "content_mime_type",
    "mime_detected": "content_mime_detected", "charset": "content_charset",
    "payload_digest": "content_digest", "warc_filename": "warc_filename",
    "record_offset": "warc_record_offset", "record_length": "warc_record_length",
}  # fmt: skip


def title_of(url: str) -> str | None:
    """The title of a plain URL, by code of its own: the longest host that ends it, then its first folder."""
    _, _, host, first, *_ = f"{url}/".split("/")
    names = host.split(".")
    sites = (".".join(names[k:]) + below for k in range(len(names)) for below in (f"/{first}/", ""))
    return next((SITES[site] for site in sites if site in SITES), None)


def expected(file: Path) -> list[tuple[Any, ...]]:
    """The captures of a full scan, in the columns of the table."""
    rows = []
    for row in pq.ParquetFile(file).read().to_pylist():
        title, article, languages = title_of(row["url"]), ARTICLES.get(row["url"]), row["content_languages"]
        if title or article:
            found = {ours: row[theirs] for ours, theirs in COLUMNS.items()} | {
                "title_id": title or "gazette", "article_id": article, "release": CRAWL,
                "captured_at": row["fetch_time"].replace(tzinfo=UTC),
                "subset": file.parent.name.partition("=")[2],
                "languages": languages.split(",") if languages else [],
            }  # fmt: skip
            rows.append(found)
    return seen(rows)


def cast(kind: pa.DataType, *names: str) -> Change:
    def changed(table: pa.Table) -> pa.Table:
        for name in names:
            table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
        return table

    return changed


def filled(values: Mapping[str, Any]) -> Change:
    """A change of columns, each to one value."""

    def changed(table: pa.Table) -> pa.Table:
        for name, value in values.items():
            column = value if isinstance(value, pa.Array) else pa.array([value] * len(table))
            table = table.set_column(table.column_names.index(name), name, column)
        return table

    return changed


def written_as(path: Path, change: Change, **options: Any) -> Path:
    """Some rows in the order of their keys, changed, as a file of an index."""
    rows = sorted(some_rows(), key=lambda row: row["url_surtkey"])
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(change(pa.Table.from_pylist(rows, SCHEMA)), path, row_group_size=8, **options)
    return path


def without(*names: str) -> Change:
    return lambda table: table.drop_columns(list(names))


NULL_TEXTS = ("content_digest", "content_charset", "content_mime_detected")
NUMBERS = ("fetch_status", "warc_record_offset", "warc_record_length")
TEXTS = (pa.large_string(), pa.large_binary(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()))
ALIKE: dict[str, tuple[Change, dict[str, Any], bool]] = {
    "as it is": (lambda table: table, {}, True),
    "nested": (lambda table: nested(table.to_pylist()), {"compression": "gzip"}, True),
    # Without keys or statistics, nothing can be left out.
    "no key": (without(MISSING[0]), {}, False),
    "no host": (without(MISSING[1]), {}, True),
    "no key and host": (without(*MISSING[:2]), {}, False),
    "no key, host and domain": (without(*MISSING), {}, False),
    "no statistics": (lambda table: table, {"write_statistics": False}, False),
    **{f"text as {kind}": (cast(kind, "url", "url_host_name"), {}, True) for kind in TEXTS},
    **{f"hosts {value}": (filled({"url_host_name": value}), {}, True) for value in (7, [7], {"name": "x"})},
    **{
        f"numbers as {kind}": (cast(kind, *NUMBERS), {}, True)
        for kind in (pa.float64(), pa.decimal128(12, 0))
    },
}


class TestRows:
    def test_they_are_those_of_a_full_scan(self, corpus: Path, tmp_path: Path) -> None:
        file = written(tmp_path, some_rows())
        outcome, rows = take(corpus, file)
        assert seen(rows) == expected(file)
        assert {row["title_id"] for row in rows} == {"gazette", "carnet"}
        assert {row["article_id"] for row in rows} == {None, "pont", "depeche"}
        wanted = {"status": "complete", "error": None, "captures": len(rows), "failure": None}
        assert outcome.log.items() >= (wanted | {"columns_missing": []}).items()
        assert 0 < outcome.log["row_groups_read"] < outcome.log["row_groups"]

    @pytest.mark.parametrize(("change", "options", "leaves_out"), ALIKE.values(), ids=ALIKE)
    def test_an_index_that_was_written_in_another_way_gives_the_same(
        self, corpus: Path, tmp_path: Path, change: Change, options: dict[str, Any], leaves_out: bool
    ) -> None:
        plain = written_as(partition(tmp_path), lambda table: table)
        outcome, found = take(corpus, written_as(partition(tmp_path / "other"), change, **options))
        assert outcome.log["status"] == "complete"
        assert seen(found) == expected(plain)
        assert (outcome.log["row_groups_read"] < outcome.log["row_groups"]) is leaves_out

    @pytest.mark.parametrize("subset", ["crawldiagnostics", "robotstxt"])
    def test_subsets_come_from_the_path(self, corpus: Path, tmp_path: Path, subset: str) -> None:
        file = partition(tmp_path, subset)
        write_file(file, some_rows(subset=subset), 10)
        _, rows = take(corpus, file)
        assert seen(rows) == expected(file)
        assert {row["subset"] for row in rows} == {subset}

    def test_a_footer_longer_than_the_first_look_at_it_is_read_once(
        self, corpus: Path, tmp_path: Path
    ) -> None:
        rng = random.Random(4)
        file = written(tmp_path, [row_of(rng, "zzz.fr", "warc") for _ in range(100)], 100)
        footer = pq.read_metadata(file).serialized_size + 8
        assert footer > 3 << 16
        outcome, _ = take(corpus, file)
        assert outcome.log.items() >= {"status": "complete", "row_groups": 100, "bytes_read": footer}.items()

    @pytest.mark.parametrize(
        ("change", "values", "missing"),
        [
            (
                without(*OF_NEWER_RELEASES),
                {"charset": None, "languages": [], "mime_detected": None},
                list(OF_NEWER_RELEASES),
            ),
            (
                lambda table: filled({"fetch_time": pa.array([0] * len(table), MARS)})(table),
                {"captured_at": None},
                [],
            ),
            (cast(pa.int64(), "fetch_time"), {"captured_at": None}, ["fetch_time"]),
            (cast(pa.date32(), "fetch_time"), {"captured_at": None}, ["fetch_time"]),
            (
                filled(dict(zip(NUMBERS, ("x", "12", -1.5), strict=True))),
                {"http_status": None, "record_offset": 12, "record_length": None},
                [],
            ),
            (
                lambda table: filled(dict.fromkeys(NULL_TEXTS, pa.nulls(len(table), pa.string())))(table),
                {"payload_digest": None, "charset": None, "mime_detected": None},
                [],
            ),
        ],
        ids=[
            *("an old release", "an unknown zone", "times as numbers", "times as days", "other numbers"),
            "texts that are null",
        ],
    )
    def test_what_a_column_does_not_tell_is_null_and_a_useless_column_named(
        self, corpus: Path, tmp_path: Path, change: Change, values: dict[str, Any], missing: list[str]
    ) -> None:
        outcome, rows = take(corpus, written_as(partition(tmp_path), change))
        assert (outcome.log["status"], sorted(outcome.log["columns_missing"])) == ("complete", missing)
        assert rows
        for row in rows:
            assert {name: row[name] for name in values} == values

    def test_release_and_subset_are_of_the_path_or_the_warc_or_as_the_user_names_them(
        self, corpus: Path, tmp_path: Path
    ) -> None:
        copy, in_folder = tmp_path / "copy.parquet", partition(tmp_path)
        digests = []
        for path in (copy, in_folder):
            rows = take(corpus, written_as(path, lambda table: table))[1]
            assert {(row["release"], row["subset"]) for row in rows} == {(CRAWL, "warc")}
            digests.append([row["row_sha256"] for row in rows])
            assert all(row_digest(row) == row["row_sha256"] for row in rows)
        assert digests[0] == digests[1], "a digest does not depend on where the index was"
        for path, release in ((in_folder, CRAWL), (copy, "MINE")):
            file = written_as(path, without("warc_filename"))
            assert {row["release"] for row in take(corpus, file, release="MINE")[1]} == {release}


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


OTHER_TABLES = (
    pa.table({"text": ["a"]}),
    pa.table({"url": [1]}),
    pa.table({"url": [{"path": "x"}]}),
)


def parquet_of(table: pa.Table) -> bytes:
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


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

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda _: b"", "not Parquet"),
            *((lambda data, cut=cut: data[:cut], "footer") for cut in (3, 100, 5_000, -1, -9)),
            (lambda data: data.replace(b"url_port", b"url_\xff\xfert"), "footer"),
            *((lambda _, table=table: parquet_of(table), "no text column `url`") for table in OTHER_TABLES),
        ],
    )
    def test_a_file_that_is_none_of_an_index_has_failed(
        self, corpus: Path, tmp_path: Path, change: Callable[[bytes], bytes], told: str
    ) -> None:
        file = written(tmp_path, some_rows())
        file.write_bytes(change(file.read_bytes()))
        outcome, rows = take(corpus, file)
        assert (outcome.log["status"], outcome.log["failure"], rows) == ("failed", "content", [])
        assert told in outcome.log["error"]

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

    @pytest.mark.parametrize(
        ("letters", "ascii_form"),
        [("été", "xn--t-9fab"), ("straße", "xn--strae-oqa"), ("חדשות12", "xn--12-3ldii3ii")],
    )
    def test_a_host_of_another_script_is_found_in_either_spelling(
        self, letters: str, ascii_form: str
    ) -> None:
        wanted = Wanted.of({f"{ascii_form}.fr": ["/"]})
        for host in (letters, ascii_form):
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


def test_made_up_indexes_have_the_true_schema(real_data: Path) -> None:
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


def test_a_title_without_a_capture_is_listed_with_none() -> None:
    kinds = [("robotstxt", 1), ("warc", 2)], [("404", 1), ("200", 2)], [("none", 1), ("fra", 2)]
    counted = [("gazette", 3, 2, *kinds)]
    assert list(title_rows({"absent": "south", "gazette": "north"}, counted)) == [
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
