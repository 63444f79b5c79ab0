"""What an index says of a capture, and what that makes of a target whose record reads or does not."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.index import listed_among, look_up, place_among
from presswatch_spark.legal.removal.rounds import Prober
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.scanning.ccindex import lookup
from presswatch_spark.scanning.ccindex.lookup import Index, IndexedCapture
from presswatch_spark.storage.objects import RawResponse, StorageOptions
from tests.world.release import QUICK, Release, probes_of, query, target_row
from tests.world.servers import Reply

CAPTURED = datetime(2024, 12, 14, 1, 58, 10, tzinfo=UTC)
NONE = json.dumps({"message": "No Captures found for: https://a.example/"})


ENDPOINT = "https://i.example/{release}-index"
PLACE = '"url": "https://a.example/", "filename": "a.warc.gz", "offset": "1", "length": "2"'
THEN, BEFORE = (f'{{"timestamp": "{each}", {PLACE}}}' for each in ("20241214015810", "20240101000000"))
Asked = list[str]


def outcome_of(answer: RawResponse, monkeypatch: pytest.MonkeyPatch, asked: Asked | None = None) -> str:
    """The outcome of a server's answer about a page that was captured at a time."""

    def answered(uri: str, *_: Any) -> RawResponse:
        if asked is not None:
            asked.append(uri)
        return answer

    monkeypatch.setattr(lookup, "ask", answered)
    page = ("CC-MAIN-2024-51", "https://a.example/x?y=1&z=é")
    (found,) = look_up(Index(ENDPOINT, StorageOptions()), [page]).values()
    return listed_among(found.captures, CAPTURED).outcome


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, THEN, "listed"),
        (200, f"{BEFORE}\n{THEN}", "listed"),
        (200, BEFORE, "unlisted"),
        (200, "", "unlisted"),
        (404, NONE, "unlisted"),
        (404, "<html>Not Found</html>", "refused"),
        (404, '{"message": "no such index"}', "refused"),
        (200, "<html>Please try later</html>", "strange"),
        (200, '["timestamp"]', "strange"),
        (200, '{"timestamp": "20241214015810"}', "strange"),
        (429, "", "limited"),
        (503, "", "refused"),
        (None, "", "failed"),
    ],
)
def test_an_index_lists_a_capture_or_says_that_it_does_not(
    status: Any, body: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = RawResponse("http://i.example", 0.0, status, body=body.encode())
    assert outcome_of(answer, monkeypatch) == outcome


def test_an_index_may_pack_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    body, packed = gzip.compress(THEN.encode()), (("content-encoding", "gzip"),)
    for data, outcome in ((body, "listed"), (body[:-1], "strange")):
        answer = RawResponse("http://i.example", 0.0, 200, packed, body=data)
        assert outcome_of(answer, monkeypatch) == outcome


def test_of_files_of_one_name_the_place_is_in_that_of_the_targets_folder() -> None:
    folders = {"crawldiagnostics": 1, "warc": 2, "robotstxt": 3}
    captures = [
        IndexedCapture("https://a.example/", CAPTURED, f"x/{folder}/a.warc.gz", place, 9)
        for folder, place in folders.items()
    ]
    for uri, offset in (("s3://crawl/x/warc/a.warc.gz", 2), ("/mirror/a.warc.gz", 1)):
        found = place_among(captures, target_row(captured_at=CAPTURED, shard_uri=uri)).record
        assert (found.record_offset, found.record_length) == (offset, 9)


def test_a_query_quotes_the_url_and_names_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    outcome_of(RawResponse("http://i.example", 0.0, 200), monkeypatch, asked)
    assert asked == [query(ENDPOINT, "CC-MAIN-2024-51", "https://a.example/x?y=1&z=é")]
    assert asked == [
        "https://i.example/CC-MAIN-2024-51-index?url=https%3A%2F%2Fa.example%2Fx%3Fy%3D1%26z%3D%C3%A9&output=json"
    ]


@pytest.mark.parametrize(
    "index", ["ftp://i.example", "{release}-index", "https://", "https://i.example/?a=b"]
)
def test_an_index_that_cannot_be_asked_begins_no_round(case: RemovalCase, crawl: Release, index: str) -> None:
    rounds = case.rounds()
    with pytest.raises(ConfigError, match="is not the address of an index"):
        Prober(case, load_scan_config(flags=QUICK), [crawl.mirror], index=index).probe()
    assert case.rounds() == rounds


def probe(case: RemovalCase, crawl: Release) -> None:
    config = load_scan_config(flags=QUICK)
    index = f"{crawl.server.url}/{{release}}-index"
    Prober(case, config, [crawl.mirror], Corpus.open(str(crawl.corpus)), index=index).probe()


def fill(crawl: Release, case: RemovalCase, unlisted: str = "") -> None:
    """Have the index list every page of the release, but one."""
    everything = {target.document_url: target for target in case.targets()}
    urls = {probe.document_url for probe in probes_of(case) if probe.document_url} | set(everything)
    for url in urls:
        captured_at = everything[url].captured_at if url in everything else CAPTURED
        place = {"url": url, "filename": "a.warc.gz", "offset": "1", "length": "2"}
        line = json.dumps({"timestamp": captured_at.strftime("%Y%m%d%H%M%S"), **place})
        address = query("/{release}-index", "CC-MAIN-2024-51", url)
        none = Reply(404, {}, NONE.encode())
        crawl.server.queries[address] = none if url == unlisted else Reply(200, {}, line.encode())


def test_a_record_that_its_index_hides_is_not_removed_and_alarms_once(crawl: Release) -> None:
    case = crawl.open()
    probe(case, crawl)
    target = sorted(case.targets(), key=lambda each: each.record_offset)[3]
    fill(crawl, case)
    probe(case, crawl)
    assert set(CaseStatus.of(case).counts()) == {"present"}
    fill(crawl, case, unlisted=target.document_url)
    probe(case, crawl)
    probe(case, crawl)
    found = CaseStatus.of(case)
    state = found.states[target.target_sha256]
    assert (state.state, state.removed) == ("hidden", False)
    places = {each.target_sha256 for each in case.targets() if each.document_url == target.document_url}
    alarms = [(alarm.round, alarm.about) for alarm in found.alarms if alarm.kind == "index disagrees"]
    assert sorted(alarms) == sorted((3, place) for place in places)


def test_an_index_that_lists_nothing_at_all_hides_nothing(crawl: Release) -> None:
    case = crawl.open()
    probe(case, crawl)
    fill(crawl, case)
    for address in crawl.server.queries:
        crawl.server.queries[address] = Reply(404, {}, NONE.encode())
    probe(case, crawl)
    assert set(CaseStatus.of(case).counts()) == {"present"}
