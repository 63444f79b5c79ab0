"""Article files: every format gives the same articles, every refusal has its reason, no loss is silent."""

import csv
import gzip
import html
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import zstandard

from presswatch_spark.core.errors import ConfigError, CorruptError, InputError
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, TextColumn
from presswatch_spark.core.settings.config import CorpusConfig, ScanConfig
from presswatch_spark.corpus.building.intake import ReadArticle, article_columns, read_articles
from presswatch_spark.corpus.members import parse_registry
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.match_rows import Origin
from presswatch_spark.matching.judgement.sites import TitleSites
from presswatch_spark.reading.inflate import CHUNK_BYTES
from presswatch_spark.reading.rows import whole_rows
from presswatch_spark.scanning.shard.matcher import Matcher
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from presswatch_spark.tables.declarations import Match, RefusedArticle
from tests.unit.corpus.test_bodies import garbled
from tests.world.corpora import MEMBERS, article, build, corpus_of, text, write_jsonl
from tests.world.proofs import cases
from tests.world.prose import articles
from tests.world.tables import flipped

TITLES = TitleSites.of(
    title for title in parse_registry(MEMBERS.encode(), "members.yaml").titles.values() if title.id != "hebdo"
)
Writer = Callable[[Path, list[dict[str, Any]]], Path]
BODY = "Les hirondelles reviennent au pays des lavoirs chaque printemps."


def read(path: Path, **columns: str) -> list[ReadArticle | RefusedArticle]:
    info = ObjectInfo(str(path), path.stat().st_size)
    return list(read_articles(info, "a.jsonl", TITLES, CorpusConfig(columns=columns), StorageOptions()))


def taken(path: Path, **columns: str) -> list[dict[str, Any]]:
    rows = read(path, **columns)
    assert not [row for row in rows if isinstance(row, RefusedArticle)]
    return [row.fields for row in rows if isinstance(row, ReadArticle)]


def refused(path: Path, **columns: str) -> list[tuple[int, str, str]]:
    return [
        (row.row_index, row.reason, row.detail)
        for row in read(path, **columns)
        if isinstance(row, RefusedArticle)
    ]


def jsonl(folder: Path, **fields: Any) -> Path:
    return write_jsonl(folder / "articles.jsonl", [article(1, **fields)])


def as_csv(delimiter: str, bom: bytes = b"") -> Writer:
    def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
        path = folder / "articles.csv"
        options = pyarrow.csv.WriteOptions(delimiter=delimiter)
        with path.open("wb") as file:
            file.write(bom)
            pyarrow.csv.write_csv(pa.Table.from_pylist(rows), file, options)
        return path

    return write


