"""Checks a job before it is submitted to EMR: hosts, quota, roles, places, archive, the price of a scan.

`CHECKS` is the table of checks, in the order of the report. Every request only reads. An error of a check is
a finding of it, and the other checks still run. A question without an answer is a finding of its own kind,
never "ok". A new check is a function of a `PlannedJob`, and a line of the table.
"""

import os
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError

from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.costs import Bill
from presswatch_spark.deploy.archive import NEEDED, check_archive
from presswatch_spark.deploy.emr import JobRuns, Service, ServiceError, Steps, client, reaching
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.submission import ROOT
from presswatch_spark.errors import PresswatchError
from presswatch_spark.releases.release_shards import shards_of
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.settings.load import shipped
from presswatch_spark.storage.hub import TOKEN_VARIABLE
from presswatch_spark.storage.objects import (
    DeniedError,
    MissingError,
    NoBucketError,
    StorageOptions,
    read_object,
    stat,
)
from presswatch_spark.storage.shards import ShardPlan, plan
from presswatch_spark.storage.uris import bucket_and_key, scheme_of
from presswatch_spark.terminal import counted, printable
from presswatch_spark.version import __version__

QUOTA = "L-D05C8A75"
QUOTA_NAME = f"Max concurrent vCPUs per account ({QUOTA})"
SUPPORT_ENDS_SOON = timedelta(days=60)
REGION_HEADER = "x-amz-bucket-region"
NO_ANSWER = frozenset(
    (
        *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"),
        *("NotImplemented", "501", "NoSuchResourceException"),
    )
)
"""Error codes of AWS for callers without permission, and for quotas and such that a service does not know."""


