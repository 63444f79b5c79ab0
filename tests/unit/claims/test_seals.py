"""Digests of claims are those that anybody can reckon by the documentation."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from random import Random

import pyarrow as pa

from presswatch_spark.claims.make import claim_digests
from presswatch_spark.tables.declarations import Claim
from presswatch_spark.tables.digests import digest_of, row_digest, table_digest
from tests.world.tables import row_of


def test_a_claim_has_the_canonical_form_of_a_row() -> None:
    url = 'https://exemple.fr/é"\\\u001f\u007f\u2028😀'
    row = row_of(
        Claim,
        document_url=url,
        captured_at=datetime(2024, 5, 18, 1, 58, 10, 120_000, UTC),
        reasons=["own_url"],
        article_known=True,
        article_words=12,
    )
    table = pa.Table.from_pylist([row], Claim.schema)
    (digest,) = claim_digests({name: table[name] for name in table.column_names})
    # `row_digest` leaves out what names a row of `matches`; a claim is about it.
    renamed = {name if name != "row_sha256" else "row_sha256_": value for name, value in row.items()}
    plain = {name: value for name, value in row.items() if name not in ("run_id", "claim_sha256")}
    moments = {"captured_at": "2024-05-18T01:58:10.120000Z"}
    text = json.dumps(plain | moments, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    assert digest == hashlib.sha256(text.encode()).hexdigest()
    assert row_digest(renamed) != digest


def test_the_digest_of_a_table_is_that_of_its_rows() -> None:
    random = Random(1)
    digests = [hashlib.sha256(str(random.randrange(500)).encode()).hexdigest() for _ in range(3_000)]
    whole = pa.array(digests)
    parts = [whole.slice(first, 700) for first in range(0, len(digests), 700)]
    assert digest_of(parts) == table_digest(digests)
    assert digest_of([]) == table_digest([])


def test_digests_with_zeros_sort_as_their_digits_do() -> None:
    digests = ["ab" + "00" * 31, "ab" * 32, "ab" + "00" * 30 + "01", "00" * 32]
    assert digest_of([pa.array(digests)]) == table_digest(digests)
