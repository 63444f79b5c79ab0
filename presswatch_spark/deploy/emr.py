"""Runs submissions on EMR, as steps of a cluster on EC2 or as job runs of EMR Serverless, and waits for them.

For a new service, also add its name and `HOSTS` in `deploy.profiles`.
"""

import gzip
import os
import re
import shlex
import time
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any, BinaryIO, ClassVar, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from presswatch_spark.core.errors import ConfigError, PresswatchError
from presswatch_spark.core.terminal import printable
from presswatch_spark.deploy.submission import FOLDER, Submission, spark_settings
from presswatch_spark.storage.objects import MissingError, StorageOptions, list_objects, open_stream
from presswatch_spark.storage.s3 import aws_session

ATTEMPTS = 10
# States of jobs in both services; no word has a different meaning in the other one.
SUCCEEDED = frozenset({"SUCCESS", "COMPLETED"})
FAILED = frozenset({"FAILED", "CANCELLED", "INTERRUPTED"})
MACHINES = {"X86_64": "x86_64", "ARM64": "aarch64"}
GONE = frozenset({"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"})
# EMR Serverless has larger disks only of the type `shuffle_optimized`.
STANDARD_DISK_GB = 200
PAUSE_SECONDS = 1.0
PAUSE_MAX_SECONDS = 20.0
# Factor by which pauses between requests for a job's state grow, and pause between looks at its log.
GROWTH = 1.5
LOOK_SECONDS = 10.0
LINES = 1000
APPLICATION = re.compile(r"\bapplication_\d+_\d+\b")
# End of YARN's name for the first container of an application, that of the driver.
DRIVER = "_000001/"


class ServiceError(PresswatchError):
    """A service of AWS refused a request, or could not be reached."""


@dataclass(frozen=True, slots=True)
class JobState:
    """The state of a job, in the service's word, and the reason of a failure."""

    word: str
    reason: str = ""

    @property
    def succeeded(self) -> bool:
        """Return whether the job has ended without failure."""
        return self.word in SUCCEEDED

    @property
    def ended(self) -> bool:
        """Return whether the job has ended."""
        return self.succeeded or self.word in FAILED


@lru_cache(maxsize=8)
def _client(
    service: str, region: str | None, attempts: int, endpoint: str | None, credentials: str | None
) -> Any:
    # Cached, as reading a service's models takes longer than most requests. boto3 itself reads the endpoint
    # from the environment: it is only a key of the cache.
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": attempts}, connect_timeout=5, read_timeout=30
    )
    return aws_session(credentials, region).client(service, config=config)


@contextmanager
def reaching(service: str, what: str) -> Iterator[None]:
    """Convert errors of botocore into `ServiceError`s about `what`."""
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
            printable(f"the request to {service} failed: {error}"),
            where=what,
            remedy="check credentials, region and network, and run the same command again",
        ) from error


@dataclass(frozen=True, slots=True)
class _Hosts:
    """The hosts of a submission's profile. `credentials`: the AWS profile to use, if one is named.

    `attempts`: at each request.
    `service`, `operation`: the call of boto3 that starts the job, with the `parameters` of an attempt.
    `knows_tokens`: the service starts only one job for a token, however often it is asked.
    """

    name: ClassVar[str]
    service: ClassVar[str]
    operation: ClassVar[str]
    knows_tokens: ClassVar[bool]
    asked: Submission
    credentials: str | None = None
    attempts: int = ATTEMPTS

    @property
    def storage(self) -> StorageOptions:
        """Return the options for access to S3 in the region of the hosts."""
        region, profile = self.asked.profile.region, self.credentials
        return StorageOptions(region=region, profile=profile, max_attempts=self.attempts)

    @property
    def _id(self) -> str:
        return self.asked.profile.hosts

    def aws(self, service: str | None = None) -> Any:
        """Return a client of an AWS service in the region of the hosts; default: the service that runs jobs.

        Raises `ServiceError` if there is no AWS profile of the name `credentials`.
        """
        name, region, profile = service or self.service, self.asked.profile.region, self.credentials
        with reaching(name, f"AWS profile {profile}" if profile else name):
            return _client(name, region, self.attempts, os.environ.get("AWS_ENDPOINT_URL"), profile)

    @contextmanager
    def _reaching(self, run: str = "") -> Iterator[Any]:
        """Yield a client of the service; errors name the hosts and the `run`."""
        with reaching(self.name, f"{self._id} {run}".rstrip()):
            yield self.aws()

    def _check_release(self, found: str) -> None:
        """Raise `ConfigError` for another release: the archive is for one Python and one Spark."""
        profile = self.asked.profile
        if found != profile.release:
            raise ConfigError(
                f"the hosts have release {found}, but the profile has {profile.release}",
                where=self._id,
                remedy="choose another, or set `release`, if its Spark is 3.5 or newer, and `archive.python`",
            )

    @property
    def _options(self) -> str:
        region, profile = self.asked.profile.region, self.credentials
        return f"--profile {shlex.quote(profile)} --region {region}" if profile else f"--region {region}"


