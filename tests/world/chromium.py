"""A headless Chromium that tests drive by its own protocol, over pipes: no driver, no port, no package."""

import base64
import json
import os
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-default-browser-check", "--remote-debugging-pipe", "--hide-scrollbars",
)  # fmt: skip
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27}


class Chromium:
    """One page of a browser.

    `requests`: the addresses that it asked for. `complaints`: what its console said.
    """

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers, self._rest, self._number = commands, answers, b"", 0
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self._ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self._ask("Target.attachToTarget", {"targetId": target, "flatten": True})
        self._session: str | None = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return self._ask(method, params, self._session)

    def _ask(self, method: str, params: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        self._number += 1
        asked = {"id": self._number, "method": method, "params": params}
        if session:
            asked["sessionId"] = session
        os.write(self._commands, json.dumps(asked).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            told = self._next(until)
            if told.get("id") == self._number:
                assert "error" not in told, told
                return dict(told["result"])

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser does not answer"
            more = os.read(self._answers, 1 << 20)
            assert more, "the browser has ended"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        self._note(told.get("method", ""), told.get("params", {}))
        return told

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            self.complaints.append(json.dumps(params))

    def run(self, expression: str) -> Any:
        """The value of an expression of JavaScript on the page."""
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"]
        return result.get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression holds on the page."""
        until = time.monotonic() + PATIENCE
        while not self.run(f"document.readyState === 'complete' && Boolean({expression})"):
            assert time.monotonic() < until, f"{expression}: {self.run('document.body.innerText')}"
            select.select([], [], [], 0.02)

    def open(self, address: str) -> None:
        self.ask("Page.navigate", url=address)

    def press(self, *keys: str, held: bool = False) -> None:
        """Press keys, one after the other: letters, digits, or names of `KEYS`."""
        for key in keys:
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
            code = KEYS.get(key) or ord(key.upper())
            facts = {"key": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
            self.ask("Input.dispatchKeyEvent", type="keyDown", autoRepeat=held, **facts)
            self.ask("Input.dispatchKeyEvent", type="keyUp", **facts)

    def look(self, path: Path, width: int, height: int, *, dark: bool) -> None:
        """Set the window and the colours, and keep a picture."""
        self.resize(width, height, dark=dark)
        data = self.ask("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set width and height of the window, and whether the user wants dark pages."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])


@contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """Start the Chromium of this machine with a new profile.

    Tests skip, and say why, where there is none, or where it does not come up: in a sandbox that forbids
    what it needs. A browser that ends later fails its test.
    """
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium: install one (on Debian, `apt-get install chromium`)")
    (commands_out, commands_in), (answers_out, answers_in) = os.pipe(), os.pipe()
    words = shlex.join([program, *FLAGS, f"--user-data-dir={folder}", "about:blank"])
    # The browser reads commands at 3 and answers at 4.
    line = f"exec {words} 3<&{commands_out} 4>&{answers_in}"
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / "said"
    with said.open("wb") as stderr:
        running = subprocess.Popen(
            ["/bin/bash", "-c", line], pass_fds=(commands_out, answers_in), stderr=stderr
        )
    for end in (commands_out, answers_in):
        os.close(end)
    try:
        yield _first_page(commands_in, answers_out, said)
    finally:
        os.close(commands_in)
        _end(running, os.close, answers_out)


def _first_page(commands: int, answers: int, said: Path) -> Chromium:
    try:
        return Chromium(commands, answers)
    except (AssertionError, BrokenPipeError) as fault:
        lines = said.read_text(errors="replace").strip().splitlines()
        reasons = [line for line in lines if "FATAL" in line] or lines[-1:]
        pytest.skip(f"Chromium does not come up here: {fault}: {' '.join(reasons[:1])}")


def _end(running: subprocess.Popen[bytes], close: Callable[[int], None], handle: int) -> None:
    try:
        running.wait(10)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()
    close(handle)
