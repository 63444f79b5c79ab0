"""A sealed bag: what is in it, what other people's tools say of it, and that no byte of it changes unseen."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
from itertools import cycle
from pathlib import Path

import bagit
import pyarrow.parquet as pq
import pytest
from warcio.archiveiterator import ArchiveIterator

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.bag import Bag, sealed_facts
from presswatch_spark.legal.evidence.reading import verified
from tests.world.bags import FIVE, bag_of, build, by_itself, files, flipped, lines, readme, some_rows
from tests.world.release import Release
from tests.world.scanned import some_pages

PLACES = (0, 0.37, 0.5, 0.999)


def names_it(findings: alone.Findings, name: str) -> bool:
    return name in findings.faults or any(fault.startswith(f"{name}:") for fault in findings.faults)


def test_a_bag_is_sound_for_the_tools_of_others(sealed: Path) -> None:
    assert bagit.Bag(str(sealed)).validate()
    assert by_itself(sealed)[0] == 0
    assert not verified(sealed).faults
    packed = sorted((sealed / "data/records").glob("*.warc.gz"))
    assert packed
    for path in packed:
        subprocess.run(["gzip", "-t", str(path)], check=True)
        (record,) = ArchiveIterator(io.BytesIO(path.read_bytes()))
        assert record.rec_headers["WARC-Record-ID"]


def test_every_row_has_its_record_as_it_lies_in_its_shard(sealed: Path, crawl: Release) -> None:
    kinds = set()
    for line in lines(sealed):
        row, record = line["row"], line["record"]
        assert record["reason"] is None
        kinds.add(record["kind"])
        data = (sealed / record["path"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == record["sha256"]
        shard = Path(line["source"]["shard_uri"]).read_bytes()
        if record["kind"] in ("gzip", "plain"):
            start = row["record_offset"]
            assert data == shard[start : start + row["record_length"]]
        elif record["kind"] == "inflated":
            start = row["record_offset"]
            assert data == gzip.decompress(shard)[start : start + row["record_length"]]
        elif record["kind"] == "line":
            assert data == gzip.decompress(shard).split(b"\n")[row["row_index"]]
        else:
            assert hashlib.sha256(data).hexdigest() == row["text_sha256"]
    assert kinds == {"gzip", "inflated", "line", "cell"}


def test_rows_of_a_bag_are_in_order_and_their_runs_are_in_it(small: Path) -> None:
    digests = [line["row"]["row_sha256"] for line in lines(small)]
    assert digests == sorted(digests)
    runs = {line["source"]["run_id"] for line in lines(small)}
    assert set(pq.read_table(small / "data/tables/runs.parquet")["run_id"].to_pylist()) == runs


def test_every_request_is_written_down_with_its_answer(sealed: Path, crawl: Release) -> None:
    told = [json.loads(line) for line in (sealed / "data/http/exchanges.jsonl").read_bytes().splitlines()]
    line = next(line for line in lines(sealed) if line["record"]["kind"] == "gzip")
    start = line["row"]["record_offset"]
    (one, *_) = (
        each
        for each in told
        for name, value in each["request_headers"]
        if name == "Range" and value.startswith(f"bytes={start}-")
    )
    assert (one["method"], one["status"]) == ("GET", 206)
    assert [name for name, _ in one["headers"] if name == "Content-Range"] == ["Content-Range"]
    protocol = json.loads((sealed / "data/protocol.json").read_bytes())
    (server,) = protocol["servers"]
    assert server["resolves_to"] == ["127.0.0.1"]
    assert server["answered_from"] == [one["remote"]] == [crawl.server.url.removeprefix("http://")]
    assert server["requests"] == len(told)
    assert abs(server["clock_ahead_seconds"]) < 2


def test_texts_of_articles_are_in_a_bag_only_if_asked_for(
    small: Path, crawl: Release, tmp_path: Path
) -> None:
    bare, _ = build(crawl, f"bare-{tmp_path.name}", rows=str(some_rows(crawl, 6)), confidences=())
    for bag, has_texts in ((small, True), (bare, False)):
        articles = [
            json.loads(line) for line in (bag / "data/corpus/articles.jsonl").read_bytes().splitlines()
        ]
        assert articles
        for article in articles:
            path = bag / f"data/corpus/texts/{article['sha256']}.txt"
            assert path.exists() == has_texts
        bodies = {article["sha256"] for article in articles}
        assert bodies == {line["row"]["article_sha256"] for line in lines(bag)} - {None}


def test_one_changed_byte_anywhere_is_refused_and_named(small: Path) -> None:
    for name in files(small):
        path = small / name
        size = path.stat().st_size
        assert size, name
        for place, mask in zip(sorted({int(share * size) for share in PLACES}), cycle((1, 32)), strict=False):
            with flipped(path, place, mask):
                assert names_it(alone.check(str(small)), name), (name, place, mask)
    assert not alone.check(str(small)).faults


@pytest.mark.full
def test_both_verifiers_name_what_has_changed(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The one in the bag is a process of its own for a file of each kind; for others its code runs here."""
    kinds = set()
    for name in files(small):
        if name == "verify.py":
            continue
        with flipped(small / name, (small / name).stat().st_size // 2):
            assert names_it(verified(small), name), name
            kind = (Path(name).parent, Path(name).suffix)
            if kind in kinds:
                code, said = alone.main(str(small)), capsys.readouterr().out
            else:
                code, said = by_itself(small)
            kinds.add(kind)
            assert code == 1
            assert f"REFUSED {name}" in said
    assert len(kinds) > 5


def test_what_is_added_or_taken_away_is_named(small: Path) -> None:
    for name in ("more.txt", "data/more.txt", "data/records/more.bin", "stamps/99.tsr", "manifest-md5.txt"):
        path = small / name
        is_folder_new = not path.parent.exists()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"more")
        assert name in alone.check(str(small)).faults
        path.unlink()
        if is_folder_new:
            assert path.parent.name in alone.check(str(small)).faults
            path.parent.rmdir()
    (small / "data/link").symlink_to("/etc/hostname")
    assert "data/link" in alone.check(str(small)).faults
    (small / "data/link").unlink()
    for name in files(small):
        kept = (small / name).read_bytes()
        (small / name).unlink()
        assert names_it(alone.check(str(small)), name), name
        (small / name).write_bytes(kept)
    assert not alone.check(str(small)).faults


