"""The command line: quick help, honest exit codes, output that programs can read."""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pytest
from py4j.protocol import Py4JNetworkError

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.options import given_settings
from presswatch_spark.core.errors import PresswatchError, StorageError
from presswatch_spark.core.settings.config import (
    CorpusConfig,
    StorageOptions,
    known_settings,
    load_scan_config,
)
from presswatch_spark.core.terminal import cell, json_line, json_text, printable, table_lines
from presswatch_spark.core.version import __version__
from presswatch_spark.scanning import pipeline
from presswatch_spark.scanning.pipeline import RunSummary
from presswatch_spark.tables.declarations import PublishedCensus
from presswatch_spark.tables.seals import sealed_json
from presswatch_spark.tables.store import TableStore
from tests.world.corpora import article, corpus_of
from tests.world.proofs import each_time
from tests.world.tables import match, publish, row_of, write

HEAVY = ("pyspark", "pyarrow", "numba", "numpy", "pandas", "boto3", "datasketch", "yaml")


def paths(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = command.commands if isinstance(command, click.Group) else {}
    return [path, *(found for name, each in below.items() for found in paths(each, (*path, name)))]


# Each command in a process of its own, forked from one that has imported the command line and nothing else.
HELPED = """
import io, json, os, sys
from contextlib import redirect_stdout
from presswatch_spark.cli import main as cli
paths, heavy = json.loads(sys.argv[1])
for path in paths:
    if os.fork():
        os.wait()
        continue
    said = io.StringIO()
    with redirect_stdout(said):
        code = cli.run([*path, "--help"])
    loaded = [name for name in heavy if name in sys.modules]
    os.write(1, json.dumps([path, code, loaded, said.getvalue()[:17]]).encode() + b"\\n")
    os._exit(0)
"""


@pytest.fixture(scope="module")
def helped() -> dict[tuple[str, ...], object]:
    """What came of `--help` of each command: its exit code, heavy modules that were loaded, how it begins."""
    given = json.dumps([paths(cli.cli), HEAVY])
    done = subprocess.run([sys.executable, "-c", HELPED, given], capture_output=True, text=True, check=False)
    assert not done.stderr
    return {tuple(path): told for path, *told in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("path", paths(cli.cli), ids=" ".join)
def test_help_imports_nothing_heavy(path: tuple[str, ...], helped: dict[tuple[str, ...], object]) -> None:
    assert helped[path] == [0, [], "Usage: presswatch"]


def test_every_command_of_the_contract_is_there_and_no_other() -> None:
    names = set(cli.cli.commands)
    tables = {"runs", "matches", "sql", "compare", "rights", "estimate", "fetch", "verify-rows"}
    tables |= {"claims", "datasets", "exposure", "explain", "forget", "removal", "catalog"}
    tables |= {"evidence", "notice", "report", "review"}
    assert names == {"corpus", "releases", "scan", "campaign", "census", "watch", "submit", *tables, "demo"}
    corpus = cli.cli.commands["corpus"]
    assert isinstance(corpus, click.Group)
    assert set(corpus.commands) == {"build", "info"}


@pytest.mark.parametrize(
    "arguments",
    [["scan"], ["nonsense"], ["matches"], ["scan", "--format", "pdf", "x"], ["runs", "--no-such-flag", "x"]],
)
def test_misuse_exits_2_and_says_how_to_use_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    assert "Usage: presswatch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["claims", "tables", "--corpus", "corpus", "--out", "out", "--known", "a", "b"],
            "--known takes one value: for several, give --known A --known B.",
        ),
        (
            ["corpus", "build", "--members", "m", "--out", "out", "--articles=a", "b"],
            "--articles takes one value: for several, give --articles A --articles B.",
        ),
        (["claims", "tables", "other", "--corpus", "corpus", "--out", "out"], ""),
    ],
)
def test_several_values_after_one_option_are_told_how_to_be_given(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    err = capsys.readouterr().err
    assert said in err
    assert ("takes one value" in err) is bool(said)


def raising(error: BaseException) -> Any:
    def scan(*_: object, **__: object) -> None:
        raise error

    return scan


SCAN = ["scan", "--corpus", "corpus", "--out", "out", "shard.wet.gz"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            StorageError("no such object", where="s3://b/k", remedy="check the name"),
            "s3://b/k: no such object",
        ),
        (PresswatchError("a sentence"), "error: a sentence"),
        (PermissionError(13, "Permission denied", "/out"), "/out: Permission denied"),
        (BrokenPipeError(32, "Broken pipe"), "Broken pipe"),
        (Py4JNetworkError("Answer from Java side is empty"), "Spark's Java ended before the command did"),
        (KeyboardInterrupt(), "the same command"),
    ],
)
def test_a_failure_exits_1_with_one_message_and_no_traceback(
    error: BaseException, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipeline, "scan", raising(error))
    assert cli.run(SCAN) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert message in said.err
    assert "Traceback" not in said.err


