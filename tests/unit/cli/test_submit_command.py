"""`presswatch submit`: which options are whose, and what is refused before anything is started."""

from __future__ import annotations

import ast
import json
import shlex
from functools import cache
from pathlib import Path

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.cli.commands.submit import JOBS, submit
from presswatch_spark.deploy import submission
from tests.conftest import ROOT

java_home = cache(submission.java_home)
"""The machine's Java, which is started to be asked once."""
SCAN = "scan --corpus s3://b/corpus --out s3://b/tables s3://b/a.wet.gz"


@pytest.fixture(autouse=True)
def _filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"REGION": "eu-west-3", "STORE": "s3://b/store", "LOGS": "s3://b/logs", "EC2__CLUSTER_ID": "j-1"}
    own |= {"SERVERLESS__APPLICATION_ID": "00f1", "SERVERLESS__ROLE_ARN": "arn:aws:iam::123456789012:role/r"}
    for name, value in own.items():
        monkeypatch.setenv(f"PRESSWATCH_DEPLOY__{name}", value)
    monkeypatch.setattr(submission, "java_home", java_home)


def ran(line: str) -> int:
    return cli.run(["submit", *shlex.split(line)])


def test_each_file_of_jobs_runs_the_command_of_its_name_and_help_names_it() -> None:
    found = {}
    for path in (ROOT / "jobs").glob("*.py"):
        calls = [each for each in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(each, ast.List)]
        (words,) = calls
        found[path.stem] = " ".join(word.value for word in words.elts if isinstance(word, ast.Constant))
    assert found == JOBS
    assert all(command in str(submit.help).replace("\n", " ") for command in JOBS.values())


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        (
            "--on local --dry-run scan --corpus c --out o --profile aws x",
            "--corpus c --out o --profile aws x",
        ),
        ("--dry-run --on=local scan --corpus=c --out o -- --dry-run", "--corpus=c --out o -- --dry-run"),
        (
            "--on local --dry-run corpus build --members m --articles a --out o",
            "--members m --articles a --out o",
        ),
        (
            "--on local --dry-run corpus_build --members m --articles a --out o",
            "--members m --articles a --out o",
        ),
        ("--on local --dry-run watch --only-newest --dry-run", "--only-newest --dry-run"),
        ("--on local --dry-run verify-rows --sample 5 t", "--sample 5 t"),
        ("--on local --dry-run campaign run --budget 5 history", "--budget 5 history"),
        (
            "--on local --dry-run watch --only-newest -- --format wet --corpus c --out o",
            "--only-newest -- --format wet --corpus c --out o",
        ),
    ],
)
def test_what_follows_the_job_is_the_jobs_and_untouched(
    given: str, ends: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPARK_MASTER", "local[1]")
    assert ran(given) == 0
    command = json.loads(capsys.readouterr().out)["command"]
    assert command[0].endswith("/bin/spark-submit")
    assert command[1:3] == ["--master", "local[1]"]
    (entry,) = (word for word in command if word.startswith(str(ROOT / "jobs")))
    assert command[command.index(entry) + 1 :] == ends.split()


def test_credentials_before_the_job_are_the_jobs_on_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(f"--on local --profile aws --dry-run {SCAN}") == 0
    would = json.loads(capsys.readouterr().out)
    assert would["environment"]["PRESSWATCH_STORAGE__PROFILE"] == "aws"
    assert "aws" not in would["command"]


def test_a_dry_run_on_this_machine_prints_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        "service: local\n"
        "environment: {AWS_ENDPOINT_URL: 'https://anne:hunter2@s3.example', MY_TOKEN: hunter2}\n"
        "spark: {spark.hadoop.fs.s3a.secret.key: hunter2}\n"
    )
    endpoint = "--endpoint=https://anne:hunter2@s3.example"
    assert ran(f"--on {profile} --dry-run scan --corpus c --out o {endpoint} x") == 0
    printed = capsys.readouterr().out
    assert "hunter2" not in printed
    would = json.loads(printed)
    assert would["environment"]["AWS_ENDPOINT_URL"] == "https://s3.example"
    assert "--endpoint=https://s3.example" in would["command"]


