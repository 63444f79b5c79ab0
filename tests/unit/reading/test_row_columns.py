"""Columns of rows: found by names that datasets use or by a mapping, in fields and in JSON strings alike."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.settings.config import ReadRules, ScanConfig
from presswatch_spark.reading.rows.columns import (
    NO_TIME_NOTE,
    ROLES,
    as_languages,
    check_mapping,
    first_value,
    pruned,
    tree_of,
)
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.scanning.runs.run_work import Outcome
from tests.world.corpora import article, corpus_of
from tests.world.proofs import cases
from tests.world.scanned import FORMS, rows_in, scan_one, some_pages
from tests.world.shards import Row, as_jsonl, as_parquet, as_parquet_dictionary, complaints, read, texts

Save = Callable[[Sequence[Row]], Path]


@pytest.fixture(params=[as_jsonl, as_parquet, as_parquet_dictionary])
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Save:
    """Write rows in each of the forms that a shard of rows may have."""
    return partial(request.param, tmp_path)


URL, AT = "https://www.courrier.example/une/1", "2024-05-18T01:58:10Z"
CRAWL = "crawl-data/CC-MAIN-2024-22/segments/1/warc/a.warc.gz"
META = {"url": URL, "partition": "head_middle", "date_download": AT, "digest": "sha1:X", "language": "fr"}
# Public datasets; a text is filled in.
LAYOUTS: dict[str, Row] = {
    "HPLT": {"f": "./a.warc.gz", "o": 1, "s": 2, "rs": 3, "u": URL, "c": "text/html", "ts": AT, "text": "",
             "collection": "cc40", "lang": ["fra_Latn"], "id": "1"},
    "FineWeb-2": {"text": "", "id": "<urn:uuid:1>", "dump": "CC-MAIN-2024-22", "url": URL, "date": AT,
                  "file_path": f"s3://commoncrawl/{CRAWL}", "language": "fra", "language_score": 0.9},
    "FinePDFs": {"text": "", "id": "<urn:uuid:1>", "dump": "CC-MAIN-2024-22", "url": URL, "date": AT,
                 "file_path": f"s3://commoncrawl/{CRAWL}", "offset": 7, "language": "fra_Latn"},
    "RedPajama-V2": {"raw_content": "", "url": URL, "date_download": AT, "digest": "sha1:X",
                     "cc_segment": CRAWL},
    "RedPajama-V2 with meta": {"raw_content": "", "doc_id": "2024-22/0001/fr_head.json.gz/1",
                               "meta": json.dumps(META), "quality_signals": "{}"},
    "RedPajama-V1": {"text": "", "meta": json.dumps({"url": URL, "timestamp": AT}), "subset": "cc"},
    "CulturaX": {"text": "", "timestamp": AT, "url": URL, "source": "mC4"},
    "C4": {"text": "", "timestamp": AT, "url": URL},
    "datatrove": {"text": "", "id": "1", "metadata": {"url": URL, "date": AT, "dump": "CC-MAIN-2024-22"}},
}  # fmt: skip
WITH_CRAWL = ("FineWeb-2", "FinePDFs", "RedPajama-V2", "datatrove")


def with_text(name: str, text: str) -> Row:
    return {key: text if key in ("text", "raw_content") else value for key, value in LAYOUTS[name].items()}


@pytest.mark.parametrize("name", LAYOUTS)
def test_url_time_and_crawl_are_found_in_every_layout(save: Save, name: str) -> None:
    (document,), report = read(save([with_text(name, "un texte")]))
    assert (document.text, document.url, report.defects, report.notes) == (b"un texte", URL, [], [])
    assert f"{document.locator.captured_at:%Y-%m-%dT%H:%M:%SZ}" == AT
    assert document.locator.release == ("CC-MAIN-2024-22" if name in WITH_CRAWL else None)


def test_a_path_that_names_no_crawl_is_no_release(tmp_path: Path) -> None:
    rows = [{"text": "x", "file_path": "s3://bucket/private/part-1.jsonl"}, {"text": "x", "dump": "v1.6"}]
    found, _ = read(as_jsonl(tmp_path, rows))
    assert [document.locator.release for document in found] == [None, "v1.6"]


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of two articles, the second without a date."""
    return corpus_of(tmp_path_factory.mktemp("dated"), [article(1), article(2, published_at=None)])


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_article_on_its_own_page_is_on_an_own_site_in_every_layout(
    tmp_path: Path, dated: Path, name: str
) -> None:
    outcome = scan_one(as_jsonl(tmp_path, [with_text(name, article(1)["body"])]), dated)
    (row,) = rows_in(outcome)
    assert (outcome.log["documents"], outcome.log["documents_without_url"]) == (1, 0)
    assert (row["own_site"], row["url_match"], row["confidence"]) == (True, "article", "A")


