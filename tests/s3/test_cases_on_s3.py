"""Cases, notices and patches whose folders are on S3."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from presswatch_spark.claims.selection import Choice
from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.bag import bag_on_disk
from presswatch_spark.legal.notices import follow_up
from presswatch_spark.legal.notices.campaign import Register, plan_campaign
from presswatch_spark.legal.notices.notice import EventDetails, Notice, draft_notice
from presswatch_spark.legal.notices.refusal_rules import Checking, check_notice
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.patch import write_patch
from presswatch_spark.legal.removal.places import open_case
from presswatch_spark.legal.removal.probe_rounds import Prober, ProbeReport
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.storage import disk
from presswatch_spark.storage.drafts import LEASE, new_folder
from presswatch_spark.storage.objects import StorageOptions, write_object
from presswatch_spark.tables.declarations import Target
from tests.world.bags import build, lines, some_rows, unprinted
from tests.world.campaigns import PLANNED, bureaux
from tests.world.commands import outcome, presswatch
from tests.world.notices import DRAFTED, bureau
from tests.world.patches import FORMS as SHARDS
from tests.world.patches import listed, run_here, targets_of, write_shard
from tests.world.places import Bucket
from tests.world.proofs import each_time
from tests.world.release import Release, new_case, probes_of, release
from tests.world.servers import Fault, Server, web

FORMS = ("a.warc.wet.gz", "pages.warc.gz", "c4-train.json.gz")
REFUSALS = {
    "denied": (Fault(status=403, code="AccessDenied"), "restricted"),
    "expired": (Fault(status=400, code="ExpiredToken"), "undecided"),
    "bad key": (Fault(status=403, code="InvalidAccessKeyId"), "undecided"),
    "slow down": (Fault(status=503, code="SlowDown"), "undecided"),
    "cut": (Fault(cut_after=20), "undecided"),
}


@pytest.fixture
def crawl(tmp_path: Path, s3: Bucket) -> Release:
    """A release whose shards are on S3, too."""
    found = release(tmp_path, Server(), FORMS)
    s3.upload(found.shards, "crawl")
    return found


def some(crawl: Release) -> str:
    """A file that names two claims of each form."""
    return str(some_rows(crawl, 2 * len(FORMS)))


class TestCases:
    def open(self, crawl: Release, out: str, storage: StorageOptions | None = None) -> RemovalCase:
        choice = Choice.of(some(crawl), (), StorageOptions())
        return open_case(str(crawl.tables), out, choice, storage=storage)[0]

    def probe(self, case: RemovalCase, crawl: Release, endpoint: str) -> ProbeReport:
        flags = {"storage.endpoint": endpoint, "storage.max_attempts": 1, "storage.backoff_base": 0.01}
        mirror = Mirror(str(crawl.shards), "s3://shards/crawl")
        return Prober(case, load_scan_config(flags=flags), [mirror]).probe()

    def test_a_case_on_s3_is_opened_probed_and_read(self, crawl: Release, s3: Bucket) -> None:
        out = f"{s3.uri}/cases/one"
        case = self.open(crawl, out, s3.storage)
        assert self.probe(case, crawl, s3.endpoint).status.is_finished
        assert set(CaseStatus.of(RemovalCase.open(out, s3.storage)).counts()) == {"present"}
        headers = [probed.headers for probed in probes_of(case) if probed.status == 206]
        assert all("x-amz-request-id" in each.lower() or "etag" in each.lower() for each in headers)
        target = next(each for each in case.targets() if each.dataset == "wet")
        key = f"crawl/{Path(target.shard_uri).name}"
        data, start, length = s3.get(key), target.record_offset, target.record_length
        s3.put(key, data[:start] + b"\0" * length + data[start + length :])
        self.probe(case, crawl, s3.endpoint)
        assert CaseStatus.of(case).states[target.target_sha256].state == "overwritten"
        with pytest.raises(OutputError, match="the folder already exists"):
            self.open(crawl, out, s3.storage)

    @pytest.mark.parametrize("refusal", each_time(["denied", "bad key"], REFUSALS))
    def test_no_refusal_of_s3_is_a_removal(
        self, tmp_path: Path, crawl: Release, s3: Bucket, faulty: Server, refusal: str
    ) -> None:
        case = self.open(crawl, str(tmp_path / "case"))
        self.probe(case, crawl, s3.endpoint)
        faulty.always, state = REFUSALS[refusal]
        self.probe(case, crawl, faulty.url)
        found = CaseStatus.of(case)
        assert set(found.counts()) <= {state, "present"}
        assert state in found.counts()
        assert found.claims()[0] == 0


def words(crawl: Release, s3: Bucket, out: str) -> list[str]:
    """The command that makes a bag of tables and a corpus on S3."""
    tables, corpus = s3.upload(crawl.tables, "tables"), s3.upload(crawl.corpus, "corpus")
    where = ["--corpus", corpus, "--mirror", f"{crawl.shards}={s3.uri}/crawl", *s3.there]
    return ["evidence", "build", "--rows", some(crawl), *where, "--out", out, tables]


class TestBags:
    def bag(self, crawl: Release, s3: Bucket) -> tuple[str, str]:
        """A new bag, and what the command said."""
        with unprinted():
            return f"{s3.uri}/bags/one", presswatch(*words(crawl, s3, f"{s3.uri}/bags/one"))

    def test_a_bag_on_s3_holds_what_one_on_disk_holds(self, crawl: Release, s3: Bucket) -> None:
        bag, said = self.bag(crawl, s3)
        on_disk, built = build(crawl, "disk", rows=some(crawl), confidences=(), mirrored=False)
        assert f"claims root: {built.seal['claims_root']}" in said
        presswatch("evidence", "verify", *s3.there, bag)
        with bag_on_disk(bag, s3.storage) as folder:
            assert [line["record"] for line in lines(folder)] == [line["record"] for line in lines(on_disk)]
            exchanges = (folder / "data/http/exchanges.jsonl").read_bytes().splitlines()
        told = [json.loads(line) for line in exchanges]
        ranged = [each for each in told if "Range" in dict(each["request_headers"])]
        assert ranged
        assert {each["status"] for each in ranged} == {206}
        assert all("etag" in {name.lower() for name, _ in each["headers"]} for each in ranged)
        assert not any("signature" in json.dumps(each).lower() for each in told)
        assert outcome("", *words(crawl, s3, bag)).code == 1

    @pytest.mark.full
    def test_it_is_disclosed_challenged_and_looked_through_there(self, crawl: Release, s3: Bucket) -> None:
        bag, _ = self.bag(crawl, s3)
        with bag_on_disk(bag, s3.storage) as folder:
            row = lines(folder)[0]["row"]["row_sha256"]
        part = f"{s3.uri}/parts/one"
        presswatch("evidence", "disclose", "--row", row, "--out", part, *s3.there, bag)
        presswatch("evidence", "verify", *s3.there, part)
        drawn = ["evidence", "challenge", "--seed", "trois mots dits", "--sample", "9", *s3.there]
        presswatch(*drawn, "--corpus", crawl.corpus, bag)
        s3.put(f"bags/one/{alone.SEAL}", s3.get(f"bags/one/{alone.SEAL}").replace(b'"claims"', b'"Claims"'))
        told = outcome("evidence verify", *s3.there, bag)
        assert (told.code, f"REFUSED {alone.SEAL}" in told.err) == (1, True)

    def test_a_failed_upload_leaves_none(
        self, crawl: Release, s3: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, put = disk.put_file, list[str]()

        def failing(path: str, uri: str, options: StorageOptions) -> None:
            put.append(uri)
            if len(put) > 7:
                raise OSError(5, "the line is down")
            real(path, uri, options)

        monkeypatch.setattr("presswatch_spark.storage.drafts.put_file", failing)
        with unprinted():
            assert outcome("", *words(crawl, s3, f"{s3.uri}/bags/two")).code == 1
        assert not any(uri.endswith("bagit.txt") for uri in put)
        assert s3.names("bags/two/") == []


def test_a_folder_of_a_killed_writer_is_written_again(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presswatch_spark.storage.drafts.USUAL", 1.0)
    out, storage = f"{s3.uri}/bags/killed", s3.storage
    s3.put("bags/killed/data/half.bin", b"half")
    with pytest.raises(OutputError, match="the folder already exists"), new_folder(out, storage, "last.txt"):
        pytest.fail("files that may be another's")
    s3.put(f"bags/killed/{LEASE}", b'{"lease_seconds": 0.1}')
    with new_folder(out, storage, "last.txt") as draft:
        assert s3.names("bags/killed/") == [f"bags/killed/{LEASE}"]
        (draft / "last.txt").write_text("whole")
        with pytest.raises(OutputError, match="another process"), new_folder(out, storage, "last.txt"):
            pytest.fail("both write")
    assert s3.names("bags/killed/") == ["bags/killed/last.txt"]


@pytest.mark.full
def test_a_notice_is_drafted_checked_and_followed_there(tmp_path: Path, s3: Bucket) -> None:
    where, storage = f"{s3.uri}/notice", s3.storage
    with web() as server:
        office = bureau(release(tmp_path, server))

        def passes() -> bool:
            return not check_notice(Notice.open(where, storage), Checking(again=True)).refusals

        tables, case = s3.upload(office.crawl.tables, "tables"), f"{s3.uri}/case"
        open_case(tables, case, Choice(), storage=storage)
        order = office.order(selection=office.select(case, storage=storage))
        sums, here = draft_notice(order, where, storage).notice.sums, office.draft("here").notice.sums
        annex = {name: digest for name, digest in here.items() if name.startswith("annex/")}
        assert {name: sums[name] for name in annex} == annex
        with pytest.raises(OutputError, match="already exists"):
            draft_notice(order, where, storage)
        follow_up.record(Notice.open(where, storage), "signed", EventDetails("Jeanne Valmont", DRAFTED))
        assert passes()
        follow_up.record(Notice.open(where, storage), "sent", EventDetails(on=DRAFTED))
        assert follow_up.state_of(Notice.open(where, storage), DRAFTED).state == "sent"
        s3.delete("notice/form.txt")
        assert not passes()


# A campaign of notices on S3: planned, checked and recorded there, with recipients that it found itself.


@pytest.mark.full
def test_a_notice_to_a_reuploader_in_a_campaign_on_s3_is_checked_and_signed(
    s3: Bucket, tmp_path: Path
) -> None:
    campaign = f"{s3.uri}/campaign"
    notice = f"{campaign}/notices/alliance-hf-some-body-dsa16"
    with web() as server:
        office = bureaux(tmp_path, server)
        recipients = yaml.safe_load(office.recipients.read_bytes())
        (hub,) = (each for each in recipients["recipients"] if each["id"] == "hugging-face")
        hub["places"] = ["hf://", "https://huggingface.co/"]
        file = f"{s3.uri}/recipients.yaml"
        write_object(file, yaml.safe_dump({"recipients": [hub]}).encode(), s3.storage)
        mirror = office.crawl.mirror.__class__(str(office.crawl.shards), "hf://datasets/some-body/dump")
        senders = [str(office.folder / "alliance.yaml")]
        order = office.order(mirrors=(mirror,), senders=senders, recipients=file)
        planned = plan_campaign(order, campaign, s3.storage)
        assert len(planned.notices) == len(planned.plan["notices"])
        done = outcome("notice check", *s3.there, notice)
        rules = {line.split(": ")[1] for line in done.out.splitlines() if line.startswith("refused: ")}
        assert (done.code, "query_differs" in rules) == (1, False), done.err
        words = ["notice", "sign", "--by", "Jeanne Valmont", "--on", PLANNED.isoformat(), *s3.there, notice]
        assert outcome("", *words).code == 0
        assert outcome("notice status", *s3.there, campaign).code == 0
    assert Register.open(campaign, DRAFTED, s3.storage).journal.events[-1].kind == "signed"


# Patches of objects: written to S3, and applied there by multipart copies, as the script plans them.


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


@pytest.mark.full
@pytest.mark.parametrize("form", SHARDS)
def test_objects_lose_a_thousand_records_by_copies_and_other_readers_list_all_others(
    tmp_path: Path, client: Any, s3: Bucket, form: str
) -> None:
    folder, patch, draw, targets = tmp_path / "files", tmp_path / "patch", random.Random(34), list[Target]()
    folder.mkdir()
    paths = [folder / SHARDS[form].format(f"{number:05}") for number in range(12)]
    removed = dict[Path, set[object]]()
    for number, path in enumerate(paths):
        # About 20 MiB, of which the first and the last third stay.
        write_shard(form, path, 252, number, noise=80_000)
        own = list(targets_of(path, form, set(draw.sample(range(82, 170), 84))))
        removed[path] = {
            each.document_url if each.row_index is not None else each.record_offset for each in own
        }
        targets += own
    s3.upload(folder, "data")
    mirror = Mirror(str(folder), "s3://shards/data")
    case = new_case(str(tmp_path / "case"), targets, {"reading": {}})
    written = write_patch(case, f"{s3.uri}/patch", [mirror], s3.storage)
    assert (written.left, written.totals["records"], written.totals["files"]) == ({}, 12 * 84, 12)
    for name in s3.names("patch/"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(s3.get(name))

    # One flipped bit in any part of the patch, and nothing is planned or patched.
    for part in sorted(path for path in patch.rglob("*") if path.is_file() and path.name != "apply.py"):
        whole = part.read_bytes()
        place = draw.randrange(len(whole))
        part.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :])
        for arguments in (paths, ["--plan", "s3://shards/data", *paths]):
            done = run_here(patch, *arguments)
            assert (done.returncode, done.stdout, "the patch is refused" in done.stderr) == (1, "", True), (
                done
            )
        part.write_bytes(whole)

    planned = json.loads(run_here(patch, "--plan", "s3://shards/data", *paths).stdout)["objects"]
    before = {path: listed(form, path) for path in paths}
    assert run_here(patch, *paths).returncode == 0
    sent = 0
    for path, plan in zip(paths, planned, strict=True):
        copies = [part for part in plan["parts"] if "copy" in part]
        assert len(copies) == (0 if form == "parquet" else 2)
        sent += execute(client, plan, gzip.decompress((patch / plan["blob"]).read_bytes()))
        assert s3.get(f"data/{path.name}") == path.read_bytes()
        after = listed(form, path)
        assert after.keys() == before[path].keys()
        for reader, records in before[path].items():
            gone = removed[path]
            assert len(gone & records.keys()) == 84
            assert {key: each for key, each in after[reader].items() if key not in gone} == {
                key: each for key, each in records.items() if key not in gone
            }
            # Tombstones are at the places of records; of rows, nothing is left.
            assert (gone & after[reader].keys()) == (gone if form in ("wet", "warc", "arc") else set())
    assert sent == written.totals["bytes_uploaded"] == sum(plan["bytes_uploaded"] for plan in planned)
    assert sent < sum(plan["size"] for plan in planned) * (1 if form == "parquet" else 2 / 3)
    assert run_here(patch, "--undo", *paths).returncode == 0
    assert {path: listed(form, path) for path in paths} == before