@dataclass(frozen=True, slots=True)
class JobRuns(_Hosts):
    """Runs a submission as a job run of an application of EMR Serverless."""

    name: ClassVar[str] = "EMR Serverless"
    service: ClassVar[str] = "emr-serverless"
    operation: ClassVar[str] = "start_job_run"
    knows_tokens: ClassVar[bool] = True

    def check(self) -> None:
        """Check that the application is not terminated, and has the profile's release and machine."""
        found, profile = self.application(), self.asked.profile
        if found["state"] == "TERMINATED":
            raise ConfigError("the application is terminated", where=self._id, remedy="choose another")
        self._check_release(str(found["releaseLabel"]))
        machine = MACHINES.get(found.get("architecture", "X86_64"))
        if machine != profile.archive.machine:
            raise ConfigError(
                f"its hosts are {machine}, but the archive is for {profile.archive.machine}",
                where=self._id,
                remedy="set archive.machine in the profile",
            )

    def application(self) -> dict[str, Any]:
        """Return the description of the application."""
        with self._reaching() as aws:
            found: dict[str, Any] = aws.get_application(applicationId=self._id)["application"]
        return found

    def parameters(self, attempt: int) -> dict[str, Any]:
        """Return the request for a job run. Settings are a mapping: one text for all would need quoting."""
        asked, rules = self.asked, self.asked.profile.serverless
        settings = spark_settings(asked, attempt, "spark.emr-serverless.driverEnv.")
        settings["spark.archives"] = f"{asked.archive.uri}#{FOLDER}"
        for worker in ("driver", "executor"):
            settings[f"spark.emr-serverless.{worker}.disk"] = f"{rules.disk_gb}g"
            if rules.disk_gb > STANDARD_DISK_GB:
                settings[f"spark.emr-serverless.{worker}.disk.type"] = "shuffle_optimized"
        defaults = {"classification": "spark-defaults", "properties": dict(sorted(settings.items()))}
        entry = {"entryPoint": asked.entry.uri, "entryPointArguments": list(asked.arguments)}
        return {
            # The service starts only one job run per token.
            "clientToken": str(uuid.uuid5(uuid.NAMESPACE_URL, asked.record(attempt, "claim"))),
            "name": asked.name(attempt),
            "executionRoleArn": str(rules.role_arn),
            "jobDriver": {"sparkSubmit": entry},
            "configurationOverrides": {
                "applicationConfiguration": [defaults],
                "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": asked.profile.logs}},
            },
            "tags": {"presswatch-submission": asked.key},
            "applicationId": rules.application_id,
            "executionTimeoutMinutes": rules.timeout_minutes,
        }

    def find(self, attempt: int) -> str | None:
        """Return None: starting the attempt again returns its id."""
        return None

    def start(self, attempt: int, confirm: Callable[[], None]) -> str:
        """Start the job run, or return the id of the job run that already has the attempt's token."""
        with self._reaching() as aws:
            return str(aws.start_job_run(**self.parameters(attempt))["jobRunId"])

    def state(self, run: str) -> JobState:
        """Return the state of the job run."""
        with self._reaching(run) as aws:
            found = aws.get_job_run(applicationId=self._id, jobRunId=run)["jobRun"]
        return JobState(found["state"], str(found.get("stateDetails") or ""))

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """Yield the place of the run's log, and the command that opens its Spark UI."""
        yield "log", self.log_folders(run)[0]
        yield "Spark UI", f"aws emr-serverless get-dashboard-for-job-run {self._named(run)}"

    def cancel_commands(self, run: str) -> tuple[str, ...]:
        """Return the command that cancels the job run."""
        return (f"aws emr-serverless cancel-job-run {self._named(run)}",)

    def log_folders(self, run: str) -> tuple[str, ...]:
        """Return the driver's folder."""
        logs = str(self.asked.profile.logs).rstrip("/")
        return (f"{logs}/applications/{self._id}/jobs/{run}/SPARK_DRIVER/",)

    def _named(self, run: str) -> str:
        return f"{self._options} --application-id {self._id} --job-run-id {run}"


