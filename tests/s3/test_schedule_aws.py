"""`presswatch schedule` and the watch on EMR, against moto's servers of the services that they use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto.emrserverless.models import emrserverless_backends

from presswatch_spark import cli
from presswatch_spark.deploy import starter
from presswatch_spark.deploy.command import main as submit
from presswatch_spark.deploy.profiles import load_profile
from presswatch_spark.deploy.starter import Deployed
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.watch.claims import Claim, Claims, State
from presswatch_spark.watch.look import UNDER_WAY
from tests.s3.archives import write_archive
from tests.watching import KEY, LEASE, NEWEST, NOON, Clock, look, release, told

ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
ROLES = ("--machine-role", f"{ROLE}/machine", "--schedule-role", f"{ROLE}/schedule")
WATCH = ("--only-newest", "--", "--format", "wet", "--corpus", "s3://shards/corpus", "--out", "s3://shards/t")
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:presswatch-monthly"
LABEL = "emr-7.9.0"  # moto knows no emr-spark-8.0.0


@pytest.fixture
def application(endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    emr = boto3.client("emr-serverless")
    made = emr.create_application(name="presswatch", releaseLabel=LABEL, type="SPARK", clientToken="t")
    return str(made["applicationId"])


@pytest.fixture
def profile(application: str, tmp_path: Path) -> Path:
    path = tmp_path / "profile.yaml"
    settings = {
        "service": "emr-serverless",
        "release": LABEL,
        "region": REGION,
        "store": "s3://shards/store",
        "logs": "s3://shards/logs",
        "serverless": {"application_id": application, "role_arn": f"{ROLE}/job"},
    }
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture
def create(profile: Path, tmp_path: Path) -> Iterator[list[str]]:
    """The command that makes a schedule; what it made is removed."""
    archive = ("--archive", str(write_archive(tmp_path)))
    yield ["schedule", "create", "monthly", "--profile", str(profile), *archive, *ROLES]
    cli.run(["schedule", "delete", "monthly", "--region", REGION])


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


class TestSchedule:
    def test_is_made_once_and_brought_to_what_is_said_later(
        self, create: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.run([*create, "--", *WATCH]) == 0
        assert said(capsys) == [f"created {MACHINE}", "created schedule presswatch/monthly: rate(1 day)"]
        assert cli.run([*create, "--", *WATCH]) == 0
        assert said(capsys) == [
            f"there already: {MACHINE}",
            "there already: schedule presswatch/monthly: rate(1 day)",
        ]
        assert (
            cli.run([*create, "--at", "cron(0 6 * * ? *)", "--timezone", "Europe/Paris", "--", *WATCH]) == 0
        )
        assert said(capsys)[1] == "updated schedule presswatch/monthly: cron(0 6 * * ? *)"
        assert cli.run([*create, "--topic", f"arn:aws:sns:{REGION}:{ACCOUNT}:x", "--", *WATCH]) == 0
        assert said(capsys)[0] == f"updated {MACHINE}"

    def test_what_stands_at_aws_is_what_the_dry_run_printed(
        self, create: list[str], capsys: pytest.CaptureFixture[str], client: Any
    ) -> None:
        assert cli.run([*create, "--dry-run", "--", *WATCH]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert client.list_objects_v2(Bucket="shards")["KeyCount"] == 0
        states, scheduler = boto3.client("stepfunctions"), boto3.client("scheduler")
        assert not any(
            each["name"] == "presswatch-monthly" for each in states.list_state_machines()["stateMachines"]
        )
        assert cli.run([*create, "--", *WATCH]) == 0
        made = states.describe_state_machine(stateMachineArn=MACHINE)
        assert json.loads(made["definition"]) == printed["create_state_machine"]["definition"]
        assert made["roleArn"] == f"{ROLE}/machine"
        found = scheduler.get_schedule(GroupName="presswatch", Name="monthly")
        assert {name: found[name] for name in printed["create_schedule"]} == printed["create_schedule"]
        asked = printed["create_state_machine"]["definition"]["States"]["Watch"]["Parameters"]
        assert asked["JobDriver"]["SparkSubmit"]["EntryPointArguments"] == list(WATCH)
        for upload in printed["uploads"]:
            bucket, _, key = upload["uri"].removeprefix("s3://").partition("/")
            assert (
                client.head_object(Bucket=bucket, Key=key)["ContentLength"]
                == Path(upload["file"]).stat().st_size
            )

    def test_its_jobs_leave_their_exit_codes_where_no_job_by_hand_looks_for_its_own(
        self, create: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.run([*create, "--dry-run", "--", *WATCH]) == 0
        scheduled = capsys.readouterr().out
        profile, archive = create[create.index("--profile") + 1], create[create.index("--archive") + 1]
        by_hand = ("watch", "--profile", profile, "--archive", archive, "--dry-run", "--", *WATCH)
        assert submit(by_hand) == 0
        results = [
            set(re.findall(r"s3://\S+\.result\.json", text)) for text in (scheduled, capsys.readouterr().out)
        ]
        assert results[0]
        assert results[1]
        assert not results[0] & results[1]

    def test_without_an_archive_a_dry_run_makes_none(
        self,
        create: list[str],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.setattr(starter, "ROOT", tmp_path)
        at = create.index("--archive")
        words = [*create[:at], *create[at + 2 :], "--dry-run", "--", *WATCH]
        assert cli.run(words) == 1
        assert "there is no archive of these sources yet" in capsys.readouterr().err
        assert not (tmp_path / "dist").exists()

    def test_is_listed_with_its_last_execution_and_removed_with_its_machine(
        self, create: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert cli.run(["schedule", "list", "--region", REGION]) == 0
        assert "no schedules" in capsys.readouterr().err
        assert cli.run([*create, "--", *WATCH]) == 0
        boto3.client("stepfunctions").start_execution(stateMachineArn=MACHINE, input="{}")
        capsys.readouterr()
        assert cli.run(["schedule", "list", "--region", REGION, "--json"]) == 0
        (row,) = [json.loads(line) for line in said(capsys)]
        assert (row["name"], row["state"], row["last"], row["machine"]) == (
            "monthly",
            "ENABLED",
            "RUNNING",
            MACHINE,
        )
        assert cli.run(["schedule", "delete", "monthly", "--region", REGION]) == 0
        assert said(capsys) == [f"removed {MACHINE}", "removed schedule presswatch/monthly"]
        assert not list(boto3.client("stepfunctions").list_state_machines()["stateMachines"])
        assert cli.run(["schedule", "delete", "monthly", "--region", REGION]) == 1
        assert "there is no such schedule" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "what"),
        [
            (("--", "--only-newest", "--every", "5", "--", *WATCH[2:]), "leave --every and --profile out"),
            (("--", "--only-newest", "--profile", "x", "--", *WATCH[2:]), "leave --every and --profile out"),
            (("--", "--only-newest", "--again", NEWEST, "--", *WATCH[2:]), "are for one look"),
            (("--", "--only-newestt", "--", *WATCH[2:]), "No such option"),
            (("--", "--only-newest", "--", "--corpus", "s3://shards/c"), "Missing option '--out'"),
        ],
    )
    def test_what_the_watch_would_refuse_every_day_is_refused_at_once(
        self, create: list[str], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], what: str
    ) -> None:
        assert cli.run([*create, *words]) == 2
        assert what in capsys.readouterr().err


def result_of(run: Any) -> str:
    """The key of the object in which a job run leaves its exit code."""
    (defaults,) = run.configuration_overrides["applicationConfiguration"]
    uri = defaults["properties"]["spark.emr-serverless.driverEnv.PRESSWATCH_RESULT_URI"]
    return str(uri).removeprefix("s3://shards/")


class TestWatchOnEmr:
    @pytest.fixture
    def emr(self, profile: Path, tmp_path: Path) -> Deployed:
        loaded = load_profile(str(profile), {})
        return Deployed(str(profile), loaded, lambda line: None, write_archive(tmp_path))

    def runs(self, application: str) -> list[Any]:
        return list(emrserverless_backends[ACCOUNT][REGION].job_runs.get(application, []))

    def test_a_release_is_submitted_once_and_its_exit_code_is_found(
        self, emr: Deployed, application: str, client: Any
    ) -> None:
        out, clock = "s3://shards/tables", Clock()
        found = look(out, emr, clock)([release()])
        assert told(list(found)) == {NEWEST: ("started", UNDER_WAY)}
        (run,) = self.runs(application)
        run.state = "RUNNING"
        assert told(list(look(out, emr, clock)([release()]))) == {NEWEST: ("under way", UNDER_WAY)}
        held = Claims(out, StorageOptions()).read(NEWEST, KEY)
        assert held
        assert held.claim.place["run"] == run.id
        run.state = "FAILED"
        client.put_object(Bucket="shards", Key=result_of(run), Body=b'{"exit_code": 3}')
        assert told(list(look(out, emr, clock)([release()]))) == {NEWEST: ("scanned", 3)}
        assert len(self.runs(application)) == 1

    def test_who_follows_a_dead_watcher_finds_its_submission_with_another_version_too(
        self, emr: Deployed, application: str, tmp_path: Path
    ) -> None:
        out, clock, claims = (
            "s3://shards/tables",
            Clock(),
            Claims("s3://shards/tables", look("x", emr, Clock()).claims.storage),
        )
        held = claims.add(Claim.new(NEWEST, KEY, "dead", NOON))
        first = look(out, emr, clock).job_of(release())
        emr.start(first, held.claim, lambda place: None)
        clock.later(LEASE)
        other = tmp_path / "other"
        other.mkdir()
        newer = write_archive(other)
        newer.write_bytes(newer.read_bytes() + b"\0" * 512)
        upgraded = Deployed(emr.name, emr.profile, emr.say, newer)
        assert told(list(look(out, upgraded, clock)([release()]))) == {NEWEST: ("started", UNDER_WAY)}
        (run,) = self.runs(application)
        after = claims.read(NEWEST, KEY)
        assert after
        assert (after.claim.state, after.claim.place["run"]) == (State.SUBMITTED, run.id)

    def test_who_follows_a_dead_watcher_does_not_run_again_what_failed_meanwhile(
        self, emr: Deployed, application: str, client: Any
    ) -> None:
        out, clock = "s3://shards/tables", Clock()
        held = Claims(out, StorageOptions()).add(Claim.new(NEWEST, KEY, "dead", NOON))
        emr.start(look(out, emr, clock).job_of(release()), held.claim, lambda place: None)
        (run,) = self.runs(application)
        run.state = "FAILED"
        client.put_object(Bucket="shards", Key=result_of(run), Body=b'{"exit_code": 1}')
        clock.later(LEASE)
        assert told(list(look(out, emr, clock)([release()]))) == {NEWEST: ("started", UNDER_WAY)}
        (failed,) = look(out, emr, clock)([release()])
        assert (failed.said.partition(";")[0], failed.code) == ("failed with exit code 1", 1)
        assert self.runs(application) == [run]

    def test_a_run_is_looked_for_where_it_was_started(self, emr: Deployed, application: str) -> None:
        out, clock = "s3://shards/tables", Clock()
        list(look(out, emr, clock)([release()]))
        self.runs(application)[0].state = "RUNNING"
        other = boto3.client("emr-serverless").create_application(
            name="another", releaseLabel=LABEL, type="SPARK", clientToken="u"
        )
        serverless = replace(emr.profile.serverless, application_id=other["applicationId"])
        moved = replace(emr, profile=replace(emr.profile, serverless=serverless))
        assert told(list(look(out, moved, clock)([release()]))) == {NEWEST: ("under way", UNDER_WAY)}

    def test_a_run_that_emr_forgot_is_known_by_what_it_left(
        self, emr: Deployed, application: str, client: Any
    ) -> None:
        out, clock = "s3://shards/tables", Clock()
        list(look(out, emr, clock)([release()]))
        (run,) = self.runs(application)
        emrserverless_backends[ACCOUNT][REGION].job_runs[application].clear()
        assert told(list(look(out, emr, clock)([release()]))) == {NEWEST: ("lost", 1)}
        client.put_object(Bucket="shards", Key=result_of(run), Body=b'{"exit_code": 0}')
        assert told(list(look(out, emr, clock)([release()]))) == {NEWEST: ("scanned", 0)}
