"""Changes by the maker or holder of a bag, or of one claim taken out of it: both verifiers name them."""

import ast
import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from itertools import cycle, product
from pathlib import Path
from typing import Any

import bagit
import pytest

from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.bag import Bag, sealed_facts
from presswatch_spark.legal.evidence.reading import VERIFIERS, challenge, disclose, verified
from presswatch_spark.storage.objects import StorageOptions
from tests.world.bags import by_itself, files, flipped, lines, names_it, refused
from tests.world.commands import outcome
from tests.world.proofs import cases, each_time

STORAGE = StorageOptions()
SEALED_ANEW = ("sealed_at", "tool_version", "runs", "claims_run", "corpus_digest", "verifier_sha256")
UNSEALED = "is not what was sealed"
LIES = b"print('everything is as it was sealed')\n"


def resealed(bag: Path, verifier: Path = Path(alone.__file__)) -> None:
    """Seal a bag anew after a change, as its maker could have before he showed it to anybody."""
    about = {name: sealed_facts(bag)[name] for name in SEALED_ANEW}
    about["verifier_sha256"] = alone.measured_file(str(verifier))[1]
    for name in files(bag):
        if name.startswith(("manifest", "tagmanifest", "seal")):
            (bag / name).unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alone, "__file__", str(verifier))
        Bag(bag).seal(about, "a forged bag")
    listed(bag)


def listed(bag: Path, *kinds: str) -> None:
    """Write the tag manifests anew, or those of other kinds, as anybody can."""
    for kind in kinds or ("tagmanifest",):
        Bag(bag)._write_manifests(kind, Bag(bag).measured())


