"""`presswatch inspect`: it finds what a sealed scan finds, and no text can enter what leaves the room."""

import csv
import gzip
import hashlib
import importlib.util
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.core.compiled import cache_folder
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.corpus import manifest
from presswatch_spark.corpus.sealed import KeySource, SealedCorpus, SealKey, seal
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.reading import text_and_token_formats
from presswatch_spark.scanning import inspection
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.runs.run_work import Outcome as ShardOutcome
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat
from presswatch_spark.tables.column_values import SHARD_FAILURES
from tests.conftest import ROOT
from tests.world.commands import Outcome, outcome
from tests.world.documents import commands, text_of
from tests.world.proofs import each_time
from tests.world.scanned import FORMS, press, press_corpus, rows_in, some_pages

SECRET, STORAGE = np.random.default_rng(13).bytes(32), StorageOptions()
CHECK = ROOT / "conf" / "inspect" / "check.py"
END = 300
"""The token that separates documents."""
# Letters that neither a digest nor a name of a column has in this order.
MARK = re.compile(rb"zq\w*")


@dataclass(frozen=True)
class Room:
    """A corpus, sealed, its key, and a folder of files in all formats."""

    corpus: Path
    sealed: Path
    key: Path
    data: Path
    tokenizer: Path

    def inspect(self, data: Path, out: Path, *more: object) -> Outcome:
        given = ("--corpus", self.sealed, "--key-file", self.key, "--cores", 1, "--out", out)
        return outcome("inspect", *given, *more, data)


def tokenizer_of(words: dict[str, int]) -> dict[str, object]:
    """A byte-level tokenizer with a token for each byte, some words, and the token between documents."""
    model = {"type": "BPE", "vocab": text_and_token_formats._BYTE_OF | words, "merges": []}
    added = [{"id": END, "content": "<|endoftext|>", "special": True}]
    return {"model": model, "added_tokens": added, "pre_tokenizer": {"type": "ByteLevel"}, "decoder": None}


def tokens_of(texts: list[str]) -> list[int]:
    return [token for text in texts for token in (*text.encode(), END)]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    folder = tmp_path_factory.mktemp("room")
    corpus, data = press_corpus(folder / "press"), folder / "data"
    (folder / "key").write_bytes(SECRET)
    (folder / "key").chmod(0o600)
    seal(Corpus.open(str(corpus)), SealKey(SECRET), str(folder / "sealed"), STORAGE)
    (data / "below").mkdir(parents=True)
    for name, write in FORMS.items():
        if not name.startswith("fr_part_1") and not name.startswith("fr_part_3"):
            write(data / name, some_pages(seed=7))
    texts = [page.text for page in some_pages(seed=7)]
    (data / "below" / "all.txt").write_text("\n\n".join(texts))
    (data / "below" / "all.txt.gz").write_bytes(gzip.compress("\n\n".join(texts).encode()))
    np.array(tokens_of(texts), "<u2").tofile(data / "tokens.bin")
    np.save(data / "tokens.npy", np.array(tokens_of(texts), "<u4"))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_of({})))
    return Room(Path(corpus), folder / "sealed", folder / "key", data, folder / "tokenizer.json")


