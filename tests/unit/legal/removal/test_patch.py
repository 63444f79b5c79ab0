"""Patches that remove the records of a case from their files, and the script that applies them."""

import ast
import fcntl
import gzip
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.core.errors import InputError
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.removal import apply as script
from presswatch_spark.legal.removal import patch as patch_module
from presswatch_spark.legal.removal.apply import LEAST_PART, NEW, UNDO, parts_of
from presswatch_spark.legal.removal.case import Chain, RemovalCase, sealed
from presswatch_spark.legal.removal.patch import NOT_ALONE, TOO_SHORT, WrittenPatch, write_patch
from presswatch_spark.legal.removal.probe_rounds import Prober
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.tombstones import SKIPPED, removed_id_in
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Probe, Target
from presswatch_spark.tables.seals import sealed_json, unsealed_json
from tests.world.commands import outcome
from tests.world.patches import FORMS, blobs, copies, executed, run_here, run_script, targets_of, write_shard
from tests.world.processes import raising
from tests.world.proofs import each_time
from tests.world.release import (
    QUICK,
    Release,
    new_case,
    probe,
    probe_row,
    read_once,
    release,
    states,
    target_row,
)
from tests.world.scanned import scan_here
from tests.world.servers import Server
from tests.world.shards import read
from tests.world.warc import warc_record

PATCHED = (
    "a.warc.wet.gz", "plain.warc.wet", "pages.warc.gz", "plain.warc", "c4-train.json.gz", "c4-plain.json",
    "c4.parquet", "fr_part_4.jsonl.gz", "fr_part_5.jsonl.zst", "oscar.parquet",
)  # fmt: skip
EACH_TIME = (
    "a.warc.wet.gz",
    "pages.warc.gz",
    "plain.warc",
    "c4-train.json.gz",
    "c4-plain.json",
    "c4.parquet",
)
AT = datetime(2026, 12, 1, tzinfo=UTC)


def patch_of(case: RemovalCase, out: Path, *mirrors: Mirror) -> WrittenPatch:
    return write_patch(case, str(out), mirrors, StorageOptions())


def facts_of(patch: Path, name: str = "patch.json") -> dict[str, Any]:
    return dict(unsealed_json((patch / name).read_bytes()))


def patch_shard(folder: Path, path: Path, form: str, numbers: set[int]) -> Path:
    """Write a patch that removes the documents with these numbers from a file."""
    case = new_case(str(folder / "case"), targets_of(path, form, numbers), {"reading": {}})
    patch_of(case, folder / "patch")
    return folder / "patch"


