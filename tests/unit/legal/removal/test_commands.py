"""`presswatch removal` as people call it; the guide, step by step, from the notice to gone and back again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.commands.campaign import watch
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.storage.objects import StorageOptions
from tests.world.documents import commands, text_of
from tests.world.release import Release, probes_of, release
from tests.world.servers import Fault, Server

CASE = "case"


@pytest.fixture
def at_home(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Release:
    """A folder with all that the guide takes for granted."""
    found = release(tmp_path, server)
    (tmp_path / "claims").symlink_to(tmp_path / "tables")
    (tmp_path / "corpus").symlink_to(found.corpus)
    monkeypatch.chdir(tmp_path)
    return found


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = cli.run(words)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_guide_leads_from_the_notice_to_gone_and_back_again(
    at_home: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    opened, first, present, second, gone, deep, scheduled, as_of, as_json = (
        words[1:] for words in commands(text_of("how-to/follow-a-removal"))
    )
    code, said, _ = run(opened, capsys)
    assert code == 0
    assert "claims at" in said
    assert run(first, capsys)[0] == 0
    code, said, _ = run(present, capsys)
    assert (code, "present" in said, "0 of" in said) == (0, True, False)

    case = RemovalCase.open(CASE, StorageOptions())
    targets = sorted(case.targets(), key=lambda target: target.record_offset)
    target, shard = targets[3], Path(targets[3].shard_uri)
    kept, start, length = shard.read_bytes(), target.record_offset, target.record_length
    before = shard.stat()
    shard.write_bytes(kept[:start] + b"\0" * length + kept[start + length :])
    # Within the second of the last change, which Last-Modified does not tell apart.
    os.utime(shard, ns=(0, before.st_mtime_ns // 1_000_000_000 * 1_000_000_000 + 1))
    code, said, errors = run(second, capsys)
    assert (code, "zeros" in said, "file changed" in errors) == (3, True, True)
    code, said, _ = run(gone, capsys)
    assert (code, "overwritten" in said) == (0, True)
    assert run(deep, capsys)[0] == 0

    shard.write_bytes(kept)
    code, _, errors = run(deep, capsys)
    assert (code, "reappeared" in errors) == (3, True)
    assert "reappeared" in run(gone, capsys)[1]
    code, said, _ = run([word.replace("2026-11-27T09:30Z", "2000-01-01") for word in as_of], capsys)
    assert (code, "not asked for yet" in said) == (0, True)
    rows = [json.loads(line) for line in run(as_json, capsys)[1].splitlines()]
    assert {row["state"] for row in rows} == {"present", "reappeared"}
    wanted = {"row_sha256", "shard_uri", "document_url", "state", "removed", "doubt", "probes"}
    assert all(wanted <= row.keys() for row in rows)
    # What a watch does with a case: tests/unit/cli/test_watch_cases.py.
    watched = watch.make_context("watch", scheduled[1:]).params
    assert (scheduled[0], watched["cases"]) == ("watch", (CASE,))


def test_a_mirror_says_where_files_really_are(at_home: Release, capsys: pytest.CaptureFixture[str]) -> None:
    run(["removal", "open", "--claims", "claims", "--out", CASE, "tables"], capsys)
    asked = ["removal", "probe", "--mirror", at_home.mirror_option, CASE]
    code, said, _ = run(asked, capsys)
    assert (code, "same" in said) == (0, True)
    assert at_home.server.requests
    places = len(RemovalCase.open(CASE, StorageOptions()).targets())
    assert run(["removal", "status", "--metrics-file", "removal.prom", CASE], capsys)[0] == 0
    assert f'state="present"}} {places}\n' in Path("removal.prom").read_text("utf-8")


def test_rows_that_a_file_names_are_followed_and_no_others(
    at_home: Release, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run(["removal", "open", "--claims", "claims", "--out", "all", "tables"], capsys)
    wanted = sorted({row.row_sha256 for row in RemovalCase.open("all", StorageOptions()).targets()})[:2]
    forms = {
        "rows.txt": "\n".join(wanted),
        "rows.csv": "row_sha256;note\n" + "\n".join(f"{row};Déjà" for row in wanted),
        "rows.jsonl": "\n".join(json.dumps({"row_sha256": row}) for row in wanted),
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text, encoding="cp1252")
        out = f"case-{name}"
        code, _, errors = run(
            ["removal", "open", "--rows", name, "--claims", "claims", "--out", out, "tables"], capsys
        )
        assert code == 0, errors
        assert {row.row_sha256 for row in RemovalCase.open(out, StorageOptions()).targets()} == set(wanted)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("", "the file names no row"),
        ("abc", "rows.txt:1"),
        ("0" * 64, "1 row asked for has no claim"),
    ],
)
def test_rows_that_are_none_are_refused(
    at_home: Release, capsys: pytest.CaptureFixture[str], tmp_path: Path, rows: str, said: str
) -> None:
    (tmp_path / "rows.txt").write_text(rows)
    asked = ["removal", "open", "--rows", "rows.txt", "--claims", "claims", "--out", CASE, "tables"]
    code, _, errors = run(asked, capsys)
    assert (code, said in errors) == (1, True), errors
    assert not (tmp_path / CASE).exists()


def test_tables_without_claims_say_what_to_do(at_home: Release, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("claims", "derivations"):
        shutil.rmtree(at_home.tables / name)
    code, _, errors = run(["removal", "open", "--out", CASE, "tables"], capsys)
    assert (code, "presswatch claims" in errors) == (1, True)


def test_misuse_is_told_apart(at_home: Release, capsys: pytest.CaptureFixture[str]) -> None:
    both = ["removal", "open", "--rows", "x", "--confidence", "A", "--out", CASE, "tables"]
    assert run(both, capsys)[0] == 2
    run(["removal", "open", "--claims", "claims", "--out", CASE, "tables"], capsys)
    assert run(["removal", "status", "--as-of", "yesterday", CASE], capsys)[0] == 2
    assert run(["removal", "status", "tables"], capsys)[0] == 1


def test_a_file_of_states_has_the_rows_that_json_prints(
    at_home: Release, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run(["removal", "open", "--claims", "claims", "--out", CASE, "tables"], capsys)
    code, said, _ = run(["removal", "status", CASE, "--json"], capsys)
    assert code == 0
    assert said
    for name in ("states.jsonl", "states.parquet"):
        assert run(["removal", "status", CASE, "--export", str(tmp_path / name)], capsys)[0] == 0
    assert (tmp_path / "states.jsonl").read_text("utf-8") == said
    assert pq.read_table(tmp_path / "states.parquet").num_rows == len(said.splitlines())


KILLED = """
import sys
from presswatch_spark.cli.main import run
from presswatch_spark.legal.removal import rounds
rounds.WRITTEN_ROWS = 1
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.full)])
def test_a_round_that_is_killed_goes_on_and_asks_for_nothing_twice(
    tmp_path: Path,
    server: Server,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    kills: int,
) -> None:
    found = release(
        tmp_path, server, ("a.warc.wet.gz", "plain.warc.wet", "pages.warc.gz", "c4-train.json.gz")
    )
    monkeypatch.chdir(tmp_path)
    run(["removal", "open", "--out", CASE, "tables"], capsys)
    probe = ["removal", "probe", "--mirror", found.mirror_option, CASE]
    case = RemovalCase.open(CASE, StorageOptions())
    killed = 0
    for kill in range(kills):
        running = subprocess.Popen([sys.executable, "-c", KILLED, *probe], stderr=subprocess.PIPE)
        begun, files = time.monotonic(), case.folder.names()
        while time.monotonic() - begun < 60 and case.folder.names() == files and running.poll() is None:
            time.sleep(0.05)
        time.sleep(0.03 * (kill + 1))
        if running.poll() is None:
            os.kill(running.pid, signal.SIGKILL)
            killed += 1
        running.communicate()
        if len(case.rounds()) > 1:
            break
    assert killed
    assert run(probe, capsys)[0] == 0
    probes = probes_of(case)
    asked: dict[int, list[Any]] = {}
    for row in probes:
        if row.role == "target":
            asked.setdefault(row.round, []).append(row.target_sha256)
    targets = sorted(row.target_sha256 for row in case.targets())
    complete = [number for number, of_round in asked.items() if sorted(of_round) == targets]
    assert complete == [*range(1, max(asked) + 1)]


