#!/bin/sh
# Submit a job of jobs/ to a profile of conf/profiles: scripts/submit.sh local jobs/scan.py --corpus … --out … PATH …
# For now the one profile is `local`: this machine, through its own spark-submit.
set -eu

usage() { echo "usage: scripts/submit.sh local jobs/JOB.py [ARGUMENT …]" >&2; exit 2; }

[ $# -ge 2 ] || usage
profile=$1 job=$2
shift 2
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYSPARK_PYTHON:-$root/.venv/bin/python}

[ -f "$job" ] || job=$root/$job
[ -f "$job" ] || { echo "error: no job $job" >&2; exit 2; }
[ -x "$python" ] || { echo "error: no Python at $python (run make setup)" >&2; exit 1; }

case $profile in
  local)
    JAVA_HOME=$("$python" -c 'from presswatch_spark.java import java_home; print(java_home())')
    SPARK_HOME=$("$python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
    export JAVA_HOME SPARK_HOME PYSPARK_PYTHON="$python" PYSPARK_DRIVER_PYTHON="$python"
    log_settings=$("$python" -c 'import pathlib, sys; print(pathlib.Path(sys.argv[1]).as_uri())' \
      "$root/conf/log4j2.properties")
    # A default, so that a caller's own spark.driver.extraJavaOptions stay free.
    exec "$SPARK_HOME/bin/spark-submit" --master "${SPARK_MASTER:-local[*,4]}" \
      --conf "spark.driver.defaultJavaOptions=-Dlog4j.configurationFile=$log_settings" "$job" "$@"
    ;;
  *) usage ;;
esac
