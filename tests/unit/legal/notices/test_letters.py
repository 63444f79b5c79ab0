"""A notice says the same in both languages and every format, and nothing in it is carried out.

One set of numbers, one set of rows in every file, the same bytes each time. Laws, recipients and senders are
data: each is whole, and a mistake in one is named with its line.
"""

import csv
import hashlib
import re
import shutil
import subprocess
from bisect import bisect
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
import yaml
from pypdf import PdfReader

from presswatch_spark.claims.selection import Choice, PlaceSelection
from presswatch_spark.core.errors import ConfigError, InputError, OutputError
from presswatch_spark.core.terminal import ascii_url
from presswatch_spark.core.translation import LANGUAGES
from presswatch_spark.legal.notices import letter as letters
from presswatch_spark.legal.notices.annex import (
    digest_of,
    revision_and_path,
    rows_of_jsonl,
    surt_prefixes,
)
from presswatch_spark.legal.notices.formats import (
    WordLetter,
    attachments_in,
    docx_of,
    pdf_of,
    text_of,
)
from presswatch_spark.legal.notices.laws import LAWS, laws
from presswatch_spark.legal.notices.letter import (
    AMOUNTS,
    Letter,
    LetterElement,
    LetterWords,
    NoticeContent,
    letter_of,
)
from presswatch_spark.legal.notices.notice import schema_fault
from presswatch_spark.legal.notices.parties import (
    FACTS,
    RecipientFact,
    load_recipient,
    load_recipients,
    load_sender,
)
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.seals import sealed_json, unsealed_json
from tests.conftest import ROOT
from tests.world.notices import DRAFTED, PROBED, Bureau, about, annex_rows, recipients_with, text_in
from tests.world.processes import raising
from tests.world.proofs import each_time


def has_writer() -> bool:
    """Whether LibreOffice is here with Writer: some machines have Calc alone, which opens no letter."""
    program = shutil.which("soffice")
    return program is not None and (Path(program).resolve().parent / "libswlo.so").exists()


def flat(text: str) -> str:
    return " ".join(text.split())


def letter_in(folder: Path) -> str:
    return text_in((folder / "letter.docx").read_bytes())


def pdf_pages(pdf: Path | BytesIO) -> list[str]:
    return [page.extract_text() for page in PdfReader(pdf).pages]


@pytest.mark.parametrize("law", LAWS)
def test_letters_have_the_same_facts_in_every_language_and_format(shared: Bureau, law: str) -> None:
    folders = {lang: shared.drafted(law, lang) for lang in ("fr", "en")}
    facts = {lang: about(folder) for lang, folder in folders.items()}
    for name in ("numbers", "reservations", "annex"):
        # Spreadsheets in French have CSV of their own.
        french, english = ({k: v for k, v in each[name].items() if k != "files"} for each in facts.values())
        assert french == english, name
    numbers = facts["fr"]["numbers"]
    said = []
    for lang, folder in folders.items():
        words, letter = LetterWords(lang), letter_in(folder)
        amounts = {name: words.n(*AMOUNTS[name], numbers[name]) for name in AMOUNTS.keys() & numbers.keys()}
        said.append({name for name, amount in amounts.items() if amount in letter})
    assert said[0] == said[1]
    assert "rows" in said[0]

    required, elements = list(laws()[law].required()), facts["fr"]["elements"]
    marked = WordLetter.read((folders["fr"] / "letter.docx").read_bytes()).elements
    form = flat((folders["fr"] / "form.txt").read_text(encoding="utf-8"))
    assert [name for name in marked if name in required] == required
    assert set(marked) <= {element.name for element in laws()[law].elements}
    assert set(elements) == {element.name for element in laws()[law].elements}
    assert schema_fault(facts["fr"]) is None
    for name in required:
        for line in elements[name]["text"].splitlines():
            assert flat(line) in form, name
            assert line in marked[name]


@pytest.mark.parametrize("law", each_time(LAWS[::2], LAWS))
def test_a_letter_about_one_row_does_not_speak_of_several(shared: Bureau, law: str) -> None:
    choice = Choice(rows=frozenset({shared.target().row_sha256}))
    plurals = re.compile(
        "désignent des|Ces lignes|publiés|éditeurs suivants|of the annex name|These rows|Les mandats|au plus"
        "|The mandates|at most|éditeurs se|publishers reserve|des éditeurs,"
    )
    for lang, one in (("fr", "L’annexe compte 1\xa0ligne."), ("en", "The annex has 1 row.")):
        shared.draft(f"one-{law}-{lang}", law, lang, choice=choice)
        letter = letter_in(shared.folder / f"one-{law}-{lang}")
        assert one in letter
        assert plurals.findall(letter) == []


