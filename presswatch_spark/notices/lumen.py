"""The notice as the Lumen database takes it: what may be published, and nothing personal.

Names of its fields are those of Lumen's API for new notices
(https://berkman-klein-center.gitbook.io/lumen-database/api/documentation). Nothing is sent there.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.notices.laws import Law
from presswatch_spark.notices.parties import Recipient, Sender

TYPES = {"dmca512": "DMCA", "fr": "Other", "dsa16": "Other", "optout": "Other"}
JURISDICTIONS = {"dmca512": "US", "fr": "FR", "dsa16": "EU", "optout": "EU"}


def lumen_of(
    law: Law,
    sender: Sender,
    recipient: Recipient,
    publishers: Sequence[Publisher],
    rows: Sequence[Mapping[str, Any]],
    drafted: date,
    lang: str,
) -> dict[str, Any]:
    """Return the notice without names of persons, addresses, telephone numbers or email addresses.

    Args:
        publishers: those whose articles are in the annex.
        rows: the annex's rows, with file, URL and the article's URL.
    """
    works = defaultdict[str, list[Mapping[str, Any]]](list)
    for row in rows:
        works[str(row["title"])].append(row)
    return {
        "notice": {
            "title": law.title[lang],
            "type": TYPES[law.id],
            "source": "Other",
            "jurisdiction_list": JURISDICTIONS[law.id],
            "language": lang,
            "date_sent": drafted.isoformat(),
            "works_attributes": [_work(title, works[title]) for title in sorted(works)],
            "entity_notice_roles_attributes": [
                {"name": "recipient", "entity_attributes": {"name": recipient.name}},
                {"name": "sender", "entity_attributes": {"name": sender.name, "kind": "organization"}},
                *(
                    {
                        "name": "principal",
                        "entity_attributes": {"name": publisher.legal_name or publisher.name},
                    }
                    for publisher in publishers
                ),
            ],
        }
    }


def _work(title: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    copies = sorted({row["document_url"] or row["file"] for row in rows})
    works = sorted({row["article_url"] for row in rows if row["article_url"]})
    return {
        "description": title,
        "kind": "article",
        "infringing_urls_attributes": [{"url": url} for url in copies],
        "copyrighted_urls_attributes": [{"url": url} for url in works],
    }