@pytest.mark.parametrize("url", [{}, {"url": None}, {"url": ""}, {"url": "n/a"}, {"adresse": URL}])
def test_the_same_without_a_known_url_is_nowhere_and_counted(tmp_path: Path, dated: Path, url: Row) -> None:
    outcome = scan_one(as_jsonl(tmp_path, [{"text": article(1)["body"], "date": AT} | url]), dated)
    (row,) = rows_in(outcome)
    assert (outcome.log["documents"], outcome.log["documents_without_url"]) == (1, 1)
    assert (row["own_site"], row["url_match"], row["site_title_id"]) == (None, "none", None)
    assert (row["grade"], row["confidence"]) == ("full_copy", "C")


@pytest.mark.parametrize(
    ("number", "dates", "letter"), [(1, {"date": AT}, "A"), (1, {}, "C"), (2, {"date": AT}, "C")]
)
def test_a_full_copy_elsewhere_has_an_a_only_with_both_dates(
    tmp_path: Path, dated: Path, number: int, dates: Row, letter: str
) -> None:
    text = f"{article(number)['body']}\n{article(number)['url']}"
    page = {"text": text, "url": "https://copie.example/1"} | dates
    (row,) = rows_in(scan_one(as_jsonl(tmp_path, [page]), dated))
    assert (row["own_site"], row["grade"], row["confidence"]) == (False, "full_copy", letter)


def test_dotted_names_of_a_mapping_lead_into_json_strings_for_every_role(save: Save) -> None:
    inner = {"t": "un texte", "où": {"u": "https://a.example/é"}, "when": AT, "no": 7, "st": "200"}
    inner |= {"l": ["fr"], "dump": "CC-MAIN-2024-22", "d": "sha1:Y"}
    columns = {
        "text": "t", "url": "où.u", "captured_at": "when", "record_id": "no", "http_status": "st",
        "languages": "l", "release": "dump", "payload_digest": "d",
    }  # fmt: skip
    options = ReadOptions(columns={role: f"meta.{name}" for role, name in columns.items()})
    rows = [{"meta": json.dumps(inner)}, {"meta": None}]
    (document,), report = read(save(rows), options=options)
    place = document.locator
    assert (report.defects, report.skipped) == ([], {"no text": 1})
    assert (document.text.decode(), document.url) == ("un texte", "https://a.example/é")
    assert (place.record_id, place.http_status, place.languages) == ("7", 200, ("fr",))
    assert (place.release, place.payload_digest, place.row_index) == ("CC-MAIN-2024-22", "sha1:Y", 0)
    assert place.captured_at == datetime(2024, 5, 18, 1, 58, 10, tzinfo=UTC)


def test_what_stands_in_a_json_string_is_found_by_the_names_that_datasets_use_and_gated(save: Save) -> None:
    languages = ("fr", "en", "fr")
    rows = [
        {"raw_content": f"texte {code}", "doc_id": "d1", "meta": json.dumps(META | {"language": code})}
        for code in languages
    ]
    rows.append({"raw_content": "texte sans", "doc_id": "d2", "meta": "{"})
    found, report = read(save(rows), options=ReadOptions(languages=frozenset({"fr"})))
    assert texts(found) == ["texte fr", "texte fr", "texte sans"]
    assert report.skipped == {"language": 1}
    place = found[0].locator
    assert (found[0].url, place.record_id, place.languages) == (URL, "d1", ("fr",))
    assert (place.payload_digest, place.captured_at is not None) == ("sha1:X", True)


BROKEN = [json.dumps(META)[:-1], "{'url': 'x'}", "de la prose", "[1]", '"x"', "{" * 5000]


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_a_string_that_is_no_json_leaves_its_values_unknown_and_is_noted(save: Save, broken: str) -> None:
    metas = (json.dumps(META), broken, None, "")
    rows = [{"text": f"texte {n}", "meta": meta} for n, meta in enumerate(metas)]
    found, report = read(save(rows), options=ReadOptions(columns={"url": "meta.url"}))
    assert [document.url for document in found] == [URL, "", "", ""]
    assert (found[1].locator.captured_at, report.defects) == (None, [])
    (note,) = report.notes
    assert "JSON cannot be read" in note
    assert "prose" not in note


def test_a_text_that_cannot_be_read_out_of_its_string_is_a_loss_with_its_place(save: Save) -> None:
    rows = [{"meta": json.dumps({"t": "un texte"})}, {"meta": '{"t": "un te'}, {"meta": '{"t": 7}'}]
    found, report = read(save(rows), options=ReadOptions(columns={"text": "meta.t"}))
    assert (texts(found), report.skipped) == (["un texte"], {})
    assert "should contain the text in JSON cannot be read; not read" in complaints(report)
    assert "text is a number, not a string; not read" in complaints(report)
    assert {defect.offset for defect in report.defects} == {1, 2}
    # A URL costs only itself.
    found, report = read(save([{"text": "un texte", "meta": json.dumps({"url": 7})}]))
    assert [document.url for document in found] == [""]
    assert complaints(report).startswith("URL is a number, not a string; read without URL (")


