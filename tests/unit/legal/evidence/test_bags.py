"""Bags are sound for the tools of others, have each record as it is stored, and are made as a whole."""

import errno
import gzip
import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bagit
import pyarrow.parquet as pq
import pytest
from warcio.archiveiterator import ArchiveIterator

from presswatch_spark.claims.make import KnowledgePaths
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, row_settings
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.build import make_bag
from presswatch_spark.legal.evidence.reading import challenge, drawn_by, verified
from presswatch_spark.legal.evidence.sources import source_at
from presswatch_spark.query.pointers.audit import RowCheck
from presswatch_spark.scanning.sampling import most_share
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import RightsSignal, ShardLog, Target
from presswatch_spark.tables.digests import row_digest
from presswatch_spark.tables.store import TableStore
from tests.world.bags import (
    FIVE,
    bag_of,
    bag_order,
    build,
    by_itself,
    contents,
    flipped,
    lines,
    names_it,
    readme,
    some_rows,
    unprinted,
)
from tests.world.claims import AS_OF, judge_all
from tests.world.commands import outcome
from tests.world.corpora import article, write_jsonl
from tests.world.corpora import build as build_corpus
from tests.world.proofs import each_time
from tests.world.release import LETTERS, Release, probe, release
from tests.world.rights import SITE, Answer, write_warc
from tests.world.scanned import FORMS, press_corpus, scan_here, scan_one, some_pages
from tests.world.servers import Fault, web
from tests.world.tables import publish, write

STORAGE = StorageOptions()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Release]:
    """A release of one shard on a server of its own, which tests may change."""
    with web() as server:
        yield release(tmp_path, server)


def test_a_bag_is_sound_for_the_tools_of_others_wherever_it_is_copied(sealed: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(sealed, tmp_path / "copy with blanks é"))
    assert bagit.Bag(str(copy)).validate()
    code, said = by_itself(copy)
    assert (code, "everything is as it was sealed" in said) == (0, True)
    assert not verified(copy).faults
    assert contents(copy) == contents(sealed), "verifiers write nothing"
    packed = sorted((copy / "data/records").glob("*.warc.gz"))
    assert packed
    for path in packed:
        subprocess.run(["gzip", "-t", str(path)], check=True)
        (record,) = ArchiveIterator(io.BytesIO(path.read_bytes()))
        assert record.rec_headers["WARC-Record-ID"]


