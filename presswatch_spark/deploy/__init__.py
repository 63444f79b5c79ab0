"""From a checkout to a job that runs elsewhere: the archive, profiles, and submission to EMR."""
