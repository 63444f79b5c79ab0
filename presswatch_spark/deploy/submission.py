"""A submission is a value with a key: a job with its arguments, its hosts (profile), and its archive.

Names of files in the store are derived from their content; records of attempts are in `submissions/KEY/`.
"""

import hashlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.processes import SAFE_PATH_VARIABLE, without_empty_entries
from presswatch_spark.core.redaction import holds_secret, is_secret_name
from presswatch_spark.core.settings.config import JOB_SETTINGS
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.core.spark.java import java_home, log_options
from presswatch_spark.deploy.archive import ROOT
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.storage.disk import file_sha256, put_file
from presswatch_spark.storage.objects import MissingError, StorageOptions, stat

FILE_OPTIONS = frozenset({"--config", "--members", "--licences", "--press"})
"""Options of jobs that name a file for the driver: a local file is uploaded."""
# The AWS profile of this machine is not sent: a job has the role of its hosts.
STAYS_HERE = "PRESSWATCH_STORAGE__PROFILE"
SHARED_FOLDERS = frozenset((
    "--corpus", "--out", "--signals", "--known", "--reviews",
    "--base", "--mirror", "--pages-of", "--captures", "--index",
))  # fmt: skip
HERE_ONLY: Mapping[str, tuple[str, str]] = {
    "--profile": (
        "selects AWS credentials of this machine",
        "leave it out: the job has the role of its hosts",
    ),
    "--hf-token-file": (
        "points to a secret of this machine",
        "store the token in AWS Secrets Manager, and pass --hf-token-secret ARN",
    ),
    "--key-file": (
        "points to a secret of this machine",
        "store the key in AWS Secrets Manager, and pass --key-secret ARN",
    ),
}
"""Options that are refused, since they name something of this machine; each with reason and remedy."""
NO_ARCHIVE = "DIGEST"
"""The digest of an archive that is not built yet."""
SHARED_PLACE = re.compile(r"[a-z0-9]+://|/")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of this machine, and its URI in the store."""

    file: Path
    uri: str

    def is_stored(self, options: StorageOptions) -> bool:
        """Return whether the store has the file, by its name and size."""
        try:
            return stat(self.uri, options).size == self.file.stat().st_size
        except MissingError:
            return False

    def bring(self, options: StorageOptions) -> bool:
        """Upload the file unless it is stored; return whether it was uploaded."""
        if self.is_stored(options):
            return False
        put_file(str(self.file), self.uri, options)
        return True


@dataclass(frozen=True, slots=True)
class Submission:
    """One job on the hosts of a profile.

    `arguments`: of the job, with URIs of uploads for local files. `environment`: of driver and workers.
    """

    job: str
    arguments: tuple[str, ...]
    profile: Profile
    archive: Upload
    entry: Upload
    files: tuple[Upload, ...]
    environment: Mapping[str, str]

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """Return all files that must be in the store before the job starts."""
        return (self.archive, self.entry, *self.files)

    @property
    def key(self) -> str:
        """Return the SHA-256 (hex) of job, arguments, code, hosts and settings."""
        profile = asdict(self.profile)
        # Leave out how to wait for the job, and how to run it on this machine.
        asked = {name: value for name, value in profile.items() if name not in ("wait", "local")}
        asked |= {"job": self.job, "arguments": self.arguments, "environment": dict(self.environment)}
        asked |= {"code": [self.archive.uri, self.entry.uri]}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    @property
    def label(self) -> str:
        """Return the common part of the names of all attempts."""
        return f"presswatch {self.job} {self.key[:24]}"

    def name(self, attempt: int) -> str:
        """Return the name of an attempt, by which a service finds it."""
        return f"{self.label} {attempt}"

    def record(self, attempt: int, kind: str) -> str:
        """Return the URI of an attempt's `claim`, of the note that it has `started`, or of its `result`."""
        return f"{_store(self.profile)}/submissions/{self.key}/{attempt:04}.{kind}.json"


def submission(
    job: str, arguments: Sequence[str], profile: Profile, archive: Path | None, env: Mapping[str, str]
) -> Submission:
    """Return the submission of `job`, with the settings in `env`; `ConfigError` if it may not be sent.

    Without an archive, it can only be printed and checked.
    """
    settings = {name: value for name, value in env.items() if JOB_SETTINGS.owns(name)}
    settings.pop(STAYS_HERE, None)
    environment = {**profile.environment, **settings}
    # AWS stores, shows and logs requests: refuse secrets in them.
    named = {**environment, **profile.spark}
    texts = {f"argument {at}": text for at, text in enumerate(arguments, 1)} | named
    secrets = {place for place, text in texts.items() if holds_secret(text)}
    if secrets := secrets | set(filter(is_secret_name, named)):
        raise ConfigError(
            f"this looks like a secret, which would be part of a request: {', '.join(sorted(secrets))}",
            remedy="leave it out: the job has the role of its hosts",
        )
    sent, files = _sent_arguments(arguments, profile)
    digest = file_sha256(archive) if archive else NO_ARCHIVE
    brought = Upload(archive or Path(NO_ARCHIVE), f"{_store(profile)}/archives/{digest}.tar.gz")
    entry = _upload(shipped(f"{job}.py", "jobs"), "jobs", profile)
    return Submission(job, tuple(sent), profile, brought, entry, tuple(files), environment)


def _store(profile: Profile) -> str:
    return str(profile.store).rstrip("/")


