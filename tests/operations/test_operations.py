"""docs/how-to/operations.md, step by step against moto's servers; its policies, against what was called."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest

from presswatch_spark.demo.prose import articles
from presswatch_spark.deploy.profiles import profile_settings
from presswatch_spark.monitoring.metrics import FAMILIES, STATUSES
from presswatch_spark.output.tables import TableStore
from presswatch_spark.settings.kinds import known_settings
from presswatch_spark.tables import SCAN_LOG
from presswatch_spark.watch.claims import FOLDER
from tests.conftest import ROOT
from tests.corpora import MEMBERS, article, write_jsonl
from tests.mirrors import ARTICLES, write_crawl
from tests.operations.hosts import Hosts
from tests.operations.policies import PERMISSIONS, actions, allows
from tests.s3.archives import write_archive
from tests.servers import s3

DOCUMENT = ROOT / "docs" / "how-to" / "operations.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
ACCOUNT, REGION, BUCKET = "123456789012", "us-east-1", "press-copies"
CRAWL, NEWER, SEED = "CC-MAIN-2026-21", "CC-MAIN-2026-25", 20260621
# Who does what stands below a heading.
ROLES = {"4.": "corpus", "5.": "submitter", "6.": "submitter", "7.": "submitter", "8.": "reader"}
LAST_ROLE = "submitter"
LABEL = "emr-7.9.0"
# What cannot be as it stands there: moto knows no emr-spark-8.0.0, and an archive takes minutes to build.
HERE = (
    (r"emr-spark-8\.0\.0", LABEL),
    (r"make archive\n", ""),
    (r"--profile emr-serverless", "--profile emr-serverless --archive $ARCHIVE"),
)


def policies() -> dict[str, Any]:
    """The JSON of the document, by name."""
    blocks = re.findall(r"^```json ([\w-]+)\.json\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    names = {"ACCOUNT": ACCOUNT, "REGION": REGION, "BUCKET": BUCKET}
    filled = {name: re.sub("|".join(names), lambda found: names[found[0]], text) for name, text in blocks}
    return {name: json.loads(text) for name, text in filled.items()}


def permissions() -> dict[str, Any]:
    """The policies that give rights to somebody."""
    return {
        name: policy
        for name, policy in policies().items()
        if not name.startswith("trust-") and "Statement" in policy
    }


def script() -> str:
    """All commands of the document in their order, each with the role that it is for."""
    lines = ["set -eu"]
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]:
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
    with s3() as endpoint:
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
        "ARCHIVE": str(write_archive(folder)),
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
    rows = [article(number, body=source.body) for number, source in enumerate(articles(ARTICLES, SEED))]
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
    scheduled = boto3.client("scheduler").get_schedule(GroupName="presswatch", Name="monthly")["Target"]
    machine = boto3.client("stepfunctions").describe_state_machine(stateMachineArn=scheduled["Arn"])
    watch = json.loads(machine["definition"])["States"]["Watch"]
    given = json.loads(scheduled["Input"].replace("<aws.scheduler.scheduled-time>", moment))
    hashed = "States.Hash(States.Format('monthly {}', $.scheduled_time), 'SHA-256')"
    assert watch["Parameters"].pop("ClientToken.$") == hashed
    token = sha256(f"monthly {given['scheduled_time']}".encode()).hexdigest()
    asked = _small(watch["Parameters"])
    return str(boto3.client("emr-serverless").start_job_run(**asked, clientToken=token)["jobRunId"])


def _small(value: Any) -> Any:
    """Step Functions' names of fields as boto3 has them."""
    if isinstance(value, dict):
        foreign = ("Properties", "Tags")
        return {
            name[0].lower() + name[1:]: below if name in foreign else _small(below)
            for name, below in value.items()
        }
    return [_small(each) for each in value] if isinstance(value, list) else value


@pytest.mark.full
def test_every_command_of_the_document_does_what_it_says(account: Account) -> None:
    commands, last = script().rsplit("\n.venv/bin/presswatch schedule delete", 1)
    done = account.run(commands)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{account.hosts.said}"
    assert account.hosts.codes == [0, 0], account.hosts.said
    store = TableStore.open(f"s3://{BUCKET}/tables")
    rows = store.read("runs").to_pylist()
    assert [(row["release"], row["sample"]) for row in rows] == [(CRAWL, 0.01), (CRAWL, None)]
    assert all(row["matches"] for row in rows)
    assert f"{CRAWL}: scanned, by a run that nobody claimed" in done.stdout
    assert "rate" not in done.stdout
    assert "ENABLED" in done.stdout

    # A crawl appears; the schedule fires twice for it, and once more the day after.
    _publish(account.folder / "mirror", NEWER)
    for moment in ("2026-06-20T06:00:00Z", "2026-06-20T06:00:00Z", "2026-06-21T06:00:00Z"):
        run = fired(moment)
        while run not in account.hosts.done or len(account.hosts.codes) < len(account.hosts.done):
            account.hosts.over.wait(0.1)
    assert account.hosts.codes == [0] * 5, account.hosts.said
    assert [row["release"] for row in store.read("runs").to_pylist()] == [CRAWL, CRAWL, NEWER]
    claims = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"tables/{FOLDER}/")["Contents"]
    assert len(claims) == 1

    role = f"export RECORDED_ROLE={LAST_ROLE}"
    ended = account.run(f"{role}\n.venv/bin/presswatch schedule delete{last}")
    assert ended.returncode == 0, ended.stderr
    _check_calls(account)