def as_parquet(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "articles.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def as_jsonl(folder: Path, rows: list[dict[str, Any]]) -> Path:
    return write_jsonl(folder / "articles.jsonl", rows)


def packed(write: Writer, suffix: str) -> Writer:
    def wrapped(folder: Path, rows: list[dict[str, Any]]) -> Path:
        plain = write(folder, rows)
        pack = gzip.compress if suffix == ".gz" else zstandard.ZstdCompressor().compress
        path = plain.with_name(plain.name + suffix)
        path.write_bytes(pack(plain.read_bytes()))
        return path

    return wrapped


@cases(
    "write",
    [
        as_jsonl,
        packed(as_jsonl, ".gz"),
        packed(as_jsonl, ".zst"),
        as_parquet,
        as_csv(","),
        as_csv(";"),
        as_csv("\t"),
        as_csv(",", b"\xef\xbb\xbf"),
        packed(as_csv(";"), ".gz"),
        packed(as_csv(","), ".zst"),
    ],
)
def test_every_format_gives_the_same_articles(tmp_path: Path, write: Writer) -> None:
    body = f'Un paragraphe, "cité" ; puis\nun autre\tde plus.\n\n{text(7)}'
    rows = [article(n, body=f"{body} {n}", language="fr") for n in range(3)]
    assert taken(write(tmp_path, rows)) == taken(write_jsonl(tmp_path / "same.jsonl", rows))


@pytest.mark.parametrize("write", [as_jsonl, as_parquet, as_csv(",")])
def test_content_not_the_extension_decides_the_format(tmp_path: Path, write: Writer) -> None:
    assert len(taken(write(tmp_path, [article(1)]).rename(tmp_path / "articles.data"))) == 1


def test_an_article_keeps_all_its_columns(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path,
        language="fr",
        authors=["A. Lune", " "],
        agency_credit="AFP",
        modified_at="2024-03-02",
        alternate_urls="https://x.example/1|https://x.example/2",
    )
    [fields] = taken(path)
    assert fields == article(1) | {
        "published_at": datetime(2024, 3, 1, 5, 30, tzinfo=UTC),
        "modified_at": datetime(2024, 3, 2, tzinfo=UTC),
        "language": "fr",
        "authors": ["A. Lune"],
        "agency_credit": "AFP",
        "alternate_urls": ["https://x.example/1", "https://x.example/2"],
        "words": fields["words"],
        "is_excerpt": False,
        "body_format": "text",
        "body_repaired": False,
        "url_on_title": True,
    }
    assert fields["words"] == 92


def test_columns_may_have_other_names_and_be_nested(tmp_path: Path) -> None:
    row = {"n": 17, "src": {"title": "courrier", "link": "https://c.example/1"}, "texte": BODY}
    mapping = {"article_id": "n", "title_id": "src.title", "url": "src.link", "body": "texte"}
    expected = ("17", "courrier", "https://c.example/1", BODY)
    for path in (write_jsonl(tmp_path / "a.jsonl", [row]), as_parquet(tmp_path, [row])):
        [fields] = taken(path, **mapping)
        assert tuple(fields[name] for name in ("article_id", "title_id", "url", "body")) == expected


@cases(
    ("fields", "reason", "detail"),
    [
        ({"article_id": None}, "no_id", "`article_id` is missing or empty"),
        ({"article_id": "  "}, "no_id", "`article_id` is missing or empty"),
        ({"article_id": 1.5}, "bad_type", "`article_id` is a number, not text"),
        ({"article_id": True}, "bad_type", "`article_id` is a truth value, not text"),
        ({"title_id": "hebdo"}, "unknown_title", "`title_id` is not in the members file"),
        ({"title_id": None}, "unknown_title", "`title_id` is missing or empty"),
        ({"body": None}, "no_body", "`body` is missing or empty"),
        ({"body": " \n"}, "no_body", "`body` is missing or empty"),
        ({"body": ["x"]}, "bad_type", "`body` is a list, not text"),
        ({"body": "L’été, c’est l’été !"}, "too_short", "6 words, fewer than 8"),
        ({"url": 7}, "bad_type", "`url` is a number, not text"),
        ({"authors": {"a": 1}}, "bad_type", "`authors` is an object, not a list of texts"),
        ({"authors": [1]}, "bad_type", "`authors` is a number, not text"),
        (
            {"published_at": "le 3 mars"},
            "bad_date",
            "`published_at` is in no known format (ISO 8601, RFC 2822, seconds since 1970):"
            " declare its own with --date-format",
        ),
        (
            {"modified_at": "0001-01-01T00:00:00+14:00"},
            "bad_date",
            "`modified_at` is not a valid day or time",
        ),
        (
            {"modified_at": "24-1-2019"},
            "bad_date",
            "`modified_at` may begin with the day or with the month: declare it, as --date-format %d-%m-%Y",
        ),
        ({"published_at": True}, "bad_type", "`published_at` is a truth value, not a date"),
        ({"published_at": ["2019-01-24"]}, "bad_type", "`published_at` is a list, not a date"),
    ],
)
def test_a_refused_article_has_its_reason(
    tmp_path: Path, fields: dict[str, Any], reason: str, detail: str
) -> None:
    [row] = read(jsonl(tmp_path, **fields))
    assert isinstance(row, RefusedArticle)
    assert (row.row_index, row.reason, row.detail) == (0, reason, detail)
    if reason == "bad_date":
        assert (row.article_id, row.title_id) == ("a00001", "courrier")


CET = datetime(2019, 1, 24, 17, tzinfo=UTC)


@cases("write", [as_jsonl, as_parquet, as_csv(";")])
@cases(
    "said",
    [
        "2019-01-24T18:00:00+01:00", "2019-01-24 18:00 +0100", "Thu, 24 Jan 2019 18:00:00 +0100",
        "20190124T180000+01", "2019/1/24 18:00+01:00", "1548349200", "1548349200000",
    ],
)  # fmt: skip
def test_one_moment_is_read_in_every_form_and_format(tmp_path: Path, write: Writer, said: str) -> None:
    rows = [article(1, body=BODY, published_at=said, modified_at=said)]
    [fields] = taken(write(tmp_path, rows))
    assert (fields["published_at"], fields["modified_at"]) == (CET, CET)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1548349200]),
        pa.array([1548349200000]),
        pa.array([1548349200.0]),
        pa.array([Decimal(1548349200)], pa.decimal128(20, 0)),
        pa.array([datetime(2019, 1, 24, 17)], pa.timestamp("ms")),
        pa.array([datetime(2019, 1, 24, 17, tzinfo=UTC)], pa.timestamp("us", "Europe/Paris")),
        pa.array([b"2019-01-24T17:00:00Z"]),
    ],
    ids=lambda column: str(column.type),
)
def test_every_type_of_a_parquet_column_gives_the_same_moment(tmp_path: Path, column: pa.Array) -> None:
    table = pa.Table.from_pylist([article(1, body=BODY)])
    place = table.column_names.index("published_at")
    pq.write_table(table.set_column(place, "published_at", column), tmp_path / "a.parquet")
    [fields] = taken(tmp_path / "a.parquet")
    assert fields["published_at"] == CET


