"""The command line: quick help, true exit codes, and what a scan reports."""

import json
import os
import pickle
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pytest
from click.testing import CliRunner
from py4j.protocol import Py4JNetworkError

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.main import NEXT_STEPS, SECTIONS
from presswatch_spark.core.errors import PresswatchError, StorageError
from presswatch_spark.core.settings.config import JOB_SETTINGS
from presswatch_spark.scanning import pipeline
from presswatch_spark.scanning.runs.run_work import RunSummary
from presswatch_spark.tables.store import TableStore
from tests.world.commands import Outcome, outcome
from tests.world.corpora import article, corpus_of
from tests.world.processes import raising
from tests.world.proofs import cases, each_time
from tests.world.tables import match, publish, summary_of

HEAVY = ("pyspark", "pyarrow", "numba", "numpy", "pandas", "boto3", "datasketch", "yaml")


def commands(command: click.Command, *path: str) -> dict[tuple[str, ...], click.Command]:
    below = command.commands if isinstance(command, click.Group) else {}
    found = {path: command}
    for name, each in below.items():
        found |= commands(each, *path, name)
    return found


COMMANDS = commands(cli.cli)
# Each command in a process of its own, forked from one that has imported the command line and nothing else.
FORKED = """
import io, json, os, sys
from contextlib import redirect_stdout
from presswatch_spark.cli import main as cli
for line in sys.stdin:
    if os.fork():
        if os.wait()[1]:
            os.write(1, b"null\\n")
        continue
    said = io.StringIO()
    with redirect_stdout(said):
        code = cli.run(json.loads(line))
    os.write(1, json.dumps([code, said.getvalue(), [*sys.modules]]).encode() + b"\\n")
    os._exit(0)
"""


@dataclass(frozen=True)
class Fresh:
    """Runs commands in processes that have imported only what they needed."""

    process: subprocess.Popen[str]

    def __call__(self, *words: object) -> tuple[int, str, set[str]]:
        """Run a command; return its exit code, what it printed, and the modules that are loaded then."""
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps([*map(str, words)]), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        assert answer, f"the process of {words} died"
        code, said, modules = answer
        return code, said, set(modules)


@pytest.fixture(scope="module")
def fresh() -> Iterator[Fresh]:
    # Without `env`, a child also gets variables that a library has set past Python, such as COLUMNS.
    command, pipe, environment = [sys.executable, "-c", FORKED], subprocess.PIPE, dict(os.environ)
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, text=True) as process:
        yield Fresh(process)


def test_help_of_every_command_imports_nothing_heavy(fresh: Fresh) -> None:
    for path in COMMANDS:
        code, said, modules = fresh(*path, "--help")
        assert (path, code, modules & {*HEAVY}, said[:17]) == (path, 0, set(), "Usage: presswatch")


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def test_every_command_of_the_contract_is_there_and_no_other() -> None:
    tables = {"runs", "matches", "sql", "compare", "rights", "estimate", "fetch", "verify-rows"}
    tables |= {"claims", "datasets", "doctor", "exposure", "explain", "forget", "removal", "catalog"}
    tables |= {"evidence", "notice", "report", "reservations", "review"}
    scans = {"corpus", "releases", "scan", "campaign", "census", "watch", "submit"}
    others = {"demo", "inspect", "verify-candidates"}
    assert {path[0] for path in COMMANDS if path} == scans | tables | others
    of_corpora = {path[1] for path in COMMANDS if path[:1] == ("corpus",) and path[1:]}
    assert of_corpora == {"build", "info", "seal", "join"}


def test_help_states_the_default_of_every_option_that_has_one() -> None:
    for command in COMMANDS.values():
        for option in command.params:
            setting = JOB_SETTINGS.known.get(str(option.name).replace("__", "."))
            if isinstance(option, click.Option) and setting and setting.default not in (None, (), {}, False):
                default = setting.default if isinstance(setting.default, str) else f"{setting.default:,}"
                told = setting.without or default
                assert f"Default: {told}." in str(option.help), option.opts
            elif isinstance(option, click.Option) and isinstance(option.default, str):
                assert option.show_default, option.opts


ONE_VALUE = "{0} accepts one value: for several, write {0} A {0} B."


