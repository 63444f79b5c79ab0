"""Profiles: the places and hosts where jobs run, in files of `conf/profiles/` or other YAML files.

Environment variables `PRESSWATCH_DEPLOY__…` replace their values. Profiles contain no credentials.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.settings.config import DEPLOY_PREFIX
from presswatch_spark.core.settings.load import SettingsGroup, setting, shipped
from presswatch_spark.deploy.archive import HostPlatform

S3_FOLDER = r"s3://[^/]+(/.*)?"


@dataclass(frozen=True, slots=True)
class LocalRules:
    """This machine."""

    master: str = "local[*,4]"


@dataclass(frozen=True, slots=True)
class Ec2Rules:
    """An existing cluster of EMR on EC2."""

    cluster_id: str | None = None


@dataclass(frozen=True, slots=True)
class ServerlessRules:
    """An existing application of EMR Serverless, and the role of the job."""

    application_id: str | None = None
    role_arn: str | None = None
    # The limits are those of EMR Serverless.
    disk_gb: int = setting(200, "Disk of a worker, in GB", low=20, high=2000)
    timeout_minutes: int = setting(4320, "Minutes after which EMR cancels a run", low=5, high=1_000_000)


@dataclass(frozen=True, slots=True)
class ExecutorRules:
    """An executor: cores, and memory in GiB of its JVM and of all its Python workers together."""

    cores: int = 16
    jvm_gb: int = 8
    python_gb: int = 48


@dataclass(frozen=True, slots=True)
class DriverRules:
    """The driver: cores, and memory in GiB of its JVM and of its Python."""

    cores: int = 4
    jvm_gb: int = 8
    python_gb: int = 8


@dataclass(frozen=True, slots=True)
class WaitRules:
    """Times of the wait for a submitted job, in seconds."""

    first_seconds: float = setting(5.0, "Between the first two looks", low=0.01, high=3600)
    longest_seconds: float = setting(60.0, "Between two looks, at most", low=0.01, high=3600)
    log_seconds: float = setting(420.0, "For the log of a job that has ended", low=0, high=3600)


@dataclass(frozen=True, slots=True)
class Profile:
    """All settings of a profile.

    `release`: the label that the cluster or application must have. `store`, `logs`: `s3://` prefixes of
    archives and submissions, and of EMR's logs (None: the cluster's own). `environment`: variables for the
    driver and its Python workers. `spark`: settings of Spark.
    """

    service: str = setting("local", "Where it runs", words=("local", "emr-ec2", "emr-serverless"))
    release: str = "emr-spark-8.0.0"
    region: str | None = None
    store: str | None = setting(None, "Archives and submissions", form=S3_FOLDER, formed="s3://BUCKET/PREFIX")
    logs: str | None = setting(None, "Logs of EMR", form=S3_FOLDER, formed="s3://BUCKET/PREFIX")
    local: LocalRules = field(default_factory=LocalRules)
    ec2: Ec2Rules = field(default_factory=Ec2Rules)
    serverless: ServerlessRules = field(default_factory=ServerlessRules)
    archive: HostPlatform = field(default_factory=HostPlatform)
    most_executors: int = 10
    executor: ExecutorRules = field(default_factory=ExecutorRules)
    driver: DriverRules = field(default_factory=DriverRules)
    wait: WaitRules = field(default_factory=WaitRules)
    environment: Mapping[str, str] = field(default_factory=dict)
    spark: Mapping[str, str] = field(default_factory=dict)

    @property
    def hosts(self) -> str:
        """Return the id of the cluster or application."""
        return str(attrgetter(HOSTS[self.service])(self))


HOSTS = {"emr-ec2": "ec2.cluster_id", "emr-serverless": "serverless.application_id"}
"""Settings with the ids of hosts."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    "local": (),
    "emr-ec2": ("region", "store", HOSTS["emr-ec2"]),
    "emr-serverless": ("region", "store", "logs", HOSTS["emr-serverless"], "serverless.role_arn"),
}
OURS = (
    "spark.executor.instances",
    "spark.dynamicAllocation.minExecutors",
    "spark.dynamicAllocation.initialExecutors",
    "spark.dynamicAllocation.maxExecutors",
)
"""Settings of Spark that follow from `most_executors`; if set twice, EMR could refuse the job."""


PROFILE_SETTINGS = SettingsGroup(Profile, "the files of conf/profiles", DEPLOY_PREFIX)


def load_profile(name: str, env: Mapping[str, str]) -> Profile:
    """Return the profile called `name`, or in the file `name`; raises `ConfigError` with all mistakes."""
    file = Path(name)
    if "/" not in name and not name.endswith(".yaml"):
        folder = shipped("profiles")
        names = sorted(path.stem for path in folder.glob("*.yaml"))
        if name not in names:
            remedy = f"choose one of {', '.join(names)}, or pass a file that ends in .yaml"
            raise ConfigError(f"there is no profile {name}", remedy=remedy)
        file = folder / f"{name}.yaml"
    profile = PROFILE_SETTINGS.load(str(file), env)
    problems = [
        f"{name} must be given, in the file or as {PROFILE_SETTINGS.variable_of(name)}"
        for name in NEEDED[profile.service]
        if not attrgetter(name)(profile)
    ]
    problems += [
        f"{name} follows from most_executors: leave it out of spark" for name in OURS if name in profile.spark
    ]
    if problems:
        lines = [f"the profile {name} cannot be used:", *(f"  {problem}" for problem in problems)]
        raise ConfigError("\n".join(lines), where=str(file))
    return profile
