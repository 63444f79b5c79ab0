"""Rows lead back to their documents, and only to theirs, whatever happened to the shards meanwhile."""

import gzip
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.errors import ConfigError, CorruptError, InputError
from presswatch_spark.core.settings.config import MinHashRules, ReadRules, ScanConfig, row_settings
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.query.pointers.audit import Audit, RowCheck, drawn_rows, row_by_digest, settings_of
from presswatch_spark.query.pointers.fetch import Archives, at_pointer, for_row
from presswatch_spark.query.pointers.fetched_records import (
    SHARDS_AT_ONCE,
    Cause,
    Failure,
    Record,
    records_at,
    shards_ahead,
)
from presswatch_spark.query.pointers.pointer import (
    Pointer,
    is_pointer,
    mirrored,
    parse_mirror,
    parse_pointer,
    pointer_of,
)
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.digests import row_digest, table_digest
from presswatch_spark.tables.store import TableStore
from tests.world.commands import presswatch
from tests.world.corpora import write_jsonl
from tests.world.documents import text_of
from tests.world.proofs import cases, each_time
from tests.world.scanned import (
    BY_RANGE,
    FORMS,
    ONE_OF_EACH_FORMAT,
    change_a_byte,
    changed_press,
    is_document,
    members,
    rewrite_rows,
    scan_here,
    some_pages,
    substitute,
)
from tests.world.shards import read
from tests.world.tables import flipped, publish, write
from tests.world.warc import erratum, packed_as, record

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `scanned`, which writes and scans a shard of a form when a test wants it."""
    return tmp_path_factory.mktemp("release")


@dataclass(frozen=True)
class Scanned:
    """A shard, to be damaged, and the tables of its scan before that, from another place."""

    shard: Path
    tables: Path

    def verdicts(self, corpus: Path | None = None) -> list[RowCheck]:
        return verdicts(self.tables, corpus, self.shard)

    def failures(self, corpus: Path | None = None) -> dict[str, set[str]]:
        return failures(self.verdicts(corpus))

    def rewrite(self, change: Callable[[dict[str, Any]], None], *, digested: bool = True) -> None:
        rewrite_rows(self.tables, change, digested=digested)

    def damage(self, change: Callable[[bytes, int, int], bytes], number: int = 5) -> str:
        """Change a shard, given where the record of a copied page begins and ends; the page's URL."""
        page = copied()[number]
        self.shard.write_bytes(change(self.shard.read_bytes(), *record_of(self.shard, page)))
        return page.url

    @property
    def store(self) -> TableStore:
        return TableStore.open(str(self.tables))


@pytest.fixture
def scanned(request: pytest.FixtureRequest, release: Path, corpus: Path, tmp_path: Path) -> Scanned:
    name, made = request.param, release / request.param
    if not made.exists():
        made.mkdir()
        FORMS[name](made / name, some_pages())
        scan_here([made / name], corpus, made / "tables")
    shutil.copytree(made, tmp_path / "copy")
    return Scanned(tmp_path / "copy" / name, tmp_path / "copy" / "tables")


every_form = pytest.mark.parametrize(
    "scanned", each_time([*ONE_OF_EACH_FORMAT, *BY_RANGE], FORMS), indirect=True
)
one_of_each_format = pytest.mark.parametrize("scanned", each_time(ONE_OF_EACH_FORMAT, FORMS), indirect=True)
SOME_RANGED = ("a.warc.wet.gz", "plain.warc")
ranged_forms = pytest.mark.parametrize("scanned", each_time(SOME_RANGED, BY_RANGE), indirect=True)


