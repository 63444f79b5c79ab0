"""All that can be known before a job is sent to AWS, in one pass: hosts, quota, role, places and archive.

Every request reads. Each point is looked at, whatever the others say.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from presswatch_spark.deploy.archive import NEEDED
from presswatch_spark.deploy.check_hosts import check_limits, check_quota, check_release, check_workers
from presswatch_spark.deploy.check_places import (
    JobPlaces,
    check_archive_version,
    check_regions,
    check_store,
    check_token,
    check_ways,
)
from presswatch_spark.deploy.check_roles import (
    Right,
    check_cluster_roles,
    check_job_role,
    check_pod_role,
    check_rights,
)
from presswatch_spark.deploy.emr import JobRuns, Service, Steps
from presswatch_spark.deploy.findings import CheckResult, looked, ok
from presswatch_spark.deploy.tarball import check_archive
from presswatch_spark.storage.hub.token import VARIABLE as TOKEN_VARIABLE
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.uris import bucket_and_key, scheme_of

NEEDED_POINTS = ("hosts", "store")
"""What a submission asks, too."""

Look = tuple[str, Callable[[], Iterable[CheckResult]]]
"""A point of a check, and what looks at it."""


@dataclass(frozen=True, slots=True)
class FirstContact:
    """What a submission meets at AWS.

    `archive` is None if the submission has yet to make it. `places` are the job's. `secret` is the ARN of a
    secret that it reads. `credentials` is the name of an AWS profile.
    """

    service: Service
    archive: Path | None
    places: JobPlaces
    secret: str | None
    credentials: str | None
    today: date

    def findings(self) -> Iterator[CheckResult]:
        """Yield a finding for each point, in order."""
        for point, look in self._looks():
            yield from looked(point, look, needed=point in NEEDED_POINTS)

    def _looks(self) -> Iterator[Look]:
        service, profile, own = self.service, self.service.asked.profile, self.credentials
        storage = StorageOptions(region=profile.region, profile=own)
        yield "hosts", self._hosts
        yield "release", lambda: check_release(profile, self.today)
        if isinstance(service, JobRuns):
            yield "workers", lambda: check_workers(profile)
            yield "limits", lambda: check_limits(profile, service.application())
            yield "quota", lambda: check_quota(profile, own)
            yield "role", lambda: check_job_role(profile, own)
            role = str(profile.serverless.role_arn)
            yield "rights", lambda: check_rights(profile, role, self._rights(), own)
            yield "ways", lambda: check_ways(self.places.all, _has_network(service))
        elif isinstance(service, Steps):
            yield "role", lambda: check_cluster_roles(profile, service.cluster(), own)
        else:
            pods = str(profile.eks.role_arn)
            yield "role", lambda: check_pod_role(profile, own)
            yield "rights", lambda: check_rights(profile, pods, self._rights(), own)
        yield "token", self._token
        yield "region", lambda: check_regions(profile, self.places.all, own)
        yield "store", lambda: check_store(service.asked, storage)
        if self.archive is not None:
            yield "archive", lambda: self._archive(storage)

    def _hosts(self) -> Iterator[CheckResult]:
        self.service.check()
        yield ok("hosts", f"{self.service.asked.profile.hosts} is there, with the profile's release")

    def _token(self) -> Iterator[CheckResult]:
        service, has_own = self.service, bool(os.environ.get(TOKEN_VARIABLE))
        # A cluster and pods have networks of their own, and what these reach is not known here.
        has_network = not isinstance(service, JobRuns) or _has_network(service)
        profile, places = service.asked.profile, self.places.all
        return check_token(profile, places, self.secret, has_network=has_network, has_own=has_own)

    def _archive(self, storage: StorageOptions) -> Iterator[CheckResult]:
        assert self.archive is not None
        check_archive(self.archive, NEEDED)
        yield from check_archive_version(self.archive, self.service.asked.archive.uri, storage)

    def _rights(self) -> tuple[Right, ...]:
        """Return what the job's role must be able to do. Names of objects stand for all beside them."""
        asked = self.service.asked
        reads = [place for place in self.places.reads if scheme_of(place) == "s3"]
        writes = [place for place in self.places.writes if scheme_of(place) == "s3"]
        files = [asked.archive.uri, asked.entry.uri, *(upload.uri for upload in asked.files)]
        logs = f"{str(asked.profile.logs).rstrip('/')}/applications/"
        # Of a bucket that a role may not list, S3 denies what it does not have: locks need to hear "nobody".
        listed = dict.fromkeys(bucket_and_key(place)[0] for place in writes)
        rights = [
            Right(("s3:GetObject",), _arns(reads + files)),
            Right(("s3:PutObject",), _arns([*writes, asked.record(1, "result"), logs])),
            Right(("s3:DeleteObject",), _arns(writes)),
            Right(("s3:ListBucket",), tuple(f"arn:aws:s3:::{bucket}" for bucket in listed)),
        ]
        if self.secret:
            rights.append(Right(("secretsmanager:GetSecretValue",), (self.secret,)))
        return tuple(right for right in rights if right.resources)


def _has_network(service: JobRuns) -> bool:
    network = service.application().get("networkConfiguration") or {}
    return bool(network.get("subnetIds"))


def _arns(places: Iterable[str]) -> tuple[str, ...]:
    """Return the ARN of the object at each place; of one in it, if the place is a folder or a glob."""
    return tuple(dict.fromkeys(map(_arn, places)))


def _arn(place: str) -> str:
    bucket, key = bucket_and_key(place)
    folder, _, name = key.partition("*")[0].rpartition("/")
    if "." in name and "*" not in key:
        return f"arn:aws:s3:::{bucket}/{key}"
    return f"arn:aws:s3:::{bucket}/" + "/".join(filter(None, (folder, name if "*" not in key else "", "x")))
