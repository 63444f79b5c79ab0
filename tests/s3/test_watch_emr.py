"""The watch with scans on EMR Serverless, against moto's servers of the services that it uses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto.emrserverless.models import emrserverless_backends

from presswatch_spark.deploy.profiles import load_profile
from presswatch_spark.deploy.starter import Deployed
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.watch.claims import LeaseStage, ReleaseLease, WatchLeases
from presswatch_spark.watch.look import UNDER_WAY
from tests.s3.archives import write_archive
from tests.watching import KEY, LEASE, NEWEST, NOON, Clock, look, release, told

ACCOUNT, REGION = "123456789012", "us-east-1"
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
        "serverless": {"application_id": application, "role_arn": f"arn:aws:iam::{ACCOUNT}:role/job"},
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def result_of(run: Any) -> str:
    """The key of the object in which a job run leaves its exit code."""
    (defaults,) = run.configuration_overrides["applicationConfiguration"]
    uri = defaults["properties"]["spark.emr-serverless.driverEnv.PRESSWATCH_RESULT_URI"]
    return str(uri).removeprefix("s3://shards/")


@pytest.fixture
def emr(profile: Path, tmp_path: Path) -> Deployed:
    loaded = load_profile(str(profile), {})
    return Deployed(str(profile), loaded, lambda line: None, write_archive(tmp_path))


def runs_of(application: str) -> list[Any]:
    return list(emrserverless_backends[ACCOUNT][REGION].job_runs.get(application, []))


def test_a_release_is_submitted_once_and_its_exit_code_is_found(
    emr: Deployed, application: str, client: Any
) -> None:
    out, clock = "s3://shards/tables", Clock()
    found = look(out, emr, clock)([release()])
    assert told(list(found)) == {NEWEST: ("started", UNDER_WAY)}
    (run,) = runs_of(application)
    run.state = "RUNNING"
    assert told(list(look(out, emr, clock)([release()]))) == {NEWEST: ("under way", UNDER_WAY)}
    held = WatchLeases(out, StorageOptions()).read(NEWEST, KEY)
    assert held
    assert held.claim.place["run"] == run.id
    run.state = "FAILED"
    client.put_object(Bucket="shards", Key=result_of(run), Body=b'{"exit_code": 3}')
    assert told(list(look(out, emr, clock)([release()]))) == {NEWEST: ("scanned", 3)}
    assert len(runs_of(application)) == 1


def test_who_follows_a_dead_watcher_finds_its_submission_with_another_version_too(
    emr: Deployed, application: str, tmp_path: Path
) -> None:
    out, clock, claims = (
        "s3://shards/tables",
        Clock(),
        WatchLeases("s3://shards/tables", look("x", emr, Clock()).claims.storage),
    )
    held = claims.write(ReleaseLease.new(NEWEST, KEY, "dead", NOON), None)
    first = look(out, emr, clock).job_of(release())
    emr.start(first, held.claim, lambda place: None)
    clock.later(LEASE)
    other = tmp_path / "other"
    other.mkdir()
    newer = write_archive(other)
    newer.write_bytes(newer.read_bytes() + b"\0" * 512)
    upgraded = Deployed(emr.name, emr.profile, emr.say, newer)
    assert told(list(look(out, upgraded, clock)([release()]))) == {NEWEST: ("started", UNDER_WAY)}
    (run,) = runs_of(application)
    after = claims.read(NEWEST, KEY)
    assert after
    assert (after.claim.state, after.claim.place["run"]) == (LeaseStage.SUBMITTED, run.id)


def test_who_follows_a_dead_watcher_does_not_run_again_what_failed_meanwhile(
    emr: Deployed, application: str, client: Any
) -> None:
    out, clock = "s3://shards/tables", Clock()
    held = WatchLeases(out, StorageOptions()).write(ReleaseLease.new(NEWEST, KEY, "dead", NOON), None)
    emr.start(look(out, emr, clock).job_of(release()), held.claim, lambda place: None)
    (run,) = runs_of(application)
    run.state = "FAILED"
    client.put_object(Bucket="shards", Key=result_of(run), Body=b'{"exit_code": 1}')
    clock.later(LEASE)
    assert told(list(look(out, emr, clock)([release()]))) == {NEWEST: ("started", UNDER_WAY)}
    (failed,) = look(out, emr, clock)([release()])
    assert (failed.said.partition(";")[0], failed.code) == ("failed with exit code 1", 1)
    assert runs_of(application) == [run]


def test_a_run_is_looked_for_where_it_was_started(emr: Deployed, application: str) -> None:
    out, clock = "s3://shards/tables", Clock()
    list(look(out, emr, clock)([release()]))
    runs_of(application)[0].state = "RUNNING"
    other = boto3.client("emr-serverless").create_application(
        name="another", releaseLabel=LABEL, type="SPARK", clientToken="u"
    )
    serverless = replace(emr.profile.serverless, application_id=other["applicationId"])
    moved = replace(emr, profile=replace(emr.profile, serverless=serverless))
    assert told(list(look(out, moved, clock)([release()]))) == {NEWEST: ("under way", UNDER_WAY)}


def test_a_run_that_emr_forgot_is_known_by_what_it_left(emr: Deployed, application: str, client: Any) -> None:
    out, clock = "s3://shards/tables", Clock()
    list(look(out, emr, clock)([release()]))
    (run,) = runs_of(application)
    emrserverless_backends[ACCOUNT][REGION].job_runs[application].clear()
    assert told(list(look(out, emr, clock)([release()]))) == {NEWEST: ("lost", 1)}
    client.put_object(Bucket="shards", Key=result_of(run), Body=b'{"exit_code": 0}')
    assert told(list(look(out, emr, clock)([release()]))) == {NEWEST: ("scanned", 0)}
