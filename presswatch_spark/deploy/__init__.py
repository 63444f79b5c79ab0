"""From a checkout to a job that runs elsewhere: the archive, profiles, and submission to EMR.

`presswatch submit` is the command (`cli/commands/submit.py`).
"""
