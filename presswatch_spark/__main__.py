"""`python -m presswatch_spark` is `presswatch`."""

from presswatch_spark.cli import main

main()