def test_dates_that_begin_with_the_day_are_read_as_declared_and_never_otherwise(tmp_path: Path) -> None:
    path = jsonl(tmp_path, published_at="3-4-2019", modified_at="Thu 24 Jan 2019, 17:00")
    config = CorpusConfig(date_formats=("%d-%m-%Y", "%a %d %b %Y, %H:%M"))
    info = ObjectInfo(str(path), path.stat().st_size)
    [row] = read_articles(info, "a.jsonl", TITLES, config, StorageOptions())
    assert isinstance(row, ReadArticle)
    assert row.fields["published_at"] == datetime(2019, 4, 3, tzinfo=UTC)
    assert row.fields["modified_at"] == CET
    [(_, reason, detail)] = refused(path)
    assert reason == "bad_date"
    assert "declare it, as --date-format %d-%m-%Y" in detail
    both = CorpusConfig(date_formats=("%d-%m-%Y", "%m-%d-%Y"))
    [row] = read_articles(info, "a.jsonl", TITLES, both, StorageOptions())
    assert isinstance(row, RefusedArticle)
    assert "matches two of the declared formats" in row.detail


@cases("said", [0, "0", "1970-01-01", "0001-01-01T00:00:00", "9999-12-31"])
def test_a_date_that_stands_for_none_is_left_out_and_counted(tmp_path: Path, said: object) -> None:
    [row] = read(jsonl(tmp_path, published_at=said))
    assert isinstance(row, ReadArticle)
    assert row.fields["published_at"] is None
    assert row.placeholder


def test_a_missing_date_or_url_is_no_mistake(tmp_path: Path) -> None:
    [fields] = taken(write_jsonl(tmp_path / "a.jsonl", [article(1, published_at="", url=None), article(2)]))[
        :1
    ]
    assert (fields["published_at"], fields["url"]) == (None, None)


def test_dates_of_parquet_are_taken_as_utc(tmp_path: Path) -> None:
    rows = [article(1, published_at=date(2024, 3, 1)), article(2, published_at=date(2024, 3, 2))]
    assert taken(as_parquet(tmp_path, rows))[0]["published_at"] == datetime(2024, 3, 1, tzinfo=UTC)


