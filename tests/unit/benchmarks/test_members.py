"""The comparison of joined sealed corpora with one of the same articles."""

from pathlib import Path

import pytest

from benchmarks.scale import members


def test_joined_corpora_give_the_candidates_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "DOCUMENTS", 40)
    monkeypatch.setattr(members, "COPIED", 0.5)
    monkeypatch.setattr(members, "ROUNDS", 1)
    figures = members.measured(tmp_path, 50)
    one, joined = figures["pairs"]
    assert min(one, joined) >= 20, "each copied document has a candidate, at least"
    assert figures["articles"] == 50 * members.MEMBERS