@dataclass(frozen=True, slots=True)
class Steps(_Hosts):
    """Runs a submission as a step of a cluster; see `start`."""

    name: ClassVar[str] = "EMR"
    service: ClassVar[str] = "emr"
    operation: ClassVar[str] = "add_job_flow_steps"
    knows_tokens: ClassVar[bool] = False

    def check(self) -> None:
        """Check that the cluster is running, and has the profile's release."""
        cluster = self._cluster()
        if (state := cluster["Status"]["State"]) in GONE:
            raise ConfigError(f"the cluster is {state}", where=self._id, remedy="choose one that is running")
        self._check_release(str(cluster.get("ReleaseLabel")))

    def parameters(self, attempt: int) -> dict[str, Any]:
        """Return the request for a step: spark-submit with a list of arguments, without a shell.

        The deploy mode is `cluster`: on the master node, the driver would have no archive.
        """
        asked, name = self.asked, self.asked.name(attempt)
        settings = spark_settings(asked, attempt, "spark.yarn.appMasterEnv.")
        settings["spark.yarn.dist.archives"] = f"{asked.archive.uri}#{FOLDER}"
        command = ["spark-submit", "--deploy-mode", "cluster", "--name", name]
        for setting, value in sorted(settings.items()):
            command += ["--conf", f"{setting}={value}"]
        jar = {"Jar": "command-runner.jar", "Args": [*command, asked.entry.uri, *asked.arguments]}
        step = {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}
        return {"JobFlowId": asked.profile.ec2.cluster_id, "Steps": [step]}

    def find(self, attempt: int) -> str | None:
        """Return the id of the step with the attempt's name, or None."""
        with self._reaching() as aws:
            pages = aws.get_paginator("list_steps").paginate(ClusterId=self._id)
            steps = (step for page in pages for step in page["Steps"])
            return next((str(step["Id"]) for step in steps if step["Name"] == self.asked.name(attempt)), None)

    def start(self, attempt: int, confirm: Callable[[], None]) -> str:
        """Add the step once, and return its id; `confirm` raises if the claim to start it has lapsed.

        A request whose answer was lost may have succeeded: look for the step before repeating it.
        """
        once = replace(self, attempts=1).aws()
        for tries in range(1, ATTEMPTS + 1):
            if (found := self.find(attempt)) is not None:
                return found
            confirm()
            with reaching(self.name, self._id):
                try:
                    reply = once.add_job_flow_steps(**self.parameters(attempt))
                    return str(reply["StepIds"][0])
                except (ClientError, BotoCoreError) as error:
                    if tries == ATTEMPTS or not _may_pass(error):
                        raise
            time.sleep(min(PAUSE_MAX_SECONDS, PAUSE_SECONDS * 2 ** (tries - 1)))
        raise AssertionError("the last try returns or raises")

    def state(self, run: str) -> JobState:
        """Return the state of the step."""
        with self._reaching(run) as aws:
            step = aws.describe_step(ClusterId=self._id, StepId=run)["Step"]
        status = step["Status"]
        details = status.get("FailureDetails") or status.get("StateChangeReason") or {}
        reasons = (details.get(name) for name in ("Reason", "Message", "LogFile"))
        return JobState(status["State"], ", ".join(map(str, filter(None, reasons))))

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """Yield the place of the step's log, if the cluster writes logs."""
        for folder in self.log_folders(run)[:1]:
            yield "log", folder

    def cancel_commands(self, run: str) -> tuple[str, ...]:
        """Return the commands that cancel the step, and kill the driver, which outlives its step."""
        # The name of the YARN application contains the submission's label.
        ours = f"yarn application -list | awk '/{self.asked.label}/ {{print $1}}'"
        return (
            f"aws emr cancel-steps {self._options} --cluster-id {self._id} --step-ids {run}"
            " --step-cancellation-option TERMINATE_PROCESS",
            f"yarn application -kill $({ours})  # on the cluster's master",
        )

    def log_folders(self, run: str) -> tuple[str, ...]:
        """Return the step's folder, then the folder of YARN's applications."""
        logs = self.asked.profile.logs or self._cluster().get("LogUri")
        if not logs:
            return ()
        base = f"{re.sub(r'^s3[an]?://', 's3://', str(logs)).rstrip('/')}/{self._id}"
        return (f"{base}/steps/{run}/", f"{base}/containers/")

    def _cluster(self) -> dict[str, Any]:
        with self._reaching() as aws:
            described: dict[str, Any] = aws.describe_cluster(ClusterId=self._id)["Cluster"]
        return described


