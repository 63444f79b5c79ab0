"""`presswatch fetch` and `presswatch verify-rows`, as a user meets them."""

from __future__ import annotations

import gzip
import io
import json
import resource
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.terminal import TIES
from presswatch_spark.query.pointers.records import save
from presswatch_spark.tables.store import TableStore
from tests.world.scanned import (
    change_a_byte,
    members,
    press,
    rewrite_rows,
    scan_here,
    some_pages,
)
from tests.world.shards import as_parquet

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u2066\r\x9b31m"


@pytest.fixture
def release(tmp_path: Path, corpus: Path) -> Path:
    """One page that copies and would like to steer the terminal, in shards of two forms; their tables."""
    page = Page("https://site.example/copie", f"{HOSTILE}\n{press()[0].body}\n{HOSTILE}")
    shards.write_wet(tmp_path / "a.warc.wet.gz", [page])
    shards.write_wet(tmp_path / "single.warc.wet.gz", [page], one_member=True)
    shards.write_c4_json(tmp_path / "c4.json.gz", [page])
    names = ("a.warc.wet.gz", "single.warc.wet.gz", "c4.json.gz")
    scan_here([tmp_path / name for name in names], corpus, tmp_path / "tables")
    return tmp_path


def row_in(release: Path, name: str) -> dict[str, Any]:
    rows = TableStore.open(str(release / "tables")).read("matches").to_pylist()
    (row,) = (row for row in rows if row["shard_uri"].endswith(f"/{name}"))
    return row


def fetched(release: Path, name: str, *options: str) -> int:
    digest = row_in(release, name)["row_sha256"]
    return cli.run(["fetch", str(release / "tables"), "--row", digest[:20], *options])


