"""Rows of `rights_signals` lead back to the responses that declare what they say."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from warcio.archiveiterator import ArchiveIterator

from presswatch_spark.cli import main as cli
from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, row_settings
from presswatch_spark.tables.declarations import RightsSignal
from presswatch_spark.tables.digests import row_digest
from presswatch_spark.tables.store import TableStore
from tests.world.arc import arc_record, packed_arc
from tests.world.corpora import article, corpus_of
from tests.world.proofs import each_time
from tests.world.rights import SITE, Answer, scan, write_warc
from tests.world.tables import publish
from tests.world.tables import write as write_table

PLAIN, HTML = [("Content-Type", "text/plain")], [("Content-Type", "text/html; charset=iso-8859-1")]
RULES = b"User-agent: CCBot\nDisallow: /reserve\n\nUser-agent: *\nDisallow: /"
PAYWALL = b'<script type="application/ld+json">{"isAccessibleForFree": false, "cssSelector": ".r"}</script>'
ANSWERS = (
    Answer(f"{SITE}/robots.txt", RULES, PLAIN),
    Answer(f"{SITE}/ai.txt", b"<p>rien", HTML, "404 Not Found"),
    Answer(f"{SITE}/.well-known/tdmrep.json", b'[{"location": "/", "tdm-reservation": 1}]'),
    Answer(f"{SITE}/vieux", b"", [("Location", "/une"), ("TDM-Reservation", "1")], "301 Moved"),
    Answer(f"{SITE}/une/1", b"<meta name=copyright content=\xc9ditions>" + PAYWALL + b"<p class=r>un", HTML),
    Answer(f"{SITE}/une/2", b"<p>deux", [*HTML, ("X-Robots-Tag", "\x1b]0;noai, ccbot: noai")]),
)
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("press")
    return corpus_of(folder, [article(1)])


def in_arc(answer: Answer) -> bytes:
    """An answer as an ARC record holds it."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    return f"HTTP/1.1 {answer.status}\r\n{fields}\r\n".encode() + answer.body


def scanned(folder: Path, corpus: Path, name: str = "a.warc.gz") -> tuple[Path, Rows]:
    """Tables of a scan of the answers, in a shard of this form, and their signals."""
    shard = folder / name
    if name == "single.warc.gz":
        plain = write_warc(folder / "plain.warc", *ANSWERS)
        shard.write_bytes(gzip.compress(plain.read_bytes()))
    elif name.endswith(".arc.gz"):
        records = [arc_record(in_arc(answer), answer.url) for answer in ANSWERS]
        shard.write_bytes(packed_arc(name.partition(".")[0], records))
    else:
        write_warc(shard, *ANSWERS)
    outcome = scan(shard, corpus)
    rows = [row | {"run_id": "r1"} for batch in outcome.tables["rights_signals"] for row in batch.to_pylist()]
    tables = folder / "tables"
    publish(tables, "r1", [], dataset="warc", config=row_settings(ScanConfig(), MinHashRules()))
    write_table(TableStore.open(str(tables)), "rights_signals", "r1", rows, RightsSignal.schema)
    return tables, rows


def fetched(tables: Path, row: dict[str, Any], *options: str) -> int:
    return cli.run(["fetch", str(tables), "--row", row["row_sha256"], *options])