def small_shard(folder: Path, form: str = "wet", count: int = 9) -> Path:
    path = folder / FORMS[form].format(0)
    write_shard(form, path, count, 1)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folders with a patch of a form, which is made once, and the file that it changes."""

    @cache
    def of_form(form: str) -> Path:
        folder = tmp_path_factory.mktemp("made")
        crawl = release(folder, Server(), (form,))
        patch_of(crawl.open(), folder / "patch")
        copies(crawl, folder / "files")
        return folder

    return of_form


def copied(made: Path, folder: Path) -> tuple[Path, Path]:
    for name in ("patch", "files"):
        shutil.copytree(made / name, folder / name)
    (path,) = (folder / "files").iterdir()
    return folder / "patch", path


@pytest.fixture
def patch(made: Callable[[str], Path], tmp_path: Path) -> Path:
    """A patch of a WET file."""
    return copied(made("a.warc.wet.gz"), tmp_path)[0]


@pytest.fixture
def file(patch: Path) -> Path:
    """The file of this patch."""
    return next((patch.parent / "files").iterdir())


@pytest.fixture(params=["a.warc.wet.gz", "c4-train.json.gz"])
def patched(request: pytest.FixtureRequest, made: Callable[[str], Path], tmp_path: Path) -> tuple[Path, Path]:
    """A patch, and a file that it changes in place, or whose length it changes."""
    return copied(made(request.param), tmp_path)


def require_no_text_of(targets: Sequence[Target], patch: Path, shard: Path) -> None:
    """Fail if a patch has a line of the text of a target."""
    found = b"".join(path.read_bytes() for path in patch.iterdir() if path.is_file()) + blobs(patch)
    if shard.suffix == ".parquet":
        new = io.BytesIO(gzip.decompress((patch / "blobs/00000.gz").read_bytes()))
        found += repr(pq.read_table(new).to_pylist()).encode()
    gone = {target.text_sha256 for target in targets}
    texts = [each.text for each in read(shard)[0]]
    removed = [text for text in texts if sha256(text).hexdigest() in gone]
    kept = b"".join(text for text in texts if text not in removed)
    lines = {line for text in removed for line in text.splitlines() if len(line) > 60 and line not in kept}
    assert len(lines) > 20
    assert not any(line in found or json.dumps(line.decode())[1:-1].encode() in found for line in lines)


@pytest.mark.parametrize("form", each_time(EACH_TIME, PATCHED))
def test_a_patched_file_has_lost_the_targets_and_nothing_else_and_the_patch_has_no_text_of_them(
    tmp_path: Path, server: Server, form: str
) -> None:
    crawl = release(tmp_path, server, (form,))
    case = read_once(crawl)
    written = patch_of(case, tmp_path / "patch", crawl.mirror)
    (path,) = copies(crawl, tmp_path / "files")
    require_no_text_of(case.targets(), tmp_path / "patch", path)
    before, (documents, _) = path.read_bytes(), read(path)
    french = ReadOptions(languages=frozenset({"fr"}))
    in_french = [(each.url, each.text) for each in read(path, options=french)[0]]

    done = run_here(tmp_path / "patch", path)
    assert (done.returncode, done.stderr) == (0, f"patch {written.digest}\n")
    entry = facts_of(tmp_path / "patch")["files"][0]
    assert sha256(path.read_bytes()).hexdigest() == entry["new_sha256"]
    (left, report), gone = read(path), {target.text_sha256 for target in case.targets()}
    stays = [each for each in documents if sha256(each.text).hexdigest() not in gone]
    assert [(each.url, each.text) for each in left] == [(each.url, each.text) for each in stays]
    assert report.complaints == []
    if "warc" in form:
        assert [each.locator.record_offset for each in left] == [each.locator.record_offset for each in stays]
        assert report.skipped == {SKIPPED: entry["records"]}
    gated, report = read(path, options=french)
    stay = {(each.url, each.text) for each in stays}
    assert [(each.url, each.text) for each in gated] == [each for each in in_french if each in stay]
    assert report.complaints == []
    # The status of the shard is `complete`.
    rows = scan_here([path], crawl.corpus, tmp_path / "again")
    assert gone.isdisjoint(row["text_sha256"] for row in rows)
    crawl.server.objects[f"/crawl/{form}"] = path.read_bytes()
    probe(case, crawl, words=True)
    assert {state.state for state in states(case).values()} == {
        "overwritten" if "warc" in form else "dropped"
    }

    proof = facts_of(tmp_path / "patch", "proof.json")
    assert (proof["totals"], proof["not_removed"]) == (written.totals, [])
    assert (written.totals["files"], written.totals["records"]) == (1, len(documents) - len(left))
    assert run_here(tmp_path / "patch", "--undo", path).returncode == 0
    assert (path.read_bytes(), os.listdir(path.parent)) == (before, [path.name])


@pytest.mark.parametrize("form", ["wet", "warc", "arc", "c4", "oscar", "parquet"])
@pytest.mark.parametrize(
    ("files", "targets"), [(2, 30), pytest.param(12, 84, marks=pytest.mark.full)], ids=["small", "large"]
)
def test_many_targets_of_several_files_are_removed_and_restored(
    tmp_path: Path, server: Server, form: str, files: int, targets: int
) -> None:
    draw, rows = random.Random(34), []
    paths = [tmp_path / FORMS[form].format(f"{n:05}") for n in range(files)]
    for number, path in enumerate(paths):
        write_shard(form, path, targets * 3, number)
        rows += list(targets_of(path, form, set(draw.sample(range(targets * 3), targets))))
    case = new_case(str(tmp_path / "case"), rows, {"reading": {}})
    before = {path: path.read_bytes() for path in paths}
    prober = Prober(
        case, load_scan_config(flags=QUICK), [Mirror(str(tmp_path), f"{server.url}/crawl")], deep=True
    )
    server.objects |= {f"/crawl/{path.name}": data for path, data in before.items()}
    prober.probe()
    written = patch_of(case, tmp_path / "patch")
    assert (written.left, written.totals["records"]) == ({}, files * targets)

    assert run_here(tmp_path / "patch", *paths).returncode == 0
    lost = {target.text_sha256 for target in rows}
    for number, path in enumerate(paths):
        left, report = read(path, {"parquet": "c4"}.get(form, form))
        assert (len(left), report.complaints) == (2 * targets, [])
        assert lost.isdisjoint(sha256(each.text).hexdigest() for each in left)
        entry = facts_of(tmp_path / "patch")["files"][number]
        blob = gzip.decompress((tmp_path / "patch" / entry["blob"]).read_bytes())
        assert executed(parts_of(entry), before[path], blob) == path.read_bytes()
    server.objects |= {f"/crawl/{path.name}": path.read_bytes() for path in paths}
    assert prober.probe().status.is_finished
    if form in ("wet", "warc", "arc"):
        assert {state.state for state in states(case).values()} == {"overwritten"}
    assert run_here(tmp_path / "patch", "--undo", *paths).returncode == 0
    assert {path: path.read_bytes() for path in paths} == before


@pytest.mark.parametrize("form", ["c4", "oscar", "parquet"])
def test_a_file_may_lose_all_its_rows(tmp_path: Path, form: str) -> None:
    path = small_shard(tmp_path, form, 300)
    before, patch = path.read_bytes(), patch_shard(tmp_path, path, form, set(range(300)))
    assert run_here(patch, path).returncode == 0
    assert read(path, {"parquet": "c4"}.get(form, form))[0] == []
    assert run_here(patch, "--undo", path).returncode == 0
    assert path.read_bytes() == before


def test_rows_are_removed_wherever_members_begin_and_end(tmp_path: Path) -> None:
    rows = [
        json.dumps({"text": f"{n} " * 40, "timestamp": "2019-04-25T12:57:54Z", "url": f"http://a.fr/{n}"})
        for n in range(6)
    ]
    path, data = tmp_path / "c4-train.0.json.gz", "\n".join(rows).encode()
    draw, size = random.Random(4), len(rows[0]) + 1
    for cuts in ([size], [size - 1], [size + 1], [size, size, 2 * size], sorted(draw.sample(range(999), 9))):
        pieces = [data[at:end] for at, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        path.write_bytes(b"".join(gzip.compress(piece, mtime=0) for piece in pieces))
        for removed in ({0}, {1}, {5}, {0, 1, 2}, {1, 4, 5}):
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            patch = patch_shard(folder, path, "c4", removed)
            (folder / path.name).write_bytes(path.read_bytes())
            assert run_here(patch, folder / path.name).returncode == 0
            left = gzip.decompress((folder / path.name).read_bytes()).decode().split("\n")
            assert [row for row in left if row] == [row for n, row in enumerate(rows) if n not in removed]


def test_a_file_may_have_any_name(tmp_path: Path) -> None:
    for name in ("new.parquet", "apply.py", "patch.json.parquet", "é à.parquet"):
        write_shard("parquet", tmp_path / name, 20, 1)
        patch = patch_shard(tmp_path / f"{name}-folder", tmp_path / name, "parquet", {3})
        assert run_here(patch, tmp_path / name).returncode == 0
        assert len(read(tmp_path / name, "c4")[0]) == 19


def test_members_and_frames_without_a_target_keep_their_bytes(tmp_path: Path) -> None:
    for form in ("c4", "oscar"):
        path = small_shard(tmp_path, form, 600)
        (entry,) = facts_of(patch_shard(tmp_path / form, path, form, {5, 300, 301}))["files"]
        replaced = sum(length for _, length, *_ in entry["edits"])
        assert (entry["records"], len(entry["edits"]) in (2, 3)) == (3, True)
        assert replaced < entry["size"] * 3 / 5


REAL = {"iana.warc.gz": (9, 334), "example.arc.gz": (1, 1), "example-extra.warc": (1, 5)}


@pytest.mark.real_data
@pytest.mark.parametrize("name", REAL)
def test_real_archives_lose_records_and_every_other_one_is_read_at_its_old_offset(
    tmp_path: Path, real_data: Path, name: str
) -> None:
    (found,) = (real_data / "warc_edge_cases" / "pywb").rglob(name)
    path, form = Path(shutil.copy(found, tmp_path)), "arc" if ".arc" in name else "warc"
    every_second = set(range(0, len(read(path, form)[0]), 2))
    patch = patch_shard(tmp_path, path, form, every_second)
    before, (proof,) = path.read_bytes(), facts_of(patch, "proof.json")["files"]
    assert (proof["records"], proof["read_at_old_offsets"]) == REAL[name]
    readers = {each["reader"].partition(" ")[0]: each for each in proof["after"]}
    assert readers.keys() == {"presswatch-spark", "warcio", *(["fastwarc"] if form == "warc" else [])}
    assert {each["removed"] for each in readers.values()} == {0, proof["records"]}
    assert run_here(patch, path).returncode == 0
    assert read(path, form)[1].skipped[SKIPPED] == proof["records"]
    assert run_here(patch, "--undo", path).returncode == 0
    assert path.read_bytes() == before


def test_a_reader_that_fails_on_a_file_is_named_and_the_others_list_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(patch_module.ARCHIVE_READERS, "fastwarc", raising(ValueError("no such header")))
    patch = patch_shard(tmp_path, small_shard(tmp_path), "wet", {3})
    (proof,) = facts_of(patch, "proof.json")["files"]
    assert [each.get("error") for each in proof["before"]] == [None, None, "no such header"]


def test_a_file_of_which_readers_list_other_records_afterwards_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = patch_module.tombstone
    monkeypatch.setattr(
        patch_module, "tombstone", lambda removed: (real(removed) or b"").replace(b"metadata", b"response")
    )
    with pytest.raises(InputError, match="lists other records after the patch"):
        patch_shard(tmp_path, small_shard(tmp_path), "wet", {3})


def test_a_record_whose_place_an_index_gave_is_removed(tmp_path: Path) -> None:
    path = small_shard(tmp_path, "warc")
    (target,) = targets_of(path, "warc", {3})
    at = dict.fromkeys(("record_id", "record_offset", "record_length", "record_encoding", "text_sha256"))
    captured_at = read(path, "warc")[0][3].locator.captured_at
    unknown = sealed(target_row(**{**target.as_dict(), **at, "captured_at": captured_at}))
    case = new_case(str(tmp_path / "case"), [unknown], {"reading": {}})
    with pytest.raises(InputError, match="the place is unknown"):
        patch_of(case, tmp_path / "patch")
    chain, place = Chain.of(case, list[Probe]()), (target.record_offset, target.record_length)
    chain.begin(1, deep=False)
    listed = probe_row(
        role="place", outcome="listed", target_sha256=unknown.target_sha256, record_offset=place[0],
        record_length=place[1], round=1, batch=0, request="", asked_at=AT,
    )  # fmt: skip
    chain.append(1, [listed])
    patch_of(case, tmp_path / "patch")
    (entry,) = facts_of(tmp_path / "patch")["files"]
    assert [tuple(edit[:2]) for edit in entry["edits"]] == [place]
    blob = gzip.decompress((tmp_path / "patch" / entry["blob"]).read_bytes())
    assert removed_id_in(blob) == target.record_id


# Targets that cannot be removed.


def test_targets_that_cannot_be_removed_are_named_and_the_exit_code_is_3(
    tmp_path: Path, crawl: Release
) -> None:
    case = crawl.open()
    record = next(target for target in case.targets() if target.place == "record")
    other = {"article_id": "x", "row_sha256": "0" * 64}
    wrong = target_row(**{**record.as_dict(), **other, "text_sha256": "1" * 64, "target_sha256": ""})
    lost = target_row(**{**record.as_dict(), **other, "record_offset": None, "record_length": None})
    gone = target_row(**{**record.as_dict(), **other, "shard_uri": str(tmp_path / "missing.warc.wet.gz")})
    about = {"reading": case.about["reading"]}
    broken = new_case(str(tmp_path / "broken"), map(sealed, (record, wrong, lost, gone)), about)
    done = outcome("removal patch", "--out", tmp_path / "patch", broken.folder)
    assert done.code == 3
    for reason in ("another record is at its place", "the place is unknown", "no such file"):
        assert any(reason in line and "1 place" in line for line in done.err.splitlines()), done.err
    proof = facts_of(tmp_path / "patch", "proof.json")
    assert (proof["totals"]["records"], len(proof["not_removed"])) == (1, 3)
    # The host of the files, who gets the patch, does not learn where our copies are.
    assert not [
        part for part in (tmp_path / "patch").glob("*.json") if str(crawl.made.folder) in part.read_text()
    ]
    only = new_case(str(tmp_path / "only"), [sealed(lost)], about)
    with pytest.raises(InputError, match="no record can be removed"):
        patch_of(only, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_records_that_have_no_bytes_of_their_own_or_too_few_are_left(tmp_path: Path, server: Server) -> None:
    crawl = release(tmp_path, server, ("single.warc.wet.gz", "fr_part_1.txt.gz", "a.warc.wet.gz"))
    written = patch_of(crawl.open(), tmp_path / "patch")
    assert list(written.left) == [NOT_ALONE]
    path = tmp_path / "0.arc.gz"
    text = gzip.compress(
        b"http://a.fr/ 1.1.1.1 20100101000000 text/html 40\nHTTP/1.1 200 OK\r\n\r\n"
        + b"<p>un deux trois</p>\n\n",
        mtime=0,
    )
    path.write_bytes(gzip.compress(b"filedesc://a 0.0.0.0 20100101000000 text/plain 8\n1 0 Nous\n\n") + text)
    write_shard("arc", tmp_path / "1.arc.gz", 3, 1)
    targets = [*targets_of(path, "arc", {0}), *targets_of(tmp_path / "1.arc.gz", "arc", {1})]
    assert len(targets) == 2
    written = patch_of(new_case(str(tmp_path / "short"), targets, {"reading": {}}), tmp_path / "short-patch")
    assert (list(written.left), written.totals["records"]) == ([TOO_SHORT], 1)


# The script.


def test_the_script_needs_only_python_3_8(patch: Path, file: Path) -> None:
    tree = ast.parse((patch / "apply.py").read_text(), feature_version=(3, 8))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imported <= set(sys.stdlib_module_names)
    old = shutil.which("python3.8")
    if old and run_script(patch, "--help", python=old).returncode == 0:
        assert run_script(patch, file, python=old).returncode == 0
        assert run_script(patch, "--undo", file, python=old).returncode == 0


def test_the_script_is_idempotent_and_undoes_itself_and_keeps_mode_and_owner(
    patched: tuple[Path, Path],
) -> None:
    patch, path = patched
    path.chmod(0o640)
    if not os.geteuid():
        os.chown(path, 1234, 4321)
    before, status = path.read_bytes(), path.stat()
    for arguments, expected in (
        (["--undo"], "is not patched"), ([], "patched: "), ([], "is patched already"),
        (["--undo"], "restored"), (["--undo"], "is not patched"), ([], "patched: "),
    ):  # fmt: skip
        done, now = run_here(patch, *arguments, path), path.stat()
        assert (done.returncode, done.stdout.startswith(f"{path}: {expected}")) == (0, True), done
        assert (path.read_bytes() == before) == ("patched" not in expected or expected == "is not patched")
        assert (now.st_mode, now.st_uid, now.st_gid) == (status.st_mode, status.st_uid, status.st_gid)
    # Saved bytes among the files of a folder are passed over.
    for arguments in ([], ["--undo"], []):
        done = run_here(patch, *arguments, *sorted(path.parent.iterdir()))
        assert (done.returncode, len(done.stdout.splitlines()), len(done.stderr.splitlines())) == (0, 1, 1)
    assert run_here(patch, f"{path}{UNDO}").returncode == 1
    (path.parent / f"{path.name}{UNDO}").unlink()
    done = run_here(patch, "--undo", path)
    assert (done.returncode, "is missing: restore the file from a copy" in done.stderr) == (1, True)


def test_one_flipped_bit_anywhere_in_a_patch_is_rejected(patch: Path, file: Path) -> None:
    before = file.read_bytes()
    for name in ("patch.json", "proof.json", "apply.py", "blobs/00000.gz"):
        data = (patch / name).read_bytes()
        places = [0, len(data) // 3, len(data) // 2, len(data) - 1]
        # A script with another character in its documentation still runs, and finds it.
        for place in [data.index(b"Removes")] if name == "apply.py" else places:
            flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            for changed in (flipped, data[:-1], data + b" "):
                (patch / name).write_bytes(changed)
                done = run_here(patch, file)
                assert (done.returncode, done.stdout) == (1, "")
                assert "the patch is refused" in done.stderr
                assert f"{name} was changed or damaged" in done.stderr
        (patch / name).unlink()
        assert run_script(patch, file).returncode != 0
        (patch / name).write_bytes(data)
    assert file.read_bytes() == before


def test_wrong_files_are_named_and_the_others_are_patched(patch: Path, file: Path, tmp_path: Path) -> None:
    def other(folder: str, data: bytes, name: str = file.name) -> Path:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(data)
        return tmp_path / folder / name

    data = file.read_bytes()
    link = tmp_path / "link" / file.name
    link.parent.mkdir()
    link.symlink_to(file)
    (tmp_path / "folder" / file.name).mkdir(parents=True)
    wrong = {
        other("cut", data[:-1]): "it is cut, or another version",
        other(
            "changed", data[:100] + bytes([data[100] ^ 1]) + data[101:]
        ): "it is damaged, or another version",
        other("renamed", data, "b.warc.wet.gz"): "no file of this name",
        link: "symbolic link",
        tmp_path / "folder" / file.name: "it is a folder",
        tmp_path / "nowhere" / file.name: "No such file",
    }
    if os.geteuid():
        wrong[other("locked", data)] = "Permission denied"
        (tmp_path / "locked" / file.name).chmod(0)
    os.mkfifo(tmp_path / "nowhere.fifo")
    done = run_here(patch, *wrong)
    assert (done.returncode, done.stdout) == (1, "")
    done = run_here(patch, *list(wrong)[:3], file, *list(wrong)[3:])
    assert (done.returncode, done.stdout.startswith(f"{file}: patched")) == (3, True)
    for path, message in wrong.items():
        (line,) = [line for line in done.stderr.splitlines() if line.startswith(f"{path}: ")]
        assert message in line
    assert (tmp_path / "cut" / file.name).read_bytes() == data[:-1]
    for arguments in ("", "--undo", "--plan https://a/b", "--plan s3:///b", "--plan s3://a --undo"):
        files = [file] if "--plan" in arguments else []
        assert run_here(patch, *arguments.split(), *files).returncode == 2


class Killed(BaseException):
    """A process that is stopped."""


@pytest.mark.parametrize("way", ["apply", "undo"])
def test_a_killed_script_completes_when_it_runs_again(
    patched: tuple[Path, Path], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch, path = patched
    before, opened = path.read_bytes(), script.Patch.open(str(patch))
    script.PatchedFile(opened, str(path)).apply()
    after = path.read_bytes()
    begin, end = (before, after) if way == "apply" else (after, before)
    if way == "apply":
        script.PatchedFile(opened, str(path)).undo()
    real = {name: getattr(os, name) for name in ("fsync", "replace", "unlink")}
    for step in range(40):
        calls = 0

        def stop(name: str, *arguments: Any, step: int = step) -> Any:
            nonlocal calls
            calls += 1
            if calls > step:
                raise Killed
            return real[name](*arguments)

        with monkeypatch.context() as patching:
            for name in real:
                patching.setattr(script.os, name, lambda *given, name=name: stop(name, *given))
            try:
                getattr(script.PatchedFile(opened, str(path)), way)()
                break
            except Killed:
                pass
        if path.read_bytes() not in (begin, end):
            assert len(begin) == len(end)
        done = run_here(patch, *(["--undo"] if way == "undo" else []), path)
        assert (done.returncode, path.read_bytes() == end) == (0, True), (step, done)
        assert not (path.parent / f"{path.name}{NEW}").exists()
        getattr(script.PatchedFile(opened, str(path)), "apply" if way == "undo" else "undo")()
    else:
        raise AssertionError("it never ended")
    assert step > 1


def test_a_file_that_was_half_written_is_completed_or_restored(patch: Path, file: Path) -> None:
    before, opened = file.read_bytes(), script.Patch.open(str(patch))
    script.PatchedFile(opened, str(file)).apply()
    after, edits = file.read_bytes(), opened.files[0]["edits"]
    for torn in (edits[3][0] + edits[3][1] // 2, edits[0][0] + 1, edits[-1][0]):
        for arguments, expected in (([], after), (["--undo"], before)):
            script.PatchedFile(opened, str(file)).apply()
            file.write_bytes(after[:torn] + before[torn:])
            assert run_here(patch, *arguments, file).returncode == 0
            assert file.read_bytes() == expected
    script.PatchedFile(opened, str(file)).apply()
    undo = Path(f"{file}{UNDO}")
    for data, message in (
        (undo.read_bytes()[:-1], "ended before its size"),
        (
            undo.read_bytes()[:-1] + bytes([undo.read_bytes()[-1] ^ 1]),
            "is damaged: restore the file from a copy",
        ),
        (b"0" * 64 + b" 0\n", "is of another patch"),
    ):
        undo.write_bytes(data)
        done = run_here(patch, "--undo", file)
        assert (done.returncode, message in done.stderr, file.read_bytes()) == (1, True, after), done


def test_of_two_files_of_one_name_and_size_the_interrupted_one_is_completed_or_restored(
    tmp_path: Path,
) -> None:
    paths, targets = [tmp_path / name / "a.warc.wet" for name in "xy"], list[Target]()
    for path in paths:
        path.parent.mkdir()
        pages = (f"{path.parent.name} texte de la page {number} " * 30 for number in range(3))
        path.write_bytes(b"".join(warc_record(each.encode(), kind="conversion") for each in pages))
        targets += targets_of(path, "wet", {1})
    patch_of(new_case(str(tmp_path / "case"), targets, {"reading": {}}), tmp_path / "patch")
    for path, entry in zip(paths, facts_of(tmp_path / "patch")["files"], strict=True):
        before, half = path.read_bytes(), entry["edits"][0][0] + 100
        assert run_here(tmp_path / "patch", path).returncode == 0
        after = path.read_bytes()
        for arguments, expected in (([], after), (["--undo"], before)):
            path.write_bytes(after[:half] + before[half:])
            done = run_here(tmp_path / "patch", *arguments, path)
            assert (done.returncode, path.read_bytes() == expected) == (0, True), done


def test_other_names_of_a_file_that_keep_the_records_are_counted(tmp_path: Path) -> None:
    path = small_shard(tmp_path, "c4")
    patch = patch_shard(tmp_path, path, "c4", {1})
    os.link(path, tmp_path / "linked")
    done = run_here(patch, path)
    assert (done.returncode, "still have them: 1" in done.stdout) == (0, True), done
    assert run_here(patch, "--undo", path).returncode == 0
    assert "still" not in run_here(patch, path).stdout


IMPOSSIBLE = "impossible edits"
HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a part above the folder": (lambda facts: facts["parts"].update({"../x": "0"}), "not in its folder"),
    "a part at the root": (lambda facts: facts["parts"].update({"/etc/hostname": "0"}), "not in its folder"),
    "a blob that is no part": (lambda facts: facts["files"][0].update(blob="../x.gz"), IMPOSSIBLE),
    "a negative offset": (lambda facts: edit_of(facts, [-1, 1, "", 1]), IMPOSSIBLE),
    "a negative length": (lambda facts: edit_of(facts, [0, -1, "", -1]), IMPOSSIBLE),
    "overlapping edits": (lambda facts: edit_of(facts, [0, 9, "", 9], [8, 9, "", 9]), IMPOSSIBLE),
    "edits in no order": (lambda facts: edit_of(facts, [9, 1, "", 1], [0, 1, "", 1]), IMPOSSIBLE),
    "an edit after the end": (lambda facts: edit_of(facts, [10**30, 1, "", 1]), IMPOSSIBLE),
    "a fraction": (lambda facts: edit_of(facts, [0.5, 1, "", 1]), IMPOSSIBLE),
    "a huge size": (lambda facts: facts["files"][0].update(size=10**30, new_size=10**30), IMPOSSIBLE),
    "another new size": (lambda facts: facts["files"][0].update(new_size=1), IMPOSSIBLE),
    "no edits": (lambda facts: facts["files"][0].pop("edits"), "refused: 'edits'"),
    "no files": (lambda facts: facts.update(files=7), "refused: 'int' object"),
}


def edit_of(facts: dict[str, Any], *edits: list[Any]) -> None:
    facts["files"][0]["edits"] = list(edits)


def reseal(patch: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the facts of a patch as its author could."""
    facts = facts_of(patch)
    change(facts)
    (patch / "patch.json").write_bytes(sealed_json(facts))


