"""A campaign on S3: planned, killed, resumed, and carried out there; changes are noticed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.legal.notices import plan as plans
from presswatch_spark.legal.notices.journal import BrokenCampaignError
from presswatch_spark.legal.notices.plan import plan_campaign
from presswatch_spark.legal.notices.register import Register
from presswatch_spark.storage.objects import StorageOptions
from tests.world.campaigns import PLANNED, bureaux
from tests.world.commands import outcome
from tests.world.places import Bucket
from tests.world.servers import web


def test_a_campaign_on_s3_is_as_on_disk(s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, campaign = StorageOptions(endpoint=s3.endpoint), "s3://shards/campaign"
    notice, day, made = f"{campaign}/notices/syndicat-aws-fr", datetime.now(UTC).date(), list[str]()
    drafted = plans.draft_notice

    def killed(order: Any, out: str, storage: StorageOptions) -> Any:
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(out)
        return drafted(order, out, storage)

    with web() as server:
        office = bureaux(tmp_path, server)
        order = office.order(senders=[str(tmp_path / "syndicat.yaml")])
        with monkeypatch.context() as patch:
            patch.setattr(plans, "draft_notice", killed)
            with pytest.raises(KeyboardInterrupt):
                plan_campaign(order, campaign, storage)
        journal = plan_campaign(order, campaign, storage)
        assert len(journal.entries) == len(journal.plan["notices"]) == 6
        receipt = tmp_path / "receipt.txt"
        receipt.write_text("receipt", "utf-8")
        for words in (
            ["sign", "--by", "Jeanne Valmont", "--on", PLANNED],
            ["check"],
            ["sent", "--on", PLANNED + timedelta(days=1), "--file", receipt],
        ):
            done = outcome("notice", *words, "--endpoint", s3.endpoint, notice)
            assert done.code == 0, done.err
        states = {each.id: each.found.state for each in Register.open(campaign, day, storage).notices}
        assert (states["syndicat-aws-fr"], len(states)) == ("sent", 6)
        s3.client.delete_object(Bucket="shards", Key="campaign/notices/syndicat-aws-fr/events/0004.json")
        with pytest.raises(BrokenCampaignError, match=r"events/0004\.json"):
            Register.open(campaign, day, storage)
