"""Notices on S3, of a case and tables on S3, are drafted, checked and followed as on a disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.legal.notices import notice as states
from presswatch_spark.legal.notices.notice import Notice, draft_notice
from presswatch_spark.legal.notices.parties import load_recipient
from presswatch_spark.legal.notices.rules import Checking, check_notice
from presswatch_spark.legal.removal.places import open_case
from presswatch_spark.storage.objects import StorageOptions
from tests.s3.uploads import upload
from tests.world.notices import DRAFTED, Bureau, bureau
from tests.world.release import release
from tests.world.servers import web


def passes(office: Bureau, where: str, storage: StorageOptions) -> bool:
    checking = Checking(sender=office.sender(), recipient=load_recipient("common-crawl"), again=True)
    return check_notice(where, checking, storage).passes


@pytest.mark.full
def test_a_notice_on_s3(tmp_path: Path, client: Any, bucket: str, endpoint: str) -> None:
    storage, where = StorageOptions(endpoint=endpoint), f"s3://{bucket}/notice"
    with web() as server:
        office = bureau(release(tmp_path, server))
        upload(client, bucket, office.crawl.tables, "tables")
        case, tables = f"s3://{bucket}/case", f"s3://{bucket}/tables"
        open_case(tables, case, confidences=("A", "B"), storage=storage)
        order = office.order(selection=office.select(case, storage=storage))
        drafted = draft_notice(order, where, storage)
        here = office.draft("here")
        annex = {name: digest for name, digest in here.notice.sums.items() if name.startswith("annex/")}
        assert {name: drafted.notice.sums[name] for name in annex} == annex
        with pytest.raises(OutputError, match="something already"):
            draft_notice(order, where, storage)
        states.sign(Notice.open(where, storage), "Jeanne Valmont", DRAFTED, None)
        assert passes(office, where, storage)
        states.send(Notice.open(where, storage), DRAFTED, None, None)
        assert states.state_of(Notice.open(where, storage), DRAFTED, storage).state == "sent"
        client.delete_object(Bucket=bucket, Key="notice/form.txt")
        assert not passes(office, where, storage)
