"""The application behind the page: it shows claims, takes verdicts, and is served until Ctrl-C."""

import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from presswatch_spark.claims.case import ExplainedRow
from presswatch_spark.claims.explain import case_lines
from presswatch_spark.claims.narrative import Speaker
from presswatch_spark.claims.reviews import VERDICTS
from presswatch_spark.errors import ConfigError, PresswatchError
from presswatch_spark.review.access import HOST, Guard, same
from presswatch_spark.review.desk import Desk, DeskQuery
from presswatch_spark.review.docket import ANY, LETTERS, STATES
from presswatch_spark.review.page import STATES as STATE_NAMES
from presswatch_spark.review.page import (
    STATIC,
    facts_of,
    given_lines,
    page,
    reasons_of,
    texts_of,
)
from presswatch_spark.review.verdicts import DISPUTED, by_row, states_of
from presswatch_spark.translation import N_

FORM_BYTES, NOTE_CHARACTERS = 1 << 16, 4000
COUNT = re.compile("[0-9]{1,9}")
"""How many verdicts a form says that its reader saw."""
CLOSED = N_(
    "This address was used already, or is not the right one. Start presswatch review again, and"
    " open the address that it prints."
)
FILES = {"review.css": "text/css", "review.js": "text/javascript"}
GRACE_SECONDS = 2
"""How long requests may take to end after Ctrl-C; a page may be fetched from far away."""


def application(desk: Desk, port: int) -> ASGIApp:
    """Return the application of a review that is served on a port of 127.0.0.1."""
    pages = _Pages(desk, f"presswatch_review_{port}")
    routes = [
        Route("/", pages.home, methods=["GET"]),
        Route("/verdict", pages.verdict, methods=["POST"]),
        Route("/static/{name}", pages.static, methods=["GET"]),
    ]
    return Guard(Starlette(routes=routes), port)


