"""A case on S3, of shards on S3: refusals are none of an object's removal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.places import open_case
from presswatch_spark.legal.removal.rounds import Prober, ProbeReport
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.storage.objects import StorageOptions
from tests.world.proofs import each_time
from tests.world.release import LETTERS, Release, probes_of, release
from tests.world.servers import Fault, Server

FORMS = ("a.warc.wet.gz", "pages.warc.gz", "c4-train.json.gz")


def options(endpoint: str, **more: Any) -> StorageOptions:
    return StorageOptions(endpoint=endpoint, max_attempts=2, backoff_base=0.01, **more)


@pytest.fixture
def crawl(tmp_path: Path, client: Any, bucket: str) -> Release:
    found = release(tmp_path, Server(), FORMS)
    for path in found.shards.iterdir():
        client.upload_file(str(path), bucket, f"crawl/{path.name}")
    return found


def probe(case: RemovalCase, crawl: Release, bucket: str, endpoint: str) -> ProbeReport:
    flags = {"storage.endpoint": endpoint, "storage.max_attempts": 1, "storage.backoff_base": 0.01}
    config = load_scan_config(flags=flags)
    mirror = Mirror(str(crawl.shards), f"s3://{bucket}/crawl")
    return Prober(case, config, [mirror]).probe()


def test_a_case_on_s3_is_opened_probed_and_read(
    crawl: Release, client: Any, bucket: str, endpoint: str
) -> None:
    out, storage = f"s3://{bucket}/cases/one", options(endpoint)
    case = open_case(str(crawl.tables), out, confidences=LETTERS, storage=storage).case
    assert probe(case, crawl, bucket, endpoint).is_complete
    found = CaseStatus.of(RemovalCase.open(out, storage))
    assert set(found.counts()) == {"present"}
    headers = [probed.headers for probed in probes_of(case) if probed.status == 206]
    assert all("x-amz-request-id" in each.lower() or "etag" in each.lower() for each in headers)
    target = next(each for each in case.targets() if each.dataset == "wet")
    key = f"crawl/{Path(target.shard_uri).name}"
    data = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    start, length = target.record_offset, target.record_length
    client.put_object(Bucket=bucket, Key=key, Body=data[:start] + b"\0" * length + data[start + length :])
    probe(case, crawl, bucket, endpoint)
    assert CaseStatus.of(case).states[target.target_sha256].state == "overwritten"
    with pytest.raises(OutputError, match="there is something already"):
        open_case(str(crawl.tables), out, confidences=LETTERS, storage=storage)


REFUSALS = {
    "denied": (Fault(status=403, code="AccessDenied"), "restricted"),
    "expired": (Fault(status=400, code="ExpiredToken"), "undecided"),
    "bad key": (Fault(status=403, code="InvalidAccessKeyId"), "undecided"),
    "slow down": (Fault(status=503, code="SlowDown"), "undecided"),
    "cut": (Fault(cut_after=20), "undecided"),
}


@pytest.mark.parametrize(
    ("fault", "state"),
    each_time([REFUSALS["denied"], REFUSALS["bad key"]], REFUSALS.values()),
    ids=REFUSALS,
)
def test_no_refusal_of_s3_is_a_removal(
    tmp_path: Path, crawl: Release, bucket: str, endpoint: str, faulty: Server, fault: Fault, state: str
) -> None:
    case = open_case(str(crawl.tables), str(tmp_path / "case"), confidences=LETTERS).case
    probe(case, crawl, bucket, endpoint)
    faulty.always = fault
    probe(case, crawl, bucket, faulty.url)
    found = CaseStatus.of(case)
    assert set(found.counts()) <= {state, "present"}
    assert state in found.counts()
    assert found.claims()[0] == 0
