"""`presswatch` run in this process, on the session that its tests share: Java takes ten seconds to start."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

import pytest

from presswatch_spark.cli import main as cli


def presswatch(*arguments: str, **environment: str) -> str:
    """Run a command that must end well, with more environment; what it printed to standard output."""
    said, complaints = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(complaints):
        for name, value in environment.items():
            patch.setenv(name, value)
        code = cli.run(arguments)
    assert code == 0, complaints.getvalue()
    return said.getvalue()
