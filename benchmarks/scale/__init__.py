"""The scale bench: how cost and memory grow. `python -m benchmarks.scale --help`."""

import os

# As in the workers of a scan; numpy reads it once, when it is imported.
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
