"""`presswatch review`: the page on which a person judges claims."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

import click
from click import option

from presswatch_spark.cli.options import SectionedCommand, mirror_option, storage_options
from presswatch_spark.cli.replies import Reply, ReplyForm, reply_options, tell
from presswatch_spark.terminal import counted
from presswatch_spark.translation import LANGUAGES

LIBRARIES = ("starlette", "jinja2", "uvicorn")
NAME_CHARACTERS = 200

if TYPE_CHECKING:
    from presswatch_spark.pointers.pointer import Mirror
    from presswatch_spark.settings.config import ScanConfig


def _reviewer(context: click.Context, parameter: click.Parameter, value: str) -> str:
    name = value.strip()
    if not name or not name.isprintable() or len(name) > NAME_CHARACTERS:
        raise click.BadParameter(f"give a name of at most {NAME_CHARACTERS} characters that can be printed")
    return name


@click.command(cls=SectionedCommand)
@click.argument("path", metavar="CASE|CLAIMS")
@option(
    "--reviewer",
    required=True,
    metavar="NAME",
    callback=_reviewer,
    help="Who judges; noted with each verdict.",
)
@option(
    "--reviews",
    default="reviews.jsonl",
    show_default=True,
    metavar="FILE",
    help="JSONL, on disk or s3://, that verdicts are added to.",
)
@option("--corpus", metavar="DIR", help="The corpus of the scan: its words, owners and mandates.")
@option(
    "--tables",
    metavar="DIR",
    help="The folder that the claims were made of. Default: CLAIMS, or what CASE names.",
)
@mirror_option()
@option(
    "--lang",
    "language",
    type=click.Choice(LANGUAGES),
    default="fr",
    show_default=True,
    help="Language to begin with.",
)
@option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Port of 127.0.0.1. Default: a free one.",
)
@option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
@reply_options()
@storage_options
def review(
    path: str,
    reviewer: str,
    reviews: str,
    corpus: str | None,
    tables: str | None,
    mirrors: tuple[Mirror, ...],
    language: str,
    port: int,
    open_browser: bool,
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Judge claims on a page, article and page side by side.

    CLAIMS is the folder that claims were written to; a CASE of `presswatch removal` names its claims itself.
    The page is on this machine alone, and its address has a token that opens it once. It begins with the C
    claims that have no verdict. Verdicts are added to a file, and nothing else changes. `presswatch claims
    --reviews` reads that file. Several reviewers may add to one file at once. Ctrl-C ends it.

    \b
    presswatch review --reviewer "Anne Martin" --corpus corpus --tables tables claims
    presswatch claims --corpus corpus --reviews reviews.jsonl --out claims tables
    """
    from presswatch_spark.extras import library

    for name in LIBRARIES:
        library(name, "review")
    from presswatch_spark.review.app import serve
    from presswatch_spark.review.desk import open_desk

    desk = open_desk(path, reviews, reviewer, settings.storage, corpus, tables, mirrors, language=language)

    def show(address: str) -> None:
        tell("open this address once, in the browser that you judge with; Ctrl-C ends the review")
        click.echo(address)
        if open_browser:
            webbrowser.open(address)

    serve(desk, port, show)
    return Reply([f"{counted(len(desk.session.judged), 'verdict')} added to {desk.file}"])