@pytest.fixture
def in_this_process() -> Iterator[None]:
    """Search files in a thread: each process that reads them takes seconds to load its modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspection, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
        yield


def checked(out: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", CHECK, out], capture_output=True, text=True)


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open()))


def names_of(done: Outcome, folder: Path) -> list[str]:
    lines = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert [line["file"] for line in lines] == [*range(len(lines))]
    return [str(Path(line["path"]).relative_to(folder.resolve())) for line in lines]


@pytest.fixture(scope="module")
def inspection_of_data(room: Room) -> tuple[Path, Outcome]:
    out = room.data.parent / "out"
    return out, room.inspect(room.data, out, "--tokenizer", room.tokenizer, "--separator", END)


@pytest.fixture(scope="module")
def inspected(inspection_of_data: tuple[Path, Outcome]) -> Path:
    return inspection_of_data[0]


def test_it_finds_what_a_sealed_scan_finds_and_the_same_in_text_and_tokens(
    room: Room, inspection_of_data: tuple[Path, Outcome], tmp_path: Path
) -> None:
    out, done = inspection_of_data
    assert done.code == 0, done.err
    names, found = names_of(done, room.data), table(out / "candidates.csv")
    files = table(out / "files.csv")
    digest = SealedCorpus.open(str(room.sealed)).manifest.digest
    scan = ShardScan("auto", str(room.sealed), digest, ScanConfig(), key=KeySource(str(room.key)))
    columns = ("row_index", "record_offset", "record_length", "article", "hits", "extent_words")
    pairs = {}
    for number, name in enumerate(names):
        rows = [tuple(row[each] for each in columns) for row in found if int(row["file"]) == number]
        pairs[name] = sorted((row[3], row[4]) for row in rows if row[4] != "0")
        if files[number]["format"] not in ("7", "8"):
            expected = rows_in(scan(stat(str(room.data / name), STORAGE)), "candidates")
            assert sorted(rows) == sorted(
                tuple("" if row[each] is None else str(row[each]) for each in columns) for row in expected
            ), name
    assert len(pairs["plain.warc.wet"]) > 20
    assert pairs["tokens.bin"] == pairs["tokens.npy"] == pairs["plain.warc.wet"]
    assert {pair[0] for pair in pairs["below/all.txt"]} == {pair[0] for pair in pairs["plain.warc.wet"]}
    for number, name in enumerate(names):
        assert files[number]["bytes"] == str((room.data / name).stat().st_size)
    assert checked(out).returncode == 0, checked(out).stderr


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Data whose names and contents, and a tokenizer that, try to get text out."""
    folder = tmp_path / "zqhostile"
    data, body = folder / "zqdata", next(iter(press())).body
    (data / "zqfolder\nzqline").mkdir(parents=True)
    copied = f"zqsecret {body} zqsecret"
    rows = [
        {
            "text": copied,
            "url": "https://zqhost.example/zqpath",
            "id": "zqid",
            "timestamp": "zqtime",
            "dump": "zqdump",
        },
        {"text": copied, "url": "https://www.courrier.example/une/3", "language": "zqlanguage"},
    ]
    lines = "\n".join(map(json.dumps, rows))
    (data / 'zqname","zqquote,\x1b[31m.jsonl').write_text(lines)
    with open(os.fsencode(data) + b"/zq\xff\xfebytes.jsonl", "w") as file:
        file.write(lines)
    (data / "zqbroken.jsonl.gz").write_bytes(gzip.compress(lines.encode())[:-30])
    (data / "zqbroken.jsonl.zst").write_bytes(zstandard.compress(lines.encode() * 9)[:-9])
    (data / "zqnocolumn.jsonl").write_text(json.dumps({"zqcolumn": copied}))
    (data / "zqnocolumn.parquet").write_bytes(b"PAR1zqgarbagePAR1")
    pq.write_table(
        pa.table({"text": [[copied]], "zqcolumn": [1]}, metadata={"zqkey": "zqvalue"}),
        data / "zqlist.parquet",
    )
    (data / "zqpicture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0zqpicture")
    (data / "zqpage.html").write_text(f"<html><title>zqtitle</title><p>{copied}</html>")
    (data / "zqlatin.txt").write_bytes("zqété ".encode("latin-1") * 99 + copied.encode())
    (data / "zqwide.txt").write_text(f"\ufeff{json.dumps(rows)}", "utf-16-le")
    (data / "zqarray.json").write_text(json.dumps([{"text": copied}, {"text": "zqéàù" * 9}]))
    (data / "zqempty.txt").write_bytes(b"")
    (data / "zqfolder\nzqline" / "zqodd.bin").write_bytes(
        np.array(tokens_of([copied]), "<u2").tobytes() + b"z"
    )
    (data / "zqfloats.npy").write_bytes(b"\x93NUMPY\1\0v\0{'descr': '<f8', 'zq': 1}\n" + b"zq" * 99)
    os.mkfifo(data / "zqpipe")
    (folder / "zqoutside.txt").write_text(copied)
    (data / "zqlink").symlink_to(folder / "zqoutside.txt")
    (data / "zqloop").symlink_to(data / "zqloop")
    (data / "zqinside").symlink_to(data / "zqlatin.txt")
    (folder / "zqtokenizer.json").write_text(
        json.dumps(tokenizer_of({"zqtoken": 256}) | {"zqkey": "zqvalue"})
    )
    return folder


