"""The page in a real browser: by keyboard alone, on a phone, with no request that leaves and no error."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from presswatch_spark.claims.reviews import load_reviews
from presswatch_spark.storage.objects import StorageOptions
from tests.world.chromium import Chromium, chromium
from tests.world.claims import House
from tests.world.reviews import COPIES

HOST = "[...document.querySelectorAll('.facts section:last-child dd')][0].textContent"


@contextmanager
def review(house: House, file: Path, *more: str) -> Iterator[str]:
    """The command in a process of its own; gives its address, and ends it with Ctrl-C."""
    command = [sys.executable, "-m", "presswatch_spark", "review", "--reviewer", "Anne"]
    command += ["--reviews", str(file), "--corpus", str(house.corpus), "--tables", str(house.tables), *more]
    command.append(str(house.folder / "claims"))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_hear_interrupts
    ) as running:
        assert running.stdout is not None
        try:
            address = running.stdout.readline().strip()
            assert address or running.stderr is None, running.stderr.read()
            yield address
        finally:
            running.send_signal(signal.SIGINT)
            try:
                said, complaints = running.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                running.kill()
                raise
        assert running.returncode == 0, complaints
        assert "Traceback" not in complaints
        assert re.search(rf"(avis ajoutés? à|verdicts? added to) {re.escape(str(file))}", said)


def _hear_interrupts() -> None:
    """Let the command hear Ctrl-C, be it that the tests run in the background of a shell and do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.slow
def test_the_command_prints_an_address_and_ends_well_by_ctrl_c(house: House, tmp_path: Path) -> None:
    with review(house, tmp_path / "reviews.jsonl") as address:
        assert address.startswith("http://127.0.0.1:")
        assert len(address.partition("/?token=")[2]) >= 40
    assert not (tmp_path / "reviews.jsonl").exists()


def opened(browser: Chromium, address: str) -> None:
    browser.open(address)
    browser.wait("document.getElementById('judge')")
    assert "token" not in browser.run("location.href")


@pytest.mark.full
def test_all_c_claims_are_judged_by_keyboard_alone_and_nothing_leaves(house: House, tmp_path: Path) -> None:
    file = tmp_path / "reviews.jsonl"
    with review(house, file, "--lang", "en") as address, chromium(tmp_path / "profile") as browser:
        opened(browser, address)
        assert browser.run(HOST) == "c0.example"
        browser.press("j")
        browser.wait(f"{HOST} === 'c1.example'")
        browser.press("k")
        browser.wait(f"{HOST} === 'c0.example'")
        # A key that is held down judges nothing.
        browser.press("1", held=True)
        browser.press("n", *"je 1 2 3 jk", "Escape", "1")
        browser.wait(f"{HOST} === 'c1.example'")
        for number, key in enumerate("231", 1):
            browser.wait(f"document.querySelector('.text mark') && {HOST} === 'c{number}.example'")
            browser.press(key)
        browser.wait("document.getElementById('nothing')")
        requests, complaints = browser.requests, browser.complaints
    origin = address.partition("/?")[0]
    assert requests
    assert [each for each in requests if not each.startswith(f"{origin}/") and each != "about:blank"] == []
    assert complaints == []
    verdicts = load_reviews([str(file)], StorageOptions()).values()
    assert sorted(verdicts) == ["claim", "claim", "no_claim", "unsure"]
    assert "je 1 2 3 jk" in file.read_text()
    assert len(file.read_text().splitlines()) == COPIES


@pytest.mark.full
@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_page_fits_phone_and_desk_in_dark_and_light(house: House, tmp_path: Path, lang: str) -> None:
    grounds = set()
    with (
        review(house, tmp_path / "reviews.jsonl", "--lang", lang) as address,
        chromium(tmp_path / "profile") as browser,
    ):
        opened(browser, address)
        for name, width, height in (("phone", 390, 844), ("desk", 1280, 900)):
            for dark in (False, True):
                browser.look(tmp_path / f"{lang}-{name}-{dark}.png", width, height, dark=dark)
                assert browser.run("document.documentElement.scrollWidth") <= width
                grounds.add(browser.run("getComputedStyle(document.body).backgroundColor"))
                # Buttons of verdicts are in sight wherever the page is scrolled to.
                box = "document.querySelector('.verdicts').getBoundingClientRect()"
                assert browser.run(f"{box}.top >= 0 && {box}.bottom <= innerHeight")
        assert browser.complaints == []
    assert len(grounds) == 2
