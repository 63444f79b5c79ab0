"""docs/how-to/operations.md, step by step against moto's servers; what was called, against the policies."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from itertools import cycle
from pathlib import Path

import boto3
import pytest
import yaml

from presswatch_spark.core.settings.config import JOB_SETTINGS
from presswatch_spark.deploy.profiles import PROFILE_SETTINGS
from presswatch_spark.scanning.monitoring.metrics import FAMILIES
from presswatch_spark.tables import WATCH_FOLDER
from presswatch_spark.tables.column_values import SHARD_STATUSES
from presswatch_spark.tables.declarations import ShardLog
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.operations.hosts import Hosts
from tests.operations.policies import allows
from tests.operations.stacks import ACCOUNT, LABEL, REGION, STACK, policies, uncapitalised
from tests.s3.archives import write_archive
from tests.world.corpora import MEMBERS, article, write_jsonl
from tests.world.crawls import ARTICLES, write_crawl
from tests.world.prose import articles
from tests.world.servers import aws_account

DOCUMENT = ROOT / "docs" / "how-to" / "operations.md"
ALARMS = DOCUMENT.with_name("operations-alarms.md")
STEPS = DOCUMENT.read_text(encoding="utf-8")
TEXT = STEPS + ALARMS.read_text(encoding="utf-8")
BUCKET = "press-copies"
CRAWL, NEWER, SEED = "CC-MAIN-2026-21", "CC-MAIN-2026-25", 20260621
# Who does what stands below a heading.
ROLES = {"4.": "corpus", "5.": "submitter", "6.": "submitter", "7.": "submitter", "8.": "reader"}
LAST_ROLE = "submitter"
# Where the stack has the rights of each.
GRANTED = {
    "corpus": "CorpusPolicy",
    "submitter": "SubmitterPolicy",
    "job": "JobRole",
    "reader": "ReaderPolicy",
}
# What cannot be as it stands there: moto knows no emr-spark-8.0.0, and an archive takes minutes to build.
HERE = (
    (r"deploy BucketName=", f"deploy ReleaseLabel={LABEL} BucketName="),
    (r"make archive\n", ""),
    (r"--on emr-serverless", "--on emr-serverless --archive $TEST_ARCHIVE"),
)


def script() -> str:
    """All commands of the document in their order, each with the role that it is for."""
    lines = ["set -eu"]
    for section in re.split(r"^## ", STEPS, flags=re.MULTILINE)[1:]:
        lines.append(f"export RECORDED_ROLE={ROLES.get(section.split()[0], LAST_ROLE)}")
        lines += re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    text = "\n".join(lines)
    for pattern, here in HERE:
        assert re.search(pattern, text), pattern
        text = re.sub(pattern, lambda _, here=here: here, text)
    return text


@dataclass
class Account:
    """An account at moto's, a folder like a checkout after `make setup`, and what was recorded."""

    folder: Path
    endpoint: str
    environment: dict[str, str]
    hosts: Hosts

    def calls(self) -> list[dict[str, str]]:
        lines = (self.folder / "calls").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setattr("moto.emrserverless.models.JOB_STATUS", "SUBMITTED")
    # The server is in this process; the stack is made by another.
    import_module("tests.operations.resources")
    with aws_account() as endpoint:
        environment = _environment(tmp_path, endpoint)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        _checkout(tmp_path)
        _common_crawl(tmp_path / "mirror")

        def as_job(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "presswatch_spark", *words],
                env=environment | {"RECORDED_ROLE": "job", "PRESSWATCH_RUN__CORES": "1"},
                capture_output=True,
                text=True,
                check=False,
            )

        hosts = Hosts(ACCOUNT, REGION, boto3.client("s3"), as_job)
        hosts.start()
        yield Account(tmp_path, endpoint, environment, hosts)
        hosts.stop()


def _environment(folder: Path, endpoint: str) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("HOME", "JAVA_HOME", "LANG") if name in os.environ},
        "PATH": f"{folder}/bin{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join((str(ROOT / "tests" / "operations" / "recording"), str(ROOT))),
        "XDG_CACHE_HOME": str(folder / "cache"),
        **({"NUMBA_CACHE_DIR": cache} if (cache := os.environ.get("NUMBA_CACHE_DIR")) else {}),
        "TEST_ARCHIVE": str(write_archive(folder)),
        "RECORDED_CALLS": str(folder / "calls"),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "NO_PROXY": "127.0.0.1,localhost",
        "PRESSWATCH_DATASETS__COMMON_CRAWL__INDEX": "s3://commoncrawl/collinfo.json",
        "PRESSWATCH_DEPLOY__RELEASE": LABEL,
        "PRESSWATCH_DEPLOY__WAIT__FIRST_SECONDS": "0.2",
        "PRESSWATCH_DEPLOY__WAIT__LONGEST_SECONDS": "0.5",
    }


def _checkout(folder: Path) -> None:
    """What the commands take for granted: checkout, program, the `aws` command, members and articles."""
    for name in ("docs", "scripts", "conf"):
        (folder / name).symlink_to(ROOT / name)
    programs = {
        ".venv/bin/python": f'exec {sys.executable} "$@"',
        ".venv/bin/presswatch": f'exec {sys.executable} -m presswatch_spark "$@"',
        "bin/aws": f'RECORDED_CALLS= exec {sys.executable} {ROOT}/tests/operations/aws.py "$@"',
    }
    for name, line in programs.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
    (folder / "members.yaml").write_text(MEMBERS, encoding="utf-8")
    (folder / "articles").mkdir()
    # A title without an article ends the build with 3.
    titles = cycle(
        title["id"] for publisher in yaml.safe_load(MEMBERS)["publishers"] for title in publisher["titles"]
    )
    rows = [
        article(number, body=source.body, title_id=next(titles))
        for number, source in enumerate(articles(ARTICLES, SEED))
    ]
    write_jsonl(folder / "articles" / "all.jsonl", rows)


