"""`python -m presswatch_spark.deploy` is what `scripts/submit.sh` runs."""

import sys

from presswatch_spark.deploy.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
