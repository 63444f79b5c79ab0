"""Words of the catalogue: names of columns and of values that have a French name."""

from babel.messages.pofile import read_po

from presswatch_spark.core.translation import LOCALE


def words(context: str) -> set[str]:
    """The words of a context, such as `column`, in the list that people keep."""
    with (LOCALE / "fr.names.po").open("rb") as file:
        return {str(each.id) for each in read_po(file, "fr") if each.context == context}
