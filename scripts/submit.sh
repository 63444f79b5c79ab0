#!/bin/sh
# `presswatch submit …` with the Python of this checkout, or with PYSPARK_PYTHON: scripts/submit.sh --on local scan --corpus … --out … PATH …
python=${PYSPARK_PYTHON:-$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)/.venv/bin/python}
command -v "$python" >/dev/null || { echo "error: no Python at $python (run make setup)" >&2; exit 1; }
exec "$python" -P -m presswatch_spark submit "$@"
