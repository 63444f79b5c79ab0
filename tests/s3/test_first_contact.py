"""`submit --check` against moto: one run where all is right, and each mistake that it must find."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.emrserverless.models import emrserverless_backends
from moto.servicequotas.exceptions import NoSuchResource

from presswatch_spark.cli import main as cli
from presswatch_spark.core.version import __version__
from presswatch_spark.deploy.archive import NEEDED, pack
from presswatch_spark.storage.disk import file_sha256
from tests.s3.conftest import client_of
from tests.s3.emr import ACCOUNT, REGION
from tests.s3.uploads import upload
from tests.world.corpora import article, corpus_of
from tests.world.proofs import each_time

LABEL = "emr-spark-8.0.0"
QUOTA = {"L-D05C8A75": 176.0}


@dataclass
class Account:
    """An account of AWS in which a scan can be submitted, and the command that checks it."""

    endpoint: str
    archive: Path
    application: str
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    job: dict[str, str] = field(default_factory=dict)

    def client(self, service: str, region: str = REGION) -> Any:
        return boto3.client(service, endpoint_url=self.endpoint, region_name=region)

    def set(self, name: str, value: str) -> None:
        """Set a setting of the profile."""
        self.monkeypatch.setenv(f"PRESSWATCH_DEPLOY__{name}", value)

    def moto_application(self) -> Any:
        return emrserverless_backends[ACCOUNT][REGION].applications[self.application]

    def check(
        self, *more: str, on: str = "emr-serverless"
    ) -> tuple[int, dict[str, list[tuple[str, str]]], str]:
        """Check it: the exit code, word and reason of each point, and the last line."""
        words = [word for option in self.job.items() for word in option]
        code = cli.run(
            ["submit", "--on", on, "--archive", str(self.archive), "--check", "scan", *words, *more]
        )
        told = self.capsys.readouterr()
        points: dict[str, list[tuple[str, str]]] = {}
        for line in told.out.splitlines()[1:]:
            if found := re.match(r"(\w+) +(ok|FAULT|could not be checked) +(.+)", line):
                points.setdefault(found[1], []).append((found[2], found[3]))
        return code, points, (told.err or told.out).splitlines()[-1]


@pytest.fixture
def account(
    endpoint: str,
    bucket: str,
    client: Any,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Account:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    _moto_learns(monkeypatch)
    serverless = client_of("emr-serverless", endpoint)
    limits = {"cpu": "176 vCPU", "memory": "1200 GB", "disk": "2400 GB"}
    made = serverless.create_application(
        name="presswatch", releaseLabel="emr-7.9.0", type="SPARK", maximumCapacity=limits
    )["applicationId"]
    # moto knows no emr-spark-8.0.0.
    emrserverless_backends[ACCOUNT][REGION].applications[made].release_label = LABEL
    own = {"REGION": REGION, "STORE": "s3://shards/store", "LOGS": "s3://shards/logs"}
    own |= {
        "SERVERLESS__APPLICATION_ID": made,
        "SERVERLESS__ROLE_ARN": f"arn:aws:iam::{ACCOUNT}:role/presswatch-job",
    }
    for name, value in own.items():
        monkeypatch.setenv(f"PRESSWATCH_DEPLOY__{name}", value)
    upload(client, bucket, corpus, "corpus")
    client.put_object(Bucket=bucket, Key="in/a.warc.wet.gz", Body=b"x" * 1000)
    client.put_object(Bucket=bucket, Key="in/wet.paths", Body=b"in/a.warc.wet.gz\n")
    job = {"--corpus": "s3://shards/corpus", "--out": "s3://shards/tables", "--format": "wet"}
    job |= {"--base": "s3://shards/", "--price": "serverless"}
    return Account(endpoint, _archive(tmp_path), made, capsys, monkeypatch, job)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    return corpus_of(folder, [article(1)])


def _archive(folder: Path, version: str = __version__) -> Path:
    tree = folder / f"tree-{version}"
    for name in (*NEEDED, f"lib/presswatch_spark-{version}.dist-info/METADATA"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    pack(tree, folder / f"{version}.tar.gz")
    return folder / f"{version}.tar.gz"


def _moto_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teach moto the quota of EMR Serverless."""

    def quota(_: Any, service_code: str, quota_code: str) -> dict[str, Any]:
        if service_code != "emr-serverless" or quota_code not in QUOTA:
            raise NoSuchResource
        return {"QuotaCode": quota_code, "Value": QUOTA[quota_code]}

    model = "moto.servicequotas.models.ServiceQuotasBackend.get_service_quota"
    monkeypatch.setattr(model, quota)
    monkeypatch.setitem(QUOTA, "L-D05C8A75", 176.0)