@cases(
    ("line", "detail"),
    [
        (
            b'{"article_id": "a",',
            "not JSON: Expecting property name enclosed in double quotes at character 19",
        ),
        (b'["a"]', "a JSON list, not an object"),
        (b"null", "a JSON NoneType, not an object"),
        (b'{"body": "\xe9t\xe9"}', "byte 10 of the line is not UTF-8"),
        (b'{"article_id": ' + b"1" * 5_000 + b"}", "a number with more digits than Python reads"),
        (b'{"x": [-' + b"1" * 5_000 + b"]}", "a number with more digits than Python reads"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "JSON nested too deeply"),
        (b'{"body":' * 100_000 + b"1" + b"}" * 100_000, "JSON nested too deeply"),
    ],
)
def test_a_line_that_does_not_parse_is_refused_and_the_next_is_read(
    tmp_path: Path, line: bytes, detail: str
) -> None:
    path = jsonl(tmp_path)
    path.write_bytes(path.read_bytes() + line + b"\n\n" + json.dumps(article(2)).encode())
    assert [type(row) for row in read(path)] == [ReadArticle, RefusedArticle, ReadArticle]
    assert refused(path) == [(1, "unreadable", detail)]


def test_a_line_longer_than_a_row_may_be_is_refused_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_rows, "MAX_ROW_BYTES", 2_000)
    path = as_jsonl(tmp_path, [article(1), article(2, body=BODY * 40), article(3)])
    assert [type(row) for row in read(path)] == [ReadArticle, RefusedArticle, ReadArticle]
    assert refused(path) == [(1, "unreadable", "longer than 2,000 bytes")]


DATES = pa.list_(pa.date32())


@cases(
    ("name", "column", "reason"),
    [
        ("published_at", pa.array([2**31 - 1, 0], pa.int32()).view(pa.date32()), "unreadable"),
        ("published_at", pa.array([-(2**31), 0], pa.int32()).view(pa.date32()), "unreadable"),
        ("published_at", pa.array([2**62, 0], pa.int64()).view(pa.date64()), "unreadable"),
        *(
            ("modified_at", pa.array([value, 0]).view(pa.timestamp(unit, zone)), "unreadable")
            for value in (2**62, -(2**62), -(2**63))
            for unit in ("ms", "us")
            for zone in (None, "UTC", "Europe/Paris", "+02:00")
        ),
        ("published_at", pa.array([253_402_300_800_000, 0]).view(pa.timestamp("ms")), "unreadable"),
        ("published_at", pa.array([-62_135_596_800_001, 0]).view(pa.timestamp("ms")), "unreadable"),
        ("published_at", pa.array([-(2**63), 0]).view(pa.timestamp("ns")), "bad_date"),
        ("published_at", pa.array([2**62, None]).view(pa.time64("us")), "unreadable"),
        ("published_at", pa.array([2**62, None]).view(pa.duration("s")), "unreadable"),
        ("published_at", pa.array([float("nan"), None]), "bad_type"),
        ("body", pa.array([b"\xff", BODY.encode()]).view(pa.string()), "unreadable"),
        ("body", pa.array([b"\xff", BODY.encode()]), "unreadable"),
        ("authors", pa.array([[2**31 - 1], None], pa.list_(pa.int32())).cast(DATES), "unreadable"),
        ("authors", pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())), "bad_type"),
        ("url", pa.array([Decimal(7), None], pa.decimal128(38, 0)), "bad_type"),
        ("url", pa.array([{"a": 1}, None]), "bad_type"),
    ],
)  # fmt: skip
def test_a_parquet_value_that_cannot_be_had_refuses_its_row_and_the_next_is_read(
    tmp_path: Path, name: str, column: pa.Array, reason: str
) -> None:
    table = pa.Table.from_pylist([article(n, body=BODY, published_at=None, authors=None) for n in (1, 2)])
    path = tmp_path / "a.parquet"
    pq.write_table(
        table.append_column(name, column)
        if name not in table.column_names
        else table.set_column(table.column_names.index(name), name, column),
        path,
    )
    first, second = read(path)
    assert isinstance(first, RefusedArticle)
    assert (first.article_id, first.reason) == ("a00001", reason)
    assert f"`{name}`" in first.detail
    assert isinstance(second, ReadArticle)


