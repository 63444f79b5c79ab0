"""Datasets on a hub: read as they were listed, by as few questions as can be, and the token stays there."""

import gzip
import hashlib
import json
import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from presswatch_spark.core.errors import ConfigError, PresswatchError, StorageError, TruncatedError
from presswatch_spark.core.settings.config import DatasetRules, ScanConfig
from presswatch_spark.scanning.releases.datasets import shards_of
from presswatch_spark.storage import host_limits
from presswatch_spark.storage import hub as hub_requests
from presswatch_spark.storage.host_limits import BlockedError, HostLimits
from presswatch_spark.storage.hub import HubStore, target_of, token_of
from presswatch_spark.storage.objects import (
    DeniedError,
    MissingError,
    ObjectInfo,
    StorageOptions,
    ask,
    list_objects,
    open_stream,
    random_access,
    read_object,
    read_range,
    stat,
)
from presswatch_spark.storage.shards import plan
from presswatch_spark.storage.uris import HubAddress
from presswatch_spark.tables.store import TableStore
from tests.world.hub import NAME, OTHER_TOKEN, TOKEN, Dataset, Hub, hub, refused
from tests.world.places import read_all
from tests.world.proofs import each_time
from tests.world.scanned import FORMS, ONE_OF_EACH_FORMAT, scan_here, some_pages
from tests.world.servers import Fault, Reply

OPTIONS = StorageOptions(max_attempts=3, backoff_base=0.0001, read_timeout=5, refusal_pause=0.05)
ROOT = f"hf://datasets/{NAME}"
UNKNOWN = "is of an unknown kind"
WRONG_ENTRY = "a file outside of the folder, or one with a wrong size or SHA-256"
DATA = random.Random(7).randbytes(300_000)
SOME_FORMS = [*ONE_OF_EACH_FORMAT, "single.warc.wet.gz", "fr_part_1.txt.gz"]
FILES = {f"data/part-{number}.json.gz": DATA[number * 1000 :] for number in range(5)} | {
    "README.md": b"# Pages",
    "data/small.jsonl": b'{"text": "x"}\n',
    "data/.hidden": b"no",
    "other/one.parquet": DATA[:5000],
}


def entry(**changed: Any) -> bytes:
    return json.dumps([{"type": "file", "oid": "0" * 40, "size": 5, "path": "data/a.gz"} | changed]).encode()


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub(FILES) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        # An earlier hub may have had the same port.
        hub_requests.forget_places()
        yield running


def commit(site: Hub) -> str:
    return site.datasets[NAME].main


def pinned(site: Hub, path: str = "data/part-0.json.gz") -> str:
    return f"{ROOT}@{commit(site)}/{path}"


def whole(uri: str, options: StorageOptions = OPTIONS) -> bytes:
    return read_all(ObjectInfo(uri), options)


