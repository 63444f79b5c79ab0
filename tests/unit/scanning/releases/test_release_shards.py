"""`--release`: a name becomes the shards of a release, or an error that helps."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import InputError, PresswatchError
from presswatch_spark.core.settings.config import CommonCrawlRules, DatasetRules, ScanConfig
from presswatch_spark.query import estimates
from presswatch_spark.query.filtered_matches import Matches
from presswatch_spark.scanning import pipeline
from presswatch_spark.scanning.releases.datasets import shards_of
from presswatch_spark.scanning.runs.run_work import RunSummary
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.shards import plan
from presswatch_spark.tables.store import TableStore
from tests.world.commands import outcome
from tests.world.tables import summary_of

OPTIONS = StorageOptions(backoff_base=0.001, max_attempts=2)
CRAWL = "CC-MAIN-2025-33"
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
        (f"{CRAWL}/wet.paths.gz", keys(CRAWL)),
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
            (CRAWL, "wet", "{}", keys(CRAWL)),
            (CRAWL, "wet", "file://{}", keys(CRAWL)),
            (CRAWL, "wet", "{}/", keys(CRAWL)),
            (CRAWL, "wet", f"{{}}/crawl-data/{CRAWL}/wet.paths.gz", keys(CRAWL)),
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
        found = shards_of(CRAWL, "wet", None, rules, OPTIONS)
        assert found.path == f"{mirror}/crawl-data/{CRAWL}/wet.paths.gz"

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
            (CRAWL, "c4", None, "no C4; it has: WARC, WET, WAT, robots.txt, columnar index"),
            ("CC-MAIN-2015-40", "robotstxt", None, "no robots.txt; it has: WARC, WET, WAT, columnar"),
            ("c4-en", "wet", None, "no WET; it has: C4"),
            *((name, "wet", None, "no release of that name is known")
              for name in ("", "../../etc/passwd", "x\x1b[2J", "CC-MAIN-2025-33/..", "c4-..%2f/x")),
            ("CC-NEWS", "warc", None, "by month (choose one, as --release CC-NEWS-2025-08)"),
            ("c4-en", "c4", None, "pass the folder or bucket of a copy with --base"),
            ("OSCAR-2301-fr", "oscar", None, "pass the folder or bucket of a copy with --base"),
            ("c4-fr", "c4", HUB, "a site cannot list its files"),
            (CRAWL, "wet", "ftp://mirror/", "no storage for ftp"),
        ],
    )  # fmt: skip
    def test_with_the_reason(self, name: str, kind: str, base: str | None, said: str) -> None:
        assert said in refusal(name, kind, base)

    def test_a_typo_with_the_names_that_may_be_meant_and_what_is_like_none_without_a_guess(self) -> None:
        for typo in ("CC-MAIN-2025-3", "CC-MAN-2025-33", "cc-main-2025-33", "2025-33", "CC-NEW"):
            told = refusal(typo)
            assert ("CC-NEWS" if typo == "CC-NEW" else CRAWL) in told.partition("did you mean ")[2], typo
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
        more = ("--release", CRAWL, "--format", "wet", "--base", mirror, "--sample", "0.01")
        said = outcome(self.SCAN, *more, "--sample-seed", "7")
        assert said.code == 0
        assert asked["sample_seed"] == 7
        assert asked["paths"] == (f"{mirror}/crawl-data/{CRAWL}/wet.paths.gz",)
        assert (asked["base"], asked["sample"], asked["dataset"]) == (str(mirror), 0.01, "wet")
        assert asked["config"].read.release == CRAWL
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
            (["--release", CRAWL], "--release requires --format"),
            (["--release", CRAWL, "--format", "wet", "x.wet.gz"], "exactly one of"),
            (["--release", CRAWL, "--format", "wet", "--release-name", "x"], "leave out --release-name"),
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