@pytest.mark.parametrize(
    ("process", "cores"), each_time([("in_this_process", 1)], [("in_this_process", 1), ("room", 2)])
)
def test_no_text_of_names_records_errors_or_tokenizer_leaves_the_room(
    request: pytest.FixtureRequest, process: str, cores: int, room: Room, hostile: Path
) -> None:
    request.getfixturevalue(process)
    folder = hostile
    given = ("--tokenizer", folder / "zqtokenizer.json", "--separator", END, "--cores", cores)
    done = room.inspect(folder / "zqdata", folder / "out", *given)
    assert done.code == 3, done.err
    assert not MARK.search(done.out.encode())
    written = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    for name, data in written.items():
        assert not MARK.search(data), name
        assert not re.search(rb"[^0-9a-z_,:\[\]{}\" \n]", data), name
    assert checked(folder / "out").returncode == 0, checked(folder / "out").stderr
    # The room learns all of it: which file has which number, and why it was not read.
    assert len(MARK.findall(done.err.encode())) > 14
    assert "zqcolumn" in done.err
    facts = json.loads(written["inspection.json"])
    assert (facts["files"], facts["others"]) == (15, 2)
    lines = table(folder / "out" / "files.csv")
    states = dict(zip((Path(name).name for name in names_of(done, folder / "zqdata")), lines, strict=True))
    unread = {name for name, line in states.items() if line["failure"] != "0"}
    assert unread == {
        "zqbroken.jsonl.gz", "zqbroken.jsonl.zst", "zqnocolumn.jsonl", "zqnocolumn.parquet", "zqlist.parquet",
        "zqpicture.png", "zqlatin.txt", "zqodd.bin", "zqfloats.npy", "zqwide.txt", "zqarray.json",
    }  # fmt: skip
    assert all(int(states[name]["candidates"]) > 0 for name in ("zqodd.bin", "zqpage.html", "zqlatin.txt"))


def test_a_sealed_corpus_cannot_send_text_through_its_manifest(room: Room, tmp_path: Path) -> None:
    shutil.copytree(room.sealed, tmp_path / "sealed")
    path = tmp_path / "sealed" / "manifest.json"
    facts = json.loads(path.read_bytes())
    facts["parameters"]["parts"][0]["fingerprint"] = "zqtext"
    known = manifest.read_manifest((room.sealed / "manifest.json").read_bytes(), "")
    facts["digest"] = manifest._digest(
        known.format_version, known.fold_version, facts["parameters"], known.files
    )
    path.write_text(json.dumps(facts))
    done = replace(room, sealed=tmp_path / "sealed").inspect(room.data, tmp_path / "out")
    assert (done.code, "damaged" in done.err, "zqtext" in done.err) == (1, True, False)
    assert not (tmp_path / "out").exists()