@pytest.mark.parametrize("name", ["a.warc.wet.gz", "single.warc.wet.gz", "c4.json.gz"])
def test_a_row_shows_its_document_and_nothing_that_steers_the_terminal(
    release: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetched(release, name) == 0
    shown = capsys.readouterr().out
    assert "https://site.example/copie" in shown
    assert row_in(release, name)["text_sha256"] in shown
    assert press()[0].body.split("\n")[-1] in shown
    assert all(character.isprintable() or character in f"\n{TIES}" for character in shown)


def test_the_pointer_that_is_shown_fetches_the_same_document_without_the_tables(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.warc.wet.gz", "single.warc.wet.gz", "c4.json.gz"):
        assert fetched(release, name) == 0
        first = capsys.readouterr().out
        (pointer,) = (line.split(None, 1)[1] for line in first.splitlines() if line.startswith("pointer"))
        assert cli.run(["fetch", pointer]) == 0
        again = capsys.readouterr().out
        assert again.partition("\n\n")[2] == first.partition("\n\n")[2]
        assert "SHA-256 of the text" in again


def test_a_pointer_that_does_not_say_that_it_counts_inflated_bytes_is_told_how_to(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = row_in(release, "single.warc.wet.gz")
    pointer = f"{row['shard_uri']}#offset={row['record_offset']},length={row['record_length']}"
    assert cli.run(["fetch", pointer]) == 1
    assert "add encoding=inflated" in capsys.readouterr().err
    assert cli.run(["fetch", f"{pointer},encoding=inflated"]) == 0
    assert row["text_sha256"] in capsys.readouterr().out
    assert cli.run(["fetch", f"{release}/absent.warc.gz#offset=1,length=2"]) == 1
    assert "inflated" not in capsys.readouterr().err


def test_only_the_member_is_read_where_the_record_is_one(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetched(release, "a.warc.wet.gz") == 0
    assert "bytes by range" in capsys.readouterr().out
    assert fetched(release, "single.warc.wet.gz") == 0
    assert "bytes of the shard, in order" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a.warc.wet.gz", "single.warc.wet.gz"])
@pytest.mark.parametrize("out", ["one.warc.gz", "one.warc"])
def test_a_wet_record_is_written_as_a_warc_with_the_headers_and_text_that_it_has(
    release: Path, name: str, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetched(release, name, "--out", str(release / out)) == 0
    (written,) = _records((release / out).read_bytes())
    original = next(
        record for record in _records((release / name).read_bytes()) if HOSTILE.encode() in record[1]
    )
    assert written == original
    assert HOSTILE[:4] not in capsys.readouterr().out


def test_a_row_of_c4_is_written_as_its_text_and_never_over_a_file(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = release / "text.txt"
    assert fetched(release, "c4.json.gz", "--out", str(out)) == 0
    assert out.read_bytes() == f"{HOSTILE}\n{press()[0].body}\n{HOSTILE}".encode()
    assert fetched(release, "c4.json.gz", "--out", str(out)) == 1
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["s3://bucket/a.warc", "https://site.example/a.warc", "-"])
def test_a_file_that_is_none_of_this_machine_s_is_refused(
    out: str, release: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(release)
    before = sorted(release.iterdir())
    assert fetched(release, "c4.json.gz", "--out", out) == 1
    assert capsys.readouterr().err.startswith(f"error: {out}: this is written to a disk only")
    assert sorted(release.iterdir()) == before


def test_a_file_that_could_not_be_written_whole_is_not_left(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            save(str(tmp_path / "a.txt"), b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_document_that_is_another_now_is_not_shown(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = row_in(release, "a.warc.wet.gz")
    shard = release / "a.warc.wet.gz"
    assert fetched(release, "a.warc.wet.gz") == 0
    pointer = next(
        line.split(None, 1)[1] for line in capsys.readouterr().out.splitlines() if line.startswith("pointer")
    )
    change_a_byte(shard, Page(row["document_url"], press()[0].body))
    for arguments in (["fetch", str(release / "tables"), "--row", row["row_sha256"]], ["fetch", pointer]):
        assert cli.run(arguments) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert "other text" in told.err
        assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["fetch", "tables"], 2, "pointer"),
        (["fetch", "tables", "--row", "zz"], 1, "begins no SHA-256"),
        (["fetch", "tables", "--row", "0123456789abcdef"], 1, "no row has"),
        (["fetch", "nowhere", "--row", "ab"], 1, "not a folder of our tables"),
        (["fetch", "nowhere.gz#row=1"], 1, "no shard"),
        (["fetch", "a.warc.wet.gz#offset=3,length=90"], 1, "no record begins there"),
        (["fetch", "a.warc.wet.gz#offset=999999,length=9"], 1, "record gone"),
        (["fetch", "c4.json.gz#row=99"], 1, "record gone"),
        (["fetch", "c4.json.gz#row=0,format=pdf"], 1, "no source reads the format pdf"),
        (["fetch", "c4.json.gz#row=0,format=wet"], 1, "it is JSONL"),
        (["fetch", "c4.json.gz#row=0", "--columns", "url=link"], 1, "names the column link for url"),
        (["fetch", "c4.json.gz#row=x"], 1, "part that is none"),
        (["fetch", "tables#row=1"], 1, "is a folder"),
        (["verify-rows", "nowhere"], 1, "not a folder of our tables"),
        (["verify-rows", "tables", "--sample", "0"], 2, "sample"),
        (["verify-rows", "tables", "--run", "none"], 1, "no run none"),
        (["verify-rows", "tables", "--mirror", "x"], 1, "is no mirror"),
        (["verify-rows", "tables", "--corpus", "nowhere"], 1, "no corpus"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_with_its_exit_code(
    arguments: list[str],
    code: int,
    said: str,
    release: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (release / "tables#row=1").unlink(missing_ok=True)
    monkeypatch.chdir(release)
    assert cli.run(arguments) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert code == 2 or told.count("\n") == 1


def test_all_rows_verify_and_the_exit_code_is_0(
    release: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["verify-rows", str(release / "tables"), "--corpus", str(corpus)]) == 0
    assert capsys.readouterr().out == "3 of 3 rows verify (all there are)\n"


def test_rows_that_do_not_verify_are_named_with_reason_and_pointer_and_the_exit_code_is_3(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = row_in(release, "a.warc.wet.gz")
    start, end = members((release / "a.warc.wet.gz").read_bytes())[1]
    change_a_byte(release / "a.warc.wet.gz", Page(row["document_url"], press()[0].body))
    assert cli.run(["verify-rows", str(release / "tables")]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(None, 1) == [row["row_sha256"][:12], "other text: `text_sha256` is another"]
    assert f"a.warc.wet.gz#offset={start},length={end - start},encoding=gzip,format=wet" in lines[1]
    assert lines[2:] == ["2 of 3 rows verify (all there are)", f"{1:>10}  other text"]


def test_json_has_a_line_for_every_row(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (release / "c4.json.gz").unlink()
    assert cli.run(["verify-rows", str(release / "tables"), "--json"]) == 3
    told = capsys.readouterr()
    rows = [json.loads(line) for line in told.out.splitlines()]
    assert [row["verified"] for row in rows].count(True) == 2
    (lost,) = (row for row in rows if not row["verified"])
    assert lost["reason"] == "no shard"
    assert "c4.json.gz#row=0" in lost["pointer"]
    assert "2 of 3 rows verify" in told.err


def test_a_mirror_stands_for_the_place_that_was_scanned(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    for name in ("a.warc.wet.gz", "single.warc.wet.gz", "c4.json.gz"):
        (release / name).rename(tmp_path / "elsewhere" / name)
    assert cli.run(["verify-rows", str(release / "tables")]) == 3
    mirror = ["--mirror", f"{release}={tmp_path / 'elsewhere'}"]
    assert cli.run(["verify-rows", str(release / "tables"), *mirror]) == 0
    assert fetched(release, "c4.json.gz", *mirror) == 0


def test_a_seed_draws_the_same_rows(tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards.write_wet(tmp_path / "a.warc.wet.gz", some_pages())
    scan_here([tmp_path / "a.warc.wet.gz"], corpus, tmp_path / "tables")
    rewrite_rows(tmp_path / "tables", lambda row: row.update(title_id="other"))

    def drawn(*options: str) -> str:
        assert cli.run(["verify-rows", str(tmp_path / "tables"), "--sample", "4", *options]) == 3
        told = capsys.readouterr().out
        assert told.count("row edited") == 5
        return told

    first = drawn()
    seed = first.partition("seed ")[2].partition(")")[0]
    assert drawn("--seed", seed) == first
    assert drawn("--seed", str(int(seed) ^ 1)) != first


def _records(data: bytes) -> list[tuple[list[tuple[str, str]], bytes]]:
    plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return [
        (record.rec_headers.headers, record.raw_stream.read())
        for record in ArchiveIterator(io.BytesIO(plain), no_record_parse=True)
    ]


def test_a_pointer_with_a_column_that_a_parquet_file_lacks_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {
            "text": page.text,
            "n": number,
            "meta": json.dumps({"url": page.url} | ({"late": "x"} if number == 29 else {})),
        }
        for number, page in enumerate(some_pages())
    ]
    pointer = f"{as_parquet(tmp_path, rows)}#row=3"
    assert cli.run(["fetch", pointer, "--columns", "url=meta.url"]) == 0
    assert f"document   {some_pages()[3].url}" in capsys.readouterr().out
    assert cli.run(["fetch", pointer, "--columns", "url=urll"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "the mapping names the column urll for url, and the shard has none; there are: meta" in told.err
    # Of a column that another row has, this row knows no value.
    assert cli.run(["fetch", pointer, "--columns", "url=meta.late"]) == 0
    assert "document" not in capsys.readouterr().out.partition("pointer")[0]
