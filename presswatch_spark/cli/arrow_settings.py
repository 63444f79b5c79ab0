"""Settings of Arrow for commands that query. Other programs that use this package choose their own."""

import os

from presswatch_spark.core.processes import absent


def leave_pandas_out() -> None:
    """Make Arrow convert values without pandas, unless it is already loaded; others can still import it.

    Otherwise, Arrow loads pandas before it converts the first value, which doubles the time of its start.
    """
    import pyarrow as pa

    with absent("pandas"):
        pa.scalar(None)


def give_memory_back() -> None:
    """Make Arrow return unused memory soon: after 10 million rows, this frees 350 MB for the command."""
    import pyarrow as pa

    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())


def keep_memory() -> None:
    """Make Arrow keep unused memory for 5 s, for commands that soon need as much again.

    The reason is that new pages must be cleared, which is slow. Arrow reads this setting when it is loaded.
    """
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "5000")
