"""A reply of a web site, which keeps its line until it is closed."""

from __future__ import annotations

import os

import urllib3

from presswatch_spark.storage.lines import Line, Lines

READ_AT_ONCE = 1 << 18


class Reply:
    """A reply whose head is here, and which keeps its line until it is closed.

    `uri`: where it came from, after redirects; `sent_at`: when it was asked for, in seconds since 1970.
    """

    def __init__(
        self, raw: urllib3.BaseHTTPResponse, line: Line, lines: Lines, uri: str, sent_at: float
    ) -> None:
        self._raw, self._lines, self._process = raw, lines, os.getpid()
        self._line: Line | None = line
        self.uri, self.sent_at = uri, sent_at
        self.status, self.headers = raw.status, raw.headers
        self.location = raw.get_redirect_location() or None

    def read(self, n: int, /) -> bytes:
        """Return what is there, up to `n` bytes; wait only if nothing is. `b""` at the end."""
        return self._raw.read1(min(n, READ_AT_ONCE), decode_content=False) or b""

    def close(self) -> None:
        """Let go of the line; of what was read to its end, another request may use it."""
        line, self._line = self._line, None
        # A child's copy of it is not its own.
        if line is not None and self._process == os.getpid():
            if getattr(self._raw, "length_remaining", None) == 0:
                self._raw.drain_conn()
            self._raw.close()
            self._lines.give_back(line)

    def __del__(self) -> None:
        self.close()
