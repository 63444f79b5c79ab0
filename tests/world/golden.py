"""Transcripts for people, in `tests/golden/`: today's output is compared with what somebody has read."""

import os
import shlex
from collections.abc import Sequence
from difflib import SequenceMatcher, unified_diff

import pytest

from tests.conftest import ROOT
from tests.world.commands import outcome

GOLDEN = ROOT / "tests" / "golden"


def assert_golden(name: str, text: str) -> None:
    """Compare a transcript with `tests/golden/NAME`.

    `GOLDEN=write` in the environment writes the file. Read its difference before you commit it.
    """
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, "utf-8")
    known = path.read_text("utf-8") if path.exists() else ""
    lines = unified_diff(known.splitlines(), text.splitlines(), str(path), "today", lineterm="")
    assert text == known, "\n".join(lines)


def changes_of(before: str, after: str) -> str:
    """Return the lines that differ between two outputs: `<` those that went, `>` those that came.

    Where more than three went together, they are counted.
    """
    old, new, changes = before.splitlines(), after.splitlines(), list[str]()
    for kind, first, last, begin, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            gone = old[first:last] if last - first <= 3 else [f"({last - first} lines)"]
            changes += [f"< {line}" for line in gone] + [f"> {line}" for line in new[begin:end]]
    return "".join(f"{line.rstrip()}\n" for line in changes)


def transcript(*commands: Sequence[str], lang: str, columns: int = 80) -> str:
    """Return what a person sees of commands on a terminal: each command, and what it prints."""
    text = ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        for words in commands:
            given = [*words, "--lang", lang]
            done = outcome("", *given)
            text += f"$ presswatch {shlex.join(given)}\n{done.out}{done.err}\n"
    return text