@cases(
    ("command", "said"),
    [
        ("scan", "Usage: presswatch scan"),
        ("nonsense", "Usage: presswatch"),
        ("matches", "Usage: presswatch matches"),
        ("scan --format pdf x", "Usage: presswatch scan"),
        ("runs --no-such-flag x", "Usage: presswatch runs"),
        ("claims tables --corpus corpus --out out --known a b", ONE_VALUE.format("--known")),
        ("corpus build --members m --out out --articles=a b", ONE_VALUE.format("--articles")),
        ("claims tables other --corpus corpus --out out", "unexpected extra argument (other)"),
    ],
)
def test_misuse_exits_2_and_shows_the_right_use(command: str, said: str) -> None:
    done = outcome(command)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert ("takes one value" in done.err) is ("takes one value" in said)


@pytest.mark.parametrize(
    "command",
    [
        "scan --corpus c --out o x --price local --budget",
        "scan --corpus c --out o x --sample",
        "scan --corpus c --out o x --index-memory",
        "scan --corpus c --out o x --requests-per-second",
        "campaign run history --budget",
        "watch --every",
        "watch --case-every",
    ],
)
def test_a_number_that_is_none_is_misuse(command: str) -> None:
    for number in ("inf", "nan", "-inf", "0", "-1"):
        done = outcome(command, number)
        assert (number, done.code) == (number, 2)
        assert f"Invalid value for '{command.split()[-1]}'" in done.err


SCAN = ["scan", "--corpus", "corpus", "--out", "out", "shard.wet.gz"]
ROW = {"run_id": "r1", "matches": 4, "documents": 1000, "text_bytes": 5_000_000, "shards_planned": 9}
ROW |= {"documents_skipped": 0, "table_digest": "abc"}


def summary(*lost: tuple[str, str, str], without_url: int = 0) -> RunSummary:
    lines = [dict(zip(("shard_uri", "status", "error"), each, strict=True)) for each in lost]
    read = {"shard_uri": "a.gz", "status": "complete", "documents_without_url": without_url}
    return summary_of(ROW, *lines, read)


Scan = Callable[..., Outcome]


@pytest.fixture
def scan(monkeypatch: pytest.MonkeyPatch) -> Scan:
    """Give the command of a scan that ends with a summary or an error."""

    def ended(result: RunSummary | BaseException, *more: str) -> Outcome:
        raises = isinstance(result, BaseException)
        monkeypatch.setattr(pipeline.ScanPlan, "of", lambda *_, **__: None)
        monkeypatch.setattr(pipeline, "scan", raising(result) if raises else lambda *_, **__: result)
        return outcome("", *SCAN, *more)

    return ended


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StorageError("no such object", where="s3://b/k", remedy="check"), "s3://b/k: no such object"),
        (PresswatchError("a sentence"), "error: a sentence"),
        (PermissionError(13, "Permission denied", "/out"), "/out: Permission denied"),
        (BrokenPipeError(32, "Broken pipe"), "Broken pipe"),
        (OSError(28, "No space left on device"), "output: the disk is full (free some space and"),
        (Py4JNetworkError("Answer from Java side is empty"), "Spark's Java process ended during the command"),
        (KeyboardInterrupt(), "the same command"),
        (StorageError("no such object", where="s3://b/\x9b2J"), "error: s3://b/�2J: no such object\n"),
    ],
)
def test_a_failure_exits_1_with_one_message_and_no_traceback(
    error: BaseException, message: str, scan: Scan
) -> None:
    done = scan(error)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_complete_scan_exits_0_and_reports_what_it_did(scan: Scan) -> None:
    done = scan(summary())
    assert done.code == 0
    assert "run r1: 4 matches in 1,000 documents (5.0 MB of text) of 9 shards, 12 s" in done.out
    assert "presswatch matches --elsewhere out" in done.out
    published_before = scan(replace(summary(), seconds=0.0))
    assert "(5.0 MB of text) of 9 shards\n" in published_before.out


def test_the_next_commands_have_the_options_of_storage_that_were_given_and_no_credentials(
    scan: Scan, tmp_path: Path
) -> None:
    config = tmp_path / "scan.yaml"
    config.write_text("storage: {requests_per_second: 3, read_timeout: 5}\n", encoding="utf-8")
    given = ["--endpoint", "http://anna:word@127.0.0.1:9000", "--unsigned", "--config", str(config)]
    claims, matches = scan(summary(), *given).out.splitlines()[-2:]
    options = "--endpoint http://127.0.0.1:9000 --unsigned --requests-per-second 3.0"
    assert claims == f"  presswatch claims --corpus corpus --out out {options} out"
    assert matches == f"  presswatch matches --elsewhere {options} out"


