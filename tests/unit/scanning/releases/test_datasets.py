"""Datasets by name, each read with every role filled and told from rows; and releases by name."""

import gzip
import json
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.errors import InputError, PresswatchError
from presswatch_spark.core.settings.config import CommonCrawlRules, DatasetRules, ScanConfig
from presswatch_spark.query import estimates
from presswatch_spark.query.filtered_matches import Matches
from presswatch_spark.reading.rows.columns import ROLES
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.scanning import pipeline
from presswatch_spark.scanning.releases.datasets import (
    C4_FOLDERS,
    HUB_REPOSITORIES,
    PRODUCTS,
    Dataset,
    days_of,
    load_datasets,
    part_of,
    product_of,
    shards_of,
)
from presswatch_spark.scanning.runs.run_work import RunSummary
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.shards import plan
from presswatch_spark.tables.store import TableStore
from tests.world.commands import outcome, presswatch
from tests.world.proofs import cases
from tests.world.shards import Document, SmallPage, read, write_oscar_2201
from tests.world.tables import summary_of

DATASETS = load_datasets()
URL, AT, RECORD = "https://www.courrier.example/une/1", "2024-05-18T01:58:10Z", "<urn:uuid:1>"
CRAWL = "crawl-data/CC-MAIN-2024-22/segments/1/warc/a.warc.gz"
WET = "crawl-data/CC-MAIN-2024-22/segments/1/wet/a.warc.wet.gz"
TEXT = "Un texte de presse."
HPLT = {"f": "./a.warc.gz", "o": 1, "s": 2, "rs": 3, "u": URL, "c": "text/html", "ts": AT, "text": TEXT,
        "collection": "cc40", "lang": ["fra_Latn"], "prob": [0.99], "id": "1"}  # fmt: skip
ARCHIVE = f"s3://commoncrawl/{CRAWL}"
# What rows say of the record that they were made from.
UPSTREAM: dict[str, tuple[str, int | None]] = {
    "fineweb": (ARCHIVE, None),
    "fineweb-2": (ARCHIVE, None),
    "finepdfs": (ARCHIVE, 7),
    "redpajama-v2": (f"s3://commoncrawl/{WET}", None),
    "hplt-2": ("./a.warc.gz", 1),
    "hplt-3": ("./a.warc.gz", 1),
}
FINE = {"text": TEXT, "id": RECORD, "dump": "CC-MAIN-2024-22", "url": URL, "date": AT,
        "file_path": f"s3://commoncrawl/{CRAWL}", "language": "fra"}  # fmt: skip
