"""What the maker or holder of a bag could write into it with all digests made anew; both verifiers agree."""

from __future__ import annotations

import ast
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import InputError
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.bag import Bag, sealed_facts
from presswatch_spark.legal.evidence.reading import VERIFIERS, challenge, disclose, verified
from presswatch_spark.legal.evidence.sources import BagSource
from presswatch_spark.storage.objects import StorageOptions
from tests.world.bags import by_itself, files, lines, readme
from tests.world.proofs import each_time

STORAGE = StorageOptions()
SEALED_ANEW = ("sealed_at", "tool_version", "runs", "claims_run", "corpus_digest", "verifier_sha256")


def resealed(bag: Path, verifier: Path = Path(alone.__file__)) -> None:
    """Seal a bag anew after a change, as its maker could have before he showed it to anybody."""
    about = {name: sealed_facts(bag)[name] for name in SEALED_ANEW}
    about["verifier_sha256"] = alone.measured_file(str(verifier))[1]
    for name in (
        "seal.json",
        *(f"{kind}manifest-sha{size}.txt" for kind in ("", "tag") for size in (256, 512)),
    ):
        (bag / name).unlink(missing_ok=True)
    made = Bag(bag)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alone, "__file__", str(verifier))
        made.seal(about, "a forged bag")
    listed(bag)


def listed(bag: Path) -> None:
    """Write the tag manifests anew, as anybody can who adds a file."""
    Bag(bag)._write_manifests("tagmanifest", Bag(bag).measured())


def refused(bag: Path, name: str) -> bool:
    """Whether both verifiers refuse a bag and name what is wrong."""
    code, said = by_itself(bag)
    return name in verified(bag).faults and code == 1 and f"REFUSED {name}: " in said