def test_a_dry_run_lists_shards_and_costs_starts_no_spark_and_writes_nothing(
    fresh: Fresh, tmp_path: Path
) -> None:
    corpus, shards, out = corpus_of(tmp_path, [article(1)]), tmp_path / "shards", tmp_path / "out"
    shards.mkdir()
    (shards / "a.warc.wet.gz").write_bytes(bytes(3 << 20))
    (shards / "b.warc.wet.gz").symlink_to(tmp_path / "gone")
    words = ["scan", "--dry-run", "--corpus", str(corpus), "--out", str(out), "--cores", "1", str(shards)]
    code, said, modules = fresh(*words)
    assert (code, "pyspark" in modules) == (0, False)
    assert said.splitlines()[:2] == ["  bytes  shard_uri", f"3145728  {shards}/a.warc.wet.gz"]
    assert "estimate: 2 shards, 3.1 MB stored" in said
    assert "without 1 whose format or size is not known" in said
    assert "time: less than 0.1 hours if 1 core of this kind scan" in said
    assert not out.exists()
    listed = tmp_path / "wet.paths"
    listed.write_text("".join(f"https://h.example/{n}.warc.wet.gz\n" for n in range(25_000)), "utf-8")
    done = outcome("", *words[:-1], str(listed))
    assert "25,000 of unknown size" in done.out
    assert "at least 25,000 requests ($0.01 for the owner of a bucket on S3)" in done.out
    done = outcome("", *(str(tmp_path / "none") if word == str(corpus) else word for word in words))
    assert (done.code, done.out) == (1, "")
    assert "there is no corpus here" in done.err


def test_a_scan_gets_its_command_line_without_secrets_and_its_operator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(pipeline.ScanPlan, "of", lambda *asked, **_: given.update(config=asked[3]))
    monkeypatch.setattr(pipeline, "scan", lambda *_, **more: given.update(more) or summary())
    asked = ["https://host.example/a.gz?sig=secret", "--operator", "Anne Roy", "--shard-digest"]
    assert outcome("", *SCAN, *asked).code == 0
    line = "https://host.example/a.gz --operator 'Anne Roy' --shard-digest"
    assert given["command"] == f"presswatch {' '.join(SCAN)} {line}"
    assert (given["config"].run.operator, given["config"].run.shard_digest) == ("Anne Roy", True)


def test_documents_without_a_known_url_and_notes_are_reported_once_with_their_shards(scan: Scan) -> None:
    assert "URL" not in scan(summary()).err
    (line,) = [each for each in scan(summary(without_url=41)).err.splitlines() if "URL" in each]
    assert "41 of 1,000 documents have no known URL" in line
    assert "--columns url=COLUMN" in line
    events = scan(summary(without_url=41), "--log-format", "json").err.splitlines()
    (event,) = [json.loads(each) for each in events if "without_url" in each]
    assert event.items() >= {"event": "documents_without_url", "documents": 41}.items()
    names = ("shard_uri", "note", "documents_without_url")
    log = [
        {"status": "complete", **dict(zip(names, values, strict=True))}
        for values in (
            ("s3://b/a.jsonl", "read as windows-1252", 3),
            ("s3://b/b.jsonl", "read as windows-1252", 0),
            ("s3://b/c.jsonl", None, None),
        )
    ]
    told = scan(summary_of(ROW, *log)).err
    assert "note: read as windows-1252 (s3://b/a.jsonl, and 1 more shard)" in told
    assert "3 of 1,000 documents have no known URL (s3://b/a.jsonl)" in told


def test_a_scan_that_missed_something_exits_3_and_names_the_shards(scan: Scan) -> None:
    done = scan(summary(*((f"s3://b/{number}.gz", "partial", "cut short") for number in range(8))))
    assert done.code == 3
    assert "8 of 9 shards could not be read to the end" in done.err
    assert "partial: s3://b/4.gz: cut short" in done.err
    assert "s3://b/5.gz" not in done.err
    assert "and 3 more" in done.err
    assert "from scan_log where run_id = 'r1'" in done.err
    name = "s3://b/\x1b[2J\u202egz.1\nerror: all is well"
    done = scan(summary((name, "failed", "no such object")))
    assert "  failed: s3://b/�[2J�gz.1 error: all is well: no such object\n" in done.err


