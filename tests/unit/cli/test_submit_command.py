"""`presswatch submit`: which options are whose, and what is refused before anything is started."""

import ast
import json
import shlex
from functools import cache
from pathlib import Path

import pytest

from presswatch_spark.cli.commands.submit import JOBS, submit
from presswatch_spark.deploy import submission
from tests.conftest import ROOT
from tests.world.commands import Outcome, outcome

java_home = cache(submission.java_home)
"""The machine's Java, which is started to be asked once."""
SCAN = "scan --corpus s3://b/corpus --out s3://b/tables s3://b/a.wet.gz"


@pytest.fixture(autouse=True)
def _filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"REGION": "eu-west-3", "STORE": "s3://b/store", "LOGS": "s3://b/logs", "EC2__CLUSTER_ID": "j-1"}
    own |= {"SERVERLESS__APPLICATION_ID": "00f1", "SERVERLESS__ROLE_ARN": "arn:aws:iam::123456789012:role/r"}
    for name, value in own.items():
        monkeypatch.setenv(f"PRESSWATCH_DEPLOY__{name}", value)
    monkeypatch.setenv("SPARK_MASTER", "local[1]")
    monkeypatch.setattr(submission, "java_home", java_home)
    for name in ("archive_for", "existing_archive", "check_archive"):
        monkeypatch.setattr(f"presswatch_spark.deploy.archive.{name}", lambda *_: ROOT / "pyproject.toml")


def submitted(line: str) -> Outcome:
    return outcome("submit", *shlex.split(line))


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
        *(
            (
                f"--on local --dry-run {job} --members m --articles a --out o",
                "--members m --articles a --out o",
            )
            for job in ("corpus build", "corpus_build")
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
def test_what_follows_the_job_is_the_jobs_and_untouched(given: str, ends: str) -> None:
    done = submitted(given)
    assert done.code == 0
    command = json.loads(done.out)["command"]
    assert command[0].endswith("/bin/spark-submit")
    assert command[1:3] == ["--master", "local[1]"]
    (entry,) = (word for word in command if word.startswith(str(ROOT / "jobs")))
    assert command[command.index(entry) + 1 :] == ends.split()


def test_credentials_before_the_job_are_the_jobs_on_this_machine_and_no_password_is_printed(
    tmp_path: Path,
) -> None:
    would = json.loads(submitted(f"--on local --profile aws --dry-run {SCAN}").out)
    assert would["environment"]["PRESSWATCH_STORAGE__PROFILE"] == "aws"
    assert "aws" not in would["command"]
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        "service: local\n"
        "environment: {AWS_ENDPOINT_URL: 'https://anne:hunter2@s3.example', MY_TOKEN: hunter2}\n"
        "spark: {spark.hadoop.fs.s3a.secret.key: hunter2}\n"
    )
    endpoint = "--endpoint=https://anne:hunter2@s3.example"
    printed = submitted(f"--on {profile} --dry-run scan --corpus c --out o {endpoint} x").out
    assert "hunter2" not in printed
    would = json.loads(printed)
    assert would["environment"]["AWS_ENDPOINT_URL"] == "https://s3.example"
    assert "--endpoint=https://s3.example" in would["command"]


def test_the_help_of_a_job_starts_nothing() -> None:
    done = submitted("--on mars census --help")
    assert (done.code, done.out.startswith("Usage: presswatch census")) == (0, True)


WATCH = "--on emr-ec2 watch --only-newest --"
WHERE = "scan --corpus s3://b/c --out s3://b/t"