# Of each dataset a file as it is named there, and a row.
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "c4": ("en/c4-train.00000-of-01024.json.gz", {"text": TEXT, "timestamp": AT, "url": URL}),
    "mc4": (
        "multilingual/c4-fr.tfrecord-00000-of-02048.json.gz",
        {"text": TEXT, "timestamp": AT, "url": URL},
    ),
    "fineweb": (
        "data/CC-MAIN-2024-10/000_00000.parquet",
        FINE | {"language": "en", "language_score": 0.9, "token_count": 9},
    ),
    "fineweb-2": (
        "data/fra_Latn/train/000_00000.parquet",
        FINE | {"language_score": 0.9, "language_script": "Latn", "minhash_cluster_size": 1},
    ),
    "finepdfs": (
        "data/fra_Latn/train/000_00000.parquet",
        FINE | {"offset": 7, "language": "fra_Latn", "page_average_lid": "fra_Latn"},
    ),
    "culturax": ("fr/fr_part_00000.parquet", {"text": TEXT, "timestamp": AT, "url": URL, "source": "mC4"}),
    "redpajama-v2": (
        "2024-22/0001/fr_head.json.gz",
        {"url": URL, "date_download": AT, "digest": "sha1:X", "length": 19, "nlines": 1, "language": "fr",
         "source_domain": "courrier.example", "title": "Une", "raw_content": TEXT, "cc_segment": WET,
         "bucket": "head"},
    ),
    "hplt-2": ("fra_Latn/train-00000-of-00013.parquet", HPLT),
    "hplt-3": ("fra_Latn/10_1.jsonl.zst", HPLT | {"crawl_id": "cc40"}),
    "dclm": (
        "contrib/datacomp/DCLM-baseline/global-shard_03_of_10/local-shard_1_of_10/shard_00000001_processed.jsonl.zst",
        {"bff_contained_ngram_count_before_dedupe": 20, "language_id_whole_page_fasttext": {"en": 0.93},
         "metadata": {"Content-Length": "61769", "WARC-Date": AT, "WARC-Record-ID": RECORD,
                      "WARC-Payload-Digest": "sha1:X", "WARC-Target-URI": URL, "WARC-Type": "response"},
         "previous_word_count": 4, "text": TEXT, "url": URL, "warcinfo": "isPartOf: CC-MAIN-2024-22\r\n"},
    ),
    "dolma-3": (
        "data/common_crawl-crime_and_law-0019/shard_00000079.jsonl.zst",
        {"id": RECORD, "text": TEXT, "metadata": {}, "source": "common_crawl"},
    ),
    "madlad-400": ("data/fr/fr_clean_0000.jsonl.gz", {"text": TEXT}),
    "nemotron-cc": (
        "contrib/Nemotron/Nemotron-CC/data-jsonl/quality=high/kind=actual/kind2=actual/a-part-00000.jsonl.zstd",
        {"warc_record_id": RECORD, "url": URL, "text": TEXT},
    ),
    "common-corpus": (
        "common_corpus_1/subset_100_1.parquet",
        {"identifier": "1", "collection": "Presse", "date": "1913", "title": "Une", "language": "French",
         "text": TEXT},
    ),
}  # fmt: skip
OSCAR = {
    "oscar-2109": ("packaged/fr/fr_part_1.txt.gz", shards.write_oscar_2109),
    "oscar-2201": ("compressed/fr_meta/fr_meta_part_1.jsonl.gz", write_oscar_2201),
    "oscar-2301": ("fr_meta/fr_meta_part_1.jsonl.zst", shards.write_oscar_2301),
}
FILLED = {
    "url": lambda document: document.url,
    "record_id": lambda document: document.locator.record_id,
    "captured_at": lambda document: document.locator.captured_at,
    "payload_digest": lambda document: document.locator.payload_digest,
    "languages": lambda document: document.locator.languages,
    "release": lambda document: document.locator.release,
}


def write_shard(
    mirror: Path, name: str, row: dict[str, Any] | None = None, page: Page | SmallPage | None = None
) -> Path:
    """Write a shard of a dataset where its files lie below a mirror, with this row, or of OSCAR this page."""
    file, content = OSCAR[name] if name in OSCAR else ROWS[name]
    path = mirror / file
    path.parent.mkdir(parents=True)
    if callable(content):
        content(path, [page or SmallPage(URL, TEXT)])
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([row or content]), path)
    else:
        line = json.dumps(row or content, ensure_ascii=False).encode() + b"\n"
        pack = gzip.compress if path.suffix == ".gz" else zstandard.ZstdCompressor().compress
        path.write_bytes(pack(line))
    return path


def read_part(mirror: Path, dataset: Dataset) -> list[Document]:
    """Read what a scan of the example part finds in a mirror, as that scan reads it."""
    found = part_of(dataset, dataset.part, str(mirror))
    (shard,) = plan([found.path], StorageOptions()).shards
    options = ReadOptions(columns=found.columns, release=found.release)
    documents, report = read(shard.uri, found.format, options)
    assert report.defects_total == 0
    return documents


def test_every_dataset_has_a_layout_here() -> None:
    assert set(DATASETS) == {*ROWS, *OSCAR}


