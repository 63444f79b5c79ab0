"""Finds copied passages of member press articles in Common Crawl, C4 and OSCAR.

    import presswatch_spark as pw

    pw.build_corpus("members.yaml", ["articles.jsonl"], "corpus")
    run = pw.scan(["shards/"], corpus="corpus", out="tables")
    run.matches(confidences=["A"]).to_pandas()

What `presswatch_spark.api` offers is here by its name, and imported when it is first asked for. Workers and
short commands import this package, and wait for nothing that they do not use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.version import __version__

if TYPE_CHECKING:
    from presswatch_spark.api import (
        Census,
        Claims,
        Run,
        Tables,
        build_corpus,
        census,
        make_claims,
        open_tables,
        scan,
        verify_candidates,
    )

__all__ = [
    "Census",
    "Claims",
    "PresswatchError",
    "Run",
    "Tables",
    "__version__",
    "build_corpus",
    "census",
    "make_claims",
    "open_tables",
    "scan",
    "verify_candidates",
]


def __getattr__(name: str) -> Any:
    """Load names of `api` on first use."""
    if name in __all__:
        return getattr(import_module("presswatch_spark.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the names of this module and of `api`."""
    return sorted({*globals(), *__all__})
