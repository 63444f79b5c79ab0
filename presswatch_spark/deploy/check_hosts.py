"""Checks the hosts of a profile: cluster or application, release, sizes, limits, and the account's quota."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Self

import yaml

from presswatch_spark.deploy.findings import CheckResult, fault, ok, unknown
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.services import client, reaching
from presswatch_spark.settings.shipped import shipped

QUOTA = "L-D05C8A75"
QUOTA_NAME = "Max concurrent vCPUs per account"
STARTER = "emr-serverless-starter"
SOON = timedelta(days=60)
UNITS = {"vCPU": "cpu", "GB of memory": "memory", "GB of disk": "disk"}
"""What is asked of an application, and what its limits call it."""


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


def check_release(profile: Profile, today: date) -> Iterator[CheckResult]:
    """Say which Spark and Python the profile's release has, and until when it is supported."""
    known, label = known_hosts(), profile.release
    release = known.release(label)
    if label.startswith(known.too_old):
        yield fault("release", f"{label} has a Spark older than 4.0", "take emr-spark-8.0.0")
    elif release is None:
        yield unknown(
            "release", f"{label} is not listed in conf/emr.yaml", "see that its Spark is 4.0 or newer"
        )
    elif profile.archive.python not in release.pythons:
        pythons = ", ".join(release.pythons)
        said = f"{label} has Python {pythons}, and the archive is for {profile.archive.python}"
        yield fault("release", said, "set archive.python of the profile")
    elif release.support_ends < today:
        said = f"the support of {label} ended on {release.support_ends} (noted {known.noted})"
        yield fault("release", said, "move the hosts to a newer release, and set release of the profile")
    else:
        days = release.support_ends - today
        soon = f", in {days.days} days" if days < SOON else ""
        said = f"{label}: Spark {release.spark}, Python {profile.archive.python}"
        yield ok("release", f"{said}; support ends on {release.support_ends}{soon} (noted {known.noted})")


def check_workers(profile: Profile) -> Iterator[CheckResult]:
    """Say whether EMR Serverless has workers of the profile's sizes."""
    said = []
    for name, cores, memory in _workers(profile):
        size = known_hosts().worker(cores)
        if size is None:
            sizes = ", ".join(str(worker.vcpus) for worker in known_hosts().workers)
            yield fault(
                "workers",
                f"the {name} has {cores} vCPUs, and EMR Serverless has workers of {sizes}",
                f"set {name}.cores of the profile",
            )
        elif not size.allows(memory):
            yield fault(
                "workers",
                f"the {name} has {memory} GB with {cores} vCPUs, where EMR Serverless allows {size.least} to"
                f" {size.most} GB in steps of {size.step}",
                f"set {name}.jvm_gb and {name}.python_gb of the profile",
            )
        else:
            said.append(f"{name} of {cores} vCPUs and {memory} GB")
    if len(said) == len(_workers(profile)):
        yield ok("workers", f"{', '.join(said)}; executors at most: {profile.most_executors}")


def check_limits(profile: Profile, application: Mapping[str, Any]) -> Iterator[CheckResult]:
    """Say whether the application's own limits allow what the profile asks for."""
    limits, needed = application.get("maximumCapacity") or {}, _asked(profile)
    short = []
    for unit, name in UNITS.items():
        number = re.match(r"\d+", str(limits.get(name, "")))
        if number and int(number[0]) < needed[name]:
            short.append(f"{number[0]} {unit}, where the profile asks for {needed[name]:,}")
    if short:
        remedy = (
            "raise MostExecutors of the stack (maximumCapacity of the application), or lower most_executors"
        )
        yield fault("limits", f"the application may have at most {' and '.join(short)}", remedy)
    elif limits:
        yield ok(
            "limits", f"the application may have {needed['cpu']:,} vCPU and what else the profile asks for"
        )
    else:
        yield ok("limits", "the application has no limits of its own")


def check_quota(profile: Profile, credentials: str | None) -> Iterator[CheckResult]:
    """Say whether the account may use as many vCPUs at a time as the profile asks for."""
    quotas = client("service-quotas", profile.region, credentials=credentials)
    with reaching("Service Quotas", QUOTA):
        reply = quotas.get_service_quota(ServiceCode="emr-serverless", QuotaCode=QUOTA)
    allowed, needed = int(reply["Quota"]["Value"]), _asked(profile)["cpu"]
    name = f"{QUOTA_NAME} ({QUOTA})"
    if allowed >= needed:
        yield ok("quota", f"{name} is {allowed:,}, and the profile asks for {needed:,} at most")
        return
    fitting = (allowed - profile.driver.cores) // profile.executor.cores
    lower = f"set most_executors to {fitting}" if fitting > 0 else f"take the profile {STARTER}"
    yield fault(
        "quota",
        f"{name} is {allowed:,}, and the profile asks for {needed:,}",
        f"{lower}, or ask AWS (Service Quotas, EMR Serverless) to raise it to {needed:,}",
    )


def _workers(profile: Profile) -> tuple[tuple[str, int, int], ...]:
    """Return name, vCPUs and GB of memory of each kind of worker."""
    driver, executor = profile.driver, profile.executor
    return (
        ("driver", driver.cores, driver.jvm_gb + driver.python_gb),
        ("executor", executor.cores, executor.jvm_gb + executor.python_gb),
    )


def _asked(profile: Profile) -> dict[str, int]:
    """Return what the driver and all executors have together: vCPUs, GB of memory, GB of disk."""
    (_, *driver), (_, *executor) = _workers(profile)
    driver.append(profile.serverless.disk_gb)
    executor.append(profile.serverless.disk_gb)
    sums = (one + profile.most_executors * other for one, other in zip(driver, executor, strict=True))
    return dict(zip(UNITS.values(), sums, strict=True))
