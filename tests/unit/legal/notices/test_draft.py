"""What a notice says: one set of numbers in both languages, one set of rows in every file, the same bytes."""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from presswatch_spark.claims.selection import Choice
from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.legal.evidence import sources
from presswatch_spark.legal.notices.annex import digest_of, revision_and_path, rows_of_jsonl, surt_prefixes
from presswatch_spark.legal.notices.formats import ATTACHED, WordLetter, attachments_in
from presswatch_spark.legal.notices.laws import LAWS, laws
from presswatch_spark.legal.notices.letter import AMOUNTS, LetterWords
from presswatch_spark.legal.notices.notice import schema_fault
from presswatch_spark.legal.notices.parties import load_recipient
from presswatch_spark.legal.removal.places import ChosenTargets, targets_of
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.tables.store import TableStore
from tests.world.notices import Bureau, about, bureau, rewrite_claims, text_in
from tests.world.proofs import each_time
from tests.world.release import release
from tests.world.servers import web


def has_writer() -> bool:
    """Whether LibreOffice is here with Writer: some machines have Calc alone, which opens no letter."""
    program = shutil.which("soffice")
    return program is not None and (Path(program).resolve().parent / "libswlo.so").exists()


@pytest.mark.parametrize("law", LAWS)
def test_letters_in_french_and_english_carry_the_same_numbers(shared: Bureau, law: str) -> None:
    drafted = {lang: shared.draft(f"{law}-{lang}", law, lang) for lang in ("fr", "en")}
    assert not drafted["fr"].missing
    facts = {lang: about(shared.folder / f"{law}-{lang}") for lang in drafted}
    for name in ("numbers", "reservations", "annex"):
        # Spreadsheets in French have CSV of their own.
        parts = [{k: v for k, v in facts[lang][name].items() if k != "files"} for lang in drafted]
        assert parts[0] == parts[1], name
    numbers = facts["fr"]["numbers"]
    said = {
        lang: {
            name
            for name, noun in AMOUNTS.items()
            if LetterWords(lang).n(*noun, numbers[name]) in _letter(shared, law, lang)
        }
        for lang in drafted
    }
    assert said["fr"] == said["en"]
    assert "rows" in said["fr"]


def _letter(office: Bureau, law: str, lang: str) -> str:
    return text_in((office.folder / f"{law}-{lang}" / "letter.docx").read_bytes())


@pytest.mark.parametrize("law", each_time(LAWS[::2], LAWS))
def test_a_letter_about_one_row_does_not_speak_of_several(shared: Bureau, law: str) -> None:
    row = shared.target().row_sha256
    letters = {}
    for lang in ("fr", "en"):
        shared.draft(f"one-{law}-{lang}", law, lang, choice=Choice(rows=frozenset({row})))
        letters[lang] = _letter(shared, f"one-{law}", lang)
    assert "L’annexe compte 1\xa0ligne." in letters["fr"]
    assert "The annex has 1 row." in letters["en"]
    plurals = re.compile("désignent des|Ces lignes|publiés|éditeurs suivants|of the annex name|These rows")
    assert [plurals.findall(letter) for letter in letters.values()] == [[], []]


@pytest.mark.parametrize("law", each_time(LAWS[::2], LAWS))
def test_every_format_of_the_letter_has_every_element(shared: Bureau, law: str) -> None:
    shared.draft(f"all-{law}", law, "fr")
    folder = shared.folder / f"all-{law}"
    required = list(laws()[law].required())
    marked = WordLetter.read((folder / "letter.docx").read_bytes()).elements
    form = " ".join((folder / "form.txt").read_text(encoding="utf-8").split())
    facts = about(folder)
    assert list(marked) == required
    assert set(facts["elements"]) == {element.name for element in laws()[law].elements}
    assert schema_fault(facts) is None
    for name in required:
        element = facts["elements"][name]
        for line in element["text"].splitlines():
            assert " ".join(line.split()) in form, name
            assert line in marked[name]


def test_annex_query_and_attachment_agree_by_digest(shared: Bureau) -> None:
    drafted = shared.draft("agree")
    folder = shared.folder / "agree"
    held = attachments_in((folder / "letter.pdf").read_bytes())
    facts = about(folder)
    for table in ("rows", "urls", "domains"):
        data = (folder / "annex" / f"{table}.jsonl").read_bytes()
        assert digest_of(rows_of_jsonl(data)) == facts["annex"]["digests"][table]
    assert {name.removeprefix("annex/") for name in held} == set(ATTACHED)
    for name, data in held.items():
        path = f"annex/{name.removeprefix('annex/')}"
        assert hashlib.sha256(data).hexdigest() == facts["annex"]["files"][path] == drafted.notice.sums[path]
    for name, digest in drafted.notice.sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert facts["annex"]["digests"]["rows"] in text_in((folder / "letter.docx").read_bytes())
    targets = {target.target_sha256 for target in shared.case.targets()}
    assert set(facts["query"]["targets"]) == targets