def test_wrong_settings_exit_1_with_every_mistake() -> None:
    done = outcome("", *SCAN, PRESSWATCH_GRADE__MIN_RUN_WORD="9", PRESSWATCH_RUN__CORES="many")
    assert done.code == 1
    assert "did you mean PRESSWATCH_GRADE__MIN_RUN_WORDS?" in done.err
    assert "run.cores must be a whole number" in done.err


def test_a_published_sample_is_reported_before_its_estimates_and_though_there_are_none(
    scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = summary(("s3://b/1.gz", "partial", "cut short"))
    sample = replace(sample, row=ROW | {"sample": 0.1, "shards_listed": 90})
    for error, code in ((StorageError("S3 answered 503"), 3), (KeyboardInterrupt(), 1)):
        monkeypatch.setattr(TableStore, "open", raising(error))
        done = scan(sample)
        assert (done.code, "run r1: 4 matches" in done.out) == (code, True)
        assert ("no estimate of the whole: S3 answered 503" in done.out) is (code == 3)


INCOMPLETE = ([("s3://b/1.gz", "partial", "cut short")], 3)


@pytest.mark.slow
@pytest.mark.parametrize("gone", each_time(["both"], ["stdout", "stderr", "both"]))
@pytest.mark.parametrize(("lost", "code"), each_time([INCOMPLETE], [([], 0), INCOMPLETE]))
def test_the_exit_code_of_a_scan_is_right_though_its_reader_has_gone(
    gone: str, lost: list[tuple[str, str, str]], code: int
) -> None:
    job = (
        "import pickle, sys; words, done = pickle.load(sys.stdin.buffer);"
        "from presswatch_spark.scanning import pipeline; from presswatch_spark.cli import main as cli;"
        "pipeline.scan = lambda *_, **__: done; pipeline.ScanPlan.of = lambda *_, **__: None;"
        "sys.exit(cli.run(words))"
    )
    ends = {"stdout": os.pipe(), "stderr": os.pipe()}
    (out, to_out), (err, to_err) = ends.values()
    command = [sys.executable, "-c", job]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=to_out, stderr=to_err) as process:
        for end in (to_out, to_err, *(read for name, (read, _) in ends.items() if gone in (name, "both"))):
            os.close(end)
        process.communicate(pickle.dumps((SCAN, summary(*lost))))
    for kept in [read for name, read in (("stdout", out), ("stderr", err)) if gone not in (name, "both")]:
        with open(kept, "rb") as file:
            assert b"Traceback" not in file.read()
    assert process.returncode == code


