"""One claim taken out of a bag: it verifies without the rest, and nothing beside it can be exchanged."""

from __future__ import annotations

import json
from pathlib import Path

import bagit
import pytest

from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.legal.evidence import verify as alone
from presswatch_spark.legal.evidence.bag import Bag
from presswatch_spark.legal.evidence.reading import disclose, verified
from presswatch_spark.storage.objects import StorageOptions
from tests.world.bags import by_itself, files, flipped, lines

STORAGE = StorageOptions()


def take(bag: Path, out: Path, number: int = 0) -> Path:
    disclose(bag, lines(bag)[number]["row"]["row_sha256"], str(out), STORAGE)
    return out


def resealed(part: Path) -> None:
    """Write all manifests of a part anew, as who forges one would."""
    bag = Bag(part)
    for kind in ("manifest", "tagmanifest"):
        bag._write_manifests(kind, bag.measured())


def test_every_claim_verifies_alone(sealed: Path, tmp_path: Path) -> None:
    for number in range(0, len(lines(sealed)), 34):
        part = take(sealed, tmp_path / f"part-{number}", number)
        assert not verified(part).faults
        (line,) = lines(part)
        assert line == lines(sealed)[number]
        assert sorted(files(part / "data/records")) == [Path(line["record"]["path"]).name]
    assert bagit.Bag(str(part)).validate()
    code, said = by_itself(part)
    assert (code, "all of it is as it was sealed" in said) == (0, True)
    assert (part / alone.SEAL).read_bytes() == (sealed / alone.SEAL).read_bytes()


def test_a_part_says_nothing_of_other_claims(small: Path, tmp_path: Path) -> None:
    part = take(small, tmp_path / "part")
    others = [line["row"] for line in lines(small)[1:]]
    told = b"".join((part / name).read_bytes() for name in files(part))
    for row in others:
        assert row["row_sha256"].encode() not in told
    assert not (part / "data/corpus").exists()


def test_a_changed_byte_in_a_part_is_named(small: Path, tmp_path: Path) -> None:
    part = take(small, tmp_path / "part")
    for name in files(part):
        size = (part / name).stat().st_size
        for place in (0, size // 3, size // 2, size - 1):
            with flipped(part / name, place):
                faults = alone.check(str(part)).faults
                assert any(fault == name or fault.startswith(f"{name}:") for fault in faults), (name, place)


def test_a_sibling_does_not_verify_with_the_proof_of_another(small: Path, tmp_path: Path) -> None:
    part, other = take(small, tmp_path / "part"), take(small, tmp_path / "other", 1)
    (part / alone.ROWS).write_bytes((other / alone.ROWS).read_bytes())
    for name in files(other / "data/records"):
        (part / "data/records" / name).write_bytes((other / "data/records" / name).read_bytes())
    resealed(part)
    faults = alone.check(str(part)).faults
    assert faults[alone.ROWS] == "is not what was sealed"


@pytest.mark.parametrize("member", ["row", "claim"])
def test_a_changed_hash_beside_the_way_leads_elsewhere(small: Path, tmp_path: Path, member: str) -> None:
    part = take(small, tmp_path / "part")
    proof = json.loads((part / alone.PROOF).read_bytes())
    for place in range(len(proof[member]["path"])):
        changed = json.loads(json.dumps(proof))
        changed[member]["path"][place] = "00" * 32
        (part / alone.PROOF).write_text(alone.canonical(changed) + "\n")
        resealed(part)
        assert alone.check(str(part)).faults == {alone.ROWS: "is not what was sealed"}


def test_a_forged_row_or_record_is_not_what_was_sealed(small: Path, tmp_path: Path) -> None:
    part = take(small, tmp_path / "part")
    kept = (part / alone.ROWS).read_bytes()
    fields = json.loads(kept)
    fields["source"]["shard_uri"] = "/elsewhere"
    (part / alone.ROWS).write_bytes(alone.canonical(fields).encode() + b"\n")
    resealed(part)
    assert alone.check(str(part)).faults == {alone.ROWS: "is not what was sealed"}
    (part / alone.ROWS).write_bytes(kept)
    record = part / fields["record"]["path"]
    record.write_bytes(record.read_bytes() + b"x")
    resealed(part)
    assert fields["record"]["path"] in alone.check(str(part)).faults


@pytest.mark.parametrize(
    "proof", [b"{}", b"[]", b"1", b"nothing", b"\xff", b'{"format":"presswatch-proof-1"}']
)
def test_a_proof_that_is_none_is_refused(small: Path, tmp_path: Path, proof: bytes) -> None:
    part = take(small, tmp_path / "part")
    (part / alone.PROOF).write_bytes(proof)
    resealed(part)
    assert alone.PROOF in alone.check(str(part)).faults


@pytest.mark.parametrize(
    ("prefix", "why"), [("", "begins no SHA-256"), ("xyz", "begins no"), ("0" * 64, "no row")]
)
def test_a_row_that_is_not_there_is_not_disclosed(small: Path, tmp_path: Path, prefix: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        disclose(small, prefix, str(tmp_path / "part"), STORAGE)
    assert not (tmp_path / "part").exists()


def test_nothing_is_disclosed_of_a_bag_that_was_changed(small: Path, tmp_path: Path) -> None:
    digest = lines(small)[0]["row"]["row_sha256"]
    with flipped(small / alone.ROWS, 9), pytest.raises(OutputError, match="does not verify"):
        disclose(small, digest, str(tmp_path / "part"), STORAGE)
    assert not (tmp_path / "part").exists()