def test_a_nested_parquet_value_that_cannot_be_had_is_not_taken_for_a_missing_one(tmp_path: Path) -> None:
    dates = pa.array([2**31 - 1, 0], pa.int32()).view(pa.date32())
    table = pa.Table.from_pylist([article(1), article(2)]).append_column(
        "meta", pa.StructArray.from_arrays([dates], ["date"])
    )
    pq.write_table(table, tmp_path / "a.parquet")
    assert refused(tmp_path / "a.parquet", published_at="meta.date") == [
        (0, "unreadable", "`meta` contains a struct<date: date32[day]> that cannot be read")
    ]


def test_lone_surrogates_and_nul_lose_no_article(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(article(1, body=f"{BODY} \ud83d\x00 fin")), "ascii")
    assert taken(path)[0]["body"] == f"{BODY} \ufffd\x00 fin"


def test_a_body_longer_than_pythons_csv_limit_is_taken(tmp_path: Path) -> None:
    body = BODY * 4_000
    assert taken(as_csv(",")(tmp_path, [article(1, body=body)]))[0]["body"] == body


def test_a_line_end_that_two_reads_of_a_csv_file_share_ends_one_row(tmp_path: Path) -> None:
    path, before = tmp_path / "a.csv", b"article_id;title_id;url;body\r\n1;courrier;;"
    body = (BODY * (1 << 14)).encode()[: CHUNK_BYTES - len(before) - 1]
    path.write_bytes(before + body + b"\r\n2;courrier;\r\n")
    assert refused(path) == [(1, "unreadable", "3 fields where the header has 4")]


def test_a_csv_row_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        f"article_id;title_id;url;body\n1;courrier;;{BODY}\n2;courrier;{BODY}\n3;courrier;;".encode()
        + b"l'\xe9t\xe9\n"
    )
    assert refused(path) == [
        (1, "unreadable", "3 fields where the header has 4"),
        (
            2,
            "unreadable",
            "column `body` is not UTF-8 (pass the file's encoding, such as --encoding windows-1252)",
        ),
    ]


@pytest.mark.parametrize("write", [as_jsonl, as_parquet, as_csv(";")])
def test_a_file_without_a_required_column_names_what_it_has(tmp_path: Path, write: Writer) -> None:
    path = write(tmp_path, [{"id": "1", "title_id": "courrier", "url": "", "texte": BODY}])
    with pytest.raises(
        InputError, match=r"no column `article_id`, `body`; the columns are id, texte, title_id, url"
    ):
        read(path)


def test_a_mapped_column_that_no_row_has_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column `date`"):
        read(jsonl(tmp_path), published_at="date")


@cases("write", [as_jsonl, as_parquet])
@cases("name", ["meta.datee", "metaa.date", "meta.date.day"])
def test_a_typo_in_a_dotted_name_is_one_too(tmp_path: Path, write: Writer, name: str) -> None:
    path = write(tmp_path, [{**article(1), "meta": {"date": "2024-03-01"}}, {**article(2), "meta": None}])
    assert len(read(path, published_at="meta.date")) == 2
    with pytest.raises(InputError, match=f"no column `{name}`"):
        read(path, published_at=name)


def test_texts_and_nested_fields_may_look_like_columns(tmp_path: Path) -> None:
    body = f'{text(1)} "body": "url": "body" : '
    path = jsonl(tmp_path, body=body, headline="body", authors=["url", "body"])
    path.write_bytes(path.read_bytes().replace(b"{", b'{"more": {"body": "other"}, ', 1))
    [read_row] = read(path)
    assert isinstance(read_row, ReadArticle)
    assert (read_row.fields["body"], read_row.fields["headline"]) == (body, "body")