def summary(*incomplete: tuple[str, str, str]) -> RunSummary:
    row = {"run_id": "r1", "matches": 4, "documents": 1000, "text_bytes": 5_000_000, "shards_planned": 9}
    row["documents_skipped"] = 0
    return RunSummary({**row, "table_digest": "abc"}, incomplete, resumed=False, seconds=12.3)


def test_a_complete_scan_exits_0_and_says_what_it_did(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipeline, "scan", lambda *_, **__: summary())
    assert cli.run(SCAN) == 0
    out = capsys.readouterr().out
    assert "run r1: 4 matches in 1,000 documents (5.0 MB of text) of 9 shards, 12 s" in out
    assert "presswatch matches out" in out


def test_a_scan_is_told_its_command_line_without_secrets_and_who_runs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: dict[str, Any] = {}

    def scan(*_: object, **given: Any) -> RunSummary:
        told.update(given)
        return summary()

    monkeypatch.setattr(pipeline, "scan", scan)
    asked = ["https://host.example/a.gz?sig=secret", "--operator", "Anne Roy", "--shard-digest"]
    assert cli.run([*SCAN, *asked]) == 0
    line = "https://host.example/a.gz --operator 'Anne Roy' --shard-digest"
    assert told["command"] == f"presswatch {' '.join(SCAN)} {line}"
    assert (told["config"].run.operator, told["config"].run.shard_digest) == ("Anne Roy", True)


@pytest.mark.parametrize("as_events", [False, True])
def test_a_scan_says_once_that_documents_have_no_known_url_and_how_to_name_its_column(
    as_events: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--log-format", "json"] if as_events else []
    for count in (0, 41):
        monkeypatch.setattr(pipeline, "scan", lambda *_, n=count, **__: replace(summary(), without_url=n))
        assert cli.run([*SCAN, *flags]) == 0
        lines = [
            line for line in capsys.readouterr().err.splitlines() if "without_url" in line or "URL" in line
        ]
        assert len(lines) == bool(count)
    if as_events:
        assert json.loads(lines[0]).items() >= {"event": "documents_without_url", "documents": 41}.items()
    else:
        assert "41 of 1,000 documents have no known URL" in lines[0]
        assert "--columns url=COLUMN" in lines[0]


def test_a_scan_that_missed_something_exits_3_and_names_the_shards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = [(f"s3://b/{number}.gz", "partial", "cut short") for number in range(8)]
    monkeypatch.setattr(pipeline, "scan", lambda *_, **__: summary(*lost))
    assert cli.run(SCAN) == 3
    err = capsys.readouterr().err
    assert "8 of 9 shards were not read to their end" in err
    assert "partial: s3://b/4.gz: cut short" in err
    assert "s3://b/5.gz" not in err
    assert "and 3 more" in err
    assert "from scan_log where run_id = 'r1'" in err


INCOMPLETE = ([("s3://b/1.gz", "partial", "cut short")], 3)


@pytest.mark.slow
@pytest.mark.parametrize("gone", each_time(["both"], ["stdout", "stderr", "both"]))
@pytest.mark.parametrize(
    ("lost", "code"),
    each_time([INCOMPLETE], [([], 0), INCOMPLETE]),
    ids=["complete", "incomplete"],
)
def test_the_exit_code_of_a_scan_is_right_though_its_reader_has_gone(
    gone: str, lost: list[tuple[str, str, str]], code: int
) -> None:
    job = (
        "import pickle, sys; words, done = pickle.load(sys.stdin.buffer);"
        "from presswatch_spark.scanning import pipeline; from presswatch_spark.cli import main as cli;"
        "pipeline.scan = lambda *_, **__: done; sys.exit(cli.run(words))"
    )
    out, error = os.pipe(), os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", job], stdin=subprocess.PIPE, stdout=out[1], stderr=error[1]
    ) as process:
        os.close(out[1])
        os.close(error[1])
        for end in {"stdout": [out[0]], "stderr": [error[0]], "both": [out[0], error[0]]}[gone]:
            os.close(end)
        process.communicate(pickle.dumps((SCAN, summary(*lost))))
    for end in {"stdout": [error[0]], "stderr": [out[0]], "both": []}[gone]:
        with open(end, "rb") as kept:
            assert b"Traceback" not in kept.read()
    assert process.returncode == code


