"""`presswatch inspect` and `verify-candidates`: the search of a sealed corpus in a room, and verification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.commands.scan import incomplete_lines, summary_lines
from presswatch_spark.cli.options import (
    argument,
    key_file_option,
    key_secret_option,
    mirror_option,
    option,
)
from presswatch_spark.cli.replies import INCOMPLETE, Reply, ReplyForm, command, command_line, tell
from presswatch_spark.core.terminal import counted

if TYPE_CHECKING:
    from presswatch_spark.query.candidates import Verified
    from presswatch_spark.query.pointers.pointer import Mirror


@command(
    "inspect",
    settings=("read.columns", "read.pdf", "read.embedded_text", "run.cores", "run.shard_seconds"),
    storage=False,
)
def inspect(
    *,
    folder: str = argument("FOLDER"),
    corpus: str = option("--corpus", "DIR", "The sealed corpus.", required=True),
    key_file: str = option("--key-file", "FILE", "Key of the sealed corpus.", required=True),
    out: str = option("--out", "DIR", "New folder for the numbers that leave the room.", required=True),
    tokenizer: str | None = option("--tokenizer", "FILE", "tokenizer.json of the .bin and .npy files."),
    token_bytes: str = option(
        "--token-bytes", None, "Bytes of a token in .bin files.", type=click.Choice(["2", "4"]), default="2"
    ),
    separator: int | None = option(
        "--separator", "N", "The token between documents. Default: a file is one.", type=click.IntRange(0)
    ),
    form: ReplyForm,
) -> Reply:
    """Search data for a sealed corpus; only numbers get out.

    The folder's files are Parquet, JSON Lines, WARC, WET, ARC, plain text and, with --tokenizer, arrays of
    tokens. DIR gets files.csv, candidates.csv and inspection.json: numbers and digests, which
    conf/inspect/check.py checks. Standard error gets the number, name and error of each file: keep it in the
    room. No network, Spark or Java is used. If a file was not read to its end, or an entry of the folder was
    not read, the exit code is 3.

    \b
    presswatch inspect --corpus sealed --key-file KEY --out out/inspection data
    """
    from presswatch_spark.corpus.sealing.key import KeySource
    from presswatch_spark.reading.text_and_tokens import TokenRules
    from presswatch_spark.scanning.inspection import inspect as search

    tokens = TokenRules(tokenizer, int(token_bytes), separator) if tokenizer else None
    counts = search(
        folder, corpus=corpus, key=KeySource(key_file), out=out, config=form.settings, tokens=tokens, say=tell
    )
    unread = counts["files"] + counts["others"] - counts["complete"]
    line = f"{counted(counts['candidates'], 'candidate')} in {counted(counts['files'], 'file')}"
    line += f"; not read to the end: {unread:,}"
    return Reply([line], exit_code=INCOMPLETE if unread else 0)


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
    from presswatch_spark.corpus.sealing.key import KeySource
    from presswatch_spark.query.candidates import verify_candidates as verify

    key = KeySource.of(key_file, key_secret)
    verified = verify(
        candidates, corpus=corpus, out=out, config=form.settings, run=run, key=key, extract=extract,
        mirrors=mirrors, command=command_line(),
    )  # fmt: skip
    code = INCOMPLETE if verified.summary.incomplete else 0
    return Reply(_lines(verified), warnings=incomplete_lines(verified.summary, out), exit_code=code)


def _lines(verified: Verified) -> Iterator[str]:
    yield from summary_lines(verified.summary)
    share = f" ({verified.rejected / verified.pairs:.1%})" if verified.pairs else ""
    yield f"rejected: {verified.rejected:,} of {counted(verified.pairs, 'candidate')}{share}"
    if verified.others:
        yield f"left out: {counted(verified.others, 'candidate')} of other corpora"
