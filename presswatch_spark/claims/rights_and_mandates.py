"""Mandates and rights of claims, by dates and the members file; counsel confirms the rules.

*Author's right* lasts 70 years from 1 January after the author's death (CPI L. 123-1), or after the
publication of a collective or anonymous work (L. 123-3). As deaths are unknown here, a claim has it only for
the shorter of the two times.

*The right of press publishers* (CPI L. 218-1 and following) lasts two years from 1 January after the first
publication (L. 211-4, V). It does not apply to publications before 6 June 2019 (Directive (EU) 2019/790,
article 15, paragraph 4), nor to publishers that are not established in the EU or EEA (paragraph 1). If the
members file names no country, it is not claimed.

A *mandate* must be in force on the day of acting, a right on the day of judgement.
"""

from datetime import date, datetime

from presswatch_spark.corpus.members import Publisher
from presswatch_spark.tables.column_values import MandateState

AUTHOR, PRESS_PUBLISHER = "author", "press_publisher"
PRESS_PUBLISHER_AT_CAPTURE = "press_publisher_at_capture"
"""The press publishers' right was in force at the capture, and has ended since."""
RIGHTS = (AUTHOR, PRESS_PUBLISHER, PRESS_PUBLISHER_AT_CAPTURE)
AUTHOR_YEARS, PRESS_PUBLISHER_YEARS = 70, 2
PRESS_PUBLISHERS_SINCE = date(2019, 6, 6)


def mandate_of(publisher: Publisher | None, day: date) -> MandateState:
    """Return the state of a publisher's mandate on the day of acting.

    `before` and `after`: outside its days, or before the day of its deed. `none`: no mandate is known.
    """
    if publisher is None or not publisher.has_mandate:
        return "none"
    deed = publisher.mandate_document
    if publisher.mandate_to is not None and day > publisher.mandate_to:
        return "after"
    first_days = (publisher.mandate_from, deed.signed_on if deed else None)
    if any(first is not None and day < first for first in first_days):
        return "before"
    return "in_force"


def rights_of(
    published_at: datetime | None, captured_at: datetime | None, as_of: date, publisher: Publisher | None
) -> list[str]:
    """Return the rights that can be invoked for an article, in the order of `RIGHTS`.

    `published_at`: of the article; if None, there are none. `as_of`: the day of judgement.
    """
    if published_at is None or published_at.date() > as_of:
        return []
    published = published_at.date()
    rights = [AUTHOR] if _in_force(published, as_of, AUTHOR_YEARS) else []
    if published >= PRESS_PUBLISHERS_SINCE and publisher is not None and publisher.is_in_eea:
        if _in_force(published, as_of, PRESS_PUBLISHER_YEARS):
            rights.append(PRESS_PUBLISHER)
        elif captured_at and _in_force(published, captured_at.date(), PRESS_PUBLISHER_YEARS):
            rights.append(PRESS_PUBLISHER_AT_CAPTURE)
    return rights


def last_day(published: date, years: int = PRESS_PUBLISHER_YEARS) -> date:
    """Return the last day of a right that lasts for `years` from 1 January after publication."""
    return date(published.year + years, 12, 31)


def _in_force(published: date, day: date, years: int) -> bool:
    return published <= day <= last_day(published, years)
