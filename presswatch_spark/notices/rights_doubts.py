"""What of rights and mandates a machine cannot know, and whoever signs a notice must verify."""

from collections.abc import Iterator, Sequence
from datetime import date

from presswatch_spark.claims.mandates import PRESS_PUBLISHER, rights_of
from presswatch_spark.corpus.registry import Publisher
from presswatch_spark.notices.annex import publishers_of
from presswatch_spark.notices.facts import rights_claimed
from presswatch_spark.notices.grounds import NoticePlace
from presswatch_spark.notices.parties import Sender
from presswatch_spark.notices.wording import Sentence, sentence
from presswatch_spark.show import printable

NO_COUNTRY = (
    "verify before you send: the members file gives no country of {publisher}: the right of press"
    " publishers is"
    " not claimed for it"
)
OUTSIDE_EEA = (
    "verify before you send: {publisher} is established outside the EU and EEA ({country}): the"
    " right of press"
    " publishers is not claimed for it"
)
OLD_CLAIMS = (
    "verify before you send: by its country, {publisher} has the right of press publishers for"
    " {count} rows whose"
    " claims do not say so: build the corpus with this members file, and make the claims again"
)
NO_BASIS = (
    "verify before you send: the members file gives no rights_basis of {publisher}: the letter does"
    " not call it the"
    " holder of the author’s right"
)
NO_DEED_DAY = (
    "verify before you send: the members file gives no day (signed_on) of the deed by which"
    " {publisher} gave its"
    " mandate"
)


def doubts_of_rights(places: Sequence[NoticePlace], sender: Sender, drafted: date) -> Iterator[Sentence]:
    """Yield what the members file leaves open of the rights and mandates that a notice rests on."""
    for publisher in publishers_of(sender, places):
        name = printable(publisher.legal_name or publisher.name)
        if publisher.country is None:
            yield sentence(NO_COUNTRY, publisher=name)
        elif not publisher.is_in_eea:
            yield sentence(OUTSIDE_EEA, publisher=name, country=publisher.country)
        elif count := _rows_without_their_right(places, sender, publisher, drafted):
            yield sentence(OLD_CLAIMS, publisher=name, count=count)
        if not publisher.rights_basis:
            yield sentence(NO_BASIS, publisher=name)
        document = publisher.mandate_document
        if not sender.is_owner and document is not None and document.signed_on is None:
            yield sentence(NO_DEED_DAY, publisher=name)


def _rows_without_their_right(
    places: Sequence[NoticePlace], sender: Sender, publisher: Publisher, drafted: date
) -> int:
    """Count the places that have the press publishers’ right by the members file, and not by their claims."""
    ours = (place for place in places if place.target["publisher_id"] == publisher.id)
    lacking = (place for place in ours if PRESS_PUBLISHER not in rights_claimed(place, sender))
    return sum(
        PRESS_PUBLISHER
        in rights_of(place.match["article_published_at"], place.match["captured_at"], drafted, publisher)
        for place in lacking
    )


def last_mandate_day(places: Sequence[NoticePlace], sender: Sender) -> date | None:
    """Return the last day on which all mandates of a notice are in force; None if none of them ends."""
    if sender.is_owner:
        return None
    ends = [publisher.mandate_to for publisher in publishers_of(sender, places) if publisher.mandate_to]
    return min(ends, default=None)
