"""A campaign of notices on S3: planned, checked and recorded there, with recipients that it found itself."""

from pathlib import Path

import yaml

from presswatch_spark.legal.notices.journal import Journal
from presswatch_spark.legal.notices.plan import plan_campaign
from tests.world.campaigns import PLANNED, bureaux
from tests.world.commands import outcome
from tests.world.places import Bucket
from tests.world.servers import web


def test_a_notice_to_a_reuploader_in_a_campaign_on_s3_is_checked_and_signed(
    s3: Bucket, tmp_path: Path
) -> None:
    campaign = f"{s3.uri}/campaign"
    notice = f"{campaign}/notices/alliance-hf-some-body-dsa16"
    with web() as server:
        office = bureaux(tmp_path, server)
        recipients = yaml.safe_load(office.recipients.read_bytes())
        (hub,) = (each for each in recipients["recipients"] if each["id"] == "hugging-face")
        hub["places"] = ["hf://", "https://huggingface.co/"]
        office.recipients.write_text(yaml.safe_dump({"recipients": [hub]}), "utf-8")
        mirror = office.crawl.mirror.__class__(str(office.crawl.shards), "hf://datasets/some-body/dump")
        order = office.order(mirrors=(mirror,), senders=[str(office.folder / "alliance.yaml")])
        planned = plan_campaign(order, campaign, s3.storage)
        assert len(planned.digests) == len(planned.plan["notices"])
        done = outcome("notice check", *s3.there, notice)
        rules = {line.split(": ")[1] for line in done.out.splitlines() if line.startswith("refused: ")}
        assert (done.code, "query_differs" in rules) == (1, False), done.err
        words = ["notice", "sign", "--by", "Jeanne Valmont", "--on", PLANNED.isoformat(), *s3.there, notice]
        assert outcome("", *words).code == 0
        assert outcome("notice status", *s3.there, campaign).code == 0
    journal = Journal.at(campaign, s3.storage)
    assert journal
    assert journal.entries[-1]["kind"] == "signed"
    assert journal.pending is None
