"""The declarations that a site serves now: each form, conflicts, gaps, and what could not be read."""

import json
from pathlib import Path

import pytest

from presswatch_spark.core.settings.config import StorageOptions
from presswatch_spark.legal.reservations.pack import report_of_url
from presswatch_spark.reading.page_metadata import PAGE_BYTES
from tests.world.commands import Outcome, outcome
from tests.world.golden import assert_golden
from tests.world.proofs import cases
from tests.world.servers import Reply, Server, web

HTML = {"Content-Type": "text/html"}
ROBOTS = b"User-agent: GPTBot\nDisallow: /\n\nUser-agent: *\nAllow: /\nContent-Usage: train-ai=y\n"
TDMREP = b'[{"location": "/", "tdm-reservation": 1}]'


def page(body: bytes = b"<p>Une", status: int = 200, **headers: str) -> Reply:
    return Reply(status, HTML | {name.replace("_", "-"): value for name, value in headers.items()}, body)


def check(server: Server, *options: str) -> Outcome:
    return outcome("reservations check", f"{server.url}/une", *options, COLUMNS="80")


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_a_person_reads_each_form_then_conflicts_and_gaps(lang: str) -> None:
    body = b'<meta name="robots" content="noai"><p>Une'
    replies = {"/une": page(body, TDM_Reservation="1"), "/robots.txt": Reply(200, {}, ROBOTS)}
    with web(queries=replies) as server:
        done = check(server, "--lang", lang)
        assert [path for _, path, _ in server.requests] == [
            "/une", "/robots.txt", "/ai.txt", "/.well-known/ai.txt", "/.well-known/tdmrep.json",
        ]  # fmt: skip
    assert_golden(f"check.{lang}.txt", done.out.replace(server.url, "https://courrier.example") + done.err)
    assert done.code == 1


def test_a_file_that_cannot_be_read_is_no_permission() -> None:
    with web(queries={"/une": page()}, forbidden={"/robots.txt"}) as server:
        done = check(server, "--json")
    found = json.loads(done.out)
    assert done.code == 3
    assert list(found["unread"].values()) == ["HTTP 403"]
    assert found["verdicts"]["train"] == "unknown"


def test_a_site_that_does_not_answer_is_unknown() -> None:
    with web() as server:
        pass
    once = {"PRESSWATCH_STORAGE__MAX_ATTEMPTS": "1"}
    done = outcome("reservations check", f"{server.url}/une", "--json", **once)
    found = json.loads(done.out)
    assert (done.code, len(found["unread"])) == (3, 5)
    assert set(found["verdicts"].values()) == {"unknown"}


def test_a_site_that_declares_nothing_has_no_verdict_and_no_gap() -> None:
    with web(queries={"/une": page()}) as server:
        done = check(server, "--json")
    found = json.loads(done.out)
    assert (done.code, found["forms"], found["missing"], found["agents_let_in"]) == (0, [], [], [])
    assert set(found["verdicts"].values()) == {None}


def test_files_count_for_the_site_that_the_page_leads_to() -> None:
    robots = Reply(200, {}, b"User-agent: *\nContent-Usage: train-ai=n")
    with (
        web(queries={"/une": page(), "/robots.txt": robots}) as last,
        web(redirects={"/une": f"{last.url}/une"}) as first,
    ):
        report = report_of_url(f"{first.url}/une", StorageOptions())
    assert report.url == f"{last.url}/une"
    assert report.verdicts["train"] == "reserved"


def test_licence_documents_are_read_and_those_that_are_missing_reported() -> None:
    rsl = b"""<rsl xmlns="https://rslstandard.org/rsl"><content url="/"><license>
        <prohibits type="usage">ai-all</prohibits></license></content></rsl>"""
    robots = b"License: /rsl.xml\nLicense: http://[\nLicense: /missing.xml\nUser-agent: *\nAllow: /"
    kind = {"Content-Type": "application/rsl+xml"}
    replies = {"/une": page(), "/robots.txt": Reply(200, {}, robots), "/rsl.xml": Reply(200, kind, rsl)}
    with web(queries=replies) as server:
        report = report_of_url(f"{server.url}/une", StorageOptions())
        assert report.verdicts["train"] == report.verdicts["tdm"] == "reserved"
        assert report.unread == {f"{server.url}/missing.xml": "HTTP 404"}
        assert "RSL" not in report.missing


def test_only_the_beginning_of_a_long_page_is_read() -> None:
    body = b"<p>x" + b" " * (PAGE_BYTES + 5) + b'<meta name="tdm-reservation" content="0">'
    with web(queries={"/une": page(body)}) as server:
        report = report_of_url(f"{server.url}/une", StorageOptions())
    assert report.verdicts["tdm"] == "unknown"
    assert [form.signal for form in report.forms] == ["left_out"]


@cases("place", ["", "ftp://courrier.example/", "https://", "missing"])
def test_what_is_no_site_is_an_error(tmp_path: Path, place: str) -> None:
    done = outcome("reservations check", place or tmp_path)
    assert done.code == 1
    assert done.err.startswith("error: ")
