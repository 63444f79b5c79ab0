"""What is said of a query that is not run, in the same words by both engines."""

from presswatch_spark.errors import ConfigError
from presswatch_spark.nearest import did_you_mean
from presswatch_spark.queries.views import THERE_ARE, VIEWS
from presswatch_spark.show import printable
from presswatch_spark.tables.schemas import SCHEMAS


def refused(what: str, remedy: str = "") -> ConfigError:
    """Return the error of a query that is refused."""
    return ConfigError(printable(what), where="sql", remedy=remedy)


def no_query() -> ConfigError:
    """Return the error of a statement that is something else than a query."""
    return refused("this is no query", "write one that begins with select, from, with, describe or show")


def no_call(function: str) -> ConfigError:
    """Return the error of a query that calls what may read something else than tables."""
    return refused(f"a query may not call {function}()", "it reads the tables alone")


def no_table(*parts: str) -> ConfigError:
    """Return the error of a name, in its parts, that is none of our tables."""
    meant = did_you_mean(parts[-1], [*SCHEMAS, *VIEWS])
    return refused(f"there is no table {'.'.join(parts)}{meant}", THERE_ARE)