class TestLists:
    def test_a_glob_lists_page_by_page_at_the_commit_of_the_moment(self, site: Hub) -> None:
        shards = plan([f"{ROOT}/data/part-*.gz"], OPTIONS)
        assert [shard.uri for shard in shards] == [pinned(site, f"data/part-{n}.json.gz") for n in range(5)]
        first = shards.shards[0]
        assert (first.size, first.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
        assert sum("cursor=" in path for path, _ in site.asked) >= 2

    def test_a_folder_and_a_dataset_stand_for_all_below_but_papers_and_hidden_files(self, site: Hub) -> None:
        folder = plan([f"{ROOT}@main/data"], OPTIONS)
        assert [Path(shard.uri).name for shard in folder][-1] == "small.jsonl"
        assert len(folder) == 6
        everything = plan([ROOT], OPTIONS)
        assert len(everything) == 7
        assert [Path(uri).name for uri in everything.left_out] == ["README.md", ".hidden"]

    def test_all_paths_of_a_plan_and_of_lists_read_one_commit(self, site: Hub, tmp_path: Path) -> None:
        (tmp_path / "some.paths").write_text(f"{ROOT}/data/part-1.json.gz\n{ROOT}/other/one.parquet\n")
        shards = plan([str(tmp_path / "some.paths"), f"{ROOT}@main/data/part-0.json.gz"], OPTIONS)
        assert sum("/revision/" in path for path, _ in site.asked) == 1
        assert len(shards) == 3
        assert all(f"@{commit(site)}/" in shard.uri for shard in shards)

    def test_a_release_without_a_list_is_found_on_its_hub(self, site: Hub) -> None:
        names = ("en/c4-train.0.json.gz", "multilingual/c4-fr.tfrecord-0.json.gz", "en/other.json.gz")
        site.push(dict.fromkeys(names, DATA))
        for release, name in (("c4-en", names[0]), ("c4-fr", names[1])):
            (shard,) = plan([shards_of(release, "c4", ROOT, DatasetRules(), OPTIONS).path], OPTIONS)
            assert shard.uri == pinned(site, name)

    def test_a_list_that_leads_to_another_host_is_not_followed(self, site: Hub, monkeypatch: Any) -> None:
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        site.next_page_at = site.store.url
        with pytest.raises(StorageError, match="redirects to another host"):
            list(list_objects(ROOT, OPTIONS))
        assert not site.store.requests

    @pytest.mark.parametrize("coding", ["", "gzip"])
    @pytest.mark.parametrize("start", ["", "/api/datasets/press/web/tree/", "?"])
    def test_pages_follow_each_other_by_relative_addresses_and_may_be_packed(
        self, site: Hub, monkeypatch: Any, start: str, coding: str
    ) -> None:
        answer = site.answer

        def behind_a_proxy(path: str, token: str) -> Reply:
            reply = answer(path, token)
            after = reply.headers.get("Link", "")
            if after and start:
                reply.headers["Link"] = f"<{start}{after.partition(start)[2]}"
            if not coding:
                return reply
            return Reply(
                reply.status, {**reply.headers, "Content-Encoding": coding}, gzip.compress(reply.body)
            )

        monkeypatch.setattr(site, "answer", behind_a_proxy)
        assert len(plan([f"{ROOT}/data/part-*.gz"], OPTIONS)) == 5
        assert sum("cursor=" in path for path, _ in site.asked) >= 2

    @pytest.mark.parametrize(
        ("headers", "body", "said"),
        [
            ({"Content-Encoding": "br"}, b"packed", UNKNOWN),
            ({"Content-Encoding": "gzip"}, b"packed", UNKNOWN),
            ({}, b"", UNKNOWN),
            ({}, b"[" * 99_999, UNKNOWN),
            ({}, b"[" * 100_000, "longer than 99,999 bytes"),
            ({}, entry(size=-5), WRONG_ENTRY),
            ({}, entry(size=None), WRONG_ENTRY),
            ({}, entry(size="7"), WRONG_ENTRY),
            ({}, entry(size=10**30), WRONG_ENTRY),
            ({}, entry(path="other/x.gz"), WRONG_ENTRY),
            ({}, entry(path="data/../x.gz"), WRONG_ENTRY),
            ({}, entry(path="data//x.gz"), WRONG_ENTRY),
            ({}, entry(path="data/\ud800.gz"), WRONG_ENTRY),
            ({}, entry(path=5), UNKNOWN),
            ({}, entry(lfs={"oid": "x", "size": 5, "pointerSize": 1}), WRONG_ENTRY),
            ({"Link": '<{page}>; rel="next"'}, entry(), "form a loop"),
            ({"Link": '<http://[>; rel="next"'}, entry(), UNKNOWN),
        ],
    )
    def test_a_list_that_can_be_none_is_an_error(
        self, site: Hub, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], body: bytes, said: str
    ) -> None:
        monkeypatch.setattr(hub_requests, "LONGEST_ANSWER", 99_999)
        page = f"{site.url}/api/datasets/{NAME}/tree/{commit(site)}?cursor=1"
        headers = {name: value.format(page=page) for name, value in headers.items()}
        site.refusals.extend([Reply(200, headers, body)] * 9)
        with pytest.raises(StorageError, match=said):
            list(list_objects(f"{ROOT}@{commit(site)}/data", OPTIONS))

    def test_a_commit_that_is_none_is_an_error(self, site: Hub) -> None:
        for sha in (123, ["0" * 40], None, "main", "A" * 40):
            site.refusals.append(Reply(200, {}, json.dumps({"id": NAME, "sha": sha}).encode()))
            with pytest.raises(StorageError, match="states no commit for the revision"):
                stat(f"{ROOT}/data/small.jsonl", OPTIONS)

    def test_files_of_any_name_are_listed_and_read(self, site: Hub) -> None:
        names = ["é à", "a%2Fb", "x#y?z", "100%", "日本", "a+b&c=d;e", "[1]", "*", " x", "tab\t"]
        site.push({f"data/{name}.gz": DATA for name in names})
        shards = plan([f"{ROOT}/data"], OPTIONS)
        assert sorted(Path(shard.uri).stem for shard in shards) == sorted(names)
        assert all(whole(shard.uri) == DATA for shard in shards)