def _check_calls(account: Account) -> None:
    """Everything that was called is allowed to whoever called it, and the roles are the document's."""
    granted = permissions()
    assert not [call for call in account.calls() if not allows(granted[call["role"]], call)]
    assert {call["role"] for call in account.calls()} == {"corpus", "submitter", "job", "reader"}
    iam = boto3.client("iam")
    for role in ("job", "machine", "schedule"):
        made = iam.get_role_policy(RoleName=f"presswatch-{role}", PolicyName="presswatch")
        text = json.dumps(made["PolicyDocument"])
        assert not re.search(r"ACCOUNT|REGION|BUCKET|APPLICATION", text)
    topics = boto3.client("sns").list_topics()["Topics"]
    assert [topic["TopicArn"] for topic in topics] == [f"arn:aws:sns:{REGION}:{ACCOUNT}:presswatch"]


def test_policies_have_no_stars_but_those_that_the_document_names() -> None:
    for name, policy in permissions().items():
        assert not [action for action in actions(policy) if "*" in action], name
        for statement in policy["Statement"]:
            whole = [resource for resource in statement["Resource"] if resource == "*"]
            assert not whole or statement["Action"] == ["scheduler:ListSchedules"], (name, statement["Sid"])
            assert all(
                re.fullmatch(r"arn:aws:[^*]+(/\*|presswatch-\*|presswatch/\*)?", resource)
                for resource in statement["Resource"]
                if resource != "*"
            ), (name, statement["Sid"])
            if "s3:ListBucket" in statement["Action"]:
                assert statement["Action"] == ["s3:ListBucket"], name
                assert statement["Resource"] == [f"arn:aws:s3:::{BUCKET}"], name
    (listing,) = (each for each in permissions()["reader"]["Statement"] if each["Sid"] == "Listing")
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["tables/*"]}}


def test_every_action_of_the_policies_is_one() -> None:
    """By the names of calls that botocore knows; some services have other names in policies."""
    services = {
        "s3": "s3",
        "emr-serverless": "emr-serverless",
        "states": "stepfunctions",
        "scheduler": "scheduler",
        "events": "events",
        "sns": "sns",
        "elasticmapreduce": "emr",
    }
    session = boto3.session.Session(region_name=REGION)
    for policy in permissions().values():
        for action in actions(policy):
            if action not in PERMISSIONS:
                service, _, operation = action.partition(":")
                known = session.client(services[service]).meta.service_model.operation_names
                assert operation in known, action


def test_who_may_pass_which_role_is_said() -> None:
    for name, policy in permissions().items():
        for statement in policy["Statement"]:
            if "iam:PassRole" in statement["Action"]:
                assert statement["Condition"]["StringEquals"]["iam:PassedToService"], name
                assert all(":role/presswatch-" in role for role in statement["Resource"]), name


def test_a_call_that_no_policy_names_is_noticed() -> None:
    granted = permissions()
    write = {"service": "s3", "operation": "PutObject", "bucket": BUCKET, "key": "tables/runs/x"}
    assert allows(granted["job"], write)
    assert not allows(granted["submitter"], write)
    assert not allows(granted["reader"], write)
    claim = write | {"key": "tables/_watch/x.json"}
    assert allows(granted["submitter"], claim)
    listing = {"service": "s3", "operation": "ListObjectsV2", "bucket": BUCKET, "prefix": "tables/runs/"}
    assert allows(granted["reader"], listing)
    assert not allows(granted["reader"], listing | {"prefix": "store/"})
    assert not allows(granted["reader"], {"service": "emr-serverless", "operation": "StartJobRun"})


def signs() -> str:
    """The first column of the table of alarms."""
    table = TEXT.partition("## What an alarm means")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"^\|(.*?) \|", table, re.MULTILINE))


def test_every_metric_that_the_document_names_is_one_with_that_label_and_value() -> None:
    named = re.findall(r"`presswatch_([a-z_]+)(?:\{([a-z]+)=\"(\w+)\"\})?`", TEXT)
    assert len(named) > 5
    for name, label, value in named:
        assert name in FAMILIES, name
        assert not label or (label == FAMILIES[name].label and value in FAMILIES[name].values), name


def test_every_sign_of_the_table_of_alarms_is_something_that_the_program_says() -> None:
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "presswatch_spark").rglob("*.py"))
    words = [word for word in re.findall(r"\"([^\"]+)\"", signs()) if word not in STATUSES]
    quoted = re.findall(r"`(\w[\w ]*[:,] …[^`]*)`", signs())
    # What stands for `…` differs; all that stands around it is the program's.
    phrases = [part for text in quoted + words for part in text.split("…") if part.strip()]
    assert len(words) > 3
    assert len(phrases) > 3 + len(words)
    assert not [phrase for phrase in phrases if phrase.strip() not in source]


def test_settings_and_columns_that_the_document_names_are_there() -> None:
    known = {".".join(path) for path in (*known_settings(), *profile_settings().known)}
    named = re.findall(r"`((?:run|serverless|executor|storage)\.[a-z_]+|most_executors)`", TEXT)
    assert len(named) > 3
    assert not set(named) - known
    (columns,) = re.findall(r"select ([\w, ]+) from scan_log where (\w+)", TEXT)
    assert {*columns[0].split(", "), columns[1]} <= set(SCAN_LOG.names)


def test_files_that_the_document_names_are_there() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", TEXT)
    assert links
    assert not [link for link in links if not (DOCUMENT.parent / link).exists()]
