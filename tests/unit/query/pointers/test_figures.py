"""`presswatch verify-rows`: every figure of a row is computed again; a row forged in any of them fails."""

import gzip
import hashlib
import json
import random
import re
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from html import escape
from itertools import product
from pathlib import Path
from typing import Any

import brotli
import pyarrow.parquet as pq
import pytest
import zstandard

from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.core.settings.config import ReadRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.query.pointers.audit import (
    NOT_RECOMPUTED,
    OF_THE_PAIR,
    Audit,
    RowRecomputation,
    drawn_rows,
    settings_of,
)
from presswatch_spark.query.pointers.fetched_records import Cause
from presswatch_spark.reading import known_formats
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.digests import row_digest, table_digest
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.arc import arc_record, packed_arc
from tests.world.commands import check_program, checked, outcome, rejected
from tests.world.corpora import article, build, corpus_of, write_jsonl
from tests.world.proofs import each_time
from tests.world.scanned import (
    FORMS,
    ONE_OF_EACH_FORMAT,
    change_a_byte,
    changed_press,
    members,
    press,
    rewrite_rows,
    scan_here,
    some_pages,
)
from tests.world.tables import publish, write
from tests.world.warc import PDF, chunked, erratum, http, packed_as, page, pdf, record, warc_record

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
    figures = RowRecomputation(opened)
    audit = Audit(partial(settings_of, store), article_of=opened.text_of if opened else None, figures=figures)
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


def samples(rows: Rows, *, few: bool) -> Rows:
    """A row of each kind in each dataset; `few`: the kinds go round the datasets, each in one of them."""
    kinds = sorted({(row["grade"], row["url_match"]) for row in rows})
    datasets = sorted({row["dataset"] for row in rows})
    found = {(row["dataset"], row["grade"], row["url_match"]): row for row in rows}
    chosen = zip(datasets, kinds, strict=True) if few else product(datasets, kinds)
    return [found[dataset, *kind] for dataset, kind in chosen]


def test_all_rows_of_all_formats_are_computed_again_as_they_are(scanned: Scanned, corpus: Path) -> None:
    tables, rows = scanned
    assert len({row["dataset"] for row in rows}) >= 4
    assert {row["grade"] for row in rows} >= {"full_copy", "extract", "url_only"}
    assert {row["url_match"] for row in rows} == {"article", "title", "none"}
    assert set(failures(tables, corpus, rows)) == {""}
    assert set(failures(tables, None, rows)) == {""}


@pytest.mark.parametrize("few", each_time([True], [True, False]))
def test_a_row_that_is_forged_in_any_column_fails_but_in_those_that_the_docs_list(
    scanned: Scanned, corpus: Path, few: bool
) -> None:
    tables, rows = scanned
    forged: Rows = []
    about: list[tuple[str, str]] = []
    for row in samples(rows, few=few):
        format = known_formats.find(row["dataset"])
        assert format is not None
        for name in Match.schema.names:
            if name in NOT_RECOMPUTED or name in format.facts_elsewhere:
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
    assert all(each.startswith(f"{Cause.OTHER_FIGURES}: ") for each in found)
    assert found[1] == f"{Cause.OTHER_FIGURES}: `grade` differs"
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
    assert all(each.startswith(Cause.OTHER_FIGURES) for each in found)


def test_another_corpus_compares_what_the_two_texts_decide_and_says_so(
    scanned: Scanned, tmp_path: Path
) -> None:
    tables, rows = scanned
    other = changed_press(tmp_path / "press", lambda body: f"{body} Un mot de plus.")
    first = next(row["article_id"] for row in rows if row["article_id"])
    known = [row for row in rows if row["article_id"] != first and row["grade"] != "url_only"]
    reasons = failures(tables, other, known)
    unchanged = [row for row, why in zip(known, reasons, strict=True) if "article" not in why]
    assert unchanged
    assert set(failures(tables, other, unchanged)) == {""}
    forged = [redigested(row, minhash_jaccard=0.123) for row in unchanged]
    assert set(failures(tables, other, forged)) == {f"{Cause.OTHER_FIGURES}: `minhash_jaccard` differs"}
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
    assert Cause.OTHER_FIGURES in printed.err
    assert "`run_rarity`" in printed.out


