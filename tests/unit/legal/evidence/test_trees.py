"""Merkle trees as RFC 9162 has them: roots that others publish, and paths that lead to them alone."""

from __future__ import annotations

import hashlib
from itertools import product

import pytest

from presswatch_spark.legal.evidence import verify as alone

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


@pytest.mark.parametrize("size", ROOTS)
def test_roots_are_those_that_others_publish(size: int) -> None:
    assert alone.merkle_root([alone.leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size]


@pytest.mark.parametrize("size", range(70))
def test_a_root_is_that_of_the_standard(size: int) -> None:
    assert alone.merkle_root(leaves(size)) == by_definition(leaves(size))


@pytest.mark.parametrize("size", [*range(1, 20), 33, 64, 65])
def test_a_path_leads_to_the_root_from_its_own_leaf_place_and_size_alone(size: int) -> None:
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


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3), (9, 3)])
def test_no_path_leads_from_outside_of_a_tree(index: int, size: int) -> None:
    assert alone.root_by_path(bytes(32), index, size, []) is None


def test_der_that_is_cut_or_lies_about_lengths_is_no_time_stamp() -> None:
    for head, length in product(
        (b"\x30", b"\x02", b"\xa0"), (b"", b"\x00", b"\x05a", b"\x80", b"\x84\xff", b"\x85" + b"\1" * 9)
    ):
        with pytest.raises(ValueError, match=r".+"):
            alone.stamped(head + length)
