"""`presswatch verify-rows`: every figure of a row is computed again; a row forged in any of them fails."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.query.pointers.audit import (
    NOT_RECOMPUTED,
    OF_THE_PAIR,
    Audit,
    RowRecomputation,
    rules_in_tables,
)
from presswatch_spark.query.pointers.checks import OTHER_FIGURES
from presswatch_spark.reading import registry
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.digests import row_digest
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.commands import outcome
from tests.world.scanned import (
    FORMS,
    ONE_OF_EACH_FORMAT,
    change_a_byte,
    members,
    press,
    press_corpus,
    rewrite_rows,
    scan_here,
    some_pages,
)
from tests.world.tables import publish

RUN = "20261125T000000Z-abcdef"
Rows = list[dict[str, Any]]
Scanned = tuple[Path, Rows]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Scanned:
    folder = tmp_path_factory.mktemp("scanned")
    paths = [folder / name for name in ONE_OF_EACH_FORMAT]
    whole = [
        Page("https://copies.example/1", press()[1].body),
        Page("https://copies.example/credit", f"{press()[2].body} (source : AFP)"),
        Page("https://www.courrier.example/une/3", press()[3].body),
        Page("https://www.courrier.example/une/4", "Une page du titre, sans aucun passage de ses articles."),
        Page("https://www.courrier.example/rubrique", "Une autre page du titre, et rien de ses articles."),
    ]
    for path in paths:
        FORMS[path.name](path, [*some_pages(20), *whole])
    scan_here(paths, corpus, folder / "tables", run_id=RUN)
    return folder / "tables", TableStore.open(str(folder / "tables")).read("matches").to_pylist()


def failures(tables: Path, corpus: Path | None, rows: Rows) -> list[str]:
    """The reasons and details for which rows fail, empty for those that verify; in the order of the rows."""
    store, opened = TableStore.open(str(tables)), Corpus.open(str(corpus)) if corpus else None
    audit = Audit(store, corpus=opened, figures=RowRecomputation(opened, partial(rules_in_tables, store)))
    typed = list(map(Match.from_dict, rows))
    found = {id(each.row): str(each.failure or "") for each in audit.verdicts(typed)}
    return [found[id(row)] for row in typed]


def redigested(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    changed = {**row, **changes}
    return changed | {"row_sha256": row_digest(changed)}


def forgeries(name: str, value: Any) -> Iterator[Any]:
    """Other values of a column, of its type, and null."""
    if value is not None:
        yield None
    kind = str(Match.schema.field(name).type)
    if kind == "string":
        yield "full_copy" if name == "grade" and value != "full_copy" else f"{value}x"
    elif kind in ("int32", "int64"):
        yield (value or 0) + 1
    elif kind == "double":
        yield 0.5 if value is None else value / 2 + 0.25
    elif kind == "bool":
        yield not value
    elif kind.startswith("timestamp"):
        yield value - timedelta(days=400) if value else datetime(2020, 1, 1)
    elif kind.startswith(("list<element: string>", "list<item: string>")):
        yield [*(value or []), "x"]
    else:
        yield value[1:] if value else [{each.name: 0 for each in Match.schema.field(name).type.value_type}]


def samples(rows: Rows) -> Rows:
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        found.setdefault((row["dataset"], row["grade"], row["url_match"]), row)
    return list(found.values())


def test_all_rows_of_all_formats_are_computed_again_as_they_are(scanned: Scanned, corpus: Path) -> None:
    tables, rows = scanned
    assert len({row["dataset"] for row in rows}) >= 4
    assert {row["grade"] for row in rows} >= {"full_copy", "extract", "url_only"}
    assert {row["url_match"] for row in rows} == {"article", "title", "none"}
    assert set(failures(tables, corpus, rows)) == {""}
    assert set(failures(tables, None, rows)) == {""}


def test_a_row_that_is_forged_in_any_column_fails_but_in_those_that_the_docs_list(
    scanned: Scanned, corpus: Path
) -> None:
    tables, rows = scanned
    forged: Rows = []
    about: list[tuple[str, str]] = []
    for row in samples(rows):
        format = registry.find(row["dataset"])
        assert format is not None
        for name in Match.schema.names:
            if name in NOT_RECOMPUTED or name in format.elsewhere:
                continue
            for value in forgeries(name, row[name]):
                if value != row[name]:
                    forged.append(redigested(row, **{name: value}))
                    about.append((row["dataset"], name))
    assert len(forged) > 300
    passed = [each for each, why in zip(about, failures(tables, corpus, forged), strict=True) if not why]
    assert passed == []


def test_the_columns_that_differ_are_named(scanned: Scanned, corpus: Path) -> None:
    tables, rows = scanned
    copy = next(row for row in rows if row["grade"] == "extract" and row["dataset"] == "wet")
    forged = [
        redigested(copy, run_rarity=copy["run_rarity"] + 500, minhash_jaccard=0.99),
        redigested(copy, grade="full_copy"),
        redigested(copy, article_published_at=copy["article_published_at"] - timedelta(days=9)),
        redigested(copy, own_site=True, url_match="title"),
    ]
    found = failures(tables, corpus, forged)
    assert all(each.startswith(f"{OTHER_FIGURES}: ") for each in found)
    assert found[1] == f"{OTHER_FIGURES}: `grade` differs"
    names = [set(re.findall(r"`(\w+)`", each)) for each in found]
    assert {"run_rarity", "minhash_jaccard"} <= names[0]
    assert {"article_published_at"} <= names[2]
    assert {"own_site", "url_match"} & names[3]


def test_a_row_of_an_article_that_the_document_does_not_copy_fails(scanned: Scanned, corpus: Path) -> None:
    tables, rows = scanned
    copies = [row for row in rows if row["dataset"] == "wet" and row["grade"] != "url_only"]
    documents = {row["document_url"] for row in copies}
    article = next(row for row in copies if row["document_url"] != copies[0]["document_url"])
    taken = ("article_id", "title_id", "publisher_id", "article_sha256", "article_url", "headline")
    forged = redigested(copies[0], **{name: article[name] for name in taken})
    assert len(documents) > 1
    assert failures(tables, corpus, [forged]) != [""]


@pytest.mark.parametrize("with_corpus", [True, False])
def test_rows_that_were_all_raised_to_full_copies_of_letter_a_fail(
    scanned: Scanned, corpus: Path, with_corpus: bool
) -> None:
    tables, rows = scanned
    raised = [
        redigested(row, grade="full_copy", confidence="A", confidence_reasons=["sole_full_copy"])
        for row in rows
        if (row["grade"], row["confidence"]) != ("full_copy", "A")
    ]
    found = failures(tables, corpus if with_corpus else None, raised)
    assert len(raised) > 20
    assert all(each.startswith(OTHER_FIGURES) for each in found)


def test_another_corpus_compares_what_the_two_texts_decide_and_says_so(
    scanned: Scanned, tmp_path: Path
) -> None:
    tables, rows = scanned
    other = press_corpus(tmp_path / "press", lambda body: f"{body} Un mot de plus.")
    first = next(row["article_id"] for row in rows if row["article_id"])
    known = [row for row in rows if row["article_id"] != first and row["grade"] != "url_only"]
    unchanged = [
        row for row, why in zip(known, failures(tables, other, known), strict=True) if "article" not in why
    ]
    assert unchanged
    assert set(failures(tables, other, unchanged)) == {""}
    forged = [redigested(row, minhash_jaccard=0.123) for row in unchanged]
    assert set(failures(tables, other, forged)) == {f"{OTHER_FIGURES}: `minhash_jaccard` differs"}
    assert "minhash_jaccard" in OF_THE_PAIR
    printed = outcome("verify-rows", tables, "--corpus", other, "--sample", "5", "--seed", "1")
    assert f"run {RUN} was made with a corpus other than" in printed.err


def test_verify_rows_refuses_forged_rows_though_the_whole_table_was_published_again(
    scanned: Scanned, corpus: Path, tmp_path: Path
) -> None:
    tables, rows = scanned
    (published,) = pq.read_table(tables / "runs").to_pylist()
    raised = [redigested(row, run_rarity=9000) if row["run_rarity"] else row for row in rows]
    facts = {name: published[name] for name in ("config", "corpus_digest")}
    publish(tmp_path / "forged", RUN, raised, **facts)
    printed = outcome("verify-rows", tmp_path / "forged", "--corpus", corpus, "--json")
    assert printed.code == 3
    assert "error: " not in printed.err
    assert OTHER_FIGURES in printed.err
    assert "`run_rarity`" in printed.out


def test_the_columns_that_are_not_computed_again_are_documented() -> None:
    page = (ROOT / "docs/reference/pointers.md").read_text("utf-8")
    listed = page.partition("## Columns that are not computed again")[2].partition("\n## ")[0]
    elsewhere = {name for format in registry.FORMATS for name in format.elsewhere}
    assert set(re.findall(r"^\| `(\w+)`", listed, re.MULTILINE)) == NOT_RECOMPUTED | elsewhere


class TestCommand:
    @pytest.fixture
    def release(self, tmp_path: Path, corpus: Path) -> Path:
        names = ("a.warc.wet.gz", "single.warc.wet.gz", "c4-train.json.gz")
        for name in names:
            FORMS[name](tmp_path / name, [Page("https://site.example/copie", press()[0].body)])
        scan_here([tmp_path / name for name in names], corpus, tmp_path / "tables")
        return tmp_path

    def test_all_rows_verify(self, release: Path, corpus: Path) -> None:
        printed = outcome("verify-rows", release / "tables", "--corpus", corpus)
        assert printed.out == "3 of 3 rows verify (all there are)\n"

    def test_rows_that_do_not_verify_are_named_with_reason_and_pointer(self, release: Path) -> None:
        rows = TableStore.open(str(release / "tables")).read("matches").to_pylist()
        (row,) = (row for row in rows if row["shard_uri"].endswith("/a.warc.wet.gz"))
        change_a_byte(release / "a.warc.wet.gz", Page(row["document_url"], press()[0].body))
        printed = outcome("verify-rows", release / "tables")
        assert printed.code == 3
        lines = printed.out.splitlines()
        assert lines[0].split(None, 1) == [row["row_sha256"][:12], "other text: `text_sha256` differs"]
        start, end = members((release / "a.warc.wet.gz").read_bytes())[1]
        place = f"a.warc.wet.gz#offset={start},length={end - start},encoding=gzip,format=wet"
        assert place in lines[1]
        assert lines[2:] == ["2 of 3 rows verify (all there are)", f"{1:>10}  other text"]

        (release / "c4-train.json.gz").unlink()
        printed = outcome("verify-rows", release / "tables", "--json")
        said = {row["reason"]: row for row in map(json.loads, printed.out.splitlines())}
        assert {reason: row["verified"] for reason, row in said.items()} == {
            None: True,
            "other text": False,
            "no shard": False,
        }
        assert "c4-train.json.gz#row=0" in said["no shard"]["pointer"]
        assert "1 of 3 rows verify" in printed.err

    def test_a_mirror_stands_for_the_place_that_was_scanned(self, release: Path) -> None:
        (release / "elsewhere").mkdir()
        for shard in release.glob("*.gz"):
            shard.rename(release / "elsewhere" / shard.name)
        assert outcome("verify-rows", release / "tables").code == 3
        mirror = ("--mirror", f"{release}={release / 'elsewhere'}")
        assert outcome("verify-rows", release / "tables", *mirror).code == 0

    def test_a_seed_draws_the_same_rows(self, tmp_path: Path, corpus: Path) -> None:
        FORMS["a.warc.wet.gz"](tmp_path / "a.warc.wet.gz", some_pages())
        scan_here([tmp_path / "a.warc.wet.gz"], corpus, tmp_path / "tables")
        rewrite_rows(tmp_path / "tables", lambda row: row.update(title_id="other"))

        def drawn(*options: str) -> str:
            printed = outcome("verify-rows", tmp_path / "tables", "--sample", "4", *options)
            assert (printed.code, printed.out.count("row edited")) == (3, 5)
            return printed.out

        first = drawn()
        seed = first.partition("seed ")[2].partition(")")[0]
        assert drawn("--seed", seed) == first
        assert drawn("--seed", str(int(seed) ^ 1)) != first

    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            (["nowhere"], 1, "not a folder of tables"),
            (["tables", "--sample", "0"], 2, "sample"),
            (["tables", "--run", "none"], 1, "run none is not published"),
            (["tables", "--mirror", "x"], 1, "is not a mirror"),
            (["tables", "--corpus", "nowhere"], 1, "no corpus"),
        ],
    )
    def test_what_cannot_be_verified_is_said_in_a_line_with_its_exit_code(
        self, arguments: list[str], code: int, said: str, release: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(release)
        printed = outcome("verify-rows", *arguments)
        assert printed.code == code
        assert said in printed.err
        assert code == 2 or printed.err.count("\n") == 1