@pytest.mark.parametrize("is_csv", [True, False])
def test_a_column_given_twice_is_an_error(tmp_path: Path, is_csv: bool) -> None:
    path, names = tmp_path / "articles", ["article_id", "title_id", "url", "body", "body"]
    if is_csv:
        path.write_text(",".join(names) + "\n", "utf-8")
    else:
        pq.write_table(pa.table([pa.array(["x"])] * len(names), names), path)
    with pytest.raises(InputError, match="column `body` appears twice"):
        read(path)


def test_a_mapping_of_unknown_columns_is_an_error() -> None:
    with pytest.raises(ConfigError, match="articles have no column corps"):
        article_columns({"corps": "body"})


@cases(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b'[{"article_id": 1}]', "a JSON array, not JSONL"),
        (b"\x89PNG\r\n\x1a\n\0\0", "neither JSONL, CSV nor Parquet"),
        (b"bonjour", "there is no column `article_id`"),
    ],
)
def test_a_file_of_another_kind_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "articles"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(path)


@cases(
    "write",
    [packed(as_jsonl, ".gz"), packed(as_jsonl, ".zst"), packed(as_csv(","), ".gz"), as_parquet],
)
def test_a_truncated_file_is_an_error_at_every_cut(tmp_path: Path, write: Writer) -> None:
    path = write(tmp_path, [article(n) for n in range(20)])
    whole = path.read_bytes()
    for cut in range(40, len(whole) - 1, len(whole) // 25):
        path.write_bytes(whole[:cut])
        with pytest.raises((CorruptError, InputError)):
            read(path)


def test_a_csv_cut_within_quotes_and_a_damaged_file_are_errors(tmp_path: Path) -> None:
    path = as_csv(",")(tmp_path, [article(1), article(2)])
    path.write_bytes(path.read_bytes().rstrip()[:-40])
    with pytest.raises(CorruptError, match="not valid CSV"):
        read(path)
    path = packed(as_jsonl, ".gz")(tmp_path, [article(n) for n in range(50)])
    path.write_bytes(flipped(path.read_bytes(), 4 * path.stat().st_size))
    with pytest.raises(CorruptError, match="cannot be read to its end"):
        read(path)


@cases(
    ("url", "on_title"),
    [
        ("https://www.courrier.example/une/1", True),
        ("http://blogs.courrier.example/une?x=1", True),
        ("https://www.rivage.example/une/1", False),
        ("https://www.courrier.example.evil.example/une/1", False),
        ("https://www.notcourrier.example/une/1", False),
        ("pas une url", False),
        ("/une/1", False),
        ("mailto:redaction@courrier.example", False),
        (None, None),
    ],
)
def test_a_url_is_on_a_domain_of_its_title_or_not_and_kept_in_any_case(
    tmp_path: Path, url: str | None, on_title: bool | None
) -> None:
    [fields] = taken(jsonl(tmp_path, url=url))
    assert (fields["url"], fields["url_on_title"]) == (url, on_title)


BODIES = [each.body for each in articles(8, 31)]
TEASER, ELSEWHERE = 6, 7
ORIGIN = Origin("wet", "CC-MAIN-2024-22", "shard")


def marked(body: str) -> str:
    """The body as an editor's HTML: paragraphs, a link within each, accents as references."""
    paragraphs = []
    for sentence in re.split(r"(?<=\.)\s+", body):
        first, second, rest = sentence.split(" ", 2)
        link = f'<a href="https://www.courrier.example/dossier?a=1">{first} <b>{second}</b></a>'
        paragraphs.append(f"<p>{link} {html.escape(rest)}</p><script>googletag.cmd.push(1);</script>")
    return "\n".join(paragraphs).encode("ascii", "xmlcharrefreplace").decode()


GIVEN = {
    "plain": str,
    "html": marked,
    "escaped": lambda body: html.escape(marked(body)),
    "garbled": garbled,
    "garbled html": lambda body: f"<div>{garbled(body)}</div>",
}


def rows_of(corpus: Corpus, page: str, url: str = "https://copy.example/1") -> list[Match]:
    texts, urls = (TextColumn.joined([part.encode()]) for part in (page, url))
    locator = Locator(captured_at=datetime(2024, 6, 1, tzinfo=UTC))
    batch = DocumentBatch(texts, urls, lambda _: locator)
    matcher = Matcher(corpus, ScanConfig())
    return list(matcher.rows(batch, matcher.candidates(batch), ORIGIN))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("given")
    given = [article(n, body=change(BODIES[n])) for n, change in enumerate(GIVEN.values())]
    teaser = " ".join(BODIES[TEASER].split()[:90])
    given.append(article(TEASER, body=f"<p>{teaser}…</p>"))
    given.append(article(ELSEWHERE, body=BODIES[ELSEWHERE], url="https://autre.example/60"))
    corpus_of(folder, given)
    return Corpus.open(str(folder / "corpus"))


@pytest.mark.parametrize("number", range(len(GIVEN)), ids=list(GIVEN))
def test_a_full_copy_is_one_however_the_article_was_given(corpus: Corpus, number: int) -> None:
    source = corpus.article(number).url
    (row,) = rows_of(corpus, f"Accueil\n{BODIES[number]}\nSource : {source}\nMentions légales")
    assert (row.grade, row.article_coverage, row.confidence) == ("full_copy", 1.0, "A")
    assert row.longest_run_words == row.article_words
    assert corpus.body(number).decode().split() == BODIES[number].split()


def test_a_full_copy_of_a_teaser_is_not_certain(corpus: Corpus) -> None:
    (row,) = rows_of(corpus, BODIES[TEASER])
    assert (row.grade, row.article_is_excerpt) == ("full_copy", True)
    assert (row.confidence, row.confidence_reasons) == ("B", ["strong_copy", "article_excerpt"])


def test_a_page_at_an_articles_url_on_another_site_is_not_the_publishers_own(corpus: Corpus) -> None:
    for page in (BODIES[ELSEWHERE], "Accueil"):
        (row,) = rows_of(corpus, page, "https://autre.example/60")
        assert (row.url_match, row.own_site, row.confidence) == ("article", False, "C")


def excel(path: Path, rows: list[dict[str, Any]], encoding: str) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    return path


@cases("encoding", ["windows-1252", "utf-16", "mac-roman", "utf-8-sig"])
def test_a_csv_file_is_read_in_the_encoding_that_is_named(tmp_path: Path, encoding: str) -> None:
    body = f"L’œuvre coûte 12 € à la mairie : {text(1)}"
    path = excel(tmp_path / "a.csv", [article(1, body=body, headline="Été à Brézolles")], encoding)
    build(tmp_path / "corpus", [path], CorpusConfig(encoding=encoding))
    opened = Corpus.open(str(tmp_path / "corpus"))
    assert opened.body(0).decode() == body
    assert opened.article(0).headline == "Été à Brézolles"


def test_the_same_articles_make_the_same_corpus_in_any_encoding(tmp_path: Path) -> None:
    digests = set()
    for name in ("utf-8", "windows-1252"):
        (tmp_path / name).mkdir()
        path = excel(tmp_path / name / "a.csv", [article(1)], name)
        digests.add(build(tmp_path / name / "corpus", [path], CorpusConfig(encoding=name)).digest)
    assert len(digests) == 1


def test_a_file_in_another_encoding_than_the_named_one_fails_with_its_place(tmp_path: Path) -> None:
    path = excel(tmp_path / "a.csv", [article(1, body="\x81" + " mot" * 20)], "latin-1")
    with pytest.raises(CorruptError, match=r"not in windows-1252: the bytes at about [0-9,]+ are not text"):
        build(tmp_path / "corpus", [path], CorpusConfig(encoding="windows-1252"))
