"""A submission is a value with a key: a job with its arguments, its hosts, and its archive.

Names in the profile's store follow from content: `archives/DIGEST.tar.gz`, `jobs/DIGEST/scan.py`,
`files/DIGEST/scan.yaml`. Attempts are in `submissions/KEY/`.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from presswatch_spark.deploy.archive import NEEDED, archive_for, check_archive
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.errors import ConfigError
from presswatch_spark.redaction import holds_secret, is_secret_name
from presswatch_spark.settings.config import job_settings
from presswatch_spark.storage.disk import file_sha256, put_file
from presswatch_spark.storage.objects import MissingError, StorageOptions, stat

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, if the package runs from one."""

FILE_OPTIONS = frozenset({"--config", "--members", "--licences", "--press"})
"""Options of jobs that name a file which is read where the driver runs."""
# Whose credentials are used on this machine; a job has the role of its hosts.
STAYS_HERE = "PRESSWATCH_STORAGE__PROFILE"
SHARED_FOLDERS = frozenset((
    "--corpus", "--out", "--signals", "--known", "--reviews",
    "--base", "--mirror", "--pages-of", "--captures", "--index",
))  # fmt: skip
HERE_ONLY: Mapping[str, tuple[str, str]] = {
    "--profile": (
        "names AWS credentials of this machine",
        "leave it out: the job has the role of its hosts",
    ),
    "--hf-token-file": (
        "names a secret of this machine",
        "keep the token in AWS Secrets Manager, and give --hf-token-secret ARN",
    ),
}
"""Options that name something of this machine, why they are refused, and the remedy."""
SHARED_PLACE = re.compile(r"[a-z0-9]+://|/")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of this machine, and where it belongs in the store."""

    file: Path
    uri: str

    def bring(self, options: StorageOptions) -> bool:
        """Upload it unless it is there, and return whether that was needed.

        Its name follows from its content, and S3 shows an object only when it is whole.
        """
        with suppress(MissingError):
            if stat(self.uri, options).size == self.file.stat().st_size:
                return False
        put_file(str(self.file), self.uri, options)
        return True


@dataclass(frozen=True, slots=True)
class Submission:
    """One job, as a profile runs it.

    `arguments` are the job's; a file of this machine is replaced by its place among `files`. `environment`
    has the variables of the driver and its workers.
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
        """Return all that must be in the store before the job starts."""
        return (self.archive, self.entry, *self.files)

    @property
    def key(self) -> str:
        """Return the SHA-256 (hex) of job, arguments, code, hosts and settings."""
        profile = asdict(self.profile)
        # How it is waited for, and where this machine would run it, does not change what is asked.
        asked = {name: value for name, value in profile.items() if name not in ("wait", "local")}
        asked |= {"job": self.job, "arguments": self.arguments, "environment": dict(self.environment)}
        asked |= {"code": [self.archive.uri, self.entry.uri]}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    @property
    def label(self) -> str:
        """Return the name of all attempts, without their number."""
        return f"presswatch {self.job} {self.key[:24]}"

    def name(self, attempt: int) -> str:
        """Return the name of an attempt, by which it is found again."""
        return f"{self.label} {attempt}"

    def record(self, attempt: int, kind: str) -> str:
        """Return the URI of an attempt's `claim`, of the note that it has `started`, or of its `result`."""
        return f"{_store(self.profile)}/submissions/{self.key}/{attempt:04}.{kind}.json"


def submission(
    job: str,
    arguments: Sequence[str],
    profile: Profile,
    archive: Path,
    root: Path,
    env: Mapping[str, str],
) -> Submission:
    """Return the submission of `job`, from a checkout in `root`, with the settings of jobs in `env`.

    `ConfigError`: there is no such job; or its arguments contain a secret, or a place of this machine.
    """
    settings = {name: value for name, value in env.items() if job_settings().owns(name)}
    settings.pop(STAYS_HERE, None)
    environment = {**profile.environment, **settings}
    # AWS keeps, shows and logs requests.
    named = {**environment, **profile.spark}
    texts = {f"argument {at}": text for at, text in enumerate(arguments, 1)} | named
    secrets = {place for place, text in texts.items() if holds_secret(text)}
    if secrets := secrets | set(filter(is_secret_name, named)):
        raise ConfigError(
            f"this looks like a secret, which would stand in a request: {', '.join(sorted(secrets))}",
            remedy="leave it out: the job has the role of its hosts",
        )
    sent, files = _sent_arguments(arguments, profile)
    brought = Upload(archive, f"{_store(profile)}/archives/{file_sha256(archive)}.tar.gz")
    entry = _upload(job_file(job, root), "jobs", profile)
    return Submission(job, tuple(sent), profile, brought, entry, tuple(files), environment)


def archive_of(profile: Profile, given: Path | None, *, make: bool = True) -> Path:
    """Return the archive that jobs run from: the given one, or this checkout's, made if `make` allows it."""
    archive = given or archive_for(ROOT, ROOT / "dist", profile.archive, make=make)
    check_archive(archive, NEEDED)
    return archive


def job_file(job: str, root: Path) -> Path:
    """Return the file of `jobs/` for a job's name; `ConfigError` if there is none."""
    names = sorted(path.stem for path in (root / "jobs").glob("*.py"))
    if job not in names:
        raise ConfigError(
            f"there is no job {job}",
            where=f"{root}/jobs",
            remedy=f"name one of {', '.join(names)}" if names else "run it in a checkout: jobs come with it",
        )
    return root / "jobs" / f"{job}.py"


def _store(profile: Profile) -> str:
    return str(profile.store).rstrip("/")


def check_shared(name: str, place: str) -> None:
    """Raise `ConfigError` for a place that other hosts do not see; `name` is its option or argument."""
    if not SHARED_PLACE.match(place):
        raise ConfigError(
            f"{name} {place} lies on this machine only",
            where="command line",
            remedy="name a place that all hosts share, such as s3://BUCKET/FOLDER",
        )


def _sent_arguments(arguments: Sequence[str], profile: Profile) -> tuple[list[str], list[Upload]]:
    """Return the arguments, with places in the store for files of this machine, and the uploads."""
    sent, uploads, option = list[str](), list[Upload](), ""
    # Options are spelt `--option value` or `--option=value`. The end, too, shows that a value is missing.
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
                remedy = "name a file to send along with the job"
                raise ConfigError("there is no such file", where=value, remedy=remedy)
            uploads.append(_upload(Path(value), "files", profile))
            argument = argument.removesuffix(value) + uploads[-1].uri
        sent.append(argument)
        option = ""
    return sent[:-1], uploads


def _upload(file: Path, folder: str, profile: Profile) -> Upload:
    return Upload(file, f"{_store(profile)}/{folder}/{file_sha256(file)[:16]}/{file.name}")
