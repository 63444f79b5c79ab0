"""Digests as 32 bytes: they come back as they were, and nothing else is packed."""

from __future__ import annotations

from hashlib import sha256

import pyarrow as pa
import pytest

from presswatch_spark.changes.packing import OtherTextError, digits_of, packed, with_digits

DIGESTS = [sha256(bytes([k])).hexdigest() for k in range(40)]
WITH_NULLS = [None if k % 3 == 0 else digest for k, digest in enumerate(DIGESTS)]


@pytest.mark.parametrize("values", [DIGESTS, WITH_NULLS, [], [None]])
def test_digests_come_back_as_they_were(values: list[str | None]) -> None:
    digests = packed(pa.array(values, pa.string()))
    assert digests.type == pa.binary(32)
    assert digits_of(digests).to_pylist() == values


def test_a_part_of_an_array_comes_back_as_it_was() -> None:
    digests = packed(pa.array(["", *WITH_NULLS], pa.string())[1:])
    assert digits_of(digests[5:31]).to_pylist() == WITH_NULLS[5:31]


def test_what_is_not_packed_stays() -> None:
    words = pa.array(["a", None]).dictionary_encode()
    assert with_digits(words) is words


@pytest.mark.parametrize(
    "other", ["", "text", DIGESTS[1].upper(), DIGESTS[1][:-1] + "g", DIGESTS[1][:-1] + "é", DIGESTS[1] + "00"]
)
def test_another_text_than_a_digest_is_refused(other: str) -> None:
    with pytest.raises(OtherTextError):
        packed(pa.array([DIGESTS[0], other]))


def test_texts_of_other_lengths_that_add_up_are_refused() -> None:
    with pytest.raises(OtherTextError):
        packed(pa.array([DIGESTS[0][:-2], DIGESTS[1] + "00"]))
