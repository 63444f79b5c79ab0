"""Campaigns over small crawls: killed, out of budget, joined: all is found, and nothing is read twice."""

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
from pathlib import Path
from typing import Any

import pytest
import zstandard
from pyspark.sql import SparkSession

from presswatch_spark.scanning.campaigns import run as campaign_module
from presswatch_spark.scanning.campaigns.progress import Runs, core_hours_spent
from presswatch_spark.scanning.costs import PriceList
from presswatch_spark.scanning.runs import engine
from presswatch_spark.scanning.runs.unfinished import UnfinishedRun, unfinished_runs
from presswatch_spark.scanning.runs.waves import WaveReader
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
    run,
    states,
    status,
)
from tests.world.documents import commands, text_of
from tests.world.prose import articles

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    return make_history(tmp_path_factory.mktemp("history"), 3, 2)


def cost_of(tables: Path) -> float:
    """The dollars that published and begun runs have cost."""
    store = TableStore.open(str(tables))
    begun = [each for each in unfinished_runs(store) if isinstance(each, UnfinishedRun)]
    hours = core_hours_spent(Runs.of(store), {row["corpus_digest"] for row in store.rows("runs")}, begun)
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


def ran(campaign: str, *options: str) -> Outcome:
    return outcome("campaign run", campaign, *options)


def killed(killer: Killer, campaign: str, moment: str) -> None:
    killer.arm(moment)
    with pytest.raises(KilledError):
        run(campaign)


@pytest.mark.full
def test_a_campaign_that_is_killed_joined_and_out_of_budget_reads_everything_once(
    spark: SparkSession,
    history: History,
    tmp_path: Path,
    killer: Killer,
) -> None:
    campaign, tables = opened(tmp_path, history, history.older), tmp_path / "tables"
    assert states(campaign) == ["left"] * 3
    killed(killer, campaign, "before wave 2")
    assert states(campaign) == ["left"] * 3
    killed(killer, campaign, "after publication")
    assert states(campaign) == ["done", "left", "left"]
    # In the middle of the second release a member joins: what is begun is gone on with, and not begun anew.
    killed(killer, campaign, "after wave 1")
    opened(tmp_path, history, history.newer)
    assert states(campaign) == ["new articles", "left", "left"]
    killed(killer, campaign, "before publication")

    spent = sum(row["dollars"] for row in status(campaign).values())
    stopped = ran(campaign, "--budget", f"{spent / 2:.12f}")
    assert stopped.code == 1
    assert "the campaign has cost" in stopped.err
    assert "goes on where it is" in stopped.err
    # A little is left, and the scan that comes next is estimated to cost more.
    stopped = ran(campaign, "--budget", f"{cost_of(tables) + 1e-9:.12f}")
    assert (stopped.code, "that is what is left of the campaign's" in stopped.err) == (1, True)
    assert run(campaign, "--budget", "1000") == 0
    assert states(campaign) == ["done"] * 3
    assert run(campaign) == 0

    assert set(killer.reads.values()) == {1}
    times = read_to_the_end(tables)
    assert set(times.values()) == {1}
    # Two shards of three releases: two releases for the first corpus and what came since, one for all.
    assert len(times) == 2 * 5
    assert len(TableStore.open(str(tables)).published()) == 5
    assert found(tables) == expected(history, tmp_path)
    assert any(row[3] == "nord" for row in found(tables))


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


def test_claims_judge_the_rows_of_both_corpora_with_the_one_that_grew(
    spark: SparkSession, history: History, tmp_path: Path
) -> None:
    campaign, newest, newer = opened(tmp_path, history, history.older), history.crawls[0], str(history.newer)
    opened(tmp_path, history, history.older, "--sample", "1")
    presswatch(
        "campaign", "open", campaign, "--crawls", "wet", "--list", str(history.mirror), "--since", newest
    )
    assert run(campaign) == 0
    presswatch("campaign", "open", campaign, "--corpus", newer)
    assert run(campaign) == 0
    where = ("--release", newest, "--format", "wet", "--base", str(history.mirror), "--cores", "1")
    presswatch("scan", *where, "--corpus", newer, "--out", str(tmp_path / "expected"))
    for tables in ("tables", "expected"):
        out = str(tmp_path / f"{tables}-claims")
        presswatch("claims", "--corpus", newer, "--out", out, str(tmp_path / tables))
    one, two = (_claims(tmp_path / f"{name}-claims") for name in ("tables", "expected"))
    assert one == two


