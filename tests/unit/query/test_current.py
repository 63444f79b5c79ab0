"""The current state: of several readings of a shard, one counts, in views, commands and exports alike."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

import presswatch_spark as pw
from presswatch_spark.query.sql import answers_of
from presswatch_spark.tables.declarations import Claim, CorpusArticle, Derivation, ShardLog
from presswatch_spark.tables.store import TableStore
from tests.world.commands import presswatch
from tests.world.proofs import each_time
from tests.world.tables import asked, match, publish, row_of, write

CORPORA = {"one": "ab", "two": "abc", "three": "c"}
WORTH = {"complete": 2, "partial": 1, "failed": 0}


def random_history(folder: Path, random: Random) -> list[dict[str, Any]]:
    """Publish runs over the same few shards; return all rows, each with `current`: whether it counts."""
    runs, rows = list[dict[str, Any]](), list[dict[str, Any]]()
    for number in range(random.randint(2, 5)):
        run_id, corpus = f"2026010{number}T000000Z-aaaaaa", random.choice(list(CORPORA))
        planned = random.choice([None, None, 3])
        read = {uri: random.choice([*WORTH, "complete"]) for uri in "xyz" if random.random() < 0.7}
        runs.append({"id": run_id, "corpus": corpus, "planned": planned, "read": read})
        found = [
            match(
                article if article != "-" else None, f"https://{uri}.example/{offset}", shard_uri=uri,
                record_offset=offset, row_sha256=f"{article} {uri} {offset}", title_id="t", confidence="A",
                document_host="h.example", text_sha256="s", release="R", url_match="none",
            )
            for uri, status in read.items() if status != "failed"
            for article in (*CORPORA[corpus], "-") for offset in (0, 1) if random.random() < 0.6
        ]  # fmt: skip
        publish(folder, run_id, found, corpus_digest=corpus, records_planned=planned)
        store = TableStore.open(str(folder))
        log = [row_of(ShardLog, run_id=run_id, shard_uri=uri, status=status) for uri, status in read.items()]
        write(store, "scan_log", run_id, log, ShardLog.schema)
        brought = [
            row_of(CorpusArticle, run_id=run_id, corpus_digest=corpus, article_id=article, title_id="t")
            for article in CORPORA[corpus]
            if not any(each["corpus"] == corpus for each in runs[:-1])
        ]
        write(store, "corpus_articles", run_id, brought, CorpusArticle.schema)
        rows += [row | {"run_id": run_id} for row in found]
    by_id = {run["id"]: run for run in runs}

    def weight(run: dict[str, Any], uri: str) -> tuple[int, str]:
        return WORTH[run["read"][uri]], run["id"]

    for row in rows:
        own, uri = by_id[row["run_id"]], row["shard_uri"]
        article = row["article_id"]
        knows = {name for name, ids in CORPORA.items() if article is None or article in ids}
        knows.add(own["corpus"])
        better = any(
            run["planned"] is None and uri in run["read"] and run["corpus"] in knows
            and weight(run, uri) > weight(own, uri)
            for run in runs
        )  # fmt: skip
        again = own["planned"] is not None and any(
            other["row_sha256"] == row["row_sha256"] and other["run_id"] > row["run_id"]
            and by_id[other["run_id"]]["planned"] is not None
            for other in rows
        )  # fmt: skip
        row["current"] = not better and not again
    return rows


def keys(tables: Path, *sources: str) -> list[list[tuple[object, ...]]]:
    queries = [f"select run_id, shard_uri, row_sha256 from {source}" for source in sources]
    return [sorted(answer.rows) for answer in answers_of(TableStore.open(str(tables)), queries, "duckdb")]


@pytest.mark.parametrize("seed", each_time(range(2), range(40)))
def test_of_several_readings_the_best_one_whose_corpus_has_the_article_counts(
    tmp_path: Path, seed: int
) -> None:
    rows = random_history(tmp_path, Random(seed))
    everything = sorted((row["run_id"], row["shard_uri"], row["row_sha256"]) for row in rows)
    current = sorted((row["run_id"], row["shard_uri"], row["row_sha256"]) for row in rows if row["current"])
    assert keys(tmp_path, "matches", "all_sightings") == [everything] * 2
    assert keys(tmp_path, "all_matches where is_current", "sightings") == [current] * 2
    # A later run with the rows of an earlier one does not count them twice.
    for run in (None, "all"):
        found = pw.open_tables(str(tmp_path)).matches(run=run)
        wanted = everything if run else current
        told = zip(*(found[name].to_pylist() for name in ("run_id", "shard_uri", "row_sha256")), strict=True)
        assert sorted(told) == wanted
        words = ["--run", run] if run else []
        assert json.loads(presswatch("matches", tmp_path, "--count", "--json", *words))["rows"] == len(wanted)


def test_claims_of_superseded_rows_are_not_current_and_those_in_another_folder_all_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, apart = tmp_path / "tables", tmp_path / "apart"
    claims = [row_of(Claim, run_id=run, row_sha256="1", confidence="A", kind="copy") for run in ("r1", "r2")]
    made = row_of(Derivation, run_id="c", table="claims", rows=2)
    for run in ("r1", "r2"):
        publish(tables, run, [match("a", "https://x.example/", row_sha256="1", shard_uri="s")])
        log = [row_of(ShardLog, run_id=run, shard_uri="s", status="complete")]
        write(TableStore.open(str(tables)), "scan_log", run, log, ShardLog.schema)
    for folder in (tables, apart):
        store = TableStore.create(str(folder))
        write(store, "derivations", "c", [made], Derivation.schema)
        write(store, "claims", "c", claims, Claim.schema)
    for folder, current in ((tables, ["r2"]), (apart, ["r1", "r2"])):
        assert [row["run_id"] for row in asked(folder, "select run_id from claimed order by 1")] == current
    # The log of shards is searched once, whatever is asked.
    monkeypatch.setattr("presswatch_spark.query.views.column_batches", None)
    assert asked(tables, "select run_id from sightings") == [{"run_id": "r2"}]
