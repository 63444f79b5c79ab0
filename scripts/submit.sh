#!/bin/sh
# Run a job of jobs/ where a profile of conf/profiles says: scripts/submit.sh scan --profile local --corpus … --out … PATH …
# `scripts/submit.sh --help` lists the options. All work is in presswatch_spark/deploy.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
python=${PYSPARK_PYTHON:-$root/.venv/bin/python}
command -v "$python" >/dev/null || { echo "error: no Python at $python (run make setup)" >&2; exit 1; }
exec "$python" -P -m presswatch_spark.deploy "$@"
