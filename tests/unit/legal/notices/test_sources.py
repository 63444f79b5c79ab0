"""Notices of a sealed bag, of tables and of a case: which rows each gives, and where they were read."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from presswatch_spark.claims.selection import Choice
from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.evidence import reading, sources
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.bag import sealed_facts
from presswatch_spark.legal.evidence.reading import disclose, verified
from presswatch_spark.legal.evidence.verify import Findings
from presswatch_spark.legal.notices import refusal_rules
from presswatch_spark.legal.notices.follow_up import state_of
from presswatch_spark.legal.removal.places import ChosenTargets, targets_of
from presswatch_spark.legal.removal.probe_rounds import Prober
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.world.bags import build, flipped, lines
from tests.world.notices import (
    DRAFTED,
    Bureau,
    about,
    annex_rows,
    bureau,
    claim_changed,
    clock_at,
    rewrite_claims,
    text_in,
)
from tests.world.proofs import each_time
from tests.world.release import QUICK, release
from tests.world.servers import web

STORAGE = StorageOptions()


def one_row(row: str) -> Choice:
    return Choice(rows=frozenset([row]))


# --- bags


@pytest.fixture(scope="session")
def sealed(shared_case: Bureau) -> Path:
    return build(shared_case.crawl, "sealed", confidences=("A", "B"))[0]


@pytest.fixture
def bag(sealed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sealed, tmp_path / "bag"))


@pytest.mark.parametrize("lang", each_time(["fr"], ["fr", "en"]))
def test_a_notice_of_a_bag_names_its_root(shared: Bureau, sealed: Path, lang: str) -> None:
    name = f"bag-{lang}"
    of_bag, of_case = shared.draft(name, lang=lang, source=str(sealed)), shared.drafted("fr", lang)
    folder, root = shared.folder / name, sealed_facts(sealed)["bag_root"]
    assert about(folder)["query"]["seal"]["bag_root"] == root
    assert root in (folder / "form.txt").read_text(encoding="utf-8")
    assert root in text_in((folder / "letter.docx").read_bytes())
    rows = {row["row_sha256"] for row in annex_rows(folder)}
    assert rows == {line["row"]["row_sha256"] for line in lines(sealed)}
    for fact in ("numbers", "annex"):
        of_both = [{k: v for k, v in about(each)[fact].items() if k != "files"} for each in (folder, of_case)]
        assert of_both[0] == of_both[1]
    # It names the file that each record was read from.
    places = of_bag.content.order.selection.places
    assert [len(place.readings) for place in places] == [1] * len(lines(sealed))
    read_from = {reading.file for place in places for reading in place.readings}
    assert read_from == {f"{shared.mirror.copy}/a.warc.wet.gz"}
    state = state_of(of_bag.notice, DRAFTED, str(shared.case.folder))
    assert (state.removed, state.places) == (0, of_bag.content.numbers["rows"]) == (0, len(rows))
    assert shared.rules(name) == {}


def test_a_bag_that_changed_went_or_was_replaced_since_refuses_the_notice(shared: Bureau, bag: Path) -> None:
    shared.draft("changed", source=str(bag))
    with flipped(bag / alone.ROWS, 200):
        assert "changed_bag" in shared.rules("changed")
    assert shared.rules("changed") == {}
    shutil.rmtree(bag)
    refused = shared.refused("changed")
    assert ("changed_bag", "rows") in refused
    assert "query_differs" not in {rule for rule, _ in refused}
    build(shared.crawl, "replaced", confidences=("A", "B"))[0].rename(bag)
    assert shared.rules("changed") == {"changed_bag": "seal"}


def test_no_notice_is_drafted_of_a_part_or_a_broken_bag(shared: Bureau, bag: Path, tmp_path: Path) -> None:
    disclose(bag, lines(bag)[0]["row"]["row_sha256"], str(tmp_path / "part"), STORAGE)
    (bag / "data/more.txt").write_text("more")
    for source, why in ((tmp_path / "part", "lacks what a notice needs"), (bag, r"more\.txt was added")):
        with pytest.raises(OutputError, match=why):
            shared.draft("of-broken", source=str(source))
    assert not (shared.folder / "of-broken").exists()


def test_a_bag_is_verified_once(shared: Bureau, sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.draft("once", source=str(sealed))
    asked = list[Path]()

    def counting(folder: Path, trusted: Sequence[bytes] = ()) -> Findings:
        asked.append(folder)
        return verified(folder, trusted)

    monkeypatch.setattr(reading, "verified", counting)
    for again in (False, True):
        assert shared.rules("once", again=again) == {}
        assert asked == [sealed]
        asked.clear()


def test_a_record_that_did_not_read_is_in_the_bag_and_in_no_notice(office: Bureau) -> None:
    target = office.target()
    office.crawl.overwrite(target, bytes(target.record_length))
    sealed, built = build(office.crawl, "damaged", confidences=("A", "B"))
    assert sum(built.reasons.values()) == 1
    drafted = office.draft("of-damaged", source=str(sealed))
    assert drafted.content.order.selection.left_out == {"different from their rows in the bag": 1}
    assert target.row_sha256 not in {row["row_sha256"] for row in annex_rows(office.folder / "of-damaged")}


def test_newer_claims_may_be_named_and_refuse_rows_of_the_bag(shared: Bureau, sealed: Path) -> None:
    shared.draft("newer-claims", source=str(sealed), claims=str(shared.crawl.tables))
    shared.draft("frozen", source=str(sealed))
    row = lines(sealed)[0]["row"]["row_sha256"]
    with claim_changed(shared, row, confidence="D"):
        assert shared.rules("newer-claims")["d_row"] == row
        assert shared.rules("frozen") == {}
        (doubt,) = [each for each in map(str, shared.check("frozen").doubts) if "those of the bag" in each]
    assert sealed_facts(sealed)["sealed_at"] in doubt


def test_a_draft_leaves_out_what_newer_claims_call_licensed_or_a_verdict_denies(shared: Bureau) -> None:
    target = shared.target()
    for change in ({"kind": "licensed"}, {"review": "no_claim"}):
        with claim_changed(shared, target.row_sha256, **change):
            selection = shared.select()
        assert selection.left_out == {"doubtful": 1}
        assert target.row_sha256 not in {place.row.row_sha256 for place in selection.places}
    with claim_changed(shared, target.row_sha256, confidence="C"):
        assert not shared.select().left_out


def test_rows_of_an_old_bag_are_read_again(
    shared: Bureau, sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.draft("of-old", source=str(sealed))
    with monkeypatch.context() as later:
        later.setattr(refusal_rules, "datetime", clock_at(timedelta(days=31)))
        assert "not_read_again" in shared.rules("of-old")
    shared.check("of-old", again=True)
    (read,) = [event for event in shared.open("of-old").events if event.kind == "read"]
    assert len(read.facts["rows"]) == len(lines(sealed))


# --- where rows were read


@pytest.mark.parametrize("source", ["bag", "case"])
def test_a_reading_from_a_disk_is_stated_and_does_not_show_the_location(shared: Bureau, source: str) -> None:
    """A bag and a case decide alike: --mirror names files that were never read."""
    if source == "bag":
        read = str(build(shared.crawl, "of-copies", mirrored=False, confidences=("A", "B"))[0])
    else:
        case = shared.crawl.open("on-disk", confidences=("A", "B"))
        Prober(case, load_scan_config(flags=QUICK)).probe()
        read = str(case.folder)
    for lang, stated, certified in (
        ("fr", "dans une copie du fichier sur un disque et non à l’adresse", ", à l’adresse qu’indique"),
        ("en", "in a copy of the file on a disk and not at the address", ", at the address that"),
    ):
        name = f"copies-{source}-{lang}"
        numbers = shared.draft(name, "dsa16", lang, source=read).content.numbers
        assert (numbers["read_from_disk"], numbers["never_read"]) == (numbers["rows"], 0)
        text = " ".join((shared.folder / name / "form.txt").read_text(encoding="utf-8").split())
        assert (stated in text, certified in text) == (True, False)
        assert set(shared.rules(name)) == {"read_from_a_copy"}
        assert shared.rules(name, again=True) == {}
    shared.draft(f"copies-{source}", "fr", source=read)
    assert shared.rules(f"copies-{source}") == {}


def test_a_probe_of_a_mirror_is_no_reading_of_the_place(shared: Bureau) -> None:
    """The letter names the files that were scanned; the case asked a mirror of them."""
    elsewhere = Mirror(shared.mirror.place, "https://files.example/crawl")
    numbers = shared.draft("elsewhere", "dmca512", "en", mirrors=[elsewhere]).content.numbers
    assert numbers["read_from_copy"] == numbers["rows"]
    text = (shared.folder / "elsewhere/form.txt").read_text(encoding="utf-8")
    assert "in a copy of the file and not at the address that the annex states" in " ".join(text.split())
    assert "read_from_a_copy" in shared.rules("elsewhere")


# --- tables and cases


def test_tables_serve_as_a_case_does(shared: Bureau) -> None:
    tables, of_case = str(shared.crawl.tables), about(shared.drafted())
    numbers = shared.draft("same-rows", source=tables, choice=Choice(confidences=("A", "B"))).content.numbers
    assert about(shared.folder / "same-rows")["annex"]["digests"] == of_case["annex"]["digests"]
    assert numbers["never_read"] == numbers["rows"]


@pytest.mark.parametrize("kind", ["tables", "case", "bag"])
def test_a_notice_may_have_some_rows_of_its_source(shared: Bureau, sealed: Path, kind: str) -> None:
    source = {"tables": str(shared.crawl.tables), "case": None, "bag": str(sealed)}[kind]
    row = lines(sealed)[0]["row"]["row_sha256"]
    drafted = shared.draft(f"one-of-{kind}", source=source, choice=one_row(row))
    assert drafted.content.numbers["rows"] == 1
    with pytest.raises(InputError, match="without a claim" if kind == "tables" else f"not in the {kind}"):
        shared.select(source, one_row("0" * 64))


def test_a_page_without_copied_words_is_in_no_annex(shared: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = str(shared.crawl.tables)
    drafted = shared.draft("letters", source=tables, choice=Choice(confidences=("A", "B", "C", "D")))
    without = sum(row["copied_words"] == 0 for row in TableStore.open(tables).read("claims").to_pylist())
    assert drafted.content.order.selection.left_out["without copied words"] == without > 0
    assert all(row["copied_words"] > 0 for row in annex_rows(shared.folder / "letters"))

    def with_one_more(*given: object) -> ChosenTargets:
        chosen = targets_of(*given)  # type: ignore[arg-type]
        unread = {"place": "capture", "text_sha256": None, "copied_words": None, "record_offset": None}
        return replace(chosen, targets=[*chosen.targets, replace(chosen.targets[0], **unread)])

    monkeypatch.setattr(sources, "targets_of", with_one_more)
    found = shared.select(tables)
    assert found.left_out == {"read by no scan": 1}
    assert all(place.row.copied_words for place in found.places)


@pytest.fixture
def two_files(tmp_path: Path) -> Iterator[Bureau]:
    """A case whose pages are in two files each."""
    with web() as server:
        yield bureau(release(tmp_path, server, ("a.warc.wet.gz", "pages.warc.gz")))


def test_a_page_in_two_files_is_named_at_both_places_once(two_files: Bureau) -> None:
    drafted = two_files.draft("n")
    rows = annex_rows(two_files.folder / "n")
    assert {row["file"].rpartition("/")[2] for row in rows} == {"a.warc.wet.gz", "pages.warc.gz"}
    assert len({row["row_sha256"] for row in rows}) == len(rows) == drafted.content.numbers["rows"]
    assert len(rows) < len(two_files.case.targets())
    assert two_files.rules("n") == {}

    of = next(target for target in two_files.case.targets() if target.place != "record").row_sha256
    before = two_files.draft("both", choice=one_row(of)).content.numbers["rows"]
    rewrite_claims(
        two_files.crawl.tables, lambda claim: claim["row_sha256"] != of and claim.update(confidence="D")
    )
    after = two_files.draft("alone", choice=one_row(of))
    assert before > 1
    assert (after.content.numbers["rows"], after.content.order.selection.left_out) == (
        1,
        {"doubtful": before - 1},
    )
