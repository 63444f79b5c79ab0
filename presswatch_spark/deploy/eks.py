"""Runs submissions on EMR on EKS: as job runs of a virtual cluster, whose pods Kubernetes starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from presswatch_spark.deploy.requests import Request, container_request
from presswatch_spark.deploy.services import State, aws_options, client, emr_console, reaching, s3_console
from presswatch_spark.deploy.submission import Submission
from presswatch_spark.errors import ConfigError

ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
LIVES = frozenset({"RUNNING", "ARRESTED"})


@dataclass(frozen=True, slots=True)
class ContainerRuns:
    """Runs a submission as a job run of a virtual cluster, which starts one client token once."""

    asked: Submission
    containers: Any
    credentials: str | None = None
    knows_tokens: bool = True

    @classmethod
    def of(cls, asked: Submission, credentials: str | None = None) -> Self:
        """Return one with a client for the profile's region, and an AWS profile's credentials if named."""
        containers = client("emr-containers", asked.profile.region, credentials=credentials)
        return cls(asked, containers, credentials)

    @property
    def _cluster(self) -> str:
        return str(self.asked.profile.eks.virtual_cluster_id)

    def check(self) -> None:
        """Make sure that the virtual cluster lives. It has no release: each job run names its own."""
        if (state := self.cluster()["state"]) not in LIVES:
            raise ConfigError(
                f"the virtual cluster is {state}", where=self._cluster, remedy="name one that runs"
            )

    def cluster(self) -> dict[str, Any]:
        """Return what EMR says of the virtual cluster."""
        with reaching("EMR on EKS", self._cluster):
            reply = self.containers.describe_virtual_cluster(id=self._cluster)
        found: dict[str, Any] = reply["virtualCluster"]
        return found

    def request(self, attempt: int) -> Request:
        """Return what starts the job run."""
        return container_request(self.asked, attempt)

    def find(self, attempt: int) -> str | None:
        """Return None: starting the attempt again gives its id."""
        return None

    def start(self, attempt: int, confirm: Callable[[], None]) -> str:
        """Start the job run, or return the id of the one that has the attempt's token already."""
        with reaching("EMR on EKS", self._cluster):
            return str(self.containers.start_job_run(**self.request(attempt).parameters)["id"])

    def state(self, run: str) -> State:
        """Return where the job run stands."""
        with reaching("EMR on EKS", f"{self._cluster} {run}"):
            reply = self.containers.describe_job_run(virtualClusterId=self._cluster, id=run)
        found = reply["jobRun"]
        reason = ", ".join(str(found[name]) for name in ("failureReason", "stateDetails") if found.get(name))
        return State(found["state"], found["state"] in ENDED, found["state"] == "COMPLETED", reason)

    def links(self, run: str) -> Iterator[tuple[str, str]]:
        """Yield the console of virtual clusters, and the run's logs."""
        region = str(self.asked.profile.region)
        yield "virtual cluster", emr_console(region, f"virtual-cluster/{self._cluster}")
        yield "logs", s3_console(region, self.log_folders(run)[0])

    def cancel_commands(self, run: str) -> tuple[str]:
        """Return what cancels the job run."""
        where = aws_options(self.asked.profile.region, self.credentials)
        return (f"aws emr-containers cancel-job-run {where} --virtual-cluster-id {self._cluster} --id {run}",)

    def log_folders(self, run: str) -> tuple[str, ...]:
        """Return the folder of the run's containers; the driver's name ends in `-driver`."""
        logs = str(self.asked.profile.logs).rstrip("/")
        return (f"{logs}/{self._cluster}/jobs/{run}/containers/",)
