"""Scans from end to end: what is found, where its rows point, and what is reported of the unreadable."""

import gzip
import hashlib
import io
import json
import platform
import random
import shutil
import socket
import zlib
from collections import Counter, defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
import zstandard
from pyspark.sql import SparkSession

import presswatch_spark as pw
from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.cli.demo.shards import write_wet
from presswatch_spark.core.errors import BudgetError, ConfigError, CorpusError, InputError, PresswatchError
from presswatch_spark.core.settings.config import CorpusConfig, GradeRules, ReadRules, RunRules, ScanConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.scanning.costs import Meter
from presswatch_spark.scanning.monitoring.progress import Progress
from presswatch_spark.scanning.runs.provenance import commit, packages, packages_digest
from presswatch_spark.storage.objects import StorageOptions, read_range
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.reference.pairs import pairs_with_common_run
from tests.spark.conftest import PAGES, SHARDS
from tests.spark.press import GUARANTEED, Press, Scanned, Scanner
from tests.unit.reading.test_truncation import FORMATS, whole_before
from tests.unit.reading.test_truncation import PAGES as WRITTEN
from tests.world.commands import outcome, presswatch
from tests.world.corpora import article, corpus_of
from tests.world.hub import Hub, empty
from tests.world.prose import folded
from tests.world.rights import SITE, Answer, write_warc
from tests.world.scanned import FORMS
from tests.world.servers import web
from tests.world.shards import SmallPage, pages, write_oscar_2201
from tests.world.warc import packed_as, record


def record_text(row: dict[str, Any]) -> bytes:
    """The document's text, fetched as a third party would: by URI, offset and length."""
    member = read_range(row["shard_uri"], row["record_offset"], row["record_length"], StorageOptions())
    record = gzip.decompress(member) if row["record_encoding"] == "gzip" else member
    text = record.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n\r\n")
    assert hashlib.sha256(text).hexdigest() == row["text_sha256"]
    return text


@pytest.fixture
def shard(press: Press) -> Path:
    return sorted(press.shards.iterdir())[0]


def test_every_pair_with_a_run_of_eleven_words_is_found_and_no_other(found: Scanned, press: Press) -> None:
    copies = found.copies()
    assert {(row["document_url"], row["article_id"]) for row in copies} == press.pairs
    assert len(copies) == len(press.pairs)
    row = found.row
    assert (row["shards_planned"], row["shards_complete"], found.summary.incomplete) == (SHARDS, SHARDS, ())
    assert (row["documents"], row["dataset"]) == (SHARDS * PAGES, "wet")
    assert row["words"] > row["documents"]


def test_spans_cut_out_of_both_texts_are_the_same_words_at_every_locator(
    found: Scanned, press: Press
) -> None:
    articles = [json.loads(line) for line in press.articles.read_text().splitlines()]
    bodies = {article["article_id"]: article["body"] for article in articles}
    for row in found.copies():
        document, body = record_text(row).decode(), bodies[row["article_id"]]
        assert max(span["words"] for span in row["spans"]) == row["longest_run_words"] >= GUARANTEED
        for span in row["spans"]:
            copied = folded(document[span["document_start"] : span["document_end"]].encode())
            assert copied == folded(body[span["article_start"] : span["article_end"]].encode())
            assert len(copied) == span["words"]


def test_auto_finds_the_same_and_a_longer_shortest_run_finds_fewer_by_another_configuration(
    found: Scanned, scan: Scanner, press: Press
) -> None:
    auto = scan(press.shards, dataset="auto")
    assert (auto.row["table_digest"], auto.row["dataset"]) == (found.row["table_digest"], "wet")
    fewer = scan(press.shards, out="fewer", config=ScanConfig(grade=GradeRules(min_run_words=40)))
    assert 0 < len(fewer.copies()) < len(found.copies())
    assert fewer.row["config_digest"] != found.row["config_digest"]


def test_a_run_records_where_it_came_from(scan: Scanner, shard: Path) -> None:
    config = ScanConfig(run=RunRules(operator="Anne"))
    done = scan(shard, config=config, command="presswatch scan")
    (row,) = done.rows("runs")
    assert {name: row[name] for name in done.row} == done.row
    assert row.items() >= {
        "operator": "Anne", "command": "presswatch scan", "spark_version": scan.spark.version,
        "python_version": platform.python_version(), "packages_digest": packages_digest(packages()),
        "tool_commit": commit(), "host": socket.gethostname(),
    }.items()  # fmt: skip


