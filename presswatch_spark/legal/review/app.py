"""The web application of a review: shows claims as HTML, all texts escaped, and takes verdicts."""

import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from presswatch_spark.claims.explain import explanation_lines
from presswatch_spark.claims.marked_text import marked, ranges_of
from presswatch_spark.claims.reviews import VERDICTS
from presswatch_spark.claims.row_facts import (
    KINDS,
    LETTER_MEANINGS,
    MANDATES,
    RESERVATIONS,
    ExplainedRow,
    dataset_of,
)
from presswatch_spark.core.errors import ConfigError, PresswatchError
from presswatch_spark.core.translation import N_, Translator, p
from presswatch_spark.legal.review.desk import ANY, DISPUTED, Desk, DeskQuery, by_row, same, states_of
from presswatch_spark.legal.typesetting import rendered
from presswatch_spark.tables.column_values import CONFIDENCES
from presswatch_spark.tables.confidence_reasons import REASONS

HOST = "127.0.0.1"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With `no-referrer`, browsers send `Origin: null` even with forms of this page.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
METHODS = ("GET", "POST")
HERE = Path(__file__).parent
STATES = {
    "none": p("verdict", "without a verdict"),
    "claim": p("verdict", "claim"),
    "no_claim": p("verdict", "no claim"),
    "unsure": p("verdict", "unsure"),
    "disputed": p("verdict", "reviewers disagree"),
    "any": p("filter", "all"),
}
"""Verdicts, and the other values of the filter for verdicts."""
FORM_BYTES, NOTE_CHARACTERS = 1 << 16, 4000
COUNT = re.compile("[0-9]{1,9}")
"""Form of the field `seen`: the number of verdicts that the page showed."""
CLOSED = N_(
    "This address was already used, or is wrong. Start presswatch review again, and"
    " open the address that it prints."
)
TOO_LONG = N_("the note has more than {most} characters")
GRACE_SECONDS = 2
"""Time for running requests to end after Ctrl-C; they may be fetching a page from a slow host."""


