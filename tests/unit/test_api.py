"""`import presswatch_spark as pw`: what it offers, what it loads, and how it says no."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

import presswatch_spark as pw
from presswatch_spark.core.errors import ConfigError, InputError, OutputError
from tests.world.scanned import FORMS, press_corpus, scan_here, some_pages


def test_nothing_is_loaded_before_it_is_asked_for() -> None:
    code = (
        "import sys, presswatch_spark as pw; assert not {'numpy', 'pyarrow', 'pyspark'} & {*sys.modules};"
        "pw.scan, pw.open_tables; assert 'pyspark' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_that_it_offers_is_there_and_says_what_it_does() -> None:
    assert set(pw.__all__) <= set(dir(pw))
    for name in set(pw.__all__) - {"__version__"}:
        found = getattr(pw, name)
        assert inspect.getdoc(found), name
        assert callable(found)
    with pytest.raises(AttributeError, match="no attribute 'scam'"):
        pw.scam  # noqa: B018


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("face")
    paths = [folder / name for name in ("a.warc.wet.gz", "c4-train.json.gz")]
    for path in paths:
        FORMS[path.name](path, some_pages())
    corpus = press_corpus(folder / "press")
    scan_here(paths, corpus, folder / "tables")
    scan_here(paths[1:], corpus, folder / "tables", run_id="20261126T000000Z-abcdef")
    return folder / "tables"


def test_matches_are_those_of_the_table_by_run_filter_and_column(tables: Path) -> None:
    opened = pw.open_tables(str(tables))
    everything = opened.matches(run="all")
    assert everything.schema.names == opened.read("matches").schema.names
    assert everything.equals(opened.read("matches"))
    newest = opened.matches(run="latest", columns=["run_id", "article_id", "grade"])
    assert set(newest["run_id"].to_pylist()) == {"20261126T000000Z-abcdef"}
    assert 0 < len(newest) < len(everything)
    current = opened.matches()["run_id"].to_pylist()
    assert current.count("20261126T000000Z-abcdef") == len(newest) < len(current) < len(everything)
    row = next(row for row in newest.to_pylist() if row["article_id"])
    found = opened.matches(article=row["article_id"], grades=[row["grade"]]).to_pandas()
    assert set(found["article_id"]) == {row["article_id"]}
    assert set(found["grade"]) == {row["grade"]}
    assert opened.runs()["run_id"].to_pylist() == opened.read("runs")["run_id"].to_pylist()


@pytest.mark.parametrize("engine", ["auto", "duckdb"])
def test_sql_gives_an_arrow_table_with_whole_numbers_as_such(tables: Path, engine: str) -> None:
    opened = pw.open_tables(str(tables))
    query = "select grade, count(*) as rows, sum(copied_words) as words from matches group by 1 order by 1"
    found = opened.sql(query, engine=engine)
    matches = opened.matches(run="all").to_pandas().groupby("grade")["copied_words"]
    assert [str(kind) for kind in found.schema.types[1:]] == ["int64", "int64"]
    assert found.to_pylist() == [
        {"grade": grade, "rows": len(words), "words": int(words.sum())} for grade, words in sorted(matches)
    ]
    nothing = opened.sql(f"select * from ({query}) as found where grade = 'none'", engine=engine)
    assert (len(nothing), nothing.schema.names) == (0, found.schema.names)


SCAN = {"corpus": "corpus", "out": "tables"}
Call = Callable[[str], object]


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda tables: pw.open_tables(f"{tables}/.."), OutputError, "not a folder of tables"),
        (lambda tables: pw.open_tables(tables).read("match"), InputError, r"no table match.*matches"),
        (
            lambda tables: pw.open_tables(tables).sql("select * from mathces"),
            ConfigError, "no table mathces; did you mean matches",
        ),
        (
            lambda tables: pw.open_tables(tables).sql("select 1", engine="sparc"),
            InputError, "no engine sparc; did you mean spark",
        ),
        *(
            (lambda tables, wanted=wanted: pw.open_tables(tables).matches(**wanted), InputError, told)
            for wanted, told in (
                ({"run": "20261126T000000Z-abcdee"}, "did you mean"),
                ({"title": "courier"}, "nearest: "),
                ({"grades": ["full"]}, "no grade full; did you mean full_copy"),
                ({"confidences": ["C", "a"]}, "no confidence a; did you mean A"),
                ({"columns": ["grade", "titel_id"]}, "there is no column titel_id; did you mean title_id"),
            )
        ),
        # Nothing is read before these are refused.
        (
            lambda _: pw.make_claims("tables", corpus="corpus", out="out", engine="duckbd"),
            InputError, "no engine duckbd; did you mean duckdb",
        ),
        (lambda _: pw.scan("nowhere", **SCAN), InputError, "nowhere: there is no such file"),
        (
            lambda tables: pw.scan([tables], format="wett", **SCAN),
            InputError, r"no format wett; did you mean wet.*auto, wet",
        ),
        (lambda _: pw.scan(**SCAN), InputError, "exactly one of"),
        (lambda _: pw.scan(["shards"], release="CC-MAIN-2025-33", **SCAN), InputError, "exactly one of"),
        *(
            (lambda _, given=given: pw.scan(["shards"], settings=given, **SCAN), ConfigError, told)
            for given, told in (
                ({"grade.min_run_word": 12}, "settings: grade.min_run_word is not a setting; did you mean"),
                ({"grade.min_run_words": "twelve"}, "settings: grade.min_run_words"),
                ({"grade.min_run_words": -1}, "settings: grade.min_run_words"),
            )
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_an_error_that_names_what_was_meant(
    tables: Path, call: Call, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        call(str(tables))


def test_one_name_need_not_be_in_a_list(tables: Path) -> None:
    opened = pw.open_tables(str(tables))
    grade = opened.matches()["grade"][0].as_py()
    assert opened.matches(grades=grade).equals(opened.matches(grades=[grade]))
    assert opened.read("runs", columns="run_id").schema.names == ["run_id"]


def test_claims_are_made_and_read_from_their_tables(tables: Path) -> None:
    folder = tables.parent
    made = pw.make_claims(
        str(tables), corpus=str(folder / "press" / "corpus"), out=str(folder / "claims"), engine="duckdb",
        as_of=date(2026, 11, 27),
    )  # fmt: skip
    rows = made.tables.read("claims").to_pylist()
    assert made.summary.rows == len(rows) == len(pw.open_tables(str(tables)).matches(run="all"))
    assert {row["as_of"] for row in rows} == {"2026-11-27"}
    kind, letter = rows[0]["kind"], rows[0]["confidence"]
    wanted = [row["row_sha256"] for row in rows if (row["kind"], row["confidence"]) == (kind, letter)]
    query = f"select row_sha256 from claims where kind = '{kind}' and confidence = '{letter}'"
    assert sorted(made.tables.sql(query)["row_sha256"].to_pylist()) == sorted(wanted)
