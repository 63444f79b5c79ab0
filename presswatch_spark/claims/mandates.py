"""What a claim rests on by dates alone: a mandate, and rights, whose rules are for counsel to confirm.

*Author's right* lasts 70 years from 1 January after the author's death (CPI L. 123-1), or after the
publication of a collective or anonymous work (L. 123-3). Nobody here knows when authors died. So it is given
for the shorter of the two: 70 years from 1 January after publication.

*The right of press publishers* (CPI L. 218-1 and following) lasts two years from 1 January after the first
publication (L. 211-4, V). It does not hold for what was published before 6 June 2019, the day on which
Directive (EU) 2019/790 entered into force (its article 15, paragraph 4).

A right can be invoked against what a dataset does today if it is in force on the day of judgement.
"""

from datetime import date, datetime

from presswatch_spark.corpus.registry import Publisher

MANDATES = ("in_force", "before", "after", "none")
"""How a mandate stands to a claim; see `mandate_of`."""
AUTHOR, PRESS_PUBLISHER = "author", "press_publisher"
PRESS_PUBLISHER_AT_CAPTURE = "press_publisher_at_capture"
"""The press publishers' right was in force at the capture, and has ended since."""
RIGHTS = (AUTHOR, PRESS_PUBLISHER, PRESS_PUBLISHER_AT_CAPTURE)
AUTHOR_YEARS, PRESS_PUBLISHER_YEARS = 70, 2
PRESS_PUBLISHERS_SINCE = date(2019, 6, 6)


def mandate_of(publisher: Publisher | None, published: date | None, as_of: date) -> str:
    """Return whether a publisher's mandate covers both the day of publication and the day of judgement.

    Returns: `in_force`: it covers both days. `after`: one of them lies after its last day. `before`: one of
    them lies before its first day. `none`: the members' file states no mandate, or it begins on a day and
    nobody knows whether the article was published before it.

    Args:
        publisher: None if no member is known.
        published: day of publication; None if not known.
        as_of: day of judgement.
    """
    if publisher is None or not publisher.has_mandate:
        return "none"
    days = [day for day in (published, as_of) if day is not None]
    if publisher.mandate_to is not None and max(days) > publisher.mandate_to:
        return "after"
    if publisher.mandate_from is not None and min(days) < publisher.mandate_from:
        return "before"
    if published is None and publisher.mandate_from is not None:
        return "none"
    return "in_force"


def rights_of(published_at: datetime | None, captured_at: datetime | None, as_of: date) -> list[str]:
    """Return the rights that can be invoked for an article, in the order of `RIGHTS`.

    Args:
        published_at: of the article; without it nothing can be reckoned, and there is none.
        captured_at: of the page; without it, nothing is said of that day.
        as_of: the day of judgement.
    """
    if published_at is None or published_at.date() > as_of:
        return []
    published = published_at.date()
    rights = [AUTHOR] if _in_force(published, as_of, AUTHOR_YEARS) else []
    if published >= PRESS_PUBLISHERS_SINCE:
        if _in_force(published, as_of, PRESS_PUBLISHER_YEARS):
            rights.append(PRESS_PUBLISHER)
        elif captured_at and _in_force(published, captured_at.date(), PRESS_PUBLISHER_YEARS):
            rights.append(PRESS_PUBLISHER_AT_CAPTURE)
    return rights


def last_day(published: date, years: int = PRESS_PUBLISHER_YEARS) -> date:
    """Return the last day of a right that lasts so many years from 1 January after publication."""
    return date(published.year + years, 12, 31)


def _in_force(published: date, day: date, years: int) -> bool:
    return published <= day <= last_day(published, years)
