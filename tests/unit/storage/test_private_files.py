"""Outputs with texts of articles or verdicts are their owner's alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from presswatch_spark.legal.evidence.bag import new_bag
from presswatch_spark.legal.notices.notice import new_notice
from presswatch_spark.legal.review.desk import ReviewFile
from presswatch_spark.query.exports import export
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions, write_object

STORAGE = StorageOptions()


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """A host whose users share all that they write."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "xlsx"])
def test_an_export_is_its_owners_alone(ending: str, tmp_path: Path) -> None:
    export(str(tmp_path / f"x.{ending}"), pa.schema({"text": pa.string()}), [("un",)], STORAGE)
    assert mode(tmp_path / f"x.{ending}") == 0o600


def test_verdicts_are_their_owners_alone_until_the_owner_shares_them(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    file = ReviewFile.of(str(path), STORAGE)
    file.add("a" * 64, "claim", "Anne", "")
    assert mode(path) == 0o600
    path.chmod(0o660)
    file.add("b" * 64, "no_claim", "Benoît", "")
    assert mode(path) == 0o660
    assert len(file.read()) == 2


def test_a_bag_and_a_notice_are_their_owners_alone(tmp_path: Path) -> None:
    with new_bag(str(tmp_path / "bag"), STORAGE) as bag:
        bag.write("data/texts/a.txt", b"un article")
    with new_notice(str(tmp_path / "notice"), STORAGE) as folder:
        (folder / "letter.txt").write_text("un article")
    for made in ("bag", "notice"):
        assert mode(tmp_path / made) == 0o700
        modes = {mode(path) for path in (tmp_path / made).rglob("*") if path.is_file()}
        assert modes == {0o600}


def test_tables_and_other_folders_keep_the_permissions_that_the_host_gives(tmp_path: Path) -> None:
    write_object(str(tmp_path / "a"), b"x", STORAGE)
    with Folder.of(str(tmp_path), STORAGE).new_file("b") as draft:
        draft.write_bytes(b"x")
    with new_folder(str(tmp_path / "case"), STORAGE, "a") as folder:
        (folder / "a").write_bytes(b"x")
    assert {mode(tmp_path / name) for name in ("a", "b", "case/a")} == {0o666}