def test_a_shard_cut_short_is_partial_and_all_whole_records_are_scanned(scan: Scanner, shard: Path) -> None:
    cut, whole = scan.folder / "cut.warc.wet.gz", shard.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    done = scan(cut)
    ((uri, status, error),) = done.summary.incomplete
    assert (Path(uri), status, "byte" in error) == (cut, "partial", True)
    assert 0 < done.row["documents"] < PAGES
    assert all(map(record_text, done.copies()))


def test_shards_of_another_kind_and_shards_that_vanish_after_planning_fail_alone(
    scan: Scanner, shard: Path
) -> None:
    notes, listing = scan.folder / "notes.wet.gz", scan.folder / "wet.paths.gz"
    notes.write_bytes(gzip.compress(b"Dear diary, nothing happened today.\n" * 50))
    listing.write_bytes(gzip.compress(f"{shard}\n{notes}\n{scan.folder}/gone.warc.wet.gz\n".encode()))
    done = scan(listing)
    failed = sorted((Path(uri).name, status) for uri, status, _ in done.summary.incomplete)
    assert failed == [("gone.warc.wet.gz", "failed"), ("notes.wet.gz", "failed")]
    assert done.row["shards_complete"] == 1


def test_a_scan_that_cannot_begin_is_refused_and_leaves_no_output(
    scan: Scanner, press: Press, shard: Path
) -> None:
    changed = shutil.copytree(scan.corpus, scan.folder / "corpus") / "signatures.npy"
    data = bytearray(changed.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    columns = ScanConfig(read=ReadRules(columns={"txt": "body"}))
    refusals: list[tuple[type[PresswatchError], Scanner, Path, ScanConfig | None]] = [
        (InputError, scan, scan.folder / "nothing", None),
        (CorpusError, replace(scan, corpus=changed.parent), shard, None),
        (ConfigError, scan, shard, columns),
    ]
    for error, scanner, path, config in refusals:
        with pytest.raises(error, match="txt" if config else None):
            scanner(path, config=config)
    assert not (scan.folder / "out").exists()


@pytest.mark.real_data
def test_a_real_wet_page_is_found_where_its_locator_points(
    scan: Scanner, real_data: Path, press: Press
) -> None:
    folder = real_data / "common_crawl" / "whirlwind"
    plain = (folder / "whirlwind.warc.wet").read_bytes()
    page = plain[plain.index(b"WARC-Type: conversion") :].partition(b"\r\n\r\n")[2].decode()
    article = {
        "article_id": "page",
        "title_id": "daily",
        "url": "https://daily.example/page",
        "headline": "h",
    }
    article |= {"body": " ".join(page.split()[:200]), "published_at": "2024-05-01"}
    (scan.folder / "articles.jsonl").write_text(json.dumps(article))
    corpus = scan.folder / "corpus"
    given = (str(press.members), [str(scan.folder / "articles.jsonl")], str(corpus))
    build_corpus(scan.spark, *given, CorpusConfig(), StorageOptions())
    shards = (folder / "whirlwind.warc.wet.gz", folder / "whirlwind.warc.wet")
    done = replace(scan, corpus=corpus)(*shards)
    assert done.summary.incomplete == ()
    rows = done.copies()
    assert sorted(row["record_encoding"] for row in rows) == ["gzip", "plain"]
    assert {(row["grade"], row["release"]) for row in rows} == {("full_copy", "CC-MAIN-2024-22")}
    assert all(map(record_text, rows))


def test_shards_that_differ_only_in_what_follows_the_question_mark_are_both_scanned(
    scan: Scanner, shard: Path
) -> None:
    alone = scan(shard, out="one")
    with web(objects={"/file": shard.read_bytes()}) as server:
        both = scan(*(f"{server.url}/file?id={number}" for number in (1, 2, 1)))
    names = ("documents", "matches", "shards_planned", "shards_complete")
    assert [both.row[name] for name in names] == [2 * alone.row[name] for name in names]
    digests = Counter(row["row_sha256"] for row in both.copies())
    assert digests == {row["row_sha256"]: 2 for row in alone.copies()}
    assert {row["shard_uri"] for row in both.rows()} == {f"{server.url}/file"}


def test_languages_gate_documents_and_are_part_of_the_configuration(scan: Scanner, shard: Path) -> None:
    # Documents without identification are read: the made-up pages name no language.
    done = scan(shard, config=ScanConfig(read=ReadRules(languages=("fra",))))
    assert done.copies()
    assert '"languages":["fra"]' in str(done.row["config"])


# A part of a dataset, scanned by its name, from a mirror or a hub: its rows name their dataset.


URL, AT = "https://copie.example/1", "2024-05-18T01:58:10Z"


def scanned(scan: Scanner, press: Press, *named: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Scan a dataset by its name; its rows, and that of the first article."""
    presswatch("scan", *named, "--corpus", str(scan.corpus), "--out", str(scan.folder / "tables"))
    rows = TableStore.open(str(scan.folder / "tables")).read("matches").to_pylist()
    (match,) = (row for row in rows if row["article_id"] == first(press)["article_id"])
    assert (match["document_url"], f"{match['captured_at']:%Y-%m-%dT%H:%M:%SZ}") == (URL, AT)
    return rows, match


def first(press: Press) -> Any:
    return json.loads(press.articles.read_text(encoding="utf-8").splitlines()[0])


def test_a_scan_by_name_reads_the_columns_of_the_dataset_and_names_its_release(
    scan: Scanner, press: Press
) -> None:
    metadata = {"WARC-Record-ID": "<urn:uuid:7>", "WARC-Date": AT, "WARC-Payload-Digest": "sha1:X"}
    row = {"text": first(press)["body"], "url": URL, "metadata": metadata}
    shard = scan.folder.joinpath(
        "contrib/datacomp/DCLM-baseline/global-shard_03_of_10/local-shard_1_of_10/shard_1_processed.jsonl.zst"
    )
    shard.parent.mkdir(parents=True)
    shard.write_bytes(zstandard.ZstdCompressor().compress(json.dumps(row).encode() + b"\n"))
    named = ("--dataset", "dclm", "--part", "03", "--mirror", str(scan.folder))
    _, match = scanned(scan, press, *named)
    expected = {"record_id": "<urn:uuid:7>", "release": "dclm", "dataset": "rows", "payload_digest": "sha1:X"}
    expected |= {"product": "dclm", "product_revision": None, "upstream_uri": None}
    assert match.items() >= expected.items()


@pytest.mark.full
def test_a_scan_by_name_reads_a_dataset_on_the_hub_where_it_is(
    scan: Scanner, press: Press, one_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("HF_ENDPOINT", empty(one_hub).url)
    path, other = (f"multilingual/c4-{part}.tfrecord-00000-of-00001.json.gz" for part in ("fr", "en"))
    row = {"text": first(press)["body"], "url": URL, "timestamp": AT}
    data = gzip.compress(json.dumps(row).encode() + b"\n")
    commit = one_hub.push({path: data, other: data}, "allenai/c4")
    rows, match = scanned(scan, press, "--dataset", "mc4", "--part", "fr")
    assert {row["shard_uri"] for row in rows} == {f"hf://datasets/allenai/c4@{commit}/{path}"}
    assert match.items() >= {"release": "c4-fr", "product": "mc4", "product_revision": commit}.items()
    out = str(scan.folder / "tables")
    shown = [json.loads(line) for line in presswatch("matches", out, "--json").splitlines()]
    assert {row["product_revision"] for row in shown} == {commit}
    query = "select product, count(*) as n from matches group by product"
    for engine in ("duckdb", "spark"):
        assert f"mc4 {len(rows)}" in " ".join(presswatch("sql", "--engine", engine, out, query).split())


# A whole release, a sample of it, and the one whose lengths are off by 2: what the tables report of them.


AFFECTED = "CC-MAIN-2018-34"
ARTICLES_A_SHARD = 6


def shard_of(folder: Path, press: Press, off: int, release: str = AFFECTED) -> Path:
    """A shard of articles of `release` whose records declare `off` bytes more than they have."""
    info = f"isPartOf: {release}\r\n".encode()
    records = [record(info, length=len(info) + off).replace(b"conversion", b"warcinfo")]
    lines = press.articles.read_text(encoding="utf-8").splitlines()[:ARTICLES_A_SHARD]
    bodies = (json.loads(line)["body"].encode() for line in lines)
    records += [record(body, length=len(body) + off) for body in bodies]
    path = folder / f"{release}{off:+}.warc.wet.gz"
    path.write_bytes(packed_as("record", records))
    return path


def copies_in(matches: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("article_id", "grade", "longest_run_words", "text_sha256", "release")
    return sorted(tuple(row[name] for name in names) for row in matches)


@pytest.mark.parametrize("off", [-2, 2])
def test_the_release_with_wrong_lengths_is_complete_and_named_once(
    scan: Scanner, press: Press, off: int
) -> None:
    right = scan(shard_of(scan.folder, press, 0), out="right")
    wrong = scan(shard_of(scan.folder, press, off))
    (line,) = wrong.rows("scan_log")
    assert (line["status"], line["error"], line["documents"]) == ("complete", None, ARTICLES_A_SHARD)
    assert (wrong.summary.incomplete, right.summary.notes) == ((), ())
    assert wrong.summary.notes == (f"{line['note']} ({line['shard_uri']})",)
    assert AFFECTED in line["note"]
    assert copies_in(wrong.rows()) == copies_in(right.rows())
    assert len({row["article_id"] for row in wrong.rows()}) >= ARTICLES_A_SHARD


def test_a_cut_shard_of_that_release_and_a_lie_of_another_are_partial(scan: Scanner, press: Press) -> None:
    cut, other = shard_of(scan.folder, press, -2), shard_of(scan.folder, press, -2, "CC-MAIN-2018-39")
    cut.write_bytes(cut.read_bytes()[:-20])
    done = scan(cut, other)
    assert len(done.summary.incomplete) == 2
    by_release = {line["release"]: line for line in done.rows("scan_log")}
    assert {line["status"] for line in by_release.values()} == {"partial"}
    assert by_release[AFFECTED]["note"] is not None
    assert "declares" not in by_release[AFFECTED]["error"]
    assert by_release["CC-MAIN-2018-39"]["note"] is None
    assert "declares" in by_release["CC-MAIN-2018-39"]["error"]


def test_a_sample_is_recorded_as_one(scan: Scanner, press: Press) -> None:
    keys = sorted(path.name for path in press.shards.iterdir())
    listing = press.shards.parent / "wet.paths.gz"
    listing.write_bytes(gzip.compress("".join(f"{press.shards.name}/{key}\n" for key in keys).encode()))
    done = scan(listing, sample=0.25)
    assert done.row["shards_planned"] == len(done.rows("scan_log")) == len(keys) // 4
    (row,) = done.rows("runs")
    assert (row["sample"], row["sample_seed"], row["shards_listed"]) == (0.25, 0, len(keys))
    assert json.loads(row["sample_strata"]) == {press.shards.name: len(keys)}
    (labels,) = (line["labels"] for line in done.rows("metrics") if line["name"] == "presswatch_run_info")
    assert labels.endswith('sample="0.25"'), "no number beside it is taken for one of the whole"
    whole = scan(listing, out="whole", sample=1.0)
    assert (whole.row["sample"], whole.row["sample_strata"]) == (None, None)
    assert whole.row["shards_planned"] == len(whole.rows("scan_log")) == len(keys)


# Rights signals from shards on disk to the answer of `presswatch rights`, through Spark.


PLAIN, HTML = [("Content-Type", "text/plain")], [("Content-Type", "text/html; charset=utf-8")]
ROBOTS = f"{SITE}/robots.txt"
PAGE = f"<p>{article(1)['body']}".encode()


@pytest.fixture(scope="module")
def with_rights(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tables of `pages` (WARC), `text` (WET) and `robots` (robots.txt after them)."""
    home = tmp_path_factory.mktemp("rights")
    corpus_of(home, [article(1), article(2)])
    forbids, lets_in = b"User-agent: CCBot\nDisallow: /une/\n", b"User-agent: CCBot\nDisallow: /admin/\n"
    noai = [*HTML, ("X-Robots-Tag", "noai")]
    write_warc(
        home / "pages.warc.gz",
        Answer(ROBOTS, forbids, PLAIN, at="2024-05-18T11:00:00Z"),
        Answer(f"{SITE}/une/1", PAGE, HTML),
        Answer(f"{SITE}/une/2", f"<p>{article(2)['body']}".encode(), noai),
    )
    write_warc(home / "robots.warc.gz", Answer(ROBOTS, lets_in, PLAIN, at="2024-05-18T13:00:00Z"))
    write_wet(home / "text.warc.wet.gz", [SmallPage(f"{SITE}/une/1", str(article(1)["body"]))])
    for name, shard in (
        ("pages", "pages.warc.gz"),
        ("text", "text.warc.wet.gz"),
        ("robots", "robots.warc.gz"),
    ):
        presswatch("scan", "--corpus", home / "corpus", "--out", home / name, home / shard)
    return home


def statuses(*words: object) -> dict[tuple[str, str], str]:
    """Statuses by page and agent, of the rows that name an article."""
    rows = map(json.loads, presswatch("rights", *words, "--json").splitlines())
    return {(row["document_url"][-1], row["agent"]): row["status"] for row in rows if row["article_id"]}


def test_signals_of_one_scan_tell_what_was_in_force(with_rights: Path) -> None:
    found = statuses(with_rights / "pages")
    assert found["1", "CCBot"] == "before"
    assert found["1", "*"] == "none"
    assert found["2", "CCBot"] == found["2", "*"] == "both"
    # Those of a later scan of robots.txt count when they are named.
    found = statuses(with_rights / "pages", "--signals", with_rights / "robots")
    assert found["1", "CCBot"] == "conflicting"


def test_the_log_and_the_run_count_signals_and_wet_has_none(with_rights: Path, tmp_path: Path) -> None:
    pages, text = (TableStore.open(str(with_rights / name)) for name in ("pages", "text"))
    assert pages.read("scan_log")["signals"].to_pylist() == pages.read("runs")["signals"].to_pylist() == [5]
    assert text.read("runs")["signals"].to_pylist() == [0]
    assert len(pages.read("rights_signals")) == 5
    assert not (with_rights / "text" / "rights_signals").exists()
    # The same scan gives the same digest of signals.
    again = tmp_path / "again"
    presswatch("scan", "--corpus", with_rights / "corpus", "--out", again, with_rights / "pages.warc.gz")
    runs = (TableStore.open(str(folder)).read("runs") for folder in (with_rights / "pages", again))
    first, second = (run["signals_digest"].to_pylist() for run in runs)
    assert first == second != [None]


# The promise, on real press: every pair with a common run of 11 words, no other, in every format.


Pairs = set[tuple[str, str]]


@pytest.mark.parametrize("step", [12, pytest.param(1, marks=pytest.mark.full)])
def test_every_pair_of_real_press_articles_is_found_in_every_format(
    spark: SparkSession, real_data: Path, tmp_path: Path, step: int
) -> None:
    """Index every second article, scan all of them in all formats; `step`: take every so manieth article."""
    lines = (real_data / "press" / "articles.jsonl").read_text(encoding="utf-8").splitlines()[::step]
    press = {f"press-{i:04}": json.loads(line) for i, line in enumerate(lines)}
    articles = {name: article["text"] for name, article in list(press.items())[::2]}
    documents = {f"https://site.example/{name}": article["text"] for name, article in press.items()}

    found = scan_all_formats(spark, tmp_path, articles, documents)

    truth = pairs_with_common_run(documents, articles, 11)
    copies = {(f"https://site.example/{name}", name) for name in articles}
    assert copies & truth
    assert len(found) == len(write_all_formats(tmp_path / "again", {}))
    for shard, pairs in found.items():
        assert pairs - truth == set(), f"{shard}: rows without a common run"
        assert truth - pairs == set(), f"{shard}: pairs that were missed"
    print(  # noqa: T201
        f"\n{len(articles)} articles, {len(documents)} documents, {len(found)} shards: {len(truth)} pairs in "
        f"each, {len(truth - copies)} of them between different articles"
    )


def scan_all_formats(
    spark: SparkSession, folder: Path, articles: dict[str, str], documents: dict[str, str]
) -> dict[str, Pairs]:
    """Pairs found, by shard."""
    corpus = corpus_of(folder, (article(0, article_id=name, body=body) for name, body in articles.items()))
    write_all_formats(folder / "shards", documents)
    done = Scanner(spark, corpus, folder)(folder / "shards", dataset="auto")
    assert done.summary.incomplete == ()
    assert done.row["documents"] == len(documents) * done.row["shards_complete"]
    found: dict[str, Pairs] = defaultdict(set)
    for row in done.rows():
        assert row["longest_run_words"] >= 11
        pair = (row["document_url"], row["article_id"])
        assert pair not in found[row["shard_uri"]], "a pair has one row"
        found[row["shard_uri"]].add(pair)
    return found


def write_all_formats(folder: Path, documents: dict[str, str]) -> list[Path]:
    """The same documents in every form of every dataset."""
    folder.mkdir()
    found = [Page(url, text) for url, text in documents.items()]
    # The text of a page in WARC is extracted: other words may be in it.
    texts = {name: write for name, write in FORMS.items() if name not in ("pages.warc.gz", "plain.warc")}
    more = {"fr_part_6.jsonl": write_oscar_2201, "fr_part_7.jsonl.gz": shards.write_oscar_2301}
    for name, write in {**texts, **more}.items():
        write(folder / name, found)
    return [path for path in sorted(folder.iterdir()) if "_meta_" not in path.name]


# From articles to matches in Python, as the command line does it: the same digests.


def test_a_program_gets_what_a_command_gets(spark: SparkSession, press: Press, tmp_path: Path) -> None:
    stages, shards = list[str](), [*map(str, sorted(press.shards.iterdir())[:6])]
    manifest = pw.build_corpus(
        str(press.members), [str(press.articles)], str(tmp_path / "corpus"), tell=stages.append, spark=spark
    )
    assert stages
    run = pw.scan(
        shards,
        corpus=str(tmp_path / "corpus"),
        out=str(tmp_path / "tables"),
        settings={"grade.min_run_words": "12", "run.wave_shards": 100},
        progress=Progress(io.StringIO(), live=False),
        spark=spark,
    )
    assert run.is_complete
    assert run.row["corpus_digest"] == manifest.digest
    found = run.matches(columns=["run_id", "longest_run_words"]).to_pandas()
    assert set(found["run_id"]) == {run.run_id}
    assert found["longest_run_words"].min() >= 12
    words = [*shards, "--corpus", str(tmp_path / "corpus"), "--out", str(tmp_path / "other")]
    presswatch("scan", *words, "--min-run-words", "12")
    (row,) = pw.open_tables(str(tmp_path / "other")).runs().to_pylist()
    assert row["table_digest"] == run.row["table_digest"]


# Cut shards through the command line: the exit code tells, and what was whole before the cut was matched.


CUT = FORMATS | {"a.warc.wet.gz": write_wet, "single.warc.wet.gz": partial(write_wet, one_member=True)}


def whole_records(data: bytes) -> int | None:
    """How many documents of a cut WET file are whole; None after a whole member: its size alone tells."""
    content, is_whole = b"", True
    while data:
        inflater = zlib.decompressobj(31)
        content += inflater.decompress(data)
        data, is_whole = inflater.unused_data, inflater.eof
    # The first record is that of the file itself, and the last one is cut.
    return None if is_whole else max(0, len(content.split(b"\r\n\r\nWARC/1.0")) - 2)


def write_cuts(folder: Path, name: str, cuts: int) -> dict[str, int]:
    """Shards of one format, each in a folder of its own, cut at random; how many documents each has whole."""
    whole = folder / name / "whole" / name
    whole.parent.mkdir(parents=True)
    CUT[name](whole, pages(WRITTEN))
    stored, beside = whole.read_bytes(), [path for path in whole.parent.iterdir() if path != whole]
    expected = {}
    for cut in random.Random(f"through the command line {name}").sample(range(1, len(stored)), cuts):
        data = stored[:cut]
        documents = whole_records(data) if "wet" in name else whole_before(name, data)
        if documents is None:
            continue
        shard = folder / name / str(cut) / name
        shard.parent.mkdir()
        shard.write_bytes(data)
        for path in beside:
            shutil.copy(path, shard.parent)
        expected[str(shard)] = documents
    shutil.rmtree(whole.parent)
    return expected


@pytest.mark.parametrize("cuts", [2, pytest.param(100, marks=pytest.mark.full)])
def test_no_cut_shard_passes_for_a_whole_one_even_when_the_scan_is_already_published(
    spark: SparkSession, tmp_path: Path, cuts: int
) -> None:
    # Every page is an article too.
    articles = [article(number, url=None, body=page.text) for number, page in enumerate(pages(WRITTEN))]
    corpus, out = corpus_of(tmp_path, articles), tmp_path / "out"
    expected: dict[str, int] = {}
    for name in CUT:
        expected |= write_cuts(tmp_path / "shards", name, cuts)
    words = ("scan", tmp_path / "shards", "--corpus", corpus, "--out", out)
    assert outcome(*words).code == 3
    store = TableStore.open(str(out))
    (run,) = store.read("runs").to_pylist()
    log = {row["shard_uri"]: row for row in store.read("scan_log").to_pylist()}
    assert log.keys() == expected.keys()
    matched: dict[str, set[str]] = {shard: set() for shard in log}
    for row in store.read("matches").to_pylist():
        matched[row["shard_uri"]].add(row["article_id"])
    for shard, whole in expected.items():
        assert log[shard]["status"] in ("partial", "failed"), shard
        assert log[shard]["error"], shard
        assert whole <= log[shard]["documents"] <= whole + 1, shard
        assert {each["article_id"] for each in articles[:whole]} <= matched[shard], shard
    assert run["shards_complete"] == 0
    assert run["shards_partial"] + run["shards_failed"] == len(expected) >= (cuts - 1) * len(CUT)
    again = outcome(*words)
    assert (again.code, f"{len(expected)} of {len(expected)} shards could not be read" in again.err) == (
        3,
        True,
    )
    assert f"run {run['run_id']} of the same shards" in again.err


# A budget refuses a scan, or stops it after a wave; given more, the scan goes on and loses nothing.


WAVE = 4
A_FORTUNE = 1e9
"""Dollars an hour: the smallest scan costs thousands by its estimate, and millions by the clock."""
BETWEEN = 3e4


@pytest.fixture
def prices(tmp_path: Path) -> str:
    table = yaml.safe_load((ROOT / "conf" / "prices.yaml").read_text(encoding="utf-8"))
    machine = {"name": "gold", "vcpus": 1, "cores": 1, "usd_per_hour": A_FORTUNE, "service_usd_per_hour": 0}
    table["prices"]["machines"] = [machine]
    path = tmp_path / "prices.yaml"
    path.write_text(yaml.safe_dump(table))
    return str(path)


def test_a_scan_above_its_budget_leaves_nothing_behind(scan: Scanner, press: Press, prices: str) -> None:
    with pytest.raises(BudgetError, match=r"would cost \$.* on gold .*nothing was begun"):
        scan(press.shards, wave_shards=WAVE, price="gold", prices=prices, budget=1.0)
    assert not (scan.folder / "out").exists()


def test_a_scan_stops_at_its_budget_and_resumes_with_more(
    scan: Scanner, press: Press, prices: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each wave costs two thirds of the budget.
    monkeypatch.setattr(Meter, "core_seconds", lambda self: 3600 * BETWEEN * 2 / 3 / A_FORTUNE)
    shards = sorted(press.shards.iterdir())[: 3 * WAVE]
    whole = scan(*shards, out="whole", wave_shards=WAVE)
    assert f"estimate: {len(shards):,} shards, " in whole.said
    assert f"estimate by the {WAVE:,} shards that were read: " in whole.said
    assert "$" not in whole.said
    priced = {"wave_shards": WAVE, "price": "gold", "prices": prices}
    stop = rf"budget is \$30,000\.00; {2 * WAVE} of {len(shards)} shards are done, and nothing is published"
    # What the first process spent is not forgotten by the second.
    for _ in range(2):
        with pytest.raises(BudgetError, match=stop):
            scan(*shards, budget=BETWEEN, **priced)
        assert TableStore.open(str(scan.folder / "out")).published() == []
    done = scan(*shards, budget=1e12, **priced)
    assert done.summary.resumed
    names = ("table_digest", "shards_complete")
    assert [done.row[name] for name in names] == [whole.row["table_digest"], len(shards)]
