"""Steps of EMR on EC2."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from presswatch_spark.deploy.clients import ATTEMPTS, client, named, reaching
from presswatch_spark.deploy.requests import Request, step_request
from presswatch_spark.deploy.services import State, check_release, emr_console, s3_console
from presswatch_spark.deploy.submission import Submission
from presswatch_spark.errors import ConfigError

ENDED = frozenset({"COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED"})
GONE = frozenset({"TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"})
PAUSE_SECONDS = 1.0
PAUSE_MAX_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Steps:
    """Runs a submission as a step of a cluster. Steps have no token: see `start`.

    `emr` is a client of the service, `once` one that sends no request twice; `credentials` is the AWS profile
    of both, if one was named.
    """

    asked: Submission
    emr: Any
    once: Any
    credentials: str | None = None
    knows_tokens: bool = False

    @classmethod
    def of(cls, asked: Submission, credentials: str | None = None) -> Steps:
        """With clients for the profile's region, and the credentials of an AWS profile if one is named."""
        region = asked.profile.region
        often = client("emr", region, credentials=credentials)
        return cls(asked, often, client("emr", region, attempts=1, credentials=credentials), credentials)

    @property
    def _cluster(self) -> str:
        return str(self.asked.profile.ec2.cluster_id)

    def check(self) -> None:
        """Make sure that the cluster lives and is of the profile's release."""
        cluster = self._described()
        if (state := cluster["Status"]["State"]) in GONE:
            raise ConfigError(f"the cluster is {state}", where=self._cluster, remedy="name one that runs")
        check_release(self.asked.profile, str(cluster.get("ReleaseLabel")), self._cluster)

    def request(self, attempt: int) -> Request:
        """What adds the step."""
        return step_request(self.asked, attempt)

    def find(self, attempt: int) -> str | None:
        """Id of the step with the attempt's name."""
        with reaching("EMR", self._cluster):
            pages = self.emr.get_paginator("list_steps").paginate(ClusterId=self._cluster)
            steps = (step for page in pages for step in page["Steps"])
            return next((str(step["Id"]) for step in steps if step["Name"] == self.asked.name(attempt)), None)

    def start(self, attempt: int, confirm: Callable[[], None]) -> str:
        """Add the step, once.

        A request whose answer was lost may have been heard. So botocore does not repeat it, and before we do,
        we look whether the step is there.
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

    def state(self, run: str) -> State:
        """State of the step."""
        with reaching("EMR", f"{self._cluster} {run}"):
            step = self.emr.describe_step(ClusterId=self._cluster, StepId=run)["Step"]
        status = step["Status"]
        details = status.get("FailureDetails") or status.get("StateChangeReason") or {}
        reason = ", ".join(
            str(details[name]) for name in ("Reason", "Message", "LogFile") if details.get(name)
        )
        return State(status["State"], status["State"] in ENDED, status["State"] == "COMPLETED", reason)

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """The cluster, where its steps are listed, and the step's logs."""
        region = str(self.asked.profile.region)
        yield "cluster and steps", emr_console(region, f"clusterDetails/{self._cluster}")
        for folder in self.log_folders(run)[:1]:
            yield "logs", s3_console(region, folder)

    def cancel_commands(self, run: str) -> tuple[str, str]:
        """What cancels the step, and what ends the driver: that runs elsewhere, and outlives its step."""
        where = f"{named(self.credentials)}--region {self.asked.profile.region}"
        # YARN calls an application by the name of its attempt.
        ours = f"yarn application -list | awk '/{self.asked.label}/ {{print $1}}'"
        return (
            f"aws emr cancel-steps {where} --cluster-id {self._cluster} --step-ids {run}"
            " --step-cancellation-option TERMINATE_PROCESS",
            f"yarn application -kill $({ours})  # on the cluster's master",
        )

    def log_folders(self, run: str) -> tuple[str, ...]:
        """The step's folder, then the folder of YARN's applications."""
        logs = self.asked.profile.logs or self._described().get("LogUri")
        if not logs:
            return ()
        base = f"{re.sub(r'^s3[an]?://', 's3://', str(logs)).rstrip('/')}/{self._cluster}"
        return (f"{base}/steps/{run}/", f"{base}/containers/")

    def _described(self) -> dict[str, Any]:
        with reaching("EMR", self._cluster):
            described: dict[str, Any] = self.emr.describe_cluster(ClusterId=self._cluster)["Cluster"]
        return described


def _passing(error: ClientError | BotoCoreError) -> bool:
    """Whether another try may do better."""
    if isinstance(error, BotoCoreError):
        return type(error).__name__ not in ("NoCredentialsError", "ParamValidationError", "NoRegionError")
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return "Throttling" in error.response["Error"].get("Code", "") or status >= 500 or status == 429