def test_a_patch_that_was_made_to_do_harm_is_refused_before_it_touches_a_file(
    patch: Path, file: Path
) -> None:
    before, honest = file.read_bytes(), (patch / "patch.json").read_bytes()
    for name, (change, message) in HOSTILE.items():
        (patch / "patch.json").write_bytes(honest)
        reseal(patch, change)
        for arguments in ([], ["--undo"], ["--plan", "s3://a"]):
            done = run_here(patch, *arguments, file)
            assert (done.returncode, done.stdout, message in done.stderr) == (1, "", True), (name, done)
            assert "Traceback" not in done.stderr
        assert (file.read_bytes(), os.listdir(file.parent)) == (before, [file.name]), name


def test_bytes_of_a_blob_that_are_not_the_promised_ones_lose_no_file(patched: tuple[Path, Path]) -> None:
    patch, path = patched
    before, name = path.read_bytes(), "blobs/00000.gz"
    content = gzip.decompress((patch / name).read_bytes())
    for data in (gzip.compress(bytes(len(content))), gzip.compress(content)[:-40], gzip.compress(b"")):
        (patch / name).write_bytes(data)
        reseal(patch, lambda facts, data=data: facts["parts"].update({name: sha256(data).hexdigest()}))
        done = run_here(patch, path)
        assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (1, "", False), done
        assert run_here(patch, "--undo", path).returncode == 0
        assert (path.read_bytes(), os.listdir(path.parent)) == (before, [path.name])