@pytest.mark.parametrize(
    "name",
    each_time(
        ["a.warc.gz", "record.arc.gz"],
        ["a.warc.gz", "plain.warc", "single.warc.gz", "record.arc.gz", "single.arc.gz"],
    ),
)
def test_every_signal_is_read_again_from_the_response_that_is_shown(
    tmp_path: Path, corpus: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tables, rows = scanned(tmp_path, corpus, name)
    assert {row["signal"] for row in rows} == {
        "robots_txt",
        "ai_txt",
        "tdm_reservation",
        "copyright",
        "paywall",
        "x_robots_tag",
    }
    for row in rows:
        assert fetched(tables, row) == 0, capsys.readouterr().err
        shown = capsys.readouterr().out
        assert row["document_url"] in shown
        assert f"{row['signal']}{' to ' + row['agent'] if row['agent'] else ''}: " in shown
        assert "it was read anew" in shown
        assert all(character.isprintable() or character == "\n" for character in shown)
    assert fetched(tables, rows[0]) == 0
    shown = capsys.readouterr().out
    assert shown.endswith("Content-Type: text/plain\n\n" + RULES.decode() + "\n")
    assert fetched(tables, next(row for row in rows if row["signal"] == "copyright")) == 0
    assert "content=Éditions>" in capsys.readouterr().out


def test_the_pointer_that_is_shown_leads_to_the_response_without_the_tables(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables, rows = scanned(tmp_path, corpus)
    for row in rows[:1] + [row for row in rows if row["http_status"] == 301]:
        assert fetched(tables, row) == 0
        first = capsys.readouterr().out
        (pointer,) = (line.split(None, 1)[1] for line in first.splitlines() if line.startswith("pointer"))
        assert cli.run(["fetch", pointer]) == 0
        assert capsys.readouterr().out.partition("\n\n")[2] == first.partition("\n\n")[2]


def test_a_robots_txt_is_written_as_the_warc_record_that_it_is(tmp_path: Path, corpus: Path) -> None:
    tables, rows = scanned(tmp_path, corpus)
    assert fetched(tables, rows[0], "--out", str(tmp_path / "one.warc.gz")) == 0
    with open(tmp_path / "one.warc.gz", "rb") as file:
        ((uri, body),) = [
            (record.rec_headers["WARC-Target-URI"], record.content_stream().read())
            for record in ArchiveIterator(file)
        ]
    assert (uri, body) == (f"{SITE}/robots.txt", RULES)


def changed(tables: Path, change: Callable[[dict[str, Any]], None], *, digested: bool) -> dict[str, Any]:
    """Change the first row of the published signals, and what its run says of the file; the row."""
    (file,) = (tables / "rights_signals").glob("*.parquet")
    table = pq.read_table(file)
    rows: Rows = table.to_pylist()
    change(rows[0])
    if digested:
        rows[0]["row_sha256"] = row_digest(rows[0])
    write_table(TableStore.open(str(tables)), "rights_signals", "r1", rows, table.schema)
    return rows[0]


@pytest.mark.parametrize(
    ("edit", "digested", "reason"),
    [
        ({"verdict": "reserved"}, False, "row edited"),
        ({"verdict": "reserved"}, True, "other signal"),
        ({"value": "disallow: /"}, True, "other signal"),
        ({"parser": "protego 0.1"}, True, "other signal: the row is by protego 0.1"),
        ({"document_url": f"{SITE}/ai.txt"}, True, "other URI"),
        ({"record_id": "<urn:uuid:0>"}, True, "other record id"),
        ({"http_status": 404}, True, "other facts"),
        ({"content_sha256": "0" * 64}, True, "other payload"),
    ],
)
def test_a_row_that_was_edited_is_refused(
    tmp_path: Path,
    corpus: Path,
    edit: dict[str, Any],
    digested: bool,
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tables, _ = scanned(tmp_path, corpus)
    row = changed(tables, lambda row: row.update(edit), digested=digested)
    assert fetched(tables, row) == 1
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert reason in told.err


def test_a_response_that_was_changed_in_its_shard_is_not_shown(
    tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables, rows = scanned(tmp_path, corpus, "plain.warc")
    shard = tmp_path / "plain.warc"
    shard.write_bytes(shard.read_bytes().replace(b"/reserve\n", b"/preserv\n"))
    assert fetched(tables, rows[0]) == 1
    assert "other payload" in capsys.readouterr().err
    (noai,) = (row for row in rows if row["signal"] == "x_robots_tag" and row["agent"] == "ccbot")
    shard.write_bytes(shard.read_bytes().replace(b"ccbot: noai", b"ccbot: noml"))
    assert fetched(tables, noai) == 1
    assert "other signal" in capsys.readouterr().err
