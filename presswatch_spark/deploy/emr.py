"""Runs submissions on EMR, as steps of a cluster on EC2 or as job runs of EMR Serverless.

A new service also needs a name and the place of its hosts in `deploy.profiles`.
"""

import os
import re
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.requests import AwsRequest, job_run_request, step_request
from presswatch_spark.deploy.submission import Submission
from presswatch_spark.errors import ConfigError, PresswatchError
from presswatch_spark.storage.s3 import aws_session
from presswatch_spark.terminal import printable

ATTEMPTS = 10
# The words of all services: none means another thing elsewhere.
SUCCEEDED = frozenset({"SUCCESS", "COMPLETED"})
FAILED = frozenset({"FAILED", "CANCELLED", "INTERRUPTED"})
MACHINES = {"X86_64": "x86_64", "ARM64": "aarch64"}
GONE = frozenset({"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"})
PAUSE_SECONDS = 1.0
PAUSE_MAX_SECONDS = 20.0
SERVERLESS = "EMR Serverless"


@dataclass(frozen=True, slots=True)
class JobState:
    """The state of a job, in the service's word; `reason` is why it failed."""

    word: str
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        """Return whether the job has done its work."""
        return self.word in SUCCEEDED

    @property
    def ended(self) -> bool:
        """Return whether it has ended."""
        return self.succeeded or self.word in FAILED


def check_release(profile: Profile, found: str, where: str) -> None:
    """Raise `ConfigError` for hosts of another release: the archive is for one Python and one Spark."""
    if found != profile.release:
        raise ConfigError(
            f"it has the release {found}, and the profile says {profile.release}",
            where=where,
            remedy="name another, or set `release`, if its Spark is 4.0 or newer, and `archive.python`",
        )


class ServiceError(PresswatchError):
    """A service of AWS refused a request, or could not be reached."""


def client(
    service: str, region: str | None, attempts: int = ATTEMPTS, *, credentials: str | None = None
) -> Any:
    """Return a client that tries a request up to `attempts` times.

    Args:
        credentials: the name of an AWS profile; without one, the usual chain decides.

    Raises:
        ServiceError: there is no profile of that name.
    """
    with reaching(service, f"AWS profile {credentials}" if credentials else service):
        return _client(service, region, attempts, os.environ.get("AWS_ENDPOINT_URL"), credentials)


def aws_options(region: str | None, credentials: str | None) -> str:
    """Return the options that give `aws` these credentials, if any are named, and the region."""
    return f"--profile {shlex.quote(credentials)} --region {region}" if credentials else f"--region {region}"


@lru_cache(maxsize=8)
def _client(
    service: str, region: str | None, attempts: int, endpoint: str | None, credentials: str | None
) -> Any:
    # Reading the models of a service takes longer than most requests. boto3 reads the endpoint by itself.
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": attempts}, connect_timeout=10, read_timeout=30
    )
    return aws_session(credentials, region).client(service, config=config)


@contextmanager
def reaching(service: str, what: str) -> Iterator[None]:
    """Turn an error of botocore into a `ServiceError` about `what`."""
    try:
        yield
    except ClientError as error:
        code, message = (str(error.response["Error"].get(name, "")) for name in ("Code", "Message"))
        raise ServiceError(
            printable(f"{service} refused {error.operation_name}: {code}: {message}"),
            where=what,
            remedy="check the id, the region, and the permissions of your credentials",
        ) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise ServiceError(
            printable(f"{service} could not be asked: {error}"),
            where=what,
            remedy="check credentials, region and network, and give the same command again",
        ) from error