class CheckWord(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    FAULT = "fault"
    UNKNOWN = "could not be checked"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One finding about a point, with a remedy if there is one."""

    point: str
    word: CheckWord
    finding: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """Return the finding with its remedy."""
        return f"{self.finding}; {self.remedy}" if self.remedy else self.finding


@dataclass(frozen=True, slots=True)
class PlannedScan:
    """The shards and settings of a scan, as its command parsed them."""

    paths: tuple[str, ...]
    base: str | None
    release: str | None
    dataset: str
    config: ScanConfig


@dataclass(slots=True)
class PlannedJob:
    """A submission that is not sent yet.

    Attributes:
        archive: None if the submission would make it.
        places: URIs that the job reads and writes; `check_list` adds those of the shards.
        scan: returns the scan, if the job is one; raises for settings that are wrong.
        secret: ARN of the secret with a token for a hub.
        credentials: name of an AWS profile.
        shards: the shards of the scan, once they are listed.
    """

    service: Service
    archive: Path | None
    corpus: str | None
    places: list[str]
    scan: Callable[[], PlannedScan] | None
    secret: str | None
    credentials: str | None
    today: date
    shards: ShardPlan | None = None

    @property
    def profile(self) -> Profile:
        """Return the profile that the job is submitted by."""
        return self.service.asked.profile

    @property
    def storage(self) -> StorageOptions:
        """Return the access to S3 of this machine's credentials."""
        return StorageOptions(region=self.profile.region, profile=self.credentials)

    def aws(self, service: str) -> Any:
        """Return a client of an AWS service."""
        return client(service, self.profile.region, credentials=self.credentials)


Findings = Iterator[tuple[CheckWord, str, str]]
"""Outcome, finding and remedy."""
OK, FAULT, UNKNOWN = CheckWord.OK, CheckWord.FAULT, CheckWord.UNKNOWN


def check(job: PlannedJob) -> Iterator[CheckResult]:
    """Yield the findings of every check that applies to a job."""
    for point, look, kinds in CHECKS:
        if not isinstance(job.service, kinds):
            continue
        try:
            for word, finding, remedy in look(job):
                yield CheckResult(point, word, finding, remedy)
        except PresswatchError as error:
            finding = f"{error.where}: {error.what}" if error.where else error.what
            # A silent service, or a question that we may not ask, leaves the point open. The submission
            # itself looks at hosts and store: an error there would stop it.
            is_silent = isinstance(error, ServiceError) and not isinstance(error.__cause__, ClientError)
            is_open = is_silent or isinstance(error, DeniedError) or _aws_code(error) in NO_ANSWER
            word = UNKNOWN if is_open and point not in ("hosts", "store") else FAULT
            yield CheckResult(point, word, finding, error.remedy)


def _aws_code(error: PresswatchError) -> str:
    cause = error.__cause__
    return str(cause.response["Error"].get("Code", "")) if isinstance(cause, ClientError) else ""


def check_corpus(job: PlannedJob) -> Findings:
    """Read the manifest of the corpus."""
    if job.corpus:
        articles = manifest_of(job.corpus, job.storage).counts.articles
        yield OK, f"{job.corpus} can be read: {counted(articles, 'article')}", ""


def check_list(job: PlannedJob) -> Findings:
    """List the shards of a scan, and add them to the places that the hosts must reach."""
    if job.scan is None:
        if job.service.asked.job == "campaign_run":
            yield UNKNOWN, "the campaign's own file names what it reads and writes", "try a release"
        return
    scan = job.scan()
    paths, base = scan.paths, scan.base
    if scan.release:
        found = shards_of(scan.release, scan.dataset, base, scan.config.datasets, scan.config.storage)
        paths, base = (found.path,), found.base
    job.places += paths
    job.shards = plan(paths, scan.config.storage, base)
    first = job.shards.shards[0].uri
    job.places.append(first)
    yield OK, f"{counted(len(job.shards), 'shard')} can be listed, from {first} on", ""


def check_price(job: PlannedJob) -> Findings:
    """Compare the estimate of a scan with its budget."""
    if job.scan is None or job.shards is None:
        return
    scan = job.scan()
    bill = Bill.of(job.shards, scan.dataset, scan.config)
    if bill.machine is None:
        remedy = f"name a machine of {bill.prices.where} by --price, for dollars"
        yield UNKNOWN, bill.line(), remedy
    else:
        bill.require_within_budget()
        yield OK, f"{bill.line()}; list prices of {bill.prices.region}, noted {bill.prices.noted}", ""


def check_hosts(job: PlannedJob) -> Findings:
    """Ask the service for the application or cluster, its release and its processors."""
    job.service.check()
    yield OK, f"{job.profile.hosts} is there, with the profile's release", ""


@lru_cache(maxsize=1)
def known_hosts() -> Mapping[str, Any]:
    """Return conf/emr.yaml: releases of EMR."""
    table: Mapping[str, Any] = yaml.safe_load(shipped("emr.yaml").read_text(encoding="utf-8"))
    return table


def check_release(job: PlannedJob) -> Findings:
    """Look up the Spark, the Pythons and the end of support of the profile's release."""
    known, label, python = known_hosts(), job.profile.release, job.profile.archive.python
    release = next((each for each in known["releases"] if each["label"] == label), None)
    if label.startswith(tuple(known["too_old"])):
        yield FAULT, f"{label} has a Spark older than 4.0", "take emr-spark-8.0.0"
        return
    if release is None:
        yield UNKNOWN, f"{label} is not listed in conf/emr.yaml", "see that its Spark is 4.0 or newer"
        return
    days, noted = release["support_ends"] - job.today, f"(noted {known['noted']})"
    if python not in release["pythons"]:
        finding = f"{label} has Python {', '.join(release['pythons'])}, and the archive is for {python}"
        yield FAULT, finding, "set archive.python of the profile"
    elif days < timedelta(0):
        finding = f"the support of {label} ended on {release['support_ends']} {noted}"
        yield FAULT, finding, "move the hosts to a newer release, and set release of the profile"
    else:
        soon = f", in {days.days} days" if days < SUPPORT_ENDS_SOON else ""
        spark = f"{label}: Spark {release['spark']}, Python {python}"
        yield OK, f"{spark}; support ends on {release['support_ends']}{soon} {noted}", ""


def check_quota(job: PlannedJob) -> Findings:
    """Compare the account's quota of vCPUs with those that the profile may take."""
    with reaching("Service Quotas", QUOTA):
        quotas = job.aws("service-quotas")
        reply = quotas.get_service_quota(ServiceCode="emr-serverless", QuotaCode=QUOTA)
    profile, allowed = job.profile, int(reply["Quota"]["Value"])
    needed = profile.driver.cores + profile.most_executors * profile.executor.cores
    if allowed >= needed:
        yield OK, f"{QUOTA_NAME} is {allowed:,}, and the profile asks for {needed:,} at most", ""
        return
    fitting = (allowed - profile.driver.cores) // profile.executor.cores
    lower = f"set most_executors to {fitting}" if fitting > 0 else "take the profile emr-serverless-starter"
    remedy = f"{lower}, or ask AWS (Service Quotas, EMR Serverless) to raise it to {needed:,}"
    yield FAULT, f"{QUOTA_NAME} is {allowed:,}, and the profile asks for {needed:,}", remedy


def check_role(job: PlannedJob) -> Findings:
    """Ask IAM for the role of the job."""
    arn = str(job.profile.serverless.role_arn)
    try:
        with reaching("IAM", arn):
            found = job.aws("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]["Arn"]
    except ServiceError as error:
        if _aws_code(error) != "NoSuchEntity":
            raise
        yield FAULT, f"there is no role {arn}", "make it with the stack, whose output JobRoleArn it is"
        return
    if found != arn:
        yield FAULT, f"the role of that name is {found}, and the profile says {arn}", "set role_arn"
    else:
        yield OK, f"{arn} is there", ""


def check_ways(job: PlannedJob) -> Findings:
    """Compare places outside of S3 with the network of the application."""
    assert isinstance(job.service, JobRuns)
    outside = sorted({f"{scheme_of(place)}://" for place in job.places} - {"s3://", "file://"})
    network = job.service.application().get("networkConfiguration") or {}
    if outside and network.get("subnetIds"):
        yield UNKNOWN, f"it is not known whether the subnets have a way out to {', '.join(outside)}", ""
    elif outside:
        finding = f"the application reaches S3 of its region only, and the job reads {', '.join(outside)}"
        remedy = "give --base s3://commoncrawl/, or give the application Subnets with a way out"
        yield FAULT, finding, remedy


def check_token(job: PlannedJob) -> Findings:
    """Compare the token for a hub on this machine with the secret that the hosts read."""
    if not any(scheme_of(place) == "hf" for place in job.places):
        return
    if job.secret is None and os.environ.get(TOKEN_VARIABLE):
        finding = "this machine has a token for the hub (HF_TOKEN), and the hosts get none"
        remedy = "keep it in AWS Secrets Manager, and give --hf-token-secret ARN; or unset HF_TOKEN here"
        yield FAULT, finding, remedy
    elif job.secret is None:
        yield OK, "the hub is asked without a token, here and by the hosts", ""
    else:
        yield OK, "the hosts read the token from its secret", ""


def check_regions(job: PlannedJob) -> Findings:
    """Compare the region of each bucket with that of the hosts."""
    home = job.profile.region
    named = (place for place in (job.profile.store, job.profile.logs, *job.places) if place)
    s3 = job.aws("s3")
    for bucket in dict.fromkeys(bucket_and_key(place)[0] for place in named if scheme_of(place) == "s3"):
        # S3 names the region also to callers who may not read the bucket.
        with reaching("S3", f"s3://{bucket}"):
            try:
                headers = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
            except ClientError as error:
                headers = error.response["ResponseMetadata"]["HTTPHeaders"]
                if REGION_HEADER not in headers:
                    raise
        region = headers.get(REGION_HEADER)
        if region is None:
            yield UNKNOWN, f"S3 does not name the region of s3://{bucket}", ""
        elif region == home:
            yield OK, f"s3://{bucket} is in {region}, as the hosts are", ""
        else:
            remedy = f"run in {region}, or copy the data: transfer between regions costs more than hosts"
            yield FAULT, f"s3://{bucket} is in {region}, and the hosts are in {home}", remedy


def check_store(job: PlannedJob) -> Findings:
    """Read from the store. Only an upload shows whether these credentials may write to it."""
    try:
        read_object(job.service.asked.record(1, "result"), job.storage)
    except NoBucketError:
        raise
    except MissingError:
        pass
    yield OK, f"{job.profile.store} can be read; only an upload shows that you may write to it", ""


def check_archive_file(job: PlannedJob) -> Findings:
    """Read the version of the archive, and whether the store has the archive already."""
    if (archive := job.archive) is None:
        if (ROOT / "requirements.lock").is_file():
            yield OK, "there is no archive of these sources yet: the submission makes it", ""
        else:
            remedy = "run it in a checkout, or name an archive: --archive FILE"
            yield FAULT, f"there is none, and {ROOT} has no sources to make it of", remedy
        return
    check_archive(archive, NEEDED)
    with tarfile.open(archive, "r:gz") as tar:
        found = (re.match(r"lib/presswatch_spark-(.+?)\.dist-info", name) for name in tar.getnames())
        version = next((printable(match[1]) for match in found if match), "unknown")
    if version != __version__:
        remedy = "make one of this version (make archive), or leave --archive out"
        yield FAULT, f"{archive.name} is of version {version}, and this is {__version__}", remedy
        return
    size, in_store = archive.stat().st_size, False
    with suppress(MissingError):
        in_store = stat(job.service.asked.archive.uri, job.storage).size == size
    place = "is in the store" if in_store else f"of {size / 1e6:,.0f} MB will be uploaded"
    yield OK, f"{archive.name}, version {version}, {place}", ""


BOTH, SERVERLESS = (JobRuns, Steps), (JobRuns,)
CHECKS: tuple[tuple[str, Callable[[PlannedJob], Findings], tuple[type, ...]], ...] = (
    ("corpus", check_corpus, BOTH),
    ("list", check_list, BOTH),
    ("price", check_price, BOTH),
    ("hosts", check_hosts, BOTH),
    ("release", check_release, BOTH),
    ("quota", check_quota, SERVERLESS),
    ("role", check_role, SERVERLESS),
    ("ways", check_ways, SERVERLESS),
    ("token", check_token, BOTH),
    ("region", check_regions, BOTH),
    ("store", check_store, BOTH),
    ("archive", check_archive_file, BOTH),
)
"""Point, check, and the services that have the point."""