def test_a_column_comes_before_a_string_and_a_string_is_followed_all_the_way_or_not_at_all(
    save: Save,
) -> None:
    meta = json.dumps(META)
    both = save([{"text": "un texte", "url": "https://b.example/", "meta": meta}])
    assert [document.url for document in read(both)[0]] == ["https://b.example/"]
    assert texts(read(both, options=ReadOptions(columns={"text": "meta"}))[0]) == [meta]
    inner = json.dumps({"deep": json.dumps({"url": URL})})
    deep = save([{"text": "un texte", "meta": {"string": inner}}])
    options = ReadOptions(columns={"url": "meta.string.deep.url"})
    assert [document.url for document in read(deep, options=options)[0]] == [URL]


@pytest.mark.parametrize(
    "kind", [pa.json_(), pa.json_(pa.large_string()), pa.opaque(pa.string(), "a", "b")], ids=str
)
def test_columns_of_a_type_over_text_are_read_as_text(tmp_path: Path, kind: pa.DataType) -> None:
    values = {"meta": [json.dumps({"url": URL}), None], "text": ["un texte", "deux"]}
    columns = {name: pa.array(texts, kind.storage_type).cast(kind) for name, texts in values.items()}
    pq.write_table(pa.table(columns), path := tmp_path / "rows.parquet")
    found, report = read(path, options=ReadOptions(columns={"url": "meta.url"}))
    assert [(document.url, document.text) for document in found] == [(URL, b"un texte"), ("", b"deux")]
    assert (report.defects, report.notes) == ([], [])


WHEN, DAY = datetime(2021, 4, 13, 5, 28, 41, tzinfo=UTC), datetime(2021, 4, 13, tzinfo=UTC)
# All forms are in tests/unit/core/test_moments.py.
READ = {
    "2021-04-13T05:28:41Z": WHEN,
    "2021-04-13": DAY,
    1618291721000.5: WHEN.replace(microsecond=500),
}
NOT_READ = ["13/04/2021", "13 avril 2021", "2021", 2021, 0, "1970-01-01", "0001-01-01", True, [1], {"a": 1}]


@pytest.mark.parametrize("column", ["ts", "timestamp", "date"])
def test_times_are_read_in_every_form_that_has_one_meaning(tmp_path: Path, column: str) -> None:
    rows = [{"text": "un texte", "u": "https://x.example/", column: said} for said in (*READ, None, "")]
    found, report = read(as_jsonl(tmp_path, [*rows, {"text": "un texte"}]), "rows")
    assert [document.locator.captured_at for document in found] == [*READ.values(), None, None, None]
    assert report.notes == []


@pytest.mark.parametrize("said", NOT_READ, ids=str)
def test_any_other_time_is_null_and_noted_once(tmp_path: Path, said: object) -> None:
    found, report = read(as_jsonl(tmp_path, [{"text": "un texte", "ts": said}] * 3), "rows")
    assert [document.locator.captured_at for document in found] == [None] * 3
    assert (report.notes, report.defects_total) == ([NO_TIME_NOTE], 0)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([WHEN], pa.timestamp("us", "Europe/Paris")), WHEN),
        (pa.array([WHEN.replace(tzinfo=None)], pa.timestamp("ms")), WHEN),
        (pa.array([date(2021, 4, 13)], pa.date32()), DAY),
        (pa.array([1618291721]), WHEN),
        (pa.array([1618291721000.0]), WHEN),
        (pa.array(["2021-04-13T05:28:41Z"]), WHEN),
        (pa.array(["13/04/2021"]), None),
        (pa.array([0], pa.timestamp("s")), None),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_parquet_columns_of_every_type_are_read_alike(
    tmp_path: Path, column: pa.Array, expected: datetime | None
) -> None:
    pq.write_table(pa.table({"text": ["un texte"], "timestamp": column}), tmp_path / "rows.parquet")
    [document], report = read(tmp_path / "rows.parquet", "rows")
    assert document.locator.captured_at == expected
    assert report.notes == ([] if expected else [NO_TIME_NOTE])


def test_a_mapping_is_of_known_roles_to_columns() -> None:
    check_mapping({})
    check_mapping(dict.fromkeys(ROLES, "some.column"))
    with pytest.raises(ConfigError, match="texte") as caught:
        check_mapping({"text": "corps", "texte": "corps"})
    assert all(role in caught.value.remedy for role in ROLES)
    with pytest.raises(ConfigError, match="lacks a column for url"):
        check_mapping({"text": "corps", "url": ""})