def test_annex_query_and_attachment_agree_by_digest_and_are_the_same_bytes_again(shared: Bureau) -> None:
    folder = shared.drafted()
    facts, sums = about(folder), shared.open(folder.name).sums
    assert shared.draft("again").notice.sums == sums
    attached = attachments_in((folder / "letter.pdf").read_bytes())
    for table in ("rows", "urls", "domains"):
        data = (folder / "annex" / f"{table}.jsonl").read_bytes()
        assert digest_of(rows_of_jsonl(data)) == facts["annex"]["digests"][table]
    tables = {f"{table}.{kind}" for table in ("rows", "urls", "domains") for kind in ("csv", "jsonl")}
    mandates = {f"mandates/{publisher}.txt" for publisher in ("armorial", "quai", "meridien")}
    assert {name.removeprefix("annex/") for name in attached} == tables | mandates
    for name, data in attached.items():
        path = f"annex/{name.removeprefix('annex/')}"
        assert hashlib.sha256(data).hexdigest() == facts["annex"]["files"][path] == sums[path]
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert facts["annex"]["digests"]["rows"] in letter_in(folder)
    assert set(facts["query"]["targets"]) == {target.target_sha256 for target in shared.case.targets()}


def test_rows_say_where_the_record_is_and_have_no_text(shared: Bureau) -> None:
    folder = shared.drafted("fr", "en")
    rows = annex_rows(folder)
    targets = {target.record_id: target for target in shared.case.targets()}
    for row in rows:
        target = targets[row["record_id"]]
        places = ("record_offset", "record_length", "text_sha256")
        assert [row[name] for name in places] == [getattr(target, name) for name in places]
        assert row["file"] == f"{shared.crawl.server.url}/crawl/a.warc.wet.gz"
        assert row["article_url"].startswith("https://")
        assert row["reservation"] is None
        assert not {"text", "headline", "body", "spans", "confidence"} & row.keys()
    with (folder / "annex/rows.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [line["row_sha256"] for line in csv.DictReader(file)] == [row["row_sha256"] for row in rows]


def test_an_opt_out_gives_the_sites_of_its_publishers_as_surt_prefixes(shared: Bureau) -> None:
    found = {row["surt_prefix"]: row["covers"] for row in annex_rows(shared.drafted("optout"), "domains")}
    assert found["example,gazette-morvane)/"] == "host"
    assert found["example,gazette-morvane,"] == "subdomains"
    assert found["example,le-meridien)/economie/"] == "folder"
    assert list(surt_prefixes("www.xn--t-9fa.example")) == [
        ("example,xn--t-9fa)/", "host"),
        ("example,xn--t-9fa,", "subdomains"),
    ]
    target = shared.case.targets()[0]
    shared.draft("own", "optout", "en", choice=Choice(rows=frozenset([target.row_sha256])))
    rows = annex_rows(shared.folder / "own", "domains")
    assert {row["publisher"] for row in rows} == {shared.sender().by_id[target.publisher_id].name}
    assert about(shared.folder / "own")["numbers"]["sites"] == len({row["site"] for row in rows})


def test_the_text_has_the_places_for_those_who_open_no_attachment(shared: Bureau) -> None:
    mirror = Mirror(shared.mirror.place, "https://data.commoncrawl.org")
    shared.draft("text", recipient=load_recipient("aws"), mirrors=[mirror])
    form = (shared.folder / "text" / "form.txt").read_text(encoding="utf-8")
    for target in shared.case.targets():
        assert f"record_offset {target.record_offset}, record_length {target.record_length}, article_" in form
    assert form.count("https://data.commoncrawl.org/a.warc.wet.gz") == len(shared.case.targets())


def test_the_pdf_is_pdf_a_3_and_an_address_that_is_copied_from_it_is_whole(shared: Bureau) -> None:
    data = (shared.drafted("dsa16") / "letter.pdf").read_bytes()
    assert re.search(rb"<pdfaid:part>3</pdfaid:part>\s*<pdfaid:conformance>B", data)
    text = "\n".join(pdf_pages(BytesIO(data)))
    assert not {"\u200b", "\u00ad"} & set(text)
    assert f"{shared.crawl.server.url}/crawl/a.warc.wet.gz" in text.replace("\n", "")


@pytest.mark.parametrize("lang", ["fr", "both"])
def test_a_page_never_ends_inside_the_signature(shared: Bureau, tmp_path: Path, lang: str) -> None:
    whole = letter_of(NoticeContent.of(shared.order(lang=lang)), [])

    def signed(lines: int) -> tuple[int, str]:
        """The page with the signature, of a letter with so many more lines."""
        more = LetterElement("facts", "", ("x",) * lines, ())
        columns = tuple(replace(each, blocks=(more, *each.blocks)) for each in whole.columns)
        pages = pdf_pages(BytesIO(pdf_of(replace(whole, columns=columns), tmp_path)))
        return next((number, page) for number, page in enumerate(pages) if "Signature" in page)

    # The fewest lines with which the signature is on the next page.
    fewest = bisect(range(48), signed(0)[0], key=lambda lines: signed(lines)[0])
    assert 0 < fewest < 48
    assert "Pour Alliance" in signed(fewest)[1]


@pytest.mark.full
@pytest.mark.skipif(not has_writer(), reason="LibreOffice Writer is not here")
@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_letter_opens_in_libreoffice(shared: Bureau, tmp_path: Path, lang: str) -> None:
    letter = shared.drafted("fr", lang) / "letter.docx"
    command = f"soffice -env:UserInstallation=file://{tmp_path}/home --headless --convert-to txt:Text".split()
    command += ["--outdir", str(tmp_path), str(letter)]
    subprocess.run(command, check=True, capture_output=True, timeout=180)
    opened = flat((tmp_path / "letter.txt").read_text(encoding="utf-8-sig"))
    assert [line for line in text_in(letter.read_bytes()).splitlines() if flat(line) not in opened] == []


def test_a_draft_that_fails_leaves_nothing(shared: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    (shared.folder / "there").mkdir()
    (shared.folder / "there" / "mine.txt").write_text("mine")
    assert shared.recipients_file.exists()
    before = sorted(shared.folder.rglob("*"))
    with pytest.raises(OutputError, match="already exists"):
        shared.draft("there")
    with pytest.raises(InputError, match="concerns inria-oscar"):
        shared.draft("oscar", recipient=load_recipient("inria-oscar"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", raising(OSError(28, "No space left on device")))
        with pytest.raises(OutputError, match="disk is full"):
            shared.draft("full")
    assert sorted(shared.folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("hf://datasets/o/n@0a1b/data/x.parquet", ("0a1b", "data/x.parquet")),
        ("hf://datasets/o/n/data/x@y.parquet", (None, "data/x@y.parquet")),
        ("hf://datasets/o/n@refs/convert/parquet/x.parquet", ("refs/convert/parquet", "x.parquet")),
        ("https://huggingface.co/datasets/o/n/resolve/0a1b/data/x.parquet", ("0a1b", "data/x.parquet")),
        ("s3://commoncrawl/crawl-data/x.warc.gz", (None, "crawl-data/x.warc.gz")),
        ("/data/x.warc.gz", (None, None)),
    ],
)
def test_a_file_has_a_revision_and_a_path(file: str, found: tuple[str | None, str | None]) -> None:
    assert revision_and_path(file) == found


# --- texts of others


HOSTILE = {
    "sheet": "=cmd|' /C calc'!A0",
    "braces": "{{ 7 * 7 }}{% include '/etc/passwd' %}{sender}",
    "typst": '#panic() $x$ *b* _i_ #read("/etc/passwd") \\ ]',
    "xml": "</w:t></w:r><script>alert(1)</script>&amp;",
    "controls": "a\x00b\x1b[31mc\u202egpj.exe\u2066",
    "scripts": "مرحبا 漢字 🎉",
    "long": "mot " * 200_000,
}


@pytest.fixture
def selection(shared: Bureau) -> PlaceSelection:
    return shared.select()


def letter_for(office: Bureau, selection: PlaceSelection, folder: Path, name: str) -> Letter:
    sender = replace(office.sender(), name=name[:300])
    order = office.order("dsa16", "en", sender=sender, selection=selection)
    content = NoticeContent.of(order)
    (folder / "annex").mkdir(exist_ok=True)
    content.annex.write(folder / "annex", "en", StorageOptions())
    files = [(f"annex/{table}.jsonl", "0" * 64) for table in ("rows", "urls", "domains")]
    letter = letter_of(content, files)
    assert not letter.missing
    return letter


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_stays_text(
    shared: Bureau, selection: PlaceSelection, tmp_path: Path, text: str
) -> None:
    (first, *others), host = selection.places, "xn--bcher-kva.example"
    short, url = text[:2_000], f"https://{host}/{text[:20_000]}"
    assert first.claim
    row = first.row.with_columns(document_url=url, record_id=short, title_id=short)
    claim = first.claim.with_columns(document_host=host)
    hostile = replace(first, row=row, claim=claim, file=f"https://x.example/{short}")
    letter = letter_for(shared, replace(selection, places=(hostile, *others)), tmp_path, text)
    word, form = docx_of(letter), text_of(letter)
    assert text_in(word).count("bona fide belief") == 1
    assert "bona fide belief" in flat(form)
    assert not {"\x00", "\x1b", "\u202e", "\u2066"} & set(text_in(word) + form)
    assert attachments_in(pdf_of(letter, tmp_path / "annex")).keys()
    with ZipFile(BytesIO(word)) as file:
        ElementTree.fromstring(file.read("word/document.xml"))
        assert "hyperlink" not in file.read("word/document.xml").decode()
    with (tmp_path / "annex/rows.csv").open(encoding="utf-8-sig", newline="") as table:
        cells = [cell for line in csv.reader(table) for cell in line]
    assert not any(cell.lstrip().startswith(("=", "+", "@")) for cell in cells)
    assert b"\x00" not in (tmp_path / "annex/rows.csv").read_bytes()
    rows = rows_of_jsonl((tmp_path / "annex/rows.jsonl").read_bytes())
    (row,) = [row for row in rows if row["number"] == 1]
    assert row["document_url"].startswith("https://xn--bcher-kva.example/")


@pytest.mark.parametrize(("name", "notes"), [("Alliance é — ж", 0), ("مرحبا 漢字 🎉", 1)])
def test_the_pdf_explains_codes_of_signs_once(
    shared: Bureau, selection: PlaceSelection, tmp_path: Path, name: str, notes: int
) -> None:
    """The form of the codes is that of the PDFs of a bag."""
    data = pdf_of(letter_for(shared, selection, tmp_path, name), tmp_path / "annex")
    text = flat(" ".join(pdf_pages(BytesIO(data))))
    assert text.count("enclose characters that the fonts of this document lack") == notes
    assert ("⟨U+6F22⟩" in text) == bool(notes)


def test_facts_are_put_in_once(shared: Bureau, selection: PlaceSelection, tmp_path: Path) -> None:
    letter = letter_for(shared, selection, tmp_path, "{email} {0.__class__}")
    said = [line for block in letter.columns[0].blocks for line in block.paragraphs if "bona fide" in line]
    assert said[0].startswith("{email} {0.__class__} confirms")


# --- both languages, and facts of the sender, the recipient and a patch


@pytest.mark.parametrize("law", LAWS)
def test_both_languages_are_side_by_side_and_the_annex_is_there_once(shared: Bureau, law: str) -> None:
    folder, alone = shared.drafted(law, "both"), {lang: shared.drafted(law, lang) for lang in LANGUAGES}
    elements = about(folder)["elements"]
    marked = WordLetter.read((folder / "letter.docx").read_bytes()).elements
    form = flat((folder / "form.txt").read_text(encoding="utf-8"))
    for name, one in about(alone["en"])["elements"].items():
        assert elements[name]["second_text"] == one["text"]
        assert elements[name]["text"] == about(alone["fr"])["elements"][name]["text"]
        for text, mark in ((elements[name]["text"], name), (one["text"], f"en_{name}")):
            for line in (text or "").splitlines():
                assert line in marked[mark]
                assert flat(line) in form
    digest = about(folder)["annex"]["digests"]["rows"]
    word = letter_in(folder)
    assert [text.count(digest) for text in (word, form)] == [1, 1]
    # The rows of a Word table hold an element in each language.
    with ZipFile(folder / "letter.docx") as file:
        body = file.read("word/document.xml").decode()
    assert body.count("<w:tbl>") == 2
    # Rows without a list, and the signature, are whole on a page.
    unlisted = [each.name for each in laws()[law].elements if each.list in (None, "signature")]
    assert body.count("<w:cantSplit/>") >= len([name for name in unlisted if elements[name]["text"]])
    text = flat(" ".join(pdf_pages(folder / "letter.pdf")))
    for lang in LANGUAGES:
        title = flat(LetterWords(lang).set(laws()[law].title[lang]))
        assert all(word in text for word in title.split())


def test_page_1_says_who_asks_for_whom_and_what_and_has_no_digest(shared: Bureau) -> None:
    folder = shared.drafted()
    page = flat(pdf_pages(folder / "letter.pdf")[0])
    assert "Alliance de la presse des régions (association régie par la loi du 1er juillet 1901, RNA" in page
    assert "agit au nom et pour le compte de : Groupe Armorial SAS (SIREN 999000011, siège : 12 quai" in page
    assert "déléguée du président, statuts, art. 12" in page
    assert "nous en demandons le retrait" in page
    assert not re.search(r"[0-9a-f]{40}", page)
    form = (folder / "form.txt").read_text(encoding="utf-8")
    assert form.index("droits@alliance.example") < form.index("+33 1 99 00 00 00") < form.index("Mise en dem")
    assert next(iter(annex_rows(folder)[0])) == "document_url"


def test_mandates_are_cited_and_attached(shared: Bureau) -> None:
    deed = {"signed_on": "2024-01-01", "scope": "demander le retrait"}
    shared.members(
        lambda each: each["mandate_document"].update(deed, signatory=f"La présidente de {each['id']}")
    )
    shared.draft("cited", sender=shared.sender())
    folder = shared.folder / "cited"
    letter = flat(letter_in(folder))
    assert (
        "Éditions du Quai SA : mandat par acte du 1er janvier 2024, signé par La présidente de quai, objet :"
        " « demander le retrait », en vigueur depuis le 1er janvier 2024"
    ) in letter
    attached = attachments_in((folder / "letter.pdf").read_bytes())
    for name in ("armorial", "quai", "meridien"):
        mandate = (shared.folder / f"{name}.txt").read_bytes()
        assert (folder / f"annex/mandates/{name}.txt").read_bytes() == mandate
        assert attached[f"annex/mandates/{name}.txt"] == mandate
        digest = hashlib.sha256(mandate).hexdigest()
        assert about(folder)["annex"]["files"][f"annex/mandates/{name}.txt"] == digest
        assert letter.count(digest) == 1
    checked = shared.check("cited")
    assert checked.refusals == ()
    assert any("each mandate covers this notice" in str(each) for each in checked.doubts)
    (folder / "annex/mandates/quai.txt").write_text("another", encoding="utf-8")
    assert ("attachment_differs", "letter.pdf: quai.txt") in shared.refused("cited")


def test_mandates_of_the_same_name_are_kept_apart(shared: Bureau) -> None:
    def in_folders(publisher: dict[str, Any]) -> None:
        path = shared.folder / publisher["id"] / "mandate.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(publisher["id"], encoding="utf-8")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        publisher["mandate_document"] = {"path": f"{publisher['id']}/mandate.txt", "sha256": digest}

    shared.members(in_folders)
    shared.draft("same-name", sender=shared.sender())
    found = sorted((shared.folder / "same-name/annex/mandates").iterdir())
    assert sorted(path.read_text("utf-8") for path in found) == ["armorial", "meridien", "quai"]


@pytest.mark.parametrize(
    ("law", "changed"),
    [
        ("fr", {}),
        ("dmca512", {"fair_use": {"by": "Jeanne Valmont", "on": PROBED + timedelta(days=1)}}),
        ("dsa16", {"trusted_flagger": {"by": "Arcom", "on": PROBED + timedelta(days=1)}}),
    ],
)
def test_a_letter_cannot_be_older_than_its_facts(
    shared: Bureau, law: str, changed: dict[str, object]
) -> None:
    day = PROBED - timedelta(days=0 if changed else 1)
    for sender in (shared.sender(fair_use=None), shared.sender(**{"fair_use": None} | changed)):
        if sender.fair_use or sender.trusted_flagger or not changed:
            with pytest.raises(InputError, match="cannot state later facts"):
                shared.draft("before-its-facts", law, sender=sender, drafted=day)
        else:
            shared.draft(f"as-old-{law}", law, sender=sender, drafted=day)
    assert not (shared.folder / "before-its-facts").exists()


def test_the_right_of_a_databases_maker_is_claimed_only_where_it_exists(shared: Bureau) -> None:
    shared.members(lambda each: each["id"] == "quai" and each.update(database_right=True))
    numbers = shared.draft("database", sender=shared.sender()).content.numbers
    own = [target for target in shared.case.targets() if target.publisher_id == "quai"]
    assert numbers["database_rows"] == len(own) > 0
    text = about(shared.folder / "database")["elements"]["database"]["text"]
    assert ("Éditions du Quai SA" in text, "Armorial" in text) == (True, False)
    shared.members(lambda each: each.update(database_right=True, country="US"))
    assert shared.draft("elsewhere-made", sender=shared.sender()).content.numbers["database_rows"] == 0
    shared.members(lambda each: each.update(database_right="perhaps"))
    with pytest.raises(ConfigError, match="database_right must be true or false"):
        shared.sender()


def test_elements_that_depend_on_facts_are_there_with_them_only(shared: Bureau) -> None:
    recipient, sender = shared.recipient, {"trusted_flagger": {"by": "Arcom", "on": PROBED}}
    shared.draft("research", "optout", "both", recipient=replace(recipient, research=True))
    file, route = shared.folder / "flaggers.yaml", {"value": "flaggers@host.example", "source": "page"}
    recipients_with(file, **{"common-crawl": {"flagger_route": route}})
    to = load_recipient("common-crawl", str(file))
    shared.draft("flagger", "dsa16", "both", sender=shared.sender(**sender), recipient=to)
    shared.draft("no-agent", "dmca512", recipient=replace(recipient, agent=None))
    research = about(shared.folder / "research")["elements"]["research"]
    assert "L. 122-5-3, II" in research["text"].replace("\xa0", " ")
    # A name before a verb would need its article in French.
    assert "Si vous invoquez cette exception" in research["text"]
    flagger = about(shared.folder / "flagger")["elements"]["trusted_flagger"]
    assert all(word in flagger["second_text"] for word in ("Arcom", "flaggers@host.example"))
    assert "de Arcom" not in flagger["text"]
    assert shared.rules("flagger", sender=sender, recipients=str(file)) == {}
    assert about(shared.drafted("optout"))["elements"]["research"]["text"] is None
    assert about(shared.drafted("dsa16"))["elements"]["trusted_flagger"]["text"] is None
    assert about(shared.folder / "no-agent")["elements"]["agent"]["text"] is None
    assert "research" not in WordLetter.read((shared.drafted("optout") / "letter.docx").read_bytes()).elements


def test_an_opt_out_lists_the_declarations_that_were_read(
    shared: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {
        ("le-meridien.example", "robots_txt"): [date(2024, 5, 3), date(2024, 12, 1)],
        ("quai.example", "tdm_reservation"): [date(2024, 6, 1)],
        ("quai.example", "rsl"): [date(2024, 6, 2)],
        ("quai.example", "content_usage"): [date(2024, 6, 3)],
    }
    monkeypatch.setattr(letters, "declared_forms", lambda source, places: declared)
    shared.draft("declared", "optout", "en")
    text = flat(about(shared.folder / "declared")["elements"]["declarations"]["text"])
    assert "le-meridien.example: robots.txt, between 3 May 2024 and 1 December 2024" in text
    assert "quai.example: TDMRep, on 1 June 2024" in text
    assert "quai.example: an RSL licence, on 2 June 2024" in text
    assert "quai.example: Content-Usage (AIPREF), on 3 June 2024" in text
    shared.draft("declared-fr", "optout", "fr")
    text = flat(about(shared.folder / "declared-fr")["elements"]["declarations"]["text"])
    assert "quai.example : licence RSL, le 2 juin 2024" in text.replace("\u00a0", " ")
    assert shared.rules("declared") == {}


def proof(office: Bureau, **changed: object) -> Path:
    """A folder like that of a patch of the office's case, without the patch itself."""
    target = office.case.targets()[0]
    own = {"name": Path(target.shard_uri).name, "size": target.bytes}
    own |= {"records": 13, "bytes_replaced": 31_234, "seconds": 61.5}
    others = {**own, "name": "c4-train.json.gz", "size": 7}
    facts: dict[str, Any] = {
        "case": "case", "files": [own, others], "targets_digest": office.case.about["targets_digest"],
        "measured_on": PROBED.isoformat(),
    }  # fmt: skip
    folder, data = office.folder / "patch", sealed_json(facts | changed)
    folder.mkdir(exist_ok=True)
    (folder / "proof.json").write_bytes(data)
    parts = {"proof.json": hashlib.sha256(data).hexdigest()}
    (folder / "patch.json").write_bytes(sealed_json({"parts": parts}))
    return folder


@pytest.mark.parametrize("law", each_time(LAWS[:1], LAWS))
def test_a_letter_states_the_measured_work_of_a_patch_in_its_own_files_alone(
    shared: Bureau, law: str
) -> None:
    patch = proof(shared)
    shared.draft(f"patch-{law}", law, "both", patch=str(patch))
    folder = shared.folder / f"patch-{law}"
    effort = about(folder)["elements"]["effort"]
    english = flat(effort["second_text"])
    assert "removes 13 records from 1 file" in english
    assert "31,234 bytes in them. Duration of the application: at most 2 minutes." in english
    assert "31 234 octets" in flat(effort["text"])
    assert (folder / "annex/patch-proof.json").read_bytes() == (patch / "proof.json").read_bytes()
    assert "annex/patch-proof.json" in about(folder)["annex"]["files"]
    # The digest by which the host knows the patch itself, which is not in the annex.
    assert hashlib.sha256((patch / "patch.json").read_bytes()).hexdigest() in letter_in(folder)


@pytest.mark.parametrize(
    "changed",
    [
        {"targets_digest": "0" * 64},
        {"measured_on": "soon"},
        {"files": []},
        {"files": [{"name": "other.warc.wet.gz", "size": 9}]},
        {"files": None},
    ],
)
def test_a_patch_of_other_places_or_of_nothing_is_refused(shared: Bureau, changed: dict[str, object]) -> None:
    with pytest.raises(InputError, match="no patch for these places"):
        shared.draft("of-other", patch=str(proof(shared, **changed)))
    data = (proof(shared) / "proof.json").read_bytes()
    (shared.folder / "patch/proof.json").write_bytes(data.replace(b"31234", b"31235"))
    with pytest.raises(InputError, match="no patch for these places"):
        shared.draft("of-other", patch=str(shared.folder / "patch"))
    # A proof that is whole, but that of another patch.
    (shared.folder / "patch/proof.json").write_bytes(sealed_json(unsealed_json(data) | {"case": "other"}))
    for folder in ("patch", "nowhere"):
        with pytest.raises(InputError, match="no patch for these places"):
            shared.draft("of-other", patch=str(shared.folder / folder))
    late = proof(shared, measured_on=(DRAFTED + timedelta(days=1)).isoformat())
    with pytest.raises(InputError, match="the patch was measured on"):
        shared.draft("of-other", patch=str(late))


# --- laws and parties


REQUIRED = {
    "fr": (
        "sender publishers works authorship acts facts removal no_distribution recipients evidence"
        " undertaking deadline law_and_court rights_reserved signature"
    ),
    "dsa16": (
        "sender publishers explanation authorship location notifier good_faith removal acknowledgement"
        " decision knowledge complaint"
    ),
    "dmca512": "agent sender publishers work material contact good_faith fair_use perjury signature",
    "optout": "sender publishers reservation scope demand contact signature",
}
RESERVED = {"fr": "Pour {reserved_rows}, le site", "en": "For {reserved_rows}, the publisher’s site"}


@pytest.mark.parametrize("law", LAWS)
def test_each_law_has_its_elements_with_the_same_facts_in_both_languages(law: str) -> None:
    assert list(laws()[law].required()) == REQUIRED[law].split()
    for element in laws()[law].elements:
        assert element.source
        assert all(element.text[lang].strip() for lang in LANGUAGES)
        said = [set(re.findall(r"\{(\w+)\}", element.text[lang])) & AMOUNTS.keys() for lang in LANGUAGES]
        assert said[0] == said[1], element.name
        # A list of reservations stands after what it is about.
        for lang in LANGUAGES if element.list == "reservations" else ():
            last = element.text[lang].strip().splitlines()[-1]
            assert last.removeprefix("[reserved_rows] ").startswith(RESERVED[lang]), element.name
            # Without a reservation in force neither the sentence nor the element is there.
            assert last.startswith("[reserved_rows]") or element.optional, element.name


@pytest.mark.parametrize("recipient", ["common-crawl", "inria-oscar", "ai2-c4", "hugging-face", "aws"])
def test_each_fact_of_a_recipient_has_its_source(recipient: str) -> None:
    found = load_recipient(recipient)
    assert set(found.facts) <= set(FACTS)
    assert all(fact.source.startswith(("https://", "http://")) for fact in found.facts.values())
    assert all("verify before you send" in str(doubt) for doubt in found.doubts())


def test_each_law_has_its_address_and_the_seat_its_languages(tmp_path: Path) -> None:
    def fact(value: object) -> dict[str, object]:
        return {"value": value, "source": "https://host.example/legal", "checked": date(2026, 11, 2)}

    facts = {name: fact(f"{name}@host.example") for name in ("route", "agent")}
    facts |= {"seat": fact("US"), "laws": fact(["fr", "dmca512"]), "research": fact(True)}
    lone = {"id": "lone", "name": "Lone", "datasets": [], "places": ["s3://lone/"], "seat": fact("FR")}
    host = {"id": "host", "name": "Host", "datasets": [], "places": ["s3://host/"]} | facts
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({"recipients": [host, lone]}), "utf-8")
    found = load_recipient("host", str(tmp_path / "r.yaml"))
    assert (found.seat, found.laws, found.research, found.language) == ("US", ("fr", "dmca512"), True, "both")
    checked = RecipientFact("https://host.example/legal", date(2026, 11, 2))
    assert found.address_for("dmca512") == ("agent@host.example", checked)
    # Without an address of its own, a law uses the route.
    assert found.address_for("dsa16") == found.address_for("fr") == ("route@host.example", checked)
    other = load_recipient("lone", str(tmp_path / "r.yaml"))
    assert (other.language, other.laws, other.research, other.legal_name) == ("fr", (), False, None)
    assert other.address_for("dmca512") == (None, RecipientFact("", None))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("value: FR", "value: ZZ", r"f:\d+: recipient `inria-oscar`: seat must be a code of two letters"),
        ("value: true", "value: perhaps", r"f:\d+: recipient `.*`: research must be true or false"),
        (r"\[release, file, record_o", "[release, text, record_o", r"f:\d+: .*columns `text` is not one of"),
        (r"checked: null(?=[\n}])", "checked: 2999-01-01", r"f:\d+: .*: \w+: checked: 2999-01-01 is to come"),
    ],
)
def test_a_mistake_in_the_recipients_is_named_with_its_line(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    text = (ROOT / "conf" / "recipients.yaml").read_text("utf-8")
    (tmp_path / "f").write_text(re.sub(before, after, text, count=1), "utf-8")
    with pytest.raises(ConfigError, match=told):
        load_recipients(str(tmp_path / "f"))


def test_a_party_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="common-crawl"):
        load_recipient("comon-crawl")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_sender(str(tmp_path / "nobody.yaml"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "mot " * 200_000}, "may have 300"),
        ({"name": "Alliance\u202e"}, "cannot be shown"),
        ({"email": "nobody"}, "is not an email address"),
        ({"publishers": ["quay"]}, "quai"),
        ({"acts_as": "friend"}, "neither"),
        ({"fax": "1"}, "unknown key"),
        ({"rna": "W12"}, "rna `W12` is not W and nine digits"),
        ({"rna": None, "siren": "999000012"}, "wrong digit"),
        ({"trusted_flagger": {"by": "Arcom"}}, "trusted_flagger: `on` is missing"),
        ({"members": None}, "no members file"),
    ],
)
def test_a_mistake_of_the_sender_is_named(shared: Bureau, changed: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        shared.sender(**changed)


def test_a_sender_acts_for_some_or_all_members_whose_mandates_are_as_they_were(shared: Bureau) -> None:
    assert [publisher.id for publisher in shared.sender(publishers=["quai"]).publishers] == ["quai"]
    assert len(shared.sender().publishers) == 3
    (shared.folder / "quai.txt").write_text("another mandate", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"quai.*different content"):
        shared.sender()


def test_numbers_days_and_urls_are_written_as_each_language_does() -> None:
    french, english = LetterWords("fr"), LetterWords("en")
    assert french.n("{n} row", "{n} rows", 1234) == "1\u202f234\u00a0lignes"
    assert english.n("{n} row", "{n} rows", 1234) == "1,234 rows"
    assert french.n("{n} row", "{n} rows", 0) == "0\u00a0ligne"
    assert french.day(date(2026, 8, 1)) == "1er\u00a0août\u00a02026"
    assert english.day(date(2026, 8, 1)) == "1\xa0August\xa02026"
    assert ascii_url("https://x.example/é?a=1&b=%20\u202e") == "https://x.example/%C3%A9?a=1&b=%20%EF%BF%BD"
