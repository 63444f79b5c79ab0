"""Settings of Arrow for commands that query: no pandas at the start, and memory that is returned or kept.

pandas takes as long to load as all that Arrow needs. Programs that use this package may need it, and have
memory of their own. So only commands ask for this.
"""

import os

from presswatch_spark.processes import absent

KEPT_MILLISECONDS = "5000"


def leave_pandas_out() -> None:
    """Have Arrow convert values without pandas, if that is not loaded yet; who imports it by name still can.

    Arrow loads pandas, if there is one, before it converts the first value, to know its types from others.
    No command gives Arrow anything of pandas.
    """
    import pyarrow as pa

    with absent("pandas"):
        pa.scalar(None)


def give_memory_back() -> None:
    """Have Arrow return more of the memory that it no longer needs, for commands that hold much beside it.

    What it does otherwise is a little quicker, and had 350 MB more in 10 million rows.
    """
    import pyarrow as pa

    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())


def keep_memory() -> None:
    """Have Arrow keep the memory that it no longer needs, for commands that soon need as much again.

    Else its allocator soon gives pages back, and the system has to clear new ones. It reads its settings when
    Arrow is loaded, so this comes before all else. `release_unused` of Arrow's pool gives back at once.
    """
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", KEPT_MILLISECONDS)
