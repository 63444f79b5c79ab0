"""Runs submissions on EMR: steps of a cluster on EC2, job runs of EMR Serverless or of EMR on EKS."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from botocore.exceptions import BotoCoreError, ClientError

from presswatch_spark.deploy.requests import AwsRequest, container_request, job_run_request, step_request
from presswatch_spark.deploy.services import (
    ATTEMPTS,
    JobState,
    aws_options,
    check_release,
    client,
    emr_console,
    reaching,
    s3_console,
)
from presswatch_spark.deploy.submission import Submission
from presswatch_spark.errors import ConfigError

MACHINES = {"X86_64": "x86_64", "ARM64": "aarch64"}
GONE = frozenset({"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"})
VIRTUAL_LIVES = frozenset({"RUNNING", "ARRESTED"})
PAUSE_SECONDS = 1.0
PAUSE_MAX_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _TokenRuns:
    """Runs a submission as a job run of a service that starts one client token once.

    `aws` is a client of the service, and `credentials` names its AWS profile. Messages call the service
    `called`; its answer has the id of a new job run under `id_key`.
    """

    asked: Submission
    aws: Any
    credentials: str | None = None
    knows_tokens: bool = True
    service: ClassVar[str]
    called: ClassVar[str]
    id_key: ClassVar[str]

    @classmethod
    def of(cls, asked: Submission, credentials: str | None = None) -> Self:
        """Return one with a client for the profile's region, and an AWS profile's credentials if named."""
        return cls(asked, client(cls.service, asked.profile.region, credentials=credentials), credentials)

    @property
    def _hosts(self) -> str:
        return self.asked.profile.hosts

    @property
    def _logs(self) -> str:
        return str(self.asked.profile.logs).rstrip("/")

    def request(self, attempt: int) -> AwsRequest:
        """Return what starts the job run."""
        raise NotImplementedError

    def find(self, attempt: int) -> str | None:
        """Return None: starting the attempt again gives its id."""
        return None

    def start(self, attempt: int, confirm: Callable[[], None]) -> str:
        """Start the job run, or return the id of the one that has the attempt's token already."""
        with reaching(self.called, self._hosts):
            return str(self.aws.start_job_run(**self.request(attempt).parameters)[self.id_key])


class JobRuns(_TokenRuns):
    """Runs a submission as a job run of an application of EMR Serverless."""

    __slots__ = ()
    service, called, id_key = "emr-serverless", "EMR Serverless", "jobRunId"

    def check(self) -> None:
        """Make sure that the application lives and has the profile's release and machine."""
        found, profile = self.application(), self.asked.profile
        if found["state"] == "TERMINATED":
            raise ConfigError("the application is terminated", where=self._hosts, remedy="name another")
        check_release(profile, str(found["releaseLabel"]), self._hosts)
        machine = MACHINES.get(found.get("architecture", "X86_64"))
        if machine != profile.archive.machine:
            raise ConfigError(
                f"its hosts are {machine}, and the archive is for {profile.archive.machine}",
                where=self._hosts,
                remedy="set archive.machine in the profile",
            )

    def application(self) -> dict[str, Any]:
        """Return what EMR Serverless says of the application."""
        with reaching(self.called, self._hosts):
            reply = self.aws.get_application(applicationId=self._hosts)
        found: dict[str, Any] = reply["application"]
        return found

    def request(self, attempt: int) -> AwsRequest:
        """Return what starts the job run."""
        return job_run_request(self.asked, attempt)

    def state(self, run: str) -> JobState:
        """Return where the job run stands."""
        with reaching(self.called, f"{self._hosts} {run}"):
            found = self.aws.get_job_run(applicationId=self._hosts, jobRunId=run)["jobRun"]
        return JobState(found["state"], str(found.get("stateDetails") or ""))

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """Yield the application's console, the run's logs, and what opens its Spark UI for an hour."""
        region = str(self.asked.profile.region)
        yield "application", emr_console(region, "serverless")
        yield "logs", s3_console(region, self.log_folders(run)[0])
        yield "Spark UI", f"aws emr-serverless get-dashboard-for-job-run {self._named(run)}"

    def cancel_commands(self, run: str) -> tuple[str]:
        """Return what cancels the job run."""
        return (f"aws emr-serverless cancel-job-run {self._named(run)}",)

    def log_folders(self, run: str) -> tuple[str, ...]:
        """Return the driver's folder."""
        return (f"{self._logs}/applications/{self._hosts}/jobs/{run}/SPARK_DRIVER/",)

    def _named(self, run: str) -> str:
        where = aws_options(self.asked.profile.region, self.credentials)
        return f"{where} --application-id {self._hosts} --job-run-id {run}"


