"""`--release`: a name becomes the shards of a release, or an error that helps."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.core.errors import InputError, PresswatchError
from presswatch_spark.core.settings.config import CommonCrawlRules, DatasetRules
from presswatch_spark.query import estimates
from presswatch_spark.query.matches import Matches
from presswatch_spark.scanning import pipeline
from presswatch_spark.scanning.pipeline import RunSummary
from presswatch_spark.scanning.releases.release_shards import shards_of
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.shards import plan
from presswatch_spark.tables.store import TableStore

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


class TestFound:
    def test_by_its_name_alone(self, mirror: Path) -> None:
        expected = [f"{mirror}/{key}" for key in keys(CRAWL)]
        assert planned(CRAWL, "wet", mirror) == expected
        assert planned(CRAWL, "wet", mirror.as_uri()) == expected
        assert planned(CRAWL, "wet", f"{mirror}/") == expected

    def test_in_the_place_that_the_settings_name(self, mirror: Path) -> None:
        rules = DatasetRules(common_crawl=CommonCrawlRules(base=str(mirror)))
        found = shards_of(CRAWL, "wet", None, rules, OPTIONS)
        assert found.path == f"{mirror}/crawl-data/{CRAWL}/wet.paths.gz"

    def test_if_the_base_is_its_list(self, mirror: Path) -> None:
        listing = mirror / "crawl-data" / CRAWL / "wet.paths.gz"
        assert planned(CRAWL, "wet", listing) == [f"{mirror}/{key}" for key in keys(CRAWL)]

    def test_even_if_no_list_of_crawls_knows_it_yet(self, mirror: Path) -> None:
        assert len(planned(UNLISTED, "wet", mirror)) == 3

    def test_for_a_month_of_news(self, mirror: Path) -> None:
        expected = [f"{mirror}/{key}" for key in keys("CC-NEWS/2025/08", "warc")]
        assert planned("CC-NEWS-2025-08", "warc", mirror) == expected

    def test_in_copies_of_c4_and_oscar(self, tmp_path: Path) -> None:
        english = ["en/c4-train.00000-of-01024.json.gz", "en/c4-validation.00000-of-00008.json.gz"]
        french = [
            "multilingual/c4-fr-validation.tfrecord-00000-of-00016.json.gz",
            "multilingual/c4-fr.tfrecord-00000-of-02048.json.gz",
            "multilingual/c4-fr.tfrecord-00001-of-02048.json.gz",
        ]
        bulgarian = ["multilingual/c4-bg.tfrecord-00000-of-01024.json.gz"]
        latin = ["multilingual/c4-bg-Latn.tfrecord-00000-of-00008.json.gz"]
        own_english = ["multilingual/c4-en.tfrecord-00000-of-11264.json.gz"]
        news = ["realnewslike/c4-train.00000-of-00512.json.gz"]
        oscar = ["fr_meta/fr_meta_part_1.jsonl.zst"]
        beside = [
            "dataset_infos.json",
            "en/README.md",
            "multilingual/.gitattributes",
            "fr_meta/checksum.sha256",
        ]
        for name in [*english, *french, *bulgarian, *latin, *own_english, *news, *oscar, *beside]:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()

        def found(name: str, kind: str = "c4") -> list[str]:
            return [uri.removeprefix(f"{tmp_path}/") for uri in planned(name, kind, tmp_path)]

        assert found("c4-en") == english
        assert found("c4-fr") == french
        assert found("c4-bg") == bulgarian
        assert found("c4-bg-Latn") == latin
        assert found("mc4-en") == own_english
        assert found("c4-realnewslike") == news
        assert found("OSCAR-2301-fr", "oscar") == oscar


class TestRefused:
    def test_a_form_that_it_has_not_with_those_that_it_has(self) -> None:
        assert refusal("CC-MAIN-2012").startswith("CC-MAIN-2012: the release has no WET; it has: ARC")
        assert "no WET; it has: WARC" in refusal("CC-NEWS-2025-08")
        assert "no C4; it has: WARC, WET, WAT, robots.txt, columnar index" in refusal(CRAWL, "c4")
        assert "no robots.txt; it has: WARC, WET, WAT, columnar" in refusal("CC-MAIN-2015-40", "robotstxt")
        assert "no WET; it has: C4" in refusal("c4-en")

    @pytest.mark.parametrize(
        ("typo", "meant"),
        [
            ("CC-MAIN-2025-3", "CC-MAIN-2025-33"),
            ("CC-MAN-2025-33", "CC-MAIN-2025-33"),
            ("cc-main-2025-33", "CC-MAIN-2025-33"),
            ("2025-33", "CC-MAIN-2025-33"),
            ("CC-NEW", "CC-NEWS"),
        ],
    )
    def test_a_typo_with_the_names_that_may_be_meant(self, typo: str, meant: str) -> None:
        told = refusal(typo)
        assert meant in told.partition("did you mean ")[2]
        assert "the newest crawl in the list is CC-MAIN-2026-39" in told

    @pytest.mark.parametrize("name", ["c4", "oscar", "fineweb"])
    def test_what_is_like_no_name_without_a_guess(self, name: str) -> None:
        assert "did you mean" not in refusal(name)

    def test_a_crawl_that_never_was_with_others_of_its_year(self, mirror: Path) -> None:
        told = refusal("CC-MAIN-2025-34", base=mirror)
        assert "no release of that name is known" in told
        assert "CC-MAIN-2025-" in told.partition("did you mean")[2]
        assert f"{mirror}/crawl-data/CC-MAIN-2025-34/wet.paths.gz: there is no such file" in told

    def test_a_mirror_that_does_not_hold_it(self, mirror: Path) -> None:
        told = refusal("CC-MAIN-2024-22", base=mirror)
        assert told == f"{mirror}/crawl-data/CC-MAIN-2024-22/wet.paths.gz: there is no such file or folder"

    @pytest.mark.parametrize("name", ["", "../../etc/passwd", "x\x1b[2J", "CC-MAIN-2025-33/..", "c4-..%2f/x"])
    def test_what_is_no_name(self, name: str) -> None:
        assert "no release of that name is known" in refusal(name)

    def test_news_without_a_month(self) -> None:
        assert "by the month (name one: --release CC-NEWS-2025-08)" in refusal("CC-NEWS", "warc")

    def test_c4_and_oscar_without_a_copy(self) -> None:
        for name, kind in (("c4-en", "c4"), ("OSCAR-2301-fr", "oscar")):
            assert "name its folder or bucket with --base" in refusal(name, kind)

    def test_a_site_that_nobody_can_list(self) -> None:
        site = "https://huggingface.co/datasets/allenai/c4/resolve/main/"
        assert "a site cannot be asked which files it has" in refusal("c4-fr", "c4", site)

    def test_a_base_that_is_no_place(self) -> None:
        with pytest.raises(InputError, match="no storage for ftp"):
            shards_of(CRAWL, "wet", "ftp://mirror/", DatasetRules(), OPTIONS)


class TestCommand:
    SCAN = ("scan", "--corpus", "corpus", "--out", "out")

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        """What the scan was called with."""
        asked: dict[str, Any] = {}

        def scan(paths: object, **settings: Any) -> RunSummary:
            asked.update(settings, paths=paths)
            row = {"run_id": "r1", "matches": 4, "documents": 9, "documents_skipped": 0, "text_bytes": 5}
            row |= {"shards_planned": 5, "shards_listed": 500, "sample": settings["sample"]}
            notes = ("erratum of a release",)
            return RunSummary({**row, "table_digest": "abc"}, (), resumed=False, seconds=1.0, notes=notes)

        def estimate_of(store: object, run_id: str) -> None:
            raise InputError("too few shards", where=run_id)

        def no_totals(found: Matches) -> None:
            raise InputError("no such run", where=found.runs[0])

        monkeypatch.setattr(pipeline, "scan", scan)
        monkeypatch.setattr(TableStore, "open", lambda path, storage: path)
        monkeypatch.setattr(estimates, "estimate_of", estimate_of)
        monkeypatch.setattr(Matches, "totals", no_totals)
        return asked

    def test_scans_the_release_and_writes_its_name(
        self, mirror: Path, asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        more = ["--release", CRAWL, "--format", "wet", "--base", str(mirror), "--sample", "0.01"]
        assert cli.run([*self.SCAN, *more, "--sample-seed", "7"]) == 0
        assert asked["sample_seed"] == 7
        assert asked["paths"] == (f"{mirror}/crawl-data/{CRAWL}/wet.paths.gz",)
        assert (asked["base"], asked["sample"], asked["dataset"]) == (str(mirror), 0.01, "wet")
        assert asked["config"].read.release == CRAWL
        said = capsys.readouterr()
        assert "a sample: 5 of 500 shards; what was not found may stand in the rest" in said.out
        assert "no estimate of the whole: too few shards" in said.out
        assert said.out.endswith("rows elsewhere were not counted: no such run\n")
        assert said.err == "note: erratum of a release\n"

    def test_without_it_all_is_as_before(
        self, asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.run([*self.SCAN, "shard.wet.gz"]) == 0
        assert (asked["paths"], asked["base"], asked["sample"]) == (("shard.wet.gz",), None, None)
        assert "sample" not in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ([], "name shards (PATH), a --release or a --dataset"),
            (["--release", CRAWL], "--release needs --format"),
            (["--release", CRAWL, "--format", "wet", "x.wet.gz"], "one of these"),
            (["--release", CRAWL, "--format", "wet", "--release-name", "x"], "leave --release-name out"),
            (["x.wet.gz", "--sample", "0"], "0"),
            (["x.wet.gz", "--sample", "1.5"], "1.5"),
        ],
    )
    def test_what_contradicts_itself_is_misuse(
        self, asked: dict[str, Any], more: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.run([*self.SCAN, *more]) == 2
        assert message in capsys.readouterr().err
        assert not asked

    def test_a_release_that_is_none_fails_in_one_line(
        self, asked: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.run([*self.SCAN, "--release", "CC-MAIN-1999\x1b[2J", "--format", "wet"]) == 1
        err = capsys.readouterr().err
        assert err.startswith("error: CC-MAIN-1999�[2J: no release of that name is known")
        assert len(err.splitlines()) == 1
        assert not asked
