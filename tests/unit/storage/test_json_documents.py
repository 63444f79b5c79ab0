"""JSON that somebody else may have written: every fault of it is one kind of error."""

from collections.abc import Callable
from pathlib import Path

import pytest

from presswatch_spark.claims.reviews import load_reviews
from presswatch_spark.core.errors import ConfigError, CorruptError, OutputError
from presswatch_spark.legal.notices.notice import Notice
from presswatch_spark.scanning.campaigns.plan import plan_of
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.json_documents import DEEPEST, parse_json
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.world.proofs import cases

LOCAL = StorageOptions()
DEEP = ["[" * 200 + "]" * 200, '{"a":' * 900 + "1" + "}" * 900, "[" * 100_000, '{"layout":' * 100_000]


@cases("text", [*DEEP, "", "{", "nul", b"\xff", '{"a": 1}x'])
def test_what_is_no_document_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


def test_usual_nesting_is_read() -> None:
    assert parse_json("[" * (DEEPEST - 1) + "]" * (DEEPEST - 1))
    assert parse_json('{"a": [{"b": null}]}') == {"a": [{"b": None}]}


@pytest.mark.parametrize("text", DEEP)
@pytest.mark.parametrize(
    ("name", "read", "error"),
    [
        ("campaign.json", lambda folder: plan_of(Folder.of(folder, LOCAL)), CorruptError),
        ("notice.json", lambda folder: Notice.open(folder, LOCAL), OutputError),
        ("_presswatch.json", lambda folder: TableStore.open(folder, LOCAL), OutputError),
        ("reviews.jsonl", lambda folder: load_reviews([f"{folder}/reviews.jsonl"], LOCAL), ConfigError),
    ],
    ids=["campaign", "notice", "tables", "reviews"],
)
def test_deeply_nested_files_are_refused_with_their_place(
    tmp_path: Path, text: str, name: str, read: Callable[[str], object], error: type[Exception]
) -> None:
    (tmp_path / "SHA256SUMS").touch()
    (tmp_path / name).write_text(text + "\n")
    with pytest.raises(error, match=str(tmp_path)):
        read(str(tmp_path))