def linked(out: Path) -> None:
    (out / "files.csv").rename(out.parent / "f")
    (out / "files.csv").symlink_to(out.parent / "f")


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(out: Path) -> None:
        text = (out / name).read_text()
        assert old in text
        (out / name).write_text(text.replace(old, new, 1))
        facts = json.loads((out / "inspection.json").read_text())
        if name != "inspection.json":
            # As who knows of the digests would.
            for table in ("files", "candidates"):
                facts[f"{table}_sha256"] = hashlib.sha256((out / f"{table}.csv").read_bytes()).hexdigest()
            (out / "inspection.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda out: (out / "more").write_text(""),
        lambda out: (out / ".more").mkdir(),
        lambda out: (out / "files.csv").unlink(),
        lambda out: (out / "files.csv").rename(out / "files.csv.gz"),
        linked,
        lambda out: os.link(out / "files.csv", out.parent / "linked"),
        edit("candidates.csv", "\n0,", "\n00,"),
        edit("candidates.csv", "\n0,", "\n 0,"),
        edit("candidates.csv", "\n0,", '\n"0",'),
        edit("candidates.csv", "\n0,", "\n٠,"),
        edit("candidates.csv", "\n0,", "\n# text\n0,"),
        edit("candidates.csv", "\n0,", "\r\n0,"),
        edit("candidates.csv", "file,", "File,"),
        edit("candidates.csv", "\n0,", "\n1000000000000000000000,"),
        edit("candidates.csv", "\n0,", "\n9,0,,,0,0,1,8\n0,"),
        edit("files.csv", "\n0,", "\n1,"),
        edit("files.csv", ",8,0,", ",9,0,"),
        edit("files.csv", ",8,0,", ",8,1,"),
        edit("files.csv", "\n0,", "\n0,x"),
        edit("inspection.json", '"bytes"', '"text": "a",\n "bytes"'),
        edit("inspection.json", '"bytes"', '"bytes": 1,\n "bytes"'),
        edit("inspection.json", ' "bytes"', '  "bytes"'),
        edit("inspection.json", '"others": 0', '"others": 0.5'),
        edit("inspection.json", '"others": 0', '"others": true'),
        edit("inspection.json", '"others": 0', '"others": "text"'),
        edit("inspection.json", '"corpus_fingerprints": [', '"corpus_fingerprints": [\n  "text",'),
        edit("inspection.json", '"key_fingerprint": "', '"key_fingerprint": "0'),
        edit("inspection.json", "\n}\n", "\n}\n\n"),
        lambda out: (out / "inspection.json").write_text("{"),
        lambda out: (out / "inspection.json").write_text("[" * 100_000),
    ],
)  # fmt: skip
def test_the_check_refuses_everything_but_the_schema(
    inspected: Path, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    shutil.copytree(inspected, tmp_path / "out")
    change(tmp_path / "out")
    # A message is what the program prints to stderr as it ends with 1.
    with pytest.raises(SystemExit, match="NOT to be handed over"):
        runpy.run_path(str(CHECK))["main"](tmp_path / "out")


def test_the_check_ends_with_1_where_it_refuses(inspected: Path, tmp_path: Path) -> None:
    shutil.copytree(inspected, tmp_path / "out")
    (tmp_path / "out" / "more").touch()
    refused = checked(tmp_path / "out")
    assert (refused.returncode, "NOT to be handed over" in refused.stderr) == (1, True)


@pytest.mark.parametrize("out", ["out", ".", "link/out"])
def test_no_inspection_writes_into_the_inspected_folder(room: Room, tmp_path: Path, out: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a").write_text("some words")
    (data / "link").symlink_to(data)
    done = room.inspect(data, data / out)
    assert (done.code, done.out) == (1, "")
    assert "the folder of the output is in the inspected one" in done.err
    assert sorted(path.name for path in data.iterdir()) == ["a", "link"]


class Deadly(inspection.Inspection):
    """An inspection in which one file ends each process that reads it."""

    def __call__(self, shard: ObjectInfo) -> ShardOutcome:
        if shard.uri.endswith("deadly"):
            os._exit(9)
        return inspection.Inspection.__call__(self, shard)


@pytest.mark.full
def test_a_file_that_kills_processes_is_lost_and_no_other(room: Room, tmp_path: Path) -> None:
    for name in ("a", "b.deadly", "c"):
        (tmp_path / name).write_text(f"{name} {next(iter(press())).body}")
    manifest = SealedCorpus.open(str(room.sealed)).manifest
    parts = tuple(part.fingerprint for part in manifest.parts)
    config = ScanConfig(run=RunRules(cores=2))
    scan = Deadly(
        "auto", str(room.sealed), manifest.digest, config, key=KeySource(str(room.key)), parts=parts
    )
    files = [stat(str(path), STORAGE) for path in sorted(tmp_path.iterdir())]
    found = [(log["failure"], len(rows) > 0) for log, rows in scan.in_processes(files)]
    worker = 1 + SHARD_FAILURES.index("worker")
    assert found == [(0, True), (worker, False), (0, True)]


@pytest.mark.full
def test_rows_beyond_the_limit_are_only_counted(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "MOST", 7)
    (tmp_path / "data").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "data" / name).write_text(" ".join(each.body for each in press()))
    done = room.inspect(tmp_path / "data", tmp_path / "out")
    assert done.code == 0, done.err
    facts = json.loads((tmp_path / "out" / "inspection.json").read_text())
    assert (facts["rows"], len(table(tmp_path / "out" / "candidates.csv"))) == (7, 7)
    assert facts["candidates"] > 30


@given(
    tokens=st.lists(st.integers(0, 3), max_size=200),
    cuts=st.lists(st.integers(0, 200), max_size=5),
    separator=st.sampled_from([None, 0]),
)
def test_every_short_passage_of_a_document_is_whole_in_a_piece(
    tokens: list[int], cuts: list[int], separator: int | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_and_token_formats, "PIECE", 16)
        patch.setattr(text_and_token_formats, "OVERLAP", 5)
        units = np.array(tokens, "<u2")
        bounds = [0, *sorted(min(cut, len(units)) for cut in cuts), len(units)]
        blocks = ((100 + 2 * first, units[first:last]) for first, last in pairwise(bounds))
        pieces = [
            ((offset - 100) // 2, each.tolist(), number)
            for offset, each, number in text_and_token_formats._pieces(blocks, separator)
        ]
    covered = set()
    for first, each, number in pieces:
        assert each == tokens[first : first + len(each)]
        assert 0 < len(each) <= 16
        assert number == (tokens[:first].count(0) if separator == 0 else 0)
        assert separator not in each
        covered |= {(at, at + 5) for at in range(first, first + len(each) - 4)}
        covered |= {(at, at + 1) for at in range(first, first + len(each))}
    for size in (1, 5):
        for at in range(len(tokens) - size + 1):
            assert separator in tokens[at : at + size] or (at, at + size) in covered


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
def test_it_writes_the_same_without_network_spark_or_a_writable_root(
    room: Room, inspected: Path, tmp_path: Path
) -> None:
    out, kernels = tmp_path / "out", tmp_path / "kernels"
    out.mkdir()
    shutil.copytree(cache_folder(), kernels / cache_folder().name)
    spark = Path(importlib.util.find_spec("pyspark").origin).parent
    folder = room.data.parent
    sandbox = [
        "bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev",
        "--proc", "/proc", "--tmpfs", "/tmp", "--ro-bind", ROOT, ROOT, "--tmpfs", spark,
        "--ro-bind", folder, folder,
        "--bind", kernels, "/tmp/kernels", "--bind", out, out,
        "--setenv", "NUMBA_CACHE_DIR", "/tmp/kernels", "--setenv", "PATH", "/usr/bin", "--chdir", "/",
    ]  # fmt: skip
    probe = f"touch {room.data}/x {ROOT}/x || touch /x || (echo > /dev/tcp/127.0.0.1/22) || ls {spark}/sql"
    assert subprocess.run([*sandbox, "bash", "-c", probe], check=False, capture_output=True).returncode != 0
    done = subprocess.run(
        [
            *sandbox, Path(sys.prefix, "bin/presswatch"), "inspect", "--corpus", room.sealed,
            "--key-file", room.key, "--tokenizer", room.tokenizer, "--separator", str(END),
            "--cores", "1", "--out", out / "inspection", room.data,
        ],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert os.listdir(out) == ["inspection"]
    for name in os.listdir(inspected):
        assert (out / "inspection" / name).read_bytes() == (inspected / name).read_bytes()


@pytest.mark.usefixtures("in_this_process")
def test_the_commands_of_both_guides_work(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("data", "out", "disclosed"):
        Path(name).mkdir()
    shutil.copy(room.data / "below" / "all.txt", "data")
    shutil.copy(room.data / "a.warc.wet.gz", "disclosed")
    shutil.copy(room.key, "KEY")
    Path("corpus").symlink_to(room.corpus)
    _, seal_words, scan_words = commands(text_of("how-to/inspection-member"))
    assert outcome(*seal_words[1:]).code == 0
    _, run = commands(text_of("how-to/inspection-defendant"))
    mounted = [word.split(":")[:2] for word in run if word.startswith("$PWD/")]
    assert all(place == f"$PWD{inside}" for place, inside in mounted)
    given = [word.removeprefix("/") for word in run[run.index("presswatch-inspect") + 1 : run.index("2>")]]
    assert outcome("inspect", *given).code == 0
    assert checked(Path("out/inspection")).returncode == 0
    assert outcome(*scan_words[1:], "--dry-run").code == 0