def test_the_same_notice_has_the_same_bytes(shared: Bureau) -> None:
    first, second = (shared.draft(f"twice-{number}") for number in (1, 2))
    assert first.notice.sums == second.notice.sums


def test_rows_say_where_the_record_is_and_have_no_text(shared: Bureau) -> None:
    shared.draft("rows", "fr", "en")
    folder = shared.folder / "rows" / "annex"
    rows = rows_of_jsonl((folder / "rows.jsonl").read_bytes())
    targets = {target.record_id: target for target in shared.case.targets()}
    for row in rows:
        target = targets[row["record_id"]]
        assert row["file"] == f"{shared.crawl.server.url}/crawl/a.warc.wet.gz"
        assert (row["record_offset"], row["record_length"]) == (
            target.record_offset,
            target.record_length,
        )
        assert row["text_sha256"] == target.text_sha256
        assert row["article_url"].startswith("https://")
        assert row["reservation"] is None
        assert not {"text", "headline", "body", "spans", "confidence"} & row.keys()
    with (folder / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [line["row_sha256"] for line in csv.DictReader(file)] == [row["row_sha256"] for row in rows]


def test_an_opt_out_gives_the_sites_of_the_members_as_surt_prefixes(shared: Bureau) -> None:
    shared.draft("surt", "optout", "fr")
    rows = rows_of_jsonl((shared.folder / "surt" / "annex" / "domains.jsonl").read_bytes())
    found = {row["surt_prefix"]: row["covers"] for row in rows}
    assert found["example,gazette-morvane)/"] == "host"
    assert found["example,gazette-morvane,"] == "subdomains"
    assert found["example,le-meridien)/economie/"] == "folder"
    assert list(surt_prefixes("www.xn--t-9fa.example")) == [
        ("example,xn--t-9fa)/", "host"),
        ("example,xn--t-9fa,", "subdomains"),
    ]


def test_an_opt_out_reserves_for_the_publishers_of_its_rows_alone(shared: Bureau) -> None:
    target = shared.case.targets()[0]
    shared.draft("own", "optout", "en", choice=Choice(rows=frozenset([target.row_sha256])))
    publisher = shared.sender().by_id[target.publisher_id]
    rows = rows_of_jsonl((shared.folder / "own" / "annex" / "domains.jsonl").read_bytes())
    assert {row["publisher"] for row in rows} == {publisher.name}
    assert about(shared.folder / "own")["numbers"]["sites"] == len({row["site"] for row in rows})


def test_the_text_has_the_places_for_those_who_open_no_attachment(shared: Bureau) -> None:
    mirror = Mirror(shared.mirror.place, "https://data.commoncrawl.org")
    shared.draft("text", recipient=load_recipient("aws"), mirrors=[mirror])
    form = (shared.folder / "text" / "form.txt").read_text(encoding="utf-8")
    for target in shared.case.targets():
        assert f"record_offset {target.record_offset}, record_length {target.record_length}\n" in form
    assert form.count("https://data.commoncrawl.org/a.warc.wet.gz") == len(shared.case.targets())


def test_a_page_in_two_files_is_asked_for_at_both_places_once(tmp_path: Path) -> None:
    with web() as server:
        crawl = release(tmp_path, server, ("a.warc.wet.gz", "pages.warc.gz"))
        two = bureau(crawl)
        drafted = two.draft("n")
        rows = rows_of_jsonl((two.folder / "n" / "annex" / "rows.jsonl").read_bytes())
        assert {row["file"].rpartition("/")[2] for row in rows} == {"a.warc.wet.gz", "pages.warc.gz"}
        assert len({row["row_sha256"] for row in rows}) == len(rows) == drafted.figures.numbers["rows"]
        assert len(rows) < len(two.case.targets())
        assert two.rules("n") == {}


def test_a_place_whose_own_claim_is_doubtful_is_left_out(tmp_path: Path) -> None:
    with web() as server:
        crawl = release(tmp_path, server, ("a.warc.wet.gz", "pages.warc.gz"))
        two = bureau(crawl)
        of = next(target for target in two.case.targets() if target.place != "record").row_sha256
        choice = Choice(rows=frozenset([of]))
        before = two.draft("both", choice=choice).figures.numbers["rows"]
        rewrite_claims(crawl.tables, lambda claim: claim["row_sha256"] != of and claim.update(confidence="D"))
        alone = two.draft("alone", choice=choice)
        assert before > 1
        assert (alone.figures.numbers["rows"], alone.left_out) == (1, {"doubtful": before - 1})


def test_an_element_whose_facts_are_missing_is_left_out_and_named(shared: Bureau) -> None:
    drafted = shared.draft("no-phone", "dmca512", "en", sender=shared.sender(phone=None))
    assert drafted.missing == {"contact": ["phone"]}
    assert about(shared.folder / "no-phone")["elements"]["contact"]["text"] is None
    assert (
        "contact" not in WordLetter.read((shared.folder / "no-phone" / "letter.docx").read_bytes()).elements
    )


def test_rows_of_others_are_left_out_and_counted(shared: Bureau) -> None:
    with pytest.raises(InputError, match="concerns inria-oscar"):
        shared.draft("oscar", recipient=load_recipient("inria-oscar"))
    assert not (shared.folder / "oscar").exists()


def test_tables_serve_as_a_case_does(shared: Bureau) -> None:
    tables = str(shared.crawl.tables)
    drafted = shared.draft("of-tables", source=tables, choice=Choice(confidences=("A", "B")))
    shared.draft("of-case")
    assert (
        about(shared.folder / "of-tables")["annex"]["digests"]
        == about(shared.folder / "of-case")["annex"]["digests"]
    )
    assert drafted.figures.numbers["never_read"] == drafted.figures.numbers["rows"]
    row = about(shared.folder / "of-tables")["query"]["rows"][0]
    assert (
        shared.draft("one", source=tables, choice=Choice(rows=frozenset([row]))).figures.numbers["rows"] == 1
    )
    assert shared.draft("one-of-case", choice=Choice(rows=frozenset([row]))).figures.numbers["rows"] == 1


def test_a_page_without_copied_words_is_in_no_annex(shared: Bureau) -> None:
    letters = Choice(confidences=("A", "B", "C", "D"))
    drafted = shared.draft("letters", source=str(shared.crawl.tables), choice=letters)
    claims = TableStore.open(str(shared.crawl.tables)).read("claims").to_pylist()
    without = sum(claim["copied_words"] == 0 for claim in claims)
    assert without > 0
    assert drafted.left_out["without copied words"] == without
    rows = rows_of_jsonl((shared.folder / "letters" / "annex" / "rows.jsonl").read_bytes())
    assert all(row["copied_words"] > 0 for row in rows)


def test_a_place_that_no_scan_has_read_is_in_no_annex(
    shared: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_one_more(*given: object) -> ChosenTargets:
        chosen = targets_of(*given)  # type: ignore[arg-type]
        unread = {"place": "capture", "text_sha256": None, "copied_words": None, "record_offset": None}
        return replace(chosen, targets=[*chosen.targets, replace(chosen.targets[0], **unread)])

    monkeypatch.setattr(sources, "targets_of", with_one_more)
    found = shared.select(str(shared.crawl.tables))
    assert found.left_out == {"read by no scan": 1}
    assert all(place.copied_words for place in found.places)


def test_what_is_there_already_stays(shared: Bureau) -> None:
    (shared.folder / "there").mkdir()
    (shared.folder / "there" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="something already"):
        shared.draft("there")
    assert [path.name for path in (shared.folder / "there").iterdir()] == ["mine.txt"]


def test_of_a_full_disk_nothing_is_left(shared: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *arguments: object, **more: object) -> int:
        raise OSError(28, "No space left on device")

    before = set(shared.folder.iterdir())
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="disk is full"):
        shared.draft("full")
    assert set(shared.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("hf://datasets/o/n@0a1b/data/x.parquet", ("0a1b", "data/x.parquet")),
        ("hf://datasets/o/n/data/x@y.parquet", (None, "data/x@y.parquet")),
        ("https://huggingface.co/datasets/o/n/resolve/0a1b/data/x.parquet", ("0a1b", "data/x.parquet")),
        ("s3://commoncrawl/crawl-data/x.warc.gz", (None, "crawl-data/x.warc.gz")),
        ("/data/x.warc.gz", (None, None)),
    ],
)
def test_a_file_of_a_dataset_has_a_revision_and_a_path(
    file: str, found: tuple[str | None, str | None]
) -> None:
    assert revision_and_path(file) == found


def test_the_pdf_says_that_it_is_pdf_a_3(shared: Bureau) -> None:
    shared.draft("pdf")
    data = (shared.folder / "pdf" / "letter.pdf").read_bytes()
    assert re.search(rb"<pdfaid:part>3</pdfaid:part>\s*<pdfaid:conformance>B", data)


@pytest.mark.full
@pytest.mark.skipif(not has_writer(), reason="LibreOffice Writer is not here")
@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_letter_opens_in_libreoffice(shared: Bureau, tmp_path: Path, lang: str) -> None:
    shared.draft(f"office-{lang}", "fr", lang)
    letter = shared.folder / f"office-{lang}" / "letter.docx"
    home = f"-env:UserInstallation=file://{tmp_path}/home"
    command = [
        "soffice",
        home,
        "--headless",
        "--convert-to",
        "txt:Text",
        "--outdir",
        str(tmp_path),
        str(letter),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    opened = " ".join((tmp_path / "letter.txt").read_text(encoding="utf-8-sig").split())
    for line in text_in(letter.read_bytes()).splitlines():
        assert " ".join(line.split()) in opened