def test_a_published_sample_is_told_before_its_estimates_and_though_there_are_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = summary(("s3://b/1.gz", "partial", "cut short"))
    sample = RunSummary({**done.row, "sample": 0.1, "shards_listed": 90}, done.incomplete, False, 1.0)
    monkeypatch.setattr(pipeline, "scan", lambda *_, **__: sample)
    for error, code in ((StorageError("S3 answered 503"), 3), (KeyboardInterrupt(), 1)):
        monkeypatch.setattr(TableStore, "open", raising(error))
        assert cli.run(SCAN) == code
        said = capsys.readouterr()
        assert "run r1: 4 matches" in said.out
        assert ("no estimate of the whole: S3 answered 503" in said.out) is (code == 3)


def test_names_of_shards_cannot_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "s3://b/\x1b[2J\u202egz.1\nerror: all is well"
    monkeypatch.setattr(pipeline, "scan", lambda *_, **__: summary((name, "failed", "no such object")))
    assert cli.run(SCAN) == 3
    assert "  failed: s3://b/�[2J�gz.1 error: all is well: no such object\n" in capsys.readouterr().err
    monkeypatch.setattr(pipeline, "scan", raising(StorageError("no such object", where="s3://b/\x9b2J")))
    assert cli.run(SCAN) == 1
    assert capsys.readouterr().err == "error: s3://b/�2J: no such object\n"


def test_wrong_settings_exit_1_with_every_mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PRESSWATCH_GRADE__MIN_RUN_WORD", "9")
    monkeypatch.setenv("PRESSWATCH_RUN__CORES", "many")
    assert cli.run(SCAN) == 1
    err = capsys.readouterr().err
    assert "did you mean PRESSWATCH_GRADE__MIN_RUN_WORDS?" in err
    assert "run.cores must be a whole number" in err


def test_flags_become_settings() -> None:
    flags: dict[str, Any] = {"read__languages": ("fra", "oci"), "read__columns": ("text=body",)}
    flags |= {"run__cores": 2, "storage__region": None, "storage__unsigned": False, "corpus__columns": ()}
    config = load_scan_config(flags=given_settings(flags))
    assert (config.read.languages, config.read.columns) == (("fra", "oci"), {"text": "body"})
    assert (config.run.cores, config.storage, config.corpus) == (2, StorageOptions(), CorpusConfig())


@pytest.mark.parametrize("path", paths(cli.cli), ids=" ".join)
def test_help_states_the_default_of_every_option_that_has_one(path: list[str]) -> None:
    command: click.Command = cli.cli
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    for option in command.params:
        setting = known_settings().get(str(option.name).replace("__", "."))
        if isinstance(option, click.Option) and setting and setting.default not in (None, (), {}, False):
            told = setting.default if isinstance(setting.default, str) else f"{setting.default:,}"
            assert f"Default: {told}." in str(option.help), option.opts
        elif isinstance(option, click.Option) and isinstance(option.default, str):
            assert option.show_default, option.opts


def test_corpus_info_says_in_words_what_a_corpus_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twins = [article(1), article(1, article_id="b", title_id="rivage")]
    corpus_of(tmp_path, twins)
    lines = output(["corpus", "info", str(tmp_path / "corpus")], capsys)
    assert "nearly the same text: 1 cluster of 2 articles" in lines
    assert any(line.startswith("built with: format ") for line in lines)
    (manifest,) = (
        json.loads(line) for line in output(["corpus", "info", str(tmp_path / "corpus"), "--json"], capsys)
    )
    assert manifest["parameters"]["minhash"]["permutations"] == 128
    titles = [line.split() for line in lines]
    assert [each for each in titles if each[:1] in (["courrier"], ["hebdo"], ["rivage"])] == [
        ["courrier", "1", "2024"],
        ["hebdo", "0"],
        ["rivage", "1", "2024"],
    ]


@pytest.fixture
def tables(tmp_path: Path) -> str:
    url = "https://x.example/\x1b[31m" + "long/" * 40
    first = [match("a", url, longest_run_words=20), match("b", url, grade="full_copy", own_site=True)]
    publish(tmp_path, "r1", first)
    publish(tmp_path, "r2", [match("c", None, title_id="u", own_site=None)])
    return str(tmp_path)


