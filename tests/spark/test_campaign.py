"""Campaigns over small crawls, killed, out of budget, joined, attacked: nothing is lost or read twice."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from pyspark.sql import SparkSession

from presswatch_spark.cli import campaigns_and_watches
from presswatch_spark.core.settings.config import MinHashRules
from presswatch_spark.scanning.campaigns import run as campaign_module
from presswatch_spark.scanning.campaigns.progress import Runs
from presswatch_spark.scanning.costs import PriceList
from presswatch_spark.scanning.runs import engine
from presswatch_spark.scanning.runs.unfinished import UnfinishedRun, unfinished_runs
from presswatch_spark.scanning.runs.waves import WaveReader
from presswatch_spark.tables import store as store_module
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.commands import Outcome, outcome, presswatch
from tests.world.crawls import (
    ARTICLES,
    FIRST,
    SEED,
    History,
    expected,
    found,
    make_history,
    opened,
    read_to_the_end,
    states,
    status,
)
from tests.world.documents import commands, text_of
from tests.world.proofs import cases
from tests.world.prose import articles

pytestmark = pytest.mark.usefixtures("own_cache")


@dataclass(frozen=True)
class Trial:
    """A campaign over a history, in `folder`; opened with the older corpus."""

    history: History
    folder: Path

    @classmethod
    def of(cls, folder: Path, crawls: int, shards: int, *options: str) -> Trial:
        """Open a campaign over a history of its own, whose shards may be damaged."""
        trial = cls(make_history(folder / "history", crawls, shards), folder)
        trial.open(trial.history.older, *options)
        return trial

    def open(self, corpus: Path, *options: str) -> None:
        opened(self.folder, self.history, corpus, *options)

    def run(self, *options: str) -> Outcome:
        return outcome("campaign run", self.campaign, *options)

    def code(self, *options: str) -> int:
        return self.run(*options).code

    @property
    def campaign(self) -> str:
        return str(self.folder / "campaign")

    @property
    def tables(self) -> Path:
        return self.folder / "tables"

    @property
    def store(self) -> TableStore:
        return TableStore.open(str(self.tables))

    @property
    def states(self) -> list[str]:
        return states(self.campaign)

    def shards(self, crawl: int = 0) -> list[Path]:
        return sorted(
            (self.history.mirror / f"crawl-data/{self.history.crawls[crawl]}/segments/1.1/wet").iterdir()
        )

    def is_read_once(self) -> bool:
        """Return whether each shard was read to its end once, and all was found."""
        once = set(read_to_the_end(self.tables).values()) == {1}
        return once and found(self.tables) == expected(self.history, self.folder)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"), 3, 2)


@pytest.fixture
def trial(spark: SparkSession, history: History, tmp_path: Path) -> Trial:
    """A campaign over a history that no test changes."""
    trial = Trial(history, tmp_path)
    trial.open(history.older)
    return trial


def dollars_of(trial: Trial) -> float:
    """The dollars that published and begun runs have cost."""
    store = trial.store
    begun = [each for each in unfinished_runs(store) if isinstance(each, UnfinishedRun)]
    steps = {row["corpus_digest"]: (0, 1) for row in store.rows("runs")}
    hours = Runs.of(store, steps, MinHashRules()).spent(begun)
    return PriceList.read().machine("serverless").spark_dollars(hours)


class KilledError(BaseException):
    """Stands for the end of a process: nothing of ours catches it."""


@dataclass
class Killer:
    """Ends the process at a moment: before or after a wave (from 1), or before the run is published."""

    at: str = ""
    waves: int = 0
    reads: Counter[str] = field(default_factory=Counter)

    def arm(self, at: str) -> None:
        self.at, self.waves = at, 0

    def pass_by(self, moment: str) -> None:
        if moment == self.at:
            self.at = ""
            raise KilledError


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    state, read, publish = Killer(), WaveReader.__call__, engine.publish

    def reading(reader: WaveReader, shards: Any) -> Any:
        state.waves += 1
        state.pass_by(f"before wave {state.waves}")
        waves = read(reader, shards)
        state.reads.update(f"{reader.run.run_id} {shard.uri}" for shard in shards.values())
        state.pass_by(f"after wave {state.waves}")
        return waves

    def publishing(*given: Any, **more: Any) -> Any:
        state.pass_by("before publication")
        done = publish(*given, **more)
        state.pass_by("after publication")
        return done

    monkeypatch.setattr(WaveReader, "__call__", reading)
    monkeypatch.setattr(engine, "publish", publishing)
    return state


def killed(killer: Killer, trial: Trial, moment: str) -> None:
    killer.arm(moment)
    with pytest.raises(KilledError):
        trial.run()


@pytest.mark.full
def test_a_campaign_that_is_killed_joined_and_out_of_budget_reads_everything_once(
    trial: Trial, killer: Killer
) -> None:
    assert trial.states == ["left"] * 3
    killed(killer, trial, "before wave 2")
    assert trial.states == ["left"] * 3
    killed(killer, trial, "after publication")
    assert trial.states == ["done", "left", "left"]
    # In the middle of the second release a member joins: what is begun is resumed, and not begun again.
    killed(killer, trial, "after wave 1")
    trial.open(trial.history.newer)
    assert trial.states == ["new articles", "left", "left"]
    killed(killer, trial, "before publication")

    spent = sum(row["dollars"] for row in status(trial.campaign).values())
    stopped = trial.run("--budget", f"{spent / 2:.12f}")
    assert stopped.code == 1
    assert "the campaign has cost" in stopped.err
    assert "resumes where it stopped" in stopped.err
    # A little is left, and the scan that comes next is estimated to cost more.
    stopped = trial.run("--budget", f"{dollars_of(trial) + 1e-9:.12f}")
    assert (stopped.code, "that is what is left of the campaign's" in stopped.err) == (1, True)
    assert trial.code("--budget", "1000") == 0
    assert trial.states == ["done"] * 3
    assert trial.code() == 0

    assert set(killer.reads.values()) == {1}
    assert trial.is_read_once()
    # Two shards of three releases: two releases for the first corpus and what came since, one for all.
    assert len(read_to_the_end(trial.tables)) == 2 * 5
    assert len(trial.store.published()) == 5
    assert any(row[3] == "nord" for row in found(trial.tables))


@pytest.mark.full
def test_the_guide_opens_runs_and_grows_a_campaign(
    spark: SparkSession, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commands as they stand there, for one crawl of a mirror."""
    (tmp_path / "corpus").symlink_to(history.older)
    (tmp_path / "corpus-2027").symlink_to(history.newer)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESSWATCH_DATASETS__COMMON_CRAWL__BASE", str(history.mirror))
    scope = ["--list", str(history.mirror), "--since", history.crawls[0]]
    steps = [words[1:] for words in commands(text_of("how-to/campaigns")) if words[1] != "submit"]
    for words in steps:
        more = scope if words[:2] == ["campaign", "open"] and "--crawls" in words else []
        presswatch(*words[:3], *more, *words[3:])
    assert states("history") == ["done"]
    assert len(TableStore.open("tables").published()) == 2