Service = JobRuns | Steps
"""A service that runs a submission; both have the same methods."""


def service_of(asked: Submission, credentials: str | None, attempts: int = ATTEMPTS) -> Service:
    """Return the service that runs a submission, with the credentials of an AWS profile if one is named."""
    kind: type[JobRuns] | type[Steps] = Steps if asked.profile.service == "emr-ec2" else JobRuns
    service = kind(asked, credentials, attempts)
    # Fail early if the AWS profile does not exist.
    service.aws()
    return service


def _may_pass(error: ClientError | BotoCoreError) -> bool:
    if isinstance(error, BotoCoreError):
        return type(error).__name__ not in ("NoCredentialsError", "ParamValidationError", "NoRegionError")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return "Throttling" in error.response["Error"].get("Code", "") or status >= 500 or status == 429


def wait(service: Service, run: str, tell: Callable[[str], None]) -> JobState:
    """Poll a job until it has ended, and return its last state; `tell` gets a line for each new state."""
    rules = service.asked.profile.wait
    began, pause, word = time.monotonic(), rules.first_seconds, ""
    while True:
        state = service.state(run)
        if state.word != word:
            word, elapsed = state.word, timedelta(seconds=int(time.monotonic() - began))
            tell(f"{service.asked.job} {run}: {word}, after {elapsed}")
        if state.ended:
            return state
        time.sleep(pause)
        pause = min(rules.longest_seconds, pause * GROWTH)


def driver_log(service: Service, run: str) -> dict[str, list[str]]:
    """Return the last `LINES` lines of the driver's `stdout` and `stderr`; empty if none came in time."""
    options, rules = service.storage, service.asked.profile.wait
    deadline = time.monotonic() + rules.log_seconds
    while True:
        folders, streams, is_drivers = service.log_folders(run), dict[str, list[str]](), True
        if folders:
            streams = _streams(folders[0], options)
            is_drivers = bool(streams)
        if len(folders) > 1 and streams:
            # The step's log (of spark-submit) names the application, whose first container has the driver's.
            text = "\n".join(line for lines in streams.values() for line in lines)
            named = APPLICATION.findall(text)
            driver = _streams(f"{folders[1]}{named[-1]}/", options, DRIVER) if named else {}
            is_drivers = bool(driver) if named else "stderr" in streams
            streams = driver or streams
        left = deadline - time.monotonic()
        if is_drivers or left <= 0:
            return streams
        time.sleep(min(left, LOOK_SECONDS, rules.first_seconds))


def _streams(folder: str, options: StorageOptions, part: str = "") -> dict[str, list[str]]:
    streams = {}
    with suppress(MissingError):
        for found in list_objects(folder, options):
            name = found.uri.rpartition("/")[2]
            if part not in found.uri or name not in ("stdout.gz", "stderr.gz"):
                continue
            with open_stream(found, options) as stream:
                try:
                    with gzip.open(cast(BinaryIO, stream), "rt", encoding="utf-8", errors="replace") as lines:
                        last = [line.rstrip("\n") for line in deque(lines, LINES)]
                except (OSError, EOFError, zlib.error):
                    last = [f"({found.uri} is incomplete)"]
            streams[name.removesuffix(".gz")] = last
    return streams