LIST = "s3://shards/in/wet.paths"


def test_where_all_is_right_every_point_is_looked_at_and_nothing_is_changed(account: Account) -> None:
    before = account.client("s3").list_objects_v2(Bucket="shards")["KeyCount"]
    code, points, last = account.check(LIST)
    assert code == 0, points
    assert set(points) == {
        *("hosts", "release", "quota"),
        *("region", "store", "archive", "corpus", "list", "price"),
    }
    words = {point: {word for word, _ in found} for point, found in points.items()}
    assert set.union(*words.values()) == {"ok"}
    assert "support ends on 2027-05-20" in points["release"][0][1]
    assert "1 shard" in points["list"][0][1]
    assert "EMR Serverless, x86" in points["price"][0][1]
    assert last == f"scan can be submitted to {account.application}; nothing was uploaded or started"
    assert account.client("s3").list_objects_v2(Bucket="shards")["KeyCount"] == before
    assert not emrserverless_backends[ACCOUNT][REGION].job_runs.get(account.application)


def _quota(account: Account) -> None:
    account.monkeypatch.setitem(QUOTA, "L-D05C8A75", 16.0)


def _bucket_elsewhere(account: Account) -> None:
    paris = account.client("s3", "eu-west-3")
    paris.create_bucket(Bucket="paris-tables", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    account.job["--out"] = "s3://paris-tables/t"


def _old_archive(account: Account) -> None:
    account.archive = _archive(account.archive.parent, "0.0.9")


def _no_corpus(account: Account) -> None:
    account.job["--corpus"] = "s3://shards/no-corpus"


def _no_list(account: Account) -> None:
    account.client("s3").delete_object(Bucket="shards", Key="in/wet.paths")


def _unknown_price(account: Account) -> None:
    account.job["--price"] = "m8g.large"


def _put_list(account: Account, lines: str) -> None:
    account.client("s3").put_object(Bucket="shards", Key="in/wet.paths", Body=lines.encode())


def _budget(account: Account) -> None:
    _put_list(account, "".join(f"in/{number}.warc.wet.gz\n" for number in range(9999)))
    account.job["--budget"] = "0.01"


def _site(account: Account) -> None:
    _put_list(account, "https://data.example/a.warc.wet.gz\n")


def _old_release(account: Account) -> None:
    account.moto_application().release_label = "emr-7.9.0"
    account.set("RELEASE", "emr-7.9.0")


def _other_release(account: Account) -> None:
    account.moto_application().release_label = "emr-7.9.0"


def _no_store(account: Account) -> None:
    account.set("STORE", "s3://absent/store")


Mistake = tuple[Callable[[Account], None], str, str, str]
MISTAKES: list[Mistake] = [
    (_quota, "quota", "is 16, and the profile asks for 164", "take the profile emr-serverless-starter"),
    (_bucket_elsewhere, "region", "s3://paris-tables is in eu-west-3", "run in eu-west-3"),
    (_old_archive, "archive", f"is of version 0.0.9, and this is {__version__}", "make archive"),
    (_no_corpus, "corpus", "there is no corpus here", "corpus build"),
    (_no_list, "list", "in/wet.paths", "check"),
    (_unknown_price, "price", "no machine is called m8g.large", "there are: c7a.xlarge"),
    (_budget, "price", "the budget is $0.01", "higher --budget"),
    (_site, "ways", "S3 of its region only, and the job reads https://", "Subnets"),
    (_old_release, "release", "has a Spark older than 4.0", "emr-spark-8.0.0"),
    (_other_release, "hosts", f"emr-7.9.0, and the profile says {LABEL}", "set `release`"),
    (_no_store, "store", "there is no such bucket", ""),
]
# The first at each second of the points.
SOME_MISTAKES = list({mistake[1]: mistake for mistake in reversed(MISTAKES)}.values())[::2]


@pytest.mark.parametrize(("mistake", "point", "said", "remedy"), each_time(SOME_MISTAKES, MISTAKES))
def test_each_mistake_is_found_with_its_remedy(
    mistake: Callable[[Account], None], point: str, said: str, remedy: str, account: Account
) -> None:
    mistake(account)
    code, points, last = account.check(LIST)
    assert code == 1
    faults = [(name, why) for name, found in points.items() for word, why in found if word == "FAULT"]
    assert any(name == point and said in why and remedy in why for name, why in faults), points
    assert "cannot be submitted as it is" in last
    # Nothing else is accused, but for what follows from the same mistake.
    follows = {"_no_store": {"region"}}
    assert {name for name, _ in faults} <= {point} | follows.get(mistake.__name__, set())


def test_several_mistakes_are_all_listed_in_one_pass(account: Account) -> None:
    for mistake in (_quota, _old_archive, _no_corpus, _no_list):
        mistake(account)
    code, points, last = account.check(LIST)
    faulty = {name for name, found in points.items() for word, _ in found if word == "FAULT"}
    assert (code, faulty) == (1, {"quota", "archive", "corpus", "list"})
    assert "4 faults" in last


def test_what_one_may_not_look_at_is_never_ok(account: Account) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise NoSuchResource

    account.monkeypatch.setattr("moto.servicequotas.models.ServiceQuotasBackend.get_service_quota", refused)
    code, points, last = account.check(LIST)
    assert code == 0
    assert points["quota"][0][0] == "could not be checked"
    assert "1 point could not be checked" in last


def test_hosts_that_do_not_answer_are_a_fault_and_not_an_open_question(account: Account) -> None:
    account.set("SERVERLESS__APPLICATION_ID", "00nobody")
    code, points, _ = account.check(LIST)
    assert code == 1
    assert points["hosts"][0][0] == "FAULT"


def test_the_starter_fits_into_the_quota_of_a_new_account(account: Account) -> None:
    _quota(account)
    code, points, _ = account.check(LIST, on="emr-serverless-starter")
    assert code == 0, points
    assert "is 16, and the profile asks for 16 at most" in points["quota"][0][1]


def test_an_archive_that_lies_in_the_store_is_said_to(account: Account) -> None:
    assert "will be uploaded" in account.check(LIST)[1]["archive"][0][1]
    key = f"store/archives/{file_sha256(account.archive)}.tar.gz"
    account.client("s3").upload_file(str(account.archive), "shards", key)
    assert "is in the store" in account.check(LIST)[1]["archive"][0][1]


def test_without_an_archive_none_is_made(account: Account, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in ("jobs/scan.py", "locks/requirements.lock"):
        (checkout / name).parent.mkdir(parents=True)
        (checkout / name).touch()
    for module in ("cli.submitting", "deploy.check"):
        account.monkeypatch.setattr(f"presswatch_spark.{module}.ROOT", checkout)
    words = [word for option in account.job.items() for word in option]
    assert cli.run(["submit", "--on", "emr-serverless", "--check", "scan", *words, LIST]) == 0
    assert "there is no archive of these sources yet" in account.capsys.readouterr().out
    assert not (checkout / "dist").exists()
    (checkout / "locks/requirements.lock").unlink()
    assert cli.run(["submit", "--on", "emr-serverless", "--check", "scan", *words, LIST]) == 1
    assert "name an archive: --archive FILE" in account.capsys.readouterr().out