def test_two_scripts_never_work_on_a_file_at_once(patched: tuple[Path, Path]) -> None:
    patch, path = patched
    before = path.read_bytes()
    with path.open("r+b") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        for arguments in ([], ["--undo"]):
            done = run_script(patch, *arguments, path)
            assert (done.returncode, "another apply.py is at work on it" in done.stderr) == (1, True), done
    with ThreadPoolExecutor(6) as pool:
        done_by = list(pool.map(lambda _: run_script(patch, path), range(6)))
    assert 0 in {done.returncode for done in done_by}
    for done in done_by:
        assert "patched" in done.stdout or "another apply.py is at work on it" in done.stderr, done
    assert run_script(patch, "--undo", path).returncode == 0
    assert (path.read_bytes(), os.listdir(path.parent)) == (before, [path.name])


def test_a_file_that_changes_after_its_check_is_not_patched_and_no_wrong_bytes_are_saved(
    patched: tuple[Path, Path],
) -> None:
    patch, path = patched
    before, opened = path.read_bytes(), script.Patch.open(str(patch))
    (offset, *_), *_ = opened.files[0]["edits"]
    file = script.PatchedFile(opened, str(path))
    path.write_bytes(before[:offset] + bytes([before[offset] ^ 1]) + before[offset + 1 :])
    with pytest.raises(script.PatchError, match="it was changed meanwhile"):
        file.apply()
    assert os.listdir(path.parent) == [path.name]
    path.write_bytes(before)
    assert run_here(patch, path).returncode == 0