class Guard:
    """An ASGI application that protects another one against requests from other sites.

    A request is refused if its `Host` is not the address of this server: after DNS rebinding, a name of an
    attacker leads to 127.0.0.1. A form is refused if its `Origin` is not this server, or is missing.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        # Browsers leave out the port of HTTP.
        self._app, self._host = app, HOST if port == 80 else f"{HOST}:{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        if scope["type"] != "http":
            return
        refused = self._refusal(scope["method"], Headers(scope=scope))
        app = PlainTextResponse(*refused) if refused else self._app
        await app(scope, receive, send_with_policy)

    def _refusal(self, method: str, headers: Headers) -> tuple[str, int] | None:
        if method not in METHODS:
            return "method not allowed", 405
        if headers.getlist("host") != [self._host]:
            return "this is not the address of this server", 421
        is_foreign = headers.getlist("origin") != [f"http://{self._host}"]
        if method == "POST" and (is_foreign or headers.get("sec-fetch-site", "same-origin") != "same-origin"):
            return "a form of another site", 403
        return None


def application(desk: Desk, port: int) -> ASGIApp:
    """Return the application of a review, for a port of 127.0.0.1."""
    pages = _Pages(desk, f"presswatch_review_{port}")
    routes = [
        Route("/", pages.home, methods=["GET"]),
        Route("/verdict", pages.verdict, methods=["POST"]),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    return Guard(Starlette(routes=routes), port)


def serve(desk: Desk, port: int, tell: Callable[[str], None]) -> None:
    """Serve a review on a port of 127.0.0.1 (0: a free one) until Ctrl-C; `ConfigError` if the port is taken.

    `tell` gets the address of the page, once it can be opened.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise ConfigError(
                f"the port is unusable: {error.strerror}", where=f"{HOST}:{port}", remedy="leave out --port"
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
        # On Ctrl-C, the server shuts down in order, and then raises the signal again.
        with suppress(KeyboardInterrupt):
            _Server(config, lambda: tell(address)).run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server that reports its start: before that, Ctrl-C would interrupt the making of the event loop."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._tell_started()


class _Pages:
    def __init__(self, desk: Desk, cookie: str) -> None:
        self._desk, self._cookie = desk, cookie

    async def home(self, request: Request) -> Response:
        token, session = request.query_params.get("token"), self._desk.session
        if token is not None and session.opens(token):
            # Do not redirect: after a click on another site, browsers withhold `SameSite=Strict` cookies
            # until a page of this site leads on. This one sets the cookie; its next address has no token.
            answer = HTMLResponse(_page("enter.html", self._desk.language))
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
            _ = Translator(self._desk.language, for_print=True)
            why = _(TOO_LONG, most=_.number(NOTE_CHARACTERS))
            return self._message(N_("Failed: {why}"), 413, why=why)
        if not same(form.get("form", ""), session.form):
            return self._message(CLOSED, 403)
        known = form.get("row") in self._desk.positions and form.get("verdict") in VERDICTS
        if not known or not COUNT.fullmatch(form.get("seen", "")):
            return self._message(CLOSED, 400)
        return await run_in_threadpool(self._judged, form)

    def _judged(self, form: Mapping[str, str]) -> Response:
        # In the form, `verdict` is the new verdict, and `verdict_filter` the filter.
        asked = DeskQuery.of({**form, "verdict": form.get("verdict_filter", "")}, self._desk.language)
        _ = Translator(asked.language, for_print=True)
        note = form.get("note", "").replace("\r\n", "\n").strip()
        try:
            if len(note) > NOTE_CHARACTERS:
                raise PresswatchError(_(TOO_LONG, most=_.number(NOTE_CHARACTERS)))
            is_met = self._desk.judge(form["row"], form["verdict"], note, int(form["seen"]))
        except PresswatchError as error:
            failed = {"not_saved": str(error), "note": note}
            answer = self._shown(replace(asked, row=form["row"]), failed)
            answer.status_code = 413 if len(note) > NOTE_CHARACTERS else 500
            return answer
        there = {"row": form["row"]} if is_met else {"after": form["row"]}
        return RedirectResponse(asked.address(saved="met" if is_met else "yes", **there), 303)

    def _shown(self, asked: DeskQuery, news: Mapping[str, str]) -> Response:
        """Return the page of a claim. `news`: the result of saving a verdict, and the note if that failed."""
        desk, _ = self._desk, Translator(asked.language, for_print=True)
        try:
            shown = desk.show(asked)
        except PresswatchError as error:
            return self._message(N_("Failed: {why}"), 500, asked.language, why=str(error))
        row = shown.claim.row_sha256 if shown.claim else ""
        (case, why), judged = self._case(row), desk.session.judged
        facts = {
            **_of_case(case, _),
            "desk": desk,
            "asked": asked,
            "shown": shown,
            "row": row,
            "letter": shown.claim.confidence if shown.claim else "",
            "letters": [*CONFIDENCES, ANY],
            "states": STATES,
            "verdict_names": {verdict: STATES[verdict] for verdict in VERDICTS},
            "most": NOTE_CHARACTERS,
            "case_missing": why,
            "is_disputed": states_of(by_row(shown.verdicts)).get(row) == DISPUTED,
            "saved": judged[-1] if judged and news.get("saved") in ("yes", "met") else None,
            "is_met": news.get("saved") == "met",
            "not_saved": news.get("not_saved", ""),
            "note": news.get("note", ""),
        }
        # Read the next case ahead; its failure is reported when it is shown.
        read_ahead = BackgroundTask(self._case, shown.next or "")
        status = 200 if shown.is_known else 404
        return HTMLResponse(_page("claim.html", asked.language, **facts), status, background=read_ahead)

    def _case(self, row: str) -> tuple[ExplainedRow | None, str]:
        if not row:
            return None, ""
        try:
            return self._desk.case(row), ""
        except PresswatchError as error:
            return None, str(error)

    def _message(self, message: str, status: int, language: str = "", **facts: str) -> Response:
        language = language or self._desk.language
        text = Translator(language, for_print=True)(message, **facts)
        return HTMLResponse(_page("message.html", language, text=text), status_code=status)


def _page(template: str, language: str, **facts: Any) -> str:
    _ = Translator(language, for_print=True)
    return rendered(HERE / "templates", template, _, language=language, **facts)


def _of_case(case: ExplainedRow | None, _: Translator) -> dict[str, Any]:
    if case is None:
        return {"case": None}
    claim = case.claim
    sentences = [_(REASONS[code].sentence) if code in REASONS else code for code in case.reasons or ()]
    texts, spans = {"article": case.article, "document": case.page}, case.row.spans or ()
    return {
        "case": case,
        "mandate": _(MANDATES[case.mandate]),
        "reservation": _(RESERVATIONS[case.reservation]),
        "dataset": dataset_of(case, _),
        "kind": _(KINDS[claim.kind]) if claim else "",
        "verdict": _(STATES[claim.review]) if claim and claim.review else "",
        "reasons": [_(LETTER_MEANINGS[case.letter]), *sentences],
        "texts": {
            side: None if text is None else Markup(marked(text, ranges_of(spans, side)))
            for side, text in texts.items()
        },
        "whole": "\n".join(explanation_lines(case, _.language)),
    }


async def _form(request: Request) -> dict[str, str] | None:
    """Return the first value of each field of a form; None if the form is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            return None
    fields = parse_qs(body.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace")
    return {name: values[0] for name, values in fields.items()}