@pytest.mark.parametrize(
    ("code", "given", "said"),
    [
        (2, "scan --corpus c --out o --profile aws x", "choose where the job runs, before the job"),
        (2, "scan --profile", "choose where the job runs, before the job"),
        (2, "", "choose where the job runs, before the job"),
        (2, "--on local", "pass a JOB"),
        (2, "--on emr-ec2 scan --corpsu c", "No such option '--corpsu'"),
        (
            2, "--on emr-ec2 scan --corpus c --out o --no-wait x",
            "--no-wait is an option of submit: write it before scan",
        ),
        (2, "--on emr-ec2 verify-rows --sample 0 s3://b/t", "0 is not in the range"),
        (2, f"--on emr-ec2 verify-rows --sample {1 << 31} s3://b/t", "2147483648 is more than 2,147,483,647"),
        (2, f"{WATCH} --frmat wet", "No such option '--frmat'"),
        (2, f"{WATCH} {SCAN[5:]}", "leave out PATH, --release and --release-name"),
        (2, f"--on emr-ec2 --check --dry-run {SCAN}", "pass either --check or --dry-run"),
        (2, f"--on local --no-wait {SCAN}", "are only for jobs on other hosts"),
        (1, f"--on mars {SCAN}", "there is no profile mars (choose one of emr-ec2, emr-serverless,"),
        (1, "--on local absent", "there is no job absent (choose one of campaign run, census, claims,"),
        (1, "--on local matches t", "there is no job matches"),
        (1, f"--on local {SCAN} --columns url", "read.columns must be pairs"),
        (1, "--on emr-ec2 --check verify-rows tables", "TABLES tables is on this machine only"),
        (1, "--on emr-ec2 --check campaign run history", "CAMPAIGN history is on this machine only"),
        (1, "--on emr-ec2 rights s3://b/t --signals other", "--signals other is on this machine only"),
        (1, "--on emr-ec2 rights s3://b/t --out o", "--out o is on this machine only"),
        (1, f"--on emr-ec2 {WHERE} in/a.wet.gz", "PATH in/a.wet.gz is on this machine"),
        *(
            (1, f"--on emr-ec2 {WHERE} {more}", f"{more.split()[-2]} here is on this machine only")
            for more in (
                "s3://b/wet.paths.gz --base here", "--dataset culturax --part fr --mirror here",
                "--pages-of here", "--captures here", "--pages-of s3://b/t --index here",
            )
        ),
        (1, f"{WATCH} --format wet {WHERE[5:]} --base here", "--base here is on this machine only"),
        (
            1, f"--on emr-ec2 {SCAN} --columns text=hf_0123456789abcdefABCD",
            "this looks like a secret, which would be part of a request: argument",
        ),
        (
            1, "--on emr-serverless compare s3://b/t --before a --after b --out /o",
            "--out /o is on a disk that ends with the job (choose a folder on S3)",
        ),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_with_what_to_do(code: int, given: str, said: str) -> None:
    done = submitted(given)
    assert done.code == code
    assert said in done.err


@pytest.mark.parametrize("option", ["--hf-token-file", "--hf-token-secret"])
@pytest.mark.parametrize("command", [SCAN, f"submit --on emr-ec2 {SCAN}"])
def test_a_token_in_the_place_of_its_name_is_refused_and_not_quoted(command: str, option: str) -> None:
    token = "hf_0123456789abcdefABCD"
    done = outcome("", *shlex.split(command), option, token)
    assert (done.code, token in done.out + done.err) == (1, False)
    assert "must be the" in done.err or "this looks like a secret" in done.err


def test_a_check_starts_nothing_and_names_a_caution_once_and_an_incomplete_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.execve", lambda *_: pytest.fail("it was started"))
    assert "scan can run on this machine" in submitted(f"--on local --check {SCAN}").out
    with monkeypatch.context() as patch:
        patch.setattr("presswatch_spark.scanning.pipeline.ScanPlan.of", lambda *_, **__: None)
        patch.setattr("presswatch_spark.deploy.check.check", lambda job, _: [job.plan_scan()][:0])
        scan = "scan --dataset madlad-400 --part fr --corpus s3://b/corpus --out s3://b/tables"
        done = submitted(f"--on emr-serverless --check {scan}")
    assert (done.code, done.err.count("note: Its rows are text alone")) == (0, 1)
    monkeypatch.delenv("PRESSWATCH_DEPLOY__STORE")
    done = submitted(f"--on emr-serverless --check {SCAN}")
    assert (done.code, "store must be given" in done.err) == (1, True)