def verdicts(tables: Path, corpus: Path | None = None, shard: Path | None = None) -> list[RowCheck]:
    """Of all rows; `shard` stands for the one that was scanned."""
    store = TableStore.open(str(tables))
    rows, total = drawn_rows(store, None, 10_000, 0)
    assert len(rows) == total > 0
    mirrors = [parse_mirror(f"{rows[0].shard_uri}={shard}")] if shard else []
    if shard and ".txt" in shard.name:
        mirrors = [parse_mirror(f"{Path(rows[0].shard_uri).parent}={shard.parent}")]
    article_of = Corpus.open(str(corpus)).text_of if corpus else None
    found = list(Audit(partial(settings_of, store), mirrors=mirrors, article_of=article_of).verdicts(rows))
    assert len(found) == total
    assert all(verdict.failure is None or verdict.failure.reason in Cause for verdict in found)
    return found


def failures(found: list[RowCheck]) -> dict[str, set[str]]:
    """URLs of the rows that fail, by reason; a document of which one row fails fails with all of them."""
    reasons: dict[str, set[str]] = {}
    for verdict in found:
        reason = verdict.failure.reason if verdict.failure else ""
        reasons.setdefault(reason, set()).add(verdict.row.document_url)
    verified = reasons.pop("", set())
    assert not verified & set().union(*reasons.values(), set())
    return reasons


def copied() -> list[Page]:
    return [page for page in some_pages() if page.copies]


def record_of(shard: Path, page: Page) -> tuple[int, int]:
    """Where a page's record begins and ends in a shard of WET or WARC, by zlib and find alone."""
    data, named = shard.read_bytes(), f"WARC-Target-URI: {page.url}\r\n".encode()
    if shard.suffix == ".gz":
        places = members(data)
        texts = [gzip.decompress(data[start:end]) for start, end in places]
    else:
        starts = [found.start() for found in re.finditer(rb"WARC/1\.0\r\n", data)]
        places = list(pairwise([*starts, len(data)]))
        texts = [data[start:end] for start, end in places]
    (found,) = (
        place
        for place, text in zip(places, texts, strict=True)
        if named in text and is_document(text, text.index(named))
    )
    return found


def other_content(shard: Path) -> str:
    """The reason of a row whose document has another content: pages are compared before their texts are."""
    return "other payload" if shard.name.endswith((".warc", ".warc.gz")) else "other text"


def change_last_record(shard: Path, change: Callable[[bytes], bytes]) -> None:
    """Rewrite the record of the last page that rows speak of; what follows may move."""
    data = shard.read_bytes()
    start, end = record_of(shard, copied()[-1])
    packed = shard.suffix == ".gz"
    old = gzip.decompress(data[start:end]) if packed else data[start:end]
    new = change(old)
    assert new != old
    shard.write_bytes(data[:start] + (gzip.compress(new) if packed else new) + data[end:])


@every_form
def test_every_row_of_a_scan_verifies_with_the_words_of_its_spans(scanned: Scanned, corpus: Path) -> None:
    found = scanned.verdicts(corpus)
    assert failures(found) == {}
    assert {verdict.row.document_url for verdict in found} == {page.url for page in copied()}


@one_of_each_format
def test_one_changed_byte_fails_the_rows_of_its_record_and_no_others(scanned: Scanned) -> None:
    page = copied()[5]
    change_a_byte(scanned.shard, page)
    assert scanned.failures() == {other_content(scanned.shard): {page.url}}


@one_of_each_format
def test_a_shard_that_is_gone_fails_all_its_rows(scanned: Scanned) -> None:
    scanned.shard.unlink()
    assert set(scanned.failures()) == {"no shard"}


