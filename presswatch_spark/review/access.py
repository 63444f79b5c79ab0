"""Access to the page: by the one browser that opened the address with the token, and by this host's name."""

import hmac
import secrets
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from presswatch_spark.claims.reviews import Review

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
    # With `no-referrer`, browsers would send `Origin: null` with forms of this page, too.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
METHODS = ("GET", "POST")
SECRET_BYTES = 32


class Guard:
    """An ASGI application before another one.

    A request is refused if its `Host` is not the address of this server: a name that an attacker lets lead to
    127.0.0.1 is another one. A form is refused if its `Origin` is not this server, or is missing.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app, self._host = app, f"{HOST}:{port}"

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


def _secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


@dataclass(slots=True)
class Session:
    """The secrets of a review, and the verdicts given in it.

    `token` opens the page once; `cookie` is what the browser has from then on; `form` stands in each form.
    `judged` has the verdicts of this session, oldest first.
    """

    token: str = field(default_factory=_secret)
    cookie: str = field(default_factory=_secret)
    form: str = field(default_factory=_secret)
    is_open: bool = False
    judged: list[Review] = field(default_factory=list)

    def opens(self, token: str) -> bool:
        """Open the session and return True if this is the token, and it was not used before."""
        is_right = same(token, self.token) and not self.is_open
        self.is_open = self.is_open or is_right
        return is_right

    def knows(self, cookie: str) -> bool:
        """Return whether a browser has the cookie of this session, and it was opened."""
        return same(cookie, self.cookie) and self.is_open


def same(given: str, secret: str) -> bool:
    """Return whether a text is the secret; the time that it takes says nothing about the secret."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode())