@pytest.mark.slow
def test_a_reader_that_stops_early_is_no_failure(tmp_path: Path) -> None:
    publish(tmp_path, "r3", [match(f"article-{number}", "https://x.example/") for number in range(2000)])
    command = [sys.executable, "-m", "presswatch_spark", "matches", str(tmp_path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
    assert (process.returncode, complaint) == (0, b"")


def test_a_demo_never_touches_a_folder_of_others(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    done = outcome("demo", "--out", tmp_path)
    assert done.code == 1
    assert "other files than a demo's" in done.err
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
def test_a_command_imports_no_other_and_no_pandas(fresh: Fresh, tmp_path: Path) -> None:
    publish(tmp_path, "20240601T080000Z-aaaaaa", [match("a1", "https://a.example/1")])
    for module, words in (("tables", ["sql", "select * from matches, runs"]), ("matches", ["matches"])):
        code, said, modules = fresh(words[0], tmp_path, *words[1:])
        loaded = {name for name in modules if "commands." in name or name == "pandas"}
        assert (code, loaded) == (0, {f"presswatch_spark.cli.commands.{module}"}), said


@pytest.mark.slow
def test_whoever_needs_pandas_has_it_though_commands_leave_it_out() -> None:
    done = python(
        "from presswatch_spark.core.processes import leave_pandas_out; leave_pandas_out()\n"
        "import sys, pyarrow as pa; table = pa.table({'n': [1, None]}); assert 'pandas' not in sys.modules\n"
        "import pandas; assert table.to_pandas()['n'].isna().sum() == 1\n"
        "assert pa.array(pandas.Series([1.0, float('nan')])).null_count == 1"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "kept"), each_time([("7", 7)], [(None, 5_000), ("7", 7)]))
def test_arrow_keeps_memory_as_commands_or_their_user_decide(asked: str | None, kept: int) -> None:
    if "mimalloc" not in pa.supported_memory_backends():
        pytest.skip("Arrow has another allocator here")
    code = (
        "from presswatch_spark.core.processes import keep_memory; keep_memory()\n"
        "import pyarrow as pa; pa.array([1], memory_pool=pa.mimalloc_memory_pool())"
    )
    asked_for = {"MIMALLOC_PURGE_DELAY": asked} if asked else {}
    assert f"'purge_delay': {kept} " in python(code, MIMALLOC_VERBOSE="1", **asked_for).stderr


# Help pages: commands by purpose, options in sections, the next step, and nothing cut at 80 columns.


def page(command: str, option: str = "--help", width: int = 80) -> list[str]:
    done = CliRunner().invoke(cli.cli, [*command.split(), option], terminal_width=width)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def sections(lines: list[str]) -> list[str]:
    return [line for line in lines[1:] if line.endswith(":") and not line.startswith(" ")]


@cases("command", [" ".join(path) for path in COMMANDS])
def test_a_page_fits_80_columns_cuts_nothing_and_ends_with_the_next_step(command: str) -> None:
    lines = page(command)
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines[1:] if line.endswith("...")]
    # An example that is broken into lines can be pasted.
    for line, following in pairwise(lines):
        is_example = line.removeprefix("  Example:").lstrip().startswith("presswatch ") and line[:1] == " "
        assert not is_example or line.endswith("\\") or not following.strip() or following[:3] == "  p", line
    step_after = NEXT_STEPS.get(command, f"presswatch {command} COMMAND --help")
    assert lines[-1].strip() == f"Next: {step_after}"
    words = shlex.split(step_after.replace(",", " "))
    if "presswatch" in words:
        step = words[words.index("presswatch") + 1 :]
        named = COMMANDS.get(tuple(step[:2])) or COMMANDS[step[0],]
        known = {name for each in named.params for name in each.opts} | {"--help"}
        assert {word for word in step if word.startswith("--") and word != "--sample"} <= known


def test_every_command_is_listed_once_by_its_purpose() -> None:
    # In a terminal of 80 columns, click writes 78.
    lines = page("", width=78)
    assert not [line for line in lines[1:] if line.endswith("...")]
    assert sections(lines) == [
        "Options:", "Prepare:", "Find copies:", "Read the tables:", "Prove:", "Act:", "Operate:",
    ]  # fmt: skip
    listed = [line.split()[0] for line in lines if line.startswith("  ") and line[2:3].isalpha()]
    named = [name for names in SECTIONS.values() for name in names]
    assert sorted(named) == sorted(cli.cli.commands)
    assert [name for name in listed if name in named] == named


@pytest.mark.parametrize("command", ["scan", "matches", "removal status", "claims"])
def test_storage_options_are_one_section_that_an_option_of_its_own_explains(command: str) -> None:
    lines = page(command)
    storage = "Storage (explained by --help-storage):"
    assert sections(lines)[0] == "Options:"
    assert sections(lines)[-1] == storage
    assert ("Output:" in lines) is (command != "scan")
    assert any(line.startswith("  -h, --help") for line in lines[: lines.index("", lines.index("Options:"))])
    named = " ".join(lines[lines.index(storage) + 1 : -2]).replace(",", " ").split()
    explained = page(command, "--help-storage")
    assert explained[0] == "Storage:"
    assert [line.split()[0] for line in explained if line.startswith("  --")] == named
    assert {"--endpoint", "--max-connections"} <= set(named)


def test_the_help_of_scan_fits_two_screens_of_40_lines_and_has_an_example() -> None:
    lines = page("scan")
    assert len(lines) <= 79
    assert "  presswatch scan --corpus corpus --out tables shards/" in lines


@pytest.mark.parametrize("command", ["rights", "watch", "fetch"])
def test_arguments_are_no_options(command: str) -> None:
    lines = page(command)
    entries = [line for line in lines[lines.index("Options:") : -1] if line.startswith("  -")]
    assert entries
    assert not [line for line in entries if not line.startswith(("  --", "  -h"))]