def _common_crawl(root: Path) -> None:
    """The bucket of Common Crawl with one small crawl and the list of it."""
    client = boto3.client("s3")
    client.create_bucket(Bucket="commoncrawl")
    _publish(root, CRAWL)
    crawl = {"id": CRAWL, "from": "2026-05-01T00:00:00", "to": datetime.now(UTC).isoformat()}
    client.put_object(Bucket="commoncrawl", Key="collinfo.json", Body=json.dumps([crawl]))


def _publish(root: Path, crawl: str) -> None:
    write_crawl(root, crawl, 2, SEED)
    client = boto3.client("s3")
    for path in (root / "crawl-data" / crawl).rglob("*.gz"):
        client.upload_file(str(path), "commoncrawl", str(path.relative_to(root)))


def fired(moment: str) -> str:
    """Start the job of the definition, as scheduler and state machine do at a moment; its run's id."""
    scheduled = boto3.client("scheduler").get_schedule(Name=STACK)["Target"]
    machine = boto3.client("stepfunctions").describe_state_machine(stateMachineArn=scheduled["Arn"])
    watch = json.loads(machine["definition"])["States"]["Watch"]
    given = json.loads(scheduled["Input"].replace("<aws.scheduler.scheduled-time>", moment))
    hashed = f"States.Hash(States.Format('{STACK} {{}}', $.scheduled_time), 'SHA-256')"
    assert watch["Parameters"].pop("ClientToken.$") == hashed
    token = sha256(f"{STACK} {given['scheduled_time']}".encode()).hexdigest()
    asked = uncapitalised(watch["Parameters"])
    return str(boto3.client("emr-serverless").start_job_run(**asked, clientToken=token)["jobRunId"])


@pytest.mark.full
def test_every_command_of_the_document_does_what_it_says(account: Account) -> None:
    commands, last = script().rsplit("\naws cloudformation delete-stack", 1)
    done = account.run(commands)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{account.hosts.said}"
    assert account.hosts.codes == [0, 0, 0], account.hosts.said
    store = TableStore.open(f"s3://{BUCKET}/tables")
    rows = store.read("runs").to_pylist()
    assert [(row["release"], row["sample"]) for row in rows] == [(CRAWL, 0.01), (CRAWL, None)]
    assert all(row["matches"] for row in rows)
    assert f"{CRAWL}: scanned\n" in done.stdout
    assert "\nENABLED\n" in done.stdout
    made = boto3.client("scheduler").get_schedule(Name=STACK)
    assert (made["State"], made["ScheduleExpression"]) == ("ENABLED", "rate(12 hours)")

    # A crawl appears; the schedule fires twice for it, and once more the day after.
    _publish(account.folder / "mirror", NEWER)
    for moment in ("2026-06-20T06:00:00Z", "2026-06-20T06:00:00Z", "2026-06-21T06:00:00Z"):
        run = fired(moment)
        while run not in account.hosts.done or len(account.hosts.codes) < len(account.hosts.done):
            account.hosts.over.wait(0.1)
    assert account.hosts.codes == [0] * 6, account.hosts.said
    assert [row["release"] for row in store.read("runs").to_pylist()] == [CRAWL, CRAWL, NEWER]
    locks = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"tables/{WATCH_FOLDER}/")
    assert not locks.get("Contents")

    granted = policies()
    assert [call for call in account.calls() if not allows(granted[GRANTED[call["role"]]], call)] == []
    assert {call["role"] for call in account.calls()} == set(GRANTED)
    ended = account.run(f"aws cloudformation delete-stack{last}")
    assert ended.returncode == 0, ended.stderr
    assert boto3.client("scheduler").list_schedules()["Schedules"] == []
    assert boto3.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"]


def signs() -> str:
    """The first column of the table of alarms."""
    table = TEXT.partition("## What an alarm means")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"^\|(.*?) \|", table, re.MULTILINE))


def test_metrics_settings_and_columns_that_the_document_names_are_there() -> None:
    named = re.findall(r"`presswatch_([a-z_]+)(?:\{([a-z]+)=\"(\w+)\"\})?`", TEXT)
    assert len(named) > 5
    for name, label, value in named:
        assert name in FAMILIES, name
        assert not label or (label == FAMILIES[name].label and value in FAMILIES[name].values), name
    known = {*JOB_SETTINGS.known, *PROFILE_SETTINGS.known}
    named = re.findall(r"`((?:run|serverless|executor|storage)\.[a-z_]+|most_executors)`", TEXT)
    assert len(named) > 3
    assert not set(named) - known
    (columns,) = re.findall(r"select ([\w, ]+) from scan_log where (\w+)", TEXT)
    assert {*columns[0].split(", "), columns[1]} <= set(ShardLog.schema.names)


def test_every_sign_of_the_table_of_alarms_is_something_that_the_program_says() -> None:
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "presswatch_spark").rglob("*.py"))
    words = [word for word in re.findall(r"\"([^\"]+)\"", signs()) if word not in SHARD_STATUSES]
    quoted = re.findall(r"`(\w[\w ]*[:,] …[^`]*)`", signs())
    # What stands for `…` differs; all that stands around it is the program's.
    phrases = [part for text in quoted + words for part in text.split("…") if part.strip()]
    assert len(words) > 3
    assert len(phrases) > 3 + len(words)
    assert not [phrase for phrase in phrases if phrase.strip() not in source]