@cases("name", DATASETS)
def test_a_shard_of_its_layout_is_read_with_every_role_and_its_archive(tmp_path: Path, name: str) -> None:
    dataset = DATASETS[name]
    write_shard(tmp_path, name)
    (document,) = read_part(tmp_path, dataset)
    assert document.text.decode() == TEXT
    filled = {role for role, value in FILLED.items() if value(document)}
    assert filled - {"release"} == set(dataset.roles) - {"release"}
    if "release" in dataset.roles:
        assert document.locator.release == "CC-MAIN-2024-22"
    found = document.locator.upstream_uri, document.locator.upstream_offset
    assert found == UPSTREAM.get(name, (None, None))
    assert (name in UPSTREAM) == ("file" in dataset.upstream)


@cases(
    ("row", "found"),
    [
        ({"file_path": "/home/me/notes.txt", "offset": 3}, (None, None)),
        ({"file_path": "s3://b/a b.warc.gz", "offset": 3}, (None, None)),
        ({"file_path": "s3://b/a.warc.gz\u202e", "offset": 3}, (None, None)),
        ({"file_path": 7, "offset": 3}, (None, None)),
        ({"offset": 3}, (None, None)),
        ({"file_path": "s3://b/a.warc.gz", "offset": -1}, ("s3://b/a.warc.gz", None)),
        ({"file_path": "s3://b/a.warc.gz", "offset": 2**60}, ("s3://b/a.warc.gz", None)),
        ({"file_path": "s3://b/a.warc.gz", "offset": 0.5}, ("s3://b/a.warc.gz", None)),
        ({"warc_filename": CRAWL, "warc_record_offset": "12"}, (ARCHIVE, 12)),
        ({"metadata": {"warc_filename": CRAWL}, "file_path": "x.txt"}, (ARCHIVE, None)),
    ],
)
@cases("form", ["jsonl", "parquet"])
def test_what_is_named_like_no_web_archive_is_not_taken_for_one(
    tmp_path: Path, row: dict[str, Any], found: tuple[str | None, int | None], form: str
) -> None:
    path = tmp_path / f"rows.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist([{"text": TEXT} | row]), path)
    else:
        path.write_text(json.dumps({"text": TEXT} | row) + "\n")
    ((document,), _) = read(str(path), "rows", ReadOptions())
    assert (document.locator.upstream_uri, document.locator.upstream_offset) == found


@cases("name", [name for name, dataset in DATASETS.items() if "release" not in dataset.roles])
def test_rows_that_name_no_release_are_told_by_that_of_the_scan(name: str) -> None:
    dataset = DATASETS[name]
    assert product_of(dataset.format, part_of(dataset, dataset.part, "/mirror").release) == name


def test_what_is_written_of_each_is_of_a_known_kind_with_its_source_and_the_day_of_checking() -> None:
    names, today = {each.name for each in fields(Dataset)}, datetime.now(UTC).date()
    for key, dataset in DATASETS.items():
        assert dataset.source.startswith("https://"), key
        assert dataset.by
        assert date(2026, 1, 1) <= dataset.checked <= today
        assert all(getattr(dataset, field, None) is not None for field in dataset.unverified), key
        assert key in PRODUCTS
        assert dataset.format in ("c4", "oscar", "rows"), key
        assert "{part}" in dataset.files
        assert isinstance(dataset.gated, bool)
        assert {*dataset.columns, *dataset.roles} <= set(ROLES)
        assert set(dataset.upstream) <= {"file", "offset", "length", "record_id"}
        assert set(dataset.unverified) <= names
        texts = (dataset.where, dataset.part, dataset.size or "", dataset.caution or "", dataset.by)
        assert all(isinstance(text, str) for text in (*texts, *dataset.columns.values()))
        # Columns lead back to the record where the rows have them.
        if key in ROWS:
            assert {column.partition(".")[0] for column in dataset.upstream.values()} <= set(ROWS[key][1]), (
                key
            )