@dataclass(frozen=True, slots=True)
class JobRuns:
    """Runs a submission as a job run of an application of EMR Serverless, which starts one client token once.

    `aws` is a client of EMR Serverless, and `credentials` the name of its AWS profile.
    """

    asked: Submission
    aws: Any
    credentials: str | None = None
    knows_tokens: bool = True

    @classmethod
    def of(cls, asked: Submission, credentials: str | None = None) -> Self:
        """Return one with a client for the profile's region, and an AWS profile's credentials if named."""
        return cls(
            asked, client("emr-serverless", asked.profile.region, credentials=credentials), credentials
        )

    @property
    def _application(self) -> str:
        return self.asked.profile.hosts

    def check(self) -> None:
        """Make sure that the application lives and has the profile's release and machine."""
        found, profile = self.application(), self.asked.profile
        if found["state"] == "TERMINATED":
            raise ConfigError("the application is terminated", where=self._application, remedy="name another")
        check_release(profile, str(found["releaseLabel"]), self._application)
        machine = MACHINES.get(found.get("architecture", "X86_64"))
        if machine != profile.archive.machine:
            raise ConfigError(
                f"its hosts are {machine}, and the archive is for {profile.archive.machine}",
                where=self._application,
                remedy="set archive.machine in the profile",
            )

    def application(self) -> dict[str, Any]:
        """Return the description of the application."""
        with reaching(SERVERLESS, self._application):
            reply = self.aws.get_application(applicationId=self._application)
        found: dict[str, Any] = reply["application"]
        return found

    def request(self, attempt: int) -> AwsRequest:
        """Return the request that starts the job run."""
        return job_run_request(self.asked, attempt)

    def find(self, attempt: int) -> str | None:
        """Return None: starting the attempt again gives its id."""
        return None

    def start(self, attempt: int, confirm: Callable[[], None]) -> str:
        """Start the job run, or return the id of the one that has the attempt's token already."""
        with reaching(SERVERLESS, self._application):
            return str(self.aws.start_job_run(**self.request(attempt).parameters)["jobRunId"])

    def state(self, run: str) -> JobState:
        """Return the state of the job run."""
        with reaching(SERVERLESS, f"{self._application} {run}"):
            found = self.aws.get_job_run(applicationId=self._application, jobRunId=run)["jobRun"]
        return JobState(found["state"], str(found.get("stateDetails") or ""))

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """Yield the place of the run's log, and the command that opens its Spark UI."""
        yield "log", self.log_folders(run)[0]
        yield "Spark UI", f"aws emr-serverless get-dashboard-for-job-run {self._named(run)}"

    def cancel_commands(self, run: str) -> tuple[str]:
        """Return the command that cancels the job run."""
        return (f"aws emr-serverless cancel-job-run {self._named(run)}",)

    def log_folders(self, run: str) -> tuple[str, ...]:
        """Return the driver's folder."""
        logs = str(self.asked.profile.logs).rstrip("/")
        return (f"{logs}/applications/{self._application}/jobs/{run}/SPARK_DRIVER/",)

    def _named(self, run: str) -> str:
        where = aws_options(self.asked.profile.region, self.credentials)
        return f"{where} --application-id {self._application} --job-run-id {run}"


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
        """Return the request that adds the step."""
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
        """Return the state of the step."""
        with reaching("EMR", f"{self._cluster} {run}"):
            step = self.emr.describe_step(ClusterId=self._cluster, StepId=run)["Step"]
        status = step["Status"]
        details = status.get("FailureDetails") or status.get("StateChangeReason") or {}
        reason = ", ".join(
            str(details[name]) for name in ("Reason", "Message", "LogFile") if details.get(name)
        )
        return JobState(status["State"], reason)

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """Yield the place of the step's log, if the cluster writes logs."""
        for folder in self.log_folders(run)[:1]:
            yield "log", folder

    def cancel_commands(self, run: str) -> tuple[str, str]:
        """Return the commands that cancel the step, and end the driver, which outlives its step."""
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
        """Return EMR's description of the cluster."""
        with reaching("EMR", self._cluster):
            described: dict[str, Any] = self.emr.describe_cluster(ClusterId=self._cluster)["Cluster"]
        return described


Service = JobRuns | Steps
"""A service that runs a submission; both have the same methods."""


def service_of(asked: Submission, credentials: str | None = None) -> Service:
    """Return the service that runs a submission, with the credentials of an AWS profile if one is named."""
    kind: type[JobRuns] | type[Steps] = Steps if asked.profile.service == "emr-ec2" else JobRuns
    return kind.of(asked, credentials)


def _passing(error: ClientError | BotoCoreError) -> bool:
    if isinstance(error, BotoCoreError):
        return type(error).__name__ not in ("NoCredentialsError", "ParamValidationError", "NoRegionError")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return "Throttling" in error.response["Error"].get("Code", "") or status >= 500 or status == 429