def test_every_row_has_its_run_and_its_record_as_it_lies_in_its_shard(sealed: Path) -> None:
    kinds = set()
    for line in lines(sealed):
        row, record = line["row"], line["record"]
        assert record["reason"] is None
        kinds.add(record["kind"])
        data = (sealed / record["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == record["sha256"]
        shard = Path(line["source"]["shard_uri"]).read_bytes()
        start = row["record_offset"]
        if record["kind"] in ("gzip", "plain"):
            assert data == shard[start : start + row["record_length"]]
        elif record["kind"] == "inflated":
            assert data == gzip.decompress(shard)[start : start + row["record_length"]]
        elif record["kind"] == "line":
            assert data == gzip.decompress(shard).split(b"\n")[row["row_index"]]
        else:
            assert hashlib.sha256(data).hexdigest() == row["text_sha256"]
    assert kinds == {"gzip", "inflated", "line", "cell"}
    runs = pq.read_table(sealed / "data/tables/runs.parquet")["run_id"].to_pylist()
    assert set(runs) == {line["source"]["run_id"] for line in lines(sealed)}


def test_every_request_is_written_down_with_its_answer(sealed: Path, crawl: Release) -> None:
    told = lines(sealed, "data/http/exchanges.jsonl")
    line = next(line for line in lines(sealed) if line["record"]["kind"] == "gzip")
    start = f"bytes={line['row']['record_offset']}-"
    (one, *_) = (
        each
        for each in told
        if any(name == "Range" and value.startswith(start) for name, value in each["request_headers"])
    )
    assert (one["method"], one["status"]) == ("GET", 206)
    assert [name for name, _ in one["headers"] if name == "Content-Range"] == ["Content-Range"]
    (server,) = json.loads((sealed / "data/protocol.json").read_bytes())["servers"]
    assert server["resolves_to"] == ["127.0.0.1"]
    assert server["answered_from"] == [one["remote"]] == [crawl.server.url.removeprefix("http://")]
    assert server["requests"] == len(told)
    assert abs(server["clock_ahead_seconds"]) < 2


def test_the_same_claims_have_the_same_root_wherever_they_are_read(crawl: Release) -> None:
    of_web, of_disk, fewer = (
        build(crawl, f"root-{number}", some=some, mirrored=is_mirrored)[1].seal
        for number, (some, is_mirrored) in enumerate([(6, True), (6, False), (5, True)])
    )
    assert of_web["claims_root"] == of_disk["claims_root"] != fewer["claims_root"]
    assert of_web["bag_root"] != of_disk["bag_root"]


@pytest.mark.full
def test_the_same_claims_of_two_machines_have_the_same_root(tmp_path: Path) -> None:
    """Two scans, each with its own folders, names of runs and times."""
    seals = []
    for place, run_id in (("one", "20261125T000000Z-abcdef"), ("two", "20261126T111111Z-fedcba")):
        (tmp_path / place).mkdir()
        bag = bag_of(tmp_path / place, FIVE, some_pages(12), run_id=run_id)
        assert {line["source"]["run_id"] for line in lines(bag)} == {run_id}
        seals.append(json.loads((bag / alone.SEAL).read_bytes()))
    assert seals[0]["claims"] > 20
    for name in ("claims_root", "claims_leaves", "claims"):
        assert seals[0][name] == seals[1][name]
    assert seals[0]["bag_root"] != seals[1]["bag_root"]


@pytest.mark.full
def test_every_form_of_shard_is_sealed_and_no_byte_of_it_changes_unseen(tmp_path: Path) -> None:
    # All files are read for each byte: other tests change bytes of the PDFs of few claims.
    bag = bag_of(tmp_path, tuple(FORMS), some_pages(12))
    assert {line["record"]["reason"] for line in lines(bag)} == {None}
    assert set(FIVE) < set(FORMS)
    for name, data in contents(bag).items():
        for place in range(0, len(data), max(1, len(data) // 23)):
            changed = bytearray(data)
            changed[place] ^= 1 << place % 8
            (bag / name).write_bytes(changed)
            assert names_it(alone.check(str(bag)), name), (name, place)
        (bag / name).write_bytes(data)
    assert not alone.check(str(bag)).faults


# --- records that do not read


def found_in(bag: Path) -> dict[str, tuple[str | None, str | None, str | None]]:
    """Return reason, kind and detail of each record by its row, after a check of the bag."""
    assert not verified(bag).faults
    return {
        line["row"]["row_sha256"]: (
            line["record"]["reason"],
            line["record"]["kind"],
            line["source"]["detail"],
        )
        for line in lines(bag)
    }


def targets_of(found: Release) -> dict[str, Target]:
    """Return the places of the rows of a release, in the order of their records."""
    rows = TableStore.open(str(found.tables)).read("matches").sort_by("record_offset").to_pylist()
    return {
        row["row_sha256"]: Target(**{name: row.get(name) for name in Target.schema.names}) for row in rows
    }


def test_records_that_no_longer_read_are_in_the_bag_with_the_reason(own: Release) -> None:
    targets = targets_of(own)
    zeroed, other = list(dict.fromkeys(target.record_offset for target in targets.values()))[:2]
    by_place = {target.record_offset: target for target in targets.values()}
    own.overwrite(by_place[zeroed], bytes(by_place[zeroed].record_length))
    own.overwrite(by_place[other], b"\x1f\x8b\x08\0" + b"x" * (by_place[other].record_length - 4))
    after, built = build(own, "after")
    assert not built.is_complete
    for row, (reason, kind, detail) in found_in(after).items():
        place = targets.pop(row).record_offset
        damage = ("unreadable", "bytes") if place in (zeroed, other) else (None, "gzip")
        assert (reason, kind) == damage
        assert (detail == "its bytes are zeros") == (place == zeroed)
    assert not targets
    code, said = by_itself(after)
    assert (code, "different from the row: " in said) == (0, True)


@pytest.mark.parametrize("there", ["a page", "another record"])
def test_what_another_host_answers_does_not_enter_the_bag(own: Release, there: str) -> None:
    targets = targets_of(own)
    first = next(iter(targets.values()))
    path, start = own.object_of(first), first.record_offset or 0
    secret = b"<!DOCTYPE html><p>keys of another host</p>" * 40_000
    if there == "another record":
        secret = own.server.objects[path][start : start + first.record_length] * 50
    with web(objects={path: secret}) as other:
        own.server.redirects[path] = f"{other.url}{path}"
        after, built = build(own, "after")
    assert not built.is_complete
    found = found_in(after)
    moved = [found[row] for row, target in targets.items() if own.object_of(target) == path]
    unverified = [(kind, detail) for reason, kind, detail in moved if reason]
    assert unverified
    assert all(kind is None and "another host answered" in str(detail) for kind, detail in unverified)
    assert not any(b"keys of another host" in data for data in contents(after / "data/records").values())


def test_rows_of_a_shard_that_is_gone_or_refused_stay_without_records(own: Release) -> None:
    before = targets_of(own)
    own.server.always = Fault(status=403)
    # A site that refuses everything was not reached, which is no absence.
    assert {reason for reason, _, _ in found_in(build(own, "refused")[0]).values()} == {"not reached"}
    own.server.always = Fault()
    own.server.objects.clear()
    after, built = build(own, "after")
    found = found_in(after)
    assert {(reason, kind) for reason, kind, _ in found.values()} == {("no shard", None)}
    assert found.keys() == before.keys()
    assert built.reasons == {"no shard": len(before)}
    assert not contents(after / "data/records")
    assert {each["status"] for each in lines(after, "data/http/exchanges.jsonl")} == {404}
    assert bagit.Bag(str(after)).validate()


# --- other facts


def test_no_credential_gets_into_a_bag(own: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy.example:3128")
    mirror = "a=https://u:hunter2@x.example/?sig=hunter2"
    bag, _ = build(own, "bag", command=["presswatch", "evidence", "build", "--mirror", mirror, "t"])
    assert [name for name, data in contents(bag).items() if b"hunter2" in data] == []
    protocol = json.loads((bag / "data/protocol.json").read_bytes())
    assert protocol["proxies"]["https"] == "http://proxy.example:3128"
    assert protocol["command"].startswith("presswatch evidence build")
    for language in ("en", "fr"):
        assert f" {protocol['command']}\n" in readme(bag, language)


def test_a_case_names_its_claims_itself_and_is_sealed_with_its_probes(own: Release, tmp_path: Path) -> None:
    case, folder = own.open("case"), own.folder / "case"
    probe(case, own)
    done = outcome(
        "evidence build --confidence A", "--corpus", own.corpus, "--out", tmp_path / "refused", folder
    )
    assert (done.code, "a case already selects its claims" in done.err) == (1, True)
    bag, built = build(own, "bag", path=str(folder), confidences=())
    assert built.is_complete
    assert found_in(bag).keys() == {each.row_sha256 for each in case.targets()}
    for name in ("_presswatch_case.json", "targets/00000.parquet", "rounds/0001.json"):
        assert (bag / "data/case" / name).read_bytes() == (folder / name).read_bytes()


def test_declarations_in_force_are_in_the_bag_with_their_records(tmp_path: Path) -> None:
    html = [("Content-Type", "text/html; charset=utf-8")]
    plain = [("Content-Type", "text/plain")]
    robots = b"User-agent: CCBot\nDisallow: /"
    shard = write_warc(
        tmp_path / "a.warc.gz",
        Answer(f"{SITE}/robots.txt", robots, plain, at="2024-05-18T11:00:00Z"),
        Answer("https://copieur.example/", f"<p>{article(1)['body']}".encode(), html),
        Answer(f"{SITE}/robots.txt", robots + b"\n", plain, at="2024-05-18T13:00:00Z"),
    )
    corpus, tables, bag = (tmp_path / name for name in ("corpus", "tables", "bag"))
    build_corpus(corpus, [write_jsonl(tmp_path / "articles.jsonl", [article(1)])])
    found = scan_one(shard, corpus)
    of = {
        table: [row | {"run_id": "r1"} for batch in found.tables[table] for row in batch.to_pylist()]
        for table in ("matches", "rights_signals")
    }
    publish(tables, "r1", of["matches"], config=row_settings(ScanConfig(), MinHashRules()))
    store = TableStore.open(str(tables))
    write(store, "rights_signals", "r1", of["rights_signals"], RightsSignal.schema)
    write(store, "scan_log", "r1", [{**found.log, "run_id": "r1"}], ShardLog.schema)
    judge_all(tables, tables, KnowledgePaths(corpus=str(corpus), as_of=AS_OF))
    make_bag(bag_order(tables, corpus, confidences=LETTERS), str(bag), ScanConfig())
    (line,) = [each for each in lines(bag) if "copieur" in each["row"]["document_url"]]
    assert line["claim"]["reservation"] == "both"
    for source in (tables, bag):
        # Tables and the bag made of them give the same declarations for a letter.
        read = list(source_at(str(source), StorageOptions()).declared({line["row"]["row_sha256"]: "both"}))
        assert [(each.signal, each.captured_at.hour) for each in read] == [
            ("robots_txt", 11),
            ("robots_txt", 13),
        ]
    declared = {each["row"]["row_sha256"]: each for each in lines(bag, "data/declarations.jsonl")}
    sides = [declared[line["declared"][side]] for side in ("before", "after")]
    assert [side["row"]["captured_at"][11:13] for side in sides] == ["11", "13"]
    for side in sides:
        assert (side["record"]["kind"], side["record"]["reason"]) == ("gzip", None)
        start = side["row"]["record_offset"]
        record = (bag / side["record"]["path"]).read_bytes()
        assert record == shard.read_bytes()[start : start + side["row"]["record_length"]]
    assert not verified(bag).faults


HOSTILE = (
    '</script><script>alert(1)</script> {{ 7*7 }} {% raw %} #import "x" =HYPERLINK("http://x") \x1b[31m'
    " \u202eetirw\u202c \u0627\u0644\u0633 \x01\x02\x7f \u2028\u2029 \ufeff \ud7ff 💥"
)


def test_hostile_text_and_names_go_through_byte_by_byte(tmp_path: Path) -> None:
    pages = [
        replace(
            page,
            text=f"{HOSTILE}\n{page.text}\n{HOSTILE}",
            url=f"https://xn--jrnal-kva-{n}.example/%00%0a?\u202e{n}",
        )
        for n, page in enumerate(some_pages(12))
    ]
    pages.append(Page("https://long.example/", pages[1].text + "\n" + "mot " * 200_000))
    names = ("a.warc.wet.gz", "c4-train.json.gz", "fineweb.parquet", "fr_part_5.jsonl.zst")
    bag = bag_of(tmp_path, names, pages, printed=True)
    assert {reason for reason, _, _ in found_in(bag).values()} == {None}
    assert any("xn--" in line["row"]["document_url"] for line in lines(bag))
    assert bagit.Bag(str(bag)).validate()
    code, said = by_itself(bag)
    assert (code, said.replace("\n", "").isprintable()) == (0, True)
    assert len((bag / alone.ROWS).read_bytes().splitlines()) == len(lines(bag))
    assert not challenge(bag, HOSTILE, 1_000, STORAGE).failures


# --- the command


@pytest.mark.usefixtures("without_pages")
@pytest.mark.parametrize("calls", each_time([0, 12], [0, 1, 5, 12, 21]))
def test_a_full_disk_leaves_no_bag(
    crawl: Release, tmp_path: Path, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, written = Path.write_bytes, [0]

    def full(self: Path, data: bytes) -> int:
        if ".partial" in str(self):
            written[0] += 1
            if written[0] > calls:
                real(self, data[: len(data) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return real(self, data)

    words = ("--rows", some_rows(crawl, 3), "--corpus", crawl.corpus, "--out", tmp_path / "bag", crawl.tables)
    monkeypatch.setattr(Path, "write_bytes", full)
    done = outcome("evidence build", *words)
    assert (done.code, "full" in done.err, os.listdir(tmp_path)) == (1, True, [])
    monkeypatch.undo()
    assert outcome("evidence build", *words).code == 0


@pytest.mark.usefixtures("without_pages")
def test_a_new_bag_is_read_back(crawl: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_bytes

    def rots(self: Path, data: bytes) -> int:
        if self.name == "seal.json":
            data = data.replace(b'"claims":3', b'"claims":4')
        return real(self, data)

    words = ("--rows", some_rows(crawl, 3), "--corpus", crawl.corpus, "--out", tmp_path / "bag", crawl.tables)
    monkeypatch.setattr(Path, "write_bytes", rots)
    done = outcome("evidence build", *words)
    assert (done.code, os.listdir(tmp_path)) == (1, [])
    assert "does not verify: seal.json" in done.err


def test_what_is_there_already_is_left_alone(crawl: Release, small: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/mine").write_text("mine")
    before = contents(tmp_path)
    for out in (small, tmp_path / "file", tmp_path / "folder"):
        done = outcome("evidence build", "--corpus", crawl.corpus, "--out", out, crawl.tables)
        assert (done.code, "the folder already exists" in done.err) == (1, True), out
    assert contents(tmp_path) == before


NO_AUTHORITY = "this is not a web address"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "https://x.example/bag"], "written to disks or s3://"),
        (["--out", "hf://datasets/a/b/bag"], "written to disks or s3://"),
        (["--rows", "r", "--confidence", "A"], "pass either --rows or --confidence"),
        *((["--tsa", text], NO_AUTHORITY) for text in ("", "x", "ftp://x.example", "http://", ",ca.pem")),
        (["--tsa", "http://127.0.0.1:1/,ca.pem"], "contains no certificate"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused_before_any_bag(
    crawl: Release, tmp_path: Path, words: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    done = outcome("evidence build", "--corpus", crawl.corpus, "--out", "bag", *words, crawl.tables)
    assert done.code in (1, 2)
    assert told in done.err
    assert os.listdir() == ["ca.pem"]


def test_the_result_of_a_check_is_told_in_french(small: Path) -> None:
    done = outcome("evidence verify --lang fr", small)
    told = re.sub(r"[0-9a-f]{64}", "RACINE", done.out).splitlines()
    assert done.code == 0
    assert told[-5:-1] == [
        "racine des revendications : RACINE",
        "racine du dossier :         RACINE",
        "quiconque détient le dossier peut le modifier et le sceller de nouveau, avec d'autres racines :"
        " comparez celles-ci aux racines notées auparavant",
        "aucune autorité n'a horodaté le sceau : sa date n'est pas prouvée",
    ]
    compared = re.compile(r"\d+ enregistrements? comparés? par l'(identifiant|empreinte) .*")
    assert told[:-5]
    assert all(map(compared.fullmatch, told[:-5]))
    assert told[-1] == "tout est tel qu'au scellement"


def test_what_is_no_bag_is_refused(tmp_path: Path) -> None:
    done = outcome("evidence verify", tmp_path)
    assert (done.code, "seal.json: is missing" in done.err) == (1, True)
    assert outcome("evidence verify", tmp_path / "nothing").code == 1
    with pytest.raises(OutputError, match="does not verify"):
        challenge(tmp_path, "mots", 1, STORAGE)


# A draw by words that are said after the sealing: who made the bag cannot know it, and its bound holds.


FIVE_SHARDS = ("a.warc.wet.gz", "pages.warc.gz", "c4-train.json.gz", "fr_part_5.jsonl.zst", "fineweb.parquet")
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
    for name in FIVE_SHARDS:
        FORMS[name](shards / name, some_pages(pages))
    found = scan_here([shards / name for name in FIVE_SHARDS], corpus, folder / "honest")
    chosen = random.Random(7).sample([row for row in found if row["spans"]], rows)
    lies = [falsified(row, number) for number, row in enumerate(chosen[:false])]
    written = sorted([*lies, *chosen[false:]], key=lambda row: str(row["row_sha256"]))
    honest = TableStore.open(str(folder / "honest"))
    (run,) = honest.read("runs").to_pylist()
    facts = {name: run[name] for name in ("config", "corpus_digest")}
    publish(folder / "tables", RUN, written, **facts)
    log = honest.read("scan_log").to_pylist()
    write(TableStore.open(str(folder / "tables")), "scan_log", RUN, log, ShardLog.schema)
    judge_all(folder / "tables", folder / "tables", KnowledgePaths(corpus=str(corpus), as_of=AS_OF))
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
