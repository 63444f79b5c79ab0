"""A notice of a sealed bag: its rows, the root that it names, and that the bag is verified each time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from presswatch_spark.claims.selection import Choice
from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.legal.evidence import reading
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.bag import sealed_facts
from presswatch_spark.legal.evidence.reading import disclose, verified
from presswatch_spark.legal.evidence.sources import source_at
from presswatch_spark.legal.evidence.verify import Findings
from presswatch_spark.legal.notices import rules
from presswatch_spark.legal.notices.notice import Notice, state_of
from presswatch_spark.legal.removal.rounds import Prober
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.storage.objects import StorageOptions
from tests.world.bags import build, flipped, lines
from tests.world.notices import DRAFTED, Bureau, about, rewrite_claims, text_in
from tests.world.proofs import each_time
from tests.world.release import QUICK

STORAGE = StorageOptions()


@pytest.fixture(scope="module")
def bag(shared: Bureau) -> Path:
    return build(shared.crawl, "sealed", confidences=("A", "B"))[0]


def test_a_notice_of_a_bag_has_its_rows_and_names_its_root(shared: Bureau, bag: Path) -> None:
    drafted = shared.draft("of-bag", source=str(bag))
    folder, root = shared.folder / "of-bag", sealed_facts(bag)["bag_root"]
    assert about(folder)["query"]["seal"]["bag_root"] == root
    assert root in (folder / "form.txt").read_text(encoding="utf-8")
    assert root in text_in((folder / "letter.docx").read_bytes())
    rows = [json.loads(line) for line in (folder / "annex/rows.jsonl").read_bytes().splitlines()]
    assert {row["row_sha256"] for row in rows} == {line["row"]["row_sha256"] for line in lines(bag)}
    assert drafted.figures.numbers["rows"] == len(rows)
    assert shared.rules("of-bag") == {}


@pytest.mark.parametrize("lang", each_time(["fr"], ["fr", "en"]))
def test_a_notice_of_a_bag_says_the_same_as_one_of_its_case(shared: Bureau, bag: Path, lang: str) -> None:
    of_bag = shared.draft(f"bag-{lang}", lang=lang, source=str(bag))
    of_case = shared.draft(f"case-{lang}", lang=lang)
    assert of_bag.figures.numbers == of_case.figures.numbers
    digests = [about(shared.folder / f"{name}-{lang}")["annex"]["digests"] for name in ("bag", "case")]
    assert digests[0] == digests[1]
    state = state_of(of_bag.notice, DRAFTED, STORAGE, str(shared.case.folder))
    assert (state.removed, state.places) == (0, of_bag.figures.numbers["rows"])


def test_a_bag_that_changed_since_refuses_the_notice(shared: Bureau, bag: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bag, tmp_path / "bag"))
    shared.draft("changed", source=str(copy))
    with flipped(copy / alone.ROWS, 200):
        assert "changed_bag" in shared.rules("changed")
    assert shared.rules("changed") == {}
    shutil.rmtree(copy)
    assert "changed_bag" in shared.rules("changed")


def test_another_bag_of_the_same_claims_refuses_the_notice(shared: Bureau, bag: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(bag, tmp_path / "bag"))
    shared.draft("another", source=str(copy))
    shutil.rmtree(copy)
    build(shared.crawl, "again", confidences=("A", "B"))[0].rename(copy)
    assert shared.rules("another") == {"changed_bag": "seal"}


def test_no_notice_is_drafted_of_a_bag_that_does_not_verify(
    shared: Bureau, bag: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(bag, tmp_path / "bag"))
    (copy / "data/more.txt").write_text("more")
    with pytest.raises(OutputError, match=r"more\.txt was added"):
        shared.draft("of-broken", source=str(copy))
    assert not (shared.folder / "of-broken").exists()


def test_a_check_reads_and_verifies_its_bag_once(
    shared: Bureau, bag: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared.draft("once", source=str(bag))
    asked = list[Path]()

    def counting(folder: Path, trusted: Sequence[bytes] = ()) -> Findings:
        asked.append(folder)
        return verified(folder, trusted)

    monkeypatch.setattr(reading, "verified", counting)
    assert shared.rules("once") == {}
    assert asked == [bag]
    asked.clear()
    assert shared.rules("once", again=True) == {}
    assert asked == [bag]


def test_a_bag_names_the_file_that_each_record_was_read_from(shared: Bureau, bag: Path) -> None:
    places = source_at(str(bag), STORAGE).select(Choice()).places
    files = {reading.file for place in places for reading in place.readings}
    assert files == {f"{shared.mirror.copy}/a.warc.wet.gz"}
    assert [len(place.readings) for place in places] == [1] * len(lines(bag))


def test_a_part_of_a_bag_is_no_ground(shared: Bureau, bag: Path, tmp_path: Path) -> None:
    disclose(bag, lines(bag)[0]["row"]["row_sha256"], str(tmp_path / "part"), STORAGE)
    with pytest.raises(OutputError, match="lacks what a notice needs"):
        shared.draft("of-part", source=str(tmp_path / "part"))


def test_a_notice_may_have_some_rows_of_a_bag(shared: Bureau, bag: Path) -> None:
    row = lines(bag)[0]["row"]["row_sha256"]
    drafted = shared.draft("some", source=str(bag), choice=Choice(rows=frozenset([row])))
    assert drafted.figures.numbers["rows"] == 1
    with pytest.raises(InputError, match="not in the bag"):
        shared.draft("none", source=str(bag), choice=Choice(rows=frozenset(["0" * 64])))


def test_a_record_that_did_not_read_is_in_the_bag_and_in_no_notice(office: Bureau) -> None:
    target = office.target()
    shard = Path(str(target.shard_uri))
    kept = shard.read_bytes()
    data = bytearray(kept)
    start = target.record_offset
    data[start : start + target.record_length] = bytes(target.record_length)
    shard.write_bytes(data)
    try:
        sealed, built = build(office.crawl, "damaged", mirrored=False, confidences=("A", "B"))
    finally:
        shard.write_bytes(kept)
    assert sum(built.reasons.values()) == 1
    drafted = office.draft("of-damaged", source=str(sealed))
    assert drafted.left_out == {"not as their rows say in the bag": 1}
    rows = (office.folder / "of-damaged/annex/rows.jsonl").read_text(encoding="utf-8")
    assert target.row_sha256 not in rows


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
        ("fr", "dans une copie du fichier sur un disque, et non à l’adresse", "relu à sa place"),
        ("en", "in a copy of the file on a disk, and not at the address", "read at its place"),
    ):
        name = f"copies-{source}-{lang}"
        numbers = shared.draft(name, "dsa16", lang, source=read).figures.numbers
        assert (numbers["read_from_disk"], numbers["never_read"]) == (numbers["rows"], 0)
        text = (shared.folder / name / "form.txt").read_text(encoding="utf-8")
        assert stated in " ".join(text.split())
        assert certified not in " ".join(text.split())
        assert set(shared.rules(name)) == {"read_from_a_copy"}
        assert shared.rules(name, again=True) == {}
    shared.draft(f"copies-{source}", "fr", source=read)
    assert shared.rules(f"copies-{source}") == {}


def test_a_probe_of_a_mirror_is_no_reading_of_the_place(shared: Bureau) -> None:
    """The letter names the files that were scanned; the case asked a mirror of them."""
    elsewhere = Mirror(shared.mirror.place, "https://files.example/crawl")
    drafted = shared.draft("elsewhere", "dmca512", "en", mirrors=[elsewhere])
    assert drafted.figures.numbers["read_from_copy"] == drafted.figures.numbers["rows"]
    text = (shared.folder / "elsewhere/form.txt").read_text(encoding="utf-8")
    assert "in a copy of the file, and not at the address that the annex gives" in " ".join(text.split())
    assert "read_from_a_copy" in shared.rules("elsewhere")


def test_newer_claims_may_be_named_and_refuse_rows_of_the_bag(office: Bureau) -> None:
    sealed, _ = build(office.crawl, "older", confidences=("A", "B"))
    office.draft("newer", source=str(sealed), claims=str(office.crawl.tables))
    office.draft("frozen", source=str(sealed))
    row = lines(sealed)[0]["row"]["row_sha256"]
    rewrite_claims(
        office.crawl.tables,
        lambda claim: claim.update(confidence="D") if claim["row_sha256"] == row else None,
    )
    assert office.rules("newer")["d_row"] == row
    assert office.rules("frozen") == {}
    (doubt,) = [each for each in map(str, office.check("frozen").doubts) if "those of the bag" in each]
    assert sealed_facts(sealed)["sealed_at"] in doubt


def test_rows_of_an_old_bag_are_read_again_at_their_places(
    office: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) + timedelta(days=31)

    sealed, _ = build(office.crawl, "old", confidences=("A", "B"))
    office.draft("of-old", source=str(sealed))
    with monkeypatch.context() as later:
        later.setattr(rules, "datetime", Later)
        assert "not_read_again" in office.rules("of-old")
    office.check("of-old", again=True)
    (read,) = [
        event for event in Notice.open(str(office.folder / "of-old"), STORAGE).events if event.kind == "read"
    ]
    assert len(read.facts["rows"]) == len(lines(sealed))