def check_shared(name: str, place: str) -> None:
    """Raise `ConfigError` for a place that other hosts cannot reach; `name`: its option or argument."""
    if not SHARED_PLACE.match(place):
        raise ConfigError(
            f"{name} {place} is on this machine only",
            where="command line",
            remedy="pass a place that all hosts share, such as s3://BUCKET/FOLDER",
        )


def _sent_arguments(arguments: Sequence[str], profile: Profile) -> tuple[list[str], list[Upload]]:
    sent, uploads, option = list[str](), list[Upload](), ""
    # Options have the form `--option value` or `--option=value`. The final `--` detects a missing last value.
    for argument in [*arguments, "--"]:
        value = argument
        if argument.startswith("--"):
            if option in SHARED_FOLDERS | FILE_OPTIONS:
                remedy = "write a place after it"
                raise ConfigError(f"{option} has no value", where="command line", remedy=remedy)
            option, equals, value = argument.partition("=")
            if option in HERE_ONLY:
                what, remedy = HERE_ONLY[option]
                raise ConfigError(f"{option} {what}", where="command line", remedy=remedy)
            if not equals:
                sent.append(argument)
                continue
        if option in SHARED_FOLDERS:
            check_shared(option, value)
        if option in FILE_OPTIONS and not value.startswith("s3://"):
            if not Path(value).is_file():
                remedy = "pass a file to send along with the job"
                raise ConfigError("there is no such file", where=value, remedy=remedy)
            uploads.append(_upload(Path(value), "files", profile))
            argument = argument.removesuffix(value) + uploads[-1].uri
        sent.append(argument)
        option = ""
    return sent[:-1], uploads


def _upload(file: Path, folder: str, profile: Profile) -> Upload:
    return Upload(file, f"{_store(profile)}/{folder}/{file_sha256(file)[:16]}/{file.name}")


# Folder into which Spark unpacks the archive, below the working folder of the driver and of each executor.
FOLDER = "environment"
PYTHON = f"./{FOLDER}/bin/python"
# Number of executors with which EMR Serverless begins by default.
FIRST_EXECUTORS = 3
DYNAMIC = "spark.dynamicAllocation"


def spark_settings(asked: Submission, attempt: int, driver_variable: str) -> dict[str, str]:
    """Return Spark's settings; `driver_variable`: prefix of settings for the driver's environment."""
    profile = asked.profile
    executor, driver, most = profile.executor, profile.driver, profile.most_executors
    # EMR Serverless begins with three executors by default, and refuses a job that may have fewer. Set all
    # three: Spark begins with the greatest of `initialExecutors`, `minExecutors` and `executor.instances`.
    dynamic = profile.spark.get(f"{DYNAMIC}.enabled", "true") == "true"
    first = min(FIRST_EXECUTORS, most) if dynamic else most
    settings = {
        **profile.spark,
        "spark.executor.instances": str(first),
        f"{DYNAMIC}.minExecutors": "0",
        f"{DYNAMIC}.initialExecutors": str(first),
        f"{DYNAMIC}.maxExecutors": str(most),
        "spark.executor.cores": str(executor.cores),
        "spark.executor.memory": f"{executor.jvm_gb}g",
        "spark.executor.memoryOverhead": f"{executor.python_gb}g",
        "spark.driver.cores": str(driver.cores),
        "spark.driver.memory": f"{driver.jvm_gb}g",
        "spark.driver.memoryOverhead": f"{driver.python_gb}g",
        # Executors start one by one: without this, the first waves would be sized for the first few.
        "spark.default.parallelism": str(most * executor.cores),
    }
    if profile.most_executors == 1:
        # With a single executor, an excluded one would leave none for the retry of a task.
        settings["spark.excludeOnFailure.enabled"] = "false"
    # Hosts of a cluster have no default region.
    of_all = {"AWS_DEFAULT_REGION": str(profile.region), **asked.environment, "PYSPARK_PYTHON": PYTHON}
    of_all[SAFE_PATH_VARIABLE] = "1"
    of_driver = {"PYSPARK_DRIVER_PYTHON": PYTHON, "PRESSWATCH_RESULT_URI": asked.record(attempt, "result")}
    settings |= {f"spark.executorEnv.{name}": value for name, value in of_all.items()}
    settings |= {f"{driver_variable}{name}": value for name, value in (of_all | of_driver).items()}
    return settings


def local_command(
    job: str, arguments: Sequence[str], profile: Profile, env: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the command that runs a job locally, and variables to add; `ConfigError` without job or Java."""
    entry = shipped(f"{job}.py", "jobs")
    spec = importlib.util.find_spec("pyspark")
    home = str(Path(str(spec and spec.origin)).parent)
    # Use the default options, so that a caller can set spark.driver.extraJavaOptions.
    settings = {"spark.driver.defaultJavaOptions": log_options(), **profile.spark}
    command = [f"{home}/bin/spark-submit", "--master", env.get("SPARK_MASTER") or profile.local.master]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    variables = {
        "JAVA_HOME": java_home(),
        "SPARK_HOME": home,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        # The job's file is beside the package, not in it.
        "PYTHONPATH": without_empty_entries(os.pathsep.join([str(ROOT), env.get("PYTHONPATH", "")])),
        SAFE_PATH_VARIABLE: "1",
        **profile.environment,
    }
    return [*command, str(entry), *arguments], variables
