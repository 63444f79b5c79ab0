"""The speed bench: rates of the scan in ratios of one run. `python -m benchmarks.speed --help`."""

import os

# As in the workers of a scan; numpy reads it once, when it is imported.
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