def test_the_help_of_a_job_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("--on mars census --help") == 0
    assert capsys.readouterr().out.startswith("Usage: presswatch census")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "scan --corpus c --out o --profile aws x",
            "name the place where the job runs, before the job",
        ),
        ("scan --profile", "name the place where the job runs, before the job"),
        ("", "name the place where the job runs, before the job"),
        ("--on local", "name a JOB"),
        ("--on emr-ec2 scan --corpsu c", "No such option '--corpsu'"),
        (
            "--on emr-ec2 scan --corpus c --out o --no-wait x",
            "--no-wait is an option of submit: write it before scan",
        ),
        ("--on emr-ec2 verify-rows --sample 0 s3://b/t", "0 is not in the range"),
        ("--on emr-ec2 watch --only-newest -- --frmat wet", "No such option '--frmat'"),
        (f"--on emr-ec2 watch --only-newest -- {SCAN[5:]}", "leave PATH, --release and --release-name out"),
        (f"--on emr-ec2 --check --dry-run {SCAN}", "give either --check or --dry-run"),
        (f"--on local --no-wait {SCAN}", "are for jobs that run elsewhere"),
    ],
)
def test_what_is_not_understood_is_misuse_and_says_what_to_write(
    given: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(given) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (f"--on mars {SCAN}", "there is no profile mars (name one of emr-ec2, emr-serverless,"),
        ("--on local absent", "there is no job absent (name one of campaign run, census, claims, compare,"),
        ("--on local matches t", "there is no job matches"),
        (f"--on local {SCAN} --columns url", "read.columns must be pairs"),
        ("--on emr-ec2 --check verify-rows tables", "TABLES tables lies on this machine only"),
        ("--on emr-ec2 --check campaign run history", "CAMPAIGN history lies on this machine only"),
        ("--on emr-ec2 rights s3://b/t --signals other", "--signals other lies on this machine only"),
        ("--on emr-ec2 rights s3://b/t --out o", "--out o lies on this machine only"),
        (
            "--on emr-ec2 scan --corpus s3://b/c --out s3://b/t in/a.wet.gz",
            "PATH in/a.wet.gz lies on this machine",
        ),
        *(
            (
                f"--on emr-ec2 scan --corpus s3://b/c --out s3://b/t {more}",
                f"{more.split()[-2]} here lies on this machine only",
            )
            for more in (
                "s3://b/wet.paths.gz --base here",
                "--dataset culturax --part fr --mirror here",
                "--pages-of here",
                "--captures here",
                "--pages-of s3://b/t --index here",
            )
        ),
        (
            "--on emr-ec2 watch --only-newest -- --format wet --corpus s3://b/c --out s3://b/t --base here",
            "--base here lies on this machine only",
        ),
        (
            f"--on emr-ec2 {SCAN} --columns text=hf_0123456789abcdefABCD",
            "this looks like a secret, which would stand in a request: argument",
        ),
        (
            "--on emr-serverless compare s3://b/t --before a --after b --out /o",
            "--out /o is on a disk that ends with the job (name a folder on S3)",
        ),
    ],
)
def test_what_cannot_run_is_refused_with_what_to_do(
    given: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = "presswatch_spark.cli.submitting.archive_of"
    monkeypatch.setattr(archive, lambda *_, **__: ROOT / "pyproject.toml")
    assert ran(given) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--hf-token-file", "--hf-token-secret"])
@pytest.mark.parametrize("command", [SCAN, f"submit --on emr-ec2 {SCAN}"])
def test_a_token_in_the_place_of_its_name_is_refused_and_not_quoted(
    command: str, option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = "presswatch_spark.cli.submitting.archive_of"
    monkeypatch.setattr(archive, lambda *_, **__: ROOT / "pyproject.toml")
    token = "hf_0123456789abcdefABCD"
    assert cli.run([*shlex.split(command), option, token]) == 1
    told = "".join(capsys.readouterr())
    assert token not in told
    assert "must be the" in told or "this looks like a secret" in told


def test_a_profile_that_is_not_complete_is_refused_by_a_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PRESSWATCH_DEPLOY__STORE")
    assert ran(f"--on emr-serverless --check {SCAN}") == 1
    assert "store must be given" in capsys.readouterr().err


def test_a_check_names_the_caution_of_a_dataset_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("presswatch_spark.cli.submitting.check", lambda job: [])
    scan = "scan --dataset madlad-400 --part fr --corpus s3://b/corpus --out s3://b/tables"
    assert ran(f"--on emr-serverless --check {scan}") == 0
    assert capsys.readouterr().err.count("note: Its rows are text alone") == 1


def test_a_check_on_this_machine_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.execve", lambda *_: pytest.fail("it was started"))
    assert ran(f"--on local --check {SCAN}") == 0
    assert "scan can run on this machine" in capsys.readouterr().out