@ranged_forms
class TestRecordsByRange:
    def test_another_record_of_the_same_size_is_named_though_it_can_be_read(self, scanned: Scanned) -> None:
        page = copied()[5]
        old = f"WARC-Target-URI: {page.url}\r\n".encode()
        letters = [bytes([letter]) for letter in range(97, 123)]
        others = [old.replace(b"site-", a + b + b"te-") for a in letters for b in letters if a + b != b"si"]
        substitute(scanned.shard, old, others)
        assert scanned.failures() == {"other URI": {page.url}}

    @pytest.mark.parametrize(
        ("pattern", "other", "reason"),
        [
            (rb"(?<=Payload-Digest: sha1:)\w+", b"A" * 32, "other digest"),
            (rb"(?<=Record-ID: <urn:uuid:)\w", b"0123456789abcdef", "other record id"),
            (rb"WARC-Date: 2024", b"WARC-Date: 2023", "other facts"),
        ],
    )
    def test_another_declaration_of_the_record_is_named(
        self, scanned: Scanned, pattern: bytes, other: bytes, reason: str
    ) -> None:
        change_last_record(scanned.shard, lambda record: re.sub(pattern, other, record))
        assert scanned.failures() == {reason: {copied()[-1].url}}

    def test_a_dropped_record_leaves_another_at_its_offset(self, scanned: Scanned) -> None:
        url = scanned.damage(lambda data, start, end: data[:start] + data[end:])
        found = scanned.failures()
        moved = {after.url for after in copied()[6:]}
        if other_content(scanned.shard) == "other text":
            assert found.pop("other URI") == {url}
        else:  # its metadata record
            found["unreadable"].remove(url)
        assert set().union(*found.values()) == moved
        assert set(found) <= {"unreadable", "record gone"}

    def test_the_last_record_dropped_is_gone_and_no_other(self, scanned: Scanned) -> None:
        url = scanned.damage(lambda data, start, end: data[:start], -1)
        assert scanned.failures() == {"record gone": {url}}

    def test_a_record_of_zeros_is_unreadable_and_its_neighbours_are_not(self, scanned: Scanned) -> None:
        url = scanned.damage(lambda data, start, end: data[:start] + bytes(end - start) + data[end:])
        found = scanned.verdicts()
        assert failures(found) == {"unreadable": {url}}
        said = {str(verdict.failure) for verdict in found if verdict.failure}
        assert said == {"unreadable: its bytes are zeros"}

    def test_a_shard_cut_within_a_record_says_so_of_it_and_what_followed_is_gone(
        self, scanned: Scanned
    ) -> None:
        url = scanned.damage(lambda data, start, end: data[: (start + end) // 2])
        found = scanned.verdicts()
        gone = {after.url for after in copied()[6:]}
        assert failures(found) == {"unreadable": {url}, "record gone": gone}
        assert "unreadable: the shard ends within it" in {str(verdict.failure) for verdict in found}


@pytest.mark.parametrize("scanned", ["a.warc.wet.gz"], indirect=True)
def test_a_damaged_gzip_member_is_unreadable_and_its_neighbours_are_not(scanned: Scanned) -> None:
    url = scanned.damage(lambda data, start, end: flipped(data, 4 * (start + end) + 4))
    assert scanned.failures() == {"unreadable": {url}}


@ranged_forms
@pytest.mark.parametrize(
    "change", [lambda text: text + b" ce jour", lambda text: text * 3, lambda text: text[:-9]]
)
def test_a_text_that_grew_or_shrank_is_another_text(
    scanned: Scanned, change: Callable[[bytes], bytes]
) -> None:
    def with_length(record: bytes) -> bytes:
        head, _, body = record.partition(b"\r\n\r\n")
        text = change(body.removesuffix(b"\r\n\r\n"))
        length = f"Content-Length: {len(body) - 4}".encode()
        assert length in head
        head = head.replace(length, f"Content-Length: {len(text)}".encode())
        return head + b"\r\n\r\n" + text + b"\r\n\r\n"

    change_last_record(scanned.shard, with_length)
    assert scanned.failures() == {other_content(scanned.shard): {copied()[-1].url}}


@pytest.mark.parametrize("packing", ["record", "plain", "single"])
def test_a_record_that_lies_about_its_length_is_fetched_with_the_text_that_was_read(
    packing: str, tmp_path: Path
) -> None:
    lengths = (None, 3, 5_000, None)
    records = [record(f"Texte {n} {'mot ' * 40}".encode(), length=lengths[n]) for n in range(4)]
    uri = str(tmp_path / "some.wet")
    Path(uri).write_bytes(packed_as(packing, records))
    found, _ = read(uri, "wet")
    assert len(found) == 4
    for document in found:
        at = document.locator
        where = (at.record_offset, at.record_length, at.record_encoding, at.row_index)
        pointer = Pointer(uri, *where, format="wet")
        ((_, outcome),) = records_at([pointer], ReadOptions())
        assert isinstance(outcome, Record)
        assert outcome.text == document.text
        assert (outcome.stored is None) == (packing == "single")


@pytest.mark.parametrize("scanned", ["c4-plain.json", "single.warc.wet.gz", "fr_part_3.txt"], indirect=True)
def test_a_shard_read_in_order_and_cut_keeps_what_stands_before_the_cut(scanned: Scanned) -> None:
    shard = scanned.shard
    data = shard.read_bytes()
    shard.write_bytes(data[: len(data) // 2])
    found = scanned.verdicts()
    verified = [verdict.row.document_url for verdict in found if not verdict.failure]
    urls = [page.url for page in copied()]
    assert 0 < len(set(verified)) < len(urls)
    assert set(verified) == set(urls[: len(set(verified))])
    reasons = {verdict.failure.reason for verdict in found if verdict.failure}
    # The document of a text file that stands next to the cut may have moved, and is read without a URL.
    assert reasons - {"unreadable", "record gone"} <= ({"other URI"} if shard.suffix == ".txt" else set())


@pytest.mark.parametrize("scanned", ["c4-plain.json"], indirect=True)
def test_a_dropped_line_makes_every_later_row_speak_of_another_document(scanned: Scanned) -> None:
    lines = scanned.shard.read_bytes().splitlines(keepends=True)
    number = some_pages().index(copied()[5])
    scanned.shard.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
    found = scanned.failures()
    last = {some_pages()[-1].url} & {page.url for page in copied()}
    assert found.pop("record gone", set()) == last
    assert found == {"other URI": {page.url for page in copied()[5:]} - last}


@pytest.mark.parametrize("scanned", ["fr_part_1.txt.gz"], indirect=True)
def test_oscar_2109_without_its_metadata_has_no_url_to_compare(scanned: Scanned) -> None:
    scanned.shard.with_name("fr_meta_part_1.jsonl.gz").unlink()
    assert set(scanned.failures()) == {"other URI"}


@pytest.mark.parametrize("scanned", ["c4.parquet"], indirect=True)
def test_only_row_groups_that_hold_a_wanted_row_are_read(scanned: Scanned) -> None:
    rows, _ = drawn_rows(scanned.store, None, 1, 3)
    (verdict,) = Audit(partial(settings_of, scanned.store)).verdicts(rows)
    assert verdict.record is not None
    assert 0 < verdict.record.bytes_read < scanned.shard.stat().st_size / 3


@pytest.mark.parametrize("scanned", ["a.warc.wet.gz"], indirect=True)
class TestEditedTables:
    def test_an_edited_row_fails_alone(self, scanned: Scanned) -> None:
        url = copied()[3].url

        def more(row: dict[str, Any]) -> None:
            row["copied_words"] += row["document_url"] == url

        scanned.rewrite(more, digested=False)
        assert scanned.failures() == {"row edited": {url}}

    def test_a_span_moved_by_one_word_fails_even_if_its_digest_was_made_anew(
        self, scanned: Scanned, corpus: Path
    ) -> None:
        url = copied()[3].url

        def move(row: dict[str, Any]) -> None:
            if row["document_url"] == url:
                row["spans"][0]["article_end"] -= 8

        scanned.rewrite(move)
        assert scanned.failures() == {}
        assert scanned.failures(corpus) == {"other words": {url}}

    @pytest.mark.parametrize("spans", [None, [], [None], "bounds", "words"])
    def test_a_row_whose_spans_are_not_there_or_too_long_fails_even_if_its_digest_was_made_anew(
        self, scanned: Scanned, corpus: Path, spans: Any
    ) -> None:
        (file,) = (scanned.tables / "matches").glob("*.parquet")
        table = pq.read_table(file)
        lax = pa.schema([column.with_nullable(True) for column in table.schema])
        rows = [row for row in table.to_pylist() if row["article_id"]]
        for row in rows:
            first = row["spans"][0]
            kinds = {"bounds": [dict.fromkeys(first)], "words": [first | {"words": first["words"] + 1}]}
            row["spans"] = kinds[spans] if isinstance(spans, str) else spans
            row["row_sha256"] = row_digest(row)
        pq.write_table(pa.Table.from_pylist(rows, lax), file)
        assert set(scanned.failures(corpus)) == {"other words"}

    def test_the_article_must_be_the_one_that_was_scanned_for(self, scanned: Scanned, tmp_path: Path) -> None:
        other = changed_press(tmp_path / "other", lambda body: body + " Fin.")
        found = scanned.verdicts(other)
        wrong = {verdict.row.article_id for verdict in found if verdict.failure}
        assert wrong == {"a00000"}
        assert {verdict.failure.reason for verdict in found if verdict.failure} == {"other article"}

    def test_pointers_to_nowhere_fail_alone_even_if_their_digests_were_made_anew(
        self, scanned: Scanned
    ) -> None:
        urls = [page.url for page in copied()]
        wild = {
            urls[0]: {"record_offset": -5},
            urls[1]: {"record_length": 1 << 60},
            urls[2]: {"record_offset": 1 << 60},
            urls[3]: {"record_length": None},
            urls[4]: {"record_offset": None, "record_length": None},
            urls[5]: {"dataset": "pdf"},
            urls[6]: {"record_encoding": "inflated"},
            urls[7]: {"record_length": 1},
            urls[8]: {"row_index": 3},
        }
        scanned.rewrite(lambda row: row.update(wild.get(row["document_url"], {})))
        found = scanned.failures()
        assert set().union(*found.values()) == set(wild)
        assert set(found) == {"unreadable", "record gone", "other facts"}
        assert found["other facts"] == {urls[7], urls[8]}

    def test_a_written_pointer_to_another_range_than_the_record_s_is_refused(self, scanned: Scanned) -> None:
        ((row,), _) = drawn_rows(scanned.store, None, 1, 0)
        pointer = pointer_of(row, str(scanned.shard))
        assert at_pointer(str(pointer), {}, StorageOptions(), ()).record.text
        with pytest.raises(CorruptError, match="the record there has"):
            at_pointer(str(replace(pointer, length=1)), {}, StorageOptions(), ())

    def test_a_table_without_a_needed_column_is_refused(self, scanned: Scanned) -> None:
        (file,) = (scanned.tables / "matches").glob("*.parquet")
        pq.write_table(pq.read_table(file).drop_columns(["text_sha256"]), file)
        with pytest.raises(CorruptError, match="text_sha256"):
            verdicts(scanned.tables)

    def test_rows_of_an_earlier_version_have_digests_over_fewer_columns(self, scanned: Scanned) -> None:
        (file,) = (scanned.tables / "matches").glob("*.parquet")
        table = pq.read_table(file).drop_columns(["run_rarity", "shared_words", "ownership", "confidence"])
        rows = [row | {"row_sha256": row_digest(row)} for row in table.to_pylist()]
        pq.write_table(pa.Table.from_pylist(rows, table.schema), file)
        assert scanned.failures() == {}

    def test_a_draw_is_the_same_for_the_same_seed_and_another_for_another(self, scanned: Scanned) -> None:
        store = scanned.store

        def drawn(seed: int) -> list[str]:
            rows, total = drawn_rows(store, "latest", 5, seed)
            assert len(rows) == 5 < total
            return [row.row_sha256 for row in rows]

        assert drawn(1) == drawn(1)
        assert len({tuple(drawn(seed)) for seed in range(5)}) > 1

    def test_a_row_is_found_by_the_head_of_its_digest_only_if_that_is_its_own(self, scanned: Scanned) -> None:
        store = scanned.store
        rows, _ = drawn_rows(store, None, 1000, 0)
        digest = rows[0].row_sha256
        assert row_by_digest(store, digest[:16].upper()) == rows[0]
        for prefix, said in ((digest[::-1], "no row"), ("", "is not the start"), ("xyz", "is not the start")):
            with pytest.raises(InputError, match=said):
                row_by_digest(store, prefix)
        heads = [row.row_sha256[0] for row in rows]
        shared = next(head for head in heads if heads.count(head) > 1)
        with pytest.raises(InputError, match="rows have"):
            row_by_digest(store, shared)


def test_rows_are_read_by_the_columns_that_their_run_was_told(corpus: Path, tmp_path: Path) -> None:
    lines = [{"texte": page.text, "adresse": page.url} for page in some_pages()]
    shard = write_jsonl(tmp_path / "some.jsonl", lines)
    columns = {"text": "texte", "url": "adresse"}
    scan_here([shard], corpus, tmp_path / "tables", ScanConfig(read=ReadRules(columns=columns)))
    assert failures(verdicts(tmp_path / "tables", corpus)) == {}


def test_rows_whose_url_and_text_lie_in_json_strings_verify(corpus: Path, tmp_path: Path) -> None:
    metas = [json.dumps({"t": page.text, "u": page.url, "when": "2024-12-14"}) for page in some_pages()]
    jsonl = write_jsonl(tmp_path / "some.jsonl", [{"meta": meta} for meta in metas])
    pq.write_table(pa.table({"meta": metas}), tmp_path / "some.parquet", row_group_size=7)
    columns = {"text": "meta.t", "url": "meta.u", "captured_at": "meta.when"}
    config = ScanConfig(read=ReadRules(columns=columns))
    for path in (jsonl, tmp_path / "some.parquet"):
        rows = scan_here([path], corpus, tmp_path / f"of-{path.name}", config)
        assert {row["document_url"] for row in rows} <= {page.url for page in some_pages()}
        assert {(row["own_site"], row["captured_at"]) for row in rows} == {
            (False, datetime(2024, 12, 14, tzinfo=UTC))
        }
        assert failures(verdicts(tmp_path / f"of-{path.name}", corpus)) == {}
        digest = rows[0]["row_sha256"]
        fetched = for_row(str(tmp_path / f"of-{path.name}"), digest, Archives("", (), StorageOptions()))
        assert fetched.record.facts.document_url == rows[0]["document_url"]


@pytest.mark.parametrize("name", ["plain.warc.wet", "plain.warc"])
def test_a_document_just_as_long_as_allowed_verifies_though_its_record_is_longer(
    name: str, corpus: Path, tmp_path: Path
) -> None:
    FORMS[name](tmp_path / name, copied()[:1])
    rows = scan_here([tmp_path / name], corpus, tmp_path / "before")
    allowed = ReadRules(max_document_bytes=rows[0]["record_length"] - 100)
    assert len(scan_here([tmp_path / name], corpus, tmp_path / "tables", ScanConfig(read=allowed))) > 0
    assert failures(verdicts(tmp_path / "tables", corpus)) == {}


@pytest.mark.parametrize("off", [-2, 2])
@pytest.mark.parametrize("below", [".", "crawl-data/CC-MAIN-2018-34/segments/153.1/wet"])
def test_rows_and_pointers_of_a_release_with_errata_lead_to_the_texts_that_were_scanned(
    corpus: Path, tmp_path: Path, off: int, below: str
) -> None:
    folder = tmp_path / "there" / below
    folder.mkdir(parents=True)
    stored = erratum("CC-MAIN-2018-34", off, [page.text.encode() for page in copied()])
    (folder / "a.warc.wet.gz").write_bytes(packed_as("record", stored))
    rows = scan_here([folder / "a.warc.wet.gz"], corpus, tmp_path / "tables")
    assert {row["release"] for row in rows} == {"CC-MAIN-2018-34"}
    assert failures(verdicts(tmp_path / "tables", corpus)) == {}
    if below == ".":  # A pointer has no more than a path.
        return
    shutil.copytree(folder, tmp_path / "moved")
    pointer = str(pointer_of(Match.from_dict(rows[0]), rows[0]["shard_uri"]))
    for mirrors in ((), (parse_mirror(f"{folder}={tmp_path / 'moved'}"),)):
        fetched = at_pointer(pointer, {}, StorageOptions(), mirrors)
        assert fetched.record.facts.text_sha256 == rows[0]["text_sha256"]


class TestShardsAhead:
    def test_remote_shards_are_asked_at_once_and_answered_in_their_order(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meeting, asked = threading.Barrier(SHARDS_AT_ONCE), list[str]()

        def slow(pointers: list[Pointer], options: ReadOptions) -> Iterator[tuple[Pointer, Failure]]:
            asked.append(pointers[0].uri)
            meeting.wait(20)
            yield from ((pointer, Failure("x")) for pointer in pointers)

        monkeypatch.setattr("presswatch_spark.query.pointers.fetched_records.records_at", slow)
        work = [([Pointer(f"s3://b/{n}", 1, 2)], ReadOptions()) for n in range(2 * SHARDS_AT_ONCE)]
        found = [pointer.uri for outcomes in shards_ahead(work) for pointer, _ in outcomes]
        assert found == [pointers[0].uri for pointers, _ in work]
        assert sorted(asked) == sorted(found)

    def test_no_more_is_read_ahead_than_a_handful(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = list[str]()

        def quick(pointers: list[Pointer], options: ReadOptions) -> list[tuple[Pointer, Failure]]:
            asked.append(pointers[0].uri)
            return [(pointer, Failure("x")) for pointer in pointers]

        monkeypatch.setattr("presswatch_spark.query.pointers.fetched_records.records_at", quick)
        remote = [([Pointer(f"https://h/{n}", 1, 2)], ReadOptions()) for n in range(50)]
        next(shards_ahead(iter(remote)))
        assert len(asked) <= SHARDS_AT_ONCE
        asked.clear()
        for one in (Pointer("/disk", 1, 2), Pointer("s3://b/rows", row=1)):
            next(shards_ahead([([one], ReadOptions())] * 5))
            assert asked == [one.uri]
            asked.clear()


def test_every_reason_is_documented() -> None:
    _, _, text = text_of("reference/pointers").partition("## Reasons")
    listed = re.findall(r"^\| `([a-zU][a-z URI]+)` \| ", text, re.MULTILINE)
    assert listed[: len(Cause)] == list(Cause)


class TestPointers:
    @pytest.mark.parametrize(
        "pointer",
        [
            Pointer("/a/b#c.wet.gz", 0, 17, "gzip", None, "wet", "ab" * 32),
            Pointer("s3://bucket/dt=2024/c4.json.gz", row=0, format="c4"),
            Pointer("https://host.example/x.wet", 5, 6),
            Pointer("/fr_part_1.txt.gz", 5, 6, "inflated", 4, "oscar"),
        ],
    )
    def test_what_is_written_reads_back_the_same(self, pointer: Pointer) -> None:
        assert parse_pointer(str(pointer)) == pointer

    @cases(
        "text",
        [
            *("/a.gz", "/a.gz#", "#row=1", "/a#row=-1", "/a#row=x", "/a#row=1,row=2", "/a#row=1,colour=red"),
            *("/a#offset=1", "/a#offset=1,length=0", "/a#row=1,length=4", "/a#row=1,sha256=abc", "/a#row=٣"),
            *("ftp://a/b#row=1", f"/a#row={'9' * 30}", "/a#offset=1,length=5,encoding=br"),
        ],
    )
    def test_what_is_no_pointer_is_refused_in_a_line(self, text: str) -> None:
        with pytest.raises(InputError) as caught:
            parse_pointer(text)
        assert "\n" not in str(caught.value)
        assert not is_pointer("/some/folder#1/tables")


class TestMirrors:
    def test_a_shard_is_looked_for_where_the_first_mirror_that_has_its_place_says(self) -> None:
        mirrors = [parse_mirror("s3://crawl/data=/disk/copy"), parse_mirror("s3://crawl=https://m.example/x")]
        assert mirrored("s3://crawl/data/a.gz", mirrors) == "/disk/copy/a.gz"
        assert mirrored("s3://crawl/database/a b.gz", mirrors) == "https://m.example/x/database/a%20b.gz"
        assert mirrored("s3://other/a.gz", mirrors) == "s3://other/a.gz"
        # Names escaped for the web are files by their own names.
        assert (
            mirrored("https://m.example/a%20b.gz", [parse_mirror("https://m.example=/disk")])
            == "/disk/a b.gz"
        )

    @pytest.mark.parametrize(
        "uri",
        ["s3://crawl/../../etc/passwd", "https://m.example/a/%2e%2e/%2e%2e/etc/x", "https://m.example/%00"],
    )
    def test_a_mirror_is_not_left_by_what_a_table_says(self, uri: str) -> None:
        mirrors = [parse_mirror("s3://crawl=/disk"), parse_mirror("https://m.example=/disk")]
        assert mirrored(uri, mirrors) == uri

    @pytest.mark.parametrize("text", ["", "=", "a=", "=b", "nothing"])
    def test_a_mirror_has_two_sides(self, text: str) -> None:
        with pytest.raises(ConfigError):
            parse_mirror(text)


RUN = "20261001T000000Z-abcdef"
NEWER = (
    "document_host", "document_domain", "headline", "confidence_reasons", "document_credits",
    "credits_others", "page_publisher", "page_author", "page_published_at", "page_based_on",
    "page_canonical_url", "product", "product_revision", "upstream_uri", "upstream_offset",
    "article_time_zone", "page_publisher_source", "page_publisher_others",
    "credits_owner", "unbroken_words", "passage_kind", "repeats_article_id", "repeated_by",
    "text_source", "text_strings",
)  # fmt: skip


def test_rows_without_the_columns_of_later_versions_are_read_with_nulls_and_verify(
    corpus: Path, tmp_path: Path
) -> None:
    FORMS["pages.warc.gz"](tmp_path / "pages.warc.gz", some_pages())
    rows = scan_here([tmp_path / "pages.warc.gz"], corpus, tmp_path / "tables", run_id=RUN)
    older = [{name: value for name, value in row.items() if name not in NEWER} for row in rows]
    older = [row | {"row_sha256": row_digest(row)} for row in older]
    settings = row_settings(ScanConfig(), MinHashRules())
    digest = table_digest(row["row_sha256"] for row in older)
    publish(tmp_path / "older", RUN, [], matches=len(older), table_digest=digest, config=settings)
    store = TableStore.open(str(tmp_path / "older"))
    schema = pa.schema([column for column in Match.schema if column.name not in NEWER])
    write(store, "matches", RUN, older, schema)
    store.check(RUN)
    read = store.read("matches", RUN).to_pylist()
    assert {row[name] for row in read for name in NEWER} == {None}
    assert {row["row_sha256"] for row in read}.isdisjoint(row["row_sha256"] for row in rows)
    presswatch("matches", tmp_path / "older", "--json")
    said = presswatch("verify-rows", tmp_path / "older", "--corpus", corpus)
    assert f"{len(older)} of {len(older)} rows verify" in said
    presswatch("verify-rows", tmp_path / "tables", "--corpus", corpus)
