"""Job runs of EMR Serverless."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from presswatch_spark.deploy.clients import client, named, reaching
from presswatch_spark.deploy.requests import Request, job_run_request
from presswatch_spark.deploy.services import State, check_release, emr_console, s3_console
from presswatch_spark.deploy.submission import Submission
from presswatch_spark.errors import ConfigError

ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED"})
MACHINES = {"X86_64": "x86_64", "ARM64": "aarch64"}


@dataclass(frozen=True, slots=True)
class JobRuns:
    """Runs a submission as a job run of an application, which knows a client token again."""

    asked: Submission
    serverless: Any
    credentials: str | None = None
    knows_tokens: bool = True

    @classmethod
    def of(cls, asked: Submission, credentials: str | None = None) -> JobRuns:
        """With a client for the profile's region, and the credentials of an AWS profile if one is named."""
        serverless = client("emr-serverless", asked.profile.region, credentials=credentials)
        return cls(asked, serverless, credentials)

    @property
    def _application(self) -> str:
        return str(self.asked.profile.serverless.application_id)

    def check(self) -> None:
        """Make sure that the application lives and is of the profile's release and machine."""
        with reaching("EMR Serverless", self._application):
            reply = self.serverless.get_application(applicationId=self._application)
        found, profile = reply["application"], self.asked.profile
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

    def request(self, attempt: int) -> Request:
        """What starts the job run."""
        return job_run_request(self.asked, attempt)

    def find(self, attempt: int) -> str | None:
        """Nothing: starting it again tells its id."""
        return None

    def start(self, attempt: int, confirm: Callable[[], None]) -> str:
        """Start the job run; the one that runs already if the token was used."""
        with reaching("EMR Serverless", self._application):
            return str(self.serverless.start_job_run(**self.request(attempt).parameters)["jobRunId"])

    def state(self, run: str) -> State:
        """State of the job run."""
        with reaching("EMR Serverless", f"{self._application} {run}"):
            reply = self.serverless.get_job_run(applicationId=self._application, jobRunId=run)
        found = reply["jobRun"]
        word = found["state"]
        return State(word, word in ENDED, word == "SUCCESS", str(found.get("stateDetails") or ""))

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """The application's console, the run's logs, and what opens its Spark UI for an hour."""
        region = str(self.asked.profile.region)
        yield "application", emr_console(region, "serverless")
        yield "logs", s3_console(region, self.log_folders(run)[0])
        yield "Spark UI", f"aws emr-serverless get-dashboard-for-job-run {self._named(run)}"

    def cancel_commands(self, run: str) -> tuple[str]:
        """What cancels the job run."""
        return (f"aws emr-serverless cancel-job-run {self._named(run)}",)

    def log_folders(self, run: str) -> tuple[str, ...]:
        """The driver's folder."""
        logs = str(self.asked.profile.logs).rstrip("/")
        return (f"{logs}/applications/{self._application}/jobs/{run}/SPARK_DRIVER/",)

    def _named(self, run: str) -> str:
        region = self.asked.profile.region
        where = f"{named(self.credentials)}--region {region}"
        return f"{where} --application-id {self._application} --job-run-id {run}"
