"""Settings of Arrow for commands that query. Programs that use this package choose their own."""

import os

from presswatch_spark.core.processes import absent


def leave_pandas_out() -> None:
    """Have Arrow convert values without pandas, if that is not loaded yet; imports of it by name still work.

    Arrow loads pandas before it converts the first value, which takes as long as all that Arrow needs.
    """
    import pyarrow as pa

    with absent("pandas"):
        pa.scalar(None)


def give_memory_back() -> None:
    """Have Arrow return unused memory soon: of 10 million rows, that is 350 MB for the rest of a command."""
    import pyarrow as pa

    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())


def keep_memory() -> None:
    """Have Arrow keep unused memory for 5 s, for commands that soon need as much again.

    Clearing pages is slow. Arrow reads this setting when it is loaded.
    """
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "5000")
