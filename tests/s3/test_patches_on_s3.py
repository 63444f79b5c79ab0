"""Patches of objects: written to S3, and applied there by multipart copies, as the script plans them."""

import base64
import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.legal.removal.apply import LEAST_PART
from presswatch_spark.legal.removal.patch import write_patch
from presswatch_spark.query.pointers.pointer import Mirror
from tests.world.patches import run_script, targets_of
from tests.world.places import Bucket
from tests.world.release import new_case
from tests.world.warc import warc_record

KINDS = {"wet": "a.warc.wet.gz", "c4": "c4-train.json.gz"}


def write_large(path: Path, form: str) -> None:
    """Write a file of about 28 MiB that does not get smaller, with a gzip member for each document."""
    draw = random.Random(7)
    with path.open("wb") as file:
        for number in range(280):
            text, url = base64.b64encode(draw.randbytes(100_000)).decode(), f"https://exemple.fr/{number}"
            row = {"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": url}
            about = f"WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-{number:012}>"
            record = warc_record(text.encode(), url, about, kind="conversion")
            data = record if form == "wet" else json.dumps(row).encode() + b"\n"
            file.write(gzip.compress(data, 1, mtime=0))


def execute(client: Any, plan: dict[str, Any], blob: bytes) -> int:
    """Patch an object as a plan says; return the number of uploaded bytes."""
    place = {"Bucket": plan["bucket"], "Key": plan["key"]}
    upload = {**place, "UploadId": client.create_multipart_upload(**place)["UploadId"]}
    done, sent = [], 0
    for part in plan["parts"]:
        number = {"PartNumber": part["number"]}
        if "copy" in part:
            chosen = "bytes={}-{}".format(*part["copy"])
            answer = client.upload_part_copy(**upload, **number, CopySource=place, CopySourceRange=chosen)
            done.append({**number, "ETag": answer["CopyPartResult"]["ETag"]})
            continue
        body = b""
        for piece in part["upload"]:
            if "object" in piece:
                answer = client.get_object(**place, Range="bytes={}-{}".format(*piece["object"]))
                body += answer["Body"].read()
            else:
                body += blob[piece["blob"][0] : sum(piece["blob"])]
        sent += len(body)
        done.append({**number, "ETag": client.upload_part(**upload, **number, Body=body)["ETag"]})
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": done})
    return sent


@pytest.mark.parametrize("form", KINDS)
def test_an_object_that_was_patched_by_copies_is_the_file_that_was_patched_on_disk(
    tmp_path: Path, client: Any, s3: Bucket, form: str
) -> None:
    path = tmp_path / "files" / KINDS[form]
    path.parent.mkdir()
    write_large(path, form)
    s3.upload(path.parent, "data")
    case = new_case(str(tmp_path / "case"), targets_of(path, form, {70, 71, 200}), {"reading": {}})
    mirror = Mirror(str(path.parent), "s3://shards/data")
    written = write_patch(case, f"{s3.uri}/patch", [mirror], s3.storage)
    assert (written.left, written.totals["records"]) == ({}, 3)
    patch = tmp_path / "patch"
    write_patch(case, str(patch), [mirror], s3.storage)

    (plan,) = json.loads(run_script(patch, "--plan", "s3://shards/data", path.name).stdout)["objects"]
    assert [part.keys() & {"copy", "upload"} for part in plan["parts"]].count({"copy"}) >= 2
    blob = gzip.decompress((patch / plan["blob"]).read_bytes())
    assert execute(client, plan, blob) == plan["bytes_uploaded"] == written.totals["bytes_uploaded"]
    # Members without a row that stays are only left out.
    assert (
        2 * LEAST_PART <= plan["bytes_uploaded"] < plan["size"] / 2
        if form == "wet"
        else not plan["bytes_uploaded"]
    )
    assert run_script(patch, path).returncode == 0
    assert client.get_object(Bucket="shards", Key=f"data/{path.name}")["Body"].read() == path.read_bytes()
    names = {each["Key"] for each in client.list_objects_v2(Bucket="shards", Prefix="patch/")["Contents"]}
    assert names == {f"patch/{name}" for name in ("apply.py", "blobs/00000.gz", "patch.json", "proof.json")}
