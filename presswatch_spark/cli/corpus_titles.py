"""What a corpus has of each title, as lines for people that fit 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from presswatch_spark.show import counted, table_lines, terminal_width

if TYPE_CHECKING:
    from presswatch_spark.corpus.manifest import Manifest, TitleCounts

HEADERS = ("title", "articles", "years", "undated", "refused", "why refused")
COLUMNS = 80
TITLES_NAMED = 20


def title_lines(manifest: Manifest) -> list[str]:
    """A table of all titles of the members file, and what is odd about their dates."""
    counts = manifest.counts
    if not counts.titles:  # a corpus of an older version
        return []
    rows: list[tuple[object, ...]] = [
        (
            title,
            found.articles,
            _years(found),
            found.undated or None,
            sum(found.refused.values()) or None,
            _reasons(found),
        )
        for title, found in counts.titles.items()
    ]
    other = sum(counts.refused.values()) - sum(
        sum(found.refused.values()) for found in counts.titles.values()
    )
    if other:
        rows.append(("(other rows)", None, None, None, other, "title unknown or missing"))
    return [*table_lines(HEADERS, rows, terminal_width() or COLUMNS), *_notes(manifest)]


def titles_without_articles(manifest: Manifest) -> list[str]:
    """Lines that name the titles of which no article came in, each with the reason; none if all have some."""
    counts = manifest.counts
    empty = {title: found for title, found in counts.titles.items() if not found.articles}
    if not empty:
        return []
    has = "have" if len(empty) > 1 else "has"
    lines = [f"error: {len(empty):,} of {len(counts.titles):,} titles of the members file {has} no article:"]
    for title, found in list(empty.items())[:TITLES_NAMED]:
        refused = (
            f"{counted(sum(found.refused.values()), 'row')} refused ({_reasons(found)}): {found.example}"
        )
        lines.append(f"  {title}: {refused if found.refused else 'no row names it'}")
    if len(empty) > TITLES_NAMED:
        lines.append(f"  and {len(empty) - TITLES_NAMED:,} more")
    return lines


def _notes(manifest: Manifest) -> Iterator[str]:
    titles = manifest.counts.titles
    if odd := {title: found.placeholders for title, found in titles.items() if found.placeholders}:
        count = sum(odd.values())
        yield (
            f"{count:,} date{'s stand' if count > 1 else ' stands'} for none (1970-01-01, the year 1), and"
            f" {'were' if count > 1 else 'was'} left out:"
            f" {_listed(f'{title} {count:,}' for title, count in odd.items())}"
        )
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    if late := {title: found.last for title, found in titles.items() if (found.last or "") > tomorrow}:
        yield f"articles are dated after today: {_listed(f'{title} {day}' for title, day in late.items())}"


def _listed(items: Iterator[str]) -> str:
    named = list(items)
    more = len(named) - TITLES_NAMED
    return ", ".join(named[:TITLES_NAMED]) + (f", and {counted(more, 'title')} more" if more > 0 else "")


def _years(found: TitleCounts) -> str:
    if not (found.first and found.last):
        return ""
    first, last = found.first[:4], found.last[:4]
    return first if first == last else f"{first}-{last}"


def _reasons(found: TitleCounts) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in found.refused.items())
