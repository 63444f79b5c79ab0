"""`python -m presswatch_spark` is `presswatch`."""

from presswatch_spark.core.processes import leave_working_folder

leave_working_folder()

from presswatch_spark.cli.main import main  # noqa: E402

main()