def rewrite_lines(bag: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    rows = lines(bag)
    change(rows)
    text = "".join(f"{alone.canonical(row)}\n" for row in rows)
    (bag / alone.ROWS).write_bytes(text.encode())


@pytest.mark.parametrize(
    "name",
    each_time(
        ["tagmanifest-sha1.txt", "manifest-sha256.txt.pdf", "stamps/01-nobody.pem"],
        [
            "tagmanifest-of-the-court.pdf",
            "tagmanifest-sha1.txt",
            "manifest-of-guilt.txt",
            "manifest-sha256.txt.pdf",
            "stamps/judgement.txt",
            "stamps/more/01-x.tsr",
            "stamps/01-nobody.pem",
        ],
    ),
)
def test_a_file_that_the_seal_does_not_cover_is_refused_though_it_is_listed(small: Path, name: str) -> None:
    path = small / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("this was never sealed")
    assert refused(small, name)
    listed(small)
    assert refused(small, name)


@pytest.mark.parametrize("name", ["CONCLUSION.txt", "README.txt", "more/letter.pdf"])
def test_a_part_holds_nothing_that_was_not_sealed(small: Path, tmp_path: Path, name: str) -> None:
    part = tmp_path / "part"
    disclose(small, lines(small)[0]["row"]["row_sha256"], str(part), STORAGE)
    (part / name).parent.mkdir(exist_ok=True)
    (part / name).write_text("the court has confirmed this")
    listed(part)
    assert refused(part, name)


LIES = b"print('all of it is as it was sealed')\n"


def test_another_verify_py_is_refused_whatever_digests_were_written_again(
    small: Path, tmp_path: Path
) -> None:
    lies = tmp_path / "verify.py"
    lies.write_bytes(LIES)
    (small / alone.VERIFIER).write_bytes(LIES)
    assert alone.VERIFIER in verified(small).faults
    listed(small)
    assert alone.VERIFIER in verified(small).faults
    resealed(small, lies)
    assert sealed_facts(small)["verifier_sha256"] == alone.measured_file(str(lies))[1]
    # Only the roots and this program can tell: the bag is sealed with the other program.
    assert alone.check(str(small)).faults == {}
    assert set(verified(small).faults) == {alone.VERIFIER}


def test_another_verify_py_in_a_part_is_not_what_was_sealed(small: Path, tmp_path: Path) -> None:
    part = tmp_path / "part"
    disclose(small, lines(small)[0]["row"]["row_sha256"], str(part), STORAGE)
    assert (part / alone.VERIFIER).read_bytes() == (small / alone.VERIFIER).read_bytes()
    (part / alone.VERIFIER).write_bytes(LIES)
    listed(part)
    assert alone.check(str(part)).faults == {alone.VERIFIER: "is not what was sealed"}
    assert alone.VERIFIER in verified(part).faults


def test_verify_py_of_an_earlier_version_is_known(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(len(bytes.fromhex(line)) == 32 for line in VERIFIERS.read_text("ascii").split())
    monkeypatch.setattr("presswatch_spark.legal.evidence.reading.verify.__file__", __file__)
    assert alone.VERIFIER in verified(small).faults
    known = small.with_name("verifiers.txt")
    known.write_text(sealed_facts(small)["verifier_sha256"] + "\n")
    monkeypatch.setattr("presswatch_spark.legal.evidence.reading.VERIFIERS", known)
    assert not verified(small).faults


@pytest.mark.parametrize("name", ["more", "data/records/more", "data/tables/a/b"])
def test_an_empty_folder_is_refused(small: Path, tmp_path: Path, name: str) -> None:
    part = tmp_path / "part"
    disclose(small, lines(small)[0]["row"]["row_sha256"], str(part), STORAGE)
    for bag in (small, part):
        (bag / name).mkdir(parents=True)
        assert refused(bag, name)


def test_a_bag_that_was_sealed_anew_shows_by_the_roots_that_both_verifiers_print(small: Path) -> None:
    noted = sealed_facts(small)
    kinds = ("claims root: {claims_root}", "bag root:    {bag_root}")
    of_noted = [kind.format(**noted) for kind in kinds]
    assert set(of_noted) <= set(verified(small).notes) & set(by_itself(small)[1].splitlines())

    (small / "README.txt").write_text("the court has confirmed this")
    rewrite_lines(small, lambda rows: rows.pop())
    resealed(small)
    code, said = by_itself(small)
    # Whoever holds a bag can do this: only the roots tell, and the bag says so.
    assert (code, verified(small).faults) == (0, {})
    assert not set(of_noted) & {*verified(small).notes, *said.splitlines()}
    assert "can change it and seal it anew" in said


def test_readers_are_told_in_both_languages_that_a_bag_can_be_sealed_anew(told: Path) -> None:
    assert "Whoever holds this bag can change it and seal it anew." in readme(told, "en")
    assert "Qui détient ce dossier peut le modifier et le sceller à nouveau." in readme(told, "fr")


def test_a_row_twice_is_refused_though_the_seal_counts_it_twice(small: Path) -> None:
    rewrite_lines(small, lambda rows: rows.insert(1, rows[0]))
    resealed(small)
    assert refused(small, f"{alone.ROWS}:2")


def test_rows_in_another_order_are_refused(small: Path) -> None:
    rewrite_lines(small, lambda rows: rows.reverse())
    resealed(small)
    assert refused(small, f"{alone.ROWS}:2")


def test_a_record_that_is_left_out_without_a_reason_is_refused(small: Path) -> None:
    rewrite_lines(small, lambda rows: rows[0]["record"].update(path=None))
    resealed(small)
    assert refused(small, f"{alone.ROWS}:1")


NO_ROWS = [b"[" * 200_000, b'{"row":' * 50_000, b"9" * 10_000, b"\xff\xfe", b"null", b'{"row":1}\r']


@pytest.mark.parametrize("line", each_time(NO_ROWS[::2], NO_ROWS))
def test_a_line_that_is_no_row_is_named_and_stops_no_verifier(small: Path, line: bytes) -> None:
    path = small / alone.ROWS
    path.write_bytes(path.read_bytes() + line + b"\n")
    assert refused(small, f"{alone.ROWS}:7")


@pytest.mark.parametrize("name", [alone.SEAL, "data/declarations.jsonl"])
def test_nested_json_stops_no_verifier(small: Path, name: str) -> None:
    (small / name).write_bytes(b"[" * 200_000 + b"\n")
    assert by_itself(small)[0] == 1
    assert verified(small).faults


def test_a_record_of_deep_json_stops_no_verifier(small: Path) -> None:
    rows = lines(small)
    record = next(row["record"]["path"] for row in rows if row["record"]["kind"] == "line")
    (small / record).write_bytes(b"[" * 200_000)
    assert refused(small, record)


def test_a_name_that_is_no_text_or_breaks_lines_stops_no_verifier(small: Path) -> None:
    names = [b"data/\xff.bin", b"data/a\nb", b"data/a\rb", b"data/a%0Ab", "data/\u202egpj.exe".encode()]
    for name in names:
        (Path(os.fsdecode(os.fsencode(small) + b"/" + name))).write_bytes(b"x")
    code, said = by_itself(small)
    assert code == 1
    assert said.count("was added: no manifest lists it") == 1
    assert said.count("tools for BagIt") == len(names) - 1
    assert "\u202e" not in said
    assert len(verified(small).faults) >= len(names)


@pytest.mark.parametrize("name", ["data/a\nb", "data/a%0Ab", "data/100%"])
def test_a_name_that_other_tools_read_as_another_is_refused_even_if_sealed(small: Path, name: str) -> None:
    (small / name).write_bytes(b"x")
    resealed(small)
    assert "tools for BagIt" in verified(small).faults[name]
    assert f"REFUSED {alone.shown(name)}: has a name" in by_itself(small)[1]


def test_a_manifest_that_is_sorted_otherwise_or_has_other_line_ends_is_refused(small: Path) -> None:
    path = small / "manifest-sha256.txt"
    before = path.read_bytes()
    for changed in (
        b"".join(sorted(before.splitlines(True), reverse=True)),
        before.replace(b"\n", b"\r\n"),
        before + before.splitlines(True)[0],
        before + b"0" * 64 + b"  ../../etc/passwd\n",
        before + b"0" * 64 + b"  data/\x00\n",
    ):
        path.write_bytes(changed)
        listed(small)
        assert refused(small, "manifest-sha256.txt"), changed[-90:]


def test_a_link_is_refused_wherever_it_leads(small: Path, tmp_path: Path) -> None:
    record = next(name for name in files(small) if name.startswith("data/records/"))
    (small / record).rename(tmp_path / "record")
    (small / record).symlink_to(tmp_path / "record")
    (small / "data/folder").symlink_to(tmp_path)
    os.mkfifo(small / "data/pipe")
    for name in (record, "data/folder", "data/pipe"):
        assert refused(small, name)


def test_a_folder_or_file_that_cannot_be_read_is_no_absence(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = small / "data/records"

    def walk(folder: str, **options: Any) -> Any:
        options["onerror"](PermissionError(13, "Permission denied", str(locked)))
        return iter([])

    monkeypatch.setattr(alone.os, "walk", walk)
    assert alone.check(str(small)).faults["data/records"] == "cannot be read: Permission denied"


def test_an_empty_bag_has_nothing_to_draw_from(small: Path) -> None:
    (small / alone.ROWS).write_bytes(b"")
    resealed(small)
    with pytest.raises(InputError, match="no rows"):
        challenge(small, "quatre chevaux", 10, STORAGE)


def test_words_that_are_no_text_draw_nothing(small: Path) -> None:
    with pytest.raises(InputError, match="no text"):
        challenge(small, "a\udcff", 10, STORAGE)


def test_a_record_that_inflates_without_end_is_not_inflated(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = next(name for name in files(small) if name.endswith(".warc.gz"))
    head = b"WARC/1.0\r\nContent-Length: 9\r\n\r\n"
    bomb = gzip.compress(head + bytes(20 << 20))
    monkeypatch.setattr(alone, "INFLATED_MOST", 1 << 20)
    assert alone._warc(bomb) is None
    monkeypatch.undo()
    (small / record).write_bytes(bomb)
    assert refused(small, record)


def test_the_script_is_of_python_3_8() -> None:
    ast.parse(Path(alone.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_a_bag_verifies_without_being_written_to(small: Path) -> None:
    before = {name: (small / name).stat().st_mtime_ns for name in files(small)}
    assert by_itself(small)[0] == 0
    assert not verified(small).faults
    assert {name: (small / name).stat().st_mtime_ns for name in files(small)} == before


def test_one_record_is_said_in_the_singular(small: Path) -> None:
    said = by_itself(small)[1]
    assert "1 records" not in said
    assert "1 record compared by" in said


def test_rows_of_a_bag_that_do_not_name_where_they_were_read_are_unread(small: Path) -> None:
    rewrite_lines(small, lambda rows: rows[0][alone.BETWEEN_RUNS].pop("read_from"))
    resealed(small)
    source = BagSource(str(small), STORAGE)
    rows = [line["row"]["row_sha256"] for line in lines(small)]
    first, *others = [source.readings(row, "") for row in rows]
    assert first == ()
    assert others
    assert all(others)