def test_files_that_a_killed_script_left_are_removed_and_never_followed(
    patched: tuple[Path, Path], tmp_path: Path
) -> None:
    patch, path = patched
    (tmp_path / "other").write_text("of another")
    for suffix in (NEW, UNDO + NEW):
        for arguments in ([], ["--undo"]):
            Path(f"{path}{suffix}").symlink_to(tmp_path / "other")
            assert run_here(patch, *arguments, path).returncode == 0
    assert ((tmp_path / "other").read_text(), os.listdir(path.parent)) == ("of another", [path.name])


def test_a_stopped_script_ends_without_a_traceback(patch: Path, file: Path) -> None:
    stopping = f"""
import hashlib, runpy, sys
def stop(*given): raise KeyboardInterrupt
sys.argv = ["apply.py", {str(file)!r}]
hashlib.sha256 = stop
runpy.run_path({str(patch / "apply.py")!r}, run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", stopping], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "stopped: run the same command again\n")


# Plans for object stores.


@given(data=st.data())
def test_a_plan_copies_at_least_five_mebibytes_at_once_and_makes_the_patched_object(
    data: st.DataObject,
) -> None:
    scale = 10
    least = LEAST_PART // scale
    size = data.draw(st.integers(1, 12 * least))
    cuts = sorted(data.draw(st.sets(st.integers(0, size), max_size=12)))
    edits = [
        [start, end - start, "", data.draw(st.sampled_from([0, end - start, 7, least, 3 * least]))]
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    old = random.Random(size).randbytes(size)
    blob = random.Random(1).randbytes(sum(new for *_, new in edits))
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(script, "LEAST_PART", least)
        patching.setattr(script, "MOST_COPIED", 3 * least)
        parts = parts_of({"size": size, "edits": edits})
    new, at, taken = b"", 0, 0
    for offset, length, _, more in edits:
        new += old[at:offset] + blob[taken : taken + more]
        at, taken = offset + length, taken + more
    new += old[at:]
    assert executed(parts, old, blob) == new
    sizes = [part["bytes"] if "upload" in part else part["copy"][1] - part["copy"][0] + 1 for part in parts]
    assert all(each >= least for each in sizes[:-1])
    assert (
        max((part["copy"][1] - part["copy"][0] + 1 for part in parts if "copy" in part), default=0)
        <= 3 * least
    )


def test_a_plan_of_a_record_in_a_large_object_uploads_five_mebibytes() -> None:
    size, edit = 900 << 20, [400 << 20, 20_000, "", 20_000]
    parts = parts_of({"size": size, "edits": [edit]})
    assert [next(iter(part.keys() - {"number", "bytes"})) for part in parts] == ["copy", "upload", "copy"]
    assert parts[1]["bytes"] == LEAST_PART
    last = parts_of({"size": size, "edits": [[size - 30_000, 20_000, "", 20_000]]})
    assert [part.get("bytes") for part in last] == [None, 30_000]


def test_the_command_prints_totals_and_the_digest_and_the_script_a_plan(
    tmp_path: Path, case: RemovalCase, crawl: Release
) -> None:
    done = outcome("removal patch", "--out", tmp_path / "patch", case.folder)
    digest = sha256((tmp_path / "patch" / "patch.json").read_bytes()).hexdigest()
    assert (done.code, f"SHA-256 of patch.json, for a letter: {digest}" in done.out) == (0, True), done
    planned = run_here(tmp_path / "patch", "--plan", "s3://crawl/data/", "a.warc.wet.gz")
    plan = json.loads(planned.stdout)
    assert (planned.returncode, plan["patch"]) == (0, digest)
    assert (plan["objects"][0]["bucket"], plan["objects"][0]["key"]) == ("crawl", "data/a.warc.wet.gz")
    assert (
        plan["objects"][0]["bytes_uploaded"]
        == facts_of(tmp_path / "patch", "proof.json")["totals"]["bytes_uploaded"]
    )
    assert outcome("removal patch", "--out", tmp_path / "patch", case.folder).code == 1
