"""Histories made at random have the states that the rules of docs/reference/tables-derived.md give."""

from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import pytest

from presswatch_spark.matching.judgement.urls import normalise_url
from presswatch_spark.query.changes.compare import compare
from presswatch_spark.tables.store import TableStore
from tests.world.histories import AFTER, BEFORE, EARLIER, random_history
from tests.world.proofs import each_time

Pair = tuple[str, str, str | None, str]
Row = dict[str, Any]


def pairs_of(store: TableStore, run_id: str) -> dict[Pair, list[Row]]:
    """All rows of each pair, the strongest first."""
    found = defaultdict[Pair, list[Row]](list)
    for row in store.read("matches", run_id).to_pylist():
        document = normalise_url(row["document_url"] or "") or row["text_sha256"]
        found[row["publisher_id"], row["title_id"], row["article_id"], document].append(row)
    for rows in found.values():
        rows.sort(
            key=lambda row: (row["copied_words"], row["longest_run_words"], row["row_sha256"]), reverse=True
        )
    return found


class Oracle:
    def __init__(self, store: TableStore) -> None:
        self.runs = {run_id: store.read("runs", run_id).to_pylist()[0] for run_id in (BEFORE, AFTER)}
        self.log = {
            run_id: {row["shard_uri"]: row["status"] for row in store.read("scan_log", run_id).to_pylist()}
            for run_id in (BEFORE, AFTER)
        }
        self.held = store.read("corpus_articles").to_pylist()
        self.pairs = {run_id: pairs_of(store, run_id) for run_id in (EARLIER, BEFORE, AFTER)}

    def states(self) -> dict[tuple[str | None, str | None], tuple[str, bool]]:
        """State, and whether it is in doubt, by the `row_sha256` of both sightings."""
        before, after = self.pairs[BEFORE], self.pairs[AFTER]
        moved = self.moved()
        found = dict[tuple[str | None, str | None], tuple[str, bool]]()
        for pair, rows in before.items():
            row = rows[0]
            absent = self.in_doubt(pair, BEFORE, AFTER)
            if pair in after:
                found[row["row_sha256"], after[pair][0]["row_sha256"]] = self.again(pair)
            elif pair in moved:
                found[row["row_sha256"], after[moved[pair]][0]["row_sha256"]] = "moved", absent
            else:
                found[row["row_sha256"], None] = "unknown" if absent else "gone", absent
        for pair in after.keys() - before.keys() - set(moved.values()):
            state = "reappeared" if pair in self.pairs[EARLIER] else "new"
            found[None, after[pair][0]["row_sha256"]] = state, self.in_doubt(pair, AFTER, BEFORE)
        return found

    def again(self, pair: Pair) -> tuple[str, bool]:
        """What became of a copy that both runs found."""
        one, two = (self.pairs[run_id][pair][0] for run_id in (BEFORE, AFTER))
        same_article = one["article_sha256"] == two["article_sha256"]
        words = two["copied_words"] - one["copied_words"]
        ranges = [
            [(span["article_start"], span["article_end"]) for span in row["spans"]] for row in (one, two)
        ]
        if one["text_sha256"] == two["text_sha256"]:
            return "persists", not same_article
        if words == 0 and (not same_article or ranges[0] == ranges[1]):
            return "persists", not same_article
        differ = self.runs[BEFORE]["tool_version"] != self.runs[AFTER]["tool_version"]
        absent = self.in_doubt(pair, BEFORE, AFTER)
        unread = self.unread(pair, BEFORE, AFTER)
        if words < 0 and two["copied_words"] == 0 and (differ or absent):
            return "unknown", True
        elsewhere = absent if two["copied_words"] == 0 else unread
        return "reduced" if words < 0 else "altered", not same_article or differ or elsewhere

    def moved(self) -> dict[Pair, Pair]:
        """The new pair of each that moved: one for one, in the order of URLs."""
        old, new = defaultdict[Any, list[Pair]](list), defaultdict[Any, list[Pair]](list)
        for run_id, other, places in ((BEFORE, AFTER, old), (AFTER, BEFORE, new)):
            for pair, rows in self.pairs[run_id].items():
                known = normalise_url(rows[0]["document_url"] or "")
                if pair not in self.pairs[other] and known and rows[0]["copied_words"]:
                    places[pair[:3], rows[0]["text_sha256"]].append(pair)
        return {one: two for key in old for one, two in zip(sorted(old[key]), sorted(new[key]), strict=False)}

    def in_doubt(self, pair: Pair, found: str, other: str) -> bool:
        """Whether the other run may have missed a copy."""
        row = self.pairs[found][pair][0]
        in_place = pair[2] is None and any(
            each[1] == pair[1] and each[3] == pair[3] and each[2] and any(row["own_site"] for row in rows)
            for each, rows in self.pairs[other].items()
        )
        corpora = self.other_article(row, found, other)
        nameless = normalise_url(row["document_url"] or "") is None
        return self.unread(pair, found, other) or corpora or nameless or in_place

    def other_article(self, row: Row, found: str, other: str) -> bool:
        """Whether the other run may not have looked for the article of a copy, or for a page of a title."""
        digest = self.runs[other]["corpus_digest"]
        if self.runs[found]["corpus_digest"] == digest:
            return False
        texts = {
            each["article_id"]: each["article_sha256"]
            for each in self.held
            if each["corpus_digest"] == digest
        }
        same = texts.get(row["article_id"]) == row["article_sha256"]
        long = row["copied_words"] > 0 and row["longest_run_words"] >= 11
        counts = {
            each["suppressed_shingles"]
            for each in self.held
            if each["corpus_digest"] == digest and each["article_id"] == row["article_id"]
        } - {None}
        hidden = max(counts) > 0 if counts else self.runs[other]["corpus_suppressed"] != 0
        return not (same and long) or hidden

    def unread(self, pair: Pair, found: str, other: str) -> bool:
        """Whether shards that may hold the copy were not read by the other run."""
        one, two, log = self.runs[found], self.runs[other], self.log[other]
        shards = {row["shard_uri"] for row in self.pairs[found][pair]}
        if one["tool_version"] != two["tool_version"]:
            return True
        if one["release"] == two["release"]:
            return any(log.get(shard) != "complete" for shard in shards)
        if two["sample"] is not None or two["shards_planned"] < one["shards_planned"]:
            return True
        for subset in {shard.split("/")[-2] for shard in shards}:
            within = [status for shard, status in log.items() if shard.split("/")[-2] == subset]
            before = [shard for shard in self.log[found] if shard.split("/")[-2] == subset]
            if not within or set(within) != {"complete"} or len(within) < len(before):
                return True
        return False


@pytest.mark.parametrize("seed", each_time(range(3), range(60)))
def test_states_are_those_of_the_rules(tmp_path: Path, seed: int) -> None:
    random_history(Random(seed), tmp_path / "tables")
    expected = Oracle(TableStore.open(str(tmp_path / "tables"))).states()
    compare(str(tmp_path / "tables"), BEFORE, AFTER, str(tmp_path / "out"), engine="duckdb")
    found = {
        tuple(row[side] and row[side]["row_sha256"] for side in ("before", "after")): (
            row["state"],
            row["doubt"] is not None,
        )
        for row in TableStore.open(str(tmp_path / "out")).read("changes").to_pylist()
    }
    assert found == expected