def test_claims_judge_the_rows_of_both_corpora_with_the_one_that_grew(trial: Trial) -> None:
    newest, newer, mirror = trial.history.crawls[0], str(trial.history.newer), str(trial.history.mirror)
    trial.open(trial.history.older, "--sample", "1")
    presswatch("campaign", "open", trial.campaign, "--crawls", "wet", "--list", mirror, "--since", newest)
    assert trial.code() == 0
    presswatch("campaign", "open", trial.campaign, "--corpus", newer)
    assert trial.code() == 0
    where = ("--release", newest, "--format", "wet", "--base", mirror, "--cores", "1")
    presswatch("scan", *where, "--corpus", newer, "--out", str(trial.folder / "expected"))

    def claims(tables: str) -> dict[tuple[str, str], tuple[str, str]]:
        out = str(trial.folder / f"{tables}-claims")
        presswatch("claims", "--corpus", newer, "--out", out, str(trial.folder / tables))
        rows = TableStore.open(out).read("claims").to_pylist()
        return {
            (row["document_url"], row["article_id"]): (row["kind"], row["confidence"])
            for row in rows
            if row["article_id"]
        }

    assert claims("tables") == claims("expected") != {}


@pytest.mark.full
def test_a_release_whose_shards_failed_is_not_done_and_only_they_are_read_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    trial = Trial.of(tmp_path, 2, 2)
    shard = trial.shards()[1]
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    done = trial.run()
    assert (done.code, "1 of 2 shards could not be read to the end" in done.err) == (3, True)
    assert trial.states == ["partial", "done"]
    assert status(trial.campaign)[trial.history.crawls[0]]["missing"] == 1
    # A shard that stays damaged is tried once by each call, and keeps nothing else waiting.
    trial.open(trial.history.newer)
    assert (trial.code(), trial.states) == (3, ["partial", "done"])
    shard.write_bytes(whole)
    assert (trial.code(), trial.states) == (0, ["done", "done"])
    assert trial.is_read_once()


