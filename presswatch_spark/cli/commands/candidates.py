"""`presswatch verify-candidates`: what a scan with a sealed corpus found, verified by the member."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from presswatch_spark.cli.commands.scan import incomplete_lines, summary_lines
from presswatch_spark.cli.options import (
    argument,
    key_file_option,
    key_secret_option,
    key_source,
    mirror_option,
    option,
)
from presswatch_spark.cli.replies import INCOMPLETE, Reply, ReplyForm, command, command_line
from presswatch_spark.core.terminal import counted

if TYPE_CHECKING:
    from presswatch_spark.query.candidates import Verified
    from presswatch_spark.query.pointers.pointer import Mirror


@command(
    "verify-candidates",
    settings=(
        *("grade.min_run_words", "run.master", "run.cores", "run.wave_shards", "run.shards_per_task"),
        *("run.operator",),
    ),
    config=True,
)
def verify_candidates(
    *,
    candidates: str = argument("CANDIDATES"),
    corpus: str = option("--corpus", "DIR", "The corpus that was sealed.", required=True),
    key_file: str | None = key_file_option(),
    key_secret: str | None = key_secret_option(),
    run: str | None = option("--run", "RUN", "The sealed scan, or `latest`. Default: the only one."),
    extract: str | None = option("--extract", "FOLDER", "Read pages from the --extract of the sealed scan."),
    mirrors: tuple[Mirror, ...] = mirror_option(),
    out: str = option("--out", "DIR", "Folder of the tables; several runs may share it.", required=True),
    form: ReplyForm,
) -> Reply:
    """Verify the candidates of a scan with a sealed corpus.

    CANDIDATES is the --out folder of the sealed scan. Each page is read again, by range if its format allows
    that, else with its whole shard, and matched as in a scan with the open corpus: `matches` has the same
    rows and digest. `rights_signals` are not made. Pages are read with the settings of the sealed scan; local
    files and addresses of this network, only if --mirror names them, since CANDIDATES may name any.

    The key shows that CORPUS is the one that was sealed; it is required if several corpora were searched,
    since candidates of others are left out. If a page cannot be read, the exit code is 3. To resume a stopped
    verification, repeat the command.

    \b
    presswatch verify-candidates --corpus corpus --key-file KEY --out tables \\
      candidates
    """
    from presswatch_spark.query.candidates import verify_candidates as verify

    key = key_source(key_file, key_secret) if key_file or key_secret else None
    verified = verify(
        candidates, corpus=corpus, out=out, config=form.settings, run=run, key=key, extract=extract,
        mirrors=mirrors, command=command_line(),
    )  # fmt: skip
    incomplete = verified.summary.incomplete
    warnings = incomplete_lines(verified.summary, out) if incomplete else ()
    return Reply(_lines(verified, out), warnings=warnings, exit_code=INCOMPLETE if incomplete else 0)


def _lines(verified: Verified, out: str) -> Iterator[str]:
    yield from summary_lines(verified.summary)
    share = f" ({verified.rejected / verified.pairs:.1%})" if verified.pairs else ""
    yield f"rejected: {verified.rejected:,} of {counted(verified.pairs, 'candidate')}{share}"
    if verified.others:
        yield f"left out: {counted(verified.others, 'candidate')} of other corpora"
