"""Records that do not read, hostile text, full disks: a bag says what is so, or is not made at all."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import bagit
import pytest

from presswatch_spark.claims.make import Sources
from presswatch_spark.cli import main as cli
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, load_scan_config, row_settings
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.build import make_bag
from presswatch_spark.legal.evidence.reading import challenge, verified
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import RightsSignal, ShardLog, Target
from presswatch_spark.tables.store import TableStore
from tests.unit.matching.rights.test_rights_scan import SITE, Answer, scan, write_warc
from tests.world.bags import FIVE, bag_of, bag_order, build, by_itself, files, lines, readme, some_rows
from tests.world.claims import AS_OF, judge_all
from tests.world.corpora import article, write_jsonl
from tests.world.corpora import build as build_corpus
from tests.world.proofs import each_time
from tests.world.release import LETTERS, QUICK, Release, probe, release
from tests.world.scanned import FORMS, some_pages
from tests.world.servers import Fault, web
from tests.world.tables import publish, write

QUICKLY = load_scan_config(flags=QUICK)


@pytest.fixture
def own(tmp_path: Path) -> Any:
    """A release of one shard on a server of its own, which tests may change."""
    with web() as server:
        yield release(tmp_path, server)


def reasons(bag: Path) -> dict[str, tuple[str | None, str | None, str | None]]:
    return {
        line["row"]["row_sha256"]: (
            line["record"]["reason"],
            line["record"]["kind"],
            line["source"]["detail"],
        )
        for line in lines(bag)
    }


def placed(row: dict[str, Any]) -> Target:
    """Return the target that a row of a bag stands for."""
    return Target(**{name: row.get(name) for name in Target.schema.names})


def test_records_that_no_longer_read_are_in_the_bag_with_the_reason(own: Release) -> None:
    before, _ = build(own, "before")
    some = [line["row"] | line["source"] for line in lines(before)]
    by_place = {row["record_offset"]: row for row in some}
    zeroed, other, *_ = sorted(by_place.values(), key=lambda row: int(row["record_offset"]))
    own.change(placed(zeroed), lambda data: _over(data, zeroed, b"\0" * zeroed["record_length"]))
    own.change(
        placed(other),
        lambda data: _over(data, other, b"\x1f\x8b\x08\0" + b"x" * (other["record_length"] - 4)),
    )
    after, built = build(own, "after")
    found = reasons(after)
    assert len(found) == len(some)
    assert not built.is_complete
    for row in some:
        reason, kind, detail = found[row["row_sha256"]]
        if row["record_offset"] == zeroed["record_offset"]:
            assert (reason, kind, detail) == ("unreadable", "bytes", "its bytes are zeros")
        elif row["record_offset"] == other["record_offset"]:
            assert (reason, kind) == ("unreadable", "bytes")
        else:
            assert (reason, kind) == (None, "gzip")
    assert not verified(after).faults
    assert by_itself(after)[0] == 0
    assert "not as the row says: " in by_itself(after)[1]


@pytest.mark.parametrize("there", ["a page", "another record"])
def test_what_another_host_answers_does_not_enter_the_bag(own: Release, there: str) -> None:
    before, _ = build(own, "before")
    some = [line["row"] | line["source"] for line in lines(before)]
    record = min((row for row in some), key=lambda row: int(row["record_offset"]))
    path = own.object_of(placed(record))
    start, length = record["record_offset"], record["record_length"]
    secret = {
        "a page": b"<!DOCTYPE html><p>keys of another host</p>" * 40_000,
        "another record": own.server.objects[path][start : start + length] * 50,
    }[there]
    with web(objects={path: secret}) as other:
        own.server.redirects[path] = f"{other.url}{path}"
        after, built = build(own, "after")
    moved = {row["row_sha256"] for row in some if own.object_of(placed(row)) == path}
    found = reasons(after)
    assert not built.is_complete
    unverified = {digest for digest in moved if found[digest][0]}
    assert unverified
    assert {found[digest][1] for digest in unverified} == {None}
    assert all("another host answered for it" in found[digest][2] for digest in unverified)
    kept = {name: (after / "data/records" / name).read_bytes() for name in files(after / "data/records")}
    assert not any(b"keys of another host" in data for data in kept.values())
    assert not verified(after).faults


def _over(data: bytes, row: dict[str, Any], record: bytes) -> bytes:
    start = row["record_offset"]
    return data[:start] + record + data[start + row["record_length"] :]


def test_a_shard_that_is_gone_leaves_rows_without_records_and_none_is_left_out(own: Release) -> None:
    before, _ = build(own, "before")
    own.server.objects.clear()
    after, built = build(own, "after")
    assert {(reason, kind) for reason, kind, _ in reasons(after).values()} == {("no shard", None)}
    assert reasons(after).keys() == reasons(before).keys()
    assert built.reasons == {"no shard": len(reasons(before))}
    assert not files(after / "data/records") if (after / "data/records").exists() else True
    told = [json.loads(line) for line in (after / "data/http/exchanges.jsonl").read_bytes().splitlines()]
    assert {each["status"] for each in told} == {404}
    assert bagit.Bag(str(after)).validate()
    assert not verified(after).faults


def test_a_site_that_refuses_everything_was_not_reached_which_is_no_absence(own: Release) -> None:
    own.server.always = Fault(status=403)
    bag, _ = build(own, "refused")
    assert {reason for reason, _, _ in reasons(bag).values()} == {"not reached"}
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
    pages = [replace(page, text=page.text) for page in pages]
    names = ("a.warc.wet.gz", "c4-train.json.gz", "fineweb.parquet", "fr_part_5.jsonl.zst")
    bag = bag_of(tmp_path, names, pages, printed=True)
    assert {line["record"]["reason"] for line in lines(bag)} == {None}
    assert any("xn--" in line["row"]["document_url"] for line in lines(bag))
    assert bagit.Bag(str(bag)).validate()
    assert not verified(bag).faults
    code, said = by_itself(bag)
    assert code == 0
    assert said.replace("\n", "").isprintable()
    assert len((bag / alone.ROWS).read_bytes().splitlines()) == len(lines(bag))
    assert not challenge(bag, HOSTILE, 1_000, StorageOptions()).failures


def test_a_name_that_steers_terminals_is_shown_harmless(small: Path, capsys: Any) -> None:
    (small / "data" / "ev\x1b[31mil\n\u202e").write_bytes(b"x")
    code, said = by_itself(small)
    assert code == 1
    assert said.replace("\n", "").isprintable()
    assert r"REFUSED data/ev\x1b[31mil\n" in said
    assert cli.run(["evidence", "verify", str(small)]) == 1
    assert capsys.readouterr().err.replace("\n", "").isprintable()


@pytest.mark.usefixtures("without_pages")
@pytest.mark.parametrize("calls", each_time([0, 12], [0, 1, 5, 12, 21]))
def test_a_full_disk_leaves_nothing_under_the_name_of_the_bag(
    crawl: Release, tmp_path: Path, calls: int, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, written = Path.write_bytes, [0]

    def full(self: Path, data: bytes) -> int:
        if ".partial" in str(self):
            written[0] += 1
            if written[0] > calls:
                real(self, data[: len(data) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
        return real(self, data)

    rows = str(some_rows(crawl, 3))
    words = [
        "evidence",
        "build",
        "--rows",
        rows,
        "--corpus",
        str(crawl.corpus),
        "--out",
        str(tmp_path / "bag"),
    ]
    monkeypatch.setattr(Path, "write_bytes", full)
    assert cli.run([*words, str(crawl.tables)]) == 1
    assert "full" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
    monkeypatch.undo()
    assert cli.run([*words, str(crawl.tables)]) == 0


@pytest.mark.usefixtures("without_pages")
def test_a_bag_is_read_back_before_it_gets_its_name(
    crawl: Release, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.write_bytes

    def rots(self: Path, data: bytes) -> int:
        if self.name == "seal.json":
            data = data.replace(b'"claims":3', b'"claims":4')
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", rots)
    words = ["evidence", "build", "--rows", str(some_rows(crawl, 3)), "--corpus", str(crawl.corpus)]
    assert cli.run([*words, "--out", str(tmp_path / "bag"), str(crawl.tables)]) == 1
    assert "does not verify: seal.json" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("there", ["file", "folder", "bag"])
def test_what_is_there_already_is_left_alone(
    crawl: Release, small: Path, tmp_path: Path, there: str, capsys: Any
) -> None:
    out = small if there == "bag" else tmp_path / "there"
    if there == "file":
        out.write_text("mine")
    elif there == "folder":
        out.mkdir()
        (out / "mine").write_text("mine")
    before = {name: (out / name).read_bytes() for name in files(out)} if out.is_dir() else out.read_bytes()
    words = ["--corpus", str(crawl.corpus), "--out", str(out), str(crawl.tables)]
    assert cli.run(["evidence", "build", *words]) == 1
    assert "there is something already" in capsys.readouterr().err
    after = {name: (out / name).read_bytes() for name in files(out)} if out.is_dir() else out.read_bytes()
    assert before == after


@pytest.mark.parametrize("out", ["https://x.example/bag", "hf://datasets/a/b/bag"])
def test_a_bag_is_not_written_where_one_can_only_read(crawl: Release, out: str, capsys: Any) -> None:
    words = ["--corpus", str(crawl.corpus), "--out", out, str(crawl.tables)]
    assert cli.run(["evidence", "build", *words]) == 1
    assert "written to a disk or to s3://" in capsys.readouterr().err


def test_no_credential_gets_into_a_bag(own: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy.example:3128")
    command = [
        "presswatch",
        "evidence",
        "build",
        "--mirror",
        "a=https://u:hunter2@x.example/?sig=hunter2",
        "t",
    ]
    bag, _ = build(own, "bag", command=command)
    for name in files(bag):
        assert b"hunter2" not in (bag / name).read_bytes(), name
    protocol = json.loads((bag / "data/protocol.json").read_bytes())
    assert protocol["proxies"]["https"] == "http://proxy.example:3128"
    assert protocol["command"].startswith("presswatch evidence build")
    for language in ("en", "fr"):
        assert f" {protocol['command']}\n" in readme(bag, language)


def test_a_case_is_sealed_with_its_probes(own: Release) -> None:
    case = own.open("case")
    probe(case, own)
    bag, built = build(own, "bag", path=str(own.folder / "case"), confidences=())
    assert {line["row"]["row_sha256"] for line in lines(bag)} == {each.row_sha256 for each in case.targets()}
    for name in ("_presswatch_case.json", "targets/00000.parquet", "rounds/0001.json"):
        assert (bag / "data/case" / name).read_bytes() == (own.folder / "case" / name).read_bytes()
    assert built.is_complete
    assert not verified(bag).faults


def test_a_case_names_its_claims_itself(own: Release, tmp_path: Path, capsys: Any) -> None:
    own.open("case")
    words = ["--confidence", "A", "--corpus", str(own.corpus), "--out", str(tmp_path / "bag")]
    assert cli.run(["evidence", "build", *words, str(own.folder / "case")]) == 1
    assert "a case names its claims itself" in capsys.readouterr().err


def test_declarations_in_force_are_in_the_bag_with_their_records(tmp_path: Path) -> None:
    body = str(article(1)["body"])
    html = [("Content-Type", "text/html; charset=utf-8")]
    plain = [("Content-Type", "text/plain")]
    robots = b"User-agent: CCBot\nDisallow: /"
    shard = write_warc(
        tmp_path / "a.warc.gz",
        Answer(f"{SITE}/robots.txt", robots, plain, at="2024-05-18T11:00:00Z"),
        Answer("https://copieur.example/", f"<p>{body}".encode(), html),
        Answer(f"{SITE}/robots.txt", robots + b"\n", plain, at="2024-05-18T13:00:00Z"),
    )
    build_corpus(tmp_path / "corpus", [write_jsonl(tmp_path / "articles.jsonl", [article(1)])])
    outcome, tables = scan(shard, tmp_path / "corpus"), tmp_path / "tables"
    of = {
        table: [row | {"run_id": "r1"} for batch in outcome.tables[table] for row in batch.to_pylist()]
        for table in ("matches", "rights_signals")
    }
    publish(tables, "r1", of["matches"], config=row_settings(ScanConfig(), MinHashRules()))
    store = TableStore.open(str(tables))
    write(store, "rights_signals", "r1", of["rights_signals"], RightsSignal.schema)
    write(store, "scan_log", "r1", [{**outcome.log, "run_id": "r1"}], ShardLog.schema)
    sources = Sources(corpus=str(tmp_path / "corpus"), as_of=AS_OF)
    judge_all(tables, tables, sources)
    order = bag_order(tables, tmp_path / "corpus", confidences=LETTERS)
    make_bag(order, str(tmp_path / "bag"), ScanConfig())
    (line,) = [each for each in lines(tmp_path / "bag") if "copieur" in each["row"]["document_url"]]
    told = (tmp_path / "bag/data/declarations.jsonl").read_bytes().splitlines()
    declared = {each["row"]["row_sha256"]: each for each in map(json.loads, told)}
    assert line["claim"]["reservation"] == "both"
    sides = [declared[line["declared"][side]] for side in ("before", "after")]
    assert [side["row"]["captured_at"][11:13] for side in sides] == ["11", "13"]
    for side in sides:
        assert (side["record"]["kind"], side["record"]["reason"]) == ("gzip", None)
        start = side["row"]["record_offset"]
        record = (tmp_path / "bag" / side["record"]["path"]).read_bytes()
        assert record == shard.read_bytes()[start : start + side["row"]["record_length"]]
    assert not verified(tmp_path / "bag").faults


@pytest.mark.parametrize("words", [["--rows", "r", "--confidence", "A"], ["--tsa", "x"]])
def test_a_command_that_cannot_be_meant_is_refused(words: list[str], crawl: Release, tmp_path: Path) -> None:
    rest = ["--corpus", str(crawl.corpus), "--out", str(tmp_path / "bag"), str(crawl.tables)]
    assert cli.run(["evidence", "build", *words, *rest]) in (1, 2)
    assert os.listdir(tmp_path) == []


def test_what_is_no_bag_is_refused(tmp_path: Path, capsys: Any) -> None:
    assert cli.run(["evidence", "verify", str(tmp_path)]) == 1
    assert "seal.json: is missing" in capsys.readouterr().err
    assert cli.run(["evidence", "verify", str(tmp_path / "nothing")]) == 1
    with pytest.raises(OutputError, match="does not verify"):
        challenge(tmp_path, "mots", 1, StorageOptions())


@pytest.mark.full
def test_every_form_of_shard_is_sealed_and_no_byte_of_it_changes_unseen(tmp_path: Path) -> None:
    # All files are read for each byte: other tests change bytes of the PDFs of few claims.
    bag = bag_of(tmp_path, tuple(FORMS), some_pages(12))
    assert {line["record"]["reason"] for line in lines(bag)} == {None}
    assert set(FIVE) < set(FORMS)
    for name in files(bag):
        data = (bag / name).read_bytes()
        for place in range(0, len(data), max(1, len(data) // 23)):
            changed = bytearray(data)
            changed[place] ^= 1 << place % 8
            (bag / name).write_bytes(changed)
            faults = alone.check(str(bag)).faults
            assert name in faults or any(fault.startswith(f"{name}:") for fault in faults), (name, place)
        (bag / name).write_bytes(data)
    assert not alone.check(str(bag)).faults