@pytest.mark.full
def test_shards_that_are_gone_keep_neither_others_nor_new_articles_waiting(
    spark: SparkSession, tmp_path: Path
) -> None:
    trial = Trial.of(tmp_path, 1, 9, "--wave-shards", "9")
    (crawl,), (*gone, cut) = trial.history.crawls, trial.shards()[1:]
    whole = cut.read_bytes()
    for shard in (*gone, cut):
        shard.write_bytes(shard.read_bytes()[:1000])
    assert trial.code() == 3
    # More of them than a wave may lose.
    for shard in gone:
        shard.unlink()
    cut.write_bytes(whole)
    # By these settings, a wave may lose all of its shards.
    (tmp_path / "scan.yaml").write_text("run: {wave_failures: 1.0}\n")
    trial.open(trial.history.newer, "--wave-shards", "9", "--config", str(tmp_path / "scan.yaml"))
    done = trial.run()
    assert done.code == 3
    assert f"{crawl}: 1 shard once more" in done.err
    assert f"{crawl}: 7 shards not available: {gone[0]}" in done.err
    assert trial.states == ["partial"]
    assert status(trial.campaign)[crawl]["missing"] == 7
    times = read_to_the_end(trial.tables)
    # The first shard and the one that was cut, for the old articles and for the new ones.
    assert (set(times.values()), len(times)) == ({1}, 2 * 2)
    assert trial.code() == 3