def serve(desk: Desk, port: int, tell: Callable[[str], None]) -> None:
    """Serve a review until Ctrl-C.

    Args:
        port: of 127.0.0.1; 0 takes a free one.
        tell: gets the address of the page, once it can be opened.

    Raises:
        ConfigError: the port cannot be had.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise ConfigError(
                f"the port cannot be had: {error.strerror}", where=f"{HOST}:{port}", remedy="leave --port out"
            ) from error
        listening.listen()
        port = listening.getsockname()[1]
        config = uvicorn.Config(
            application(desk, port),
            access_log=False,
            lifespan="off",
            log_level="warning",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ws="none",
        )
        address = f"http://{HOST}:{port}/?token={desk.session.token}"
        # The server ends in good order on Ctrl-C, and then passes the signal on.
        with suppress(KeyboardInterrupt):
            _Server(config, lambda: tell(address)).run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server that reports when it runs: before that, Ctrl-C would break the making of its loop."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell_started()


class _Pages:
    def __init__(self, desk: Desk, cookie: str) -> None:
        self._desk, self._cookie = desk, cookie

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES:
            return self._message(CLOSED, 404)
        return FileResponse(STATIC / name, media_type=FILES[name])

    async def home(self, request: Request) -> Response:
        token, session = request.query_params.get("token"), self._desk.session
        if token is not None and session.opens(token):
            # A redirection would not do: after a click on another site, browsers keep a strict cookie back
            # until a page of ours leads on. This page gives the cookie, and leads away from the token.
            answer = HTMLResponse(page("enter.html", self._desk.language))
            answer.set_cookie(self._cookie, session.cookie, httponly=True, samesite="strict")
            return answer
        if not session.knows(request.cookies.get(self._cookie, "")):
            return self._message(CLOSED, 403)
        asked = DeskQuery.of(request.query_params, self._desk.language)
        saved = request.query_params.get("saved", "")
        return await run_in_threadpool(self._shown, asked, {"saved": saved})

    async def verdict(self, request: Request) -> Response:
        session = self._desk.session
        if not session.knows(request.cookies.get(self._cookie, "")):
            return self._message(CLOSED, 403)
        form = await _form(request)
        if form is None:
            return self._message(CLOSED, 413)
        if not same(form.get("form", ""), session.form):
            return self._message(CLOSED, 403)
        known = form.get("row") in self._desk.docket.positions and form.get("verdict") in VERDICTS
        if not known or not COUNT.fullmatch(form.get("seen", "")):
            return self._message(CLOSED, 400)
        return await run_in_threadpool(self._judged, form)

    def _judged(self, form: Mapping[str, str]) -> Response:
        # In the form, `verdict` is the one that is given.
        asked = DeskQuery.of({**form, "verdict": form.get("verdict_filter", "")}, self._desk.language)
        _, note = Speaker(asked.language), form.get("note", "").replace("\r\n", "\n").strip()
        try:
            if len(note) > NOTE_CHARACTERS:
                raise PresswatchError(
                    _("the note has more than {most} characters", most=_.number(NOTE_CHARACTERS))
                )
            is_met = self._desk.judge(form["row"], form["verdict"], note, int(form["seen"]))
        except PresswatchError as error:
            failed = {"not_saved": str(error), "note": note}
            answer = self._shown(replace(asked, row=form["row"]), failed)
            answer.status_code = 500
            return answer
        there = {"row": form["row"]} if is_met else {"after": form["row"]}
        return RedirectResponse(asked.address(saved="met" if is_met else "yes", **there), 303)

    def _shown(self, asked: DeskQuery, news: Mapping[str, str]) -> Response:
        """Return the page of a claim. `news`: the outcome of a verdict, and the note of one that failed."""
        desk, _ = self._desk, Speaker(asked.language)
        try:
            shown = desk.show(asked)
        except PresswatchError as error:
            return self._message(N_("This failed: {why}"), 500, asked.language, why=str(error))
        row = shown.claim.row_sha256 if shown.claim else ""
        case, why = self._case(row)
        facts = {
            **_of_case(case, _),
            "desk": desk,
            "asked": asked,
            "shown": shown,
            "row": row,
            "letter": shown.claim.confidence if shown.claim else "",
            "letters": [*LETTERS, ANY],
            "states": {state: STATE_NAMES[state] for state in (*STATES, ANY)},
            "verdict_names": {verdict: STATE_NAMES[verdict] for verdict in VERDICTS},
            "most": NOTE_CHARACTERS,
            "case_missing": why,
            "given": given_lines(shown.verdicts, _),
            "is_disputed": states_of(by_row(shown.verdicts)).get(row) == DISPUTED,
            "not_saved": news.get("not_saved", ""),
            "note": news.get("note", ""),
            "saved": self._saved(asked, news, _),
        }
        # The case that is wanted next: a failure is reported when it is wanted.
        read_ahead = BackgroundTask(self._case, shown.next or "")
        status = 200 if shown.is_known else 404
        return HTMLResponse(
            page("claim.html", asked.language, **facts), status_code=status, background=read_ahead
        )

    def _case(self, row: str) -> tuple[ExplainedRow | None, str]:
        if not row:
            return None, ""
        try:
            return self._desk.reader.read(row), ""
        except PresswatchError as error:
            return None, str(error)

    def _saved(self, asked: DeskQuery, news: Mapping[str, str], _: Speaker) -> Mapping[str, str] | None:
        """Return the news of the last verdict of this session, if the address asks for it."""
        judged = self._desk.session.judged
        if not judged or news.get("saved") not in ("yes", "met"):
            return None
        verdict = _(STATE_NAMES[judged[-1].verdict])
        text = (
            _(
                "Saved: {verdict}. Meanwhile somebody else gave a verdict. All are kept; the newest counts.",
                verdict=verdict,
            )
            if news["saved"] == "met"
            else _("Saved: {verdict}.", verdict=verdict)
        )
        return {"text": text, "back": asked.address(row=judged[-1].row_sha256)}

    def _message(self, message: str, status: int, language: str = "", **facts: str) -> Response:
        language = language or self._desk.language
        text = Speaker(language)(message, **facts)
        return HTMLResponse(page("message.html", language, text=text), status_code=status)


def _of_case(case: ExplainedRow | None, _: Speaker) -> dict[str, Any]:
    if case is None:
        return {"facts": None}
    return {
        "facts": facts_of(case, _),
        "reasons": reasons_of(case, _),
        "texts": texts_of(case),
        "whole": "\n".join(case_lines(case, _.language)),
        "page_missing": str(case.page_missing or ""),
        "by_address": case.row.article_id is None,
    }


async def _form(request: Request) -> dict[str, str] | None:
    """Return the fields of a form, each once; None if it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            return None
    fields = parse_qs(body.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace")
    return {name: values[0] for name, values in fields.items()}