def test_the_columns_that_are_not_computed_again_are_documented() -> None:
    page = (ROOT / "docs/reference/pointers.md").read_text("utf-8")
    listed = page.partition("## Columns that are not computed again")[2].partition("\n## ")[0]
    elsewhere = {name for format in known_formats.FORMATS for name in format.facts_elsewhere}
    assert set(re.findall(r"^\| `(\w+)`", listed, re.MULTILINE)) == NOT_RECOMPUTED | elsewhere


class TestCommand:
    @pytest.fixture
    def release(self, tmp_path: Path, corpus: Path) -> Path:
        names = ("a.warc.wet.gz", "single.warc.wet.gz", "c4-train.json.gz")
        for name in names:
            FORMS[name](tmp_path / name, [Page("https://site.example/copie", press()[0].body)])
        scan_here([tmp_path / name for name in names], corpus, tmp_path / "tables")
        return tmp_path

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
        verified = {reason: row["verified"] for reason, row in said.items()}
        assert verified == {None: True, "other text": False, "no shard": False}
        assert "c4-train.json.gz#row=0" in said["no shard"]["pointer"]
        assert "1 of 3 rows verify" in printed.err

    def test_all_rows_verify_also_at_a_mirror_of_the_place_that_was_scanned(
        self, release: Path, corpus: Path
    ) -> None:
        printed = outcome("verify-rows", release / "tables", "--corpus", corpus)
        assert printed.out == "3 of 3 rows verify (all there are)\n"
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

    def test_what_cannot_be_verified_is_said_in_a_line_with_its_exit_code(
        self, release: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(release)
        for arguments, code, said in (
            ("nowhere", 1, "not a folder of tables"),
            ("tables --sample 0", 2, "sample"),
            ("tables --run none", 1, "run none is not published"),
            ("tables --mirror x", 1, "is not a mirror"),
            ("tables --corpus nowhere", 1, "no corpus"),
        ):
            printed = outcome("verify-rows", *arguments.split())
            assert (printed.code, said in printed.err) == (code, True), arguments
            assert code == 2 or printed.err.count("\n") == 1, arguments


# The check for third parties agrees with `verify-rows` on every kind of document and article.


BODY = (
    "Le conseil a voté hier soir une subvention de huit mille euros pour la réfection de la halle, "
    "où l’été prochain les maraîchers de la vallée tiendront à nouveau leur marché du samedi."
)
CHUNKED, PACKED = "Transfer-Encoding: chunked", "Content-Encoding: gzip"


def html(charset: str, *, declared: bool = True) -> bytes:
    meta = f"<meta charset={charset}>" if declared else ""
    text = escape(BODY).replace("halle", "<b>hal</b>le").replace("’", "&rsquo;")
    return f"<!doctype html>{meta}<title>Non</title><nav>Menu</nav><p>{text}<img alt=non></p>".encode(charset)


def xhtml() -> bytes:
    head = '<?xml version="1.0"?>\n<html><head><title/><script src="a.js" /></head><body>'
    return f"{head}<iframe src='b'/><p>{escape(BODY)}</p></body></html>".encode()


def warc() -> list[bytes]:
    typed = "Content-Type: text/html"
    bodies = {
        "utf-8": (html("utf-8"), typed),
        "bom": (b"\xef\xbb\xbf" + html("utf-8"), typed),
        "declared": (html("cp1252"), "Content-Type: text/html; charset=windows-1252"),
        "with a control": (html("cp1252") + b"<p>\x81\x9d", "Content-Type: text/html; charset=latin1"),
        "undeclared": (html("cp1252", declared=False), typed),
        "utf-16": (html("utf-16"), typed),
        "packed": (gzip.compress(html("utf-8")), typed, PACKED),
        "chunked": (chunked(html("iso-8859-1"), 100), typed, CHUNKED),
        "both": (chunked(gzip.compress(html("utf-8")), 100), typed, PACKED, CHUNKED),
        "two members": (gzip.compress(html("utf-8")[:99]) + gzip.compress(html("utf-8")[99:]), typed, PACKED),
        "not packed": (html("utf-8"), typed, PACKED),
        "cut": (gzip.compress(html("utf-8") + random.Random(3).randbytes(99))[:-40], typed, PACKED),
        "deflate": (zlib.compress(html("utf-8")), typed, "Content-Encoding: deflate"),
        "raw deflate": (zlib.compress(html("utf-8"))[2:-4], typed, "Content-Encoding: deflate"),
        "br": (brotli.compress(html("utf-8")), typed, "content-encoding:br"),
        "zstd": (zstandard.compress(html("utf-8")), typed, "Content-Encoding: zstd"),
        "br in gzip": (gzip.compress(brotli.compress(html("utf-8"))), typed, "Content-Encoding: br, gzip"),
        "xhtml": (xhtml(), "Content-Type: application/xhtml+xml; charset=utf-8"),
        "text": (BODY.encode("cp1252"), "Content-Type: text/plain; charset=windows-1252"),
        "text of bytes": (
            b"\xef\xbb\xbf\xff " + BODY.encode() + b" \xe9",
            "Content-Type: text/plain; charset=utf-8",
        ),
        "pdf": (pdf(*re.findall(r".{1,60}\b", BODY.replace("’", "'"))), PDF),
    }
    resource = warc_record(html("utf-8"), "https://d.fr/resource", kind="resource")
    continued = http(html("utf-8"), typed, status="HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
    return [
        warc_record(continued, "https://d.fr/continued"),
        *(page(body, *headers, url=f"https://d.fr/{name}") for name, (body, *headers) in bodies.items()),
        resource.replace(b"application/http; msgtype=response", b"text/html; charset=utf-8"),
    ]


@pytest.mark.slow
def test_it_reaches_the_same_text_and_words_of_every_kind_of_page(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, [article(1, body=BODY.replace("’", "'"))])
    shards = tmp_path / "shards"
    shards.mkdir()
    for packing in ("record", "single", "plain"):
        (shards / f"{packing}.warc").write_bytes(packed_as(packing, warc()))
        response = http(html("cp1252"), "Content-Type: text/html; charset=windows-1252")
        (shards / f"{packing}.arc").write_bytes(
            packed_arc(packing, [arc_record(response, "http://d.fr/arc")])
        )
        (shards / f"{packing}.wet").write_bytes(packed_as(packing, [record(BODY.encode())]))
    # Two that were cut: in the second record, so that what the row speaks of is there.
    for name, more in (("cut.wet", []), ("longer.wet", [record(BODY.encode())] * 2)):
        whole = packed_as("single", [record(BODY.encode()), *more, record(random.Random(2).randbytes(9000))])
        (shards / name).write_bytes(whole[:-5000])
    config = ScanConfig(read=ReadRules(pdf=True))
    rows = scan_here(
        sorted(shards.iterdir()), corpus, tmp_path / "tables", config, statuses=("complete", "partial")
    )
    assert len(rows) == 3 * (len(warc()) + 2) + 1 + 3
    assert {row["longest_run_words"] for row in rows} == {len(re.findall(r"\w+", BODY))}
    publish_with_digests(tmp_path / "tables")
    done = checked(tmp_path / "tables", corpus)
    assert done.code == 0, done.out + done.err
    assert done.out.splitlines() == [
        f"{len(rows)} rows and 1 runs have their digests",
        f"{len(rows)} rows: {len(rows)} as the table says, 0 not as the table says, 0 of damaged records,"
        " not checked",
    ]


@pytest.mark.slow
def test_it_names_damaged_records_and_does_not_count_them_as_checked(tmp_path: Path) -> None:
    file = tmp_path / "a.warc.wet"
    corpus = corpus_of(tmp_path, [article(1, body=BODY)])
    lying = record(BODY.encode(), length=len(BODY.encode()) + 9)
    file.write_bytes(packed_as("plain", [record(BODY.encode()), lying, record(BODY.encode())]))
    rows = scan_here([file], corpus, tmp_path / "tables", statuses=("partial",))
    assert [row["record_damage"] for row in rows] == [None, "length", "boundary"]
    publish_with_digests(tmp_path / "tables")
    done = checked(tmp_path / "tables", corpus)
    assert done.code == 3, done.err
    assert done.out.count("record is damaged: length") == 1
    assert "3 rows: 1 as the table says, 0 not as the table says, 2 of damaged records" in done.out


SOFT = BODY.replace("subvention", "sub\u00advention").replace("maraîchers", "marai\u0302\u200bchers")


def test_it_accepts_whatever_articles_the_corpus_accepts(tmp_path: Path) -> None:
    """Numbers as ids, one id twice, soft hyphens on one side, and lines that are no article."""
    folder, corpus = tmp_path, tmp_path / "corpus"
    other = article(1, body=BODY + " Et la suite, dans une autre édition.")
    twice = [article(1, body=SOFT), other, article(7)]
    numbered = article(2, body=BODY.replace("samedi", "dimanche"))
    numbered["article_id"] = 2024
    write_jsonl(folder / "articles.jsonl", [*twice, numbered])
    with (folder / "articles.jsonl").open("a") as file:
        file.write('{"article_id": "broken", "body": "la fin manque\n\n[1]\n')
    build(corpus, [folder / "articles.jsonl"])
    pages = [BODY, SOFT, SOFT.upper(), BODY.replace("samedi", "dimanche"), article(7)["body"]]
    shards = []
    for name in ("a.warc.wet.gz", "pages.warc.gz", "c4-train.json.gz", "c4.parquet", "fr_part_1.txt.gz"):
        shards.append(folder / name)
        FORMS[name](folder / name, [Page(f"https://p.example/{n}", text) for n, text in enumerate(pages)])
    rows = scan_here(shards, corpus, folder / "tables")
    assert {row["article_id"] for row in rows} >= {"2024", "a00007"}
    assert len(rows) >= 5 * len(shards)
    assert_agreement(folder, corpus, refused=0)


def test_it_finds_the_text_in_whatever_column_a_run_was_told(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, [article(1, body=BODY)])
    inner = {"meta": json.dumps({"deep": {"body": BODY, "url": "https://p.example/"}}), "text": "autre"}
    (tmp_path / "a.jsonl").write_text(f"\n{json.dumps(inner)}\n\n{json.dumps(inner)}\n")
    (tmp_path / "broken.jsonl").write_text(f"\n{json.dumps(inner)}\nno json\n{json.dumps(inner)}\n")
    config = ScanConfig(read=ReadRules(columns={"text": "meta.deep.body", "url": "meta.deep.url"}))
    shards = [tmp_path / "a.jsonl", tmp_path / "broken.jsonl"]
    rows = scan_here(shards, corpus, tmp_path / "tables", config, statuses=("complete", "partial"))
    found = [(row["row_index"], row["record_damage"]) for row in rows]
    assert found == [(1, None), (3, None), (1, "row"), (3, "row")]
    assert_agreement(tmp_path, corpus, refused=2)


def test_lengths_that_are_off_by_two_throughout_a_release_are_known(tmp_path: Path) -> None:
    shards = []
    corpus = corpus_of(tmp_path, [article(1, body=BODY)])
    for off in (-2, 2):
        shards.append(tmp_path / f"a{off}.warc.wet.gz")
        shards[-1].write_bytes(packed_as("record", erratum("CC-MAIN-2018-34", off, [BODY.encode()] * 2)))
    assert len(scan_here(shards, corpus, tmp_path / "tables")) == 4
    assert_agreement(tmp_path, corpus, refused=0)


def test_a_word_that_goes_on_in_the_next_line_is_one_word() -> None:
    pairs = {
        ("la subven-\n tion du soir", "La subvention du soir"): 4,
        ("la subven\u00ad\ntion", "la subven\u2010\r\ntion"): 3,
        ("a b-\nc d", "a b-\nc d"): 4,
        ("v-\nw-\nx-\ny", "vwxy"): 1,
        ("u-\nv-\nw-\nx-\ny", "uvwxy"): None,
        ("a-\nb a", "ab-\na"): 2,
        ("a b c", "a bc"): None,
        ("a-b", "ab"): None,
        ("", ""): 0,
        ("a", ""): None,
        ("mot " * 20_000, "mot " * 20_000): 20_000,
    }
    check = check_program()
    for texts, count in pairs.items():
        assert check["words_in_common"](*map(check["words"], texts)) == count, texts


def test_it_refuses_the_rows_that_verify_rows_refuses_and_stops_at_none(corpus: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.warc.wet.gz"
    FORMS[file.name](file, some_pages())
    rows = scan_here([file], corpus, tmp_path / "tables")
    data = bytearray(file.read_bytes())
    first, last = rows[0], rows[-1]
    data[first["record_offset"] + first["record_length"] // 2] ^= 4
    file.write_bytes(data[: last["record_offset"] + 9])
    assert_agreement(tmp_path, corpus, refused=2)
    other = changed_press(tmp_path / "other", lambda body: body.replace("a", "o"))
    publish_with_digests(tmp_path / "tables")
    done = checked(tmp_path / "tables", other)
    assert done.code == 3


def test_forged_digests_are_named(corpus: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.warc.wet.gz"
    FORMS[file.name](file, some_pages())
    scan_here([file], corpus, tmp_path / "tables")
    done = checked(tmp_path / "tables", corpus)  # runs of tests have no digest of their settings
    assert done.code == 3
    assert "another config_digest" in done.out
    publish_with_digests(tmp_path / "tables")
    store = TableStore.open(str(tmp_path / "tables"))
    rows = store.read("matches").to_pylist()
    write(store, "matches", rows[0]["run_id"], [{**rows[0], "copied_words": 9000}, *rows[2:]], Match.schema)
    done = checked(tmp_path / "tables", corpus)
    assert done.code == 3
    assert "another table_digest" in done.out
    assert f"{rows[0]['row_sha256']}: the row has another digest" in done.out


def test_shards_may_lie_elsewhere(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "there"
    folder.mkdir()
    FORMS["c4-train.json.gz"](folder / "c4-train.json.gz", some_pages())
    rows = scan_here([folder / "c4-train.json.gz"], corpus, tmp_path / "tables")
    publish_with_digests(tmp_path / "tables")
    folder.rename(tmp_path / "elsewhere")
    done = checked(tmp_path / "tables", corpus)
    assert done.out.count("cannot be read: FileNotFoundError") == len(rows)
    done = checked(tmp_path / "tables", corpus, f"{folder}/={tmp_path}/elsewhere/")
    assert done.code == 0, done.out


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("most", each_time([12], [12, 1207]))
def test_it_accepts_every_row_of_real_press_in_every_format(
    tmp_path: Path, real_data: Path, most: int
) -> None:
    with (real_data / "press/articles.jsonl").open(encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    # Those with characters that are no letters come first.
    found.sort(key=lambda each: not set(each["text"]) & set("\u00ad\u200b\ufeff\u2019"))
    press = [
        article(n, url=each["url"], headline=each["title"], body=each["text"])
        for n, each in enumerate(found[:most])
    ]
    corpus = corpus_of(tmp_path, press)
    bodies = [each["body"].replace("\u00ad", "") if n % 2 else each["body"] for n, each in enumerate(press)]
    copies = [Page(f"https://p.example/{n}", f"Menu\n{body}\nPied") for n, body in enumerate(bodies)]
    shards = []
    for name in FORMS if most > 100 else ONE_OF_EACH_FORMAT:
        shards.append(tmp_path / name)
        FORMS[name](tmp_path / name, copies)
    rows = scan_here(shards, corpus, tmp_path / "tables")
    assert len(rows) > most * len(shards) * 0.9
    assert_agreement(tmp_path, corpus, refused=0)


def assert_agreement(folder: Path, corpus: Path, *, refused: int) -> None:
    """Both checks refuse the same rows, so many."""
    publish_with_digests(folder / "tables")
    store, opened = TableStore.open(str(folder / "tables")), Corpus.open(str(corpus))
    rows, _ = drawn_rows(store, None, 1_000_000, 0)
    figures = RowRecomputation(opened)
    verdicts = list(
        Audit(partial(settings_of, store), article_of=opened.text_of, figures=figures).verdicts(rows)
    )
    ours = {each.row.row_sha256 for each in verdicts if each.failure}
    done = checked(folder / "tables", corpus)
    assert rejected(done.out) == ours, done.out[-3000:]
    assert done.code == (3 if refused else 0)
    assert len([each for each in verdicts if each.failure]) == refused


def publish_with_digests(tables: Path) -> None:
    """Publish the run again with the digests that a scan gives it."""
    store = TableStore.open(str(tables))
    for run in store.rows():
        digests = store.read("matches", run["run_id"], columns=["row_sha256"])["row_sha256"].to_pylist()
        settings = hashlib.sha256(run["config"].encode()).hexdigest()
        store.replace("runs", {**run, "table_digest": table_digest(digests), "config_digest": settings})
