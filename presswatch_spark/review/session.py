"""Who may use the page: the one browser that opened the address with the token."""

import hmac
import secrets
from dataclasses import dataclass, field

from presswatch_spark.claims.reviews import Review

BYTES = 32


def _secret() -> str:
    return secrets.token_urlsafe(BYTES)


@dataclass(slots=True)
class Session:
    """The secrets of a review, and what was judged in it.

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
        """Return whether a browser has the cookie of this session, which somebody has opened."""
        return same(cookie, self.cookie) and self.is_open


def same(given: str, secret: str) -> bool:
    """Return whether a text is the secret; the time that it takes says nothing about the secret."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode())
