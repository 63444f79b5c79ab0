"""`presswatch demo`: goes from nothing to a report, and on to a dossier, in one command."""

import shutil
from pathlib import Path

from presswatch_spark.cli.commands.scan import incomplete_lines
from presswatch_spark.cli.options import option
from presswatch_spark.cli.replies import INCOMPLETE, Reply, ReplyForm, command, tell
from presswatch_spark.errors import OutputError

MARKER = ".presswatch-demo"


@command("demo")
def demo(
    *, out: str = option("--out", "DIR", "Folder for all that is generated.", default="demo"), form: ReplyForm
) -> Reply:
    """Scan a generated press and web, and report the copies.

    A small press corpus, and shards with copies of it, are made from texts written for this project. Its
    claims are sealed in a bag, and a notice is drafted. A folder of an earlier demo is replaced.
    """
    from presswatch_spark.demo.run import run_demo

    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise OutputError("this is not a folder", where=out, remedy="name another --out")
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise OutputError(
                "the folder holds files that are no demo's", where=out, remedy="name another --out"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()

    demonstration = run_demo(folder, lambda stage: tell(f"{stage} …"))
    lines = (line for text in demonstration.lines() for line in text.split("\n"))
    if demonstration.summary.incomplete:
        warnings = incomplete_lines(demonstration.summary, str(folder / "tables"))
        return Reply(lines, warnings=warnings, exit_code=INCOMPLETE)
    return Reply(lines)
