"""Serves a review on 127.0.0.1 until Ctrl-C."""

import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from presswatch_spark.errors import ConfigError
from presswatch_spark.review.app import application
from presswatch_spark.review.desk import Desk
from presswatch_spark.review.guard import HOST

GRACE_SECONDS = 2
"""How long requests may take to end after Ctrl-C; a page may be fetched from far away."""


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
        # The server ends in good order on Ctrl-C, and then passes the signal on.
        with suppress(KeyboardInterrupt):
            tell(f"http://{HOST}:{port}/?token={desk.session.token}")
            uvicorn.Server(config).run(sockets=[listening])