def test_who_changes_a_row_and_all_manifests_still_breaks_the_seal(small: Path) -> None:
    rows = small / alone.ROWS
    first, _, rest = rows.read_bytes().partition(b"\n")
    fields = json.loads(first)
    fields["source"]["shard_uri"] = fields["source"]["shard_uri"].swapcase()
    rows.write_bytes(alone.canonical(fields).encode() + b"\n" + rest)
    for kind in ("manifest", "tagmanifest"):
        findings = alone.Findings()
        measured = alone.measure(str(small), findings)
        payload = [name for name in measured if name.startswith("data/") == (kind == "manifest")]
        listed = [name for name in payload if not name.startswith("tagmanifest-")]
        for place, algorithm in enumerate(alone.ALGORITHMS, 1):
            text = alone.manifest_text({name: str(measured[name][place]) for name in listed})
            (small / f"{kind}-{algorithm}.txt").write_text(text)
    assert bagit.Bag(str(small)).validate()
    faults = alone.check(str(small)).faults
    assert {"the bag", "manifest-sha256.txt", "manifest-sha512.txt"} <= faults.keys()
    assert "the claims" not in faults


def test_the_same_claims_have_the_same_root_wherever_they_are_read(crawl: Release, tmp_path: Path) -> None:
    rows = {"rows": str(some_rows(crawl, 6)), "confidences": ()}
    _, by_web = build(crawl, f"web-{tmp_path.name}", **rows)
    _, by_disk = build(crawl, f"disk-{tmp_path.name}", mirrored=False, **rows)
    assert by_web.seal["claims_root"] == by_disk.seal["claims_root"]
    assert by_web.seal["bag_root"] != by_disk.seal["bag_root"]
    _, fewer = build(crawl, f"fewer-{tmp_path.name}", rows=str(some_rows(crawl, 5)), confidences=())
    assert fewer.seal["claims_root"] != by_web.seal["claims_root"]


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


def resealed(bag: Path) -> None:
    """Seal a bag anew, as who forges one would."""
    about = {"verifier_sha256": sealed_facts(bag)["verifier_sha256"]}
    for name in files(bag):
        if name.startswith(("manifest", "tagmanifest", "seal")):
            (bag / name).unlink()
    Bag(bag).seal(about, "")
    Bag(bag).finish()


def test_a_text_under_the_name_of_another_is_refused(small: Path) -> None:
    one, other, *_ = sorted((small / "data/corpus/texts").iterdir())
    one.write_bytes(other.read_bytes())
    with pytest.raises(CorruptError, match="is not the text that it is called by"):
        resealed(small)


def test_readers_are_told_the_same_numbers_in_both_languages(told: Path) -> None:
    english, french = (" ".join(readme(told, language).split()) for language in ("en", "fr"))
    assert "This bag is about 6 claims." in english
    assert "Ce dossier porte sur 6 réclamations." in french
    assert "6 of 6 rows describe it as it is" in english
    assert "in a copy of this file, at another address: 6" in english
    assert "dans une copie de ce fichier, à une autre adresse : 6" in french
    assert "at its place" not in english
    numbers, nombres = (
        sorted(int(number) for number in re.findall(r"\b\d+", text)) for text in (english, french)
    )
    assert numbers == nombres


def test_a_copy_of_a_bag_is_sound_anywhere(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small, tmp_path / "copy with blanks é")
    code, said = by_itself(tmp_path / "copy with blanks é")
    assert (code, "all of it is as it was sealed" in said) == (0, True)