def rewrite_lines(bag: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    rows = lines(bag)
    change(rows)
    text = "".join(f"{alone.canonical(row)}\n" for row in rows)
    (bag / alone.ROWS).write_bytes(text.encode())


def take(bag: Path, out: Path, number: int = 0) -> Path:
    disclose(bag, lines(bag)[number]["row"]["row_sha256"], str(out), STORAGE)
    return out


@pytest.fixture
def part(small: Path, tmp_path: Path) -> Path:
    """The first claim of the bag, taken out of it."""
    return take(small, tmp_path / "part")


# --- bytes and files


@pytest.mark.parametrize(
    ("kind", "shares"), [("small", (0, 0.37, 0.5, 0.999)), ("part", (0, 0.33, 0.5, 0.999))]
)
def test_one_changed_byte_is_named(
    request: pytest.FixtureRequest, kind: str, shares: tuple[float, ...]
) -> None:
    bag: Path = request.getfixturevalue(kind)
    for name in files(bag):
        size = (bag / name).stat().st_size
        assert size, name
        for place, mask in zip(sorted({int(share * size) for share in shares}), cycle((1, 32)), strict=False):
            with flipped(bag / name, place, mask):
                assert names_it(alone.check(str(bag)), name), (name, place, mask)
    assert not alone.check(str(bag)).faults


@pytest.mark.full
def test_both_verifiers_name_what_has_changed(small: Path) -> None:
    for name in files(small):
        if name != alone.VERIFIER:
            with flipped(small / name, (small / name).stat().st_size // 2):
                code, said = by_itself(small)
                assert names_it(verified(small), name), name
                assert (code, f"REFUSED {name}" in said) == (1, True), name


def test_what_is_added_or_taken_away_is_named(small: Path) -> None:
    for name in ("more.txt", "data/more.txt", "data/records/more.bin", "stamps/99.tsr", "manifest-md5.txt"):
        path = small / name
        is_folder_new = not path.parent.exists()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"more")
        assert name in alone.check(str(small)).faults
        path.unlink()
        if is_folder_new:
            assert path.parent.name in alone.check(str(small)).faults
            path.parent.rmdir()
    for name in files(small):
        kept = (small / name).read_bytes()
        (small / name).unlink()
        assert names_it(alone.check(str(small)), name), name
        (small / name).write_bytes(kept)
    assert not alone.check(str(small)).faults


UNSEALED_FILES = {
    "small": [
        "tagmanifest-of-the-court.pdf", "tagmanifest-sha1.txt", "manifest-of-guilt.txt",
        "manifest-sha256.txt.pdf", "stamps/judgement.txt", "stamps/more/01-x.tsr", "stamps/01-nobody.pem",
    ],
    "part": ["CONCLUSION.txt", "README.txt", "more/letter.pdf"],
}  # fmt: skip


@pytest.mark.parametrize("kind", UNSEALED_FILES)
def test_unsealed_files_are_refused_though_listed(request: pytest.FixtureRequest, kind: str) -> None:
    bag: Path = request.getfixturevalue(kind)
    for name in UNSEALED_FILES[kind]:
        (bag / name).parent.mkdir(parents=True, exist_ok=True)
        (bag / name).write_text("the court has confirmed this")
    assert [name for name in UNSEALED_FILES[kind] if not refused(bag, name)] == []
    listed(bag)
    assert [name for name in UNSEALED_FILES[kind] if not refused(bag, name)] == []


def test_empty_folders_are_refused(small: Path, part: Path) -> None:
    for bag in (small, part):
        for name in (names := ("more", "data/records/more", "data/tables/a/b")):
            (bag / name).mkdir(parents=True, exist_ok=True)
        assert [name for name in names if not refused(bag, name)] == []


def test_a_link_is_refused_wherever_it_leads(small: Path, tmp_path: Path) -> None:
    record = next(name for name in files(small) if name.startswith("data/records/"))
    (small / record).rename(tmp_path / "record")
    (small / record).symlink_to(tmp_path / "record")
    (small / "data/folder").symlink_to(tmp_path)
    (small / "data/link").symlink_to("/etc/hostname")
    os.mkfifo(small / "data/pipe")
    for name in (record, "data/folder", "data/link", "data/pipe"):
        assert refused(small, name)


def test_a_folder_that_cannot_be_read_is_no_absence(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(folder: str, **options: Any) -> Any:
        options["onerror"](PermissionError(13, "Permission denied", str(small / "data/records")))
        return iter([])

    monkeypatch.setattr(alone.os, "walk", walk)
    assert alone.check(str(small)).faults["data/records"] == "cannot be read: Permission denied"


def test_a_name_that_is_no_text_breaks_lines_or_steers_terminals_is_shown_harmless(small: Path) -> None:
    names = [
        *(b"data/\xff.bin", b"data/a\nb", b"data/a\rb", b"data/a%0Ab"),
        *(name.encode() for name in ("data/\u202egpj.exe", "data/ev\x1b[31mil\n\u202e")),
    ]
    for name in names:
        Path(os.fsdecode(os.fsencode(small) + b"/" + name)).write_bytes(b"x")
    code, said = by_itself(small)
    assert (code, said.replace("\n", "").isprintable()) == (1, True)
    assert said.count("was added: no manifest lists it") == 1
    assert said.count("tools for BagIt") == len(names) - 1
    assert r"REFUSED data/ev\x1b[31mil\n" in said
    assert len(verified(small).faults) >= len(names)
    done = outcome("evidence verify", small)
    assert (done.code, done.err.replace("\n", "").isprintable()) == (1, True)


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


# --- the seal


def test_who_changes_a_row_and_all_manifests_still_breaks_the_seal(small: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[0]["source"]["shard_uri"] = rows[0]["source"]["shard_uri"].swapcase()

    rewrite_lines(small, change)
    listed(small, "manifest", "tagmanifest")
    assert bagit.Bag(str(small)).validate()
    faults = alone.check(str(small)).faults
    assert {"the bag", "manifest-sha256.txt", "manifest-sha512.txt"} <= faults.keys()
    assert "the claims" not in faults


def test_a_bag_that_was_sealed_anew_shows_by_the_roots_that_both_verifiers_print(small: Path) -> None:
    noted = sealed_facts(small)
    kinds = ("claims root: {claims_root}", "bag root:    {bag_root}")
    of_noted = {kind.format(**noted) for kind in kinds}
    said = by_itself(small)[1]
    assert of_noted <= set(verified(small).notes) & set(said.splitlines())
    assert "1 records" not in said
    assert "1 record compared by" in said

    (small / "README.txt").write_text("the court has confirmed this")
    rewrite_lines(small, lambda rows: rows.pop())
    resealed(small)
    code, said = by_itself(small)
    # Whoever holds a bag can do this: only the roots tell, and the bag says so.
    assert (code, verified(small).faults) == (0, {})
    assert not of_noted & {*verified(small).notes, *said.splitlines()}
    assert "can change it and seal it again" in said


def test_another_verify_py_is_refused_even_if_sealed(small: Path, part: Path, tmp_path: Path) -> None:
    assert (part / alone.VERIFIER).read_bytes() == (small / alone.VERIFIER).read_bytes()
    (part / alone.VERIFIER).write_bytes(LIES)
    listed(part)
    assert alone.check(str(part)).faults == {alone.VERIFIER: UNSEALED}
    assert alone.VERIFIER in verified(part).faults

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


def test_verify_py_of_an_earlier_version_is_known(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ast.parse(Path(alone.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))
    assert all(len(bytes.fromhex(line)) == 32 for line in VERIFIERS.read_text("ascii").split())
    monkeypatch.setattr("presswatch_spark.legal.evidence.reading.verify.__file__", __file__)
    assert alone.VERIFIER in verified(small).faults
    known = small.with_name("verifiers.txt")
    known.write_text(sealed_facts(small)["verifier_sha256"] + "\n")
    monkeypatch.setattr("presswatch_spark.legal.evidence.reading.VERIFIERS", known)
    assert not verified(small).faults


# --- rows and records


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda rows: rows.insert(1, rows[0]), 2),
        (lambda rows: rows.reverse(), 2),
        (lambda rows: rows[0]["record"].update(path=None), 1),
    ],
    ids=["a row twice", "another order", "no record and no reason"],
)
def test_impossible_rows_are_refused_even_if_sealed(
    small: Path, change: Callable[[list[dict[str, Any]]], object], line: int
) -> None:
    rewrite_lines(small, change)
    resealed(small)
    assert refused(small, f"{alone.ROWS}:{line}")


NO_ROWS = [b"[" * 200_000, b'{"row":' * 50_000, b"9" * 10_000, b"\xff\xfe", b"null", b'{"row":1}\r']


@pytest.mark.parametrize("line", each_time(NO_ROWS[::2], NO_ROWS))
def test_a_line_that_is_no_row_is_named_and_stops_no_verifier(small: Path, line: bytes) -> None:
    path = small / alone.ROWS
    path.write_bytes(path.read_bytes() + line + b"\n")
    assert refused(small, f"{alone.ROWS}:7")


@pytest.mark.parametrize("name", [alone.SEAL, "data/declarations.jsonl", "a line of JSON"])
def test_nested_json_stops_no_verifier(small: Path, name: str) -> None:
    if name == "a line of JSON":
        name = next(row["record"]["path"] for row in lines(small) if row["record"]["kind"] == "line")
    (small / name).write_bytes(b"[" * 200_000 + b"\n")
    code, said = by_itself(small)
    assert (code, f"REFUSED {name}" in said) == (1, True)
    assert names_it(verified(small), name)


def test_a_text_under_the_name_of_another_is_refused(small: Path) -> None:
    one, other, *_ = sorted((small / "data/corpus/texts").iterdir())
    one.write_bytes(other.read_bytes())
    resealed(small)
    assert verified(small).faults == {
        f"data/corpus/texts/{one.name}": "is not the text with the digest of its name"
    }
    assert refused(small, f"data/corpus/texts/{one.name}")


@pytest.mark.parametrize("end", ["\u2028", "\x85", "\x0b", "\r\n "])
def test_a_header_that_continues_is_read_as_one(end: str) -> None:
    uri = f"WARC-Target-URI: https://a.example/{end}Content-Length: 1{end}WARC-Record-ID: other"
    head = f"WARC/1.0\r\nWARC-Record-ID: <urn:own>\r\nContent-Length: 4\r\n{uri}\r\n\r\n"
    warc = alone._warc(head.encode() + b"text\r\n\r\n")
    assert warc is not None
    assert (warc.fields["warc-record-id"], bytes(warc.block)) == ("<urn:own>", b"text")


def test_a_record_without_end_is_not_inflated(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = next(name for name in files(small) if name.endswith(".warc.gz"))
    bomb = gzip.compress(b"WARC/1.0\r\nContent-Length: 9\r\n\r\n" + bytes(20 << 20))
    monkeypatch.setattr(alone, "INFLATED_MOST", 1 << 20)
    assert alone._warc(bomb) is None
    monkeypatch.undo()
    (small / record).write_bytes(bomb)
    assert refused(small, record)


def test_nothing_is_drawn_from_an_empty_bag_or_by_words_that_are_no_text(small: Path) -> None:
    with pytest.raises(InputError, match="not UTF-8 text"):
        challenge(small, "a\udcff", 10, STORAGE)
    (small / alone.ROWS).write_bytes(b"")
    resealed(small)
    with pytest.raises(InputError, match="no rows"):
        challenge(small, "quatre chevaux", 10, STORAGE)


# --- one claim, taken out


def test_every_claim_verifies_alone(sealed: Path, tmp_path: Path) -> None:
    for number in range(0, len(lines(sealed)), 34):
        part = take(sealed, tmp_path / f"part-{number}", number)
        assert not verified(part).faults
        (line,) = lines(part)
        assert line == lines(sealed)[number]
        assert files(part / "data/records") == [Path(line["record"]["path"]).name]
    assert bagit.Bag(str(part)).validate()
    code, said = by_itself(part)
    assert (code, "everything is as it was sealed" in said) == (0, True)
    assert (part / alone.SEAL).read_bytes() == (sealed / alone.SEAL).read_bytes()


def test_a_part_says_nothing_of_other_claims(small: Path, part: Path) -> None:
    told = b"".join((part / name).read_bytes() for name in files(part))
    for line in lines(small)[1:]:
        assert line["row"]["row_sha256"].encode() not in told
    assert not (part / "data/corpus").exists()


def test_a_part_with_another_row_record_or_proof_is_refused(small: Path, part: Path, tmp_path: Path) -> None:
    def faults() -> dict[str, str]:
        listed(part, "manifest", "tagmanifest")
        return alone.check(str(part)).faults

    row, proof = ((part / name).read_bytes() for name in (alone.ROWS, alone.PROOF))
    rewrite_lines(part, lambda rows: rows[0]["source"].update(shard_uri="/elsewhere"))
    assert faults() == {alone.ROWS: UNSEALED}
    (part / alone.ROWS).write_bytes(row)
    for member in ("row", "claim"):
        for place in range(len(json.loads(proof)[member]["path"])):
            changed = json.loads(proof)
            changed[member]["path"][place] = "00" * 32
            (part / alone.PROOF).write_text(alone.canonical(changed) + "\n")
            assert faults() == {alone.ROWS: UNSEALED}
    (part / alone.PROOF).write_bytes(proof)
    assert faults() == {}
    record = lines(part)[0]["record"]["path"]
    (part / record).write_bytes((part / record).read_bytes() + b"x")
    assert record in faults()
    # A sibling does not verify with the proof of another.
    other = take(small, tmp_path / "other", 1)
    shutil.rmtree(part / "data/records")
    shutil.copytree(other / "data/records", part / "data/records")
    shutil.copy(other / alone.ROWS, part / alone.ROWS)
    assert faults()[alone.ROWS] == UNSEALED


@pytest.mark.parametrize(
    "proof", [b"{}", b"[]", b"1", b"nothing", b"\xff", b'{"format":"presswatch-proof-1"}']
)
def test_a_proof_that_is_none_is_refused(part: Path, proof: bytes) -> None:
    (part / alone.PROOF).write_bytes(proof)
    listed(part, "manifest", "tagmanifest")
    assert alone.PROOF in alone.check(str(part)).faults


def test_nothing_is_disclosed_of_other_rows_or_of_a_bag_that_was_changed(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "part"
    for prefix, why in (
        ("", "is not the start of a SHA-256"),
        ("xyz", "is not the start of a SHA-256"),
        ("0" * 64, "no row"),
    ):
        with pytest.raises(InputError, match=why):
            disclose(small, prefix, str(out), STORAGE)
    digest = lines(small)[0]["row"]["row_sha256"]
    with flipped(small / alone.ROWS, 9), pytest.raises(OutputError, match="does not verify"):
        disclose(small, digest, str(out), STORAGE)
    assert not out.exists()


# --- Merkle trees as RFC 9162 has them

# The leaves that Certificate Transparency's own tests have, and the roots of the first few of them.
LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def leaves(count: int) -> list[bytes]:
    return [alone.leaf_hash(b"%d" % number) for number in range(count)]


def by_definition(hashes: list[bytes]) -> bytes:
    """The root by the recursion of the standard, word by word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    return hashlib.sha256(b"\1" + by_definition(hashes[:half]) + by_definition(hashes[half:])).digest()


def test_roots_are_those_of_the_standard_and_those_that_others_publish() -> None:
    for size, root in ROOTS.items():
        assert alone.merkle_root([alone.leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == root
    for size in range(70):
        assert alone.merkle_root(leaves(size)) == by_definition(leaves(size))


@cases("size", [*range(1, 20), 33, 64, 65])
def test_a_path_leads_to_the_root_from_its_own_leaf_place_and_size_alone(size: int) -> None:
    for index in (-1, size, size + 6):
        assert alone.root_by_path(bytes(32), index, size, []) is None
    assert alone.root_by_path(bytes(32), 0, 0, []) is None
    hashes = leaves(size)
    root = alone.merkle_root(hashes)
    for index in range(size):
        path = alone.merkle_path(hashes, index)
        assert alone.root_by_path(hashes[index], index, size, path) == root
        others = [other for other in range(size) if other != index]
        assert all(alone.root_by_path(hashes[other], index, size, path) != root for other in others)
        assert all(alone.root_by_path(hashes[index], other, size, path) != root for other in others)
        for place in range(len(path)):
            changed = [*path[:place], bytes(32), *path[place + 1 :]]
            assert alone.root_by_path(hashes[index], index, size, changed) != root
        assert alone.root_by_path(hashes[index], index, size, [*path, bytes(32)]) is None


def test_der_that_is_cut_or_lies_about_lengths_is_no_time_stamp() -> None:
    assert alone.parts(b"\x02\x01\x05\x04\x82\x00\x03abc\x05\x00") == [(2, b"\x05"), (4, b"abc"), (5, b"")]
    for head, length in product(
        (b"\x30", b"\x02", b"\xa0"), (b"", b"\x00", b"\x05a", b"\x80", b"\x84\xff", b"\x85" + b"\1" * 9)
    ):
        with pytest.raises(ValueError, match=r".+"):
            alone.stamped(head + length)
