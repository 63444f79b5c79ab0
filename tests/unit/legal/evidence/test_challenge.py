"""A draw by words that are said after the sealing: who made the bag cannot know it, and its bound holds."""

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.claims.make import Sources
from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.legal.evidence.build import make_bag
from presswatch_spark.legal.evidence.reading import challenge, drawn_by
from presswatch_spark.query.pointers.audit import RowCheck
from presswatch_spark.scanning.sampling.intervals import most_share
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import ShardLog
from presswatch_spark.tables.digests import row_digest
from presswatch_spark.tables.store import TableStore
from tests.world.bags import bag_order, flipped, lines, unprinted
from tests.world.claims import AS_OF, judge_all
from tests.world.commands import outcome
from tests.world.release import LETTERS
from tests.world.scanned import FORMS, press_corpus, scan_here, some_pages
from tests.world.tables import publish, write

STORAGE = StorageOptions()
FIVE = ("a.warc.wet.gz", "pages.warc.gz", "c4-train.json.gz", "fr_part_5.jsonl.zst", "fineweb.parquet")
SIMULATIONS = 500
RUN = "20261125T000000Z-abcdef"


def falsified(row: dict[str, Any], number: int) -> dict[str, Any]:
    """A row that says what is not so, with a digest that fits it."""
    changed = dict(row)
    if number % 3 == 0:
        changed["document_url"] = f"https://innocent.example/{number}"
    elif number % 3 == 1:
        changed["text_sha256"] = hashlib.sha256(b"%d" % number).hexdigest()
    else:
        first = dict(row["spans"][0])
        changed["spans"] = [{**first, "document_start": first["document_start"] + 3}, *row["spans"][1:]]
    return {**changed, "row_sha256": row_digest(changed)}


def bag_with(folder: Path, pages: int, rows: int, false: int) -> tuple[Path, Path, set[str]]:
    """A bag of `rows` claims in five formats, with the corpus, and the digests of its `false` rows."""
    corpus, shards = press_corpus(folder / "press"), folder / "shards"
    shards.mkdir()
    for name in FIVE:
        FORMS[name](shards / name, some_pages(pages))
    found = scan_here([shards / name for name in FIVE], corpus, folder / "honest")
    chosen = random.Random(7).sample([row for row in found if row["spans"]], rows)
    lies = [falsified(row, number) for number, row in enumerate(chosen[:false])]
    written = sorted([*lies, *chosen[false:]], key=lambda row: str(row["row_sha256"]))
    honest = TableStore.open(str(folder / "honest"))
    (run,) = honest.read("runs").to_pylist()
    facts = {name: run[name] for name in ("config", "corpus_digest")}
    publish(folder / "tables", RUN, written, **facts)
    log = honest.read("scan_log").to_pylist()
    write(TableStore.open(str(folder / "tables")), "scan_log", RUN, log, ShardLog.schema)
    judge_all(folder / "tables", folder / "tables", Sources(corpus=str(corpus), as_of=AS_OF))
    order = bag_order(folder / "tables", corpus, confidences=LETTERS, with_texts=True)
    # Setting 1,000 claims takes half a minute, and says nothing of draws.
    with unprinted():
        make_bag(order, str(folder / "bag"), ScanConfig())
    return folder / "bag", corpus, {str(row["row_sha256"]) for row in lies}


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, set[str]]:
    return bag_with(tmp_path_factory.mktemp("lying"), 30, 60, 6)


def failing(bag: Path, **options: Any) -> set[str]:
    """Rows that do not verify, of all."""
    heard = list[RowCheck]()
    found = challenge(bag, "tout", 1_000_000, STORAGE, hear=heard.append, **options)
    failed = {each.row.row_sha256 for each in heard if each.failure}
    assert (found.drawn, len(failed)) == (found.rows, found.failures.total())
    assert found.most == len(failed) / found.rows
    return failed


