"""The way from a checkout to a job that runs elsewhere: archive, profiles, and submission to EMR."""