class ContainerRuns(_TokenRuns):
    """Runs a submission as a job run of a virtual cluster of EMR on EKS, whose pods Kubernetes starts."""

    __slots__ = ()
    service, called, id_key = "emr-containers", "EMR on EKS", "id"

    def check(self) -> None:
        """Make sure that the virtual cluster lives. It has no release: each job run names its own."""
        with reaching(self.called, self._hosts):
            state = self.aws.describe_virtual_cluster(id=self._hosts)["virtualCluster"]["state"]
        if state not in VIRTUAL_LIVES:
            raise ConfigError(
                f"the virtual cluster is {state}", where=self._hosts, remedy="name one that runs"
            )

    def request(self, attempt: int) -> AwsRequest:
        """Return what starts the job run."""
        return container_request(self.asked, attempt)

    def state(self, run: str) -> JobState:
        """Return where the job run stands."""
        with reaching(self.called, f"{self._hosts} {run}"):
            found = self.aws.describe_job_run(virtualClusterId=self._hosts, id=run)["jobRun"]
        reason = ", ".join(str(found[name]) for name in ("failureReason", "stateDetails") if found.get(name))
        return JobState(found["state"], reason)

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """Yield the console of virtual clusters, and the run's logs."""
        region = str(self.asked.profile.region)
        yield "virtual cluster", emr_console(region, f"virtual-cluster/{self._hosts}")
        yield "logs", s3_console(region, self.log_folders(run)[0])

    def cancel_commands(self, run: str) -> tuple[str]:
        """Return what cancels the job run."""
        where = aws_options(self.asked.profile.region, self.credentials)
        return (f"aws emr-containers cancel-job-run {where} --virtual-cluster-id {self._hosts} --id {run}",)

    def log_folders(self, run: str) -> tuple[str, ...]:
        """Return the folder of the run's containers; the driver's name ends in `-driver`."""
        return (f"{self._logs}/{self._hosts}/jobs/{run}/containers/",)


