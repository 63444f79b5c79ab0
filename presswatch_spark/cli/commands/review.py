"""`presswatch review`: the page on which a person judges claims."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.options import STORAGE, argument, flag, mirror_option, option
from presswatch_spark.cli.replies import Reply, ReplyForm, command, tell
from presswatch_spark.terminal import counted
from presswatch_spark.translation import LANGUAGES

if TYPE_CHECKING:
    from presswatch_spark.pointers.pointer import Mirror
    from presswatch_spark.settings.config import ScanConfig

LIBRARIES = ("starlette", "jinja2", "uvicorn")
NAME_CHARACTERS = 200


def _reviewer(context: click.Context, parameter: click.Parameter, value: str) -> str:
    name = value.strip()
    if not name or not name.isprintable() or len(name) > NAME_CHARACTERS:
        raise click.BadParameter(f"give a name of at most {NAME_CHARACTERS} characters that can be printed")
    return name


@command("review", settings=STORAGE)
def review(
    *,
    path: str = argument("CASE|CLAIMS"),
    reviewer: str = option(
        "--reviewer", "NAME", "Who judges; noted with each verdict.", required=True, callback=_reviewer
    ),
    reviews: str = option(
        "--reviews", "FILE", "JSONL, on disk or s3://, that verdicts are added to.", default="reviews.jsonl"
    ),
    corpus: str | None = option("--corpus", "DIR", "The corpus of the scan: its words, owners and mandates."),
    tables: str | None = option(
        "--tables", "DIR", "The folder that the claims were made of. Default: CLAIMS, or what CASE names."
    ),
    mirrors: tuple[Mirror, ...] = mirror_option(),
    language: str = option(
        "--lang", None, "Language to begin with.", type=click.Choice(LANGUAGES), default="fr"
    ),
    port: int = option(
        "--port", "N", "Port of 127.0.0.1. Default: a free one.", type=click.IntRange(0, 65535), default=0
    ),
    open_browser: bool = flag("--open", "Open the page in a browser."),
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