def assert_bounds_hold(digests: list[str], false: set[str], count: int) -> None:
    """The bound is right as often as it says, whatever the words are."""
    share = len(false) / len(digests)
    right = 0
    for number in range(SIMULATIONS):
        drawn = drawn_by(f"mots {number} dits après", digests, count)
        right += most_share(len(false.intersection(drawn)), count, 0.95) >= share
    assert right >= 0.95 * SIMULATIONS


def test_false_rows_are_found_and_no_others(lying: tuple[Path, Path, set[str]]) -> None:
    bag, corpus, false = lying
    assert failing(bag) == false
    assert failing(bag, corpus=str(corpus)) == false
    reasons = {line["row"]["row_sha256"]: line["record"]["reason"] for line in lines(bag)}
    assert {digest for digest, reason in reasons.items() if reason} == false


def test_the_bound_is_right_in_five_hundred_draws(lying: tuple[Path, Path, set[str]]) -> None:
    bag, _, false = lying
    assert_bounds_hold([line["row"]["row_sha256"] for line in lines(bag)], false, 20)


@pytest.mark.full
def test_of_a_thousand_rows_twenty_false_ones_are_found_and_the_bound_is_right(tmp_path: Path) -> None:
    bag, _, false = bag_with(tmp_path, 420, 1_000, 20)
    assert len(lines(bag)) == 1_000
    assert failing(bag) == false
    digests = [line["row"]["row_sha256"] for line in lines(bag)]
    for count in (50, 200, 500):
        assert_bounds_hold(digests, false, count)


def test_a_draw_is_by_the_words_alone() -> None:
    digests = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(300)]
    drawn = drawn_by("quatre chevaux gris", digests, 20)
    assert drawn == drawn_by("  quatre  chevaux gris\n", reversed(digests), 20)
    assert drawn != drawn_by("quatre chevaux bais", digests, 20)
    by_hand = sorted(
        digests, key=lambda each: hashlib.sha256(f"quatre chevaux gris{each}".encode()).hexdigest()
    )
    assert drawn == by_hand[:20]
    # The same letter as one sign, and as two.
    assert drawn_by("\u00e9t\u00e9", digests, 20) == drawn_by("e\u0301te\u0301", digests, 20)


def test_the_command_prints_verdicts_and_the_bound(lying: tuple[Path, Path, set[str]]) -> None:
    bag, _, false = lying
    digests = [line["row"]["row_sha256"] for line in lines(bag)]
    seed = next(f"mot {n}" for n in range(99) if len(false & {*drawn_by(f"mot {n}", digests, 20)}) == 2)
    done = outcome("evidence challenge --sample 20", "--seed", seed, bag)
    assert done.code == 3
    assert "18 of 20 drawn rows verify; the bag has 60" in done.out
    assert "at most 28.26% of all" in done.out
    done = outcome("evidence challenge --json --sample 20", "--seed", seed, bag)
    assert done.code == 3
    verdicts = {row["row_sha256"]: row["verified"] for row in map(json.loads, done.out.splitlines())}
    assert verdicts == {digest: digest not in false for digest in drawn_by(seed, digests, 20)}


def test_rows_that_cannot_be_read_count_as_false(lying: tuple[Path, Path, set[str]], tmp_path: Path) -> None:
    bag, _, _ = lying
    mirror = f"{Path(lines(bag)[0]['source']['shard_uri']).parent}={tmp_path / 'nothing'}"
    done = outcome("evidence challenge --seed x --sample 10", "--mirror", mirror, bag)
    assert done.code == 3
    assert "0 of 10 drawn rows verify" in done.out
    assert "10 rows could not be read: they count as false" in done.out
    assert "at most 100%" in done.out


def test_nothing_is_drawn_without_words_or_from_a_changed_bag(lying: tuple[Path, Path, set[str]]) -> None:
    bag, _, _ = lying
    done = outcome("evidence challenge", "--seed", "  ", bag)
    assert (done.code, "no words" in done.err) == (1, True)
    with flipped(bag / "data/settings.json", 30), pytest.raises(OutputError, match=r"data/settings\.json"):
        challenge(bag, "mots", 5, STORAGE)