@dataclass(frozen=True, slots=True)
class Steps:
    """Runs a submission as a step of a cluster. Steps have no token: see `start`.

    `once` is a client of EMR that sends no request twice; `credentials` is the AWS profile of both clients.
    """

    asked: Submission
    emr: Any
    once: Any
    credentials: str | None = None
    knows_tokens: bool = False

    @classmethod
    def of(cls, asked: Submission, credentials: str | None = None) -> Self:
        """Return one with clients for the profile's region, and an AWS profile's credentials if named."""
        region = asked.profile.region
        often = client("emr", region, credentials=credentials)
        return cls(asked, often, client("emr", region, attempts=1, credentials=credentials), credentials)

    @property
    def _cluster(self) -> str:
        return self.asked.profile.hosts

    def check(self) -> None:
        """Make sure that the cluster lives and has the profile's release."""
        cluster = self.cluster()
        if (state := cluster["Status"]["State"]) in GONE:
            raise ConfigError(f"the cluster is {state}", where=self._cluster, remedy="name one that runs")
        check_release(self.asked.profile, str(cluster.get("ReleaseLabel")), self._cluster)

    def request(self, attempt: int) -> AwsRequest:
        """Return what adds the step."""
        return step_request(self.asked, attempt)

    def find(self, attempt: int) -> str | None:
        """Return the id of the step with the attempt's name."""
        with reaching("EMR", self._cluster):
            pages = self.emr.get_paginator("list_steps").paginate(ClusterId=self._cluster)
            steps = (step for page in pages for step in page["Steps"])
            return next((str(step["Id"]) for step in steps if step["Name"] == self.asked.name(attempt)), None)

    def start(self, attempt: int, confirm: Callable[[], None]) -> str:
        """Add the step, once, and return its id; `confirm` raises if it is too late for that.

        A request whose answer was lost may have arrived. So botocore does not repeat it; we look whether the
        step is there before we do.
        """
        for tries in range(1, ATTEMPTS + 1):
            if (found := self.find(attempt)) is not None:
                return found
            confirm()
            with reaching("EMR", self._cluster):
                try:
                    reply = self.once.add_job_flow_steps(**self.request(attempt).parameters)
                    return str(reply["StepIds"][0])
                except (ClientError, BotoCoreError) as error:
                    if tries == ATTEMPTS or not _passing(error):
                        raise
            time.sleep(min(PAUSE_MAX_SECONDS, PAUSE_SECONDS * 2 ** (tries - 1)))
        raise AssertionError("the last try returns or raises")

    def state(self, run: str) -> JobState:
        """Return where the step stands."""
        with reaching("EMR", f"{self._cluster} {run}"):
            step = self.emr.describe_step(ClusterId=self._cluster, StepId=run)["Step"]
        status = step["Status"]
        details = status.get("FailureDetails") or status.get("StateChangeReason") or {}
        reason = ", ".join(
            str(details[name]) for name in ("Reason", "Message", "LogFile") if details.get(name)
        )
        return JobState(status["State"], reason)

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """Yield the cluster, where its steps are listed, and the step's logs."""
        region = str(self.asked.profile.region)
        yield "cluster and steps", emr_console(region, f"clusterDetails/{self._cluster}")
        for folder in self.log_folders(run)[:1]:
            yield "logs", s3_console(region, folder)

    def cancel_commands(self, run: str) -> tuple[str, str]:
        """Return what cancels the step, and what ends the driver, which outlives its step."""
        where = aws_options(self.asked.profile.region, self.credentials)
        # YARN calls an application by the name of its attempt.
        ours = f"yarn application -list | awk '/{self.asked.label}/ {{print $1}}'"
        return (
            f"aws emr cancel-steps {where} --cluster-id {self._cluster} --step-ids {run}"
            " --step-cancellation-option TERMINATE_PROCESS",
            f"yarn application -kill $({ours})  # on the cluster's master",
        )

    def log_folders(self, run: str) -> tuple[str, ...]:
        """Return the step's folder, then the folder of YARN's applications."""
        logs = self.asked.profile.logs or self.cluster().get("LogUri")
        if not logs:
            return ()
        base = f"{re.sub(r'^s3[an]?://', 's3://', str(logs)).rstrip('/')}/{self._cluster}"
        return (f"{base}/steps/{run}/", f"{base}/containers/")

    def cluster(self) -> dict[str, Any]:
        """Return what EMR says of the cluster."""
        with reaching("EMR", self._cluster):
            described: dict[str, Any] = self.emr.describe_cluster(ClusterId=self._cluster)["Cluster"]
        return described


Service = JobRuns | Steps | ContainerRuns
"""What runs a submission; all have the same methods."""


def _passing(error: ClientError | BotoCoreError) -> bool:
    if isinstance(error, BotoCoreError):
        return type(error).__name__ not in ("NoCredentialsError", "ParamValidationError", "NoRegionError")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return "Throttling" in error.response["Error"].get("Code", "") or status >= 500 or status == 429
