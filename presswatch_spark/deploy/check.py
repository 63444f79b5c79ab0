"""Checks a job before it is submitted to EMR: hosts, quota, places, archive, the price of a scan.

A check is a function of a `PlannedJob`, in `CHECKS`, that only reads. If it raises an error, that is its
finding, and the other checks still run. A check without an answer of AWS is never "ok".
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from botocore.exceptions import BotoCoreError, ClientError

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.core.terminal import counted, printable
from presswatch_spark.core.version import __version__
from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.deploy.archive import NEEDED, check_archive
from presswatch_spark.deploy.emr import JobRuns, Service, ServiceError, reaching
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.scanning.pipeline import ScanPlan
from presswatch_spark.storage.objects import (
    DeniedError,
    MissingError,
    NoBucketError,
    read_object,
)
from presswatch_spark.storage.uris import bucket_and_key, scheme_of

QUOTA = "L-D05C8A75"
QUOTA_NAME = f"Max concurrent vCPUs per account ({QUOTA})"
REGION_HEADER = "x-amz-bucket-region"
NO_ANSWER = frozenset((
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation",
    "NotImplemented", "501", "NoSuchResourceException",
))  # fmt: skip
"""Error codes of AWS for callers without permission, and for requests that a service does not support."""


OK, FAULT, UNKNOWN = "ok", "FAULT", "could not be checked"
"""Outcomes of a check."""
Findings = Iterator[tuple[str, str, str]]
"""Outcome, finding and remedy."""


@dataclass(slots=True)
class PlannedJob:
    """A submission that is not sent yet.

    `archive`: None if the submission would make it. `places`: URIs that the job reads and writes; the check
    `list` sets `planned` by `plan_scan`, and adds a shard.
    """

    service: Service
    archive: Path | None
    corpus: str | None
    places: list[str]
    plan_scan: Callable[[], ScanPlan] | None
    planned: ScanPlan | None = None

    @property
    def profile(self) -> Profile:
        """Return the profile of the submission."""
        return self.service.asked.profile


def check(job: PlannedJob, tell: Callable[[str], None]) -> Iterator[tuple[str, str, str]]:
    """Yield point, outcome, and finding with remedy, of every check that applies to a job.

    `tell` gets a line before each check. If AWS cannot be reached, only the first check that needs it reports
    the fault.
    """
    for look in CHECKS:
        point = look.__name__.strip("_")
        if look in OF_SERVERLESS and not isinstance(job.service, JobRuns):
            continue
        tell(f"checking {point} …")
        try:
            for word, finding, remedy in look(job):
                yield point, word, "; ".join(filter(None, (finding, remedy)))
        except PresswatchError as error:
            # If a service is silent or refuses the request, the point remains open; but the submission itself
            # needs hosts and store, so errors there are faults.
            cause = error.__cause__
            code = cause.response["Error"].get("Code") if isinstance(cause, ClientError) else None
            is_silent = code in NO_ANSWER or (code is None and isinstance(error, ServiceError))
            is_open = is_silent or isinstance(error, DeniedError)
            yield point, UNKNOWN if is_open and point not in ("hosts", "store") else FAULT, str(error)
            if point == "hosts" and isinstance(cause, BotoCoreError):
                yield "others", UNKNOWN, "all other points need AWS, too"
                return


def _corpus(job: PlannedJob) -> Findings:
    if job.corpus:
        articles = manifest_of(job.corpus, job.service.storage).counts.articles
        yield OK, f"{job.corpus} can be read: {counted(articles, 'article')}", ""


def _list(job: PlannedJob) -> Findings:
    if job.plan_scan is None:
        if job.service.asked.job == "campaign_run":
            yield UNKNOWN, "the campaign's own file states what it reads and writes", "try a release"
        return
    job.planned = job.plan_scan()
    shards = job.planned.shards
    job.places.append(first := shards.shards[0].uri)
    yield OK, f"{counted(len(shards), 'shard')} can be listed, from {first} on", ""


def _price(job: PlannedJob) -> Findings:
    if job.planned is None:
        return
    bill = job.planned.bill()
    if not bill.machine.name:
        yield UNKNOWN, bill.line(), f"pass a machine of {bill.prices.where} with --price to see dollars"
    else:
        bill.require_within_budget()
        yield OK, f"{bill.line()}; list prices of {bill.prices.region}, noted {bill.prices.noted}", ""


def _hosts(job: PlannedJob) -> Findings:
    job.service.check()
    yield OK, f"{job.profile.hosts} is there, with the profile's release", ""


def _release(job: PlannedJob) -> Findings:
    known = yaml.safe_load(shipped("emr.yaml").read_text(encoding="utf-8"))
    label, python = job.profile.release, job.profile.archive.python
    release = next((each for each in known["releases"] if each["label"] == label), None)
    if label.startswith(tuple(known["too_old"])):
        yield FAULT, f"{label} has a Spark older than 3.5, or no Python 3.11", "take emr-7.1.0 or newer"
    elif release is None:
        yield UNKNOWN, f"{label} is not listed in conf/emr.yaml", "see that its Spark is 3.5 or newer"
    elif python not in release["pythons"]:
        finding = f"{label} has Python {', '.join(release['pythons'])}, and the archive is for {python}"
        yield FAULT, finding, "set archive.python of the profile"
    else:
        left, noted = release["support_ends"] - datetime.now(UTC).date(), f"(noted {known['noted']})"
        ends = f"support ends on {release['support_ends']}, in {left.days} days {noted}"
        if left < timedelta():
            remedy = "move the hosts to a newer release, and set release of the profile"
            yield FAULT, f"the support of {label} is over: {ends}", remedy
        else:
            yield OK, f"{label}: Spark {release['spark']}, Python {python}; {ends}", ""


def _quota(job: PlannedJob) -> Findings:
    with reaching("Service Quotas", QUOTA):
        quotas = job.service.aws("service-quotas")
        reply = quotas.get_service_quota(ServiceCode="emr-serverless", QuotaCode=QUOTA)
    profile, allowed = job.profile, int(reply["Quota"]["Value"])
    needed = profile.driver.cores + profile.most_executors * profile.executor.cores
    finding = f"{QUOTA_NAME} is {allowed:,}, and the profile requests {needed:,}"
    if allowed >= needed:
        yield OK, f"{finding} at most", ""
        return
    fitting = (allowed - profile.driver.cores) // profile.executor.cores
    lower = f"set most_executors to {fitting}" if fitting > 0 else "use the profile emr-serverless-starter"
    yield FAULT, finding, f"{lower}, or ask AWS (Service Quotas, EMR Serverless) to raise it to {needed:,}"


def _ways(job: PlannedJob) -> Findings:
    assert isinstance(job.service, JobRuns)
    outside = sorted({f"{scheme_of(place)}://" for place in job.places} - {"s3://", "file://"})
    if not outside:
        return
    network = job.service.application().get("networkConfiguration") or {}
    if network.get("subnetIds"):
        yield UNKNOWN, f"it is unknown whether the subnets can reach {', '.join(outside)}", ""
    else:
        finding = f"the application can only reach S3 of its region, but the job reads {', '.join(outside)}"
        remedy = "pass --base s3://commoncrawl/, or give the application subnets that can reach other regions"
        yield FAULT, finding, remedy


def _region(job: PlannedJob) -> Findings:
    home, s3 = job.profile.region, job.service.aws("s3")
    named = [place for place in (job.profile.store, job.profile.logs, *job.places) if place]
    for bucket in dict.fromkeys(bucket_and_key(place)[0] for place in named if scheme_of(place) == "s3"):
        # S3 names the region even to callers without permission to read the bucket.
        with reaching("S3", f"s3://{bucket}"):
            try:
                headers = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
            except ClientError as error:
                headers = error.response["ResponseMetadata"]["HTTPHeaders"]
                if REGION_HEADER not in headers and bucket == bucket_and_key(str(job.profile.store))[0]:
                    continue  # `store` reports it
                if REGION_HEADER not in headers:
                    raise
        region = headers.get(REGION_HEADER)
        if region is None:
            yield UNKNOWN, f"S3 does not state the region of s3://{bucket}", ""
        elif region == home:
            yield OK, f"s3://{bucket} is in {region}, as the hosts are", ""
        else:
            remedy = f"run in {region}, or copy the data: transfer between regions costs more than hosts"
            yield FAULT, f"s3://{bucket} is in {region}, and the hosts are in {home}", remedy


def _store(job: PlannedJob) -> Findings:
    try:
        read_object(job.service.asked.record(1, "result"), job.service.storage)
    except NoBucketError:
        raise
    except MissingError:
        pass
    yield OK, f"{job.profile.store} can be read; only an upload shows that you may write to it", ""


def _archive(job: PlannedJob) -> Findings:
    if (archive := job.archive) is None:
        yield OK, "there is no archive of these sources yet: the submission builds it", ""
        return
    names = check_archive(archive, NEEDED)
    found = (re.match(r"lib/presswatch_spark-(.+?)\.dist-info", name) for name in names)
    version = next((printable(match[1]) for match in found if match), "unknown")
    if version != __version__:
        remedy = "build one of this version, or leave out --archive"
        yield FAULT, f"{archive.name} is of version {version}, and this is {__version__}", remedy
        return
    is_stored = job.service.asked.archive.is_stored(job.service.storage)
    place = "is in the store" if is_stored else f"of {archive.stat().st_size / 1e6:,.0f} MB will be uploaded"
    yield OK, f"{archive.name}, version {version}, {place}", ""


CHECKS = (_release, _hosts, _quota, _corpus, _list, _price, _ways, _store, _region, _archive)
"""Checks in order, each named for its point: `_hosts` is the first to need AWS, `_list` adds places."""
OF_SERVERLESS = (_quota, _ways)
