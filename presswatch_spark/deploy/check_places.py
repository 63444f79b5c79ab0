"""Checks the places of a job: the region of each bucket, the ways to them, the store, and the archive."""

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from presswatch_spark.deploy.findings import CheckResult, fault, ok, unknown
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.services import client, reaching
from presswatch_spark.deploy.submission import Submission
from presswatch_spark.show import printable
from presswatch_spark.storage.objects import MissingError, NoBucketError, StorageOptions, read_object, stat
from presswatch_spark.storage.uris import bucket_and_key, scheme_of
from presswatch_spark.version import __version__

REGION_HEADER = "x-amz-bucket-region"
VERSION_FILE = f"lib/presswatch_spark-{__version__}.dist-info/"


@dataclass(frozen=True, slots=True)
class JobPlaces:
    """What a job reads and what it writes, as URIs."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Return all places, each once."""
        return tuple(dict.fromkeys((*self.reads, *self.writes)))


def check_regions(profile: Profile, places: Sequence[str], credentials: str | None) -> Iterator[CheckResult]:
    """Say of each bucket whether it lies in the region of the hosts."""
    named = (place for place in (profile.store, profile.logs, *places) if place and scheme_of(place) == "s3")
    for bucket in dict.fromkeys(bucket_and_key(place)[0] for place in named):
        region = _region_of(client("s3", profile.region, credentials=credentials), bucket)
        if region is None:
            yield unknown("region", f"the region of s3://{bucket} is not told")
        elif region == profile.region:
            yield ok("region", f"s3://{bucket} is in {region}, as the hosts are")
        else:
            said = f"s3://{bucket} is in {region}, and the hosts are in {profile.region}"
            remedy = f"run in {region}, or copy what you need: transfer between regions costs more than hosts"
            yield fault("region", said, remedy)


def check_ways(places: Sequence[str], has_network: bool) -> Iterator[CheckResult]:
    """Say whether an application reaches what does not lie on S3; without subnets, it does not."""
    outside = sorted({f"{scheme_of(place)}://" for place in places} - {"s3://", "file://"})
    if not outside:
        return
    if has_network:
        yield unknown("ways", f"it is not known whether the subnets have a way out to {', '.join(outside)}")
    else:
        said = f"the application reaches S3 of its region only, and the job reads {', '.join(outside)}"
        remedy = "say --base s3://commoncrawl/, or give the application Subnets with a way out"
        yield fault("ways", said, remedy)


def check_token(
    profile: Profile, places: Sequence[str], secret: str | None, *, has_network: bool, has_own: bool
) -> Iterator[CheckResult]:
    """Say whether the hosts get the token for a hub; `has_own`: this machine has one in its environment."""
    if not any(scheme_of(place) == "hf" for place in places):
        return
    if secret is None and has_own:
        said = "this machine has a token for the hub (HF_TOKEN), and the hosts get none"
        remedy = "keep it in AWS Secrets Manager, and give --hf-token-secret ARN; or unset HF_TOKEN here"
        yield fault("token", said, remedy)
    elif secret is None:
        yield ok("token", "the hub is asked without a token, here and by the hosts")
    elif (region := secret.split(":")[3]) != profile.region and not has_network:
        said = f"the secret is in {region}, and the application reaches services of {profile.region} only"
        yield fault("token", said, f"keep the token in a secret of {profile.region}")
    else:
        yield ok("token", "the hosts read the token from its secret")


def check_store(asked: Submission, storage: StorageOptions) -> Iterator[CheckResult]:
    """Say whether the store answers these credentials. That they may write to it, only an upload shows."""
    try:
        read_object(asked.record(1, "result"), storage)
    except NoBucketError:
        raise
    except MissingError:
        pass
    yield ok("store", f"{asked.profile.store} can be read; that you may write to it, only an upload shows")


def check_archive_version(archive: Path, uri: str, storage: StorageOptions) -> Iterator[CheckResult]:
    """Say whether an archive is of this version, and whether it lies in the store already."""
    with tarfile.open(archive, "r:gz") as tar:
        names = [name for name in tar.getnames() if "/presswatch_spark-" in name]
    if not names:
        yield unknown(
            "archive", f"{archive.name} does not say of which version it is", "make it: make archive"
        )
        return
    if not any(f"{name}/".startswith(VERSION_FILE) for name in names):
        has = printable(names[0].partition("presswatch_spark-")[2].partition(".dist-info")[0])
        remedy = "make one of this version (make archive), or leave --archive out"
        yield fault("archive", f"{archive.name} is of version {has}, and this is {__version__}", remedy)
        return
    try:
        there = stat(uri, storage).size == archive.stat().st_size
    except MissingError:
        there = False
    size = f"{archive.stat().st_size / 1e6:,.0f} MB"
    said = "lies in the store" if there else f"of {size} will be uploaded"
    yield ok("archive", f"{archive.name}, version {__version__}, {said}")


def _region_of(s3: Any, bucket: str) -> str | None:
    """Return the region of a bucket, which S3 tells also to those who may not look into it."""
    with reaching("S3", f"s3://{bucket}"):
        try:
            reply = s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            reply = error.response
            if REGION_HEADER not in reply["ResponseMetadata"]["HTTPHeaders"]:
                raise
        region: str | None = reply["ResponseMetadata"]["HTTPHeaders"].get(REGION_HEADER)
    return region