def test_a_part_has_an_address_on_the_hub_or_in_a_mirror() -> None:
    found = part_of(DATASETS["fineweb-2"], "deu_Latn")
    assert found.path == "hf://datasets/HuggingFaceFW/fineweb-2/data/deu_Latn/train/*.parquet"
    assert part_of(DATASETS["hplt-3"], "fra_Latn", "/copy").path == "/copy/fra_Latn/*.jsonl.zst"
    for dataset, part, told in (
        ("fineweb-2", None, "--part fra_Latn"),
        ("hplt-3", "fra_Latn", "--mirror"),
        *(("culturax", part, "only contain letters") for part in ("../private", "fr/en", "*", "", "fr en")),
    ):
        with pytest.raises(InputError, match=told):
            part_of(DATASETS[dataset], part)


def test_the_command_lists_all_and_tells_of_one_what_is_not_verified() -> None:
    lines = presswatch("datasets", COLUMNS="80").splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == list(DATASETS)
    assert max(map(len, lines)) <= 80
    upstream = "file=file_path, offset=offset, record_id=id (not verified)"
    assert upstream in presswatch("datasets", "finepdfs")
    assert "accès réservé" in presswatch("datasets", "oscar-2301", "--lang", "fr")
    row = json.loads(presswatch("datasets", "culturax", "--json"))
    assert (row["id"], row["gated"], row["checked"]) == ("culturax", True, "2026-11-27")
    assert "gated" in row["unverified"]
    said = outcome("datasets", "fineweb2")
    assert (said.code, "did you mean fineweb-2?" in said.err) == (1, True)


def test_a_scan_by_name_takes_no_other_shards(tmp_path: Path) -> None:
    for arguments in (
        "--dataset culturax --part fr x.parquet",
        "--dataset culturax --part fr --release CC-MAIN-2024-22",
        "--dataset culturax --part fr --format rows",
        "--part fr x.parquet",
        "--mirror copy x.parquet",
    ):
        done = outcome("scan --corpus c --out", tmp_path, *arguments.split())
        assert (arguments, done.code) == (arguments, 2)


@cases(
    ("form", "release", "product"),
    [
        ("wet", "CC-MAIN-2024-22", "common-crawl"),
        ("warc", "CC-MAIN-2024-22", "common-crawl"),
        ("arc", "CC-MAIN-2009-2010", "common-crawl"),
        ("warc", "CC-NEWS-2020-01", "cc-news"),
        ("warc", "CC-NEWS", "cc-news"),
        ("c4", "c4-en", "c4"),
        ("c4", "c4-fr", "mc4"),
        ("c4", "mc4-en", "mc4"),
        ("c4", "C4-FR", "mc4"),
        ("rows", "c4-fr", "mc4"),
        ("oscar", "OSCAR-2301-fr", "oscar-2301"),
    ],
)
def test_the_release_says_the_dataset(form: str, release: str, product: str) -> None:
    assert product_of(form, release) == product


@cases(
    ("form", "release"),
    [
        # FineWeb, CulturaX and others give the crawl that a row is from: the row is not of the crawl.
        ("rows", "CC-MAIN-2024-22"),
        ("c4", "CC-MAIN-2019-18"),
        ("oscar", "CC-MAIN-2022-49"),
        ("wet", "our-own-crawl"),
        ("wet", None),
        ("c4", None),
        ("oscar", None),
        # Variants of C4, of which no model's publisher speaks.
        ("c4", "c4-en.noclean"),
        ("c4", "c4-realnewslike"),
    ],
)
def test_what_nothing_says_is_unknown(form: str, release: str | None) -> None:
    assert product_of(form, release) is None


@pytest.mark.parametrize(
    ("repository", "folder", "product"),
    [
        ("HuggingFaceFW/fineweb-2", "data", "fineweb-2"),
        ("HuggingFaceFW/fineweb", "data", "fineweb"),
        ("allenai/c4", "en", "c4"),
        ("allenai/c4", "multilingual", "mc4"),
        ("allenai/c4", "en.noblocklist", None),
        ("somebody/fineweb-2", "data", None),
    ],
)
def test_the_repository_on_a_hub_says_the_dataset(repository: str, folder: str, product: str | None) -> None:
    assert product_of("rows", "CC-MAIN-2024-22", repository, folder) == product