def output(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert cli.run(arguments) == 0
    return capsys.readouterr().out.splitlines()


def test_runs_are_listed_with_their_digests(tables: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = output(["runs", tables], capsys)
    assert lines[0].split()[:3] == ["run_id", "finished_at", "dataset"]
    assert [line.split()[0] for line in lines[1:]] == ["r1", "r2"]


def test_a_run_says_in_how_many_passes_the_index_was_searched_if_they_were_several(
    tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(Path(tables), "r3", [], passes=1)
    publish(Path(tables), "r4", [], passes=3)
    lines = output(["runs", tables], capsys)
    assert [line for line in lines if "passes" in line] == ["r4: the index was searched in 3 passes"]


def test_censuses_are_listed_after_the_runs(tables: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        row_of(
            PublishedCensus,
            run_id="c1",
            release="CC-MAIN-2024-22",
            captures=62,
            table_digest="ab" * 32,
        )
    ]
    write(TableStore.open(tables), "censuses", "c1", rows, PublishedCensus.schema)
    lines = output(["runs", tables], capsys)
    assert [line.split()[0] for line in lines] == ["run_id", "r1", "r2", "run_id", "c1"]
    assert {"CC-MAIN-2024-22", "62", "ab" * 32} < set(lines[-1].split())
    assert len(output(["runs", tables, "--json"], capsys)) == 2


def unfinish(tables: str, key: str, run_id: str, began: str) -> Path:
    """Leave an unfinished run of three shards, one of them failed."""
    folder = Path(tables) / "_runs" / key
    (folder / "waves").mkdir(parents=True)
    note = {"run_id": run_id, "started_at": began, "epoch": 1, "waves": []}
    (folder / "run.json").write_bytes(sealed_json(note))
    counts = {"shards": 3, "incomplete": 1, "documents": 70, "text_bytes": 900, "matches": 5}
    wave = {"shards": [0, 1, 2], "counts": counts, "parts": [], "epoch": 1, "totals": []}
    (folder / "waves" / "000000-a.json").write_bytes(sealed_json(wave))
    folder.with_suffix(".lock").touch()
    return folder


def test_an_unfinished_run_is_listed_with_what_can_be_done_about_it(
    tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = unfinish(tables, "k1", "20240602T080000Z-abcdef", "2024-06-02T08:00:00+00:00")
    assert cli.run(["runs", tables]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].split() == ["20240602T080000Z-abcdef", "not", "finished", "2", "70", "5"]
    total, note = said.err.splitlines()
    assert total == "2 runs, 1 not finished"
    assert note.startswith(
        "run 20240602T080000Z-abcdef, begun 2024-06-02 08:00:00 UTC with 3 shards done, is not finished:"
    )
    assert "give the command that began it again" in note
    assert note.endswith(f"rm -r {folder}")


def test_a_run_that_a_live_process_owns_is_under_way_and_not_to_be_dropped(
    tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = unfinish(tables, "k1", "20240602T080000Z-abcdef", "2024-06-02T08:00:00+00:00")
    with folder.with_suffix(".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert cli.run(["runs", tables]) == 0
    said = capsys.readouterr()
    assert "under way" in said.out
    assert "rm -r" not in said.err


@pytest.mark.parametrize("damage", ["", "{}", "[1]", '{"run_id": 1, "started_at": "noon"}'])
def test_a_damaged_run_is_named_and_hides_no_other(
    tables: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = unfinish(tables, "k1", "20240602T080000Z-abcdef", "2024-06-02T08:00:00+00:00")
    (folder / "run.json").write_text(damage)
    assert cli.run(["runs", tables]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 3
    assert "is damaged" in said.err
    assert "give the command that began it again" in said.err
    assert said.err.endswith(f"to drop it, rm -r {folder}\n")


def test_programs_are_given_published_runs_only_and_those_once(
    tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinish(tables, "k1", "20240602T080000Z-abcdef", "2024-06-02T08:00:00+00:00")
    unfinish(tables, "k2", "r2", "2024-06-01T08:00:00+00:00")
    (Path(tables) / "_runs" / "k3").mkdir()
    lines = output(["runs", tables, "--json"], capsys)
    assert [json.loads(line)["run_id"] for line in lines] == ["r1", "r2"]


def test_matches_of_several_runs_say_which_run_found_them(
    tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = output(["matches", tables], capsys)
    assert [line.split()[0] for line in lines] == ["run_id", "r1", "r1", "r2"]
    assert output(["matches", tables, "--run", "latest"], capsys)[0].startswith("row_sha256")


def test_matches_are_aligned_whole_and_safe_when_piped(
    tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = output(["matches", tables], capsys)
    assert len(lines) == 4
    assert "long/" * 40 in lines[1]
    assert "\x1b" not in "".join(lines)


def test_matches_as_json_hold_every_column_one_object_a_line(
    tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in output(["matches", tables, "--json"], capsys)]
    assert [row["article_id"] for row in rows] == ["a", "b", "c"]
    assert {"spans", "captured_at", "row_sha256", "record_offset"} <= set(rows[0])


FILTERS = [
    (["--grade", "full_copy"], ["b"]),
    (["--grade", "full_copy", "--grade", "extract"], ["a", "b", "c"]),
    (["--title", "u"], ["c"]),
    (["--publisher", "p", "--article", "a"], ["a"]),
    (["--elsewhere"], ["a"]),
    (["--own-site"], ["b"]),
    (["--unknown-site"], ["c"]),
    (["--elsewhere", "--unknown-site"], ["a", "c"]),
    (["--own-site", "--grade", "extract"], []),
    (["--run", "latest"], ["c"]),
    (["--run", "r1", "--limit", "1"], ["a"]),
    (["--title", "t", "--grade", "url_only"], []),
]


@pytest.mark.parametrize(("filters", "articles"), each_time(FILTERS[1::2], FILTERS))
def test_matches_can_be_filtered(
    tables: str, filters: list[str], articles: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = output(["matches", tables, "--json", *filters], capsys)
    assert [json.loads(line)["article_id"] for line in lines] == articles


def test_more_matches_than_shown_are_mentioned(tables: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["matches", tables, "--limit", "2"]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 3
    assert "shown: 2 rows, by weight" in said.err


@pytest.mark.parametrize("command", ["runs", "matches"])
def test_a_folder_without_our_tables_is_refused(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([command, str(tmp_path / "absent")]) == 1
    assert "not a folder of our tables" in capsys.readouterr().err


def test_an_unknown_run_is_refused(tables: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["matches", tables, "--run", "r9"]) == 1
    assert "no run r9 is published" in capsys.readouterr().err


@pytest.mark.slow
def test_a_reader_that_stops_early_is_no_failure(tables: str) -> None:
    publish(Path(tables), "r3", [match(f"article-{number}", "https://x.example/") for number in range(2000)])
    command = [sys.executable, "-m", "presswatch_spark", "matches", tables, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
    assert (process.returncode, complaint) == (0, b"")


def test_a_demo_never_touches_a_folder_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    assert cli.run(["demo", "--out", str(tmp_path)]) == 1
    assert "no demo's" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_tables_fit_the_terminal_and_align() -> None:
    rows = [("a" * 50, 7, None), ("é", 123, 0.5)]
    assert list(table_lines(("name", "count", "share"), rows, 30)) == [
        f"{'name':<16}  {'count'}  {'share'}",
        f"{'a' * 15}…  {'7':>5}",
        f"{'é':<16}  {'123':>5}  {'0.5':>5}",
    ]


def test_a_run_id_is_never_cut(tables: str) -> None:
    lines = list(table_lines(("run_id", "url"), [("r" * 23, "u" * 50)], 40, ("run_id",)))
    assert lines[1] == f"{'r' * 23}  {'u' * 14}…"
    assert list(table_lines(("run_id",), [("r" * 23,)], 10, ("run_id",)))[1] == "r" * 23


def test_json_cannot_steer_the_terminal_and_reads_back_the_same() -> None:
    row = {
        "url": "a\x9b31m\x7f\u202egnp.exe\u2066\u200b\u2028\U000e0041\ud800",
        "title": "« L’été »\u00a0: 日本",
    }
    line = json_line(row)
    assert line.isascii() is False
    assert all(c.isprintable() or c == "\u00a0" for c in line)
    assert "« L’été »\u00a0: 日本" in line
    assert "\\u009b31m\\u007f\\u202egnp" in line
    assert json.loads(line) == row
    assert json_text(row, indent=2).count("\n") == 3


def test_cells_are_one_line_and_cannot_steer_the_terminal() -> None:
    assert printable("a\nb\x1b[2J\x07") == "a b�[2J�"
    assert printable("a\x9b2J\x7f\u202eb\ud800\u2066\x85c") == "a�2J��b�� c"
    assert cell([{"words": 3}]) == '[{"words": 3}]'
    assert json_line({"x": float("nan"), "y": b"\xff"}) == '{"x": null, "y": "ff"}'


def test_an_unfinished_census_is_listed_among_the_censuses(
    tables: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = unfinish(tables, "k1", "20240602T080000Z-abcdef", "2024-06-02T08:00:00+00:00")
    note = {"run_id": "20240602T080000Z-abcdef", "started_at": "2024-06-02T08:00:00+00:00", "epoch": 1}
    note |= {"waves": [], "by": "censuses", "tool_version": __version__}
    (folder / "run.json").write_bytes(sealed_json(note))
    assert cli.run(["runs", tables]) == 0
    said = capsys.readouterr()
    rows = [line.split() for line in said.out.splitlines()]
    assert [row[0] for row in rows[:4]] == ["run_id", "r1", "r2", "run_id"]
    assert rows[4] == ["20240602T080000Z-abcdef", "not", "finished", "2", "70", "5"]
    total, ours = said.err.splitlines()
    assert total == "2 runs, 1 not finished"
    assert ours.startswith("census 20240602T080000Z-abcdef, begun 2024-06-02 08:00:00 UTC with 3 index files")
    assert "give the command that began it again; to drop it" in ours


@pytest.mark.slow
def test_a_command_imports_no_other_and_no_pandas(tmp_path: Path) -> None:
    publish(
        tmp_path,
        "20240601T080000Z-aaaaaa",
        [match("a1", "https://a.example/1", captured_at=datetime(2024, 5, 17, tzinfo=UTC))],
    )
    for arguments in (["sql", str(tmp_path), "select * from matches, runs"], ["matches", str(tmp_path)]):
        code = (
            "import sys; from presswatch_spark.cli import main as cli; cli.run(sys.argv[1:]);"
            "print(*(name for name in sys.modules if 'commands.' in name or name == 'pandas'))"
        )
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
        module = {"sql": "tables", "matches": "matches"}[arguments[0]]
        assert done.stdout.splitlines()[-1] == f"presswatch_spark.cli.commands.{module}", done.stderr


@pytest.mark.slow
def test_who_asks_for_pandas_has_it_though_commands_leave_it_out() -> None:
    code = (
        "from presswatch_spark.cli.arrow_manners import leave_pandas_out; leave_pandas_out()\n"
        "import sys, pyarrow as pa; table = pa.table({'n': [1, None]}); assert 'pandas' not in sys.modules\n"
        "import pandas; assert table.to_pandas()['n'].isna().sum() == 1\n"
        "assert pa.array(pandas.Series([1.0, float('nan')])).null_count == 1"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "kept"), each_time([("7", 7)], [(None, 5_000), ("7", 7)]))
def test_arrow_keeps_memory_as_commands_or_their_user_ask(asked: str | None, kept: int) -> None:
    if "mimalloc" not in pa.supported_memory_backends():
        pytest.skip("Arrow has another allocator here")
    code = (
        "from presswatch_spark.cli.arrow_manners import keep_memory; keep_memory()\n"
        "import pyarrow as pa; pa.array([1], memory_pool=pa.mimalloc_memory_pool())"
    )
    environment = {"MIMALLOC_VERBOSE": "1"} | ({"MIMALLOC_PURGE_DELAY": asked} if asked else {})
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment, check=True
    )
    assert f"'purge_delay': {kept} " in done.stderr


def test_notes_of_a_scan_name_their_shards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [("s3://b/a.jsonl", "read as windows-1252", 3), ("s3://b/b.jsonl", "read as windows-1252", 0)]
    rows = [
        {
            "run_id": "r1", "shard_uri": uri, "status": "complete", "error": None, "note": note,
            "documents_without_url": unknown,
        }
        for uri, note, unknown in [*lines, ("s3://b/c.jsonl", None, None)]
    ]  # fmt: skip
    of_log = RunSummary.of(summary().row, pa.Table.from_pylist(rows), resumed=False, seconds=1)
    monkeypatch.setattr(pipeline, "scan", lambda *_, **__: of_log)
    assert cli.run(SCAN) == 0
    told = capsys.readouterr().err
    assert "note: read as windows-1252 (s3://b/a.jsonl, and 1 more shard)" in told
    assert "3 of 1,000 documents have no known URL (s3://b/a.jsonl)" in told