def test_two_campaigns_over_the_same_tables_read_nothing_twice(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one scans all, just when the first has seen that all is left."""
    other = shutil.copytree(trial.campaign, trial.folder / "other")
    real, codes = campaign_module.scan, list[int]()

    def scan(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(campaign_module, "scan", real)
        codes.append(outcome("campaign run", other).code)
        return real(*given, **more)

    monkeypatch.setattr(campaign_module, "scan", scan)
    assert (trial.code(), codes) == (0, [0])
    assert set(read_to_the_end(trial.tables).values()) == {1}
    assert len(trial.store.published()) == len(trial.history.crawls)
    # What it began is not left as begun.
    assert list(unfinished_runs(trial.store)) == []
    assert trial.states == ["done"] * 3


def test_a_release_without_its_list_is_a_failure_and_the_others_are_scanned(
    spark: SparkSession, tmp_path: Path
) -> None:
    trial = Trial.of(tmp_path, 2, 1)
    (trial.history.mirror / f"crawl-data/{trial.history.crawls[0]}/wet.paths.gz").unlink()
    done = trial.run()
    assert (done.code, f"error: {trial.history.crawls[0]}" in done.err) == (1, True)
    assert trial.states == ["left", "done"]


def test_what_was_scanned_without_a_campaign_is_done_and_a_few_shards_are_not_a_release(trial: Trial) -> None:
    history, tables = trial.history, str(trial.tables)
    first, second, _ = history.crawls
    given = ("--corpus", str(history.older), "--out", tables, "--cores", "1", "--format", "wet")
    presswatch("scan", "--release", first, "--base", str(history.mirror), *given)
    presswatch("scan", "--release-name", second, *given, str(trial.shards(1)[0]))
    assert trial.states == ["done", "left", "left"]
    # Tables that were moved away leave all to be scanned again, and that is reported.
    said = f"no run of this campaign is in {tables}"
    assert said not in presswatch("campaign", "status", trial.campaign)
    trial.tables.rename(trial.folder / "moved")
    assert said in presswatch("campaign", "status", trial.campaign)
    assert trial.states == ["left"] * 3


DCLM = "contrib/datacomp/DCLM-baseline/global-shard_{}_of_10/local-shard_1_of_10/{}.jsonl.zst"


@dataclass(frozen=True)
class Mirror:
    """A mirror of DCLM with rows that copy an article, and a campaign over parts of it."""

    trial: Trial

    def write(self, part: str, name: str, *pages: int) -> None:
        article = next(articles(ARTICLES, SEED))
        metadata = {"WARC-Record-ID": "<urn:uuid:7>", "WARC-Date": "2024-05-18T01:58:10Z"}
        metadata |= {"WARC-Payload-Digest": "sha1:X"}
        rows = ({"text": article.body, "url": self.url(page), "metadata": metadata} for page in pages)
        shard = self.folder / DCLM.format(part, name)
        shard.parent.mkdir(parents=True, exist_ok=True)
        data = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        shard.write_bytes(zstandard.ZstdCompressor().compress(data))

    def url(self, page: int) -> str:
        return f"https://copie.example/{page}"

    @property
    def folder(self) -> Path:
        return self.trial.folder / "mirror"

    def open(self, *parts: str, scan: tuple[str, ...] = ()) -> None:
        named = [word for part in parts for word in ("--dataset", f"dclm:{part}")]
        given = ("--corpus", str(self.trial.history.older), "--out", str(self.trial.tables))
        where = (*named, "--mirror", f"dclm={self.folder}")
        presswatch("campaign", "open", self.trial.campaign, *given, *where, *scan)


@pytest.fixture
def mirror(spark: SparkSession, history: History, tmp_path: Path) -> Mirror:
    mirror = Mirror(Trial(history, tmp_path))
    (mirror.folder / DCLM.format("03", "x")).parent.mkdir(parents=True)
    return mirror


def test_a_dataset_by_name_is_a_release_of_a_campaign(mirror: Mirror) -> None:
    trial = mirror.trial
    for part in ("03", "04"):
        mirror.write(part, "shard_1", 1)
    mirror.open("03", "04", scan=("--", "--cores", "1"))
    named = ("--dataset", "dclm", "--part", "04", "--mirror", str(mirror.folder), "--cores", "1")
    presswatch("scan", *named, "--corpus", str(trial.history.older), "--out", str(trial.tables))
    of = {name: row["state"] for name, row in status(trial.campaign).items()}
    assert of == {"dclm:03": "left", "dclm:04": "done"}
    assert (trial.code(), trial.states) == (0, ["done", "done"])
    assert {row["product"] for row in trial.store.read("matches").to_pylist()} == {"dclm"}
    assert set(read_to_the_end(trial.tables).values()) == {1}


def test_shards_that_come_to_a_mirror_later_or_change_are_scanned_and_no_others(mirror: Mirror) -> None:
    trial = mirror.trial
    mirror.open("03")
    mirror.write("03", "shard_1", 0)
    assert "1 release of unknown size" in presswatch("campaign", "status", trial.campaign)
    assert trial.code() == 0
    assert [(row["state"], row["shards"]) for row in status(trial.campaign).values()] == [("done", 1)]
    # The rest is copied while a member joins.
    mirror.write("03", "shard_2", 1)
    presswatch("campaign", "open", trial.campaign, "--corpus", str(trial.history.newer))
    done = trial.run()
    assert done.code == 0
    assert "dclm:03: 1 shard of its list, for the articles added since corpus 1" in done.err
    assert done.err.count("dclm:03: 1 shard of its list\n") == 1
    assert trial.states == ["done"]
    # Now one gets more rows, and nothing else has changed.
    mirror.write("03", "shard_1", 0, 2, 3)
    assert [trial.code(), trial.code()] == [0, 0]
    assert {row[1] for row in found(trial.tables)} == set(map(mirror.url, range(4)))
    corpora = [row["corpus_articles"] for row in trial.store.rows("runs")]
    assert corpora == [FIRST, ARTICLES - FIRST, ARTICLES, ARTICLES]
    # A copy may be removed when it was scanned.
    shutil.rmtree(mirror.folder)
    done = trial.run()
    assert (done.code, "note: dclm:03: its list is no longer available" in done.err) == (0, True)


NEW = "--corpus c --out t"


@cases(
    ("words", "code", "said"),
    [
        ("", 2, "a new campaign needs --corpus and --out"),
        ("--corpus c", 2, "a new campaign needs --corpus and --out"),
        (f"{NEW} -- --release CC-MAIN-2026-40", 2, "leave them out after --"),
        (f"{NEW} -- --budget 3", 2, "leave them out after --"),
        (f"{NEW} -- --sampel 1", 2, "No such option"),
        (f"{NEW} -- --base wet.paths.gz", 2, "--base is a list of shards"),
        (f"{NEW} --dataset mc4", 2, "--dataset must be NAME:PART"),
        (f"{NEW} --dataset c5:fr", 1, "c5: no dataset has this name"),
        (f"{NEW} --dataset c4:../x", 1, "a part may only contain letters"),
        (
            f"{NEW} --dataset c4:en --mirror c5=/srv", 2,
            "--mirror is for c5, but this campaign scans no dataset of that name",
        ),
        ("--corpus /no/corpus --out t", 1, "there is no corpus here"),
        (f"{NEW} -- --base https://me:hunter2@mirror.example/", 1, "a secret"),
        (f"{NEW} --mirror mc4=https://me:hunter2@m.example/", 1, "must not contain"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_campaign_is_refused_and_nothing_is_written(
    words: str, code: int, said: str, tmp_path: Path
) -> None:
    folder = tmp_path / "campaign"
    done = outcome("campaign open", folder, "--crawls", "wet", *words.split())
    assert (done.code, said in done.err, "hunter2" in done.err) == (code, True, False), done.err
    assert not folder.exists()
    done = outcome("campaign run", folder)
    assert (done.code, "there is no campaign here" in done.err) == (1, True)


def test_a_campaign_keeps_its_tables_and_the_settings_of_its_rows(history: History, tmp_path: Path) -> None:
    trial = Trial(history, tmp_path)
    trial.open(history.newer)
    campaign, mirror = trial.campaign, str(trial.history.mirror)
    for words, said in (
        (("--out", trial.folder / "others"), "the tables of a campaign cannot move"),
        (("--", "--min-run-words", "15"), "a setting that can change a row differs from before"),
        (("--corpus", trial.history.older), "of its articles are not in the new corpus"),
    ):
        done = outcome("campaign open", campaign, *words)
        assert (done.code, said in done.err) == (1, True)
    presswatch("campaign", "open", campaign, "--", "--base", mirror, "--cores", "2")
    # The environment is another, so all that is done would be scanned once more; or its file is edited.
    file = Path(campaign) / "campaign.json"
    whole = file.read_text()
    file.write_text(whole.replace('"--cores"', '"--min-run-words"').replace('"2"', '"15"'))
    done = trial.run()
    assert (done.code, "was changed since" in done.err) == (1, True)
    file.write_text(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRESSWATCH_GRADE__MIN_RUN_WORDS", "15")
        done = outcome("campaign status", campaign)
    assert (done.code, "a setting that can change a row differs from before" in done.err) == (1, True)
    assert trial.states == ["left"] * 3
    # What is asked for twice is one release.
    presswatch("campaign", "open", campaign, "--dataset", "c4:en", "--dataset", "c4:en")
    assert json.loads(file.read_text())["datasets"] == [["c4", "en"]]


@pytest.mark.full
def test_twelve_releases_killed_ten_times(spark: SparkSession, tmp_path: Path) -> None:
    """Processes are killed in earnest; a member joins after the fourth kill, and budgets are reached."""
    trial = Trial.of(tmp_path, 12, 3)
    rng, kills = random.Random(SEED), 0
    while kills < 10:
        if kills == 4:
            trial.open(trial.history.newer)
        kills += _killed_in_earnest(trial.campaign, trial.tables, rng)
    spent = sum(row["dollars"] for row in status(trial.campaign).values())
    assert trial.code("--budget", f"{spent:.12f}") == 1
    assert trial.code("--budget", "1000") == 0
    assert trial.states == ["done"] * 12
    assert trial.is_read_once()


def _killed_in_earnest(campaign: str, tables: Path, rng: random.Random) -> bool:
    """Run the campaign in a process of its own, and kill it soon after it has done something."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "presswatch_spark", "campaign", "run", campaign]
    before = _traces(tables)
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and _traces(tables) == before:
        time.sleep(0.02)
    time.sleep(rng.uniform(0, 0.7))
    was_there = process.poll() is None
    process.kill()
    process.wait()
    return was_there


def _traces(tables: Path) -> frozenset[str]:
    """What waves and published runs have left."""
    return frozenset(str(path) for path in (*tables.glob("_runs/*/waves/*"), *tables.glob("runs/*")))


WRITES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir"}
KILLED = 9


def test_a_corpus_that_was_replaced_is_refused_and_nothing_is_scanned_with_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    """A shard is missing of the first corpus; by the time it is there, that corpus is another."""
    trial, kept = Trial.of(tmp_path, 1, 2), tmp_path / "kept"
    history, shard = trial.history, trial.shards()[1]
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    assert trial.code() == 3
    trial.open(history.newer)
    shard.write_bytes(whole)
    history.older.rename(kept)
    shutil.copytree(history.newer, history.older)
    published = trial.store.published()
    done = trial.run()
    assert (done.code, "put the corpus back: a corpus never changes" in done.err) == (1, True)
    assert trial.store.published() == published
    shutil.rmtree(history.older)
    kept.rename(history.older)
    assert (trial.code(), trial.states) == (0, ["done"])
    assert trial.is_read_once()


@pytest.mark.full
def test_a_clock_that_is_put_back_again_and_again_costs_no_run(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = [datetime.now(UTC)]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            moments.append(moments[-1] - timedelta(days=1))
            return moments[-1]

    for module in (engine, campaigns_and_watches, store_module):
        monkeypatch.setattr(module, "datetime", Clock)
    assert trial.code() == 0
    trial.open(trial.history.newer)
    assert trial.code("--budget", "1000") == 0
    assert trial.states == ["done"] * 3
    assert trial.is_read_once()


@pytest.mark.full
def test_a_publication_killed_at_any_of_its_writes_is_done_by_the_next_call(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that publish are killed one after the other, each a write later, until one has published."""
    trial = Trial.of(tmp_path, 1, 2)
    publish, seen = engine.publish, list[int]()

    def publishing(*given: Any, **more: Any) -> Any:
        for writes in range(1000):
            code = _in_a_child(lambda: publish(*given, **more), killed_at=writes)
            store = trial.store
            assert list(store.damage()) == []
            seen.append(len(store.published()))
            assert code == KILLED
            if seen[-1]:
                # Killed just after the row that publishes the run: it is there, and not cleared.
                assert len(store.read("matches")) == store.rows()[0]["matches"] > 0
                break
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "publish", publishing)
    assert trial.code() != 0
    assert seen[0] == 0
    assert seen == sorted(seen)
    assert len(seen) > 20
    monkeypatch.setattr(engine, "publish", publish)
    assert (trial.code(), trial.states) == (0, ["done"])
    assert len(trial.store.published()) == 1
    assert set(read_to_the_end(trial.tables).values()) == {1}


def _in_a_child(work: Any, killed_at: int) -> int:
    """Do work in a child that is killed before its write of this number; its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = killed_at

    def watch(event: str, given: tuple[Any, ...]) -> None:
        nonlocal left
        is_write = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
        if event in WRITES or is_write:
            if left == 0:
                os._exit(KILLED)
            left -= 1

    code = 1
    try:
        sys.addaudithook(watch)
        work()
        code = 0
    finally:
        os._exit(code)