@cases("unreadable", [[], {}, 1.5, [[]], True, ""])
def test_what_nobody_can_read_still_hides_the_names_tried_after_it(unreadable: object) -> None:
    row, paths = {"languages": unreadable, "language": "eng"}, [("languages",), ("language",)]
    kept = pruned(row, tree_of(paths))
    assert as_languages(first_value(kept, paths)) == as_languages(first_value(row, paths))


def scanned(corpus: Path, path: Path, dataset: str = "auto", **columns: str) -> Outcome:
    return scan_one(path, corpus, dataset, ScanConfig(read=ReadRules(columns=columns)))


def rows_of_press(*, url: str = "url") -> list[Row]:
    return [{"text": page.text, url: page.url, "n": number} for number, page in enumerate(some_pages())]


def refused(outcome: Outcome) -> str:
    """The error of a shard that gave nothing at all."""
    log = outcome.log
    assert (log["status"], log["failure"]) == ("failed", "content")
    counts = ("documents", "documents_skipped", "documents_without_url", "matches")
    assert [log[name] for name in counts] == [0, 0, 0, 0]
    assert not any(len(batch) for batches in outcome.tables.values() for batch in batches)
    return str(log["error"])


def test_a_typo_in_a_mapped_name_fails_the_shard_and_names_the_columns_that_it_has(
    corpus: Path, save: Save
) -> None:
    path = save(rows_of_press())
    assert scanned(corpus, path, url="url").log["status"] == "complete"
    for role in ("url", "text", "captured_at", "languages"):
        error = refused(scanned(corpus, path, **{role: "urll"}))
        assert f"the column urll for {role}, which the shard lacks; it has: n, text, url" in error
    assert "nn for record_id and urll for url" in refused(scanned(corpus, path, url="urll", record_id="nn"))


def test_a_typo_in_a_dotted_name_does_so_too(corpus: Path, save: Save) -> None:
    for form in (dict, json.dumps):
        rows = [{**row, "meta": form({"url": row.pop("url")})} for row in rows_of_press()]
        path = save(rows)
        assert scanned(corpus, path, url="meta.url").log["documents_without_url"] == 0
        for name in ("meta.urll", "metaa.url", "meta.url.x"):
            assert f"{name} for url" in refused(scanned(corpus, path, url=name))


def test_a_column_that_only_some_rows_have_is_there(tmp_path: Path, corpus: Path) -> None:
    rows = [row | ({"late": "https://a.example/"} if row["n"] == 29 else {}) for row in rows_of_press()]
    log = scanned(corpus, as_jsonl(tmp_path, rows), url="late").log
    assert (log["status"], log["documents"], log["documents_without_url"]) == ("complete", 30, 29)
    empty = [{**row, "late": None} for row in rows_of_press()]
    assert scanned(corpus, as_jsonl(tmp_path, empty), url="late").log["documents_without_url"] == 30


def test_the_message_is_bounded_and_holds_no_values(tmp_path: Path, corpus: Path) -> None:
    rows = [{"text": "secret", **{f"{n:03}{'k' * 500}": "secret" for n in range(300)}}]
    error = refused(scanned(corpus, as_jsonl(tmp_path, rows), url="urll"))
    assert len(error) < 2000
    assert "…, and more (" in error
    assert "secret" not in error
    # A shard in which nothing could be read says so and no more.
    (tmp_path / "rows.jsonl").write_text("[1]\n[2]\n")
    log = scanned(corpus, tmp_path / "rows.jsonl", "rows", url="urll").log
    assert (log["status"], "urll" in str(log["error"])) == ("failed", False)


@cases("name", ["c4-plain.json", "c4.parquet", "fr_part_4.jsonl.gz", "fr_part_5.jsonl.zst"])
def test_it_holds_for_every_dataset_with_columns(tmp_path: Path, corpus: Path, name: str) -> None:
    FORMS[name](tmp_path / name, some_pages())
    assert "urll for url" in refused(scanned(corpus, tmp_path / name, url="urll"))


@pytest.mark.parametrize("name", ["a.warc.wet.gz", "pages.warc.gz", "fr_part_1.txt.gz"])
def test_what_has_no_columns_is_read_and_notes_that_the_mapping_was_not_used(
    tmp_path: Path, corpus: Path, name: str
) -> None:
    FORMS[name](tmp_path / name, some_pages())
    plain, mapped = (scanned(corpus, tmp_path / name, **columns) for columns in ({}, {"url": "urll"}))
    assert (mapped.log["status"], plain.log["note"]) == ("complete", None)
    assert "the mapping was not used" in str(mapped.log["note"])
    assert rows_in(mapped) == rows_in(plain)
