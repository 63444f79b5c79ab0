"""Whether a publisher's mandate covers a claim."""

from datetime import date

from presswatch_spark.corpus.registry import Publisher

MANDATES = ("in_force", "before", "after", "none")
"""How a mandate stands to a claim; see `mandate_of`."""


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