def _claims(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    import pyarrow.dataset as ds

    rows = ds.dataset(str(folder / "claims")).to_table().to_pylist()
    return {
        (row["document_url"], row["article_id"]): (row["kind"], row["confidence"])
        for row in rows
        if row["article_id"]
    }


@pytest.mark.full
def test_a_release_whose_shards_failed_is_not_done_and_only_they_are_read_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    history = make_history(tmp_path / "history", 2, 2)
    campaign, tables = opened(tmp_path, history, history.older), tmp_path / "tables"
    shard = history.mirror / f"crawl-data/{history.crawls[0]}/segments/1.1/wet/CC-00001.warc.wet.gz"
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    done = ran(campaign)
    assert (done.code, "1 of 2 shards were not read to their end" in done.err) == (3, True)
    assert states(campaign) == ["partial", "done"]
    assert status(campaign)[history.crawls[0]]["missing"] == 1
    # A shard that stays damaged is tried once by each call, and keeps nothing else waiting.
    opened(tmp_path, history, history.newer)
    assert run(campaign) == 3
    assert states(campaign) == ["partial", "done"]
    shard.write_bytes(whole)
    assert run(campaign) == 0
    assert states(campaign) == ["done", "done"]
    assert set(read_to_the_end(tables).values()) == {1}
    assert found(tables) == expected(history, tmp_path)


@pytest.mark.full
def test_shards_that_are_gone_keep_neither_others_nor_new_articles_waiting(
    spark: SparkSession, tmp_path: Path
) -> None:
    history = make_history(tmp_path / "history", 1, 9)
    campaign, tables = opened(tmp_path, history, history.older, "--wave-shards", "9"), tmp_path / "tables"
    folder = history.mirror / f"crawl-data/{history.crawls[0]}/segments/1.1/wet"
    *gone, cut = (folder / f"CC-{number:05}.warc.wet.gz" for number in range(1, 9))
    whole = cut.read_bytes()
    for shard in (*gone, cut):
        shard.write_bytes(shard.read_bytes()[:1000])
    assert run(campaign) == 3
    # More of them than a wave may lose.
    for shard in gone:
        shard.unlink()
    cut.write_bytes(whole)
    # By these settings, a wave may lose all of its shards.
    (tmp_path / "scan.yaml").write_text("run: {wave_failures: 1.0}\n")
    tolerant = ("--wave-shards", "9", "--config", str(tmp_path / "scan.yaml"))
    opened(tmp_path, history, history.newer, *tolerant)
    done = ran(campaign)
    assert done.code == 3
    assert f"{history.crawls[0]}: 1 shard once more" in done.err
    assert f"{history.crawls[0]}: 7 shards cannot be had: {gone[0]}" in done.err
    assert states(campaign) == ["partial"]
    assert status(campaign)[history.crawls[0]]["missing"] == 7
    times = read_to_the_end(tables)
    # The first shard and the one that was cut, for the old articles and for the new ones.
    assert set(times.values()) == {1}
    assert len(times) == 2 * 2
    assert run(campaign) == 3


def test_two_campaigns_over_the_same_tables_read_nothing_twice(
    spark: SparkSession, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one scans all, just when the first has seen that all is left."""
    campaign, tables = opened(tmp_path, history, history.older), tmp_path / "tables"
    other = shutil.copytree(campaign, tmp_path / "other")
    real, codes = campaign_module.scan, list[int]()

    def scan(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(campaign_module, "scan", real)
        codes.append(run(str(other)))
        return real(*given, **more)

    monkeypatch.setattr(campaign_module, "scan", scan)
    assert run(campaign) == 0
    assert codes == [0]
    assert set(read_to_the_end(tables).values()) == {1}
    assert len(TableStore.open(str(tables)).published()) == len(history.crawls)
    # What it began is not left as begun.
    assert list(unfinished_runs(TableStore.open(str(tables)))) == []
    assert states(campaign) == ["done"] * 3


def test_a_release_without_its_list_is_a_failure_and_the_others_are_scanned(
    spark: SparkSession, tmp_path: Path
) -> None:
    history = make_history(tmp_path / "history", 2, 1)
    campaign = opened(tmp_path, history, history.older)
    (history.mirror / f"crawl-data/{history.crawls[0]}/wet.paths.gz").unlink()
    done = ran(campaign)
    assert (done.code, f"error: {history.crawls[0]}" in done.err) == (1, True)
    assert states(campaign) == ["left", "done"]


def test_what_was_scanned_without_a_campaign_is_done_and_a_few_shards_are_not_a_release(
    spark: SparkSession, history: History, tmp_path: Path
) -> None:
    campaign, tables = opened(tmp_path, history, history.older), str(tmp_path / "tables")
    first, second, _ = history.crawls
    given = ("--corpus", str(history.older), "--out", tables, "--cores", "1", "--format", "wet")
    presswatch("scan", "--release", first, "--base", str(history.mirror), *given)
    one = str(history.mirror / f"crawl-data/{second}/segments/1.1/wet/CC-00000.warc.wet.gz")
    presswatch("scan", "--release-name", second, *given, one)
    assert states(campaign) == ["done", "left", "left"]
    # Tables that were moved away leave all to be scanned again, and that is said.
    said = f"no run of this campaign is in {tables}"
    assert said not in presswatch("campaign", "status", campaign)
    Path(tables).rename(tmp_path / "moved")
    assert said in presswatch("campaign", "status", campaign)
    assert states(campaign) == ["left"] * 3


def _dclm_row() -> dict[str, Any]:
    article = next(articles(ARTICLES, SEED))
    metadata = {"WARC-Record-ID": "<urn:uuid:7>", "WARC-Date": "2024-05-18T01:58:10Z"}
    metadata |= {"WARC-Payload-Digest": "sha1:X"}
    return {"text": article.body, "url": "https://copie.example/1", "metadata": metadata}


def test_a_dataset_by_name_is_a_release_of_a_campaign(
    spark: SparkSession, history: History, tmp_path: Path
) -> None:
    row = _dclm_row()
    where = "contrib/datacomp/DCLM-baseline/global-shard_{}_of_10/local-shard_1_of_10/shard_1.jsonl.zst"
    for part in ("03", "04"):
        shard = tmp_path / "mirror" / where.format(part)
        shard.parent.mkdir(parents=True)
        shard.write_bytes(zstandard.ZstdCompressor().compress(json.dumps(row).encode() + b"\n"))
    campaign, tables = str(tmp_path / "campaign"), tmp_path / "tables"
    scope = ("--dataset", "dclm:03", "--dataset", "dclm:04", "--mirror", f"dclm={tmp_path / 'mirror'}")
    corpus = ("--corpus", str(history.older), "--out", str(tables))
    presswatch("campaign", "open", campaign, *corpus, *scope, "--", "--cores", "1")
    named = ("--dataset", "dclm", "--part", "04", "--mirror", str(tmp_path / "mirror"), "--cores", "1")
    presswatch("scan", *named, *corpus)
    assert {name: row["state"] for name, row in status(campaign).items()} == {
        "dclm:03": "left",
        "dclm:04": "done",
    }
    assert run(campaign) == 0
    assert states(campaign) == ["done", "done"]
    rows = TableStore.open(str(tables)).read("matches").to_pylist()
    assert {row["product"] for row in rows} == {"dclm"}
    assert set(read_to_the_end(tables).values()) == {1}


def test_shards_that_come_to_a_mirror_later_or_change_are_scanned_and_no_others(
    spark: SparkSession, history: History, tmp_path: Path
) -> None:
    folder = tmp_path / "mirror/contrib/datacomp/DCLM-baseline/global-shard_03_of_10/local-shard_1_of_10"
    folder.mkdir(parents=True)
    rows = [_dclm_row() | {"url": f"https://copie.example/{number}"} for number in range(4)]

    def write(name: str, *held: dict[str, Any]) -> None:
        data = b"".join(json.dumps(row).encode() + b"\n" for row in held)
        (folder / f"{name}.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(data))

    campaign, tables = str(tmp_path / "campaign"), tmp_path / "tables"
    scope = ("--dataset", "dclm:03", "--mirror", f"dclm={tmp_path / 'mirror'}")
    presswatch("campaign", "open", campaign, "--corpus", str(history.older), "--out", str(tables), *scope)
    write("shard_1", rows[0])
    assert "1 release of unknown size" in presswatch("campaign", "status", campaign)
    assert run(campaign) == 0
    assert [(row["state"], row["shards"]) for row in status(campaign).values()] == [("done", 1)]
    # The rest is copied while a member joins.
    write("shard_2", rows[1])
    presswatch("campaign", "open", campaign, "--corpus", str(history.newer))
    done = ran(campaign)
    assert done.code == 0
    assert "dclm:03: 1 shard of its list, for the articles that came since corpus 1" in done.err
    assert done.err.count("dclm:03: 1 shard of its list\n") == 1
    assert states(campaign) == ["done"]
    # Now one gets more rows, and nothing else has changed.
    write("shard_1", rows[0], *rows[2:])
    assert run(campaign) == 0
    assert run(campaign) == 0
    assert {row[1] for row in found(tables)} == {row["url"] for row in rows}
    corpora = [row["corpus_articles"] for row in TableStore.open(str(tables)).rows("runs")]
    assert corpora == [FIRST, ARTICLES - FIRST, ARTICLES, ARTICLES]
    # A copy may be removed when it was scanned.
    shutil.rmtree(tmp_path / "mirror")
    done = ran(campaign)
    assert (done.code, "note: dclm:03: its list cannot be had any more" in done.err) == (0, True)


NEW = "--corpus c --out t"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("", 2, "a new campaign needs --corpus and --out"),
        ("--corpus c", 2, "a new campaign needs --corpus and --out"),
        (f"{NEW} -- --release CC-MAIN-2026-40", 2, "leave them out after --"),
        (f"{NEW} -- --budget 3", 2, "leave them out after --"),
        (f"{NEW} -- --sampel 1", 2, "No such option"),
        (f"{NEW} -- --base wet.paths.gz", 2, "--base is a list of shards"),
        (f"{NEW} --dataset mc4", 2, "--dataset must be NAME:VALUE"),
        (f"{NEW} --dataset c5:fr", 1, "c5: there is no dataset of that name"),
        (f"{NEW} --dataset c4:../x", 1, "can be no part"),
        (
            f"{NEW} --dataset c4:en --mirror c5=/srv", 2,
            "--mirror names c5, and this campaign scans no dataset of that name",
        ),
        ("--corpus /no/corpus --out t", 1, "there is no corpus here"),
        (f"{NEW} -- --base https://me:hunter2@mirror.example/", 1, "a secret"),
        (f"{NEW} --mirror mc4=https://me:hunter2@m.example/", 1, "must not hold"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_campaign_is_refused_and_nothing_is_written(
    words: str, code: int, said: str, tmp_path: Path
) -> None:
    folder = tmp_path / "campaign"
    done = outcome("campaign open", folder, "--crawls", "wet", *words.split())
    assert (done.code, said in done.err, "hunter2" in done.err) == (code, True, False), done.err
    assert not folder.exists()
    done = ran(str(folder))
    assert (done.code, "there is no campaign here" in done.err) == (1, True)


def test_a_campaign_keeps_its_tables_and_the_settings_of_its_rows(history: History, tmp_path: Path) -> None:
    campaign = opened(tmp_path, history, history.newer)
    for words, said in (
        (("--out", tmp_path / "others"), "the tables of a campaign stay where they are"),
        (("--", "--min-run-words", "15"), "a setting that can change a row is another than before"),
        (("--corpus", history.older), "of its articles are not in the new corpus"),
    ):
        done = outcome("campaign open", campaign, *words)
        assert (done.code, said in done.err) == (1, True)
    presswatch("campaign", "open", campaign, "--", "--base", str(history.mirror), "--cores", "2")
    # The environment is another, so all that is done would be scanned once more; or its file is edited.
    file = Path(campaign) / "campaign.json"
    whole = file.read_text()
    file.write_text(whole.replace('"--cores"', '"--min-run-words"').replace('"2"', '"15"'))
    done = ran(campaign)
    assert (done.code, "was changed since it was written" in done.err) == (1, True)
    file.write_text(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRESSWATCH_GRADE__MIN_RUN_WORDS", "15")
        done = outcome("campaign status", campaign)
    assert (done.code, "a setting that can change a row is another than before" in done.err) == (1, True)
    assert states(campaign) == ["left"] * 3
    # What is asked for twice is one release.
    presswatch("campaign", "open", campaign, "--dataset", "c4:en", "--dataset", "c4:en")
    assert json.loads(file.read_text())["datasets"] == [["c4", "en"]]


@pytest.mark.full
def test_twelve_releases_killed_ten_times(spark: SparkSession, tmp_path: Path) -> None:
    """Processes are killed in earnest; a member joins after the fourth kill, and budgets are reached."""
    history = make_history(tmp_path / "history", 12, 3)
    campaign, tables = opened(tmp_path, history, history.older), tmp_path / "tables"
    rng, kills = random.Random(SEED), 0
    while kills < 10:
        if kills == 4:
            opened(tmp_path, history, history.newer)
        kills += _killed_in_earnest(campaign, tables, rng)
    spent = sum(row["dollars"] for row in status(campaign).values())
    assert run(campaign, "--budget", f"{spent:.12f}") == 1
    assert run(campaign, "--budget", "1000") == 0
    assert states(campaign) == ["done"] * 12
    assert set(read_to_the_end(tables).values()) == {1}
    assert found(tables) == expected(history, tmp_path)


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