def test_repositories_hold_datasets_that_have_a_name() -> None:
    assert {*HUB_REPOSITORIES.values(), *C4_FOLDERS.values()} <= set(PRODUCTS)


@pytest.mark.parametrize(
    ("release", "days"),
    [
        # Named after a week, but captured before it ended: the list of crawls knows.
        ("CC-MAIN-2024-10", (date(2024, 2, 20), date(2024, 3, 5))),
        ("CC-MAIN-2009-2010", (date(2009, 7, 2), date(2010, 9, 10))),
        ("CC-NEWS-2020-02", (date(2020, 2, 1), date(2020, 2, 29))),
        ("CC-MAIN-2098-02", (date(2098, 1, 6), date(2098, 1, 6))),
        ("CC-MAIN-2098-77", None),
        ("c4-fr", None),
        (None, None),
    ],
)
def test_a_crawl_has_its_days(release: str | None, days: tuple[date, date] | None) -> None:
    assert days_of(release) == days


# --- `--release`: a name becomes the shards of a release, or an error that helps

OPTIONS = StorageOptions(backoff_base=0.001, max_attempts=2)
LISTED = "CC-MAIN-2025-33"
UNLISTED = "CC-MAIN-2031-05"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def keys(release: str, kind: str = "wet", count: int = 3) -> list[str]:
    return [f"crawl-data/{release}/segments/1.1/{kind}/CC-{n:05}.warc.{kind}.gz" for n in range(count)]


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder laid out like Common Crawl, with the lists of three releases."""
    root = tmp_path / "a mirror"
    for place, listed in (
        (f"{LISTED}/wet.paths.gz", keys(LISTED)),
        (f"{UNLISTED}/wet.paths.gz", keys(UNLISTED)),
        ("CC-NEWS/2025/08/warc.paths.gz", keys("CC-NEWS/2025/08", "warc")),
    ):
        path = root / "crawl-data" / place
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress("".join(f"{key}\n" for key in listed).encode()))
    return root


def planned(name: str, kind: str, base: object, rules: DatasetRules | None = None) -> list[str]:
    """URIs of the shards that a scan would read."""
    found = shards_of(name, kind, str(base), rules or DatasetRules(), OPTIONS)
    return [shard.uri for shard in plan([found.path], OPTIONS, found.base)]


def refusal(name: str, kind: str = "wet", base: object = None, rules: DatasetRules | None = None) -> str:
    with pytest.raises(PresswatchError) as raised:
        shards_of(name, kind, base and str(base), rules or DatasetRules(), OPTIONS)
    assert "\n" not in str(raised.value)
    return str(raised.value)


HUB = "https://huggingface.co/datasets/allenai/c4/resolve/main/"
COPIES = {
    "c4-en": ["en/c4-train.00000-of-01024.json.gz", "en/c4-validation.00000-of-00008.json.gz"],
    "c4-fr": [
        "multilingual/c4-fr-validation.tfrecord-00000-of-00016.json.gz",
        "multilingual/c4-fr.tfrecord-00000-of-02048.json.gz",
        "multilingual/c4-fr.tfrecord-00001-of-02048.json.gz",
    ],
    "c4-bg": ["multilingual/c4-bg.tfrecord-00000-of-01024.json.gz"],
    "c4-bg-Latn": ["multilingual/c4-bg-Latn.tfrecord-00000-of-00008.json.gz"],
    "mc4-en": ["multilingual/c4-en.tfrecord-00000-of-11264.json.gz"],
    "c4-realnewslike": ["realnewslike/c4-train.00000-of-00512.json.gz"],
    "OSCAR-2301-fr": ["fr_meta/fr_meta_part_1.jsonl.zst"],
}


class TestFound:
    @pytest.mark.parametrize(
        ("name", "kind", "base", "found"),
        [
            (LISTED, "wet", "{}", keys(LISTED)),
            (LISTED, "wet", "file://{}", keys(LISTED)),
            (LISTED, "wet", "{}/", keys(LISTED)),
            (LISTED, "wet", f"{{}}/crawl-data/{LISTED}/wet.paths.gz", keys(LISTED)),
            # No list of crawls knows it yet.
            (UNLISTED, "wet", "{}", keys(UNLISTED)),
            ("CC-NEWS-2025-08", "warc", "{}", keys("CC-NEWS/2025/08", "warc")),
        ],
    )
    def test_by_its_name_and_where_a_copy_is(
        self, mirror: Path, name: str, kind: str, base: str, found: list[str]
    ) -> None:
        path = mirror.as_uri().removeprefix("file://") if base.startswith("file:") else mirror
        assert planned(name, kind, base.format(path)) == [f"{mirror}/{key}" for key in found]

    def test_in_the_place_that_the_settings_name(self, mirror: Path) -> None:
        rules = DatasetRules(common_crawl=CommonCrawlRules(base=str(mirror)))
        found = shards_of(LISTED, "wet", None, rules, OPTIONS)
        assert found.path == f"{mirror}/crawl-data/{LISTED}/wet.paths.gz"

    def test_in_copies_of_c4_and_oscar(self, tmp_path: Path) -> None:
        beside = ["dataset_infos.json", "en/README.md", "multilingual/.gitattributes", "fr_meta/x.sha256"]
        for name in [*beside, *(name for names in COPIES.values() for name in names)]:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        for release, expected in COPIES.items():
            found = planned(release, "oscar" if release.startswith("OSCAR") else "c4", tmp_path)
            assert [uri.removeprefix(f"{tmp_path}/") for uri in found] == expected, release


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "kind", "base", "said"),
        [
            ("CC-MAIN-2012", "wet", None, "CC-MAIN-2012: the release has no WET; it has: ARC"),
            ("CC-NEWS-2025-08", "wet", None, "no WET; it has: WARC"),
            (LISTED, "c4", None, "no C4; it has: WARC, WET, WAT, robots.txt, columnar index"),
            ("CC-MAIN-2015-40", "robotstxt", None, "no robots.txt; it has: WARC, WET, WAT, columnar"),
            ("c4-en", "wet", None, "no WET; it has: C4"),
            *((name, "wet", None, "no release of that name is known")
              for name in ("", "../../etc/passwd", "x\x1b[2J", "CC-MAIN-2025-33/..", "c4-..%2f/x")),
            ("CC-NEWS", "warc", None, "by month (choose one, as --release CC-NEWS-2025-08)"),
            ("c4-en", "c4", None, "pass the folder or bucket of a copy with --base"),
            ("OSCAR-2301-fr", "oscar", None, "pass the folder or bucket of a copy with --base"),
            ("c4-fr", "c4", HUB, "a site cannot list its files"),
            (LISTED, "wet", "ftp://mirror/", "no storage for ftp"),
        ],
    )  # fmt: skip
    def test_with_the_reason(self, name: str, kind: str, base: str | None, said: str) -> None:
        assert said in refusal(name, kind, base)

    def test_a_typo_with_the_names_that_may_be_meant_and_what_is_like_none_without_a_guess(self) -> None:
        for typo in ("CC-MAIN-2025-3", "CC-MAN-2025-33", "cc-main-2025-33", "2025-33", "CC-NEW"):
            told = refusal(typo)
            assert ("CC-NEWS" if typo == "CC-NEW" else LISTED) in told.partition("did you mean ")[2], typo
            assert "the newest crawl in the list is CC-MAIN-2026-39" in told
        for name in ("c4", "oscar", "fineweb"):
            assert "did you mean" not in refusal(name), name

    def test_what_a_mirror_lacks_with_others_of_its_year_if_it_never_was(self, mirror: Path) -> None:
        lacks = f"{mirror}/crawl-data/{{}}/wet.paths.gz: there is no such file"
        told = refusal("CC-MAIN-2025-34", base=mirror)
        assert "no release of that name is known" in told
        assert "CC-MAIN-2025-" in told.partition("did you mean")[2]
        assert lacks.format("CC-MAIN-2025-34") in told
        told = refusal("CC-MAIN-2024-22", base=mirror)
        assert told == f"{lacks.format('CC-MAIN-2024-22')} or folder (check the path)"


class TestCommand:
    SCAN = "scan --corpus corpus --out out"

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        asked: dict[str, Any] = {}

        def planned(paths: object, dataset: str, corpus: str, config: ScanConfig, **more: Any) -> None:
            asked.update(more, paths=paths, dataset=dataset, config=config)

        def scan(*_: object, **__: object) -> RunSummary:
            row = {"run_id": "r1", "matches": 4, "documents": 9, "documents_skipped": 0, "text_bytes": 5}
            row |= {"shards_planned": 5, "shards_listed": 500, "sample": asked["sample"]}
            line = {"shard_uri": "a.gz", "status": "complete", "note": "erratum of a release"}
            return summary_of(row | {"table_digest": "abc"}, line)

        def estimate_of(store: object, run_id: str) -> None:
            raise InputError("too few shards", where=run_id)

        def no_totals(found: Matches) -> None:
            raise InputError("no such run", where=found.runs[0])

        monkeypatch.setattr(pipeline.ScanPlan, "of", planned)
        monkeypatch.setattr(pipeline, "scan", scan)
        monkeypatch.setattr(TableStore, "open", lambda path, storage: path)
        monkeypatch.setattr(estimates, "estimate_of", estimate_of)
        monkeypatch.setattr(Matches, "totals", no_totals)
        return asked

    def test_scans_the_release_and_writes_its_name(self, mirror: Path, asked: dict[str, Any]) -> None:
        more = ("--release", LISTED, "--format", "wet", "--base", mirror, "--sample", "0.01")
        said = outcome(self.SCAN, *more, "--sample-seed", "7")
        assert said.code == 0
        assert asked["sample_seed"] == 7
        assert asked["paths"] == (f"{mirror}/crawl-data/{LISTED}/wet.paths.gz",)
        assert (asked["base"], asked["sample"], asked["dataset"]) == (str(mirror), 0.01, "wet")
        assert asked["config"].read.release == LISTED
        assert "a sample: 5 of 500 shards; what was not found may be in the rest" in said.out
        assert "no estimate of the whole: too few shards" in said.out
        assert "rows elsewhere were not counted: no such run\n" in said.out
        assert said.err == "note: erratum of a release (a.gz)\n"

    def test_without_it_all_is_scanned(self, asked: dict[str, Any]) -> None:
        said = outcome(self.SCAN, "shard.wet.gz")
        assert (said.code, "sample" in said.out) == (0, False)
        assert (asked["paths"], asked["base"], asked["sample"]) == (("shard.wet.gz",), None, None)

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ([], "pass exactly one of PATH, --release, --dataset"),
            (["--release", LISTED], "--release requires --format"),
            (["--release", LISTED, "--format", "wet", "x.wet.gz"], "exactly one of"),
            (["--release", LISTED, "--format", "wet", "--release-name", "x"], "leave out --release-name"),
            (["x.wet.gz", "--sample", "0"], "0"),
            (["x.wet.gz", "--sample", "1.5"], "1.5"),
        ],
    )
    def test_what_contradicts_itself_is_misuse(
        self, asked: dict[str, Any], more: list[str], message: str
    ) -> None:
        said = outcome(self.SCAN, *more)
        assert (said.code, message in said.err) == (2, True)
        assert not asked

    def test_a_release_that_is_none_fails_in_one_line(self, asked: dict[str, Any]) -> None:
        said = outcome(self.SCAN, "--release", "CC-MAIN-1999\x1b[2J", "--format", "wet")
        assert said.code == 1
        assert said.err.startswith("error: CC-MAIN-1999�[2J: no release of that name is known")
        assert len(said.err.splitlines()) == 1
        assert not asked
