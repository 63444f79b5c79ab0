"""Lines of a case: 80 columns wide, each part under its title, facts beside their labels."""

from collections.abc import Iterator

from presswatch_spark.claims.speaker import wrapped
from presswatch_spark.show import columns_of, printable

COLUMNS = 80
LABEL_COLUMNS = 16


def labelled(label: str, text: str) -> Iterator[str]:
    """Yield a label and its text beside it."""
    room = COLUMNS - LABEL_COLUMNS
    # An address is not broken: it would not be one any more.
    lines = [text] if " " not in text else wrapped(text, room)
    for line, first in zip(lines, [label, *[""] * len(lines)], strict=False):
        yield f"{first:<{LABEL_COLUMNS}}{printable(line)}".rstrip()


def paragraph(text: str, mark: str = "") -> Iterator[str]:
    """Yield a text in lines, after a mark before its first one."""
    indent = " " * columns_of(mark)
    for k, line in enumerate(wrapped(text, COLUMNS - len(indent))):
        yield f"{indent if k else mark}{line}"


def heading(text: str) -> Iterator[str]:
    """Yield the title of a part."""
    yield from ("", text.upper(), "")