def test_status_speaks_french_of_places_that_were_not_asked_for(
    at_home: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["removal", "open", "--claims", "claims", "--out", CASE, "tables"], capsys)
    said = run(["removal", "status", "--lang", "fr", CASE], capsys)[1]
    assert "indécis : il n'a pas encore été interrogé" in said
    assert "asked" not in said
    for language, none in (("en", "no alarms\n"), ("fr", "aucune alerte\n")):
        assert run(["removal", "status", "--alarms", "--lang", language, CASE], capsys)[1] == none


def test_opening_and_probing_speak_french(at_home: Release, capsys: pytest.CaptureFixture[str]) -> None:
    french = ["--lang", "fr"]
    _, opened, _ = run(["removal", "open", *french, "--claims", "claims", "--out", CASE, "tables"], capsys)
    assert re.search(r"\d+ revendications? en \d+ lieux?, dans ", opened)
    _, probed, _ = run(["removal", "probe", *french, "--mirror", at_home.mirror_option, CASE], capsys)
    assert re.search(r"^tour 1 : .*\d+ identique", probed, re.MULTILINE)
    assert re.search(
        r"^interrogés : \d+ sur \d+ lieux?, dont \d+ à l'instant, par \d+ requêtes?$", probed, re.MULTILINE
    )
    assert re.search(r"^chaîne : \d+ interrogations? ", probed, re.MULTILINE)


def test_probe_and_status_say_how_many_probes_are_of_places(
    at_home: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["removal", "open", "--claims", "claims", "--out", CASE, "tables"], capsys)
    probed = run(["removal", "probe", "--mirror", at_home.mirror_option, CASE], capsys)[1]
    places = len(RemovalCase.open(CASE, StorageOptions()).targets())
    chain = next(line for line in probed.splitlines() if line.startswith("chain: "))
    assert f" probes ({places} of places, the others of controls, indexes and tables), the newest " in chain
    assert chain in run(["removal", "status", CASE], capsys)[1]


def test_a_site_that_says_no_is_left_alone_and_the_round_goes_on_later(
    at_home: Release, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESSWATCH_STORAGE__REFUSAL_PAUSE", "0.1")
    run(["removal", "open", "--claims", "claims", "--out", CASE, "tables"], capsys)
    at_home.server.always = Fault(status=429)
    asked = ["removal", "probe", "--mirror", at_home.mirror_option, CASE]
    code, _, errors = run(asked, capsys)
    assert (code, "left alone" in errors) == (3, True)
    at_home.server.always = Fault()
    code, said, _ = run(asked, capsys)
    assert (code, "went on" in said, "same" in said) == (0, True, True)
