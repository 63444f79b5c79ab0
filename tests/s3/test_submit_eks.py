"""Jobs submitted to EMR on EKS: one run for one submission, its log and its exit code."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.emrcontainers.models import emrcontainers_backends

from presswatch_spark.cli import main as cli
from presswatch_spark.deploy.archive import NEEDED
from presswatch_spark.deploy.profiles import load_profile
from presswatch_spark.deploy.requests import container_request
from presswatch_spark.deploy.submission import submission
from presswatch_spark.deploy.tarball import pack
from tests.conftest import ROOT
from tests.s3.conftest import client_of
from tests.s3.emr import ACCOUNT, REGION, Front, Hosts, front

JOB = ("--corpus", "s3://shards/corpus", "--out", "s3://shards/tables", "s3://shards/a.wet.gz")
# moto knows no emr-spark-8.0.0-latest.
RELEASE = "emr-7.9.0-latest"


@pytest.fixture(scope="module")
def before(endpoint: str) -> Iterator[Front]:
    with front(endpoint) as running:
        yield running


@pytest.fixture
def hosts(
    before: Front, endpoint: str, bucket: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hosts]:
    containers = client_of("emr-containers", endpoint)
    place = {"type": "EKS", "id": "cluster", "info": {"eksInfo": {"namespace": "presswatch"}}}
    made = containers.create_virtual_cluster(name="presswatch", containerProvider=place)["id"]
    own = {"REGION": REGION, "STORE": "s3://shards/presswatch", "LOGS": "s3://shards/logs/"}
    own |= {"RELEASE": RELEASE, "EKS__VIRTUAL_CLUSTER_ID": made}
    own |= {"EKS__ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/presswatch"}
    own |= {"WAIT__FIRST_SECONDS": "0.01", "WAIT__LONGEST_SECONDS": "0.02", "WAIT__LOG_SECONDS": "0.1"}
    for name, value in own.items():
        monkeypatch.setenv(f"PRESSWATCH_DEPLOY__{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", before.url)
    running = Hosts("emr-eks", made, client)
    before.forget(running)
    yield running
    emrcontainers_backends[ACCOUNT][REGION].reset()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for name in NEEDED:
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).touch()
    pack(tmp_path / "tree", tmp_path / "mine.tar.gz")
    return tmp_path / "mine.tar.gz"


def submit(archive: Path, *ours: str) -> int:
    return cli.run(["submit", "--on", "emr-eks", "--archive", str(archive), *ours, "scan", *JOB])


def test_a_job_is_submitted_once_waited_for_and_shown(
    hosts: Hosts, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert submit(archive) == 0
    told = capsys.readouterr()
    assert told.out == "run 7: 3 matches\n"  # the driver's words, and not an executor's
    (job,) = hosts.jobs()
    assert f"scan {job.id}: COMPLETED, exit code 0" in told.err
    assert submit(archive) == 0
    assert len(hosts.jobs()) == 1


@pytest.mark.parametrize("code", [1, 3])
def test_the_exit_code_of_the_job_survives(
    hosts: Hosts, archive: Path, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    hosts.code = code
    assert submit(archive) == code
    assert f"FAILED, exit code {code} (USER_ERROR, User application exited)" in capsys.readouterr().err


def test_what_is_asked_runs_from_the_archive_with_settings_of_kubernetes(
    hosts: Hosts, archive: Path, before: Front
) -> None:
    assert submit(archive, "--no-wait") == 0
    (sent,) = before.asked("StartJobRun")
    assert sent["releaseLabel"] == RELEASE
    assert sent["name"].startswith("presswatch-scan-")
    driver = sent["jobDriver"]["sparkSubmitJobDriver"]
    assert tuple(driver["entryPointArguments"]) == JOB
    (defaults,) = sent["configurationOverrides"]["applicationConfiguration"]
    settings = defaults["properties"]
    assert settings["spark.archives"].endswith(".tar.gz#environment")
    assert settings["spark.kubernetes.driverEnv.PYSPARK_PYTHON"] == "./environment/bin/python"
    assert settings["spark.executorEnv.PYSPARK_PYTHON"] == "./environment/bin/python"
    assert settings["spark.dynamicAllocation.shuffleTracking.enabled"] == "true"
    assert settings["spark.dynamicAllocation.initialExecutors"] == "3"
    assert "testing" not in json.dumps(sent)  # the credentials of these tests
    asked = submission("scan", JOB, load_profile("emr-eks", os.environ), archive, ROOT, {})
    assert dict(container_request(asked, 1).parameters) == sent | {"virtualClusterId": hosts.id}


def test_a_check_names_what_it_cannot_know_and_a_cluster_that_is_gone(
    hosts: Hosts, archive: Path, capsys: pytest.CaptureFixture[str], endpoint: str
) -> None:
    assert submit(archive, "--check") == 1
    told = capsys.readouterr().out
    assert f"{hosts.id} is there" in told
    assert "there is no role" in told
    # moto does not simulate policies.
    assert re.search(r"rights +could not be checked", told)
    assert hosts.jobs() == []
    client_of("emr-containers", endpoint).delete_virtual_cluster(id=hosts.id)
    assert submit(archive, "--check") == 1
    assert "the virtual cluster is TERMINATED" in capsys.readouterr().out