class TestReading:
    def test_a_file_is_the_publishers_and_its_address_is_asked_for_once(self, site: Hub) -> None:
        uri = pinned(site)
        info = stat(uri, OPTIONS)
        assert (info.size, info.sha256) == (len(DATA), hashlib.sha256(DATA).hexdigest())
        with open_stream(info, OPTIONS, digests=True) as stream:
            assert stream.read_to_end() == DATA
            assert stream.sha256 == stream.info.sha256 == info.sha256
        with random_access(info, OPTIONS, read_ahead=0) as file:
            for start in (5, 100_000, 299_990):
                file.seek(start)
                assert file.read(10) == DATA[start : start + 10]
        assert read_range(uri, 7, 20, OPTIONS) == DATA[7:27]
        assert site.resolved == {"data/part-0.json.gz": 1}

    @pytest.mark.parametrize("caches", [False, True])
    def test_a_small_file_comes_from_the_hub_itself(self, site: Hub, caches: bool) -> None:
        """It may redirect to another address of its own."""
        site.caches = caches
        uri = pinned(site, "data/small.jsonl")
        assert [read_range(uri, start, 4, OPTIONS) for start in (0, 4, 99)] == [b'{"te', b'xt":', b""]
        assert whole(uri) == read_object(uri, OPTIONS)[0] == FILES["data/small.jsonl"]
        assert not site.store.requests
        assert whole(pinned(site)) == DATA

    def test_a_hub_without_a_store_gives_ranges_itself_and_gets_the_token(
        self, site: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        site.lfs_bytes, site.datasets[NAME].gated = 10**9, True
        assert whole(pinned(site)) == DATA
        assert read_range(pinned(site), 1000, 10, OPTIONS) == DATA[1000:1010]
        assert ask(pinned(site), 5, 10, OPTIONS).body == DATA[5:10]

    def test_a_mirror_that_declares_no_digest_gives_files_whose_digest_is_known(
        self, site: Hub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        described = ObjectInfo(pinned(site), len(DATA), None, hashlib.sha256(DATA).hexdigest())
        # Small files come without a digest.
        site.lfs_bytes = 10**9
        with open_stream(described, OPTIONS, digests=True) as stream:
            assert stream.read_to_end() == DATA
            assert stream.sha256 == described.sha256
        with pytest.raises(StorageError, match="changed"):
            read_all(ObjectInfo(described.uri, len(DATA) - 1, None, described.sha256), OPTIONS)
        with pytest.raises(StorageError, match="changed"):
            read_all(ObjectInfo(described.uri, len(DATA), "another", described.sha256), OPTIONS)

    def test_an_address_that_was_refused_is_not_sent_again(self, site: Hub) -> None:
        uri = pinned(site)
        assert read_range(uri, 0, 1, OPTIONS) == DATA[:1]
        site.store.always = Fault(status=401)
        site.datasets[NAME].gated = True
        asked = len(site.store.requests)
        for _ in range(3):
            with pytest.raises(DeniedError, match="is gated"):
                read_range(uri, 1, 1, OPTIONS)
        assert len(site.store.requests) == asked + 1

    def test_main_may_move_while_its_files_are_read(self, site: Hub) -> None:
        (first, *_) = plan([f"{ROOT}/data/*.gz"], OPTIONS)
        site.push({"data/part-0.json.gz": DATA[::-1]})
        assert whole(first.uri) == DATA
        assert whole(f"{ROOT}/data/part-0.json.gz") == DATA[::-1]

    def test_an_expired_address_is_asked_for_again(self, site: Hub) -> None:
        for number, expired in enumerate((400, 401, 403, 404, 410)):
            site.store.uses, site.store.expired = 3, expired
            name = f"data/part-{number}.json.gz"
            uri, data = pinned(site, name), FILES[name]
            assert [read_range(uri, n, 1, OPTIONS) for n in range(5)] == [data[n : n + 1] for n in range(5)]
            assert site.resolved[name] == 2, expired
            site.store.uses, site.store.expired = 0, expired if expired < 404 else 403
            site.store.signed.clear()
            with pytest.raises(StorageError, match="the store of the hub: "):
                read_range(uri, 0, 1, OPTIONS)

    def test_a_body_that_breaks_off_is_taken_up_where_it_stopped(self, site: Hub) -> None:
        faults = [Fault(cut_after=1_000), Fault(cut_after=50_000, reset=True), Fault(status=503)]
        site.store.faults.extend(faults)
        assert whole(pinned(site)) == DATA
        assert site.resolved == {"data/part-0.json.gz": 1}
        site.store.always = Fault(cut_after=10)
        said = r"hf://datasets/press/web@\w+/data/part-0.json.gz @ 30: only 30 of"
        with pytest.raises(TruncatedError, match=said):
            whole(pinned(site))

    @pytest.mark.parametrize("other", ["shorter in the store", "of another digest", "a page in its place"])
    def test_another_file_than_the_listed_one_is_noticed(self, site: Hub, other: str) -> None:
        (shard,) = plan([f"{ROOT}/data/part-0.json.gz"], OPTIONS)
        hub_requests.forget_places()
        if other == "shorter in the store":
            shard, site.store.objects = ObjectInfo(shard.uri), dict.fromkeys(site.store.objects, DATA[:-1])
        elif other == "of another digest":
            shard = ObjectInfo(shard.uri, shard.size, None, "0" * 64)
        else:
            site.refusals.append(Reply(200, {"Content-Type": "text/html"}, b"x" * 9000))
        with pytest.raises(StorageError, match="changed since it was listed"):
            read_all(shard, OPTIONS)

    def test_a_part_that_nobody_asked_for_is_not_taken_for_the_file(self, site: Hub) -> None:
        """A cache between us and the hub may give what others asked it for."""
        site.refusals.append(Reply(206, {"Content-Range": f"bytes 0-9/{len(DATA)}"}, DATA[:10]))
        with pytest.raises(StorageError, match="only a part of the file"):
            read_object(pinned(site), OPTIONS)
        assert read_object(pinned(site), OPTIONS)[0] == DATA

    @pytest.mark.parametrize(
        "location", ["http://[", "http://x:99999/a", "ftp://x/y", "file:///etc/passwd", "https://u:p@x/y"]
    )
    def test_a_redirect_to_no_web_site_is_an_error(self, site: Hub, location: str) -> None:
        site.refusals.extend([refused(302, Location=location)] * 2)
        with pytest.raises(StorageError, match=r"hf://\S+: the hub redirects outside the web"):
            whole(pinned(site))
        answer = ask(pinned(site), 0, 5, OPTIONS)
        assert (answer.status, answer.ours) == (302, False)
        assert answer.failure == "the hub redirects outside the web"

    def test_no_redirect_leads_from_an_encrypted_line_to_an_open_one(self) -> None:
        address, asked = HubAddress.of(ROOT), "https://hub.example/datasets/a/b/resolve/main/x"
        assert target_of(asked, "https://store.example/x?S=1", address) == "https://store.example/x?S=1"
        assert target_of("http://hub.example/x", "http://store.example/x", address)
        with pytest.raises(StorageError, match="to an address without encryption") as caught:
            target_of(asked, "http://store.example/x?Signature=s3cr3t", address)
        assert "s3cr3t" not in str(caught.value)
        hub_store = HubStore(StorageOptions(hf_endpoint="https://hub.example"))
        assert not hub_store.owns("http://hub.example:443/api/datasets/")


def test_an_address_of_a_hub_is_a_web_sites_and_holds_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for endpoint, said in (
        ("hub.example", "this is not the address of a hub"),
        ("https://u:s3cr3t@hub", "user or pass"),
        ("https://hub.example/?key=s3cr3t", "this is not the address of a hub"),
        ("https://hub.example/#s3cr3t", "this is not the address of a hub"),
    ):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        with pytest.raises(PresswatchError, match=said) as caught:
            plan([ROOT], OPTIONS)
        assert "s3cr3t" not in str(caught.value)


def test_a_hub_may_be_a_folder_of_a_site(site: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = site.answer
    monkeypatch.setattr(site, "answer", lambda path, token: answer(path.removeprefix("/hub"), token))
    monkeypatch.setenv("HF_ENDPOINT", f"{site.url}/hub/")
    shards = plan([f"{ROOT}/data/part-*.gz"], OPTIONS)
    assert len(shards) == 5
    assert whole(shards.shards[0].uri) == DATA
    monkeypatch.setattr(site, "answer", lambda path, token: Reply(404, {}, b""))
    with pytest.raises(PresswatchError, match="no such file or folder"):
        plan([f"{ROOT}/other"], OPTIONS)


class TestLimits:
    @pytest.fixture
    def pauses(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """How long the hub is left alone each time."""
        pauses, pause = list[float](), HostLimits._pause

        def paused(host: HostLimits, seconds: float, why: str) -> None:
            pauses.append(seconds)
            pause(host, seconds, why)

        monkeypatch.setattr(host_limits, "SHORTEST_WAIT", 0.1)
        monkeypatch.setattr(HostLimits, "_pause", paused)
        return pauses

    @pytest.mark.parametrize("headers", [{"RateLimit": '"resolvers";r=0;t=0.1'}, {"Retry_After": "0"}])
    def test_a_hub_is_waited_for(self, site: Hub, headers: dict[str, str], pauses: list[float]) -> None:
        site.refusals.extend([refused(429, **headers)] * 4)
        assert whole(pinned(site)) == DATA
        site.refusals.extend([refused(429, **headers)] * 2)
        assert len(list(list_objects(f"{ROOT}/data", OPTIONS))) == 6
        assert pauses == [0.1] * 6

    def test_a_hub_that_asks_for_too_long_is_asked_nothing_more(self, site: Hub) -> None:
        site.refusals.append(refused(429, RateLimit='"resolvers";r=0;t=9000'))
        for _ in range(2):
            with pytest.raises(BlockedError, match="asked to wait for 9,000 s"):
                whole(pinned(site))
        assert len(site.asked) == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("token", "path", "said"),
        [
            ("", "hf://datasets/a/b", "or it is private and there is no token (check the name"),
            (TOKEN, "hf://datasets/a/b", "there is no such dataset, or the token may not read it"),
            (TOKEN, f"{ROOT}@feature/x/data", "no such revision (check what follows @; a slash in it is"),
            (TOKEN, f"{ROOT}@{'0' * 40}/data", "the history of the dataset was squashed"),
            (TOKEN, f"{ROOT}/none/*.gz", "there is no such file or folder at this revision"),
            ("hf_unknown", ROOT, "the token is unknown or expired"),
            ("", "gated", "is gated, and there is no token (ask for access at {page}, then set HF_TOKEN"),
            (OTHER_TOKEN, "gated", "the token's account has no access (accept its conditions at {page}"),
            (TOKEN, "disabled", "the hub has disabled access to the dataset (ask its owner"),
            ("", "hf://datasets/old/name", f"the dataset was moved to {NAME} (write hf://datasets/{NAME}"),
        ],
    )  # fmt: skip
    def test_each_says_what_to_do(
        self, site: Hub, monkeypatch: pytest.MonkeyPatch, token: str, path: str, said: str
    ) -> None:
        if token:
            monkeypatch.setenv("HF_TOKEN", token)
        site.datasets["old/name"] = Dataset(moved_to=NAME)
        if path in ("gated", "disabled"):
            setattr(site.datasets[NAME], path, True)
            path = ROOT
        with pytest.raises(PresswatchError) as caught:
            plan([path], OPTIONS)
        assert said.format(page=f"{site.url}/datasets/{NAME}") in str(caught.value)
        assert "hf_unknown" not in str(caught.value)

    def test_a_file_of_a_moved_dataset_and_one_pinned_before_a_squash_say_why(self, site: Hub) -> None:
        site.datasets["old/name"] = Dataset(moved_to=NAME)
        with pytest.raises(MissingError, match=f"was moved to {NAME}"):
            whole(f"hf://datasets/old/name@{commit(site)}/data/part-0.json.gz")
        uri = pinned(site)
        site.squash()
        with pytest.raises(MissingError, match=r"squashed.*choose an existing revision, such as @main"):
            whole(uri)
        assert whole(f"{ROOT}/data/part-0.json.gz") == DATA


class TestTheToken:
    def test_it_goes_to_the_hub_and_nowhere_else(self, site: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        site.datasets[NAME].gated = True
        for shard in plan([f"{ROOT}/data"], OPTIONS):
            whole(shard.uri)
        assert {token for _, token in site.asked} == {TOKEN}
        assert site.store.requests
        assert not any(TOKEN in told for told in site.store.heard)
        assert not any("uthorization" in told for told in site.store.heard)
        assert TOKEN.encode() not in pickle.dumps(OPTIONS)

    def test_it_may_stand_in_a_file_which_is_read_where_it_is_used(self, site: Hub, tmp_path: Path) -> None:
        file = tmp_path / "token"
        options = StorageOptions(hf_token_file=str(file))
        with pytest.raises(ConfigError, match=r"cannot be read: No such file.*check --hf-token-file"):
            plan([ROOT], options)
        file.write_text(f"{TOKEN}\n")
        site.datasets[NAME].gated = True
        assert len(plan([ROOT], options)) == 7
        assert TOKEN.encode() not in pickle.dumps(options)

    @pytest.mark.parametrize("held", ["", "two words", "líne", "a\nb", "x" * 2000])
    def test_what_is_no_token_is_refused_and_not_quoted(
        self, held: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "token").write_text(held)
        with pytest.raises(ConfigError, match="has no token") as caught:
            token_of(StorageOptions(hf_token_file=str(tmp_path / "token")))
        assert not held or held not in str(caught.value)


class TestAsking:
    def test_the_store_answers_with_what_the_hub_says_of_the_file(self, site: Hub) -> None:
        uri = pinned(site)
        answer = ask(uri, 10, 20, OPTIONS)
        assert (answer.uri, answer.status, answer.start, answer.body) == (uri, 206, 10, DATA[10:20])
        assert answer.header("X-Repo-Commit") == commit(site)
        small = ask(pinned(site, "data/small.jsonl"), 2, 6, OPTIONS)
        assert small.body == b"text"
        assert ask(pinned(site, "data/small.jsonl"), 99, 100, OPTIONS).body == b""

    def test_no_answer_is_that_of_an_expired_address_or_holds_one(self, site: Hub) -> None:
        for expired in (400, 401, 403, 404, 410):
            site.store.uses, site.store.expired = 1, expired
            for start in range(3):
                answer = ask(pinned(site), start, start + 1, OPTIONS)
                assert answer.body == DATA[start : start + 1], expired
                assert "Signature" not in json.dumps([answer.uri, answer.headers, answer.failure]), expired

    def test_a_refusal_is_an_answer_with_the_hubs_word_for_it(self, site: Hub) -> None:
        gone = ask(f"{ROOT}@{'0' * 40}/data/x", 0, 1, OPTIONS)
        assert (gone.status, gone.header("X-Error-Code"), gone.ours) == (404, "RevisionNotFound", False)
        site.datasets[NAME].gated = True
        gated = ask(pinned(site), 0, 1, OPTIONS)
        assert (gated.status, gated.header("X-Error-Code"), gated.ours) == (401, "GatedRepo", False)
        site.datasets[NAME].disabled = True
        assert ask(pinned(site), 0, 1, OPTIONS).status == 403

    def test_a_token_that_is_not_known_is_our_fault(self, site: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_unknown")
        answer = ask(pinned(site), 0, 1, OPTIONS)
        assert (answer.status, answer.ours) == (401, True)


@pytest.mark.parametrize("forms", each_time([SOME_FORMS], [SOME_FORMS, [*FORMS]]))
def test_shards_of_every_form_give_the_rows_that_they_give_on_disk(
    site: Hub, corpus: Path, tmp_path: Path, forms: list[str]
) -> None:
    (tmp_path / "shards").mkdir()
    for name in forms:
        FORMS[name](tmp_path / "shards" / name, some_pages())
    # Metadata of OSCAR is stored beside its text.
    site.push({f"data/{path.name}": path.read_bytes() for path in (tmp_path / "shards").iterdir()})
    on_disk = scan_here([tmp_path / "shards" / name for name in forms], corpus, tmp_path / "disk")
    shards = [shard for shard in plan([f"{ROOT}/data/"], OPTIONS) if Path(shard.uri).name in forms]
    site.push({"data/a.warc.wet.gz": b"main has moved"})
    config = ScanConfig(storage=OPTIONS)
    on_hub = scan_here([shard.uri for shard in shards], corpus, tmp_path / "hub", config)
    assert {row["row_sha256"] for row in on_hub} == {row["row_sha256"] for row in on_disk}
    assert len(on_hub) == len(on_disk) > len(forms)
    log = TableStore.open(str(tmp_path / "hub")).read("scan_log").to_pylist()
    assert {row["shard_uri"]: row["sha256_declared"] for row in log} == {
        shard.uri: hashlib.sha256((tmp_path / "shards" / Path(shard.uri).name).read_bytes()).hexdigest()
        for shard in shards
    }
    assert max(site.resolved.values()) == 1


class TestASecretOfAws:
    @pytest.fixture(autouse=True)
    def _aws(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        from moto import mock_aws

        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        with mock_aws():
            yield

    @pytest.mark.parametrize("text", [TOKEN, f'{{"HF_TOKEN": "{TOKEN}"}}'])
    def test_it_may_be_the_token_itself_or_hold_it_by_name(self, text: str) -> None:
        client = boto3.client("secretsmanager", "eu-west-3")
        arn = client.create_secret(Name=f"hub{len(text)}", SecretString=text)["ARN"]
        options = StorageOptions(hf_token_secret=arn)
        assert token_of(options) == TOKEN
        assert TOKEN.encode() not in pickle.dumps(options)

    def test_one_that_cannot_be_read_says_which_right_the_job_lacks(self) -> None:
        arn = "arn:aws:secretsmanager:eu-west-3:123456789012:secret:none-AbCdEf"
        with pytest.raises(
            StorageError, match=r"ResourceNotFoundException.*allow secretsmanager:GetSecretValue"
        ):
            token_of(StorageOptions(hf_token_secret=arn))
