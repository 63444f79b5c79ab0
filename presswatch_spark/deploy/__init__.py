"""The way from a checkout to a job that runs elsewhere: archive, profiles, and submission to EMR.

Releases of EMR are listed in `conf/emr.yaml`.
"""
