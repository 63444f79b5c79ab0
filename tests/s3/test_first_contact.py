"""`submit --check` against moto: one run where all is right, and each mistake that it must find."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.emrserverless.models import emrserverless_backends
from moto.servicequotas.exceptions import NoSuchResource

from presswatch_spark.core.version import __version__
from presswatch_spark.storage.disk import file_sha256
from tests.s3.archives import write_archive
from tests.s3.conftest import client_of
from tests.s3.emr import ACCOUNT, REGION
from tests.world.commands import outcome
from tests.world.places import Bucket
from tests.world.proofs import each_time

LABEL = "emr-spark-8.0.0"
QUOTA = {"L-D05C8A75": 176.0}
LIST = "s3://shards/in/wet.paths"


@dataclass
class Account:
    """An account of AWS in which a scan can be submitted, and the command that checks it."""

    s3: Bucket
    archive: Path
    application: str
    monkeypatch: pytest.MonkeyPatch
    job: dict[str, str] = field(default_factory=dict)

    def set(self, name: str, value: str) -> None:
        """Set a setting of the profile."""
        self.monkeypatch.setenv(f"PRESSWATCH_DEPLOY__{name}", value)

    def set_quota(self, cores: float) -> None:
        self.monkeypatch.setitem(QUOTA, "L-D05C8A75", cores)

    def set_release(self, label: str) -> None:
        # moto knows no emr-spark-8.0.0.
        emrserverless_backends[ACCOUNT][REGION].applications[self.application].release_label = label

    def write_to_paris(self) -> None:
        paris = boto3.client("s3", endpoint_url=self.s3.endpoint, region_name="eu-west-3")
        where = {"LocationConstraint": "eu-west-3"}
        paris.create_bucket(Bucket="paris-tables", CreateBucketConfiguration=where)
        self.job["--out"] = "s3://paris-tables/t"

    def use_archive(self, version: str) -> None:
        self.archive = write_archive(self.archive.parent, version)

    def check(
        self, *more: str, on: str = "emr-serverless", archive: bool = True
    ) -> tuple[int, dict[str, list[tuple[str, str]]], str]:
        """Check it: the exit code, word and reason of each point, and the last line."""
        words = [word for option in self.job.items() for word in option]
        named = ["--archive", str(self.archive)] if archive else []
        told = outcome("submit", "--on", on, *named, "--check", "scan", *words, LIST, *more)
        points: dict[str, list[tuple[str, str]]] = {}
        for line in told.out.splitlines()[1:]:
            if found := re.match(r"(\w+) +(ok|FAULT|could not be checked) +(.+)", line):
                points.setdefault(found[1], []).append((found[2], found[3]))
        return told.code, points, (told.err if told.code else told.out).splitlines()[-1]

    def faults(self) -> list[tuple[str, str]]:
        """The points that must make the check fail, with their reasons; the last line must say so."""
        code, points, last = self.check()
        faults = [(name, why) for name, found in points.items() for word, why in found if word == "FAULT"]
        assert code == 1
        assert f"{len(faults)} fault" in last
        assert "cannot be submitted as it is" in last
        return faults


@pytest.fixture
def account(s3: Bucket, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    monkeypatch.setattr("moto.servicequotas.models.ServiceQuotasBackend.get_service_quota", _quota)
    capacity = {"cpu": "176 vCPU", "memory": "1200 GB", "disk": "2400 GB"}
    made = client_of("emr-serverless", s3.endpoint).create_application(
        name="presswatch", releaseLabel="emr-7.9.0", type="SPARK", maximumCapacity=capacity
    )["applicationId"]
    s3.upload(corpus, "corpus")
    s3.put("in/a.warc.wet.gz", b"x" * 1000)
    s3.put("in/wet.paths", "in/a.warc.wet.gz\n")
    job = {"--corpus": "s3://shards/corpus", "--out": "s3://shards/tables", "--format": "wet"}
    job |= {"--base": "s3://shards/", "--price": "serverless"}
    account = Account(s3, write_archive(tmp_path), made, monkeypatch, job)
    account.set_quota(176.0)
    account.set_release(LABEL)
    for name, value in {
        "REGION": REGION,
        "STORE": "s3://shards/store",
        "LOGS": "s3://shards/logs",
        "SERVERLESS__APPLICATION_ID": made,
        "SERVERLESS__ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/presswatch-job",
    }.items():
        account.set(name, value)
    return account


def _quota(_: Any, service_code: str, quota_code: str) -> dict[str, Any]:
    """The quota of EMR Serverless, which moto does not know."""
    if service_code != "emr-serverless" or quota_code not in QUOTA:
        raise NoSuchResource
    return {"QuotaCode": quota_code, "Value": QUOTA[quota_code]}


def test_where_all_is_right_every_point_is_looked_at_and_nothing_is_changed(account: Account) -> None:
    before = account.s3.names()
    code, points, last = account.check()
    assert code == 0, points
    assert set(points) == {
        *["hosts", "release", "quota", "region", "store", "archive", "corpus", "list", "price"]
    }
    assert {word for found in points.values() for word, _ in found} == {"ok"}
    for point, said in {
        "release": "support ends on 2027-05-20",
        "list": "1 shard",
        "price": "EMR Serverless, x86",
        "archive": "will be uploaded",
    }.items():
        assert said in points[point][0][1]
    assert last == f"scan can be submitted to {account.application}; nothing was uploaded or started"
    assert account.s3.names() == before
    assert not emrserverless_backends[ACCOUNT][REGION].job_runs.get(account.application)
    account.s3.put(f"store/archives/{file_sha256(account.archive)}.tar.gz", account.archive.read_bytes())
    assert "is in the store" in account.check()[1]["archive"][0][1]


def _budget(account: Account) -> None:
    account.s3.put("in/wet.paths", "".join(f"in/{number}.warc.wet.gz\n" for number in range(9999)))
    account.job["--budget"] = "0.01"


def _set_release(account: Account, label: str) -> None:
    account.set_release(label)
    account.set("RELEASE", label)


def _old_release(account: Account) -> None:
    _set_release(account, "emr-6.15.0")


Mistake = tuple[Callable[[Account], object], str, str, str]
MISTAKES: list[Mistake] = [
    (lambda account: account.set_quota(16.0), "quota", "is 16, and the profile requests 164",
     "use the profile emr-serverless-starter"),
    (Account.write_to_paris, "region", "s3://paris-tables is in eu-west-3", "run in eu-west-3"),
    (lambda account: account.use_archive("0.0.9"), "archive",
     f"is of version 0.0.9, and this is {__version__}", "build one of this version"),
    (lambda account: account.job.update({"--corpus": "s3://shards/no-corpus"}), "corpus",
     "there is no corpus here", "corpus build"),
    (lambda account: account.s3.delete("in/wet.paths"), "list", "in/wet.paths", "check"),
    (lambda account: account.job.update({"--price": "m8g.large"}), "price", "no machine matches m8g.large",
     "choose one of c7a.xlarge"),
    (_budget, "price", "the budget is $0.01", "raise --budget"),
    (lambda account: account.s3.put("in/wet.paths", "https://data.example/a.warc.wet.gz\n"), "ways",
     "S3 of its region, but the job reads https://", "subnets"),
    (_old_release, "release", "has a Spark older than 3.5", "emr-7.1.0 or newer"),
    (lambda account: account.set_release("emr-7.9.0"), "hosts", f"emr-7.9.0, but the profile has {LABEL}",
     "set `release`"),
    (lambda account: account.set("STORE", "s3://absent/store"), "store", "there is no such bucket", ""),
    (lambda account: account.set("SERVERLESS__APPLICATION_ID", "00nobody"), "hosts", "", ""),
]  # fmt: skip
# The first at each second of the points.
SOME_MISTAKES = list({mistake[1]: mistake for mistake in reversed(MISTAKES)}.values())[::2]


@pytest.mark.parametrize(("mistake", "point", "said", "remedy"), each_time(SOME_MISTAKES, MISTAKES))
def test_each_mistake_is_found_with_its_remedy(
    mistake: Callable[[Account], object], point: str, said: str, remedy: str, account: Account
) -> None:
    mistake(account)
    faults = account.faults()
    assert any(name == point and said in why and remedy in why for name, why in faults), faults
    assert {name for name, _ in faults} == {point}


def test_several_mistakes_are_all_listed_in_one_pass(account: Account) -> None:
    for mistake, point, *_ in MISTAKES:
        if point in ("quota", "archive", "corpus", "list"):
            mistake(account)
    assert sorted(name for name, _ in account.faults()) == ["archive", "corpus", "list", "quota"]


def test_what_one_may_not_look_at_is_never_ok(account: Account) -> None:
    account.monkeypatch.delitem(QUOTA, "L-D05C8A75")
    code, points, last = account.check()
    assert (code, points["quota"][0][0]) == (0, "could not be checked")
    assert "1 point could not be checked" in last


def test_emr_7_runs_spark_3_5_which_suffices(account: Account) -> None:
    _set_release(account, "emr-7.13.0")
    code, points, _ = account.check()
    assert code == 0, points
    assert "emr-7.13.0: Spark 3.5.6, Python 3.11; support ends on 2028-04-21" in points["release"][0][1]


def test_the_starter_fits_into_the_quota_of_a_new_account(account: Account) -> None:
    account.set_quota(16.0)
    code, points, _ = account.check(on="emr-serverless-starter")
    assert code == 0, points
    assert "is 16, and the profile requests 16 at most" in points["quota"][0][1]


def test_without_an_archive_none_is_made(account: Account, tmp_path: Path) -> None:
    account.monkeypatch.setattr("presswatch_spark.deploy.archive.DIST", tmp_path / "dist")
    code, points, _ = account.check(archive=False)
    assert code == 0
    assert "there is no archive of these sources yet" in points["archive"][0][1]
    assert not (tmp_path / "dist").exists()


def test_without_a_network_the_fault_is_reported_once(account: Account) -> None:
    account.monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    ((point, why),) = account.faults()
    assert point == "hosts"
    assert "Could not connect to the endpoint URL" in why
    assert account.check()[1].keys() == {"release", "hosts", "others"}
