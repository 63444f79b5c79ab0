"""From a checkout to a job that runs elsewhere: the archive, profiles, and submission to EMR.

`python -m presswatch_spark.deploy JOB --profile NAME …` is what `scripts/submit.sh` runs.
"""
