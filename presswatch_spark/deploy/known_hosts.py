"""What is known of EMR's releases, and of the workers of EMR Serverless: `conf/emr.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Self

import yaml

from presswatch_spark.settings.shipped import shipped


@dataclass(frozen=True, slots=True)
class EmrRelease:
    """A release of EMR: its Spark, its Pythons, and the last day of its support."""

    label: str
    spark: str
    pythons: tuple[str, ...]
    support_ends: date


@dataclass(frozen=True, slots=True)
class WorkerSize:
    """The memory that a worker of so many vCPUs may have, in GB: from `least` to `most`, in steps."""

    vcpus: int
    least: int
    most: int
    step: int

    def allows(self, memory_gb: int) -> bool:
        """Say whether a worker of this kind may have that memory."""
        return memory_gb in range(self.least, self.most + 1, self.step)


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """The file as a value; `too_old` holds how the labels begin whose Spark is older than 4.0."""

    noted: str
    releases: tuple[EmrRelease, ...]
    too_old: tuple[str, ...]
    workers: tuple[WorkerSize, ...]

    @classmethod
    def read(cls) -> Self:
        """Read the file that comes with the package."""
        table = yaml.safe_load(shipped("emr.yaml").read_text(encoding="utf-8"))
        return cls(
            noted=table["noted"],
            releases=tuple(
                EmrRelease(one["label"], one["spark"], tuple(one["pythons"]), one["support_ends"])
                for one in table["releases"]
            ),
            too_old=tuple(table["too_old"]),
            workers=tuple(
                WorkerSize(one["vcpus"], one["from"], one["to"], one["step"]) for one in table["workers"]
            ),
        )

    def release(self, label: str) -> EmrRelease | None:
        """Return what is known of a release; None if it is not listed."""
        # On EKS, a label ends in what image it is.
        plain = re.sub(r"-(latest|[0-9]{8})$", "", label)
        return next((release for release in self.releases if release.label == plain), None)

    def worker(self, vcpus: int) -> WorkerSize | None:
        """Return what a worker of so many vCPUs may have; None if there is no such worker."""
        return next((worker for worker in self.workers if worker.vcpus == vcpus), None)


@lru_cache(maxsize=1)
def known_hosts() -> KnownHosts:
    """Return what is known, read once."""
    return KnownHosts.read()
